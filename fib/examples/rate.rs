//! Measures how fast remote hosts reach the kernel, in a network namespace of its own: FDB entries (vxlan and bridge)
//! and neighbours, or with `routes` host routes of one IP-VRF. Needs root.
//!
//!     cargo run --release -p weft-fib --example rate -- [HOSTS] [VNIS] [VTEPS]
//!     cargo run --release -p weft-fib --example rate -- routes [HOSTS] [VTEPS] [NEXT HOPS A ROUTE]

use ipnet::IpNet;
use nix::sched::{CloneFlags, unshare};
use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::time::Instant;
use weft_evpn::forwarding::{ForwardingChange, RemoteMac, RemoteNeighbour, VrfForward, VrfNextHop};
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::VrfForm;
use weft_evpn::{MacAddr, Vni, VrfName};
use weft_fib::config::Vrf;
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

/// CPU time of the service thread in seconds: what counts on a machine that others use, too.
fn service_seconds() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanoseconds = tasks
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.trim() == "weft-fib")
        })
        .filter_map(|task| std::fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|line| line.split(' ').next().and_then(|first| first.parse::<f64>().ok()))
        .sum::<f64>();
    nanoseconds / 1e9
}

/// Host routes, each by some VTEPs. Those of the first lack every second VTEP when `thin`.
fn routes(hosts: u32, vteps: u32, hops: u32, wanted: Option<bool>) -> Vec<ForwardingChange> {
    let vrf = VrfName::from("red");
    let way = |first: u32, thin: bool| {
        let mut hops: Vec<VrfNextHop> = (0..hops)
            .filter(|hop| !thin || hops == 1 || hop % 2 == 0)
            .map(|hop| {
                let number = (first + hop) % vteps;
                let [_, a, b, c] = number.to_be_bytes();
                let vtep = u32::from(Ipv4Addr::new(10, 0, 0, 2)) + number;
                let vtep = IpAddr::from(vtep.to_be_bytes());
                VrfNextHop::Vtep { vtep, router_mac: MacAddr([2, 0xff, 0, a, b, c]) }
            })
            .collect();
        hops.sort();
        hops.dedup();
        VrfForward::Via(hops)
    };
    let route = |host: u32| {
        let address = u32::from(Ipv4Addr::new(100, 64, 0, 0)) ^ (host.wrapping_mul(0x9e37_79b1) >> 8);
        let prefix = IpNet::from(IpAddr::from(address.to_be_bytes()));
        let wanted = wanted.map(|thin| way(host % vteps, thin));
        ForwardingChange::Route { vrf: vrf.clone(), prefix, wanted }
    };
    (0..hosts).map(route).collect()
}

/// The `routes` form.
fn measure_routes(hosts: u32, vteps: u32, hops: u32) -> Result<(), Failure> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    run("ip addr add 10.0.0.1/32 dev lo".to_owned())?;
    run("ip link set lo up".to_owned())?;
    let options = FibOptions { vrf_form: Some(VrfForm::Rule), ..FibOptions::default() };
    let (fib, mut events) = weft_fib::start(options)?;
    let mut config = FibConfig { vtep_source: Some(IpAddr::from([10, 0, 0, 1])), ..FibConfig::default() };
    config.vrfs.insert(VrfName::from("red"), Vrf { vni: Vni::new(5000), table: None });
    fib.send(FibRequest::Config(config));
    let is_up =
        |event: &LocalEvent| matches!(event, LocalEvent::VrfUp { devices, .. } if devices.l3vni.is_some());
    loop {
        match events.recv_timeout(std::time::Duration::from_secs(60)) {
            Some(FibEvent::Local(events)) if events.iter().any(is_up) => break,
            Some(_) => {}
            None => return Err("no IP-VRF came up".into()),
        }
    }
    let settle = || {
        // Answered when nothing is left to be written, or after a second.
        loop {
            let (reply, answer) = tokio::sync::oneshot::channel();
            fib.send(FibRequest::Consistency(reply));
            match answer.blocking_recv() {
                Ok(report) if report.is_consistent() => return,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    };
    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let steps =
        [("written", Some(false)), ("thinned", Some(true)), ("made full", Some(false)), ("deleted", None)];
    for (what, wanted) in steps {
        let changes = routes(hosts, vteps, hops, wanted);
        let (resident_before, writes) = (resident(), load(&fib.counters().writes));
        let (start, cpu) = (Instant::now(), service_seconds());
        for batch in changes.chunks(1000) {
            fib.send(FibRequest::Forward(batch.to_vec()));
        }
        drop(changes);
        let mut last = (u64::MAX, Instant::now());
        // Done when nothing has been written for a while.
        while last.1.elapsed() < std::time::Duration::from_secs(2) {
            let now = load(&fib.counters().writes);
            if now != last.0 {
                last = (now, Instant::now());
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let took = last.1.duration_since(start);
        println!(
            "{hosts} routes {what} in {took:.2?} ({:.2} s CPU of the service): {:.0} routes/s, {} messages; \
             resident {} MiB before, {} after; {} failures, {} resyncs",
            service_seconds() - cpu,
            f64::from(hosts) / took.as_secs_f64(),
            load(&fib.counters().writes) - writes,
            resident_before,
            resident(),
            load(&fib.counters().failures),
            load(&fib.counters().resyncs),
        );
        settle();
    }
    Ok(())
}

fn main() -> Result<(), Failure> {
    if std::env::args().nth(1).as_deref() == Some("routes") {
        let mut arguments = std::env::args().skip(2).map(|argument| argument.parse::<u32>());
        let mut argument = |default| arguments.next().unwrap_or(Ok(default));
        let (hosts, vteps, hops) = (argument(500_000)?, argument(64)?, argument(1)?);
        return measure_routes(hosts, vteps.max(1), hops.max(1));
    }
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
        // Both FDB entries in one message, and the neighbour.
        let messages = u64::from(hosts) * 2;
        let writes = &fib.counters().writes;
        let before = writes.load(std::sync::atomic::Ordering::Relaxed);
        println!("resident before: {} MiB", resident());
        let (start, cpu) = (Instant::now(), service_seconds());
        for batch in changes.chunks(1000) {
            fib.send(FibRequest::Forward(batch.to_vec()));
        }
        while writes.load(std::sync::atomic::Ordering::Relaxed) - before < messages {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let took = start.elapsed();
        println!(
            "{hosts} hosts {what} in {took:.2?} ({:.2} s CPU of the service): {:.0} hosts/s, {:.0} messages/s; \
             resident {} MiB, {} failures, {} resyncs",
            service_seconds() - cpu,
            f64::from(hosts) / took.as_secs_f64(),
            messages as f64 / took.as_secs_f64(),
            resident(),
            fib.counters().failures.load(std::sync::atomic::Ordering::Relaxed),
            fib.counters().resyncs.load(std::sync::atomic::Ordering::Relaxed),
        );
    }
    Ok(())
}
