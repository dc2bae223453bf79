//! What can go wrong under load: each says what was tried, with whom, and what may help.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The result of everything in `load`.
pub type Result<T> = std::result::Result<T, LoadError>;

/// Why a load run stopped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An option has a value that cannot be.
    #[error("{option} {value}: {reason}")]
    Option {
        /// The option.
        option: &'static str,
        /// Its value.
        value: String,
        /// Why not.
        reason: String,
    },
    /// No TCP connection.
    #[error("no connection from {local} to {remote}: {source} ({hint})")]
    Connect {
        /// Our address.
        local: IpAddr,
        /// The speaker's.
        remote: SocketAddr,
        /// The system's answer.
        source: std::io::Error,
        /// What to look at.
        hint: &'static str,
    },
    /// The speaker ended a session with a NOTIFICATION.
    #[error("the speaker ended the session from {local}: {notification}")]
    Notification {
        /// Our address.
        local: IpAddr,
        /// The NOTIFICATION by name.
        notification: String,
    },
    /// The speaker closed a session without a NOTIFICATION.
    #[error("the speaker closed the session from {local} without a NOTIFICATION while it was {state}")]
    Closed {
        /// Our address.
        local: IpAddr,
        /// What the session was doing.
        state: &'static str,
    },
    /// The speaker sent what is no BGP message, or one we did not expect.
    #[error("the session from {local} got {what}")]
    Protocol {
        /// Our address.
        local: IpAddr,
        /// What came.
        what: String,
    },
    /// Something did not happen in time.
    #[error("{what} within {limit:?}: {seen}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long.
        limit: Duration,
        /// How far it got.
        seen: String,
    },
    /// UPDATEs cannot be made.
    #[error("cannot encode the routes: {0}")]
    Encode(#[from] weft_bgpd::wire::update::EncodeError),
    /// A phase cannot be done with these routes or sessions.
    #[error("{phase}: {reason}")]
    Phase {
        /// The phase.
        phase: &'static str,
        /// Why not.
        reason: String,
    },
    /// A daemon to be measured does not start or has ended.
    #[error("{what}\n{log}")]
    Daemon {
        /// What happened.
        what: String,
        /// The last lines of its log.
        log: String,
    },
    /// A file or socket operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Something in /proc is not as expected.
    #[error("{}: {reason}", path.display())]
    Proc {
        /// The file.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A thread panicked.
    #[error("a thread of the load generator panicked")]
    Thread,
}

impl LoadError {
    /// An I/O error with the thing that was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// No connection, with a word on what may be the reason.
    pub fn connect(local: IpAddr, remote: SocketAddr, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{AddrNotAvailable, ConnectionRefused, TimedOut};
        let hint = match source.kind() {
            ConnectionRefused => "does the speaker run, and listen on this port?",
            AddrNotAvailable => "addresses in 127.0.0.0/8 need nothing; others must be on a device",
            TimedOut => "is there a way to that address, and a firewall?",
            _ => "is the address right?",
        };
        Self::Connect { local, remote, source, hint }
    }
}
