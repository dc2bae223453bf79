//! `make demo`: deploys `tests/clab/l2` in network namespaces, pings through it, shows the
//! tables of all nodes, moves a host under ping, and removes everything. When it is killed
//! or interrupted, its keeper process removes everything (see `weft_tests::owner`).

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use weft_tests::clab::Lab;
use weft_tests::demo::{self, LIMIT, address, indent, title, weft};
use weft_tests::ping::{Pinger, first_reply};
use weft_tests::{Result, ensure};

/// Two leaves, a route reflector and three hosts, in network namespaces.
#[derive(Debug, Parser)]
struct Options {
    /// The containerlab file to deploy.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/clab/l2/l2.clab.yml"))]
    topology: PathBuf,
    /// Keep the lab until Enter is pressed, for a look around with `ip netns exec`.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    title("The network");
    println!(
        "  h1 ─ leaf1 ═ rr ═ leaf2 ─ h2      leaves and rr: weftd; underlay IPv4, /31 links, VTEPs 10.255.0.1 and .2\n  \
         \x20      └── h3 ──────┘             one subnet over VXLAN, VNI 10: 192.168.10.0/24, 2001:db8:10::/64\n  \
         from {}",
        options.topology.display()
    );
    demo::run(&options.topology, |lab, start| show(lab, &options, start))
}

fn show(lab: &Lab, options: &Options, start: Instant) -> Result<()> {
    let (h1, h2) = (lab.node("h1")?, lab.node("h2")?);
    let deployed = start.elapsed();
    title("Hosts reach each other");
    // A host asks for a MAC once a second, by default; the time would be a whole second.
    h1.ns.sysctl("net/ipv4/neigh/eth1/retrans_time_ms", "20")?;
    first_reply(&h1.ns, address("192.168.10.2")?, LIMIT)?;
    println!(
        "  everything made and started in {} ms; first ping h1 -> h2 {} ms after that",
        deployed.as_millis(),
        (start.elapsed() - deployed).as_millis()
    );
    for (name, from, target) in [
        ("h1 -> h2", h1, "192.168.10.2"),
        ("h1 -> h2", h1, "2001:db8:10::2"),
        ("h2 -> h1", h2, "192.168.10.1"),
        ("h2 -> h3", h2, "192.168.10.3"),
        ("h2 -> h3", h2, "2001:db8:10::3"),
    ] {
        let pinger = Pinger::start(&from.ns, address(target)?)?;
        pinger.wait_answered(20, LIMIT)?;
        println!("  {name} {target}: {}", pinger.stop()?);
    }

    tables(lab)?;

    for (from, to) in [("leaf1", "leaf2"), ("leaf2", "leaf1")] {
        title(&format!("h3 moves from {from} to {to}; h1 pings it every 10 ms"));
        let pinger = Pinger::start(&h1.ns, address("192.168.10.3")?)?;
        pinger.wait_answered(50, LIMIT)?;
        lab.node("h3")?.exec(&format!("sh /move.sh {to}"))?;
        pinger.wait_answered(50, LIMIT)?;
        let loss = pinger.stop()?;
        println!("  packets: {loss}");
        println!("\n  {from}: show evpn mac vni all");
        indent(&lab.node(from)?.weft("show evpn mac vni all")?);
        ensure(loss.lost * 10 < loss.sent, || format!("the move lost {loss}"))?;
    }
    if options.keep { demo::keep(lab) } else { Ok(()) }
}

fn tables(lab: &Lab) -> Result<()> {
    for name in ["rr", "leaf1", "leaf2"] {
        let node = lab.node(name)?;
        title(&format!("{name}: what BGP knows"));
        weft(node, "show bgp l2vpn evpn summary")?;
        weft(node, "show bgp l2vpn evpn")?;
        if name == "rr" {
            continue;
        }
        title(&format!("{name}: what EVPN knows"));
        weft(node, "show evpn mac vni all")?;
        weft(node, "show evpn arp-cache vni all")?;
        title(&format!("{name}: what the kernel has"));
        println!("\n  bridge fdb show (set by a control plane)");
        let fdb = node.exec("bridge fdb show")?;
        let ours = |line: &&str| line.contains("extern_learn") || line.starts_with("00:00:00:00:00:00");
        fdb.lines().filter(ours).for_each(|line| println!("    {line}"));
        println!("\n  ip neigh show");
        for family in ["-4", "-6"] {
            let neighbours = node.exec(&format!("ip {family} neigh show"))?;
            neighbours
                .lines()
                .filter(|line| line.contains("extern_learn"))
                .for_each(|line| println!("    {line}"));
        }
        weft(node, "show evpn consistency")?;
    }
    Ok(())
}
