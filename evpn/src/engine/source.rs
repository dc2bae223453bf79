//! What routes of one advertiser have in common (RD, Ethernet tag, VTEP, route targets),
//! kept once and counted. A route then costs four octets for all of it.

use super::interner::Interner;
use super::memory::{btree_bytes, spilled};
use crate::{EthernetTag, RouteDistinguisher, RouteTarget};
use smallvec::SmallVec;
use std::{collections::BTreeMap, net::IpAddr};

/// The common part of routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) rd: RouteDistinguisher,
    pub(super) ethernet_tag: EthernetTag,
    /// The BGP next hop.
    pub(super) vtep: IpAddr,
    pub(super) targets: SmallVec<[RouteTarget; 2]>,
}

/// Names a `Source` while it is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceId(u32);

/// All sources, and which VTEPs are our own.
#[derive(Debug, Default)]
pub(super) struct Sources {
    all: Interner<Source>,
    /// Our VTEPs, with how many VNIs use each.
    own: BTreeMap<IpAddr, u32>,
}

impl Sources {
    /// Finds or makes the source and holds it once more. `None` only past 2³² sources.
    pub(super) fn hold(&mut self, source: Source) -> Option<SourceId> {
        self.all.hold(source).map(SourceId)
    }

    /// Holds a source once more.
    pub(super) fn hold_again(&mut self, id: SourceId) {
        self.all.hold_again(id.0);
    }

    /// Lets a source go once; the last one frees it.
    pub(super) fn release(&mut self, id: SourceId) {
        self.all.release(id.0);
    }

    pub(super) fn get(&self, id: SourceId) -> Option<&Source> {
        self.all.get(id.0)
    }

    /// The VTEP of a source, unless it is one of our own: such a route came back to us and
    /// is never programmed.
    pub(super) fn remote_vtep(&self, id: SourceId) -> Option<IpAddr> {
        self.get(id).map(|source| source.vtep).filter(|vtep| !self.is_own(*vtep))
    }

    /// True if a VNI of this kernel uses the address as VTEP.
    pub(super) fn is_own(&self, vtep: IpAddr) -> bool {
        self.own.contains_key(&vtep)
    }

    /// A VNI uses this VTEP now. True if routes that were usable are no longer.
    pub(super) fn add_own(&mut self, vtep: IpAddr) -> bool {
        let uses = self.own.entry(vtep).or_insert(0);
        *uses += 1;
        *uses == 1 && self.advertises(vtep)
    }

    /// A VNI uses this VTEP no longer. True if routes became usable by that.
    pub(super) fn remove_own(&mut self, vtep: IpAddr) -> bool {
        let Some(uses) = self.own.get_mut(&vtep) else { return false };
        *uses = uses.saturating_sub(1);
        if *uses > 0 {
            return false;
        }
        self.own.remove(&vtep);
        self.advertises(vtep)
    }

    fn advertises(&self, vtep: IpAddr) -> bool {
        self.all.iter().any(|source| source.vtep == vtep)
    }

    /// How many sources are held.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let targets = self.all.iter().map(|source| spilled(&source.targets)).sum::<usize>();
        self.all.bytes() + targets + btree_bytes::<IpAddr, u32>(self.own.len())
    }
}
