//! Hosts of an IP-VRF that are here, elsewhere, or between; and the MAC-VRFs they are in.
//!
//! - A host that is bound in a MAC-VRF here is here: no path to it is given.
//! - A prefix route for it alone says that it is elsewhere, in another domain. The newest wins:
//!   such a route, when it comes, takes the host away at once, and the host is asked at its
//!   port (RFC 9135 §7.1's rule across domains); when the host is heard, it is here again and
//!   the route is overruled, until it comes from another VTEP. Each time is a move, so two
//!   hosts with one address end as duplicates and not in an endless chase.
//! - On a gateway a prefix route of another domain that was overruled stays known for a while after
//!   it is gone: the specific route that the other domain needs to hear must not go before all
//!   there have let go of the host.
//! - While a prefix route alone leads to a host of a subnet that is here, the SVI answers for it
//!   (proxy), and the hosts on the local ports are told once, as they may have its MAC.

use super::paths::Flag;
use super::{Ask, IpVrf, VrfTurn};
use crate::Vni;
use crate::forwarding::ForwardingChange;
use ipnet::IpNet;
use smallvec::SmallVec;
use std::net::IpAddr;

/// What an IP-VRF needs to know of a MAC-VRF that is in it and active.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Attached {
    /// The addresses of its SVI.
    pub(super) addresses: Vec<IpAddr>,
    /// Their subnets.
    pub(super) subnets: Vec<IpNet>,
}

impl IpVrf {
    /// A MAC-VRF is in this IP-VRF as said; `None`: no longer.
    pub(super) fn attach(&mut self, vni: Vni, attached: Option<Attached>, turn: &mut VrfTurn<'_>) {
        if self.attached.get(&vni) == attached.as_ref() {
            return;
        }
        let is_gone = attached.is_none();
        let after = attached.clone().unwrap_or_default();
        let before = match attached {
            Some(attached) => self.attached.insert(vni, attached),
            None => self.attached.remove(&vni),
        };
        let before = before.unwrap_or_default();
        let subnets_changed = before.subnets != after.subnets;
        if subnets_changed {
            self.change_subnets(vni, &before.subnets, &after.subnets);
        }
        if is_gone {
            let hosts: Vec<IpAddr> =
                self.local.iter().filter(|(_, vnis)| vnis.contains(&vni)).map(|(ip, _)| *ip).collect();
            for ip in hosts {
                self.note_local(vni, ip, false, turn);
            }
        }
        self.change_own(&before.addresses, &after.addresses, turn);
        if subnets_changed {
            self.resolve_gateways(turn);
            let away: Vec<IpAddr> = self.away.iter().copied().collect();
            for ip in away {
                self.settle_proxy(ip, turn);
            }
        }
    }

    fn change_subnets(&mut self, vni: Vni, before: &[IpNet], after: &[IpNet]) {
        for subnet in before {
            if let Some(vnis) = self.subnets.get_mut(&subnet.trunc()) {
                vnis.retain(|other| *other != vni);
                if vnis.is_empty() {
                    self.subnets.remove(&subnet.trunc());
                }
            }
        }
        for subnet in after {
            let vnis = self.subnets.entry(subnet.trunc()).or_default();
            if !vnis.contains(&vni) {
                vnis.push(vni);
            }
            if !self.lengths.contains(&subnet.prefix_len()) {
                self.lengths.push(subnet.prefix_len());
            }
        }
    }

    /// Some of its own addresses are no longer, others have become its own.
    pub(super) fn change_own(&mut self, before: &[IpAddr], after: &[IpAddr], turn: &mut VrfTurn<'_>) {
        for ip in after {
            *self.own.entry(*ip).or_default() += 1;
        }
        for ip in before {
            if let Some(uses) = self.own.get_mut(ip) {
                *uses -= 1;
                if *uses == 0 {
                    self.own.remove(ip);
                }
            }
        }
        let changed = before.iter().filter(|ip| !after.contains(ip));
        for ip in changed.chain(after.iter().filter(|ip| !before.contains(ip))) {
            self.settle_prefix(IpNet::from(*ip), turn);
            self.resolve_gateway(*ip, turn);
        }
    }

    /// The MAC-VRFs with a subnet around an address.
    pub(super) fn vnis_around(&self, ip: IpAddr) -> impl Iterator<Item = Vni> {
        let subnets = self.lengths.iter().filter_map(move |length| {
            let subnet = IpNet::new(ip, *length).ok()?.trunc();
            self.subnets.get(&subnet)
        });
        subnets.flatten().copied()
    }

    /// A host is bound in a MAC-VRF here, or no longer; or its neighbour entry there changed.
    pub(super) fn note_local(&mut self, vni: Vni, ip: IpAddr, bound: bool, turn: &mut VrfTurn<'_>) {
        let was_local = self.local.contains_key(&ip);
        if bound {
            let vnis = self.local.entry(ip).or_default();
            if !vnis.contains(&vni) {
                vnis.push(vni);
            }
        } else if let Some(vnis) = self.local.get_mut(&ip) {
            vnis.retain(|other| *other != vni);
            if vnis.is_empty() {
                self.local.remove(&ip);
            }
        }
        let is_local = self.local.contains_key(&ip);
        if was_local != is_local {
            if is_local && self.overrule(ip, turn) {
                turn.asks.push(Ask::Returned(vni, ip));
            }
            self.settle_prefix(IpNet::from(ip), turn);
        }
        self.resolve_gateway(ip, turn);
        if self.away.contains(&ip) {
            self.settle_proxy(ip, turn);
        }
    }

    /// The host is here: prefix routes for it count for nothing until there is a newer one. True
    /// if packets went where one of them leads.
    pub(super) fn overrule(&mut self, ip: IpAddr, turn: &VrfTurn<'_>) -> bool {
        if !self.away.contains(&ip) {
            return false;
        }
        let prefix = IpNet::from(ip);
        let mut paths = self.paths.of(prefix);
        let mut was_followed = false;
        for path in paths.iter_mut().filter(|path| !path.is(Flag::Host)) {
            was_followed |= path.is_used();
            // One of our own VTEP says nothing; it may be another's later.
            if path.remote_source(turn.sources, turn.own).is_some() {
                path.set(Flag::Overruled, true);
            }
        }
        self.paths.put(prefix, &paths);
        was_followed
    }

    /// Prefix routes name this host, or do not.
    pub(super) fn note_away(&mut self, ip: IpAddr, is_away: bool, turn: &mut VrfTurn<'_>) {
        let changed = if is_away { self.away.insert(ip) } else { self.away.remove(&ip) };
        if changed && !is_away {
            turn.asks.extend(self.attached.keys().map(|vni| Ask::Forget(*vni, ip)));
        }
        if changed || is_away {
            self.settle_proxy(ip, turn);
        }
    }

    /// Brings what the SVIs answer for a host to what should be.
    pub(super) fn settle_proxy(&mut self, ip: IpAddr, turn: &mut VrfTurn<'_>) {
        let is_routed = !self.local.contains_key(&ip) && {
            let paths = self.paths.of(IpNet::from(ip));
            paths.iter().any(|path| !path.is(Flag::Host) && path.is_used())
        };
        let mut wanted: SmallVec<[Vni; 2]> = SmallVec::new();
        if is_routed && !self.own.contains_key(&ip) {
            wanted.extend(
                self.vnis_around(ip)
                    .filter(|vni| turn.mac_vrfs.get(vni).is_some_and(|mac_vrf| !mac_vrf.has_neighbour(ip))),
            );
        }
        let from = (ip, Vni::LOWEST);
        let before: SmallVec<[Vni; 2]> =
            self.proxies.range(from..).take_while(|(other, _)| *other == ip).map(|(_, vni)| *vni).collect();
        for vni in before.iter().filter(|vni| !wanted.contains(vni)).copied() {
            self.proxies.remove(&(ip, vni));
            turn.forward(ForwardingChange::Proxy { vni, ip, wanted: false });
            if let Some(mac) = turn.mac_vrfs.get(&vni).and_then(|mac_vrf| mac_vrf.mac_of(ip)) {
                turn.forward(ForwardingChange::Announce { vni, ip, mac: Some(mac) });
            }
        }
        for vni in wanted.iter().filter(|vni| !before.contains(vni)).copied() {
            self.proxies.insert((ip, vni));
            turn.forward(ForwardingChange::Proxy { vni, ip, wanted: true });
            turn.forward(ForwardingChange::Announce { vni, ip, mac: None });
        }
    }
}
