//! What the tests of IP-VRFs share: configurations, an underlay, and all that could be left behind.

use crate::lab::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use weft_evpn::VrfName;
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::{VrfDevices, VrfForm};
use weft_fib::config::Vrf;
use weft_fib::{BridgeDomain, FibConfig, FibNotice, FibOptions, FibRequest, Serve};

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
    // Starting a process takes long in UML, so each does several things.
    let all = [
        batch("ip -4 -batch -", "rule\nroute show table all\n"),
        batch("ip -6 -batch -", "rule\nroute show table all\n"),
        batch("ip -br -batch -", "link\naddr\n"),
    ];
    // Addresses that devices make themselves come when they have been checked.
    let shown = all.join("\n");
    // So do their multicast routes. And the kernel keeps its rule for VRF devices.
    let passing = ["fe80", "multicast ff00::/8", "l3mdev"];
    let lines = shown.lines().filter(|line| !passing.iter().any(|word| line.contains(word)));
    lines.map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The same, once the kernel has seen to the carriers of ports and bridges, which it does a while after they change.
pub fn everything_at_rest() -> String {
    let unseen = |line: &str| {
        let device = ["pa", "pb", "br-"].iter().any(|name| line.starts_with(name));
        device && line.split_whitespace().nth(1) == Some("UNKNOWN")
    };
    wait_for("the carriers", || Some(everything()).filter(|all| !all.lines().any(unseen)))
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
    let before = wait_for("all cables", || Some(everything()).filter(|all| !all.contains("NO-CARRIER")));
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

/// What somebody deletes or changes is put right.
pub fn drift_is_repaired(form: VrfForm) {
    underlay();
    let host = Host::new("pa1", "192.168.10.1/24", "192.168.10.254");
    let far = Host::new("pa2", "192.168.20.1/24", "192.168.20.254");
    let mut service = Service::start_with(options(form), two_tenants());
    let a = wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 2);
    host.reaches("192.168.20.1");
    let table = a.table;
    let before = everything_at_rest();
    let mut deeds = vec![
        "ip addr del 192.168.20.254/24 dev br-a2".to_owned(),
        "ip -6 addr del 2001:db8:10::254/64 dev br-a1".to_owned(),
        "ip link set br-a2 down".to_owned(),
        "ip link set br-a2 address 02:00:00:00:00:99".to_owned(),
        "ip link set vx5001 down".to_owned(),
        "ip link set vx5001 address 02:00:00:00:00:99".to_owned(),
        "ip link del br-a2".to_owned(),
        "ip link del vx5001".to_owned(),
    ];
    deeds.extend(match form {
        VrfForm::Rule => vec![
            format!("ip route del 192.168.20.0/24 table {table}"),
            format!("ip route del local 192.168.20.254 table {table}"),
            "ip rule del pref 5 iif br-a1".to_owned(),
            "ip -6 rule del pref 6 iif br-a1".to_owned(),
            format!("ip rule del pref 3 fwmark {table}"),
            "ip rule add pref 0 lookup local".to_owned(),
        ],
        VrfForm::Device => vec![
            "ip link set br-a2 nomaster".to_owned(),
            format!("ip route del unreachable default table {table} metric 4278198272"),
            "ip link set vx5001 nomaster".to_owned(),
            "ip link del dev a".to_owned(),
        ],
    });
    for deed in deeds {
        run(&deed);
        wait_same(&deed, &before, &service.notices);
        host.reaches("192.168.20.1");
    }
    far.reaches("192.168.10.254");
    // Settings, as `sysctl --system` changes them.
    for (file, wrong, right) in
        [("ipv4/conf/br-a1/forwarding", "0", "1"), ("ipv6/conf/br-a1/forwarding", "0", "1")]
    {
        let path = format!("/proc/sys/net/{file}");
        std::fs::write(&path, wrong).unwrap();
        wait_for(file, || (std::fs::read_to_string(&path).unwrap().trim() == right).then_some(()));
    }
    service.stop();
}

/// Waits until all is as it was.
#[track_caller]
pub fn wait_same(after: &str, before: &str, notices: &[FibNotice]) {
    let until = Instant::now() + PATIENCE;
    let right = names_only(before);
    loop {
        let is = names_only(&everything());
        if is == right {
            return;
        }
        std::thread::park_timeout(Duration::from_millis(20));
        if Instant::now() > until {
            let missing: Vec<_> = right.iter().filter(|line| !is.contains(line)).collect();
            let surplus: Vec<_> = is.iter().filter(|line| !right.contains(line)).collect();
            panic!("after {after}: missing {missing:#?}, surplus {surplus:#?}; {notices:?}");
        }
    }
}

/// Without the MACs that the kernel chooses by chance, and in one order.
pub fn names_only(all: &str) -> Vec<String> {
    let mac = |word: &&str| !(word.len() == 17 && word.matches(':').count() == 5);
    let mut lines: Vec<String> =
        all.lines().map(|line| line.split_whitespace().filter(mac).collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

/// One that changes ten times ends as if it had not, and one that was an L2VNI in between, too.
pub fn an_l3vni_that_changes_leaves_nothing(form: VrfForm) {
    underlay();
    run("ip link add pa1 type veth peer name ha1");
    run("ip link set pa1 up");
    let tenant = |number| config(&[("a", number, &[("a1", 11, "pa1", GATEWAYS)])]);
    let mut bridged = config(&[("a", 5000, &[("a1", 11, "pa1", GATEWAYS)])]);
    bridged.vrfs.get_mut(&VrfName::from("a")).unwrap().vni = None;
    bridged.bridge_domains.insert("c".to_owned(), BridgeDomain::new(vni(5000), Vec::new()));
    let nothing = everything_at_rest();
    let mut service = Service::start_with(options(form), tenant(5000));
    let whole = |number| {
        move |devices: &VrfDevices| {
            devices.interfaces.len() == 1
                && devices.l3vni.as_ref().is_some_and(|l3vni| l3vni.vni == vni(number))
        }
    };
    let first = wait_vrf(&mut service, "a", whole(5000));
    let before = everything_at_rest();
    for round in 1..=10 {
        service.fib.send(FibRequest::Config(tenant(5000 + round)));
        // Not every time is there time for it to be done.
        if round % 3 == 0 {
            wait_vrf(&mut service, "a", whole(5000 + round));
        }
    }
    service.fib.send(FibRequest::Config(tenant(5000)));
    let last = wait_vrf(&mut service, "a", whole(5000));
    assert_eq!(last.l3vni.unwrap().router_mac, first.l3vni.unwrap().router_mac);
    wait_same("many changes", &before, &service.notices);
    // An L2VNI, and back.
    service.fib.send(FibRequest::Config(bridged));
    wait_vrf(&mut service, "a", |devices| devices.l3vni.is_none() && devices.interfaces.len() == 1);
    service.wait_up(5000);
    assert!(run("ip -d link show vx5000").contains("master br-c"));
    service.fib.send(FibRequest::Config(tenant(5000)));
    wait_vrf(&mut service, "a", whole(5000));
    wait_same("many changes", &before, &service.notices);
    assert!(
        !service.notices.iter().any(|notice| matches!(notice, FibNotice::Device { .. })),
        "{:?}",
        service.notices
    );
    service.stop();
    // Lines that went while nobody was there.
    let service = Service::start_with(options(form), config(&[]));
    wait_same("lines that went while nobody was there", &nothing, &service.notices);
    service.stop();
}
