//! Who may connect: configured neighbours, listen ranges, passwords, distance; and how
//! neighbours come, change and go.

use super::*;
use crate::peer::TtlPolicy;
use socket2::SockRef;
use std::os::fd::AsFd;
use tokio::{net::TcpSocket, time::timeout};

fn range(net: IpAddr, length: u8, template: PeerSettings) -> ListenRange {
    ListenRange { range: IpNet::new(net, length).unwrap().trunc(), template, limit: 1 }
}

async fn connect_with_key(from: IpAddr, to: SocketAddr, key: Option<&str>) -> Option<Scripted> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from, 0)).unwrap();
    sockopt::set_md5(socket.as_fd(), to.ip().into(), key)
        .or_else(|e| if key.is_none() { Ok(()) } else { Err(e) })
        .unwrap();
    timeout(Duration::from_millis(700), socket.connect(to)).await.ok()?.ok().map(Scripted::new)
}

#[tokio::test]
async fn a_stranger_is_told_connection_rejected() {
    let (ours, remote) = addresses();
    let daemon = Daemon::start(ours);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (6, 5));
}

#[tokio::test]
async fn a_stopped_neighbour_is_told_connection_rejected() {
    let (ours, remote) = addresses();
    let daemon = Daemon::start(ours);
    daemon.sessions.add(PEER, settings(remote));
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (6, 5));
}

#[tokio::test]
async fn without_the_right_password_there_is_no_session() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::start(ours);
    let mut settings = settings(remote);
    settings.passive = true;
    settings.password = Some("right".into());
    daemon.add(settings.clone());
    assert!(connect_with_key(remote, daemon.address, Some("wrong")).await.is_none());
    assert!(connect_with_key(remote, daemon.address, None).await.is_none());
    let mut scripted = connect_with_key(remote, daemon.address, Some("right")).await.unwrap();
    scripted.establish(theirs()).await;
    daemon.established().await;

    // A new password ends the session; only the new one is good from then on.
    settings.password = Some("new".into());
    daemon.command(SessionCommand::Reconfigure(Box::new(settings.clone())));
    assert_eq!(scripted.expect_notification().await.error.numbers(), (6, 6));
    assert!(connect_with_key(remote, daemon.address, Some("right")).await.is_none());
    let mut scripted = connect_with_key(remote, daemon.address, Some("new")).await.unwrap();
    scripted.establish(theirs()).await;
    daemon.established().await;

    settings.password = None;
    daemon.command(SessionCommand::Reconfigure(Box::new(settings)));
    scripted.expect_notification().await;
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.establish(theirs()).await;
}

#[tokio::test]
async fn packets_from_too_far_do_not_reach_a_session_with_ttl_security() {
    let (ours, remote) = addresses();
    let daemon = Daemon::start(ours);
    daemon.add(PeerSettings { passive: true, ttl: TtlPolicy::Security(2), ..settings(remote) });
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.expect_open().await;
    SockRef::from(&scripted.stream).set_ttl_v4(253).unwrap();
    scripted.send(Message::Open(theirs())).await;
    assert!(scripted.is_quiet_for(Duration::from_millis(500)).await, "the OPEN was dropped");
    SockRef::from(&scripted.stream).set_ttl_v4(254).unwrap();
    scripted.expect_keepalive().await;
}

#[tokio::test]
async fn callers_from_a_listen_range_become_neighbours_up_to_the_limit_and_are_forgotten() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::start(ours);
    let mut template = settings(remote);
    template.graceful_restart.enabled = false;
    template.peer_group = Some("LEAVES".into());
    let mut other = template.clone();
    other.remote_as = RemoteAs::External;
    daemon.sessions.set_listen_ranges(vec![range(remote, 16, other), range(remote, 24, template)]);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.establish(theirs()).await;
    let (peer, settings) = daemon
        .wait(|event| match event {
            SessionEvent::NewDynamicPeer { peer, settings } => Some((peer, settings)),
            SessionEvent::Established { .. } => panic!("the neighbour must be known first"),
            _ => None,
        })
        .await;
    assert!(peer.0 >= FIRST_DYNAMIC);
    assert_eq!((settings.address, settings.peer_group.as_deref()), (remote, Some("LEAVES")));
    daemon.established().await;
    assert_eq!(daemon.sessions.status(peer).unwrap().established, 1);

    let IpAddr::V4(v4) = remote else { panic!("IPv4") };
    let second = IpAddr::V4(Ipv4Addr::from(u32::from(v4) + 1));
    let mut late = Scripted::connect(second, daemon.address).await;
    assert_eq!(late.expect_notification().await.error.numbers(), (6, 5), "the limit");

    drop(scripted);
    daemon.down().await;
    let gone = daemon
        .wait(|event| match event {
            SessionEvent::DynamicPeerGone { peer } => Some(peer),
            _ => None,
        })
        .await;
    assert_eq!(gone, peer);
    patiently(async {
        while daemon.sessions.status(peer).is_some() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut scripted = Scripted::connect(second, daemon.address).await;
    scripted.establish(theirs()).await;
    daemon.established().await;
}

#[tokio::test]
async fn a_listen_range_has_its_password() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::start(ours);
    let mut template = PeerSettings { password: Some("old".into()), ..settings(remote) };
    daemon.sessions.set_listen_ranges(vec![range(remote, 24, template.clone())]);
    template.password = Some("right".into());
    for _ in 0..2 {
        daemon.sessions.set_listen_ranges(vec![range(remote, 24, template.clone())]);
    }
    assert!(connect_with_key(remote, daemon.address, Some("old")).await.is_none());
    assert!(connect_with_key(remote, daemon.address, Some("wrong")).await.is_none());
    let mut scripted = connect_with_key(remote, daemon.address, Some("right")).await.unwrap();
    scripted.establish(theirs()).await;
    daemon.established().await;
    daemon.sessions.set_listen_ranges(Vec::new());
    // The key went with the range: a connection without one comes about again.
    Scripted::connect(remote, daemon.address).await;
}

#[tokio::test]
async fn listeners_that_cannot_be_had_say_why() {
    let (ours, _) = addresses();
    let daemon = Daemon::start(ours);
    let text = |address: SocketAddr| {
        let (sender, _) = inbox(Limits::default());
        Sessions::start(SessionOptions::listening(vec![address]), sender).unwrap_err().to_string()
    };
    assert_eq!(
        text(daemon.address),
        format!("cannot listen on {}: address in use; another BGP daemon?", daemon.address)
    );
    assert_eq!(
        text("192.0.2.77:0".parse().unwrap()),
        "cannot listen on 192.0.2.77:0: this machine does not have the address"
    );
}

#[tokio::test]
async fn a_removed_neighbour_is_told_and_its_last_event_arrives() {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    daemon.sessions.remove(PEER, Cease::PeerDeconfigured);
    let notification = scripted.expect_notification().await;
    assert_eq!(notification.hard_reset_cause().map(|n| n.error.numbers()), Some((6, 3)));
    assert!(!daemon.down().await.retain);
    assert_eq!(daemon.sessions.command(PEER, SessionCommand::Start), Err(CommandError::NoSuchPeer));
}

#[tokio::test]
async fn a_neighbour_that_is_added_again_keeps_its_place() {
    let (ours, remote) = addresses();
    let (mut daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    daemon.add(PeerSettings { passive: true, ..settings(remote) });
    scripted.expect_notification().await;
    daemon.down().await;
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.establish(theirs()).await;
    daemon.established().await;
    assert!(daemon.sessions.status(PEER).is_some());
}

#[tokio::test]
async fn a_shutdown_tells_everybody_also_who_has_not_read_everything() {
    let (ours, remote) = addresses();
    let (daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    scripted.send(Message::Keepalive).await;
    let goodbye = tokio::spawn(async move { scripted.expect_notification().await.error.numbers() });
    patiently(daemon.sessions.shutdown(Cease::AdministrativeReset(None))).await;
    assert_eq!(goodbye.await.unwrap(), (6, 4));
}

#[tokio::test]
async fn the_core_going_away_ends_sessions() {
    let (ours, remote) = addresses();
    let (daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    drop(daemon.sessions);
    assert_eq!(scripted.expect_notification().await.error.numbers(), (6, 9));

    let (ours, remote) = addresses();
    let (daemon, mut scripted, _) = Daemon::passive(ours, remote).up(remote).await;
    drop(daemon.events);
    scripted.send_raw(&raw(5, &[0, 25, 0, 70])).await;
    assert_eq!(scripted.expect_notification().await.error.numbers(), (6, 9), "found out with the next event");
}
