//! Memberships of route targets as a scripted peer writes them (RFC 4684 §4), wrong ones too.

use super::{Identity, attribute, basic_attributes, update};
use std::net::Ipv4Addr;

/// AFI 1, SAFI 132.
const FAMILY: [u8; 3] = [0, 1, 132];

/// Everything.
pub const DEFAULT: [u8; 1] = [0];

impl Identity {
    /// It exchanges memberships, too.
    pub fn with_memberships(mut self) -> Self {
        self.capabilities.push((1, vec![0, 1, 0, 132]));
        self
    }
}

/// The NLRI that asks, for AS 65000, for a whole route target.
pub fn membership(target: [u8; 8]) -> Vec<u8> {
    [&[96][..], &65_000u32.to_be_bytes(), &target].concat()
}

/// An UPDATE that asks for what these NLRI say.
pub fn ask(next_hop: Ipv4Addr, nlri: &[u8]) -> Vec<u8> {
    let mut attributes =
        vec![attribute(0x80, 14, &[&FAMILY[..], &[4], &next_hop.octets(), &[0], nlri].concat())];
    attributes.extend(basic_attributes());
    update(&attributes)
}

/// An UPDATE that takes it back.
pub fn forgo(nlri: &[u8]) -> Vec<u8> {
    update(&[attribute(0x80, 15, &[&FAMILY[..], nlri].concat())])
}

/// The End-of-RIB for memberships.
pub fn end_of_rib() -> Vec<u8> {
    forgo(&[])
}

/// The memberships of so many route targets, `65000:first` and on, in as many UPDATEs as it takes.
pub fn many(first: u32, count: u32, message: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let numbers: Vec<u32> = (first..first + count).collect();
    let nlri = |chunk: &[u32]| {
        chunk.iter().flat_map(|n| membership(super::routes::route_target(*n))).collect::<Vec<u8>>()
    };
    numbers.chunks(300).flat_map(|chunk| message(&nlri(chunk))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::injector::routes::route_target;

    #[test]
    fn messages_have_the_lengths_that_they_say_and_fit() {
        assert_eq!(membership(route_target(10)), [96, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10]);
        let bytes = many(1, 601, |nlri| ask(Ipv4Addr::LOCALHOST, nlri));
        let mut left = &bytes[..];
        let mut lengths = Vec::new();
        while !left.is_empty() {
            let length = usize::from(u16::from_be_bytes([left[16], left[17]]));
            lengths.push(length);
            left = &left[length..];
        }
        assert!(lengths.len() == 3 && lengths.iter().all(|length| *length <= 4096), "{lengths:?}");
        assert_eq!(end_of_rib().len(), 29);
    }
}
