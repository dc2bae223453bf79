//! `show bgp [l2vpn evpn] summary [established|failed] [json]`.
//!
//! FRR's layout and keys. `InQ` is always 0: a session hands over what it has read at once, or
//! leaves it in the socket. `TblVer` is the table's version when the neighbour has been sent all.

use super::{
    json::JsonStream,
    page::no_instance,
    peer_view::{self, PeerView},
    text::{uptime, whole_millis},
};
use crate::{
    command::{ExecError, Sink, exec::SessionFilter},
    core::{Core, CoreHandle},
    wire::{Family, family::FAMILIES},
};
use serde_json::{Map, Value, json};
use std::{
    collections::VecDeque,
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};

/// Letters of a description that are shown, as FRR.
const DESCRIPTION: usize = 20;
/// The narrowest column of addresses.
const NARROWEST: usize = 15;

/// What stands above the neighbours.
#[derive(Debug, Clone)]
struct Head {
    family: Family,
    router_id: Ipv4Addr,
    asn: u32,
    version: u64,
    destinations: u32,
    table_bytes: usize,
    peers: usize,
    dynamic: usize,
    groups: usize,
    multipath_relax: bool,
    /// Of the column of addresses, without the blank behind it.
    width: usize,
}

impl Head {
    fn of(core: &Core, family: Family, peers: &[(crate::peer::PeerId, IpAddr)]) -> Self {
        let settings = core.rib().settings();
        let table = core.rib().table_use(family);
        let bgp = core.config().bgp.as_ref();
        let is_dynamic =
            |id| core.peers().get(id).is_some_and(|peer| peer.settings.origin != Default::default());
        Self {
            family,
            router_id: settings.router_id,
            asn: settings.asn,
            version: core.rib().version(family),
            destinations: table.map_or(0, |table| table.destinations),
            table_bytes: table.map_or(0, |table| table.bytes + table.index_bytes + table.set_bytes),
            peers: peers.len(),
            dynamic: peers.iter().filter(|(id, _)| is_dynamic(*id)).count(),
            groups: bgp.map_or(0, |bgp| bgp.peer_groups.len()),
            multipath_relax: bgp.is_some_and(|bgp| bgp.best_path.as_path_multipath_relax),
            width: peers.iter().map(|(_, address)| address.to_string().len()).max().unwrap_or(0),
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "BGP router identifier {}, local AS number {} vrf-id 0\nBGP table version {}\n\
             RIB entries {}, using {} bytes of memory\nPeers {}\n",
            self.router_id, self.asn, self.version, self.destinations, self.table_bytes, self.peers
        );
        if self.groups > 0 {
            text += &format!("Peer groups {}\n", self.groups);
        }
        text.push('\n');
        text
    }

    fn json(&self, json: &mut JsonStream) {
        json.member("routerId", self.router_id.to_string());
        json.member("as", self.asn);
        json.member("vrfId", 0);
        json.member("vrfName", "default");
        json.member("tableVersion", self.version);
        json.member("ribCount", self.destinations);
        json.member("ribMemory", self.table_bytes);
        json.member("peerCount", self.peers);
        if self.groups > 0 {
            json.member("peerGroupCount", self.groups);
        }
    }

    fn columns(&self) -> usize {
        self.width.max(NARROWEST) + 1
    }
}

/// Carries out the command.
pub(super) fn show(
    core: &CoreHandle,
    family: Option<Family>,
    filter: SessionFilter,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let families: Vec<Family> = match family {
        Some(family) => vec![family],
        None => FAMILIES.iter().map(|row| row.family).collect(),
    };
    if json {
        let mut stream = JsonStream::object();
        for &each in &families {
            let (head, ids) = begin(core, each)?;
            if family.is_none() && ids.is_empty() {
                continue;
            }
            if family.is_none() {
                stream.begin_object(each.row().json_key);
            }
            summary_json(core, &head, ids, filter, &mut stream, out)?;
            if family.is_none() {
                stream.end();
            }
        }
        return Ok(out.text(&stream.finish())?);
    }
    let mut found = false;
    for each in families {
        let (head, ids) = begin(core, each)?;
        if ids.is_empty() {
            continue;
        }
        found = true;
        if family.is_none() {
            out.text(&format!("\n{} Summary (VRF default):\n", name(each)))?;
        }
        summary_text(core, &head, ids, filter, out)?;
    }
    match (found, family) {
        (true, _) => Ok(()),
        (false, Some(family)) => Ok(out.text(&format!("No {} neighbor is configured\n", name(family)))?),
        (false, None) => Ok(out.text("% No BGP neighbors found in VRF default\n")?),
    }
}

/// `L2VPN EVPN`.
pub(super) fn name(family: Family) -> String {
    family.row().name.to_uppercase()
}

type Ids = VecDeque<crate::peer::PeerId>;

fn begin(core: &CoreHandle, family: Family) -> Result<(Head, Ids), ExecError> {
    core.ask(move |core, _| {
        no_instance(core)?;
        let peers = peer_view::ids(core, Some(family));
        Ok((Head::of(core, family, &peers), peers.into_iter().map(|(id, _)| id).collect()))
    })?
}

fn next(core: &CoreHandle, mut ids: Ids) -> Result<(Ids, Vec<PeerView>), ExecError> {
    Ok(core.ask(move |core, now| {
        let views = peer_view::next(core, &mut ids, now);
        (ids, views)
    })?)
}

fn is_wanted(filter: SessionFilter, peer: &PeerView) -> bool {
    match filter {
        SessionFilter::Any => true,
        SessionFilter::Established => peer.is_established(),
        SessionFilter::Failed => !peer.is_established(),
    }
}

fn summary_text(
    core: &CoreHandle,
    head: &Head,
    mut ids: Ids,
    filter: SessionFilter,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let mut text = head.text();
    text += &column_heads(head.columns(), filter);
    let mut shown = 0;
    while !ids.is_empty() {
        let views;
        (ids, views) = next(core, ids)?;
        for peer in views.iter().filter(|peer| is_wanted(filter, peer)) {
            shown += 1;
            text += &row(head.columns(), head.family, filter, peer);
        }
        out.text(&text)?;
        text.clear();
    }
    if filter != SessionFilter::Any {
        text += &format!("\nDisplayed neighbors {shown}");
    }
    text += &format!("\nTotal number of neighbors {}\n", head.peers);
    Ok(out.text(&text)?)
}

fn column_heads(columns: usize, filter: SessionFilter) -> String {
    match filter {
        SessionFilter::Failed => {
            format!("{:<columns$}EstdCnt DropCnt ResetTime Reason\n", "Neighbor")
        }
        _ => format!(
            "{:<columns$}V         AS   MsgRcvd   MsgSent   TblVer  InQ OutQ  Up/Down State/PfxRcd   PfxSnt Desc\n",
            "Neighbor"
        ),
    }
}

fn row(columns: usize, family: Family, filter: SessionFilter, peer: &PeerView) -> String {
    let address = peer.settings.address.to_string();
    let up = peer.uptime().map_or_else(|| "never".to_owned(), uptime);
    if filter == SessionFilter::Failed {
        let status = &peer.status;
        let line = format!(
            "{address:<columns$}{:>7} {:>7} {up:>9} {}",
            status.established,
            status.dropped,
            peer.reason()
        );
        return format!("{}\n", line.trim_end());
    }
    let view = peer.family(family);
    let (received, sent) = match view {
        Some(_) if peer.is_established() && peer.policy_missing => {
            ("(Policy)".to_owned(), "(Policy)".to_owned())
        }
        Some(view) if peer.is_established() => {
            (view.counters.accepted.to_string(), view.counters.sent.to_string())
        }
        _ => (peer.state(), "0".to_owned()),
    };
    let description = peer.settings.description.as_deref().unwrap_or("N/A");
    let description: String = description.chars().take(DESCRIPTION).collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{address:<columns$}4 {:>10} {:>9} {:>9} {:>8} {:>4} {:>4} {up:>8} {received:>12} {sent:>8} {description}",
        peer.remote_as(),
        peer.status.received.total(),
        peer.status.sent.total(),
        view.map_or(0, |view| view.version),
        0,
        peer.status.out_queue,
    );
    text
}

fn summary_json(
    core: &CoreHandle,
    head: &Head,
    mut ids: Ids,
    filter: SessionFilter,
    json: &mut JsonStream,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    head.json(json);
    json.begin_object("peers");
    let (mut failed, mut shown) = (0, 0);
    while !ids.is_empty() {
        let views;
        (ids, views) = next(core, ids)?;
        failed += views.iter().filter(|peer| !peer.is_established()).count();
        for peer in views.iter().filter(|peer| is_wanted(filter, peer)) {
            shown += 1;
            json.member(&peer.settings.address.to_string(), peer_json(head.family, filter, peer));
        }
        out.text(&json.take())?;
    }
    json.end();
    json.member("failedPeers", failed);
    json.member("displayedPeers", shown);
    json.member("totalPeers", head.peers);
    json.member("dynamicPeers", head.dynamic);
    json.member("bestPath", json!({"multiPathRelax": head.multipath_relax.to_string()}));
    Ok(())
}

fn peer_json(family: Family, filter: SessionFilter, peer: &PeerView) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    if let Some(hostname) = peer.hostname() {
        put("hostname", hostname.into());
    }
    let status = &peer.status;
    let failed = filter == SessionFilter::Failed;
    if failed {
        put("connectionsEstablished", status.established.into());
        put("connectionsDropped", status.dropped.into());
    } else {
        put("remoteAs", peer.remote_as().into());
        put("localAs", peer.settings.local_as.into());
        put("version", 4.into());
        put("msgRcvd", status.received.total().into());
        put("msgSent", status.sent.total().into());
        put("tableVersion", peer.family(family).map_or(0, |view| view.version).into());
        put("outq", status.out_queue.into());
        put("inq", 0.into());
    }
    put("peerUptime", peer.uptime().map_or_else(|| "never".to_owned(), uptime).into());
    put("peerUptimeMsec", peer.uptime().map_or(0, whole_millis).into());
    if peer.uptime().is_some() {
        put("peerUptimeEstablishedEpoch", peer.clock.epoch(status.since).into());
    }
    if failed {
        put("lastResetDueTo", peer.reason().into());
    } else {
        let counters = peer.family(family).map(|view| view.counters).unwrap_or_default();
        put("pfxRcd", counters.accepted.into());
        put("pfxSnt", counters.sent.into());
        put("state", peer.state().into());
        put("peerState", peer.peer_state().into());
        put("connectionsEstablished", status.established.into());
        put("connectionsDropped", status.dropped.into());
        if let Some(description) = &peer.settings.description {
            put("desc", description.as_str().into());
        }
        if peer.is_dynamic() {
            put("dynamicPeer", true.into());
        }
    }
    put("idType", if peer.settings.address.is_ipv4() { "ipv4" } else { "ipv6" }.into());
    Value::Object(json)
}

#[cfg(test)]
mod tests;
