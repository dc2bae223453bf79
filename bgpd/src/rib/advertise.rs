//! What an update group's members are told of a destination, and with which attributes: the
//! best path by the rules of `export`, then by the group's policy; or the default route that
//! `default-originate` asks for. A policy is asked once for a group, for each route, or once
//! for all routes of one source that share their attributes if it ignores NLRI.

use super::{
    Shared,
    attributes::AttributeId,
    decision::{Candidate, select},
    destination::{Best, Path, PeerSlot},
    export::{GroupKey, Speaker, finish, may_send, outbound, prepared},
    loc_rib::Table,
    octets::NO_OCTETS,
    policy::Verdict,
};
use crate::peer::PeerKind;
use crate::wire::{AttributeSet, Family};
use hashbrown::HashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// The destination of the default route while some group originates it.
#[derive(Debug, Clone, Copy)]
pub(super) struct DefaultRoute {
    pub(super) id: u32,
    /// Its attributes before the rules of export: nothing but ORIGIN IGP.
    attributes: AttributeId,
}

/// The key of a family's default route.
fn default_key(family: Family) -> &'static [u8] {
    match family {
        Family::Ipv4Unicast => &[0; 5],
        Family::Ipv6Unicast => &[0; 17],
        Family::RtFilter => &[0; 13],
        Family::L2vpnEvpn => &[],
    }
}

/// What is to be sent: the set, and whose route it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// As it is sent if the group has a policy; else before the rules of export.
    pub(super) attributes: AttributeId,
    /// Who is not told, if it is a member.
    pub(super) source: PeerSlot,
}

/// Decides for one batch of a group, with what was decided for the route before in mind:
/// routes come in runs with one source and one attribute set.
#[derive(Debug)]
pub(super) struct Advertiser {
    speaker: Speaker,
    last: Option<(Best, Said)>,
    default_route: Option<DefaultRoute>,
}

/// What is said of routes with one source and one attribute set.
#[derive(Debug)]
enum Said {
    /// They are not sent.
    No,
    /// They are, with these attributes.
    Yes(AttributeId),
    /// The policy is asked for each; what it is given, and what follows if it changes nothing.
    Ask(Box<AttributeSet>, Option<AttributeId>),
}

impl Advertiser {
    pub(super) fn new(shared: &Shared, key: &GroupKey, default_route: Option<DefaultRoute>) -> Self {
        Self {
            speaker: shared.settings.speaker(),
            last: None,
            default_route: default_route.filter(|_| key.default_originate),
        }
    }

    /// What the members are told of a destination, or `None`. Sets that this interns are noted
    /// in `interned`, for the caller to release.
    pub(super) fn tell(
        &mut self,
        shared: &mut Shared,
        key: &GroupKey,
        id: u32,
        best: Option<Best>,
        nlri: impl Fn(&Shared, &mut Vec<u8>),
        interned: &mut Vec<AttributeId>,
    ) -> Option<Told> {
        if let Some(default_route) = self.default_route.filter(|default_route| default_route.id == id) {
            let mut attributes = default_route.attributes;
            if key.policy.is_some() {
                // The policy is for the routes of the table.
                let from = super::Origination::Local;
                let set = outbound(&self.speaker, key, from, shared.attributes.get(attributes));
                attributes = intern(shared, set, interned);
            }
            return Some(Told { attributes, source: PeerSlot::LOCAL });
        }
        let best = best?;
        if !self.last.as_ref().is_some_and(|(last, _)| alike(last, &best)) {
            self.last = Some((best, self.say(shared, key, best, interned)));
        }
        let attributes = match &mut self.last.as_mut()?.1 {
            Said::No => return None,
            Said::Yes(attributes) => *attributes,
            Said::Ask(set, unchanged) => {
                let mut wire = Vec::new();
                nlri(shared, &mut wire);
                match key.policy.as_ref()?.judge(key.family, &wire, set) {
                    Verdict::Deny => return None,
                    Verdict::Permit => *unchanged.get_or_insert_with(|| {
                        let mut set = AttributeSet::clone(set);
                        finish(key, &mut set);
                        intern(shared, Arc::new(set), interned)
                    }),
                    Verdict::Change(mut set) => {
                        finish(key, &mut set);
                        intern(shared, Arc::from(set), interned)
                    }
                }
            }
        };
        Some(Told { attributes, source: best.source })
    }

    fn say(&self, shared: &mut Shared, key: &GroupKey, best: Best, interned: &mut Vec<AttributeId>) -> Said {
        let origin = shared.origin(key.family, best.source, best.rest);
        let set = shared.attributes.get(best.attributes);
        if !may_send(&self.speaker, key, origin, set) {
            return Said::No;
        }
        let Some(policy) = &key.policy else { return Said::Yes(best.attributes) };
        let set = prepared(&self.speaker, key, origin.from, set);
        if !policy.ignores_nlri() {
            return Said::Ask(Box::new(set), None);
        }
        let mut set = match policy.judge(key.family, &[], &set) {
            Verdict::Deny => return Said::No,
            Verdict::Permit => set,
            Verdict::Change(set) => *set,
        };
        finish(key, &mut set);
        Said::Yes(intern(shared, Arc::new(set), interned))
    }
}

/// Two best paths of which the same is said. Those without a neighbour have their domain by
/// the rest.
fn alike(a: &Best, b: &Best) -> bool {
    (a.source, a.attributes) == (b.source, b.attributes)
        && (a.rest == b.rest || !matches!(a.source, PeerSlot::LOCAL | PeerSlot::IMPORT))
}

fn intern(shared: &mut Shared, set: Arc<AttributeSet>, interned: &mut Vec<AttributeId>) -> AttributeId {
    let attributes = shared.attributes.intern(&set);
    interned.push(attributes);
    attributes
}

/// The set as it is written, of what `Advertiser::tell` gave.
pub(super) fn as_sent(shared: &Shared, key: &GroupKey, told: Told) -> Arc<AttributeSet> {
    let set = shared.attributes.get(told.attributes);
    match key.policy {
        Some(_) => Arc::clone(set),
        None => {
            let from = shared.origin(key.family, told.source, NO_OCTETS).from;
            outbound(&shared.settings.speaker(), key, from, set)
        }
    }
}

impl Table {
    /// Keeps the destination of the default route as long as a group originates it, whether or
    /// not there is a path to it.
    pub(super) fn pin_default_route(&mut self, shared: &mut Shared) {
        let wanted = self.subgroups.iter().flatten().any(|subgroup| subgroup.key.default_originate);
        match self.default_route {
            None if wanted => {
                let id = self.routes.find_or_insert(default_key(self.family));
                let attributes = shared.attributes.intern(&Arc::default());
                self.default_route = Some(DefaultRoute { id, attributes });
            }
            Some(default_route) if !wanted => {
                self.default_route = None;
                shared.attributes.release(default_route.attributes);
                self.try_free(shared, default_route.id);
            }
            _ => {}
        }
    }

    /// The default route is another one to a subgroup whose key has changed: its members, the
    /// source of the table's own among them, are told again.
    pub(super) fn default_route_changes(&mut self, at: usize) {
        let Some(id) = self.default_route.map(|default_route| default_route.id) else { return };
        let Some(subgroup) = self.subgroup_mut(at) else { return };
        subgroup.pending.insert(id);
        if subgroup.sent.contains(id) {
            subgroup.moved.insert(id);
        }
    }

    /// Whose path the members of a subgroup are told of: the best one. Of memberships an iBGP peer that is
    /// no client is told a client's where the best one is such a peer's (RFC 4684 §3.2 ii): it
    /// must know of our clients, and knows of the other itself.
    fn told_path(&self, shared: &Shared, key: &GroupKey, id: u32) -> Option<Best> {
        let best = self.routes.best(id);
        if self.family != Family::RtFilter || key.client || key.kind != PeerKind::Internal {
            return best;
        }
        let client = |source| match shared.origin(self.family, source, NO_OCTETS).from {
            super::Origination::Internal { client, .. } => Some(client),
            _ => None,
        };
        if client(best?.source) != Some(false) {
            return best;
        }
        let paths: SmallVec<[&Path; 4]> = self
            .routes
            .paths(id)
            .filter(|path| path.eligible() && client(path.source) == Some(true))
            .collect();
        let candidates: SmallVec<[Candidate<'_>; 4]> =
            paths.iter().map(|path| self.candidate(shared, id, path)).collect();
        let chosen = select(&candidates, &shared.settings.bestpath).and_then(|at| paths.get(at));
        chosen.map_or(best, |path| {
            let Path { source, path_id, attributes, rest, .. } = **path;
            Some(Best { source, path_id, attributes, rest })
        })
    }

    /// Who, if a member, is not told of a destination that the others hold, because it is the source.
    pub(super) fn untold(&self, shared: &Shared, key: &GroupKey, id: u32) -> PeerSlot {
        if key.returns_to_source() || self.originates_default(key, id) {
            return PeerSlot::NONE;
        }
        match self.family {
            Family::RtFilter => self.told_path(shared, key, id).map_or(PeerSlot::NONE, |told| told.source),
            _ => self.routes.last_source(id),
        }
    }

    /// `told_path` of each of these where it may be another than the best one; else nothing.
    pub(super) fn reflected(&self, shared: &Shared, at: usize, ids: &[u32]) -> HashMap<u32, Best> {
        match self.subgroup(at) {
            Some(subgroup) if self.family == Family::RtFilter => {
                let told = |&id: &u32| Some((id, self.told_path(shared, &subgroup.key, id)?));
                ids.iter().filter_map(told).collect()
            }
            _ => HashMap::new(),
        }
    }

    /// The attributes with which the members of a subgroup are told of a destination; for
    /// shows, so nothing is interned.
    pub(super) fn advertised_attributes(
        &self,
        shared: &Shared,
        key: &GroupKey,
        id: u32,
    ) -> Option<Arc<AttributeSet>> {
        let speaker = shared.settings.speaker();
        if self.originates_default(key, id) {
            return Some(outbound(&speaker, key, super::Origination::Local, &Arc::default()));
        }
        let best = self.told_path(shared, key, id)?;
        let origin = shared.origin(self.family, best.source, best.rest);
        let set = shared.attributes.get(best.attributes);
        if !may_send(&speaker, key, origin, set) {
            return None;
        }
        let mut set = prepared(&speaker, key, origin.from, set);
        if let Some(policy) = &key.policy {
            let mut nlri = Vec::new();
            (self.family.row().join)(&self.routes.key(id), shared.rest(self.routes.first(id)), &mut nlri);
            match policy.judge(self.family, &nlri, &set) {
                Verdict::Deny => return None,
                Verdict::Permit => {}
                Verdict::Change(changed) => set = *changed,
            }
        }
        finish(key, &mut set);
        Some(Arc::new(set))
    }

    /// True if the members of a subgroup hold a default route of ours at this destination.
    pub(super) fn originates_default(&self, key: &GroupKey, id: u32) -> bool {
        key.default_originate && self.default_route.is_some_and(|default_route| default_route.id == id)
    }
}
