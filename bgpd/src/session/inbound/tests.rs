use super::*;
use crate::{
    peer::{PeerId, SessionId},
    session::scripted::PATIENCE,
    wire::{AttributeSet, Family, Update},
};
use proptest::prelude::*;
use std::{thread, time::Duration};
use tokio::{runtime, time::timeout};

/// What an event costs that holds nothing.
const BARE: usize = 2 * size_of::<Waiting>();

/// An event with a number, of the lane with a number.
fn event(lane: usize, number: u64) -> SessionEvent {
    let peer = PeerId(u32::try_from(lane).unwrap());
    SessionEvent::Drained { peer, session: SessionId(number) }
}

fn read(event: &SessionEvent) -> (usize, u64) {
    match event {
        SessionEvent::Drained { peer, session } => (usize::try_from(peer.0).unwrap(), session.0),
        other => panic!("{other:?}"),
    }
}

fn push(lane: &Lane, number: usize, events: std::ops::Range<u64>, octets: usize) {
    events.for_each(|event_number| lane.push(event(number, event_number), octets));
}

/// The shares of the next turn, each as the numbers of their lanes.
fn turn(inbox: &mut Inbox) -> Vec<Vec<usize>> {
    let (mut shares, mut turn, mut hand) = (Vec::new(), inbox.turn(), Vec::new());
    while turn.take(&mut hand) {
        shares.push(hand.drain(..).map(|event| read(&event).0).collect());
    }
    shares
}

fn run<F: Future>(what: F) -> F::Output {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, what).await.expect("it happens in time") })
}

fn waits(lane: &Lane) -> bool {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async { timeout(Duration::ZERO, lane.room()).await.is_err() })
}

#[test]
fn a_flood_delays_another_by_a_share_and_the_turn_ends_for_its_sake() {
    let (lanes, mut inbox) = channel(Limits { lane_events: 10_000, ..Limits::default() });
    let (flood, other) = (lanes.lane(), lanes.lane());
    push(&flood, 0, 0..2000, 0);
    assert_eq!(
        turn(&mut inbox),
        vec![vec![0; SHARE.events]; TURN.events / SHARE.events],
        "nobody else waits"
    );
    push(&other, 1, 0..1, 0);
    assert_eq!(turn(&mut inbox), [vec![0; SHARE.events], vec![1]]);
    // Also if it comes in the middle of a turn.
    let (mut turn, mut hand) = (inbox.turn(), Vec::new());
    assert!(turn.take(&mut hand));
    push(&other, 1, 1..2, 0);
    assert!(turn.take(&mut hand) && turn.take(&mut hand) && !turn.take(&mut hand));
    let lanes: Vec<usize> = hand.iter().map(|event| read(event).0).collect();
    assert_eq!(lanes, [vec![0; 2 * SHARE.events], vec![1]].concat());
}

#[test]
fn a_share_is_bounded_by_octets_and_a_turn_too() {
    let (lanes, mut inbox) =
        channel(Limits { lane_octets: usize::MAX, total_octets: usize::MAX, ..Limits::default() });
    let lane = lanes.lane();
    push(&lane, 0, 0..500, SHARE.octets / 4);
    let shares = turn(&mut inbox);
    assert!(shares.iter().all(|share| share.len() == 4), "{shares:?}");
    assert_eq!(shares.len(), TURN.octets / SHARE.octets);
}

#[test]
fn a_lane_is_full_by_events_by_octets_and_by_what_all_hold_but_never_empty() {
    let limits = Limits { lane_events: 4, lane_octets: 10 * BARE, total_octets: 24 * BARE };
    let (lanes, mut inbox) = channel(limits);
    let (many, large, third) = (lanes.lane(), lanes.lane(), lanes.lane());
    push(&many, 0, 0..3, 0);
    assert!(many.has_room());
    push(&many, 0, 3..4, 0);
    assert!(!many.has_room());
    push(&large, 1, 0..1, 8 * BARE);
    assert!(large.has_room());
    push(&large, 1, 1..2, 0);
    assert!(!large.has_room());
    assert_eq!(lanes.octets(), 14 * BARE);
    // Of 24 there are 10 left, so a lane may have the half of them.
    assert!(third.has_room());
    push(&third, 2, 0..1, 3 * BARE);
    assert!(third.has_room());
    push(&third, 2, 1..2, 0);
    assert!(!third.has_room());
    turn(&mut inbox);
    assert!(many.has_room() && large.has_room() && third.has_room());
    assert_eq!(lanes.octets(), 0);
    // More than anybody may have, and after it nothing is left: but once it is out all goes on.
    push(&third, 2, 2..3, 100 * BARE);
    push(&many, 0, 4..5, 0);
    assert!(!third.has_room() && !many.has_room());
    assert_eq!(turn(&mut inbox), [[2], [0]]);
    assert!(many.has_room() && third.has_room());
}

#[test]
fn a_session_is_woken_when_half_of_its_lane_is_free() {
    let (lanes, mut inbox) = channel(Limits { lane_events: 4 * SHARE.events, ..Limits::default() });
    let lane = lanes.lane();
    push(&lane, 0, 0..4 * u64::try_from(SHARE.events).unwrap(), 0);
    let (mut turn, mut hand) = (inbox.turn(), Vec::new());
    turn.take(&mut hand);
    turn.take(&mut hand);
    assert!(waits(&lane), "half is free, but not more");
    turn.take(&mut hand);
    assert_eq!(run(lane.room()), Ok(()));
    assert!(lane.has_room());
}

#[test]
fn what_a_session_said_last_is_heard() {
    let (lanes, mut inbox) = channel(Limits::default());
    let lane = lanes.lane();
    push(&lane, 7, 0..3, 0);
    drop(lane);
    assert_eq!(turn(&mut inbox), [[7; 3]]);
    assert!(lanes.0.ring().lanes.is_empty());
}

#[test]
fn without_the_core_nobody_waits_and_nothing_is_kept() {
    let (lanes, inbox) = channel(Limits { lane_events: 1, ..Limits::default() });
    let (before, after) = (lanes.lane(), lanes.lane());
    push(&before, 0, 0..5, 1000);
    assert!(waits(&before));
    drop(inbox);
    assert_eq!(run(before.room()), Err(Closed));
    push(&after, 1, 0..1, 1000);
    assert!(!after.has_room(), "so it looks why");
    assert_eq!(run(after.room()), Err(Closed));
    assert_eq!(lanes.octets(), 0);
}

#[test]
fn what_a_flood_has_left_of_memory_goes_back() {
    let (lanes, mut inbox) = channel(Limits::default());
    let lane = lanes.lane();
    push(&lane, 0, 0..500, 0);
    assert!(lane.0.queue().events.capacity() >= 500);
    turn(&mut inbox);
    assert!(lane.0.queue().events.capacity() <= 2 * KEPT);
}

#[test]
fn an_attribute_set_counts_once() {
    let set = Arc::new(AttributeSet { communities: vec![0; 1000], ..AttributeSet::default() });
    let cached = Arc::clone(&set);
    let update = |set| {
        let update = Update {
            attributes: Some(set),
            reach: vec![NlriBlock::new(Family::L2vpnEvpn, Vec::new())],
            ..Update::default()
        };
        SessionEvent::Update { peer: PeerId(1), session: SessionId(1), update }
    };
    let first = update(set);
    assert!(held(&first) > 4000 + size_of::<AttributeSet>());
    let second = update(cached.clone());
    assert_eq!(held(&second), size_of::<NlriBlock>());
    drop((first, second));
    assert!(held(&update(cached)) > 4000, "the one before was let go");
}

/// What is done to the lanes.
#[derive(Debug, Clone)]
enum Step {
    /// An event, if the lane has room, or all the same.
    Push { lane: usize, octets: usize, always: bool },
    /// So many events in a row, while there is room.
    Flood { lane: usize, octets: usize },
    /// The next share; a new turn if this one is over.
    Take,
    /// The session ends and begins anew.
    Renew { lane: usize },
}

const LANES: usize = 5;

fn step() -> impl Strategy<Value = Step> {
    let octets = prop_oneof![4 => 0..200_usize, 1 => 0..100_000_usize];
    prop_oneof![
        4 => (0..LANES, octets.clone(), any::<bool>())
            .prop_map(|(lane, octets, always)| Step::Push { lane, octets, always }),
        1 => (0..LANES, octets).prop_map(|(lane, octets)| Step::Flood { lane, octets }),
        4 => Just(Step::Take),
        1 => (0..LANES).prop_map(|lane| Step::Renew { lane }),
    ]
}

/// What ought to be: plain queues of numbers and octets, and who waited through how many shares of whom.
#[derive(Debug)]
struct Model {
    queues: Vec<VecDeque<(u64, usize)>>,
    next: u64,
    /// `passed[a][b]`: shares that `b` had since `a` waits or had one.
    passed: [[u32; LANES]; LANES],
    largest: usize,
}

impl Model {
    fn octets(&self, lane: usize) -> usize {
        self.queues[lane].iter().map(|(_, octets)| octets).sum()
    }

    fn push(&mut self, number: usize, lane: &Lane, octets: usize) {
        if self.queues[number].is_empty() {
            self.passed[number] = [0; LANES];
        }
        lane.push(event(number, self.next), octets);
        self.queues[number].push_back((self.next, octets + BARE));
        self.largest = self.largest.max(octets + BARE);
        self.next += 1;
    }

    fn took(&mut self, share: &[SessionEvent]) {
        let (lane, _) = read(&share[0]);
        let mut octets = 0;
        for (index, event) in share.iter().enumerate() {
            assert!(index < SHARE.events && octets < SHARE.octets, "more than a share");
            let (number, held) = self.queues[lane].pop_front().expect("it was put in");
            assert_eq!(read(event), (lane, number), "in the order of its lane");
            octets += held;
        }
        for (waiting, passed) in self.passed.iter_mut().enumerate() {
            if !self.queues[waiting].is_empty() && waiting != lane {
                passed[lane] += 1;
                assert!(passed[lane] <= 1, "{lane} had two shares while {waiting} waited");
            }
        }
        self.passed[lane] = [0; LANES];
    }
}

proptest! {
    #[test]
    fn lanes_behave_as_plain_queues_taken_in_turn(
        steps in prop::collection::vec(step(), 1..200),
        lane_events in 1..300_usize,
        lane_octets in 1..300_000_usize,
        total_octets in 1..600_000_usize,
    ) {
        let limits = Limits { lane_events, lane_octets, total_octets };
        let (lanes, mut inbox) = channel(limits);
        let mut ends: Vec<Lane> = (0..LANES).map(|_| lanes.lane()).collect();
        let mut model =
            Model { queues: vec![VecDeque::new(); LANES], next: 0, passed: [[0; LANES]; LANES], largest: 0 };
        let (mut turn, mut hand, mut forced) = (inbox.turn(), Vec::new(), 0);
        for step in steps {
            match step {
                Step::Push { lane, octets, always } => {
                    if !ends[lane].has_room() && always {
                        forced += octets + BARE;
                        model.push(lane, &ends[lane], octets);
                    } else if ends[lane].has_room() {
                        model.push(lane, &ends[lane], octets);
                    }
                }
                Step::Flood { lane, octets } => {
                    for _ in 0..200 {
                        if ends[lane].has_room() {
                            model.push(lane, &ends[lane], octets);
                        }
                    }
                }
                Step::Take => {
                    if !turn.take(&mut hand) {
                        turn = inbox.turn();
                        turn.take(&mut hand);
                    }
                    if hand.is_empty() {
                        prop_assert!(model.queues.iter().all(VecDeque::is_empty));
                    } else {
                        model.took(&hand);
                    }
                    hand.clear();
                }
                // A lane of the same number may be only one: what waits in the old one comes out first.
                Step::Renew { lane } => {
                    if model.queues[lane].is_empty() {
                        ends[lane] = lanes.lane();
                    }
                }
            }
            let held: Vec<usize> = (0..LANES).map(|lane| model.octets(lane)).collect();
            let total: usize = held.iter().sum();
            prop_assert_eq!(lanes.octets(), total);
            prop_assert!(total <= total_octets + LANES * model.largest + forced);
            for lane in 0..LANES {
                let length = model.queues[lane].len();
                prop_assert!(held[lane] <= lane_octets + model.largest + forced);
                prop_assert!(forced > 0 || length <= lane_events);
                prop_assert!(ends[lane].has_room() || length > 0, "an empty lane is not full");
            }
        }
        for _ in 0..LANES * 100_000 {
            if !turn.take(&mut hand) {
                turn = inbox.turn();
                if !turn.take(&mut hand) {
                    break;
                }
            }
            model.took(&hand);
            hand.clear();
        }
        prop_assert!(model.queues.iter().all(VecDeque::is_empty), "nothing is lost");
        prop_assert!(ends.iter().all(Lane::has_room) && lanes.octets() == 0);
    }
}

/// Sessions on threads of their own, which wait as sessions do, and a core that sleeps at times: all arrives in order,
/// and nobody sleeps for ever.
#[test]
fn many_threads_lose_nothing_and_wake_each_other() {
    const THREADS: usize = 6;
    const EVENTS: u64 = 2_000;
    for limits in [
        Limits { lane_events: 3, ..Limits::default() },
        Limits { lane_octets: 40 * BARE, ..Limits::default() },
        Limits { total_octets: 20 * BARE, ..Limits::default() },
        Limits::default(),
    ] {
        let (lanes, mut inbox) = channel(limits);
        let sessions: Vec<_> = (0..THREADS)
            .map(|number| {
                let lane = lanes.lane();
                thread::spawn(move || {
                    run(async {
                        for next in 0..EVENTS {
                            if !lane.has_room() {
                                lane.room().await.unwrap();
                            }
                            lane.push(event(number, next), usize::from(next % 7 == 0) * BARE);
                            if number == 0 && next % 64 == 0 {
                                // One that has seldom something to say.
                                thread::yield_now();
                            }
                        }
                    });
                })
            })
            .collect();
        let mut next = [0; THREADS];
        run(async {
            let mut hand = Vec::new();
            while next.iter().sum::<u64>() < THREADS as u64 * EVENTS {
                inbox.arrivals().wait().await;
                let mut turn = inbox.turn();
                while turn.take(&mut hand) {
                    for event in hand.drain(..) {
                        let (lane, number) = read(&event);
                        assert_eq!(number, next[lane]);
                        next[lane] += 1;
                    }
                }
                if next[1] % 100 == 0 {
                    thread::sleep(Duration::from_micros(200));
                }
            }
        });
        for session in sessions {
            session.join().unwrap();
        }
        assert_eq!(lanes.octets(), 0);
    }
}

/// The core goes while sessions push and wait: all of them hear of it.
#[test]
fn sessions_on_other_threads_hear_that_the_core_has_gone() {
    for round in 0..200 {
        let (lanes, mut inbox) = channel(Limits { lane_events: 4, ..Limits::default() });
        let sessions: Vec<_> = (0..3)
            .map(|number| {
                let lane = lanes.lane();
                thread::spawn(move || {
                    run(async {
                        for next in 0.. {
                            lane.push(event(number, next), 0);
                            if !lane.has_room() && lane.room().await == Err(Closed) {
                                break;
                            }
                        }
                    });
                })
            })
            .collect();
        for _ in 0..round {
            turn(&mut inbox);
        }
        drop(inbox);
        for session in sessions {
            session.join().unwrap();
        }
        assert_eq!(lanes.octets(), 0);
    }
}
