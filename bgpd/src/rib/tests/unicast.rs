//! The unicast families of an IP-VRF: next hops, imports, multipath, default-originate, and
//! what is not taken.

use super::lab::{ASN, Lab, empty, id, settings};
use crate::peer::{Negotiated, PeerFamily, PeerId, PeerKind, PeerSettings, RemoteAs};
use crate::rib::{
    BestPath, ImportId, ImportInfo, NextHopRule, PathSource, Reason, RibPeer, RibPeerFamily, Scope,
};
use crate::wire::attribute::{AsPath, AsSegment, AsSegmentKind, DPath, IsfSafi};
use crate::wire::{AttributeSet, Family, NlriBlock, Update, unicast};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use weft_evpn::DomainId;

const V4: Family = Family::Ipv4Unicast;
const V6: Family = Family::Ipv6Unicast;
/// Our address in the sessions.
pub(super) const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 9, 9, 9));

/// Peer `n` has the identifier and address 10.0.0.n; eBGP peers the AS 65100 + n.
pub(super) fn ce(n: u8, kind: PeerKind) -> RibPeer {
    let mut row = RibPeerFamily::new(V4);
    row.next_hop = match kind {
        PeerKind::External => NextHopRule::Own(OWN),
        PeerKind::Internal => NextHopRule::OwnIfNone(OWN),
    };
    row.restart = Some(true);
    RibPeer { families: vec![row], ..super::lab::peer(n, kind, false) }
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

/// Attributes as peer `n` sends them.
pub(super) fn from(n: u8) -> AttributeSet {
    AttributeSet {
        as_path: path(&[65_100 + u32::from(n)]),
        next_hop: Some(Ipv4Addr::new(10, 0, 0, n).into()),
        ..AttributeSet::default()
    }
}

pub(super) fn path(asns: &[u32]) -> AsPath {
    match asns {
        [] => AsPath::default(),
        _ => AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: asns.to_vec() }]),
    }
}

pub(super) fn announce(set: AttributeSet, prefixes: &[&str]) -> Update {
    let reach = vec![block(prefixes)];
    Update { attributes: Some(Arc::new(set)), reach, ..empty() }
}

fn block(prefixes: &[&str]) -> NlriBlock {
    let family = unicast::family(&net(prefixes[0]));
    let wire: Vec<u8> = prefixes.iter().flat_map(|prefix| unicast::nlri(&net(prefix))).collect();
    NlriBlock::new(family, wire)
}

pub(super) fn withdraw(prefixes: &[&str]) -> Update {
    Update { unreach: vec![block(prefixes)], ..empty() }
}

impl Lab {
    /// What neighbour `n` was told of a prefix.
    pub(super) fn told(&self, n: u8, prefix: &str) -> Option<&AttributeSet> {
        self.peers[&id(n)].view.get(&unicast::key(&net(prefix))).map(|(_, set)| &**set)
    }

    fn import(&mut self, source: u32, prefix: &str, set: AttributeSet, info: ImportInfo) {
        let prefix = net(prefix);
        let family = unicast::family(&prefix);
        self.rib
            .import(family, &unicast::nlri(&prefix), ImportId(source), set, info, self.now)
            .expect("a prefix");
    }

    fn withdraw_import(&mut self, source: u32, prefix: &str) {
        let prefix = net(prefix);
        let family = unicast::family(&prefix);
        self.rib.withdraw_import(family, &unicast::nlri(&prefix), ImportId(source)).expect("a prefix");
    }

    fn best(&self, prefix: &str) -> Option<BestPath> {
        self.paths(prefix, 1).pop()
    }

    fn paths(&self, prefix: &str, max: usize) -> Vec<BestPath> {
        let prefix = net(prefix);
        self.rib.multipath(unicast::family(&prefix), &unicast::key(&prefix), max)
    }

    fn sources(&self, prefix: &str, max: usize) -> Vec<PathSource> {
        self.paths(prefix, max).into_iter().map(|path| path.source).collect()
    }
}

/// Nothing is left once all neighbours are gone.
pub(super) fn assert_empty(lab: &mut Lab) {
    for peer in lab.peers.keys().copied().collect::<Vec<_>>() {
        lab.rib.remove_peer(peer);
    }
    lab.rib.take_changes(usize::MAX);
    let memory = lab.rib.memory();
    for table in &memory.tables {
        assert_eq!((table.destinations, table.paths, table.best), (0, 0, 0), "{}", table.family);
    }
    assert_eq!((memory.attribute_sets, memory.rests), (0, 0));
}

fn info(n: u8, external: bool) -> ImportInfo {
    ImportInfo { router_id: Ipv4Addr::new(10, 255, 0, n), external, domain: DomainId::new(u32::from(n), 0) }
}

/// An import as it comes from EVPN: next hop a VTEP, our AS fabric by iBGP.
fn vtep(n: u8) -> AttributeSet {
    AttributeSet {
        next_hop: Some(Ipv4Addr::new(10, 255, 0, n).into()),
        local_pref: Some(100),
        d_path: Some(DPath::new(DomainId::new(u32::from(n), 0), IsfSafi::Evpn)),
        ..AttributeSet::default()
    }
}

#[test]
fn next_hops_towards_ebgp_and_ibgp() {
    let mut lab = Lab::with([
        (1, ce(1, PeerKind::External)),
        (2, ce(2, PeerKind::External)),
        (3, ce(3, PeerKind::Internal)),
    ]);
    lab.update(1, &announce(from(1), &["10.1.0.0/16"]));
    let wire = unicast::nlri(&net("10.2.0.0/16"));
    lab.rib.originate(V4, &wire, AttributeSet::default(), None, lab.now).expect("a prefix");
    let third =
        AttributeSet { next_hop: Some(Ipv4Addr::new(10, 0, 0, 77).into()), ..AttributeSet::default() };
    lab.rib.originate(V4, &unicast::nlri(&net("10.3.0.0/16")), third, None, lab.now).expect("a prefix");
    lab.import(1, "10.4.0.0/16", vtep(1), info(1, false));
    lab.drain();
    let next_hops = |n: u8| {
        ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "10.4.0.0/16"]
            .map(|prefix| lab.told(n, prefix).and_then(|set| set.next_hop))
    };
    let third = Some(IpAddr::from([10, 0, 0, 77]));
    assert_eq!(next_hops(2), [Some(OWN), Some(OWN), third, Some(OWN)], "to eBGP");
    assert_eq!(next_hops(3), [Some(IpAddr::from([10, 0, 0, 1])), Some(OWN), third, Some(OWN)], "to iBGP");
    let sent = lab.told(2, "10.4.0.0/16").expect("told");
    assert_eq!((sent.d_path.as_ref(), sent.as_path.clone()), (None, path(&[ASN])), "no D-PATH to a CE");
    assert_eq!(lab.told(3, "10.4.0.0/16").expect("told").local_pref, Some(100));
}

#[test]
fn ipv6_keeps_the_link_local_next_hop_and_passes_it_on_to_nobody() {
    let six = |n: u8, kind| {
        let mut peer = ce(n, kind);
        peer.families[0].family = V6;
        peer.families[0].next_hop = match kind {
            PeerKind::External => NextHopRule::Own("2001:db8:9::9".parse().unwrap()),
            PeerKind::Internal => NextHopRule::OwnIfNone("2001:db8:9::9".parse().unwrap()),
        };
        peer
    };
    let mut lab = Lab::with([
        (1, six(1, PeerKind::External)),
        (2, six(2, PeerKind::External)),
        (3, six(3, PeerKind::Internal)),
    ]);
    let link = "fe80::1".parse().unwrap();
    let both = AttributeSet {
        next_hop: Some("2001:db8:9::1".parse().unwrap()),
        link_local_next_hop: Some(link),
        ..from(1)
    };
    let alone = AttributeSet { next_hop: Some(IpAddr::V6(link)), ..from(1) };
    lab.update(1, &announce(both, &["2001:db8:1::/48", "2001:db8::/32", "2001:db8:1::/64"]));
    lab.update(1, &announce(alone, &["2001:db8:2::/48"]));
    lab.drain();
    let held = lab.best("2001:db8:1::/48").expect("a path");
    assert_eq!(held.attributes.link_local_next_hop, Some(link));
    let sent = lab.told(2, "2001:db8:1::/48").expect("told");
    assert_eq!((sent.next_hop, sent.link_local_next_hop), ("2001:db8:9::9".parse().ok(), None));
    let sent = lab.told(3, "2001:db8:1::/48").expect("told");
    assert_eq!((sent.next_hop, sent.link_local_next_hop), ("2001:db8:9::1".parse().ok(), None));
    assert_eq!(lab.told(3, "2001:db8:2::/48").expect("told").next_hop, "2001:db8:9::9".parse().ok());
    // Prefixes are listed by address, the shorter first.
    let mut listing = lab.rib.listing(V6, Scope::All, |_| true).expect("a family");
    let mut listed = Vec::new();
    while let Some(route) = lab.rib.next_route(&mut listing) {
        listed.push(route.prefix().expect("unicast").to_string());
    }
    assert_eq!(listed, ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1::/64", "2001:db8:2::/48"]);
    lab.rib.peer_down(id(1), None);
    lab.drain();
    assert!(lab.peers[&id(2)].view.is_empty());
    assert_empty(&mut lab);
}

#[test]
fn ipv4_prefixes_are_listed_by_address_too() {
    let mut lab = Lab::with([(1, ce(1, PeerKind::External))]);
    lab.update(
        1,
        &announce(from(1), &["10.1.0.0/16", "9.0.0.0/8", "10.0.0.0/8", "10.1.0.0/24", "0.0.0.0/0"]),
    );
    let mut listing = lab.rib.listing(V4, Scope::ReceivedFrom(id(1)), |_| true).expect("known");
    let mut listed = Vec::new();
    while let Some(route) = lab.rib.next_route(&mut listing) {
        listed.push(route.prefix().expect("unicast").to_string());
    }
    assert_eq!(listed, ["0.0.0.0/0", "9.0.0.0/8", "10.0.0.0/8", "10.1.0.0/16", "10.1.0.0/24"]);
}

#[test]
fn the_nlri_field_beside_mp_reach_has_its_own_next_hop() {
    let mut lab = Lab::with([(1, ce(1, PeerKind::External)), (3, ce(3, PeerKind::Internal))]);
    let mut update =
        announce(AttributeSet { next_hop: "2001:db8::1".parse().ok(), ..from(1) }, &["10.1.0.0/16"]);
    update.reach[0].next_hop = Some(Ipv4Addr::new(10, 0, 0, 1).into());
    lab.update(1, &update);
    lab.drain();
    assert_eq!(lab.told(3, "10.1.0.0/16").expect("told").next_hop, Some(IpAddr::from([10, 0, 0, 1])));
}

#[test]
fn prefixes_and_next_hops_that_nothing_is_routed_by() {
    let mut outside = ce(1, PeerKind::External);
    outside.families[0].settings.soft_reconfiguration_inbound = true;
    let mut lab = Lab::with([(1, outside), (2, ce(2, PeerKind::External))]);
    lab.update(1, &announce(from(1), &["224.1.0.0/16", "10.1.0.0/16"]));
    assert_eq!(lab.rib.counters(id(1), V4).received, 1, "a multicast prefix is ignored");
    for martian in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255], [10, 9, 9, 9]] {
        let set = AttributeSet { next_hop: Some(martian.into()), ..from(1) };
        lab.update(1, &announce(set, &["10.1.0.0/16"]));
        lab.drain();
        assert!(lab.told(2, "10.1.0.0/16").is_none(), "{martian:?}");
        let view = lab.rib.route(V4, &unicast::nlri(&net("10.1.0.0/16"))).expect("a prefix").expect("kept");
        assert_eq!(view.paths[0].refused.as_slice(), ["next hop is not reachable"]);
    }
}

#[test]
fn enforce_first_as_refuses_what_begins_with_another() {
    let mut strict = ce(1, PeerKind::External);
    strict.enforce_first_as = true;
    let mut lab = Lab::with([(1, strict.clone()), (2, ce(2, PeerKind::External))]);
    let odd = AttributeSet { as_path: path(&[65_177, 65_101]), ..from(1) };
    lab.update(1, &announce(odd.clone(), &["10.1.0.0/16"]));
    lab.update(1, &announce(from(1), &["10.2.0.0/16"]));
    lab.drain();
    assert!(lab.told(2, "10.1.0.0/16").is_none() && lab.told(2, "10.2.0.0/16").is_some());
    strict.enforce_first_as = false;
    assert_eq!(lab.rib.set_peer(id(1), strict), Ok(vec![V4]));
    lab.update(1, &announce(odd, &["10.1.0.0/16"]));
    lab.drain();
    assert!(lab.told(2, "10.1.0.0/16").is_some());
}

#[test]
fn imports_are_paths_among_others() {
    let mut lab = Lab::with([(1, ce(1, PeerKind::External)), (2, ce(2, PeerKind::External))]);
    let prefix = "10.1.0.0/16";
    let wire = unicast::nlri(&net(prefix));
    lab.import(7, prefix, vtep(1), info(1, false));
    lab.drain();
    let best = lab.best(prefix).expect("a path");
    assert_eq!(best.source, PathSource::Import(ImportId(7)));
    assert_eq!(best.domain, Some(DomainId::new(1, 0)));
    let change = lab.rib.take_changes(9).pop().expect("a change");
    assert_eq!((change.prefix(), change.path), (Some(net(prefix)), Some(best)));
    assert!(lab.told(1, prefix).is_some() && lab.told(2, prefix).is_some());
    // D-PATH, then AS_PATH: a shorter D-PATH wins over a shorter AS_PATH.
    lab.update(1, &announce(from(1), &[prefix]));
    assert_eq!(lab.best(prefix).expect("a path").source, PathSource::Peer(id(1)));
    let view = lab.rib.route(V4, &wire).expect("a prefix").expect("a route");
    assert_eq!((view.reason, view.paths.len()), (Some(Reason::DPath), 2));
    assert!(view.paths.iter().all(|path| path.path_id == 0 && path.rest.is_empty()));
    lab.drain();
    assert_eq!(lab.told(2, prefix).expect("told").as_path, path(&[ASN, 65_101]));
    assert!(lab.told(1, prefix).is_none(), "its own route");
    // LOCAL_PREF before it.
    lab.import(8, prefix, AttributeSet { local_pref: Some(200), ..vtep(2) }, info(2, true));
    assert_eq!(lab.best(prefix).expect("a path").source, PathSource::Import(ImportId(8)));
    // Our own by weight.
    lab.rib.originate(V4, &wire, AttributeSet::default(), None, lab.now).expect("a prefix");
    assert_eq!(lab.best(prefix).expect("a path").source, PathSource::Local);
    lab.rib.withdraw_local(V4, &wire).expect("a prefix");
    lab.withdraw_import(8, prefix);
    lab.withdraw_import(9, prefix);
    assert_eq!(lab.best(prefix).expect("a path").source, PathSource::Peer(id(1)));
    lab.update(1, &withdraw(&[prefix]));
    lab.withdraw_import(7, prefix);
    lab.drain();
    assert!(lab.best(prefix).is_none() && lab.told(2, prefix).is_none());
    assert_empty(&mut lab);
}

#[test]
fn what_is_known_of_an_imports_source_decides() {
    let mut lab = Lab::new(settings());
    let prefix = "2001:db8::/32";
    let plain = |n| AttributeSet { d_path: None, ..vtep(n) };
    lab.import(1, prefix, plain(1), info(1, false));
    lab.import(2, prefix, plain(2), info(2, false));
    assert_eq!(lab.sources(prefix, 1), [PathSource::Import(ImportId(1))], "the lower identifier");
    lab.import(2, prefix, plain(2), info(2, true));
    assert_eq!(lab.sources(prefix, 1), [PathSource::Import(ImportId(2))], "external before internal");
    lab.import(2, prefix, plain(2), ImportInfo { router_id: Ipv4Addr::new(1, 1, 1, 1), ..info(2, false) });
    assert_eq!(lab.sources(prefix, 1), [PathSource::Import(ImportId(2))], "another identifier");
    lab.import(2, prefix, plain(2), info(2, false));
    assert_eq!(lab.sources(prefix, 1), [PathSource::Import(ImportId(1))]);
    // Another domain is a change.
    lab.rib.take_changes(9);
    lab.import(1, prefix, plain(1), ImportInfo { domain: DomainId::new(9, 9), ..info(1, false) });
    let change = lab.rib.take_changes(9).pop().expect("a change");
    assert_eq!(change.path.expect("a path").domain, Some(DomainId::new(9, 9)));
    lab.withdraw_import(1, prefix);
    lab.withdraw_import(2, prefix);
    assert_empty(&mut lab);
}

#[test]
fn paths_equal_up_to_the_next_hop_share_traffic() {
    let mut lab = Lab::with([
        (1, ce(1, PeerKind::External)),
        (2, ce(2, PeerKind::External)),
        (3, ce(3, PeerKind::External)),
        (4, ce(4, PeerKind::External)),
    ]);
    let prefix = "10.1.0.0/16";
    let peer = |n| PathSource::Peer(id(n));
    let through = |n: u8, asns: &[u32]| AttributeSet { as_path: path(asns), ..from(n) };
    lab.update(3, &announce(through(3, &[65_201, 7]), &[prefix]));
    lab.update(2, &announce(through(2, &[65_201, 8]), &[prefix]));
    lab.update(1, &announce(through(1, &[65_202, 7]), &[prefix]));
    lab.update(4, &announce(through(4, &[65_201, 7, 7]), &[prefix]));
    assert_eq!(lab.sources(prefix, 8), [peer(3), peer(2)], "one neighbouring AS; the older is the best");
    assert_eq!(lab.sources(prefix, 1), [peer(3)]);
    let mut relaxed = settings();
    relaxed.bestpath.multipath_relax = true;
    lab.rib.set_settings(relaxed);
    assert_eq!(lab.sources(prefix, 8), [peer(3), peer(1), peer(2)]);
    assert_eq!(lab.sources(prefix, 2), [peer(3), peer(1)]);
    // A change of one that is not the best is told.
    while !lab.rib.take_changes(9).is_empty() {}
    lab.update(2, &withdraw(&[prefix]));
    assert_eq!(lab.rib.take_changes(9).len(), 1);
    assert_eq!(lab.sources(prefix, 8), [peer(3), peer(1)]);
    let worse = AttributeSet { med: Some(1), ..through(1, &[65_201, 7]) };
    lab.update(1, &announce(worse, &[prefix]));
    assert_eq!(lab.sources(prefix, 8), [peer(3)]);
    assert!(lab.paths("10.2.0.0/16", 8).is_empty());
}

#[test]
fn imports_share_traffic_only_along_one_as_path() {
    let mut lab = Lab::new(settings());
    let prefix = "10.1.0.0/16";
    let set = |n, asns: &[u32]| AttributeSet { as_path: path(asns), ..vtep(n) };
    for n in [3, 1, 2] {
        lab.import(u32::from(n), prefix, set(n, &[7]), info(n, false));
    }
    lab.import(4, prefix, set(4, &[8]), info(4, false));
    let ids: Vec<_> = lab.sources(prefix, 8);
    assert_eq!(ids, [1, 2, 3].map(|n| PathSource::Import(ImportId(n))));
    // Another number of domains.
    let mut long = set(2, &[7]);
    long.d_path.as_mut().unwrap().prepend(DomainId::new(5, 5), IsfSafi::Evpn);
    lab.import(2, prefix, long, info(2, false));
    assert_eq!(lab.sources(prefix, 8), [1, 3].map(|n| PathSource::Import(ImportId(n))));
}

#[test]
fn default_originate_needs_no_route_and_goes_with_the_knob() {
    let mut stub = ce(1, PeerKind::External);
    stub.families[0].settings.default_originate = true;
    let mut lab = Lab::with([
        (1, stub.clone()),
        (2, ce(2, PeerKind::External)),
        (4, {
            let mut peer = ce(4, PeerKind::External);
            peer.families[0].settings.default_originate = true;
            peer
        }),
    ]);
    let default = "0.0.0.0/0";
    let sent = lab.told(1, default).expect("told");
    assert_eq!((sent.next_hop, sent.as_path.clone()), (Some(OWN), path(&[ASN])));
    assert!(lab.told(4, default).is_some() && lab.told(2, default).is_none());
    assert_eq!(lab.rib.counters(id(1), V4).sent, 1);
    assert_eq!(lab.rib.groups(V4).len(), 2);
    let route = lab.rib.route(V4, &[0]).expect("a prefix");
    assert_eq!(route, None, "it is not in the table");
    let advertised = |lab: &Lab, n: u8| {
        let mut listing = lab.rib.listing(V4, Scope::AdvertisedTo(id(n)), |_| true).expect("up");
        std::iter::from_fn(|| lab.rib.next_route(&mut listing))
            .map(|route| route.paths[0].attributes.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(advertised(&lab, 1), [lab.peers[&id(1)].view.values().next().unwrap().1.clone()]);
    // A neighbour's own default does not hide ours from it, nor does it come to others instead.
    lab.update(4, &announce(from(4), &[default]));
    lab.drain();
    assert_eq!(lab.told(1, default).expect("told").as_path, path(&[ASN]));
    assert_eq!(lab.told(4, default).expect("told").as_path, path(&[ASN]));
    assert_eq!(lab.told(2, default).expect("told").as_path, path(&[ASN, 65_104]));
    assert_eq!((lab.rib.counters(id(4), V4).sent, lab.rib.counters(id(1), V4).sent), (1, 1));
    // Switched off, the table's comes in its place, but not to its source.
    stub.families[0].settings.default_originate = false;
    lab.rib.set_peer(id(1), stub.clone()).expect("up");
    lab.rib.set_peer(id(4), ce(4, PeerKind::External)).expect("up");
    lab.drain();
    assert_eq!(lab.told(1, default).expect("told").as_path, path(&[ASN, 65_104]));
    assert!(lab.told(4, default).is_none());
    // And on again, and off without a route.
    stub.families[0].settings.default_originate = true;
    lab.rib.set_peer(id(1), stub.clone()).expect("up");
    lab.update(4, &withdraw(&[default]));
    lab.drain();
    assert_eq!(lab.told(1, default).expect("told").as_path, path(&[ASN]));
    assert!(lab.told(2, default).is_none());
    stub.families[0].settings.default_originate = false;
    lab.rib.set_peer(id(1), stub).expect("up");
    lab.drain();
    assert!(lab.told(1, default).is_none());
    assert_empty(&mut lab);
}

#[test]
fn default_originate_needs_what_rfc_8212_asks_for() {
    let mut stub = ce(1, PeerKind::External);
    stub.families[0].settings.default_originate = true;
    stub.families[0].policy_out = false;
    let mut lab = Lab::with([(1, stub.clone())]);
    assert!(lab.peers[&id(1)].view.is_empty());
    stub.families[0].policy_out = true;
    lab.rib.set_peer(id(1), stub).expect("up");
    lab.drain();
    assert!(lab.told(1, "0.0.0.0/0").is_some());
}

#[test]
fn a_group_of_default_originate_that_leaves_takes_the_route_along() {
    let mut stub = ce(1, PeerKind::External);
    stub.families[0].settings.default_originate = true;
    let mut lab = Lab::with([(1, stub.clone()), (2, ce(2, PeerKind::External))]);
    lab.down(id(1), None);
    lab.drain();
    assert_eq!(lab.rib.memory().tables[1].destinations, 0);
    lab.up(id(1), stub);
    lab.drain();
    assert!(lab.told(1, "0.0.0.0/0").is_some());
    assert_eq!(lab.peers[&id(1)].ends_of_rib, 1);
    assert_empty(&mut lab);
}

/// A session of a neighbour with what `change` configures.
fn negotiated(
    remote_as: u32,
    families: &[Family],
    change: impl Fn(&mut PeerFamily),
) -> (PeerSettings, Negotiated) {
    let remote = Ipv4Addr::new(10, 0, 0, 1);
    let mut settings =
        PeerSettings::new(remote.into(), RemoteAs::Number(remote_as), ASN, Ipv4Addr::new(1, 1, 1, 1));
    for &family in families {
        let mut configured = PeerFamily::default();
        change(&mut configured);
        settings.families.insert(family, configured);
    }
    let negotiated = Negotiated {
        kind: if remote_as == ASN { PeerKind::Internal } else { PeerKind::External },
        local_as: ASN,
        remote_as,
        local_id: Ipv4Addr::new(1, 1, 1, 1),
        remote_id: Ipv4Addr::new(2, 2, 2, 2),
        endpoints: crate::peer::Endpoints {
            local: "10.9.9.9:179".parse().unwrap(),
            remote: "10.0.0.1:179".parse().unwrap(),
        },
        families: families.to_vec(),
        four_octet_as: true,
        max_message: 4096,
        max_receive: 4096,
        add_path: Vec::new(),
        extended_next_hop: false,
        route_refresh: true,
        enhanced_refresh: false,
        graceful_restart: None,
        hold_time: Duration::from_secs(180),
        keepalive: Duration::from_secs(60),
        hostname: None,
        remote_capabilities: Vec::new(),
    };
    (settings, negotiated)
}

#[test]
fn the_rules_of_a_session_follow_from_its_kind_and_the_configuration() {
    let both = [Family::L2vpnEvpn, V4];
    let rows = |remote_as, change: fn(&mut PeerFamily)| {
        let (settings, negotiated) = negotiated(remote_as, &both, change);
        RibPeer::new(&settings, &negotiated, true).families
    };
    let next_hops = |rows: &[RibPeerFamily]| [rows[0].next_hop, rows[1].next_hop];
    assert_eq!(next_hops(&rows(7, |_| {})), [NextHopRule::Unchanged, NextHopRule::Own(OWN)]);
    assert_eq!(next_hops(&rows(ASN, |_| {})), [NextHopRule::Unchanged, NextHopRule::OwnIfNone(OWN)]);
    assert_eq!(next_hops(&rows(ASN, |family| family.next_hop_self = true)), [NextHopRule::Own(OWN); 2]);
    let other = rows(7, |family| family.own_address = Some([1, 2, 3, 4].into()));
    assert_eq!(other[1].next_hop, NextHopRule::Own([1, 2, 3, 4].into()));
    // RFC 8212, a direction at a time.
    let policies = |rows: Vec<RibPeerFamily>| (rows[1].policy_in, rows[1].policy_out);
    assert_eq!(policies(rows(7, |_| {})), (false, false));
    assert_eq!(policies(rows(ASN, |_| {})), (true, true));
    let with = |import, export| {
        let (mut settings, negotiated) = negotiated(7, &both, |_| {});
        let policy = || super::policy::Rules::default().reference().1;
        let family = settings.families.get_mut(&V4).unwrap();
        family.policy_import = Some(policy()).filter(|_| import);
        family.policy_export = Some(policy()).filter(|_| export);
        policies(RibPeer::new(&settings, &negotiated, true).families)
    };
    assert_eq!(with(true, false), (true, false));
    assert_eq!(with(false, true), (false, true));
    assert_eq!(with(true, true), (true, true));
}

#[test]
fn a_neighbour_without_a_session_has_no_slot_of_imports() {
    // Imports share the numbering of neighbours, at its end.
    let mut lab = Lab::new(settings());
    lab.import(0, "10.0.0.0/8", vtep(1), info(1, true));
    assert_eq!(lab.sources("10.0.0.0/8", 4), [PathSource::Import(ImportId(0))]);
    assert_eq!(lab.rib.counters(PeerId(0), V4), Default::default());
    lab.withdraw_import(0, "10.0.0.0/8");
    assert_empty(&mut lab);
}
