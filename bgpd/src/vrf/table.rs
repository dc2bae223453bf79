//! The table: takes what changes, marks prefixes, and settles. See the module.

use super::{
    aggregate::Share,
    export::PrefixRoute,
    import::{AGGREGATE, EvpnPath, Imports},
    local::origination,
    prefixes::inside,
    settings::VrfSettings,
};
use crate::peer::PeerId;
use crate::rib::{BestPath, ImportInfo, PathSource, Rib, RibSettings};
use crate::wire::{AttributeSet, unicast};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smallvec::SmallVec;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};
use tracing::error;
use weft_evpn::{
    DomainId, VrfName,
    aggregate::{AggregateChange, Aggregates},
    engine::{VrfActive, VrfPathSource},
    forwarding::{ForwardingChange, VrfForward},
    nlri::EvpnRoute,
    vrf::LocalRoute,
};

/// Changes that are taken from the RIB at once.
const BATCH: usize = 1024;

/// What a table says.
// It lives for a turn of the core: no box for the larger ones.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VrfOutput {
    /// The kernel must hold this.
    Forward(ForwardingChange),
    /// Advertise this prefix route to the neighbours of this domain.
    Originate {
        /// The domain.
        domain: DomainId,
        /// The route.
        route: EvpnRoute,
        /// Its attributes.
        attributes: AttributeSet,
    },
    /// Advertise it no longer; its key counts.
    Withdraw {
        /// The domain.
        domain: DomainId,
        /// The route.
        route: EvpnRoute,
    },
}

/// What was said of a prefix.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub forward: Option<VrfForward>,
    pub sent: SmallVec<[(DomainId, PrefixRoute); 1]>,
    /// The CE neighbours' next hops that its paths have.
    depends: SmallVec<[IpAddr; 1]>,
}

/// The table of one IP-VRF.
#[derive(Debug)]
pub struct VrfTable {
    name: VrfName,
    pub(super) rib: Rib,
    pub(super) settings: VrfSettings,
    pub(super) active: Option<VrfActive>,
    pub(super) locals: BTreeMap<IpNet, LocalRoute>,
    pub(super) imports: Imports,
    pub(super) aggregates: Aggregates<DomainId, Share>,
    /// Every prefix that has a path or of which something was said.
    pub(super) routes: BTreeMap<IpNet, Said>,
    /// The prefixes that have a CE neighbour's path with this next hop.
    next_hops: BTreeMap<IpAddr, BTreeSet<IpNet>>,
    /// Next hops of CE neighbours that may have got or lost their way: each time that the RIB
    /// hears of some, it walks the neighbours' routes.
    hops: BTreeSet<IpAddr>,
    /// Aggregates that are configured anew, which the RIB may not have heard of.
    unreflected: BTreeSet<IpNet>,
    /// To look at again: something of the prefix changed.
    dirty: BTreeSet<IpNet>,
    /// What is said of it may be another; the prefix itself has not changed.
    touched: BTreeSet<IpNet>,
}

/// What is to be said, in this order.
#[derive(Debug, Default)]
struct Outbox {
    routes: Vec<VrfOutput>,
    originate: Vec<VrfOutput>,
    withdraw: Vec<VrfOutput>,
    no_routes: Vec<VrfOutput>,
}

impl Outbox {
    fn deliver(self, out: &mut Vec<VrfOutput>) {
        let Self { routes, originate, withdraw, no_routes } = self;
        out.extend(routes.into_iter().chain(originate).chain(withdraw).chain(no_routes));
    }

    fn forward(&mut self, vrf: &VrfName, prefix: IpNet, wanted: Option<VrfForward>) {
        let queue = if wanted.is_some() { &mut self.routes } else { &mut self.no_routes };
        let vrf = vrf.clone();
        queue.push(VrfOutput::Forward(ForwardingChange::Route { vrf, prefix, wanted }));
    }

    fn withdraw(&mut self, domain: DomainId, route: &PrefixRoute) {
        self.withdraw.push(VrfOutput::Withdraw { domain, route: route.evpn() });
    }
}

fn default_routes() -> [IpNet; 2] {
    [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())]
}

impl VrfTable {
    /// An empty table with nothing configured.
    pub fn new(name: VrfName, now: Instant) -> Self {
        let settings = VrfSettings::new(0, Ipv4Addr::UNSPECIFIED);
        Self {
            name,
            rib: Rib::new(settings.rib.clone(), now),
            settings,
            active: None,
            locals: BTreeMap::new(),
            imports: Imports::default(),
            aggregates: Aggregates::default(),
            routes: BTreeMap::new(),
            next_hops: BTreeMap::new(),
            hops: BTreeSet::new(),
            unreflected: BTreeSet::new(),
            dirty: BTreeSet::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The IP-VRF's name.
    pub fn name(&self) -> &VrfName {
        &self.name
    }

    /// The unicast tables, for shows.
    pub fn rib(&self) -> &Rib {
        &self.rib
    }

    /// The unicast tables, for the sessions of CE neighbours; `settle` afterwards.
    pub fn rib_mut(&mut self) -> &mut Rib {
        &mut self.rib
    }

    // What comes in.

    /// Applies a configuration. Gives the CE neighbours that must be asked to send again
    /// (`Rib::set_settings`). Another AS begins with an empty RIB: the sessions of CE
    /// neighbours must be ended before.
    pub fn configure(&mut self, mut settings: VrfSettings, now: Instant) -> Vec<PeerId> {
        settings.rib.import = true;
        for family in [&mut settings.ipv4, &mut settings.ipv6] {
            family.maximum_paths = family.maximum_paths.max(1);
            family.maximum_paths_ibgp = family.maximum_paths_ibgp.max(1);
        }
        if settings == self.settings {
            return Vec::new();
        }
        let mut ask = Vec::new();
        if settings.rib.asn == self.settings.rib.asn {
            ask = self.rib.set_settings(settings.rib.clone());
        } else {
            self.new_rib(settings.rib.clone(), now);
        }
        let old = std::mem::replace(&mut self.settings, settings);
        let mut prefixes: BTreeSet<IpNet> = self.locals.keys().copied().collect();
        for family in [&old.ipv4, &old.ipv6, &self.settings.ipv4, &self.settings.ipv6] {
            prefixes.extend(family.networks.keys());
        }
        prefixes.extend(old.gateway_subnets.iter().chain(&self.settings.gateway_subnets));
        for prefix in &prefixes {
            self.originate(prefix, now);
            self.mark_dependents(prefix);
        }
        self.dirty.extend(prefixes);
        self.apply_aggregates(&old, now);
        self.dirty.extend(default_routes());
        self.dirty.extend(self.routes.keys());
        ask
    }

    fn new_rib(&mut self, settings: RibSettings, now: Instant) {
        self.rib = Rib::new(settings, now);
        self.imports.write_again(&mut self.rib, now);
        // The aggregates are told to the new RIB when they are looked at.
    }

    /// Makes the aggregates those that are configured, in the domains that there are. What
    /// follows from it is found out by looking at all again.
    fn apply_aggregates(&mut self, old: &VrfSettings, now: Instant) {
        let all = |settings: &VrfSettings| -> BTreeMap<IpNet, bool> {
            let lines = settings.ipv4.aggregates.iter().chain(&settings.ipv6.aggregates);
            lines.map(|(prefix, line)| (*prefix, line.summary_only)).collect()
        };
        let wanted = all(&self.settings);
        let mut changes = Vec::new();
        for domain in old.domains().filter(|old| !self.settings.domains().any(|domain| domain == *old)) {
            self.aggregates.drop_target(domain, &mut changes);
        }
        self.aggregates.configure(&wanted, &mut changes);
        for prefix in all(old).keys().filter(|prefix| !wanted.contains_key(prefix)) {
            self.reflect(prefix, now);
        }
        self.dirty.extend(wanted.keys());
        self.unreflected.extend(wanted.keys());
    }

    /// What the prefix routes carry; `None`: none is advertised.
    pub fn activate(&mut self, active: Option<VrfActive>) {
        if self.active != active {
            self.active = active;
            self.touched.extend(self.routes.keys());
            self.touched.extend(&self.settings.gateway_subnets);
            self.touched.extend(default_routes());
        }
    }

    /// A route of the kernel's table that is not ours; `None`: it is gone.
    pub fn local_route(&mut self, prefix: IpNet, route: Option<LocalRoute>, now: Instant) {
        let prefix = prefix.trunc();
        if self.locals.get(&prefix) == route.as_ref() {
            return;
        }
        match route {
            Some(route) => self.locals.insert(prefix, route),
            None => self.locals.remove(&prefix),
        };
        self.originate(&prefix, now);
        self.dirty.insert(prefix);
        self.mark_dependents(&prefix);
    }

    /// The kernel's table is gone, with all that was in it.
    pub fn no_local_routes(&mut self, now: Instant) {
        for prefix in self.locals.keys().copied().collect::<Vec<_>>() {
            self.local_route(prefix, None, now);
        }
    }

    /// Tells the RIB what it has of a prefix of the kernel's table.
    fn originate(&mut self, prefix: &IpNet, now: Instant) {
        let (family, nlri) = (unicast::family(prefix), unicast::nlri(prefix));
        let outcome = match origination(&self.settings, prefix, self.locals.get(prefix)) {
            Some(attributes) => self.rib.originate(family, &nlri, attributes, None, now),
            None => self.rib.withdraw_local(family, &nlri),
        };
        if let Err(failed) = outcome {
            error!("vrf {}: {prefix}: {failed}", self.name);
        }
    }

    /// A path from EVPN; `None`: it is gone.
    pub fn path(&mut self, prefix: IpNet, source: VrfPathSource, path: Option<EvpnPath>, now: Instant) {
        let prefix = prefix.trunc();
        let effect = self.imports.set(&mut self.rib, prefix, source, path, now);
        if effect.changed {
            self.dirty.insert(prefix);
        }
        if effect.known && self.aggregates.covering(prefix).next().is_some() {
            self.dirty.extend(self.routes.range(inside(prefix)).map(|(prefix, _)| *prefix));
            // A gateway's subnet without a path is no route while nothing is said of it.
            self.dirty.extend(self.settings.gateway_subnets.range(inside(prefix)));
        }
    }

    // Aggregates.

    /// What a prefix contributes to the aggregates above it.
    fn contribute(&mut self, prefix: IpNet, paths: &[BestPath], changed: &mut BTreeSet<IpNet>, now: Instant) {
        let longest = self.aggregates.covering(prefix).next();
        let domains: SmallVec<[DomainId; 4]> = self.settings.domains().collect();
        let mut changes = Vec::new();
        for domain in domains {
            let share = longest
                .filter(|longest| !self.is_exempt(prefix, *longest, domain))
                .and_then(|_| self.exportable(&prefix, domain, paths))
                .map(|candidate| Share::of(&candidate.attributes));
            self.aggregates.set(prefix, domain, share, now, &mut changes);
        }
        self.mark_aggregates(&changes, changed);
    }

    /// The aggregates that are advertised or not, or otherwise than before.
    fn mark_aggregates(&mut self, changes: &[AggregateChange<DomainId>], changed: &mut BTreeSet<IpNet>) {
        for change in changes {
            match *change {
                AggregateChange::Announce { aggregate, target } => {
                    changed.insert(aggregate);
                    if self.aggregate_settings(&aggregate).is_some_and(|line| line.policy.is_some()) {
                        // The policy may have denied it and does not any more, or the other way
                        // round: that decides of its contributors, too.
                        let contributors = self.aggregates.contributors(aggregate, target);
                        self.touched.extend(contributors.map(|(prefix, _)| prefix));
                    }
                }
                AggregateChange::Withdraw { aggregate, .. } => {
                    changed.insert(aggregate);
                }
                AggregateChange::HeldBack { contributor, .. } => {
                    self.touched.insert(contributor);
                }
            }
        }
    }

    /// Tells the RIB, and by it the CE neighbours and the kernel, whether an aggregate is
    /// advertised anywhere. As an import of the least preference: a real route goes before it.
    fn reflect(&mut self, prefix: &IpNet, now: Instant) {
        self.touched.insert(*prefix);
        let candidate = self.settings.domains().find_map(|domain| self.aggregate(prefix, domain));
        let (family, nlri) = (unicast::family(prefix), unicast::nlri(prefix));
        let outcome = match candidate {
            Some(candidate) => {
                let attributes = AttributeSet { local_pref: Some(0), ..candidate.attributes };
                let (router_id, domain) = (self.settings.rib.router_id, self.settings.domain);
                let info = ImportInfo { router_id, external: false, domain };
                self.rib.import(family, &nlri, AGGREGATE, attributes, info, now)
            }
            None => self.rib.withdraw_import(family, &nlri, AGGREGATE),
        };
        if let Err(failed) = outcome {
            error!("vrf {}: aggregate {prefix}: {failed}", self.name);
        }
    }

    // Settling.

    /// The prefixes that reach their next hop by this one are to be looked at again.
    fn mark_dependents(&mut self, prefix: &IpNet) {
        let range = prefix.network()..=prefix.broadcast();
        self.dirty.extend(self.next_hops.range(range.clone()).flat_map(|(_, prefixes)| prefixes));
        self.hops.extend(self.rib.unreachable_next_hops(range));
    }

    /// What has no way to its next hop is not used.
    fn check_next_hops(&mut self, paths: &[BestPath]) {
        for path in paths.iter().filter(|path| matches!(path.source, PathSource::Peer(_))) {
            if let Some(next_hop) = path.attributes.next_hop
                && self.tables().resolve(next_hop).is_empty()
            {
                self.hops.insert(next_hop);
            }
        }
    }

    /// Tells the RIB which next hops have a way.
    fn tell_next_hops(&mut self) {
        let hops = std::mem::take(&mut self.hops);
        let has_way = |hop: IpAddr| (hop, !self.tables().resolve(hop).is_empty());
        let ways: Vec<(IpAddr, bool)> = hops.into_iter().map(has_way).collect();
        self.rib.set_next_hops(ways);
    }

    fn take_changes(&mut self) {
        loop {
            let changes = self.rib.take_changes(BATCH);
            if changes.is_empty() {
                return;
            }
            self.dirty.extend(changes.iter().filter_map(|change| change.prefix()));
        }
    }

    /// Keeps up which prefixes hang on which next hop.
    fn depend(&mut self, prefix: IpNet, paths: &[BestPath]) {
        let is_peer = |path: &&BestPath| matches!(path.source, PathSource::Peer(_));
        let mut hops: SmallVec<[IpAddr; 1]> =
            paths.iter().filter(is_peer).filter_map(|path| path.attributes.next_hop).collect();
        hops.sort_unstable();
        hops.dedup();
        let said = match self.routes.get_mut(&prefix) {
            None if paths.is_empty() => return,
            Some(said) => said,
            None => self.routes.entry(prefix).or_default(),
        };
        if said.depends == hops {
            return;
        }
        let old = std::mem::replace(&mut said.depends, hops.clone());
        for hop in old {
            if let Some(prefixes) = self.next_hops.get_mut(&hop) {
                prefixes.remove(&prefix);
                if prefixes.is_empty() {
                    self.next_hops.remove(&hop);
                }
            }
        }
        for hop in hops {
            self.next_hops.entry(hop).or_default().insert(prefix);
        }
    }

    /// Looks at what has changed since the last time, and says what follows from it.
    pub fn settle(&mut self, now: Instant, out: &mut Vec<VrfOutput>) {
        let (mut aggregates, mut changes) = (BTreeSet::new(), Vec::new());
        self.aggregates.on_deadline(now, &mut changes);
        self.mark_aggregates(&changes, &mut aggregates);
        aggregates.append(&mut self.unreflected);
        self.tell_next_hops();
        self.take_changes();
        while !self.dirty.is_empty() || !aggregates.is_empty() {
            for prefix in std::mem::take(&mut self.dirty) {
                let paths = self.paths(&prefix);
                self.depend(prefix, &paths);
                self.check_next_hops(&paths);
                self.contribute(prefix, &paths, &mut aggregates, now);
                let is_host = prefix.prefix_len() == prefix.max_prefix_len();
                if self.touched.insert(prefix) && is_host {
                    self.mark_dependents(&prefix);
                }
            }
            for prefix in std::mem::take(&mut aggregates) {
                self.reflect(&prefix, now);
            }
            self.tell_next_hops();
            self.take_changes();
        }
        let mut outbox = Outbox::default();
        for prefix in std::mem::take(&mut self.touched) {
            self.say(prefix, &mut outbox);
        }
        outbox.deliver(out);
    }

    /// Says what of a prefix is another than was said.
    fn say(&mut self, prefix: IpNet, outbox: &mut Outbox) {
        let paths = self.paths(&prefix);
        let forward = self.tables().forward(&prefix, &paths);
        let mut sent: SmallVec<[(DomainId, PrefixRoute); 1]> = SmallVec::new();
        if let Some(active) = &self.active {
            for domain in self.settings.domains() {
                let Some(rd) = self.rd(active, domain) else { continue };
                if let Some(route) = self.wanted(active, rd, &prefix, domain, &paths) {
                    sent.push((domain, route));
                }
            }
        }
        let said = self.routes.entry(prefix).or_default();
        if said.forward != forward {
            said.forward.clone_from(&forward);
            outbox.forward(&self.name, prefix, forward);
        }
        let old = std::mem::replace(&mut said.sent, sent);
        for (domain, route) in &said.sent {
            let same = |sent: &PrefixRoute| sent.route == route.route && sent.attributes == route.attributes;
            if !old.iter().any(|(of, sent)| of == domain && same(sent)) {
                let (domain, attributes) = (*domain, route.attributes.clone());
                outbox.originate.push(VrfOutput::Originate { domain, route: route.evpn(), attributes });
            }
        }
        for (domain, gone) in &old {
            // The key is RD and prefix; with the same one the new route has replaced the old, also
            // one for another domain: ours has got another name.
            if !said.sent.iter().any(|(_, route)| route.route.rd == gone.route.rd) {
                outbox.withdraw(*domain, gone);
            }
        }
        if said.forward.is_none() && said.sent.is_empty() && said.depends.is_empty() && paths.is_empty() {
            self.routes.remove(&prefix);
        }
    }

    /// The IP-VRF is no more: all that was said is taken back.
    pub fn close(self, out: &mut Vec<VrfOutput>) {
        let mut outbox = Outbox::default();
        for (prefix, said) in &self.routes {
            for (domain, route) in &said.sent {
                outbox.withdraw(*domain, route);
            }
            if said.forward.is_some() {
                outbox.forward(&self.name, *prefix, None);
            }
        }
        outbox.deliver(out);
    }

    /// When `on_deadline` is due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.aggregates.next_deadline().into_iter().chain(self.rib.next_deadline()).min()
    }

    /// Time has passed; `settle` afterwards.
    pub fn on_deadline(&mut self, now: Instant) {
        if self.rib.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.rib.on_deadline(now);
        }
    }
}
