//! Path attributes (RFC 4271 §4.3, §5). One file per attribute that has a syntax of its own;
//! `code` is the table of those that are known, `decode` and `encode` read and write a set.

mod aggregator;
mod as_path;
pub mod code;
mod community;
mod decode;
mod domain_path;
mod encode;
pub(super) mod multiprotocol;
mod tunnel_encapsulation;

pub use aggregator::Aggregator;
pub use as_path::{AsPath, AsSegment, AsSegmentKind};
pub(super) use decode::{Collector, Fault, check_flags};
pub use domain_path::{DPath, IsfSafi, PathDomain};
pub(super) use encode::emit_set;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::{ExtendedCommunity, pmsi::PmsiTunnel};

/// Why the value of an attribute was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Its length is not one that the attribute can have.
    Length,
    /// Its content: `has an empty segment`.
    Value(&'static str),
}

/// ORIGIN (RFC 4271 §5.1.1); the order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Origin {
    /// 0, from an IGP. Routes that Weft originates have it.
    #[default]
    Igp,
    /// 1, from EGP.
    Egp,
    /// 2, by other means.
    Incomplete,
}

/// An attribute that Weft does not interpret: optional and transitive, so it is passed on as
/// it stands here. Types that Weft does not know have got the partial bit (RFC 4271 §5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RawAttribute {
    /// Flags as received (extended-length bit cleared).
    pub flags: u8,
    /// Type code.
    pub code: u8,
    /// Value.
    pub value: Vec<u8>,
}

/// All attributes of a route but its NLRI. Interned by the RIB: routes share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AttributeSet {
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH, AS4_PATH already merged (RFC 6793 §4.2.3).
    pub as_path: AsPath,
    /// The next hop: of MP_REACH_NLRI, else NEXT_HOP.
    pub next_hop: Option<IpAddr>,
    /// The link-local address that came behind a global next hop (RFC 2545 §3).
    pub link_local_next_hop: Option<Ipv6Addr>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE.
    pub atomic_aggregate: bool,
    /// AGGREGATOR.
    pub aggregator: Option<Aggregator>,
    /// COMMUNITIES (RFC 1997).
    pub communities: Vec<u32>,
    /// ORIGINATOR_ID (RFC 4456).
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST, nearest first (RFC 4456).
    pub cluster_list: Vec<Ipv4Addr>,
    /// EXTENDED COMMUNITIES (RFC 4360), in the order received.
    pub ext_communities: Vec<ExtendedCommunity>,
    /// PMSI Tunnel (RFC 6514 §5).
    pub pmsi: Option<PmsiTunnel>,
    /// LARGE_COMMUNITY (RFC 8092).
    pub large_communities: Vec<[u32; 3]>,
    /// IPv6-address-specific extended communities (RFC 5701), 20 octets each.
    pub ipv6_ext_communities: Vec<[u8; 20]>,
    /// D-PATH (RFC 10039 §4).
    pub d_path: Option<DPath>,
    /// The rest, sorted by type code.
    pub unknown: Vec<RawAttribute>,
    /// The known attributes that came with the partial bit and keep it (RFC 4271 §5): bit
    /// N for type code N.
    pub partial: u64,
}

impl AttributeSet {
    /// What it costs on the heap behind an `Arc`, its own vectors included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + 16
            + (self.as_path.0.iter())
                .map(|segment| size_of_val(segment) + segment.asns.capacity() * 4)
                .sum::<usize>()
            + self.communities.capacity() * 4
            + self.cluster_list.capacity() * 4
            + self.ext_communities.capacity() * 8
            + self.pmsi.as_ref().map_or(0, |pmsi| pmsi.identifier.capacity())
            + self.large_communities.capacity() * 12
            + self.ipv6_ext_communities.capacity() * 20
            + self.d_path.as_ref().map_or(0, |path| size_of_val(path.domains()))
            + (self.unknown.iter())
                .map(|unknown| size_of_val(unknown) + unknown.value.capacity())
                .sum::<usize>()
    }
}

impl Origin {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Igp,
            1 => Self::Egp,
            2 => Self::Incomplete,
            _ => return None,
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Igp => 0,
            Self::Egp => 1,
            Self::Incomplete => 2,
        }
    }
}
