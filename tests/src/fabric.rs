//! The L2 fabric of the kernel labs: leaves around a route reflector, on bridges and vxlan
//! devices that the operator made (one vxlan per VNI, on a bridge of its own).
//!
//! ```text
//!   h1 ── l1 ══ s (route reflector) ══ l2 ── h2        VTEPs 10.255.0.N, reflector 10.255.0.100
//!          └───── vm (one wire to each leaf) ─────┘    VNI 10: 192.168.10.0/24, 2001:db8:10::/64
//! ```
//!
//! Which software runs on each node is part of the plan.

use crate::error::Result;
use crate::kernel;
use crate::netns::{Namespace, link};
use crate::owner;
use crate::packet::Sender;
use crate::ping::first_reply;
use crate::speaker::{Kind, Speaker};
use crate::wait::{wait_for, wait_until};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long anything may take before a lab gives up on it. Not a figure: those are asserted
/// by the scenarios.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The VNI with hosts.
pub const VNI: u32 = 10;
/// Its bridge on every leaf.
pub const BRIDGE: &str = "br10";
/// Its vxlan device on every leaf.
pub const VXLAN: &str = "vx10";
/// The address of the reflector.
pub const REFLECTOR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 255, 0, 100));
/// The anycast gateway that every leaf has on its bridge.
pub const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 10, 254));

/// What a fabric consists of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The software of the reflector.
    pub reflector: Kind,
    /// The software of each leaf.
    pub leaves: Vec<Kind>,
    /// A TCP-MD5 password for all sessions.
    pub password: Option<String>,
    /// Make the devices of the VNI (otherwise a scenario makes them later).
    pub devices: bool,
}

impl Plan {
    /// Two leaves and a reflector of one kind.
    pub fn all(kind: Kind) -> Self {
        Self { reflector: kind, leaves: vec![kind; 2], password: None, devices: true }
    }
}

/// A leaf.
#[derive(Debug)]
pub struct Leaf {
    /// Its BGP speaker.
    pub speaker: Speaker,
    /// Its namespace.
    pub ns: Arc<Namespace>,
    /// Its VTEP address.
    pub vtep: IpAddr,
}

/// A host behind a leaf.
#[derive(Debug)]
pub struct Host {
    /// Its namespace.
    pub ns: Namespace,
    /// The device with its addresses.
    pub device: &'static str,
    /// Its MAC.
    pub mac: [u8; 6],
    /// Its IPv4 address.
    pub v4: IpAddr,
    /// Its IPv6 address.
    pub v6: IpAddr,
}

impl Host {
    /// The MAC as iproute2 prints it.
    pub fn mac_text(&self) -> String {
        mac_text(self.mac)
    }

    /// Both addresses.
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.v4, self.v6]
    }

    /// Says to its segment where it is: gratuitous ARP and unsolicited advertisement.
    pub fn announce(&self) -> Result<()> {
        let sender = Sender::open(&self.ns, self.device)?;
        self.addresses().iter().try_for_each(|address| sender.announce(self.mac, *address))
    }

    /// Forgets all its neighbours.
    pub fn forget_neighbours(&self) -> Result<()> {
        self.ns.ip(&format!("neigh flush dev {}", self.device)).map(|_| ())
    }
}

/// How a machine leaves its old place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Its old port loses carrier, as when a hypervisor removes the tap device.
    PortDown,
    /// Nothing is seen at the old leaf, as when it sits behind another switch.
    Silent,
}

/// A MAC as iproute2 prints it.
pub fn mac_text(mac: [u8; 6]) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

/// A fabric that exists as long as this value.
#[derive(Debug)]
pub struct Fabric {
    /// The plan it was built by.
    pub plan: Plan,
    /// The leaves, `l1` first.
    pub leaves: Vec<Leaf>,
    /// The reflector.
    pub reflector: Speaker,
    /// One host behind each leaf, `h1` first.
    pub hosts: Vec<Host>,
    /// The machine that moves; it starts at `l1`.
    pub vm: Host,
}

impl Fabric {
    /// Makes namespaces, links, devices and hosts, and writes the configurations. No daemon
    /// is started.
    pub fn build(plan: Plan) -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
        spine.ip(&format!("addr add {REFLECTOR}/32 dev lo"))?;
        spine.sysctl("net/ipv4/ip_forward", "1")?;
        let vm_ns = Namespace::create(format!("{prefix}-vm"))?;
        let mut leaves = Vec::new();
        let mut hosts = Vec::new();
        for (index, kind) in plan.leaves.iter().enumerate() {
            let number = index as u8 + 1;
            let ns = Arc::new(Namespace::create(format!("{prefix}-l{number}"))?);
            join_underlay(&ns, &spine, number)?;
            let host_ns = Namespace::create(format!("{prefix}-h{number}"))?;
            link((&host_ns, "eth0"), (&ns, "h0"))?;
            link((&vm_ns, &format!("w{number}")), (&ns, "vm0"))?;
            if plan.devices {
                ns.ip_batch(&devices(number))?;
                ns.bridge(&format!("link set dev {VXLAN} learning off neigh_suppress on"))?;
            }
            hosts.push(host(host_ns, "eth0", number)?);
            let speaker = Speaker::prepare(*kind, &ns, &leaf_config(number, plan.password.as_deref()))?;
            leaves.push(Leaf { speaker, ns, vtep: vtep(number) });
        }
        let config = reflector_config(leaves.len() as u8, plan.password.as_deref());
        let reflector = Speaker::prepare(plan.reflector, &spine, &config)?;
        let vm = machine(vm_ns, leaves.len())?;
        Ok(Self { plan, leaves, reflector, hosts, vm })
    }

    /// Builds a fabric, starts it, and waits until the hosts reach each other.
    pub fn up(plan: Plan) -> Result<Self> {
        let mut fabric = Self::build(plan)?;
        fabric.start()?;
        fabric.wait_ready()?;
        Ok(fabric)
    }

    /// Starts all speakers; waits for nothing.
    pub fn start(&mut self) -> Result<()> {
        self.reflector.launch()?;
        self.leaves.iter_mut().try_for_each(|leaf| leaf.speaker.launch())
    }

    /// Waits for all sessions and flood lists, lets every host talk to its gateway, and waits
    /// until each leaf has every remote host in FDB and neighbour table.
    pub fn wait_ready(&self) -> Result<()> {
        self.reflector.wait_established(self.leaves.len(), LIMIT)?;
        for leaf in &self.leaves {
            self.wait_flood_list(leaf, LIMIT)?;
        }
        for host in self.hosts.iter().chain([&self.vm]) {
            greet_gateway(host)?;
        }
        for (home, host) in self.hosts.iter().enumerate().chain([(0, &self.vm)]) {
            self.wait_everywhere(host, home, LIMIT)?;
        }
        Ok(())
    }

    /// The leaf at an index; the labs know how many they planned.
    pub fn leaf(&self, index: usize) -> Result<&Leaf> {
        self.leaves.get(index).ok_or_else(|| crate::LabError::Unexpected(format!("no leaf {index}")))
    }

    /// The leaf at an index, to start and stop its speaker.
    pub fn leaf_mut(&mut self, index: usize) -> Result<&mut Leaf> {
        self.leaves.get_mut(index).ok_or_else(|| crate::LabError::Unexpected(format!("no leaf {index}")))
    }

    /// The host at an index.
    pub fn host(&self, index: usize) -> Result<&Host> {
        self.hosts.get(index).ok_or_else(|| crate::LabError::Unexpected(format!("no host {index}")))
    }

    /// The VTEPs of all leaves but this one.
    pub fn other_vteps(&self, leaf: &Leaf) -> Vec<IpAddr> {
        self.leaves.iter().map(|other| other.vtep).filter(|vtep| *vtep != leaf.vtep).collect()
    }

    /// Waits until a leaf floods to all other leaves and to nobody else.
    pub fn wait_flood_list(&self, leaf: &Leaf, limit: Duration) -> Result<Duration> {
        let wanted = self.other_vteps(leaf);
        wait_for(&format!("flood list {wanted:?} at {}", leaf.vtep), limit, || {
            let seen = kernel::flood_list(&leaf.ns, VXLAN)?;
            Ok(if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
        })
        .map(|(_, took)| took)
    }

    /// Waits until all leaves but `home` have the host's MAC from EVPN, at the VTEP of `home`.
    pub fn wait_mac_everywhere(&self, host: &Host, home: usize, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        let vtep = self.leaf(home)?.vtep;
        let mac = host.mac_text();
        for leaf in self.leaves.iter().filter(|leaf| leaf.vtep != vtep) {
            wait_for(&format!("{mac} at {vtep} in the FDB of {}", leaf.vtep), limit, || {
                if kernel::has_remote_mac(&leaf.ns, VXLAN, &mac, vtep)? {
                    return Ok(Ok(()));
                }
                Ok(Err(format!("{:?}", kernel::fdb(&leaf.ns, VXLAN)?)))
            })?;
        }
        Ok(start.elapsed())
    }

    /// Waits until all leaves but `home` have the host's MAC and both addresses from EVPN, at
    /// the VTEP of `home`.
    pub fn wait_everywhere(&self, host: &Host, home: usize, limit: Duration) -> Result<Duration> {
        let start = Instant::now();
        self.wait_mac_everywhere(host, home, limit)?;
        let vtep = self.leaf(home)?.vtep;
        let mac = host.mac_text();
        for leaf in self.leaves.iter().filter(|leaf| leaf.vtep != vtep) {
            for address in host.addresses() {
                wait_until(&format!("{address} at {mac} in the neighbours of {}", leaf.vtep), limit, || {
                    kernel::has_remote_neighbour(&leaf.ns, BRIDGE, address, &mac)
                })?;
            }
        }
        Ok(start.elapsed())
    }

    /// Moves the machine: its wire at one leaf goes, that at the other comes, and it announces
    /// itself there once. MAC, addresses and what it has learned stay. The new wire is ready
    /// before the old one goes, so what is lost is lost by the fabric.
    pub fn move_vm(&self, from: usize, to: usize, leaving: Leaving) -> Result<()> {
        let (old, new) = (from + 1, to + 1);
        self.vm.ns.ip(&format!("link set w{new} up"))?;
        let leaf = self.leaf(to)?;
        wait_until("the new wire's carrier at both ends", LIMIT, || {
            Ok(self.vm.ns.ip(&format!("link show dev w{new}"))?.contains("state UP")
                && leaf.ns.bridge("link show dev vm0")?.contains("state forwarding"))
        })?;
        // A wire that is not used is no port: two at once would be a loop around the fabric.
        let leave = match leaving {
            Leaving::PortDown => format!("link set w{old} nomaster\nlink set w{old} down\n"),
            Leaving::Silent => format!("link set w{old} nomaster\n"),
        };
        let sender = Sender::open(&self.vm.ns, self.vm.device)?;
        self.vm.ns.ip_batch(&format!("{leave}link set w{new} master nic\n"))?;
        self.vm.addresses().iter().try_for_each(|address| sender.announce(self.vm.mac, *address))
    }
}

/// Lets a host resolve its gateway in both families: its leaf's kernel learns its addresses.
pub fn greet_gateway(host: &Host) -> Result<()> {
    for gateway in [GATEWAY, gateway_v6()] {
        first_reply(&host.ns, gateway, LIMIT)?;
    }
    Ok(())
}

/// The IPv6 address of the anycast gateway.
pub fn gateway_v6() -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0xfe))
}

/// The VTEP address of leaf `number`, which counts from 1.
pub fn vtep(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 255, 0, number).into()
}

/// Joins leaf `number` to the underlay: a /31 link to the spine, its VTEP address, a route to all others.
pub(crate) fn join_underlay(leaf: &Namespace, spine: &Namespace, number: u8) -> Result<()> {
    link((leaf, "u0"), (spine, &format!("u{number}")))?;
    spine.ip_batch(&format!(
        "addr add 10.0.{number}.0/31 dev u{number}\nroute add 10.255.0.{number}/32 via 10.0.{number}.1\n"
    ))?;
    leaf.ip_batch(&format!(
        "addr add 10.0.{number}.1/31 dev u0\naddr add 10.255.0.{number}/32 dev lo\n\
         route add 10.255.0.0/24 via 10.0.{number}.0 src 10.255.0.{number}\n"
    ))
}

/// What an operator types to make the VNI's devices on leaf `number`.
pub fn devices(number: u8) -> String {
    format!(
        "link add {BRIDGE} type bridge\n\
         link set {BRIDGE} address 00:00:5e:00:01:0a\n\
         addr add {GATEWAY}/24 dev {BRIDGE}\n\
         addr add {}/64 dev {BRIDGE} nodad\n\
         link set {BRIDGE} up\n\
         {}\
         link set h0 master {BRIDGE}\n\
         link set vm0 master {BRIDGE}\n",
        gateway_v6(),
        vxlan(number)
    )
}

/// What an operator types to make the vxlan device on leaf `number`, when the bridge is there.
pub fn vxlan(number: u8) -> String {
    format!(
        "link add {VXLAN} type vxlan id {VNI} local 10.255.0.{number} dstport 4789 nolearning\n\
         link set {VXLAN} addrgenmode none\n\
         link set {VXLAN} master {BRIDGE}\n\
         link set {VXLAN} up\n"
    )
}

fn host(ns: Namespace, device: &'static str, number: u8) -> Result<Host> {
    let host = Host {
        ns,
        device,
        mac: [2, 0, 0, 0, 0, number],
        v4: Ipv4Addr::new(192, 168, 10, number).into(),
        v6: Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, u16::from(number)).into(),
    };
    host.ns.ip_batch(&format!(
        "link set {device} address {}\naddr add {}/24 dev {device}\naddr add {}/64 dev {device} nodad\nlink set {device} up\n",
        host.mac_text(),
        host.v4,
        host.v6
    ))?;
    // A host asks again after a second by default: every "first ping" would be a whole second.
    for family in ["ipv4", "ipv6"] {
        host.ns.sysctl(&format!("net/{family}/neigh/{device}/retrans_time_ms"), "20")?;
    }
    Ok(host)
}

/// The machine that moves: its network card is a bridge, and its wires are ports of it, one
/// at a time. So a move is what it is for a virtual machine: only the wire changes.
fn machine(ns: Namespace, wires: usize) -> Result<Host> {
    ns.ip_batch(&format!("{}link set w1 master nic\n", crate::routed::network_card()))?;
    for number in 2..=wires {
        ns.ip(&format!("link set w{number} down"))?;
    }
    host(ns, "nic", 50)
}

/// The lines of a neighbour in `router bgp`.
pub(crate) fn session(peer: &str, source: &str, password: Option<&str>) -> String {
    let mut text = format!(
        " neighbor {peer} remote-as 65000\n neighbor {peer} update-source {source}\n \
         neighbor {peer} timers 3 9\n neighbor {peer} timers connect 1\n"
    );
    if let Some(password) = password {
        let _ = writeln!(text, " neighbor {peer} password {password}");
    }
    text
}

/// The configuration of leaf `number`.
pub fn leaf_config(number: u8, password: Option<&str>) -> String {
    let vtep = vtep(number);
    format!(
        "hostname l{number}\nrouter bgp 65000\n bgp router-id {vtep}\n no bgp default ipv4-unicast\n{}\
         \x20address-family l2vpn evpn\n  neighbor {REFLECTOR} activate\n  advertise-all-vni\n exit-address-family\n",
        session(&REFLECTOR.to_string(), &vtep.to_string(), password)
    )
}

/// The configuration of a reflector for `leaves` leaves.
pub fn reflector_config(leaves: u8, password: Option<&str>) -> String {
    let peers: Vec<IpAddr> = (1..=leaves).map(vtep).collect();
    reflector_config_of(REFLECTOR, &peers, password)
}

/// The configuration of a reflector that takes all VTEPs as clients, by a listen range.
pub fn reflector_config_of_range() -> String {
    let group = session("L", &REFLECTOR.to_string(), None);
    let sessions = format!(" neighbor L peer-group\n{group} bgp listen range {}/26 peer-group L\n", vtep(0));
    reflector_config_with(&sessions, &["L".to_owned()])
}

/// The configuration of a reflector at this address for these clients.
pub(crate) fn reflector_config_of(own: IpAddr, peers: &[IpAddr], password: Option<&str>) -> String {
    let clients: Vec<String> = peers.iter().map(IpAddr::to_string).collect();
    let sessions: String = clients.iter().map(|client| session(client, &own.to_string(), password)).collect();
    reflector_config_with(&sessions, &clients)
}

fn reflector_config_with(sessions: &str, clients: &[String]) -> String {
    let mut family = String::new();
    for client in clients {
        let _ = write!(family, "  neighbor {client} activate\n  neighbor {client} route-reflector-client\n");
    }
    format!(
        "hostname s\nrouter bgp 65000\n bgp router-id {REFLECTOR}\n bgp cluster-id {REFLECTOR}\n \
         no bgp default ipv4-unicast\n{sessions} address-family l2vpn evpn\n{family} exit-address-family\n"
    )
}

/// A reflector with peers that are not leaves: GoBGP, scripted peers.
#[derive(Debug)]
pub struct Star {
    /// The reflector; its clients are the addresses of `arms`.
    pub reflector: Speaker,
    /// The namespaces of the peers; number N has the address `vtep(N)`, counted from 1.
    pub arms: Vec<Arc<Namespace>>,
}

impl Star {
    /// Makes a reflector with so many arms and starts it. Its clients connect to it: it is
    /// passive, so that a scripted peer meets no second connection.
    pub fn up(kind: Kind, arms: u8) -> Result<Self> {
        Self::up_with(kind, arms, "")
    }

    /// The same, with lines added to the reflector's configuration.
    pub fn up_with(kind: Kind, arms: u8, lines: &str) -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
        spine.ip(&format!("addr add {REFLECTOR}/32 dev lo"))?;
        let arms = (1..=arms)
            .map(|number| {
                let arm = Arc::new(Namespace::create(format!("{prefix}-a{number}"))?);
                join_underlay(&arm, &spine, number)?;
                Ok(arm)
            })
            .collect::<Result<Vec<_>>>()?;
        let mut config = reflector_config(arms.len() as u8, None);
        for number in 1..=arms.len() as u8 {
            let peer = vtep(number);
            config = config.replace(
                &format!(" neighbor {peer} update-source"),
                &format!(" neighbor {peer} passive\n neighbor {peer} update-source"),
            );
        }
        let reflector = Speaker::start(kind, &spine, &(config + lines))?;
        Ok(Self { reflector, arms })
    }

    /// The namespace of a peer, counted from 1.
    pub fn arm(&self, number: u8) -> Result<&Arc<Namespace>> {
        self.arms
            .get(usize::from(number).wrapping_sub(1))
            .ok_or_else(|| crate::LabError::Unexpected(format!("no arm {number}")))
    }
}
