//! What an operator can ask for or set off: the operational commands as typed values, and the
//! trait by which the rest of the daemon carries them out. How their text looks is `show`'s.

use super::sink::Sink;
use crate::{config::Config, wire::Family};
use ipnet::IpNet;
use std::{fmt, net::IpAddr};
use weft_evpn::{MacAddr, RouteDistinguisher, Vni};

/// An operational command, parsed. A `vni` of `None` means all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecCommand {
    /// `show version [json]`
    ShowVersion { json: bool },
    /// `show memory [json]`
    ShowMemory { json: bool },
    /// `show bgp [l2vpn evpn] summary [established|failed] [json]`; no family: all of them.
    ShowBgpSummary { family: Option<Family>, sessions: SessionFilter, json: bool },
    /// `show bgp [l2vpn evpn] neighbors [X] [json]`
    ShowBgpNeighbors { peer: Option<IpAddr>, json: bool },
    /// `show bgp l2vpn evpn [route …]`: the global table.
    ShowBgpEvpnRoutes(RouteQuery),
    /// `show bgp l2vpn evpn route vni N|all …`: the tables of the MAC-VRFs.
    ShowBgpEvpnVniRoutes { vni: Option<Vni>, query: RouteQuery },
    /// `show bgp l2vpn evpn vni [N] [json]`: instances with their RDs and route targets.
    ShowBgpEvpnVni { vni: Option<Vni>, json: bool },
    /// `show bgp l2vpn evpn neighbors X advertised-routes|routes|received-routes [json]`
    ShowBgpEvpnNeighborRoutes { peer: IpAddr, table: NeighborTable, json: bool },
    /// `show bgp rtfilter [unicast] [json]`
    ShowBgpRtFilter { json: bool },
    /// `show bgp rtfilter [unicast] neighbors X [json]`
    ShowBgpRtFilterNeighbor { peer: IpAddr, json: bool },
    /// `show evpn [json]`
    ShowEvpn { json: bool },
    /// `show evpn vni [N|detail] [json]`: `vni` of `None` lists all, at length with `detail`.
    ShowEvpnVni { vni: Option<Vni>, detail: bool, json: bool },
    /// `show evpn mac vni N|all [mac M|vtep V|duplicate|detail] [json]`
    ShowEvpnMac { vni: Option<Vni>, filter: MacFilter, detail: bool, json: bool },
    /// `show evpn arp-cache vni N|all [ip I|vtep V|duplicate|detail] [json]`
    ShowEvpnArpCache { vni: Option<Vni>, filter: NeighFilter, detail: bool, json: bool },
    /// `show bgp vrf NAME|all [ipv4|ipv6 unicast] summary [established|failed] [json]`
    ShowBgpVrfSummary { vrf: VrfSelector, afi: Option<Afi>, sessions: SessionFilter, json: bool },
    /// `show bgp vrf NAME|all neighbors [X] [json]`
    ShowBgpVrfNeighbors { vrf: VrfSelector, peer: Option<IpAddr>, json: bool },
    /// `show bgp vrf NAME [ipv4|ipv6 unicast] neighbors X advertised-routes|routes|received-routes [json]`
    ShowBgpVrfNeighborRoutes { vrf: String, afi: Afi, peer: IpAddr, table: NeighborTable, json: bool },
    /// `show bgp vrf NAME|all [ipv4|ipv6 unicast] [P] [json]`; no family: IPv4 without a prefix, that of the
    /// prefix otherwise.
    ShowBgpVrfRoutes { vrf: VrfSelector, afi: Afi, prefix: Option<PrefixQuery>, json: bool },
    /// `show bgp vrf NAME|all vni [json]`
    ShowBgpVrfVni { vrf: VrfSelector, json: bool },
    /// `show ip|ipv6 route vrf NAME|all [P] [json]`
    ShowRouteVrf { vrf: VrfSelector, afi: Afi, prefix: Option<PrefixQuery>, json: bool },
    /// `show vrf [json]`
    ShowVrf { json: bool },
    /// `show vrf [NAME] vni [json]`
    ShowVrfVni { vrf: VrfSelector, json: bool },
    /// `show evpn rmac vni N|all [mac M] [json]`
    ShowEvpnRmac { vni: Option<Vni>, mac: Option<MacAddr>, json: bool },
    /// `show evpn next-hops vni N|all [ip A] [json]`
    ShowEvpnNextHops { vni: Option<Vni>, ip: Option<IpAddr>, json: bool },
    /// `show evpn domain [NAME] [json]`
    ShowEvpnDomain { domain: Option<String>, json: bool },
    /// `show route-map [NAME] [json]`
    ShowRouteMap { name: Option<String>, json: bool },
    /// `show ip|ipv6 prefix-list [NAME] [json]`
    ShowPrefixList { afi: Afi, name: Option<String>, json: bool },
    /// `show evpn consistency [json]`: desired against kernel.
    ShowEvpnConsistency { json: bool },
    /// `clear bgp [l2vpn evpn] TARGET [soft [in|out]]`; no family: all of them.
    ClearBgp { family: Option<Family>, target: ClearTarget, how: ClearHow },
    /// `clear bgp vrf NAME|all [ipv4|ipv6 unicast] TARGET [soft [in|out]]`
    ClearBgpVrf { vrf: VrfSelector, afi: Option<Afi>, target: ClearTarget, how: ClearHow },
    /// `clear evpn dup-addr vni N|all [mac M|ip I]`
    ClearEvpnDupAddr { vni: Option<Vni>, what: DuplicateFilter },
}

impl ExecCommand {
    /// True if it changes nothing: what a reader without rights may run.
    pub fn is_read_only(&self) -> bool {
        !matches!(self, Self::ClearBgp { .. } | Self::ClearBgpVrf { .. } | Self::ClearEvpnDupAddr { .. })
    }
}

/// Which IP-VRFs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VrfSelector {
    /// Every one.
    All,
    /// This one.
    Named(String),
}

impl VrfSelector {
    /// True if it is meant.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(wanted) => wanted == name,
        }
    }
}

/// A unicast family of IP-VRFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Afi {
    /// `ipv4 unicast`
    Ipv4,
    /// `ipv6 unicast`
    Ipv6,
}

/// Which routes of a table of prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrefixQuery {
    /// This prefix.
    Exact(IpNet),
    /// The longest prefix that holds this address.
    Longest(IpAddr),
}

/// Which sessions a summary lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SessionFilter {
    /// All.
    #[default]
    Any,
    /// Only those that are up.
    Established,
    /// Only those that are not.
    Failed,
}

/// Which routes, and how. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RouteQuery {
    /// Every attribute of every path.
    pub detail: bool,
    /// Route type, 1 to 5.
    pub route_type: Option<u8>,
    /// Only this route distinguisher.
    pub rd: Option<RouteDistinguisher>,
    /// Only type-2 routes of this MAC.
    pub mac: Option<MacAddr>,
    /// Only type-2 routes of this IP.
    pub ip: Option<IpAddr>,
    /// Only type-5 routes of this prefix.
    pub prefix: Option<IpNet>,
    /// Only routes whose next hop is this VTEP.
    pub vtep: Option<IpAddr>,
    /// Only routes that we originated.
    pub self_originate: bool,
    /// Without the word `route`: FRR's older form, whose JSON is another.
    pub overview: bool,
    /// JSON with FRR's keys.
    pub json: bool,
}

/// One of a neighbour's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeighborTable {
    /// Adj-RIB-Out: what we sent.
    Advertised,
    /// What we received and accepted.
    Accepted,
    /// Adj-RIB-In: all that we received.
    Received,
}

/// Which MACs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MacFilter {
    /// All.
    #[default]
    All,
    /// One, at length.
    Mac(MacAddr),
    /// Those behind a VTEP.
    Vtep(IpAddr),
    /// Those found on two sides.
    Duplicate,
}

/// Which neighbours (IP to MAC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NeighFilter {
    /// All.
    #[default]
    All,
    /// One, at length.
    Ip(IpAddr),
    /// Those behind a VTEP.
    Vtep(IpAddr),
    /// Those found on two sides.
    Duplicate,
}

/// Which duplicates to forget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateFilter {
    /// All of the VNI.
    #[default]
    All,
    /// One MAC.
    Mac(MacAddr),
    /// One address.
    Ip(IpAddr),
}

/// Whose sessions to clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClearTarget {
    /// `*`
    All,
    /// One neighbour, configured or dynamic.
    Peer(IpAddr),
    /// The members of a group.
    PeerGroup(String),
    /// Every external peer.
    External,
}

/// How to clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearHow {
    /// Cease, then again.
    Hard,
    /// Ask for and send everything again.
    SoftBoth,
    /// Route refresh towards us.
    SoftIn,
    /// Send everything again.
    SoftOut,
}

/// What a dynamic completion stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidates {
    /// Addresses of neighbours, dynamic ones too.
    Peers,
    /// Names of peer-groups.
    PeerGroups,
    /// VNIs, configured or found in the kernel.
    Vnis,
    /// Names of bridge domains.
    BridgeDomains,
    /// Names of IP-VRFs, configured or found in the kernel.
    Vrfs,
    /// Names of route-maps.
    RouteMaps,
    /// Names of prefix-lists of both families.
    PrefixLists,
    /// Names of access-lists of both families.
    AccessLists,
    /// Names of MAC access-lists.
    MacAccessLists,
    /// Names of community lists of every kind.
    CommunityLists,
    /// Names of AS path access-lists.
    AsPathLists,
    /// Names of EVPN domains.
    Domains,
    /// Names of network interfaces.
    Interfaces,
    /// Addresses of remote VTEPs.
    Vteps,
}

/// A command or a configuration that could not be carried out: one line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecError(pub String);

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ExecError {}

impl From<super::sink::SinkClosed> for ExecError {
    fn from(closed: super::sink::SinkClosed) -> Self {
        ExecError(closed.to_string())
    }
}

impl From<fmt::Error> for ExecError {
    fn from(_: fmt::Error) -> Self {
        super::sink::SinkClosed.into()
    }
}

/// The daemon as the shell sees it. Called from a thread of the management socket, never from the core:
/// an implementation asks the core page by page and may block in the sink, so a slow reader
/// costs that thread and nothing else.
pub trait ExecBackend: Send + Sync {
    /// Carries out a command, writing its output piece by piece.
    fn exec(&self, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError>;

    /// Makes this configuration the running one, all of it or none. Returns when it is in force.
    /// It has been validated; what fails here is the system (no such address, port taken).
    fn apply(&self, config: &Config) -> Result<(), ExecError>;

    /// Words known beyond the configuration (dynamic neighbours, VNIs of the kernel).
    fn candidates(&self, _what: Candidates) -> Vec<String> {
        Vec::new()
    }
}
