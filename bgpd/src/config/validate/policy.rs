//! Route-maps: calls that lead round, and sets that the place where the route-map is used cannot carry out.
//! Names that are not defined are no problem, as in FRR: what they mean is `policy`'s.

use super::{Problem, Subject};
use crate::{
    config::model::{Config, NeighborFamily, Set},
    policy::MAX_CALL_DEPTH,
};
use std::collections::{BTreeMap, BTreeSet};

/// Calls that lead round, or deeper than FRR follows them.
pub(super) fn calls(config: &Config, problems: &mut Vec<Problem>) {
    for (name, map) in &config.route_maps {
        for (order, entry) in map {
            let Some(called) = entry.call.as_ref().filter(|called| config.route_maps.contains_key(*called))
            else {
                continue;
            };
            let problem = match depth(config, called, &mut BTreeMap::new()) {
                None => format!("`call {called}` leads round for ever"),
                Some(below) if below >= MAX_CALL_DEPTH => {
                    format!("`call {called}` leads deeper than {MAX_CALL_DEPTH} calls")
                }
                Some(_) => continue,
            };
            problems.push(Problem { subject: Subject::RouteMapCall(name.clone(), *order), message: problem });
        }
    }
}

/// How many calls deep a route-map goes; `None` for ever. What is being looked at is `None` meanwhile, so a way
/// back to it is found.
fn depth(config: &Config, name: &str, known: &mut BTreeMap<String, Option<usize>>) -> Option<usize> {
    if let Some(depth) = known.get(name) {
        return *depth;
    }
    known.insert(name.to_owned(), None);
    let mut deepest = Some(0);
    for called in
        config.route_maps.get(name).into_iter().flatten().filter_map(|(_, entry)| entry.call.as_ref())
    {
        let below = match config.route_maps.contains_key(called) {
            true => depth(config, called, known).map(|depth| depth + 1),
            false => Some(0),
        };
        deepest = deepest.zip(below).map(|(one, other)| one.max(other));
    }
    known.insert(name.to_owned(), deepest);
    deepest
}

/// `set ip next-hop unchanged` is what EVPN does anyhow, and what the unicast families cannot do.
pub(super) fn next_hops(config: &Config, problems: &mut Vec<Problem>) {
    for (vrf, bgp) in &config.bgp_vrfs {
        let neighbours = bgp.neighbors.iter().map(|(address, neighbour)| {
            (Subject::Neighbor(Some(vrf.clone()), *address), &neighbour.settings)
        });
        let groups = bgp
            .peer_groups
            .iter()
            .map(|(name, settings)| (Subject::PeerGroup(Some(vrf.clone()), name.clone()), settings));
        for (subject, settings) in groups.chain(neighbours) {
            for name in [&settings.ipv4_unicast, &settings.ipv6_unicast].into_iter().flat_map(route_maps) {
                if keeps_next_hop(config, name) {
                    let message = format!(
                        "route-map {name} says `set ip next-hop unchanged`, which only l2vpn evpn can do"
                    );
                    problems.push(Problem { subject: subject.clone(), message });
                }
            }
        }
    }
}

fn route_maps(family: &NeighborFamily) -> impl Iterator<Item = &String> {
    family.route_map_in.iter().chain(&family.route_map_out)
}

/// True if this route-map, or one that it calls, says so.
fn keeps_next_hop(config: &Config, name: &str) -> bool {
    let (mut reached, mut ahead) = (BTreeSet::new(), vec![name]);
    while let Some(name) = ahead.pop() {
        if !reached.insert(name) {
            continue;
        }
        for entry in config.route_maps.get(name).into_iter().flat_map(BTreeMap::values) {
            if entry.sets.contains(&Set::IpNextHopUnchanged) {
                return true;
            }
            ahead.extend(entry.call.as_deref());
        }
    }
    false
}
