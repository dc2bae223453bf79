//! Aggregation: single rules, and a random walk beside a model that recomputes everything.

use super::*;
use proptest::prelude::*;

type Under = Aggregates<u8, u8>;
type Changes = Vec<AggregateChange<u8>>;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn with(aggregates: &[(&str, bool)]) -> Under {
    let mut under = Under::default();
    under.configure(&aggregates.iter().map(|(text, only)| (net(text), *only)).collect(), &mut vec![]);
    under
}

fn set(under: &mut Under, prefix: &str, summary: Option<u8>, now: Instant) -> Changes {
    let mut out = vec![];
    under.set(net(prefix), 1, summary, now, &mut out);
    out
}

fn announce(aggregate: &str) -> AggregateChange<u8> {
    AggregateChange::Announce { aggregate: net(aggregate), target: 1 }
}

fn withdraw(aggregate: &str) -> AggregateChange<u8> {
    AggregateChange::Withdraw { aggregate: net(aggregate), target: 1 }
}

fn held(contributor: &str, by: Option<&str>) -> AggregateChange<u8> {
    AggregateChange::HeldBack { contributor: net(contributor), target: 1, by: by.map(net) }
}

#[test]
fn the_first_contributor_brings_the_aggregate_before_it_is_held_back() {
    let now = Instant::now();
    let mut under = with(&[("10.1.0.0/16", true)]);
    let out = set(&mut under, "10.1.2.3/32", Some(0), now);
    assert_eq!(out, [announce("10.1.0.0/16"), held("10.1.2.3/32", Some("10.1.0.0/16"))]);
    assert_eq!(set(&mut under, "10.1.2.4/32", Some(0), now), [held("10.1.2.4/32", Some("10.1.0.0/16"))]);
    assert_eq!(set(&mut under, "10.1.2.4/32", Some(0), now), [], "what is known changes nothing");
}

#[test]
fn a_prefix_as_long_as_the_aggregate_or_outside_is_no_contributor() {
    let now = Instant::now();
    let mut under = with(&[("10.1.0.0/16", true), ("2001:db8::/32", false)]);
    for other in ["10.1.0.0/16", "10.0.0.0/8", "10.2.0.1/32", "0.0.0.0/0", "::/0", "2001:db9::1/128"] {
        assert_eq!(set(&mut under, other, Some(0), now), [], "{other}");
        assert_eq!(under.held_back_by(net(other)), None, "{other}");
    }
    assert_eq!(set(&mut under, "2001:db8:1::/64", Some(0), now), [announce("2001:db8::/32")]);
}

#[test]
fn the_last_contributor_leaves_the_aggregate_standing_for_a_while() {
    let now = Instant::now();
    let mut under = with(&[("10.1.0.0/16", true)]);
    set(&mut under, "10.1.2.3/32", Some(7), now);
    assert_eq!(set(&mut under, "10.1.2.3/32", None, now), []);
    assert_eq!(under.summaries(net("10.1.0.0/16"), 1).collect::<Vec<_>>(), [&7]);
    assert_eq!(under.next_deadline(), Some(now + LINGER));
    let back = set(&mut under, "10.1.2.9/32", Some(7), now);
    assert_eq!(back, [held("10.1.2.9/32", Some("10.1.0.0/16"))], "the aggregate does not flap");
    assert_eq!(under.next_deadline(), None);
    set(&mut under, "10.1.2.9/32", None, now);
    let mut out = vec![];
    under.on_deadline(now + LINGER - Duration::from_millis(1), &mut out);
    assert_eq!(out, []);
    under.on_deadline(now + LINGER, &mut out);
    assert_eq!(out, [withdraw("10.1.0.0/16")]);
    assert_eq!(under.next_deadline(), None);
    assert!(!under.is_announced_anywhere(net("10.1.0.0/16")));
}

#[test]
fn a_summary_that_changes_is_announced() {
    let now = Instant::now();
    let mut under = with(&[("10.1.0.0/16", false)]);
    set(&mut under, "10.1.0.1/32", Some(0), now);
    assert_eq!(set(&mut under, "10.1.0.2/32", Some(0), now), []);
    assert_eq!(set(&mut under, "10.1.0.2/32", Some(2), now), [announce("10.1.0.0/16")]);
    assert_eq!(under.summaries(net("10.1.0.0/16"), 1).collect::<Vec<_>>(), [&0, &2]);
    assert_eq!(set(&mut under, "10.1.0.2/32", None, now), [announce("10.1.0.0/16")]);
    set(&mut under, "10.1.0.1/32", None, now);
    assert_eq!(set(&mut under, "10.1.0.1/32", Some(3), now), [announce("10.1.0.0/16")], "it lingered as 0");
}

#[test]
fn the_most_specific_summary_holds_back_and_the_next_takes_over() {
    let now = Instant::now();
    let mut under = with(&[("10.0.0.0/8", true), ("10.1.0.0/16", true), ("10.1.1.0/24", false)]);
    let out = set(&mut under, "10.1.1.1/32", Some(0), now);
    let (wide, narrow) = ("10.0.0.0/8", "10.1.0.0/16");
    assert_eq!(
        out,
        [announce("10.1.1.0/24"), announce(narrow), announce(wide), held("10.1.1.1/32", Some(narrow))]
    );
    let mut out = vec![];
    under.configure(&BTreeMap::from([(net(wide), true)]), &mut out);
    assert_eq!(out, [held("10.1.1.1/32", Some(wide)), withdraw(narrow), withdraw("10.1.1.0/24")]);
    out.clear();
    under.configure(&BTreeMap::new(), &mut out);
    assert_eq!(out, [held("10.1.1.1/32", None), withdraw(wide)], "let go before the aggregate is");
}

#[test]
fn an_aggregate_that_is_configured_later_finds_its_contributors() {
    let now = Instant::now();
    let mut under = with(&[]);
    for prefix in ["10.1.0.1/32", "10.1.0.0/24", "10.1.0.0/16", "10.2.0.1/32", "10.0.0.0/8"] {
        assert_eq!(set(&mut under, prefix, Some(0), now), []);
    }
    let mut out = vec![];
    under.configure(&BTreeMap::from([(net("10.1.3.4/16"), true)]), &mut out);
    let aggregate = "10.1.0.0/16";
    assert_eq!(
        out,
        [announce(aggregate), held("10.1.0.0/24", Some(aggregate)), held("10.1.0.1/32", Some(aggregate))]
    );
    assert_eq!(under.contributors(net(aggregate), 1).count(), 2);
}

#[test]
fn a_target_that_goes_takes_its_announcements_along() {
    let now = Instant::now();
    let mut under = with(&[("10.1.0.0/16", true)]);
    set(&mut under, "10.1.0.1/32", Some(0), now);
    set(&mut under, "10.1.0.1/32", None, now);
    let mut out = vec![];
    under.set(net("10.1.0.2/32"), 2, Some(0), now, &mut out);
    out.clear();
    under.drop_target(1, &mut out);
    assert_eq!(out, [withdraw("10.1.0.0/16")]);
    assert_eq!(under.next_deadline(), None);
    assert!(under.is_announced(net("10.1.0.0/16"), 2));
}

/// What the machine should say, recomputed from everything each time.
#[derive(Default)]
struct Model {
    config: BTreeMap<IpNet, bool>,
    routes: BTreeMap<(IpNet, u8), u8>,
    /// When the last contributor of an announced aggregate went, and its summary.
    lingering: BTreeMap<(IpNet, u8), (Instant, BTreeSet<u8>)>,
}

type Announced = BTreeMap<(IpNet, u8), BTreeSet<u8>>;

impl Model {
    fn with_contributors(&self) -> Announced {
        let mut all = Announced::new();
        for aggregate in self.config.keys() {
            for ((prefix, target), summary) in &self.routes {
                if aggregate.contains(prefix) && aggregate != prefix {
                    all.entry((*aggregate, *target)).or_default().insert(*summary);
                }
            }
        }
        all
    }

    fn announced(&self) -> Announced {
        let mut all = self.with_contributors();
        for (key, (_, summaries)) in &self.lingering {
            all.entry(*key).or_insert_with(|| summaries.clone());
        }
        all
    }

    fn held_back(&self) -> BTreeMap<(IpNet, u8), IpNet> {
        let by = |prefix: &IpNet| {
            let covering = self
                .config
                .iter()
                .filter(|(aggregate, only)| **only && aggregate.contains(prefix) && *aggregate != prefix);
            covering.map(|(aggregate, _)| *aggregate).max_by_key(|aggregate| aggregate.prefix_len())
        };
        self.routes.keys().filter_map(|key| Some((*key, by(&key.0)?))).collect()
    }

    fn step(&mut self, now: Instant, change: impl FnOnce(&mut Self)) {
        let before = self.announced();
        let had = self.with_contributors();
        change(self);
        let has = self.with_contributors();
        let config = &self.config;
        self.lingering.retain(|key, _| !has.contains_key(key) && config.contains_key(&key.0));
        for key in had.keys().filter(|key| !has.contains_key(key) && config.contains_key(&key.0)) {
            self.lingering.insert(*key, (now + LINGER, before[key].clone()));
        }
        self.lingering.retain(|_, (until, _)| *until > now);
    }
}

#[derive(Debug, Clone)]
enum Step {
    Configure(Vec<(u8, u8, bool)>),
    Set(u8, u8, u8, Option<u8>),
    Drop(u8),
    Wait(u64),
}

/// Prefixes that nest often: eight bits of address, in IPv4 or IPv6.
fn prefix(number: u8, length: u8) -> IpNet {
    let (bits, is_v6) = (length % 9, length >= 128);
    let text = if is_v6 { format!("{number:02x}00::/{bits}") } else { format!("{number}.0.0.0/{bits}") };
    net(&text).trunc()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let aggregates = prop::collection::vec((any::<u8>(), any::<u8>(), any::<bool>()), 0..6);
    let step = prop_oneof![
        1 => aggregates.prop_map(Step::Configure),
        8 => (any::<u8>(), any::<u8>(), 0u8..2, prop::option::weighted(0.6, 0u8..3))
            .prop_map(|(number, length, target, summary)| Step::Set(number & 0xe0, length, target, summary)),
        1 => (0u8..2).prop_map(Step::Drop),
        3 => (0u64..1500).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..120)
}

proptest! {
    #[test]
    fn it_says_what_the_model_says(steps in steps()) {
        let mut now = Instant::now();
        let (mut under, mut model) = (Under::default(), Model::default());
        let (mut announced, mut held) = (Announced::new(), BTreeMap::new());
        for step in steps {
            let mut out = vec![];
            match step {
                Step::Configure(all) => {
                    let wanted: BTreeMap<IpNet, bool> =
                        all.iter().map(|(number, length, only)| (prefix(*number, *length), *only)).collect();
                    under.configure(&wanted, &mut out);
                    model.step(now, |model| model.config = wanted);
                }
                Step::Set(number, length, target, summary) => {
                    let prefix = prefix(number, length);
                    under.set(prefix, target, summary, now, &mut out);
                    model.step(now, |model| match summary {
                        Some(summary) => drop(model.routes.insert((prefix, target), summary)),
                        None => drop(model.routes.remove(&(prefix, target))),
                    });
                    if summary.is_none() {
                        held.remove(&(prefix, target));
                    }
                }
                Step::Drop(target) => {
                    under.drop_target(target, &mut out);
                    model.step(now, |model| model.routes.retain(|key, _| key.1 != target));
                    model.lingering.retain(|key, _| key.1 != target);
                    held.retain(|key: &(IpNet, u8), _| key.1 != target);
                }
                Step::Wait(time) => {
                    now += Duration::from_millis(time);
                    prop_assert_eq!(
                        under.next_deadline(),
                        model.lingering.values().map(|(until, _)| *until).min()
                    );
                    under.on_deadline(now, &mut out);
                    model.step(now, |_| {});
                }
            }
            for change in out {
                match change {
                    AggregateChange::Announce { aggregate, target } => {
                        let summaries = under.summaries(aggregate, target).copied().collect();
                        let before = announced.insert((aggregate, target), summaries);
                        prop_assert_ne!(before.as_ref(), announced.get(&(aggregate, target)), "said twice");
                    }
                    AggregateChange::Withdraw { aggregate, target } => {
                        prop_assert!(announced.remove(&(aggregate, target)).is_some());
                        let covered = |(prefix, by): (&(IpNet, u8), &IpNet)| prefix.1 == target && *by == aggregate;
                        prop_assert!(!held.iter().any(covered), "withdrawn before its contributors went");
                    }
                    AggregateChange::HeldBack { contributor, target, by: Some(by) } => {
                        prop_assert!(announced.contains_key(&(by, target)), "held back before it is announced");
                        prop_assert_ne!(held.insert((contributor, target), by), Some(by), "said twice");
                    }
                    AggregateChange::HeldBack { contributor, target, by: None } => {
                        prop_assert!(held.remove(&(contributor, target)).is_some());
                    }
                }
            }
            prop_assert_eq!(&announced, &model.announced());
            prop_assert_eq!(&held, &model.held_back());
            for aggregate in model.config.keys() {
                prop_assert_eq!(
                    under.is_announced_anywhere(*aggregate),
                    announced.keys().any(|(other, _)| other == aggregate)
                );
            }
        }
    }
}
