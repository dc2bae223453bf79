//! The order of configuration, devices, hosts and routes does not matter.

use super::*;
use proptest::prelude::*;

/// A leaf with the RIB that stands before it.
pub(super) struct Node {
    pub(super) leaf: Leaf,
    pub(super) rib: Vec<Origination>,
}

#[derive(Debug, Clone)]
pub(super) enum Event {
    Config(Box<EvpnConfig>),
    Local(LocalEvent),
    Route(Box<Origination>),
}

impl Node {
    pub(super) fn take(&mut self, event: Event) {
        let out = match event {
            Event::Config(config) => self.leaf.configure(*config),
            Event::Local(event) => self.leaf.local(event),
            Event::Route(route) => {
                let out = self.leaf.update(&route);
                self.rib.push(*route);
                out
            }
        };
        for output in out {
            if let Output::Import(wanted) = output {
                let matching = self.rib.iter().filter(|route| {
                    let targets = import::route_targets(&route.ext_communities);
                    targets.iter().any(|target| wanted.iter().any(|wanted| wanted.matches(*target)))
                });
                matching.for_each(|route| drop(self.leaf.update(route)));
            }
        }
    }
}

/// Everything that can be told without one host being at two places.
fn events() -> Vec<Event> {
    let block = VniConfig {
        import: vec!["*:10".parse().unwrap(), "65000:77".parse().unwrap()],
        ..VniConfig::default()
    };
    let vnis = BTreeMap::from([(vni(VNI), block), (vni(20), VniConfig::default())]);
    let config = EvpnConfig { advertise_all_vni: false, advertise_svi_ip: true, vnis, ..config(1) };
    let mut all = vec![Event::Config(Box::new(config))];
    let mut local = |event| all.push(Event::Local(event));
    for number in [VNI, 20] {
        let svi_addresses = vec![ip("10.0.0.254"), ip("fd00::254")];
        local(LocalEvent::VniUp { vni: vni(number), devices: VniDevices { svi_addresses, ..devices(1) } });
        for host in 1..4 {
            let port = (3, "eth1".to_string());
            let sticky = host == 3;
            local(LocalEvent::Mac { vni: vni(number), mac: mac(host), port, sticky });
            for address in [format!("10.0.0.{host}"), format!("fd00::{host}")] {
                let source = if host == 1 { NeighbourSource::Kernel } else { NeighbourSource::Snooped };
                local(LocalEvent::Neighbour { vni: vni(number), ip: ip(&address), mac: mac(host), source });
            }
        }
        // An address whose MAC never shows up.
        let source = NeighbourSource::Kernel;
        local(LocalEvent::Neighbour { vni: vni(number), ip: ip("10.0.0.99"), mac: mac(99), source });
    }
    let mut route = |route| all.push(Event::Route(Box::new(route)));
    for number in [VNI, 20] {
        for n in 2..4 {
            let from = |sequence| Peer { n, vni: number, communities: vec![] }.sequence(sequence);
            route(from(0).imet());
            // The same host from two leaves: a tie, and a newer one.
            route(from(1).mac_ip(mac(50), None));
            route(from(1).mac_ip(mac(50), Some(ip("10.0.0.50"))));
            route(from(u32::from(n)).mac_ip(mac(51), Some(ip("fd00::51"))));
            // One address at two MACs.
            route(from(u32::from(n)).mac_ip(mac(60 + n), Some(ip("10.0.0.60"))));
            // A sticky MAC that is here, too.
            route(from(9).mac_ip(mac(3), None));
        }
        // A sticky MAC, and its address, that local hosts claim.
        let owner = Peer { n: 4, vni: number, communities: vec![] }.sticky();
        route(owner.mac_ip(mac(2), None));
        route(owner.mac_ip(mac(2), Some(ip("10.0.0.1"))));
        // The bridge's address, and ourselves.
        route(owner.mac_ip(mac(70), Some(ip("10.0.0.254"))));
        let ours = Peer { n: 1, vni: number, communities: vec![] };
        route(ours.mac_ip(mac(71), Some(ip("10.0.0.71"))));
    }
    // Imported by the manual statement, with a label of another VNI, and not for VXLAN.
    let mut other = peer(5).mac_ip(mac(80), None);
    other.ext_communities = vec![RouteTarget::two_octet_as(65000, 77).community()];
    route(other.clone());
    let mut wrong = peer(5).mac_ip(mac(81), None);
    if let EvpnRoute::MacIp(route) = &mut wrong.route {
        route.label1 = [0, 0, 0];
    }
    route(wrong);
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_order_of_start_gives_the_same_end(order in Just(events()).prop_shuffle()) {
        let now = Instant::now();
        let run = |order: Vec<Event>| {
            let mut node = Node { leaf: Leaf::bare(1), rib: vec![] };
            node.leaf.now = now;
            order.into_iter().for_each(|event| node.take(event));
            // A neighbour may outlive a MAC that was here before its sticky owner was known.
            node.leaf.wait(neighbour::LINGER);
            node
        };
        let (first, second) = (run(events()), run(order));
        prop_assert!(first.leaf.desired.macs.len() > 8 && first.leaf.routes.len() > 12);
        prop_assert_eq!(&first.leaf.desired, &second.leaf.desired);
        prop_assert_eq!(&first.leaf.routes, &second.leaf.routes);
        for number in [VNI, 20] {
            let counted = |node: &Node| {
                let view = node.leaf.evpn.instance(vni(number)).unwrap();
                (view.local_macs, view.remote_macs, view.local_neighbours, view.remote_neighbours)
            };
            prop_assert_eq!(counted(&first), counted(&second));
        }
    }

    /// Whatever came, once the VNI is down nothing is left of it.
    #[test]
    fn a_vni_that_goes_down_leaves_nothing(order in Just(events()).prop_shuffle(), some in 0usize..80) {
        let mut node = Node { leaf: Leaf::bare(1), rib: vec![] };
        order.into_iter().take(some).for_each(|event| node.take(event));
        for number in [VNI, 20] {
            node.leaf.local(LocalEvent::VniDown { vni: vni(number) });
        }
        prop_assert!(node.leaf.routes.is_empty());
        prop_assert_eq!(&node.leaf.desired, &Desired::default());
        let shared = &node.leaf.evpn.shared;
        prop_assert_eq!((shared.sources.len(), shared.holders.len()), (0, 0));
        prop_assert_eq!(node.leaf.evpn.next_deadline(), None);
    }
}
