//! Hosts of one subnet that are reached by routing: the gateway answers for them, and tells where they are now.

use crate::lab::*;
use crate::vrf_remote::*;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use weft_evpn::MacAddr;
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::vrf::VrfForm;
use weft_fib::FibRequest;

/// The Ethernet address of the tenant's bridge.
fn gateway_mac() -> String {
    run("ip -br link show dev br-a1").split_whitespace().nth(2).unwrap().to_owned()
}

/// How long the host's first ping takes, resolution included.
fn first_answer(host: &Host, address: &str) -> Duration {
    host.run("ip neigh flush dev eth0");
    let start = Instant::now();
    host.reaches(address);
    start.elapsed()
}

#[test]
fn the_gateway_answers_for_a_host_of_its_subnet_that_is_elsewhere() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 1);
        let remote = &lab.remotes[0].host;
        for address in ["192.168.10.77/32", "2001:db8:10::77/128"] {
            remote.run(&format!("ip addr add {address} dev lo"));
        }
        lab.service
            .forward(vec![want("192.168.10.77/32", via(&[2])), want("2001:db8:10::77/128", via(&[2]))]);
        lab.service.wait_consistent();
        lab.host.does_not_reach("192.168.10.77");
        let proxy = |wanted| {
            ["192.168.10.77", "2001:db8:10::77"]
                .map(|address| ForwardingChange::Proxy { vni: vni(11), ip: ip(address), wanted })
                .to_vec()
        };
        lab.service.forward(proxy(true));
        lab.service.wait_consistent();
        let shown = run("ip neigh show proxy");
        assert_eq!(shown.matches("proxy proto bgp").count(), 2, "{shown}");
        let gateway = gateway_mac();
        for address in ["192.168.10.77", "2001:db8:10::77"] {
            let took = (0..5).map(|_| first_answer(&lab.host, address)).min().unwrap();
            assert!(took < Duration::from_millis(150), "{address} after {took:?}");
            let learned = lab.host.run("ip neigh show dev eth0");
            let line = learned.lines().find(|line| line.starts_with(&format!("{address} ")));
            assert!(line.is_some_and(|line| line.contains(&gateway)), "{learned}");
        }
        // A restart keeps them; when they are not wanted they go, and the settings with them.
        let Lab { service, host, .. } = lab;
        service.stop();
        let (service, _) = start(VrfForm::Rule, Underlay::Ipv4);
        service.forward(proxy(true));
        service.forward(vec![want("192.168.10.77/32", via(&[2])), want("2001:db8:10::77/128", via(&[2]))]);
        service.fib.send(FibRequest::Converged);
        service.wait_consistent();
        assert_eq!(run("ip neigh show proxy"), shown);
        assert_eq!(service.fib.counters().writes.load(Ordering::Relaxed), 0);
        service.forward(proxy(false));
        service.wait_consistent();
        assert_eq!(run("ip neigh show proxy"), "");
        host.run("ip neigh flush dev eth0");
        host.does_not_reach("192.168.10.77");
        service.stop();
    });
}

#[test]
fn hosts_hear_where_an_address_is_now() {
    in_namespace(|| {
        let lab = Lab::new(Underlay::Ipv4, 0);
        let addresses = ["192.168.10.77", "2001:db8:10::77"];
        let known = |mac: &str| {
            addresses.iter().all(|address| {
                lab.host.run(&format!("ip neigh show {address} dev eth0")).contains(&format!("lladdr {mac}"))
            })
        };
        for address in addresses {
            lab.host.run(&format!("ip neigh replace {address} lladdr 02:00:00:00:00:01 dev eth0 nud stale"));
        }
        let announce = |mac: Option<MacAddr>| {
            let tell = |address| ForwardingChange::Announce { vni: vni(11), ip: ip(address), mac };
            lab.service.forward(addresses.map(tell).to_vec());
        };
        announce(Some(mac(2)));
        wait_for("the new MAC", || known("02:00:00:00:00:02").then_some(()));
        announce(None);
        let gateway = gateway_mac();
        wait_for("the gateway's MAC", || known(&gateway).then_some(()));
        // It did not look as if the host were here.
        let fdb = run("bridge fdb show br br-a1");
        assert!(!fdb.contains("02:00:00:00:00:02"), "{fdb}");
        lab.service.stop();
    });
}
