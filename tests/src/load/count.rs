//! Counts what a speaker sends: walks BGP messages by their length fields (RFC 4271 §4.1, §4.3), finds the
//! EVPN NLRI in MP_REACH_NLRI and MP_UNREACH_NLRI (RFC 4760) and counts them. It keeps no table.
//!
//! It judges nothing but lengths. That all routes came, each once and unchanged, is seen from the
//! sum of their fingerprints.

use std::hash::BuildHasher;

/// Octets of marker, length and type.
const HEADER: usize = 19;
const UPDATE: u8 = 2;
const EXTENDED_LENGTH: u8 = 0x10;
const MP_REACH_NLRI: u8 = 14;
const MP_UNREACH_NLRI: u8 = 15;
/// AFI 25, SAFI 70.
const EVPN: [u8; 3] = [0, 25, 70];
/// A type-2 NLRI has the last four octets of the MAC here: after type, length, RD, ESI, tag, MAC length and
/// two octets.
const HOST_AT: std::ops::Range<usize> = 27..31;

/// What has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// UPDATEs.
    pub updates: u64,
    /// Routes announced.
    pub reach: u64,
    /// Routes withdrawn.
    pub unreach: u64,
    /// Sum of the fingerprints of what was announced.
    pub sum: u64,
    /// Octets of all messages.
    pub octets: u64,
}

/// A number that an NLRI always has and that another one hardly has.
pub fn fingerprint(nlri: &[u8]) -> u64 {
    foldhash::fast::FixedState::with_seed(0).hash_one(nlri)
}

/// What is no BGP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length that no message has.
    #[error("a message of {0} octets")]
    Length(usize),
    /// Fields of an UPDATE that go beyond it.
    #[error("an UPDATE whose fields are longer than itself")]
    Update,
}

/// The first whole message in `bytes`: its type and length, or nothing if more octets are needed.
pub fn next_message(bytes: &[u8]) -> Result<Option<(u8, usize)>, Malformed> {
    let Some(&[.., high, low, kind]) = bytes.first_chunk::<HEADER>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < HEADER {
        return Err(Malformed::Length(length));
    }
    Ok((bytes.len() >= length).then_some((kind, length)))
}

/// What a message's type says is an UPDATE.
pub fn is_update(kind: u8) -> bool {
    kind == UPDATE
}

/// Counts the routes of one UPDATE, given whole. The numbers of the hosts whose type-2 routes are announced
/// go to `hosts`, if given.
pub fn count_update(
    message: &[u8],
    tally: &mut Tally,
    hosts: Option<&mut Vec<u32>>,
) -> Result<(), Malformed> {
    tally.updates += 1;
    walk(message.get(HEADER..).unwrap_or_default(), tally, hosts).ok_or(Malformed::Update)
}

fn walk(body: &[u8], tally: &mut Tally, mut hosts: Option<&mut Vec<u32>>) -> Option<()> {
    let (withdrawn, rest) = number(body)?;
    let (attributes, rest) = number(rest.get(withdrawn..)?)?;
    let mut left = rest.get(..attributes)?;
    while let &[flags, code, ..] = left {
        let (length, from) = if flags & EXTENDED_LENGTH != 0 {
            (number(left.get(2..)?)?.0, 4)
        } else {
            (usize::from(*left.get(2)?), 3)
        };
        let value = left.get(from..from + length)?;
        left = left.get(from + length..)?;
        match code {
            MP_REACH_NLRI if value.starts_with(&EVPN) => {
                let next_hop = usize::from(*value.get(3)?);
                // The next hop, and an octet that is reserved.
                each(value.get(5 + next_hop..)?, |nlri| {
                    tally.reach += 1;
                    tally.sum = tally.sum.wrapping_add(fingerprint(nlri));
                    if let (Some(hosts), Some(&[a, b, c, d])) =
                        (hosts.as_deref_mut(), nlri.get(HOST_AT).filter(|_| nlri.first() == Some(&2)))
                    {
                        hosts.push(u32::from_be_bytes([a, b, c, d]));
                    }
                })?;
            }
            MP_UNREACH_NLRI if value.starts_with(&EVPN) => {
                each(value.get(3..)?, |_| tally.unreach += 1)?;
            }
            _ => {}
        }
    }
    Some(())
}

/// Each NLRI: type, length, value.
fn each(mut nlri: &[u8], mut seen: impl FnMut(&[u8])) -> Option<()> {
    while let &[_, length, ..] = nlri {
        let (this, rest) = nlri.split_at_checked(2 + usize::from(length))?;
        seen(this);
        nlri = rest;
    }
    nlri.is_empty().then_some(())
}

/// A number of two octets, and what is behind it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&[high, low], rest) = bytes.split_first_chunk()?;
    Some((usize::from(u16::from_be_bytes([high, low])), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::injector;
    use crate::load::encode::{Action, Encoder, Which};
    use crate::load::plan::{Placement, Plan};
    use crate::load::shape::Shape;
    use std::net::Ipv4Addr;

    fn count(mut bytes: &[u8]) -> Tally {
        let mut tally = Tally::default();
        while let Some((kind, length)) = next_message(bytes).unwrap() {
            assert!(is_update(kind));
            count_update(&bytes[..length], &mut tally, None).unwrap();
            bytes = &bytes[length..];
        }
        assert!(bytes.is_empty());
        tally
    }

    #[test]
    fn what_is_encoded_is_counted_and_has_the_same_sum() {
        for seed in 0..40 {
            let shape = Shape { unique_attributes: seed % 7 == 0, ..Shape::random(seed, 2_000) };
            let plan = Plan::new(shape);
            let mut placement = Placement::default();
            for index in 0..50 {
                if let Some(host) = plan.host_of_move(index) {
                    plan.move_host(host, &mut placement);
                }
            }
            let mut encoder = Encoder::new(&plan, 3);
            let wave = encoder.wave(Action::Announce, Which::All, &placement).unwrap();
            let tallies: Vec<Tally> = wave.of_sender.iter().map(|bytes| count(bytes)).collect();
            let sum = tallies.iter().fold(0u64, |sum, tally| sum.wrapping_add(tally.sum));
            assert_eq!(tallies.iter().map(|tally| tally.reach).sum::<u64>(), 2_000);
            assert_eq!((wave.reach, wave.unreach, wave.sum), (2_000, 0, sum));
            assert_eq!(wave.updates, tallies.iter().map(|tally| tally.updates).sum::<u64>());
            let gone = encoder.wave(Action::Withdraw, Which::All, &placement).unwrap();
            assert_eq!(gone.of_sender.iter().map(|bytes| count(bytes).unreach).sum::<u64>(), 2_000);
        }
    }

    #[test]
    fn the_vteps_vnis_and_senders_together_are_all() {
        let plan = Plan::new(Shape { routes: 500, vteps: 5, vnis: 3, imet: true, ..Shape::default() });
        let mut placement = Placement::default();
        for index in 0..20 {
            plan.move_host(plan.host_of_move(index).unwrap(), &mut placement);
        }
        let mut encoder = Encoder::new(&plan, 2);
        let mut reach = |which| encoder.wave(Action::Announce, which, &placement).unwrap().reach;
        assert_eq!((0..5).map(|vtep| reach(Which::Vtep(vtep))).sum::<u64>(), 500);
        assert_eq!((0..3).map(|vni| reach(Which::Vni(vni))).sum::<u64>(), 500);
        assert_eq!((0..2).map(|sender| reach(Which::Sender(sender))).sum::<u64>(), 500);
    }

    #[test]
    fn no_update_has_more_routes_than_the_shape_allows() {
        for (per_update, updates) in [(1, 1_000), (10, 100), (0, 4 * 3)] {
            let plan = Plan::new(Shape { routes: 1_000, vteps: 2, vnis: 2, per_update, ..Shape::default() });
            let mut encoder = Encoder::new(&plan, 1);
            let wave = encoder.wave(Action::Announce, Which::All, &Placement::default()).unwrap();
            assert_eq!(wave.updates, updates, "{per_update} an UPDATE");
        }
    }

    #[test]
    fn a_move_is_an_announcement_that_names_the_host_and_a_withdrawal() {
        let plan = Plan::new(Shape { routes: 100, vteps: 4, vnis: 1, ..Shape::default() });
        let mut placement = Placement::default();
        let moved = plan.move_host(plan.host(60).unwrap(), &mut placement);
        let moved = Encoder::new(&plan, 2).moved(&moved).unwrap();
        assert_eq!((moved.host, moved.routes, moved.updates), (60, 1, 2));
        assert_ne!(moved.announce.0, moved.withdraw.0, "neighbouring VTEPs have different senders");
        let (mut tally, mut hosts) = (Tally::default(), Vec::new());
        count_update(&moved.announce.1, &mut tally, Some(&mut hosts)).unwrap();
        count_update(&moved.withdraw.1, &mut tally, Some(&mut hosts)).unwrap();
        assert_eq!((tally.reach, tally.unreach, hosts), (1, 1, vec![60]));
    }

    #[test]
    fn other_families_and_end_of_rib_are_no_routes() {
        let mut tally = Tally::default();
        let ipv4 = [0, 1, 1, 4, 192, 0, 2, 1, 0, 24, 198, 51, 100];
        for attributes in
            [vec![injector::mp_unreach(&[])], vec![injector::attribute(0x80, 14, &ipv4)], vec![]]
        {
            count_update(&injector::update(&attributes), &mut tally, None).unwrap();
        }
        assert_eq!((tally.updates, tally.reach, tally.unreach), (3, 0, 0));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        let nlri = injector::evpn_nlri(2, &[0; 33]);
        let good = injector::update(&[injector::mp_reach(Ipv4Addr::LOCALHOST, &nlri)]);
        let mut refused = 0;
        for at in HEADER..good.len() {
            for value in [0, 1, 0xff] {
                let mut bad = good.clone();
                bad[at] = value;
                refused += usize::from(count_update(&bad, &mut Tally::default(), None).is_err());
            }
        }
        assert!(refused > 5, "{refused}");
        assert_eq!(next_message(&[0xff; 18]), Ok(None));
        let mut short = [0xff; 19];
        (short[16], short[17]) = (0, 18);
        assert_eq!(next_message(&short), Err(Malformed::Length(18)));
    }
}
