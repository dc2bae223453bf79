//! One TCP connection of a neighbour, with its phase and the timers of that phase. A timer
//! lives in the phase it belongs to, so none can outlive its connection.

use super::timers::{Jitter, OPEN_WAIT};
use crate::peer::{Endpoints, FsmState, Negotiated};
use std::time::{Duration, Instant};

/// Names a TCP connection or an attempt at one, within one neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

/// Who opened the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// We did.
    Outgoing,
    /// The neighbour did.
    Incoming,
}

/// Where a connection stands.
#[derive(Debug)]
pub(super) enum Phase {
    /// TCP is up beside a connection that is further; it is only watched until the
    /// neighbour sends an OPEN on it (RFC 4271 §8.2.2 Established, RFC 4724 §5).
    Tracked { until: Instant },
    /// We have sent our OPEN.
    OpenSent { until: Instant },
    /// Both OPENs were good, our KEEPALIVE is sent.
    OpenConfirm(Agreement),
    /// The session is up since `since`.
    Established { agreement: Agreement, since: Instant, send_hold: Option<Instant> },
}

/// What was negotiated, and the timers that come with it.
#[derive(Debug)]
pub(super) struct Agreement {
    /// The outcome of the OPENs.
    pub negotiated: Box<Negotiated>,
    /// HoldTimer; in OpenConfirm there is always one.
    pub hold: Option<Instant>,
    /// KeepaliveTimer.
    pub keepalive: Option<Instant>,
}

/// A connection that exists.
#[derive(Debug)]
pub(super) struct Connection {
    pub id: ConnectionId,
    pub direction: Direction,
    pub endpoints: Endpoints,
    pub opened: Instant,
    pub phase: Phase,
}

/// Which timer of a connection is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// No OPEN came, or the hold time is over.
    Hold,
    /// A KEEPALIVE is to be sent.
    Keepalive,
    /// Nothing could be sent for too long.
    SendHold,
}

impl Agreement {
    pub fn new(negotiated: Box<Negotiated>, jitter: &mut Jitter, now: Instant) -> Self {
        let mut agreement = Self { negotiated, hold: None, keepalive: None };
        agreement.restart_hold(now);
        agreement.restart_keepalive(jitter, now);
        // Hold time 0 means no expiry once the session is up; a neighbour that never
        // confirms the OPEN must not hold the connection for ever.
        agreement.hold.get_or_insert(now + OPEN_WAIT);
        agreement
    }

    /// Starts the hold timer anew; none with hold time 0.
    pub fn restart_hold(&mut self, now: Instant) {
        self.hold = after(now, self.negotiated.hold_time);
    }

    /// Starts the keepalive timer anew; none with hold time 0.
    pub fn restart_keepalive(&mut self, jitter: &mut Jitter, now: Instant) {
        let interval =
            if self.negotiated.hold_time.is_zero() { Duration::ZERO } else { self.negotiated.keepalive };
        self.keepalive = after(now, interval).map(|_| now + jitter.apply(interval));
    }
}

fn after(now: Instant, time: Duration) -> Option<Instant> {
    (!time.is_zero()).then(|| now + time)
}

impl Connection {
    /// The state of RFC 4271 that this phase is.
    pub fn state(&self) -> FsmState {
        match self.phase {
            Phase::Tracked { .. } => FsmState::Active,
            Phase::OpenSent { .. } => FsmState::OpenSent,
            Phase::OpenConfirm(_) => FsmState::OpenConfirm,
            Phase::Established { .. } => FsmState::Established,
        }
    }

    /// What was negotiated, once OPENs were exchanged.
    pub fn agreement(&self) -> Option<&Agreement> {
        match &self.phase {
            Phase::OpenConfirm(agreement) | Phase::Established { agreement, .. } => Some(agreement),
            Phase::Tracked { .. } | Phase::OpenSent { .. } => None,
        }
    }

    /// The same, to restart its timers.
    pub fn agreement_mut(&mut self) -> Option<&mut Agreement> {
        match &mut self.phase {
            Phase::OpenConfirm(agreement) | Phase::Established { agreement, .. } => Some(agreement),
            Phase::Tracked { .. } | Phase::OpenSent { .. } => None,
        }
    }

    /// What was negotiated, if the session is up.
    pub fn established(&self) -> Option<&Negotiated> {
        match &self.phase {
            Phase::Established { agreement, .. } => Some(&agreement.negotiated),
            _ => None,
        }
    }

    fn timers(&self) -> [(Option<Instant>, Due); 3] {
        let (hold, keepalive, send_hold) = match &self.phase {
            Phase::Tracked { until } | Phase::OpenSent { until } => (Some(*until), None, None),
            Phase::OpenConfirm(agreement) => (agreement.hold, agreement.keepalive, None),
            Phase::Established { agreement, send_hold, .. } => {
                (agreement.hold, agreement.keepalive, *send_hold)
            }
        };
        // Expiry first: a connection that is over needs no KEEPALIVE.
        [(hold, Due::Hold), (send_hold, Due::SendHold), (keepalive, Due::Keepalive)]
    }

    /// When the next timer is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers().into_iter().filter_map(|(at, _)| at).min()
    }

    /// A timer that is due.
    pub fn due(&self, now: Instant) -> Option<Due> {
        self.timers().into_iter().find(|(at, _)| at.is_some_and(|at| at <= now)).map(|(_, due)| due)
    }

    /// When the hold timer (not the wait for an OPEN) runs out.
    pub fn hold_deadline(&self) -> Option<Instant> {
        self.agreement().and_then(|agreement| agreement.hold)
    }
}
