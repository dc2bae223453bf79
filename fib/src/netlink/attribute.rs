//! The framing of netlink: messages in a buffer, attributes in a message; read without allocation, written
//! into a reused buffer. Reading never panics, whatever the bytes: a length that does not fit ends the walk.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::MacAddr;

const MESSAGE_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
/// `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`, which are no part of the type.
const TYPE_MASK: u16 = 0x3fff;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;

fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// The first `N` bytes of `bytes`.
fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.first_chunk::<N>().copied()
}

/// The head of a netlink message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Message type.
    pub kind: u16,
    /// `NLM_F_…`
    pub flags: u16,
    /// Sequence number of the request; 0 in notifications the kernel makes by itself.
    pub sequence: u32,
}

/// Walks the messages of one datagram.
#[derive(Debug, Clone)]
pub struct Messages<'a>(&'a [u8]);

impl<'a> Messages<'a> {
    /// The messages in `datagram`.
    pub fn new(datagram: &'a [u8]) -> Self {
        Messages(datagram)
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = (Header, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let head: [u8; MESSAGE_HEADER] = array(self.0)?;
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = head;
        let length = usize::try_from(u32::from_ne_bytes([a, b, c, d])).ok()?;
        let payload = self.0.get(MESSAGE_HEADER..length)?;
        let header = Header {
            kind: u16::from_ne_bytes([e, f]),
            flags: u16::from_ne_bytes([g, h]),
            sequence: u32::from_ne_bytes([i, j, k, l]),
        };
        self.0 = self.0.get(align(length)..).unwrap_or_default();
        Some((header, payload))
    }
}

/// Walks the attributes of one message or nest.
#[derive(Debug, Clone)]
pub struct Attributes<'a>(&'a [u8]);

impl<'a> Attributes<'a> {
    /// The attributes in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Attributes(bytes)
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let [a, b, c, d]: [u8; ATTRIBUTE_HEADER] = array(self.0)?;
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let value = self.0.get(ATTRIBUTE_HEADER..length)?;
        self.0 = self.0.get(align(length)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & TYPE_MASK, value))
    }
}

/// A number in host order; `None` when the attribute has another length.
pub fn u32_of(value: &[u8]) -> Option<u32> {
    (value.len() == 4).then(|| array(value).map(u32::from_ne_bytes))?
}

/// See [`u32_of`].
pub fn u16_of(value: &[u8]) -> Option<u16> {
    (value.len() == 2).then(|| array(value).map(u16::from_ne_bytes))?
}

/// An address; its family is told by the length.
pub fn ip_of(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => array::<4>(value).map(|octets| IpAddr::V4(Ipv4Addr::from(octets))),
        16 => array::<16>(value).map(|octets| IpAddr::V6(Ipv6Addr::from(octets))),
        _ => None,
    }
}

/// A MAC; `None` for the longer addresses of other link layers.
pub fn mac_of(value: &[u8]) -> Option<MacAddr> {
    (value.len() == 6).then(|| array(value).map(MacAddr))?
}

/// Appends messages to a buffer that is reused from batch to batch.
#[derive(Debug, Default)]
pub struct MessageBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl MessageBuffer {
    /// Forgets the content, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// What was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Starts a message; everything up to [`MessageBuffer::end`] belongs to it.
    #[inline]
    pub fn begin(&mut self, kind: u16, flags: u16, sequence: u32) {
        self.start = self.bytes.len();
        let [a, b] = kind.to_ne_bytes();
        let [c, d] = flags.to_ne_bytes();
        let [e, f, g, h] = sequence.to_ne_bytes();
        self.bytes.extend_from_slice(&[0, 0, 0, 0, a, b, c, d, e, f, g, h, 0, 0, 0, 0]);
    }

    /// The fixed part that follows the header (`ndmsg`, `nhmsg`).
    #[inline]
    pub fn fixed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// One attribute. Inlined, so that one of a length that the compiler knows costs a few stores.
    #[inline(always)]
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        // Every attribute of ours has a fixed short length, so this cannot saturate.
        let length = u16::try_from(ATTRIBUTE_HEADER + value.len()).unwrap_or(u16::MAX);
        let [a, b] = length.to_ne_bytes();
        let [c, d] = kind.to_ne_bytes();
        self.bytes.extend_from_slice(&[a, b, c, d]);
        self.bytes.extend_from_slice(value);
        match value.len() % 4 {
            0 => {}
            1 => self.bytes.extend_from_slice(&[0; 3]),
            2 => self.bytes.extend_from_slice(&[0; 2]),
            _ => self.bytes.push(0),
        }
    }

    /// A text with the end mark that the kernel expects.
    pub fn text(&mut self, kind: u16, text: &str) {
        let mut bytes = Vec::with_capacity(text.len() + 1);
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
        self.attribute(kind, &bytes);
    }

    /// An attribute that consists of attributes.
    pub fn nest(&mut self, kind: u16, content: impl FnOnce(&mut Self)) {
        let start = self.bytes.len();
        self.attribute(kind | NESTED, &[]);
        content(self);
        let length = u16::try_from(self.bytes.len() - start).unwrap_or(u16::MAX);
        if let Some(field) = self.bytes.get_mut(start..start + 2) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
    }

    /// An address attribute.
    #[inline]
    pub fn ip(&mut self, kind: u16, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.attribute(kind, &ip.octets()),
            IpAddr::V6(ip) => self.attribute(kind, &ip.octets()),
        }
    }

    /// Closes the message that [`MessageBuffer::begin`] opened: its length is known now.
    pub fn end(&mut self) {
        let length = u32::try_from(self.bytes.len() - self.start).unwrap_or(u32::MAX);
        if let Some(field) = self.bytes.get_mut(self.start..self.start + 4) {
            field.copy_from_slice(&length.to_ne_bytes());
        }
    }

    /// Sets flags in the header of the last message that was begun.
    pub fn add_flags_to_last(&mut self, flags: u16) {
        if let Some(field) = self.bytes.get_mut(self.start + 6..self.start + 8)
            && let Ok(old) = <[u8; 2]>::try_from(&*field)
        {
            field.copy_from_slice(&(u16::from_ne_bytes(old) | flags).to_ne_bytes());
        }
    }
}
