//! Path attributes (RFC 4271 §4.3, §5). One file per attribute that has a syntax of its own.

use std::net::{IpAddr, Ipv4Addr};
use weft_evpn::{ExtendedCommunity, pmsi::PmsiTunnel};

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

/// A segment of an AS_PATH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AsSegment {
    /// What the numbers mean.
    pub kind: AsSegmentKind,
    /// 1 to 255 AS numbers on the wire.
    pub asns: Vec<u32>,
}

/// The kinds of AS_PATH segments (RFC 4271 §4.3, RFC 5065 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsSegmentKind {
    /// AS_SET, counts 1.
    Set,
    /// AS_SEQUENCE, counts one each.
    Sequence,
    /// AS_CONFED_SEQUENCE, does not count.
    ConfedSequence,
    /// AS_CONFED_SET, does not count.
    ConfedSet,
}

/// AS_PATH.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AsPath(pub Vec<AsSegment>);

/// AGGREGATOR (RFC 4271 §5.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Aggregator {
    /// The aggregating AS.
    pub asn: u32,
    /// The aggregating speaker.
    pub router_id: Ipv4Addr,
}

/// An attribute that Weft does not interpret. Optional transitive ones are passed on with the
/// partial bit set (RFC 4271 §5); others stay here.
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
    /// The rest, sorted by type code.
    pub unknown: Vec<RawAttribute>,
}

impl AsPath {
    /// The length by which paths are compared (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3).
    pub fn length(&self) -> u32 {
        self.0
            .iter()
            .map(|segment| match segment.kind {
                AsSegmentKind::Sequence => u32::try_from(segment.asns.len()).unwrap_or(u32::MAX),
                AsSegmentKind::Set => 1,
                AsSegmentKind::ConfedSequence | AsSegmentKind::ConfedSet => 0,
            })
            .fold(0, u32::saturating_add)
    }

    /// How often `asn` occurs.
    pub fn count(&self, asn: u32) -> usize {
        self.0.iter().flat_map(|segment| &segment.asns).filter(|&&other| other == asn).count()
    }

    /// The neighbouring AS: the first of the first sequence.
    pub fn neighbour(&self) -> Option<u32> {
        match self
            .0
            .iter()
            .find(|s| !matches!(s.kind, AsSegmentKind::ConfedSequence | AsSegmentKind::ConfedSet))
        {
            Some(AsSegment { kind: AsSegmentKind::Sequence, asns }) => asns.first().copied(),
            _ => None,
        }
    }
}
