//! Whatever comes in whatever order, the end is right.

use super::super::*;
use super::world::*;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, metric_of};
use crate::netlink::route::RouteMessage;
use ipnet::IpNet;
use proptest::prelude::*;
use weft_evpn::forwarding::{VrfForward, VrfNextHop};
use weft_evpn::vrf::VrfDevices;

#[derive(Debug, Clone)]
enum Step {
    Route(u8, Option<u8>),
    Attach(u8),
    Detach,
    Turn,
    Listen,
    DeleteRoute(u8),
    OverwriteRoute(u8),
    DeleteNexthop(u8),
    OverwriteNexthop(u8),
    DeleteOther(u8),
    Foreign(u8, bool),
    Flap(bool),
}

fn any_step() -> impl Strategy<Value = Step> {
    let which = 0..6_u8;
    prop_oneof![
        8 => (which.clone(), proptest::option::weighted(0.8, 0..9_u8)).prop_map(|(p, to)| Step::Route(p, to)),
        1 => (0..4_u8).prop_map(Step::Attach),
        1 => Just(Step::Detach),
        5 => Just(Step::Turn),
        2 => Just(Step::Listen),
        1 => which.clone().prop_map(Step::DeleteRoute),
        1 => which.clone().prop_map(Step::OverwriteRoute),
        1 => which.clone().prop_map(Step::DeleteNexthop),
        1 => which.clone().prop_map(Step::OverwriteNexthop),
        1 => which.clone().prop_map(Step::DeleteOther),
        1 => (which, any::<bool>()).prop_map(|(p, there)| Step::Foreign(p, there)),
        1 => any::<bool>().prop_map(Step::Flap),
    ]
}

fn prefix_of(which: u8) -> IpNet {
    match which {
        0..4 => host(u16::from(which)),
        _ => net(&format!("2001:db8:{which}::/64")),
    }
}

fn forward_of(which: u8) -> VrfForward {
    let via = |lasts: &[u8]| VrfForward::Via(lasts.iter().copied().map(through).collect());
    match which {
        0 => VrfForward::Discard,
        1 => VrfForward::Via(vec![through(2), VrfNextHop::Gateway("172.16.0.9".parse().unwrap())]),
        2 => VrfForward::Via(vec![VrfNextHop::Gateway("2001:db8:10::9".parse().unwrap())]),
        3 => VrfForward::Via(vec![VrfNextHop::Vtep {
            vtep: "2001:db8:ff::9".parse().unwrap(),
            router_mac: router_mac(9),
        }]),
        4 => via(&[2, 3]),
        5 => via(&[2, 3, 4]),
        _ => via(&[which - 4]),
    }
}

fn devices_of(which: u8) -> VrfDevices {
    let mut devices = devices(which != 1);
    match which {
        2 => devices.interfaces.clear(),
        3 => devices.l3vni.as_mut().unwrap().vni = Vni::new(6000).unwrap(),
        _ => {}
    }
    devices
}

impl World {
    fn step(&mut self, step: Step) {
        match step {
            Step::Route(which, to) => self.wish(prefix_of(which), to.map(forward_of)),
            Step::Attach(which) => self.attach(devices_of(which)),
            Step::Detach => self.detach(),
            Step::Turn => _ = self.turn(4),
            Step::Listen => self.listen(),
            Step::DeleteRoute(which) => {
                let _ = self.kernel.delete_route(prefix_of(which), metric_of(prefix_of(which)));
            }
            Step::OverwriteRoute(which) => {
                let prefix = prefix_of(which);
                if self.kernel.routes.contains_key(&(TABLE, prefix, metric_of(prefix))) {
                    let altered = RouteMessage { nexthop: Some(7), ..our_route(prefix, RTN_UNICAST, None) };
                    self.kernel.add_route(altered);
                }
            }
            Step::DeleteNexthop(which) => {
                if let Some(id) = self.kernel.nexthops.keys().nth(usize::from(which)).copied() {
                    self.kernel.delete_nexthop(id, false).unwrap();
                }
            }
            Step::OverwriteNexthop(which) => {
                let nexthop = self.kernel.nexthops.values().nth(usize::from(which)).cloned();
                if let Some(mut nexthop) = nexthop.filter(|nexthop| nexthop.gateway.is_some()) {
                    nexthop.onlink = !nexthop.onlink;
                    self.kernel.set_nexthop(nexthop, Mode::Replace).unwrap();
                }
            }
            Step::DeleteOther(which) => {
                let kernel = &mut self.kernel;
                let neighbour = kernel.neighbours.keys().nth(usize::from(which)).copied();
                let mac = kernel.fdb.keys().nth(usize::from(which)).copied();
                if let Some((bridge, ip)) = neighbour {
                    kernel.apply(&Op::NeighbourDelete { bridge, ip }).unwrap();
                }
                if let Some(mac) = mac {
                    let _ = kernel.apply(&Op::VxlanDelete { vxlan: VXLAN, mac });
                    let _ = kernel.apply(&Op::BridgeDelete { port: VXLAN, mac });
                }
            }
            Step::Foreign(which, true) => self.kernel.add_route(foreign(prefix_of(which), RTPROT_STATIC, 0)),
            Step::Foreign(which, false) => _ = self.kernel.delete_route(prefix_of(which), 0),
            // As the service does: a device that goes down makes everything doubtful.
            Step::Flap(tenant) => {
                self.kernel.flap(if tenant { TENANT } else { SVI });
                self.listen();
                if self.attached.is_some() {
                    self.sync();
                } else {
                    self.sync_nexthops();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Wishes, devices that come and go, notifications that are late or missing, foreign deletions and changes: in the
    /// end the kernel holds what is wanted and nothing else of ours.
    #[test]
    fn any_history_ends_right(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.step(Step::Attach(0));
        world.prune();
        world.settle();
        world.check();
        // A look at everything finds nothing to do.
        world.sync();
        prop_assert_eq!(world.turn(50), 0);
        // And when it is over, nothing is left.
        world.forwarding.want_nothing();
        world.settle();
        let ours = world.kernel.routes.values().filter(|route| route.protocol == RTPROT_BGP).count();
        prop_assert_eq!((ours, world.kernel.nexthops.len(), world.kernel.neighbours.len()), (0, 0, 0));
    }

    /// The same wishes in another order, the devices earlier or later: the same tables.
    #[test]
    fn the_order_of_arrival_does_not_matter(
        order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(),
        turns in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut world = World::new();
        for (step, turn) in order.into_iter().zip(turns) {
            match step {
                0..18 => world.wish(host(step as u16), via(&[2, 3 + (step % 3) as u8])),
                18 => world.attach(devices(true)),
                _ => world.prune(),
            }
            if turn {
                world.turn(5);
            }
        }
        world.settle();
        world.check();
        prop_assert_eq!(world.kernel.routes.len(), 18);
        // Four next hops, three groups.
        prop_assert_eq!(world.kernel.nexthops.len(), 7);
        prop_assert!(world.locals.is_empty() && world.notices.is_empty());
    }
}
