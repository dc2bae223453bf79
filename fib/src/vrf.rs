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
