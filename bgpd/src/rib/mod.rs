//! The routing tables of BGP, pure: Adj-RIB-In, Loc-RIB, Adj-RIB-Out. No I/O, no clock (time
//! is an argument), one owner, no locks. RFC 4271 §3.2 and §9, 4456, 4724, 7313, 8212, 8538.
//!
//! ```text
//!  update ──▶ adj_in ──▶ destination (paths) ──▶ decision ──▶ loc_rib: best changed
//!  originate ─┘              ▲                                  ├─▶ changes, rt_index ─▶ EVPN
//!  adjacency, restart ────────┘                                  └─▶ update_group: pending
//!                                                 peers ◀─ transmit ◀─ export ◀─┘
//! ```
//!
//! Families are rows (`wire::family`): the RIB knows keys and rests of NLRI, not routes. A
//! change is never queued: it puts the destination into a set per update subgroup and one
//! for EVPN, and what goes out is read from the Loc-RIB when there is room. So memory is
//! bounded by the number of destinations however slow a reader is, and a route that changes
//! a hundred times meanwhile is sent once.
//!
//! EVPN routes go to a peer that says what it asks for as far as it asks (`constrain`).
//!
//! What others know beside neighbours' routes comes in by `import`; `policy` is the hook for
//! route maps, in and out; a route of one domain goes to the peers of that domain alone.
//!
//! What a route costs is said in `destination`; an attribute set, in `attributes`.
//!
//! How the core uses it: feed `peer_up`, `update`, `route_refresh`, `peer_down`, `originate`;
//! after each batch of events call `take_changes` and `next_transmit` until they give
//! nothing; hand a transmission's `bytes` to each of its `peers`, and where the session is
//! full give them back with `peer_blocked`; call `peer_drained` when it has room; call
//! `on_deadline` at `next_deadline`.

mod adj_in;
mod adjacency;
mod advertise;
mod attributes;
mod changed;
mod changes;
mod constrain;
mod decision;
mod destination;
mod export;
mod id_set;
mod import;
mod inbound;
mod listing;
mod loc_rib;
mod maximum_prefix;
mod multipath;
mod next_hop;
mod octets;
mod peers;
pub mod policy;
mod restart;
mod rt_index;
mod settings;
mod slab;
mod transmit;
mod update_group;
mod view;

pub use adj_in::{ClearIn, UpdateVerdict};
pub use changes::{BestPath, Change};
pub use constrain::ConstraintView;
pub use decision::{BestpathSettings, Candidate, LOCAL_WEIGHT, Reason, compare, reason, select};
pub use destination::PathSource;
pub use export::{GroupKey, Origin, Origination, Speaker, may_send, outbound};
pub use import::{ImportId, ImportInfo};
pub use listing::{Listing, Scope};

pub use maximum_prefix::PrefixWarning;
pub use peers::{NextHopRule, RibPeer, RibPeerFamily};
pub use policy::{PolicyRef, RoutePolicy, Verdict};
pub use settings::RibSettings;
pub use transmit::Transmit;
pub use view::{
    DestinationId, GroupView, MemoryUse, PathView, PeerCounters, RouteView, SubgroupView, TableUse,
};

use crate::peer::{MaximumPrefix, PeerId};
use crate::wire::{Family, family::FAMILIES};
use attributes::AttributeInterner;
use loc_rib::Table;
use octets::OctetInterner;
use peers::Peers;
use restart::Deferral;
use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    time::Instant,
};

/// Why the RIB refuses something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RibError {
    /// `peer_up` was never called for the neighbour, or its session is down.
    #[error("{0} has no session")]
    NotEstablished(PeerId),
    /// More neighbours than paths can name.
    #[error("more than 65533 neighbours")]
    TooManyPeers,
    /// `maximum-prefix` is exceeded: close the session with Cease/1. What did not fit was not
    /// stored; what did goes with `peer_down`.
    #[error("{peer} has sent more than {} routes of {family}", .maximum.limit)]
    MaximumPrefixReached {
        /// The neighbour.
        peer: PeerId,
        /// The family.
        family: Family,
        /// What is configured, the restart time among it.
        maximum: MaximumPrefix,
    },
    /// Octets that are not one NLRI of the family.
    #[error("not a route: {0}")]
    Nlri(#[from] crate::wire::family::NlriError),
}

/// What all tables share.
#[derive(Debug)]
struct Shared {
    settings: RibSettings,
    attributes: AttributeInterner,
    rests: OctetInterner,
    peers: Peers,
    deferral: Option<Deferral>,
    /// Next hops of unicast neighbours that there is no way to.
    no_way: BTreeSet<IpAddr>,
    /// When the RIB began; paths count their age from here.
    epoch: Instant,
}

impl Shared {
    fn seconds(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.epoch).as_secs()).unwrap_or(u32::MAX)
    }
}

/// The tables. See the module.
#[derive(Debug)]
pub struct Rib {
    shared: Shared,
    /// In the order of `FAMILIES`.
    tables: Vec<Table>,
    /// Encoded, not handed out yet: at most one batch of a subgroup.
    ready: VecDeque<Transmit>,
    /// Where the search for a subgroup with work goes on, so that none starves another.
    turn: (usize, usize),
    scratch: transmit::Scratch,
    next_group: u64,
}

/// The place of a family's table.
fn place(family: Family) -> usize {
    FAMILIES.iter().position(|row| row.family == family).unwrap_or_default()
}

impl Rib {
    /// Empty tables.
    pub fn new(settings: RibSettings, now: Instant) -> Self {
        Self {
            tables: FAMILIES.iter().map(|row| Table::new(row.family, &settings)).collect(),
            shared: Shared {
                attributes: AttributeInterner::new(),
                rests: OctetInterner::new(),
                peers: Peers::new(settings.asn, settings.router_id),
                deferral: None,
                no_way: BTreeSet::new(),
                epoch: now,
                settings,
            },
            ready: VecDeque::new(),
            turn: (0, 0),
            scratch: transmit::Scratch::default(),
            next_group: 1,
        }
    }

    /// What holds for all neighbours.
    pub fn settings(&self) -> &RibSettings {
        &self.shared.settings
    }
}

#[cfg(test)]
mod tests;
