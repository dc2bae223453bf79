//! Which routes an IP-VRF may not use, and why (RFC 9136 §3.1, §3.2; RFC 9135 §5.4, §9.1.1;
//! draft-ietf-bess-evpn-ipvpn-interworking §4). Such a route is as good as withdrawn for the
//! IP-VRF; it is counted by reason, and the first of each reason is noted. The RIB keeps it
//! and passes it on.
//!
//! ESI and MAC overlay indexes are not resolved, as neither multihoming nor a supplementary
//! broadcast domain is built; routes with one are refused by name.

use crate::engine::RoutePath;
use crate::nlri::{IpPrefix, MacIp};
use crate::{DomainId, Esi, MacAddr, Vni};
use ipnet::IpNet;
use std::{fmt, net::IpAddr};

/// Why a route is not used by an IP-VRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No label, no ESI, no gateway, no router MAC (RFC 9136 §3.1, §3.2).
    NothingToResolve,
    /// Both an ESI and a gateway address (RFC 9136 §3.2).
    TwoOverlayIndexes,
    /// The router MAC is zero or a group address (RFC 9136 §3.2).
    BadRouterMac,
    /// A label without a router MAC, which Ethernet in VXLAN needs (RFC 9136 §4.4.1, RFC 9135 §5.1).
    NoRouterMac,
    /// The overlay index is an ESI, which is not resolved here.
    EsiOverlayIndex,
    /// The overlay index is the router MAC, which is not resolved here.
    MacOverlayIndex,
    /// The label, or second label, is not the IP-VRF's own L3VNI (RFC 9135 §5.4).
    LabelMismatch,
    /// A MAC/IP route with the IP-VRF's route target but one label (RFC 9135 §9.1.1).
    OneLabel,
    /// A MAC/IP route with two labels but route targets of the MAC-VRF only (RFC 9135 §9.1.1).
    NoIpVrfTarget,
    /// The D-PATH holds one of our own domains: it has come round.
    DomainLoop,
    /// Its next hop is one of our own VTEPs.
    OwnVtep,
    /// A multicast or loopback prefix.
    Martian,
    /// More paths to one prefix than are kept.
    TooManyPaths,
}

impl Refusal {
    /// All reasons.
    pub const ALL: [Self; 13] = [
        Self::NothingToResolve,
        Self::TwoOverlayIndexes,
        Self::BadRouterMac,
        Self::NoRouterMac,
        Self::EsiOverlayIndex,
        Self::MacOverlayIndex,
        Self::LabelMismatch,
        Self::OneLabel,
        Self::NoIpVrfTarget,
        Self::DomainLoop,
        Self::OwnVtep,
        Self::Martian,
        Self::TooManyPaths,
    ];

    /// A word for JSON keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::NothingToResolve => "nothingToResolve",
            Self::TwoOverlayIndexes => "twoOverlayIndexes",
            Self::BadRouterMac => "badRouterMac",
            Self::NoRouterMac => "noRouterMac",
            Self::EsiOverlayIndex => "esiOverlayIndex",
            Self::MacOverlayIndex => "macOverlayIndex",
            Self::LabelMismatch => "labelMismatch",
            Self::OneLabel => "oneLabel",
            Self::NoIpVrfTarget => "noIpVrfTarget",
            Self::DomainLoop => "domainLoop",
            Self::OwnVtep => "ownVtep",
            Self::Martian => "martian",
            Self::TooManyPaths => "tooManyPaths",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingToResolve => "it has no label, no overlay index and no router MAC",
            Self::TwoOverlayIndexes => "it has both an ESI and a gateway address",
            Self::BadRouterMac => "its router MAC is no unicast address",
            Self::NoRouterMac => "it has no router MAC",
            Self::EsiOverlayIndex => "its overlay index is an ESI, which is not supported",
            Self::MacOverlayIndex => "its overlay index is a router MAC, which is not supported",
            Self::LabelMismatch => "its label is not the L3VNI",
            Self::OneLabel => "it has the route target of the IP-VRF but one label only",
            Self::NoIpVrfTarget => "it has two labels but no route target of the IP-VRF",
            Self::DomainLoop => "its D-PATH holds our own domain",
            Self::OwnVtep => "its next hop is our own VTEP",
            Self::Martian => "its prefix is multicast or loopback",
            Self::TooManyPaths => "there are too many paths to its prefix",
        })
    }
}

/// How often routes were refused, by reason. Never reset while the IP-VRF is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Refusals([u64; Refusal::ALL.len()]);

impl Refusals {
    /// Counts one; true if it is the first for this reason.
    pub(in crate::engine) fn count(&mut self, refusal: Refusal) -> bool {
        let at = Refusal::ALL.iter().position(|other| *other == refusal);
        let Some(counter) = at.and_then(|at| self.0.get_mut(at)) else { return false };
        *counter = counter.saturating_add(1);
        *counter == 1
    }

    /// How often this reason.
    pub fn of(&self, refusal: Refusal) -> u64 {
        self.iter().find(|(other, _)| *other == refusal).map_or(0, |(_, count)| count)
    }

    /// All reasons with their counts, zeros among them.
    pub fn iter(&self) -> impl Iterator<Item = (Refusal, u64)> {
        Refusal::ALL.into_iter().zip(self.0)
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// What the path of a prefix hangs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overlay {
    /// The VTEP that advertised it, behind this router MAC.
    RouterMac(MacAddr),
    /// A host that is looked up in its turn.
    Gateway(IpAddr),
}

/// The router MAC among the communities, the first of several.
fn router_mac(path: &RoutePath<'_>) -> Option<MacAddr> {
    path.ext_communities.iter().find_map(|community| community.as_router_mac())
}

/// What stands against any use of a path in an IP-VRF.
fn judge_path(path: &RoutePath<'_>, is_ours: impl Fn(DomainId) -> bool) -> Result<(), Refusal> {
    if path.d_path.iter().any(|domain| is_ours(*domain)) { Err(Refusal::DomainLoop) } else { Ok(()) }
}

/// Judges a prefix route for an IP-VRF with this L3VNI.
pub(super) fn judge_prefix(
    route: &IpPrefix,
    path: &RoutePath<'_>,
    vni: Vni,
    is_ours: impl Fn(DomainId) -> bool,
) -> Result<Overlay, Refusal> {
    judge_path(path, is_ours)?;
    if is_martian(route.prefix) {
        return Err(Refusal::Martian);
    }
    let (esi, gateway) = (route.esi != Esi::ZERO, !route.gateway.is_unspecified());
    let no_label = route.label == [0; 3];
    match (esi, gateway, router_mac(path)) {
        (true, true, _) => Err(Refusal::TwoOverlayIndexes),
        (true, false, _) => Err(Refusal::EsiOverlayIndex),
        // With a gateway neither label nor router MAC count (RFC 9136 §3.2).
        (false, true, _) => Ok(Overlay::Gateway(route.gateway)),
        (false, false, None) if no_label => Err(Refusal::NothingToResolve),
        (false, false, Some(mac)) if !mac.is_unicast() => Err(Refusal::BadRouterMac),
        (false, false, Some(_)) if no_label => Err(Refusal::MacOverlayIndex),
        _ if Vni::from_label(route.label) != Some(vni) => Err(Refusal::LabelMismatch),
        (false, false, None) => Err(Refusal::NoRouterMac),
        (false, false, Some(mac)) => Ok(Overlay::RouterMac(mac)),
    }
}

/// Judges the host of a MAC/IP route for an IP-VRF with this L3VNI; gives the router MAC.
pub(super) fn judge_host(
    route: &MacIp,
    path: &RoutePath<'_>,
    vni: Vni,
    is_ours: impl Fn(DomainId) -> bool,
) -> Result<MacAddr, Refusal> {
    judge_path(path, is_ours)?;
    let label = route.label2.ok_or(Refusal::OneLabel)?;
    if Vni::from_label(label) != Some(vni) {
        return Err(Refusal::LabelMismatch);
    }
    let mac = router_mac(path).ok_or(Refusal::NoRouterMac)?;
    if mac.is_unicast() { Ok(mac) } else { Err(Refusal::BadRouterMac) }
}

fn is_martian(prefix: IpNet) -> bool {
    let address = prefix.network();
    address.is_multicast() || (address.is_loopback() && prefix.prefix_len() >= 8)
}

/// True for addresses that mean something on one link only: they are nobody's host route.
pub(in crate::engine) fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}
