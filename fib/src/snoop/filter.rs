//! The classic BPF program that lets through ARP and ICMPv6 neighbour solicitations and
//! advertisements, and nothing else. It runs for every frame of every interface, so all
//! other traffic leaves it after a handful of instructions.
//!
//! The kernel moves an outer VLAN tag out of the frame before packet sockets see it. Where a
//! tag is still there (the second of two), the program looks behind it.

use socket2::SockFilter;

/// Octets of a frame that we want. A solicitation with every option that exists has 130.
pub(super) const SNAP_LENGTH: usize = 256;

// Instruction codes of <linux/bpf_common.h>.
const LOAD_OCTET_AT_X: u16 = 0x50;
const LOAD_HALF: u16 = 0x28;
const LOAD_HALF_AT_X: u16 = 0x48;
const LOAD_X: u16 = 0x01;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;

const ETHERTYPE: u32 = 12;
const IPV6_NEXT_HEADER: u32 = 14 + 6;
const ICMPV6_TYPE: u32 = 14 + 40;
const TAG: u32 = 4;

const ARP: u32 = 0x0806;
const IPV6: u32 = 0x86dd;
const VLAN: u32 = 0x8100;
const SERVICE_VLAN: u32 = 0x88a8;
const ICMPV6: u32 = 58;
const NEIGHBOUR_SOLICITATION: u32 = 135;
const NEIGHBOUR_ADVERTISEMENT: u32 = 136;

/// The program. Jumps count from the instruction after them.
pub(super) fn program() -> [SockFilter; 17] {
    let load = |code, offset| SockFilter::new(code, 0, 0, offset);
    let equal = |value, yes, no| SockFilter::new(JUMP_IF_EQUAL, yes, no, value);
    let accept = |octets| SockFilter::new(RETURN, 0, 0, octets);
    let snap = u32::try_from(SNAP_LENGTH).unwrap_or(0);
    [
        load(LOAD_X, 0),
        load(LOAD_HALF, ETHERTYPE),
        equal(ARP, 12, 0),
        equal(IPV6, 6, 0),
        equal(VLAN, 1, 0),
        equal(SERVICE_VLAN, 0, 10),
        // 6: a tag is still in the frame
        load(LOAD_X, TAG),
        load(LOAD_HALF_AT_X, ETHERTYPE),
        equal(ARP, 6, 0),
        equal(IPV6, 0, 6),
        // 10: IPv6
        load(LOAD_OCTET_AT_X, IPV6_NEXT_HEADER),
        equal(ICMPV6, 0, 4),
        load(LOAD_OCTET_AT_X, ICMPV6_TYPE),
        equal(NEIGHBOUR_SOLICITATION, 1, 0),
        equal(NEIGHBOUR_ADVERTISEMENT, 0, 1),
        // 15: ours, 16: not ours
        accept(snap),
        accept(0),
    ]
}
