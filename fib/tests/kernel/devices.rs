//! Devices that Weft makes: made, kept, changed in place, found again after a restart, removed.

use crate::lab::*;
use std::collections::BTreeMap;
use weft_evpn::local::LocalEvent;
use weft_fib::{BridgeDomain, FibConfig, FibNotice, FibOptions, FibRequest, Serve};

fn config(domains: &[(&str, u32, &[&str])]) -> FibConfig {
    let bridge_domains: BTreeMap<String, BridgeDomain> = domains
        .iter()
        .map(|(name, number, interfaces)| {
            let interfaces = interfaces.iter().map(|name| (*name).to_owned()).collect();
            ((*name).to_owned(), BridgeDomain::new(vni(*number), interfaces))
        })
        .collect();
    FibConfig { vtep_source: Some(ip("10.0.0.1")), bridge_domains, serve: Serve::All, ..FibConfig::default() }
}

fn link(name: &str) -> String {
    try_run(&format!("ip -d link show dev {name}")).1
}

fn wait_link(name: &str, words: &[&str]) -> String {
    wait_for(format!("{name}: {words:?}"), || {
        let (there, shown) = try_run(&format!("ip -d link show dev {name}"));
        (there && words.iter().all(|word| shown.contains(word))).then_some(shown)
    })
}

fn wait_gone(name: &str) {
    wait_for(format!("{name} to go"), || (!try_run(&format!("ip link show dev {name}")).0).then_some(()));
}

fn underlay() {
    run("ip link add under type veth peer name far");
    run("ip link set under up mtu 9000");
    run("ip link set far up");
    run("ip addr add 172.16.0.1/30 dev under");
    run("ip addr add 10.0.0.1/32 dev lo");
}

#[test]
fn a_bridge_domain_is_made_kept_and_removed() {
    in_namespace(|| {
        underlay();
        run("ip link add eth1 type veth peer name host1");
        let blue = config(&[("blue", 10, &["eth1", "eth2"])]);
        let mut service = Service::start_with(FibOptions::default(), blue.clone());
        service.wait_up(10);
        let shown = wait_link(
            "vx10",
            &[
                "vxlan id 10 local 10.0.0.1",
                "dstport 4789",
                "nolearning",
                "master br-blue",
                "mtu 8950",
                ",UP",
            ],
        );
        for word in
            ["neigh_suppress on", "learning off", "addrgenmode none", "alias weft: bridge-domain blue"]
        {
            assert!(shown.contains(word), "{word}: {shown}");
        }
        wait_link("eth1", &["master br-blue", ",UP"]);
        assert!(!run("ip -6 addr show dev vx10").contains("inet6"));
        // A port that appears later is taken.
        run("ip link add eth2 type veth peer name host2");
        wait_link("eth2", &["master br-blue", ",UP"]);
        // What is undone is done again, and what is wanted of the VNI comes back.
        service.forward(vec![want_mac(10, mac(1), "10.0.0.2")]);
        service.wait_consistent();
        run("ip link del vx10");
        service.wait_local("VniDown", |event| matches!(event, LocalEvent::VniDown { .. }));
        service.wait_up(10);
        let mut eye = Eye::new();
        let index = wait_for("the new device", || Some(eye.index("vx10")).filter(|index| *index != 0));
        wait_for("its entry", || {
            let entries = eye.fdb("br-blue");
            entries.iter().any(|entry| entry.ifindex == index && entry.mac == Some(mac(1))).then_some(())
        });
        for (undo, device, right) in [
            ("ip link set vx10 down", "vx10", ",UP"),
            ("ip link set vx10 nomaster", "vx10", "master br-blue"),
            ("bridge link set dev vx10 neigh_suppress off", "vx10", "neigh_suppress on"),
            ("bridge link set dev vx10 learning on", "vx10", "learning off"),
            ("ip link set vx10 type vxlan learning", "vx10", "nolearning"),
            ("ip link set eth1 nomaster", "eth1", "master br-blue"),
            ("ip link set br-blue down", "br-blue", ",UP"),
        ] {
            run(undo);
            wait_link(device, &[right]);
        }
        // The underlay's MTU is followed.
        run("ip link set under mtu 1500");
        wait_link("vx10", &["mtu 1450"]);
        // One port less: it is let go, the rest stays.
        service.fib.send(FibRequest::Config(config(&[("blue", 10, &["eth1"])])));
        wait_for("eth2 to be free", || (!link("eth2").contains("master")).then_some(()));
        assert!(link("eth1").contains("master br-blue"));
        // Another VNI: the vxlan device is another one, the bridge stays.
        let bridge = eye.index("br-blue");
        service.fib.send(FibRequest::Config(config(&[("blue", 70_000, &["eth1"])])));
        wait_link("vx70000", &["vxlan id 70000", "master br-blue", ",UP"]);
        wait_gone("vx10");
        assert_eq!(eye.index("br-blue"), bridge);
        // No line, no device; the port is there still.
        service.fib.send(FibRequest::Config(config(&[])));
        wait_gone("br-blue");
        wait_gone("vx70000");
        wait_for("eth1 to be free", || (!link("eth1").contains("master")).then_some(()));
        service.stop();
    });
}

#[test]
fn devices_of_an_earlier_run_are_known_again() {
    in_namespace(|| {
        underlay();
        run("ip link add eth1 type veth peer name host1");
        let service =
            Service::start_with(FibOptions::default(), config(&[("blue", 10, &["eth1"]), ("red", 11, &[])]));
        for device in ["vx10", "vx11"] {
            wait_link(device, &["neigh_suppress on", ",UP"]);
        }
        wait_link("eth1", &["master br-blue"]);
        service.stop();
        let before = Eye::new().index("vx10");
        // Red is not wanted any more, and neither is blue's port.
        let mut service = Service::start_with(FibOptions::default(), config(&[("blue", 10, &[])]));
        service.wait_up(10);
        wait_gone("vx11");
        wait_gone("br-red");
        wait_for("eth1 to be free", || (!link("eth1").contains("master")).then_some(()));
        assert_eq!(Eye::new().index("vx10"), before);
        service.shutdown(true);
        wait_gone("vx10");
        wait_gone("br-blue");
    });
}

#[test]
fn devices_of_the_operator_are_left_alone() {
    in_namespace(|| {
        underlay();
        run("ip link add br-blue type bridge");
        run("ip link set br-blue up");
        run("ip link add vx11 type vxlan id 11 local 10.0.0.1 dstport 4789");
        run("ip link set vx11 up");
        let mut service =
            Service::start_with(FibOptions::default(), config(&[("blue", 10, &[]), ("red", 11, &[])]));
        for device in ["br-blue", "vx11"] {
            let notice = service
                .wait_notice(|notice| matches!(notice, FibNotice::Device { device: of, .. } if of == device));
            assert!(notice.to_string().contains("not made by Weft"), "{notice}");
        }
        service.fib.send(FibRequest::Config(config(&[])));
        wait_gone("br-red");
        assert!(link("br-blue").contains("bridge"));
        assert!(link("vx11").contains("vxlan id 11"));
        service.shutdown(true);
        assert!(link("br-blue").contains("bridge"));
    });
}

#[test]
fn an_ipv6_vtep_and_a_long_name_work() {
    in_namespace(|| {
        run("ip link add under type veth peer name far");
        run("ip link set under up");
        run("ip addr add 2001:db8::1/64 dev under nodad");
        let mut wanted = config(&[("a-very-long-name", 16_777_215, &[])]);
        wanted.vtep_source = Some(ip("2001:db8::1"));
        let mut service = Service::start_with(FibOptions::default(), wanted);
        let event = service.wait_local("VniUp", |event| matches!(event, LocalEvent::VniUp { .. }));
        let LocalEvent::VniUp { devices, .. } = event else { unreachable!() };
        assert_eq!(devices.vxlan.1, "vx16777215");
        assert!(devices.bridge.1.len() <= 15 && devices.bridge.1.starts_with("br-a-very-"));
        wait_link("vx16777215", &["local 2001:db8::1", "mtu 1430"]);
        service.stop();
    });
}

#[test]
fn settings_of_the_operators_devices_are_advised_and_not_changed() {
    in_namespace(|| {
        run("ip link add br10 type bridge");
        run("ip link add vx10 type vxlan id 10 local 10.0.0.1 dstport 4789");
        run("ip link set vx10 master br10 up");
        run("ip link set br10 up");
        let mut service = Service::start();
        service.wait_up(10);
        for words in ["nolearning", "learning off", "neigh_suppress on"] {
            service.wait_notice(|notice| {
                matches!(notice, FibNotice::DeviceSetting { device, advice }
                    if device == "vx10" && advice.contains(words))
            });
        }
        // A second vxlan device on the bridge: neither can be served.
        run("ip link add vx11 type vxlan id 11 local 10.0.0.1 dstport 4790 nolearning");
        run("ip link set vx11 master br10 up");
        service.wait_local("VniDown", |event| matches!(event, LocalEvent::VniDown { .. }));
        service.wait_notice(|notice| matches!(notice, FibNotice::NotServed { .. }));
        assert!(!link("vx10").contains("neigh_suppress on"));
        service.stop();
    });
}

#[test]
fn a_device_that_was_made_and_never_marked_goes_and_one_of_the_operator_stays() {
    in_namespace(|| {
        // The group that devices of ours are born into.
        run("ip link add br-old group 2003134068 type bridge");
        run("ip link add br-theirs type bridge");
        let service = Service::start();
        wait_for("the bridge to go", || (!run("ip link").contains("br-old")).then_some(()));
        assert!(run("ip link").contains("br-theirs"));
        service.stop();
    });
}
