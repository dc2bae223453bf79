//! A MAC-VRF: all that is known of one L2VNI. This file holds its frame: what it is served
//! with, and what happens when that, or its devices, come, change and go. MACs, addresses,
//! flooding and our own routes each have a file of their own.
//!
//! A MAC-VRF is active while it is served and its devices are up. Only an active one has
//! routes, originates and forwards; what the kernel said of local hosts is kept meanwhile,
//! so the order of configuration and devices does not matter. Activation asks for an import,
//! deactivation lets all routes go.

use super::duplicate::Verdict;
use super::flood::FloodTable;
use super::import::Holders;
use super::ip_vrf::{Symmetric, VrfId};
use super::mac::MacEntry;
use super::memory::MacVrfMemory;
use super::neighbour::{Cause, HeldQueue, IpEntry};
use super::source::Sources;
use super::timers::{Timer, Timers};
use super::{Address, DuplicateDetection, Flooding, Notice, Output};
use crate::forwarding::ForwardingChange;
use crate::local::VniDevices;
use crate::table::Table;
use crate::{MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    time::Instant,
};

/// What all MAC-VRFs share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) sources: Sources,
    pub(super) holders: Holders<Vni>,
    pub(super) timers: Timers,
    pub(super) duplicates: BTreeSet<(Vni, Address)>,
    pub(super) detection: DuplicateDetection,
    /// Addresses of MAC-VRFs in an IP-VRF whose binding or neighbour has changed.
    pub(super) touched: VecDeque<(Vni, IpAddr)>,
}

/// One call into the engine: its time, its outputs, and what MAC-VRFs share.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) out: &'a mut Vec<Output>,
    pub(super) shared: &'a mut Shared,
}

impl Turn<'_> {
    pub(super) fn forward(&mut self, change: ForwardingChange) {
        self.out.push(Output::Forward(change));
    }

    pub(super) fn notice(&mut self, notice: Notice) {
        self.out.push(Output::Notice(notice));
    }

    /// Does what a counted move asks for; true if the address is frozen by it.
    pub(super) fn judge(&mut self, vni: Vni, address: Address, verdict: Verdict) -> bool {
        let Verdict::Found { moves, frozen, until } = verdict else { return false };
        self.notice(Notice::DuplicateFound { vni, address, moves, frozen });
        self.shared.duplicates.insert((vni, address));
        if let Some(until) = until {
            self.shared.timers.set(until, Timer::Duplicate(vni, address));
        }
        frozen
    }
}

/// How the bridge's own addresses are advertised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SviAdvertisement {
    /// They are not.
    None,
    /// As hosts.
    Host,
    /// With the Default Gateway community.
    Gateway,
}

/// With what a MAC-VRF is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) rd: RouteDistinguisher,
    pub(super) import: Vec<RouteTargetMatch>,
    pub(super) export: Vec<RouteTarget>,
    pub(super) vtep: IpAddr,
    pub(super) flooding: Flooding,
    pub(super) svi: SviAdvertisement,
    /// What MAC/IP routes carry for the IP-VRF.
    pub(super) symmetric: Option<Symmetric>,
}

/// How many MACs and addresses there are, and where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) local_macs: usize,
    pub(super) remote_macs: usize,
    pub(super) local_neighbours: usize,
    pub(super) remote_neighbours: usize,
    pub(super) label_mismatches: u64,
}

/// All that is known of one L2VNI.
#[derive(Debug)]
pub(super) struct MacVrf {
    pub(super) vni: Vni,
    pub(super) devices: Option<VniDevices>,
    /// The IP-VRF that the devices are in.
    pub(super) vrf: Option<VrfId>,
    /// Routes came whose use hangs on that IP-VRF's import (RFC 9135 §9.1.1).
    pub(super) has_partial_routes: bool,
    pub(super) active: Option<Settings>,
    /// The RD of what is originated; stays to withdraw with when `active` goes.
    pub(super) rd: RouteDistinguisher,
    pub(super) macs: Table<MacEntry>,
    pub(super) ips: Table<IpEntry>,
    pub(super) held: HeldQueue,
    pub(super) flood: FloodTable,
    /// The IMET route that is originated: its RD and VTEP.
    pub(super) imet: Option<(RouteDistinguisher, IpAddr)>,
    /// The bridge addresses that are originated, and with which MAC.
    pub(super) svi_routes: BTreeMap<IpAddr, MacAddr>,
    pub(super) counters: Counters,
}

impl MacVrf {
    /// What it holds and costs.
    pub(super) fn memory(&self) -> MacVrfMemory {
        MacVrfMemory {
            vni: self.vni,
            macs: self.macs.len(),
            mac_bytes: size_of::<Self>()
                + self.macs.bytes()
                + self.macs.iter().map(MacEntry::heap_bytes).sum::<usize>(),
            addresses: self.ips.len(),
            address_bytes: self.ips.bytes()
                + self.ips.iter().map(IpEntry::heap_bytes).sum::<usize>()
                + self.held.bytes(),
            imet_routes: self.flood.len(),
            imet_bytes: self.flood.bytes(),
        }
    }

    pub(super) fn new(vni: Vni) -> Self {
        Self {
            vni,
            devices: None,
            vrf: None,
            has_partial_routes: false,
            active: None,
            rd: RouteDistinguisher::default(),
            macs: Table::default(),
            ips: Table::default(),
            held: HeldQueue::default(),
            flood: FloodTable::default(),
            imet: None,
            svi_routes: BTreeMap::new(),
            counters: Counters::default(),
        }
    }

    /// True for the bridge's own MAC, which is nobody's host and never programmed.
    pub(super) fn is_own_mac(&self, mac: MacAddr) -> bool {
        self.devices.as_ref().is_some_and(|devices| devices.bridge_mac == mac)
    }

    /// True for the bridge's own addresses.
    pub(super) fn is_own_ip(&self, ip: IpAddr) -> bool {
        self.devices.as_ref().is_some_and(|devices| devices.svi_addresses.contains(&ip))
    }

    /// The devices are there, or changed. `apply` follows.
    pub(super) fn set_devices(&mut self, devices: VniDevices, turn: &mut Turn<'_>) {
        let before = self.devices.replace(devices);
        let (old_mac, old_ips) =
            before.map(|devices| (devices.bridge_mac, devices.svi_addresses)).unwrap_or_default();
        let Some(devices) = &self.devices else { return };
        let (new_mac, new_ips) = (devices.bridge_mac, devices.svi_addresses.clone());
        if old_mac != new_mac {
            self.settle_mac(old_mac, Cause::Nothing, turn);
            self.settle_mac(new_mac, Cause::Nothing, turn);
        }
        let changed = old_ips.iter().filter(|ip| !new_ips.contains(ip));
        let changed = changed.chain(new_ips.iter().filter(|ip| !old_ips.contains(ip)));
        for ip in changed {
            self.settle_ip(*ip, Cause::Nothing, turn);
            self.activate_binding(*ip, turn);
        }
    }

    /// Makes the MAC-VRF active, inactive, or active with other settings. True if routes
    /// must be imported that were not asked for so far: those that `active.import` names
    /// and `before` did not.
    pub(super) fn apply(&mut self, wanted: Option<Settings>, turn: &mut Turn<'_>) {
        match (self.active.clone(), wanted) {
            (None, None) => {}
            (None, Some(settings)) => self.activate(settings, turn),
            (Some(_), None) => self.deactivate(turn),
            (Some(before), Some(settings)) => self.change(&before, settings, turn),
        }
    }

    fn activate(&mut self, settings: Settings, turn: &mut Turn<'_>) {
        self.rd = settings.rd;
        self.active = Some(settings);
        self.refresh_imet(false, turn);
        self.refresh_svi_routes(false, turn);
        for mac in self.macs.keys() {
            self.settle_mac(mac, Cause::Nothing, turn);
        }
    }

    fn deactivate(&mut self, turn: &mut Turn<'_>) {
        self.active = None;
        self.refresh_imet(false, turn);
        self.refresh_svi_routes(false, turn);
        self.drop_flood_routes(turn);
        for mac in self.macs.keys() {
            self.drop_routes_of_mac(mac, turn);
        }
        for ip in self.ips.keys() {
            self.forget_linger(ip, turn);
            self.settle_ip(ip, Cause::Nothing, turn);
        }
    }

    fn change(&mut self, before: &Settings, settings: Settings, turn: &mut Turn<'_>) {
        if *before == settings {
            // The bridge's addresses may be others than before.
            self.refresh_svi_routes(false, turn);
            return;
        }
        let import_changed = before.import != settings.import;
        let flooding_changed = before.flooding != settings.flooding;
        let vtep_changed = before.vtep != settings.vtep;
        let routes_changed = before.rd != settings.rd || before.export != settings.export || vtep_changed;
        let symmetric_changed = before.symmetric != settings.symmetric;
        let old_rd = before.rd;
        self.rd = settings.rd;
        self.active = Some(settings);
        self.refresh_imet(routes_changed, turn);
        if old_rd != self.rd {
            self.forget_svi_routes(old_rd, turn);
        }
        let svi_changed = routes_changed || symmetric_changed || before.svi != self.svi();
        self.refresh_svi_routes(svi_changed, turn);
        if symmetric_changed && !routes_changed {
            for mac in self.macs.keys() {
                self.originate_addresses_again(mac, turn);
            }
        }
        if routes_changed {
            for mac in self.macs.keys() {
                self.originate_again(mac, turn);
                if old_rd != self.rd {
                    self.withdraw_all_of_mac(mac, old_rd, turn);
                }
            }
        }
        if import_changed {
            self.drop_unimported_routes(turn);
        }
        if vtep_changed {
            self.revisit(turn);
        } else if flooding_changed {
            self.refresh_flood(turn);
        }
    }

    fn svi(&self) -> SviAdvertisement {
        self.active.as_ref().map_or(SviAdvertisement::None, |settings| settings.svi)
    }

    /// The devices are gone: the kernel's hosts are forgotten with them. The MAC-VRF is empty
    /// then and can be dropped.
    pub(super) fn down(&mut self, turn: &mut Turn<'_>) {
        self.apply(None, turn);
        for mac in self.macs.keys() {
            self.forget_duplicate(Address::Mac(mac), turn);
        }
        for ip in self.ips.keys() {
            self.forget_duplicate(Address::Ip(ip), turn);
        }
        self.devices = None;
    }

    fn forget_duplicate(&mut self, address: Address, turn: &mut Turn<'_>) {
        if turn.shared.duplicates.remove(&(self.vni, address)) {
            let until = match address {
                Address::Mac(mac) => self.macs.get(mac).and_then(|entry| entry.moves().until()),
                Address::Ip(ip) => self.ips.get(ip).and_then(|entry| entry.moves().until()),
            };
            if let Some(until) = until {
                turn.shared.timers.clear(until, Timer::Duplicate(self.vni, address));
            }
        }
    }

    /// Decides everything anew: which VTEPs are ours has changed.
    pub(super) fn revisit(&mut self, turn: &mut Turn<'_>) {
        self.refresh_flood(turn);
        for mac in self.macs.keys() {
            self.settle_mac(mac, Cause::Nothing, turn);
        }
        for ip in self.ips.keys() {
            self.settle_ip(ip, Cause::Nothing, turn);
        }
    }

    /// Lets go of routes that the import statements no longer match.
    fn drop_unimported_routes(&mut self, turn: &mut Turn<'_>) {
        let Some(settings) = &self.active else { return };
        let import = settings.import.clone();
        let matches = |targets: &[RouteTarget]| {
            targets.iter().any(|target| import.iter().any(|wanted| wanted.matches(*target)))
        };
        for mac in self.macs.keys() {
            let Some(entry) = self.macs.get(mac) else { continue };
            let lost: Vec<_> = entry
                .routes
                .iter()
                .filter_map(|route| {
                    let source = turn.shared.sources.get(route.source)?;
                    (!matches(&source.targets)).then_some((route.ip, source.rd, source.ethernet_tag))
                })
                .collect();
            for (ip, rd, tag) in lost {
                self.remove_route(mac, ip, rd, tag, turn);
            }
        }
        self.drop_flood_routes_unless(&matches, turn);
    }
}
