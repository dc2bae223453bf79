//! One test a step of the decision: everything before it equal, everything after it against.

use super::*;
use crate::wire::attribute::{AsPath, AsSegment, DPath, IsfSafi, Origin};
use weft_evpn::{DomainId, ExtendedCommunity, community::MacMobility};

#[derive(Clone)]
struct Route {
    attributes: AttributeSet,
    kind: Option<PeerKind>,
    n: u8,
    address: u8,
    path_id: u32,
    selected: bool,
    mac_ip: bool,
}

fn route() -> Route {
    Route {
        attributes: AttributeSet { local_pref: Some(100), ..AttributeSet::default() },
        kind: Some(PeerKind::Internal),
        n: 5,
        address: 5,
        path_id: 0,
        selected: false,
        mac_ip: true,
    }
}

impl Route {
    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            attributes: &self.attributes,
            kind: self.kind,
            router_id: Ipv4Addr::new(1, 1, 1, self.n),
            address: Ipv4Addr::new(2, 2, 2, self.address).into(),
            path_id: self.path_id,
            selected: self.selected,
            mac_ip: self.mac_ip,
        }
    }

    fn mobility(mut self, sticky: bool, sequence: u32) -> Self {
        self.attributes
            .ext_communities
            .push(ExtendedCommunity::mac_mobility(MacMobility { sticky, sequence }));
        self
    }

    fn path(mut self, asns: &[u32]) -> Self {
        self.attributes.as_path = sequence(AsSegmentKind::Sequence, asns);
        self
    }
}

fn sequence(kind: AsSegmentKind, asns: &[u32]) -> AsPath {
    AsPath(vec![AsSegment { kind, asns: asns.to_vec() }])
}

/// `better` wins against `worse` at this step, whichever comes first.
#[track_caller]
fn wins(better: &Route, worse: &Route, knobs: &BestpathSettings, step: Reason) {
    assert_eq!(compare(&better.candidate(), &worse.candidate(), knobs), (Ordering::Greater, step));
    assert_eq!(compare(&worse.candidate(), &better.candidate(), knobs), (Ordering::Less, step));
    assert_eq!(select(&[better.candidate(), worse.candidate()], knobs), Some(0));
    assert_eq!(select(&[worse.candidate(), better.candidate()], knobs), Some(1));
    assert_eq!(reason(&better.candidate(), &[worse.candidate()], knobs), step);
}

const KNOBS: fn() -> BestpathSettings = BestpathSettings::default;

#[test]
fn one_path_is_the_first_received() {
    assert_eq!(reason(&route().candidate(), &[], &KNOBS()), Reason::FirstPath);
    assert_eq!(Reason::FirstPath.to_string(), "First path received");
    assert_eq!(select(&[], &KNOBS()), None);
}

#[test]
fn default_gateway_then_sticky_then_sequence_come_before_local_pref() {
    let mut strong = route();
    strong.attributes.local_pref = Some(500);
    let mut gateway = route();
    gateway.attributes.ext_communities.push(ExtendedCommunity::DEFAULT_GATEWAY);
    wins(&gateway, &strong.clone().mobility(true, 9), &KNOBS(), Reason::EvpnDefaultGateway);
    wins(&route().mobility(true, 0), &strong.clone().mobility(false, 9), &KNOBS(), Reason::EvpnSticky);
    wins(&route().mobility(false, 2), &strong.clone().mobility(false, 1), &KNOBS(), Reason::EvpnSequence);
    wins(&route().mobility(false, 1), &strong, &KNOBS(), Reason::EvpnSequence);
    wins(&strong.clone().mobility(false, 0), &route(), &KNOBS(), Reason::LocalPref);
}

#[test]
fn of_two_mobility_communities_the_first_counts() {
    let twice = route().mobility(false, 1).mobility(false, 7);
    wins(&route().mobility(false, 2), &twice, &KNOBS(), Reason::EvpnSequence);
}

#[test]
fn mobility_means_nothing_for_other_route_types() {
    let (mut moved, mut strong) = (route().mobility(true, 9), route());
    strong.attributes.local_pref = Some(101);
    (moved.mac_ip, strong.mac_ip) = (false, false);
    wins(&strong, &moved, &KNOBS(), Reason::LocalPref);
}

#[test]
fn our_own_route_has_weight() {
    let (own, mut strong) = (Route { kind: None, ..route() }, route());
    strong.attributes.local_pref = Some(500);
    wins(&own, &strong, &KNOBS(), Reason::Weight);
}

#[test]
fn higher_local_pref_and_absent_is_100() {
    let (mut strong, mut absent) = (route().path(&[1, 2, 3]), route());
    (strong.attributes.local_pref, absent.attributes.local_pref) = (Some(101), None);
    wins(&strong, &absent, &KNOBS(), Reason::LocalPref);
    strong.attributes.local_pref = Some(99);
    wins(&absent, &strong, &KNOBS(), Reason::LocalPref);
}

#[test]
fn shorter_d_path_after_local_pref_and_before_as_path() {
    let domain = |n| DomainId::new(n, 0);
    let (mut none, mut one, mut two) = (route().path(&[7, 8, 9]), route().path(&[7, 8]), route().path(&[7]));
    one.attributes.d_path = Some(DPath::new(domain(1), IsfSafi::Evpn));
    two.attributes.d_path = Some(DPath::new(domain(1), IsfSafi::Local));
    two.attributes.d_path.as_mut().unwrap().prepend(domain(2), IsfSafi::Evpn);
    wins(&none, &one, &KNOBS(), Reason::DPath);
    wins(&one, &two, &KNOBS(), Reason::DPath);
    wins(&one, &two, &BestpathSettings { ignore_as_path: true, ..KNOBS() }, Reason::DPath);
    none.attributes.local_pref = Some(99);
    wins(&two, &none, &KNOBS(), Reason::LocalPref);
}

#[test]
fn multipath_is_equality_up_to_the_next_hop_along_one_way() {
    let external = |asns: &[u32]| Route { kind: Some(PeerKind::External), ..route().path(asns) };
    let relaxed = BestpathSettings { multipath_relax: true, ..KNOBS() };
    let equal = |a: &Route, b: &Route| {
        [KNOBS(), relaxed].map(|knobs| is_multipath(&a.candidate(), &b.candidate(), &knobs))
    };
    let best = external(&[7, 8]);
    let other = Route { n: 9, address: 9, path_id: 4, ..external(&[7, 9]) };
    assert_eq!(equal(&best, &other), [true, true], "identifier, address and path identifier do not count");
    assert_eq!(equal(&best, &external(&[9, 8])), [false, true], "another neighbouring AS");
    assert_eq!(equal(&best, &route().path(&[7, 8])), [false, false], "eBGP and iBGP");
    assert_eq!(equal(&route().path(&[7, 8]), &route().path(&[7, 8])), [true, true]);
    assert_eq!(equal(&route().path(&[7, 8]), &route().path(&[7, 9])), [false, true], "iBGP: another way");
    for change in [
        |set: &mut AttributeSet| set.local_pref = Some(99),
        |set: &mut AttributeSet| set.origin = Origin::Egp,
        |set: &mut AttributeSet| set.med = Some(9),
        |set: &mut AttributeSet| set.as_path = sequence(AsSegmentKind::Sequence, &[7]),
        |set: &mut AttributeSet| set.d_path = Some(DPath::new(DomainId::new(1, 0), IsfSafi::Evpn)),
    ] {
        let mut worse = external(&[7, 8]);
        change(&mut worse.attributes);
        assert_eq!(equal(&best, &worse), [false, false]);
    }
    let own = Route { kind: None, ..route().path(&[]) };
    assert_eq!(equal(&own, &route().path(&[])), [false, false], "our own has its weight");
}

#[test]
fn shorter_as_path_unless_ignored() {
    let (mut short, mut long) = (route().path(&[7]), route().path(&[7, 8]));
    short.attributes.origin = Origin::Incomplete;
    wins(&short, &long, &KNOBS(), Reason::AsPath);
    wins(&long, &short, &BestpathSettings { ignore_as_path: true, ..KNOBS() }, Reason::Origin);
    long.attributes.as_path = sequence(AsSegmentKind::Set, &[7, 8, 9]);
    wins(&long, &short, &KNOBS(), Reason::Origin);
    let mut confederation = route();
    confederation.attributes.as_path = sequence(AsSegmentKind::ConfedSequence, &[1, 2]);
    wins(&confederation, &short, &KNOBS(), Reason::AsPath);
    wins(&short, &confederation, &BestpathSettings { count_confederation: true, ..KNOBS() }, Reason::AsPath);
}

#[test]
fn lower_origin() {
    let (mut igp, mut egp) = (route(), route());
    (igp.attributes.med, egp.attributes.origin) = (Some(9), Origin::Egp);
    wins(&igp, &egp, &KNOBS(), Reason::Origin);
}

#[test]
fn lower_med_within_an_as_or_always_and_absent_as_configured() {
    let (mut low, mut high) = (route().path(&[7]), route().path(&[7]));
    (low.attributes.med, high.attributes.med, high.n) = (Some(1), Some(2), 1);
    wins(&low, &high, &KNOBS(), Reason::Med);
    let mut other = high.clone().path(&[8]);
    wins(&other, &low, &KNOBS(), Reason::RouterId);
    wins(&low, &other, &BestpathSettings { always_compare_med: true, ..KNOBS() }, Reason::Med);
    other = high.path(&[7]);
    other.attributes.med = None;
    wins(&other, &low, &KNOBS(), Reason::Med);
    wins(&low, &other, &BestpathSettings { missing_med_as_worst: true, ..KNOBS() }, Reason::Med);
}

#[test]
fn external_before_internal() {
    let external = Route { kind: Some(PeerKind::External), n: 9, ..route() };
    wins(&external, &route(), &KNOBS(), Reason::PeerType);
}

#[test]
fn the_older_external_path_stays_unless_identifiers_are_compared() {
    let external = Route { kind: Some(PeerKind::External), ..route() };
    let (older, newer) = (Route { n: 9, selected: true, ..external.clone() }, Route { n: 1, ..external });
    wins(&older, &newer, &KNOBS(), Reason::OlderPath);
    wins(&newer, &older, &BestpathSettings { compare_router_id: true, ..KNOBS() }, Reason::RouterId);
    let inside = |path: &Route| Route { kind: Some(PeerKind::Internal), ..path.clone() };
    wins(&inside(&newer), &inside(&older), &KNOBS(), Reason::RouterId);
}

#[test]
fn lower_identifier_and_the_originator_replaces_it() {
    let (mut reflected, direct) = (Route { n: 9, ..route() }, Route { n: 5, ..route() });
    reflected.attributes.cluster_list = vec![Ipv4Addr::new(3, 3, 3, 3)];
    wins(&direct, &reflected, &KNOBS(), Reason::RouterId);
    reflected.attributes.originator_id = Some(Ipv4Addr::new(1, 1, 1, 4));
    wins(&reflected, &direct, &KNOBS(), Reason::RouterId);
}

#[test]
fn shorter_cluster_list_then_lower_address_then_path_identifier() {
    let (mut near, mut far) = (Route { address: 9, ..route() }, Route { address: 1, ..route() });
    near.attributes.cluster_list = vec![Ipv4Addr::new(3, 3, 3, 3)];
    far.attributes.cluster_list = vec![Ipv4Addr::new(3, 3, 3, 3), Ipv4Addr::new(4, 4, 4, 4)];
    wins(&near, &far, &KNOBS(), Reason::ClusterLength);
    far.attributes.cluster_list.pop();
    wins(&far, &near, &KNOBS(), Reason::NeighborIp);
    wins(&route(), &Route { path_id: 1, ..route() }, &KNOBS(), Reason::Default);
    assert_eq!(compare(&route().candidate(), &route().candidate(), &KNOBS()).0, Ordering::Equal);
}

/// RFC 3345's cycle: without comparing within each AS first, the outcome depends on the order.
#[test]
fn deterministic_med_does_not_depend_on_the_order_of_arrival() {
    let with = |asn: u32, med: u32, n: u8| {
        let mut route = Route { n, ..route() }.path(&[asn]);
        route.attributes.med = Some(med);
        route
    };
    let (a, b, c) = (with(1, 10, 3), with(1, 20, 1), with(2, 0, 2));
    let orders = [[&a, &b, &c], [&a, &c, &b], [&b, &a, &c], [&b, &c, &a], [&c, &a, &b], [&c, &b, &a]];
    for order in orders {
        let candidates = order.map(Route::candidate);
        let best = select(&candidates, &KNOBS()).map(|place| candidates[place].router_id);
        assert_eq!(best, Some(Ipv4Addr::new(1, 1, 1, 2)));
    }
    let loose = BestpathSettings { deterministic_med: false, ..KNOBS() };
    let outcomes =
        orders.map(|order| select(&order.map(Route::candidate), &loose).map(|place| order[place].n));
    assert!(outcomes.iter().any(|outcome| *outcome != outcomes[0]), "the cycle is there: {outcomes:?}");
}
