//! Adj-RIB-In: what neighbours send is checked, made ours and stored at its destination.
//!
//! RFC 4271 §9.1.2 (own AS), RFC 4456 §8 (own ORIGINATOR_ID or CLUSTER_ID), RFC 8212, RFC 4271
//! §5.1.5 (LOCAL_PREF from eBGP does not count). A route that fails is kept, marked, if the
//! neighbour has `soft-reconfiguration inbound`; otherwise it is dropped (which withdraws
//! what had its key before), because two reflectors of a cluster would keep each other's
//! whole table for nothing. When a knob changes, kept routes are judged anew, and for the
//! others the neighbour must be asked to send again (`ClearIn::AskPeer`).

use super::{
    PrefixWarning, Rib, RibError, Shared,
    destination::{PathFlags, PeerSlot},
    loc_rib::Arrival,
    maximum_prefix::{Level, level},
    peers::RibPeer,
    place,
};
use crate::peer::{AllowAsIn, PeerId, PeerKind};
use crate::wire::{AttributeSet, Family, update::Update};
use smallvec::SmallVec;
use std::{borrow::Cow, net::IpAddr, sync::Arc, time::Instant};

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

/// Whether there is a way to a next hop. Next hops are not tracked yet; whoever adds that,
/// here is where a path loses or gains its right to be used.
fn resolvable(_next_hop: IpAddr) -> bool {
    true
}

/// Why a path with these attributes from this peer may not be used; 0 if it may.
fn refuse(shared: &Shared, peer: &RibPeer, family: Family, set: &AttributeSet) -> u16 {
    let Some(row) = peer.family(family) else { return PathFlags::NO_POLICY };
    let mut refused = 0;
    let loops = match row.settings.allowas_in {
        AllowAsIn::Times(times) => set.as_path.count(peer.local_as) > usize::from(times),
        AllowAsIn::Origin => set.as_path.count(peer.local_as) > 1,
    };
    if loops {
        refused |= PathFlags::AS_LOOP;
    }
    if peer.kind == PeerKind::Internal {
        if set.originator_id == Some(shared.settings.router_id) {
            refused |= PathFlags::OWN_ORIGINATOR;
        }
        if set.cluster_list.contains(&shared.settings.cluster_id) {
            refused |= PathFlags::OWN_CLUSTER;
        }
    }
    if !row.policy_in {
        refused |= PathFlags::NO_POLICY;
    }
    if set.next_hop.is_some_and(|next_hop| !resolvable(next_hop)) {
        refused |= PathFlags::UNREACHABLE;
    }
    refused
}

/// What belongs to the sender's AS ends at its border.
fn inbound<'a>(peer: &RibPeer, set: &'a Arc<AttributeSet>) -> Cow<'a, Arc<AttributeSet>> {
    let foreign = set.local_pref.is_some() || set.originator_id.is_some() || !set.cluster_list.is_empty();
    if peer.kind == PeerKind::Internal || !foreign {
        return Cow::Borrowed(set);
    }
    let mut own = AttributeSet::clone(set);
    own.local_pref = None;
    own.originator_id = None;
    own.cluster_list.clear();
    Cow::Owned(Arc::new(own))
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
        let Some(row) = peer.settings.family(block.family) else { return Ok(()) };
        let Some(table) = self.tables.get_mut(place(block.family)) else { return Ok(()) };
        let set = inbound(&peer.settings, received);
        let refused = refuse(&self.shared, &peer.settings, block.family, &set);
        let keep = refused == 0 || row.settings.soft_reconfiguration_inbound;
        let maximum = row.settings.maximum_prefix;
        let attributes = self.shared.attributes.intern(&set);
        let mut result = Ok(());
        let split = block.family.row().split;
        for (path_id, nlri) in block.iter() {
            let (key, rest) = match split(nlri) {
                Ok(parts) => parts,
                Err(error) => {
                    result = Err(error.into());
                    break;
                }
            };
            if !keep {
                table.withdraw(&mut self.shared, slot, path_id, &key);
                continue;
            }
            let arrival = Arrival { source: slot, path_id, key: &key, rest: &rest, attributes, refused, now };
            if !table.announce(&mut self.shared, &arrival) {
                continue;
            }
            let Some(maximum) = maximum else { continue };
            let Some(state) = self.shared.peers.table_mut(slot, table.place) else { continue };
            let level = level(&maximum, state.paths);
            if level == Level::Over && !maximum.warning_only {
                table.withdraw(&mut self.shared, slot, path_id, &key);
                result = Err(RibError::MaximumPrefixReached { peer: id, family: block.family, maximum });
                break;
            }
            if level != Level::Fine && !state.warned {
                state.warned = true;
                verdict.warning =
                    Some(PrefixWarning { peer: id, family: block.family, count: state.paths, maximum });
            }
        }
        self.shared.attributes.release(attributes);
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
        let keep = settings.family(family).is_some_and(|row| row.settings.soft_reconfiguration_inbound);
        let ids: Vec<u32> =
            peer.tables.get(table.place).map(|own| own.routes.iter().collect()).unwrap_or_default();
        for id in ids {
            let judged: SmallVec<[(u32, u16); 2]> = table
                .routes
                .paths(id)
                .filter(|path| path.source == slot)
                .map(|path| {
                    let set = self.shared.attributes.get(path.attributes);
                    (path.path_id, refuse(&self.shared, &settings, family, set))
                })
                .collect();
            for (path_id, refused) in judged {
                if refused != 0 && !keep {
                    table.remove_path(&mut self.shared, id, slot, path_id);
                } else {
                    table.judge(&mut self.shared, id, slot, path_id, refused, 0);
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
