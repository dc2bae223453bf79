//! One weftd per network namespace: an abstract unix socket, whose names the kernel keeps per namespace, and
//! which goes with its process however that ends. Nobody listens on it.

use crate::error::FibError;
use nix::sys::socket::{getsockopt, sockopt};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

const NAME: &[u8] = b"weft-fib";

/// Holds the namespace until dropped.
#[derive(Debug)]
pub(super) struct NamespaceLock {
    _listener: UnixListener,
}

impl NamespaceLock {
    pub(super) fn take() -> Result<Self, FibError> {
        let failed = |source| FibError::Socket { what: "lock the network namespace", source };
        let address = SocketAddr::from_abstract_name(NAME).map_err(failed)?;
        match UnixListener::bind_addr(&address) {
            Ok(listener) => Ok(NamespaceLock { _listener: listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(FibError::AlreadyRunning { holder: holder(&address) })
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Who holds it, in words.
fn holder(address: &SocketAddr) -> String {
    let peer = UnixStream::connect_addr(address)
        .ok()
        .and_then(|stream| getsockopt(&stream, sockopt::PeerCredentials).ok());
    match peer {
        Some(peer) => format!("process {}, user {}", peer.pid(), peer.uid()),
        None => "process unknown".to_owned(),
    }
}
