//! The table of IP-VRF red to show, for tests: two CE neighbours in two ASes, a subnet, an
//! aggregate, and what VTEP 2 advertises by way of a reflector.

use super::{
    bench::{ASN, Bench, red, reflected, vni, vtep},
    tables::Tables,
};
use crate::{
    peer::{PeerId, PeerKind},
    rib::{NextHopRule, RibPeer, RibPeerFamily},
    vrf::{Advertise, AggregateSettings, EvpnPath, VrfSettings, VrfTable},
    wire::{
        AttributeSet, Family, NlriBlock, Update,
        attribute::{AsPath, AsSegment, AsSegmentKind},
        unicast,
    },
};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};
use weft_evpn::{
    DomainId, Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, VrfName,
    engine::{VrfPath, VrfPathSource},
    forwarding::VrfNextHop,
    nlri::{EvpnRoute, IpPrefix},
    vrf::{LocalRoute, LocalRouteKind},
};

pub(super) const CE1: PeerId = PeerId(201);
pub(super) const CE2: PeerId = PeerId(202);

pub(super) struct Tenant {
    pub bench: Bench,
    pub table: VrfTable,
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The address of CE neighbour `n`.
fn ce(n: u8) -> IpAddr {
    Ipv4Addr::new(172, 16, n, 1).into()
}

/// VTEP 2's router MAC.
pub(super) const ROUTER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0xff, 2]);

impl Tenant {
    pub fn new() -> Self {
        let mut bench = Bench::new();
        let reflector = bench.up(100, ASN, |_| {});
        let mut table = VrfTable::new(VrfName::from("red"), bench.now);
        let mut settings = VrfSettings::new(ASN, Ipv4Addr::new(10, 255, 0, 1));
        settings.rib.bestpath.multipath_relax = true;
        settings.ipv4.redistribute.insert(LocalRouteKind::Connected, None);
        settings.ipv6.redistribute.insert(LocalRouteKind::Connected, None);
        let aggregate = AggregateSettings { summary_only: true, ..AggregateSettings::default() };
        settings.ipv4.aggregates.insert(net("198.51.0.0/16"), aggregate);
        settings.ipv4.advertise = Some(Advertise::default());
        table.configure(settings, bench.now);
        table.activate(red().active);
        let mut tenant = Self { bench, table };
        tenant.up(CE1, 1, 65_101);
        tenant.up(CE2, 2, 65_102);
        for subnet in ["192.168.10.0/24", "2001:db8:10::/64", "172.16.1.0/31", "172.16.2.0/31"] {
            tenant.connected(subnet);
        }
        tenant.evpn(reflector, "192.168.20.0/24");
        tenant.evpn(reflector, "2001:db8:20::/64");
        tenant.hear(CE1, 1, 65_101, &["100.64.1.0/24", "100.65.0.0/16", "198.51.100.0/24"]);
        tenant.hear(CE2, 2, 65_102, &["100.65.0.0/16"]);
        tenant.table.settle(tenant.bench.now, &mut Vec::new());
        while tenant.table.rib_mut().next_transmit(tenant.bench.now).is_some() {}
        tenant
    }

    fn up(&mut self, id: PeerId, n: u8, asn: u32) {
        let row = |family| {
            let mut row = RibPeerFamily::new(family);
            row.next_hop = NextHopRule::Own(Ipv4Addr::new(172, 16, n, 0).into());
            row
        };
        let peer = RibPeer {
            kind: PeerKind::External,
            local_as: ASN,
            remote_as: asn,
            router_id: Ipv4Addr::new(172, 16, n, 1),
            address: ce(n),
            enforce_first_as: true,
            four_octet_as: true,
            extended_next_hop: false,
            max_message: 4096,
            enhanced_refresh: true,
            restarting: false,
            stale_path_time: Duration::from_secs(360),
            families: vec![row(Family::Ipv4Unicast)],
        };
        self.table.rib_mut().peer_up(id, peer, self.bench.now).unwrap();
    }

    fn connected(&mut self, subnet: &str) {
        let (kind, interface) = (LocalRouteKind::Connected, Some((6, "br10".to_owned())));
        let route = LocalRoute { kind, gateway: None, interface, metric: 256 };
        self.table.local_route(net(subnet), Some(route), self.bench.now);
    }

    /// CE neighbour `n` announces prefixes of its AS.
    fn hear(&mut self, id: PeerId, n: u8, asn: u32, prefixes: &[&str]) {
        let set = AttributeSet {
            as_path: AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns: vec![asn] }]),
            next_hop: Some(ce(n)),
            med: Some(0),
            ..AttributeSet::default()
        };
        let block = |prefix: &&str| NlriBlock::new(Family::Ipv4Unicast, unicast::nlri(&net(prefix)));
        let reach = prefixes.iter().map(block).collect();
        let update = Update { attributes: Some(Arc::new(set)), reach, ..Update::default() };
        self.table.rib_mut().update(id, &update, self.bench.now).unwrap();
    }

    /// VTEP 2 advertises a prefix; EVPN gives it to the table.
    fn evpn(&mut self, reflector: PeerId, prefix: &str) {
        let (prefix, rd) = (net(prefix), RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, 2), 4));
        let route = EvpnRoute::IpPrefix(IpPrefix {
            rd,
            esi: Esi::ZERO,
            ethernet_tag: EthernetTag::ZERO,
            prefix,
            gateway: if prefix.addr().is_ipv4() { [0; 4].into() } else { [0; 16].into() },
            label: vni(5000).to_label(),
        });
        let attributes = AttributeSet {
            ext_communities: vec![
                RouteTarget::two_octet_as(65_000, 5000).community(),
                ExtendedCommunity::ENCAPSULATION_VXLAN,
                ExtendedCommunity::router_mac(ROUTER_MAC),
            ],
            ..reflected(2)
        };
        self.bench.receive(reflector, attributes.clone(), std::slice::from_ref(&route));
        let next_hop = VrfNextHop::Vtep { vtep: vtep(2), router_mac: ROUTER_MAC };
        let path = EvpnPath {
            path: VrfPath { route, next_hop, domain: DomainId::default(), overruled: false },
            attributes: Arc::new(attributes),
            router_id: Ipv4Addr::new(10, 255, 0, 2),
            external: false,
        };
        let source = VrfPathSource { rd, ethernet_tag: EthernetTag::ZERO, mac: None };
        self.table.path(prefix, source, Some(path), self.bench.now);
    }

    pub fn tables(&self) -> Tables<'_> {
        Tables { rib: self.table.rib(), vrf: Some(&self.table), ..self.bench.tables() }
    }
}
