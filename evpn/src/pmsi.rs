//! The PMSI Tunnel attribute (RFC 6514 §5, RFC 8365 §9): who wants flooded frames, and how.
//!
//! The value is flags 1, tunnel type 1, label 3, tunnel identifier. For ingress replication
//! the identifier is the endpoint, so 9 octets with IPv4 and 21 with IPv6. Identifiers of
//! tunnels that Weft does not make are kept as octets and relayed.

use crate::Vni;
use std::fmt;
use std::net::IpAddr;

/// Tunnel type 0: nothing is wanted.
pub const NO_TUNNEL: u8 = 0;
/// Tunnel type 1, a P2MP LSP of RSVP-TE.
const RSVP_TE_P2MP: u8 = 1;
/// Tunnel types 3 to 5: trees of PIM-SSM, PIM-SM and BIDIR-PIM.
const PIM_SSM: u8 = 3;
const BIDIR_PIM: u8 = 5;
/// Tunnel type 6, ingress replication.
pub const INGRESS_REPLICATION: u8 = 6;

/// Octets before the tunnel identifier: flags, tunnel type, label.
const FIXED: usize = 5;

/// A PMSI Tunnel attribute. For VXLAN the label is the VNI in all 24 bits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PmsiTunnel {
    /// Bit 0 is "leaf information required".
    pub flags: u8,
    /// 6 is ingress replication; 0 means that nothing is wanted.
    pub tunnel_type: u8,
    /// The label field as it stands on the wire.
    pub label: [u8; 3],
    /// The tunnel identifier: for ingress replication the endpoint, 4 or 16 octets.
    pub identifier: Vec<u8>,
}

/// What is wrong with a PMSI Tunnel attribute. The routes that came with it are treated as
/// withdrawn (RFC 6514 §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PmsiError {
    /// Shorter than flags, tunnel type and label.
    #[error("PMSI tunnel attribute of {length} octets (at least 5 expected)")]
    Truncated {
        /// Octets in the value.
        length: usize,
    },
    /// The identifier's length does not go with the tunnel type.
    #[error("PMSI tunnel type {tunnel_type} with an identifier of {length} octets")]
    Identifier {
        /// The tunnel type.
        tunnel_type: u8,
        /// Octets in the identifier.
        length: usize,
    },
}

impl PmsiTunnel {
    /// Ingress replication to `endpoint` with `vni`.
    pub fn ingress_replication(vni: Vni, endpoint: IpAddr) -> Self {
        let identifier = match endpoint {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        Self { flags: 0, tunnel_type: INGRESS_REPLICATION, label: vni.to_label(), identifier }
    }

    /// The endpoint, if this is ingress replication with an identifier of 4 or 16 octets.
    pub fn endpoint(&self) -> Option<IpAddr> {
        if self.tunnel_type != INGRESS_REPLICATION {
            return None;
        }
        match self.identifier.len() {
            4 => <[u8; 4]>::try_from(self.identifier.as_slice()).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(self.identifier.as_slice()).ok().map(IpAddr::from),
            _ => None,
        }
    }

    /// The VNI in the label; `None` for label 0.
    pub fn vni(&self) -> Option<Vni> {
        Vni::from_label(self.label)
    }

    /// Reads the attribute's value. Never panics, whatever the bytes.
    ///
    /// RFC 6514 §5 also calls an undefined tunnel type malformed; the registry (RFC 7385) has
    /// grown since and will again, so such a tunnel is kept for those who know it.
    pub fn parse(value: &[u8]) -> Result<Self, PmsiError> {
        let Some((&[flags, tunnel_type, a, b, c], identifier)) = value.split_first_chunk::<FIXED>() else {
            return Err(PmsiError::Truncated { length: value.len() });
        };
        let length = identifier.len();
        let valid = match tunnel_type {
            NO_TUNNEL => length == 0,
            RSVP_TE_P2MP => matches!(length, 12 | 24),
            PIM_SSM..=BIDIR_PIM => matches!(length, 8 | 32),
            INGRESS_REPLICATION => matches!(length, 4 | 16),
            _ => true,
        };
        if !valid {
            return Err(PmsiError::Identifier { tunnel_type, length });
        }
        Ok(Self { flags, tunnel_type, label: [a, b, c], identifier: identifier.to_vec() })
    }

    /// Appends the attribute's value.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.flags, self.tunnel_type]);
        out.extend_from_slice(&self.label);
        out.extend_from_slice(&self.identifier);
    }

    /// Octets that `emit` appends.
    pub fn length(&self) -> usize {
        FIXED + self.identifier.len()
    }
}

/// The tunnel in words, as FRR's `PMSI Tunnel Type` line has it.
impl fmt::Display for PmsiTunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.tunnel_type {
            NO_TUNNEL => "No tunnel information present",
            RSVP_TE_P2MP => "RSVP-TE P2MP LSP",
            2 => "mLDP P2MP LSP",
            PIM_SSM => "PIM-SSM Tree",
            4 => "PIM-SM Tree",
            BIDIR_PIM => "BIDIR-PIM Tree",
            INGRESS_REPLICATION => "Ingress Replication",
            7 => "mLDP MP2MP LSP",
            other => return write!(f, "type {other}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wire(tunnel: &PmsiTunnel) -> Vec<u8> {
        let mut wire = Vec::new();
        tunnel.emit(&mut wire);
        assert_eq!(wire.len(), tunnel.length());
        wire
    }

    #[test]
    fn ingress_replication_is_9_octets_with_ipv4_and_21_with_ipv6() {
        let vni = Vni::new(101).unwrap();
        let v4 = PmsiTunnel::ingress_replication(vni, "10.255.0.1".parse().unwrap());
        assert_eq!(wire(&v4), [0, 6, 0, 0, 0x65, 10, 255, 0, 1]);
        let v6 = PmsiTunnel::ingress_replication(vni, "2001:db8::1".parse().unwrap());
        assert_eq!(wire(&v6).len(), 21);
        for tunnel in [v4, v6] {
            assert_eq!(PmsiTunnel::parse(&wire(&tunnel)), Ok(tunnel.clone()));
            assert_eq!((tunnel.vni(), tunnel.endpoint().is_some()), (Some(vni), true));
        }
    }

    #[test]
    fn a_wrong_length_is_refused() {
        for length in 0..5 {
            assert_eq!(PmsiTunnel::parse(&[0; 5][..length]), Err(PmsiError::Truncated { length }));
        }
        for (tunnel_type, lengths) in [
            (0, vec![0]),
            (1, vec![12, 24]),
            (3, vec![8, 32]),
            (4, vec![8, 32]),
            (5, vec![8, 32]),
            (6, vec![4, 16]),
        ] {
            for length in 0..40 {
                let value = [vec![0, tunnel_type, 0, 0, 1], vec![0; length]].concat();
                let parsed = PmsiTunnel::parse(&value);
                if lengths.contains(&length) {
                    assert!(parsed.is_ok(), "type {tunnel_type}, {length} octets");
                } else {
                    assert_eq!(parsed, Err(PmsiError::Identifier { tunnel_type, length }));
                }
            }
        }
    }

    #[test]
    fn an_endpoint_is_read_of_ingress_replication_only() {
        let tunnel = PmsiTunnel::parse(&[0, 10, 0, 0, 1, 10, 255, 0, 1]).unwrap();
        assert_eq!((tunnel.endpoint(), tunnel.to_string().as_str()), (None, "type 10"));
        assert_eq!(PmsiTunnel::parse(&[0, 6, 0, 0, 0, 10, 255, 0, 1]).unwrap().vni(), None);
    }

    proptest! {
        #[test]
        fn arbitrary_values_never_panic_and_round_trip(value in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(tunnel) = PmsiTunnel::parse(&value) {
                prop_assert_eq!(wire(&tunnel), value);
            }
        }
    }
}
