//! Writes an `AttributeSet` as path attributes in the order of their type codes (RFC 4271
//! §5), without MP_REACH_NLRI and MP_UNREACH_NLRI, which carry the NLRI. Whether an attribute
//! may go to a peer has been decided before; what is in the set is written.

use super::{AttributeSet, code};

/// Appends one attribute: its flags get the extended-length bit only if `value` writes more
/// than 255 octets.
fn emit_attribute(flags: u8, code: u8, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[flags, code, 0]);
    value(out);
    let length = out.len() - start - 3;
    match (u8::try_from(length), u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()) {
        (Ok(length), _) => {
            if let Some(field) = out.get_mut(start + 2) {
                *field = length;
            }
        }
        (Err(_), long) => {
            if let Some(field) = out.get_mut(start) {
                *field |= code::EXTENDED_LENGTH;
            }
            out.splice(start + 2..start + 3, long);
        }
    }
}

/// Appends all attributes of `set`; gives the place in `out` where NEXT_HOP belongs.
pub(in crate::wire) fn emit_set(set: &AttributeSet, four_octet_as: bool, out: &mut Vec<u8>) -> usize {
    let mut emitter = Emitter { set, unknown: &set.unknown, out };
    emitter.known(code::ORIGIN, true, |out| out.push(set.origin.number()));
    emitter.known(code::AS_PATH, true, |out| set.as_path.emit(four_octet_as, out));
    let next_hop_at = emitter.out.len();
    emitter.number(code::MULTI_EXIT_DISC, set.med);
    emitter.number(code::LOCAL_PREF, set.local_pref);
    emitter.known(code::ATOMIC_AGGREGATE, set.atomic_aggregate, |_| {});
    if let Some(aggregator) = set.aggregator {
        emitter.known(code::AGGREGATOR, true, |out| aggregator.emit(four_octet_as, out));
    }
    emitter.list(code::COMMUNITIES, set.communities.iter().map(|community| community.to_be_bytes()));
    emitter.number(code::ORIGINATOR_ID, set.originator_id.map(u32::from));
    emitter.list(code::CLUSTER_LIST, set.cluster_list.iter().map(|id| id.octets()));
    emitter.list(code::EXTENDED_COMMUNITIES, set.ext_communities.iter().map(|community| community.0));
    if !four_octet_as {
        if let Some(path) = set.as_path.as4_path() {
            emitter.known(code::AS4_PATH, true, |out| path.emit(true, out));
        }
        if let Some(aggregator) = set.aggregator.filter(|aggregator| aggregator.asn > 0xffff) {
            emitter.known(code::AS4_AGGREGATOR, true, |out| aggregator.emit(true, out));
        }
    }
    if let Some(tunnel) = &set.pmsi {
        emitter.known(code::PMSI_TUNNEL, true, |out| tunnel.emit(out));
    }
    emitter.list(code::IPV6_EXTENDED_COMMUNITIES, set.ipv6_ext_communities.iter().copied());
    emitter.list(
        code::LARGE_COMMUNITY,
        set.large_communities.iter().flat_map(|community| community.map(u32::to_be_bytes)),
    );
    if let Some(path) = &set.d_path {
        emitter.known(code::D_PATH, true, |out| path.emit(out));
    }
    emitter.unknown_before(u8::MAX);
    next_hop_at
}

struct Emitter<'a> {
    set: &'a AttributeSet,
    /// Those not yet written.
    unknown: &'a [super::RawAttribute],
    out: &'a mut Vec<u8>,
}

impl Emitter<'_> {
    fn known(&mut self, code: u8, present: bool, value: impl FnOnce(&mut Vec<u8>)) {
        if !present {
            return;
        }
        self.unknown_before(code);
        let partial = if self.set.partial >> code & 1 == 1 { code::PARTIAL } else { 0 };
        emit_attribute(code::flags(code).unwrap_or(code::OPTIONAL) | partial, code, self.out, value);
    }

    fn number(&mut self, code: u8, number: Option<u32>) {
        if let Some(number) = number {
            self.known(code, true, |out| out.extend_from_slice(&number.to_be_bytes()));
        }
    }

    fn list<const N: usize>(&mut self, code: u8, values: impl Iterator<Item = [u8; N]>) {
        let mut values = values.peekable();
        self.known(code, values.peek().is_some(), |out| {
            values.for_each(|value| out.extend_from_slice(&value))
        });
    }

    /// Writes what is not interpreted up to type `code`, so that the order holds.
    fn unknown_before(&mut self, code: u8) {
        while let Some((attribute, rest)) = self.unknown.split_first().filter(|(next, _)| next.code <= code) {
            self.unknown = rest;
            // A known attribute has a field of its own in the set, or none (MP_REACH_NLRI).
            if code::flags(attribute.code).is_some() && attribute.code != code::TUNNEL_ENCAPSULATION {
                continue;
            }
            let flags = attribute.flags & !code::EXTENDED_LENGTH;
            emit_attribute(flags, attribute.code, self.out, |out| out.extend_from_slice(&attribute.value));
        }
    }
}
