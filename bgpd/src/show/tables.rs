//! What of the core the shows of routes and of EVPN read, while the core waits.

use super::{instance::Instance, text::Clock, vrfs};
use crate::{
    command::ExecError,
    core::{Core, Peers},
    peer::PeerId,
    rib::{ImportId, Rib},
    vrf::{EvpnPath, VrfTable},
    wire::Family,
};
use ipnet::IpNet;
use std::time::Instant;
use weft_evpn::Evpn;

/// The tables at one moment.
#[derive(Debug)]
pub(super) struct Tables<'a> {
    /// That of the instance that is shown.
    pub rib: &'a Rib,
    /// The one with the EVPN routes.
    pub evpn_rib: &'a Rib,
    /// The IP-VRF that is shown, if one is.
    pub vrf: Option<&'a VrfTable>,
    pub evpn: &'a Evpn,
    pub peers: &'a Peers,
    /// Our host name.
    pub hostname: &'a str,
    pub clock: Clock,
}

impl<'a> Tables<'a> {
    /// Those of the core, outside of IP-VRFs.
    pub fn of(core: &'a Core, now: Instant) -> Self {
        Self {
            rib: core.rib(),
            evpn_rib: core.rib(),
            vrf: None,
            evpn: core.evpn(),
            peers: core.peers(),
            hostname: core.config().hostname.as_deref().unwrap_or(&core.facts().hostname),
            clock: Clock::at(now),
        }
    }

    /// Those of an instance.
    ///
    /// # Errors
    /// It does not exist, any more or yet.
    pub fn of_instance(core: &'a Core, instance: &Instance, now: Instant) -> Result<Self, ExecError> {
        let rib = instance.rib(core)?;
        let vrf = instance.vrf().and_then(|name| vrfs::table(core, name));
        Ok(Self { rib, vrf, ..Self::of(core, now) })
    }

    /// The tables with the routes of a family.
    pub fn rib_of(&self, family: Family) -> &'a Rib {
        if family.is_unicast() { self.rib } else { self.evpn_rib }
    }

    /// The EVPN path behind an import of the IP-VRF's table; `None` for an aggregate.
    pub fn import(&self, prefix: &IpNet, id: ImportId) -> Option<&'a EvpnPath> {
        self.vrf?.import(prefix, id)
    }

    /// A neighbour's host name, if its session is up and it said one.
    pub fn hostname_of(&self, peer: PeerId) -> Option<&'a str> {
        self.peers.get(peer)?.live.as_ref()?.negotiated.hostname.as_deref()
    }
}
