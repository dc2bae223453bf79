//! Routed labs: tenants (IP-VRFs) with the same addresses, leaves of every form, hosts in
//! their subnets, and the sites that gateways join.
//!
//! Subnet N of every tenant is 192.168.N.0/24 and 2001:db8:N::/64 (N in decimal digits), its gateway is
//! .254 and ::fe, its L2VNI is N for the first tenant and 1000 + N for the second; the L3VNIs are
//! 5000 and 5001. Leaf L has the VTEP 10.255.0.L and hosts with the numbers L in its subnets.

pub mod fabric;
pub mod host;
pub mod leaf;
pub mod operator;
pub mod sites;
pub mod underlay;

pub use fabric::{Fabric, Plan};
pub(crate) use host::network_card;
pub use host::{Machine, RoutedHost};
pub use leaf::{Form, Leaf, LeafPlan};
pub use underlay::Underlay;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A tenant of the labs: one IP-VRF on every leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant {
    /// The name of the IP-VRF.
    pub name: &'static str,
    /// Its L3VNI.
    pub l3vni: u32,
    /// What is added to a subnet's number to give its L2VNI.
    base: u32,
}

/// The first tenant.
pub const RED: Tenant = Tenant { name: "red", l3vni: 5000, base: 0 };
/// The second, with the same addresses.
pub const BLUE: Tenant = Tenant { name: "blue", l3vni: 5001, base: 1000 };

impl Tenant {
    /// The L2VNI of a subnet.
    pub fn l2vni(&self, subnet: u8) -> u32 {
        self.base + u32::from(subnet)
    }

    /// The bridge domain of a subnet, as Weft's configuration calls it.
    pub fn domain(&self, subnet: u8) -> String {
        format!("{}{subnet}", self.name)
    }

    /// The port of a leaf with the host of a subnet.
    pub fn port(&self, subnet: u8) -> String {
        format!("p-{}{subnet}", self.name)
    }

    /// The port of a leaf with the wire of a machine that moves.
    pub fn machine_port(&self, subnet: u8) -> String {
        format!("v-{}{subnet}", self.name)
    }

    /// The routing table of the VRF device that an operator makes for it.
    pub fn table(&self) -> u32 {
        self.l3vni - 4000
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The IPv4 address with a number in a subnet.
pub fn v4(subnet: u8, number: u8) -> IpAddr {
    Ipv4Addr::new(192, 168, subnet, number).into()
}

/// The IPv6 address with a number in a subnet.
pub fn v6(subnet: u8, number: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, decimal(subnet), 0, 0, 0, 0, u16::from(number)).into()
}

/// The gateway of a subnet, in both families.
pub fn gateways(subnet: u8) -> [IpAddr; 2] {
    [v4(subnet, 254), v6(subnet, 0xfe)]
}

/// The prefixes of a subnet as routing tables show them.
pub fn prefixes(subnet: u8) -> [String; 2] {
    [format!("192.168.{subnet}.0/24"), format!("2001:db8:{subnet}::/64")]
}

/// The number whose hexadecimal digits look like the decimal ones of `number`.
fn decimal(number: u8) -> u16 {
    let number = u16::from(number);
    ((number / 100) << 8) | ((number / 10 % 10) << 4) | (number % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_show_the_subnet_s_number() {
        assert_eq!(v4(10, 2).to_string(), "192.168.10.2");
        assert_eq!(v6(10, 2).to_string(), "2001:db8:10::2");
        assert_eq!(v6(120, 0xfe).to_string(), "2001:db8:120::fe");
        assert_eq!(BLUE.l2vni(10), 1010);
    }
}
