//! The short way of a lone event to the core. If nothing waits and the core rests, the session's own thread takes the
//! core's turn: a lone change then costs one wake-up less. Everything else waits in the lane, and the core comes for it.
//!
//! Nothing is overtaken, since the turn takes what is in the lanes, in their order. Nothing is left lying: whoever has taken
//! the sleeping core's waker (`Claim`) puts it back while nothing waits, or wakes the core with it.

use super::{Common, Lane, SessionEvent};
use std::{sync::Weak, task::Waker};

/// Who can take the core's turn on another thread than the core's.
pub trait Taker: Send + Sync {
    /// Takes a turn, if nobody else is at it. True if the core's own thread is to come: the turn was not taken, there is more to
    /// do, or something is to be done earlier than the thread will wake up.
    fn take_turn(&self) -> bool;
}

/// The core sleeps, and we have what wakes it.
struct Claim<'a> {
    common: &'a Common,
    /// Taken when it is dropped.
    core: Option<Waker>,
    /// The core is to come.
    called: bool,
}

impl Lane {
    /// The same as `push`, for an event after which its session has nothing more to say for now. May take the core's turn:
    /// the caller holds no lock.
    pub fn push_lone(&self, event: SessionEvent, octets: usize) {
        let common = &*self.0.common;
        let Some(taker) = common.taker.get().and_then(Weak::upgrade) else { return self.push(event, octets) };
        if self.put(event, octets)
            && let Some(core) = common.enter(&self.0)
        {
            // If the turn ends by a panic, too, the core is to come.
            let mut claim = Claim { common, core: Some(core), called: true };
            claim.called = taker.take_turn();
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        let mut ring = self.common.ring();
        ring.called |= self.called;
        if ring.called || !ring.lanes.is_empty() {
            drop(ring);
            core.wake();
        } else {
            // The core may have come by itself meanwhile, and sleep again.
            ring.core.get_or_insert(core);
        }
    }
}

#[cfg(test)]
mod tests;
