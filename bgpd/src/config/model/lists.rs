//! The lists that route-maps and neighbours refer to. Entries are by sequence number; the first that matches
//! decides, and what none matches is denied.

use crate::config::community::{Community, LargeCommunity, NamedExtCommunity};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weft_evpn::MacAddr;

/// What an entry does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Lets it pass.
    Permit,
    /// Does not.
    Deny,
}

impl Action {
    /// FRR's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

/// Lists by name, of either address family: `ip …` and `ipv6 …` lists of one name are two lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ByFamily<T> {
    /// `ip …`
    pub ipv4: BTreeMap<String, T>,
    /// `ipv6 …`
    pub ipv6: BTreeMap<String, T>,
}

impl<T> Default for ByFamily<T> {
    fn default() -> Self {
        ByFamily { ipv4: BTreeMap::new(), ipv6: BTreeMap::new() }
    }
}

impl<T> ByFamily<T> {
    /// Both families, with what FRR calls them.
    pub fn both(&self) -> [(&'static str, &BTreeMap<String, T>); 2] {
        [("ip", &self.ipv4), ("ipv6", &self.ipv6)]
    }
}

/// `ip|ipv6 prefix-list NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrefixList {
    /// For the operator.
    pub description: Option<String>,
    /// By sequence number.
    pub entries: BTreeMap<u32, PrefixListEntry>,
}

/// `seq N permit|deny P [ge L] [le L]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrefixListEntry {
    /// What becomes of a prefix that matches.
    pub action: Action,
    /// The prefix that holds it; host bits are zero. `any` is 0.0.0.0/0 le 32 or ::/0 le 128.
    pub prefix: IpNet,
    /// It is at least so long; as long as `prefix` exactly if neither is said.
    #[serde(default)]
    pub ge: Option<u8>,
    /// It is at most so long.
    #[serde(default)]
    pub le: Option<u8>,
}

impl PrefixListEntry {
    /// True for what is written as `any`.
    pub fn is_any(&self) -> bool {
        self.prefix.prefix_len() == 0 && self.ge.is_none() && self.le == Some(self.prefix.max_prefix_len())
    }
}

/// `access-list NAME` and `ipv6 access-list NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessList {
    /// For the operator.
    pub remark: Option<String>,
    /// By sequence number.
    pub entries: BTreeMap<u32, AccessListEntry>,
}

/// `seq N permit|deny P [exact-match]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AccessListEntry {
    /// What becomes of a prefix that matches.
    pub action: Action,
    /// The prefix that holds it. `any` is the prefix of length 0.
    pub prefix: IpNet,
    /// Only this prefix, nothing inside of it.
    #[serde(default)]
    pub exact: bool,
}

/// `mac access-list NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct MacAccessList {
    /// For the operator.
    pub remark: Option<String>,
    /// By sequence number.
    pub entries: BTreeMap<u32, MacAccessListEntry>,
}

/// `seq N permit|deny M|any`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MacAccessListEntry {
    /// What becomes of a MAC that matches.
    pub action: Action,
    /// The MAC; any when absent.
    #[serde(default)]
    pub mac: Option<MacAddr>,
}

/// `bgp community-list …`, `bgp large-community-list …`, `bgp extcommunity-list …`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommunityList<C: Ord> {
    /// `standard NAME`, or 1 to 99: entries name communities.
    Standard(BTreeMap<u32, CommunityListEntry<C>>),
    /// `expanded NAME`, or 100 to 500: entries are regular expressions.
    Expanded(BTreeMap<u32, RegexEntry>),
}

/// `seq N permit|deny COMMUNITY…`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CommunityListEntry<C: Ord> {
    /// What becomes of a route that matches.
    pub action: Action,
    /// The route carries all of them.
    pub communities: BTreeSet<C>,
}

/// `seq N permit|deny REGEX`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RegexEntry {
    /// What becomes of a route that matches.
    pub action: Action,
    /// A POSIX regular expression, in which `_` is any delimiter.
    pub regex: String,
}

/// `bgp as-path access-list NAME`: entries by sequence number.
pub type AsPathList = BTreeMap<u32, RegexEntry>;
/// Of RFC 1997's communities.
pub type StandardCommunityList = CommunityList<Community>;
/// Of RFC 8092's communities.
pub type LargeCommunityList = CommunityList<LargeCommunity>;
/// Of extended communities.
pub type ExtCommunityList = CommunityList<NamedExtCommunity>;
