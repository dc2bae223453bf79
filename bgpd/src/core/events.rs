//! What sessions and kernel say, carried into RIB and EVPN.

use super::{
    Core,
    peers::{HeldDown, Live},
};
use crate::{
    log::not_logged,
    peer::{Cease, DownReason, PeerId, PeerOrigin, SessionCommand, SessionEvent, SessionId},
    rib::{RibError, RibPeer},
};
use std::time::Instant;
use tracing::{debug, error, info, warn};
use weft_fib::{FibEvent, FibNotice};

impl Core {
    /// A session speaks.
    pub(super) fn session_event(&mut self, event: SessionEvent, now: Instant) {
        match event {
            SessionEvent::Established { peer, session, negotiated, out } => {
                self.established(peer, Live { session, negotiated: *negotiated, out }, now);
            }
            SessionEvent::Update { peer, session, update } => {
                let held_down = self.peers.get(peer).is_some_and(|peer| peer.held_down.is_some());
                // Who is held down has sent this before it heard of it.
                if !self.peers.is_live(peer, session) || held_down {
                    return;
                }
                match self.rib_of_mut(peer).update(peer, &update, now) {
                    Ok(verdict) => {
                        if let Some(warning) = verdict.warning
                            && let Some(more) = self.may_log(peer, now)
                        {
                            warn!("{}: {warning}{more}", self.name(peer));
                        }
                    }
                    Err(refusal) => self.refused(peer, &refusal, now),
                }
            }
            SessionEvent::RouteRefresh { peer, session, family, kind } => {
                if !self.peers.is_live(peer, session) {
                    return;
                }
                if let Err(refusal) = self.rib_of_mut(peer).route_refresh(peer, family, kind, now) {
                    debug!("{}: route refresh: {refusal}", self.name(peer));
                }
            }
            SessionEvent::Drained { peer, session } => {
                if self.peers.is_live(peer, session) {
                    self.rib_of_mut(peer).peer_drained(peer);
                }
            }
            SessionEvent::Down { peer, session, reason } => self.down(peer, session, &reason, now),
            SessionEvent::State { peer, state } => debug!("{}: {state}", self.name(peer)),
            SessionEvent::NewDynamicPeer { peer, settings } => {
                debug!("{} connected from a listen range", settings.address);
                self.peers.insert(peer, *settings);
                // Its range may have changed while it called.
                self.apply_caller(peer);
            }
            SessionEvent::DynamicPeerGone { peer } => {
                self.rib_of_mut(peer).remove_peer(peer);
                self.peers.remove(peer);
            }
        }
    }

    fn established(&mut self, id: PeerId, live: Live, now: Instant) {
        let requires_policy = self.ebgp_requires_policy(id);
        let Some(peer) = self.peers.get_mut(id) else { return };
        let rib_peer = RibPeer::new(&peer.settings, &live.negotiated, requires_policy);
        peer.live = Some(live);
        if let Err(refusal) = self.rib_of_mut(id).peer_up(id, rib_peer, now) {
            self.refused(id, &refusal, now);
        }
    }

    fn down(&mut self, id: PeerId, session: SessionId, reason: &DownReason, now: Instant) {
        if !self.peers.is_live(id, session) {
            return;
        }
        if reason.retain
            && self.logs_neighbour(id)
            && let Some(more) = self.may_log(id, now)
        {
            info!("{}: its routes are kept for graceful restart{more}", self.name(id));
        }
        let Some(peer) = self.peers.get_mut(id) else { return };
        let restart = peer.live.take().and_then(|live| live.negotiated.graceful_restart);
        let keep_until = restart.filter(|_| reason.retain).map(|restart| now + restart.restart_time);
        self.rib_of_mut(id).peer_down(id, keep_until);
    }

    /// If one more line about a neighbour's routes may be logged: what it is to say of those that were not.
    fn may_log(&mut self, id: PeerId, now: Instant) -> Option<String> {
        self.peers.get_mut(id)?.log.take(now).map(not_logged)
    }

    /// The RIB refuses something of a neighbour.
    fn refused(&mut self, id: PeerId, refusal: &RibError, now: Instant) {
        if let Some(more) = self.may_log(id, now) {
            error!("{}: {refusal}{more}", self.name(id));
        }
        if let RibError::MaximumPrefixReached { family, maximum, .. } = refusal {
            let cease = Cease::MaximumPrefixes { family: *family, limit: maximum.limit };
            self.command(id, SessionCommand::Stop { cease });
            if let Some(peer) = self.peers.get_mut(id) {
                peer.held_down = Some(HeldDown { until: maximum.restart.map(|after| now + after) });
            }
        }
    }

    /// A call that failed for want of a local address may work now: nobody waits for a timer.
    fn call_waiting_neighbours(&self) {
        let waiting = |peer: &&super::Peer| {
            peer.live.is_none() && peer.held_down.is_none() && peer.settings.origin == PeerOrigin::Configured
        };
        for peer in self.peers.iter().filter(waiting) {
            self.command(peer.id, SessionCommand::Start);
        }
    }

    /// The kernel side speaks.
    pub(super) fn fib_event(&mut self, event: FibEvent, now: Instant) {
        match event {
            FibEvent::Local(events) => {
                for event in events {
                    self.local_event(event, now);
                }
                self.evpn_outputs(now);
            }
            FibEvent::Ready { adopted } => {
                if adopted > 0 {
                    info!("{adopted} entries of an earlier run adopted from the kernel");
                    self.facts.restarting = true;
                }
                self.kernel_ready(now);
            }
            FibEvent::Notice(notice @ (FibNotice::Resync { .. } | FibNotice::NoNexthops { .. })) => {
                info!("{notice}")
            }
            FibEvent::Notice(notice) => warn!("{notice}"),
            FibEvent::NewAddress => self.call_waiting_neighbours(),
            // It counts as change: `quiet` gives back what that has left.
            FibEvent::Written { .. } => {}
            // The turn goes on with the changes that waited for it (`settle`).
            FibEvent::CaughtUp => {}
            FibEvent::Failed(reason) => {
                error!("the kernel side has failed: {reason}; nothing is programmed any more, restart weftd");
            }
        }
    }
}
