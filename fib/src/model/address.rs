//! One address of a link, as far as gateways and subnets depend on it.

use ipnet::IpNet;
use std::net::IpAddr;

/// An address that a link has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Its prefix length.
    pub length: u8,
    /// Who set it (`IFA_PROTO`); 0: nobody says, or the kernel is older than 5.18.
    pub protocol: u8,
    /// The kernel makes no route for its subnet (`IFA_F_NOPREFIXROUTE`).
    pub no_prefix_route: bool,
    /// Neither tentative nor a found duplicate.
    pub works: bool,
}

impl Address {
    /// With its prefix length.
    pub fn net(&self) -> Option<IpNet> {
        IpNet::new(self.ip, self.length).ok()
    }

    /// Whether both are the same address with the same length, whatever is said of them.
    pub fn same_place(&self, other: &Address) -> bool {
        (self.ip, self.length) == (other.ip, other.length)
    }

    /// Its subnet, unless it has none that could be routed: link-local ones and single addresses.
    pub fn subnet(&self) -> Option<IpNet> {
        let net = self.net()?.trunc();
        (!is_link_local(self.ip) && net.prefix_len() < net.max_prefix_len()).then_some(net)
    }
}

/// 169.254.0.0/16 and fe80::/10.
pub fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

impl From<IpNet> for Address {
    fn from(net: IpNet) -> Self {
        Address { ip: net.addr(), length: net.prefix_len(), protocol: 0, no_prefix_route: false, works: true }
    }
}

impl From<IpAddr> for Address {
    /// A single address, with all bits as its prefix.
    fn from(ip: IpAddr) -> Self {
        Self::from(IpNet::from(ip))
    }
}
