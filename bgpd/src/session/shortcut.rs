//! The short way from the core to a socket. A small message for a session that has nothing else to write is written in
//! the core's turn, by its thread: a lone change then costs one wake-up less. Everything else takes the queue (`outbound`).
//!
//! The order of messages holds by two facts. While `idle` is set, the session's writer holds no routes; the task clears
//! it in the same turn of the lock in which it takes octets out of the queue. And only the core puts octets in, so when
//! it finds none there and `idle` set, all it sent before has gone.

use super::{LONE, status::StatusCell};
use bytes::{Buf, Bytes};
use std::{
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::net::TcpStream;

/// What core and task share of a session's connection.
#[derive(Debug, Default)]
pub(super) struct Shortcut(Mutex<State>);

#[derive(Debug, Default)]
pub(super) struct State {
    connection: Option<(Arc<TcpStream>, Arc<StatusCell>)>,
    /// The session's writer holds no routes, and no message that has begun.
    idle: bool,
    /// The end of a message whose beginning the core has written.
    rest: Bytes,
}

/// The task's end; without it nothing is written.
#[derive(Debug)]
pub(super) struct TaskEnd(pub Arc<Shortcut>);

impl Deref for TaskEnd {
    type Target = Shortcut;

    fn deref(&self) -> &Shortcut {
        &self.0
    }
}

impl Drop for TaskEnd {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is with the kernel.
    Whole,
    /// It has begun; the task is to be woken for the rest.
    Begun,
    /// Nothing was written.
    Not,
}

impl Shortcut {
    /// Messages may be written to this connection.
    pub(super) fn open(&self, stream: Arc<TcpStream>, status: Arc<StatusCell>) {
        self.lock().connection = Some((stream, status));
    }

    /// Nothing more is written. Gives what has to follow what was.
    pub(super) fn close(&self) -> Bytes {
        std::mem::take(&mut *self.lock()).rest
    }

    /// The task's turn: the core does not write meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes whole messages at once, if the task is not at it and has nothing to write. The caller has made sure that
    /// the queue is empty.
    pub(super) fn write(&self, messages: &Bytes) -> Written {
        if messages.len() > LONE {
            return Written::Not;
        }
        let Ok(mut state) = self.0.try_lock() else { return Written::Not };
        let State { connection: Some((stream, status)), idle: true, .. } = &*state else {
            return Written::Not;
        };
        // Of an error the task hears by itself.
        let Ok(octets) = stream.try_write(messages) else { return Written::Not };
        status.count_sent(messages);
        if octets >= messages.len() {
            return Written::Whole;
        }
        state.idle = false;
        state.rest = messages.clone();
        state.rest.advance(octets);
        Written::Begun
    }
}

impl State {
    /// The task writes: the core's messages queue up behind. Gives the rest of the one that the core has begun, which
    /// comes before all others.
    pub(super) fn take_over(&mut self) -> Bytes {
        self.idle = false;
        std::mem::take(&mut self.rest)
    }

    /// The task has nothing left to write.
    pub(super) fn rest(&mut self) {
        self.idle = true;
    }
}
