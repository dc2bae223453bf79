//! Inheritance: what a neighbour's settings are once its peer-group filled what it left open.
//!
//! A value of the neighbour wins over the group's; a switch is on when either sets it, as in FRR.

use super::model::{Bgp, NeighborFamily, NeighborSettings};
use ipnet::IpNet;
use std::net::IpAddr;

/// A neighbour with every setting decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedNeighbor {
    /// Its address.
    pub address: IpAddr,
    /// The group that it belongs to.
    pub peer_group: Option<String>,
    /// Own settings over the group's. `timers` includes `timers bgp`; `graceful_restart` and
    /// `ipv4_unicast.activate` are always set.
    pub settings: NeighborSettings,
}

/// A listen range with the settings that its dynamic neighbours get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedRange {
    /// Who may connect.
    pub range: IpNet,
    /// The group.
    pub peer_group: String,
    /// The group's settings, completed as for a neighbour.
    pub settings: NeighborSettings,
}

/// Every configured neighbour, in the order of the addresses.
pub fn resolve<F>(bgp: &Bgp<F>) -> Vec<ResolvedNeighbor> {
    let resolved = bgp.neighbors.iter().map(|(address, neighbor)| ResolvedNeighbor {
        address: *address,
        peer_group: neighbor.peer_group.clone(),
        settings: complete(bgp, neighbor.peer_group.as_deref(), &neighbor.settings),
    });
    resolved.collect()
}

/// Every listen range, most specific first, so that the first that contains an address is the right one.
pub fn resolve_ranges<F>(bgp: &Bgp<F>) -> Vec<ResolvedRange> {
    let mut ranges: Vec<ResolvedRange> = bgp
        .listen_ranges
        .iter()
        .map(|(range, group)| ResolvedRange {
            range: *range,
            peer_group: group.clone(),
            settings: complete(bgp, Some(group), &NeighborSettings::default()),
        })
        .collect();
    ranges.sort_by_key(|range| std::cmp::Reverse(range.range.prefix_len()));
    ranges
}

fn complete<F>(bgp: &Bgp<F>, group: Option<&str>, own: &NeighborSettings) -> NeighborSettings {
    let group = group.and_then(|name| bgp.peer_groups.get(name));
    let mut settings = match group {
        Some(group) => inherit(own, group),
        None => own.clone(),
    };
    settings.timers = settings.timers.or(bgp.timers);
    settings.graceful_restart = settings.graceful_restart.or(Some(bgp.graceful_restart.mode));
    settings.ipv4_unicast.activate = settings.ipv4_unicast.activate.or(Some(bgp.default_ipv4_unicast));
    settings
}

fn inherit(own: &NeighborSettings, group: &NeighborSettings) -> NeighborSettings {
    NeighborSettings {
        remote_as: own.remote_as.or(group.remote_as),
        // Of an address, so a group has none.
        interface: own.interface.clone(),
        update_source: own.update_source.clone().or_else(|| group.update_source.clone()),
        timers: own.timers.or(group.timers),
        connect_timer: own.connect_timer.or(group.connect_timer),
        passive: own.passive || group.passive,
        description: own.description.clone().or_else(|| group.description.clone()),
        shutdown: own.shutdown.clone().or_else(|| group.shutdown.clone()),
        password: own.password.clone().or_else(|| group.password.clone()),
        ttl_security_hops: own.ttl_security_hops.or(group.ttl_security_hops),
        ebgp_multihop: own.ebgp_multihop.or(group.ebgp_multihop),
        disable_connected_check: own.disable_connected_check || group.disable_connected_check,
        port: own.port.or(group.port),
        capability_extended_nexthop: own.capability_extended_nexthop || group.capability_extended_nexthop,
        enforce_first_as: own.enforce_first_as || group.enforce_first_as,
        suppress_fqdn: own.suppress_fqdn || group.suppress_fqdn,
        graceful_restart: own.graceful_restart.or(group.graceful_restart),
        domain: own.domain.clone().or_else(|| group.domain.clone()),
        l2vpn_evpn: inherit_family(&own.l2vpn_evpn, &group.l2vpn_evpn),
        rtfilter: inherit_family(&own.rtfilter, &group.rtfilter),
        ipv4_unicast: inherit_family(&own.ipv4_unicast, &group.ipv4_unicast),
        ipv6_unicast: inherit_family(&own.ipv6_unicast, &group.ipv6_unicast),
    }
}

fn inherit_family(own: &NeighborFamily, group: &NeighborFamily) -> NeighborFamily {
    NeighborFamily {
        activate: own.activate.or(group.activate),
        route_reflector_client: own.route_reflector_client || group.route_reflector_client,
        allowas_in: own.allowas_in.or(group.allowas_in),
        maximum_prefix: own.maximum_prefix.clone().or_else(|| group.maximum_prefix.clone()),
        soft_reconfiguration_inbound: own.soft_reconfiguration_inbound || group.soft_reconfiguration_inbound,
        route_map_in: own.route_map_in.clone().or_else(|| group.route_map_in.clone()),
        route_map_out: own.route_map_out.clone().or_else(|| group.route_map_out.clone()),
        prefix_list_in: own.prefix_list_in.clone().or_else(|| group.prefix_list_in.clone()),
        prefix_list_out: own.prefix_list_out.clone().or_else(|| group.prefix_list_out.clone()),
        next_hop_self: own.next_hop_self.or(group.next_hop_self),
        default_originate: own.default_originate || group.default_originate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::{Neighbor, RemoteAs, Timers};

    #[test]
    fn a_neighbor_takes_from_its_group_what_it_does_not_say_itself() {
        let mut bgp = Bgp::new(65000);
        bgp.timers = Some(Timers { keepalive: 3, hold: 9 });
        let group = NeighborSettings {
            remote_as: Some(RemoteAs::Internal),
            description: Some("group".into()),
            passive: true,
            l2vpn_evpn: NeighborFamily { activate: Some(true), ..Default::default() },
            ..Default::default()
        };
        bgp.peer_groups.insert("LEAF".into(), group);
        let own = NeighborSettings { description: Some("own".into()), ..Default::default() };
        let address = "10.0.0.1".parse().unwrap();
        bgp.neighbors.insert(address, Neighbor { peer_group: Some("LEAF".into()), settings: own });

        let resolved = resolve(&bgp);
        assert_eq!(resolved.len(), 1);
        let settings = &resolved[0].settings;
        assert_eq!(settings.remote_as, Some(RemoteAs::Internal));
        assert_eq!(settings.description.as_deref(), Some("own"));
        assert!(settings.passive && settings.l2vpn_evpn.activate == Some(true));
        assert_eq!(settings.timers, Some(Timers { keepalive: 3, hold: 9 }));
    }

    #[test]
    fn the_most_specific_range_comes_first() {
        let mut bgp = Bgp::new(65000);
        bgp.listen_ranges.insert("10.0.0.0/8".parse().unwrap(), "A".into());
        bgp.listen_ranges.insert("10.1.0.0/16".parse().unwrap(), "B".into());
        let ranges = resolve_ranges(&bgp);
        assert_eq!(ranges.iter().map(|r| r.peer_group.as_str()).collect::<Vec<_>>(), ["B", "A"]);
    }
}
