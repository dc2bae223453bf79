//! The consistency report names what differs, by kind: read back, with nothing repaired in between.

use super::*;
use crate::consistency::{ConsistencyReport, EntryKind};

/// What a read-back shows before anything is put right.
fn read_back(world: &mut World) -> ConsistencyReport {
    world.sync();
    let mut report = ConsistencyReport::default();
    world.forwarding.report_vrfs(&world.links, &mut report);
    world.forwarding.report_nexthops(&mut report);
    report
}

fn kinds(report: &ConsistencyReport) -> Vec<EntryKind> {
    let mut kinds: Vec<_> = report.differences.iter().map(|one| one.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// What somebody does to a kernel that has a route through one VTEP, given the ids of the group and its member.
type Deed = fn(&mut FakeKernel, u32, u32);

#[test]
fn what_somebody_changed_is_named_by_its_kind() {
    use EntryKind::{L3Nexthop, RouterMacFdb, RouterMacNeighbour, VrfRoute};
    let deeds: [(Deed, EntryKind, &str); 6] = [
        (|kernel, _, _| kernel.delete_route(host(1), 20).unwrap(), VrfRoute, "192.168.0.1/32"),
        (
            |kernel, _, _| {
                kernel.add_route(RouteMessage { nexthop: Some(7), ..our_route(host(1), RTN_UNICAST, None) })
            },
            VrfRoute,
            "192.168.0.1/32",
        ),
        (
            |kernel, _, member| {
                let mut nexthop = kernel.nexthops[&member].clone();
                nexthop.gateway = Some(vtep(77));
                kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
            },
            L3Nexthop,
            "",
        ),
        (
            |kernel, _, _| kernel.apply(&Op::NeighbourDelete { bridge: SVI, ip: vtep(2) }).unwrap(),
            RouterMacNeighbour,
            "10.0.0.2",
        ),
        (
            |kernel, _, _| kernel.apply(&Op::VxlanDelete { vxlan: VXLAN, mac: router_mac(2) }).unwrap(),
            RouterMacFdb,
            "02:",
        ),
        (
            |kernel, _, _| kernel.apply(&Op::BridgeDelete { port: VXLAN, mac: router_mac(2) }).unwrap(),
            RouterMacFdb,
            "02:",
        ),
    ];
    for (number, (deed, kind, key)) in deeds.into_iter().enumerate() {
        let mut world = attached();
        world.wish(host(1), via(&[2, 3]));
        world.settle();
        let right = read_back(&mut world);
        assert!(right.is_consistent() && right.checked > 0, "{right:?}");
        let group = world.kernel.routes[&(TABLE, host(1), 20)].nexthop.unwrap();
        let member = world.kernel.nexthops[&group].members[0];
        deed(&mut world.kernel, group, member);
        let wrong = read_back(&mut world);
        assert!(kinds(&wrong).contains(&kind), "deed {number}: {wrong:?}");
        let named = wrong.differences.iter().filter(|one| one.kind == kind);
        assert!(named.clone().any(|one| one.key.contains(key)), "deed {number}: {wrong:?}");
        assert!(named.clone().all(|one| one.desired != one.kernel), "deed {number}: {wrong:?}");
        world.settle();
        assert!(read_back(&mut world).is_consistent(), "deed {number}");
    }
}

#[test]
fn what_is_ours_and_not_wanted_is_named_too() {
    let mut world = attached();
    world.settle();
    world.kernel.add_route(our_route(host(9), RTN_BLACKHOLE, None));
    let report = read_back(&mut world);
    assert_eq!(kinds(&report), [EntryKind::VrfRoute], "{report:?}");
    assert!(report.differences.iter().all(|one| one.desired.is_none() && one.kernel.is_some()), "{report:?}");
}
