//! What the shows want to know of a session: counters without locks, and the rest behind a
//! mutex that is taken at changes of state only.

use crate::peer::{DownReason, FsmState, Negotiated};
use bytes::Bytes;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

/// Message types that are counted; 0 stands for those that do not exist.
const TYPES: usize = 6;

/// Messages by type: OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE-REFRESH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounts {
    /// Type 1.
    pub opens: u64,
    /// Type 2.
    pub updates: u64,
    /// Type 3.
    pub notifications: u64,
    /// Type 4.
    pub keepalives: u64,
    /// Type 5.
    pub route_refreshes: u64,
}

impl MessageCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.opens + self.updates + self.notifications + self.keepalives + self.route_refreshes
    }
}

/// How a neighbour's session stands, at one moment.
#[derive(Debug, Clone)]
pub struct PeerStatus {
    /// The state of the connection that is furthest.
    pub state: FsmState,
    /// Since when the session is up, or down.
    pub since: Instant,
    /// What the established session agreed on.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Sessions that came up.
    pub established: u32,
    /// Sessions that ended.
    pub dropped: u32,
    /// When the last session ended, and why.
    pub last_down: Option<(Instant, DownReason)>,
    /// Why the last attempt before a session failed; cleared by a session.
    pub last_failure: Option<String>,
    /// Messages received since the neighbour is configured.
    pub received: MessageCounts,
    /// Messages sent since the neighbour is configured.
    pub sent: MessageCounts,
    /// UPDATEs received in which something was wrong that did not end the session (RFC 7606).
    pub malformed_updates: u64,
    /// Buffers that wait in the session's queue.
    pub out_queue: u64,
    /// Octets of its buffers: received and not read yet, and waiting to be written. A buffer that
    /// waits for several neighbours counts at each.
    pub buffered: u64,
}

#[derive(Debug, Default)]
struct Counters([AtomicU64; TYPES]);

impl Counters {
    fn count(&self, number: u8) {
        let counter = self.0.get(usize::from(number)).or(self.0.first());
        if let Some(counter) = counter {
            counter.fetch_add(1, Relaxed);
        }
    }

    fn counts(&self) -> MessageCounts {
        let [_, opens, updates, notifications, keepalives, route_refreshes] = &self.0;
        MessageCounts {
            opens: opens.load(Relaxed),
            updates: updates.load(Relaxed),
            notifications: notifications.load(Relaxed),
            keepalives: keepalives.load(Relaxed),
            route_refreshes: route_refreshes.load(Relaxed),
        }
    }
}

#[derive(Debug)]
struct Changing {
    state: FsmState,
    since: Instant,
    negotiated: Option<Arc<Negotiated>>,
    established: u32,
    dropped: u32,
    last_down: Option<(Instant, DownReason)>,
    last_failure: Option<String>,
}

/// The shared cell: the session writes, the shows read.
#[derive(Debug)]
pub(super) struct StatusCell {
    received: Counters,
    sent: Counters,
    malformed_updates: AtomicU64,
    out_queue: AtomicU64,
    buffered: AtomicU64,
    changing: Mutex<Changing>,
}

impl StatusCell {
    pub fn new(now: Instant) -> Self {
        Self {
            received: Counters::default(),
            sent: Counters::default(),
            malformed_updates: AtomicU64::new(0),
            out_queue: AtomicU64::new(0),
            buffered: AtomicU64::new(0),
            changing: Mutex::new(Changing {
                state: FsmState::Idle,
                since: now,
                negotiated: None,
                established: 0,
                dropped: 0,
                last_down: None,
                last_failure: None,
            }),
        }
    }

    fn changing(&self) -> MutexGuard<'_, Changing> {
        // Plain assignments cannot leave it half written.
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn snapshot(&self) -> PeerStatus {
        let changing = self.changing();
        PeerStatus {
            state: changing.state,
            since: changing.since,
            negotiated: changing.negotiated.clone(),
            established: changing.established,
            dropped: changing.dropped,
            last_down: changing.last_down.clone(),
            last_failure: changing.last_failure.clone(),
            received: self.received.counts(),
            sent: self.sent.counts(),
            malformed_updates: self.malformed_updates.load(Relaxed),
            out_queue: self.out_queue.load(Relaxed),
            buffered: self.buffered.load(Relaxed),
        }
    }

    pub fn set_state(&self, state: FsmState) {
        self.changing().state = state;
    }

    pub fn set_out_queue(&self, waiting: usize) {
        self.out_queue.store(u64::try_from(waiting).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn set_buffered(&self, octets: usize) {
        self.buffered.store(u64::try_from(octets).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn established(&self, negotiated: Arc<Negotiated>, now: Instant) {
        let mut changing = self.changing();
        changing.since = now;
        changing.negotiated = Some(negotiated);
        changing.established = changing.established.saturating_add(1);
        changing.last_failure = None;
    }

    pub fn down(&self, reason: DownReason, now: Instant) {
        let mut changing = self.changing();
        changing.since = now;
        changing.negotiated = None;
        changing.dropped = changing.dropped.saturating_add(1);
        changing.last_down = Some((now, reason));
    }

    /// True if the reason is another than last time.
    pub fn failed(&self, reason: &str) -> bool {
        let mut changing = self.changing();
        let new = changing.last_failure.as_deref() != Some(reason);
        if new {
            changing.last_failure = Some(reason.to_owned());
        }
        new
    }

    pub fn count_received(&self, number: u8) {
        self.received.count(number);
    }

    pub fn count_malformed_update(&self) {
        self.malformed_updates.fetch_add(1, Relaxed);
    }

    /// Counts whole encoded messages.
    pub fn count_sent(&self, messages: &Bytes) {
        let mut rest: &[u8] = messages;
        while let Some(&[high, low, number]) = rest.get(16..19) {
            self.sent.count(number);
            let length = usize::from(u16::from_be_bytes([high, low]));
            match rest.get(length.max(19)..) {
                Some(tail) => rest = tail,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Message, Notification, notification::ErrorCode};

    #[test]
    fn messages_are_counted_by_type_also_several_in_a_buffer() {
        let status = StatusCell::new(Instant::now());
        let mut messages = Message::Keepalive.to_bytes().to_vec();
        messages.extend_from_slice(
            &Message::Notification(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED)).to_bytes(),
        );
        messages.extend_from_slice(&Message::Keepalive.to_bytes());
        status.count_sent(&messages.into());
        status.count_received(2);
        status.count_received(99);
        let snapshot = status.snapshot();
        assert_eq!(
            snapshot.sent,
            MessageCounts { keepalives: 2, notifications: 1, ..MessageCounts::default() }
        );
        assert_eq!(snapshot.received.total(), 1);
    }

    #[test]
    fn a_failure_is_new_once() {
        let status = StatusCell::new(Instant::now());
        assert!(status.failed("refused"));
        assert!(!status.failed("refused"));
        assert!(status.failed("no route"));
    }
}
