//! A fabric past one machine: tenants on some leaves of some sites, reflectors that share the
//! tenants between them, RT constraint (RFC 4684). What each role holds, what a move and
//! a leaf's power-up make everybody say. On paper (`Fabric`: closed formulas) and by enumeration (`enumerate`:
//! every node, session, route and message one by one, small); a test keeps both equal.
//!
//! The network: every site has leaves, every tenant is in some sites and there on some leaves, evenly, with
//! subnets of its own in each site and hosts (one MAC, one IPv4 address) evenly behind these leaves. A
//! leaf has a session to every reflector of its site (`Domains`) or fabric; a tenant's RTs are all at one
//! of them, which asks the leaves for its block of RTs, and the leaves ask it for the RTs that they import.
//! In `Domains` a gateway in each site imports what its site's tenants route, and one aggregate a tenant and site crosses
//! the core. A second reflector or gateway for each, and a second address family, multiply all designs alike.
//!
//! What this leaves out: memory of the kernel and of the kernel side's desired state, TCP, which messages are
//! late enough to be packed with others.

pub mod enumerate;
pub mod table;
mod traffic;

pub use traffic::Traffic;

use super::cost;

/// How routes are kept from who need not have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Not at all: everybody has everything.
    Flat,
    /// RT constraint in one domain.
    Constrained,
    /// RT constraint in a domain for each site; aggregates between them.
    Domains,
}

/// All designs.
pub const DESIGNS: [Design; 3] = [Design::Flat, Design::Constrained, Design::Domains];

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A VTEP with hosts.
    Leaf,
    /// A reflector with leaves as clients: of the site in `Domains`, otherwise of the fabric.
    Reflector,
    /// A VTEP between a site and the core.
    Gateway,
    /// A reflector between the gateways.
    CoreReflector,
}

/// All roles.
pub const ROLES: [Role; 4] = [Role::Leaf, Role::Reflector, Role::Gateway, Role::CoreReflector];

/// A host's move to another leaf of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// In its site.
    InsideSite,
    /// To another site of its tenant, to a leaf that knows the host's subnet already.
    AcrossSites,
}

/// How large the fabric is. Figures are exact where everything divides evenly, else rounded averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fabric {
    /// Sites.
    pub sites: u64,
    /// Leaves in a site.
    pub leaves: u64,
    /// Tenants.
    pub tenants: u64,
    /// Hosts of all tenants.
    pub hosts: u64,
    /// Sites that each tenant is in.
    pub tenant_sites: u64,
    /// Leaves in each of these that it is on.
    pub tenant_leaves: u64,
    /// Subnets that it has in each of these.
    pub subnets: u64,
    /// Leaves in a rack.
    pub rack: u64,
    /// Reflectors that share the tenants: of the fabric, of a site, of the core.
    pub shards: [u64; 3],
}

/// What a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holds {
    /// BGP sessions.
    pub sessions: u64,
    /// EVPN routes in its RIB, its own included.
    pub routes: u64,
    /// Attribute sets that they share.
    pub sets: u64,
    /// Route target membership routes (SAFI 132), its own included.
    pub memberships: u64,
    /// Remote MACs in MAC-VRFs.
    pub macs: u64,
    /// Remote hosts in IP-VRFs.
    pub hosts: u64,
    /// Prefixes in IP-VRFs that are no hosts.
    pub prefixes: u64,
    /// Flood entries.
    pub floods: u64,
}

impl Holds {
    /// Octets of the control plane's tables.
    pub fn memory(&self) -> u64 {
        let rib = (self.routes + self.memberships) * cost::RIB_ROUTE + self.sets * cost::ATTRIBUTE_SET;
        let mac_vrfs = self.macs * cost::ENGINE_HOST;
        // What is in an IP-VRF is a path in the engine and a route in the IP-VRF's own RIB.
        let ip_vrfs = (self.hosts + self.prefixes) * (cost::ENGINE_HOST_PATH + cost::RIB_ROUTE);
        rib + mac_vrfs + ip_vrfs
    }

    /// Entries of the kernel: a MAC is one in the vxlan device's FDB, one in the bridge's, and a neighbour.
    pub fn kernel(&self) -> u64 {
        3 * self.macs + self.hosts + self.prefixes + self.floods
    }
}

/// `numerator` parts of `denominator`, rounded.
fn share(numerator: u128, denominator: u128) -> u64 {
    u64::try_from((numerator + denominator / 2) / denominator.max(1)).unwrap_or(u64::MAX)
}

/// The fields of `Fabric` as the formulas name them.
#[derive(Debug, Clone, Copy)]
struct Letters {
    /// Sites.
    s: u128,
    /// All leaves.
    n: u128,
    /// Hosts.
    h: u128,
    /// Tenants, counted in each of their sites.
    tm: u128,
    /// Sites of a tenant.
    m: u128,
    /// Leaves of a tenant in a site.
    a: u128,
    /// Subnets of a tenant in a site.
    b: u128,
}

impl Fabric {
    /// 10,000 VTEPs, as many tenants as fit beside a default in 16 bits, 10,000,000 hosts.
    pub const LARGE: Self = Self {
        sites: 250,
        leaves: 40,
        tenants: 65_533,
        hosts: 10_000_000,
        tenant_sites: 4,
        tenant_leaves: 10,
        subnets: 1,
        rack: 2,
        shards: [16, 2, 2],
    };

    fn letters(&self) -> Letters {
        let wide = u128::from;
        Letters {
            s: wide(self.sites),
            n: wide(self.sites * self.leaves),
            h: wide(self.hosts),
            tm: wide(self.tenants * self.tenant_sites),
            m: wide(self.tenant_sites),
            a: wide(self.tenant_leaves),
            b: wide(self.subnets),
        }
    }

    /// Reflectors that a leaf has sessions to.
    pub fn reflectors(&self, design: Design) -> u64 {
        let [fabric, site, _] = self.shards;
        match design {
            Design::Flat => 1,
            Design::Constrained => fabric,
            Design::Domains => site,
        }
    }

    /// Tenants on a leaf.
    pub fn tenants_of_leaf(&self) -> u64 {
        let Letters { n, tm, a, .. } = self.letters();
        share(tm * a, n)
    }

    /// What a node of a role holds; nothing if the design has no such role.
    pub fn holds(&self, design: Design, role: Role) -> Option<Holds> {
        let Letters { s, n, h, tm, m, a, b } = self.letters();
        let [.., core] = self.shards;
        let shards = u128::from(self.reflectors(design));
        // What a leaf says of a tenant: for each host a MAC and a MAC/IP route, for each subnet an IMET
        // route and a prefix; in 3 sets for each subnet and one for the prefixes.
        let sets = 3 * b + 1;
        Some(match (design, role) {
            (_, Role::Leaf) => {
                // Of all leaves of a tenant here and elsewhere, what its RTs bring.
                let (routes, kinds) = match design {
                    Design::Flat => ((2 * h + 2 * b * tm * a) * n, tm * a * sets * n),
                    Design::Constrained => (
                        (m + 1) * a * h + tm * a * (2 * a * b + (m - 1) * a * b),
                        tm * a * (a * sets + (m - 1) * a * (b + 1)),
                    ),
                    Design::Domains => {
                        (2 * a * h + tm * a * (2 * a * b + (m - 1)), tm * a * (a * sets + (m - 1)))
                    }
                };
                let (hosts, prefixes) = match design {
                    Design::Flat | Design::Constrained => ((m * a - 1) * h, (m - 1) * b),
                    Design::Domains => ((a - 1) * h, m - 1),
                };
                Holds {
                    sessions: self.reflectors(design),
                    routes: share(routes, n),
                    sets: share(kinds, n),
                    memberships: match design {
                        Design::Flat => 0,
                        _ => share(tm * a * (b + 1), n) + self.reflectors(design),
                    },
                    macs: share((a - 1) * h, n),
                    hosts: share(hosts, n),
                    prefixes: share(tm * a * prefixes, n),
                    floods: share(tm * a * (a - 1) * b, n),
                }
            }
            (Design::Flat | Design::Constrained, Role::Reflector) => Holds {
                sessions: self.sites * self.leaves,
                routes: share(2 * h + 2 * b * tm * a, shards),
                sets: share(tm * a * sets, shards),
                // What each leaf asks for, and what it asks the leaves for.
                memberships: match design {
                    Design::Flat => 0,
                    _ => share(tm * a * (b + 1), shards) + 1,
                },
                ..Holds::default()
            },
            (Design::Domains, Role::Reflector) => Holds {
                sessions: self.leaves + 1,
                routes: share(2 * h + tm * (2 * a * b + (m - 1)), s * shards),
                sets: share(tm * (a * sets + (m - 1)), s * shards),
                memberships: share(tm * (a * (b + 1) + 1), s * shards) + 1,
                ..Holds::default()
            },
            (Design::Domains, Role::Gateway) => Holds {
                sessions: self.reflectors(design) + core,
                // The site's hosts with an address and its prefixes; the aggregates of the others, and
                // made anew; its own.
                routes: share(h + tm * (a * b + 2 * (m - 1) + 1), s),
                sets: share(tm * (a * (b + 1) + 2 * (m - 1) + 1), s),
                memberships: share(tm, s) + self.reflectors(design) + core,
                hosts: share(h, s),
                // The site's subnets, the others' aggregates, its own to discard behind.
                prefixes: share(tm * (b + m), s),
                ..Holds::default()
            },
            (Design::Domains, Role::CoreReflector) => Holds {
                sessions: self.sites,
                routes: share(tm, u128::from(core)),
                sets: share(tm, u128::from(core)),
                memberships: share(tm, u128::from(core)) + 1,
                ..Holds::default()
            },
            (Design::Flat | Design::Constrained, Role::Gateway | Role::CoreReflector) => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_s_memory_does_not_grow_with_other_sites() {
        let memory = |fabric: Fabric, design| fabric.holds(design, Role::Leaf).unwrap().memory();
        let twice = Fabric { sites: 500, hosts: 20_000_000, tenants: 131_066, ..Fabric::LARGE };
        assert!(memory(twice, Design::Flat) > 19 * memory(Fabric::LARGE, Design::Flat) / 10);
        for design in [Design::Constrained, Design::Domains] {
            assert_eq!(memory(twice, design), memory(Fabric::LARGE, design), "{design:?}");
        }
        let wider = Fabric { tenant_sites: 8, tenants: 32_767, ..Fabric::LARGE };
        let grown = |design| memory(wider, design) as f64 / memory(Fabric::LARGE, design) as f64;
        assert!(grown(Design::Constrained) > 1.4 && grown(Design::Domains) < 1.1);
    }

    #[test]
    fn each_step_takes_something_off_every_leaf_and_reflector() {
        for role in [Role::Leaf, Role::Reflector] {
            let [flat, constrained, domains] =
                DESIGNS.map(|design| Fabric::LARGE.holds(design, role).unwrap().memory());
            assert!(flat > constrained && constrained > domains, "{role:?}: {flat} {constrained} {domains}");
        }
    }
}
