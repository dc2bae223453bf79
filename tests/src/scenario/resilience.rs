//! Daemons that die, sessions that end, ports and devices that go: what must not be lost, and
//! what must not be left.

use crate::error::{LabError, Result, ensure};
use crate::fabric::{self, BRIDGE, Fabric, Host, LIMIT, VXLAN, greet_gateway};
use crate::kernel;
use crate::monitor::Monitor;
use crate::netns::Namespace;
use crate::packet::Sender;
use crate::ping::{Loss, Pinger, first_reply};
use crate::wait::{wait_for, wait_until};
use nix::sys::signal::Signal;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STEADY: u32 = 20;

/// The first leaf's daemon is killed and started again after `pause`, under pings both ways.
pub fn kill_leaf(fabric: &mut Fabric, pause: Duration) -> Result<Loss> {
    under_ping(fabric, |fabric| {
        let speaker = &mut fabric.leaf_mut(0)?.speaker;
        speaker.kill();
        rest(pause);
        speaker.launch()?;
        fabric.leaf(0)?.speaker.wait_established(1, LIMIT)?;
        fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT)?;
        fabric.wait_everywhere(fabric.host(0)?, 0, LIMIT).map(drop)
    })
}

/// The reflector is killed and started again after `pause`, under pings both ways.
pub fn kill_reflector(fabric: &mut Fabric, pause: Duration) -> Result<Loss> {
    under_ping(fabric, |fabric| {
        fabric.reflector.kill();
        rest(pause);
        fabric.reflector.launch()?;
        fabric.reflector.wait_established(fabric.leaves.len(), LIMIT)?;
        fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT).map(drop)
    })
}

/// The reflector shall know its clients by a listen range alone: it is started anew with that.
pub fn clients_by_range(fabric: &mut Fabric) -> Result<()> {
    let reflector = &mut fabric.reflector;
    reflector.stop();
    reflector.configure(&fabric::reflector_config_of_range())?;
    reflector.launch()?;
    reflector.wait_established(fabric.leaves.len(), LIMIT)?;
    fabric.wait_everywhere(fabric.host(0)?, 0, LIMIT)?;
    fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT).map(drop)
}

/// The reflector is killed and started again, under pings both ways; the second leaf comes back to it a second after
/// the first.
pub fn kill_reflector_with_a_late_client(fabric: &mut Fabric) -> Result<Loss> {
    under_ping(fabric, |fabric| {
        fabric.reflector.kill();
        fabric.leaf(1)?.speaker.signal(Signal::SIGSTOP)?;
        fabric.reflector.launch()?;
        fabric.reflector.wait_established(1, LIMIT)?;
        rest(Duration::from_secs(1));
        fabric.leaf(1)?.speaker.signal(Signal::SIGCONT)?;
        fabric.reflector.wait_established(fabric.leaves.len(), LIMIT)?;
        fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT).map(drop)
    })
}

/// All daemons are killed and started again, under pings both ways, until the leaves have deleted what nobody
/// wants. Returns the losses, and what the first leaf's kernel was told to forget of the second host meanwhile.
pub fn kill_all(fabric: &mut Fabric) -> Result<(Loss, Vec<String>)> {
    let mut forgotten = Vec::new();
    let loss = under_ping(fabric, |fabric| {
        let leaves = fabric.leaves.len();
        for leaf in 0..leaves {
            fabric.leaf_mut(leaf)?.speaker.kill();
        }
        fabric.reflector.kill();
        let deletions = Deletions::of(fabric.host(1)?, &fabric.leaf(0)?.ns)?;
        let ghosts = (0..leaves)
            .map(|leaf| plant_ghost(&fabric.leaf(leaf)?.ns, fabric.leaf((leaf + 1) % leaves)?.vtep))
            .collect::<Result<Vec<_>>>()?;
        for leaf in 0..leaves {
            fabric.leaf_mut(leaf)?.speaker.launch()?;
        }
        fabric.reflector.launch()?;
        fabric.reflector.wait_established(leaves, LIMIT)?;
        ghosts.iter().try_for_each(|gone| gone())?;
        fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT)?;
        fabric.wait_everywhere(fabric.host(0)?, 0, LIMIT)?;
        forgotten = deletions.seen();
        Ok(())
    })?;
    Ok((loss, forgotten))
}

/// All sessions are cleared at the reflector, under pings both ways.
pub fn clear_sessions(fabric: &mut Fabric) -> Result<Loss> {
    under_ping(fabric, |fabric| {
        fabric.reflector.command("clear bgp *")?;
        wait_until("the sessions to end", Duration::from_millis(300), || {
            Ok(fabric.reflector.established()? < fabric.leaves.len())
        })
        // A session that was back between two looks has been cleared all the same.
        .ok();
        fabric.reflector.wait_established(fabric.leaves.len(), LIMIT)?;
        fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT).map(drop)
    })
}

/// A pause that is part of the scenario (not a wait for something).
fn rest(pause: Duration) {
    std::thread::sleep(pause);
}

/// Pings from the first host to the second and back, v4 one way and v6 the other, while
/// `event` happens and for a second after it; the losses are added.
fn under_ping(fabric: &mut Fabric, event: impl FnOnce(&mut Fabric) -> Result<()>) -> Result<Loss> {
    let (h1, h2) = (fabric.host(0)?, fabric.host(1)?);
    let pingers = [Pinger::start(&h1.ns, h2.v4)?, Pinger::start(&h2.ns, h1.v6)?];
    for pinger in &pingers {
        pinger.wait_answered(STEADY, LIMIT)?;
    }
    event(fabric)?;
    // What a restart breaks, it may break late: after the end-of-RIB, when stale entries go.
    rest(Duration::from_secs(1));
    let mut sum = Loss::default();
    for pinger in pingers {
        pinger.wait_answered(STEADY, LIMIT)?;
        let loss = pinger.stop()?;
        sum.sent += loss.sent;
        sum.lost += loss.lost;
        sum.gaps.extend(loss.gaps);
    }
    Ok(sum)
}

/// Adds a MAC of this VTEP that nobody announces, as a dead daemon left it. What is returned waits for its end: the
/// daemon that was started again has deleted what nobody wants.
fn plant_ghost(ns: &Arc<Namespace>, vtep: IpAddr) -> Result<impl Fn() -> Result<()> + use<>> {
    const MAC: &str = "02:00:00:00:fe:02";
    ns.bridge(&format!("fdb add {MAC} dev {VXLAN} self dst {vtep} extern_learn"))?;
    let ns = Arc::clone(ns);
    Ok(move || wait_until("the ghost to go", LIMIT, || kernel::no_remote_mac(&ns, VXLAN, MAC)).map(drop))
}

/// The first leaf's daemon is killed and started again, until it has deleted what nobody wants. Returns what its
/// kernel was told to forget of the second host meanwhile.
pub fn forgotten_by_killed_leaf(fabric: &mut Fabric) -> Result<Vec<String>> {
    fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT)?;
    fabric.leaf_mut(0)?.speaker.kill();
    let ghost_gone = plant_ghost(&fabric.leaf(0)?.ns, fabric.leaf(1)?.vtep)?;
    let deletions = Deletions::of(fabric.host(1)?, &fabric.leaf(0)?.ns)?;
    fabric.leaf_mut(0)?.speaker.launch()?;
    ghost_gone()?;
    fabric.wait_everywhere(fabric.host(1)?, 1, LIMIT)?;
    Ok(deletions.seen())
}

/// Listens for deletions of what a leaf's kernel holds of a host, be it that it came back.
struct Deletions {
    monitors: [Monitor; 2],
    names: Vec<String>,
}

impl Deletions {
    fn of(host: &Host, leaf: &Namespace) -> Result<Self> {
        let monitors = [Monitor::of_fdb(leaf, VXLAN)?, Monitor::of_neighbours(leaf, BRIDGE)?];
        let addresses = host.addresses();
        Ok(Self {
            monitors,
            names: addresses.iter().map(IpAddr::to_string).chain([host.mac_text()]).collect(),
        })
    }

    fn seen(&self) -> Vec<String> {
        let mut seen: Vec<String> = self.monitors.iter().flat_map(Monitor::lines).collect();
        let names_it = |line: &str| line.split(' ').any(|word| self.names.iter().any(|name| name == word));
        seen.retain(|line| line.starts_with("Deleted") && names_it(line));
        seen
    }
}

/// While the first leaf's daemon is dead, the second leaf withdraws everything: MAC,
/// neighbours, flood entry. Returns what the first leaf still holds, `limit` after its session
/// is back: ghosts.
pub fn ghosts(fabric: &mut Fabric, limit: Duration) -> Result<Vec<String>> {
    let mac = fabric.host(1)?.mac_text();
    let addresses = fabric.host(1)?.addresses();
    fabric.leaf_mut(0)?.speaker.kill();
    let there = &fabric.leaf(1)?.ns;
    there.ip(&format!("link del {VXLAN}"))?;
    let gone = fabric.leaf(1)?.vtep;
    wait_until("the withdrawal to reach the reflector", LIMIT, || {
        Ok(!fabric.reflector.command("show bgp l2vpn evpn")?.contains(&mac))
    })?;
    fabric.leaf_mut(0)?.speaker.launch()?;
    let leaf = fabric.leaf(0)?;
    leaf.speaker.wait_established(1, LIMIT)?;
    let look = || -> Result<Vec<String>> {
        let mut left: Vec<String> = kernel::fdb(&leaf.ns, VXLAN)?
            .into_iter()
            .filter(|entry| entry.mac == mac || entry.vtep == Some(gone))
            .map(|entry| format!("{entry:?}"))
            .collect();
        left.extend(
            kernel::neighbours(&leaf.ns, BRIDGE)?
                .into_iter()
                .filter(|entry| addresses.contains(&entry.address) && entry.external)
                .map(|entry| format!("{entry:?}")),
        );
        Ok(left)
    };
    match wait_for("the ghosts to go", limit, || {
        Ok(if look()?.is_empty() { Ok(()) } else { Err(String::new()) })
    }) {
        Ok(_) => Ok(Vec::new()),
        Err(LabError::Timeout { .. }) => look(),
        Err(other) => Err(other),
    }
}

/// The second host's port goes down: the first leaf forgets its MAC. The port comes back: the
/// host is reached again. Returns the time from the port's end to the MAC's.
pub fn port_down(fabric: &Fabric) -> Result<Duration> {
    let (near, far, host) = (fabric.leaf(0)?, fabric.leaf(1)?, fabric.host(1)?);
    let mac = host.mac_text();
    fabric.wait_everywhere(host, 1, LIMIT)?;
    far.ns.ip("link set h0 down")?;
    let took = wait_until(&format!("{mac} to go from {}", near.vtep), LIMIT, || {
        kernel::no_remote_mac(&near.ns, VXLAN, &mac)
    })?;
    for address in host.addresses() {
        wait_until(&format!("{address} to go from {}", near.vtep), LIMIT, || {
            Ok(!kernel::has_remote_neighbour(&near.ns, BRIDGE, address, &mac)?)
        })?;
    }
    far.ns.ip("link set h0 up")?;
    host.announce()?;
    first_reply(&fabric.host(0)?.ns, host.v4, LIMIT)?;
    first_reply(&fabric.host(0)?.ns, host.v6, LIMIT)?;
    fabric.wait_mac_everywhere(host, 1, LIMIT)?;
    Ok(took)
}

/// The second leaf's vxlan device is deleted and made again. Returns the time from its making
/// to the first ping.
pub fn vxlan_recreated(fabric: &Fabric) -> Result<Duration> {
    let (near, far, host) = (fabric.leaf(0)?, fabric.leaf(1)?, fabric.host(1)?);
    far.ns.ip(&format!("link del {VXLAN}"))?;
    wait_until("the flood entry of the leaf without a VNI to go", LIMIT, || {
        Ok(!kernel::flood_list(&near.ns, VXLAN)?.contains(&far.vtep))
    })?;
    wait_until("its host's MAC to go", LIMIT, || kernel::no_remote_mac(&near.ns, VXLAN, &host.mac_text()))?;
    far.ns.ip_batch(&fabric::vxlan(2))?;
    far.ns.bridge(&format!("link set dev {VXLAN} learning off neigh_suppress on"))?;
    let took = first_reply(&fabric.host(0)?.ns, host.v4, LIMIT)?;
    fabric.wait_flood_list(near, LIMIT)?;
    fabric.wait_flood_list(far, LIMIT)?;
    greet_gateway(host)?;
    fabric.wait_everywhere(host, 1, LIMIT)?;
    fabric.wait_everywhere(fabric.host(0)?, 0, LIMIT)?;
    first_reply(&fabric.host(0)?.ns, host.v6, LIMIT)?;
    Ok(took)
}

/// The leaf's daemon is stopped (SIGSTOP) while its kernel says more than any receive buffer
/// holds, and continued: the netlink socket has overrun (`ENOBUFS`). A host that came in that
/// time is known, and one that left is not. Returns the time from SIGCONT to both.
pub fn netlink_overrun(fabric: &mut Fabric, events: usize) -> Result<Duration> {
    let leaf = fabric.leaf(0)?;
    let flood: String = (0..events)
        .map(|number| {
            let [_, high, middle, low] = (number as u32).to_be_bytes();
            let mac = format!("06:00:00:{high:02x}:{middle:02x}:{low:02x}");
            format!("fdb add {mac} dev h0 master static\nfdb del {mac} dev h0 master\n")
        })
        .collect();
    let (gone, came) = ("02:00:00:00:aa:01", "02:00:00:00:aa:02");
    leaf.ns.bridge(&format!("fdb add {gone} dev h0 master dynamic"))?;
    let far = fabric.leaf(1)?;
    wait_until("the MAC before the overrun", LIMIT, || {
        Ok(kernel::remote_mac(&far.ns, VXLAN, gone)? == Some(leaf.vtep))
    })?;
    leaf.speaker.signal(Signal::SIGSTOP)?;
    let flooded = leaf.ns.bridge_batch(&flood).and_then(|()| {
        leaf.ns.bridge(&format!("fdb del {gone} dev h0 master"))?;
        leaf.ns.bridge(&format!("fdb add {came} dev h0 master dynamic"))
    });
    leaf.speaker.signal(Signal::SIGCONT)?;
    flooded?;
    let start = Instant::now();
    wait_until("the MAC that came during the overrun", LIMIT, || {
        Ok(kernel::remote_mac(&far.ns, VXLAN, came)? == Some(leaf.vtep))
    })?;
    wait_until("the MAC that went during the overrun to go", LIMIT, || {
        kernel::no_remote_mac(&far.ns, VXLAN, gone)
    })?;
    let took = start.elapsed();
    ensure(fabric.leaf_mut(0)?.speaker.is_running(), || "the daemon died of the overrun".into())?;
    first_reply(&fabric.host(0)?.ns, fabric.host(1)?.v4, LIMIT)?;
    Ok(took)
}

/// A host falls silent for good: its address is withdrawn when its leaf's kernel has found
/// that it does not answer. The neighbour is made to fail by a probe.
pub fn silent_host_ages(fabric: &Fabric) -> Result<Duration> {
    let (near, far, host) = (fabric.leaf(0)?, fabric.leaf(1)?, fabric.host(1)?);
    fabric.wait_everywhere(host, 1, LIMIT)?;
    let sender = Sender::open(&host.ns, host.device)?;
    host.ns.ip(&format!("addr flush dev {}", host.device))?;
    // The MAC still speaks; only the addresses are gone.
    sender.send(&crate::packet::plain_frame([0xff; 6], host.mac))?;
    let start = Instant::now();
    for address in host.addresses() {
        let family = if address.is_ipv4() { "" } else { "-6 " };
        far.ns.ip(&format!("{family}neigh change {address} dev {BRIDGE} nud probe"))?;
        wait_until(&format!("{address} to go from {}", near.vtep), LIMIT, || {
            Ok(!kernel::has_remote_neighbour(&near.ns, BRIDGE, address, &host.mac_text())?)
        })?;
    }
    let took = start.elapsed();
    ensure(kernel::remote_mac(&near.ns, VXLAN, &host.mac_text())? == Some(far.vtep), || {
        "the MAC went with its addresses".into()
    })?;
    for address in host.addresses() {
        let length = if matches!(address, IpAddr::V4(_)) { "24" } else { "64 nodad" };
        host.ns.ip(&format!("addr add {address}/{length} dev {}", host.device))?;
    }
    Ok(took)
}
