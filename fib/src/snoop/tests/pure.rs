//! What is read of a frame, and what a probe looks like.

use super::super::frame::{Binding, Checksum, parse, vlan_id};
use super::super::probe;
use super::{BROADCAST, HOST, advertisement, arp, link_layer, solicitation, tagged};
use proptest::prelude::*;
use std::net::IpAddr;
use weft_evpn::MacAddr;

const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 9];

fn read(frame: &[u8]) -> Option<(MacAddr, String)> {
    parse(frame, Checksum::Present).map(|binding| (binding.mac, binding.ip.to_string()))
}

fn host(ip: &str) -> Option<(MacAddr, String)> {
    Some((MacAddr(HOST), ip.to_owned()))
}

#[test]
fn the_sender_of_an_arp_request_or_reply_is_seen() {
    for operation in [1, 2] {
        let frame = arp(HOST, operation, (HOST, [192, 0, 2, 1]), [192, 0, 2, 9]);
        assert_eq!(read(&frame), host("192.0.2.1"));
        let gratuitous = arp(HOST, operation, (HOST, [192, 0, 2, 1]), [192, 0, 2, 1]);
        assert_eq!(read(&gratuitous), host("192.0.2.1"));
        let padded = [frame.as_slice(), &[0; 18]].concat();
        assert_eq!(read(&padded), host("192.0.2.1"));
    }
    // Reverse ARP (3, 4), inverse ARP (8).
    for operation in [0, 3, 4, 8] {
        assert_eq!(read(&arp(HOST, operation, (HOST, [192, 0, 2, 1]), [192, 0, 2, 9])), None);
    }
}

#[test]
fn the_mac_in_the_arp_packet_counts_not_that_of_the_frame() {
    assert_eq!(read(&arp(OTHER, 2, (HOST, [192, 0, 2, 1]), [192, 0, 2, 1])), host("192.0.2.1"));
    for mac in [[0; 6], BROADCAST, [1, 0, 0x5e, 0, 0, 1]] {
        assert_eq!(read(&arp(HOST, 1, (mac, [192, 0, 2, 1]), [192, 0, 2, 9])), None, "{mac:?}");
    }
}

#[test]
fn an_arp_sender_that_no_host_can_be_is_ignored() {
    for ip in [[0, 0, 0, 0], [0, 0, 0, 1], [127, 0, 0, 1], [224, 0, 0, 1], [240, 0, 0, 1], [255; 4]] {
        assert_eq!(read(&arp(HOST, 1, (HOST, ip), [192, 0, 2, 9])), None, "{ip:?}");
    }
    assert_eq!(read(&arp(HOST, 1, (HOST, [169, 254, 1, 1]), [192, 0, 2, 9])), host("169.254.1.1"));
}

#[test]
fn arp_of_other_hardware_or_protocol_is_ignored() {
    let frame = arp(HOST, 1, (HOST, [192, 0, 2, 1]), [192, 0, 2, 9]);
    // Hardware type, protocol type, and their lengths.
    for (offset, octet) in [(15, 6), (16, 0x86), (18, 8), (19, 16)] {
        let mut frame = frame.clone();
        frame[offset] = octet;
        assert_eq!(read(&frame), None, "octet {offset}");
    }
    for end in 0..frame.len() {
        assert_eq!(read(&frame[..end]), None, "{end} octets");
    }
}

#[test]
fn a_tag_is_read_and_a_priority_tag_is_none() {
    let frame = arp(HOST, 1, (HOST, [192, 0, 2, 1]), [192, 0, 2, 9]);
    let vlan = |frame: &[u8]| parse(frame, Checksum::Present).map(|binding| binding.vlan);
    assert_eq!(vlan(&frame), Some(None));
    assert_eq!(vlan(&tagged(&frame, 0x600a)), Some(Some(10)));
    assert_eq!(vlan(&tagged(&frame, 0xe000)), Some(None));
    assert_eq!(vlan(&tagged(&tagged(&frame, 20), 10)), Some(Some(10)));
    assert_eq!([vlan_id(None), vlan_id(Some(0xe000)), vlan_id(Some(0x7fff))], [None, None, Some(4095)]);
    let asked = solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &link_layer(1, HOST));
    assert_eq!(vlan(&tagged(&asked, 10)), Some(Some(10)));
}

#[test]
fn the_asker_of_a_solicitation_is_seen() {
    let option = link_layer(1, HOST);
    let ask =
        |source: &str, options: &[u8]| read(&solicitation(source, "ff02::1:ff00:9", "2001:db8::9", options));
    assert_eq!(ask("2001:db8::1", &option), host("2001:db8::1"));
    assert_eq!(ask("fe80::1", &option), host("fe80::1"));
    // A nonce (type 14) before it.
    assert_eq!(ask("2001:db8::1", &[&[14, 1, 1, 2, 3, 4, 5, 6], &option[..]].concat()), host("2001:db8::1"));
    // Duplicate address detection, with and without what it must not have.
    assert_eq!(ask("::", &[]), None);
    assert_eq!(ask("::", &option), None);
    // Nothing says where it is.
    assert_eq!(ask("2001:db8::1", &[]), None);
    assert_eq!(ask("2001:db8::1", &link_layer(2, HOST)), None);
    assert_eq!(ask("2001:db8::1", &link_layer(1, BROADCAST)), None);
    for source in ["ff02::1", "::1", "::ffff:192.0.2.1"] {
        assert_eq!(ask(source, &option), None, "{source}");
    }
}

#[test]
fn a_solicitation_is_read_by_octets_too() {
    let frame = [
        &[0x33, 0x33, 0xff, 0, 0, 9][..],
        &HOST,
        &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255],
        &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        &[0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 9],
        // The checksum was worked out without etherparse.
        &[135, 0, 0x1c, 0x19, 0, 0, 0, 0],
        &[0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        &[1, 1],
        &HOST,
    ]
    .concat();
    let built = solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &link_layer(1, HOST));
    assert_eq!(frame[14..], built[14..]);
    assert_eq!(read(&frame), host("2001:db8::1"));
}

#[test]
fn the_target_of_an_advertisement_is_seen() {
    let option = link_layer(2, HOST);
    let (all, one, target) = ("ff02::1", "2001:db8::9", "2001:db8::1");
    let (solicited, overriding) = ([true, false], [false, true]);
    assert_eq!(read(&advertisement(one, target, [true, true], &option)), host(target));
    assert_eq!(read(&advertisement(one, target, solicited, &option)), host(target));
    assert_eq!(read(&advertisement(all, target, overriding, &option)), host(target));
    assert_eq!(
        read(&advertisement(all, target, overriding, &link_layer(2, OTHER))).unwrap().0,
        MacAddr(OTHER)
    );
    // The answer to a unicast solicitation needs no option.
    assert_eq!(read(&advertisement(one, target, solicited, &[])), host(target));
    assert_eq!(read(&advertisement(all, target, overriding, &[])), None);
    // Neither an answer nor certain; an answer to all; a group.
    assert_eq!(read(&advertisement(all, target, [false, false], &option)), None);
    assert_eq!(read(&advertisement(all, target, solicited, &option)), None);
    assert_eq!(read(&advertisement(all, "ff02::9", overriding, &option)), None);
}

#[test]
fn malformed_nd_is_ignored() {
    let frame = solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &link_layer(1, HOST));
    // Hop limit, code, checksum, and an octet that the checksum covers.
    for offset in [21, 55, 56, 70] {
        let mut frame = frame.clone();
        frame[offset] ^= 1;
        assert_eq!(read(&frame), None, "octet {offset}");
    }
    for end in 0..frame.len() {
        assert_eq!(read(&frame[..end]), None, "{end} octets");
    }
    for options in [&[1, 0, 2, 0, 0, 0, 0, 1][..], &[1, 2, 2, 0, 0, 0, 0, 1], &[1]] {
        let frame = solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", options);
        assert_eq!(read(&frame), None, "{options:?}");
    }
    let after = [link_layer(1, HOST), vec![5, 0]].concat();
    assert_eq!(read(&solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &after)), None);
}

#[test]
fn a_checksum_that_hardware_would_fill_in_is_not_looked_at() {
    let mut frame = solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &link_layer(1, HOST));
    frame[56] ^= 1;
    assert_eq!(read(&frame), None);
    assert!(parse(&frame, Checksum::Pending).is_some());
}

#[test]
fn an_arp_probe_asks_all_or_one() {
    let target = IpAddr::from([192, 0, 2, 1]);
    let ours = MacAddr(OTHER);
    let ask = |source, mac| probe::frame(ours, source, target, mac).unwrap();
    assert_eq!(ask(None, None), arp(OTHER, 1, (OTHER, [0; 4]), [192, 0, 2, 1]));
    let svi = Some(IpAddr::from([192, 0, 2, 254]));
    assert_eq!(ask(svi, None), arp(OTHER, 1, (OTHER, [192, 0, 2, 254]), [192, 0, 2, 1]));
    // An address of the other family is none.
    assert_eq!(ask(Some("2001:db8::fe".parse().unwrap()), None), ask(None, None));
    assert_eq!(ask(None, Some(MacAddr(HOST)))[..6], HOST);
    assert_eq!(ask(None, Some(MacAddr(HOST)))[6..], ask(None, None)[6..]);
}

#[test]
fn an_nd_probe_asks_all_or_one_and_never_as_duplicate_detection() {
    let target = "2001:db8::12:3456".parse().unwrap();
    let ours = MacAddr(OTHER);
    let ask = |source, mac| probe::frame(ours, source, target, mac).unwrap();
    let all = ask(None, None);
    assert_eq!(all[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
    assert_eq!(read(&all), Some((ours, "fe80::ff:fe00:9".to_owned())));
    let destination = "ff02::1:ff12:3456".parse::<std::net::Ipv6Addr>().unwrap().octets();
    assert_eq!(all[38..54], destination);
    let svi = Some("2001:db8::fe".parse().unwrap());
    assert_eq!(read(&ask(svi, None)), Some((ours, "2001:db8::fe".to_owned())));
    let one = ask(svi, Some(MacAddr(HOST)));
    assert_eq!((one[..6].to_vec(), one[38..54].to_vec()), (HOST.to_vec(), one[62..78].to_vec()));
    assert_eq!(read(&one), Some((ours, "2001:db8::fe".to_owned())));
}

/// Frames that say something.
fn frames() -> impl Strategy<Value = Vec<u8>> {
    let arp =
        any::<([u8; 6], u8, [u8; 4])>().prop_map(|(mac, operation, ip)| arp(mac, operation, (mac, ip), ip));
    let ask = prop::collection::vec(any::<u8>(), 0..20)
        .prop_map(|options| solicitation("2001:db8::1", "ff02::1:ff00:9", "2001:db8::9", &options));
    let tell = prop::collection::vec(any::<u8>(), 0..20)
        .prop_map(|options| advertisement("ff02::1", "2001:db8::1", [false, true], &options));
    (prop_oneof![arp, ask, tell], any::<Option<u16>>())
        .prop_map(|(frame, tci)| tci.map_or(frame.clone(), |tci| tagged(&frame, tci)))
}

proptest! {
    #[test]
    fn arbitrary_octets_never_panic_and_give_hosts_only(
        frame in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..300)],
        changes in prop::collection::vec(any::<(prop::sample::Index, u8)>(), 0..4),
        pending: bool,
    ) {
        let mut frame = frame;
        for (index, octet) in changes {
            if !frame.is_empty() {
                let index = index.index(frame.len());
                frame[index] = octet;
            }
        }
        let checksum = if pending { Checksum::Pending } else { Checksum::Present };
        if let Some(Binding { vlan, mac, ip }) = parse(&frame, checksum) {
            prop_assert!(mac.is_unicast());
            prop_assert!(!ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback());
            prop_assert!(vlan.is_none_or(|vlan| (1..=4095).contains(&vlan)));
        }
    }
}

#[test]
fn an_announcement_says_where_the_address_is() {
    use super::super::announce;
    let (bridge, mac) = (MacAddr(OTHER), MacAddr(HOST));
    for ip in ["192.0.2.7", "2001:db8::7"] {
        let frame = announce::frame(bridge, ip.parse().unwrap(), mac).unwrap();
        assert_eq!(read(&frame), host(ip));
        assert_eq!(frame[6..12], OTHER, "not from the host's own MAC: it is not here");
        assert!(frame[0] & 1 == 1, "to all");
    }
}
