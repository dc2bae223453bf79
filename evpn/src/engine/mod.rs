//! The EVPN engine: the pure state between BGP routes and kernel state. It takes the wanted
//! configuration, what the kernel says and the best EVPN routes of peers; it gives routes to
//! originate, the forwarding state the kernel must hold, and notices. Time is an argument.
//! RFC 7432 §7, §9 to §11, §15; RFC 8365 §5, §6; RFC 9135 §7; RFC 9721.
//!
//! ```text
//!             Config            Local                        Route
//!               │                 │                            │ import: RT → VNIs, RD → VNIs
//!               ▼                 ▼                            ▼
//!        instance: settings ─▶ MAC-VRF ◀── mac (place) ◀── candidates ── source (RD, VTEP, RTs)
//!               │                 │           │  ▲
//!               ▼                 ▼           ▼  │ number
//!          originate ◀──────── flood      neighbour (binding, entry) ── duplicate, timers
//! ```
//!
//! Each event changes what is known and then *settles* what it touches: `settle_mac`,
//! `settle_ip` and `settle_flood` compute what should be and emit the difference. So the
//! order of configuration, devices, hosts and routes does not matter, except where a move
//! is an order of events by its nature (`mac`, `neighbour` state those rules).
//!
//! A route is used by a MAC-VRF if a route target of it is imported, its encapsulations
//! allow VXLAN, and its label, all 24 bits, is the VNI. Weft's VXLAN devices serve one VNI
//! each, so a route with another label (a downstream-assigned VNI) cannot be programmed: it
//! is counted and noted, not used (RFC 9135 §5.4 has the same rule for global VNIs). A route
//! whose next hop is a VTEP of this kernel is never programmed.
//!
//! Routes also go to the IP-VRFs (`ip_vrf`), which look at the addresses of their MAC-VRFs: those
//! that changed stand in a queue that is empty again when an input has been dealt with.
//!
//! MAC-VRFs take routes of our own domain only: MAC and host detail of another one stays there.
//!
//! Not done here: types 1 and 4, multihoming (a route with an ESI is used by its
//! next hop), VLAN-aware bundles (any Ethernet tag is accepted, 0 is sent).

mod config;
mod duplicate;
mod flood;
mod import;
mod instance;
mod interner;
mod io;
mod ip_vrf;
mod mac;
mod memory;
mod mobility;
mod neighbour;
mod notice;
mod originate;
mod queries;
mod rd_numbers;
mod source;
mod timers;
mod view;

#[cfg(test)]
mod tests;

pub use config::{DuplicateDetection, EvpnConfig, Flooding, Freeze, IpVrfConfig, VniConfig};
pub use io::{Input, Origination, Output, RoutePath, VrfActive, VrfPath, VrfPathSource};
pub use ip_vrf::{Refusal, Refusals};
pub use memory::{EvpnMemory, IpVrfMemory, MacVrfMemory};
pub use notice::{Address, Notice};
pub use view::{
    DuplicateAddress, DuplicateFilter, DuplicateView, InstanceView, IpVrfView, MacPlace, MacView,
    NeighbourPlace, NeighbourView, VrfNextHopView,
};

use crate::local::{LocalEvent, VniDevices};
use crate::nlri::{EvpnRoute, InclusiveMulticast, MacIp};
use crate::{RouteDistinguisher, RouteTargetMatch, Vni};
use duplicate::Look;
use import::{ImportIndex, MacIpFlags};
use instance::{MacVrf, Settings, Shared, SviAdvertisement, Turn};
use ip_vrf::{Ask, IpVrfs};
use neighbour::Cause;
use rd_numbers::{RdNumbers, RdOwner};
use source::Source;
use std::{collections::BTreeMap, time::Instant};
use timers::Timer;

/// The engine.
#[derive(Debug, Default)]
pub struct Evpn {
    config: EvpnConfig,
    instances: BTreeMap<Vni, Box<MacVrf>>,
    importers: ImportIndex<Vni>,
    shared: Shared,
    rd_numbers: RdNumbers,
    vrfs: IpVrfs,
    /// What IP-VRFs ask of MAC-VRFs; empty between inputs.
    asks: Vec<Ask>,
}

impl Evpn {
    /// An engine that serves nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one input and appends what follows from it.
    pub fn handle(&mut self, input: Input<'_>, now: Instant, out: &mut Vec<Output>) {
        match input {
            Input::Config(config) => self.configure(config, now, out),
            Input::Local(event) => self.local(event, now, out),
            Input::Route { route: EvpnRoute::MacIp(route), path } => self.mac_ip(route, path, now, out),
            Input::Route { route: EvpnRoute::InclusiveMulticast(route), path } => {
                self.imet(route, path, now, out);
            }
            Input::Route { route: EvpnRoute::IpPrefix(route), path } => self.ip_prefix(route, path, now, out),
            Input::Route { .. } => {}
        }
        self.settle_vrfs(now, out);
    }

    /// When `on_deadline` must be called; `None`: only after another input.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.shared.timers.next()
    }

    /// Does what is due.
    pub fn on_deadline(&mut self, now: Instant, out: &mut Vec<Output>) {
        while let Some(timer) = self.shared.timers.take_due(now) {
            match timer {
                Timer::Linger(vni, ip) => {
                    let Some(instance) = self.instances.get_mut(&vni) else { continue };
                    let turn = &mut Turn { now, out, shared: &mut self.shared };
                    instance.forget_linger(ip, turn);
                    instance.settle_ip(ip, Cause::Nothing, turn);
                }
                Timer::Ghost(id, key) => self.end_ghost(id, key, now, out),
                Timer::Duplicate(vni, address) => self.look_at_duplicate(vni, address, now, out),
            }
        }
        self.settle_vrfs(now, out);
    }

    fn configure(&mut self, config: EvpnConfig, now: Instant, out: &mut Vec<Output>) {
        if self.config.duplicate_detection != config.duplicate_detection {
            self.clear_duplicates(None, DuplicateFilter::All, now, out);
            self.shared.detection = config.duplicate_detection;
        }
        let before = std::mem::replace(&mut self.config, config);
        self.note_l3vnis();
        let vnis: Vec<Vni> = self.instances.keys().copied().collect();
        for vni in vnis {
            self.refresh(vni, now, out);
        }
        self.configure_vrfs(&before, now, out);
    }

    fn local(&mut self, event: LocalEvent, now: Instant, out: &mut Vec<Output>) {
        match event {
            LocalEvent::VniUp { vni, devices } => self.vni_up(vni, devices, now, out),
            LocalEvent::VniDown { vni } => self.vni_down(vni, now, out),
            LocalEvent::Mac { vni, mac, port, sticky } => {
                self.with(vni, now, out, |instance, turn| instance.local_mac(mac, port, sticky, turn));
            }
            LocalEvent::MacGone { vni, mac } => {
                self.with(vni, now, out, |instance, turn| instance.mac_gone(mac, turn));
            }
            LocalEvent::Neighbour { vni, ip, mac, source } => {
                self.with(vni, now, out, |instance, turn| instance.local_neighbour(ip, mac, source, turn));
            }
            LocalEvent::NeighbourGone { vni, ip } => {
                self.with(vni, now, out, |instance, turn| instance.neighbour_gone(ip, turn));
            }
            LocalEvent::VrfUp { vrf, devices } => self.vrf_up(&vrf, devices, now, out),
            LocalEvent::VrfDown { vrf } => self.vrf_down(&vrf, now, out),
            // The table of an IP-VRF is the speaker's.
            LocalEvent::Route { .. } => {}
        }
    }

    fn with(
        &mut self,
        vni: Vni,
        now: Instant,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut MacVrf, &mut Turn<'_>),
    ) {
        let instance = self.instances.entry(vni).or_insert_with(|| Box::new(MacVrf::new(vni)));
        act(instance, &mut Turn { now, out, shared: &mut self.shared });
    }

    fn vni_up(&mut self, vni: Vni, devices: VniDevices, now: Instant, out: &mut Vec<Output>) {
        let before = self.instances.get(&vni).and_then(|instance| instance.devices.as_ref());
        let (old, new) = (before.map(|devices| devices.vtep), devices.vtep);
        let mut revisit = false;
        if old != Some(new) {
            revisit |= self.shared.sources.add_own(new) | self.is_vrf_next_hop(new);
            if let Some(old) = old {
                revisit |= self.shared.sources.remove_own(old) | self.is_vrf_next_hop(old);
            }
            if new.is_unspecified() {
                out.push(Output::Notice(Notice::NoVtep { vni }));
            }
        }
        let vrf = devices.vrf.clone();
        let was_there = self.instances.get(&vni).is_some_and(|instance| instance.devices.is_some());
        self.with(vni, now, out, |instance, turn| instance.set_devices(devices, turn));
        self.set_member(vni, vrf.as_ref(), now, out);
        self.refresh(vni, now, out);
        if !was_there {
            self.refresh_vrfs_of(vni, now, out);
        }
        if revisit {
            self.revisit_all(now, out);
        }
    }

    fn vni_down(&mut self, vni: Vni, now: Instant, out: &mut Vec<Output>) {
        let Some(mut instance) = self.instances.remove(&vni) else { return };
        if let Some(settings) = &instance.active {
            self.importers.remove(vni, &settings.import);
        }
        let vtep = instance.devices.as_ref().map(|devices| devices.vtep);
        instance.down(&mut Turn { now, out, shared: &mut self.shared });
        self.detach(vni, instance.vrf, now, out);
        self.refresh_vrfs_of(vni, now, out);
        if vtep.is_some_and(|vtep| self.shared.sources.remove_own(vtep) | self.is_vrf_next_hop(vtep)) {
            self.revisit_all(now, out);
        }
    }

    /// A VTEP that peers advertise routes with has become, or is no longer, our own. Rare.
    fn revisit_all(&mut self, now: Instant, out: &mut Vec<Output>) {
        for instance in self.instances.values_mut().filter(|instance| instance.active.is_some()) {
            instance.revisit(&mut Turn { now, out, shared: &mut self.shared });
        }
        self.revisit_vrfs(now, out);
    }

    /// With what a VNI should be active, if at all.
    fn wanted_settings(&mut self, vni: Vni, out: &mut Vec<Output>) -> Option<Settings> {
        let instance = self.instances.get(&vni)?;
        let devices = instance.devices.as_ref()?;
        let (vtep, symmetric) = (devices.vtep, devices.vrf.as_ref().and_then(|vrf| self.vrfs.symmetric(vrf)));
        if !self.config.serves(vni) || self.vrfs.is_l3vni(vni) || vtep.is_unspecified() {
            return None;
        }
        let manual = self.config.vnis.get(&vni).and_then(|block| block.rd);
        let auto = |number| RouteDistinguisher::ipv4(self.config.router_id, number);
        let Some(rd) = manual.or_else(|| self.rd_numbers.of(RdOwner::MacVrf(vni)).map(auto)) else {
            out.push(Output::Notice(Notice::NoRouteDistinguisher { vni }));
            return None;
        };
        let svi = if self.config.advertise_default_gw(vni) {
            SviAdvertisement::Gateway
        } else if self.config.advertise_svi_ip(vni) {
            SviAdvertisement::Host
        } else {
            SviAdvertisement::None
        };
        Some(Settings {
            rd,
            import: self.config.import(vni),
            export: self.config.export(vni),
            vtep,
            flooding: self.config.flooding(vni),
            svi,
            symmetric,
        })
    }

    /// Brings a VNI to what configuration and devices ask for.
    fn refresh(&mut self, vni: Vni, now: Instant, out: &mut Vec<Output>) {
        let wanted = self.wanted_settings(vni, out);
        let Some(instance) = self.instances.get_mut(&vni) else { return };
        let list = |settings: Option<&Settings>| settings.map(|settings| settings.import.clone());
        let before = list(instance.active.as_ref()).unwrap_or_default();
        let after = list(wanted.as_ref()).unwrap_or_default();
        instance.apply(wanted, &mut Turn { now, out, shared: &mut self.shared });
        if before != after {
            self.importers.remove(vni, &before);
            self.importers.add(vni, &after);
            let new: Vec<RouteTargetMatch> =
                after.into_iter().filter(|wanted| !before.contains(wanted)).collect();
            if !new.is_empty() {
                out.push(Output::Import(new));
            }
        }
        self.attach(vni, now, out);
    }

    fn mac_ip(&mut self, route: &MacIp, path: Option<RoutePath<'_>>, now: Instant, out: &mut Vec<Output>) {
        let usable = route.mac.is_unicast() && !route.ip.is_some_and(originate::is_no_host);
        let path = path.filter(|path| usable && import::is_for_vxlan(path.ext_communities));
        let targets = path.map(|path| import::route_targets(path.ext_communities)).unwrap_or_default();
        let mut takers = import::Few::new();
        if let Some(path) = path.filter(|path| path.domain == self.config.domain) {
            let flags = MacIpFlags::of(path.ext_communities);
            for vni in self.importers.importers(&targets) {
                if self.refuses_partial(vni, route, &targets, out) {
                    continue;
                }
                let Some(instance) = self.instances.get_mut(&vni) else { continue };
                let turn = &mut Turn { now, out, shared: &mut self.shared };
                if !instance.takes_label(route.rd, route.label1, turn) {
                    continue;
                }
                takers.push(vni);
                let source = Source {
                    rd: route.rd,
                    ethernet_tag: route.ethernet_tag,
                    vtep: path.next_hop,
                    targets: targets.clone(),
                };
                instance.upsert_route(route, source, flags, turn);
            }
        }
        for vni in self.shared.holders.of(route.rd) {
            if !takers.contains(&vni)
                && let Some(instance) = self.instances.get_mut(&vni)
            {
                let turn = &mut Turn { now, out, shared: &mut self.shared };
                instance.remove_route(route.mac, route.ip, route.rd, route.ethernet_tag, turn);
            }
        }
        self.vrf_host(route, path.map(|path| (path, &targets)), !takers.is_empty(), now, out);
    }

    fn imet(
        &mut self,
        route: &InclusiveMulticast,
        path: Option<RoutePath<'_>>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let is_usable = |path: &RoutePath<'_>| {
            path.domain == self.config.domain && import::is_for_vxlan(path.ext_communities)
        };
        let path = path.filter(is_usable);
        let targets = path.map(|path| import::route_targets(path.ext_communities)).unwrap_or_default();
        let mut takers = import::Few::new();
        let tunnel = path.and_then(|path| Some((path, path.pmsi?, path.pmsi?.endpoint()?)));
        if let Some((path, pmsi, endpoint)) =
            tunnel.filter(|(.., endpoint)| !originate::is_no_host(*endpoint))
        {
            for vni in self.importers.importers(&targets) {
                let Some(instance) = self.instances.get_mut(&vni) else { continue };
                let turn = &mut Turn { now, out, shared: &mut self.shared };
                if !instance.takes_label(route.rd, pmsi.label, turn) {
                    continue;
                }
                takers.push(vni);
                let source = Source {
                    rd: route.rd,
                    ethernet_tag: route.ethernet_tag,
                    vtep: path.next_hop,
                    targets: targets.clone(),
                };
                instance.upsert_imet(route, source, endpoint, turn);
            }
        }
        for vni in self.shared.holders.of(route.rd) {
            if !takers.contains(&vni)
                && let Some(instance) = self.instances.get_mut(&vni)
            {
                let key = (route.rd, route.ethernet_tag, route.originator);
                instance.remove_imet(key, &mut Turn { now, out, shared: &mut self.shared });
            }
        }
    }

    /// Lets go of duplicates before their time: all, one MAC with the addresses at it, or one
    /// address; in one VNI or in all.
    pub fn clear_duplicates(
        &mut self,
        vni: Option<Vni>,
        what: DuplicateFilter,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let matches = |at: Vni, address: Address| {
            let instance = self.instances.get(&at);
            vni.is_none_or(|vni| vni == at)
                && match (what, address) {
                    (DuplicateFilter::All, _) => true,
                    (DuplicateFilter::Mac(mac), Address::Mac(other)) => mac == other,
                    (DuplicateFilter::Mac(mac), Address::Ip(ip)) => {
                        instance.and_then(|instance| instance.mac_of(ip)) == Some(mac)
                    }
                    (DuplicateFilter::Ip(ip), Address::Ip(other)) => ip == other,
                    (DuplicateFilter::Ip(_), Address::Mac(_)) => false,
                }
        };
        let all = self.shared.duplicates.iter().copied();
        let cleared: Vec<(Vni, Address)> = all.filter(|(vni, address)| matches(*vni, *address)).collect();
        for (vni, address) in cleared {
            self.clear_duplicate(vni, address, now, out);
        }
        self.settle_vrfs(now, out);
    }

    fn clear_duplicate(&mut self, vni: Vni, address: Address, now: Instant, out: &mut Vec<Output>) {
        self.shared.duplicates.remove(&(vni, address));
        let Some(instance) = self.instances.get_mut(&vni) else { return };
        let turn = &mut Turn { now, out, shared: &mut self.shared };
        if let Some(until) = instance.moves_of(address).and_then(|moves| moves.until()) {
            turn.shared.timers.clear(until, Timer::Duplicate(vni, address));
        }
        turn.notice(Notice::DuplicateCleared { vni, address });
        match address {
            Address::Mac(mac) => instance.clear_duplicate_mac(mac, turn),
            Address::Ip(ip) => instance.clear_duplicate_ip(ip, turn),
        }
    }

    fn look_at_duplicate(&mut self, vni: Vni, address: Address, now: Instant, out: &mut Vec<Output>) {
        let detection = self.shared.detection;
        let Some(instance) = self.instances.get_mut(&vni) else { return };
        let Some(moves) = instance.moves_of(address) else { return };
        match moves.look(&detection, now) {
            Look::Again(at) => self.shared.timers.set(at, Timer::Duplicate(vni, address)),
            Look::Clear => self.clear_duplicate(vni, address, now, out),
            Look::Nothing => {}
        }
    }
}

impl MacVrf {
    /// True if the label is this VNI; otherwise the route is counted, and the first noted.
    fn takes_label(&mut self, rd: RouteDistinguisher, label: [u8; 3], turn: &mut Turn<'_>) -> bool {
        if Vni::from_label(label) == Some(self.vni) {
            return true;
        }
        self.counters.label_mismatches += 1;
        if self.counters.label_mismatches == 1 {
            turn.notice(Notice::LabelMismatch { vni: self.vni, rd, label });
        }
        false
    }

    fn moves_of(&mut self, address: Address) -> Option<&mut duplicate::Moves> {
        match address {
            Address::Mac(mac) => self.moves_of_mac(mac),
            Address::Ip(ip) => self.moves_of_ip(ip),
        }
    }
}
