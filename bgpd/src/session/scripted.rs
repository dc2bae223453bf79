//! A scripted neighbour for tests: a socket that says exactly what a test wants, and checks
//! what comes back. It has no timers and no opinion. Every wait ends after `PATIENCE`.

use crate::wire::{
    Capability, DecodeContext, Decoder, Family, FrameDecoder, Message, MessageType, Notification, Open,
    SessionKind,
    capability::{GracefulRestart, GracefulRestartFamily},
};
use bytes::{Bytes, BytesMut};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

/// The longest wait for anything that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for what must happen.
pub(crate) async fn patiently<T>(what: impl Future<Output = T>) -> T {
    timeout(PATIENCE, what).await.expect("it happens in time")
}

/// A whole message from its type and body.
pub(crate) fn raw(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0xff; 16];
    message.extend_from_slice(&u16::try_from(19 + body.len()).expect("a length").to_be_bytes());
    message.push(kind);
    message.extend_from_slice(body);
    message
}

/// An OPEN with all that Weft knows.
pub(crate) fn open(asn: u32, id: Ipv4Addr, hold_time: u16) -> Open {
    let row = Family::L2vpnEvpn.row();
    let (afi, safi) = (row.afi, row.safi);
    let restart = GracefulRestart {
        restarting: false,
        notification: true,
        restart_time: 30,
        families: vec![GracefulRestartFamily { afi, safi, forwarding_preserved: true }],
    };
    let capabilities = vec![
        Capability::Multiprotocol { afi, safi },
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedMessage,
        Capability::FourOctetAs(asn),
        Capability::GracefulRestart(restart),
    ];
    Open::new(asn, hold_time, id, capabilities)
}

/// The neighbour's end of a connection.
#[derive(Debug)]
pub(crate) struct Scripted {
    pub stream: TcpStream,
    buffer: BytesMut,
    frames: FrameDecoder,
    decoder: Decoder,
}

impl Scripted {
    pub fn new(stream: TcpStream) -> Self {
        let mut frames = FrameDecoder::new();
        frames.set_max_length(u16::MAX);
        let context = DecodeContext {
            families: vec![Family::L2vpnEvpn],
            kind: SessionKind::Internal,
            max_length: u16::MAX,
            ..DecodeContext::default()
        };
        Self { stream, buffer: BytesMut::new(), frames, decoder: Decoder::new(context) }
    }

    /// The end of a neighbour in another AS.
    pub fn external(stream: TcpStream) -> Self {
        let mut scripted = Self::new(stream);
        let context = DecodeContext { families: vec![Family::L2vpnEvpn], ..DecodeContext::default() };
        scripted.decoder = Decoder::new(context);
        scripted
    }

    /// Calls from this address.
    pub async fn connect(from: IpAddr, to: SocketAddr) -> Self {
        let socket =
            if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.expect("a socket");
        socket.bind(SocketAddr::new(from, 0)).expect("the address is here");
        Self::new(patiently(socket.connect(to)).await.expect("somebody listens"))
    }

    /// Is called.
    pub async fn accept(listener: &TcpListener) -> Self {
        Self::new(patiently(listener.accept()).await.expect("a connection").0)
    }

    pub async fn send(&mut self, message: Message) {
        self.send_raw(&message.to_bytes()).await;
    }

    pub async fn send_raw(&mut self, octets: &[u8]) {
        patiently(self.stream.write_all(octets)).await.expect("the connection is up");
    }

    /// The next message with its octets; `None` when the connection was closed.
    pub async fn receive_with_octets(&mut self) -> Option<(Message, Bytes)> {
        loop {
            if let Some(frame) = self.frames.next_frame(&mut self.buffer).expect("good frames") {
                let octets = frame.bytes.clone();
                let (message, issues) = self.decoder.decode(&frame).expect("a good message");
                assert_eq!(issues, []);
                return Some((message, octets));
            }
            match patiently(self.stream.read_buf(&mut self.buffer)).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    pub async fn receive(&mut self) -> Option<Message> {
        Some(self.receive_with_octets().await?.0)
    }

    pub async fn expect_open(&mut self) -> Open {
        match self.receive().await {
            Some(Message::Open(open)) => open,
            other => panic!("an OPEN, not {other:?}"),
        }
    }

    pub async fn expect_keepalive(&mut self) {
        let message = self.receive().await;
        assert_eq!(message, Some(Message::Keepalive));
    }

    /// The NOTIFICATION that comes, after any KEEPALIVEs; then the connection is closed.
    pub async fn expect_notification(&mut self) -> Notification {
        loop {
            match self.receive().await {
                Some(Message::Keepalive) => {}
                Some(Message::Notification(notification)) => {
                    self.expect_closed().await;
                    return notification;
                }
                other => panic!("a NOTIFICATION, not {other:?}"),
            }
        }
    }

    /// The connection is closed without another message.
    pub async fn expect_closed(&mut self) {
        let message = self.receive().await;
        assert_eq!(message, None);
    }

    /// Exchanges OPENs and KEEPALIVEs; gives the OPEN that came.
    pub async fn establish(&mut self, open: Open) -> Open {
        self.send(Message::Open(open)).await;
        let theirs = self.expect_open().await;
        self.expect_keepalive().await;
        self.send(Message::Keepalive).await;
        theirs
    }

    /// True if the daemon has not closed the connection and reads on: it answers nothing to
    /// a KEEPALIVE, so this is checked by what it says when it is asked to end.
    pub async fn is_quiet_for(&mut self, time: Duration) -> bool {
        timeout(time, self.receive()).await.is_err()
    }

    /// The type numbers of all messages until the connection is closed.
    pub async fn rest(&mut self) -> Vec<MessageType> {
        let mut kinds = Vec::new();
        while let Some(message) = self.receive().await {
            kinds.push(message.kind());
        }
        kinds
    }
}
