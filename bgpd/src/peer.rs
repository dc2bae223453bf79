//! A neighbour as the rest of the daemon sees it: what is configured of it, what a session
//! with it agreed on, and the words in which sessions and core speak to each other.
//!
//! The core owns all routes, the session task owns the socket and the state machine; between
//! them run `SessionEvent` (session to core, one bounded channel), `SessionCommand` and the
//! messages to send (`SessionSender`), both core to session.
//!
//! RFC 4271 §8 (attributes of a session), 4724 and 8538 (graceful restart), 4486 and 9003
//! (Cease), 5082 (TTL security), 2385 (TCP-MD5). No I/O and no decisions in this file.

use crate::rib::PolicyRef;
use crate::session::SessionSender;
use crate::wire::{Capability, Family, update::Update};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use weft_evpn::{DomainId, VrfName, vrf::VrfDevices};

/// The port BGP listens on (RFC 4271 §2).
pub const BGP_PORT: u16 = 179;

/// A neighbour, configured or dynamic; not reused while the daemon runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// One established session of a neighbour; a later session has another id, so that what is
/// still under way from an old one can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// What the neighbour's AS must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemoteAs {
    /// This one.
    Number(u32),
    /// The same as ours (`remote-as internal`).
    Internal,
    /// Any but ours (`remote-as external`).
    External,
}

impl RemoteAs {
    /// True if an OPEN with this AS is from the neighbour that was configured.
    pub fn accepts(self, local_as: u32, remote_as: u32) -> bool {
        remote_as != 0
            && match self {
                RemoteAs::Number(asn) => asn == remote_as,
                RemoteAs::Internal => remote_as == local_as,
                RemoteAs::External => remote_as != local_as,
            }
    }

    /// True if a session with this neighbour is iBGP.
    pub fn is_internal(self, local_as: u32) -> bool {
        match self {
            RemoteAs::Number(asn) => asn == local_as,
            RemoteAs::Internal => true,
            RemoteAs::External => false,
        }
    }
}

/// How we came to know a neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PeerOrigin {
    /// It has a `neighbor` line.
    #[default]
    Configured,
    /// It connected from an address of this `bgp listen range`. It is forgotten when its
    /// session is gone (and its stale routes with it), and we never call it.
    Dynamic {
        /// The range.
        range: IpNet,
    },
}

/// Where our end of the connection comes from (`update-source`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum UpdateSource {
    /// This address.
    Address(IpAddr),
    /// The first address of the neighbour's family on this interface.
    Interface(String),
}

/// The timers that can be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timers {
    /// The longest time between two KEEPALIVEs; a third of the agreed hold time if that is
    /// shorter.
    pub keepalive: Duration,
    /// The hold time that we offer, whole seconds, 0 (off) or 3 to 65535.
    pub hold: Duration,
    /// The longest time between two attempts to connect (`timers connect`). The first retries
    /// come sooner.
    pub connect_retry: Duration,
}

impl Default for Timers {
    /// As FRR: 60 s, 180 s, 120 s.
    fn default() -> Self {
        Self {
            keepalive: Duration::from_secs(60),
            hold: Duration::from_secs(180),
            connect_retry: Duration::from_secs(120),
        }
    }
}

/// A device: its interface index, by which it is meant, and its name, for messages.
pub type Device = (u32, String);

/// The IP-VRF that a neighbour is in, and the device by which we reach it there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VrfBinding {
    /// The IP-VRF.
    pub name: VrfName,
    /// The device that our calls are bound to: the VRF device or, in rule form, an interface.
    /// `None`: there is none (yet), and no call is made.
    pub device: Option<Device>,
}

impl VrfBinding {
    /// The binding of a neighbour in an IP-VRF with these devices. In rule form the interface
    /// is the one that `interface` or `update-source` names, else the one whose subnet holds
    /// the neighbour.
    pub fn find(
        name: VrfName,
        devices: Option<&VrfDevices>,
        neighbour: IpAddr,
        interface: Option<&str>,
        update_source: Option<&UpdateSource>,
    ) -> Self {
        let named = interface.or(match update_source {
            Some(UpdateSource::Interface(interface)) => Some(interface),
            _ => None,
        });
        let device = devices.and_then(|devices| {
            if devices.master.is_some() {
                return devices.master.clone();
            }
            let holds = |subnet: &&IpNet| subnet.contains(&neighbour);
            let found = match named {
                Some(name) => devices.interfaces.iter().find(|interface| interface.device.1 == name),
                None => devices
                    .interfaces
                    .iter()
                    .filter_map(|interface| {
                        let longest = interface.addresses.iter().filter(holds).map(IpNet::prefix_len).max();
                        longest.map(|length| (length, interface))
                    })
                    .max_by_key(|(length, _)| *length)
                    .map(|(_, interface)| interface),
            };
            found.map(|interface| interface.device.clone())
        });
        Self { name, device }
    }

    /// The devices that the IP-VRF is called on: the VRF device or, in rule form, each
    /// interface.
    pub fn listen_devices(devices: &VrfDevices) -> Vec<Device> {
        match &devices.master {
            Some(master) => vec![master.clone()],
            None => devices.interfaces.iter().map(|interface| interface.device.clone()).collect(),
        }
    }

    /// True if a connection of `self` is also one of `other`; a device that only got another
    /// name is the same.
    fn is_same(&self, other: &Self) -> bool {
        let index = |binding: &Self| binding.device.as_ref().map(|(index, _)| *index);
        self.name == other.name && index(self) == index(other)
    }
}

/// By what a neighbour is told from others: two tenants may have neighbours with the same
/// address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerKey {
    /// The IP-VRF; `None`: the underlay.
    pub vrf: Option<VrfName>,
    /// The address.
    pub address: IpAddr,
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.vrf {
            Some(vrf) => write!(f, "{} (vrf {vrf})", self.address),
            None => write!(f, "{}", self.address),
        }
    }
}

/// What distance the neighbour may have, by the TTL of its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TtlPolicy {
    /// iBGP any distance; eBGP one hop.
    #[default]
    Default,
    /// `ebgp-multihop N`: our packets live for this many hops.
    Multihop(u8),
    /// `ttl-security hops N` (RFC 5082): sent with 255, dropped by the kernel below 256 − N.
    Security(u8),
}

/// `neighbor X shutdown [message …]`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Administrative {
    /// Sessions are wanted.
    #[default]
    Up,
    /// No session; the neighbour is told this (RFC 9003).
    Shutdown {
        /// Shutdown communication, at most 255 octets are sent.
        message: Option<String>,
    },
}

/// `maximum-prefix LIMIT [THRESHOLD] [warning-only | restart MINUTES]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaximumPrefix {
    /// Routes of the family that the neighbour may have in our Adj-RIB-In.
    pub limit: u32,
    /// Per cent of `limit` at which a warning is logged.
    pub threshold: u8,
    /// Only warn at the limit.
    pub warning_only: bool,
    /// What is beyond the limit is not kept, and is no reason to close the session: the neighbour counts as one
    /// that asks for everything. Of memberships only, where nothing is configured.
    pub all_beyond: bool,
    /// After the session was closed for it, start again in this time; `None`: only an
    /// operator starts it.
    pub restart: Option<Duration>,
}

/// How often our AS may occur in the AS_PATH of a route that comes in (`allowas-in`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AllowAsIn {
    /// This often; 0 is never.
    Times(u8),
    /// Only as the path's origin: nothing but our AS stands behind it, however often it was
    /// prepended there.
    Origin,
}

impl Default for AllowAsIn {
    fn default() -> Self {
        Self::Times(0)
    }
}

/// What is configured for one neighbour in one family. A family that is in
/// `PeerSettings::families` is activated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PeerFamily {
    /// `route-reflector-client` (RFC 4456).
    pub route_reflector_client: bool,
    /// `allowas-in [N|origin]`.
    pub allowas_in: AllowAsIn,
    /// `maximum-prefix`.
    pub maximum_prefix: Option<MaximumPrefix>,
    /// `soft-reconfiguration inbound`.
    pub soft_reconfiguration_inbound: bool,
    /// The policy for routes that come in: `route-map X in` and `prefix-list X in`.
    pub policy_import: Option<PolicyRef>,
    /// The policy for routes that go out.
    pub policy_export: Option<PolicyRef>,
    /// The domain that the neighbour is in (`neighbor X domain NAME`).
    pub domain: DomainId,
    /// `next-hop-self`; in unicast families it is so anyhow towards eBGP.
    pub next_hop_self: bool,
    /// Our address towards the neighbour, where it is not that of the session: for routes of
    /// one address family over a session of the other.
    pub own_address: Option<IpAddr>,
    /// `default-originate`: it is sent a default route of ours. Unicast families, and
    /// the default membership in `RtFilter`.
    pub default_originate: bool,
}

/// Which capabilities we offer besides multiprotocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CapabilitySwitches {
    /// Route refresh (RFC 2918).
    pub route_refresh: bool,
    /// Enhanced route refresh (RFC 7313).
    pub enhanced_refresh: bool,
    /// Extended messages (RFC 8654).
    pub extended_message: bool,
    /// 4-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// Host and domain name (draft-walton-bgp-hostname-capability).
    pub fqdn: bool,
    /// IPv6 next hops of IPv4 unicast (RFC 8950); off by default.
    pub extended_next_hop: bool,
}

impl Default for CapabilitySwitches {
    fn default() -> Self {
        Self {
            route_refresh: true,
            enhanced_refresh: true,
            extended_message: true,
            four_octet_as: true,
            fqdn: true,
            extended_next_hop: false,
        }
    }
}

/// Graceful restart as configured (RFC 4724, RFC 8538).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GracefulRestartSettings {
    /// Offer the capability with our families, and keep a restarting neighbour's routes.
    pub enabled: bool,
    /// Offer the N bit: routes are kept over NOTIFICATIONs and hold timer expiry, too.
    pub notification: bool,
    /// How long the neighbour should wait for us, whole seconds, at most 4095.
    pub restart_time: Duration,
    /// The longest time that we keep a neighbour's routes without its End-of-RIB.
    pub stale_path_time: Duration,
    /// This daemon has restarted and has not converged: the R bit of OPENs. It is the core's
    /// to clear; a change of it never resets a session.
    pub restarting: bool,
    /// The kernel has kept our entries: the F bit of every family.
    pub forwarding_preserved: bool,
}

impl Default for GracefulRestartSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            notification: true,
            restart_time: Duration::from_secs(120),
            stale_path_time: Duration::from_secs(360),
            restarting: false,
            forwarding_preserved: true,
        }
    }
}

/// Everything that is configured of a neighbour, peer-group and defaults already applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerSettings {
    /// The neighbour's address.
    pub address: IpAddr,
    /// The interface of a link-local address.
    pub interface: Option<String>,
    /// The IP-VRF that it is in; `None`: the underlay.
    pub vrf: Option<VrfBinding>,
    /// The port that we call.
    pub port: u16,
    /// Configured or dynamic.
    pub origin: PeerOrigin,
    /// What its AS must be.
    pub remote_as: RemoteAs,
    /// Our AS in this session.
    pub local_as: u32,
    /// Our BGP identifier.
    pub router_id: Ipv4Addr,
    /// Our host name, for the FQDN capability.
    pub hostname: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// The peer-group it is a member of.
    pub peer_group: Option<String>,
    /// `update-source`.
    pub update_source: Option<UpdateSource>,
    /// `timers` and `timers connect`.
    pub timers: Timers,
    /// Never call, only be called.
    pub passive: bool,
    /// `shutdown`.
    pub administrative: Administrative,
    /// `password`, for TCP-MD5 (RFC 2385); at most 80 octets.
    pub password: Option<String>,
    /// `ttl-security` or `ebgp-multihop`.
    pub ttl: TtlPolicy,
    /// The families activated, with their settings. Without one there is no session.
    pub families: BTreeMap<Family, PeerFamily>,
    /// `enforce-first-as`: the AS_PATH of an eBGP neighbour's routes must begin with its AS.
    pub enforce_first_as: bool,
    /// Capabilities offered.
    pub capabilities: CapabilitySwitches,
    /// Graceful restart.
    pub graceful_restart: GracefulRestartSettings,
}

impl PeerSettings {
    /// A neighbour with nothing configured but its `remote-as`; no family is activated.
    pub fn new(address: IpAddr, remote_as: RemoteAs, local_as: u32, router_id: Ipv4Addr) -> Self {
        Self {
            address,
            interface: None,
            vrf: None,
            port: BGP_PORT,
            origin: PeerOrigin::Configured,
            remote_as,
            local_as,
            router_id,
            hostname: None,
            description: None,
            peer_group: None,
            update_source: None,
            timers: Timers::default(),
            passive: false,
            administrative: Administrative::Up,
            password: None,
            ttl: TtlPolicy::Default,
            families: BTreeMap::new(),
            enforce_first_as: false,
            capabilities: CapabilitySwitches::default(),
            graceful_restart: GracefulRestartSettings::default(),
        }
    }

    /// The same with this family activated.
    #[must_use]
    pub fn with_family(mut self, family: Family) -> Self {
        self.families.entry(family).or_default();
        self
    }

    /// By what it is told from other neighbours.
    pub fn key(&self) -> PeerKey {
        PeerKey { vrf: self.vrf.as_ref().map(|binding| binding.name.clone()), address: self.address }
    }

    /// True if a session with this neighbour is iBGP.
    pub fn is_internal(&self) -> bool {
        self.remote_as.is_internal(self.local_as)
    }

    /// True if going from `self` to `new` needs a new session: the connection or the OPEN
    /// would be another. Timers, descriptions, policies and graceful-restart times are
    /// applied without one.
    pub fn needs_new_session(&self, new: &PeerSettings) -> bool {
        let same_vrf = match (&self.vrf, &new.vrf) {
            (Some(old), Some(new)) => old.is_same(new),
            (old, new) => old.is_none() && new.is_none(),
        };
        !same_vrf
            || self.address != new.address
            || self.interface != new.interface
            || self.port != new.port
            || self.remote_as != new.remote_as
            || self.local_as != new.local_as
            || self.router_id != new.router_id
            || self.update_source != new.update_source
            || self.password != new.password
            || self.ttl != new.ttl
            || !self.families.keys().eq(new.families.keys())
            || self.capabilities != new.capabilities
    }
}

/// `bgp listen range PREFIX peer-group NAME`: who connects from it becomes a neighbour. The
/// template's `vrf` says in which IP-VRF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenRange {
    /// Addresses that may connect; the longest matching range decides.
    pub range: IpNet,
    /// What a neighbour from it is like; `address` and `origin` are filled in.
    pub template: PeerSettings,
    /// `bgp listen limit` of its instance: callers at once, from all ranges of the IP-VRF.
    pub limit: usize,
}

impl ListenRange {
    /// The settings of a neighbour that has called from this address.
    pub fn neighbour(&self, address: IpAddr) -> PeerSettings {
        let origin = PeerOrigin::Dynamic { range: self.range };
        PeerSettings { address, origin, ..self.template.clone() }
    }
}

/// iBGP or eBGP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PeerKind {
    /// The same AS.
    Internal,
    /// Another AS.
    External,
}

/// The two ends of a TCP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Ours.
    pub local: SocketAddr,
    /// The neighbour's.
    pub remote: SocketAddr,
}

/// What graceful restart means in a session; present only if both sides sent the capability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NegotiatedRestart {
    /// The neighbour has restarted (R bit): it waits for our End-of-RIB before it selects.
    pub remote_restarting: bool,
    /// Both sides set the N bit (RFC 8538).
    pub notification: bool,
    /// How long to wait for the neighbour after its session is lost.
    pub restart_time: Duration,
    /// The neighbour's families, and whether it kept its forwarding state (F bit). Only these
    /// are retained.
    pub families: Vec<(Family, bool)>,
}

/// What a session agreed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// iBGP or eBGP.
    pub kind: PeerKind,
    /// Our AS in the session.
    pub local_as: u32,
    /// The neighbour's AS.
    pub remote_as: u32,
    /// Our BGP identifier.
    pub local_id: Ipv4Addr,
    /// The neighbour's BGP identifier.
    pub remote_id: Ipv4Addr,
    /// The connection's ends.
    pub endpoints: Endpoints,
    /// Families that both sides offered.
    pub families: Vec<Family>,
    /// AS numbers have 4 octets in UPDATEs (RFC 6793).
    pub four_octet_as: bool,
    /// Octets that a message of ours may have: 4096, or 65535 if both sides offered extended
    /// messages (RFC 8654).
    pub max_message: usize,
    /// Octets that a message of the neighbour may have: 65535 if we offered extended messages.
    pub max_receive: usize,
    /// Families with path identifiers in both directions; never offered yet, so empty.
    pub add_path: Vec<Family>,
    /// IPv4 unicast may have IPv6 next hops, in both directions (RFC 8950).
    pub extended_next_hop: bool,
    /// The neighbour honours ROUTE-REFRESH (RFC 2918).
    pub route_refresh: bool,
    /// Both sides mark the ends of a refresh (RFC 7313).
    pub enhanced_refresh: bool,
    /// Graceful restart, if both sides offered it.
    pub graceful_restart: Option<NegotiatedRestart>,
    /// The agreed hold time; zero: no KEEPALIVEs and no expiry.
    pub hold_time: Duration,
    /// The time between our KEEPALIVEs, before jitter.
    pub keepalive: Duration,
    /// The neighbour's host name, if it sent one.
    pub hostname: Option<String>,
    /// All that the neighbour's OPEN offered, for the shows.
    pub remote_capabilities: Vec<Capability>,
}

/// The states of RFC 4271 §8.2.2, of the connection that is furthest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FsmState {
    /// Stopped, or waiting after an error.
    #[default]
    Idle,
    /// Calling.
    Connect,
    /// Waiting to call again, or to be called.
    Active,
    /// Our OPEN is under way.
    OpenSent,
    /// Both OPENs were good.
    OpenConfirm,
    /// Routes are exchanged.
    Established,
}

impl fmt::Display for FsmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FsmState::Idle => "Idle",
            FsmState::Connect => "Connect",
            FsmState::Active => "Active",
            FsmState::OpenSent => "OpenSent",
            FsmState::OpenConfirm => "OpenConfirm",
            FsmState::Established => "Established",
        })
    }
}

/// Why we end a session ourselves: the Cease subcodes (RFC 4486).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cease {
    /// 6/1; a hard reset if the N bit was agreed on.
    MaximumPrefixes {
        /// Of this family.
        family: Family,
        /// The limit.
        limit: u32,
    },
    /// 6/2, with the operator's words (RFC 9003); a hard reset.
    AdministrativeShutdown(Option<String>),
    /// 6/3, the neighbour's configuration is gone; a hard reset.
    PeerDeconfigured,
    /// 6/4, `clear bgp`, with the operator's words; routes are retained where N was agreed on.
    AdministrativeReset(Option<String>),
    /// 6/6, something of the session's configuration changed.
    OtherConfigurationChange,
    /// 6/8.
    OutOfResources,
}

/// Who sent the NOTIFICATION that ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sender {
    /// We did.
    Local,
    /// The neighbour did.
    Remote,
}

/// A NOTIFICATION as the shows and the log want it. For a hard reset (RFC 8538 §3) the codes
/// are the inner ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationSummary {
    /// Who sent it.
    pub sender: Sender,
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// It was wrapped in a hard reset.
    pub hard_reset: bool,
    /// The shutdown communication (RFC 9003), if there was one.
    pub communication: Option<String>,
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownReason {
    /// Graceful restart applies: keep the neighbour's routes of the families that
    /// `NegotiatedRestart` names, as stale, for its restart time.
    pub retain: bool,
    /// The NOTIFICATION that ended it, if one did.
    pub notification: Option<NotificationSummary>,
    /// One clear sentence, without the neighbour's name.
    pub text: String,
}

/// What a ROUTE-REFRESH asks or marks (RFC 7313 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshKind {
    /// 0: send everything again.
    Normal,
    /// 1: the beginning of a refresh.
    Begin,
    /// 2: its end.
    End,
}

/// From a session to the core.
#[derive(Debug)]
pub enum SessionEvent {
    /// A session is up; the first event that names it.
    Established {
        /// Of this neighbour.
        peer: PeerId,
        /// The session.
        session: SessionId,
        /// What was agreed on.
        negotiated: Box<Negotiated>,
        /// Where messages to it go.
        out: SessionSender,
    },
    /// An UPDATE that has passed all checks.
    Update {
        /// From this neighbour.
        peer: PeerId,
        /// In this session.
        session: SessionId,
        /// Its contents.
        update: Update,
    },
    /// A ROUTE-REFRESH.
    RouteRefresh {
        /// From this neighbour.
        peer: PeerId,
        /// In this session.
        session: SessionId,
        /// For this family, which both sides have.
        family: Family,
        /// What it says.
        kind: RefreshKind,
    },
    /// After `SessionSender::try_send` said `Full`: there is room again.
    Drained {
        /// To this neighbour.
        peer: PeerId,
        /// In this session.
        session: SessionId,
    },
    /// The session is over; the last event that names it.
    Down {
        /// Of this neighbour.
        peer: PeerId,
        /// The session.
        session: SessionId,
        /// Why.
        reason: DownReason,
    },
    /// The state machine changed its state.
    State {
        /// Of this neighbour.
        peer: PeerId,
        /// To this.
        state: FsmState,
    },
    /// Somebody connected from a listen range and is a neighbour now.
    NewDynamicPeer {
        /// Its id, from the sessions' part of the number space.
        peer: PeerId,
        /// The range's template with the address filled in.
        settings: Box<PeerSettings>,
    },
    /// A dynamic neighbour's session is gone for good; forget the neighbour.
    DynamicPeerGone {
        /// The neighbour.
        peer: PeerId,
    },
}

/// From the core to a neighbour's session task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionCommand {
    /// Sessions are wanted (unless `shutdown` is configured).
    Start,
    /// Close what there is and stay down until `Start`.
    Stop {
        /// Why.
        cease: Cease,
    },
    /// Close what there is and begin again at once.
    Reset {
        /// Why.
        cease: Cease,
    },
    /// The neighbour's settings are these now; only what differs is applied.
    Reconfigure(Box<PeerSettings>),
}
