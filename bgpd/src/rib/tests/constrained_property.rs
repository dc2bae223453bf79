//! Memberships and routes against a naive model: neighbours of every kind ask, forgo, announce,
//! withdraw, flap, restart and get stuck in any order; in the end each holds the EVPN routes that
//! the model of the other properties gives it, as far as it has asked for them, and hears of
//! every membership that it must hear of. Then all goes, and nothing is left in memory.

use super::lab::{
    EVPN, Lab, announce, ask, asking, attributes, end_of_rib, forgo, id, key, mac_ip, membership, peer,
    settings, withdraw,
};
use super::model::{Model, ModelPath, ModelPeer};
use crate::peer::{PeerKind, RefreshKind};
use crate::rib::{RibPeer, RibSettings};
use crate::wire::{AttributeSet, Family, Membership};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::RouteTarget;

const PEERS: u8 = 6;
const KEYS: u8 = 6;
const STALE: Duration = Duration::from_secs(120);
const HOLD: Duration = Duration::from_secs(60);

/// Two clients, one of the mesh and one outside that ask; a client and one outside that do not.
fn settings_of(n: u8) -> RibPeer {
    match n {
        1 | 2 => asking(peer(n, PeerKind::Internal, true)),
        3 => asking(peer(n, PeerKind::Internal, false)),
        4 => asking(peer(n, PeerKind::External, false)),
        5 => peer(n, PeerKind::Internal, true),
        _ => peer(n, PeerKind::External, false),
    }
}

fn asks(n: u8) -> bool {
    n <= 4
}

/// Four targets, the range of AS 2 and 3, and all.
fn choice(which: u8) -> Membership {
    match which {
        1..=4 => membership(u16::from(which)),
        5 => {
            let (key, _) = (Family::RtFilter.row().split)(&[63, 0, 0, 0, 9, 0, 2, 0, 2]).expect("a range");
            Membership::from_key(&key).expect("a range")
        }
        _ => Membership::DEFAULT,
    }
}

fn covers(which: u8, asn: u16) -> bool {
    match which {
        1..=4 => u16::from(which) == asn,
        5 => asn == 2 || asn == 3,
        _ => true,
    }
}

fn nlri(which: u8) -> Vec<u8> {
    mac_ip(u32::from(which), 10)
}

#[derive(Debug, Clone)]
enum Action {
    Announce { peer: u8, route: u8, targets: Vec<u16>, local_pref: u32 },
    Withdraw { peer: u8, route: u8 },
    Ask { peer: u8, which: u8 },
    Forgo { peer: u8, which: u8 },
    EndOfAsking { peer: u8 },
    Down { peer: u8, retain: bool },
    Up { peer: u8 },
    Refresh { peer: u8 },
    Stuck { peer: u8 },
    Unstuck { peer: u8 },
    Pass { seconds: u64 },
    Steps { steps: usize },
    Drain,
}

fn any_action() -> impl Strategy<Value = Action> {
    let anybody = || 1..=PEERS;
    let asking = || 1..=4u8;
    prop_oneof![
        10 => (anybody(), 0..KEYS, prop::collection::vec(1u16..6, 0..3), 100u32..103)
            .prop_map(|(peer, route, targets, local_pref)| Action::Announce { peer, route, targets, local_pref }),
        4 => (anybody(), 0..KEYS).prop_map(|(peer, route)| Action::Withdraw { peer, route }),
        8 => (asking(), 1..=6u8).prop_map(|(peer, which)| Action::Ask { peer, which }),
        6 => (asking(), 1..=6u8).prop_map(|(peer, which)| Action::Forgo { peer, which }),
        3 => asking().prop_map(|peer| Action::EndOfAsking { peer }),
        2 => (anybody(), any::<bool>()).prop_map(|(peer, retain)| Action::Down { peer, retain }),
        4 => anybody().prop_map(|peer| Action::Up { peer }),
        1 => anybody().prop_map(|peer| Action::Refresh { peer }),
        1 => anybody().prop_map(|peer| Action::Stuck { peer }),
        2 => anybody().prop_map(|peer| Action::Unstuck { peer }),
        2 => prop::sample::select(vec![1u64, 30, 60, 200]).prop_map(|seconds| Action::Pass { seconds }),
        4 => (1usize..4).prop_map(|steps| Action::Steps { steps }),
        3 => Just(Action::Drain),
    ]
}

/// What a neighbour asks for.
#[derive(Debug, Default)]
struct Asked {
    /// Stale or not.
    memberships: BTreeMap<u8, bool>,
    stale_until: Option<Instant>,
    held_until: Option<Instant>,
}

struct Run {
    lab: Lab,
    model: Model,
    asked: BTreeMap<u8, Asked>,
}

impl Run {
    fn new(import: bool) -> Self {
        let mut settings = RibSettings { import, ..settings() };
        settings.bestpath.always_compare_med = true;
        settings.bestpath.compare_router_id = true;
        let mut run = Run { lab: Lab::new(settings), model: Model::default(), asked: BTreeMap::new() };
        for n in 1..=PEERS {
            run.apply(Action::Up { peer: n });
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
        let now = self.lab.now;
        match action {
            Action::Announce { peer, route, targets, local_pref } if self.up(peer) => {
                let targets = targets.iter().map(|asn| RouteTarget::two_octet_as(*asn, 10).community());
                let set = AttributeSet {
                    ext_communities: targets.collect(),
                    local_pref: Some(local_pref),
                    ..attributes(peer)
                };
                let wire = nlri(route);
                self.lab.update(peer, &announce(set.clone(), std::slice::from_ref(&wire)));
                let (key, rest) = (EVPN.row().split)(&wire).expect("a route");
                let model = self.model(peer);
                let attributes: Arc<AttributeSet> = model.accepts(&set).expect("no loop");
                let path = ModelPath { rest: rest.to_vec(), attributes, stale: false, refreshing: false };
                model.routes.insert(key, path);
            }
            Action::Withdraw { peer, route } if self.up(peer) => {
                self.lab.update(peer, &withdraw(&[nlri(route)]));
                self.model(peer).routes.remove(&key(&nlri(route)));
            }
            Action::Ask { peer, which } if self.up(peer) => {
                self.lab.update(peer, &ask(&[choice(which)]));
                self.asked.entry(peer).or_default().memberships.insert(which, false);
            }
            Action::Forgo { peer, which } if self.up(peer) => {
                self.lab.update(peer, &forgo(&[choice(which)]));
                self.asked.entry(peer).or_default().memberships.remove(&which);
            }
            Action::EndOfAsking { peer } if self.up(peer) => {
                self.lab.update(peer, &end_of_rib(Family::RtFilter));
                let asked = self.asked.entry(peer).or_default();
                asked.held_until = None;
                if asked.stale_until.take().is_some() {
                    asked.memberships.retain(|_, stale| !*stale);
                }
            }
            Action::Down { peer, retain } if self.up(peer) => {
                self.lab.down(id(peer), retain.then_some(STALE));
                let model = self.model(peer);
                model.up = false;
                model.routes.retain(|_, path| retain && !path.stale);
                model.routes.values_mut().for_each(|path| path.stale = true);
                model.stale_until = retain.then(|| now + STALE);
                let asked = self.asked.entry(peer).or_default();
                asked.memberships.retain(|_, stale| retain && !*stale);
                asked.memberships.values_mut().for_each(|stale| *stale = true);
                asked.stale_until = retain.then(|| now + STALE);
            }
            Action::Up { peer } if !self.up(peer) => {
                let settings = settings_of(peer);
                self.lab.up(id(peer), settings.clone());
                let until = now + settings.stale_path_time;
                let model = self.model.peers.entry(id(peer)).or_insert_with(|| ModelPeer {
                    settings,
                    up: false,
                    routes: BTreeMap::new(),
                    stale_until: None,
                    refresh_until: None,
                    end_of_rib: false,
                });
                model.up = true;
                model.stale_until = model.stale_until.filter(|_| !model.routes.is_empty()).map(|_| until);
                let asked = self.asked.entry(peer).or_default();
                asked.stale_until =
                    asked.stale_until.filter(|_| !asked.memberships.is_empty()).map(|_| until);
                asked.held_until = asks(peer).then(|| now + HOLD);
            }
            Action::Refresh { peer } if self.up(peer) => {
                for family in [EVPN, Family::RtFilter] {
                    self.lab.rib.route_refresh(id(peer), family, RefreshKind::Normal, now).expect("up");
                }
            }
            Action::Stuck { peer } => self.lab.refuse(id(peer)),
            Action::Unstuck { peer } => self.lab.accept(id(peer)),
            Action::Pass { seconds } => {
                self.lab.pass(Duration::from_secs(seconds));
                let now = self.lab.now;
                let due = |until: &mut Option<Instant>| until.take_if(|until| *until <= now).is_some();
                for peer in self.model.peers.values_mut() {
                    if due(&mut peer.stale_until) {
                        peer.routes.retain(|_, path| !path.stale);
                    }
                }
                for asked in self.asked.values_mut() {
                    due(&mut asked.held_until);
                    if due(&mut asked.stale_until) {
                        asked.memberships.retain(|_, stale| !*stale);
                    }
                }
            }
            Action::Steps { steps } => {
                for _ in 0..steps {
                    self.lab.step();
                }
            }
            Action::Drain => self.lab.drain(),
            _ => {}
        }
    }

    /// True if the neighbour is sent a route with these attributes.
    fn is_sent(&self, n: u8, set: &AttributeSet) -> bool {
        if !asks(n) {
            return true;
        }
        let asked = &self.asked[&n];
        let targets: Vec<u16> = set
            .ext_communities
            .iter()
            .filter_map(|community| RouteTarget::from_community(*community))
            .map(|target| u16::from_be_bytes([target.community().0[2], target.community().0[3]]))
            .collect();
        let wants = |which: &u8| *which == 6 || targets.iter().any(|asn| covers(*which, *asn));
        asked.held_until.is_none() && asked.memberships.keys().any(wants)
    }

    /// The memberships that the neighbour must hear of.
    fn hears(&self, n: u8) -> BTreeSet<Membership> {
        let kind = |n: u8| (settings_of(n).kind, matches!(n, 1 | 2 | 5));
        let mut heard = BTreeSet::new();
        for which in 1..=6u8 {
            let by: Vec<u8> = (1..=4).filter(|by| self.asked[by].memberships.contains_key(&which)).collect();
            // All are equal but for kind and identifier: the one outside is best, then the lowest.
            let best = by.iter().copied().find(|by| *by == 4).or(by.first().copied());
            let told = match (best, kind(n)) {
                (None, _) => false,
                (Some(_), (PeerKind::Internal, true)) => true,
                (Some(best), (PeerKind::External, _)) => best != n,
                (Some(_), _) => by.iter().any(|by| *by != 3),
            };
            if told {
                heard.insert(choice(which));
            }
        }
        // 5 and 6 do not say what they want, and are sent what anybody sends.
        heard.insert(Membership::DEFAULT);
        heard
    }

    fn check(&mut self) {
        for n in 1..=PEERS {
            self.lab.accept(id(n));
        }
        self.lab.drain();
        for (&peer, receiver) in &self.lab.peers {
            let n = u8::try_from(peer.0).expect("a number");
            let mut view = self.model.view(peer);
            view.retain(|_, (_, set)| self.is_sent(n, set));
            assert_eq!(receiver.view, view, "what {peer} holds");
            let held = asks(n) && self.asked[&n].held_until.is_some();
            assert_eq!(receiver.ends_of_rib == 0, held, "{peer} was told the end");
            assert_eq!(self.lab.rib.counters(peer, EVPN).sent as usize, view.len());
            if asks(n) {
                let heard: BTreeSet<Membership> = receiver.asked.keys().copied().collect();
                assert_eq!(heard, self.hears(n), "what {peer} hears of");
                assert_eq!(self.lab.rib.counters(peer, Family::RtFilter).sent as usize, heard.len());
            }
        }
    }

    fn end(&mut self) {
        for n in 1..=PEERS {
            self.apply(Action::Down { peer: n, retain: false });
            self.lab.rib.remove_peer(id(n));
        }
        self.lab.rib.take_changes(usize::MAX);
        let memory = self.lab.rib.memory();
        for table in &memory.tables {
            assert_eq!((table.destinations, table.paths, table.best), (0, 0, 0), "{}", table.family);
        }
        assert_eq!((memory.attribute_sets, memory.rests, memory.waiting_bytes), (0, 0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_neighbour_holds_what_it_asked_for(
        import: bool,
        phases in prop::collection::vec(prop::collection::vec(any_action(), 1..25), 1..5),
    ) {
        let mut run = Run::new(import);
        for phase in phases {
            for action in phase {
                run.apply(action);
            }
            run.check();
        }
        run.end();
    }
}
