//! The filter of the monitor socket: what tells nothing is dropped before it costs anything.
//!
//! - `RTM_NEWNEIGH` and `RTM_NEWROUTE` of BGP caused by our own connection, known by its port: what we wrote ourselves. (A
//!   route notification comes for every route of a group that is replaced, too.) The route that ends a tenant's table is let
//!   through: what comes with the table is looked for by its notification.
//! - Routes of the main and the local table: no IP-VRF is there, and a host with a full table changes them all the time.
//! - FDB entries with our mark that this process set. Their notifications bear no port, so this needs to know on whose behalf
//!   the kernel speaks, which an eBPF program can ask (`bpf_get_ns_current_pid_tgid`, allowed for sockets since Linux 6.10).
//!   The mark must be asked for, too: while it works for us the kernel may learn a MAC from a frame. Flood entries
//!   (`NUD_PERMANENT`) are let through. Older kernels, or no permission to load a program: all of these are heard.
//!
//! Deletions are let through: one of ours may be the last word on an entry that somebody changed just before.
//!
//! Without the echoes of a bulk load the kernel's part of it costs a third less (measured on 6.18, see ARCHITECTURE.md). What
//! they told of the order of events is asked for where it matters: `Forwarding::take_doubts`.

use super::constants::*;
use socket2::{SockFilter, SockRef};
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

/// A line of a classic filter: code, jump if true, jump if false, operand.
type Line = (u32, u8, u8, u32);

const LOAD_HALF: u32 = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const LOAD_WORD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
/// Offset of the type in a netlink header.
const KIND: u32 = 4;

/// What can be said by port and content.
fn by_port(port: u32) -> [Line; 17] {
    // Loads are big-endian, netlink is in host order. Jumps count from the next line.
    [
        (LOAD_HALF, 0, 0, KIND),
        (EQUAL, 11, 0, u32::from(RTM_NEWNEIGH.to_be())),
        (EQUAL, 1, 0, u32::from(RTM_NEWROUTE.to_be())),
        (EQUAL, 0, 12, u32::from(RTM_DELROUTE.to_be())),
        // `rtm_table`, the fifth octet after the header.
        (LOAD_BYTE, 0, 0, 20),
        (EQUAL, 9, 0, RT_TABLE_MAIN),
        (EQUAL, 8, 0, RT_TABLE_LOCAL),
        (LOAD_HALF, 0, 0, KIND),
        (EQUAL, 7, 0, u32::from(RTM_DELROUTE.to_be())),
        // `rtm_protocol` and `rtm_type`.
        (LOAD_BYTE, 0, 0, 21),
        (EQUAL, 0, 5, u32::from(RTPROT_BGP)),
        (LOAD_BYTE, 0, 0, 23),
        (EQUAL, 3, 0, u32::from(RTN_UNREACHABLE)),
        (LOAD_WORD, 0, 0, 12),
        (EQUAL, 0, 1, port.to_be()),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, u32::MAX),
    ]
}

/// `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
struct Instruction {
    code: u8,
    registers: u8,
    offset: i16,
    operand: i32,
}

/// Codes of eBPF beyond those of the classic form (linux/bpf.h).
mod code {
    pub const MOVE_64_REGISTER: u8 = 0xbf;
    pub const MOVE_64: u8 = 0xb7;
    pub const MOVE_32: u8 = 0xb4;
    pub const ADD_64: u8 = 0x07;
    pub const AND_32: u8 = 0x54;
    pub const LOAD_64: u8 = 0x18;
    pub const LOAD_WORD_AT: u8 = 0x61;
    pub const EQUAL_32: u8 = 0x16;
    pub const UNEQUAL_32: u8 = 0x56;
    pub const JUMP: u8 = 0x05;
    pub const CALL: u8 = 0x85;
    pub const EXIT: u8 = 0x95;
}

/// `bpf_get_ns_current_pid_tgid`
const WHO: i32 = 120;
const STACK: u8 = 10;

fn line(code: u8, to: u8, from: u8, offset: i16, operand: i32) -> Instruction {
    let registers = if cfg!(target_endian = "little") { to | from << 4 } else { to << 4 | from };
    Instruction { code, registers, offset, operand }
}

fn number(bits: u32) -> i32 {
    i32::from_ne_bytes(bits.to_ne_bytes())
}

/// A number of 64 bits takes two instructions.
fn wide(to: u8, value: u64) -> [Instruction; 2] {
    let low = u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0);
    let high = u32::try_from(value >> 32).unwrap_or(0);
    [line(code::LOAD_64, to, 0, 0, number(low)), line(0, 0, 0, 0, number(high))]
}

/// How many instructions a line of the classic form becomes.
fn length(line: &Line) -> i16 {
    if matches!(line.0, LOAD_HALF | LOAD_BYTE | LOAD_WORD) { 1 } else { 2 }
}

/// The classic form in the new one.
fn translated(lines: &[Line]) -> Vec<Instruction> {
    let mut program = Vec::new();
    for (at, classic @ (kind, is, is_not, operand)) in lines.iter().copied().enumerate() {
        let over = |count: u8| lines.iter().skip(at + 1).take(count.into()).map(length).sum::<i16>();
        match length(&classic) {
            1 => program.push(line(u8::try_from(kind).unwrap_or(0), 0, 0, 0, number(operand))),
            _ if kind == EQUAL => program.extend([
                line(code::EQUAL_32, 0, 0, 1 + over(is), number(operand)),
                line(code::JUMP, 0, 0, over(is_not), 0),
            ]),
            _ => {
                program.extend([line(code::MOVE_32, 0, 0, 0, number(operand)), line(code::EXIT, 0, 0, 0, 0)])
            }
        }
    }
    program
}

/// The whole program; `namespace`: device and inode of our PID namespace, `process`: our number in it.
fn program(lines: &[Line], namespace: (u64, u64), process: u32) -> Vec<Instruction> {
    let load = |kind: u32, at: u32| line(u8::try_from(kind).unwrap_or(0), 0, 0, 0, number(at));
    let mut own = vec![
        load(LOAD_HALF, KIND),
        line(code::UNEQUAL_32, 0, 0, OTHER, number(u32::from(RTM_NEWNEIGH.to_be()))),
        // `ndm_family`, `ndm_flags` and `ndm_state`.
        load(LOAD_BYTE, 16),
        line(code::UNEQUAL_32, 0, 0, OTHER, i32::from(AF_BRIDGE)),
        load(LOAD_BYTE, 26),
        line(code::AND_32, 0, 0, 0, i32::from(NTF_EXT_LEARNED)),
        line(code::EQUAL_32, 0, 0, OTHER, 0),
        load(LOAD_HALF, 24),
        line(code::AND_32, 0, 0, 0, number(u32::from(NUD_PERMANENT.to_be()))),
        line(code::UNEQUAL_32, 0, 0, OTHER, 0),
    ];
    own.extend(wide(1, namespace.0));
    own.extend(wide(2, namespace.1));
    own.extend([
        line(code::MOVE_64_REGISTER, 3, STACK, 0, 0),
        line(code::ADD_64, 3, 0, 0, -8),
        line(code::MOVE_64, 4, 0, 0, 8),
        line(code::CALL, 0, 0, 0, WHO),
        line(code::UNEQUAL_32, 0, 0, OTHER, 0),
        // `struct bpf_pidns_info`: the thread, the process.
        line(code::LOAD_WORD_AT, 0, STACK, -4, 0),
        line(code::UNEQUAL_32, 0, 0, OTHER, number(process)),
        line(code::MOVE_32, 0, 0, 0, 0),
        line(code::EXIT, 0, 0, 0, 0),
    ]);
    // What is not our own FDB entry goes on behind all this.
    let end = own.len();
    for (at, instruction) in own.iter_mut().enumerate() {
        if instruction.offset == OTHER {
            instruction.offset = i16::try_from(end - at - 1).unwrap_or(0);
        }
    }
    // Loads look into what the sixth register points at.
    let mut program = vec![line(code::MOVE_64_REGISTER, 6, 1, 0, 0)];
    program.extend(own);
    program.extend(translated(lines));
    program
}

/// Stands for the way to the rules by port until its length is known.
const OTHER: i16 = i16::MAX;

/// The beginning of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;

#[allow(unsafe_code)]
fn load(program: &[Instruction]) -> io::Result<OwnedFd> {
    let request = Load {
        kind: BPF_PROG_TYPE_SOCKET_FILTER,
        count: u32::try_from(program.len()).unwrap_or(u32::MAX),
        instructions: program.as_ptr().addr() as u64,
        license: c"Apache-2.0".as_ptr().addr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    // SAFETY: the kernel reads `request`, the `count` instructions and the text that it points at; all live beyond the call.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, BPF_PROG_LOAD, &raw const request, size_of::<Load>()) };
    match i32::try_from(fd) {
        // SAFETY: a new descriptor, which nobody else knows.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

#[allow(unsafe_code)]
fn attach(socket: &impl AsFd, program: &OwnedFd) -> io::Result<()> {
    let (fd, length) = (program.as_raw_fd(), size_of::<libc::c_int>() as libc::socklen_t);
    // SAFETY: the kernel reads one c_int, which lives beyond the call.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_BPF,
            (&raw const fd).cast(),
            length,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What makes a monitor socket deaf to what a connection of this process writes. Loading the program needs a capability
/// (`CAP_BPF`) that the daemon gives up before it opens the monitor socket; attaching it needs none.
#[derive(Debug)]
pub struct Deafness {
    port: u32,
    program: Option<OwnedFd>,
}

impl Deafness {
    /// To what `port` writes; with the program if this kernel and this process's rights allow it.
    pub fn prepare(port: u32) -> Self {
        let namespace = std::fs::metadata("/proc/self/ns/pid").map(|data| (data.dev(), data.ino()));
        let program = namespace
            .and_then(|namespace| load(&program(&by_port(port), namespace, std::process::id())))
            .inspect_err(|error| {
                tracing::debug!("no eBPF filter ({error}): our own FDB entries are heard, too");
            });
        Deafness { port, program: program.ok() }
    }

    /// Whether our own FDB entries are kept out, too.
    pub fn has_program(&self) -> bool {
        self.program.is_some()
    }

    /// # Errors
    /// What the kernel says to the classic filter. That it does not take the program is no error.
    pub(super) fn apply(&self, socket: &impl AsFd) -> io::Result<()> {
        match self.program.as_ref().map(|program| attach(socket, program)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(error)) => {
                tracing::info!("no eBPF filter ({error}): our own FDB entries are heard, too")
            }
            None => {}
        }
        let filter = by_port(self.port).map(|(code, is, is_not, operand)| {
            SockFilter::new(u16::try_from(code).unwrap_or(0), is, is_not, operand)
        });
        SockRef::from(socket).attach_filter(&filter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::encode::{Op, Query, Target};
    use crate::netlink::neighbour::NeighbourMessage;
    use crate::netlink::socket::{Connection, Monitor, RequestError};
    use crate::snoop::tests::namespace::Namespace;
    use nix::errno::Errno;
    use std::process::Command;
    use weft_evpn::MacAddr;

    fn mac(last: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, last])
    }

    /// FDB entries that were said to be there.
    fn heard(monitor: &mut Monitor) -> Vec<NeighbourMessage> {
        let mut messages = Vec::new();
        let each = |header: crate::netlink::attribute::Header, payload: &[u8]| {
            let message = NeighbourMessage::parse(payload).filter(|_| header.kind == RTM_NEWNEIGH);
            messages.extend(message.filter(|message| message.family == AF_BRIDGE));
        };
        monitor.read(each).unwrap();
        messages
    }

    #[test]
    fn only_marked_entries_of_our_own_are_not_heard() {
        let namespace = Namespace::new();
        namespace.ip("link add br0 type bridge
             link add vx0 type vxlan id 5 local 10.0.0.1 dstport 4789 nolearning
             link set vx0 master br0 up
             link set br0 up");
        let vxlan = namespace.ifindex("vx0");
        let (mut connection, mut monitor) = namespace.run(|| {
            let connection = Connection::open().unwrap();
            let monitor = Monitor::open(1 << 20, Some(&Deafness::prepare(connection.port()))).unwrap();
            (connection, monitor)
        });
        let target = Target::Address([10, 0, 0, 2].into());
        connection.write(&[Op::BothSet { vxlan, mac: mac(1), target }]).unwrap();
        assert!(connection.refusals().is_empty(), "{:?}", connection.refusals());
        let data = std::fs::metadata("/proc/self/ns/pid").unwrap();
        let takes_programs = load(&program(&by_port(1), (data.dev(), data.ino()), 1)).is_ok();
        let expected = if takes_programs { 0 } else { 2 };
        assert_eq!(heard(&mut monitor).len(), expected, "of our own");
        // The end of the list of a flood entry's flags is the kernel's to say.
        connection.write(&[Op::FloodAdd { vxlan, vtep: [10, 0, 0, 3].into() }]).unwrap();
        assert_eq!(heard(&mut monitor).len(), 1, "a flood entry");
        let others = "fdb replace 02:00:00:00:00:02 dev vx0 master dynamic extern_learn";
        let done = namespace.run(move || Command::new("bridge").args(others.split(' ')).status().unwrap());
        assert!(done.success());
        let messages = heard(&mut monitor);
        assert!(matches!(messages.as_slice(), [one] if one.mac == Some(mac(2))), "{messages:?}");
        connection.write(&[Op::BothDelete { vxlan, mac: mac(1) }]).unwrap();
        assert!(connection.refusals().is_empty(), "{:?}", connection.refusals());
        assert_eq!(heard(&mut monitor).len(), 0);

        let mut found = Vec::new();
        let query = |last| Query::BridgeEntry { port: vxlan, mac: mac(last), vlan: None };
        connection.query(query(2), |_, payload| found.extend(NeighbourMessage::parse(payload))).unwrap();
        let [entry] = found.as_slice() else { panic!("{found:?}") };
        assert!(entry.ifindex == vxlan && entry.has(NTF_EXT_LEARNED) && !entry.has(NTF_SELF), "{entry:?}");
        let refused = connection.query(query(1), |_, _| {});
        assert!(matches!(refused, Err(RequestError::Refused(error)) if error.errno == Errno::ENOENT));
    }
}
