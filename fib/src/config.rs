//! What the operator wants of the kernel side: which VNIs are served, which devices Weft makes.

use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use weft_evpn::vrf::VrfForm;
use weft_evpn::{MacAddr, Vni, VrfName};

/// The whole wanted configuration. Sending it again, or with small changes, applies the differences only.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FibConfig {
    /// `vtep source`: the `local` address of the vxlan devices that Weft makes. Without it no device is made.
    pub vtep_source: Option<IpAddr>,
    /// `bridge-domain NAME`: devices that Weft makes, by name of the domain.
    pub bridge_domains: BTreeMap<String, BridgeDomain>,
    /// Which VNIs to serve among those that have devices, whoever made them.
    pub serve: Serve,
    /// `vrf NAME`: the IP-VRFs.
    pub vrfs: BTreeMap<VrfName, Vrf>,
    /// `gateway mac`: the Ethernet address of every gateway that has none of its own; `None`:
    /// 00:00:5e:00:01:01 (RFC 9135 §4.1).
    pub gateway_mac: Option<MacAddr>,
}

/// An IP-VRF: its L3VNI, and how it is made where the operator has not made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vrf {
    /// The L3VNI; `None`: no part in EVPN.
    pub vni: Option<Vni>,
    /// The routing table; `None`: that of the operator's VRF device of this name, else one of our own.
    pub table: Option<u32>,
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
    /// The IP-VRF that its gateways route in; `None`: the main table.
    pub vrf: Option<VrfName>,
    /// `gateway A.B.C.D/L`: addresses of the bridge, the same at every leaf, with their subnets.
    pub gateways: Vec<IpNet>,
    /// The bridge's Ethernet address; `None`: with gateways `FibConfig::gateway_mac`.
    pub gateway_mac: Option<MacAddr>,
}

impl BridgeDomain {
    /// A domain that is bridged only.
    pub fn new(vni: Vni, interfaces: Vec<String>) -> Self {
        Self { vni, interfaces, mtu: None, vrf: None, gateways: Vec::new(), gateway_mac: None }
    }
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
    /// How IP-VRFs are made; `None`: as VRF devices if this kernel has them, else with rules.
    pub vrf_form: Option<VrfForm>,
}

impl Default for FibOptions {
    fn default() -> Self {
        FibOptions { receive_buffer: None, nexthop_objects: true, snoop: true, vrf_form: None }
    }
}
