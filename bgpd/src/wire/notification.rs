//! NOTIFICATION (RFC 4271 §4.5, §6): every error code and subcode by name, with those of RFC
//! 4486, 6608, 7313, 9687 and 8538, the shutdown communication of RFC 9003 and the hard reset
//! of RFC 8538. `Display` writes the names as FRR does: `Cease/Administrative Shutdown`.

use super::reader::Reader;
use bytes::BytesMut;
use std::fmt;

/// The most text that a shutdown communication carries, in octets (RFC 9003 §2).
pub const MAX_COMMUNICATION: usize = 255;
/// The most data that is put in a NOTIFICATION: what fits 4096 octets.
const MAX_DATA: usize = 4096 - 21;

macro_rules! subcodes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)*
            /// A number that is not assigned.
            Other(u8),
        }

        impl $name {
            /// The subcode with this number.
            pub fn from_number(number: u8) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Other(other),
                }
            }

            /// The number on the wire.
            pub fn number(self) -> u8 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Other(other) => other,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant => f.write_str($text),)*
                    Self::Other(other) => write!(f, "Unknown subcode {other}"),
                }
            }
        }
    };
}

subcodes! {
    /// Code 1 (RFC 4271 §6.1).
    MessageHeaderError {
        /// 0
        Unspecific = 0, "Unspecific";
        /// 1, the marker is not all ones.
        ConnectionNotSynchronized = 1, "Connection Not Synchronized";
        /// 2, with the length.
        BadMessageLength = 2, "Bad Message Length";
        /// 3, with the type.
        BadMessageType = 3, "Bad Message Type";
    }
}

subcodes! {
    /// Code 2 (RFC 4271 §6.2, RFC 5492, RFC 9234).
    OpenError {
        /// 0, a malformed optional parameter.
        Unspecific = 0, "Unspecific";
        /// 1, with the version that is supported.
        UnsupportedVersion = 1, "Unsupported Version Number";
        /// 2
        BadPeerAs = 2, "Bad Peer AS";
        /// 3
        BadBgpIdentifier = 3, "Bad BGP Identifier";
        /// 4
        UnsupportedOptionalParameter = 4, "Unsupported Optional Parameter";
        /// 5, no longer used.
        AuthenticationFailure = 5, "Authentication Failure";
        /// 6, a hold time of 1 or 2 seconds.
        UnacceptableHoldTime = 6, "Unacceptable Hold Time";
        /// 7, with the capabilities that are missed (RFC 5492 §5).
        UnsupportedCapability = 7, "Unsupported Capability";
        /// 11 (RFC 9234 §4.2)
        RoleMismatch = 11, "Role Mismatch";
    }
}

subcodes! {
    /// Code 3 (RFC 4271 §6.3). Since RFC 7606 few of them are sent.
    UpdateError {
        /// 0
        Unspecific = 0, "Unspecific";
        /// 1
        MalformedAttributeList = 1, "Malformed Attribute List";
        /// 2, with the attribute.
        UnrecognizedWellKnownAttribute = 2, "Unrecognized Well-known Attribute";
        /// 3, with the type code.
        MissingWellKnownAttribute = 3, "Missing Well-known Attribute";
        /// 4, with the attribute.
        AttributeFlags = 4, "Attribute Flags Error";
        /// 5, with the attribute.
        AttributeLength = 5, "Attribute Length Error";
        /// 6, with the attribute.
        InvalidOrigin = 6, "Invalid ORIGIN Attribute";
        /// 7, no longer used.
        AsRoutingLoop = 7, "AS Routing Loop";
        /// 8, with the attribute.
        InvalidNextHop = 8, "Invalid NEXT_HOP Attribute";
        /// 9, with the attribute.
        OptionalAttribute = 9, "Optional Attribute Error";
        /// 10
        InvalidNetworkField = 10, "Invalid Network Field";
        /// 11
        MalformedAsPath = 11, "Malformed AS_PATH";
    }
}

subcodes! {
    /// Code 5 (RFC 6608).
    FsmError {
        /// 0
        Unspecific = 0, "Unspecific";
        /// 1, with the message type.
        UnexpectedInOpenSent = 1, "Receive Unexpected Message in OpenSent State";
        /// 2, with the message type.
        UnexpectedInOpenConfirm = 2, "Receive Unexpected Message in OpenConfirm State";
        /// 3, with the message type.
        UnexpectedInEstablished = 3, "Receive Unexpected Message in Established State";
    }
}

subcodes! {
    /// Code 6 (RFC 4486, RFC 8538, RFC 9384).
    Cease {
        /// 0
        Unspecific = 0, "Unspecific";
        /// 1, with AFI, SAFI and the limit.
        MaximumPrefixes = 1, "Maximum Number of Prefixes Reached";
        /// 2, with a shutdown communication.
        AdministrativeShutdown = 2, "Administrative Shutdown";
        /// 3
        PeerDeconfigured = 3, "Peer Unconfigured";
        /// 4, with a shutdown communication.
        AdministrativeReset = 4, "Administrative Reset";
        /// 5
        ConnectionRejected = 5, "Connection Rejected";
        /// 6
        OtherConfigurationChange = 6, "Other Configuration Change";
        /// 7
        ConnectionCollision = 7, "Connection Collision Resolution";
        /// 8
        OutOfResources = 8, "Out of Resources";
        /// 9, with an inner code, subcode and data.
        HardReset = 9, "Hard Reset";
        /// 10 (RFC 9384)
        BfdDown = 10, "BFD Down";
    }
}

subcodes! {
    /// Code 7 (RFC 7313 §5).
    RouteRefreshError {
        /// 0, reserved.
        Unspecific = 0, "Unspecific";
        /// 1, with the whole message.
        InvalidMessageLength = 1, "Invalid Message Length";
    }
}

/// What was wrong: error code and subcode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// 1
    MessageHeader(MessageHeaderError),
    /// 2
    Open(OpenError),
    /// 3
    Update(UpdateError),
    /// 4; its subcode is 0, others are kept.
    HoldTimerExpired(u8),
    /// 5
    Fsm(FsmError),
    /// 6
    Cease(Cease),
    /// 7
    RouteRefresh(RouteRefreshError),
    /// 8 (RFC 9687); its subcode is 0, others are kept.
    SendHoldTimerExpired(u8),
    /// A code that is not assigned.
    Other {
        /// The code.
        code: u8,
        /// The subcode.
        subcode: u8,
    },
}

impl ErrorCode {
    /// 4/0.
    pub const HOLD_TIMER_EXPIRED: Self = Self::HoldTimerExpired(0);
    /// 8/0.
    pub const SEND_HOLD_TIMER_EXPIRED: Self = Self::SendHoldTimerExpired(0);

    /// The error with these numbers.
    pub fn from_numbers(code: u8, subcode: u8) -> Self {
        match code {
            1 => Self::MessageHeader(MessageHeaderError::from_number(subcode)),
            2 => Self::Open(OpenError::from_number(subcode)),
            3 => Self::Update(UpdateError::from_number(subcode)),
            4 => Self::HoldTimerExpired(subcode),
            5 => Self::Fsm(FsmError::from_number(subcode)),
            6 => Self::Cease(Cease::from_number(subcode)),
            7 => Self::RouteRefresh(RouteRefreshError::from_number(subcode)),
            8 => Self::SendHoldTimerExpired(subcode),
            _ => Self::Other { code, subcode },
        }
    }

    /// Code and subcode.
    pub fn numbers(self) -> (u8, u8) {
        match self {
            Self::MessageHeader(sub) => (1, sub.number()),
            Self::Open(sub) => (2, sub.number()),
            Self::Update(sub) => (3, sub.number()),
            Self::HoldTimerExpired(sub) => (4, sub),
            Self::Fsm(sub) => (5, sub.number()),
            Self::Cease(sub) => (6, sub.number()),
            Self::RouteRefresh(sub) => (7, sub.number()),
            Self::SendHoldTimerExpired(sub) => (8, sub),
            Self::Other { code, subcode } => (code, subcode),
        }
    }
}

macro_rules! into_error_code {
    ($($sub:ident => $variant:ident),*) => {
        $(impl From<$sub> for ErrorCode {
            fn from(sub: $sub) -> Self {
                Self::$variant(sub)
            }
        })*
    };
}
into_error_code!(MessageHeaderError => MessageHeader, OpenError => Open, UpdateError => Update,
    FsmError => Fsm, Cease => Cease, RouteRefreshError => RouteRefresh);

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MessageHeader(sub) => write!(f, "Message Header Error/{sub}"),
            Self::Open(sub) => write!(f, "OPEN Message Error/{sub}"),
            Self::Update(sub) => write!(f, "UPDATE Message Error/{sub}"),
            Self::HoldTimerExpired(_) => f.write_str("Hold Timer Expired"),
            Self::Fsm(sub) => write!(f, "Finite State Machine Error/{sub}"),
            Self::Cease(sub) => write!(f, "Cease/{sub}"),
            Self::RouteRefresh(sub) => write!(f, "ROUTE-REFRESH Message Error/{sub}"),
            Self::SendHoldTimerExpired(_) => f.write_str("Send Hold Timer Expired"),
            Self::Other { code, subcode } => write!(f, "Unknown error {code}/{subcode}"),
        }
    }
}

/// A NOTIFICATION, received or to be sent. Sending one ends the session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub struct Notification {
    /// Code and subcode.
    pub error: ErrorCode,
    /// The data field.
    pub data: Vec<u8>,
}

impl Notification {
    /// Without data.
    pub fn new(error: impl Into<ErrorCode>) -> Self {
        Self { error: error.into(), data: Vec::new() }
    }

    /// With data, cut to what a message of 4096 octets can carry.
    pub fn with_data(error: impl Into<ErrorCode>, data: &[u8]) -> Self {
        Self { error: error.into(), data: data.get(..MAX_DATA).unwrap_or(data).to_vec() }
    }

    /// A Cease with a shutdown communication (RFC 9003 §2), meant for the subcodes 2 and 4. The text
    /// is cut to 255 octets, at a character's edge.
    pub fn cease_with_communication(cease: Cease, text: &str) -> Self {
        let end = (0..=text.len().min(MAX_COMMUNICATION))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        let text = text.get(..end).unwrap_or_default();
        let mut data = Vec::with_capacity(1 + text.len());
        data.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
        data.extend_from_slice(text.as_bytes());
        Self { error: cease.into(), data }
    }

    /// Wrapped in a Hard Reset, which tells the receiver not to retain routes (RFC 8538 §3.1).
    pub fn into_hard_reset(self) -> Self {
        let (code, subcode) = self.error.numbers();
        let mut data = vec![code, subcode];
        data.extend_from_slice(&self.data);
        data.truncate(MAX_DATA);
        Self { error: Cease::HardReset.into(), data }
    }

    /// The NOTIFICATION inside a Hard Reset, if this is one that has one.
    pub fn hard_reset_cause(&self) -> Option<Notification> {
        match (self.error, self.data.as_slice()) {
            (ErrorCode::Cease(Cease::HardReset), [code, subcode, data @ ..]) => {
                Some(Self { error: ErrorCode::from_numbers(*code, *subcode), data: data.to_vec() })
            }
            _ => None,
        }
    }

    /// True for a Hard Reset: with it routes are not retained (RFC 8538 §4).
    pub fn is_hard_reset(&self) -> bool {
        self.error == ErrorCode::Cease(Cease::HardReset)
    }

    /// The shutdown communication, if there is one (RFC 9003 §2), also within a Hard Reset. Fit
    /// for a terminal and a log: octets that are no UTF-8 become U+FFFD, control characters
    /// are escaped. `None` too when its length octet is more than what follows.
    pub fn communication(&self) -> Option<String> {
        match self.error {
            ErrorCode::Cease(Cease::AdministrativeShutdown | Cease::AdministrativeReset) => {
                let mut reader = Reader(&self.data);
                let length = reader.u8().filter(|&length| length > 0)?;
                let text = String::from_utf8_lossy(reader.take(usize::from(length))?).into_owned();
                Some(printable(&text))
            }
            ErrorCode::Cease(Cease::HardReset) => {
                let cause = self.hard_reset_cause()?;
                // A Hard Reset within a Hard Reset has no meaning; it must not recurse either.
                if cause.is_hard_reset() { None } else { cause.communication() }
            }
            _ => None,
        }
    }

    /// Reads the body of a NOTIFICATION (what follows the header). Nothing in it can be an
    /// error that is answered (RFC 4271 §6.4); `None` if it has fewer than two octets, which
    /// the header's check does not let through.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let (code, subcode) = (reader.u8()?, reader.u8()?);
        Some(Self { error: ErrorCode::from_numbers(code, subcode), data: reader.0.to_vec() })
    }

    /// Appends the body; data beyond what 4096 octets carry is cut.
    pub(super) fn encode_body(&self, out: &mut BytesMut) {
        let (code, subcode) = self.error.numbers();
        out.extend_from_slice(&[code, subcode]);
        out.extend_from_slice(self.data.get(..MAX_DATA).unwrap_or(&self.data));
    }
}

/// Escapes control characters, and the marks that reverse the direction of writing.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

impl fmt::Display for Notification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        if let Some(cause) = self.hard_reset_cause() {
            write!(f, " ({})", cause.error)?;
        }
        match self.communication() {
            Some(text) => write!(f, " \"{text}\""),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;

    #[test]
    fn every_number_comes_back() {
        for code in 0..=255 {
            for subcode in 0..=255 {
                assert_eq!(ErrorCode::from_numbers(code, subcode).numbers(), (code, subcode));
            }
        }
    }

    #[test]
    fn names_are_those_of_frr() {
        for (code, subcode, name) in [
            (1, 1, "Message Header Error/Connection Not Synchronized"),
            (1, 2, "Message Header Error/Bad Message Length"),
            (1, 3, "Message Header Error/Bad Message Type"),
            (2, 0, "OPEN Message Error/Unspecific"),
            (2, 1, "OPEN Message Error/Unsupported Version Number"),
            (2, 2, "OPEN Message Error/Bad Peer AS"),
            (2, 3, "OPEN Message Error/Bad BGP Identifier"),
            (2, 4, "OPEN Message Error/Unsupported Optional Parameter"),
            (2, 6, "OPEN Message Error/Unacceptable Hold Time"),
            (2, 7, "OPEN Message Error/Unsupported Capability"),
            (2, 11, "OPEN Message Error/Role Mismatch"),
            (3, 1, "UPDATE Message Error/Malformed Attribute List"),
            (3, 9, "UPDATE Message Error/Optional Attribute Error"),
            (3, 11, "UPDATE Message Error/Malformed AS_PATH"),
            (4, 0, "Hold Timer Expired"),
            (5, 3, "Finite State Machine Error/Receive Unexpected Message in Established State"),
            (6, 2, "Cease/Administrative Shutdown"),
            (6, 7, "Cease/Connection Collision Resolution"),
            (6, 9, "Cease/Hard Reset"),
            (6, 99, "Cease/Unknown subcode 99"),
            (7, 1, "ROUTE-REFRESH Message Error/Invalid Message Length"),
            (8, 0, "Send Hold Timer Expired"),
            (77, 3, "Unknown error 77/3"),
        ] {
            assert_eq!(ErrorCode::from_numbers(code, subcode).to_string(), name);
        }
    }

    #[test]
    fn the_octets_are_code_subcode_data() {
        let notification = Notification::with_data(MessageHeaderError::BadMessageLength, &[0x10, 0x01]);
        let bytes = Message::Notification(notification.clone()).to_bytes();
        assert_eq!(bytes[16..], [0, 23, 3, 1, 2, 0x10, 0x01]);
        assert_eq!(Notification::decode(&bytes[19..]), Some(notification));
    }

    #[test]
    fn a_shutdown_communication_has_a_length_octet() {
        let notification =
            Notification::cease_with_communication(Cease::AdministrativeShutdown, "maintenance é");
        assert_eq!(notification.data, b"\x0emaintenance \xc3\xa9");
        assert_eq!(notification.to_string(), "Cease/Administrative Shutdown \"maintenance é\"");
    }

    #[test]
    fn a_long_text_is_cut_at_the_edge_of_a_character() {
        let notification =
            Notification::cease_with_communication(Cease::AdministrativeReset, &"é".repeat(200));
        assert_eq!(notification.data[0], 254);
        assert_eq!(notification.data.len(), 255);
        assert_eq!(notification.communication(), Some("é".repeat(127)));
    }

    #[test]
    fn bad_text_does_no_harm() {
        let data = |data: &[u8]| Notification::with_data(Cease::AdministrativeShutdown, data).communication();
        assert_eq!(data(&[]), None);
        assert_eq!(data(&[0]), None);
        assert_eq!(data(b"\x05abc"), None, "longer than the message");
        assert_eq!(data(b"\x02a\xff"), Some("a\u{fffd}".into()));
        assert_eq!(data(b"\x06a\x1b[2J\n"), Some("a\\u{1b}[2J\\n".into()));
        assert_eq!(data("\u{3}\u{202e}".as_bytes()), Some("\\u{202e}".into()));
        assert_eq!(data(b"\x01ab and more"), Some("a".into()));
    }

    #[test]
    fn a_hard_reset_wraps_its_cause() {
        let cause = Notification::cease_with_communication(Cease::AdministrativeShutdown, "bye");
        let reset = cause.clone().into_hard_reset();
        assert_eq!(reset.data, b"\x06\x02\x03bye");
        assert!(reset.is_hard_reset());
        assert_eq!(reset.hard_reset_cause(), Some(cause));
        assert_eq!(reset.to_string(), "Cease/Hard Reset (Cease/Administrative Shutdown) \"bye\"");
        // One that wraps itself, and one without a cause.
        assert_eq!(reset.into_hard_reset().communication(), None);
        assert_eq!(Notification::new(Cease::HardReset).hard_reset_cause(), None);
    }

    #[test]
    fn data_never_makes_a_message_too_long() {
        let long = Notification::with_data(UpdateError::OptionalAttribute, &[7; 9000]);
        assert_eq!(Message::Notification(long.clone()).to_bytes().len(), 4096);
        assert_eq!(Message::Notification(long.into_hard_reset()).to_bytes().len(), 4096);
        let by_hand = Notification { error: ErrorCode::HOLD_TIMER_EXPIRED, data: vec![0; 70000] };
        assert_eq!(Message::Notification(by_hand).to_bytes().len(), 4096);
    }
}
