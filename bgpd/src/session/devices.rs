//! The listeners of IP-VRFs: on the VRF device or, in rule form, on each interface. Devices come
//! and go and get other names; the listeners follow, by interface index. The general listeners
//! hear nothing of a VRF device, and nothing of an interface that has a listener of its own.

use super::{
    Shared, any_address,
    listener::{self, ListenError, Listener, SharedPort},
    registry::Registry,
};
use crate::peer::Device;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::runtime::Handle;
use tracing::{info, warn};
use weft_evpn::VrfName;

/// The wait before a listener that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// The listeners of one IP-VRF.
#[derive(Debug, Default)]
pub(super) struct VrfListeners {
    wanted: Vec<Device>,
    /// By interface index.
    open: Vec<(u32, Vec<Listener>)>,
    /// The devices for which it was said that there is no listener.
    failed: BTreeSet<u32>,
}

impl VrfListeners {
    pub fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.open.iter().flat_map(|(_, listeners)| listeners)
    }

    pub fn accept(&mut self, runtime: &Handle, shared: &Arc<Shared>, vrf: &VrfName) {
        for listener in self.open.iter_mut().flat_map(|(_, listeners)| listeners) {
            listener.accept(runtime, shared, Some(vrf.clone()));
        }
    }

    /// Closes the listeners of devices that are not wanted; gives the devices that need one.
    fn missing(&mut self) -> Vec<Device> {
        let Self { wanted, open, failed } = self;
        let wants = |index: u32| wanted.iter().any(|(of, _)| *of == index);
        open.retain(|(index, _)| wants(*index));
        failed.retain(|index| wants(*index));
        let is_open = |index: u32| open.iter().any(|(of, _)| *of == index);
        wanted.iter().filter(|(index, _)| !is_open(*index)).cloned().collect()
    }
}

impl Shared {
    pub(super) fn set_vrf_devices(self: &Arc<Self>, vrf: &VrfName, devices: Vec<Device>) {
        let mut registry = self.registry();
        if devices.is_empty() {
            registry.vrfs.remove(vrf);
            return;
        }
        registry.vrfs.entry(vrf.clone()).or_default().wanted = devices;
        self.open_vrf_listeners(&mut registry, vrf);
    }

    /// Opens what is missing.
    fn open_vrf_listeners(self: &Arc<Self>, registry: &mut Registry, vrf: &VrfName) {
        // The port, not the addresses: what is the underlay's is not the tenant's.
        let Some(port) = registry.listening_on(None).first().map(std::net::SocketAddr::port) else { return };
        let missing = registry.vrfs.get_mut(vrf).map(VrfListeners::missing).unwrap_or_default();
        let _runtime = self.runtime.enter();
        for (index, name) in missing {
            let keys = registry.keys(vrf);
            let mut refused = Vec::new();
            let opened = {
                let _shared = SharedPort::of(&registry.general);
                listener::open(&any_address(port), Some(index), |sockets| {
                    for (peer, key) in keys {
                        if let Err(error) = listener::set_key(sockets, peer, Some(&key)) {
                            warn!("vrf {vrf}: {peer}: cannot set the TCP-MD5 password on {name}: {error}");
                            refused.push(peer);
                        }
                    }
                })
            };
            for peer in refused {
                registry.not_keyed(vrf, peer);
            }
            let accepting = registry.accepting;
            let Some(place) = registry.vrfs.get_mut(vrf) else { return };
            match opened {
                Ok(mut listeners) => {
                    if accepting {
                        for listener in &mut listeners {
                            listener.accept(&self.runtime, self, Some(vrf.clone()));
                        }
                    }
                    if place.failed.remove(&index) {
                        info!("vrf {vrf}: listening on {name} now");
                    }
                    place.open.push((index, listeners));
                }
                Err(error) => self.failed(registry, vrf, &(index, name), &error),
            }
        }
    }

    fn failed(
        self: &Arc<Self>,
        registry: &mut Registry,
        vrf: &VrfName,
        device: &Device,
        error: &ListenError,
    ) {
        let (index, name) = device;
        // A device that has just gone is no fault; who said that it is there will say so.
        if error.is_no_device() {
            return;
        }
        let Some(place) = registry.vrfs.get_mut(vrf) else { return };
        if place.failed.insert(*index) {
            warn!("vrf {vrf}, device {name}: {error}; trying again");
        }
        if std::mem::replace(&mut registry.retrying, true) {
            return;
        }
        let shared = Arc::downgrade(self);
        self.runtime.spawn(async move {
            tokio::time::sleep(RETRY).await;
            let Some(shared) = shared.upgrade() else { return };
            let mut registry = shared.registry();
            registry.retrying = false;
            let vrfs: Vec<VrfName> = registry.vrfs.keys().cloned().collect();
            for vrf in vrfs {
                shared.open_vrf_listeners(&mut registry, &vrf);
            }
        });
    }
}
