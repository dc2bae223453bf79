//! `show evpn domain [NAME] [json]`: what crosses between domains. Of each domain its neighbours,
//! and of each IP-VRF how many prefixes came from it, how many went into it, and how many were
//! held back by which aggregate; with a name, which prefixes these are. FRR has no domains.

mod render;

use crate::{
    command::{ExecError, Sink},
    config::{self, Config},
    core::{Core, CoreHandle},
    peer::PeerId,
    show::{
        instance::Instance,
        json::JsonStream,
        page::PAGE,
        peer_view::{self, PeerView},
        vrfs,
    },
    vrf::{AggregateView, Crossing, ExportKind, VrfTable},
    wire::Family,
};
use ipnet::IpNet;
use render::{as_json, as_text};
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};
use weft_evpn::{DomainId, VrfName};

/// What the domain without a name is called.
const LOCAL: &str = "local";

/// A domain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Domain {
    id: DomainId,
    name: String,
    /// The one that we are in.
    own: bool,
    neighbours: Vec<Neighbour>,
    vrfs: Vec<Share>,
}

/// A neighbour in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Neighbour {
    address: IpAddr,
    state: String,
    /// EVPN routes of all types.
    accepted: u32,
    sent: u32,
}

/// What an IP-VRF has to do with it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Share {
    vrf: String,
    came_in: usize,
    sent: usize,
    held_back: usize,
    aggregates: Vec<Aggregate>,
    /// With a name.
    lists: Option<Lists>,
}

/// An aggregate, as it concerns the domain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Aggregate {
    prefix: IpNet,
    summary_only: bool,
    active: bool,
    /// It lost its last contributor and is about to end.
    lingers: bool,
    contributors: usize,
}

/// The prefixes themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Lists {
    came_in: Vec<IpNet>,
    sent: Vec<(IpNet, String)>,
    held_back: Vec<HeldBack>,
}

/// A prefix that does not go into a domain because of an aggregate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct HeldBack {
    prefix: IpNet,
    aggregate: IpNet,
}

/// Carries out the command.
pub(in crate::show) fn show(
    core: &CoreHandle,
    name: Option<String>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let wanted = name.clone();
    let (domains, vrfs, names) = core.ask(move |core, _| {
        (domains(core, wanted.as_deref()), vrfs::names(core), domain_names(core.config()))
    })?;
    if let (Some(name), true) = (&name, domains.is_empty()) {
        return if json {
            Ok(out.text("{}\n")?)
        } else {
            Err(ExecError(format!("There is no EVPN domain {name}")))
        };
    }
    let mut stream = json.then(|| {
        let mut stream = JsonStream::object();
        stream.begin_object("domains");
        stream
    });
    for (mut domain, peers) in domains {
        domain.neighbours = neighbours(core, peers)?;
        for vrf in &vrfs {
            domain.vrfs.extend(share(core, vrf, domain.id, name.is_some(), &names)?);
        }
        match &mut stream {
            Some(stream) => as_json(&domain, stream, out)?,
            None => as_text(&domain, out)?,
        }
    }
    match stream {
        Some(stream) => Ok(out.text(&stream.finish())?),
        None => Ok(()),
    }
}

/// The names that the configuration gives to domains.
fn domain_names(config: &Config) -> BTreeMap<DomainId, String> {
    let Some(bgp) = &config.bgp else { return BTreeMap::new() };
    let neighbours = config::resolve(bgp).into_iter().filter_map(|each| each.settings.domain);
    let ranges = config::resolve_ranges(bgp).into_iter().filter_map(|each| each.settings.domain);
    let named = bgp.evpn.domain.clone().into_iter().chain(neighbours).chain(ranges);
    named.map(|domain| (domain.domain_id(), domain.name)).collect()
}

/// The domains that are meant, our own first, each with its neighbours.
fn domains(core: &Core, wanted: Option<&str>) -> Vec<(Domain, VecDeque<PeerId>)> {
    let (evpn, names) = (core.evpn().config(), domain_names(core.config()));
    let ids = std::iter::once(evpn.domain).chain(evpn.other_domains.iter().copied());
    let domains = ids.map(|id| {
        let unnamed = || if id == DomainId::default() { LOCAL.to_owned() } else { id.to_string() };
        let name = names.get(&id).cloned().unwrap_or_else(unnamed);
        let in_it = |id: &PeerId| {
            let row = core.peers().get(*id).and_then(|peer| peer.settings.families.get(&Family::L2vpnEvpn));
            row.map(|row| row.domain)
        };
        let all = peer_view::ids(core, &Instance::default_instance(), Some(Family::L2vpnEvpn));
        let peers = all.into_iter().map(|(id, _)| id).filter(|peer| in_it(peer) == Some(id)).collect();
        let domain = Domain { id, name, own: id == evpn.domain, neighbours: Vec::new(), vrfs: Vec::new() };
        (domain, peers)
    });
    let meant = |(domain, _): &(Domain, VecDeque<PeerId>)| {
        wanted.is_none_or(|wanted| domain.name == wanted || domain.id.to_string() == wanted)
    };
    domains.filter(meant).collect()
}

fn neighbours(core: &CoreHandle, mut peers: VecDeque<PeerId>) -> Result<Vec<Neighbour>, ExecError> {
    let mut rows = Vec::new();
    while !peers.is_empty() {
        let views;
        (peers, views) = core.ask(move |core, now| {
            let views = peer_view::next(core, &Instance::default_instance(), &mut peers, now);
            (peers, views)
        })?;
        rows.extend(views.iter().map(neighbour));
    }
    Ok(rows)
}

fn neighbour(peer: &PeerView) -> Neighbour {
    let counters = peer.family(Family::L2vpnEvpn).map(|view| view.counters).unwrap_or_default();
    Neighbour {
        address: peer.settings.address,
        state: peer.state(),
        accepted: counters.accepted,
        sent: counters.sent,
    }
}

/// What an IP-VRF has to do with a domain, asked for in pages; `None`: the IP-VRF is gone.
fn share(
    core: &CoreHandle,
    name: &VrfName,
    domain: DomainId,
    lists: bool,
    names: &BTreeMap<DomainId, String>,
) -> Result<Option<Share>, ExecError> {
    let vrf = name.clone();
    let aggregates = core.ask(move |core, _| Some(aggregates(vrfs::table(core, &vrf)?, domain)))?;
    let Some(aggregates) = aggregates else { return Ok(None) };
    let lists = lists.then(Lists::default);
    let mut share = Share { vrf: name.to_string(), aggregates, lists, ..Share::default() };
    let mut behind = None;
    loop {
        let vrf = name.clone();
        let page = core.ask(move |core, _| Some(vrfs::table(core, &vrf)?.crossings(domain, behind, PAGE)))?;
        let Some(page) = page else { return Ok(None) };
        behind = page.last().map(|crossing| crossing.prefix);
        let is_last = page.len() < PAGE;
        page.into_iter().for_each(|crossing| share.take(crossing, names));
        if is_last {
            return Ok(Some(share));
        }
    }
}

fn aggregates(table: &VrfTable, domain: DomainId) -> Vec<Aggregate> {
    let here = |aggregate: AggregateView| {
        let of = aggregate.domains.iter().find(|of| of.domain == domain)?;
        Some(Aggregate {
            prefix: aggregate.prefix,
            summary_only: aggregate.summary_only,
            active: of.active,
            lingers: of.lingers_until.is_some(),
            contributors: 0,
        })
    };
    table.aggregates().into_iter().filter_map(here).collect()
}

impl Share {
    fn take(&mut self, crossing: Crossing, names: &BTreeMap<DomainId, String>) {
        let Crossing { prefix, came_in, sent, held_back, contributes_to } = crossing;
        self.came_in += usize::from(came_in);
        self.sent += usize::from(sent.is_some());
        self.held_back += usize::from(held_back.is_some());
        for aggregate in &mut self.aggregates {
            aggregate.contributors += usize::from(contributes_to.contains(&aggregate.prefix));
        }
        let Some(lists) = &mut self.lists else { return };
        lists.came_in.extend(came_in.then_some(prefix));
        lists.sent.extend(sent.map(|kind| (prefix, reason(kind, names))));
        lists.held_back.extend(held_back.map(|aggregate| HeldBack { prefix, aggregate }));
    }
}

/// Why a prefix goes into the domain.
fn reason(kind: ExportKind, names: &BTreeMap<DomainId, String>) -> String {
    match kind {
        ExportKind::Route => "route".to_owned(),
        ExportKind::Subnet => "subnet".to_owned(),
        ExportKind::Aggregate => "aggregate".to_owned(),
        ExportKind::Default => "default-originate".to_owned(),
        ExportKind::Domain(id) => {
            let unnamed = || if id == DomainId::default() { LOCAL.to_owned() } else { id.to_string() };
            format!("domain {}", names.get(&id).cloned().unwrap_or_else(unnamed))
        }
    }
}

#[cfg(test)]
mod tests;
