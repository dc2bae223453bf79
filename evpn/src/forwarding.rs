//! What the kernel must hold because of EVPN. `Evpn` makes these changes, `weft-fib` keeps
//! them as its desired state and writes them. Each names a key and the whole wanted value
//! (`None`: nothing), so applying one twice, or late, does no harm.

use crate::{MacAddr, Vni};
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

/// A change of the desired state of one L2VNI.
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
}
