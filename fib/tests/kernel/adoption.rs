//! A daemon that ends without a word and one that starts after it: nothing is dropped, nothing is rewritten,
//! nothing stays that nobody wants.

use crate::lab::*;
use weft_evpn::forwarding::ForwardingChange;
use weft_fib::netlink::constants::*;
use weft_fib::{FibConfig, FibOptions, FibRequest, Serve};

const HOSTS: u32 = 300;

fn everything() -> Vec<ForwardingChange> {
    let hosts = (1..=HOSTS).flat_map(|number| {
        let vtep = format!("10.0.0.{}", 2 + number % 5);
        let address = format!("192.168.{}.{}", number / 200, number % 200 + 1);
        [want_mac(10, mac(number), &vtep), want_neighbour(10, &address, mac(number)), want_flood(10, &vtep)]
    });
    hosts.collect()
}

#[test]
fn entries_are_adopted_without_being_written_again() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(everything());
        service.wait_consistent();
        service.stop();

        let mut ear = Ear::new();
        let mut service = Service::start();
        service.wait_up(10);
        // Two FDB entries and a neighbour a host, five flood entries, five nexthops with their groups.
        assert_eq!(service.ready, Some(3 * HOSTS as usize + 5 + 10));
        service.forward(everything());
        service.fib.send(FibRequest::Converged);
        service.wait_consistent();
        assert_eq!(ear.heard(), [], "something was written or deleted");
        service.stop();
    });
}

#[test]
fn what_nobody_wants_goes_after_the_first_convergence_and_not_before() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(everything());
        service.wait_consistent();
        service.stop();

        let mut ear = Ear::new();
        let mut service = Service::start();
        service.wait_up(10);
        // All but what was at the VTEP 10.0.0.2 is wanted again.
        let (gone, kept): (Vec<_>, Vec<_>) = everything().into_iter().partition(|change| match change {
            ForwardingChange::Mac { wanted, .. } => wanted.unwrap().vtep == ip("10.0.0.2"),
            ForwardingChange::Flood { vtep, .. } => *vtep == ip("10.0.0.2"),
            ForwardingChange::Neighbour { wanted, .. } => {
                let [.., c, d] = wanted.unwrap().mac.0;
                (u32::from(c) << 8 | u32::from(d)).is_multiple_of(5)
            }
            ForwardingChange::Probe { .. }
            | ForwardingChange::Announce { .. }
            | ForwardingChange::Proxy { .. }
            | ForwardingChange::Route { .. } => false,
        });
        assert!(!gone.is_empty());
        service.forward(kept);
        let mut eye = Eye::new();
        assert_eq!(eye.vxlan(10, mac(5)), Some(ip("10.0.0.2")));
        assert_eq!(ear.heard(), []);
        service.fib.send(FibRequest::Converged);
        wait_for("the nexthop to go", || (eye.nexthops().len() == 8).then_some(()));
        assert_eq!(eye.vxlan_entry(10, mac(5)), None);
        assert_eq!(eye.bridge(10, mac(5)), None);
        assert_eq!(eye.neighbour(10, "192.168.0.6"), None);
        assert_eq!(eye.flood(10).len(), 4);
        assert!(ear.heard().iter().all(|kind| matches!(*kind, RTM_DELNEIGH | RTM_DELNEXTHOP | RTM_NEWNEIGH)));
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn a_host_that_moved_while_nobody_looked_is_moved() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2"), want_neighbour(10, "192.168.10.1", mac(1))]);
        service.wait_consistent();
        service.stop();

        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.3"), want_neighbour(10, "192.168.10.1", mac(2))]);
        let mut eye = Eye::new();
        wait_for("the move", || (eye.vxlan(10, mac(1)) == Some(ip("10.0.0.3"))).then_some(()));
        wait_for("the neighbour", || (eye.neighbour(10, "192.168.10.1")?.mac == Some(mac(2))).then_some(()));
        service.fib.send(FibRequest::Converged);
        wait_for("the old nexthop to go", || (eye.nexthops().len() == 2).then_some(()));
        service.stop();
    });
}

#[test]
fn a_vni_that_comes_late_with_old_entries_is_pruned_after_a_grace() {
    in_namespace(|| {
        // By address: unused nexthops go with the first convergence, and what points at them with them.
        let start = || {
            let options = FibOptions { nexthop_objects: false, ..FibOptions::default() };
            Service::start_with(options, FibConfig { serve: Serve::All, ..FibConfig::default() })
        };
        make_vni(10, "10.0.0.1");
        let mut service = start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2"), want_mac(10, mac(2), "10.0.0.2")]);
        service.wait_consistent();
        service.stop();

        run("ip link set vx10 down");
        let mut eye = Eye::new();
        let before = eye.vxlan_entry(10, mac(1));
        assert!(before.is_some());
        let mut service = start();
        service.fib.send(FibRequest::Converged);
        run("ip link set vx10 up");
        service.wait_up(10);
        assert!(eye.vxlan_entry(10, mac(2)).is_some());
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2")]);
        wait_for("the ghost to go", || eye.vxlan_entry(10, mac(2)).is_none().then_some(()));
        assert_eq!(eye.vxlan_entry(10, mac(1)), before);
        service.wait_consistent();
        service.stop();
    });
}
