//! Several routers with a table each, and EVPN between them: what one originates into a domain
//! every other router of the domain hears, as behind a reflector. In place of the engine stand
//! its rules, as short as can be: no domain of ours in D-PATH; between MAC/IP routes of a host
//! and prefix routes for it the newest overrules the other kind; at a gateway an overruled path
//! of another domain stays known for a while.

use super::lab::*;
use crate::vrf::{AggregateSettings, EvpnPath, VrfOutput, VrfSettings, VrfTable};
use crate::wire::AttributeSet;
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::{
    DomainId,
    engine::{VrfPath, VrfPathSource},
    forwarding::{ForwardingChange, VrfForward, VrfNextHop},
    nlri::{EvpnRoute, IpPrefix},
};

const A: DomainId = DomainId([0, 0, 0, 1, 0, 0]);
const B: DomainId = DomainId([0, 0, 0, 2, 0, 0]);
const C: DomainId = DomainId([0, 0, 0, 3, 0, 0]);

#[derive(Debug)]
struct Router {
    table: VrfTable,
    domains: Vec<DomainId>,
    forward: BTreeMap<IpNet, VrfForward>,
    loops: usize,
    /// The paths of hosts, the newest last.
    hosts: BTreeMap<IpNet, Vec<(VrfPathSource, EvpnPath)>>,
    /// Overruled paths that are gone.
    ghosts: BTreeSet<(IpNet, VrfPathSource)>,
}

/// A message under way.
type Message = (usize, DomainId, IpPrefix, Option<AttributeSet>);

#[derive(Debug)]
struct Fabric {
    now: Instant,
    routers: Vec<Router>,
    messages: VecDeque<Message>,
    /// Messages so far.
    count: usize,
    /// Which host is where.
    hosts: BTreeSet<(usize, IpNet)>,
}

impl Fabric {
    /// Routers of these domains, the own first. The first is router 1, with VTEP 1.
    fn new(routers: &[&[DomainId]]) -> Self {
        let now = Instant::now();
        let (routers_made, messages) = (Vec::new(), VecDeque::new());
        let mut fabric = Self { now, routers: routers_made, messages, count: 0, hosts: BTreeSet::new() };
        for (n, domains) in routers.iter().enumerate() {
            let n = n as u8 + 1;
            let mut settings = VrfSettings::new(ASN, Ipv4Addr::new(10, 255, 0, n));
            settings.domain = domains[0];
            settings.other_domains = domains[1..].to_vec();
            let mut table = VrfTable::new("red".into(), now);
            table.configure(settings, now);
            let mut active = active(n);
            active.domain_rds =
                domains[1..].iter().enumerate().map(|(k, domain)| (*domain, rd(n, k as u16 + 2))).collect();
            table.activate(Some(active));
            let router = Router {
                table,
                domains: domains.to_vec(),
                forward: BTreeMap::new(),
                loops: 0,
                hosts: BTreeMap::new(),
                ghosts: BTreeSet::new(),
            };
            fabric.routers.push(router);
        }
        fabric.run();
        fabric
    }

    fn configure(&mut self, n: usize, change: impl FnOnce(&mut VrfSettings)) {
        let table = &mut self.routers[n - 1].table;
        let mut settings = table.settings().clone();
        change(&mut settings);
        table.configure(settings, self.now);
        self.run();
    }

    fn aggregate(&mut self, n: usize, prefix: &str) {
        let line = AggregateSettings { summary_only: true, policy: None };
        self.configure(n, |settings| {
            settings.ipv4.aggregates.insert(net(prefix), line);
        });
    }

    /// A subnet of router `n`'s gateways comes or goes.
    fn subnet(&mut self, n: usize, prefix: &str, there: bool) {
        self.configure(n, |settings| {
            if there {
                settings.gateway_subnets.insert(net(prefix));
            } else {
                settings.gateway_subnets.remove(&net(prefix));
            }
        });
    }

    /// A host at router `n`, told to its domain by a MAC/IP route, comes or goes.
    fn host(&mut self, n: usize, address: &str, sequence: Option<u32>) {
        let domain = self.routers[n - 1].domains[0];
        let mobility = weft_evpn::community::MacMobility { sticky: false, sequence: sequence.unwrap_or(0) };
        let from = remote(n as u8, domain).host(1).with(|set| {
            set.ext_communities.push(weft_evpn::ExtendedCommunity::mac_mobility(mobility));
        });
        let prefix = net(address);
        if sequence.is_some() {
            self.hosts.insert((n, prefix));
        } else {
            self.hosts.remove(&(n, prefix));
        }
        for (other, router) in self.routers.iter_mut().enumerate() {
            if other + 1 != n && router.domains.contains(&domain) {
                let path = sequence.map(|_| from.path(prefix));
                router.give(prefix, from.source(), path, self.now);
            }
        }
        self.run();
    }

    /// Until nobody has anything to say.
    fn run(&mut self) {
        for _ in 0..10_000 {
            for n in 0..self.routers.len() {
                let mut out = Vec::new();
                self.routers[n].table.settle(self.now, &mut out);
                for output in out {
                    match output {
                        VrfOutput::Forward(ForwardingChange::Route { prefix, wanted, .. }) => {
                            let forward = &mut self.routers[n].forward;
                            match wanted {
                                Some(wanted) => forward.insert(prefix, wanted),
                                None => forward.remove(&prefix),
                            };
                        }
                        VrfOutput::Originate { domain, route: EvpnRoute::IpPrefix(route), attributes } => {
                            self.messages.push_back((n, domain, route, Some(attributes)));
                        }
                        VrfOutput::Withdraw { domain, route: EvpnRoute::IpPrefix(route) } => {
                            self.messages.push_back((n, domain, route, None));
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            let Some((from, domain, route, attributes)) = self.messages.pop_front() else { return };
            self.count += 1;
            for (n, router) in self.routers.iter_mut().enumerate() {
                if n != from && router.domains.contains(&domain) {
                    router.hear(domain, &route, attributes.as_ref(), self.now);
                }
            }
        }
        panic!("it does not come to rest");
    }

    fn wait(&mut self) {
        self.now += Duration::from_secs(5);
        for router in &mut self.routers {
            router.forget(self.now);
        }
        self.run();
    }

    fn ways(&self, n: usize, prefix: &str) -> Option<VrfForward> {
        self.routers[n - 1].forward.get(&net(prefix)).cloned()
    }

    /// The prefixes of router `n`'s kernel routes.
    fn table(&self, n: usize) -> Vec<String> {
        self.routers[n - 1].forward.keys().map(ToString::to_string).collect()
    }

    /// The routers that a packet to an address passes, from `n` on, until one has no route of
    /// ours for it; panics on a loop.
    fn trace(&self, n: usize, address: &str) -> Vec<usize> {
        let (mut at, mut passed, address) = (n, vec![n], net(address));
        while !self.hosts.contains(&(at, address)) {
            let forward = &self.routers[at - 1].forward;
            let subnets = &self.routers[at - 1].table.settings().gateway_subnets;
            let longest =
                forward.keys().filter(|prefix| prefix.contains(&address)).max_by_key(|p| p.prefix_len());
            let local =
                subnets.iter().filter(|prefix| prefix.contains(&address)).map(IpNet::prefix_len).max();
            let Some(prefix) = longest.filter(|prefix| local.is_none_or(|local| local < prefix.prefix_len()))
            else {
                return passed;
            };
            let VrfForward::Via(ways) = &forward[prefix] else { return passed };
            let VrfNextHop::Vtep { vtep: std::net::IpAddr::V4(vtep), .. } = ways[0] else { panic!("a VTEP") };
            at = usize::from(vtep.octets()[3]);
            assert!(!passed.contains(&at), "{address} goes round: {passed:?}, {at}");
            passed.push(at);
        }
        passed
    }
}

impl Router {
    fn hear(&mut self, domain: DomainId, route: &IpPrefix, attributes: Option<&AttributeSet>, now: Instant) {
        let source = VrfPathSource { rd: route.rd, ethernet_tag: route.ethernet_tag, mac: None };
        let passed = attributes.and_then(|set| set.d_path.as_ref());
        let looped = passed.is_some_and(|path| self.domains.iter().any(|domain| path.contains(*domain)));
        self.loops += usize::from(looped);
        let path = attributes.filter(|_| !looped).map(|set| {
            let router_mac = set.ext_communities.iter().find_map(|community| community.as_router_mac());
            let vtep = set.next_hop.expect("a next hop");
            let router_mac = router_mac.expect("a router MAC");
            let next_hop = VrfNextHop::Vtep { vtep, router_mac };
            let attributes = AttributeSet { local_pref: Some(100), ..set.clone() };
            EvpnPath {
                path: VrfPath { route: EvpnRoute::IpPrefix(*route), next_hop, domain, overruled: false },
                attributes: Arc::new(attributes),
                router_id: match vtep {
                    std::net::IpAddr::V4(vtep) => vtep,
                    std::net::IpAddr::V6(_) => panic!("IPv4"),
                },
                external: false,
            }
        });
        self.give(route.prefix, source, path, now);
    }

    fn give(&mut self, prefix: IpNet, source: VrfPathSource, path: Option<EvpnPath>, now: Instant) {
        if prefix.prefix_len() < prefix.max_prefix_len() {
            return self.table.path(prefix, source, path, now);
        }
        let paths = self.hosts.entry(prefix).or_default();
        let is_host = |source: &VrfPathSource| source.mac.is_some();
        let at = paths.iter().position(|(of, _)| *of == source);
        match (at, path) {
            (Some(at), Some(path)) if paths[at].1 == path => {}
            (at, Some(path)) => {
                at.map(|at| paths.remove(at));
                paths.push((source, path));
            }
            (Some(at), None) => {
                let overruled = paths.last().is_some_and(|(newest, _)| is_host(newest) != is_host(&source));
                if overruled && !is_host(&source) && self.domains.len() > 1 {
                    self.ghosts.insert((prefix, source));
                    return;
                }
                paths.remove(at);
                self.table.path(prefix, source, None, now);
            }
            (None, None) => {}
        }
        self.ghosts.remove(&(prefix, source));
        let newest = paths.last().map(|(newest, _)| is_host(newest));
        for (source, path) in paths {
            let mut path = path.clone();
            path.path.overruled = Some(is_host(source)) != newest;
            self.table.path(prefix, *source, Some(path), now);
        }
    }

    /// What stayed known is forgotten.
    fn forget(&mut self, now: Instant) {
        for (prefix, source) in std::mem::take(&mut self.ghosts) {
            self.hosts.entry(prefix).or_default().retain(|(of, _)| *of != source);
            self.table.path(prefix, source, None, now);
        }
    }
}

#[test]
fn a_ring_of_three_gateways_does_not_loop_and_forgets() {
    // Router 4 is a leaf of A; 1, 2 and 3 join A-B, B-C, C-A.
    let mut fabric = Fabric::new(&[&[A, B], &[B, C], &[C, A], &[A]]);
    fabric.subnet(4, "203.0.113.0/24", true);
    assert_eq!(fabric.ways(1, "203.0.113.0/24"), via(&[vtep(4)]));
    assert_eq!(fabric.ways(3, "203.0.113.0/24"), via(&[vtep(4)]));
    // 2 hears it through B and through C, equally far.
    assert_eq!(fabric.ways(2, "203.0.113.0/24"), via(&[vtep(1), vtep(3)]));
    assert!(fabric.routers[..3].iter().any(|router| router.loops > 0), "it came back, and was known");
    for n in 1..=3 {
        assert_eq!(fabric.trace(n, "203.0.113.9/32").last(), Some(&4));
        let own: Vec<IpNet> = fabric.routers[n - 1].table.sent(A).map(|route| route.route.prefix).collect();
        assert_eq!(own, [], "nothing goes back into A");
    }
    let before = fabric.count;
    fabric.subnet(4, "203.0.113.0/24", false);
    assert!(fabric.routers.iter().all(|router| router.forward.is_empty()), "no ghost is left");
    assert!(fabric.count - before <= 8, "{} messages to forget", fabric.count - before);
}

#[test]
fn two_gateways_of_a_site_do_not_take_their_aggregate_back_in() {
    // 1 and 2 join site A and core B; 3 is a leaf of A, 4 one of B.
    let mut fabric = Fabric::new(&[&[A, B], &[A, B], &[A], &[B]]);
    for n in [1, 2] {
        fabric.aggregate(n, "10.1.0.0/16");
    }
    fabric.subnet(3, "10.1.10.0/24", true);
    fabric.host(3, "10.1.10.7/32", Some(0));
    assert_eq!(fabric.table(4), ["10.1.0.0/16"]);
    assert_eq!(fabric.ways(4, "10.1.0.0/16"), via(&[vtep(1), vtep(2)]));
    for n in [1, 2] {
        assert_eq!(fabric.ways(n, "10.1.0.0/16"), Some(VrfForward::Discard));
        assert_eq!(fabric.trace(n, "10.1.99.9/32"), [n], "what nobody has is dropped here");
    }
    assert_eq!(fabric.table(3), Vec::<String>::new(), "the site hears nothing of it");
    fabric.host(3, "10.1.10.7/32", None);
    fabric.subnet(3, "10.1.10.0/24", false);
    fabric.wait();
    assert!(fabric.routers.iter().all(|router| router.forward.is_empty()));
}

#[test]
fn a_host_moves_to_another_site_and_back() {
    // Site A: leaves 1 and 2, gateway 3. Core B. Site C: gateway 4, leaf 5.
    let mut fabric = Fabric::new(&[&[A], &[A], &[A, B], &[C, B], &[C]]);
    fabric.aggregate(3, "10.1.0.0/16");
    fabric.aggregate(4, "10.3.0.0/16");
    fabric.subnet(1, "10.1.10.0/24", true);
    fabric.subnet(2, "10.1.20.0/24", true);
    fabric.subnet(5, "10.3.10.0/24", true);
    for (n, address) in [(1, "10.1.10.7/32"), (2, "10.1.20.7/32"), (5, "10.3.10.7/32")] {
        fabric.host(n, address, Some(0));
    }
    // A leaf holds its site's hosts and subnets, and one prefix of each other site.
    assert_eq!(fabric.table(2), ["10.1.10.0/24", "10.1.10.7/32", "10.3.0.0/16"]);
    assert_eq!(fabric.table(5), ["10.1.0.0/16"]);
    assert_eq!(fabric.trace(5, "10.1.10.7/32"), [5, 4, 3, 1]);
    assert_eq!(fabric.trace(2, "10.3.10.7/32"), [2, 3, 4, 5]);

    // The host appears at 5 before 1 lets it go: never is there nothing.
    let before = fabric.count;
    fabric.host(5, "10.1.10.7/32", Some(1));
    assert_eq!(fabric.count - before, 2, "into the core, into its home");
    assert_eq!(fabric.trace(5, "10.1.10.7/32"), [5]);
    assert_eq!(fabric.trace(2, "10.1.10.7/32"), [2, 3, 4, 5], "the newer claim counts");
    assert_eq!(fabric.ways(1, "10.1.10.7/32"), via(&[vtep(3)]), "who had it hears of it");
    fabric.host(1, "10.1.10.7/32", None);
    assert_eq!(fabric.trace(2, "10.1.10.7/32"), [2, 3, 4, 5]);
    assert_eq!(fabric.trace(1, "10.1.10.7/32"), [1, 3, 4, 5]);
    assert_eq!(fabric.table(5), ["10.1.0.0/16"], "the other site's others stay aggregated");
    assert_eq!(fabric.trace(5, "10.1.20.7/32"), [5, 4, 3, 2]);

    // Home again, the same way round.
    fabric.host(1, "10.1.10.7/32", Some(2));
    assert_eq!(fabric.trace(2, "10.1.10.7/32"), [2, 1]);
    assert_eq!(fabric.ways(5, "10.1.10.7/32"), via(&[vtep(4)]), "who had it hears of it");
    fabric.host(5, "10.1.10.7/32", None);
    fabric.wait();
    assert_eq!(fabric.trace(5, "10.1.10.7/32"), [5, 4, 3, 1]);
    assert_eq!(fabric.trace(2, "10.1.10.7/32"), [2, 1]);
    assert_eq!(fabric.table(2), ["10.1.10.0/24", "10.1.10.7/32", "10.3.0.0/16"]);
}

#[test]
fn a_moved_host_whose_subnet_is_at_both_sites_reaches_those_at_home() {
    let mut fabric = Fabric::new(&[&[A], &[A, B], &[C, B], &[C]]);
    fabric.aggregate(2, "10.1.0.0/16");
    fabric.subnet(1, "10.1.10.0/24", true);
    fabric.host(1, "10.1.10.8/32", Some(0));
    assert_eq!(fabric.table(4), ["10.1.0.0/16"]);
    fabric.subnet(4, "10.1.10.0/24", true);
    fabric.host(4, "10.1.10.7/32", Some(0));
    assert_eq!(fabric.trace(4, "10.1.10.8/32"), [4, 3, 2, 1]);
    assert_eq!(fabric.trace(1, "10.1.10.7/32"), [1, 2, 3, 4]);
    fabric.subnet(4, "10.1.10.0/24", false);
    fabric.host(4, "10.1.10.7/32", None);
    fabric.wait();
    assert_eq!(fabric.table(4), ["10.1.0.0/16"]);
}

#[test]
fn a_gateway_that_leaves_is_not_missed_where_there_is_another() {
    let mut fabric = Fabric::new(&[&[A, B], &[A, B], &[A], &[B]]);
    fabric.subnet(3, "10.1.10.0/24", true);
    assert_eq!(fabric.ways(4, "10.1.10.0/24"), via(&[vtep(1), vtep(2)]));
    fabric.routers[0].table.activate(None);
    fabric.run();
    assert_eq!(fabric.ways(4, "10.1.10.0/24"), via(&[vtep(2)]));
    let everywhere: BTreeSet<IpNet> =
        fabric.routers.iter().flat_map(|router| router.forward.keys()).copied().collect();
    assert_eq!(everywhere.len(), 1);
}
