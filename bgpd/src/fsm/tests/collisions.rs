//! RFC 4271 §6.8 with every order of events, and RFC 4724 §5.

use super::*;

/// Both connections with our OPEN sent: (bench, ours, the neighbour's).
fn both(settings: PeerSettings) -> (Bench, ConnectionId, ConnectionId) {
    let (mut bench, outgoing) = Bench::calling(settings);
    let (incoming, _) = bench.accept();
    bench.input(Input::Connected(outgoing, endpoints()));
    (bench, outgoing, incoming)
}

fn closed(actions: &[Action]) -> Vec<ConnectionId> {
    actions.iter().filter_map(|a| if let Action::Close(id) = a { Some(*id) } else { None }).collect()
}

#[test]
fn the_connection_of_the_higher_identifier_stays_whatever_comes_first() {
    for (their_id, outgoing_stays) in [(LOWER_ID, true), (HIGHER_ID, false)] {
        for outgoing_first in [true, false] {
            let (mut bench, outgoing, incoming) = both(settings());
            let (stays, goes) = if outgoing_stays { (outgoing, incoming) } else { (incoming, outgoing) };
            let first = if outgoing_first { outgoing } else { incoming };
            let actions = bench.message(first, Received::Open(theirs(their_id)));
            assert_eq!(sent(&actions), Some((6, 7)));
            assert_eq!(closed(&actions), [goes]);
            if first != stays {
                bench.message(stays, Received::Open(theirs(their_id)));
            }
            assert_eq!(bench.message(goes, Received::Keepalive), [], "what still comes on it is ignored");
            let actions = bench.message(stays, Received::Keepalive);
            assert!(matches!(actions[0], Action::Established(id, _) if id == stays));
        }
    }
}

#[test]
fn equal_identifiers_across_ases_are_decided_by_the_as() {
    for (their_as, outgoing_stays) in [(64999, true), (65001, false)] {
        let mut external = settings();
        external.remote_as = RemoteAs::External;
        let mut other = settings();
        other.local_as = their_as;
        let (mut bench, outgoing, incoming) = both(external);
        let actions = bench.message(outgoing, Received::Open(open::ours(&other)));
        assert_eq!(closed(&actions), [if outgoing_stays { incoming } else { outgoing }]);
    }
}

#[test]
fn a_call_that_has_not_connected_is_given_up_when_opens_were_exchanged() {
    let (mut bench, outgoing) = Bench::calling(settings());
    let (incoming, _) = bench.accept();
    let actions = bench.message(incoming, Received::Open(theirs(LOWER_ID)));
    assert_eq!(closed(&actions), [outgoing]);
    assert_eq!(bench.input(Input::Connected(outgoing, endpoints())), [Action::Close(outgoing)]);
}

#[test]
fn beside_an_open_confirm_an_incoming_connection_is_watched_and_collides_on_its_open() {
    for (their_id, incoming_stays) in [(HIGHER_ID, true), (LOWER_ID, false)] {
        let (mut bench, outgoing) = Bench::open_confirm(settings(), theirs(their_id));
        let (incoming, actions) = bench.accept();
        assert_eq!(actions, [], "no OPEN of ours yet");
        let actions = bench.message(incoming, Received::Open(theirs(their_id)));
        assert_eq!(sent(&actions), Some((6, 7)));
        assert_eq!(closed(&actions), [if incoming_stays { outgoing } else { incoming }]);
        let answers = actions.iter().any(|a| matches!(a, Action::SendOpen(id, _) if *id == incoming));
        assert_eq!(answers, incoming_stays);
    }
}

#[test]
fn a_watched_connection_takes_over_when_the_other_fails() {
    let (mut bench, outgoing) = Bench::open_confirm(settings(), theirs(HIGHER_ID));
    let (incoming, _) = bench.accept();
    let actions = bench.input(Input::Closed(outgoing, "closed".into()));
    assert!(matches!(actions[..], [_, _, Action::SendOpen(id, _), _] if id == incoming), "{actions:?}");
    assert_eq!(bench.fsm.state(), FsmState::OpenSent);
}

#[test]
fn an_established_session_survives_a_collision() {
    for open in [without_restart(theirs(HIGHER_ID)), theirs(HIGHER_ID)] {
        let (mut bench, _) = Bench::established_with(settings(), open.clone());
        // Just after the start, the rest of a collision; also with graceful restart.
        let (late, actions) = bench.accept();
        assert_eq!(actions, []);
        let actions = bench.message(late, Received::Open(open));
        assert_eq!((sent(&actions), closed(&actions)), (Some((6, 7)), vec![late]));
        assert_eq!(bench.fsm.state(), FsmState::Established);
    }
    let open = without_restart(theirs(HIGHER_ID));
    let (mut bench, _) = Bench::established_with(settings(), open.clone());
    bench.advance(Duration::from_secs(30));
    let (late, _) = bench.accept();
    let actions = bench.message(late, Received::Open(open));
    assert_eq!((sent(&actions), closed(&actions)), (Some((6, 7)), vec![late]), "without graceful restart");
}

#[test]
fn a_restarted_neighbours_open_replaces_the_session_without_a_notification_and_keeps_routes() {
    let (mut bench, old) = Bench::established();
    bench.advance(Duration::from_secs(10));
    let (new, actions) = bench.accept();
    assert_eq!(actions, []);
    let actions = bench.message(new, Received::Open(theirs(HIGHER_ID)));
    assert_eq!(sent(&actions), None);
    assert_eq!(closed(&actions), [old]);
    assert!(down(&actions).unwrap().retain);
    assert!(actions.iter().any(|a| matches!(a, Action::SendOpen(id, _) if *id == new)));
    assert_eq!(bench.fsm.state(), FsmState::OpenConfirm);
    let actions = bench.message(new, Received::Keepalive);
    assert!(matches!(actions[0], Action::Established(id, _) if id == new));
}

#[test]
fn a_bad_open_beside_the_session_does_not_touch_it() {
    let (mut bench, _) = Bench::established();
    bench.advance(Duration::from_secs(10));
    let (new, _) = bench.accept();
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 1;
    let actions = bench.message(new, Received::Open(open));
    assert_eq!((sent(&actions), closed(&actions)), (Some((2, 6)), vec![new]));
    assert_eq!(bench.fsm.state(), FsmState::Established);
}

#[test]
fn the_newest_of_several_incoming_connections_counts() {
    let mut passive = settings();
    passive.passive = true;
    let mut bench = Bench::new(passive);
    bench.input(Input::Start);
    let (first, _) = bench.accept();
    let (second, actions) = bench.accept();
    assert_eq!(closed(&actions), [first]);
    assert!(bench.message(first, Received::Open(theirs(HIGHER_ID))).is_empty());
    let actions = bench.message(second, Received::Open(theirs(HIGHER_ID)));
    assert_eq!(actions[0], Action::SendKeepalive(second));
}

/// Two machines that call each other at the same moment end with one and the same session,
/// in whatever order what is on its way arrives.
#[test]
fn two_machines_that_call_each_other_agree() {
    for seed in 0..500u64 {
        duel(seed);
    }
}

/// What is under way on one of the two TCP connections, towards one side.
#[derive(Debug, Clone)]
enum Parcel {
    Syn,
    Connected,
    Message(Received),
    Fin,
}

fn duel(seed: u64) {
    let mut random = seed;
    let mut next = move |n: usize| {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (random >> 33) as usize % n
    };
    let side = |id| {
        let mut settings = settings();
        settings.router_id = id;
        Bench::new(settings)
    };
    let mut sides = [side(LOWER_ID), side(HIGHER_ID)];
    // For side s and connection c (opened by side c): the name s gives it, and the queue to s.
    let mut names: [[Option<ConnectionId>; 2]; 2] = Default::default();
    let mut queues: [[std::collections::VecDeque<Parcel>; 2]; 2] = Default::default();
    let mut pending = vec![];
    for (s, side) in sides.iter_mut().enumerate() {
        pending.push((s, side.input(Input::Start)));
    }
    for _ in 0..400 {
        while let Some((s, actions)) = pending.pop() {
            for action in actions {
                let on = |id: ConnectionId| (0..2).find(|&c| names[s][c] == Some(id));
                let (id, parcel) = match action {
                    Action::Connect(id) => {
                        names[s][s] = Some(id);
                        queues[s][s].clear();
                        queues[1 - s][s].clear();
                        names[1 - s][s] = None;
                        queues[1 - s][s].push_back(Parcel::Syn);
                        queues[s][s].push_back(Parcel::Connected);
                        continue;
                    }
                    Action::SendOpen(id, open) => (id, Parcel::Message(Received::Open(*open))),
                    Action::SendKeepalive(id) => (id, Parcel::Message(Received::Keepalive)),
                    Action::SendNotification(id, n) => (id, Parcel::Message(Received::Notification(n))),
                    Action::Close(id) => (id, Parcel::Fin),
                    _ => continue,
                };
                if let Some(c) = on(id) {
                    queues[1 - s][c].push_back(parcel);
                }
            }
        }
        let ready: Vec<_> =
            [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().filter(|&(s, c)| !queues[s][c].is_empty()).collect();
        if ready.is_empty() {
            let up = sides.iter().all(|side| side.fsm.state() == FsmState::Established);
            if up {
                break;
            }
            // Nothing is under way: time passes for the side that waits.
            let s = (0..2).min_by_key(|&s| sides[s].fsm.poll_deadline()).unwrap();
            let s = if sides[s].fsm.poll_deadline().is_none() { 1 - s } else { s };
            let (took, actions) = sides[s].expire();
            sides[1 - s].advance(took);
            pending.push((s, actions));
            continue;
        }
        let (s, c) = ready[next(ready.len())];
        let parcel = queues[s][c].pop_front().unwrap();
        let bench = &mut sides[s];
        let actions = match parcel {
            Parcel::Syn => {
                let id = bench.fsm.name_connection();
                names[s][c] = Some(id);
                bench.input(Input::Accepted(id, endpoints()))
            }
            Parcel::Connected => bench.input(Input::Connected(names[s][c].unwrap(), endpoints())),
            Parcel::Message(message) => match names[s][c] {
                Some(id) => bench.message(id, message),
                None => vec![],
            },
            Parcel::Fin => match names[s][c] {
                Some(id) => bench.input(Input::Closed(id, "closed".into())),
                None => vec![],
            },
        };
        pending.push((s, actions));
    }
    for side in &sides {
        assert_eq!(side.fsm.state(), FsmState::Established, "seed {seed}");
        assert!(side.now - side.start < Duration::from_secs(1), "seed {seed}: {:?}", side.now - side.start);
    }
}
