//! `show bgp [l2vpn evpn|vrf V|all [ipv4|ipv6 unicast]] summary [established|failed] [json]`.
//!
//! FRR's layout and keys. `InQ` is always 0: a session hands over what it has read at once, or
//! leaves it in the socket. `TblVer` is the table's version when the neighbour has been sent all.

use super::{
    instance::{Instance, select},
    json::JsonStream,
    peer_view::{self, PeerView},
    text::{uptime, whole_millis},
};
use crate::{
    command::{
        ExecError, Sink,
        exec::{SessionFilter, VrfSelector},
    },
    core::{Core, CoreHandle},
    peer::PeerId,
    rib::Rib,
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
    instance: String,
    /// FRR's id of the VRF, where it has one.
    vrf_id: Option<u32>,
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
    fn of(core: &Core, instance: &Instance, rib: &Rib, family: Family, peers: &[(PeerId, IpAddr)]) -> Self {
        let settings = rib.settings();
        let table = rib.table_use(family);
        let configured = instance.configured(core);
        let is_dynamic =
            |id| core.peers().get(id).is_some_and(|peer| peer.settings.origin != Default::default());
        Self {
            instance: instance.name().to_owned(),
            vrf_id: instance.id(core),
            family,
            router_id: settings.router_id,
            asn: settings.asn,
            version: rib.version(family),
            destinations: table.map_or(0, |table| table.destinations),
            table_bytes: table.map_or(0, |table| table.total()),
            peers: peers.len(),
            dynamic: peers.iter().filter(|(id, _)| is_dynamic(*id)).count(),
            groups: configured.groups,
            multipath_relax: configured.multipath_relax,
            width: peers.iter().map(|(_, address)| address.to_string().len()).max().unwrap_or(0),
        }
    }

    fn text(&self) -> String {
        let vrf_id = self.vrf_id.map(|id| format!(" vrf-id {id}")).unwrap_or_default();
        let mut text = format!(
            "BGP router identifier {}, local AS number {}{vrf_id}\nBGP table version {}\n\
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
        if let Some(id) = self.vrf_id {
            json.member("vrfId", id);
        }
        json.member("vrfName", self.instance.as_str());
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

/// Carries out the command for one instance, or for several.
pub(super) fn show(
    core: &CoreHandle,
    selector: VrfSelector,
    family: Option<Family>,
    filter: SessionFilter,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let all = selector == VrfSelector::All;
    let instances = core.ask(move |core, _| select(core, &selector))??;
    if !json {
        for instance in &instances {
            instance_text(core, instance, family, all, filter, out)?;
        }
        return Ok(());
    }
    let mut stream = JsonStream::object();
    for instance in &instances {
        if all {
            stream.begin_object(instance.name());
        }
        instance_json(core, instance, family, filter, &mut stream, out)?;
        if all {
            stream.end();
        }
    }
    Ok(out.text(&stream.finish())?)
}

fn families(family: Option<Family>) -> Vec<Family> {
    family.map_or_else(|| FAMILIES.iter().map(|row| row.family).collect(), |family| vec![family])
}

fn instance_json(
    core: &CoreHandle,
    instance: &Instance,
    family: Option<Family>,
    filter: SessionFilter,
    stream: &mut JsonStream,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    for each in families(family) {
        let (head, ids) = begin(core, instance, each)?;
        if family.is_none() && ids.is_empty() {
            continue;
        }
        if family.is_none() {
            stream.begin_object(each.row().json_key);
        }
        summary_json(core, instance, &head, ids, filter, stream, out)?;
        if family.is_none() {
            stream.end();
        }
    }
    Ok(())
}

fn instance_text(
    core: &CoreHandle,
    instance: &Instance,
    family: Option<Family>,
    all: bool,
    filter: SessionFilter,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let mut found = false;
    for each in families(family) {
        let (head, ids) = begin(core, instance, each)?;
        if ids.is_empty() {
            continue;
        }
        found = true;
        // Of one family FRR prints no heading; among several instances it would be missed.
        if family.is_none() || all {
            out.text(&format!("\n{} Summary (VRF {}):\n", name(each), instance.name()))?;
        }
        summary_text(core, instance, &head, ids, filter, out)?;
    }
    match (found, family) {
        (true, _) => Ok(()),
        (false, Some(_)) if all => Ok(()),
        // FRR has other words of an IP-VRF than of the default instance.
        (false, Some(family)) if instance.vrf().is_none() => {
            Ok(out.text(&format!("No {} neighbor is configured\n", name(family)))?)
        }
        (false, _) => Ok(out.text(&format!("% No BGP neighbors found in VRF {}\n", instance.name()))?),
    }
}

/// `L2VPN EVPN`, `IPv4 Unicast`.
pub(super) fn name(family: Family) -> String {
    match family {
        Family::L2vpnEvpn => "L2VPN EVPN",
        Family::RtFilter => "RTFILTER Unicast",
        Family::Ipv4Unicast => "IPv4 Unicast",
        Family::Ipv6Unicast => "IPv6 Unicast",
    }
    .to_owned()
}

type Ids = VecDeque<PeerId>;

fn begin(core: &CoreHandle, instance: &Instance, family: Family) -> Result<(Head, Ids), ExecError> {
    let instance = instance.clone();
    core.ask(move |core, _| {
        let peers = peer_view::ids(core, &instance, Some(family));
        let head = Head::of(core, &instance, instance.rib(core)?, family, &peers);
        Ok((head, peers.into_iter().map(|(id, _)| id).collect()))
    })?
}

fn next(core: &CoreHandle, instance: &Instance, mut ids: Ids) -> Result<(Ids, Vec<PeerView>), ExecError> {
    let instance = instance.clone();
    Ok(core.ask(move |core, now| {
        let views = peer_view::next(core, &instance, &mut ids, now);
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
    instance: &Instance,
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
        (ids, views) = next(core, instance, ids)?;
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
        Some(view) if peer.is_established() => {
            let or_policy =
                |missing, count: u32| if missing { "(Policy)".to_owned() } else { count.to_string() };
            let missing = view.policy_missing;
            (
                or_policy(missing.inbound, view.counters.accepted),
                or_policy(missing.outbound, view.counters.sent),
            )
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
    instance: &Instance,
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
        (ids, views) = next(core, instance, ids)?;
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
