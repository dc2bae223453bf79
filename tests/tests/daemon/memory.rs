//! Memory under many routes: `show memory` adds up to what the kernel says the daemon has, what was taken is
//! given back after a withdrawal, and a peer that stops reading costs a bounded amount and ends with the
//! right table.

use crate::{LIMIT, namespace, running};
use serde_json::Value;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use weft_tests::flood::{Flood, Routes};
use weft_tests::netns::Namespace;
use weft_tests::speaker::{Kind, Speaker};
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

/// A flood in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const SPEAKER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 179);
const MIB: u64 = 1 << 20;

fn peer(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, number)
}

/// A speaker with three clients, 10.0.0.2 to 4.
fn config(lines: &str) -> String {
    let mut text =
        "hostname box\nrouter bgp 65000\n bgp router-id 10.0.0.1\n no bgp default ipv4-unicast\n".to_owned();
    for number in 2..=4 {
        let _ = write!(text, " neighbor {0} remote-as 65000\n neighbor {0} passive\n", peer(number));
    }
    text += " address-family l2vpn evpn\n";
    for number in 2..=4 {
        let _ =
            write!(text, "  neighbor {0} activate\n  neighbor {0} route-reflector-client\n", peer(number));
    }
    text + lines + " exit-address-family\n"
}

fn addresses(ns: &Namespace) -> Result<()> {
    ns.ip_batch("addr add 10.0.0.3/32 dev lo\naddr add 10.0.0.4/32 dev lo\n")
}

fn start(ns: &Arc<Namespace>, config: &str, kernel: bool) -> Result<Speaker> {
    if kernel {
        return running(ns, config);
    }
    let mut speaker = Speaker::prepare(Kind::Weft, ns, config)?.with_arguments(&["--no-kernel"]);
    speaker.launch()?;
    wait_until("weftd to answer", LIMIT, || speaker.command("show running-config").map(|_| true))?;
    Ok(speaker)
}

fn number(value: &Value, key: &str) -> Result<u64> {
    value[key].as_u64().ok_or_else(|| LabError::Unexpected(format!("no {key} in {value}")))
}

/// Accounted for, in use of the heap, anonymous, of files, resident.
#[derive(Debug, Clone, Copy)]
struct Memory {
    accounted: u64,
    in_use: u64,
    anonymous: u64,
    file: u64,
    resident: u64,
}

fn memory(speaker: &Speaker) -> Result<Memory> {
    let shown = speaker.json("show memory json")?;
    let field = |key| number(&shown, key);
    Ok(Memory {
        accounted: field("accountedBytes")?,
        in_use: field("heapInUseBytes")?,
        anonymous: field("anonymousBytes")?,
        file: field("fileBytes")?,
        resident: field("residentBytes")?,
    })
}

/// `part` is `whole`, give or take 15 %.
fn is_near(part: u64, whole: u64) -> bool {
    part.abs_diff(whole) * 100 <= whole * 15
}

/// Loads routes and looks at the memory when the flood is over; then withdraws them. The speaker itself
/// advertises `own` routes.
fn adds_up(
    lines: &str,
    kernel: bool,
    routes: Routes,
    own: usize,
    devices: impl Fn(&Namespace) -> Result<()>,
) -> Result<()> {
    let ns = namespace()?;
    addresses(&ns)?;
    devices(&ns)?;
    let speaker = start(&ns, &config(lines), kernel)?;
    let (sender, receiver) =
        (Flood::establish(&ns, peer(2), SPEAKER, LIMIT)?, Flood::establish(&ns, peer(3), SPEAKER, LIMIT)?);
    speaker.wait_established(2, LIMIT)?;
    let empty = memory(&speaker)?;

    sender.send(&routes.updates(Some(100), 0))?;
    wait_until(
        "all routes at the receiver",
        PATIENCE,
        || Ok(receiver.table().len() == routes.count() + own),
    )?;
    let mut full = memory(&speaker)?;
    // Free memory of the flood goes back in the first quiet second.
    let settled = wait_until("the sum of show memory to be what is resident", PATIENCE, || {
        full = memory(&speaker)?;
        let growth = full.accounted.saturating_sub(empty.accounted);
        Ok(is_near(growth, full.anonymous.saturating_sub(empty.anonymous))
            && is_near(growth, full.in_use.saturating_sub(empty.in_use))
            && is_near(full.accounted + full.file + empty.anonymous - empty.accounted, full.resident))
    });
    settled.map_err(|error| LabError::Unexpected(format!("{error}; empty {empty:?}, full {full:?}")))?;
    println!(
        "{} routes: {} octets each in use, {} each resident; empty {empty:?}, full {full:?}",
        routes.count(),
        (full.in_use - empty.in_use) / routes.count() as u64,
        (full.anonymous - empty.anonymous) / routes.count() as u64,
    );

    sender.send(&routes.updates(None, 0))?;
    wait_until("no route at the receiver", PATIENCE, || Ok(receiver.table().len() == own))?;
    let mut left = full;
    let grown = full.anonymous - empty.anonymous;
    let returned = wait_until("the memory to be given back", PATIENCE, || {
        left = memory(&speaker)?;
        Ok(left.anonymous <= empty.anonymous + grown / 10 + 2 * MIB)
    });
    returned.map_err(|error| {
        LabError::Unexpected(format!("{error}; empty {empty:?}, full {full:?}, left {left:?}"))
    })?;
    println!("left {left:?}");
    Ok(())
}

/// Enough that what threads have of the heap (about 1 MiB) is less than a tenth.
const MANY: Routes = Routes { vteps: 64, vnis: 25, hosts: 125 };

#[test]
fn a_reflectors_memory_adds_up_and_comes_back() -> Result<()> {
    adds_up("", false, MANY, 0, |_| Ok(()))
}

#[test]
fn a_vteps_memory_without_a_kernel_adds_up_and_comes_back() -> Result<()> {
    adds_up("  advertise-all-vni\n", false, MANY, 0, |_| Ok(()))
}

#[test]
fn a_vteps_memory_with_a_kernel_adds_up_and_comes_back() -> Result<()> {
    let routes = Routes { vteps: 64, vnis: 10, hosts: 160 };
    // Its type-3 routes.
    let own = routes.vnis as usize;
    adds_up("  advertise-all-vni\n", true, routes, own, |ns| {
        let mut lines = String::new();
        for vni in 1..=routes.vnis {
            let _ = write!(
                lines,
                "link add br{vni} type bridge\nlink set br{vni} up\n\
                 link add vx{vni} type vxlan id {vni} local 10.0.0.1 dstport 4789 nolearning\n\
                 link set vx{vni} master br{vni} addrgenmode none up\n"
            );
        }
        ns.ip_batch(&lines)
    })
}

/// Octets that one receiver that does not read may cost: 64 buffers of at most 64 KiB and one message, what
/// the session has taken of them, and what the core holds back (a batch of 1 MiB, encoded once).
const SLOW_READER: u64 = 8 * MIB;

/// `WEFT_SLOW_SECONDS=60` makes the long form of it.
#[test]
fn a_receiver_that_stops_reading_costs_bounded_memory_and_gets_a_right_table() -> Result<()> {
    let seconds = std::env::var("WEFT_SLOW_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let ns = namespace()?;
    addresses(&ns)?;
    // The kernel shall not hold for the daemon what it cannot send.
    ns.sysctl("net/ipv4/tcp_wmem", "4096 16384 65536")?;
    let speaker = start(&ns, &config(""), false)?;
    let [sender, fast, slow] = [2, 3, 4].map(|number| Flood::establish(&ns, peer(number), SPEAKER, LIMIT));
    let (sender, fast, slow) = (sender?, fast?, slow?);
    speaker.wait_established(3, LIMIT)?;
    let routes = Routes { vteps: 40, vnis: 50, hosts: 60 };

    sender.send(&routes.updates(Some(100), 0))?;
    wait_until("all routes at both", PATIENCE, || {
        Ok(fast.table().len() == routes.count() && slow.table().len() == routes.count())
    })?;
    let before = memory(&speaker)?;

    slow.pause(true);
    let begun = Instant::now();
    let (mut round, mut peak, mut buffered) = (0, 0, 0);
    while round < 4 || begun.elapsed() < Duration::from_secs(seconds) {
        round += 1;
        // Half of the routes go and come back, all change.
        sender.send(&routes.updates(None, routes.vteps / 2))?;
        sender.send(&routes.updates(Some(100 + round), 0))?;
        wait_until("the other receiver to have every change", PATIENCE, || {
            let shown = speaker.json("show memory json")?;
            peak = peak.max(number(&shown, "accountedBytes")?);
            buffered = buffered.max(number(&shown["sessions"], "bufferBytes")?);
            let table = fast.table();
            Ok(table.len() == routes.count() && table.values().all(|pref| *pref == 100 + round))
        })?;
    }
    let stale = slow.table().values().filter(|pref| **pref != 100 + round).count();
    assert!(stale * 10 > routes.count() * 9, "the slow receiver has read on: only {stale} are old");
    println!("{round} rounds; accounted {} before, {peak} at most; buffers {buffered}", before.accounted);
    assert!(peak <= before.accounted + SLOW_READER, "{} octets before, {peak} at most", before.accounted);
    assert!(buffered > 0, "nothing waited");

    // The last word before it reads on: a VTEP's routes are gone.
    sender.send(&routes.updates(None, routes.vteps - 1))?;
    let left = routes.count() / routes.vteps as usize * (routes.vteps as usize - 1);
    wait_until("the other receiver to know", PATIENCE, || Ok(fast.table().len() == left))?;
    slow.pause(false);
    wait_until("the receiver that reads again to have the same table", PATIENCE, || {
        Ok(!slow.is_lost() && *slow.table() == *fast.table())
    })?;
    assert!(!slow.is_lost() && !fast.is_lost(), "sessions stay up");
    Ok(())
}
