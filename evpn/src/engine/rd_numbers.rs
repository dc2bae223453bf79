//! The numbers in auto route distinguishers (RFC 7432 §7.9: router ID and a number). Each MAC-VRF,
//! IP-VRF, and IP-VRF towards another domain keeps its number while we run, and gets the same
//! one after a restart unless several start from the same number.

use crate::{DomainId, Vni};
use std::collections::{BTreeMap, BTreeSet};

/// Whose number it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RdOwner {
    MacVrf(Vni),
    /// By its L3VNI.
    IpVrf(Vni),
    /// An IP-VRF's routes to a domain that is not ours.
    Domain(Vni, DomainId),
}

impl RdOwner {
    /// Where the search for a free number starts.
    fn start(self) -> u16 {
        let low = |vni: Vni| {
            let [_, _, a, b] = vni.get().to_be_bytes();
            u16::from_be_bytes([a, b])
        };
        let number = match self {
            RdOwner::MacVrf(vni) | RdOwner::IpVrf(vni) => low(vni),
            RdOwner::Domain(vni, DomainId([a, b, c, d, e, f])) => {
                let domain = u16::from_be_bytes([a ^ c ^ e, b ^ d ^ f]);
                low(vni).wrapping_add(domain)
            }
        };
        number.max(1)
    }
}

#[derive(Debug, Default)]
pub(super) struct RdNumbers {
    of: BTreeMap<RdOwner, u16>,
    taken: BTreeSet<u16>,
}

impl RdNumbers {
    /// `None` once all 65,535 numbers are taken.
    pub(super) fn of(&mut self, owner: RdOwner) -> Option<u16> {
        if let Some(number) = self.of.get(&owner) {
            return Some(*number);
        }
        let start = owner.start();
        let mut numbers = (start..=u16::MAX).chain(1..start);
        let number = numbers.find(|number| !self.taken.contains(number))?;
        self.taken.insert(number);
        self.of.insert(owner, number);
        Some(number)
    }
}
