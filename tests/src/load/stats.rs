//! Medians and percentiles of measured times.

use serde::Serialize;
use std::time::Duration;

/// What many measured times say.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Latency {
    /// How many were measured.
    pub count: usize,
    /// Half were not longer, in microseconds.
    pub median_us: f64,
    /// 99 of 100 were not longer.
    pub p99_us: f64,
    /// The longest.
    pub max_us: f64,
    /// The arithmetic mean.
    pub mean_us: f64,
}

impl Latency {
    /// Of these times; `None` if there are none.
    pub fn of(mut times: Vec<Duration>) -> Option<Self> {
        times.sort_unstable();
        let total: Duration = times.iter().sum();
        let micros = |time: Duration| (time.as_nanos() as f64) / 1000.0;
        Some(Self {
            count: times.len(),
            median_us: micros(percentile(&times, 50)?),
            p99_us: micros(percentile(&times, 99)?),
            max_us: micros(*times.last()?),
            mean_us: micros(total) / times.len() as f64,
        })
    }
}

/// The least of `sorted` that is not exceeded by `percent` of them (nearest rank).
pub fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let numbers: Vec<u32> = (1..=100).collect();
        let at = |percent| percentile(&numbers, percent);
        assert_eq!([at(0), at(50), at(99), at(100)], [Some(1), Some(50), Some(99), Some(100)]);
        assert_eq!(percentile(&[1, 2, 3], 50), Some(2));
        assert_eq!(percentile(&[1, 2, 3, 4], 50), Some(2));
        assert_eq!(percentile(&[7], 99), Some(7));
        assert_eq!(percentile::<u32>(&[], 50), None);
    }

    #[test]
    fn the_order_of_the_times_does_not_matter() {
        let times = [5, 1, 4, 2, 3].map(Duration::from_micros);
        let latency = Latency::of(times.to_vec()).unwrap();
        assert_eq!((latency.count, latency.median_us, latency.max_us), (5, 3.0, 5.0));
        assert_eq!((latency.p99_us, latency.mean_us), (5.0, 3.0));
        assert_eq!(Latency::of(Vec::new()), None);
    }
}
