//! A RIB with neighbours that decode what they are sent.

use crate::peer::{PeerFamily, PeerId, PeerKind};
use crate::rib::{NextHopRule, Rib, RibPeer, RibPeerFamily, RibSettings};
use crate::wire::refresh::RefreshKind;
use crate::wire::update::{DecodeContext, SessionKind};
use crate::wire::{
    AttributeSet, Decoder, EncodeContext, Family, FrameDecoder, Membership, Message, NlriBlock, Update,
    UpdateEncoder,
};
use bytes::BytesMut;
use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::{
    Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    nlri::{EvpnRoute, MacIp, NlriKey},
};

pub(super) const EVPN: Family = Family::L2vpnEvpn;
pub(super) const ASN: u32 = 65_000;

/// What a neighbour holds of a route: the rest of the NLRI and the attributes.
pub(super) type Held = (Vec<u8>, Arc<AttributeSet>);

/// A neighbour's side of the session.
#[derive(Debug)]
pub(super) struct Receiver {
    decoder: Decoder,
    frames: FrameDecoder,
    pub(super) view: BTreeMap<NlriKey, Held>,
    /// Memberships, and how often their End-of-RIB came.
    pub(super) asked: BTreeMap<Membership, Arc<AttributeSet>>,
    pub(super) ends_of_asking: usize,
    pub(super) ends_of_rib: usize,
    pub(super) refresh: Vec<RefreshKind>,
    pub(super) messages: usize,
    pub(super) announced: usize,
    pub(super) withdrawn: usize,
    pub(super) refusing: bool,
}

#[derive(Debug)]
pub(super) struct Lab {
    pub(super) rib: Rib,
    pub(super) now: Instant,
    pub(super) peers: BTreeMap<PeerId, Receiver>,
    /// Transmissions so far.
    pub(super) transmissions: usize,
}

pub(super) fn settings() -> RibSettings {
    RibSettings { import: true, ..RibSettings::new(ASN, Ipv4Addr::new(10, 0, 0, 100)) }
}

/// Peer `n` has the identifier and address 10.0.0.n and graceful restart.
pub(super) fn peer(n: u8, kind: PeerKind, client: bool) -> RibPeer {
    let mut row = RibPeerFamily::new(EVPN);
    row.settings = PeerFamily { route_reflector_client: client, ..PeerFamily::default() };
    row.restart = Some(true);
    RibPeer {
        kind,
        local_as: ASN,
        remote_as: if kind == PeerKind::Internal { ASN } else { 65_100 + u32::from(n) },
        router_id: Ipv4Addr::new(10, 0, 0, n),
        address: Ipv4Addr::new(10, 0, 0, n).into(),
        enforce_first_as: false,
        four_octet_as: true,
        extended_next_hop: false,
        max_message: 4096,
        enhanced_refresh: true,
        restarting: false,
        stale_path_time: Duration::from_secs(120),
        families: vec![row],
    }
}

pub(super) fn client(n: u8) -> RibPeer {
    peer(n, PeerKind::Internal, true)
}

/// The same peer, saying what it asks for.
pub(super) fn asking(mut peer: RibPeer) -> RibPeer {
    let evpn = peer.families[0].clone();
    let mut row = RibPeerFamily { family: Family::RtFilter, ..evpn };
    let own = Ipv4Addr::new(10, 0, 0, 100).into();
    let beyond = row.settings.route_reflector_client || peer.kind == PeerKind::External;
    row.next_hop = if beyond { NextHopRule::Own(own) } else { NextHopRule::OwnIfNone(own) };
    peer.families.push(row);
    peer
}

/// A membership in a route target `asn:10`, on behalf of our AS.
pub(super) fn membership(asn: u16) -> Membership {
    Membership::exact(ASN, RouteTarget::two_octet_as(asn, 10))
}

/// What the neighbour asks for beside what it has asked for already.
pub(super) fn ask(memberships: &[Membership]) -> Update {
    let wire: Vec<u8> = memberships.iter().flat_map(Membership::to_wire).collect();
    let set = AttributeSet { next_hop: Some(Ipv4Addr::LOCALHOST.into()), ..AttributeSet::default() };
    let reach = vec![NlriBlock::new(Family::RtFilter, wire)];
    Update { attributes: Some(Arc::new(set)), reach, ..empty() }
}

/// What it asks for no more.
pub(super) fn forgo(memberships: &[Membership]) -> Update {
    let wire: Vec<u8> = memberships.iter().flat_map(Membership::to_wire).collect();
    Update { unreach: vec![NlriBlock::new(Family::RtFilter, wire)], ..empty() }
}

pub(super) fn end_of_rib(family: Family) -> Update {
    Update { end_of_rib: Some(family), ..empty() }
}

pub(super) fn id(n: u8) -> PeerId {
    PeerId(u32::from(n))
}

/// A MAC/IP route; `n` makes MAC and IP, `vni` RD and label.
pub(super) fn mac_ip(n: u32, vni: u32) -> Vec<u8> {
    let [_, a, b, c] = n.to_be_bytes();
    EvpnRoute::MacIp(MacIp {
        rd: RouteDistinguisher::two_octet_as(1, vni),
        esi: Esi::default(),
        ethernet_tag: EthernetTag::ZERO,
        mac: MacAddr([2, 0, 0, a, b, c]),
        ip: Some(Ipv4Addr::new(192, a, b, c).into()),
        label1: Vni::new(vni).expect("a VNI").to_label(),
        label2: None,
    })
    .to_wire()
}

/// Attributes as a VTEP sends them: next hop 10.1.0.n, LOCAL_PREF, RT, encapsulation.
pub(super) fn attributes(n: u8) -> AttributeSet {
    AttributeSet {
        next_hop: Some(Ipv4Addr::new(10, 1, 0, n).into()),
        local_pref: Some(100),
        ext_communities: vec![
            RouteTarget::two_octet_as(1, 10).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
        ],
        ..AttributeSet::default()
    }
}

fn block(routes: &[Vec<u8>]) -> Vec<NlriBlock> {
    if routes.is_empty() {
        return Vec::new();
    }
    vec![NlriBlock::new(EVPN, routes.concat())]
}

pub(super) fn announce(attributes: AttributeSet, routes: &[Vec<u8>]) -> Update {
    Update { attributes: Some(Arc::new(attributes)), reach: block(routes), ..empty() }
}

pub(super) fn withdraw(routes: &[Vec<u8>]) -> Update {
    Update { unreach: block(routes), ..empty() }
}

pub(super) fn empty() -> Update {
    Update { attributes: None, reach: Vec::new(), unreach: Vec::new(), end_of_rib: None }
}

pub(super) fn key(nlri: &[u8]) -> NlriKey {
    (EVPN.row().split)(nlri).expect("a route").0
}

impl Lab {
    pub(super) fn new(settings: RibSettings) -> Self {
        let now = Instant::now();
        Self { rib: Rib::new(settings, now), now, peers: BTreeMap::new(), transmissions: 0 }
    }

    /// A lab with these neighbours up and their initial dumps over.
    pub(super) fn with(peers: impl IntoIterator<Item = (u8, RibPeer)>) -> Self {
        let mut lab = Self::new(settings());
        for (n, peer) in peers {
            lab.up(id(n), peer);
        }
        lab.drain();
        lab
    }

    pub(super) fn up(&mut self, peer: PeerId, settings: RibPeer) {
        let families = || settings.families.iter().map(|row| row.family);
        let context = DecodeContext {
            four_octet_as: settings.four_octet_as,
            families: families().collect(),
            add_path: families().filter(|family| settings.family(*family).unwrap().add_path).collect(),
            extended_next_hop: settings.extended_next_hop,
            kind: match settings.kind {
                PeerKind::Internal => SessionKind::Internal,
                PeerKind::External => SessionKind::External,
            },
            max_length: settings.max_message,
        };
        let mut frames = FrameDecoder::new();
        frames.set_max_length(settings.max_message);
        let receiver = Receiver {
            decoder: Decoder::new(context),
            frames,
            view: BTreeMap::new(),
            asked: BTreeMap::new(),
            ends_of_asking: 0,
            ends_of_rib: 0,
            refresh: Vec::new(),
            messages: 0,
            announced: 0,
            withdrawn: 0,
            refusing: false,
        };
        self.peers.insert(peer, receiver);
        self.rib.peer_up(peer, settings, self.now).expect("a slot");
    }

    pub(super) fn down(&mut self, peer: PeerId, stale_for: Option<Duration>) {
        self.peers.remove(&peer);
        self.rib.peer_down(peer, stale_for.map(|time| self.now + time));
    }

    pub(super) fn update(&mut self, n: u8, update: &Update) {
        self.rib.update(id(n), update, self.now).expect("stored");
    }

    /// The update as the neighbour would write it.
    pub(super) fn update_wire(&mut self, n: u8, update: &Update) -> BytesMut {
        let mut out = BytesMut::new();
        UpdateEncoder::new(EncodeContext::default()).update(update, &mut out).expect("fits");
        self.update(n, update);
        out
    }

    /// Gives one transmission to its receivers. False if there was none.
    pub(super) fn step(&mut self) -> bool {
        let Some(transmit) = self.rib.next_transmit(self.now) else { return false };
        self.transmissions += 1;
        for peer in transmit.peers {
            let receiver = self.peers.get_mut(&peer).expect("only to neighbours that are up");
            if receiver.refusing {
                self.rib.peer_blocked(peer, transmit.bytes.clone(), self.now);
            } else {
                receiver.receive(&transmit.bytes);
            }
        }
        true
    }

    pub(super) fn drain(&mut self) {
        while self.step() {}
    }

    pub(super) fn refuse(&mut self, peer: PeerId) {
        if let Some(receiver) = self.peers.get_mut(&peer) {
            receiver.refusing = true;
        }
    }

    pub(super) fn accept(&mut self, peer: PeerId) {
        if let Some(receiver) = self.peers.get_mut(&peer) {
            receiver.refusing = false;
            self.rib.peer_drained(peer);
        }
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.rib.on_deadline(self.now);
    }

    pub(super) fn holds(&self, n: u8, nlri: &[u8]) -> Option<&Held> {
        self.peers[&id(n)].view.get(&key(nlri))
    }
}

impl Receiver {
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let mut buffer = BytesMut::from(bytes);
        while let Some(frame) = self.frames.next_frame(&mut buffer).expect("frames") {
            self.messages += 1;
            let (message, issues) = self.decoder.decode(&frame).expect("a good message");
            assert_eq!(issues, [], "in {message:?}");
            match message {
                Message::Update(update) => self.apply(&update),
                Message::RouteRefresh(refresh) => self.refresh.push(refresh.kind),
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(buffer.is_empty(), "whole messages only");
    }

    fn apply(&mut self, update: &Update) {
        let membership = |nlri: &[u8]| {
            let (key, _) = (Family::RtFilter.row().split)(nlri).expect("a membership");
            Membership::from_key(&key).expect("a membership")
        };
        for block in &update.unreach {
            for (_, nlri) in block.iter() {
                if block.family == Family::RtFilter {
                    self.asked.remove(&membership(nlri));
                    continue;
                }
                self.view.remove(&(block.family.row().split)(nlri).expect("a route").0);
                self.withdrawn += 1;
            }
        }
        for block in &update.reach {
            for (_, nlri) in block.iter() {
                if block.family == Family::RtFilter {
                    self.asked.insert(membership(nlri), update.attributes.clone().expect("attributes"));
                    continue;
                }
                let (key, rest) = (block.family.row().split)(nlri).expect("a route");
                let attributes = update.attributes.clone().expect("attributes");
                self.view.insert(key, (rest.to_vec(), attributes));
                self.announced += 1;
            }
        }
        self.ends_of_asking += usize::from(update.end_of_rib == Some(Family::RtFilter));
        self.ends_of_rib += usize::from(update.end_of_rib.is_some_and(|family| family != Family::RtFilter));
    }
}
