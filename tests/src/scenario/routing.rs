//! Tenants are routed: between subnets, in both families, apart from each other, to hosts
//! that have never spoken, in and out of a tenant's own network.

use crate::error::{LabError, Result, ensure};
use crate::fabric::{LIMIT, Leaving};
use crate::kernel;
use crate::netns::Namespace;
use crate::packet::{Capture, Payload};
use crate::ping::{Loss, Pinger, first_reply, no_reply};
use crate::routed::{BLUE, Fabric, Form, Leaf, LeafPlan, Plan, RED, Tenant, host, prefixes, v4, v6};
use crate::speaker::{Kind, Speaker};
use crate::wait::{wait_for, wait_until};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests of which none may be answered.
const NONE_OF: u32 = 30;

/// Echo replies that must come before and after an event, so that a loss is the event's.
const STEADY: u32 = 20;

/// Each leaf has, for every subnet that it does not have itself, the prefix (type 5) and each
/// host in it (type 2, symmetric IRB) through the leaf that has it.
pub fn prefixes_and_hosts_are_routed(fabric: &Fabric) -> Result<()> {
    for (index, leaf) in fabric.leaves.iter().enumerate() {
        for host in fabric.hosts.iter().filter(|host| !leaf.plan.subnets.contains(&host.subnet)) {
            let homes: Vec<usize> = (fabric.leaves.iter().enumerate())
                .filter(|(_, other)| other.plan.subnets.contains(&host.subnet))
                .map(|(other, _)| other)
                .collect();
            for prefix in prefixes(host.subnet) {
                fabric.wait_route(index, host.tenant, &prefix, &homes, LIMIT)?;
            }
            for address in host.host.addresses() {
                fabric.wait_route(index, host.tenant, &address.to_string(), &[host.leaf], LIMIT)?;
            }
        }
    }
    Ok(())
}

/// Two leaves with a subnet each, started on a network that is there: from the start of the
/// daemons to the first ping between the subnets. No host has spoken before.
pub fn start_to_first_ping(form: Form) -> Result<Duration> {
    let mut fabric = Fabric::build(&Plan::new(form, &[&[10], &[20]]))?;
    let pinger = Pinger::start(fabric.host(RED, 0, 10)?.ns(), fabric.host(RED, 1, 20)?.host.v4)?;
    pinger.wait_sent(STEADY, LIMIT)?;
    ensure(pinger.answered() == 0, || "the hosts reach each other without a daemon".into())?;
    let start = Instant::now();
    fabric.start()?;
    fabric.explain(wait_until("the first routed ping", LIMIT, || Ok(pinger.answered() > 0)))?;
    let took = start.elapsed();
    pinger.stop()?;
    Ok(took)
}

/// With the far host of one tenant gone, its address is dead in that tenant although the other
/// tenant's host has the same one; no packet of the first tenant reaches the second.
pub fn tenants_do_not_leak(fabric: &Fabric) -> Result<()> {
    for (dead, alive) in [(RED, BLUE), (BLUE, RED)] {
        let (near, far) = (fabric.host(dead, 0, 10)?, fabric.host(dead, 1, 20)?);
        let (other_near, other_far) = (fabric.host(alive, 0, 10)?, fabric.host(alive, 1, 20)?);
        far.ns().ip(&format!("link set {} down", far.host.device))?;
        let capture = Capture::start(other_far.ns(), other_far.host.device)?;
        for address in far.host.addresses() {
            no_reply(near.ns(), address, NONE_OF)?;
        }
        let strange = capture.stop()?;
        let strange = strange
            .iter()
            .filter(|frame| frame.destination == other_far.host.mac)
            .filter(|frame| matches!(frame.payload, Payload::Other(0x0800 | 0x86dd)))
            .count();
        ensure(strange == 0, || format!("{strange} packets of {dead} reached {alive}"))?;
        for address in other_far.host.addresses() {
            first_reply(other_near.ns(), address, LIMIT)?;
        }
        revive(&far.host.ns, far.host.device, far.subnet, far.host.v6)?;
        far.greet_gateway()?;
        first_reply(near.ns(), far.host.v4, LIMIT)?;
        first_reply(near.ns(), far.host.v6, LIMIT)?;
    }
    Ok(())
}

/// Sets a device up again; the kernel has forgotten its routes and, of IPv6, its addresses.
fn revive(ns: &Namespace, device: &str, subnet: u8, v6: IpAddr) -> Result<()> {
    let [gateway4, gateway6] = crate::routed::gateways(subnet);
    ns.ip_batch(&format!(
        "link set {device} up\naddr replace {v6}/64 dev {device} nodad\nroute replace default via {gateway4}\n\
         route replace default via {gateway6} dev {device}\n"
    ))
}

/// A tenant reaches nothing outside itself: neither the underlay (its own leaf's VTEP, the other
/// leaf's, the spine), nor addresses and routes of the default table, nor gateways that only the
/// other tenant has; and nothing of the underlay reaches the tenant.
pub fn a_tenant_reaches_only_itself(fabric: &Fabric) -> Result<()> {
    let near = fabric.host(RED, 0, 10)?;
    let (leaf, far) = (fabric.leaf(0)?, fabric.leaf(1)?);
    // Somebody in the default table, by a route that every packet there would take.
    leaf.ns.ip_batch(
        "addr add 198.51.100.1/32 dev lo\naddr add 2001:db8:beef::1/128 dev lo\nroute add default via 10.0.1.0\n",
    )?;
    let spine = fabric.reflector.namespace();
    spine.ip_batch("addr add 198.51.100.2/32 dev lo\n")?;
    let outside = [
        leaf.vtep,
        far.vtep,
        crate::fabric::REFLECTOR,
        IpAddr::from([10, 0, 1, 0]),
        IpAddr::from([10, 0, 1, 1]),
        IpAddr::from([198, 51, 100, 1]),
        IpAddr::from([198, 51, 100, 2]),
        parsed("2001:db8:beef::1")?,
    ];
    for address in outside {
        no_reply(near.ns(), address, NONE_OF)?;
    }
    // From outside in: packets for the tenant's hosts and its gateway, sent to the leaf.
    spine.ip("route add 192.168.0.0/16 via 10.0.1.1")?;
    for address in [near.host.v4, crate::routed::v4(10, 254), fabric.host(RED, 1, 20)?.host.v4] {
        no_reply(spine, address, NONE_OF)?;
    }
    // The leaf itself still reaches the outside, and the tenant itself.
    first_reply(&leaf.ns, far.vtep, LIMIT)?;
    first_reply(near.ns(), fabric.host(RED, 1, 20)?.host.v4, LIMIT)?;
    first_reply(near.ns(), crate::routed::v4(10, 254), LIMIT)?;
    first_reply(near.ns(), crate::routed::v6(10, 0xfe), LIMIT)?;
    Ok(())
}

/// A tenant's gateway in a subnet that only it has does not answer the other tenant.
pub fn gateways_answer_their_own_tenant_only(form: Form) -> Result<()> {
    let plan = Plan::new(form, &[&[10], &[20]]).tenants(&[RED, BLUE]);
    let mut fabric = Fabric::build(&plan)?;
    let leaf = fabric.leaf(0)?;
    // Blue loses subnet 10's twin and gets 30 in its place, at the same leaf.
    let text = leaf.speaker.config_text()?;
    let own = crate::routed::leaf::bridge_domain(&BLUE, 10);
    let other = crate::routed::leaf::bridge_domain(&BLUE, 30).replace("p-blue30", "p-blue10");
    ensure(text.contains(&own), || format!("no bridge domain of blue in {text}"))?;
    leaf.speaker.configure(&text.replace(&own, &other))?;
    fabric.start()?;
    let (red, blue) = (fabric.host(RED, 0, 10)?, fabric.host(BLUE, 0, 10)?);
    blue.ns().ip_batch("addr add 192.168.30.1/24 dev eth0\naddr add 2001:db8:30::1/64 dev eth0 nodad\n")?;
    for [gateway, other] in [[v4(30, 254), v4(10, 254)], [v6(30, 0xfe), v6(10, 0xfe)]] {
        first_reply(blue.ns(), gateway, LIMIT)?;
        first_reply(red.ns(), other, LIMIT)?;
        no_reply(red.ns(), gateway, NONE_OF)?;
    }
    blue.ns().ip_batch("route replace default via 192.168.30.254\nroute replace default via 2001:db8:30::fe dev eth0\naddr flush dev eth0 to 192.168.10.0/24\naddr flush dev eth0 to 2001:db8:10::/64\n")?;
    no_reply(blue.ns(), v4(10, 254), NONE_OF)?;
    no_reply(blue.ns(), v6(10, 0xfe), NONE_OF)
}

/// A host that has never sent a packet is found: the prefix leads to its leaf, which asks for
/// it there; from then on it is known by its own route. Returns the time to the first reply.
pub fn silent_host_is_found(form: Form) -> Result<Duration> {
    const SILENT: u8 = 77;
    let mut fabric = Fabric::build(&Plan::new(form, &[&[10], &[20]]))?;
    let ns = Namespace::create(format!("{}-silent", fabric.prefix))?;
    // No link-local address: it would report itself to multicast routers.
    ns.sysctl("net/ipv6/conf/all/disable_ipv6", "1")?;
    ns.sysctl("net/ipv6/conf/default/disable_ipv6", "1")?;
    let leaf = fabric.leaf(1)?;
    leaf.attach(RED, 20, &RED.machine_port(20), (&ns, "eth0"))?;
    let address = v4(20, SILENT);
    ns.ip_batch(&format!("addr add {address}/24 dev eth0\nroute add default via {}\n", v4(20, 254)))?;
    fabric.start()?;
    let near = fabric.host(RED, 0, 10)?;
    near.greet_gateway()?;
    let [prefix, _] = prefixes(20);
    fabric.wait_route(0, RED, &prefix, &[1], LIMIT)?;
    let known = fabric.leaf(0)?.route(RED, &address.to_string())?;
    ensure(known.is_none(), || format!("the silent host is known before it spoke: {known:?}"))?;
    let took = fabric.explain(first_reply(near.ns(), address, LIMIT))?;
    fabric.wait_route(0, RED, &address.to_string(), &[1], LIMIT)?;
    Ok(took)
}

fn parsed(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|reason| LabError::parse("address", text, reason))
}

/// A router of a tenant's own network (FRR, AS 65101), with a leg in each of several subnets of
/// the tenant, and a network behind it.
#[derive(Debug)]
pub struct CustomerEdge {
    /// Its speaker.
    pub speaker: Speaker,
    /// Its namespace.
    pub ns: Arc<Namespace>,
}

/// The number that a CE has in each of its subnets.
const CE: u8 = 201;
/// What is behind the CE: an address that answers, and the prefix.
pub const BEHIND_CE: [(&str, &str); 2] =
    [("203.0.113.1", "203.0.113.0/24"), ("2001:db8:ce::1", "2001:db8:ce::/48")];

impl CustomerEdge {
    /// Makes the CE, with legs `(leaf, subnet)` in machine ports, and starts it.
    pub fn start(fabric: &Fabric, tenant: Tenant, legs: &[(usize, u8)]) -> Result<Self> {
        let ns = Arc::new(Namespace::create(format!("{}-ce", fabric.prefix))?);
        for path in ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] {
            ns.sysctl(path, "1")?;
        }
        let mut config =
            "hostname ce\nrouter bgp 65101\n bgp router-id 203.0.113.1\n no bgp default ipv4-unicast\n \
             no bgp ebgp-requires-policy\n no bgp network import-check\n"
                .to_owned();
        let mut families = [String::new(), String::new()];
        for (leg, (leaf, subnet)) in legs.iter().enumerate() {
            let device = format!("c{leg}");
            fabric.leaf(*leaf)?.attach(tenant, *subnet, &tenant.machine_port(*subnet), (&ns, &device))?;
            ns.ip_batch(&format!(
                "addr add {}/24 dev {device}\naddr add {}/64 dev {device} nodad\n",
                v4(*subnet, CE),
                v6(*subnet, CE)
            ))?;
            host::ask_quickly(&ns, &device)?;
            for (neighbor, family) in [v4(*subnet, 254), v6(*subnet, 0xfe)].into_iter().zip(&mut families) {
                config += &format!(
                    " neighbor {neighbor} remote-as 65000\n neighbor {neighbor} timers 3 9\n \
                     neighbor {neighbor} timers connect 1\n"
                );
                *family += &format!("  neighbor {neighbor} activate\n");
            }
        }
        for ((name, family), (address, prefix)) in ["ipv4", "ipv6"].iter().zip(&families).zip(BEHIND_CE) {
            config += &format!(
                " address-family {name} unicast\n  network {prefix}\n{family} exit-address-family\n"
            );
            let length = if *name == "ipv4" { 32 } else { 128 };
            ns.ip(&format!("addr add {address}/{length} dev lo"))?;
        }
        let speaker = Speaker::start(Kind::Frr, &ns, &config)?;
        Ok(Self { speaker, ns })
    }
}

/// The lines of a leaf's configuration for a CE in a subnet of a tenant.
pub fn ce_lines(tenant: Tenant, subnet: u8) -> String {
    let (v4, v6) = (v4(subnet, CE), v6(subnet, CE));
    format!(
        "router bgp 65000 vrf {tenant}\n no bgp ebgp-requires-policy\n no bgp default ipv4-unicast\n \
         neighbor {v4} remote-as 65101\n neighbor {v4} timers 3 9\n neighbor {v4} timers connect 1\n \
         neighbor {v6} remote-as 65101\n neighbor {v6} timers 3 9\n neighbor {v6} timers connect 1\n \
         address-family ipv4 unicast\n  redistribute connected\n  neighbor {v4} activate\n exit-address-family\n \
         address-family ipv6 unicast\n  redistribute connected\n  neighbor {v6} activate\n exit-address-family\n \
         address-family l2vpn evpn\n  advertise ipv4 unicast\n  advertise ipv6 unicast\n exit-address-family\n"
    )
}

/// A leaf with a CE in its tenant (eBGP, FRR): a host behind another leaf reaches the network
/// behind the CE in both families, and the CE has the routes of the tenant's subnets.
pub fn customer_edge(reflector: Kind, forms: [Form; 2]) -> Result<()> {
    let [first, second] = forms;
    let border = LeafPlan { extra: ce_lines(RED, 99), ..LeafPlan::new(second, &[20, 99]) };
    let plan = Plan { reflector, leaves: vec![LeafPlan::new(first, &[10]), border], ..Plan::new(first, &[]) };
    let mut fabric = Fabric::build(&plan)?;
    fabric.start()?;
    let ce = CustomerEdge::start(&fabric, RED, &[(1, 99)])?;
    let near = fabric.host(RED, 0, 10)?;
    near.greet_gateway()?;
    for (address, prefix) in BEHIND_CE {
        fabric.wait_route(0, RED, prefix, &[1], LIMIT).map_err(|error| {
            let shown = ce.speaker.command("show bgp summary").unwrap_or_default();
            LabError::Unexpected(format!("{error}\nthe CE's sessions:\n{shown}"))
        })?;
        fabric.explain(first_reply(near.ns(), parsed(address)?, LIMIT))?;
    }
    for prefix in prefixes(10) {
        wait_for(&format!("{prefix} at the CE"), LIMIT, || {
            let routes = kernel::routes(&ce.ns)?;
            let there = routes.iter().any(|route| route.prefix == prefix && route.protocol == "bgp");
            Ok(if there { Ok(()) } else { Err(format!("{routes:?}")) })
        })?;
    }
    Ok(())
}

/// A prefix behind two border leaves: the first leaf has it through both, and loses what it
/// loses while one of them leaves, then the other. Returns both losses, v4 and v6 added.
pub fn ecmp_border_leaves(form: Form) -> Result<[Loss; 2]> {
    let borders =
        [98, 99].map(|subnet| LeafPlan { extra: ce_lines(RED, subnet), ..LeafPlan::new(form, &[subnet]) });
    let plan = Plan {
        leaves: [LeafPlan::new(form, &[10])].into_iter().chain(borders).collect(),
        ..Plan::new(form, &[])
    };
    let mut fabric = Fabric::build(&plan)?;
    fabric.start()?;
    let _ce = CustomerEdge::start(&fabric, RED, &[(1, 98), (2, 99)])?;
    fabric.host(RED, 0, 10)?.greet_gateway()?;
    let mut losses = [Loss::default(), Loss::default()];
    for (border, loss) in [1, 2].into_iter().zip(&mut losses) {
        let mut pingers = Vec::new();
        for (address, prefix) in BEHIND_CE {
            fabric.wait_route(0, RED, prefix, &[1, 2], LIMIT)?;
            pingers.push(Pinger::start(fabric.host(RED, 0, 10)?.ns(), parsed(address)?)?);
        }
        pingers.iter().try_for_each(|pinger| pinger.wait_answered(STEADY, LIMIT).map(drop))?;
        fabric.leaf_mut(border)?.speaker.stop();
        for (_, prefix) in BEHIND_CE {
            fabric.wait_route(0, RED, prefix, &[3 - border], LIMIT)?;
        }
        for pinger in pingers {
            fabric.explain(pinger.wait_answered(STEADY, LIMIT))?;
            let one = pinger.stop()?;
            loss.sent += one.sent;
            loss.lost += one.lost;
            loss.gaps.extend(one.gaps);
        }
        fabric.leaf_mut(border)?.speaker.launch()?;
    }
    Ok(losses)
}

/// The route of `leaf` to another host goes to the router MAC that stands in the neighbour table
/// and in the FDB of the L3VNI.
pub fn wait_router_mac(leaf: &Leaf, tenant: Tenant, far: &Leaf, limit: Duration) -> Result<Duration> {
    let wanted = far.router_mac(tenant)?;
    let (device, vxlan) = (leaf.l3_device(tenant)?, leaf.l3_vxlan(tenant)?);
    let room = leaf.room(tenant)?;
    wait_for(&format!("router MAC {wanted} of {} at {}", far.vtep, leaf.vtep), limit, || {
        let neighbours: Vec<_> = kernel::neighbours(room, &device)?
            .into_iter()
            .filter(|entry| entry.address.to_canonical() == far.vtep)
            .collect();
        let fdb = kernel::remote_mac(room, &vxlan, &wanted)?;
        let right = !neighbours.is_empty()
            && neighbours.iter().all(|entry| entry.mac.as_deref() == Some(wanted.as_str()))
            && fdb == Some(far.vtep);
        Ok(if right { Ok(()) } else { Err(format!("{neighbours:?}, FDB {fdb:?}")) })
    })
    .map(|((), took)| took)
}

/// The far leaf's router MAC changes: it is announced, the near leaf follows, and hosts that are
/// known already are reached again. Returns the time to the near leaf's new entries.
pub fn router_mac_changes(fabric: &Fabric) -> Result<Duration> {
    let (near, far) = (fabric.leaf(0)?, fabric.leaf(1)?);
    wait_router_mac(near, RED, far, LIMIT)?;
    let old = far.router_mac(RED)?;
    far.room(RED)?.ip(&format!("link set {} address 02:00:00:fe:fe:fe", far.l3_device(RED)?))?;
    let took = fabric.explain(wait_router_mac(near, RED, far, LIMIT))?;
    fabric.everybody_pings()?;
    let (room, vxlan) = (near.room(RED)?, near.l3_vxlan(RED)?);
    wait_until("the old router MAC to go", LIMIT, || kernel::no_remote_mac(room, &vxlan, &old))?;
    Ok(took)
}

/// The machine moves between the first two leaves and back while a host of another subnet, behind
/// the leaf at `from`, pings it. Returns what each move lost.
pub fn machine_moves(fabric: &mut Fabric, from: (usize, u8), leaving: Leaving) -> Result<[Loss; 2]> {
    let mut losses = [Loss::default(), Loss::default()];
    for (place, loss) in [1, 0].into_iter().zip(&mut losses) {
        let (leaf, subnet) = from;
        let Some(target) = fabric.machine.as_ref().map(|machine| machine.host.host.v4) else { break };
        let pinger = Pinger::start(fabric.host(RED, leaf, subnet)?.ns(), target)?;
        pinger.wait_answered(STEADY, LIMIT)?;
        if let Some(machine) = &mut fabric.machine {
            machine.move_to(place, leaving)?;
        }
        fabric.explain(pinger.wait_answered(STEADY, LIMIT))?;
        // FRR knows what its kernel knows, which makes no entry of an announcement that nobody asked for: the host
        // route may be missing and the prefix lead there all the same. So what counts of FRR is the ping.
        let known = fabric.leaf(place)?.form.kind() == Kind::Weft;
        for address in fabric.machine.iter().flat_map(|machine| machine.host.host.addresses()) {
            for (index, other) in fabric.leaves.iter().enumerate().filter(|_| known) {
                if fabric
                    .machine
                    .iter()
                    .all(|machine| other.plan.all_subnets().all(|subnet| subnet != machine.host.subnet))
                {
                    fabric.wait_route(index, RED, &address.to_string(), &[place], LIMIT)?;
                }
            }
            if known || address.is_ipv4() {
                fabric.explain(first_reply(fabric.host(RED, leaf, subnet)?.ns(), address, LIMIT))?;
            }
        }
        pinger.wait_answered(STEADY, LIMIT)?;
        *loss = pinger.stop()?;
    }
    Ok(losses)
}

/// With an underlay of IPv6 alone each leaf has the other's MACs and router MAC at an IPv6 VTEP, and routes to the
/// other's own subnets in both families.
pub fn vteps_are_ipv6(fabric: &Fabric) -> Result<()> {
    let spine = fabric.reflector.namespace();
    let addresses = spine.ip("-4 -o addr show")?;
    ensure(addresses.lines().all(|line| line.contains(" 127.0.0.1/8 ")), || {
        format!("the underlay has IPv4 addresses: {addresses}")
    })?;
    for host in &fabric.hosts {
        let home = fabric.leaf(host.leaf)?;
        ensure(home.vtep.is_ipv6(), || format!("the VTEP {} is no IPv6 address", home.vtep))?;
        for leaf in fabric.leaves.iter().filter(|leaf| leaf.number != home.number) {
            let room = leaf.room(host.tenant)?;
            if leaf.plan.subnets.contains(&host.subnet) {
                let vni = host.tenant.l2vni(host.subnet);
                let mac = host.host.mac_text();
                wait_until(&format!("{mac} at {} in VNI {vni}", home.vtep), LIMIT, || {
                    let vxlan = kernel::vxlan_of(room, vni)?.unwrap_or_default();
                    kernel::has_remote_mac(room, &vxlan, &mac, home.vtep)
                })?;
                continue;
            }
            let device = leaf.l3_device(host.tenant)?;
            for prefix in prefixes(host.subnet) {
                let waited = wait_for(&format!("{prefix} through {device} at {}", leaf.vtep), LIMIT, || {
                    let route = leaf.route(host.tenant, &prefix)?;
                    let hops = route.as_ref().map(|route| route.hops.clone()).unwrap_or_default();
                    let right = hops.len() == 1
                        && hops.iter().all(|hop| {
                            hop.device == device && hop.gateway.is_some_and(|gateway| gateway.is_ipv6())
                        });
                    Ok(if right { Ok(()) } else { Err(format!("{route:?}")) })
                });
                fabric.explain(waited)?;
            }
            let rmac = home.router_mac(host.tenant)?;
            wait_until(&format!("router MAC {rmac} at {}", home.vtep), LIMIT, || {
                Ok(kernel::remote_mac(room, &leaf.l3_vxlan(host.tenant)?, &rmac)? == Some(home.vtep))
            })?;
        }
    }
    Ok(())
}
