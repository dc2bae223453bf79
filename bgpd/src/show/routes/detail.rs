//! A route at length: every attribute of every path, in FRR's words.

use super::entry::{Entry, EntryPath, Route, Sender, as_path, origin, unspecified};
use crate::{
    rib::Reason,
    show::text::{Clock, date, words},
};
use std::net::Ipv4Addr;

/// Appends `BGP routing table entry for …`, who has been told, and all paths. `vrf`: the
/// instance that FRR names beside prefixes.
pub(super) fn entry(entry: &Entry, vrf: Option<&str>, clock: &Clock, out: &mut String) {
    let rd = entry.rd.map(|rd| format!("{rd}:")).unwrap_or_default();
    *out += &format!("BGP routing table entry for {rd}{}\n", entry.prefix());
    let best = match entry.paths.iter().position(|path| path.view.best) {
        Some(at) => {
            let vrf = vrf.filter(|_| entry.is_unicast()).map(|vrf| format!(", vrf {vrf}"));
            format!("best #{}{}", at + 1, vrf.unwrap_or_default())
        }
        None => "no best path".to_owned(),
    };
    *out += &format!("Paths: ({} available, {best})\n", entry.paths.len());
    if entry.told.is_empty() {
        out.push_str("  Not advertised to any peer\n");
    } else {
        let told = words(entry.told.iter().map(|told| told.address));
        *out += &format!("  Advertised to non peer-group peers:\n  {told}\n");
    }
    paths(entry, clock, out);
}

/// Appends the paths alone.
pub(super) fn paths(entry: &Entry, clock: &Clock, out: &mut String) {
    let prefix = entry.prefix();
    for each in &entry.paths {
        path(&prefix, each, entry.reason, clock, out);
    }
}

fn path(prefix: &str, path: &EntryPath, reason: Option<Reason>, clock: &Clock, out: &mut String) {
    let view = &path.view;
    let attributes = &view.attributes;
    what(prefix, path, out);
    let as_text = as_path(&attributes.as_path);
    *out += &format!("  {}", if as_text.is_empty() { "Local" } else { &as_text });
    if let Some(aggregator) = &attributes.aggregator {
        *out += &format!(", (aggregated by {} {})", aggregator.asn, aggregator.router_id);
    }
    if matches!(path.sender, Sender::Peer { client: true, .. }) {
        out.push_str(", (Received from a RR-client)");
    }
    if view.stale {
        out.push_str(", (stale)");
    }
    out.push('\n');

    let next_hop = path.next_hop().map(|address| address.to_string()).unwrap_or_default();
    let (from, router_id, kind) = match &path.sender {
        Sender::Local { router_id, aggregate, .. } => {
            let from = match &path.route {
                Route::Evpn(_) => Ipv4Addr::UNSPECIFIED.into(),
                Route::Prefix(prefix) => unspecified(prefix),
            };
            (from.to_string(), *router_id, if *aggregate { "aggregated, local" } else { "sourced, local" })
        }
        Sender::Peer { address, router_id, internal, .. } => (
            address.to_string(),
            attributes.originator_id.unwrap_or(*router_id),
            if *internal { "internal" } else { "external" },
        ),
    };
    let leaked = if path.is_leaked() { " announce-nh-self" } else { "" };
    *out += &format!("    {next_hop} from {from} ({router_id}){leaked}\n");
    if let Some(link_local) = attributes.link_local_next_hop {
        *out += &format!("    ({link_local})\n");
    }

    let mut words_of = vec![format!("Origin {}", origin(attributes.origin))];
    words_of.extend(attributes.med.map(|med| format!("metric {med}")));
    words_of.extend(attributes.local_pref.map(|preference| format!("localpref {preference}")));
    if view.weight != 0 {
        words_of.push(format!("weight {}", view.weight));
    }
    words_of.push(if view.eligible { "valid" } else { "not used" }.to_owned());
    words_of.push(kind.to_owned());
    if attributes.atomic_aggregate {
        words_of.push("atomic-aggregate".to_owned());
    }
    if path.multipath {
        words_of.push("multipath".to_owned());
    }
    if view.best {
        words_of.push(match reason {
            Some(reason) => format!("best ({reason})"),
            None => "best".to_owned(),
        });
    }
    *out += &format!("      {}\n", words_of.join(", "));
    for refused in &view.refused {
        *out += &format!("      Not used: {refused}\n");
    }
    more(path, clock, out);
}

/// The line above a path: the EVPN route itself, or the one that a prefix came from.
fn what(prefix: &str, path: &EntryPath, out: &mut String) {
    let from = path.imported_from.as_ref().map(|route| {
        let rd = route.rd().map(|rd| format!("{rd}:")).unwrap_or_default();
        format!("Imported from {rd}{route}")
    });
    let vnis = path.vnis();
    let gateway = path.gateway().map(|gateway| format!(" Gateway IP {gateway}")).unwrap_or_default();
    match (&path.route, from) {
        (Route::Evpn(_), from) => {
            let vnis = if vnis.is_empty() { vnis } else { format!(" VNI {vnis}") };
            let from = from.map(|from| format!(" {from}")).unwrap_or_default();
            *out += &format!("  Route {prefix}{vnis}{gateway}{from}\n");
        }
        (Route::Prefix(_), Some(from)) => {
            let vnis = if vnis.is_empty() { vnis } else { format!(", VNI {vnis}") };
            *out += &format!("  {from}{vnis}{gateway}\n");
        }
        (Route::Prefix(_), None) => {}
    }
}

/// The lines that most paths have not, or only one of.
fn more(path: &EntryPath, clock: &Clock, out: &mut String) {
    let attributes = &path.attributes;
    if let Some(esi) = path.esi() {
        *out += &format!("      ESI:{esi}\n");
    }
    if !attributes.communities.is_empty() {
        let text = words(attributes.communities.iter().map(|value| community(*value)));
        *out += &format!("      Community: {text}\n");
    }
    if !attributes.ext_communities.is_empty() {
        *out += &format!("      Extended Community: {}\n", words(&attributes.ext_communities));
    }
    if !attributes.large_communities.is_empty() {
        let text = words(attributes.large_communities.iter().map(|[a, b, c]| format!("{a}:{b}:{c}")));
        *out += &format!("      Large Community: {text}\n");
    }
    if attributes.originator_id.is_some() || !attributes.cluster_list.is_empty() {
        let originator = attributes.originator_id.map(|id| format!("Originator: {id}"));
        // FRR ends the list of clusters with a blank.
        let clusters = (!attributes.cluster_list.is_empty())
            .then(|| format!("Cluster list: {} ", words(&attributes.cluster_list)));
        let text: Vec<String> = originator.into_iter().chain(clusters).collect();
        *out += &format!("      {}\n", text.join(", "));
    }
    if let Some(d_path) = &attributes.d_path {
        *out += &format!("      D-PATH: {d_path}\n");
    }
    for unknown in &attributes.unknown {
        *out += &format!("      Unknown attribute {}: {} octets\n", unknown.code, unknown.value.len());
    }
    *out += &format!("      Last update: {} UTC\n", date(clock.epoch(path.view.since)));
    if let Some(pmsi) = &attributes.pmsi {
        let [a, b, c] = pmsi.label;
        let label = u32::from_be_bytes([0, a, b, c]);
        *out += &format!("      PMSI Tunnel Type: {pmsi}, label: {label}\n");
    }
}

/// A community, by its name if RFC 1997 has one.
pub(super) fn community(value: u32) -> String {
    match value {
        0xffff_ff01 => "no-export".to_owned(),
        0xffff_ff02 => "no-advertise".to_owned(),
        0xffff_ff03 => "local-AS".to_owned(),
        0xffff_0000 => "graceful-shutdown".to_owned(),
        _ => format!("{}:{}", value >> 16, value & 0xffff),
    }
}
