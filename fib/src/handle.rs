//! The two ends that the core holds: `Fib` takes requests, `FibEvents` gives events. Both queues hold levels
//! and are coalesced by key when they grow, so neither end ever blocks the other and memory is bounded by the
//! number of distinct entries.

mod coalesce;
mod requests;
#[cfg(test)]
mod tests;

use crate::config::{FibConfig, FibOptions};
use crate::consistency::ConsistencyReport;
use crate::error::FibError;
use crate::event::{FibEvent, FibNotice};
use crate::memory::FibMemory;
use crate::service::Prepared;
use nix::sys::eventfd::{EfdFlags, EventFd};
use requests::Requests;
pub(crate) use requests::Taken;
use std::collections::VecDeque;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, oneshot};
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::LocalEvent;

/// Below this many waiting events they are not coalesced: the work would not pay.
const COALESCE_FROM: usize = 65_536;
/// Notices that wait while nobody reads; more are dropped, the newest first.
const MAX_NOTICES: usize = 256;

/// What the core asks of the kernel side.
#[derive(Debug)]
pub enum FibRequest {
    /// The whole wanted configuration.
    Config(FibConfig),
    /// Changes of the desired state. It belongs to the VNI's number, not to its devices: it stays through
    /// `VniDown`, is programmed again when devices are back, and ends only by a change that wants nothing.
    Forward(Vec<ForwardingChange>),
    /// The first convergence is over: delete adopted entries that nobody wanted until now.
    Converged,
    /// Read the kernel back and compare.
    Consistency(oneshot::Sender<ConsistencyReport>),
    /// Tell what is held here and what it costs.
    Memory(oneshot::Sender<FibMemory>),
    /// End the thread.
    Shutdown {
        /// Remove our entries and devices; false leaves the kernel forwarding.
        flush: bool,
        /// Told when all is done.
        done: oneshot::Sender<()>,
    },
}

/// How often things happened since start. For metrics and tests.
#[derive(Debug, Default)]
pub struct FibCounters {
    /// Messages that changed the kernel and were accepted.
    pub writes: AtomicU64,
    /// Messages that the kernel refused.
    pub failures: AtomicU64,
    /// Entries of ours that somebody else had deleted or changed and that were written again.
    pub repairs: AtomicU64,
    /// VTEPs for which routes of an IP-VRF named several router MACs at a time.
    pub router_mac_disputes: AtomicU64,
    /// Overruns and interrupted dumps answered by reading everything again.
    pub resyncs: AtomicU64,
}

impl FibCounters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}

/// Events that wait for the core.
#[derive(Default)]
struct Outbox {
    queue: VecDeque<FibEvent>,
    locals: usize,
    notices: usize,
    coalesce_at: usize,
    new_address: bool,
    caught_up: bool,
    /// Messages of the `Written` that waits.
    written: usize,
    closed: bool,
}

pub(crate) struct Shared {
    requests: Requests,
    wake: EventFd,
    outbox: Mutex<Outbox>,
    readable: Notify,
    readable_blocking: Condvar,
    pub(crate) counters: FibCounters,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves these queues usable: every item is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn new() -> Result<Self, FibError> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)
            .map_err(|error| FibError::Socket { what: "make an eventfd", source: error.into() })?;
        Ok(Shared {
            requests: Requests::default(),
            wake,
            outbox: Mutex::default(),
            readable: Notify::new(),
            readable_blocking: Condvar::new(),
            counters: FibCounters::default(),
        })
    }

    /// Readable while requests wait.
    pub(crate) fn wake_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Up to `room` changes, first come first served, and everything else.
    pub(crate) fn take_requests(&self, room: usize) -> Taken {
        // The eventfd is cleared before the queue is taken, so a request that comes in between wakes again.
        let _ = self.wake.read();
        let taken = self.requests.take(room);
        if taken.caught_up {
            self.emit_caught_up();
        }
        taken
    }

    /// At most one waits.
    fn emit_caught_up(&self) {
        let mut outbox = lock(&self.outbox);
        if !std::mem::replace(&mut outbox.caught_up, true) {
            outbox.queue.push_back(FibEvent::CaughtUp);
        }
        self.announce(outbox);
    }

    fn request(&self, request: FibRequest) {
        self.requests.put(request);
        // Fails only when the counter is full, and then the thread is awake anyway.
        let _ = self.wake.write(1);
    }

    pub(crate) fn emit_local(&self, events: Vec<LocalEvent>) {
        if events.is_empty() {
            return;
        }
        let mut outbox = lock(&self.outbox);
        outbox.locals += events.len();
        if let Some(FibEvent::Local(last)) = outbox.queue.back_mut() {
            last.extend(events);
        } else {
            outbox.queue.push_back(FibEvent::Local(events));
        }
        if outbox.locals > outbox.coalesce_at.max(COALESCE_FROM) {
            outbox.coalesce();
        }
        self.announce(outbox);
    }

    pub(crate) fn emit(&self, event: FibEvent) {
        let mut outbox = lock(&self.outbox);
        outbox.queue.push_back(event);
        self.announce(outbox);
    }

    /// At most one waits: it says nothing but that there is something new.
    pub(crate) fn emit_new_address(&self) {
        let mut outbox = lock(&self.outbox);
        if !outbox.new_address {
            outbox.new_address = true;
            outbox.queue.push_back(FibEvent::NewAddress);
        }
        self.announce(outbox);
    }

    /// At most one waits, with the sum.
    pub(crate) fn emit_written(&self, messages: usize) {
        let mut outbox = lock(&self.outbox);
        if outbox.written == 0 {
            outbox.queue.push_back(FibEvent::Written { messages });
        }
        outbox.written += messages;
        self.announce(outbox);
    }

    pub(crate) fn notice(&self, notice: FibNotice) {
        let mut outbox = lock(&self.outbox);
        if outbox.notices < MAX_NOTICES {
            outbox.notices += 1;
            outbox.queue.push_back(FibEvent::Notice(notice));
        }
        self.announce(outbox);
    }

    pub(crate) fn close(&self) {
        self.requests.close();
        let mut outbox = lock(&self.outbox);
        outbox.closed = true;
        self.announce(outbox);
    }

    /// Octets of the requests and events that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        let outbox = lock(&self.outbox);
        let locals = outbox.queue.iter().map(|event| match event {
            FibEvent::Local(events) => events.capacity() * size_of::<LocalEvent>(),
            _ => 0,
        });
        self.requests.bytes() + outbox.queue.capacity() * size_of::<FibEvent>() + locals.sum::<usize>()
    }

    fn announce(&self, outbox: MutexGuard<'_, Outbox>) {
        drop(outbox);
        self.readable.notify_one();
        self.readable_blocking.notify_one();
    }
}

impl Outbox {
    fn take(&mut self) -> Option<FibEvent> {
        let mut event = self.queue.pop_front()?;
        match &mut event {
            FibEvent::Written { messages } => *messages = std::mem::take(&mut self.written),
            FibEvent::Local(events) => self.locals = self.locals.saturating_sub(events.len()),
            FibEvent::Notice(_) => self.notices = self.notices.saturating_sub(1),
            FibEvent::NewAddress => self.new_address = false,
            FibEvent::CaughtUp => self.caught_up = false,
            FibEvent::Ready { .. } | FibEvent::Failed(_) => {}
        }
        Some(event)
    }

    /// Merges all local events into one list without those that later ones made void, and puts it first:
    /// a level that arrives early says nothing wrong.
    fn coalesce(&mut self) {
        let mut locals = Vec::new();
        self.queue.retain_mut(|event| match event {
            FibEvent::Local(events) => {
                locals.append(events);
                false
            }
            _ => true,
        });
        coalesce::locals(&mut locals);
        self.locals = locals.len();
        self.coalesce_at = locals.len() * 2;
        self.queue.push_front(FibEvent::Local(locals));
    }
}

/// Ends the thread when the last handle is gone, leaving the kernel as it is.
struct StopOnDrop(Arc<Shared>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        let (done, _) = oneshot::channel();
        self.0.request(FibRequest::Shutdown { flush: false, done });
    }
}

/// The core's handle to the kernel side. Clones are the same handle; when the last is dropped the thread
/// ends and leaves the kernel forwarding as it is.
#[derive(Clone)]
pub struct Fib {
    shared: Arc<StopOnDrop>,
}

impl fmt::Debug for Fib {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fib").finish_non_exhaustive()
    }
}

impl Fib {
    /// Hands a request over. Never blocks and never fails: requests are levels that wait, coalesced by key.
    pub fn send(&self, request: FibRequest) {
        self.shared.0.request(request);
    }

    /// So much waits for the kernel that changes which can wait elsewhere should; [`FibEvent::CaughtUp`] follows. Never
    /// true once the thread has ended.
    pub fn is_behind(&self) -> bool {
        self.shared.0.requests.are_behind()
    }

    /// Counters since start.
    pub fn counters(&self) -> &FibCounters {
        &self.shared.0.counters
    }
}

/// The service's end of a handle that no service serves: for tests of the core without a kernel.
pub struct Unserved {
    shared: Arc<Shared>,
}

impl Fib {
    /// A handle without a service; its requests stay until they are taken.
    ///
    /// # Errors
    /// No file descriptor could be had.
    pub fn unserved() -> Result<(Fib, FibEvents, Unserved), FibError> {
        let shared = Arc::new(Shared::new()?);
        let (events, unserved) =
            (FibEvents { shared: Arc::clone(&shared) }, Unserved { shared: Arc::clone(&shared) });
        Ok((Fib { shared: Arc::new(StopOnDrop(shared)) }, events, unserved))
    }
}

impl Unserved {
    /// The oldest changes that wait, up to `room`, as the service takes them.
    pub fn take(&self, room: usize) -> Vec<ForwardingChange> {
        self.shared.take_requests(room).forward
    }

    /// The service ends.
    pub fn end(self) {
        self.shared.close();
    }
}

impl fmt::Debug for Unserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unserved").finish_non_exhaustive()
    }
}

/// The core's end of the event queue.
pub struct FibEvents {
    shared: Arc<Shared>,
}

impl fmt::Debug for FibEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FibEvents").finish_non_exhaustive()
    }
}

impl FibEvents {
    /// The next event; `None` when the thread has ended and all was read. Cancel safe.
    pub async fn recv(&mut self) -> Option<FibEvent> {
        loop {
            {
                let mut outbox = lock(&self.shared.outbox);
                if let Some(event) = outbox.take() {
                    return Some(event);
                }
                if outbox.closed {
                    return None;
                }
            }
            self.shared.readable.notified().await;
        }
    }

    /// The next event if one waits.
    pub fn try_recv(&mut self) -> Option<FibEvent> {
        lock(&self.shared.outbox).take()
    }

    /// The next event, waiting on this thread for at most `limit`; for callers without a runtime.
    pub fn recv_timeout(&mut self, limit: Duration) -> Option<FibEvent> {
        let until = Instant::now() + limit;
        let mut outbox = lock(&self.shared.outbox);
        loop {
            if let Some(event) = outbox.take() {
                return Some(event);
            }
            let left = until.saturating_duration_since(Instant::now());
            if outbox.closed || left.is_zero() {
                return None;
            }
            outbox = self
                .shared
                .readable_blocking
                .wait_timeout(outbox, left)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(guard, _)| guard);
        }
    }
}

/// Prepares, opens the sockets in the caller's network namespace and starts the service thread there.
///
/// # Errors
/// See [`start_prepared`].
pub fn start(options: FibOptions) -> Result<(Fib, FibEvents), FibError> {
    start_prepared(Prepared::new()?, options)
}

/// Opens the other sockets in the caller's network namespace and starts the service thread there.
///
/// Returns at once; the first dump is announced by [`FibEvent::Ready`]. Nothing is served and no device made
/// before the first [`FibRequest::Config`].
///
/// # Errors
/// No permission, another weftd in this namespace, or no netlink: see [`FibError`].
pub fn start_prepared(prepared: Prepared, options: FibOptions) -> Result<(Fib, FibEvents), FibError> {
    let shared = Arc::new(Shared::new()?);
    crate::service::spawn(prepared, options, Arc::clone(&shared))?;
    let events = FibEvents { shared: Arc::clone(&shared) };
    Ok((Fib { shared: Arc::new(StopOnDrop(shared)) }, events))
}
