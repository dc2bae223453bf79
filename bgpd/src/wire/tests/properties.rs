//! What holds for every message: it comes back as it was written, and no octets whatever make
//! the decoder panic.

use super::{frame, frames, internal, strategies};
use crate::wire::update::{DecodeContext, EncodeContext};
use crate::wire::{
    AttributeSet, Capability, Decoder, EncodedAttributes, Family, Message, UpdateEncoder, fuzz,
};
use bytes::BytesMut;
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![
        strategies::open().prop_map(Message::Open),
        strategies::update(strategies::route()).prop_map(Message::Update),
        strategies::notification().prop_map(Message::Notification),
        Just(Message::Keepalive),
        strategies::refresh().prop_map(Message::RouteRefresh),
    ]
}

fn encode(message: &Message, context: &EncodeContext) -> BytesMut {
    let mut out = BytesMut::new();
    message.encode(context, &mut out).unwrap();
    out
}

/// Large enough for any message that the generators make.
fn wide() -> EncodeContext {
    EncodeContext { max_length: u16::MAX, ..EncodeContext::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn every_message_comes_back(message in message()) {
        let frames = frames(&mut encode(&message, &wide()));
        prop_assert_eq!(frames.len(), 1);
        let (read, issues) = Decoder::new(internal()).decode(&frames[0]).unwrap();
        prop_assert_eq!(issues, vec![]);
        prop_assert_eq!(read, message);
    }

    #[test]
    fn every_capability_comes_back(capability in strategies::capability()) {
        let mut out = Vec::new();
        capability.encode(&mut out);
        prop_assert_eq!(usize::from(out[1]), out.len() - 2);
        prop_assert_eq!(Capability::decode(out[0], &out[2..]), Ok(capability));
    }

    #[test]
    fn every_set_comes_back_through_a_2_octet_peer(set in strategies::attribute_set(), route in strategies::route()) {
        // Leading confederation segments are the one thing that RFC 6793 does not carry.
        let as_path = set.as_path.0.iter().filter(|segment| !segment.kind.is_confederation()).cloned().collect();
        let set = AttributeSet { as_path: crate::wire::attribute::AsPath(as_path), ..set };
        let context = EncodeContext { four_octet_as: false, ..wide() };
        let attributes = EncodedAttributes::new(&set, &context);
        let (mut encoder, mut out) = (UpdateEncoder::new(context), BytesMut::new());
        let mut packer = encoder.announce(Family::L2vpnEvpn, &attributes, &mut out).unwrap();
        packer.push_wire(0, &route).unwrap();
        packer.finish();
        let context = DecodeContext { four_octet_as: false, ..internal() };
        let decoded = Decoder::new(context).decode_update(&frames(&mut out)[0]).unwrap();
        prop_assert_eq!(decoded.issues, vec![]);
        // Where a sequence goes on in the next segment the merge joins them: compare numbers.
        let read = decoded.update.attributes.as_deref().unwrap();
        let numbers = |set: &AttributeSet| -> Vec<u32> {
            set.as_path.0.iter().flat_map(|segment| segment.asns.clone()).collect()
        };
        prop_assert_eq!(numbers(read), numbers(&set));
        prop_assert_eq!(AttributeSet { as_path: set.as_path.clone(), ..read.clone() }, set);
    }

    #[test]
    fn the_key_and_the_rest_of_a_route_make_the_same_message(route in strategies::route(), path_id: u32) {
        let row = Family::L2vpnEvpn.row();
        let (key, rest) = (row.split)(&route).unwrap();
        let mut joined = Vec::new();
        (row.join)(&key, &rest, &mut joined);
        let context = EncodeContext { add_path: vec![Family::L2vpnEvpn], ..wide() };
        let (mut encoder, mut cut, mut whole) = (UpdateEncoder::new(context), BytesMut::new(), BytesMut::new());
        let mut packer = encoder.withdraw(Family::L2vpnEvpn, &mut cut);
        packer.push(path_id, &key, &rest).unwrap();
        packer.finish();
        let mut packer = encoder.withdraw(Family::L2vpnEvpn, &mut whole);
        packer.push_wire(path_id, &joined).unwrap();
        packer.finish();
        prop_assert_eq!(cut, whole);
    }

    #[test]
    fn a_cached_set_is_the_set(sets in proptest::collection::vec(strategies::attribute_set(), 1..4), order in proptest::collection::vec(0..4usize, 1..12)) {
        let mut decoder = Decoder::new(internal());
        for index in order {
            let set = &sets[index % sets.len()];
            let attributes = EncodedAttributes::new(set, &wide());
            let (mut encoder, mut out) = (UpdateEncoder::new(wide()), BytesMut::new());
            let mut packer = encoder.announce(Family::L2vpnEvpn, &attributes, &mut out).unwrap();
            packer.push_wire(0, super::MAC_ROUTE).unwrap();
            packer.finish();
            let decoded = decoder.decode_update(&frames(&mut out)[0]).unwrap();
            prop_assert_eq!(decoded.update.attributes.as_deref(), Some(set));
        }
    }

    #[test]
    fn any_octets_are_survived(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
        fuzz::decode_anything(&octets);
    }

    #[test]
    fn any_body_is_survived(kind in 1..=5u8, mut body in proptest::collection::vec(any::<u8>(), 0..200)) {
        // Long enough for the header's check.
        body.resize(if kind == 4 { 0 } else { body.len().max(10) }, 0);
        let _ = Decoder::new(internal()).decode(&frame(kind, &body));
    }

    #[test]
    fn any_mutation_is_survived(
        message in message(),
        choice: u8,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let octets = encode(&message, &wide());
        let mut stream = vec![choice | 16];
        stream.extend_from_slice(&octets);
        for (index, octet) in changes {
            // Mostly spare the header, or nothing else would be tested.
            let at = 1 + 19.min(octets.len() - 1) + index.index(octets.len().saturating_sub(19).max(1));
            if let Some(place) = stream.get_mut(at) {
                *place = octet;
            }
        }
        fuzz::decode_anything(&stream);
    }
}

/// A small fuzzer without coverage: it mutates good messages for `WEFT_FUZZ_SECONDS`, 2 by
/// default. `tests/fuzz` has the one with coverage.
#[test]
fn smoke_fuzz() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let seconds = std::env::var("WEFT_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut runner = TestRunner::deterministic();
    let seeds: Vec<Vec<u8>> = (0..200)
        .map(|_| encode(&message().new_tree(&mut runner).unwrap().current(), &wide()).to_vec())
        .collect();
    // A linear congruential generator is enough, and reproducible.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    let (mut runs, mut read) = (0u64, 0);
    while Instant::now() < end {
        for _ in 0..100 {
            let mut stream = vec![u8::try_from(random(256)).unwrap()];
            for _ in 0..=random(3) {
                stream.extend_from_slice(&seeds[random(seeds.len())]);
            }
            for _ in 0..random(5) {
                let at = 20 + random(stream.len());
                match (random(3), at < stream.len()) {
                    (0, true) => stream[at] = u8::try_from(random(256)).unwrap(),
                    (1, true) => stream[at] ^= 1 << random(8),
                    (2, true) if random(4) == 0 => stream.truncate(at),
                    _ => {}
                }
            }
            read += fuzz::decode_anything(&stream);
            runs += 1;
        }
    }
    assert!(read > 0, "{runs} runs read nothing");
}
