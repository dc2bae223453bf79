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
