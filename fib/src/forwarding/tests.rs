//! The forwarding state against a kernel made of maps: whatever comes in whatever order, the end is right.

use super::*;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, Query, Target};
use crate::netlink::neighbour::NeighbourMessage;
use crate::netlink::nexthop::NexthopMessage;
use crate::netlink::socket::KernelError;
use nix::errno::Errno;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use weft_evpn::MacAddr;
use weft_evpn::forwarding::{RemoteMac, RemoteNeighbour};

const VXLAN: u32 = 2;
const BRIDGE: u32 = 1;
const PORT: u32 = 3;

fn vni() -> Vni {
    Vni::new(10).unwrap()
}

fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

fn vtep(last: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, last])
}

fn host(last: u8) -> IpAddr {
    IpAddr::from([192, 168, 10, last])
}

/// A kernel that knows what the real one does, as seen on 6.18.
#[derive(Default)]
struct FakeKernel {
    vxlan: BTreeMap<MacAddr, NeighbourMessage>,
    bridge: BTreeMap<MacAddr, NeighbourMessage>,
    flood: BTreeMap<IpAddr, NeighbourMessage>,
    neighbours: BTreeMap<IpAddr, NeighbourMessage>,
    nexthops: BTreeMap<u32, NexthopMessage>,
    events: Vec<(Event, bool)>,
    no_nexthops: bool,
}

#[derive(Clone)]
enum Event {
    Neighbour(NeighbourMessage),
    Nexthop(NexthopMessage),
}

fn fdb(ifindex: u32, mac: MacAddr, state: u16, flags: u8) -> NeighbourMessage {
    NeighbourMessage {
        family: AF_BRIDGE,
        ifindex,
        state,
        flags,
        mac: Some(mac),
        ..NeighbourMessage::default()
    }
}

fn at_bridge(port: u32, mac: MacAddr, state: u16, flags: u8) -> NeighbourMessage {
    NeighbourMessage { master: Some(BRIDGE), ..fdb(port, mac, state, flags) }
}

impl FakeKernel {
    fn say(&mut self, message: NeighbourMessage, gone: bool) {
        self.events.push((Event::Neighbour(message), gone));
    }

    fn set_bridge(&mut self, message: NeighbourMessage) {
        self.bridge.insert(message.mac.unwrap(), message);
        self.say(message, false);
    }

    fn take<K: Ord>(
        map: fn(&mut Self) -> &mut BTreeMap<K, NeighbourMessage>,
        kernel: &mut Self,
        key: K,
    ) -> Result<(), Errno> {
        let message = map(kernel).remove(&key).ok_or(Errno::ENOENT)?;
        kernel.say(message, true);
        Ok(())
    }

    fn delete_nexthop(&mut self, id: u32) -> Result<(), Errno> {
        let message = self.nexthops.remove(&id).ok_or(Errno::ENOENT)?;
        self.events.push((Event::Nexthop(message), true));
        // A group goes with its last member, and entries go with their group, without a word.
        let groups: Vec<u32> = self
            .nexthops
            .values()
            .filter(|nexthop| nexthop.members.contains(&id))
            .map(|nexthop| nexthop.id)
            .collect();
        for group in groups {
            self.delete_nexthop(group)?;
        }
        self.vxlan.retain(|_, entry| entry.nexthop != Some(id));
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<(), Errno> {
        match op.clone() {
            Op::VxlanSet { mac, target, mode, .. } => {
                if mode == Mode::Create && self.vxlan.contains_key(&mac) {
                    return Err(Errno::EEXIST);
                }
                let mut message = fdb(VXLAN, mac, NUD_NOARP | NUD_REACHABLE, NTF_SELF | NTF_EXT_LEARNED);
                match target {
                    Target::Nexthop(id) => {
                        if !self.nexthops.contains_key(&id) {
                            return Err(Errno::EINVAL);
                        }
                        message.nexthop = Some(id);
                    }
                    Target::Address(ip) => message.address = Some(ip),
                }
                if let Some(old) = self.vxlan.get(&mac) {
                    if old.nexthop.is_some() != message.nexthop.is_some() {
                        return Err(Errno::EOPNOTSUPP);
                    }
                    message.flags = old.flags;
                }
                self.vxlan.insert(mac, message);
                self.say(message, false);
            }
            Op::VxlanDelete { mac, .. } => Self::take(|kernel| &mut kernel.vxlan, self, mac)?,
            // The bridge first, and what is done stays done when the other part is refused.
            Op::BothSet { vxlan, mac, target } => {
                self.apply(&Op::BridgeSet { port: vxlan, mac })?;
                self.apply(&Op::VxlanSet { vxlan, mac, target, mode: Mode::Create })?;
            }
            Op::BothDelete { vxlan, mac } => {
                self.apply(&Op::BridgeDelete { port: vxlan, mac })?;
                self.apply(&Op::VxlanDelete { vxlan, mac })?;
            }
            Op::BridgeSet { mac, .. } => {
                let old = self.bridge.get(&mac).copied();
                let (state, flags) = old.map_or((NUD_REACHABLE, 0), |old| (old.state, old.flags));
                self.set_bridge(at_bridge(VXLAN, mac, state, flags | NTF_EXT_LEARNED));
            }
            Op::BridgeSticky { mac, sticky, .. } => {
                let old = *self.bridge.get(&mac).ok_or(Errno::ENOENT)?;
                let (state, flag) = if sticky { (NUD_NOARP, NTF_STICKY) } else { (NUD_REACHABLE, 0) };
                self.set_bridge(at_bridge(VXLAN, mac, state, old.flags & !NTF_STICKY | flag));
            }
            Op::BridgeDelete { mac, port } => {
                if self.bridge.get(&mac).is_none_or(|entry| entry.ifindex != port) {
                    return Err(Errno::ENOENT);
                }
                Self::take(|kernel| &mut kernel.bridge, self, mac)?;
            }
            Op::FloodAdd { vtep, .. } => {
                let state = NUD_NOARP | NUD_PERMANENT;
                let message = fdb(VXLAN, MacAddr::ZERO, state, NTF_SELF | NTF_EXT_LEARNED);
                let message = NeighbourMessage { address: Some(vtep), ..message };
                self.flood.insert(vtep, message);
                self.say(message, false);
            }
            Op::FloodDelete { vtep, .. } => Self::take(|kernel| &mut kernel.flood, self, vtep)?,
            Op::NeighbourSet { ip, mac, router, .. } => {
                let message = NeighbourMessage {
                    family: AF_INET,
                    ifindex: BRIDGE,
                    state: NUD_NOARP,
                    flags: NTF_EXT_LEARNED | if router { NTF_ROUTER } else { 0 },
                    mac: Some(mac),
                    address: Some(ip),
                    protocol: RTPROT_BGP,
                    ..NeighbourMessage::default()
                };
                self.neighbours.insert(ip, message);
                self.say(message, false);
            }
            Op::NeighbourDelete { ip, .. } => Self::take(|kernel| &mut kernel.neighbours, self, ip)?,
            Op::NexthopSet { id, mode, .. } | Op::GroupSet { id, mode, .. } => {
                if self.no_nexthops {
                    return Err(Errno::EOPNOTSUPP);
                }
                if mode == Mode::Create && self.nexthops.contains_key(&id) {
                    return Err(Errno::EEXIST);
                }
                let mut message =
                    NexthopMessage { id, protocol: RTPROT_BGP, fdb: true, ..NexthopMessage::default() };
                match op.clone() {
                    Op::NexthopSet { gateway, .. } => message.gateway = Some(gateway),
                    Op::GroupSet { member, .. } => {
                        if !self.nexthops.contains_key(&member) {
                            return Err(Errno::EINVAL);
                        }
                        message.members = vec![member];
                    }
                    _ => unreachable!(),
                }
                self.nexthops.insert(id, message.clone());
                self.events.push((Event::Nexthop(message), false));
            }
            Op::NexthopDelete { id } => self.delete_nexthop(id)?,
            other => unreachable!("{other:?}"),
        }
        Ok(())
    }

    /// What the filter of the monitor socket does with what follows from our own message.
    fn drop_echoes(&mut self, since: usize) {
        let echoes = self.events.split_off(since);
        let is_heard = |(event, gone): &(Event, bool)| match event {
            Event::Neighbour(message) => {
                *gone
                    || message.family != AF_BRIDGE
                    || !message.has(NTF_EXT_LEARNED)
                    || message.is(NUD_PERMANENT)
            }
            Event::Nexthop(_) => true,
        };
        self.events.extend(echoes.into_iter().filter(is_heard));
    }

    /// The device is gone and made again: its tables are empty.
    fn clear_devices(&mut self) {
        self.vxlan.clear();
        self.bridge.clear();
        self.flood.clear();
        self.neighbours.clear();
    }
}

struct World {
    forwarding: Forwarding,
    kernel: FakeKernel,
    links: Links,
    now: Instant,
    wanted: BTreeMap<String, ForwardingChange>,
    locals: Vec<LocalEvent>,
    notices: Vec<FibNotice>,
    attached: bool,
    /// The echoes of our own FDB entries are not heard.
    deaf: bool,
}

impl World {
    fn new(form: TargetForm) -> Self {
        World {
            forwarding: Forwarding::new(form),
            kernel: FakeKernel::default(),
            links: Links::default(),
            now: Instant::now(),
            wanted: BTreeMap::new(),
            locals: Vec::new(),
            notices: Vec::new(),
            attached: false,
            deaf: false,
        }
    }

    fn wish(&mut self, change: ForwardingChange) {
        let key = match &change {
            ForwardingChange::Mac { mac, .. } => mac.to_string(),
            ForwardingChange::Neighbour { ip, .. } => ip.to_string(),
            ForwardingChange::Flood { vtep, .. } => format!("flood {vtep}"),
            ForwardingChange::Probe { .. }
            | ForwardingChange::Announce { .. }
            | ForwardingChange::Proxy { .. }
            | ForwardingChange::Route { .. } => return,
        };
        self.wanted.insert(key, change.clone());
        self.forwarding.wish(change);
    }

    fn attach(&mut self) {
        self.attached = true;
        self.kernel.events.clear();
        self.forwarding.attach(vni(), VXLAN, BRIDGE);
        self.sync();
    }

    fn sync_nexthops(&mut self) {
        self.forwarding.begin_sync_nexthops();
        for nexthop in self.kernel.nexthops.values() {
            self.forwarding.observe_nexthop(nexthop, false, self.now);
        }
        self.forwarding.end_sync_nexthops(self.now);
    }

    fn sync(&mut self) {
        self.sync_nexthops();
        self.forwarding.begin_sync(vni());
        let kernel = &self.kernel;
        let maps = kernel.vxlan.values().chain(kernel.bridge.values()).chain(kernel.flood.values());
        for message in maps.chain(kernel.neighbours.values()) {
            self.forwarding.observe(&self.links, message, false, self.now);
        }
        self.forwarding.end_sync(&self.links, vni(), self.now);
    }

    fn detach(&mut self) {
        self.attached = false;
        self.forwarding.detach(vni());
        self.kernel.clear_devices();
        self.kernel.events.clear();
    }

    fn listen(&mut self) {
        for (event, gone) in std::mem::take(&mut self.kernel.events) {
            match event {
                Event::Neighbour(message) => self.forwarding.observe(&self.links, &message, gone, self.now),
                Event::Nexthop(message) => self.forwarding.observe_nexthop(&message, gone, self.now),
            }
        }
        for query in self.forwarding.take_doubts() {
            self.answer(query);
        }
    }

    fn turn(&mut self, budget: usize) -> usize {
        self.listen();
        let mut plan = Vec::new();
        self.forwarding.plan(self.now, budget, &mut plan);
        self.carry_out(&plan);
        plan.len()
    }

    fn carry_out(&mut self, plan: &[(Key, Op)]) {
        for (key, op) in plan {
            let before = self.kernel.events.len();
            let done = self.kernel.apply(op);
            if self.deaf {
                self.kernel.drop_echoes(before);
            }
            match done {
                Ok(()) => self.forwarding.written(&self.links, *key, op),
                Err(errno) => {
                    let error = KernelError { errno, words: None };
                    let follow_up = self.forwarding.refused(&self.links, *key, op, &error, self.now);
                    match follow_up {
                        FollowUp::None => {}
                        FollowUp::Ask(query) => self.answer(query),
                        FollowUp::ReadNexthops | FollowUp::ReadTable(_) => self.sync_nexthops(),
                    }
                }
            }
        }
        let output = self.forwarding.take_output();
        self.locals.extend(output.locals);
        self.notices.extend(output.notices);
    }

    fn answer(&mut self, query: Query) {
        match query {
            Query::BridgeEntry { port, mac, .. } => {
                let found = self.kernel.bridge.get(&mac).copied();
                let gone = found.is_none();
                let message = found.unwrap_or(at_bridge(port, mac, 0, 0));
                self.forwarding.observe(&self.links, &message, gone, self.now);
            }
            Query::VxlanEntry { mac, .. } => {
                let (message, gone) = match self.kernel.vxlan.get(&mac) {
                    Some(message) => (*message, false),
                    None => (fdb(VXLAN, mac, 0, NTF_SELF), true),
                };
                self.forwarding.observe(&self.links, &message, gone, self.now);
            }
            Query::Nexthop { id } => {
                let found = self.kernel.nexthops.get(&id).cloned();
                let gone = found.is_none();
                let message = found.unwrap_or(NexthopMessage { id, ..NexthopMessage::default() });
                self.forwarding.observe_nexthop(&message, gone, self.now);
            }
            other => panic!("{other:?}"),
        }
    }

    /// Turns until nothing happens and nothing is due; then the kernel must hold what is wanted, and no more of ours.
    fn settle(&mut self) {
        for _ in 0..200 {
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

    fn vxlan_target(&self, mac: MacAddr) -> Option<IpAddr> {
        let entry = self.kernel.vxlan.get(&mac)?;
        match entry.nexthop {
            None => entry.address,
            Some(group) => {
                let (member, _) = self.kernel.nexthops.get(&group)?.group()?;
                self.kernel.nexthops.get(&member)?.gateway
            }
        }
    }

    /// Checks everything that is wanted, and that nothing with our mark is left of what is not.
    fn check(&self) {
        for change in self.wanted.values() {
            match *change {
                ForwardingChange::Mac { mac, wanted, .. } => {
                    assert_eq!(self.vxlan_target(mac), wanted.map(|remote| remote.vtep), "{mac} in vxlan");
                    let bridge = self.kernel.bridge.get(&mac);
                    match wanted {
                        Some(remote) => {
                            let entry = bridge.unwrap();
                            assert!(entry.has(NTF_EXT_LEARNED) && entry.ifindex == VXLAN, "{entry:?}");
                            assert_eq!(entry.has(NTF_STICKY), remote.sticky);
                            assert_eq!(entry.is(NUD_NOARP), remote.sticky);
                            assert!(self.kernel.vxlan[&mac].has(NTF_EXT_LEARNED));
                        }
                        None => assert!(bridge.is_none_or(|entry| !entry.has(NTF_EXT_LEARNED)), "{bridge:?}"),
                    }
                }
                ForwardingChange::Neighbour { ip, wanted, .. } => {
                    let entry = self.kernel.neighbours.get(&ip).filter(|entry| entry.protocol == RTPROT_BGP);
                    let actual = entry.map(|entry| RemoteNeighbour {
                        mac: entry.mac.unwrap(),
                        router: entry.has(NTF_ROUTER),
                    });
                    assert_eq!(actual, wanted, "{ip}");
                }
                ForwardingChange::Flood { vtep, wanted, .. } => {
                    assert_eq!(self.kernel.flood.contains_key(&vtep), wanted, "{vtep}");
                }
                ForwardingChange::Probe { .. }
                | ForwardingChange::Announce { .. }
                | ForwardingChange::Proxy { .. }
                | ForwardingChange::Route { .. } => {}
            }
        }
        let wanted_vteps: std::collections::BTreeSet<IpAddr> = self
            .wanted
            .values()
            .filter_map(|change| match change {
                ForwardingChange::Mac { wanted: Some(remote), .. } => Some(remote.vtep),
                _ => None,
            })
            .collect();
        let gateways: Vec<IpAddr> =
            self.kernel.nexthops.values().filter_map(|nexthop| nexthop.gateway).collect();
        assert!(gateways.iter().all(|gateway| wanted_vteps.contains(gateway)), "{gateways:?}");
    }
}

fn want_mac(last: u8, at: Option<u8>) -> ForwardingChange {
    let wanted = at.map(|at| RemoteMac { vtep: vtep(at), sticky: false });
    ForwardingChange::Mac { vni: vni(), mac: mac(last), wanted }
}

#[derive(Debug, Clone)]
enum Step {
    Mac(u8, Option<(u8, bool)>),
    Neighbour(u8, Option<(u8, bool)>),
    Flood(u8, bool),
    Attach,
    Detach,
    Turn,
    Listen,
    /// Somebody deletes: vxlan, bridge, flood, neighbour, nexthop.
    Delete(u8, u8),
    /// Somebody writes over: vxlan, bridge, neighbour, nexthop.
    Overwrite(u8, u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = 0..4_u8;
    let remote = proptest::option::weighted(0.7, (2..5_u8, any::<bool>()));
    prop_oneof![
        4 => (which.clone(), remote.clone()).prop_map(|(mac, remote)| Step::Mac(mac, remote)),
        2 => (which.clone(), remote).prop_map(|(host, remote)| Step::Neighbour(host, remote)),
        1 => (2..5_u8, any::<bool>()).prop_map(|(vtep, wanted)| Step::Flood(vtep, wanted)),
        1 => Just(Step::Attach),
        1 => Just(Step::Detach),
        3 => Just(Step::Turn),
        2 => Just(Step::Listen),
        2 => (0..5_u8, which.clone()).prop_map(|(table, which)| Step::Delete(table, which)),
        2 => (0..4_u8, which).prop_map(|(table, which)| Step::Overwrite(table, which)),
    ]
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Mac(last, remote) => {
                let wanted = remote.map(|(at, sticky)| RemoteMac { vtep: vtep(at), sticky });
                self.wish(ForwardingChange::Mac { vni: vni(), mac: mac(last), wanted });
            }
            Step::Neighbour(last, remote) => {
                let wanted = remote.map(|(at, router)| RemoteNeighbour { mac: mac(at), router });
                self.wish(ForwardingChange::Neighbour { vni: vni(), ip: host(last), wanted });
            }
            Step::Flood(last, wanted) => {
                self.wish(ForwardingChange::Flood { vni: vni(), vtep: vtep(last), wanted });
            }
            Step::Attach if !self.attached => self.attach(),
            Step::Detach if self.attached => self.detach(),
            Step::Attach | Step::Detach => {}
            Step::Turn => _ = self.turn(3),
            Step::Listen => self.listen(),
            Step::Delete(table, which) if self.attached => {
                // Somebody else's deletion may find nothing.
                let _ = match table {
                    0 => FakeKernel::take(|kernel| &mut kernel.vxlan, &mut self.kernel, mac(which)),
                    1 => FakeKernel::take(|kernel| &mut kernel.bridge, &mut self.kernel, mac(which)),
                    2 => FakeKernel::take(|kernel| &mut kernel.flood, &mut self.kernel, vtep(which)),
                    3 => FakeKernel::take(|kernel| &mut kernel.neighbours, &mut self.kernel, host(which)),
                    _ => match self.kernel.nexthops.keys().nth(usize::from(which)).copied() {
                        Some(id) => self.kernel.delete_nexthop(id),
                        None => Ok(()),
                    },
                };
            }
            Step::Overwrite(table, which) if self.attached => self.overwrite(table, which),
            Step::Delete(..) | Step::Overwrite(..) => {}
        }
    }

    fn overwrite(&mut self, table: u8, which: u8) {
        let kernel = &mut self.kernel;
        match table {
            0 => {
                if let Some(entry) = kernel.vxlan.get_mut(&mac(which)) {
                    entry.flags &= !NTF_EXT_LEARNED;
                    let entry = *entry;
                    kernel.say(entry, false);
                }
            }
            1 => {
                if let Some(entry) = kernel.bridge.get_mut(&mac(which)) {
                    entry.state = NUD_NOARP;
                    let entry = *entry;
                    kernel.say(entry, false);
                }
            }
            2 => {
                if let Some(entry) = kernel.neighbours.get_mut(&host(which)) {
                    entry.mac = Some(mac(99));
                    entry.state = NUD_PERMANENT;
                    entry.flags = 0;
                    let entry = *entry;
                    kernel.say(entry, false);
                }
            }
            _ => {
                let id = kernel
                    .nexthops
                    .values()
                    .filter(|nexthop| nexthop.gateway.is_some())
                    .map(|nexthop| nexthop.id);
                if let Some(id) = id.into_iter().nth(usize::from(which)) {
                    let nexthop = kernel.nexthops.get_mut(&id).unwrap();
                    nexthop.gateway = Some(vtep(200));
                    let nexthop = nexthop.clone();
                    kernel.events.push((Event::Nexthop(nexthop), false));
                }
            }
        }
    }

    /// Whether what is left is what somebody wrote over an entry just as it stopped being ours: his, then.
    fn only_ours_overwritten(&self) -> bool {
        let marked = |entry: &NeighbourMessage| entry.has(NTF_EXT_LEARNED);
        self.kernel.vxlan.values().all(marked)
            && self.kernel.neighbours.values().all(|entry| entry.protocol == RTPROT_BGP)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Wishes, devices that come and go, notifications that are late, foreign deletions and changes: in the end
    /// the kernel holds what is wanted.
    #[test]
    fn any_history_ends_right(
        steps in prop::collection::vec(any_step(), 1..60),
        by_address: bool,
        deaf: bool,
    ) {
        let form = if by_address { TargetForm::Addresses } else { TargetForm::Nexthops };
        let mut world = World::new(form);
        world.deaf = deaf;
        world.forwarding.prune_nexthops();
        for step in steps {
            world.step(step);
        }
        world.step(Step::Attach);
        world.forwarding.prune(vni());
        world.settle();
        if world.only_ours_overwritten() {
            world.check();
        }
        // A look at everything finds nothing to do.
        world.sync();
        prop_assert_eq!(world.turn(50), 0);
    }

    /// The same wishes in another order, the device earlier or later: the same tables.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
        turns in prop::collection::vec(any::<bool>(), 24),
    ) {
        let mut world = World::new(TargetForm::Nexthops);
        for (step, turn) in order.into_iter().zip(turns) {
            let last = (step % 8) as u8;
            match step {
                0..8 => world.wish(want_mac(last, Some(2 + last % 3))),
                8..16 => world.wish(ForwardingChange::Neighbour {
                    vni: vni(),
                    ip: host(last),
                    wanted: Some(RemoteNeighbour { mac: mac(last), router: false }),
                }),
                16..22 => world.wish(ForwardingChange::Flood { vni: vni(), vtep: vtep(last), wanted: true }),
                22 => world.step(Step::Attach),
                _ => {
                    world.forwarding.prune(vni());
                    world.forwarding.prune_nexthops();
                }
            }
            if turn {
                world.turn(5);
            }
        }
        world.settle();
        world.check();
        let counts = (world.kernel.vxlan.len(), world.kernel.bridge.len(), world.kernel.neighbours.len());
        prop_assert_eq!(counts, (8, 8, 8));
        prop_assert_eq!((world.kernel.flood.len(), world.kernel.nexthops.len()), (6, 6));
        prop_assert!(world.locals.is_empty() && world.notices.is_empty());
    }
}

fn attached() -> World {
    let mut world = World::new(TargetForm::Nexthops);
    world.attach();
    world
}

#[test]
fn a_host_that_the_bridge_heard_just_before_our_write_leaves_no_entry_of_ours() {
    let mut world = attached();
    world.deaf = true;
    world.forwarding.prune(vni());
    world.wish(want_mac(1, Some(2)));
    let mut plan = Vec::new();
    world.forwarding.plan(world.now, 50, &mut plan);
    // Ours is the later word, but the only one that is heard is the bridge's.
    world.kernel.set_bridge(at_bridge(PORT, mac(1), NUD_REACHABLE, 0));
    world.carry_out(&plan);
    world.settle();
    assert!(matches!(world.locals.first(), Some(LocalEvent::Mac { .. })), "{:?}", world.locals);
    // The core takes it for a move to here.
    world.wish(want_mac(1, None));
    world.settle();
    world.check();
    assert!(world.kernel.bridge.is_empty(), "{:?}", world.kernel.bridge);
    assert!(matches!(world.locals.last(), Some(LocalEvent::MacGone { .. })), "{:?}", world.locals);
}

#[test]
fn a_kernel_that_refuses_nexthops_gets_addresses() {
    let mut world = attached();
    world.kernel.no_nexthops = true;
    world.wish(want_mac(1, Some(2)));
    world.wish(want_mac(2, Some(3)));
    world.settle();
    world.check();
    assert!(world.kernel.nexthops.is_empty());
    assert!(matches!(world.notices.as_slice(), [FibNotice::NoNexthops { .. }]), "{:?}", world.notices);
}

#[test]
fn a_foreign_nexthop_in_our_range_is_passed_over() {
    // Somebody has taken the very ids that our VTEP would get.
    let mut scout = attached();
    scout.wish(want_mac(1, Some(2)));
    scout.settle();
    let taken: Vec<u32> = scout.kernel.nexthops.keys().copied().collect();
    for known in [false, true] {
        let mut world = attached();
        for id in &taken {
            let foreign = NexthopMessage { id: *id, protocol: 3, fdb: true, ..NexthopMessage::default() };
            world.kernel.nexthops.insert(*id, NexthopMessage { gateway: Some(vtep(77)), ..foreign });
        }
        if known {
            world.sync();
        }
        world.wish(want_mac(1, Some(2)));
        world.settle();
        assert_eq!(world.vxlan_target(mac(1)), Some(vtep(2)));
        world.wish(want_mac(1, None));
        world.settle();
        assert_eq!(world.kernel.nexthops.keys().copied().collect::<Vec<_>>(), taken, "known {known}");
    }
}

#[test]
fn unknown_entries_of_others_are_found_by_the_refusal() {
    let mut world = attached();
    let foreign = fdb(VXLAN, mac(1), NUD_NOARP, NTF_SELF);
    world.kernel.vxlan.insert(mac(1), NeighbourMessage { address: Some(vtep(77)), ..foreign });
    world.wish(want_mac(1, Some(2)));
    world.settle();
    assert_eq!(world.vxlan_target(mac(1)), Some(vtep(77)));
    assert!(matches!(world.notices.as_slice(), [FibNotice::ForeignEntry { .. }]), "{:?}", world.notices);
}

#[test]
fn adopted_entries_stay_until_pruned() {
    let mut first = attached();
    first.wish(want_mac(1, Some(2)));
    first.wish(ForwardingChange::Flood { vni: vni(), vtep: vtep(2), wanted: true });
    first.settle();
    let mut world = World::new(TargetForm::Nexthops);
    world.kernel = first.kernel;
    world.attach();
    world.settle();
    assert_eq!(world.forwarding.adopted(), 5);
    assert_eq!((world.kernel.vxlan.len(), world.kernel.flood.len(), world.kernel.nexthops.len()), (1, 1, 2));
    world.forwarding.prune(vni());
    world.forwarding.prune_nexthops();
    world.settle();
    assert!(world.kernel.vxlan.is_empty() && world.kernel.bridge.is_empty());
    assert!(world.kernel.flood.is_empty() && world.kernel.nexthops.is_empty());
}

#[test]
fn a_host_that_comes_here_is_the_cores_decision() {
    let mut world = attached();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    let here = at_bridge(PORT, mac(1), NUD_REACHABLE, 0);
    world.kernel.set_bridge(here);
    world.settle();
    assert_eq!(world.kernel.bridge[&mac(1)].ifindex, PORT);
    assert!(matches!(world.locals.as_slice(), [LocalEvent::Mac { sticky: false, .. }]), "{:?}", world.locals);
    // It says again where the MAC belongs: then it is moved.
    world.locals.clear();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    world.check();
    assert_eq!(world.locals, []);
}

/// The host's frame and the core's belief that it is elsewhere cross: the core's later "here" finds no entry.
#[test]
fn a_local_entry_that_ours_displaced_is_reported_gone_with_ours() {
    let mut world = attached();
    world.kernel.set_bridge(at_bridge(PORT, mac(1), NUD_REACHABLE, 0));
    world.settle();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    world.locals.clear();
    world.wish(want_mac(1, None));
    world.settle();
    assert_eq!(world.locals, [LocalEvent::MacGone { vni: vni(), mac: mac(1) }]);
}

#[test]
fn a_retired_vni_is_emptied_and_let_go() {
    let mut world = attached();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    world.forwarding.retire(vni());
    world.settle();
    assert!(world.kernel.vxlan.is_empty() && world.kernel.bridge.is_empty());
    assert_eq!(world.forwarding.attached(), []);
    world.attach();
    world.settle();
    world.check();
}

#[test]
fn a_fight_is_spaced_out() {
    let mut world = attached();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    let mut writes = 0;
    for _ in 0..1000 {
        let _ = FakeKernel::take(|kernel| &mut kernel.vxlan, &mut world.kernel, mac(1));
        writes += world.turn(50);
        world.now += Duration::from_millis(1);
    }
    assert!((16..30).contains(&writes), "{writes} writes");
    assert!(matches!(world.notices.as_slice(), [FibNotice::Fighting { .. }]), "{:?}", world.notices);
    world.settle();
    world.check();
}

/// Somebody takes the mark off an entry just as it is to go. It goes with its group, and comes back when it is wanted.
#[test]
fn an_entry_without_mark_in_our_group_is_ours() {
    let mut world = attached();
    world.wish(want_mac(1, Some(2)));
    world.settle();
    world.wish(want_mac(1, None));
    world.overwrite(0, 1);
    world.settle();
    assert!(world.kernel.vxlan.is_empty() && world.kernel.nexthops.is_empty());
    world.wish(want_mac(1, Some(2)));
    world.settle();
    world.check();
}
