//! What the parts of Weft say to each other about IP-VRFs (RFC 9135 §3, RFC 9136): names, the
//! devices that the kernel side found or made for one, the routes of its own that it holds.

use crate::{MacAddr, Vni};
use ipnet::IpNet;
use std::{fmt, net::IpAddr, sync::Arc};

/// The name of an IP-VRF, as in `vrf NAME`. Cheap to copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VrfName(Arc<str>);

impl VrfName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for VrfName {
    fn from(name: &str) -> Self {
        Self(Arc::from(name))
    }
}

impl fmt::Display for VrfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VrfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// How an IP-VRF is made in this kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VrfForm {
    /// A VRF device and its table.
    Device,
    /// A routing table that rules lead to, by the interface that a packet came in by.
    Rule,
}

impl fmt::Display for VrfForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VrfForm::Device => "VRF device",
            VrfForm::Rule => "routing table with rules",
        })
    }
}

/// The devices of an L3VNI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct L3VniDevices {
    /// The L3VNI.
    pub vni: Vni,
    /// Interface index and name of the vxlan device.
    pub vxlan: (u32, String),
    /// Interface index and name of the routed device: the bridge (or VLAN device) above the vxlan
    /// device, or the vxlan device itself.
    pub svi: (u32, String),
    /// The vxlan device's `local` address: our VTEP.
    pub vtep: IpAddr,
    /// The Ethernet address of `svi`: our router MAC (RFC 9135 §8.1).
    pub router_mac: MacAddr,
}

/// A routed interface in an IP-VRF, other than that of the L3VNI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfInterface {
    /// Interface index and name.
    pub device: (u32, String),
    /// Its addresses with their prefix lengths.
    pub addresses: Vec<IpNet>,
}

/// The devices that serve an IP-VRF in this kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VrfDevices {
    /// How it is made.
    pub form: VrfForm,
    /// Its routing table.
    pub table: u32,
    /// Interface index and name of the VRF device; `None` in rule form.
    pub master: Option<(u32, String)>,
    /// `None` while the L3VNI has no devices, or none is configured.
    pub l3vni: Option<L3VniDevices>,
    /// The other routed interfaces in it.
    pub interfaces: Vec<VrfInterface>,
}

/// Where a route in an IP-VRF's table comes from, if not from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocalRouteKind {
    /// A subnet of an interface.
    Connected,
    /// `proto static`, or set by an operator's hand (`proto boot`).
    Static,
    /// `proto kernel` without being connected, or any other protocol but ours.
    Kernel,
}

/// A route in an IP-VRF's table that is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalRoute {
    /// Where it comes from.
    pub kind: LocalRouteKind,
    /// Its gateway, if it has one.
    pub gateway: Option<IpAddr>,
    /// The interface it leads to.
    pub interface: Option<(u32, String)>,
    /// Its metric.
    pub metric: u32,
}
