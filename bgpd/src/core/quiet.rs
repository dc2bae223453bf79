//! When the allocator is asked to give free memory back: a while after much has happened, when not
//! much happens any more. So a flood is not disturbed, what it left goes back within a second or two,
//! and a daemon that is idle is not woken.

use crate::{peer::SessionEvent, wire::NlriBlock};
use std::time::{Duration, Instant};
use weft_fib::FibEvent;

/// Changes, about one a route, that can have left something worth giving back.
pub(super) const MUCH: usize = 1000;
/// Octets of NLRI that count as one.
const ROUTE: usize = 32;
/// How long it is to have been quiet.
const QUIET: Duration = Duration::from_secs(1);

/// How many changes an event of a session stands for.
pub(super) fn weight(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Update { update, .. } => {
            let octets = |block: &NlriBlock| block.wire.len();
            let blocks = update.reach.iter().chain(&update.unreach);
            1 + blocks.map(octets).sum::<usize>() / ROUTE
        }
        // All its routes may go.
        SessionEvent::Down { .. } => MUCH,
        _ => 1,
    }
}

/// How many changes an event of the kernel side stands for.
pub(super) fn fib_weight(event: &FibEvent) -> usize {
    match event {
        FibEvent::Local(events) => events.len(),
        FibEvent::Written { messages } => *messages,
        _ => 1,
    }
}

/// Counts changes until it is time.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    changes: usize,
    /// When to look, and how many changes there had been when that was set.
    look: Option<(Instant, usize)>,
}

impl Quiet {
    /// So many changes have been made.
    pub(super) fn count(&mut self, changes: usize, now: Instant) {
        self.changes += changes;
        if self.look.is_none() && self.changes >= MUCH {
            self.look = Some((now + QUIET, self.changes));
        }
    }

    /// When `is_time` wants to be asked.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.look.map(|(at, _)| at)
    }

    /// True if memory should be given back now.
    pub(super) fn is_time(&mut self, now: Instant) -> bool {
        let Some((at, before)) = self.look else { return false };
        if now < at {
            return false;
        }
        if self.changes - before >= MUCH {
            self.look = Some((now + QUIET, self.changes));
            return false;
        }
        *self = Self::default();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_time_once_when_a_flood_is_over() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let mut quiet = Quiet::default();
        quiet.count(MUCH - 1, at(0));
        assert_eq!(quiet.next_deadline(), None, "a little is not worth it");
        quiet.count(1, at(0));
        assert_eq!(quiet.next_deadline(), Some(at(1)));
        assert!(!quiet.is_time(begin));
        quiet.count(MUCH, at(1));
        assert!(!quiet.is_time(at(1)), "the flood goes on");
        assert_eq!(quiet.next_deadline(), Some(at(2)));
        quiet.count(10, at(2));
        assert!(quiet.is_time(at(2)), "a few changes are no flood");
        assert!(!quiet.is_time(at(3)));
        assert_eq!(quiet.next_deadline(), None);
    }
}
