//! Lists in the form in which routes are asked of them. The first entry that matches decides; what none
//! matches is denied.

use super::text::Text;
use crate::{
    config::{
        self, Action, AsPathList, CommunityComparison, RegexEntry,
        community::{Community, INTERNET, LargeCommunity, NamedExtCommunity},
        pattern::Pattern,
    },
    wire::AttributeSet,
};
use ipnet::IpNet;
use std::collections::BTreeMap;
use weft_evpn::{ExtendedCommunity, MacAddr};

/// `prefix-list`, `access-list`: entries of prefixes with the lengths that they take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PrefixList {
    entries: Vec<(bool, IpNet, u8, u8)>,
}

impl PrefixList {
    /// A prefix-list. One that has a description only denies all, as FRR 8.4 does.
    pub fn of_prefix_list(list: &config::PrefixList) -> Self {
        let entries = list.entries.values().map(|entry| {
            let (length, most) = (entry.prefix.prefix_len(), entry.prefix.max_prefix_len());
            let (least, most) = match (entry.ge, entry.le) {
                (None, None) => (length, length),
                (ge, le) => (ge.unwrap_or(length), le.unwrap_or(most)),
            };
            (entry.action == Action::Permit, entry.prefix, least, most)
        });
        Self { entries: entries.collect() }
    }

    /// An access-list: a prefix stands for all that it holds, unless `exact-match` is said.
    pub fn of_access_list(list: &config::AccessList) -> Self {
        let entries = list.entries.values().map(|entry| {
            let (length, most) = (entry.prefix.prefix_len(), entry.prefix.max_prefix_len());
            let most = if entry.exact { length } else { most };
            (entry.action == Action::Permit, entry.prefix, length, most)
        });
        Self { entries: entries.collect() }
    }

    /// True if the prefix passes. One of another address family matches no entry.
    pub fn permits(&self, prefix: IpNet) -> bool {
        let found = self.entries.iter().find(|(_, within, least, most)| {
            (*least..=*most).contains(&prefix.prefix_len()) && within.contains(&prefix)
        });
        found.is_some_and(|(permit, ..)| *permit)
    }
}

/// `mac access-list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MacList(Vec<(bool, Option<MacAddr>)>);

impl MacList {
    pub fn new(list: &config::MacAccessList) -> Self {
        let entries = list.entries.values();
        Self(entries.map(|entry| (entry.action == Action::Permit, entry.mac)).collect())
    }

    /// True if the MAC passes.
    pub fn permits(&self, mac: MacAddr) -> bool {
        let found = self.0.iter().find(|(_, wanted)| wanted.is_none_or(|wanted| wanted == mac));
        found.is_some_and(|(permit, _)| *permit)
    }
}

/// `bgp as-path access-list`, and the entries of expanded community lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RegexList(Vec<(bool, Pattern)>);

impl RegexList {
    /// An expression that cannot be compiled was refused when it was configured; one that is met here all the
    /// same matches nothing.
    pub fn new(entries: &AsPathList) -> Self {
        let compiled = entries.values().filter_map(|RegexEntry { action, regex }| {
            Pattern::new(regex).ok().map(|pattern| (*action == Action::Permit, pattern))
        });
        Self(compiled.collect())
    }

    /// What the first entry that matches says.
    pub fn judge(&self, text: &Text) -> Option<bool> {
        let found = self.0.iter().find(|(_, pattern)| pattern.is_match(text.as_bytes()));
        found.map(|(permit, _)| *permit)
    }
}

/// A kind of communities: where a route has them, how they are written.
pub(super) trait CommunityKind: Copy + Ord + std::fmt::Debug {
    /// What a list names.
    type Named: Ord;
    /// Its value in an attribute.
    fn value(named: &Self::Named) -> Self;
    /// All of a route.
    fn of(attributes: &AttributeSet) -> &[Self];
    /// The same, to be changed.
    fn of_mut(attributes: &mut AttributeSet) -> &mut Vec<Self>;
    /// All of a route as text.
    fn text(attributes: &AttributeSet) -> Text;
    /// One as text.
    fn text_of(self) -> Text;
    /// A value that stands for any route.
    const ANY: Option<Self>;
}

impl CommunityKind for u32 {
    type Named = Community;
    const ANY: Option<Self> = Some(INTERNET.0);

    fn value(named: &Community) -> Self {
        named.0
    }

    fn of(attributes: &AttributeSet) -> &[Self] {
        &attributes.communities
    }

    fn of_mut(attributes: &mut AttributeSet) -> &mut Vec<Self> {
        &mut attributes.communities
    }

    fn text(attributes: &AttributeSet) -> Text {
        Text::of_communities(attributes)
    }

    fn text_of(self) -> Text {
        Text::of(Community(self))
    }
}

impl CommunityKind for [u32; 3] {
    type Named = LargeCommunity;
    const ANY: Option<Self> = None;

    fn value(named: &LargeCommunity) -> Self {
        named.0
    }

    fn of(attributes: &AttributeSet) -> &[Self] {
        &attributes.large_communities
    }

    fn of_mut(attributes: &mut AttributeSet) -> &mut Vec<Self> {
        &mut attributes.large_communities
    }

    fn text(attributes: &AttributeSet) -> Text {
        Text::of_large_communities(attributes)
    }

    fn text_of(self) -> Text {
        Text::of(LargeCommunity(self))
    }
}

impl CommunityKind for ExtendedCommunity {
    type Named = NamedExtCommunity;
    const ANY: Option<Self> = None;

    fn value(named: &NamedExtCommunity) -> Self {
        named.community()
    }

    fn of(attributes: &AttributeSet) -> &[Self] {
        &attributes.ext_communities
    }

    fn of_mut(attributes: &mut AttributeSet) -> &mut Vec<Self> {
        &mut attributes.ext_communities
    }

    fn text(attributes: &AttributeSet) -> Text {
        Text::of_ext_communities(attributes)
    }

    fn text_of(self) -> Text {
        Text::of(self)
    }
}

/// A list of communities of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CommunityList<C> {
    /// Entries that name communities, each sorted.
    Standard(Vec<(bool, Vec<C>)>),
    /// Entries that are regular expressions.
    Expanded(RegexList),
}

impl<C: CommunityKind> CommunityList<C> {
    pub fn new(list: &config::CommunityList<C::Named>) -> Self {
        match list {
            config::CommunityList::Standard(entries) => {
                let entries = entries.values().map(|entry| {
                    let mut communities: Vec<C> = entry.communities.iter().map(C::value).collect();
                    communities.sort_unstable();
                    (entry.action == Action::Permit, communities)
                });
                Self::Standard(entries.collect())
            }
            config::CommunityList::Expanded(entries) => Self::Expanded(RegexList::new(entries)),
        }
    }

    /// True if the list lets the route pass.
    pub fn permits(&self, attributes: &AttributeSet, how: CommunityComparison) -> bool {
        if how == CommunityComparison::Any {
            // The first community of the route that any entry names decides.
            return C::of(attributes)
                .iter()
                .find_map(|community| self.judge_one(*community))
                .unwrap_or(false);
        }
        match self {
            Self::Expanded(list) => list.judge(&C::text(attributes)).unwrap_or(false),
            Self::Standard(entries) => {
                let carried = C::of(attributes);
                let found = entries.iter().find(|(_, wanted)| {
                    if C::ANY.is_some_and(|any| wanted.contains(&any)) {
                        return true;
                    }
                    let all = wanted.iter().all(|community| carried.contains(community));
                    match how {
                        CommunityComparison::Exact => {
                            all && carried.iter().all(|community| wanted.contains(community))
                        }
                        _ => all,
                    }
                });
                found.is_some_and(|(permit, _)| *permit)
            }
        }
    }

    /// What the first entry that names this community says of it.
    fn judge_one(&self, community: C) -> Option<bool> {
        match self {
            Self::Expanded(list) => list.judge(&community.text_of()),
            Self::Standard(entries) => {
                let found = entries.iter().find(|(_, wanted)| wanted.contains(&community));
                found.map(|(permit, _)| *permit)
            }
        }
    }

    /// Takes the communities away that the list permits.
    pub fn delete_from(&self, attributes: &mut AttributeSet) {
        C::of_mut(attributes).retain(|community| self.judge_one(*community) != Some(true));
    }
}

/// Lists of a configuration by name, compiled.
pub(super) fn compiled<S, L>(
    lists: &BTreeMap<String, S>,
    compile: impl Fn(&S) -> L,
) -> BTreeMap<String, std::sync::Arc<L>> {
    lists.iter().map(|(name, list)| (name.clone(), std::sync::Arc::new(compile(list)))).collect()
}
