//! Routes of peers into the engine of a leaf that serves every VNI: import, one host's move at a time,
//! withdrawal, and a VTEP's loss.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a benchmark, as a test

use std::{net::Ipv4Addr, process::ExitCode, time::Instant};
use weft_counts::{
    Case, Work,
    workload::{Host, Random, Shape, hosts, vtep},
};
use weft_evpn::{
    DomainId, Esi, EthernetTag, Evpn, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    community::MacMobility,
    engine::{EvpnConfig, Input, Output, RoutePath},
    local::{LocalEvent, VniDevices},
    nlri::{EvpnRoute, MacIp},
};

const SEED: u64 = 4;

fn main() -> ExitCode {
    weft_counts::main(&[
        Case { name: "evpn/import", unit: "route", prepare: import },
        Case { name: "evpn/move", unit: "move", prepare: moves },
        Case { name: "evpn/withdraw", unit: "route", prepare: withdraw },
    ])
}

fn vni(number: u32) -> Vni {
    Vni::new(number).expect("a VNI")
}

/// A leaf with these VNIs, and no hosts.
fn leaf(shape: Shape, now: Instant) -> Evpn {
    let (mut evpn, mut out) = (Evpn::new(), Vec::new());
    let router_id = Ipv4Addr::new(10, 0, 0, 1);
    let config = EvpnConfig { asn: 65_000, router_id, advertise_all_vni: true, ..EvpnConfig::default() };
    evpn.handle(Input::Config(config), now, &mut out);
    for number in 1..=shape.vnis {
        let devices = VniDevices {
            vxlan: (2 * number, format!("vx{number}")),
            bridge: (2 * number + 1, format!("br{number}")),
            vtep: router_id.into(),
            bridge_mac: MacAddr([2, 0xbb, 0, 0, 0, 1]),
            svi_addresses: Vec::new(),
            svi_subnets: Vec::new(),
            vrf: None,
        };
        evpn.handle(Input::Local(LocalEvent::VniUp { vni: vni(number), devices }), now, &mut out);
    }
    evpn
}

/// A route as the core hands it over: parsed already.
struct Route {
    route: EvpnRoute,
    next_hop: Ipv4Addr,
    communities: Vec<ExtendedCommunity>,
}

impl Route {
    fn new(host: &Host, sequence: Option<u32>) -> Self {
        let mut communities = vec![
            RouteTarget::two_octet_as(65_000, host.vni).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
        ];
        let mobility = sequence.map(|sequence| MacMobility { sequence, sticky: false });
        communities.extend(mobility.map(ExtendedCommunity::mac_mobility));
        let route = EvpnRoute::MacIp(MacIp {
            rd: RouteDistinguisher::ipv4(vtep(host.vtep), host.vni as u16),
            esi: Esi::default(),
            ethernet_tag: EthernetTag::ZERO,
            mac: MacAddr(host.mac),
            ip: host.ip,
            label1: vni(host.vni).to_label(),
            label2: None,
        });
        Self { route, next_hop: vtep(host.vtep), communities }
    }

    fn update(&self, evpn: &mut Evpn, now: Instant, out: &mut Vec<Output>) {
        let path = RoutePath {
            next_hop: self.next_hop.into(),
            ext_communities: &self.communities,
            pmsi: None,
            domain: DomainId::default(),
            d_path: &[],
        };
        evpn.handle(Input::Route { route: &self.route, path: Some(path) }, now, out);
    }

    fn withdraw(&self, evpn: &mut Evpn, now: Instant, out: &mut Vec<Output>) {
        evpn.handle(Input::Route { route: &self.route, path: None }, now, out);
    }
}

fn routes(shape: Shape) -> Vec<Route> {
    hosts(SEED, shape).iter().map(|host| Route::new(host, None)).collect()
}

/// Outputs are taken as often as a turn of the core does it.
fn all(routes: &[Route], mut each: impl FnMut(&Route, &mut Vec<Output>)) -> usize {
    let (mut out, mut outputs) = (Vec::new(), 0);
    for turn in routes.chunks(512) {
        turn.iter().for_each(|route| each(route, &mut out));
        outputs += out.len();
        out.clear();
    }
    outputs
}

fn import(shape: Shape) -> Work {
    let now = Instant::now();
    let (mut evpn, routes) = (leaf(shape, now), routes(shape));
    Box::new(move || {
        let outputs = all(&routes, |route, out| route.update(&mut evpn, now, out));
        assert!(outputs >= routes.len(), "each host is forwarded to");
        routes.len() as u64
    })
}

fn withdraw(shape: Shape) -> Work {
    let now = Instant::now();
    let (mut evpn, routes) = (leaf(shape, now), routes(shape));
    all(&routes, |route, out| route.update(&mut evpn, now, out));
    Box::new(move || {
        let outputs = all(&routes, |route, out| route.withdraw(&mut evpn, now, out));
        assert!(outputs >= routes.len(), "each host is let go");
        routes.len() as u64
    })
}

/// A host's route from its new VTEP, with a higher number, then the old one's withdrawal.
fn moves(shape: Shape) -> Work {
    let now = Instant::now();
    let (mut evpn, fabric) = (leaf(shape, now), hosts(SEED, shape));
    let routes: Vec<Route> = fabric.iter().map(|host| Route::new(host, None)).collect();
    all(&routes, |route, out| route.update(&mut evpn, now, out));
    let mut random = Random::new(SEED);
    let moves: Vec<(Route, Route)> = (0..shape.routes() / 20)
        .map(|_| {
            let old = fabric[random.below(fabric.len() as u64) as usize];
            let new = Host { vtep: (old.vtep + 1) % shape.vteps, ..old };
            (Route::new(&new, Some(1)), Route::new(&old, None))
        })
        .collect();
    let mut out = Vec::new();
    Box::new(move || {
        for (new, old) in &moves {
            new.update(&mut evpn, now, &mut out);
            old.withdraw(&mut evpn, now, &mut out);
            out.clear();
        }
        moves.len() as u64
    })
}
