//! Listening sockets: one for each address, with the TCP-MD5 keys of all neighbours of its
//! family. Whom a connection belongs to is looked up in `Shared`.

use super::{Shared, sockopt};
use ipnet::IpNet;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};
use tokio::net::TcpListener;
use tracing::warn;

/// Connections that the kernel may keep for us.
const BACKLOG: i32 = 1024;
/// The wait after `accept` failed, for want of descriptors most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a listener could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The port is taken.
    #[error("cannot listen on {0}: address in use; another BGP daemon?")]
    InUse(SocketAddr),
    /// A port below 1024 without the right to it.
    #[error("cannot listen on {0}: permission denied; a port below 1024 needs root or CAP_NET_BIND_SERVICE")]
    Permission(SocketAddr),
    /// No interface has the address.
    #[error("cannot listen on {0}: this machine does not have the address")]
    NotAvailable(SocketAddr),
    /// Something else.
    #[error("cannot listen on {address}: {error}")]
    Other {
        /// Where.
        address: SocketAddr,
        /// The kernel's answer.
        error: io::Error,
    },
}

impl ListenError {
    fn new(address: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => Self::InUse(address),
            io::ErrorKind::PermissionDenied => Self::Permission(address),
            io::ErrorKind::AddrNotAvailable => Self::NotAvailable(address),
            _ => Self::Other { address, error },
        }
    }

    /// True if the machine has no such protocol: IPv6 switched off.
    fn is_unsupported(&self) -> bool {
        match self {
            Self::Other { error, .. } => error.raw_os_error() == Some(libc::EAFNOSUPPORT),
            Self::NotAvailable(address) => address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            Self::InUse(_) | Self::Permission(_) => false,
        }
    }
}

/// Every address of both families, on this port.
pub fn any_address(port: u16) -> Vec<SocketAddr> {
    vec![(Ipv4Addr::UNSPECIFIED, port).into(), (Ipv6Addr::UNSPECIFIED, port).into()]
}

/// Opens the listeners. `[::]` may be missing on a machine without IPv6, if another is there.
pub(super) fn open(addresses: &[SocketAddr]) -> Result<Vec<Arc<TcpListener>>, ListenError> {
    let mut listeners = Vec::new();
    for &address in addresses {
        match bind(address).map_err(|error| ListenError::new(address, error)) {
            Ok(listener) => listeners.push(Arc::new(listener)),
            Err(error) if error.is_unsupported() && addresses.len() > 1 => {
                warn!("{error}; going on without it")
            }
            Err(error) => return Err(error),
        }
    }
    Ok(listeners)
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    // The answer to a SYN must satisfy a neighbour with TTL security.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_unicast_hops_v6(255)?;
    } else {
        socket.set_ttl_v4(255)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Sets or removes a key on the listeners of its family.
pub(super) fn set_key(listeners: &[Arc<TcpListener>], peer: IpNet, key: Option<&str>) -> io::Result<()> {
    let is_v4 = peer.network().is_ipv4();
    for listener in listeners {
        if !listener.local_addr().is_ok_and(|address| address.is_ipv4() == is_v4) {
            continue;
        }
        match sockopt::set_md5(listener.as_fd(), peer, key) {
            Err(error) if key.is_none() && error.raw_os_error() == Some(libc::ENOENT) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

/// Accepts until the task is aborted.
pub(super) async fn serve(listener: Arc<TcpListener>, shared: Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => shared.dispatch(stream, remote),
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
