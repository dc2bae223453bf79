//! `show bgp l2vpn evpn route vni N|all …`: the routes of a MAC-VRF, or with an L3VNI of an
//! IP-VRF, its own and those that it imports, without their RDs: what several VTEPs advertise of
//! one MAC or prefix are paths of one route.
//!
//! Weft has no such table: a route is used where it stands in the global one. So this goes
//! through the global table for the keys of the VNI, orders them, and comes back for each
//! route. `>` marks the path that a MAC-VRF follows, by mobility and all, or that is best in
//! the table of the IP-VRF; `=`, paths that are used with it.

mod follow;

use super::{
    EVPN, detail,
    entry::{Entry, Route, Sender},
    filter::Filter,
    json, table,
};
use crate::{
    command::{ExecError, Sink, exec::RouteQuery},
    core::{Core, CoreHandle},
    rib::{Listing, PathSource, PathView, Rib, RouteView, Scope},
    show::{
        instance::Instance,
        json::JsonStream,
        page::{PAGE, Pages, no_instance, stream, stream_of},
        tables::Tables,
        text::Clock,
        vrfs::{self, VrfFacts},
    },
};
use follow::Use;
use std::{cmp::Reverse, net::Ipv4Addr, vec};
use weft_evpn::{
    RouteDistinguisher, RouteTargetMatch, Vni, VrfName,
    engine::InstanceView,
    nlri::{EvpnRoute, NlriKey},
};

/// Routes looked at in a page of the search.
const SEARCH: usize = 4 * PAGE;

/// A MAC-VRF or IP-VRF, and what it takes.
#[derive(Debug, Clone)]
pub(super) struct Vrf {
    vni: Vni,
    /// The IP-VRF.
    ip_vrf: Option<VrfName>,
    /// The RDs of its own routes.
    rds: Vec<RouteDistinguisher>,
    import: Vec<RouteTargetMatch>,
}

impl From<InstanceView<'_>> for Vrf {
    fn from(view: InstanceView<'_>) -> Self {
        let rds = view.rd.into_iter().collect();
        Self { vni: view.vni, ip_vrf: None, rds, import: view.import.to_vec() }
    }
}

impl From<(Vni, VrfFacts)> for Vrf {
    fn from((vni, vrf): (Vni, VrfFacts)) -> Self {
        let active = vrf.active.iter();
        let rds = active
            .flat_map(|active| std::iter::once(active.rd).chain(active.domain_rds.iter().map(|(_, rd)| *rd)));
        Self { vni, rds: rds.collect(), ip_vrf: Some(vrf.name), import: vrf.import }
    }
}

impl Vrf {
    fn of(core: &Core, vni: Option<Vni>) -> Vec<Self> {
        let wanted = |other| vni.is_none_or(|vni| vni == other);
        let mac_vrfs = core.evpn().instances().filter(|instance| wanted(instance.vni)).map(Self::from);
        let ip_vrfs = vrfs::with_l3vni(core).into_iter().filter(|(vni, _)| wanted(*vni)).map(Self::from);
        mac_vrfs.chain(ip_vrfs).collect()
    }

    /// Where its table is, if it is one of unicast routes.
    fn instance(&self) -> Instance {
        self.ip_vrf.clone().map_or_else(Instance::default_instance, Instance::of_vrf)
    }

    fn takes(&self, route: &RouteView) -> bool {
        let Some(best) = route.paths.iter().find(|path| path.best) else { return false };
        if best.source == PathSource::Local {
            return self.rds.iter().any(|rd| route.key.get(1..9) == Some(&rd.0[..]));
        }
        let mut targets = best.attributes.ext_communities.iter().filter_map(|each| each.as_route_target());
        targets.any(|target| self.import.iter().any(|import| import.matches(target)))
            && (self.ip_vrf.is_none() || self.is_for_ip_vrf(route, best))
    }

    /// An IP-VRF has no use for types other than 5, and 2 with an address.
    fn is_for_ip_vrf(&self, route: &RouteView, path: &PathView) -> bool {
        EvpnRoute::parse(&route.nlri(path)).is_ok_and(|(route, _)| follow::prefix(&route).is_some())
    }
}

/// True if one host is asked for.
fn is_host(query: &RouteQuery) -> bool {
    query.mac.is_some() || query.ip.is_some()
}

/// The order of a MAC-VRF: by type and key, then RD; and what makes two keys one route.
fn order(key: &NlriKey) -> (Option<&u8>, &[u8], &[u8]) {
    (key.first(), key.get(9..).unwrap_or_default(), key.get(1..9).unwrap_or_default())
}

fn same_route(a: &NlriKey, b: &NlriKey) -> bool {
    let ((type_a, key_a, _), (type_b, key_b, _)) = (order(a), order(b));
    (type_a, key_a) == (type_b, key_b)
}

pub(super) fn show(
    core: &CoreHandle,
    vni: Option<Vni>,
    query: &RouteQuery,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let vrfs = core.ask(move |core, _| {
        no_instance(core)?;
        Ok::<_, ExecError>(Vrf::of(core, vni))
    })??;
    if vrfs.is_empty() && vni.is_some() {
        return if query.json { Ok(out.text("{}\n")?) } else { Err(ExecError("VNI not found".to_owned())) };
    }
    let mut json = query.json.then(JsonStream::object);
    for vrf in vrfs {
        json = one(core, vrf, vni.is_none(), query, json, out)?;
    }
    match json {
        Some(json) => Ok(out.text(&json.finish())?),
        None => Ok(()),
    }
}

fn one(
    core: &CoreHandle,
    vrf: Vrf,
    all: bool,
    query: &RouteQuery,
    mut json: Option<JsonStream>,
    out: &mut dyn Sink,
) -> Result<Option<JsonStream>, ExecError> {
    let host = is_host(query);
    let vni = vrf.vni;
    let keys = search(core, &vrf, query)?;
    if host && keys.is_empty() {
        if !all && json.is_none() {
            return Err(ExecError("Network not in table".to_owned()));
        }
        if all {
            return Ok(json);
        }
    }
    match &mut json {
        Some(json) if all => {
            json.begin_object(&vni.to_string());
            json.member("vni", vni.get());
        }
        None if all => out.text(&format!("\nVNI: {vni}\n\n"))?,
        _ => {}
    }
    let instance = vrf.instance();
    let pages = VrfPages::new(vrf, keys, query, json);
    let mut pages = stream_of(core, &instance, pages, out)?;
    let mut json = pages.json.take();
    match &mut json {
        Some(json) => {
            if !host {
                json.member("numPrefix", pages.routes);
            }
            json.member("numPaths", pages.paths);
            if all {
                json.end();
            }
        }
        None => out.text(&pages.foot())?,
    }
    Ok(json)
}

/// The keys of the VRF's routes, in its order.
fn search(core: &CoreHandle, vrf: &Vrf, query: &RouteQuery) -> Result<Vec<NlriKey>, ExecError> {
    let (vrf, query) = (vrf.clone(), query.clone());
    match core.ask(move |core, _| SearchPages::new(core.rib(), vrf, &query))? {
        Some(pages) => Ok(stream(core, pages, &mut String::new())?.into_keys()),
        None => Ok(Vec::new()),
    }
}

#[derive(Debug)]
pub(super) struct SearchPages {
    listing: Option<Listing>,
    vrf: Vrf,
    filter: Filter,
    keys: Vec<NlriKey>,
}

impl SearchPages {
    pub(super) fn new(rib: &Rib, vrf: Vrf, query: &RouteQuery) -> Option<Self> {
        let scope = if query.self_originate { Scope::Local } else { Scope::All };
        let filter = Filter::new(query);
        let head = filter.clone();
        let listing = rib.listing(EVPN, scope, move |octets| head.head(octets)).ok()?;
        Some(Self { listing: Some(listing), vrf, filter, keys: Vec::new() })
    }

    pub(super) fn into_keys(mut self) -> Vec<NlriKey> {
        self.keys.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        self.keys
    }
}

impl Pages for SearchPages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let Some(mut listing) = self.listing.take() else { return false };
        for _ in 0..SEARCH {
            let Some(view) = tables.evpn_rib.next_route(&mut listing) else { break };
            let meant = view.paths.first().is_some_and(|path| {
                EvpnRoute::parse(&view.nlri(path)).is_ok_and(|(route, _)| self.filter.evpn_route(&route))
            });
            if meant && self.vrf.takes(&view) {
                self.keys.push(view.key);
            }
        }
        let more = listing.remaining() > 0;
        self.listing = Some(listing);
        more
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Table,
    Detail,
    Entry,
}

#[derive(Debug)]
pub(super) struct VrfPages {
    vrf: Vrf,
    keys: vec::IntoIter<NlriKey>,
    filter: Filter,
    form: Form,
    typed: bool,
    json: Option<JsonStream>,
    routes: usize,
    paths: usize,
    /// A page that was copied out; the table's version and our identifier, and when that was.
    page: Vec<Entry>,
    facts: Option<(u64, Ipv4Addr, Clock)>,
}

impl VrfPages {
    pub(super) fn new(vrf: Vrf, keys: Vec<NlriKey>, query: &RouteQuery, json: Option<JsonStream>) -> Self {
        let form = match query {
            _ if is_host(query) => Form::Entry,
            RouteQuery { detail: true, .. } => Form::Detail,
            _ => Form::Table,
        };
        Self {
            vrf,
            keys: keys.into_iter(),
            filter: Filter::new(query),
            form,
            typed: query.route_type.is_some(),
            json,
            routes: 0,
            paths: 0,
            page: Vec::new(),
            facts: None,
        }
    }

    /// The route that the front of the keys stands for, with the best path of each RD.
    fn next(&mut self, tables: &Tables<'_>) -> Option<Option<Entry>> {
        let first = self.keys.next()?;
        let mut keys = vec![first];
        while let (Some(next), Some(last)) = (self.keys.as_slice().first(), keys.last())
            && same_route(next, last)
        {
            keys.extend(self.keys.next());
        }
        let mut entries = keys.iter().filter_map(|key| self.entry(tables, key));
        let Some(mut entry) = entries.next() else { return Some(None) };
        for other in entries {
            entry.told.extend(other.told);
            entry.paths.extend(other.paths);
        }
        entry.told.sort_by_key(|told| told.address);
        entry.told.dedup_by_key(|told| told.address);
        entry.rd = None;
        let mut followed = false;
        for path in &mut entry.paths {
            let use_of = follow::use_of(tables, self.vrf.vni, self.vrf.ip_vrf.is_some(), path);
            path.view.best = !followed && use_of == Use::Best;
            path.multipath = use_of == Use::Multipath;
            followed |= path.view.best;
            path.view.eligible &= follow::is_of_label(self.vrf.vni, self.vrf.ip_vrf.is_some(), &path.route);
        }
        entry.paths.sort_by_key(|path| Reverse(path.view.best));
        if entry.paths.len() > 1 {
            // The MAC-VRF's choice is EVPN's, not one of BGP's steps.
            entry.reason = None;
        }
        Some(Some(entry))
    }

    fn entry(&self, tables: &Tables<'_>, key: &NlriKey) -> Option<Entry> {
        let mut wire = Vec::new();
        (EVPN.row().join)(key, &[], &mut wire);
        let view = tables.evpn_rib.route(EVPN, &wire).ok()??;
        let id = view.id;
        let mut entry = Entry::new(tables, view, |path| path.best && self.filter.path(path))?;
        for path in &mut entry.paths {
            path.imported_from = match (&path.sender, &path.route) {
                (Sender::Peer { .. }, Route::Evpn(route)) => Some(route.clone()),
                _ => None,
            };
        }
        if self.form == Form::Entry {
            entry = entry.with_told(tables, &tables.evpn_rib.advertised_to(EVPN, id));
        }
        Some(entry)
    }

    pub(super) fn foot(&self) -> String {
        let (routes, paths) = (self.routes, self.paths);
        let typed = if self.typed { " (of requested type)" } else { "" };
        match self.form {
            Form::Entry => format!("\nDisplayed {paths} paths for requested prefix\n"),
            _ if routes == 0 => format!("No EVPN prefixes exist for this VNI{typed}\n"),
            _ => format!("\nDisplayed {routes} prefixes ({paths} paths){typed}\n\n"),
        }
    }
}

impl Pages for VrfPages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let rib = tables.evpn_rib;
        self.facts = Some((rib.version(EVPN), rib.settings().router_id, tables.clock));
        for _ in 0..PAGE {
            let Some(entry) = self.next(tables) else { break };
            self.page.extend(entry);
        }
        !self.keys.as_slice().is_empty()
    }

    fn render(&mut self, out: &mut String) {
        let Some((version, router_id, clock)) = self.facts else { return };
        for entry in std::mem::take(&mut self.page) {
            if self.json.is_none() && self.routes == 0 && self.form == Form::Table {
                *out += &format!("{}{}", table::legend(version, router_id), table::COLUMNS);
            }
            self.routes += 1;
            self.paths += entry.paths.len();
            match (&mut self.json, self.form) {
                (Some(json), Form::Table) => {
                    json.member(&entry.prefix(), json::short(&entry, json::Paths::Nested));
                }
                (Some(json), Form::Detail | Form::Entry) => {
                    json.member(&entry.prefix(), json::detail(&entry, &clock));
                }
                (None, Form::Table) => table::entry(&entry, out),
                (None, Form::Detail) => detail::paths(&entry, &clock, out),
                (None, Form::Entry) => detail::entry(&entry, None, &clock, out),
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
    }
}
