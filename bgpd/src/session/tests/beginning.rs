//! How it begins: who calls before the neighbours are known, and neighbours that cannot be
//! called yet.

use super::namespace::{apart, ip};
use super::*;
use crate::peer::UpdateSource;
use std::os::fd::AsFd;

fn not_accepting(address: IpAddr) -> (Sessions, Inbox, SocketAddr) {
    let (sender, events) = inbox(Limits::default());
    let options = SessionOptions::listening(vec![(address, 0).into()]);
    let sessions = Sessions::start(options, sender).unwrap();
    let address = sessions.listening_on()[0];
    (sessions, events, address)
}

#[tokio::test]
async fn who_calls_before_the_neighbours_are_known_waits_and_is_not_refused() {
    let (ours, remote) = addresses();
    let (sessions, events, address) = not_accepting(ours);
    let mut scripted = Scripted::connect(remote, address).await;
    scripted.send(Message::Open(theirs())).await;
    assert!(scripted.is_quiet_for(Duration::from_millis(100)).await);
    let mut daemon = Daemon { sessions, events, address };
    daemon.add(PeerSettings { passive: true, ..settings(remote) });
    daemon.sessions.accept();
    scripted.expect_open().await;
    scripted.expect_keepalive().await;
    scripted.send(Message::Keepalive).await;
    daemon.established().await;
    daemon.sessions.accept();
    assert!(scripted.is_quiet_for(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn a_connection_from_before_the_password_was_known_is_not_taken() {
    let (ours, remote) = addresses();
    let (sessions, events, address) = not_accepting(ours);
    let mut early = Scripted::connect(remote, address).await;
    let mut daemon = Daemon { sessions, events, address };
    daemon.add(PeerSettings { passive: true, password: Some("secret".into()), ..settings(remote) });
    daemon.sessions.accept();
    early.expect_closed().await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(remote, 0)).unwrap();
    sockopt::set_md5(socket.as_fd(), address.ip().into(), Some("secret")).unwrap();
    let mut scripted = Scripted::new(patiently(socket.connect(address)).await.unwrap());
    scripted.establish(theirs()).await;
    daemon.established().await;
}

#[test]
fn a_neighbour_that_waits_for_our_address_is_called_at_once_when_started() {
    apart(async || {
        let (sender, events) = inbox(Limits::default());
        let sessions = Sessions::start(SessionOptions::listening(Vec::new()), sender).unwrap();
        ip("addr add 10.5.0.2/32 dev lo");
        let listener = tokio::net::TcpListener::bind("10.5.0.2:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut daemon = Daemon { sessions, events, address };
        let update_source = Some(UpdateSource::Address("10.5.0.1".parse().unwrap()));
        daemon.add(PeerSettings { update_source, port: address.port(), ..settings(address.ip()) });
        daemon.status(|status| status.last_failure.is_some()).await;
        // The waits between calls have grown to their longest.
        tokio::time::sleep(Duration::from_millis(2500)).await;
        ip("addr add 10.5.0.1/32 dev lo");
        let from = Instant::now();
        daemon.command(SessionCommand::Start);
        let mut scripted = Scripted::accept(&listener).await;
        assert!(from.elapsed() < Duration::from_millis(300), "{:?}", from.elapsed());
        scripted.establish(theirs()).await;
        daemon.established().await;

        // To one that is up it says nothing new.
        for _ in 0..3 {
            daemon.command(SessionCommand::Start);
        }
        assert!(scripted.is_quiet_for(Duration::from_millis(100)).await);
        let status = daemon.status(|_| true).await;
        assert_eq!((status.established, status.dropped, status.state), (1, 0, FsmState::Established));
    });
}
