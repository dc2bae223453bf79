//! The core: the one owner of RIB and EVPN tables, on a thread of its own; a lone change it takes on that of its session (`desk`).
//!
//! ```text
//!  sessions ──SessionEvent──▶ ┌──────┐ ──Bytes, SessionCommand──▶ sessions
//!  fib ───────FibEvent──────▶ │ Core │ ──FibRequest────────────▶ fib
//!  mgmt ──────Request───────▶ └──────┘ ──answers───────────────▶ mgmt
//! ```
//!
//! A turn takes what waits (a bounded share of each queue), then settles: changed best paths
//! go to EVPN, what EVPN says goes back to the RIB and to the kernel, and what is left for the
//! neighbours is encoded and handed over. So a lone change goes out in the turn in which it
//! came, and a flood is packed. Decisions are in `rib`, `evpn` and `settings`; this module
//! only carries between them.

mod apply;
mod backend;
mod desk;
mod events;
mod facts;
mod handle;
mod memberships;
mod peers;
mod quiet;
mod restart;
mod run;
mod settings;
mod settle;
#[cfg(test)]
mod tests;
mod vrfs;

pub use backend::Backend;
pub use facts::read as system_facts;
pub use handle::{CoreGone, CoreHandle};
pub use memberships::Memberships;
pub use peers::{Live, Peer, Peers};
pub use restart::RunMarker;
pub use run::{Parts, spawn};
pub use settings::SystemFacts;
pub use vrfs::{Vrf, Vrfs};

use crate::{
    config::Config,
    log::Log,
    peer::{Cease, ListenRange, PeerId, SessionCommand},
    policy::Policies,
    rib::Rib,
    session::Sessions,
};
use std::time::{Duration, Instant};
use weft_evpn::{Evpn, engine::Output};
use weft_fib::{FLUSH_LIMIT, Fib, FibRequest};

/// How long End-of-RIB waits for neighbours after a restart, unless `bgp graceful-restart
/// select-defer-time` says otherwise. FRR's value.
const SELECT_DEFER_SECONDS: u16 = 360;
/// How long the sessions wait for the kernel side's first dump.
const KERNEL_WAIT: Duration = Duration::from_secs(5);
/// How long the end waits for the kernel's clearing: devices go after entries have had their time.
const END_WAIT: Duration = FLUSH_LIMIT.saturating_mul(2);
/// How long the kernel forwards on after the goodbyes, so that the others have other ways before
/// ours is gone.
const PARTING: Duration = Duration::from_millis(300);

/// RIB, EVPN tables and neighbours, and the ends of the channels to the rest of the daemon.
#[derive(Debug)]
pub struct Core {
    config: Config,
    facts: SystemFacts,
    log: Log,
    rib: Rib,
    evpn: Evpn,
    vrfs: Vrfs,
    policies: Policies,
    memberships: Memberships,
    /// Who may call without being configured.
    ranges: Vec<ListenRange>,
    peers: Peers,
    sessions: Sessions,
    fib: Option<Fib>,
    marker: Option<RunMarker>,
    /// What EVPN has said and is not carried out yet; empty between turns.
    outputs: Vec<Output>,
    /// Room for the next ones while these are carried out.
    spare_outputs: Vec<Output>,
    /// The kernel's first dump was read, or there is no kernel.
    kernel_known: bool,
    kernel_wait: Option<Instant>,
    sessions_started: bool,
    converged: bool,
    started: Instant,
    quiet: quiet::Quiet,
}

impl Core {
    /// A core with empty tables and this configuration. Nothing happens before `begin`.
    pub fn new(
        config: Config,
        facts: SystemFacts,
        log: Log,
        sessions: Sessions,
        fib: Option<Fib>,
        marker: Option<RunMarker>,
        now: Instant,
    ) -> Self {
        Self {
            config,
            facts,
            log,
            rib: Rib::new(apply::no_bgp(), now),
            evpn: Evpn::new(),
            vrfs: Vrfs::default(),
            policies: Policies::default(),
            memberships: Memberships::default(),
            ranges: Vec::new(),
            peers: Peers::default(),
            sessions,
            fib,
            marker,
            outputs: Vec::new(),
            spare_outputs: Vec::new(),
            kernel_known: false,
            kernel_wait: None,
            sessions_started: false,
            converged: false,
            started: now,
            quiet: quiet::Quiet::default(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the system said at start.
    pub fn facts(&self) -> &SystemFacts {
        &self.facts
    }

    /// The routing tables.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// The EVPN tables.
    pub fn evpn(&self) -> &Evpn {
        &self.evpn
    }

    /// The neighbours.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// The sessions, for their status.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// The kernel side; `None` with `-n`.
    pub fn fib(&self) -> Option<&Fib> {
        self.fib.as_ref()
    }

    /// When the daemon started.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The first configuration is applied; sessions follow when the kernel is known, so that
    /// what the kernel holds is told with the first routes.
    /// # Errors
    /// The configuration cannot be carried out here.
    pub fn begin(&mut self, now: Instant) -> Result<(), crate::command::ExecError> {
        let config = std::mem::take(&mut self.config);
        if let Err(error) = self.apply(config, now) {
            // A start that failed is no run that crashed.
            if let Some(marker) = self.marker.as_ref().filter(|marker| !marker.found()) {
                marker.goodbye();
            }
            return Err(error);
        }
        if self.fib.is_none() {
            self.kernel_ready(now);
        } else {
            self.kernel_wait = Some(now + KERNEL_WAIT);
        }
        Ok(())
    }

    fn kernel_ready(&mut self, now: Instant) {
        if !self.kernel_known {
            self.kernel_known = true;
            self.kernel_wait = None;
            self.evpn_outputs(now);
            self.start_sessions(now);
        }
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let restarts = self.peers.iter().filter_map(|peer| peer.held_down?.until);
        [self.rib.next_deadline(), self.evpn.next_deadline(), self.kernel_wait, self.quiet.next_deadline()]
            .into_iter()
            .flatten()
            .chain(restarts)
            .chain(self.vrfs.values().filter_map(|vrf| vrf.table.next_deadline()))
            .min()
    }

    pub(crate) fn on_deadline(&mut self, now: Instant) {
        if self.rib.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.rib.on_deadline(now);
        }
        if self.evpn.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.evpn.on_deadline(now, &mut self.outputs);
        }
        for vrf in self.vrfs.values_mut() {
            if vrf.table.next_deadline().is_some_and(|deadline| deadline <= now) {
                vrf.table.on_deadline(now);
            }
        }
        if self.quiet.is_time(now) {
            give_memory_back();
        }
        if self.kernel_wait.is_some_and(|deadline| deadline <= now) {
            tracing::warn!("the kernel's tables are not read yet; sessions start without them");
            self.kernel_ready(now);
        }
        let due: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|peer| peer.held_down.and_then(|held| held.until).is_some_and(|at| at <= now))
            .map(|peer| peer.id)
            .collect();
        for id in due {
            self.start_peer(id);
        }
    }

    /// Sessions with this neighbour are wanted again.
    fn start_peer(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.get_mut(id) {
            peer.held_down = None;
        }
        self.command(id, SessionCommand::Start);
    }

    /// Goodbye: neighbours get a Cease, the kernel loses our entries, the mark of the run goes.
    pub(crate) async fn end(mut self) {
        let had_neighbours = self.peers.iter().any(|peer| peer.live.is_some());
        self.sessions.shutdown(Cease::AdministrativeShutdown(None)).await;
        if let Some(fib) = self.fib.take() {
            if had_neighbours {
                tokio::time::sleep(PARTING).await;
            }
            let (done, finished) = tokio::sync::oneshot::channel();
            fib.send(FibRequest::Shutdown { flush: true, done });
            if tokio::time::timeout(END_WAIT, finished).await.is_err() {
                tracing::warn!("the kernel side did not end in time; entries of ours may be left");
            }
        }
        if let Some(marker) = &self.marker {
            marker.goodbye();
        }
    }

    /// A neighbour as the log names it.
    fn name(&self, id: PeerId) -> String {
        match self.peers.get(id) {
            Some(peer) => match peer.live.as_ref().and_then(|live| live.negotiated.hostname.as_ref()) {
                Some(hostname) => format!("{}({hostname})", peer.settings.address),
                None => peer.settings.address.to_string(),
            },
            None => id.to_string(),
        }
    }

    /// `bgp ebgp-requires-policy` of the instance that the neighbour is in.
    pub fn ebgp_requires_policy(&self, id: PeerId) -> bool {
        match self.peers.get(id).and_then(Peer::vrf) {
            Some(vrf) => self.config.bgp_vrfs.get(vrf.as_str()).is_none_or(|bgp| bgp.ebgp_requires_policy),
            None => self.config.bgp.as_ref().is_none_or(|bgp| bgp.ebgp_requires_policy),
        }
    }

    /// `bgp log-neighbor-changes`, likewise.
    fn logs_neighbour(&self, id: PeerId) -> bool {
        match self.peers.get(id).and_then(Peer::vrf) {
            Some(vrf) => self.config.bgp_vrfs.get(vrf.as_str()).is_none_or(|bgp| bgp.log_neighbor_changes),
            None => self.config.bgp.as_ref().is_none_or(|bgp| bgp.log_neighbor_changes),
        }
    }
}

/// On a thread of its own, so that the core waits only if it allocates meanwhile.
fn give_memory_back() {
    let started = std::thread::Builder::new().name("weft-trim".to_owned()).spawn(crate::heap::trim);
    if let Err(error) = started {
        tracing::debug!("free memory stays with the daemon: no thread: {error}");
    }
}
