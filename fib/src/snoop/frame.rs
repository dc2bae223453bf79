//! Reads an Ethernet frame with ARP (RFC 826) or ND (RFC 4861 §7) in it: which address its
//! sender says is at which MAC. Pure; never panics, whatever the octets.
//!
//! A frame that says nothing useful, or is malformed, gives nothing: there is nobody to tell.

use etherparse::icmpv6::{NdpOptionSlice, NdpOptionsIterator};
use etherparse::{
    ArpOperation, ArpPacketSlice, Icmpv6Slice, Icmpv6Type, IpNumber, Ipv6Slice, LinkSlice, NetSlice,
    SlicedPacket, TransportSlice,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_evpn::MacAddr;

/// An address at a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding {
    /// The outermost VLAN tag that is in the frame itself, 1 to 4094.
    pub vlan: Option<u16>,
    /// Unicast.
    pub mac: MacAddr,
    /// An address that a host may own.
    pub ip: IpAddr,
}

/// Whether the checksum of a received frame stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It does, and is verified.
    Present,
    /// The kernel says that hardware would have filled it in: a frame from this machine.
    Pending,
}

/// The VLAN identifier of a tag; `None` for 0, a priority tag (IEEE 802.1Q §9.6).
pub(super) fn vlan_id(tci: Option<u16>) -> Option<u16> {
    tci.map(|tci| tci & 0x0fff).filter(|id| *id != 0)
}

/// What the frame says, if it says something.
pub fn parse(octets: &[u8], checksum: Checksum) -> Option<Binding> {
    let packet = SlicedPacket::from_ethernet(octets).ok()?;
    let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else { return None };
    let vlan = packet.vlan_ids().first().map(|id| id.value()).filter(|id| *id != 0);
    let (mac, ip) = match (&packet.net, &packet.transport) {
        (Some(NetSlice::Arp(arp)), _) => from_arp(arp)?,
        (Some(NetSlice::Ipv6(ipv6)), Some(TransportSlice::Icmpv6(icmpv6))) => {
            from_nd(ipv6, icmpv6, MacAddr(ethernet.source()), checksum)?
        }
        _ => return None,
    };
    (mac.is_unicast() && is_host(ip)).then_some(Binding { vlan, mac, ip })
}

/// An address that a host may have. Link-local ones are such; 0.0.0.0 and ::, the senders of
/// probes and of duplicate address detection, are not.
fn is_host(ip: IpAddr) -> bool {
    match ip {
        // Net 0 and what was class E, the broadcast address in it.
        IpAddr::V4(ip) => {
            let [first, ..] = ip.octets();
            first != 0 && first < 240 && !ip.is_loopback() && !ip.is_multicast()
        }
        IpAddr::V6(ip) => {
            let absent = ip.is_unspecified() || ip.is_loopback();
            !absent && !ip.is_multicast() && ip.to_ipv4_mapped().is_none()
        }
    }
}

/// The sender of a request or a reply; both are learned from (RFC 826), and a gratuitous ARP
/// is either. Its MAC is what the packet says: the Ethernet source may be a bond or a proxy.
fn from_arp(arp: &ArpPacketSlice<'_>) -> Option<(MacAddr, IpAddr)> {
    let arp = arp.to_packet().try_eth_ipv4().ok()?;
    let learned_from = matches!(arp.operation, ArpOperation::REQUEST | ArpOperation::REPLY);
    learned_from.then_some((MacAddr(arp.sender_mac), Ipv4Addr::from(arp.sender_ipv4).into()))
}

fn from_nd(
    ipv6: &Ipv6Slice<'_>,
    icmpv6: &Icmpv6Slice<'_>,
    ethernet_source: MacAddr,
    checksum: Checksum,
) -> Option<(MacAddr, IpAddr)> {
    let (header, (target, options)) = (ipv6.header(), icmpv6.payload().split_first_chunk::<16>()?);
    let (source, destination) = (header.source(), header.destination());
    // RFC 4861 §7.1: hop limit 255 shows that no router has passed it on. Extension headers
    // may stand before ICMPv6, but nobody sends them, and fragments are forbidden (RFC 6980).
    let valid = header.hop_limit() == 255
        && header.next_header() == IpNumber::IPV6_ICMP
        && icmpv6.code_u8() == 0
        && (checksum == Checksum::Pending || icmpv6.is_checksum_valid(source, destination))
        && !Ipv6Addr::from(*target).is_multicast();
    if !valid {
        return None;
    }
    let (source_mac, target_mac) = link_layer_addresses(options)?;
    match icmpv6.icmp_type() {
        // The asker itself; without the option it asks for duplicates of its own address.
        Icmpv6Type::NeighborSolicitation => Some((source_mac?, Ipv6Addr::from(source).into())),
        Icmpv6Type::NeighborAdvertisement(flags) => {
            // §7.1.2: what goes to all cannot be an answer to one.
            if flags.solicited && Ipv6Addr::from(destination).is_multicast() {
                return None;
            }
            // An advertisement that is neither an answer nor to override what others know
            // (an anycast or optimistic address) says nothing for certain.
            let certain = flags.solicited || flags.r#override;
            // An answer to a unicast solicitation may leave the option out (§7.2.4), and
            // Linux does: it comes from the MAC that was asked.
            let answer = Some(ethernet_source).filter(|_| flags.solicited);
            certain.then_some((target_mac.or(answer)?, Ipv6Addr::from(*target).into()))
        }
        _ => None,
    }
}

/// The source and target link-layer address options; `None` if an option is malformed.
fn link_layer_addresses(options: &[u8]) -> Option<(Option<MacAddr>, Option<MacAddr>)> {
    let (mut source, mut target) = (None, None);
    for option in NdpOptionsIterator::from_slice(options) {
        let (kept, octets) = match option.ok()? {
            NdpOptionSlice::SourceLinkLayerAddress(option) => (&mut source, option.link_layer_address()),
            NdpOptionSlice::TargetLinkLayerAddress(option) => (&mut target, option.link_layer_address()),
            _ => continue,
        };
        *kept = Some(MacAddr(octets.try_into().ok()?));
    }
    Some((source, target))
}
