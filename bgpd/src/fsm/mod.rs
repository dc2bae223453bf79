//! The state machine of a neighbour (RFC 4271 §8), pure: inputs and the time go in, actions
//! come out. It owns every timer and every decision; `session` owns the sockets.
//!
//! ```text
//!   Start, Connected, Accepted, Received, Closed, … ──▶ PeerFsm::handle ──▶ Connect, Send, Close,
//!   time ≥ poll_deadline() ─────── Deadline ──────────▶                 Established, Down, …
//! ```
//!
//! RFC 4271 runs one machine for each connection; here one `PeerFsm` holds a neighbour's
//! connections (each with its phase and timers, `connection`) and the attempt to call it, so
//! that a collision (§6.8) is a matter between two entries of a list. `open` negotiates,
//! `ending` decides codes and retention, `timers` has the times.
//!
//! Beyond RFC 4271: collisions across ASes with equal identifiers (RFC 6286), a restarting
//! neighbour's new connection (RFC 4724 §5), N bit and hard reset (RFC 8538), FSM error
//! subcodes (RFC 6608), the send hold timer (RFC 9687). Not done: DelayOpen, and of
//! DampPeerOscillations only the back-off in Idle is.

mod collision;
mod connection;
mod ending;
mod interface;
mod open;
mod timers;

#[cfg(test)]
mod tests;

pub use connection::ConnectionId;
pub use interface::{Action, CallFailure, Input, Received};

use crate::peer::{
    Administrative, Cease, DownReason, Endpoints, FsmState, Negotiated, PeerOrigin, PeerSettings,
};
use crate::wire::{
    Notification, Open,
    notification::{Cease as CeaseSubcode, ErrorCode, FsmError},
};
use connection::{Agreement, Connection, Direction, Due, Phase};
use ending::Cause;
use std::time::{Duration, Instant};
use timers::{Jitter, OPEN_WAIT, STABLE};

/// The attempt to call.
#[derive(Debug)]
enum Dial {
    /// Not wanted now.
    Off,
    /// ConnectRetryTimer runs.
    Waiting { at: Instant },
    /// TCP is being opened, until then.
    Calling { id: ConnectionId, until: Instant },
}

/// Whether sessions may be.
#[derive(Debug)]
enum Mode {
    /// By nobody's wish, or shut down.
    Stopped,
    /// After an error: neither calling nor answering (IdleHoldTimer).
    IdleHold { until: Instant },
    /// Calling and answering.
    Running,
}

/// The state machine of one neighbour.
#[derive(Debug)]
pub struct PeerFsm {
    settings: PeerSettings,
    /// `Start` was the last of `Start` and `Stop`.
    wanted: bool,
    mode: Mode,
    dial: Dial,
    connections: Vec<Connection>,
    /// Calls since the last that led to a session worth the name.
    attempts: u32,
    /// Errors in a row (ConnectRetryCounter).
    failures: u32,
    /// Sessions in a row that did not last.
    short_lives: u32,
    /// A dynamic neighbour without connections is kept until then, for its stale routes.
    lingers: Option<Instant>,
    /// Overrides the time of RFC 9687.
    send_hold: Option<Duration>,
    next_id: u32,
    jitter: Jitter,
    state: FsmState,
    actions: Vec<Action>,
}

impl PeerFsm {
    /// A machine in Idle that waits for `Start`. `seed` decides all jitter.
    pub fn new(settings: PeerSettings, seed: u64) -> Self {
        Self {
            settings,
            wanted: false,
            mode: Mode::Stopped,
            dial: Dial::Off,
            connections: Vec::new(),
            attempts: 0,
            failures: 0,
            short_lives: 0,
            lingers: None,
            send_hold: None,
            next_id: 0,
            jitter: Jitter::new(seed),
            state: FsmState::Idle,
            actions: Vec::new(),
        }
    }

    /// Another send hold time than RFC 9687's, for every session from now on.
    pub fn set_send_hold(&mut self, time: Duration) {
        self.send_hold = Some(time);
    }

    /// The settings that hold.
    pub fn settings(&self) -> &PeerSettings {
        &self.settings
    }

    /// The state of the connection that is furthest.
    pub fn state(&self) -> FsmState {
        let furthest = self.connections.iter().map(Connection::state).max();
        let dial = match (&self.mode, &self.dial) {
            (Mode::Stopped | Mode::IdleHold { .. }, _) => FsmState::Idle,
            (Mode::Running, Dial::Calling { .. }) => FsmState::Connect,
            (Mode::Running, _) => FsmState::Active,
        };
        furthest.map_or(dial, |state| state.max(dial))
    }

    /// A name for a connection that the neighbour opened.
    pub fn name_connection(&mut self) -> ConnectionId {
        let id = ConnectionId(self.next_id);
        self.next_id = self.next_id.wrapping_add(1);
        id
    }

    /// When `Input::Deadline` is due; `None`: no timer runs.
    pub fn poll_deadline(&self) -> Option<Instant> {
        let mode = match self.mode {
            Mode::IdleHold { until } => Some(until),
            Mode::Stopped | Mode::Running => None,
        };
        let dial = match self.dial {
            Dial::Off => None,
            Dial::Waiting { at } => Some(at),
            Dial::Calling { until, .. } => Some(until),
        };
        let connections = self.connections.iter().filter_map(Connection::next_deadline).min();
        [mode, dial, self.lingers, connections].into_iter().flatten().min()
    }

    /// The connections whose hold timer is due: what has arrived on them should be read
    /// before `Input::Deadline`.
    pub fn about_to_expire(&self, now: Instant) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().filter(move |c| c.hold_deadline().is_some_and(|at| at <= now)).map(|c| c.id)
    }

    /// True if this connection carries the established session.
    pub fn is_established(&self, id: ConnectionId) -> bool {
        self.connections.iter().any(|c| c.id == id && c.established().is_some())
    }

    /// Takes one input at the time `now`, which never goes back.
    pub fn handle(&mut self, input: Input, now: Instant) -> Vec<Action> {
        match input {
            Input::Start => {
                self.wanted = true;
                self.admit(now);
            }
            Input::Stop(cease) => {
                self.wanted = false;
                self.stop(&cease);
            }
            Input::Reset(cease) => self.reset(&cease, now),
            Input::Reconfigure(settings) => self.reconfigure(*settings, now),
            Input::Connected(id, endpoints) => self.connected(id, endpoints, now),
            Input::ConnectFailed(id, failure) => {
                if matches!(self.dial, Dial::Calling { id: calling, .. } if calling == id) {
                    self.wait_to_call(now, failure);
                }
            }
            Input::Accepted(id, endpoints) => self.accepted(id, endpoints, now),
            Input::Received(id, message) => self.received(id, message, now),
            Input::Malformed(id, notification) => self.close(id, Some(notification), now),
            Input::Heard(id) => {
                if let Some(Phase::Established { agreement, .. }) = self.find(id).map(|c| &mut c.phase) {
                    agreement.restart_hold(now);
                }
            }
            Input::Written(id) => self.written(id, now),
            Input::Closed(id, reason) => {
                if self.find(id).is_some() {
                    self.end(id, Cause::Tcp(reason), now);
                } else if matches!(self.dial, Dial::Calling { id: calling, .. } if calling == id) {
                    self.wait_to_call(now, CallFailure::Remote);
                }
            }
            Input::Deadline => self.deadline(now),
        }
        self.report_state();
        std::mem::take(&mut self.actions)
    }

    fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|c| c.id == id)
    }

    fn report_state(&mut self) {
        let state = self.state();
        if state != self.state {
            self.state = state;
            self.act(Action::State(state));
        }
    }

    fn is_dynamic(&self) -> bool {
        matches!(self.settings.origin, PeerOrigin::Dynamic { .. })
    }

    // Starting, stopping, and what is configured.

    /// True if a session may be.
    fn is_allowed(&self) -> bool {
        self.wanted
            && self.settings.administrative == Administrative::Up
            && !self.settings.families.is_empty()
    }

    /// Leaves Idle, if allowed; or calls now instead of later.
    fn admit(&mut self, now: Instant) {
        if !self.is_allowed() {
            return;
        }
        match (&self.mode, &self.dial) {
            (Mode::Running, Dial::Waiting { .. }) => {
                self.attempts = 0;
                self.call(now);
            }
            (Mode::Running, _) => {}
            (Mode::Stopped | Mode::IdleHold { .. }, _) => {
                self.failures = 0;
                self.begin(now);
            }
        }
    }

    /// Begins to call and to answer.
    fn begin(&mut self, now: Instant) {
        self.mode = Mode::Running;
        self.attempts = 0;
        if self.connections.is_empty() {
            self.call(now);
        }
    }

    fn stop(&mut self, cease: &Cease) {
        self.mode = Mode::Stopped;
        self.cease_all(cease);
        self.lingers = None;
        if self.is_dynamic() {
            self.act(Action::Gone);
        }
    }

    fn reset(&mut self, cease: &Cease, now: Instant) {
        if matches!(self.mode, Mode::Stopped) {
            return;
        }
        let lingers = self.cease_all(cease);
        self.short_lives = 0;
        self.failures = 0;
        if self.is_dynamic() {
            self.settle(now, lingers, false);
        } else {
            self.begin(now);
        }
    }

    fn reconfigure(&mut self, settings: PeerSettings, now: Instant) {
        let renew = self.settings.needs_new_session(&settings);
        let was_passive = self.settings.passive;
        let shutdown = match &settings.administrative {
            Administrative::Shutdown { message } => Some(Cease::AdministrativeShutdown(message.clone())),
            Administrative::Up if settings.families.is_empty() => Some(Cease::OtherConfigurationChange),
            Administrative::Up => None,
        };
        self.settings = settings;
        match shutdown {
            Some(cease) => {
                if !matches!(self.mode, Mode::Stopped) {
                    self.stop(&cease);
                }
            }
            None if matches!(self.mode, Mode::Stopped) => self.admit(now),
            None if renew => self.reset(&Cease::OtherConfigurationChange, now),
            None => self.apply_passive(was_passive, now),
        }
    }

    fn apply_passive(&mut self, was_passive: bool, now: Instant) {
        let idle = matches!(self.mode, Mode::Running) && self.connections.is_empty();
        match (was_passive, self.settings.passive) {
            (true, false) if idle => self.call(now),
            (false, true) => self.stop_calling(),
            _ => {}
        }
    }

    /// Ends all connections for `cease` and stops calling. Gives how long the neighbour's
    /// routes are kept, if they are.
    fn cease_all(&mut self, cease: &Cease) -> Option<Duration> {
        let mut kept = None;
        self.stop_calling();
        for connection in std::mem::take(&mut self.connections) {
            let agreed = connection.agreement().map(|agreement| agreement.negotiated.as_ref());
            let notification = ending::cease(cease, agreed);
            let cause = Cause::Sent(notification.clone());
            self.act(Action::SendNotification(connection.id, notification));
            self.act(Action::Close(connection.id));
            if let Some(negotiated) = connection.established() {
                let reason = cause.down(negotiated);
                kept = kept.or(retention(&reason, negotiated));
                self.act(Action::Down(reason));
            }
        }
        kept
    }

    // Calling.

    fn call(&mut self, now: Instant) {
        if self.settings.passive || self.is_dynamic() {
            self.dial = Dial::Off;
            return;
        }
        self.attempts = self.attempts.saturating_add(1);
        let id = self.name_connection();
        let until = now + timers::call_time(self.attempts, self.settings.timers.connect_retry);
        self.dial = Dial::Calling { id, until };
        self.act(Action::Connect(id));
    }

    fn wait_to_call(&mut self, now: Instant, failure: CallFailure) {
        self.dial = Dial::Off;
        if self.settings.passive || self.is_dynamic() || !self.connections.is_empty() {
            return;
        }
        if self.attempts == 0 {
            return self.call(now);
        }
        let connect_retry = match failure {
            CallFailure::Local => self.settings.timers.connect_retry.min(timers::LOCAL_RETRY),
            CallFailure::Remote => self.settings.timers.connect_retry,
        };
        let wait = timers::retry_wait(self.attempts, connect_retry);
        self.dial = Dial::Waiting { at: now + self.jitter.apply(wait) };
    }

    fn stop_calling(&mut self) {
        if let Dial::Calling { id, .. } = std::mem::replace(&mut self.dial, Dial::Off) {
            self.act(Action::Close(id));
        }
    }

    // Connections.

    fn connected(&mut self, id: ConnectionId, endpoints: Endpoints, now: Instant) {
        if !matches!(self.dial, Dial::Calling { id: calling, .. } if calling == id) {
            return self.act(Action::Close(id));
        }
        self.dial = Dial::Off;
        self.send_open(id);
        self.connections.push(Connection {
            id,
            direction: Direction::Outgoing,
            endpoints,
            opened: now,
            phase: Phase::OpenSent { until: now + OPEN_WAIT },
        });
    }

    fn accepted(&mut self, id: ConnectionId, endpoints: Endpoints, now: Instant) {
        match self.mode {
            Mode::Running => {}
            Mode::IdleHold { .. } => return self.act(Action::Close(id)),
            Mode::Stopped => {
                self.act(Action::SendNotification(id, Notification::new(CeaseSubcode::ConnectionRejected)));
                return self.act(Action::Close(id));
            }
        }
        self.lingers = None;
        // A neighbour calls one call at a time: an older one that came to nothing is dead.
        let superseded = self
            .connections
            .iter()
            .position(|c| c.direction == Direction::Incoming && c.established().is_none());
        if let Some(old) = superseded.map(|at| self.connections.remove(at)) {
            self.reject(old.id);
        }
        let further = self.connections.iter().any(|c| c.agreement().is_some());
        let until = now + OPEN_WAIT;
        let phase = if further { Phase::Tracked { until } } else { Phase::OpenSent { until } };
        if !further {
            self.send_open(id);
        }
        self.connections.push(Connection {
            id,
            direction: Direction::Incoming,
            endpoints,
            opened: now,
            phase,
        });
        if matches!(self.dial, Dial::Waiting { .. }) {
            self.dial = Dial::Off;
        }
    }

    fn send_open(&mut self, id: ConnectionId) {
        let open = Box::new(open::ours(&self.settings));
        self.act(Action::SendOpen(id, open));
    }

    /// Closes a connection that lost a collision.
    fn reject(&mut self, id: ConnectionId) {
        self.act(Action::SendNotification(id, Notification::new(CeaseSubcode::ConnectionCollision)));
        self.act(Action::Close(id));
    }

    fn received(&mut self, id: ConnectionId, message: Received, now: Instant) {
        let Some(connection) = self.find(id) else { return };
        let unexpected = match (&mut connection.phase, &message) {
            (_, Received::Notification(notification)) => {
                let cause = Cause::Received(notification.clone());
                return self.end(id, cause, now);
            }
            (Phase::Tracked { .. } | Phase::OpenSent { .. }, Received::Open(open)) => {
                return self.open_received(id, open, now);
            }
            (Phase::OpenConfirm(_), Received::Keepalive) => return self.establish(id, now),
            (Phase::Established { agreement, .. }, Received::Keepalive | Received::Update) => {
                return agreement.restart_hold(now);
            }
            (Phase::Established { .. }, Received::RouteRefresh) => return,
            (Phase::Tracked { .. } | Phase::OpenSent { .. }, _) => FsmError::UnexpectedInOpenSent,
            (Phase::OpenConfirm(_), _) => FsmError::UnexpectedInOpenConfirm,
            (Phase::Established { .. }, Received::Open(_)) => FsmError::UnexpectedInEstablished,
        };
        self.close(id, Some(Notification::with_data(unexpected, &[message.number()])), now);
    }

    fn open_received(&mut self, id: ConnectionId, open: &Open, now: Instant) {
        let Some(connection) = self.find(id) else { return };
        let endpoints = connection.endpoints;
        let negotiated = match open::negotiate(&self.settings, endpoints, open) {
            Ok(negotiated) => negotiated,
            Err(notification) => return self.close(id, Some(notification), now),
        };
        if !self.survives_collision(id, &negotiated, now) {
            return;
        }
        let agreement = Agreement::new(negotiated, &mut self.jitter, now);
        let Some(connection) = self.find(id) else { return };
        let tracked = matches!(connection.phase, Phase::Tracked { .. });
        connection.phase = Phase::OpenConfirm(agreement);
        if tracked {
            self.send_open(id);
        }
        self.act(Action::SendKeepalive(id));
        self.stop_calling();
    }

    fn establish(&mut self, id: ConnectionId, now: Instant) {
        let send_hold = self.send_hold;
        let Some(at) = self.connections.iter().position(|c| c.id == id) else { return };
        let mut connection = self.connections.swap_remove(at);
        let Phase::OpenConfirm(mut agreement) = connection.phase else { return };
        agreement.restart_hold(now);
        let negotiated = agreement.negotiated.clone();
        let send_hold = timers::send_hold(negotiated.hold_time).map(|time| now + send_hold.unwrap_or(time));
        connection.phase = Phase::Established { agreement, since: now, send_hold };
        self.connections.push(connection);
        self.act(Action::Established(id, negotiated));
    }

    fn written(&mut self, id: ConnectionId, now: Instant) {
        let (override_time, jitter) = (self.send_hold, &mut self.jitter);
        let Some(connection) = self.connections.iter_mut().find(|c| c.id == id) else { return };
        if let Phase::Established { agreement, send_hold: Some(at), .. } = &mut connection.phase {
            if let Some(time) = timers::send_hold(agreement.negotiated.hold_time) {
                *at = now + override_time.unwrap_or(time);
            }
            // RFC 4271 §8.2.2: sending a KEEPALIVE or an UPDATE restarts the KeepaliveTimer.
            agreement.restart_keepalive(jitter, now);
        }
    }

    /// Closes a connection, with a NOTIFICATION unless it is `None`.
    fn close(&mut self, id: ConnectionId, notification: Option<Notification>, now: Instant) {
        if self.find(id).is_none() {
            return;
        }
        let cause = match notification {
            Some(notification) => {
                self.act(Action::SendNotification(id, notification.clone()));
                Cause::Sent(notification)
            }
            None => Cause::Replaced,
        };
        self.end(id, cause, now);
    }

    /// Takes a connection out of the list, says so, and decides how it goes on.
    fn end(&mut self, id: ConnectionId, cause: Cause, now: Instant) {
        let Some(at) = self.connections.iter().position(|c| c.id == id) else { return };
        let connection = self.connections.swap_remove(at);
        self.act(Action::Close(id));
        let (mut lived, mut kept) = (None, None);
        if let Phase::Established { agreement, since, .. } = &connection.phase {
            lived = Some(now.saturating_duration_since(*since));
            let reason = cause.down(&agreement.negotiated);
            kept = retention(&reason, &agreement.negotiated);
            self.act(Action::Down(reason));
        }
        if lived.is_none() {
            self.act(Action::Failed(cause.text()));
        }
        if lived.is_some_and(|lived| lived >= STABLE) {
            self.failures = 0;
        }
        if let Some(lived) = lived {
            self.short_lives = if lived >= STABLE { 0 } else { self.short_lives.saturating_add(1) };
            self.attempts = self.short_lives;
        }
        if self.connections.is_empty() {
            self.settle(now, kept, cause.is_error());
        } else {
            self.promote(now);
        }
    }

    /// With no connection left: waits in Idle after an error, else calls again in a while.
    fn settle(&mut self, now: Instant, kept: Option<Duration>, error: bool) {
        if !matches!(self.mode, Mode::Running) {
            return;
        }
        if self.is_dynamic() {
            self.lingers = kept.map(|time| now + time);
        }
        if error {
            self.stop_calling();
            self.failures = self.failures.saturating_add(1);
            self.mode = Mode::IdleHold { until: now + self.jitter.apply(timers::idle_hold(self.failures)) };
        } else if self.is_dynamic() {
            if self.lingers.is_none() {
                self.forget();
            }
        } else if !matches!(self.dial, Dial::Calling { .. }) {
            self.wait_to_call(now, CallFailure::Remote);
        }
    }

    fn forget(&mut self) {
        self.mode = Mode::Stopped;
        self.lingers = None;
        self.act(Action::Gone);
    }

    /// A connection that was only watched takes part when no other is further.
    fn promote(&mut self, now: Instant) {
        if self.connections.iter().any(|c| c.agreement().is_some()) {
            return;
        }
        let tracked: Vec<_> = self
            .connections
            .iter_mut()
            .filter(|c| matches!(c.phase, Phase::Tracked { .. }))
            .map(|c| {
                c.phase = Phase::OpenSent { until: now + OPEN_WAIT };
                c.id
            })
            .collect();
        for id in tracked {
            self.send_open(id);
        }
    }

    // Time.

    fn deadline(&mut self, now: Instant) {
        if matches!(self.mode, Mode::IdleHold { until } if until <= now) {
            self.mode = Mode::Running;
            match self.lingers {
                None if self.is_dynamic() => self.forget(),
                _ => self.call(now),
            }
        }
        if self.lingers.is_some_and(|until| until <= now) {
            self.forget();
        }
        match self.dial {
            Dial::Waiting { at } if at <= now => self.call(now),
            Dial::Calling { id, until } if until <= now => {
                self.act(Action::Close(id));
                self.wait_to_call(now, CallFailure::Remote);
            }
            _ => {}
        }
        let due: Vec<_> = self.connections.iter().filter_map(|c| Some((c.id, c.due(now)?))).collect();
        for (id, due) in due {
            match due {
                Due::Hold => self.close(id, Some(Notification::new(ErrorCode::HOLD_TIMER_EXPIRED)), now),
                Due::SendHold => {
                    self.close(id, Some(Notification::new(ErrorCode::SEND_HOLD_TIMER_EXPIRED)), now)
                }
                Due::Keepalive => {
                    self.act(Action::SendKeepalive(id));
                    let jitter = &mut self.jitter;
                    let connection = self.connections.iter_mut().find(|c| c.id == id);
                    if let Some(agreement) = connection.and_then(Connection::agreement_mut) {
                        agreement.restart_keepalive(jitter, now);
                    }
                }
            }
        }
    }
}

/// How long a neighbour's routes are kept after its session, if they are.
fn retention(reason: &DownReason, negotiated: &Negotiated) -> Option<Duration> {
    let restart = negotiated.graceful_restart.as_ref().filter(|_| reason.retain)?;
    Some(restart.restart_time)
}
