//! From a start to a session.

use super::*;
use crate::wire::Capability;
use socket2::SockRef;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_caller_is_answered_negotiated_with_and_told_goodbye() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::passive(ours, remote);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    let open = scripted.establish(theirs()).await;
    assert_eq!((open.asn(), open.bgp_id, open.hold_time), (ASN, OUR_ID, 180));
    let (_, negotiated, _) = daemon.established().await;
    assert_eq!(negotiated.remote_id, THEIR_ID);
    assert_eq!(negotiated.hold_time, Duration::from_secs(90));
    assert_eq!(negotiated.endpoints.local, daemon.address);
    assert_eq!(negotiated.endpoints.remote.ip(), remote);
    let status = daemon.status(|status| status.state == FsmState::Established).await;
    assert_eq!((status.received.opens, status.received.keepalives), (1, 1));
    assert_eq!((status.sent.opens, status.sent.keepalives), (1, 1));
    let cease = Cease::AdministrativeShutdown(Some("maintenance".into()));
    daemon.command(SessionCommand::Stop { cease });
    let notification = scripted.expect_notification().await;
    assert_eq!(notification.hard_reset_cause().map(|n| n.error.numbers()), Some((6, 2)));
    assert_eq!(notification.communication().as_deref(), Some("maintenance"));
    let reason = daemon.down().await;
    assert!(!reason.retain);
    let status = daemon.status(|status| status.state == FsmState::Idle).await;
    assert_eq!((status.established, status.dropped), (1, 1));
}

#[tokio::test]
async fn a_neighbour_is_called_at_once_from_the_update_source() {
    let (ours, remote) = addresses();
    let listener = TcpListener::bind((remote, 0)).await.unwrap();
    let mut daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.port = listener.local_addr().unwrap().port();
    settings.update_source = Some(crate::peer::UpdateSource::Address(ours));
    daemon.add(settings);
    let mut scripted = Scripted::accept(&listener).await;
    assert_eq!(scripted.stream.peer_addr().unwrap().ip(), ours);
    scripted.establish(theirs()).await;
    daemon.established().await;
}

#[tokio::test]
async fn the_update_source_can_be_an_interface() {
    let (ours, _) = addresses();
    let remote = IpAddr::from([127, 0, 0, 1]);
    let listener = TcpListener::bind((remote, 0)).await.unwrap();
    let daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.port = listener.local_addr().unwrap().port();
    settings.update_source = Some(crate::peer::UpdateSource::Interface("lo".into()));
    daemon.add(settings);
    Scripted::accept(&listener).await.expect_open().await;
}

#[tokio::test]
async fn a_source_that_is_not_here_is_said_clearly_and_tried_again() {
    let (ours, remote) = addresses();
    let daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.update_source = Some(crate::peer::UpdateSource::Address([192, 0, 2, 77].into()));
    daemon.add(settings.clone());
    let status = daemon.status(|status| status.last_failure.is_some()).await;
    assert_eq!(
        status.last_failure.as_deref(),
        Some("update-source 192.0.2.77: this machine does not have the address")
    );
    settings.update_source = Some(crate::peer::UpdateSource::Interface("weft-none".into()));
    daemon.command(SessionCommand::Reconfigure(Box::new(settings)));
    let text = "update-source weft-none: no IPv4 address on it";
    daemon.status(|status| status.last_failure.as_deref() == Some(text)).await;
}

/// Two daemons that start together need one of the first calls, also when both call.
async fn pair(first: IpAddr, second: IpAddr, change: impl Fn(&mut PeerSettings)) -> (Daemon, Daemon) {
    let (mut a, mut b) = (Daemon::start(first), Daemon::start(second));
    for (daemon, remote, id, local) in [(&a, b.address, OUR_ID, first), (&b, a.address, THEIR_ID, second)] {
        let mut settings = settings(remote.ip());
        settings.router_id = id;
        settings.port = remote.port();
        settings.update_source = Some(crate::peer::UpdateSource::Address(local));
        change(&mut settings);
        daemon.add(settings);
    }
    a.established().await;
    b.established().await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_that_start_together_are_up_at_once() {
    for _ in 0..10 {
        let (first, second) = addresses();
        let start = Instant::now();
        let (a, b) = pair(first, second, |_| {}).await;
        assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
        for daemon in [&a, &b] {
            let status = daemon.status(|status| status.state == FsmState::Established).await;
            assert_eq!(status.dropped, 0);
        }
    }
}

#[tokio::test]
async fn ttl_security_passwords_and_ebgp_hops_work_between_daemons() {
    let (first, second) = addresses();
    pair(first, second, |settings| {
        settings.ttl = crate::peer::TtlPolicy::Security(1);
        settings.password = Some("secret".into());
    })
    .await;
    let (first, second) = addresses();
    for ttl in [crate::peer::TtlPolicy::Default, crate::peer::TtlPolicy::Multihop(3)] {
        pair(first, second, |settings| {
            settings.ttl = ttl;
            settings.remote_as = RemoteAs::External;
            settings.local_as += u32::from(settings.router_id == OUR_ID);
        })
        .await;
    }
}

#[tokio::test]
async fn ipv6_goes_the_same_way() {
    let address = IpAddr::from(std::net::Ipv6Addr::LOCALHOST);
    let mut daemon = Daemon::start(address);
    let mut settings = settings(address);
    settings.passive = true;
    settings.ttl = crate::peer::TtlPolicy::Security(1);
    daemon.add(settings);
    let mut scripted = Scripted::connect(address, daemon.address).await;
    SockRef::from(&scripted.stream).set_unicast_hops_v6(255).unwrap();
    scripted.establish(theirs()).await;
    let (_, negotiated, _) = daemon.established().await;
    assert!(negotiated.endpoints.remote.is_ipv6());
}

#[tokio::test]
async fn of_two_calls_the_one_of_the_higher_identifier_stays() {
    for (id, theirs_stays) in [(THEIR_ID, true), (Ipv4Addr::new(10, 0, 0, 1), false)] {
        let (ours, remote) = addresses();
        let listener = TcpListener::bind((remote, 0)).await.unwrap();
        let mut daemon = Daemon::start(ours);
        let mut settings = settings(remote);
        settings.port = listener.local_addr().unwrap().port();
        daemon.add(settings);
        let mut called = Scripted::accept(&listener).await;
        let mut calling = Scripted::connect(remote, daemon.address).await;
        called.expect_open().await;
        calling.expect_open().await;
        let open = open(ASN, id, 90);
        let (mut stays, mut goes) = if theirs_stays { (calling, called) } else { (called, calling) };
        stays.send(Message::Open(open)).await;
        assert_eq!(goes.expect_notification().await.error.numbers(), (6, 7));
        stays.expect_keepalive().await;
        stays.send(Message::Keepalive).await;
        daemon.established().await;
    }
}

#[tokio::test]
async fn restart_flags_go_out_and_come_in() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.passive = true;
    settings.graceful_restart.restarting = true;
    settings.graceful_restart.restart_time = Duration::from_secs(77);
    daemon.add(settings.clone());
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    let mut theirs = theirs();
    for capability in &mut theirs.capabilities {
        if let Capability::GracefulRestart(restart) = capability {
            restart.restarting = true;
        }
    }
    let open = scripted.establish(theirs).await;
    let restart = open.capabilities.iter().find_map(|capability| match capability {
        Capability::GracefulRestart(restart) => Some(restart),
        _ => None,
    });
    let restart = restart.expect("graceful restart is offered");
    assert!(restart.restarting && restart.notification && restart.families[0].forwarding_preserved);
    assert_eq!(restart.restart_time, 77);
    let (_, negotiated, _) = daemon.established().await;
    let restart = negotiated.graceful_restart.unwrap();
    assert!(restart.remote_restarting && restart.notification);
    assert_eq!(restart.restart_time, Duration::from_secs(30));

    // The core has converged: the next OPEN says so, this session goes on.
    settings.graceful_restart.restarting = false;
    daemon.command(SessionCommand::Reconfigure(Box::new(settings)));
    drop(scripted);
    assert!(daemon.down().await.retain, "TCP was lost");
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    let open = scripted.expect_open().await;
    assert!(open.capabilities.iter().any(|c| matches!(c, Capability::GracefulRestart(r) if !r.restarting)));
}

#[tokio::test]
async fn a_restarted_neighbour_takes_its_session_over() {
    let (ours, remote) = addresses();
    let (mut daemon, mut old, _) = Daemon::passive(ours, remote).up(remote).await;
    let since = Instant::now();
    // Within the first second another OPEN would be the rest of a collision.
    let mut new = loop {
        let mut new = Scripted::connect(remote, daemon.address).await;
        new.send(Message::Open(theirs())).await;
        match new.receive().await {
            Some(Message::Notification(notification)) => {
                assert_eq!(notification.error.numbers(), (6, 7));
                assert!(since.elapsed() < Duration::from_secs(5));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Some(Message::Open(_)) => break new,
            other => panic!("{other:?}"),
        }
    };
    let reason = daemon.down().await;
    assert!(reason.retain && reason.notification.is_none(), "{reason:?}");
    old.expect_closed().await;
    new.expect_keepalive().await;
    new.send(Message::Keepalive).await;
    daemon.established().await;
}
