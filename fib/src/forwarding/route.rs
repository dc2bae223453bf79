//! A route of an IP-VRF: what is wanted of it and what the kernel's table has; and routes by prefix, compact. Pure.

use super::hops::is_hop_id;
use super::key::numbered;
use super::memory::shrink;
use crate::netlink::constants::*;
use crate::netlink::route::RouteMessage;
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::num::NonZeroU32;

/// What routes want, as a small number: a list of next hops, or to discard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WayId(NonZeroU32);

impl WayId {
    /// Packets are dropped.
    pub const DISCARD: Self = WayId(NonZeroU32::MIN);

    pub fn from_index(index: usize) -> Self {
        WayId(numbered(index.saturating_add(1)))
    }

    /// `None` for [`WayId::DISCARD`].
    pub fn index(self) -> Option<usize> {
        usize::try_from(self.0.get()).ok()?.checked_sub(2)
    }
}

/// What the kernel's table has with our mark and metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActualRoute {
    Absent,
    /// Through one of our groups.
    Hops(u32),
    Discard,
    /// With our mark but not as we write routes; or any route of our metric where ours was.
    Altered,
}

/// [`ActualRoute`] in four octets: ids of ours are large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Packed(u32);

impl ActualRoute {
    fn pack(self) -> Packed {
        match self {
            ActualRoute::Absent => Packed(0),
            ActualRoute::Discard => Packed(1),
            ActualRoute::Altered => Packed(2),
            ActualRoute::Hops(id) => Packed(id),
        }
    }

    /// Reads a message about a route with our mark.
    pub fn read(message: &RouteMessage) -> Self {
        match (message.kind, message.nexthop) {
            (RTN_UNICAST, Some(id)) if is_hop_id(id) => ActualRoute::Hops(id),
            (RTN_BLACKHOLE, None) => ActualRoute::Discard,
            _ => ActualRoute::Altered,
        }
    }
}

/// All that is wanted of and known about a route. Twelve octets: there may be a million.
#[derive(Debug, Clone, Copy, Default)]
pub struct RouteEntry {
    pub wanted: Option<WayId>,
    actual: Packed,
    /// Our route has been there since it is wanted.
    pub held: bool,
    /// Found with our mark, and nobody has asked for it yet.
    pub adopted: bool,
    /// In the work queue.
    pub dirty: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale: bool,
}

impl RouteEntry {
    pub fn actual(&self) -> ActualRoute {
        match self.actual.0 {
            0 => ActualRoute::Absent,
            1 => ActualRoute::Discard,
            2 => ActualRoute::Altered,
            id => ActualRoute::Hops(id),
        }
    }

    pub fn set_actual(&mut self, actual: ActualRoute) {
        self.actual = actual.pack();
    }

    /// The object that the kernel's route points at.
    pub fn object(&self) -> Option<u32> {
        match self.actual() {
            ActualRoute::Hops(id) => Some(id),
            _ => None,
        }
    }

    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        self.wanted.is_none() && self.actual == Packed(0)
    }
}

/// Routes by prefix; an IPv4 key is a third of an `IpNet`.
#[derive(Debug, Default)]
pub struct Routes {
    v4: HashMap<Ipv4Net, RouteEntry, RandomState>,
    v6: HashMap<Ipv6Net, RouteEntry, RandomState>,
}

impl Routes {
    pub fn get(&self, prefix: IpNet) -> Option<&RouteEntry> {
        match prefix {
            IpNet::V4(prefix) => self.v4.get(&prefix),
            IpNet::V6(prefix) => self.v6.get(&prefix),
        }
    }

    pub fn get_mut(&mut self, prefix: IpNet) -> Option<&mut RouteEntry> {
        match prefix {
            IpNet::V4(prefix) => self.v4.get_mut(&prefix),
            IpNet::V6(prefix) => self.v6.get_mut(&prefix),
        }
    }

    pub fn entry(&mut self, prefix: IpNet) -> &mut RouteEntry {
        match prefix {
            IpNet::V4(prefix) => self.v4.entry(prefix).or_default(),
            IpNet::V6(prefix) => self.v6.entry(prefix).or_default(),
        }
    }

    /// Forgets the entry if it is void and in no queue.
    pub fn sweep(&mut self, prefix: IpNet) {
        if self.get(prefix).is_some_and(|entry| entry.is_void() && !entry.dirty) {
            match prefix {
                IpNet::V4(prefix) => {
                    self.v4.remove(&prefix);
                    shrink(&mut self.v4);
                }
                IpNet::V6(prefix) => {
                    self.v6.remove(&prefix);
                    shrink(&mut self.v6);
                }
            }
        }
    }

    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        self.v4.allocation_size() + self.v6.allocation_size()
    }

    pub fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &RouteEntry)> {
        let v4 = self.v4.iter().map(|(prefix, entry)| (IpNet::V4(*prefix), entry));
        v4.chain(self.v6.iter().map(|(prefix, entry)| (IpNet::V6(*prefix), entry)))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut RouteEntry> {
        self.v4.values_mut().chain(self.v6.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_small_and_keeps_what_it_is_told() {
        assert_eq!(size_of::<RouteEntry>(), 12);
        let mut entry = RouteEntry::default();
        assert!(entry.is_void());
        for actual in
            [ActualRoute::Discard, ActualRoute::Altered, ActualRoute::Hops(0x5770_0001), ActualRoute::Absent]
        {
            entry.set_actual(actual);
            assert_eq!(entry.actual(), actual);
        }
        assert_eq!((WayId::DISCARD.index(), WayId::from_index(0).index()), (None, Some(0)));
    }
}
