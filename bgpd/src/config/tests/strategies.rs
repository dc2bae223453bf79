//! Any configuration that is valid.

use super::policy_strategies::policy;
use crate::config::*;
use ipnet::IpNet;
use proptest::{collection, option, prelude::*};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};
use weft_evpn::{DomainId, MacAddr, RouteDistinguisher, RouteTarget, RouteTargetMatch, Vni};

pub(super) fn name() -> impl Strategy<Value = String> {
    "[A-Za-z][A-Za-z0-9_-]{0,10}"
}

pub(super) fn line() -> impl Strategy<Value = String> {
    "[!-~]([ -~]{0,40}[!-~])?"
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (1u32..0xe000_0000).prop_map(|a| IpAddr::V4(Ipv4Addr::from(a))),
        (2u128..1 << 120).prop_map(|a| IpAddr::V6(Ipv6Addr::from(a))),
    ]
}

fn timers() -> impl Strategy<Value = Timers> {
    (any::<u16>(), prop_oneof![Just(0), 3u16..]).prop_map(|(keepalive, hold)| Timers { keepalive, hold })
}

fn level() -> impl Strategy<Value = LogLevel> {
    proptest::sample::select(LogLevel::ALL.to_vec())
}

fn log() -> BoxedStrategy<Log> {
    let target = || option::of(option::of(level()).prop_map(|level| LogTarget { level }));
    let file = ("/[a-z]{1,9}", option::of(level())).prop_map(|(path, level)| LogFile { path, level });
    (option::of(level()), target(), target(), option::of(file))
        .prop_map(|(level, stdout, syslog, file)| Log { level, stdout, syslog, file })
        .boxed()
}

fn mode() -> impl Strategy<Value = GracefulRestartMode> {
    use GracefulRestartMode::*;
    prop_oneof![Just(Restart), Just(Helper), Just(Disable)]
}

fn family() -> BoxedStrategy<NeighborFamily> {
    let allow = prop_oneof![(1u8..=10).prop_map(AllowAsIn::Times), Just(AllowAsIn::Origin)];
    let action = prop_oneof![
        Just(MaximumPrefixAction::Close),
        Just(MaximumPrefixAction::WarningOnly),
        (1u16..).prop_map(MaximumPrefixAction::Restart)
    ];
    let maximum = (1u32.., option::of(1u8..=100), action)
        .prop_map(|(limit, threshold, action)| MaximumPrefix { limit, threshold, action });
    let filters = [(); 4].map(|()| option::of(name()));
    (any::<[bool; 3]>(), option::of(allow), option::of(maximum), filters)
        .prop_map(|(flags, allowas_in, maximum_prefix, filters)| {
            let [activate, route_reflector_client, soft_reconfiguration_inbound] = flags;
            let [route_map_in, route_map_out, prefix_list_in, prefix_list_out] = filters;
            NeighborFamily {
                activate: activate.then_some(true),
                route_reflector_client,
                allowas_in,
                maximum_prefix,
                soft_reconfiguration_inbound,
                route_map_in,
                route_map_out,
                prefix_list_in,
                prefix_list_out,
                next_hop_self: None,
                default_originate: false,
            }
        })
        .boxed()
}

fn unicast_family(ipv4: bool) -> BoxedStrategy<NeighborFamily> {
    let next_hop_self = prop_oneof![Just(NextHopSelf::External), Just(NextHopSelf::Force)];
    (family(), any::<Option<bool>>(), option::of(next_hop_self), any::<bool>())
        .prop_map(move |(family, activate, next_hop_self, default_originate)| NeighborFamily {
            // Only of IPv4 a `no … activate` is kept.
            activate: activate.filter(|activate| *activate || ipv4),
            next_hop_self,
            default_originate,
            ..family
        })
        .boxed()
}

/// Memberships are not filtered by what routes are.
fn rt_filter_family() -> BoxedStrategy<NeighborFamily> {
    (family(), any::<bool>())
        .prop_map(|(family, default_originate)| NeighborFamily {
            route_map_in: None,
            route_map_out: None,
            prefix_list_in: None,
            prefix_list_out: None,
            default_originate,
            ..family
        })
        .boxed()
}

fn settings() -> BoxedStrategy<NeighborSettings> {
    let remote =
        prop_oneof![(1u32..).prop_map(RemoteAs::As), Just(RemoteAs::Internal), Just(RemoteAs::External)];
    let shutdown = option::of(line()).prop_map(|message| Shutdown { message });
    let hops = prop_oneof![
        Just((None, None)),
        (1u8..=254).prop_map(|n| (Some(n), None)),
        (1u8..).prop_map(|n| (None, Some(n)))
    ];
    (
        (
            remote,
            option::of(name().prop_map(UpdateSource::Interface)),
            option::of(timers()),
            option::of(1u16..),
        ),
        (
            option::of(line()),
            option::of(shutdown),
            option::of(line()),
            hops,
            option::of(1u16..),
            option::of(name()),
        ),
        (any::<[bool; 5]>(), option::of(mode()), family()),
    )
        .prop_map(|(a, b, (flags, graceful_restart, l2vpn_evpn))| {
            let [
                passive,
                disable_connected_check,
                capability_extended_nexthop,
                suppress_fqdn,
                enforce_first_as,
            ] = flags;
            NeighborSettings {
                remote_as: Some(a.0),
                interface: b.5,
                update_source: a.1,
                timers: a.2,
                connect_timer: a.3,
                passive,
                description: b.0,
                shutdown: b.1,
                password: b.2,
                ttl_security_hops: b.3.0,
                ebgp_multihop: b.3.1,
                disable_connected_check,
                port: b.4,
                capability_extended_nexthop,
                suppress_fqdn,
                enforce_first_as,
                graceful_restart,
                domain: None,
                l2vpn_evpn,
                rtfilter: NeighborFamily::default(),
                ipv4_unicast: NeighborFamily::default(),
                ipv6_unicast: NeighborFamily::default(),
            }
        })
        .boxed()
}

/// A neighbour outside of an IP-VRF.
fn evpn_settings() -> BoxedStrategy<NeighborSettings> {
    let domain = option::of(proptest::sample::select(vec!["core", "east", "west"]));
    (settings(), domain, rt_filter_family())
        .prop_map(|(settings, domain, rtfilter)| NeighborSettings {
            rtfilter,
            domain: domain.map(|name| Domain { name: name.into(), id: None }),
            ..settings
        })
        .boxed()
}

/// A neighbour in an IP-VRF.
fn vrf_settings() -> BoxedStrategy<NeighborSettings> {
    (settings(), unicast_family(true), unicast_family(false))
        .prop_map(|(settings, ipv4_unicast, ipv6_unicast)| NeighborSettings {
            l2vpn_evpn: NeighborFamily::default(),
            ipv4_unicast,
            ipv6_unicast,
            ..settings
        })
        .boxed()
}

pub(super) fn vni() -> impl Strategy<Value = Vni> {
    (1..=Vni::MAX).prop_map(|n| Vni::new(n).unwrap())
}

pub(super) fn target() -> impl Strategy<Value = RouteTarget> {
    prop_oneof![
        (any::<u16>(), any::<u32>()).prop_map(|(a, n)| RouteTarget::two_octet_as(a, n)),
        (any::<u32>(), any::<u16>()).prop_map(|(a, n)| RouteTarget::ipv4(a.into(), n)),
        (0x1_0000u32.., any::<u16>()).prop_map(|(a, n)| RouteTarget::four_octet_as(a, n)),
    ]
}

pub(super) fn rd() -> impl Strategy<Value = RouteDistinguisher> {
    prop_oneof![
        (any::<u16>(), any::<u32>()).prop_map(|(a, n)| RouteDistinguisher::two_octet_as(a, n)),
        (any::<u32>(), any::<u16>()).prop_map(|(a, n)| RouteDistinguisher::ipv4(a.into(), n)),
    ]
}

fn import() -> impl Strategy<Value = BTreeSet<RouteTargetMatch>> {
    let import = prop_oneof![
        target().prop_map(RouteTargetMatch::Exact),
        any::<u32>().prop_map(RouteTargetMatch::AnyAs)
    ];
    collection::btree_set(import, 0..3)
}

fn vni_config() -> BoxedStrategy<VniConfig> {
    let flooding = prop_oneof![Just(Flooding::Disable), Just(Flooding::HeadEndReplication)];
    (
        option::of(rd()),
        import(),
        collection::btree_set(target(), 0..3),
        any::<[bool; 2]>(),
        option::of(flooding),
        any::<[Option<bool>; 2]>(),
    )
        .prop_map(|(rd, import, export, auto, flooding, [advertise_svi_ip, advertise_default_gw])| {
            VniConfig {
                rd,
                import,
                export,
                auto_import: auto[0],
                auto_export: auto[1],
                flooding,
                advertise_svi_ip,
                advertise_default_gw,
            }
        })
        .boxed()
}

fn vrf_evpn() -> BoxedStrategy<VrfEvpn> {
    let advertise = || {
        let any = (any::<bool>(), option::of(name()));
        option::of(any.prop_map(|(gateway_ip, route_map)| Advertise { gateway_ip, route_map }))
    };
    let targets = (import(), collection::btree_set(target(), 0..3));
    (option::of(rd()), targets, any::<[bool; 4]>(), advertise(), advertise())
        .prop_map(|(rd, (import, export), flags, advertise_ipv4, advertise_ipv6)| VrfEvpn {
            rd,
            import,
            export,
            auto_import: flags[0],
            auto_export: flags[1],
            advertise_ipv4,
            advertise_ipv6,
            default_originate_ipv4: flags[2],
            default_originate_ipv6: flags[3],
        })
        .boxed()
}

pub(super) fn prefix(ipv4: bool) -> BoxedStrategy<IpNet> {
    if ipv4 {
        let any = (any::<u32>(), 0u8..=32);
        any.prop_map(|(a, l)| IpNet::new(Ipv4Addr::from(a).into(), l).unwrap().trunc()).boxed()
    } else {
        let any = (any::<u128>(), 0u8..=128);
        any.prop_map(|(a, l)| IpNet::new(Ipv6Addr::from(a).into(), l).unwrap().trunc()).boxed()
    }
}

fn unicast(ipv4: bool) -> BoxedStrategy<Unicast> {
    let source = proptest::sample::select(RedistributeSource::ALL.to_vec());
    let judged = || option::of(name());
    (
        collection::btree_map(source, judged().prop_map(|route_map| Redistribute { route_map }), 0..3),
        collection::btree_map(prefix(ipv4), judged().prop_map(|route_map| Network { route_map }), 0..3),
        collection::btree_map(
            prefix(ipv4),
            (any::<bool>(), judged())
                .prop_map(|(summary_only, route_map)| Aggregate { summary_only, route_map }),
            0..3,
        ),
        any::<[bool; 2]>(),
        1u16..=256,
    )
        .prop_map(|(redistribute, networks, aggregates, limited, paths)| Unicast {
            redistribute,
            networks,
            aggregates,
            maximum_paths: limited[0].then_some(paths),
            maximum_paths_ibgp: limited[1].then_some(paths),
        })
        .boxed()
}

fn evpn() -> BoxedStrategy<Evpn> {
    let freeze =
        prop_oneof![Just(Freeze::Never), Just(Freeze::Permanent), (30u32..=3600).prop_map(Freeze::Seconds)];
    let detection =
        (any::<bool>(), 2u32..=1000, 2u32..=1800, freeze).prop_map(|(enabled, max_moves, time, freeze)| {
            DuplicateDetection { enabled, max_moves, time, freeze }
        });
    let id = option::of((any::<u32>(), any::<u16>()).prop_map(|(n, m)| DomainId::new(n, m)));
    (any::<[bool; 5]>(), detection, collection::btree_map(vni(), vni_config(), 0..4), id)
        .prop_map(|(flags, duplicate_detection, vnis, id)| {
            let [advertise_all_vni, advertise_svi_ip, advertise_default_gw, auto_rt_rfc8365, flood] = flags;
            let flooding = if flood { Flooding::HeadEndReplication } else { Flooding::Disable };
            Evpn {
                advertise_all_vni,
                advertise_svi_ip,
                advertise_default_gw,
                flooding,
                duplicate_detection,
                auto_rt_rfc8365,
                domain: Some(Domain { name: "here".into(), id }),
                vnis,
            }
        })
        .boxed()
}

fn id() -> impl Strategy<Value = Option<Ipv4Addr>> {
    option::of((1u32..).prop_map(Ipv4Addr::from))
}

/// Only an address has an interface.
fn of_group(settings: NeighborSettings) -> NeighborSettings {
    NeighborSettings { interface: None, ..settings }
}

fn bgp<F, E, N>(evpn: E, settings: fn() -> N, unicast: BoxedStrategy<[Unicast; 2]>) -> BoxedStrategy<Bgp<F>>
where
    F: std::fmt::Debug + Default + 'static,
    E: Strategy<Value = F> + 'static,
    N: Strategy<Value = NeighborSettings> + 'static,
{
    let restart =
        (mode(), option::of(0u16..4096), option::of(1u16..4096), option::of(0u16..=3600), any::<[bool; 2]>());
    let neighbor = (any::<bool>(), settings());
    let range = (any::<u32>(), 0u8..=32)
        .prop_map(|(a, l)| IpNet::V4(ipnet::Ipv4Net::new(a.into(), l).unwrap().trunc()));
    (
        (1u32.., id(), id(), any::<[bool; 3]>(), option::of(any::<u32>()), any::<[bool; 6]>()),
        (collection::btree_set(range, 0..3), option::of(1u16..), option::of(timers()), restart),
        collection::btree_map(name(), settings().prop_map(of_group), 0..3),
        collection::btree_map(address(), neighbor, 0..4),
        (evpn, unicast),
    )
        .prop_map(|(a, b, groups, neighbors, (evpn, [ipv4, ipv6]))| {
            let group = groups.keys().next().cloned();
            let (mode, restart_time, stalepath_time, select_defer_time, [preserve_fw_state, notification]) =
                b.3;
            let in_group = |(member, mut settings): (bool, NeighborSettings)| {
                // A switch or a hop count of the group may not go with the neighbour's own.
                let peer_group = group.clone().filter(|_| member);
                if peer_group.is_some() {
                    (settings.ttl_security_hops, settings.ebgp_multihop) = (None, None);
                }
                Neighbor { peer_group, settings }
            };
            Bgp {
                router_id: a.1,
                cluster_id: a.2,
                default_ipv4_unicast: a.3[0],
                default_local_preference: a.4,
                ebgp_requires_policy: a.3[1],
                log_neighbor_changes: a.3[2],
                best_path: BestPath {
                    as_path_ignore: a.5[0],
                    as_path_multipath_relax: a.5[1],
                    compare_routerid: a.5[2],
                    med_missing_as_worst: a.5[3],
                    always_compare_med: a.5[4],
                    deterministic_med: a.5[5],
                },
                listen_ranges: match &group {
                    Some(group) => b.0.into_iter().map(|range| (range, group.clone())).collect(),
                    None => BTreeMap::new(),
                },
                listen_limit: b.1,
                timers: b.2,
                graceful_restart: GracefulRestart {
                    mode,
                    restart_time,
                    stalepath_time,
                    select_defer_time,
                    preserve_fw_state,
                    notification,
                },
                neighbors: neighbors.into_iter().map(|(a, n)| (a, in_group(n))).collect(),
                peer_groups: groups,
                ipv4,
                ipv6,
                evpn,
                ..Bgp::instance(a.0)
            }
        })
        .boxed()
}

fn vrfs() -> impl Strategy<Value = BTreeMap<String, Vrf>> {
    let vrf = (any::<[bool; 3]>(), 0u32..100);
    collection::vec(vrf, 0..4).prop_map(|vrfs| {
        (1u32..)
            .zip(vrfs)
            .map(|(n, ([with_vni, hosts, with_table], _))| {
                let vni = with_vni.then(|| Vni::new(5000 + n).unwrap());
                let prefix_routes_only = with_vni && hosts;
                (format!("vrf{n}"), Vrf { vni, prefix_routes_only, table: with_table.then_some(1000 + n) })
            })
            .collect()
    })
}

/// Bridge domains whose gateways do not overlap, in these IP-VRFs.
fn bridge_domains(
    names: BTreeMap<String, (Option<u32>, [bool; 3])>,
    vrfs: &BTreeMap<String, Vrf>,
) -> BTreeMap<String, BridgeDomain> {
    let numbered = (1..).zip(names);
    numbered
        .map(|(n, (name, (mtu, [in_vrf, ipv6, own_mac])))| {
            let gateway = if ipv6 { format!("2001:db8:{n}::1/64") } else { format!("10.0.{n}.254/24") };
            let domain = BridgeDomain {
                vni: Vni::new(n),
                interfaces: BTreeSet::from([format!("eth{n}"), format!("port{n}")]),
                mtu,
                vrf: vrfs.keys().nth(usize::try_from(n).unwrap() % 4).filter(|_| in_vrf).cloned(),
                gateways: BTreeSet::from([gateway.parse().unwrap()]),
                gateway_mac: own_mac.then_some(MacAddr([2, 0, 0, 0, 0, 1])),
            };
            (name, domain)
        })
        .collect()
}

/// The speaker's own instance.
fn speaker(unicast: BoxedStrategy<[Unicast; 2]>) -> BoxedStrategy<Bgp> {
    let ases = collection::btree_set(prop_oneof![1u32..=65_535, 1u32..], 0..3);
    (bgp(evpn(), evpn_settings, unicast), ases)
        .prop_map(|(bgp, auto_import_as)| Bgp { rtfilter: RtFilter { auto_import_as }, ..bgp })
        .boxed()
}

pub(super) fn config() -> impl Strategy<Value = Config> {
    let bridges = collection::btree_map(name(), (option::of(68u32..=65535), any::<[bool; 3]>()), 0..3);
    let nothing = Just([Unicast::default(), Unicast::default()]).boxed();
    let both = || (unicast(true), unicast(false)).prop_map(|(ipv4, ipv6)| [ipv4, ipv6]).boxed();
    let of_vrf = bgp(vrf_evpn(), vrf_settings, both());
    (
        (option::of(name()), log(), address(), any::<bool>()),
        (vrfs(), bridges),
        option::of(speaker(nothing)),
        collection::btree_map("[a-z]{1,9}", of_vrf, 0..2),
        policy(),
    )
        .prop_map(|((hostname, log, source, mac), (vrfs, bridges), bgp, bgp_vrfs, policy)| Config {
            hostname,
            log,
            vtep_source: Some(source),
            gateway_mac: mac.then_some(MacAddr([0, 0, 0x5e, 0, 1, 2])),
            bridge_domains: bridge_domains(bridges, &vrfs),
            vrfs,
            // An IP-VRF's instance needs the speaker's.
            bgp_vrfs: if bgp.is_some() { bgp_vrfs } else { BTreeMap::new() },
            bgp,
            ..policy
        })
}
