//! The table of an IP-VRF: one place where the routes of its own kernel table, of its CE
//! neighbours and of EVPN meet. RFC 4271 §9, RFC 9135 §3, RFC 9136 §4.4, RFC 10039 §4 and §5.
//!
//! ```text
//!  kernel ─ local_route ─▶ redistribute, network ─┐                ┌─▶ ForwardingChange::Route
//!  CE sessions ───────────────────────────────────┼─▶ Rib (unicast)┤
//!  Evpn ─ path ──▶ import ────────────────────────┘    best, equal ├─▶ CE neighbours (by the Rib)
//!  Evpn ─ activate ──▶ what its prefix routes carry                └─▶ type-5, for each domain
//! ```
//!
//! Pure: time is an argument, there is no I/O. Everything is a level; a change marks prefixes,
//! and `settle` looks at these alone. Only another configuration, and another RD, VNI or router
//! MAC, walk the whole table. What is said is said once, in an order that breaks nothing:
//! routes for the kernel, then advertisements, then withdrawals, then what the kernel loses.
//!
//! Into domain D goes the best route of a prefix, unless it came from D or has been there
//! (D-PATH); from other domains it goes on whether or not `advertise` is configured, whose
//! policy judges it all the same. Routes of the IP-VRF itself and of its CE neighbours need
//! `advertise`; the gateways' subnets always go into our own domain.
//!
//! `aggregate-address … summary-only` holds a covered prefix back from D, except where D has a
//! route that covers the prefix and is longer than the aggregate: by longest match that route
//! would draw the traffic, and not to us. So a host away from its home crosses into its home,
//! the hosts of a subnet that lies in both domains cross, and a host that has come home crosses
//! until the domain that it has left lets it go (its path from there is overruled until then).
//!
//! `settings` is what is configured, `local` what becomes of kernel routes, `import` the paths
//! from EVPN, `aggregate` what an aggregate shows of its contributors (when it is advertised is
//! said in `weft_evpn::aggregate`), `forward` what the kernel shall do, `export`
//! how a prefix route looks, `outward` what goes into which domain, `table` brings them together, `view` is for shows.
//!
//! It does not hold back contributors from CE neighbours: they hear both. It does not follow
//! next hops of CE neighbours through other CE neighbours' routes.

mod aggregate;
mod export;
mod forward;
mod import;
mod local;
mod outward;
mod prefixes;
mod settings;
mod table;
mod view;

pub use export::{ExportKind, PrefixRoute};
pub use import::EvpnPath;
pub use settings::{Advertise, AggregateSettings, DEFAULT_MAXIMUM_PATHS, FamilySettings, VrfSettings};
pub use table::{VrfOutput, VrfTable};
pub use view::{AggregateView, ContributorsView, Crossing, TableRoute};

#[cfg(test)]
mod tests;
