//! Reading ARP and ND frames that hosts send: only hosts' addresses at unicast MACs come out.

use std::net::IpAddr;
use weft_evpn::MacAddr;
use weft_fib::snoop::frame::{Checksum, parse};
use weft_fib::snoop::probe;

/// Reads `data` as an Ethernet frame.
pub fn run(data: &[u8]) {
    for checksum in [Checksum::Present, Checksum::Pending] {
        if let Some(binding) = parse(data, checksum) {
            assert!(binding.mac.is_unicast());
            assert!(!binding.ip.is_unspecified() && !binding.ip.is_multicast() && !binding.ip.is_loopback());
        }
    }
}

/// Probes for both families, tagged and not.
pub fn seeds() -> Vec<Vec<u8>> {
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    let addresses = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])];
    let mut seeds = Vec::new();
    for address in addresses {
        for target_mac in [None, Some(mac)] {
            let Ok(frame) = probe::frame(mac, Some(address), address, target_mac) else { continue };
            if let Some((addresses, rest)) = frame.split_at_checked(12) {
                seeds.push([addresses, &[0x81, 0, 0, 10], rest].concat());
            }
            seeds.push(frame);
        }
    }
    seeds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::smoke::drive;

    #[test]
    fn every_seed_says_where_its_sender_is() {
        assert_eq!(seeds().len(), 8);
        for seed in seeds() {
            assert!(parse(&seed, Checksum::Present).is_some(), "{seed:02x?}");
        }
    }

    #[test]
    fn holds_for_a_bounded_time() {
        drive("snoop");
    }
}
