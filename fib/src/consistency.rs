//! `show evpn consistency`: what the kernel holds, read back, against what it should hold.

use std::fmt;
use weft_evpn::Vni;

/// A kind of kernel entry that Weft writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A MAC in the FDB of a vxlan device (`self`).
    VxlanFdb,
    /// A MAC in the FDB of a bridge, on the vxlan port (`master`).
    BridgeFdb,
    /// The all-zero MAC of a vxlan device: a VTEP that gets a copy of BUM frames.
    Flood,
    /// An address in the neighbour table of the bridge.
    Neighbour,
    /// A nexthop object of a VTEP or its group, for FDB entries.
    Nexthop,
    /// A route in the table of an IP-VRF.
    VrfRoute,
    /// A nexthop object or a group of such, for routes.
    L3Nexthop,
    /// A VTEP in the neighbour table of an L3VNI's device: its router MAC.
    RouterMacNeighbour,
    /// A router MAC in the FDB of an L3VNI's vxlan device or bridge.
    RouterMacFdb,
    /// An address that the SVI answers ARP and ND for.
    Proxy,
    /// A rule that leads to the table of an IP-VRF, or behind those.
    Rule,
    /// A gateway address on a bridge.
    Gateway,
    /// A subnet, a router's own address, or the end, in the table of an IP-VRF.
    TableRoute,
}

impl fmt::Display for EntryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EntryKind::VxlanFdb => "vxlan FDB entry",
            EntryKind::BridgeFdb => "bridge FDB entry",
            EntryKind::Flood => "flood entry",
            EntryKind::Neighbour => "neighbour",
            EntryKind::Nexthop => "nexthop",
            EntryKind::VrfRoute => "VRF route",
            EntryKind::L3Nexthop => "L3 nexthop",
            EntryKind::RouterMacNeighbour => "router MAC neighbour",
            EntryKind::RouterMacFdb => "router MAC FDB entry",
            EntryKind::Proxy => "proxy entry",
            EntryKind::Rule => "rule",
            EntryKind::Gateway => "gateway address",
            EntryKind::TableRoute => "table route",
        })
    }
}

/// One difference between desired and kernel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// What kind of entry.
    pub kind: EntryKind,
    /// The VNI; none for nexthops and routes.
    #[serde(serialize_with = "vni_number")]
    pub vni: Option<Vni>,
    /// The device it is on; empty for nexthops. For a route the name of its IP-VRF.
    pub device: String,
    /// MAC, address, VTEP, nexthop id or prefix.
    pub key: String,
    /// What should be there; `None`: nothing of ours.
    pub desired: Option<String>,
    /// What is there; `None`: nothing.
    pub kernel: Option<String>,
}

fn vni_number<S: serde::Serializer>(vni: &Option<Vni>, to: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&vni.map(Vni::get), to)
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.key)?;
        if !self.device.is_empty() {
            let word = if self.kind == EntryKind::VrfRoute { "vrf" } else { "dev" };
            write!(f, " {word} {}", self.device)?;
        }
        if let Some(vni) = self.vni {
            write!(f, " (VNI {vni})")?;
        }
        let show = |side: &Option<String>| side.clone().unwrap_or_else(|| "nothing".to_owned());
        write!(f, ": desired {}, kernel {}", show(&self.desired), show(&self.kernel))
    }
}

/// The result of a read-back.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct ConsistencyReport {
    /// How many VNIs were read back, L3VNIs among them.
    pub vnis: usize,
    /// How many desired entries were compared.
    pub checked: usize,
    /// What differs, at most [`ConsistencyReport::LIMIT`] of them.
    pub differences: Vec<Difference>,
    /// How many more differ.
    pub omitted: usize,
    /// Why the read-back is not complete, if it is not.
    pub error: Option<String>,
}

impl ConsistencyReport {
    /// Differences beyond this are counted only.
    pub const LIMIT: usize = 10_000;

    /// True when all that should be there is there and nothing else of ours.
    pub fn is_consistent(&self) -> bool {
        self.differences.is_empty() && self.omitted == 0 && self.error.is_none()
    }

    pub(crate) fn add(&mut self, difference: Difference) {
        if self.differences.len() < Self::LIMIT {
            self.differences.push(difference);
        } else {
            self.omitted += 1;
        }
    }
}
