//! Desired state reaches the kernel: FDBs, flood lists, neighbours and nexthops, on devices that the operator
//! made, in whatever order things appear.

use crate::lab::*;
use weft_evpn::forwarding::{ForwardingChange, RemoteMac, RemoteNeighbour};
use weft_fib::netlink::constants::*;
use weft_fib::{FibConfig, FibNotice, FibOptions, FibRequest, Serve};

#[test]
fn a_remote_host_is_programmed_and_removed() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![
            want_flood(10, "10.0.0.2"),
            want_mac(10, mac(1), "10.0.0.2"),
            want_neighbour(10, "192.168.10.1", mac(1)),
            want_neighbour(10, "2001:db8::1", mac(1)),
        ]);
        let mut eye = Eye::new();
        wait_for("the neighbour", || eye.neighbour(10, "2001:db8::1"));
        assert_eq!(eye.vxlan(10, mac(1)), Some(ip("10.0.0.2")));
        assert_eq!(eye.flood(10), [ip("10.0.0.2")]);
        let bridge = eye.bridge(10, mac(1)).unwrap();
        assert_eq!(bridge.ifindex, eye.index("vx10"));
        assert!(bridge.has(NTF_EXT_LEARNED));
        let neighbour = eye.neighbour(10, "192.168.10.1").unwrap();
        assert_eq!((neighbour.mac, neighbour.protocol), (Some(mac(1)), RTPROT_BGP));
        assert!(neighbour.is(NUD_NOARP) && neighbour.has(NTF_EXT_LEARNED) && !neighbour.has(NTF_ROUTER));
        assert_eq!(eye.nexthops().len(), 2);
        assert_eq!(service.wait_consistent(), 6);

        service.forward(vec![
            ForwardingChange::Mac { vni: vni(10), mac: mac(1), wanted: None },
            ForwardingChange::Flood { vni: vni(10), vtep: ip("10.0.0.2"), wanted: false },
            ForwardingChange::Neighbour { vni: vni(10), ip: ip("192.168.10.1"), wanted: None },
            ForwardingChange::Neighbour { vni: vni(10), ip: ip("2001:db8::1"), wanted: None },
        ]);
        wait_for("the nexthop to go", || eye.nexthops().is_empty().then_some(()));
        assert_eq!(eye.vxlan_entry(10, mac(1)), None);
        assert_eq!(eye.bridge(10, mac(1)), None);
        assert!(eye.flood(10).is_empty());
        assert_eq!(eye.neighbour(10, "192.168.10.1"), None);
        service.stop();
    });
}

#[test]
fn a_mac_that_moves_to_another_vtep_costs_one_entry() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2")]);
        let mut eye = Eye::new();
        wait_for("the entry", || eye.vxlan(10, mac(1)));
        service.forward(vec![want_mac(10, mac(1), "10.0.0.3")]);
        wait_for("the move", || (eye.vxlan(10, mac(1)) == Some(ip("10.0.0.3"))).then_some(()));
        // The old VTEP's objects go, the new one's stay.
        wait_for("the old nexthop to go", || (eye.nexthops().len() == 2).then_some(()));
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn sticky_and_router_flags_are_written_and_taken_back() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        let wish = |sticky: bool| {
            vec![
                ForwardingChange::Mac {
                    vni: vni(10),
                    mac: mac(1),
                    wanted: Some(RemoteMac { vtep: ip("10.0.0.2"), sticky }),
                },
                ForwardingChange::Neighbour {
                    vni: vni(10),
                    ip: ip("2001:db8::1"),
                    wanted: Some(RemoteNeighbour { mac: mac(1), router: sticky }),
                },
            ]
        };
        let mut eye = Eye::new();
        for sticky in [true, false, true] {
            service.forward(wish(sticky));
            wait_for(format!("sticky {sticky}"), || {
                let bridge = eye.bridge(10, mac(1))?;
                let neighbour = eye.neighbour(10, "2001:db8::1")?;
                let right = bridge.has(NTF_STICKY) == sticky
                    && bridge.is(NUD_NOARP) == sticky
                    && bridge.has(NTF_EXT_LEARNED)
                    && neighbour.has(NTF_ROUTER) == sticky;
                right.then_some(())
            });
        }
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn a_kernel_without_nexthops_gets_addresses() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let options = FibOptions { nexthop_objects: false, ..FibOptions::default() };
        let mut service =
            Service::start_with(options, FibConfig { serve: Serve::All, ..FibConfig::default() });
        service.wait_up(10);
        let mut eye = Eye::new();
        for vtep in ["10.0.0.2", "10.0.0.3"] {
            service.forward(vec![want_mac(10, mac(1), vtep)]);
            wait_for(vtep, || (eye.vxlan(10, mac(1)) == Some(ip(vtep))).then_some(()));
        }
        assert_eq!(eye.vxlan_entry(10, mac(1)).unwrap().nexthop, None);
        assert!(eye.nexthops().is_empty());
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn entries_of_the_other_form_are_kept_and_moved() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let all = || FibConfig { serve: Serve::All, ..FibConfig::default() };
        let by_address = FibOptions { nexthop_objects: false, ..FibOptions::default() };
        let mut eye = Eye::new();
        let mut expected = vec![];
        for (round, options) in
            [by_address.clone(), FibOptions::default(), by_address].into_iter().enumerate()
        {
            let vtep = format!("10.0.0.{}", round + 2);
            let new = mac(round as u32);
            let mut service = Service::start_with(options, all());
            service.wait_up(10);
            // What is there in the other form stays as it is while it is wanted so...
            let before: Vec<_> = expected.iter().map(|(mac, _)| eye.vxlan_entry(10, *mac)).collect();
            service
                .forward(expected.iter().map(|(mac, vtep): &(_, String)| want_mac(10, *mac, vtep)).collect());
            service.forward(vec![want_mac(10, new, &vtep)]);
            service.fib.send(FibRequest::Converged);
            wait_for("the new entry", || eye.vxlan(10, new));
            service.wait_consistent();
            let after: Vec<_> = expected.iter().map(|(mac, _)| eye.vxlan_entry(10, *mac)).collect();
            assert_eq!(before, after);
            // ...and moves when it has to.
            expected.push((new, vtep.clone()));
            for (mac, at) in &mut expected {
                *at = "10.0.0.9".to_owned();
                service.forward(vec![want_mac(10, *mac, "10.0.0.9")]);
            }
            for (mac, _) in &expected {
                wait_for("the move", || (eye.vxlan(10, *mac) == Some(ip("10.0.0.9"))).then_some(()));
            }
            service.wait_consistent();
            service.stop();
        }
    });
}

#[test]
fn large_vnis_and_ipv6_vteps_work() {
    in_namespace(|| {
        for (number, local) in [(16_777_215, "10.0.0.1"), (70_000, "2001:db8:0::1")] {
            run("ip link add br0 type bridge");
            run(&format!("ip link add vx0 type vxlan id {number} local {local} dstport 4789 nolearning"));
            run("ip link set vx0 master br0 addrgenmode none");
            run("ip link set vx0 up");
            run("ip link set br0 up");
            let far = if local.contains(':') { "2001:db8:0::2" } else { "10.0.0.2" };
            let mut service = Service::start();
            service.wait_up(number);
            service.forward(vec![want_mac(number, mac(1), far), want_flood(number, far)]);
            assert!(service.wait_consistent() >= 4);
            let shown = run("bridge fdb show dev vx0");
            assert!(shown.contains(&format!("00:00:00:00:00:00 dst {}", ip(far))), "{shown}");
            assert!(run("ip nexthop").contains(&format!("via {}", ip(far))));
            service.shutdown(true);
            assert_eq!(run("ip nexthop"), "");
            run("ip link del vx0");
            run("ip link del br0");
        }
    });
}

#[test]
fn what_is_wanted_waits_for_its_devices() {
    in_namespace(|| {
        let mut service = Service::start();
        let everything = |number| {
            vec![
                want_mac(number, mac(1), "10.0.0.2"),
                want_flood(number, "10.0.0.2"),
                want_neighbour(number, "192.168.10.1", mac(1)),
            ]
        };
        service.forward(everything(10));
        // The vxlan device first and down, then the bridge, joined last.
        run("ip link add vx10 type vxlan id 10 local 10.0.0.1 dstport 4789 nolearning");
        run("ip link add br10 type bridge");
        run("ip link set br10 up");
        run("ip link set vx10 master br10");
        run("ip link set vx10 up");
        service.wait_up(10);
        let mut eye = Eye::new();
        wait_for("the neighbour", || eye.neighbour(10, "192.168.10.1"));
        assert_eq!(service.wait_consistent(), 5);
        service.stop();
    });
}

#[test]
fn a_vxlan_device_that_is_made_again_is_filled_again() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward((1..200).map(|number| want_mac(10, mac(number), "10.0.0.2")).collect());
        service.forward(vec![want_flood(10, "10.0.0.2"), want_neighbour(10, "192.168.10.1", mac(1))]);
        let mut eye = Eye::new();
        wait_for("the neighbour", || eye.neighbour(10, "192.168.10.1"));
        run("ip link del vx10");
        service.wait_local("VniDown", |event| matches!(event, weft_evpn::local::LocalEvent::VniDown { .. }));
        make_vxlan(10, "10.0.0.1");
        service.wait_up(10);
        wait_for("the last MAC", || eye.vxlan(10, mac(199)));
        assert_eq!(service.wait_consistent(), 2 * 199 + 2 + 2 - 1);
        // And a bridge that goes down and up.
        run("ip link set br10 down");
        service.wait_local("VniDown", |event| matches!(event, weft_evpn::local::LocalEvent::VniDown { .. }));
        run("ip link set br10 up");
        service.wait_up(10);
        wait_for("the neighbour", || eye.neighbour(10, "192.168.10.1"));
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn a_vni_that_is_not_served_any_more_is_emptied_and_filled_again() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        let mut service = Service::start();
        service.wait_up(10);
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2"), want_flood(10, "10.0.0.2")]);
        let mut eye = Eye::new();
        wait_for("the MAC", || eye.vxlan(10, mac(1)));
        service.fib.send(FibRequest::Config(FibConfig::default()));
        wait_for("the MAC to go", || eye.vxlan_entry(10, mac(1)).is_none().then_some(()));
        wait_for("the flood entry to go", || eye.flood(10).is_empty().then_some(()));
        service.fib.send(FibRequest::Config(FibConfig { serve: Serve::All, ..FibConfig::default() }));
        service.wait_up(10);
        wait_for("the MAC", || eye.vxlan(10, mac(1)));
        service.wait_consistent();
        service.stop();
    });
}

#[test]
fn foreign_entries_are_left_alone() {
    in_namespace(|| {
        make_vni(10, "10.0.0.1");
        run("bridge fdb add 02:00:00:00:00:01 dev vx10 self static dst 10.9.9.1");
        run("bridge fdb append 00:00:00:00:00:00 dev vx10 self permanent dst 10.9.9.2");
        run("bridge fdb add 02:00:00:00:00:03 dev h10 master static");
        run("ip neigh add 192.168.10.1 lladdr 02:00:00:00:00:09 dev br10 nud permanent");
        run("ip nexthop add id 7 via 10.9.9.3 fdb");
        let mut service = Service::start();
        service.wait_up(10);
        let changes: Vec<_> = (1..=3)
            .map(|number| want_mac(10, mac(number), "10.0.0.2"))
            .chain([want_neighbour(10, "192.168.10.1", mac(1)), want_flood(10, "10.0.0.2")])
            .collect();
        service.forward(changes);
        service.fib.send(FibRequest::Converged);
        service.wait_notice(|notice| matches!(notice, FibNotice::ForeignEntry { .. }));
        let mut eye = Eye::new();
        wait_for("our MAC", || eye.vxlan(10, mac(2)));
        wait_for("both flood entries", || (eye.flood(10).len() == 2).then_some(()));
        assert_eq!(eye.vxlan(10, mac(1)), Some(ip("10.9.9.1")));
        let port = eye.index("h10");
        assert_eq!(eye.bridge(10, mac(3)).unwrap().ifindex, port);
        assert_eq!(eye.neighbour(10, "192.168.10.1").unwrap().mac, Some(mac(9)));
        // Removing all that is ours leaves what is not.
        service.shutdown(true);
        assert_eq!(eye.vxlan(10, mac(1)), Some(ip("10.9.9.1")));
        assert_eq!(eye.vxlan_entry(10, mac(2)), None);
        assert_eq!(eye.flood(10), [ip("10.9.9.2")]);
        assert_eq!(eye.bridge(10, mac(3)).unwrap().ifindex, port);
        assert_eq!(eye.neighbour(10, "192.168.10.1").unwrap().mac, Some(mac(9)));
        assert_eq!(eye.nexthops().into_keys().collect::<Vec<_>>(), [7]);
    });
}

#[test]
fn a_second_service_in_the_namespace_is_refused() {
    in_namespace(|| {
        let service = Service::start();
        let refusal = weft_fib::start(FibOptions::default()).unwrap_err().to_string();
        assert!(refusal.contains(&format!("process {}", std::process::id())), "{refusal}");
        service.stop();
    });
}
