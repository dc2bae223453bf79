//! Listening sockets: general ones, one for each address, and those of IP-VRFs, bound to a
//! device, which the kernel prefers for what comes in by it. Each has the TCP-MD5 keys of all
//! neighbours of its family and IP-VRF. Whom a connection belongs to is looked up in `Shared`.

use super::{Shared, registry::Arrival, sockopt};
use ipnet::IpNet;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::JoinHandle,
};
use tracing::warn;
use weft_evpn::VrfName;

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

    /// True if the device that the listener is for is not there.
    pub(super) fn is_no_device(&self) -> bool {
        matches!(self, Self::Other { error, .. } if error.raw_os_error() == Some(libc::ENODEV))
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

/// A listening socket, and the task that accepts from it.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Arc<TcpListener>,
    task: Option<JoinHandle<()>>,
}

/// Opens listeners on these addresses, which share the fate of `device` if there is one.
/// `prepare` may set keys on the sockets before the first connection can come about. `[::]` may
/// be missing on a machine without IPv6, if another is there.
pub(super) fn open(
    addresses: &[SocketAddr],
    device: Option<u32>,
    prepare: impl FnOnce(&[Socket]),
) -> Result<Vec<Listener>, ListenError> {
    let (mut sockets, mut bound) = (Vec::new(), Vec::new());
    for &address in addresses {
        match bind(address, device).map_err(|error| ListenError::new(address, error)) {
            Ok(socket) => {
                sockets.push(socket);
                bound.push(address);
            }
            Err(error) if error.is_unsupported() && addresses.len() > 1 => {
                if device.is_none() {
                    warn!("{error}; going on without it");
                }
            }
            Err(error) => return Err(error),
        }
    }
    prepare(&sockets);
    let listening = sockets
        .into_iter()
        .zip(bound)
        .map(|(socket, address)| listen(socket, device).map_err(|error| ListenError::new(address, error)));
    listening.collect()
}

fn bind(address: SocketAddr, device: Option<u32>) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if let Some(index) = device {
        sockopt::bind_to_device(socket.as_fd(), index)?;
        socket.set_reuse_port(true)?;
    }
    // The answer to a SYN must satisfy a neighbour with TTL security.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
        socket.set_unicast_hops_v6(255)?;
    } else {
        socket.set_ttl_v4(255)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

fn listen(socket: Socket, device: Option<u32>) -> io::Result<Listener> {
    socket.listen(BACKLOG)?;
    if device.is_some() {
        socket.set_reuse_port(false)?;
    }
    Ok(Listener { socket: Arc::new(TcpListener::from_std(socket.into())?), task: None })
}

/// While it lives, listeners that are bound to a device may be opened beside these, which are
/// not: the kernel lets them share the port only if both ask for it. Not for longer, so that
/// another daemon does not come to share it, too, without a word.
pub(super) struct SharedPort<'a>(&'a [Listener]);

impl<'a> SharedPort<'a> {
    pub fn of(listeners: &'a [Listener]) -> Self {
        Self::set(listeners, true);
        Self(listeners)
    }

    fn set(listeners: &[Listener], shared: bool) {
        for listener in listeners {
            // If it is refused, opening the other one fails, and says so.
            let _ = SockRef::from(&*listener.socket).set_reuse_port(shared);
        }
    }
}

impl Drop for SharedPort<'_> {
    fn drop(&mut self) {
        Self::set(self.0, false);
    }
}

/// Sets or removes a key on the sockets of its family.
pub(super) fn set_key<'a, S: AsFd + 'a>(
    sockets: impl IntoIterator<Item = &'a S>,
    peer: IpNet,
    key: Option<&str>,
) -> io::Result<()> {
    let domain = if peer.network().is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    for socket in sockets {
        if !SockRef::from(socket).domain().is_ok_and(|of| of == domain) {
            continue;
        }
        match sockopt::set_md5(socket.as_fd(), peer, key) {
            Err(error) if key.is_none() && error.raw_os_error() == Some(libc::ENOENT) => {}
            outcome => outcome?,
        }
    }
    Ok(())
}

impl Listener {
    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()
    }

    /// The socket, for keys.
    pub fn socket(&self) -> &TcpListener {
        &self.socket
    }

    /// The connections that wait already.
    pub fn waiting(&self) -> Vec<(TcpStream, SocketAddr)> {
        let mut waiting = Vec::new();
        while let Ok((socket, remote)) = SockRef::from(&*self.socket).accept() {
            let stream = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket.into()));
            if let (Ok(stream), Some(remote)) = (stream, remote.as_socket()) {
                waiting.push((stream, remote));
            }
        }
        waiting
    }

    /// Begins to accept, for the neighbours of this IP-VRF.
    pub fn accept(&mut self, runtime: &Handle, shared: &Arc<Shared>, vrf: Option<VrfName>) {
        if self.task.is_none() {
            self.task = Some(runtime.spawn(serve(self.socket.clone(), shared.clone(), vrf)));
        }
    }
}

impl Drop for Listener {
    /// The port is free at once, also if the task has not come to end.
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
        let _ = SockRef::from(&*self.socket).shutdown(Shutdown::Both);
    }
}

/// Accepts until the task is aborted.
async fn serve(listener: Arc<TcpListener>, shared: Arc<Shared>, vrf: Option<VrfName>) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => shared.dispatch(stream, remote, vrf.as_ref(), Arrival::Late),
            Err(error) => {
                warn!("cannot accept a connection: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
