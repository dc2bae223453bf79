//! The lines of configuration. A handler edits a candidate; whoever called it decides whether the
//! candidate is applied, so a refused line leaves no trace.

pub mod evpn;
pub mod foreign;
pub mod global;
pub mod neighbor;
pub mod router;

use super::{Command, Mode, Reject, ShellAction};
use crate::config::{Bgp, BridgeDomain, Config, Evpn, VniConfig};

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

    /// Goes into a mode.
    pub fn enter(&mut self, mode: Mode) {
        self.path.push(mode);
    }

    /// Goes back out of the innermost mode.
    pub fn leave(&mut self) {
        self.path.pop();
    }
}
