//! The paths that an IP-VRF has to each prefix. Hosts are many, so a prefix with one path costs
//! 36 octets and its place in the index; what routes of one advertiser have in common is kept
//! once, and paths beyond the first stand in a table of their own.

use crate::engine::interner::Interner;
use crate::engine::mobility::Claim;
use crate::engine::source::Sources;
use crate::table::{Keyed, Table};
use crate::{DomainId, Esi, EthernetTag, MacAddr, RouteDistinguisher, RouteTarget};
use hashbrown::HashMap;
use ipnet::IpNet;
use smallvec::SmallVec;
use std::net::IpAddr;

/// Paths kept for one prefix. A subnet is advertised by every leaf that has it.
pub(in crate::engine) const PATHS_PER_PREFIX: usize = 2048;

/// What the paths of one advertiser have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PathSource {
    pub(super) rd: RouteDistinguisher,
    pub(super) ethernet_tag: EthernetTag,
    pub(super) esi: Esi,
    /// The BGP next hop.
    pub(super) vtep: IpAddr,
    /// Zero where a gateway stands instead.
    pub(super) router_mac: MacAddr,
    /// A prefix route's label, or the first of a MAC/IP route.
    pub(super) label: [u8; 3],
    pub(super) domain: DomainId,
    pub(super) gateway: Option<IpAddr>,
    pub(super) targets: SmallVec<[RouteTarget; 2]>,
}

/// One path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    pub(super) source: u32,
    /// MAC Mobility, of a MAC/IP route.
    pub(super) sequence: u32,
    /// Zero for a prefix route.
    pub(super) mac: MacAddr,
    flags: u8,
}

/// One thing that is so of a path, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// It is a MAC/IP route.
    Host = 1,
    /// MAC/IP: sticky.
    Sticky = 2,
    /// MAC/IP: default gateway.
    Gateway = 4,
    /// It has been put out, as it is now.
    Given = 8,
    /// It has been put out, but with other content than it would have now.
    Stale = 16,
    /// A path to a host: something newer says that it is elsewhere, or here (`settle`).
    Overruled = 32,
    /// What has been put out says that the path is not to be used.
    Idle = 64,
    /// Its route is gone, but it stays put out, idle, for a while.
    Ghost = 128,
}

impl Path {
    pub(super) fn new(source: u32, mac: Option<MacAddr>, sequence: u32) -> Self {
        let flags = if mac.is_some() { Flag::Host as u8 } else { 0 };
        Self { source, sequence, mac: mac.unwrap_or(MacAddr::ZERO), flags }
    }

    pub(super) fn is(&self, flag: Flag) -> bool {
        self.flags & flag as u8 != 0
    }

    pub(super) fn set(&mut self, flag: Flag, value: bool) {
        if value {
            self.flags |= flag as u8;
        } else {
            self.flags &= !(flag as u8);
        }
    }

    /// The MAC of a MAC/IP route.
    pub(super) fn host_mac(&self) -> Option<MacAddr> {
        self.is(Flag::Host).then_some(self.mac)
    }

    /// The claim to its host that a MAC/IP route makes (`mobility`).
    pub(super) fn claim(&self, vtep: IpAddr) -> Claim {
        Claim {
            gateway: self.is(Flag::Gateway),
            sticky: self.is(Flag::Sticky),
            sequence: self.sequence,
            vtep,
        }
    }

    /// True if packets go by it.
    pub(super) fn is_used(&self) -> bool {
        self.is(Flag::Given) && !self.is(Flag::Idle)
    }

    /// Its source, unless its VTEP is one of our own.
    pub(super) fn remote_source<'a>(
        &self,
        sources: &'a Interner<PathSource>,
        own: &Sources,
    ) -> Option<&'a PathSource> {
        sources.get(self.source).filter(|source| !own.is_own(source.vtep))
    }
}

#[derive(Debug)]
pub(in crate::engine) struct PrefixEntry {
    prefix: IpNet,
    first: Path,
}

impl Keyed for PrefixEntry {
    type Key = IpNet;
    fn key(&self) -> IpNet {
        self.prefix
    }
}

/// A few paths, copied out of the table to be worked on.
pub(super) type FewPaths = SmallVec<[Path; 2]>;

/// All paths.
#[derive(Debug, Default)]
pub(super) struct Paths {
    table: Table<PrefixEntry>,
    more: HashMap<IpNet, Vec<Path>>,
}

impl Paths {
    /// The paths to a prefix.
    pub(super) fn of(&self, prefix: IpNet) -> FewPaths {
        let Some(entry) = self.table.get(prefix) else { return FewPaths::new() };
        let mut all = FewPaths::new();
        all.push(entry.first);
        if !self.more.is_empty() {
            all.extend_from_slice(self.more.get(&prefix).map(Vec::as_slice).unwrap_or_default());
        }
        all
    }

    /// Writes the paths of a prefix back.
    pub(super) fn put(&mut self, prefix: IpNet, paths: &[Path]) {
        match paths {
            [] => {
                self.table.remove(prefix);
                self.more.remove(&prefix);
            }
            [first, rest @ ..] => {
                if let Some(entry) =
                    self.table.get_or_insert_with(prefix, || PrefixEntry { prefix, first: *first })
                {
                    entry.first = *first;
                }
                if rest.is_empty() {
                    if !self.more.is_empty() {
                        self.more.remove(&prefix);
                    }
                } else {
                    let more = self.more.entry(prefix).or_default();
                    more.clear();
                    more.extend_from_slice(rest);
                }
            }
        }
    }

    /// How many paths there are.
    pub(super) fn count(&self) -> usize {
        self.table.len() + self.more.values().map(Vec::len).sum::<usize>()
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        let more = self.more.values().map(|paths| paths.capacity() * size_of::<Path>());
        self.table.bytes() + self.more.allocation_size() + more.sum::<usize>()
    }

    /// All prefixes, copied.
    pub(super) fn prefixes(&self) -> Vec<IpNet> {
        self.table.keys()
    }

    /// How many prefixes there are.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }
}
