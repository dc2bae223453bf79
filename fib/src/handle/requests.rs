//! Requests that wait for the service thread.

use super::{FibRequest, coalesce, lock};
use crate::config::FibConfig;
use crate::consistency::ConsistencyReport;
use crate::memory::FibMemory;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use weft_evpn::forwarding::ForwardingChange;

/// Below this many waiting changes they are not coalesced: a load of new routes is that far ahead of the kernel, and
/// none of it would go. About 20 MiB.
pub(super) const COALESCE_FROM: usize = 262_144;
/// So many of the oldest changes stay at hand while the others are coalesced, which takes a while.
const AT_HAND: usize = COALESCE_FROM / 8;

/// With so many waiting changes the kernel is behind: the core keeps what more there is, which costs it a bit a route,
/// and leaves the CPU to those who write. Routes do not count, since they are best taken together. Some 40 ms of writing.
pub(super) const BEHIND: usize = 16_384;
/// With so many it is not any more.
pub(super) const CAUGHT_UP: usize = BEHIND / 2;

/// What waits.
#[derive(Default)]
pub(super) struct Requests {
    /// With how many changes they are coalesced next. Whoever adds changes holds this, so that they stay in order.
    coalesce_at: Mutex<usize>,
    waiting: Mutex<Waiting>,
    /// Changed under the lock of `waiting`.
    behind: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    forward: Changes,
    /// All is converged with so many of the changes that wait.
    converged_with: Option<usize>,
    orders: Orders,
    /// Nothing is taken any more.
    closed: bool,
}

/// Changes in the parts in which they came, so that adding some does not move the others.
#[derive(Default)]
struct Changes {
    parts: VecDeque<std::vec::IntoIter<ForwardingChange>>,
    len: usize,
    /// How many of them are routes.
    routes: usize,
}

fn is_route(change: &&ForwardingChange) -> bool {
    matches!(change, ForwardingChange::Route { .. })
}

impl Changes {
    fn push(&mut self, part: Vec<ForwardingChange>) {
        self.len += part.len();
        self.routes += part.iter().filter(is_route).count();
        self.parts.push_back(part.into_iter());
    }

    /// Those that count for `BEHIND`.
    fn counted(&self) -> usize {
        self.len - self.routes
    }

    /// The oldest: up to `room`, and all routes among them and behind. Routes share objects, and a group that all of them
    /// leave alike is written once, so what is told of many at a time is taken together.
    fn take(&mut self, mut room: usize) -> Vec<ForwardingChange> {
        let mut taken = Vec::with_capacity(room.min(self.len));
        let mut routes = 0;
        'all: while let Some(part) = self.parts.front_mut() {
            while let Some(next) = part.as_slice().first() {
                if is_route(&next) {
                    routes += 1;
                } else if room == 0 {
                    break 'all;
                } else {
                    room -= 1;
                }
                taken.extend(part.next());
            }
            self.parts.pop_front();
        }
        self.len -= taken.len();
        self.routes -= routes;
        taken
    }

    /// Cuts off the parts behind the first ones that have `count`.
    fn split_off(&mut self, count: usize) -> Changes {
        let mut len = 0;
        let heads = self.parts.iter().take_while(|part| {
            let before = len;
            len += part.len();
            before < count
        });
        let parts = self.parts.split_off(heads.count());
        let len = parts.iter().map(ExactSizeIterator::len).sum();
        let routes = parts.iter().map(|part| part.as_slice().iter().filter(is_route).count()).sum();
        self.len -= len;
        self.routes -= routes;
        Changes { parts, len, routes }
    }
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
    /// The kernel was behind, and is not any more.
    pub(crate) caught_up: bool,
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
                waiting.converged_with = Some(waiting.forward.len);
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
        if waiting.forward.len == 0 {
            *coalesce_at = COALESCE_FROM;
        }
        waiting.forward.push(changes);
        if waiting.forward.counted() >= BEHIND && !waiting.closed {
            self.behind.store(true, Ordering::Relaxed);
        }
        if waiting.forward.len > *coalesce_at {
            let later = waiting.forward.split_off(AT_HAND);
            drop(waiting);
            let later = coalesce::forwards(later.parts.into_iter());
            let mut waiting = lock(&self.waiting);
            waiting.forward.push(later);
            let all = waiting.forward.len;
            *coalesce_at = COALESCE_FROM.max(2 * all);
            // Which of them came before, is not known any more; all is late enough.
            waiting.converged_with = waiting.converged_with.map(|_| all);
        }
    }

    /// Up to `room` changes, and routes, first come first served, and everything else.
    pub(super) fn take(&self, room: usize) -> Taken {
        let mut waiting = lock(&self.waiting);
        let forward = waiting.forward.take(room);
        let left = waiting.converged_with.map(|changes| changes.saturating_sub(forward.len()));
        waiting.converged_with = left.filter(|changes| *changes > 0);
        let (more, orders) = (waiting.forward.len > 0, std::mem::take(&mut waiting.orders));
        let caught_up = waiting.forward.counted() < CAUGHT_UP && self.behind.swap(false, Ordering::Relaxed);
        Taken { forward, more, converged: left == Some(0), caught_up, orders }
    }

    /// So much waits that no more should be sent before some of it was taken.
    pub(super) fn are_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Nothing is taken any more: nobody is to wait for that.
    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.behind.store(false, Ordering::Relaxed);
    }

    /// Octets of the changes that wait.
    pub(super) fn bytes(&self) -> usize {
        let waiting = lock(&self.waiting);
        let parts = waiting.forward.parts.capacity() * size_of::<std::vec::IntoIter<ForwardingChange>>();
        waiting.forward.len * size_of::<ForwardingChange>() + parts
    }
}
