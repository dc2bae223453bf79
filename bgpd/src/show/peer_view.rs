//! A neighbour as the shows see it: settings, session and counters at one moment, copied out
//! of the core so that text and JSON are made on the management thread.

use super::{
    filters::{Filters, Lines},
    instance::Instance,
    text::Clock,
};
use crate::{
    config::Config,
    core::{Core, Peer},
    peer::{
        Administrative, FsmState, Negotiated, PeerFamily, PeerId, PeerKind, PeerOrigin, PeerSettings,
        RemoteAs, Sender,
    },
    rib::{ConstraintView, GroupView, PeerCounters, Rib},
    session::PeerStatus,
    wire::{Family, family::FAMILIES, notification::ErrorCode},
};
use std::{
    collections::VecDeque,
    net::IpAddr,
    time::{Duration, Instant},
};

/// Routes that are looked at for the counters of one page of neighbours.
const PAGE_ROUTES: u32 = 100_000;
/// Neighbours of a page.
const PAGE_PEERS: usize = 64;

/// A neighbour in one family.
#[derive(Debug, Clone)]
pub(super) struct FamilyView {
    pub family: Family,
    pub counters: PeerCounters,
    /// FRR's table version up to which it was sent; 0 if something waits or nothing was sent.
    pub version: u64,
    /// Number of its update group, and of the subgroup in it.
    pub group: Option<(u64, usize)>,
    /// Its End-of-RIB was sent.
    pub end_of_rib_sent: bool,
    /// eBGP without a policy takes nothing and sends nothing (RFC 8212).
    pub policy_missing: PolicyMissing,
    pub filters: Filters,
    /// What it asks for, in EVPN.
    pub constraint: Option<ConstraintView>,
}

/// The directions in which nothing is exchanged, for want of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PolicyMissing {
    pub inbound: bool,
    pub outbound: bool,
}

/// A neighbour.
#[derive(Debug, Clone)]
pub(super) struct PeerView {
    pub settings: PeerSettings,
    pub status: PeerStatus,
    pub families: Vec<FamilyView>,
    /// `maximum-prefix` was exceeded; until then, or until an operator clears it.
    pub held_down: bool,
    pub clock: Clock,
}

impl PeerView {
    fn of(core: &Core, peer: &Peer, tables: &Tables<'_>, clock: Clock) -> Self {
        let status = core.sessions().status(peer.id).unwrap_or_else(|| no_session(core.started()));
        let internal = match &status.negotiated {
            Some(negotiated) => negotiated.kind == PeerKind::Internal,
            None => peer.settings.is_internal(),
        };
        let needs_policy = tables.requires_policy && !internal;
        let families =
            peer.settings.families.keys().map(|&family| tables.family_view(peer, family, needs_policy));
        Self {
            families: families.collect(),
            held_down: peer.held_down.is_some(),
            settings: peer.settings.clone(),
            status,
            clock,
        }
    }

    /// What the session agreed on, if it is up.
    pub fn negotiated(&self) -> Option<&Negotiated> {
        self.status.negotiated.as_deref().filter(|_| self.is_established())
    }

    pub fn is_established(&self) -> bool {
        self.status.state == FsmState::Established
    }

    /// Its AS; 0 if `remote-as external` leaves it open and no session says it.
    pub fn remote_as(&self) -> u32 {
        match (self.negotiated(), self.settings.remote_as) {
            (Some(negotiated), _) => negotiated.remote_as,
            (None, RemoteAs::Number(asn)) => asn,
            (None, RemoteAs::Internal) => self.settings.local_as,
            (None, RemoteAs::External) => 0,
        }
    }

    pub fn is_internal(&self) -> bool {
        self.negotiated().map_or(self.settings.is_internal(), |agreed| agreed.kind == PeerKind::Internal)
    }

    pub fn is_shut_down(&self) -> bool {
        self.settings.administrative != Administrative::Up
    }

    pub fn is_dynamic(&self) -> bool {
        matches!(self.settings.origin, PeerOrigin::Dynamic { .. })
    }

    pub fn hostname(&self) -> Option<&str> {
        self.negotiated().and_then(|negotiated| negotiated.hostname.as_deref())
    }

    /// How long it is up, or down; `None` if it never was up.
    pub fn uptime(&self) -> Option<Duration> {
        (self.status.established > 0).then(|| self.clock.since(self.status.since))
    }

    /// FRR's state word.
    pub fn state(&self) -> String {
        if self.is_shut_down() {
            "Idle (Admin)".to_owned()
        } else if self.held_down {
            "Idle (PfxCt)".to_owned()
        } else {
            self.status.state.to_string()
        }
    }

    /// FRR's `peerState`.
    pub fn peer_state(&self) -> &'static str {
        if self.is_shut_down() {
            "Admin"
        } else if self.held_down {
            "PfxCt"
        } else if self.families.iter().any(|family| family.policy_missing.inbound) {
            "Policy"
        } else {
            "OK"
        }
    }

    pub fn family(&self, family: Family) -> Option<&FamilyView> {
        self.families.iter().find(|view| view.family == family)
    }

    /// When the last session ended, if one did.
    pub fn last_reset(&self) -> Option<Duration> {
        self.status.last_down.as_ref().map(|(at, _)| self.clock.since(*at))
    }

    /// The error of the NOTIFICATION that ended the last session, and who sent it.
    pub fn last_notification(&self) -> Option<(Sender, ErrorCode, Option<&str>)> {
        let (_, reason) = self.status.last_down.as_ref()?;
        let notification = reason.notification.as_ref()?;
        let error = ErrorCode::from_numbers(notification.code, notification.subcode);
        Some((notification.sender, error, notification.communication.as_deref()))
    }

    /// Why there is no session, or why the last one ended: one line.
    pub fn reason(&self) -> String {
        let ended = self.status.last_down.as_ref().map(|(_, reason)| reason.text.clone());
        let failed = self.status.last_failure.clone().filter(|_| !self.is_established());
        match (ended, failed) {
            (Some(ended), Some(failed)) => format!("{ended}; now: {failed}"),
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) if self.is_shut_down() => "Admin. shutdown".to_owned(),
            (None, None) if self.settings.families.is_empty() => "No AFI/SAFI activated for peer".to_owned(),
            (None, None) => String::new(),
        }
    }
}

/// A session of which nothing is known yet: the sessions start when the kernel was read.
pub(super) fn no_session(since: Instant) -> PeerStatus {
    PeerStatus {
        state: FsmState::Idle,
        since,
        negotiated: None,
        established: 0,
        dropped: 0,
        last_down: None,
        last_failure: None,
        received: Default::default(),
        sent: Default::default(),
        malformed_updates: 0,
        out_queue: 0,
        buffered: 0,
    }
}

/// What of an instance is looked at for all of its neighbours.
#[derive(Debug)]
struct Tables<'a> {
    rib: &'a Rib,
    groups: Vec<(Family, Vec<GroupView>)>,
    requires_policy: bool,
    config: &'a Config,
    lines: Lines,
}

impl Tables<'_> {
    fn family_view(&self, peer: &Peer, family: Family, needs_policy: bool) -> FamilyView {
        let counters = self.rib.counters(peer.id, family);
        let live = peer.live.is_some();
        let groups = self.groups.iter().filter(|(of, _)| *of == family).flat_map(|(_, groups)| groups);
        let member = groups.into_iter().find_map(|group| {
            let at = group.subgroups.iter().position(|subgroup| subgroup.members.contains(&peer.id))?;
            let subgroup = group.subgroups.get(at)?;
            Some((group.number, at + 1, subgroup.dumping))
        });
        let settings = peer.settings.families.get(&family);
        // Memberships need none: what they let through, EVPN's policies judge.
        let needs_policy = needs_policy && family != Family::RtFilter;
        let no_policy = |policy: fn(&PeerFamily) -> bool| needs_policy && !settings.is_some_and(policy);
        FamilyView {
            family,
            counters,
            version: if live && counters.pending == 0 { self.rib.version(family) } else { 0 },
            group: member.map(|(group, subgroup, _)| (group, subgroup)),
            end_of_rib_sent: live && member.is_some_and(|(.., dumping)| !dumping),
            policy_missing: PolicyMissing {
                inbound: no_policy(|settings| settings.policy_import.is_some()),
                outbound: no_policy(|settings| settings.policy_export.is_some()),
            },
            filters: self.lines.filters(self.config, &peer.settings, family),
            constraint: self.rib.constraint(peer.id).filter(|_| family == Family::L2vpnEvpn),
        }
    }
}

/// The neighbours of an instance that are asked for, in the order of their addresses.
pub(super) fn ids(core: &Core, instance: &Instance, family: Option<Family>) -> Vec<(PeerId, IpAddr)> {
    let has = |peer: &&Peer| family.is_none_or(|family| peer.settings.families.contains_key(&family));
    let peers = core.peers().in_vrf(instance.vrf());
    peers.into_iter().filter(has).map(|peer| (peer.id, peer.settings.address)).collect()
}

/// The next of these neighbours of an instance, taken off the front of the list; those that are
/// gone by now are left out. Bounded by what their counters cost.
pub(super) fn next(
    core: &Core,
    instance: &Instance,
    ids: &mut VecDeque<PeerId>,
    now: Instant,
) -> Vec<PeerView> {
    let clock = Clock::at(now);
    let Ok(rib) = instance.rib(core) else {
        ids.clear();
        return Vec::new();
    };
    let tables = Tables {
        rib,
        groups: FAMILIES.iter().map(|row| (row.family, rib.groups(row.family))).collect(),
        requires_policy: instance.configured(core).ebgp_requires_policy,
        config: core.config(),
        lines: Lines::of(core, instance),
    };
    let (mut views, mut routes) = (Vec::new(), 0u32);
    while views.len() < PAGE_PEERS && routes < PAGE_ROUTES {
        let Some(id) = ids.pop_front() else { break };
        let Some(peer) = core.peers().get(id) else { continue };
        let view = PeerView::of(core, peer, &tables, clock);
        routes =
            view.families.iter().fold(routes, |sum, family| sum.saturating_add(family.counters.received));
        views.push(view);
    }
    views
}
