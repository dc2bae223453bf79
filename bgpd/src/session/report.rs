//! Malformed messages in the log: with their octets (RFC 7606 §6), bounded in length. In number `crate::log` bounds
//! them, so that a broken neighbour cannot fill a disk.

use std::fmt::Write;

/// Octets of a message that are shown.
const SHOWN: usize = 4096;

/// Octets in hexadecimal, with how many were left out.
pub(super) fn hex(octets: &[u8]) -> String {
    let shown = octets.get(..SHOWN).unwrap_or(octets);
    let mut text = String::with_capacity(shown.len() * 2 + 32);
    for octet in shown {
        let _ = write!(text, "{octet:02x}");
    }
    if shown.len() < octets.len() {
        let _ = write!(text, "… ({} octets in all)", octets.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_shown_up_to_the_bound() {
        assert_eq!(hex(&[0xff, 0x01]), "ff01");
        let long = hex(&[0; 5000]);
        assert!(long.ends_with("… (5000 octets in all)") && long.len() < 2 * SHOWN + 40);
    }
}
