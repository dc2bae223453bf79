//! The core as a whole, without sockets and kernel: what a changed configuration does to what
//! is there already.

use super::{Core, SystemFacts, desk::Desk};
use crate::{
    config,
    log::Log,
    peer::{Endpoints, Negotiated, PeerId, PeerKind, PeerSettings, SessionEvent, SessionId},
    session::{self, Inbox, SessionOptions, SessionSender, Sessions, Taker},
    wire::{AttributeSet, Family, NlriBlock, Update, unicast},
};
use bytes::Bytes;
use std::{
    net::{IpAddr, Ipv4Addr},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::mpsc};
use weft_evpn::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    forwarding::ForwardingChange,
    local::{LocalEvent, VniDevices},
    nlri::{EvpnRoute, MacIp},
};
use weft_fib::{Fib, FibEvent};

/// A core; its sessions' tasks never run, the test speaks for them.
struct Bench {
    core: Core,
    now: Instant,
    sessions: u64,
    _runtime: Runtime,
    _events: Inbox,
}

fn log() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| Log::start().unwrap()).clone()
}

fn read(text: &str) -> config::Config {
    config::parse("test", text).unwrap_or_else(|errors| panic!("{}", errors[0]))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Bench {
    fn new(text: &str) -> Self {
        Self::with(text, None)
    }

    fn with(text: &str, fib: Option<Fib>) -> Self {
        Self::started(text, fib, false)
    }

    fn started(text: &str, fib: Option<Fib>, restarting: bool) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (events, receiver) = session::inbox(session::Limits::default());
        let sessions = {
            let _inside = runtime.enter();
            Sessions::start(SessionOptions::listening(Vec::new()), events).unwrap()
        };
        let now = Instant::now();
        let router_id = Some(Ipv4Addr::new(10, 255, 0, 1));
        let facts = SystemFacts { router_id, restarting, ..SystemFacts::default() };
        let mut core = Core::new(read(text), facts, log(), sessions, fib, None, now);
        core.begin(now).unwrap();
        Self { core, now, sessions: 0, _runtime: runtime, _events: receiver }
    }

    fn settle(&mut self) {
        while self.core.settle(self.now) {}
    }

    fn apply(&mut self, text: &str) {
        self.core.apply(read(text), self.now).unwrap();
        self.settle();
    }

    fn peer(&self, address: &str) -> Option<PeerId> {
        let address = ip(address);
        self.core.peers().iter().find(|peer| peer.settings.address == address).map(|peer| peer.id)
    }

    /// A session comes up, with these families of those that are configured.
    fn up(&mut self, id: PeerId, families: &[Family]) -> mpsc::Receiver<Bytes> {
        let settings = self.core.peers().get(id).unwrap().settings.clone();
        let remote_as = match settings.remote_as {
            crate::peer::RemoteAs::Number(asn) => asn,
            _ => 65_099,
        };
        let negotiated = Negotiated {
            kind: if remote_as == settings.local_as { PeerKind::Internal } else { PeerKind::External },
            local_as: settings.local_as,
            remote_as,
            local_id: settings.router_id,
            remote_id: Ipv4Addr::new(192, 0, 2, 1),
            endpoints: Endpoints {
                local: (Ipv4Addr::new(192, 0, 2, 254), 179).into(),
                remote: (settings.address, 40_000).into(),
            },
            families: families.to_vec(),
            four_octet_as: true,
            max_message: 4096,
            max_receive: 4096,
            add_path: Vec::new(),
            extended_next_hop: false,
            route_refresh: true,
            enhanced_refresh: false,
            graceful_restart: None,
            hold_time: Duration::from_secs(180),
            keepalive: Duration::from_secs(60),
            hostname: None,
            remote_capabilities: Vec::new(),
        };
        let (out, messages) = SessionSender::detached();
        self.sessions += 1;
        let (session, negotiated) = (SessionId(self.sessions), Box::new(negotiated));
        self.core.session_event(SessionEvent::Established { peer: id, session, negotiated, out }, self.now);
        self.settle();
        messages
    }

    /// A caller from a listen range, with a session.
    fn called(&mut self, id: PeerId, address: &str) -> mpsc::Receiver<Bytes> {
        let ranges =
            super::settings::listen_ranges(self.core.config(), &self.core.facts, &self.core.policies);
        let template = ranges.unwrap().remove(0).template;
        let settings = Box::new(PeerSettings { address: ip(address), ..template });
        self.core.session_event(SessionEvent::NewDynamicPeer { peer: id, settings }, self.now);
        self.up(id, &[Family::Ipv4Unicast])
    }

    /// A CE neighbour announces a prefix.
    fn announce(&mut self, id: PeerId, prefix: &str) {
        let prefix = prefix.parse().unwrap();
        let peer = self.core.peers().get(id).unwrap();
        let session = peer.live.as_ref().unwrap().session;
        let mut set = AttributeSet { next_hop: Some(peer.settings.address), ..AttributeSet::default() };
        set.as_path.prepend(65_099, 1);
        let update = Update {
            attributes: Some(Arc::new(set)),
            reach: vec![NlriBlock::new(unicast::family(&prefix), unicast::nlri(&prefix))],
            ..Update::default()
        };
        self.core.session_event(SessionEvent::Update { peer: id, session, update }, self.now);
        self.settle();
    }

    /// How many routes of a neighbour its RIB has.
    fn routes(&self, id: PeerId) -> u32 {
        self.core.rib_of(id).counters(id, Family::Ipv4Unicast).received
    }
}

const TENANT: &str = "\
router bgp 65000
vrf red
 vni 5000
router bgp 65010 vrf red
 no bgp ebgp-requires-policy
 neighbor 192.0.2.1 remote-as 65099
";

#[test]
fn a_neighbour_with_a_session_is_known_to_the_table_whatever_as_the_speaker_gets() {
    let mut bench = Bench::new(TENANT);
    let id = bench.peer("192.0.2.1").unwrap();
    let _messages = bench.up(id, &[Family::Ipv4Unicast]);
    bench.announce(id, "203.0.113.0/24");
    assert_eq!(bench.routes(id), 1);
    bench.apply(&TENANT.replace("router bgp 65000", "router bgp 65001"));
    for peer in bench.core.peers().iter().filter(|peer| peer.live.is_some()) {
        assert_eq!(bench.routes(peer.id), 1, "its session is up, so its routes are there");
    }
    bench.apply(&TENANT.replace("65010", "65011"));
    assert!(bench.peer("192.0.2.1").is_some());
}

const LISTENING: &str = "\
router bgp 65000
vrf red
 vni 5000
router bgp 65010 vrf red
 no bgp ebgp-requires-policy
 neighbor CE peer-group
 neighbor CE remote-as 65099
 bgp listen range 192.0.2.0/24 peer-group CE
 address-family ipv4 unicast
  neighbor CE activate
";
const CALLER: PeerId = PeerId(1 << 31);

#[test]
fn callers_go_with_their_listen_range() {
    let without_range = LISTENING.replace(" bgp listen range 192.0.2.0/24 peer-group CE\n", "");
    let without_instance = "router bgp 65000\nvrf red\n vni 5000\n";
    let narrower = LISTENING.replace("192.0.2.0/24", "192.0.2.128/25");
    for after in [&without_range, without_instance, &narrower] {
        let mut bench = Bench::new(LISTENING);
        let _messages = bench.called(CALLER, "192.0.2.7");
        bench.announce(CALLER, "203.0.113.0/24");
        assert_eq!(bench.routes(CALLER), 1);
        bench.apply(after);
        assert_eq!(bench.peer("192.0.2.7"), None, "{after}");
        let vrf = &bench.core.vrfs()[&weft_evpn::VrfName::from("red")];
        assert_eq!(vrf.table.rib().best_count(Family::Ipv4Unicast), 0);
    }
}

#[test]
fn after_a_restart_callers_have_their_restart_time_to_come_back() {
    let without_range = LISTENING.replace(" bgp listen range 192.0.2.0/24 peer-group CE\n", "");
    let of_nobody =
        LISTENING.replace(" neighbor CE peer-group\n", " neighbor CE peer-group\n neighbor CE shutdown\n");
    for (text, seconds) in [(LISTENING, 120), (&without_range, 0), (&of_nobody, 0)] {
        let mut bench = Bench::started(text, None, true);
        bench.settle();
        for second in 0..seconds {
            assert!(!bench.core.converged && bench.core.facts.restarting, "{second} of {seconds}");
            bench.now += Duration::from_secs(1);
            bench.core.on_deadline(bench.now);
            bench.settle();
        }
        assert!(bench.core.converged && !bench.core.facts.restarting, "{seconds}");
    }
}

#[test]
fn what_a_peer_group_says_reaches_its_callers() {
    let mut bench = Bench::new(LISTENING);
    let mut messages = bench.called(CALLER, "192.0.2.7");
    bench.announce(CALLER, "203.0.113.0/24");
    while messages.try_recv().is_ok() {}
    let denying = format!("route-map NONE deny 10\n{LISTENING}  neighbor CE route-map NONE in\n");
    bench.apply(&denying);
    assert_eq!(bench.peer("192.0.2.7"), Some(CALLER), "the session stays");
    let asked = messages.try_recv().expect("it is asked to send again");
    assert_eq!(asked[18], 5, "a ROUTE-REFRESH");
    bench.announce(CALLER, "203.0.113.0/24");
    assert_eq!(bench.routes(CALLER), 0, "denied now");
}

#[test]
fn beyond_its_maximum_prefix_a_neighbour_is_not_heard_until_its_restart() {
    let mut bench = Bench::new(&format!(
        "{TENANT} address-family ipv4 unicast\n  neighbor 192.0.2.1 maximum-prefix 2 restart 1\n"
    ));
    let id = bench.peer("192.0.2.1").unwrap();
    let held_down = |bench: &Bench| bench.core.peers().get(id).unwrap().held_down.is_some();
    let _messages = bench.up(id, &[Family::Ipv4Unicast]);
    bench.announce(id, "203.0.113.0/26");
    bench.announce(id, "203.0.113.64/26");
    assert!(!held_down(&bench));
    bench.announce(id, "203.0.113.128/26");
    assert!(held_down(&bench));
    assert_eq!(bench.routes(id), 2);
    // What it had sent before it heard of it changes nothing, whatever it is.
    let session = bench.core.peers().get(id).unwrap().live.as_ref().unwrap().session;
    let prefix = "203.0.113.0/26".parse().unwrap();
    let withdrawn = NlriBlock::new(unicast::family(&prefix), unicast::nlri(&prefix));
    let update = Update { unreach: vec![withdrawn], ..Update::default() };
    bench.core.session_event(SessionEvent::Update { peer: id, session, update }, bench.now);
    assert_eq!(bench.routes(id), 2);

    let restart = bench.core.next_deadline().unwrap();
    assert!(restart <= bench.now + Duration::from_secs(60));
    bench.now += Duration::from_secs(60);
    bench.core.on_deadline(bench.now);
    assert!(!held_down(&bench), "sessions are wanted again");
}

#[test]
fn a_neighbour_is_asked_for_the_families_that_it_has_only() {
    let mut bench =
        Bench::new(&format!("{TENANT} address-family ipv6 unicast\n  neighbor 192.0.2.1 activate\n"));
    let id = bench.peer("192.0.2.1").unwrap();
    let mut messages = bench.up(id, &[Family::Ipv4Unicast]);
    while messages.try_recv().is_ok() {}
    // Another cluster: what was refused for it may be good now.
    bench.apply(&format!(
        "{} address-family ipv6 unicast\n  neighbor 192.0.2.1 activate\n",
        TENANT.replace("vrf red\n no", "vrf red\n bgp cluster-id 1.1.1.1\n no")
    ));
    let mut asked = Vec::new();
    while let Ok(message) = messages.try_recv() {
        asked.extend(message.chunks(23).filter(|of| of[18] == 5).map(|of| of[20]));
    }
    assert_eq!(asked, [1], "IPv4");
}

#[test]
fn a_turn_on_another_thread_is_one_like_the_cores_own() {
    let Bench { core, now, _runtime, _events, .. } = Bench::new(TENANT);
    let desk = Desk::new(core, _events);
    let soon = Duration::from_secs(60);
    desk.turn(|_| ());
    assert!(!desk.take_turn(), "nothing is due that the core's thread would not wake up for");
    // Who is at it, is not disturbed.
    desk.turn(|_| assert!(desk.take_turn()));
    // A deadline that the core's thread has not heard of.
    let Bench { core: due, _runtime: _other, _events: events, .. } = Bench::new(TENANT);
    let unseen = Desk::new(due, events);
    unseen.turn(|work| work.core.kernel_wait = Some(now + 2 * soon));
    unseen.with_work(|work| work.core.kernel_wait = Some(now + soon));
    assert!(unseen.take_turn());
    assert!(!unseen.take_turn(), "once it is called it looks");
    assert!(unseen.close().is_some());
    assert!(unseen.close().is_none() && unseen.turn(|_| ()).is_none());
    assert!(unseen.take_turn(), "the core's thread is about to end");
}

#[test]
fn a_turn_that_broke_ends_the_core() {
    let Bench { core, _runtime, _events, .. } = Bench::new(TENANT);
    let desk = Desk::new(core, _events);
    let broken = catch_unwind(AssertUnwindSafe(|| desk.turn(|_| panic!("as told"))));
    assert!(broken.is_err());
    assert!(desk.take_turn(), "nobody else goes on with it");
    assert!(catch_unwind(AssertUnwindSafe(|| desk.turn(|_| ()))).is_err());
}

const LEAF: &str = "\
router bgp 65000
 neighbor 10.255.0.100 remote-as 65000
 address-family l2vpn evpn
  neighbor 10.255.0.100 activate
  advertise-all-vni
";

impl Bench {
    /// MAC routes of another VTEP in VNI 10, with numbers of these; or they are withdrawn.
    fn macs(&mut self, id: PeerId, numbers: std::ops::Range<u32>, announced: bool) {
        let session = self.core.peers().get(id).unwrap().live.as_ref().unwrap().session;
        let set = AttributeSet {
            next_hop: Some(ip("10.255.0.2")),
            ext_communities: vec![
                RouteTarget::two_octet_as(65_000, 10).community(),
                ExtendedCommunity::ENCAPSULATION_VXLAN,
            ],
            local_pref: Some(100),
            ..AttributeSet::default()
        };
        let set = Arc::new(set);
        let all: Vec<u32> = numbers.collect();
        for part in all.chunks(100) {
            let wire: Vec<u8> = part.iter().flat_map(|number| mac_route(*number).to_wire()).collect();
            let block = vec![NlriBlock::new(Family::L2vpnEvpn, wire)];
            let (reach, unreach) = if announced { (block, Vec::new()) } else { (Vec::new(), block) };
            let update = Update { attributes: Some(set.clone()), reach, unreach, ..Update::default() };
            self.core.session_event(SessionEvent::Update { peer: id, session, update }, self.now);
        }
    }
}

fn mac_route(number: u32) -> EvpnRoute {
    let [a, b, c, d] = number.to_be_bytes();
    EvpnRoute::MacIp(MacIp {
        rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, 2), 3),
        esi: Esi::default(),
        ethernet_tag: EthernetTag::ZERO,
        mac: MacAddr([2, 0, a, b, c, d]),
        ip: None,
        label1: Vni::new(10).unwrap().to_label(),
        label2: None,
    })
}

/// A leaf that serves VNI 10, with a session to a reflector.
fn leaf(fib: Fib) -> (Bench, PeerId, mpsc::Receiver<Bytes>) {
    let mut bench = Bench::with(LEAF, Some(fib));
    let devices = VniDevices {
        vxlan: (3, "vx10".to_owned()),
        bridge: (2, "br10".to_owned()),
        vtep: ip("10.255.0.1"),
        bridge_mac: MacAddr([2, 1, 0, 0, 0, 1]),
        svi_addresses: Vec::new(),
        svi_subnets: Vec::new(),
        vrf: None,
    };
    let up = LocalEvent::VniUp { vni: Vni::new(10).unwrap(), devices };
    bench.core.fib_event(FibEvent::Local(vec![up]), bench.now);
    bench.core.fib_event(FibEvent::Ready { adopted: 0 }, bench.now);
    bench.settle();
    let id = bench.peer("10.255.0.100").unwrap();
    let messages = bench.up(id, &[Family::L2vpnEvpn]);
    (bench, id, messages)
}

#[test]
fn what_the_kernel_is_not_ready_for_waits_in_the_table_and_the_last_word_counts() {
    const MACS: u32 = 60_000;
    let (fib, mut events, service) = Fib::unserved().unwrap();
    let (mut bench, id, _messages) = leaf(fib);
    service.take(usize::MAX);
    bench.macs(id, 0..MACS, true);
    bench.settle();
    let waiting = bench.core.rib.waiting_changes();
    assert!(waiting > 20_000, "most of it: {waiting}");
    assert!(!bench.core.converged || waiting > 0);
    // What goes while it waits never reaches the kernel.
    bench.macs(id, MACS - 1_000..MACS, false);
    bench.settle();
    assert_eq!(bench.core.rib.waiting_changes(), waiting);
    let (mut written, mut turns) = (Vec::new(), 0);
    while bench.core.rib.waiting_changes() > 0 {
        written.extend(service.take(100_000));
        assert_eq!(events.try_recv(), Some(FibEvent::CaughtUp));
        bench.core.fib_event(FibEvent::CaughtUp, bench.now);
        bench.settle();
        turns += 1;
    }
    written.extend(service.take(100_000));
    let macs =
        written.iter().filter(|change| matches!(change, ForwardingChange::Mac { wanted: Some(_), .. }));
    assert_eq!(macs.count(), MACS as usize - 1_000);
    assert!(turns >= 2, "it was handed over in parts: {turns}");
    assert!(bench.core.converged);
}

#[test]
fn withdrawals_do_not_pile_up_in_the_table_and_a_kernel_side_that_has_ended_holds_up_nothing() {
    let (fib, _events, service) = Fib::unserved().unwrap();
    let (mut bench, id, _messages) = leaf(fib);
    // A peer that announces and takes back ever new routes while the kernel stands still.
    const ROUND: u32 = 10_000;
    for round in 0..8 {
        let numbers = round * ROUND..(round + 1) * ROUND;
        bench.macs(id, numbers.clone(), true);
        bench.macs(id, numbers, false);
        bench.settle();
        let withdrawn = bench.core.rib.without_best();
        assert!(withdrawn <= super::settle::WITHDRAWN + ROUND as usize, "{withdrawn}");
    }
    service.take(usize::MAX);
    bench.settle();
    bench.macs(id, 0..40_000, true);
    bench.settle();
    assert!(bench.core.rib.waiting_changes() > 0);
    service.end();
    bench.settle();
    assert_eq!(bench.core.rib.waiting_changes(), 0);
}
