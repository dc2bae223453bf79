//! Two sites and a core between them, pure: every router is an EVPN engine and the table of one
//! IP-VRF, every message of BGP a function call. Site A has leaves 1 and 2 and gateway 3, site C
//! has gateway 4 and leaves 5 and 6; the gateways share the core. Hosts of two subnets, one at
//! home in each site, move between all leaves. Messages of different sessions overtake one
//! another, and a session may drop what a later message makes void, as any speaker's may.
//!
//! A host that moves says so once, at its new place; nobody tells the old one. Once it is quiet,
//! every router must reach every host where it is, one leaf alone may advertise it, and only
//! hosts that are away from home may cross the core. (draft-ietf-bess-evpn-ipvpn-interworking,
//! RFC 9135 §7, RFC 4632 §5.1.)

// A whole crate of tests: clippy's leave for tests reaches only functions marked as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};
use weft_bgpd::{
    vrf::{AggregateSettings, EvpnPath, VrfOutput, VrfSettings, VrfTable},
    wire::AttributeSet,
};
use weft_evpn::{
    DomainId, Evpn, MacAddr, Vni, VrfName,
    engine::{EvpnConfig, Input, IpVrfConfig, NeighbourPlace, Output, RoutePath, VrfPath},
    forwarding::{ForwardingChange, VrfForward, VrfNextHop},
    local::{LocalEvent, NeighbourSource, VniDevices},
    nlri::EvpnRoute,
    vrf::{L3VniDevices, VrfDevices, VrfForm},
};

const LEAVES: [usize; 4] = [1, 2, 5, 6];

/// The L2VNI, the subnet's third and the site's second octet are one number: 1 is at home in A.
const SUBNETS: [u32; 2] = [1, 2];

fn domain(name: &str) -> DomainId {
    DomainId::of_name(name)
}

fn domains(n: usize) -> Vec<DomainId> {
    let names: &[&str] = match n {
        1 | 2 => &["a"],
        3 => &["a", "core"],
        4 => &["c", "core"],
        _ => &["c"],
    };
    names.iter().map(|name| domain(name)).collect()
}

fn home(subnet: u32) -> [usize; 2] {
    if subnet == 1 { [1, 2] } else { [5, 6] }
}

fn red() -> VrfName {
    VrfName::from("red")
}

fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

fn vtep(n: usize) -> IpAddr {
    Ipv4Addr::new(10, 255, 0, n as u8).into()
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

#[derive(Debug, Clone)]
struct Message {
    domain: DomainId,
    route: EvpnRoute,
    attributes: Option<AttributeSet>,
}

/// What tells routes apart.
fn key(route: &EvpnRoute) -> Vec<u8> {
    weft_evpn::nlri::split(&route.to_wire()).unwrap().0.to_vec()
}

struct Router {
    evpn: Evpn,
    table: VrfTable,
    forward: BTreeMap<IpNet, VrfForward>,
    neighbours: BTreeMap<IpAddr, MacAddr>,
    macs: BTreeMap<MacAddr, IpAddr>,
    /// EVPN routes of others.
    rib: BTreeMap<Vec<u8>, Message>,
    /// EVPN routes of ours.
    sent: BTreeMap<(DomainId, Vec<u8>), EvpnRoute>,
    bridge: BTreeSet<(u32, MacAddr)>,
    events: VecDeque<LocalEvent>,
}

struct Host {
    subnet: u32,
    mac: MacAddr,
    ip: IpAddr,
    at: usize,
}

/// Where the subnets have gateways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gateways {
    /// On every leaf: the hosts of both subnets cross the core one by one, the aggregates
    /// notwithstanding, as both sites have something more specific.
    Everywhere,
    /// At home only: a bridge elsewhere serves hosts that are away, and only these cross.
    AtHome,
}

impl Gateways {
    fn has(self, n: usize, subnet: u32) -> bool {
        LEAVES.contains(&n) && (self == Gateways::Everywhere || home(subnet).contains(&n))
    }
}

struct World {
    gateways: Gateways,
    now: Instant,
    routers: BTreeMap<usize, Router>,
    links: BTreeMap<(usize, usize), VecDeque<Message>>,
    hosts: Vec<Host>,
    random: Random,
}

impl World {
    fn new(gateways: Gateways, seed: u64) -> Self {
        let now = Instant::now();
        let mut world = Self {
            gateways,
            now,
            routers: BTreeMap::new(),
            links: BTreeMap::new(),
            hosts: Vec::new(),
            random: Random(seed),
        };
        for n in 1..=6 {
            let router = Router {
                evpn: Evpn::new(),
                table: VrfTable::new(red(), now),
                forward: BTreeMap::new(),
                neighbours: BTreeMap::new(),
                macs: BTreeMap::new(),
                rib: BTreeMap::new(),
                sent: BTreeMap::new(),
                bridge: BTreeSet::new(),
                events: VecDeque::new(),
            };
            world.routers.insert(n, router);
        }
        for n in 1..=6 {
            world.start(n);
        }
        for h in 0..4 {
            let subnet = SUBNETS[h % 2];
            let mac = MacAddr([2, 0, 0, 0, 0, h as u8 + 1]);
            let ip = Ipv4Addr::new(10, subnet as u8, 0, h as u8 + 1).into();
            let at = home(subnet)[h / 2];
            world.hosts.push(Host { subnet, mac, ip, at });
            world.announce(h);
        }
        world.rest();
        world
    }

    fn start(&mut self, n: usize) {
        let all = domains(n);
        let router_id = Ipv4Addr::new(10, 255, 0, n as u8);
        let config = EvpnConfig {
            asn: 65000,
            router_id,
            advertise_all_vni: true,
            vrfs: BTreeMap::from([(red(), IpVrfConfig { vni: Some(vni(5000)), ..IpVrfConfig::default() })]),
            domain: all[0],
            other_domains: all[1..].to_vec(),
            ..EvpnConfig::default()
        };
        let mut settings = VrfSettings::new(65000, router_id);
        settings.domain = all[0];
        settings.other_domains = all[1..].to_vec();
        if let 3 | 4 = n {
            let aggregate = if n == 3 { "10.1.0.0/16" } else { "10.2.0.0/16" };
            settings
                .ipv4
                .aggregates
                .insert(net(aggregate), AggregateSettings { summary_only: true, policy: None });
        }
        settings.gateway_subnets =
            SUBNETS.into_iter().filter(|subnet| self.gateways.has(n, *subnet)).map(subnet_of).collect();
        let now = self.now;
        let router = self.routers.get_mut(&n).unwrap();
        router.table.configure(settings, now);
        let devices = VrfDevices {
            form: VrfForm::Rule,
            table: 10_000,
            master: None,
            l3vni: Some(L3VniDevices {
                vni: vni(5000),
                vxlan: (9, "l3".into()),
                svi: (9, "l3".into()),
                vtep: vtep(n),
                router_mac: MacAddr([2, 0xff, 0, 0, 0, n as u8]),
            }),
            interfaces: vec![],
        };
        self.handle(n, Input::Config(config));
        self.handle(n, Input::Local(LocalEvent::VrfUp { vrf: red(), devices }));
        for subnet in SUBNETS.into_iter().filter(|_| LEAVES.contains(&n)) {
            let gateway = Ipv4Addr::new(10, subnet as u8, 0, 254).into();
            let has_gateway = self.gateways.has(n, subnet);
            let devices = VniDevices {
                vxlan: (7, "vx".into()),
                bridge: (6, "br".into()),
                vtep: vtep(n),
                bridge_mac: MacAddr([0, 0, 0x5e, 0, 1, 1]),
                svi_addresses: Some(gateway).into_iter().filter(|_| has_gateway).collect(),
                svi_subnets: Some(subnet_of(subnet)).into_iter().filter(|_| has_gateway).collect(),
                vrf: Some(red()),
            };
            self.handle(n, Input::Local(LocalEvent::VniUp { vni: vni(subnet), devices }));
        }
    }

    fn handle(&mut self, n: usize, input: Input<'_>) {
        let mut out = Vec::new();
        self.routers.get_mut(&n).unwrap().evpn.handle(input, self.now, &mut out);
        self.outputs(n, out);
    }

    fn outputs(&mut self, n: usize, out: Vec<Output>) {
        let now = self.now;
        for output in out {
            let router = self.routers.get_mut(&n).unwrap();
            match output {
                Output::Originate(origination) => {
                    let attributes = AttributeSet {
                        next_hop: Some(origination.next_hop),
                        ext_communities: origination.ext_communities,
                        pmsi: origination.pmsi,
                        ..AttributeSet::default()
                    };
                    self.send(n, domains(n)[0], origination.route, Some(attributes));
                }
                Output::Withdraw(route) => self.send(n, domains(n)[0], route, None),
                Output::Import(_) => {
                    for message in router.rib.values().cloned().collect::<Vec<_>>() {
                        self.hear(n, &message);
                    }
                }
                Output::VrfPath { prefix, source, path, .. } => {
                    let path = path.map(|path| evpn_path(&router.rib, path));
                    router.table.path(prefix, source, path, now);
                }
                Output::VrfActive { active, .. } => router.table.activate(active),
                Output::Forward(change) => self.forward(n, change),
                Output::Notice(notice) => panic!("{n}: {notice}"),
            }
        }
        self.settle(n);
    }

    fn settle(&mut self, n: usize) {
        let mut out = Vec::new();
        let router = self.routers.get_mut(&n).unwrap();
        router.table.settle(self.now, &mut out);
        for output in out {
            let router = self.routers.get_mut(&n).unwrap();
            match output {
                VrfOutput::Forward(ForwardingChange::Route { prefix, wanted: Some(wanted), .. }) => {
                    router.forward.insert(prefix, wanted);
                }
                VrfOutput::Forward(ForwardingChange::Route { prefix, wanted: None, .. }) => {
                    router.forward.remove(&prefix);
                }
                VrfOutput::Forward(other) => panic!("{other:?}"),
                VrfOutput::Originate { domain, route, attributes } => {
                    self.send(n, domain, route, Some(attributes));
                }
                VrfOutput::Withdraw { domain, route } => self.send(n, domain, route, None),
            }
        }
    }

    fn forward(&mut self, n: usize, change: ForwardingChange) {
        let router = self.routers.get_mut(&n).unwrap();
        match change {
            ForwardingChange::Mac { vni, mac, wanted: Some(wanted) } => {
                router.bridge.remove(&(vni.get(), mac));
                router.macs.insert(mac, wanted.vtep);
            }
            ForwardingChange::Mac { vni, mac, wanted: None } => {
                router.macs.remove(&mac);
                if !router.bridge.contains(&(vni.get(), mac)) {
                    router.events.push_back(LocalEvent::MacGone { vni, mac });
                }
            }
            ForwardingChange::Neighbour { ip, wanted: Some(wanted), .. } => {
                router.neighbours.insert(ip, wanted.mac);
            }
            ForwardingChange::Neighbour { ip, wanted: None, .. } => drop(router.neighbours.remove(&ip)),
            ForwardingChange::Probe { ip, .. } => {
                if let Some(h) = self.hosts.iter().position(|host| host.at == n && host.ip == ip) {
                    self.announce(h);
                }
            }
            _ => {}
        }
    }

    /// Into a domain a route goes to every router of it, as behind a reflector.
    fn send(&mut self, n: usize, domain: DomainId, route: EvpnRoute, attributes: Option<AttributeSet>) {
        let sent = &mut self.routers.get_mut(&n).unwrap().sent;
        match &attributes {
            Some(_) => drop(sent.insert((domain, key(&route)), route.clone())),
            None => drop(sent.remove(&(domain, key(&route)))),
        }
        for to in (1..=6).filter(|to| *to != n && domains(*to).contains(&domain)) {
            let link = self.links.entry((n, to)).or_default();
            if self.random.below(2) == 0 {
                link.retain(|message| key(&message.route) != key(&route));
            }
            link.push_back(Message { domain, route: route.clone(), attributes: attributes.clone() });
        }
    }

    fn hear(&mut self, n: usize, message: &Message) {
        let d_path: Vec<DomainId> = message
            .attributes
            .iter()
            .filter_map(|set| set.d_path.as_ref())
            .flat_map(|path| path.domains().iter().map(|passed| passed.domain))
            .collect();
        let path = message.attributes.as_ref().map(|set| RoutePath {
            next_hop: set.next_hop.unwrap(),
            ext_communities: &set.ext_communities,
            pmsi: set.pmsi.as_ref(),
            domain: message.domain,
            d_path: &d_path,
        });
        self.handle(n, Input::Route { route: &message.route, path });
    }

    /// A host says at its place who it is.
    fn announce(&mut self, h: usize) {
        let Host { subnet, mac, ip, at } = self.hosts[h];
        let router = self.routers.get_mut(&at).unwrap();
        if router.bridge.insert((subnet, mac)) {
            let port = (3, "eth1".to_string());
            router.events.push_back(LocalEvent::Mac { vni: vni(subnet), mac, port, sticky: false });
        }
        let source = NeighbourSource::Snooped;
        router.events.push_back(LocalEvent::Neighbour { vni: vni(subnet), ip, mac, source });
    }

    /// Lets one thing happen somewhere; false if nothing is under way.
    fn step(&mut self) -> bool {
        self.links.retain(|_, link| !link.is_empty());
        let local: Vec<usize> =
            self.routers.iter().filter(|(_, router)| !router.events.is_empty()).map(|(n, _)| *n).collect();
        let links: Vec<(usize, usize)> = self.links.keys().copied().collect();
        if local.is_empty() && links.is_empty() {
            return false;
        }
        let which = self.random.below(local.len() + links.len());
        if let Some(n) = local.get(which) {
            let event = self.routers.get_mut(n).unwrap().events.pop_front().unwrap();
            self.handle(*n, Input::Local(event));
        } else {
            let (from, to) = links[which - local.len()];
            let message = self.links.get_mut(&(from, to)).unwrap().pop_front().unwrap();
            let rib = &mut self.routers.get_mut(&to).unwrap().rib;
            match message.attributes {
                Some(_) => drop(rib.insert(key(&message.route), message.clone())),
                None => drop(rib.remove(&key(&message.route))),
            }
            self.hear(to, &message);
        }
        true
    }

    fn run(&mut self) {
        for _ in 0..20_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    /// Until nothing is under way and no timer of some seconds is running.
    fn rest(&mut self) {
        self.run();
        for _ in 0..5 {
            self.now += Duration::from_secs(2);
            for n in 1..=6 {
                let mut out = Vec::new();
                let router = self.routers.get_mut(&n).unwrap();
                router.evpn.on_deadline(self.now, &mut out);
                router.table.on_deadline(self.now);
                self.outputs(n, out);
            }
            self.run();
        }
    }

    /// The longest way that a packet to a host takes from a router, by its tables alone.
    fn hops(&self, from: usize, host: &Host, limit: usize) -> Result<usize, String> {
        if from == host.at {
            let view = self.routers[&from].evpn.neighbour(vni(host.subnet), host.ip);
            let is_local = view.is_some_and(|view| view.place == NeighbourPlace::Local);
            return if is_local { Ok(0) } else { Err(format!("{} is not known at {from}", host.ip)) };
        }
        let router = &self.routers[&from];
        let matching = router.forward.iter().filter(|(prefix, _)| prefix.contains(&host.ip));
        let longest = matching.max_by_key(|(prefix, _)| prefix.prefix_len());
        let connected = self.gateways.has(from, host.subnet);
        let Some((_, way)) = longest.filter(|(prefix, _)| !connected || prefix.prefix_len() > 24) else {
            // By the bridge.
            let at = router.neighbours.get(&host.ip).and_then(|mac| router.macs.get(mac));
            return if at == Some(&vtep(host.at)) {
                Ok(1)
            } else {
                Err(format!("{from} has no way to {}", host.ip))
            };
        };
        let VrfForward::Via(ways) = way else { return Err(format!("{from} drops {}", host.ip)) };
        let mut most = 0;
        for way in ways {
            let VrfNextHop::Vtep { vtep: IpAddr::V4(next), .. } = way else { panic!("{way:?}") };
            let next = usize::from(next.octets()[3]);
            if limit == 0 {
                return Err(format!("{} goes round at {from}", host.ip));
            }
            most = most.max(1 + self.hops(next, host, limit - 1)?);
        }
        Ok(most)
    }

    fn check(&self) -> Result<(), String> {
        for host in &self.hosts {
            for n in 1..=6 {
                let hops = self.hops(n, host, 4)?;
                let most = if domains(n)[0] == domains(host.at)[0] { 1 } else { 3 };
                if hops > most {
                    return Err(format!("{} is {hops} hops from {n}", host.ip));
                }
            }
            let advertises = |router: &Router| {
                router
                    .sent
                    .values()
                    .any(|route| matches!(route, EvpnRoute::MacIp(route) if route.ip == Some(host.ip)))
            };
            let by: Vec<usize> =
                self.routers.iter().filter(|(_, router)| advertises(router)).map(|(n, _)| *n).collect();
            if by != [host.at] {
                return Err(format!("{} is at {} and advertised by {by:?}", host.ip, host.at));
            }
            let crosses = [3, 4].into_iter().filter(|n| {
                let mut sent = self.routers[n].sent.iter();
                sent.any(|((to, _), route)| {
                    *to == domain("core")
                        && matches!(route, EvpnRoute::IpPrefix(route) if route.prefix == IpNet::from(host.ip))
                })
            });
            let crosses: Vec<usize> = crosses.collect();
            let is_known = self.gateways == Gateways::Everywhere || !home(host.subnet).contains(&host.at);
            let expected = Some(if host.at < 3 { 3 } else { 4 }).filter(|_| is_known);
            if crosses != expected.into_iter().collect::<Vec<_>>() {
                return Err(format!("{} is at {} and crosses the core from {crosses:?}", host.ip, host.at));
            }
        }
        Ok(())
    }
}

fn subnet_of(subnet: u32) -> IpNet {
    net(&format!("10.{subnet}.0.0/24"))
}

fn evpn_path(rib: &BTreeMap<Vec<u8>, Message>, path: VrfPath) -> EvpnPath {
    let attributes = rib[&key(&path.route)].attributes.clone().unwrap();
    let Some(IpAddr::V4(router_id)) = attributes.next_hop else { panic!() };
    let attributes = AttributeSet { local_pref: Some(100), ..attributes };
    EvpnPath { path, attributes: Arc::new(attributes), router_id, external: false }
}

fn simulate(gateways: Gateways) {
    for seed in 0..if cfg!(debug_assertions) { 40 } else { 2000 } {
        let mut world = World::new(gateways, seed);
        world.check().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        for round in 0..6 {
            let h = world.random.below(world.hosts.len());
            let (from, to) = (world.hosts[h].at, LEAVES[world.random.below(LEAVES.len())]);
            world.hosts[h].at = to;
            world.announce(h);
            world.rest();
            world.check().unwrap_or_else(|error| {
                panic!("seed {seed}, round {round}, {} from {from} to {to}: {error}", world.hosts[h].ip)
            });
            // Long enough for it to be no duplicate.
            world.now += Duration::from_secs(200);
        }
    }
}

#[test]
fn hosts_of_subnets_in_both_sites_are_reached_from_everywhere() {
    simulate(Gateways::Everywhere);
}

#[test]
fn hosts_away_from_home_are_reached_from_everywhere_and_cross_alone() {
    simulate(Gateways::AtHome);
}
