//! The PMSI Tunnel attribute (RFC 6514 §5, RFC 8365 §9): who wants flooded frames, and how.

use crate::Vni;
use std::net::IpAddr;

/// Tunnel type 6, ingress replication.
pub const INGRESS_REPLICATION: u8 = 6;

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
}
