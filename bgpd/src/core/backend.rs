//! The daemon as the shell sees it: operational commands and configurations, carried to the
//! core. Runs on threads of the management socket, which may wait; the core never does.

use super::CoreHandle;
use crate::{
    command::{
        Candidates, ExecBackend, ExecCommand, ExecError, Sink,
        exec::{ClearHow, ClearTarget, DuplicateFilter, VrfSelector},
    },
    config::Config,
    show,
    wire::Family,
};
use std::time::{Duration, Instant};
use weft_evpn::{Vni, engine};
use weft_fib::{ConsistencyReport, FibRequest};

/// How long a read-back of the kernel may take.
const CONSISTENCY_WAIT: Duration = Duration::from_secs(120);

/// Carries commands to the core.
#[derive(Debug, Clone)]
pub struct Backend {
    core: CoreHandle,
}

impl Backend {
    /// A backend on this core.
    pub fn new(core: CoreHandle) -> Self {
        Self { core }
    }

    /// The core behind it.
    pub fn core(&self) -> &CoreHandle {
        &self.core
    }

    /// Reads the kernel back and compares.
    fn consistency(&self) -> Result<ConsistencyReport, ExecError> {
        let fib = self.core.ask(|core, _| core.fib().cloned())?;
        let fib =
            fib.ok_or_else(|| ExecError("weftd runs without a kernel (-n): nothing to compare".into()))?;
        let (reply, mut report) = tokio::sync::oneshot::channel();
        fib.send(FibRequest::Consistency(reply));
        let until = Instant::now() + CONSISTENCY_WAIT;
        loop {
            match report.try_recv() {
                Ok(report) => return Ok(report),
                Err(tokio::sync::oneshot::error::TryRecvError::Closed) => {
                    return Err(ExecError("the kernel side has ended; restart weftd".into()));
                }
                Err(tokio::sync::oneshot::error::TryRecvError::Empty) if Instant::now() >= until => {
                    return Err(ExecError("the kernel did not answer in time; try again".into()));
                }
                Err(tokio::sync::oneshot::error::TryRecvError::Empty) => {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
    }

    fn clear_bgp(
        &self,
        vrf: Option<VrfSelector>,
        target: ClearTarget,
        how: ClearHow,
    ) -> Result<(), ExecError> {
        let cleared = self.core.order(move |core, now| core.clear(vrf.as_ref(), &target, how, now))?;
        if cleared == 0 { Err(ExecError("no such neighbor".into())) } else { Ok(()) }
    }

    fn clear_duplicates(&self, vni: Option<Vni>, what: DuplicateFilter) -> Result<(), ExecError> {
        let filter = match what {
            DuplicateFilter::All => engine::DuplicateFilter::All,
            DuplicateFilter::Mac(mac) => engine::DuplicateFilter::Mac(mac),
            DuplicateFilter::Ip(ip) => engine::DuplicateFilter::Ip(ip),
        };
        self.core.order(move |core, now| core.clear_duplicates(vni, filter, now))?;
        Ok(())
    }
}

impl ExecBackend for Backend {
    fn exec(&self, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
        match command {
            ExecCommand::ClearBgp { family: _, target, how } => self.clear_bgp(None, target, how),
            ExecCommand::ClearBgpVrf { vrf, afi: _, target, how } => self.clear_bgp(Some(vrf), target, how),
            ExecCommand::ClearEvpnDupAddr { vni, what } => self.clear_duplicates(vni, what),
            ExecCommand::ShowEvpnConsistency { json } => show::consistency(&self.consistency()?, json, out),
            command => show::show(&self.core, command, out),
        }
    }

    fn apply(&self, config: &Config) -> Result<(), ExecError> {
        self.core.apply(config.clone())
    }

    fn candidates(&self, what: Candidates) -> Vec<String> {
        let found = self.core.ask(move |core, _| match what {
            Candidates::Peers => core.peers().iter().map(|peer| peer.settings.address.to_string()).collect(),
            Candidates::Vnis => core.evpn().instances().map(|instance| instance.vni.to_string()).collect(),
            Candidates::Vrfs => core.vrfs().keys().map(ToString::to_string).collect(),
            _ => Vec::new(),
        });
        found.unwrap_or_default()
    }
}

impl super::Core {
    /// Clears sessions in an IP-VRF, or, with none named, outside of all; gives how many
    /// neighbours were meant.
    fn clear(
        &mut self,
        vrf: Option<&VrfSelector>,
        target: &ClearTarget,
        how: ClearHow,
        now: Instant,
    ) -> usize {
        let in_vrf = |peer: &super::Peer| match (vrf, peer.vrf()) {
            (None, None) | (Some(VrfSelector::All), Some(_)) => true,
            (Some(VrfSelector::Named(name)), Some(vrf)) => name == vrf.as_str(),
            _ => false,
        };
        let is_target = |peer: &super::Peer| match target {
            ClearTarget::All => true,
            ClearTarget::Peer(address) => peer.settings.address == *address,
            ClearTarget::PeerGroup(group) => peer.settings.peer_group.as_ref() == Some(group),
            ClearTarget::External => !peer.settings.is_internal(),
        };
        let meant = |peer: &&super::Peer| in_vrf(peer) && is_target(peer);
        let ids: Vec<_> = self.peers.iter().filter(meant).map(|peer| peer.id).collect();
        for &id in &ids {
            match how {
                ClearHow::Hard => self.reset(id),
                ClearHow::SoftIn => self.soft_in(id),
                ClearHow::SoftOut => self.soft_out(id, now),
                ClearHow::SoftBoth => {
                    self.soft_in(id);
                    self.soft_out(id, now);
                }
            }
        }
        ids.len()
    }

    fn reset(&mut self, id: crate::peer::PeerId) {
        let held_down = self.peers.get_mut(id).and_then(|peer| peer.held_down.take()).is_some();
        let cease = crate::peer::Cease::AdministrativeReset(None);
        self.command(
            id,
            if held_down {
                crate::peer::SessionCommand::Start
            } else {
                crate::peer::SessionCommand::Reset { cease }
            },
        );
    }

    fn soft_in(&mut self, id: crate::peer::PeerId) {
        for family in self.families_of(id) {
            if self.rib_of_mut(id).clear_in(id, family) == Ok(crate::rib::ClearIn::AskPeer) {
                self.ask_again(id, family);
            }
        }
    }

    fn soft_out(&mut self, id: crate::peer::PeerId, now: Instant) {
        for family in self.families_of(id) {
            // A neighbour without a session is sent everything when it has one.
            let _ = self.rib_of_mut(id).route_refresh(id, family, crate::peer::RefreshKind::Normal, now);
        }
    }

    fn families_of(&self, id: crate::peer::PeerId) -> Vec<Family> {
        self.peers.get(id).map(|peer| peer.settings.families.keys().copied().collect()).unwrap_or_default()
    }

    fn clear_duplicates(&mut self, vni: Option<Vni>, filter: engine::DuplicateFilter, now: Instant) {
        self.evpn.clear_duplicates(vni, filter, now, &mut self.outputs);
    }
}
