//! A leaf, whose kernel side is ours, and remote VTEPs that are set up by hand, each in a namespace of its own, with the
//! tenant's far hosts on their loopback.

use crate::lab::*;
use crate::vrf_lab::*;
use weft_evpn::forwarding::{ForwardingChange, VrfForward, VrfNextHop};
use weft_evpn::vrf::{L3VniDevices, VrfDevices, VrfForm};
use weft_evpn::{MacAddr, VrfName};
use weft_fib::FibConfig;

pub const VNI: u32 = 5001;

/// The address family of the underlay.
#[derive(Clone, Copy, PartialEq)]
pub enum Underlay {
    Ipv4,
    Ipv6,
}

impl Underlay {
    /// The VTEP of leaf 1 (ours), or of remote 2, 3…
    pub fn vtep(self, number: u8) -> String {
        match self {
            Underlay::Ipv4 => format!("10.0.0.{number}"),
            Underlay::Ipv6 => format!("2001:db8:fe::{number}"),
        }
    }
}

pub fn router_mac(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xff, number])
}

pub fn through(underlay: Underlay, number: u8) -> VrfNextHop {
    VrfNextHop::Vtep { vtep: ip(&underlay.vtep(number)), router_mac: router_mac(number) }
}

pub fn want(prefix: &str, wanted: Option<VrfForward>) -> ForwardingChange {
    ForwardingChange::Route { vrf: VrfName::from("a"), prefix: prefix.parse().unwrap(), wanted }
}

pub fn via(numbers: &[u8]) -> Option<VrfForward> {
    Some(VrfForward::Via(numbers.iter().map(|number| through(Underlay::Ipv4, *number)).collect()))
}

/// A remote VTEP.
pub struct Remote {
    pub host: Host,
    pub underlay: Underlay,
    pub number: u8,
}

impl Remote {
    /// With a cable to the leaf and routes for the underlay.
    pub fn new(underlay: Underlay, number: u8) -> Self {
        let port = format!("u{number}");
        let host = Host::new(&port, &format!("172.16.{number}.2/30"), &format!("172.16.{number}.1"));
        run(&format!("ip addr add 172.16.{number}.1/30 dev {port}"));
        let vtep = underlay.vtep(number);
        match underlay {
            Underlay::Ipv4 => run(&format!("ip route add {vtep}/32 via 172.16.{number}.2")),
            Underlay::Ipv6 => {
                run(&format!("ip addr add 2001:db8:fd:{number}::1/64 dev {port} nodad"));
                host.run(&format!("ip addr add 2001:db8:fd:{number}::2/64 dev eth0 nodad"));
                host.run(&format!("ip route add default via 2001:db8:fd:{number}::1"));
                run(&format!("ip route add {vtep}/128 via 2001:db8:fd:{number}::2"))
            }
        };
        host.run(&format!("ip addr add {vtep} dev lo"));
        Remote { host, underlay, number }
    }

    /// Our VTEP as gateway of IPv6 prefixes.
    pub fn mapped(&self) -> String {
        let ours = self.underlay.vtep(1);
        if self.underlay == Underlay::Ipv4 { format!("::ffff:{ours}") } else { ours }
    }

    pub fn know_gateways(&self, leaf: &L3VniDevices) {
        for gateway in [self.underlay.vtep(1), self.mapped()] {
            let mac = leaf.router_mac;
            self.host.run(&format!("ip neigh replace {gateway} lladdr {mac} dev vx nud permanent"));
        }
    }

    /// Its L3VNI, and what it knows of our leaf; the tenant's hosts there have these addresses.
    pub fn serve(&self, leaf: &L3VniDevices, addresses: &[&str]) {
        let run = |line: String| self.host.run(&line);
        let (vtep, mac) = (self.underlay.vtep(self.number), router_mac(self.number));
        run(format!("ip link add vx address {mac} type vxlan id {VNI} local {vtep} dstport 4789 nolearning"));
        run("ip link set vx addrgenmode none up".to_owned());
        let ours = self.underlay.vtep(1);
        let mapped = self.mapped();
        run(format!("bridge fdb add {} dev vx dst {ours} self", leaf.router_mac));
        self.know_gateways(leaf);
        let word = if self.underlay == Underlay::Ipv4 { "" } else { "inet6 " };
        run(format!("ip route add 192.168.10.0/24 via {word}{ours} dev vx onlink"));
        run(format!("ip -6 route add 2001:db8:10::/64 via {mapped} dev vx onlink"));
        for address in addresses {
            run(format!("ip addr add {address} dev lo"));
        }
    }
}

pub fn tenant(underlay: Underlay) -> FibConfig {
    let config = config(&[("a", VNI, &[("a1", 11, "pa1", GATEWAYS)])]);
    FibConfig { vtep_source: Some(ip(&underlay.vtep(1))), ..config }
}

pub fn leaf_host() -> Host {
    let host = Host::new("pa1", "192.168.10.1/24", "192.168.10.254");
    host.run("ip addr add 2001:db8:10::1/64 dev eth0 nodad");
    host.run("ip -6 route add default via 2001:db8:10::254");
    host
}

pub fn start(form: VrfForm, underlay: Underlay) -> (Service, VrfDevices) {
    let mut service = Service::start_with(options(form), tenant(underlay));
    let devices =
        wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 1);
    (service, devices)
}

pub const FAR: &[&str] = &["192.168.20.1/32", "2001:db8:20::1/128"];

/// A leaf, its host, and remotes 2, 3… that serve the tenant.
pub struct Lab {
    pub service: Service,
    pub devices: VrfDevices,
    pub host: Host,
    pub remotes: Vec<Remote>,
}

impl Lab {
    pub fn new(underlay: Underlay, remotes: u8) -> Self {
        Self::of(VrfForm::Rule, underlay, remotes)
    }

    pub fn of(form: VrfForm, underlay: Underlay, remotes: u8) -> Self {
        run(&format!("ip addr add {} dev lo", underlay.vtep(1)));
        let remotes: Vec<Remote> = (2..2 + remotes).map(|number| Remote::new(underlay, number)).collect();
        let host = leaf_host();
        let (service, devices) = start(form, underlay);
        for remote in &remotes {
            remote.serve(devices.l3vni.as_ref().unwrap(), FAR);
        }
        Lab { service, devices, host, remotes }
    }

    pub fn want_far(&self, underlay: Underlay, numbers: &[u8]) {
        let hops: Vec<VrfNextHop> = numbers.iter().map(|number| through(underlay, *number)).collect();
        let forward = Some(VrfForward::Via(hops));
        self.service
            .forward(vec![want("192.168.20.0/24", forward.clone()), want("2001:db8:20::/64", forward)]);
    }

    pub fn table(&self) -> String {
        let table = self.devices.table;
        run(&format!("ip route show table {table}")) + &run(&format!("ip -6 route show table {table}"))
    }

    pub fn svi(&self) -> &str {
        &self.devices.l3vni.as_ref().unwrap().svi.1
    }
}

/// Pings every 10 ms until told to stop, and gives how many were lost.
pub struct Pinger(std::process::Child);

impl Pinger {
    pub fn new(host: &Host, address: &str) -> Self {
        Pinger(host.spawn(&format!("ping -n -i 0.01 -W 1 {address}")))
    }

    pub fn lost(self) -> (u32, u32) {
        let pid = nix::unistd::Pid::from_raw(self.0.id() as i32);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
        let text = String::from_utf8(self.0.wait_with_output().unwrap().stdout).unwrap();
        let line = text.lines().find(|line| line.contains("packets transmitted")).unwrap_or_default();
        let number = |at| line.split_whitespace().nth(at).and_then(|word: &str| word.parse::<u32>().ok());
        let (sent, received) = (number(0).unwrap(), number(3).unwrap());
        // The last may still have been on its way.
        (sent, sent.saturating_sub(received).saturating_sub(1))
    }
}
