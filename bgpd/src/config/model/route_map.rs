//! `route-map NAME permit|deny N`: what an entry matches and sets. The `Display` of a match or a set is the
//! rest of its line.

use super::lists::Action;
use crate::config::{
    community::{Community, LargeCommunity, SiteOfOrigin},
    text_form::{self, serde_by_text},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};
use weft_evpn::{RouteDistinguisher, RouteTarget, Vni};

/// A route-map: entries by sequence number, tried in that order.
pub type RouteMap = BTreeMap<u16, RouteMapEntry>;

/// An entry of a route-map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RouteMapEntry {
    /// What becomes of a route that matches.
    pub action: Action,
    /// For the operator.
    #[serde(default)]
    pub description: Option<String>,
    /// All must hold; one of each kind. Without any, every route matches.
    #[serde(default)]
    pub matches: Vec<Match>,
    /// Carried out in this order; one of each kind.
    #[serde(default)]
    pub sets: Vec<Set>,
    /// `call NAME`: this route-map has its say after the sets.
    #[serde(default)]
    pub call: Option<String>,
    /// Where to go on after a match; the route-map ends there when absent.
    #[serde(default)]
    pub on_match: Option<OnMatch>,
}

impl RouteMapEntry {
    /// An entry that matches everything and sets nothing.
    pub fn new(action: Action) -> Self {
        RouteMapEntry {
            action,
            description: None,
            matches: Vec::new(),
            sets: Vec::new(),
            call: None,
            on_match: None,
        }
    }
}

/// `on-match …`, `continue [N]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnMatch {
    /// With the entry that follows.
    Next,
    /// With the first entry of this number or a higher one.
    Goto(u16),
}

/// `match …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the line of its name")]
pub enum Match {
    IpAddress(String),
    IpAddressPrefixList(String),
    IpAddressPrefixLen(u8),
    Ipv6Address(String),
    Ipv6AddressPrefixList(String),
    Ipv6AddressPrefixLen(u8),
    IpNextHop(String),
    IpNextHopPrefixList(String),
    IpNextHopAddress(Ipv4Addr),
    Ipv6NextHop(String),
    Ipv6NextHopPrefixList(String),
    Ipv6NextHopAddress(Ipv6Addr),
    Community(CommunityMatch),
    LargeCommunity(CommunityMatch),
    Extcommunity(String),
    AsPath(String),
    Metric(u32),
    LocalPreference(u32),
    Origin(Origin),
    EvpnRouteType(EvpnRouteType),
    EvpnVni(Vni),
    EvpnRd(#[serde(with = "text_form::plain")] RouteDistinguisher),
    EvpnDefaultRoute,
    MacAddress(String),
}

/// `match community NAME [exact-match|any]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommunityMatch {
    /// The list.
    pub list: String,
    /// How the route's communities are compared with those of an entry.
    #[serde(default)]
    pub how: CommunityComparison,
}

/// How the communities of a route are compared with those of a list's entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommunityComparison {
    /// All of the entry are in the route. The default.
    #[default]
    All,
    /// They are the same.
    Exact,
    /// One of the route is in the entry.
    Any,
}

/// `origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "RFC 4271 §5.1.1 names them")]
pub enum Origin {
    Egp,
    Igp,
    Incomplete,
}

/// `match evpn route-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvpnRouteType {
    /// Type 1.
    Ead,
    /// Type 2.
    Macip,
    /// Type 3.
    Multicast,
    /// Type 4.
    Es,
    /// Type 5.
    Prefix,
}

/// `set …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the line of its name")]
pub enum Set {
    LocalPreference(Adjustment),
    Metric(Adjustment),
    Origin(Origin),
    AtomicAggregate,
    Community(SetCommunities<Community>),
    LargeCommunity(SetCommunities<LargeCommunity>),
    ExtcommunityRt(BTreeSet<RouteTarget>),
    ExtcommunitySoo(BTreeSet<SiteOfOrigin>),
    ExtcommunityNone,
    CommListDelete(String),
    LargeCommListDelete(String),
    ExtendedCommListDelete(String),
    AsPathPrepend(Vec<u32>),
    AsPathPrependLastAs(u8),
    AsPathExclude(Vec<u32>),
    IpNextHop(Ipv4Addr),
    IpNextHopUnchanged,
    Ipv6NextHopGlobal(Ipv6Addr),
    Ipv6NextHopLocal(Ipv6Addr),
    Ipv6NextHopPreferGlobal,
    EvpnGatewayIpv4(Ipv4Addr),
    EvpnGatewayIpv6(Ipv6Addr),
}

/// What `set community` and `set large-community` do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetCommunities<C: Ord> {
    /// `none`: takes all away.
    None,
    /// These instead of those that are there.
    Replace(BTreeSet<C>),
    /// `additive`: these, too.
    Add(BTreeSet<C>),
}

/// A number, or a change of the one that is there: `N`, `+N`, `-N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// This.
    To(u32),
    /// So much more, at most 4294967295.
    Add(u32),
    /// So much less, at least 0.
    Subtract(u32),
}

impl Adjustment {
    /// The new value for an old one.
    pub fn of(self, old: u32) -> u32 {
        match self {
            Self::To(value) => value,
            Self::Add(more) => old.saturating_add(more),
            Self::Subtract(less) => old.saturating_sub(less),
        }
    }
}

impl fmt::Display for Adjustment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(value) => write!(f, "{value}"),
            Self::Add(more) => write!(f, "+{more}"),
            Self::Subtract(less) => write!(f, "-{less}"),
        }
    }
}

/// The text was none of `N`, `+N`, `-N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected N, +N or -N up to 4294967295")]
pub struct ParseAdjustmentError;

impl FromStr for Adjustment {
    type Err = ParseAdjustmentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (digits, how): (&str, fn(u32) -> Self) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(more), _) => (more, Self::Add),
            (_, Some(less)) => (less, Self::Subtract),
            _ => (text, Self::To),
        };
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ParseAdjustmentError);
        }
        digits.parse().map(how).map_err(|_| ParseAdjustmentError)
    }
}

serde_by_text!(Adjustment);

impl Origin {
    /// FRR's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Egp => "egp",
            Self::Igp => "igp",
            Self::Incomplete => "incomplete",
        }
    }

    /// The origin of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Egp, Self::Igp, Self::Incomplete].into_iter().find(|origin| origin.name() == name)
    }
}

impl EvpnRouteType {
    const ALL: [EvpnRouteType; 5] = [Self::Ead, Self::Macip, Self::Multicast, Self::Es, Self::Prefix];

    /// FRR's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ead => "ead",
            Self::Macip => "macip",
            Self::Multicast => "multicast",
            Self::Es => "es",
            Self::Prefix => "prefix",
        }
    }

    /// The route type octet.
    pub fn number(self) -> u8 {
        match self {
            Self::Ead => 1,
            Self::Macip => 2,
            Self::Multicast => 3,
            Self::Es => 4,
            Self::Prefix => 5,
        }
    }

    /// The type of this name or number.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name || kind.number().to_string() == name)
    }
}

impl Match {
    /// The words before its value: an entry has one match of each.
    pub fn command(&self) -> &'static str {
        match self {
            Self::IpAddress(_) => "ip address",
            Self::IpAddressPrefixList(_) => "ip address prefix-list",
            Self::IpAddressPrefixLen(_) => "ip address prefix-len",
            Self::Ipv6Address(_) => "ipv6 address",
            Self::Ipv6AddressPrefixList(_) => "ipv6 address prefix-list",
            Self::Ipv6AddressPrefixLen(_) => "ipv6 address prefix-len",
            Self::IpNextHop(_) => "ip next-hop",
            Self::IpNextHopPrefixList(_) => "ip next-hop prefix-list",
            Self::IpNextHopAddress(_) => "ip next-hop address",
            Self::Ipv6NextHop(_) => "ipv6 next-hop",
            Self::Ipv6NextHopPrefixList(_) => "ipv6 next-hop prefix-list",
            Self::Ipv6NextHopAddress(_) => "ipv6 next-hop address",
            Self::Community(_) => "community",
            Self::LargeCommunity(_) => "large-community",
            Self::Extcommunity(_) => "extcommunity",
            Self::AsPath(_) => "as-path",
            Self::Metric(_) => "metric",
            Self::LocalPreference(_) => "local-preference",
            Self::Origin(_) => "origin",
            Self::EvpnRouteType(_) => "evpn route-type",
            Self::EvpnVni(_) => "evpn vni",
            Self::EvpnRd(_) => "evpn rd",
            Self::EvpnDefaultRoute => "evpn default-route",
            Self::MacAddress(_) => "mac address",
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())?;
        match self {
            Self::IpAddress(name)
            | Self::IpAddressPrefixList(name)
            | Self::Ipv6Address(name)
            | Self::Ipv6AddressPrefixList(name)
            | Self::IpNextHop(name)
            | Self::IpNextHopPrefixList(name)
            | Self::Ipv6NextHop(name)
            | Self::Ipv6NextHopPrefixList(name)
            | Self::Extcommunity(name)
            | Self::AsPath(name)
            | Self::MacAddress(name) => write!(f, " {name}"),
            Self::IpAddressPrefixLen(length) | Self::Ipv6AddressPrefixLen(length) => write!(f, " {length}"),
            Self::IpNextHopAddress(address) => write!(f, " {address}"),
            Self::Ipv6NextHopAddress(address) => write!(f, " {address}"),
            Self::Community(community) | Self::LargeCommunity(community) => {
                write!(f, " {}", community.list)?;
                f.write_str(match community.how {
                    CommunityComparison::All => "",
                    CommunityComparison::Exact => " exact-match",
                    CommunityComparison::Any => " any",
                })
            }
            Self::Metric(value) | Self::LocalPreference(value) => write!(f, " {value}"),
            Self::Origin(origin) => write!(f, " {}", origin.name()),
            Self::EvpnRouteType(kind) => write!(f, " {}", kind.name()),
            Self::EvpnVni(vni) => write!(f, " {vni}"),
            Self::EvpnRd(rd) => write!(f, " {rd}"),
            Self::EvpnDefaultRoute => Ok(()),
        }
    }
}

impl Set {
    /// The words that tell it from other sets: an entry has one of each.
    pub fn command(&self) -> &'static str {
        match self {
            Self::LocalPreference(_) => "local-preference",
            Self::Metric(_) => "metric",
            Self::Origin(_) => "origin",
            Self::AtomicAggregate => "atomic-aggregate",
            Self::Community(_) => "community",
            Self::LargeCommunity(_) => "large-community",
            Self::ExtcommunityRt(_) => "extcommunity rt",
            Self::ExtcommunitySoo(_) => "extcommunity soo",
            Self::ExtcommunityNone => "extcommunity none",
            Self::CommListDelete(_) => "comm-list",
            Self::LargeCommListDelete(_) => "large-comm-list",
            Self::ExtendedCommListDelete(_) => "extended-comm-list",
            Self::AsPathPrepend(_) | Self::AsPathPrependLastAs(_) => "as-path prepend",
            Self::AsPathExclude(_) => "as-path exclude",
            Self::IpNextHop(_) | Self::IpNextHopUnchanged => "ip next-hop",
            Self::Ipv6NextHopGlobal(_) => "ipv6 next-hop global",
            Self::Ipv6NextHopLocal(_) => "ipv6 next-hop local",
            Self::Ipv6NextHopPreferGlobal => "ipv6 next-hop prefer-global",
            Self::EvpnGatewayIpv4(_) => "evpn gateway-ip ipv4",
            Self::EvpnGatewayIpv6(_) => "evpn gateway-ip ipv6",
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.command())?;
        match self {
            Self::LocalPreference(value) | Self::Metric(value) => write!(f, " {value}"),
            Self::Origin(origin) => write!(f, " {}", origin.name()),
            Self::Community(communities) => set_communities(f, communities),
            Self::LargeCommunity(communities) => set_communities(f, communities),
            Self::ExtcommunityRt(targets) => all(f, targets),
            Self::ExtcommunitySoo(sites) => all(f, sites),
            Self::CommListDelete(name)
            | Self::LargeCommListDelete(name)
            | Self::ExtendedCommListDelete(name) => write!(f, " {name} delete"),
            Self::AsPathPrepend(asns) | Self::AsPathExclude(asns) => all(f, asns),
            Self::AsPathPrependLastAs(times) => write!(f, " last-as {times}"),
            Self::IpNextHop(address) | Self::EvpnGatewayIpv4(address) => write!(f, " {address}"),
            Self::IpNextHopUnchanged => f.write_str(" unchanged"),
            Self::Ipv6NextHopGlobal(address)
            | Self::Ipv6NextHopLocal(address)
            | Self::EvpnGatewayIpv6(address) => write!(f, " {address}"),
            Self::AtomicAggregate | Self::ExtcommunityNone | Self::Ipv6NextHopPreferGlobal => Ok(()),
        }
    }
}

fn set_communities<C: Ord + fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    communities: &SetCommunities<C>,
) -> fmt::Result {
    match communities {
        SetCommunities::None => f.write_str(" none"),
        SetCommunities::Replace(communities) => all(f, communities),
        SetCommunities::Add(communities) => {
            all(f, communities)?;
            f.write_str(" additive")
        }
    }
}

fn all<T: fmt::Display>(f: &mut fmt::Formatter<'_>, values: impl IntoIterator<Item = T>) -> fmt::Result {
    values.into_iter().try_for_each(|value| write!(f, " {value}"))
}
