//! Capabilities (RFC 5492), one variant for each that Weft understands. One that it does not
//! know, or whose value makes no sense where the RFC says to ignore it, is kept as it came.
//! Role (RFC 9234) and long-lived graceful restart (RFC 9494) are among those kept raw.

use super::reader::Reader;

const MULTIPROTOCOL: u8 = 1;
const ROUTE_REFRESH: u8 = 2;
const EXTENDED_NEXT_HOP: u8 = 5;
const EXTENDED_MESSAGE: u8 = 6;
const GRACEFUL_RESTART: u8 = 64;
const FOUR_OCTET_AS: u8 = 65;
const ADD_PATH: u8 = 69;
const ENHANCED_ROUTE_REFRESH: u8 = 70;
const FQDN: u8 = 73;

/// One capability.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Capability {
    /// 1 (RFC 4760 §8)
    Multiprotocol {
        /// Address family.
        afi: u16,
        /// Subsequent address family.
        safi: u8,
    },
    /// 2 (RFC 2918)
    RouteRefresh,
    /// 5 (RFC 8950 §4)
    ExtendedNextHop(Vec<ExtendedNextHop>),
    /// 6 (RFC 8654)
    ExtendedMessage,
    /// 64 (RFC 4724 §3, RFC 8538 §2)
    GracefulRestart(GracefulRestart),
    /// 65 (RFC 6793)
    FourOctetAs(u32),
    /// 69 (RFC 7911 §4)
    AddPath(Vec<AddPath>),
    /// 70 (RFC 7313)
    EnhancedRouteRefresh,
    /// 73 (draft-walton-bgp-hostname-capability); names are informative only. Octets that
    /// are no UTF-8 have become U+FFFD.
    Fqdn {
        /// Host name, at most 255 octets.
        hostname: String,
        /// Domain name, at most 255 octets.
        domain: String,
    },
    /// Any other, as it came.
    Unknown {
        /// Capability code.
        code: u8,
        /// Its value, at most 255 octets.
        value: Vec<u8>,
    },
}

/// NLRI of `afi`/`safi` may have a next hop of another family (RFC 8950 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedNextHop {
    /// Family of the NLRI.
    pub afi: u16,
    /// Subsequent family of the NLRI; two octets here.
    pub safi: u16,
    /// Family of the next hop.
    pub next_hop_afi: u16,
}

/// Graceful restart (RFC 4724 §3).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct GracefulRestart {
    /// R: the sender has restarted and does not wait for the receiver's End-of-RIB.
    pub restarting: bool,
    /// N: a NOTIFICATION, too, leads to a graceful restart (RFC 8538 §2).
    pub notification: bool,
    /// Seconds until the session should be back, 12 bits.
    pub restart_time: u16,
    /// The families whose routes are retained.
    pub families: Vec<GracefulRestartFamily>,
}

/// A family of the graceful restart capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct GracefulRestartFamily {
    /// Address family.
    pub afi: u16,
    /// Subsequent address family.
    pub safi: u8,
    /// F: the forwarding state outlived the restart.
    pub forwarding_preserved: bool,
}

/// What the sender of the add-path capability can do (RFC 7911 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddPathMode {
    /// 1
    Receive,
    /// 2
    Send,
    /// 3
    Both,
}

/// A family of the add-path capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddPath {
    /// Address family.
    pub afi: u16,
    /// Subsequent address family.
    pub safi: u8,
    /// What the sender can do.
    pub mode: AddPathMode,
}

impl AddPathMode {
    /// True if the sender takes path identifiers.
    pub fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// True if the sender would send path identifiers.
    pub fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }
}

/// A capability that is understood has a value of the wrong length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("capability {code} with length {length}")]
pub struct MalformedCapability {
    /// Capability code.
    pub code: u8,
    /// Length of its value.
    pub length: usize,
}

impl Capability {
    /// The capability code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Multiprotocol { .. } => MULTIPROTOCOL,
            Self::RouteRefresh => ROUTE_REFRESH,
            Self::ExtendedNextHop(_) => EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => EXTENDED_MESSAGE,
            Self::GracefulRestart(_) => GRACEFUL_RESTART,
            Self::FourOctetAs(_) => FOUR_OCTET_AS,
            Self::AddPath(_) => ADD_PATH,
            Self::EnhancedRouteRefresh => ENHANCED_ROUTE_REFRESH,
            Self::Fqdn { .. } => FQDN,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// Reads the value of capability `code`. A wrong length is an error for those that carry
    /// a number or a list; the ones that are mere flags tolerate a value.
    pub fn decode(code: u8, value: &[u8]) -> Result<Self, MalformedCapability> {
        let malformed = MalformedCapability { code, length: value.len() };
        Ok(match code {
            MULTIPROTOCOL => {
                let &[a, b, _reserved, safi] = value else { return Err(malformed) };
                Self::Multiprotocol { afi: u16::from_be_bytes([a, b]), safi }
            }
            ROUTE_REFRESH => Self::RouteRefresh,
            EXTENDED_MESSAGE => Self::ExtendedMessage,
            ENHANCED_ROUTE_REFRESH => Self::EnhancedRouteRefresh,
            FOUR_OCTET_AS => Self::FourOctetAs(u32::from_be_bytes(value.try_into().map_err(|_| malformed)?)),
            EXTENDED_NEXT_HOP => {
                let (tuples, []) = value.as_chunks::<6>() else { return Err(malformed) };
                Self::ExtendedNextHop(
                    tuples
                        .iter()
                        .map(|&[a, b, c, d, e, f]| ExtendedNextHop {
                            afi: u16::from_be_bytes([a, b]),
                            safi: u16::from_be_bytes([c, d]),
                            next_hop_afi: u16::from_be_bytes([e, f]),
                        })
                        .collect(),
                )
            }
            GRACEFUL_RESTART => Self::GracefulRestart(GracefulRestart::decode(value).ok_or(malformed)?),
            ADD_PATH => {
                let (tuples, []) = value.as_chunks::<4>() else { return Err(malformed) };
                // RFC 7911 §4: with any other Send/Receive value it is as if not understood.
                match tuples.iter().map(AddPath::decode).collect() {
                    Some(families) => Self::AddPath(families),
                    None => Self::Unknown { code, value: value.to_vec() },
                }
            }
            FQDN => decode_fqdn(value).unwrap_or_else(|| Self::Unknown { code, value: value.to_vec() }),
            _ => Self::Unknown { code, value: value.to_vec() },
        })
    }

    /// Appends code, length and value. A value of more than 255 octets is cut at an element's
    /// edge; no capability of Weft comes near it.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        let mut value = Vec::new();
        match self {
            Self::Multiprotocol { afi, safi } => {
                let [a, b] = afi.to_be_bytes();
                value.extend_from_slice(&[a, b, 0, *safi]);
            }
            Self::RouteRefresh | Self::ExtendedMessage | Self::EnhancedRouteRefresh => {}
            Self::ExtendedNextHop(tuples) => {
                for tuple in tuples.iter().take(255 / 6) {
                    for number in [tuple.afi, tuple.safi, tuple.next_hop_afi] {
                        value.extend_from_slice(&number.to_be_bytes());
                    }
                }
            }
            Self::GracefulRestart(restart) => restart.encode(&mut value),
            Self::FourOctetAs(asn) => value.extend_from_slice(&asn.to_be_bytes()),
            Self::AddPath(families) => {
                for family in families.iter().take(255 / 4) {
                    value.extend_from_slice(&family.afi.to_be_bytes());
                    value.push(family.safi);
                    value.push(match family.mode {
                        AddPathMode::Receive => 1,
                        AddPathMode::Send => 2,
                        AddPathMode::Both => 3,
                    });
                }
            }
            Self::Fqdn { hostname, domain } => {
                // Both names and their length octets share the 255 octets.
                let hostname = cut(hostname, 253);
                let domain = cut(domain, 253 - hostname.len());
                for name in [hostname, domain] {
                    value.push(u8::try_from(name.len()).unwrap_or(0));
                    value.extend_from_slice(name.as_bytes());
                }
            }
            Self::Unknown { value: raw, .. } => value.extend_from_slice(raw.get(..255).unwrap_or(raw)),
        }
        out.push(self.code());
        out.push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        out.append(&mut value);
    }
}

impl GracefulRestart {
    fn decode(value: &[u8]) -> Option<Self> {
        let (&[high, low], rest) = value.split_first_chunk::<2>()?;
        let (tuples, []) = rest.as_chunks::<4>() else { return None };
        Some(Self {
            restarting: high & 0x80 != 0,
            notification: high & 0x40 != 0,
            restart_time: u16::from_be_bytes([high & 0x0f, low]),
            families: tuples
                .iter()
                .map(|&[a, b, safi, flags]| GracefulRestartFamily {
                    afi: u16::from_be_bytes([a, b]),
                    safi,
                    forwarding_preserved: flags & 0x80 != 0,
                })
                .collect(),
        })
    }

    fn encode(&self, value: &mut Vec<u8>) {
        let mut first = self.restart_time.min(0x0fff);
        if self.restarting {
            first |= 0x8000;
        }
        if self.notification {
            first |= 0x4000;
        }
        value.extend_from_slice(&first.to_be_bytes());
        for family in self.families.iter().take(253 / 4) {
            value.extend_from_slice(&family.afi.to_be_bytes());
            value.push(family.safi);
            value.push(if family.forwarding_preserved { 0x80 } else { 0 });
        }
    }
}

impl AddPath {
    fn decode(&[a, b, safi, mode]: &[u8; 4]) -> Option<Self> {
        let mode = match mode {
            1 => AddPathMode::Receive,
            2 => AddPathMode::Send,
            3 => AddPathMode::Both,
            _ => return None,
        };
        Some(Self { afi: u16::from_be_bytes([a, b]), safi, mode })
    }
}

fn decode_fqdn(value: &[u8]) -> Option<Capability> {
    let mut reader = Reader(value);
    let mut name = || {
        let length = reader.u8()?;
        Some(String::from_utf8_lossy(reader.take(usize::from(length))?).into_owned())
    };
    let hostname = name()?;
    // Some speakers send no domain at all.
    let domain = name().unwrap_or_default();
    Some(Capability::Fqdn { hostname, domain })
}

/// The front of `text`, at most `most` octets, cut at a character's edge.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=text.len().min(most)).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(capability: &Capability) -> Vec<u8> {
        let mut out = Vec::new();
        capability.encode(&mut out);
        out
    }

    #[test]
    fn every_capability_has_its_octets() {
        let graceful = GracefulRestart {
            restarting: true,
            notification: true,
            restart_time: 120,
            families: vec![GracefulRestartFamily { afi: 25, safi: 70, forwarding_preserved: true }],
        };
        let add_path = |mode| AddPath { afi: 25, safi: 70, mode };
        for (capability, expected) in [
            (Capability::Multiprotocol { afi: 25, safi: 70 }, &[1, 4, 0, 25, 0, 70][..]),
            (Capability::RouteRefresh, &[2, 0]),
            (
                Capability::ExtendedNextHop(vec![ExtendedNextHop { afi: 1, safi: 1, next_hop_afi: 2 }]),
                &[5, 6, 0, 1, 0, 1, 0, 2],
            ),
            (Capability::ExtendedMessage, &[6, 0]),
            (Capability::GracefulRestart(graceful), &[64, 6, 0xc0, 120, 0, 25, 70, 0x80]),
            (Capability::GracefulRestart(GracefulRestart::default()), &[64, 2, 0, 0]),
            (Capability::FourOctetAs(4_200_000_001), &[65, 4, 0xfa, 0x56, 0xea, 0x01]),
            (Capability::AddPath(vec![add_path(AddPathMode::Receive)]), &[69, 4, 0, 25, 70, 1]),
            (Capability::AddPath(vec![add_path(AddPathMode::Send)]), &[69, 4, 0, 25, 70, 2]),
            (Capability::AddPath(vec![add_path(AddPathMode::Both)]), &[69, 4, 0, 25, 70, 3]),
            (Capability::EnhancedRouteRefresh, &[70, 0]),
            (
                Capability::Fqdn { hostname: "leaf1".into(), domain: "lab".into() },
                b"\x49\x0a\x05leaf1\x03lab",
            ),
            (
                Capability::Unknown { code: 71, value: vec![0, 25, 70, 0, 0, 0, 9] },
                &[71, 7, 0, 25, 70, 0, 0, 0, 9],
            ),
        ] {
            assert_eq!(octets(&capability), expected);
            assert_eq!(Capability::decode(expected[0], &expected[2..]), Ok(capability));
        }
    }

    #[test]
    fn a_value_of_the_wrong_length_is_malformed() {
        for (code, value) in [
            (1, &[0, 25, 70][..]),
            (1, &[0, 25, 0, 70, 0]),
            (5, &[0, 1, 0, 1, 0]),
            (64, &[]),
            (64, &[0x40]),
            (64, &[0, 120, 0, 25, 70]),
            (65, &[0, 0, 1]),
            (69, &[0, 25, 70]),
        ] {
            let malformed = MalformedCapability { code, length: value.len() };
            assert_eq!(Capability::decode(code, value), Err(malformed), "capability {code}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_kept_but_not_used() {
        // RFC 7911 §4: a mode that is not assigned.
        let raw = Capability::Unknown { code: 69, value: vec![0, 25, 70, 4] };
        assert_eq!(Capability::decode(69, &[0, 25, 70, 4]), Ok(raw));
        // A name longer than the capability.
        let raw = Capability::Unknown { code: 73, value: vec![9, b'x'] };
        assert_eq!(Capability::decode(73, &[9, b'x']), Ok(raw));
        // Flags tolerate a value.
        assert_eq!(Capability::decode(2, &[1, 2]), Ok(Capability::RouteRefresh));
    }

    #[test]
    fn long_values_are_cut_to_what_the_length_octet_can_say() {
        let long = Capability::Fqdn { hostname: "é".repeat(200), domain: "d".repeat(300) };
        let bytes = octets(&long);
        assert_eq!(usize::from(bytes[1]), bytes.len() - 2);
        assert!(matches!(Capability::decode(73, &bytes[2..]), Ok(Capability::Fqdn { .. })));
        let family = AddPath { afi: 25, safi: 70, mode: AddPathMode::Both };
        assert_eq!(octets(&Capability::AddPath(vec![family; 100])).len(), 2 + 252);
    }
}
