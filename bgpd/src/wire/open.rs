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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FrameDecoder, Message};

    const ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const FRONT: [u8; 9] = [4, 0xfd, 0xe8, 0, 90, 10, 0, 0, 1];

    fn body(parameters: &[u8]) -> Vec<u8> {
        [&FRONT[..], parameters].concat()
    }

    fn error(body: &[u8]) -> ((u8, u8), Vec<u8>) {
        let notification = Open::decode(body).unwrap_err();
        (notification.error.numbers(), notification.data)
    }

    #[test]
    fn the_octets_are_those_of_rfc_4271() {
        let open = Open::new(
            65000,
            90,
            ID,
            vec![Capability::Multiprotocol { afi: 25, safi: 70 }, Capability::FourOctetAs(65000)],
        );
        let bytes = Message::Open(open.clone()).to_bytes();
        let expected = body(&[14, 2, 12, 1, 4, 0, 25, 0, 70, 65, 4, 0, 0, 0xfd, 0xe8]);
        assert_eq!(bytes[16..19], [0, 43, 1]);
        assert_eq!(bytes[19..], expected);
        assert_eq!(Open::decode(&expected), Ok(open));
    }

    #[test]
    fn an_as_above_65535_is_as_trans_with_the_capability() {
        let open = Open::new(4_200_000_001, 180, ID, vec![Capability::FourOctetAs(4_200_000_001)]);
        assert_eq!(open.my_as, 23456);
        assert_eq!(open.asn(), 4_200_000_001);
        let plain = Open::decode(&body(&[0])).unwrap();
        assert_eq!((plain.asn(), plain.four_octet_as(), plain.capabilities.len()), (65000, None, 0));
    }

    #[test]
    fn capabilities_may_come_in_many_parameters_unknown_and_twice() {
        let open = Open::decode(&body(&[18, 2, 2, 2, 0, 2, 2, 2, 0, 2, 2, 99, 0, 2, 2, 2, 0, 2, 0])).unwrap();
        let unknown = Capability::Unknown { code: 99, value: vec![] };
        let refresh = Capability::RouteRefresh;
        assert_eq!(open.capabilities, [refresh.clone(), refresh.clone(), unknown, refresh]);
    }

    #[test]
    fn errors_are_those_of_rfc_4271_section_6_2() {
        assert_eq!(error(&[3, 0, 1, 0, 90, 10, 0, 0, 1, 0]), ((2, 1), vec![0, 4]));
        assert_eq!(error(&[4, 0, 0, 0, 90, 10, 0, 0, 1, 0]), ((2, 2), vec![]));
        assert_eq!(error(&[4, 0, 1, 0, 90, 0, 0, 0, 0, 0]), ((2, 3), vec![]));
        for hold in [1, 2] {
            assert_eq!(error(&[4, 0, 1, 0, hold, 10, 0, 0, 1, 0]), ((2, 6), vec![]));
        }
        // RFC 7607 §2, in the capability too.
        assert_eq!(error(&body(&[8, 2, 6, 65, 4, 0, 0, 0, 0])).0, (2, 2));
        for parameters in [&[4, 1, 2, 0, 0][..], &[2, 7, 0]] {
            assert_eq!(error(&body(parameters)).0, (2, 4), "unknown parameter");
        }
    }

    #[test]
    fn malformed_parameters_are_2_0() {
        for parameters in [
            &[][..],
            &[5],
            &[1, 2],
            &[2, 2, 1],
            &[3, 2, 1, 1],
            &[4, 2, 2, 1, 4],
            &[0, 0],
            &[255, 255],
            &[255, 255, 0],
            &[255, 255, 0, 4, 2, 0, 2, 2],
            &[255, 255, 0, 9, 2, 0, 2, 2, 0],
            // Capabilities that are known but of a wrong length.
            &[7, 2, 5, 65, 3, 0, 0, 1],
            &[7, 2, 5, 1, 3, 0, 25, 70],
        ] {
            assert_eq!(error(&body(parameters)).0, (2, 0), "{parameters:?}");
        }
    }

    #[test]
    fn hold_times_0_and_3_are_good() {
        for hold in [0, 3] {
            let open = Open::decode(&[4, 0, 1, 0, hold, 10, 0, 0, 1, 0]).unwrap();
            assert_eq!(open.hold_time, u16::from(hold));
        }
    }

    #[test]
    fn the_extended_form_is_taken_at_any_length() {
        // RFC 9072 §2: the first length octet does not matter unless it is 0.
        for length in [255, 1] {
            let open = Open::decode(&body(&[length, 255, 0, 5, 2, 0, 2, 2, 0])).unwrap();
            assert_eq!(open.capabilities, [Capability::RouteRefresh]);
        }
        assert!(Open::decode(&body(&[255, 255, 0, 0])).unwrap().capabilities.is_empty());
    }

    #[test]
    fn the_extended_form_is_sent_when_255_octets_do_not_do() {
        let filler = |length| Capability::Unknown { code: 200, value: vec![7; length] };
        // One of 251 octets makes 253 with its header, 255 with the parameter's.
        for (open, extended) in [(vec![filler(251)], false), (vec![filler(251), filler(0)], true)] {
            let open = Open::new(65000, 90, ID, open);
            let bytes = Message::Open(open.clone()).to_bytes();
            assert_eq!(bytes[29] == 255, extended);
            assert_eq!(Open::decode(&bytes[19..]), Ok(open));
        }
    }

    #[test]
    fn an_open_never_exceeds_4096_octets() {
        let filler = Capability::Unknown { code: 200, value: vec![7; 255] };
        let bytes = Message::Open(Open::new(65000, 90, ID, vec![filler; 40])).to_bytes();
        assert!(bytes.len() <= 4096);
        let frame = FrameDecoder::new().next_frame(&mut BytesMut::from(&bytes[..])).unwrap().unwrap();
        assert_eq!(Open::decode(&frame.body()).unwrap().capabilities.len(), 15);
    }
}
