//! The IP-VRFs as the core keeps them: each has a table of its own with a RIB of unicast
//! routes, its devices as the kernel side has told of them, and what EVPN advertises it with.
//! What comes for an IP-VRF is carried to its table, what its table says goes where it belongs.

use super::Core;
use crate::{
    peer::{PeerId, PeerKind, PeerOrigin, PeerSettings, SessionCommand, VrfBinding},
    rib::{PathSource, Rib},
    vrf::{EvpnPath, VrfOutput, VrfSettings, VrfTable},
    wire::Family,
};
use std::{collections::BTreeMap, time::Instant};
use weft_evpn::{
    VrfName,
    engine::{Input, VrfActive, VrfPath, VrfPathSource},
    local::LocalEvent,
    vrf::VrfDevices,
};
use weft_fib::FibRequest;

/// One IP-VRF. It is kept while it is configured or the kernel has it: what the kernel side has
/// said once it does not say again when the configuration comes later, or goes and comes back.
#[derive(Debug)]
pub struct Vrf {
    /// Its routes.
    pub table: VrfTable,
    /// Its devices; `None`: the kernel has none.
    pub devices: Option<VrfDevices>,
    /// It is configured.
    wanted: bool,
}

impl Vrf {
    fn new(name: VrfName, now: Instant) -> Self {
        Self { table: VrfTable::new(name, now), devices: None, wanted: false }
    }
}

/// All IP-VRFs, by name.
pub type Vrfs = BTreeMap<VrfName, Vrf>;

impl Core {
    /// The IP-VRFs.
    pub fn vrfs(&self) -> &Vrfs {
        &self.vrfs
    }

    /// The RIB that a neighbour's routes are in.
    pub fn rib_of(&self, peer: PeerId) -> &Rib {
        let vrf = self.peers.get(peer).and_then(|peer| self.vrfs.get(peer.vrf()?));
        vrf.map_or(&self.rib, |vrf| vrf.table.rib())
    }

    /// The RIB that a neighbour's routes are in.
    pub(super) fn rib_of_mut(&mut self, peer: PeerId) -> &mut Rib {
        let vrf = self.peers.get(peer).and_then(|peer| self.vrfs.get_mut(peer.vrf()?));
        match vrf {
            Some(vrf) => vrf.table.rib_mut(),
            None => &mut self.rib,
        }
    }
}

impl Core {
    /// What the kernel side says goes to EVPN, and what is an IP-VRF's also there.
    pub(super) fn local_event(&mut self, event: LocalEvent, now: Instant) {
        match &event {
            LocalEvent::VrfUp { vrf, devices } => self.vrf_devices(vrf, Some(devices.clone()), now),
            LocalEvent::VrfDown { vrf } => self.vrf_devices(vrf, None, now),
            LocalEvent::Route { vrf, prefix, route } => {
                if let Some(vrf) = self.vrfs.get_mut(vrf) {
                    vrf.table.local_route(*prefix, route.clone(), now);
                }
                return;
            }
            _ => {}
        }
        self.evpn.handle(Input::Local(event), now, &mut self.outputs);
    }

    /// Sessions in the IP-VRF are bound to its devices, so they hear of them first.
    fn vrf_devices(&mut self, name: &VrfName, devices: Option<VrfDevices>, now: Instant) {
        let vrf = self.vrfs.entry(name.clone()).or_insert_with(|| Vrf::new(name.clone(), now));
        if vrf.devices == devices {
            return;
        }
        if devices.is_none() {
            // Its routes went with it; no events follow for them.
            vrf.table.no_local_routes(now);
        }
        vrf.devices = devices;
        // Also where no neighbour is configured: a socket of the tenant's device keeps its callers, whose
        // addresses may be those of our neighbours, from the sockets of the speaker itself.
        let listen = vrf.devices.as_ref().map(VrfBinding::listen_devices).unwrap_or_default();
        self.sessions.set_vrf_devices(name, listen);
        self.rebind_peers(name);
        self.close_vrfs(now);
    }

    /// Neighbours in an IP-VRF get the device that they are reached by now.
    fn rebind_peers(&mut self, name: &VrfName) {
        let is_in =
            |peer: &&super::Peer| peer.vrf() == Some(name) && peer.settings.origin == PeerOrigin::Configured;
        let inside: Vec<(PeerId, PeerSettings)> =
            self.peers.iter().filter(is_in).map(|peer| (peer.id, peer.settings.clone())).collect();
        for (id, mut settings) in inside {
            self.bind(&mut settings);
            let Some(peer) = self.peers.get_mut(id).filter(|peer| peer.settings != settings) else {
                continue;
            };
            peer.settings = settings.clone();
            self.command(id, SessionCommand::Reconfigure(Box::new(settings)));
        }
    }

    /// The device by which a neighbour of an IP-VRF is reached, as far as it is known.
    pub(super) fn bind(&self, settings: &mut PeerSettings) {
        let Some(binding) = &settings.vrf else { return };
        let devices = self.vrfs.get(&binding.name).and_then(|vrf| vrf.devices.as_ref());
        settings.vrf = Some(VrfBinding::find(
            binding.name.clone(),
            devices,
            settings.address,
            settings.interface.as_deref(),
            settings.update_source.as_ref(),
        ));
    }

    /// EVPN has a path for an IP-VRF, or no longer has it. Its attributes are those of the EVPN
    /// route's best path now; if that changes again, EVPN says so again.
    pub(super) fn vrf_path(
        &mut self,
        name: &VrfName,
        prefix: ipnet::IpNet,
        source: VrfPathSource,
        path: Option<VrfPath>,
        now: Instant,
    ) {
        let path = path.and_then(|path| self.evpn_path(path));
        if let Some(vrf) = self.vrfs.get_mut(name) {
            vrf.table.path(prefix, source, path, now);
        }
    }

    /// The path with the attributes of its EVPN route, and what is known of who sent that.
    fn evpn_path(&self, path: VrfPath) -> Option<EvpnPath> {
        let mut nlri = Vec::new();
        path.route.emit(&mut nlri);
        let (key, _) = (Family::L2vpnEvpn.row().split)(&nlri).ok()?;
        let best = self.rib.multipath(Family::L2vpnEvpn, &key, 1).into_iter().next()?;
        let PathSource::Peer(sender) = best.source else { return None };
        // The RIB knows also a sender whose session is down and whose routes are kept.
        let sender = self.rib.peer(sender)?;
        Some(EvpnPath {
            path,
            router_id: best.attributes.originator_id.unwrap_or(sender.router_id),
            external: sender.kind == PeerKind::External,
            attributes: best.attributes,
        })
    }

    /// What an IP-VRF advertises with has changed.
    pub(super) fn vrf_active(&mut self, name: &VrfName, active: Option<VrfActive>) {
        if let Some(vrf) = self.vrfs.get_mut(name) {
            vrf.table.activate(active);
        }
    }

    /// IP-VRFs that are configured get their tables and settings; of the others nothing is
    /// wanted any more.
    pub(super) fn apply_vrfs(&mut self, mut wanted: BTreeMap<VrfName, VrfSettings>, now: Instant) {
        for name in wanted.keys() {
            self.vrfs.entry(name.clone()).or_insert_with(|| Vrf::new(name.clone(), now));
        }
        let mut ask = Vec::new();
        for (name, vrf) in &mut self.vrfs {
            let settings = wanted.remove(name);
            vrf.wanted = settings.is_some();
            let nothing = || VrfSettings::new(0, std::net::Ipv4Addr::UNSPECIFIED);
            ask.extend(vrf.table.configure(settings.unwrap_or_else(nothing), now));
        }
        for peer in ask {
            for family in [Family::Ipv4Unicast, Family::Ipv6Unicast] {
                self.ask_again(peer, family);
            }
        }
    }

    /// IP-VRFs that nobody wants and the kernel does not have take back what they have said.
    pub(super) fn close_vrfs(&mut self, now: Instant) {
        let mut outputs = Vec::new();
        for (_, vrf) in self.vrfs.extract_if(.., |_, vrf| !vrf.wanted && vrf.devices.is_none()) {
            vrf.table.close(&mut outputs);
        }
        self.vrf_outputs(outputs, now);
    }

    /// Carries out what the tables of the IP-VRFs say.
    pub(super) fn settle_vrfs(&mut self, now: Instant) {
        let mut outputs = Vec::new();
        for vrf in self.vrfs.values_mut() {
            vrf.table.settle(now, &mut outputs);
        }
        self.vrf_outputs(outputs, now);
    }

    fn vrf_outputs(&mut self, outputs: Vec<VrfOutput>, now: Instant) {
        let mut forward = Vec::new();
        for output in outputs {
            match output {
                VrfOutput::Forward(change) => forward.push(change),
                VrfOutput::Originate { domain, route, attributes } => {
                    self.originate_route(&route, attributes, domain, now);
                }
                VrfOutput::Withdraw { route, .. } => self.withdraw(&route),
            }
        }
        if let Some(fib) = &self.fib
            && !forward.is_empty()
        {
            fib.send(FibRequest::Forward(forward));
        }
    }
}
