//! The reflector's way, from a client's octets to those for another client, and its parts: decode,
//! insert, compare, encode, withdraw, and one host's move at a time.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic)] // a benchmark, as a test

use bytes::BytesMut;
use std::{
    net::{IpAddr, Ipv4Addr},
    process::ExitCode,
    time::{Duration, Instant},
};
use weft_bgpd::{
    peer::{PeerFamily, PeerId, PeerKind},
    rib::{Rib, RibPeer, RibPeerFamily, RibSettings},
    wire::{
        AttributeSet, DecodeContext, Decoder, EncodeContext, EncodedAttributes, Family, Frame, FrameDecoder,
        SessionKind, Update, UpdateEncoder,
    },
};
use weft_counts::{
    Case, Work,
    workload::{Host, Random, Shape, hosts, vtep},
};
use weft_evpn::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    community::MacMobility,
    nlri::{EvpnRoute, MacIp},
};

const EVPN: Family = Family::L2vpnEvpn;
const SEED: u64 = 4;
/// Octets that a busy session has read before the core sends on.
const TURN: usize = 64 * 1024;

fn main() -> ExitCode {
    weft_counts::main(&[
        Case { name: "wire/decode", unit: "route", prepare: decode },
        Case { name: "rib/insert", unit: "route", prepare: insert },
        Case { name: "rib/second-path", unit: "route", prepare: second_path },
        Case { name: "update-group/encode", unit: "route", prepare: encode },
        Case { name: "rib/withdraw", unit: "route", prepare: withdraw },
        Case { name: "rib/move", unit: "move", prepare: moves },
        Case { name: "reflect/all", unit: "route", prepare: reflect },
        Case { name: "reflect/withdraw", unit: "route", prepare: reflect_withdrawals },
    ])
}

fn nlri(host: &Host) -> Vec<u8> {
    EvpnRoute::MacIp(MacIp {
        rd: RouteDistinguisher::ipv4(vtep(host.vtep), host.vni as u16),
        esi: Esi::default(),
        ethernet_tag: EthernetTag::ZERO,
        mac: MacAddr(host.mac),
        ip: host.ip,
        label1: Vni::new(host.vni).expect("a VNI").to_label(),
        label2: None,
    })
    .to_wire()
}

/// What a VTEP says with its routes of a VNI; a moved host's has a sequence number.
fn attributes(host: &Host, sequence: Option<u32>) -> AttributeSet {
    let mut set = AttributeSet {
        next_hop: Some(vtep(host.vtep).into()),
        local_pref: Some(100),
        ext_communities: vec![
            RouteTarget::two_octet_as(65_000, host.vni).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
        ],
        ..AttributeSet::default()
    };
    set.ext_communities.extend(
        sequence.map(|sequence| ExtendedCommunity::mac_mobility(MacMobility { sequence, sticky: false })),
    );
    set
}

/// What a sender writes: UPDATEs as full as they get, one attribute set for a VTEP and VNI.
fn wire(hosts: &[Host], withdraw: bool) -> BytesMut {
    let mut encoder = UpdateEncoder::new(EncodeContext::default());
    let mut out = BytesMut::new();
    for run in hosts.chunk_by(|a, b| (a.vtep, a.vni) == (b.vtep, b.vni)) {
        let encoded = EncodedAttributes::new(&attributes(&run[0], None), encoder.context());
        let mut packer = match withdraw {
            true => encoder.withdraw(EVPN, &mut out),
            false => encoder.announce(EVPN, &encoded, &mut out).expect("a next hop"),
        };
        for host in run {
            packer.push_wire(0, &nlri(host)).expect("fits");
        }
        packer.finish();
    }
    out
}

fn frames(mut wire: BytesMut) -> Vec<Frame> {
    let mut frames = FrameDecoder::new();
    std::iter::from_fn(|| frames.next_frame(&mut wire).expect("frames")).collect()
}

fn decoder() -> Decoder {
    let (families, kind) = (vec![EVPN], SessionKind::Internal);
    Decoder::new(DecodeContext { families, kind, ..DecodeContext::default() })
}

fn updates(wire: BytesMut) -> Vec<Update> {
    let mut decoder = decoder();
    frames(wire).iter().map(|frame| decoder.decode_update(frame).expect("an UPDATE").update).collect()
}

fn client(number: u8) -> RibPeer {
    let mut family = RibPeerFamily::new(EVPN);
    family.settings = PeerFamily { route_reflector_client: true, ..PeerFamily::default() };
    let address = Ipv4Addr::new(10, 0, 0, number);
    RibPeer {
        kind: PeerKind::Internal,
        local_as: 65_000,
        remote_as: 65_000,
        router_id: address,
        address: IpAddr::V4(address),
        enforce_first_as: false,
        four_octet_as: true,
        extended_next_hop: false,
        max_message: 4096,
        enhanced_refresh: true,
        restarting: false,
        stale_path_time: Duration::from_secs(360),
        families: vec![family],
    }
}

/// A reflector with this many clients, of which the last one only receives.
fn reflector(clients: u8, now: Instant) -> Rib {
    let mut rib = Rib::new(RibSettings::new(65_000, Ipv4Addr::new(10, 0, 0, 100)), now);
    for number in 1..=clients {
        rib.peer_up(PeerId(u32::from(number)), client(number), now).expect("a slot");
    }
    send(&mut rib, now);
    rib
}

fn feed(rib: &mut Rib, from: u32, updates: &[Update], now: Instant) {
    for update in updates {
        rib.update(PeerId(from), update, now).expect("stored");
    }
}

fn send(rib: &mut Rib, now: Instant) -> usize {
    std::iter::from_fn(|| rib.next_transmit(now)).map(|transmit| transmit.bytes.len()).sum()
}

fn fabric(shape: Shape) -> Vec<Host> {
    hosts(SEED, shape)
}

fn decode(shape: Shape) -> Work {
    let (frames, mut decoder) = (frames(wire(&fabric(shape), false)), decoder());
    Box::new(move || {
        for frame in &frames {
            std::hint::black_box(decoder.decode_update(frame).expect("an UPDATE"));
        }
        u64::from(shape.routes())
    })
}

fn insert(shape: Shape) -> Work {
    let now = Instant::now();
    let (updates, mut rib) = (updates(wire(&fabric(shape), false)), reflector(2, now));
    Box::new(move || {
        feed(&mut rib, 1, &updates, now);
        u64::from(shape.routes())
    })
}

/// The same routes by another client: found, compared, not chosen.
fn second_path(shape: Shape) -> Work {
    let now = Instant::now();
    let (updates, mut rib) = (updates(wire(&fabric(shape), false)), reflector(3, now));
    feed(&mut rib, 1, &updates, now);
    send(&mut rib, now);
    Box::new(move || {
        feed(&mut rib, 2, &updates, now);
        u64::from(shape.routes())
    })
}

fn encode(shape: Shape) -> Work {
    let now = Instant::now();
    let mut rib = reflector(2, now);
    feed(&mut rib, 1, &updates(wire(&fabric(shape), false)), now);
    Box::new(move || {
        assert!(send(&mut rib, now) > 30 * shape.routes() as usize, "routes go out");
        u64::from(shape.routes())
    })
}

fn withdraw(shape: Shape) -> Work {
    let now = Instant::now();
    let mut rib = reflector(2, now);
    feed(&mut rib, 1, &updates(wire(&fabric(shape), false)), now);
    send(&mut rib, now);
    let withdrawals = updates(wire(&fabric(shape), true));
    Box::new(move || {
        feed(&mut rib, 1, &withdrawals, now);
        send(&mut rib, now);
        assert_eq!(rib.best_count(EVPN), 0, "all is gone");
        u64::from(shape.routes())
    })
}

/// Hosts that appear at another VTEP, one at a time: the new route with a higher sequence number
/// is read, stored and sent on, then the old one is withdrawn.
fn moves(shape: Shape) -> Work {
    let count = u64::from(shape.routes()) / 20;
    let now = Instant::now();
    let all = fabric(shape);
    let mut rib = reflector(2, now);
    feed(&mut rib, 1, &updates(wire(&all, false)), now);
    send(&mut rib, now);
    let mut random = Random::new(SEED);
    let mut encoder = UpdateEncoder::new(EncodeContext::default());
    let mut frames = FrameDecoder::new();
    let mut messages = Vec::new();
    for _ in 0..count {
        let old = all[random.below(all.len() as u64) as usize];
        let new = Host { vtep: (old.vtep + 1) % shape.vteps, ..old };
        let mut out = BytesMut::new();
        let encoded = EncodedAttributes::new(&attributes(&new, Some(1)), encoder.context());
        let mut packer = encoder.announce(EVPN, &encoded, &mut out).expect("a next hop");
        packer.push_wire(0, &nlri(&new)).expect("fits");
        packer.finish();
        let mut packer = encoder.withdraw(EVPN, &mut out);
        packer.push_wire(0, &nlri(&old)).expect("fits");
        packer.finish();
        while let Some(frame) = frames.next_frame(&mut out).expect("frames") {
            messages.push(frame);
        }
    }
    let mut decoder = decoder();
    Box::new(move || {
        for frame in &messages {
            let update = decoder.decode_update(frame).expect("an UPDATE").update;
            rib.update(PeerId(1), &update, now).expect("stored");
            send(&mut rib, now);
        }
        count
    })
}

/// Octets in, octets out, sending after each `TURN` as a busy daemon does.
fn pass(rib: &mut Rib, decoder: &mut Decoder, wire: &mut BytesMut, now: Instant) {
    let (mut frames, mut fed) = (FrameDecoder::new(), 0);
    while let Some(frame) = frames.next_frame(wire).expect("frames") {
        let update = decoder.decode_update(&frame).expect("an UPDATE").update;
        rib.update(PeerId(1), &update, now).expect("stored");
        fed += frame.bytes.len();
        if fed > TURN {
            fed = 0;
            send(rib, now);
        }
    }
    send(rib, now);
}

fn reflect(shape: Shape) -> Work {
    let now = Instant::now();
    let (mut rib, mut decoder, mut wire) = (reflector(2, now), decoder(), wire(&fabric(shape), false));
    Box::new(move || {
        pass(&mut rib, &mut decoder, &mut wire, now);
        u64::from(shape.routes())
    })
}

fn reflect_withdrawals(shape: Shape) -> Work {
    let now = Instant::now();
    let (mut rib, mut decoder) = (reflector(2, now), decoder());
    pass(&mut rib, &mut decoder, &mut wire(&fabric(shape), false), now);
    let mut wire = wire(&fabric(shape), true);
    Box::new(move || {
        pass(&mut rib, &mut decoder, &mut wire, now);
        u64::from(shape.routes())
    })
}
