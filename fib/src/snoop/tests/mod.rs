//! Tests of the snooper: `pure` by octets, `kernel` with a host behind a bridge port.

mod kernel;
pub(crate) mod namespace;
mod pure;

use etherparse::icmpv6::NeighborAdvertisementHeader;
use etherparse::{Icmpv6Type, PacketBuilder};
use std::net::Ipv6Addr;

/// The MAC that hosts of these tests have.
const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const BROADCAST: [u8; 6] = [0xff; 6];

/// An ARP packet in a frame, by octets.
fn arp(source: [u8; 6], operation: u8, sender: ([u8; 6], [u8; 4]), target: [u8; 4]) -> Vec<u8> {
    let head = [0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation];
    [&BROADCAST[..], &source, &head, &sender.0, &sender.1, &[0; 6], &target].concat()
}

/// The same frame with a VLAN tag.
fn tagged(frame: &[u8], tci: u16) -> Vec<u8> {
    [&frame[..12], &[0x81, 0], &tci.to_be_bytes(), &frame[12..]].concat()
}

/// A neighbour advertisement of `target`, from it, with these options.
fn advertisement(destination: &str, target: &str, flags: [bool; 2], options: &[u8]) -> Vec<u8> {
    let [solicited, overriding] = flags;
    let header = NeighborAdvertisementHeader { router: false, solicited, r#override: overriding };
    let target = target.parse::<Ipv6Addr>().unwrap().octets();
    nd(target, destination, Icmpv6Type::NeighborAdvertisement(header), target, options)
}

/// A neighbour solicitation for `target`, with these options.
fn solicitation(source: &str, destination: &str, target: &str, options: &[u8]) -> Vec<u8> {
    let [source, target] = [source, target].map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
    nd(source, destination, Icmpv6Type::NeighborSolicitation, target, options)
}

fn nd(source: [u8; 16], destination: &str, icmpv6: Icmpv6Type, target: [u8; 16], options: &[u8]) -> Vec<u8> {
    let destination = destination.parse::<Ipv6Addr>().unwrap().octets();
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(HOST, [0x33, 0x33, 0, 0, 0, 1])
        .ipv6(source, destination, 255)
        .icmpv6(icmpv6)
        .write(&mut frame, &[&target[..], options].concat())
        .unwrap();
    frame
}

/// A source (1) or target (2) link-layer address option.
fn link_layer(kind: u8, mac: [u8; 6]) -> Vec<u8> {
    [&[kind, 1][..], &mac].concat()
}
