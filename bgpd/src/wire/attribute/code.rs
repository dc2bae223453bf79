//! The path attributes that Weft knows, as rows: code, name, the flags that they must have,
//! and what RFC 7606 does when one is malformed. A new attribute begins with a row here.

use crate::wire::update::IssueAction;

/// The Optional bit.
pub const OPTIONAL: u8 = 0x80;
/// The Transitive bit.
pub const TRANSITIVE: u8 = 0x40;
/// The Partial bit: somebody on the way did not know the attribute.
pub const PARTIAL: u8 = 0x20;
/// The Extended Length bit: the length has two octets.
pub const EXTENDED_LENGTH: u8 = 0x10;

const WELL_KNOWN: u8 = TRANSITIVE;
const NON_TRANSITIVE: u8 = OPTIONAL;
const OPTIONAL_TRANSITIVE: u8 = OPTIONAL | TRANSITIVE;

macro_rules! attributes {
    ($($(#[$doc:meta])* $constant:ident = $code:literal, $flags:ident, $malformed:ident;)*) => {
        $($(#[$doc])* pub const $constant: u8 = $code;)*

        /// The attribute's name in the RFCs.
        pub fn name(code: u8) -> Option<&'static str> {
            Some(match code {
                $($code => stringify!($constant),)*
                _ => return None,
            })
        }

        /// The Optional and Transitive bits that the attribute must have; `None` if it is
        /// not known.
        pub fn flags(code: u8) -> Option<u8> {
            Some(match code {
                $($code => $flags,)*
                _ => return None,
            })
        }

        /// What is done when the attribute is malformed (RFC 7606 §7).
        pub fn when_malformed(code: u8) -> IssueAction {
            match code {
                $($code => IssueAction::$malformed,)*
                _ => IssueAction::TreatAsWithdraw,
            }
        }

        #[cfg(test)]
        pub(crate) const KNOWN: &[u8] = &[$($code),*];
    };
}

attributes! {
    /// RFC 4271 §5.1.1
    ORIGIN = 1, WELL_KNOWN, TreatAsWithdraw;
    /// RFC 4271 §5.1.2
    AS_PATH = 2, WELL_KNOWN, TreatAsWithdraw;
    /// RFC 4271 §5.1.3
    NEXT_HOP = 3, WELL_KNOWN, TreatAsWithdraw;
    /// RFC 4271 §5.1.4
    MULTI_EXIT_DISC = 4, NON_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4271 §5.1.5
    LOCAL_PREF = 5, WELL_KNOWN, TreatAsWithdraw;
    /// RFC 4271 §5.1.6
    ATOMIC_AGGREGATE = 6, WELL_KNOWN, AttributeDiscard;
    /// RFC 4271 §5.1.7
    AGGREGATOR = 7, OPTIONAL_TRANSITIVE, AttributeDiscard;
    /// RFC 1997
    COMMUNITIES = 8, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4456
    ORIGINATOR_ID = 9, NON_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4456
    CLUSTER_LIST = 10, NON_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4760; malformed, it resets the session.
    MP_REACH_NLRI = 14, NON_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4760; malformed, it resets the session.
    MP_UNREACH_NLRI = 15, NON_TRANSITIVE, TreatAsWithdraw;
    /// RFC 4360
    EXTENDED_COMMUNITIES = 16, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 6793
    AS4_PATH = 17, OPTIONAL_TRANSITIVE, AttributeDiscard;
    /// RFC 6793
    AS4_AGGREGATOR = 18, OPTIONAL_TRANSITIVE, AttributeDiscard;
    /// RFC 6514 §5
    PMSI_TUNNEL = 22, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 9012
    TUNNEL_ENCAPSULATION = 23, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 5701
    IPV6_EXTENDED_COMMUNITIES = 25, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 8092
    LARGE_COMMUNITY = 32, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
    /// RFC 10039 §4
    D_PATH = 36, OPTIONAL_TRANSITIVE, TreatAsWithdraw;
}
