//! A packet socket (packet(7)) of all interfaces: what socket2 cannot say in safe Rust.
//!
//! All unsafe code of the snooper is here: socket addresses and options of AF_PACKET, and
//! recvmsg with its control message.
#![allow(unsafe_code)]

use super::frame::Checksum;
use libc::{c_int, c_void, sockaddr_ll, socklen_t, tpacket_auxdata, tpacket_stats};
use socket2::{Domain, SockAddr, SockAddrStorage, SockFilter, Socket, Type};
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// A bound, non-blocking packet socket.
#[derive(Debug)]
pub(super) struct PacketSocket(Socket);

/// What the kernel says of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    /// Octets in the buffer.
    pub(super) length: usize,
    /// The interface.
    pub(super) ifindex: u32,
    /// It was sent by this machine.
    pub(super) outgoing: bool,
    /// The VLAN tag that the kernel has taken out of the frame.
    pub(super) vlan_tci: Option<u16>,
    /// Whether the checksum has been filled in.
    pub(super) checksum: Checksum,
}

impl PacketSocket {
    /// A socket that receives, from now on, what `filter` accepts of every interface.
    pub(super) fn open(filter: &[SockFilter], receive_buffer: usize) -> io::Result<Self> {
        // With protocol 0 nothing is received until bind, so nothing passes unfiltered.
        let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
        socket.set_nonblocking(true)?;
        socket.attach_filter(filter)?;
        socket.set_recv_buffer_size(receive_buffer)?;
        let socket = Self(socket);
        socket.set_option(libc::PACKET_AUXDATA)?;
        match socket.set_option(libc::PACKET_IGNORE_OUTGOING) {
            // Kernels before 4.20 do not have it; `Received::outgoing` tells as well.
            Err(error) if error.raw_os_error() != Some(libc::ENOPROTOOPT) => return Err(error),
            _ => {}
        }
        socket.0.bind(&address(0, libc::ETH_P_ALL))?;
        Ok(socket)
    }

    /// The next frame, as much of it as the buffer holds; `None` if none waits.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let mut control = [0_u64; 8];
        // SAFETY: both are plain C structures, for which all zeros is a valid value.
        let (mut from, mut message): (sockaddr_ll, libc::msghdr) = unsafe { (zeroed(), zeroed()) };
        let mut vector =
            libc::iovec { iov_base: buffer.as_mut_ptr().cast::<c_void>(), iov_len: buffer.len() };
        message.msg_name = (&raw mut from).cast();
        message.msg_namelen = length_of::<sockaddr_ll>();
        message.msg_iov = &raw mut vector;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&control) as _;
        let length = loop {
            // SAFETY: every pointer in the message points to a live value of this frame or to
            // the caller's buffer, each with its true length.
            let length = unsafe { libc::recvmsg(self.0.as_raw_fd(), &raw mut message, 0) };
            if let Ok(length) = usize::try_from(length) {
                break length;
            }
            let error = io::Error::last_os_error();
            match error.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(None),
                _ => return Err(error),
            }
        };
        let auxiliary = auxiliary(&message);
        let status = auxiliary.map_or(0, |auxiliary| auxiliary.tp_status);
        let pending = status & libc::TP_STATUS_CSUMNOTREADY != 0;
        Ok(Some(Received {
            length,
            ifindex: u32::try_from(from.sll_ifindex).unwrap_or(0),
            outgoing: from.sll_pkttype == libc::PACKET_OUTGOING,
            vlan_tci: auxiliary
                .filter(|_| status & libc::TP_STATUS_VLAN_VALID != 0)
                .map(|auxiliary| auxiliary.tp_vlan_tci),
            checksum: if pending { Checksum::Pending } else { Checksum::Present },
        }))
    }

    /// Sends a whole frame out of one interface.
    pub(super) fn send(&self, ifindex: u32, frame: &[u8]) -> io::Result<()> {
        self.0.send_to(frame, &address(ifindex, 0)).map(drop)
    }

    /// Frames dropped for want of room since the last call.
    pub(super) fn take_drops(&self) -> io::Result<u32> {
        let mut statistics = tpacket_stats { tp_packets: 0, tp_drops: 0 };
        let mut length = length_of::<tpacket_stats>();
        // SAFETY: the kernel writes at most `length` octets to a structure of that size.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut statistics).cast(),
                &raw mut length,
            )
        };
        if result == 0 { Ok(statistics.tp_drops) } else { Err(io::Error::last_os_error()) }
    }

    fn set_option(&self, name: c_int) -> io::Result<()> {
        let on: c_int = 1;
        // SAFETY: the kernel reads `size_of::<c_int>()` octets of a live c_int.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                name,
                (&raw const on).cast(),
                length_of::<c_int>(),
            )
        };
        if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// The address of an interface (0: all) and an Ethernet protocol.
fn address(ifindex: u32, protocol: c_int) -> SockAddr {
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: sockaddr_ll is a socket address, so it fits the storage and its alignment; all
    // zeros is a valid value of it.
    let link = unsafe { storage.view_as::<sockaddr_ll>() };
    link.sll_family = libc::AF_PACKET as _;
    link.sll_protocol = u16::try_from(protocol).unwrap_or(0).to_be();
    link.sll_ifindex = c_int::try_from(ifindex).unwrap_or(0);
    // SAFETY: the storage holds an initialised sockaddr_ll of the family AF_PACKET.
    unsafe { SockAddr::new(storage, length_of::<sockaddr_ll>()) }
}

/// What PACKET_AUXDATA adds to a frame.
fn auxiliary(message: &libc::msghdr) -> Option<tpacket_auxdata> {
    // SAFETY: recvmsg has filled in the message; its control buffer lives in the caller, and
    // the kernel keeps each control message within msg_controllen, which the macros check.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(message);
        while !header.is_null() {
            let (level, kind) = ((*header).cmsg_level, (*header).cmsg_type);
            let wanted = libc::CMSG_LEN(length_of::<tpacket_auxdata>()) as usize;
            let long_enough = (*header).cmsg_len as usize >= wanted;
            if level == libc::SOL_PACKET && kind == libc::PACKET_AUXDATA && long_enough {
                return Some(libc::CMSG_DATA(header).cast::<tpacket_auxdata>().read_unaligned());
            }
            header = libc::CMSG_NXTHDR(message, header);
        }
    }
    None
}

/// The size of a C structure as system calls want it.
const fn length_of<T>() -> socklen_t {
    size_of::<T>() as socklen_t
}

impl AsRawFd for PacketSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
