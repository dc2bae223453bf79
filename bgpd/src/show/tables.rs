//! What of the core the shows of routes and of EVPN read, while the core waits.

use super::text::Clock;
use crate::{
    core::{Core, Peers},
    peer::PeerId,
    rib::Rib,
};
use std::time::Instant;
use weft_evpn::Evpn;

/// The tables at one moment.
#[derive(Debug)]
pub(super) struct Tables<'a> {
    pub rib: &'a Rib,
    pub evpn: &'a Evpn,
    pub peers: &'a Peers,
    /// Our host name.
    pub hostname: &'a str,
    pub clock: Clock,
}

impl<'a> Tables<'a> {
    /// Those of the core.
    pub fn of(core: &'a Core, now: Instant) -> Self {
        Self {
            rib: core.rib(),
            evpn: core.evpn(),
            peers: core.peers(),
            hostname: core.config().hostname.as_deref().unwrap_or(&core.facts().hostname),
            clock: Clock::at(now),
        }
    }

    /// A neighbour's host name, if its session is up and it said one.
    pub fn hostname_of(&self, peer: PeerId) -> Option<&'a str> {
        self.peers.get(peer)?.live.as_ref()?.negotiated.hostname.as_deref()
    }
}
