//! What of its contributors shows in an aggregate (RFC 4271 §9.2.2.2): the worst ORIGIN, whether
//! a path was shortened, and the domains. When it is advertised is said in `weft_evpn::aggregate`.

use crate::wire::{AttributeSet, attribute::Origin};
use std::collections::BTreeSet;
use weft_evpn::DomainId;

/// What of a contributor shows in the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Share {
    origin: Origin,
    /// It has an AS_PATH, which the aggregate has not.
    has_path: bool,
    /// The domains that it has come through, the one that it came from among them; sorted.
    domains: Vec<DomainId>,
}

impl Share {
    /// Of a contributor with these attributes.
    pub fn of(set: &AttributeSet) -> Self {
        let passed = set.d_path.iter().flat_map(|path| path.domains());
        let domains: BTreeSet<DomainId> = passed.map(|passed| passed.domain).collect();
        let has_path = set.as_path.length() > 0;
        Self { origin: set.origin, has_path, domains: domains.into_iter().collect() }
    }
}

/// The attributes that an aggregate has of its contributors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Summary {
    /// The worst.
    pub origin: Origin,
    /// ATOMIC_AGGREGATE: paths were shortened.
    pub atomic: bool,
    /// Every domain that a contributor has come through. Without them a second gateway would
    /// take the aggregate back into the domain that it summarises.
    pub domains: BTreeSet<DomainId>,
}

impl Summary {
    /// Of all contributors.
    pub fn of<'a>(shares: impl Iterator<Item = &'a Share>) -> Self {
        let mut summary = Self::default();
        for share in shares {
            summary.origin = summary.origin.max(share.origin);
            summary.atomic |= share.has_path;
            summary.domains.extend(&share.domains);
        }
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attribute::{AsPath, DPath, IsfSafi};

    #[test]
    fn the_worst_of_all_contributors_shows() {
        let domain = DomainId::new(1, 1);
        let mut as_path = AsPath::default();
        as_path.prepend(65_000, 1);
        let d_path = Some(DPath::new(domain, IsfSafi::Evpn));
        let plain = Share::of(&AttributeSet::default());
        let far = Share::of(&AttributeSet { as_path, d_path, ..AttributeSet::default() });
        let odd = Share::of(&AttributeSet { origin: Origin::Incomplete, ..AttributeSet::default() });
        assert_eq!(Summary::of([&plain].into_iter()), Summary::default());
        let worst = Summary { origin: Origin::Incomplete, atomic: true, domains: [domain].into() };
        assert_eq!(Summary::of([&far, &plain, &odd].into_iter()), worst);
    }
}
