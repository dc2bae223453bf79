//! Any policy that is valid.

use super::strategies::{line, name, prefix, rd, target, vni};
use crate::config::{
    community::{Community, LargeCommunity, NamedExtCommunity, SiteOfOrigin},
    *,
};
use proptest::{collection, option, prelude::*, sample::select};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};
use weft_evpn::MacAddr;

fn action() -> impl Strategy<Value = Action> {
    select(vec![Action::Permit, Action::Deny])
}

fn sequence() -> impl Strategy<Value = u32> {
    1u32..
}

fn regex() -> impl Strategy<Value = String> {
    select(vec!["^$", "_65000_", "^65[0-9]+ .*$", "(1|2):3", "[0-9]+"]).prop_map(str::to_owned)
}

fn regexes() -> impl Strategy<Value = BTreeMap<u32, RegexEntry>> {
    let entry = (action(), regex()).prop_map(|(action, regex)| RegexEntry { action, regex });
    collection::btree_map(sequence(), entry, 1..3)
}

fn prefix_list(ipv4: bool) -> impl Strategy<Value = PrefixList> {
    let entry = (action(), prefix(ipv4), any::<[bool; 2]>(), any::<[u8; 2]>());
    let entry = entry.prop_map(|(action, prefix, [with_ge, with_le], [one, other])| {
        // Bounds between the prefix's own length and the longest.
        let (length, most) = (prefix.prefix_len(), prefix.max_prefix_len());
        let between = |seed: u8, least: u8| least + seed % (most - least + 1);
        let ge = with_ge.then(|| between(one, length));
        let le = with_le.then(|| between(other, ge.unwrap_or(length)));
        PrefixListEntry { action, prefix, ge, le }
    });
    (option::of(line()), collection::btree_map(sequence(), entry, 1..3))
        .prop_map(|(description, entries)| PrefixList { description, entries })
}

fn access_list(ipv4: bool) -> impl Strategy<Value = AccessList> {
    let entry = (action(), prefix(ipv4), any::<bool>()).prop_map(|(action, prefix, exact)| AccessListEntry {
        action,
        prefix,
        exact,
    });
    (option::of(line()), collection::btree_map(sequence(), entry, 1..3))
        .prop_map(|(remark, entries)| AccessList { remark, entries })
}

fn mac_list() -> impl Strategy<Value = MacAccessList> {
    let entry = (action(), option::of(any::<[u8; 6]>()))
        .prop_map(|(action, mac)| MacAccessListEntry { action, mac: mac.map(MacAddr) });
    (option::of(line()), collection::btree_map(sequence(), entry, 1..3))
        .prop_map(|(remark, entries)| MacAccessList { remark, entries })
}

fn by_family<T: std::fmt::Debug + 'static, S: Strategy<Value = T> + 'static>(
    list: fn(bool) -> S,
) -> BoxedStrategy<ByFamily<T>> {
    (collection::btree_map(name(), list(true), 0..3), collection::btree_map(name(), list(false), 0..3))
        .prop_map(|(ipv4, ipv6)| ByFamily { ipv4, ipv6 })
        .boxed()
}

fn community() -> impl Strategy<Value = Community> {
    prop_oneof![any::<u32>(), select(vec![0, 0xffff_ff01, 0xffff_029a])].prop_map(Community)
}

fn large_community() -> impl Strategy<Value = LargeCommunity> {
    any::<[u32; 3]>().prop_map(LargeCommunity)
}

fn site() -> impl Strategy<Value = SiteOfOrigin> {
    target().prop_map(|target| target.to_string().parse().unwrap())
}

fn ext_community() -> impl Strategy<Value = NamedExtCommunity> {
    prop_oneof![
        target().prop_map(NamedExtCommunity::RouteTarget),
        site().prop_map(NamedExtCommunity::SiteOfOrigin)
    ]
}

fn community_lists<C, S>(community: fn() -> S) -> BoxedStrategy<BTreeMap<String, CommunityList<C>>>
where
    C: Ord + std::fmt::Debug + 'static,
    S: Strategy<Value = C> + 'static,
{
    let entry = (action(), collection::btree_set(community(), 1..3));
    let entry = entry.prop_map(|(action, communities)| CommunityListEntry { action, communities });
    let standard = collection::btree_map(sequence(), entry, 1..3).prop_map(CommunityList::Standard).boxed();
    let expanded = regexes().prop_map(CommunityList::Expanded).boxed();
    let named = prop_oneof![(name(), standard.clone()), (name(), expanded.clone())];
    let numbered = prop_oneof![
        ((1u16..=99).prop_map(|n| n.to_string()), standard),
        ((100u16..=500).prop_map(|n| n.to_string()), expanded)
    ];
    collection::vec(prop_oneof![named, numbered], 0..3).prop_map(|lists| lists.into_iter().collect()).boxed()
}

fn origin() -> impl Strategy<Value = Origin> {
    select(vec![Origin::Egp, Origin::Igp, Origin::Incomplete])
}

fn community_match() -> impl Strategy<Value = CommunityMatch> {
    use CommunityComparison::*;
    (name(), select(vec![All, Exact, Any])).prop_map(|(list, how)| CommunityMatch { list, how })
}

fn matching() -> BoxedStrategy<Match> {
    use EvpnRouteType::*;
    prop_oneof![
        name().prop_map(Match::IpAddress),
        name().prop_map(Match::IpAddressPrefixList),
        (0u8..=32).prop_map(Match::IpAddressPrefixLen),
        name().prop_map(Match::Ipv6Address),
        name().prop_map(Match::Ipv6AddressPrefixList),
        (0u8..=128).prop_map(Match::Ipv6AddressPrefixLen),
        name().prop_map(Match::IpNextHop),
        name().prop_map(Match::IpNextHopPrefixList),
        any::<u32>().prop_map(|a| Match::IpNextHopAddress(a.into())),
        name().prop_map(Match::Ipv6NextHop),
        name().prop_map(Match::Ipv6NextHopPrefixList),
        any::<u128>().prop_map(|a| Match::Ipv6NextHopAddress(a.into())),
        community_match().prop_map(Match::Community),
        community_match().prop_map(Match::LargeCommunity),
        name().prop_map(Match::Extcommunity),
        name().prop_map(Match::AsPath),
        any::<u32>().prop_map(Match::Metric),
        any::<u32>().prop_map(Match::LocalPreference),
        origin().prop_map(Match::Origin),
        select(vec![Ead, Macip, Multicast, Es, Prefix]).prop_map(Match::EvpnRouteType),
        vni().prop_map(Match::EvpnVni),
        rd().prop_map(Match::EvpnRd),
        Just(Match::EvpnDefaultRoute),
        name().prop_map(Match::MacAddress),
    ]
    .boxed()
}

fn adjustment() -> impl Strategy<Value = Adjustment> {
    prop_oneof![
        any::<u32>().prop_map(Adjustment::To),
        any::<u32>().prop_map(Adjustment::Add),
        any::<u32>().prop_map(Adjustment::Subtract)
    ]
}

fn set_communities<C: Ord + Clone + std::fmt::Debug + 'static>(
    community: impl Strategy<Value = C> + 'static,
) -> BoxedStrategy<SetCommunities<C>> {
    let some = collection::btree_set(community, 1..3).boxed();
    prop_oneof![
        Just(SetCommunities::None),
        some.clone().prop_map(SetCommunities::Replace),
        some.prop_map(SetCommunities::Add)
    ]
    .boxed()
}

fn setting() -> BoxedStrategy<Set> {
    let asns = || collection::vec(1u32.., 1..4);
    let global = (0x2001_0db8_u128 << 96..(0x2001_0db9_u128 << 96)).prop_map(Ipv6Addr::from);
    let link_local = any::<u64>().prop_map(|a| Ipv6Addr::from((0xfe80_u128 << 112) | u128::from(a)));
    let unicast = (1u32..0xe000_0000).prop_map(Ipv4Addr::from);
    prop_oneof![
        adjustment().prop_map(Set::LocalPreference),
        adjustment().prop_map(Set::Metric),
        origin().prop_map(Set::Origin),
        Just(Set::AtomicAggregate),
        set_communities(community()).prop_map(Set::Community),
        set_communities(large_community()).prop_map(Set::LargeCommunity),
        collection::btree_set(target(), 1..3).prop_map(Set::ExtcommunityRt),
        collection::btree_set(site(), 1..3).prop_map(Set::ExtcommunitySoo),
        Just(Set::ExtcommunityNone),
        name().prop_map(Set::CommListDelete),
        name().prop_map(Set::LargeCommListDelete),
        name().prop_map(Set::ExtendedCommListDelete),
        asns().prop_map(Set::AsPathPrepend),
        (1u8..=10).prop_map(Set::AsPathPrependLastAs),
        asns().prop_map(Set::AsPathExclude),
        unicast.prop_map(Set::IpNextHop),
        global.prop_map(Set::Ipv6NextHopGlobal),
        link_local.prop_map(Set::Ipv6NextHopLocal),
        Just(Set::Ipv6NextHopPreferGlobal),
        any::<u32>().prop_map(|a| Set::EvpnGatewayIpv4(a.into())),
        any::<u128>().prop_map(|a| Set::EvpnGatewayIpv6(a.into())),
    ]
    .boxed()
}

/// One of each kind.
fn one_of_each<T>(values: Vec<T>, kind: fn(&T) -> &'static str) -> Vec<T> {
    let mut seen = BTreeSet::new();
    values.into_iter().filter(|value| seen.insert(kind(value))).collect()
}

fn entry() -> BoxedStrategy<RouteMapEntry> {
    (
        action(),
        option::of(line()),
        collection::vec(matching(), 0..4),
        collection::vec(setting(), 0..4),
        any::<[bool; 2]>(),
    )
        .prop_map(|(action, description, matches, sets, [calls, goes_on])| RouteMapEntry {
            action,
            description,
            matches: one_of_each(matches, Match::command),
            sets: one_of_each(sets, Set::command),
            // No name of a generated route-map has a digit in front: nothing leads round.
            call: calls.then(|| "0".to_owned()),
            on_match: goes_on.then_some(OnMatch::Goto(u16::MAX)),
        })
        .boxed()
}

/// A configuration of nothing but policy.
pub(crate) fn policy() -> BoxedStrategy<Config> {
    (
        (by_family(access_list), by_family(prefix_list)),
        collection::btree_map(name(), mac_list(), 0..3),
        collection::btree_map(name(), regexes(), 0..3),
        (community_lists(community), community_lists(large_community), community_lists(ext_community)),
        collection::btree_map(name(), collection::btree_map(1u16..u16::MAX, entry(), 1..4), 0..3),
    )
        .prop_map(|(prefixes, mac_access_lists, as_path_lists, communities, route_maps)| Config {
            access_lists: prefixes.0,
            prefix_lists: prefixes.1,
            mac_access_lists,
            as_path_lists,
            community_lists: communities.0,
            large_community_lists: communities.1,
            extcommunity_lists: communities.2,
            route_maps,
            ..Config::default()
        })
        .boxed()
}
