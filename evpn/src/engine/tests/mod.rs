//! Tests of the engine: `Leaf` is one engine with what its outputs add up to.

mod bounds;
mod duplicates;
mod flooding;
mod imports;
mod ip_vrf;
mod macs;
mod neighbours;
mod order;
mod own_routes;
mod simulation;

use super::*;
use crate::forwarding::{ForwardingChange, RemoteMac, RemoteNeighbour};
use crate::local::NeighbourSource;
use crate::pmsi::PmsiTunnel;
use crate::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch, VrfName,
};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(super) fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

pub(super) fn vtep(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 255, 0, last).into()
}

pub(super) const VNI: u32 = 10;

/// The configuration of leaf `n`: AS 65000, all VNIs.
pub(super) fn config(n: u8) -> EvpnConfig {
    EvpnConfig {
        asn: 65000,
        router_id: Ipv4Addr::new(10, 255, 0, n),
        advertise_all_vni: true,
        ..EvpnConfig::default()
    }
}

pub(super) fn devices(n: u8) -> VniDevices {
    VniDevices {
        vxlan: (7, "vxlan10".into()),
        bridge: (6, "br10".into()),
        vtep: vtep(n),
        bridge_mac: MacAddr([2, 0xbb, 0, 0, 0, n]),
        svi_addresses: vec![],
        svi_subnets: vec![],
        vrf: None,
    }
}

/// A route's key, ordered.
pub(super) type Key = (u8, RouteDistinguisher, EthernetTag, MacAddr, Option<IpAddr>);

pub(super) fn key(route: &EvpnRoute) -> Key {
    match route {
        EvpnRoute::MacIp(route) => (2, route.rd, route.ethernet_tag, route.mac, route.ip),
        EvpnRoute::InclusiveMulticast(route) => {
            (3, route.rd, route.ethernet_tag, MacAddr::ZERO, Some(route.originator))
        }
        other => panic!("{other:?}"),
    }
}

/// A type-2 route as another leaf would send it.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) n: u8,
    pub(super) vni: u32,
    pub(super) communities: Vec<ExtendedCommunity>,
}

/// Leaf `n` as a peer that exports `65000:VNI`.
pub(super) fn peer(n: u8) -> Peer {
    Peer { n, vni: VNI, communities: vec![] }
}

impl Peer {
    pub(super) fn with(mut self, community: ExtendedCommunity) -> Self {
        self.communities.push(community);
        self
    }

    pub(super) fn sequence(self, sequence: u32) -> Self {
        self.with(ExtendedCommunity::mac_mobility(crate::community::MacMobility { sticky: false, sequence }))
    }

    pub(super) fn sticky(self) -> Self {
        self.with(ExtendedCommunity::mac_mobility(crate::community::MacMobility {
            sticky: true,
            sequence: 0,
        }))
    }

    pub(super) fn rd(&self) -> RouteDistinguisher {
        RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, self.n), self.vni as u16)
    }

    pub(super) fn mac_ip(&self, mac: MacAddr, ip: Option<IpAddr>) -> Origination {
        let mut ext_communities =
            vec![RouteTarget::auto(65000, vni(self.vni)).community(), ExtendedCommunity::ENCAPSULATION_VXLAN];
        ext_communities.extend(&self.communities);
        let route = MacIp {
            rd: self.rd(),
            esi: Esi::ZERO,
            ethernet_tag: EthernetTag::ZERO,
            mac,
            ip,
            label1: vni(self.vni).to_label(),
            label2: None,
        };
        let route = EvpnRoute::MacIp(route);
        Origination { route, ext_communities, pmsi: None, next_hop: vtep(self.n) }
    }

    pub(super) fn imet(&self) -> Origination {
        let route =
            InclusiveMulticast { rd: self.rd(), ethernet_tag: EthernetTag::ZERO, originator: vtep(self.n) };
        let base = self.mac_ip(mac(0), None);
        let pmsi = Some(PmsiTunnel::ingress_replication(vni(self.vni), vtep(self.n)));
        Origination { route: EvpnRoute::InclusiveMulticast(route), pmsi, ..base }
    }
}

/// What the engine wants the kernel to hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Desired {
    pub(super) macs: BTreeMap<(Vni, MacAddr), (IpAddr, bool)>,
    pub(super) neighbours: BTreeMap<(Vni, IpAddr), (MacAddr, bool)>,
    pub(super) floods: BTreeSet<(Vni, IpAddr)>,
    pub(super) proxies: BTreeSet<(Vni, IpAddr)>,
}

impl Desired {
    pub(super) fn apply(&mut self, change: &ForwardingChange) {
        match *change {
            ForwardingChange::Mac { vni, mac, wanted: Some(RemoteMac { vtep, sticky }) } => {
                self.macs.insert((vni, mac), (vtep, sticky));
            }
            ForwardingChange::Mac { vni, mac, wanted: None } => {
                self.macs.remove(&(vni, mac)).expect("removed what was not there");
            }
            ForwardingChange::Neighbour { vni, ip, wanted: Some(RemoteNeighbour { mac, router }) } => {
                self.neighbours.insert((vni, ip), (mac, router));
            }
            ForwardingChange::Neighbour { vni, ip, wanted: None } => {
                self.neighbours.remove(&(vni, ip)).expect("removed what was not there");
            }
            ForwardingChange::Flood { vni, vtep, wanted: true } => assert!(self.floods.insert((vni, vtep))),
            ForwardingChange::Flood { vni, vtep, wanted: false } => assert!(self.floods.remove(&(vni, vtep))),
            ForwardingChange::Proxy { vni, ip, wanted: true } => assert!(self.proxies.insert((vni, ip))),
            ForwardingChange::Proxy { vni, ip, wanted: false } => assert!(self.proxies.remove(&(vni, ip))),
            ForwardingChange::Probe { .. } | ForwardingChange::Announce { .. } => {}
            ForwardingChange::Route { .. } => panic!("the speaker's"),
        }
    }
}

/// One engine, and what its outputs add up to.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) n: u8,
    pub(super) evpn: Evpn,
    pub(super) now: Instant,
    pub(super) routes: BTreeMap<Key, Origination>,
    pub(super) desired: Desired,
    pub(super) notices: Vec<Notice>,
    pub(super) probes: Vec<(IpAddr, Option<MacAddr>)>,
    pub(super) imports: Vec<RouteTargetMatch>,
    pub(super) announces: Vec<(IpAddr, Option<MacAddr>)>,
    /// What the tables of IP-VRFs are given.
    pub(super) paths: BTreeMap<(VrfName, IpNet, VrfPathSource), VrfPath>,
    pub(super) active: BTreeMap<VrfName, VrfActive>,
}

impl Leaf {
    /// Leaf `n`, with nothing configured.
    pub(super) fn bare(n: u8) -> Self {
        Self {
            n,
            evpn: Evpn::new(),
            now: Instant::now(),
            routes: BTreeMap::new(),
            desired: Desired::default(),
            notices: vec![],
            probes: vec![],
            imports: vec![],
            announces: vec![],
            paths: BTreeMap::new(),
            active: BTreeMap::new(),
        }
    }

    /// Leaf `n` with VNI 10 up.
    pub(super) fn new(n: u8) -> Self {
        let mut leaf = Self::bare(n);
        leaf.configure(config(n));
        leaf.up();
        leaf
    }

    pub(super) fn configure(&mut self, config: EvpnConfig) -> Vec<Output> {
        self.handle(Input::Config(config))
    }

    pub(super) fn up(&mut self) -> Vec<Output> {
        self.local(LocalEvent::VniUp { vni: vni(VNI), devices: devices(self.n) })
    }

    pub(super) fn handle(&mut self, input: Input<'_>) -> Vec<Output> {
        let mut out = vec![];
        self.evpn.handle(input, self.now, &mut out);
        self.note(&out);
        out
    }

    pub(super) fn note(&mut self, out: &[Output]) {
        for output in out {
            match output {
                Output::Originate(origination) => {
                    self.routes.insert(key(&origination.route), origination.clone());
                }
                Output::Withdraw(route) => {
                    self.routes.remove(&key(route)).expect("withdrew what was not there");
                }
                Output::Forward(change) => {
                    match change {
                        ForwardingChange::Probe { ip, mac, .. } => self.probes.push((*ip, *mac)),
                        ForwardingChange::Announce { ip, mac, .. } => self.announces.push((*ip, *mac)),
                        _ => {}
                    }
                    self.desired.apply(change);
                }
                Output::VrfPath { vrf, prefix, source, path } => {
                    let key = (vrf.clone(), *prefix, *source);
                    match path {
                        Some(path) => drop(self.paths.insert(key, path.clone())),
                        None => drop(self.paths.remove(&key).expect("took back what was not given")),
                    }
                }
                Output::VrfActive { vrf, active: Some(active) } => {
                    assert_ne!(self.active.insert(vrf.clone(), active.clone()).as_ref(), Some(active));
                }
                Output::VrfActive { vrf, active: None } => drop(self.active.remove(vrf).unwrap()),
                Output::Import(matches) => self.imports.extend(matches),
                Output::Notice(notice) => {
                    assert!(!notice.to_string().is_empty());
                    self.notices.push(notice.clone());
                }
            }
        }
    }

    pub(super) fn local(&mut self, event: LocalEvent) -> Vec<Output> {
        self.handle(Input::Local(event))
    }

    pub(super) fn mac(&mut self, mac: MacAddr) -> Vec<Output> {
        self.local(LocalEvent::Mac { vni: vni(VNI), mac, port: (3, "eth1".into()), sticky: false })
    }

    pub(super) fn sticky_mac(&mut self, mac: MacAddr) -> Vec<Output> {
        self.local(LocalEvent::Mac { vni: vni(VNI), mac, port: (3, "eth1".into()), sticky: true })
    }

    pub(super) fn mac_gone(&mut self, mac: MacAddr) -> Vec<Output> {
        self.local(LocalEvent::MacGone { vni: vni(VNI), mac })
    }

    pub(super) fn neighbour(&mut self, address: &str, mac: MacAddr) -> Vec<Output> {
        let source = NeighbourSource::Snooped;
        self.local(LocalEvent::Neighbour { vni: vni(VNI), ip: ip(address), mac, source })
    }

    pub(super) fn kernel_neighbour(&mut self, address: &str, mac: MacAddr) -> Vec<Output> {
        let source = NeighbourSource::Kernel;
        self.local(LocalEvent::Neighbour { vni: vni(VNI), ip: ip(address), mac, source })
    }

    pub(super) fn neighbour_gone(&mut self, address: &str) -> Vec<Output> {
        self.local(LocalEvent::NeighbourGone { vni: vni(VNI), ip: ip(address) })
    }

    pub(super) fn update(&mut self, route: &Origination) -> Vec<Output> {
        let path = RoutePath {
            next_hop: route.next_hop,
            ext_communities: &route.ext_communities,
            pmsi: route.pmsi.as_ref(),
            domain: crate::DomainId::default(),
            d_path: &[],
        };
        self.handle(Input::Route { route: &route.route, path: Some(path) })
    }

    pub(super) fn withdraw(&mut self, route: &Origination) -> Vec<Output> {
        self.handle(Input::Route { route: &route.route, path: None })
    }

    /// Lets time pass, with all deadlines in it.
    pub(super) fn wait(&mut self, time: Duration) -> Vec<Output> {
        let end = self.now + time;
        let mut all = vec![];
        while let Some(due) = self.evpn.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let mut out = vec![];
            self.evpn.on_deadline(self.now, &mut out);
            self.note(&out);
            all.extend(out);
            assert_ne!(self.evpn.next_deadline(), Some(due), "a deadline that does not go away");
        }
        self.now = end;
        all
    }

    /// The sequence number of what we advertise, `None` if we do not.
    pub(super) fn sequence(&self, mac: MacAddr, address: Option<&str>) -> Option<u32> {
        let wanted = address.map(ip);
        let mut routes = self.routes.iter().filter(|(key, _)| key.0 == 2 && key.3 == mac && key.4 == wanted);
        let (_, route) = routes.next()?;
        assert!(routes.next().is_none(), "advertised twice");
        Some(import::MacIpFlags::of(&route.ext_communities).sequence)
    }

    pub(super) fn remote(&self, mac: MacAddr) -> Option<IpAddr> {
        self.desired.macs.get(&(vni(VNI), mac)).map(|(vtep, _)| *vtep)
    }

    pub(super) fn remote_neighbour(&self, address: &str) -> Option<MacAddr> {
        self.desired.neighbours.get(&(vni(VNI), ip(address))).map(|(mac, _)| *mac)
    }
}
