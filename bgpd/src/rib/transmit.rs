//! From pending destinations to messages. A batch of a subgroup's pending destinations is
//! judged by `advertise`, sorted by what can share a message (recipients, attribute
//! set), and encoded once for all recipients: withdrawals first, then announcements.
//!
//! A batch ends with the pending set or at 4096 destinations or 1 MiB, so that what is
//! encoded and not taken yet is bounded. A route alone goes out alone, at once.

use super::{
    Rib, Shared,
    advertise::{Advertiser, Told, as_sent},
    attributes::AttributeId,
    destination::PeerSlot,
    loc_rib::Table,
    update_group::{Marker, Subgroup},
};
use crate::peer::PeerId;
use crate::wire::{EncodedAttributes, Family, Message, RouteRefresh, refresh::RefreshKind};
use bytes::{Bytes, BytesMut};
use smallvec::SmallVec;
use std::{sync::Arc, time::Instant};
use weft_evpn::nlri::NlriKey;

/// Destinations in a batch.
const BATCH: usize = 4096;
/// Octets at which a transmission is closed and another begun.
const TRANSMISSION: usize = 64 * 1024;
/// Octets at which a batch ends early.
const BATCH_OCTETS: usize = 1024 * 1024;
/// The path identifier that we give to the only path we send.
const PATH_ID: u32 = 1;

/// Whole messages for some neighbours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// To each of these.
    pub peers: SmallVec<[PeerId; 4]>,
    /// One or more whole messages.
    pub bytes: Bytes,
}

/// Which members of a subgroup something is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    All,
    AllBut(PeerSlot),
    Only(PeerSlot),
}

/// Memory that is used again from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    ids: Vec<u32>,
    /// Those that nobody holds or is told of.
    silent: Vec<u32>,
    withdrawals: Vec<(To, u32)>,
    announcements: Vec<(To, AttributeId, PeerSlot, u32)>,
    attributes: EncodedAttributes,
    /// Sets that live for the batch.
    interned: Vec<AttributeId>,
}

impl Scratch {
    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.ids.capacity() * size_of::<u32>()
            + self.withdrawals.capacity() * size_of::<(To, u32)>()
            + self.announcements.capacity() * size_of::<(To, AttributeId, PeerSlot, u32)>()
            + self.interned.capacity() * size_of::<AttributeId>()
    }
}

impl Rib {
    /// The next messages to hand to sessions; `None` when nothing is left to do now.
    pub fn next_transmit(&mut self, now: Instant) -> Option<Transmit> {
        self.settle_memberships(now);
        loop {
            while let Some(mut transmit) = self.ready.pop_front() {
                let Transmit { peers, bytes } = &mut transmit;
                let shared = &mut self.shared;
                peers.retain(|id| {
                    let peer = shared.peers.slot(*id).and_then(|slot| shared.peers.get_mut(slot));
                    match peer {
                        Some(peer) if peer.blocked.is_some() => {
                            peer.held.push_back(bytes.clone());
                            false
                        }
                        other => other.is_some(),
                    }
                });
                if !transmit.peers.is_empty() {
                    return Some(transmit);
                }
            }
            let (table, subgroup) = self.next_work()?;
            self.fill(table, subgroup, now);
        }
    }

    /// A neighbour's session is full and did not take these bytes, which are kept for it.
    /// Nothing is given for the neighbour until `peer_drained`.
    pub fn peer_blocked(&mut self, peer: PeerId, refused: Bytes, now: Instant) {
        let Some(slot) = self.shared.peers.slot(peer) else { return };
        let Some(state) = self.shared.peers.get_mut(slot).filter(|state| state.up) else { return };
        state.held.push_back(refused);
        if state.blocked.replace(state.blocked.unwrap_or(now)).is_none() {
            self.count_blocked(slot, |blocked| *blocked += 1);
        }
    }

    /// A neighbour's session has room again.
    pub fn peer_drained(&mut self, peer: PeerId) {
        let Some(slot) = self.shared.peers.slot(peer) else { return };
        let Some(state) = self.shared.peers.get_mut(slot) else { return };
        if state.blocked.take().is_none() {
            return;
        }
        while let Some(bytes) = state.held.pop_back() {
            self.ready.push_front(Transmit { peers: SmallVec::from_slice(&[peer]), bytes });
        }
        self.count_blocked(slot, |blocked| *blocked -= 1);
    }

    fn count_blocked(&mut self, slot: PeerSlot, count: impl Fn(&mut usize)) {
        for table in &mut self.tables {
            let at = self.shared.peers.table(slot, table.place).and_then(|state| state.subgroup);
            if let Some(subgroup) = at.and_then(|at| table.subgroup_mut(at)) {
                count(&mut subgroup.blocked);
            }
        }
    }

    /// The next subgroup that has something to send and can, after the last one.
    fn next_work(&mut self) -> Option<(usize, usize)> {
        let shared = &self.shared;
        let works = |&(_, subgroup): &(_, &Option<Subgroup>)| {
            subgroup.as_ref().is_some_and(|subgroup| subgroup.blocked == 0 && subgroup.has_work(shared))
        };
        let all = || {
            self.tables.iter().enumerate().flat_map(|(table, rows)| {
                rows.subgroups.iter().enumerate().map(move |(at, subgroup)| ((table, at), subgroup))
            })
        };
        let found = all().filter(|(at, _)| *at > self.turn).find(works).or_else(|| all().find(works));
        let (at, _) = found?;
        self.turn = at;
        Some(at)
    }

    /// Encodes a batch of a subgroup into `ready`.
    fn fill(&mut self, table: usize, at: usize, now: Instant) {
        let Some(table) = self.tables.get_mut(table) else { return };
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut batch = Batch::new(&mut self.ready);
        table.begin_dump(&self.shared, at, &mut batch);
        let complete = table.judge_batch(&mut self.shared, at, &mut scratch);
        table.encode_withdrawals(&mut self.shared, at, &scratch, &mut batch);
        let left = table.encode_announcements(&mut self.shared, at, &mut scratch, &mut batch);
        for attributes in scratch.interned.drain(..) {
            self.shared.attributes.release(attributes);
        }
        table.end_dump(&self.shared, at, complete && !left, &mut batch);
        batch.flush(table.subgroup(at), &self.shared);
        table.try_merge(&mut self.shared, at, now);
        self.scratch = scratch;
    }
}

impl Subgroup {
    /// Nobody is left when the only member is the source.
    fn is_nobody(&self, to: To) -> bool {
        matches!(to, To::AllBut(_)) && self.members.len() == 1
    }
}

impl Table {
    fn begin_dump(&mut self, shared: &Shared, at: usize, batch: &mut Batch<'_>) {
        let family = self.family;
        let Some(subgroup) = self.subgroup_mut(at) else { return };
        let Some(dump) = &mut subgroup.dump else { return };
        dump.started = true;
        if std::mem::take(&mut dump.begin_refresh) {
            batch.to(To::All, Some(subgroup), shared);
            refresh(family, RefreshKind::Begin, &mut batch.out);
        }
    }

    /// Takes a batch of pending destinations and decides what each member is told of them.
    /// True if each destination that was there when the dump began has been visited.
    fn judge_batch(&mut self, shared: &mut Shared, at: usize, scratch: &mut Scratch) -> bool {
        let Scratch { ids, silent, withdrawals, announcements, interned, .. } = scratch;
        ids.clear();
        silent.clear();
        withdrawals.clear();
        announcements.clear();
        let Some(subgroup) = self.subgroups.get_mut(at).and_then(Option::as_mut) else { return true };
        let complete = subgroup.pending.take(&mut subgroup.cursor, BATCH, ids);
        let instead = self.reflected(shared, at, ids);
        let (family, routes, place) = (self.family, &self.routes, self.place);
        let Some(subgroup) = self.subgroups.get_mut(at).and_then(Option::as_mut) else { return true };
        let wanted = subgroup.constraint.as_ref().map(|constraint| Arc::clone(&constraint.wanted));
        let returns = subgroup.key.returns_to_source();
        let mut advertiser = Advertiser::new(shared, &subgroup.key, self.default_route);
        let join = family.row().join;
        for &id in ids.iter() {
            let sent = subgroup.sent.contains(id);
            let moved = sent && subgroup.moved.contains(id);
            let nlri = |shared: &Shared, wire: &mut Vec<u8>| {
                join(&routes.key(id), shared.rest(routes.first(id)), wire);
            };
            let best = if instead.is_empty() { routes.best(id) } else { instead.get(&id).copied() };
            let told = advertiser.tell(shared, &subgroup.key, id, best, nlri, interned);
            let told = told.filter(|told| {
                let communities = || shared.attributes.get(told.attributes).ext_communities.as_slice();
                wanted.as_ref().is_none_or(|wanted| wanted.admits(communities()))
            });
            let is_member = |slot: PeerSlot| {
                shared.peers.table(slot, place).is_some_and(|state| state.subgroup == Some(at))
            };
            match told {
                Some(Told { attributes, source }) => {
                    let to = if is_member(source) && !returns { To::AllBut(source) } else { To::All };
                    if moved && let To::AllBut(source) = to {
                        withdrawals.push((To::Only(source), id));
                    }
                    announcements.push((to, attributes, source, id));
                }
                None if !sent => {
                    subgroup.moved.remove(id);
                    silent.push(id);
                }
                None => {
                    // The source of what was sent does not hold it.
                    let source = routes.last_source(id);
                    let may_hold = moved || family == Family::RtFilter || !is_member(source);
                    let to = if may_hold { To::All } else { To::AllBut(source) };
                    withdrawals.push((to, id));
                }
            }
        }
        withdrawals.sort_by_key(|&(to, _)| to);
        let key = |&(to, attributes, source, _): &(To, AttributeId, PeerSlot, u32)| (to, attributes, source);
        if !announcements.is_sorted_by_key(key) {
            announcements.sort_by_key(key);
        }
        complete
    }

    fn encode_withdrawals(
        &mut self,
        shared: &mut Shared,
        at: usize,
        scratch: &Scratch,
        batch: &mut Batch<'_>,
    ) {
        let mut key = NlriKey::new();
        for run in scratch.withdrawals.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(to, _)) = run.first() else { continue };
            let (family, routes) = (self.family, &self.routes);
            let Some(subgroup) = self.subgroups.get_mut(at).and_then(Option::as_mut) else { return };
            let mut rest = run;
            if subgroup.is_nobody(to) {
                for &(_, id) in run {
                    subgroup.sent.remove(id);
                    subgroup.moved.remove(id);
                }
                rest = &[];
            }
            while !rest.is_empty() {
                batch.to(to, Some(subgroup), shared);
                let mut packer = subgroup.encoder.withdraw(family, &mut batch.out);
                let (now, later) = rest.split_at(rest.len().min(ROUTES_BETWEEN_FLUSHES));
                for &(_, id) in now {
                    routes.read_key(id, &mut key);
                    // A withdrawal has no attributes and always fits.
                    let _ = packer.push(PATH_ID, &key, shared.rest(routes.first(id)));
                    if !matches!(to, To::Only(_)) {
                        subgroup.sent.remove(id);
                        subgroup.moved.remove(id);
                    }
                }
                packer.finish();
                rest = later;
            }
            for &(_, id) in run {
                self.try_free(shared, id);
            }
        }
        for &id in &scratch.silent {
            self.try_free(shared, id);
        }
    }

    /// True if the batch became too long, and the rest is pending again.
    fn encode_announcements(
        &mut self,
        shared: &mut Shared,
        at: usize,
        scratch: &mut Scratch,
        batch: &mut Batch<'_>,
    ) -> bool {
        let Scratch { announcements, attributes: encoded, withdrawals, .. } = scratch;
        withdrawals.clear();
        let (family, routes) = (self.family, &self.routes);
        let Some(subgroup) = self.subgroups.get_mut(at).and_then(Option::as_mut) else { return false };
        let mut left = false;
        let mut key = NlriKey::new();
        for run in announcements.chunk_by(|a, b| (a.0, a.1, a.2) == (b.0, b.1, b.2)) {
            let Some(&(to, attributes, source, first)) = run.first() else { continue };
            if batch.octets > BATCH_OCTETS {
                for &(_, _, _, id) in run {
                    subgroup.pending.insert(id);
                }
                subgroup.cursor = if left { subgroup.cursor.min(first) } else { first };
                left = true;
                continue;
            }
            if subgroup.is_nobody(to) {
                for &(_, _, _, id) in run {
                    subgroup.sent.insert(id);
                    subgroup.moved.remove(id);
                }
                continue;
            }
            let set = as_sent(shared, &subgroup.key, Told { attributes, source });
            encoded.set(&set, subgroup.encoder.context());
            let mut rest = run;
            while !rest.is_empty() {
                batch.to(to, Some(subgroup), shared);
                let (now, later) = rest.split_at(rest.len().min(ROUTES_BETWEEN_FLUSHES));
                rest = later;
                let mut refused = 0;
                match subgroup.encoder.announce(family, encoded, &mut batch.out) {
                    Ok(mut packer) => {
                        for &(_, _, _, id) in now {
                            let nlri_rest = shared.rest(routes.first(id));
                            routes.read_key(id, &mut key);
                            if packer.push(PATH_ID, &key, nlri_rest).is_ok() {
                                subgroup.sent.insert(id);
                                subgroup.moved.remove(id);
                            } else {
                                withdrawals.push((To::All, id));
                                refused += 1;
                            }
                        }
                        packer.finish();
                    }
                    Err(_) => {
                        withdrawals.extend(now.iter().map(|&(_, _, _, id)| (To::All, id)));
                        refused = now.len();
                    }
                }
                if refused > 0 {
                    tracing::debug!(%family, refused, "routes whose attributes leave no room are withdrawn");
                }
            }
        }
        // What cannot be told is withdrawn from those who hold something else.
        withdrawals.retain(|&(_, id)| subgroup.sent.contains(id));
        self.encode_withdrawals(shared, at, scratch, batch);
        left
    }

    fn end_dump(&mut self, shared: &Shared, at: usize, complete: bool, batch: &mut Batch<'_>) {
        let (family, deferred) = (self.family, shared.defers(self.family));
        let Some(subgroup) = self.subgroup_mut(at) else { return };
        let Some(mut dump) = subgroup.dump.take() else { return };
        dump.passed |= complete;
        if !dump.passed || deferred {
            subgroup.dump = Some(dump);
            return;
        }
        for end in dump.ends {
            batch.to(To::All, Some(subgroup), shared);
            match end {
                Marker::EndOfRib => subgroup.encoder.end_of_rib(family, &mut batch.out),
                Marker::EndOfRefresh => refresh(family, RefreshKind::End, &mut batch.out),
            }
        }
    }
}

/// How many routes are packed before the length of a transmission is looked at again.
const ROUTES_BETWEEN_FLUSHES: usize = 1024;

fn refresh(family: crate::wire::Family, kind: RefreshKind, out: &mut BytesMut) {
    let row = family.row();
    let message = Message::RouteRefresh(RouteRefresh { afi: row.afi, safi: row.safi, kind });
    out.extend_from_slice(&message.to_bytes());
}

/// Messages being written for the same recipients, in order.
struct Batch<'a> {
    ready: &'a mut std::collections::VecDeque<Transmit>,
    to: To,
    out: BytesMut,
    /// Octets of the whole batch so far.
    octets: usize,
}

impl<'a> Batch<'a> {
    fn new(ready: &'a mut std::collections::VecDeque<Transmit>) -> Self {
        Self { ready, to: To::All, out: BytesMut::new(), octets: 0 }
    }

    /// What is written next is for these.
    fn to(&mut self, to: To, subgroup: Option<&Subgroup>, shared: &Shared) {
        if self.to != to || self.out.len() >= TRANSMISSION {
            self.flush(subgroup, shared);
            self.to = to;
        }
    }

    fn flush(&mut self, subgroup: Option<&Subgroup>, shared: &Shared) {
        if self.out.is_empty() {
            return;
        }
        let bytes = self.out.split().freeze();
        self.octets += bytes.len();
        let to = self.to;
        let recipients =
            subgroup.into_iter().flat_map(|subgroup| &subgroup.members).filter(|&&slot| match to {
                To::All => true,
                To::AllBut(source) => slot != source,
                To::Only(source) => slot == source,
            });
        let peers: SmallVec<[PeerId; 4]> =
            recipients.filter_map(|&slot| shared.peers.get(slot)?.id).collect();
        if !peers.is_empty() {
            self.ready.push_back(Transmit { peers, bytes });
        }
    }
}
