//! Hosts of routed subnets, and machines that move between leaves: a machine's network card
//! is a bridge and its wires are ports of it, one at a time, so a move changes the wire and
//! nothing else.

use super::{Tenant, gateways, v4, v6};
use crate::error::{LabError, Result};
use crate::fabric::{Host, LIMIT, Leaving};
use crate::netns::Namespace;
use crate::packet::Sender;
use crate::ping::first_reply;
use crate::wait::wait_until;
use std::net::IpAddr;
use std::sync::Arc;

/// A host in a tenant's subnet.
#[derive(Debug)]
pub struct RoutedHost {
    /// Its namespace, card and addresses.
    pub host: Host,
    /// Whose it is.
    pub tenant: Tenant,
    /// The number of its subnet.
    pub subnet: u8,
    /// The index of its leaf.
    pub leaf: usize,
}

impl RoutedHost {
    /// Its namespace.
    pub fn ns(&self) -> &Namespace {
        &self.host.ns
    }

    /// Its address of a family.
    pub fn address(&self, ipv6: bool) -> IpAddr {
        if ipv6 { self.host.v6 } else { self.host.v4 }
    }

    /// Lets it resolve its gateway in both families, so that its leaf knows its addresses.
    pub fn greet_gateway(&self) -> Result<()> {
        gateways(self.subnet)
            .into_iter()
            .try_for_each(|gateway| first_reply(self.ns(), gateway, LIMIT).map(drop))
    }
}

/// Gives a host its MAC, addresses and default routes. `number` is its place in the subnet.
pub fn dress(ns: Namespace, device: &'static str, tenant: Tenant, subnet: u8, number: u8) -> Result<Host> {
    let host = Host {
        ns,
        device,
        mac: [2, 0, 0, (tenant.l3vni % 100) as u8, subnet, number],
        v4: v4(subnet, number),
        v6: v6(subnet, number),
    };
    let [gateway4, gateway6] = gateways(subnet);
    host.ns.ip_batch(&format!(
        "link set {device} address {}\naddr add {}/24 dev {device}\naddr add {}/64 dev {device} nodad\n\
         link set {device} up\nroute add default via {gateway4}\nroute add default via {gateway6} dev {device}\n",
        host.mac_text(),
        host.v4,
        host.v6
    ))?;
    ask_quickly(&host.ns, device)?;
    Ok(host)
}

/// Lets a host ask again for a MAC after 20 ms: every "first ping" would be a whole second.
pub fn ask_quickly(ns: &Namespace, device: &str) -> Result<()> {
    for family in ["ipv4", "ipv6"] {
        ns.sysctl(&format!("net/{family}/neigh/{device}/retrans_time_ms"), "20")?;
    }
    Ok(())
}

/// The `ip` lines that make the network card of a machine that moves, `nic`. A port that leads nowhere keeps its
/// carrier up while the wire changes: the kernel notices a carrier some time later, and until then would drop
/// what the machine says first at its new place. Its far end, being in the machine, too, must not answer ARP for the
/// machine's addresses.
pub(crate) fn network_card() -> &'static str {
    "link add nic type bridge mcast_snooping 0\nlink add spare type veth peer name nowhere\n\
     link set nowhere addrgenmode none arp off up\nlink set spare addrgenmode none\n\
     link set spare master nic\nlink set spare up\n"
}

/// A machine with a wire to each of several leaves.
#[derive(Debug)]
pub struct Machine {
    /// What stays the same when it moves.
    pub host: RoutedHost,
    wires: Vec<Wire>,
}

#[derive(Debug)]
struct Wire {
    leaf: usize,
    /// The wire's end at the machine.
    own: String,
    /// The namespace with its other end, and that end: the leaf's port.
    port: (Arc<Namespace>, String),
}

impl Machine {
    /// Makes a machine whose wires are there already (`w0`, `w1`, …), the first one in use.
    /// `ports` are, in the same order, the index of the leaf, the namespace with its port and
    /// the port's name.
    pub fn build(
        ns: Namespace,
        (tenant, subnet, number): (Tenant, u8, u8),
        ports: Vec<(usize, Arc<Namespace>, String)>,
    ) -> Result<Self> {
        ns.ip_batch(&format!("{}link set w0 master nic\n", network_card()))?;
        let wires: Vec<Wire> = ports
            .into_iter()
            .enumerate()
            .map(|(index, (leaf, namespace, port))| Wire {
                leaf,
                own: format!("w{index}"),
                port: (namespace, port),
            })
            .collect();
        for wire in wires.iter().skip(1) {
            ns.ip(&format!("link set {} down", wire.own))?;
        }
        // An unused wire that is still up answers no ARP for the card's addresses.
        ns.sysctl("net/ipv4/conf/all/arp_ignore", "1")?;
        let leaf = wires.first().map_or(0, |wire| wire.leaf);
        let host = dress(ns, "nic", tenant, subnet, number)?;
        Ok(Self { host: RoutedHost { host, tenant, subnet, leaf }, wires })
    }

    fn wire(&self, leaf: usize) -> Result<&Wire> {
        self.wires
            .iter()
            .find(|wire| wire.leaf == leaf)
            .ok_or_else(|| LabError::Unexpected(format!("the machine has no wire to leaf {leaf}")))
    }

    /// Moves it to another leaf, where it announces itself once. The new wire is ready before the
    /// old one goes, so what is lost is lost by the fabric.
    pub fn move_to(&mut self, leaf: usize, leaving: Leaving) -> Result<()> {
        let (old, new) = (self.wire(self.host.leaf)?, self.wire(leaf)?);
        let ns = &self.host.host.ns;
        ns.ip(&format!("link set {} up", new.own))?;
        let (port_ns, port) = &new.port;
        wait_until("the new wire's carrier at both ends", LIMIT, || {
            Ok(ns.ip(&format!("link show dev {}", new.own))?.contains("state UP")
                && port_ns.bridge(&format!("link show dev {port}"))?.contains("state forwarding"))
        })?;
        let sender = Sender::open(ns, self.host.host.device)?;
        // A wire that is not used is no port: two at once would be a loop around the fabric.
        let leave = match leaving {
            Leaving::PortDown => format!("link set {0} nomaster\nlink set {0} down\n", old.own),
            Leaving::Silent => format!("link set {} nomaster\n", old.own),
        };
        ns.ip_batch(&format!("{leave}link set {} master nic\n", new.own))?;
        let host = &self.host.host;
        host.addresses().iter().try_for_each(|address| sender.announce(host.mac, *address))?;
        self.host.leaf = leaf;
        Ok(())
    }
}
