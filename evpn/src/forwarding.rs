//! What the kernel must hold because of EVPN. `Evpn` makes these changes, `weft-fib` keeps
//! them as its desired state and writes them. Each names a key and the whole wanted value
//! (`None`: nothing), so applying one twice, or late, does no harm.

use crate::{MacAddr, Vni, VrfName};
use ipnet::IpNet;
use std::net::IpAddr;

/// Where a remote MAC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemoteMac {
    /// The VTEP that advertised it.
    pub vtep: IpAddr,
    /// Sticky or default gateway: the bridge must not let it move by learning.
    pub sticky: bool,
}

/// Which MAC a remote address is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RemoteNeighbour {
    /// The host's MAC.
    pub mac: MacAddr,
    /// The host is a router (RFC 9047, ND router flag).
    pub router: bool,
}

/// A way out of an IP-VRF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VrfNextHop {
    /// Through the L3VNI to a remote VTEP.
    Vtep {
        /// Its address.
        vtep: IpAddr,
        /// The inner destination MAC (RFC 9135 §8.1).
        router_mac: MacAddr,
    },
    /// A router in the tenant's own network, on a subnet of one of the VRF's interfaces.
    Gateway(IpAddr),
}

/// What an IP-VRF does with packets to a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VrfForward {
    /// Sends them to one of these; sorted, without repetition, never empty.
    Via(Vec<VrfNextHop>),
    /// Drops them: behind an aggregate (RFC 4632 §5.1).
    Discard,
}

/// A change of the desired state of one L2VNI or IP-VRF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForwardingChange {
    /// The FDB entries (vxlan and bridge) of a remote MAC.
    Mac {
        /// The L2VNI.
        vni: Vni,
        /// The MAC.
        mac: MacAddr,
        /// `None`: no entry of ours.
        wanted: Option<RemoteMac>,
    },
    /// The neighbour entry of a remote address on the bridge.
    Neighbour {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// `None`: no entry of ours.
        wanted: Option<RemoteNeighbour>,
    },
    /// The flood entry (all-zero MAC) for a remote VTEP.
    Flood {
        /// The L2VNI.
        vni: Vni,
        /// The VTEP.
        vtep: IpAddr,
        /// False: no entry of ours.
        wanted: bool,
    },
    /// Ask on the local ports whether `ip` still answers (ARP request or neighbour
    /// solicitation); the answer comes as `LocalEvent::Neighbour`. Not state: sent once.
    Probe {
        /// The L2VNI.
        vni: Vni,
        /// The address asked for.
        ip: IpAddr,
        /// Ask this MAC only (unicast); `None`: ask all local ports.
        mac: Option<MacAddr>,
    },
    /// Tell the hosts on the local ports that `ip` is at `mac` now (gratuitous ARP or unsolicited
    /// neighbour advertisement), so that they do not send to where it was. Not state: sent once.
    Announce {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// The MAC to tell; `None`: that of the SVI, since the address is reached by routing.
        mac: Option<MacAddr>,
    },
    /// The SVI answers ARP and ND for `ip`, a host of its subnet that is reached by routing.
    Proxy {
        /// The L2VNI.
        vni: Vni,
        /// The address.
        ip: IpAddr,
        /// False: no entry of ours.
        wanted: bool,
    },
    /// A route in the table of an IP-VRF.
    Route {
        /// The IP-VRF.
        vrf: VrfName,
        /// The prefix.
        prefix: IpNet,
        /// `None`: no route of ours.
        wanted: Option<VrfForward>,
    },
}
