//! UPDATE (RFC 4271 §4.3) with multiprotocol NLRI (RFC 4760), errors by RFC 7606.
//!
//! `decode` reads, `encode` writes, `issue` names what was tolerated, `cache` remembers the
//! attribute sets that a peer repeats. Whether a route is used is the RIB's matter.

mod cache;
mod decode;
mod encode;
mod issue;

pub use cache::AttributeCache;
pub use decode::decode;
pub use encode::{EncodeContext, EncodeError, EncodedAttributes, Packed, Packer, UpdateEncoder};
pub use issue::{AttributeIssue, IssueAction, IssueReason};

use super::frame::MAX_LENGTH;
use super::{AttributeSet, Family};
use bytes::Bytes;
use std::net::IpAddr;
use std::sync::Arc;

/// NLRI of one family, back to back, whose syntax has been checked. With add-path each is
/// preceded by its 4-octet path identifier (RFC 7911 §3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NlriBlock {
    /// The family of every NLRI in the block.
    pub family: Family,
    /// True if path identifiers precede the NLRI.
    pub add_path: bool,
    /// The next hop of these routes, where it is not that of the UPDATE's attributes: in an
    /// UPDATE that announces in MP_REACH_NLRI and in the NLRI field.
    pub next_hop: Option<IpAddr>,
    /// The wire form.
    pub wire: Bytes,
}

/// An UPDATE after all checks. What RFC 7606 calls treat-as-withdraw has already been made
/// so: the routes stand in `unreach`. Withdrawals come before announcements: a route that
/// stands in both is announced (RFC 4271 §4.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Update {
    /// The attributes of `reach`; `None` when nothing is reachable.
    pub attributes: Option<Arc<AttributeSet>>,
    /// Routes announced.
    pub reach: Vec<NlriBlock>,
    /// Routes withdrawn.
    pub unreach: Vec<NlriBlock>,
    /// An End-of-RIB marker for this family (RFC 4724 §2).
    pub end_of_rib: Option<Family>,
}

/// What decoding an UPDATE gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The UPDATE.
    pub update: Update,
    /// What was tolerated, for the log; at most 16.
    pub issues: Vec<AttributeIssue>,
}

/// On which side of an AS border the peer is; some attributes are only for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionKind {
    /// iBGP.
    Internal,
    /// eBGP.
    #[default]
    External,
}

/// What was negotiated for a session and matters for reading UPDATEs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeContext {
    /// AS numbers have 4 octets in AS_PATH and AGGREGATOR (RFC 6793).
    pub four_octet_as: bool,
    /// The families whose NLRI are read; those of others are ignored with an issue.
    pub families: Vec<Family>,
    /// The families whose NLRI the peer precedes with path identifiers.
    pub add_path: Vec<Family>,
    /// IPv4 unicast may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// iBGP or eBGP.
    pub kind: SessionKind,
    /// The longest message accepted, for `FrameDecoder`.
    pub max_length: u16,
}

impl Default for DecodeContext {
    fn default() -> Self {
        Self {
            four_octet_as: true,
            families: Vec::new(),
            add_path: Vec::new(),
            extended_next_hop: false,
            kind: SessionKind::External,
            max_length: MAX_LENGTH,
        }
    }
}

impl NlriBlock {
    /// NLRI whose syntax is known to be good, without path identifiers.
    pub fn new(family: Family, wire: impl Into<Bytes>) -> Self {
        Self { family, add_path: false, next_hop: None, wire: wire.into() }
    }

    /// The NLRI in the block, each with its path identifier (0 without add-path) and its wire
    /// form without it.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let length = self.family.row().length;
        let (mut rest, add_path) = (self.wire.as_ref(), self.add_path);
        std::iter::from_fn(move || {
            let mut path_id = 0;
            if add_path {
                let (id, tail) = rest.split_first_chunk::<4>()?;
                path_id = u32::from_be_bytes(*id);
                rest = tail;
            }
            if rest.is_empty() {
                return None;
            }
            let (nlri, tail) = rest.split_at_checked(length(rest)?)?;
            rest = tail;
            Some((path_id, nlri))
        })
    }
}
