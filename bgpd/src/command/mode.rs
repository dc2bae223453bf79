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
    /// `address-family l2vpn evpn`
    Evpn,
    /// `address-family ipv4|ipv6 unicast`, where nothing can be said yet.
    Unicast,
    /// `vni N` in the address family.
    Vni(Vni),
    /// `bridge-domain NAME`
    BridgeDomain(String),
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
    Unicast,
    /// See `Mode`.
    Vni,
    /// See `Mode`.
    BridgeDomain,
}

impl Mode {
    /// Its kind.
    pub fn kind(&self) -> ModeKind {
        match self {
            Self::Configure => ModeKind::Configure,
            Self::Router => ModeKind::Router,
            Self::Evpn => ModeKind::Evpn,
            Self::Unicast => ModeKind::Unicast,
            Self::Vni(_) => ModeKind::Vni,
            Self::BridgeDomain(_) => ModeKind::BridgeDomain,
        }
    }
}

impl ModeKind {
    /// Every kind.
    pub const ALL: [ModeKind; 7] =
        [Self::Exec, Self::Configure, Self::Router, Self::Evpn, Self::Unicast, Self::Vni, Self::BridgeDomain];

    /// What stands in the prompt behind the host name.
    pub fn prompt(self) -> &'static str {
        match self {
            Self::Exec => "",
            Self::Configure => "(config)",
            Self::Router => "(config-router)",
            Self::Evpn | Self::Unicast => "(config-router-af)",
            Self::Vni => "(config-router-af-vni)",
            Self::BridgeDomain => "(config-bridge-domain)",
        }
    }

    /// The tables that its commands are declared in.
    pub fn tables(self) -> Vec<&'static [Command]> {
        match self {
            Self::Exec => vec![show::COMMANDS],
            Self::Configure => {
                vec![configure::COMMANDS, configure::global::COMMANDS, configure::foreign::GLOBAL]
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
                configure::neighbor::FAMILY_COMMANDS,
                configure::foreign::EVPN,
            ],
            Self::Unicast => vec![configure::COMMANDS, configure::evpn::UNICAST_COMMANDS],
            Self::Vni => vec![configure::COMMANDS, configure::evpn::VNI_COMMANDS],
            Self::BridgeDomain => vec![configure::COMMANDS, configure::global::BRIDGE_DOMAIN_COMMANDS],
        }
    }
}

/// The prompt's part behind the host name, for a place.
pub fn prompt(path: &[Mode]) -> &'static str {
    path.last().map_or(ModeKind::Exec, Mode::kind).prompt()
}
