//! Tests of the state machine: a bench with a clock of its own, no sockets.

mod collisions;
mod endings;
mod negotiation;
mod properties;
mod transitions;

use super::*;
use crate::peer::RemoteAs;
use crate::wire::{Capability, Family, capability};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub(super) const FAMILY: Family = Family::L2vpnEvpn;
pub(super) const OUR_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(super) const HIGHER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);
pub(super) const LOWER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(super) fn settings() -> PeerSettings {
    PeerSettings::new(IpAddr::from([192, 0, 2, 1]), RemoteAs::Internal, 65000, OUR_ID).with_family(FAMILY)
}

pub(super) fn endpoints() -> Endpoints {
    let end = |last| SocketAddr::from(([192, 0, 2, last], 179));
    Endpoints { local: end(2), remote: end(1) }
}

/// The neighbour's OPEN with everything.
pub(super) fn theirs(id: Ipv4Addr) -> Open {
    let mut settings = settings();
    settings.router_id = id;
    open::ours(&settings)
}

pub(super) fn without_restart(mut open: Open) -> Open {
    open.capabilities.retain(|c| !matches!(c, Capability::GracefulRestart(_)));
    open
}

pub(super) fn restart_of(open: &mut Open) -> &mut capability::GracefulRestart {
    let found = open.capabilities.iter_mut().find_map(|c| match c {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    });
    found.expect("the OPEN has the capability")
}

/// A machine and its clock; remembers the last actions.
#[derive(Debug)]
pub(super) struct Bench {
    pub fsm: PeerFsm,
    pub start: Instant,
    pub now: Instant,
}

impl Bench {
    pub fn new(settings: PeerSettings) -> Self {
        let now = Instant::now();
        Self { fsm: PeerFsm::new(settings, 7), start: now, now }
    }

    /// Started, with the call under way.
    pub fn calling(settings: PeerSettings) -> (Self, ConnectionId) {
        let mut bench = Self::new(settings);
        let actions = bench.input(Input::Start);
        let [Action::Connect(id), Action::State(FsmState::Connect)] = actions[..] else {
            panic!("{actions:?}")
        };
        (bench, id)
    }

    /// With our OPEN sent on a connection that we opened.
    pub fn open_sent(settings: PeerSettings) -> (Self, ConnectionId) {
        let (mut bench, id) = Self::calling(settings);
        let actions = bench.input(Input::Connected(id, endpoints()));
        assert!(
            matches!(actions[..], [Action::SendOpen(to, _), Action::State(FsmState::OpenSent)] if to == id)
        );
        (bench, id)
    }

    /// With both OPENs exchanged.
    pub fn open_confirm(settings: PeerSettings, open: Open) -> (Self, ConnectionId) {
        let (mut bench, id) = Self::open_sent(settings);
        let actions = bench.message(id, Received::Open(open));
        assert_eq!(actions, [Action::SendKeepalive(id), Action::State(FsmState::OpenConfirm)]);
        (bench, id)
    }

    /// Established.
    pub fn established_with(settings: PeerSettings, open: Open) -> (Self, ConnectionId) {
        let (mut bench, id) = Self::open_confirm(settings, open);
        let actions = bench.message(id, Received::Keepalive);
        assert!(
            matches!(actions[..], [Action::Established(on, _), Action::State(FsmState::Established)] if on == id)
        );
        (bench, id)
    }

    /// Established, with everything negotiated.
    pub fn established() -> (Self, ConnectionId) {
        Self::established_with(settings(), theirs(HIGHER_ID))
    }

    pub fn input(&mut self, input: Input) -> Vec<Action> {
        self.fsm.handle(input, self.now)
    }

    pub fn message(&mut self, id: ConnectionId, message: Received) -> Vec<Action> {
        self.input(Input::Received(id, message))
    }

    /// The neighbour connects.
    pub fn accept(&mut self) -> (ConnectionId, Vec<Action>) {
        let id = self.fsm.name_connection();
        let actions = self.input(Input::Accepted(id, endpoints()));
        (id, actions)
    }

    pub fn advance(&mut self, time: Duration) {
        self.now += time;
    }

    /// Goes to the next deadline; how long that took, and what was done.
    pub fn expire(&mut self) -> (Duration, Vec<Action>) {
        let at = self.fsm.poll_deadline().expect("a timer runs");
        let took = at.saturating_duration_since(self.now);
        self.now = self.now.max(at);
        (took, self.input(Input::Deadline))
    }

    /// Lets time pass until something other than a KEEPALIVE happens. The time is from now.
    pub fn expire_past_keepalives(&mut self) -> (Duration, Vec<Action>) {
        let from = self.now;
        loop {
            let (_, actions) = self.expire();
            if !matches!(actions[..], [Action::SendKeepalive(_)]) {
                return (self.now - from, actions);
            }
        }
    }
}

pub(super) fn down(actions: &[Action]) -> Option<&DownReason> {
    actions.iter().find_map(|action| match action {
        Action::Down(reason) => Some(reason),
        _ => None,
    })
}

/// Code and subcode of the NOTIFICATION that is sent.
pub(super) fn sent(actions: &[Action]) -> Option<(u8, u8)> {
    notification(actions).map(|notification| notification.error.numbers())
}

pub(super) fn notification(actions: &[Action]) -> Option<&Notification> {
    actions.iter().find_map(|action| match action {
        Action::SendNotification(_, notification) => Some(notification),
        _ => None,
    })
}

pub(super) fn between(time: Duration, least: f64, most: f64) -> bool {
    (least..=most).contains(&time.as_secs_f64())
}
