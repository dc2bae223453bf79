//! `show bgp l2vpn evpn …`: routes of the tables. The global table, one neighbour's tables and
//! the tables of the MAC-VRFs go through the same entries: `table` (two lines a path), `detail`
//! and `json` render them, `list` and `vrf` walk.
//!
//! Where FRR differs: a path that may not be used says why; what a neighbour was sent shows its
//! next hop; `mac M` without `ip` finds the MAC's routes with addresses, too.

mod detail;
mod entry;
mod filter;
mod json;
mod list;
mod table;
mod vrf;

use super::page::no_instance;
use crate::{
    command::{
        ExecError, Sink,
        exec::{NeighborTable, RouteQuery},
    },
    core::{Core, CoreHandle},
    peer::{PeerId, PeerKey},
    rib::Scope,
    wire::Family,
};
use filter::Filter;
use list::{Form, List};
use std::net::IpAddr;
use weft_evpn::Vni;

/// The family of all these commands.
const FAMILY: Family = Family::L2vpnEvpn;

/// `show bgp l2vpn evpn [route …]`.
pub(super) fn show(core: &CoreHandle, query: &RouteQuery, out: &mut dyn Sink) -> Result<(), ExecError> {
    let one = query.mac.is_some() || query.ip.is_some() || query.prefix.is_some();
    let form = match query {
        RouteQuery { overview: true, detail: false, .. } => Form::Overview,
        RouteQuery { rd: Some(_), .. } if one => Form::Entry,
        RouteQuery { rd: Some(_), .. } => Form::Rd,
        RouteQuery { detail: true, .. } => Form::Detail,
        _ => Form::Routes,
    };
    let scope = if query.self_originate { Scope::Local } else { Scope::All };
    let filter = Filter::new(query);
    list::show(core, List { scope: Some(scope), filter, form, json: query.json }, out)
}

/// `show bgp l2vpn evpn neighbors X advertised-routes|routes|received-routes [json]`.
pub(super) fn neighbour(
    core: &CoreHandle,
    address: IpAddr,
    table: NeighborTable,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let peer = core.ask(move |core, _| find(core, address))??;
    let Some(peer) = peer else {
        return if json { Ok(out.text("{}\n")?) } else { Err(no_such_neighbour()) };
    };
    let (scope, form) = match table {
        NeighborTable::Advertised => (Scope::AdvertisedTo(peer.id), Form::Advertised),
        NeighborTable::Accepted => (Scope::ReceivedFrom(peer.id), Form::Neighbour),
        NeighborTable::Received if peer.keeps_refused => (Scope::ReceivedFrom(peer.id), Form::Neighbour),
        NeighborTable::Received => (Scope::ReceivedFrom(peer.id), Form::ReceivedUsed),
    };
    let filter = Filter { eligible: table == NeighborTable::Accepted, ..Filter::default() };
    // Without a session there are no tables, unless its routes are kept over its restart.
    let scope = peer.has_tables.then_some(scope);
    list::show(core, List { scope, filter, form, json }, out)
}

/// A neighbour, as far as its tables are concerned.
#[derive(Debug, Clone, Copy)]
struct Found {
    id: PeerId,
    has_tables: bool,
    /// `soft-reconfiguration inbound`.
    keeps_refused: bool,
}

fn find(core: &Core, address: IpAddr) -> Result<Option<Found>, ExecError> {
    no_instance(core)?;
    Ok(core.peers().by_key(&PeerKey { vrf: None, address }).map(|peer| Found {
        id: peer.id,
        has_tables: core.rib().peer(peer.id).is_some(),
        keeps_refused: peer
            .settings
            .families
            .get(&FAMILY)
            .is_some_and(|family| family.soft_reconfiguration_inbound),
    }))
}

pub(super) fn no_such_neighbour() -> ExecError {
    ExecError("No such neighbor in this view/vrf".to_owned())
}

/// `show bgp l2vpn evpn route vni N|all …`.
pub(super) fn vni(
    core: &CoreHandle,
    vni: Option<Vni>,
    query: &RouteQuery,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    vrf::show(core, vni, query, out)
}

#[cfg(test)]
mod tests;
