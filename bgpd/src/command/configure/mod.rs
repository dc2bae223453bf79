//! The lines of configuration. A handler edits a candidate; whoever called it decides whether the
//! candidate is applied, so a refused line leaves no trace.

pub mod bridge_domain;
pub mod community_list;
pub mod evpn;
pub mod foreign;
pub mod global;
mod instance;
mod list;
pub mod neighbor;
pub mod neighbor_family;
pub mod prefix_list;
pub mod route_map;
pub mod route_map_match;
pub mod route_map_set;
pub mod route_target;
pub mod router;
pub mod rt_filter;
pub mod unicast;
pub mod vrf;
pub mod vrf_evpn;

pub use instance::Instance;

use super::{Command, Mode, Reject, ShellAction};
use crate::config::{
    Bgp, BgpVrf, BridgeDomain, Config, Evpn, RouteMapEntry, Unicast, VniConfig, Vrf, VrfEvpn,
};

/// What every configuration mode has.
pub static COMMANDS: &[Command] = &[
    Command::shell("exit", |_| Ok(ShellAction::Exit)),
    Command::shell("quit", |_| Ok(ShellAction::Exit)),
    Command::shell("end", |_| Ok(ShellAction::End)),
    Command::shell("do LINE$line", |args| {
        Ok(ShellAction::Do(args.text("line").unwrap_or_default().to_owned()))
    }),
];

/// A candidate configuration and the place in it.
#[derive(Debug)]
pub struct Edit<'a> {
    /// The candidate.
    pub config: &'a mut Config,
    /// The modes entered; the handler's own is the last.
    pub path: &'a mut Vec<Mode>,
}

impl Edit<'_> {
    /// The speaker being configured.
    pub fn bgp(&mut self) -> Result<&mut Bgp, Reject> {
        self.config.bgp.as_mut().ok_or_else(|| Reject::line("`router bgp` was removed meanwhile"))
    }

    /// The IP-VRF whose BGP instance was entered; `None` in the speaker's own.
    pub fn instance_vrf(&self) -> Option<&str> {
        self.path.iter().rev().find_map(|mode| match mode {
            Mode::RouterVrf(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The BGP instance of the IP-VRF entered.
    pub fn bgp_vrf(&mut self) -> Result<&mut BgpVrf, Reject> {
        let name = self.instance_vrf().ok_or_else(|| Reject::line("only inside `router bgp N vrf NAME`"))?;
        let gone = Reject::line(format!("`router bgp vrf {name}` was removed meanwhile"));
        let name = name.to_owned();
        self.config.bgp_vrfs.get_mut(&name).ok_or(gone)
    }

    /// The BGP instance entered, as far as all instances are alike.
    pub fn instance(&mut self) -> Result<Instance<'_>, Reject> {
        if self.instance_vrf().is_some() {
            return self.bgp_vrf().map(Instance::of);
        }
        self.bgp().map(Instance::of)
    }

    /// The unicast family entered.
    pub fn unicast(&mut self) -> Result<&mut Unicast, Reject> {
        let ipv6 = self.path.last() == Some(&Mode::VrfIpv6);
        let bgp = self.bgp_vrf()?;
        Ok(if ipv6 { &mut bgp.ipv6 } else { &mut bgp.ipv4 })
    }

    /// The EVPN family of the IP-VRF entered.
    pub fn vrf_evpn(&mut self) -> Result<&mut VrfEvpn, Reject> {
        Ok(&mut self.bgp_vrf()?.evpn)
    }

    /// The IP-VRF entered.
    pub fn vrf(&mut self) -> Result<&mut Vrf, Reject> {
        let Some(Mode::Vrf(name)) = self.path.last() else {
            return Err(Reject::line("only inside a `vrf` block"));
        };
        let gone = || Reject::line(format!("`vrf {name}` was removed meanwhile"));
        self.config.vrfs.get_mut(name).ok_or_else(gone)
    }

    /// Its EVPN address family.
    pub fn evpn(&mut self) -> Result<&mut Evpn, Reject> {
        Ok(&mut self.bgp()?.evpn)
    }

    /// The `vni` block entered.
    pub fn vni(&mut self) -> Result<&mut VniConfig, Reject> {
        let Some(Mode::Vni(vni)) = self.path.last() else {
            return Err(Reject::line("only inside a `vni` block"));
        };
        let vni = *vni;
        let gone = || Reject::line(format!("`vni {vni}` was removed meanwhile"));
        self.evpn()?.vnis.get_mut(&vni).ok_or_else(gone)
    }

    /// The bridge domain entered.
    pub fn bridge_domain(&mut self) -> Result<&mut BridgeDomain, Reject> {
        let Some(Mode::BridgeDomain(name)) = self.path.last() else {
            return Err(Reject::line("only inside a `bridge-domain` block"));
        };
        let gone = || Reject::line(format!("`bridge-domain {name}` was removed meanwhile"));
        self.config.bridge_domains.get_mut(name).ok_or_else(gone)
    }

    /// The entry of a route-map entered.
    pub fn route_map_entry(&mut self) -> Result<&mut RouteMapEntry, Reject> {
        let Some(Mode::RouteMap(name, order)) = self.path.last() else {
            return Err(Reject::line("only inside a `route-map` entry"));
        };
        let gone = || Reject::line(format!("`route-map {name}` {order} was removed meanwhile"));
        self.config.route_maps.get_mut(name).and_then(|map| map.get_mut(order)).ok_or_else(gone)
    }

    /// Goes into a mode.
    pub fn enter(&mut self, mode: Mode) {
        self.path.push(mode);
    }

    /// Goes back out of the innermost mode.
    pub fn leave(&mut self) {
        self.path.pop();
    }
}
