//! Tests of the codec as a whole; those of single types stand beside them.

mod attributes;
mod memberships;
mod oracle;
mod packing;
mod properties;
mod rfc7606;
mod strategies;
mod unicast;

use super::attribute::code;
use super::update::{DecodeContext, Decoded, SessionKind};
use super::{Decoder, Family, Frame, FrameDecoder, Notification};
use bytes::BytesMut;

/// A type-2 route: RD 10.0.0.1:1, ESI 0, tag 0, MAC 02:00:00:00:00:01, no IP, VNI 10.
const MAC_ROUTE: &[u8] = &[
    2, 33, 0, 1, 10, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 48, 2, 0, 0, 0, 0, 1, 0, 0, 0,
    10,
];
/// A type-3 route: RD 10.0.0.1:1, tag 0, 10.0.0.1.
const IMET_ROUTE: &[u8] = &[3, 17, 0, 1, 10, 0, 0, 1, 0, 1, 0, 0, 0, 0, 32, 10, 0, 0, 1];
/// A route of a type that nobody knows.
const UNKNOWN_ROUTE: &[u8] = &[99, 3, 1, 2, 3];

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
/// AS_SEQUENCE 65000, 4-octet.
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe8];

fn internal() -> DecodeContext {
    DecodeContext {
        families: vec![Family::L2vpnEvpn],
        kind: SessionKind::Internal,
        ..DecodeContext::default()
    }
}

fn external() -> DecodeContext {
    DecodeContext { kind: SessionKind::External, ..internal() }
}

/// An attribute with a length of one octet, or of two if it must be.
fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut out = match u8::try_from(value.len()) {
        Ok(length) => vec![flags, code, length],
        Err(_) => {
            let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
            vec![flags | 0x10, code, high, low]
        }
    };
    out.extend_from_slice(value);
    out
}

/// AFI 25, SAFI 70, next hop 10.0.0.1, and these NLRI.
fn mp_reach(nlri: &[u8]) -> Vec<u8> {
    attribute(0x80, code::MP_REACH_NLRI, &[&[0, 25, 70, 4, 10, 0, 0, 1, 0], nlri].concat())
}

fn mp_unreach(nlri: &[u8]) -> Vec<u8> {
    attribute(0x80, code::MP_UNREACH_NLRI, &[&[0, 25, 70], nlri].concat())
}

fn body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8]) -> Vec<u8> {
    let length = |field: &[u8]| u16::try_from(field.len()).unwrap().to_be_bytes();
    [&length(withdrawn), withdrawn, &length(attributes), attributes, nlri].concat()
}

fn frame(kind: u8, body: &[u8]) -> Frame {
    let mut bytes = BytesMut::from(&[0xff; 16][..]);
    bytes.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&[kind]);
    bytes.extend_from_slice(body);
    frames(&mut bytes).remove(0)
}

/// All frames in `bytes`, which must end with the last.
fn frames(bytes: &mut BytesMut) -> Vec<Frame> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_length(u16::MAX);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame(bytes).unwrap() {
        frames.push(frame);
    }
    assert!(bytes.is_empty());
    frames
}

fn update(context: DecodeContext, attributes: &[&[u8]]) -> Result<Decoded, Notification> {
    Decoder::new(context).decode_update(&frame(2, &body(&[], &attributes.concat(), &[])))
}
