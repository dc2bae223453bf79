//! Address families as rows of one table: a new family is a row here and a codec for its
//! NLRI, nothing else. The RIB, the sessions and the shows know families only by this row.

use super::{
    membership,
    unicast::{self, PrefixError},
};
use std::fmt;
use weft_evpn::nlri;

/// A family that Weft exchanges routes of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 25, SAFI 70 (RFC 7432).
    L2vpnEvpn,
    /// AFI 1, SAFI 1: also in the fields of UPDATEs that are older than RFC 4760.
    Ipv4Unicast,
    /// AFI 2, SAFI 1 (RFC 2545).
    Ipv6Unicast,
    /// AFI 1, SAFI 132 (RFC 4684): not routes but which EVPN routes somebody asks for.
    RtFilter,
}

/// An NLRI cut into the part by which routes are told apart, and the rest.
pub type NlriParts = (nlri::NlriKey, nlri::NlriRest);

/// Why an NLRI could not be read; the session is reset (RFC 7606 §5.3) unless it can be skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NlriError {
    /// It is no EVPN route.
    #[error(transparent)]
    Evpn(#[from] nlri::NlriError),
    /// It is no prefix, or no membership.
    #[error(transparent)]
    Prefix(#[from] PrefixError),
}

impl NlriError {
    /// How many octets are to be passed over, where only this one route is as good as withdrawn.
    pub fn octets_to_skip(self) -> Option<usize> {
        match self {
            Self::Evpn(error) => error.octets_to_skip(),
            Self::Prefix(_) => None,
        }
    }
}

/// What the code must know of a family.
#[derive(Debug)]
pub struct FamilyRow {
    /// The family.
    pub family: Family,
    /// IANA address family number.
    pub afi: u16,
    /// IANA subsequent address family number.
    pub safi: u8,
    /// The configuration's and FRR's name: `l2vpn evpn`.
    pub name: &'static str,
    /// FRR's JSON key: `l2VpnEvpn`.
    pub json_key: &'static str,
    /// Octets that a MP_REACH_NLRI next hop may have; those of 16 and 32 in IPv4 unicast only
    /// where RFC 8950 was agreed on.
    pub next_hop_lengths: &'static [u8],
    /// How long the NLRI at the front of these bytes is (no path identifier), after checking
    /// its syntax as the family asks.
    pub measure: fn(&[u8]) -> Result<usize, NlriError>,
    /// The same where `measure` has been content before.
    pub length: fn(&[u8]) -> Option<usize>,
    /// Cuts one whole NLRI.
    pub split: fn(&[u8]) -> Result<NlriParts, NlriError>,
    /// Puts it together again, appending.
    pub join: fn(key: &[u8], rest: &[u8], out: &mut Vec<u8>),
}

static L2VPN_EVPN: FamilyRow = FamilyRow {
    family: Family::L2vpnEvpn,
    afi: 25,
    safi: 70,
    name: "l2vpn evpn",
    json_key: "l2VpnEvpn",
    next_hop_lengths: &[4, 16],
    measure: |wire| Ok(nlri::measure(wire)?),
    length: nlri::length,
    split: |wire| Ok(nlri::split(wire)?),
    join: nlri::join,
};

static IPV4_UNICAST: FamilyRow = FamilyRow {
    family: Family::Ipv4Unicast,
    afi: 1,
    safi: 1,
    name: "ipv4 unicast",
    json_key: "ipv4Unicast",
    next_hop_lengths: &[4, 16, 32],
    measure: unicast::measure_ipv4,
    length: unicast::length,
    split: unicast::split_ipv4,
    join: unicast::join,
};

static IPV6_UNICAST: FamilyRow = FamilyRow {
    family: Family::Ipv6Unicast,
    afi: 2,
    safi: 1,
    name: "ipv6 unicast",
    json_key: "ipv6Unicast",
    next_hop_lengths: &[16, 32],
    measure: unicast::measure_ipv6,
    length: unicast::length,
    split: unicast::split_ipv6,
    join: unicast::join,
};

static RT_FILTER: FamilyRow = FamilyRow {
    family: Family::RtFilter,
    afi: 1,
    safi: 132,
    name: "rtfilter unicast",
    json_key: "rtfilterUnicast",
    next_hop_lengths: &[4, 16],
    length: unicast::length,
    measure: membership::measure,
    split: membership::split,
    join: membership::join,
};

/// Every family, in the order of the enum.
pub static FAMILIES: &[&FamilyRow] = &[&L2VPN_EVPN, &IPV4_UNICAST, &IPV6_UNICAST, &RT_FILTER];

impl Family {
    /// This family's row.
    pub fn row(self) -> &'static FamilyRow {
        match self {
            Family::L2vpnEvpn => &L2VPN_EVPN,
            Family::Ipv4Unicast => &IPV4_UNICAST,
            Family::Ipv6Unicast => &IPV6_UNICAST,
            Family::RtFilter => &RT_FILTER,
        }
    }

    /// True for the families whose NLRI are prefixes.
    pub fn is_unicast(self) -> bool {
        matches!(self, Family::Ipv4Unicast | Family::Ipv6Unicast)
    }

    /// The family with these numbers, if Weft has it.
    pub fn from_numbers(afi: u16, safi: u8) -> Option<Family> {
        FAMILIES.iter().find(|row| row.afi == afi && row.safi == safi).map(|row| row.family)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)
    }
}
