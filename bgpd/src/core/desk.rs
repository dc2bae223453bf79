//! Who takes the core's turn. The core's own thread does (`run`), but for a lone change while it sleeps: then the thread
//! of the session that brought it does, which saves a wake-up. One at a time, under the lock.

use super::{Core, quiet};
use crate::{
    peer::SessionEvent,
    session::{Inbox, Taker},
};
use std::{
    panic::resume_unwind,
    sync::{
        Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// The core, and what a turn needs beside it.
#[derive(Debug)]
pub(super) struct Desk {
    /// `None` once the daemon ends.
    work: Mutex<Option<Work>>,
    /// The core's thread waits for the lock: nobody else is to begin.
    called: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Work {
    pub core: Core,
    pub inbox: Inbox,
    hand: Vec<SessionEvent>,
    /// When the core's thread is to take a turn by itself.
    deadline: Option<Instant>,
}

impl Desk {
    pub fn new(core: Core, inbox: Inbox) -> Self {
        let work = Work { core, inbox, hand: Vec::new(), deadline: None };
        Self { work: Mutex::new(Some(work)), called: AtomicBool::new(false) }
    }

    /// The core's thread takes its turn: does this, then carries through what it has changed. Gives when the next turn is
    /// due if nothing happens before.
    ///
    /// # Panics
    /// If a turn on another thread ended by a panic: the daemon is to end.
    pub fn turn(&self, work: impl FnOnce(&mut Work)) -> Option<Instant> {
        let mut locked = self.lock();
        let at_work = locked.as_mut()?;
        work(at_work);
        at_work.settle()
    }

    /// Takes everything away: no turns any more.
    pub fn close(&self) -> Option<Work> {
        self.lock().take()
    }

    /// Changes something in passing, which nobody has settled.
    #[cfg(test)]
    pub fn with_work(&self, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.lock().as_mut() {
            change(work);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Work>> {
        self.called.store(true, Ordering::Relaxed);
        let locked = self.work.lock();
        self.called.store(false, Ordering::Relaxed);
        locked.unwrap_or_else(|_| resume_unwind(Box::new("a turn of the core ended by a panic")))
    }
}

impl Work {
    /// Takes what sessions have brought, a bounded share.
    pub fn take_events(&mut self) {
        let (mut turn, mut changes) = (self.inbox.turn(), 0);
        while turn.take(&mut self.hand) {
            for event in self.hand.drain(..) {
                changes += quiet::weight(&event);
                self.core.session_event(event, Instant::now());
            }
            if self.core.has_changes() {
                break;
            }
        }
        self.core.quiet.count(changes, Instant::now());
    }

    fn settle(&mut self) -> Option<Instant> {
        let more = self.core.settle(Instant::now());
        self.deadline = if more { Some(Instant::now()) } else { self.core.next_deadline() };
        self.deadline
    }
}

impl Taker for Desk {
    fn take_turn(&self) -> bool {
        if self.called.load(Ordering::Relaxed) {
            return true;
        }
        let mut locked = match self.work.try_lock() {
            Ok(locked) => locked,
            Err(TryLockError::WouldBlock | TryLockError::Poisoned(_)) => return true,
        };
        let Some(work) = locked.as_mut() else { return true };
        let before = work.deadline;
        work.take_events();
        let now_due = work.settle();
        now_due.is_some_and(|due| before.is_none_or(|before| due < before))
    }
}
