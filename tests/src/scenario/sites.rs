//! Sites and their gateways: what crosses, what stays, hosts that are away, gateways that go,
//! loops of gateways, aggregates whose last contributor flaps.

use crate::error::{LabError, Result, ensure};
use crate::fabric::{LIMIT, Leaving, join_underlay, session, vtep};
use crate::kernel;
use crate::monitor::Monitor;
use crate::netns::Namespace;
use crate::owner;
use crate::packet::Capture;
use crate::ping::{Loss, Pinger, first_reply};
use crate::routed::sites::{Aggregate, Sites, SitesPlan, aggregates};
use crate::routed::{RED, RoutedHost, Tenant, prefixes};
use crate::scenario::upkeep::{UnderPing, kill_and_restart, same_holdings};
use crate::speaker::{Kind, Speaker};
use crate::wait::{wait_for, wait_until};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEADY: u32 = 20;

/// How long the last contributor of an aggregate may be away without anybody noticing.
const LINGER: Duration = Duration::from_secs(1);

/// The routes of a tenant that a leaf must have from EVPN, and no others: the subnets and hosts
/// of its own site's other leaves, one prefix for each other site, and the hosts of subnets that lie
/// in several.
fn wanted_at(sites: &Sites, index: usize, tenant: Tenant) -> Result<BTreeSet<String>> {
    let own_site = sites.site_of.get(index).copied();
    let here = sites.fabric.leaf(index)?;
    let mut wanted = BTreeSet::new();
    for (other, (leaf, site)) in sites.fabric.leaves.iter().zip(&sites.site_of).enumerate() {
        if Some(*site) != own_site {
            wanted.extend(aggregates(*site));
        } else if other != index {
            let foreign =
                leaf.plan.all_subnets().filter(|subnet| here.plan.all_subnets().all(|own| own != *subnet));
            wanted.extend(foreign.flat_map(prefixes));
        }
    }
    let near = |host: &&RoutedHost| {
        let known =
            sites.site_of.get(host.leaf).copied() == own_site || sites.stretched.contains(&host.subnet);
        host.leaf != index && host.tenant == tenant && known
    };
    for host in sites.fabric.all_hosts().filter(near) {
        wanted.extend(host.host.addresses().map(|address| kernel::canonical_prefix(&address.to_string())));
    }
    Ok(wanted)
}

/// Waits until each leaf has, for each tenant, exactly the routes that it must have, and has the
/// MACs of its own site only. Returns how many routes each leaf has from EVPN, by leaf and tenant.
pub fn leaves_hold_their_site_and_prefixes(sites: &Sites) -> Result<Vec<usize>> {
    let mut counts = Vec::new();
    for (index, leaf) in sites.fabric.leaves.iter().enumerate() {
        for (tenant, _) in &leaf.tenants {
            let wanted = wanted_at(sites, index, *tenant)?;
            let seen = wait_for(&format!("{tenant}'s routes at {}: {wanted:?}", leaf.vtep), LIMIT, || {
                let seen: BTreeSet<String> = leaf
                    .routes(*tenant)?
                    .into_iter()
                    .filter(|route| route.protocol == "bgp")
                    .map(|route| route.prefix)
                    .collect();
                Ok(if seen == wanted { Ok(seen) } else { Err(two_sided(&wanted, &seen)) })
            });
            counts.push(sites.explain(sites.fabric.explain(seen))?.0.len());
        }
        no_strange_macs(sites, index)?;
    }
    Ok(counts)
}

fn two_sided(wanted: &BTreeSet<String>, seen: &BTreeSet<String>) -> String {
    let missing: Vec<_> = wanted.difference(seen).collect();
    let extra: Vec<_> = seen.difference(wanted).collect();
    format!("missing {missing:?}, too many {extra:?}")
}

/// No MAC and no VTEP of another site is in any FDB of a leaf, but that of its own gateway.
fn no_strange_macs(sites: &Sites, index: usize) -> Result<()> {
    let leaf = sites.fabric.leaf(index)?;
    let own_site = sites.site_of.get(index).copied();
    let strangers: Vec<IpAddr> =
        (sites.fabric.leaves.iter().zip(&sites.site_of).map(|(leaf, site)| (leaf.vtep, *site)))
            .chain(sites.gateways.iter().enumerate().map(|(site, gateway)| (gateway.vtep, site)))
            .filter(|(_, site)| Some(*site) != own_site)
            .map(|(vtep, _)| vtep)
            .collect();
    let strange: Vec<_> = kernel::fdb_of_all(&leaf.ns)?
        .into_iter()
        .filter(|(_, entry)| entry.vtep.is_some_and(|vtep| strangers.contains(&vtep)))
        .collect();
    ensure(strange.is_empty(), || format!("{} has entries to another site: {strange:?}", leaf.vtep))
}

/// The routes of a tenant at a node, found by its L3VNI's device.
pub fn routes_of(ns: &Namespace, tenant: Tenant) -> Result<Vec<kernel::Route>> {
    let Some(vxlan) = kernel::vxlan_of(ns, tenant.l3vni)? else { return Ok(Vec::new()) };
    let device = kernel::master_of_kind(ns, &vxlan, "bridge")?.unwrap_or(vxlan);
    let Some(table) = kernel::table_of(ns, &device)? else { return Ok(Vec::new()) };
    Ok(kernel::routes(ns)?.into_iter().filter(|route| route.table == table).collect())
}

/// The EVPN routes that a speaker shows, as FRR writes them, without their RDs, sorted.
pub fn evpn_routes(speaker: &Speaker) -> Result<Vec<String>> {
    Ok(routes_in_text(&speaker.command("show bgp l2vpn evpn")?))
}

/// The routes in the answer to `show bgp l2vpn evpn`, without their RDs, sorted.
pub fn routes_in_text(text: &str) -> Vec<String> {
    let mut routes: Vec<String> = text
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.contains("]:[")))
        // The status stands right before the route.
        .filter_map(|word| word.find('[').and_then(|start| word.get(start..)))
        // The legend has words where routes have numbers.
        .filter(|route| {
            route
                .split("]:[")
                .nth(1)
                .is_some_and(|field| field.starts_with(|digit: char| digit.is_ascii_digit()))
        })
        .map(str::to_owned)
        .collect();
    routes.sort();
    routes
}

fn type5(prefix: &str) -> String {
    let (address, length) = prefix.split_once('/').unwrap_or((prefix, ""));
    format!("[5]:[0]:[{length}]:[{address}]")
}

/// Waits until the core reflector has the aggregates of all sites and the prefixes of subnets that
/// lie in several, once for each tenant and gateway, and the hosts in these: no MAC, no VTEP, no
/// other host, no other subnet.
pub fn core_holds_prefixes(sites: &Sites) -> Result<()> {
    let tenants = sites.fabric.leaf(0)?.tenants.len();
    let mut wanted: Vec<String> = (0..sites.gateways.len())
        .flat_map(|site| {
            aggregates(site).into_iter().chain(sites.stretched.iter().copied().flat_map(prefixes))
        })
        .flat_map(|prefix| std::iter::repeat_n(type5(&prefix), tenants))
        .collect();
    let away = sites.fabric.all_hosts().filter(|host| sites.stretched.contains(&host.subnet));
    for address in away.flat_map(|host| host.host.addresses()) {
        wanted.push(type5(&kernel::canonical_prefix(&address.to_string())));
    }
    wanted.sort();
    let seen = wait_for(&format!("{wanted:?} at the core"), LIMIT, || {
        let seen = evpn_routes(&sites.fabric.reflector)?;
        Ok(if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
    });
    sites.explain(seen).map(drop)
}

/// Each gateway discards what its own aggregates cover and nobody has, and only that.
pub fn gateways_discard_behind_their_aggregates(sites: &Sites) -> Result<()> {
    for (site, gateway) in sites.gateways.iter().enumerate() {
        let wanted = BTreeSet::from(aggregates(site));
        wait_for(&format!("discard routes {wanted:?} at {}", gateway.vtep), LIMIT, || {
            let seen: BTreeSet<String> = gateway
                .routes(RED)?
                .into_iter()
                .filter(|route| route.kind == "blackhole" && route.protocol == "bgp")
                .map(|route| route.prefix)
                .collect();
            Ok(if seen == wanted { Ok(()) } else { Err(two_sided(&wanted, &seen)) })
        })?;
    }
    Ok(())
}

/// Without aggregates every subnet and host crosses; with `aggregate-address` but not `summary-only`
/// the aggregate beside them.
pub fn contributors_cross(aggregate: Aggregate) -> Result<()> {
    let sites = Sites::up(&SitesPlan { aggregate, ..SitesPlan::new(&[&[&[10]], &[&[20]]]) })?;
    let mut wanted = BTreeSet::new();
    for (host, site) in sites.fabric.hosts.iter().zip(&sites.site_of) {
        wanted.extend(prefixes(host.subnet));
        wanted.extend(host.host.addresses().map(|address| kernel::canonical_prefix(&address.to_string())));
        if aggregate != Aggregate::None {
            wanted.extend(aggregates(*site));
        }
    }
    let wanted: Vec<String> =
        wanted.iter().map(|prefix| type5(prefix)).collect::<BTreeSet<_>>().into_iter().collect();
    let seen = wait_for(&format!("{wanted:?} at the core"), LIMIT, || {
        let seen = evpn_routes(&sites.fabric.reflector)?;
        Ok(if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
    });
    sites.explain(seen).map(drop)
}

/// A route map at the gateways, towards the core, keeps a subnet's prefix in its site; its hosts
/// cross.
pub fn a_route_map_keeps_a_subnet() -> Result<()> {
    let plan =
        SitesPlan { aggregate: Aggregate::None, kept: vec![10], ..SitesPlan::new(&[&[&[10]], &[&[20]]]) };
    let sites = Sites::up(&plan)?;
    let mut wanted: Vec<String> = prefixes(20).iter().map(|prefix| type5(prefix)).collect();
    for address in sites.fabric.hosts.iter().flat_map(|host| host.host.addresses()) {
        wanted.push(type5(&kernel::canonical_prefix(&address.to_string())));
    }
    wanted.sort();
    let seen = wait_for(&format!("{wanted:?} at the core"), LIMIT, || {
        let seen = evpn_routes(&sites.fabric.reflector)?;
        Ok(if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
    });
    sites.explain(seen).map(drop)
}

/// What the journey of a machine to the other site and home again has cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journey {
    /// Lost on the way there, seen from the home site, seen from the other.
    pub there: [Loss; 2],
    /// Lost on the way home.
    pub back: [Loss; 2],
}

impl Journey {
    /// The largest loss.
    pub fn worst(&self) -> usize {
        self.there.iter().chain(&self.back).map(|loss| loss.lost).max().unwrap_or(0)
    }
}

/// The machine of `SitesPlan::two_sites` goes to the other site under pings from a leaf of each site, and home
/// again. Its host routes lead to where it is, and only there; everything else stays as it was.
pub fn away_and_home(sites: &mut Sites, leaving: Leaving) -> Result<Journey> {
    let there = travel(sites, 2, leaving)?;
    settled_at(sites, 2)?;
    let back = travel(sites, 0, leaving)?;
    settled_at(sites, 0)?;
    Ok(Journey { there, back })
}

/// Everything knows that the machine is at this leaf, and nothing else has changed.
fn settled_at(sites: &Sites, leaf: usize) -> Result<()> {
    core_holds_prefixes(sites)?;
    leaves_hold_their_site_and_prefixes(sites)?;
    let home = sites.site_of.get(leaf).copied();
    for address in machine(sites)?.host.addresses() {
        let prefix = kernel::canonical_prefix(&address.to_string());
        for (other, site) in sites.site_of.iter().enumerate().filter(|(other, _)| *other != leaf) {
            // In its site through its leaf, elsewhere through the site's own gateway.
            let through =
                if Some(*site) == home { sites.fabric.leaf(leaf)?.vtep } else { sites.gateway(*site)?.vtep };
            wait_gateway(sites, other, &prefix, &[through])?;
        }
    }
    Ok(())
}

fn machine(sites: &Sites) -> Result<&RoutedHost> {
    let machine = sites.fabric.machine.as_ref();
    machine.map(|machine| &machine.host).ok_or_else(|| LabError::Unexpected("no machine in this lab".into()))
}

/// Waits until a leaf's route leads to exactly these VTEPs.
fn wait_gateway(sites: &Sites, leaf: usize, prefix: &str, wanted: &[IpAddr]) -> Result<Duration> {
    let here = sites.fabric.leaf(leaf)?;
    let seen = wait_for(&format!("{prefix} through {wanted:?} at {}", here.vtep), LIMIT, || {
        let route = here.route(RED, prefix)?;
        let through = route.as_ref().map(kernel::Route::gateways).unwrap_or_default();
        Ok(if through == wanted { Ok(()) } else { Err(format!("{route:?}")) })
    });
    sites.explain(sites.fabric.explain(seen)).map(|((), took)| took)
}

/// The machine moves to a leaf under pings from the second leaf of each site.
fn travel(sites: &mut Sites, to: usize, leaving: Leaving) -> Result<[Loss; 2]> {
    let target = machine(sites)?.host.v4;
    let [near, far] = [1, 3].map(|leaf| sites.fabric.hosts.iter().find(|host| host.leaf == leaf));
    let pingers = [near, far]
        .into_iter()
        .flatten()
        .map(|host| Pinger::start(host.ns(), target))
        .collect::<Result<Vec<_>>>()?;
    pingers.iter().try_for_each(|pinger| pinger.wait_answered(STEADY, LIMIT).map(drop))?;
    if let Some(machine) = &mut sites.fabric.machine {
        machine.move_to(to, leaving)?;
    }
    let mut losses = [Loss::default(), Loss::default()];
    for (pinger, loss) in pingers.into_iter().zip(&mut losses) {
        // Twice, since the path may change once more while the old side lets go.
        for _ in 0..2 {
            let answered = pinger.wait_answered(STEADY, LIMIT);
            answered.map_err(|error| whereabouts(sites, target, error))?;
        }
        *loss = pinger.stop()?;
    }
    let v6 = machine(sites)?.host.v6;
    for host in sites.fabric.hosts.iter().filter(|host| [1, 3].contains(&host.leaf)) {
        first_reply(host.ns(), v6, LIMIT).map_err(|error| whereabouts(sites, v6, error))?;
    }
    Ok(losses)
}

/// Adds to an error what every node has of an address.
fn whereabouts(sites: &Sites, address: IpAddr, error: LabError) -> LabError {
    let mut text = error.to_string();
    let machine = sites.fabric.machine.as_ref().map(|machine| &machine.host);
    let mac = machine.map(|machine| machine.host.mac_text()).unwrap_or_default();
    if let Some(machine) = machine {
        let ns = &machine.host.ns;
        text += &format!("\nthe machine, {mac}, is at leaf {}", machine.leaf);
        for seen in [ns.ip("-br link show"), ns.ip("neigh show"), ns.bridge("link show")] {
            text += &format!("\n{}", seen.unwrap_or_default());
        }
    }
    let speakers = sites.fabric.leaves.iter().map(|leaf| &leaf.speaker);
    for speaker in speakers.chain(sites.gateways.iter().map(|gateway| &gateway.speaker)) {
        let ns = speaker.namespace();
        text += &format!("\n== {}", ns.name());
        let prefix = kernel::canonical_prefix(&address.to_string());
        let routes = routes_of(ns, RED).unwrap_or_default();
        for route in routes.iter().filter(|route| route.prefix == prefix) {
            text += &format!("\n{route:?}");
        }
        for (command, part) in [("fdb show", mac.as_str()), ("link show", "")] {
            let all = ns.bridge(command).unwrap_or_default();
            all.lines()
                .filter(|line| line.contains(part))
                .for_each(|line| text += &format!("\n{command}: {line}"));
        }
        for command in ["neigh show", "neigh show proxy"] {
            let all = ns
                .ip(&format!("{}{command}", if address.is_ipv6() { "-6 " } else { "" }))
                .unwrap_or_default();
            all.lines()
                .filter(|line| line.contains(&address.to_string()))
                .for_each(|line| text += &format!("\n{command}: {line}"));
        }
        let bgp = speaker.command("show bgp l2vpn evpn").unwrap_or_default();
        let mut lines = bgp.lines().peekable();
        while let Some(line) = lines.next() {
            if line.contains(&format!("[{address}]")) {
                text += &format!("\n{line} {}", lines.peek().copied().unwrap_or_default());
            }
        }
    }
    LabError::Unexpected(text)
}

/// Two hosts of one subnet in two sites reach each other by routing: the leaf answers ARP and ND
/// with its gateway's MAC, and no MAC crosses.
pub fn one_subnet_in_two_sites() -> Result<()> {
    let mut plan = SitesPlan::new(&[&[&[60]], &[&[60]]]);
    plan.stretched.push(60);
    let sites = Sites::up(&plan)?;
    let hosts: Vec<&RoutedHost> = sites.fabric.hosts.iter().collect();
    let [first, second] = hosts.as_slice() else {
        return Err(LabError::Unexpected("the lab has two hosts".into()));
    };
    let underlay = Capture::start(sites.fabric.reflector.namespace(), "u10")?;
    for (from, to) in [(first, second), (second, first)] {
        from.host.forget_neighbours()?;
        for address in to.host.addresses() {
            first_reply(from.ns(), address, LIMIT)?;
            let entry = kernel::neighbour(from.ns(), from.host.device, address)?;
            let mac = entry.and_then(|entry| entry.mac).unwrap_or_default();
            ensure(mac == "00:00:5e:00:01:01", || {
                format!("{address} is at {mac}, not at the gateway's MAC")
            })?;
        }
    }
    let questions =
        underlay.stop()?.iter().filter(|frame| frame.vni.is_some() && frame.payload.is_question()).count();
    ensure(questions == 0, || format!("{questions} questions crossed"))?;
    (0..2).try_for_each(|index| no_strange_macs(&sites, index))
}

/// A gateway's daemon is killed and started again under pings across sites, both ways. When it
/// is back, its kernel holds what it held.
pub fn kill_gateway(sites: &mut Sites, pause: Duration) -> Result<Loss> {
    let held = kernel::holdings(&sites.gateway(0)?.ns)?;
    let [a, b] = first_hosts(sites)?;
    let pings = UnderPing::start(&[(a.ns(), b.host.v4), (b.ns(), a.host.v6)])?;
    let gateway = sites.gateway_mut(0)?;
    let sessions = gateway.leaves + 1;
    kill_and_restart(&mut gateway.speaker, sessions, pause)?;
    let loss = sites.explain(pings.finish())?;
    same_holdings(&sites.gateway(0)?.ns, &held, LIMIT)?;
    Ok(loss)
}

/// One host of each of the first two sites.
fn first_hosts(sites: &Sites) -> Result<[&RoutedHost; 2]> {
    let of = |site: usize| {
        let mut hosts = sites.fabric.hosts.iter();
        hosts.find(|host| host.tenant == RED && sites.site_of.get(host.leaf) == Some(&site))
    };
    match (of(0), of(1)) {
        (Some(a), Some(b)) => Ok([a, b]),
        _ => Err(LabError::Unexpected("no hosts in two sites".into())),
    }
}

/// A gateway leaves: the other site loses its prefixes and nothing else. It comes back: everybody
/// pings. Returns the time from its end to the loss at the other site's leaf.
pub fn gateway_leaves(sites: &mut Sites) -> Result<Duration> {
    let start = Instant::now();
    sites.gateway_mut(1)?.speaker.stop();
    let mut took = Duration::ZERO;
    for prefix in aggregates(1) {
        wait_gateway(sites, 0, &prefix, &[])?;
        took = took.max(start.elapsed());
    }
    // Inside the other site nothing has changed. (Its own is without a reflector.)
    let host = |leaf: usize| sites.fabric.hosts.iter().find(|host| host.leaf == leaf);
    if let (Some(from), Some(to)) = (host(0), host(1)) {
        first_reply(from.ns(), to.host.v4, LIMIT)?;
    }
    sites.gateway_mut(1)?.speaker.launch()?;
    sites.wait_sessions()?;
    sites.explain(sites.fabric.everybody_pings())?;
    leaves_hold_their_site_and_prefixes(sites)?;
    Ok(took)
}

/// A gateway loses all its leaves: its aggregate goes, and its discard route with it.
pub fn gateway_loses_its_site(sites: &mut Sites) -> Result<()> {
    for index in [2, 3] {
        sites.fabric.leaf_mut(index)?.speaker.stop();
    }
    for prefix in aggregates(1) {
        wait_gateway(sites, 0, &prefix, &[])?;
        wait_until(&format!("the discard route for {prefix} to go"), LIMIT, || {
            Ok(sites.gateway(1)?.routes(RED)?.iter().all(|route| route.prefix != prefix))
        })?;
    }
    for index in [2, 3] {
        sites.fabric.leaf_mut(index)?.speaker.launch()?;
    }
    sites.wait_sessions()?;
    sites.explain(sites.fabric.everybody_pings())
}

/// All that the only leaf of a site has in its tenant goes and comes back within the aggregate's linger: the
/// other site sees no change of the aggregate. Returns what the other site's leaf saw of it.
pub fn aggregate_flaps() -> Result<Vec<String>> {
    let sites = Sites::up(&SitesPlan::new(&[&[&[10]], &[&[20]]]))?;
    let monitor = Monitor::of_routes(&sites.fabric.leaf(0)?.ns)?;
    let leaf = sites.fabric.leaf(1)?;
    let with = leaf.speaker.config_text()?;
    let without: String = with
        .lines()
        .filter(|line| !line.starts_with(" vrf ") && !line.starts_with(" gateway "))
        .map(|line| format!("{line}\n"))
        .collect();
    let covered = |gone: bool| {
        let what = if gone { "the contributors to go" } else { "the contributors to be back" };
        let own = aggregates(1);
        wait_for(what, LIMIT, || {
            let routes = sites.gateway(1)?.routes(RED)?;
            // What leads to the leaf, of each family.
            let to_leaf = routes.iter().filter(|route| route.gateways() == [leaf.vtep]).count();
            let right = if gone { to_leaf == 0 } else { to_leaf == own.len() * 2 };
            Ok(if right { Ok(()) } else { Err(format!("{routes:?}")) })
        })
    };
    covered(false)?;
    let start = Instant::now();
    leaf.speaker.reload(&without)?;
    covered(true)?;
    let away = start.elapsed();
    leaf.speaker.reload(&with)?;
    // The first of them ends the linger; the host is known again when it speaks.
    sites.fabric.hosts.iter().filter(|host| host.leaf == 1).try_for_each(RoutedHost::greet_gateway)?;
    covered(false)?;
    ensure(away < LINGER / 2, || format!("the contributors took {away:?} to go: this proves nothing"))?;
    // Past the end of the linger: what it would have done, it has done.
    std::thread::sleep(LINGER + Duration::from_millis(200));
    let mut seen = monitor.lines();
    sites.fabric.everybody_pings()?;
    let [v4, v6] = aggregates(1);
    seen.retain(|line| line.contains(&v4) || line.contains(&v6));
    Ok(seen)
}

/// Three gateways, each two of them in a domain of their own: a ring of domains. A prefix of the
/// first reaches the others, comes back to nobody, and is forgotten by all when it goes.
pub fn ring_of_gateways() -> Result<()> {
    let prefix = owner::lab_prefix()?;
    let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
    spine.sysctl("net/ipv4/ip_forward", "1")?;
    let mut gateways = Vec::new();
    for number in 1..=3u8 {
        let ns = Arc::new(Namespace::create(format!("{prefix}-g{number}"))?);
        join_underlay(&ns, &spine, number)?;
        gateways.push(Speaker::start(Kind::Weft, &ns, &ring_config(number))?);
    }
    for gateway in &gateways {
        gateway.wait_established(2, LIMIT)?;
    }
    let [first, others @ ..] = gateways.as_slice() else { return Ok(()) };
    let subnets = prefixes(10);
    let ways = |gateway: &Speaker, prefix: &str| -> Result<Vec<kernel::Route>> {
        let routes = kernel::routes(gateway.namespace())?;
        Ok(routes.into_iter().filter(|route| route.prefix == prefix && route.protocol == "bgp").collect())
    };
    for gateway in others {
        for prefix in &subnets {
            wait_for(&format!("{prefix} from the first gateway"), LIMIT, || {
                let seen = ways(gateway, prefix)?;
                let right = seen.len() == 1 && seen.iter().all(|route| route.gateways() == [vtep(1)]);
                Ok(if right { Ok(()) } else { Err(format!("{seen:?}\n{}", gateway.logs())) })
            })?;
        }
    }
    let back: Vec<_> = subnets.iter().map(|prefix| ways(first, prefix)).collect::<Result<Vec<_>>>()?.concat();
    ensure(back.is_empty(), || format!("the first gateway has its own prefix from another: {back:?}"))?;
    let without: String = first
        .config_text()?
        .lines()
        .filter(|line| !line.starts_with(" gateway "))
        .map(|line| format!("{line}\n"))
        .collect();
    first.reload(&without)?;
    for gateway in &gateways {
        for prefix in &subnets {
            wait_for(&format!("{prefix} to be forgotten"), LIMIT, || {
                let (kernel, bgp) = (ways(gateway, prefix)?, evpn_routes(gateway)?);
                let gone = kernel.is_empty() && !bgp.contains(&type5(prefix));
                Ok(if gone { Ok(()) } else { Err(format!("{kernel:?}, {bgp:?}")) })
            })?;
        }
    }
    Ok(())
}

/// Gateway N of the ring: its own domain is shared with the next, the other with the one before.
fn ring_config(number: u8) -> String {
    let own = vtep(number);
    let (next, before) = (number % 3 + 1, (number + 1) % 3 + 1);
    let [next_peer, before_peer] = [vtep(next), vtep(before)];
    let subnet = if number == 1 { crate::routed::leaf::bridge_domain(&RED, 10) } else { String::new() };
    format!(
        "hostname g{number}\nvtep source {own}\nvrf {RED}\n vni {}\nexit-vrf\n{subnet}\
         router bgp 65000\n bgp router-id {own}\n no bgp default ipv4-unicast\n{}{}\
         \x20address-family l2vpn evpn\n  advertise-all-vni\n  domain d{number}\n  neighbor {next_peer} activate\n  \
         neighbor {before_peer} activate\n  neighbor {before_peer} domain d{before}\n exit-address-family\n\
         router bgp 65000 vrf {RED}\n address-family ipv4 unicast\n  redistribute connected\n exit-address-family\n \
         address-family ipv6 unicast\n  redistribute connected\n exit-address-family\n address-family l2vpn evpn\n  advertise ipv4 unicast\n  advertise ipv6 unicast\n \
         exit-address-family\n",
        RED.l3vni,
        session(&next_peer.to_string(), &own.to_string(), None),
        session(&before_peer.to_string(), &own.to_string(), None),
    )
}
