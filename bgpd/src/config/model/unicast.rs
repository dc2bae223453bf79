//! `address-family ipv4|ipv6 unicast` of an IP-VRF, without its neighbour lines.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The lines of the address family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Unicast {
    /// `redistribute …`: routes of the IP-VRF's table that become BGP routes.
    pub redistribute: BTreeMap<RedistributeSource, Redistribute>,
    /// `network P`: prefixes that are originated.
    pub networks: BTreeMap<IpNet, Network>,
    /// `aggregate-address P`.
    pub aggregates: BTreeMap<IpNet, Aggregate>,
    /// `maximum-paths N`: how many equal paths are used at once; 64 when absent.
    pub maximum_paths: Option<u16>,
    /// `maximum-paths ibgp N`: the same for paths of internal peers.
    pub maximum_paths_ibgp: Option<u16>,
}

impl Unicast {
    /// True if nothing is said.
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// Whose routes are redistributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RedistributeSource {
    /// Subnets of interfaces.
    Connected,
    /// Routes of the kernel that no routing protocol of Weft made, other than static ones.
    Kernel,
    /// Routes with protocol `static`, or set by hand.
    Static,
}

/// `redistribute SOURCE [route-map NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Redistribute {
    /// Judges what is redistributed; one that does not exist denies all.
    pub route_map: Option<String>,
}

/// `network P [route-map NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Network {
    /// Sets the attributes; one that does not exist denies.
    pub route_map: Option<String>,
}

/// `aggregate-address P [summary-only] [route-map NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Aggregate {
    /// Covered routes are held back.
    pub summary_only: bool,
    /// Sets the attributes of the aggregate; one that does not exist denies.
    pub route_map: Option<String>,
}

impl RedistributeSource {
    /// Every source.
    pub const ALL: [RedistributeSource; 3] = [Self::Connected, Self::Kernel, Self::Static];

    /// FRR's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Kernel => "kernel",
            Self::Static => "static",
        }
    }

    /// The source of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}
