//! Who of several claimants has a MAC or an address (RFC 7432 §15, draft-ietf-bess-rfc7432bis
//! §7.13.1): default gateway before sticky before the newest sequence number before the
//! lowest VTEP.
//!
//! Sequence numbers wrap, so they are compared as serial numbers (RFC 1982): a is newer than
//! b if it is less than 2³¹ ahead. That is no total order once numbers are spread over half
//! the range, as a broken peer may do; `best` measures all from one claimant (that with the
//! lowest VTEP), so it gives the same answer whatever the order of arrival.

use std::net::IpAddr;

/// One claim to a MAC or an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) gateway: bool,
    pub(super) sticky: bool,
    pub(super) sequence: u32,
    pub(super) vtep: IpAddr,
}

impl Claim {
    /// It may not move: a gateway or a sticky MAC.
    pub(super) fn is_fixed(&self) -> bool {
        self.gateway || self.sticky
    }

    /// True if this claim wins against the other.
    pub(super) fn beats(&self, other: &Claim) -> bool {
        let class = (self.gateway, self.sticky).cmp(&(other.gateway, other.sticky));
        let sequence = distance(self.sequence, other.sequence).cmp(&0);
        // A distance of exactly 2³¹ is negative from both sides: nobody is newer.
        let sequence = if is_opposite(self.sequence, other.sequence) { 0.cmp(&0) } else { sequence };
        class.then(sequence).then(other.vtep.cmp(&self.vtep)).is_gt()
    }
}

/// How far `a` is ahead of `b`, around the wrap.
fn distance(a: u32, b: u32) -> i32 {
    i32::from_ne_bytes(a.wrapping_sub(b).to_ne_bytes())
}

fn is_opposite(a: u32, b: u32) -> bool {
    distance(a, b) == i32::MIN
}

/// True if sequence number `a` is newer than `b`.
pub(super) fn is_newer(a: u32, b: u32) -> bool {
    distance(a, b) > 0
}

/// The winner, with what was attached to it.
pub(super) fn best<T: Copy>(claims: impl Iterator<Item = (Claim, T)> + Clone) -> Option<(Claim, T)> {
    let mut all = claims.clone();
    let mut winner = all.next()?;
    let first = winner.0.sequence;
    let mut is_narrow = true;
    for claim in all {
        is_narrow &= distance(claim.0.sequence, first).unsigned_abs() < 1 << 30;
        if claim.0.beats(&winner.0) {
            winner = claim;
        }
    }
    if is_narrow { Some(winner) } else { best_of_wide(claims) }
}

/// `best` where numbers are too far apart for `beats` to be an order.
fn best_of_wide<T: Copy>(claims: impl Iterator<Item = (Claim, T)> + Clone) -> Option<(Claim, T)> {
    let class = claims.clone().map(|(claim, _)| (claim.gateway, claim.sticky)).max()?;
    let claims = claims.filter(|(claim, _)| (claim.gateway, claim.sticky) == class);
    let (_, from) = claims.clone().map(|(claim, _)| (claim.vtep, claim.sequence)).min()?;
    claims.max_by(|(a, _), (b, _)| {
        distance(a.sequence, from).cmp(&distance(b.sequence, from)).then(b.vtep.cmp(&a.vtep))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::Ipv4Addr;

    fn claim(sequence: u32, vtep: u8) -> Claim {
        Claim { gateway: false, sticky: false, sequence, vtep: Ipv4Addr::new(10, 0, 0, vtep).into() }
    }

    #[test]
    fn the_higher_sequence_wins_and_a_tie_goes_to_the_lowest_vtep() {
        assert!(claim(2, 9).beats(&claim(1, 1)));
        assert!(claim(2, 1).beats(&claim(2, 9)));
        assert!(!claim(2, 9).beats(&claim(2, 1)));
        assert!(!claim(2, 1).beats(&claim(2, 1)));
    }

    #[test]
    fn zero_follows_the_last_number() {
        assert!(is_newer(0, u32::MAX));
        assert!(!is_newer(u32::MAX, 0));
        assert!(claim(0, 9).beats(&claim(u32::MAX, 1)));
        let opposite = 1 << 31;
        assert!(!is_newer(opposite, 0) && !is_newer(0, opposite));
        assert!(claim(0, 1).beats(&claim(opposite, 2)) && !claim(opposite, 2).beats(&claim(0, 1)));
    }

    #[test]
    fn gateway_before_sticky_before_sequence() {
        let sticky = Claim { sticky: true, ..claim(0, 9) };
        let gateway = Claim { gateway: true, ..claim(0, 9) };
        assert!(sticky.beats(&claim(7, 1)) && gateway.beats(&sticky));
    }

    proptest! {
        #[test]
        fn the_best_does_not_depend_on_order(
            mut claims in prop::collection::vec((any::<u32>(), 1u8..6), 1..8), seed in any::<u64>(),
        ) {
            let all = |claims: &[(u32, u8)]| {
                best(claims.iter().map(|&(sequence, vtep)| (claim(sequence, vtep), ()))).unwrap().0
            };
            let first = all(&claims);
            for i in (1..claims.len()).rev() {
                claims.swap(i, (seed as usize).wrapping_mul(i + 7) % (i + 1));
            }
            prop_assert_eq!(first, all(&claims));
        }

        #[test]
        fn the_best_beats_all_others_within_half_the_range(
            start in any::<u32>(), claims in prop::collection::vec((0u32..1_000_000, 1u8..6), 1..8),
        ) {
            let claims: Vec<Claim> =
                claims.iter().map(|&(ahead, vtep)| claim(start.wrapping_add(ahead), vtep)).collect();
            let winner = best(claims.iter().map(|claim| (*claim, ()))).unwrap().0;
            prop_assert!(claims.iter().all(|claim| *claim == winner || winner.beats(claim)));
        }
    }
}
