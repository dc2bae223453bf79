//! What is answered to what is wrong, end to end: codes on the wire, events to the core.

use super::*;
use crate::wire::Capability;

/// What a caller gets that sends this after our OPEN.
async fn answer_to_first(octets: &[u8]) -> (u8, u8, Vec<u8>) {
    let (ours, remote) = addresses();
    let daemon = Daemon::passive(ours, remote);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.expect_open().await;
    scripted.send_raw(octets).await;
    let notification = scripted.expect_notification().await;
    let (code, subcode) = notification.error.numbers();
    (code, subcode, notification.data)
}

async fn answer_to_open(open: Open) -> (u8, u8) {
    let (code, subcode, _) = answer_to_first(&Message::Open(open).to_bytes()).await;
    (code, subcode)
}

#[tokio::test]
async fn header_errors_have_their_codes_and_data() {
    let mut marker = raw(4, &[]);
    marker[3] = 0;
    assert_eq!(answer_to_first(&marker).await, (1, 1, vec![]));
    let mut long = raw(2, &[0; 100]);
    long[16..18].copy_from_slice(&5000u16.to_be_bytes());
    assert_eq!(answer_to_first(&long).await, (1, 2, vec![0x13, 0x88]));
    assert_eq!(answer_to_first(&raw(4, &[0])).await, (1, 2, vec![0, 20]));
    assert_eq!(answer_to_first(&raw(9, &[])).await, (1, 3, vec![9]));
}

#[tokio::test]
async fn open_errors_have_their_codes() {
    assert_eq!(answer_to_open(open(ASN + 1, THEIR_ID, 90)).await, (2, 2));
    assert_eq!(answer_to_open(open(ASN, OUR_ID, 90)).await, (2, 3));
    assert_eq!(answer_to_open(open(ASN, THEIR_ID, 2)).await, (2, 6));
    let mut other = open(ASN, THEIR_ID, 90);
    other.capabilities.retain(|c| !matches!(c, Capability::Multiprotocol { .. }));
    assert_eq!(answer_to_open(other).await, (2, 7));
    let mut version = Message::Open(theirs()).to_bytes().to_vec();
    version[19] = 3;
    assert_eq!(answer_to_first(&version).await, (2, 1, vec![0, 4]));
}

#[tokio::test]
async fn messages_that_are_not_expected_are_fsm_errors() {
    assert_eq!(answer_to_first(&raw(4, &[])).await, (5, 1, vec![4]));
    assert_eq!(answer_to_first(&raw(2, &[0, 0, 0, 0])).await, (5, 1, vec![2]));
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    scripted.send(Message::Open(theirs())).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (5, 3));
    assert_eq!(daemon.down().await.notification.map(|n| (n.code, n.subcode)), Some((5, 3)));
}

#[tokio::test]
async fn a_silent_neighbour_is_told_4_0_when_the_hold_time_is_over() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::passive(ours, remote);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.establish(open(ASN, THEIR_ID, 3)).await;
    let start = Instant::now();
    daemon.established().await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (4, 0));
    let took = start.elapsed().as_secs_f64();
    assert!((2.9..6.0).contains(&took), "{took}");
    let reason = daemon.down().await;
    assert!(reason.retain, "the N bit was agreed on");
}

#[tokio::test]
async fn a_received_notification_is_told_to_the_core() {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    let cease =
        Notification::cease_with_communication(CeaseSubcode::AdministrativeShutdown, "bye").into_hard_reset();
    scripted.send(Message::Notification(cease)).await;
    let reason = daemon.down().await;
    let notification = reason.notification.unwrap();
    assert_eq!((notification.code, notification.subcode), (6, 2));
    assert!(notification.hard_reset && !reason.retain);
    assert_eq!(notification.communication.as_deref(), Some("bye"));
    assert_eq!(scripted.rest().await, [], "it is not answered");
}

/// A type-3 route, whole.
const ROUTE: [u8; 19] = [3, 17, 0, 1, 10, 0, 0, 3, 0, 1, 0, 0, 0, 0, 32, 10, 0, 0, 3];

fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut octets = vec![flags, code, u8::try_from(value.len()).unwrap()];
    octets.extend_from_slice(value);
    octets
}

fn mp_reach(next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut value = vec![0, 25, 70, u8::try_from(next_hop.len()).unwrap()];
    value.extend_from_slice(next_hop);
    value.push(0);
    value.extend_from_slice(nlri);
    attribute(0x80, 14, &value)
}

fn update(attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut body = vec![0, 0];
    body.extend_from_slice(&u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(&attributes);
    raw(2, &body)
}

fn good() -> Vec<Vec<u8>> {
    vec![
        mp_reach(&[10, 0, 0, 3], &ROUTE),
        attribute(0x40, 1, &[0]),
        attribute(0x40, 2, &[]),
        attribute(0x40, 5, &[0, 0, 0, 100]),
        // PMSI: ingress replication, VNI 10.
        attribute(0xc0, 22, &[0, 6, 0, 0, 10, 10, 0, 0, 3]),
    ]
}

/// The good UPDATE with the attribute of this code replaced (or added).
fn with(code: u8, replaced: Vec<u8>) -> Vec<u8> {
    let mut attributes = good();
    match attributes.iter_mut().find(|attribute| attribute[1] == code) {
        Some(attribute) => *attribute = replaced,
        None => attributes.push(replaced),
    }
    update(&attributes)
}

/// What the core gets of an UPDATE: routes announced, routes withdrawn; or the codes by
/// which the session ended.
async fn outcome(octets: &[u8]) -> Result<(usize, usize), (u8, u8)> {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    scripted.send_raw(octets).await;
    let routes = |blocks: &[crate::wire::NlriBlock]| blocks.iter().map(|block| block.iter().count()).sum();
    let outcome = daemon
        .wait(|event| match event {
            SessionEvent::Update { update, .. } => Some(Ok((routes(&update.reach), routes(&update.unreach)))),
            SessionEvent::Down { reason, .. } => {
                Some(Err(reason.notification.map(|n| (n.code, n.subcode)).unwrap()))
            }
            _ => None,
        })
        .await;
    match outcome {
        Err(codes) => assert_eq!(scripted.expect_notification().await.error.numbers(), codes),
        Ok(_) => {
            // Still there: a good UPDATE is taken.
            scripted.send_raw(&update(&good())).await;
            daemon.wait(|event| matches!(event, SessionEvent::Update { .. }).then_some(())).await;
            assert_eq!(daemon.sessions.status(PEER).unwrap().dropped, 0);
        }
    }
    outcome
}

#[tokio::test]
async fn malformed_updates_do_what_rfc_7606_asks_and_no_more() {
    const USED: Result<(usize, usize), (u8, u8)> = Ok((1, 0));
    const WITHDRAWN: Result<(usize, usize), (u8, u8)> = Ok((0, 1));
    let mut missing = good();
    missing.remove(1);
    let mut twice = good();
    twice.push(mp_reach(&[10, 0, 0, 3], &ROUTE));
    let mut overrun = good();
    overrun.push(vec![0xc0, 16, 200, 0]);
    let mut bad_route = ROUTE;
    bad_route[1] = 99;
    for (name, octets, expected) in [
        ("good", update(&good()), USED),
        ("ORIGIN of 9", with(1, attribute(0x40, 1, &[9])), WITHDRAWN),
        ("ORIGIN of two octets", with(1, attribute(0x40, 1, &[0, 0])), WITHDRAWN),
        ("no ORIGIN", update(&missing), WITHDRAWN),
        ("ORIGIN with optional flag", with(1, attribute(0xc0, 1, &[0])), WITHDRAWN),
        ("AS_PATH segment that overruns", with(2, attribute(0x40, 2, &[2, 9, 0, 0])), WITHDRAWN),
        ("LOCAL_PREF of three octets", with(5, attribute(0x40, 5, &[0, 0, 1])), WITHDRAWN),
        ("COMMUNITIES of five octets", with(8, attribute(0xc0, 8, &[0; 5])), WITHDRAWN),
        ("EXTENDED COMMUNITIES of seven", with(16, attribute(0xc0, 16, &[0; 7])), WITHDRAWN),
        ("CLUSTER_LIST of three", with(10, attribute(0x80, 10, &[0; 3])), WITHDRAWN),
        ("AGGREGATOR of three", with(7, attribute(0xc0, 7, &[0; 3])), USED),
        ("ATOMIC_AGGREGATE with a value", with(6, attribute(0x40, 6, &[1])), USED),
        ("attribute that overruns", update(&overrun), WITHDRAWN),
        ("MP_REACH twice", update(&twice), Err((3, 1))),
        // RFC 4760 §7: an optional attribute error.
        ("NLRI that overruns", with(14, mp_reach(&[10, 0, 0, 3], &bad_route)), Err((3, 9))),
        ("next hop of three octets", with(14, mp_reach(&[10, 0, 0], &ROUTE)), Err((3, 9))),
    ] {
        assert_eq!(outcome(&octets).await, expected, "{name}");
    }
}

#[tokio::test]
async fn refreshes_are_told_and_what_was_not_agreed_on_is_ignored() {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    for body in [[0, 25, 0, 70], [0, 1, 0, 1], [0, 25, 9, 70], [0, 25, 1, 70], [0, 25, 2, 70]] {
        scripted.send_raw(&raw(5, &body)).await;
    }
    for expected in [RefreshKind::Normal, RefreshKind::Begin, RefreshKind::End] {
        let kind = daemon
            .wait(|event| match event {
                SessionEvent::RouteRefresh { kind, .. } => Some(kind),
                _ => None,
            })
            .await;
        assert_eq!(kind, expected);
    }
    scripted.send_raw(&raw(5, &[0, 25, 1, 70, 0])).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (7, 1));
}

#[tokio::test]
async fn what_came_before_the_close_is_still_taken() {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    for _ in 0..100 {
        scripted.send_raw(&update(&good())).await;
    }
    drop(scripted);
    let mut updates = 0;
    daemon
        .wait(|event| {
            updates += usize::from(matches!(event, SessionEvent::Update { .. }));
            matches!(event, SessionEvent::Down { .. }).then_some(())
        })
        .await;
    assert_eq!(updates, 100);
}

#[tokio::test]
async fn messages_of_65535_octets_are_taken_and_larger_than_4096_only_if_offered() {
    let communities = |count: usize| {
        let mut long = vec![0xd0, 8];
        long.extend_from_slice(&u16::try_from(count * 4).unwrap().to_be_bytes());
        long.resize(4 + count * 4, 7);
        long
    };
    let mut attributes = good();
    attributes.push(communities(16000));
    assert_eq!(outcome(&update(&attributes)).await, Ok((1, 0)));

    let (ours, remote) = addresses();
    let daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.passive = true;
    settings.capabilities.extended_message = false;
    daemon.add(settings);
    let (_daemon, mut scripted, _) = daemon.up(remote).await;
    scripted.send_raw(&update(&attributes)).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (1, 2));
}

/// Sockets of this address in the kernel's list that a process holds, listeners not counted.
fn sockets(address: SocketAddr) -> usize {
    let IpAddr::V4(ip) = address.ip() else { panic!("{address}") };
    let local = format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port());
    let listed = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours = listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    ours.filter(|of| of.get(1) == Some(&local.as_str()) && of[3] != "0A" && of.get(9) != Some(&"0")).count()
}

#[tokio::test]
async fn who_calls_again_and_again_holds_few_sockets() {
    let (ours, remote) = addresses();
    let daemon = Daemon::passive(ours, remote);
    let (mut callers, mut most) = (Vec::new(), 0);
    for _ in 0..100 {
        // Each takes the place of the one before, which hears so, if it is among the first, and does not close.
        let mut scripted = Scripted::connect(remote, daemon.address).await;
        scripted.expect_open().await;
        callers.push(scripted);
        most = most.max(sockets(daemon.address));
    }
    assert!((5..=10).contains(&most), "{most}");
}
