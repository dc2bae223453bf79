//! How other threads speak to the core: requests over one bounded channel, answers by
//! one-shot channels. A question is a closure that the core runs on its own state, so nothing
//! is locked and no copy of a table is made; long answers are asked for page by page.

use super::Core;
use crate::{command::ExecError, config::Config};
use std::{fmt, time::Instant};
use tokio::sync::{mpsc, oneshot};

/// Requests that wait for the core; who asks when they are full, waits.
const QUEUE: usize = 64;

type Question = Box<dyn FnOnce(&Core, Instant) + Send>;
type Order = Box<dyn FnOnce(&mut Core, Instant) + Send>;

/// What can be asked of the core.
pub(super) enum Request {
    /// Look at something.
    Ask(Question),
    /// Do something, between two turns.
    Do(Order),
    /// Make this configuration the running one.
    Apply(Box<Config>, oneshot::Sender<Result<(), ExecError>>),
    /// Say goodbye to the neighbours and end.
    Shutdown,
}

/// The core has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the daemon is shutting down")]
pub struct CoreGone;

impl From<CoreGone> for ExecError {
    fn from(gone: CoreGone) -> Self {
        ExecError(gone.to_string())
    }
}

/// A handle to the core for threads that may block.
#[derive(Clone)]
pub struct CoreHandle {
    requests: mpsc::Sender<Request>,
}

impl fmt::Debug for CoreHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreHandle").finish_non_exhaustive()
    }
}

/// A channel for requests.
pub(super) fn channel() -> (CoreHandle, mpsc::Receiver<Request>) {
    let (requests, receiver) = mpsc::channel(QUEUE);
    (CoreHandle { requests }, receiver)
}

impl CoreHandle {
    fn send(&self, request: Request) -> Result<(), CoreGone> {
        self.requests.blocking_send(request).map_err(|_| CoreGone)
    }

    /// Runs `question` on the core's thread and gives its answer.
    ///
    /// # Errors
    /// The core has ended.
    pub fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Core, Instant) -> T + Send + 'static,
    ) -> Result<T, CoreGone> {
        let (reply, answer) = oneshot::channel();
        // The answer is dropped if nobody waits for it any more.
        self.send(Request::Ask(Box::new(move |core, now| drop(reply.send(question(core, now))))))?;
        answer.blocking_recv().map_err(|_| CoreGone)
    }

    /// Runs `order` on the core's thread and gives its answer.
    ///
    /// # Errors
    /// The core has ended.
    pub fn order<T: Send + 'static>(
        &self,
        order: impl FnOnce(&mut Core, Instant) -> T + Send + 'static,
    ) -> Result<T, CoreGone> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Do(Box::new(move |core, now| drop(reply.send(order(core, now))))))?;
        answer.blocking_recv().map_err(|_| CoreGone)
    }

    /// Makes `config` the running one; returns when it is in force.
    ///
    /// # Errors
    /// What could not be applied; then nothing was.
    pub fn apply(&self, config: Config) -> Result<(), ExecError> {
        let (reply, answer) = oneshot::channel();
        self.send(Request::Apply(Box::new(config), reply))?;
        answer.blocking_recv().map_err(|_| CoreGone)?
    }

    /// Waits until the core has ended.
    pub async fn gone(&self) {
        self.requests.closed().await;
    }

    /// Lets the core close all sessions and end. Returns when it has taken the request.
    ///
    /// # Errors
    /// It has ended already.
    pub async fn shutdown(&self) -> Result<(), CoreGone> {
        self.requests.send(Request::Shutdown).await.map_err(|_| CoreGone)
    }
}
