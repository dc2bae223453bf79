//! Tunnel Encapsulation (RFC 9012 §2): its TLVs and sub-TLVs must fill one another exactly
//! (§13). Their values are not interpreted; the attribute is relayed as it came.

use super::Malformed;
use crate::wire::reader::Reader;

/// Checks the syntax of the value.
pub(super) fn check(value: &[u8]) -> Result<(), Malformed> {
    let overrun = Malformed::Value("has a TLV longer than the attribute");
    let mut reader = Reader(value);
    if reader.is_empty() {
        return Err(Malformed::Length);
    }
    while !reader.is_empty() {
        let (Some(_tunnel_type), Some(length)) = (reader.u16(), reader.u16()) else { return Err(overrun) };
        check_sub_tlvs(Reader(reader.take(usize::from(length)).ok_or(overrun)?))?;
    }
    Ok(())
}

fn check_sub_tlvs(mut reader: Reader<'_>) -> Result<(), Malformed> {
    let overrun = Malformed::Value("has a sub-TLV longer than its TLV");
    while let Some(kind) = reader.u8() {
        // RFC 9012 §2: types from 128 on have a length of two octets.
        let length = if kind < 128 { reader.u8().map(usize::from) } else { reader.u16().map(usize::from) };
        reader.take(length.ok_or(overrun)?).ok_or(overrun)?;
    }
    Ok(())
}
