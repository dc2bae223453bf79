//! How the encoder fills messages.

use super::{
    AS_PATH, IMET_ROUTE, MAC_ROUTE, ORIGIN, UNKNOWN_ROUTE, body, frames, internal, mp_reach, mp_unreach,
};
use crate::wire::update::{EncodeContext, EncodeError, Packed};
use crate::wire::{AttributeSet, DecodeContext, Decoder, EncodedAttributes, Family, UpdateEncoder};
use bytes::BytesMut;
use std::net::Ipv4Addr;

const EVPN: Family = Family::L2vpnEvpn;

fn set() -> AttributeSet {
    let mut set =
        AttributeSet { next_hop: Some(Ipv4Addr::new(10, 0, 0, 1).into()), ..AttributeSet::default() };
    set.as_path.prepend(65000, 1);
    set
}

fn mac_route(number: u32) -> Vec<u8> {
    let mut route = MAC_ROUTE.to_vec();
    route[27..31].copy_from_slice(&number.to_be_bytes());
    route
}

#[test]
fn a_lone_route_has_a_short_attribute_length() {
    let context = EncodeContext::default();
    let attributes = EncodedAttributes::new(&set(), &context);
    let (mut encoder, mut out) = (UpdateEncoder::new(context), BytesMut::new());
    let (key, rest) = (EVPN.row().split)(MAC_ROUTE).unwrap();
    let mut packer = encoder.announce(EVPN, &attributes, &mut out).unwrap();
    packer.push(0, &key, &rest).unwrap();
    assert_eq!(packer.finish(), Packed { messages: 1, routes: 1 });
    assert_eq!(out[19..], body(&[], &[&mp_reach(MAC_ROUTE)[..], ORIGIN, AS_PATH].concat(), &[]));

    let mut out = BytesMut::new();
    let mut packer = encoder.withdraw(EVPN, &mut out);
    packer.push(0, &key, &rest).unwrap();
    assert_eq!(packer.finish(), Packed { messages: 1, routes: 1 });
    assert_eq!(out[19..], body(&[], &mp_unreach(MAC_ROUTE), &[]));
}

#[test]
fn nothing_pushed_is_nothing_written() {
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    let attributes = EncodedAttributes::new(&set(), &EncodeContext::default());
    assert_eq!(encoder.announce(EVPN, &attributes, &mut out).unwrap().finish(), Packed::default());
    assert_eq!(encoder.withdraw(EVPN, &mut out).finish(), Packed::default());
    assert!(out.is_empty());
}

#[test]
fn end_of_rib_is_an_empty_mp_unreach() {
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    encoder.end_of_rib(EVPN, &mut out);
    assert_eq!(out[16..], [0, 29, 2, 0, 0, 0, 6, 0x80, 15, 3, 0, 25, 70]);
}

#[test]
fn messages_are_filled_to_the_limit() {
    for max_length in [4096, u16::MAX] {
        for add_path in [vec![], vec![EVPN]] {
            let context =
                EncodeContext { max_length, add_path: add_path.clone(), ..EncodeContext::default() };
            let attributes = EncodedAttributes::new(&set(), &context);
            let (mut encoder, mut out) = (UpdateEncoder::new(context), BytesMut::new());
            let routes: Vec<_> = (0..5000).map(mac_route).collect();
            let mut packer = encoder.announce(EVPN, &attributes, &mut out).unwrap();
            for (path_id, route) in (1..).zip(&routes) {
                packer.push_wire(path_id, route).unwrap();
            }
            let packed = packer.finish();
            let frames = frames(&mut out);
            assert_eq!((packed.routes, packed.messages), (5000, frames.len()));
            let room = MAC_ROUTE.len() + if add_path.is_empty() { 0 } else { 4 };
            for frame in &frames[..frames.len() - 1] {
                assert!(frame.bytes.len() <= usize::from(max_length));
                assert!(frame.bytes.len() + room > usize::from(max_length), "one more would have fitted");
            }
            let context = DecodeContext { add_path, max_length, ..internal() };
            let mut decoder = Decoder::new(context);
            let mut read = Vec::new();
            for frame in &frames {
                let decoded = decoder.decode_update(frame).unwrap();
                assert!(decoded.issues.is_empty());
                assert_eq!(decoded.update.attributes.as_deref(), Some(&set()));
                read.extend(decoded.update.reach[0].iter().map(|(_, route)| route.to_vec()));
            }
            assert_eq!(read, routes);
        }
    }
}

#[test]
fn withdrawals_are_packed_too() {
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    let mut packer = encoder.withdraw(EVPN, &mut out);
    for number in 0..1000 {
        packer.push_wire(0, &mac_route(number)).unwrap();
    }
    assert_eq!(packer.finish(), Packed { messages: 9, routes: 1000 });
}

#[test]
fn routes_that_do_not_fit_beside_the_attributes_are_refused() {
    let context = EncodeContext::default();
    // The fixed part takes 23, MP_REACH_NLRI 12 before the route.
    let free = |octets: usize| {
        let mut set = set();
        let raw =
            |length| crate::wire::attribute::RawAttribute { flags: 0xe0, code: 99, value: vec![0; length] };
        let rest = 4096 - 23 - 12 - ORIGIN.len() - AS_PATH.len() - 4 - octets;
        set.unknown = vec![raw(rest)];
        EncodedAttributes::new(&set, &context)
    };
    let (mut encoder, mut out) = (UpdateEncoder::new(context.clone()), BytesMut::new());

    let tight = free(MAC_ROUTE.len());
    let mut packer = encoder.announce(EVPN, &tight, &mut out).unwrap();
    packer.push_wire(0, MAC_ROUTE).unwrap();
    packer.push_wire(0, IMET_ROUTE).unwrap();
    packer.push_wire(0, MAC_ROUTE).unwrap();
    assert_eq!(packer.finish(), Packed { messages: 3, routes: 3 });
    let sizes: Vec<_> = frames(&mut out).iter().map(|frame| frame.bytes.len()).collect();
    assert_eq!(sizes, [4096, 4080, 4096]);

    let tighter = free(MAC_ROUTE.len() - 1);
    let mut packer = encoder.announce(EVPN, &tighter, &mut out).unwrap();
    packer.push_wire(0, IMET_ROUTE).unwrap();
    let error = packer.push_wire(0, MAC_ROUTE).unwrap_err();
    assert!(matches!(error, EncodeError::TooLong { limit: 4096, .. }));
    packer.push_wire(0, UNKNOWN_ROUTE).unwrap();
    // The route that was refused left no trace.
    assert_eq!(packer.finish(), Packed { messages: 1, routes: 2 });
    let mut decoder = Decoder::new(internal());
    let decoded = decoder.decode_update(&frames(&mut out)[0]).unwrap();
    assert_eq!(decoded.update.reach[0].wire, [IMET_ROUTE, UNKNOWN_ROUTE].concat());
}

#[test]
fn a_next_hop_is_needed() {
    let attributes = EncodedAttributes::new(&AttributeSet::default(), &EncodeContext::default());
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::new());
    assert_eq!(encoder.announce(EVPN, &attributes, &mut out).unwrap_err(), EncodeError::NextHop);
}

#[test]
fn messages_are_appended() {
    let (mut encoder, mut out) = (UpdateEncoder::default(), BytesMut::from(&b"before"[..]));
    encoder.end_of_rib(EVPN, &mut out);
    encoder.end_of_rib(EVPN, &mut out);
    assert_eq!(out.split_to(6), &b"before"[..]);
    assert_eq!(frames(&mut out).len(), 2);
}
