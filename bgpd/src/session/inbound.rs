//! The way of events from the sessions to the core. Each neighbour has a lane of its own, first in, first out; the core
//! takes a share of each lane in turn. So a neighbour that floods delays another's event by a share, not by all that
//! it has sent, and what it may send before it has to wait is its own affair.
//!
//! A lane never refuses an event: it says when it is full, and then the session reads nothing more from its neighbour
//! until there is room. It is full at so many events, or when what its events hold (see `held`) reaches its bound or
//! what all lanes together leave of theirs. An empty lane is never full. So under a flood from many all get the same part
//! of the whole, and nobody waits for ever: the core comes by at each lane, and empties it sooner or later.

use crate::{
    peer::{Negotiated, PeerSettings, SessionEvent},
    wire::NlriBlock,
};
use std::{
    collections::VecDeque,
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
};

/// What is taken from a lane before the next one's turn: so many events, or what fills so many octets.
const SHARE: Portion = Portion { events: 64, octets: 64 * 1024 };
/// What is taken from all lanes before the core sends on what came of it.
const TURN: Portion = Portion { events: 512, octets: 2 * 1024 * 1024 };
/// Places that an empty lane keeps.
const KEPT: usize = 32;
/// Owners of an attribute set that only this event and the session's decoder know.
const UNSHARED: usize = 2;

/// How much may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events in a lane.
    pub lane_events: usize,
    /// Octets that the events of a lane hold; an event may go beyond.
    pub lane_octets: usize,
    /// Octets in all lanes; an event for each lane may go beyond.
    pub total_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lane_events: 1024, lane_octets: 512 * 1024, total_octets: 32 * 1024 * 1024 }
    }
}

#[derive(Debug, Clone, Copy)]
struct Portion {
    events: usize,
    octets: usize,
}

/// The daemon ends, and the core takes nothing more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// Where sessions get their lanes.
#[derive(Debug, Clone)]
pub struct Lanes(Arc<Common>);

/// What tells the core that something is in a lane.
#[derive(Debug, Clone)]
pub struct Arrivals(Arc<Common>);

/// A session's end of its lane. What is in it when it is dropped still reaches the core.
#[derive(Debug)]
pub(super) struct Lane(Arc<Cell>);

/// The core's end of all lanes.
#[derive(Debug)]
pub struct Inbox(Arc<Common>);

/// The core's turn: what it takes before it sends on what came of it.
#[derive(Debug)]
pub struct Turn<'a> {
    common: &'a Common,
    left: Portion,
    /// Lanes that have not had their share in this round.
    round: usize,
    /// A lane ran dry.
    dry: bool,
}

struct Common {
    limits: Limits,
    /// Octets in all lanes.
    octets: AtomicUsize,
    closed: AtomicBool,
    ring: Mutex<Ring>,
    taker: OnceLock<Weak<dyn Taker>>,
}

/// The lanes in which something is, but for the one that the core is at.
#[derive(Debug, Default)]
struct Ring {
    lanes: VecDeque<Arc<Cell>>,
    /// The core, while it waits.
    core: Option<Waker>,
    /// The core is to come, though nothing may be here.
    called: bool,
}

#[derive(Debug)]
struct Cell {
    common: Arc<Common>,
    full: AtomicBool,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<Waiting>,
    octets: usize,
    /// In the ring, or with the core.
    in_ring: bool,
    /// The session, while it waits for room.
    session: Option<Waker>,
}

#[derive(Debug)]
struct Waiting {
    octets: usize,
    event: SessionEvent,
}

/// Lanes with these limits, and the end where all comes out.
pub fn channel(limits: Limits) -> (Lanes, Inbox) {
    let (octets, closed, ring, taker) = Default::default();
    let common = Arc::new(Common { limits, octets, closed, ring, taker });
    (Lanes(Arc::clone(&common)), Inbox(common))
}

/// Octets that a waiting event holds beyond its place in the lane and beyond the receive buffer that its routes lie in.
/// An attribute set counts at the first event that has it; once the core knows it, it is the table's.
pub(super) fn held(event: &SessionEvent) -> usize {
    match event {
        SessionEvent::Update { update, .. } => {
            let set = update.attributes.as_ref().filter(|set| Arc::strong_count(set) <= UNSHARED);
            let blocks = update.reach.capacity() + update.unreach.capacity();
            blocks * size_of::<NlriBlock>() + set.map_or(0, |set| set.bytes())
        }
        SessionEvent::Established { .. } => size_of::<Negotiated>(),
        SessionEvent::NewDynamicPeer { .. } => size_of::<PeerSettings>(),
        _ => 0,
    }
}

impl Lanes {
    /// A lane of its own.
    pub(super) fn lane(&self) -> Lane {
        let (full, queue) = Default::default();
        Lane(Arc::new(Cell { common: Arc::clone(&self.0), full, queue }))
    }

    /// Octets that wait in all lanes.
    pub(super) fn octets(&self) -> usize {
        self.0.octets.load(Ordering::Relaxed)
    }
}

impl Lane {
    /// Puts an event behind the others, also if the lane is full. `octets`: what it keeps beyond itself.
    pub(super) fn push(&self, event: SessionEvent, octets: usize) {
        if self.put(event, octets)
            && let Some(core) = self.0.common.enter(&self.0)
        {
            core.wake();
        }
    }

    /// Puts an event into the lane. True: the lane is to enter the ring.
    fn put(&self, event: SessionEvent, octets: usize) -> bool {
        let Cell { common, full, .. } = &*self.0;
        // The queue may have twice the places that it needs.
        let octets = octets + 2 * size_of::<Waiting>();
        let mut queue = self.0.queue();
        queue.events.push_back(Waiting { octets, event });
        queue.octets += octets;
        let total = common.octets.fetch_add(octets, Ordering::Relaxed) + octets;
        if !common.limits.has_room(&queue, total, 1) {
            full.store(true, Ordering::Release);
        }
        !std::mem::replace(&mut queue.in_ring, true)
    }

    /// False: nothing more is to be read from the neighbour until `room`.
    pub(super) fn has_room(&self) -> bool {
        !self.0.full.load(Ordering::Acquire)
    }

    /// Waits until there is room.
    pub(super) async fn room(&self) -> Result<(), Closed> {
        poll_fn(|cx| {
            let mut queue = self.0.queue();
            if self.0.common.closed.load(Ordering::Acquire) {
                return Poll::Ready(Err(Closed));
            }
            if self.has_room() {
                return Poll::Ready(Ok(()));
            }
            queue.session = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Cell {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No method leaves it half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves events out, one at least. True if there are no more.
    fn take(&self, portion: Portion, hand: &mut Vec<SessionEvent>) -> (usize, bool) {
        let mut queue = self.queue();
        let (mut octets, before) = (0, hand.len());
        while octets < portion.octets && hand.len() - before < portion.events {
            let Some(waiting) = queue.events.pop_front() else { break };
            octets += waiting.octets;
            hand.push(waiting.event);
        }
        queue.octets -= octets;
        let total = self.common.octets.fetch_sub(octets, Ordering::Relaxed) - octets;
        let dry = queue.events.is_empty();
        if dry {
            queue.in_ring = false;
            // What a flood has left goes back.
            queue.events.shrink_to(KEPT);
        }
        let mut session = None;
        // Not at the first place that is free: the session would be woken for each event.
        if !self.full.load(Ordering::Relaxed) || self.common.limits.has_room(&queue, total, 2) {
            self.full.store(false, Ordering::Release);
            session = queue.session.take();
        }
        drop(queue);
        if let Some(session) = session {
            session.wake();
        }
        (octets, dry)
    }

    /// Nobody takes anything any more.
    fn close(&self) {
        let mut queue = self.queue();
        queue.events = VecDeque::new();
        self.common.octets.fetch_sub(std::mem::take(&mut queue.octets), Ordering::Relaxed);
        self.full.store(true, Ordering::Release);
        let session = queue.session.take();
        drop(queue);
        if let Some(session) = session {
            session.wake();
        }
    }
}

impl Limits {
    /// Whether a lane in which `times` as much waits would not be full. `total`: octets in all lanes.
    fn has_room(&self, queue: &Queue, total: usize, times: usize) -> bool {
        let octets = self.lane_octets.min(self.total_octets.saturating_sub(total));
        queue.events.is_empty()
            || (times * queue.octets < octets && times * queue.events.len() < self.lane_events)
    }
}

impl Common {
    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something in this lane, and it is not in the ring: it goes there. Gives what wakes the core, if it sleeps.
    fn enter(&self, lane: &Arc<Cell>) -> Option<Waker> {
        let mut ring = self.ring();
        if self.closed.load(Ordering::Acquire) {
            drop(ring);
            lane.close();
            return None;
        }
        ring.lanes.push_back(Arc::clone(lane));
        ring.core.take()
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, octets, closed, ring, taker: _ } = self;
        (f.debug_struct("Common").field("limits", limits).field("octets", octets))
            .field("closed", closed)
            .field("ring", ring)
            .finish_non_exhaustive()
    }
}

impl Arrivals {
    /// Lone events may be taken by `taker` at once, on their sessions' threads. Said again, it does nothing.
    pub fn taken_by(&self, taker: Weak<dyn Taker>) {
        let _ = self.0.taker.set(taker);
    }

    /// Waits until something is in a lane, or the core is called for something else.
    pub async fn wait(&self) {
        poll_fn(|cx| {
            let mut ring = self.0.ring();
            if std::mem::take(&mut ring.called) || !ring.lanes.is_empty() {
                return Poll::Ready(());
            }
            ring.core = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Inbox {
    /// What tells that something is here.
    pub fn arrivals(&self) -> Arrivals {
        Arrivals(Arc::clone(&self.0))
    }

    /// Begins a turn.
    pub fn turn(&mut self) -> Turn<'_> {
        Turn { common: &self.0, left: TURN, round: 0, dry: false }
    }

    /// Takes a single event, as slowly as it goes.
    #[cfg(test)]
    pub async fn recv(&mut self) -> SessionEvent {
        loop {
            self.arrivals().wait().await;
            let mut hand = Vec::new();
            let mut turn = self.turn();
            turn.left.events = 1;
            if turn.take(&mut hand)
                && let Some(event) = hand.pop()
            {
                return event;
            }
        }
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let mut ring = self.0.ring();
        self.0.closed.store(true, Ordering::Release);
        let lanes = std::mem::take(&mut ring.lanes);
        drop(ring);
        lanes.iter().for_each(|lane| lane.close());
    }
}

impl Turn<'_> {
    /// Adds the next lane's share to `hand`. False: the turn is over. It ends after so many events or octets, and after
    /// the round in which a lane ran dry, since who has said all may wait for what comes of it.
    pub fn take(&mut self, hand: &mut Vec<SessionEvent>) -> bool {
        if self.left.events == 0 || self.left.octets == 0 || (self.round == 0 && self.dry) {
            return false;
        }
        let mut ring = self.common.ring();
        // The core is here.
        ring.core = None;
        let Some(lane) = ring.lanes.pop_front() else { return false };
        if self.round == 0 {
            self.round = 1 + ring.lanes.len();
        }
        self.round -= 1;
        drop(ring);
        let before = hand.len();
        let share = Portion { events: SHARE.events.min(self.left.events), octets: SHARE.octets };
        let (octets, dry) = lane.take(share, hand);
        self.left.events = self.left.events.saturating_sub(hand.len() - before);
        self.left.octets = self.left.octets.saturating_sub(octets);
        self.dry |= dry;
        if !dry {
            self.common.ring().lanes.push_back(lane);
        }
        true
    }
}

mod lone;
#[cfg(test)]
mod tests;

pub use lone::Taker;
