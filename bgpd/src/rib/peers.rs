//! What the RIB knows of a neighbour: what its session agreed on and what is configured of
//! it, as far as routes are concerned, and what the RIB keeps for it.
//!
//! A neighbour has a slot (a small integer) from its first session on until `remove_peer`;
//! paths name it by the slot. Slot 0 is this speaker.

use super::{attributes::AttributeId, destination::PeerSlot, id_set::IdSet, policy::PolicyRef};
use crate::peer::{Negotiated, PeerFamily, PeerId, PeerKind, PeerSettings};
use crate::wire::{Family, family::FAMILIES};
use bytes::Bytes;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::DomainId;

/// What stands in the next hop of routes sent to a peer. A route of our own keeps the next hop
/// it was originated with, if it was with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NextHopRule {
    /// As received: EVPN, inside an AS and across its border (RFC 8365 §5.1.3).
    #[default]
    Unchanged,
    /// This address of ours.
    Own(IpAddr),
    /// As received, and this address of ours where nothing was: routes of our own without a
    /// next hop, imports (their VTEP is none of a neighbour's business), link-local addresses.
    OwnIfNone(IpAddr),
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
    /// The AS_PATH of its routes must begin with its AS (eBGP).
    pub enforce_first_as: bool,
    /// UPDATEs to it carry 4-octet AS numbers.
    pub four_octet_as: bool,
    /// IPv4 unicast may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
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
    /// Judges what comes in.
    pub policy_import: Option<PolicyRef>,
    /// Judges what goes out.
    pub policy_export: Option<PolicyRef>,
    /// The domain that the neighbour is in: it is sent routes of this domain only.
    pub domain: DomainId,
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
            policy_import: None,
            policy_export: None,
            domain: DomainId::default(),
            next_hop: NextHopRule::Unchanged,
            add_path: false,
            restart: None,
        }
    }
}

impl RibPeer {
    /// From what is configured and what the session agreed on. `ebgp_requires_policy` is
    /// `bgp ebgp-requires-policy`: with it eBGP exchanges routes only in directions that have a
    /// policy (RFC 8212).
    pub fn new(settings: &PeerSettings, negotiated: &Negotiated, ebgp_requires_policy: bool) -> Self {
        let allowed = |family| {
            // What a membership lets through, the policies of EVPN judge.
            family == Family::RtFilter || negotiated.kind == PeerKind::Internal || !ebgp_requires_policy
        };
        let restart = negotiated.graceful_restart.as_ref();
        let families = negotiated
            .families
            .iter()
            .map(|&family| (family, settings.families.get(&family).cloned().unwrap_or_default()))
            .map(|(family, configured)| RibPeerFamily {
                family,
                policy_in: allowed(family) || configured.policy_import.is_some(),
                policy_out: allowed(family) || configured.policy_export.is_some(),
                policy_import: configured.policy_import.clone(),
                policy_export: configured.policy_export.clone(),
                domain: configured.domain,
                next_hop: next_hop_rule(family, &configured, negotiated),
                settings: configured,
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
            enforce_first_as: settings.enforce_first_as,
            four_octet_as: negotiated.four_octet_as,
            extended_next_hop: negotiated.extended_next_hop,
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

/// RFC 4684 §3.2 for memberships; RFC 4271 §5.1.3; EVPN keeps the VTEP across the border (RFC 8365 §5.1.3).
fn next_hop_rule(family: Family, configured: &PeerFamily, negotiated: &Negotiated) -> NextHopRule {
    let own = configured.own_address.unwrap_or(negotiated.endpoints.local.ip().to_canonical());
    let own_beyond = negotiated.kind == PeerKind::External
        || (family == Family::RtFilter && configured.route_reflector_client);
    match (configured.next_hop_self, family != Family::L2vpnEvpn) {
        (true, _) => NextHopRule::Own(own),
        (false, true) if own_beyond => NextHopRule::Own(own),
        (false, true) => NextHopRule::OwnIfNone(own),
        (false, false) => NextHopRule::Unchanged,
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
    /// How often the import policy denied a route in this session.
    pub(super) filtered: u64,
    /// The attributes as received, by destination and path identifier, where the policy made
    /// others of them and `soft-reconfiguration inbound` asks to keep them.
    pub(super) originals: HashMap<(u32, u32), AttributeId, RandomState>,
    /// The threshold of `maximum-prefix` was passed and said so.
    pub(super) warned: bool,
    /// More memberships were received in the last session than are kept: it counts as asking for everything.
    pub(super) overfull: bool,
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
    pub(super) settings: Arc<RibPeer>,
    pub(super) up: bool,
    /// In the order of `FAMILIES`.
    pub(super) tables: Vec<PeerTable>,
    /// Since when its session takes no more.
    pub(super) blocked: Option<Instant>,
    /// What its session did not take.
    pub(super) held: VecDeque<Bytes>,
    /// It is asked for everything, on behalf of others (`constrain`).
    pub(super) asks_all: bool,
    /// It was too slow for its update group: it stays alone until then.
    pub(super) slow_until: Option<Instant>,
}

impl Peer {
    fn new(id: Option<PeerId>, settings: RibPeer) -> Self {
        Self {
            id,
            settings: Arc::new(settings),
            up: false,
            tables: FAMILIES.iter().map(|_| PeerTable::default()).collect(),
            blocked: None,
            held: VecDeque::new(),
            asks_all: false,
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
            enforce_first_as: false,
            four_octet_as: true,
            extended_next_hop: false,
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

    /// The neighbour's slot, with these settings; `None` if there are 65,533 neighbours.
    pub(super) fn admit(&mut self, id: PeerId, settings: RibPeer) -> Option<PeerSlot> {
        if let Some(slot) = self.slot(id) {
            self.get_mut(slot)?.settings = Arc::new(settings);
            return Some(slot);
        }
        let at = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        let slot = PeerSlot(u16::try_from(at).ok().filter(|&at| at < PeerSlot::IMPORT.0)?);
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
