//! Writes the frame that tells all hosts on a port where an address is now: a gratuitous ARP request (RFC 5227 §2.3)
//! or an unsolicited neighbour advertisement that overrides what they know (RFC 4861 §7.2.6). Pure.

use super::probe::arp_request;
use etherparse::icmpv6::NeighborAdvertisementHeader;
use etherparse::{Icmpv6Type, PacketBuilder};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use weft_evpn::MacAddr;

/// Tells that `ip` is at `mac`. The frame comes from `src_mac`, the bridge's own: were it from `mac`, a frame that finds
/// its way back to another port would make the bridge believe that the host is there.
pub fn frame(src_mac: MacAddr, ip: IpAddr, mac: MacAddr) -> io::Result<Vec<u8>> {
    match ip {
        IpAddr::V4(ip) => Ok(arp_request(src_mac, None, (mac, ip), ip)),
        IpAddr::V6(ip) => unsolicited_advertisement(src_mac, ip, mac),
    }
}

fn unsolicited_advertisement(src_mac: MacAddr, ip: Ipv6Addr, mac: MacAddr) -> io::Result<Vec<u8>> {
    // Whether the address is a router's is not for us to say; who knows it as one has it from its advertisements.
    let header = NeighborAdvertisementHeader { router: false, solicited: false, r#override: true };
    // Target link-layer address: type 2, length 1 unit of eight octets.
    let payload = [ip.octets().as_slice(), &[2, 1], &mac.0].concat();
    let all_nodes = Ipv6Addr::from([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    let mut frame = Vec::with_capacity(86);
    PacketBuilder::ethernet2(src_mac.0, [0x33, 0x33, 0, 0, 0, 1])
        .ipv6(ip.octets(), all_nodes.octets(), 255)
        .icmpv6(Icmpv6Type::NeighborAdvertisement(header))
        .write(&mut frame, &payload)
        .map_err(io::Error::other)?;
    Ok(frame)
}
