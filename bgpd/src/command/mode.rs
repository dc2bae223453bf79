//! Modes: where in the configuration a shell stands. A shell's place is a path of modes,
//! empty for operational commands; the client keeps it and does not look into it.

use super::{Command, configure, show};
use serde::{Deserialize, Serialize};
use weft_evpn::Vni;

/// One step of the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// `configure terminal`, or a file.
    Configure,
    /// `router bgp N`; there is one.
    Router,
    /// `router bgp N vrf NAME`
    RouterVrf(String),
    /// `address-family l2vpn evpn`
    Evpn,
    /// `address-family rtfilter unicast`
    RtFilter,
    /// The same as `Evpn`, of an IP-VRF.
    VrfEvpn,
    /// `address-family ipv4|ipv6 unicast` outside of an IP-VRF, where nothing can be said.
    Unicast,
    /// `address-family ipv4 unicast` of an IP-VRF.
    VrfIpv4,
    /// `address-family ipv6 unicast` of an IP-VRF.
    VrfIpv6,
    /// `vni N` in the address family.
    Vni(Vni),
    /// `bridge-domain NAME`
    BridgeDomain(String),
    /// `vrf NAME`
    Vrf(String),
    /// `route-map NAME permit|deny N`
    RouteMap(String, u16),
}

/// A mode without what it is about: what decides which commands there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModeKind {
    /// Operational commands.
    Exec,
    /// See `Mode`.
    Configure,
    /// See `Mode`.
    Router,
    /// See `Mode`.
    Evpn,
    /// See `Mode`.
    RtFilter,
    /// See `Mode`.
    VrfEvpn,
    /// See `Mode`.
    Unicast,
    /// See `Mode`.
    VrfIpv4,
    /// See `Mode`.
    VrfIpv6,
    /// See `Mode`.
    Vni,
    /// See `Mode`.
    BridgeDomain,
    /// See `Mode`.
    Vrf,
    /// See `Mode`.
    RouteMap,
}

impl Mode {
    /// Its kind.
    pub fn kind(&self) -> ModeKind {
        match self {
            Self::Configure => ModeKind::Configure,
            Self::Router | Self::RouterVrf(_) => ModeKind::Router,
            Self::Evpn => ModeKind::Evpn,
            Self::RtFilter => ModeKind::RtFilter,
            Self::VrfEvpn => ModeKind::VrfEvpn,
            Self::Unicast => ModeKind::Unicast,
            Self::VrfIpv4 => ModeKind::VrfIpv4,
            Self::VrfIpv6 => ModeKind::VrfIpv6,
            Self::Vni(_) => ModeKind::Vni,
            Self::BridgeDomain(_) => ModeKind::BridgeDomain,
            Self::Vrf(_) => ModeKind::Vrf,
            Self::RouteMap(..) => ModeKind::RouteMap,
        }
    }
}

impl ModeKind {
    /// Every kind.
    pub const ALL: [ModeKind; 13] = [
        Self::Exec,
        Self::Configure,
        Self::Router,
        Self::Evpn,
        Self::RtFilter,
        Self::VrfEvpn,
        Self::Unicast,
        Self::VrfIpv4,
        Self::VrfIpv6,
        Self::Vni,
        Self::BridgeDomain,
        Self::Vrf,
        Self::RouteMap,
    ];

    /// What stands in the prompt behind the host name.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Exec => "",
            Self::Configure => "(config)",
            Self::Router => "(config-router)",
            Self::Evpn | Self::RtFilter | Self::VrfEvpn | Self::Unicast | Self::VrfIpv4 | Self::VrfIpv6 => {
                "(config-router-af)"
            }
            Self::Vni => "(config-router-af-vni)",
            Self::BridgeDomain => "(config-bridge-domain)",
            Self::Vrf => "(config-vrf)",
            Self::RouteMap => "(config-route-map)",
        }
    }

    /// The tables that its commands are declared in.
    pub fn tables(self) -> Vec<&'static [Command]> {
        match self {
            Self::Exec => vec![show::COMMANDS],
            Self::Configure => {
                vec![
                    configure::COMMANDS,
                    configure::global::COMMANDS,
                    configure::vrf::GLOBAL_COMMANDS,
                    configure::prefix_list::COMMANDS,
                    configure::community_list::COMMANDS,
                    configure::route_map::GLOBAL_COMMANDS,
                    configure::foreign::GLOBAL,
                ]
            }
            Self::Router => vec![
                configure::COMMANDS,
                configure::router::COMMANDS,
                configure::neighbor::COMMANDS,
                configure::foreign::ROUTER,
            ],
            Self::Evpn => vec![
                configure::COMMANDS,
                configure::evpn::COMMANDS,
                configure::neighbor_family::COMMANDS,
                configure::neighbor_family::FILTER_COMMANDS,
                configure::neighbor_family::EVPN_COMMANDS,
                configure::foreign::EVPN,
            ],
            Self::RtFilter => vec![
                configure::COMMANDS,
                configure::neighbor_family::COMMANDS,
                configure::neighbor_family::DEFAULT_COMMANDS,
                configure::rt_filter::COMMANDS,
                configure::foreign::RT_FILTER,
            ],
            Self::VrfEvpn => {
                vec![
                    configure::COMMANDS,
                    configure::vrf_evpn::COMMANDS,
                    configure::route_target::COMMANDS,
                    configure::foreign::VRF_EVPN,
                ]
            }
            Self::Unicast => vec![configure::COMMANDS, configure::foreign::UNICAST],
            Self::VrfIpv4 => vec![
                configure::COMMANDS,
                configure::unicast::COMMANDS,
                configure::unicast::IPV4_COMMANDS,
                configure::neighbor_family::COMMANDS,
                configure::neighbor_family::FILTER_COMMANDS,
                configure::neighbor_family::UNICAST_COMMANDS,
                configure::neighbor_family::DEFAULT_COMMANDS,
                configure::foreign::VRF_UNICAST,
            ],
            Self::VrfIpv6 => vec![
                configure::COMMANDS,
                configure::unicast::COMMANDS,
                configure::unicast::IPV6_COMMANDS,
                configure::neighbor_family::COMMANDS,
                configure::neighbor_family::FILTER_COMMANDS,
                configure::neighbor_family::UNICAST_COMMANDS,
                configure::neighbor_family::DEFAULT_COMMANDS,
                configure::foreign::VRF_UNICAST,
            ],
            Self::Vni => {
                vec![configure::COMMANDS, configure::evpn::VNI_COMMANDS, configure::route_target::COMMANDS]
            }
            Self::BridgeDomain => vec![configure::COMMANDS, configure::bridge_domain::COMMANDS],
            Self::Vrf => vec![configure::COMMANDS, configure::vrf::COMMANDS, configure::foreign::VRF],
            Self::RouteMap => vec![
                configure::COMMANDS,
                configure::route_map::COMMANDS,
                configure::route_map_match::COMMANDS,
                configure::route_map_set::COMMANDS,
            ],
        }
    }
}

/// The prompt's part behind the host name, for a place.
pub fn prompt(path: &[Mode]) -> &'static str {
    path.last().map_or(ModeKind::Exec, Mode::kind).prompt()
}
