//! What goes into the state machine and what comes out of it.

use super::connection::ConnectionId;
use crate::peer::{Cease, DownReason, Endpoints, FsmState, Negotiated, PeerSettings};
use crate::wire::{Notification, Open};

/// A message, as much of it as the state machine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// OPEN, decoded.
    Open(Open),
    /// UPDATE; the session decodes it if it is still established afterwards.
    Update,
    /// NOTIFICATION.
    Notification(Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH.
    RouteRefresh,
}

impl Received {
    /// The message type's number, the data of FSM errors (RFC 6608 §3).
    pub(super) fn number(&self) -> u8 {
        match self {
            Received::Open(_) => 1,
            Received::Update => 2,
            Received::Notification(_) => 3,
            Received::Keepalive => 4,
            Received::RouteRefresh => 5,
        }
    }
}

/// Where a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallFailure {
    /// On this machine: no such address, no route. It costs nothing to try again soon.
    Local,
    /// On the way or over there.
    Remote,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Sessions are wanted. Said again, it ends the wait for the next call: something has
    /// changed, such as an address or a link.
    Start,
    /// No session until `Start`.
    Stop(Cease),
    /// End what there is and begin again.
    Reset(Cease),
    /// These are the settings now.
    Reconfigure(Box<PeerSettings>),
    /// The attempt of `Action::Connect` has succeeded.
    Connected(ConnectionId, Endpoints),
    /// It has failed.
    ConnectFailed(ConnectionId, CallFailure),
    /// The neighbour has connected; the id is from `PeerFsm::name_connection`.
    Accepted(ConnectionId, Endpoints),
    /// A message came.
    Received(ConnectionId, Received),
    /// Something came that calls for this NOTIFICATION.
    Malformed(ConnectionId, Notification),
    /// Octets came that could not be looked at yet, because the core is behind: the
    /// neighbour is alive.
    Heard(ConnectionId),
    /// TCP has taken something that was to be sent.
    Written(ConnectionId),
    /// TCP was closed or broke, for this reason.
    Closed(ConnectionId, String),
    /// `PeerFsm::poll_deadline` has come.
    Deadline,
}

/// What to do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Call the neighbour.
    Connect(ConnectionId),
    /// Send an OPEN.
    SendOpen(ConnectionId, Box<Open>),
    /// Send a KEEPALIVE.
    SendKeepalive(ConnectionId),
    /// Send a NOTIFICATION; `Close` follows.
    SendNotification(ConnectionId, Notification),
    /// Close the connection, or give up the attempt, after what was to be sent before.
    Close(ConnectionId),
    /// The session is up on this connection.
    Established(ConnectionId, Box<Negotiated>),
    /// The session is over.
    Down(DownReason),
    /// A connection ended before it carried a session, for the log and the shows.
    Failed(String),
    /// The state is another.
    State(FsmState),
    /// A dynamic neighbour is to be forgotten; the last action.
    Gone,
}
