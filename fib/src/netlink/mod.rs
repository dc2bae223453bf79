//! Netlink as the fast path needs it: own encoding of FDB, neighbour, nexthop and route messages into reused
//! buffers, a decoder for the same that allocates next to nothing, and the sockets. Links and addresses go through
//! netlink-packet-route (`link`).
//!
//! Numbers are those of linux/rtnetlink.h, neighbour.h and nexthop.h; libc names only some of them.
//! Does not do: VNI filters.

pub mod attribute;
pub mod deaf;
pub mod encode;
pub mod link;
pub mod neighbour;
pub mod nexthop;
pub mod nftables;
pub mod route;
pub mod rule;
pub mod socket;
mod sys;
pub mod table;
#[cfg(test)]
mod tests;

/// Reads whatever is in a datagram as the service would, and forgets it: for fuzzing. Must not panic.
pub fn read_all(datagram: &[u8]) {
    for (header, payload) in attribute::Messages::new(datagram) {
        match header.kind {
            constants::RTM_NEWNEIGH | constants::RTM_DELNEIGH => {
                neighbour::NeighbourMessage::parse(payload);
            }
            constants::RTM_NEWNEXTHOP | constants::RTM_DELNEXTHOP => {
                nexthop::NexthopMessage::parse(payload);
            }
            constants::RTM_NEWROUTE | constants::RTM_DELROUTE => {
                route::RouteMessage::table_of(payload);
                route::RouteMessage::parse(payload);
                table::TableRoute::may_be(payload);
            }
            constants::RTM_NEWLINK | constants::RTM_DELLINK => {
                // What cannot be read is an error, which is all that counts here.
                let _ = link::parse_link(header.kind, payload);
                link::parse_vlans(header.kind, payload);
            }
            constants::RTM_NEWADDR | constants::RTM_DELADDR => {
                link::parse_address(payload);
            }
            constants::RTM_NEWNETCONF => {
                link::parse_settings(payload);
            }
            constants::RTM_NEWRULE | constants::RTM_DELRULE => {
                rule::Rule::parse(payload);
            }
            constants::NLMSG_ERROR | constants::NLMSG_DONE => socket::read_answer(payload, header.flags),
            _ => {}
        }
    }
}

/// Message types, flags and attribute numbers.
pub mod constants {
    #![allow(missing_docs)]
    pub const NLMSG_NOOP: u16 = 1;
    pub const NLMSG_ERROR: u16 = 2;
    pub const NLMSG_DONE: u16 = 3;
    pub const NLMSG_OVERRUN: u16 = 4;
    pub const RTM_NEWLINK: u16 = 16;
    pub const RTM_DELLINK: u16 = 17;
    pub const RTM_GETLINK: u16 = 18;
    pub const RTM_NEWADDR: u16 = 20;
    pub const RTM_DELADDR: u16 = 21;
    pub const RTM_GETADDR: u16 = 22;
    pub const RTM_NEWROUTE: u16 = 24;
    pub const RTM_DELROUTE: u16 = 25;
    pub const RTM_GETROUTE: u16 = 26;
    pub const RTM_NEWNEIGH: u16 = 28;
    pub const RTM_DELNEIGH: u16 = 29;
    pub const RTM_GETNEIGH: u16 = 30;
    pub const RTM_NEWRULE: u16 = 32;
    pub const RTM_DELRULE: u16 = 33;
    pub const RTM_GETRULE: u16 = 34;
    pub const RTM_NEWNETCONF: u16 = 80;
    pub const RTM_NEWNEXTHOP: u16 = 104;
    pub const RTM_DELNEXTHOP: u16 = 105;
    pub const RTM_GETNEXTHOP: u16 = 106;

    pub const NLM_F_REQUEST: u16 = 0x001;
    pub const NLM_F_MULTI: u16 = 0x002;
    pub const NLM_F_ACK: u16 = 0x004;
    pub const NLM_F_DUMP_INTR: u16 = 0x010;
    pub const NLM_F_DUMP: u16 = 0x300;
    pub const NLM_F_REPLACE: u16 = 0x100;
    pub const NLM_F_EXCL: u16 = 0x200;
    pub const NLM_F_CREATE: u16 = 0x400;
    pub const NLM_F_APPEND: u16 = 0x800;
    /// In an error answer: the request is not repeated in it, only its header.
    pub const NLM_F_CAPPED: u16 = 0x100;
    /// In an error answer: attributes with the kernel's words follow.
    pub const NLM_F_ACK_TLVS: u16 = 0x200;
    pub const NLMSGERR_ATTR_MSG: u16 = 1;

    pub const AF_UNSPEC: u8 = 0;
    pub const AF_INET: u8 = 2;
    pub const AF_BRIDGE: u8 = 7;
    pub const AF_INET6: u8 = 10;

    pub const NETCONFA_IFINDEX: u16 = 1;

    pub const NDA_DST: u16 = 1;
    pub const NDA_LLADDR: u16 = 2;
    pub const NDA_VLAN: u16 = 5;
    pub const NDA_PORT: u16 = 6;
    pub const NDA_VNI: u16 = 7;
    pub const NDA_IFINDEX: u16 = 8;
    pub const NDA_MASTER: u16 = 9;
    pub const NDA_SRC_VNI: u16 = 11;
    pub const NDA_PROTOCOL: u16 = 12;
    pub const NDA_NH_ID: u16 = 13;

    pub const NUD_INCOMPLETE: u16 = 0x01;
    pub const NUD_REACHABLE: u16 = 0x02;
    pub const NUD_STALE: u16 = 0x04;
    pub const NUD_DELAY: u16 = 0x08;
    pub const NUD_PROBE: u16 = 0x10;
    pub const NUD_FAILED: u16 = 0x20;
    pub const NUD_NOARP: u16 = 0x40;
    pub const NUD_PERMANENT: u16 = 0x80;

    pub const NTF_SELF: u8 = 0x02;
    pub const NTF_MASTER: u8 = 0x04;
    pub const NTF_PROXY: u8 = 0x08;
    pub const NTF_EXT_LEARNED: u8 = 0x10;
    pub const NTF_STICKY: u8 = 0x40;
    pub const NTF_ROUTER: u8 = 0x80;

    pub const NHA_ID: u16 = 1;
    pub const NHA_GROUP: u16 = 2;
    pub const NHA_OIF: u16 = 5;
    pub const NHA_GATEWAY: u16 = 6;
    pub const NHA_FDB: u16 = 11;

    pub const IFLA_AF_SPEC: u16 = 26;
    pub const IFLA_EXT_MASK: u16 = 29;
    pub const RTEXT_FILTER_BRVLAN_COMPRESSED: u32 = 4;
    pub const IFLA_BRIDGE_VLAN_INFO: u16 = 2;
    pub const IFLA_BRIDGE_VLAN_TUNNEL_INFO: u16 = 3;
    pub const IFLA_BRIDGE_VLAN_TUNNEL_ID: u16 = 1;
    pub const IFLA_BRIDGE_VLAN_TUNNEL_VID: u16 = 2;
    pub const IFLA_BRIDGE_VLAN_TUNNEL_FLAGS: u16 = 3;
    pub const BRIDGE_VLAN_INFO_PVID: u16 = 0x02;
    pub const BRIDGE_VLAN_INFO_RANGE_BEGIN: u16 = 0x08;
    pub const BRIDGE_VLAN_INFO_RANGE_END: u16 = 0x10;

    pub const IFA_ADDRESS: u16 = 1;
    pub const IFA_LOCAL: u16 = 2;
    pub const IFA_FLAGS: u16 = 8;
    pub const IFA_PROTO: u16 = 11;
    pub const IFA_F_NODAD: u32 = 0x02;
    pub const IFA_F_NOPREFIXROUTE: u32 = 0x200;

    pub const FRA_DST: u16 = 1;
    pub const FRA_IIFNAME: u16 = 3;
    pub const FRA_PRIORITY: u16 = 6;
    pub const FRA_FWMARK: u16 = 10;
    pub const FRA_SUPPRESS_IFGROUP: u16 = 13;
    pub const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
    pub const FRA_TABLE: u16 = 15;
    pub const FRA_FWMASK: u16 = 16;
    pub const FRA_OIFNAME: u16 = 17;
    pub const FRA_PAD: u16 = 18;
    pub const FRA_L3MDEV: u16 = 19;
    pub const FRA_PROTOCOL: u16 = 21;
    pub const FR_ACT_TO_TBL: u8 = 1;
    pub const FR_ACT_UNREACHABLE: u8 = 7;
    pub const FIB_RULE_INVERT: u32 = 0x02;

    pub const RTA_DST: u16 = 1;
    pub const RTA_OIF: u16 = 4;
    pub const RTA_GATEWAY: u16 = 5;
    pub const RTA_PRIORITY: u16 = 6;
    pub const RTA_PREFSRC: u16 = 7;
    pub const RTA_MULTIPATH: u16 = 9;
    pub const RTA_TABLE: u16 = 15;
    pub const RTA_VIA: u16 = 18;
    pub const RTA_ENCAP: u16 = 22;
    pub const RTA_NH_ID: u16 = 30;

    pub const RTN_UNICAST: u8 = 1;
    pub const RTN_LOCAL: u8 = 2;
    pub const RTN_BLACKHOLE: u8 = 6;
    pub const RTN_UNREACHABLE: u8 = 7;
    pub const RTN_PROHIBIT: u8 = 8;
    /// `rtmsg.rtm_table` of a table whose number needs `RTA_TABLE`.
    pub const RT_TABLE_COMPAT: u8 = 252;
    pub const RT_TABLE_MAIN: u32 = 254;
    pub const RT_TABLE_LOCAL: u32 = 255;
    pub const RT_SCOPE_UNIVERSE: u8 = 0;
    pub const RT_SCOPE_LINK: u8 = 253;
    pub const RT_SCOPE_HOST: u8 = 254;
    /// In a deletion: whatever the scope.
    pub const RT_SCOPE_NOWHERE: u8 = 255;
    pub const RTNH_F_ONLINK: u32 = 4;
    /// A cached copy, no route of a table.
    pub const RTM_F_CLONED: u32 = 0x200;
    pub const RTPROT_KERNEL: u8 = 2;
    pub const RTPROT_BOOT: u8 = 3;
    pub const RTPROT_STATIC: u8 = 4;

    /// rtnetlink.h: routes, neighbours and nexthops that BGP put there.
    pub const RTPROT_BGP: u8 = 186;

    pub const RTNLGRP_LINK: u32 = 1;
    pub const RTNLGRP_NEIGH: u32 = 3;
    pub const RTNLGRP_IPV4_IFADDR: u32 = 5;
    pub const RTNLGRP_IPV4_ROUTE: u32 = 7;
    pub const RTNLGRP_IPV6_IFADDR: u32 = 9;
    pub const RTNLGRP_IPV4_RULE: u32 = 8;
    pub const RTNLGRP_IPV6_ROUTE: u32 = 11;
    pub const RTNLGRP_IPV6_RULE: u32 = 19;
    pub const RTNLGRP_IPV4_NETCONF: u32 = 24;
    pub const RTNLGRP_IPV6_NETCONF: u32 = 25;
    pub const RTNLGRP_NEXTHOP: u32 = 32;
}
