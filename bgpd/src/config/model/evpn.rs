//! `address-family l2vpn evpn`: of the speaker with its VNIs, and of an IP-VRF.

use crate::config::text_form;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weft_evpn::{DomainId, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};

/// How BUM frames reach the other VTEPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flooding {
    /// A copy to every VTEP of the VNI. The default.
    #[default]
    HeadEndReplication,
    /// Not at all: no type-3 route is sent, no flood entry made.
    Disable,
}

/// `address-family l2vpn evpn`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Evpn {
    /// Serve every VNI that the kernel has; otherwise only those with a `vni` block.
    pub advertise_all_vni: bool,
    /// Originate MAC-IP routes for the addresses of the bridges themselves.
    pub advertise_svi_ip: bool,
    /// The same with the default gateway community.
    pub advertise_default_gw: bool,
    /// BUM handling, unless a VNI says otherwise.
    pub flooding: Flooding,
    /// Duplicate MAC detection (RFC 7432 §15.1).
    pub duplicate_detection: DuplicateDetection,
    /// Derive route targets as RFC 8365 §5.1.2.1 has them.
    pub auto_rt_rfc8365: bool,
    /// `domain NAME [id N:M]`: our own domain; `local` when absent.
    pub domain: Option<Domain>,
    /// `vni N` blocks.
    pub vnis: BTreeMap<Vni, VniConfig>,
}

/// An EVPN domain: a site, a pod, a core.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Domain {
    /// What the operator calls it.
    pub name: String,
    /// `id N:M`: what it is called in D-PATH; derived from the name when absent.
    #[serde(default, with = "text_form::option")]
    pub id: Option<DomainId>,
}

impl Domain {
    /// What it is called in D-PATH.
    pub fn domain_id(&self) -> DomainId {
        self.id.unwrap_or_else(|| DomainId::of_name(&self.name))
    }
}

/// `dup-addr-detection …`. On, 5 moves in 180 seconds, warning only, when nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DuplicateDetection {
    /// Off by `no dup-addr-detection`.
    pub enabled: bool,
    /// Moves that make a duplicate, 2 to 1000.
    pub max_moves: u32,
    /// Seconds within which they are counted, 2 to 1800.
    pub time: u32,
    /// What happens to a duplicate.
    pub freeze: Freeze,
}

impl Default for DuplicateDetection {
    fn default() -> Self {
        DuplicateDetection { enabled: true, max_moves: 5, time: 180, freeze: Freeze::Never }
    }
}

/// `dup-addr-detection freeze …`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeze {
    /// Only a warning. The default.
    #[default]
    Never,
    /// No change of the address is followed for so many seconds, 30 to 3600.
    Seconds(u32),
    /// Until `clear evpn dup-addr`.
    Permanent,
}

/// `vni N` … `exit-vni`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VniConfig {
    /// The route distinguisher; derived from the router id when absent.
    #[serde(with = "text_form::option")]
    pub rd: Option<RouteDistinguisher>,
    /// What is imported; the derived route target of any AS when empty.
    #[serde(with = "text_form::set")]
    pub import: BTreeSet<RouteTargetMatch>,
    /// What routes carry; the derived route target when empty.
    #[serde(with = "text_form::set")]
    pub export: BTreeSet<RouteTarget>,
    /// `route-target import auto`: the derived route target beside those named.
    pub auto_import: bool,
    /// `route-target export auto`: the derived route target beside those named.
    pub auto_export: bool,
    /// Overrides the family's `flooding`.
    pub flooding: Option<Flooding>,
    /// Overrides the family's `advertise-svi-ip`.
    pub advertise_svi_ip: Option<bool>,
    /// Overrides the family's `advertise-default-gw`.
    pub advertise_default_gw: Option<bool>,
}

/// `address-family l2vpn evpn` of `router bgp N vrf NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct VrfEvpn {
    /// The route distinguisher; derived from the router id when absent.
    #[serde(with = "text_form::option")]
    pub rd: Option<RouteDistinguisher>,
    /// What is imported; the derived route target of any AS when empty.
    #[serde(with = "text_form::set")]
    pub import: BTreeSet<RouteTargetMatch>,
    /// What routes carry; the derived route target when empty.
    #[serde(with = "text_form::set")]
    pub export: BTreeSet<RouteTarget>,
    /// `route-target import auto`: the derived route target beside those named.
    pub auto_import: bool,
    /// `route-target export auto`: the derived route target beside those named.
    pub auto_export: bool,
    /// `advertise ipv4 unicast`: IPv4 routes of the IP-VRF go out as type 5.
    pub advertise_ipv4: Option<Advertise>,
    /// `advertise ipv6 unicast`: IPv6 routes of the IP-VRF go out as type 5.
    pub advertise_ipv6: Option<Advertise>,
    /// `default-originate ipv4`: a default route as type 5.
    pub default_originate_ipv4: bool,
    /// `default-originate ipv6`: a default route as type 5.
    pub default_originate_ipv6: bool,
}

/// `advertise ipv4|ipv6 unicast [gateway-ip] [route-map NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Advertise {
    /// The next hop of the route is the overlay index (RFC 9136 §4.1).
    pub gateway_ip: bool,
    /// Judges what is advertised; one that does not exist denies all.
    pub route_map: Option<String>,
}
