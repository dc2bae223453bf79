//! A route at length: every attribute of every path, in FRR's words.

use super::entry::{Entry, EntryPath, Sender, as_path, origin};
use crate::{
    rib::Reason,
    show::text::{Clock, date, words},
};

/// Appends `BGP routing table entry for …`, who has been told, and all paths.
pub(super) fn entry(entry: &Entry, clock: &Clock, out: &mut String) {
    let rd = entry.rd.map(|rd| format!("{rd}:")).unwrap_or_default();
    *out += &format!("BGP routing table entry for {rd}{}\n", entry.prefix());
    let best = match entry.paths.iter().position(|path| path.view.best) {
        Some(at) => format!("best #{}", at + 1),
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
    let vnis = path.vnis().iter().map(u32::to_string).collect::<Vec<_>>().join("/");
    let vnis = if vnis.is_empty() { String::new() } else { format!(" VNI {vnis}") };
    *out += &format!("  Route {prefix}{vnis}");
    if let Some(gateway) = path.gateway() {
        *out += &format!(" Gateway IP {gateway}");
    }
    if let Some(rd) = path.imported_from {
        *out += &format!(" Imported from {rd}:{prefix}");
    }
    out.push('\n');

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

    let next_hop = attributes.next_hop.map(|address| address.to_string()).unwrap_or_default();
    let (from, router_id, kind) = match &path.sender {
        Sender::Local { router_id, .. } => ("0.0.0.0".to_owned(), *router_id, "sourced, local"),
        Sender::Peer { address, router_id, internal, .. } => (
            address.to_string(),
            attributes.originator_id.unwrap_or(*router_id),
            if *internal { "internal" } else { "external" },
        ),
    };
    *out += &format!("    {next_hop} from {from} ({router_id})\n");

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

/// The lines that most paths have not, or only one of.
fn more(path: &EntryPath, clock: &Clock, out: &mut String) {
    let attributes = &path.view.attributes;
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
