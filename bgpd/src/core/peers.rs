//! The neighbours as the core keeps them: settings and the live session. States, times and
//! message counts are kept by the sessions (`session::PeerStatus`).

use crate::peer::{Negotiated, PeerId, PeerOrigin, PeerSettings, SessionId};
use crate::session::SessionSender;
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
}

/// `maximum-prefix` was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldDown {
    /// When sessions are wanted again; `None`: when an operator clears the neighbour.
    pub until: Option<Instant>,
}

/// One neighbour.
#[derive(Debug)]
pub struct Peer {
    /// Its id.
    pub id: PeerId,
    /// What is configured of it.
    pub settings: PeerSettings,
    /// The session, if it is up.
    pub live: Option<Live>,
    /// Why no session is wanted although none was configured away.
    pub held_down: Option<HeldDown>,
}

/// All neighbours, by id and by address.
#[derive(Debug, Default)]
pub struct Peers {
    by_id: BTreeMap<PeerId, Peer>,
    by_address: HashMap<IpAddr, PeerId>,
    next: u32,
}

impl Peers {
    /// An id that no configured neighbour ever had. The upper half of the number space is the
    /// sessions', for dynamic neighbours.
    pub fn new_id(&mut self) -> PeerId {
        let id = PeerId(self.next);
        self.next = self.next.wrapping_add(1) & 0x7fff_ffff;
        id
    }

    /// Adds a neighbour.
    pub fn insert(&mut self, id: PeerId, settings: PeerSettings) {
        self.by_address.insert(settings.address, id);
        self.by_id.insert(id, Peer { id, settings, live: None, held_down: None });
    }

    /// Forgets a neighbour.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.by_id.remove(&id)?;
        if self.by_address.get(&peer.settings.address) == Some(&id) {
            self.by_address.remove(&peer.settings.address);
        }
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

    /// True if this is the neighbour's live session.
    pub fn is_live(&self, id: PeerId, session: SessionId) -> bool {
        self.get(id).and_then(|peer| peer.live.as_ref()).is_some_and(|live| live.session == session)
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
