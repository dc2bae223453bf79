//! The codec of route target membership (RFC 4684 §4): what it accepts survives cutting, joining and
//! writing, octets beyond the length count for nothing, and the tables' keys are one to one with it.

use weft_bgpd::wire::{Family, Membership, membership::is_meaningless};

/// Bits of the origin AS, and of the whole.
const ORIGIN: u8 = 32;
const WHOLE: u8 = 96;

/// Reads `data` as a block of NLRI, and as a key of the tables.
pub fn run(data: &[u8]) {
    block(data);
    key(data);
}

fn block(data: &[u8]) {
    let row = Family::RtFilter.row();
    let mut left = data;
    while let Some(&length) = left.first() {
        let octets = match (row.measure)(left) {
            Ok(octets) => octets,
            Err(_) => {
                let whole = 1 + usize::from(length.div_ceil(8));
                assert!(length > WHOLE || left.len() < whole, "{left:02x?} could be read");
                assert!((row.split)(left).is_err());
                return;
            }
        };
        assert!(length <= WHOLE && octets == 1 + usize::from(length.div_ceil(8)));
        assert_eq!((row.length)(left), Some(octets));
        let (wire, tail) = left.split_at(octets);
        if !tail.is_empty() {
            assert!((row.split)(left).is_err(), "octets behind it are none of its");
        }
        let parts = (row.split)(wire);
        assert!(parts.is_ok(), "{parts:?} of what was measured");
        if let Ok((key, rest)) = parts {
            assert!(rest.is_empty());
            assert_eq!(is_meaningless(&key), (1..ORIGIN).contains(&length));
            let mut joined = Vec::new();
            (row.join)(&key, &rest, &mut joined);
            assert_eq!((joined.len(), (row.split)(&joined)), (octets, Ok((key.clone(), rest))));
            // The same but for the bits behind the length.
            let beyond = length % 8;
            if let (Some((last, front)), Some((own_last, own_front))) =
                (joined.split_last(), wire.split_last())
            {
                let mask = if beyond == 0 { 0xff } else { !(0xff >> beyond) };
                assert_eq!((front, *last), (own_front, if octets > 1 { own_last & mask } else { *own_last }));
            }
            let membership = Membership::from_key(&key);
            assert!(membership.is_some());
            if let Some(membership) = membership {
                assert_eq!((membership.key(), membership.to_wire()), (key, joined));
                assert_eq!(membership.origin().is_none(), length == 0);
                let (target, bits) = membership.target();
                assert_eq!(bits, length.saturating_sub(ORIGIN));
                assert_eq!(u64::from_be_bytes(target).checked_shl(u32::from(bits)).unwrap_or(0), 0);
                assert!(!membership.to_string().is_empty());
                assert_eq!(membership == Membership::DEFAULT, length == 0);
            }
        }
        left = tail;
    }
}

/// A key that no `split` has made: taken for none, or held to the length that it says.
fn key(data: &[u8]) {
    (Family::RtFilter.row().join)(data, &[], &mut Vec::new());
    let _ = is_meaningless(data);
    if let Some(membership) = Membership::from_key(data) {
        assert_eq!(data.len(), 13);
        assert_eq!(membership.key().as_slice(), data);
        assert!(membership.to_wire().len() <= 13 && !membership.to_string().is_empty());
    }
}

/// The default membership, an AS, a part of a route target, whole ones of each form, parts of an AS, and
/// several in a row.
pub fn seeds() -> Vec<Vec<u8>> {
    const AS: [u8; 4] = [0, 0, 0xfd, 0xe8];
    let whole = |target: [u8; 8]| [&[96][..], &AS, &target].concat();
    let mut seeds = vec![
        vec![0],
        [&[32][..], &AS].concat(),
        [&[48][..], &AS, &[0, 2]].concat(),
        [&[60][..], &AS, &[0, 2, 0xfd, 0xe0]].concat(),
        [&[95][..], &AS, &[0, 2, 0xfd, 0xe8, 0, 0, 0, 10]].concat(),
        whole([0, 2, 0xfd, 0xe8, 0, 0, 0, 10]),
        whole([1, 2, 10, 255, 0, 1, 0, 10]),
        whole([2, 2, 0, 1, 0, 0, 0, 10]),
        whole([6, 2, 2, 0, 0, 0, 0, 1]),
        vec![1, 0x80],
        vec![31, 0, 0, 0xfd, 0xe8],
    ];
    seeds.push(seeds.concat());
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::smoke::drive;

    #[test]
    fn every_seed_is_well_formed() {
        for seed in seeds() {
            assert!((Family::RtFilter.row().measure)(&seed).is_ok(), "{seed:02x?}");
            run(&seed);
        }
    }

    #[test]
    fn holds_for_a_bounded_time() {
        drive("membership_nlri");
    }
}
