//! A policy to test with.

use crate::rib::{PolicyRef, RoutePolicy, Verdict};
use crate::wire::{AttributeSet, Family, unicast};
use ipnet::IpNet;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Denies prefixes within `deny` and sets of `deny_community`, gives the rest what is set here.
#[derive(Debug, Default)]
pub(in crate::rib) struct Rules {
    pub(super) deny: Option<IpNet>,
    pub(super) deny_community: Option<u32>,
    pub(super) local_pref: Option<u32>,
    pub(super) med: Option<u32>,
    /// Looks at attributes only.
    pub(super) ignores_nlri: bool,
    pub(super) asked: AtomicUsize,
}

impl Rules {
    pub(super) fn reference(self) -> (Arc<Self>, PolicyRef) {
        let rules = Arc::new(self);
        (Arc::clone(&rules), PolicyRef::new(rules, 1))
    }

    pub(super) fn times(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

impl RoutePolicy for Rules {
    fn judge(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Verdict {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let denied =
            self.deny.is_some_and(|net| net.contains(&unicast::parse(family, nlri).expect("a prefix")));
        if denied || self.deny_community.is_some_and(|community| attributes.communities.contains(&community))
        {
            return Verdict::Deny;
        }
        if self.local_pref.is_none() && self.med.is_none() {
            return Verdict::Permit;
        }
        let mut set = attributes.clone();
        set.local_pref = self.local_pref.or(set.local_pref);
        set.med = self.med.or(set.med);
        Verdict::Change(Box::new(set))
    }

    fn ignores_nlri(&self) -> bool {
        self.ignores_nlri
    }
}
