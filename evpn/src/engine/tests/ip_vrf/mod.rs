//! IP-VRFs: `Leaf` with the IP-VRF red (L3VNI 5000), in which VNI 10 routes.

mod activation;
mod bounds;
mod gateways;
mod hosts;
mod imports;
mod order;
mod own_routes;
mod validity;

use super::*;
use crate::forwarding::VrfNextHop;
use crate::nlri::IpPrefix;
use crate::vrf::{L3VniDevices, VrfDevices, VrfForm};
use crate::{DomainId, Esi};

pub(super) const L3VNI: u32 = 5000;

/// The MAC of the anycast gateway.
pub(super) const GATEWAY_MAC: MacAddr = MacAddr([0, 0, 0x5e, 0, 1, 1]);

pub(super) fn red() -> VrfName {
    VrfName::from("red")
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(super) fn router_mac(n: u8) -> MacAddr {
    MacAddr([2, 0xff, 0, 0, 0, n])
}

pub(super) fn routed_config(n: u8) -> EvpnConfig {
    with_vrf(n, IpVrfConfig { vni: Some(vni(L3VNI)), ..IpVrfConfig::default() })
}

pub(super) fn with_vrf(n: u8, vrf: IpVrfConfig) -> EvpnConfig {
    EvpnConfig { vrfs: BTreeMap::from([(red(), vrf)]), ..config(n) }
}

pub(super) fn vrf_devices(n: u8) -> VrfDevices {
    VrfDevices {
        form: VrfForm::Rule,
        table: 10_000,
        master: None,
        l3vni: Some(L3VniDevices {
            vni: vni(L3VNI),
            vxlan: (9, "vxlan5000".into()),
            svi: (9, "vxlan5000".into()),
            vtep: vtep(n),
            router_mac: router_mac(n),
        }),
        interfaces: vec![],
    }
}

/// VNI 10's devices in red, with an anycast gateway.
pub(super) fn routed_devices(n: u8) -> VniDevices {
    VniDevices {
        bridge_mac: GATEWAY_MAC,
        svi_addresses: vec![ip("10.0.0.254"), ip("fd00::254")],
        svi_subnets: vec![net("10.0.0.0/24"), net("fd00::/64")],
        vrf: Some(red()),
        ..devices(n)
    }
}

pub(super) fn vrf_up(n: u8) -> LocalEvent {
    LocalEvent::VrfUp { vrf: red(), devices: vrf_devices(n) }
}

pub(super) fn vni_up(n: u8) -> LocalEvent {
    LocalEvent::VniUp { vni: vni(VNI), devices: routed_devices(n) }
}

impl Leaf {
    /// Leaf `n` with red, and VNI 10 in it.
    pub(super) fn routed(n: u8) -> Self {
        let mut leaf = Self::bare(n);
        leaf.configure(routed_config(n));
        leaf.local(vrf_up(n));
        leaf.local(vni_up(n));
        leaf
    }

    /// Where red's paths to a prefix lead.
    pub(super) fn via(&self, prefix: &str) -> Vec<VrfNextHop> {
        let prefix = net(prefix);
        let used = self.paths.iter().filter(|((_, other, _), path)| *other == prefix && !path.overruled);
        let mut all: Vec<VrfNextHop> = used.map(|(_, path)| path.next_hop).collect();
        all.sort();
        all
    }

    pub(super) fn refused(&self, refusal: Refusal) -> u64 {
        self.evpn.ip_vrf(&red()).unwrap().refusals.of(refusal)
    }

    /// Nothing may be left of an IP-VRF that is not active.
    pub(super) fn has_no_paths(&self) -> bool {
        self.paths.is_empty() && self.evpn.vrfs.held() == (0, 0)
    }
}

/// The way to leaf `n`.
pub(super) fn to(n: u8) -> VrfNextHop {
    VrfNextHop::Vtep { vtep: vtep(n), router_mac: router_mac(n) }
}

/// A host as leaf `n` advertises it with symmetric IRB.
pub(super) fn host(n: u8, mac: MacAddr, address: &str) -> Origination {
    symmetric(peer(n).mac_ip(mac, Some(ip(address))), n)
}

/// Adds what symmetric IRB has to a MAC/IP route of leaf `n`.
pub(super) fn symmetric(mut route: Origination, n: u8) -> Origination {
    if let EvpnRoute::MacIp(route) = &mut route.route {
        route.label2 = Some(vni(L3VNI).to_label());
    }
    route.ext_communities.insert(1, RouteTarget::auto(65000, vni(L3VNI)).community());
    route.ext_communities.push(ExtendedCommunity::router_mac(router_mac(n)));
    route
}

/// The same, of a VNI that is not here.
pub(super) fn host_of_vni(n: u8, number: u32, mac: MacAddr, address: &str) -> Origination {
    symmetric(Peer { n, vni: number, communities: vec![] }.mac_ip(mac, Some(ip(address))), n)
}

/// A prefix as leaf `n` advertises it, interface-less.
pub(super) fn prefix(n: u8, text: &str) -> Origination {
    let prefix = net(text);
    let route = IpPrefix {
        rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, n), L3VNI as u16),
        esi: Esi::ZERO,
        ethernet_tag: EthernetTag::ZERO,
        prefix,
        gateway: if prefix.addr().is_ipv4() { ip("0.0.0.0") } else { ip("::") },
        label: vni(L3VNI).to_label(),
    };
    Origination {
        route: EvpnRoute::IpPrefix(route),
        ext_communities: vec![
            RouteTarget::auto(65000, vni(L3VNI)).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
            ExtendedCommunity::router_mac(router_mac(n)),
        ],
        pmsi: None,
        next_hop: vtep(n),
    }
}

/// A prefix route with a gateway overlay index.
pub(super) fn behind(n: u8, text: &str, gateway: &str) -> Origination {
    let mut route = prefix(n, text);
    if let EvpnRoute::IpPrefix(route) = &mut route.route {
        (route.gateway, route.label) = (ip(gateway), [0; 3]);
    }
    route.ext_communities.retain(|community| community.as_router_mac().is_none());
    route
}
