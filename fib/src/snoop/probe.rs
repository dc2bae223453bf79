//! Writes the frame that asks whether an address still answers: an ARP request (RFC 826,
//! RFC 5227 §2.1.1) or a neighbour solicitation (RFC 4861 §7.2.2). Pure.

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header, Icmpv6Type, PacketBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::MacAddr;

/// Asks for `target_ip`: all on the port, or the owner of `target_mac` only.
///
/// `src_ip` is the bridge's address (SVI) of the same family. Without one, an IPv4 probe has
/// the sender 0.0.0.0, which no host learns. IPv6 must not do the like: a solicitation from
/// `::` is duplicate address detection, and a host that is just taking the address would give
/// it up. It comes from the link-local address that belongs to `src_mac` instead.
pub fn frame(
    src_mac: MacAddr,
    src_ip: Option<IpAddr>,
    target_ip: IpAddr,
    target_mac: Option<MacAddr>,
) -> io::Result<Vec<u8>> {
    match target_ip {
        IpAddr::V4(target) => {
            let source = match src_ip {
                Some(IpAddr::V4(source)) => source,
                _ => Ipv4Addr::UNSPECIFIED,
            };
            Ok(arp_request(src_mac, target_mac, (src_mac, source), target))
        }
        IpAddr::V6(target) => {
            let source = match src_ip {
                Some(IpAddr::V6(source)) => source,
                _ => link_local(src_mac),
            };
            neighbour_solicitation(src_mac, source, target, target_mac)
        }
    }
}

/// An ARP request from `source` to `destination`, in which `sender` asks who has `target`.
pub(super) fn arp_request(
    source: MacAddr,
    destination: Option<MacAddr>,
    sender: (MacAddr, Ipv4Addr),
    target: Ipv4Addr,
) -> Vec<u8> {
    let ethernet = Ethernet2Header {
        source: source.0,
        destination: destination.map_or([0xff; 6], |mac| mac.0),
        ether_type: EtherType::ARP,
    };
    let arp = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: sender.0.0,
        sender_ipv4: sender.1.octets(),
        target_mac: [0; 6],
        target_ipv4: target.octets(),
    };
    [ethernet.to_bytes().as_slice(), &arp.to_bytes()].concat()
}

fn neighbour_solicitation(
    src_mac: MacAddr,
    source: Ipv6Addr,
    target: Ipv6Addr,
    target_mac: Option<MacAddr>,
) -> io::Result<Vec<u8>> {
    let (mac, destination) = match target_mac {
        Some(mac) => (mac.0, target),
        None => solicited_node(target),
    };
    // Source link-layer address: type 1, length 1 unit of eight octets.
    let payload = [target.octets().as_slice(), &[1, 1], &src_mac.0].concat();
    let mut frame = Vec::with_capacity(86);
    PacketBuilder::ethernet2(src_mac.0, mac)
        .ipv6(source.octets(), destination.octets(), 255)
        .icmpv6(Icmpv6Type::NeighborSolicitation)
        .write(&mut frame, &payload)
        .map_err(io::Error::other)?;
    Ok(frame)
}

/// The solicited-node multicast address of `target` (RFC 4291 §2.7.1), and the MAC that it
/// goes to (RFC 2464 §7).
fn solicited_node(target: Ipv6Addr) -> ([u8; 6], Ipv6Addr) {
    let [.., a, b, c] = target.octets();
    let address = Ipv6Addr::from([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c]);
    ([0x33, 0x33, 0xff, a, b, c], address)
}

/// The link-local address made of a MAC (RFC 4291 appendix A).
fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}
