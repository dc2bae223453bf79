//! IP-VRFs in this kernel: which there are, in which form, and all that has to stand around their routes.
//!
//! There are two forms. Where the kernel has VRF devices, an IP-VRF is one, and interfaces are enslaved to it. Where it
//! has none, an IP-VRF is a routing table, and rules lead what comes in by its interfaces there. `form::VrfBackEnd` says what
//! a form needs; everything else is the same for both: `want` puts together what should be, `plan` compares it with
//! what is, `serve` tells which of it works.
//!
//! Ownership: devices by their alias, rules by protocol `bgp`, addresses by protocol `bgp` on bridges of ours, routes
//! of the table by protocol `kernel` on bridges of ours in rule form, where the kernel itself never makes any there.
//! The rule for the table `local` is moved behind ours, and put back with the last IP-VRF: a tenant's packet for an
//! address that the router has elsewhere is the tenant's, not the router's.

pub mod form;
pub mod marks;
pub mod plan;
pub mod serve;
pub mod sysctl;
pub mod tenant;
#[cfg(test)]
mod tests;
pub mod want;

pub use plan::{Routing, VrfOp, plan};
pub use serve::{ServedVrf, served};
pub use tenant::{Tenants, tenants};
pub use want::{Wanted, want};

use std::hash::BuildHasher;

/// Longest interface name (`IFNAMSIZ` less the end).
const MAX_NAME: usize = 15;
/// Tables that we number ourselves begin here.
const FIRST_TABLE: u32 = 10_000;
/// And there are so many.
const TABLES: u32 = 1_000_000;

/// The name of an IP-VRF's device: its own, or where that is too long its first characters and a hash.
pub fn device_name(vrf: &str) -> String {
    if vrf.len() <= MAX_NAME {
        return vrf.to_owned();
    }
    let hash = foldhash::fast::FixedState::default().hash_one(vrf) & 0xffff;
    let mut short: String = vrf.chars().filter(char::is_ascii).take(MAX_NAME - 5).collect();
    short.push_str(&format!("-{hash:04x}"));
    short
}

/// The table of an IP-VRF that has no number by configuration: of its name, so that it is the same after a restart
/// and whatever else is configured.
pub fn derived_table(vrf: &str) -> u32 {
    // FNV-1a: the numbers must not change with a library's version.
    let hash =
        vrf.bytes().fold(0x811c_9dc5_u32, |hash, octet| (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193));
    FIRST_TABLE + hash % TABLES
}
