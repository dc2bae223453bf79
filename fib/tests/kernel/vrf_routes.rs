//! Routes of an IP-VRF with packets, next hops and router MACs.

use crate::drift::repaired;
use crate::lab::*;
use crate::vrf_lab::*;
use crate::vrf_remote::*;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;
use weft_evpn::forwarding::{ForwardingChange, VrfForward, VrfNextHop};
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::{LocalRouteKind, VrfForm};
use weft_fib::netlink::constants::*;
use weft_fib::netlink::nexthop::NexthopMessage;
use weft_fib::{EntryKind, FibConfig, FibNotice, FibOptions, FibRequest};

pub fn both_families_are_routed_over(form: VrfForm, underlay: Underlay) {
    let lab = Lab::of(form, underlay, 1);
    lab.host.does_not_reach("192.168.20.1");
    lab.want_far(underlay, &[2]);
    lab.host.reaches("192.168.20.1");
    lab.host.reaches("2001:db8:20::1");
    lab.service.wait_consistent();
    let before = lab.table();
    assert!(before.contains("proto bgp metric 20"), "{before}");
    // And by default routes, before the one that ends the table.
    let hop = Some(VrfForward::Via(vec![through(underlay, 2)]));
    lab.service.forward(vec![want("0.0.0.0/0", hop.clone()), want("::/0", hop)]);
    lab.service.forward(vec![want("192.168.20.0/24", None), want("2001:db8:20::/64", None)]);
    lab.service.wait_consistent();
    lab.host.reaches("192.168.20.1");
    lab.host.reaches("2001:db8:20::1");
    lab.service.forward(vec![want("0.0.0.0/0", None), want("::/0", None)]);
    lab.service.wait_consistent();
    lab.host.does_not_reach("192.168.20.1");
    assert_eq!(run("ip nexthop"), "");
    assert!(!run(&format!("ip neigh show dev {}", lab.svi())).contains("proto bgp"));
    assert!(!run(&format!("bridge fdb show dev {}", lab.svi())).contains("extern_learn"));
    lab.service.stop();
}

#[test]
fn both_families_are_routed_over_an_ipv4_underlay() {
    in_namespace(|| both_families_are_routed_over(VrfForm::Rule, Underlay::Ipv4));
}

#[test]
fn both_families_are_routed_over_an_ipv6_underlay() {
    in_namespace(|| both_families_are_routed_over(VrfForm::Rule, Underlay::Ipv6));
}

#[test]
fn an_operators_bridge_above_the_vxlan_device_is_used() {
    in_namespace(|| {
        run("ip link add l3a address 02:00:00:00:ff:01 type bridge");
        run(&format!("ip link add vxa type vxlan id {VNI} local 10.0.0.1 dstport 4789 nolearning"));
        run("ip link set vxa master l3a addrgenmode none up");
        run("bridge link set dev vxa learning off neigh_suppress on");
        run("ip link set l3a addrgenmode none up");
        let lab = Lab::new(Underlay::Ipv4, 1);
        assert_eq!(lab.svi(), "l3a");
        lab.want_far(Underlay::Ipv4, &[2]);
        lab.host.reaches("192.168.20.1");
        lab.host.reaches("2001:db8:20::1");
        let fdb = run("bridge fdb show dev vxa");
        assert!(fdb.contains("02:00:00:00:ff:02 extern_learn master l3a"), "{fdb}");
        lab.service.wait_consistent();
        for disturb in [
            "bridge fdb del 02:00:00:00:ff:02 dev vxa master",
            "bridge fdb del 02:00:00:00:ff:02 dev vxa self",
            "ip neigh del 10.0.0.2 dev l3a",
        ] {
            repaired(disturb, || {
                run("bridge fdb show dev vxa").matches("02:00:00:00:ff:02").count() == 2
                    && run("ip neigh show dev l3a").contains("10.0.0.2 lladdr 02:00:00:00:ff:02 extern_learn")
            });
        }
        lab.service.shutdown(true);
        assert!(!run("bridge fdb show dev vxa").contains("extern_learn"));
        assert!(!run("ip neigh show dev l3a").contains("proto bgp"));
    });
}

#[test]
fn a_vtep_that_fails_costs_one_write_and_the_others_carry_on() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 2);
        lab.want_far(Underlay::Ipv4, &[2, 3]);
        let prefix = |number: u32| format!("192.168.{}.{}/32", 30 + number / 200, number % 200);
        lab.service.forward((0..2000).map(|number| want(&prefix(number), via(&[2, 3]))).collect());
        lab.service.wait_consistent();
        lab.host.reaches("192.168.20.1");
        lab.host.reaches("2001:db8:20::1");
        let writes = &lab.service.fib.counters().writes;
        let before = writes.load(Ordering::Relaxed);
        // The first to serve the flow, whichever that is, is cut off.
        run("ip link set u2 down");
        lab.want_far(Underlay::Ipv4, &[3]);
        lab.service.forward((0..2000).map(|number| want(&prefix(number), via(&[3]))).collect());
        lab.host.reaches("192.168.20.1");
        lab.host.reaches("2001:db8:20::1");
        lab.service.wait_consistent();
        let after = writes.load(Ordering::Relaxed);
        // A group of each family; and the VTEP's next hops, neighbours and router MAC go. Were the two wishes taken in
        // two turns, a group and a few routes more.
        assert!(after - before <= 12, "{} writes", after - before);
        run("ip link set u2 up");
        // The route to it went with the cable.
        run("ip route replace 10.0.0.2/32 via 172.16.2.2");
        lab.want_far(Underlay::Ipv4, &[2]);
        lab.host.reaches("192.168.20.1");
        lab.service.stop();
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_again_drops_no_packet_and_writes_nothing() {
    in_namespace(|| a_restart_drops_no_packet_and_writes_nothing(VrfForm::Rule));
}

pub fn a_restart_drops_no_packet_and_writes_nothing(form: VrfForm) {
    let mut lab = Lab::of(form, Underlay::Ipv4, 2);
    let many = |numbers: &[u8]| -> Vec<ForwardingChange> {
        (0..300)
            .map(|number| want(&format!("192.168.{}.{}/32", 30 + number / 200, number % 200), via(numbers)))
            .chain([want("10.99.0.0/16", Some(VrfForward::Discard))])
            .collect()
    };
    lab.want_far(Underlay::Ipv4, &[2, 3]);
    lab.service.forward(many(&[3]));
    lab.service.wait_consistent();
    lab.host.reaches("192.168.20.1");
    let (before, nexthops) = (lab.table(), run("ip nexthop"));
    let pinger = Pinger::new(&lab.host, "192.168.20.1");
    std::thread::sleep(Duration::from_millis(200));
    let Lab { service, .. } = lab;
    service.stop();
    assert_eq!(run("ip nexthop"), nexthops);
    let (service, devices) = start(form, Underlay::Ipv4);
    assert!(service.ready.unwrap() > 300, "{:?}", service.ready);
    lab = Lab { service, devices, host: lab.host, remotes: lab.remotes };
    lab.want_far(Underlay::Ipv4, &[2, 3]);
    lab.service.forward(many(&[3]));
    lab.service.fib.send(FibRequest::Converged);
    lab.service.wait_consistent();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!((lab.table(), run("ip nexthop")), (before, nexthops));
    assert_eq!(lab.service.fib.counters().writes.load(Ordering::Relaxed), 0);
    let (sent, lost) = pinger.lost();
    assert!(sent > 20 && lost == 0, "{lost} of {sent} lost");
    // What is not wanted after another start goes when all have spoken, and not before.
    let Lab { service, .. } = lab;
    service.stop();
    let (service, devices) = start(form, Underlay::Ipv4);
    lab = Lab { service, devices, host: lab.host, remotes: lab.remotes };
    lab.want_far(Underlay::Ipv4, &[2]);
    lab.service.wait_consistent();
    assert!(lab.table().contains("192.168.30.7 "), "{}", lab.table());
    lab.service.fib.send(FibRequest::Converged);
    wait_for("the rest to go", || (!lab.table().contains("192.168.30.7 ")).then_some(()));
    wait_for("VTEP 3 to go", || (!run("ip nexthop").contains("10.0.0.3")).then_some(()));
    lab.service.wait_consistent();
    lab.host.reaches("192.168.20.1");
    lab.service.stop();
}

#[test]
fn what_somebody_deletes_or_changes_is_repaired() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 1);
        lab.want_far(Underlay::Ipv4, &[2]);
        lab.service.forward(vec![want("10.99.0.0/16", Some(VrfForward::Discard))]);
        lab.service.wait_consistent();
        let mut eye = Eye::new();
        let nexthops = routed_nexthops(&mut eye);
        let group = |ipv6: bool| {
            let is = |id: &u32| nexthops[id].gateway.is_some_and(|gateway| gateway.is_ipv6() == ipv6);
            nexthops.values().find(|nexthop| nexthop.members.first().is_some_and(is)).unwrap()
        };
        let (group4, group6) = (group(false).id, group(true).id);
        let (member4, member6) = (group(false).members[0], group(true).members[0]);
        let (table, svi) = (lab.devices.table, lab.svi());
        let deeds = [
            format!("ip route del 192.168.20.0/24 table {table}"),
            format!("ip -6 route del 2001:db8:20::/64 table {table}"),
            format!("ip route del blackhole 10.99.0.0/16 table {table}"),
            format!("ip route replace 192.168.20.0/24 dev {svi} table {table} metric 20"),
            format!("ip -6 route replace 2001:db8:20::/64 dev {svi} table {table} metric 2048"),
            format!("ip route replace 192.168.20.0/24 dev {svi} table {table} metric 20 proto bgp"),
            format!("ip nexthop del id {group4}"),
            format!("ip nexthop del id {group6}"),
            format!("ip nexthop del id {member4}"),
            format!("ip nexthop del id {member6}"),
            format!("ip nexthop replace id {member4} via 10.0.0.77 dev {svi} onlink"),
            format!("ip nexthop replace id {group4} group {member6}"),
            format!("ip neigh del 10.0.0.2 dev {svi}"),
            format!("ip neigh del ::ffff:10.0.0.2 dev {svi}"),
            format!("ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:99 dev {svi} nud permanent"),
            format!("bridge fdb del 02:00:00:00:ff:02 dev {svi} self"),
            format!("bridge fdb replace 02:00:00:00:ff:02 dev {svi} self dst 10.0.0.77"),
        ];
        for deed in &deeds {
            repaired(deed, || {
                let (routes, nexthops) = (lab.table(), routed_nexthops(&mut eye));
                let hop = |text: &str| nexthops.values().any(|hop| hop.gateway == Some(ip(text)));
                let right = |line: &str| {
                    line.contains("nhid") && line.contains("proto bgp") && line.contains("onlink")
                };
                let routed = |prefix: &str| {
                    // IPv6 prints the gateway on a line of its own.
                    let at = routes.find(prefix).map(|at| &routes[at..]).unwrap_or_default();
                    right(&at.lines().take(2).collect::<String>())
                };
                routed("192.168.20.0/24")
                    && routed("2001:db8:20::/64")
                    && routes.contains("blackhole 10.99.0.0/16 proto bgp")
                    && hop("10.0.0.2")
                    && hop("::ffff:10.0.0.2")
                    && !hop("10.0.0.77")
                    && nexthops.len() == 4
                    && neighbours_are_right(svi)
            });
        }
        lab.service.wait_consistent();
        lab.host.reaches("192.168.20.1");
        lab.host.reaches("2001:db8:20::1");
        assert!(lab.service.fib.counters().repairs.load(Ordering::Relaxed) >= deeds.len() as u64);
        lab.service.stop();
    });
}

/// Those of routes; FDB entries have others.
fn routed_nexthops(eye: &mut Eye) -> BTreeMap<u32, NexthopMessage> {
    eye.nexthops().into_iter().filter(|(_, nexthop)| !nexthop.fdb).collect()
}

fn neighbours_are_right(svi: &str) -> bool {
    let neighbours = run(&format!("ip neigh show dev {svi}"));
    let fdb = run(&format!("bridge fdb show dev {svi}"));
    neighbours.matches("lladdr 02:00:00:00:ff:02 extern_learn NOARP proto bgp").count() == 2
        && fdb.contains("02:00:00:00:ff:02 ")
        && !fdb.contains("10.0.0.77")
}

#[test]
fn a_device_that_goes_down_and_up_takes_nothing_with_it_for_long() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 1);
        lab.want_far(Underlay::Ipv4, &[2]);
        lab.host.reaches("192.168.20.1");
        // The kernel drops the nexthop objects and the IPv4 route and tells nobody.
        let svi = lab.svi().to_owned();
        for deed in [format!("ip link set {svi} down"), format!("ip link del {svi}")] {
            run(&deed);
            wait_for(&deed, || {
                let table = lab.table();
                (table.contains("192.168.20.0/24 nhid") && table.contains("2001:db8:20::/64 nhid"))
                    .then_some(())
            });
            lab.service.wait_consistent();
            lab.host.reaches("192.168.20.1");
            lab.host.reaches("2001:db8:20::1");
        }
        lab.service.stop();
    });
}

#[test]
fn a_router_mac_that_changes_is_followed() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 1);
        lab.want_far(Underlay::Ipv4, &[2]);
        lab.host.reaches("192.168.20.1");
        // A device that gets another address loses all its neighbours.
        let (remote, leaf) = (&lab.remotes[0], lab.devices.l3vni.as_ref().unwrap());
        remote.host.run("ip link set vx address 02:00:00:00:ff:77");
        remote.know_gateways(leaf);
        let hop = VrfNextHop::Vtep { vtep: ip("10.0.0.2"), router_mac: router_mac(0x77) };
        lab.service.forward(vec![
            want("192.168.20.0/24", Some(VrfForward::Via(vec![hop]))),
            want("2001:db8:20::/64", Some(VrfForward::Via(vec![hop]))),
        ]);
        lab.host.reaches("192.168.20.1");
        lab.host.reaches("2001:db8:20::1");
        lab.service.wait_consistent();
        assert!(!run(&format!("bridge fdb show dev {}", lab.svi())).contains("ff:02"));
        lab.service.stop();
    });
}

#[test]
fn a_tenant_that_is_taken_away_leaves_nothing() {
    in_namespace(|| {
        run("ip addr add 10.0.0.1/32 dev lo");
        let _host = leaf_host();
        let before = everything_at_rest();
        let (mut service, _) = start(VrfForm::Rule, Underlay::Ipv4);
        service.forward(vec![
            want("192.168.20.0/24", via(&[2, 3])),
            want("2001:db8:20::/64", via(&[2])),
            want("10.99.0.0/16", Some(VrfForward::Discard)),
        ]);
        service.wait_consistent();
        service.fib.send(FibRequest::Config(FibConfig {
            vtep_source: Some(ip("10.0.0.1")),
            ..FibConfig::default()
        }));
        service.wait_local("VrfDown", |event| matches!(event, LocalEvent::VrfDown { .. }));
        wait_for("everything to go", || {
            (everything() == before && run("ip nexthop").is_empty()).then_some(())
        });
        // And with the configuration it is all back.
        service.fib.send(FibRequest::Config(tenant(Underlay::Ipv4)));
        let devices = wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some());
        service.wait_consistent();
        assert!(run(&format!("ip route show table {}", devices.table)).contains("192.168.20.0/24 nhid"));
        service.shutdown(true);
        assert_eq!(run("ip nexthop"), "");
    });
}

#[test]
fn routes_of_others_are_told_and_left_alone() {
    in_namespace(|| {
        let mut lab = Lab::new(Underlay::Ipv4, 1);
        let table = lab.devices.table;
        let wait = |service: &mut Service, prefix: &str, there: bool| {
            let prefix = prefix.parse().unwrap();
            let event = service.wait_local("Route", |event| {
                matches!(event, LocalEvent::Route { prefix: of, route, .. } if *of == prefix && route.is_some() == there)
            });
            let LocalEvent::Route { route, .. } = event else { unreachable!() };
            route
        };
        let bridge = lab.devices.interfaces[0].device.1.clone();
        run(&format!("ip route add 10.1.0.0/16 via 192.168.10.1 dev {bridge} table {table} proto static"));
        let route = wait(&mut lab.service, "10.1.0.0/16", true).unwrap();
        assert_eq!((route.kind, route.gateway), (LocalRouteKind::Static, Some(ip("192.168.10.1"))));
        assert_eq!(route.interface.unwrap().1, bridge);
        run(&format!(
            "ip -6 route add 2001:db8:77::/48 via 2001:db8:10::1 dev {bridge} table {table} metric 5000"
        ));
        let route = wait(&mut lab.service, "2001:db8:77::/48", true).unwrap();
        assert_eq!((route.kind, route.metric), (LocalRouteKind::Static, 5000));
        // Ours beside theirs: noted, and theirs goes first.
        lab.service.forward(vec![want("10.1.0.0/16", via(&[2]))]);
        lab.service.wait_notice(|notice| matches!(notice, FibNotice::ForeignRoute { .. }));
        lab.service.wait_consistent();
        let shown = run(&format!("ip route show 10.1.0.0/16 table {table}"));
        assert!(shown.contains("proto static") && shown.contains("proto bgp metric 20"), "{shown}");
        run(&format!("ip route del 10.1.0.0/16 table {table} proto static"));
        wait(&mut lab.service, "10.1.0.0/16", false);
        // A cable that is pulled takes IPv4 routes away without a word.
        run(&format!("ip route add 10.2.0.0/16 via 192.168.10.1 dev {bridge} table {table} proto static"));
        wait(&mut lab.service, "10.2.0.0/16", true);
        run(&format!("ip link set {bridge} down"));
        wait(&mut lab.service, "10.2.0.0/16", false);
        // One of the main table is none of the tenant's.
        lab.service.locals.clear();
        run("ip route add 10.3.0.0/16 dev lo");
        run(&format!("ip route add 10.4.0.0/16 dev {} table {table}", lab.svi()));
        wait(&mut lab.service, "10.4.0.0/16", true);
        let main: Vec<_> = lab
            .service
            .locals
            .iter()
            .filter(|event| matches!(event, LocalEvent::Route { prefix, .. } if prefix.to_string() == "10.3.0.0/16"))
            .collect();
        assert!(main.is_empty(), "{main:?}");
        lab.service.stop();
    });
}

#[test]
fn a_gateway_in_the_tenants_network_is_used_when_its_subnet_is_there() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 0);
        lab.host.run("ip addr add 10.50.0.1/32 dev lo");
        let gateway = |text: &str| Some(VrfForward::Via(vec![VrfNextHop::Gateway(ip(text))]));
        lab.service.forward(vec![
            want("10.50.0.0/16", gateway("192.168.10.1")),
            want("10.51.0.0/16", gateway("192.168.99.1")),
            want("2001:db8:50::/48", gateway("2001:db8:10::1")),
        ]);
        let table = wait_for("both routes", || {
            let table = lab.table();
            (table.contains("10.50.0.0/16 nhid") && table.contains("2001:db8:50::/48 nhid")).then_some(table)
        });
        assert!(table.contains("via 192.168.10.1") && !table.contains("onlink"), "{table}");
        assert!(!table.contains("10.51.0.0/16"));
        // The missing one shows where an operator looks.
        let report = lab.service.consistency();
        let missing: Vec<_> = report.differences.iter().map(|one| (one.kind, one.key.as_str())).collect();
        assert_eq!(missing, [(EntryKind::VrfRoute, "10.51.0.0/16")]);
        let mut more = tenant(Underlay::Ipv4);
        let domain = more.bridge_domains.get_mut("a1").unwrap();
        domain.gateways.push("192.168.99.254/24".parse().unwrap());
        lab.service.fib.send(FibRequest::Config(more));
        wait_for("the third", || lab.table().contains("10.51.0.0/16 nhid").then_some(()));
        lab.service.wait_consistent();
        lab.service.stop();
    });
}

#[test]
fn a_vni_that_was_an_l2vni_becomes_an_l3vni_and_back() {
    in_namespace(|| {
        run("ip addr add 10.0.0.1/32 dev lo");
        let l2 = {
            let mut l2 = config(&[]);
            l2.bridge_domains
                .insert("x".to_owned(), weft_fib::BridgeDomain::new(vni(VNI), vec!["pa1".to_owned()]));
            l2
        };
        let before = everything_at_rest();
        let mut service = Service::start_with(options(VrfForm::Rule), l2.clone());
        service.wait_up(VNI);
        let entries = [want_mac(VNI, mac(1), "10.0.0.2"), want_flood(VNI, "10.0.0.2")];
        for _ in 0..3 {
            service.forward(entries.to_vec());
            service.wait_consistent();
            assert!(run(&format!("bridge fdb show dev vx{VNI}")).contains("02:00:00:00:00:01"));
            // The core hears VniDown and takes its wishes back.
            service.forward(vec![
                ForwardingChange::Mac { vni: vni(VNI), mac: mac(1), wanted: None },
                ForwardingChange::Flood { vni: vni(VNI), vtep: ip("10.0.0.2"), wanted: false },
            ]);
            service.fib.send(FibRequest::Config(config(&[("a", VNI, &[])])));
            wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some());
            service.forward(vec![want("192.168.20.0/24", via(&[2]))]);
            service.wait_consistent();
            let fdb = run(&format!("bridge fdb show dev vx{VNI}"));
            assert!(fdb.contains("02:00:00:00:ff:02") && !fdb.contains("02:00:00:00:00:01"), "{fdb}");
            assert!(!fdb.contains("00:00:00:00:00:00"), "{fdb}");
            service.forward(vec![want("192.168.20.0/24", None)]);
            service.fib.send(FibRequest::Config(l2.clone()));
            service.locals.clear();
            service.wait_up(VNI);
        }
        service.wait_consistent();
        assert!(!run(&format!("bridge fdb show dev vx{VNI}")).contains("ff:02"));
        service.shutdown(true);
        assert_eq!(everything(), before);
        assert_eq!(run("ip nexthop"), "");
    });
}

#[test]
fn lost_notifications_lose_no_route() {
    in_namespace(|| {
        run("ip addr add 10.0.0.1/32 dev lo");
        let options = FibOptions { receive_buffer: Some(4096), ..options(VrfForm::Rule) };
        let mut service = Service::start_with(options, tenant(Underlay::Ipv4));
        let devices = wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some());
        let prefix = |number: u32| format!("192.168.{}.{}/32", 30 + number / 200, number % 200);
        service.forward((0..1000).map(|number| want(&prefix(number), via(&[2]))).collect());
        service.wait_consistent();
        let file = std::env::temp_dir().join(format!("weft-routes-{}", std::process::id()));
        let lines: String = (0..1000)
            .map(|number| format!("route del {} table {}\n", prefix(number), devices.table))
            .collect();
        std::fs::write(&file, lines).unwrap();
        run(&format!("ip -batch {}", file.display()));
        std::fs::remove_file(&file).unwrap();
        wait_for("the routes", || {
            let shown = run(&format!("ip route show table {}", devices.table));
            (shown.matches("nhid").count() == 1000).then_some(())
        });
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn a_flood_of_routes_in_the_main_table_wakes_nobody() {
    in_namespace(|| {
        let mut ear = Ear::new();
        drop(ear.heard());
        let own = weft_fib::netlink::socket::Connection::open().unwrap();
        let mut monitor = weft_fib::netlink::socket::Monitor::open(
            1 << 20,
            Some(&weft_fib::netlink::deaf::Deafness::prepare(own.port())),
        )
        .unwrap();
        run("ip route add 10.0.0.0/8 dev lo");
        run("ip route add 10.1.0.0/16 dev lo table 1001");
        run("ip route del 10.0.0.0/8 dev lo");
        let mut tables = Vec::new();
        wait_for("the other route", || {
            monitor
                .read(|header, payload| {
                    if matches!(header.kind, RTM_NEWROUTE | RTM_DELROUTE) {
                        tables.extend(weft_fib::netlink::route::RouteMessage::table_of(payload));
                    }
                })
                .unwrap();
            (!tables.is_empty()).then_some(())
        });
        assert_eq!(tables, [1001]);
    });
}
