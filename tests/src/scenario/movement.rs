//! Hosts and addresses that change their place: VM moves, duplicates, failover addresses.

use crate::error::{LabError, Result};
use crate::fabric::{BRIDGE, Fabric, LIMIT, Leaving, VNI, VXLAN};
use crate::kernel;
use crate::packet::{Sender, plain_frame};
use crate::ping::{Loss, Pinger, first_reply};
use crate::speaker::Kind;
use crate::wait::{wait_for, wait_until};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Echo replies that must come before and after an event, so that a loss is the event's.
const STEADY: u32 = 20;

/// The loss of a move and of the move home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moves {
    /// From the first leaf to the second.
    pub there: Loss,
    /// And home again.
    pub back: Loss,
    /// Entries that were left on the vxlan device of the leaf where the machine is.
    pub stale: Vec<String>,
}

impl Moves {
    /// The larger loss.
    pub fn worst(&self) -> usize {
        self.there.lost.max(self.back.lost)
    }
}

/// The machine moves from the first leaf to the second and home, while a host behind `from`
/// pings it. Afterwards every remote leaf's tables are those of its place.
pub fn vm_moves(fabric: &Fabric, from: usize, leaving: Leaving) -> Result<Moves> {
    let (there, mut stale) = one_move(fabric, from, 0, 1, leaving)?;
    let (back, at_home) = one_move(fabric, from, 1, 0, leaving)?;
    stale.extend(at_home);
    Ok(Moves { there, back, stale })
}

/// How long a leaf may keep its remote entries for a machine that has come to it.
const STALE_LIMIT: Duration = Duration::from_secs(1);

fn one_move(
    fabric: &Fabric,
    from: usize,
    old: usize,
    new: usize,
    leaving: Leaving,
) -> Result<(Loss, Vec<String>)> {
    let vm = &fabric.vm;
    let pinger = Pinger::start(&fabric.host(from)?.ns, vm.v4)?;
    pinger.wait_answered(STEADY, LIMIT)?;
    fabric.move_vm(old, new, leaving)?;
    pinger.wait_answered(STEADY, LIMIT)?;
    let mac = vm.mac_text();
    let home = fabric.leaf(new)?;
    match home.speaker.kind() {
        Kind::Weft => fabric.wait_everywhere(vm, new, LIMIT)?,
        // FRR's addresses do not follow the MAC until the machine asks for its gateway.
        Kind::Frr => fabric.wait_mac_everywhere(vm, new, LIMIT)?,
    };
    let stale = match wait_until("the remote entries to go", STALE_LIMIT, || {
        kernel::no_remote_mac(&home.ns, VXLAN, &mac)
    }) {
        Ok(_) => Vec::new(),
        Err(LabError::Timeout { .. }) => kernel::fdb(&home.ns, VXLAN)?
            .into_iter()
            .filter(|entry| entry.mac == mac)
            .map(|entry| format!("{entry:?}"))
            .collect(),
        Err(other) => return Err(other),
    };
    pinger.wait_answered(STEADY, LIMIT)?;
    let loss = pinger.stop()?;
    // The IPv6 address has followed its MAC.
    first_reply(&fabric.host(from)?.ns, vm.v6, LIMIT)?;
    Ok((loss, stale))
}

/// The same MAC sends behind both leaves in turn until its duplicate is detected. Returns how
/// many times it had to appear at another leaf.
pub fn duplicate_mac(fabric: &Fabric) -> Result<usize> {
    let mac = [2, 0, 0, 0, 0xdd, 0xdd];
    let text = crate::fabric::mac_text(mac);
    let senders = [
        Sender::open(&fabric.host(0)?.ns, fabric.host(0)?.device)?,
        Sender::open(&fabric.host(1)?.ns, fabric.host(1)?.device)?,
    ];
    let frame = plain_frame([0xff; 6], mac);
    for round in 0..20 {
        let place = round % 2;
        let (here, there) = (fabric.leaf(place)?, fabric.leaf(1 - place)?);
        let Some(sender) = senders.get(place) else { break };
        sender.send(&frame)?;
        let settled = wait_for(&format!("{text} seen at {}", here.vtep), LIMIT, || {
            for leaf in [here, there] {
                if is_duplicate(leaf, &text)? {
                    return Ok(Ok(true));
                }
            }
            let moved = kernel::remote_mac(&there.ns, VXLAN, &text)? == Some(here.vtep);
            Ok(if moved { Ok(false) } else { Err(format!("{:?}", kernel::fdb(&there.ns, VXLAN)?)) })
        })?;
        if settled.0 {
            return Ok(round);
        }
    }
    Err(LabError::Unexpected("the MAC moved 20 times and was never called a duplicate".into()))
}

/// True when the leaf's speaker calls the MAC a duplicate.
pub fn is_duplicate(leaf: &crate::fabric::Leaf, mac: &str) -> Result<bool> {
    let shown = leaf.speaker.json(&format!("show evpn mac vni {VNI} mac {mac} json"))?;
    Ok(find_flag(&shown, "isDuplicate"))
}

fn find_flag(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| (key == name && value == &Value::Bool(true)) || find_flag(value, name)),
        Value::Array(items) => items.iter().any(|item| find_flag(item, name)),
        _ => false,
    }
}

/// An address moves to another MAC behind another leaf and back, as failover addresses do.
/// Every leaf has to follow, and a host that asks anew reaches it at its new place. Returns the
/// time that the slowest leaf took.
///
/// Hosts that have the old MAC in their cache keep it: with suppression on, the kernel's bridge
/// passes no announcement on to other leaves.
pub fn failover_address(fabric: &Fabric) -> Result<Duration> {
    let shared: [IpAddr; 2] =
        [Ipv4Addr::new(192, 168, 10, 77).into(), Ipv6Addr::new(0x2001, 0xdb8, 0x10, 0, 0, 0, 0, 0x77).into()];
    let (h1, h2) = (fabric.host(0)?, fabric.host(1)?);
    for address in shared {
        take_address(h1, address)?;
        follow(fabric, address, &h1.mac_text(), 0)?;
    }
    let mut slowest = Duration::ZERO;
    for (from, to, home) in [(h1, h2, 1), (h2, h1, 0)] {
        for address in shared {
            drop_address(from, address)?;
            take_address(to, address)?;
            slowest = slowest.max(follow(fabric, address, &to.mac_text(), home)?);
            for asking in [&fabric.vm, from] {
                asking.forget_neighbours()?;
                first_reply(&asking.ns, address, LIMIT)?;
            }
        }
    }
    Ok(slowest)
}

fn prefix(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "32" } else { "128 nodad" }
}

fn take_address(host: &crate::fabric::Host, address: IpAddr) -> Result<()> {
    host.ns.ip(&format!("addr add {address}/{} dev {}", prefix(address), host.device))?;
    Sender::open(&host.ns, host.device)?.announce(host.mac, address)
}

fn drop_address(host: &crate::fabric::Host, address: IpAddr) -> Result<()> {
    let length = if address.is_ipv4() { 32 } else { 128 };
    host.ns.ip(&format!("addr del {address}/{length} dev {}", host.device)).map(|_| ())
}

/// Waits until every leaf has the address at this MAC: `home` by itself, the others by EVPN.
fn follow(fabric: &Fabric, address: IpAddr, mac: &str, home: usize) -> Result<Duration> {
    let start = std::time::Instant::now();
    for (index, leaf) in fabric.leaves.iter().enumerate() {
        wait_for(&format!("{address} at {mac} on {}", leaf.vtep), LIMIT, || {
            let entry = kernel::neighbour(&leaf.ns, BRIDGE, address)?;
            let right = match &entry {
                Some(entry) => entry.mac.as_deref() == Some(mac) && entry.external == (index != home),
                // The home leaf need not have an entry in its kernel to know the address.
                None => index == home,
            };
            Ok(if right { Ok(()) } else { Err(format!("{entry:?}")) })
        })?;
    }
    Ok(start.elapsed())
}
