//! The BGP wire codec: bytes in, messages out, and back. Parsing never panics.
//!
//! `frame` finds messages in a byte stream (RFC 4271 §4.1, RFC 8654), `message` reads and
//! writes one of any type, and each type has a file: `open` with `capability`, `update` with
//! `attribute`, `notification`, `refresh`. What a peer did wrong becomes either a
//! `Notification` that ends the session, or an `AttributeIssue` that is logged (RFC 7606).
//! No file here knows a socket, a timer or a table.

pub mod attribute;
pub mod capability;
pub mod family;
pub mod frame;
pub mod fuzz;
pub mod membership;
pub mod message;
pub mod notification;
pub mod open;
mod reader;
pub mod refresh;
pub mod unicast;
pub mod update;

pub use attribute::AttributeSet;
pub use capability::Capability;
pub use family::Family;
pub use frame::{Frame, FrameDecoder, MessageType};
pub use membership::Membership;
pub use message::{Decoder, Message};
pub use notification::Notification;
pub use open::Open;
pub use refresh::RouteRefresh;
pub use update::{
    AttributeIssue, DecodeContext, EncodeContext, EncodedAttributes, NlriBlock, SessionKind, Update,
    UpdateEncoder,
};

#[cfg(test)]
mod tests;
