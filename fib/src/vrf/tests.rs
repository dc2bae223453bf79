//! The plans of devices and of what IP-VRFs need beside them, carried out by a kernel that is a few maps.

use super::plan::{Routing, VrfOp, VrfPlan, plan};
use super::serve::served;
use super::tenant::{Tenants, tenants};
use super::want::{Wanted, want};
use crate::config::{BridgeDomain, FibConfig, Serve, Vrf};
use crate::devices::{DeviceOp, tests as devices};
use crate::event::FibNotice;
use crate::model::{Link, LinkKind, Links};
use crate::netlink::rule::{Rule, RuleAction, TABLE_LOCAL};
use proptest::prelude::*;
use std::collections::BTreeMap;
use weft_evpn::vrf::VrfForm;
use weft_evpn::{Vni, VrfName};

fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

fn config() -> FibConfig {
    FibConfig { vtep_source: "10.0.0.1".parse().ok(), serve: Serve::All, ..FibConfig::default() }
}

fn add_vrf(config: &mut FibConfig, name: &str, l3vni: u32) {
    config.vrfs.insert(name.into(), Vrf { vni: Some(vni(l3vni)), table: None });
}

fn add_domain(config: &mut FibConfig, name: &str, number: u32, vrf: Option<&str>, gateways: &[&str]) {
    let mut domain = BridgeDomain::new(vni(number), Vec::new());
    domain.vrf = vrf.map(VrfName::from);
    domain.gateways = gateways.iter().map(|gateway| gateway.parse().unwrap()).collect();
    config.bridge_domains.insert(name.to_owned(), domain);
}

/// What the kernel holds.
#[derive(Clone)]
struct Machine {
    links: Links,
    routing: Routing,
    form: VrfForm,
    /// Rules of this family are refused.
    refuses_rules: Option<bool>,
}

impl Machine {
    fn new(form: VrfForm) -> Self {
        let mut routing = Routing::default();
        for ipv6 in [false, true] {
            let local = Rule::ours(ipv6, 0, RuleAction::Lookup(TABLE_LOCAL));
            routing.rules.insert(Rule { protocol: 2, ..local });
        }
        Machine { links: devices::underlay(), routing, form, refuses_rules: None }
    }

    fn wanted(&self, config: &FibConfig) -> (Tenants, Wanted) {
        let tenants = tenants(config, &self.links, self.form);
        let wanted = want(config, &self.links, &tenants);
        (tenants, wanted)
    }

    /// Carries out at most so many steps. True when nothing was left to do.
    fn turn(&mut self, config: &FibConfig, limit: &mut usize) -> bool {
        let (tenants, wanted) = self.wanted(config);
        let ops = crate::devices::plan(config, &tenants, &self.links).ops;
        let ops = crate::devices::possible(ops, &wanted.unled(&self.routing));
        let VrfPlan { before, after } = plan(&wanted, &self.links, &self.routing);
        let done = before.is_empty() && ops.is_empty() && after.is_empty();
        for op in before {
            self.apply(&op, limit);
        }
        for op in ops {
            if *limit > 0 {
                *limit -= 1;
                devices::apply(&mut self.links, &op);
                self.forget_routes();
            }
        }
        for op in after {
            self.apply(&op, limit);
        }
        done
    }

    /// As the kernel does with routes of devices that are gone.
    fn forget_routes(&mut self) {
        let links = &self.links;
        self.routing.routes.retain(|route| route.device == 0 || links.get(route.device).is_some());
    }

    fn apply(&mut self, op: &VrfOp, limit: &mut usize) {
        if *limit == 0 {
            return;
        }
        *limit -= 1;
        match op {
            VrfOp::AddRule(rule) if self.refuses_rules == Some(rule.ipv6) => {}
            VrfOp::AddRule(rule) => assert!(self.routing.rules.insert(rule.clone()), "{rule}"),
            VrfOp::DeleteRule(rule) => assert!(self.routing.rules.remove(rule), "{rule}"),
            VrfOp::AddAddress { device, address, .. } => _ = self.links.add_address(*device, *address),
            VrfOp::DeleteAddress { device, address, .. } => _ = self.links.remove_address(*device, *address),
            VrfOp::AddRoute(route) => assert!(self.routing.routes.insert(*route), "{route}"),
            // It may have gone with its device a moment ago.
            VrfOp::DeleteRoute(route) => _ = self.routing.routes.remove(route),
        }
        // At every moment the router finds its own addresses, and a rule that leads ends the search behind it.
        for ipv6 in [false, true] {
            let rules = || self.routing.rules.iter().filter(move |rule| rule.ipv6 == ipv6);
            assert!(rules().any(Rule::is_local_for_all));
        }
    }

    /// No gateway stands where the underlay is.
    fn check_gateways(&self) {
        let in_main = |link: &&Link| {
            let master = link.master.and_then(|master| self.links.get(master));
            link.is_bridge() && master.is_none_or(|master| master.vrf_table().is_none())
        };
        for link in self.links.iter().filter(in_main) {
            assert_eq!(self.links.assigned(link.index).next(), None, "{}", link.name);
        }
    }

    fn settle(&mut self, config: &FibConfig) {
        for _ in 0..12 {
            if self.turn(config, &mut usize::MAX.clone()) {
                return;
            }
        }
        let (tenants, wanted) = self.wanted(config);
        panic!(
            "no end: {:?} {:?}",
            crate::devices::plan(config, &tenants, &self.links),
            plan(&wanted, &self.links, &self.routing)
        );
    }

    /// What is there, without the indexes that chance gives.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.routing.rules.iter().map(Rule::to_string).collect();
        for link in self.links.iter() {
            let master = link.master.map(|master| self.links.name(master));
            names.push(format!("{} {:?} {master:?} {:?} {}", link.name, link.kind, link.alias, link.up));
            names.extend(self.links.assigned(link.index).map(|address| format!("{} {address:?}", link.name)));
        }
        names.extend(
            self.routing.routes.iter().map(|route| format!("{route} dev {}", self.links.name(route.device))),
        );
        names.sort();
        names
    }
}

#[test]
fn a_tenant_is_led_to_its_table_and_nowhere_else() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, Some("red"), &["192.168.10.254/24", "2001:db8:10::254/64"]);
    let mut machine = Machine::new(VrfForm::Rule);
    machine.settle(&config);
    let (tenants, _) = machine.wanted(&config);
    let (up, notices) = served(&machine.links, &tenants, &machine.routing);
    assert_eq!(notices, []);
    let red = &up[&VrfName::from("red")];
    assert_eq!(red.l3vni.as_ref().unwrap().svi.1, "vx5000");
    assert_eq!(red.interfaces.len(), 1);
    assert_eq!(red.interfaces[0].addresses.len(), 2);
    for interface in ["br-blue", "vx5000"] {
        for ipv6 in [false, true] {
            let of = |rule: &&Rule| rule.iif.as_deref() == Some(interface) && rule.ipv6 == ipv6;
            let actions: Vec<RuleAction> =
                machine.routing.rules.iter().filter(of).map(|rule| rule.action).collect();
            assert_eq!(actions, [RuleAction::Lookup(red.table), RuleAction::Unreachable]);
        }
    }
    // Nothing is left when it goes.
    machine.settle(&FibConfig::default());
    assert_eq!(machine.names(), Machine::new(VrfForm::Rule).names());
}

#[test]
fn no_rule_is_missing_while_an_interface_works() {
    // After every number of steps, on the way there and back, no interface of a tenant works without its rules.
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, Some("red"), &["192.168.10.254/24"]);
    let mut start = Machine::new(VrfForm::Rule);
    for target in [config, FibConfig::default()] {
        for steps in 0.. {
            let (mut machine, mut left) = (start.clone(), steps);
            let mut done = false;
            while left > 0 && !done {
                done = machine.turn(&target, &mut left);
            }
            for link in ["vx5000", "br-blue"].iter().filter_map(|name| machine.links.named(name)) {
                let led = |rule: &&Rule| rule.iif.as_deref() == Some(link.name.as_str());
                assert!(!link.up || machine.routing.rules.iter().filter(led).count() == 4, "{}", link.name);
            }
            if done {
                start = machine;
                break;
            }
        }
    }
}

#[test]
fn a_gateway_of_a_tenant_is_at_no_moment_in_the_main_table() {
    // A domain that is bridged only and works, then with a gateway in a VRF device, then without again.
    let mut bridged = config();
    add_domain(&mut bridged, "blue", 10, None, &[]);
    let mut routed = config();
    add_vrf(&mut routed, "red", 5000);
    add_domain(&mut routed, "blue", 10, Some("red"), &["192.168.10.254/24", "2001:db8:10::254/64"]);
    let mut start = Machine::new(VrfForm::Device);
    start.settle(&bridged);
    for target in [routed, bridged] {
        for steps in 0.. {
            let (mut machine, mut left) = (start.clone(), steps);
            let mut done = false;
            while left > 0 && !done {
                done = machine.turn(&target, &mut left);
                machine.check_gateways();
            }
            machine.check_gateways();
            if done {
                start = machine;
                break;
            }
        }
    }
}

#[test]
fn a_gateway_waits_for_a_vrf_device_that_cannot_be_made() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, Some("red"), &["192.168.10.254/24"]);
    let mut machine = Machine::new(VrfForm::Device);
    machine.settle(&config);
    // Somebody deletes it, and the kernel is short of memory: what stood in it stands in the main table now.
    let red = machine.links.named("red").unwrap().index;
    devices::apply(&mut machine.links, &DeviceOp::Delete { index: red, name: "red".to_owned() });
    let (_, wanted) = machine.wanted(&config);
    let VrfPlan { before, after } = plan(&wanted, &machine.links, &machine.routing);
    for op in before.iter().chain(&after) {
        machine.apply(op, &mut usize::MAX.clone());
    }
    machine.check_gateways();
}

#[test]
fn an_interface_is_not_switched_on_without_its_rules() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, Some("red"), &["192.168.10.254/24"]);
    // The kernel takes no rules of one family for a while.
    for ipv6 in [false, true] {
        let mut machine = Machine::new(VrfForm::Rule);
        for refused in [Some(ipv6), None] {
            machine.refuses_rules = refused;
            for _ in 0..6 {
                machine.turn(&config, &mut usize::MAX.clone());
            }
            for name in ["vx5000", "br-blue"] {
                let up = machine.links.named(name).unwrap().up;
                assert_eq!(up, refused.is_none(), "{name} while {refused:?}");
            }
        }
    }
}

#[test]
fn a_vrf_device_of_the_operator_that_is_switched_off_is_left_alone() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, None, &[]);
    let mut machine = Machine::new(VrfForm::Device);
    let link = |index, name: &str, kind| Link { kind, up: false, ..devices::other(index, name) };
    machine.links.set(link(10, "red", LinkKind::Vrf { table: 100 }));
    machine.links.set(link(11, "br-blue", LinkKind::Bridge));
    let theirs = |machine: &Machine| ["red", "br-blue"].map(|name| machine.links.named(name).cloned());
    let before = theirs(&machine);
    machine.settle(&config);
    machine.settle(&FibConfig::default());
    assert_eq!(theirs(&machine), before);
}

#[test]
fn a_device_that_was_made_and_never_marked_goes_with_the_line_that_asked_for_it() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_domain(&mut config, "blue", 10, None, &[]);
    let mut machine = Machine::new(VrfForm::Device);
    let ops = crate::devices::plan(&config, &machine.wanted(&config).0, &machine.links).ops;
    for op in ops.iter().filter(|op| op.marks()) {
        devices::apply(&mut machine.links, op);
        let made = machine.links.named(op.device()).unwrap().clone();
        machine.links.set(Link { alias: None, group: crate::devices::NEWBORN, ..made });
    }
    let mut taken_over = machine.clone();
    taken_over.settle(&config);
    assert!(["red", "br-blue"].iter().all(|name| taken_over.links.named(name).unwrap().alias.is_some()));
    machine.settle(&FibConfig::default());
    assert_eq!(machine.names(), Machine::new(VrfForm::Device).names());
}

#[test]
fn what_contradicts_itself_is_refused_with_the_reason() {
    let mut config = config();
    add_vrf(&mut config, "red", 5000);
    add_vrf(&mut config, "green", 5000);
    add_vrf(&mut config, "white", 6000);
    add_domain(&mut config, "a", 10, Some("red"), &["192.168.10.254/24"]);
    add_domain(&mut config, "b", 11, Some("red"), &["192.168.10.1/25"]);
    add_domain(&mut config, "c", 12, Some("green"), &["192.168.10.254/24"]);
    config.vrfs.get_mut(&VrfName::from("white")).unwrap().table = Some(254);
    let links = devices::underlay();
    let tenants = tenants(&config, &links, VrfForm::Rule);
    let words = |key: &str| tenants.obstacles[key].clone();
    assert!(words("vrf red").contains("5000") && words("vrf green").contains("vrf red"));
    assert!(words("bridge-domain b").contains("bridge-domain a"));
    assert!(words("vrf white").contains("254"));
    assert!(!tenants.obstacles.contains_key("bridge-domain c"), "tenants may have the same subnets");
    assert!(tenants.by_name.values().all(|tenant| tenant.vni.is_none()));
    assert!(tenants.gateways("b", &config.bridge_domains["b"]).is_empty());
}

#[test]
fn devices_of_the_operator_are_served_and_none_are_made() {
    let mut config = FibConfig { serve: Serve::All, ..FibConfig::default() };
    add_vrf(&mut config, "red", 5000);
    let mut links = devices::underlay();
    let base = devices::other(0, "");
    links.set(Link { kind: LinkKind::Vrf { table: 100 }, ..devices::other(10, "red") });
    links.set(Link { kind: LinkKind::Bridge, master: Some(10), ..devices::other(11, "br10") });
    links.add_address(11, "192.168.10.254/24".parse::<ipnet::IpNet>().unwrap());
    links.set(Link { kind: LinkKind::Bridge, master: Some(10), ..devices::other(12, "br11") });
    links.add_address(12, "192.168.10.1/25".parse::<ipnet::IpNet>().unwrap());
    let vxlan = crate::model::Vxlan {
        vni: Some(vni(5000)),
        local: "10.0.0.1".parse().ok(),
        port: 4789,
        learning: false,
        external: false,
    };
    let mac = Some(weft_evpn::MacAddr([2, 0, 0, 0, 0, 1]));
    let l3 = Link { kind: LinkKind::Vxlan(vxlan), mac, index: 13, name: "l3".to_owned(), ..base };
    for (master, there) in [(None, false), (Some(10), true), (Some(11), true)] {
        links.set(Link { master, mac, ..l3.clone() });
        let mut bridge = links.get(11).unwrap().clone();
        bridge.mac = mac;
        links.set(bridge);
        let tenants = tenants(&config, &links, VrfForm::Rule);
        assert_eq!(
            want(&config, &links, &tenants),
            Wanted::default(),
            "nothing of the operator's is touched"
        );
        assert!(crate::devices::plan(&config, &tenants, &links).ops.is_empty());
        let (up, notices) = served(&links, &tenants, &Routing::default());
        let red = &up[&VrfName::from("red")];
        assert_eq!((red.form, red.table), (VrfForm::Device, 100));
        assert_eq!(red.l3vni.is_some(), there, "{master:?}");
        let refused =
            |notice: &FibNotice| matches!(notice, FibNotice::Vrf { reason, .. } if reason.contains("br11"));
        assert_eq!(notices.iter().any(refused), master != Some(11), "the overlapping one is not served");
    }
    // In another VRF than the configuration says.
    links.set(Link { kind: LinkKind::Vrf { table: 101 }, ..devices::other(20, "green") });
    links.set(Link { master: Some(20), ..l3 });
    let tenants = tenants(&config, &links, VrfForm::Rule);
    let (up, notices) = served(&links, &tenants, &Routing::default());
    assert!(up[&VrfName::from("red")].l3vni.is_none());
    assert!(notices.iter().any(|notice| notice.to_string().contains("green")), "{notices:?}");
}

/// A configuration of up to three tenants and four domains.
fn any_config() -> impl Strategy<Value = FibConfig> {
    let vrf = prop::option::of(0..3_u32);
    let domain = (vrf, any::<bool>(), any::<bool>(), 0..3_u32);
    let domains = prop::collection::vec(prop::option::of(domain), 4);
    (prop::collection::vec(prop::option::of(0..4_u32), 3), domains).prop_map(|(vrfs, domains)| {
        let names = ["red", "green", "a-vrf-with-a-long-name"];
        let mut made = config();
        for (name, number) in names.iter().zip(vrfs) {
            if let Some(number) = number {
                add_vrf(&mut made, name, 5000 + number);
            }
        }
        for (index, domain) in (0_u32..).zip(domains) {
            let Some((vrf, v4, v6, subnet)) = domain else { continue };
            let v4 = v4.then(|| format!("192.168.{subnet}.254/24"));
            let v6 = v6.then(|| format!("2001:db8:{subnet}::254/64"));
            let gateways: Vec<String> = v4.into_iter().chain(v6).collect();
            let gateways: Vec<&str> = gateways.iter().map(String::as_str).collect();
            // Sometimes the VNI of a tenant, which is refused there.
            let number = if subnet == 2 { 5003 } else { 10 + index };
            let taken = made.bridge_domains.values().any(|domain| domain.vni == vni(number));
            let number = if taken { 20 + index } else { number };
            let vrf = vrf.map(|vrf| names[vrf as usize]);
            add_domain(&mut made, &format!("d{index}"), number, vrf, &gateways);
        }
        made
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever configurations came before, how far each got, and whatever somebody removed in between: the last one
    /// ends in the same state as if it had been the first, and an empty one leaves nothing.
    #[test]
    fn the_last_configuration_counts(
        device_form in any::<bool>(),
        steps in prop::collection::vec((any_config(), 0..60_usize, 0..40_usize), 1..6),
    ) {
        let form = if device_form { VrfForm::Device } else { VrfForm::Rule };
        let mut machine = Machine::new(form);
        let mut last = None;
        for (config, mut limit, removed) in steps {
            while limit > 0 && !machine.turn(&config, &mut limit) {}
            // Somebody removes a rule, a route or a device of ours.
            if let Some(rule) = machine.routing.rules.iter().filter(|rule| rule.is_ours() && !rule.is_local_for_all()).nth(removed).cloned() {
                machine.routing.rules.remove(&rule);
            }
            if let Some(route) = machine.routing.routes.iter().nth(removed).copied() {
                machine.routing.routes.remove(&route);
            }
            let link = machine.links.iter().filter(|link| crate::devices::is_ours(link)).nth(removed % 8).map(Link::id);
            if let Some((index, name)) = link {
                devices::apply(&mut machine.links, &DeviceOp::Delete { index, name });
                machine.forget_routes();
            }
            last = Some(config);
        }
        let last = last.unwrap();
        machine.settle(&last);
        let mut fresh = Machine::new(form);
        fresh.settle(&last);
        prop_assert_eq!(machine.names(), fresh.names());
        machine.settle(&FibConfig::default());
        prop_assert_eq!(machine.names(), Machine::new(form).names());
    }

    /// Two tenants never share a table, a mark or an interface.
    #[test]
    fn tenants_share_nothing(config in any_config()) {
        let mut machine = Machine::new(VrfForm::Rule);
        machine.settle(&config);
        let mut owner: BTreeMap<String, u32> = BTreeMap::new();
        for rule in &machine.routing.rules {
            if let (RuleAction::Lookup(table), Some(name)) = (rule.action, rule.iif.as_ref().or(rule.oif.as_ref())) {
                prop_assert_eq!(*owner.entry(name.clone()).or_insert(table), table);
            }
            if let (RuleAction::Lookup(table), Some(mark)) = (rule.action, rule.mark) {
                prop_assert_eq!(table, mark);
            }
        }
        for route in &machine.routing.routes {
            prop_assert_eq!(owner[&machine.links.name(route.device)], route.table);
        }
    }
}
