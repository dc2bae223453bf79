//! IP-VRFs as VRF devices, made by Weft and by an operator. The machine's kernel may have none; then these tests pass
//! here, saying so, and `uml` runs them in a kernel that has.

use crate::lab::*;
use crate::vrf_lab::{self, *};
use crate::vrf_remote::Underlay;
use crate::vrf_routes;
use weft_evpn::forwarding::{ForwardingChange, VrfForward, VrfNextHop};
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::VrfForm;
use weft_fib::config::Vrf;
use weft_fib::{FibConfig, FibRequest, Serve};

/// Runs a test in a namespace, if this kernel has VRF devices.
fn with_vrf_devices(test: impl FnOnce() + Send + 'static) {
    in_namespace(|| {
        let (made, words) = try_run("ip link add probe type vrf table 9");
        if !made {
            eprintln!("skipped here, run in UML: this kernel makes no VRF device ({})", words.trim());
            return;
        }
        run("ip link del probe");
        test();
    });
}

#[test]
fn tenants_with_equal_addresses_are_kept_apart() {
    with_vrf_devices(|| tenants_are_kept_apart(VrfForm::Device));
}

#[test]
fn drift_is_repaired() {
    with_vrf_devices(|| vrf_lab::drift_is_repaired(VrfForm::Device));
}

#[test]
fn an_l3vni_that_changes_leaves_nothing() {
    with_vrf_devices(|| vrf_lab::an_l3vni_that_changes_leaves_nothing(VrfForm::Device));
}

/// Commands of `ip` and `bridge`, each a line, in as few processes as their order allows.
fn all(lines: &str) {
    let mut lines = lines.lines().filter_map(|line| line.trim().split_once(' ')).peekable();
    while let Some((program, first)) = lines.next() {
        let mut input = format!("{first}\n");
        while let Some((_, next)) = lines.next_if(|(other, _)| *other == program) {
            input.push_str(&format!("{next}\n"));
        }
        batch(&format!("{program} -batch -"), &input);
    }
}

/// The configuration for devices that an operator makes.
fn operators() -> FibConfig {
    let mut config = FibConfig { serve: Serve::All, ..FibConfig::default() };
    config.vrfs.insert("red".into(), Vrf { vni: Some(vni(5000)), table: None });
    config
}

#[test]
fn an_l3vni_of_the_operator_is_served_with_a_bridge_and_without() {
    with_vrf_devices(|| {
        underlay();
        all("ip link add red up type vrf table 100
             ip link add br10 type bridge
             ip link set br10 master red up
             ip addr add 192.168.10.254/24 dev br10
             ip link add vx5000 type vxlan id 5000 local 10.0.0.1 dstport 4789 nolearning
             ip link set vx5000 addrgenmode none
             ip link set vx5000 master red up");
        let before = everything();
        let mut service = Service::start_with(options(VrfForm::Rule), operators());
        let red = wait_vrf(&mut service, "red", |red| red.l3vni.is_some() && red.interfaces.len() == 1);
        assert_eq!((red.form, red.table), (VrfForm::Device, 100));
        let l3vni = red.l3vni.unwrap();
        assert_eq!((l3vni.svi.1.as_str(), l3vni.vtep), ("vx5000", ip("10.0.0.1")));
        assert_eq!(red.interfaces[0].addresses, ["192.168.10.254/24".parse().unwrap()]);
        // The same with a bridge of its own, made while we look.
        all("ip link add l3 type bridge
             ip link set l3 address 02:00:00:00:50:00 addrgenmode none
             ip link set l3 master red up
             ip link set vx5000 master l3");
        let red =
            wait_vrf(&mut service, "red", |red| red.l3vni.as_ref().is_some_and(|l3vni| l3vni.svi.1 == "l3"));
        assert_eq!(red.l3vni.unwrap().router_mac.to_string(), "02:00:00:00:50:00");
        // It is no L2VNI, although it has a vxlan device on a bridge.
        assert!(!service.locals.iter().any(|event| matches!(event, LocalEvent::VniUp { .. })));
        all("ip link set vx5000 master red
             ip link del l3");
        wait_vrf(&mut service, "red", |red| red.l3vni.as_ref().is_some_and(|l3vni| l3vni.svi.1 == "vx5000"));
        service.shutdown(true);
        wait_same("all that, as nothing of the operator's is touched", &before, &[]);
    });
}

#[test]
fn one_bridge_that_keeps_vlans_apart_serves_many_vnis() {
    with_vrf_devices(|| {
        underlay();
        all("ip link add red up type vrf table 100
             ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0
             ip link set br0 up");
        for (number, vlan) in [(10, 110), (20, 120), (30, 130), (5000, 4000)] {
            all(&format!(
                "ip link add vx{number} type vxlan id {number} local 10.0.0.1 dstport 4789 nolearning
                 ip link set vx{number} master br0 addrgenmode none up
                 bridge link set dev vx{number} learning off neigh_suppress on
                 bridge vlan add dev vx{number} vid {vlan} pvid untagged
                 bridge vlan add dev br0 vid {vlan} self"
            ));
        }
        // VLAN 130 is bridged only.
        for (vlan, address) in [(110, "192.168.10.254/24"), (120, "192.168.20.254/24")] {
            all(&format!(
                "ip link add link br0 name vlan{vlan} type vlan id {vlan}
                 ip link set vlan{vlan} master red up
                 ip addr add {address} dev vlan{vlan}"
            ));
        }
        all("ip link add link br0 name vlan4000 address 02:00:00:00:40:00 type vlan id 4000
             ip link set vlan4000 master red addrgenmode none up");
        let h1 = Host::new("p1", "192.168.10.1/24", "192.168.10.254");
        let _h2 = Host::new("p2", "192.168.20.1/24", "192.168.20.254");
        all("ip link set p1 master br0
             bridge vlan add dev p1 vid 110 pvid untagged
             ip link set p2 master br0
             bridge vlan add dev p2 vid 120 pvid untagged");
        for file in ["vlan110", "vlan120"] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{file}/forwarding"), "1").unwrap();
        }
        let mut service = Service::start_with(options(VrfForm::Rule), operators());
        let red = wait_vrf(&mut service, "red", |red| red.l3vni.is_some() && red.interfaces.len() == 2);
        let l3vni = red.l3vni.unwrap();
        assert_eq!(
            (l3vni.svi.1.as_str(), l3vni.router_mac.to_string().as_str()),
            ("vlan4000", "02:00:00:00:40:00")
        );
        let mut up = std::collections::BTreeMap::new();
        for event in &service.locals {
            if let LocalEvent::VniUp { vni, devices } = event {
                up.insert(vni.get(), devices.clone());
            }
        }
        assert_eq!(up.keys().copied().collect::<Vec<_>>(), [10, 20, 30]);
        assert_eq!(up[&10].vrf, Some("red".into()));
        assert_eq!(up[&20].svi_subnets, ["192.168.20.0/24".parse().unwrap()]);
        assert_eq!((up[&30].vrf.clone(), up[&30].svi_addresses.len()), (None, 0));
        // Hosts are found in the VNI of their VLAN.
        h1.reaches("192.168.20.1");
        for (number, address) in [(10, "192.168.10.1"), (20, "192.168.20.1")] {
            let port_name = format!("p{}", number / 10);
            service.keep_until(|event| {
                matches!(event, LocalEvent::Mac { vni, port, .. } if vni.get() == number && port.1 == port_name)
            });
            let heard = |event: &LocalEvent| matches!(event, LocalEvent::Neighbour { vni, ip: at, .. } if vni.get() == number && *at == ip(address));
            service.keep_until(heard);
        }
        // A remote host in each of two VLANs with one MAC, its address in one.
        service.forward(vec![
            want_mac(10, mac(7), "10.0.0.2"),
            want_mac(20, mac(7), "10.0.0.3"),
            want_mac(30, mac(8), "10.0.0.3"),
            want_neighbour(10, "192.168.10.7", mac(7)),
            want_neighbour(30, "192.168.30.7", mac(8)),
            want_flood(30, "10.0.0.3"),
        ]);
        service.wait_consistent();
        let fdb = run("bridge fdb show br br0");
        for line in [
            "02:00:00:00:00:07 dev vx10 vlan 110 extern_learn master br0",
            "02:00:00:00:00:07 dev vx20 vlan 120 extern_learn master br0",
            "02:00:00:00:00:08 dev vx30 vlan 130 extern_learn master br0",
        ] {
            assert!(fdb.contains(line), "{line}: {fdb}");
        }
        assert!(run("ip neigh show dev vlan110").contains("192.168.10.7 lladdr 02:00:00:00:00:07"));
        // One that somebody deletes comes back; one that is not wanted any more goes from every VLAN.
        run("bridge fdb del 02:00:00:00:00:07 dev vx10 vlan 110 master");
        wait_for("the entry", || {
            run("bridge fdb show br br0").contains("02:00:00:00:00:07 dev vx10 vlan 110").then_some(())
        });
        let gone = ForwardingChange::Mac { vni: vni(10), mac: mac(7), wanted: None };
        service.forward(vec![gone]);
        wait_for("the entry to go", || {
            let fdb = run("bridge fdb show br br0");
            (!fdb.contains("02:00:00:00:00:07 dev vx10") && fdb.contains("02:00:00:00:00:07 dev vx20"))
                .then_some(())
        });
        // Another VLAN.
        all("bridge vlan del dev vx30 vid 130
             bridge vlan add dev vx30 vid 120 pvid untagged");
        service.wait_notice(|notice| notice.to_string().contains("same VLAN 120"));
        service.stop();
    });
}

#[test]
fn one_vxlan_device_serves_many_vnis() {
    with_vrf_devices(|| {
        underlay();
        all("ip link add red up type vrf table 100
             ip link add br0 type bridge vlan_filtering 1 vlan_default_pvid 0
             ip link set br0 up
             ip link add vxlan0 type vxlan external vnifilter local 10.0.0.1 dstport 4789 nolearning
             ip link set vxlan0 master br0 addrgenmode none up
             bridge link set dev vxlan0 vlan_tunnel on learning off neigh_suppress on");
        for (number, vlan) in [(10, 110), (20, 120), (5000, 4000)] {
            all(&format!(
                "bridge vlan add dev br0 vid {vlan} self
                 bridge vlan add dev vxlan0 vid {vlan}
                 bridge vni add dev vxlan0 vni {number}
                 bridge vlan add dev vxlan0 vid {vlan} tunnel_info id {number}
                 ip link add link br0 name vlan{vlan} address 02:00:00:00:40:01 type vlan id {vlan}
                 ip link set vlan{vlan} addrgenmode none
                 ip link set vlan{vlan} master red up"
            ));
        }
        run("ip addr add 192.168.10.254/24 dev vlan110");
        let mut service = Service::start_with(options(VrfForm::Rule), operators());
        let red = wait_vrf(&mut service, "red", |red| red.l3vni.is_some() && red.interfaces.len() == 2);
        let l3vni = red.l3vni.unwrap();
        assert_eq!((l3vni.vxlan.1.as_str(), l3vni.svi.1.as_str()), ("vxlan0", "vlan4000"));
        let remote = VrfNextHop::Vtep { vtep: ip("10.0.0.2"), router_mac: mac(0x99) };
        let route = ForwardingChange::Route {
            vrf: "red".into(),
            prefix: "192.168.99.0/24".parse().unwrap(),
            wanted: Some(VrfForward::Via(vec![remote])),
        };
        service.forward(vec![
            want_mac(10, mac(7), "10.0.0.2"),
            want_mac(20, mac(7), "10.0.0.3"),
            want_neighbour(10, "192.168.10.7", mac(7)),
            want_flood(10, "10.0.0.2"),
            want_flood(20, "10.0.0.3"),
            route,
        ]);
        service.wait_consistent();
        let fdb = run("bridge fdb show br br0");
        for (address, vlan, number) in [
            ("02:00:00:00:00:07", 110, 10),
            ("02:00:00:00:00:07", 120, 20),
            ("02:00:00:00:00:99", 4000, 5000),
        ] {
            for part in [format!("vlan {vlan} extern_learn master br0"), format!("src_vni {number} nhid ")] {
                let there = fdb
                    .lines()
                    .any(|line| line.starts_with(&format!("{address} dev vxlan0")) && line.contains(&part));
                assert!(there, "{address} {part}: {fdb}");
            }
        }
        assert!(fdb.contains("00:00:00:00:00:00 dev vxlan0 dst 10.0.0.3 src_vni 20"), "{fdb}");
        assert!(run("ip route show table 100").contains("192.168.99.0/24"));
        // A crash: everything is known again, and nothing of it is written twice.
        service.stop();
        let mut service = Service::start_with(options(VrfForm::Rule), operators());
        wait_vrf(&mut service, "red", |red| red.l3vni.is_some());
        service.forward(vec![want_mac(20, mac(7), "10.0.0.3"), want_flood(20, "10.0.0.3")]);
        service.fib.send(FibRequest::Converged);
        wait_for("what nobody wants to go", || {
            let fdb = run("bridge fdb show br br0");
            (!fdb.contains("src_vni 10 ")
                && !fdb.contains("vlan 110 extern_learn")
                && fdb.contains("src_vni 20 nhid"))
            .then_some(())
        });
        service.stop();
    });
}

#[test]
fn routes_lead_over_both_underlays() {
    for underlay in [Underlay::Ipv4, Underlay::Ipv6] {
        with_vrf_devices(move || vrf_routes::both_families_are_routed_over(VrfForm::Device, underlay));
    }
}

#[test]
fn a_restart_drops_no_packet_and_writes_nothing() {
    with_vrf_devices(|| vrf_routes::a_restart_drops_no_packet_and_writes_nothing(VrfForm::Device));
}
