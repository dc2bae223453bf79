//! `make demo-sites`: deploys `tests/clab/sites` in network namespaces, pings across the sites in
//! both tenants, shows each leaf's tables and how few entries cross, moves a machine to the other
//! site and home under pings, and removes everything. When it is killed or interrupted, its
//! keeper process removes everything (see `weft_tests::owner`).

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use weft_tests::clab::{Lab, Node};
use weft_tests::demo::{self, LIMIT, address, indent, title, weft};
use weft_tests::kernel;
use weft_tests::ping::{Pinger, first_reply};
use weft_tests::routed::{BLUE, RED, Tenant};
use weft_tests::scenario::sites::{routes_in_text, routes_of};
use weft_tests::wait::wait_until;
use weft_tests::{Result, ensure};

const LEAVES: [&str; 4] = ["leaf11", "leaf12", "leaf21", "leaf22"];
const GATEWAYS: [&str; 2] = ["gw1", "gw2"];

/// The machine that moves, in both families.
const MACHINE: [&str; 2] = ["172.16.50.50", "2001:db8:1:50::50"];

/// Two sites and a core, two tenants with the same addresses, in network namespaces.
#[derive(Debug, Parser)]
struct Options {
    /// The containerlab file to deploy.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/clab/sites/sites.clab.yml"))]
    topology: PathBuf,
    /// Keep the lab until Enter is pressed, for a look around with `ip netns exec`.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    title("The network");
    println!(
        "  r11 b11 ─ leaf11 ┐                                  ┌ leaf21 ─ r21 b21     r*: tenant red, b*: tenant blue,\n  \
         \x20       └── vm    ├═ gw1 ═══════ core ═══════ gw2 ═══┤                      with the same addresses\n  \
         r12 b12 ─ leaf12 ┘                                  └ leaf22 ─ r22 b22     vm: red, at home on leaf11\n  \
         \x20  site 1: 172.16.0.0/16, 2001:db8:1::/48      site 2: 172.17.0.0/16, 2001:db8:2::/48\n  \
         leaves, gateways and core: weftd, from {}",
        options.topology.display()
    );
    demo::run(&options.topology, |lab, start| show(lab, &options, start))
}

fn show(lab: &Lab, options: &Options, start: Instant) -> Result<()> {
    let deployed = start.elapsed();
    title("Hosts reach each other across the sites, each tenant for itself");
    for (name, node) in &lab.nodes {
        if name.starts_with(['r', 'b']) {
            // A host asks for a MAC once a second, by default; the first ping would be a whole second.
            node.ns.sysctl("net/ipv4/neigh/eth1/retrans_time_ms", "20")?;
        }
    }
    first_reply(&lab.node("r11")?.ns, address("172.17.22.22")?, LIMIT)?;
    println!(
        "  everything made and started in {} ms; first ping r11 -> r22 {} ms after that",
        deployed.as_millis(),
        (start.elapsed() - deployed).as_millis()
    );
    // A machine that has never spoken is found in its own site only: let it ask for its gateway.
    for gateway in ["172.16.50.254", "2001:db8:1:50::fe"] {
        first_reply(&lab.node("vm")?.ns, address(gateway)?, LIMIT)?;
    }
    for (from, to, targets) in [
        ("r11", "r22", ["172.17.22.22", "2001:db8:2:22::22"]),
        ("b11", "b22", ["172.17.22.22", "2001:db8:2:22::22"]),
        ("r21", "r12", ["172.16.12.12", "2001:db8:1:12::12"]),
        ("b21", "b12", ["172.16.12.12", "2001:db8:1:12::12"]),
        ("r22", "vm", MACHINE),
        ("r12", "vm", MACHINE),
    ] {
        for target in targets {
            let namespace = &lab.node(from)?.ns;
            first_reply(namespace, address(target)?, LIMIT)?;
            let pinger = Pinger::start(namespace, address(target)?)?;
            pinger.wait_answered(20, LIMIT)?;
            println!("  {from} -> {to} {target}: {}", pinger.stop()?);
        }
    }
    // Every host has spoken: every leaf knows its own, and the tables below are complete.
    tables(lab)?;
    counts(lab)?;
    for (from, to, at) in [("leaf11", "leaf21", "site 2"), ("leaf21", "leaf11", "home, site 1")] {
        journey(lab, from, to, at)?;
    }
    if options.keep { demo::keep(lab) } else { Ok(()) }
}

fn tables(lab: &Lab) -> Result<()> {
    for name in LEAVES {
        let node = lab.node(name)?;
        title(&format!("{name}: its tenants' routes, and what BGP knows"));
        for tenant in [RED, BLUE] {
            weft(node, &format!("show ip route vrf {tenant}"))?;
            weft(node, &format!("show ipv6 route vrf {tenant}"))?;
        }
        weft(node, "show bgp l2vpn evpn")?;
        weft(node, "show evpn rmac vni all")?;
        weft(node, "show evpn consistency")?;
    }
    for name in GATEWAYS {
        title(&format!("{name}: what came in, what its aggregates hold back, what it sent"));
        weft(lab.node(name)?, "show evpn domain")?;
    }
    title("core: all that it knows of both sites");
    weft(lab.node("core")?, "show bgp l2vpn evpn")
}

/// How many entries each node has, of its own site and of the other.
fn counts(lab: &Lab) -> Result<()> {
    title("How few entries cross");
    println!(
        "  {:8} {:>12} {:>14} {:>16} {:>18}",
        "node", "EVPN routes", "MACs (vxlan)", "routes in VRFs", "of them: other site"
    );
    for name in LEAVES.iter().chain(&GATEWAYS).chain(&["core"]) {
        let node = lab.node(name)?;
        let macs = kernel::fdb_of_all(&node.ns)?
            .into_iter()
            .filter(|(_, entry)| entry.vtep.is_some() && entry.mac != kernel::FLOOD)
            .count();
        let (mut routes, mut foreign) = (0, 0);
        for tenant in [RED, BLUE] {
            let own = if name.contains('1') && !name.starts_with("leaf2") {
                ["172.16.", "2001:db8:1:"]
            } else {
                ["172.17.", "2001:db8:2:"]
            };
            let all = routes_in(node, tenant)?;
            routes += all.len();
            foreign += all.iter().filter(|prefix| !own.iter().any(|own| prefix.starts_with(own))).count();
        }
        println!("  {name:8} {:>12} {macs:>14} {routes:>16} {foreign:>18}", evpn_routes(node)?);
    }
    println!(
        "\n  For each tenant and family a leaf has its own site's hosts and one prefix for the other site, however many"
    );
    println!(
        "  hosts that has. The subnet of vm lies in both sites: its prefix and vm's own routes cross besides."
    );
    Ok(())
}

fn evpn_routes(node: &Node) -> Result<usize> {
    Ok(routes_in_text(&node.weft("show bgp l2vpn evpn")?).len())
}

fn routes_in(node: &Node, tenant: Tenant) -> Result<Vec<String>> {
    Ok(routes_of(&node.ns, tenant)?
        .into_iter()
        .filter(|route| route.protocol == "bgp")
        .map(|route| route.prefix)
        .collect())
}

/// vm moves under pings from a host of each site.
fn journey(lab: &Lab, from: &str, to: &str, at: &str) -> Result<()> {
    title(&format!("vm moves from {from} to {to} ({at}); r12 and r22 ping it every 10 ms"));
    let target = address(MACHINE[0])?;
    let mut pingers = Vec::new();
    for name in ["r12", "r22"] {
        pingers.push((name, Pinger::start(&lab.node(name)?.ns, target)?));
    }
    for (_, pinger) in &pingers {
        pinger.wait_answered(50, LIMIT)?;
    }
    lab.node("vm")?.exec(&format!("sh /move.sh {to}"))?;
    let crossing = format!("{}/32", MACHINE[0]);
    for (_, pinger) in &pingers {
        pinger.wait_answered(100, LIMIT)?;
    }
    for (name, pinger) in pingers {
        let loss = pinger.stop()?;
        println!("  {name} -> vm: {loss}");
        ensure(loss.lost * 4 < loss.sent, || format!("the move lost {loss}"))?;
    }
    let leaf = lab.node("leaf12")?;
    let from_gateway = address(if to == "leaf21" { "10.255.0.10" } else { "10.255.0.11" })?;
    wait_until("leaf12 to have the way to vm", LIMIT, || {
        let routes = routes_of(&leaf.ns, RED)?;
        Ok(routes.iter().any(|route| route.prefix == crossing && route.gateways() == [from_gateway]))
    })?;
    println!("\n  leaf12: show ip route vrf red {}", MACHINE[0]);
    indent(&leaf.weft(&format!("show ip route vrf red {}", MACHINE[0]))?);
    println!("\n  core: show bgp l2vpn evpn (its own routes come from where it is)");
    indent(&lab.node("core")?.weft("show bgp l2vpn evpn")?);
    Ok(())
}
