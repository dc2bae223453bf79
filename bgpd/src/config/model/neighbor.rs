//! Neighbours and peer-groups: what can be said of them, outside and inside of an address family.

use super::{Domain, GracefulRestartMode, Timers};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// `neighbor ADDRESS …`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Neighbor {
    /// The peer-group whose settings fill what is not set here.
    pub peer_group: Option<String>,
    /// Its own settings.
    pub settings: NeighborSettings,
}

/// What can be said of a neighbour or of a peer-group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeighborSettings {
    /// The peer's AS. Without one, own or inherited, no session is tried.
    pub remote_as: Option<RemoteAs>,
    /// `interface IFNAME`: the interface that a link-local address is reached by.
    pub interface: Option<String>,
    /// The local address, or the interface whose address is taken.
    pub update_source: Option<UpdateSource>,
    /// Keepalive and hold; `timers bgp` when absent.
    pub timers: Option<Timers>,
    /// Seconds between connection attempts, 1 to 65535; 120 when absent.
    pub connect_timer: Option<u16>,
    /// Wait for the peer to connect.
    pub passive: bool,
    /// For the operator.
    pub description: Option<String>,
    /// Administratively down.
    pub shutdown: Option<Shutdown>,
    /// TCP-MD5 key (RFC 2385), 1 to 80 octets.
    pub password: Option<String>,
    /// GTSM (RFC 5082): the peer is at most so many hops away, 1 to 254.
    pub ttl_security_hops: Option<u8>,
    /// External peers may be so many hops away; 1 when absent, 255 for a bare `ebgp-multihop`.
    pub ebgp_multihop: Option<u8>,
    /// An external peer one hop away may have an address of no connected subnet.
    pub disable_connected_check: bool,
    /// TCP port to connect to; 179 when absent.
    pub port: Option<u16>,
    /// Offer the extended next hop encoding (RFC 8950).
    pub capability_extended_nexthop: bool,
    /// The path of an external peer's routes must begin with its AS (RFC 4271 §6.3).
    pub enforce_first_as: bool,
    /// Do not offer the FQDN capability (`no neighbor X capability fqdn`).
    pub suppress_fqdn: bool,
    /// Graceful restart for this peer; the speaker's when absent.
    pub graceful_restart: Option<GracefulRestartMode>,
    /// `domain NAME` in `address-family l2vpn evpn`: the EVPN domain that the peer is in; our own when absent.
    pub domain: Option<Domain>,
    /// The neighbour's lines in `address-family l2vpn evpn`.
    pub l2vpn_evpn: NeighborFamily,
    /// The neighbour's lines in `address-family rtfilter unicast` (RFC 4684); outside of IP-VRFs only.
    pub rtfilter: NeighborFamily,
    /// The neighbour's lines in `address-family ipv4 unicast`; in an IP-VRF only.
    pub ipv4_unicast: NeighborFamily,
    /// The neighbour's lines in `address-family ipv6 unicast`; in an IP-VRF only.
    pub ipv6_unicast: NeighborFamily,
}

/// `remote-as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemoteAs {
    /// Exactly this AS.
    As(u32),
    /// Our own AS, whatever it is.
    Internal,
    /// Any AS but our own.
    External,
}

/// `update-source`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateSource {
    /// This address.
    Address(IpAddr),
    /// An address of this interface, of the peer's family.
    Interface(String),
}

/// `shutdown [message LINE]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shutdown {
    /// The shutdown communication (RFC 9003), at most 255 octets.
    pub message: Option<String>,
}

/// A neighbour's or peer-group's lines inside an address family.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct NeighborFamily {
    /// Routes of the family are exchanged. When nothing is said: no, but for IPv4 unicast what
    /// `bgp default ipv4-unicast` says.
    pub activate: Option<bool>,
    /// The peer is a client of this route reflector (RFC 4456).
    pub route_reflector_client: bool,
    /// Accept our own AS in a received path.
    pub allowas_in: Option<AllowAsIn>,
    /// How many routes are accepted.
    pub maximum_prefix: Option<MaximumPrefix>,
    /// Kept for FRR's sake: Weft always keeps what it received.
    pub soft_reconfiguration_inbound: bool,
    /// `route-map NAME in`: judges what the peer sends; one that does not exist denies all.
    pub route_map_in: Option<String>,
    /// `route-map NAME out`: judges what is sent to the peer; one that does not exist denies all.
    pub route_map_out: Option<String>,
    /// `prefix-list NAME in`; one that does not exist denies all.
    pub prefix_list_in: Option<String>,
    /// `prefix-list NAME out`; one that does not exist denies all.
    pub prefix_list_out: Option<String>,
    /// `next-hop-self`: what goes to an internal peer has our address as next hop. Unicast only.
    pub next_hop_self: Option<NextHopSelf>,
    /// `default-originate`: the peer is sent a default route, in `rtfilter unicast` the default
    /// membership. Not for EVPN.
    pub default_originate: bool,
}

/// `next-hop-self [force]`. The tables make no difference between the two: it holds for all routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NextHopSelf {
    /// Of routes learned from external peers.
    External,
    /// Of reflected routes, too.
    Force,
}

/// `allowas-in [N|origin]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllowAsIn {
    /// At most so many times, 1 to 10; 3 when not said.
    Times(u8),
    /// Only as the origin of the path.
    Origin,
}

/// `maximum-prefix N [threshold] [warning-only|restart M]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MaximumPrefix {
    /// How many routes.
    pub limit: u32,
    /// Percentage at which a warning is logged, 1 to 100; 75 when absent.
    #[serde(default)]
    pub threshold: Option<u8>,
    /// What happens beyond the limit.
    #[serde(default)]
    pub action: MaximumPrefixAction,
}

/// What happens when a peer sends more routes than `maximum-prefix` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaximumPrefixAction {
    /// The session ends and stays down until it is cleared.
    #[default]
    Close,
    /// Only a log line.
    WarningOnly,
    /// The session ends and is tried again after so many minutes.
    Restart(u16),
}
