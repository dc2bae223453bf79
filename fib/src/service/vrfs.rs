//! IP-VRFs: which are attached, reading their tables, and what a device that goes down does to their routes without a
//! word of the kernel.

use super::kernel::{ADOPTION_GRACE, Kernel};
use crate::netlink::constants::*;
use crate::netlink::encode::Query;
use crate::netlink::socket::{Connection, RequestError};
use std::time::Instant;
use weft_evpn::VrfName;
use weft_evpn::vrf::VrfDevices;

/// What a link message says of whether routes can lead out of a device.
fn is_ready(payload: &[u8]) -> Option<(u32, bool)> {
    // `struct ifinfomsg`: family, pad, type, index, flags, change.
    let &[family, _, _, _, a, b, c, d, e, f, g, h] = payload.first_chunk::<12>()?;
    let flags = u32::from_ne_bytes([e, f, g, h]);
    let up = flags & libc::IFF_UP as u32 != 0;
    let running = flags & (libc::IFF_RUNNING | libc::IFF_LOWER_UP) as u32 != 0;
    (family == AF_UNSPEC).then_some((u32::from_ne_bytes([a, b, c, d]), up && running))
}

impl Kernel {
    /// The devices of an IP-VRF are there, or something of them changed. What its table holds is read by
    /// [`Kernel::read_vrfs`], which is to be called before anything is written.
    pub(super) fn attach_vrf(&mut self, name: &VrfName, devices: &VrfDevices, now: Instant) {
        let known = self.forwarding.vrf_devices(name).is_some();
        if self.forwarding.attach_vrf(name.clone(), devices.clone()) {
            self.unread_vrfs.insert(name.clone());
            // Also when only its L3VNI is new: what that holds may be an earlier run's.
            if self.is_announced() || known {
                self.prune_vrf_at.insert(name.clone(), now + ADOPTION_GRACE);
            }
        }
    }

    /// The IP-VRF is not served any more: what is ours of it is removed, as far as it is there still.
    pub(super) fn detach_vrf(&mut self, name: &VrfName) {
        self.unread_vrfs.remove(name);
        self.prune_vrf_at.remove(name);
        self.forwarding.detach_vrf(name);
    }

    /// Reads the tables of the IP-VRFs that are new or that may have lost something.
    pub(super) fn read_vrfs(
        &mut self,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), RequestError> {
        if self.unread_vrfs.is_empty() {
            return Ok(());
        }
        // Nexthops first: a route is known by the group that it points at.
        self.read_nexthops(connection, now)?;
        self.read_vrf_tables(connection, now)
    }

    fn read_vrf_tables(&mut self, connection: &mut Connection, now: Instant) -> Result<(), RequestError> {
        while let Some(name) = self.unread_vrfs.pop_first() {
            let read = self.read_vrf(connection, &name, now);
            if read.is_err() {
                self.unread_vrfs.insert(name);
                return read;
            }
        }
        Ok(())
    }

    fn read_vrf(
        &mut self,
        connection: &mut Connection,
        name: &VrfName,
        now: Instant,
    ) -> Result<(), RequestError> {
        let Some(devices) = self.forwarding.vrf_devices(name).cloned() else { return Ok(()) };
        self.forwarding.begin_sync_vrf(name);
        if let Some(l3vni) = &devices.l3vni {
            self.ask(connection, Query::PortFdb { port: l3vni.vxlan.0 }, now)?;
            let query = Query::Neighbours { family: AF_UNSPEC, ifindex: Some(l3vni.svi.0) };
            self.ask(connection, query, now)?;
        }
        for family in [AF_INET, AF_INET6] {
            self.ask(connection, Query::Table { family, table: devices.table }, now)?;
        }
        self.forwarding.end_sync_vrf(&self.links, name, now);
        Ok(())
    }

    /// Reads all of them again: something was missed. Nexthops have been read.
    pub(super) fn read_all_vrfs(
        &mut self,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), RequestError> {
        self.unread_vrfs.extend(self.forwarding.attached_vrfs());
        self.read_vrf_tables(connection, now)
    }

    /// A link message, before the model takes it: a device that routes use has come or gone.
    pub(super) fn hear_device(&mut self, kind: u16, payload: &[u8]) {
        let Some((index, ready)) = is_ready(payload) else { return };
        let ready = ready && kind == RTM_NEWLINK;
        let changed = if ready { self.down.remove(&index) } else { self.down.insert(index) };
        if kind == RTM_DELLINK {
            self.down.remove(&index);
        }
        if !changed {
            return;
        }
        if ready {
            self.forwarding.device_is_back(index);
        } else {
            // Nexthop objects went with it, and IPv4 routes.
            self.doubt_routes_of(index);
        }
    }

    /// The kernel may have dropped routes that lead out of this device.
    pub(super) fn doubt_routes_of(&mut self, device: u32) {
        if self.forwarding.routes_use(device) {
            self.unread_vrfs.extend(self.forwarding.attached_vrfs());
        }
    }

    /// Lets adopted routes go: the first convergence is over.
    pub(super) fn converge_vrfs(&mut self) {
        for name in self.forwarding.attached_vrfs() {
            if !self.prune_vrf_at.contains_key(&name) {
                self.forwarding.prune_vrf(&name);
            }
        }
    }

    /// The same for those that came later and whose grace is over.
    pub(super) fn prune_due_vrfs(&mut self, now: Instant) {
        let due: Vec<VrfName> =
            self.prune_vrf_at.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            self.prune_vrf_at.remove(&name);
            self.forwarding.prune_vrf(&name);
        }
    }
}
