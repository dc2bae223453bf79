//! The routes of a shape, one by one: which VTEP and VNI each is of, its NLRI, and its attributes. Hosts
//! can move: `Placement` says where each one is that is not at home any more.
//!
//! Everything is computed from numbers, nothing is kept for a route: a plan of a million routes is as
//! small as its groups of VTEP and VNI. Attributes are those that FRR and Weft send for such routes.

use super::shape::{Draw, KINDS, Kind, Shape};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use weft_bgpd::wire::AttributeSet;
use weft_evpn::community::MacMobility;
use weft_evpn::nlri::{EvpnRoute, InclusiveMulticast, IpPrefix, MacIp};
use weft_evpn::pmsi::PmsiTunnel;
use weft_evpn::{Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni};

/// Number of the first L3VNI: above all L2VNIs.
pub const FIRST_L3VNI: u32 = 0x00c0_0000;

/// The routes of one VTEP in one VNI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Number of the VTEP, from 0.
    pub vtep: u32,
    /// Number of the VNI, from 0.
    pub vni: u32,
    /// Number of its first host; the hosts behind have the next ones. A host has one route of each kind
    /// of type 2, as far as there are so many of the kind.
    first_host: u32,
    /// Number of its first prefix, of both families.
    first_prefix: u32,
    /// How many routes of each kind.
    counts: [(Kind, u32); KINDS.len()],
}

impl Group {
    /// How many hosts it has; each has at least one route of type 2.
    pub fn hosts(&self) -> u32 {
        self.largest(Kind::is_host)
    }

    fn prefixes(&self) -> u32 {
        self.largest(Kind::is_prefix)
    }

    /// How many routes of a kind it has.
    pub fn routes_of(&self, kind: Kind) -> u32 {
        self.counts.iter().find(|(of, _)| *of == kind).map_or(0, |(_, count)| *count)
    }

    fn largest(&self, of: fn(Kind) -> bool) -> u32 {
        self.counts.iter().filter(|(kind, _)| of(*kind)).map(|(_, count)| *count).max().unwrap_or(0)
    }
}

/// One route: a kind and a number in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// Its kind.
    pub kind: Kind,
    /// The VTEP that advertises it: that of the group, or where the host has moved.
    pub vtep: u32,
    /// Number of the VNI.
    pub vni: u32,
    /// Number of the host or prefix; 0 for type 3.
    pub number: u32,
    /// MAC mobility sequence; 0 before the first move.
    pub sequence: u32,
}

/// Where a host is that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The VTEP.
    pub vtep: u32,
    /// How often it has moved.
    pub sequence: u32,
}

/// The hosts that have moved, by their number.
#[derive(Debug, Clone, Default)]
pub struct Placement(HashMap<u32, Place>);

/// All routes of a shape.
#[derive(Debug, Clone)]
pub struct Plan {
    shape: Shape,
    groups: Vec<Group>,
    /// Length of the IPv4 prefixes.
    prefix_length: u8,
}

/// A host, found by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host {
    group: usize,
    number: u32,
}

/// A host before and after a move.
#[derive(Debug, Clone)]
pub struct Moved {
    /// Its routes where it was, to be withdrawn.
    pub left: Vec<Route>,
    /// Its routes where it is.
    pub came: Vec<Route>,
}

impl Plan {
    /// The routes of a shape that `check` accepts.
    pub fn new(shape: Shape) -> Self {
        let mut draw = Draw::new(shape.seed);
        let cells = u64::from(shape.vteps) * u64::from(shape.vnis);
        let type_3 = if shape.imet { u32::try_from(cells).unwrap_or(u32::MAX) } else { 0 };
        let other = u64::from(shape.routes.saturating_sub(type_3));
        // Sizes are shares of a whole, so that they add up whatever they are.
        let weights: Vec<u64> =
            (0..cells).map(|_| if shape.shuffled { 1 + u64::from(draw.below(16)) } else { 1 }).collect();
        let whole: u64 = weights.iter().sum::<u64>().max(1);
        let (mut weighed, mut given) = (0u64, 0u64);
        let mut groups = Vec::with_capacity(weights.len());
        for (cell, weight) in (0u64..).zip(weights) {
            weighed += weight;
            let upto = other * weighed / whole;
            let share = u32::try_from(upto - given).unwrap_or(u32::MAX);
            let mut counts = KINDS.map(|kind| (kind, 0));
            for (kind, count) in shape.mix.split(given, share).chain(shape.imet.then_some((Kind::Imet, 1))) {
                if let Some(entry) = counts.iter_mut().find(|(of, _)| *of == kind) {
                    entry.1 = count;
                }
            }
            given = upto;
            let number = |of: u64| u32::try_from(of).unwrap_or(0);
            let (vtep, vni) = (number(cell / u64::from(shape.vnis)), number(cell % u64::from(shape.vnis)));
            groups.push(Group { vtep, vni, first_host: 0, first_prefix: 0, counts });
        }
        if shape.shuffled {
            draw.shuffle(&mut groups);
        }
        let (mut hosts, mut prefixes) = (shape.first_host, 0);
        for group in &mut groups {
            (group.first_host, group.first_prefix) = (hosts, prefixes);
            hosts += group.hosts();
            prefixes += group.prefixes();
        }
        let prefix_length = match prefixes {
            0..=0xffff => 24,
            0x1_0000..=0xf_ffff => 28,
            _ => 32,
        };
        Self { shape, groups, prefix_length }
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The routes of one group that have not moved away, and those of its hosts that have, in the order in
    /// which they are sent.
    pub fn routes<'a>(
        &'a self,
        group: &'a Group,
        placement: &'a Placement,
    ) -> impl Iterator<Item = Route> + 'a {
        group.counts.iter().flat_map(move |&(kind, count)| {
            (0..count).map(move |index| self.route(group, kind, index, placement))
        })
    }

    /// The groups, in the order in which they are sent.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    fn route(&self, group: &Group, kind: Kind, index: u32, placement: &Placement) -> Route {
        let (vtep, vni) = (group.vtep, group.vni);
        let number = match kind {
            Kind::Imet => 0,
            Kind::Prefix4 | Kind::Prefix6 => group.first_prefix + index,
            Kind::Mac | Kind::Ipv4 | Kind::Ipv6 => group.first_host + index,
        };
        let place = placement.0.get(&number).filter(|_| kind.is_host());
        let place = place.copied().unwrap_or(Place { vtep, sequence: 0 });
        Route { kind, vtep: place.vtep, vni, number, sequence: place.sequence }
    }

    /// How many hosts there are to move.
    pub fn hosts(&self) -> u32 {
        self.groups.last().map_or(0, |group| group.first_host + group.hosts() - self.shape.first_host)
    }

    /// The host with this number.
    pub fn host(&self, number: u32) -> Option<Host> {
        let group = self.groups.partition_point(|group| group.first_host <= number).checked_sub(1)?;
        let first = self.groups.get(group)?;
        (number - first.first_host < first.hosts()).then_some(Host { group, number })
    }

    /// The host that the move number `index` is of: all hosts in turn, far from each other.
    pub fn host_of_move(&self, index: u32) -> Option<Host> {
        let hosts = u64::from(self.hosts());
        // A step without a common factor with the number of hosts meets every host.
        let step = (hosts * 5 / 8..).find(|&step| step > 0 && common_factor(step, hosts) == 1)?;
        let number = (u64::from(index) * step).checked_rem(hosts)?;
        self.host(self.shape.first_host + u32::try_from(number).ok()?)
    }

    /// Moves a host to the next VTEP.
    pub fn move_host(&self, host: Host, placement: &mut Placement) -> Moved {
        let Some(group) = self.groups.get(host.group) else {
            return Moved { left: Vec::new(), came: Vec::new() };
        };
        let index = host.number - group.first_host;
        let routes = |placement: &Placement| {
            let kinds = group.counts.iter().filter(|(kind, count)| kind.is_host() && index < *count);
            kinds.map(|(kind, _)| self.route(group, *kind, index, placement)).collect::<Vec<_>>()
        };
        let left = routes(placement);
        let place = placement.0.entry(host.number).or_insert(Place { vtep: group.vtep, sequence: 0 });
        place.vtep = (place.vtep + 1) % self.shape.vteps;
        place.sequence += 1;
        Moved { left, came: routes(placement) }
    }

    fn vni(&self, vni: u32) -> Vni {
        Vni::new(self.shape.first_vni + vni).unwrap_or(Vni::LOWEST)
    }

    fn tenant(&self, vni: u32) -> u32 {
        vni % self.shape.tenants
    }

    fn l3vni(&self, vni: u32) -> Vni {
        Vni::new(FIRST_L3VNI + self.tenant(vni)).unwrap_or(Vni::LOWEST)
    }

    fn route_distinguisher(&self, route: &Route) -> RouteDistinguisher {
        // MAC-VRFs have odd numbers, IP-VRFs even ones.
        let number = if route.kind.is_prefix() { 2 * self.tenant(route.vni) + 2 } else { 2 * route.vni + 1 };
        match u16::try_from(number) {
            Ok(number) => RouteDistinguisher::ipv4(vtep_address(route.vtep), number),
            // More than 16 bits of VNIs: the number has 32 of the bits, the VTEP the other 16.
            Err(_) => RouteDistinguisher::two_octet_as((route.vtep & 0xffff) as u16, number),
        }
    }

    /// The NLRI.
    pub fn nlri(&self, route: &Route) -> EvpnRoute {
        let rd = self.route_distinguisher(route);
        let (esi, ethernet_tag) = (Esi::ZERO, EthernetTag(0));
        let number = route.number;
        match route.kind {
            Kind::Imet => EvpnRoute::InclusiveMulticast(InclusiveMulticast {
                rd,
                ethernet_tag,
                originator: vtep_address(route.vtep).into(),
            }),
            Kind::Mac | Kind::Ipv4 | Kind::Ipv6 => EvpnRoute::MacIp(MacIp {
                rd,
                esi,
                ethernet_tag,
                mac: host_mac(number),
                ip: host_address(route.kind, number),
                label1: self.vni(route.vni).to_label(),
                label2: self.has_l3(route).then(|| self.l3vni(route.vni).to_label()),
            }),
            Kind::Prefix4 | Kind::Prefix6 => {
                let (prefix, gateway): (IpNet, IpAddr) = if route.kind == Kind::Prefix4 {
                    let address = number.checked_shl(32 - u32::from(self.prefix_length)).unwrap_or(0);
                    let address = Ipv4Addr::from(0x0a00_0000 | (address & 0x00ff_ffff));
                    let net = Ipv4Net::new(address, self.prefix_length).unwrap_or_default();
                    (net.into(), Ipv4Addr::UNSPECIFIED.into())
                } else {
                    let address = Ipv6Addr::from(0xfd00_u128 << 112 | u128::from(number) << 64);
                    (Ipv6Net::new(address, 64).unwrap_or_default().into(), Ipv6Addr::UNSPECIFIED.into())
                };
                let label = self.l3vni(route.vni).to_label();
                EvpnRoute::IpPrefix(IpPrefix { rd, esi, ethernet_tag, prefix, gateway, label })
            }
        }
    }

    /// True where the route carries the L3VNI beside its L2VNI.
    fn has_l3(&self, route: &Route) -> bool {
        self.shape.symmetric && matches!(route.kind, Kind::Ipv4 | Kind::Ipv6)
    }

    /// What routes must have in common to stand in one UPDATE.
    pub fn attribute_key(&self, route: &Route) -> AttributeKey {
        let class = match route.kind {
            Kind::Imet => Class::Imet,
            Kind::Prefix4 | Kind::Prefix6 => Class::Prefix,
            _ if self.has_l3(route) => Class::Symmetric,
            _ => Class::Bridged,
        };
        let unique = self.shape.unique_attributes.then_some((route.kind, route.number));
        AttributeKey { vtep: route.vtep, vni: route.vni, class, sequence: route.sequence, unique }
    }

    /// The attributes.
    pub fn attributes(&self, key: &AttributeKey) -> AttributeSet {
        let next_hop: IpAddr = vtep_address(key.vtep).into();
        let (l2, l3) = (self.vni(key.vni), self.l3vni(key.vni));
        let target = |vni| RouteTarget::auto(self.shape.asn, vni).community();
        let mut communities = match key.class {
            Class::Bridged | Class::Imet => vec![target(l2)],
            Class::Symmetric => vec![target(l2), target(l3)],
            Class::Prefix => vec![target(l3)],
        };
        communities.push(ExtendedCommunity::ENCAPSULATION_VXLAN);
        if matches!(key.class, Class::Symmetric | Class::Prefix) {
            communities.push(ExtendedCommunity::router_mac(router_mac(key.vtep)));
        }
        if key.sequence > 0 {
            let mobility = MacMobility { sticky: false, sequence: key.sequence };
            communities.push(ExtendedCommunity::mac_mobility(mobility));
        }
        AttributeSet {
            next_hop: Some(next_hop),
            local_pref: Some(100),
            ext_communities: communities,
            pmsi: (key.class == Class::Imet).then(|| PmsiTunnel::ingress_replication(l2, next_hop)),
            large_communities: key
                .unique
                .map(|(kind, number)| vec![[self.shape.asn, kind as u32, number]])
                .unwrap_or_default(),
            ..AttributeSet::default()
        }
    }
}

/// What the attributes of a route hang on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttributeKey {
    vtep: u32,
    vni: u32,
    class: Class,
    sequence: u32,
    unique: Option<(Kind, u32)>,
}

/// The kinds of attribute sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Class {
    /// Type 2 of a MAC-VRF alone.
    Bridged,
    /// Type 2 of a MAC-VRF and an IP-VRF.
    Symmetric,
    Imet,
    Prefix,
}

/// The address of a VTEP.
pub fn vtep_address(vtep: u32) -> Ipv4Addr {
    Ipv4Addr::from(0xac10_0000 | (vtep + 1) & 0x000f_ffff)
}

fn router_mac(vtep: u32) -> MacAddr {
    let [_, b, c, d] = vtep.to_be_bytes();
    MacAddr([0x02, 0xff, 0xff, b, c, d])
}

/// The MAC of a host; its last four octets are the host's number.
pub fn host_mac(number: u32) -> MacAddr {
    let [a, b, c, d] = number.to_be_bytes();
    MacAddr([0x02, 0x00, a, b, c, d])
}

fn host_address(kind: Kind, number: u32) -> Option<IpAddr> {
    match kind {
        Kind::Ipv4 => Some(Ipv4Addr::from(0x0a00_0000 | (number & 0x00ff_ffff)).into()),
        Kind::Ipv6 => Some(Ipv6Addr::from(0xfd00_u128 << 112 | 1 << 80 | u128::from(number)).into()),
        _ => None,
    }
}

fn common_factor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_factor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn all(plan: &Plan, placement: &Placement) -> Vec<Route> {
        plan.groups().iter().flat_map(|group| plan.routes(group, placement)).collect()
    }

    #[test]
    fn a_plan_has_as_many_different_routes_as_were_asked_for() {
        for seed in 0..60 {
            let shape = Shape::random(seed, 3_000);
            let plan = Plan::new(shape.clone());
            let routes = all(&plan, &Placement::default());
            let nlri: HashSet<Vec<u8>> = routes.iter().map(|route| plan.nlri(route).to_wire()).collect();
            assert_eq!((routes.len(), nlri.len()), (3_000, 3_000), "{shape:?}");
            assert!(routes.iter().all(|route| route.vtep < shape.vteps && route.vni < shape.vnis));
        }
    }

    #[test]
    fn the_routes_of_the_budget_are_spread_evenly() {
        let plan = Plan::new(Shape::default());
        let sizes: HashSet<usize> =
            plan.groups().iter().map(|group| plan.routes(group, &Placement::default()).count()).collect();
        assert_eq!((plan.groups().len(), sizes), (6_400, HashSet::from([156, 157])));
    }

    #[test]
    fn attributes_are_those_of_a_vtep() {
        let shape = Shape {
            routes: 20,
            vteps: 2,
            vnis: 2,
            imet: true,
            symmetric: true,
            mix: "mac=1,ipv4=1,prefix4=1".parse().unwrap(),
            ..Shape::default()
        };
        let plan = Plan::new(shape);
        let mut seen = HashSet::new();
        for route in all(&plan, &Placement::default()) {
            let set = plan.attributes(&plan.attribute_key(&route));
            let text: Vec<String> = set.ext_communities.iter().map(ToString::to_string).collect();
            let next_hop = vtep_address(route.vtep);
            assert_eq!(set.next_hop, Some(next_hop.into()));
            let l2 = format!("RT:65000:{}", 1001 + route.vni);
            let l3 = format!("RT:65000:{FIRST_L3VNI}");
            let rmac = format!("Rmac:02:ff:ff:00:00:0{}", route.vtep);
            let expected = match route.kind {
                Kind::Mac | Kind::Imet => vec![l2, "ET:8".into()],
                Kind::Ipv4 => vec![l2, l3, "ET:8".into(), rmac],
                _ => vec![l3, "ET:8".into(), rmac],
            };
            assert_eq!(text, expected, "{route:?}");
            assert_eq!(set.pmsi.is_some(), route.kind == Kind::Imet);
            seen.insert(route.kind);
        }
        assert_eq!(seen.len(), 4, "every kind was looked at");
    }

    #[test]
    fn a_move_changes_vtep_and_sequence_of_all_routes_of_the_host() {
        let plan = Plan::new(Shape {
            routes: 40,
            vteps: 2,
            vnis: 2,
            mix: "mac=1,ipv4=1".parse().unwrap(),
            ..Shape::default()
        });
        let mut placement = Placement::default();
        let host = plan.host_of_move(3).unwrap();
        let first = plan.move_host(host, &mut placement);
        assert_eq!((first.left.len(), first.came.len()), (2, 2));
        assert!(first.left.iter().all(|route| route.sequence == 0));
        assert!(first.came.iter().all(|route| route.sequence == 1 && route.vtep != first.left[0].vtep));
        let second = plan.move_host(host, &mut placement);
        assert_eq!(second.left, first.came);
        assert!(second.came.iter().all(|route| route.sequence == 2 && route.vtep == first.left[0].vtep));
        let attributes = plan.attributes(&plan.attribute_key(&second.came[0]));
        assert_eq!(attributes.ext_communities.last().unwrap().to_string(), "MM:2");
        // The table has the host where it is now, and as many routes as before.
        let routes = all(&plan, &placement);
        assert_eq!(routes.len(), 40);
        assert!(second.came.iter().all(|route| routes.contains(route)));
    }

    #[test]
    fn moves_meet_every_host_before_one_moves_again() {
        for routes in [1, 2, 7, 100, 1001] {
            let plan = Plan::new(Shape { routes, vteps: 4, vnis: 3, ..Shape::default() });
            let hosts: HashSet<u32> =
                (0..plan.hosts()).map(|index| plan.host_of_move(index).unwrap().number).collect();
            assert_eq!(hosts.len(), routes as usize);
        }
        let prefixes = Plan::new(Shape { mix: "prefix4".parse().unwrap(), ..Shape::default() });
        assert_eq!(prefixes.host_of_move(0), None);
    }

    #[test]
    fn unique_attributes_differ_for_each_route() {
        let plan = Plan::new(Shape {
            routes: 100,
            vteps: 2,
            vnis: 2,
            unique_attributes: true,
            mix: "mac=1,ipv4=1,prefix4=1".parse().unwrap(),
            ..Shape::default()
        });
        let sets: HashSet<AttributeSet> = all(&plan, &Placement::default())
            .iter()
            .map(|route| plan.attributes(&plan.attribute_key(route)))
            .collect();
        assert_eq!(sets.len(), 100);
    }
}
