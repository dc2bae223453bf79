//! What an aggregate is made of in one domain: its contributors, and whether it is advertised
//! (RFC 4271 §9.2.2.2, RFC 4632 §5.1). Pure; time is an argument.
//!
//! It is advertised with the first contributor and, after the last, lingers for a moment: a
//! contributor that flaps must not take the reachability of all others' prefix with it. Every
//! contributor's attributes that matter are counted, so that none of them has to be looked at
//! again when one comes or goes.

use crate::wire::attribute::{IsfSafi, Origin};
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use weft_evpn::DomainId;

/// How long an aggregate outlives its last contributor.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// What of a contributor shows in the aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Share {
    pub origin: Origin,
    /// It has an AS_PATH, which the aggregate has not.
    pub has_path: bool,
    /// The domains that it has come through, the one that it came from among them.
    pub domains: Vec<DomainId>,
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
    pub domains: Vec<(DomainId, IsfSafi)>,
}

/// What became of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing.
    None,
    /// It has other attributes.
    Attributes,
    /// It is advertised and was not.
    Activity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Idle,
    Active,
    Lingering {
        until: Instant,
    },
}

/// The contributors of an aggregate in one domain.
#[derive(Debug, Default)]
pub(super) struct Contributors {
    members: BTreeMap<IpNet, Share>,
    /// By ORIGIN, by having an AS_PATH, by domain: how many.
    origins: BTreeMap<Origin, u32>,
    with_path: u32,
    domains: BTreeMap<DomainId, u32>,
    state: State,
    summary: Summary,
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K, more: bool) {
    let number = counts.get(&key).copied().unwrap_or(0);
    let number = if more { number.saturating_add(1) } else { number.saturating_sub(1) };
    if number == 0 {
        counts.remove(&key);
    } else {
        counts.insert(key, number);
    }
}

impl Contributors {
    fn tally(&mut self, share: &Share, more: bool) {
        count(&mut self.origins, share.origin, more);
        if share.has_path {
            self.with_path = if more { self.with_path + 1 } else { self.with_path.saturating_sub(1) };
        }
        for domain in &share.domains {
            count(&mut self.domains, *domain, more);
        }
    }

    /// This prefix contributes so, or (`None`) does not.
    pub fn set(&mut self, prefix: IpNet, share: Option<Share>, now: Instant) -> Change {
        if self.members.get(&prefix) == share.as_ref() {
            return Change::None;
        }
        let old = match share {
            Some(share) => {
                self.tally(&share, true);
                self.members.insert(prefix, share)
            }
            None => self.members.remove(&prefix),
        };
        if let Some(old) = old {
            self.tally(&old, false);
        }
        let (was, before) = (self.is_active(), self.summary.clone());
        if self.members.is_empty() {
            self.state = State::Lingering { until: now + LINGER };
        } else {
            self.state = State::Active;
            self.summary = Summary {
                origin: self.origins.keys().next_back().copied().unwrap_or_default(),
                atomic: self.with_path > 0,
                domains: self.domains.keys().map(|domain| (*domain, IsfSafi::Evpn)).collect(),
            };
        }
        if was != self.is_active() {
            Change::Activity
        } else if before != self.summary {
            Change::Attributes
        } else {
            Change::None
        }
    }

    /// Advertised, with these attributes.
    pub fn active(&self) -> Option<&Summary> {
        self.is_active().then_some(&self.summary)
    }

    pub fn is_active(&self) -> bool {
        self.state != State::Idle
    }

    /// When it ends, if it has outlived its contributors.
    pub fn lingers_until(&self) -> Option<Instant> {
        match self.state {
            State::Lingering { until } => Some(until),
            State::Idle | State::Active => None,
        }
    }

    /// True if it ended just now.
    pub fn expire(&mut self, now: Instant) -> bool {
        let due = self.lingers_until().is_some_and(|until| until <= now);
        if due {
            self.state = State::Idle;
        }
        due
    }

    pub fn contains(&self, prefix: &IpNet) -> bool {
        self.members.contains_key(prefix)
    }

    pub fn members(&self) -> impl Iterator<Item = &IpNet> {
        self.members.keys()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(n: u8) -> IpNet {
        format!("10.0.0.{n}/32").parse().unwrap()
    }

    #[test]
    fn it_lives_from_the_first_contributor_to_a_moment_after_the_last() {
        let start = Instant::now();
        let mut aggregate = Contributors::default();
        assert_eq!(aggregate.active(), None);
        assert_eq!(aggregate.set(net(1), Some(Share::default()), start), Change::Activity);
        assert_eq!(aggregate.set(net(1), Some(Share::default()), start), Change::None, "said twice");
        assert_eq!(aggregate.set(net(2), Some(Share::default()), start), Change::None, "the same attributes");
        assert_eq!(aggregate.set(net(1), None, start), Change::None);
        assert_eq!(aggregate.set(net(2), None, start), Change::None, "it lingers");
        assert_eq!(aggregate.lingers_until(), Some(start + LINGER));
        // A flap: nothing is heard of it.
        assert!(!aggregate.expire(start + LINGER / 2));
        assert_eq!(aggregate.set(net(2), Some(Share::default()), start + LINGER / 2), Change::None);
        assert_eq!(aggregate.lingers_until(), None);
        assert_eq!(aggregate.set(net(2), None, start + LINGER), Change::None);
        assert!(aggregate.expire(start + 2 * LINGER) && !aggregate.expire(start + 2 * LINGER));
        assert_eq!(aggregate.active(), None);
        let nothing = aggregate.set(net(3), None, start + 3 * LINGER);
        assert_eq!(nothing, Change::None, "what was not there cannot go");
        assert_eq!(aggregate.active(), None);
    }

    #[test]
    fn its_attributes_are_the_worst_of_the_contributors() {
        let now = Instant::now();
        let mut aggregate = Contributors::default();
        let domain = DomainId::new(1, 1);
        let share = |origin, has_path, domains: &[DomainId]| {
            Some(Share { origin, has_path, domains: domains.to_vec() })
        };
        aggregate.set(net(1), share(Origin::Igp, false, &[]), now);
        assert_eq!(aggregate.active(), Some(&Summary::default()));
        let changed = aggregate.set(net(2), share(Origin::Incomplete, true, &[domain]), now);
        assert_eq!(changed, Change::Attributes);
        let domains = vec![(domain, IsfSafi::Evpn)];
        let worst = Summary { origin: Origin::Incomplete, atomic: true, domains };
        assert_eq!(aggregate.active(), Some(&worst));
        assert_eq!(aggregate.set(net(2), share(Origin::Egp, false, &[]), now), Change::Attributes);
        assert_eq!(aggregate.active().map(|summary| summary.origin), Some(Origin::Egp));
        assert_eq!(aggregate.set(net(2), None, now), Change::Attributes);
        assert_eq!(aggregate.active(), Some(&Summary::default()));
    }
}
