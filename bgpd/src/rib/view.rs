//! What shows read: routes with all their paths, counters, update groups, memory. Nothing
//! here changes the tables.

use super::{
    PathSource, Reason, Rib, RibError, RibPeer, Shared,
    decision::reason,
    destination::{Path, PathFlags, PeerSlot},
    export::GroupKey,
    loc_rib::Table,
    place,
};
use crate::peer::PeerId;
use crate::wire::{AttributeSet, Family, unicast};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::{
    DomainId,
    nlri::{NlriKey, NlriRest},
};

/// A destination, for further questions about it in the same turn of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DestinationId(pub(super) u32);

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathView {
    /// From whom.
    pub source: PathSource,
    /// The domain it is from; `None` for a route of ours that goes into all.
    pub domain: Option<DomainId>,
    /// RFC 7911; 0 without add-path.
    pub path_id: u32,
    /// As received (LOCAL_PREF and reflection attributes from eBGP removed); in what is
    /// advertised, as sent.
    pub attributes: Arc<AttributeSet>,
    /// The rest of the NLRI.
    pub rest: NlriRest,
    /// The best path.
    pub best: bool,
    /// It may be used.
    pub eligible: bool,
    /// Why not, in words; empty if it may.
    pub refused: SmallVec<[&'static str; 1]>,
    /// Kept over its sender's restart.
    pub stale: bool,
    /// When it came.
    pub since: Instant,
    /// FRR's weight: 32768 for our own.
    pub weight: u32,
}

/// A destination with its paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteView {
    /// For further questions.
    pub id: DestinationId,
    /// The family.
    pub family: Family,
    /// The key.
    pub key: NlriKey,
    /// The best first, if there is one.
    pub paths: SmallVec<[PathView; 1]>,
    /// Why the best is the best.
    pub reason: Option<Reason>,
}

impl RouteView {
    /// The NLRI of one of the paths in wire form.
    pub fn nlri(&self, path: &PathView) -> Vec<u8> {
        let mut wire = Vec::new();
        (self.family.row().join)(&self.key, &path.rest, &mut wire);
        wire
    }

    /// The prefix, in a unicast family.
    pub fn prefix(&self) -> Option<IpNet> {
        unicast::prefix_of(&self.key).filter(|_| self.family.is_unicast())
    }
}

/// A neighbour's counters in a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerCounters {
    /// Paths in the Adj-RIB-In.
    pub received: u32,
    /// Those that may be used: FRR's pfxRcd.
    pub accepted: u32,
    /// How often the import policy denied a route in this session.
    pub filtered: u64,
    /// Kept over its restart.
    pub stale: u32,
    /// Routes it holds from us: FRR's pfxSnt.
    pub sent: u32,
    /// Routes that wait to be sent.
    pub pending: u32,
    /// Its End-of-RIB was received.
    pub end_of_rib: bool,
    /// Its session takes no more at the moment.
    pub blocked: bool,
}

/// Members that have been sent the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubgroupView {
    /// Who.
    pub members: Vec<PeerId>,
    /// Routes sent.
    pub sent: u32,
    /// Routes that wait.
    pub pending: u32,
    /// Everything is being sent, and End-of-RIB or EoRR is still to come.
    pub dumping: bool,
}

/// Peers that are sent the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupView {
    /// Counts from 1.
    pub number: u64,
    /// What they have in common.
    pub key: GroupKey,
    /// How far each is.
    pub subgroups: Vec<SubgroupView>,
}

/// A family's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableUse {
    /// The family.
    pub family: Family,
    /// Destinations, those that wait to be withdrawn among them.
    pub destinations: u32,
    /// Destinations with a best path.
    pub best: u32,
    /// Paths.
    pub paths: u32,
    /// Octets of destinations and paths.
    pub bytes: usize,
    /// Octets of the index by NLRI key.
    pub key_bytes: usize,
    /// Octets of the route target index.
    pub index_bytes: usize,
    /// Octets of the sets: Adj-RIB-In of peers, sent, pending, changes.
    pub set_bytes: usize,
    /// Different sets of route targets that neighbours ask for routes of this table by (RFC 4684).
    pub wanted_sets: u32,
    /// Octets of them.
    pub wanted_bytes: usize,
    /// Changes of best paths so far.
    pub version: u64,
}

/// What the tables hold, and what it costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryUse {
    /// Each family's.
    pub tables: Vec<TableUse>,
    /// Attribute sets.
    pub attribute_sets: u32,
    /// Octets of them.
    pub attribute_bytes: usize,
    /// Distinct rests of NLRI.
    pub rests: u32,
    /// Octets of them.
    pub rest_bytes: usize,
    /// Octets encoded and not handed out or not taken.
    pub waiting_bytes: usize,
    /// Octets of the update groups' encoders, of what neighbours sent before a policy changed it,
    /// and of memory that is used again from batch to batch.
    pub work_bytes: usize,
}

impl MemoryUse {
    /// All octets.
    pub fn total(&self) -> usize {
        self.tables.iter().map(TableUse::total).sum::<usize>()
            + self.attribute_bytes
            + self.rest_bytes
            + self.waiting_bytes
            + self.work_bytes
    }
}

impl TableUse {
    /// All octets.
    pub fn total(&self) -> usize {
        self.bytes + self.key_bytes + self.index_bytes + self.set_bytes + self.wanted_bytes
    }
}

const REFUSALS: [(u16, &str); 8] = [
    (PathFlags::AS_LOOP, "as-path contains our own AS"),
    (PathFlags::OWN_ORIGINATOR, "originator-id is our own"),
    (PathFlags::OWN_CLUSTER, "cluster-list contains our own cluster-id"),
    (PathFlags::NO_POLICY, "no policy for eBGP (RFC 8212)"),
    (PathFlags::UNREACHABLE, "next hop is not reachable"),
    (PathFlags::NO_WAY, "there is no way to the next hop"),
    (PathFlags::FILTERED, "denied by the import policy"),
    (PathFlags::FIRST_AS, "as-path does not begin with the neighbor's AS"),
];

impl Table {
    fn path_view(&self, shared: &Shared, path: &Path) -> PathView {
        let source = shared.path_source(path.source, path.path_id);
        PathView {
            source,
            domain: shared.domain(self.family, path.source, path.rest),
            path_id: if path.source == PeerSlot::IMPORT { 0 } else { path.path_id },
            attributes: Arc::clone(shared.attributes.get(path.attributes)),
            rest: NlriRest::from_slice(shared.rest(path)),
            best: path.flags.has(PathFlags::BEST),
            eligible: path.eligible(),
            refused: REFUSALS
                .iter()
                .filter(|(flag, _)| path.flags.has(*flag))
                .map(|(_, text)| *text)
                .collect(),
            stale: path.flags.has(PathFlags::STALE),
            since: shared.epoch + Duration::from_secs(u64::from(path.since)),
            weight: if source == PathSource::Local { super::LOCAL_WEIGHT } else { 0 },
        }
    }

    /// A destination; `None` if it has no path that `wanted` lets through.
    pub(super) fn route_view(
        &self,
        shared: &Shared,
        id: u32,
        wanted: impl Fn(&Path) -> bool,
    ) -> Option<RouteView> {
        let paths: SmallVec<[PathView; 1]> = self
            .routes
            .paths(id)
            .filter(|path| wanted(path))
            .map(|path| self.path_view(shared, path))
            .collect();
        if paths.is_empty() {
            return None;
        }
        let reason = self.routes.best(id).map(|_| {
            let best = self.candidate(shared, id, self.routes.first(id));
            let others: SmallVec<[super::Candidate<'_>; 4]> = self
                .routes
                .paths(id)
                .skip(1)
                .filter(|path| path.eligible())
                .map(|path| self.candidate(shared, id, path))
                .collect();
            reason(&best, &others, &shared.settings.bestpath)
        });
        Some(RouteView {
            id: DestinationId(id),
            family: self.family,
            key: self.routes.key(id),
            paths,
            reason,
        })
    }

    /// What a peer has been told of a destination, as it was sent.
    pub(super) fn advertised_view(&self, shared: &Shared, id: u32, slot: PeerSlot) -> Option<RouteView> {
        let subgroup = self.subgroup(shared.peers.table(slot, self.place)?.subgroup?)?;
        if self.untold(shared, &subgroup.key, id) == slot || !subgroup.sent.contains(id) {
            return None;
        }
        let attributes = self.advertised_attributes(shared, &subgroup.key, id)?;
        let mut view = match self.route_view(shared, id, |path| path.flags.has(PathFlags::BEST)) {
            Some(view) => view,
            // A default route that only this group knows of.
            None => RouteView {
                id: DestinationId(id),
                family: self.family,
                key: self.routes.key(id),
                paths: SmallVec::from_iter([self.path_view(shared, &Path::default())]),
                reason: None,
            },
        };
        if let Some(path) = view.paths.first_mut() {
            path.attributes = attributes;
        }
        Some(view)
    }
}

impl Rib {
    /// The destination of an NLRI, with all its paths.
    pub fn route(&self, family: Family, nlri: &[u8]) -> Result<Option<RouteView>, RibError> {
        let (key, _) = (family.row().split)(nlri)?;
        Ok(self
            .tables
            .get(place(family))
            .and_then(|table| table.route_view(&self.shared, table.routes.find(&key)?, |_| true)))
    }

    /// The neighbours that have been told of the destination.
    pub fn advertised_to(&self, family: Family, id: DestinationId) -> Vec<PeerId> {
        let Some(table) = self.tables.get(place(family)) else { return Vec::new() };
        let mut peers: Vec<PeerId> = table
            .subgroups
            .iter()
            .flatten()
            .filter(|subgroup| subgroup.sent.contains(id.0))
            .flat_map(|subgroup| {
                let untold = table.untold(&self.shared, &subgroup.key, id.0);
                subgroup.members.iter().filter(move |slot| **slot != untold)
            })
            .filter_map(|&slot| self.shared.peers.get(slot)?.id)
            .collect();
        peers.sort_unstable();
        peers
    }

    /// A neighbour's counters. `sent` is exact when nothing is pending.
    pub fn counters(&self, peer: PeerId, family: Family) -> PeerCounters {
        let counters = || {
            let slot = self.shared.peers.slot(peer)?;
            let table = self.tables.get(place(family))?;
            let state = self.shared.peers.table(slot, table.place)?;
            let subgroup = state.subgroup.and_then(|at| table.subgroup(at));
            let own = subgroup.map_or(0, |subgroup| {
                let is_own = |&id: &u32| {
                    subgroup.sent.contains(id) && table.untold(&self.shared, &subgroup.key, id) == slot
                };
                state.routes.iter().filter(is_own).count() as u32
            });
            let stale = match state.stale_until {
                None => 0,
                Some(_) => state
                    .routes
                    .iter()
                    .flat_map(|id| table.routes.paths(id))
                    .filter(|path| path.source == slot && path.flags.has(PathFlags::STALE))
                    .count() as u32,
            };
            Some(PeerCounters {
                received: state.paths,
                accepted: state.accepted,
                filtered: state.filtered,
                stale,
                sent: subgroup.map_or(0, |subgroup| subgroup.sent.len() - own),
                pending: subgroup.map_or(0, |subgroup| subgroup.pending.len()),
                end_of_rib: state.end_of_rib,
                blocked: self.shared.peers.get(slot)?.blocked.is_some(),
            })
        };
        counters().unwrap_or_default()
    }

    /// How often a best path of the family changed: FRR's table version.
    pub fn version(&self, family: Family) -> u64 {
        self.tables.get(place(family)).map_or(0, |table| table.version)
    }

    /// Destinations of the family that have a best path.
    pub fn best_count(&self, family: Family) -> u32 {
        self.tables.get(place(family)).map_or(0, |table| table.best_count)
    }

    /// The update groups of a family.
    pub fn groups(&self, family: Family) -> Vec<GroupView> {
        let mut groups: Vec<GroupView> = Vec::new();
        let subgroups = self.tables.get(place(family)).map_or(&[][..], |table| &table.subgroups);
        for subgroup in subgroups.iter().flatten() {
            let view = SubgroupView {
                members: subgroup
                    .members
                    .iter()
                    .filter_map(|&slot| self.shared.peers.get(slot)?.id)
                    .collect(),
                sent: subgroup.sent.len(),
                pending: subgroup.pending.len(),
                dumping: subgroup.dump.is_some(),
            };
            match groups.iter_mut().find(|group| group.number == subgroup.group) {
                Some(group) => group.subgroups.push(view),
                None => groups.push(GroupView {
                    number: subgroup.group,
                    key: subgroup.key.clone(),
                    subgroups: vec![view],
                }),
            }
        }
        groups.sort_by_key(|group| group.number);
        groups
    }

    /// What a family's table holds and costs.
    pub fn table_use(&self, family: Family) -> Option<TableUse> {
        self.tables.get(place(family)).map(|table| self.use_of(table))
    }

    fn use_of(&self, table: &Table) -> TableUse {
        let subgroups = table.subgroups.iter().flatten();
        let sent: usize = subgroups.map(|s| s.sent.bytes() + s.pending.bytes() + s.moved.bytes()).sum();
        let peers = self.shared.peers.iter().filter_map(|(_, peer)| peer.tables.get(table.place));
        let adj_in: usize = peers.map(|state| state.routes.bytes()).sum();
        let (wanted_sets, wanted_bytes) = table.wanted_use();
        TableUse {
            family: table.family,
            destinations: table.routes.occupied().len(),
            best: table.best_count,
            paths: table.routes.path_count(),
            bytes: table.routes.bytes(),
            key_bytes: table.routes.key_bytes(),
            index_bytes: table.rt_index.as_ref().map_or(0, |index| index.bytes())
                + table.constrain.as_ref().map_or(0, |index| index.bytes()),
            set_bytes: sent + adj_in + table.changes.as_ref().map_or(0, |changes| changes.bytes()),
            wanted_sets,
            wanted_bytes,
            version: table.version,
        }
    }

    /// What holds of a neighbour's last session, as long as routes of it may be here.
    pub fn peer(&self, peer: PeerId) -> Option<&RibPeer> {
        Some(&self.shared.peers.get(self.shared.peers.slot(peer)?)?.settings)
    }

    /// What the tables hold and cost.
    pub fn memory(&self) -> MemoryUse {
        // One buffer may wait for many: it is counted once for each, which is too much.
        let held: usize =
            self.shared.peers.iter().flat_map(|(_, peer)| &peer.held).map(|bytes| bytes.len()).sum();
        let subgroups = self.tables.iter().flat_map(|table| table.subgroups.iter().flatten());
        let encoders: usize =
            subgroups.map(|subgroup| size_of_val(subgroup) + subgroup.encoder.bytes()).sum();
        let tables = self.shared.peers.iter().flat_map(|(_, peer)| &peer.tables);
        let originals: usize = tables.map(|state| state.originals.allocation_size()).sum();
        MemoryUse {
            work_bytes: encoders + originals + self.scratch.bytes(),
            tables: self.tables.iter().map(|table| self.use_of(table)).collect(),
            attribute_sets: self.shared.attributes.len(),
            attribute_bytes: self.shared.attributes.bytes(),
            rests: self.shared.rests.len(),
            rest_bytes: self.shared.rests.bytes(),
            waiting_bytes: held + self.ready.iter().map(|transmit| transmit.bytes.len()).sum::<usize>(),
        }
    }
}
