//! Slow cores, slow neighbours, and the order of what is sent.

use super::*;
use crate::wire::{EncodeContext, notification::ErrorCode};
use bytes::{Bytes, BytesMut};
use socket2::SockRef;

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
                    if matches!(event, SessionEvent::Drained { .. }) {
                        while next < MESSAGES && out.try_send(numbered(next, 1000)).is_ok() {
                            next += 1;
                        }
                    }
                    assert!(!matches!(event, SessionEvent::Down { .. }));
                }
            }
        }
    })
    .await;
    assert_eq!(next, MESSAGES);
}

/// The core's thread writes small messages itself when it can, and the task writes the rest: nothing overtakes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_core_writes_itself_keeps_its_place() {
    const MESSAGES: u32 = 30_000;
    let (ours, remote) = addresses();
    let mut daemon = Daemon::passive(ours, remote);
    let mut scripted = Scripted::connect(remote, daemon.address).await;
    // Keepalives in between, too.
    scripted.establish(open(ASN, THEIR_ID, 3)).await;
    let (_, _, out) = daemon.established().await;
    let core = std::thread::spawn(move || {
        let mut random = 1_u32;
        for number in 0..MESSAGES {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let filler = [0, 40, 300, 400, 6_000][(random >> 20) as usize % 5];
            let send = if random >> 28 == 0 { SessionSender::try_send } else { SessionSender::send_at_once };
            while send(&out, numbered(number, filler)).is_err() {
                std::thread::yield_now();
            }
            if random >> 18 & 0xff == 0 {
                // The task runs dry.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        out
    });
    let mut alive = tokio::time::interval(Duration::from_millis(500));
    let mut expected = 0;
    while expected < MESSAGES {
        tokio::select! {
            _ = alive.tick() => scripted.send(Message::Keepalive).await,
            received = scripted.receive_with_octets() => match received {
                Some((Message::Keepalive, _)) => {}
                Some((Message::Update(_), octets)) => {
                    assert_eq!(octets[27..31], expected.to_be_bytes());
                    expected += 1;
                    if expected.is_multiple_of(3_000) {
                        // The socket fills up, and some message with it is cut.
                        tokio::time::sleep(Duration::from_millis(30)).await;
                    }
                }
                other => panic!("{other:?}"),
            },
        }
    }
    let sent = daemon.sessions.status(PEER).unwrap().sent.updates;
    assert_eq!(sent, u64::from(MESSAGES));
    drop(core.join().unwrap());
}

#[tokio::test]
async fn a_lone_message_needs_no_turn_of_the_task() {
    let (ours, remote) = addresses();
    let (_daemon, scripted, out) = Daemon::passive(ours, remote).up(remote).await;
    patiently(async {
        loop {
            // Nobody else runs between the sending and the reading, so what arrives the caller has written.
            out.send_at_once(numbered(7, 0)).unwrap();
            let mut octets = [std::mem::MaybeUninit::uninit(); 4096];
            if SockRef::from(&scripted.stream).recv(&mut octets).is_ok() {
                break;
            }
            // The task was not through with the opening yet.
            tokio::time::sleep(Duration::from_millis(1)).await;
            while SockRef::from(&scripted.stream).recv(&mut octets).is_ok() {}
        }
    })
    .await;
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
