//! The grammar as a whole: every declaration is sound, has help, and takes the lines it declares.

use super::{grammar::complete::example_lines, *};
use crate::config::{Config, render};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};

/// A daemon that remembers what it was asked.
#[derive(Default)]
struct Recorder {
    ran: Mutex<Vec<ExecCommand>>,
    applied: Mutex<Vec<Config>>,
    refuse: Mutex<Option<String>>,
}

impl ExecBackend for Recorder {
    fn exec(&self, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
        out.text("first line\nsecond line\n")?;
        self.ran.lock().unwrap().push(command);
        Ok(())
    }

    fn apply(&self, config: &Config) -> Result<(), ExecError> {
        if let Some(reason) = &*self.refuse.lock().unwrap() {
            return Err(ExecError(reason.clone()));
        }
        self.applied.lock().unwrap().push(config.clone());
        Ok(())
    }

    fn candidates(&self, what: Candidates) -> Vec<String> {
        match what {
            Candidates::Peers => vec!["10.9.9.9".into(), "2001:db8::9".into()],
            Candidates::Vnis => vec!["100".into()],
            _ => Vec::new(),
        }
    }
}

struct Bench {
    daemon: Arc<Recorder>,
    shell: Shell,
    path: Vec<Mode>,
}

impl Bench {
    fn new(text: &str) -> Self {
        let daemon = Arc::new(Recorder::default());
        let config = crate::config::parse("test", text).unwrap();
        let store = Arc::new(ConfigStore::new(config, None, daemon.clone()));
        Bench { daemon, shell: Shell::new(store), path: Vec::new() }
    }

    /// Runs a line; the output, or the error.
    fn run(&mut self, line: &str) -> Result<String, String> {
        let mut out = String::new();
        let outcome = self.shell.run(&self.path, line, Access::Full, &mut out);
        self.path = outcome.path;
        outcome.error.map_or(Ok(out), Err)
    }

    fn last(&self) -> ExecCommand {
        self.daemon.ran.lock().unwrap().last().cloned().unwrap()
    }
}

#[test]
fn every_declaration_is_sound_and_every_offered_word_has_help() {
    for mode in registry() {
        assert_eq!(mode.grammar.defects(), &[] as &[String], "{:?}", mode.kind);
    }
}

#[test]
fn every_declaration_takes_its_own_examples_strictly() {
    for mode in registry() {
        for (index, command) in mode.commands.iter().enumerate() {
            let examples = example_lines(command.declaration);
            assert!(!examples.is_empty(), "{}", command.declaration);
            for (negative, line) in examples {
                let found = mode.grammar.find(&line, true).unwrap_or_else(|e| panic!("{line}: {e:?}"));
                // A more special declaration may take the line; it must then be another one of the same words.
                if found.command != index {
                    let taken_by = mode.commands[found.command].declaration;
                    panic!("{:?}: {line:?} of {:?} is taken by {taken_by:?}", mode.kind, command.declaration);
                }
                assert_eq!(found.negative, negative, "{line}");
            }
        }
    }
}

#[test]
fn no_operational_command_panics_on_its_examples() {
    for mode in registry() {
        for command in &mode.commands {
            let Handler::Exec(handler) = command.handler else { continue };
            for (_, line) in example_lines(command.declaration) {
                let found = find(&[], &line, true).unwrap();
                handler(&found.args).unwrap_or_else(|reject| panic!("{line}: {reject}"));
            }
        }
    }
}

#[test]
fn shows_become_typed_commands() {
    let mut bench = Bench::new("");
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    let evpn = Some(crate::wire::Family::L2vpnEvpn);
    let vni = |n| weft_evpn::Vni::new(n);
    use exec::*;
    let red = || VrfSelector::Named("red".into());
    let cases: Vec<(&str, ExecCommand)> = vec![
        (
            "sh bgp l2 evpn su",
            ExecCommand::ShowBgpSummary { family: evpn, sessions: SessionFilter::Any, json: false },
        ),
        (
            "show ip bgp summary json",
            ExecCommand::ShowBgpSummary { family: None, sessions: SessionFilter::Any, json: true },
        ),
        ("show bgp neighbors 192.0.2.1", ExecCommand::ShowBgpNeighbors { peer: Some(address), json: false }),
        (
            "show bgp l2vpn evpn",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery { overview: true, ..Default::default() }),
        ),
        ("show bgp l2vpn evpn route", ExecCommand::ShowBgpEvpnRoutes(RouteQuery::default())),
        (
            "show bgp l2vpn evpn rd 10.0.0.1:2",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery {
                overview: true,
                rd: Some("10.0.0.1:2".parse().unwrap()),
                ..Default::default()
            }),
        ),
        (
            "show bgp l2vpn evpn route detail type macip json",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery {
                detail: true,
                route_type: Some(2),
                json: true,
                ..Default::default()
            }),
        ),
        (
            "show bgp l2vpn evpn route type 3",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery { route_type: Some(3), ..Default::default() }),
        ),
        (
            "show bgp l2vpn evpn route rd 192.0.2.1:2 mac 02:00:00:00:00:01 ip 192.0.2.1",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery {
                rd: Some("192.0.2.1:2".parse().unwrap()),
                mac: Some("02:00:00:00:00:01".parse().unwrap()),
                ip: Some(address),
                ..Default::default()
            }),
        ),
        (
            "show bgp l2vpn evpn route vni all type multicast",
            ExecCommand::ShowBgpEvpnVniRoutes {
                vni: None,
                query: RouteQuery { route_type: Some(3), ..Default::default() },
            },
        ),
        (
            "show bgp l2vpn evpn vni 16000000 json",
            ExecCommand::ShowBgpEvpnVni { vni: vni(16_000_000), json: true },
        ),
        (
            "show bgp l2vpn evpn neighbors 192.0.2.1 advertised-routes",
            ExecCommand::ShowBgpEvpnNeighborRoutes {
                peer: address,
                table: NeighborTable::Advertised,
                json: false,
            },
        ),
        ("show evpn", ExecCommand::ShowEvpn { json: false }),
        ("show evpn vni detail", ExecCommand::ShowEvpnVni { vni: None, detail: true, json: false }),
        (
            "show evpn mac vni 10 vtep 192.0.2.1 json",
            ExecCommand::ShowEvpnMac {
                vni: vni(10),
                filter: MacFilter::Vtep(address),
                detail: false,
                json: true,
            },
        ),
        (
            "show evpn mac vni all duplicate",
            ExecCommand::ShowEvpnMac { vni: None, filter: MacFilter::Duplicate, detail: false, json: false },
        ),
        (
            "show evpn arp-cache vni all ip 192.0.2.1",
            ExecCommand::ShowEvpnArpCache {
                vni: None,
                filter: NeighFilter::Ip(address),
                detail: false,
                json: false,
            },
        ),
        (
            "show bgp vrf red summary established",
            ExecCommand::ShowBgpVrfSummary {
                vrf: red(),
                afi: None,
                sessions: SessionFilter::Established,
                json: false,
            },
        ),
        (
            "show bgp vrf all ipv6 unicast summary json",
            ExecCommand::ShowBgpVrfSummary {
                vrf: VrfSelector::All,
                afi: Some(Afi::Ipv6),
                sessions: SessionFilter::Any,
                json: true,
            },
        ),
        (
            "show ip bgp vrf red neighbors 192.0.2.1 json",
            ExecCommand::ShowBgpVrfNeighbors { vrf: red(), peer: Some(address), json: true },
        ),
        (
            "show bgp vrf red ipv4 unicast neighbors 192.0.2.1 advertised-routes",
            ExecCommand::ShowBgpVrfNeighborRoutes {
                vrf: "red".into(),
                afi: Afi::Ipv4,
                peer: address,
                table: NeighborTable::Advertised,
                json: false,
            },
        ),
        (
            "show bgp vrf red",
            ExecCommand::ShowBgpVrfRoutes { vrf: red(), afi: Afi::Ipv4, prefix: None, json: false },
        ),
        (
            "show bgp vrf red 2001:db8::1",
            ExecCommand::ShowBgpVrfRoutes {
                vrf: red(),
                afi: Afi::Ipv6,
                prefix: Some(PrefixQuery::Longest("2001:db8::1".parse().unwrap())),
                json: false,
            },
        ),
        (
            "show bgp vrf red ipv4 unicast 10.1.2.3/16 json",
            ExecCommand::ShowBgpVrfRoutes {
                vrf: red(),
                afi: Afi::Ipv4,
                prefix: Some(PrefixQuery::Exact("10.1.0.0/16".parse().unwrap())),
                json: true,
            },
        ),
        ("show bgp vrf red vni json", ExecCommand::ShowBgpVrfVni { vrf: red(), json: true }),
        (
            "show ipv6 route vrf all json",
            ExecCommand::ShowRouteVrf { vrf: VrfSelector::All, afi: Afi::Ipv6, prefix: None, json: true },
        ),
        (
            "show ip route vrf red 10.0.0.0/8",
            ExecCommand::ShowRouteVrf {
                vrf: red(),
                afi: Afi::Ipv4,
                prefix: Some(PrefixQuery::Exact("10.0.0.0/8".parse().unwrap())),
                json: false,
            },
        ),
        ("show vrf", ExecCommand::ShowVrf { json: false }),
        ("show vrf vni json", ExecCommand::ShowVrfVni { vrf: VrfSelector::All, json: true }),
        ("show vrf red vni", ExecCommand::ShowVrfVni { vrf: red(), json: false }),
        (
            "show evpn rmac vni 5000 mac 02:00:00:00:00:01",
            ExecCommand::ShowEvpnRmac {
                vni: vni(5000),
                mac: Some("02:00:00:00:00:01".parse().unwrap()),
                json: false,
            },
        ),
        (
            "show evpn next-hops vni all json",
            ExecCommand::ShowEvpnNextHops { vni: None, ip: None, json: true },
        ),
        ("show evpn domain", ExecCommand::ShowEvpnDomain { domain: None, json: false }),
        (
            "show bgp l2vpn evpn route type prefix",
            ExecCommand::ShowBgpEvpnRoutes(RouteQuery { route_type: Some(5), ..Default::default() }),
        ),
        ("show route-map json", ExecCommand::ShowRouteMap { name: None, json: true }),
        (
            "show ipv6 prefix-list L",
            ExecCommand::ShowPrefixList { afi: Afi::Ipv6, name: Some("L".into()), json: false },
        ),
        (
            "clear bgp vrf red * soft",
            ExecCommand::ClearBgpVrf {
                vrf: red(),
                afi: None,
                target: ClearTarget::All,
                how: ClearHow::SoftBoth,
            },
        ),
        (
            "clear bgp vrf all ipv4 unicast 192.0.2.1 in",
            ExecCommand::ClearBgpVrf {
                vrf: VrfSelector::All,
                afi: Some(Afi::Ipv4),
                target: ClearTarget::Peer(address),
                how: ClearHow::SoftIn,
            },
        ),
        ("show evpn consistency json", ExecCommand::ShowEvpnConsistency { json: true }),
        (
            "clear bgp *",
            ExecCommand::ClearBgp { family: None, target: ClearTarget::All, how: ClearHow::Hard },
        ),
        (
            "clear bgp l2vpn evpn * soft out",
            ExecCommand::ClearBgp { family: evpn, target: ClearTarget::All, how: ClearHow::SoftOut },
        ),
        (
            "clear ip bgp peer-group LEAF soft",
            ExecCommand::ClearBgp {
                family: None,
                target: ClearTarget::PeerGroup("LEAF".into()),
                how: ClearHow::SoftBoth,
            },
        ),
        (
            "clear bgp 192.0.2.1 in",
            ExecCommand::ClearBgp { family: None, target: ClearTarget::Peer(address), how: ClearHow::SoftIn },
        ),
        (
            "clear evpn dup-addr vni 10 ip 192.0.2.1",
            ExecCommand::ClearEvpnDupAddr { vni: vni(10), what: DuplicateFilter::Ip(address) },
        ),
    ];
    for (line, command) in cases {
        bench.run(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(bench.last(), command, "{line}");
    }
}

#[test]
fn a_prefix_is_of_the_family_that_is_asked_for() {
    let mut bench = Bench::new("");
    for line in ["show ip route vrf red 2001:db8::/32", "show bgp vrf red ipv6 unicast 10.0.0.1"] {
        let error = bench.run(line).unwrap_err();
        assert!(error.contains("is of another address family"), "{error}");
    }
}

#[test]
fn the_modes_of_a_tenant_and_of_a_route_map() {
    let mut bench = Bench::new("hostname leaf1\n");
    for (line, prompt) in [
        ("configure terminal", "leaf1(config)# "),
        ("vrf red", "leaf1(config-vrf)# "),
        ("vni 5000", "leaf1(config-vrf)# "),
        ("exit-vrf", "leaf1(config)# "),
        ("router bgp 65000", "leaf1(config-router)# "),
        ("router bgp 65000 vrf red", "leaf1(config-router)# "),
        ("neighbor 192.0.2.1 remote-as 65001", "leaf1(config-router)# "),
        ("address-family ipv4 unicast", "leaf1(config-router-af)# "),
        ("neighbor 192.0.2.1 route-map IN in", "leaf1(config-router-af)# "),
        ("redistribute connected", "leaf1(config-router-af)# "),
        ("exit-address-family", "leaf1(config-router)# "),
        ("address-family l2vpn evpn", "leaf1(config-router-af)# "),
        ("advertise ipv4 unicast", "leaf1(config-router-af)# "),
        ("route-map IN permit 10", "leaf1(config-route-map)# "),
        ("match metric 5", "leaf1(config-route-map)# "),
        ("exit", "leaf1(config)# "),
    ] {
        bench.run(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(bench.shell.prompt(&bench.path), prompt, "{line}");
    }
    let running = bench.shell.store().running();
    assert_eq!(crate::config::parse("shown", &render(&running)).unwrap(), *running);
    let clash = bench.run("vrf green").and_then(|_| bench.run("vni 5000")).unwrap_err();
    assert_eq!(clash, "% vrf red: vni 5000 is vrf green's already");
    assert_eq!(bench.shell.store().running().vrfs["green"].vni, None);
}

#[test]
fn errors_are_vtyshs_with_a_caret() {
    let mut bench = Bench::new("");
    assert_eq!(
        bench.run("show bgp l2vpn evpn summry").unwrap_err(),
        "% Unknown command: show bgp l2vpn evpn summry\n  show bgp l2vpn evpn summry\n                      ^\n% unexpected word `summry`; did you mean `summary`?"
    );
    assert!(bench.run("show bgp l2vpn").unwrap_err().starts_with("% Command incomplete: show bgp l2vpn"));
    assert!(bench.run("e").unwrap_err().starts_with("% Ambiguous command: e\n"));
    assert!(bench.run("router bgp 1").is_err(), "no configuration outside of `configure`");
}

#[test]
fn each_line_of_configure_terminal_is_in_force_at_once() {
    let mut bench = Bench::new("hostname leaf1\n");
    bench.run("conf t").unwrap();
    assert_eq!(bench.shell.prompt(&bench.path), "leaf1(config)# ");
    bench.run("router bgp 65000").unwrap();
    bench.run("nei 192.0.2.1 remote-as int").unwrap();
    bench.run("address-family l2vpn evpn").unwrap();
    bench.run("neighbor 192.0.2.1 activate").unwrap();
    bench.run("vni 10").unwrap();
    assert_eq!(bench.shell.prompt(&bench.path), "leaf1(config-router-af-vni)# ");
    assert_eq!(bench.daemon.applied.lock().unwrap().len(), 4, "entering a mode that exists changes nothing");
    // A line of an outer mode leads back there.
    bench.run("hostname leaf2").unwrap();
    assert_eq!(bench.shell.prompt(&bench.path), "leaf2(config)# ");
    bench.run("do show version").unwrap();
    assert_eq!(bench.last(), ExecCommand::ShowVersion { json: false });
    bench.run("end").unwrap();
    assert!(bench.path.is_empty());
    let shown = bench.run("show running-config").unwrap();
    assert!(shown.contains("\n  neighbor 192.0.2.1 activate\n"), "{shown}");
    assert_eq!(crate::config::parse("shown", &shown).unwrap(), *bench.shell.store().running());
}

#[test]
fn a_refused_line_of_the_rtfilter_family_changes_nothing_and_stays_in_its_block() {
    let mut bench = Bench::new(
        "router bgp 65000\n neighbor 192.0.2.1 remote-as 65000\n address-family rtfilter unicast\n  \
         neighbor 192.0.2.1 activate\n  neighbor 192.0.2.1 maximum-prefix 10\n  auto-import as 65000\n",
    );
    let _ =
        ["configure terminal", "router bgp", "address-family rtfilter"].map(|line| bench.run(line).unwrap());
    let before = bench.shell.store().running();
    for (line, expected) in [
        ("auto-import as 0", "% unexpected word `0`; expected ASNUM"),
        ("no auto-import as 65001", "% AS 65001 is not configured\n"),
        (
            "neighbor 192.0.2.9 activate",
            "% there is no neighbor 192.0.2.9: first `neighbor 192.0.2.9 remote-as",
        ),
        ("neighbor 192.0.2.1 maximum-prefix 0", "% unexpected word `0`; expected (1-4294967295)"),
        ("neighbor 192.0.2.1 route-map IN in", "% memberships are not filtered; filter the EVPN routes"),
        ("vni 10", "% it belongs into `address-family l2vpn evpn`"),
    ] {
        let error = bench.run(line).unwrap_err();
        assert!(error.contains(expected), "{line}: {error}");
        assert_eq!(bench.shell.store().running(), before, "{line}");
        assert_eq!(bench.path.last(), Some(&Mode::RtFilter), "{line}");
    }
    *bench.daemon.refuse.lock().unwrap() = Some("no such device".into());
    assert_eq!(bench.run("auto-import as 65001").unwrap_err(), "% no such device");
    assert_eq!(bench.shell.store().running(), before);
    *bench.daemon.refuse.lock().unwrap() = None;
    bench.run("auto-import as 65001").unwrap();
    let bgp = bench.shell.store().running().bgp.clone().unwrap();
    assert_eq!(bgp.rtfilter.auto_import_as, [65_000, 65_001].into());
}

#[test]
fn a_line_that_fails_leaves_no_trace() {
    let mut bench = Bench::new("router bgp 65000\n");
    bench.run("configure").unwrap();
    bench.run("router bgp").unwrap();
    let before = bench.shell.store().running();
    let error = bench.run("neighbor 192.0.2.7 timers 3 9").unwrap_err();
    assert_eq!(
        error,
        "% there is no neighbor 192.0.2.7: first `neighbor 192.0.2.7 remote-as …` or `… peer-group NAME`\n  neighbor 192.0.2.7 timers 3 9\n           ^"
    );
    *bench.daemon.refuse.lock().unwrap() = Some("no such device".into());
    assert_eq!(bench.run("neighbor 192.0.2.7 remote-as 65001").unwrap_err(), "% no such device");
    assert_eq!(before, bench.shell.store().running());
    assert_eq!(bench.path.len(), 2, "and the place stays");
}

#[test]
fn a_reader_without_rights_sees_no_password_and_changes_nothing() {
    let bench =
        Bench::new("router bgp 1\n neighbor 192.0.2.1 remote-as 2\n neighbor 192.0.2.1 password s3cret\n");
    let mut out = String::new();
    for line in ["configure terminal", "clear bgp *", "write memory", "show startup-config"] {
        let outcome = bench.shell.run(&[], line, Access::ReadOnly, &mut out);
        assert!(outcome.error.is_some_and(|error| error.contains("not permitted")), "{line}");
    }
    let outcome = bench.shell.run(&[Mode::Configure], "hostname x", Access::ReadOnly, &mut out);
    assert!(outcome.error.is_some());
    for line in ["show running-config", "show running-config json", "show version"] {
        assert_eq!(bench.shell.run(&[], line, Access::ReadOnly, &mut out).error, None, "{line}");
    }
    assert!(!out.contains("s3cret") && out.contains("hidden"));
}

#[test]
fn completion_knows_values_of_the_configuration_and_of_the_daemon() {
    let bench = Bench::new(
        "vtep source 192.0.2.9\nvrf red\n vni 5000\nbridge-domain blue\n vni 10\nrouter bgp 1\n neighbor LEAF peer-group\n neighbor 10.0.0.1 remote-as 2\nrouter bgp 1 vrf green\n neighbor 10.0.0.2 remote-as 3\nroute-map OUT permit 10\nip prefix-list SITE permit any\nbgp community-list standard NEAR permit 1:1\n",
    );
    let complete = |path: &[Mode], line: &str| bench.shell.complete(path, line).0;
    assert_eq!(
        complete(&[], "show bgp neighbors "),
        ["10.0.0.1", "10.0.0.2", "10.9.9.9", "2001:db8::9", "json"]
    );
    assert_eq!(complete(&[], "show bgp neighbors 10.0"), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(complete(&[], "show evpn mac vni "), ["10", "100", "5000", "all"]);
    assert_eq!(complete(&[], "sh ru"), ["running-config"]);
    let router = [Mode::Configure, Mode::Router];
    assert_eq!(complete(&router, "no neighbor L"), ["LEAF"]);
    assert_eq!(complete(&router, "do show ver"), ["version"]);
    assert_eq!(complete(&[Mode::Configure], "no bridge-domain "), ["blue"]);
    assert_eq!(bench.shell.complete(&[], "show bgp neighbors 10.0").1, 4);
    assert_eq!(complete(&[], "show bgp vrf "), ["all", "green", "red"]);
    assert_eq!(complete(&[], "show route-map "), ["OUT", "json"]);
    let tenant = [Mode::Configure, Mode::RouterVrf("green".into()), Mode::VrfIpv4];
    assert_eq!(complete(&tenant, "neighbor 10.0.0.2 route-map "), ["OUT"]);
    assert_eq!(complete(&tenant, "neighbor 10.0.0.2 prefix-list S"), ["SITE"]);
    let entry = [Mode::Configure, Mode::RouteMap("OUT".into(), 10)];
    assert_eq!(complete(&entry, "match community "), ["NEAR"]);
    assert_eq!(complete(&entry, "call "), ["OUT"]);
}

#[test]
fn output_filters_work_on_every_operational_command() {
    let mut bench = Bench::new("hostname leaf1\n");
    assert_eq!(bench.run("show version | include sec").unwrap(), "second line\n");
    assert_eq!(bench.run("show running-config | count host").unwrap(), "1\n");
    bench.run("configure terminal").unwrap();
    assert_eq!(bench.run("do show version | exclude first").unwrap(), "second line\n");
}

#[test]
fn saving_replaces_the_file_whole_and_keeps_its_mode() {
    use std::os::unix::fs::PermissionsExt;
    let directory = std::env::temp_dir().join(format!("weft-save-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let file = directory.join("weft.conf");
    std::fs::write(&file, "hostname before\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = Arc::new(Recorder::default());
    let config = load(&file).unwrap();
    let shell = Shell::new(Arc::new(ConfigStore::new(config, Some(file.clone()), daemon)));
    let mut out = String::new();
    shell.run(&[Mode::Configure], "hostname after", Access::Full, &mut out);
    for line in ["write memory", "write", "copy running-config startup-config"] {
        assert_eq!(shell.run(&[], line, Access::Full, &mut out).error, None);
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), render(&shell.store().running()));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "no temporary file is left");
    // A file that became wrong is not taken, and what runs stays.
    std::fs::write(&file, "hostname changed\nnonsense\n").unwrap();
    assert!(shell.store().reload().is_err());
    assert_eq!(shell.store().running().hostname.as_deref(), Some("after"));
    std::fs::write(&file, "hostname changed\n").unwrap();
    shell.store().reload().unwrap();
    assert_eq!(shell.store().running().hostname.as_deref(), Some("changed"));
    std::fs::remove_dir_all(&directory).unwrap();
}
