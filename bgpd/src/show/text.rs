//! Times and columns as FRR prints them. No tables of ours are known here.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The moment of a show, on both clocks: tables keep monotonic times, operators read dates.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    /// This moment.
    pub fn at(now: Instant) -> Self {
        Self { now, wall: SystemTime::now() }
    }

    /// A moment of both clocks, for tests.
    #[cfg(test)]
    pub fn new(now: Instant, wall: SystemTime) -> Self {
        Self { now, wall }
    }

    /// How long ago that was; zero if it is still to come.
    pub fn since(&self, then: Instant) -> Duration {
        self.now.saturating_duration_since(then)
    }

    /// How long it is until then.
    pub fn until(&self, then: Instant) -> Duration {
        then.saturating_duration_since(self.now)
    }

    /// When that was, in whole seconds since 1970.
    pub fn epoch(&self, then: Instant) -> u64 {
        let wall = self.wall.checked_sub(self.since(then)).unwrap_or(UNIX_EPOCH);
        wall.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}

/// A duration as FRR's `peer_uptime` has it: `01:02:03`, `1d02h03m`, `01w2d03h`.
pub(super) fn uptime(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const WEEK: u64 = 7 * DAY;
    let seconds = time.as_secs();
    let (days, hours) = (seconds / DAY, seconds % DAY / HOUR);
    let minutes = seconds % HOUR / MINUTE;
    if seconds < DAY {
        format!("{hours:02}:{minutes:02}:{:02}", seconds % MINUTE)
    } else if seconds < WEEK {
        format!("{days}d{hours:02}h{minutes:02}m")
    } else {
        format!("{:02}w{}d{hours:02}h", days / 7, days % 7)
    }
}

/// A date as `ctime` has it, `Sun Nov 22 06:52:28 2026`, in UTC: the standard library knows no
/// time zones.
pub(super) fn date(epoch: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = (epoch / 86_400, epoch % 86_400);
    let weekday = usize::try_from(days % 7).ok().and_then(|at| WEEKDAYS.get(at)).copied().unwrap_or_default();
    // Years begin in March, so that the leap day is the last; eras of 400 years begin in 2000-03-01's cycle.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = era * 400 + year_of_era + u64::from(month < 2);
    let month = usize::try_from(month).ok().and_then(|at| MONTHS.get(at)).copied().unwrap_or_default();
    let (hour, minute, second) = (second / 3600, second % 3600 / 60, second % 60);
    format!("{weekday} {month} {day:>2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// Whole seconds in milliseconds, as FRR counts most times.
pub(super) fn whole_millis(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1000)
}

/// Items with blanks between them.
pub(super) fn words<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptimes_have_frrs_three_forms() {
        for (seconds, text) in [
            (0, "00:00:00"),
            (71, "00:01:11"),
            (86_399, "23:59:59"),
            (86_400, "1d00h00m"),
            (6 * 86_400 + 3 * 3600 + 240, "6d03h04m"),
            (604_800, "01w0d00h"),
            (400 * 86_400 + 7200, "57w1d02h"),
        ] {
            assert_eq!(uptime(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (epoch, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (951_782_400, "Tue Feb 29 00:00:00 2000"),
            (1_795_330_349, "Sun Nov 22 06:52:29 2026"),
            (4_107_542_399, "Sun Feb 28 23:59:59 2100"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
        ] {
            assert_eq!(date(epoch), text);
        }
    }

    #[test]
    fn a_clock_dates_what_was() {
        let now = Instant::now();
        let clock = Clock::new(now, UNIX_EPOCH + Duration::from_secs(1000));
        assert_eq!(clock.epoch(now), 1000);
        assert_eq!(clock.since(now + Duration::from_secs(5)), Duration::ZERO);
    }
}
