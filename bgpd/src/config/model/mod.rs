//! The configuration as plain data: what stands between the text of a file and the behaviour.
//!
//! JSON in and out comes from serde; text in and out is `parse` and `render`. `None` means that
//! the operator said nothing, so the default (named in each doc comment) holds. Nothing here
//! decides anything; inheritance from peer-groups is in `resolve`, consistency in `validate`.

mod bgp;
mod evpn;
mod lists;
mod neighbor;
mod route_map;
mod unicast;

pub use bgp::{BestPath, Bgp, BgpVrf, GracefulRestart, GracefulRestartMode, RtFilter, Timers};
pub use evpn::{Advertise, Domain, DuplicateDetection, Evpn, Flooding, Freeze, VniConfig, VrfEvpn};
pub use lists::{
    AccessList, AccessListEntry, Action, AsPathList, ByFamily, CommunityList, CommunityListEntry,
    ExtCommunityList, LargeCommunityList, MacAccessList, MacAccessListEntry, PrefixList, PrefixListEntry,
    RegexEntry, StandardCommunityList,
};
pub use neighbor::{
    AllowAsIn, MaximumPrefix, MaximumPrefixAction, Neighbor, NeighborFamily, NeighborSettings, NextHopSelf,
    RemoteAs, Shutdown, UpdateSource,
};
pub use route_map::{
    Adjustment, CommunityComparison, CommunityMatch, EvpnRouteType, Match, OnMatch, Origin, RouteMap,
    RouteMapEntry, Set, SetCommunities,
};
pub use unicast::{Aggregate, Network, Redistribute, RedistributeSource, Unicast};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};
use weft_evpn::{MacAddr, Vni};

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
    /// `gateway mac M`: the Ethernet address of every gateway that has none of its own;
    /// 00:00:5e:00:01:01 when absent (RFC 9135 §4.1).
    pub gateway_mac: Option<MacAddr>,
    /// IP-VRFs by name.
    pub vrfs: BTreeMap<String, Vrf>,
    /// Bridges that Weft makes itself, by name.
    pub bridge_domains: BTreeMap<String, BridgeDomain>,
    /// `router bgp N`.
    pub bgp: Option<Bgp>,
    /// `router bgp N vrf NAME`, by name of the IP-VRF.
    pub bgp_vrfs: BTreeMap<String, BgpVrf>,
    /// `access-list`, `ipv6 access-list`.
    pub access_lists: ByFamily<AccessList>,
    /// `mac access-list`.
    pub mac_access_lists: BTreeMap<String, MacAccessList>,
    /// `ip|ipv6 prefix-list`.
    pub prefix_lists: ByFamily<PrefixList>,
    /// `bgp as-path access-list`.
    pub as_path_lists: BTreeMap<String, AsPathList>,
    /// `bgp community-list`.
    pub community_lists: BTreeMap<String, StandardCommunityList>,
    /// `bgp large-community-list`.
    pub large_community_lists: BTreeMap<String, LargeCommunityList>,
    /// `bgp extcommunity-list`.
    pub extcommunity_lists: BTreeMap<String, ExtCommunityList>,
    /// `route-map`.
    pub route_maps: BTreeMap<String, RouteMap>,
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
    /// `vrf NAME`: the IP-VRF that its gateways route in; the main table when absent.
    pub vrf: Option<String>,
    /// `gateway P/L`: addresses of the bridge, the same at every leaf, with the lengths of their subnets.
    pub gateways: BTreeSet<IpNet>,
    /// `gateway mac M`: the bridge's own Ethernet address; that of all gateways when absent.
    pub gateway_mac: Option<MacAddr>,
}

/// `vrf NAME`: an IP-VRF.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Vrf {
    /// `vni N`: its L3VNI; without one it takes no part in EVPN.
    pub vni: Option<Vni>,
    /// `vni N prefix-routes-only`: hosts travel as MAC/IP routes of their L2VNI only.
    pub prefix_routes_only: bool,
    /// `table N`: its routing table; that of the VRF device of this name when absent, else one that
    /// Weft chooses.
    pub table: Option<u32>,
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
