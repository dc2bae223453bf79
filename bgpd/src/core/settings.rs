//! From the configuration to what each part is told: pure functions, so that a reload is the
//! same functions again and a comparison of their results.
//!
//! Decides the defaults that need the system (router id, host name) by the facts it is given.

mod vrf;

pub use vrf::vrfs;

use crate::{
    config::{self, Bgp, Config, NeighborSettings, resolve, resolve_ranges},
    peer::{
        Administrative, AllowAsIn, BGP_PORT, CapabilitySwitches, GracefulRestartSettings, ListenRange,
        MaximumPrefix, PeerFamily, PeerKey, PeerOrigin, PeerSettings, RemoteAs, Timers, TtlPolicy,
        UpdateSource, VrfBinding,
    },
    policy::Policies,
    rib::BestpathSettings,
    session::DEFAULT_LISTEN_LIMIT,
    wire::Family,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};
use weft_evpn::{DomainId, RouteTarget, RouteTargetMatch, Vni, VrfName, engine};
use weft_fib::{BridgeDomain, FibConfig, Serve, Vrf};

/// The memberships that a neighbour may have without `maximum-prefix`: two route targets for each of 65,533
/// tenants, and some.
const MEMBERSHIPS: u32 = 150_000;

/// What the system says, where the configuration leaves something open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemFacts {
    /// The kernel's host name.
    pub hostname: String,
    /// The router id without `bgp router-id`: the highest loopback address, else the highest
    /// address of any interface, else `None`.
    pub router_id: Option<Ipv4Addr>,
    /// The port that neighbours are called on and that we listen on.
    pub bgp_port: u16,
    /// This start follows one that ended without a goodbye: the R bit (RFC 4724 §3).
    pub restarting: bool,
    /// The kernel holds entries of ours: the F bit (RFC 4724 §3).
    pub forwarding_preserved: bool,
}

impl Default for SystemFacts {
    fn default() -> Self {
        Self {
            hostname: "weft".to_owned(),
            router_id: None,
            bgp_port: BGP_PORT,
            restarting: false,
            forwarding_preserved: true,
        }
    }
}

/// No router id is configured and the system has no IPv4 address to take one from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no router id: configure `bgp router-id A.B.C.D` (no interface has an IPv4 address to take it from)")]
pub struct NoRouterId;

/// The speaker's BGP identifier.
pub fn router_id(bgp: &Bgp, facts: &SystemFacts) -> Result<Ipv4Addr, NoRouterId> {
    bgp.router_id.or(facts.router_id).ok_or(NoRouterId)
}

/// The node's name.
pub fn hostname<'a>(config: &'a Config, facts: &'a SystemFacts) -> &'a str {
    config.hostname.as_deref().unwrap_or(&facts.hostname)
}

/// Neighbours by what they are told apart by.
pub type PeersByKey = BTreeMap<PeerKey, PeerSettings>;

/// Every neighbour with a `remote-as`, those in IP-VRFs among them.
pub fn peers(config: &Config, facts: &SystemFacts, policies: &Policies) -> Result<PeersByKey, NoRouterId> {
    let mut all = vrf::peers(config, facts, policies)?;
    if let Some(bgp) = &config.bgp {
        let router_id = router_id(bgp, facts)?;
        let instance = Instance { config, bgp, router_id, facts, policies, vrf: None };
        all.extend(instance.peers().map(|peer| (peer.key(), peer)));
    }
    Ok(all)
}

/// Every `bgp listen range` whose group has a `remote-as`, those of IP-VRFs among them; within
/// one the most specific first.
pub fn listen_ranges(
    config: &Config,
    facts: &SystemFacts,
    policies: &Policies,
) -> Result<Vec<ListenRange>, NoRouterId> {
    let mut all = vrf::listen_ranges(config, facts, policies)?;
    if let Some(bgp) = &config.bgp {
        let router_id = router_id(bgp, facts)?;
        let instance = Instance { config, bgp, router_id, facts, policies, vrf: None };
        all.extend(instance.listen_ranges());
    }
    Ok(all)
}

/// `router bgp N [vrf NAME]`, with what its neighbours' settings depend on beside it.
struct Instance<'a, F> {
    config: &'a Config,
    bgp: &'a Bgp<F>,
    router_id: Ipv4Addr,
    facts: &'a SystemFacts,
    policies: &'a Policies,
    vrf: Option<VrfName>,
}

impl<F> Instance<'_, F> {
    fn peers(&self) -> impl Iterator<Item = PeerSettings> {
        resolve(self.bgp).into_iter().filter_map(|neighbor| {
            let mut settings = self.peer(neighbor.address, &neighbor.settings)?;
            settings.peer_group = neighbor.peer_group;
            Some(settings)
        })
    }

    fn listen_ranges(&self) -> impl Iterator<Item = ListenRange> {
        resolve_ranges(self.bgp).into_iter().filter_map(|range| {
            let mut template = self.peer(range.range.addr(), &range.settings)?;
            template.peer_group = Some(range.peer_group);
            template.origin = PeerOrigin::Dynamic { range: range.range };
            let limit = self.bgp.listen_limit.map_or(DEFAULT_LISTEN_LIMIT, usize::from);
            Some(ListenRange { range: range.range, template, limit })
        })
    }

    fn peer(&self, address: IpAddr, settings: &NeighborSettings) -> Option<PeerSettings> {
        let Self { config, bgp, router_id, facts, policies, .. } = *self;
        let remote_as = match settings.remote_as? {
            config::RemoteAs::As(asn) => RemoteAs::Number(asn),
            config::RemoteAs::Internal => RemoteAs::Internal,
            config::RemoteAs::External => RemoteAs::External,
        };
        let mut peer = PeerSettings::new(address, remote_as, bgp.asn, router_id);
        // Which device that is, the kernel tells.
        peer.vrf = self.vrf.clone().map(|name| VrfBinding { name, device: None });
        peer.interface.clone_from(&settings.interface);
        peer.port = settings.port.unwrap_or(facts.bgp_port);
        peer.hostname = Some(hostname(config, facts).to_owned());
        peer.description.clone_from(&settings.description);
        peer.update_source = settings.update_source.as_ref().map(|source| match source {
            config::UpdateSource::Address(address) => UpdateSource::Address(*address),
            config::UpdateSource::Interface(name) => UpdateSource::Interface(name.clone()),
        });
        peer.timers = timers(settings);
        peer.passive = settings.passive;
        if let Some(shutdown) = &settings.shutdown {
            peer.administrative = Administrative::Shutdown { message: shutdown.message.clone() };
        }
        peer.password.clone_from(&settings.password);
        peer.ttl = match (settings.ttl_security_hops, settings.ebgp_multihop) {
            (Some(hops), _) => TtlPolicy::Security(hops),
            (None, Some(hops)) => TtlPolicy::Multihop(hops),
            (None, None) => TtlPolicy::Default,
        };
        let domain = domain_of(config, settings);
        for (name, lines) in [
            (Family::L2vpnEvpn, &settings.l2vpn_evpn),
            (Family::RtFilter, &settings.rtfilter),
            (Family::Ipv4Unicast, &settings.ipv4_unicast),
            (Family::Ipv6Unicast, &settings.ipv6_unicast),
        ] {
            // Unicast is a tenant's, EVPN is the underlay's.
            let offered = name.is_unicast() == self.vrf.is_some();
            if offered && lines.activate == Some(true) {
                peer.families.insert(name, family(lines, domain, policies));
            }
        }
        if let Some(rtfilter) = peer.families.get_mut(&Family::RtFilter) {
            as_evpn(rtfilter, &settings.l2vpn_evpn);
        }
        peer.capabilities = CapabilitySwitches {
            fqdn: !settings.suppress_fqdn,
            extended_next_hop: settings.capability_extended_nexthop,
            ..CapabilitySwitches::default()
        };
        peer.enforce_first_as = settings.enforce_first_as;
        peer.graceful_restart = graceful_restart(bgp, facts, settings);
        Some(peer)
    }
}

fn timers(settings: &NeighborSettings) -> Timers {
    let default = Timers::default();
    let seconds = |value: u16| Duration::from_secs(u64::from(value));
    Timers {
        keepalive: settings.timers.map_or(default.keepalive, |timers| seconds(timers.keepalive)),
        hold: settings.timers.map_or(default.hold, |timers| seconds(timers.hold)),
        connect_retry: settings.connect_timer.map_or(default.connect_retry, seconds),
    }
}

fn family(family: &config::NeighborFamily, domain: DomainId, policies: &Policies) -> PeerFamily {
    PeerFamily {
        route_reflector_client: family.route_reflector_client,
        allowas_in: allowas_in(family.allowas_in),
        maximum_prefix: family.maximum_prefix.as_ref().map(|maximum| MaximumPrefix {
            limit: maximum.limit,
            threshold: maximum.threshold.unwrap_or(75),
            warning_only: maximum.action == config::MaximumPrefixAction::WarningOnly,
            all_beyond: false,
            restart: match maximum.action {
                config::MaximumPrefixAction::Restart(minutes) => {
                    Some(Duration::from_secs(60 * u64::from(minutes)))
                }
                _ => None,
            },
        }),
        soft_reconfiguration_inbound: family.soft_reconfiguration_inbound,
        policy_import: policies.import(family),
        policy_export: policies.export(family),
        domain,
        next_hop_self: family.next_hop_self.is_some(),
        own_address: None,
        default_originate: family.default_originate,
    }
}

/// Memberships go the ways that the EVPN routes come back by, whether or not it is said a second time: one
/// that went fewer would leave routes behind. And nobody may ask for so much that the memory goes.
fn as_evpn(rtfilter: &mut PeerFamily, evpn: &config::NeighborFamily) {
    rtfilter.route_reflector_client |= evpn.route_reflector_client;
    if rtfilter.allowas_in == AllowAsIn::default() {
        rtfilter.allowas_in = allowas_in(evpn.allowas_in);
    }
    rtfilter.maximum_prefix.get_or_insert(MaximumPrefix {
        limit: MEMBERSHIPS,
        threshold: 75,
        warning_only: false,
        // A client that asks for too much must not take down the sessions over which others hear of it.
        all_beyond: true,
        restart: None,
    });
}

fn allowas_in(configured: Option<config::AllowAsIn>) -> AllowAsIn {
    match configured {
        None => AllowAsIn::default(),
        Some(config::AllowAsIn::Times(times)) => AllowAsIn::Times(times),
        Some(config::AllowAsIn::Origin) => AllowAsIn::Origin,
    }
}

fn graceful_restart<F>(
    bgp: &Bgp<F>,
    facts: &SystemFacts,
    settings: &NeighborSettings,
) -> GracefulRestartSettings {
    let default = GracefulRestartSettings::default();
    let seconds = |value: Option<u16>, default| value.map_or(default, |s| Duration::from_secs(u64::from(s)));
    let global = &bgp.graceful_restart;
    let mode = settings.graceful_restart.unwrap_or(global.mode);
    GracefulRestartSettings {
        enabled: mode != config::GracefulRestartMode::Disable,
        notification: global.notification,
        // A helper keeps others' routes, but asks nobody to keep its own (RFC 4724 §3: time 0, no F bit).
        restart_time: match mode {
            config::GracefulRestartMode::Restart => seconds(global.restart_time, default.restart_time),
            _ => Duration::ZERO,
        },
        stale_path_time: seconds(global.stalepath_time, default.stale_path_time),
        restarting: facts.restarting && mode == config::GracefulRestartMode::Restart,
        forwarding_preserved: mode == config::GracefulRestartMode::Restart
            && (global.preserve_fw_state || facts.forwarding_preserved),
    }
}

/// The decision process.
pub fn bestpath(knobs: &config::BestPath) -> BestpathSettings {
    BestpathSettings {
        ignore_as_path: knobs.as_path_ignore,
        compare_router_id: knobs.compare_routerid,
        missing_med_as_worst: knobs.med_missing_as_worst,
        always_compare_med: knobs.always_compare_med,
        deterministic_med: knobs.deterministic_med,
        multipath_relax: knobs.as_path_multipath_relax,
        ..BestpathSettings::default()
    }
}

/// What the EVPN tables are told.
pub fn evpn(config: &Config, facts: &SystemFacts) -> Result<engine::EvpnConfig, NoRouterId> {
    let Some(bgp) = &config.bgp else { return Ok(engine::EvpnConfig::default()) };
    let family = &bgp.evpn;
    let own_domain = own_domain(bgp);
    let detection = &family.duplicate_detection;
    Ok(engine::EvpnConfig {
        asn: bgp.asn,
        router_id: router_id(bgp, facts)?,
        advertise_all_vni: family.advertise_all_vni,
        advertise_svi_ip: family.advertise_svi_ip,
        advertise_default_gw: family.advertise_default_gw,
        flooding: flooding(family.flooding),
        duplicate_detection: engine::DuplicateDetection {
            enabled: detection.enabled,
            max_moves: detection.max_moves,
            window: Duration::from_secs(u64::from(detection.time)),
            freeze: match detection.freeze {
                config::Freeze::Never => engine::Freeze::None,
                config::Freeze::Seconds(time) => engine::Freeze::For(Duration::from_secs(u64::from(time))),
                config::Freeze::Permanent => engine::Freeze::Permanent,
            },
        },
        auto_rt_rfc8365: family.auto_rt_rfc8365,
        vnis: family.vnis.iter().map(|(vni, block)| (*vni, vni_config(bgp, *vni, block))).collect(),
        vrfs: vrf_names(config).map(|name| (VrfName::from(name), ip_vrf_config(config, bgp, name))).collect(),
        domain: own_domain,
        other_domains: other_domains(bgp, own_domain),
    })
}

/// The domain that we are in.
fn own_domain(bgp: &Bgp) -> DomainId {
    bgp.evpn.domain.as_ref().map(config::Domain::domain_id).unwrap_or_default()
}

/// Every IP-VRF that the configuration names.
fn vrf_names(config: &Config) -> impl Iterator<Item = &str> {
    let of_bridges = config.bridge_domains.values().filter_map(|domain| domain.vrf.as_ref());
    let names: BTreeSet<&str> =
        config.vrfs.keys().chain(config.bgp_vrfs.keys()).chain(of_bridges).map(String::as_str).collect();
    names.into_iter()
}

fn ip_vrf_config(config: &Config, bgp: &Bgp, name: &str) -> engine::IpVrfConfig {
    let vrf = config.vrfs.get(name).cloned().unwrap_or_default();
    let silent = config::VrfEvpn::default();
    let evpn = config.bgp_vrfs.get(name).map_or(&silent, |instance| &instance.evpn);
    let mut wanted = engine::IpVrfConfig {
        vni: vrf.vni,
        prefix_routes_only: vrf.prefix_routes_only,
        rd: evpn.rd,
        import: evpn.import.iter().copied().collect(),
        export: evpn.export.iter().copied().collect(),
    };
    if let Some(vni) = vrf.vni {
        let auto = auto_route_target(bgp, vni);
        add_auto(auto, evpn.auto_import, evpn.auto_export, &mut wanted.import, &mut wanted.export);
    }
    wanted
}

/// `route-target … auto`: the derived route target beside those named. With none named it is derived anyhow.
fn add_auto(
    auto: RouteTarget,
    to_import: bool,
    to_export: bool,
    import: &mut Vec<RouteTargetMatch>,
    export: &mut Vec<RouteTarget>,
) {
    if to_import && !import.is_empty() {
        import.push(RouteTargetMatch::AnyAs(auto.local_part()));
    }
    if to_export && !export.is_empty() {
        export.push(auto);
    }
}

fn auto_route_target(bgp: &Bgp, vni: Vni) -> RouteTarget {
    if bgp.evpn.auto_rt_rfc8365 {
        RouteTarget::auto_rfc8365(bgp.asn, vni)
    } else {
        RouteTarget::auto(bgp.asn, vni)
    }
}

/// The domains that neighbours are in and we are not; that of a listen range counts, too.
fn other_domains(bgp: &Bgp, own: DomainId) -> Vec<DomainId> {
    let neighbours = resolve(bgp).into_iter().map(|neighbour| neighbour.settings);
    let ranges = resolve_ranges(bgp).into_iter().map(|range| range.settings);
    let named = neighbours.chain(ranges).filter_map(|settings| settings.domain);
    let others: BTreeSet<DomainId> =
        named.map(|domain| domain.domain_id()).filter(|domain| *domain != own).collect();
    others.into_iter().collect()
}

/// The EVPN domain that a neighbour is in: the one named, else our own.
pub fn domain_of(config: &Config, settings: &NeighborSettings) -> DomainId {
    let own = || config.bgp.as_ref().and_then(|bgp| bgp.evpn.domain.as_ref());
    settings.domain.as_ref().or_else(own).map(config::Domain::domain_id).unwrap_or_default()
}

fn flooding(flooding: config::Flooding) -> engine::Flooding {
    match flooding {
        config::Flooding::HeadEndReplication => engine::Flooding::HeadEndReplication,
        config::Flooding::Disable => engine::Flooding::Disabled,
    }
}

fn vni_config(bgp: &Bgp, vni: Vni, block: &config::VniConfig) -> engine::VniConfig {
    let mut wanted = engine::VniConfig {
        rd: block.rd,
        import: block.import.iter().copied().collect(),
        export: block.export.iter().copied().collect(),
        flooding: block.flooding.map(flooding),
        advertise_svi_ip: block.advertise_svi_ip,
        advertise_default_gw: block.advertise_default_gw,
    };
    let auto = auto_route_target(bgp, vni);
    add_auto(auto, block.auto_import, block.auto_export, &mut wanted.import, &mut wanted.export);
    wanted
}

/// What the kernel side is told. Served are the VNIs that EVPN serves; the devices of bridge
/// domains are made in any case.
pub fn fib(config: &Config) -> FibConfig {
    let domains = config.bridge_domains.iter().filter_map(|(name, domain)| {
        let made = BridgeDomain {
            vni: domain.vni?,
            interfaces: domain.interfaces.iter().cloned().collect(),
            mtu: domain.mtu,
            vrf: domain.vrf.as_deref().map(VrfName::from),
            gateways: domain.gateways.iter().copied().collect(),
            gateway_mac: domain.gateway_mac,
        };
        Some((name.clone(), made))
    });
    let vrfs = vrf_names(config).map(|name| {
        let vrf = config.vrfs.get(name).cloned().unwrap_or_default();
        (VrfName::from(name), Vrf { vni: vrf.vni, table: vrf.table })
    });
    let serve = match &config.bgp {
        Some(bgp) if bgp.evpn.advertise_all_vni => Serve::All,
        Some(bgp) => Serve::Only(bgp.evpn.vnis.keys().copied().collect::<BTreeSet<Vni>>()),
        None => Serve::default(),
    };
    FibConfig {
        vtep_source: config.vtep_source,
        bridge_domains: domains.collect(),
        serve,
        vrfs: vrfs.collect(),
        gateway_mac: config.gateway_mac,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Neighbor, NeighborFamily};

    fn configured() -> Config {
        let mut bgp = Bgp::new(65000);
        bgp.router_id = Some(Ipv4Addr::new(10, 255, 0, 1));
        let group = NeighborSettings {
            remote_as: Some(config::RemoteAs::Internal),
            l2vpn_evpn: NeighborFamily { activate: Some(true), ..NeighborFamily::default() },
            ..NeighborSettings::default()
        };
        bgp.peer_groups.insert("RR".into(), group);
        let member = Neighbor { peer_group: Some("RR".into()), settings: NeighborSettings::default() };
        bgp.neighbors.insert("10.255.0.100".parse().unwrap(), member);
        bgp.neighbors.insert("10.255.0.101".parse().unwrap(), Neighbor::default());
        Config { bgp: Some(bgp), ..Config::default() }
    }

    #[test]
    fn a_member_of_a_group_is_a_peer_and_one_without_an_as_is_not() {
        let peers = peers(&configured(), &SystemFacts::default(), &Policies::default()).unwrap();
        assert_eq!(peers.len(), 1);
        let peer = peers.values().next().unwrap();
        assert!(peer.is_internal());
        assert_eq!(peer.peer_group.as_deref(), Some("RR"));
        assert!(peer.families.contains_key(&Family::L2vpnEvpn));
        assert_eq!(peer.timers, Timers::default());
    }

    #[test]
    fn without_any_router_id_the_operator_is_told_what_to_do() {
        let mut config = configured();
        config.bgp.as_mut().unwrap().router_id = None;
        let error = peers(&config, &SystemFacts::default(), &Policies::default()).unwrap_err();
        assert!(error.to_string().contains("bgp router-id"));
        let facts = SystemFacts { router_id: Some(Ipv4Addr::LOCALHOST), ..SystemFacts::default() };
        assert!(peers(&config, &facts, &Policies::default()).is_ok());
    }

    #[test]
    fn a_helper_asks_nobody_to_keep_its_routes() {
        let mut config = configured();
        config.bgp.as_mut().unwrap().graceful_restart.mode = config::GracefulRestartMode::Helper;
        let facts = SystemFacts { restarting: true, ..SystemFacts::default() };
        let peers = peers(&config, &facts, &Policies::default()).unwrap();
        let restart = &peers.values().next().unwrap().graceful_restart;
        assert!(restart.enabled && !restart.restarting && !restart.forwarding_preserved);
        assert_eq!(restart.restart_time, Duration::ZERO);
    }

    #[test]
    fn only_what_bgp_names_is_served_unless_all_is() {
        let mut config = configured();
        assert_eq!(fib(&config).serve, Serve::default());
        config.bgp.as_mut().unwrap().evpn.advertise_all_vni = true;
        assert_eq!(fib(&config).serve, Serve::All);
    }

    fn read(text: &str) -> Config {
        config::parse("test", text).unwrap_or_else(|errors| panic!("{}", errors[0]))
    }

    const TENANT: &str = "\
vtep source 10.255.0.1
gateway mac 00:00:5e:00:01:07
vrf red
 vni 5000 prefix-routes-only
 table 100
bridge-domain blue
 vni 10
 vrf red
 gateway 10.1.0.254/24
 gateway mac 02:00:00:00:00:07
router bgp 65000
 bgp router-id 10.255.0.1
 neighbor 10.0.0.1 remote-as 65000
 neighbor 10.0.0.2 remote-as 65001
 address-family l2vpn evpn
  domain east
  neighbor 10.0.0.1 activate
  neighbor 10.0.0.2 activate
  neighbor 10.0.0.2 domain core id 1:2
  vni 10
   route-target import 1:1
   route-target import auto
   route-target export auto
  exit-vni
router bgp 65000 vrf red
 neighbor 10.1.0.1 remote-as 65010
 neighbor 10.1.0.1 enforce-first-as
 neighbor 10.1.0.1 capability extended-nexthop
 address-family ipv4 unicast
  neighbor 10.1.0.1 route-map IN in
  neighbor 10.1.0.1 next-hop-self
 address-family ipv6 unicast
  neighbor 10.1.0.1 activate
 address-family l2vpn evpn
  rd 65000:1
  route-target both 65000:7
  route-target export auto
router bgp 65000 vrf green
 no bgp default ipv4-unicast
 neighbor 10.1.0.1 remote-as 65010
 address-family ipv6 unicast
  neighbor 10.1.0.1 activate
";

    #[test]
    fn tenants_and_domains_are_told_to_evpn_and_to_the_kernel() {
        let config = read(TENANT);
        let evpn = evpn(&config, &SystemFacts::default()).unwrap();
        let red = &evpn.vrfs[&VrfName::from("red")];
        assert_eq!((red.vni, red.prefix_routes_only), (Vni::new(5000), true));
        assert_eq!(red.rd, Some("65000:1".parse().unwrap()));
        assert_eq!(red.import, ["65000:7".parse().unwrap()]);
        assert_eq!(
            red.export,
            ["65000:7".parse().unwrap(), "65000:5000".parse().unwrap()],
            "and the derived one"
        );
        assert_eq!(evpn.vrfs[&VrfName::from("green")], engine::IpVrfConfig::default());
        let block = &evpn.vnis[&Vni::new(10).unwrap()];
        assert_eq!(block.import, ["1:1".parse().unwrap(), RouteTargetMatch::AnyAs(10)]);
        assert_eq!(block.export, [], "alone it is what nothing would be");
        assert_eq!(evpn.domain, DomainId::of_name("east"));
        assert_eq!(evpn.other_domains, [DomainId::new(1, 2)]);
        let fib = fib(&config);
        assert_eq!(fib.gateway_mac, Some("00:00:5e:00:01:07".parse().unwrap()));
        assert_eq!(fib.vrfs[&VrfName::from("red")], Vrf { vni: Vni::new(5000), table: Some(100) });
        let blue = &fib.bridge_domains["blue"];
        assert_eq!((blue.vrf.clone(), blue.gateways.len()), (Some("red".into()), 1));
        assert_eq!(blue.gateway_mac, Some("02:00:00:00:00:07".parse().unwrap()));
    }

    #[test]
    fn a_neighbour_has_the_families_of_the_instance_that_it_is_in() {
        let config = read(TENANT);
        let peers = peers(&config, &SystemFacts::default(), &crate::policy::compile(&config)).unwrap();
        let peer = |vrf: Option<&str>, address: &str| {
            let key = PeerKey { vrf: vrf.map(VrfName::from), address: address.parse().unwrap() };
            &peers[&key]
        };
        let families = |peer: &PeerSettings| peer.families.keys().copied().collect::<Vec<_>>();
        let core = peer(None, "10.0.0.2");
        assert_eq!(families(core), [Family::L2vpnEvpn]);
        assert_eq!(core.families[&Family::L2vpnEvpn].domain, DomainId::new(1, 2));
        assert_eq!(peer(None, "10.0.0.1").families[&Family::L2vpnEvpn].domain, DomainId::of_name("east"));
        let red = peer(Some("red"), "10.1.0.1");
        assert_eq!(families(red), [Family::Ipv4Unicast, Family::Ipv6Unicast], "IPv4 without being said");
        assert!(red.enforce_first_as && red.capabilities.extended_next_hop);
        let ipv4 = &red.families[&Family::Ipv4Unicast];
        assert!(ipv4.policy_import.is_some() && ipv4.policy_export.is_none() && ipv4.next_hop_self);
        assert_eq!(families(peer(Some("green"), "10.1.0.1")), [Family::Ipv6Unicast], "not where it says no");
    }
}
