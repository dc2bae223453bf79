//! The devices that `bridge-domain` and `vrf` lines ask for: whose they are, the difference between wanted and existing
//! devices (pure), and the messages that make it go away.
//!
//! Ownership is marked by the alias, `weft: bridge-domain NAME` or `weft: vrf NAME`; it survives a restart of the daemon. A device of
//! the wanted name without it belongs to the operator and is left alone. The kernel takes no alias with the creation, but
//! a group: a device is born into one of ours, which the mark takes off. One that has it still is ours from a start
//! that was cut short.

mod execute;
mod plan;
mod routed;
#[cfg(test)]
pub mod tests;

pub use execute::{DeviceKeeper, Situation};
#[cfg(test)]
pub use plan::{DeviceOp, plan, possible};

use crate::model::Link;
use weft_evpn::VrfName;

/// Aliases of ours start so.
const MARK: &str = "weft: bridge-domain ";
/// Or so.
const VRF_MARK: &str = "weft: vrf ";
/// Separates the domain's name from the ports in a bridge's alias.
const PORTS: &str = "; interfaces ";
/// Longest alias (`IFALIASZ` less the end).
const MAX_ALIAS: usize = 255;

/// Group (`IFLA_GROUP`) of a device between its making and its mark.
pub const NEWBORN: u32 = u32::from_be_bytes(*b"weft");

/// Whether Weft made this device.
pub fn is_ours(link: &Link) -> bool {
    domain_of(link).is_some() || vrf_of(link).is_some()
}

/// Whether Weft made this device, and was stopped before it could mark it.
pub fn is_newborn(link: &Link) -> bool {
    link.group == NEWBORN && link.alias.is_none()
}

/// The bridge domain that the device was made for.
fn domain_of(link: &Link) -> Option<&str> {
    let rest = link.alias.as_deref()?.strip_prefix(MARK)?;
    Some(rest.split_once(PORTS).map_or(rest, |(name, _)| name))
}

/// The IP-VRF that the device was made for.
fn vrf_of(link: &Link) -> Option<&str> {
    link.alias.as_deref()?.strip_prefix(VRF_MARK)
}

/// The alias of a VRF device or of an L3VNI's.
fn vrf_alias(vrf: &VrfName) -> String {
    let mut alias = format!("{VRF_MARK}{vrf}");
    alias.truncate(alias.floor_char_boundary(MAX_ALIAS));
    alias
}

/// The ports that we joined to a bridge of ours, as its alias remembers them.
fn remembered_ports(link: &Link) -> impl Iterator<Item = &str> {
    let alias = link.alias.as_deref().unwrap_or_default();
    alias.split_once(PORTS).map(|(_, ports)| ports.split(' ')).into_iter().flatten()
}

/// The alias of a domain's vxlan device (no ports) or bridge.
fn alias(domain: &str, ports: &[String]) -> String {
    let mut alias = format!("{MARK}{domain}");
    let mut separator = PORTS;
    for port in ports {
        if alias.len() + separator.len() + port.len() > MAX_ALIAS {
            break;
        }
        alias.push_str(separator);
        alias.push_str(port);
        separator = " ";
    }
    alias
}
