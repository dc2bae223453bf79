//! The destinations of one family and their paths: where a route's memory goes.
//!
//! A route's key is cut in two. The head (for EVPN 14 octets: type, RD, Ethernet tag, MAC
//! length) is shared by the routes of a MAC-VRF and stored once, with a hash index of its
//! routes; the tail (MAC and IPv4 address: 11 octets) stands in the destination, longer tails
//! in a box of their own. The first path, which is the best if there is one, stands inline.
//! Routes of one head come and go together, so their small index stays in the processor's
//! cache, where one index of all routes would miss it with each route.
//!
//! Cost of a route with one path: 40 octets here, 6 to 12 in its head's index (4-octet id and
//! a tag, at most 7/8 full, doubled when full), and a bit in each of these sets: occupied,
//! Adj-RIB-In of its peer, sent per update subgroup. 52 to 58 octets in sum, 100 with a tail
//! of more than 11 octets (IPv6 hosts). A further path costs 24, a head 70.
//!
//! A destination that lost its paths stays, as a tombstone with the last path's source and
//! rest, until everybody who must hear of it has: withdrawals are encoded from it.

use super::{attributes::AttributeId, id_set::IdSet, import::ImportId, octets::NO_OCTETS, slab::Slab};
use crate::{peer::PeerId, wire::Family};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;
use std::hash::BuildHasher;
use weft_evpn::nlri::NlriKey;

/// A peer in the RIB's own numbering, or the RIB's own routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PeerSlot(pub(super) u16);

impl PeerSlot {
    /// Routes that this speaker originates.
    pub(super) const LOCAL: PeerSlot = PeerSlot(0);
    /// Routes that somebody else in this speaker has given; `path_id` says who.
    pub(super) const IMPORT: PeerSlot = PeerSlot(u16::MAX - 1);
    /// Nobody.
    pub(super) const NONE: PeerSlot = PeerSlot(u16::MAX);
}

/// Where a path comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathSource {
    /// This speaker originates it.
    Local,
    /// A neighbour sent it.
    Peer(PeerId),
    /// It was imported (into an IP-VRF).
    Import(ImportId),
}

/// What is known of a path beyond what was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PathFlags(pub(super) u16);

impl PathFlags {
    /// Kept over the restart of its peer (RFC 4724 §4.2), not announced again yet.
    pub(super) const STALE: u16 = 1;
    /// Not announced again yet in the refresh under way (RFC 7313 §4).
    pub(super) const REFRESHING: u16 = 2;
    /// The best path.
    pub(super) const BEST: u16 = 4;
    /// Our AS is in the AS_PATH more often than allowed.
    pub(super) const AS_LOOP: u16 = 8;
    /// ORIGINATOR_ID is ours.
    pub(super) const OWN_ORIGINATOR: u16 = 16;
    /// CLUSTER_LIST contains our cluster.
    pub(super) const OWN_CLUSTER: u16 = 32;
    /// From an eBGP peer without a policy (RFC 8212).
    pub(super) const NO_POLICY: u16 = 64;
    /// The next hop is none that anybody could be reached by.
    pub(super) const UNREACHABLE: u16 = 128;
    /// The import policy denies it.
    pub(super) const FILTERED: u16 = 256;
    /// The AS_PATH does not begin with the neighbour's AS.
    pub(super) const FIRST_AS: u16 = 512;
    /// There is no way to the next hop at the moment (`next_hop`).
    pub(super) const NO_WAY: u16 = 1024;
    /// Any reason not to use a path.
    pub(super) const REFUSED: u16 = !(Self::STALE | Self::REFRESHING | Self::BEST);

    pub(super) fn has(self, flags: u16) -> bool {
        self.0 & flags != 0
    }

    pub(super) fn set(&mut self, flags: u16) {
        self.0 |= flags;
    }

    pub(super) fn clear(&mut self, flags: u16) {
        self.0 &= !flags;
    }
}

const NO_PATH: u32 = u32::MAX;

/// A path: 24 octets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// `NONE`: this is a tombstone.
    pub(super) attributes: AttributeId,
    /// The non-key part of the NLRI.
    pub(super) rest: u32,
    /// RFC 7911, as received; 0 without add-path; the `ImportId` of an import.
    pub(super) path_id: u32,
    /// Seconds between the RIB's beginning and this path's.
    pub(super) since: u32,
    /// The next in the slab of further paths.
    next: u32,
    pub(super) source: PeerSlot,
    pub(super) flags: PathFlags,
}

impl Default for Path {
    fn default() -> Self {
        Self {
            attributes: AttributeId::NONE,
            rest: NO_OCTETS,
            path_id: 0,
            since: 0,
            next: NO_PATH,
            source: PeerSlot::NONE,
            flags: PathFlags::default(),
        }
    }
}

impl Path {
    /// A path that stands nowhere yet.
    pub(super) fn new(source: PeerSlot, path_id: u32, attributes: AttributeId, rest: u32) -> Self {
        Self { source, path_id, attributes, rest, ..Self::default() }
    }

    pub(super) fn exists(&self) -> bool {
        self.attributes != AttributeId::NONE
    }

    pub(super) fn eligible(&self) -> bool {
        self.exists() && !self.flags.has(PathFlags::REFUSED)
    }

    pub(super) fn is(&self, source: PeerSlot, path_id: u32) -> bool {
        self.exists() && self.source == source && self.path_id == path_id
    }

    /// Of the first path: true if a path of this source and identifier will be the only one.
    pub(super) fn makes_room_for(&self, source: PeerSlot, path_id: u32) -> bool {
        !self.exists() || self.next == NO_PATH && self.is(source, path_id)
    }

    /// Of the first path: the best one.
    pub(super) fn best(&self) -> Option<Best> {
        (self.exists() && self.flags.has(PathFlags::BEST)).then_some(Best {
            source: self.source,
            path_id: self.path_id,
            attributes: self.attributes,
            rest: self.rest,
        })
    }

    /// Of the first path: whose path the best one is, or was when this became a tombstone.
    pub(super) fn last_source(&self) -> PeerSlot {
        if self.exists() && !self.flags.has(PathFlags::BEST) { PeerSlot::NONE } else { self.source }
    }
}

/// Octets of a tail that need no box.
const INLINE_TAIL: usize = 11;
const BOXED: u8 = u8::MAX;

#[derive(Debug, Clone, Copy, Default)]
struct Destination {
    head: u32,
    /// Length and octets; or `BOXED`, three unused, the number of the box.
    tail: [u8; INLINE_TAIL + 1],
    path: Path,
}

/// How many octets of a key the routes of one table of routes share. What is left must fit a
/// destination inline; an IPv6 prefix leaves 11 octets.
fn head_length(family: Family) -> usize {
    match family {
        Family::L2vpnEvpn => 14,
        Family::Ipv4Unicast => 0,
        Family::Ipv6Unicast => 6,
        // The origin AS.
        Family::RtFilter => 4,
    }
}

/// The best path as others see it, to tell whether it changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Best {
    pub(super) source: PeerSlot,
    pub(super) path_id: u32,
    pub(super) attributes: AttributeId,
    pub(super) rest: u32,
}

/// What the keys of a MAC-VRF's routes begin with, and where these routes are.
#[derive(Debug, Default)]
struct Head {
    octets: SmallVec<[u8; 16]>,
    /// Destinations by their tail; never empty while the head exists.
    routes: HashTable<u32>,
}

/// The destinations of a family.
#[derive(Debug)]
pub(super) struct DestinationTable {
    head_length: usize,
    heads: Slab<Head, 8>,
    heads_by_octets: HashTable<u32>,
    /// The head asked for last: routes come in runs that share it.
    last_head: u32,
    entries: Slab<Destination, 10>,
    long_tails: Slab<Box<[u8]>, 8>,
    further: Slab<Path, 8>,
    hasher: RandomState,
    occupied: IdSet,
    paths: u32,
}

impl DestinationTable {
    pub(super) fn new(family: Family) -> Self {
        Self {
            head_length: head_length(family),
            heads: Slab::new(),
            heads_by_octets: HashTable::new(),
            last_head: u32::MAX,
            entries: Slab::new(),
            long_tails: Slab::new(),
            further: Slab::new(),
            hasher: RandomState::default(),
            occupied: IdSet::default(),
            paths: 0,
        }
    }

    fn cut<'k>(&self, key: &'k [u8]) -> (&'k [u8], &'k [u8]) {
        key.split_at_checked(self.head_length).unwrap_or((key, &[]))
    }

    fn tail<'t>(long_tails: &'t Slab<Box<[u8]>, 8>, destination: &'t Destination) -> &'t [u8] {
        match destination.tail {
            [BOXED, _, _, _, a, b, c, d, ..] => long_tails.get(u32::from_be_bytes([a, b, c, d])),
            [length, ref octets @ ..] => octets.get(..usize::from(length)).unwrap_or_default(),
        }
    }

    fn find_head(&self, octets: &[u8]) -> Option<u32> {
        let last = self.heads.get(self.last_head);
        if !last.routes.is_empty() && last.octets.as_slice() == octets {
            return Some(self.last_head);
        }
        let equal = |&id: &u32| self.heads.get(id).octets.as_slice() == octets;
        self.heads_by_octets.find(self.hasher.hash_one(octets), equal).copied()
    }

    fn find_in(&self, head: u32, tail: &[u8], hash: u64) -> Option<u32> {
        let equal = |&id: &u32| Self::tail(&self.long_tails, self.entries.get(id)) == tail;
        self.heads.get(head).routes.find(hash, equal).copied()
    }

    /// The destination with this key.
    pub(super) fn find(&self, key: &[u8]) -> Option<u32> {
        let (head, tail) = self.cut(key);
        self.find_in(self.find_head(head)?, tail, self.hasher.hash_one(tail))
    }

    /// The same, for routes that come in runs.
    pub(super) fn find_next(&mut self, key: &[u8]) -> Option<u32> {
        let (head, tail) = self.cut(key);
        self.last_head = self.find_head(head)?;
        self.find_in(self.last_head, tail, self.hasher.hash_one(tail))
    }

    /// The destination with this key, new and empty if there was none.
    pub(super) fn find_or_insert(&mut self, key: &[u8]) -> u32 {
        let (octets, tail) = self.cut(key);
        let hash = self.hasher.hash_one(tail);
        let head = match self.find_head(octets) {
            Some(head) => match self.find_in(head, tail, hash) {
                Some(id) => {
                    self.last_head = head;
                    return id;
                }
                None => head,
            },
            None => self.add_head(octets),
        };
        self.last_head = head;
        let mut stored = [0; INLINE_TAIL + 1];
        match stored.get_mut(1..=tail.len()) {
            Some(inline) => {
                inline.copy_from_slice(tail);
                stored[0] = tail.len() as u8;
            }
            None => {
                let number = self.long_tails.insert(tail.into()).to_be_bytes();
                stored[0] = BOXED;
                stored[4..8].copy_from_slice(&number);
            }
        }
        let id = self.entries.insert(Destination { head, tail: stored, path: Path::default() });
        let (entries, long_tails, hasher) = (&self.entries, &self.long_tails, &self.hasher);
        if let Some(head) = self.heads.get_mut(head) {
            let rehash = |&id: &u32| hasher.hash_one(Self::tail(long_tails, entries.get(id)));
            head.routes.insert_unique(hash, id, rehash);
        }
        self.occupied.insert(id);
        id
    }

    fn add_head(&mut self, octets: &[u8]) -> u32 {
        let id = self.heads.insert(Head { octets: SmallVec::from_slice(octets), routes: HashTable::new() });
        let (heads, hasher) = (&self.heads, &self.hasher);
        let rehash = |&id: &u32| hasher.hash_one(heads.get(id).octets.as_slice());
        self.heads_by_octets.insert_unique(hasher.hash_one(octets), id, rehash);
        id
    }

    /// Forgets a destination without paths; gives the rest that its tombstone holds.
    pub(super) fn free(&mut self, id: u32) -> u32 {
        if !self.occupied.remove(id) {
            return NO_OCTETS;
        }
        let entry = *self.entries.get(id);
        let hash = self.hasher.hash_one(Self::tail(&self.long_tails, &entry));
        let (entries, long_tails, hasher) = (&self.entries, &self.long_tails, &self.hasher);
        let mut empty = false;
        if let Some(Head { routes, .. }) = self.heads.get_mut(entry.head) {
            if let Ok(found) = routes.find_entry(hash, |&other| other == id) {
                found.remove();
            }
            empty = routes.is_empty();
            if !empty && routes.capacity() > 64 && routes.len() < routes.capacity() / 8 {
                let rehash = |&id: &u32| hasher.hash_one(Self::tail(long_tails, entries.get(id)));
                routes.shrink_to(routes.len() * 2, rehash);
            }
        }
        if empty {
            self.remove_head(entry.head);
        }
        if let [BOXED, _, _, _, a, b, c, d, ..] = entry.tail {
            self.long_tails.remove(u32::from_be_bytes([a, b, c, d]));
        }
        self.entries.remove(id);
        entry.path.rest
    }

    fn remove_head(&mut self, id: u32) {
        let gone = self.heads.remove(id);
        let hash = self.hasher.hash_one(gone.octets.as_slice());
        if let Ok(found) = self.heads_by_octets.find_entry(hash, |&other| other == id) {
            found.remove();
        }
        let (heads, hasher, index) = (&self.heads, &self.hasher, &mut self.heads_by_octets);
        if index.capacity() > 64 && index.len() < index.capacity() / 8 {
            index.shrink_to(index.len() * 2, |&id| hasher.hash_one(heads.get(id).octets.as_slice()));
        }
    }

    /// The whole key.
    pub(super) fn key(&self, id: u32) -> NlriKey {
        let mut key = NlriKey::new();
        self.read_key(id, &mut key);
        key
    }

    /// The same into memory that is used again.
    pub(super) fn read_key(&self, id: u32, key: &mut NlriKey) {
        let entry = self.entries.get(id);
        key.clear();
        key.extend_from_slice(&self.heads.get(entry.head).octets);
        key.extend_from_slice(Self::tail(&self.long_tails, entry));
    }

    /// The shared front of the key: its id and its octets.
    pub(super) fn head(&self, id: u32) -> (u32, &[u8]) {
        let head = self.entries.get(id).head;
        (head, &self.heads.get(head).octets)
    }

    /// True for a key whose first octet is this (for EVPN the route type).
    pub(super) fn key_starts_with(&self, id: u32, octet: u8) -> bool {
        self.heads.get(self.entries.get(id).head).octets.first() == Some(&octet)
    }

    /// The inline path: the best if there is one, a tombstone if there is none at all.
    pub(super) fn first(&self, id: u32) -> &Path {
        &self.entries.get(id).path
    }

    /// All paths, the best first.
    pub(super) fn paths(&self, id: u32) -> impl Iterator<Item = &Path> {
        let first = self.first(id);
        let further = &self.further;
        std::iter::successors(first.exists().then_some(first), move |path| {
            (path.next != NO_PATH).then(|| further.get(path.next))
        })
    }

    pub(super) fn has_one_path(&self, id: u32) -> bool {
        let first = self.first(id);
        first.exists() && first.next == NO_PATH
    }

    pub(super) fn find_path(&self, id: u32, source: PeerSlot, path_id: u32) -> Option<&Path> {
        self.paths(id).find(|path| path.is(source, path_id))
    }

    /// Calls `change` for each path.
    pub(super) fn for_each_path_mut(&mut self, id: u32, mut change: impl FnMut(&mut Path)) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if !entry.path.exists() {
            return;
        }
        change(&mut entry.path);
        let mut next = entry.path.next;
        while let Some(path) = self.further.get_mut(next) {
            change(path);
            next = path.next;
        }
    }

    /// Adds a path, or replaces the one with its source and path identifier; gives what stood
    /// in its place (a path or a tombstone), whose references the caller releases.
    pub(super) fn put_path(&mut self, id: u32, mut new: Path) -> Path {
        let Some(entry) = self.entries.get_mut(id) else { return Path::default() };
        if !entry.path.exists() {
            self.paths += 1;
            new.next = NO_PATH;
            return std::mem::replace(&mut entry.path, new);
        }
        if entry.path.is(new.source, new.path_id) {
            new.next = entry.path.next;
            return std::mem::replace(&mut entry.path, new);
        }
        let mut next = entry.path.next;
        while let Some(path) = self.further.get_mut(next) {
            if path.is(new.source, new.path_id) {
                new.next = path.next;
                return std::mem::replace(path, new);
            }
            next = path.next;
        }
        new.next = entry.path.next;
        entry.path.next = self.further.insert(new);
        self.paths += 1;
        Path::default()
    }

    /// Takes a path out. The last one leaves a tombstone, which keeps a copy of `rest`: the
    /// caller then releases only the attributes (`rest` is `NO_OCTETS` in the result).
    pub(super) fn take_path(&mut self, id: u32, source: PeerSlot, path_id: u32) -> Option<Path> {
        let entry = self.entries.get_mut(id)?;
        if entry.path.is(source, path_id) {
            self.paths -= 1;
            if entry.path.next == NO_PATH {
                let gone = Path { rest: NO_OCTETS, ..entry.path };
                // Of a path that was not the best, nobody was told.
                entry.path.source = entry.path.last_source();
                entry.path.attributes = AttributeId::NONE;
                entry.path.flags = PathFlags::default();
                return Some(gone);
            }
            let next = self.further.remove(entry.path.next);
            return Some(std::mem::replace(&mut entry.path, next));
        }
        let mut previous = NO_PATH;
        let mut at = entry.path.next;
        loop {
            let path = *self.further.get(at);
            if !path.exists() {
                return None;
            }
            if path.is(source, path_id) {
                match self.further.get_mut(previous) {
                    Some(previous) => previous.next = path.next,
                    None => entry.path.next = path.next,
                }
                self.further.remove(at);
                self.paths -= 1;
                return Some(path);
            }
            (previous, at) = (at, path.next);
        }
    }

    /// Makes the path at this place in `paths` the first and the best, or none of them.
    pub(super) fn set_best(&mut self, id: u32, place: Option<usize>) {
        self.for_each_path_mut(id, |path| path.flags.clear(PathFlags::BEST));
        let Some(place) = place else { return };
        let Some(entry) = self.entries.get_mut(id) else { return };
        let mut at = entry.path.next;
        for step in 1..=place {
            let Some(other) = self.further.get_mut(at) else { return };
            if step == place {
                std::mem::swap(&mut entry.path, other);
                std::mem::swap(&mut entry.path.next, &mut other.next);
            } else {
                at = other.next;
            }
        }
        entry.path.flags.set(PathFlags::BEST);
    }

    /// The best path.
    pub(super) fn best(&self, id: u32) -> Option<Best> {
        self.first(id).best()
    }

    /// Whose path the best one is, or was when the destination became a tombstone.
    pub(super) fn last_source(&self, id: u32) -> PeerSlot {
        self.first(id).last_source()
    }

    /// Destinations, tombstones among them.
    pub(super) fn occupied(&self) -> &IdSet {
        &self.occupied
    }

    /// Paths of all destinations.
    pub(super) fn path_count(&self) -> u32 {
        self.paths
    }

    /// Octets of destinations and paths.
    pub(super) fn bytes(&self) -> usize {
        let tails: usize = if self.long_tails.len() == 0 {
            0
        } else {
            self.long_tails.len() as usize * 32 + self.long_tails.bytes()
        };
        self.entries.bytes() + tails + self.further.bytes() + self.occupied.bytes()
    }

    /// Octets of the index by key: the fronts of keys, and the tables of what begins with each.
    pub(super) fn key_bytes(&self) -> usize {
        self.heads.bytes()
            + self.heads_by_octets.allocation_size()
            + self
                .heads_by_octets
                .iter()
                .map(|&id| self.heads.get(id).routes.allocation_size())
                .sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(source: u16, path_id: u32) -> Path {
        Path {
            attributes: AttributeId(u32::from(source)),
            source: PeerSlot(source),
            path_id,
            ..Path::default()
        }
    }

    #[test]
    fn a_path_costs_24_octets_and_a_destination_40() {
        assert_eq!((size_of::<Path>(), size_of::<Destination>()), (24, 40));
    }

    #[test]
    fn keys_of_any_length_are_told_apart() {
        let mut table = DestinationTable::new(Family::L2vpnEvpn);
        let keys: Vec<Vec<u8>> = (0..60u8).map(|n| vec![7; usize::from(n)]).chain([vec![8; 40]]).collect();
        let ids: Vec<u32> = keys.iter().map(|key| table.find_or_insert(key)).collect();
        for (key, &id) in keys.iter().zip(&ids) {
            assert_eq!((table.find(key), table.key(id).as_slice()), (Some(id), key.as_slice()));
            assert_eq!(table.find_or_insert(key), id);
        }
        for &id in &ids {
            table.free(id);
        }
        assert!(keys.iter().all(|key| table.find(key).is_none()));
        assert_eq!((table.heads.len(), table.long_tails.len(), table.occupied.len()), (0, 0, 0));
    }

    #[test]
    fn paths_are_put_replaced_promoted_and_taken() {
        let mut table = DestinationTable::new(Family::L2vpnEvpn);
        let id = table.find_or_insert(b"key");
        for source in 1..=4 {
            assert!(!table.put_path(id, path(source, 0)).exists());
        }
        table.put_path(id, path(4, 1));
        assert!(table.put_path(id, path(3, 0)).exists());
        assert_eq!((table.paths(id).count(), table.path_count()), (5, 5));
        for wanted in [3u16, 1, 2, 4] {
            let place = table.paths(id).position(|path| path.is(PeerSlot(wanted), 0));
            table.set_best(id, place);
            assert_eq!(table.best(id).map(|best| best.source), Some(PeerSlot(wanted)));
            assert_eq!(table.paths(id).count(), 5);
            assert_eq!(table.paths(id).filter(|path| path.flags.has(PathFlags::BEST)).count(), 1);
        }
        table.set_best(id, None);
        assert!(table.best(id).is_none());
        for (source, path_id) in [(2, 0), (4, 0), (4, 1), (1, 0)] {
            assert!(table.take_path(id, PeerSlot(source), path_id).is_some());
            assert!(table.take_path(id, PeerSlot(source), path_id).is_none());
        }
        assert!(table.has_one_path(id));
        table.set_best(id, Some(0));
        assert!(table.take_path(id, PeerSlot(3), 0).is_some());
        assert_eq!((table.paths(id).count(), table.last_source(id)), (0, PeerSlot(3)));
        // A path that was never the best leaves nobody's tombstone.
        table.put_path(id, path(2, 0));
        assert!(table.take_path(id, PeerSlot(2), 0).is_some());
        assert_eq!((table.paths(id).count(), table.last_source(id)), (0, PeerSlot::NONE));
        assert_eq!((table.further.len(), table.path_count()), (0, 0));
    }
}
