//! Routes of the tables: `show bgp l2vpn evpn …`, `show bgp vrf V …`. The global table, the tables
//! of neighbours, of MAC-VRFs and of IP-VRFs go through the same entries: `table` (a line or two a
//! path), `detail` and `json` render them, `frame` is what stands around a list of them; `list`,
//! `vrf` and `unicast` find them.
//!
//! Where FRR differs: a path that may not be used says why; what a neighbour was sent shows its
//! next hop; `mac M` without `ip` finds the MAC's routes with addresses, too; a prefix of a
//! unicast table has no version of its own.

mod detail;
mod entry;
mod filter;
mod frame;
mod json;
mod list;
mod table;
mod unicast;
mod vrf;

pub(super) use entry::as_path;
pub(super) use unicast::show as unicast;

use super::{instance::Instance, json::JsonStream};
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
use frame::Form;
use list::List;
use std::net::IpAddr;
use weft_evpn::{Vni, VrfName};

/// The family of MAC-VRFs and prefix routes.
const EVPN: Family = Family::L2vpnEvpn;

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
    let (filter, json) = (Filter::new(query), query.json.then(JsonStream::object));
    let list = List { family: EVPN, scope: Some(scope), filter, form, json };
    finish(list::show(core, &Instance::default_instance(), list, out)?, out)
}

fn finish(json: Option<JsonStream>, out: &mut dyn Sink) -> Result<(), ExecError> {
    match json {
        Some(json) => Ok(out.text(&json.finish())?),
        None => Ok(()),
    }
}

/// A neighbour's table of a family: `show bgp l2vpn evpn|vrf V [ipv4|ipv6 unicast] neighbors X
/// advertised-routes|routes|received-routes [json]`.
pub(super) fn neighbour(
    core: &CoreHandle,
    (vrf, family): (Option<VrfName>, Family),
    address: IpAddr,
    table: NeighborTable,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let instance = vrf.map_or_else(Instance::default_instance, Instance::of_vrf);
    let of = instance.clone();
    let peer = core.ask(move |core, _| find(core, &of, family, address))??;
    let Some(peer) = peer else {
        return if json { Ok(out.text("{}\n")?) } else { Err(no_such_neighbour()) };
    };
    let received = if family.is_unicast() { Form::Received } else { Form::Neighbour };
    let (scope, form) = match table {
        NeighborTable::Advertised => (Scope::AdvertisedTo(peer.id), Form::Advertised),
        NeighborTable::Accepted => (Scope::ReceivedFrom(peer.id), Form::Neighbour),
        NeighborTable::Received if peer.keeps_refused => (Scope::ReceivedFrom(peer.id), received),
        NeighborTable::Received => (Scope::ReceivedFrom(peer.id), Form::ReceivedUsed),
    };
    let filter = Filter { eligible: table == NeighborTable::Accepted, ..Filter::default() };
    // Without a session there are no tables, unless its routes are kept over its restart.
    let scope = peer.has_tables.then_some(scope);
    let list = List { family, scope, filter, form, json: json.then(JsonStream::object) };
    finish(list::show(core, &instance, list, out)?, out)
}

/// A neighbour, as far as its tables are concerned.
#[derive(Debug, Clone, Copy)]
struct Found {
    id: PeerId,
    has_tables: bool,
    /// `soft-reconfiguration inbound`.
    keeps_refused: bool,
}

fn find(
    core: &Core,
    instance: &Instance,
    family: Family,
    address: IpAddr,
) -> Result<Option<Found>, ExecError> {
    let rib = instance.rib(core)?;
    let key = PeerKey { vrf: instance.vrf().cloned(), address };
    Ok(core.peers().by_key(&key).map(|peer| Found {
        id: peer.id,
        has_tables: rib.peer(peer.id).is_some(),
        keeps_refused: peer
            .settings
            .families
            .get(&family)
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
