//! Requests that wait for the service thread.

use super::{COALESCE_FROM, FibRequest, coalesce, lock};
use crate::config::FibConfig;
use crate::consistency::ConsistencyReport;
use crate::memory::FibMemory;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::oneshot;
use weft_evpn::forwarding::ForwardingChange;

/// So many of the oldest changes stay at hand while the others are coalesced, which takes a while.
const AT_HAND: usize = COALESCE_FROM / 2;

/// What waits.
#[derive(Default)]
pub(super) struct Requests {
    /// With how many changes they are coalesced next. Whoever adds changes holds this, so that they stay in order.
    coalesce_at: Mutex<usize>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    forward: VecDeque<ForwardingChange>,
    /// All is converged with so many of the changes that wait.
    converged_with: Option<usize>,
    orders: Orders,
}

/// What the service thread takes in a turn.
#[derive(Default)]
pub(crate) struct Taken {
    /// The oldest changes that wait.
    pub(crate) forward: Vec<ForwardingChange>,
    /// More of them wait.
    pub(crate) more: bool,
    /// The first convergence is over with these changes and those before.
    pub(crate) converged: bool,
    pub(crate) orders: Orders,
}

/// Requests that are not about entries.
#[derive(Default)]
pub(crate) struct Orders {
    pub(crate) config: Option<FibConfig>,
    pub(crate) consistency: Vec<oneshot::Sender<ConsistencyReport>>,
    pub(crate) memory: Vec<oneshot::Sender<FibMemory>>,
    pub(crate) shutdown: Option<(bool, oneshot::Sender<()>)>,
}

impl Requests {
    /// Adds a request. Changes may be coalesced here, while others are still taken.
    pub(super) fn put(&self, request: FibRequest) {
        let waiting = || lock(&self.waiting);
        match request {
            FibRequest::Forward(changes) => self.forward(changes),
            FibRequest::Converged => {
                let _order = lock(&self.coalesce_at);
                let mut waiting = waiting();
                waiting.converged_with = Some(waiting.forward.len());
            }
            FibRequest::Config(config) => waiting().orders.config = Some(config),
            FibRequest::Consistency(reply) => waiting().orders.consistency.push(reply),
            FibRequest::Memory(reply) => waiting().orders.memory.push(reply),
            FibRequest::Shutdown { flush, done } => {
                waiting().orders.shutdown.get_or_insert((flush, done));
            }
        }
    }

    fn forward(&self, changes: Vec<ForwardingChange>) {
        let mut coalesce_at = lock(&self.coalesce_at);
        let mut waiting = lock(&self.waiting);
        if waiting.forward.is_empty() {
            waiting.forward = changes.into();
            *coalesce_at = COALESCE_FROM;
        } else {
            waiting.forward.extend(changes);
        }
        if waiting.forward.len() > *coalesce_at {
            let mut later = waiting.forward.split_off(AT_HAND);
            drop(waiting);
            coalesce::forwards(&mut later);
            let mut waiting = lock(&self.waiting);
            waiting.forward.append(&mut later);
            *coalesce_at = COALESCE_FROM.max(2 * waiting.forward.len());
            // Which of them came before, is not known any more; all is late enough.
            let all = waiting.forward.len();
            waiting.converged_with = waiting.converged_with.map(|_| all);
        }
    }

    /// Up to `room` changes, first come first served, and everything else.
    pub(super) fn take(&self, room: usize) -> Taken {
        let mut waiting = lock(&self.waiting);
        let all = waiting.forward.len() <= room;
        let forward: Vec<ForwardingChange> = if all {
            std::mem::take(&mut waiting.forward).into()
        } else {
            waiting.forward.drain(..room).collect()
        };
        let left = waiting.converged_with.map(|changes| changes.saturating_sub(forward.len()));
        waiting.converged_with = left.filter(|changes| *changes > 0);
        Taken { forward, more: !all, converged: left == Some(0), orders: std::mem::take(&mut waiting.orders) }
    }

    /// Octets of the changes that wait.
    pub(super) fn bytes(&self) -> usize {
        lock(&self.waiting).forward.capacity() * size_of::<ForwardingChange>()
    }
}
