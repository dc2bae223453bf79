//! The order of configuration, devices, hosts and routes does not matter to IP-VRFs.

use super::super::order::{Event, Node};
use super::*;
use proptest::prelude::*;

const OTHER: u32 = 20;

fn blue() -> VrfName {
    VrfName::from("blue")
}

/// Everything that can be told without one host being at two places.
fn events() -> Vec<Event> {
    let core = DomainId::of_name("core");
    let vrf = |number| IpVrfConfig { vni: Vni::new(number), ..IpVrfConfig::default() };
    let vrfs = BTreeMap::from([(red(), vrf(L3VNI)), (blue(), vrf(6000))]);
    let config = EvpnConfig { vrfs, advertise_svi_ip: true, other_domains: vec![core], ..config(1) };
    let mut all = vec![Event::Config(Box::new(config))];
    let mut local = |event| all.push(Event::Local(event));
    local(vrf_up(1));
    let mut of_blue = vrf_devices(1);
    of_blue.l3vni.as_mut().unwrap().vni = vni(6000);
    local(LocalEvent::VrfUp { vrf: blue(), devices: of_blue });
    local(vni_up(1));
    let subnet = VniDevices {
        svi_addresses: vec![ip("10.0.1.254")],
        svi_subnets: vec![net("10.0.1.0/24")],
        ..routed_devices(1)
    };
    local(LocalEvent::VniUp { vni: vni(OTHER), devices: subnet });
    for (number, h) in [(VNI, 1), (VNI, 2), (OTHER, 3)] {
        let (v, mac) = (vni(number), mac(h));
        let address = ip(&format!("10.0.{}.{h}", u8::from(number == OTHER)));
        local(LocalEvent::Mac { vni: v, mac, port: (3, "eth1".into()), sticky: false });
        local(LocalEvent::Neighbour { vni: v, ip: address, mac, source: NeighbourSource::Snooped });
    }
    let mut route = |route| all.push(Event::Route(Box::new(route)));
    for n in 2..4 {
        // The same host from two leaves: a tie, and a newer one.
        route(host(n, mac(50), "10.0.0.50"));
        let mut newer = host(n, mac(51), "fd00::51");
        newer.ext_communities.push(peer(n).sequence(u32::from(n)).communities[0]);
        route(newer);
        route(host_of_vni(n, 30, mac(60), "10.3.0.60"));
        route(prefix(n, "10.9.0.0/16"));
        // Behind hosts that are here, elsewhere, of a subnet that is not here, and nowhere.
        for (third, gateway) in [(1, "10.0.0.1"), (2, "10.0.0.50"), (3, "10.3.0.60"), (4, "10.4.0.4")] {
            route(behind(n, &format!("10.1{n}.{third}.0/24"), gateway));
        }
    }
    // Routed hosts of subnets that are here, and the gateway itself.
    for address in ["10.0.0.77/32", "10.0.1.77/32", "fd00::77/128", "10.0.0.254/32"] {
        route(prefix(4, address));
    }
    // Two labels and the MAC-VRF's target alone; one label and the IP-VRF's alone; ourselves.
    let mut partial = host(5, mac(70), "10.0.0.70");
    partial.ext_communities.remove(1);
    route(partial);
    let mut one = peer(5).mac_ip(mac(71), Some(ip("10.0.0.71")));
    one.ext_communities[0] = RouteTarget::auto(65000, vni(L3VNI)).community();
    route(one);
    route(host(1, mac(72), "10.0.0.72"));
    route(prefix(1, "10.8.0.0/16"));
    all
}

fn run(order: Vec<Event>) -> Node {
    let mut node = Node { leaf: Leaf::bare(1), rib: vec![] };
    order.into_iter().for_each(|event| node.take(event));
    node
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_everything_does_not_matter(order in Just(events()).prop_shuffle()) {
        let (first, second) = (run(events()), run(order));
        prop_assert!(first.leaf.paths.len() > 12 && first.leaf.desired.proxies.len() == 3);
        prop_assert_eq!(&first.leaf.paths, &second.leaf.paths);
        prop_assert_eq!(&first.leaf.active, &second.leaf.active);
        prop_assert_eq!(&first.leaf.desired, &second.leaf.desired);
        prop_assert_eq!(&first.leaf.routes, &second.leaf.routes);
        let counted = |node: &Node| {
            let view = node.leaf.evpn.ip_vrf(&red()).unwrap();
            let next_hops: Vec<VrfNextHopView> = node.leaf.evpn.vrf_next_hops(vni(L3VNI)).collect();
            (view.prefixes, view.host_paths, view.prefix_paths, view.unresolved, view.local_hosts, next_hops)
        };
        prop_assert_eq!(counted(&first), counted(&second));
    }

    /// Whatever came, once its devices are gone nothing is left of an IP-VRF.
    #[test]
    fn an_ip_vrf_that_goes_down_leaves_nothing(order in Just(events()).prop_shuffle(), some in 0usize..60) {
        let mut node = run(order.into_iter().take(some).collect());
        for vrf in [red(), blue()] {
            node.leaf.local(LocalEvent::VrfDown { vrf });
        }
        prop_assert!(node.leaf.has_no_paths() && node.leaf.active.is_empty());
        prop_assert!(node.leaf.desired.proxies.is_empty());
        for number in [VNI, OTHER] {
            node.leaf.local(LocalEvent::VniDown { vni: vni(number) });
        }
        node.leaf.configure(config(1));
        prop_assert_eq!(node.leaf.evpn.ip_vrfs().count(), 0);
        prop_assert!(node.leaf.routes.is_empty());
        prop_assert_eq!(&node.leaf.desired, &Desired::default());
    }

    /// Going away and coming back, each at any time, ends where it would have ended anyway.
    #[test]
    fn devices_may_come_and_go_meanwhile(
        order in Just(events()).prop_shuffle(), when in prop::collection::vec((0usize..60, 0u8..4), 1..8),
    ) {
        let wanted = run(events());
        let mut node = Node { leaf: Leaf::bare(1), rib: vec![] };
        let config = order.iter().find_map(|event| match event {
            Event::Config(config) => Some(config.clone()),
            _ => None,
        });
        let config = config.unwrap();
        for (at, event) in order.into_iter().enumerate() {
            node.take(event);
            for (_, what) in when.iter().filter(|(when, _)| *when == at) {
                match what {
                    0 => node.take(Event::Local(LocalEvent::VrfDown { vrf: red() })),
                    1 => {
                        let mut other = *config.clone();
                        other.vrfs.get_mut(&red()).unwrap().vni = Vni::new(5001);
                        node.take(Event::Config(Box::new(other)));
                    }
                    2 => {
                        let mut other = *config.clone();
                        other.vrfs.get_mut(&red()).unwrap().prefix_routes_only = true;
                        node.take(Event::Config(Box::new(other)));
                    }
                    _ => {
                        let outside = VniDevices { vrf: Some(blue()), ..routed_devices(1) };
                        node.take(Event::Local(LocalEvent::VniUp { vni: vni(VNI), devices: outside }));
                    }
                }
            }
        }
        node.take(Event::Config(config));
        node.take(Event::Local(vrf_up(1)));
        node.take(Event::Local(vni_up(1)));
        prop_assert_eq!(&wanted.leaf.paths, &node.leaf.paths);
        prop_assert_eq!(&wanted.leaf.active, &node.leaf.active);
        prop_assert_eq!(&wanted.leaf.desired, &node.leaf.desired);
        prop_assert_eq!(&wanted.leaf.routes, &node.leaf.routes);
    }
}
