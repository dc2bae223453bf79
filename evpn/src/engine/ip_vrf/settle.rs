//! Which paths of an IP-VRF are given to its table, and where they lead.
//!
//! - Not given: paths from our own VTEPs; hosts that are our own addresses or bound in a MAC-VRF
//!   here (its mobility decides); prefixes behind a gateway that is not resolved.
//! - Of several MAC/IP routes of one host those with the newest claim are given (`mobility`),
//!   so while a host moves no packet goes to its old place. Routes with equal claims are one
//!   host behind several VTEPs.
//! - Between MAC/IP routes of a host and prefix routes for it alone (it is said to be in another
//!   domain) the newest wins: what comes overrules what is there of the other kind. So all
//!   follow a host that moves between domains before its old place lets go, and follow it back
//!   when that place hears it and says so with a higher number. What was overruled is given as
//!   such: it is not used, but its domain has it. It counts again when nothing else is left.
//! - A path whose route came anew is given again even if nothing here changed: its attributes
//!   may have.

use super::paths::{FewPaths, Flag, Path, PathSource};
use super::{Ask, GhostKey, IpVrf, Refusal, VrfTurn};
use crate::engine::mobility::{self, Claim};
use crate::engine::timers::Timer;
use crate::engine::{Output, VrfPath, VrfPathSource};
use crate::forwarding::VrfNextHop;
use crate::nlri::{EvpnRoute, IpPrefix, MacIp};
use crate::{EthernetTag, MacAddr, RouteDistinguisher, Vni};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;
use std::time::Duration;

/// How long an overruled path of another domain stays known after its route is gone.
pub(in crate::engine) const HAUNT: Duration = Duration::from_secs(3);

/// The one address of a prefix with all bits.
pub(super) fn host_of(prefix: IpNet) -> Option<IpAddr> {
    (prefix.prefix_len() == prefix.max_prefix_len()).then(|| prefix.addr())
}

/// What a MAC/IP route adds to a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct HostPart {
    pub(super) mac: MacAddr,
    pub(super) sequence: u32,
    pub(super) sticky: bool,
    pub(super) gateway: bool,
}

fn find(
    paths: &[Path],
    rd: RouteDistinguisher,
    tag: EthernetTag,
    mac: Option<MacAddr>,
    turn: &VrfTurn<'_>,
) -> Option<usize> {
    paths.iter().position(|path| {
        path.host_mac() == mac
            && turn
                .sources
                .get(path.source)
                .is_some_and(|source| source.rd == rd && source.ethernet_tag == tag)
    })
}

impl IpVrf {
    /// A usable route is there, or changed.
    pub(super) fn upsert(
        &mut self,
        prefix: IpNet,
        host: Option<HostPart>,
        source: PathSource,
        turn: &mut VrfTurn<'_>,
    ) {
        let mac = host.map(|host| host.mac);
        let mut paths = self.paths.of(prefix);
        let found = find(&paths, source.rd, source.ethernet_tag, mac, turn);
        if found.is_none() && paths.len() >= super::PATHS_PER_PREFIX {
            self.refuse(Refusal::TooManyPaths, source.rd, turn.out);
            return;
        }
        if turn.own.is_own(source.vtep) {
            self.refuse(Refusal::OwnVtep, source.rd, turn.out);
        }
        let (rd, ethernet_tag) = (source.rd, source.ethernet_tag);
        let (vtep, gateway) = (source.vtep, source.gateway);
        let Some(id) = turn.sources.hold(source) else { return };
        let mut new = Path::new(id, mac, host.map_or(0, |host| host.sequence));
        if let Some(host) = host {
            new.set(Flag::Sticky, host.sticky);
            new.set(Flag::Gateway, host.gateway);
        }
        let at = found.unwrap_or(paths.len());
        let mut is_news = found.is_none();
        match found.and_then(|at| paths.get_mut(at)) {
            Some(place) => {
                self.make_stale(place, turn);
                let old = std::mem::replace(place, new);
                place.set(Flag::Stale, old.is(Flag::Stale));
                let before = turn.sources.get(old.source).map(|source| (source.vtep, source.gateway));
                is_news = before.is_none_or(|(before, _)| before != vtep)
                    || old.sequence != place.sequence
                    || old.is(Flag::Ghost);
                if old.is(Flag::Ghost) {
                    self.lay((prefix, rd, ethernet_tag), turn);
                }
                place.set(Flag::Overruled, old.is(Flag::Overruled) && !is_news);
                self.use_gateway(gateway, prefix, turn);
                self.leave_gateway(before.and_then(|(_, gateway)| gateway), prefix);
                turn.sources.release(old.source);
            }
            None => {
                paths.push(new);
                turn.holders.add(rd, self.id);
                self.use_gateway(gateway, prefix, turn);
            }
        }
        if is_news && host_of(prefix).is_some() && !turn.own.is_own(vtep) {
            let others = paths.iter_mut().filter(|path| path.is(Flag::Host) != mac.is_some());
            others.for_each(|path| path.set(Flag::Overruled, true));
        }
        // Paths to a prefix do not look at one another, those to a host do.
        let changed = if host_of(prefix).is_some() { 0..paths.len() } else { at..at + 1 };
        self.settle(prefix, paths, changed, turn);
    }

    /// A route is gone, or no longer usable.
    pub(super) fn remove(
        &mut self,
        prefix: IpNet,
        mac: Option<MacAddr>,
        rd: RouteDistinguisher,
        tag: EthernetTag,
        turn: &mut VrfTurn<'_>,
    ) {
        let mut paths = self.paths.of(prefix);
        let Some(at) = find(&paths, rd, tag, mac, turn) else { return };
        if self.haunt(prefix, &mut paths, at, turn) {
            self.paths.put(prefix, &paths);
            return;
        }
        let mut path = paths.swap_remove(at);
        self.make_stale(&mut path, turn);
        self.let_go(prefix, path, turn);
        let changed = if host_of(prefix).is_some() { 0..paths.len() } else { 0..0 };
        self.settle(prefix, paths, changed, turn);
        self.resolve_gateway_at(prefix, turn);
    }

    /// A route is gone. True if it stays given for a while: on a gateway, if another domain had it
    /// and it was overruled.
    fn haunt(&mut self, prefix: IpNet, paths: &mut [Path], at: usize, turn: &mut VrfTurn<'_>) -> bool {
        let Some(path) = paths.get_mut(at) else { return false };
        if path.is(Flag::Ghost) {
            return true;
        }
        let Some(source) = turn.sources.get(path.source) else { return false };
        let is_idle = path.is(Flag::Given) && path.is(Flag::Idle) && !path.is(Flag::Host);
        let until = turn.now.checked_add(HAUNT);
        let (Some(until), true) = (until, turn.is_gateway && is_idle && source.domain != turn.domain) else {
            return false;
        };
        path.set(Flag::Ghost, true);
        let key = (prefix, source.rd, source.ethernet_tag);
        self.ghosts.insert(key, until);
        turn.timers.set(until, Timer::Ghost(self.id, key));
        true
    }

    /// A ghost is none any more.
    fn lay(&mut self, key: GhostKey, turn: &mut VrfTurn<'_>) {
        if let Some(until) = self.ghosts.remove(&key) {
            turn.timers.clear(until, Timer::Ghost(self.id, key));
        }
    }

    /// The time of a ghost has come.
    pub(super) fn end_ghost(&mut self, (prefix, rd, tag): GhostKey, turn: &mut VrfTurn<'_>) {
        let mut paths = self.paths.of(prefix);
        let Some(at) = find(&paths, rd, tag, None, turn) else { return };
        if !paths.get(at).is_some_and(|path| path.is(Flag::Ghost)) {
            return;
        }
        let mut path = paths.swap_remove(at);
        self.make_stale(&mut path, turn);
        self.let_go(prefix, path, turn);
        let all = 0..paths.len();
        self.settle(prefix, paths, all, turn);
    }

    /// Takes back what was given of a path that is no longer in the table, and its holds.
    fn let_go(&mut self, prefix: IpNet, path: Path, turn: &mut VrfTurn<'_>) {
        let Some(source) = turn.sources.get(path.source) else { return };
        let (rd, ethernet_tag, gateway) = (source.rd, source.ethernet_tag, source.gateway);
        if path.is(Flag::Ghost) {
            self.lay((prefix, rd, ethernet_tag), turn);
        }
        if path.is(Flag::Stale) {
            let source = VrfPathSource { rd, ethernet_tag, mac: path.host_mac() };
            turn.out.push(Output::VrfPath { vrf: self.name.clone(), prefix, source, path: None });
        }
        self.leave_gateway(gateway, prefix);
        turn.holders.remove(rd, self.id);
        turn.sources.release(path.source);
    }

    /// Lets go of the paths for which `keep` is false.
    pub(super) fn retain(&mut self, keep: impl Fn(&Path, &PathSource) -> bool, turn: &mut VrfTurn<'_>) {
        for prefix in self.paths.prefixes() {
            let (mut kept, mut lost) = (FewPaths::new(), FewPaths::new());
            for path in self.paths.of(prefix) {
                let keeps = turn.sources.get(path.source).is_some_and(|source| keep(&path, source));
                if keeps { kept.push(path) } else { lost.push(path) }
            }
            if lost.is_empty() {
                continue;
            }
            for mut path in lost {
                self.make_stale(&mut path, turn);
                self.let_go(prefix, path, turn);
            }
            let all = 0..kept.len();
            self.settle(prefix, kept, all, turn);
            self.resolve_gateway_at(prefix, turn);
        }
    }

    /// Decides every path anew.
    pub(super) fn revisit(&mut self, turn: &mut VrfTurn<'_>) {
        for prefix in self.paths.prefixes() {
            self.settle_prefix(prefix, turn);
        }
    }

    /// Decides the paths of one prefix anew.
    pub(super) fn settle_prefix(&mut self, prefix: IpNet, turn: &mut VrfTurn<'_>) {
        let paths = self.paths.of(prefix);
        if !paths.is_empty() {
            let all = 0..paths.len();
            self.settle(prefix, paths, all, turn);
        }
    }

    /// Brings what is given of some of the paths to a prefix to what should be, and writes all of
    /// them down.
    fn settle(&mut self, prefix: IpNet, mut paths: FewPaths, some: Range<usize>, turn: &mut VrfTurn<'_>) {
        let host = host_of(prefix);
        let is_local = host.is_some_and(|ip| self.local.contains_key(&ip));
        let is_own = host.is_some_and(|ip| self.own.contains_key(&ip));
        let mut ways: SmallVec<[Option<VrfNextHop>; 2]> = SmallVec::new();
        let newest = host.and_then(|_| self.newest_claim(&paths, turn));
        let some = paths.get_mut(some).unwrap_or_default();
        for path in &*some {
            let source = path.remote_source(turn.sources, turn.own);
            let source = source.filter(|_| !is_own && !path.is(Flag::Ghost));
            let is_outdone =
                path.is(Flag::Host) && newest.is_some_and(|newest| path.claim(newest.vtep) != newest);
            ways.push(source.filter(|_| !is_outdone).and_then(|source| self.next_hop(source)));
        }
        let chosen = Chosen::of(some, &ways);
        let mut hosts_changed = false;
        for (path, way) in some.iter_mut().zip(ways).filter(|(path, _)| !path.is(Flag::Ghost)) {
            let is_news = way.is_some() && !path.is(Flag::Host) && !path.is(Flag::Overruled);
            if let Some(ip) = host.filter(|_| is_local && is_news) {
                let at = self.local.get(&ip).into_iter().flatten();
                turn.asks.extend(at.map(|vni| Ask::Yield(self.id, *vni, ip)));
            }
            let wanted = way.filter(|_| !is_local || !path.is(Flag::Host));
            let used = wanted.is_some() && !is_local && chosen.takes(path);
            hosts_changed |= path.is(Flag::Host) && path.is_used() != used;
            match wanted {
                Some(_) if path.is(Flag::Given) && path.is(Flag::Idle) != used => {}
                Some(next_hop) => {
                    self.make_stale(path, turn);
                    path.set(Flag::Idle, !used);
                    self.give(prefix, path, next_hop, turn);
                }
                None => self.take_back(prefix, path, turn),
            }
        }
        self.paths.put(prefix, &paths);
        if let Some(ip) = host {
            self.note_away(ip, paths.iter().any(|path| !path.is(Flag::Host)), turn);
            if hosts_changed {
                self.resolve_gateway(ip, turn);
            }
        }
    }

    /// The best claim of the MAC/IP routes among the paths.
    fn newest_claim(&self, paths: &[Path], turn: &VrfTurn<'_>) -> Option<Claim> {
        let claims = paths.iter().filter(|path| path.is(Flag::Host)).filter_map(|path| {
            let source = path.remote_source(turn.sources, turn.own)?;
            Some((path.claim(source.vtep), ()))
        });
        mobility::best(claims).map(|(claim, ())| claim)
    }

    /// Where a path leads.
    pub(super) fn next_hop(&self, source: &PathSource) -> Option<VrfNextHop> {
        match source.gateway {
            Some(gateway) => self.gateways.get(&gateway)?.resolved,
            None => Some(VrfNextHop::Vtep { vtep: source.vtep, router_mac: source.router_mac }),
        }
    }

    fn give(&mut self, prefix: IpNet, path: &mut Path, next_hop: VrfNextHop, turn: &mut VrfTurn<'_>) {
        let (Some(source), Some(vni)) = (turn.sources.get(path.source), self.vni()) else { return };
        let key = VrfPathSource { rd: source.rd, ethernet_tag: source.ethernet_tag, mac: path.host_mac() };
        let route = route_of(prefix, path, source, vni);
        let overruled = path.is(Flag::Idle);
        let given = VrfPath { route, next_hop, domain: source.domain, overruled };
        turn.out.push(Output::VrfPath { vrf: self.name.clone(), prefix, source: key, path: Some(given) });
        path.set(Flag::Given, true);
        path.set(Flag::Stale, false);
        if overruled {
            return;
        }
        *self.counter(path) += 1;
        if let VrfNextHop::Vtep { vtep, router_mac } = next_hop {
            *self.next_hops.entry((vtep, router_mac)).or_default() += 1;
        }
    }

    fn take_back(&mut self, prefix: IpNet, path: &mut Path, turn: &mut VrfTurn<'_>) {
        self.make_stale(path, turn);
        if !path.is(Flag::Stale) {
            return;
        }
        path.set(Flag::Stale, false);
        let Some(source) = turn.sources.get(path.source) else { return };
        let source = VrfPathSource { rd: source.rd, ethernet_tag: source.ethernet_tag, mac: path.host_mac() };
        turn.out.push(Output::VrfPath { vrf: self.name.clone(), prefix, source, path: None });
    }

    /// What was given of a path is no longer what it is; the counts of it end here.
    pub(super) fn make_stale(&mut self, path: &mut Path, turn: &VrfTurn<'_>) {
        if !path.is(Flag::Given) {
            return;
        }
        path.set(Flag::Given, false);
        path.set(Flag::Stale, true);
        if path.is(Flag::Idle) {
            return;
        }
        *self.counter(path) -= 1;
        let next_hop = turn.sources.get(path.source).and_then(|source| self.next_hop(source));
        if let Some(VrfNextHop::Vtep { vtep, router_mac }) = next_hop
            && let Some(paths) = self.next_hops.get_mut(&(vtep, router_mac))
        {
            *paths -= 1;
            if *paths == 0 {
                self.next_hops.remove(&(vtep, router_mac));
            }
        }
    }

    fn counter(&mut self, path: &Path) -> &mut usize {
        if path.is(Flag::Host) { &mut self.counters.host_paths } else { &mut self.counters.prefix_paths }
    }
}

/// Which of the paths with a way to go are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// Those that nothing newer of the other kind has overruled.
    Fresh,
    /// All are overruled: those of MAC/IP routes,
    Hosts,
    /// or, if there are none, all.
    All,
}

impl Chosen {
    fn of(paths: &[Path], ways: &[Option<VrfNextHop>]) -> Self {
        let mut usable = paths.iter().zip(ways).filter(|(_, way)| way.is_some()).map(|(path, _)| path);
        if usable.clone().any(|path| !path.is(Flag::Overruled)) {
            Self::Fresh
        } else if usable.any(|path| path.is(Flag::Host)) {
            Self::Hosts
        } else {
            Self::All
        }
    }

    fn takes(self, path: &Path) -> bool {
        match self {
            Self::Fresh => !path.is(Flag::Overruled),
            Self::Hosts => path.is(Flag::Host),
            Self::All => true,
        }
    }
}

/// The route that a path was made of.
fn route_of(prefix: IpNet, path: &Path, source: &PathSource, vni: Vni) -> EvpnRoute {
    let PathSource { rd, ethernet_tag, esi, label, .. } = *source;
    match path.host_mac() {
        Some(mac) => EvpnRoute::MacIp(MacIp {
            rd,
            esi,
            ethernet_tag,
            mac,
            ip: Some(prefix.addr()),
            label1: label,
            label2: Some(vni.to_label()),
        }),
        None => {
            let none = match prefix {
                IpNet::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpNet::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            let gateway = source.gateway.unwrap_or(none);
            EvpnRoute::IpPrefix(IpPrefix { rd, esi, ethernet_tag, prefix, gateway, label })
        }
    }
}
