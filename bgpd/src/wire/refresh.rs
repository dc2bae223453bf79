//! ROUTE-REFRESH (RFC 2918, RFC 7313). Outbound route filters (RFC 5291) that may follow
//! are not read; Weft does not offer them.

use super::frame::Frame;
use super::notification::{Notification, RouteRefreshError};
use bytes::BytesMut;

/// The message subtype (RFC 7313 §3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RefreshKind {
    /// 0, send your routes again.
    Normal,
    /// 1, BoRR: I begin to send mine again.
    Begin,
    /// 2, EoRR: that was all.
    End,
    /// Any other; the message is to be ignored (RFC 7313 §5).
    Other(u8),
}

/// A ROUTE-REFRESH.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteRefresh {
    /// Address family.
    pub afi: u16,
    /// Subsequent address family.
    pub safi: u8,
    /// What it asks or says.
    pub kind: RefreshKind,
}

impl RouteRefresh {
    /// Reads a whole message. BoRR and EoRR must be 4 octets after the header; if not, 7/1
    /// with the message (RFC 7313 §5). A message too short for any subtype is told the same.
    pub fn decode(frame: &Frame) -> Result<Self, Notification> {
        let bad_length = || Notification::with_data(RouteRefreshError::InvalidMessageLength, &frame.bytes);
        let body = frame.body();
        let Some((&[a, b, subtype, safi], rest)) = body.split_first_chunk::<4>() else {
            return Err(bad_length());
        };
        let kind = match subtype {
            0 => RefreshKind::Normal,
            1 => RefreshKind::Begin,
            2 => RefreshKind::End,
            other => RefreshKind::Other(other),
        };
        if matches!(kind, RefreshKind::Begin | RefreshKind::End) && !rest.is_empty() {
            return Err(bad_length());
        }
        Ok(Self { afi: u16::from_be_bytes([a, b]), safi, kind })
    }

    /// Appends the body.
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        let [a, b] = self.afi.to_be_bytes();
        let subtype = match self.kind {
            RefreshKind::Normal => 0,
            RefreshKind::Begin => 1,
            RefreshKind::End => 2,
            RefreshKind::Other(other) => other,
        };
        out.extend_from_slice(&[a, b, subtype, self.safi]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{FrameDecoder, Message};

    fn frame(body: &[u8]) -> Frame {
        let mut bytes = BytesMut::from(&[0xff; 16][..]);
        bytes.extend_from_slice(&(19 + u16::try_from(body.len()).unwrap()).to_be_bytes());
        bytes.extend_from_slice(&[5]);
        bytes.extend_from_slice(body);
        FrameDecoder::new().next_frame(&mut bytes).unwrap().unwrap()
    }

    #[test]
    fn every_subtype_has_its_octets() {
        for (kind, subtype) in [
            (RefreshKind::Normal, 0),
            (RefreshKind::Begin, 1),
            (RefreshKind::End, 2),
            (RefreshKind::Other(9), 9),
        ] {
            let refresh = RouteRefresh { afi: 25, safi: 70, kind };
            let bytes = Message::RouteRefresh(refresh).to_bytes();
            assert_eq!(bytes[16..], [0, 23, 5, 0, 25, subtype, 70]);
            assert_eq!(RouteRefresh::decode(&frame(&bytes[19..])), Ok(refresh));
        }
    }

    #[test]
    fn borr_and_eorr_of_another_length_are_7_1_with_the_message() {
        for subtype in [1, 2] {
            for body in [&[0, 25, subtype][..], &[0, 25, subtype, 70, 0], &[0, 25, subtype, 70, 1, 2, 3, 4]] {
                let frame = frame(body);
                let error = RouteRefresh::decode(&frame).unwrap_err();
                assert_eq!(error.error.numbers(), (7, 1));
                assert_eq!(error.data, frame.bytes);
            }
        }
    }

    #[test]
    fn filters_after_a_plain_request_are_not_read() {
        let refresh = RouteRefresh::decode(&frame(&[0, 25, 0, 70, 1, 64, 0, 0])).unwrap();
        assert_eq!(refresh.kind, RefreshKind::Normal);
    }
}
