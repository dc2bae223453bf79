//! Measures how fast remote hosts reach the kernel: FDB entries (vxlan and bridge) and neighbours, in a network
//! namespace of its own. Needs root.
//!
//!     cargo run --release -p weft-fib --example rate -- [HOSTS] [VNIS] [VTEPS]

use nix::sched::{CloneFlags, unshare};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Instant;
use weft_evpn::forwarding::{ForwardingChange, RemoteMac, RemoteNeighbour};
use weft_evpn::{MacAddr, Vni};
use weft_fib::{FibConfig, FibEvent, FibOptions, FibRequest, Serve};

type Failure = Box<dyn std::error::Error>;

fn run(line: String) -> Result<(), Failure> {
    let mut words = line.split(' ');
    let status = Command::new(words.next().unwrap_or_default()).args(words).status()?;
    if status.success() { Ok(()) } else { Err(format!("{line}: {status}").into()) }
}

fn changes(hosts: u32, vnis: u32, vteps: u32, wanted: bool) -> Vec<ForwardingChange> {
    let mut changes = Vec::new();
    for host in 0..hosts {
        let Some(vni) = Vni::new(1 + host % vnis) else { continue };
        // Spread, so that keys come in no order that tables like.
        let [a, b, c, d] = host.wrapping_mul(0x9e37_79b1).to_be_bytes();
        let mac = MacAddr([2, 0, a, b, c, d]);
        let vtep = IpAddr::from((u32::from(Ipv4Addr::new(10, 0, 0, 2)) + host % vteps).to_be_bytes());
        let ip = IpAddr::from((u32::from(Ipv4Addr::new(100, 64, 0, 1)) + host).to_be_bytes());
        let remote = wanted.then_some(RemoteMac { vtep, sticky: false });
        changes.push(ForwardingChange::Mac { vni, mac, wanted: remote });
        let neighbour = wanted.then_some(RemoteNeighbour { mac, router: false });
        changes.push(ForwardingChange::Neighbour { vni, ip, wanted: neighbour });
    }
    changes
}

/// Resident memory of this process in MiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let mut argument = |default| arguments.next().unwrap_or(Ok(default));
    let (hosts, vnis, vteps) = (argument(500_000)?, argument(100)?, argument(64)?);
    unshare(CloneFlags::CLONE_NEWNET)?;
    for vni in 1..=vnis {
        run(format!("ip link add br{vni} type bridge"))?;
        run(format!("ip link add vx{vni} type vxlan id {vni} local 10.0.0.1 dstport 4789 nolearning"))?;
        run(format!("ip link set vx{vni} master br{vni} up addrgenmode none"))?;
        run(format!("ip link set br{vni} up"))?;
    }
    let (fib, mut events) = weft_fib::start(FibOptions::default())?;
    fib.send(FibRequest::Config(FibConfig { serve: Serve::All, ..FibConfig::default() }));
    while !matches!(events.recv_timeout(std::time::Duration::from_secs(60)), Some(FibEvent::Ready { .. })) {}
    for (what, wanted) in [("written", true), ("deleted", false)] {
        let changes = changes(hosts, vnis, vteps, wanted);
        let messages = u64::from(hosts) * 3;
        let writes = &fib.counters().writes;
        let before = writes.load(std::sync::atomic::Ordering::Relaxed);
        println!("resident before: {} MiB", resident());
        let start = Instant::now();
        for batch in changes.chunks(1000) {
            fib.send(FibRequest::Forward(batch.to_vec()));
        }
        while writes.load(std::sync::atomic::Ordering::Relaxed) - before < messages {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let took = start.elapsed();
        println!(
            "{hosts} hosts {what} in {took:.2?}: {:.0} hosts/s, {:.0} messages/s; resident {} MiB, {} failures, {} resyncs",
            f64::from(hosts) / took.as_secs_f64(),
            messages as f64 / took.as_secs_f64(),
            resident(),
            fib.counters().failures.load(std::sync::atomic::Ordering::Relaxed),
            fib.counters().resyncs.load(std::sync::atomic::Ordering::Relaxed),
        );
    }
    Ok(())
}
