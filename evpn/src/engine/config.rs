//! What the operator wants of EVPN, whole and at once: the engine compares it with what it
//! has and applies the differences. It says nothing of BGP sessions or of devices.

use crate::{DomainId, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni, VrfName};
use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

/// How frames to unknown, multicast and broadcast MACs reach other VTEPs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flooding {
    /// A copy to each VTEP that advertised an IMET route (RFC 7432 §11, ingress replication).
    #[default]
    HeadEndReplication,
    /// None: no IMET route is advertised and no flood entry is made.
    Disabled,
}

/// What happens to an address that is found at two places (RFC 7432 §15.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freeze {
    /// A notice only.
    #[default]
    None,
    /// Its moves are not followed for this long.
    For(Duration),
    /// Its moves are not followed until the operator clears it.
    Permanent,
}

/// Duplicate address detection: `max_moves` within `window` make an address a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DuplicateDetection {
    /// False: moves are followed without counting.
    pub enabled: bool,
    /// RFC 7432 §15.1's N.
    pub max_moves: u32,
    /// RFC 7432 §15.1's M.
    pub window: Duration,
    /// What happens then.
    pub freeze: Freeze,
}

impl Default for DuplicateDetection {
    fn default() -> Self {
        Self { enabled: true, max_moves: 5, window: Duration::from_secs(180), freeze: Freeze::None }
    }
}

/// One `vni N` block. What is absent is derived, or taken from the global setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VniConfig {
    /// Absent: the router ID and a number that belongs to the VNI.
    pub rd: Option<RouteDistinguisher>,
    /// Empty: any route target whose local part is the (auto) number of the VNI.
    pub import: Vec<RouteTargetMatch>,
    /// Empty: the auto route target.
    pub export: Vec<RouteTarget>,
    /// Absent: the global setting.
    pub flooding: Option<Flooding>,
    /// Absent: the global setting.
    pub advertise_svi_ip: Option<bool>,
    /// Absent: the global setting.
    pub advertise_default_gw: Option<bool>,
}

/// One IP-VRF. What is absent is derived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpVrfConfig {
    /// The L3VNI; without one the IP-VRF takes no part in EVPN.
    pub vni: Option<Vni>,
    /// Prefix routes only: hosts are neither advertised with the L3VNI nor imported from
    /// MAC/IP routes.
    pub prefix_routes_only: bool,
    /// Absent: the router ID and a number that belongs to the IP-VRF.
    pub rd: Option<RouteDistinguisher>,
    /// Empty: any route target whose local part is the (auto) number of the L3VNI.
    pub import: Vec<RouteTargetMatch>,
    /// Empty: the auto route target of the L3VNI.
    pub export: Vec<RouteTarget>,
}

/// The whole configuration of EVPN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvpnConfig {
    /// Our AS number; auto route targets carry its low 16 bits.
    pub asn: u32,
    /// Our BGP identifier; auto route distinguishers carry it.
    pub router_id: Ipv4Addr,
    /// Serve every VNI that the kernel has.
    pub advertise_all_vni: bool,
    /// Advertise the bridges' own addresses as MAC/IP routes.
    pub advertise_svi_ip: bool,
    /// Advertise them with the Default Gateway community (RFC 7432 §10.1).
    pub advertise_default_gw: bool,
    /// Flooding, unless the VNI says otherwise.
    pub flooding: Flooding,
    /// Duplicate address detection.
    pub duplicate_detection: DuplicateDetection,
    /// Auto route targets in the form of RFC 8365 §5.1.2.1 instead of FRR's `AS:VNI`.
    pub auto_rt_rfc8365: bool,
    /// The `vni N` blocks. A VNI with a block is served even without `advertise_all_vni`.
    pub vnis: BTreeMap<Vni, VniConfig>,
    /// The IP-VRFs.
    pub vrfs: BTreeMap<VrfName, IpVrfConfig>,
    /// Our own domain.
    pub domain: DomainId,
    /// The other domains that we have neighbours in. With any, we are a gateway.
    pub other_domains: Vec<DomainId>,
}

impl Default for EvpnConfig {
    /// Serves nothing.
    fn default() -> Self {
        Self {
            asn: 0,
            router_id: Ipv4Addr::UNSPECIFIED,
            advertise_all_vni: false,
            advertise_svi_ip: false,
            advertise_default_gw: false,
            flooding: Flooding::default(),
            duplicate_detection: DuplicateDetection::default(),
            auto_rt_rfc8365: false,
            vnis: BTreeMap::new(),
            vrfs: BTreeMap::new(),
            domain: DomainId::default(),
            other_domains: Vec::new(),
        }
    }
}

impl EvpnConfig {
    /// True if routes are to be made and used for this VNI once its devices are there.
    pub fn serves(&self, vni: Vni) -> bool {
        self.advertise_all_vni || self.vnis.contains_key(&vni)
    }

    /// The auto route target of a VNI.
    pub fn auto_route_target(&self, vni: Vni) -> RouteTarget {
        if self.auto_rt_rfc8365 {
            RouteTarget::auto_rfc8365(self.asn, vni)
        } else {
            RouteTarget::auto(self.asn, vni)
        }
    }

    /// What a VNI imports. Sorted, without repetition. The auto form ignores the AS, as
    /// leaves of an eBGP fabric each have their own.
    pub fn import(&self, vni: Vni) -> Vec<RouteTargetMatch> {
        let manual = self.vnis.get(&vni).map(|block| block.import.as_slice()).unwrap_or_default();
        let mut import = manual.to_vec();
        if import.is_empty() {
            import.push(RouteTargetMatch::AnyAs(self.auto_route_target(vni).local_part()));
        }
        import.sort_unstable();
        import.dedup();
        import
    }

    /// The route targets on what a VNI advertises. Sorted, without repetition.
    pub fn export(&self, vni: Vni) -> Vec<RouteTarget> {
        let manual = self.vnis.get(&vni).map(|block| block.export.as_slice()).unwrap_or_default();
        let mut export = manual.to_vec();
        if export.is_empty() {
            export.push(self.auto_route_target(vni));
        }
        export.sort_unstable();
        export.dedup();
        export
    }

    /// Flooding for a VNI.
    pub fn flooding(&self, vni: Vni) -> Flooding {
        self.vnis.get(&vni).and_then(|block| block.flooding).unwrap_or(self.flooding)
    }

    /// Whether a VNI advertises its bridge's addresses as hosts.
    pub fn advertise_svi_ip(&self, vni: Vni) -> bool {
        self.vnis.get(&vni).and_then(|block| block.advertise_svi_ip).unwrap_or(self.advertise_svi_ip)
    }

    /// Whether a VNI advertises its bridge's addresses as default gateway.
    pub fn advertise_default_gw(&self, vni: Vni) -> bool {
        self.vnis.get(&vni).and_then(|block| block.advertise_default_gw).unwrap_or(self.advertise_default_gw)
    }
}
