//! Why the kernel side could not start. Each text is one line that says what to do.

use std::io;

/// Why [`crate::start`] failed.
#[derive(Debug, thiserror::Error)]
pub enum FibError {
    /// The process may not configure the network.
    #[error(
        "the kernel's forwarding tables cannot be written: run as root or with CAP_NET_ADMIN \
         (or start weftd with -n to run without a kernel)"
    )]
    NoPermission,
    /// Somebody else serves this network namespace.
    #[error("another weftd ({holder}) is running in this network namespace: stop it first")]
    AlreadyRunning {
        /// Process id and user of the other, as far as the kernel tells.
        holder: String,
    },
    /// A socket could not be made or set up.
    #[error("cannot {what}: {source}")]
    Socket {
        /// What was tried.
        what: &'static str,
        /// The kernel's answer.
        source: io::Error,
    },
    /// The thread could not be started.
    #[error("cannot start the kernel thread: {0}")]
    Thread(io::Error),
}
