//! The two forms of an IP-VRF, behind one trait.

use super::tenant::Tenant;
use crate::model::Address;
use crate::netlink::constants::RTPROT_BGP;
use crate::netlink::rule::{Rule, RuleAction, TABLE_LOCAL, TABLE_MAIN};
use crate::netlink::table::{RouteKind, TableRoute};
use ipnet::IpNet;
use weft_evpn::vrf::VrfForm;

/// Preferences of our rules, in the order in which they are asked. They are as small as can be, since `local` stands
/// behind them and an operator's rules shall stand behind `local`.
mod preference {
    /// Neighbour discovery, which works by interface and not by table.
    pub const LINK_LOCAL: u32 = 1;
    /// The same, for the subnet fe80::/10 itself.
    pub const LINK_LOCAL_SUBNET: u32 = 2;
    /// What bears an IP-VRF's mark.
    pub const MARK: u32 = 3;
    /// And finds nothing there.
    pub const MARK_END: u32 = 4;
    /// What comes in, or is sent, by an IP-VRF's interface.
    pub const INTERFACE: u32 = 5;
    /// And finds nothing there.
    pub const INTERFACE_END: u32 = 6;
    /// The router's own addresses, in rule form.
    pub const LOCAL: u32 = 7;
    /// The same where there are VRF devices: the kernel's rule for these has 1000.
    pub const LOCAL_BEHIND_DEVICES: u32 = 32_765;
}

/// What a form of IP-VRF needs in the kernel.
pub trait VrfBackEnd {
    /// Rules for one IP-VRF with these interfaces.
    fn rules(&self, tenant: &Tenant, interfaces: &[String]) -> Vec<Rule>;

    /// Rules that are needed once, for all IP-VRFs of this form.
    fn common_rules(&self) -> Vec<Rule>;

    /// Behind which preference `from all lookup local` has to stand.
    fn local_preference(&self) -> u32;

    /// A gateway as an address of its bridge.
    fn address(&self, gateway: IpNet) -> Address;

    /// Routes that follow from a gateway on this interface and that the kernel does not make by itself.
    fn routes(&self, tenant: &Tenant, device: u32, gateway: IpNet) -> Vec<TableRoute>;

    /// Routes that the table has whatever its interfaces are.
    fn base_routes(&self, tenant: &Tenant) -> Vec<TableRoute>;

    /// Whether packets that come in have to be marked, so that the router's own replies find the table again.
    fn needs_marks(&self) -> bool;
}

/// The back end of a form.
pub fn back_end(form: VrfForm) -> &'static dyn VrfBackEnd {
    match form {
        VrfForm::Device => &DeviceForm,
        VrfForm::Rule => &RuleForm,
    }
}

/// A routing table that rules lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleForm;

/// A VRF device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceForm;

impl VrfBackEnd for RuleForm {
    fn rules(&self, tenant: &Tenant, interfaces: &[String]) -> Vec<Rule> {
        let lookup = RuleAction::Lookup(tenant.table);
        let mut rules = Vec::new();
        for ipv6 in [false, true] {
            let rule = |preference, action| Rule::ours(ipv6, preference, action);
            let mark = Some(tenant.table);
            rules.push(Rule { mark, ..rule(preference::MARK, lookup) });
            rules.push(Rule { mark, ..rule(preference::MARK_END, RuleAction::Unreachable) });
            for interface in interfaces {
                let name = || Some(interface.clone());
                for (at, action) in
                    [(preference::INTERFACE, lookup), (preference::INTERFACE_END, RuleAction::Unreachable)]
                {
                    rules.push(Rule { iif: name(), ..rule(at, action) });
                    rules.push(Rule { oif: name(), ..rule(at, action) });
                }
            }
        }
        rules
    }

    fn common_rules(&self) -> Vec<Rule> {
        let to = |net: &str, preference, table| Rule {
            to: net.parse().ok(),
            ..Rule::ours(true, preference, RuleAction::Lookup(table))
        };
        vec![
            to("ff00::/8", preference::LINK_LOCAL, TABLE_LOCAL),
            to("fe80::/10", preference::LINK_LOCAL, TABLE_LOCAL),
            to("fe80::/10", preference::LINK_LOCAL_SUBNET, TABLE_MAIN),
        ]
    }

    fn local_preference(&self) -> u32 {
        preference::LOCAL
    }

    fn address(&self, gateway: IpNet) -> Address {
        // The kernel would put the subnet's route into the main table, where tenants' subnets collide.
        Address { protocol: RTPROT_BGP, no_prefix_route: true, ..Address::from(gateway) }
    }

    fn routes(&self, tenant: &Tenant, device: u32, gateway: IpNet) -> Vec<TableRoute> {
        let subnet = TableRoute {
            table: tenant.table,
            prefix: gateway.trunc(),
            device,
            kind: RouteKind::Subnet,
            source: gateway.addr().is_ipv4().then_some(gateway.addr()),
        };
        let own = TableRoute {
            prefix: IpNet::from(gateway.addr()),
            kind: RouteKind::Local,
            source: None,
            ..subnet
        };
        if gateway.prefix_len() == gateway.max_prefix_len() { vec![own] } else { vec![own, subnet] }
    }

    fn base_routes(&self, _tenant: &Tenant) -> Vec<TableRoute> {
        // Rules end the search.
        Vec::new()
    }

    fn needs_marks(&self) -> bool {
        true
    }
}

impl VrfBackEnd for DeviceForm {
    fn rules(&self, _tenant: &Tenant, _interfaces: &[String]) -> Vec<Rule> {
        Vec::new()
    }

    fn common_rules(&self) -> Vec<Rule> {
        // The kernel makes its own, for all VRF devices.
        Vec::new()
    }

    fn local_preference(&self) -> u32 {
        preference::LOCAL_BEHIND_DEVICES
    }

    fn address(&self, gateway: IpNet) -> Address {
        Address { protocol: RTPROT_BGP, ..Address::from(gateway) }
    }

    fn routes(&self, _tenant: &Tenant, _device: u32, _gateway: IpNet) -> Vec<TableRoute> {
        Vec::new()
    }

    fn base_routes(&self, tenant: &Tenant) -> Vec<TableRoute> {
        // Without these, what the table does not know would be looked for in the main table. In a VRF of the
        // operator's that may be what the operator wants.
        if !tenant.ours {
            return Vec::new();
        }
        let end = |prefix: &str| prefix.parse().ok().map(|prefix| TableRoute::end(tenant.table, prefix));
        ["0.0.0.0/0", "::/0"].into_iter().filter_map(end).collect()
    }

    fn needs_marks(&self) -> bool {
        false
    }
}
