//! `show bgp [l2vpn evpn|vrf V] neighbors [X] [json]`: a neighbour at length. `text` and `json`
//! render what `peer_view` copied out of the core; FRR's words and keys.
//!
//! Left out, because Weft has no such fact: roles, last read and write, add-path, long-lived
//! graceful restart, round trip time, next hops by family, numeric reset codes.

mod json;
mod text;

use super::{
    instance::{Instance, select},
    json::JsonStream,
    peer_view::{self, PeerView},
    routes::no_such_neighbour,
};
use crate::{
    command::{ExecError, Sink, exec::VrfSelector},
    core::CoreHandle,
    peer::PeerId,
    wire::{Capability, Family, capability::GracefulRestart},
};
use std::{collections::VecDeque, net::IpAddr};

/// Carries out the command for one instance, or for several.
pub(super) fn show(
    core: &CoreHandle,
    selector: VrfSelector,
    address: Option<IpAddr>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let all = selector == VrfSelector::All;
    let instances = core.ask(move |core, _| select(core, &selector))??;
    let mut stream = json.then(JsonStream::object);
    let mut found = false;
    for instance in instances {
        let of = instance.clone();
        let ids: VecDeque<PeerId> = core.ask(move |core, _| {
            let meant = peer_view::ids(core, &of, None).into_iter();
            meant
                .filter(|(_, other)| address.is_none_or(|address| address == *other))
                .map(|(id, _)| id)
                .collect()
        })?;
        found |= !ids.is_empty();
        match &mut stream {
            Some(stream) if all => stream.begin_object(instance.name()),
            None if all => out.text(&format!("\nInstance {}:\n", instance.name()))?,
            _ => {}
        }
        one_instance(core, &instance, ids, stream.as_mut(), out)?;
        if let (Some(stream), true) = (&mut stream, all) {
            stream.end();
        }
    }
    match (stream, address.is_some() && !found) {
        (None, true) => Err(no_such_neighbour()),
        (None, false) => Ok(()),
        (Some(mut stream), missing) => {
            if missing {
                stream.member("bgpNoSuchNeighbor", true);
            }
            Ok(out.text(&stream.finish())?)
        }
    }
}

fn one_instance(
    core: &CoreHandle,
    instance: &Instance,
    mut ids: VecDeque<PeerId>,
    mut stream: Option<&mut JsonStream>,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    while !ids.is_empty() {
        let (views, of);
        of = instance.clone();
        (ids, views) = core.ask(move |core, now| {
            let views = peer_view::next(core, &of, &mut ids, now);
            (ids, views)
        })?;
        match &mut stream {
            Some(stream) => {
                for peer in &views {
                    stream.member(&peer.settings.address.to_string(), json::neighbour(peer));
                }
                out.text(&stream.take())?;
            }
            None => out.text(&views.iter().map(text::neighbour).collect::<String>())?,
        }
    }
    Ok(())
}

/// A capability on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sides {
    advertised: bool,
    received: bool,
}

impl Sides {
    fn words(self) -> Option<&'static str> {
        match (self.advertised, self.received) {
            (true, true) => Some("advertised and received"),
            (true, false) => Some("advertised"),
            (false, true) => Some("received"),
            (false, false) => None,
        }
    }

    fn key(self) -> Option<&'static str> {
        match (self.advertised, self.received) {
            (true, true) => Some("advertisedAndReceived"),
            (true, false) => Some("advertised"),
            (false, true) => Some("received"),
            (false, false) => None,
        }
    }
}

/// What both sides' OPENs offered.
#[derive(Debug, Clone)]
struct Offers<'a> {
    four_octet_as: Sides,
    extended_message: Sides,
    route_refresh: Sides,
    enhanced_refresh: Sides,
    families: Vec<(Family, Sides)>,
    own_name: Option<&'a str>,
    /// Host and domain name.
    remote_name: Option<(&'a str, &'a str)>,
    graceful_restart: Sides,
    remote_restart: Option<&'a GracefulRestart>,
}

/// The offers of an established session.
fn offers(peer: &PeerView) -> Option<Offers<'_>> {
    let negotiated = peer.negotiated()?;
    let remote = &negotiated.remote_capabilities;
    let has = |is: fn(&Capability) -> bool| remote.iter().any(is);
    let switches = peer.settings.capabilities;
    let sides = |advertised, received| Sides { advertised, received };
    let offered = |family: Family| {
        let row = family.row();
        remote.contains(&Capability::Multiprotocol { afi: row.afi, safi: row.safi })
    };
    let remote_restart = remote.iter().find_map(|capability| match capability {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    });
    let families = crate::wire::family::FAMILIES.iter().map(|row| row.family);
    Some(Offers {
        four_octet_as: sides(switches.four_octet_as, has(|each| matches!(each, Capability::FourOctetAs(_)))),
        extended_message: sides(
            switches.extended_message,
            has(|each| matches!(each, Capability::ExtendedMessage)),
        ),
        route_refresh: sides(switches.route_refresh, has(|each| matches!(each, Capability::RouteRefresh))),
        enhanced_refresh: sides(
            switches.enhanced_refresh,
            has(|each| matches!(each, Capability::EnhancedRouteRefresh)),
        ),
        families: families
            .map(|family| (family, sides(peer.settings.families.contains_key(&family), offered(family))))
            .collect(),
        own_name: peer.settings.hostname.as_deref().filter(|_| switches.fqdn),
        remote_name: remote.iter().find_map(|capability| match capability {
            Capability::Fqdn { hostname, domain } => Some((hostname.as_str(), domain.as_str())),
            _ => None,
        }),
        graceful_restart: sides(peer.settings.graceful_restart.enabled, remote_restart.is_some()),
        remote_restart,
    })
}

/// FRR's words for what we do at a restart.
fn local_restart_mode(peer: &PeerView) -> &'static str {
    let restart = &peer.settings.graceful_restart;
    match (restart.enabled, restart.restart_time.is_zero()) {
        (false, _) => "Disable",
        (true, true) => "Helper",
        (true, false) => "Restart",
    }
}

/// And for what the neighbour does.
fn remote_restart_mode(peer: &PeerView) -> &'static str {
    match offers(peer) {
        None => "NotApplicable",
        Some(offers) => match offers.remote_restart {
            None => "Disable",
            Some(restart) if restart.families.is_empty() => "Helper",
            Some(_) => "Restart",
        },
    }
}

/// How many hops away the neighbour may be.
fn hops(peer: &PeerView) -> u8 {
    match peer.settings.ttl {
        crate::peer::TtlPolicy::Multihop(hops) | crate::peer::TtlPolicy::Security(hops) => hops,
        crate::peer::TtlPolicy::Default if peer.is_internal() => 255,
        crate::peer::TtlPolicy::Default => 1,
    }
}

#[cfg(test)]
mod tests;
