//! Times of the state machine (RFC 4271 §10) and their jitter.

use std::time::Duration;

/// How long a connection may wait for the neighbour's OPEN: the large hold time of RFC 4271
/// §8.2.2 (4 minutes).
pub(super) const OPEN_WAIT: Duration = Duration::from_secs(240);
/// RFC 9687 §3.2: the send hold time is the greater of this and twice the hold time.
const SEND_HOLD_FLOOR: Duration = Duration::from_secs(8 * 60);
/// The first wait after a call that failed; each later one is twice as long, up to the
/// connect-retry time. Short, so that two daemons that start together need no second.
const FIRST_RETRY: Duration = Duration::from_millis(100);
/// The longest wait after a call that failed on this machine.
pub(super) const LOCAL_RETRY: Duration = Duration::from_secs(1);
/// A call is given at least this long before it is given up and made again.
const SHORTEST_CALL: Duration = Duration::from_secs(2);
/// The first wait in Idle after an error (RFC 4271 §8.1.1, IdleHoldTime); doubled each time.
const FIRST_IDLE_HOLD: Duration = Duration::from_secs(1);
/// The longest wait in Idle.
const LONGEST_IDLE_HOLD: Duration = Duration::from_secs(120);
/// A session that lived this long makes earlier trouble forgotten.
pub(super) const STABLE: Duration = Duration::from_secs(60);
/// For so long after a session came up, another OPEN is the rest of a collision and not the
/// sign of a restart.
pub(super) const COLLISION_WINDOW: Duration = Duration::from_secs(1);

/// A small generator of jitter (splitmix64): exact in tests, no secret.
#[derive(Debug, Clone)]
pub(super) struct Jitter(u64);

impl Jitter {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// `time` times a factor from 0.75 to 1 (RFC 4271 §10).
    pub fn apply(&mut self, time: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        // A quarter of the time, in 65536 steps.
        let steps = u32::from((x >> 48) as u16);
        time.saturating_sub(time / 4 / 65536 * steps)
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(20))
}

/// The wait after the `attempts`-th call in a row (from 1), before jitter.
pub(super) fn retry_wait(attempts: u32, connect_retry: Duration) -> Duration {
    doubled(FIRST_RETRY, attempts.saturating_sub(1)).min(connect_retry.max(FIRST_RETRY))
}

/// How long the `attempts`-th call may take. The first are short, so that a SYN lost while
/// the underlay comes up costs little.
pub(super) fn call_time(attempts: u32, connect_retry: Duration) -> Duration {
    retry_wait(attempts, connect_retry).max(SHORTEST_CALL)
}

/// The wait in Idle after the `failures`-th error in a row (from 1), before jitter.
pub(super) fn idle_hold(failures: u32) -> Duration {
    doubled(FIRST_IDLE_HOLD, failures.saturating_sub(1)).min(LONGEST_IDLE_HOLD)
}

/// The send hold time for an agreed hold time; `None`: off (RFC 9687 §3.2).
pub(super) fn send_hold(hold: Duration) -> Option<Duration> {
    (!hold.is_zero()).then(|| (hold * 2).max(SEND_HOLD_FLOOR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_takes_away_at_most_a_quarter_and_is_spread() {
        let (mut jitter, whole) = (Jitter::new(1), Duration::from_secs(100));
        let times: Vec<_> = (0..1000).map(|_| jitter.apply(whole)).collect();
        assert!(times.iter().all(|&t| t >= Duration::from_secs(75) && t <= whole));
        let mean: Duration = times.iter().sum::<Duration>() / 1000;
        assert!(mean > Duration::from_secs(86) && mean < Duration::from_secs(89), "{mean:?}");
    }

    #[test]
    fn retries_double_up_to_the_connect_retry_time() {
        let waits: Vec<_> = (1..=9).map(|n| retry_wait(n, Duration::from_secs(10)).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(retry_wait(u32::MAX, Duration::from_secs(120)), Duration::from_secs(120));
    }

    #[test]
    fn send_hold_is_twice_the_hold_time_but_not_below_eight_minutes() {
        assert_eq!(send_hold(Duration::ZERO), None);
        assert_eq!(send_hold(Duration::from_secs(90)), Some(Duration::from_secs(480)));
        assert_eq!(send_hold(Duration::from_secs(300)), Some(Duration::from_secs(600)));
    }
}
