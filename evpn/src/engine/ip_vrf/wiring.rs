//! Configuration, devices and routes come in to the IP-VRFs; what they ask of the MAC-VRFs is
//! done. All are levels: whatever order they come in, the end is the same.

use super::hosts::Attached;
use super::paths::{Flag, PathSource};
use super::{Ask, Conflict, GhostKey, IpVrf, Settings, VrfId, VrfTurn};
use crate::engine::instance::Turn;
use crate::engine::rd_numbers::RdOwner;
use crate::engine::{Evpn, EvpnConfig, Notice, Output, VrfActive};
use crate::vrf::VrfDevices;
use crate::{DomainId, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni, VrfName};
use ipnet::IpNet;
use std::{net::IpAddr, time::Instant};

/// The VTEP of an IP-VRF's devices.
fn vtep_of(devices: Option<&VrfDevices>) -> Option<IpAddr> {
    Some(devices?.l3vni.as_ref()?.vtep)
}

fn addresses_of(devices: Option<&VrfDevices>) -> Vec<IpAddr> {
    let interfaces = devices.into_iter().flat_map(|devices| &devices.interfaces);
    interfaces.flat_map(|interface| interface.addresses.iter().map(|address| address.addr())).collect()
}

pub(super) fn matches(import: &[RouteTargetMatch], targets: &[RouteTarget]) -> bool {
    targets.iter().any(|target| import.iter().any(|wanted| wanted.matches(*target)))
}

impl EvpnConfig {
    /// What an IP-VRF with this L3VNI imports. Sorted, without repetition.
    fn vrf_import(&self, name: &VrfName, vni: Vni) -> Vec<RouteTargetMatch> {
        let mut import = self.vrfs.get(name).map(|vrf| vrf.import.clone()).unwrap_or_default();
        if import.is_empty() {
            import.push(RouteTargetMatch::AnyAs(self.auto_route_target(vni).local_part()));
        }
        import.sort_unstable();
        import.dedup();
        import
    }

    /// The route targets on what an IP-VRF with this L3VNI advertises. Sorted, without repetition.
    fn vrf_export(&self, name: &VrfName, vni: Vni) -> Vec<RouteTarget> {
        let mut export = self.vrfs.get(name).map(|vrf| vrf.export.clone()).unwrap_or_default();
        if export.is_empty() {
            export.push(self.auto_route_target(vni));
        }
        export.sort_unstable();
        export.dedup();
        export
    }

    /// True for the domains that we are in.
    pub(super) fn is_our_domain(&self, domain: DomainId) -> bool {
        self.domain == domain || self.other_domains.contains(&domain)
    }
}

impl Evpn {
    /// Does something with one IP-VRF.
    pub(super) fn with_vrf<T>(
        &mut self,
        id: VrfId,
        now: Instant,
        out: &mut Vec<Output>,
        act: impl FnOnce(&mut IpVrf, &mut VrfTurn<'_>) -> T,
    ) -> Option<T> {
        let vrfs = &mut self.vrfs;
        let vrf = vrfs.all.get_mut(&id)?;
        let turn = &mut VrfTurn {
            out,
            own: &self.shared.sources,
            mac_vrfs: &self.instances,
            sources: &mut vrfs.sources,
            holders: &mut vrfs.holders,
            asks: &mut self.asks,
            timers: &mut self.shared.timers,
            now,
            domain: self.config.domain,
            is_gateway: !self.config.other_domains.is_empty(),
        };
        Some(act(vrf, turn))
    }

    /// The configuration has changed: first what it says of L3VNIs, as MAC-VRFs look at it.
    pub(in crate::engine) fn note_l3vnis(&mut self) {
        self.vrfs.l3vnis.clear();
        for (name, vrf) in &self.config.vrfs {
            if let Some(vni) = vrf.vni {
                self.vrfs.l3vnis.entry(vni).or_default().push(name.clone());
            }
        }
    }

    /// The configuration has changed.
    pub(in crate::engine) fn configure_vrfs(
        &mut self,
        before: &EvpnConfig,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let names: Vec<VrfName> = self.config.vrfs.keys().cloned().collect();
        for name in &names {
            self.vrfs.get_or_make(name);
        }
        let ids: Vec<VrfId> = self.vrfs.all.keys().copied().collect();
        for id in ids {
            self.refresh_vrf(id, now, out);
        }
        if (before.domain, &before.other_domains) != (self.config.domain, &self.config.other_domains) {
            self.import_again(out);
        }
    }

    /// Which domains are ours decides what is used: all routes are looked at again.
    fn import_again(&mut self, out: &mut Vec<Output>) {
        let of_vrfs = self.vrfs.all.values().filter_map(|vrf| vrf.active.as_ref());
        let mut all: Vec<RouteTargetMatch> =
            of_vrfs.flat_map(|settings| settings.import.iter().copied()).collect();
        let of_macs = self.instances.values().filter_map(|instance| instance.active.as_ref());
        all.extend(of_macs.flat_map(|settings| settings.import.iter().copied()));
        all.sort_unstable();
        all.dedup();
        if !all.is_empty() {
            out.push(Output::Import(all));
        }
    }

    pub(in crate::engine) fn vrf_up(
        &mut self,
        name: &VrfName,
        devices: VrfDevices,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let id = self.vrfs.get_or_make(name);
        self.set_vrf_devices(id, Some(devices), now, out);
    }

    pub(in crate::engine) fn vrf_down(&mut self, name: &VrfName, now: Instant, out: &mut Vec<Output>) {
        if let Some(id) = self.vrfs.id(name) {
            self.set_vrf_devices(id, None, now, out);
        }
    }

    fn set_vrf_devices(
        &mut self,
        id: VrfId,
        devices: Option<VrfDevices>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Some(vrf) = self.vrfs.all.get_mut(&id) else { return };
        let before = std::mem::replace(&mut vrf.devices, devices);
        let (old, new) = (vtep_of(before.as_ref()), vtep_of(vrf.devices.as_ref()));
        let (own_before, own_after) = (addresses_of(before.as_ref()), addresses_of(vrf.devices.as_ref()));
        let mut revisit = false;
        if old != new {
            if let Some(new) = new {
                revisit |= self.shared.sources.add_own(new) | self.is_vrf_next_hop(new);
            }
            if let Some(old) = old {
                revisit |= self.shared.sources.remove_own(old) | self.is_vrf_next_hop(old);
            }
        }
        self.with_vrf(id, now, out, |vrf, turn| vrf.change_own(&own_before, &own_after, turn));
        self.refresh_vrf(id, now, out);
        if revisit {
            self.revisit_all(now, out);
        }
    }

    /// A path whose route is gone for long enough is forgotten.
    pub(in crate::engine) fn end_ghost(
        &mut self,
        id: VrfId,
        key: GhostKey,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        self.with_vrf(id, now, out, |vrf, turn| vrf.end_ghost(key, turn));
    }

    /// True if routes of the IP-VRFs have this next hop.
    pub(in crate::engine) fn is_vrf_next_hop(&self, vtep: IpAddr) -> bool {
        self.vrfs.sources.iter().any(|source| source.vtep == vtep)
    }

    /// Which VTEPs are our own has changed.
    pub(in crate::engine) fn revisit_vrfs(&mut self, now: Instant, out: &mut Vec<Output>) {
        let ids: Vec<VrfId> = self.vrfs.all.keys().copied().collect();
        for id in ids {
            self.with_vrf(id, now, out, |vrf, turn| vrf.revisit(turn));
        }
    }

    /// The IP-VRFs that are configured with this L3VNI are looked at again: a MAC-VRF has, or has
    /// no longer, its number.
    pub(in crate::engine) fn refresh_vrfs_of(&mut self, vni: Vni, now: Instant, out: &mut Vec<Output>) {
        for name in self.vrfs.l3vnis.get(&vni).cloned().unwrap_or_default() {
            if let Some(id) = self.vrfs.id(&name) {
                self.refresh_vrf(id, now, out);
            }
        }
    }

    /// Who else uses the L3VNI of an IP-VRF.
    fn conflict(&self, name: &VrfName, vni: Vni, has_devices: bool) -> Option<Conflict> {
        let others = self.vrfs.l3vnis.get(&vni).into_iter().flatten();
        if let Some(other) = others.into_iter().find(|other| *other != name) {
            return Some(Conflict::IpVrf(other.clone()));
        }
        let is_l2 = self.instances.get(&vni).is_some_and(|instance| instance.devices.is_some());
        (has_devices && is_l2).then_some(Conflict::MacVrf)
    }

    /// With what an IP-VRF should be active, if at all.
    fn wanted_vrf(&mut self, id: VrfId, out: &mut Vec<Output>) -> Option<Settings> {
        let vrf = self.vrfs.all.get(&id)?;
        let name = vrf.name.clone();
        let vni = self.config.vrfs.get(&name).and_then(|config| config.vni);
        let devices = vrf.devices.as_ref().and_then(|devices| devices.l3vni.clone());
        let devices = devices.filter(|devices| Some(devices.vni) == vni);
        let conflict = vni.and_then(|vni| self.conflict(&name, vni, devices.is_some()));
        if let Some(vrf) = self.vrfs.all.get_mut(&id)
            && vrf.conflict != conflict
        {
            vrf.conflict = conflict.clone();
            if let (Some(vni), Some(conflict)) = (vni, conflict.clone()) {
                let vrf = name.clone();
                out.push(Output::Notice(match conflict {
                    Conflict::IpVrf(other) => Notice::L3VniShared { vni, vrf, other },
                    Conflict::MacVrf => Notice::L3VniIsL2Vni { vni, vrf },
                }));
            }
        }
        let (vni, devices) = (vni?, devices?);
        let is_usable = !devices.vtep.is_unspecified() && devices.router_mac.is_unicast();
        if conflict.is_some() || !is_usable {
            return None;
        }
        let router_id = self.config.router_id;
        let mut auto = |owner| {
            let rd = self.rd_numbers.of(owner).map(|number| RouteDistinguisher::ipv4(router_id, number));
            if rd.is_none() {
                out.push(Output::Notice(Notice::NoRouteDistinguisher { vni }));
            }
            rd
        };
        let config = self.config.vrfs.get(&name)?;
        let rd = match config.rd {
            Some(rd) => rd,
            None => auto(RdOwner::IpVrf(vni))?,
        };
        let mut domain_rds = Vec::with_capacity(self.config.other_domains.len());
        for domain in &self.config.other_domains {
            domain_rds.push((*domain, auto(RdOwner::Domain(vni, *domain))?));
        }
        let active = VrfActive {
            rd,
            domain_rds,
            export: self.config.vrf_export(&name, vni),
            vni,
            vtep: devices.vtep,
            router_mac: devices.router_mac,
        };
        let import = self.config.vrf_import(&name, vni);
        Some(Settings { active, import, prefix_routes_only: config.prefix_routes_only })
    }

    /// Brings an IP-VRF to what configuration and devices ask for.
    fn refresh_vrf(&mut self, id: VrfId, now: Instant, out: &mut Vec<Output>) {
        let wanted = self.wanted_vrf(id, out);
        let Some(vrf) = self.vrfs.all.get_mut(&id) else { return };
        let before = vrf.active.clone();
        if before != wanted {
            let vni = |settings: &Option<Settings>| settings.as_ref().map(|settings| settings.active.vni);
            if before.is_some() && vni(&before) != vni(&wanted) {
                // Labels decide what is used: nothing of before is.
                self.with_vrf(id, now, out, |vrf, turn| vrf.retain(|_, _| false, turn));
                self.change_vrf(id, before, None, now, out);
                self.change_vrf(id, None, wanted, now, out);
            } else {
                self.change_vrf(id, before, wanted, now, out);
            }
            self.refresh_members(id, now, out);
        }
        self.prune_vrf(id);
    }

    /// Writes new settings down, with all that follows for routes.
    fn change_vrf(
        &mut self,
        id: VrfId,
        before: Option<Settings>,
        wanted: Option<Settings>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let list = |settings: &Option<Settings>| {
            settings.as_ref().map(|settings| settings.import.clone()).unwrap_or_default()
        };
        let active = |settings: &Option<Settings>| settings.as_ref().map(|settings| settings.active.clone());
        let hosts = |settings: &Option<Settings>| {
            settings.as_ref().is_some_and(|settings| !settings.prefix_routes_only)
        };
        let (old, new) = (list(&before), list(&wanted));
        let takes_hosts = hosts(&wanted);
        let hosts_anew = takes_hosts && before.is_some() && !hosts(&before);
        let narrower = old.iter().any(|wanted| !new.contains(wanted)) || (hosts(&before) && !takes_hosts);
        let (was, is) = (active(&before), active(&wanted));
        let Some(vrf) = self.vrfs.all.get_mut(&id) else { return };
        let name = vrf.name.clone();
        if wanted.is_some() {
            vrf.active = wanted.clone();
        }
        if was != is && is.is_some() {
            out.push(Output::VrfActive { vrf: name.clone(), active: is.clone() });
        }
        self.vrfs.importers.remove(id, &old);
        self.vrfs.importers.add(id, &new);
        if narrower {
            self.with_vrf(id, now, out, |vrf, turn| {
                let keep = |path: &super::paths::Path, source: &PathSource| {
                    matches(&new, &source.targets) && (takes_hosts || !path.is(Flag::Host))
                };
                vrf.retain(keep, turn);
            });
        }
        if wanted.is_none() {
            if let Some(vrf) = self.vrfs.all.get_mut(&id) {
                vrf.active = None;
            }
            if was != is {
                out.push(Output::VrfActive { vrf: name, active: None });
            }
        }
        let ask: Vec<RouteTargetMatch> =
            new.into_iter().filter(|wanted| hosts_anew || !old.contains(wanted)).collect();
        if !ask.is_empty() {
            out.push(Output::Import(ask));
        }
    }

    /// The MAC-VRFs of an IP-VRF are looked at again: their MAC/IP routes carry its label.
    fn refresh_members(&mut self, id: VrfId, now: Instant, out: &mut Vec<Output>) {
        let members = self.vrfs.all.get(&id).map(|vrf| vrf.members.iter().copied().collect::<Vec<Vni>>());
        for vni in members.unwrap_or_default() {
            self.refresh(vni, now, out);
            self.ask_for_partial_routes(vni, out);
        }
    }

    /// MAC/IP routes with two labels but without a route target of the IP-VRF are used or not
    /// by what the IP-VRF is: where there were any, all are looked at again.
    fn ask_for_partial_routes(&self, vni: Vni, out: &mut Vec<Output>) {
        let Some(instance) = self.instances.get(&vni).filter(|instance| instance.has_partial_routes) else {
            return;
        };
        if let Some(settings) = &instance.active {
            out.push(Output::Import(settings.import.clone()));
        }
    }

    /// Forgets an IP-VRF that nobody speaks of any more.
    fn prune_vrf(&mut self, id: VrfId) {
        let Some(vrf) = self.vrfs.all.get(&id) else { return };
        let is_known =
            self.config.vrfs.contains_key(&vrf.name) || vrf.devices.is_some() || !vrf.members.is_empty();
        if !is_known {
            self.vrfs.ids.remove(&vrf.name);
            self.vrfs.all.remove(&id);
        }
    }

    /// The devices of a MAC-VRF are in this IP-VRF now (or in none): `refresh` follows.
    pub(in crate::engine) fn set_member(
        &mut self,
        vni: Vni,
        name: Option<&VrfName>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let id = name.map(|name| self.vrfs.get_or_make(name));
        let before = self.instances.get(&vni).and_then(|instance| instance.vrf);
        if before == id {
            return;
        }
        if let Some(before) = before {
            self.with_vrf(before, now, out, |vrf, turn| {
                vrf.attach(vni, None, turn);
                // Its prefix routes say nothing of this MAC-VRF's hosts any more.
                turn.asks.extend(vrf.away.iter().map(|ip| Ask::Forget(vni, *ip)));
            });
            if let Some(vrf) = self.vrfs.all.get_mut(&before) {
                vrf.members.remove(&vni);
            }
            self.prune_vrf(before);
        }
        if let Some(instance) = self.instances.get_mut(&vni) {
            instance.vrf = id;
        }
        if let Some(vrf) = id.and_then(|id| self.vrfs.all.get_mut(&id)) {
            vrf.members.insert(vni);
        }
        self.ask_for_partial_routes(vni, out);
    }

    /// A MAC-VRF has become active or inactive, or its devices changed: its IP-VRF hears of it.
    pub(in crate::engine) fn attach(&mut self, vni: Vni, now: Instant, out: &mut Vec<Output>) {
        let Some(instance) = self.instances.get(&vni) else { return };
        let Some(id) = instance.vrf else { return };
        let attached = instance.devices.as_ref().filter(|_| instance.active.is_some()).map(|devices| {
            Attached { addresses: devices.svi_addresses.clone(), subnets: devices.svi_subnets.clone() }
        });
        let known = self.vrfs.all.get(&id).is_some_and(|vrf| vrf.attached.contains_key(&vni));
        if attached.is_some() && !known {
            // What was bound before it was in this IP-VRF.
            let ips = instance.ips.keys();
            self.shared.touched.extend(ips.into_iter().map(|ip| (vni, ip)));
        }
        self.with_vrf(id, now, out, |vrf, turn| vrf.attach(vni, attached, turn));
    }

    /// A MAC-VRF is gone.
    pub(in crate::engine) fn detach(
        &mut self,
        vni: Vni,
        id: Option<VrfId>,
        now: Instant,
        out: &mut Vec<Output>,
    ) {
        let Some(id) = id else { return };
        self.with_vrf(id, now, out, |vrf, turn| vrf.attach(vni, None, turn));
        if let Some(vrf) = self.vrfs.all.get_mut(&id) {
            vrf.members.remove(&vni);
        }
        self.prune_vrf(id);
    }

    /// Carries what changed in MAC-VRFs to their IP-VRFs, and what those ask back, until
    /// nothing is left: an ask makes a host local or remote at most once.
    pub(in crate::engine) fn settle_vrfs(&mut self, now: Instant, out: &mut Vec<Output>) {
        loop {
            if let Some((vni, ip)) = self.shared.touched.pop_front() {
                let Some(instance) = self.instances.get(&vni) else { continue };
                let bound = instance.active.is_some() && instance.is_bound(ip);
                let Some(id) = instance.vrf else { continue };
                self.with_vrf(id, now, out, |vrf, turn| {
                    if vrf.attached.contains_key(&vni) {
                        vrf.note_local(vni, ip, bound, turn);
                    }
                });
            } else if let Some(ask) = self.asks.pop() {
                self.answer(ask, now, out);
            } else {
                return;
            }
        }
    }

    fn answer(&mut self, ask: Ask, now: Instant, out: &mut Vec<Output>) {
        let (Ask::Yield(_, vni, _) | Ask::Returned(vni, _) | Ask::Forget(vni, _)) = ask;
        let Some(instance) = self.instances.get_mut(&vni) else { return };
        let turn = &mut Turn { now, out, shared: &mut self.shared };
        match ask {
            Ask::Yield(id, _, ip) => {
                if !instance.yield_ip(ip, turn) {
                    self.with_vrf(id, now, out, |vrf, turn| {
                        vrf.overrule(ip, turn);
                        vrf.settle_prefix(IpNet::from(ip), turn);
                    });
                }
            }
            Ask::Returned(_, ip) => instance.return_ip(ip, turn),
            Ask::Forget(_, ip) => instance.forget_away(ip, turn),
        }
    }
}
