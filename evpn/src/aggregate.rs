//! Aggregation of prefixes (RFC 4632 §5.1, RFC 4271 §9.2.2.2): which configured aggregates are
//! announced into which target, and which of their contributors are held back from it.
//!
//! Pure, and ignorant of what it serves: a target `T` is whatever routes are sent into (an EVPN
//! domain), and of a contributor's attributes it keeps `A`, the part that shows in the
//! aggregate (its ORIGIN, say, and whether a path is shortened).
//!
//! - A contributor is a route that may go into the target and is more specific than the
//!   aggregate. Aggregates are no contributors of one another.
//! - An aggregate comes at once with its first contributor. When the last one goes it lingers, so
//!   that a route that flaps does not make it flap.
//! - With summary-only a contributor is held back from the first moment on. It is never sent while
//!   its aggregate is announced, and it is let go before its aggregate is withdrawn.
//!
//! A contributor finds its aggregates by one look-up for each prefix length that aggregates
//! have; an aggregate finds its contributors as a range of an ordered map.
//!
//! Not done here: what an aggregate's route carries, and the discard route behind it.

#[cfg(test)]
mod tests;

use ipnet::IpNet;
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// How long an aggregate outlives its last contributor.
pub const LINGER: Duration = Duration::from_secs(1);

/// One thing that changes in what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AggregateChange<T> {
    /// Announce the aggregate into the target; also when only its summary changed.
    Announce {
        /// The aggregate.
        aggregate: IpNet,
        /// Where to.
        target: T,
    },
    /// Withdraw the aggregate from the target.
    Withdraw {
        /// The aggregate.
        aggregate: IpNet,
        /// Where from.
        target: T,
    },
    /// A contributor is held back from the target, or no longer.
    HeldBack {
        /// The contributor.
        contributor: IpNet,
        /// Where from.
        target: T,
        /// By which aggregate, the most specific one; `None`: it may go.
        by: Option<IpNet>,
    },
}

/// What an aggregate is in one target.
#[derive(Debug)]
struct State<A> {
    /// How many contributors have each summary.
    summaries: BTreeMap<A, usize>,
    /// Until when it stands without a contributor.
    linger: Option<Instant>,
}

#[derive(Debug)]
struct Aggregate<T, A> {
    summary_only: bool,
    /// The targets that it is announced into.
    announced: BTreeMap<T, State<A>>,
}

/// The aggregates of one table.
#[derive(Debug)]
pub struct Aggregates<T, A> {
    linger: Duration,
    aggregates: BTreeMap<IpNet, Aggregate<T, A>>,
    /// The prefix lengths of the aggregates, and of how many; IPv4 and IPv6 together.
    lengths: BTreeMap<u8, usize>,
    contributors: BTreeMap<IpNet, SmallVec<[(T, A); 1]>>,
    deadlines: BTreeSet<(Instant, IpNet, T)>,
}

impl<T: Copy + Ord, A: Clone + Ord> Default for Aggregates<T, A> {
    fn default() -> Self {
        Self::new(LINGER)
    }
}

impl<T: Copy + Ord, A: Clone + Ord> Aggregates<T, A> {
    /// No aggregates; those to come outlive their last contributor by `linger`.
    pub fn new(linger: Duration) -> Self {
        Self {
            linger,
            aggregates: BTreeMap::new(),
            lengths: BTreeMap::new(),
            contributors: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    /// The whole wanted configuration: each aggregate, and whether it is summary-only. Host bits
    /// are taken as zero.
    pub fn configure(&mut self, wanted: &BTreeMap<IpNet, bool>, out: &mut Vec<AggregateChange<T>>) {
        let wanted: BTreeMap<IpNet, bool> =
            wanted.iter().map(|(prefix, summary_only)| (prefix.trunc(), *summary_only)).collect();
        // What comes, comes before what goes: a contributor is never without both.
        for (prefix, summary_only) in &wanted {
            match self.aggregates.get_mut(prefix) {
                Some(aggregate) if aggregate.summary_only == *summary_only => {}
                Some(_) => self.change_holding(*prefix, *summary_only, out),
                None => self.add(*prefix, *summary_only, out),
            }
        }
        let gone: Vec<IpNet> =
            self.aggregates.keys().filter(|prefix| !wanted.contains_key(prefix)).copied().collect();
        for prefix in gone {
            self.remove(prefix, out);
        }
    }

    fn add(&mut self, prefix: IpNet, summary_only: bool, out: &mut Vec<AggregateChange<T>>) {
        let mut announced: BTreeMap<T, State<A>> = BTreeMap::new();
        for (_, targets) in more_specific(&self.contributors, prefix) {
            for (target, summary) in targets {
                let state = announced
                    .entry(*target)
                    .or_insert_with(|| State { summaries: BTreeMap::new(), linger: None });
                *state.summaries.entry(summary.clone()).or_default() += 1;
            }
        }
        out.extend(
            announced.keys().map(|target| AggregateChange::Announce { aggregate: prefix, target: *target }),
        );
        self.aggregates.insert(prefix, Aggregate { summary_only: false, announced });
        *self.lengths.entry(prefix.prefix_len()).or_default() += 1;
        if summary_only {
            self.change_holding(prefix, true, out);
        }
    }

    fn remove(&mut self, prefix: IpNet, out: &mut Vec<AggregateChange<T>>) {
        self.change_holding(prefix, false, out);
        let Some(aggregate) = self.aggregates.remove(&prefix) else { return };
        if let Some(aggregates) = self.lengths.get_mut(&prefix.prefix_len()) {
            *aggregates -= 1;
            if *aggregates == 0 {
                self.lengths.remove(&prefix.prefix_len());
            }
        }
        for (target, state) in aggregate.announced {
            if let Some(until) = state.linger {
                self.deadlines.remove(&(until, prefix, target));
            }
            out.push(AggregateChange::Withdraw { aggregate: prefix, target });
        }
    }

    /// Changes summary-only, and says which contributors that holds back or lets go.
    fn change_holding(&mut self, prefix: IpNet, summary_only: bool, out: &mut Vec<AggregateChange<T>>) {
        let held: Vec<(IpNet, Option<IpNet>)> = more_specific(&self.contributors, prefix)
            .map(|(contributor, _)| (*contributor, self.held_back_by(*contributor)))
            .collect();
        let Some(aggregate) = self.aggregates.get_mut(&prefix) else { return };
        aggregate.summary_only = summary_only;
        for (contributor, before) in held {
            let by = self.held_back_by(contributor);
            if by != before {
                let targets = self.contributors.get(&contributor).into_iter().flatten();
                out.extend(targets.map(|(target, _)| AggregateChange::HeldBack {
                    contributor,
                    target: *target,
                    by,
                }));
            }
        }
    }

    /// A route may go into a target, with this summary of its attributes; `None`: it may not, or
    /// is gone.
    pub fn set(
        &mut self,
        prefix: IpNet,
        target: T,
        summary: Option<A>,
        now: Instant,
        out: &mut Vec<AggregateChange<T>>,
    ) {
        let prefix = prefix.trunc();
        let targets = self.contributors.entry(prefix).or_default();
        let place = targets.iter().position(|(other, _)| *other == target);
        let before = match (place, summary.clone()) {
            (Some(at), Some(summary)) => {
                targets.get_mut(at).map(|(_, place)| std::mem::replace(place, summary))
            }
            (Some(at), None) => Some(targets.swap_remove(at).1),
            (None, Some(summary)) => {
                targets.push((target, summary));
                None
            }
            (None, None) => None,
        };
        if targets.is_empty() {
            self.contributors.remove(&prefix);
        }
        if before == summary {
            return;
        }
        let covering: SmallVec<[IpNet; 4]> = self.covering(prefix).collect();
        for aggregate in &covering {
            self.change_contributor(*aggregate, target, before.as_ref(), summary.as_ref(), now, out);
        }
        if before.is_none()
            && let Some(by) = self.held_back_by(prefix)
        {
            out.push(AggregateChange::HeldBack { contributor: prefix, target, by: Some(by) });
        }
    }

    fn change_contributor(
        &mut self,
        prefix: IpNet,
        target: T,
        before: Option<&A>,
        after: Option<&A>,
        now: Instant,
        out: &mut Vec<AggregateChange<T>>,
    ) {
        let Some(aggregate) = self.aggregates.get_mut(&prefix) else { return };
        let mut is_news = !aggregate.announced.contains_key(&target);
        let state = aggregate
            .announced
            .entry(target)
            .or_insert_with(|| State { summaries: BTreeMap::new(), linger: None });
        if let Some(after) = after {
            if let Some(until) = state.linger.take() {
                self.deadlines.remove(&(until, prefix, target));
                // What the last contributor left behind.
                let left = std::mem::take(&mut state.summaries);
                is_news |= left.keys().ne([after]);
                state.summaries.insert(after.clone(), 1);
            } else {
                let count = state.summaries.entry(after.clone()).or_default();
                *count += 1;
                is_news |= *count == 1;
            }
        }
        if let Some(before) = before {
            let others: usize = state.summaries.values().sum();
            if others == 1 && after.is_none() {
                // It stands as it is for a while.
                let until = now.checked_add(self.linger).unwrap_or(now);
                state.linger = Some(until);
                self.deadlines.insert((until, prefix, target));
            } else if let Some(count) = state.summaries.get_mut(before) {
                *count -= 1;
                if *count == 0 {
                    state.summaries.remove(before);
                    is_news = true;
                }
            }
        }
        if is_news {
            out.push(AggregateChange::Announce { aggregate: prefix, target });
        }
    }

    /// Nothing goes into this target any more: what was announced there is withdrawn at once.
    pub fn drop_target(&mut self, target: T, out: &mut Vec<AggregateChange<T>>) {
        self.contributors.retain(|_, targets| {
            targets.retain(|(other, _)| *other != target);
            !targets.is_empty()
        });
        for (prefix, aggregate) in &mut self.aggregates {
            let Some(state) = aggregate.announced.remove(&target) else { continue };
            if let Some(until) = state.linger {
                self.deadlines.remove(&(until, *prefix, target));
            }
            out.push(AggregateChange::Withdraw { aggregate: *prefix, target });
        }
    }

    /// When `on_deadline` must be called; `None`: only after something else.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, ..)| *at)
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Instant, out: &mut Vec<AggregateChange<T>>) {
        while let Some((at, prefix, target)) = self.deadlines.first().copied().filter(|(at, ..)| *at <= now) {
            self.deadlines.remove(&(at, prefix, target));
            if let Some(aggregate) = self.aggregates.get_mut(&prefix) {
                aggregate.announced.remove(&target);
                out.push(AggregateChange::Withdraw { aggregate: prefix, target });
            }
        }
    }

    /// The aggregates that a prefix contributes to, the most specific one first.
    pub fn covering(&self, prefix: IpNet) -> impl Iterator<Item = IpNet> {
        let lengths = self.lengths.range(..prefix.prefix_len()).rev();
        lengths.filter_map(move |(length, _)| {
            let aggregate = IpNet::new(prefix.addr(), *length).ok()?.trunc();
            self.aggregates.contains_key(&aggregate).then_some(aggregate)
        })
    }

    /// The most specific aggregate that holds a route to this prefix back from every target.
    pub fn held_back_by(&self, prefix: IpNet) -> Option<IpNet> {
        let mut covering = self.covering(prefix);
        covering.find(|prefix| self.aggregates.get(prefix).is_some_and(|aggregate| aggregate.summary_only))
    }

    /// True if the aggregate is announced into the target.
    pub fn is_announced(&self, aggregate: IpNet, target: T) -> bool {
        self.aggregates.get(&aggregate).is_some_and(|aggregate| aggregate.announced.contains_key(&target))
    }

    /// When the aggregate is withdrawn from the target, if it has outlived its contributors there.
    pub fn lingers_until(&self, aggregate: IpNet, target: T) -> Option<Instant> {
        self.aggregates.get(&aggregate)?.announced.get(&target)?.linger
    }

    /// True if the aggregate is announced into any target: then traffic that matches nothing more
    /// specific must be discarded (RFC 4632 §5.1).
    pub fn is_announced_anywhere(&self, aggregate: IpNet) -> bool {
        self.aggregates.get(&aggregate).is_some_and(|aggregate| !aggregate.announced.is_empty())
    }

    /// The summaries of the contributors of an aggregate, each once, in order; of one that
    /// lingers, that of the last.
    pub fn summaries(&self, aggregate: IpNet, target: T) -> impl Iterator<Item = &A> {
        let state = self.aggregates.get(&aggregate).and_then(|aggregate| aggregate.announced.get(&target));
        state.into_iter().flat_map(|state| state.summaries.keys())
    }

    /// All aggregates, in order, and whether each is summary-only.
    pub fn aggregates(&self) -> impl Iterator<Item = (IpNet, bool)> {
        self.aggregates.iter().map(|(prefix, aggregate)| (*prefix, aggregate.summary_only))
    }

    /// True if the prefix contributes to the aggregates that cover it.
    pub fn contributes(&self, prefix: IpNet, target: T) -> bool {
        let targets = self.contributors.get(&prefix).into_iter().flatten();
        targets.into_iter().any(|(other, _)| *other == target)
    }

    /// The contributors of an aggregate in a target, in order.
    pub fn contributors(&self, aggregate: IpNet, target: T) -> impl Iterator<Item = (IpNet, &A)> {
        more_specific(&self.contributors, aggregate).filter_map(move |(prefix, targets)| {
            let (_, summary) = targets.iter().find(|(other, _)| *other == target)?;
            Some((*prefix, summary))
        })
    }
}

/// The entries whose prefixes lie in this one and are more specific.
fn more_specific<V>(all: &BTreeMap<IpNet, V>, prefix: IpNet) -> impl Iterator<Item = (&IpNet, &V)> {
    // Prefixes are ordered by address, then by length: after the aggregate itself come those
    // in it, up to the last address of it.
    let last = IpNet::new(prefix.broadcast(), prefix.max_prefix_len()).unwrap_or(prefix);
    all.range(prefix..=last).filter(move |(other, _)| other.prefix_len() > prefix.prefix_len())
}
