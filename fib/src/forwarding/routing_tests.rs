//! Routes of IP-VRFs against a kernel made of maps.

mod histories;
mod reports;
mod world;

use super::*;
use crate::netlink::constants::*;
use crate::netlink::encode::Mode;
use crate::netlink::nexthop::NexthopMessage;
use crate::netlink::route::RouteMessage;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::time::Duration;
use weft_evpn::forwarding::{VrfForward, VrfNextHop};
use weft_evpn::vrf::{LocalRouteKind, VrfDevices, VrfInterface};
use world::*;

fn attached() -> World {
    let mut world = World::new();
    world.attach(devices(true));
    world.prune();
    world
}

#[test]
fn a_route_stands_on_objects_and_router_macs_and_all_of_it_goes() {
    for bridged in [true, false] {
        let mut world = World::new();
        world.attach(devices(bridged));
        world.prune();
        world.wish(host(1), via(&[2]));
        world.wish(net("2001:db8:2::/64"), via(&[2, 3]));
        world.wish(net("10.0.0.0/8"), Some(VrfForward::Discard));
        world.settle();
        world.check();
        assert_eq!((world.kernel.routes.len(), world.kernel.neighbours.len()), (3, 3));
        for prefix in [host(1), net("2001:db8:2::/64"), net("10.0.0.0/8")] {
            world.wish(prefix, None);
        }
        world.settle();
        world.check();
        let kernel = &world.kernel;
        assert!(kernel.routes.is_empty() && kernel.nexthops.is_empty());
        assert!(kernel.neighbours.is_empty() && kernel.fdb.is_empty() && kernel.bridge.is_empty());
        assert!(world.notices.is_empty() && world.repairs == 0, "{:?}", world.notices);
    }
}

#[test]
fn a_vtep_that_leaves_costs_one_write_for_each_group() {
    let mut world = attached();
    for number in 0..1000 {
        let vteps: &[u8] = if number % 2 == 0 { &[2, 3] } else { &[2, 3, 4] };
        world.wish(host(number), via(vteps));
    }
    world.settle();
    world.check();
    let before = world.kernel.route_writes;
    assert_eq!(before, 1000);
    // VTEP 3 is lost, and comes back.
    for (without, with) in [(true, false), (false, true)] {
        for number in 0..1000 {
            let vteps: &[u8] = match (number % 2 == 0, without) {
                (true, true) => &[2],
                (false, true) => &[2, 4],
                (true, false) => &[2, 3],
                (false, false) => &[2, 3, 4],
            };
            world.wish(host(number), via(vteps));
        }
        world.kernel.writes = 0;
        world.settle();
        world.check();
        assert_eq!(world.kernel.route_writes, before);
        // Two groups, the nexthop, its router MAC in the neighbour table and in both FDBs.
        assert_eq!(world.kernel.writes, 5, "with {with}");
    }
}

#[test]
fn a_single_route_that_loses_a_vtep_leaves_the_others_alone() {
    let mut world = attached();
    for number in 0..100 {
        world.wish(host(number), via(&[2, 3]));
    }
    world.settle();
    world.kernel.writes = 0;
    world.wish(host(7), via(&[2]));
    world.settle();
    world.check();
    // Its new group and the route.
    assert_eq!(world.kernel.writes, 2);
    world.wish(host(7), via(&[2, 3]));
    world.settle();
    world.check();
    assert_eq!(world.kernel.writes, 4, "back to the shared group, its own is deleted");
}

#[test]
fn groups_do_not_pile_up() {
    let mut world = attached();
    for round in 0..50_u16 {
        for number in 0..60 {
            world.wish(host(number), via(if (number + round).is_multiple_of(3) { &[2] } else { &[2, 3] }));
            if number % 7 == 0 {
                world.turn(5);
            }
        }
        world.settle();
        world.check();
        let groups = world.kernel.nexthops.values().filter(|nexthop| nexthop.is_group()).count();
        assert!(groups <= 6, "{groups} groups in round {round}");
    }
}

#[test]
fn a_restart_writes_nothing_and_drops_nothing() {
    let mut first = attached();
    for number in 0..50 {
        first.wish(host(number), via(&[2 + (number % 3) as u8, 9]));
    }
    first.wish(net("2001:db8:2::/64"), via(&[2]));
    first.wish(net("10.0.0.0/8"), Some(VrfForward::Discard));
    first.settle();
    first.check();
    let wanted = first.wanted.clone();
    let mut world = World::after(first.kernel.clone());
    world.attach(devices(true));
    world.settle();
    assert_eq!(world.kernel.writes, 0);
    assert!(world.forwarding.adopted() > 50);
    for (prefix, forward) in wanted {
        world.wish(prefix, Some(forward));
        world.turn(10);
    }
    world.prune();
    world.settle();
    world.check();
    assert_eq!(world.kernel.writes, 0);
    // And once more, with less: what is not wanted goes, but not before it is pruned.
    let mut world = World::after(world.kernel.clone());
    world.attach(devices(true));
    world.wish(host(1), via(&[3, 9]));
    world.settle();
    assert_eq!(world.kernel.writes, 0);
    world.prune();
    world.settle();
    world.check();
    assert_eq!(world.kernel.routes.len(), 1);
}

#[test]
fn a_detached_vrf_leaves_nothing_and_comes_back_whole() {
    let mut world = attached();
    world.wish(host(1), via(&[2, 3]));
    world.wish(net("2001:db8:2::/64"), via(&[2]));
    world.settle();
    world.detach();
    world.settle();
    let kernel = &world.kernel;
    assert!(kernel.routes.is_empty() && kernel.nexthops.is_empty() && kernel.neighbours.is_empty());
    assert!(kernel.fdb.is_empty() && kernel.bridge.is_empty());
    assert_eq!(world.forwarding.attached_vrfs(), []);
    assert!(!world.forwarding.has_table(TABLE));
    world.attach(devices(false));
    world.prune();
    world.settle();
    world.check();
}

#[test]
fn a_vrf_with_another_table_leaves_the_old_one_empty() {
    let mut world = attached();
    world.wish(host(1), via(&[2]));
    world.settle();
    world.attach(VrfDevices { table: 1002, ..devices(true) });
    world.settle();
    let tables: Vec<u32> = world.kernel.routes.keys().map(|(table, ..)| *table).collect();
    assert_eq!(tables, [1002]);
    assert!(!world.forwarding.has_table(TABLE) && world.forwarding.has_table(1002));
}

#[test]
fn an_l3vni_with_other_devices_takes_the_routes_along() {
    let mut world = attached();
    for number in 0..20 {
        world.wish(host(number), via(&[2, 3]));
    }
    world.settle();
    // The same VNI without a bridge; another VNI; none; and the first again.
    let mut other = devices(true);
    let l3vni = other.l3vni.as_mut().unwrap();
    l3vni.vni = Vni::new(6000).unwrap();
    for is in [devices(false), other, devices(true)] {
        world.attach(is);
        world.prune();
        world.settle();
        let svi = world.attached.as_ref().unwrap().l3vni.as_ref().unwrap().svi.0;
        let group = world.kernel.routes[&(TABLE, host(1), 20)].nexthop.unwrap();
        for member in &world.kernel.nexthops[&group].members {
            assert_eq!(world.kernel.nexthops[member].device, Some(svi));
        }
        assert!(world.kernel.neighbours.contains_key(&(svi, vtep(2))));
    }
    world.check();
    let without = VrfDevices { l3vni: None, ..devices(true) };
    world.attach(without);
    world.settle();
    let kernel = &world.kernel;
    assert!(kernel.routes.is_empty() && kernel.neighbours.is_empty() && kernel.fdb.is_empty());
}

#[test]
fn a_gateway_is_found_on_the_interfaces_and_waited_for() {
    let mut world = attached();
    let gateway = |text: &str| VrfNextHop::Gateway(text.parse().unwrap());
    world.wish(host(1), Some(VrfForward::Via(vec![gateway("172.16.0.9")])));
    world.wish(host(2), Some(VrfForward::Via(vec![gateway("172.17.0.9")])));
    world.wish(net("2001:db8:2::/64"), Some(VrfForward::Via(vec![gateway("2001:db8:10::9")])));
    // No route through ourselves, and none of IPv6 through an IPv4 gateway.
    world.wish(host(3), Some(VrfForward::Via(vec![gateway("172.16.0.254")])));
    world.wish(net("2001:db8:3::/64"), Some(VrfForward::Via(vec![gateway("172.16.0.9")])));
    world.settle();
    assert_eq!(world.kernel.routes.len(), 2);
    let nexthops: Vec<_> =
        world.kernel.nexthops.values().filter(|nexthop| nexthop.gateway.is_some()).collect();
    assert!(nexthops.iter().all(|nexthop| nexthop.device == Some(TENANT) && !nexthop.onlink), "{nexthops:?}");
    let mut more = devices(true);
    more.interfaces
        .push(VrfInterface { device: (8, "br11".to_owned()), addresses: vec![net("172.17.0.254/16")] });
    world.attach(more);
    world.settle();
    assert_eq!(world.gateways(host(2)), Some(vec!["172.17.0.9".parse().unwrap()]));
    world.attach(devices(true));
    world.settle();
    assert_eq!(world.gateways(host(2)), None);
}

#[test]
fn a_router_mac_that_changes_is_followed_without_touching_routes() {
    let mut world = attached();
    for number in 0..100 {
        world.wish(host(number), via(&[2]));
    }
    world.settle();
    let before = world.kernel.route_writes;
    let changed = VrfNextHop::Vtep { vtep: vtep(2), router_mac: router_mac(99) };
    for number in 0..100 {
        world.wish(host(number), Some(VrfForward::Via(vec![changed])));
    }
    world.settle();
    world.check();
    assert_eq!(world.kernel.route_writes, before);
    assert!(world.notices.is_empty(), "{:?}", world.notices);
}

#[test]
fn two_router_macs_for_one_vtep_are_told_and_the_last_is_used() {
    let mut world = attached();
    let other = VrfNextHop::Vtep { vtep: vtep(2), router_mac: router_mac(99) };
    world.wish(host(1), via(&[2]));
    world.wish(host(2), Some(VrfForward::Via(vec![other])));
    world.settle();
    assert_eq!(world.kernel.neighbours[&(SVI, vtep(2))].mac, Some(router_mac(99)));
    let told = |world: &World| {
        world.notices.iter().filter(|notice| matches!(notice, FibNotice::RouterMacs { .. })).count()
    };
    assert_eq!(told(&world), 1);
    world.wish(host(1), via(&[2]));
    world.settle();
    assert_eq!(world.kernel.neighbours[&(SVI, vtep(2))].mac, Some(router_mac(2)));
    assert_eq!(told(&world), 1);
    world.wish(host(2), None);
    world.settle();
    world.check();
}

#[test]
fn routes_of_others_are_told_left_alone_and_noted() {
    let mut world = attached();
    world.kernel.add_route(foreign(host(1), RTPROT_STATIC, 0));
    world.kernel.add_route(foreign(host(1), RTPROT_BOOT, 5));
    world.kernel.add_route(foreign(host(2), RTPROT_STATIC, 20));
    world.kernel.add_route(foreign(net("172.16.0.0/24"), RTPROT_KERNEL, 0));
    // Of a routing daemon that is neither the kernel nor an operator.
    world.kernel.add_route(foreign(net("172.18.0.0/16"), 11, 20));
    world.kernel.add_route(foreign(net("169.254.0.0/16"), RTPROT_KERNEL, 0));
    world.kernel.add_route(foreign(net("fe80::/64"), RTPROT_KERNEL, 256));
    let mut end = foreign(net("0.0.0.0/0"), RTPROT_BGP, 4_278_198_272);
    end.kind = RTN_UNREACHABLE;
    world.kernel.add_route(end);
    world.wish(host(1), via(&[2]));
    world.wish(host(2), via(&[2]));
    world.settle();
    // Beside the one, not in the place of the other.
    assert_eq!(world.gateways(host(1)), Some(vec![vtep(2)]));
    assert_eq!(world.gateways(host(2)), None);
    let noted =
        world.notices.iter().filter(|notice| matches!(notice, FibNotice::ForeignRoute { .. })).count();
    assert_eq!((noted, world.notices.len()), (2, 2), "{:?}", world.notices);
    let told: BTreeMap<IpNet, Option<(LocalRouteKind, u32)>> = world
        .locals
        .iter()
        .map(|event| match event {
            LocalEvent::Route { prefix, route, .. } => {
                (*prefix, route.as_ref().map(|route| (route.kind, route.metric)))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [
        (net("172.16.0.0/24"), Some((LocalRouteKind::Connected, 0))),
        (net("172.18.0.0/16"), Some((LocalRouteKind::Kernel, 20))),
        (host(1), Some((LocalRouteKind::Static, 0))),
        (host(2), Some((LocalRouteKind::Static, 20))),
    ];
    assert_eq!(told, expected.into());
    // The better one goes: the next is told; the last goes: so is that, and ours takes the place.
    world.locals.clear();
    world.kernel.delete_route(host(1), 0).unwrap();
    world.kernel.delete_route(host(2), 20).unwrap();
    world.settle();
    let told: Vec<_> = world
        .locals
        .iter()
        .map(|event| match event {
            LocalEvent::Route { prefix, route, .. } => (*prefix, route.as_ref().map(|route| route.metric)),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(host(1), Some(5)), (host(2), None)]);
    assert_eq!(world.gateways(host(2)), Some(vec![vtep(2)]));
    // The same again says nothing.
    world.locals.clear();
    world.sync();
    world.settle();
    assert_eq!(world.locals, []);
}

/// What somebody else does to the kernel.
type Deed = Box<dyn Fn(&mut FakeKernel)>;

#[test]
fn drift_is_repaired_at_once_and_a_fight_is_spaced_out() {
    let mut world = attached();
    world.wish(host(1), via(&[2, 3]));
    world.wish(net("2001:db8:2::/64"), via(&[2]));
    world.settle();
    let group = world.kernel.routes[&(TABLE, host(1), 20)].nexthop.unwrap();
    let member = world.kernel.nexthops[&group].members[0];
    let deeds: Vec<Deed> = vec![
        Box::new(|kernel| kernel.delete_route(host(1), 20).unwrap()),
        Box::new(|kernel| kernel.add_route(foreign(host(1), RTPROT_BOOT, 20))),
        Box::new(|kernel| {
            kernel.add_route(RouteMessage { nexthop: Some(7), ..our_route(host(1), RTN_UNICAST, None) })
        }),
        Box::new(move |kernel| kernel.delete_nexthop(member, false).unwrap()),
        Box::new(move |kernel| kernel.delete_nexthop(group, false).unwrap()),
        Box::new(move |kernel| {
            let mut nexthop = kernel.nexthops[&member].clone();
            nexthop.gateway = Some(vtep(77));
            kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
        }),
        Box::new(move |kernel| {
            let mut nexthop = kernel.nexthops[&group].clone();
            nexthop.members.pop();
            kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
        }),
        Box::new(|kernel| kernel.apply(&Op::NeighbourDelete { bridge: SVI, ip: vtep(2) }).unwrap()),
        Box::new(|kernel| kernel.apply(&Op::VxlanDelete { vxlan: VXLAN, mac: router_mac(2) }).unwrap()),
        Box::new(|kernel| kernel.apply(&Op::BridgeDelete { port: VXLAN, mac: router_mac(2) }).unwrap()),
        Box::new(|kernel| {
            // Somebody moves it to another port of the bridge.
            let mut entry = kernel.bridge[&router_mac(2)];
            entry.ifindex = 33;
            entry.flags = 0;
            kernel.bridge.insert(router_mac(2), entry);
            kernel.events.push(Event::Neighbour(entry, false));
        }),
    ];
    for (number, deed) in deeds.iter().enumerate() {
        let (now, repairs) = (world.now, world.repairs);
        deed(&mut world.kernel);
        for _ in 0..6 {
            world.turn(50);
        }
        world.check();
        assert!(world.now == now && world.repairs > repairs, "deed {number}: {} repairs", world.repairs);
        world.now += Duration::from_secs(20);
    }
    assert!(world.notices.is_empty(), "{:?}", world.notices);
    let mut writes = 0;
    for _ in 0..1000 {
        let _ = world.kernel.delete_route(host(1), 20);
        writes += world.turn(50);
        world.now += Duration::from_millis(1);
    }
    assert!((16..30).contains(&writes), "{writes} writes");
    assert!(matches!(world.notices.as_slice(), [FibNotice::Fighting { .. }]), "{:?}", world.notices);
    world.settle();
    world.check();
}

#[test]
fn a_foreign_object_at_our_id_is_passed_over() {
    let mut scout = attached();
    scout.wish(host(1), via(&[2]));
    scout.settle();
    let taken: Vec<u32> = scout.kernel.nexthops.keys().copied().collect();
    for known in [false, true] {
        let mut world = attached();
        for id in &taken {
            let foreign = NexthopMessage { id: *id, protocol: 3, ..NexthopMessage::default() };
            let foreign = NexthopMessage { gateway: Some(vtep(77)), device: Some(9), ..foreign };
            world.kernel.nexthops.insert(*id, foreign);
        }
        if known {
            world.sync();
        }
        world.wish(host(1), via(&[2]));
        world.settle();
        assert_eq!(world.gateways(host(1)), Some(vec![vtep(2)]), "known {known}");
        world.wish(host(1), None);
        world.settle();
        assert_eq!(world.kernel.nexthops.keys().copied().collect::<Vec<_>>(), taken, "known {known}");
    }
}

#[test]
fn a_route_that_was_not_known_is_found_by_the_refusal() {
    let mut world = attached();
    world.wish(host(2), via(&[2]));
    world.settle();
    // One of somebody else with our metric, and one of ours of which only the end was heard.
    world.kernel.add_route(foreign(host(1), RTPROT_STATIC, 20));
    let ours = world.kernel.routes[&(TABLE, host(2), 20)];
    world.kernel.events = vec![Event::Route(ours, RouteNews::Gone)];
    world.wish(host(1), via(&[2]));
    world.settle();
    assert_eq!((world.gateways(host(1)), world.gateways(host(2))), (None, Some(vec![vtep(2)])));
    let written = |notice: &FibNotice| matches!(notice, FibNotice::WriteFailed { .. });
    assert!(!world.notices.iter().any(written), "{:?}", world.notices);
}

#[test]
fn only_a_device_that_routes_use_hurries_what_failed() {
    let mut world = attached();
    world.wish(host(1), via(&[2]));
    world.kernel.busy = true;
    world.turn(50);
    world.kernel.busy = false;
    // Any port of any bridge that comes up is no reason to look at every route of every IP-VRF.
    world.forwarding.device_is_back(99);
    assert_eq!(world.turn(50), 0);
    world.forwarding.device_is_back(SVI);
    assert!(world.turn(50) > 0);
    world.settle();
    world.check();
}

#[test]
fn what_was_told_of_an_ip_vrf_is_forgotten_with_it() {
    let mut world = attached();
    let other = VrfNextHop::Vtep { vtep: vtep(2), router_mac: router_mac(99) };
    for round in 1..=2 {
        world.attach(devices(true));
        world.prune();
        world.kernel.add_route(foreign(host(1), RTPROT_STATIC, 0));
        world.wish(host(1), via(&[2]));
        world.wish(host(2), Some(VrfForward::Via(vec![other])));
        world.settle();
        assert_eq!(world.notices.len(), 2 * round, "{:?}", world.notices);
        world.wish(host(1), None);
        world.wish(host(2), None);
        world.detach();
        world.settle();
        assert!(world.forwarding.vrfs.ids().is_empty());
        assert!(world.forwarding.conflicts.is_empty() && world.forwarding.told_disputes.is_empty());
        world.kernel.routes.clear();
    }
}

#[test]
fn a_route_that_ends_packets_and_has_our_metric_is_left_alone() {
    let mut world = attached();
    for kind in [RTN_UNREACHABLE, RTN_PROHIBIT] {
        world.kernel.add_route(RouteMessage { kind, ..foreign(host(1), RTPROT_STATIC, 20) });
        world.wish(host(1), via(&[2]));
        // Ends: the kernel is not asked again and again.
        world.settle();
        assert_eq!(world.gateways(host(1)), None);
        // It is no way out, so nobody is told of it as one.
        assert_eq!(world.locals, []);
        world.kernel.delete_route(host(1), 20).unwrap();
        world.settle();
        assert_eq!(world.gateways(host(1)), Some(vec![vtep(2)]));
        world.wish(host(1), None);
        world.settle();
    }
}

#[test]
fn a_table_is_read_for_other_devices_but_not_for_another_interface() {
    let mut world = attached();
    let mut more = devices(true);
    more.interfaces
        .push(VrfInterface { device: (8, "br11".to_owned()), addresses: vec![net("172.17.0.254/16")] });
    assert!(
        !world.forwarding.attach_vrf(red(), more.clone()),
        "the kernel tells of what goes with an interface"
    );
    assert!(!world.forwarding.attach_vrf(red(), more));
    for reread in [VrfDevices { l3vni: None, ..devices(true) }, devices(true), devices(false)] {
        assert!(world.forwarding.attach_vrf(red(), reread));
    }
    assert!(world.forwarding.attach_vrf(red(), VrfDevices { table: 1002, ..devices(false) }));
}
