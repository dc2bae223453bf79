//! The configuration as plain data: what stands between the text of a file and the behaviour.
//!
//! JSON in and out comes from serde; text in and out is `parse` and `render`. `None` means that
//! the operator said nothing, so the default (named in each doc comment) holds. Nothing here
//! decides anything; inheritance from peer-groups is in `resolve`, consistency in `validate`.

use super::text_form;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};
use weft_evpn::{RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The node's name, for prompts and the FQDN capability; the kernel's when absent.
    pub hostname: Option<String>,
    /// Where the log goes, and how much of it.
    pub log: Log,
    /// The local VTEP address of the VXLAN devices that Weft makes (`vtep source A`).
    pub vtep_source: Option<IpAddr>,
    /// Bridges that Weft makes itself, by name.
    pub bridge_domains: BTreeMap<String, BridgeDomain>,
    /// `router bgp N`.
    pub bgp: Option<Bgp>,
}

/// The `log …` lines.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Log {
    /// `log level L`; informational when absent. A target may have its own.
    pub level: Option<LogLevel>,
    /// `log stdout [L]`. With no target at all the log goes to stderr.
    pub stdout: Option<LogTarget>,
    /// `log syslog [L]`.
    pub syslog: Option<LogTarget>,
    /// `log file PATH [L]`.
    pub file: Option<LogFile>,
}

/// A log target and its own level, if it has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogTarget {
    /// Overrides `log level` for this target.
    pub level: Option<LogLevel>,
}

/// A log file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct LogFile {
    /// Where; appended to.
    pub path: String,
    /// Overrides `log level` for this target.
    #[serde(default)]
    pub level: Option<LogLevel>,
}

/// Syslog's severities, by the names FRR gives them; `Emergencies` is the most severe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Severity 0.
    Emergencies,
    /// Severity 1.
    Alerts,
    /// Severity 2.
    Critical,
    /// Severity 3.
    Errors,
    /// Severity 4.
    Warnings,
    /// Severity 5.
    Notifications,
    /// Severity 6.
    Informational,
    /// Severity 7.
    Debugging,
}

/// A bridge with one VNI that Weft makes: bridge, VXLAN device and the ports in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BridgeDomain {
    /// Its VNI; without one nothing is made.
    pub vni: Option<Vni>,
    /// Ports to enslave, by Linux interface name.
    pub interfaces: BTreeSet<String>,
    /// MTU of bridge and VXLAN device; the underlay's less the encapsulation when absent.
    pub mtu: Option<u32>,
}

/// `router bgp N`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bgp {
    /// The local AS, 1 to 4,294,967,295.
    pub asn: u32,
    /// `bgp router-id`; when absent the highest loopback address, then the highest address.
    #[serde(default)]
    pub router_id: Option<Ipv4Addr>,
    /// `bgp cluster-id`; the router id when absent (RFC 4456 §7).
    #[serde(default)]
    pub cluster_id: Option<Ipv4Addr>,
    /// `bgp default ipv4-unicast`; kept for FRR's sake, there is no IPv4 unicast yet. Default true.
    #[serde(default = "yes")]
    pub default_ipv4_unicast: bool,
    /// `bgp default local-preference N`; 100 when absent.
    #[serde(default)]
    pub default_local_preference: Option<u32>,
    /// `bgp ebgp-requires-policy` (RFC 8212). Default true.
    #[serde(default = "yes")]
    pub ebgp_requires_policy: bool,
    /// `bgp log-neighbor-changes`. Default true.
    #[serde(default = "yes")]
    pub log_neighbor_changes: bool,
    /// The decision process.
    #[serde(default)]
    pub best_path: BestPath,
    /// `bgp listen range P peer-group G`: who may connect without being a neighbour.
    #[serde(default)]
    pub listen_ranges: BTreeMap<IpNet, String>,
    /// `bgp listen limit N`: dynamic neighbours at most; 100 when absent.
    #[serde(default)]
    pub listen_limit: Option<u16>,
    /// `timers bgp K H`; 60 and 180 when absent.
    #[serde(default)]
    pub timers: Option<Timers>,
    /// Graceful restart of the whole speaker.
    #[serde(default)]
    pub graceful_restart: GracefulRestart,
    /// Peer-groups by name.
    #[serde(default)]
    pub peer_groups: BTreeMap<String, NeighborSettings>,
    /// Neighbours by address.
    #[serde(default)]
    pub neighbors: BTreeMap<IpAddr, Neighbor>,
    /// `address-family l2vpn evpn`, without its neighbour lines (those are with the neighbours).
    #[serde(default)]
    pub evpn: Evpn,
}

impl Bgp {
    /// A speaker of this AS with every default.
    pub fn new(asn: u32) -> Self {
        Bgp {
            asn,
            router_id: None,
            cluster_id: None,
            default_ipv4_unicast: true,
            default_local_preference: None,
            ebgp_requires_policy: true,
            log_neighbor_changes: true,
            best_path: BestPath::default(),
            listen_ranges: BTreeMap::new(),
            listen_limit: None,
            timers: None,
            graceful_restart: GracefulRestart::default(),
            peer_groups: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            evpn: Evpn::default(),
        }
    }
}

fn yes() -> bool {
    true
}

/// `bgp bestpath …` and the MED lines: changes to the decision process (RFC 4271 §9.1.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct BestPath {
    /// The length of the AS path does not count.
    pub as_path_ignore: bool,
    /// Paths of equal length are multipaths although their ASes differ.
    pub as_path_multipath_relax: bool,
    /// Prefer the lower router id also among external paths, instead of the older path.
    pub compare_routerid: bool,
    /// A path without MED is the worst, not the best.
    pub med_missing_as_worst: bool,
    /// Compare MED between different neighbour ASes.
    pub always_compare_med: bool,
    /// Compare MED group by group, so the order of arrival does not matter. Default true.
    pub deterministic_med: bool,
}

impl Default for BestPath {
    fn default() -> Self {
        BestPath {
            as_path_ignore: false,
            as_path_multipath_relax: false,
            compare_routerid: false,
            med_missing_as_worst: false,
            always_compare_med: false,
            deterministic_med: true,
        }
    }
}

/// Keepalive interval and hold time, in seconds. A hold time of 0 turns both off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Timers {
    /// Seconds between keepalives.
    pub keepalive: u16,
    /// Seconds of silence after which the peer is gone; 0 or at least 3 (RFC 4271 §4.2).
    pub hold: u16,
}

/// What a speaker does about graceful restart (RFC 4724).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GracefulRestartMode {
    /// Restarts gracefully and helps others to. The default.
    #[default]
    Restart,
    /// Only helps others.
    Helper,
    /// Neither.
    Disable,
}

/// `bgp graceful-restart …` (RFC 4724, 8538). On unless disabled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GracefulRestart {
    /// Restart (default), helper only, or off.
    pub mode: GracefulRestartMode,
    /// Seconds that peers wait for our session, 0 to 4095; 120 when absent.
    pub restart_time: Option<u16>,
    /// Seconds that we keep a restarting peer's paths after its session is back; 360 when absent.
    pub stalepath_time: Option<u16>,
    /// Seconds that we wait for end-of-RIB before selecting paths after our restart; 360 when absent.
    pub select_defer_time: Option<u16>,
    /// Always set the F bit. Without it the F bit says what was really adopted from the kernel.
    pub preserve_fw_state: bool,
    /// A NOTIFICATION restarts gracefully too (RFC 8538). Default true.
    pub notification: bool,
}

impl Default for GracefulRestart {
    fn default() -> Self {
        GracefulRestart {
            mode: GracefulRestartMode::Restart,
            restart_time: None,
            stalepath_time: None,
            select_defer_time: None,
            preserve_fw_state: false,
            notification: true,
        }
    }
}

/// `neighbor ADDRESS …`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Neighbor {
    /// The peer-group whose settings fill what is not set here.
    pub peer_group: Option<String>,
    /// Its own settings.
    pub settings: NeighborSettings,
}

/// What can be said of a neighbour or of a peer-group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeighborSettings {
    /// The peer's AS. Without one, own or inherited, no session is tried.
    pub remote_as: Option<RemoteAs>,
    /// The local address, or the interface whose address is taken.
    pub update_source: Option<UpdateSource>,
    /// Keepalive and hold; `timers bgp` when absent.
    pub timers: Option<Timers>,
    /// Seconds between connection attempts, 1 to 65535; 120 when absent.
    pub connect_timer: Option<u16>,
    /// Wait for the peer to connect.
    pub passive: bool,
    /// For the operator.
    pub description: Option<String>,
    /// Administratively down.
    pub shutdown: Option<Shutdown>,
    /// TCP-MD5 key (RFC 2385), 1 to 80 octets.
    pub password: Option<String>,
    /// GTSM (RFC 5082): the peer is at most so many hops away, 1 to 254.
    pub ttl_security_hops: Option<u8>,
    /// External peers may be so many hops away; 1 when absent, 255 for a bare `ebgp-multihop`.
    pub ebgp_multihop: Option<u8>,
    /// An external peer one hop away may have an address of no connected subnet.
    pub disable_connected_check: bool,
    /// TCP port to connect to; 179 when absent.
    pub port: Option<u16>,
    /// Offer the extended next hop encoding (RFC 8950).
    pub capability_extended_nexthop: bool,
    /// Do not offer the FQDN capability (`no neighbor X capability fqdn`).
    pub suppress_fqdn: bool,
    /// Graceful restart for this peer; the speaker's when absent.
    pub graceful_restart: Option<GracefulRestartMode>,
    /// The neighbour's lines in `address-family l2vpn evpn`.
    pub l2vpn_evpn: NeighborFamily,
}

/// `remote-as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteAs {
    /// Exactly this AS.
    As(u32),
    /// Our own AS, whatever it is.
    Internal,
    /// Any AS but our own.
    External,
}

/// `update-source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateSource {
    /// This address.
    Address(IpAddr),
    /// An address of this interface, of the peer's family.
    Interface(String),
}

/// `shutdown [message LINE]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shutdown {
    /// The shutdown communication (RFC 9003), at most 255 octets.
    pub message: Option<String>,
}

/// A neighbour's or peer-group's lines inside an address family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeighborFamily {
    /// Routes of the family are exchanged.
    pub activate: bool,
    /// The peer is a client of this route reflector (RFC 4456).
    pub route_reflector_client: bool,
    /// Accept our own AS in a received path.
    pub allowas_in: Option<AllowAsIn>,
    /// How many routes are accepted.
    pub maximum_prefix: Option<MaximumPrefix>,
    /// Kept for FRR's sake: Weft always keeps what it received.
    pub soft_reconfiguration_inbound: bool,
}

/// `allowas-in [N|origin]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllowAsIn {
    /// At most so many times, 1 to 10; 3 when not said.
    Times(u8),
    /// Only as the origin of the path.
    Origin,
}

/// `maximum-prefix N [threshold] [warning-only|restart M]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MaximumPrefix {
    /// How many routes.
    pub limit: u32,
    /// Percentage at which a warning is logged, 1 to 100; 75 when absent.
    #[serde(default)]
    pub threshold: Option<u8>,
    /// What happens beyond the limit.
    #[serde(default)]
    pub action: MaximumPrefixAction,
}

/// What happens when a peer sends more routes than `maximum-prefix` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaximumPrefixAction {
    /// The session ends and stays down until it is cleared.
    #[default]
    Close,
    /// Only a log line.
    WarningOnly,
    /// The session ends and is tried again after so many minutes.
    Restart(u16),
}

/// How BUM frames reach the other VTEPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flooding {
    /// A copy to every VTEP of the VNI. The default.
    #[default]
    HeadEndReplication,
    /// Not at all: no type-3 route is sent, no flood entry made.
    Disable,
}

/// `address-family l2vpn evpn`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evpn {
    /// Serve every VNI that the kernel has; otherwise only those with a `vni` block.
    pub advertise_all_vni: bool,
    /// Originate MAC-IP routes for the addresses of the bridges themselves.
    pub advertise_svi_ip: bool,
    /// The same with the default gateway community.
    pub advertise_default_gw: bool,
    /// BUM handling, unless a VNI says otherwise.
    pub flooding: Flooding,
    /// Duplicate MAC detection (RFC 7432 §15.1).
    pub duplicate_detection: DuplicateDetection,
    /// Derive route targets as RFC 8365 §5.1.2.1 has them.
    pub auto_rt_rfc8365: bool,
    /// `vni N` blocks.
    pub vnis: BTreeMap<Vni, VniConfig>,
}

/// `dup-addr-detection …`. On, 5 moves in 180 seconds, warning only, when nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DuplicateDetection {
    /// Off by `no dup-addr-detection`.
    pub enabled: bool,
    /// Moves that make a duplicate, 2 to 1000.
    pub max_moves: u32,
    /// Seconds within which they are counted, 2 to 1800.
    pub time: u32,
    /// What happens to a duplicate.
    pub freeze: Freeze,
}

impl Default for DuplicateDetection {
    fn default() -> Self {
        DuplicateDetection { enabled: true, max_moves: 5, time: 180, freeze: Freeze::Never }
    }
}

/// `dup-addr-detection freeze …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeze {
    /// Only a warning. The default.
    #[default]
    Never,
    /// No change of the address is followed for so many seconds, 30 to 3600.
    Seconds(u32),
    /// Until `clear evpn dup-addr`.
    Permanent,
}

/// `vni N` … `exit-vni`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VniConfig {
    /// The route distinguisher; derived from the router id when absent.
    #[serde(with = "text_form::option")]
    pub rd: Option<RouteDistinguisher>,
    /// What is imported; the derived route target of any AS when empty.
    #[serde(with = "text_form::set")]
    pub import: BTreeSet<RouteTargetMatch>,
    /// What routes carry; the derived route target when empty.
    #[serde(with = "text_form::set")]
    pub export: BTreeSet<RouteTarget>,
    /// Overrides the family's `flooding`.
    pub flooding: Option<Flooding>,
    /// Overrides the family's `advertise-svi-ip`.
    pub advertise_svi_ip: Option<bool>,
    /// Overrides the family's `advertise-default-gw`.
    pub advertise_default_gw: Option<bool>,
}

impl LogLevel {
    /// Every level, the most severe first.
    pub const ALL: [LogLevel; 8] = [
        Self::Emergencies,
        Self::Alerts,
        Self::Critical,
        Self::Errors,
        Self::Warnings,
        Self::Notifications,
        Self::Informational,
        Self::Debugging,
    ];

    /// FRR's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergencies => "emergencies",
            Self::Alerts => "alerts",
            Self::Critical => "critical",
            Self::Errors => "errors",
            Self::Warnings => "warnings",
            Self::Notifications => "notifications",
            Self::Informational => "informational",
            Self::Debugging => "debugging",
        }
    }

    /// The level of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}
