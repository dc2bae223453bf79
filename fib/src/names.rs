//! Names and numbers of what Weft makes, worked out from the configuration's own: the same after every restart, on
//! every machine, and with every version. So none of them depends on a library's hash.

use std::net::IpAddr;
use weft_evpn::{MacAddr, Vni};

/// Longest interface name (`IFNAMSIZ` less the end).
const MAX_NAME: usize = 15;
/// Tables that we number ourselves begin here.
const FIRST_TABLE: u32 = 10_000;
/// And there are so many.
const TABLES: u32 = 1_000_000;

/// FNV-1a of 64 bits.
fn hash(octets: impl IntoIterator<Item = u8>) -> u64 {
    let step = |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3);
    octets.into_iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// An interface name: the plain one, or where that is too long its first characters, a dash and four hexadecimal digits
/// of a hash of `what` it is for.
fn interface_name(plain: &str, what: &str) -> String {
    if plain.len() <= MAX_NAME {
        return plain.to_owned();
    }
    let mut short: String = plain.chars().filter(char::is_ascii).take(MAX_NAME - 5).collect();
    short.push_str(&format!("-{:04x}", hash(what.bytes()) & 0xffff));
    short
}

/// The name of a bridge domain's bridge: `br-` and the domain's name.
pub fn bridge_name(domain: &str) -> String {
    interface_name(&format!("br-{domain}"), domain)
}

/// The name of an IP-VRF's device: its own.
pub fn device_name(vrf: &str) -> String {
    interface_name(vrf, vrf)
}

/// The name of a VNI's vxlan device.
pub fn vxlan_name(vni: Vni) -> String {
    format!("vx{vni}")
}

/// The table of an IP-VRF that has no number by configuration: of its name, so that it is the same whatever else is
/// configured.
pub fn derived_table(vrf: &str) -> u32 {
    // FNV-1a of 32 bits.
    let step = |hash: u32, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193);
    FIRST_TABLE + vrf.bytes().fold(0x811c_9dc5, step) % TABLES
}

/// The MAC of a device that Weft makes: locally administered, different at every VTEP. A bridge without a set MAC takes
/// that of a port, and every change of it flushes its neighbours; that of an L3VNI's device is the router MAC, which
/// other VTEPs hold.
pub fn derived_mac(vni: Vni, vtep: Option<IpAddr>) -> MacAddr {
    let vtep = match vtep {
        None => Vec::new(),
        Some(IpAddr::V4(vtep)) => vtep.octets().to_vec(),
        Some(IpAddr::V6(vtep)) => vtep.octets().to_vec(),
    };
    let [a, b, c, d, e, ..] = hash(vni.get().to_be_bytes().into_iter().chain(vtep)).to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vni(number: u32) -> Vni {
        Vni::new(number).unwrap()
    }

    #[test]
    fn names_fit_and_differ() {
        assert_eq!(bridge_name("blue"), "br-blue");
        assert_eq!(bridge_name("twelve-chars"), "br-twelve-chars");
        let (one, two) = (bridge_name("a-very-long-name-1"), bridge_name("a-very-long-name-2"));
        assert_ne!(one, two);
        assert!(one.len() == 15 && one.starts_with("br-a-very-"), "{one}");
        assert!(vxlan_name(vni(Vni::MAX)).len() <= 15);
    }

    /// A new version that chose others would make every device anew, and other VTEPs hold the router MAC.
    #[test]
    fn they_are_the_same_in_every_version() {
        let text = format!(
            "{} {} {} {} {}",
            bridge_name("a-very-long-name"),
            device_name("a-vrf-with-a-long-name"),
            derived_table("red"),
            derived_mac(vni(5000), "10.0.0.1".parse().ok()),
            derived_mac(vni(10), None),
        );
        assert_eq!(text, "br-a-very--29dc a-vrf-with-de0f 775596 02:51:bb:fa:33:68 02:4d:25:7c:7f:9d");
    }
}
