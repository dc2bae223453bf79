//! Sessions: sockets around the pure state machine of `fsm`. I/O without decisions.
//!
//! ```text
//!              ┌ listener ─ accept ┐ (by IP-VRF and address, else by listen range)
//!              ▼                   ▼
//!   TCP ◀──▶ PeerTask (one a neighbour): links ◀─▶ PeerFsm ◀─ timers
//!              │  ▲
//! SessionEvent │  │ SessionCommand (bounded)  ·  SessionSender (bounded, `Full` and `Drained`)
//!       (lane) ▼  │
//!             core
//! ```
//!
//! `task` drives a neighbour, `link` is one connection with its `writer`, `dial` makes
//! sockets as configured (`sockopt` has the options without a crate), `listener` accepts,
//! `devices` has the listeners of IP-VRFs, `registry` knows who is whose neighbour, `inbound` is the sessions' way to the core, `outbound` the core's to a session,
//! `shortcut` that of a lone message, `status` what the shows read, `report` how malformed messages are logged. RFC 2385, 5082; RFC 4271 §6 as far as it is about TCP.

mod devices;
mod dial;
mod inbound;
mod link;
mod listener;
mod outbound;
mod registry;
mod report;
mod shortcut;
mod sockopt;
mod status;
mod task;
mod writer;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

pub use inbound::{Arrivals, Inbox, Lanes, Limits, Taker, Turn, channel as inbox};
pub use listener::{ListenError, any_address};
pub use outbound::{Full, SessionSender};
pub use status::{MessageCounts, PeerStatus};

use crate::log::LogLimit;
use crate::peer::{Cease, Device, ListenRange, PeerId, PeerSettings, SessionCommand, SessionId};
use registry::Registry;
use std::{
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use task::Control;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tracing::warn;
use weft_evpn::VrfName;

/// Strangers that are told 6/5 at the same time; others are just closed.
const STRANGERS: usize = 32;
/// Dynamic neighbours without `bgp listen limit`, as FRR.
pub const DEFAULT_LISTEN_LIMIT: usize = 100;
/// Octets of messages, at most, that are a change or two: they take the short ways (`inbound::lone`, `shortcut`). In a flood,
/// where there is more, the tables are the bottleneck, and the sessions work beside them.
const LONE: usize = 512;
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
}

/// What listeners, tasks and the handle share.
#[derive(Debug)]
struct Shared {
    options: SessionOptions,
    seed: u64,
    runtime: Handle,
    lanes: Lanes,
    sessions: AtomicU64,
    registry: Mutex<Registry>,
    strangers: Arc<Semaphore>,
    log: Mutex<LogLimit>,
}

impl Sessions {
    /// Opens the general listeners; who calls is kept waiting until `accept`. Must be called
    /// within a tokio runtime, which runs all sessions; events go to the core by `lanes`.
    ///
    /// # Errors
    /// The port is taken, or the like.
    pub fn start(options: SessionOptions, lanes: Lanes) -> Result<Self, ListenError> {
        let general = listener::open(&options.listen, None, |_| {})?;
        let seed = options.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
        let shared = Arc::new(Shared {
            options,
            seed,
            runtime: Handle::current(),
            lanes,
            sessions: AtomicU64::new(0),
            registry: Mutex::new(Registry::new(general)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            log: Mutex::default(),
        });
        Ok(Self { shared })
    }

    /// Begins to take connections, once the neighbours are known: until then nobody is refused
    /// for not being known yet. Said again, it does nothing.
    pub fn accept(&self) {
        self.shared.accept();
    }

    /// Where connections are accepted for neighbours of no IP-VRF.
    pub fn listening_on(&self) -> Vec<SocketAddr> {
        self.shared.registry().listening_on(None)
    }

    /// The devices of an IP-VRF that its neighbours may call on (`VrfBinding::listen_devices`);
    /// none: the IP-VRF is gone. There is a listener on each, also while the IP-VRF has no
    /// neighbours: in rule form the general one would answer a tenant otherwise.
    pub fn set_vrf_devices(&self, vrf: &VrfName, devices: Vec<Device>) {
        self.shared.set_vrf_devices(vrf, devices);
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
            registry.reconfigure(peer, settings);
        }
        let entry = registry.peers.get(&peer).ok_or(CommandError::NoSuchPeer)?;
        entry.control.try_send(Control::Command(command)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CommandError::Busy,
            mpsc::error::TrySendError::Closed(_) => CommandError::NoSuchPeer,
        })
    }

    /// Ends a neighbour's session with this Cease and forgets the neighbour.
    pub fn remove(&self, peer: PeerId, cease: Cease) {
        if let Some(entry) = self.shared.registry().remove(peer) {
            self.shared.runtime.spawn(async move { entry.control.send(Control::Remove(cease)).await });
        }
    }

    /// Sets `bgp listen range` of all IP-VRFs and of none. Neighbours that are there stay.
    pub fn set_listen_ranges(&self, ranges: Vec<ListenRange>) {
        self.shared.registry().set_listen_ranges(ranges);
    }

    /// How a neighbour's session stands.
    pub fn status(&self, peer: PeerId) -> Option<PeerStatus> {
        self.shared.registry().peers.get(&peer).map(|entry| entry.status.snapshot())
    }

    /// Octets that the events hold which wait for the core.
    pub fn waiting(&self) -> usize {
        self.shared.lanes.octets()
    }

    /// Ends all sessions with this Cease and waits (some seconds at most) until the
    /// neighbours were told.
    pub async fn shutdown(self, cease: Cease) {
        let entries: Vec<_> = {
            let mut registry = self.shared.registry();
            registry.close();
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
        // A task whose commands cannot come any more closes its session.
        let mut registry = self.shared.registry();
        registry.close();
        registry.peers.clear();
    }
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
}
