//! Sessions: sockets around the pure state machine of `fsm`. I/O without decisions.
//!
//! ```text
//!              ┌ listener ─ accept ┐ (by address, else by listen range)
//!              ▼                   ▼
//!   TCP ◀──▶ PeerTask (one a neighbour): links ◀─▶ PeerFsm ◀─ timers
//!              │  ▲
//! SessionEvent │  │ SessionCommand (bounded)  ·  SessionSender (bounded, `Full` and `Drained`)
//!              ▼  │
//!             core
//! ```
//!
//! `task` drives a neighbour, `link` is one connection with its `writer`, `dial` makes
//! sockets as configured (`sockopt` has the options without a crate), `listener` accepts,
//! `outbound` is the core's way to a session, `status` what the shows read, `report` how
//! malformed messages are logged. RFC 2385, 5082; RFC 4271 §6 as far as it is about TCP.

mod dial;
mod link;
mod listener;
mod outbound;
mod report;
mod sockopt;
mod status;
mod task;
mod writer;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

pub use listener::{ListenError, any_address};
pub use outbound::{Full, SessionSender};
pub use status::{MessageCounts, PeerStatus};

use crate::fsm::ConnectionId;
use crate::peer::{
    Cease, ListenRange, PeerId, PeerOrigin, PeerSettings, SessionCommand, SessionEvent, SessionId,
};
use crate::wire::{Message, Notification, notification::Cease as CeaseSubcode};
use ipnet::IpNet;
use link::Link;
use report::LogLimit;
use status::StatusCell;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use task::{Control, Mailbox, PeerTask};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{Semaphore, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tracing::{info, warn};

/// Commands that may wait for one neighbour; it takes them at once unless the machine is
/// overloaded.
const COMMANDS: usize = 64;
/// Accepted connections that may wait for one neighbour.
const CALLERS: usize = 4;
/// Strangers that are told 6/5 at the same time; others are just closed.
const STRANGERS: usize = 32;
/// Ids from here on are dynamic neighbours'.
const FIRST_DYNAMIC: u32 = 1 << 31;
/// Dynamic neighbours without `bgp listen limit`, as FRR.
pub const DEFAULT_LISTEN_LIMIT: usize = 100;
/// How long `Sessions::shutdown` waits for the last NOTIFICATIONs.
const LAST_TASKS: Duration = Duration::from_secs(4);

/// What sessions need to know beyond their neighbours.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Where to listen; see `any_address`. Empty: nowhere.
    pub listen: Vec<SocketAddr>,
    /// Decides all jitter; `None`: random.
    pub seed: Option<u64>,
    /// Instead of RFC 9687's send hold time, for tests.
    pub send_hold: Option<Duration>,
}

impl SessionOptions {
    /// Listens there, everything else by default.
    pub fn listening(listen: Vec<SocketAddr>) -> Self {
        Self { listen, seed: None, send_hold: None }
    }
}

/// A command could not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such neighbour (any more).
    #[error("no such neighbor")]
    NoSuchPeer,
    /// Too many commands wait.
    #[error("too many commands are waiting for this neighbor")]
    Busy,
}

/// All sessions of the daemon. The methods never block; they may be called from any thread.
#[derive(Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
    accepting: Vec<JoinHandle<()>>,
}

/// How a neighbour is known by its address; link-local ones with their interface.
type Key = (IpAddr, Option<String>);

#[derive(Debug)]
struct Entry {
    key: Key,
    password: Option<String>,
    /// The listeners have its password; without that nobody is let in by its address.
    keyed: bool,
    dynamic: bool,
    control: mpsc::Sender<Control>,
    incoming: mpsc::Sender<TcpStream>,
    status: Arc<StatusCell>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Registry {
    peers: HashMap<PeerId, Entry>,
    by_address: HashMap<Key, PeerId>,
    ranges: Vec<ListenRange>,
    listen_limit: usize,
    dynamic: u32,
}

/// What listeners, tasks and the handle share.
#[derive(Debug)]
struct Shared {
    options: SessionOptions,
    seed: u64,
    runtime: Handle,
    events: mpsc::Sender<SessionEvent>,
    listeners: Vec<Arc<TcpListener>>,
    sessions: AtomicU64,
    registry: Mutex<Registry>,
    strangers: Arc<Semaphore>,
    log: Mutex<LogLimit>,
}

impl Sessions {
    /// Opens the listeners. Must be called within a tokio runtime, which runs all sessions;
    /// `events` go to the core.
    pub fn start(options: SessionOptions, events: mpsc::Sender<SessionEvent>) -> Result<Self, ListenError> {
        let listeners = listener::open(&options.listen)?;
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let shared = Arc::new(Shared {
            options,
            seed,
            runtime: Handle::current(),
            events,
            listeners,
            sessions: AtomicU64::new(0),
            registry: Mutex::new(Registry { listen_limit: DEFAULT_LISTEN_LIMIT, ..Registry::default() }),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            log: Mutex::new(LogLimit::new(Instant::now())),
        });
        let serve = |listener: &Arc<TcpListener>| {
            shared.runtime.spawn(listener::serve(listener.clone(), shared.clone()))
        };
        let accepting = shared.listeners.iter().map(serve).collect();
        Ok(Self { shared, accepting })
    }

    /// Where connections are accepted.
    pub fn listening_on(&self) -> Vec<SocketAddr> {
        self.shared.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Adds a neighbour, in Idle until `SessionCommand::Start`. Ids below 2^31 are the
    /// caller's to choose; one that is there already is replaced.
    pub fn add(&self, peer: PeerId, settings: PeerSettings) {
        self.remove(peer, Cease::PeerDeconfigured);
        self.shared.spawn(&mut self.shared.registry(), peer, settings);
    }

    /// Tells a neighbour's task something.
    pub fn command(&self, peer: PeerId, command: SessionCommand) -> Result<(), CommandError> {
        let mut registry = self.shared.registry();
        if let SessionCommand::Reconfigure(settings) = &command {
            self.shared.reconfigure(&mut registry, peer, settings);
        }
        let entry = registry.peers.get(&peer).ok_or(CommandError::NoSuchPeer)?;
        entry.control.try_send(Control::Command(command)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::NoSuchPeer,
        })
    }

    /// Ends a neighbour's session with this Cease and forgets the neighbour.
    pub fn remove(&self, peer: PeerId, cease: Cease) {
        let entry = self.shared.registry().take(peer);
        if let Some(entry) = entry {
            self.shared.unkey(&entry);
            self.shared.runtime.spawn(async move { entry.control.send(Control::Remove(cease)).await });
        }
    }

    /// Sets `bgp listen range` and `bgp listen limit`. Neighbours that are there stay.
    pub fn set_listen_ranges(&self, ranges: Vec<ListenRange>, limit: usize) {
        let mut registry = self.shared.registry();
        // Keys that stay are not touched: without its key a range would be open for a moment.
        let key = |range: &ListenRange| range.template.password.clone().map(|key| (range.range, key));
        let (old, new): (Vec<_>, Vec<_>) =
            (registry.ranges.iter().filter_map(key).collect(), ranges.iter().filter_map(key).collect());
        for (range, _) in old.iter().filter(|(range, _)| !new.iter().any(|(kept, _)| kept == range)) {
            self.shared.set_key(*range, None, "listen range");
        }
        for (range, password) in new.iter().filter(|entry| !old.contains(entry)) {
            self.shared.set_key(*range, Some(password), "listen range");
        }
        registry.ranges = ranges;
        registry.listen_limit = limit;
    }

    /// How a neighbour's session stands.
    pub fn status(&self, peer: PeerId) -> Option<PeerStatus> {
        self.shared.registry().peers.get(&peer).map(|entry| entry.status.snapshot())
    }

    /// Ends all sessions with this Cease and waits (some seconds at most) until the
    /// neighbours were told. The events' receiver should be read, or dropped, meanwhile.
    pub async fn shutdown(self, cease: Cease) {
        for accepting in &self.accepting {
            accepting.abort();
        }
        let entries: Vec<_> = {
            let mut registry = self.shared.registry();
            registry.by_address.clear();
            registry.peers.drain().map(|(_, entry)| entry).collect()
        };
        let ended = async {
            for entry in &entries {
                let _ = entry.control.send(Control::Remove(cease.clone())).await;
            }
            for entry in entries {
                let _ = entry.task.await;
            }
        };
        if timeout(LAST_TASKS, ended).await.is_err() {
            warn!("some sessions could not be closed in time");
        }
    }
}

impl Drop for Sessions {
    /// Ends all sessions, too, but without waiting.
    fn drop(&mut self) {
        for accepting in &self.accepting {
            accepting.abort();
        }
        // A task whose commands cannot come any more closes its session.
        let mut registry = self.shared.registry();
        registry.by_address.clear();
        registry.peers.clear();
    }
}

impl Registry {
    fn take(&mut self, peer: PeerId) -> Option<Entry> {
        let entry = self.peers.remove(&peer)?;
        if self.by_address.get(&entry.key) == Some(&peer) {
            self.by_address.remove(&entry.key);
        }
        Some(entry)
    }
}

fn key(settings: &PeerSettings) -> Key {
    let interface = settings.interface.clone().filter(|_| sockopt::is_link_local(settings.address));
    (settings.address, interface)
}

impl Shared {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        // No method leaves it half changed.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seed(&self, peer: PeerId) -> u64 {
        self.seed ^ u64::from(peer.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn next_session(&self) -> SessionId {
        SessionId(self.sessions.fetch_add(1, Ordering::Relaxed))
    }

    /// A task has ended by itself. Its status tells it from a later one with the same id.
    fn forget(&self, peer: PeerId, status: &Arc<StatusCell>) {
        let mut registry = self.registry();
        if registry.peers.get(&peer).is_some_and(|entry| Arc::ptr_eq(&entry.status, status)) {
            registry.take(peer);
        }
    }

    fn spawn(self: &Arc<Self>, registry: &mut Registry, peer: PeerId, settings: PeerSettings) {
        let (control, control_end) = mpsc::channel(COMMANDS);
        let (incoming, incoming_end) = mpsc::channel(CALLERS);
        let status = Arc::new(StatusCell::new(Instant::now()));
        let dynamic = matches!(settings.origin, PeerOrigin::Dynamic { .. });
        let (key, password) = (key(&settings), settings.password.clone());
        // A dynamic neighbour's connection has passed the key of its range.
        let keyed = dynamic || self.key_peer(key.0, password.as_deref());
        let mailbox = Mailbox { control: control_end, incoming: incoming_end };
        let mut task = PeerTask::new(peer, self.clone(), settings, mailbox, status.clone());
        if dynamic {
            task.announce();
        }
        let task = self.runtime.spawn(task.run());
        registry.by_address.insert(key.clone(), peer);
        registry.peers.insert(peer, Entry { key, password, keyed, dynamic, control, incoming, status, task });
    }

    /// Keeps addresses and keys in step with what a neighbour's settings are now.
    fn reconfigure(&self, registry: &mut Registry, peer: PeerId, settings: &PeerSettings) {
        let Some(entry) = registry.peers.get_mut(&peer) else { return };
        let key = key(settings);
        if entry.dynamic || (entry.key == key && entry.password == settings.password) {
            return;
        }
        self.unkey(entry);
        entry.keyed = self.key_peer(key.0, settings.password.as_deref());
        entry.password = settings.password.clone();
        let old = std::mem::replace(&mut entry.key, key.clone());
        if registry.by_address.get(&old) == Some(&peer) {
            registry.by_address.remove(&old);
        }
        registry.by_address.insert(key, peer);
    }

    fn key_peer(&self, address: IpAddr, password: Option<&str>) -> bool {
        password.is_none_or(|password| self.set_key(address.into(), Some(password), "neighbor"))
    }

    fn unkey(&self, entry: &Entry) {
        if entry.password.is_some() && !entry.dynamic {
            self.set_key(entry.key.0.into(), None, "neighbor");
        }
    }

    fn set_key(&self, peer: IpNet, password: Option<&str>, what: &str) -> bool {
        let outcome = listener::set_key(&self.listeners, peer, password);
        if let Err(error) = &outcome {
            warn!("{what} {peer}: cannot set the TCP-MD5 password: {error}; it cannot connect to us");
        }
        outcome.is_ok()
    }

    /// Gives an accepted connection to the neighbour it belongs to.
    fn dispatch(self: &Arc<Self>, stream: TcpStream, remote: SocketAddr) {
        let interface = match remote {
            SocketAddr::V6(v6) if sockopt::is_link_local(remote.ip()) => dial::interface_name(v6.scope_id()),
            _ => None,
        };
        let key = (remote.ip(), interface);
        let mut registry = self.registry();
        if !registry.by_address.contains_key(&key)
            && let Err(reason) = self.make_dynamic(&mut registry, &key)
        {
            drop(registry);
            return self.turn_away(stream, remote, reason);
        }
        let entry = registry.by_address.get(&key).and_then(|peer| registry.peers.get(peer));
        let Some(entry) = entry else { return };
        if !entry.keyed {
            drop(registry);
            return self.turn_away(stream, remote, "its password could not be set");
        }
        // A full queue means that the task has not come to run; the neighbour calls again.
        let _ = entry.incoming.try_send(stream);
    }

    /// Makes a neighbour of a caller from a listen range.
    fn make_dynamic(self: &Arc<Self>, registry: &mut Registry, key: &Key) -> Result<(), &'static str> {
        let found = registry
            .ranges
            .iter()
            .filter(|range| range.range.contains(&key.0))
            .max_by_key(|range| range.range.prefix_len())
            .ok_or("no neighbor has this address, and no listen range holds it")?;
        let origin = PeerOrigin::Dynamic { range: found.range };
        let mut settings = PeerSettings { address: key.0, origin, ..found.template.clone() };
        settings.interface.clone_from(&key.1);
        if registry.peers.values().filter(|entry| entry.dynamic).count() >= registry.listen_limit {
            return Err("the listen limit is reached");
        }
        let peer = PeerId(FIRST_DYNAMIC | registry.dynamic);
        registry.dynamic = registry.dynamic.wrapping_add(1);
        info!("neighbor {}: new, from listen range {}", key.0, found.range);
        self.spawn(registry, peer, settings);
        Ok(())
    }

    fn turn_away(&self, stream: TcpStream, remote: SocketAddr, reason: &str) {
        let suppressed = self.log.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if let Some(suppressed) = suppressed {
            let more = if suppressed > 0 { format!(" (and {suppressed} others)") } else { String::new() };
            warn!("connection from {remote} rejected: {reason}{more}");
        }
        let Ok(permit) = self.strangers.clone().try_acquire_owned() else { return };
        let mut link = Link::new(ConnectionId(0), stream);
        let notification = Notification::new(CeaseSubcode::ConnectionRejected);
        link.writer.push_urgent(Message::Notification(notification).to_bytes());
        self.runtime.spawn(async move {
            link.finish().await;
            drop(permit);
        });
    }
}
