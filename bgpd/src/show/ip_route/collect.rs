//! The routes of an IP-VRF's table: what its own kernel routes and what ours say.

use super::{Hop, Route, Source};
use crate::command::exec::PrefixQuery;
use crate::{
    core::Core,
    peer::PeerKind,
    rib::PathSource,
    show::{instance::Instance, tables::Tables, vrfs},
    vrf::TableRoute,
    wire::unicast,
};
use ipnet::IpNet;
use std::{net::IpAddr, time::Instant};
use weft_evpn::{
    forwarding::{VrfForward, VrfNextHop},
    vrf::{LocalRoute, LocalRouteKind, VrfDevices},
};

/// The devices that serve it.
pub(super) fn devices(core: &Core, instance: &Instance) -> Option<VrfDevices> {
    vrfs::facts(core, instance.vrf()?)?.devices
}

/// The routes to the prefix that is asked for; none if there is no such prefix.
pub(super) fn find(tables: &Tables<'_>, devices: Option<&VrfDevices>, query: PrefixQuery) -> Vec<Route> {
    match query {
        PrefixQuery::Exact(prefix) => routes(tables, devices, prefix),
        PrefixQuery::Longest(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            let prefixes =
                (0..=bits).rev().filter_map(|length| Some(IpNet::new(address, length).ok()?.trunc()));
            let mut found = prefixes.map(|prefix| routes(tables, devices, prefix));
            found.find(|routes| !routes.is_empty()).unwrap_or_default()
        }
    }
}

/// The routes to a prefix: at most one.
pub(super) fn routes(tables: &Tables<'_>, devices: Option<&VrfDevices>, prefix: IpNet) -> Vec<Route> {
    let Some(vrf) = tables.vrf else { return Vec::new() };
    let TableRoute { local, forward, .. } = vrf.table_route(prefix);
    let local = local.map(|route| local_route(prefix, route));
    let ours = forward.map(|forward| our_route(tables, devices, prefix, forward));
    local.into_iter().chain(ours).collect()
}

fn local_route(prefix: IpNet, route: &LocalRoute) -> Route {
    let hop = match (route.gateway, &route.interface) {
        (Some(gateway), device) => Hop::Via { gateway, device: device.clone(), on_link: false },
        (None, Some(device)) => Hop::Connected { device: device.clone() },
        (None, None) => Hop::Unreachable,
    };
    // Of connected routes FRR hides the kernel's metric.
    let metric = if route.kind == LocalRouteKind::Connected { 0 } else { route.metric };
    Route { prefix, source: Source::Local(route.kind), metric, since: None, hops: vec![hop] }
}

fn our_route(
    tables: &Tables<'_>,
    devices: Option<&VrfDevices>,
    prefix: IpNet,
    forward: &VrfForward,
) -> Route {
    let (external, metric, since) = best(tables, &prefix);
    let hops = match forward {
        VrfForward::Discard => vec![Hop::Discard],
        VrfForward::Via(next_hops) => next_hops.iter().map(|next_hop| hop(devices, *next_hop)).collect(),
    };
    Route { prefix, source: Source::Bgp { external }, metric, since, hops }
}

/// Of the best path: whether an eBGP neighbour sent it, its metric, when it came.
fn best(tables: &Tables<'_>, prefix: &IpNet) -> (bool, u32, Option<Instant>) {
    let view = tables.rib.route(unicast::family(prefix), &unicast::nlri(prefix)).ok().flatten();
    let Some(path) = view.and_then(|view| view.paths.into_iter().find(|path| path.best)) else {
        return (false, 0, None);
    };
    let external = match path.source {
        PathSource::Local => false,
        PathSource::Peer(id) => tables.rib.peer(id).is_some_and(|peer| peer.kind == PeerKind::External),
        PathSource::Import(id) => tables.import(prefix, id).is_some_and(|import| import.external),
    };
    (external, path.attributes.med.unwrap_or(0), Some(path.since))
}

fn hop(devices: Option<&VrfDevices>, next_hop: VrfNextHop) -> Hop {
    match next_hop {
        VrfNextHop::Vtep { vtep, .. } => {
            let device = devices.and_then(|devices| Some(devices.l3vni.as_ref()?.svi.clone()));
            Hop::Via { gateway: vtep, device, on_link: true }
        }
        VrfNextHop::Gateway(gateway) => {
            let device = devices.and_then(|devices| on_link(devices, gateway));
            Hop::Via { gateway, device, on_link: false }
        }
    }
}

/// The interface on whose subnet a router is.
fn on_link(devices: &VrfDevices, gateway: IpAddr) -> Option<(u32, String)> {
    let has = |address: &IpNet| address.contains(&gateway);
    let found = devices.interfaces.iter().find(|interface| interface.addresses.iter().any(has))?;
    Some(found.device.clone())
}
