//! Routed tenants over time: daemons that are killed, L3VNIs and VRFs that change and go,
//! and somebody else's hands in the kernel's tables.

use crate::error::{LabError, Result, ensure};
use crate::fabric::LIMIT;
use crate::kernel;
use crate::netns::Namespace;
use crate::ping::{Loss, Pinger};
use crate::routed::{Fabric, Leaf, RED, Tenant, prefixes};
use crate::scenario::drift::Repair;
use crate::speaker::Speaker;
use crate::wait::wait_for;
use nix::sys::signal::Signal;
use std::net::IpAddr;
use std::time::Duration;

const STEADY: u32 = 20;

/// A repair that is not tried again to find a better time.
const GOOD: Duration = Duration::from_millis(50);

/// How often a slower one is tried; the best counts.
const TRIES: usize = 8;

/// Pings that run while something happens.
#[derive(Debug)]
pub struct UnderPing(Vec<Pinger>);

impl UnderPing {
    /// Starts one ping for each pair and waits until all of them are answered.
    pub fn start(pairs: &[(&Namespace, IpAddr)]) -> Result<Self> {
        let pingers = pairs.iter().map(|(from, to)| Pinger::start(from, *to)).collect::<Result<Vec<_>>>()?;
        pingers.iter().try_for_each(|pinger| pinger.wait_answered(STEADY, LIMIT).map(drop))?;
        Ok(Self(pingers))
    }

    /// Pings on for a second, since what a restart breaks it may break late; then the sum of what was lost.
    pub fn finish(self) -> Result<Loss> {
        std::thread::sleep(Duration::from_secs(1));
        let mut sum = Loss::default();
        for pinger in self.0 {
            pinger.wait_answered(STEADY, LIMIT)?;
            let loss = pinger.stop()?;
            sum.sent += loss.sent;
            sum.lost += loss.lost;
            sum.gaps.extend(loss.gaps);
        }
        Ok(sum)
    }
}

/// Kills a speaker (`kill -9`) and starts it again after `pause`, which is part of the scenario.
pub fn kill_and_restart(speaker: &mut Speaker, sessions: usize, pause: Duration) -> Result<()> {
    speaker.kill();
    std::thread::sleep(pause);
    speaker.launch()?;
    speaker.wait_established(sessions, LIMIT).map(drop)
}

/// The first leaf's daemon is killed and started again after `pause`, under routed pings. When it is
/// back, the kernel holds what it held.
pub fn kill_leaf(fabric: &mut Fabric, pause: Duration) -> Result<Loss> {
    let held = kernel::holdings(&fabric.leaf(0)?.ns)?;
    let loss = kill_leaf_under_ping(fabric, pause)?;
    same_holdings(&fabric.leaf(0)?.ns, &held, LIMIT)?;
    Ok(loss)
}

/// The same, whatever the kernel holds afterwards.
pub fn kill_leaf_under_ping(fabric: &mut Fabric, pause: Duration) -> Result<Loss> {
    let (h1, h2) = (fabric.host(RED, 0, 10)?, fabric.host(RED, 1, 20)?);
    let pings = UnderPing::start(&[(h1.ns(), h2.host.v4), (h2.ns(), h1.host.v6)])?;
    kill_and_restart(&mut fabric.leaf_mut(0)?.speaker, 1, pause)?;
    fabric.explain(pings.finish())
}

/// Waits until a namespace holds exactly this again.
pub fn same_holdings(ns: &Namespace, wanted: &[String], limit: Duration) -> Result<()> {
    wait_for(&format!("{} to hold what it held", ns.name()), limit, || {
        let now = kernel::holdings(ns)?;
        Ok(if now == wanted { Ok(()) } else { Err(difference(wanted, &now)) })
    })
    .map(drop)
}

fn difference(wanted: &[String], now: &[String]) -> String {
    let missing = wanted.iter().filter(|line| !now.contains(line)).map(|line| format!("\n  - {line}"));
    let extra = now.iter().filter(|line| !wanted.contains(line)).map(|line| format!("\n  + {line}"));
    missing.chain(extra).collect()
}

/// The L3VNI of the first tenant changes at both leaves and changes back, so many times. Hosts
/// reach each other each time, and each state is the same every time.
pub fn l3vni_changes(fabric: &Fabric, times: usize) -> Result<()> {
    let original = fabric.leaves.iter().map(|leaf| leaf.speaker.config_text()).collect::<Result<Vec<_>>>()?;
    let changed: Vec<String> = original
        .iter()
        .map(|text| text.replace(&format!(" vni {}\n", RED.l3vni), &format!(" vni {}\n", RED.l3vni + 900)))
        .collect();
    let mut states: [Option<Vec<Vec<String>>>; 2] = [None, None];
    let home = fabric.leaves.iter().map(|leaf| kernel::holdings(&leaf.ns)).collect::<Result<Vec<_>>>()?;
    for (texts, vni, state) in
        (0..times).flat_map(|_| [(&changed, RED.l3vni + 900, 0), (&original, RED.l3vni, 1)])
    {
        for (leaf, text) in fabric.leaves.iter().zip(texts) {
            leaf.speaker.reload(text)?;
        }
        for leaf in &fabric.leaves {
            wait_for(&format!("L3VNI {vni} alone at {}", leaf.vtep), LIMIT, || {
                let old = kernel::vxlan_of(&leaf.ns, 2 * RED.l3vni + 900 - vni)?;
                let new = kernel::vxlan_of(&leaf.ns, vni)?;
                Ok(if old.is_none() && new.is_some() { Ok(()) } else { Err(format!("{old:?}, {new:?}")) })
            })?;
        }
        fabric.everybody_pings()?;
        let Some(first) = states.get_mut(state) else { break };
        match first {
            Some(first) => {
                for (leaf, wanted) in fabric.leaves.iter().zip(first.iter()) {
                    same_holdings(&leaf.ns, wanted, LIMIT)?;
                }
            }
            None if state == 1 => *first = Some(home.clone()),
            None => {
                *first =
                    Some(fabric.leaves.iter().map(|leaf| settled(&leaf.ns)).collect::<Result<Vec<_>>>()?);
            }
        }
    }
    for (leaf, wanted) in fabric.leaves.iter().zip(&home) {
        same_holdings(&leaf.ns, wanted, LIMIT)?;
    }
    Ok(())
}

/// What a namespace holds when two looks agree.
pub fn settled(ns: &Namespace) -> Result<Vec<String>> {
    let mut last = Vec::new();
    wait_for(&format!("{} to settle", ns.name()), LIMIT, || {
        let now = kernel::holdings(ns)?;
        let same = now == last;
        last = now;
        Ok(if same { Ok(last.clone()) } else { Err(String::new()) })
    })
    .map(|(state, _)| state)
}

/// The tenant and its gateways come to a leaf that only bridges, and go again: nothing is left.
pub fn vrf_removed_leaves_nothing(fabric: &mut Fabric) -> Result<()> {
    let with = fabric.leaf(0)?.speaker.config_text()?;
    let without: String = with
        .lines()
        .filter(|line| {
            !line.starts_with("vrf ") && !line.starts_with(" vrf ") && !line.starts_with(" gateway ")
        })
        .filter(|line| *line != "exit-vrf" && *line != format!(" vni {}", RED.l3vni))
        .map(|line| format!("{line}\n"))
        .collect();
    fabric.leaf(0)?.speaker.configure(&without)?;
    fabric.start()?;
    fabric.reflector.wait_established(fabric.leaves.len(), LIMIT)?;
    let ns = std::sync::Arc::clone(&fabric.leaf(0)?.ns);
    wait_for("the bridge domain", LIMIT, || {
        let bridge = fabric.leaf(0)?.bridge(RED, 10);
        Ok(kernel::mac_of(&ns, &bridge).map(drop).map_err(|error| error.to_string()))
    })?;
    let before = settled(&ns)?;
    for _ in 0..2 {
        fabric.leaf(0)?.speaker.reload(&with)?;
        fabric.wait_ready()?;
        let routed = kernel::holdings(&ns)?;
        ensure(routed.iter().any(|line| line.starts_with("rule")) && routed != before, || {
            format!("the tenant is routed by nothing: {routed:#?}")
        })?;
        fabric.leaf(0)?.speaker.reload(&without)?;
        same_holdings(&ns, &before, LIMIT)?;
    }
    Ok(())
}

/// Something that somebody does to what leads a tenant to another leaf.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    what: &'static str,
    make: fn(&Held<'_>) -> Result<()>,
    look: Look,
}

/// Where to look for the repair: one command each, since a look must be short.
#[derive(Debug, Clone, Copy)]
enum Look {
    Routes,
    Neighbours,
    Fdb,
    Rules,
}

/// The entries of a leaf that lead one tenant to another leaf.
#[derive(Debug)]
struct Held<'a> {
    leaf: &'a Leaf,
    room: &'a Namespace,
    tenant: Tenant,
    table: String,
    device: String,
    vxlan: String,
    far: IpAddr,
    rmac: String,
    metrics: [u64; 2],
    prefixes: [String; 2],
}

impl Held<'_> {
    fn look(&self, look: Look) -> Result<Vec<String>> {
        Ok(match look {
            Look::Routes => self.leaf.routes(self.tenant)?.iter().map(|route| format!("{route:?}")).collect(),
            Look::Neighbours => {
                let mut all: Vec<String> = kernel::neighbours(self.room, &self.device)?
                    .iter()
                    .map(|entry| {
                        format!("{} {:?} {} {:?}", entry.address, entry.mac, entry.external, entry.states)
                    })
                    .collect();
                all.sort();
                all
            }
            Look::Fdb => {
                let mut all: Vec<String> = kernel::fdb(self.room, &self.vxlan)?
                    .iter()
                    .map(|entry| {
                        format!("{} {:?} {} {}", entry.mac, entry.vtep, entry.master, entry.external)
                    })
                    .collect();
                all.sort();
                all
            }
            Look::Rules => {
                let mut all = Vec::new();
                for family in ["-4", "-6"] {
                    all.extend(self.room.ip(&format!("{family} rule show"))?.lines().map(str::to_owned));
                }
                all.sort();
                all
            }
        })
    }

    fn ip(&self, line: &str) -> Result<()> {
        self.room.ip(line).map(drop)
    }
}

/// Everything that somebody does to what leads a tenant to another leaf.
pub const CHANGES: [Change; 12] = [
    Change {
        what: "IPv4 route deleted",
        make: |held| held.ip(&format!("route del {} table {}", held.prefixes[0], held.table)),
        look: Look::Routes,
    },
    Change {
        what: "IPv6 route deleted",
        make: |held| held.ip(&format!("-6 route del {} table {}", held.prefixes[1], held.table)),
        look: Look::Routes,
    },
    Change {
        what: "IPv4 route changed",
        make: |held| {
            held.ip(&format!(
                "route replace {} via 10.255.0.66 dev {} onlink proto bgp metric {} table {}",
                held.prefixes[0], held.device, held.metrics[0], held.table
            ))
        },
        look: Look::Routes,
    },
    Change {
        what: "IPv4 route made a blackhole",
        make: |held| {
            held.ip(&format!("route del {} table {}", held.prefixes[0], held.table))?;
            held.ip(&format!(
                "route add blackhole {} proto bgp metric {} table {}",
                held.prefixes[0], held.metrics[0], held.table
            ))
        },
        look: Look::Routes,
    },
    Change {
        what: "nexthop deleted",
        make: |held| {
            let known = kernel::nexthops(held.room)?;
            let found = known.iter().find(|row| {
                row["dev"] == held.device.as_str()
                    && row["gateway"].as_str().and_then(|text| text.parse().ok()) == Some(held.far)
            });
            match found.and_then(|row| row["id"].as_u64()) {
                Some(id) => held.ip(&format!("nexthop del id {id}")),
                None => Ok(()),
            }
        },
        look: Look::Routes,
    },
    Change {
        what: "router MAC neighbour deleted",
        make: |held| held.ip(&format!("neigh del {} dev {}", held.far, held.device)),
        look: Look::Neighbours,
    },
    Change {
        what: "router MAC neighbour changed",
        make: |held| {
            held.ip(&format!(
                "neigh replace {} lladdr 02:66:66:66:66:66 dev {} nud permanent",
                held.far, held.device
            ))
        },
        look: Look::Neighbours,
    },
    Change {
        what: "router MAC FDB entry deleted",
        make: |held| held.room.bridge(&format!("fdb del {} dev {} self", held.rmac, held.vxlan)).map(drop),
        look: Look::Fdb,
    },
    Change {
        what: "router MAC FDB entry changed",
        make: |held| {
            held.room.bridge_batch(&format!(
                "fdb del {0} dev {1} self\nfdb add {0} dev {1} dst 10.255.0.66 self\n",
                held.rmac, held.vxlan
            ))
        },
        look: Look::Fdb,
    },
    Change {
        what: "IPv4 rule deleted",
        make: |held| held.ip(&format!("rule del iif {} lookup {}", held.device, held.table)),
        look: Look::Rules,
    },
    Change {
        what: "IPv6 rule deleted",
        make: |held| held.ip(&format!("-6 rule del iif {} lookup {}", held.device, held.table)),
        look: Look::Rules,
    },
    Change {
        what: "all routes of the tenant deleted",
        make: |held| {
            let all = held.leaf.routes(held.tenant)?;
            let ours = all.iter().filter(|route| route.protocol == "bgp");
            let lines: String =
                ours.map(|route| format!("route del {} table {}\n", route.prefix, held.table)).collect();
            held.room.ip_batch(&lines)
        },
        look: Look::Routes,
    },
];

fn metric(leaf: &Leaf, prefix: &str) -> Result<u64> {
    Ok(leaf.route(RED, prefix)?.map_or(0, |route| route.metric))
}

/// What of the first leaf leads to the second, once all of it is there.
fn held(fabric: &Fabric) -> Result<Held<'_>> {
    let (leaf, far) = (fabric.leaf(0)?, fabric.leaf(1)?);
    crate::scenario::routing::wait_router_mac(leaf, RED, far, LIMIT)?;
    let prefixes = prefixes(20);
    for prefix in &prefixes {
        fabric.wait_route(0, RED, prefix, &[1], LIMIT)?;
    }
    let device = leaf.l3_device(RED)?;
    let room = leaf.room(RED)?;
    Ok(Held {
        leaf,
        room,
        tenant: RED,
        table: kernel::table_of(room, &device)?.unwrap_or_else(|| "main".into()),
        vxlan: leaf.l3_vxlan(RED)?,
        device,
        far: far.vtep,
        rmac: far.router_mac(RED)?,
        metrics: [metric(leaf, &prefixes[0])?, metric(leaf, &prefixes[1])?],
        prefixes,
    })
}

/// Makes a change at the first leaf, to the entries that lead to the second, and measures how long
/// it takes until they are right again: the best of a few tries. The daemon is held (SIGSTOP) while the
/// change is made. Nothing where the leaf's form has no such entries. What is not undone
/// within `limit` stays so.
pub fn foreign_change(fabric: &Fabric, change: &Change, limit: Duration) -> Result<Option<Repair>> {
    let held = held(fabric)?;
    if matches!(change.look, Look::Rules) && held.table == "main" {
        return Ok(None);
    }
    let right = held.look(change.look)?;
    let mut best: Option<Duration> = None;
    for _ in 0..TRIES {
        held.leaf.speaker.signal(Signal::SIGSTOP)?;
        let made = (change.make)(&held);
        held.leaf.speaker.signal(Signal::SIGCONT)?;
        made.map_err(|error| LabError::Unexpected(format!("{}: {error}", change.what)))?;
        let repaired = wait_for("the change to be undone", limit, || {
            let now = held.look(change.look)?;
            Ok(if now == right { Ok(()) } else { Err(difference(&right, &now)) })
        });
        match repaired {
            Ok(((), took)) => best = Some(best.map_or(took, |best| best.min(took))),
            Err(LabError::Timeout { detail, .. }) => {
                return Ok(Some(Repair { change: change.what, took: None, left: Some(detail) }));
            }
            Err(other) => return Err(other),
        }
        if best.is_some_and(|best| best <= GOOD) {
            break;
        }
    }
    Ok(Some(Repair { change: change.what, took: best, left: None }))
}

/// Makes each change in the same fabric, until one is not undone; then everybody pings.
pub fn foreign_changes(fabric: &Fabric, limit: Duration) -> Result<Vec<Repair>> {
    let mut repairs = Vec::new();
    for change in &CHANGES {
        let Some(repair) = foreign_change(fabric, change, limit)? else { continue };
        let undone = repair.took.is_some();
        repairs.push(repair);
        if !undone {
            return Ok(repairs);
        }
    }
    fabric.everybody_pings()?;
    Ok(repairs)
}
