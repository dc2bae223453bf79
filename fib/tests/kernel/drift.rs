//! Somebody deletes or changes an entry of ours: it is right again within 50 ms.

use crate::lab::*;
use std::time::{Duration, Instant};
use weft_fib::FibNotice;
use weft_fib::netlink::constants::*;

const LIMIT: Duration = Duration::from_millis(50);

/// A served VNI with one remote host.
fn with_a_remote_host(test: impl FnOnce(Service, Eye) + Send + 'static) {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![
            want_flood(10, "10.0.0.2"),
            want_mac(10, mac(1), "10.0.0.2"),
            want_neighbour(10, "192.168.10.1", mac(1)),
        ]);
        let mut eye = Eye::new();
        wait_for("the neighbour", || eye.neighbour(10, "192.168.10.1"));
        service.wait_consistent();
        test(service, eye);
    });
}

/// How often a deed is done again when the repair took too long: other tests hold the kernel's one lock for device
/// changes, now and then for longer than the limit, while they take their namespaces down.
const ATTEMPTS: usize = 4;

/// Runs `disturb` and measures from its end until `right`: how long the command itself takes on a busy machine says
/// nothing about the repair.
pub fn repaired(disturb: &str, mut right: impl FnMut() -> bool) {
    let mut took = Vec::new();
    for _ in 0..ATTEMPTS {
        run(disturb);
        let start = Instant::now();
        wait_for(disturb, || right().then_some(()));
        took.push(start.elapsed());
        if took.last().is_some_and(|took| *took < LIMIT) {
            return;
        }
    }
    panic!("{disturb}: right again after {took:?}");
}

#[test]
fn a_vxlan_entry_comes_back() {
    with_a_remote_host(|service, mut eye| {
        for disturb in [
            "bridge fdb del 02:00:00:00:00:01 dev vx10 self",
            "bridge fdb replace 02:00:00:00:00:01 dev vx10 self dst 10.9.9.9",
        ] {
            repaired(disturb, || {
                eye.vxlan(10, mac(1)) == Some(ip("10.0.0.2"))
                    && eye.vxlan_entry(10, mac(1)).is_some_and(|entry| entry.has(NTF_EXT_LEARNED))
            });
        }
        service.stop();
    });
}

#[test]
fn a_bridge_entry_comes_back() {
    with_a_remote_host(|service, mut eye| {
        let port = eye.index("vx10");
        for disturb in [
            "bridge fdb del 02:00:00:00:00:01 dev vx10 master",
            "bridge fdb replace 02:00:00:00:00:01 dev vx10 master static",
            "bridge fdb replace 02:00:00:00:00:01 dev vx10 master static sticky",
            "bridge fdb replace 02:00:00:00:00:01 dev vx10 master permanent",
            "bridge fdb replace 02:00:00:00:00:01 dev h10 master permanent",
        ] {
            repaired(disturb, || {
                eye.bridge(10, mac(1)).is_some_and(|entry| {
                    entry.ifindex == port
                        && entry.has(NTF_EXT_LEARNED)
                        && !entry.has(NTF_STICKY)
                        && !entry.is(NUD_NOARP | NUD_PERMANENT)
                })
            });
        }
        service.stop();
    });
}

#[test]
fn a_flood_entry_comes_back() {
    with_a_remote_host(|service, mut eye| {
        repaired("bridge fdb del 00:00:00:00:00:00 dev vx10 self dst 10.0.0.2", || {
            eye.flood(10) == [ip("10.0.0.2")]
        });
        service.stop();
    });
}

#[test]
fn a_neighbour_comes_back() {
    with_a_remote_host(|service, mut eye| {
        for disturb in [
            "ip neigh del 192.168.10.1 dev br10",
            "ip neigh replace 192.168.10.1 lladdr 02:00:00:00:00:09 dev br10 nud permanent",
            "ip neigh replace 192.168.10.1 lladdr 02:00:00:00:00:09 dev br10 nud reachable",
        ] {
            repaired(disturb, || {
                eye.neighbour(10, "192.168.10.1").is_some_and(|entry| {
                    entry.mac == Some(mac(1)) && entry.has(NTF_EXT_LEARNED) && entry.state == NUD_NOARP
                })
            });
        }
        service.stop();
    });
}

#[test]
fn a_nexthop_comes_back_with_all_entries_that_went_with_it() {
    with_a_remote_host(|service, mut eye| {
        service.forward((2..100).map(|number| want_mac(10, mac(number), "10.0.0.2")).collect());
        service.wait_consistent();
        let group = eye.vxlan_entry(10, mac(1)).unwrap().nexthop.unwrap();
        let nexthop = eye.nexthops()[&group].group().unwrap().0;
        for disturb in [
            format!("ip nexthop replace id {nexthop} via 10.9.9.9 fdb"),
            format!("ip nexthop del id {nexthop}"),
            format!("ip nexthop del id {group}"),
        ] {
            repaired(&disturb, || {
                eye.vxlan(10, mac(1)) == Some(ip("10.0.0.2"))
                    && eye.vxlan(10, mac(99)) == Some(ip("10.0.0.2"))
            });
        }
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn a_fight_is_slowed_down_and_told() {
    with_a_remote_host(|mut service, mut eye| {
        // Somebody who deletes the entry whenever it is there.
        let until = Instant::now() + PATIENCE;
        while !service.notices.iter().any(|notice| matches!(notice, FibNotice::Fighting { .. })) {
            assert!(Instant::now() < until, "no notice");
            try_run("bridge fdb del 02:00:00:00:00:01 dev vx10 self");
            service.wait_nothing();
        }
        // And in the end it is there.
        wait_for("the entry", || eye.vxlan(10, mac(1)));
        service.stop();
    });
}
