//! The neighbours as the core keeps them: settings and the live session. States, times and
//! message counts are kept by the sessions (`session::PeerStatus`).

use crate::log::LogLimit;
use crate::peer::{Negotiated, PeerId, PeerKey, PeerOrigin, PeerSettings, SessionId};
use crate::session::SessionSender;
use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};
use weft_evpn::VrfName;

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
    /// Of lines about its routes.
    pub(super) log: LogLimit,
}

impl Peer {
    /// The IP-VRF that it is in.
    pub fn vrf(&self) -> Option<&VrfName> {
        self.settings.vrf.as_ref().map(|binding| &binding.name)
    }
}

/// All neighbours, by id and by IP-VRF and address.
#[derive(Debug, Default)]
pub struct Peers {
    by_id: BTreeMap<PeerId, Peer>,
    by_key: HashMap<PeerKey, PeerId>,
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
        self.by_key.insert(settings.key(), id);
        self.by_id.insert(id, Peer { id, settings, live: None, held_down: None, log: LogLimit::default() });
    }

    /// Forgets a neighbour.
    pub fn remove(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.by_id.remove(&id)?;
        let key = peer.settings.key();
        if self.by_key.get(&key) == Some(&id) {
            self.by_key.remove(&key);
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

    /// By IP-VRF and address.
    pub fn by_key(&self, key: &PeerKey) -> Option<&Peer> {
        self.by_id.get(self.by_key.get(key)?)
    }

    /// All, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Peer> {
        self.by_id.values()
    }

    /// Those in this IP-VRF (`None`: in none), in the order of their addresses: how the shows
    /// list them.
    pub fn in_vrf(&self, vrf: Option<&VrfName>) -> Vec<&Peer> {
        let mut peers: Vec<&Peer> = self.by_id.values().filter(|peer| peer.vrf() == vrf).collect();
        peers.sort_by_key(|peer| peer.settings.address);
        peers
    }

    /// The ids of the configured neighbours.
    pub fn configured(&self) -> BTreeMap<PeerKey, PeerId> {
        let configured = self.iter().filter(|peer| peer.settings.origin == PeerOrigin::Configured);
        configured.map(|peer| (peer.settings.key(), peer.id)).collect()
    }
}
