//! The decision process (RFC 4271 §9.1.2, RFC 4456 §9), pure: which of two paths is better
//! and why, and which of several is the best.
//!
//! For EVPN type 2 the default gateway, sticky and the mobility sequence come first
//! (draft-ietf-bess-rfc7432bis §7.13.1). Reasons have the names that FRR prints. A path that
//! is stale (RFC 4724) is as good as any other. After LOCAL_PREF the shorter D-PATH wins, none
//! being the shortest (RFC 10039, until lately draft-ietf-bess-evpn-ipvpn-interworking). Not
//! done: IGP metrics (all next hops are equally far), AIGP.

use crate::peer::PeerKind;
use crate::wire::attribute::{AsSegmentKind, AttributeSet};
use smallvec::SmallVec;
use std::{
    cmp::{Ordering, Reverse},
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// The weight of routes that this speaker originates.
pub const LOCAL_WEIGHT: u32 = 32768;

/// `bgp bestpath …` and its relatives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BestpathSettings {
    /// `bgp bestpath as-path ignore`.
    pub ignore_as_path: bool,
    /// `bgp bestpath as-path confed`: confederation segments count.
    pub count_confederation: bool,
    /// `bgp always-compare-med`: also between different neighbouring ASes.
    pub always_compare_med: bool,
    /// `bgp bestpath med missing-as-worst`.
    pub missing_med_as_worst: bool,
    /// `bgp deterministic-med`: compare within each neighbouring AS first, so that the order of
    /// arrival does not matter.
    pub deterministic_med: bool,
    /// `bgp bestpath compare-routerid`: between eBGP paths, too, instead of keeping the older.
    pub compare_router_id: bool,
    /// `bgp bestpath as-path multipath-relax`: paths through different ASes may be equal for
    /// `maximum-paths`.
    pub multipath_relax: bool,
}

impl Default for BestpathSettings {
    fn default() -> Self {
        Self {
            ignore_as_path: false,
            count_confederation: false,
            always_compare_med: false,
            missing_med_as_worst: false,
            deterministic_med: true,
            compare_router_id: false,
            multipath_relax: false,
        }
    }
}

/// A path as the decision sees it.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// Its attributes.
    pub attributes: &'a AttributeSet,
    /// From whom: `None` is this speaker; an import counts as what its source was.
    pub kind: Option<PeerKind>,
    /// The sender's BGP identifier.
    pub router_id: Ipv4Addr,
    /// The sender's address.
    pub address: IpAddr,
    /// RFC 7911; 0 without add-path.
    pub path_id: u32,
    /// It is the best path so far.
    pub selected: bool,
    /// It is an EVPN MAC/IP route (type 2).
    pub mac_ip: bool,
}

/// The step that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no other path.
    FirstPath,
    /// Default Gateway community.
    EvpnDefaultGateway,
    /// Sticky MAC.
    EvpnSticky,
    /// Higher mobility sequence.
    EvpnSequence,
    /// Weight: our own route.
    Weight,
    /// Higher LOCAL_PREF.
    LocalPref,
    /// Shorter D-PATH.
    DPath,
    /// Shorter AS_PATH.
    AsPath,
    /// Lower ORIGIN.
    Origin,
    /// Lower MED.
    Med,
    /// eBGP before iBGP.
    PeerType,
    /// The eBGP path that was there first.
    OlderPath,
    /// Lower ORIGINATOR_ID or BGP identifier.
    RouterId,
    /// Shorter CLUSTER_LIST.
    ClusterLength,
    /// Lower address of the neighbour.
    NeighborIp,
    /// Paths of one neighbour that only differ in the path identifier.
    Default,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::FirstPath => "First path received",
            Reason::EvpnDefaultGateway => "EVPN Default Gateway",
            Reason::EvpnSticky => "EVPN Sticky Mac",
            Reason::EvpnSequence => "EVPN sequence number",
            Reason::Weight => "Weight",
            Reason::LocalPref => "Local Pref",
            Reason::DPath => "D-PATH",
            Reason::AsPath => "AS Path",
            Reason::Origin => "Origin",
            Reason::Med => "MED",
            Reason::PeerType => "Peer Type",
            Reason::OlderPath => "Older Path",
            Reason::RouterId => "Router ID",
            Reason::ClusterLength => "Cluster length",
            Reason::NeighborIp => "Neighbor IP",
            Reason::Default => "Nothing left to compare",
        })
    }
}

/// What of a MAC/IP route comes before everything else: default gateway, sticky, sequence.
/// Of a duplicate MAC Mobility community the first is used (rfc7432bis §7.14.2).
fn mobility(attributes: &AttributeSet) -> (bool, bool, u32) {
    let communities = &attributes.ext_communities;
    let gateway = communities.iter().any(|community| community.is_default_gateway());
    let mobility = communities.iter().find_map(|community| community.as_mac_mobility()).unwrap_or_default();
    (gateway, mobility.sticky, mobility.sequence)
}

fn decided(ordering: Ordering, reason: Reason) -> Option<(Ordering, Reason)> {
    (ordering != Ordering::Equal).then_some((ordering, reason))
}

fn is_external(path: &Candidate<'_>) -> bool {
    path.kind == Some(PeerKind::External)
}

/// The steps before the comparison of next hops: `None` for paths that are equally good.
fn preference(a: &Candidate<'_>, b: &Candidate<'_>, knobs: &BestpathSettings) -> Option<(Ordering, Reason)> {
    let evpn = || {
        if !(a.mac_ip && b.mac_ip) {
            return None;
        }
        let (mine, others) = (mobility(a.attributes), mobility(b.attributes));
        decided(mine.0.cmp(&others.0), Reason::EvpnDefaultGateway)
            .or_else(|| decided(mine.1.cmp(&others.1), Reason::EvpnSticky))
            .or_else(|| decided(mine.2.cmp(&others.2), Reason::EvpnSequence))
    };
    // Our own routes are known by their weight and nothing else has one, so there is no
    // separate step "locally originated".
    let weight = |path: &Candidate<'_>| if path.kind.is_none() { LOCAL_WEIGHT } else { 0 };
    let local_pref = |path: &Candidate<'_>| path.attributes.local_pref.unwrap_or(100);
    let domains = |path: &Candidate<'_>| path.attributes.d_path.as_ref().map_or(0, |path| path.length());
    let as_path = || {
        let length = |path: &Candidate<'_>| {
            let confederation =
                if knobs.count_confederation { confederation_length(path.attributes) } else { 0 };
            path.attributes.as_path.length().saturating_add(confederation)
        };
        if knobs.ignore_as_path {
            return None;
        }
        decided(length(b).cmp(&length(a)), Reason::AsPath)
    };
    let med = || {
        if !knobs.always_compare_med && neighbouring_as(a) != neighbouring_as(b) {
            return None;
        }
        decided(med(b, knobs).cmp(&med(a, knobs)), Reason::Med)
    };
    evpn()
        .or_else(|| decided(weight(a).cmp(&weight(b)), Reason::Weight))
        .or_else(|| decided(local_pref(a).cmp(&local_pref(b)), Reason::LocalPref))
        .or_else(|| decided(domains(b).cmp(&domains(a)), Reason::DPath))
        .or_else(as_path)
        .or_else(|| decided(b.attributes.origin.cmp(&a.attributes.origin), Reason::Origin))
        .or_else(med)
        .or_else(|| decided(is_external(a).cmp(&is_external(b)), Reason::PeerType))
}

/// Whether `a` is better (`Greater`) or worse (`Less`) than `b`, and at which step. `Equal`
/// only for paths of one neighbour with one path identifier.
pub fn compare(a: &Candidate<'_>, b: &Candidate<'_>, knobs: &BestpathSettings) -> (Ordering, Reason) {
    let older = || {
        if knobs.compare_router_id || !is_external(a) || !is_external(b) {
            return None;
        }
        decided(a.selected.cmp(&b.selected), Reason::OlderPath)
    };
    let identifier = |path: &Candidate<'_>| Reverse(path.attributes.originator_id.unwrap_or(path.router_id));
    let cluster = |path: &Candidate<'_>| Reverse(path.attributes.cluster_list.len());
    preference(a, b, knobs)
        .or_else(older)
        .or_else(|| decided(identifier(a).cmp(&identifier(b)), Reason::RouterId))
        .or_else(|| decided(cluster(a).cmp(&cluster(b)), Reason::ClusterLength))
        .or_else(|| decided(b.address.cmp(&a.address), Reason::NeighborIp))
        .unwrap_or((b.path_id.cmp(&a.path_id), Reason::Default))
}

/// True if traffic may be shared between the best path and another (`maximum-paths`): they
/// are equal up to the next hop and, unless `multipath-relax` says otherwise, come by the same
/// ASes (iBGP) or the same neighbouring AS (eBGP).
pub fn is_multipath(best: &Candidate<'_>, other: &Candidate<'_>, knobs: &BestpathSettings) -> bool {
    let (a, b) = (&best.attributes.as_path, &other.attributes.as_path);
    let same_ases = if is_external(best) { a.neighbour() == b.neighbour() } else { a == b };
    preference(best, other, knobs).is_none() && (same_ases || knobs.multipath_relax)
}

fn confederation_length(attributes: &AttributeSet) -> u32 {
    attributes
        .as_path
        .0
        .iter()
        .map(|segment| match segment.kind {
            AsSegmentKind::ConfedSequence => u32::try_from(segment.asns.len()).unwrap_or(u32::MAX),
            AsSegmentKind::ConfedSet => 1,
            AsSegmentKind::Sequence | AsSegmentKind::Set => 0,
        })
        .fold(0, u32::saturating_add)
}

/// Whose MEDs are comparable (RFC 4271 §9.1.2.2 c); `None` is our own AS.
fn neighbouring_as(path: &Candidate<'_>) -> Option<u32> {
    path.attributes.as_path.neighbour()
}

fn med(path: &Candidate<'_>, knobs: &BestpathSettings) -> u32 {
    path.attributes.med.unwrap_or(if knobs.missing_med_as_worst { u32::MAX } else { 0 })
}

/// The place of the best of the candidates; `None` if there is none.
pub fn select(candidates: &[Candidate<'_>], knobs: &BestpathSettings) -> Option<usize> {
    let better = |&(_, a): &(usize, &Candidate<'_>), &(_, b): &(usize, &Candidate<'_>)| {
        let (ordering, _) = compare(a, b, knobs);
        ordering
    };
    if knobs.always_compare_med || !knobs.deterministic_med {
        return candidates
            .iter()
            .enumerate()
            .reduce(|best, next| if better(&next, &best) == Ordering::Greater { next } else { best })
            .map(|(place, _)| place);
    }
    // Without a total order (MED only counts within an AS), first the best of each AS.
    let mut winners: SmallVec<[(Option<u32>, usize, &Candidate<'_>); 4]> = SmallVec::new();
    for (place, candidate) in candidates.iter().enumerate() {
        let asn = neighbouring_as(candidate);
        match winners.iter_mut().find(|(other, _, _)| *other == asn) {
            Some((_, at, winner)) => {
                if better(&(place, candidate), &(*at, *winner)) == Ordering::Greater {
                    (*at, *winner) = (place, candidate);
                }
            }
            None => winners.push((asn, place, candidate)),
        }
    }
    winners
        .into_iter()
        .map(|(_, place, candidate)| (place, candidate))
        .reduce(|best, next| if better(&next, &best) == Ordering::Greater { next } else { best })
        .map(|(place, _)| place)
}

/// Why the first candidate, the best, was chosen: the step that told it from the runner-up.
pub fn reason(best: &Candidate<'_>, others: &[Candidate<'_>], knobs: &BestpathSettings) -> Reason {
    let runner_up = select(others, knobs).and_then(|place| others.get(place));
    runner_up.map_or(Reason::FirstPath, |other| compare(best, other, knobs).1)
}

#[cfg(test)]
#[path = "tests/decision.rs"]
mod tests;
