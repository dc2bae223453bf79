//! A configuration becomes the running one: what cannot be had is found first, then only the
//! differences are applied, so that a session is reset only where it must be.

use super::{Core, settings};
use crate::{
    command::ExecError,
    config::{Bgp, Config},
    peer::{Administrative, Cease, ListenRange, PeerId, PeerOrigin, PeerSettings, SessionCommand},
    policy::Policies,
    rib::{Rib, RibPeer, RibSettings},
    vrf::VrfSettings,
    wire::{Family, Message, RouteRefresh, refresh::RefreshKind},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tracing::{info, warn};
use weft_evpn::{
    VrfName,
    engine::{EvpnConfig, Input},
};
use weft_fib::FibRequest;

/// What a configuration asks of each part; making it is the part of applying that can fail.
struct Plan {
    peers: settings::PeersByKey,
    ranges: Vec<ListenRange>,
    evpn: EvpnConfig,
    rib: Option<RibSettings>,
    vrfs: BTreeMap<VrfName, VrfSettings>,
    policies: Policies,
}

impl Core {
    fn plan(&self, config: &Config) -> Result<Plan, settings::NoRouterId> {
        // What means the same as before keeps its reference, so that nothing is judged anew for it.
        let policies = self.policies.recompiled(config);
        Ok(Plan {
            peers: self.wanted_peers(config, &policies)?,
            ranges: settings::listen_ranges(config, &self.facts, &policies)?,
            vrfs: settings::vrfs(config, &self.facts, &policies)?,
            evpn: settings::evpn(config, &self.facts)?,
            rib: match &config.bgp {
                Some(bgp) => {
                    let router_id = settings::router_id(bgp, &self.facts)?;
                    Some(rib_settings(bgp, router_id, self.fib.is_some(), !config.vrfs.is_empty()))
                }
                None => None,
            },
            policies,
        })
    }

    /// Makes `config` the running configuration.
    ///
    /// # Errors
    /// The system cannot do what it asks; nothing was applied.
    pub(super) fn apply(&mut self, config: Config, now: Instant) -> Result<(), ExecError> {
        let plan = self.plan(&config).map_err(|error| ExecError(error.to_string()))?;
        self.log.apply(&config.log).map_err(|error| ExecError(error.to_string()))?;
        let asn = |config: &Config| config.bgp.as_ref().map(|bgp| bgp.asn);
        if asn(&self.config) != asn(&config) {
            // Another AS is another speaker: the old one says goodbye, then the new one begins
            // with empty tables. Where there was none, there is nothing to say, and nothing may be
            // taken from the kernel that an earlier run has left for us.
            if self.config.bgp.is_some() {
                // CE neighbours hear it, too: the tables that they are in begin anew.
                let nobody = Config { bgp: None, bgp_vrfs: BTreeMap::new(), ..self.config.clone() };
                let farewell = self.plan(&nobody).map_err(|error| ExecError(error.to_string()))?;
                self.carry_out(nobody, farewell, now);
                self.settle(now);
            }
            self.rib = Rib::new(plan.rib.clone().unwrap_or_else(no_bgp), now);
            self.memberships = super::Memberships::default();
        }
        self.carry_out(config, plan, now);
        Ok(())
    }

    /// The part that cannot fail.
    fn carry_out(&mut self, config: Config, plan: Plan, now: Instant) {
        self.config = config;
        self.memberships.look_again();
        self.policies = plan.policies;
        let ask = self.rib.set_settings(plan.rib.unwrap_or_else(no_bgp));
        for peer in ask {
            self.ask_again(peer, Family::L2vpnEvpn);
        }
        self.apply_vrfs(plan.vrfs, now);
        if self.sessions_started {
            self.apply_peers(plan.peers);
            self.apply_listen_ranges(plan.ranges);
        }
        if self.evpn.config().domain != plan.evpn.domain {
            // In another domain everything is advertised to others: first it is taken back.
            self.evpn.handle(Input::Config(EvpnConfig::default()), now, &mut self.outputs);
        }
        self.evpn.handle(Input::Config(plan.evpn), now, &mut self.outputs);
        self.evpn_outputs(now);
        self.close_vrfs(now);
        if let Some(fib) = &self.fib {
            fib.send(FibRequest::Config(settings::fib(&self.config)));
        }
    }

    /// The configured neighbours; those in IP-VRFs with the devices that are known now.
    pub(super) fn wanted_peers(
        &self,
        config: &Config,
        policies: &Policies,
    ) -> Result<settings::PeersByKey, settings::NoRouterId> {
        let mut peers = settings::peers(config, &self.facts, policies)?;
        for peer in peers.values_mut() {
            self.bind(peer);
        }
        Ok(peers)
    }

    fn apply_peers(&mut self, mut wanted: settings::PeersByKey) {
        for (key, id) in self.peers.configured() {
            match wanted.remove(&key) {
                None => self.forget_peer(id),
                Some(settings) => self.reconfigure(id, settings),
            }
        }
        for settings in wanted.into_values() {
            let id = self.peers.new_id();
            self.peers.insert(id, settings.clone());
            self.sessions.add(id, settings);
            self.command(id, SessionCommand::Start);
        }
    }

    fn forget_peer(&mut self, id: PeerId) {
        self.sessions.remove(id, Cease::PeerDeconfigured);
        self.rib_of_mut(id).remove_peer(id);
        self.peers.remove(id);
    }

    /// Who has called from a listen range is what its range says now, or goes with it.
    fn apply_listen_ranges(&mut self, ranges: Vec<ListenRange>) {
        self.sessions.set_listen_ranges(ranges.clone());
        self.ranges = ranges;
        let callers = self.peers.iter().filter(|peer| peer.settings.origin != PeerOrigin::Configured);
        for id in callers.map(|peer| peer.id).collect::<Vec<_>>() {
            self.apply_caller(id);
        }
    }

    /// The same for one of them.
    pub(super) fn apply_caller(&mut self, id: PeerId) {
        let Some(peer) = self.peers.get(id) else { return };
        let (vrf, address) = (peer.vrf(), peer.settings.address);
        let of_range = |range: &&ListenRange| {
            let name = range.template.vrf.as_ref().map(|binding| &binding.name);
            name == vrf && range.range.contains(&address)
        };
        let range = self.ranges.iter().filter(of_range).max_by_key(|range| range.range.prefix_len());
        match range.filter(|range| peer.settings.origin == PeerOrigin::Dynamic { range: range.range }) {
            None => self.forget_peer(id),
            Some(range) => {
                let interface = peer.settings.interface.clone();
                let settings = PeerSettings { interface, ..range.neighbour(address) };
                self.reconfigure(id, settings);
            }
        }
    }

    fn reconfigure(&mut self, id: PeerId, settings: PeerSettings) {
        let requires_policy = self.ebgp_requires_policy(id);
        let Some(peer) = self.peers.get_mut(id) else { return };
        if peer.settings != settings {
            peer.settings = settings.clone();
            self.command(id, SessionCommand::Reconfigure(Box::new(settings)));
        }
        let Some(peer) = self.peers.get(id) else { return };
        let Some(live) = &peer.live else { return };
        let rib_peer = RibPeer::new(&peer.settings, &live.negotiated, requires_policy);
        for family in self.rib_of_mut(id).set_peer(id, rib_peer).unwrap_or_default() {
            self.ask_again(id, family);
        }
    }

    /// Asks a neighbour for all its routes again, if it can be asked.
    pub(super) fn ask_again(&self, id: PeerId, family: Family) {
        let Some(live) = self.peers.get(id).and_then(|peer| peer.live.as_ref()) else { return };
        if !live.negotiated.families.contains(&family) {
            return;
        }
        if !live.negotiated.route_refresh {
            info!(
                "{}: does not offer route refresh; its routes are judged anew when it sends them",
                self.name(id)
            );
            return;
        }
        let message = Message::RouteRefresh(RouteRefresh {
            afi: family.row().afi,
            safi: family.row().safi,
            kind: RefreshKind::Normal,
        })
        .to_bytes();
        if live.out.try_send(message).is_err() {
            warn!("{}: too busy to be asked for its routes; clear it soft again", self.name(id));
        }
    }

    /// Tells a session something.
    pub(super) fn command(&self, id: PeerId, command: SessionCommand) {
        if let Err(error) = self.sessions.command(id, command) {
            warn!("{}: {error}", self.name(id));
        }
    }

    /// Tells the sessions what has changed in the facts.
    pub(super) fn reconfigure_peers(&mut self) {
        let Ok(peers) = self.wanted_peers(&self.config, &self.policies) else { return };
        for (key, id) in self.peers.configured() {
            let Some(settings) = peers.get(&key) else { continue };
            if let Some(peer) = self.peers.get_mut(id) {
                peer.settings = settings.clone();
            }
            self.command(id, SessionCommand::Reconfigure(Box::new(settings.clone())));
        }
        if let Ok(ranges) = settings::listen_ranges(&self.config, &self.facts, &self.policies) {
            self.apply_listen_ranges(ranges);
        }
    }

    /// The neighbours get their sessions. Called once, when the kernel is known.
    pub(super) fn start_sessions(&mut self, now: Instant) {
        self.sessions_started = true;
        // `apply` has already found that there is a router id.
        let Ok(plan) = self.plan(&self.config) else { return };
        if self.facts.restarting
            && let Some(bgp) = &self.config.bgp
        {
            let until = |wait: Option<u16>| {
                now + Duration::from_secs(u64::from(wait.unwrap_or(super::SELECT_DEFER_SECONDS)))
            };
            let wait = bgp.graceful_restart.select_defer_time;
            self.apply_peers(plan.peers);
            let dynamic = |vrf: Option<&VrfName>| dynamic_neighbours_until(&plan.ranges, vrf, now);
            self.rib.start_deferred(self.graceful_neighbours(None), dynamic(None), until(wait));
            let names: Vec<VrfName> = self.vrfs.keys().cloned().collect();
            for name in names {
                let neighbours = self.graceful_neighbours(Some(&name));
                let own = self.config.bgp_vrfs.get(name.as_str());
                let wait = own.map_or(wait, |bgp| bgp.graceful_restart.select_defer_time);
                if let Some(vrf) = self.vrfs.get_mut(&name) {
                    vrf.table.rib_mut().start_deferred(neighbours, dynamic(Some(&name)), until(wait));
                }
            }
        } else {
            self.apply_peers(plan.peers);
        }
        self.apply_listen_ranges(plan.ranges);
        self.sessions.accept();
    }
}

impl Core {
    /// The configured neighbours in an IP-VRF, or in none, whose End-of-RIB tells that they have
    /// sent all.
    fn graceful_neighbours(&self, vrf: Option<&VrfName>) -> Vec<(PeerId, Family)> {
        let graceful = self.peers.iter().filter(|peer| {
            peer.vrf() == vrf
                && peer.settings.graceful_restart.enabled
                && peer.settings.administrative == Administrative::Up
        });
        graceful.flat_map(|peer| peer.settings.families.keys().map(|family| (peer.id, *family))).collect()
    }
}

/// So long dynamic neighbours may come back after our restart: afterwards they no longer keep what they had of
/// us (RFC 4724 §4.2). `None` if none is expected.
fn dynamic_neighbours_until(ranges: &[ListenRange], vrf: Option<&VrfName>, now: Instant) -> Option<Instant> {
    let templates = ranges.iter().map(|range| &range.template);
    let graceful = templates.filter(|template| {
        template.vrf.as_ref().map(|binding| &binding.name) == vrf
            && template.graceful_restart.enabled
            && template.administrative == Administrative::Up
    });
    graceful.map(|template| now + template.graceful_restart.restart_time).max()
}

/// The tables of a daemon without `router bgp`: nobody speaks to it, and it imports nothing.
pub(super) fn no_bgp() -> RibSettings {
    RibSettings::new(0, std::net::Ipv4Addr::UNSPECIFIED)
}

fn rib_settings(bgp: &Bgp, router_id: std::net::Ipv4Addr, kernel: bool, vrfs: bool) -> RibSettings {
    let imports = bgp.evpn.advertise_all_vni || !bgp.evpn.vnis.is_empty() || vrfs;
    RibSettings {
        cluster_id: bgp.cluster_id.unwrap_or(router_id),
        bestpath: settings::bestpath(&bgp.best_path),
        default_local_pref: bgp.default_local_preference.unwrap_or(100),
        import: kernel && imports,
        ..RibSettings::new(bgp.asn, router_id)
    }
}
