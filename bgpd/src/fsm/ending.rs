//! How sessions end: Cease NOTIFICATIONs (RFC 4486, RFC 9003), hard resets and what is
//! retained (RFC 4724 §4.2, RFC 8538 §3 and §4).

use crate::peer::{Cease, DownReason, Negotiated, NotificationSummary, Sender};
use crate::wire::{
    Notification,
    notification::{Cease as CeaseSubcode, ErrorCode},
};

/// The NOTIFICATION for `cease`, before any hard reset.
pub(super) fn notification(cease: &Cease) -> Notification {
    let with_text = |subcode, text: &Option<String>| match text.as_deref() {
        Some(text) if !text.is_empty() => Notification::cease_with_communication(subcode, text),
        _ => Notification::new(subcode),
    };
    match cease {
        Cease::MaximumPrefixes { family, limit } => {
            // RFC 4486 §4: AFI, SAFI and the upper bound.
            let row = family.row();
            let mut data = row.afi.to_be_bytes().to_vec();
            data.push(row.safi);
            data.extend_from_slice(&limit.to_be_bytes());
            Notification::with_data(CeaseSubcode::MaximumPrefixes, &data)
        }
        Cease::AdministrativeShutdown(text) => with_text(CeaseSubcode::AdministrativeShutdown, text),
        Cease::PeerDeconfigured => Notification::new(CeaseSubcode::PeerDeconfigured),
        Cease::AdministrativeReset(text) => with_text(CeaseSubcode::AdministrativeReset, text),
        Cease::OtherConfigurationChange => Notification::new(CeaseSubcode::OtherConfigurationChange),
        Cease::OutOfResources => Notification::new(CeaseSubcode::OutOfResources),
    }
}

/// True if the session is not meant to come back soon, so that the neighbour must not keep
/// our routes (RFC 8538 §3.1).
fn is_final(cease: &Cease) -> bool {
    matches!(
        cease,
        Cease::MaximumPrefixes { .. } | Cease::AdministrativeShutdown(_) | Cease::PeerDeconfigured
    )
}

/// The NOTIFICATION that ends a connection for `cease`; a hard reset where the N bit was
/// agreed on, which alone says to a neighbour with N that our routes must go.
pub(super) fn cease(cease: &Cease, agreed: Option<&Negotiated>) -> Notification {
    let plain = notification(cease);
    if is_final(cease) && agreed.is_some_and(notifications_retain) { plain.into_hard_reset() } else { plain }
}

fn notifications_retain(agreed: &Negotiated) -> bool {
    agreed.graceful_restart.as_ref().is_some_and(|restart| restart.notification)
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    /// TCP was closed or broke, with the reason.
    Tcp(String),
    /// We sent this.
    Sent(Notification),
    /// The neighbour sent this.
    Received(Notification),
    /// A new connection took its place (RFC 4724 §5).
    Replaced,
}

impl Cause {
    /// True if the next attempt should wait in Idle: somebody found something wrong. A Cease
    /// is no error, and a lost connection is tried again at once.
    pub fn is_error(&self) -> bool {
        match self {
            Cause::Tcp(_) | Cause::Replaced => false,
            // A neighbour that fell silent has most likely died and is about to come back.
            Cause::Sent(notification) | Cause::Received(notification) => {
                !matches!(notification.error, ErrorCode::Cease(_) | ErrorCode::HoldTimerExpired(_))
            }
        }
    }

    /// What the core is told about a session that was established.
    pub fn down(&self, agreed: &Negotiated) -> DownReason {
        let restart = agreed.graceful_restart.as_ref().filter(|restart| !restart.families.is_empty());
        let retain = restart.is_some_and(|restart| match self {
            Cause::Tcp(_) | Cause::Replaced => true,
            Cause::Sent(notification) | Cause::Received(notification) => {
                restart.notification && !notification.is_hard_reset()
            }
        });
        let (notification, text) = match self {
            Cause::Tcp(text) => (None, text.clone()),
            Cause::Replaced => (None, "the neighbour has restarted and opened a new connection".to_owned()),
            Cause::Sent(notification) => {
                (Some(summary(notification, Sender::Local)), describe("sent", notification))
            }
            Cause::Received(notification) => {
                (Some(summary(notification, Sender::Remote)), describe("received", notification))
            }
        };
        DownReason { retain, notification, text }
    }

    /// The cause in words.
    pub fn text(&self) -> String {
        match self {
            Cause::Tcp(text) => text.clone(),
            Cause::Replaced => "replaced by a new connection".to_owned(),
            Cause::Sent(notification) => describe("sent", notification),
            Cause::Received(notification) => describe("received", notification),
        }
    }
}

fn describe(verb: &str, notification: &Notification) -> String {
    let (code, subcode) = notification.error.numbers();
    format!("{verb} NOTIFICATION {code}/{subcode} ({notification})")
}

fn summary(notification: &Notification, sender: Sender) -> NotificationSummary {
    let hard_reset = notification.is_hard_reset();
    let inner = notification.hard_reset_cause();
    let (code, subcode) = inner.as_ref().unwrap_or(notification).error.numbers();
    NotificationSummary { sender, code, subcode, hard_reset, communication: notification.communication() }
}
