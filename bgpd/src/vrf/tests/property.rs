//! Whatever comes in whatever order, what was said is what a naive reading of the rules gives.

use super::lab::*;
use crate::vrf::{Advertise, AggregateSettings, VrfSettings};
use crate::wire::{AttributeSet, attribute::Origin};
use ipnet::IpNet;
use proptest::prelude::*;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use weft_evpn::{
    DomainId,
    forwarding::{VrfForward, VrfNextHop},
    vrf::LocalRouteKind,
};

/// 0 to 2 may be aggregates; 7 is the CEs' subnet.
const PREFIXES: [&str; 9] = [
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.1.0/24",
    "10.1.1.1/32",
    "10.1.1.2/32",
    "10.1.2.0/24",
    "10.2.0.0/16",
    "192.0.2.0/24",
    "0.0.0.0/0",
];
const CES: [&str; 2] = ["192.0.2.1", "192.0.2.2"];

#[derive(Debug, Clone)]
enum Step {
    Local { prefix: usize, route: Option<bool> },
    Remote { n: u8, core: bool, prefix: usize, path: Option<(bool, bool)> },
    Ce { n: usize, prefix: usize, there: bool },
    CeDown { n: usize },
    Redistribute { fixed: bool, on: bool },
    Advertise(bool),
    Default(bool),
    Subnet { prefix: usize, on: bool },
    Aggregate { prefix: usize, line: Option<bool> },
    Gateway(bool),
    Active(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let prefix = 0..PREFIXES.len();
    prop_oneof![
        3 => (prefix.clone(), any::<Option<bool>>()).prop_map(|(prefix, route)| Step::Local { prefix, route }),
        8 => (2..6_u8, any::<bool>(), prefix.clone(), any::<Option<(bool, bool)>>())
            .prop_map(|(n, core, prefix, path)| Step::Remote { n, core, prefix, path }),
        5 => (0..2_usize, prefix.clone(), any::<bool>()).prop_map(|(n, prefix, there)| Step::Ce { n, prefix, there }),
        1 => (0..2_usize).prop_map(|n| Step::CeDown { n }),
        1 => any::<(bool, bool)>().prop_map(|(fixed, on)| Step::Redistribute { fixed, on }),
        1 => any::<bool>().prop_map(Step::Advertise),
        1 => any::<bool>().prop_map(Step::Default),
        1 => (2..7_usize, any::<bool>()).prop_map(|(prefix, on)| Step::Subnet { prefix, on }),
        3 => (0..3_usize, any::<Option<bool>>()).prop_map(|(prefix, line)| Step::Aggregate { prefix, line }),
        1 => any::<bool>().prop_map(Step::Gateway),
        1 => any::<bool>().prop_map(Step::Active),
    ]
}

/// Everything that came in.
#[derive(Debug)]
struct Model {
    settings: VrfSettings,
    locals: BTreeMap<IpNet, bool>,
    remotes: BTreeMap<(IpNet, u8), Remote>,
    ces: BTreeSet<(IpNet, usize)>,
    active: bool,
}

/// What the decision compares, in its order: more is better.
type Preference = (bool, Reverse<usize>, Reverse<u32>, Reverse<Origin>, Reverse<Option<u32>>, bool);

#[derive(Debug, Clone)]
struct Path {
    key: Preference,
    identifier: u32,
    ways: Vec<VrfNextHop>,
    from: Option<DomainId>,
    passed: Vec<DomainId>,
    local: bool,
}

impl Model {
    fn is_local(&self, prefix: &IpNet) -> bool {
        self.locals.contains_key(prefix) || self.settings.gateway_subnets.contains(prefix)
    }

    /// The way to a CE.
    fn reaches(&self, ce: usize) -> Option<VrfNextHop> {
        let address = ip(CES[ce]);
        let holds = |prefix: &&IpNet| prefix.contains(&address);
        let longest = self.locals.keys().filter(holds).max_by_key(|prefix| prefix.prefix_len())?;
        Some(VrfNextHop::Gateway(if self.locals[longest] { ip("192.0.2.77") } else { address }))
    }

    /// The paths of a prefix, as good as the best, the best first.
    fn paths(&self, prefix: &IpNet) -> Vec<Path> {
        let mut all = Vec::new();
        let fixed = self.locals.get(prefix).copied();
        let fixed = fixed.or(self.settings.gateway_subnets.contains(prefix).then_some(false));
        if let Some(fixed) = fixed {
            let kind = if fixed { LocalRouteKind::Static } else { LocalRouteKind::Connected };
            if self.settings.ipv4.redistribute.contains_key(&kind) {
                let key = (true, Reverse(0), Reverse(0), Reverse(Origin::Igp), Reverse(None), false);
                let ways = Vec::new();
                all.push(Path { key, identifier: 0, ways, from: None, passed: Vec::new(), local: true });
            }
        }
        for (_, n) in self.ces.range((*prefix, 0)..=(*prefix, 9)) {
            if let Some(way) = self.reaches(*n) {
                let key = (false, Reverse(0), Reverse(1), Reverse(Origin::Igp), Reverse(None), true);
                let (identifier, ways) = (*n as u32 + 1, vec![way]);
                all.push(Path { key, identifier, ways, from: None, passed: Vec::new(), local: false });
            }
        }
        for ((_, n), remote) in self.remotes.range((*prefix, 0)..=(*prefix, 99)) {
            let set = &remote.attributes;
            let passed: Vec<_> =
                set.d_path.iter().flat_map(|path| path.domains()).map(|of| of.domain).collect();
            let (length, origin) = (set.as_path.length(), set.origin);
            let key = (false, Reverse(passed.len()), Reverse(length), Reverse(origin), Reverse(None), false);
            let identifier = u32::from_be_bytes([10, 255, 0, *n]);
            let from = Some(remote.domain);
            all.push(Path { key, identifier, ways: vec![vtep(*n)], from, passed, local: false });
        }
        let best = all.iter().map(|path| path.key).max();
        all.retain(|path| Some(path.key) == best);
        all.sort_by_key(|path| path.identifier);
        all
    }

    /// The domains that the route came through if it may go into a domain.
    fn candidate(&self, prefix: &IpNet, domain: DomainId) -> Option<Vec<DomainId>> {
        if let Some(best) = self.paths(prefix).first() {
            match best.from {
                Some(from) if from != domain && !best.passed.contains(&domain) => {
                    return Some(std::iter::once(from).chain(best.passed.iter().copied()).collect());
                }
                None if self.settings.ipv4.advertise.is_some() => return Some(Vec::new()),
                _ => {}
            }
        }
        let subnet = domain == SITE && self.settings.gateway_subnets.contains(prefix);
        subnet.then(Vec::new)
    }

    fn contributes(&self, prefix: &IpNet, aggregate: &IpNet, domain: DomainId) -> bool {
        let longer = |a: &IpNet, b: &IpNet| a != b && b.contains(a);
        let known = self.remotes.iter().filter(|(_, remote)| remote.domain == domain).map(|((of, _), _)| of);
        // Where aggregates are nested, the longest says what lies between.
        let covering = self.settings.ipv4.aggregates.keys().filter(|of| longer(prefix, of));
        let Some(longest) = covering.max_by_key(|of| of.prefix_len()) else { return false };
        longer(prefix, aggregate)
            && self.candidate(prefix, domain).is_some()
            && !known.clone().any(|between| between.contains(prefix) && longer(between, longest))
    }

    fn universe(&self) -> Vec<IpNet> {
        PREFIXES.iter().map(|text| net(text)).collect()
    }

    fn is_active(&self, aggregate: &IpNet, domain: DomainId) -> bool {
        self.settings.ipv4.aggregates.contains_key(aggregate)
            && self.universe().iter().any(|prefix| self.contributes(prefix, aggregate, domain))
    }

    /// What must be advertised into a domain: by prefix, the domains in D-PATH.
    fn advertised(&self, domain: DomainId) -> BTreeMap<IpNet, BTreeSet<DomainId>> {
        let mut all = BTreeMap::new();
        if !self.active {
            return all;
        }
        for prefix in self.universe() {
            if self.is_active(&prefix, domain) {
                let contributors: Vec<IpNet> =
                    self.universe().into_iter().filter(|of| self.contributes(of, &prefix, domain)).collect();
                let passed =
                    contributors.iter().filter_map(|of| self.candidate(of, domain)).flatten().collect();
                all.insert(prefix, passed);
                continue;
            }
            let held =
                self.settings.ipv4.aggregates.iter().any(|(aggregate, line)| {
                    line.summary_only && self.contributes(&prefix, aggregate, domain)
                });
            let subnet = domain == SITE && self.settings.gateway_subnets.contains(&prefix);
            if let Some(passed) = self.candidate(&prefix, domain).filter(|_| subnet || !held) {
                all.insert(prefix, passed.into_iter().collect());
            } else if prefix.prefix_len() == 0 && self.settings.ipv4.default_originate {
                all.insert(prefix, BTreeSet::new());
            }
        }
        all
    }

    fn forward(&self) -> BTreeMap<IpNet, VrfForward> {
        let mut all = BTreeMap::new();
        for prefix in self.universe() {
            if self.is_local(&prefix) {
                continue;
            }
            let paths = self.paths(&prefix);
            let domains: Vec<DomainId> = self.settings.domains().collect();
            match paths.first() {
                Some(best) if best.local => {}
                Some(_) => {
                    let ways: BTreeSet<VrfNextHop> =
                        paths.iter().flat_map(|path| path.ways.clone()).collect();
                    all.insert(prefix, VrfForward::Via(ways.into_iter().collect()));
                }
                None if domains.iter().any(|domain| self.is_active(&prefix, *domain)) => {
                    all.insert(prefix, VrfForward::Discard);
                }
                None => {}
            }
        }
        all
    }
}

/// Does a step, to the table and to the model.
fn take(step: &Step, lab: &mut Lab, model: &mut Model) {
    match *step {
        Step::Local { prefix, route } => {
            let text = PREFIXES[prefix];
            match route {
                Some(fixed) => model.locals.insert(net(text), fixed),
                None => model.locals.remove(&net(text)),
            };
            lab.local(text, route.map(|fixed| if fixed { by("192.0.2.77") } else { connected() }));
        }
        Step::Remote { n, core, prefix, path } => {
            let text = PREFIXES[prefix];
            let mut from = remote(n, if core { CORE } else { SITE });
            match path {
                Some((far, long)) => {
                    if far {
                        from = from.through(&[Lab::OTHER]);
                    }
                    if long {
                        from = from.with(|set| set.as_path.prepend(65_101, 1));
                    }
                    model.remotes.insert((net(text), n), from.clone());
                    lab.remote(text, &from);
                }
                None => {
                    model.remotes.remove(&(net(text), n));
                    lab.gone(text, &from);
                }
            }
        }
        Step::Ce { n, prefix, there } => {
            let text = PREFIXES[prefix];
            let attributes = there.then(|| AttributeSet { next_hop: Some(ip(CES[n])), ..from_ce(1, CES[n]) });
            if there {
                model.ces.insert((net(text), n));
            } else {
                model.ces.remove(&(net(text), n));
            }
            lab.ce(n as u32 + 1, attributes, &[text]);
        }
        Step::CeDown { n } => {
            model.ces.retain(|(_, of)| *of != n);
            lab.ce_down(n as u32 + 1, None);
            lab.ce_up(n as u32 + 1, CES[n]);
        }
        Step::Active(on) => {
            model.active = on;
            lab.table.activate(on.then(|| active(1)));
            lab.settle();
        }
        Step::Redistribute { fixed, on } => configure(lab, model, |settings| {
            let kind = if fixed { LocalRouteKind::Static } else { LocalRouteKind::Connected };
            if on {
                settings.ipv4.redistribute.insert(kind, None);
            } else {
                settings.ipv4.redistribute.remove(&kind);
            }
        }),
        Step::Advertise(on) => {
            configure(lab, model, |settings| settings.ipv4.advertise = on.then(Advertise::default))
        }
        Step::Default(on) => configure(lab, model, |settings| settings.ipv4.default_originate = on),
        Step::Subnet { prefix, on } => configure(lab, model, |settings| {
            if on {
                settings.gateway_subnets.insert(net(PREFIXES[prefix]));
            } else {
                settings.gateway_subnets.remove(&net(PREFIXES[prefix]));
            }
        }),
        Step::Aggregate { prefix, line } => configure(lab, model, |settings| {
            let prefix = net(PREFIXES[prefix]);
            match line {
                Some(summary_only) => {
                    let line = AggregateSettings { summary_only, policy: None };
                    settings.ipv4.aggregates.insert(prefix, line);
                }
                None => {
                    settings.ipv4.aggregates.remove(&prefix);
                }
            }
        }),
        Step::Gateway(on) => configure(lab, model, |settings| {
            settings.other_domains = if on { vec![CORE] } else { Vec::new() };
        }),
    }
}

fn configure(lab: &mut Lab, model: &mut Model, change: impl Fn(&mut VrfSettings)) {
    change(&mut model.settings);
    lab.configure(change);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_was_said_is_what_the_rules_give(steps in prop::collection::vec(step(), 1..50)) {
        let mut settings = gateway_settings(1);
        settings.rib.bestpath.multipath_relax = true;
        settings.rib.bestpath.compare_router_id = true;
        let mut lab = Lab::new(settings.clone());
        lab.ce_up(1, CES[0]);
        lab.ce_up(2, CES[1]);
        let mut model = Model {
            settings,
            locals: BTreeMap::new(),
            remotes: BTreeMap::new(),
            ces: BTreeSet::new(),
            active: true,
        };
        for step in &steps {
            take(step, &mut lab, &mut model);
            // What lingers ends.
            lab.wait(Duration::from_secs(2));
            lab.settle();
            prop_assert_eq!(&lab.forward, &model.forward(), "after {:?}", step);
            for domain in model.settings.domains() {
                let said: BTreeMap<IpNet, BTreeSet<DomainId>> = lab
                    .sent
                    .iter()
                    .filter(|((of, ..), _)| *of == domain)
                    .map(|((.., prefix), (_, set))| {
                        let passed = set.d_path.iter().flat_map(|path| path.domains());
                        (*prefix, passed.map(|of| of.domain).collect())
                    })
                    .collect();
                prop_assert_eq!(said, model.advertised(domain), "into {} after {:?}", domain, step);
            }
            let known = model.settings.domains().collect::<Vec<_>>();
            prop_assert!(lab.sent.keys().all(|(of, ..)| known.contains(of)));
        }
    }
}
