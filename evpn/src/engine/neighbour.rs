//! One address of a MAC-VRF: bound to a local MAC, or a neighbour at another VTEP (RFC 7432
//! §10, RFC 9135 §7, RFC 9721).
//!
//! Rules:
//! - What the kernel says of an address is *held* until its MAC is here, then *bound*, and
//!   advertised while bound. An older binding stands until the new one's MAC is here.
//! - The number of a MAC/IP route is its MAC's. An address that peers (or we) advertise with
//!   another MAC and number n raises the number of its new MAC above n, so the new place wins.
//! - A bound address that a peer advertises with another MAC, in a claim that beats ours, is
//!   withdrawn at once and programmed as the peer says; then the host that had it is asked
//!   (RFC 9135 §7.1), as it is when another local host takes the address. If it answers, it takes the address back with a higher number. Two
//!   hosts that both answer would do so for ever: once an address has moved as often as
//!   makes it a duplicate, nobody is asked any more (whether detection is on or not), and
//!   only what hosts say by themselves moves it.
//! - An address whose MAC moved away is held in doubt, and asked for when the MAC comes back.
//!   So is one that was only snooped, when its MAC ages out, and one that was held for long.
//! - A neighbour outlives its last route for `LINGER` if its MAC has moved to another place:
//!   the new leaf's MAC/IP route is on its way, and ARP suppression must not miss a beat.
//! - The address of a sticky MAC or of a gateway elsewhere is not bound here.
//! - The bridge's own addresses are neither bound nor programmed.

mod away;

use super::duplicate::Moves;
use super::instance::{MacVrf, Turn};
use super::mac::Place;
use super::memory::spilled;
use super::mobility::{self, Claim};
use super::originate::is_no_host;
use super::source::Sources;
use super::timers::Timer;
use super::{Address, Notice};
use crate::MacAddr;
use crate::forwarding::{ForwardingChange, RemoteNeighbour};
use crate::local::NeighbourSource;
use crate::table::Keyed;
use smallvec::SmallVec;
use std::{
    collections::{BTreeSet, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

/// How long a neighbour stands without a route while its MAC moves.
pub(super) const LINGER: Duration = Duration::from_secs(3);

/// How long what was said of an address stays news: the MAC may be learned a little later.
const FRESH: Duration = Duration::from_secs(10);

/// Addresses held per VNI; at twice as many the oldest are forgotten.
pub(super) const HELD: usize = 8192;

/// Addresses that one local MAC can have.
pub(super) const ADDRESSES_PER_MAC: usize = 4096;

/// MACs that are considered for one address.
const CLAIMS_PER_IP: usize = 1024;

/// Why an address is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// Something else.
    Nothing,
    /// This MAC lost its route for the address from this VTEP.
    RouteLost { mac: MacAddr, vtep: IpAddr },
    /// Its local MAC has moved to another VTEP.
    MacMoved,
    /// Its local MAC has aged out.
    MacGone,
}

/// What the kernel said of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) mac: MacAddr,
    /// The kernel's neighbour table has it; otherwise it was only snooped.
    kernel: bool,
    since: Instant,
    /// Nothing has happened since that makes it doubtful.
    sure: bool,
}

/// What most addresses do not have.
#[derive(Debug, Default)]
struct IpRare {
    /// MACs beyond the first that peers advertise the address with.
    more: SmallVec<[MacAddr; 2]>,
    binding: Option<Binding>,
    held: Option<Binding>,
    linger: Option<Instant>,
    moves: Moves,
    fixed_noted: bool,
    /// Prefix routes say that it is elsewhere, or did when it was here: its moves are counted.
    away: bool,
}

/// All that is known of one address.
#[derive(Debug)]
pub(super) struct IpEntry {
    ip: IpAddr,
    /// The first MAC that peers advertise the address with.
    first: Option<MacAddr>,
    /// What is programmed.
    wanted: Option<MacAddr>,
    router: bool,
    rare: Option<Box<IpRare>>,
}

impl Keyed for IpEntry {
    type Key = IpAddr;
    fn key(&self) -> IpAddr {
        self.ip
    }
}

impl IpEntry {
    fn new(ip: IpAddr) -> Self {
        Self { ip, first: None, wanted: None, router: false, rare: None }
    }

    fn rare_mut(&mut self) -> &mut IpRare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn binding(&self) -> Option<Binding> {
        self.rare.as_ref()?.binding
    }

    pub(super) fn held(&self) -> Option<Binding> {
        self.rare.as_ref()?.held
    }

    /// What is programmed, and whether it is a router.
    pub(super) fn wanted(&self) -> Option<(MacAddr, bool)> {
        Some((self.wanted?, self.router))
    }

    pub(super) fn moves(&self) -> Moves {
        self.rare.as_ref().map_or_else(Moves::default, |rare| rare.moves)
    }

    /// Octets that the entry owns beside its own.
    pub(super) fn heap_bytes(&self) -> usize {
        self.rare.as_deref().map_or(0, |rare| size_of::<IpRare>() + spilled(&rare.more))
    }

    fn linger(&self) -> Option<Instant> {
        self.rare.as_ref()?.linger
    }

    fn claimants(&self) -> impl Iterator<Item = MacAddr> {
        self.first.into_iter().chain(self.rare.iter().flat_map(|rare| rare.more.iter().copied()))
    }
}

/// The order in which addresses came to be held, with some that no longer are.
#[derive(Debug, Default)]
pub(super) struct HeldQueue {
    queue: VecDeque<IpAddr>,
    noted: bool,
}

impl HeldQueue {
    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        self.queue.capacity() * size_of::<IpAddr>()
    }
}

impl MacVrf {
    /// The best route for an address, without those of one MAC; with its MAC and router flag.
    pub(super) fn best_claim(
        &self,
        ip: IpAddr,
        except: Option<MacAddr>,
        sources: &Sources,
    ) -> Option<(Claim, (MacAddr, bool))> {
        let entry = self.ips.get(ip)?;
        let mut claims: SmallVec<[(Claim, (MacAddr, bool)); 2]> = SmallVec::new();
        for mac in entry.claimants().filter(|mac| Some(*mac) != except) {
            let routes = self.macs.get(mac).into_iter().flat_map(|entry| entry.routes.iter());
            let routes = routes.filter(|route| route.ip == Some(ip));
            claims.extend(routes.filter_map(|route| Some((route.claim(sources)?, (mac, route.is_router())))));
        }
        claims.sort_unstable_by_key(|(_, key)| *key);
        mobility::best(claims.iter().copied())
    }

    /// A peer advertises the address with this MAC.
    pub(super) fn add_claim(&mut self, ip: IpAddr, mac: MacAddr) {
        let Some(entry) = self.ips.get_or_insert_with(ip, || IpEntry::new(ip)) else { return };
        match entry.first {
            None => entry.first = Some(mac),
            Some(first) if first == mac => {}
            Some(_) => {
                let more = &mut entry.rare_mut().more;
                if !more.contains(&mac) && more.len() < CLAIMS_PER_IP {
                    more.push(mac);
                }
            }
        }
    }

    /// No peer advertises the address with this MAC any more.
    pub(super) fn remove_claim(&mut self, ip: IpAddr, mac: MacAddr) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        if let Some(rare) = &mut entry.rare {
            rare.more.retain(|other| *other != mac);
        }
        if entry.first == Some(mac) {
            entry.first = entry.rare.as_mut().and_then(|rare| rare.more.pop());
        }
    }

    /// True if the address is at a local MAC and advertised.
    pub(super) fn is_bound(&self, ip: IpAddr) -> bool {
        self.ips.get(ip).is_some_and(|entry| entry.binding().is_some())
    }

    /// True if frames to the address find their way: it is bound here, or a remote neighbour.
    pub(super) fn has_neighbour(&self, ip: IpAddr) -> bool {
        self.ips.get(ip).is_some_and(|entry| entry.binding().is_some() || entry.wanted.is_some())
    }

    /// The MAC that an address is at, as far as is known.
    pub(super) fn mac_of(&self, ip: IpAddr) -> Option<MacAddr> {
        let entry = self.ips.get(ip)?;
        let local = entry.binding().or(entry.held()).map(|binding| binding.mac);
        local.or(entry.wanted)
    }

    /// The IP-VRF must look at this address again.
    fn touch(&self, ip: IpAddr, turn: &mut Turn<'_>) {
        if self.vrf.is_some() {
            turn.shared.touched.push_back((self.vni, ip));
        }
    }

    fn is_mac_local(&self, mac: MacAddr) -> bool {
        self.macs.get(mac).is_some_and(|entry| entry.is_local())
    }

    fn can_bind(&self, ip: IpAddr, mac: MacAddr) -> bool {
        self.active.is_some() && !self.is_own_ip(ip) && self.is_mac_local(mac)
    }

    /// The kernel says that the address is at this MAC, behind a local port.
    pub(super) fn local_neighbour(
        &mut self,
        ip: IpAddr,
        mac: MacAddr,
        source: NeighbourSource,
        turn: &mut Turn<'_>,
    ) {
        if is_no_host(ip) || !mac.is_unicast() || self.is_own_mac(mac) || self.is_own_ip(ip) {
            return;
        }
        let kernel = source == NeighbourSource::Kernel;
        let Some(entry) = self.ips.get_or_insert_with(ip, || IpEntry::new(ip)) else { return };
        let rare = entry.rare_mut();
        let old = rare.held.take();
        if let Some(binding) = rare.binding.as_mut().filter(|binding| binding.mac == mac) {
            binding.kernel |= kernel;
            binding.since = turn.now;
            if let Some(old) = old.filter(|old| old.mac != mac) {
                self.forget_binding(old.mac, ip);
            }
            return;
        }
        if let Some(old) = old.filter(|old| old.mac != mac) {
            self.forget_binding(old.mac, ip);
        }
        if self.note_binding(mac, ip, ADDRESSES_PER_MAC) {
            let kernel = kernel || old.is_some_and(|old| old.mac == mac && old.kernel);
            self.hold(ip, Binding { mac, kernel, since: turn.now, sure: true }, turn);
            self.activate_binding(ip, turn);
            if source == NeighbourSource::Kernel {
                self.assert_frozen_ip(ip, turn);
            }
        } else {
            self.note_crowd(mac, turn);
        }
        self.prune_ip(ip);
    }

    /// The kernel has the address no more, or it did not answer.
    pub(super) fn neighbour_gone(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(rare) = self.ips.get_mut(ip).and_then(|entry| entry.rare.as_mut()) else { return };
        if let Some(held) = rare.held.take() {
            let bound_there = rare.binding.is_some_and(|binding| binding.mac == held.mac);
            if !bound_there {
                self.forget_binding(held.mac, ip);
            }
        }
        self.unbind(ip, turn);
        self.settle_ip(ip, Cause::Nothing, turn);
    }

    /// Keeps a binding until its MAC is here. `note_binding` has been done.
    fn hold(&mut self, ip: IpAddr, binding: Binding, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        entry.rare_mut().held = Some(binding);
        self.held.queue.push_back(ip);
        if self.held.queue.len() <= 2 * HELD {
            return;
        }
        let mut seen = BTreeSet::new();
        let mut queue = std::mem::take(&mut self.held.queue);
        queue.retain(|ip| self.ips.get(*ip).is_some_and(|entry| entry.held().is_some()) && seen.insert(*ip));
        while queue.len() > HELD {
            let Some(oldest) = queue.pop_front() else { break };
            let Some(rare) = self.ips.get_mut(oldest).and_then(|entry| entry.rare.as_mut()) else { continue };
            if let Some(held) = rare.held.take() {
                self.forget_binding(held.mac, oldest);
                self.prune_ip(oldest);
            }
            if !std::mem::replace(&mut self.held.noted, true) {
                turn.notice(Notice::HeldNeighboursFull { vni: self.vni });
            }
        }
        self.held.queue = queue;
    }

    /// Binds a held address, if its MAC is here and there is no doubt; asks for it otherwise.
    pub(super) fn activate_binding(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get(ip) else { return };
        let (Some(held), previous, moves) = (entry.held(), entry.binding(), entry.moves()) else { return };
        let mac = held.mac;
        let frozen = moves.is_frozen() || self.macs.get(mac).is_some_and(|entry| entry.moves().is_frozen());
        if frozen || !self.can_bind(ip, mac) {
            return;
        }
        let rival =
            self.best_claim(ip, Some(mac), &turn.shared.sources).map(|(claim, (mac, _))| (claim, mac));
        let is_news = turn.now.saturating_duration_since(held.since) < FRESH;
        let alone = previous.is_none() && rival.is_none();
        if !held.sure || !(is_news || (held.kernel && alone)) {
            self.ask_host(ip, mac, turn);
            return;
        }
        let sticky = self.macs.get(mac).and_then(|entry| entry.local()).is_some_and(|local| local.sticky);
        if let Some((claim, owner)) = rival.filter(|(claim, _)| claim.is_fixed() && !sticky) {
            self.refuse_fixed_ip(ip, mac, claim, owner, turn);
            return;
        }
        if (rival.is_some() || previous.is_some()) && self.record_ip_move(ip, turn) {
            return;
        }
        if let Some(entry) = self.ips.get_mut(ip) {
            let rare = entry.rare_mut();
            rare.binding = rare.held.take();
        }
        self.touch(ip, turn);
        let mut raised = false;
        if let Some((claim, _)) = rival {
            raised |= self.outdo(mac, claim.sequence, turn);
        }
        match previous {
            None => self.counters.local_neighbours += 1,
            Some(previous) => {
                let number = self.macs.get(previous.mac).and_then(|entry| entry.local());
                if let Some(number) = number.map(|local| local.sequence) {
                    raised |= self.outdo(mac, number, turn);
                }
            }
        }
        if !raised {
            self.originate_host(mac, Some(ip), turn);
        }
        if let Some(previous) = previous {
            self.withdraw_host(self.rd, previous.mac, Some(ip), turn);
            self.forget_binding(previous.mac, ip);
            self.ask_host(ip, previous.mac, turn);
        }
        self.settle_ip(ip, Cause::Nothing, turn);
    }

    /// The kernel has an address here that is frozen elsewhere: our entry is put back.
    fn assert_frozen_ip(&self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get(ip).filter(|entry| entry.moves().is_frozen()) else { return };
        if let Some((mac, router)) = entry.wanted() {
            let wanted = Some(RemoteNeighbour { mac, router });
            turn.forward(ForwardingChange::Neighbour { vni: self.vni, ip, wanted });
        }
    }

    fn refuse_fixed_ip(
        &mut self,
        ip: IpAddr,
        mac: MacAddr,
        claim: Claim,
        owner: MacAddr,
        turn: &mut Turn<'_>,
    ) {
        let vni = self.vni;
        let Some(entry) = self.ips.get_mut(ip) else { return };
        let router = entry.router;
        let rare = entry.rare_mut();
        rare.held = None;
        if !std::mem::replace(&mut rare.fixed_noted, true) {
            turn.notice(Notice::StickyIpClaimed { vni, ip, mac, owner });
        }
        self.forget_binding(mac, ip);
        // Somebody local has just claimed it: whatever the kernel made of that, ours stands.
        if claim.is_fixed() && self.ips.get(ip).is_some_and(|entry| entry.wanted == Some(owner)) {
            let wanted = Some(RemoteNeighbour { mac: owner, router });
            turn.forward(ForwardingChange::Neighbour { vni, ip, wanted });
        }
    }

    /// Counts a move; true if the address is frozen by it.
    fn record_ip_move(&mut self, ip: IpAddr, turn: &mut Turn<'_>) -> bool {
        let Some(entry) = self.ips.get_mut(ip) else { return false };
        let verdict = entry.rare_mut().moves.record(&turn.shared.detection, turn.now);
        turn.judge(self.vni, Address::Ip(ip), verdict)
    }

    /// Withdraws a bound address and forgets its binding, which is given back.
    fn unbind(&mut self, ip: IpAddr, turn: &mut Turn<'_>) -> Option<Binding> {
        let rare = self.ips.get_mut(ip)?.rare.as_mut()?;
        let binding = rare.binding.take()?;
        let held_there = rare.held.is_some_and(|held| held.mac == binding.mac);
        self.counters.local_neighbours -= 1;
        self.touch(ip, turn);
        self.withdraw_host(self.rd, binding.mac, Some(ip), turn);
        if !held_there {
            self.forget_binding(binding.mac, ip);
        }
        Some(binding)
    }

    /// Brings binding and neighbour entry of an address to what they should be. If it is at another
    /// MAC after that, the hosts on the local ports are told: ARP suppression may keep them from
    /// asking.
    pub(super) fn settle_ip(&mut self, ip: IpAddr, cause: Cause, turn: &mut Turn<'_>) {
        let before =
            self.ips.get(ip).and_then(|entry| entry.binding().map(|bound| bound.mac).or(entry.wanted));
        self.settle_both(ip, cause, turn);
        let Some(entry) = self.ips.get(ip) else { return };
        if let (Some(before), Some(now)) = (before, entry.wanted)
            && before != now
            && !entry.moves().is_damped(&turn.shared.detection, turn.now)
        {
            turn.forward(ForwardingChange::Announce { vni: self.vni, ip, mac: Some(now) });
        }
    }

    fn settle_both(&mut self, ip: IpAddr, cause: Cause, turn: &mut Turn<'_>) {
        let moved = self.settle_binding(ip, cause, turn);
        let lost = match (moved, cause) {
            (Some(moved), _) => Some(moved),
            (None, Cause::RouteLost { mac, vtep }) => Some((mac, Some(vtep))),
            _ => None,
        };
        self.settle_neighbour(ip, lost, turn);
        self.prune_ip(ip);
    }

    /// Gives the MAC that moved away with the address, if that is what happened.
    fn settle_binding(
        &mut self,
        ip: IpAddr,
        cause: Cause,
        turn: &mut Turn<'_>,
    ) -> Option<(MacAddr, Option<IpAddr>)> {
        let entry = self.ips.get(ip)?;
        let (binding, moves) = (entry.binding()?, entry.moves());
        let mac = binding.mac;
        if !self.can_bind(ip, mac) {
            self.unbind(ip, turn);
            let sure = match cause {
                Cause::MacMoved => false,
                Cause::MacGone => binding.sure && binding.kernel,
                _ => binding.sure,
            };
            let free = self.ips.get(ip).is_some_and(|entry| entry.held().is_none());
            if free && self.note_binding(mac, ip, ADDRESSES_PER_MAC) {
                self.hold(ip, Binding { sure, ..binding }, turn);
            }
            return (cause == Cause::MacMoved).then_some((mac, None));
        }
        if moves.is_frozen() {
            return None;
        }
        let (claim, (owner, _)) = self.best_claim(ip, Some(mac), &turn.shared.sources)?;
        let local = self.macs.get(mac).and_then(|entry| entry.local())?;
        let vtep = self.active.as_ref()?.vtep;
        let ours = Claim { gateway: false, sticky: local.sticky, sequence: local.sequence, vtep };
        if !claim.beats(&ours) || self.record_ip_move(ip, turn) {
            return None;
        }
        self.unbind(ip, turn);
        let vni = self.vni;
        if claim.is_fixed() {
            turn.notice(Notice::StickyIpClaimed { vni, ip, mac, owner });
        } else {
            self.ask_host(ip, mac, turn);
        }
        None
    }

    /// Asks a local host whether it (still) has an address, unless that moved too often.
    fn ask_host(&self, ip: IpAddr, mac: MacAddr, turn: &mut Turn<'_>) {
        let moves = self.ips.get(ip).map(IpEntry::moves).unwrap_or_default();
        if !moves.is_damped(&turn.shared.detection, turn.now) {
            turn.forward(ForwardingChange::Probe { vni: self.vni, ip, mac: Some(mac) });
        }
    }

    /// `lost` is a MAC that the address had until now, and the VTEP it was at (`None`: here).
    fn settle_neighbour(&mut self, ip: IpAddr, lost: Option<(MacAddr, Option<IpAddr>)>, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get(ip) else { return };
        let before = entry.wanted();
        let possible = self.active.is_some() && !self.is_own_ip(ip) && entry.binding().is_none();
        let best = self.best_claim(ip, None, &turn.shared.sources).filter(|_| possible);
        let mut linger = None;
        let wanted = if entry.moves().is_frozen() {
            before.filter(|(mac, _)| possible && entry.claimants().any(|other| other == *mac))
        } else if let Some((_, best)) = best {
            Some(best)
        } else if let Some(until) = entry.linger().filter(|_| possible) {
            linger = Some(until);
            before.filter(|(mac, _)| self.has_left(*mac, None, turn))
        } else {
            let left = lost.filter(|(mac, vtep)| {
                let was_ours = vtep.is_none() || before.is_some_and(|(before, _)| before == *mac);
                possible && was_ours && self.has_left(*mac, Some(*vtep), turn)
            });
            linger = left.and_then(|_| turn.now.checked_add(LINGER));
            left.map(|(mac, _)| (mac, before.is_some_and(|(_, router)| router)))
        };
        self.set_linger(ip, linger.filter(|_| wanted.is_some()), turn);
        if wanted == before {
            return;
        }
        if let Some(entry) = self.ips.get_mut(ip) {
            entry.wanted = wanted.map(|(mac, _)| mac);
            entry.router = wanted.is_some_and(|(_, router)| router);
        }
        match (before, wanted) {
            (None, Some(_)) => self.counters.remote_neighbours += 1,
            (Some(_), None) => self.counters.remote_neighbours -= 1,
            _ => {}
        }
        self.touch(ip, turn);
        let wanted = wanted.map(|(mac, router)| RemoteNeighbour { mac, router });
        turn.forward(ForwardingChange::Neighbour { vni: self.vni, ip, wanted });
    }

    /// True if the MAC is somewhere, and not there: `from` is `None` for anywhere,
    /// `Some(None)` for here, `Some(Some(vtep))` for a VTEP.
    fn has_left(&self, mac: MacAddr, from: Option<Option<IpAddr>>, turn: &Turn<'_>) -> bool {
        match self.macs.get(mac).map(|entry| entry.place) {
            None | Some(Place::Nowhere) => false,
            Some(Place::Local) => from != Some(None),
            Some(Place::Remote { source, .. }) => match from {
                Some(Some(vtep)) => turn.shared.sources.remote_vtep(source).is_some_and(|now| now != vtep),
                _ => true,
            },
        }
    }

    fn set_linger(&mut self, ip: IpAddr, until: Option<Instant>, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        let before = entry.linger();
        if before == until {
            return;
        }
        let timer = Timer::Linger(self.vni, ip);
        if let Some(before) = before {
            turn.shared.timers.clear(before, timer);
        }
        if let Some(until) = until {
            turn.shared.timers.set(until, timer);
        }
        entry.rare_mut().linger = until;
    }

    /// Ends the time that a neighbour outlives its route. `settle_ip` follows.
    pub(super) fn forget_linger(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        self.set_linger(ip, None, turn);
    }

    /// A duplicate address is let go: what was said of it meanwhile counts now.
    pub(super) fn clear_duplicate_ip(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(rare) = self.ips.get_mut(ip).and_then(|entry| entry.rare.as_mut()) else { return };
        rare.moves = Moves::default();
        self.settle_ip(ip, Cause::Nothing, turn);
        self.activate_binding(ip, turn);
    }

    pub(super) fn moves_of_ip(&mut self, ip: IpAddr) -> Option<&mut Moves> {
        Some(&mut self.ips.get_mut(ip)?.rare.as_mut()?.moves)
    }

    /// Drops the entry of an address that nothing is known of any more.
    pub(super) fn prune_ip(&mut self, ip: IpAddr) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        if let Some(rare) = &mut entry.rare {
            rare.fixed_noted &= entry.first.is_some();
            let known = rare.away
                || rare.binding.is_some()
                || rare.held.is_some()
                || rare.linger.is_some()
                || !rare.more.is_empty()
                || rare.moves.is_duplicate();
            if known || rare.fixed_noted || (entry.first.is_some() && rare.moves != Moves::default()) {
                return;
            }
            entry.rare = None;
        }
        if entry.first.is_none() && entry.wanted.is_none() {
            self.ips.remove(ip);
        }
    }
}
