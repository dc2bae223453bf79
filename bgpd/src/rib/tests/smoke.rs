//! What a flood costs: 64 VTEPs × 100 VNIs through a reflector, from the bytes of one client
//! to the bytes for another. Time is printed, memory is asserted. The test with a million
//! routes runs with `--ignored` (and `--release`).

use super::lab::{EVPN, attributes, client, id};
use crate::rib::{Rib, RibSettings};
use crate::wire::update::{DecodeContext, SessionKind};
use crate::wire::{Decoder, EncodeContext, EncodedAttributes, FrameDecoder, UpdateEncoder};
use bytes::BytesMut;
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};
use weft_evpn::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    nlri::{EvpnRoute, MacIp},
};

const VTEPS: u32 = 64;
const VNIS: u32 = 100;

/// What the sender writes: packed UPDATEs, one attribute set per VTEP and VNI.
fn messages(routes: u32, withdraw: bool) -> BytesMut {
    let mut encoder = UpdateEncoder::new(EncodeContext::default());
    let mut out = BytesMut::new();
    let mut host = 0u32;
    for vtep in 0..VTEPS {
        for vni in 1..=VNIS {
            let mut set = attributes(vtep as u8);
            set.ext_communities = vec![
                RouteTarget::two_octet_as(65_000, vni).community(),
                ExtendedCommunity::ENCAPSULATION_VXLAN,
            ];
            let encoded = EncodedAttributes::new(&set, encoder.context());
            let mut packer = match withdraw {
                true => encoder.withdraw(EVPN, &mut out),
                false => encoder.announce(EVPN, &encoded, &mut out).expect("a next hop"),
            };
            for _ in 0..routes / VTEPS / VNIS {
                host += 1;
                let [a, b, c, d] = host.to_be_bytes();
                let route = EvpnRoute::MacIp(MacIp {
                    rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 1, 0, vtep as u8), vni as u16),
                    esi: Esi::default(),
                    ethernet_tag: EthernetTag::ZERO,
                    mac: MacAddr([2, 0, a, b, c, d]),
                    ip: Some(Ipv4Addr::new(10, b, c, d).into()),
                    label1: Vni::new(vni).expect("a VNI").to_label(),
                    label2: None,
                });
                packer.push_wire(0, &route.to_wire()).expect("fits");
            }
            packer.finish();
        }
    }
    out
}

struct Measured {
    input: Duration,
    output: Duration,
    bytes: usize,
}

/// Feeds all messages, sending on after each 64 KiB as a busy daemon would.
fn run(rib: &mut Rib, mut wire: BytesMut) -> Measured {
    let mut decoder = Decoder::new(DecodeContext {
        families: vec![EVPN],
        kind: SessionKind::Internal,
        ..DecodeContext::default()
    });
    let mut frames = FrameDecoder::new();
    let mut measured = Measured { input: Duration::ZERO, output: Duration::ZERO, bytes: 0 };
    let mut fed = 0;
    loop {
        let begun = Instant::now();
        let frame = frames.next_frame(&mut wire).expect("frames");
        if let Some(frame) = &frame {
            let update = decoder.decode_update(frame).expect("an UPDATE").update;
            rib.update(id(1), &update, begun).expect("stored");
            fed += frame.bytes.len();
        }
        let stored = Instant::now();
        measured.input += stored - begun;
        if fed > 65_536 || frame.is_none() {
            fed = 0;
            while let Some(transmit) = rib.next_transmit(stored) {
                assert_eq!(transmit.peers.as_slice(), [id(2)]);
                measured.bytes += transmit.bytes.len();
            }
            measured.output += stored.elapsed();
        }
        if frame.is_none() {
            return measured;
        }
    }
}

fn flood(routes: u32) {
    let now = Instant::now();
    let mut rib = Rib::new(RibSettings::new(65_000, Ipv4Addr::new(10, 0, 0, 100)), now);
    for n in [1, 2] {
        rib.peer_up(id(n), client(n), now).expect("a slot");
    }
    while rib.next_transmit(now).is_some() {}
    let routes = routes / VTEPS / VNIS * VTEPS * VNIS;
    let announced = run(&mut rib, messages(routes, false));
    let memory = rib.memory();
    // Attribute sets are shared: with few routes they are most of what a route costs.
    let each = (memory.total() - memory.attribute_bytes) as f64 / f64::from(routes);
    println!(
        "{routes} routes: in {:?}, out {:?} ({} octets), {each:.1} octets a route and its share of: {memory:?}",
        announced.input, announced.output, announced.bytes
    );
    assert_eq!((rib.best_count(EVPN), rib.counters(id(2), EVPN).sent), (routes, routes));
    assert!(each < 60.0, "{each} octets a route");
    let withdrawn = run(&mut rib, messages(routes, true));
    println!("withdrawn: in {:?}, out {:?} ({} octets)", withdrawn.input, withdrawn.output, withdrawn.bytes);
    let left = rib.memory();
    assert_eq!((left.tables[0].destinations, left.attribute_sets), (0, 0));
    assert!(left.total() < 100_000, "memory returns: {left:?}");
}

#[test]
fn a_hundred_thousand_routes_are_reflected_in_60_octets_each() {
    flood(100_000);
}

#[test]
#[ignore = "long in a debug build; `a_hundred_thousand…` is the same with fewer routes"]
fn a_million_routes_are_reflected() {
    flood(1_000_000);
}
