//! The two netlink sockets: `Connection` for requests, blocking and one at a time, and `Monitor` for
//! notifications, never blocking.

use super::attribute::{Attributes, Header, MessageBuffer, Messages};
use super::constants::*;
use super::deaf::Deafness;
use super::encode::{Op, Query, Tunnel};
use super::sys::Burst;
use netlink_packet_core::{Emitable, NetlinkBuffer};
use netlink_packet_route::link::LinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use nix::sys::time::TimeVal;
use socket2::SockFilter;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// The kernel never takes this long; only a lost answer does, and that one is asked for again.
const ANSWER_LIMIT: TimeVal = TimeVal::new(5, 0);
/// Receive buffer of the connection in bytes.
const ANSWER_BUFFER: usize = 1 << 20;
/// A dump fills this many bytes at a time. Less costs time: FDB dumps walk the table once per datagram.
const READ_BUFFER: usize = 64 * 1024;
/// A dump that the kernel calls inconsistent is made again at most this often.
const DUMP_ATTEMPTS: usize = 5;
/// Bursts of notifications taken in one turn, 64 notifications each.
const MAX_BURSTS: usize = 512;

/// The kernel's refusal, with its own words where it gave some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelError {
    /// The error number.
    pub errno: Errno,
    /// The extended acknowledgement's text.
    pub words: Option<String>,
}

impl fmt::Display for KernelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.errno.desc())?;
        match &self.words {
            Some(words) => write!(f, " ({words})"),
            None => Ok(()),
        }
    }
}

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The kernel refused.
    #[error("{0}")]
    Refused(KernelError),
    /// The socket failed.
    #[error("netlink socket: {0}")]
    Socket(#[from] io::Error),
    /// The kernel's state changed during every attempt to read it.
    #[error("the kernel's tables change faster than they can be read")]
    Unsteady,
}

impl From<Errno> for RequestError {
    fn from(errno: Errno) -> Self {
        RequestError::Socket(errno.into())
    }
}

/// Whether all answers to a batch were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Yes: what is not among the refusals was done.
    Answered,
    /// No: what became of each message is not known.
    Unknown,
}

/// What one answer means. `Ok(())` is an acknowledgement.
pub(super) fn answer(payload: &[u8], flags: u16) -> Result<(), KernelError> {
    let code = payload.first_chunk::<4>().map_or(-libc::EPROTO, |bytes| i32::from_ne_bytes(*bytes));
    if code == 0 {
        return Ok(());
    }
    let words = if flags & NLM_F_ACK_TLVS != 0 { extended_words(payload, flags) } else { None };
    Err(KernelError { errno: Errno::from_raw(code.saturating_neg()), words })
}

/// Reads an answer and forgets it, for fuzzing.
pub(super) fn read_answer(payload: &[u8], flags: u16) {
    let _ = answer(payload, flags);
}

/// The text in the attributes behind the echoed request (or its header alone, when capped).
fn extended_words(payload: &[u8], flags: u16) -> Option<String> {
    let echoed = if flags & NLM_F_CAPPED != 0 {
        16
    } else {
        usize::try_from(u32::from_ne_bytes(*payload.get(4..)?.first_chunk::<4>()?)).ok()?
    };
    let attributes = payload.get(echoed.checked_add(4 + 3)? & !3..)?;
    let (_, text) = Attributes::new(attributes).find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)?;
    let text = String::from_utf8_lossy(text);
    Some(text.trim_end_matches(['\0', '.']).to_owned())
}

/// A socket for requests of one netlink protocol, and its port: it waits for answers, but not for ever, and the kernel
/// gives its words with them.
pub(super) fn for_requests(protocol: isize) -> io::Result<(Socket, u32)> {
    let mut socket = Socket::new(protocol)?;
    let port = socket.bind_auto()?.port_number();
    socket.connect(&SocketAddr::new(0, 0))?;
    socket.set_ext_ack(true)?;
    socket.set_cap_ack(true)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &ANSWER_LIMIT)?;
    Ok((socket, port))
}

/// The socket for requests.
pub struct Connection {
    socket: Socket,
    port: u32,
    sequence: u32,
    out: MessageBuffer,
    buffer: Vec<u8>,
    refusals: Vec<(usize, KernelError)>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens it in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the kernel says to socket, bind or one of the options.
    pub fn open() -> io::Result<Self> {
        let (socket, port) = for_requests(NETLINK_ROUTE)?;
        socket.set_netlink_get_strict_chk(true)?;
        // A whole batch of refusals must fit.
        if setsockopt(&socket, sockopt::RcvBufForce, &ANSWER_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &ANSWER_BUFFER)?;
        }
        Ok(Connection {
            socket,
            port,
            sequence: 0,
            out: MessageBuffer::default(),
            buffer: vec![0; READ_BUFFER],
            refusals: Vec::new(),
        })
    }

    /// Its netlink port, by which the kernel names who caused a notification.
    pub fn port(&self) -> u32 {
        self.port
    }

    fn next_sequence(&mut self) -> u32 {
        // 0 is what notifications bear.
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        self.sequence
    }

    /// Writes as many of `ops` as make one batch, waits for the kernel's answers, and says how many those
    /// were. What was refused is in [`Connection::refusals`].
    ///
    /// # Errors
    /// When the socket fails; then nothing is known of the batch.
    pub fn write(&mut self, ops: &[Op]) -> io::Result<(usize, Written)> {
        self.write_in(ops.iter(), &[])
    }

    /// The same; `tunnels` says of each op, as far as it reaches, whether it is about a vxlan device for many VNIs.
    ///
    /// # Errors
    /// See [`Connection::write`].
    pub fn write_in<'a>(
        &mut self,
        ops: impl Iterator<Item = &'a Op>,
        tunnels: &[Option<Tunnel>],
    ) -> io::Result<(usize, Written)> {
        self.refusals.clear();
        self.out.clear();
        if self.sequence > u32::MAX / 2 {
            self.sequence = 0;
        }
        let first = self.sequence + 1;
        let mut count = 0;
        for op in ops {
            if !op.fits(&self.out, count) {
                break;
            }
            let sequence = self.next_sequence();
            op.encode_in(tunnels.get(count).copied().flatten(), sequence, &mut self.out);
            count += 1;
        }
        if count == 0 {
            return Ok((0, Written::Answered));
        }
        self.out.add_flags_to_last(NLM_F_ACK);
        self.socket.send(self.out.bytes(), 0)?;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS | Errno::EAGAIN) => return Ok((count, Written::Unknown)),
                Err(errno) => return Err(errno.into()),
            };
            for (header, payload) in Messages::new(self.buffer.get(..length).unwrap_or_default()) {
                let index = usize::try_from(header.sequence.wrapping_sub(first)).unwrap_or(usize::MAX);
                // An answer to an earlier batch whose answers had been given up.
                if header.kind != NLMSG_ERROR || index >= count {
                    continue;
                }
                if let Err(error) = answer(payload, header.flags) {
                    self.refusals.push((index, error));
                }
                if index + 1 == count {
                    return Ok((count, Written::Answered));
                }
            }
        }
    }

    /// The refusals of the last batch, by index into it.
    pub fn refusals(&self) -> &[(usize, KernelError)] {
        &self.refusals
    }

    /// Asks, and shows every message of the answer to `each`. An inconsistent dump is made again from the
    /// start, so `each` may see an entry twice.
    ///
    /// # Errors
    /// See [`RequestError`]. A query for one entry that is not there is refused with `ENOENT`.
    pub fn query(&mut self, query: Query, mut each: impl FnMut(Header, &[u8])) -> Result<(), RequestError> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.next_sequence();
            self.out.clear();
            query.encode(sequence, &mut self.out);
            if !query.is_dump() {
                self.out.add_flags_to_last(NLM_F_ACK);
            }
            self.socket.send(self.out.bytes(), 0)?;
            match self.answers(sequence, &mut each) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                // A lost part of a dump: the kernel has given it up, too.
                Err(RequestError::Socket(error)) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
        Err(RequestError::Unsteady)
    }

    /// Reads until the end of an answer. False: the kernel calls it inconsistent.
    fn answers(&mut self, sequence: u32, each: &mut impl FnMut(Header, &[u8])) -> Result<bool, RequestError> {
        let mut steady = true;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            for (header, payload) in Messages::new(self.buffer.get(..length).unwrap_or_default()) {
                if header.sequence != sequence {
                    continue;
                }
                steady &= header.flags & NLM_F_DUMP_INTR == 0;
                match header.kind {
                    NLMSG_DONE => {
                        return match answer(payload, header.flags) {
                            Ok(()) => Ok(steady),
                            Err(error) => Err(RequestError::Refused(error)),
                        };
                    }
                    NLMSG_ERROR => {
                        return answer(payload, header.flags).map(|()| steady).map_err(RequestError::Refused);
                    }
                    NLMSG_NOOP | NLMSG_OVERRUN => {}
                    _ => each(header, payload),
                }
            }
        }
    }

    /// Sends one message that changes the kernel, and waits for its acknowledgement.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn change(
        &mut self,
        kind: u16,
        flags: u16,
        content: impl FnOnce(&mut MessageBuffer),
    ) -> Result<(), RequestError> {
        let sequence = self.next_sequence();
        self.out.clear();
        self.out.begin(kind, flags | NLM_F_REQUEST | NLM_F_ACK, sequence);
        content(&mut self.out);
        self.out.end();
        self.socket.send(self.out.bytes(), 0)?;
        self.answers(sequence, &mut |_, _| {}).map(|_| ())
    }

    /// Sends a link message (`RTM_NEWLINK`, `RTM_DELLINK`) and waits for its acknowledgement.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn change_link(&mut self, kind: u16, flags: u16, link: &LinkMessage) -> Result<(), RequestError> {
        let sequence = self.next_sequence();
        let header = 16;
        let mut bytes = vec![0; header + link.buffer_len()];
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let mut message = NetlinkBuffer::new(&mut bytes);
        message.set_length(length);
        message.set_message_type(kind);
        message.set_flags(flags | NLM_F_REQUEST | NLM_F_ACK);
        message.set_sequence_number(sequence);
        link.emit(message.payload_mut());
        self.socket.send(&bytes, 0)?;
        self.answers(sequence, &mut |_, _| {}).map(|_| ())
    }
}

/// What reading the monitor socket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// All that waited.
    All,
    /// Some was lost; the kernel's state must be read again.
    Overrun,
}

/// A filter that drops every message caused by this port.
pub(super) fn drop_own(port: u32) -> [SockFilter; 4] {
    let op = |code: u32, jt, jf, k| SockFilter::new(code as u16, jt, jf, k);
    [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 12),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, port.to_be()),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ]
}

/// The socket for notifications.
pub struct Monitor {
    socket: Socket,
    burst: Burst,
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

impl Monitor {
    /// Opens it in the network namespace of the calling thread and joins the groups of links, addresses,
    /// neighbours (FDBs included), nexthops, routes, rules and settings, but for what `own` keeps out.
    ///
    /// # Errors
    /// What the kernel says to socket, bind or one of the options.
    pub fn open(receive_buffer: usize, own: Option<&Deafness>) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        // FORCE passes net.core.rmem_max but needs CAP_NET_ADMIN in the initial user namespace.
        if setsockopt(&socket, sockopt::RcvBufForce, &receive_buffer).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &receive_buffer)?;
        }
        socket.set_non_blocking(true)?;
        if let Some(deafness) = own {
            deafness.apply(&socket)?;
        }
        socket.bind_auto()?;
        for group in [
            RTNLGRP_LINK,
            RTNLGRP_NEIGH,
            RTNLGRP_IPV4_IFADDR,
            RTNLGRP_IPV6_IFADDR,
            RTNLGRP_IPV4_ROUTE,
            RTNLGRP_IPV6_ROUTE,
            RTNLGRP_IPV4_RULE,
            RTNLGRP_IPV6_RULE,
            RTNLGRP_IPV4_NETCONF,
            RTNLGRP_IPV6_NETCONF,
        ] {
            socket.add_membership(group)?;
        }
        // A kernel before 5.3 has no nexthop objects and no such group; the writer then falls back.
        if let Err(error) = socket.add_membership(RTNLGRP_NEXTHOP)
            && error.raw_os_error() != Some(libc::EINVAL)
        {
            return Err(error);
        }
        Ok(Monitor { socket, burst: Burst::new() })
    }

    /// Reads until nothing waits, or the kernel has talked for so long that the caller should do something
    /// else in between, and shows each message to `each`.
    ///
    /// # Errors
    /// When the socket fails for another reason than an overrun.
    pub fn read(&mut self, mut each: impl FnMut(Header, &[u8])) -> io::Result<Heard> {
        let mut heard = Heard::All;
        for _ in 0..MAX_BURSTS {
            match self.burst.receive(&self.socket) {
                Ok(0) => return Ok(heard),
                Ok(_) => {}
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    heard = Heard::Overrun;
                    continue;
                }
                Err(error) => return Err(error),
            }
            if self.burst.truncated() {
                heard = Heard::Overrun;
            }
            for datagram in self.burst.datagrams() {
                for (header, payload) in Messages::new(datagram) {
                    each(header, payload);
                }
            }
            if !self.burst.was_full() {
                break;
            }
        }
        Ok(heard)
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
