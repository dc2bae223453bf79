//! What is due when. One ordered set: nothing is woken but for what is in it.

use super::Address;
use super::ip_vrf::{GhostKey, VrfId};
use super::memory::btree_bytes;
use crate::Vni;
use std::{collections::BTreeSet, net::IpAddr, time::Instant};

/// What is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// A neighbour entry that outlived its route while its MAC moved.
    Linger(Vni, IpAddr),
    /// A path of an IP-VRF whose route is gone.
    Ghost(VrfId, GhostKey),
    /// A duplicate.
    Duplicate(Vni, Address),
}

/// All timers.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(Instant, Timer)>);

impl Timers {
    pub(super) fn set(&mut self, at: Instant, timer: Timer) {
        self.0.insert((at, timer));
    }

    pub(super) fn clear(&mut self, at: Instant, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    /// Octets allocated.
    pub(super) fn bytes(&self) -> usize {
        btree_bytes::<(Instant, Timer), ()>(self.0.len())
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the first timer that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let (at, timer) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(timer)
    }
}
