//! What was wrong with an UPDATE without ending the session (RFC 7606), in words for the
//! log. RFC 7606 §6 asks that the whole message is logged too; the session has its bytes.

use crate::wire::attribute::code;
use std::fmt;

/// The most issues that are told of one UPDATE.
pub(super) const MAX_ISSUES: usize = 16;

/// What was done about an issue, weakest first (RFC 7606 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IssueAction {
    /// NLRI of a family that was not negotiated were ignored.
    Ignored,
    /// One route was taken as withdrawn, the others are used.
    RouteWithdrawn,
    /// The attribute was discarded, the routes are used.
    AttributeDiscard,
    /// The routes were taken as withdrawn.
    TreatAsWithdraw,
}

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IssueReason {
    /// The flags contradict the type (RFC 7606 §3 c).
    Flags {
        /// The flags.
        flags: u8,
    },
    /// The length is not one that the attribute can have.
    Length {
        /// The length.
        length: u16,
    },
    /// The attribute is longer than what is left of the path attributes (RFC 7606 §4).
    Overrun,
    /// Too few octets are left for an attribute (RFC 7606 §4).
    Trailing,
    /// The value is not one that the attribute can have.
    Value(&'static str),
    /// The attribute came twice; the first is kept (RFC 7606 §3 g).
    Duplicate,
    /// A mandatory attribute is missing (RFC 7606 §3 d).
    Missing,
    /// The attribute is not for peers of this kind.
    NotForThisPeer,
    /// The attribute is not for routes of this family.
    NotForThisFamily,
    /// The family was not negotiated.
    FamilyNotNegotiated {
        /// Address family.
        afi: u16,
        /// Subsequent address family.
        safi: u8,
    },
}

/// Something that was tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttributeIssue {
    /// Type code of the attribute; `None` for the NLRI fields of the message itself.
    pub code: Option<u8>,
    /// What was wrong.
    pub reason: IssueReason,
    /// What was done.
    pub action: IssueAction,
    /// Where the attribute stands, in octets from the start of the message. For a missing
    /// one: where the path attributes begin.
    pub offset: usize,
}

impl fmt::Display for IssueAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ignored => "ignored",
            Self::RouteWithdrawn => "that route treated as withdraw",
            Self::AttributeDiscard => "attribute discarded",
            Self::TreatAsWithdraw => "treated as withdraw",
        })
    }
}

impl fmt::Display for IssueReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flags { flags } => write!(f, "has wrong flags 0x{flags:02x}"),
            Self::Length { length } => write!(f, "has a wrong length {length}"),
            Self::Overrun => f.write_str("is longer than the path attributes"),
            Self::Trailing => f.write_str("is cut off"),
            Self::Value(what) => f.write_str(what),
            Self::Duplicate => f.write_str("is repeated"),
            Self::Missing => f.write_str("is missing"),
            Self::NotForThisPeer => f.write_str("is not allowed from this peer"),
            Self::NotForThisFamily => f.write_str("is not allowed with routes of this family"),
            Self::FamilyNotNegotiated { afi, safi } => {
                write!(f, "has routes of AFI {afi} SAFI {safi}, which was not negotiated")
            }
        }
    }
}

impl fmt::Display for AttributeIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => match code::name(code) {
                Some(name) => write!(f, "{name}")?,
                None => write!(f, "attribute {code}")?,
            },
            None => f.write_str("UPDATE")?,
        }
        write!(f, " at octet {} {}: {}", self.offset, self.reason, self.action)
    }
}
