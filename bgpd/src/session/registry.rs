//! Who is whose neighbour: by IP-VRF and address, by listen range. Gives an accepted
//! connection to the neighbour that it belongs to, and keeps the TCP-MD5 keys of the listeners
//! in step with the neighbours. What a neighbour says is not looked at here.

use super::{
    Shared,
    devices::VrfListeners,
    dial,
    link::Link,
    listener::{self, Listener},
    sockopt,
    status::StatusCell,
    task::{Control, Mailbox, PeerTask},
};
use crate::fsm::ConnectionId;
use crate::peer::{ListenRange, PeerId, PeerOrigin, PeerSettings};
use crate::wire::{Message, Notification, notification::Cease as CeaseSubcode};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError},
    time::Instant,
};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};
use tracing::{info, warn};
use weft_evpn::VrfName;

/// Commands that may wait for one neighbour; it takes them at once unless the machine is
/// overloaded.
const COMMANDS: usize = 64;
/// Accepted connections that may wait for one neighbour.
const CALLERS: usize = 4;
/// Ids from here on are dynamic neighbours'.
pub(super) const FIRST_DYNAMIC: u32 = 1 << 31;

/// How a neighbour is known to the listeners.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub vrf: Option<VrfName>,
    pub address: IpAddr,
    /// Of link-local addresses.
    pub interface: Option<String>,
}

impl Key {
    fn of(settings: &PeerSettings) -> Self {
        Self {
            vrf: vrf_of(settings).cloned(),
            address: settings.address,
            interface: settings.interface.clone().filter(|_| sockopt::is_link_local(settings.address)),
        }
    }
}

fn vrf_of(settings: &PeerSettings) -> Option<&VrfName> {
    settings.vrf.as_ref().map(|binding| &binding.name)
}

/// When a connection came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Perhaps before the listener had the keys of the neighbours: whoever has a password
    /// must call again.
    Early,
    /// With the keys in place.
    Late,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: Key,
    pub password: Option<String>,
    /// The listeners have its password; without that nobody is let in by its address.
    pub keyed: bool,
    pub dynamic: bool,
    pub control: mpsc::Sender<Control>,
    incoming: mpsc::Sender<TcpStream>,
    pub status: Arc<StatusCell>,
    pub task: JoinHandle<()>,
}

/// The neighbours, the listen ranges, and the listeners that have their keys.
#[derive(Debug)]
pub(super) struct Registry {
    pub peers: HashMap<PeerId, Entry>,
    by_address: HashMap<Key, PeerId>,
    ranges: Vec<ListenRange>,
    dynamic: u32,
    /// The listeners without a device.
    pub general: Vec<Listener>,
    /// Those of IP-VRFs.
    pub vrfs: BTreeMap<VrfName, VrfListeners>,
    /// Connections are taken.
    pub accepting: bool,
    /// A second look at listeners that could not be opened is due.
    pub retrying: bool,
}

impl Registry {
    pub fn new(general: Vec<Listener>) -> Self {
        Self {
            peers: HashMap::new(),
            by_address: HashMap::new(),
            ranges: Vec::new(),
            dynamic: 0,
            general,
            vrfs: BTreeMap::new(),
            accepting: false,
            retrying: false,
        }
    }

    /// Nobody is let in any more.
    pub fn close(&mut self) {
        self.by_address.clear();
        self.general.clear();
        self.vrfs.clear();
        self.accepting = false;
    }

    /// The listeners for neighbours of this IP-VRF.
    fn listeners(&self, vrf: Option<&VrfName>) -> impl Iterator<Item = &Listener> {
        let bound = vrf.and_then(|vrf| self.vrfs.get(vrf));
        let general = self.general.iter().filter(move |_| vrf.is_none());
        general.chain(bound.into_iter().flat_map(VrfListeners::iter))
    }

    pub fn listening_on(&self, vrf: Option<&VrfName>) -> Vec<SocketAddr> {
        self.listeners(vrf).filter_map(Listener::address).collect()
    }

    fn take(&mut self, peer: PeerId) -> Option<Entry> {
        let entry = self.peers.remove(&peer)?;
        if self.by_address.get(&entry.key) == Some(&peer) {
            self.by_address.remove(&entry.key);
        }
        Some(entry)
    }

    /// Forgets a neighbour, and its key.
    pub fn remove(&mut self, peer: PeerId) -> Option<Entry> {
        let entry = self.take(peer)?;
        if entry.password.is_some() && !entry.dynamic {
            self.set_key(entry.key.vrf.as_ref(), entry.key.address.into(), None, "neighbor");
        }
        Some(entry)
    }

    /// Keeps addresses and keys in step with what a neighbour's settings are now.
    pub fn reconfigure(&mut self, peer: PeerId, settings: &PeerSettings) {
        let Some(entry) = self.peers.get(&peer) else { return };
        let key = Key::of(settings);
        if entry.dynamic || (entry.key == key && entry.password == settings.password) {
            return;
        }
        let old = entry.key.clone();
        if entry.password.is_some() {
            self.set_key(old.vrf.as_ref(), old.address.into(), None, "neighbor");
        }
        let keyed = self.key_peer(&key, settings.password.as_deref());
        if let Some(entry) = self.peers.get_mut(&peer) {
            entry.keyed = keyed;
            entry.password.clone_from(&settings.password);
            entry.key = key.clone();
        }
        if self.by_address.get(&old) == Some(&peer) {
            self.by_address.remove(&old);
        }
        self.by_address.insert(key, peer);
    }

    pub fn set_listen_ranges(&mut self, ranges: Vec<ListenRange>) {
        // Keys that stay are not touched: without its key a range would be open for a moment.
        let key = |range: &ListenRange| {
            let password = range.template.password.clone()?;
            Some((vrf_of(&range.template).cloned(), range.range, password))
        };
        let (old, new): (Vec<_>, Vec<_>) =
            (self.ranges.iter().filter_map(key).collect(), ranges.iter().filter_map(key).collect());
        let stays = |vrf: &Option<VrfName>, range: &IpNet| {
            new.iter().any(|(kept_vrf, kept, _)| (kept_vrf, kept) == (vrf, range))
        };
        for (vrf, range, _) in old.iter().filter(|(vrf, range, _)| !stays(vrf, range)) {
            self.set_key(vrf.as_ref(), *range, None, "listen range");
        }
        for (vrf, range, password) in new.iter().filter(|entry| !old.contains(entry)) {
            self.set_key(vrf.as_ref(), *range, Some(password), "listen range");
        }
        self.ranges = ranges;
    }

    /// The passwords that a listener of this IP-VRF must have.
    pub fn keys(&self, vrf: &VrfName) -> Vec<(IpNet, String)> {
        let peers = self.peers.values().filter(|entry| !entry.dynamic && entry.key.vrf.as_ref() == Some(vrf));
        let peers = peers.filter_map(|entry| Some((entry.key.address.into(), entry.password.clone()?)));
        let ranges = self.ranges.iter().filter(|range| vrf_of(&range.template) == Some(vrf));
        peers
            .chain(ranges.filter_map(|range| Some((range.range, range.template.password.clone()?))))
            .collect()
    }

    /// A listener could not be given this key: nobody is let in by it.
    pub fn not_keyed(&mut self, vrf: &VrfName, address: IpNet) {
        for entry in self.peers.values_mut() {
            if entry.key.vrf.as_ref() == Some(vrf) && IpNet::from(entry.key.address) == address {
                entry.keyed = false;
            }
        }
    }

    fn key_peer(&self, key: &Key, password: Option<&str>) -> bool {
        password.is_none_or(|password| {
            self.set_key(key.vrf.as_ref(), key.address.into(), Some(password), "neighbor")
        })
    }

    fn set_key(&self, vrf: Option<&VrfName>, peer: IpNet, password: Option<&str>, what: &str) -> bool {
        let outcome = listener::set_key(self.listeners(vrf).map(Listener::socket), peer, password);
        if let Err(error) = &outcome {
            warn!("{what} {peer}: cannot set the TCP-MD5 password: {error}; it cannot connect to us");
        }
        outcome.is_ok()
    }

    /// The listen range that a caller is of, if any.
    fn range_of(&self, key: &Key) -> Option<&ListenRange> {
        self.ranges
            .iter()
            .filter(|range| vrf_of(&range.template) == key.vrf.as_ref() && range.range.contains(&key.address))
            .max_by_key(|range| range.range.prefix_len())
    }
}

impl Shared {
    /// A task has ended by itself. Its status tells it from a later one with the same id.
    pub(super) fn forget(&self, peer: PeerId, status: &Arc<StatusCell>) {
        let mut registry = self.registry();
        if registry.peers.get(&peer).is_some_and(|entry| Arc::ptr_eq(&entry.status, status)) {
            registry.take(peer);
        }
    }

    pub(super) fn spawn(self: &Arc<Self>, registry: &mut Registry, peer: PeerId, settings: PeerSettings) {
        let (control, control_end) = mpsc::channel(COMMANDS);
        let (incoming, incoming_end) = mpsc::channel(CALLERS);
        let status = Arc::new(StatusCell::new(Instant::now()));
        let dynamic = matches!(settings.origin, PeerOrigin::Dynamic { .. });
        let (key, password) = (Key::of(&settings), settings.password.clone());
        // A dynamic neighbour's connection has passed the key of its range.
        let keyed = dynamic || registry.key_peer(&key, password.as_deref());
        let mailbox = Mailbox { control: control_end, incoming: incoming_end };
        let mut task = PeerTask::new(peer, self.clone(), settings, mailbox, status.clone());
        if dynamic {
            task.announce();
        }
        let task = self.runtime.spawn(task.run());
        registry.by_address.insert(key.clone(), peer);
        registry.peers.insert(peer, Entry { key, password, keyed, dynamic, control, incoming, status, task });
    }

    /// Begins to accept; first who waits already.
    pub(super) fn accept(self: &Arc<Self>) {
        let mut registry = self.registry();
        if std::mem::replace(&mut registry.accepting, true) {
            return;
        }
        let _runtime = self.runtime.enter();
        let Registry { general, vrfs, .. } = &mut *registry;
        let waiting: Vec<_> = general.iter().flat_map(Listener::waiting).collect();
        for listener in general {
            listener.accept(&self.runtime, self, None);
        }
        // These had the keys before they listened.
        for (vrf, listeners) in vrfs {
            listeners.accept(&self.runtime, self, vrf);
        }
        drop(registry);
        for (stream, remote) in waiting {
            self.dispatch(stream, remote, None, Arrival::Early);
        }
    }

    /// Gives an accepted connection to the neighbour it belongs to.
    pub(super) fn dispatch(
        self: &Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        vrf: Option<&VrfName>,
        arrival: Arrival,
    ) {
        let interface = match remote {
            SocketAddr::V6(v6) if sockopt::is_link_local(remote.ip()) => dial::interface_name(v6.scope_id()),
            _ => None,
        };
        let key = Key { vrf: vrf.cloned(), address: remote.ip(), interface };
        let mut registry = self.registry();
        let known = registry.by_address.get(&key).and_then(|peer| registry.peers.get(peer));
        let password = match known {
            Some(entry) => entry.password.as_ref(),
            None => registry.range_of(&key).and_then(|range| range.template.password.as_ref()),
        };
        if arrival == Arrival::Early && password.is_some() {
            return;
        }
        if known.is_none()
            && let Err(reason) = self.make_dynamic(&mut registry, &key)
        {
            drop(registry);
            return self.turn_away(stream, remote, vrf, reason);
        }
        let entry = registry.by_address.get(&key).and_then(|peer| registry.peers.get(peer));
        let Some(entry) = entry else { return };
        if !entry.keyed {
            drop(registry);
            return self.turn_away(stream, remote, vrf, "its password could not be set");
        }
        // A full queue means that the task has not come to run; the neighbour calls again.
        let _ = entry.incoming.try_send(stream);
    }

    /// Makes a neighbour of a caller from a listen range.
    fn make_dynamic(self: &Arc<Self>, registry: &mut Registry, key: &Key) -> Result<(), &'static str> {
        let found =
            registry.range_of(key).ok_or("no neighbor has this address, and no listen range holds it")?;
        let mut settings = found.neighbour(key.address);
        settings.interface.clone_from(&key.interface);
        let beside = registry.peers.values().filter(|entry| entry.dynamic && entry.key.vrf == key.vrf);
        if beside.count() >= found.limit {
            return Err("the listen limit is reached");
        }
        info!("neighbor {}: new, from listen range {}", settings.key(), found.range);
        let peer = PeerId(FIRST_DYNAMIC | registry.dynamic);
        registry.dynamic = registry.dynamic.wrapping_add(1);
        self.spawn(registry, peer, settings);
        Ok(())
    }

    fn turn_away(&self, stream: TcpStream, remote: SocketAddr, vrf: Option<&VrfName>, reason: &str) {
        let suppressed = self.log.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if let Some(suppressed) = suppressed {
            let more = if suppressed > 0 { format!(" (and {suppressed} others)") } else { String::new() };
            let place = vrf.map(|vrf| format!(" in vrf {vrf}")).unwrap_or_default();
            warn!("connection from {remote}{place} rejected: {reason}{more}");
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
