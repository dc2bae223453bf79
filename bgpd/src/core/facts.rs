//! What the system says where the configuration leaves something open: host name, router id.

use super::settings::SystemFacts;
use nix::{ifaddrs::getifaddrs, net::if_::InterfaceFlags, unistd::gethostname};
use std::net::Ipv4Addr;

/// Reads the facts of this network namespace now.
pub fn read(bgp_port: u16) -> SystemFacts {
    let hostname = gethostname().ok().and_then(|name| name.into_string().ok());
    SystemFacts {
        hostname: hostname.unwrap_or_else(|| "weft".to_owned()),
        router_id: router_id(),
        bgp_port,
        ..SystemFacts::default()
    }
}

/// As FRR: the highest loopback address that is not 127/8, else the highest address.
/// An address of `eth0` counts like any other; who has a management interface configures the id.
fn router_id() -> Option<Ipv4Addr> {
    let addresses = getifaddrs().ok()?.filter_map(|interface| {
        let ip = interface.address.as_ref()?.as_sockaddr_in()?.ip();
        let loopback = interface.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        (!ip.is_loopback() && !ip.is_unspecified()).then_some((loopback, ip))
    });
    addresses.max().map(|(_, ip)| ip)
}
