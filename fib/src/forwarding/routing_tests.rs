//! Routes of IP-VRFs against a kernel made of maps: whatever comes in whatever order, the end is right.

use super::*;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, RouteTarget, Target, metric_of};
use crate::netlink::neighbour::NeighbourMessage;
use crate::netlink::nexthop::NexthopMessage;
use crate::netlink::route::RouteMessage;
use crate::netlink::socket::KernelError;
use ipnet::IpNet;
use nix::errno::Errno;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use weft_evpn::forwarding::{VrfForward, VrfNextHop};
use weft_evpn::vrf::{L3VniDevices, LocalRouteKind, VrfDevices, VrfForm, VrfInterface};
use weft_evpn::{MacAddr, VrfName};

const VXLAN: u32 = 2;
const SVI: u32 = 1;
const TENANT: u32 = 7;
const TABLE: u32 = 1001;

fn red() -> VrfName {
    VrfName::from("red")
}

fn vtep(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn router_mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xff, last])
}

fn through(last: u8) -> VrfNextHop {
    VrfNextHop::Vtep { vtep: vtep(last), router_mac: router_mac(last) }
}

fn via(lasts: &[u8]) -> Option<VrfForward> {
    Some(VrfForward::Via(lasts.iter().copied().map(through).collect()))
}

/// In rule form an IPv6 VTEP is named by another address.
fn stand_in(vtep: IpAddr) -> IpAddr {
    let text = vtep.to_string();
    text.strip_prefix("2001:").map_or(vtep, |rest| format!("4001:{rest}").parse().unwrap())
}

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn host(number: u16) -> IpNet {
    let [a, b] = number.to_be_bytes();
    IpNet::from(IpAddr::from([192, 168, a, b]))
}

/// Devices of the tenant: with a bridge above the vxlan device or without.
fn devices(bridged: bool) -> VrfDevices {
    let svi = if bridged { SVI } else { VXLAN };
    VrfDevices {
        form: VrfForm::Rule,
        table: TABLE,
        master: None,
        l3vni: Some(L3VniDevices {
            vni: Vni::new(5000).unwrap(),
            vxlan: (VXLAN, "vx5000".to_owned()),
            svi: (svi, "l3".to_owned()),
            vtep: vtep(1),
            router_mac: router_mac(1),
        }),
        interfaces: vec![VrfInterface {
            device: (TENANT, "br10".to_owned()),
            addresses: vec![net("172.16.0.254/24"), net("2001:db8:10::254/64")],
        }],
    }
}

#[derive(Clone)]
enum Event {
    Neighbour(NeighbourMessage, bool),
    Nexthop(NexthopMessage, bool),
    Route(RouteMessage, RouteNews),
}

/// A kernel that knows what the real one does, as seen on 6.18.
#[derive(Default, Clone)]
struct FakeKernel {
    fdb: BTreeMap<MacAddr, NeighbourMessage>,
    bridge: BTreeMap<MacAddr, NeighbourMessage>,
    neighbours: BTreeMap<(u32, IpAddr), NeighbourMessage>,
    nexthops: BTreeMap<u32, NexthopMessage>,
    routes: BTreeMap<(u32, IpNet, u32), RouteMessage>,
    events: Vec<Event>,
    writes: usize,
    route_writes: usize,
}

impl FakeKernel {
    fn delete_nexthop(&mut self, id: u32, silent: bool) -> Result<(), Errno> {
        let message = self.nexthops.remove(&id).ok_or(Errno::ENOENT)?;
        if !silent {
            self.events.push(Event::Nexthop(message, true));
        }
        let users: Vec<_> =
            self.routes.iter().filter(|(_, route)| route.nexthop == Some(id)).map(|(key, _)| *key).collect();
        for key in users {
            let route = self.routes.remove(&key).unwrap();
            // IPv4 routes go with their nexthop without a word.
            if route.prefix.addr().is_ipv6() {
                self.events.push(Event::Route(route, RouteNews::Gone));
            }
        }
        let groups: Vec<u32> = self
            .nexthops
            .values()
            .filter(|nexthop| nexthop.members.contains(&id))
            .map(|nexthop| nexthop.id)
            .collect();
        for group in groups {
            let nexthop = self.nexthops.get_mut(&group).unwrap();
            nexthop.members.retain(|member| *member != id);
            if nexthop.members.is_empty() {
                self.delete_nexthop(group, silent)?;
            } else if !silent {
                let nexthop = nexthop.clone();
                self.events.push(Event::Nexthop(nexthop, false));
            }
        }
        Ok(())
    }

    /// The device is switched off and on: what was there is gone, half of it without a word.
    fn flap(&mut self, device: u32) {
        let on = |nexthop: &&NexthopMessage| nexthop.device == Some(device);
        let ids: Vec<u32> = self.nexthops.values().filter(on).map(|nexthop| nexthop.id).collect();
        for id in ids {
            let _ = self.delete_nexthop(id, true);
        }
        let gone: Vec<_> = self.neighbours.keys().filter(|(index, _)| *index == device).copied().collect();
        for key in gone {
            let message = self.neighbours.remove(&key).unwrap();
            self.events.push(Event::Neighbour(message, true));
        }
        self.routes.retain(|_, route| route.device != Some(device) || route.prefix.addr().is_ipv6());
    }

    fn set_neighbour(&mut self, message: NeighbourMessage) {
        self.neighbours.insert((message.ifindex, message.address.unwrap()), message);
        self.events.push(Event::Neighbour(message, false));
    }

    fn add_route(&mut self, route: RouteMessage) {
        let replaced = self.routes.insert((route.table, route.prefix, route.metric), route).is_some();
        let news = if replaced { RouteNews::Replaces } else { RouteNews::Is };
        self.events.push(Event::Route(route, news));
    }

    fn delete_route(&mut self, prefix: IpNet, metric: u32) -> Result<(), Errno> {
        let route = self.routes.remove(&(TABLE, prefix, metric)).ok_or(Errno::ESRCH)?;
        self.events.push(Event::Route(route, RouteNews::Gone));
        Ok(())
    }

    fn set_nexthop(&mut self, message: NexthopMessage, mode: Mode) -> Result<(), Errno> {
        match self.nexthops.get(&message.id) {
            Some(_) if mode == Mode::Create => return Err(Errno::EEXIST),
            Some(old) if old.is_group() != message.is_group() => return Err(Errno::EINVAL),
            _ => {}
        }
        self.nexthops.insert(message.id, message.clone());
        self.events.push(Event::Nexthop(message, false));
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Errno> {
        self.writes += 1;
        let fdb = |ifindex, mac| NeighbourMessage {
            family: AF_BRIDGE,
            ifindex,
            mac: Some(mac),
            ..NeighbourMessage::default()
        };
        match op.clone() {
            Op::VxlanSet { mac, target, mode, .. } => {
                if mode == Mode::Create && self.fdb.contains_key(&mac) {
                    return Err(Errno::EEXIST);
                }
                let Target::Address(vtep) = target else { panic!("{target:?}") };
                let state = NUD_NOARP | NUD_REACHABLE;
                let flags = NTF_SELF | NTF_EXT_LEARNED;
                let message = NeighbourMessage { state, flags, address: Some(vtep), ..fdb(VXLAN, mac) };
                self.fdb.insert(mac, message);
                self.events.push(Event::Neighbour(message, false));
            }
            Op::VxlanDelete { mac, .. } => {
                let message = self.fdb.remove(&mac).ok_or(Errno::ENOENT)?;
                self.events.push(Event::Neighbour(message, true));
            }
            Op::BridgeSet { port, mac } => {
                let message = NeighbourMessage {
                    state: NUD_REACHABLE,
                    flags: NTF_EXT_LEARNED,
                    master: Some(SVI),
                    ..fdb(port, mac)
                };
                self.bridge.insert(mac, message);
                self.events.push(Event::Neighbour(message, false));
            }
            Op::BridgeDelete { mac, .. } => {
                let message = self.bridge.remove(&mac).ok_or(Errno::ENOENT)?;
                self.events.push(Event::Neighbour(message, true));
            }
            Op::NeighbourSet { bridge, ip, mac, .. } => self.set_neighbour(NeighbourMessage {
                family: if ip.is_ipv4() { AF_INET } else { AF_INET6 },
                ifindex: bridge,
                state: NUD_NOARP,
                flags: NTF_EXT_LEARNED,
                mac: Some(mac),
                address: Some(ip),
                protocol: RTPROT_BGP,
                ..NeighbourMessage::default()
            }),
            Op::NeighbourDelete { bridge, ip } => {
                let message = self.neighbours.remove(&(bridge, ip)).ok_or(Errno::ENOENT)?;
                self.events.push(Event::Neighbour(message, true));
            }
            Op::HopSet { id, device, gateway, onlink, mode } => {
                let message = NexthopMessage {
                    id,
                    protocol: RTPROT_BGP,
                    gateway: Some(gateway),
                    device: Some(device),
                    onlink,
                    ..NexthopMessage::default()
                };
                self.set_nexthop(message, mode)?;
            }
            Op::HopGroupSet { id, members, mode } => {
                if members.iter().any(|member| !self.nexthops.contains_key(member)) {
                    return Err(Errno::EINVAL);
                }
                let members = members.to_vec();
                self.set_nexthop(
                    NexthopMessage { id, protocol: RTPROT_BGP, members, ..NexthopMessage::default() },
                    mode,
                )?;
            }
            Op::NexthopDelete { id } => self.delete_nexthop(id, false)?,
            Op::RouteSet { table, prefix, target, mode } => {
                self.route_writes += 1;
                let key = (table, prefix, metric_of(prefix));
                if mode == Mode::Create && self.routes.contains_key(&key) {
                    return Err(Errno::EEXIST);
                }
                let route = match target {
                    RouteTarget::Discard => our_route(prefix, RTN_BLACKHOLE, None),
                    RouteTarget::Nexthop(id) => {
                        let nexthop = self.nexthops.get(&id).ok_or(Errno::EINVAL)?;
                        let is_v4 = |id: &u32| self.nexthops[id].gateway.unwrap().is_ipv4();
                        assert!(prefix.addr().is_ipv4() || !nexthop.members.iter().any(is_v4), "{prefix}");
                        our_route(prefix, RTN_UNICAST, Some(id))
                    }
                };
                // Its notification bears our own port and is not heard.
                self.routes.insert(key, route);
            }
            Op::RouteDelete { table, prefix } => {
                self.route_writes += 1;
                let key = (table, prefix, metric_of(prefix));
                if self.routes.get(&key).is_none_or(|route| route.protocol != RTPROT_BGP) {
                    return Err(Errno::ESRCH);
                }
                self.delete_route(prefix, key.2)?;
            }
            other => panic!("{other:?}"),
        }
        Ok(())
    }
}

fn our_route(prefix: IpNet, kind: u8, nexthop: Option<u32>) -> RouteMessage {
    RouteMessage {
        table: TABLE,
        prefix,
        protocol: RTPROT_BGP,
        kind,
        metric: metric_of(prefix),
        nexthop,
        gateway: None,
        device: None,
        special: false,
    }
}

fn foreign(prefix: IpNet, protocol: u8, metric: u32) -> RouteMessage {
    let gateway = (protocol != RTPROT_KERNEL).then_some(IpAddr::from([172, 16, 0, 9]));
    RouteMessage { protocol, metric, gateway, device: Some(TENANT), ..our_route(prefix, RTN_UNICAST, None) }
}

struct World {
    forwarding: Forwarding,
    kernel: FakeKernel,
    links: Links,
    now: Instant,
    wanted: BTreeMap<IpNet, VrfForward>,
    attached: Option<VrfDevices>,
    locals: Vec<LocalEvent>,
    notices: Vec<FibNotice>,
    repairs: u64,
}

impl World {
    fn new() -> Self {
        World {
            forwarding: Forwarding::new(TargetForm::Addresses),
            kernel: FakeKernel::default(),
            links: Links::default(),
            now: Instant::now(),
            wanted: BTreeMap::new(),
            attached: None,
            locals: Vec::new(),
            notices: Vec::new(),
            repairs: 0,
        }
    }

    /// Another daemon in the same kernel.
    fn after(kernel: FakeKernel) -> Self {
        World {
            kernel: FakeKernel { events: Vec::new(), writes: 0, route_writes: 0, ..kernel },
            ..World::new()
        }
    }

    fn wish(&mut self, prefix: IpNet, wanted: Option<VrfForward>) {
        match &wanted {
            Some(forward) => _ = self.wanted.insert(prefix, forward.clone()),
            None => _ = self.wanted.remove(&prefix),
        }
        self.forwarding.wish(ForwardingChange::Route { vrf: red(), prefix, wanted });
    }

    fn attach(&mut self, devices: VrfDevices) {
        self.attached = Some(devices.clone());
        if self.forwarding.attach_vrf(red(), devices) {
            self.sync();
        }
    }

    fn detach(&mut self) {
        self.attached = None;
        self.forwarding.detach_vrf(&red());
    }

    fn prune(&mut self) {
        self.forwarding.prune_vrf(&red());
        self.forwarding.prune_nexthops();
    }

    fn sync_nexthops(&mut self) {
        self.forwarding.begin_sync_nexthops();
        for nexthop in self.kernel.nexthops.values() {
            self.forwarding.observe_nexthop(nexthop, false, self.now);
        }
        self.forwarding.end_sync_nexthops(self.now);
    }

    fn sync(&mut self) {
        self.kernel.events.clear();
        self.sync_nexthops();
        self.forwarding.begin_sync_vrf(&red());
        let kernel = &self.kernel;
        for message in kernel.fdb.values().chain(kernel.bridge.values()).chain(kernel.neighbours.values()) {
            self.forwarding.observe(&self.links, message, false, self.now);
        }
        for route in kernel.routes.values() {
            self.forwarding.observe_route(&self.links, route, RouteNews::Is, self.now);
        }
        self.forwarding.end_sync_vrf(&self.links, &red(), self.now);
    }

    fn listen(&mut self) {
        for event in std::mem::take(&mut self.kernel.events) {
            match event {
                Event::Neighbour(message, gone) => {
                    self.forwarding.observe(&self.links, &message, gone, self.now);
                }
                Event::Nexthop(message, gone) => self.forwarding.observe_nexthop(&message, gone, self.now),
                Event::Route(message, news) => {
                    self.forwarding.observe_route(&self.links, &message, news, self.now);
                }
            }
        }
    }

    fn turn(&mut self, budget: usize) -> usize {
        self.listen();
        let mut plan = Vec::new();
        self.forwarding.plan(self.now, budget, &mut plan);
        for (key, op) in &plan {
            match self.kernel.apply(op) {
                Ok(()) => self.forwarding.written(&self.links, *key, op),
                Err(errno) => {
                    let error = KernelError { errno, words: None };
                    match self.forwarding.refused(&self.links, *key, op, &error, self.now) {
                        FollowUp::None => {}
                        FollowUp::ReadNexthops => self.sync_nexthops(),
                        FollowUp::Ask(query) => self.answer(query),
                    }
                }
            }
        }
        let output = self.forwarding.take_output();
        self.locals.extend(output.locals);
        self.notices.extend(output.notices);
        self.repairs += output.repairs;
        plan.len()
    }

    fn answer(&mut self, query: crate::netlink::encode::Query) {
        let crate::netlink::encode::Query::VxlanEntry { mac, .. } = query else { panic!("{query:?}") };
        let found = self.kernel.fdb.get(&mac).copied();
        let gone = NeighbourMessage {
            family: AF_BRIDGE,
            ifindex: VXLAN,
            flags: NTF_SELF,
            mac: Some(mac),
            ..NeighbourMessage::default()
        };
        self.forwarding.observe(&self.links, &found.unwrap_or(gone), found.is_none(), self.now);
    }

    fn settle(&mut self) {
        for _ in 0..300 {
            let did = self.turn(50);
            if did == 0 && self.kernel.events.is_empty() && !self.forwarding.has_work() {
                match self.forwarding.next_due() {
                    Some(due) => self.now = self.now.max(due),
                    None => return,
                }
            }
        }
        panic!("no end; due {:?}", self.forwarding.next_due());
    }

    /// The gateways that the kernel sends packets for a prefix to; `None`: no route of ours.
    fn gateways(&self, prefix: IpNet) -> Option<Vec<IpAddr>> {
        let route = self.kernel.routes.get(&(TABLE, prefix, metric_of(prefix)))?;
        if route.protocol != RTPROT_BGP {
            return None;
        }
        let Some(id) = route.nexthop else { return Some(Vec::new()) };
        let group = &self.kernel.nexthops[&id];
        let mut gateways: Vec<IpAddr> =
            group.members.iter().map(|member| self.kernel.nexthops[member].gateway.unwrap()).collect();
        gateways.sort();
        Some(gateways)
    }

    fn expected(&self, prefix: IpNet, forward: &VrfForward) -> Option<Vec<IpAddr>> {
        let VrfForward::Via(hops) = forward else { return Some(Vec::new()) };
        let ipv6 = prefix.addr().is_ipv6();
        let mut gateways: Vec<IpAddr> = hops
            .iter()
            .filter_map(|hop| match *hop {
                VrfNextHop::Vtep { vtep: IpAddr::V4(vtep), .. } if ipv6 => Some(vtep.to_ipv6_mapped().into()),
                VrfNextHop::Vtep { vtep, .. } => Some(stand_in(vtep)),
                VrfNextHop::Gateway(gateway) if ipv6 && gateway.is_ipv4() => None,
                VrfNextHop::Gateway(gateway) => {
                    let on = |net: &&IpNet| net.contains(&gateway);
                    let interfaces = &self.attached.as_ref()?.interfaces;
                    let known =
                        interfaces.iter().flat_map(|interface| &interface.addresses).any(|net| on(&net));
                    known.then_some(gateway)
                }
            })
            .collect();
        gateways.sort();
        gateways.dedup();
        (!gateways.is_empty()).then_some(gateways)
    }

    /// Everything that is wanted is there, and nothing else with our mark.
    fn check(&self) {
        let metric_taken = |prefix: IpNet| {
            let route = self.kernel.routes.get(&(TABLE, prefix, metric_of(prefix)));
            route.is_some_and(|route| route.protocol != RTPROT_BGP)
        };
        let mut gateways = std::collections::BTreeSet::new();
        for (prefix, forward) in &self.wanted {
            if !metric_taken(*prefix) {
                assert_eq!(self.gateways(*prefix), self.expected(*prefix, forward), "{prefix}");
                gateways.extend(self.expected(*prefix, forward).into_iter().flatten());
            }
        }
        let ours = self.kernel.routes.values().filter(|route| route.protocol == RTPROT_BGP);
        for route in ours {
            assert!(self.wanted.contains_key(&route.prefix), "{route:?}");
        }
        let mut neighbours: BTreeMap<IpAddr, MacAddr> = BTreeMap::new();
        let mut vteps: BTreeMap<MacAddr, IpAddr> = BTreeMap::new();
        for (prefix, forward) in &self.wanted {
            let VrfForward::Via(hops) = forward else { continue };
            for hop in hops {
                if let VrfNextHop::Vtep { vtep, router_mac } = *hop {
                    let gateway = match vtep {
                        IpAddr::V4(vtep) if prefix.addr().is_ipv6() => vtep.to_ipv6_mapped().into(),
                        vtep => stand_in(vtep),
                    };
                    neighbours.insert(gateway, router_mac);
                    vteps.insert(router_mac, vtep);
                }
            }
        }
        let svi = self.attached.as_ref().unwrap().l3vni.as_ref().unwrap().svi.0;
        let actual: BTreeMap<IpAddr, MacAddr> = self
            .kernel
            .neighbours
            .iter()
            .filter(|((index, _), _)| *index == svi)
            .map(|((_, ip), message)| (*ip, message.mac.unwrap()))
            .collect();
        assert_eq!(actual, neighbours);
        let fdb: BTreeMap<MacAddr, IpAddr> =
            self.kernel.fdb.iter().map(|(mac, message)| (*mac, message.address.unwrap())).collect();
        assert_eq!(fdb, vteps);
        if svi != VXLAN {
            assert!(self.kernel.bridge.keys().eq(vteps.keys()));
        }
        // No object that nothing needs.
        for nexthop in self.kernel.nexthops.values() {
            match nexthop.gateway {
                Some(gateway) => assert!(gateways.contains(&gateway), "{nexthop:?}"),
                None => {
                    let used = self.kernel.routes.values().any(|route| route.nexthop == Some(nexthop.id));
                    let blocked = self.wanted.keys().any(|prefix| metric_taken(*prefix));
                    assert!(used || blocked, "{nexthop:?}");
                }
            }
        }
    }
}

fn attached() -> World {
    let mut world = World::new();
    world.attach(devices(true));
    world.prune();
    world
}

#[test]
fn a_route_stands_on_objects_and_router_macs_and_all_of_it_goes() {
    for bridged in [true, false] {
        let mut world = World::new();
        world.attach(devices(bridged));
        world.prune();
        world.wish(host(1), via(&[2]));
        world.wish(net("2001:db8:2::/64"), via(&[2, 3]));
        world.wish(net("10.0.0.0/8"), Some(VrfForward::Discard));
        world.settle();
        world.check();
        assert_eq!((world.kernel.routes.len(), world.kernel.neighbours.len()), (3, 3));
        for prefix in [host(1), net("2001:db8:2::/64"), net("10.0.0.0/8")] {
            world.wish(prefix, None);
        }
        world.settle();
        world.check();
        let kernel = &world.kernel;
        assert!(kernel.routes.is_empty() && kernel.nexthops.is_empty());
        assert!(kernel.neighbours.is_empty() && kernel.fdb.is_empty() && kernel.bridge.is_empty());
        assert!(world.notices.is_empty() && world.repairs == 0, "{:?}", world.notices);
    }
}

#[test]
fn a_vtep_that_leaves_costs_one_write_for_each_group() {
    let mut world = attached();
    for number in 0..1000 {
        let vteps: &[u8] = if number % 2 == 0 { &[2, 3] } else { &[2, 3, 4] };
        world.wish(host(number), via(vteps));
    }
    world.settle();
    world.check();
    let before = world.kernel.route_writes;
    assert_eq!(before, 1000);
    // VTEP 3 is lost, and comes back.
    for (without, with) in [(true, false), (false, true)] {
        for number in 0..1000 {
            let vteps: &[u8] = match (number % 2 == 0, without) {
                (true, true) => &[2],
                (false, true) => &[2, 4],
                (true, false) => &[2, 3],
                (false, false) => &[2, 3, 4],
            };
            world.wish(host(number), via(vteps));
        }
        world.kernel.writes = 0;
        world.settle();
        world.check();
        assert_eq!(world.kernel.route_writes, before);
        // Two groups, the nexthop, its router MAC in neighbour table, vxlan and bridge.
        assert_eq!(world.kernel.writes, 6, "with {with}");
    }
}

#[test]
fn a_single_route_that_loses_a_vtep_leaves_the_others_alone() {
    let mut world = attached();
    for number in 0..100 {
        world.wish(host(number), via(&[2, 3]));
    }
    world.settle();
    world.kernel.writes = 0;
    world.wish(host(7), via(&[2]));
    world.settle();
    world.check();
    // Its new group and the route.
    assert_eq!(world.kernel.writes, 2);
    world.wish(host(7), via(&[2, 3]));
    world.settle();
    world.check();
    assert_eq!(world.kernel.writes, 4, "back to the shared group, its own is deleted");
}

#[test]
fn groups_do_not_pile_up() {
    let mut world = attached();
    for round in 0..50_u16 {
        for number in 0..60 {
            world.wish(host(number), via(if (number + round).is_multiple_of(3) { &[2] } else { &[2, 3] }));
            if number % 7 == 0 {
                world.turn(5);
            }
        }
        world.settle();
        world.check();
        let groups = world.kernel.nexthops.values().filter(|nexthop| nexthop.is_group()).count();
        assert!(groups <= 6, "{groups} groups in round {round}");
    }
}

#[test]
fn a_restart_writes_nothing_and_drops_nothing() {
    let mut first = attached();
    for number in 0..50 {
        first.wish(host(number), via(&[2 + (number % 3) as u8, 9]));
    }
    first.wish(net("2001:db8:2::/64"), via(&[2]));
    first.wish(net("10.0.0.0/8"), Some(VrfForward::Discard));
    first.settle();
    first.check();
    let wanted = first.wanted.clone();
    let mut world = World::after(first.kernel.clone());
    world.attach(devices(true));
    world.settle();
    assert_eq!(world.kernel.writes, 0);
    assert!(world.forwarding.adopted() > 50);
    for (prefix, forward) in wanted {
        world.wish(prefix, Some(forward));
        world.turn(10);
    }
    world.prune();
    world.settle();
    world.check();
    assert_eq!(world.kernel.writes, 0);
    // And once more, with less: what is not wanted goes, but not before it is pruned.
    let mut world = World::after(world.kernel.clone());
    world.attach(devices(true));
    world.wish(host(1), via(&[3, 9]));
    world.settle();
    assert_eq!(world.kernel.writes, 0);
    world.prune();
    world.settle();
    world.check();
    assert_eq!(world.kernel.routes.len(), 1);
}

#[test]
fn a_detached_vrf_leaves_nothing_and_comes_back_whole() {
    let mut world = attached();
    world.wish(host(1), via(&[2, 3]));
    world.wish(net("2001:db8:2::/64"), via(&[2]));
    world.settle();
    world.detach();
    world.settle();
    let kernel = &world.kernel;
    assert!(kernel.routes.is_empty() && kernel.nexthops.is_empty() && kernel.neighbours.is_empty());
    assert!(kernel.fdb.is_empty() && kernel.bridge.is_empty());
    assert_eq!(world.forwarding.attached_vrfs(), []);
    assert!(!world.forwarding.has_table(TABLE));
    world.attach(devices(false));
    world.prune();
    world.settle();
    world.check();
}

#[test]
fn a_vrf_with_another_table_leaves_the_old_one_empty() {
    let mut world = attached();
    world.wish(host(1), via(&[2]));
    world.settle();
    world.attach(VrfDevices { table: 1002, ..devices(true) });
    world.settle();
    let tables: Vec<u32> = world.kernel.routes.keys().map(|(table, ..)| *table).collect();
    assert_eq!(tables, [1002]);
    assert!(!world.forwarding.has_table(TABLE) && world.forwarding.has_table(1002));
}

#[test]
fn an_l3vni_with_other_devices_takes_the_routes_along() {
    let mut world = attached();
    for number in 0..20 {
        world.wish(host(number), via(&[2, 3]));
    }
    world.settle();
    // The same VNI without a bridge; another VNI; none; and the first again.
    let mut other = devices(true);
    let l3vni = other.l3vni.as_mut().unwrap();
    l3vni.vni = Vni::new(6000).unwrap();
    for is in [devices(false), other, devices(true)] {
        world.attach(is);
        world.prune();
        world.settle();
        let svi = world.attached.as_ref().unwrap().l3vni.as_ref().unwrap().svi.0;
        let group = world.kernel.routes[&(TABLE, host(1), 20)].nexthop.unwrap();
        for member in &world.kernel.nexthops[&group].members {
            assert_eq!(world.kernel.nexthops[member].device, Some(svi));
        }
        assert!(world.kernel.neighbours.contains_key(&(svi, vtep(2))));
    }
    world.check();
    let without = VrfDevices { l3vni: None, ..devices(true) };
    world.attach(without);
    world.settle();
    let kernel = &world.kernel;
    assert!(kernel.routes.is_empty() && kernel.neighbours.is_empty() && kernel.fdb.is_empty());
}

#[test]
fn a_gateway_is_found_on_the_interfaces_and_waited_for() {
    let mut world = attached();
    let gateway = |text: &str| VrfNextHop::Gateway(text.parse().unwrap());
    world.wish(host(1), Some(VrfForward::Via(vec![gateway("172.16.0.9")])));
    world.wish(host(2), Some(VrfForward::Via(vec![gateway("172.17.0.9")])));
    world.wish(net("2001:db8:2::/64"), Some(VrfForward::Via(vec![gateway("2001:db8:10::9")])));
    // No route through ourselves, and none of IPv6 through an IPv4 gateway.
    world.wish(host(3), Some(VrfForward::Via(vec![gateway("172.16.0.254")])));
    world.wish(net("2001:db8:3::/64"), Some(VrfForward::Via(vec![gateway("172.16.0.9")])));
    world.settle();
    assert_eq!(world.kernel.routes.len(), 2);
    let nexthops: Vec<_> =
        world.kernel.nexthops.values().filter(|nexthop| nexthop.gateway.is_some()).collect();
    assert!(nexthops.iter().all(|nexthop| nexthop.device == Some(TENANT) && !nexthop.onlink), "{nexthops:?}");
    let mut more = devices(true);
    more.interfaces
        .push(VrfInterface { device: (8, "br11".to_owned()), addresses: vec![net("172.17.0.254/16")] });
    world.attach(more);
    world.settle();
    assert_eq!(world.gateways(host(2)), Some(vec!["172.17.0.9".parse().unwrap()]));
    world.attach(devices(true));
    world.settle();
    assert_eq!(world.gateways(host(2)), None);
}

#[test]
fn a_router_mac_that_changes_is_followed_without_touching_routes() {
    let mut world = attached();
    for number in 0..100 {
        world.wish(host(number), via(&[2]));
    }
    world.settle();
    let before = world.kernel.route_writes;
    let changed = VrfNextHop::Vtep { vtep: vtep(2), router_mac: router_mac(99) };
    for number in 0..100 {
        world.wish(host(number), Some(VrfForward::Via(vec![changed])));
    }
    world.settle();
    world.check();
    assert_eq!(world.kernel.route_writes, before);
    assert!(world.notices.is_empty(), "{:?}", world.notices);
}

#[test]
fn two_router_macs_for_one_vtep_are_told_and_the_last_is_used() {
    let mut world = attached();
    let other = VrfNextHop::Vtep { vtep: vtep(2), router_mac: router_mac(99) };
    world.wish(host(1), via(&[2]));
    world.wish(host(2), Some(VrfForward::Via(vec![other])));
    world.settle();
    assert_eq!(world.kernel.neighbours[&(SVI, vtep(2))].mac, Some(router_mac(99)));
    let told = |world: &World| {
        world.notices.iter().filter(|notice| matches!(notice, FibNotice::RouterMacs { .. })).count()
    };
    assert_eq!(told(&world), 1);
    world.wish(host(1), via(&[2]));
    world.settle();
    assert_eq!(world.kernel.neighbours[&(SVI, vtep(2))].mac, Some(router_mac(2)));
    assert_eq!(told(&world), 1);
    world.wish(host(2), None);
    world.settle();
    world.check();
}

#[test]
fn routes_of_others_are_told_left_alone_and_noted() {
    let mut world = attached();
    world.kernel.add_route(foreign(host(1), RTPROT_STATIC, 0));
    world.kernel.add_route(foreign(host(1), RTPROT_BOOT, 5));
    world.kernel.add_route(foreign(host(2), RTPROT_STATIC, 20));
    world.kernel.add_route(foreign(net("172.16.0.0/24"), RTPROT_KERNEL, 0));
    world.kernel.add_route(foreign(net("169.254.0.0/16"), RTPROT_KERNEL, 0));
    world.kernel.add_route(foreign(net("fe80::/64"), RTPROT_KERNEL, 256));
    let mut end = foreign(net("0.0.0.0/0"), RTPROT_BGP, 4_278_198_272);
    end.kind = RTN_UNREACHABLE;
    world.kernel.add_route(end);
    world.wish(host(1), via(&[2]));
    world.wish(host(2), via(&[2]));
    world.settle();
    // Beside the one, not in the place of the other.
    assert_eq!(world.gateways(host(1)), Some(vec![vtep(2)]));
    assert_eq!(world.gateways(host(2)), None);
    let noted =
        world.notices.iter().filter(|notice| matches!(notice, FibNotice::ForeignRoute { .. })).count();
    assert_eq!((noted, world.notices.len()), (2, 2), "{:?}", world.notices);
    let told: BTreeMap<IpNet, Option<(LocalRouteKind, u32)>> = world
        .locals
        .iter()
        .map(|event| match event {
            LocalEvent::Route { prefix, route, .. } => {
                (*prefix, route.as_ref().map(|route| (route.kind, route.metric)))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (net("172.16.0.0/24"), Some((LocalRouteKind::Connected, 0))),
        (host(1), Some((LocalRouteKind::Static, 0))),
        (host(2), Some((LocalRouteKind::Static, 20))),
    ];
    assert_eq!(told, expected.into());
    // The better one goes: the next is told; the last goes: so is that, and ours takes the place.
    world.locals.clear();
    world.kernel.delete_route(host(1), 0).unwrap();
    world.kernel.delete_route(host(2), 20).unwrap();
    world.settle();
    let told: Vec<_> = world
        .locals
        .iter()
        .map(|event| match event {
            LocalEvent::Route { prefix, route, .. } => (*prefix, route.as_ref().map(|route| route.metric)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(host(1), Some(5)), (host(2), None)]);
    assert_eq!(world.gateways(host(2)), Some(vec![vtep(2)]));
    // The same again says nothing.
    world.locals.clear();
    world.sync();
    world.settle();
    assert_eq!(world.locals, []);
}

#[test]
fn drift_is_repaired_at_once_and_a_fight_is_spaced_out() {
    let mut world = attached();
    world.wish(host(1), via(&[2, 3]));
    world.wish(net("2001:db8:2::/64"), via(&[2]));
    world.settle();
    let group = world.kernel.routes[&(TABLE, host(1), 20)].nexthop.unwrap();
    let member = world.kernel.nexthops[&group].members[0];
    let deeds: Vec<Box<dyn Fn(&mut FakeKernel)>> = vec![
        Box::new(|kernel| kernel.delete_route(host(1), 20).unwrap()),
        Box::new(|kernel| kernel.add_route(foreign(host(1), RTPROT_BOOT, 20))),
        Box::new(|kernel| {
            kernel.add_route(RouteMessage { nexthop: Some(7), ..our_route(host(1), RTN_UNICAST, None) })
        }),
        Box::new(move |kernel| kernel.delete_nexthop(member, false).unwrap()),
        Box::new(move |kernel| kernel.delete_nexthop(group, false).unwrap()),
        Box::new(move |kernel| {
            let mut nexthop = kernel.nexthops[&member].clone();
            nexthop.gateway = Some(vtep(77));
            kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
        }),
        Box::new(move |kernel| {
            let mut nexthop = kernel.nexthops[&group].clone();
            nexthop.members.pop();
            kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
        }),
        Box::new(|kernel| kernel.apply(&Op::NeighbourDelete { bridge: SVI, ip: vtep(2) }).unwrap()),
        Box::new(|kernel| kernel.apply(&Op::VxlanDelete { vxlan: VXLAN, mac: router_mac(2) }).unwrap()),
        Box::new(|kernel| kernel.apply(&Op::BridgeDelete { port: VXLAN, mac: router_mac(2) }).unwrap()),
        Box::new(|kernel| {
            // Somebody moves it to another port of the bridge.
            let mut entry = kernel.bridge[&router_mac(2)];
            entry.ifindex = 33;
            entry.flags = 0;
            kernel.bridge.insert(router_mac(2), entry);
            kernel.events.push(Event::Neighbour(entry, false));
        }),
    ];
    for (number, deed) in deeds.iter().enumerate() {
        let (now, repairs) = (world.now, world.repairs);
        deed(&mut world.kernel);
        for _ in 0..6 {
            world.turn(50);
        }
        world.check();
        assert!(world.now == now && world.repairs > repairs, "deed {number}: {} repairs", world.repairs);
        world.now += Duration::from_secs(20);
    }
    assert!(world.notices.is_empty(), "{:?}", world.notices);
    let mut writes = 0;
    for _ in 0..1000 {
        let _ = world.kernel.delete_route(host(1), 20);
        writes += world.turn(50);
        world.now += Duration::from_millis(1);
    }
    assert!((16..30).contains(&writes), "{writes} writes");
    assert!(matches!(world.notices.as_slice(), [FibNotice::Fighting { .. }]), "{:?}", world.notices);
    world.settle();
    world.check();
}

#[test]
fn a_foreign_object_at_our_id_is_passed_over() {
    let mut scout = attached();
    scout.wish(host(1), via(&[2]));
    scout.settle();
    let taken: Vec<u32> = scout.kernel.nexthops.keys().copied().collect();
    for known in [false, true] {
        let mut world = attached();
        for id in &taken {
            let foreign = NexthopMessage { id: *id, protocol: 3, ..NexthopMessage::default() };
            let foreign = NexthopMessage { gateway: Some(vtep(77)), device: Some(9), ..foreign };
            world.kernel.nexthops.insert(*id, foreign);
        }
        if known {
            world.sync();
        }
        world.wish(host(1), via(&[2]));
        world.settle();
        assert_eq!(world.gateways(host(1)), Some(vec![vtep(2)]), "known {known}");
        world.wish(host(1), None);
        world.settle();
        assert_eq!(world.kernel.nexthops.keys().copied().collect::<Vec<_>>(), taken, "known {known}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Route(u8, Option<u8>),
    Attach(u8),
    Detach,
    Turn,
    Listen,
    DeleteRoute(u8),
    OverwriteRoute(u8),
    DeleteNexthop(u8),
    OverwriteNexthop(u8),
    DeleteOther(u8),
    Foreign(u8, bool),
    Flap(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = 0..6_u8;
    prop_oneof![
        8 => (which.clone(), proptest::option::weighted(0.8, 0..9_u8)).prop_map(|(p, to)| Step::Route(p, to)),
        1 => (0..4_u8).prop_map(Step::Attach),
        1 => Just(Step::Detach),
        5 => Just(Step::Turn),
        2 => Just(Step::Listen),
        1 => which.clone().prop_map(Step::DeleteRoute),
        1 => which.clone().prop_map(Step::OverwriteRoute),
        1 => which.clone().prop_map(Step::DeleteNexthop),
        1 => which.clone().prop_map(Step::OverwriteNexthop),
        1 => which.clone().prop_map(Step::DeleteOther),
        1 => (which, any::<bool>()).prop_map(|(p, there)| Step::Foreign(p, there)),
        1 => any::<bool>().prop_map(Step::Flap),
    ]
}

fn prefix_of(which: u8) -> IpNet {
    match which {
        0..4 => host(u16::from(which)),
        _ => net(&format!("2001:db8:{which}::/64")),
    }
}

fn forward_of(which: u8) -> VrfForward {
    let via = |lasts: &[u8]| VrfForward::Via(lasts.iter().copied().map(through).collect());
    match which {
        0 => VrfForward::Discard,
        1 => VrfForward::Via(vec![through(2), VrfNextHop::Gateway("172.16.0.9".parse().unwrap())]),
        2 => VrfForward::Via(vec![VrfNextHop::Gateway("2001:db8:10::9".parse().unwrap())]),
        3 => VrfForward::Via(vec![VrfNextHop::Vtep {
            vtep: "2001:db8:ff::9".parse().unwrap(),
            router_mac: router_mac(9),
        }]),
        4 => via(&[2, 3]),
        5 => via(&[2, 3, 4]),
        _ => via(&[which - 4]),
    }
}

fn devices_of(which: u8) -> VrfDevices {
    let mut devices = devices(which != 1);
    match which {
        2 => devices.interfaces.clear(),
        3 => devices.l3vni.as_mut().unwrap().vni = Vni::new(6000).unwrap(),
        _ => {}
    }
    devices
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Route(which, to) => self.wish(prefix_of(which), to.map(forward_of)),
            Step::Attach(which) => self.attach(devices_of(which)),
            Step::Detach => self.detach(),
            Step::Turn => _ = self.turn(4),
            Step::Listen => self.listen(),
            Step::DeleteRoute(which) => {
                let _ = self.kernel.delete_route(prefix_of(which), metric_of(prefix_of(which)));
            }
            Step::OverwriteRoute(which) => {
                let prefix = prefix_of(which);
                if self.kernel.routes.contains_key(&(TABLE, prefix, metric_of(prefix))) {
                    let altered = RouteMessage { nexthop: Some(7), ..our_route(prefix, RTN_UNICAST, None) };
                    self.kernel.add_route(altered);
                }
            }
            Step::DeleteNexthop(which) => {
                if let Some(id) = self.kernel.nexthops.keys().nth(usize::from(which)).copied() {
                    self.kernel.delete_nexthop(id, false).unwrap();
                }
            }
            Step::OverwriteNexthop(which) => {
                let nexthop = self.kernel.nexthops.values().nth(usize::from(which)).cloned();
                if let Some(mut nexthop) = nexthop.filter(|nexthop| nexthop.gateway.is_some()) {
                    nexthop.onlink = !nexthop.onlink;
                    self.kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
                }
            }
            Step::DeleteOther(which) => {
                let kernel = &mut self.kernel;
                let neighbour = kernel.neighbours.keys().nth(usize::from(which)).copied();
                let mac = kernel.fdb.keys().nth(usize::from(which)).copied();
                if let Some((bridge, ip)) = neighbour {
                    kernel.apply(&Op::NeighbourDelete { bridge, ip }).unwrap();
                }
                if let Some(mac) = mac {
                    let _ = kernel.apply(&Op::VxlanDelete { vxlan: VXLAN, mac });
                    let _ = kernel.apply(&Op::BridgeDelete { port: VXLAN, mac });
                }
            }
            Step::Foreign(which, true) => self.kernel.add_route(foreign(prefix_of(which), RTPROT_STATIC, 0)),
            Step::Foreign(which, false) => _ = self.kernel.delete_route(prefix_of(which), 0),
            // As the service does: a device that goes down makes everything doubtful.
            Step::Flap(tenant) => {
                self.kernel.flap(if tenant { TENANT } else { SVI });
                self.listen();
                if self.attached.is_some() {
                    self.sync();
                } else {
                    self.sync_nexthops();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Wishes, devices that come and go, notifications that are late or missing, foreign deletions and changes: in the
    /// end the kernel holds what is wanted and nothing else of ours.
    #[test]
    fn any_history_ends_right(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.step(Step::Attach(0));
        world.prune();
        world.settle();
        world.check();
        // A look at everything finds nothing to do.
        world.sync();
        prop_assert_eq!(world.turn(50), 0);
        // And when it is over, nothing is left.
        world.forwarding.want_nothing();
        world.settle();
        let ours = world.kernel.routes.values().filter(|route| route.protocol == RTPROT_BGP).count();
        prop_assert_eq!((ours, world.kernel.nexthops.len(), world.kernel.neighbours.len()), (0, 0, 0));
    }

    /// The same wishes in another order, the devices earlier or later: the same tables.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(),
        turns in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut world = World::new();
        for (step, turn) in order.into_iter().zip(turns) {
            match step {
                0..18 => world.wish(host(step as u16), via(&[2, 3 + (step % 3) as u8])),
                18 => world.attach(devices(true)),
                _ => world.prune(),
            }
            if turn {
                world.turn(5);
            }
        }
        world.settle();
        world.check();
        prop_assert_eq!(world.kernel.routes.len(), 18);
        // Four next hops, three groups.
        prop_assert_eq!(world.kernel.nexthops.len(), 7);
        prop_assert!(world.locals.is_empty() && world.notices.is_empty());
    }
}
