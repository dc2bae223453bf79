//! One MAC of a MAC-VRF: here, at another VTEP, or nowhere (RFC 7432 §9.2, §10, §15).
//!
//! Rules:
//! - A MAC that is learned here while a peer advertises it with sequence n is advertised with
//!   n + 1, otherwise with 0. Learning is an edge: a port change, or hearing again what is
//!   known, is no move (RFC 7432 §15, rfc7432bis §15: same VTEP, same number).
//! - A route that beats ours (`mobility`) takes the MAC away: our routes are withdrawn, the
//!   remote entry is programmed, and what the kernel had learned is forgotten here as the
//!   remote entry replaces it there. A route that does not beat ours is kept as a candidate.
//! - A MAC that is sticky here stays here, whatever peers say. A MAC that is sticky, or a
//!   gateway, elsewhere is not learned here: no route, a notice, and the remote entry is
//!   asserted again (RFC 7432 §15.2).
//! - The MAC's place follows from all its routes, MAC-only or MAC/IP, of all VTEPs. ESIs are
//!   not interpreted: the next hop is the place.
//! - A frozen MAC stays where it was when it was frozen; only when that place itself goes
//!   (host aged out, route withdrawn) is it nowhere. What was learned meanwhile counts when
//!   it is let go. If the bridge learns it here while it is frozen elsewhere, our entry is put
//!   back as a sticky one, until it is let go.
//! - The bridge's own MAC is in no place.
//!
//! Our remote entry replaces what a bridge learned, without a word, while an event about it
//! may be on its way. So whoever applies `Forward` and finds, after removing a remote entry,
//! that the bridge does not have the MAC on a port, must say `MacGone`.

use super::duplicate::Moves;
use super::import::MacIpFlags;
use super::instance::{MacVrf, Turn};
use super::memory::spilled;
use super::mobility::{self, Claim};
use super::neighbour::Cause;
use super::originate::is_no_host;
use super::source::Source;
use super::source::{SourceId, Sources};
use super::{Address, Notice};
use crate::forwarding::{ForwardingChange, RemoteMac};
use crate::nlri::MacIp;
use crate::table::Keyed;
use crate::{EthernetTag, MacAddr, RouteDistinguisher};
use smallvec::SmallVec;
use std::net::IpAddr;

/// Routes kept for one MAC, from all VTEPs together. Bounds what one route costs, as routes
/// of a MAC are searched one by one. Those beyond are not used.
pub(super) const ROUTES_PER_MAC: usize = 4096;

/// A type-2 route of a peer; its MAC is that of the entry it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct MacRoute {
    pub(super) source: SourceId,
    pub(super) sequence: u32,
    pub(super) ip: Option<IpAddr>,
    flags: u8,
}

const STICKY: u8 = 1;
const GATEWAY: u8 = 2;
const ROUTER: u8 = 4;

impl MacRoute {
    /// The claim it makes; `None` if its VTEP is one of ours.
    pub(super) fn claim(&self, sources: &Sources) -> Option<Claim> {
        let vtep = sources.remote_vtep(self.source)?;
        Some(Claim {
            gateway: self.flags & GATEWAY != 0,
            sticky: self.flags & STICKY != 0,
            sequence: self.sequence,
            vtep,
        })
    }

    pub(super) fn is_router(&self) -> bool {
        self.flags & ROUTER != 0
    }
}

/// Where a MAC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Nowhere,
    Local,
    /// The source is held as long as it stands here.
    Remote {
        source: SourceId,
        gateway: bool,
        fixed: bool,
    },
}

/// What the bridge said of a MAC behind a local port.
#[derive(Debug)]
pub(super) struct LocalMac {
    pub(super) port: (u32, String),
    pub(super) sticky: bool,
    /// Advertised once the place is `Local`.
    pub(super) sequence: u32,
}

/// What most MACs do not have.
#[derive(Debug, Default)]
struct MacRare {
    local: Option<LocalMac>,
    /// Addresses that the kernel says are at this MAC, bound or held.
    bindings: SmallVec<[IpAddr; 2]>,
    moves: Moves,
    /// The sticky notice stands.
    sticky_noted: bool,
    /// The notice of too many addresses stands.
    crowd_noted: bool,
}

/// All that is known of one MAC.
#[derive(Debug)]
pub(super) struct MacEntry {
    mac: MacAddr,
    pub(super) place: Place,
    pub(super) routes: SmallVec<[MacRoute; 1]>,
    rare: Option<Box<MacRare>>,
}

impl Keyed for MacEntry {
    type Key = MacAddr;
    fn key(&self) -> MacAddr {
        self.mac
    }
}

impl MacEntry {
    fn new(mac: MacAddr) -> Self {
        Self { mac, place: Place::Nowhere, routes: SmallVec::new(), rare: None }
    }

    /// Octets that the entry owns beside its own.
    pub(super) fn heap_bytes(&self) -> usize {
        let rare = self.rare.as_deref().map_or(0, |rare| {
            let port = rare.local.as_ref().map_or(0, |local| local.port.1.capacity());
            size_of::<MacRare>() + port + spilled(&rare.bindings)
        });
        spilled(&self.routes) + rare
    }

    fn rare_mut(&mut self) -> &mut MacRare {
        self.rare.get_or_insert_default()
    }

    pub(super) fn local(&self) -> Option<&LocalMac> {
        self.rare.as_ref()?.local.as_ref()
    }

    fn local_mut(&mut self) -> Option<&mut LocalMac> {
        self.rare.as_mut()?.local.as_mut()
    }

    pub(super) fn is_local(&self) -> bool {
        self.place == Place::Local
    }

    pub(super) fn bindings(&self) -> &[IpAddr] {
        self.rare.as_ref().map_or(&[], |rare| &rare.bindings)
    }

    pub(super) fn moves(&self) -> Moves {
        self.rare.as_ref().map_or_else(Moves::default, |rare| rare.moves)
    }

    /// The best route.
    pub(super) fn best(&self, sources: &Sources) -> Option<(Claim, SourceId)> {
        match self.routes.as_slice() {
            [] => None,
            [only] => Some((only.claim(sources)?, only.source)),
            all => mobility::best(all.iter().filter_map(|route| Some((route.claim(sources)?, route.source)))),
        }
    }

    fn find(
        &self,
        ip: Option<IpAddr>,
        rd: RouteDistinguisher,
        tag: EthernetTag,
        sources: &Sources,
    ) -> Option<usize> {
        self.routes.iter().position(|route| {
            route.ip == ip
                && sources
                    .get(route.source)
                    .is_some_and(|source| source.rd == rd && source.ethernet_tag == tag)
        })
    }
}

impl MacVrf {
    /// A type-2 route is there, or changed. One too many for its MAC is not taken.
    pub(super) fn upsert_route(
        &mut self,
        route: &MacIp,
        source: Source,
        flags: MacIpFlags,
        turn: &mut Turn<'_>,
    ) {
        let (mac, ip) = (route.mac, route.ip);
        let Some(entry) = self.macs.get_or_insert_with(mac, || MacEntry::new(mac)) else { return };
        let found = entry.find(ip, source.rd, source.ethernet_tag, &turn.shared.sources);
        if found.is_none() && entry.routes.len() >= ROUTES_PER_MAC {
            self.note_crowd(mac, turn);
            return;
        }
        let rd = source.rd;
        let Some(source) = turn.shared.sources.hold(source) else { return };
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        let new = MacRoute {
            source,
            sequence: flags.sequence,
            ip,
            flags: bit(flags.sticky, STICKY) | bit(flags.gateway, GATEWAY) | bit(flags.router, ROUTER),
        };
        let asks = match found.and_then(|at| entry.routes.get_mut(at)) {
            Some(old) => {
                let old = std::mem::replace(old, new);
                turn.shared.sources.release(old.source);
                if (old.source, old.sequence, old.flags) == (new.source, new.sequence, new.flags) {
                    return;
                }
                old.sequence != new.sequence
            }
            None => {
                entry.routes.push(new);
                turn.shared.holders.add(rd, self.vni);
                true
            }
        };
        if let Some(ip) = ip {
            self.add_claim(ip, mac);
        }
        self.settle_mac(mac, Cause::Nothing, turn);
        if let Some(ip) = ip {
            self.settle_ip(ip, Cause::Nothing, turn);
            if asks {
                self.ask_if_here(ip, mac, turn);
            }
        }
    }

    /// A type-2 route is gone.
    pub(super) fn remove_route(
        &mut self,
        mac: MacAddr,
        ip: Option<IpAddr>,
        rd: RouteDistinguisher,
        tag: EthernetTag,
        turn: &mut Turn<'_>,
    ) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        let Some(at) = entry.find(ip, rd, tag, &turn.shared.sources) else { return };
        let route = entry.routes.swap_remove(at);
        let keeps_claim = entry.routes.iter().any(|other| other.ip == ip);
        let vtep = turn.shared.sources.get(route.source).map(|source| source.vtep);
        turn.shared.sources.release(route.source);
        turn.shared.holders.remove(rd, self.vni);
        self.settle_mac(mac, Cause::Nothing, turn);
        if let Some(ip) = ip {
            if !keeps_claim {
                self.remove_claim(ip, mac);
            }
            let cause = vtep.map_or(Cause::Nothing, |vtep| Cause::RouteLost { mac, vtep });
            self.settle_ip(ip, cause, turn);
        }
        self.prune_mac(mac);
    }

    /// Lets go of all routes of a MAC; addresses are not settled.
    pub(super) fn drop_routes_of_mac(&mut self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        for route in std::mem::take(&mut entry.routes) {
            if let Some(source) = turn.shared.sources.get(route.source) {
                turn.shared.holders.remove(source.rd, self.vni);
            }
            turn.shared.sources.release(route.source);
            if let Some(ip) = route.ip {
                self.remove_claim(ip, mac);
            }
        }
        self.settle_mac(mac, Cause::Nothing, turn);
        self.prune_mac(mac);
    }

    /// The bridge has this MAC on a local port.
    pub(super) fn local_mac(&mut self, mac: MacAddr, port: (u32, String), sticky: bool, turn: &mut Turn<'_>) {
        if !mac.is_unicast() {
            return;
        }
        let (is_active, is_own) = (self.active.is_some(), self.is_own_mac(mac));
        let Some(entry) = self.macs.get_or_insert_with(mac, || MacEntry::new(mac)) else { return };
        let best = entry.best(&turn.shared.sources);
        if let Some(local) = entry.local_mut() {
            local.port = port;
            if local.sticky != sticky {
                local.sticky = sticky;
                local.sequence = match best {
                    Some((claim, _)) if !sticky => claim.sequence.wrapping_add(1),
                    _ => 0,
                };
                self.settle_mac(mac, Cause::Nothing, turn);
                self.originate_again(mac, turn);
            }
            self.assert_frozen(mac, turn);
            return;
        }
        let usable = is_active && !is_own;
        if let Some((claim, _)) = best.filter(|(claim, _)| usable && claim.is_fixed() && !sticky) {
            self.refuse_fixed(mac, claim, port.1, turn);
            return;
        }
        let sequence = match best {
            Some((claim, _)) if usable && !sticky => claim.sequence.wrapping_add(1),
            _ => 0,
        };
        let has_moved = usable && matches!(entry.place, Place::Remote { .. });
        entry.rare_mut().local = Some(LocalMac { port, sticky, sequence });
        if has_moved && !entry.moves().is_frozen() {
            self.record_mac_move(mac, turn);
        }
        self.settle_mac(mac, Cause::Nothing, turn);
        self.assert_frozen(mac, turn);
    }

    /// The bridge has just replaced our entry for a MAC that is frozen elsewhere by what it learned:
    /// the entry is put back, and the bridge must not learn it again.
    fn assert_frozen(&self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get(mac).filter(|entry| entry.moves().is_frozen()) else { return };
        let Place::Remote { source, .. } = entry.place else { return };
        if let Some(vtep) = turn.shared.sources.remote_vtep(source) {
            let wanted = Some(RemoteMac { vtep, sticky: true });
            turn.forward(ForwardingChange::Mac { vni: self.vni, mac, wanted });
        }
    }

    /// A MAC that was frozen elsewhere, and is there still, may move again.
    fn release_frozen(&self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(Place::Remote { source, fixed, .. }) = self.macs.get(mac).map(|entry| entry.place) else {
            return;
        };
        if let Some(vtep) = turn.shared.sources.remote_vtep(source) {
            let wanted = Some(RemoteMac { vtep, sticky: fixed });
            turn.forward(ForwardingChange::Mac { vni: self.vni, mac, wanted });
        }
    }

    fn refuse_fixed(&mut self, mac: MacAddr, claim: Claim, port: String, turn: &mut Turn<'_>) {
        let vni = self.vni;
        if let Some(entry) = self.macs.get_mut(mac) {
            let rare = entry.rare_mut();
            if !std::mem::replace(&mut rare.sticky_noted, true) {
                turn.notice(Notice::StickyMoved { vni, mac, vtep: claim.vtep, port });
            }
        }
        // The bridge has just replaced our entry by what it learned.
        let wanted = Some(RemoteMac { vtep: claim.vtep, sticky: true });
        turn.forward(ForwardingChange::Mac { vni, mac, wanted });
    }

    /// The bridge has this MAC on no local port any more.
    pub(super) fn mac_gone(&mut self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        if entry.rare.as_mut().is_none_or(|rare| rare.local.take().is_none()) {
            return;
        }
        self.settle_mac(mac, Cause::MacGone, turn);
        self.prune_mac(mac);
    }

    /// Counts a move; true if the MAC is frozen by it.
    fn record_mac_move(&mut self, mac: MacAddr, turn: &mut Turn<'_>) -> bool {
        let Some(entry) = self.macs.get_mut(mac) else { return false };
        let verdict = entry.rare_mut().moves.record(&turn.shared.detection, turn.now);
        turn.judge(self.vni, Address::Mac(mac), verdict)
    }

    /// What the place of a MAC should be.
    fn decide_mac(&mut self, mac: MacAddr, turn: &mut Turn<'_>) -> Option<Decision> {
        let own_vtep = self.active.as_ref().map(|settings| settings.vtep);
        let is_own = self.is_own_mac(mac);
        let vni = self.vni;
        let entry = self.macs.get_mut(mac)?;
        let Some(own_vtep) = own_vtep.filter(|_| !is_own) else { return Some(Decision::Nowhere) };
        let sources = &turn.shared.sources;
        if entry.moves().is_frozen() {
            let stands = match entry.place {
                Place::Nowhere => true,
                Place::Local => entry.local().is_some(),
                Place::Remote { source, .. } => {
                    let vtep = sources.remote_vtep(source);
                    vtep.is_some()
                        && entry.routes.iter().any(|route| sources.remote_vtep(route.source) == vtep)
                }
            };
            return Some(if stands { Decision::Stay } else { Decision::Nowhere });
        }
        let best = entry.best(sources);
        let Some(local) = entry.local() else {
            return Some(best.map_or(Decision::Nowhere, |(claim, source)| Decision::Remote(claim, source)));
        };
        let sticky = local.sticky;
        let ours = Claim { gateway: false, sticky, sequence: local.sequence, vtep: own_vtep };
        let Some((claim, source)) = best else { return Some(Decision::Local) };
        if sticky {
            if !std::mem::replace(&mut entry.rare_mut().sticky_noted, true) {
                turn.notice(Notice::StickyClaimed { vni, mac, vtep: claim.vtep });
            }
            return Some(Decision::Local);
        }
        Some(if claim.beats(&ours) { Decision::Remote(claim, source) } else { Decision::Local })
    }

    /// Brings the place of a MAC to what it should be, with all that follows.
    pub(super) fn settle_mac(&mut self, mac: MacAddr, cause: Cause, turn: &mut Turn<'_>) {
        let Some(decision) = self.decide_mac(mac, turn) else { return };
        let Some(entry) = self.macs.get_mut(mac) else { return };
        let before = entry.place;
        match decision {
            Decision::Stay => {}
            Decision::Local => {
                if before != Place::Local {
                    self.place_mac(mac, Place::Local, turn);
                    self.originate_host(mac, None, turn);
                    self.unprogram_mac(mac, before, turn);
                    self.welcome(mac, turn);
                }
            }
            Decision::Nowhere => {
                self.place_mac(mac, Place::Nowhere, turn);
                self.unprogram_mac(mac, before, turn);
                if before == Place::Local {
                    self.part(mac, cause, turn);
                }
            }
            Decision::Remote(claim, source) => {
                if before == Place::Local && entry.local().is_some() {
                    if self.record_mac_move(mac, turn) {
                        return;
                    }
                    self.note_fixed_move(mac, claim, turn);
                }
                self.go_remote(mac, claim, source, before, cause, turn);
            }
        }
    }

    fn note_fixed_move(&mut self, mac: MacAddr, claim: Claim, turn: &mut Turn<'_>) {
        let vni = self.vni;
        let Some(entry) = self.macs.get_mut(mac).filter(|_| claim.is_fixed()) else { return };
        let port = entry.local().map(|local| local.port.1.clone()).unwrap_or_default();
        if !std::mem::replace(&mut entry.rare_mut().sticky_noted, true) {
            turn.notice(Notice::StickyMoved { vni, mac, vtep: claim.vtep, port });
        }
    }

    fn go_remote(
        &mut self,
        mac: MacAddr,
        claim: Claim,
        source: SourceId,
        before: Place,
        cause: Cause,
        turn: &mut Turn<'_>,
    ) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        let was_here = entry.rare.as_mut().is_some_and(|rare| rare.local.take().is_some());
        let (gateway, fixed) = (claim.gateway, claim.is_fixed());
        let same = match before {
            Place::Remote { source, fixed: was_fixed, .. } => {
                was_fixed == fixed && turn.shared.sources.remote_vtep(source) == Some(claim.vtep)
            }
            _ => false,
        };
        self.place_mac(mac, Place::Remote { source, gateway, fixed }, turn);
        if !same {
            let wanted = Some(RemoteMac { vtep: claim.vtep, sticky: fixed });
            turn.forward(ForwardingChange::Mac { vni: self.vni, mac, wanted });
        }
        if before == Place::Local {
            self.part(mac, if was_here { Cause::MacMoved } else { cause }, turn);
        }
    }

    /// Writes the place down, with its counters and its hold on the source.
    fn place_mac(&mut self, mac: MacAddr, place: Place, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        if let Place::Remote { source, .. } = place {
            turn.shared.sources.hold_again(source);
            self.counters.remote_macs += 1;
        }
        if place == Place::Local {
            self.counters.local_macs += 1;
        }
        match std::mem::replace(&mut entry.place, place) {
            Place::Remote { source, .. } => {
                turn.shared.sources.release(source);
                self.counters.remote_macs -= 1;
            }
            Place::Local => self.counters.local_macs -= 1,
            Place::Nowhere => {}
        }
    }

    fn unprogram_mac(&mut self, mac: MacAddr, before: Place, turn: &mut Turn<'_>) {
        if matches!(before, Place::Remote { .. }) {
            turn.forward(ForwardingChange::Mac { vni: self.vni, mac, wanted: None });
        }
    }

    /// A MAC has come: the addresses that wait for it are bound, and those that peers told
    /// of are asked for at once on its port (RFC 9135 §7.2), so that its MAC/IP routes follow.
    fn welcome(&mut self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get(mac) else { return };
        let bindings: SmallVec<[IpAddr; 4]> = entry.bindings().iter().copied().collect();
        let mut told: SmallVec<[IpAddr; 4]> = entry.routes.iter().filter_map(|route| route.ip).collect();
        told.sort_unstable();
        told.dedup();
        for ip in &bindings {
            self.activate_binding(*ip, turn);
        }
        for ip in told.iter().filter(|ip| !bindings.contains(ip)) {
            self.ask_if_here(*ip, mac, turn);
        }
    }

    /// A MAC is here no more: it is withdrawn, and its addresses are bound no longer.
    fn part(&mut self, mac: MacAddr, cause: Cause, turn: &mut Turn<'_>) {
        self.withdraw_host(self.rd, mac, None, turn);
        let Some(entry) = self.macs.get(mac) else { return };
        let bindings: SmallVec<[IpAddr; 4]> = entry.bindings().iter().copied().collect();
        for ip in bindings {
            self.settle_ip(ip, cause, turn);
        }
    }

    /// Raises the number of a local MAC, if it is not newer than `than`, and advertises all
    /// its routes with it (RFC 9721: an address that moves raises the number of its new MAC).
    /// True if it did.
    pub(super) fn outdo(&mut self, mac: MacAddr, than: u32, turn: &mut Turn<'_>) -> bool {
        let Some(local) = self.macs.get_mut(mac).and_then(MacEntry::local_mut) else { return false };
        if local.sticky || mobility::is_newer(local.sequence, than) {
            return false;
        }
        local.sequence = than.wrapping_add(1);
        self.originate_again(mac, turn);
        true
    }

    /// The kernel says that an address is at this MAC. False if there are too many.
    pub(super) fn note_binding(&mut self, mac: MacAddr, ip: IpAddr, limit: usize) -> bool {
        let Some(entry) = self.macs.get_or_insert_with(mac, || MacEntry::new(mac)) else { return false };
        let bindings = &mut entry.rare_mut().bindings;
        if !bindings.contains(&ip) {
            if bindings.len() >= limit {
                return false;
            }
            bindings.push(ip);
        }
        true
    }

    /// Says once that a MAC has too many addresses.
    pub(super) fn note_crowd(&mut self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        if !std::mem::replace(&mut entry.rare_mut().crowd_noted, true) {
            turn.notice(Notice::TooManyAddresses { vni: self.vni, mac });
        }
    }

    /// An address is at this MAC no longer.
    pub(super) fn forget_binding(&mut self, mac: MacAddr, ip: IpAddr) {
        if let Some(entry) = self.macs.get_mut(mac) {
            if let Some(rare) = &mut entry.rare {
                rare.bindings.retain(|other| *other != ip);
            }
            self.prune_mac(mac);
        }
    }

    /// A duplicate MAC is let go: what was learned while it was frozen counts now.
    pub(super) fn clear_duplicate_mac(&mut self, mac: MacAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        let was_frozen = entry.moves().is_frozen();
        let waits = entry.local().is_some() && !entry.is_local();
        let best = entry.best(&turn.shared.sources);
        entry.rare_mut().moves = Moves::default();
        if let (true, Some((claim, _)), Some(local)) = (was_frozen && waits, best, entry.local_mut()) {
            local.sequence = if local.sticky { 0 } else { claim.sequence.wrapping_add(1) };
        }
        self.settle_mac(mac, Cause::Nothing, turn);
        if was_frozen {
            self.release_frozen(mac, turn);
        }
        let bindings: SmallVec<[IpAddr; 4]> =
            self.macs.get(mac).into_iter().flat_map(|entry| entry.bindings().iter().copied()).collect();
        for ip in bindings {
            self.activate_binding(ip, turn);
        }
        self.prune_mac(mac);
    }

    pub(super) fn moves_of_mac(&mut self, mac: MacAddr) -> Option<&mut Moves> {
        Some(&mut self.macs.get_mut(mac)?.rare.as_mut()?.moves)
    }

    /// Drops the entry of a MAC that nothing is known of any more.
    fn prune_mac(&mut self, mac: MacAddr) {
        let Some(entry) = self.macs.get_mut(mac) else { return };
        if let Some(rare) = &mut entry.rare {
            rare.sticky_noted &= !entry.routes.is_empty();
            // Moves count only while something else is known, unless it is a duplicate.
            let is_known = rare.local.is_some() || !rare.bindings.is_empty() || rare.moves.is_duplicate();
            let has_moved = rare.moves != Moves::default() && !entry.routes.is_empty();
            rare.crowd_noted &= entry.routes.len() > ROUTES_PER_MAC / 2;
            if is_known || has_moved || rare.sticky_noted || rare.crowd_noted {
                return;
            }
            entry.rare = None;
        }
        if entry.routes.is_empty() && entry.place == Place::Nowhere {
            self.macs.remove(mac);
        }
    }

    /// Asks a local host whether an address that peers advertise for it is still its own.
    pub(super) fn ask_if_here(&mut self, ip: IpAddr, mac: MacAddr, turn: &mut Turn<'_>) {
        let is_here = self.macs.get(mac).is_some_and(MacEntry::is_local);
        let bound = self.ips.get(ip).and_then(|entry| entry.binding()).is_some();
        if is_here && !bound && !self.is_own_ip(ip) && !is_no_host(ip) {
            turn.forward(ForwardingChange::Probe { vni: self.vni, ip, mac: Some(mac) });
        }
    }
}

/// Where a MAC should be.
#[derive(Debug, Clone, Copy)]
enum Decision {
    Stay,
    Nowhere,
    Local,
    Remote(Claim, SourceId),
}
