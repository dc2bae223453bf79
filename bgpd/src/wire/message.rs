//! A message of any type: `Decoder` reads it from a frame, `Message::encode` writes it.

use super::frame::{Frame, HEADER_LENGTH, MARKER, MAX_LENGTH, MessageType};
use super::notification::{ErrorCode, Notification};
use super::open::Open;
use super::refresh::RouteRefresh;
use super::update::{
    AttributeCache, AttributeIssue, DecodeContext, Decoded, EncodeContext, EncodeError, Update, UpdateEncoder,
};
use bytes::BytesMut;

/// A BGP message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Type 1.
    Open(Open),
    /// Type 2.
    Update(Update),
    /// Type 3.
    Notification(Notification),
    /// Type 4.
    Keepalive,
    /// Type 5.
    RouteRefresh(RouteRefresh),
}

/// Reads messages of one session: what was negotiated, and the attribute sets seen last.
#[derive(Debug, Default)]
pub struct Decoder {
    context: DecodeContext,
    cache: AttributeCache,
}

impl Decoder {
    /// A decoder for a session of which `context` is known.
    pub fn new(context: DecodeContext) -> Self {
        Self { context, cache: AttributeCache::default() }
    }

    /// What holds for UPDATEs from now on; needed before the first one.
    pub fn set_context(&mut self, context: DecodeContext) {
        *self = Self::new(context);
    }

    /// What holds for UPDATEs.
    pub fn context(&self) -> &DecodeContext {
        &self.context
    }

    /// Reads one message. The issues are what was amiss in an UPDATE without ending the
    /// session (RFC 7606), for the log, together with `frame.bytes`. An error is the
    /// NOTIFICATION to send.
    pub fn decode(&mut self, frame: &Frame) -> Result<(Message, Vec<AttributeIssue>), Notification> {
        let message = match frame.kind {
            MessageType::Open => Message::Open(Open::decode(&frame.body())?),
            MessageType::Update => {
                let Decoded { update, issues } = self.decode_update(frame)?;
                return Ok((Message::Update(update), issues));
            }
            MessageType::Notification => Message::Notification(
                Notification::decode(&frame.body())
                    .unwrap_or_else(|| Notification::new(ErrorCode::from_numbers(0, 0))),
            ),
            MessageType::Keepalive => Message::Keepalive,
            MessageType::RouteRefresh => Message::RouteRefresh(RouteRefresh::decode(frame)?),
        };
        Ok((message, Vec::new()))
    }

    /// Reads an UPDATE.
    pub fn decode_update(&mut self, frame: &Frame) -> Result<Decoded, Notification> {
        super::update::decode(frame, &self.context, &mut self.cache)
    }
}

impl Message {
    /// The type.
    pub fn kind(&self) -> MessageType {
        match self {
            Self::Open(_) => MessageType::Open,
            Self::Update(_) => MessageType::Update,
            Self::Notification(_) => MessageType::Notification,
            Self::Keepalive => MessageType::Keepalive,
            Self::RouteRefresh(_) => MessageType::RouteRefresh,
        }
    }

    /// Appends the message. An UPDATE may become several messages: its withdrawals, its
    /// announcements and its End-of-RIB are written one after another, and packed as
    /// `context` limits. For many routes use `UpdateEncoder` itself.
    pub fn encode(&self, context: &EncodeContext, out: &mut BytesMut) -> Result<(), EncodeError> {
        if let Self::Update(update) = self {
            return UpdateEncoder::new(context.clone()).update(update, out);
        }
        let start = out.len();
        out.extend_from_slice(&MARKER);
        out.extend_from_slice(&[0, 0, self.kind() as u8]);
        match self {
            Self::Open(open) => open.encode_body(out),
            Self::Notification(notification) => notification.encode_body(out),
            Self::RouteRefresh(refresh) => refresh.encode_body(out),
            Self::Keepalive | Self::Update(_) => {}
        }
        let length = u16::try_from(out.len() - start).unwrap_or(MAX_LENGTH);
        if let Some(field) = out.get_mut(start + HEADER_LENGTH - 3..start + HEADER_LENGTH - 1) {
            field.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    /// The message alone, for those that need no context: everything but UPDATE.
    pub fn to_bytes(&self) -> bytes::Bytes {
        let mut out = BytesMut::new();
        // Only an UPDATE can fail to fit; it then gives no octets.
        let _ = self.encode(&EncodeContext::default(), &mut out);
        out.freeze()
    }
}
