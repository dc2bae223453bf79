//! What the operator reads: tables and JSON in the layouts and with the keys of FRR, so that
//! habits and scripts keep working.
//!
//! ```text
//!  management thread: show ─▶ core.ask(a page) ─▶ text, JSON ─▶ sink ─▶ core.ask(the next page) …
//! ```
//!
//! The core is asked for one page at a time (`page`) and copies it out between two turns; the
//! thread of the management socket renders it and waits for the reader. Rendering is pure: views
//! in, text out (`text`, `json`), one file a subject. What FRR prints and Weft has no fact of
//! is left out; what is printed is never made up.

#[cfg(test)]
mod bench;
mod bgp_vni;
mod bgp_vrf_vni;
mod consistency;
mod evpn;
mod filters;
mod instance;
mod ip_route;
mod json;
mod memory;
mod neighbors;
mod one;
mod page;
mod peer_view;
mod policy;
mod routes;
mod rt_filter;
mod summary;
mod tables;
#[cfg(test)]
mod tenant;
mod text;
mod version;
mod vrf;
mod vrfs;

pub use consistency::consistency;

use crate::{
    command::{ExecCommand, ExecError, Sink},
    core::CoreHandle,
    wire::Family,
};
use tables::Tables;
use weft_evpn::VrfName;

/// Carries out a show command.
///
/// # Errors
/// What was asked for does not exist, the core has ended, or the reader is gone.
pub fn show(core: &CoreHandle, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
    match command {
        ExecCommand::ShowVersion { json } => version::show(core, json, out),
        ExecCommand::ShowMemory { json } => memory::show(core, json, out),
        ExecCommand::ShowBgpSummary { family, sessions, json } => {
            summary::show(core, instance::outside(), family, sessions, json, out)
        }
        ExecCommand::ShowBgpVrfSummary { vrf, afi, sessions, json } => {
            summary::show(core, vrf, afi.map(Family::from), sessions, json, out)
        }
        ExecCommand::ShowBgpNeighbors { peer, json } => {
            neighbors::show(core, instance::outside(), peer, json, out)
        }
        ExecCommand::ShowBgpVrfNeighbors { vrf, peer, json } => neighbors::show(core, vrf, peer, json, out),
        ExecCommand::ShowBgpEvpnRoutes(query) => routes::show(core, &query, out),
        ExecCommand::ShowBgpEvpnVniRoutes { vni, query } => routes::vni(core, vni, &query, out),
        ExecCommand::ShowBgpEvpnVni { vni, json } => bgp_vni::show(core, vni, json, out),
        ExecCommand::ShowBgpEvpnNeighborRoutes { peer, table, json } => {
            routes::neighbour(core, (None, Family::L2vpnEvpn), peer, table, json, out)
        }
        ExecCommand::ShowBgpVrfNeighborRoutes { vrf, afi, peer, table, json } => {
            let vrf = VrfName::from(vrf.as_str());
            routes::neighbour(core, (Some(vrf), afi.into()), peer, table, json, out)
        }
        ExecCommand::ShowBgpVrfRoutes { vrf, afi, prefix, json } => {
            routes::unicast(core, vrf, afi.into(), prefix, json, out)
        }
        ExecCommand::ShowBgpRtFilter { json } => rt_filter::show(core, json, out),
        ExecCommand::ShowBgpRtFilterNeighbor { peer, json } => rt_filter::neighbour(core, peer, json, out),
        ExecCommand::ShowEvpn { json } => evpn::global(core, json, out),
        ExecCommand::ShowEvpnVni { vni, detail, json } => evpn::vni(core, vni, detail, json, out),
        ExecCommand::ShowEvpnMac { vni, filter, detail, json } => {
            evpn::mac(core, vni, filter, detail, json, out)
        }
        ExecCommand::ShowEvpnArpCache { vni, filter, detail, json } => {
            evpn::arp_cache(core, vni, filter, detail, json, out)
        }
        ExecCommand::ShowBgpVrfVni { vrf, json } => bgp_vrf_vni::show(core, vrf, json, out),
        ExecCommand::ShowVrf { json } => vrf::show(core, json, out),
        ExecCommand::ShowVrfVni { vrf, json } => vrf::vni(core, vrf, json, out),
        ExecCommand::ShowEvpnRmac { vni, mac, json } => evpn::rmac(core, vni, mac, json, out),
        ExecCommand::ShowEvpnNextHops { vni, ip, json } => evpn::next_hops(core, vni, ip, json, out),
        ExecCommand::ShowRouteVrf { vrf, afi, prefix, json } => {
            ip_route::show(core, vrf, afi.into(), prefix, json, out)
        }
        ExecCommand::ShowRouteMap { name, json } => policy::route_maps(core, name, json, out),
        ExecCommand::ShowPrefixList { afi, name, json } => policy::prefix_lists(core, afi, name, json, out),
        ExecCommand::ShowEvpnDomain { domain, json } => evpn::domain(core, domain, json, out),
        // What changes something, and what asks the kernel, is the backend's.
        ExecCommand::ShowEvpnConsistency { .. }
        | ExecCommand::ClearBgp { .. }
        | ExecCommand::ClearBgpVrf { .. }
        | ExecCommand::ClearEvpnDupAddr { .. } => Err(ExecError("not a show of the core".to_owned())),
    }
}
