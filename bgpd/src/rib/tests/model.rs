//! The naive model: every path of every neighbour in plain maps, best paths and what each
//! neighbour should hold computed from scratch. It shares no rule with the tables but the
//! types.

use super::lab::{ASN, Held};
use crate::peer::{PeerId, PeerKind};
use crate::rib::RibPeer;
use crate::wire::AttributeSet;
use crate::wire::attribute::{AsSegment, AsSegmentKind};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    sync::Arc,
    time::Instant,
};
use weft_evpn::nlri::NlriKey;

#[derive(Debug, Clone)]
pub(super) struct ModelPath {
    pub(super) rest: Vec<u8>,
    pub(super) attributes: Arc<AttributeSet>,
    pub(super) stale: bool,
    pub(super) refreshing: bool,
}

#[derive(Debug, Clone)]
pub(super) struct ModelPeer {
    pub(super) settings: RibPeer,
    pub(super) up: bool,
    pub(super) routes: BTreeMap<NlriKey, ModelPath>,
    pub(super) stale_until: Option<Instant>,
    pub(super) refresh_until: Option<Instant>,
    pub(super) end_of_rib: bool,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) local: BTreeMap<NlriKey, ModelPath>,
    pub(super) peers: BTreeMap<PeerId, ModelPeer>,
}

pub(super) const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

impl ModelPeer {
    fn client(&self) -> bool {
        self.settings.families[0].settings.route_reflector_client
    }

    /// What the table should store, or nothing.
    pub(super) fn accepts(&self, set: &AttributeSet) -> Option<Arc<AttributeSet>> {
        let mut set = set.clone();
        if self.settings.kind == PeerKind::External {
            (set.local_pref, set.originator_id) = (None, None);
            set.cluster_list.clear();
        }
        let looped = set.as_path.0.iter().any(|segment| segment.asns.contains(&ASN))
            || set.originator_id == Some(ROUTER_ID)
            || set.cluster_list.contains(&ROUTER_ID);
        (!looped).then(|| Arc::new(set))
    }
}

impl Model {
    pub(super) fn keys(&self) -> BTreeSet<NlriKey> {
        let received = self.peers.values().flat_map(|peer| peer.routes.keys());
        received.chain(self.local.keys()).cloned().collect()
    }

    /// Whose path is best: `None` outside for no path, inside for our own.
    pub(super) fn best(&self, key: &NlriKey) -> Option<(Option<PeerId>, &ModelPath)> {
        let own = self.local.get(key).map(|path| (None, path));
        let received = self.peers.iter().filter_map(|(&id, peer)| Some((Some(id), peer.routes.get(key)?)));
        let type_two = key.first() == Some(&2);
        received.chain(own).max_by_key(|(source, path)| {
            let set = &path.attributes;
            let peer = source.map(|id| &self.peers[&id].settings);
            let mobility = set.ext_communities.iter().find_map(|c| c.as_mac_mobility()).unwrap_or_default();
            let evpn = type_two.then_some((
                set.ext_communities.iter().any(|c| c.is_default_gateway()),
                mobility.sticky,
                mobility.sequence,
            ));
            (
                evpn,
                source.is_none(),
                set.local_pref.unwrap_or(100),
                Reverse((set.as_path.0.iter().map(|s| s.asns.len()).sum::<usize>(), set.origin)),
                Reverse(set.med.unwrap_or(0)),
                peer.is_some_and(|peer| peer.kind == PeerKind::External),
                Reverse(set.originator_id.unwrap_or(peer.map_or(ROUTER_ID, |peer| peer.router_id))),
                Reverse(set.cluster_list.len()),
                Reverse(peer.map(|peer| peer.address)),
            )
        })
    }

    /// What a neighbour should hold.
    pub(super) fn view(&self, to: PeerId) -> BTreeMap<NlriKey, Held> {
        let peer = &self.peers[&to];
        let mut view = BTreeMap::new();
        for key in self.keys() {
            let Some((source, path)) = self.best(&key) else { continue };
            if source == Some(to) || path.attributes.communities.contains(&0xffff_ff02) {
                continue;
            }
            let from = source.map(|id| &self.peers[&id]);
            let internal = from.is_some_and(|from| from.settings.kind == PeerKind::Internal);
            let mut set = AttributeSet::clone(&path.attributes);
            if peer.settings.kind == PeerKind::Internal {
                if internal {
                    let from = from.expect("internal");
                    if !from.client() && !peer.client() {
                        continue;
                    }
                    set.originator_id = set.originator_id.or(Some(from.settings.router_id));
                    set.cluster_list.insert(0, ROUTER_ID);
                } else {
                    set.local_pref = set.local_pref.or(Some(100));
                }
            } else {
                if set.communities.contains(&0xffff_ff01) {
                    continue;
                }
                match set.as_path.0.first_mut() {
                    Some(first) => first.asns.insert(0, ASN),
                    None => set.as_path.0.push(AsSegment { kind: AsSegmentKind::Sequence, asns: vec![ASN] }),
                }
                (set.local_pref, set.originator_id) = (None, None);
                set.cluster_list.clear();
                set.ext_communities.retain(|community| community.0[0] & 0x40 == 0);
                if source.is_some() {
                    set.med = None;
                }
            }
            view.insert(key.clone(), (path.rest.clone(), Arc::new(set)));
        }
        view
    }
}
