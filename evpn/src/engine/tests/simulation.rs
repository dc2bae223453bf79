//! A fabric of leaves and a reflector, with hosts that talk, move, hand addresses over, and
//! with leaves that restart, all in a random order with random delays. Once it is quiet,
//! every leaf must agree with the truth: each host is programmed at all other leaves towards
//! the right VTEP, advertised by its own leaf only, and nothing stale is left anywhere. The
//! hosts are in two subnets of one IP-VRF, of which some leaves have only one: each leaf must
//! route to every host's actual place, and to nowhere else.
//!
//! The kernel of a leaf is modelled as far as it matters: a bridge that learns a MAC on a
//! port says so once; a remote entry that the engine programs replaces what was learned,
//! without a word; a host that is asked answers if it is there. Sessions keep order, the
//! reflector is level-triggered like any RIB, everything else may overtake everything else.

use super::ip_vrf::{net, red, routed_config, to, vrf_up};
use super::*;
use crate::forwarding::VrfNextHop;
use std::collections::VecDeque;

/// The L2VNI of the second subnet.
const OTHER: u32 = 20;

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for i in (1..all.len()).rev() {
            all.swap(i, self.below(i + 1));
        }
    }
}

fn up(n: usize, number: u32) -> LocalEvent {
    let gateway = if number == VNI { "10.0.0.254/24" } else { "10.0.1.254/24" };
    let devices = VniDevices {
        svi_addresses: vec![net(gateway).addr()],
        svi_subnets: vec![net(gateway).trunc()],
        vrf: Some(red()),
        ..devices(n as u8 + 1)
    };
    LocalEvent::VniUp { vni: vni(number), devices }
}

#[derive(Debug, Clone)]
enum Message {
    Update(Origination),
    Withdraw(EvpnRoute),
}

#[derive(Debug)]
struct Host {
    vni: u32,
    mac: MacAddr,
    ips: Vec<IpAddr>,
    at: Option<usize>,
}

#[derive(Debug)]
struct Node {
    leaf: Leaf,
    vnis: Vec<u32>,
    /// The leaf's own RIB: best routes of others.
    rib: BTreeMap<Key, Origination>,
    /// MACs that the bridge has learned on a port.
    bridge: BTreeSet<(u32, MacAddr)>,
    events: VecDeque<LocalEvent>,
    to_reflector: VecDeque<Message>,
    from_reflector: VecDeque<Message>,
}

struct Fabric {
    nodes: Vec<Node>,
    hosts: Vec<Host>,
    reflector: BTreeMap<Key, (usize, Origination)>,
    random: Random,
    log: Vec<String>,
}

impl Fabric {
    fn new(seed: u64, leaves: usize, hosts: usize) -> Self {
        let mut fabric = Self {
            nodes: vec![],
            hosts: vec![],
            reflector: BTreeMap::new(),
            random: Random(seed),
            log: vec![],
        };
        for n in 0..leaves {
            // Two leaves have both subnets, so every host can move.
            let has_other = n < 2 || fabric.random.below(2) == 0;
            fabric.nodes.push(Node {
                leaf: Leaf::bare(n as u8 + 1),
                vnis: if has_other { vec![VNI, OTHER] } else { vec![VNI] },
                rib: BTreeMap::new(),
                bridge: BTreeSet::new(),
                events: VecDeque::new(),
                to_reflector: VecDeque::new(),
                from_reflector: VecDeque::new(),
            });
            fabric.start(n);
        }
        for h in 0..hosts {
            let ips = (0..1 + fabric.random.below(2)).map(|i| {
                let (v4, v6) = (format!("10.0.{i}.{}", h + 1), format!("fd00::{i}:{}", h + 1));
                ip(if (h + i) % 2 == 0 { &v4 } else { &v6 })
            });
            let ips = ips.collect();
            let vni = if fabric.random.below(3) == 0 { OTHER } else { VNI };
            let at = Some(fabric.place_for(vni));
            fabric.hosts.push(Host { vni, mac: mac(h as u8 + 1), ips, at });
        }
        fabric
    }

    /// A leaf that has the VNI.
    fn place_for(&mut self, vni: u32) -> usize {
        let has: Vec<usize> = (0..self.nodes.len()).filter(|n| self.nodes[*n].vnis.contains(&vni)).collect();
        has[self.random.below(has.len())]
    }

    /// A host other than this one in the same subnet, or itself if there is none.
    fn other_than(&mut self, h: usize) -> usize {
        let vni = self.hosts[h].vni;
        let others: Vec<usize> =
            (0..self.hosts.len()).filter(|other| *other != h && self.hosts[*other].vni == vni).collect();
        if others.is_empty() { h } else { others[self.random.below(others.len())] }
    }

    /// Configuration, devices and what the kernel has, in any order.
    fn start(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        let mut events = vec![vrf_up(n as u8 + 1)];
        events.extend(node.vnis.iter().map(|number| up(n, *number)));
        events.extend(node.bridge.iter().map(|(number, mac)| LocalEvent::Mac {
            vni: vni(*number),
            mac: *mac,
            port: (3, "eth1".into()),
            sticky: false,
        }));
        self.random.shuffle(&mut events);
        node.events.extend(events);
        let configured_first = self.random.below(2) == 0;
        if configured_first {
            let out = node.leaf.configure(routed_config(n as u8 + 1));
            self.outputs(n, out);
        } else {
            while let Some(event) = self.nodes[n].events.pop_front() {
                let out = self.nodes[n].leaf.local(event);
                self.outputs(n, out);
            }
            let out = self.nodes[n].leaf.configure(routed_config(n as u8 + 1));
            self.outputs(n, out);
        }
    }

    /// The daemon dies and comes back: its session goes, its kernel stays as it is.
    fn restart(&mut self, n: usize) {
        let node = &mut self.nodes[n];
        let now = node.leaf.now;
        node.leaf = Leaf::bare(n as u8 + 1);
        node.leaf.now = now;
        node.rib.clear();
        node.events.clear();
        node.to_reflector.clear();
        node.from_reflector.clear();
        let lost: Vec<Key> =
            self.reflector.iter().filter(|(_, (from, _))| *from == n).map(|(key, _)| *key).collect();
        for key in lost {
            let (_, route) = self.reflector.remove(&key).unwrap();
            self.reflect(n, Message::Withdraw(route.route));
        }
        let all: Vec<Origination> = self.reflector.values().map(|(_, route)| route.clone()).collect();
        self.nodes[n].from_reflector.extend(all.into_iter().map(Message::Update));
        self.start(n);
    }

    fn bounce_vni(&mut self, n: usize, number: u32) {
        let node = &mut self.nodes[n];
        node.bridge.retain(|(other, _)| *other != number);
        node.events.retain(|event| match event {
            LocalEvent::Mac { vni, .. }
            | LocalEvent::MacGone { vni, .. }
            | LocalEvent::Neighbour { vni, .. }
            | LocalEvent::VniUp { vni, .. } => vni.get() != number,
            _ => true,
        });
        node.events.push_back(LocalEvent::VniDown { vni: vni(number) });
        node.events.push_back(up(n, number));
    }

    fn reflect(&mut self, from: usize, message: Message) {
        for (n, node) in self.nodes.iter_mut().enumerate() {
            if n != from {
                node.from_reflector.push_back(message.clone());
            }
        }
    }

    fn outputs(&mut self, n: usize, out: Vec<Output>) {
        for output in out {
            let node = &mut self.nodes[n];
            match output {
                Output::Originate(route) => node.to_reflector.push_back(Message::Update(route)),
                Output::Withdraw(route) => node.to_reflector.push_back(Message::Withdraw(route)),
                Output::Import(_) => {
                    let routes: Vec<Origination> = node.rib.values().cloned().collect();
                    for route in routes {
                        let out = self.nodes[n].leaf.update(&route);
                        self.outputs(n, out);
                    }
                }
                Output::Forward(ForwardingChange::Mac { vni, mac, wanted: Some(_) }) => {
                    node.bridge.remove(&(vni.get(), mac));
                }
                Output::Forward(ForwardingChange::Mac { vni, mac, wanted: None }) => {
                    // Level-triggered, as the fib side must be: what was learned may have been
                    // replaced by our own entry while the event about it was on its way.
                    if !node.bridge.contains(&(vni.get(), mac)) {
                        node.events.push_back(LocalEvent::MacGone { vni, mac });
                    }
                }
                Output::Forward(ForwardingChange::Probe { vni, ip, mac }) => {
                    let asked = |host: &Host| {
                        host.at == Some(n)
                            && host.vni == vni.get()
                            && mac.is_none_or(|mac| mac == host.mac)
                            && host.ips.contains(&ip)
                    };
                    if let Some(h) = self.hosts.iter().position(asked) {
                        self.say(h, ip);
                    }
                }
                Output::Forward(_)
                | Output::VrfPath { .. }
                | Output::VrfActive { .. }
                | Output::Notice(_) => {}
            }
        }
    }

    /// A host sends a frame.
    fn send(&mut self, h: usize) {
        let host = &self.hosts[h];
        let Some(n) = host.at else { return };
        if self.nodes[n].bridge.insert((host.vni, host.mac)) {
            let event = LocalEvent::Mac {
                vni: vni(host.vni),
                mac: host.mac,
                port: (3, "eth1".into()),
                sticky: false,
            };
            self.nodes[n].events.push_back(event);
        }
    }

    /// A host sends an ARP or ND message for one of its addresses. The message may be seen
    /// before or after the bridge tells of the MAC.
    fn say(&mut self, h: usize, ip: IpAddr) {
        let Some(n) = self.hosts[h].at else { return };
        let source = NeighbourSource::Snooped;
        let host = &self.hosts[h];
        let event = LocalEvent::Neighbour { vni: vni(host.vni), ip, mac: host.mac, source };
        if self.random.below(2) == 0 {
            self.nodes[n].events.push_back(event);
            self.send(h);
        } else {
            self.send(h);
            self.nodes[n].events.push_back(event);
        }
    }

    fn announce(&mut self, h: usize) {
        for ip in self.hosts[h].ips.clone() {
            self.say(h, ip);
        }
        self.send(h);
    }

    fn unplug(&mut self, h: usize) {
        let host = &mut self.hosts[h];
        let Some(n) = host.at.take() else { return };
        let told = self.random.below(2) == 0;
        if told && self.nodes[n].bridge.remove(&(host.vni, host.mac)) {
            self.nodes[n].events.push_back(LocalEvent::MacGone { vni: vni(host.vni), mac: host.mac });
        }
    }

    fn act(&mut self) {
        let h = self.random.below(self.hosts.len());
        let n = self.random.below(self.nodes.len());
        match self.random.below(20) {
            0..=3 => self.send(h),
            4..=7 => self.announce(h),
            8..=12 => {
                let n = self.place_for(self.hosts[h].vni);
                self.log.push(format!("host {h} moves to {n}"));
                self.unplug(h);
                self.hosts[h].at = Some(n);
                match self.random.below(3) {
                    0 => {}
                    1 => self.send(h),
                    _ => self.announce(h),
                }
            }
            13..=15 => {
                let other = self.other_than(h);
                if let Some(ip) = self.hosts[h].ips.pop() {
                    self.log.push(format!("{ip} goes from host {h} to {other}"));
                    self.hosts[other].ips.push(ip);
                    self.say(other, ip);
                }
            }
            16 => {
                self.log.push(format!("leaf {n} restarts"));
                self.restart(n);
            }
            17 => {
                let what = self.random.below(3);
                self.log.push(format!("leaf {n} loses its devices for a moment ({what})"));
                match what {
                    0 => self.bounce_vni(n, VNI),
                    1 if self.nodes[n].vnis.contains(&OTHER) => self.bounce_vni(n, OTHER),
                    _ => {
                        let events = &mut self.nodes[n].events;
                        events.push_back(LocalEvent::VrfDown { vrf: red() });
                        events.push_back(vrf_up(n as u8 + 1));
                    }
                }
            }
            _ => {
                let time = Duration::from_millis(self.random.next() % 2000);
                let out = self.nodes[n].leaf.wait(time);
                self.outputs(n, out);
            }
        }
    }

    /// Lets one thing happen somewhere; false if nothing is under way.
    fn step(&mut self) -> bool {
        let mut ready = vec![];
        for (n, node) in self.nodes.iter().enumerate() {
            ready.extend((!node.events.is_empty()).then_some((n, 0)));
            ready.extend((!node.to_reflector.is_empty()).then_some((n, 1)));
            ready.extend((!node.from_reflector.is_empty()).then_some((n, 2)));
        }
        if ready.is_empty() {
            return false;
        }
        let (n, what) = ready[self.random.below(ready.len())];
        let node = &mut self.nodes[n];
        match what {
            0 => {
                let event = node.events.pop_front().unwrap();
                let out = node.leaf.local(event);
                self.outputs(n, out);
            }
            1 => {
                let message = node.to_reflector.pop_front().unwrap();
                match &message {
                    Message::Update(route) => {
                        self.reflector.insert(key(&route.route), (n, route.clone()));
                    }
                    Message::Withdraw(route) => {
                        self.reflector.remove(&key(route));
                    }
                }
                self.reflect(n, message);
            }
            _ => {
                let message = node.from_reflector.pop_front().unwrap();
                let out = match message {
                    Message::Update(route) => {
                        let out = node.leaf.update(&route);
                        node.rib.insert(key(&route.route), route);
                        out
                    }
                    Message::Withdraw(route) => {
                        node.rib.remove(&key(&route));
                        node.leaf.handle(Input::Route { route: &route, path: None })
                    }
                };
                self.outputs(n, out);
            }
        }
        true
    }

    fn settle(&mut self) {
        for _ in 0..100_000 {
            if !self.step() {
                return;
            }
        }
        panic!("does not come to rest: {:#?}", self.log);
    }

    fn run(&mut self, actions: usize) {
        for _ in 0..actions {
            self.act();
            for _ in 0..self.random.below(12) {
                self.step();
            }
        }
        for h in 0..self.hosts.len() {
            if self.hosts[h].at.is_none() {
                self.hosts[h].at = Some(self.place_for(self.hosts[h].vni));
            }
        }
        for _ in 0..3 {
            let mut order: Vec<usize> = (0..self.hosts.len()).collect();
            self.random.shuffle(&mut order);
            for h in order {
                self.announce(h);
            }
            self.settle();
        }
        for n in 0..self.nodes.len() {
            let out = self.nodes[n].leaf.wait(neighbour::LINGER);
            self.outputs(n, out);
        }
        self.settle();
    }

    fn check(&self) -> Result<(), String> {
        let mut advertised = BTreeSet::new();
        for (n, node) in self.nodes.iter().enumerate() {
            let mut truth = Desired::default();
            let mut ways: BTreeMap<IpNet, Vec<VrfNextHop>> = BTreeMap::new();
            for other in (0..self.nodes.len()).filter(|other| *other != n) {
                let shared = node.vnis.iter().filter(|number| self.nodes[other].vnis.contains(number));
                truth.floods.extend(shared.map(|number| (vni(*number), vtep(other as u8 + 1))));
            }
            for host in &self.hosts {
                let (at, v) = (host.at.unwrap(), vni(host.vni));
                if at == n {
                    let rd = Peer { n: n as u8 + 1, vni: host.vni, communities: vec![] }.rd();
                    let addresses = host.ips.iter().copied().map(Some).chain([None]);
                    advertised.extend(addresses.map(|ip| (2, rd, EthernetTag::ZERO, host.mac, ip)));
                    continue;
                }
                ways.extend(host.ips.iter().map(|ip| (IpNet::from(*ip), vec![to(at as u8 + 1)])));
                if node.vnis.contains(&host.vni) {
                    truth.macs.insert((v, host.mac), (vtep(at as u8 + 1), false));
                    truth.neighbours.extend(host.ips.iter().map(|ip| ((v, *ip), (host.mac, false))));
                }
            }
            if node.leaf.desired != truth {
                return Err(format!("leaf {n}: wants {:#?}\ntruth {truth:#?}", node.leaf.desired));
            }
            let mut routed: BTreeMap<IpNet, Vec<VrfNextHop>> = BTreeMap::new();
            for ((_, prefix, _), path) in &node.leaf.paths {
                routed.entry(*prefix).or_default().push(path.next_hop);
            }
            if routed != ways {
                return Err(format!("leaf {n}: routes {routed:#?}\ntruth {ways:#?}"));
            }
            let view = node.leaf.evpn.ip_vrf(&red()).unwrap();
            let ours = |host: &&Host| host.at == Some(n);
            let here: usize = self.hosts.iter().filter(ours).map(|host| host.ips.len()).sum();
            if (view.host_paths, view.prefix_paths, view.local_hosts) != (ways.len(), 0, here) {
                return Err(format!("leaf {n} counts {view:?}"));
            }
            for number in &node.vnis {
                let v = vni(*number);
                let ours = |host: &&Host| host.at == Some(n) && host.vni == *number;
                let macs = self.hosts.iter().filter(ours).count();
                let ips: usize = self.hosts.iter().filter(ours).map(|host| host.ips.len()).sum();
                let remote_macs = truth.macs.keys().filter(|(other, _)| *other == v).count();
                let remote_ips = truth.neighbours.keys().filter(|(other, _)| *other == v).count();
                let view = node.leaf.evpn.instance(v).unwrap();
                let counted =
                    (view.local_macs, view.remote_macs, view.local_neighbours, view.remote_neighbours);
                if counted != (macs, remote_macs, ips, remote_ips) {
                    return Err(format!("leaf {n} counts {counted:?} in {v}"));
                }
            }
            let imet = |key: &&Key| key.0 == 3;
            if node.leaf.routes.keys().filter(imet).count() != node.vnis.len() {
                return Err(format!("leaf {n}: IMET"));
            }
        }
        let known: BTreeSet<Key> = self.reflector.keys().filter(|key| key.0 == 2).copied().collect();
        if known != advertised {
            return Err(format!("advertised {known:#?}\ntruth {advertised:#?}"));
        }
        for host in &self.hosts {
            let routes = self.reflector.iter().filter(|(key, _)| key.0 == 2 && key.3 == host.mac);
            let numbers: BTreeSet<u32> =
                routes.map(|(_, (_, route))| MacIpFlags::of(&route.ext_communities).sequence).collect();
            if numbers.len() != 1 {
                return Err(format!("routes of {} carry {numbers:?}", host.mac));
            }
        }
        Ok(())
    }
}

/// What happens to a fabric at rest. Each must be followed without being said twice.
#[derive(Debug, Clone, Copy)]
enum CleanMove {
    /// A host moves and sends one frame, no ARP.
    Silent,
    /// A host moves and announces its addresses.
    Announced,
    /// A host moves and gives up an address.
    Renumbered,
    /// A host takes over an address of another one and announces it.
    Failover,
    /// A host announces an address that it does not answer for.
    FalseClaim,
    /// A host's port goes down, and later up elsewhere.
    PortDown,
    /// A MAC ages out and is learned again.
    AgedOut,
}

impl Fabric {
    fn rest(&mut self, time: Duration) {
        for n in 0..self.nodes.len() {
            let out = self.nodes[n].leaf.wait(time);
            self.outputs(n, out);
        }
        self.settle();
    }

    /// Steps until quiet; meanwhile no leaf but the two concerned may lose the host.
    fn settle_watched(&mut self, h: usize, from: usize, to: usize) -> Result<(), String> {
        let host = &self.hosts[h];
        let (number, mac, ips) = (host.vni, host.mac, host.ips.clone());
        while self.step() {
            for (n, node) in self.nodes.iter().enumerate() {
                if n == from || n == to || !node.vnis.contains(&number) {
                    continue;
                }
                let lost = ips.iter().any(|ip| {
                    node.leaf.desired.neighbours.get(&(vni(number), *ip)).map(|(mac, _)| *mac) != Some(mac)
                });
                if lost || !node.leaf.desired.macs.contains_key(&(vni(number), mac)) {
                    return Err(format!("leaf {n} loses host {h} while it moves"));
                }
            }
        }
        Ok(())
    }

    fn clean_move(&mut self) -> Result<(), String> {
        let all = [
            CleanMove::Silent,
            CleanMove::Announced,
            CleanMove::Renumbered,
            CleanMove::Failover,
            CleanMove::FalseClaim,
            CleanMove::PortDown,
            CleanMove::AgedOut,
        ];
        let what = all[self.random.below(all.len())];
        let h = self.random.below(self.hosts.len());
        let other = self.other_than(h);
        let (from, number) = (self.hosts[h].at.unwrap(), self.hosts[h].vni);
        let mut to = self.place_for(number);
        while to == from {
            to = self.place_for(number);
        }
        let told = Err(format!("{what:?} of host {h} (other {other}) from {from} to {to}"));
        match what {
            CleanMove::Silent | CleanMove::Announced => {
                self.hosts[h].at = Some(to);
                self.send(h);
                if let CleanMove::Announced = what {
                    self.announce(h);
                }
                self.settle_watched(h, from, to)
                    .or_else(|error| told.clone().map_err(|told: String| told + &error))?;
            }
            CleanMove::Renumbered => {
                self.hosts[h].at = Some(to);
                self.hosts[h].ips.pop();
                self.announce(h);
            }
            CleanMove::Failover => {
                if let Some(ip) = self.hosts[h].ips.pop() {
                    self.hosts[other].ips.push(ip);
                    self.say(other, ip);
                }
            }
            CleanMove::FalseClaim => {
                if let Some(ip) = self.hosts[h].ips.first().copied() {
                    self.say(other, ip);
                }
            }
            CleanMove::PortDown | CleanMove::AgedOut => {
                let mac = self.hosts[h].mac;
                self.nodes[from].bridge.remove(&(number, mac));
                self.nodes[from].events.push_back(LocalEvent::MacGone { vni: vni(number), mac });
                self.settle();
                let known = self.nodes.iter().any(|node| {
                    node.leaf.evpn.mac(vni(number), mac).is_some_and(|view| view.place != MacPlace::Unknown)
                });
                if known || self.reflector.keys().any(|key| key.3 == mac) {
                    return told.map_err(|told: String| told + ": not forgotten");
                }
                if let CleanMove::PortDown = what {
                    self.hosts[h].at = Some(to);
                    self.announce(h);
                } else {
                    self.send(h);
                }
            }
        }
        self.settle();
        self.rest(neighbour::LINGER);
        self.check().or_else(|error| told.map_err(|told| told + ": " + &error))?;
        self.rest(Duration::from_secs(200));
        Ok(())
    }
}

/// Twenty times as many in release mode, where thousands take seconds.
fn simulate(first: u64, seeds: u64, leaves: usize, hosts: usize, actions: usize) {
    let seeds = if cfg!(debug_assertions) { seeds } else { 20 * seeds };
    for seed in first..first + seeds {
        let mut fabric = Fabric::new(seed, leaves, hosts);
        fabric.run(actions);
        if let Err(error) = fabric.check() {
            panic!("seed {seed}, {leaves} leaves: {error}\n{:#?}", fabric.log);
        }
        fabric.rest(Duration::from_secs(200));
        for _ in 0..6 {
            if let Err(error) = fabric.clean_move() {
                panic!("seed {seed}, {leaves} leaves, from rest: {error}\n{:#?}", fabric.log);
            }
        }
    }
}

#[test]
fn two_leaves_agree_with_the_truth() {
    simulate(0, 150, 2, 3, 24);
}

#[test]
fn three_leaves_agree_with_the_truth() {
    simulate(100_000, 150, 3, 4, 30);
}

#[test]
fn five_leaves_agree_with_the_truth() {
    simulate(200_000, 20, 5, 8, 60);
}
