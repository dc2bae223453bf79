//! Graceful restart (RFC 4724, RFC 8538), both sides.
//!
//! A neighbour's restart: `peer_down` marks its routes as stale, they stay as good as any;
//! its End-of-RIB sweeps what it did not send again. Two times bound that: the one given to
//! `peer_down` (in general the neighbour's restart time) until it is back, then
//! `RibPeer::stale_path_time` until its End-of-RIB (RFC 8538 §4.1 demands the bound).
//!
//! Our own restart: `start_deferred` puts off our End-of-RIB until each neighbour that is
//! waited for has sent its own or the time is up. Two kinds are excluded by RFC 4724 §4.1, and
//! yet have a short time (`Brief`), or what the kernel holds would be gone before their first
//! route is there: neighbours without graceful restart, since many of them send an End-of-RIB
//! all the same (FRR whenever we can restart), and those that have restarted themselves (R bit),
//! since all daemons of a fabric may be started again at once, and FRR sets that bit for a time
//! whenever it starts. Two restarted speakers wait for each other no longer than that. A dynamic
//! neighbour (`bgp listen range`) is unknown before it calls: as long as such may come back
//! (`dynamic_until`), nothing is complete, and each that comes is waited for. The kernel must
//! prune only when `converged`.
//!
//! Unlike RFC 4724 §4.1, routes are selected and sent as they come. The rule is there for hop
//! by hop routing, where a choice made too early can loop. EVPN forwards in one hop to the
//! VTEP that a route names, an early choice is put right by the next update, and receivers
//! keep what is stale until our End-of-RIB. So a reflector that restarts while one of its
//! clients is dead still serves all others at once.

use super::{
    Rib, RibError, Shared,
    destination::{PathFlags, PeerSlot},
    loc_rib::Table,
    place,
};
use crate::peer::PeerId;
use crate::wire::Family;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// So long a neighbour must have had nothing to say that may never send an End-of-RIB.
const SILENCE: Duration = Duration::from_secs(5);
/// It is not waited for any longer than this, whatever it has to say.
const TALK: Duration = Duration::from_secs(60);

/// The time of a neighbour that may never send an End-of-RIB, from when its session is up.
#[derive(Debug, Clone, Copy)]
struct Brief {
    until: Instant,
    at_most: Instant,
}

/// Our End-of-RIB is deferred.
#[derive(Debug, Clone)]
pub(super) struct Deferral {
    until: Instant,
    /// Some of them no longer than until their own time.
    awaited: BTreeMap<(PeerId, Family), Option<Brief>>,
    /// Until then dynamic neighbours may come back.
    dynamic_until: Option<Instant>,
    /// That of memberships, too.
    memberships: bool,
}

impl Shared {
    /// Our End-of-RIB for the family is deferred. The others send their EVPN routes when they have our
    /// memberships, so that of `RtFilter` waits for theirs alone.
    pub(super) fn defers(&self, family: Family) -> bool {
        self.deferral.as_ref().is_some_and(|deferral| family != Family::RtFilter || deferral.memberships)
    }

    /// This neighbour's End-of-RIB is not waited for (any longer).
    pub(super) fn forgo(&mut self, peer: PeerId, family: Family) {
        if let Some(deferral) = &mut self.deferral {
            deferral.awaited.remove(&(peer, family));
        }
    }

    /// This neighbour has a session from now on and has promised an End-of-RIB, or may send one or not.
    pub(super) fn await_established(&mut self, peer: PeerId, family: Family, promised: bool, now: Instant) {
        let Some(deferral) = &mut self.deferral else { return };
        if deferral.dynamic_until.is_some() || deferral.awaited.contains_key(&(peer, family)) {
            let brief = (!promised).then(|| Brief { until: now + SILENCE, at_most: now + TALK });
            deferral.awaited.insert((peer, family), brief);
        }
    }

    /// This neighbour has sent routes.
    pub(super) fn still_sends(&mut self, peer: PeerId, family: Family, now: Instant) {
        let Some(deferral) = &mut self.deferral else { return };
        if let Some(Some(brief)) = deferral.awaited.get_mut(&(peer, family)) {
            brief.until = (now + SILENCE).min(brief.at_most);
        }
    }
}

impl Table {
    /// The End-of-RIB comes after all that has been selected until now.
    fn end_deferral(&mut self) {
        for subgroup in self.subgroups.iter_mut().flatten() {
            if let Some(dump) = &mut subgroup.dump {
                dump.passed = false;
                subgroup.cursor = 0;
            }
        }
    }
}

impl Rib {
    /// We have restarted: defers our End-of-RIB until all these neighbours have sent theirs, or
    /// until this time. Until `dynamic_until` dynamic neighbours may come back, and are waited for
    /// when they do. Without neighbours nothing is deferred.
    pub fn start_deferred(
        &mut self,
        awaited: impl IntoIterator<Item = (PeerId, Family)>,
        dynamic_until: Option<Instant>,
        until: Instant,
    ) {
        let awaited = awaited.into_iter().map(|awaited| (awaited, None)).collect();
        self.shared.deferral = Some(Deferral { until, awaited, dynamic_until, memberships: true });
        self.end_deferral_if_complete();
    }

    /// Every neighbour that was waited for has sent all it has, or the time was up.
    pub fn converged(&self) -> bool {
        self.shared.deferral.is_none()
    }

    /// Those still waited for.
    pub fn awaited(&self) -> impl Iterator<Item = (PeerId, Family)> + '_ {
        self.shared.deferral.iter().flat_map(|deferral| deferral.awaited.keys().copied())
    }

    /// The neighbour has sent all it has: what is still stale goes.
    pub fn end_of_rib(&mut self, peer: PeerId, family: Family) -> Result<(), RibError> {
        let slot = self.established(peer)?;
        let Some(table) = self.tables.get_mut(place(family)) else { return Ok(()) };
        let Some(state) = self.shared.peers.table_mut(slot, table.place) else { return Ok(()) };
        state.end_of_rib = true;
        if state.stale_until.take().is_some() {
            table.sweep(&mut self.shared, slot, PathFlags::STALE);
        }
        if let Some(touched) = &mut table.touched {
            touched.insert(slot);
        }
        self.shared.forgo(peer, family);
        self.end_deferral_if_complete();
        Ok(())
    }

    pub(super) fn end_deferral_if_complete(&mut self) {
        let complete = |deferral: &Deferral| deferral.awaited.is_empty() && deferral.dynamic_until.is_none();
        if self.shared.deferral.as_ref().is_some_and(complete) {
            self.end_deferral();
        }
        if let Some(deferral) = &mut self.shared.deferral
            && deferral.memberships
            && !deferral.awaited.keys().any(|(_, family)| *family == Family::RtFilter)
        {
            deferral.memberships = false;
            if let Some(table) = self.tables.get_mut(place(Family::RtFilter)) {
                table.end_deferral();
            }
        }
    }

    fn end_deferral(&mut self) {
        self.shared.deferral = None;
        self.tables.iter_mut().for_each(Table::end_deferral);
    }

    fn deferral_deadline(&self) -> Option<Instant> {
        let deferral = self.shared.deferral.as_ref()?;
        let brief = deferral.awaited.values().flatten().map(|brief| brief.until);
        brief.chain(deferral.dynamic_until).chain([deferral.until]).min()
    }

    /// When `on_deadline` has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let tables = self.shared.peers.iter().flat_map(|(_, peer)| &peer.tables);
        tables
            .flat_map(|state| [state.stale_until, state.refresh_until])
            .chain([self.deferral_deadline(), self.slow_peer_deadline(), self.hold_deadline()])
            .flatten()
            .min()
    }

    /// Does what is due: sweeps, the end of deferral, slow peers.
    pub fn on_deadline(&mut self, now: Instant) {
        let due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if let Some(deferral) = &mut self.shared.deferral {
            deferral.awaited.retain(|_, brief| !due(brief.map(|brief| brief.until)));
            deferral.dynamic_until = deferral.dynamic_until.filter(|until| !due(Some(*until)));
            if due(Some(deferral.until)) {
                deferral.awaited.clear();
                deferral.dynamic_until = None;
            }
        }
        self.end_deferral_if_complete();
        for at in 0..self.tables.len() {
            let mut sweeps: Vec<(PeerSlot, u16)> = Vec::new();
            for (slot, peer) in self.shared.peers.iter() {
                let Some(state) = peer.tables.get(at) else { continue };
                if due(state.stale_until) {
                    sweeps.push((slot, PathFlags::STALE));
                }
                if due(state.refresh_until) {
                    sweeps.push((slot, PathFlags::REFRESHING));
                }
            }
            let Some(table) = self.tables.get_mut(at) else { continue };
            for (slot, flag) in sweeps {
                if let Some(state) = self.shared.peers.table_mut(slot, at) {
                    let timer = if flag == PathFlags::STALE {
                        &mut state.stale_until
                    } else {
                        &mut state.refresh_until
                    };
                    *timer = None;
                }
                table.sweep(&mut self.shared, slot, flag);
            }
        }
        self.end_holds(now);
        self.split_slow_peers(now);
    }
}
