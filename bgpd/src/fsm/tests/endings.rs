//! How sessions end: codes, hard resets, what is retained, what follows.

use super::*;
use crate::peer::{NotificationSummary, Sender};
use crate::wire::notification::OpenError;

const MAXIMUM: Cease = Cease::MaximumPrefixes { family: FAMILY, limit: 1000 };

fn without_n(mut open: Open) -> Open {
    restart_of(&mut open).notification = false;
    open
}

/// Ends an established session with this input made for its connection.
fn ended(open: Open, input: impl FnOnce(ConnectionId) -> Input) -> (Vec<Action>, Bench) {
    let (mut bench, id) = Bench::established_with(settings(), open);
    let actions = bench.input(input(id));
    (actions, bench)
}

fn received(notification: Notification) -> impl FnOnce(ConnectionId) -> Input {
    move |id| Input::Received(id, Received::Notification(notification))
}

#[test]
fn ceases_have_their_subcodes() {
    let text = Some("see ticket".to_owned());
    for (cease, codes) in [
        (MAXIMUM, (6, 1)),
        (Cease::AdministrativeShutdown(text.clone()), (6, 2)),
        (Cease::PeerDeconfigured, (6, 3)),
        (Cease::AdministrativeReset(text), (6, 4)),
        (Cease::OtherConfigurationChange, (6, 6)),
        (Cease::OutOfResources, (6, 8)),
    ] {
        let (actions, bench) = ended(without_restart(theirs(HIGHER_ID)), |_| Input::Stop(cease));
        assert_eq!(sent(&actions), Some(codes));
        assert!(!down(&actions).unwrap().retain);
        assert_eq!((bench.fsm.state(), bench.fsm.poll_deadline()), (FsmState::Idle, None));
    }
}

#[test]
fn the_maximum_prefixes_notification_tells_family_and_limit() {
    let (actions, _) = ended(without_restart(theirs(HIGHER_ID)), |_| Input::Stop(MAXIMUM));
    assert_eq!(notification(&actions).unwrap().data, [0, 25, 70, 0, 0, 3, 232]);
}

#[test]
fn final_ceases_are_hard_resets_where_n_was_agreed_on() {
    for (cease, inner) in
        [(MAXIMUM, (6, 1)), (Cease::AdministrativeShutdown(None), (6, 2)), (Cease::PeerDeconfigured, (6, 3))]
    {
        let (actions, _) = ended(theirs(HIGHER_ID), |_| Input::Stop(cease.clone()));
        let notification = notification(&actions).unwrap();
        assert_eq!(notification.error.numbers(), (6, 9));
        assert_eq!(notification.hard_reset_cause().unwrap().error.numbers(), inner);
        let reason = down(&actions).unwrap();
        assert!(!reason.retain);
        let summary = reason.notification.as_ref().unwrap();
        assert_eq!((summary.code, summary.subcode, summary.hard_reset), (inner.0, inner.1, true));
        let (actions, _) = ended(without_n(theirs(HIGHER_ID)), |_| Input::Stop(cease));
        assert_eq!(sent(&actions), Some(inner));
    }
}

#[test]
fn a_reset_by_the_operator_retains_routes_with_n_and_calls_again_at_once() {
    for (open, retain) in [(theirs(HIGHER_ID), true), (without_n(theirs(HIGHER_ID)), false)] {
        let (actions, _) = ended(open, |_| Input::Reset(Cease::AdministrativeReset(None)));
        assert_eq!(sent(&actions), Some((6, 4)));
        assert_eq!(down(&actions).unwrap().retain, retain);
        assert!(actions.iter().any(|a| matches!(a, Action::Connect(_))));
    }
}

#[test]
fn what_is_retained() {
    let plain = Notification::new(CeaseSubcode::AdministrativeReset);
    let hard = plain.clone().into_hard_reset();
    let shutdown = Notification::new(CeaseSubcode::AdministrativeShutdown);
    let malformed = Notification::new(crate::wire::notification::UpdateError::MalformedAttributeList);
    let tcp = |id| Input::Closed(id, "connection closed by the neighbour".into());
    let n = || theirs(HIGHER_ID);
    let no_n = || without_n(theirs(HIGHER_ID));
    let no_gr = || without_restart(theirs(HIGHER_ID));
    let mut none_kept = theirs(HIGHER_ID);
    restart_of(&mut none_kept).families.clear();

    let retained = |(actions, _): (Vec<Action>, Bench)| down(&actions).unwrap().retain;
    assert!(retained(ended(n(), tcp)));
    assert!(retained(ended(no_n(), tcp)));
    assert!(!retained(ended(no_gr(), tcp)));
    assert!(!retained(ended(none_kept, tcp)), "the neighbour keeps no family");
    for (notification, with_n) in [(plain, true), (hard, false), (shutdown, true)] {
        assert_eq!(retained(ended(n(), received(notification.clone()))), with_n);
        assert!(!retained(ended(no_n(), received(notification))));
    }
    assert!(retained(ended(n(), |id| Input::Malformed(id, malformed.clone()))));
    assert!(!retained(ended(no_n(), |id| Input::Malformed(id, malformed))));

    for (open, with_n) in [(n(), true), (no_n(), false)] {
        let (mut bench, _) = Bench::established_with(settings(), open);
        let (_, actions) = bench.expire_past_keepalives();
        assert_eq!(sent(&actions), Some((4, 0)));
        assert_eq!(down(&actions).unwrap().retain, with_n);
    }

    let mut off = settings();
    off.graceful_restart.enabled = false;
    let (mut bench, id) = Bench::established_with(off, n());
    assert!(!down(&bench.input(tcp(id))).unwrap().retain, "not offered by us");
}

#[test]
fn a_received_shutdown_is_told_with_its_words() {
    let notification =
        Notification::cease_with_communication(CeaseSubcode::AdministrativeShutdown, "maintenance")
            .into_hard_reset();
    let (actions, bench) = ended(theirs(HIGHER_ID), received(notification));
    assert_eq!(
        down(&actions).unwrap().notification,
        Some(NotificationSummary {
            sender: Sender::Remote,
            code: 6,
            subcode: 2,
            hard_reset: true,
            communication: Some("maintenance".into()),
        })
    );
    assert!(down(&actions).unwrap().text.contains("maintenance"));
    assert_eq!(sent(&actions), None, "a NOTIFICATION is not answered");
    assert_eq!(bench.fsm.state(), FsmState::Active, "a Cease is no error");
}

#[test]
fn a_received_error_is_followed_by_a_wait_in_idle() {
    let (mut bench, id) = Bench::open_sent(settings());
    let notification = Notification::new(OpenError::BadPeerAs);
    let actions = bench.message(id, Received::Notification(notification));
    assert_eq!(sent(&actions), None);
    assert!(actions.iter().any(|a| matches!(a, Action::Failed(text) if text.contains("Bad Peer AS"))));
    assert_eq!(bench.fsm.state(), FsmState::Idle);
    assert!(bench.fsm.poll_deadline().is_some());
}

#[test]
fn a_start_or_a_reset_ends_the_wait_in_idle() {
    for input in [Input::Start, Input::Reset(Cease::AdministrativeReset(None))] {
        let (mut bench, id) = Bench::open_sent(settings());
        bench.input(Input::Malformed(id, Notification::new(FsmError::Unspecific)));
        assert!(matches!(bench.input(input)[0], Action::Connect(_)));
    }
}

#[test]
fn a_stop_takes_back_the_call() {
    let (mut bench, id) = Bench::calling(settings());
    let actions = bench.input(Input::Stop(Cease::PeerDeconfigured));
    assert_eq!(actions, [Action::Close(id), Action::State(FsmState::Idle)]);
    assert_eq!(bench.fsm.poll_deadline(), None);
    assert_eq!(bench.input(Input::ConnectFailed(id, CallFailure::Remote)), []);
}
