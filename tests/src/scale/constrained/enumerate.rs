//! The fabric of `Fabric`, node by node: every session with what its other end asks for, every route in
//! every RIB, every message that an event makes. It shares no formula with `Fabric`, only the length of a
//! message with its traffic. Small sizes only; everything must divide evenly.
//!
//! What each node makes of routes (which it originates, what a gateway makes of a host) is stated here;
//! that Weft's engines do so is what `scale::simulate` shows.

use super::{Design, Fabric, Holds, Move, Role, Traffic};
use crate::error::{LabError, Result, ensure};
use crate::scale::cost::{Kind, Sender, Wire};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

type Node = usize;
type Set = (Kind, Node, Vec<Rt>, u64);

/// What a route target stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rt {
    Subnet { tenant: u64, site: u64, number: u64 },
    Tenant(u64),
}

/// A route: who made it and of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    kind: Kind,
    origin: Node,
    tenant: u64,
    /// The site and number of the subnet, the number of the host; 0 where there is none.
    subnet: (u64, u64),
    host: u64,
}

impl Route {
    fn rts(&self) -> Vec<Rt> {
        let (site, number) = self.subnet;
        let subnet = Rt::Subnet { tenant: self.tenant, site, number };
        match self.kind {
            Kind::Mac | Kind::Imet => vec![subnet],
            Kind::MacIp => vec![subnet, Rt::Tenant(self.tenant)],
            Kind::Prefix | Kind::Outward | Kind::Inward => vec![Rt::Tenant(self.tenant)],
        }
    }

    /// Routes with the same value share their attributes.
    fn set(&self) -> Set {
        // The domains that it has left are attributes.
        let (site, _) = self.subnet;
        (self.kind, self.origin, self.rts(), site)
    }
}

#[derive(Debug)]
struct Message {
    from: Node,
    to: Node,
    routes: Vec<Route>,
    withdraw: bool,
}

#[derive(Debug)]
struct Speaker {
    role: Role,
    site: u64,
    /// Which of the reflectors of its level.
    shard: u64,
    peers: Vec<Node>,
    /// RTs that it imports; reflectors import none.
    asks: BTreeSet<Rt>,
    rib: BTreeSet<Route>,
}

/// A fabric in which every host has spoken.
#[derive(Debug)]
pub struct Enumeration<'a> {
    fabric: Fabric,
    design: Design,
    wire: &'a Wire,
    speakers: Vec<Speaker>,
    queue: VecDeque<Message>,
    counted: Traffic,
}

impl<'a> Enumeration<'a> {
    /// Builds the fabric and lets everybody say what it has.
    pub fn build(fabric: Fabric, design: Design, wire: &'a Wire) -> Result<Self> {
        let speakers = Vec::new();
        let mut all =
            Self { fabric, design, wire, speakers, queue: VecDeque::new(), counted: Traffic::default() };
        all.join_everybody();
        for node in 0..all.speakers.len() {
            let routes = all.originated(node)?;
            all.say(node, &routes, false);
            all.deliver()?;
        }
        Ok(all)
    }

    fn join_everybody(&mut self) {
        let Fabric { sites, leaves, shards: [_, _, core], .. } = self.fabric;
        let count = self.fabric.reflectors(self.design);
        let domains = self.design == Design::Domains;
        let level = |all: &mut Self, role, site, count| -> Vec<Node> {
            (0..count).map(|shard| all.add(role, site, shard, &[])).collect()
        };
        let core = level(self, Role::CoreReflector, u64::MAX, if domains { core } else { 0 });
        let of_fabric = if domains { Vec::new() } else { level(self, Role::Reflector, u64::MAX, count) };
        for site in 0..sites {
            let reflectors =
                if domains { level(self, Role::Reflector, site, count) } else { of_fabric.clone() };
            for _ in 0..leaves {
                self.add(Role::Leaf, site, 0, &reflectors);
            }
            if domains {
                let peers: Vec<Node> = reflectors.iter().chain(&core).copied().collect();
                self.add(Role::Gateway, site, 0, &peers);
            }
        }
        for node in 0..self.speakers.len() {
            let asks = self.imports(node);
            if let Some(speaker) = self.speakers.get_mut(node) {
                speaker.asks = asks;
            }
        }
    }

    fn add(&mut self, role: Role, site: u64, shard: u64, peers: &[Node]) -> Node {
        let node = self.speakers.len();
        for peer in peers {
            if let Some(peer) = self.speakers.get_mut(*peer) {
                peer.peers.push(node);
            }
        }
        let (asks, rib) = (BTreeSet::new(), BTreeSet::new());
        self.speakers.push(Speaker { role, site, shard, peers: peers.to_vec(), asks, rib });
        node
    }

    fn speaker(&self, node: Node) -> Result<&Speaker> {
        self.speakers.get(node).ok_or_else(|| LabError::Unexpected("no such node".into()))
    }

    /// The number of a leaf in its site.
    fn place(&self, leaf: Node) -> u64 {
        let Some(own) = self.speakers.get(leaf) else { return 0 };
        let before = self.speakers.iter().take(leaf);
        before.filter(|other| other.role == Role::Leaf && other.site == own.site).count() as u64
    }

    fn in_site(&self, tenant: u64, site: u64) -> bool {
        let Fabric { sites, tenant_sites, .. } = self.fabric;
        (site + sites - tenant % sites) % sites < tenant_sites
    }

    fn on_leaf(&self, tenant: u64, site: u64, place: u64) -> bool {
        let Fabric { sites, leaves, tenant_leaves, .. } = self.fabric;
        self.in_site(tenant, site) && (place + leaves - tenant / sites % leaves) % leaves < tenant_leaves
    }

    /// The tenants of a leaf or gateway.
    fn tenants(&self, node: Node) -> Vec<u64> {
        let Some(speaker) = self.speakers.get(node) else { return Vec::new() };
        let place = self.place(node);
        (0..self.fabric.tenants)
            .filter(|tenant| match speaker.role {
                Role::Leaf => self.on_leaf(*tenant, speaker.site, place),
                Role::Gateway => self.in_site(*tenant, speaker.site),
                Role::Reflector | Role::CoreReflector => false,
            })
            .collect()
    }

    fn imports(&self, node: Node) -> BTreeSet<Rt> {
        let Some(speaker) = self.speakers.get(node) else { return BTreeSet::new() };
        let mut asks = BTreeSet::new();
        for tenant in self.tenants(node) {
            asks.insert(Rt::Tenant(tenant));
            if speaker.role == Role::Leaf {
                let site = speaker.site;
                asks.extend((0..self.fabric.subnets).map(|number| Rt::Subnet { tenant, site, number }));
            }
        }
        asks
    }

    /// The reflector, of so many, that has a tenant's RTs.
    fn shard_of(&self, tenant: u64, count: u64) -> u64 {
        tenant / (self.fabric.sites * self.fabric.leaves) % count
    }

    /// What a leaf has to say when all its hosts have spoken, what a gateway has to say of its site.
    fn originated(&self, node: Node) -> Result<Vec<Route>> {
        let speaker = self.speaker(node)?;
        let Fabric { tenants, hosts, tenant_sites, tenant_leaves, subnets, .. } = self.fabric;
        let each = hosts / (tenants * tenant_sites * tenant_leaves * subnets);
        let mut routes = Vec::new();
        for tenant in self.tenants(node) {
            let route = |kind, number, host| Route {
                kind,
                origin: node,
                tenant,
                subnet: (speaker.site, number),
                host,
            };
            if speaker.role == Role::Gateway {
                routes.push(route(Kind::Outward, 0, 0));
                continue;
            }
            for number in 0..subnets {
                routes.extend([route(Kind::Imet, number, 0), route(Kind::Prefix, number, 0)]);
                for host in 1..=each {
                    routes.extend([route(Kind::Mac, number, host), route(Kind::MacIp, number, host)]);
                }
            }
        }
        Ok(routes)
    }

    /// Whether `to` has asked `from` for a route.
    fn wants(&self, to: Node, route: &Route) -> bool {
        let Some(speaker) = self.speakers.get(to) else { return false };
        match speaker.role {
            Role::Reflector | Role::CoreReflector => {
                let [.., core] = self.fabric.shards;
                let of_core = speaker.role == Role::CoreReflector;
                let count = if of_core { core } else { self.fabric.reflectors(self.design) };
                // Two domains meet in a gateway: what is made for one does not go into the other.
                let right_side = match route.kind {
                    Kind::Outward => of_core,
                    _ => !of_core,
                };
                right_side && self.shard_of(route.tenant, count) == speaker.shard
            }
            Role::Leaf if self.design == Design::Flat => true,
            Role::Leaf | Role::Gateway => route.rts().iter().any(|rt| speaker.asks.contains(rt)),
        }
    }

    /// Puts what a node says into messages: to each peer what it wants, routes of one set together.
    fn say(&mut self, from: Node, routes: &[Route], withdraw: bool) {
        let Some(speaker) = self.speakers.get_mut(from) else { return };
        for route in routes {
            if withdraw {
                speaker.rib.remove(route);
            } else {
                speaker.rib.insert(*route);
            }
        }
        let peers = speaker.peers.clone();
        for to in peers {
            self.tell(from, to, routes, withdraw);
        }
    }

    fn tell(&mut self, from: Node, to: Node, routes: &[Route], withdraw: bool) {
        let mut sets: BTreeMap<Option<Set>, Vec<Route>> = BTreeMap::new();
        for route in routes.iter().filter(|route| route.origin != to && self.wants(to, route)) {
            // Withdrawals have no attributes.
            sets.entry((!withdraw).then(|| route.set())).or_default().push(*route);
        }
        for routes in sets.into_values() {
            self.queue.push_back(Message { from, to, routes, withdraw });
        }
    }

    fn deliver(&mut self) -> Result<()> {
        while let Some(message) = self.queue.pop_front() {
            self.count(&message)?;
            let Message { from, to, routes, withdraw } = message;
            let role = self.speaker(to)?.role;
            match role {
                Role::Leaf => {
                    let Some(speaker) = self.speakers.get_mut(to) else { continue };
                    for route in routes {
                        if withdraw {
                            speaker.rib.remove(&route)
                        } else {
                            speaker.rib.insert(route)
                        };
                    }
                }
                Role::Reflector | Role::CoreReflector => {
                    let Some(speaker) = self.speakers.get_mut(to) else { continue };
                    for route in &routes {
                        if withdraw {
                            speaker.rib.remove(route)
                        } else {
                            speaker.rib.insert(*route)
                        };
                    }
                    let others: Vec<Node> =
                        speaker.peers.iter().copied().filter(|peer| *peer != from).collect();
                    for peer in others {
                        self.tell(to, peer, &routes, withdraw);
                    }
                }
                Role::Gateway => self.pass_domains(to, &routes, withdraw),
            }
        }
        Ok(())
    }

    /// A gateway makes anew what leaves a domain: of the core every route, of its site the hosts that
    /// the site's aggregate does not cover (a withdrawal of such a one does not happen here).
    fn pass_domains(&mut self, gateway: Node, routes: &[Route], withdraw: bool) {
        let Some(speaker) = self.speakers.get_mut(gateway) else { return };
        let mut anew = Vec::new();
        for route in routes {
            if withdraw {
                speaker.rib.remove(route);
                continue;
            }
            speaker.rib.insert(*route);
            let (site, _) = route.subnet;
            let kind = match route.kind {
                Kind::Outward => Kind::Inward,
                Kind::MacIp if site != speaker.site => Kind::Outward,
                _ => continue,
            };
            anew.push(Route { kind, origin: gateway, ..*route });
        }
        self.say(gateway, &anew, false);
    }

    fn count(&mut self, message: &Message) -> Result<()> {
        let nlri: u64 = message.routes.iter().map(|route| self.wire.nlri(route.kind)).sum();
        let first = message.routes.first().ok_or_else(|| LabError::Unexpected("an empty UPDATE".into()))?;
        let sender = if first.origin == message.from { Sender::Originator } else { Sender::Reflector };
        let frame =
            if message.withdraw { self.wire.withdrawal() } else { self.wire.frame(first.kind, sender) };
        ensure(frame + nlri <= 4096, || "the routes of one set fill more than one UPDATE".into())?;
        self.counted.messages += 1;
        self.counted.routes += message.routes.len() as u64;
        self.counted.octets += frame + nlri;
        Ok(())
    }

    /// What the nodes of a role hold; an error if they do not all hold as much.
    pub fn holds(&self, role: Role) -> Result<Option<Holds>> {
        let mut all = (0..self.speakers.len())
            .filter(|node| self.speakers.get(*node).is_some_and(|speaker| speaker.role == role))
            .map(|node| self.held(node));
        let Some(first) = all.next().transpose()? else { return Ok(None) };
        for other in all {
            let other = other?;
            ensure(other == first, || format!("two of {role:?} hold {first:?} and {other:?}"))?;
        }
        Ok(Some(first))
    }

    fn held(&self, node: Node) -> Result<Holds> {
        let speaker = self.speaker(node)?;
        let sets: BTreeSet<_> = speaker.rib.iter().map(Route::set).collect();
        let imported = |route: &&Route| route.rts().iter().any(|rt| speaker.asks.contains(rt));
        let tenants: BTreeSet<u64> = self.tenants(node).into_iter().collect();
        let vtep = matches!(speaker.role, Role::Leaf | Role::Gateway);
        let of = |kind: Kind| speaker.rib.iter().filter(imported).filter(move |route| route.kind == kind);
        let foreign = |kind: Kind| of(kind).filter(|route| route.origin != node).count() as u64;
        // Prefixes that are not its own subnets; a gateway also has those that it discards behind.
        let prefixes: BTreeSet<(u64, Kind, (u64, u64))> = [Kind::Prefix, Kind::Outward, Kind::Inward]
            .into_iter()
            .flat_map(of)
            .filter(|route| tenants.contains(&route.tenant))
            .filter(|route| match speaker.role {
                // What it makes anew has a route in its tables already.
                Role::Gateway => route.kind != Kind::Inward,
                _ => route.kind != Kind::Prefix || route.subnet.0 != speaker.site,
            })
            .map(|route| (route.tenant, route.kind, route.subnet))
            .collect();
        let memberships = match (self.design, speaker.role) {
            (Design::Flat, _) => 0,
            // What its neighbours ask for, one route for each leaf's or gateway's RT, and its own block.
            (_, Role::Reflector | Role::CoreReflector) => {
                let mut asked = 1;
                for peer in &speaker.peers {
                    let own = self.speaker(*peer)?.asks.iter().filter(|rt| {
                        let tenant = match rt {
                            Rt::Subnet { tenant, .. } | Rt::Tenant(tenant) => *tenant,
                        };
                        let probe =
                            if speaker.role == Role::CoreReflector { Kind::Outward } else { Kind::Prefix };
                        let route = Route { kind: probe, origin: *peer, tenant, subnet: (0, 0), host: 0 };
                        self.wants(node, &route)
                    });
                    asked += own.count() as u64;
                }
                asked
            }
            (_, Role::Leaf | Role::Gateway) => (speaker.asks.len() + speaker.peers.len()) as u64,
        };
        let leaf = speaker.role == Role::Leaf;
        Ok(Holds {
            sessions: speaker.peers.len() as u64,
            routes: speaker.rib.len() as u64,
            sets: sets.len() as u64,
            memberships,
            macs: if leaf { foreign(Kind::Mac) } else { 0 },
            hosts: if vtep { foreign(Kind::MacIp) } else { 0 },
            prefixes: if vtep { prefixes.len() as u64 } else { 0 },
            floods: if leaf { foreign(Kind::Imet) } else { 0 },
        })
    }

    fn leaf_of(&self, site: u64, place: u64) -> Result<Node> {
        let mut leaves = (0..self.speakers.len()).filter(|node| {
            self.speakers.get(*node).is_some_and(|one| one.role == Role::Leaf && one.site == site)
        });
        leaves
            .nth(place as usize)
            .ok_or_else(|| LabError::Unexpected(format!("no leaf {place} in site {site}")))
    }

    /// The first tenant's first host moves. Counts what is said.
    pub fn move_host(&mut self, moved: Move) -> Result<Traffic> {
        let old = self.leaf_of(0, 0)?;
        let new = match moved {
            Move::InsideSite => self.leaf_of(0, 1)?,
            Move::AcrossSites => self.leaf_of(1, 0)?,
        };
        let at = |kind, origin| Route { kind, origin, tenant: 0, subnet: (0, 0), host: 1 };
        if let Some(speaker) = self.speakers.get_mut(new) {
            speaker.asks.insert(Rt::Subnet { tenant: 0, site: 0, number: 0 });
        }
        self.counted = Traffic::default();
        self.say(new, &[at(Kind::Mac, new), at(Kind::MacIp, new)], false);
        self.deliver()?;
        let steps: &[&[Kind]] = match (self.design, moved) {
            (Design::Domains, Move::AcrossSites) => &[&[Kind::MacIp], &[Kind::Mac]],
            _ => &[&[Kind::Mac, Kind::MacIp]],
        };
        for kinds in steps {
            let gone: Vec<Route> = kinds.iter().map(|kind| at(*kind, old)).collect();
            self.say(old, &gone, true);
            self.deliver()?;
        }
        Ok(self.counted)
    }

    /// The first leaf comes up anew: what it is told, and what it says and others are told.
    pub fn leaf_comes_up(&mut self) -> Result<[Traffic; 2]> {
        let leaf = self.leaf_of(0, 0)?;
        let own = self.originated(leaf)?;
        // It was down for long: nobody has anything of it, and it nothing of others.
        self.speakers.iter_mut().for_each(|speaker| speaker.rib.retain(|route| route.origin != leaf));
        if let Some(speaker) = self.speakers.get_mut(leaf) {
            speaker.rib.clear();
        }
        self.counted = Traffic::default();
        for reflector in self.speaker(leaf)?.peers.clone() {
            let known: Vec<Route> = self.speaker(reflector)?.rib.iter().copied().collect();
            self.tell(reflector, leaf, &known, false);
        }
        self.deliver()?;
        let told = std::mem::take(&mut self.counted);
        self.say(leaf, &own, false);
        self.deliver()?;
        Ok([told, self.counted])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::constrained::{DESIGNS, ROLES};

    /// Everything divides evenly: tenants over sites, leaves and reflectors.
    const SIZES: [Fabric; 3] = [
        Fabric {
            sites: 3,
            leaves: 2,
            tenants: 12,
            hosts: 48,
            tenant_sites: 2,
            tenant_leaves: 2,
            subnets: 1,
            rack: 1,
            shards: [2, 2, 1],
        },
        Fabric {
            sites: 4,
            leaves: 3,
            tenants: 24,
            hosts: 576,
            tenant_sites: 3,
            tenant_leaves: 2,
            subnets: 2,
            rack: 1,
            shards: [2, 1, 2],
        },
        Fabric {
            sites: 3,
            leaves: 4,
            tenants: 24,
            hosts: 432,
            tenant_sites: 2,
            tenant_leaves: 3,
            subnets: 1,
            rack: 2,
            shards: [1, 2, 2],
        },
    ];

    #[test]
    fn every_role_holds_what_the_formulas_say() {
        let wire = Wire::measure().unwrap();
        for fabric in SIZES {
            for design in DESIGNS {
                let all = Enumeration::build(fabric, design, &wire).unwrap();
                for role in ROLES {
                    assert_eq!(
                        all.holds(role).unwrap(),
                        fabric.holds(design, role),
                        "{fabric:?} {design:?} {role:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_move_makes_everybody_say_what_the_formulas_say() {
        let wire = Wire::measure().unwrap();
        for fabric in SIZES {
            for design in DESIGNS {
                for moved in [Move::InsideSite, Move::AcrossSites] {
                    let mut all = Enumeration::build(fabric, design, &wire).unwrap();
                    assert_eq!(
                        all.move_host(moved).unwrap(),
                        fabric.move_costs(design, moved, &wire),
                        "{fabric:?} {design:?} {moved:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_leaf_that_comes_up_costs_what_the_formulas_say() {
        let wire = Wire::measure().unwrap();
        for fabric in SIZES {
            for design in DESIGNS {
                let mut all = Enumeration::build(fabric, design, &wire).unwrap();
                assert_eq!(
                    all.leaf_comes_up().unwrap(),
                    fabric.leaf_comes_up(design, &wire),
                    "{fabric:?} {design:?}"
                );
            }
        }
    }
}
