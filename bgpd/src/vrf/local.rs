//! Routes of the IP-VRF's own kernel table that become BGP routes: `redistribute` and
//! `network` (RFC 4271 §9.4). Pure; a policy has the last word.

use super::settings::VrfSettings;
use crate::rib::{PolicyRef, Verdict};
use crate::wire::{AttributeSet, attribute::Origin, unicast};
use ipnet::IpNet;
use std::net::IpAddr;
use weft_evpn::vrf::{LocalRoute, LocalRouteKind};

/// True for prefixes that mean something beyond their link and this machine.
fn is_routable(prefix: &IpNet) -> bool {
    match prefix.addr() {
        IpAddr::V4(address) => !(address.is_loopback() || address.is_multicast() || address.is_link_local()),
        IpAddr::V6(address) => {
            let whole = prefix.prefix_len() == 128;
            !(address.is_multicast()
                || address.is_unicast_link_local()
                || whole && (address.is_loopback() || address.is_unspecified()))
        }
    }
}

/// What a policy makes of attributes; `None`: the route does not pass.
pub(super) fn judge(policy: Option<&PolicyRef>, prefix: &IpNet, set: AttributeSet) -> Option<AttributeSet> {
    let Some(policy) = policy else { return Some(set) };
    match policy.judge(unicast::family(prefix), &unicast::nlri(prefix), &set) {
        Verdict::Deny => None,
        Verdict::Permit => Some(set),
        Verdict::Change(changed) => Some(*changed),
    }
}

/// The attributes with which a prefix of the table is originated, if it is. A `network` line
/// goes before `redistribute`, and counts only while the table has the prefix.
pub(super) fn origination(
    settings: &VrfSettings,
    prefix: &IpNet,
    route: Option<&LocalRoute>,
) -> Option<AttributeSet> {
    if !is_routable(prefix) {
        return None;
    }
    let family = settings.family(prefix);
    // A gateway's subnet is connected, whether or not the kernel has said so.
    let kind = match route {
        Some(route) => route.kind,
        None if settings.gateway_subnets.contains(prefix) => LocalRouteKind::Connected,
        None => return None,
    };
    let attributes = |origin| AttributeSet {
        origin,
        next_hop: route.and_then(|route| route.gateway),
        med: Some(route.filter(|_| kind != LocalRouteKind::Connected).map_or(0, |route| route.metric)),
        ..AttributeSet::default()
    };
    if let Some(policy) = family.networks.get(prefix) {
        return judge(policy.as_ref(), prefix, attributes(Origin::Igp));
    }
    let policy = family.redistribute.get(&kind)?;
    judge(policy.as_ref(), prefix, attributes(Origin::Incomplete))
}
