//! What `set` lines do to the attributes of a route.

use super::lists::{CommunityKind, CommunityList};
use crate::{
    config::{Adjustment, SetCommunities},
    wire::{
        AttributeSet, Family,
        attribute::{AsPath, AsSegmentKind, Origin},
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weft_evpn::ExtendedCommunity;

/// LOCAL_PREF of a route that has none (RFC 4271 §9.1.1 leaves it to us; FRR's default).
pub(super) const DEFAULT_LOCAL_PREFERENCE: u32 = 100;

/// A change of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    LocalPreference(Adjustment),
    Metric(Adjustment),
    Origin(Origin),
    AtomicAggregate,
    Communities(SetTo<u32>),
    LargeCommunities(SetTo<[u32; 3]>),
    AddExtCommunities(Vec<ExtendedCommunity>),
    NoExtCommunities,
    DeleteCommunities(Arc<CommunityList<u32>>),
    DeleteLargeCommunities(Arc<CommunityList<[u32; 3]>>),
    DeleteExtCommunities(Arc<CommunityList<ExtendedCommunity>>),
    Prepend(Vec<u32>),
    PrependLast(u8),
    Exclude(Vec<u32>),
    NextHopIpv4(Ipv4Addr),
    NextHopIpv6(Ipv6Addr),
    NextHopLinkLocal(Ipv6Addr),
    PreferGlobal,
    /// Only `Policies::gateway` asks for it: the gateway is no attribute.
    Gateway(IpAddr),
}

/// `none`, these, or these too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetTo<C> {
    values: Vec<C>,
    additive: bool,
}

impl<C: CommunityKind> SetTo<C> {
    pub fn new(communities: &SetCommunities<C::Named>) -> Self {
        let (values, additive): (Vec<C>, bool) = match communities {
            SetCommunities::None => (Vec::new(), false),
            SetCommunities::Replace(named) => (named.iter().map(C::value).collect(), false),
            SetCommunities::Add(named) => (named.iter().map(C::value).collect(), true),
        };
        Self { values, additive }
    }

    /// The list is sorted and has each once, as FRR leaves it.
    fn apply(&self, communities: &mut Vec<C>) {
        if !self.additive {
            communities.clear();
        }
        communities.extend_from_slice(&self.values);
        communities.sort_unstable();
        communities.dedup();
    }
}

impl Change {
    /// Carries it out.
    pub fn apply(&self, family: Family, set: &mut AttributeSet) {
        match self {
            Self::LocalPreference(value) => {
                set.local_pref = Some(value.of(set.local_pref.unwrap_or(DEFAULT_LOCAL_PREFERENCE)));
            }
            Self::Metric(value) => set.med = Some(value.of(set.med.unwrap_or(0))),
            Self::Origin(origin) => set.origin = *origin,
            Self::AtomicAggregate => set.atomic_aggregate = true,
            Self::Communities(to) => to.apply(&mut set.communities),
            Self::LargeCommunities(to) => to.apply(&mut set.large_communities),
            Self::AddExtCommunities(more) => {
                for community in more {
                    if !set.ext_communities.contains(community) {
                        set.ext_communities.push(*community);
                    }
                }
            }
            Self::NoExtCommunities => set.ext_communities.clear(),
            Self::DeleteCommunities(list) => list.delete_from(set),
            Self::DeleteLargeCommunities(list) => list.delete_from(set),
            Self::DeleteExtCommunities(list) => list.delete_from(set),
            Self::Prepend(asns) => {
                asns.iter().rev().for_each(|asn| set.as_path.prepend(*asn, 1));
            }
            Self::PrependLast(times) => {
                if let Some(last) = set.as_path.neighbour() {
                    set.as_path.prepend(last, usize::from(*times));
                }
            }
            Self::Exclude(asns) => exclude(&mut set.as_path, asns),
            // A next hop of the other family than the route's is FRR's second next hop, which Weft does not have.
            Self::NextHopIpv4(address) if family != Family::Ipv6Unicast => {
                set.next_hop = Some((*address).into());
                set.link_local_next_hop = None;
            }
            Self::NextHopIpv6(address) if family != Family::Ipv4Unicast => {
                set.next_hop = Some((*address).into())
            }
            Self::NextHopLinkLocal(address) if family == Family::Ipv6Unicast => {
                set.link_local_next_hop = Some(*address);
            }
            Self::PreferGlobal => set.link_local_next_hop = None,
            Self::NextHopIpv4(_) | Self::NextHopIpv6(_) | Self::NextHopLinkLocal(_) | Self::Gateway(_) => {}
        }
    }
}

/// Takes ASes out of a path; a segment that gets empty goes, and its neighbours become one.
fn exclude(path: &mut AsPath, asns: &[u32]) {
    for segment in &mut path.0 {
        segment.asns.retain(|asn| !asns.contains(asn));
    }
    path.0.retain(|segment| !segment.asns.is_empty());
    path.0.dedup_by(|later, earlier| {
        let one = later.kind == AsSegmentKind::Sequence && earlier.kind == AsSegmentKind::Sequence;
        if one {
            earlier.asns.append(&mut later.asns);
        }
        one
    });
}
