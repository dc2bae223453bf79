//! One `Op` is one message that changes the kernel, or asks it for one entry. Batches of them go to the
//! kernel in one system call, with an acknowledgement asked for the last only.

use super::attribute::MessageBuffer;
use super::constants::*;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;
use weft_evpn::{MacAddr, Vni};

/// A batch ends when the next message could pass this size: the measured optimum (crates-and-netlink.md).
pub const MAX_BATCH_BYTES: usize = 16 * 1024;
/// At most as many messages, since each may be answered by an error and about 256 answers fit the socket.
pub const MAX_BATCH_MESSAGES: usize = 250;
/// No message of ours is longer, but for the members of a group.
const MAX_MESSAGE: usize = 128;
/// Most members that a group of ours has: more than any ECMP set, and no batch is passed by one message.
pub const MAX_MEMBERS: usize = 512;
/// Metric of our routes. Routes of an operator who gives no metric (0 in IPv4, 1024 in IPv6) and connected ones (0 and
/// 256) go before ours, a floating route of high metric goes behind.
pub const METRIC_IPV4: u32 = 20;
/// See [`METRIC_IPV4`].
pub const METRIC_IPV6: u32 = 2048;

/// Where a vxlan FDB entry sends its frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A group of FDB nexthops (`NDA_NH_ID`).
    Nexthop(u32),
    /// The VTEP itself (`NDA_DST`).
    Address(IpAddr),
}

/// Whether an entry that is already there is taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Fail with `EEXIST`.
    Create,
    /// Replace it.
    Replace,
}

impl Mode {
    fn flags(self) -> u16 {
        match self {
            Mode::Create => NLM_F_CREATE | NLM_F_EXCL,
            Mode::Replace => NLM_F_CREATE | NLM_F_REPLACE,
        }
    }
}

/// Where a route of ours leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RouteTarget {
    /// A nexthop object (`RTA_NH_ID`).
    Nexthop(u32),
    /// Nowhere (`RTN_BLACKHOLE`).
    Discard,
}

/// Where an FDB entry stands on a vxlan device for many VNIs, and in the FDB of its bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tunnel {
    /// The VNI.
    pub vni: Vni,
    /// The VLAN that is mapped to it.
    pub vlan: u16,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Op {
    /// Entry of a remote MAC in a vxlan FDB. `Replace` cannot turn an address into a nexthop or back.
    VxlanSet { vxlan: u32, mac: MacAddr, target: Target, mode: Mode },
    /// Removes it, whatever it points at.
    VxlanDelete { vxlan: u32, mac: MacAddr },
    /// Entry of a remote MAC in the bridge FDB, on the vxlan port, externally learned. Moves an entry that is
    /// on another port.
    BridgeSet { port: u32, mac: MacAddr },
    /// Makes an entry of ours sticky (static) or ordinary. Separate from `BridgeSet`, because the kernel
    /// ignores `NTF_STICKY` beside `NTF_EXT_LEARNED`; the mark stays.
    BridgeSticky { port: u32, mac: MacAddr, sticky: bool },
    /// Removes a bridge FDB entry if it is on this port.
    BridgeDelete { port: u32, mac: MacAddr },
    /// A new remote MAC in the bridge FDB and in the vxlan FDB, in this order and under one lock: half the messages of a
    /// load. When it is refused, the first part may have been done.
    BothSet { vxlan: u32, mac: MacAddr, target: Target },
    /// Removes both, in the same order. When it is refused, the first part may have been done.
    BothDelete { vxlan: u32, mac: MacAddr },
    /// Adds a VTEP to the flood list.
    FloodAdd { vxlan: u32, vtep: IpAddr },
    /// Takes a VTEP off the flood list.
    FloodDelete { vxlan: u32, vtep: IpAddr },
    /// Neighbour on the bridge, not resolved by the kernel.
    NeighbourSet { bridge: u32, ip: IpAddr, mac: MacAddr, router: bool },
    /// Removes it.
    NeighbourDelete { bridge: u32, ip: IpAddr },
    /// FDB nexthop of a VTEP.
    NexthopSet { id: u32, gateway: IpAddr, mode: Mode },
    /// Group with that nexthop as its one member; vxlan accepts groups only.
    GroupSet { id: u32, member: u32, mode: Mode },
    /// Removes a nexthop or a group.
    NexthopDelete { id: u32 },
    /// A next hop of routes: a gateway on a device, `onlink` where no subnet of the device holds it.
    HopSet { id: u32, device: u32, gateway: IpAddr, onlink: bool, mode: Mode },
    /// A group of such.
    HopGroupSet { id: u32, members: Arc<[u32]>, mode: Mode },
    /// A route in the table of an IP-VRF.
    RouteSet { table: u32, prefix: IpNet, target: RouteTarget, mode: Mode },
    /// Removes it if it is ours: protocol and metric must match.
    RouteDelete { table: u32, prefix: IpNet },
    /// The device answers ARP and ND for an address.
    ProxySet { device: u32, ip: IpAddr },
    /// It does so no more.
    ProxyDelete { device: u32, ip: IpAddr },
}

/// Metric of our route for a prefix.
pub fn metric_of(prefix: IpNet) -> u32 {
    if prefix.addr().is_ipv4() { METRIC_IPV4 } else { METRIC_IPV6 }
}

/// What the kernel is asked for: one entry, or all of a device or kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// All links.
    Links,
    /// One link.
    Link { ifindex: u32 },
    /// All addresses.
    Addresses,
    /// FDB of a bridge: its entries on every port, and the ports' own FDBs (vxlan).
    Fdb { bridge: Option<u32> },
    /// Neighbours of one device, or of all.
    Neighbours { family: u8, ifindex: Option<u32> },
    /// All nexthops.
    Nexthops,
    /// All bridge ports with their VLANs.
    BridgePorts,
    /// All rules.
    Rules,
    /// All routes of one family and protocol; of one kind (`RTN_…`), or with 0 of all.
    RoutesBy { family: u8, protocol: u8, kind: u8 },
    /// One vxlan FDB entry.
    VxlanEntry { vxlan: u32, mac: MacAddr },
    /// One entry of the FDB of the bridge that has this port.
    BridgeEntry { port: u32, mac: MacAddr, vlan: Option<u16> },
    /// One nexthop.
    Nexthop { id: u32 },
    /// FDB entries of one bridge port: those of the bridge and the port's own (vxlan); of a vxlan device that is no
    /// port its own.
    PortFdb { port: u32 },
    /// Addresses that a device answers for.
    Proxies { device: u32 },
    /// All routes of one table.
    Table { family: u8, table: u32 },
}

impl Query {
    /// Whether the answer is a dump, ended by `NLMSG_DONE`.
    pub fn is_dump(self) -> bool {
        !matches!(
            self,
            Query::Link { .. } | Query::VxlanEntry { .. } | Query::BridgeEntry { .. } | Query::Nexthop { .. }
        )
    }
}

fn ndmsg(family: u8, ifindex: u32, state: u16, flags: u8) -> [u8; 12] {
    let [a, b, c, d] = ifindex.to_ne_bytes();
    let [e, f] = state.to_ne_bytes();
    [family, 0, 0, 0, a, b, c, d, e, f, flags, 0]
}

/// `struct rtmsg`.
fn rtmsg(prefix: IpNet, table: u32, scope: u8, kind: u8) -> [u8; 12] {
    let short = u8::try_from(table).unwrap_or(RT_TABLE_COMPAT);
    [family_of(prefix.addr()), prefix.prefix_len(), 0, 0, short, RTPROT_BGP, scope, kind, 0, 0, 0, 0]
}

impl MessageBuffer {
    fn target(&mut self, target: Target) {
        match target {
            Target::Nexthop(id) => self.attribute(NDA_NH_ID, &id.to_ne_bytes()),
            Target::Address(vtep) => self.ip(NDA_DST, vtep),
        }
    }
}

fn family_of(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { AF_INET } else { AF_INET6 }
}

impl Op {
    /// Appends the message, with this sequence number.
    pub fn encode(&self, sequence: u32, to: &mut MessageBuffer) {
        let request = |flags: u16| flags | NLM_F_REQUEST;
        match *self {
            Op::VxlanSet { vxlan, mac, target, mode } => {
                to.begin(RTM_NEWNEIGH, request(mode.flags()), sequence);
                // vxlan refuses NUD_NOARP alone. REACHABLE beside it is what the bridge takes, too.
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, NUD_NOARP | NUD_REACHABLE, NTF_SELF | NTF_EXT_LEARNED));
                to.attribute(NDA_LLADDR, &mac.0);
                to.target(target);
            }
            Op::BothSet { vxlan, mac, target } => {
                // The bridge takes no heed of the state nor of NLM_F_EXCL where NTF_EXT_LEARNED is set.
                to.begin(RTM_NEWNEIGH, request(Mode::Create.flags()), sequence);
                let flags = NTF_SELF | NTF_MASTER | NTF_EXT_LEARNED;
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, NUD_NOARP | NUD_REACHABLE, flags));
                to.attribute(NDA_LLADDR, &mac.0);
                to.target(target);
            }
            Op::BothDelete { vxlan, mac } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, 0, NTF_SELF | NTF_MASTER));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Op::VxlanDelete { vxlan, mac } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, 0, NTF_SELF));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Op::BridgeSet { port, mac } => {
                to.begin(RTM_NEWNEIGH, request(NLM_F_CREATE | NLM_F_REPLACE), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, port, NUD_REACHABLE, NTF_MASTER | NTF_EXT_LEARNED));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Op::BridgeSticky { port, mac, sticky } => {
                to.begin(RTM_NEWNEIGH, request(NLM_F_REPLACE), sequence);
                let (state, flags) =
                    if sticky { (NUD_NOARP, NTF_MASTER | NTF_STICKY) } else { (NUD_REACHABLE, NTF_MASTER) };
                to.fixed(&ndmsg(AF_BRIDGE, port, state, flags));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Op::BridgeDelete { port, mac } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, port, 0, NTF_MASTER));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Op::FloodAdd { vxlan, vtep } => {
                to.begin(RTM_NEWNEIGH, request(NLM_F_CREATE | NLM_F_APPEND), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, NUD_NOARP | NUD_PERMANENT, NTF_SELF | NTF_EXT_LEARNED));
                to.attribute(NDA_LLADDR, &MacAddr::ZERO.0);
                to.ip(NDA_DST, vtep);
            }
            Op::FloodDelete { vxlan, vtep } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, 0, NTF_SELF));
                to.attribute(NDA_LLADDR, &MacAddr::ZERO.0);
                to.ip(NDA_DST, vtep);
            }
            Op::NeighbourSet { bridge, ip, mac, router } => {
                to.begin(RTM_NEWNEIGH, request(NLM_F_CREATE | NLM_F_REPLACE), sequence);
                let flags = NTF_EXT_LEARNED | if router { NTF_ROUTER } else { 0 };
                to.fixed(&ndmsg(family_of(ip), bridge, NUD_NOARP, flags));
                to.ip(NDA_DST, ip);
                to.attribute(NDA_LLADDR, &mac.0);
                to.attribute(NDA_PROTOCOL, &[RTPROT_BGP]);
            }
            Op::NeighbourDelete { bridge, ip } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(family_of(ip), bridge, 0, 0));
                to.ip(NDA_DST, ip);
            }
            Op::NexthopSet { id, gateway, mode } => {
                to.begin(RTM_NEWNEXTHOP, request(mode.flags()), sequence);
                to.fixed(&[family_of(gateway), 0, RTPROT_BGP, 0, 0, 0, 0, 0]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
                to.ip(NHA_GATEWAY, gateway);
                to.attribute(NHA_FDB, &[]);
            }
            Op::GroupSet { id, member, mode } => {
                to.begin(RTM_NEWNEXTHOP, request(mode.flags()), sequence);
                to.fixed(&[AF_UNSPEC, 0, RTPROT_BGP, 0, 0, 0, 0, 0]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
                let [a, b, c, d] = member.to_ne_bytes();
                to.attribute(NHA_GROUP, &[a, b, c, d, 0, 0, 0, 0]);
                to.attribute(NHA_FDB, &[]);
            }
            Op::NexthopDelete { id } => {
                to.begin(RTM_DELNEXTHOP, request(0), sequence);
                to.fixed(&[0; 8]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
            }
            Op::HopSet { id, device, gateway, onlink, mode } => {
                to.begin(RTM_NEWNEXTHOP, request(mode.flags()), sequence);
                let [a, b, c, d] = if onlink { RTNH_F_ONLINK } else { 0 }.to_ne_bytes();
                to.fixed(&[family_of(gateway), 0, RTPROT_BGP, 0, a, b, c, d]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
                to.ip(NHA_GATEWAY, gateway);
                to.attribute(NHA_OIF, &device.to_ne_bytes());
            }
            Op::HopGroupSet { id, ref members, mode } => {
                to.begin(RTM_NEWNEXTHOP, request(mode.flags()), sequence);
                to.fixed(&[AF_UNSPEC, 0, RTPROT_BGP, 0, 0, 0, 0, 0]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
                let member = |id: &u32| {
                    let [a, b, c, d] = id.to_ne_bytes();
                    [a, b, c, d, 0, 0, 0, 0]
                };
                let group: Vec<u8> = members.iter().take(MAX_MEMBERS).flat_map(member).collect();
                to.attribute(NHA_GROUP, &group);
            }
            Op::RouteSet { table, prefix, target, mode } => {
                to.begin(RTM_NEWROUTE, request(mode.flags()), sequence);
                let kind = match target {
                    RouteTarget::Nexthop(_) => RTN_UNICAST,
                    RouteTarget::Discard => RTN_BLACKHOLE,
                };
                to.fixed(&rtmsg(prefix, table, RT_SCOPE_UNIVERSE, kind));
                to.ip(RTA_DST, prefix.addr());
                to.attribute(RTA_PRIORITY, &metric_of(prefix).to_ne_bytes());
                to.attribute(RTA_TABLE, &table.to_ne_bytes());
                if let RouteTarget::Nexthop(id) = target {
                    to.attribute(RTA_NH_ID, &id.to_ne_bytes());
                }
            }
            Op::RouteDelete { table, prefix } => {
                to.begin(RTM_DELROUTE, request(0), sequence);
                to.fixed(&rtmsg(prefix, table, RT_SCOPE_NOWHERE, 0));
                to.ip(RTA_DST, prefix.addr());
                to.attribute(RTA_PRIORITY, &metric_of(prefix).to_ne_bytes());
                to.attribute(RTA_TABLE, &table.to_ne_bytes());
            }
            Op::ProxySet { device, ip } => {
                to.begin(RTM_NEWNEIGH, request(NLM_F_CREATE | NLM_F_REPLACE), sequence);
                to.fixed(&ndmsg(family_of(ip), device, NUD_PERMANENT, NTF_PROXY));
                to.ip(NDA_DST, ip);
                to.attribute(NDA_PROTOCOL, &[RTPROT_BGP]);
            }
            Op::ProxyDelete { device, ip } => {
                to.begin(RTM_DELNEIGH, request(0), sequence);
                to.fixed(&ndmsg(family_of(ip), device, 0, NTF_PROXY));
                to.ip(NDA_DST, ip);
            }
        }
        to.end();
    }

    /// The same on a vxlan device for many VNIs.
    pub fn encode_in(&self, tunnel: Option<Tunnel>, sequence: u32, to: &mut MessageBuffer) {
        self.encode(sequence, to);
        let Some(tunnel) = tunnel else { return };
        match self {
            Op::VxlanSet { .. } | Op::VxlanDelete { .. } | Op::FloodAdd { .. } | Op::FloodDelete { .. } => {
                to.attribute(NDA_SRC_VNI, &tunnel.vni.get().to_ne_bytes());
            }
            Op::BridgeSet { .. } | Op::BridgeSticky { .. } | Op::BridgeDelete { .. } => {
                to.attribute(NDA_VLAN, &tunnel.vlan.to_ne_bytes());
            }
            // Each table reads its own.
            Op::BothSet { .. } | Op::BothDelete { .. } => {
                to.attribute(NDA_SRC_VNI, &tunnel.vni.get().to_ne_bytes());
                to.attribute(NDA_VLAN, &tunnel.vlan.to_ne_bytes());
            }
            _ => return,
        }
        to.end();
    }

    /// Whether this message fits a batch that already has `count` messages.
    pub fn fits(&self, buffer: &MessageBuffer, count: usize) -> bool {
        let longer = match self {
            Op::HopGroupSet { members, .. } => members.len().min(MAX_MEMBERS) * 8,
            _ => 0,
        };
        count < MAX_BATCH_MESSAGES && buffer.bytes().len() + MAX_MESSAGE + longer <= MAX_BATCH_BYTES
    }
}

impl Query {
    /// Appends the request, with this sequence number. The socket must have strict checking on.
    pub fn encode(&self, sequence: u32, to: &mut MessageBuffer) {
        let flags = NLM_F_REQUEST | if self.is_dump() { NLM_F_DUMP } else { 0 };
        let ifinfomsg = |ifindex: u32| {
            let [a, b, c, d] = ifindex.to_ne_bytes();
            [AF_UNSPEC, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]
        };
        match *self {
            Query::Links => {
                to.begin(RTM_GETLINK, flags, sequence);
                to.fixed(&ifinfomsg(0));
            }
            Query::Link { ifindex } => {
                to.begin(RTM_GETLINK, flags, sequence);
                to.fixed(&ifinfomsg(ifindex));
            }
            Query::Addresses => {
                to.begin(RTM_GETADDR, flags, sequence);
                to.fixed(&[0; 8]);
            }
            Query::Fdb { bridge } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(AF_BRIDGE, 0, 0, 0));
                if let Some(bridge) = bridge {
                    to.attribute(NDA_MASTER, &bridge.to_ne_bytes());
                }
            }
            Query::Neighbours { family, ifindex } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(family, 0, 0, 0));
                if let Some(ifindex) = ifindex {
                    to.attribute(NDA_IFINDEX, &ifindex.to_ne_bytes());
                }
            }
            Query::Nexthops => {
                to.begin(RTM_GETNEXTHOP, flags, sequence);
                to.fixed(&[0; 8]);
            }
            Query::BridgePorts => {
                to.begin(RTM_GETLINK, flags, sequence);
                to.fixed(&[AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
                to.attribute(IFLA_EXT_MASK, &RTEXT_FILTER_BRVLAN_COMPRESSED.to_ne_bytes());
            }
            Query::Rules => {
                to.begin(RTM_GETRULE, flags, sequence);
                to.fixed(&[0; 12]);
            }
            Query::RoutesBy { family, protocol, kind } => {
                to.begin(RTM_GETROUTE, flags, sequence);
                to.fixed(&[family, 0, 0, 0, 0, protocol, 0, kind, 0, 0, 0, 0]);
            }
            Query::VxlanEntry { vxlan, mac } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(AF_BRIDGE, vxlan, 0, NTF_SELF));
                to.attribute(NDA_LLADDR, &mac.0);
            }
            Query::BridgeEntry { port, mac, vlan } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(AF_BRIDGE, port, 0, NTF_MASTER));
                to.attribute(NDA_LLADDR, &mac.0);
                if let Some(vlan) = vlan {
                    to.attribute(NDA_VLAN, &vlan.to_ne_bytes());
                }
            }
            Query::Nexthop { id } => {
                to.begin(RTM_GETNEXTHOP, flags, sequence);
                to.fixed(&[0; 8]);
                to.attribute(NHA_ID, &id.to_ne_bytes());
            }
            Query::PortFdb { port } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(AF_BRIDGE, port, 0, 0));
            }
            Query::Proxies { device } => {
                to.begin(RTM_GETNEIGH, flags, sequence);
                to.fixed(&ndmsg(AF_UNSPEC, 0, 0, NTF_PROXY));
                to.attribute(NDA_IFINDEX, &device.to_ne_bytes());
            }
            Query::Table { family, table } => {
                to.begin(RTM_GETROUTE, flags, sequence);
                let short = u8::try_from(table).unwrap_or(RT_TABLE_COMPAT);
                to.fixed(&[family, 0, 0, 0, short, 0, 0, 0, 0, 0, 0, 0]);
                to.attribute(RTA_TABLE, &table.to_ne_bytes());
            }
        }
        to.end();
    }
}
