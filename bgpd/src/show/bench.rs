//! Tables to show, for tests: a RIB with neighbours, an EVPN engine with one VNI, and a clock
//! that stands still.

use super::{
    page::{Pages, drive},
    tables::Tables,
    text::Clock,
    vrfs::VrfFacts,
};
use crate::{
    command::{ExecError, Sink},
    core::Peers,
    peer::{PeerFamily, PeerId, PeerKind, PeerSettings, RemoteAs},
    rib::{Rib, RibPeer, RibPeerFamily, RibSettings},
    wire::{AttributeSet, Family, NlriBlock, Update},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant, UNIX_EPOCH},
};
use weft_evpn::{
    Esi, EthernetTag, Evpn, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch,
    Vni, VrfName,
    engine::{EvpnConfig, Input, RoutePath, VrfActive, VrfNextHopView},
    local::{LocalEvent, NeighbourSource, VniDevices},
    nlri::{EvpnRoute, InclusiveMulticast, MacIp},
    pmsi::PmsiTunnel,
    vrf::{L3VniDevices, VrfDevices, VrfForm, VrfInterface},
};

pub(super) const ASN: u32 = 65_000;
/// When the tests run: Sun Nov 22 06:52:29 2026.
pub(super) const EPOCH: u64 = 1_795_330_349;

pub(super) struct Bench {
    pub rib: Rib,
    pub evpn: Evpn,
    pub peers: Peers,
    pub now: Instant,
}

pub(super) fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub(super) fn vtep(n: u8) -> IpAddr {
    Ipv4Addr::new(10, 255, 0, n).into()
}

pub(super) fn host(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 1, n])
}

pub(super) fn rd(n: u8) -> RouteDistinguisher {
    RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, n), 3)
}

/// The MAC/IP route of `host(n)`, as VTEP `from` advertises it in VNI 10.
pub(super) fn mac_ip(from: u8, mac: MacAddr, ip: Option<&str>) -> EvpnRoute {
    EvpnRoute::MacIp(MacIp {
        rd: rd(from),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag::ZERO,
        mac,
        ip: ip.map(|ip| ip.parse().unwrap()),
        label1: vni(10).to_label(),
        label2: None,
    })
}

pub(super) fn imet(from: u8) -> EvpnRoute {
    let ethernet_tag = EthernetTag::ZERO;
    EvpnRoute::InclusiveMulticast(InclusiveMulticast { rd: rd(from), ethernet_tag, originator: vtep(from) })
}

/// What VTEP `from` sends with its routes of VNI 10.
pub(super) fn attributes(from: u8) -> AttributeSet {
    AttributeSet {
        next_hop: Some(vtep(from)),
        ext_communities: vec![
            RouteTarget::two_octet_as(65_000, 10).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
        ],
        ..AttributeSet::default()
    }
}

/// As `attributes`, through reflector 10.255.0.100.
pub(super) fn reflected(from: u8) -> AttributeSet {
    AttributeSet {
        med: Some(0),
        local_pref: Some(100),
        originator_id: Some(Ipv4Addr::new(10, 255, 0, from)),
        cluster_list: vec![Ipv4Addr::new(10, 255, 0, 100)],
        ..attributes(from)
    }
}

pub(super) fn pmsi() -> Option<PmsiTunnel> {
    Some(PmsiTunnel::ingress_replication(vni(10), vtep(2)))
}

pub(super) fn settings(n: u8, asn: u32) -> PeerSettings {
    let router_id = Ipv4Addr::new(10, 255, 0, 1);
    PeerSettings::new(vtep(n), RemoteAs::Number(asn), ASN, router_id).with_family(Family::L2vpnEvpn)
}

impl Bench {
    /// A leaf, 10.255.0.1, that serves VNI 10.
    pub fn new() -> Self {
        let now = Instant::now();
        let mut rib = RibSettings::new(ASN, Ipv4Addr::new(10, 255, 0, 1));
        rib.import = true;
        let mut bench = Self { rib: Rib::new(rib, now), evpn: Evpn::new(), peers: Peers::default(), now };
        bench.local(LocalEvent::VniUp {
            vni: vni(10),
            devices: VniDevices {
                vxlan: (4, "vx10".to_owned()),
                bridge: (3, "br10".to_owned()),
                vtep: vtep(1),
                bridge_mac: MacAddr([0, 0, 0x5e, 0, 1, 1]),
                svi_addresses: Vec::new(),
                svi_subnets: Vec::new(),
                vrf: None,
            },
        });
        let config = EvpnConfig {
            asn: ASN,
            router_id: Ipv4Addr::new(10, 255, 0, 1),
            advertise_all_vni: true,
            ..EvpnConfig::default()
        };
        bench.evpn.handle(Input::Config(config), now, &mut Vec::new());
        bench
    }

    pub fn local(&mut self, event: LocalEvent) {
        self.evpn.handle(Input::Local(event), self.now, &mut Vec::new());
    }

    /// A host behind our own port.
    pub fn local_host(&mut self, mac: MacAddr, ip: Option<&str>) {
        let port = (6, "h10".to_owned());
        self.local(LocalEvent::Mac { vni: vni(10), mac, port, sticky: false });
        if let Some(ip) = ip {
            let (ip, source) = (ip.parse().unwrap(), NeighbourSource::Kernel);
            self.local(LocalEvent::Neighbour { vni: vni(10), ip, mac, source });
        }
    }

    /// Neighbour 10.255.0.n is up.
    pub fn up(&mut self, n: u8, asn: u32, change: impl FnOnce(&mut RibPeerFamily)) -> PeerId {
        let id = PeerId(u32::from(n));
        self.peers.insert(id, settings(n, asn));
        let mut family = RibPeerFamily::new(Family::L2vpnEvpn);
        family.settings = PeerFamily { soft_reconfiguration_inbound: true, ..PeerFamily::default() };
        family.restart = Some(true);
        change(&mut family);
        let IpAddr::V4(router_id) = vtep(n) else { panic!("IPv4") };
        let peer = RibPeer {
            kind: if asn == ASN { PeerKind::Internal } else { PeerKind::External },
            local_as: ASN,
            remote_as: asn,
            router_id,
            address: vtep(n),
            enforce_first_as: false,
            four_octet_as: true,
            extended_next_hop: false,
            max_message: 4096,
            enhanced_refresh: true,
            restarting: false,
            stale_path_time: Duration::from_secs(360),
            families: vec![family],
        };
        self.rib.peer_up(id, peer, self.now).unwrap();
        id
    }

    /// Neighbour 10.255.0.n is up, and exchanges memberships.
    pub fn up_asking(&mut self, n: u8) -> PeerId {
        let id = self.up(n, ASN, |_| {});
        let mut peer = self.rib.peer(id).unwrap().clone();
        peer.families.push(RibPeerFamily::new(Family::RtFilter));
        self.rib.peer_up(id, peer, self.now).unwrap();
        id
    }

    pub fn receive(&mut self, from: PeerId, attributes: AttributeSet, routes: &[EvpnRoute]) {
        let wire: Vec<u8> = routes.iter().flat_map(EvpnRoute::to_wire).collect();
        let block = NlriBlock::new(Family::L2vpnEvpn, wire);
        for route in routes {
            let path = RoutePath {
                next_hop: attributes.next_hop.unwrap(),
                ext_communities: &attributes.ext_communities,
                pmsi: attributes.pmsi.as_ref(),
                domain: weft_evpn::DomainId::default(),
                d_path: &[],
            };
            self.evpn.handle(Input::Route { route, path: Some(path) }, self.now, &mut Vec::new());
        }
        let update = Update {
            attributes: Some(Arc::new(attributes)),
            reach: vec![block],
            unreach: Vec::new(),
            end_of_rib: None,
        };
        self.rib.update(from, &update, self.now).unwrap();
    }

    pub fn originate(&mut self, route: &EvpnRoute, attributes: AttributeSet) {
        self.rib.originate(Family::L2vpnEvpn, &route.to_wire(), attributes, None, self.now).unwrap();
    }

    /// Sends what there is to send.
    pub fn transmit(&mut self) {
        while self.rib.next_transmit(self.now).is_some() {}
    }

    pub fn tables(&self) -> Tables<'_> {
        let wall = UNIX_EPOCH + Duration::from_secs(EPOCH);
        Tables {
            rib: &self.rib,
            evpn_rib: &self.rib,
            vrf: None,
            evpn: &self.evpn,
            peers: &self.peers,
            hostname: "leaf1",
            clock: Clock::new(self.now, wall),
        }
    }

    /// All pages into the sink, as the management thread has them, and how many were asked for.
    pub fn stream<P: Pages>(&self, pages: P, out: &mut dyn Sink) -> (Result<P, ExecError>, usize) {
        let mut asked = 0;
        let result = drive(pages, out, |mut pages| {
            asked += 1;
            let mut text = String::new();
            let more = pages.page(&self.tables(), &mut text);
            Ok((pages, text, more))
        });
        (result, asked)
    }
}

/// IP-VRF red: L3VNI 5000, as a device, two L2VNIs, one remote VTEP.
pub(super) fn red() -> VrfFacts {
    let name = VrfName::from("red");
    let router_mac = MacAddr([2, 0, 0, 0, 0xff, 1]);
    let l3vni = L3VniDevices {
        vni: vni(5000),
        vxlan: (9, "vx5000".to_owned()),
        svi: (10, "br5000".to_owned()),
        vtep: vtep(1),
        router_mac,
    };
    let subnet = VrfInterface {
        device: (6, "br10".to_owned()),
        addresses: vec!["192.168.10.254/24".parse().unwrap(), "2001:db8:10::254/64".parse().unwrap()],
    };
    let target = RouteTarget::two_octet_as(65_000, 5000);
    VrfFacts {
        name,
        configured: true,
        vni: Some(vni(5000)),
        prefix_routes_only: false,
        devices: Some(VrfDevices {
            form: VrfForm::Device,
            table: 1000,
            master: Some((3, "red".to_owned())),
            l3vni: Some(l3vni),
            interfaces: vec![subnet],
        }),
        active: Some(VrfActive {
            rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, 1), 4),
            domain_rds: Vec::new(),
            export: vec![target],
            vni: vni(5000),
            vtep: vtep(1),
            router_mac,
        }),
        import: vec![RouteTargetMatch::Exact(target)],
        l2vnis: vec![vni(10), vni(20)],
        next_hops: vec![VrfNextHopView {
            vtep: vtep(2),
            router_mac: MacAddr([2, 0, 0, 0, 0xff, 2]),
            paths: 2,
        }],
        unresolved: 0,
        refusals: Vec::new(),
    }
}
