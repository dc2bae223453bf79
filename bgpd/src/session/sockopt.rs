//! Socket options that no crate has: TCP-MD5 keys (RFC 2385), the least TTL of packets
//! (RFC 5082), the device by its index. The only `unsafe` of this crate: `setsockopt` with structs of the kernel.

#![allow(unsafe_code)]

use ipnet::IpNet;
use std::{
    io,
    mem::size_of,
    net::{IpAddr, Ipv6Addr},
    os::fd::{AsRawFd, BorrowedFd},
};

/// `struct tcp_md5sig` of linux/tcp.h.
#[repr(C)]
struct TcpMd5Sig {
    /// `struct sockaddr_storage`: family in the machine's order, port, then the address at
    /// octet 4 (IPv4) or 8 (IPv6).
    address: [u8; 128],
    flags: u8,
    prefix_length: u8,
    key_length: u16,
    interface: i32,
    key: [u8; libc::TCP_MD5SIG_MAXKEYLEN],
}

/// `TCP_MD5SIG_FLAG_PREFIX`: `prefix_length` counts.
const FLAG_PREFIX: u8 = 1;

/// The kernel's limit for a key.
const LONGEST_KEY: usize = libc::TCP_MD5SIG_MAXKEYLEN;

fn set<T>(socket: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
    // SAFETY: `value` is a live reference to `length` readable octets, which the kernel only
    // reads during the call; the descriptor is borrowed and so open. A wrong level, name or
    // length is answered with an error.
    let outcome =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const *value).cast(), length) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets the TCP-MD5 key for connections with addresses of `peer`; `None` removes it.
/// A host prefix works on every kernel; a shorter one needs Linux 4.13.
pub(super) fn set_md5(socket: BorrowedFd<'_>, peer: IpNet, key: Option<&str>) -> io::Result<()> {
    let key = key.unwrap_or_default().as_bytes();
    let mut option = TcpMd5Sig {
        address: [0; 128],
        flags: 0,
        prefix_length: 0,
        key_length: u16::try_from(key.len()).unwrap_or(u16::MAX),
        interface: 0,
        key: [0; LONGEST_KEY],
    };
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "the password is longer than 80 octets");
    option.key.get_mut(..key.len()).ok_or_else(too_long)?.copy_from_slice(key);
    let (family, octets, at): (_, &[u8], _) = match peer.network() {
        IpAddr::V4(address) => (libc::AF_INET, &address.octets(), 4),
        IpAddr::V6(address) => (libc::AF_INET6, &address.octets(), 8),
    };
    let family = libc::sa_family_t::try_from(family).unwrap_or(0).to_ne_bytes();
    for (field, from) in [(0, family.as_slice()), (at, octets)] {
        if let Some(to) = option.address.get_mut(field..field + from.len()) {
            to.copy_from_slice(from);
        }
    }
    if peer.prefix_len() == peer.max_prefix_len() {
        return set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG, &option);
    }
    option.flags = FLAG_PREFIX;
    option.prefix_length = peer.prefix_len();
    set(socket, libc::IPPROTO_TCP, libc::TCP_MD5SIG_EXT, &option)
}

/// Lets the kernel drop packets that come with a TTL (hop limit) below `least`.
pub(super) fn set_least_ttl(socket: BorrowedFd<'_>, remote: IpAddr, least: u8) -> io::Result<()> {
    let least = libc::c_int::from(least);
    match remote {
        IpAddr::V4(_) => set(socket, libc::IPPROTO_IP, libc::IP_MINTTL, &least),
        IpAddr::V6(_) => set(socket, libc::IPPROTO_IPV6, libc::IPV6_MINHOPCOUNT, &least),
    }
}

/// Binds the socket to a device: only what comes in by it (or by a device below it, if it is
/// a VRF device) is heard, and routes are looked up as the device's. By index, because a name
/// may by now be another device's. Needs no capability on a socket that is not bound yet.
pub(super) fn bind_to_device(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let index = libc::c_int::try_from(index).unwrap_or(libc::c_int::MAX);
    set(socket, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX, &index)
}

/// True for fe80::/10, whose addresses mean nothing without an interface.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if Ipv6Addr::is_unicast_link_local(&address))
}
