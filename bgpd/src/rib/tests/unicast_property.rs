//! The unicast tables against a naive model: neighbours announce, change their policies, keep
//! and forget what was received, move between domains, ask for a default route; we originate,
//! into one domain or all, and import. In the end every neighbour holds what the model says,
//! `multipath` gives what the model says, and who takes changes has seen the last of each.

use super::lab::{ASN, Lab, id, settings};
use super::policy::Rules;
use super::unicast::{OWN, assert_empty, ce, net, path};
use crate::peer::PeerKind;
use crate::rib::{ClearIn, ImportId, ImportInfo, PathSource, PolicyRef, RibPeer};
use crate::wire::attribute::{DPath, IsfSafi, Origin};
use crate::wire::{AttributeSet, Family, NlriBlock, Update, unicast};
use proptest::prelude::*;
use std::{
    cmp::Reverse,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};
use weft_evpn::{DomainId, nlri::NlriKey};

const V4: Family = Family::Ipv4Unicast;
const PEERS: u8 = 5;
const IMPORTS: u32 = 3;
const PREFIXES: [&str; 5] = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24", "192.0.2.7/32"];
const DEFAULT: usize = 0;

fn kind(n: u8) -> PeerKind {
    if n <= 2 { PeerKind::Internal } else { PeerKind::External }
}

fn domain(second: bool) -> DomainId {
    if second { DomainId::of_name("core") } else { DomainId::default() }
}

fn nlri(prefix: usize) -> Vec<u8> {
    unicast::nlri(&net(PREFIXES[prefix]))
}

fn key(prefix: usize) -> NlriKey {
    unicast::key(&net(PREFIXES[prefix]))
}

/// The policies that there are; 0 is none.
const POLICIES: u8 = 5;

fn policies() -> Vec<Option<PolicyRef>> {
    let rules = [
        Rules { deny: Some(net("10.0.0.0/8")), ..Rules::default() },
        Rules { local_pref: Some(150), med: Some(3), ..Rules::default() },
        Rules { deny_community: Some(5), med: Some(1), ignores_nlri: true, ..Rules::default() },
        Rules { deny: Some(net("0.0.0.0/0")), ..Rules::default() },
    ];
    std::iter::once(None).chain(rules.into_iter().map(|rules| Some(rules.reference().1))).collect()
}

/// The same policies, said otherwise.
fn judge(policy: u8, prefix: usize, mut set: AttributeSet) -> Option<AttributeSet> {
    match policy {
        1 if matches!(prefix, 1 | 2) => return None,
        2 => (set.local_pref, set.med) = (Some(150), Some(3)),
        3 if set.communities.contains(&5) => return None,
        3 => set.med = Some(1),
        4 => return None,
        _ => {}
    }
    Some(set)
}

#[derive(Debug, Clone, Copy, Default)]
struct Knobs {
    import: u8,
    export: u8,
    soft: bool,
    second_domain: bool,
    default_originate: bool,
}

#[derive(Debug, Default)]
struct ModelPeer {
    up: bool,
    knobs: Knobs,
    /// What it announces.
    announced: BTreeMap<usize, AttributeSet>,
}

/// A path with what it is compared by.
#[derive(Debug, Clone)]
struct Choice {
    source: PathSource,
    domain: Option<DomainId>,
    set: AttributeSet,
    external: bool,
    router_id: Ipv4Addr,
}

impl Choice {
    fn length(&self) -> usize {
        self.set.as_path.0.iter().map(|segment| segment.asns.len()).sum()
    }

    fn cost(&self) -> impl Ord + use<> {
        (
            self.source == PathSource::Local,
            self.set.local_pref.unwrap_or(100),
            Reverse(self.set.d_path.as_ref().map_or(0, |path| path.domains().len())),
            Reverse((self.length(), self.set.origin)),
            Reverse(self.set.med.unwrap_or(0)),
            self.external,
        )
    }

    fn rank(&self) -> impl Ord + use<> {
        let number = if let PathSource::Import(ImportId(number)) = self.source { number } else { 0 };
        (self.cost(), Reverse((self.router_id, number)))
    }

    fn shares(&self, best: &Choice) -> bool {
        let first = |choice: &Choice| choice.set.as_path.0.first().map(|segment| segment.asns[0]);
        let way =
            if best.external { first(self) == first(best) } else { self.set.as_path == best.set.as_path };
        self.cost() == best.cost() && way
    }
}

#[derive(Debug, Default)]
struct Model {
    peers: BTreeMap<u8, ModelPeer>,
    local: BTreeMap<usize, (AttributeSet, Option<DomainId>)>,
    imports: BTreeMap<(usize, u32), (AttributeSet, ImportInfo)>,
}

impl Model {
    /// What a neighbour's route is taken in as; `Err` if it is not.
    fn accepted(&self, n: u8, prefix: usize, set: &AttributeSet) -> Option<AttributeSet> {
        let mut set = set.clone();
        if kind(n) == PeerKind::External {
            set.local_pref = None;
        }
        if set.as_path.0.iter().any(|segment| segment.asns.contains(&ASN)) {
            return None;
        }
        judge(self.peers[&n].knobs.import, prefix, set)
    }

    /// The paths of a prefix, the best first.
    fn paths(&self, prefix: usize) -> Vec<Choice> {
        let received = self.peers.iter().filter_map(|(&n, peer)| {
            let set = self.accepted(n, prefix, peer.announced.get(&prefix)?)?;
            Some(Choice {
                source: PathSource::Peer(id(n)),
                domain: Some(domain(peer.knobs.second_domain)),
                set,
                external: kind(n) == PeerKind::External,
                router_id: Ipv4Addr::new(10, 0, 0, n),
            })
        });
        let imports = self.imports.iter().filter(|((other, _), _)| *other == prefix).map(
            |(&(_, number), (set, info))| Choice {
                source: PathSource::Import(ImportId(number)),
                domain: Some(info.domain),
                set: set.clone(),
                external: info.external,
                router_id: info.router_id,
            },
        );
        let own = self.local.get(&prefix).map(|(set, domain)| Choice {
            source: PathSource::Local,
            domain: *domain,
            set: set.clone(),
            external: false,
            router_id: Ipv4Addr::new(10, 0, 0, 100),
        });
        let mut paths: Vec<Choice> = received.chain(imports).chain(own).collect();
        paths.sort_by_key(|choice| Reverse(choice.rank()));
        paths
    }

    fn multipath(&self, prefix: usize) -> Vec<(PathSource, Option<DomainId>, AttributeSet)> {
        let paths = self.paths(prefix);
        let best = paths.first().cloned();
        let equal = paths
            .into_iter()
            .enumerate()
            .filter(|(place, choice)| *place == 0 || best.as_ref().is_some_and(|best| choice.shares(best)));
        equal.map(|(_, choice)| (choice.source, choice.domain, choice.set)).collect()
    }

    /// What a neighbour is told of a prefix.
    fn told(&self, to: u8, prefix: usize) -> Option<AttributeSet> {
        let knobs = self.peers[&to].knobs;
        let internal = kind(to) == PeerKind::Internal;
        if prefix == DEFAULT && knobs.default_originate {
            let mut set = AttributeSet { next_hop: Some(OWN), ..AttributeSet::default() };
            match internal {
                true => set.local_pref = Some(100),
                false => set.as_path = path(&[ASN]),
            }
            return Some(set);
        }
        let best = self.paths(prefix).into_iter().next()?;
        let mut set = best.set;
        let (from_us, imported) =
            (best.source == PathSource::Local, matches!(best.source, PathSource::Import(_)));
        let from_internal = matches!(best.source, PathSource::Peer(_)) && !best.external;
        if best.source == PathSource::Peer(id(to))
            || (!imported && best.domain.is_some_and(|from| from != domain(knobs.second_domain)))
            || (internal && from_internal)
            || (!internal && set.communities.contains(&0xffff_ff01))
        {
            return None;
        }
        let replaced = if internal { imported } else { !from_us };
        if replaced || set.next_hop.is_none() {
            set.next_hop = Some(OWN);
        }
        set.d_path = None;
        if internal {
            set.local_pref.get_or_insert(100);
        } else {
            set.local_pref = None;
            if !from_us {
                set.med = None;
            }
        }
        let mut set = judge(knobs.export, prefix, set)?;
        if !internal {
            set.local_pref = None;
            let mut asns: Vec<u32> = set.as_path.0.iter().flat_map(|segment| segment.asns.clone()).collect();
            asns.insert(0, ASN);
            set.as_path = path(&asns);
        }
        Some(set)
    }
}

#[derive(Debug, Clone)]
enum Action {
    Announce { peer: u8, prefixes: Vec<usize>, set: AttributeSet },
    Withdraw { peer: u8, prefix: usize },
    Originate { prefix: usize, set: AttributeSet, domain: Option<bool> },
    WithdrawLocal { prefix: usize },
    Import { prefix: usize, number: u32, set: AttributeSet, external: bool, identifier: u8, second: bool },
    WithdrawImport { prefix: usize, number: u32 },
    Knobs { peer: u8, knobs: Knobs },
    Down { peer: u8 },
    Up { peer: u8 },
    Stuck { peer: u8 },
    Unstuck { peer: u8 },
    Clear { peer: u8 },
    Steps { steps: usize },
    Changes { max: usize },
}

fn any_set() -> impl Strategy<Value = AttributeSet> {
    (
        prop::collection::vec(prop::sample::select(vec![7u32, 8, ASN]), 0..2),
        prop::option::weighted(0.3, 100u32..102),
        prop::option::weighted(0.3, 0u32..2),
        prop::option::weighted(0.3, prop::sample::select(vec![5u32, 6, 0xffff_ff01])),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(asns, local_pref, med, community, incomplete)| AttributeSet {
            as_path: path(&asns),
            local_pref,
            med,
            communities: community.into_iter().collect(),
            origin: if incomplete { Origin::Incomplete } else { Origin::Igp },
            ..AttributeSet::default()
        })
}

fn any_knobs() -> impl Strategy<Value = Knobs> {
    let policy = || prop_oneof![1 => Just(0), 2 => 0..POLICIES];
    (policy(), policy(), any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.2)).prop_map(
        |(import, export, soft, second_domain, default_originate)| Knobs {
            import,
            export,
            soft,
            second_domain,
            default_originate,
        },
    )
}

fn any_action() -> impl Strategy<Value = Action> {
    let peer = || 1..=PEERS;
    let prefix = || 0..PREFIXES.len();
    let import = (prefix(), 0..IMPORTS, any_set(), any::<bool>(), 0u8..2, any::<bool>(), 0usize..3);
    prop_oneof![
        12 => (peer(), prop::collection::vec(prefix(), 1..4), any_set())
            .prop_map(|(peer, prefixes, set)| Action::Announce { peer, prefixes, set }),
        4 => (peer(), prefix()).prop_map(|(peer, prefix)| Action::Withdraw { peer, prefix }),
        3 => (prefix(), any_set(), prop::option::of(any::<bool>()))
            .prop_map(|(prefix, set, domain)| Action::Originate { prefix, set, domain }),
        3 => prefix().prop_map(|prefix| Action::WithdrawLocal { prefix }),
        8 => import.prop_map(|(prefix, number, mut set, external, identifier, second, domains)| {
            set.d_path = DPath::from_domains((0..domains).map(|n| crate::wire::attribute::PathDomain {
                domain: DomainId::new(n as u32, 0),
                isf_safi: IsfSafi::Evpn,
            }));
            set.next_hop = Some(Ipv4Addr::new(10, 255, 0, number as u8).into());
            Action::Import { prefix, number, set, external, identifier, second }
        }),
        3 => (prefix(), 0..IMPORTS).prop_map(|(prefix, number)| Action::WithdrawImport { prefix, number }),
        8 => (peer(), any_knobs()).prop_map(|(peer, knobs)| Action::Knobs { peer, knobs }),
        1 => peer().prop_map(|peer| Action::Down { peer }),
        3 => peer().prop_map(|peer| Action::Up { peer }),
        1 => peer().prop_map(|peer| Action::Stuck { peer }),
        2 => peer().prop_map(|peer| Action::Unstuck { peer }),
        1 => peer().prop_map(|peer| Action::Clear { peer }),
        5 => (1usize..4).prop_map(|steps| Action::Steps { steps }),
        3 => (1usize..4).prop_map(|max| Action::Changes { max }),
    ]
}

type Known = Vec<(PathSource, Option<DomainId>, AttributeSet)>;

struct Run {
    lab: Lab,
    model: Model,
    policies: Vec<Option<PolicyRef>>,
    /// What who takes changes has read of each prefix.
    known: BTreeMap<NlriKey, Known>,
}

impl Run {
    fn new() -> Self {
        let mut settings = settings();
        settings.bestpath.always_compare_med = true;
        settings.bestpath.compare_router_id = true;
        let mut run = Self {
            lab: Lab::new(settings),
            model: Model::default(),
            policies: policies(),
            known: BTreeMap::new(),
        };
        for peer in 1..=PEERS {
            run.model.peers.insert(peer, ModelPeer::default());
            run.apply(Action::Up { peer });
        }
        run
    }

    fn settings(&self, n: u8) -> RibPeer {
        let knobs = self.model.peers[&n].knobs;
        let mut peer = ce(n, kind(n));
        let row = &mut peer.families[0];
        row.policy_import = self.policies[usize::from(knobs.import)].clone();
        row.policy_export = self.policies[usize::from(knobs.export)].clone();
        row.settings.soft_reconfiguration_inbound = knobs.soft;
        row.settings.default_originate = knobs.default_originate;
        row.domain = domain(knobs.second_domain);
        peer
    }

    fn announce(&mut self, n: u8, prefixes: &[usize], set: &AttributeSet) {
        let wire: Vec<u8> = prefixes.iter().flat_map(|&prefix| nlri(prefix)).collect();
        let update = Update {
            attributes: Some(Arc::new(set.clone())),
            reach: vec![NlriBlock::new(V4, wire)],
            ..Update::default()
        };
        self.lab.update(n, &update);
    }

    /// The neighbour is asked for everything, and answers.
    fn asked(&mut self, n: u8) {
        for (prefix, set) in self.model.peers[&n].announced.clone() {
            self.announce(n, &[prefix], &set);
        }
    }

    fn up(&self, n: u8) -> bool {
        self.model.peers[&n].up
    }

    fn peer(&mut self, n: u8) -> &mut ModelPeer {
        self.model.peers.get_mut(&n).expect("known")
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Announce { peer, prefixes, mut set } if self.up(peer) => {
                set.next_hop = Some(IpAddr::from([10, 0, 0, peer]));
                if kind(peer) == PeerKind::External {
                    let mut asns = vec![65_100 + u32::from(peer / 4)];
                    asns.extend(set.as_path.0.iter().flat_map(|segment| segment.asns.clone()));
                    set.as_path = path(&asns);
                }
                self.announce(peer, &prefixes, &set);
                let announced = &mut self.peer(peer).announced;
                announced.extend(prefixes.into_iter().map(|prefix| (prefix, set.clone())));
            }
            Action::Withdraw { peer, prefix } if self.up(peer) => {
                self.lab.update(peer, &super::unicast::withdraw(&[PREFIXES[prefix]]));
                self.peer(peer).announced.remove(&prefix);
            }
            Action::Originate { prefix, set, domain: to } => {
                let to = to.map(domain);
                self.lab.rib.originate(V4, &nlri(prefix), set.clone(), to, self.lab.now).expect("a prefix");
                self.model.local.insert(prefix, (set, to));
            }
            Action::WithdrawLocal { prefix } => {
                self.lab.rib.withdraw_local(V4, &nlri(prefix)).expect("a prefix");
                self.model.local.remove(&prefix);
            }
            Action::Import { prefix, number, set, external, identifier, second } => {
                let router_id = Ipv4Addr::new(10, 255, 0, identifier);
                let info = ImportInfo { router_id, external, domain: domain(second) };
                let source = ImportId(number);
                self.lab
                    .rib
                    .import(V4, &nlri(prefix), source, set.clone(), info, self.lab.now)
                    .expect("a prefix");
                self.model.imports.insert((prefix, number), (set, info));
            }
            Action::WithdrawImport { prefix, number } => {
                self.lab.rib.withdraw_import(V4, &nlri(prefix), ImportId(number)).expect("a prefix");
                self.model.imports.remove(&(prefix, number));
            }
            Action::Knobs { peer, knobs } => {
                self.peer(peer).knobs = knobs;
                if self.up(peer) {
                    let asked = self.lab.rib.set_peer(id(peer), self.settings(peer)).expect("up");
                    if !asked.is_empty() {
                        self.asked(peer);
                    }
                }
            }
            Action::Down { peer } if self.up(peer) => {
                self.lab.down(id(peer), None);
                let peer = self.peer(peer);
                peer.up = false;
                peer.announced.clear();
            }
            Action::Up { peer } if !self.up(peer) => {
                let settings = self.settings(peer);
                self.lab.up(id(peer), settings);
                self.peer(peer).up = true;
            }
            Action::Stuck { peer } => self.lab.refuse(id(peer)),
            Action::Unstuck { peer } => self.lab.accept(id(peer)),
            Action::Clear { peer }
                if self.up(peer) && self.lab.rib.clear_in(id(peer), V4) == Ok(ClearIn::AskPeer) =>
            {
                self.asked(peer);
            }
            Action::Steps { steps } => {
                for _ in 0..steps {
                    self.lab.step();
                }
            }
            Action::Changes { max } => self.take_changes(max),
            _ => {}
        }
    }

    fn take_changes(&mut self, max: usize) {
        for change in self.lab.rib.take_changes(max) {
            assert_eq!(change.rest.len(), 0);
            let paths = self.lab.rib.multipath(V4, &change.key, 64);
            assert_eq!(change.path.as_ref(), paths.first());
            let paths = paths.into_iter().map(|path| (path.source, path.domain, (*path.attributes).clone()));
            self.known.insert(change.key, paths.collect());
        }
    }

    fn check(&mut self) {
        for n in 1..=PEERS {
            self.lab.accept(id(n));
        }
        self.lab.drain();
        self.take_changes(usize::MAX);
        for (&n, peer) in self.model.peers.iter().filter(|(_, peer)| peer.up) {
            let told: BTreeMap<NlriKey, AttributeSet> = (0..PREFIXES.len())
                .filter_map(|prefix| Some((key(prefix), self.model.told(n, prefix)?)))
                .collect();
            let receiver = &self.lab.peers[&id(n)];
            let held: BTreeMap<NlriKey, AttributeSet> =
                receiver.view.iter().map(|(key, (_, set))| (key.clone(), (**set).clone())).collect();
            assert_eq!(held, told, "what neighbour {n} holds");
            let counters = self.lab.rib.counters(id(n), V4);
            let accepted =
                peer.announced.iter().filter(|(prefix, set)| self.model.accepted(n, **prefix, set).is_some());
            let accepted = accepted.count();
            let received = if peer.knobs.soft { peer.announced.len() } else { accepted };
            assert_eq!(
                (counters.received as usize, counters.accepted as usize, counters.sent as usize),
                (received, accepted, told.len()),
                "neighbour {n}"
            );
            let mut listing =
                self.lab.rib.listing(V4, crate::rib::Scope::AdvertisedTo(id(n)), |_| true).expect("up");
            let mut advertised = BTreeMap::new();
            while let Some(route) = self.lab.rib.next_route(&mut listing) {
                advertised.insert(route.key.clone(), (*route.paths[0].attributes).clone());
            }
            assert_eq!(advertised, told, "advertised routes of neighbour {n}");
        }
        for (prefix, name) in PREFIXES.iter().enumerate() {
            let known = self.known.get(&key(prefix)).cloned().unwrap_or_default();
            assert_eq!(known, self.model.multipath(prefix), "paths of {name}");
        }
    }

    fn end(&mut self) {
        for prefix in 0..PREFIXES.len() {
            self.apply(Action::WithdrawLocal { prefix });
            for number in 0..IMPORTS {
                self.apply(Action::WithdrawImport { prefix, number });
            }
        }
        for peer in 1..=PEERS {
            self.apply(Action::Down { peer });
            self.lab.rib.remove_peer(id(peer));
        }
        assert_empty(&mut self.lab);
    }
}

/// The route that all hold has gone, and before they hear of it a neighbour's path that may not be used
/// comes and goes at the same destination: it was never the best one, so its neighbour holds the route, too.
#[test]
fn a_path_that_was_never_the_best_hides_nobody_who_holds_the_route() {
    let mut run = Run::new();
    let set = || AttributeSet::default();
    let knobs = Knobs { import: 0, export: 0, soft: true, second_domain: false, default_originate: false };
    run.apply(Action::Knobs { peer: 1, knobs });
    run.apply(Action::Import {
        prefix: 1,
        number: 0,
        set: set(),
        external: false,
        identifier: 0,
        second: false,
    });
    run.check();
    run.apply(Action::WithdrawImport { prefix: 1, number: 0 });
    let looped = AttributeSet { as_path: path(&[ASN]), ..set() };
    run.apply(Action::Announce { peer: 1, prefixes: vec![1], set: looped });
    run.apply(Action::Withdraw { peer: 1, prefix: 1 });
    run.check();
    run.end();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_neighbour_and_every_importer_hold_what_the_model_says(
        phases in prop::collection::vec(prop::collection::vec(any_action(), 1..30), 1..5),
    ) {
        let mut run = Run::new();
        for phase in phases {
            for action in phase {
                run.apply(action);
            }
            run.check();
        }
        run.end();
    }
}
