//! EVPN routes as a scripted peer writes them: every field is the caller's, wrong ones too
//! (RFC 7432 §7.2, RFC 9135 §5.1, RFC 9136 §3.1).

use super::{attribute, basic_attributes, evpn_nlri, mp_reach, mp_unreach, update};
use std::net::{IpAddr, Ipv4Addr};

/// The AS of the labs, in route targets.
const ASN: u16 = 65_000;

/// An IP prefix route, type 5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type5 {
    /// The route distinguisher's number; its address is the peer's.
    pub rd: u16,
    /// The ESI, this octet ten times.
    pub esi: u8,
    /// The prefix.
    pub prefix: (IpAddr, u8),
    /// The gateway address; `None`: zeros.
    pub gateway: Option<IpAddr>,
    /// The label, in all 24 bits.
    pub label: u32,
}

/// A MAC/IP route, type 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Type2 {
    /// The route distinguisher's number; its address is the peer's.
    pub rd: u16,
    /// What stands in the MAC length field; the MAC follows anyhow.
    pub mac_length: u8,
    /// The MAC.
    pub mac: [u8; 6],
    /// The host's address.
    pub ip: Option<IpAddr>,
    /// The first label.
    pub label1: u32,
    /// The second one.
    pub label2: Option<u32>,
}

/// Type 1: an IPv4 address and a number.
fn rd(peer: Ipv4Addr, number: u16) -> [u8; 8] {
    let ([a, b, c, d], [high, low]) = (peer.octets(), number.to_be_bytes());
    [0, 1, a, b, c, d, high, low]
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn label(label: u32) -> [u8; 3] {
    let [_, a, b, c] = label.to_be_bytes();
    [a, b, c]
}

impl Type5 {
    /// The NLRI.
    pub fn nlri(&self, peer: Ipv4Addr) -> Vec<u8> {
        let (address, length) = self.prefix;
        let address = octets(address);
        let gateway = self.gateway.map_or_else(|| vec![0; address.len()], octets);
        let value = [
            &rd(peer, self.rd)[..],
            &[self.esi; 10],
            &[0; 4],
            &[length],
            &address,
            &gateway,
            &label(self.label),
        ];
        evpn_nlri(5, &value.concat())
    }
}

impl Type2 {
    /// The NLRI.
    pub fn nlri(&self, peer: Ipv4Addr) -> Vec<u8> {
        let ip = self.ip.map(octets).unwrap_or_default();
        let label2 = self.label2.map(label);
        let value = [
            &rd(peer, self.rd)[..],
            &[0; 14],
            &[self.mac_length],
            &self.mac,
            &[ip.len() as u8 * 8],
            &ip,
            &label(self.label1),
            label2.as_ref().map_or(&[], |label| &label[..]),
        ];
        evpn_nlri(2, &value.concat())
    }
}

/// The route target of a VNI, as the labs' leaves make it by themselves.
pub fn route_target(vni: u32) -> [u8; 8] {
    let ([a, b], [c, d, e, f]) = (ASN.to_be_bytes(), vni.to_be_bytes());
    [0, 2, a, b, c, d, e, f]
}

/// The community with the router's MAC (RFC 9135 §8.1).
pub fn router_mac(mac: [u8; 6]) -> [u8; 8] {
    let [a, b, c, d, e, f] = mac;
    [6, 3, a, b, c, d, e, f]
}

/// The community that says VXLAN (RFC 9012 §4.1).
pub const VXLAN: [u8; 8] = [3, 12, 0, 0, 0, 0, 0, 8];

/// An UPDATE with these NLRI, the next hop, extended communities, and attributes of one's own.
pub fn announce(next_hop: Ipv4Addr, nlri: &[u8], communities: &[[u8; 8]], own: &[Vec<u8>]) -> Vec<u8> {
    let mut attributes = vec![mp_reach(next_hop, nlri)];
    attributes.extend(basic_attributes());
    attributes.push(attribute(0xc0, 16, &communities.concat()));
    attributes.extend_from_slice(own);
    update(&attributes)
}

/// An UPDATE that withdraws these NLRI.
pub fn withdraw(nlri: &[u8]) -> Vec<u8> {
    update(&[mp_unreach(nlri)])
}

/// MULTI_EXIT_DISC: another value makes the same route another one.
pub fn med(value: u32) -> Vec<u8> {
    attribute(0x80, 4, &value.to_be_bytes())
}

/// D-PATH (RFC 10039 §3) with one segment of one domain.
pub fn d_path(domain: [u8; 6]) -> Vec<u8> {
    attribute(0xc0, 36, &[&[1], &domain[..], &[70]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_rfcs() {
        let peer = Ipv4Addr::new(10, 0, 0, 1);
        let [v4, v6] = [IpAddr::from([10, 9, 0, 0]), "2001:db8::".parse().unwrap()];
        for (address, length) in [(v4, 34), (v6, 58)] {
            let route = Type5 { rd: 1, esi: 0, prefix: (address, 16), gateway: None, label: 5000 };
            let nlri = route.nlri(peer);
            assert_eq!((nlri[0], usize::from(nlri[1]), nlri.len()), (5, length, length + 2));
            assert!(nlri.ends_with(&[0, 0x13, 0x88]));
        }
        let host = Type2 { rd: 1, mac_length: 48, mac: [2; 6], ip: Some(v4), label1: 10, label2: Some(5000) };
        assert_eq!(host.nlri(peer)[1], 40);
        assert_eq!(Type2 { ip: None, label2: None, ..host }.nlri(peer)[1], 33);
    }
}
