//! The neighbours as the core keeps them: settings, the live session, and what the shows say.

use crate::peer::{
    DownReason, FsmState, Negotiated, PeerId, PeerOrigin, PeerSettings, SessionId, SessionSender,
};
use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::Instant,
};

/// A session that is up.
#[derive(Debug)]
pub struct Live {
    /// Its id; events of other sessions are late and ignored.
    pub session: SessionId,
    /// What was agreed on.
    pub negotiated: Negotiated,
    /// Where messages go.
    pub out: SessionSender,
    /// The RIB was told that the queue is full, and waits for `Drained`.
    pub blocked: bool,
}

/// One neighbour.
#[derive(Debug)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// What is configured of it.
    pub settings: PeerSettings,
    /// Where its state machine stands.
    pub state: FsmState,
    /// Since when it is established, or since when it is not.
    pub since: Instant,
    /// The session, if it is up.
    pub live: Option<Live>,
    /// How often it was established.
    pub established: u64,
    /// How often it went down.
    pub dropped: u64,
    /// Why it went down last, and when.
    pub last_reset: Option<(Instant, DownReason)>,
}

/// All neighbours, by id and by address.
#[derive(Debug, Default)]
pub struct Peers {
    by_id: BTreeMap<PeerId, Peer>,
    by_address: HashMap<IpAddr, PeerId>,
}

impl Peers {
    /// Adds a neighbour.
    pub fn insert(&mut self, id: PeerId, settings: PeerSettings, now: Instant) {
        self.by_address.insert(settings.address, id);
        let peer = Peer {
            id,
            settings,
            state: FsmState::Idle,
            since: now,
            live: None,
            established: 0,
            dropped: 0,
            last_reset: None,
        };
        self.by_id.insert(id, peer);
    }

    /// Forgets a neighbour.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.by_id.remove(&id)?;
        self.by_address.remove(&peer.settings.address);
        Some(peer)
    }

    /// By id.
    pub fn get(&self, id: PeerId) -> Option<&Peer> {
        self.by_id.get(&id)
    }

    /// By id.
    pub fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.by_id.get_mut(&id)
    }

    /// By id, if this is its live session.
    pub fn live_mut(&mut self, id: PeerId, session: SessionId) -> Option<&mut Live> {
        self.by_id.get_mut(&id)?.live.as_mut().filter(|live| live.session == session)
    }

    /// By address.
    pub fn by_address(&self, address: IpAddr) -> Option<&Peer> {
        self.by_id.get(self.by_address.get(&address)?)
    }

    /// All, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_id.values()
    }

    /// All, in the order of their addresses: how the shows list them.
    pub fn by_addresses(&self) -> Vec<&Peer> {
        let mut peers: Vec<&Peer> = self.by_id.values().collect();
        peers.sort_by_key(|peer| peer.settings.address);
        peers
    }

    /// The ids of the configured neighbours, by address.
    pub fn configured(&self) -> BTreeMap<IpAddr, PeerId> {
        let configured = self.iter().filter(|peer| peer.settings.origin == PeerOrigin::Configured);
        configured.map(|peer| (peer.settings.address, peer.id)).collect()
    }
}
