//! When changed links are looked at. Pure. One change is looked at at once; when thousands come one by one, looking takes
//! half of the time, and each look sees to all that came since the last.

use std::time::{Duration, Instant};

/// A look that took less may be followed by another at once.
const LONG: Duration = Duration::from_millis(4);

/// The looks so far.
#[derive(Debug, Default)]
pub(super) struct Looks {
    next: Option<Instant>,
}

impl Looks {
    /// Whether links may be looked at now.
    pub(super) fn may(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| next <= now)
    }

    /// When they may be, if they may not always.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// They were, until now. `took`: CPU time. Where the kernel let us wait, because it is busy with the very changes that
    /// are looked at, there is no reason to wait as long again.
    pub(super) fn looked(&mut self, now: Instant, took: Duration) {
        self.next = (took >= LONG).then(|| now + took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_looks_take_half_of_the_time_and_short_ones_what_they_like() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut looks = Looks::default();
        assert!(looks.may(start) && looks.next().is_none());
        let ms = Duration::from_millis;
        looks.looked(at(3), ms(3));
        assert!(looks.may(at(3)));
        looks.looked(at(23), ms(20));
        assert!(!looks.may(at(42)) && looks.may(at(43)));
        assert_eq!(looks.next(), Some(at(43)));
        looks.looked(at(44), ms(1));
        assert!(looks.may(at(44)));
    }
}
