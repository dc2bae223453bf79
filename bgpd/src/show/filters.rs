//! The filters of a neighbour, by the names that the configuration has for them: what a session
//! uses is compiled and nameless.

use super::instance::Instance;
use crate::{
    config::{self, Bgp, Config, NeighborFamily, NeighborSettings, ResolvedNeighbor, ResolvedRange},
    core::Core,
    peer::{PeerOrigin, PeerSettings},
    wire::Family,
};

/// A list or map that a neighbour names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub name: String,
    /// It is configured; one that is not denies all.
    pub exists: bool,
}

impl Named {
    /// FRR puts a star before those that exist.
    pub fn text(&self) -> String {
        format!("{}{}", if self.exists { "*" } else { "" }, self.name)
    }
}

/// A neighbour's filters in a family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Filters {
    pub route_map_in: Option<Named>,
    pub route_map_out: Option<Named>,
    pub prefix_list_in: Option<Named>,
    pub prefix_list_out: Option<Named>,
}

/// The neighbours of an instance as configured, peer-groups filled in.
#[derive(Debug, Default)]
pub(super) struct Lines {
    neighbours: Vec<ResolvedNeighbor>,
    ranges: Vec<ResolvedRange>,
}

impl Lines {
    /// Those of an instance.
    pub fn of(core: &Core, instance: &Instance) -> Self {
        let config = core.config();
        match instance.vrf() {
            None => config.bgp.as_ref().map(Self::resolve).unwrap_or_default(),
            Some(name) => config.bgp_vrfs.get(name.as_str()).map(Self::resolve).unwrap_or_default(),
        }
    }

    fn resolve<F>(bgp: &Bgp<F>) -> Self {
        Self { neighbours: config::resolve(bgp), ranges: config::resolve_ranges(bgp) }
    }

    fn settings(&self, peer: &PeerSettings) -> Option<&NeighborSettings> {
        match &peer.origin {
            PeerOrigin::Dynamic { range } => {
                self.ranges.iter().find(|each| each.range == *range).map(|each| &each.settings)
            }
            PeerOrigin::Configured => {
                let at = self.neighbours.binary_search_by_key(&peer.address, |each| each.address).ok()?;
                self.neighbours.get(at).map(|each| &each.settings)
            }
        }
    }

    /// A neighbour's filters.
    pub fn filters(&self, config: &Config, peer: &PeerSettings, family: Family) -> Filters {
        let Some(settings) = self.settings(peer) else { return Filters::default() };
        let lines: &NeighborFamily = match family {
            Family::L2vpnEvpn => &settings.l2vpn_evpn,
            Family::RtFilter => &settings.rtfilter,
            Family::Ipv4Unicast => &settings.ipv4_unicast,
            Family::Ipv6Unicast => &settings.ipv6_unicast,
        };
        let named = |name: &Option<String>, exists: &dyn Fn(&String) -> bool| {
            name.as_ref().map(|name| Named { name: name.clone(), exists: exists(name) })
        };
        let map = |name: &String| config.route_maps.contains_key(name);
        let lists = &config.prefix_lists;
        let list = |name: &String| match family {
            Family::Ipv6Unicast => lists.ipv6.contains_key(name),
            _ => lists.ipv4.contains_key(name),
        };
        Filters {
            route_map_in: named(&lines.route_map_in, &map),
            route_map_out: named(&lines.route_map_out, &map),
            prefix_list_in: named(&lines.prefix_list_in, &list),
            prefix_list_out: named(&lines.prefix_list_out, &list),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench;

    #[test]
    fn filters_have_their_names_also_through_a_group() {
        let text = "route-map RM permit 10\nexit\nrouter bgp 65000\n bgp router-id 1.1.1.1\n \
                    neighbor LEAF peer-group\n neighbor LEAF remote-as 65000\n \
                    neighbor 10.255.0.2 peer-group LEAF\n address-family l2vpn evpn\n  \
                    neighbor LEAF activate\n  neighbor LEAF route-map RM in\n  \
                    neighbor 10.255.0.2 route-map NOPE out\n exit-address-family\nexit\n";
        let config = config::parse("weft.conf", text).unwrap();
        let lines = Lines::resolve(config.bgp.as_ref().unwrap());
        let filters = lines.filters(&config, &bench::settings(2, 65_000), Family::L2vpnEvpn);
        let text = |named: Option<Named>| named.map(|named| named.text());
        assert_eq!(text(filters.route_map_in).as_deref(), Some("*RM"));
        assert_eq!(text(filters.route_map_out).as_deref(), Some("NOPE"));
        assert_eq!(filters.prefix_list_in, None);
        let unknown = lines.filters(&config, &bench::settings(9, 65_000), Family::L2vpnEvpn);
        assert_eq!(unknown, Filters::default());
    }
}
