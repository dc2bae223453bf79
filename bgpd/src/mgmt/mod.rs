//! The management socket: how `weft`, scripts and other programs talk to the daemon.
//!
//! ```text
//!   accept thread ──▶ one thread a client ──▶ command::Shell ──▶ ExecBackend (asks the core, page by page)
//!                          └── blocking writes: a slow reader stops its own thread and nothing else
//! ```
//!
//! One JSON object a line (`protocol`). Who may do what is decided by the peer's credentials (`access`). The socket
//! belongs to one daemon, by a lock beside it (`socket`). That a network namespace belongs to one daemon too
//! is seen to by `weft_fib::start`.

pub mod access;
pub mod protocol;
pub mod server;
pub mod socket;

pub use server::{MgmtOptions, MgmtServer};
pub use socket::{ClaimedSocket, MgmtError, claim};

/// Where the daemon listens and the shell looks, unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/weft/weftd.sock";

#[cfg(test)]
mod tests;
