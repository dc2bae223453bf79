//! Keeps of a queue of levels only what still counts: the last word on each key.

use hashbrown::HashSet;
use ipnet::IpNet;
use std::net::IpAddr;
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::{LocalEvent, NeighbourSource};
use weft_evpn::{MacAddr, Vni, VrfName};

#[derive(PartialEq, Eq, Hash)]
enum ForwardKey {
    Mac(Vni, MacAddr),
    Neighbour(Vni, IpAddr),
    Flood(Vni, IpAddr),
    Probe(Vni, IpAddr),
    Announce(Vni, IpAddr),
    Proxy(Vni, IpAddr),
    Route(VrfName, IpNet),
}

/// All of these parts without every change that a later one of the same key made void; the order of the rest stays.
pub(super) fn forwards(
    parts: impl DoubleEndedIterator<Item: DoubleEndedIterator<Item = ForwardingChange>>,
) -> Vec<ForwardingChange> {
    let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
    let mut is_last = |change: &ForwardingChange| {
        seen.insert(match *change {
            ForwardingChange::Route { ref vrf, prefix, .. } => ForwardKey::Route(vrf.clone(), prefix),
            ForwardingChange::Announce { vni, ip, .. } => ForwardKey::Announce(vni, ip),
            ForwardingChange::Proxy { vni, ip, .. } => ForwardKey::Proxy(vni, ip),
            ForwardingChange::Mac { vni, mac, .. } => ForwardKey::Mac(vni, mac),
            ForwardingChange::Neighbour { vni, ip, .. } => ForwardKey::Neighbour(vni, ip),
            ForwardingChange::Flood { vni, vtep, .. } => ForwardKey::Flood(vni, vtep),
            ForwardingChange::Probe { vni, ip, .. } => ForwardKey::Probe(vni, ip),
        })
    };
    let mut kept: Vec<_> = parts.rev().flat_map(Iterator::rev).filter(|change| is_last(change)).collect();
    kept.reverse();
    kept
}

#[derive(PartialEq, Eq, Hash)]
enum LocalKey {
    Up(Vni),
    Down(Vni),
    VrfUp(VrfName),
    VrfDown(VrfName),
    Route(VrfName, IpNet),
    Mac(Vni, MacAddr),
    Neighbour(Vni, IpAddr),
    Snooped(Vni, IpAddr),
}

/// Drops every event that a later one made void. A `VniDown` makes all earlier ones of its VNI void.
pub(super) fn locals(events: &mut Vec<LocalEvent>) {
    let mut seen = HashSet::with_hasher(foldhash::fast::RandomState::default());
    keep_from_end(events, |event| {
        let (down, key) = match *event {
            LocalEvent::VniUp { vni, .. } => (LocalKey::Down(vni), LocalKey::Up(vni)),
            LocalEvent::VniDown { vni } => (LocalKey::Down(vni), LocalKey::Down(vni)),
            LocalEvent::Mac { vni, mac, .. } | LocalEvent::MacGone { vni, mac } => {
                (LocalKey::Down(vni), LocalKey::Mac(vni, mac))
            }
            LocalEvent::Neighbour { vni, ip, source: NeighbourSource::Snooped, .. } => {
                (LocalKey::Down(vni), LocalKey::Snooped(vni, ip))
            }
            LocalEvent::Neighbour { vni, ip, .. } | LocalEvent::NeighbourGone { vni, ip } => {
                (LocalKey::Down(vni), LocalKey::Neighbour(vni, ip))
            }
            LocalEvent::VrfUp { ref vrf, .. } => {
                (LocalKey::VrfDown(vrf.clone()), LocalKey::VrfUp(vrf.clone()))
            }
            LocalEvent::VrfDown { ref vrf } => {
                (LocalKey::VrfDown(vrf.clone()), LocalKey::VrfDown(vrf.clone()))
            }
            LocalEvent::Route { ref vrf, prefix, .. } => {
                (LocalKey::VrfDown(vrf.clone()), LocalKey::Route(vrf.clone(), prefix))
            }
        };
        // Down is looked up first: a Down that is itself the last word is kept, what stands before it is not.
        !seen.contains(&down) && seen.insert(key)
    });
}

/// Keeps what `keep` accepts, asking from the last item to the first.
fn keep_from_end<T>(items: &mut Vec<T>, mut keep: impl FnMut(&T) -> bool) {
    items.reverse();
    items.retain(|item| keep(item));
    items.reverse();
}
