//! OPEN (RFC 4271 §4.2, §6.2) with capabilities (RFC 5492) and the extended optional
//! parameters of RFC 9072. What the values mean for a session (expected AS, negotiated
//! families, collision) is the FSM's matter.

use super::capability::Capability;
use super::notification::{Notification, OpenError};
use super::reader::Reader;
use bytes::BytesMut;
use std::net::Ipv4Addr;

/// The version spoken.
pub const VERSION: u8 = 4;
/// Stands for an AS number above 65,535 in a 2-octet field (RFC 6793 §9).
pub const AS_TRANS: u16 = 23456;

const CAPABILITIES_PARAMETER: u8 = 2;
const EXTENDED_PARAMETERS: u8 = 255;

/// An OPEN.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Open {
    /// The 2-octet field; `asn()` gives the AS.
    pub my_as: u16,
    /// Seconds; 0 or at least 3.
    pub hold_time: u16,
    /// BGP identifier, not 0.
    pub bgp_id: Ipv4Addr,
    /// Capabilities in the order received, duplicates included (RFC 5492 §4).
    pub capabilities: Vec<Capability>,
}

impl Open {
    /// An OPEN of AS `asn`; the 2-octet field becomes AS_TRANS where it must. The 4-octet AS
    /// capability is the caller's to add.
    pub fn new(asn: u32, hold_time: u16, bgp_id: Ipv4Addr, capabilities: Vec<Capability>) -> Self {
        Self { my_as: u16::try_from(asn).unwrap_or(AS_TRANS), hold_time, bgp_id, capabilities }
    }

    /// The AS of the capability, if any (RFC 6793 §3).
    pub fn four_octet_as(&self) -> Option<u32> {
        self.capabilities.iter().find_map(|capability| match capability {
            Capability::FourOctetAs(asn) => Some(*asn),
            _ => None,
        })
    }

    /// The sender's AS: the capability's, else the 2-octet field.
    pub fn asn(&self) -> u32 {
        self.four_octet_as().unwrap_or(u32::from(self.my_as))
    }

    /// Reads the body (what follows the header). The errors are those of RFC 4271 §6.2; of
    /// several, the first of version, parameters, AS, identifier, hold time is told (the
    /// AS may stand in a parameter).
    pub fn decode(body: &[u8]) -> Result<Self, Notification> {
        let malformed = || Notification::new(OpenError::Unspecific);
        let mut reader = Reader(body);
        if reader.u8().ok_or_else(malformed)? != VERSION {
            return Err(Notification::with_data(
                OpenError::UnsupportedVersion,
                &u16::from(VERSION).to_be_bytes(),
            ));
        }
        let my_as = reader.u16().ok_or_else(malformed)?;
        let hold_time = reader.u16().ok_or_else(malformed)?;
        let bgp_id = Ipv4Addr::from(reader.array::<4>().ok_or_else(malformed)?);
        let capabilities = decode_parameters(reader)?;
        let open = Self { my_as, hold_time, bgp_id, capabilities };
        // RFC 7607 §2: AS 0, in the field as in the capability.
        if my_as == 0 || open.asn() == 0 {
            return Err(Notification::new(OpenError::BadPeerAs));
        }
        if bgp_id.is_unspecified() {
            return Err(Notification::new(OpenError::BadBgpIdentifier));
        }
        if matches!(hold_time, 1 | 2) {
            return Err(Notification::new(OpenError::UnacceptableHoldTime));
        }
        Ok(open)
    }

    /// Appends the body. All capabilities go into one parameter, in the extended form when
    /// they are longer than 253 octets (RFC 9072 §2). What would make the message longer
    /// than 4096 octets is left out.
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        out.extend_from_slice(&[VERSION]);
        out.extend_from_slice(&self.my_as.to_be_bytes());
        out.extend_from_slice(&self.hold_time.to_be_bytes());
        out.extend_from_slice(&self.bgp_id.octets());
        const ROOM: usize = 4096 - 29 - 3 - 3;
        let mut value = Vec::new();
        for capability in &self.capabilities {
            let before = value.len();
            capability.encode(&mut value);
            if value.len() > ROOM {
                value.truncate(before);
                break;
            }
        }
        match u8::try_from(value.len() + 2) {
            Ok(_) if value.is_empty() => out.extend_from_slice(&[0]),
            Ok(length) => out.extend_from_slice(&[length, CAPABILITIES_PARAMETER, length - 2]),
            Err(_) => {
                let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&[EXTENDED_PARAMETERS, EXTENDED_PARAMETERS]);
                out.extend_from_slice(&(length + 3).to_be_bytes());
                out.extend_from_slice(&[CAPABILITIES_PARAMETER]);
                out.extend_from_slice(&length.to_be_bytes());
            }
        }
        out.extend_from_slice(&value);
    }
}

/// Reads the optional parameters, from their length octet on.
fn decode_parameters(mut reader: Reader<'_>) -> Result<Vec<Capability>, Notification> {
    let malformed = || Notification::new(OpenError::Unspecific);
    let length = reader.u8().ok_or_else(malformed)?;
    // RFC 9072 §2: the first parameter's type 255 marks the extended form, whatever the length
    // octet is, as long as it is not 0.
    let extended = length != 0 && reader.0.first() == Some(&EXTENDED_PARAMETERS);
    let length = if extended {
        reader.u8();
        usize::from(reader.u16().ok_or_else(malformed)?)
    } else {
        usize::from(length)
    };
    if reader.len() != length {
        return Err(malformed());
    }
    let mut capabilities = Vec::new();
    while !reader.is_empty() {
        let kind = reader.u8().ok_or_else(malformed)?;
        let length = if extended { reader.u16().map(usize::from) } else { reader.u8().map(usize::from) };
        let value = reader.take(length.ok_or_else(malformed)?).ok_or_else(malformed)?;
        if kind != CAPABILITIES_PARAMETER {
            return Err(Notification::new(OpenError::UnsupportedOptionalParameter));
        }
        let mut value = Reader(value);
        while !value.is_empty() {
            let code = value.u8().ok_or_else(malformed)?;
            let length = value.u8().ok_or_else(malformed)?;
            let content = value.take(usize::from(length)).ok_or_else(malformed)?;
            capabilities.push(Capability::decode(code, content).map_err(|_| malformed())?);
        }
    }
    Ok(capabilities)
}
