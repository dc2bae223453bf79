//! Sessions: sockets around the pure state machine of `fsm`. I/O without decisions.

mod outbound;

pub use outbound::{Full, SessionSender};
