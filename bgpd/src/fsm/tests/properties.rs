//! Whatever comes in whatever order: no panic, no timer of something dead, and the two ends
//! of the interface always agree on which connections exist.

use super::*;
use crate::wire::notification::UpdateError;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Step {
    Start,
    Stop(u8),
    Reset(u8),
    Reconfigure(u8),
    Accept,
    Connected(bool),
    Open { on: usize, kind: u8 },
    Message { on: usize, kind: u8 },
    Malformed(usize),
    Heard(usize),
    Written(usize),
    Closed(usize),
    Stray(u32),
    Deadline,
    Wait(u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Start),
        1 => any::<u8>().prop_map(Step::Stop),
        1 => any::<u8>().prop_map(Step::Reset),
        1 => any::<u8>().prop_map(Step::Reconfigure),
        3 => Just(Step::Accept),
        4 => prop::bool::weighted(0.8).prop_map(Step::Connected),
        6 => (0..4usize, any::<u8>()).prop_map(|(on, kind)| Step::Open { on, kind }),
        8 => (0..4usize, 0..8u8).prop_map(|(on, kind)| Step::Message { on, kind }),
        1 => (0..4usize).prop_map(Step::Malformed),
        1 => (0..4usize).prop_map(Step::Heard),
        1 => (0..4usize).prop_map(Step::Written),
        2 => (0..4usize).prop_map(Step::Closed),
        1 => any::<u32>().prop_map(Step::Stray),
        4 => Just(Step::Deadline),
        2 => (0..400_000u32).prop_map(Step::Wait),
    ]
}

fn variant(kind: u8) -> PeerSettings {
    let mut settings = settings();
    settings.passive = kind & 1 != 0;
    if kind & 2 != 0 {
        settings.administrative = Administrative::Shutdown { message: Some("x".into()) };
    }
    if kind & 4 != 0 {
        settings.families.clear();
    }
    if kind & 8 != 0 {
        settings.password = Some("p".into());
    }
    if kind & 16 != 0 {
        settings.timers.hold = Duration::ZERO;
    }
    settings
}

fn cease(kind: u8) -> Cease {
    match kind % 4 {
        0 => Cease::AdministrativeShutdown(None),
        1 => Cease::AdministrativeReset(Some("y".into())),
        2 => Cease::PeerDeconfigured,
        _ => Cease::OtherConfigurationChange,
    }
}

fn message(kind: u8) -> Received {
    match kind {
        0 => Received::Update,
        1 => Received::RouteRefresh,
        2 => Received::Notification(Notification::new(CeaseSubcode::AdministrativeReset)),
        3 => Received::Notification(Notification::new(UpdateError::Unspecific)),
        _ => Received::Keepalive,
    }
}

fn open_variant(kind: u8) -> Open {
    let mut open = theirs(if kind & 1 != 0 { HIGHER_ID } else { LOWER_ID });
    open.hold_time = [180, 3, 0, 1][usize::from(kind >> 1 & 3)];
    if kind & 8 != 0 {
        open = without_restart(open);
    }
    if kind & 0xf0 == 0xf0 {
        open.capabilities.clear();
    }
    open
}

/// The other side of the interface, kept by what the actions say.
#[derive(Debug, Default)]
struct Sockets {
    calls: BTreeSet<ConnectionId>,
    open: BTreeSet<ConnectionId>,
    session: Option<ConnectionId>,
    gone: bool,
}

impl Sockets {
    fn apply(&mut self, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Connect(id) => assert!(self.calls.insert(*id)),
                Action::Close(id) => {
                    assert!(self.calls.remove(id) || self.open.remove(id), "{id:?} is not there");
                }
                Action::SendOpen(id, _) | Action::SendKeepalive(id) | Action::SendNotification(id, _) => {
                    assert!(self.open.contains(id), "sent on {id:?}, which is closed");
                }
                Action::Established(id, _) => assert_eq!(self.session.replace(*id), None),
                Action::Down(_) => assert!(self.session.take().is_some()),
                Action::Gone => self.gone = true,
                Action::Failed(_) | Action::State(_) => {}
            }
        }
        assert!(self.calls.len() <= 1, "one call at a time");
        assert!(self.open.len() <= 3, "{:?}", self.open);
        if let Some(session) = self.session {
            assert!(self.open.contains(&session));
        }
    }
}

fn run(dynamic: bool, seed: u64, steps: Vec<Step>) {
    let mut settings = settings();
    if dynamic {
        settings.origin = PeerOrigin::Dynamic { range: "192.0.2.0/24".parse().unwrap() };
    }
    let (mut now, mut fsm, mut sockets) = (Instant::now(), PeerFsm::new(settings, seed), Sockets::default());
    for step in steps {
        let pick = |on: usize, set: &BTreeSet<ConnectionId>| set.iter().nth(on).copied();
        let input = match step {
            Step::Start => Some(Input::Start),
            Step::Stop(kind) => Some(Input::Stop(cease(kind))),
            Step::Reset(kind) => Some(Input::Reset(cease(kind))),
            Step::Reconfigure(kind) => {
                let mut new = variant(kind);
                new.origin = fsm.settings().origin;
                Some(Input::Reconfigure(Box::new(new)))
            }
            Step::Accept => {
                let id = fsm.name_connection();
                sockets.open.insert(id);
                Some(Input::Accepted(id, endpoints()))
            }
            Step::Connected(good) => sockets.calls.pop_first().map(|id| {
                if good {
                    sockets.open.insert(id);
                    Input::Connected(id, endpoints())
                } else {
                    Input::ConnectFailed(id, CallFailure::Remote)
                }
            }),
            Step::Open { on, kind } => {
                pick(on, &sockets.open).map(|id| Input::Received(id, Received::Open(open_variant(kind))))
            }
            Step::Message { on, kind } => {
                pick(on, &sockets.open).map(|id| Input::Received(id, message(kind)))
            }
            Step::Malformed(on) => pick(on, &sockets.open)
                .map(|id| Input::Malformed(id, Notification::new(UpdateError::Unspecific))),
            Step::Heard(on) => pick(on, &sockets.open).map(Input::Heard),
            Step::Written(on) => pick(on, &sockets.open).map(Input::Written),
            // The session waits for the action `Close` before it forgets a connection.
            Step::Closed(on) => pick(on, &sockets.open).map(|id| Input::Closed(id, "closed".into())),
            Step::Stray(id) => {
                let id = ConnectionId(id | 1 << 31);
                Some(Input::Received(id, Received::Keepalive))
            }
            Step::Deadline => {
                now = fsm.poll_deadline().map_or(now, |at| now.max(at));
                Some(Input::Deadline)
            }
            Step::Wait(milliseconds) => {
                now += Duration::from_millis(u64::from(milliseconds));
                None
            }
        };
        let Some(input) = input else { continue };
        sockets.apply(&fsm.handle(input, now));
        // A deadline that is not handled for good would be a busy loop.
        for round in 0.. {
            match fsm.poll_deadline() {
                Some(at) if at <= now => sockets.apply(&fsm.handle(Input::Deadline, now)),
                _ => break,
            }
            assert!(round < 8, "deadlines without end");
        }
        assert_eq!(fsm.state() == FsmState::Established, sockets.session.is_some());
        if sockets.gone && sockets.open.is_empty() && sockets.calls.is_empty() {
            break;
        }
    }
    sockets.apply(&fsm.handle(Input::Stop(Cease::PeerDeconfigured), now));
    assert_eq!(fsm.poll_deadline(), None, "a timer outlives the connections");
    assert_eq!(fsm.state(), FsmState::Idle);
    assert!(sockets.calls.is_empty() && sockets.open.is_empty() && sockets.session.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_inputs_leave_the_machine_and_the_sockets_in_step(
        dynamic in prop::bool::weighted(0.2),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 0..80),
    ) {
        run(dynamic, seed, steps);
    }
}
