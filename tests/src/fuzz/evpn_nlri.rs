//! The EVPN NLRI codec: its readers agree, and what they accept survives cutting, joining and
//! writing. A block of several NLRI is read as the UPDATE codec reads it.

use weft_evpn::nlri::{EvpnRoute, join, measure, split};

/// Reads `data` as a block of NLRI.
pub fn run(data: &[u8]) {
    let mut left = data;
    while !left.is_empty() {
        let parsed = EvpnRoute::parse(left);
        let measured = measure(left);
        let (route, length) = match parsed {
            Ok(parsed) => parsed,
            Err(error) => {
                assert_eq!(measured, Err(error));
                return;
            }
        };
        assert_eq!(measured, Ok(length));
        assert!(!route.to_string().is_empty());
        let (wire, tail) = left.split_at(length);
        let parts = split(wire);
        assert!(parts.is_ok(), "{parts:?} of what parsed as {route}");
        if let Ok((key, rest)) = parts {
            let mut joined = Vec::new();
            join(&key, &rest, &mut joined);
            assert_eq!(EvpnRoute::parse(&joined), Ok((route.clone(), length)));
            assert_eq!(route.to_wire(), joined);
            assert_eq!(split(&joined), Ok((key.clone(), rest)));
            let mut withdraw = Vec::new();
            join(&key, &[], &mut withdraw);
            assert_eq!(split(&withdraw).map(|(key, _)| key), Ok(key));
        }
        // The two halves of the input as a key and a rest that no `split` has made.
        let (key, rest) = wire.split_at(length / 2);
        join(key, rest, &mut Vec::new());
        left = tail;
    }
}

/// An NLRI of every layout.
pub fn seeds() -> Vec<Vec<u8>> {
    let lengths: [(u8, &[u8]); 6] = [
        (1, &[25]),
        (2, &[33, 36, 37, 40, 49, 52]),
        (3, &[17, 29]),
        (4, &[23, 35]),
        (5, &[34, 58]),
        (9, &[7]),
    ];
    let mut seeds = Vec::new();
    for (route_type, lengths) in lengths {
        for &length in lengths {
            let mut wire = vec![route_type, length];
            wire.extend((0..length).map(|i| i.wrapping_mul(37)));
            let ip_bits = match (route_type, length) {
                (2, 33 | 36) => 0,
                (2, 37 | 40) | (3, 17) | (4, 23) => 32,
                (5, _) => 24,
                _ => 128,
            };
            let fields: &[(usize, u8)] = match route_type {
                2 => &[(24, 48), (31, ip_bits)],
                3 => &[(14, ip_bits)],
                4 => &[(20, ip_bits)],
                5 => &[(24, ip_bits)],
                _ => &[],
            };
            for &(offset, value) in fields {
                if let Some(octet) = wire.get_mut(offset) {
                    *octet = value;
                }
            }
            seeds.push(wire);
        }
    }
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
            assert!(measure(&seed).is_ok(), "{seed:02x?}");
        }
    }

    #[test]
    fn holds_for_a_bounded_time() {
        drive("evpn_nlri");
    }
}
