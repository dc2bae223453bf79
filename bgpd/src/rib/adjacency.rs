//! Neighbours come, go, ask for everything again, and change their settings.
//!
//! RFC 4271 §8 (what a session's end does to routes), 2918 and 7313 (route refresh). What
//! graceful restart makes of it is in `restart`.

use super::{
    ClearIn, Rib, RibError, Shared,
    destination::{PathFlags, PeerSlot},
    loc_rib::Table,
    peers::RibPeer,
    place,
};
use crate::peer::{PeerId, PeerKind, RefreshKind};
use crate::wire::Family;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::DomainId;

/// How long a refresh that was begun may take before what is still unrefreshed is swept all
/// the same (RFC 7313 §4 leaves the time to us).
const REFRESH_TIME: Duration = Duration::from_secs(600);

/// What of a peer makes a difference to how its routes are selected and passed on.
fn as_source(peer: &RibPeer, family: Family) -> (PeerKind, Ipv4Addr, IpAddr, bool, Option<DomainId>) {
    let row = peer.family(family);
    let client = row.is_some_and(|row| row.settings.route_reflector_client);
    (peer.kind, peer.router_id, peer.address, client, row.map(|row| row.domain))
}

fn keeps(row: &super::RibPeerFamily) -> bool {
    row.settings.soft_reconfiguration_inbound
}

impl Table {
    /// Runs the decision where a peer has a path, and has these destinations looked at again
    /// for everybody: whether and how a route is passed on depends on its source, too.
    fn revisit(&mut self, shared: &mut Shared, slot: PeerSlot) {
        let Some(own) = shared.peers.table(slot, self.place) else { return };
        for subgroup in self.subgroups.iter_mut().flatten() {
            subgroup.pending.union_with(&own.routes);
        }
        let ids: Vec<u32> = own.routes.iter().collect();
        for id in ids {
            let before = self.before(id);
            self.reselect(shared, id, before);
            // Those who import are told the domain with the path.
            if let Some(changes) = &mut self.changes
                && self.routes.best(id).is_some_and(|best| best.source == slot)
            {
                changes.insert(id);
            }
        }
    }
}

impl Rib {
    /// A session is up: everything is sent, End-of-RIB at its end. Stale routes of the
    /// families that the neighbour did not keep forwarding for (or of which it says nothing)
    /// go now (RFC 4724 §4.2).
    pub fn peer_up(&mut self, peer: PeerId, settings: RibPeer, now: Instant) -> Result<(), RibError> {
        if let Ok(slot) = self.established(peer) {
            // The end of the last session was not told: nothing of it is retained.
            self.down(slot, None);
        }
        let restart: Vec<(Family, Option<bool>)> =
            settings.families.iter().map(|row| (row.family, row.restart)).collect();
        let (selects_late, resent_by) = (settings.restarting, now.checked_add(settings.stale_path_time));
        let before = self.shared.peers.slot(peer).and_then(|slot| self.shared.peers.get(slot));
        let before = before.map(|state| state.settings.clone());
        let slot = self.shared.peers.admit(peer, settings.clone()).ok_or(RibError::TooManyPeers)?;
        if let Some(state) = self.shared.peers.get_mut(slot) {
            state.up = true;
            state.tables.iter_mut().for_each(|table| table.overfull = false);
            state.slow_until = state.slow_until.filter(|until| *until > now);
        }
        self.review_memberships();
        for table in &mut self.tables {
            let named =
                restart.iter().find(|(family, _)| *family == table.family).map(|(_, preserved)| *preserved);
            if named != Some(Some(true)) {
                table.sweep(&mut self.shared, slot, 0);
            }
            if let Some(state) = self.shared.peers.table_mut(slot, table.place) {
                state.end_of_rib = false;
                state.filtered = 0;
                state.warned = false;
                // The neighbour came back in time; now it has its time to send all again.
                state.stale_until = state.stale_until.filter(|_| state.paths > 0).and(resent_by);
            }
            // The routes kept may come from a peer of another kind or identifier now.
            if before
                .as_ref()
                .is_some_and(|before| as_source(before, table.family) != as_source(&settings, table.family))
            {
                table.revisit(&mut self.shared, slot);
            }
            if named.is_some() {
                table.join(&mut self.shared, slot, &mut self.next_group, now);
            }
            match named {
                // Memberships are waited for by those who have routes: a wait for nothing would be theirs, too.
                Some(Some(_)) if table.family == Family::RtFilter && !selects_late => {}
                Some(promised) if table.family != Family::RtFilter => {
                    let promised = promised.is_some() && !selects_late;
                    self.shared.await_established(peer, table.family, promised, now);
                }
                _ => self.shared.forgo(peer, table.family),
            }
        }
        self.end_deferral_if_complete();
        Ok(())
    }

    /// A session is over. With a time, its routes of the families with graceful restart are
    /// kept as stale until then (or until the neighbour is back and has sent its End-of-RIB);
    /// routes that were stale already go (RFC 4724 §4.2).
    pub fn peer_down(&mut self, peer: PeerId, keep_stale_until: Option<Instant>) {
        if let Some(slot) = self.shared.peers.slot(peer) {
            self.down(slot, keep_stale_until);
        }
    }

    fn down(&mut self, slot: PeerSlot, keep_stale_until: Option<Instant>) {
        let id = self.shared.peers.get(slot).and_then(|peer| peer.id);
        self.ready.retain_mut(|transmit| {
            transmit.peers.retain(|other| Some(*other) != id);
            !transmit.peers.is_empty()
        });
        for table in &mut self.tables {
            table.leave(&mut self.shared, slot);
            let keeps = self.shared.peers.get(slot).is_some_and(|peer| {
                peer.settings.family(table.family).is_some_and(|row| row.restart.is_some())
            });
            match keep_stale_until.filter(|_| keeps) {
                Some(until) => {
                    table.sweep(&mut self.shared, slot, PathFlags::STALE | PathFlags::REFRESHING);
                    table.mark(&self.shared, slot, PathFlags::STALE);
                    if let Some(state) = self.shared.peers.table_mut(slot, table.place) {
                        state.stale_until = Some(until).filter(|_| state.paths > 0);
                        state.refresh_until = None;
                    }
                }
                None => {
                    table.sweep(&mut self.shared, slot, 0);
                    if let Some(state) = self.shared.peers.table_mut(slot, table.place) {
                        (state.stale_until, state.refresh_until) = (None, None);
                    }
                }
            }
        }
        if let Some(peer) = self.shared.peers.get_mut(slot) {
            peer.up = false;
            peer.blocked = None;
            peer.held.clear();
        }
    }

    /// A neighbour is no longer configured, or a dynamic one is forgotten: everything of it goes.
    pub fn remove_peer(&mut self, peer: PeerId) {
        if let Some(slot) = self.shared.peers.slot(peer) {
            self.down(slot, None);
            self.shared.peers.remove(slot);
            self.review_memberships();
        }
        for table in &self.tables {
            self.shared.forgo(peer, table.family);
        }
        self.end_deferral_if_complete();
    }

    /// Applies other settings to an established neighbour without a new session. Gives the
    /// families for which the neighbour must be asked to send again.
    pub fn set_peer(&mut self, peer: PeerId, settings: RibPeer) -> Result<Vec<Family>, RibError> {
        let slot = self.established(peer)?;
        let Some(state) = self.shared.peers.get_mut(slot) else { return Ok(Vec::new()) };
        let old = std::mem::replace(&mut state.settings, Arc::new(settings.clone()));
        self.review_memberships();
        let mut ask = Vec::new();
        for at in 0..self.tables.len() {
            let Some(table) = self.tables.get_mut(at) else { continue };
            let family = table.family;
            let (was, is) = (old.family(family), settings.family(family));
            table.rekey(&mut self.shared, slot, &mut self.next_group);
            if as_source(&old, family) != as_source(&settings, family) {
                table.revisit(&mut self.shared, slot);
            }
            let inbound = |row: Option<&super::RibPeerFamily>| {
                row.map(|row| (row.policy_in, row.policy_import.clone(), row.settings.allowas_in, keeps(row)))
            };
            let same_rules = old.local_as == settings.local_as
                && old.enforce_first_as == settings.enforce_first_as
                && (!family.is_unicast() || was.map(|row| row.next_hop) == is.map(|row| row.next_hop));
            if inbound(was) == inbound(is) && same_rules {
                continue;
            }
            let begins_to_keep = is.is_some_and(keeps) && was.is_some_and(|row| !keeps(row));
            // What has been kept only as a policy made it is not given to a policy again.
            let as_made = begins_to_keep
                && is.is_some_and(|row| row.policy_in)
                && was.is_some_and(|row| row.policy_import.is_some());
            if as_made || self.reconsider(slot, family) == ClearIn::AskPeer || begins_to_keep {
                ask.push(family);
            }
        }
        Ok(ask)
    }

    /// A ROUTE-REFRESH came: everything is sent again, or (RFC 7313) the neighbour begins or
    /// ends to send everything again.
    pub fn route_refresh(
        &mut self,
        peer: PeerId,
        family: Family,
        kind: RefreshKind,
        now: Instant,
    ) -> Result<(), RibError> {
        let slot = self.established(peer)?;
        let Some(table) = self.tables.get_mut(place(family)) else { return Ok(()) };
        let Some(row) = self.shared.peers.get(slot) else { return Ok(()) };
        let marked = row.settings.enhanced_refresh;
        let restarts = row.settings.family(family).is_some_and(|row| row.restart.is_some());
        let Some(state) = self.shared.peers.table_mut(slot, table.place) else { return Ok(()) };
        match kind {
            RefreshKind::Normal => table.send_again(&mut self.shared, slot, marked),
            // RFC 7313 §4: a BoRR before the End-of-RIB of graceful restart says nothing.
            RefreshKind::Begin if restarts && !state.end_of_rib => {}
            RefreshKind::Begin => {
                state.refresh_until = Some(now + REFRESH_TIME);
                table.mark(&self.shared, slot, PathFlags::REFRESHING);
            }
            RefreshKind::End => {
                if state.refresh_until.take().is_some() {
                    table.sweep(&mut self.shared, slot, PathFlags::REFRESHING);
                }
            }
        }
        Ok(())
    }
}
