//! From the configuration to programs: names become what they stand for.

use super::{
    lists::{CommunityList, MacList, PrefixList, RegexList, compiled},
    program::{Call, Condition, Entry, Exit, Program},
    set::{Change, SetTo},
};
use crate::{
    config::{self, Action, Config, Match, OnMatch, RouteMapEntry, Set},
    wire::attribute::Origin,
};
use std::{collections::BTreeMap, sync::Arc};
use weft_evpn::{ExtendedCommunity, RouteTarget};

/// How deep route-maps may call each other, as in FRR.
pub const MAX_CALL_DEPTH: usize = 10;

type Lists<T> = BTreeMap<String, Arc<T>>;

/// The lists of a configuration, compiled.
pub(super) struct Compiler<'c> {
    config: &'c Config,
    pub prefix_lists: [Lists<PrefixList>; 2],
    access_lists: [Lists<PrefixList>; 2],
    mac_lists: Lists<MacList>,
    as_path_lists: Lists<RegexList>,
    community_lists: Lists<CommunityList<u32>>,
    large_community_lists: Lists<CommunityList<[u32; 3]>>,
    ext_community_lists: Lists<CommunityList<ExtendedCommunity>>,
    /// Route-maps that are ready, by name and depth of the call that led there: what is too deep is denied.
    programs: BTreeMap<(String, usize), Arc<Program>>,
}

impl<'c> Compiler<'c> {
    pub fn new(config: &'c Config) -> Self {
        let prefix = |lists| compiled(lists, PrefixList::of_prefix_list);
        let access = |lists| compiled(lists, PrefixList::of_access_list);
        Compiler {
            config,
            prefix_lists: [prefix(&config.prefix_lists.ipv4), prefix(&config.prefix_lists.ipv6)],
            access_lists: [access(&config.access_lists.ipv4), access(&config.access_lists.ipv6)],
            mac_lists: compiled(&config.mac_access_lists, MacList::new),
            as_path_lists: compiled(&config.as_path_lists, RegexList::new),
            community_lists: compiled(&config.community_lists, CommunityList::new),
            large_community_lists: compiled(&config.large_community_lists, CommunityList::new),
            ext_community_lists: compiled(&config.extcommunity_lists, CommunityList::new),
            programs: BTreeMap::new(),
        }
    }

    /// The route-map of this name, if there is one.
    pub fn program(&mut self, name: &str) -> Option<Arc<Program>> {
        self.program_at(name, 0)
    }

    fn program_at(&mut self, name: &str, depth: usize) -> Option<Arc<Program>> {
        let config = self.config;
        let map = config.route_maps.get(name)?;
        // Only a route-map that calls others depends on its depth.
        let depth = if map.values().any(|entry| entry.call.is_some()) { depth } else { 0 };
        let key = (name.to_owned(), depth);
        if let Some(ready) = self.programs.get(&key) {
            return Some(Arc::clone(ready));
        }
        let entries = map.iter().map(|(order, entry)| self.entry(*order, entry, depth)).collect();
        let program = Arc::new(Program { entries });
        self.programs.insert(key, Arc::clone(&program));
        Some(program)
    }

    fn entry(&mut self, order: u16, entry: &RouteMapEntry, depth: usize) -> Entry {
        let call = match &entry.call {
            Some(_) if depth >= MAX_CALL_DEPTH => Some(Call::Deny),
            // A name that is not defined is as no call at all, in FRR.
            Some(name) => self.program_at(name, depth + 1).map(Call::Program),
            None => None,
        };
        Entry {
            order,
            permit: entry.action == Action::Permit,
            conditions: entry.matches.iter().map(|wanted| self.condition(wanted)).collect(),
            changes: entry.sets.iter().filter_map(|set| self.change(set)).collect(),
            call,
            exit: match entry.on_match {
                None => Exit::End,
                Some(OnMatch::Next) => Exit::Next,
                Some(OnMatch::Goto(order)) => Exit::Goto(order),
            },
        }
    }

    fn condition(&self, wanted: &Match) -> Condition {
        let [prefix4, prefix6] = &self.prefix_lists;
        let [access4, access6] = &self.access_lists;
        match wanted {
            Match::IpAddress(name) => Condition::Prefix(access4.get(name).cloned()),
            Match::Ipv6Address(name) => Condition::Prefix(access6.get(name).cloned()),
            Match::IpAddressPrefixList(name) => Condition::Prefix(prefix4.get(name).cloned()),
            Match::Ipv6AddressPrefixList(name) => Condition::Prefix(prefix6.get(name).cloned()),
            Match::IpAddressPrefixLen(length) => Condition::PrefixLength { ipv4: true, length: *length },
            Match::Ipv6AddressPrefixLen(length) => Condition::PrefixLength { ipv4: false, length: *length },
            Match::IpNextHop(name) => Condition::NextHopIn { ipv4: true, list: access4.get(name).cloned() },
            Match::Ipv6NextHop(name) => {
                Condition::NextHopIn { ipv4: false, list: access6.get(name).cloned() }
            }
            Match::IpNextHopPrefixList(name) => {
                Condition::NextHopIn { ipv4: true, list: prefix4.get(name).cloned() }
            }
            Match::Ipv6NextHopPrefixList(name) => {
                Condition::NextHopIn { ipv4: false, list: prefix6.get(name).cloned() }
            }
            Match::IpNextHopAddress(address) => Condition::NextHop((*address).into()),
            Match::Ipv6NextHopAddress(address) => Condition::NextHop((*address).into()),
            Match::Community(wanted) => {
                Condition::Community(self.community_lists.get(&wanted.list).cloned(), wanted.how)
            }
            Match::LargeCommunity(wanted) => {
                Condition::LargeCommunity(self.large_community_lists.get(&wanted.list).cloned(), wanted.how)
            }
            Match::Extcommunity(name) => Condition::ExtCommunity(self.ext_community_lists.get(name).cloned()),
            Match::AsPath(name) => Condition::AsPath(self.as_path_lists.get(name).cloned()),
            Match::Metric(value) => Condition::Metric(*value),
            Match::LocalPreference(value) => Condition::LocalPreference(*value),
            Match::Origin(wanted) => Condition::Origin(origin(*wanted)),
            Match::EvpnRouteType(kind) => Condition::RouteType(*kind),
            Match::EvpnVni(vni) => Condition::Vni(vni.get()),
            Match::EvpnRd(rd) => Condition::Rd(*rd),
            Match::EvpnDefaultRoute => Condition::DefaultRoute,
            Match::MacAddress(name) => Condition::Mac(self.mac_lists.get(name).cloned()),
        }
    }

    /// `None` for what changes nothing: a list that is not defined, a next hop that stays as it is.
    fn change(&self, set: &Set) -> Option<Change> {
        Some(match set {
            Set::LocalPreference(value) => Change::LocalPreference(*value),
            Set::Metric(value) => Change::Metric(*value),
            Set::Origin(to) => Change::Origin(origin(*to)),
            Set::AtomicAggregate => Change::AtomicAggregate,
            Set::Community(communities) => Change::Communities(SetTo::new(communities)),
            Set::LargeCommunity(communities) => Change::LargeCommunities(SetTo::new(communities)),
            Set::ExtcommunityRt(targets) => {
                Change::AddExtCommunities(targets.iter().copied().map(RouteTarget::community).collect())
            }
            Set::ExtcommunitySoo(sites) => {
                Change::AddExtCommunities(sites.iter().map(|site| site.community()).collect())
            }
            Set::ExtcommunityNone => Change::NoExtCommunities,
            Set::CommListDelete(name) => Change::DeleteCommunities(self.community_lists.get(name)?.clone()),
            Set::LargeCommListDelete(name) => {
                Change::DeleteLargeCommunities(self.large_community_lists.get(name)?.clone())
            }
            Set::ExtendedCommListDelete(name) => {
                Change::DeleteExtCommunities(self.ext_community_lists.get(name)?.clone())
            }
            Set::AsPathPrepend(asns) => Change::Prepend(asns.clone()),
            Set::AsPathPrependLastAs(times) => Change::PrependLast(*times),
            Set::AsPathExclude(asns) => Change::Exclude(asns.clone()),
            Set::IpNextHop(address) => Change::NextHopIpv4(*address),
            Set::IpNextHopUnchanged => return None,
            Set::Ipv6NextHopGlobal(address) => Change::NextHopIpv6(*address),
            Set::Ipv6NextHopLocal(address) => Change::NextHopLinkLocal(*address),
            Set::Ipv6NextHopPreferGlobal => Change::PreferGlobal,
            Set::EvpnGatewayIpv4(address) => Change::Gateway((*address).into()),
            Set::EvpnGatewayIpv6(address) => Change::Gateway((*address).into()),
        })
    }
}

fn origin(origin: config::Origin) -> Origin {
    match origin {
        config::Origin::Igp => Origin::Igp,
        config::Origin::Egp => Origin::Egp,
        config::Origin::Incomplete => Origin::Incomplete,
    }
}
