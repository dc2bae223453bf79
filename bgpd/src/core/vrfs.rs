//! The IP-VRFs as the core keeps them: each has a table of its own with a RIB of unicast
//! routes, its devices as the kernel side has told of them, and what EVPN advertises it with.
//! What comes for an IP-VRF is carried to its table, what its table says goes where it belongs.

use super::{Core, settings};
use crate::{
    config::Config,
    peer::{PeerId, PeerKey, PeerSettings, SessionCommand, VrfBinding},
    rib::Rib,
    vrf::{VrfOutput, VrfTable},
    wire::{AttributeSet, Family},
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Instant};
use tracing::warn;
use weft_evpn::{
    VrfName,
    engine::{VrfActive, VrfPath, VrfPathSource},
    local::LocalEvent,
    nlri::EvpnRoute,
    vrf::VrfDevices,
};
use weft_fib::FibRequest;

/// One IP-VRF.
#[derive(Debug)]
pub struct Vrf {
    /// Its routes.
    pub table: VrfTable,
    /// Its devices; `None`: the kernel has none.
    pub devices: Option<VrfDevices>,
    /// What its prefix routes carry; `None`: it advertises none.
    pub active: Option<VrfActive>,
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
            LocalEvent::VrfUp { vrf, devices } => self.vrf_devices(vrf.clone(), Some(devices.clone())),
            LocalEvent::VrfDown { vrf } => self.vrf_devices(vrf.clone(), None),
            LocalEvent::Route { vrf, prefix, route } => {
                if let Some(vrf) = self.vrfs.get_mut(vrf) {
                    vrf.table.local_route(*prefix, route.clone(), now);
                }
                return;
            }
            _ => {}
        }
        self.evpn.handle(weft_evpn::engine::Input::Local(event), now, &mut self.outputs);
    }

    /// Sessions in the IP-VRF are bound to its devices, so they hear of them first.
    fn vrf_devices(&mut self, name: VrfName, devices: Option<VrfDevices>) {
        let Some(vrf) = self.vrfs.get_mut(&name) else { return };
        if vrf.devices == devices {
            return;
        }
        vrf.table.set_devices(devices.as_ref());
        vrf.devices = devices;
        let listen = vrf.devices.as_ref().map(VrfBinding::listen_devices).unwrap_or_default();
        self.sessions.set_vrf_devices(&name, listen);
        self.rebind_peers(&name);
    }

    /// Neighbours in an IP-VRF get the device that they are reached by now.
    fn rebind_peers(&mut self, name: &VrfName) {
        let Ok(wanted) = self.wanted_peers(&self.config) else { return };
        for (key, id) in self.peers.configured() {
            if key.vrf.as_ref() != Some(name) {
                continue;
            }
            let (Some(settings), Some(peer)) = (wanted.get(&key), self.peers.get_mut(id)) else { continue };
            if peer.settings != *settings {
                peer.settings = settings.clone();
                self.command(id, SessionCommand::Reconfigure(Box::new(settings.clone())));
            }
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
        let with_attributes = path.and_then(|path| {
            let mut nlri = Vec::new();
            path.route.emit(&mut nlri);
            let (key, _) = (Family::L2vpnEvpn.row().split)(&nlri).ok()?;
            let best = self.rib.multipath(Family::L2vpnEvpn, &key, 1).into_iter().next()?;
            Some((path, best.attributes))
        });
        if let Some(vrf) = self.vrfs.get_mut(name) {
            vrf.table.path(prefix, source, with_attributes, now);
        }
    }

    /// What an IP-VRF advertises with has changed.
    pub(super) fn vrf_active(&mut self, name: &VrfName, active: Option<VrfActive>, now: Instant) {
        if let Some(vrf) = self.vrfs.get_mut(name) {
            vrf.active.clone_from(&active);
            vrf.table.activate(active, now);
        }
    }

    /// Carries out what the tables of the IP-VRFs say. True if one has more to say at once.
    pub(super) fn settle_vrfs(&mut self, now: Instant) -> bool {
        let mut outputs = Vec::new();
        let mut more = false;
        for vrf in self.vrfs.values_mut() {
            more |= vrf.table.settle(now, &mut outputs);
        }
        self.vrf_outputs(outputs, now);
        more
    }

    fn vrf_outputs(&mut self, outputs: Vec<VrfOutput>, now: Instant) {
        let mut forward = Vec::new();
        for output in outputs {
            match output {
                VrfOutput::Forward(change) => forward.push(change),
                VrfOutput::Originate { domain, route, attributes } => {
                    self.originate_prefix(domain, &route, *attributes, now);
                }
                VrfOutput::Withdraw { route } => self.withdraw(&route),
            }
        }
        if let Some(fib) = &self.fib
            && !forward.is_empty()
        {
            fib.send(FibRequest::Forward(forward));
        }
    }
}
