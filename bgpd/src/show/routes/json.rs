//! Routes in JSON with FRR's keys. Left out: `prefixLen` (a size of FRR's structures),
//! `version` of a path. Added: `stale`, `refused` (why a path may not be used), `dPath`,
//! `importedRoute`.

use super::{
    detail::community,
    entry::{Entry, EntryPath, Route, Sender, as_path, origin, origin_code, unspecified},
};
use crate::{
    rib::Reason,
    show::text::{Clock, date, words},
    wire::attribute::AsSegmentKind,
};
use serde_json::{Map, Value, json};
use std::net::{IpAddr, Ipv4Addr};

type Object = Map<String, Value>;

fn put(object: &mut Object, key: &str, value: impl Into<Value>) {
    object.insert(key.to_owned(), value.into());
}

/// The route's own fields: `routeType`, `mac`, `ip` …; of a prefix its parts.
fn route_fields(path: &EntryPath, address: &str) -> Object {
    match &path.route {
        Route::Evpn(route) => match json!(route) {
            Value::Object(fields) => fields,
            _ => Object::new(),
        },
        Route::Prefix(prefix) => {
            let mut json = Object::new();
            put(&mut json, address, prefix.network().to_string());
            put(&mut json, "prefixLen", prefix.prefix_len());
            put(&mut json, "network", prefix.to_string());
            json
        }
    }
}

/// How the list of paths is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paths {
    /// `[{…}, {…}]`: FRR's table of a family.
    Flat,
    /// `[[{…}], [{…}]]`: FRR's `route` commands.
    Nested,
}

impl Paths {
    fn of(self, paths: impl Iterator<Item = Value>) -> Value {
        match self {
            Self::Flat => paths.collect(),
            Self::Nested => paths.map(|path| json!([path])).collect(),
        }
    }
}

/// A route with what tables show of its paths.
pub(super) fn short(entry: &Entry, form: Paths) -> Value {
    json!({"prefix": entry.prefix(), "paths": short_paths(entry, form)})
}

/// The paths alone, as unicast tables have them.
pub(super) fn short_paths(entry: &Entry, form: Paths) -> Value {
    form.of(entry.paths.iter().map(|path| short_path(path, entry.reason)))
}

fn short_path(path: &EntryPath, reason: Option<Reason>) -> Value {
    let (view, attributes) = (&path.view, &path.view.attributes);
    let mut json = Object::new();
    if view.stale {
        put(&mut json, "stale", true);
    }
    if view.eligible {
        put(&mut json, "valid", true);
    }
    if path.multipath {
        put(&mut json, "multipath", true);
    }
    if view.best {
        put(&mut json, "bestpath", true);
        if let Some(reason) = reason {
            put(&mut json, "selectionReason", reason.to_string());
        }
    }
    put(&mut json, "pathFrom", path_from(path));
    json.extend(route_fields(path, "prefix"));
    if let Some(med) = attributes.med {
        put(&mut json, "metric", med);
    }
    if let Some(preference) = attributes.local_pref {
        put(&mut json, "locPrf", preference);
    }
    put(&mut json, "weight", view.weight);
    let peer = match &path.sender {
        Sender::Local { .. } => "(unspec)".to_owned(),
        Sender::Peer { address, .. } => address.to_string(),
    };
    put(&mut json, "peerId", peer);
    put(&mut json, "path", as_path(&attributes.as_path));
    put(&mut json, "origin", origin(attributes.origin));
    if let Some(esi) = path.esi() {
        put(&mut json, "esi", esi.to_string());
    }
    if matches!(path.route, Route::Evpn(_)) {
        extended_communities(path, &mut json);
    }
    if path.is_leaked() {
        put(&mut json, "announceNexthopSelf", true);
    }
    put(&mut json, "nexthops", next_hops(path, false));
    refused(path, &mut json);
    Value::Object(json)
}

fn path_from(path: &EntryPath) -> &'static str {
    match &path.sender {
        Sender::Local { .. } => "local",
        Sender::Peer { internal: true, .. } => "internal",
        Sender::Peer { .. } => "external",
    }
}

fn extended_communities(path: &EntryPath, json: &mut Object) {
    let communities = &path.attributes.ext_communities;
    if !communities.is_empty() {
        put(json, "extendedCommunity", json!({"string": words(communities)}));
    }
}

fn refused(path: &EntryPath, json: &mut Object) {
    if !path.view.refused.is_empty() {
        put(json, "refused", path.view.refused.to_vec());
    }
}

fn next_hops(path: &EntryPath, detail: bool) -> Value {
    let Some(next_hop) = path.next_hop() else { return json!([]) };
    let link_local = path.view.attributes.link_local_next_hop;
    let hop = |address: IpAddr, used: bool| {
        let mut json = Object::new();
        put(&mut json, "ip", address.to_string());
        if let Some(hostname) = path.sender.hostname() {
            put(&mut json, "hostname", hostname);
        }
        put(&mut json, "afi", family_of(address));
        if address.is_ipv6() && matches!(path.route, Route::Prefix(_)) {
            let scope = if Some(address) == link_local.map(IpAddr::V6) { "link-local" } else { "global" };
            put(&mut json, "scope", scope);
        }
        if detail {
            put(&mut json, "accessible", path.view.eligible);
        }
        if used {
            put(&mut json, "used", path.view.eligible);
        }
        Value::Object(json)
    };
    // Of two addresses of a router the link-local one is used (RFC 2545 §3).
    let mut hops = vec![hop(next_hop, link_local.is_none())];
    hops.extend(link_local.map(|address| hop(address.into(), true)));
    Value::Array(hops)
}

fn family_of(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ipv4" } else { "ipv6" }
}

/// A route with every attribute of its paths.
pub(super) fn detail(entry: &Entry, clock: &Clock) -> Value {
    let mut json = Object::new();
    put(&mut json, "prefix", entry.prefix());
    if !entry.is_unicast() {
        put(&mut json, "rd", entry.rd.map(|rd| rd.to_string()).unwrap_or_default());
        json.extend(entry.paths.first().map(|path| route_fields(path, "prefix")).unwrap_or_default());
    }
    if !entry.told.is_empty() {
        let told = entry.told.iter().map(|told| {
            let hostname = told.hostname.as_ref().map(|name| json!({"hostname": name}));
            (told.address.to_string(), hostname.unwrap_or_else(|| json!({})))
        });
        put(&mut json, "advertisedTo", told.collect::<Object>());
    }
    put(&mut json, "paths", detail_paths(entry, clock));
    Value::Object(json)
}

/// The paths alone.
pub(super) fn detail_paths(entry: &Entry, clock: &Clock) -> Value {
    let form = if entry.is_unicast() { Paths::Flat } else { Paths::Nested };
    form.of(entry.paths.iter().map(|path| detail_path(path, entry.reason, clock)))
}

fn detail_path(path: &EntryPath, reason: Option<Reason>, clock: &Clock) -> Value {
    let (view, attributes) = (&path.view, &path.view.attributes);
    let mut json = Object::new();
    let vnis = path.vnis();
    if !vnis.is_empty() {
        put(&mut json, "VNI", vnis.as_str());
        put(&mut json, "vni", vnis.as_str());
    }
    if let Some(gateway) = path.gateway() {
        put(&mut json, "gatewayIP", gateway.to_string());
    }
    if let Some(route) = &path.imported_from {
        if let Some(rd) = route.rd() {
            put(&mut json, "importedFrom", rd.to_string());
        }
        if path.is_leaked() {
            put(&mut json, "importedRoute", route.to_string());
            put(&mut json, "announceNexthopSelf", true);
        }
    }
    put(&mut json, "aspath", as_path_json(path));
    if let Some(aggregator) = &attributes.aggregator {
        put(&mut json, "aggregatorAs", aggregator.asn);
        put(&mut json, "aggregatorId", aggregator.router_id.to_string());
    }
    if matches!(path.sender, Sender::Peer { client: true, .. }) {
        put(&mut json, "rxedFromRrClient", true);
    }
    if view.stale {
        put(&mut json, "stale", true);
    }
    put(&mut json, "origin", origin(attributes.origin));
    if let Some(med) = attributes.med {
        put(&mut json, "metric", med);
    }
    if let Some(preference) = attributes.local_pref {
        put(&mut json, "locPrf", preference);
    }
    if view.weight != 0 {
        put(&mut json, "weight", view.weight);
    }
    if view.eligible {
        put(&mut json, "valid", true);
    }
    if let Sender::Local { aggregate, .. } = &path.sender {
        put(&mut json, if *aggregate { "aggregated" } else { "sourced" }, true);
        put(&mut json, "local", true);
    }
    if attributes.atomic_aggregate {
        put(&mut json, "atomicAggregate", true);
    }
    if path.multipath {
        put(&mut json, "multipath", true);
    }
    if view.best {
        let mut best = Object::new();
        put(&mut best, "overall", true);
        if let Some(reason) = reason {
            put(&mut best, "selectionReason", reason.to_string());
        }
        put(&mut json, "bestpath", best);
    }
    if let Some(esi) = path.esi() {
        put(&mut json, "esi", esi.to_string());
    }
    communities(path, &mut json);
    if let Some(d_path) = &attributes.d_path {
        put(&mut json, "dPath", d_path.to_string());
    }
    refused(path, &mut json);
    let epoch = clock.epoch(view.since);
    put(&mut json, "lastUpdate", json!({"epoch": epoch, "string": format!("{} UTC", date(epoch))}));
    if let Some(pmsi) = &attributes.pmsi {
        let [a, b, c] = pmsi.label;
        let label = u32::from_be_bytes([0, a, b, c]);
        put(&mut json, "pmsi", json!({"tunnelType": pmsi.to_string(), "label": label}));
    }
    put(&mut json, "nexthops", next_hops(path, true));
    put(&mut json, "peer", peer_json(path));
    Value::Object(json)
}

fn communities(path: &EntryPath, json: &mut Object) {
    let attributes = &path.attributes;
    if !attributes.communities.is_empty() {
        let list: Vec<String> = attributes.communities.iter().map(|value| community(*value)).collect();
        put(json, "community", json!({"string": list.join(" "), "list": list}));
    }
    extended_communities(path, json);
    if !attributes.large_communities.is_empty() {
        let each = |[a, b, c]: &[u32; 3]| format!("{a}:{b}:{c}");
        let list: Vec<String> = attributes.large_communities.iter().map(each).collect();
        put(json, "largeCommunity", json!({"string": list.join(" "), "list": list}));
    }
    if let Some(originator) = attributes.originator_id {
        put(json, "originatorId", originator.to_string());
    }
    if !attributes.cluster_list.is_empty() {
        let list: Vec<String> = attributes.cluster_list.iter().map(ToString::to_string).collect();
        put(json, "clusterList", json!({"list": list}));
    }
}

fn as_path_json(path: &EntryPath) -> Value {
    let as_path_of = &path.view.attributes.as_path;
    let segments: Vec<Value> = as_path_of
        .0
        .iter()
        .map(|segment| {
            let kind = match segment.kind {
                AsSegmentKind::Set => "as-set",
                AsSegmentKind::Sequence => "as-sequence",
                AsSegmentKind::ConfedSequence => "as-confed-sequence",
                AsSegmentKind::ConfedSet => "as-confed-set",
            };
            json!({"type": kind, "list": segment.asns})
        })
        .collect();
    let text = as_path(as_path_of);
    let text = if text.is_empty() { "Local".to_owned() } else { text };
    json!({"string": text, "segments": segments, "length": as_path_of.length()})
}

fn peer_json(path: &EntryPath) -> Value {
    match &path.sender {
        Sender::Local { router_id, .. } => {
            let own = match &path.route {
                Route::Evpn(_) => Ipv4Addr::UNSPECIFIED.into(),
                Route::Prefix(prefix) => unspecified(prefix),
            };
            json!({"peerId": own.to_string(), "routerId": router_id.to_string()})
        }
        Sender::Peer { address, router_id, internal, hostname, .. } => {
            let mut json = Object::new();
            put(&mut json, "peerId", address.to_string());
            put(&mut json, "routerId", router_id.to_string());
            if let Some(hostname) = hostname {
                put(&mut json, "hostname", hostname.as_str());
            }
            put(&mut json, "type", if *internal { "internal" } else { "external" });
            Value::Object(json)
        }
    }
}

/// A route as it was sent to a neighbour.
pub(super) fn advertised(entry: &Entry) -> Value {
    let Some(path) = entry.paths.first() else { return json!({}) };
    let attributes = &path.view.attributes;
    let mut json = route_fields(path, "addrPrefix");
    if let Some(next_hop) = path.next_hop() {
        put(&mut json, "nextHop", next_hop.to_string());
    }
    if let Some(med) = attributes.med {
        put(&mut json, "metric", med);
    }
    if let Some(preference) = attributes.local_pref {
        put(&mut json, "locPrf", preference);
    }
    put(&mut json, "weight", path.view.weight);
    put(&mut json, "path", as_path(&attributes.as_path));
    put(&mut json, "bgpOriginCode", origin_code(attributes.origin));
    if matches!(path.route, Route::Evpn(_)) {
        extended_communities(path, &mut json);
    }
    let mut symbols = Object::new();
    put(&mut symbols, "*", true);
    put(&mut symbols, ">", true);
    put(&mut json, "appliedStatusSymbols", symbols);
    Value::Object(json)
}
