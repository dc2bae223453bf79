//! A VNI that is an L2VNI, then the L3VNI of a tenant, and back, under a running fabric. In
//! either role packets go the right way, and what one role had in the kernel is gone in the other.
//!
//! ```text
//!   red 192.168.10.1, flat 192.0.2.1 ── l1 ══ s (route reflector) ══ l2 ── red 192.168.20.2, flat 192.0.2.2
//! ```

use crate::error::{LabError, Result, ensure};
use crate::fabric::LIMIT;
use crate::kernel;
use crate::netns::{Namespace, link};
use crate::ping::{first_reply, no_reply};
use crate::routed::{Fabric, Form, Leaf, Plan, RED, prefixes};
use crate::scenario::upkeep::{same_holdings, settled};
use crate::wait::wait_for;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The VNI in both roles.
const VNI: u32 = 700;
/// Requests of which none may be answered.
const NONE_OF: u32 = 20;
/// The port of the flat segment.
const PORT: &str = "p-flat";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A bridge domain without a gateway; the tenant has its own L3VNI.
    L2,
    /// The tenant's L3VNI; there is no bridge domain for it.
    L3,
}

impl Role {
    fn l3vni(self) -> u32 {
        match self {
            Self::L2 => RED.l3vni,
            Self::L3 => VNI,
        }
    }

    /// A leaf's configuration in this role.
    fn config(self, plain: &str) -> String {
        match self {
            Self::L2 => format!("{plain}bridge-domain flat\n vni {VNI}\n interface {PORT}\n"),
            Self::L3 => plain.replace(&format!(" vni {}\n", RED.l3vni), &format!(" vni {VNI}\n")),
        }
    }
}

/// A host in the flat segment of each leaf.
struct Flat(Vec<Namespace>);

fn flat(number: usize) -> [IpAddr; 2] {
    let number = number as u16 + 1;
    [
        Ipv4Addr::new(192, 0, 2, number as u8).into(),
        Ipv6Addr::new(0x2001, 0xdb8, 0x700, 0, 0, 0, 0, number).into(),
    ]
}

impl Flat {
    fn build(fabric: &Fabric) -> Result<Self> {
        let host = |(index, leaf): (usize, &Leaf)| {
            let ns = Namespace::create(format!("{}-f{index}", fabric.prefix))?;
            // No link-local address: it would become known some time after the first look.
            ns.sysctl("net/ipv6/conf/default/addr_gen_mode", "1")?;
            link((&leaf.ns, PORT), (&ns, "eth0"))?;
            let [v4, v6] = flat(index);
            ns.ip_batch(&format!("addr add {v4}/24 dev eth0\naddr add {v6}/64 dev eth0 nodad\n"))?;
            crate::routed::host::ask_quickly(&ns, "eth0")?;
            Ok(ns)
        };
        fabric.leaves.iter().enumerate().map(host).collect::<Result<_>>().map(Self)
    }

    /// The hosts reach each other, or do not.
    fn reach(&self, wanted: bool) -> Result<()> {
        for (from, ns) in self.0.iter().enumerate() {
            // What was known of the other side does not count.
            ns.ip("neigh flush dev eth0")?;
            for to in flat(1 - from) {
                if wanted {
                    first_reply(ns, to, LIMIT)?;
                } else {
                    no_reply(ns, to, NONE_OF)?;
                }
            }
        }
        Ok(())
    }
}

/// The VNI's device is what the role asks for, and the other leaf's prefix leads through the L3VNI.
fn stands(fabric: &Fabric, role: Role) -> Result<()> {
    for (index, leaf) in fabric.leaves.iter().enumerate() {
        let waited = wait_for(&format!("{VNI} as {role:?} at {}", leaf.vtep), LIMIT, || {
            let Some(vxlan) = kernel::vxlan_of(&leaf.ns, VNI)? else { return Ok(Err("no device".into())) };
            let bridged = kernel::master_of_kind(&leaf.ns, &vxlan, "bridge")?.is_some();
            let routed = kernel::table_of(&leaf.ns, &vxlan)?.is_some();
            let old = kernel::vxlan_of(&leaf.ns, RED.l3vni)?.is_some();
            let right = (bridged, routed, old) == (role == Role::L2, role == Role::L3, role == Role::L2);
            Ok(if right { Ok(()) } else { Err(format!("{vxlan}: {bridged}, {routed}, {old}")) })
        });
        fabric.explain(waited)?;
        let device = kernel::vxlan_of(&leaf.ns, role.l3vni())?.unwrap_or_default();
        let other = fabric.leaf(1 - index)?;
        for prefix in other.plan.subnets.iter().flat_map(|subnet| prefixes(*subnet)) {
            let waited = wait_for(&format!("{prefix} through {device} at {}", leaf.vtep), LIMIT, || {
                let routes = kernel::routes(&leaf.ns)?;
                let found: Vec<_> = routes.iter().filter(|route| route.prefix == prefix).collect();
                let right = found.len() == 1
                    && found.iter().all(|route| {
                        route.gateways() == [other.vtep] && route.hops.iter().all(|hop| hop.device == device)
                    });
                Ok(if right { Ok(()) } else { Err(format!("{found:?}")) })
            });
            fabric.explain(waited)?;
        }
        let flooded = |vni: u32| -> Result<Vec<IpAddr>> {
            let vxlan = kernel::vxlan_of(&leaf.ns, vni)?.unwrap_or_default();
            kernel::flood_list(&leaf.ns, &vxlan)
        };
        let wanted = if role == Role::L2 { vec![other.vtep] } else { Vec::new() };
        let waited = wait_for(&format!("flood list {wanted:?} of {VNI} at {}", leaf.vtep), LIMIT, || {
            let seen = flooded(VNI)?;
            Ok(if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) })
        });
        fabric.explain(waited)?;
    }
    Ok(())
}

/// The VNI changes its role at both leaves and changes back, so many times, one leaf before the other
/// and then the other way round. In the end the kernel holds what it held, and nothing once all is removed.
pub fn changes(times: usize) -> Result<()> {
    let mut fabric = Fabric::build(&Plan::new(Form::Made, &[&[10], &[20]]))?;
    let segment = Flat::build(&fabric)?;
    let empty = fabric.leaves.iter().map(|leaf| settled(&leaf.ns)).collect::<Result<Vec<_>>>()?;
    let plain = fabric.leaves.iter().map(|leaf| leaf.speaker.config_text()).collect::<Result<Vec<_>>>()?;
    for (leaf, plain) in fabric.leaves.iter().zip(&plain) {
        leaf.speaker.configure(&Role::L2.config(plain))?;
    }
    fabric.start()?;
    fabric.wait_ready()?;
    stands(&fabric, Role::L2)?;
    segment.reach(true)?;
    let first = fabric.leaves.iter().map(|leaf| settled(&leaf.ns)).collect::<Result<Vec<_>>>()?;
    let mut routed: Option<Vec<Vec<String>>> = None;
    for round in 0..times {
        for role in [Role::L3, Role::L2] {
            let mut order = [0, 1];
            order.rotate_left(round % 2);
            for index in order {
                let (leaf, plain) = (fabric.leaf(index)?, plain.get(index).map_or("", String::as_str));
                leaf.speaker.reload(&role.config(plain))?;
            }
            stands(&fabric, role)?;
            fabric.everybody_pings()?;
            segment.reach(role == Role::L2)?;
            let wanted = match role {
                Role::L2 => Some(&first),
                Role::L3 => routed.as_ref(),
            };
            for (leaf, wanted) in fabric.leaves.iter().zip(wanted.into_iter().flatten()) {
                fabric.explain(same_holdings(&leaf.ns, wanted, LIMIT)).map_err(|error| {
                    LabError::Unexpected(format!("round {round}, {VNI} as {role:?}: {error}"))
                })?;
            }
            if role == Role::L3 && routed.is_none() {
                routed =
                    Some(fabric.leaves.iter().map(|leaf| settled(&leaf.ns)).collect::<Result<Vec<_>>>()?);
            }
        }
    }
    for ((leaf, plain), empty) in fabric.leaves.iter().zip(&plain).zip(&empty) {
        let bare = plain.find("router bgp").and_then(|at| plain.get(at..)).unwrap_or_default();
        ensure(!bare.is_empty(), || format!("no router bgp in {plain}"))?;
        leaf.speaker.reload(bare)?;
        fabric.explain(same_holdings(&leaf.ns, empty, LIMIT))?;
    }
    Ok(())
}
