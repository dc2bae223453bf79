//! The tables against the naive model: neighbours come up, go down, restart, refresh, get
//! stuck and change their settings in any order; in the end every neighbour holds what the
//! model says, decoded from the bytes that it was sent, and so does EVPN. Then all goes, and
//! nothing may be left in memory.

use super::lab::{EVPN, Lab, announce, attributes, empty, id, key, mac_ip, peer, settings, withdraw};
use super::model::{Model, ModelPath, ModelPeer};
use crate::peer::{PeerId, PeerKind, RefreshKind};
use crate::rib::{Change, PathSource, RibPeer, Scope};
use crate::wire::AttributeSet;
use crate::wire::attribute::{AsPath, AsSegment, AsSegmentKind, Origin};
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use weft_evpn::{ExtendedCommunity, RouteTarget, RouteTargetMatch, community::MacMobility, nlri::NlriKey};

const PEERS: u8 = 6;
const KEYS: u8 = 8;

/// Two clients, two non-clients, two eBGP.
fn settings_of(n: u8) -> RibPeer {
    match n {
        1 | 2 => peer(n, PeerKind::Internal, true),
        3 | 4 => peer(n, PeerKind::Internal, false),
        _ => peer(n, PeerKind::External, false),
    }
}

/// MAC/IP routes, with two forms of the rest, and routes of an unknown type.
fn nlri(which: u8, label: u8) -> Vec<u8> {
    if which >= 6 {
        return vec![77, 3, which, 1, 2];
    }
    let mut wire = mac_ip(u32::from(which % 3), 10 + u32::from(which / 3));
    *wire.last_mut().expect("a label") = label;
    wire
}

#[derive(Debug, Clone)]
enum Action {
    Announce { peer: u8, routes: Vec<(u8, u8)>, set: AttributeSet },
    Withdraw { peer: u8, routes: Vec<u8> },
    Originate { route: u8, label: u8, set: AttributeSet },
    WithdrawLocal { route: u8 },
    Down { peer: u8, retain: bool },
    Up { peer: u8, restart: Option<bool> },
    EndOfRib { peer: u8 },
    Refresh { peer: u8 },
    BeginRefresh { peer: u8 },
    EndRefresh { peer: u8 },
    Stuck { peer: u8 },
    Unstuck { peer: u8 },
    ToggleClient { peer: u8 },
    Pass { milliseconds: u64 },
    Steps { steps: usize },
    Changes { max: usize },
    Drain,
}

fn any_set() -> impl Strategy<Value = AttributeSet> {
    let path = prop::collection::vec(prop::sample::select(vec![65_101u32, 65_102, 200_000, 65_000]), 0..3);
    let sequence = prop::option::weighted(0.4, (any::<bool>(), 0u32..3));
    let community = prop::option::weighted(0.2, prop::sample::select(vec![0xffff_ff01u32, 0xffff_ff02, 5]));
    let reflected = prop::option::weighted(0.2, prop::sample::select(vec![[10, 0, 0, 100], [10, 9, 9, 9]]));
    (
        1u8..3,
        path,
        100u32..102,
        prop::option::of(0u32..2),
        sequence,
        community,
        reflected,
        0u8..3,
        any::<bool>(),
    )
        .prop_map(|(n, path, local_pref, med, mobility, community, reflected, target, extra)| {
            let mut set = attributes(n);
            set.local_pref = Some(local_pref);
            set.med = med;
            if !path.is_empty() {
                let asns = path.iter().take(if path.contains(&65_000) { 1 } else { 2 }).copied().collect();
                set.as_path = AsPath(vec![AsSegment { kind: AsSegmentKind::Sequence, asns }]);
            }
            if let Some((sticky, sequence)) = mobility {
                set.ext_communities.push(ExtendedCommunity::mac_mobility(MacMobility { sticky, sequence }));
            }
            set.communities.extend(community);
            if let Some(octets) = reflected {
                set.originator_id = Some(octets.into());
                set.cluster_list = vec![octets.into()];
            }
            set.ext_communities[0] = RouteTarget::two_octet_as(1 + u16::from(target), 10).community();
            if extra {
                set.ext_communities.push(ExtendedCommunity([0x40, 9, 1, 2, 3, 4, 5, 6]));
                set.origin = Origin::Incomplete;
            }
            set
        })
}

fn any_action() -> impl Strategy<Value = Action> {
    let peer = || 1..=PEERS;
    prop_oneof![
        12 => (peer(), prop::collection::vec((0..KEYS, 0u8..2), 1..4), any_set())
            .prop_map(|(peer, routes, set)| Action::Announce { peer, routes, set }),
        5 => (peer(), prop::collection::vec(0..KEYS, 1..4)).prop_map(|(peer, routes)| Action::Withdraw { peer, routes }),
        2 => (0..KEYS, 0u8..2, any_set()).prop_map(|(route, label, set)| Action::Originate { route, label, set }),
        1 => (0..KEYS).prop_map(|route| Action::WithdrawLocal { route }),
        2 => (peer(), any::<bool>()).prop_map(|(peer, retain)| Action::Down { peer, retain }),
        4 => (peer(), prop::sample::select(vec![None, Some(true), Some(true), Some(false)]))
            .prop_map(|(peer, restart)| Action::Up { peer, restart }),
        2 => peer().prop_map(|peer| Action::EndOfRib { peer }),
        1 => peer().prop_map(|peer| Action::Refresh { peer }),
        1 => peer().prop_map(|peer| Action::BeginRefresh { peer }),
        1 => peer().prop_map(|peer| Action::EndRefresh { peer }),
        2 => peer().prop_map(|peer| Action::Stuck { peer }),
        2 => peer().prop_map(|peer| Action::Unstuck { peer }),
        1 => (1u8..=4).prop_map(|peer| Action::ToggleClient { peer }),
        2 => prop::sample::select(vec![1u64, 60, 40_000, 200_000]).prop_map(|milliseconds| Action::Pass { milliseconds }),
        4 => (1usize..4).prop_map(|steps| Action::Steps { steps }),
        2 => (1usize..5).prop_map(|max| Action::Changes { max }),
        4 => Just(Action::Drain),
    ]
}

const STALE: Duration = Duration::from_secs(120);

struct Run {
    lab: Lab,
    model: Model,
    /// What EVPN knows.
    evpn: BTreeMap<NlriKey, Change>,
}

impl Run {
    fn new() -> Self {
        let mut settings = settings();
        settings.bestpath.always_compare_med = true;
        settings.bestpath.compare_router_id = true;
        let mut run = Run { lab: Lab::new(settings), model: Model::default(), evpn: BTreeMap::new() };
        for n in 1..=PEERS {
            run.apply(Action::Up { peer: n, restart: Some(true) });
        }
        run
    }

    fn up(&self, n: u8) -> bool {
        self.model.peers.get(&id(n)).is_some_and(|peer| peer.up)
    }

    fn model(&mut self, n: u8) -> &mut ModelPeer {
        self.model.peers.get_mut(&id(n)).expect("known")
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Announce { peer, routes, set } if self.up(peer) => {
                let wires: Vec<Vec<u8>> = routes.iter().map(|&(which, label)| nlri(which, label)).collect();
                self.lab.update(peer, &announce(set.clone(), &wires));
                let model = self.model(peer);
                for wire in wires {
                    let (key, rest) = (EVPN.row().split)(&wire).expect("a route");
                    match model.accepts(&set) {
                        Some(attributes) => {
                            let path = ModelPath {
                                rest: rest.to_vec(),
                                attributes,
                                stale: false,
                                refreshing: false,
                            };
                            model.routes.insert(key, path);
                        }
                        None => {
                            model.routes.remove(&key);
                        }
                    }
                }
            }
            Action::Withdraw { peer, routes } if self.up(peer) => {
                let wires: Vec<Vec<u8>> = routes.iter().map(|&which| nlri(which, 9)).collect();
                self.lab.update(peer, &withdraw(&wires));
                for wire in wires {
                    self.model(peer).routes.remove(&key(&wire));
                }
            }
            Action::Originate { route, label, set } => {
                let wire = nlri(route, label);
                self.lab.rib.originate(EVPN, &wire, set.clone(), None, self.lab.now).expect("a route");
                let (key, rest) = (EVPN.row().split)(&wire).expect("a route");
                let path = ModelPath {
                    rest: rest.to_vec(),
                    attributes: Arc::new(set),
                    stale: false,
                    refreshing: false,
                };
                self.model.local.insert(key, path);
            }
            Action::WithdrawLocal { route } => {
                self.lab.rib.withdraw_local(EVPN, &nlri(route, 0)).expect("a route");
                self.model.local.remove(&key(&nlri(route, 0)));
            }
            Action::Down { peer, retain } if self.up(peer) => {
                self.lab.down(id(peer), retain.then_some(STALE));
                let until = self.lab.now + STALE;
                let model = self.model(peer);
                model.up = false;
                model.refresh_until = None;
                if retain && model.settings.families[0].restart.is_some() {
                    model.routes.retain(|_, path| !path.stale && !path.refreshing);
                    model.routes.values_mut().for_each(|path| path.stale = true);
                    model.stale_until = Some(until);
                } else {
                    model.routes.clear();
                    model.stale_until = None;
                }
            }
            Action::Up { peer, restart } if !self.up(peer) => {
                let mut settings = settings_of(peer);
                settings.families[0].restart = restart;
                self.lab.up(id(peer), settings.clone());
                let until = self.lab.now + settings.stale_path_time;
                let model = self.model.peers.entry(id(peer)).or_insert_with(|| ModelPeer {
                    settings: settings.clone(),
                    up: false,
                    routes: BTreeMap::new(),
                    stale_until: None,
                    refresh_until: None,
                    end_of_rib: false,
                });
                model.settings = settings;
                (model.up, model.end_of_rib) = (true, false);
                if restart != Some(true) {
                    model.routes.clear();
                }
                model.stale_until = model.stale_until.filter(|_| !model.routes.is_empty()).map(|_| until);
            }
            Action::EndOfRib { peer } if self.up(peer) => {
                let mut update = empty();
                update.end_of_rib = Some(EVPN);
                self.lab.update(peer, &update);
                let model = self.model(peer);
                model.end_of_rib = true;
                if model.stale_until.take().is_some() {
                    model.routes.retain(|_, path| !path.stale);
                }
            }
            Action::Refresh { peer } if self.up(peer) => {
                self.lab.rib.route_refresh(id(peer), EVPN, RefreshKind::Normal, self.lab.now).expect("up");
            }
            Action::BeginRefresh { peer } if self.up(peer) => {
                self.lab.rib.route_refresh(id(peer), EVPN, RefreshKind::Begin, self.lab.now).expect("up");
                let until = self.lab.now + Duration::from_secs(600);
                let model = self.model(peer);
                if model.settings.families[0].restart.is_none() || model.end_of_rib {
                    model.refresh_until = Some(until);
                    model.routes.values_mut().for_each(|path| path.refreshing = true);
                }
            }
            Action::EndRefresh { peer } if self.up(peer) => {
                self.lab.rib.route_refresh(id(peer), EVPN, RefreshKind::End, self.lab.now).expect("up");
                let model = self.model(peer);
                if model.refresh_until.take().is_some() {
                    model.routes.retain(|_, path| !path.refreshing);
                }
            }
            Action::Stuck { peer } => self.lab.refuse(id(peer)),
            Action::Unstuck { peer } => self.lab.accept(id(peer)),
            Action::ToggleClient { peer } if self.up(peer) => {
                let model = self.model(peer);
                let row = &mut model.settings.families[0].settings;
                row.route_reflector_client = !row.route_reflector_client;
                let settings = model.settings.clone();
                self.lab.rib.set_peer(id(peer), settings).expect("up");
            }
            Action::Pass { milliseconds } => {
                self.lab.pass(Duration::from_millis(milliseconds));
                let now = self.lab.now;
                for peer in self.model.peers.values_mut() {
                    if peer.stale_until.is_some_and(|until| until <= now) {
                        peer.stale_until = None;
                        peer.routes.retain(|_, path| !path.stale);
                    }
                    if peer.refresh_until.is_some_and(|until| until <= now) {
                        peer.refresh_until = None;
                        peer.routes.retain(|_, path| !path.refreshing);
                    }
                }
            }
            Action::Steps { steps } => {
                for _ in 0..steps {
                    self.lab.step();
                }
            }
            Action::Changes { max } => self.take_changes(max),
            Action::Drain => self.lab.drain(),
            _ => {}
        }
    }

    fn take_changes(&mut self, max: usize) {
        for change in self.lab.rib.take_changes(max) {
            match change.path {
                Some(_) => self.evpn.insert(change.key.clone(), change),
                None => self.evpn.remove(&change.key),
            };
        }
    }

    fn check(&mut self) {
        for n in 1..=PEERS {
            self.lab.accept(id(n));
        }
        self.lab.drain();
        self.take_changes(usize::MAX);
        for (&peer, receiver) in &self.lab.peers {
            assert_eq!(receiver.view, self.model.view(peer), "what {peer} holds");
            assert!(receiver.ends_of_rib >= 1, "{peer} was told the end");
            let counters = self.lab.rib.counters(peer, EVPN);
            assert_eq!(counters.sent as usize, receiver.view.len());
            assert_eq!(counters.received as usize, self.model.peers[&peer].routes.len());
            let mut listing = self.lab.rib.listing(EVPN, Scope::AdvertisedTo(peer), |_| true).expect("up");
            let mut advertised = BTreeMap::new();
            while let Some(route) = self.lab.rib.next_route(&mut listing) {
                let path = &route.paths[0];
                advertised.insert(route.key.clone(), (path.rest.to_vec(), Arc::clone(&path.attributes)));
            }
            assert_eq!(advertised, receiver.view, "advertised routes of {peer}");
        }
        let source = |source: Option<PeerId>| source.map_or(PathSource::Local, PathSource::Peer);
        let known: Vec<_> = self
            .evpn
            .values()
            .map(|change| {
                let path = change.path.clone().expect("a path");
                (change.key.clone(), change.rest.to_vec(), path.source, path.attributes)
            })
            .collect();
        let keys = self.model.keys();
        let wanted: Vec<_> = keys
            .iter()
            .filter_map(|key| {
                let (from, path) = self.model.best(key)?;
                Some((key.clone(), path.rest.clone(), source(from), Arc::clone(&path.attributes)))
            })
            .collect();
        assert_eq!(known, wanted, "what EVPN knows");
        let mut matching: Vec<NlriKey> = self
            .lab
            .rib
            .best_routes_matching(&[
                RouteTargetMatch::AnyAs(10),
                RouteTargetMatch::Exact(RouteTarget::two_octet_as(2, 10)),
            ])
            .into_iter()
            .map(|change| change.key)
            .collect();
        matching.sort();
        assert_eq!(matching, wanted.iter().map(|(key, ..)| key.clone()).collect::<Vec<_>>());
    }

    fn end(&mut self) {
        for n in 1..=PEERS {
            self.apply(Action::Down { peer: n, retain: false });
            self.lab.rib.remove_peer(id(n));
        }
        for route in 0..KEYS {
            self.apply(Action::WithdrawLocal { route });
        }
        self.take_changes(usize::MAX);
        let memory = self.lab.rib.memory();
        let table = memory.tables[0];
        assert_eq!((table.destinations, table.paths, table.best), (0, 0, 0));
        assert_eq!((memory.attribute_sets, memory.rests, memory.waiting_bytes), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 384, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_neighbour_and_evpn_hold_what_the_model_says(
        phases in prop::collection::vec(prop::collection::vec(any_action(), 1..25), 1..5),
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
