//! Addresses of a MAC-VRF that prefix routes say are elsewhere, in another domain (RFC 9135 §7.1's
//! rules across domains). The IP-VRF decides when (`ip_vrf::hosts`); each time is a move that
//! duplicate detection counts, and an address that moved too often is not asked for any more.

use super::{Cause, MacVrf, Turn};
use crate::forwarding::ForwardingChange;
use std::net::IpAddr;

impl MacVrf {
    /// A prefix route has come that says that a host of this one is elsewhere: the newest wins, and
    /// the host is asked. False if the address stays here: its host does not move.
    pub(in crate::engine) fn yield_ip(&mut self, ip: IpAddr, turn: &mut Turn<'_>) -> bool {
        let Some((binding, moves)) =
            self.ips.get(ip).and_then(|entry| Some((entry.binding()?, entry.moves())))
        else {
            return true;
        };
        let fixed = self.macs.get(binding.mac).is_some_and(|entry| {
            entry.moves().is_frozen() || entry.local().is_some_and(|local| local.sticky)
        });
        if fixed || moves.is_frozen() || self.record_ip_move(ip, turn) {
            return false;
        }
        if let Some(entry) = self.ips.get_mut(ip) {
            entry.rare_mut().away = true;
        }
        self.unbind(ip, turn);
        self.ask_host(ip, binding.mac, turn);
        self.settle_ip(ip, Cause::Nothing, turn);
        true
    }

    /// A host was heard here that prefix routes say is elsewhere. If we gave it up for them before,
    /// its routes carry a higher number, as others may not have noticed that they were gone
    /// (RFC 9135 §7.1). What only the kernel's table says may be old: the host is asked.
    pub(in crate::engine) fn return_ip(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        let Some(binding) = entry.binding() else { return };
        let was_given_up = std::mem::replace(&mut entry.rare_mut().away, true);
        self.record_ip_move(ip, turn);
        let number = self.macs.get(binding.mac).and_then(|entry| entry.local()).map(|local| local.sequence);
        if let Some(number) = number.filter(|_| was_given_up) {
            self.outdo(binding.mac, number, turn);
        }
        if binding.kernel {
            self.ask_host(ip, binding.mac, turn);
        }
    }

    /// No prefix route says any more that a host is elsewhere. One that we gave up for such a route
    /// and that nobody has now is asked for: its answer to the first question may have been lost, and
    /// a host that only answers would never be found again.
    pub(in crate::engine) fn forget_away(&mut self, ip: IpAddr, turn: &mut Turn<'_>) {
        let Some(entry) = self.ips.get_mut(ip) else { return };
        let lost = entry.binding().is_none() && !entry.moves().is_frozen();
        let Some(rare) = entry.rare.as_mut() else { return };
        if std::mem::replace(&mut rare.away, false) && lost {
            turn.forward(ForwardingChange::Probe { vni: self.vni, ip, mac: None });
        }
        self.prune_ip(ip);
    }
}
