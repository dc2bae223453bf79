//! Going through a table in the order that shows print (by RD, then route type, then key),
//! a piece at a time, while routes come and go.
//!
//! A listing holds 4 octets a destination and not the table: the ids, ordered by head (type
//! and RD) in one pass, and by key within a head only when it is reached. What disappears
//! meanwhile is skipped, what appears meanwhile is not seen.

use super::{
    Rib, RibError, RouteView,
    destination::{DestinationTable, PeerSlot},
    place,
};
use crate::peer::PeerId;
use crate::wire::Family;
use hashbrown::HashMap;

/// Which routes are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All destinations with all paths.
    All,
    /// What this speaker originates.
    Local,
    /// What the neighbour has sent, refused routes too as far as they are kept.
    ReceivedFrom(PeerId),
    /// What the neighbour has been sent, with the attributes as sent.
    AdvertisedTo(PeerId),
}

/// A listing under way.
#[derive(Debug)]
pub struct Listing {
    family: Family,
    scope: Scope,
    slot: PeerSlot,
    ids: Vec<u32>,
    /// Where each head's ids end, and the head's number.
    heads: Vec<(usize, u32)>,
    at: usize,
    sorted: usize,
}

impl Listing {
    /// Destinations that are still to come; some of them may be gone by then.
    pub fn remaining(&self) -> usize {
        self.ids.len() - self.at
    }
}

/// The order of heads: RD, then type, then what follows.
fn head_order(family: Family, head: &[u8]) -> (&[u8], &[u8], &[u8]) {
    match family {
        Family::L2vpnEvpn => (
            head.get(1..9).unwrap_or_default(),
            head.get(..1).unwrap_or_default(),
            head.get(9..).unwrap_or_default(),
        ),
        // Keys are address and length, and so already in the order of prefixes.
        Family::Ipv4Unicast | Family::Ipv6Unicast | Family::RtFilter => (head, &[], &[]),
    }
}

impl Rib {
    /// Begins a listing. `wanted` sees the front of each key (for EVPN type, RD, Ethernet tag and
    /// one octet more), once for all keys that share it.
    pub fn listing(
        &self,
        family: Family,
        scope: Scope,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Listing, RibError> {
        let slot = match scope {
            Scope::All => PeerSlot::NONE,
            Scope::Local => PeerSlot::LOCAL,
            Scope::ReceivedFrom(peer) | Scope::AdvertisedTo(peer) => {
                self.shared.peers.slot(peer).ok_or(RibError::NotEstablished(peer))?
            }
        };
        let mut listing =
            Listing { family, scope, slot, ids: Vec::new(), heads: Vec::new(), at: 0, sorted: 0 };
        let Some(table) = self.tables.get(place(family)) else { return Ok(listing) };
        let state = self.shared.peers.table(slot, table.place);
        let members = match scope {
            Scope::All => Some(table.routes.occupied()),
            Scope::Local | Scope::ReceivedFrom(_) => state.map(|state| &state.routes),
            Scope::AdvertisedTo(_) => state.and_then(|state| Some(&table.subgroup(state.subgroup?)?.sent)),
        };
        let Some(members) = members else { return Ok(listing) };
        let mut by_head: HashMap<u32, Option<u32>> = HashMap::new();
        let mut counts: Vec<(u32, usize)> = Vec::new();
        for id in members.iter() {
            let (head, octets) = table.routes.head(id);
            let bucket = by_head.entry(head).or_insert_with(|| {
                wanted(octets).then(|| {
                    counts.push((id, 0));
                    counts.len() as u32 - 1
                })
            });
            if let Some((_, count)) = bucket.and_then(|bucket| counts.get_mut(bucket as usize)) {
                *count += 1;
            }
        }
        let mut order: Vec<u32> = (0..counts.len() as u32).collect();
        let octets = |bucket: &u32| {
            let id = counts.get(*bucket as usize).map_or(u32::MAX, |(id, _)| *id);
            head_order(family, table.routes.head(id).1)
        };
        order.sort_by(|a, b| octets(a).cmp(&octets(b)));
        let mut starts = vec![0usize; counts.len()];
        let mut total = 0;
        for bucket in order {
            let Some(&(id, count)) = counts.get(bucket as usize) else { continue };
            if let Some(start) = starts.get_mut(bucket as usize) {
                *start = total;
            }
            total += count;
            listing.heads.push((total, table.routes.head(id).0));
        }
        listing.ids = vec![0; total];
        for id in members.iter() {
            let bucket = by_head.get(&table.routes.head(id).0).copied().flatten();
            let Some(start) = bucket.and_then(|bucket| starts.get_mut(bucket as usize)) else { continue };
            if let Some(place) = listing.ids.get_mut(*start) {
                *place = id;
            }
            *start += 1;
        }
        Ok(listing)
    }

    /// The next route of a listing.
    pub fn next_route(&self, listing: &mut Listing) -> Option<RouteView> {
        let table = self.tables.get(place(listing.family))?;
        loop {
            let (id, head) = listing.next_id(&table.routes)?;
            if table.routes.head(id).0 != head || !table.routes.occupied().contains(id) {
                continue;
            }
            let view = match listing.scope {
                Scope::All => table.route_view(&self.shared, id, |_| true),
                Scope::Local | Scope::ReceivedFrom(_) => {
                    table.route_view(&self.shared, id, |path| path.source == listing.slot)
                }
                Scope::AdvertisedTo(_) => table.advertised_view(&self.shared, id, listing.slot),
            };
            if view.is_some() {
                return view;
            }
        }
    }
}

impl Listing {
    fn next_id(&mut self, routes: &DestinationTable) -> Option<(u32, u32)> {
        let at = self.at;
        let passed = self.heads.partition_point(|(end, _)| *end <= at);
        let &(end, head) = self.heads.get(passed)?;
        if at >= self.sorted {
            self.ids.get_mut(at..end)?.sort_by_cached_key(|&id| routes.key(id));
            self.sorted = end;
        }
        self.at += 1;
        self.ids.get(at).map(|&id| (id, head))
    }
}
