//! A BGP instance: `router bgp N` and `router bgp N vrf NAME`.

use super::{Evpn, Neighbor, NeighborSettings, Unicast, VrfEvpn};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

/// `router bgp N vrf NAME`: PE and CE in an IP-VRF, and what of its table goes into EVPN.
pub type BgpVrf = Bgp<VrfEvpn>;

/// A BGP instance; `F` are the lines of its `address-family l2vpn evpn`, without those of neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bgp<F = Evpn> {
    /// The local AS, 1 to 4,294,967,295.
    pub asn: u32,
    /// `bgp router-id`; when absent the highest loopback address, then the highest address. In an IP-VRF
    /// that of the whole speaker when absent.
    #[serde(default)]
    pub router_id: Option<Ipv4Addr>,
    /// `bgp cluster-id`; the router id when absent (RFC 4456 §7).
    #[serde(default)]
    pub cluster_id: Option<Ipv4Addr>,
    /// `bgp default ipv4-unicast`: in an IP-VRF neighbours exchange IPv4 routes unless told otherwise; outside
    /// of one it means nothing, as Weft exchanges no IPv4 routes there. Default true.
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
    /// `address-family ipv4 unicast`; of an IP-VRF only.
    #[serde(default)]
    pub ipv4: Unicast,
    /// `address-family ipv6 unicast`; of an IP-VRF only.
    #[serde(default)]
    pub ipv6: Unicast,
    /// `address-family rtfilter unicast`, without its neighbour lines; of the speaker's own instance only.
    #[serde(default)]
    pub rtfilter: RtFilter,
    /// `address-family l2vpn evpn`, without its neighbour lines (those are with the neighbours).
    #[serde(default)]
    pub evpn: F,
}

impl Bgp {
    /// The speaker of this AS with every default.
    pub fn new(asn: u32) -> Self {
        Self::instance(asn)
    }
}

impl<F: Default> Bgp<F> {
    /// An instance of this AS with every default.
    pub fn instance(asn: u32) -> Self {
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
            ipv4: Unicast::default(),
            ipv6: Unicast::default(),
            rtfilter: RtFilter::default(),
            evpn: F::default(),
        }
    }
}

fn yes() -> bool {
    true
}

/// What is asked for by memberships of route targets (RFC 4684).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RtFilter {
    /// `auto-import as ASN`: whose derived route targets an import of `*:VNI` stands for. None: everybody's,
    /// so that everything must be asked for.
    pub auto_import_as: BTreeSet<u32>,
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
