//! Malformed messages in the log: with their octets (RFC 7606 §6), bounded in length and in
//! number, so that a broken neighbour cannot fill a disk.

use std::{
    fmt::Write,
    time::{Duration, Instant},
};

/// Octets of a message that are shown.
const SHOWN: usize = 4096;
/// Messages logged for a neighbour in each `PERIOD`.
const ALLOWED: u32 = 10;
const PERIOD: Duration = Duration::from_secs(60);

/// Octets in hexadecimal, with how many were left out.
pub(super) fn hex(octets: &[u8]) -> String {
    let shown = octets.get(..SHOWN).unwrap_or(octets);
    let mut text = String::with_capacity(shown.len() * 2 + 32);
    for octet in shown {
        let _ = write!(text, "{octet:02x}");
    }
    if shown.len() < octets.len() {
        let _ = write!(text, "… ({} octets in all)", octets.len());
    }
    text
}

/// How many malformed messages of one neighbour are still logged.
#[derive(Debug)]
pub(super) struct LogLimit {
    began: Instant,
    used: u32,
    suppressed: u64,
}

impl LogLimit {
    pub fn new(now: Instant) -> Self {
        Self { began: now, used: 0, suppressed: 0 }
    }

    /// If one more may be logged: how many were not since the last that was.
    pub fn take(&mut self, now: Instant) -> Option<u64> {
        if now.saturating_duration_since(self.began) >= PERIOD {
            (self.began, self.used) = (now, 0);
        }
        if self.used >= ALLOWED {
            self.suppressed += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_up_to_the_bound() {
        assert_eq!(hex(&[0xff, 0x01]), "ff01");
        let long = hex(&[0; 5000]);
        assert!(long.ends_with("… (5000 octets in all)") && long.len() < 2 * SHOWN + 40);
    }

    #[test]
    fn a_flood_is_logged_ten_times_a_minute_and_counted() {
        let start = Instant::now();
        let mut limit = LogLimit::new(start);
        assert_eq!((0..100).filter(|_| limit.take(start).is_some()).count(), 10);
        assert_eq!(limit.take(start + PERIOD), Some(90));
        assert_eq!(limit.take(start + PERIOD), Some(0));
    }
}
