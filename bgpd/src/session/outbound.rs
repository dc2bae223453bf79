//! The way of messages from the core to one session: a bounded queue that never blocks the
//! core, and the sign that there is room again.
//!
//! The core keeps dirty sets, not queues (see `rib`): a refused message is not lost, it is
//! generated again, newer, after `SessionEvent::Drained`.

use super::{
    shortcut::{Shortcut, State, TaskEnd, Written},
    status::StatusCell,
};
use bytes::Bytes;
use std::sync::{
    Arc, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use tokio::{net::TcpStream, sync::mpsc};

/// Buffers that may wait for one session; each holds one or several whole messages.
const QUEUE: usize = 64;

/// The session's queue is full, or the session is gone. In the first case
/// `SessionEvent::Drained` follows, in the second `SessionEvent::Down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session takes no more messages for now")]
pub struct Full;

/// The core's end.
#[derive(Debug, Clone)]
pub struct SessionSender {
    queue: mpsc::Sender<Bytes>,
    refused: Arc<AtomicBool>,
    /// Octets in the queue.
    octets: Arc<AtomicUsize>,
    shortcut: Arc<Shortcut>,
}

/// The session's end.
#[derive(Debug)]
pub(crate) struct SessionQueue {
    queue: mpsc::Receiver<Bytes>,
    refused: Arc<AtomicBool>,
    octets: Arc<AtomicUsize>,
    shortcut: TaskEnd,
}

/// The session's turn at its connection, which the core does not disturb.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    queue: &'a mut mpsc::Receiver<Bytes>,
    octets: &'a AtomicUsize,
    state: MutexGuard<'a, State>,
}

/// A queue for one session. Public so that the core can be tested without sockets.
pub(crate) fn channel() -> (SessionSender, SessionQueue) {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let refused = Arc::new(AtomicBool::new(false));
    let octets = Arc::new(AtomicUsize::new(0));
    let shortcut = Arc::new(Shortcut::default());
    (
        SessionSender {
            queue: sender,
            refused: refused.clone(),
            octets: octets.clone(),
            shortcut: shortcut.clone(),
        },
        SessionQueue { queue: receiver, refused, octets, shortcut: TaskEnd(shortcut) },
    )
}

impl SessionSender {
    /// Queues whole encoded messages, in order. Never blocks.
    pub fn try_send(&self, messages: Bytes) -> Result<(), Full> {
        // Counted before the session can take it out.
        let length = messages.len();
        self.octets.fetch_add(length, Ordering::Relaxed);
        self.offer(messages).inspect_err(|_| {
            self.octets.fetch_sub(length, Ordering::Relaxed);
        })
    }

    /// The same; small messages are written to the connection at once, by this thread, if nothing waits for it.
    pub fn send_at_once(&self, messages: Bytes) -> Result<(), Full> {
        if self.octets.load(Ordering::Acquire) > 0 {
            return self.try_send(messages);
        }
        match self.shortcut.write(&messages) {
            Written::Whole => Ok(()),
            // There is room, since nothing waits.
            Written::Begun => self.offer(Bytes::new()),
            Written::Not => self.try_send(messages),
        }
    }

    fn offer(&self, messages: Bytes) -> Result<(), Full> {
        let messages = match self.queue.try_send(messages) {
            Ok(()) => return Ok(()),
            Err(mpsc::error::TrySendError::Full(messages)) => messages,
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(Full),
        };
        // Set before the second try: if the session emptied the queue in between, the try
        // succeeds; if not, it sees the sign when it takes the next buffer.
        self.refused.store(true, Ordering::SeqCst);
        self.queue.try_send(messages).map_err(|_| Full)
    }

    /// A sender whose messages come out of the returned receiver, for tests of the core.
    pub fn detached() -> (Self, mpsc::Receiver<Bytes>) {
        let (sender, queue) = channel();
        (sender, queue.queue)
    }
}

impl SessionQueue {
    /// The next buffer, for `Turn::took`; pends for ever once the core has dropped its end.
    pub(crate) async fn next(&mut self) -> Bytes {
        match self.queue.recv().await {
            Some(messages) => messages,
            None => std::future::pending().await,
        }
    }

    /// Lets the core write to this connection by itself.
    pub(crate) fn open(&self, stream: Arc<TcpStream>, status: Arc<StatusCell>) {
        self.shortcut.open(stream, status);
    }

    /// The core writes nothing more by itself. Gives what has to follow what it wrote.
    pub(crate) fn close(&self) -> Bytes {
        self.shortcut.close()
    }

    /// The session writes. Gives the rest of a message that the core has begun, which comes first.
    pub(crate) fn turn(&mut self) -> (Turn<'_>, Bytes) {
        let mut state = self.shortcut.lock();
        let begun = state.take_over();
        (Turn { queue: &mut self.queue, octets: &self.octets, state }, begun)
    }

    /// Octets waiting, for the shows.
    pub(crate) fn octets(&self) -> usize {
        self.octets.load(Ordering::Relaxed)
    }

    /// True once after a refusal, when the queue is at most half full again: time to say
    /// `Drained`.
    pub(crate) fn drained(&mut self) -> bool {
        self.queue.len() <= QUEUE / 2 && self.refused.swap(false, Ordering::SeqCst)
    }

    /// Buffers waiting, for the shows.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Turn<'_> {
    /// The next buffer if there is one now.
    pub(crate) fn try_next(&mut self) -> Option<Bytes> {
        let messages = self.queue.try_recv().ok()?;
        self.took(&messages);
        Some(messages)
    }

    /// These messages of the queue are the session's now.
    pub(crate) fn took(&self, messages: &Bytes) {
        self.octets.fetch_sub(messages.len(), Ordering::Release);
    }

    /// The turn is over; `idle`: the session has nothing left to write.
    pub(crate) fn end(mut self, idle: bool) {
        if idle && self.octets.load(Ordering::Acquire) == 0 {
            self.state.rest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_followed_by_exactly_one_drained() {
        let (sender, mut queue) = channel();
        for _ in 0..QUEUE {
            assert_eq!(sender.try_send(Bytes::from_static(b"x")), Ok(()));
        }
        assert!(!queue.drained(), "nothing was refused yet");
        assert_eq!(sender.try_send(Bytes::from_static(b"y")), Err(Full));
        assert_eq!(queue.octets(), QUEUE, "what is refused is not in it");
        for _ in 0..QUEUE / 2 - 1 {
            queue.turn().0.try_next();
            assert!(!queue.drained());
        }
        queue.turn().0.try_next();
        assert!(queue.drained());
        assert!(!queue.drained());
        assert_eq!((queue.waiting(), queue.octets()), (QUEUE / 2, QUEUE / 2));
    }

    #[test]
    fn a_closed_session_refuses() {
        let (sender, queue) = channel();
        drop(queue);
        assert_eq!(sender.try_send(Bytes::new()), Err(Full));
    }
}
