//! What the operator wants of the kernel side: which VNIs are served, which devices Weft makes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weft_evpn::Vni;

/// The whole wanted configuration. Sending it again, or with small changes, applies the differences only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FibConfig {
    /// `vtep source`: the `local` address of the vxlan devices that Weft makes. Without it no device is made.
    pub vtep_source: Option<IpAddr>,
    /// `bridge-domain NAME`: devices that Weft makes, by name of the domain.
    pub bridge_domains: BTreeMap<String, BridgeDomain>,
    /// Which VNIs to serve among those that have devices, whoever made them.
    pub serve: Serve,
}

/// One `bridge-domain`: a bridge and a vxlan device that Weft makes and keeps.
///
/// The bridge is named `br-NAME`; where that would pass 15 characters, its first ten, a dash and four hexadecimal
/// digits of a hash. The vxlan device is named `vx` and the VNI. Their alias, `weft: bridge-domain NAME`, says whose
/// they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeDomain {
    /// The L2VNI of its vxlan device.
    pub vni: Vni,
    /// Ports to enslave, by interface name. Those that do not exist yet are taken when they appear.
    pub interfaces: Vec<String>,
    /// MTU of the vxlan device in octets; `None`: that of the underlay less 50 (IPv4) or 70 (IPv6).
    pub mtu: Option<u32>,
}

/// Which VNIs of this kernel are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serve {
    /// Every VNI that has devices (`advertise-all-vni`).
    All,
    /// These only (`vni N` blocks). The VNIs of bridge domains are not implied.
    Only(BTreeSet<Vni>),
}

impl Serve {
    /// Whether this VNI is to be served.
    pub fn contains(&self, vni: Vni) -> bool {
        match self {
            Serve::All => true,
            Serve::Only(vnis) => vnis.contains(&vni),
        }
    }
}

impl Default for Serve {
    /// Nothing is served until the configuration says so.
    fn default() -> Self {
        Serve::Only(BTreeSet::new())
    }
}

/// How the service runs; tests and odd kernels need other values than the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FibOptions {
    /// Receive buffer of the monitor socket in bytes; `None`: 8 MiB. An overrun costs a resync, nothing else.
    pub receive_buffer: Option<usize>,
    /// False: never use nexthop objects, write the VTEP's address into every FDB entry (`NDA_DST`).
    pub nexthop_objects: bool,
    /// False: no ARP and ND snooping on local ports and no probes (needs `CAP_NET_RAW`).
    pub snoop: bool,
}

impl Default for FibOptions {
    fn default() -> Self {
        FibOptions { receive_buffer: None, nexthop_objects: true, snoop: true }
    }
}
