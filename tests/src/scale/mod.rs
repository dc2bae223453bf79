//! What a network of many sites costs, flat and aggregated: which entries each role holds, and
//! how many messages a host move makes. On paper (`Size`: closed formulas) and in code
//! (`simulate`: real engines, small); the test of `simulate` shows that both agree, so the formulas may be
//! read at sizes that no machine holds. No kernel, no sockets, no time.
//!
//! The network: each site has leaves, a reflector, and, aggregated, a gateway; the reflectors of the
//! sites (flat) or the gateways (aggregated) are clients of one core reflector. Every leaf serves
//! every subnet of its site; every tenant is in every site; one gateway prefix covers what a
//! tenant has in a site. A host has one MAC and one IPv4 address. A second address family, a second
//! reflector or a second gateway multiplies both designs alike.

pub mod constrained;
pub mod cost;
pub mod simulate;
pub mod table;

/// Flat: one domain, every route everywhere. Aggregated: a domain for each site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// One domain.
    Flat,
    /// A domain for each site, prefixes between them.
    Aggregated,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A VTEP with hosts.
    Leaf,
    /// A VTEP between a site and the core; there is none in the flat design.
    Gateway,
    /// The route reflector of a site.
    SiteReflector,
    /// The route reflector between sites.
    CoreReflector,
}

/// A move of one host to another leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// In its site.
    InsideSite,
    /// To another site, away from home.
    AcrossSites,
}

/// How large the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Sites.
    pub sites: u64,
    /// Leaves in a site.
    pub leaves: u64,
    /// Hosts in a site, evenly behind its leaves and in its subnets.
    pub hosts: u64,
    /// Tenants.
    pub tenants: u64,
    /// Subnets that each tenant has in each site.
    pub subnets: u64,
}

/// What a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entries {
    /// EVPN routes in its RIB, its own included.
    pub evpn_routes: u64,
    /// Remote MACs (each an entry in the vxlan device's FDB and one in the bridge's).
    pub macs: u64,
    /// Remote addresses in the neighbour tables of its subnets.
    pub neighbours: u64,
    /// Flood entries.
    pub floods: u64,
    /// Routes in the tables of its tenants that EVPN put there, discard routes included.
    pub routes: u64,
}

impl Entries {
    /// What the kernel holds of these.
    pub fn kernel(&self) -> u64 {
        2 * self.macs + self.neighbours + self.floods + self.routes
    }
}

/// UPDATE messages that one move makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Messages {
    /// Sent on all sessions of the network together.
    pub all: u64,
    /// Received by a leaf of a site that the host neither left nor came to.
    pub at_uninvolved_leaf: u64,
    /// Received by the core reflector.
    pub at_core: u64,
}

impl Size {
    /// 100 sites of 10,000 hosts.
    pub const LARGE: Self = Self { sites: 100, leaves: 40, hosts: 10_000, tenants: 10, subnets: 4 };

    /// All subnets of a site.
    fn all_subnets(&self) -> u64 {
        self.tenants * self.subnets
    }

    /// Routes that the leaves of one site originate: for each host one of its MAC (RFC 7432 §7.2) and one of MAC
    /// and address; at each leaf for each subnet an IMET route and, since hosts may be silent, its
    /// prefix (RFC 9135 §5.3).
    fn originated(&self) -> u64 {
        2 * self.hosts + 2 * self.leaves * self.all_subnets()
    }

    /// Prefixes that all other sites have, aggregated.
    fn foreign_aggregates(&self) -> u64 {
        (self.sites - 1) * self.tenants
    }

    /// What a node of a role holds; nothing if the design has no such role.
    pub fn entries(&self, design: Design, role: Role) -> Option<Entries> {
        let evpn_routes = match (design, role) {
            (Design::Flat, Role::Gateway) => return None,
            (Design::Flat, _) => self.sites * self.originated(),
            (Design::Aggregated, Role::Leaf | Role::SiteReflector) => {
                self.originated() + self.foreign_aggregates()
            }
            // What came from both sides, what it makes of it for the other.
            (Design::Aggregated, Role::Gateway) => {
                self.originated() + 2 * self.foreign_aggregates() + self.tenants
            }
            (Design::Aggregated, Role::CoreReflector) => self.sites * self.tenants,
        };
        let remote = self.hosts - self.hosts / self.leaves;
        Some(match role {
            Role::SiteReflector | Role::CoreReflector => Entries { evpn_routes, ..Entries::default() },
            Role::Leaf => Entries {
                evpn_routes,
                macs: remote,
                neighbours: remote,
                floods: (self.leaves - 1) * self.all_subnets(),
                routes: remote
                    + match design {
                        Design::Flat => (self.sites - 1) * (self.hosts + self.all_subnets()),
                        Design::Aggregated => self.foreign_aggregates(),
                    },
            },
            Role::Gateway => Entries {
                evpn_routes,
                routes: self.hosts + self.all_subnets() + self.foreign_aggregates() + self.tenants,
                ..Entries::default()
            },
        })
    }

    /// The UPDATE messages of a move: the new leaf advertises the MAC and the MAC with its address
    /// (their route targets differ: two messages), the old leaf withdraws both in one; each goes
    /// to everybody in the domain. Across sites the aggregated design adds one prefix, to everybody in
    /// every other site; and the old leaf lets the address go as soon as it hears that prefix, the MAC when its
    /// port goes down: one message more.
    pub fn messages(&self, design: Design, moved: Move) -> Messages {
        const OF_LEAVES: u64 = 3;
        match (design, moved) {
            (Design::Flat, _) => {
                // To the reflector, the site's other leaves, the core, the other reflectors, their leaves.
                let each = 1 + (self.leaves - 1) + 1 + (self.sites - 1) * (1 + self.leaves);
                Messages { all: OF_LEAVES * each, at_uninvolved_leaf: OF_LEAVES, at_core: OF_LEAVES }
            }
            (Design::Aggregated, inside_or_across) => {
                // To the reflector, the site's other leaves, the gateway.
                let everybody = 1 + (self.leaves - 1) + 1;
                match inside_or_across {
                    Move::InsideSite => Messages { all: OF_LEAVES * everybody, ..Messages::default() },
                    Move::AcrossSites => {
                        let own_domain = (OF_LEAVES + 1) * everybody;
                        // To the core, the other gateways, and from each to its reflector and its leaves.
                        let prefix = 1 + (self.sites - 1) * (1 + 1 + self.leaves);
                        Messages { all: own_domain + prefix, at_uninvolved_leaf: 1, at_core: 1 }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_of_a_large_network_holds_its_site_and_prefixes() {
        let leaf = |design| Size::LARGE.entries(design, Role::Leaf).unwrap();
        let (flat, aggregated) = (leaf(Design::Flat), leaf(Design::Aggregated));
        assert_eq!(flat.evpn_routes, 2_320_000);
        assert_eq!(aggregated.evpn_routes, 24_190);
        assert_eq!(flat.routes, 1_003_710);
        assert_eq!(aggregated.routes, 9_750 + 990);
        // What is bridged is the site's in both.
        assert_eq!(
            (flat.macs, flat.neighbours, flat.floods),
            (aggregated.macs, aggregated.neighbours, aggregated.floods)
        );
        let core = |design| Size::LARGE.entries(design, Role::CoreReflector).unwrap().evpn_routes;
        assert_eq!((core(Design::Flat), core(Design::Aggregated)), (2_320_000, 1_000));
    }

    #[test]
    fn a_leaf_s_tables_do_not_grow_with_the_hosts_of_other_sites() {
        let more_sites = Size { sites: 101, ..Size::LARGE };
        let grown = |design| {
            more_sites.entries(design, Role::Leaf).unwrap().kernel()
                - Size::LARGE.entries(design, Role::Leaf).unwrap().kernel()
        };
        assert_eq!(grown(Design::Aggregated), Size::LARGE.tenants);
        assert!(grown(Design::Flat) > Size::LARGE.hosts);
    }

    #[test]
    fn a_move_inside_a_site_is_not_seen_outside() {
        let inside = Size::LARGE.messages(Design::Aggregated, Move::InsideSite);
        assert_eq!((inside.all, inside.at_uninvolved_leaf, inside.at_core), (123, 0, 0));
        assert_eq!(Size::LARGE.messages(Design::Flat, Move::InsideSite).all, 12_300);
        let across = Size::LARGE.messages(Design::Aggregated, Move::AcrossSites);
        assert_eq!((across.all, across.at_uninvolved_leaf, across.at_core), (164 + 4_159, 1, 1));
    }
}
