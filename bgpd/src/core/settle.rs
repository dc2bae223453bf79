//! What a turn ends with: changed best paths go to EVPN, what EVPN says goes to RIB and kernel,
//! what neighbours must hear goes to their sessions.

use super::{Core, Peers};
use crate::{
    rib::{Change, PathSource, Rib},
    session::SessionSender,
    wire::{AttributeSet, Family},
};
use std::time::Instant;
use tracing::{info, warn};
use weft_evpn::{
    DomainId, RouteTargetMatch,
    engine::{Input, Notice, Origination, Output, RoutePath},
    forwarding::ForwardingChange,
    nlri::EvpnRoute,
};
use weft_fib::{Fib, FibRequest};

/// Changes of best paths that are taken from the RIB at once.
pub(super) const CHANGES: usize = 1024;
/// How often that may be in one turn. What a turn has made is mostly seen to at once, while it is in the caches.
const ROUNDS: usize = 8;
/// Withdrawn routes up to which changes wait for the kernel side: some 27 MB. Tests need not make so many.
pub(super) const WITHDRAWN: usize = if cfg!(test) { 32_768 } else { 524_288 };
/// Outputs of an import that are carried out at once.
const IMPORTED: usize = 256;
/// Room for so many outputs of EVPN is kept from turn to turn.
const KEPT_OUTPUTS: usize = 4 * CHANGES;
/// Recipients up to which the core writes a small message itself; to more, the sessions write side by side.
const AT_ONCE: usize = 4;
/// Buffers handed to sessions before the queues are looked at again.
const TRANSMISSIONS: usize = 256;

impl Core {
    /// Carries everything through until nothing is left to do, or, with a large table, for a
    /// bounded time. True if there is more to do at once.
    pub(super) fn settle(&mut self, now: Instant) -> bool {
        self.evpn_outputs(now);
        let _ = (0..ROUNDS).all(|_| !self.kernel_is_behind() && self.changed_routes(now));
        let more_changes = self.rib.waiting_changes() > 0;
        self.settle_vrfs(now);
        self.settle_memberships(now);
        let more_to_send = self.transmit(now);
        // Not before EVPN has heard of every best path, or the kernel side would prune what is
        // still wanted.
        let vrfs_converged = self.vrfs.values().all(|vrf| vrf.table.rib().converged());
        if self.rib.converged() && vrfs_converged && !more_changes {
            self.converged();
        }
        (more_changes && !self.kernel_is_behind()) || more_to_send
    }

    /// The kernel side has more than enough to do: changes of best paths wait in the RIB, where they cost a bit each and
    /// later ones take the place of earlier ones, until it has caught up (`FibEvent::CaughtUp`). A withdrawn route costs more
    /// than a bit: many of them go on to the kernel side, whose queue knows them by their keys.
    fn kernel_is_behind(&self) -> bool {
        self.fib.as_ref().is_some_and(Fib::is_behind) && self.rib.without_best() < WITHDRAWN
    }

    /// So much waits for those who import that nothing more should be read before they have heard of it: the kernel side
    /// has work to do, and what was just written into the tables is in the caches.
    pub(super) fn has_changes(&self) -> bool {
        self.rib.waiting_changes() >= CHANGES && !self.kernel_is_behind()
    }

    /// EVPN hears of changed best paths, and the kernel side of what follows. True if there are more.
    fn changed_routes(&mut self, now: Instant) -> bool {
        let changes = self.rib.take_changes(CHANGES);
        for change in &changes {
            self.route_changed(change, now);
        }
        self.evpn_outputs(now);
        changes.len() == CHANGES
    }

    /// A best path changed: EVPN hears of those that came from neighbours.
    fn route_changed(&mut self, change: &Change, now: Instant) {
        if change.family != Family::L2vpnEvpn {
            return;
        }
        // The RIB holds only what the codec has read, so a failure here is a route that nobody
        // could import either.
        let Ok((route, _)) = EvpnRoute::parse(&change.nlri()) else { return };
        let received = change.path.as_ref().filter(|path| path.source != PathSource::Local);
        let passed = received.and_then(|path| path.attributes.d_path.as_ref());
        let d_path: Vec<DomainId> =
            passed.iter().flat_map(|path| path.domains()).map(|passed| passed.domain).collect();
        let path = received.and_then(|path| {
            Some(RoutePath {
                next_hop: path.attributes.next_hop?,
                ext_communities: &path.attributes.ext_communities,
                pmsi: path.attributes.pmsi.as_ref(),
                domain: path.domain.unwrap_or_default(),
                d_path: &d_path,
            })
        });
        self.evpn.handle(Input::Route { route: &route, path }, now, &mut self.outputs);
    }

    /// Carries out what EVPN says, until it says nothing more.
    pub(super) fn evpn_outputs(&mut self, now: Instant) {
        while !self.outputs.is_empty() {
            let next = std::mem::take(&mut self.spare_outputs);
            let mut outputs = std::mem::replace(&mut self.outputs, next);
            let mut forward = Vec::with_capacity(outputs.len());
            for output in outputs.drain(..) {
                match output {
                    Output::Originate(origination) => self.originate(origination, now),
                    Output::Withdraw(route) => self.withdraw(&route),
                    Output::Forward(change) => forward.push(change),
                    Output::Import(targets) => {
                        // What follows may wish otherwise of the same keys, so this goes first.
                        self.forward(std::mem::take(&mut forward));
                        self.import(&targets, now);
                    }
                    Output::VrfPath { vrf, prefix, source, path } => {
                        self.vrf_path(&vrf, prefix, source, path, now);
                    }
                    Output::VrfActive { vrf, active } => self.vrf_active(&vrf, active),
                    Output::Notice(notice) => log_notice(&notice),
                }
            }
            self.forward(forward);
            outputs.shrink_to(KEPT_OUTPUTS);
            self.spare_outputs = outputs;
        }
    }

    fn forward(&self, changes: Vec<ForwardingChange>) {
        if let Some(fib) = &self.fib
            && !changes.is_empty()
        {
            fib.send(FibRequest::Forward(changes));
        }
    }

    /// MACs, addresses and flooding are our own domain's business.
    fn originate(&mut self, origination: Origination, now: Instant) {
        let attributes = AttributeSet {
            next_hop: Some(origination.next_hop),
            ext_communities: origination.ext_communities,
            pmsi: origination.pmsi,
            ..AttributeSet::default()
        };
        let domain = self.evpn.config().domain;
        self.originate_route(&origination.route, attributes, domain, now);
    }

    pub(super) fn originate_route(
        &mut self,
        route: &EvpnRoute,
        attributes: AttributeSet,
        domain: DomainId,
        now: Instant,
    ) {
        let mut nlri = Vec::with_capacity(64);
        route.emit(&mut nlri);
        if let Err(error) = self.rib.originate(Family::L2vpnEvpn, &nlri, attributes, Some(domain), now) {
            warn!("a route of ours could not be originated: {error}");
        }
    }

    pub(super) fn withdraw(&mut self, route: &EvpnRoute) {
        let mut nlri = Vec::with_capacity(64);
        route.emit(&mut nlri);
        if let Err(error) = self.rib.withdraw_local(Family::L2vpnEvpn, &nlri) {
            warn!("a route of ours could not be withdrawn: {error}");
        }
    }

    fn import(&mut self, targets: &[RouteTargetMatch], now: Instant) {
        for change in self.rib.best_routes_matching(targets) {
            self.route_changed(&change, now);
            // The kernel side begins while the rest is looked at.
            if self.outputs.len() >= IMPORTED {
                self.evpn_outputs(now);
            }
        }
    }

    /// Hands what is encoded to the sessions. True if there is more.
    fn transmit(&mut self, now: Instant) -> bool {
        let Self { rib, vrfs, peers, .. } = self;
        let mut more = transmit(rib, peers, now);
        for vrf in vrfs.values_mut() {
            more |= transmit(vrf.table.rib_mut(), peers, now);
        }
        more
    }

    /// The first convergence is over: the kernel side may delete what nobody wants, and new
    /// sessions no longer say that we have restarted.
    fn converged(&mut self) {
        if self.converged || !self.kernel_known {
            return;
        }
        self.converged = true;
        info!("converged");
        if let Some(fib) = &self.fib {
            fib.send(FibRequest::Converged);
        }
        if self.facts.restarting {
            self.facts.restarting = false;
            self.reconfigure_peers();
        }
    }
}

fn transmit(rib: &mut Rib, peers: &Peers, now: Instant) -> bool {
    for _ in 0..TRANSMISSIONS {
        let Some(transmission) = rib.next_transmit(now) else { return false };
        let few = transmission.peers.len() <= AT_ONCE;
        for peer in transmission.peers {
            let live = peers.get(peer).and_then(|peer| peer.live.as_ref());
            let bytes = transmission.bytes.clone();
            let send = if few { SessionSender::send_at_once } else { SessionSender::try_send };
            let taken = live.is_some_and(|live| send(&live.out, bytes).is_ok());
            if !taken {
                rib.peer_blocked(peer, transmission.bytes.clone(), now);
            }
        }
    }
    true
}

fn log_notice(notice: &Notice) {
    match notice {
        Notice::DuplicateCleared { .. } => info!("{notice}"),
        _ => warn!("{notice}"),
    }
}
