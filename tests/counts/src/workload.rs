//! Routes of a realistic fabric, drawn by a seed: VTEPs, VNIs that span them, and hosts with a MAC
//! and mostly an address, IPv6 among them. Raw numbers, so that any package can make its own types.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How large the fabric is.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// VTEPs, each with every VNI.
    pub vteps: u32,
    /// VNIs.
    pub vnis: u32,
    /// Hosts of each VNI behind each VTEP.
    pub hosts: u32,
}

impl Shape {
    /// The proportions of a million routes behind 64 VTEPs with 100 VNIs each (156 routes share
    /// an attribute set), in a tenth of the VNIs: what callgrind takes seconds for.
    pub const FABRIC: Self = Self { vteps: 64, vnis: 10, hosts: 156 };

    /// For tests that a case works.
    pub const SMALL: Self = Self { vteps: 4, vnis: 3, hosts: 60 };

    /// All hosts.
    pub fn routes(self) -> u32 {
        self.vteps * self.vnis * self.hosts
    }
}

/// A host behind a VTEP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    /// The number of the VTEP, from 0.
    pub vtep: u32,
    /// The VNI, from 1.
    pub vni: u32,
    /// The MAC address, locally administered.
    pub mac: [u8; 6],
    /// Seven of ten have an IPv4 address, two an IPv6 address, one none: a MAC-only route.
    pub ip: Option<IpAddr>,
}

/// The address of a VTEP.
pub fn vtep(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0aff_0000 + 1 + number)
}

/// SplitMix64 (Steele, Lea, Flood 2014): few lines, good enough bits, the same everywhere.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }
}

/// All hosts, VTEP by VTEP and VNI by VNI: a leaf advertises what it has in such runs.
pub fn hosts(seed: u64, shape: Shape) -> Vec<Host> {
    let mut random = Random::new(seed);
    let mut hosts = Vec::new();
    for vtep in 0..shape.vteps {
        for vni in 1..=shape.vnis {
            for number in 0..shape.hosts {
                let drawn = random.number();
                let [a, b, ..] = drawn.to_be_bytes();
                let place = vtep * shape.hosts + number;
                let [.., c, d, e] = place.to_be_bytes();
                let mac = [2, a, b, c, d, e];
                let ip = match random.below(10) {
                    0 => None,
                    1 | 2 => {
                        let host = (0x2001_0db8_u128 << 96) | (u128::from(vni) << 64) | u128::from(drawn);
                        Some(Ipv6Addr::from(host).into())
                    }
                    _ => Some(Ipv4Addr::from(0x0a00_0000 + (vni << 16 & 0xff_0000) + place + 1).into()),
                };
                hosts.push(Host { vtep, vni, mac, ip });
            }
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_seed_gives_the_same_hosts_and_each_once() {
        let shape = Shape { vteps: 4, vnis: 3, hosts: 50 };
        let (a, b, c) = (hosts(1, shape), hosts(1, shape), hosts(2, shape));
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(a.len(), shape.routes() as usize);
        let macs: HashSet<_> = a.iter().map(|host| (host.vni, host.mac)).collect();
        let ips: HashSet<_> = a.iter().filter_map(|host| Some((host.vni, host.ip?))).collect();
        let bare = a.iter().filter(|host| host.ip.is_none()).count();
        assert_eq!((macs.len(), ips.len() + bare), (a.len(), a.len()));
        assert!(bare > 0 && a.iter().any(|host| host.ip.is_some_and(|ip| ip.is_ipv6())));
    }
}
