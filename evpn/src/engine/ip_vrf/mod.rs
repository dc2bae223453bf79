//! An IP-VRF: a tenant's routing table, as far as EVPN fills it (RFC 9135 symmetric IRB,
//! RFC 9136 §4.4.1 interface-less prefix routes, §4.1 gateway overlay index).
//!
//! It is active while the configuration gives it an L3VNI, the kernel has that L3VNI's devices
//! with a VTEP and a router MAC, and nobody else uses the VNI. Then MAC/IP routes of its
//! MAC-VRFs carry its label, route targets and router MAC, and routes of peers become
//! `Output::VrfPath`. The table itself, its best paths and its own prefix routes are the
//! speaker's; `Output::VrfActive` says what they carry.
//!
//! - `imports`: routes come in. `refusal`: which may be used. `paths`: what is kept of them.
//!   `settle`: which paths are given. `gateways`: gateway overlay indexes. `hosts`: hosts that
//!   are here, elsewhere, or between; the MAC-VRFs of the IP-VRF. `wiring`: configuration and
//!   devices come in. `queries`: for the shows.
//!
//! Not done here: ESI and MAC overlay indexes (RFC 9136 §4.2, §4.4.3), downstream VNIs.

mod gateways;
mod hosts;
mod imports;
mod paths;
mod queries;
mod refusal;
mod settle;
mod wiring;

pub(super) use paths::PATHS_PER_PREFIX;
#[cfg(test)]
pub(super) use paths::PrefixEntry;
pub(super) use refusal::is_link_local;
pub use refusal::{Refusal, Refusals};
#[cfg(test)]
pub(super) use settle::HAUNT;

use super::import::{Holders, ImportIndex};
use super::instance::MacVrf;
use super::interner::Interner;
use super::memory::{IpVrfMemory, btree_bytes, spilled};
use super::source::Sources;
use super::timers::Timers;
use super::{Notice, Output, VrfActive};
use crate::forwarding::{ForwardingChange, VrfNextHop};
use crate::vrf::VrfDevices;
use crate::{
    DomainId, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTargetMatch, Vni, VrfName,
};
use hashbrown::HashMap;
use hosts::Attached;
use ipnet::IpNet;
use paths::{PathSource, Paths};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Instant,
};

/// Names the prefix route that a ghost was.
pub(super) type GhostKey = (IpNet, RouteDistinguisher, EthernetTag);

/// Names an IP-VRF while it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct VrfId(u32);

/// All IP-VRFs.
#[derive(Debug, Default)]
pub(super) struct IpVrfs {
    ids: BTreeMap<VrfName, VrfId>,
    all: BTreeMap<VrfId, Box<IpVrf>>,
    importers: ImportIndex<VrfId>,
    holders: Holders<VrfId>,
    sources: Interner<PathSource>,
    /// L3VNI → the IP-VRFs that are configured with it.
    l3vnis: BTreeMap<Vni, Vec<VrfName>>,
    next: u32,
}

impl IpVrfs {
    pub(super) fn id(&self, name: &VrfName) -> Option<VrfId> {
        self.ids.get(name).copied()
    }

    fn by_name(&self, name: &VrfName) -> Option<&IpVrf> {
        self.all.get(self.ids.get(name)?).map(|vrf| &**vrf)
    }

    /// The IP-VRF of this name, made if there is none.
    fn get_or_make(&mut self, name: &VrfName) -> VrfId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = VrfId(self.next);
        self.next = self.next.wrapping_add(1);
        self.ids.insert(name.clone(), id);
        self.all.insert(id, Box::new(IpVrf::new(id, name.clone())));
        id
    }

    /// True if the configuration has this VNI for an IP-VRF: then it is no L2VNI.
    pub(super) fn is_l3vni(&self, vni: Vni) -> bool {
        self.l3vnis.contains_key(&vni)
    }

    /// What each holds and costs; how many sources, and octets of them and of the indexes.
    pub(super) fn memory(&self) -> (Vec<IpVrfMemory>, usize, usize, usize) {
        let targets = self.sources.iter().map(|source| spilled(&source.targets)).sum::<usize>();
        (
            self.all.values().map(|vrf| vrf.memory()).collect(),
            self.sources.len(),
            self.sources.bytes() + targets,
            self.importers.bytes() + self.holders.bytes(),
        )
    }

    /// How many sources are held, and RDs with routes: at most one for each path.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.sources.len(), self.holders.len())
    }

    /// What the MAC/IP routes of a MAC-VRF in this IP-VRF carry.
    pub(super) fn symmetric(&self, name: &VrfName) -> Option<Symmetric> {
        let vrf = self.by_name(name)?;
        let settings = vrf.active.as_ref().filter(|settings| !settings.prefix_routes_only)?;
        let mut communities: SmallVec<[ExtendedCommunity; 2]> = SmallVec::new();
        communities.extend(settings.active.export.iter().map(|target| target.community()));
        Some(Symmetric {
            vrf: vrf.id,
            label: settings.active.vni.to_label(),
            targets: communities,
            router_mac: settings.active.router_mac,
        })
    }
}

/// What symmetric IRB adds to the MAC/IP routes of a MAC-VRF (RFC 9135 §5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Symmetric {
    pub(super) vrf: VrfId,
    /// The L3VNI.
    pub(super) label: [u8; 3],
    /// The export route targets of the IP-VRF.
    pub(super) targets: SmallVec<[ExtendedCommunity; 2]>,
    pub(super) router_mac: MacAddr,
}

/// With what an IP-VRF is active.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Settings {
    active: VrfActive,
    import: Vec<RouteTargetMatch>,
    prefix_routes_only: bool,
}

/// Who else uses the L3VNI.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Conflict {
    IpVrf(VrfName),
    MacVrf,
}

/// A gateway overlay index.
#[derive(Debug, Default)]
struct Gateway {
    /// The prefixes that have paths with it, and how many.
    prefixes: BTreeMap<IpNet, u32>,
    resolved: Option<VrfNextHop>,
}

/// What is given to the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counters {
    host_paths: usize,
    prefix_paths: usize,
}

/// All that is known of one IP-VRF.
#[derive(Debug)]
struct IpVrf {
    id: VrfId,
    name: VrfName,
    devices: Option<VrfDevices>,
    active: Option<Settings>,
    /// What has been noted of its L3VNI.
    conflict: Option<Conflict>,
    paths: Paths,
    gateways: BTreeMap<IpAddr, Gateway>,
    /// The next hops of the paths given, and of how many.
    next_hops: BTreeMap<(IpAddr, MacAddr), usize>,
    /// The MAC-VRFs whose devices are in it.
    members: BTreeSet<Vni>,
    /// Those of them that are active.
    attached: BTreeMap<Vni, Attached>,
    /// The subnets of these.
    subnets: BTreeMap<IpNet, SmallVec<[Vni; 1]>>,
    /// The prefix lengths that subnets have, or had.
    lengths: SmallVec<[u8; 8]>,
    /// The addresses of its own interfaces, and on how many.
    own: BTreeMap<IpAddr, u32>,
    /// The hosts that are bound in its MAC-VRFs, and in which.
    local: HashMap<IpAddr, SmallVec<[Vni; 1]>>,
    /// The hosts that prefix routes name.
    away: BTreeSet<IpAddr>,
    /// The hosts that SVIs answer for.
    proxies: BTreeSet<(IpAddr, Vni)>,
    /// Paths whose routes are gone and that stay known for a while, and until when.
    ghosts: BTreeMap<GhostKey, Instant>,
    refusals: Refusals,
    counters: Counters,
}

impl IpVrf {
    fn new(id: VrfId, name: VrfName) -> Self {
        Self {
            id,
            name,
            devices: None,
            active: None,
            conflict: None,
            paths: Paths::default(),
            gateways: BTreeMap::new(),
            next_hops: BTreeMap::new(),
            members: BTreeSet::new(),
            attached: BTreeMap::new(),
            subnets: BTreeMap::new(),
            lengths: SmallVec::new(),
            own: BTreeMap::new(),
            local: HashMap::new(),
            away: BTreeSet::new(),
            proxies: BTreeSet::new(),
            ghosts: BTreeMap::new(),
            refusals: Refusals::default(),
            counters: Counters::default(),
        }
    }

    fn memory(&self) -> IpVrfMemory {
        let (prefixes, paths) = (self.paths.len(), self.paths.count());
        let vnis = self.local.values().chain(self.subnets.values());
        let gateways =
            self.gateways.values().map(|gateway| btree_bytes::<IpNet, u32>(gateway.prefixes.len()));
        IpVrfMemory {
            name: self.name.clone(),
            prefixes,
            paths,
            path_bytes: size_of::<Self>() + self.paths.bytes(),
            host_bytes: self.local.allocation_size()
                + vnis.map(spilled).sum::<usize>()
                + btree_bytes::<IpAddr, Gateway>(self.gateways.len())
                + gateways.sum::<usize>()
                + btree_bytes::<(IpAddr, MacAddr), usize>(self.next_hops.len())
                + btree_bytes::<Vni, Attached>(self.attached.len())
                + btree_bytes::<IpNet, SmallVec<[Vni; 1]>>(self.subnets.len())
                + btree_bytes::<IpAddr, ()>(self.away.len())
                + btree_bytes::<(IpAddr, Vni), ()>(self.proxies.len())
                + btree_bytes::<GhostKey, Instant>(self.ghosts.len()),
        }
    }

    fn vni(&self) -> Option<Vni> {
        Some(self.active.as_ref()?.active.vni)
    }

    /// Counts a route that may not be used, and notes the first of its reason.
    fn refuse(&mut self, refusal: Refusal, rd: RouteDistinguisher, out: &mut Vec<Output>) {
        if self.refusals.count(refusal) {
            let vrf = self.name.clone();
            out.push(Output::Notice(Notice::VrfRouteRefused { vrf, rd, refusal }));
        }
    }
}

/// What an IP-VRF asks of its MAC-VRFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// A prefix route has just said that a host of this one is elsewhere: let go, and ask the host.
    Yield(VrfId, Vni, IpAddr),
    /// A host was heard here that prefix routes say is elsewhere.
    Returned(Vni, IpAddr),
    /// No prefix route names the host any more.
    Forget(Vni, IpAddr),
}

/// One call into an IP-VRF: its outputs, and what it looks at or shares.
#[derive(Debug)]
struct VrfTurn<'a> {
    out: &'a mut Vec<Output>,
    /// Which VTEPs are our own.
    own: &'a Sources,
    mac_vrfs: &'a BTreeMap<Vni, Box<MacVrf>>,
    sources: &'a mut Interner<PathSource>,
    holders: &'a mut Holders<VrfId>,
    asks: &'a mut Vec<Ask>,
    timers: &'a mut Timers,
    now: Instant,
    /// Our own domain.
    domain: DomainId,
    /// We have neighbours in other domains.
    is_gateway: bool,
}

impl VrfTurn<'_> {
    fn forward(&mut self, change: ForwardingChange) {
        self.out.push(Output::Forward(change));
    }
}
