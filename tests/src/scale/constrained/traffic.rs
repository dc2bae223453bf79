//! What is said when a host moves or a leaf comes up: UPDATE messages, routes in them and octets, on all
//! sessions together.

use super::{Design, Fabric, Letters, Move, share};
use crate::scale::cost::{Kind, Sender, Wire};

/// What is said on all sessions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// UPDATE messages.
    pub messages: u64,
    /// Routes and withdrawals in them.
    pub routes: u64,
    /// Octets.
    pub octets: u64,
}

impl Traffic {
    /// So many times as much.
    pub fn times(self, count: u64) -> Self {
        Self { messages: self.messages * count, routes: self.routes * count, octets: self.octets * count }
    }
}

/// Sums of numerators, to be divided once.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    messages: u128,
    routes: u128,
    octets: u128,
}

impl Sum {
    fn announce(&mut self, wire: &Wire, (kind, sender): (Kind, Sender), messages: u128, routes: u128) {
        self.messages += messages;
        self.routes += routes;
        self.octets += messages * u128::from(wire.frame(kind, sender)) + routes * u128::from(wire.nlri(kind));
    }

    fn withdraw(&mut self, wire: &Wire, kinds: &[Kind], messages: u128) {
        self.messages += messages;
        self.routes += messages * kinds.len() as u128;
        let nlri: u64 = kinds.iter().map(|kind| wire.nlri(*kind)).sum();
        self.octets += messages * u128::from(wire.withdrawal() + nlri);
    }

    fn over(self, parts: u128) -> Traffic {
        Traffic {
            messages: share(self.messages, parts),
            routes: share(self.routes, parts),
            octets: share(self.octets, parts),
        }
    }
}

impl Fabric {
    /// What a host's move makes everybody say: the new leaf advertises the MAC and the MAC with its address, the
    /// old one withdraws both; in `Domains`, across sites, the host's prefix follows everywhere where the tenant
    /// is, and the old leaf lets the address go when it hears that, the MAC when its port goes down.
    pub fn move_costs(&self, design: Design, moved: Move, wire: &Wire) -> Traffic {
        use Sender::{Originator, Reflector};
        let Letters { n, m, a, .. } = self.letters();
        let both = [Kind::Mac, Kind::MacIp];
        let mut sum = Sum::default();
        sum.announce(wire, (Kind::Mac, Originator), 1, 1);
        sum.announce(wire, (Kind::MacIp, Originator), 1, 1);
        // Leaves, but the new one, that ask for the MAC: those of the host's subnet.
        let subnet = match moved {
            Move::InsideSite => a - 1,
            Move::AcrossSites => a,
        };
        match (design, moved) {
            (Design::Flat, _) => {
                for kind in both {
                    sum.announce(wire, (kind, Reflector), n - 1, n - 1);
                }
                sum.withdraw(wire, &both, n);
            }
            (Design::Constrained, _) => {
                sum.announce(wire, (Kind::Mac, Reflector), subnet, subnet);
                sum.announce(wire, (Kind::MacIp, Reflector), m * a - 1, m * a - 1);
                // The old leaf tells its reflector both, that who asked for both, and the others.
                sum.withdraw(wire, &both, 1 + subnet);
                sum.withdraw(wire, &[Kind::MacIp], m * a - 1 - subnet);
            }
            (Design::Domains, Move::InsideSite) => {
                sum.announce(wire, (Kind::Mac, Reflector), subnet, subnet);
                // The gateway, too.
                sum.announce(wire, (Kind::MacIp, Reflector), a, a);
                sum.withdraw(wire, &both, 1 + subnet);
                sum.withdraw(wire, &[Kind::MacIp], 1);
            }
            (Design::Domains, Move::AcrossSites) => {
                // In the new site nobody else knows the subnet.
                sum.announce(wire, (Kind::MacIp, Reflector), a, a);
                sum.announce(wire, (Kind::Outward, Originator), 1, 1);
                sum.announce(wire, (Kind::Outward, Reflector), m - 1, m - 1);
                sum.announce(wire, (Kind::Inward, Originator), m - 1, m - 1);
                sum.announce(wire, (Kind::Inward, Reflector), (m - 1) * a, (m - 1) * a);
                sum.withdraw(wire, &[Kind::MacIp], 1 + a);
                sum.withdraw(wire, &[Kind::Mac], 1 + (a - 1));
            }
        }
        sum.over(1)
    }

    /// What is said when a leaf comes up with all its hosts in a fabric where all others run: what it is
    /// told, and what it says and others are told. Packed as well as attribute sets allow.
    pub fn leaf_comes_up(&self, design: Design, wire: &Wire) -> [Traffic; 2] {
        use Kind::{Imet, Inward, Mac, MacIp, Prefix};
        use Sender::{Originator, Reflector};
        let Letters { n, h, tm, m, a, b, .. } = self.letters();
        // Other leaves whose MAC, IMET and whose routed routes it gets, for each of its tenants; all over `n`.
        let (bridged, routed) = match design {
            Design::Flat => (0, 0),
            Design::Constrained => (a - 1, m * a - 1),
            Design::Domains => (a - 1, a - 1),
        };
        // Per leaf of a tenant; and their hosts.
        let per = tm * a;
        let mut told = Sum::default();
        match design {
            Design::Flat => {
                let others = per * (n - 1);
                told.announce(wire, (Mac, Reflector), others * b, h * (n - 1));
                told.announce(wire, (MacIp, Reflector), others * b, h * (n - 1));
                told.announce(wire, (Imet, Reflector), others * b, others * b);
                told.announce(wire, (Prefix, Reflector), others, others * b);
            }
            Design::Constrained | Design::Domains => {
                told.announce(wire, (Mac, Reflector), per * bridged * b, h * bridged);
                told.announce(wire, (MacIp, Reflector), per * routed * b, h * routed);
                told.announce(wire, (Imet, Reflector), per * bridged * b, per * bridged * b);
                told.announce(wire, (Prefix, Reflector), per * routed, per * routed * b);
            }
        }
        if design == Design::Domains {
            told.announce(wire, (Inward, Reflector), per * (m - 1), per * (m - 1));
        }
        // Who gets what it says, beside its reflectors.
        let (bridged, routed) = match design {
            Design::Flat => (n - 1, n - 1),
            Design::Constrained => (bridged, routed),
            // The gateway, too.
            Design::Domains => (bridged, routed + 1),
        };
        let mut says = Sum::default();
        for (sender, bridged, routed) in [(Originator, 1, 1), (Reflector, bridged, routed)] {
            says.announce(wire, (Mac, sender), per * b * bridged, h * bridged);
            says.announce(wire, (MacIp, sender), per * b * routed, h * routed);
            says.announce(wire, (Imet, sender), per * b * bridged, per * b * bridged);
            says.announce(wire, (Prefix, sender), per * routed, per * b * routed);
        }
        [told.over(n), says.over(n)]
    }
}
