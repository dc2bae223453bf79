//! One `weftd` a network namespace: two would undo each other's entries in the kernel.
//!
//! An abstract Unix socket lives in the network namespace and goes with its process, however that
//! ends, so its name is the claim. No file is left behind, and no lock can be stale.

use super::MgmtError;
use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    },
};

/// The claim; given up when dropped.
#[derive(Debug)]
pub struct NamespaceClaim {
    _socket: UnixDatagram,
}

/// Claims this process' network namespace. Not needed by a daemon that leaves the kernel alone (`-n`).
pub fn claim_namespace() -> Result<NamespaceClaim, MgmtError> {
    claim(b"weftd")
}

fn claim(name: &[u8]) -> Result<NamespaceClaim, MgmtError> {
    let address = SocketAddr::from_abstract_name(name).map_err(MgmtError::Namespace)?;
    match UnixDatagram::bind_addr(&address) {
        Ok(socket) => Ok(NamespaceClaim { _socket: socket }),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(MgmtError::NamespaceTaken),
        Err(error) => Err(MgmtError::Namespace(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_claim_is_refused_until_the_first_is_gone() {
        let name = format!("weftd-test-{}", std::process::id());
        let first = claim(name.as_bytes()).unwrap();
        assert!(matches!(claim(name.as_bytes()), Err(MgmtError::NamespaceTaken)));
        drop(first);
        claim(name.as_bytes()).unwrap();
    }
}
