//! What it costs, and where it ends.

use super::mac::{MacEntry, ROUTES_PER_MAC};
use super::neighbour::{HELD, IpEntry};
use super::*;

#[test]
fn entries_are_small() {
    assert!(size_of::<MacEntry>() <= 64, "{}", size_of::<MacEntry>());
    assert!(size_of::<IpEntry>() <= 40, "{}", size_of::<IpEntry>());
}

fn host(number: u32) -> (MacAddr, IpAddr) {
    let [a, b, c, d] = number.to_be_bytes();
    (MacAddr([2, 1, a, b, c, d]), Ipv4Addr::new(10, b, c, d).into())
}

#[test]
fn addresses_without_a_mac_are_bounded() {
    let mut leaf = Leaf::new(1);
    for number in 0..3 * HELD as u32 {
        let (mac, ip) = host(number);
        leaf.local(LocalEvent::Neighbour { vni: vni(VNI), ip, mac, source: NeighbourSource::Snooped });
    }
    let held = leaf.evpn.neighbours(vni(VNI)).count();
    assert!((HELD..=2 * HELD).contains(&held), "{held}");
    assert!(leaf.evpn.macs(vni(VNI)).count() <= 2 * HELD);
    assert_eq!(leaf.notices, [Notice::HeldNeighboursFull { vni: vni(VNI) }]);
    let (last, _) = host(3 * HELD as u32 - 1);
    leaf.mac(last);
    assert_eq!(leaf.evpn.neighbours_of(vni(VNI), last).len(), 1, "the newest are kept");
}

#[test]
fn addresses_of_one_local_mac_are_bounded() {
    let mut leaf = Leaf::new(1);
    leaf.mac(mac(1));
    for number in 0..neighbour::ADDRESSES_PER_MAC as u32 + 10 {
        let (_, ip) = host(number);
        leaf.local(LocalEvent::Neighbour {
            vni: vni(VNI),
            ip,
            mac: mac(1),
            source: NeighbourSource::Snooped,
        });
    }
    assert_eq!(leaf.evpn.neighbours(vni(VNI)).count(), neighbour::ADDRESSES_PER_MAC);
    assert_eq!(leaf.notices, [Notice::TooManyAddresses { vni: vni(VNI), mac: mac(1) }]);
}

#[test]
fn routes_of_one_mac_are_bounded() {
    let mut leaf = Leaf::new(1);
    for number in 0..ROUTES_PER_MAC as u32 + 10 {
        leaf.update(&peer(2).mac_ip(mac(1), Some(host(number).1)));
    }
    assert_eq!(leaf.evpn.mac(vni(VNI), mac(1)).unwrap().candidates, ROUTES_PER_MAC);
    assert_eq!(leaf.notices, [Notice::TooManyAddresses { vni: vni(VNI), mac: mac(1) }]);
    for number in 0..ROUTES_PER_MAC as u32 + 10 {
        leaf.withdraw(&peer(2).mac_ip(mac(1), Some(host(number).1)));
    }
    assert_eq!(leaf.desired, Desired::default());
    assert_eq!(leaf.evpn.macs(vni(VNI)).count(), 0);
}

#[test]
fn sources_are_let_go_with_their_routes() {
    let mut leaf = Leaf::new(1);
    for n in 2..200 {
        leaf.update(&peer(n).sequence(u32::from(n)).mac_ip(mac(1), Some(ip("10.0.0.1"))));
    }
    assert_eq!(leaf.remote(mac(1)), Some(vtep(199)));
    assert_eq!(leaf.evpn.shared.sources.len(), 198);
    for n in 2..200 {
        leaf.withdraw(&peer(n).mac_ip(mac(1), Some(ip("10.0.0.1"))));
    }
    let shared = &leaf.evpn.shared;
    assert_eq!((shared.sources.len(), shared.holders.len()), (0, 0));
}

#[test]
fn memory_is_counted_and_comes_back() {
    let mut leaf = Leaf::new(1);
    let empty = leaf.evpn.memory();
    for number in 0..2000 {
        let (mac, ip) = host(number);
        leaf.update(&peer(2).mac_ip(mac, Some(ip)));
    }
    let full = leaf.evpn.memory();
    assert_eq!((full.mac_vrfs[0].macs, full.mac_vrfs[0].addresses, full.sources), (2000, 2000, 1));
    let each = (full.bytes() - empty.bytes()) / 2000;
    assert!((104..=160).contains(&each), "{each} octets a route");
    for number in 0..2000 {
        let (mac, ip) = host(number);
        leaf.withdraw(&peer(2).mac_ip(mac, Some(ip)));
    }
    let left = leaf.evpn.memory();
    assert_eq!((left.mac_vrfs[0].macs, left.mac_vrfs[0].addresses), (0, 0));
    assert!(left.bytes() < empty.bytes() + 20_000, "{left:?}, empty {empty:?}");
}

/// How many octets of memory the process has.
pub(super) fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Routes of a measurement: half a million, or as `alone` has it.
pub(super) fn routes_to_measure() -> u32 {
    std::env::var("WEFT_TEST_ROUTES").map_or(500_000, |routes| routes.parse().unwrap())
}

/// Runs a measurement, an ignored test of this module, with 50,000 routes in a process of its own:
/// what other tests allocate is none of its routes'.
pub(super) fn alone(module: &str, test: &str) {
    let (_, module) = module.split_once("::").unwrap();
    let run = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{test}"), "--ignored", "--nocapture"])
        .env("WEFT_TEST_ROUTES", "50000")
        .output()
        .unwrap();
    let (said, failed) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success() && said.contains("1 passed"), "{said}{failed}");
}

#[test]
fn fifty_thousand_routes_cost_little() {
    alone(module_path!(), "half_a_million_routes_cost_little");
}

/// `cargo test --release -p weft-evpn -- --ignored --nocapture --test-threads 1 half_a_million`
#[test]
#[ignore = "long in a debug build, and measures its process; `fifty_thousand…` runs it with fewer routes"]
fn half_a_million_routes_cost_little() {
    for (vnis, with_mac_only) in [(1, false), (100, false), (100, true)] {
        let mut evpn = Evpn::new();
        let (now, mut out) = (Instant::now(), vec![]);
        evpn.handle(Input::Config(config(1)), now, &mut out);
        for number in 0..vnis {
            let event = LocalEvent::VniUp { vni: vni(VNI + number), devices: devices(1) };
            evpn.handle(Input::Local(event), now, &mut out);
        }
        let (before, start) = (resident(), Instant::now());
        let mut routes = 0;
        for number in 0..routes_to_measure() {
            let from = Peer { n: 2 + (number % 64) as u8, vni: VNI + number % vnis, communities: vec![] };
            let (mac, ip) = host(number);
            for ip in [Some(ip), None].into_iter().take(if with_mac_only { 2 } else { 1 }) {
                let route = from.mac_ip(mac, ip);
                let path = RoutePath {
                    next_hop: route.next_hop,
                    ext_communities: &route.ext_communities,
                    pmsi: None,
                    domain: crate::DomainId::default(),
                    d_path: &[],
                };
                out.clear();
                evpn.handle(Input::Route { route: &route.route, path: Some(path) }, now, &mut out);
                routes += 1;
            }
        }
        let (time, bytes) = (start.elapsed(), (resident() - before) / routes);
        println!("{vnis} VNIs, {routes} routes: {bytes} octets each, {time:?}");
        assert!(bytes <= 150);
    }
}
