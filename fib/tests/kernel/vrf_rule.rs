//! IP-VRFs in rule form, with packets: two tenants with the same addresses, hosts in namespaces of their own.

use crate::lab::*;
use crate::vrf_lab::{self, *};
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::VrfForm;
use weft_fib::netlink::nftables::{Nftables, Ruleset};

#[test]
fn tenants_with_equal_addresses_are_kept_apart() {
    in_namespace(|| tenants_are_kept_apart(VrfForm::Rule));
}

#[test]
fn drift_is_repaired() {
    in_namespace(|| vrf_lab::drift_is_repaired(VrfForm::Rule));
}

#[test]
fn an_l3vni_that_changes_leaves_nothing() {
    in_namespace(|| vrf_lab::an_l3vni_that_changes_leaves_nothing(VrfForm::Rule));
}

/// Whether a TCP connection from a host comes about.
fn connects(host: &Host, address: &str, port: u16) -> bool {
    host.try_run(&format!("timeout 1 bash -c exec<>/dev/tcp/{address}/{port}")).0
}

#[test]
fn the_router_speaks_bgp_and_nothing_else_with_its_tenants() {
    in_namespace(|| {
        underlay();
        let (a, b) = (
            Host::new("pa1", "192.168.10.1/24", "192.168.10.254"),
            Host::new("pb1", "192.168.10.1/24", "192.168.10.254"),
        );
        let _bgp = std::net::TcpListener::bind("0.0.0.0:179").unwrap();
        let _ssh = std::net::TcpListener::bind("0.0.0.0:22").unwrap();
        let mut service = Service::start_with(options(VrfForm::Rule), two_tenants());
        wait_vrf(&mut service, "b", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 1);
        for host in [&a, &b] {
            host.reaches("192.168.10.254");
            assert!(connects(host, "192.168.10.254", 179));
            assert!(!connects(host, "192.168.10.254", 22));
            assert!(!connects(host, "10.0.0.1", 179), "the underlay's address is none of a tenant's");
        }
        // Somebody removes the table, as a reload of a firewall does.
        Nftables::open().unwrap().remove().unwrap();
        wait_for("the table", || Nftables::open().unwrap().is_there().unwrap().then_some(()));
        a.reaches("192.168.10.254");
        assert!(!connects(&a, "192.168.10.254", 22));
        // A crash and another start: everything is found again.
        service.stop();
        let mut service = Service::start_with(options(VrfForm::Rule), two_tenants());
        wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some());
        a.reaches("192.168.10.254");
        service.shutdown(true);
        assert!(!Nftables::open().unwrap().is_there().unwrap());
    });
}

#[test]
fn the_marks_of_many_tenants_fit() {
    in_namespace(|| {
        let mut nftables = Nftables::open().unwrap();
        let mut ruleset = Ruleset::default();
        for number in 0..10_000_u32 {
            ruleset.marks.insert(format!("br-tenant{number}"), 10_000 + number);
            ruleset.gateways.insert(std::net::Ipv4Addr::from(0x0a00_0000 + number).into());
            ruleset.gateways.insert(std::net::Ipv6Addr::from(u128::from(number) | 0x2001 << 112).into());
        }
        nftables.replace(&ruleset).unwrap();
        assert!(nftables.is_there().unwrap());
        nftables.remove().unwrap();
    });
}

/// The kernel drops IPv4 routes with the last address of their device, and says nothing.
#[test]
fn a_route_that_went_with_an_address_is_missed() {
    in_namespace(|| {
        underlay();
        let _host = Host::new("pa1", "192.168.10.1/24", "192.168.10.254");
        let mut service = Service::start_with(options(VrfForm::Rule), two_tenants());
        let a =
            wait_vrf(&mut service, "a", |devices| devices.l3vni.is_some() && devices.interfaces.len() == 2);
        let table = a.table;
        let told = |wanted: bool| {
            move |event: &LocalEvent| {
                matches!(event, LocalEvent::Route { prefix, route, .. }
                    if prefix.to_string() == "192.168.99.0/24" && route.is_some() == wanted)
            }
        };
        // On a device whose addresses are none of a tenant's subnets.
        run("ip addr add 10.99.0.1/24 dev vx5001");
        run(&format!("ip route add 192.168.99.0/24 via 10.99.0.2 dev vx5001 onlink table {table}"));
        service.wait_local("the route", told(true));
        run("ip addr del 10.99.0.1/24 dev vx5001");
        assert!(!run(&format!("ip route show table {table}")).contains("192.168.99.0"));
        service.wait_local("its end", told(false));
        service.stop();
    });
}
