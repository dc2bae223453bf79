//! Carries out device plans, one acknowledged message a step, and spaces out what fails.

use super::plan::{DeviceOp, Plan, VXLAN_PORT, plan};
use crate::config::FibConfig;
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::socket::{Connection, RequestError};
use netlink_packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute, LinkMessage};
use nix::errno::Errno;
use rtnetlink::{LinkBridge, LinkBridgePort, LinkUnspec, LinkVxlan};
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

/// Keeps the configured devices as they should be.
#[derive(Debug, Default)]
pub struct DeviceKeeper {
    histories: BTreeMap<String, History>,
    /// What the log was told, by device.
    told: BTreeMap<String, String>,
}

impl DeviceKeeper {
    /// Does what is to be done now. Gives notices for the log.
    pub fn keep(
        &mut self,
        config: &FibConfig,
        links: &Links,
        connection: &mut Connection,
        now: Instant,
    ) -> Vec<FibNotice> {
        let Plan { ops, obstacles } = plan(config, links);
        let mut notices = Vec::new();
        self.told.retain(|device, _| {
            obstacles.contains_key(device)
                || self.histories.get(device).is_some_and(|history| history.failures > 0)
        });
        for (device, error) in obstacles {
            self.tell(device, error, &mut notices);
        }
        for op in ops {
            let device = op.device().to_owned();
            if self.waits(&device, now) {
                continue;
            }
            match execute(&op, connection) {
                Ok(()) => {
                    if self.count_step(&device, now) {
                        let error = "its settings are undone again and again; trying more slowly".to_owned();
                        self.tell(device, error, &mut notices);
                    }
                }
                // It went away by itself: the notification is on its way.
                Err(RequestError::Refused(error)) if error.errno == Errno::ENODEV => {
                    self.count_failure(&device, now);
                }
                Err(error) => {
                    self.count_failure(&device, now);
                    self.tell(device, words(&op, &error), &mut notices);
                }
            }
        }
        notices
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
        DeviceOp::AddBridge { .. } | DeviceOp::AddVxlan { .. } => format!("it could not be made: {error}"),
        DeviceOp::Delete { .. } => format!("it could not be removed: {error}"),
        DeviceOp::Master { master: Some(_), .. } => format!("it could not be joined to its bridge: {error}"),
        _ => format!("it could not be set up: {error}"),
    }
}

fn execute(op: &DeviceOp, connection: &mut Connection) -> Result<(), RequestError> {
    match op {
        // rtnetlink's builders switch on; a device must not work before it is marked and set up.
        DeviceOp::AddBridge { name, mac } => {
            create(connection, &LinkBridge::new(name).address(mac.0.to_vec()).down().build())
        }
        DeviceOp::AddVxlan { name, vni, local, mtu, bridge } => {
            let link = with_local(LinkVxlan::new(name, vni.get()), *local)
                .learning(false)
                .port(VXLAN_PORT)
                .mtu(*mtu)
                .controller(*bridge)
                .down()
                .build();
            create(connection, &link)
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

fn with_local(
    link: rtnetlink::LinkMessageBuilder<LinkVxlan>,
    local: IpAddr,
) -> rtnetlink::LinkMessageBuilder<LinkVxlan> {
    match local {
        IpAddr::V4(local) => link.local(local),
        IpAddr::V6(local) => link.local6(local),
    }
}

fn create(connection: &mut Connection, link: &LinkMessage) -> Result<(), RequestError> {
    connection.change_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, link)
}

fn change(connection: &mut Connection, link: &LinkMessage) -> Result<(), RequestError> {
    connection.change_link(RTM_NEWLINK, 0, link)
}
