//! What the RIB knows of a neighbour: what its session agreed on and what is configured of
//! it, as far as routes are concerned, and what the RIB keeps for it.
//!
//! A neighbour has a slot (a small integer) from its first session on until `remove_peer`;
//! paths name it by the slot. Slot 0 is this speaker.

use super::{destination::PeerSlot, id_set::IdSet};
use crate::peer::{Negotiated, PeerFamily, PeerId, PeerKind, PeerSettings};
use crate::wire::{Family, family::FAMILIES};
use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

/// What stands in the next hop of routes sent to a peer. A route of our own always keeps the
/// next hop it was originated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NextHopRule {
    /// As received: EVPN, inside an AS and across its border (RFC 8365 §5.1.3).
    #[default]
    Unchanged,
    /// This address of ours.
    Own(IpAddr),
}

/// A neighbour with an established session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RibPeer {
    /// iBGP or eBGP.
    pub kind: PeerKind,
    /// Our AS in the session.
    pub local_as: u32,
    /// The neighbour's AS.
    pub remote_as: u32,
    /// The neighbour's BGP identifier.
    pub router_id: Ipv4Addr,
    /// The neighbour's address.
    pub address: IpAddr,
    /// UPDATEs to it carry 4-octet AS numbers.
    pub four_octet_as: bool,
    /// Octets that a message to it may have.
    pub max_message: u16,
    /// Both sides mark the ends of a refresh (RFC 7313).
    pub enhanced_refresh: bool,
    /// Its R bit is set: it has restarted and has no routes of ours (RFC 4724 §4.1).
    pub restarting: bool,
    /// How long, from now on, routes kept over its restart wait for its End-of-RIB.
    pub stale_path_time: Duration,
    /// The families agreed on.
    pub families: Vec<RibPeerFamily>,
}

/// A neighbour in one family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RibPeerFamily {
    /// The family.
    pub family: Family,
    /// What is configured.
    pub settings: PeerFamily,
    /// Routes may come in: true for iBGP, and for eBGP unless RFC 8212 forbids it.
    pub policy_in: bool,
    /// Routes may go out, likewise.
    pub policy_out: bool,
    /// What stands in the next hop of routes sent.
    pub next_hop: NextHopRule,
    /// NLRI sent have path identifiers (RFC 7911); only the best path is sent.
    pub add_path: bool,
    /// Graceful restart: `Some(F bit)` if the neighbour named the family in its capability.
    pub restart: Option<bool>,
}

impl RibPeerFamily {
    /// A family with nothing configured, for which policies allow all.
    pub fn new(family: Family) -> Self {
        Self {
            family,
            settings: PeerFamily::default(),
            policy_in: true,
            policy_out: true,
            next_hop: NextHopRule::Unchanged,
            add_path: false,
            restart: None,
        }
    }
}

impl RibPeer {
    /// From what is configured and what the session agreed on. `ebgp_requires_policy` is
    /// `bgp ebgp-requires-policy`; there are no policies yet, so with it eBGP exchanges
    /// nothing (RFC 8212).
    pub fn new(settings: &PeerSettings, negotiated: &Negotiated, ebgp_requires_policy: bool) -> Self {
        let allowed = negotiated.kind == PeerKind::Internal || !ebgp_requires_policy;
        let restart = negotiated.graceful_restart.as_ref();
        let families = negotiated
            .families
            .iter()
            .map(|&family| RibPeerFamily {
                family,
                settings: settings.families.get(&family).cloned().unwrap_or_default(),
                policy_in: allowed,
                policy_out: allowed,
                next_hop: NextHopRule::Unchanged,
                add_path: negotiated.add_path.contains(&family),
                restart: restart
                    .and_then(|restart| restart.families.iter().find(|(named, _)| *named == family))
                    .map(|&(_, preserved)| preserved),
            })
            .collect();
        Self {
            kind: negotiated.kind,
            local_as: negotiated.local_as,
            remote_as: negotiated.remote_as,
            router_id: negotiated.remote_id,
            address: negotiated.endpoints.remote.ip(),
            four_octet_as: negotiated.four_octet_as,
            max_message: u16::try_from(negotiated.max_message).unwrap_or(u16::MAX),
            enhanced_refresh: negotiated.enhanced_refresh,
            restarting: restart.is_some_and(|restart| restart.remote_restarting),
            stale_path_time: settings.graceful_restart.stale_path_time,
            families,
        }
    }

    /// What concerns this family.
    pub fn family(&self, family: Family) -> Option<&RibPeerFamily> {
        self.families.iter().find(|row| row.family == family)
    }
}

/// A neighbour's routes and ways in one family.
#[derive(Debug, Default)]
pub(super) struct PeerTable {
    /// Destinations with a path of the neighbour: its Adj-RIB-In.
    pub(super) routes: IdSet,
    /// Its paths.
    pub(super) paths: u32,
    /// Those of them that may be used.
    pub(super) accepted: u32,
    /// The threshold of `maximum-prefix` was passed and said so.
    pub(super) warned: bool,
    /// Its End-of-RIB was received in this session.
    pub(super) end_of_rib: bool,
    /// When what is still stale is swept.
    pub(super) stale_until: Option<Instant>,
    /// When what is still unrefreshed is swept, should its EoRR never come.
    pub(super) refresh_until: Option<Instant>,
    /// The update subgroup that it is a member of.
    pub(super) subgroup: Option<usize>,
}

/// A neighbour, or this speaker.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) id: Option<PeerId>,
    /// What holds of the last session.
    pub(super) settings: RibPeer,
    pub(super) up: bool,
    /// In the order of `FAMILIES`.
    pub(super) tables: Vec<PeerTable>,
    /// Since when its session takes no more.
    pub(super) blocked: Option<Instant>,
    /// What its session did not take.
    pub(super) held: VecDeque<Bytes>,
    /// It was too slow for its update group: it stays alone until then.
    pub(super) slow_until: Option<Instant>,
}

impl Peer {
    fn new(id: Option<PeerId>, settings: RibPeer) -> Self {
        Self {
            id,
            settings,
            up: false,
            tables: FAMILIES.iter().map(|_| PeerTable::default()).collect(),
            blocked: None,
            held: VecDeque::new(),
            slow_until: None,
        }
    }
}

/// The neighbours.
#[derive(Debug)]
pub(super) struct Peers {
    slots: Vec<Option<Peer>>,
    by_id: HashMap<PeerId, PeerSlot, RandomState>,
}

impl Peers {
    pub(super) fn new(asn: u32, router_id: Ipv4Addr) -> Self {
        let own = RibPeer {
            kind: PeerKind::Internal,
            local_as: asn,
            remote_as: asn,
            router_id,
            address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            four_octet_as: true,
            max_message: 0,
            enhanced_refresh: false,
            restarting: false,
            stale_path_time: Duration::ZERO,
            families: FAMILIES.iter().map(|row| RibPeerFamily::new(row.family)).collect(),
        };
        Self { slots: vec![Some(Peer::new(None, own))], by_id: HashMap::default() }
    }

    pub(super) fn slot(&self, id: PeerId) -> Option<PeerSlot> {
        self.by_id.get(&id).copied()
    }

    /// The neighbour's slot, with these settings; `None` if there are 65,534 neighbours.
    pub(super) fn admit(&mut self, id: PeerId, settings: RibPeer) -> Option<PeerSlot> {
        if let Some(slot) = self.slot(id) {
            self.get_mut(slot)?.settings = settings;
            return Some(slot);
        }
        let at = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let slot = PeerSlot(u16::try_from(at).ok().filter(|&at| at != u16::MAX)?);
        let peer = Some(Peer::new(Some(id), settings));
        match self.slots.get_mut(at) {
            Some(free) => *free = peer,
            None => self.slots.push(peer),
        }
        self.by_id.insert(id, slot);
        Some(slot)
    }

    pub(super) fn remove(&mut self, slot: PeerSlot) {
        if let Some(peer) = self.slots.get_mut(usize::from(slot.0)).and_then(Option::take)
            && let Some(id) = peer.id
        {
            self.by_id.remove(&id);
        }
    }

    pub(super) fn get(&self, slot: PeerSlot) -> Option<&Peer> {
        self.slots.get(usize::from(slot.0))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: PeerSlot) -> Option<&mut Peer> {
        self.slots.get_mut(usize::from(slot.0))?.as_mut()
    }

    pub(super) fn table(&self, slot: PeerSlot, table: usize) -> Option<&PeerTable> {
        self.get(slot)?.tables.get(table)
    }

    pub(super) fn table_mut(&mut self, slot: PeerSlot, table: usize) -> Option<&mut PeerTable> {
        self.get_mut(slot)?.tables.get_mut(table)
    }

    /// All, this speaker first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerSlot, &Peer)> {
        self.slots
            .iter()
            .enumerate()
            .filter_map(|(at, peer)| Some((PeerSlot(u16::try_from(at).ok()?), peer.as_ref()?)))
    }
}
