//! A kernel made of maps with the tables of one tenant, and the service's part around the forwarding state.

use super::super::*;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, RouteTarget, Target, metric_of};
use crate::netlink::neighbour::NeighbourMessage;
use crate::netlink::nexthop::NexthopMessage;
use crate::netlink::route::RouteMessage;
use crate::netlink::socket::KernelError;
use ipnet::IpNet;
use nix::errno::Errno;
use std::collections::BTreeMap;
use std::net::IpAddr;
use weft_evpn::forwarding::{VrfForward, VrfNextHop};
use weft_evpn::vrf::{L3VniDevices, VrfDevices, VrfForm, VrfInterface};
use weft_evpn::{MacAddr, VrfName};

pub(super) const VXLAN: u32 = 2;
pub(super) const SVI: u32 = 1;
pub(super) const TENANT: u32 = 7;
pub(super) const TABLE: u32 = 1001;

pub(super) fn red() -> VrfName {
    VrfName::from("red")
}

pub(super) fn vtep(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

pub(super) fn router_mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xff, last])
}

pub(super) fn through(last: u8) -> VrfNextHop {
    VrfNextHop::Vtep { vtep: vtep(last), router_mac: router_mac(last) }
}

pub(super) fn via(lasts: &[u8]) -> Option<VrfForward> {
    Some(VrfForward::Via(lasts.iter().copied().map(through).collect()))
}

/// In rule form an IPv6 VTEP is named by another address.
pub(super) fn stand_in(vtep: IpAddr) -> IpAddr {
    let text = vtep.to_string();
    text.strip_prefix("2001:").map_or(vtep, |rest| format!("4001:{rest}").parse().unwrap())
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(super) fn host(number: u16) -> IpNet {
    let [a, b] = number.to_be_bytes();
    IpNet::from(IpAddr::from([192, 168, a, b]))
}

/// Devices of the tenant: with a bridge above the vxlan device or without.
pub(super) fn devices(bridged: bool) -> VrfDevices {
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
pub(super) enum Event {
    Neighbour(NeighbourMessage, bool),
    Nexthop(NexthopMessage, bool),
    Route(RouteMessage, RouteNews),
}

/// A kernel that knows what the real one does, as seen on 6.18.
#[derive(Default, Clone)]
pub(super) struct FakeKernel {
    pub(super) fdb: BTreeMap<MacAddr, NeighbourMessage>,
    pub(super) bridge: BTreeMap<MacAddr, NeighbourMessage>,
    pub(super) neighbours: BTreeMap<(u32, IpAddr), NeighbourMessage>,
    pub(super) nexthops: BTreeMap<u32, NexthopMessage>,
    pub(super) routes: BTreeMap<(u32, IpNet, u32), RouteMessage>,
    pub(super) events: Vec<Event>,
    pub(super) writes: usize,
    pub(super) route_writes: usize,
    /// Short of something: refuses everything.
    pub(super) busy: bool,
}

impl FakeKernel {
    pub(super) fn delete_nexthop(&mut self, id: u32, silent: bool) -> Result<(), Errno> {
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
    pub(super) fn flap(&mut self, device: u32) {
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

    pub(super) fn set_neighbour(&mut self, message: NeighbourMessage) {
        self.neighbours.insert((message.ifindex, message.address.unwrap()), message);
        self.events.push(Event::Neighbour(message, false));
    }

    pub(super) fn add_route(&mut self, route: RouteMessage) {
        let replaced = self.routes.insert((route.table, route.prefix, route.metric), route).is_some();
        let news = if replaced { RouteNews::Replaces } else { RouteNews::Is };
        self.events.push(Event::Route(route, news));
    }

    pub(super) fn delete_route(&mut self, prefix: IpNet, metric: u32) -> Result<(), Errno> {
        let route = self.routes.remove(&(TABLE, prefix, metric)).ok_or(Errno::ESRCH)?;
        self.events.push(Event::Route(route, RouteNews::Gone));
        Ok(())
    }

    pub(super) fn set_nexthop(&mut self, message: NexthopMessage, mode: Mode) -> Result<(), Errno> {
        match self.nexthops.get(&message.id) {
            Some(_) if mode == Mode::Create => return Err(Errno::EEXIST),
            Some(old) if old.is_group() != message.is_group() => return Err(Errno::EINVAL),
            _ => {}
        }
        self.nexthops.insert(message.id, message.clone());
        self.events.push(Event::Nexthop(message, false));
        Ok(())
    }

    /// What one message does besides something else.
    fn part(&mut self, op: &Op) -> Result<(), Errno> {
        self.writes -= 1;
        self.apply(op)
    }

    pub(super) fn apply(&mut self, op: &Op) -> Result<(), Errno> {
        if self.busy {
            return Err(Errno::ENOBUFS);
        }
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
            Op::BothSet { vxlan, mac, target } => {
                self.part(&Op::BridgeSet { port: vxlan, mac })?;
                self.part(&Op::VxlanSet { vxlan, mac, target, mode: Mode::Create })?;
            }
            Op::BothDelete { vxlan, mac } => {
                self.part(&Op::BridgeDelete { port: vxlan, mac })?;
                self.part(&Op::VxlanDelete { vxlan, mac })?;
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
                        // A group whose new content was refused, since somebody has deleted a member, has the old one.
                        if prefix.addr().is_ipv6() && nexthop.members.iter().any(is_v4) {
                            return Err(Errno::EINVAL);
                        }
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

pub(super) fn our_route(prefix: IpNet, kind: u8, nexthop: Option<u32>) -> RouteMessage {
    RouteMessage {
        table: TABLE,
        prefix,
        protocol: RTPROT_BGP,
        kind,
        metric: metric_of(prefix),
        nexthop,
        gateway: None,
        device: None,
        source: None,
        special: false,
    }
}

pub(super) fn foreign(prefix: IpNet, protocol: u8, metric: u32) -> RouteMessage {
    let gateway = (protocol != RTPROT_KERNEL).then_some(IpAddr::from([172, 16, 0, 9]));
    RouteMessage { protocol, metric, gateway, device: Some(TENANT), ..our_route(prefix, RTN_UNICAST, None) }
}

pub(super) struct World {
    pub(super) forwarding: Forwarding,
    pub(super) kernel: FakeKernel,
    pub(super) links: Links,
    pub(super) now: Instant,
    pub(super) wanted: BTreeMap<IpNet, VrfForward>,
    pub(super) attached: Option<VrfDevices>,
    pub(super) locals: Vec<LocalEvent>,
    pub(super) notices: Vec<FibNotice>,
    pub(super) repairs: u64,
}

impl World {
    pub(super) fn new() -> Self {
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
    pub(super) fn after(kernel: FakeKernel) -> Self {
        World {
            kernel: FakeKernel { events: Vec::new(), writes: 0, route_writes: 0, ..kernel },
            ..World::new()
        }
    }

    pub(super) fn wish(&mut self, prefix: IpNet, wanted: Option<VrfForward>) {
        match &wanted {
            Some(forward) => _ = self.wanted.insert(prefix, forward.clone()),
            None => _ = self.wanted.remove(&prefix),
        }
        self.forwarding.wish(ForwardingChange::Route { vrf: red(), prefix, wanted });
    }

    pub(super) fn attach(&mut self, devices: VrfDevices) {
        self.attached = Some(devices.clone());
        if self.forwarding.attach_vrf(red(), devices) {
            self.sync();
        }
    }

    pub(super) fn detach(&mut self) {
        self.attached = None;
        self.forwarding.detach_vrf(&red());
    }

    pub(super) fn prune(&mut self) {
        self.forwarding.prune_vrf(&red());
        self.forwarding.prune_nexthops();
    }

    pub(super) fn sync_nexthops(&mut self) {
        self.forwarding.begin_sync_nexthops();
        for nexthop in self.kernel.nexthops.values() {
            self.forwarding.observe_nexthop(nexthop, false, self.now);
        }
        self.forwarding.end_sync_nexthops(self.now);
    }

    pub(super) fn sync(&mut self) {
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

    pub(super) fn listen(&mut self) {
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

    pub(super) fn turn(&mut self, budget: usize) -> usize {
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
                        FollowUp::ReadTable(table) => {
                            assert_eq!(self.forwarding.vrf_of_table(table), Some(red()));
                            self.sync();
                        }
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

    pub(super) fn answer(&mut self, query: crate::netlink::encode::Query) {
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

    pub(super) fn settle(&mut self) {
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
    pub(super) fn gateways(&self, prefix: IpNet) -> Option<Vec<IpAddr>> {
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

    pub(super) fn expected(&self, prefix: IpNet, forward: &VrfForward) -> Option<Vec<IpAddr>> {
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
    pub(super) fn check(&self) {
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
