//! Reading the octets of a BGP session: no panic, bounded work, and what was read can be
//! written and read again.

use weft_bgpd::wire::{
    Message, Notification, Open, RouteRefresh, fuzz::decode_anything, notification, refresh,
};

/// Reads `data` as the stream of a session; its first octet chooses what was negotiated.
pub fn run(data: &[u8]) {
    decode_anything(data);
}

/// One message of each type; UPDATEs with a type-3 route, and with memberships of route targets.
pub fn seeds() -> Vec<Vec<u8>> {
    let messages = [
        Message::Keepalive,
        Message::Open(Open::new(65000, 180, [10, 255, 0, 1].into(), Vec::new())),
        Message::Notification(Notification::new(notification::ErrorCode::HOLD_TIMER_EXPIRED)),
        Message::RouteRefresh(RouteRefresh { afi: 25, safi: 70, kind: refresh::RefreshKind::Normal }),
    ];
    let mut seeds: Vec<Vec<u8>> = messages.iter().map(|message| message.to_bytes().to_vec()).collect();
    seeds.extend([update(&imet()), update(&memberships())]);
    for seed in &mut seeds {
        seed.insert(0, 0);
    }
    seeds
}

/// As a VTEP sends it: ORIGIN, AS_PATH, LOCAL_PREF, extended communities, PMSI,
/// MP_REACH_NLRI with one inclusive multicast route.
fn imet() -> Vec<u8> {
    let mut attributes = Vec::new();
    let nlri = [3, 17, 0, 1, 10, 255, 0, 1, 0, 10, 0, 0, 0, 0, 32, 10, 255, 0, 1];
    attributes.extend_from_slice(&[0x80, 14, 28, 0, 25, 70, 4, 10, 255, 0, 1, 0]);
    attributes.extend_from_slice(&nlri);
    attributes.extend_from_slice(&[0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100]);
    attributes.extend_from_slice(&[0xc0, 16, 16, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10, 3, 12, 0, 0, 0, 0, 0, 8]);
    attributes.extend_from_slice(&[0xc0, 22, 9, 0, 6, 0, 0, 10, 10, 255, 0, 1]);
    attributes
}

/// As a VTEP sends it: MP_REACH_NLRI with the default membership, a whole one and a part of one; MP_UNREACH_NLRI.
fn memberships() -> Vec<u8> {
    let nlri =
        [&[0][..], &[96, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10, 40, 0, 0, 0xfd, 0xe8, 0]].concat();
    let mut attributes = vec![0x80, 14, 29, 0, 1, 132, 4, 10, 255, 0, 1, 0];
    attributes.extend_from_slice(&nlri);
    attributes.extend_from_slice(&[0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100]);
    attributes.extend_from_slice(&[0x80, 15, 8, 0, 1, 132, 32, 0, 0, 0xfd, 0xe9]);
    attributes
}

/// An UPDATE with these path attributes.
fn update(attributes: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    let length = u16::try_from(19 + 4 + attributes.len()).unwrap_or(u16::MAX);
    message.extend_from_slice(&length.to_be_bytes());
    message.extend_from_slice(&[2, 0, 0]);
    message.extend_from_slice(&u16::try_from(attributes.len()).unwrap_or(u16::MAX).to_be_bytes());
    message.extend_from_slice(attributes);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::smoke::drive;

    #[test]
    fn every_seed_is_a_message() {
        for seed in seeds() {
            assert_eq!(decode_anything(&seed), 1, "{seed:02x?}");
        }
    }

    #[test]
    fn holds_for_a_bounded_time() {
        drive("bgp_message");
    }
}
