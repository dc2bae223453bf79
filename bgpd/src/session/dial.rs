//! Sockets as a neighbour's settings ask: the call to it, and what an accepted connection
//! gets. TCP-MD5 (RFC 2385), TTL security (RFC 5082), update-source, link-local scope, the
//! device of an IP-VRF.

use super::sockopt;
use crate::{
    fsm::CallFailure,
    peer::{PeerSettings, TtlPolicy, UpdateSource},
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::{
    io,
    net::{IpAddr, SocketAddr, SocketAddrV6},
    os::fd::AsFd,
};
use tokio::net::{TcpSocket, TcpStream};
use weft_evpn::VrfName;

/// Why a call did not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The interface of a link-local neighbour is not there.
    #[error("no interface {interface}, which the link-local address {address} needs")]
    NoInterface {
        /// Its name.
        interface: String,
        /// The neighbour.
        address: IpAddr,
    },
    /// A link-local neighbour without an interface.
    #[error("{0} is link-local: the neighbor needs an interface")]
    NoScope(IpAddr),
    /// `update-source` names an interface without a fitting address.
    #[error("update-source {interface}: no {family} address on it")]
    NoSource {
        /// The interface.
        interface: String,
        /// IPv4 or IPv6.
        family: &'static str,
    },
    /// `update-source` names an address that this machine does not have.
    #[error("update-source {address}: {}", source_text(error))]
    Source {
        /// The address.
        address: IpAddr,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The IP-VRF has no device by which the neighbour could be reached.
    #[error("vrf {vrf}: no device to reach {address} by")]
    NoDevice {
        /// The IP-VRF.
        vrf: VrfName,
        /// The neighbour.
        address: IpAddr,
    },
    /// The device of the IP-VRF is not there.
    #[error("cannot bind to device {device}: {error}")]
    Device {
        /// Its name when it was there.
        device: String,
        /// The kernel's answer.
        error: io::Error,
    },
    /// The kernel refused an option.
    #[error("cannot set {option}: {error}")]
    Option {
        /// Which one.
        option: &'static str,
        /// The kernel's answer.
        error: io::Error,
    },
    /// No socket.
    #[error("cannot make a socket: {0}")]
    Socket(io::Error),
    /// The connection failed.
    #[error("cannot connect to {remote}: {error}")]
    Connect {
        /// Where to.
        remote: SocketAddr,
        /// The kernel's answer.
        error: io::Error,
    },
}

fn source_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        _ => error.to_string(),
    }
}

impl DialError {
    /// Whether the reason is to be found on this machine.
    pub fn place(&self) -> CallFailure {
        match self {
            DialError::Connect { error, .. }
                if !matches!(
                    error.kind(),
                    io::ErrorKind::NetworkUnreachable
                        | io::ErrorKind::NetworkDown
                        | io::ErrorKind::AddrNotAvailable
                ) =>
            {
                CallFailure::Remote
            }
            _ => CallFailure::Local,
        }
    }
}

/// The name of an interface by its index.
pub(super) fn interface_name(index: u32) -> Option<String> {
    nix::net::if_::if_indextoname(index).ok()?.into_string().ok()
}

/// Where the neighbour is called.
fn remote(settings: &PeerSettings) -> Result<SocketAddr, DialError> {
    let address = match settings.address {
        IpAddr::V6(address) if sockopt::is_link_local(settings.address) => address,
        _ => return Ok(SocketAddr::new(settings.address, settings.port)),
    };
    let interface = settings.interface.as_deref().ok_or(DialError::NoScope(settings.address))?;
    let index = nix::net::if_::if_nametoindex(interface)
        .map_err(|_| DialError::NoInterface { interface: interface.to_owned(), address: settings.address })?;
    Ok(SocketAddrV6::new(address, settings.port, 0, index).into())
}

/// Our end, if `update-source` says which.
fn source(settings: &PeerSettings, remote: SocketAddr) -> Result<Option<SocketAddr>, DialError> {
    let interface = match &settings.update_source {
        None => return Ok(None),
        Some(UpdateSource::Address(address)) => return Ok(Some(SocketAddr::new(*address, 0))),
        Some(UpdateSource::Interface(interface)) => interface,
    };
    let none = || DialError::NoSource {
        interface: interface.clone(),
        family: if remote.is_ipv4() { "IPv4" } else { "IPv6" },
    };
    let local = sockopt::is_link_local(remote.ip());
    let addresses = nix::ifaddrs::getifaddrs().map_err(|_| none())?;
    addresses
        .filter(|entry| entry.interface_name == *interface)
        .filter_map(|entry| {
            let address = entry.address?;
            if let Some(v4) = address.as_sockaddr_in() {
                return Some(SocketAddr::new(IpAddr::V4(v4.ip()), 0));
            }
            let v6 = address.as_sockaddr_in6()?;
            Some(SocketAddrV6::new(v6.ip(), 0, 0, v6.scope_id()).into())
        })
        .find(|address| {
            address.is_ipv4() == remote.is_ipv4() && sockopt::is_link_local(address.ip()) == local
        })
        .map(Some)
        .ok_or_else(none)
}

/// Sets TTL, least TTL and TCP_NODELAY as the settings ask.
pub(super) fn prepare(socket: SockRef<'_>, settings: &PeerSettings) -> Result<(), DialError> {
    let option = |option| move |error| DialError::Option { option, error };
    let (ttl, least) = match settings.ttl {
        TtlPolicy::Default if settings.is_internal() => (255, None),
        TtlPolicy::Default => (1, None),
        TtlPolicy::Multihop(hops) => (hops, None),
        TtlPolicy::Security(hops) => (255, Some(255 - hops.saturating_sub(1))),
    };
    match settings.address {
        IpAddr::V4(_) => socket.set_ttl_v4(u32::from(ttl)),
        IpAddr::V6(_) => socket.set_unicast_hops_v6(u32::from(ttl)),
    }
    .map_err(option("the TTL"))?;
    if let Some(least) = least {
        sockopt::set_least_ttl(socket.as_fd(), settings.address, least).map_err(option("ttl-security"))?;
    }
    socket.set_tcp_nodelay(true).map_err(option("TCP_NODELAY"))
}

/// Calls the neighbour.
pub(super) async fn call(settings: &PeerSettings) -> Result<TcpStream, DialError> {
    let remote = remote(settings)?;
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM.nonblocking(), Some(Protocol::TCP))
        .map_err(DialError::Socket)?;
    if let Some(binding) = &settings.vrf {
        let none = || DialError::NoDevice { vrf: binding.name.clone(), address: settings.address };
        let (index, device) = binding.device.as_ref().ok_or_else(none)?;
        sockopt::bind_to_device(socket.as_fd(), *index)
            .map_err(|error| DialError::Device { device: device.clone(), error })?;
    }
    prepare(SockRef::from(&socket), settings)?;
    if let Some(password) = &settings.password {
        sockopt::set_md5(socket.as_fd(), remote.ip().into(), Some(password))
            .map_err(|error| DialError::Option { option: "the TCP-MD5 password", error })?;
    }
    if let Some(source) = source(settings, remote)? {
        socket.bind(&source.into()).map_err(|error| DialError::Source { address: source.ip(), error })?;
    }
    let connect = TcpSocket::from_std_stream(socket.into()).connect(remote);
    connect.await.map_err(|error| DialError::Connect { remote, error })
}
