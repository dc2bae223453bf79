//! Counting moves of a MAC or an address (RFC 7432 §15.1): N of them within M seconds make it
//! a duplicate. The timer starts with the first move; a move after it has run out starts it
//! anew. The count also damps probes, whether detection is on or not (see `neighbour`).

use super::config::{DuplicateDetection, Freeze};
use super::view::DuplicateView;
use std::time::Instant;

/// Held for a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Duplicate {
    since: Instant,
    frozen: bool,
    /// When to look again; never for a permanent freeze.
    until: Option<Instant>,
}

/// The moves of one address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Moves {
    count: u32,
    started: Option<Instant>,
    last: Option<Instant>,
    duplicate: Option<Duplicate>,
}

/// What follows from a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing new.
    Follow,
    /// It is a duplicate now; look again at `until`.
    Found { moves: u32, frozen: bool, until: Option<Instant> },
}

/// What follows when `until` has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Look again then.
    Again(Instant),
    /// It is no duplicate any more.
    Clear,
    /// There is nothing to look at.
    Nothing,
}

impl Moves {
    /// Counts a move.
    pub(super) fn record(&mut self, detection: &DuplicateDetection, now: Instant) -> Verdict {
        if self.started.is_none_or(|started| now.saturating_duration_since(started) >= detection.window) {
            self.started = Some(now);
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.last = Some(now);
        if !detection.enabled || self.duplicate.is_some() || self.count < detection.max_moves {
            return Verdict::Follow;
        }
        let (frozen, until) = match detection.freeze {
            Freeze::None => (false, now.checked_add(detection.window)),
            Freeze::For(time) => (true, now.checked_add(time)),
            Freeze::Permanent => (true, None),
        };
        self.duplicate = Some(Duplicate { since: now, frozen, until });
        Verdict::Found { moves: self.count, frozen, until }
    }

    /// True if moves are not followed.
    pub(super) fn is_frozen(&self) -> bool {
        self.duplicate.is_some_and(|duplicate| duplicate.frozen)
    }

    /// True if it is held for a duplicate.
    pub(super) fn is_duplicate(&self) -> bool {
        self.duplicate.is_some()
    }

    /// True if it moved so often in the window that we must not make it move more by asking.
    pub(super) fn is_damped(&self, detection: &DuplicateDetection, now: Instant) -> bool {
        let running =
            self.started.is_some_and(|started| now.saturating_duration_since(started) < detection.window);
        self.is_duplicate() || (running && self.count >= detection.max_moves)
    }

    /// The time has come to look at a duplicate again.
    pub(super) fn look(&mut self, detection: &DuplicateDetection, now: Instant) -> Look {
        let Some(duplicate) = &mut self.duplicate else { return Look::Nothing };
        let still_moves =
            self.last.is_some_and(|last| now.saturating_duration_since(last) < detection.window);
        if !duplicate.frozen && still_moves {
            let next = self.last.and_then(|last| last.checked_add(detection.window));
            duplicate.until = next;
            return next.map_or(Look::Nothing, Look::Again);
        }
        Look::Clear
    }

    /// When it is looked at again.
    pub(super) fn until(&self) -> Option<Instant> {
        self.duplicate.and_then(|duplicate| duplicate.until)
    }

    /// For the shows.
    pub(super) fn view(&self) -> DuplicateView {
        DuplicateView {
            moves: self.count,
            since: self.duplicate.map(|duplicate| duplicate.since),
            frozen: self.is_frozen(),
            until: self.until(),
        }
    }
}
