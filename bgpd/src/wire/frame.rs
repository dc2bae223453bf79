//! Finds messages in a TCP stream: marker, length, type (RFC 4271 §4.1, §6.1), with the
//! larger limit of RFC 8654. What is inside a message is read by `message`.

use super::notification::{MessageHeaderError, Notification};
use bytes::{Buf, Bytes, BytesMut};

/// Octets of marker, length and type.
pub const HEADER_LENGTH: usize = 19;
/// The largest message without the extended message capability.
pub const MAX_LENGTH: u16 = 4096;
/// The largest message with it (RFC 8654 §3).
pub const MAX_EXTENDED_LENGTH: u16 = u16::MAX;
/// The marker: all ones (RFC 4271 §4.1).
pub const MARKER: [u8; 16] = [0xff; 16];

/// The message types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageType {
    /// 1
    Open = 1,
    /// 2
    Update = 2,
    /// 3
    Notification = 3,
    /// 4
    Keepalive = 4,
    /// 5 (RFC 2918)
    RouteRefresh = 5,
}

impl MessageType {
    /// The type with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Open,
            2 => Self::Update,
            3 => Self::Notification,
            4 => Self::Keepalive,
            5 => Self::RouteRefresh,
            _ => return None,
        })
    }

    /// The least and the greatest length (header included) that the type may have on a
    /// session whose limit is `max` (RFC 4271 §6.1; OPEN and KEEPALIVE: RFC 8654 §4).
    fn bounds(self, max: u16) -> (u16, u16) {
        match self {
            Self::Open => (29, MAX_LENGTH),
            Self::Update => (23, max),
            Self::Notification => (21, max),
            Self::Keepalive => (19, 19),
            // Its own decoder judges the length: RFC 7313 §5 has an error of its own for it.
            Self::RouteRefresh => (19, max),
        }
    }
}

/// One whole message whose header has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The type.
    pub kind: MessageType,
    /// The whole message, header included, for the log and for NOTIFICATION data. A slice
    /// of the receive buffer.
    pub bytes: Bytes,
}

impl Frame {
    /// What follows the header.
    pub fn body(&self) -> Bytes {
        let mut body = self.bytes.clone();
        body.advance(HEADER_LENGTH.min(body.len()));
        body
    }
}

/// Checks a header against the session's limit `max` and gives type and length (19 to `max`).
/// Errors are 1/1, 1/2 with the bad length, 1/3 with the bad type (RFC 4271 §6.1).
pub fn decode_header(header: &[u8; HEADER_LENGTH], max: u16) -> Result<(MessageType, u16), Notification> {
    let [marker @ .., high, low, number] = header;
    if *marker != MARKER {
        return Err(Notification::new(MessageHeaderError::ConnectionNotSynchronized));
    }
    let length = u16::from_be_bytes([*high, *low]);
    let bad_length = || Notification::with_data(MessageHeaderError::BadMessageLength, &length.to_be_bytes());
    if usize::from(length) < HEADER_LENGTH || length > max {
        return Err(bad_length());
    }
    let Some(kind) = MessageType::from_number(*number) else {
        return Err(Notification::with_data(MessageHeaderError::BadMessageType, &[*number]));
    };
    let (least, most) = kind.bounds(max);
    if !(least..=most).contains(&length) {
        return Err(bad_length());
    }
    Ok((kind, length))
}

/// Cuts messages from a receive buffer.
#[derive(Debug, Clone)]
pub struct FrameDecoder {
    max: u16,
}

impl Default for FrameDecoder {
    fn default() -> Self {
        Self { max: MAX_LENGTH }
    }
}

impl FrameDecoder {
    /// A decoder for a new connection: 4096 octets at most.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts messages of up to `max` octets, from the next one on. RFC 8654 §4: whoever
    /// has advertised the extended message capability must accept 65,535.
    pub fn set_max_length(&mut self, max: u16) {
        self.max = max.max(MAX_LENGTH);
    }

    /// The next whole message, or `None` until more octets have come. After an error the
    /// stream is out of step and must not be read on.
    pub fn next_frame(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, Notification> {
        let Some(header) = buffer.first_chunk::<HEADER_LENGTH>() else { return Ok(None) };
        let (kind, length) = decode_header(header, self.max)?;
        if buffer.len() < usize::from(length) {
            return Ok(None);
        }
        Ok(Some(Frame { kind, bytes: buffer.split_to(usize::from(length)).freeze() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::notification::ErrorCode;

    fn header(length: u16, kind: u8) -> [u8; 19] {
        let mut header = [0xff; 19];
        header[16..18].copy_from_slice(&length.to_be_bytes());
        header[18] = kind;
        header
    }

    fn error(header: &[u8; 19], max: u16) -> ((u8, u8), Vec<u8>) {
        let notification = decode_header(header, max).unwrap_err();
        (notification.error.numbers(), notification.data)
    }

    #[test]
    fn a_marker_that_is_not_all_ones_is_1_1() {
        let mut bytes = header(19, 4);
        bytes[15] = 0xfe;
        assert_eq!(error(&bytes, MAX_LENGTH), ((1, 1), vec![]));
    }

    #[test]
    fn a_bad_length_is_1_2_with_that_length() {
        for (length, kind, max) in [
            (18u16, 4, MAX_LENGTH),
            (0, 2, MAX_LENGTH),
            (4097, 2, MAX_LENGTH),
            (20, 4, MAX_LENGTH),
            (28, 1, MAX_LENGTH),
            (22, 2, MAX_LENGTH),
            (20, 3, MAX_LENGTH),
            // RFC 8654 §4: OPEN and KEEPALIVE stay small.
            (4097, 1, MAX_EXTENDED_LENGTH),
            (20, 4, MAX_EXTENDED_LENGTH),
        ] {
            let data = length.to_be_bytes().to_vec();
            assert_eq!(error(&header(length, kind), max), ((1, 2), data), "length {length} type {kind}");
        }
    }

    #[test]
    fn a_bad_type_is_1_3_with_that_type() {
        for kind in [0, 6, 255] {
            assert_eq!(error(&header(19, kind), MAX_LENGTH), ((1, 3), vec![kind]));
        }
    }

    #[test]
    fn lengths_at_the_edge_are_good() {
        for (length, kind, max) in [
            (19, 4, MAX_LENGTH),
            (29, 1, MAX_LENGTH),
            (4096, 1, MAX_EXTENDED_LENGTH),
            (23, 2, MAX_LENGTH),
            (4096, 2, MAX_LENGTH),
            (65535, 2, MAX_EXTENDED_LENGTH),
            (21, 3, MAX_LENGTH),
            (65535, 3, MAX_EXTENDED_LENGTH),
            (23, 5, MAX_LENGTH),
        ] {
            assert_eq!(decode_header(&header(length, kind), max).map(|(_, length)| length), Ok(length));
        }
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let mut stream = header(19, 4).to_vec();
        stream.extend_from_slice(&header(23, 2));
        stream.extend_from_slice(&[0; 4]);
        stream.extend_from_slice(&header(19, 4));
        for step in 1..stream.len() {
            let (mut decoder, mut buffer, mut found) = (FrameDecoder::new(), BytesMut::new(), Vec::new());
            for piece in stream.chunks(step) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = decoder.next_frame(&mut buffer).unwrap() {
                    found.push((frame.kind, frame.bytes.len(), frame.body().len()));
                }
            }
            use MessageType::{Keepalive, Update};
            assert_eq!(found, [(Keepalive, 19, 0), (Update, 23, 4), (Keepalive, 19, 0)]);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn a_large_message_is_taken_once_the_limit_is_raised() {
        let mut stream = header(5000, 2).to_vec();
        stream.resize(5000, 0);
        let mut decoder = FrameDecoder::new();
        let refused = decoder.next_frame(&mut BytesMut::from(&stream[..])).unwrap_err();
        assert_eq!(refused.error, ErrorCode::from_numbers(1, 2));
        decoder.set_max_length(MAX_EXTENDED_LENGTH);
        let frame = decoder.next_frame(&mut BytesMut::from(&stream[..])).unwrap().unwrap();
        assert_eq!(frame.bytes.len(), 5000);
    }
}
