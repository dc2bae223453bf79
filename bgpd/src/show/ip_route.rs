//! `show ip|ipv6 route vrf V|all [P] [json]`: the routing table of an IP-VRF, its own routes and
//! ours, as FRR's zebra prints it. `collect` finds them, this renders them.
//!
//! Not printed, because Weft does not know it: the age of the kernel's own routes, and `*` on
//! routes of ours, as the kernel side alone knows what is installed (`show evpn consistency`).

mod collect;

use super::{
    instance::{Instance, select},
    json::{JsonStream, document},
    one::{self, Found},
    page::{PAGE, Pages, stream_of},
    tables::Tables,
    text::{Clock, uptime},
};
use crate::{
    command::{
        ExecError, Sink,
        exec::{PrefixQuery, VrfSelector},
    },
    core::{Core, CoreHandle},
    wire::Family,
};
use ipnet::IpNet;
use serde_json::{Map, Value, json};
use std::{net::IpAddr, time::Instant};
use weft_evpn::vrf::{LocalRouteKind, VrfDevices};

/// Where a route of the table comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The kernel has it without us.
    Local(LocalRouteKind),
    /// BGP; `external` if an eBGP neighbour sent it.
    Bgp { external: bool },
}

impl Source {
    fn code(self) -> char {
        match self {
            Self::Local(LocalRouteKind::Connected) => 'C',
            Self::Local(LocalRouteKind::Static) => 'S',
            Self::Local(LocalRouteKind::Kernel) => 'K',
            Self::Bgp { .. } => 'B',
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Local(LocalRouteKind::Connected) => "connected",
            Self::Local(LocalRouteKind::Static) => "static",
            Self::Local(LocalRouteKind::Kernel) => "kernel",
            Self::Bgp { .. } => "bgp",
        }
    }

    /// FRR's distances.
    fn distance(self) -> u8 {
        match self {
            Self::Local(LocalRouteKind::Connected | LocalRouteKind::Kernel) => 0,
            Self::Local(LocalRouteKind::Static) => 1,
            Self::Bgp { external: true } => 20,
            Self::Bgp { external: false } => 200,
        }
    }

    fn is_local(self) -> bool {
        matches!(self, Self::Local(_))
    }
}

/// A way that packets go.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Hop {
    /// The hosts are on the link.
    Connected { device: (u32, String) },
    /// By a router or VTEP.
    Via { gateway: IpAddr, device: Option<(u32, String)>, on_link: bool },
    /// Nowhere: our discard route.
    Discard,
    /// Nowhere, in a way that the kernel knows.
    Unreachable,
}

/// A route of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Route {
    prefix: IpNet,
    source: Source,
    metric: u32,
    since: Option<Instant>,
    hops: Vec<Hop>,
}

/// What stands around the routes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: String,
    /// FRR's id of the VRF, where it has one.
    id: Option<u32>,
    table: Option<u32>,
}

const CODES_IPV4: &str = "Codes: K - kernel route, C - connected, S - static, R - RIP,\n       \
    O - OSPF, I - IS-IS, B - BGP, E - EIGRP, N - NHRP,\n       \
    T - Table, v - VNC, V - VNC-Direct, A - Babel, F - PBR,\n       \
    f - OpenFabric,\n       \
    > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       \
    t - trapped, o - offload failure\n\n";

const CODES_IPV6: &str = "Codes: K - kernel route, C - connected, S - static, R - RIPng,\n       \
    O - OSPFv3, I - IS-IS, B - BGP, N - NHRP, T - Table,\n       \
    v - VNC, V - VNC-Direct, A - Babel, F - PBR,\n       \
    f - OpenFabric,\n       \
    > - selected route, * - FIB route, q - queued, r - rejected, b - backup\n       \
    t - trapped, o - offload failure\n\n";

/// Carries out the command.
pub(super) fn show(
    core: &CoreHandle,
    selector: VrfSelector,
    family: Family,
    query: Option<PrefixQuery>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let named = match &selector {
        VrfSelector::Named(name) => Some(name.clone()),
        VrfSelector::All => None,
    };
    let found = core.ask(move |core, _| select(core, &selector))?;
    let mut instances = match (found, &named) {
        (Err(_), Some(name)) => return Err(ExecError(format!("VRF {name} not found"))),
        (found, _) => found?,
    };
    instances.retain(|instance| instance.vrf().is_some());
    match (query, named) {
        (_, Some(name)) if instances.is_empty() => {
            Err(ExecError(format!("VRF {name} has no table that Weft keeps")))
        }
        (Some(query), named) => one(core, instances, named.is_none(), query, json, out),
        (None, named) => tables(core, &instances, named.is_none(), family, json, out),
    }
}

fn tables(
    core: &CoreHandle,
    instances: &[Instance],
    all: bool,
    family: Family,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let mut stream = json.then(JsonStream::object);
    if !json {
        out.text(if family == Family::Ipv6Unicast { CODES_IPV6 } else { CODES_IPV4 })?;
    }
    for (at, instance) in instances.iter().enumerate() {
        let of = instance.clone();
        let (place, devices) = core.ask(move |core, _| begin(core, &of))?;
        match &mut stream {
            Some(stream) if all => stream.begin_object(&place.name),
            Some(_) => {}
            None => {
                let blank = if at > 0 { "\n" } else { "" };
                out.text(&format!("{blank}VRF {}:\n", place.name))?;
            }
        }
        let pages =
            RoutePages { place, devices, family, behind: None, page: Vec::new(), clock: None, json: stream };
        stream = stream_of(core, instance, pages, out)?.json;
        if let (Some(stream), true) = (&mut stream, all) {
            stream.end();
        }
    }
    match stream {
        Some(stream) => Ok(out.text(&stream.finish())?),
        None => Ok(()),
    }
}

fn begin(core: &Core, instance: &Instance) -> (Place, Option<VrfDevices>) {
    let devices = collect::devices(core, instance);
    let place = Place {
        name: instance.name().to_owned(),
        id: instance.id(core),
        table: devices.as_ref().map(|devices| devices.table),
    };
    (place, devices)
}

fn one(
    core: &CoreHandle,
    instances: Vec<Instance>,
    all: bool,
    query: PrefixQuery,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let found = one::find(core, instances, move |core, instance, tables| {
        let (place, devices) = begin(core, instance);
        let routes = collect::find(tables, devices.as_ref(), query);
        (!routes.is_empty()).then_some((place, routes))
    })?;
    if json {
        let of = |Found { what: (place, routes), clock, .. }: &Found<(Place, Vec<Route>)>| {
            let prefix = routes.first().map(|route| route.prefix.to_string()).unwrap_or_default();
            let list: Vec<Value> = routes.iter().map(|route| route_json(route, place, clock)).collect();
            json!({ prefix: list })
        };
        return Ok(out.text(&document(&one::as_json(&found, all, of)))?);
    }
    if found.is_empty() {
        return Err(one::not_found());
    }
    for Found { what: (place, routes), clock, .. } in &found {
        for route in routes {
            out.text(&at_length(route, place, clock))?;
        }
    }
    Ok(())
}

/// A table under way.
#[derive(Debug)]
struct RoutePages {
    place: Place,
    devices: Option<VrfDevices>,
    family: Family,
    /// The last prefix that was looked at.
    behind: Option<IpNet>,
    /// A page that was copied out, and when.
    page: Vec<Vec<Route>>,
    clock: Option<Clock>,
    json: Option<JsonStream>,
}

impl Pages for RoutePages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        self.clock = Some(tables.clock);
        let Some(vrf) = tables.vrf else { return false };
        let prefixes = vrf.prefixes_behind(self.behind, self.family, PAGE);
        self.behind = prefixes.last().copied();
        let routes = prefixes.iter().map(|prefix| collect::routes(tables, self.devices.as_ref(), *prefix));
        self.page.extend(routes);
        prefixes.len() == PAGE
    }

    fn render(&mut self, out: &mut String) {
        let Some(clock) = self.clock else { return };
        for routes in std::mem::take(&mut self.page) {
            match (&mut self.json, routes.first()) {
                (Some(json), Some(first)) => {
                    let list: Vec<Value> =
                        routes.iter().map(|route| route_json(route, &self.place, &clock)).collect();
                    json.member(&first.prefix.to_string(), list);
                }
                (None, _) => routes.iter().for_each(|route| lines(route, &clock, out)),
                (Some(_), None) => {}
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
    }
}

fn age(route: &Route, clock: &Clock) -> Option<String> {
    route.since.map(|since| uptime(clock.since(since)))
}

/// A line for the first way, one for each further one.
fn lines(route: &Route, clock: &Clock, out: &mut String) {
    let installed = if route.source.is_local() { '*' } else { ' ' };
    let distance = match route.source {
        Source::Local(LocalRouteKind::Connected) => String::new(),
        source => format!(" [{}/{}]", source.distance(), route.metric),
    };
    let first = format!("{}>{installed} {}{distance}", route.source.code(), route.prefix);
    let age = age(route, clock).map(|age| format!(", {age}")).unwrap_or_default();
    let weight = if route.source.is_local() { "" } else { ", weight 1" };
    for (at, hop) in route.hops.iter().enumerate() {
        let begin = match at {
            0 => first.clone(),
            _ => format!("{:<width$}", format!("  {installed}"), width = first.len()),
        };
        *out += &format!("{begin} {}{weight}{age}\n", hop_words(hop));
    }
}

fn hop_words(hop: &Hop) -> String {
    match hop {
        Hop::Connected { device: (_, name) } => format!("is directly connected, {name}"),
        Hop::Via { gateway, device, on_link } => {
            let device = device.as_ref().map(|(_, name)| format!(", {name}")).unwrap_or_default();
            format!("via {gateway}{device}{}", if *on_link { " onlink" } else { "" })
        }
        Hop::Discard => "unreachable (blackhole)".to_owned(),
        Hop::Unreachable => "unreachable".to_owned(),
    }
}

/// A route in FRR's longer form, with the empty line behind it.
fn at_length(route: &Route, place: &Place, clock: &Clock) -> String {
    let mut text = format!(
        "Routing entry for {}\n  Known via \"{}\", distance {}, metric {}, vrf {}, best\n",
        route.prefix,
        route.source.protocol(),
        route.source.distance(),
        route.metric,
        place.name
    );
    if let Some(age) = age(route, clock) {
        text += &format!("  Last update {age} ago\n");
    }
    let installed = if route.source.is_local() { '*' } else { ' ' };
    let weight = if route.source.is_local() { "" } else { ", weight 1" };
    for hop in &route.hops {
        let words = match hop {
            Hop::Connected { device: (_, name) } => format!("directly connected, {name}"),
            Hop::Via { gateway, device, on_link } => {
                let device = device.as_ref().map(|(_, name)| format!(", via {name}")).unwrap_or_default();
                format!("{gateway}{device}{}", if *on_link { " onlink" } else { "" })
            }
            Hop::Discard | Hop::Unreachable => hop_words(hop),
        };
        text += &format!("  {installed} {words}{weight}\n");
    }
    text.push('\n');
    text
}

fn route_json(route: &Route, place: &Place, clock: &Clock) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    put("prefix", json!(route.prefix.to_string()));
    put("prefixLen", json!(route.prefix.prefix_len()));
    put("protocol", json!(route.source.protocol()));
    if let Some(id) = place.id {
        put("vrfId", json!(id));
    }
    put("vrfName", json!(place.name));
    put("selected", json!(true));
    put("destSelected", json!(true));
    put("distance", json!(route.source.distance()));
    put("metric", json!(route.metric));
    if route.source.is_local() {
        put("installed", json!(true));
    }
    if let Some(table) = place.table {
        put("table", json!(table));
    }
    if let Some(age) = age(route, clock) {
        put("uptime", json!(age));
    }
    put("nexthops", route.hops.iter().map(|hop| hop_json(hop, route.source)).collect());
    Value::Object(json)
}

fn hop_json(hop: &Hop, source: Source) -> Value {
    let mut json = Map::new();
    let mut put = |key: &str, value: Value| drop(json.insert(key.to_owned(), value));
    if source.is_local() {
        put("fib", json!(true));
    }
    let device = match hop {
        Hop::Connected { device } => {
            put("directlyConnected", json!(true));
            Some(device)
        }
        Hop::Via { gateway, device, on_link } => {
            put("ip", json!(gateway));
            put("afi", json!(if gateway.is_ipv4() { "ipv4" } else { "ipv6" }));
            if *on_link {
                put("onLink", json!(true));
            }
            device.as_ref()
        }
        Hop::Discard => {
            put("unreachable", json!(true));
            put("blackhole", json!(true));
            None
        }
        Hop::Unreachable => {
            put("unreachable", json!(true));
            None
        }
    };
    if let Some((index, name)) = device {
        put("interfaceIndex", json!(index));
        put("interfaceName", json!(name));
    }
    put("active", json!(true));
    if !source.is_local() {
        put("weight", json!(1));
    }
    Value::Object(json)
}

#[cfg(test)]
mod tests;
