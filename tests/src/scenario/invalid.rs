//! Routes that an IP-VRF may not use, from a scripted peer between good ones: RFC 9136 §3.1 and
//! §3.2, RFC 9135 §5.4, §8.1 and §9.1.1, RFC 10039 §4. The session stays, the good ones stand in
//! the kernel, the others do not, are counted by reason and told of once; a route that is put
//! right is used, and one that becomes wrong again is as good as withdrawn.
//!
//! ```text
//!   red 192.168.10.1 ── l1 ══ s, the scripted peer, whose routes lead to the VTEP 10.255.0.2
//! ```

use crate::error::{LabError, Result, ensure};
use crate::fabric::{LIMIT, REFLECTOR, join_underlay};
use crate::injector::routes::{
    Type2, Type5, VXLAN, announce, d_path, med, route_target, router_mac, withdraw,
};
use crate::injector::{Identity, Injector, kind};
use crate::kernel;
use crate::netns::Namespace;
use crate::owner;
use crate::routed::{Form, Leaf, LeafPlan, RED};
use crate::scenario::upkeep::{same_holdings, settled};
use crate::wait::wait_for;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Where the peer's routes lead.
const VTEP: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 2);
/// The router MAC behind it.
const RMAC: [u8; 6] = [2, 0, 0, 0xff, 0, 2];
/// An L2VNI that the leaf does not have: its hosts are routed.
const FAR_L2VNI: u32 = 77;
/// One that it has: its hosts are bridged.
const NEAR_L2VNI: u32 = 10;
/// The leaf's own domain, as D-PATH has it: 65000:7.
const OWN_DOMAIN: [u8; 6] = [0, 0, 0xfd, 0xe8, 0, 7];

/// A route in a good form and in a bad one: the same NLRI key, so each replaces the other.
#[derive(Debug, Clone)]
struct Case {
    /// The reason's key in JSON; `None` where it is no refusal.
    reason: Option<&'static str>,
    bad: Message,
    good: Message,
    /// What is in the kernel when the good one is used.
    seen: Vec<Seen>,
}

/// An UPDATE but for its MED, which makes it another one.
#[derive(Debug, Clone)]
struct Message {
    next_hop: Ipv4Addr,
    nlri: Vec<u8>,
    communities: Vec<[u8; 8]>,
    attributes: Vec<Vec<u8>>,
}

impl Message {
    fn bytes(&self, value: u32) -> Vec<u8> {
        let attributes = [&self.attributes[..], &[med(value)]].concat();
        announce(self.next_hop, &self.nlri, &self.communities, &attributes)
    }
}

/// A route of the tenant, or a MAC of its bridge domain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    Route(String),
    Mac(String),
}

/// What a reason says in the log and in the text of the show.
fn words(reason: &str) -> &'static str {
    match reason {
        "nothingToResolve" => "it has no label, no overlay index and no router MAC",
        "twoOverlayIndexes" => "it has both an ESI and a gateway address",
        "badRouterMac" => "its router MAC is no unicast address",
        "noRouterMac" => "it has no router MAC",
        "esiOverlayIndex" => "its overlay index is an ESI, which is not supported",
        "macOverlayIndex" => "its overlay index is a router MAC, which is not supported",
        "labelMismatch" => "its label is not the L3VNI",
        "oneLabel" => "it has the route target of the IP-VRF but one label only",
        "noIpVrfTarget" => "it has two labels but no route target of the IP-VRF",
        "domainLoop" => "its D-PATH holds our own domain",
        "ownVtep" => "its next hop is our own VTEP",
        _ => "no such reason",
    }
}

/// The prefix with a number, in each family.
fn prefix(number: u8, ipv6: bool) -> (IpAddr, u8) {
    match ipv6 {
        false => (Ipv4Addr::new(10, 64, number, 0).into(), 24),
        true => (Ipv6Addr::new(0x2001, 0xdb8, 0x64, u16::from(number), 0, 0, 0, 0).into(), 64),
    }
}

fn shown((address, length): (IpAddr, u8)) -> Seen {
    Seen::Route(format!("{address}/{length}"))
}

fn prefix_message(route: &Type5, rmac: Option<[u8; 6]>) -> Message {
    let communities = [route_target(RED.l3vni), VXLAN].into_iter().chain(rmac.map(router_mac)).collect();
    Message { next_hop: VTEP, nlri: route.nlri(VTEP), communities, attributes: Vec::new() }
}

/// Every class of prefix route that may not be used, in one family.
fn prefix_cases(ipv6: bool, next: &mut u8) -> Vec<Case> {
    let gateway: IpAddr = if ipv6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 9).into()
    } else {
        [192, 168, 77, 9].into()
    };
    let own = RED.l3vni;
    let (multicast, broadcast) = ([1, 0, 0x5e, 0, 0, 1], [0xff; 6]);
    // Reason, ESI, gateway, label, router MAC.
    let fields = [
        ("nothingToResolve", 0, None, 0, None),
        ("twoOverlayIndexes", 3, Some(gateway), own, Some(RMAC)),
        ("twoOverlayIndexes", 3, Some(gateway), 0, None),
        ("esiOverlayIndex", 3, None, own, Some(RMAC)),
        ("macOverlayIndex", 0, None, 0, Some(RMAC)),
        ("badRouterMac", 0, None, own, Some(multicast)),
        ("badRouterMac", 0, None, own, Some(broadcast)),
        ("badRouterMac", 0, None, own, Some([0; 6])),
        ("badRouterMac", 0, None, 0, Some(multicast)),
        ("labelMismatch", 0, None, own + 1, Some(RMAC)),
        ("noRouterMac", 0, None, own, None),
    ];
    let mut case = |reason, esi, gateway, label, rmac| {
        *next += 1;
        let good = Type5 { rd: 5, esi: 0, prefix: prefix(*next, ipv6), gateway: None, label: own };
        let bad = Type5 { esi, gateway, label, ..good.clone() };
        Case {
            reason: Some(reason),
            bad: prefix_message(&bad, rmac),
            good: prefix_message(&good, Some(RMAC)),
            seen: vec![shown(good.prefix)],
        }
    };
    let mut cases: Vec<Case> =
        fields.map(|(reason, esi, gateway, label, rmac)| case(reason, esi, gateway, label, rmac)).into();
    let mut round = case("domainLoop", 0, None, own, Some(RMAC));
    round.bad.attributes.push(d_path(OWN_DOMAIN));
    round.good.attributes.push(d_path([0, 0, 0xfd, 0xe8, 0, 8]));
    let mut ours = case("ownVtep", 0, None, own, Some(RMAC));
    ours.bad.next_hop = Ipv4Addr::new(10, 255, 0, 1);
    cases.extend([round, ours]);
    cases
}

/// Every class of MAC/IP route that may not be used, in one family.
fn host_cases(ipv6: bool, next: &mut u8) -> Vec<Case> {
    let (near, far, routed) = (route_target(NEAR_L2VNI), route_target(FAR_L2VNI), route_target(RED.l3vni));
    let own = Some(RED.l3vni);
    // Reason, second label, route targets, router MAC; what is good has the same first label.
    let fields = [
        ("oneLabel", FAR_L2VNI, None, vec![routed], Some(RMAC)),
        ("noIpVrfTarget", NEAR_L2VNI, own, vec![near], Some(RMAC)),
        ("labelMismatch", FAR_L2VNI, Some(RED.l3vni + 1), vec![far, routed], Some(RMAC)),
        ("noRouterMac", FAR_L2VNI, own, vec![far, routed], None),
        ("badRouterMac", FAR_L2VNI, own, vec![far, routed], Some([0x33, 0x33, 0, 0, 0, 1])),
    ];
    fields
        .into_iter()
        .map(|(reason, label1, label2, targets, rmac)| {
            *next += 1;
            let number = *next;
            let subnet = if label1 == NEAR_L2VNI { 10 } else { 77 };
            let ip = if ipv6 { crate::routed::v6(subnet, number) } else { crate::routed::v4(subnet, number) };
            let mac = [2, 0, 0, 0x77, 0, number];
            let good = Type2 { rd: 5, mac_length: 48, mac, ip: Some(ip), label1, label2: own };
            let bad = Type2 { label2, ..good.clone() };
            let message = |route: &Type2, targets: &[[u8; 8]], rmac: Option<[u8; 6]>| Message {
                next_hop: VTEP,
                nlri: route.nlri(VTEP),
                communities: targets.iter().copied().chain([VXLAN]).chain(rmac.map(router_mac)).collect(),
                attributes: Vec::new(),
            };
            let home = if label1 == NEAR_L2VNI { near } else { far };
            Case {
                reason: Some(reason),
                bad: message(&bad, &targets, rmac),
                good: message(&good, &[home, routed], Some(RMAC)),
                // A host of a subnet that is here is bridged as well.
                seen: [Seen::Route(kernel::canonical_prefix(&ip.to_string()))]
                    .into_iter()
                    .chain((label1 == NEAR_L2VNI).then(|| Seen::Mac(crate::fabric::mac_text(mac))))
                    .collect(),
            }
        })
        .collect()
}

/// A leaf and the peer.
#[derive(Debug)]
struct Lab {
    leaf: Leaf,
    peer: Injector,
    /// What the leaf holds of its own.
    before: Vec<String>,
}

impl Lab {
    fn up() -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
        spine.ip(&format!("addr add {REFLECTOR}/32 dev lo"))?;
        let ns = Arc::new(Namespace::create(format!("{prefix}-l1"))?);
        join_underlay(&ns, &spine, 1)?;
        let extra = format!(
            "router bgp 65000\n neighbor {REFLECTOR} passive\n address-family l2vpn evpn\n  domain own id 65000:7\n \
             exit-address-family\n"
        );
        let plan = LeafPlan { extra, ..LeafPlan::new(Form::Made, &[10]) };
        let mut leaf = Leaf::build(ns, 1, &plan, &[RED])?;
        leaf.speaker.launch()?;
        let speaker = SocketAddr::new(leaf.vtep, 179);
        let identity = Identity::evpn(Ipv4Addr::new(10, 255, 0, 100));
        let peer = Injector::establish(&spine, REFLECTOR, speaker, &identity, LIMIT)?;
        wait_for("the leaf's own prefixes at the peer", LIMIT, || {
            // A type-5 route of its subnet, whatever its RD.
            let seen = peer.received().iter().any(|message| {
                message.kind == kind::UPDATE && message.body.windows(4).any(|four| four == [24, 192, 168, 10])
            });
            Ok(if seen { Ok(()) } else { Err(leaf.speaker.logs()) })
        })?;
        let before = settled(&leaf.ns)?;
        Ok(Self { leaf, peer, before })
    }

    /// What of the peer is in the kernel.
    fn seen(&self) -> Result<BTreeSet<Seen>> {
        let routes = self.leaf.routes(RED)?;
        let ours = routes.into_iter().filter(|route| route.protocol == "bgp");
        let mut seen: BTreeSet<Seen> = ours
            .map(|route| match route.gateways() == [IpAddr::V4(VTEP)] {
                true => Seen::Route(route.prefix),
                false => Seen::Route(format!("{route:?}")),
            })
            .collect();
        for (_, entry) in kernel::fdb_of_all(&self.leaf.ns)? {
            let hosts = entry.mac.starts_with("02:00:00:77");
            if hosts && entry.vtep == Some(IpAddr::V4(VTEP)) {
                seen.insert(Seen::Mac(entry.mac));
            }
        }
        Ok(seen)
    }

    fn wait_seen(&self, wanted: &BTreeSet<Seen>) -> Result<()> {
        let waited = wait_for("exactly the good routes in the kernel", LIMIT, || {
            let seen = self.seen()?;
            let missing: Vec<_> = wanted.difference(&seen).collect();
            let extra: Vec<_> = seen.difference(wanted).collect();
            Ok(match missing.is_empty() && extra.is_empty() {
                true => Ok(()),
                false => Err(format!("missing {missing:?}, too many {extra:?}")),
            })
        });
        waited.map(drop).map_err(|error| self.explain(error))
    }

    fn explain(&self, error: LabError) -> LabError {
        let shown = self.leaf.speaker.command("show evpn vni 5000").unwrap_or_default();
        LabError::Unexpected(format!("{error}\n{shown}\n{}", self.leaf.speaker.logs()))
    }

    /// The refusals by reason, as JSON has them; the text must say the same.
    fn refusals(&self) -> Result<BTreeMap<String, u64>> {
        let json = self.leaf.speaker.json(&format!("show evpn vni {} json", RED.l3vni))?;
        let text = self.leaf.speaker.command(&format!("show evpn vni {}", RED.l3vni))?;
        let members = json.get("refused").and_then(|refused| refused.as_object());
        members
            .into_iter()
            .flatten()
            .map(|(reason, count)| {
                let count = count.as_u64().unwrap_or_default();
                let line = format!("Routes refused, {}: {count}\n", words(reason));
                ensure(text.contains(&line), || format!("'{line}' is not in:\n{text}"))?;
                Ok((reason.clone(), count))
            })
            .collect()
    }

    fn wait_refusals(&self, wanted: &BTreeMap<String, u64>) -> Result<()> {
        let waited = wait_for(&format!("the refusals {wanted:?}"), LIMIT, || {
            let seen = self.refusals()?;
            Ok(if seen == *wanted { Ok(()) } else { Err(format!("{seen:?}")) })
        });
        waited.map(drop).map_err(|error| self.explain(error))
    }

    /// How often the log says so.
    fn logged(&self, words: &str) -> usize {
        self.leaf.speaker.whole_log().lines().filter(|line| line.contains(words)).count()
    }

    /// The session that there was at first is there.
    fn session_stands(&self) -> Result<()> {
        let ended = self.peer.received().iter().any(|message| message.kind == kind::NOTIFICATION);
        let summary = self.leaf.speaker.json("show bgp l2vpn evpn summary json")?.to_string();
        ensure(
            !ended && summary.contains("\"connectionsDropped\":0") && summary.contains("\"Established\""),
            || format!("the session ended: {summary}\n{}", self.leaf.speaker.logs()),
        )
    }

    fn send_all<'a>(&self, messages: impl IntoIterator<Item = &'a Message>, value: u32) -> Result<()> {
        messages.into_iter().try_for_each(|message| self.peer.send(&message.bytes(value)))
    }
}

/// Good prefixes that stand around the others: by number, one of each family in turn.
fn bystander(number: u8) -> (Message, Seen) {
    let (address, length) = prefix(number, number.is_multiple_of(2));
    let route = Type5 { rd: 6, esi: 0, prefix: (address, length), gateway: None, label: RED.l3vni };
    (prefix_message(&route, Some(RMAC)), shown(route.prefix))
}

/// Every route that may not be used, between good ones, in both families.
pub fn unusable_routes_are_withheld() -> Result<()> {
    let lab = Lab::up()?;
    let mut next = 0;
    let cases: Vec<Case> = [false, true]
        .into_iter()
        .flat_map(|ipv6| [prefix_cases(ipv6, &mut next), host_cases(ipv6, &mut next)].concat())
        .collect();
    let mut of_each: BTreeMap<String, u64> = BTreeMap::new();
    for reason in cases.iter().filter_map(|case| case.reason) {
        *of_each.entry(reason.to_owned()).or_default() += 1;
    }
    let times = |n: u64| of_each.iter().map(|(reason, count)| (reason.clone(), count * n)).collect();
    let mut good = BTreeSet::new();
    for (case, number) in cases.iter().zip(100..) {
        let (around, seen) = bystander(number);
        lab.send_all([&around, &case.bad], 1)?;
        good.insert(seen);
    }
    let (last, seen) = bystander(99);
    lab.send_all([&last], 1)?;
    good.insert(seen);
    lab.wait_refusals(&times(1))?;
    lab.wait_seen(&good)?;
    // Once more, and a little different: counted, but told of once.
    lab.send_all(cases.iter().map(|case| &case.bad), 2)?;
    lab.wait_refusals(&times(2))?;
    for reason in of_each.keys() {
        let said = lab.logged(&format!("is not used: {}", words(reason)));
        ensure(said == 1, || format!("{reason} was logged {said} times"))?;
    }
    // What an IP-VRF refuses, a reflector would pass on: the RIB has it.
    let kept = crate::scenario::sites::evpn_routes(&lab.leaf.speaker)?;
    ensure(kept.iter().filter(|route| route.starts_with("[5]:[0]:[24]:[10.64.")).count() >= 13, || {
        format!("the RIB has dropped routes: {kept:#?}")
    })?;
    // Put right, each is used.
    lab.send_all(cases.iter().map(|case| &case.good), 3)?;
    let all: BTreeSet<Seen> =
        good.iter().cloned().chain(cases.iter().flat_map(|case| case.seen.clone())).collect();
    lab.wait_seen(&all)?;
    lab.wait_refusals(&times(2))?;
    // Wrong again: as good as withdrawn.
    lab.send_all(cases.iter().map(|case| &case.bad), 4)?;
    lab.wait_seen(&good)?;
    lab.wait_refusals(&times(3))?;
    lab.session_stands()?;
    let gone = cases.iter().map(|case| case.bad.nlri.clone());
    let around = (99..).map(|number| bystander(number).0.nlri).take(cases.len() + 1);
    gone.chain(around).try_for_each(|nlri| lab.peer.send(&withdraw(&nlri)))?;
    same_holdings(&lab.leaf.ns, &lab.before, LIMIT).map_err(|error| lab.explain(error))
}

/// A MAC/IP route with MAC length 0 between two good ones, in one UPDATE: it alone is not there, the
/// UPDATE is counted as malformed and logged (RFC 9135 §9.1.1, RFC 7606 §2).
pub fn a_route_without_a_mac_is_passed_over() -> Result<()> {
    let lab = Lab::up()?;
    let host = |number: u8, mac_length: u8| Type2 {
        rd: 5,
        mac_length,
        mac: [2, 0, 0, 0x77, 0, number],
        ip: Some(crate::routed::v4(77, number)),
        label1: FAR_L2VNI,
        label2: Some(RED.l3vni),
    };
    let communities = vec![route_target(FAR_L2VNI), route_target(RED.l3vni), VXLAN, router_mac(RMAC)];
    let message = |routes: &[Type2]| Message {
        next_hop: VTEP,
        nlri: routes.iter().flat_map(|route| route.nlri(VTEP)).collect(),
        communities: communities.clone(),
        attributes: Vec::new(),
    };
    let seen = |numbers: &[u8]| {
        let address = |number: &u8| format!("{}/32", crate::routed::v4(77, *number));
        numbers.iter().map(|number| Seen::Route(address(number))).collect::<BTreeSet<_>>()
    };
    lab.send_all([&message(&[host(1, 48), host(2, 0), host(3, 48)])], 1)?;
    lab.wait_seen(&seen(&[1, 3]))?;
    let neighbor = format!("show bgp neighbors {REFLECTOR}");
    let json = lab.leaf.speaker.json(&format!("{neighbor} json"))?.to_string();
    ensure(json.contains("\"updatesMalformed\":1"), || format!("it is not counted: {json}"))?;
    let text = lab.leaf.speaker.command(&neighbor)?;
    ensure(text.contains("Malformed updates received: 1\n"), || format!("it is not counted: {text}"))?;
    let said = lab.logged("a MAC/IP route with MAC length 0: that route treated as withdraw");
    ensure(said == 1, || format!("it was logged {said} times"))?;
    lab.send_all([&message(&[host(2, 48)])], 2)?;
    lab.wait_seen(&seen(&[1, 2, 3]))?;
    lab.session_stands()
}

/// A prefix route whose gateway nobody has is not used and no error; it is with the gateway's
/// MAC/IP route, and not without it again (RFC 9136 §3.2, §4.1).
pub fn a_gateway_is_waited_for() -> Result<()> {
    let lab = Lab::up()?;
    let gateway = crate::routed::v4(77, 9);
    let route = Type5 { rd: 5, esi: 0, prefix: prefix(1, false), gateway: Some(gateway), label: RED.l3vni };
    let hanging = prefix_message(&route, None);
    let (around, bystander_seen) = bystander(100);
    lab.send_all([&hanging, &around], 1)?;
    let alone = BTreeSet::from([bystander_seen]);
    lab.wait_seen(&alone)?;
    let shown = lab.leaf.speaker.json(&format!("show evpn vni {} json", RED.l3vni))?;
    ensure(shown.get("unresolvedGateways").and_then(serde_json::Value::as_u64) == Some(1), || {
        format!("it is not counted: {shown}")
    })?;
    let host = Type2 {
        rd: 5,
        mac_length: 48,
        mac: [2, 0, 0, 0x77, 0, 9],
        ip: Some(gateway),
        label1: FAR_L2VNI,
        label2: Some(RED.l3vni),
    };
    let message = Message {
        next_hop: VTEP,
        nlri: host.nlri(VTEP),
        communities: vec![route_target(FAR_L2VNI), route_target(RED.l3vni), VXLAN, router_mac(RMAC)],
        attributes: Vec::new(),
    };
    lab.send_all([&message], 1)?;
    let host_route = Seen::Route(format!("{gateway}/32"));
    let all: BTreeSet<Seen> = alone.iter().cloned().chain([shown_route(&route), host_route]).collect();
    lab.wait_seen(&all)?;
    lab.peer.send(&withdraw(&message.nlri))?;
    lab.wait_seen(&alone)?;
    ensure(lab.refusals()?.is_empty(), || "a gateway that is waited for was counted as refused".into())?;
    lab.session_stands()
}

fn shown_route(route: &Type5) -> Seen {
    shown(route.prefix)
}
