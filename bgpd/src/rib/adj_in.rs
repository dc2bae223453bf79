//! Adj-RIB-In: what neighbours send is judged by the rules of `inbound` and stored at its
//! destination.
//!
//! A route that fails is kept, marked, if the neighbour has `soft-reconfiguration inbound`;
//! otherwise it is dropped (which withdraws what had its key before), because two reflectors of
//! a cluster would keep each other's whole table for nothing. In the same way the attributes as
//! received are kept beside those that the import policy made of them, or not. When a knob or
//! the policy changes, what is kept is judged anew, and for the rest the neighbour must be
//! asked to send again (`ClearIn::AskPeer`).

use super::{
    PrefixWarning, Rib, RibError, Shared,
    destination::{Path, PathFlags, PeerSlot},
    inbound::{Judge, Judged, inbound, is_ignored, refuse},
    loc_rib::{Arrival, Table},
    maximum_prefix::{Level, level},
    peers::{RibPeer, RibPeerFamily},
    place,
};
use crate::peer::PeerId;
use crate::wire::{AttributeSet, Family, update::Update};
use smallvec::SmallVec;
use std::{sync::Arc, time::Instant};

/// What an UPDATE did that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpdateVerdict {
    /// For the log.
    pub warning: Option<PrefixWarning>,
}

/// Whether routes could be judged anew without the neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClearIn {
    /// They were.
    Done,
    /// Send it a ROUTE-REFRESH: what was refused has not been kept.
    AskPeer,
}

impl Rib {
    /// Takes an UPDATE in. On an error nothing after the route at fault is stored.
    pub fn update(&mut self, peer: PeerId, update: &Update, now: Instant) -> Result<UpdateVerdict, RibError> {
        let slot = self.established(peer)?;
        let seconds = self.shared.seconds(now);
        for block in &update.unreach {
            let Some(table) = self.tables.get_mut(place(block.family)) else { continue };
            let row = block.family.row();
            for (path_id, nlri) in block.iter() {
                let (key, _) = (row.split)(nlri)?;
                table.withdraw(&mut self.shared, slot, path_id, &key);
            }
        }
        let mut verdict = UpdateVerdict::default();
        if let Some(received) = &update.attributes {
            for block in &update.reach {
                self.reach(slot, peer, block, received, seconds, &mut verdict)?;
                self.shared.still_sends(peer, block.family, now);
            }
        }
        for block in &update.unreach {
            self.calm(slot, block.family);
        }
        if let Some(family) = update.end_of_rib {
            self.end_of_rib(peer, family)?;
        }
        Ok(verdict)
    }

    fn reach(
        &mut self,
        slot: PeerSlot,
        id: PeerId,
        block: &crate::wire::NlriBlock,
        received: &Arc<AttributeSet>,
        now: u32,
        verdict: &mut UpdateVerdict,
    ) -> Result<(), RibError> {
        let Some(peer) = self.shared.peers.get(slot) else { return Ok(()) };
        let Some(table) = self.tables.get_mut(place(block.family)) else { return Ok(()) };
        let settings = peer.settings.clone();
        let Some(row) = settings.family(block.family) else { return Ok(()) };
        let keep = row.settings.soft_reconfiguration_inbound;
        let maximum = row.settings.maximum_prefix;
        let set = inbound(&settings, block, received);
        let refused = refuse(&self.shared, &settings, block.family, &set);
        let original = self.shared.attributes.intern(&set);
        let mut judge = Judge::new(row, original, &set, refused);
        let (mut result, mut overfull) = (Ok(()), false);
        let split = block.family.row().split;
        for (path_id, nlri) in block.iter() {
            let (key, rest) = match split(nlri) {
                Ok(parts) => parts,
                Err(error) => {
                    result = Err(error.into());
                    break;
                }
            };
            if is_ignored(block.family, &key) {
                tracing::debug!(family = %block.family, peer = %id, "a route that says nothing is ignored");
                continue;
            }
            let Judged { attributes, refused } = judge.judge(&mut self.shared, nlri);
            if refused & PathFlags::FILTERED != 0
                && let Some(state) = self.shared.peers.table_mut(slot, table.place)
            {
                state.filtered += 1;
            }
            if refused != 0 && !keep {
                table.withdraw(&mut self.shared, slot, path_id, &key);
                continue;
            }
            let arrival = Arrival {
                source: slot,
                path_id,
                key: &key,
                rest: &rest,
                attributes,
                original: (keep && attributes != original).then_some(original),
                refused,
                now,
            };
            if !table.announce(&mut self.shared, &arrival) {
                continue;
            }
            let Some(maximum) = maximum else { continue };
            let Some(state) = self.shared.peers.table_mut(slot, table.place) else { continue };
            let level = level(&maximum, state.paths);
            if level == Level::Over && !maximum.warning_only {
                let count = state.paths;
                let known = maximum.all_beyond && std::mem::replace(&mut state.overfull, true);
                table.withdraw(&mut self.shared, slot, path_id, &key);
                if !maximum.all_beyond {
                    result = Err(RibError::MaximumPrefixReached { peer: id, family: block.family, maximum });
                    break;
                }
                if !known {
                    overfull = true;
                    verdict.warning = Some(PrefixWarning { peer: id, family: block.family, count, maximum });
                }
                continue;
            }
            if level != Level::Fine && !state.warned {
                state.warned = true;
                verdict.warning =
                    Some(PrefixWarning { peer: id, family: block.family, count: state.paths, maximum });
            }
        }
        judge.finish(&mut self.shared);
        self.shared.attributes.release(original);
        if overfull {
            self.review_memberships();
        }
        result
    }

    /// A warning of `maximum-prefix` may be given again once the count is fine.
    fn calm(&mut self, slot: PeerSlot, family: Family) {
        let maximum = self
            .shared
            .peers
            .get(slot)
            .and_then(|peer| peer.settings.family(family).and_then(|row| row.settings.maximum_prefix));
        if let Some(state) = self.shared.peers.table_mut(slot, place(family)) {
            state.warned &= maximum.is_some_and(|maximum| level(&maximum, state.paths) != Level::Fine);
        }
    }

    pub(super) fn established(&self, peer: PeerId) -> Result<PeerSlot, RibError> {
        self.shared
            .peers
            .slot(peer)
            .filter(|&slot| self.shared.peers.get(slot).is_some_and(|peer| peer.up))
            .ok_or(RibError::NotEstablished(peer))
    }

    /// `clear bgp X soft in`: judges the neighbour's routes anew.
    pub fn clear_in(&mut self, peer: PeerId, family: Family) -> Result<ClearIn, RibError> {
        let slot = self.shared.peers.slot(peer).ok_or(RibError::NotEstablished(peer))?;
        Ok(self.reconsider(slot, family))
    }

    /// Judges all kept routes of a peer anew.
    pub(super) fn reconsider(&mut self, slot: PeerSlot, family: Family) -> ClearIn {
        let Some(table) = self.tables.get_mut(place(family)) else { return ClearIn::Done };
        let Some(peer) = self.shared.peers.get(slot) else { return ClearIn::Done };
        let settings = peer.settings.clone();
        let Some(row) = settings.family(family) else { return ClearIn::Done };
        let keep = row.settings.soft_reconfiguration_inbound;
        let ids: Vec<u32> =
            peer.tables.get(table.place).map(|own| own.routes.iter().collect()).unwrap_or_default();
        for id in ids {
            let paths: SmallVec<[Path; 2]> =
                table.routes.paths(id).filter(|path| path.source == slot).copied().collect();
            for path in paths {
                if keep {
                    table.judge_anew(&mut self.shared, &settings, row, id, &path);
                } else {
                    table.judge_unkept(&mut self.shared, &settings, row, id, &path);
                }
            }
        }
        if keep { ClearIn::Done } else { ClearIn::AskPeer }
    }

    /// The same for all peers; gives those that must be asked.
    pub(super) fn reconsider_all(&mut self) -> Vec<PeerId> {
        let mut ask = Vec::new();
        let peers: Vec<(PeerSlot, Option<PeerId>, Vec<Family>)> = self
            .shared
            .peers
            .iter()
            .map(|(slot, peer)| {
                (slot, peer.id, peer.settings.families.iter().map(|row| row.family).collect())
            })
            .collect();
        for (slot, id, families) in peers {
            let Some(id) = id else { continue };
            for family in families {
                if self.reconsider(slot, family) == ClearIn::AskPeer && !ask.contains(&id) {
                    ask.push(id);
                }
            }
        }
        ask
    }
}

impl Table {
    /// A path whose attributes as received are kept.
    fn judge_anew(&mut self, shared: &mut Shared, peer: &RibPeer, row: &RibPeerFamily, id: u32, path: &Path) {
        let original = shared
            .peers
            .table(path.source, self.place)
            .and_then(|state| state.originals.get(&(id, path.path_id)).copied())
            .unwrap_or(path.attributes);
        let set = Arc::clone(shared.attributes.get(original));
        shared.attributes.retain(original);
        let refused = refuse(shared, peer, row.family, &set);
        let mut judge = Judge::new(row, original, &set, refused);
        let mut nlri = Vec::new();
        (row.family.row().join)(&self.routes.key(id), shared.rest(path), &mut nlri);
        let Judged { attributes, refused } = judge.judge(shared, &nlri);
        let kept = (attributes != original).then_some(original);
        shared.keep_original(self.place, path.source, (id, path.path_id), kept);
        if attributes == path.attributes {
            self.judge(shared, id, path.source, path.path_id, refused, 0);
        } else {
            self.replace_attributes(shared, id, path, attributes, refused);
        }
        judge.finish(shared);
        shared.attributes.release(original);
    }

    /// A path of which only what the policy made of it is kept. The policy must not be asked
    /// again, and the AS_PATH may be its work; the neighbour will send all again.
    fn judge_unkept(
        &mut self,
        shared: &mut Shared,
        peer: &RibPeer,
        row: &RibPeerFamily,
        id: u32,
        path: &Path,
    ) {
        // What has no way at the moment is kept until it has.
        let mut refused = path.flags.0 & PathFlags::REFUSED & !PathFlags::NO_WAY;
        if row.policy_import.is_none() {
            refused = refuse(shared, peer, row.family, shared.attributes.get(path.attributes));
        } else if !row.policy_in {
            refused |= PathFlags::NO_POLICY;
        }
        if refused != 0 {
            self.remove_path(shared, id, path.source, path.path_id);
        } else {
            shared.keep_original(self.place, path.source, (id, path.path_id), None);
        }
    }
}
