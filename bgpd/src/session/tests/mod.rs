//! Sessions over loopback sockets, against a scripted neighbour or another daemon's sessions.
//! Each test has addresses of its own in 127/8 and ephemeral ports.

mod beginning;
mod errors;
mod flow;
mod namespace;
mod neighbours;
mod opening;
mod vrfs;

use super::registry::FIRST_DYNAMIC;
use super::scripted::{Scripted, open, patiently, raw};
use super::*;
use crate::peer::{DownReason, FsmState, Negotiated, RefreshKind, RemoteAs, SessionEvent};
use crate::wire::{Family, Message, Notification, Open, notification::Cease as CeaseSubcode};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::atomic::AtomicU8,
    time::Instant,
};

pub(super) const PEER: PeerId = PeerId(1);
pub(super) const ASN: u32 = 65000;
pub(super) const OUR_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(super) const THEIR_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 3);

/// Two loopback addresses that no other test of this process uses.
pub(super) fn addresses() -> (IpAddr, IpAddr) {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let net = NEXT.fetch_add(1, Ordering::Relaxed);
    (IpAddr::from([127, 77, net, 1]), IpAddr::from([127, 77, net, 2]))
}

/// Sessions, with the test as their core.
#[derive(Debug)]
pub(super) struct Daemon {
    pub sessions: Sessions,
    pub events: Inbox,
    pub address: SocketAddr,
}

impl Daemon {
    pub fn with(options: SessionOptions, room: usize) -> Self {
        let (sender, events) = inbox(Limits { lane_events: room, ..Limits::default() });
        let sessions = Sessions::start(options, sender).expect("listeners");
        let address = sessions.listening_on()[0];
        sessions.accept();
        Self { sessions, events, address }
    }

    pub fn start(address: IpAddr) -> Self {
        Self::with(SessionOptions::listening(vec![(address, 0).into()]), 64)
    }

    /// A daemon that is called by the scripted neighbour at `remote`.
    pub fn passive(address: IpAddr, remote: IpAddr) -> Self {
        let daemon = Self::start(address);
        daemon.add(PeerSettings { passive: true, ..settings(remote) });
        daemon
    }

    pub fn add(&self, settings: PeerSettings) {
        self.sessions.add(PEER, settings);
        self.command(SessionCommand::Start);
    }

    pub fn command(&self, command: SessionCommand) {
        self.sessions.command(PEER, command).expect("the neighbour is there");
    }

    /// The first event of which `pick` makes something.
    pub async fn wait<T>(&mut self, mut pick: impl FnMut(SessionEvent) -> Option<T>) -> T {
        patiently(async {
            loop {
                let event = self.events.recv().await;
                if let Some(found) = pick(event) {
                    return found;
                }
            }
        })
        .await
    }

    pub async fn established(&mut self) -> (SessionId, Box<Negotiated>, SessionSender) {
        self.wait(|event| match event {
            SessionEvent::Established { session, negotiated, out, .. } => Some((session, negotiated, out)),
            _ => None,
        })
        .await
    }

    pub async fn down(&mut self) -> DownReason {
        self.wait(|event| match event {
            SessionEvent::Down { reason, .. } => Some(reason),
            _ => None,
        })
        .await
    }

    /// Waits until the status is as wanted.
    pub async fn status(&self, wanted: impl Fn(&PeerStatus) -> bool) -> PeerStatus {
        patiently(async {
            loop {
                let status = self.sessions.status(PEER).expect("the neighbour is there");
                if wanted(&status) {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    /// Up, with the scripted neighbour at `remote` calling.
    pub async fn up(mut self, remote: IpAddr) -> (Self, Scripted, SessionSender) {
        let mut scripted = Scripted::connect(remote, self.address).await;
        scripted.establish(theirs()).await;
        let (_, _, out) = self.established().await;
        (self, scripted, out)
    }
}

pub(super) fn settings(remote: IpAddr) -> PeerSettings {
    PeerSettings::new(remote, RemoteAs::Internal, ASN, OUR_ID).with_family(Family::L2vpnEvpn)
}

pub(super) fn theirs() -> Open {
    open(ASN, THEIR_ID, 90)
}
