//! Many VNIs, made in any order while the sessions come up.

use crate::error::{Result, ensure};
use crate::fabric::{Fabric, LIMIT, Plan};
use crate::kernel;
use crate::speaker::Kind;
use crate::wait::wait_for;
use std::fmt::Write;
use std::time::{Duration, Instant};

const VNIS: u32 = 50;
/// The first of them; above 65,535, so that the VNI does not fit into a route target's half.
const FIRST: u32 = 70_001;

/// Numbers from 0 below `count` in an order that `seed` decides: level-triggered parts may
/// not care, and a failure can be repeated.
pub fn shuffled(count: u32, seed: u64) -> Vec<u32> {
    let mut state = seed | 1;
    let mut order: Vec<u32> = (0..count).collect();
    for end in (1..order.len()).rev() {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let random = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        order.swap(end, random as usize % (end + 1));
    }
    order
}

/// Makes 50 VNIs at both leaves in two random orders, each device at its own moment, starts
/// the daemons half-way, and waits until each leaf floods every VNI to the other. Returns
/// the time from the last of "both sessions up" and "all devices made" to the last flood entry.
pub fn many_vnis(kind: Kind, seed: u64) -> Result<Duration> {
    let plan = Plan { devices: false, ..Plan::all(kind) };
    let mut fabric = Fabric::build(plan)?;
    let orders = [shuffled(VNIS, seed), shuffled(VNIS, seed.rotate_left(17) + 1)];
    let half = VNIS as usize / 2;
    for (leaf, order) in fabric.leaves.iter().zip(&orders) {
        make(leaf, order.iter().take(half))?;
    }
    fabric.start()?;
    for (leaf, order) in fabric.leaves.iter().zip(&orders) {
        make(leaf, order.iter().skip(half))?;
    }
    fabric.reflector.wait_established(fabric.leaves.len(), LIMIT)?;
    let start = Instant::now();
    for leaf in &fabric.leaves {
        let wanted = fabric.other_vteps(leaf);
        wait_for(&format!("{VNIS} flood lists at {}", leaf.vtep), LIMIT, || {
            let missing = missing_vnis(leaf, &wanted)?;
            Ok(if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:?}")) })
        })?;
    }
    let took = start.elapsed();
    // Nothing that was made by the way has been forgotten.
    for leaf in &fabric.leaves {
        let shown = leaf.speaker.json("show evpn vni json")?;
        let count =
            shown.as_object().map_or(0, |vnis| vnis.keys().filter(|vni| vni.parse::<u32>().is_ok()).count());
        ensure(count == VNIS as usize, || format!("'show evpn vni' at {} has {count} VNIs", leaf.vtep))?;
    }
    Ok(took)
}

fn make<'a>(leaf: &crate::fabric::Leaf, numbers: impl Iterator<Item = &'a u32>) -> Result<()> {
    let mut lines = String::new();
    for number in numbers {
        let vni = FIRST + number;
        // Odd ones: the vxlan device is there and up before its bridge is.
        let bridge = format!("link add b{number} type bridge\nlink set b{number} up\n");
        let vxlan = format!(
            "link add v{number} type vxlan id {vni} local {} dstport 4789 nolearning\nlink set v{number} addrgenmode none up\n",
            leaf.vtep
        );
        let (first, second) = if number % 2 == 0 { (bridge, vxlan) } else { (vxlan, bridge) };
        let _ = writeln!(lines, "{first}{second}link set v{number} master b{number}");
    }
    leaf.ns.ip_batch(&lines)
}

fn missing_vnis(leaf: &crate::fabric::Leaf, wanted: &[std::net::IpAddr]) -> Result<Vec<u32>> {
    // One dump for all devices: a look must be short against what it measures.
    let entries = kernel::fdb_of_all(&leaf.ns)?;
    Ok((0..VNIS)
        .filter(|number| {
            let device = format!("v{number}");
            !wanted.iter().all(|vtep| {
                entries.iter().any(|(name, entry)| {
                    *name == device && entry.mac == kernel::FLOOD && entry.vtep == Some(*vtep)
                })
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffle_keeps_all_numbers_and_depends_on_its_seed() {
        let mut order = shuffled(50, 7);
        assert_ne!(order, shuffled(50, 8));
        assert_eq!(order, shuffled(50, 7));
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
