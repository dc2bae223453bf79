//! The PMSI Tunnel attribute on the wire (RFC 6514 §5): flags, type, label, identifier. The
//! identifier is checked for ingress replication alone; other tunnel types are relayed as
//! they came, since RFC 7385 lets new ones be assigned.

use super::Malformed;
use weft_evpn::pmsi::{INGRESS_REPLICATION, PmsiTunnel};

/// Reads the value; ingress replication has 9 octets in all, or 21 with an IPv6 endpoint.
pub(super) fn parse(value: &[u8]) -> Result<PmsiTunnel, Malformed> {
    let [flags, tunnel_type, a, b, c, identifier @ ..] = value else { return Err(Malformed::Length) };
    if *tunnel_type == INGRESS_REPLICATION && !matches!(identifier.len(), 4 | 16) {
        return Err(Malformed::Length);
    }
    Ok(PmsiTunnel {
        flags: *flags,
        tunnel_type: *tunnel_type,
        label: [*a, *b, *c],
        identifier: identifier.to_vec(),
    })
}

/// Appends the value.
pub(super) fn emit(pmsi: &PmsiTunnel, out: &mut Vec<u8>) {
    out.extend_from_slice(&[pmsi.flags, pmsi.tunnel_type]);
    out.extend_from_slice(&pmsi.label);
    out.extend_from_slice(&pmsi.identifier);
}
