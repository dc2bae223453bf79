//! Reads the value of one NLRI field by field, and says in the NLRI's own words what is
//! wrong and where. Gives references into the wire form; it copies and builds nothing.

use super::NlriError;
use std::net::IpAddr;

/// Octets before the value: type and length.
pub(super) const HEADER: usize = 2;

/// The value of an NLRI, what is left of it, and what an error must name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    route_type: u8,
    length: u8,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads type and length at the front of `wire`; gives the type, a reader of the value
    /// and the octets that the whole NLRI takes.
    #[inline]
    pub(super) fn open(wire: &'a [u8]) -> Result<(u8, Self, usize), NlriError> {
        let Some((&[route_type, length], tail)) = wire.split_first_chunk::<HEADER>() else {
            return Err(NlriError::Truncated { offset: wire.len() });
        };
        match tail.get(..usize::from(length)) {
            Some(rest) => Ok((route_type, Self { route_type, length, rest }, HEADER + rest.len())),
            None => Err(NlriError::Truncated { offset: wire.len() }),
        }
    }

    /// What has not been read.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What has been read since `mark`, an earlier `rest`.
    #[inline]
    pub(super) fn since(&self, mark: &'a [u8]) -> &'a [u8] {
        mark.get(..mark.len().saturating_sub(self.rest.len())).unwrap_or_default()
    }

    /// The next `N` octets.
    #[inline]
    pub(super) fn chunk<const N: usize>(&mut self) -> Result<&'a [u8; N], NlriError> {
        match self.rest.split_first_chunk() {
            Some((head, tail)) => {
                self.rest = tail;
                Ok(head)
            }
            None => Err(self.wrong_length()),
        }
    }

    /// The next octet.
    #[inline]
    pub(super) fn octet(&mut self) -> Result<u8, NlriError> {
        let [octet] = self.chunk()?;
        Ok(*octet)
    }

    /// An IP length of 32 or 128 bits, and the address.
    #[inline]
    pub(super) fn address(&mut self) -> Result<IpAddr, NlriError> {
        match self.octet()? {
            32 => self.chunk::<4>().map(|octets| IpAddr::from(*octets)),
            128 => self.chunk::<16>().map(|octets| IpAddr::from(*octets)),
            bits => Err(self.wrong_octet("IP length", bits)),
        }
    }

    /// As `address`, but the length may be 0 with no address following.
    #[inline]
    pub(super) fn optional_address(&mut self) -> Result<Option<IpAddr>, NlriError> {
        match self.rest.split_first() {
            Some((0, tail)) => {
                self.rest = tail;
                Ok(None)
            }
            _ => self.address().map(Some),
        }
    }

    /// Nothing may be left.
    #[inline]
    pub(super) fn end(&self) -> Result<(), NlriError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.wrong_length()) }
    }

    /// The length octet does not go with the type or with the fields read.
    #[cold]
    pub(super) fn wrong_length(&self) -> NlriError {
        NlriError::Length { route_type: self.route_type, length: self.length, offset: HEADER - 1 }
    }

    /// A MAC length of 0: the length octet still says where the next NLRI begins.
    #[cold]
    pub(super) fn no_mac(&self) -> NlriError {
        NlriError::NoMac { octets: HEADER + usize::from(self.length) }
    }

    /// The octet read last is not allowed.
    #[cold]
    pub(super) fn wrong_octet(&self, field: &'static str, value: u8) -> NlriError {
        let read = usize::from(self.length).saturating_sub(self.rest.len());
        let offset = (HEADER + read).saturating_sub(1);
        NlriError::Field { route_type: self.route_type, field, value, offset }
    }
}

/// The length in bits of an address of this family: 32 or 128.
pub(super) fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Appends the address, without its length.
pub(super) fn put_ip(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => out.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => out.extend_from_slice(&address.octets()),
    }
}

/// Appends type and length and then what `value` appends; the length is set afterwards.
pub(super) fn put_nlri(out: &mut Vec<u8>, route_type: u8, value: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[route_type, 0]);
    value(out);
    let length = u8::try_from(out.len() - start - HEADER).unwrap_or(u8::MAX);
    // Only an UnknownRoute built by hand can be longer than a length octet can say.
    out.truncate(start + HEADER + usize::from(length));
    if let Some(octet) = out.get_mut(start + 1) {
        *octet = length;
    }
}
