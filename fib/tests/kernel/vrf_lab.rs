//! What the tests of IP-VRFs share: configurations, an underlay, and all that could be left behind.

use crate::lab::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weft_evpn::VrfName;
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::{VrfDevices, VrfForm};
use weft_fib::config::Vrf;
use weft_fib::{BridgeDomain, FibConfig, FibOptions, Serve};

pub fn options(form: VrfForm) -> FibOptions {
    FibOptions { vrf_form: Some(form), ..FibOptions::default() }
}

/// Tenants of a leaf: name, L3VNI, and its bridge domains by name, VNI, interface and gateways.
pub type Tenants<'a> = &'a [(&'a str, u32, &'a [(&'a str, u32, &'a str, &'a [&'a str])])];

pub fn config(tenants: Tenants<'_>) -> FibConfig {
    let mut config =
        FibConfig { vtep_source: Some(ip("10.0.0.1")), serve: Serve::All, ..FibConfig::default() };
    for (name, l3vni, domains) in tenants {
        let vrf = VrfName::from(*name);
        config.vrfs.insert(vrf.clone(), Vrf { vni: Some(vni(*l3vni)), table: None });
        for (name, number, interface, gateways) in *domains {
            let mut domain = BridgeDomain::new(vni(*number), vec![(*interface).to_owned()]);
            domain.vrf = Some(vrf.clone());
            domain.gateways = gateways.iter().map(|gateway| gateway.parse().unwrap()).collect();
            config.bridge_domains.insert((*name).to_owned(), domain);
        }
    }
    config
}

pub const GATEWAYS: &[&str] = &["192.168.10.254/24", "2001:db8:10::254/64"];

pub fn two_tenants() -> FibConfig {
    config(&[
        ("a", 5001, &[("a1", 11, "pa1", GATEWAYS), ("a2", 12, "pa2", &["192.168.20.254/24"])]),
        ("b", 5002, &[("b1", 21, "pb1", GATEWAYS)]),
    ])
}

/// The underlay, with an address that no tenant may reach.
pub fn underlay() {
    run("ip addr add 10.0.0.1/32 dev lo");
    run("ip link add under type veth peer name far");
    run("ip link set under up");
    run("ip link set far up");
    run("ip addr add 172.16.0.1/30 dev under");
}

#[track_caller]
pub fn wait_vrf(service: &mut Service, name: &str, mut right: impl FnMut(&VrfDevices) -> bool) -> VrfDevices {
    let mut last = None;
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        service.take_events(Duration::from_millis(100));
        service.locals.retain(|event| {
            match event {
                LocalEvent::VrfUp { vrf, devices } if vrf.as_str() == name => last = Some(devices.clone()),
                LocalEvent::VrfDown { vrf } if vrf.as_str() == name => last = None,
                _ => return true,
            }
            false
        });
        if let Some(devices) = last.as_ref().filter(|devices| right(devices)) {
            return devices.clone();
        }
    }
    panic!("waited in vain for {name}: {last:?} {:?}\n{}", service.notices, run("ip -d link"));
}

/// All that could be left behind: links, rules, addresses, routes.
pub fn everything() -> String {
    let mut all: Vec<String> = ["ip -4 rule", "ip -6 rule", "ip -4 route show table all", "ip -br link"]
        .iter()
        .map(|line| run(line))
        .collect();
    all.push(run("ip -6 route show table all"));
    all.push(run("ip -br addr"));
    // Addresses that devices make themselves come when they have been checked.
    let shown = all.join("\n");
    // And the kernel keeps its rule for VRF devices.
    let lines = shown.lines().filter(|line| !line.contains("fe80") && !line.contains("l3mdev"));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Two tenants with equal addresses on one leaf, in either form.
pub fn tenants_are_kept_apart(form: VrfForm) {
    underlay();
    let hosts: BTreeMap<&str, Host> = [
        ("pa1", Host::new("pa1", "192.168.10.1/24", "192.168.10.254")),
        ("pa2", Host::new("pa2", "192.168.20.1/24", "192.168.20.254")),
        ("pb1", Host::new("pb1", "192.168.10.1/24", "192.168.10.254")),
    ]
    .into();
    hosts["pa1"].run("ip addr add 2001:db8:10::1/64 dev eth0 nodad");
    let before = everything();
    let mut service = Service::start_with(options(form), two_tenants());
    let a = wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 2);
    let b = wait_vrf(&mut service, "b", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 1);
    assert_eq!((a.form, b.form), (form, form));
    assert_ne!(a.table, b.table);
    // Between subnets of one tenant.
    hosts["pa1"].reaches("192.168.20.1");
    // b has no such subnet: its host gets no answer, nor may it use a's.
    hosts["pb1"].does_not_reach("192.168.20.1");
    hosts["pb1"].does_not_reach("192.168.20.254");
    for address in ["10.0.0.1", "172.16.0.1"] {
        hosts["pa1"].does_not_reach(address);
    }
    // The gateway answers both, each its own.
    for host in ["pa1", "pb1"] {
        hosts[host].reaches("192.168.10.254");
    }
    hosts["pa1"].reaches("2001:db8:10::254");
    hosts["pa1"].reaches("192.168.20.254");
    // Traceroute sees the gateway.
    let shown = hosts["pa1"].try_run("ping -c1 -W1 -t1 192.168.20.1").1;
    assert!(shown.contains("192.168.10.254"), "{shown}");
    let l3vni = a.l3vni.unwrap();
    assert_eq!((l3vni.vni, l3vni.vtep), (vni(5001), ip("10.0.0.1")));
    service.shutdown(true);
    assert_eq!(everything(), before);
}
