//! Carries out the plans for devices, rules, addresses and routes of tables, one acknowledged message a step, and
//! spaces out what fails.

use super::NEWBORN;
use super::plan::{DeviceOp, VXLAN_PORT, plan, possible};
use crate::config::FibConfig;
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::socket::{Connection, RequestError};
use crate::netlink::table::{RouteKind, emit_address};
use crate::vrf::plan::VrfPlan;
use crate::vrf::{Routing, Tenants, VrfOp, Wanted};
use netlink_packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkMessage};
use nix::errno::Errno;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkMessageBuilder, LinkUnspec, LinkVrf, LinkVxlan};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

const FIRST_DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Steps on one device within [`WINDOW`] after which somebody else must be undoing them.
const MAX_STEPS: u32 = 40;
const WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct History {
    failures: u32,
    steps: u32,
    since: Instant,
    until: Option<Instant>,
}

/// What is wanted, and what is there.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The configuration.
    pub config: &'a FibConfig,
    /// Its IP-VRFs.
    pub tenants: &'a Tenants,
    /// What these need beside devices.
    pub wanted: &'a Wanted,
    /// Links and addresses of the kernel.
    pub links: &'a Links,
    /// Its rules, and routes of tenants' tables.
    pub routing: &'a Routing,
}

/// A step of either plan.
enum Step {
    Device(DeviceOp),
    Vrf(VrfOp),
}

impl Step {
    fn subject(&self) -> String {
        match self {
            Step::Device(op) => op.device().to_owned(),
            Step::Vrf(op) => op.subject(),
        }
    }

    fn is_ipv6(&self) -> bool {
        matches!(self, Step::Vrf(op) if op.is_ipv6())
    }
}

/// Keeps the configured devices, and what IP-VRFs need beside them, as they should be.
#[derive(Debug, Default)]
pub struct DeviceKeeper {
    histories: BTreeMap<String, History>,
    /// What the log was told, by device.
    told: BTreeMap<String, String>,
    /// Devices that got a mark; the kernel does not tell of that while they are switched off.
    marked: Vec<String>,
}

impl DeviceKeeper {
    /// The configuration has changed: what was done and undone before counts no more.
    pub fn configured(&mut self) {
        self.histories.clear();
    }

    /// Does what is to be done now.
    pub fn keep(
        &mut self,
        situation: Situation<'_>,
        connection: &mut Connection,
        now: Instant,
    ) -> Vec<FibNotice> {
        let Situation { config, tenants, wanted, links, routing } = situation;
        let devices = plan(config, tenants, links);
        let VrfPlan { before, after } = crate::vrf::plan(wanted, links, routing);
        let mut notices = Vec::new();
        self.told.retain(|device, _| {
            devices.obstacles.contains_key(device)
                || self.histories.get(device).is_some_and(|history| history.failures > 0)
        });
        for (device, error) in devices.obstacles {
            self.tell(device, error, &mut notices);
        }
        let ops = possible(devices.ops, &wanted.unled(routing));
        let steps = before.into_iter().map(Step::Vrf).chain(ops.into_iter().map(Step::Device));
        for step in steps.chain(after.into_iter().map(Step::Vrf)) {
            let subject = step.subject();
            if self.waits(&subject, now) {
                continue;
            }
            let done = match &step {
                Step::Device(op) => execute(op, connection),
                Step::Vrf(op) => execute_vrf(op, connection),
            };
            match done {
                Ok(()) => {
                    if let Step::Device(op) = &step
                        && op.marks()
                    {
                        self.marked.push(subject.clone());
                    }
                    if self.count_step(&subject, now) {
                        let error = "its settings are undone again and again; trying more slowly".to_owned();
                        self.tell(subject, error, &mut notices);
                    }
                }
                // It went away by itself: the notification is on its way.
                Err(RequestError::Refused(error)) if error.errno == Errno::ENODEV => {
                    self.count_failure(&subject, now);
                }
                // IPv6 is switched off here: then no packet of it comes in, either.
                Err(RequestError::Refused(error))
                    if step.is_ipv6() && matches!(error.errno, Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP) =>
                {
                    self.count_failure(&subject, now);
                }
                Err(error) => {
                    self.count_failure(&subject, now);
                    let words = match &step {
                        Step::Device(op) => words(op, &error),
                        Step::Vrf(op) => vrf_words(op, &error),
                    };
                    self.tell(subject, words, &mut notices);
                }
            }
        }
        notices
    }

    /// Devices to be asked for, by index: they have changed, and the kernel may not have said so.
    pub fn take_marked(&mut self) -> impl Iterator<Item = u32> + use<> {
        let index = |name: String| nix::net::if_::if_nametoindex(name.as_str()).ok();
        std::mem::take(&mut self.marked).into_iter().filter_map(index)
    }

    /// When something that failed is to be tried again.
    pub fn next_due(&self) -> Option<Instant> {
        self.histories.values().filter_map(|history| history.until).min()
    }

    fn tell(&mut self, device: String, error: String, notices: &mut Vec<FibNotice>) {
        if self.told.get(&device) != Some(&error) {
            notices.push(FibNotice::Device { device: device.clone(), error: error.clone() });
            self.told.insert(device, error);
        }
    }

    fn waits(&mut self, device: &str, now: Instant) -> bool {
        let Some(history) = self.histories.get_mut(device) else { return false };
        match history.until {
            Some(until) if until > now => true,
            _ => {
                history.until = None;
                false
            }
        }
    }

    fn history(&mut self, device: &str, now: Instant) -> &mut History {
        // Devices that were quiet for long are forgotten, so the map holds what is in trouble only.
        self.histories.retain(|name, history| {
            name == device || history.until.is_some() || now.saturating_duration_since(history.since) < WINDOW
        });
        self.histories.entry(device.to_owned()).or_insert(History {
            failures: 0,
            steps: 0,
            since: now,
            until: None,
        })
    }

    /// True when there were too many of them.
    fn count_step(&mut self, device: &str, now: Instant) -> bool {
        let history = self.history(device, now);
        history.failures = 0;
        if now.saturating_duration_since(history.since) > WINDOW {
            history.since = now;
            history.steps = 0;
        }
        history.steps += 1;
        let fought = history.steps >= MAX_STEPS;
        if fought {
            history.until = Some(now + WINDOW);
        }
        fought
    }

    fn count_failure(&mut self, device: &str, now: Instant) {
        let history = self.history(device, now);
        history.until =
            Some(now + FIRST_DELAY.saturating_mul(1 << history.failures.min(16)).min(LONGEST_DELAY));
        history.failures += 1;
    }
}

/// What the log says of a refusal.
fn words(op: &DeviceOp, error: &RequestError) -> String {
    let refused = |errno| matches!(error, RequestError::Refused(refusal) if refusal.errno == errno);
    match op {
        DeviceOp::AddBridge { .. } if refused(Errno::EOPNOTSUPP) => {
            "this kernel makes no bridges; load the module `bridge` or use a kernel with CONFIG_BRIDGE"
                .to_owned()
        }
        DeviceOp::AddVxlan { .. } if refused(Errno::EOPNOTSUPP) => {
            "this kernel makes no vxlan devices; load the module `vxlan` or use a kernel with CONFIG_VXLAN"
                .to_owned()
        }
        DeviceOp::AddVxlan { vni, .. } if refused(Errno::EEXIST) => {
            format!("another device has VNI {vni} on the same port; remove it")
        }
        DeviceOp::AddVrf { .. } if refused(Errno::EOPNOTSUPP) => {
            "this kernel makes no VRF devices; load the module `vrf` or use a kernel with CONFIG_NET_VRF"
                .to_owned()
        }
        DeviceOp::AddBridge { .. } | DeviceOp::AddVxlan { .. } | DeviceOp::AddVrf { .. } => {
            format!("it could not be made: {error}")
        }
        DeviceOp::Delete { .. } => format!("it could not be removed: {error}"),
        DeviceOp::Master { master: Some(_), .. } => format!("it could not be joined to its bridge: {error}"),
        _ => format!("it could not be set up: {error}"),
    }
}

fn vrf_words(op: &VrfOp, error: &RequestError) -> String {
    match op {
        VrfOp::AddRule(_) | VrfOp::AddAddress { .. } | VrfOp::AddRoute(_) => {
            format!("it could not be set: {error}")
        }
        VrfOp::DeleteRule(_) | VrfOp::DeleteAddress { .. } | VrfOp::DeleteRoute(_) => {
            format!("it could not be removed: {error}")
        }
    }
}

/// Carries out a step. Doing what is done already is no failure: the notification is on its way.
fn execute_vrf(op: &VrfOp, connection: &mut Connection) -> Result<(), RequestError> {
    let create = NLM_F_CREATE | NLM_F_EXCL;
    let (done, already) = match op {
        VrfOp::AddRule(rule) => {
            (connection.change(RTM_NEWRULE, create, |message| rule.emit(message)), Errno::EEXIST)
        }
        VrfOp::DeleteRule(rule) => {
            (connection.change(RTM_DELRULE, 0, |message| rule.emit(message)), Errno::ENOENT)
        }
        VrfOp::AddAddress { device, address, .. } => {
            let add = |message: &mut _| emit_address(*device, address, message);
            (connection.change(RTM_NEWADDR, create, add), Errno::EEXIST)
        }
        VrfOp::DeleteAddress { device, address, .. } => {
            let delete = |message: &mut _| emit_address(*device, address, message);
            (connection.change(RTM_DELADDR, 0, delete), Errno::EADDRNOTAVAIL)
        }
        VrfOp::AddRoute(route) => {
            // The end of a table is ours alone; subnets stand beside what else may be there.
            let flags = if route.kind == RouteKind::End { create } else { NLM_F_CREATE | NLM_F_APPEND };
            (connection.change(RTM_NEWROUTE, flags, |message| route.emit(message)), Errno::EEXIST)
        }
        VrfOp::DeleteRoute(route) => {
            (connection.change(RTM_DELROUTE, 0, |message| route.emit(message)), Errno::ESRCH)
        }
    };
    match done {
        Err(RequestError::Refused(error)) if error.errno == already => Ok(()),
        other => other,
    }
}

fn execute(op: &DeviceOp, connection: &mut Connection) -> Result<(), RequestError> {
    match op {
        // rtnetlink's builders switch on; a device must not work before it is marked and set up.
        DeviceOp::AddBridge { name, alias, mac } => {
            create(connection, LinkBridge::new(name).address(mac.0.to_vec()).down(), name, alias)
        }
        DeviceOp::AddVxlan { name, alias, vni, local, mtu, master, mac } => {
            let mut link = with_local(LinkVxlan::new(name, vni.get()), *local)
                .learning(false)
                .port(VXLAN_PORT)
                .mtu(*mtu)
                .down();
            if let Some(master) = master {
                link = link.controller(*master);
            }
            if let Some(mac) = mac {
                link = link.address(mac.0.to_vec());
            }
            create(connection, link, name, alias)
        }
        DeviceOp::AddVrf { name, alias, table } => {
            create(connection, LinkVrf::new(name, *table).down(), name, alias)
        }
        DeviceOp::Mac { index, mac, .. } => {
            change(connection, &LinkUnspec::new_with_index(*index).address(mac.0.to_vec()).build())
        }
        DeviceOp::NoAutoAddress { index, .. } => {
            let no_address = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
            let attribute = LinkAttribute::AfSpecUnspec(vec![no_address]);
            let link = LinkUnspec::new_with_index(*index).append_extra_attribute(attribute).build();
            match change(connection, &link) {
                // IPv6 is switched off in this kernel: then there is no address to be kept away, either.
                Err(RequestError::Refused(error)) if error.errno == Errno::EAFNOSUPPORT => Ok(()),
                other => other,
            }
        }
        DeviceOp::Alias { index, alias, .. } => {
            change(connection, &LinkUnspec::new_with_index(*index).alias(alias.clone()).build())
        }
        DeviceOp::VxlanPort { index, .. } => {
            let no_address = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
            let link = LinkBridgePort::new(*index)
                .learning(false)
                .neigh_suppress(true)
                .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![no_address]))
                .build();
            match change(connection, &link) {
                // IPv6 is switched off in this kernel: then there is no address to be kept away, either.
                Err(RequestError::Refused(error)) if error.errno == Errno::EAFNOSUPPORT => {
                    let port = LinkBridgePort::new(*index).learning(false).neigh_suppress(true);
                    change(connection, &port.build())
                }
                other => other,
            }
        }
        DeviceOp::VxlanLocal { index, name, vni, local } => {
            let link =
                with_local(LinkVxlan::new(name, vni.get()), *local).learning(false).index(*index).build();
            change(connection, &link)
        }
        DeviceOp::Mtu { index, mtu, .. } => {
            change(connection, &LinkUnspec::new_with_index(*index).mtu(*mtu).build())
        }
        DeviceOp::Master { index, master, .. } => {
            let link = LinkUnspec::new_with_index(*index);
            let link = match master {
                Some(master) => link.controller(*master),
                None => link.nocontroller(),
            };
            change(connection, &link.build())
        }
        DeviceOp::Up { index, .. } => change(connection, &LinkUnspec::new_with_index(*index).up().build()),
        DeviceOp::Delete { index, .. } => {
            connection.change_link(RTM_DELLINK, 0, &LinkUnspec::new_with_index(*index).build())
        }
    }
}

fn with_local(link: LinkMessageBuilder<LinkVxlan>, local: IpAddr) -> LinkMessageBuilder<LinkVxlan> {
    match local {
        IpAddr::V4(local) => link.local(local),
        IpAddr::V6(local) => link.local6(local),
    }
}

/// Makes a device, marks it as ours at once, and takes it out of the group that it was born into. (A creation cannot
/// carry the mark: the kernel does not look at it there.)
fn create<T>(
    connection: &mut Connection,
    link: LinkMessageBuilder<T>,
    name: &str,
    alias: &str,
) -> Result<(), RequestError> {
    let link = link.link_group(NEWBORN).build();
    connection.change_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link)?;
    let mark = LinkUnspec::new_with_name(name).alias(alias.to_owned()).link_group(0);
    change(connection, &mark.build())
}

fn change(connection: &mut Connection, link: &LinkMessage) -> Result<(), RequestError> {
    connection.change_link(RTM_NEWLINK, 0, link)
}
