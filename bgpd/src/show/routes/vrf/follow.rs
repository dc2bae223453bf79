//! Which path of a route a MAC-VRF or IP-VRF uses.

use super::super::entry::{EntryPath, Route, Sender};
use crate::{rib::PathSource, show::tables::Tables};
use ipnet::IpNet;
use weft_evpn::{
    Vni,
    engine::{MacPlace, NeighbourPlace},
    nlri::EvpnRoute,
};

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It is the one.
    Best,
    /// It is used with others.
    Multipath,
    /// It is not used.
    None,
}

/// What the VRF does with the path.
pub(super) fn use_of(tables: &Tables<'_>, vni: Vni, ip_vrf: bool, path: &EntryPath) -> Use {
    match (&path.route, ip_vrf) {
        (Route::Evpn(route), true) => of_ip_vrf(tables, route, path),
        (Route::Evpn(route), false) if follows(tables, vni, route, path) => Use::Best,
        _ => Use::None,
    }
}

/// True if the label, all 24 bits, is the VNI: the VRF can use no other. A prefix route with a
/// gateway needs no label.
pub(super) fn is_of_label(vni: Vni, ip_vrf: bool, route: &Route) -> bool {
    match (route, ip_vrf) {
        (Route::Evpn(EvpnRoute::MacIp(route)), false) => Vni::from_label(route.label1) == Some(vni),
        (Route::Evpn(EvpnRoute::MacIp(route)), true) => route.label2.and_then(Vni::from_label) == Some(vni),
        (Route::Evpn(EvpnRoute::IpPrefix(route)), true) => {
            !route.gateway.is_unspecified() || Vni::from_label(route.label) == Some(vni)
        }
        _ => true,
    }
}

/// What a route is in the table of an IP-VRF.
pub(super) fn prefix(route: &EvpnRoute) -> Option<IpNet> {
    match route {
        EvpnRoute::IpPrefix(route) => Some(route.prefix),
        EvpnRoute::MacIp(route) => route.ip.map(IpNet::from),
        _ => None,
    }
}

fn of_ip_vrf(tables: &Tables<'_>, route: &EvpnRoute, path: &EntryPath) -> Use {
    let (Some(prefix), Some(vrf)) = (prefix(route), tables.vrf) else { return Use::None };
    let used = vrf.paths(&prefix);
    let own = matches!(path.sender, Sender::Local { .. });
    if own && vrf.table_route(prefix).local.is_some() {
        // The kernel's own route goes before all others, redistributed or not.
        return Use::Best;
    }
    let is_it = |source: PathSource| match source {
        PathSource::Local | PathSource::Peer(_) => own,
        PathSource::Import(id) => match tables.import(&prefix, id) {
            // Its label and gateway are not what tells routes apart.
            Some(import) => {
                !own && import.path.route.rd() == route.rd() && same_type(&import.path.route, route)
            }
            None => own,
        },
    };
    match used.iter().position(|best| is_it(best.source)) {
        Some(0) => Use::Best,
        Some(_) => Use::Multipath,
        None => Use::None,
    }
}

fn same_type(a: &EvpnRoute, b: &EvpnRoute) -> bool {
    match (a, b) {
        (EvpnRoute::MacIp(a), EvpnRoute::MacIp(b)) => a.mac == b.mac,
        (EvpnRoute::IpPrefix(_), EvpnRoute::IpPrefix(_)) => true,
        _ => false,
    }
}

/// True if the MAC-VRF follows this path.
fn follows(tables: &Tables<'_>, vni: Vni, route: &EvpnRoute, path: &EntryPath) -> bool {
    let local = matches!(path.sender, Sender::Local { .. });
    let EvpnRoute::MacIp(host) = route else { return true };
    if host.ip.is_some_and(|ip| {
        let neighbour = tables.evpn.neighbour(vni, ip);
        neighbour.is_none_or(|view| view.mac != host.mac || view.place == NeighbourPlace::Held)
    }) {
        // Addresses of the bridge itself are in no table of neighbours.
        return local;
    }
    match tables.evpn.mac(vni, host.mac).map(|view| view.place) {
        Some(MacPlace::Remote { vtep, .. }) => path.view.attributes.next_hop == Some(vtep),
        Some(MacPlace::Local { .. }) | Some(MacPlace::Unknown) | None => local,
    }
}
