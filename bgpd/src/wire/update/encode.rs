//! Writes UPDATEs: as many NLRI into each as fit, MP_REACH_NLRI first (RFC 7606 §5.1), and
//! the attributes of a set encoded once for all of them. One reachability field a message.
//!
//! Announcements go into MP_REACH_NLRI and withdrawals into MP_UNREACH_NLRI, but for IPv4
//! unicast, which every speaker understands in the fields that are older: only routes with an
//! IPv6 next hop (RFC 8950) need MP_REACH_NLRI there.

use super::{AttributeSet, NlriBlock, Update};
use crate::wire::attribute::{code, emit_set, multiprotocol, multiprotocol::NextHop};
use crate::wire::family::{Family, FamilyRow};
use crate::wire::frame::{HEADER_LENGTH, MARKER, MAX_LENGTH, MessageType};
use bytes::{BufMut, BytesMut};
use std::net::{IpAddr, Ipv4Addr};

/// Header, two length fields.
const FIXED: usize = HEADER_LENGTH + 4;

/// What was negotiated for a session, or a group of them, and matters for writing UPDATEs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncodeContext {
    /// AS numbers have 4 octets; if not, AS_TRANS and the AS4 attributes are used (RFC 6793).
    pub four_octet_as: bool,
    /// The families whose NLRI are preceded by path identifiers.
    pub add_path: Vec<Family>,
    /// IPv4 unicast may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// The longest message: 4096, or 65535 (RFC 8654).
    pub max_length: u16,
}

impl Default for EncodeContext {
    fn default() -> Self {
        Self { four_octet_as: true, add_path: Vec::new(), extended_next_hop: false, max_length: MAX_LENGTH }
    }
}

/// Routes cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// Not even one route fits beside the attributes. The peer must then see the route as
    /// withdrawn.
    #[error("{attributes} octets of attributes leave no room for a route in {limit} octets")]
    TooLong {
        /// Octets of the attributes.
        attributes: usize,
        /// The session's limit.
        limit: u16,
    },
    /// The set has no next hop, or one of a family that MP_REACH_NLRI cannot carry here.
    #[error("no next hop that the family can carry")]
    NextHop,
    /// The UPDATE announces routes without attributes.
    #[error("routes without attributes")]
    NoAttributes,
}

/// An attribute set in wire form, to be written beside any number of NLRI.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedAttributes {
    next_hop: Option<NextHop>,
    octets: Vec<u8>,
    /// Where NEXT_HOP belongs among them.
    next_hop_at: usize,
}

impl EncodedAttributes {
    /// Encodes `set`.
    pub fn new(set: &AttributeSet, context: &EncodeContext) -> Self {
        let mut encoded = Self::default();
        encoded.set(set, context);
        encoded
    }

    /// Encodes `set` in place of what was there, in the same memory.
    pub fn set(&mut self, set: &AttributeSet, context: &EncodeContext) {
        self.next_hop = set.next_hop.map(|address| NextHop { address, link_local: set.link_local_next_hop });
        self.octets.clear();
        self.next_hop_at = emit_set(set, context.four_octet_as, &mut self.octets);
    }

    /// The attributes but MP_REACH_NLRI and NEXT_HOP, in wire form.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// What a `Packer` has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packed {
    /// UPDATEs.
    pub messages: usize,
    /// Routes in them.
    pub routes: usize,
}

/// Writes UPDATEs for one session or update group.
#[derive(Debug, Clone, Default)]
pub struct UpdateEncoder {
    context: EncodeContext,
    /// The value of the multiprotocol attribute that is being filled.
    value: Vec<u8>,
}

impl UpdateEncoder {
    /// An encoder for what was negotiated.
    pub fn new(context: EncodeContext) -> Self {
        Self { context, value: Vec::new() }
    }

    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        self.value.capacity()
    }

    /// What was negotiated.
    pub fn context(&self) -> &EncodeContext {
        &self.context
    }

    /// Begins to announce routes of `family` with `attributes`; whole messages are appended
    /// to `out`.
    pub fn announce<'a>(
        &'a mut self,
        family: Family,
        attributes: &'a EncodedAttributes,
        out: &'a mut BytesMut,
    ) -> Result<Packer<'a>, EncodeError> {
        let row = family.row();
        let next_hop = attributes.next_hop.ok_or(EncodeError::NextHop)?;
        self.value.clear();
        let field = match (family, next_hop.address) {
            (Family::Ipv4Unicast, IpAddr::V4(next_hop)) => Field::Nlri { next_hop },
            (_, address) => {
                let length = if address.is_ipv4() { 4 } else { 16 };
                let agreed = family != Family::Ipv4Unicast || self.context.extended_next_hop;
                if !agreed || !row.next_hop_lengths.contains(&length) {
                    return Err(EncodeError::NextHop);
                }
                multiprotocol::emit_reach_front(row, next_hop, &mut self.value);
                Field::Multiprotocol { code: code::MP_REACH_NLRI }
            }
        };
        Ok(self.packer(row, field, attributes.octets.split_at_checked(attributes.next_hop_at), out))
    }

    /// Begins to withdraw routes of `family`; whole messages are appended to `out`.
    pub fn withdraw<'a>(&'a mut self, family: Family, out: &'a mut BytesMut) -> Packer<'a> {
        self.value.clear();
        let field = match family {
            Family::Ipv4Unicast => Field::Withdrawn,
            _ => {
                multiprotocol::emit_unreach_front(family.row(), &mut self.value);
                Field::Multiprotocol { code: code::MP_UNREACH_NLRI }
            }
        };
        self.packer(family.row(), field, None, out)
    }

    fn packer<'a>(
        &'a mut self,
        row: &'static FamilyRow,
        field: Field,
        attributes: Option<(&'a [u8], &'a [u8])>,
        out: &'a mut BytesMut,
    ) -> Packer<'a> {
        Packer {
            row,
            field,
            add_path: self.context.add_path.contains(&row.family),
            limit: self.context.max_length,
            attributes: attributes.unwrap_or_default(),
            front: self.value.len(),
            value: &mut self.value,
            out,
            packed: Packed::default(),
        }
    }

    /// Appends an End-of-RIB marker: a MP_UNREACH_NLRI without routes, or for IPv4 unicast an
    /// UPDATE without anything (RFC 4724 §2).
    pub fn end_of_rib(&mut self, family: Family, out: &mut BytesMut) {
        let mut packer = self.withdraw(family, out);
        packer.flush(packer.front);
    }

    /// Appends a decoded UPDATE: withdrawals, announcements, End-of-RIB. The NLRI go as they are
    /// kept; path identifiers are written if the context asks for them. On an error nothing of
    /// the block at fault and of what follows is written.
    pub fn update(&mut self, update: &Update, out: &mut BytesMut) -> Result<(), EncodeError> {
        for block in &update.unreach {
            self.withdraw(block.family, out).push_block(block)?;
        }
        if !update.reach.is_empty() {
            let set = update.attributes.as_ref().ok_or(EncodeError::NoAttributes)?;
            let attributes = EncodedAttributes::new(set, &self.context);
            for block in &update.reach {
                let own = block.next_hop.map(|next_hop| EncodedAttributes {
                    next_hop: Some(NextHop { address: next_hop, link_local: None }),
                    ..attributes.clone()
                });
                self.announce(block.family, own.as_ref().unwrap_or(&attributes), out)?.push_block(block)?;
            }
        }
        if let Some(family) = update.end_of_rib {
            self.end_of_rib(family, out);
        }
        Ok(())
    }
}

/// Where NLRI stand in an UPDATE.
#[derive(Debug, Clone, Copy)]
enum Field {
    /// In this attribute (RFC 4760).
    Multiprotocol { code: u8 },
    /// In the Network Layer Reachability Information field, beside NEXT_HOP.
    Nlri { next_hop: Ipv4Addr },
    /// In the Withdrawn Routes field.
    Withdrawn,
}

/// Octets of NEXT_HOP with its header.
const NEXT_HOP_LENGTH: usize = 7;

/// Fills messages with NLRI. What has been pushed is complete only after `finish`.
#[derive(Debug)]
#[must_use = "finish writes the last message"]
pub struct Packer<'a> {
    row: &'static FamilyRow,
    field: Field,
    add_path: bool,
    limit: u16,
    /// The attributes before the place of NEXT_HOP, and behind it.
    attributes: (&'a [u8], &'a [u8]),
    /// Octets of `value` before the first NLRI.
    front: usize,
    value: &'a mut Vec<u8>,
    out: &'a mut BytesMut,
    packed: Packed,
}

impl Packer<'_> {
    /// Adds a route, cut into key and rest as the family's `split` does. The path identifier
    /// is written if the session wants it. After an error the route is not in, and others may
    /// follow.
    pub fn push(&mut self, path_id: u32, key: &[u8], rest: &[u8]) -> Result<(), EncodeError> {
        let before = self.begin(path_id);
        (self.row.join)(key, rest, self.value);
        self.end(before)
    }

    /// Adds a route in its whole wire form.
    pub fn push_wire(&mut self, path_id: u32, nlri: &[u8]) -> Result<(), EncodeError> {
        let before = self.begin(path_id);
        self.value.extend_from_slice(nlri);
        self.end(before)
    }

    /// Writes the last message; tells what was written in all.
    pub fn finish(mut self) -> Packed {
        if self.value.len() > self.front {
            self.flush(self.value.len());
        }
        self.packed
    }

    fn push_block(mut self, block: &NlriBlock) -> Result<(), EncodeError> {
        for (path_id, nlri) in block.iter() {
            self.push_wire(path_id, nlri)?;
        }
        self.finish();
        Ok(())
    }

    fn begin(&mut self, path_id: u32) -> usize {
        let before = self.value.len();
        if self.add_path {
            self.value.extend_from_slice(&path_id.to_be_bytes());
        }
        before
    }

    fn end(&mut self, before: usize) -> Result<(), EncodeError> {
        if !self.fits(self.value.len()) {
            let nlri = self.value.len() - before;
            if !self.fits(self.front + nlri) {
                self.value.truncate(before);
                return Err(EncodeError::TooLong { attributes: self.attributes_length(), limit: self.limit });
            }
            self.flush(before);
            self.value.copy_within(before.., self.front);
            self.value.truncate(self.front + nlri);
        }
        self.packed.routes += 1;
        Ok(())
    }

    fn attributes_length(&self) -> usize {
        self.attributes.0.len() + self.attributes.1.len()
    }

    /// Octets of a message with this many in the field of the NLRI.
    fn message_length(&self, value: usize) -> usize {
        let around = match self.field {
            Field::Multiprotocol { .. } if value > usize::from(u8::MAX) => 4,
            Field::Multiprotocol { .. } => 3,
            Field::Nlri { .. } => NEXT_HOP_LENGTH,
            Field::Withdrawn => 0,
        };
        FIXED + around + value + self.attributes_length()
    }

    fn fits(&self, value: usize) -> bool {
        self.message_length(value) <= usize::from(self.limit)
    }

    /// Writes a message with the first `length` octets of the value.
    fn flush(&mut self, length: usize) {
        let total = self.message_length(length);
        let value = self.value.get(..length).unwrap_or_default();
        let number = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
        let out = &mut *self.out;
        out.reserve(total);
        out.put_slice(&MARKER);
        out.put_u16(number(total));
        out.put_u8(MessageType::Update as u8);
        match self.field {
            Field::Multiprotocol { code } => {
                out.put_u16(0);
                out.put_u16(number(total - FIXED));
                match u8::try_from(length) {
                    Ok(length) => out.put_slice(&[code::OPTIONAL, code, length]),
                    Err(_) => {
                        out.put_slice(&[code::OPTIONAL | code::EXTENDED_LENGTH, code]);
                        out.put_u16(number(length));
                    }
                }
                out.put_slice(value);
                out.put_slice(self.attributes.0);
                out.put_slice(self.attributes.1);
            }
            Field::Nlri { next_hop } => {
                out.put_u16(0);
                out.put_u16(number(total - FIXED - length));
                out.put_slice(self.attributes.0);
                out.put_slice(&[code::TRANSITIVE, code::NEXT_HOP, 4]);
                out.put_slice(&next_hop.octets());
                out.put_slice(self.attributes.1);
                out.put_slice(value);
            }
            Field::Withdrawn => {
                out.put_u16(number(length));
                out.put_slice(value);
                out.put_u16(0);
            }
        }
        self.packed.messages += 1;
    }
}
