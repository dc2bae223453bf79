//! A route-map compiled, and how a route goes through it.
//!
//! FRR's rules (doc/user/routemap.rst; its `lib/routemap.c` where that is silent): an entry whose matches
//! all hold is carried out, and a `deny` entry ends with a denial. A `permit` entry makes its sets, then asks the
//! route-map that it calls, whose denial is the last word; then it ends with a permission, or goes on as
//! `on-match` says. What goes on and then meets entries that do not match is denied, but running past the last
//! entry right after a match is a permission. A match that does not apply to a kind of EVPN route (the VNI of a
//! route without one) says nothing: an entry of such matches alone is as if it were not there. What FRR 8.4 makes
//! of these cases was seen in it, not only read.

use super::{
    lists::{CommunityList, MacList, PrefixList, RegexList},
    route::Route,
    set::{Change, DEFAULT_LOCAL_PREFERENCE},
    text::Text,
};
use crate::{
    config::{CommunityComparison, EvpnRouteType},
    wire::{AttributeSet, Family, attribute::Origin},
};
use ipnet::IpNet;
use std::{net::IpAddr, sync::Arc};
use weft_evpn::{ExtendedCommunity, RouteDistinguisher, community::tunnel_type};

/// What a match says of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Yes,
    No,
    /// It does not apply to such a route.
    Silent,
}

impl From<bool> for Outcome {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// A match; a list that is not defined is `None` and matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Prefix(Option<Arc<PrefixList>>),
    PrefixLength { ipv4: bool, length: u8 },
    NextHopIn { ipv4: bool, list: Option<Arc<PrefixList>> },
    NextHop(IpAddr),
    Community(Option<Arc<CommunityList<u32>>>, CommunityComparison),
    LargeCommunity(Option<Arc<CommunityList<[u32; 3]>>>, CommunityComparison),
    ExtCommunity(Option<Arc<CommunityList<ExtendedCommunity>>>),
    AsPath(Option<Arc<RegexList>>),
    Metric(u32),
    LocalPreference(u32),
    Origin(Origin),
    RouteType(EvpnRouteType),
    Vni(u32),
    Rd(RouteDistinguisher),
    DefaultRoute,
    Mac(Option<Arc<MacList>>),
}

impl Condition {
    fn check(&self, route: &Route, attributes: &AttributeSet) -> Outcome {
        let in_list = |list: &Option<Arc<PrefixList>>, prefix: Option<IpNet>| {
            list.as_ref().zip(prefix).is_some_and(|(list, prefix)| list.permits(prefix))
        };
        match self {
            Self::Prefix(list) => in_list(list, route.prefix).into(),
            Self::PrefixLength { ipv4, length } => route
                .prefix
                .is_some_and(|prefix| prefix.addr().is_ipv4() == *ipv4 && prefix.prefix_len() == *length)
                .into(),
            Self::NextHopIn { ipv4, list } => {
                let next_hop = attributes.next_hop.filter(|next_hop| next_hop.is_ipv4() == *ipv4);
                in_list(list, next_hop.map(IpNet::from)).into()
            }
            Self::NextHop(wanted) => (attributes.next_hop == Some(*wanted)).into(),
            Self::Community(list, how) => {
                list.as_ref().is_some_and(|list| list.permits(attributes, *how)).into()
            }
            Self::LargeCommunity(list, how) => {
                list.as_ref().is_some_and(|list| list.permits(attributes, *how)).into()
            }
            Self::ExtCommunity(list) => {
                list.as_ref().is_some_and(|list| list.permits(attributes, CommunityComparison::All)).into()
            }
            Self::AsPath(list) => {
                let judge = |list: &Arc<RegexList>| list.judge(&Text::of_path(&attributes.as_path));
                list.as_ref().and_then(judge).unwrap_or(false).into()
            }
            Self::Metric(wanted) => (attributes.med.unwrap_or(0) == *wanted).into(),
            Self::LocalPreference(wanted) => {
                (attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREFERENCE) == *wanted).into()
            }
            Self::Origin(wanted) => (attributes.origin == *wanted).into(),
            Self::RouteType(wanted) => {
                route.evpn.is_some_and(|evpn| evpn.route_type == wanted.number()).into()
            }
            Self::Vni(wanted) => {
                let mut encapsulations =
                    attributes.ext_communities.iter().filter_map(|community| community.as_encapsulation());
                let is_vxlan = encapsulations.next().is_none_or(|tunnel| tunnel == tunnel_type::VXLAN);
                match route.evpn {
                    None => Outcome::No,
                    Some(evpn) => match evpn.vnis.filter(|_| is_vxlan) {
                        Some(vnis) => vnis.contains(&Some(*wanted)).into(),
                        None => Outcome::Silent,
                    },
                }
            }
            Self::Rd(wanted) => (route.evpn.and_then(|evpn| evpn.rd) == Some(*wanted)).into(),
            Self::DefaultRoute => {
                let prefix = route.prefix.filter(|_| route.evpn.is_some());
                prefix.is_some_and(|prefix| prefix.prefix_len() == 0).into()
            }
            Self::Mac(list) => {
                let mac = route.evpn.and_then(|evpn| evpn.mac);
                list.as_ref().zip(mac).is_some_and(|(list, mac)| list.permits(mac)).into()
            }
        }
    }

    /// True if the attributes alone decide.
    fn ignores_nlri(&self) -> bool {
        match self {
            Self::Prefix(_)
            | Self::PrefixLength { .. }
            | Self::RouteType(_)
            | Self::Vni(_)
            | Self::Rd(_)
            | Self::DefaultRoute
            | Self::Mac(_) => false,
            Self::NextHopIn { .. }
            | Self::NextHop(_)
            | Self::Community(..)
            | Self::LargeCommunity(..)
            | Self::ExtCommunity(_)
            | Self::AsPath(_)
            | Self::Metric(_)
            | Self::LocalPreference(_)
            | Self::Origin(_) => true,
        }
    }
}

/// What `call` leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// Another route-map.
    Program(Arc<Program>),
    /// Calls that lead round, or too deep: denied, as FRR does beyond its limit.
    Deny,
}

/// Where to go on after a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Nowhere.
    End,
    /// With the entry behind.
    Next,
    /// With the first entry of this number or a higher one.
    Goto(u16),
}

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub order: u16,
    pub permit: bool,
    pub conditions: Vec<Condition>,
    pub changes: Vec<Change>,
    pub call: Option<Call>,
    pub exit: Exit,
}

impl Entry {
    fn check(&self, route: &Route, attributes: &AttributeSet) -> Outcome {
        if self.conditions.is_empty() {
            return Outcome::Yes;
        }
        let mut outcome = Outcome::Silent;
        for condition in &self.conditions {
            match condition.check(route, attributes) {
                Outcome::No => return Outcome::No,
                Outcome::Yes => outcome = Outcome::Yes,
                Outcome::Silent => {}
            }
        }
        outcome
    }
}

/// A route-map.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Program {
    /// By rising order.
    pub entries: Vec<Entry>,
}

/// A route on its way through a route-map.
#[derive(Debug)]
pub(super) struct Traveller<'a> {
    pub family: Family,
    pub route: Route,
    /// The attributes that it came with.
    pub original: &'a AttributeSet,
    /// Those that sets have made of them.
    pub changed: Option<Box<AttributeSet>>,
    /// The gateway that a type-5 route gets.
    pub gateway: Option<IpAddr>,
}

impl Traveller<'_> {
    fn attributes(&self) -> &AttributeSet {
        self.changed.as_deref().unwrap_or(self.original)
    }

    fn change(&mut self, change: &Change) {
        if let Change::Gateway(gateway) = change {
            // One of the other family than the prefix is none (RFC 9136 §3.1).
            let fits = self.route.prefix.is_none_or(|prefix| prefix.addr().is_ipv4() == gateway.is_ipv4());
            self.gateway = if fits { Some(*gateway) } else { self.gateway };
            return;
        }
        let family = self.family;
        let original = self.original;
        change.apply(family, self.changed.get_or_insert_with(|| Box::new(original.clone())));
    }
}

impl Program {
    /// True if the route passes; the traveller has then the attributes with which it does.
    pub fn run(&self, traveller: &mut Traveller<'_>) -> bool {
        let mut permitted = !self.entries.is_empty();
        let mut from = 0;
        for entry in &self.entries {
            if entry.order < from {
                continue;
            }
            match entry.check(&traveller.route, traveller.attributes()) {
                Outcome::Silent => continue,
                Outcome::No => {
                    permitted = false;
                    continue;
                }
                Outcome::Yes if !entry.permit => return false,
                Outcome::Yes => permitted = true,
            }
            for change in &entry.changes {
                traveller.change(change);
            }
            let called = match &entry.call {
                None => true,
                Some(Call::Program(program)) => program.run(traveller),
                Some(Call::Deny) => false,
            };
            match entry.exit {
                _ if !called => return false,
                Exit::End => return true,
                Exit::Next => {}
                Exit::Goto(order) => from = order,
            }
        }
        permitted
    }

    /// True if the attributes alone decide.
    pub fn ignores_nlri(&self) -> bool {
        self.entries.iter().all(|entry| {
            let called = match &entry.call {
                Some(Call::Program(program)) => program.ignores_nlri(),
                _ => true,
            };
            called && entry.conditions.iter().all(Condition::ignores_nlri)
        })
    }
}
