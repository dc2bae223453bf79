//! Slow cores, slow neighbours, and the order of what is sent.

use super::*;
use crate::wire::{EncodeContext, notification::ErrorCode};
use bytes::{Bytes, BytesMut};

/// An UPDATE that does nothing but carry a number.
fn numbered(number: u32, filler: usize) -> Bytes {
    let mut body = vec![0, 0];
    let mut attributes = vec![0xd0, 250];
    attributes.extend_from_slice(&u16::try_from(filler + 4).unwrap().to_be_bytes());
    attributes.extend_from_slice(&number.to_be_bytes());
    attributes.resize(attributes.len() + filler, 0);
    body.extend_from_slice(&u16::try_from(attributes.len()).unwrap().to_be_bytes());
    body.extend_from_slice(&attributes);
    raw(2, &body).into()
}

fn end_of_rib() -> Bytes {
    let mut out = BytesMut::new();
    let update = crate::wire::Update { end_of_rib: Some(Family::L2vpnEvpn), ..Default::default() };
    Message::Update(update).encode(&EncodeContext::default(), &mut out).unwrap();
    out.freeze()
}

#[tokio::test]
async fn a_core_that_is_behind_slows_the_neighbour_down_and_loses_nothing() {
    let (ours, remote) = addresses();
    let mut daemon = Daemon::with(SessionOptions::listening(vec![(ours, 0).into()]), 1);
    daemon.add(PeerSettings { passive: true, ..settings(remote) });
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.send(Message::Open(open(ASN, THEIR_ID, 3))).await;
    scripted.expect_open().await;
    daemon.wait(|event| matches!(event, SessionEvent::State { .. }).then_some(())).await;
    let sent = tokio::spawn(async move {
        scripted.send(Message::Keepalive).await;
        let end = end_of_rib();
        for _ in 0..20_000 {
            scripted.send_raw(&end).await;
        }
        scripted
    });
    // Longer than the hold time nothing is taken from the channel; then everything.
    let (_, _, _out) = daemon.established().await;
    tokio::time::sleep(Duration::from_millis(4500)).await;
    let mut updates = 0;
    daemon
        .wait(|event| match event {
            SessionEvent::Update { .. } => {
                updates += 1;
                (updates == 20_000).then_some(())
            }
            SessionEvent::Down { reason, .. } => panic!("{reason:?}"),
            _ => None,
        })
        .await;
    drop(sent.await.unwrap());
}

#[tokio::test]
async fn a_neighbour_that_reads_slowly_gets_everything_in_order_with_keepalives_between() {
    const MESSAGES: u32 = 20_000;
    let (ours, remote) = addresses();
    let mut daemon = Daemon::passive(ours, remote);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    scripted.establish(open(ASN, THEIR_ID, 3)).await;
    let (_, _, out) = daemon.established().await;
    // Until nothing goes any more.
    let mut next = 0;
    while out.try_send(numbered(next, 1000)).is_ok() {
        next += 1;
        tokio::task::yield_now().await;
    }
    let (mut expected, mut keepalives) = (0, 0);
    let mut alive = tokio::time::interval(Duration::from_millis(500));
    patiently(async {
        while expected < MESSAGES {
            tokio::select! {
                _ = alive.tick() => scripted.send(Message::Keepalive).await,
                received = scripted.receive_with_octets() => match received {
                    Some((Message::Keepalive, _)) => keepalives += 1,
                    Some((Message::Update(_), octets)) => {
                        assert_eq!(octets[27..31], expected.to_be_bytes());
                        expected += 1;
                        // A slow reader, but not for ever.
                        if expected.is_multiple_of(400) {
                            tokio::time::sleep(Duration::from_millis(1)).await;
                        }
                    }
                    other => panic!("{other:?}"),
                },
                event = daemon.events.recv() => {
                    if matches!(event, Some(SessionEvent::Drained { .. })) {
                        while next < MESSAGES && out.try_send(numbered(next, 1000)).is_ok() {
                            next += 1;
                        }
                    }
                    assert!(!matches!(event, Some(SessionEvent::Down { .. })));
                }
            }
        }
    })
    .await;
    assert_eq!(next, MESSAGES);
}

#[tokio::test]
async fn several_messages_in_a_buffer_are_sent_and_counted() {
    let (ours, remote) = addresses();
    let (daemon, mut scripted, out) = Daemon::passive(ours, remote).up(remote).await;
    let both = [numbered(1, 0), end_of_rib()].concat();
    out.try_send(both.into()).unwrap();
    assert!(matches!(scripted.receive().await, Some(Message::Update(_))));
    assert!(matches!(scripted.receive().await, Some(Message::Update(update)) if update.end_of_rib.is_some()));
    assert_eq!(daemon.sessions.status(PEER).unwrap().sent.updates, 2);
}

#[tokio::test]
async fn a_neighbour_that_never_reads_is_dropped_by_the_send_hold_timer() {
    let (ours, remote) = addresses();
    let mut options = SessionOptions::listening(vec![(ours, 0).into()]);
    options.send_hold = Some(Duration::from_millis(700));
    let mut daemon = Daemon::with(options, 64);
    daemon.add(PeerSettings { passive: true, ..settings(remote) });
    let (mut daemon, scripted, out) = {
        let mut scripted = Scripted::connect(remote, daemon.address).await;
        scripted.establish(open(ASN, THEIR_ID, 90)).await;
        let (_, _, out) = daemon.established().await;
        (daemon, scripted, out)
    };
    let down = daemon.down();
    tokio::pin!(down);
    let reason = loop {
        // The core has ever more to say.
        while out.try_send(numbered(0, 4000)).is_ok() {
            tokio::task::yield_now().await;
        }
        tokio::select! {
            reason = &mut down => break reason,
            () = tokio::time::sleep(Duration::from_millis(10)) => {}
        }
    };
    let (code, subcode) = ErrorCode::SEND_HOLD_TIMER_EXPIRED.numbers();
    assert_eq!(reason.notification.map(|n| (n.code, n.subcode)), Some((code, subcode)));
    drop(scripted);
}

#[tokio::test]
async fn an_old_sessions_sender_refuses() {
    let (ours, remote) = addresses();
    let (mut daemon, scripted, out) = Daemon::passive(ours, remote).up(remote).await;
    drop(scripted);
    daemon.down().await;
    patiently(async {
        while out.try_send(end_of_rib()).is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
