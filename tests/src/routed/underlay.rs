//! The underlay of a routed fabric: IPv4, or IPv6 and nothing else. In both leaf N has one
//! address for VXLAN and BGP, and the reflector one for BGP.

use crate::error::Result;
use crate::fabric::{REFLECTOR, join_underlay, reflector_config_of, vtep};
use crate::netns::{Namespace, link};
use std::net::{IpAddr, Ipv6Addr};

/// Which addresses the underlay has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Underlay {
    /// VTEPs 10.255.0.N.
    #[default]
    Ipv4,
    /// VTEPs 2001:db8:ff::N, no IPv4 address anywhere.
    Ipv6,
}

fn ipv6(number: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, 0xff, 0, 0, 0, 0, u16::from(number)).into()
}

impl Underlay {
    /// The address of leaf `number`.
    pub fn vtep(self, number: u8) -> IpAddr {
        match self {
            Self::Ipv4 => vtep(number),
            Self::Ipv6 => ipv6(number),
        }
    }

    /// The address of the reflector.
    pub fn reflector(self) -> IpAddr {
        match self {
            Self::Ipv4 => REFLECTOR,
            Self::Ipv6 => ipv6(100),
        }
    }

    /// Gives the spine its address and lets it forward.
    pub fn prepare_spine(self, spine: &Namespace) -> Result<()> {
        let address = self.reflector();
        match self {
            Self::Ipv4 => {
                spine.ip(&format!("addr add {address}/32 dev lo"))?;
                spine.sysctl("net/ipv4/ip_forward", "1")
            }
            Self::Ipv6 => {
                spine.ip(&format!("addr add {address}/128 dev lo nodad"))?;
                spine.sysctl("net/ipv6/conf/all/forwarding", "1")
            }
        }
    }

    /// Joins leaf `number` to the spine.
    pub fn join(self, leaf: &Namespace, spine: &Namespace, number: u8) -> Result<()> {
        if self == Self::Ipv4 {
            return join_underlay(leaf, spine, number);
        }
        let own = ipv6(number);
        link((leaf, "u0"), (spine, &format!("u{number}")))?;
        spine.ip_batch(&format!(
            "addr add 2001:db8:fe:{number}::/127 dev u{number} nodad\nroute add {own}/128 via 2001:db8:fe:{number}::1\n"
        ))?;
        leaf.ip_batch(&format!(
            "addr add 2001:db8:fe:{number}::1/127 dev u0 nodad\naddr add {own}/128 dev lo nodad\n\
             route add 2001:db8:ff::/64 via 2001:db8:fe:{number}:: src {own}\n"
        ))
    }

    /// The configuration of the reflector for `leaves` leaves.
    pub fn reflector_config(self, leaves: u8) -> String {
        let peers: Vec<IpAddr> = (1..=leaves).map(|number| self.vtep(number)).collect();
        reflector_config_of(self.reflector(), &peers, None)
    }
}
