//! RFC 4271 §8.2.2 state by state: calling, waiting, being called, timers.

use super::*;

#[test]
fn a_start_calls_at_once() {
    Bench::calling(settings());
}

#[test]
fn nothing_starts_without_a_family_or_while_shut_down() {
    let mut bare = settings();
    bare.families.clear();
    let mut shut = settings();
    shut.administrative = Administrative::Shutdown { message: None };
    for settings in [bare, shut] {
        let mut bench = Bench::new(settings);
        assert_eq!(bench.input(Input::Start), []);
        assert_eq!(bench.fsm.poll_deadline(), None);
    }
}

#[test]
fn refused_calls_are_repeated_fast_then_slower_up_to_connect_retry() {
    let mut settings = settings();
    settings.timers.connect_retry = Duration::from_secs(10);
    let (mut bench, mut id) = Bench::calling(settings);
    for whole in [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0] {
        assert_eq!(
            bench.input(Input::ConnectFailed(id, CallFailure::Remote)),
            [Action::State(FsmState::Active)]
        );
        let (took, actions) = bench.expire();
        assert!(between(took, whole * 0.75, whole), "{took:?} for {whole}");
        let [Action::Connect(next), Action::State(FsmState::Connect)] = actions[..] else {
            panic!("{actions:?}")
        };
        id = next;
    }
}

#[test]
fn calls_that_fail_on_this_machine_are_repeated_every_second() {
    let (mut bench, mut id) = Bench::calling(settings());
    for whole in [0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0] {
        bench.input(Input::ConnectFailed(id, CallFailure::Local));
        let (took, actions) = bench.expire();
        assert!(between(took, whole * 0.75, whole), "{took:?} for {whole}");
        let Action::Connect(next) = actions[0] else { panic!("{actions:?}") };
        id = next;
    }
}

#[test]
fn a_second_start_ends_the_wait_for_the_next_call() {
    let (mut bench, id) = Bench::calling(settings());
    assert_eq!(bench.input(Input::Start), [], "the call is under way");
    bench.input(Input::ConnectFailed(id, CallFailure::Remote));
    assert!(matches!(bench.input(Input::Start)[0], Action::Connect(_)));
    let (mut bench, _) = Bench::established();
    assert_eq!(bench.input(Input::Start), []);
}

#[test]
fn a_call_without_an_answer_is_given_up_and_made_again() {
    let (mut bench, id) = Bench::calling(settings());
    let (took, actions) = bench.expire();
    assert_eq!(took, Duration::from_secs(2));
    assert_eq!(actions, [Action::Close(id), Action::State(FsmState::Active)]);
    assert_eq!(bench.input(Input::Connected(id, endpoints())), [Action::Close(id)], "too late");
    let (took, actions) = bench.expire();
    assert!(between(took, 0.075, 0.1));
    assert!(matches!(actions[0], Action::Connect(next) if next != id));
}

#[test]
fn a_passive_neighbour_is_never_called_but_answered() {
    let mut passive = settings();
    passive.passive = true;
    let mut bench = Bench::new(passive);
    assert_eq!(bench.input(Input::Start), [Action::State(FsmState::Active)]);
    assert_eq!(bench.fsm.poll_deadline(), None);
    let (id, actions) = bench.accept();
    assert!(matches!(actions[..], [Action::SendOpen(to, _), Action::State(FsmState::OpenSent)] if to == id));
    let actions = bench.input(Input::Closed(id, "closed".into()));
    assert_eq!(actions.last(), Some(&Action::State(FsmState::Active)));
    assert_eq!(bench.fsm.poll_deadline(), None);
}

#[test]
fn a_stopped_neighbour_is_rejected() {
    let mut bench = Bench::new(settings());
    let (id, actions) = bench.accept();
    assert_eq!(sent(&actions), Some((6, 5)));
    assert_eq!(actions.last(), Some(&Action::Close(id)));
}

#[test]
fn an_incoming_connection_ends_the_wait_for_the_next_call() {
    let (mut bench, id) = Bench::calling(settings());
    bench.input(Input::ConnectFailed(id, CallFailure::Remote));
    let (incoming, _) = bench.accept();
    let (took, actions) = bench.expire();
    assert_eq!(took, Duration::from_secs(240), "the wait for the OPEN is the only timer");
    assert_eq!(sent(&actions), Some((4, 0)));
    assert!(actions.contains(&Action::Close(incoming)));
}

#[test]
fn no_open_for_four_minutes_ends_with_hold_timer_expired() {
    let (mut bench, id) = Bench::open_sent(settings());
    let (took, actions) = bench.expire();
    assert_eq!(took, Duration::from_secs(240));
    assert_eq!(sent(&actions), Some((4, 0)));
    assert!(actions.contains(&Action::Close(id)));
    assert_eq!(bench.fsm.state(), FsmState::Active, "it is tried again");
}

#[test]
fn tcp_that_closes_before_the_open_is_tried_again() {
    let (mut bench, id) = Bench::open_sent(settings());
    let actions = bench.input(Input::Closed(id, "connection reset by the neighbour".into()));
    assert_eq!(actions[0], Action::Close(id));
    let (took, actions) = bench.expire();
    assert!(between(took, 0.075, 0.1));
    assert!(matches!(actions[0], Action::Connect(_)));
}

#[test]
fn keepalives_come_at_the_agreed_third_with_jitter_and_again() {
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 30;
    let (mut bench, id) = Bench::established_with(settings(), open);
    for _ in 0..5 {
        let (took, actions) = bench.expire();
        assert_eq!(actions, [Action::SendKeepalive(id)]);
        assert!(between(took, 7.5, 10.0), "{took:?}");
        bench.message(id, Received::Keepalive);
    }
}

#[test]
fn a_configured_keepalive_below_a_third_is_used() {
    let mut settings = settings();
    settings.timers.keepalive = Duration::from_secs(4);
    let (mut bench, _) = Bench::established_with(settings, theirs(HIGHER_ID));
    let (took, _) = bench.expire();
    assert!(between(took, 3.0, 4.0), "{took:?}");
}

#[test]
fn what_was_sent_puts_the_keepalive_off() {
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 30;
    let (mut bench, id) = Bench::established_with(settings(), open);
    bench.advance(Duration::from_secs(7));
    bench.input(Input::Written(id));
    let (took, _) = bench.expire();
    assert!(between(took, 7.5, 10.0), "{took:?}");
}

#[test]
fn silence_for_the_hold_time_ends_the_session_with_4_0() {
    for (hold, agreed) in [(180, 180), (3, 3), (65535, 180)] {
        let mut open = theirs(HIGHER_ID);
        open.hold_time = hold;
        let (mut bench, id) = Bench::established_with(settings(), open);
        let (took, actions) = bench.expire_past_keepalives();
        assert_eq!(took, Duration::from_secs(agreed));
        assert_eq!(sent(&actions), Some((4, 0)));
        assert!(actions.contains(&Action::Close(id)));
        assert!(down(&actions).is_some());
    }
}

#[test]
fn keepalives_and_updates_and_unread_octets_keep_the_session() {
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 9;
    let (mut bench, id) = Bench::established_with(settings(), open);
    for input in
        [Input::Received(id, Received::Keepalive), Input::Received(id, Received::Update), Input::Heard(id)]
    {
        bench.advance(Duration::from_secs(8));
        bench.input(Input::Written(id));
        assert_eq!(bench.input(input), []);
        assert_eq!(bench.fsm.about_to_expire(bench.now + Duration::from_secs(8)).count(), 0);
        assert_eq!(bench.fsm.about_to_expire(bench.now + Duration::from_secs(9)).count(), 1);
    }
    bench.advance(Duration::from_secs(8));
    bench.message(id, Received::RouteRefresh);
    let (took, actions) = bench.expire_past_keepalives();
    assert!(took <= Duration::from_secs(1), "a ROUTE-REFRESH does not restart the hold timer");
    assert_eq!(sent(&actions), Some((4, 0)));
}

#[test]
fn hold_time_zero_has_no_keepalives_and_no_expiry() {
    let mut open = theirs(HIGHER_ID);
    open.hold_time = 0;
    let (bench, _) = Bench::established_with(settings(), open.clone());
    assert_eq!(bench.fsm.poll_deadline(), None);
    let mut ours = settings();
    ours.timers.hold = Duration::ZERO;
    let (bench, _) = Bench::established_with(ours, theirs(HIGHER_ID));
    assert_eq!(bench.fsm.poll_deadline(), None);
    let (mut bench, _) = Bench::open_confirm(settings(), open);
    let (took, _) = bench.expire();
    assert_eq!(took, Duration::from_secs(240), "an OPEN that is never confirmed ends all the same");
}

#[test]
fn a_session_that_cannot_send_ends_with_8_0() {
    let (mut bench, id) = Bench::established();
    let mut silent = Duration::ZERO;
    let actions = loop {
        let (took, actions) = bench.expire();
        silent += took;
        if !matches!(actions[..], [Action::SendKeepalive(_)]) {
            break actions;
        }
        bench.message(id, Received::Keepalive);
    };
    assert_eq!(silent, Duration::from_secs(480));
    assert_eq!(sent(&actions), Some((8, 0)));
    assert_eq!(bench.fsm.state(), FsmState::Idle);
}

#[test]
fn what_is_written_restarts_the_send_hold_timer() {
    let (mut bench, id) = Bench::calling(settings());
    bench.fsm.set_send_hold(Duration::from_secs(5));
    bench.input(Input::Connected(id, endpoints()));
    bench.message(id, Received::Open(theirs(HIGHER_ID)));
    bench.message(id, Received::Keepalive);
    bench.advance(Duration::from_secs(4));
    bench.input(Input::Written(id));
    let (took, actions) = bench.expire();
    assert_eq!((took, sent(&actions)), (Duration::from_secs(5), Some((8, 0))));
}

#[test]
fn unexpected_messages_have_their_subcodes_and_the_type_as_data() {
    let open = || Received::Open(theirs(HIGHER_ID));
    for message in [Received::Keepalive, Received::Update, Received::RouteRefresh] {
        let (mut bench, id) = Bench::open_sent(settings());
        let number = message.number();
        let actions = bench.message(id, message);
        assert_eq!(sent(&actions), Some((5, 1)));
        assert_eq!(notification(&actions).unwrap().data, [number]);
    }
    for message in [open(), Received::Update, Received::RouteRefresh] {
        let (mut bench, id) = Bench::open_confirm(settings(), theirs(HIGHER_ID));
        assert_eq!(sent(&bench.message(id, message)), Some((5, 2)));
    }
    let (mut bench, id) = Bench::established();
    assert_eq!(sent(&bench.message(id, open())), Some((5, 3)));
}

#[test]
fn errors_are_followed_by_idle_that_doubles_and_neither_calls_nor_answers() {
    let (mut bench, mut id) = Bench::open_sent(settings());
    for whole in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 120.0, 120.0] {
        let actions = bench.input(Input::Malformed(id, Notification::new(FsmError::Unspecific)));
        assert_eq!(actions.last(), Some(&Action::State(FsmState::Idle)));
        let (late, actions) = bench.accept();
        assert_eq!(actions, [Action::Close(late)]);
        let (took, actions) = bench.expire();
        assert!(between(took, whole * 0.75, whole), "{took:?} for {whole}");
        let [Action::Connect(next), _] = actions[..] else { panic!("{actions:?}") };
        id = next;
        bench.input(Input::Connected(id, endpoints()));
    }
}

#[test]
fn a_session_that_lasted_makes_errors_forgotten() {
    let (mut bench, mut id) = Bench::open_sent(settings());
    for _ in 0..5 {
        bench.input(Input::Malformed(id, Notification::new(FsmError::Unspecific)));
        let (_, actions) = bench.expire();
        let [Action::Connect(next), _] = actions[..] else { panic!("{actions:?}") };
        id = next;
        bench.input(Input::Connected(id, endpoints()));
    }
    bench.message(id, Received::Open(theirs(HIGHER_ID)));
    bench.message(id, Received::Keepalive);
    bench.advance(STABLE);
    bench.input(Input::Malformed(id, Notification::new(FsmError::Unspecific)));
    let (took, _) = bench.expire();
    assert!(between(took, 0.75, 1.0), "{took:?}");
}

#[test]
fn a_lost_session_is_called_again_at_once_but_not_in_a_tight_loop() {
    let (mut bench, id) = Bench::established();
    bench.advance(STABLE);
    let actions = bench.input(Input::Closed(id, "closed".into()));
    let Some(Action::Connect(mut id)) = actions.iter().rev().nth(1).cloned() else { panic!("{actions:?}") };
    for whole in [0.1, 0.2, 0.4] {
        bench.input(Input::Connected(id, endpoints()));
        bench.message(id, Received::Open(theirs(HIGHER_ID)));
        bench.message(id, Received::Keepalive);
        bench.input(Input::Closed(id, "closed".into()));
        let (took, actions) = bench.expire();
        assert!(between(took, whole * 0.75, whole), "{took:?} for {whole}");
        let [Action::Connect(next), _] = actions[..] else { panic!("{actions:?}") };
        id = next;
    }
}

#[test]
fn changes_that_need_no_new_session_leave_it() {
    let (mut bench, _) = Bench::established();
    let mut new = settings();
    new.description = Some("spine".into());
    new.timers.hold = Duration::from_secs(9);
    new.passive = true;
    new.graceful_restart.restart_time = Duration::from_secs(1);
    new.graceful_restart.restarting = true;
    new.families.entry(FAMILY).or_default().route_reflector_client = true;
    assert_eq!(bench.input(Input::Reconfigure(Box::new(new.clone()))), []);
    assert_eq!(bench.fsm.settings(), &new);
}

#[test]
fn changes_of_the_connection_or_the_open_begin_a_new_session() {
    let changes: [fn(&mut PeerSettings); 6] = [
        |s| s.password = Some("secret".into()),
        |s| s.remote_as = RemoteAs::Number(65001),
        |s| s.router_id = LOWER_ID,
        |s| s.ttl = crate::peer::TtlPolicy::Security(1),
        |s| s.capabilities.extended_message = false,
        |s| s.update_source = Some(crate::peer::UpdateSource::Interface("lo".into())),
    ];
    for change in changes {
        let (mut bench, id) = Bench::established();
        let mut new = settings();
        change(&mut new);
        let actions = bench.input(Input::Reconfigure(Box::new(new)));
        assert_eq!(sent(&actions), Some((6, 6)));
        assert!(actions.contains(&Action::Close(id)));
        assert!(actions.iter().any(|a| matches!(a, Action::Connect(_))));
    }
}

#[test]
fn shutdown_and_no_shutdown_by_configuration() {
    let (mut bench, _) = Bench::established();
    let mut shut = settings();
    shut.administrative = Administrative::Shutdown { message: Some("maintenance".into()) };
    let actions = bench.input(Input::Reconfigure(Box::new(shut.clone())));
    let notification = notification(&actions).unwrap();
    assert_eq!(notification.hard_reset_cause().unwrap().error.numbers(), (6, 2));
    assert_eq!(notification.communication().as_deref(), Some("maintenance"));
    assert_eq!(bench.fsm.poll_deadline(), None);
    assert_eq!(bench.input(Input::Start), [], "still shut down");
    let actions = bench.input(Input::Reconfigure(Box::new(settings())));
    assert!(matches!(actions[0], Action::Connect(_)));
}

#[test]
fn passive_set_and_removed_stops_and_begins_calls() {
    let (mut bench, id) = Bench::calling(settings());
    let mut passive = settings();
    passive.passive = true;
    let actions = bench.input(Input::Reconfigure(Box::new(passive)));
    assert_eq!(actions, [Action::Close(id), Action::State(FsmState::Active)]);
    let actions = bench.input(Input::Reconfigure(Box::new(settings())));
    assert!(matches!(actions[0], Action::Connect(_)));
}

#[test]
fn a_dynamic_neighbour_is_forgotten_with_its_session() {
    let mut dynamic = settings();
    dynamic.origin = PeerOrigin::Dynamic { range: "192.0.2.0/24".parse().unwrap() };
    let up = |open: Open| {
        let mut bench = Bench::new(dynamic.clone());
        bench.input(Input::Start);
        let (id, _) = bench.accept();
        bench.message(id, Received::Open(open));
        bench.message(id, Received::Keepalive);
        (bench, id)
    };
    let (mut bench, id) = up(without_restart(theirs(HIGHER_ID)));
    let actions = bench.input(Input::Closed(id, "closed".into()));
    assert!(actions.contains(&Action::Gone));
    assert_eq!(bench.fsm.poll_deadline(), None);

    let (mut bench, id) = up(theirs(HIGHER_ID));
    let actions = bench.input(Input::Closed(id, "closed".into()));
    assert!(!actions.contains(&Action::Gone), "its routes are retained");
    let (took, actions) = bench.expire();
    assert_eq!(took, Duration::from_secs(120));
    assert!(actions.contains(&Action::Gone));
}
