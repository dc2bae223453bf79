//! The network of `Size`, made of Weft's own engines: at every leaf and gateway an `Evpn` and a
//! `VrfTable` for each tenant, at the reflectors a table that passes routes on; between them
//! queues of UPDATE messages. It counts what each node holds and what is sent. Small sizes only.
//!
//! What this simplifies of BGP: each NLRI has one path (each has its advertiser's RD), sessions do
//! not end, and one event is over before the next begins.

use super::{Design, Entries, Messages, Move, Role, Size};
use crate::error::{LabError, Result};
use ipnet::{IpNet, Ipv4Net};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;
use weft_bgpd::vrf::{AggregateSettings, EvpnPath, VrfOutput, VrfSettings, VrfTable};
use weft_bgpd::wire::AttributeSet;
use weft_evpn::engine::{Evpn, EvpnConfig, Input, IpVrfConfig, Output, RoutePath};
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::{LocalEvent, NeighbourSource, VniDevices};
use weft_evpn::nlri::{self, EvpnRoute, NlriKey};
use weft_evpn::vrf::{L3VniDevices, LocalRoute, LocalRouteKind, VrfDevices, VrfForm, VrfInterface};
use weft_evpn::{DomainId, MacAddr, Vni, VrfName};

type Node = usize;

/// One NLRI of an UPDATE.
#[derive(Debug, Clone)]
struct Said {
    route: EvpnRoute,
    /// `None`: withdrawn.
    attributes: Option<Arc<AttributeSet>>,
}

/// One UPDATE message on its way: NLRI with the same attributes, or withdrawals.
#[derive(Debug)]
struct Update {
    from: Node,
    to: Node,
    said: Vec<Said>,
}

/// What a VTEP's kernel holds.
#[derive(Debug, Default)]
struct Held {
    macs: BTreeSet<(Vni, MacAddr)>,
    neighbours: BTreeSet<(Vni, IpAddr)>,
    floods: BTreeSet<(Vni, IpAddr)>,
    routes: BTreeSet<(VrfName, IpNet)>,
}

/// A leaf or a gateway.
#[derive(Debug)]
struct Vtep {
    address: Ipv4Addr,
    evpn: Evpn,
    tables: BTreeMap<VrfName, VrfTable>,
    held: Held,
    domain: DomainId,
}

#[derive(Debug)]
struct Speaker {
    role: Role,
    site: u64,
    /// Its neighbours and the domain that each is in.
    peers: Vec<(Node, DomainId)>,
    /// Routes received, with the domain they came from, and its own.
    rib: HashMap<NlriKey, (Said, Option<DomainId>)>,
    vtep: Option<Box<Vtep>>,
    received: u64,
}

/// A network that has been brought up: all hosts are known.
#[derive(Debug)]
pub struct Simulation {
    size: Size,
    speakers: Vec<Speaker>,
    queue: VecDeque<Update>,
    now: Instant,
}

fn unexpected(what: &str) -> LabError {
    LabError::Unexpected(format!("simulation: {what}"))
}

fn vni(number: u64) -> Result<Vni> {
    u32::try_from(number).ok().and_then(Vni::new).ok_or_else(|| unexpected("a VNI past 24 bits"))
}

fn vrf(tenant: u64) -> VrfName {
    VrfName::from(format!("t{tenant}").as_str())
}

fn l3vni(tenant: u64) -> Result<Vni> {
    vni(5_000_000 + tenant)
}

/// Of a subnet of a tenant in a site.
fn l2vni(site: u64, tenant: u64, subnet: u64) -> Result<Vni> {
    vni((site * 1_000 + tenant) * 10 + subnet + 1)
}

/// The same for every tenant: their addresses overlap.
fn prefix(site: u64, subnet: u64) -> Result<IpNet> {
    net(Ipv4Addr::new(10, site as u8, subnet as u8, 0), 24)
}

fn aggregate(site: u64) -> Result<IpNet> {
    net(Ipv4Addr::new(10, site as u8, 0, 0), 16)
}

fn net(address: Ipv4Addr, length: u8) -> Result<IpNet> {
    Ipv4Net::new(address, length).map(IpNet::V4).map_err(|_| unexpected("a prefix length"))
}

fn site_domain(site: u64) -> DomainId {
    DomainId::of_name(&format!("site{site}"))
}

impl Simulation {
    /// Brings the network up, in this order: devices, then hosts.
    pub fn run(size: Size, design: Design) -> Result<Self> {
        let mut network = Self { size, speakers: Vec::new(), queue: VecDeque::new(), now: Instant::now() };
        let core_domain = match design {
            Design::Flat => DomainId::default(),
            Design::Aggregated => DomainId::of_name("core"),
        };
        let core = network.add(Role::CoreReflector, u64::MAX, None);
        for site in 0..size.sites {
            let domain = match design {
                Design::Flat => DomainId::default(),
                Design::Aggregated => site_domain(site),
            };
            let reflector = network.add(Role::SiteReflector, site, None);
            for leaf in 0..size.leaves {
                let vtep = network.vtep(site, leaf + 1, domain, Vec::new())?;
                let leaf = network.add(Role::Leaf, site, Some(vtep));
                network.join(leaf, reflector, domain);
            }
            match design {
                Design::Flat => network.join(reflector, core, core_domain),
                Design::Aggregated => {
                    let vtep = network.vtep(site, 250, domain, vec![core_domain])?;
                    let gateway = network.add(Role::Gateway, site, Some(vtep));
                    network.join(gateway, reflector, domain);
                    network.join(gateway, core, core_domain);
                }
            }
        }
        for node in network.nodes(|speaker| speaker.vtep.is_some()) {
            network.bring_up(node)?;
        }
        for node in network.nodes(|speaker| speaker.role == Role::Leaf) {
            for host in network.hosts_of(node)? {
                network.host_appears(node, &host)?;
            }
        }
        Ok(network)
    }

    fn add(&mut self, role: Role, site: u64, vtep: Option<Box<Vtep>>) -> Node {
        let (peers, rib) = (Vec::new(), HashMap::new());
        self.speakers.push(Speaker { role, site, peers, rib, vtep, received: 0 });
        self.speakers.len() - 1
    }

    fn join(&mut self, a: Node, b: Node, domain: DomainId) {
        for (node, peer) in [(a, b), (b, a)] {
            if let Some(speaker) = self.speakers.get_mut(node) {
                speaker.peers.push((peer, domain));
            }
        }
    }

    fn nodes(&self, which: impl Fn(&Speaker) -> bool) -> Vec<Node> {
        self.speakers.iter().enumerate().filter(|(_, speaker)| which(speaker)).map(|(node, _)| node).collect()
    }

    fn speaker(&mut self, node: Node) -> Result<&mut Speaker> {
        self.speakers.get_mut(node).ok_or_else(|| unexpected("no such node"))
    }

    /// A VTEP that is configured and has no devices yet.
    fn vtep(
        &self,
        site: u64,
        number: u64,
        domain: DomainId,
        other_domains: Vec<DomainId>,
    ) -> Result<Box<Vtep>> {
        let address = Ipv4Addr::new(100, 64, site as u8, number as u8);
        let mut config = EvpnConfig {
            asn: 65_000,
            router_id: address,
            advertise_all_vni: true,
            domain,
            other_domains: other_domains.clone(),
            ..EvpnConfig::default()
        };
        let mut tables = BTreeMap::new();
        for tenant in 0..self.size.tenants {
            let name = vrf(tenant);
            config
                .vrfs
                .insert(name.clone(), IpVrfConfig { vni: Some(l3vni(tenant)?), ..IpVrfConfig::default() });
            let mut settings = VrfSettings::new(65_000, address);
            settings.domain = domain;
            settings.other_domains.clone_from(&other_domains);
            if other_domains.is_empty() {
                for subnet in 0..self.size.subnets {
                    settings.gateway_subnets.insert(prefix(site, subnet)?);
                }
            } else {
                let summary_only = AggregateSettings { summary_only: true, policy: None };
                settings.ipv4.aggregates.insert(aggregate(site)?, summary_only);
            }
            let mut table = VrfTable::new(name.clone(), self.now);
            table.configure(settings, self.now);
            tables.insert(name, table);
        }
        let mut evpn = Evpn::new();
        let mut out = Vec::new();
        evpn.handle(Input::Config(config), self.now, &mut out);
        Ok(Box::new(Vtep { address, evpn, tables, held: Held::default(), domain }))
    }

    /// Makes a VTEP's devices: the L3VNIs, and at a leaf the L2VNIs of its site.
    fn bring_up(&mut self, node: Node) -> Result<()> {
        let size = self.size;
        let speaker = self.speaker(node)?;
        let (site, is_leaf) = (speaker.site, speaker.role == Role::Leaf);
        let Some(vtep) = &speaker.vtep else { return Ok(()) };
        let address = IpAddr::V4(vtep.address);
        let [.., high, low] = vtep.address.octets();
        let mut events = Vec::new();
        for tenant in 0..size.tenants {
            let l3vni = l3vni(tenant)?;
            let device = (100 + tenant as u32, format!("vx{l3vni}"));
            let router_mac = MacAddr([2, 0xff, 0, tenant as u8, high, low]);
            let mut interfaces = Vec::new();
            for subnet in (0..size.subnets).filter(|_| is_leaf) {
                let l2vni = l2vni(site, tenant, subnet)?;
                let subnet_prefix = prefix(site, subnet)?;
                let bridge = (1_000 + (tenant * 100 + subnet) as u32, format!("br{l2vni}"));
                let gateway = gateway(site, subnet);
                interfaces.push(VrfInterface { device: bridge.clone(), addresses: vec![subnet_prefix] });
                let devices = VniDevices {
                    vxlan: (10_000 + bridge.0, format!("vx{l2vni}")),
                    bridge: bridge.clone(),
                    vtep: address,
                    bridge_mac: MacAddr([0, 0, 0x5e, 0, 1, 1]),
                    svi_addresses: vec![gateway],
                    svi_subnets: vec![subnet_prefix],
                    vrf: Some(vrf(tenant)),
                };
                events.push(LocalEvent::VniUp { vni: l2vni, devices });
                let kind = LocalRouteKind::Connected;
                let route = LocalRoute { kind, gateway: None, interface: Some(bridge), metric: 0 };
                events.push(LocalEvent::Route {
                    vrf: vrf(tenant),
                    prefix: subnet_prefix,
                    route: Some(route),
                });
            }
            let l3 =
                L3VniDevices { vni: l3vni, vxlan: device.clone(), svi: device, vtep: address, router_mac };
            let devices = VrfDevices {
                form: VrfForm::Rule,
                table: 1_000 + tenant as u32,
                master: None,
                l3vni: Some(l3),
                interfaces,
            };
            events.push(LocalEvent::VrfUp { vrf: vrf(tenant), devices });
        }
        events.into_iter().try_for_each(|event| self.local(node, vec![event]))
    }

    /// The hosts behind a leaf: VNI, MAC, address.
    fn hosts_of(&self, node: Node) -> Result<Vec<(Vni, MacAddr, IpAddr)>> {
        let speaker = self.speakers.get(node).ok_or_else(|| unexpected("no such node"))?;
        let place = self
            .speakers
            .iter()
            .take(node)
            .filter(|other| other.role == Role::Leaf && other.site == speaker.site);
        let leaf = place.count() as u64;
        let size = &self.size;
        let per_subnet = size.hosts / (size.leaves * size.tenants * size.subnets);
        let mut hosts = Vec::new();
        for tenant in 0..size.tenants {
            for subnet in 0..size.subnets {
                for number in 0..per_subnet {
                    let last = leaf * per_subnet + number + 1;
                    let mac = MacAddr([2, tenant as u8, speaker.site as u8, subnet as u8, 0, last as u8]);
                    let address = Ipv4Addr::new(10, speaker.site as u8, subnet as u8, last as u8);
                    hosts.push((l2vni(speaker.site, tenant, subnet)?, mac, address.into()));
                }
            }
        }
        Ok(hosts)
    }

    fn host_appears(&mut self, node: Node, (vni, mac, ip): &(Vni, MacAddr, IpAddr)) -> Result<()> {
        let (vni, mac, ip) = (*vni, *mac, *ip);
        let port = (50, "p50".to_owned());
        let source = NeighbourSource::Snooped;
        self.local(
            node,
            vec![
                LocalEvent::Mac { vni, mac, port, sticky: false },
                LocalEvent::Neighbour { vni, ip, mac, source },
            ],
        )
    }

    /// One turn of a VTEP: the kernel says something; all that follows happens.
    fn local(&mut self, node: Node, events: Vec<LocalEvent>) -> Result<()> {
        let mut work: VecDeque<Work> = events.into_iter().map(Work::Local).collect();
        self.turn(node, &mut work)?;
        self.deliver()
    }

    /// Delivers messages until none is left.
    fn deliver(&mut self) -> Result<()> {
        while let Some(Update { from, to, said }) = self.queue.pop_front() {
            let speaker = self.speaker(to)?;
            speaker.received += 1;
            let Some((_, domain)) = speaker.peers.iter().find(|(peer, _)| *peer == from).copied() else {
                return Err(unexpected("an UPDATE of a stranger"));
            };
            for one in &said {
                remember(&mut speaker.rib, one, Some(domain));
            }
            if speaker.vtep.is_some() {
                let mut work = said.into_iter().map(|said| Work::Route(said, domain)).collect();
                self.turn(to, &mut work)?;
            } else {
                // A reflector: to every other neighbour of the domain.
                let others: Vec<Node> = speaker
                    .peers
                    .iter()
                    .filter(|(peer, of)| *peer != from && *of == domain)
                    .map(|(peer, _)| *peer)
                    .collect();
                for peer in others {
                    self.queue.push_back(Update { from: to, to: peer, said: said.clone() });
                }
            }
        }
        Ok(())
    }

    /// Lets a VTEP do its work until nothing follows from it, then sends what it has to say,
    /// packed by domain and attributes.
    fn turn(&mut self, node: Node, work: &mut VecDeque<Work>) -> Result<()> {
        let now = self.now;
        let Self { speakers, queue, .. } = self;
        let speaker = speakers.get_mut(node).ok_or_else(|| unexpected("no such node"))?;
        let Speaker { rib, vtep: Some(vtep), peers, .. } = speaker else { return Ok(()) };
        let mut to_send: Vec<(DomainId, Said)> = Vec::new();
        loop {
            while let Some(one) = work.pop_front() {
                vtep.take(one, rib, work, &mut to_send, now)?;
            }
            let mut out = Vec::new();
            vtep.tables.values_mut().for_each(|table| table.settle(now, &mut out));
            if out.is_empty() {
                break;
            }
            for output in out {
                match output {
                    VrfOutput::Forward(change) => vtep.held.apply(change),
                    VrfOutput::Originate { domain, route, attributes } => {
                        to_send.push((domain, Said { route, attributes: Some(Arc::new(attributes)) }));
                    }
                    VrfOutput::Withdraw { domain, route } => {
                        to_send.push((domain, Said { route, attributes: None }))
                    }
                }
            }
        }
        let mut updates: Vec<(DomainId, Option<Arc<AttributeSet>>, Vec<Said>)> = Vec::new();
        for (domain, said) in to_send {
            remember(rib, &said, None);
            let same = updates
                .iter_mut()
                .find(|(of, attributes, _)| *of == domain && *attributes == said.attributes);
            match same {
                Some((.., packed)) => packed.push(said),
                None => updates.push((domain, said.attributes.clone(), vec![said])),
            }
        }
        // Advertisements first: what replaces is there before what it replaces goes.
        updates.sort_by_key(|(_, attributes, _)| attributes.is_none());
        for (domain, _, said) in updates {
            for (peer, _) in peers.iter().filter(|(_, of)| *of == domain) {
                queue.push_back(Update { from: node, to: *peer, said: said.clone() });
            }
        }
        Ok(())
    }

    /// What the nodes of a role hold; an error if they do not all hold as much.
    pub fn entries(&self, role: Role) -> Result<Option<Entries>> {
        let mut all = self.speakers.iter().filter(|speaker| speaker.role == role).map(|speaker| {
            let held = speaker.vtep.as_ref().map(|vtep| &vtep.held);
            let count = |of: fn(&Held) -> usize| held.map_or(0, |held| of(held) as u64);
            Entries {
                evpn_routes: speaker.rib.len() as u64,
                macs: count(|held| held.macs.len()),
                neighbours: count(|held| held.neighbours.len()),
                floods: count(|held| held.floods.len()),
                routes: count(|held| held.routes.len()),
            }
        });
        let Some(first) = all.next() else { return Ok(None) };
        match all.find(|other| *other != first) {
            None => Ok(Some(first)),
            Some(other) => Err(unexpected(&format!("two of {role:?} hold {first:?} and {other:?}"))),
        }
    }

    /// A host of the first site moves: to the second leaf of its site, or to the first leaf of the
    /// second site, which has the host's subnet already. Counts what is sent.
    pub fn move_host(&mut self, moved: Move) -> Result<Messages> {
        let leaves = self.nodes(|speaker| speaker.role == Role::Leaf);
        let old = *leaves.first().ok_or_else(|| unexpected("no leaf"))?;
        let new = match moved {
            Move::InsideSite => 1,
            Move::AcrossSites => self.size.leaves as usize,
        };
        let new = *leaves.get(new).ok_or_else(|| unexpected("no leaf to move to"))?;
        let host = *self.hosts_of(old)?.first().ok_or_else(|| unexpected("no host"))?;
        let (vni, mac, ip) = host;
        if moved == Move::AcrossSites {
            self.stretch(new, vni)?;
        }
        self.speakers.iter_mut().for_each(|speaker| speaker.received = 0);
        self.host_appears(new, &host)?;
        // The old leaf's port goes down, if it has not given the host up already.
        self.local(old, vec![LocalEvent::NeighbourGone { vni, ip }, LocalEvent::MacGone { vni, mac }])?;
        let last = self.speakers.iter().rev().find(|speaker| speaker.role == Role::Leaf);
        Ok(Messages {
            all: self.speakers.iter().map(|speaker| speaker.received).sum(),
            at_uninvolved_leaf: last.map_or(0, |leaf| leaf.received),
            at_core: self.speakers.first().map_or(0, |core| core.received),
        })
    }

    /// Makes the first subnet of the first tenant and site known to a leaf of another site.
    fn stretch(&mut self, node: Node, vni: Vni) -> Result<()> {
        let Some(vtep) = &self.speaker(node)?.vtep else { return Ok(()) };
        let devices = VniDevices {
            vxlan: (20_000, format!("vx{vni}")),
            bridge: (20_001, format!("br{vni}")),
            vtep: vtep.address.into(),
            bridge_mac: MacAddr([0, 0, 0x5e, 0, 1, 1]),
            svi_addresses: vec![gateway(0, 0)],
            svi_subnets: vec![prefix(0, 0)?],
            vrf: Some(vrf(0)),
        };
        self.local(node, vec![LocalEvent::VniUp { vni, devices }])
    }
}

fn gateway(site: u64, subnet: u64) -> IpAddr {
    Ipv4Addr::new(10, site as u8, subnet as u8, 254).into()
}

fn remember(rib: &mut HashMap<NlriKey, (Said, Option<DomainId>)>, said: &Said, from: Option<DomainId>) {
    let Ok((key, _)) = nlri::split(&said.route.to_wire()) else { return };
    match said.attributes {
        Some(_) => rib.insert(key, (said.clone(), from)),
        None => rib.remove(&key),
    };
}

/// What a VTEP has to look at.
enum Work {
    Local(LocalEvent),
    Route(Said, DomainId),
}

impl Vtep {
    fn take(
        &mut self,
        work: Work,
        rib: &HashMap<NlriKey, (Said, Option<DomainId>)>,
        more: &mut VecDeque<Work>,
        to_send: &mut Vec<(DomainId, Said)>,
        now: Instant,
    ) -> Result<()> {
        let mut out = Vec::new();
        let mut current: Option<Arc<AttributeSet>> = None;
        match work {
            Work::Local(LocalEvent::Route { vrf, prefix, route }) => {
                if let Some(table) = self.tables.get_mut(&vrf) {
                    table.local_route(prefix, route, now);
                }
            }
            Work::Local(event) => self.evpn.handle(Input::Local(event), now, &mut out),
            Work::Route(said, domain) => {
                current.clone_from(&said.attributes);
                let d_path: Vec<DomainId> = (said.attributes.iter())
                    .filter_map(|attributes| attributes.d_path.as_ref())
                    .flat_map(|path| path.domains().iter().map(|passed| passed.domain))
                    .collect();
                let path = said.attributes.as_ref().and_then(|attributes| {
                    Some(RoutePath {
                        next_hop: attributes.next_hop?,
                        ext_communities: &attributes.ext_communities,
                        pmsi: attributes.pmsi.as_ref(),
                        domain,
                        d_path: &d_path,
                    })
                });
                self.evpn.handle(Input::Route { route: &said.route, path }, now, &mut out);
            }
        }
        for output in out {
            match output {
                Output::Originate(route) => {
                    let attributes = AttributeSet {
                        next_hop: Some(route.next_hop),
                        ext_communities: route.ext_communities,
                        pmsi: route.pmsi,
                        local_pref: Some(100),
                        ..AttributeSet::default()
                    };
                    to_send.push((
                        self.domain,
                        Said { route: route.route, attributes: Some(Arc::new(attributes)) },
                    ));
                }
                Output::Withdraw(route) => to_send.push((self.domain, Said { route, attributes: None })),
                Output::Forward(change) => self.held.apply(change),
                Output::Import(_) => {
                    // The engine asks for some; levels may be said again, so it gets all.
                    let again =
                        rib.values().filter_map(|(said, from)| Some(Work::Route(said.clone(), (*from)?)));
                    more.extend(again);
                }
                Output::VrfPath { vrf, prefix, source, path } => {
                    let Some(table) = self.tables.get_mut(&vrf) else { continue };
                    let path = match path {
                        None => None,
                        Some(path) => {
                            let attributes = nlri::split(&path.route.to_wire())
                                .ok()
                                .and_then(|(key, _)| rib.get(&key)?.0.attributes.clone())
                                .or_else(|| current.clone())
                                .ok_or_else(|| unexpected("a path without attributes"))?;
                            Some(EvpnPath {
                                path,
                                attributes,
                                router_id: Ipv4Addr::UNSPECIFIED,
                                external: false,
                            })
                        }
                    };
                    table.path(prefix, source, path, now);
                }
                Output::VrfActive { vrf, active } => {
                    if let Some(table) = self.tables.get_mut(&vrf) {
                        table.activate(active);
                    }
                }
                Output::Notice(_) => {}
            }
        }
        Ok(())
    }
}

impl Held {
    fn apply(&mut self, change: ForwardingChange) {
        fn keep<T: Ord>(set: &mut BTreeSet<T>, entry: T, wanted: bool) {
            if wanted {
                set.insert(entry);
            } else {
                set.remove(&entry);
            }
        }
        match change {
            ForwardingChange::Mac { vni, mac, wanted } => keep(&mut self.macs, (vni, mac), wanted.is_some()),
            ForwardingChange::Neighbour { vni, ip, wanted } => {
                keep(&mut self.neighbours, (vni, ip), wanted.is_some())
            }
            ForwardingChange::Flood { vni, vtep, wanted } => keep(&mut self.floods, (vni, vtep), wanted),
            ForwardingChange::Route { vrf, prefix, wanted } => {
                keep(&mut self.routes, (vrf, prefix), wanted.is_some())
            }
            ForwardingChange::Probe { .. }
            | ForwardingChange::Announce { .. }
            | ForwardingChange::Proxy { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Three sites at least: a move across two of them leaves one that it does not concern.
    const SIZES: [Size; 3] = [
        Size { sites: 3, leaves: 2, hosts: 4, tenants: 1, subnets: 1 },
        Size { sites: 3, leaves: 2, hosts: 24, tenants: 2, subnets: 2 },
        Size { sites: 4, leaves: 3, hosts: 18, tenants: 2, subnets: 1 },
    ];
    const ROLES: [Role; 4] = [Role::Leaf, Role::Gateway, Role::SiteReflector, Role::CoreReflector];

    #[test]
    fn every_role_holds_what_the_formulas_say() {
        for size in SIZES {
            for design in [Design::Flat, Design::Aggregated] {
                let network = Simulation::run(size, design).unwrap();
                for role in ROLES {
                    assert_eq!(
                        network.entries(role).unwrap(),
                        size.entries(design, role),
                        "{size:?} {design:?} {role:?}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_move_makes_as_many_messages_as_the_formulas_say() {
        for size in SIZES {
            for design in [Design::Flat, Design::Aggregated] {
                for moved in [Move::InsideSite, Move::AcrossSites] {
                    let mut network = Simulation::run(size, design).unwrap();
                    let messages = network.move_host(moved).unwrap();
                    assert_eq!(messages, size.messages(design, moved), "{size:?} {design:?} {moved:?}");
                }
            }
        }
    }
}
