//! What is configured for the whole speaker, and what a change of it does: paths are judged
//! and selected anew, and what was sent is sent anew, only as far as the difference asks.

use super::{Rib, decision::BestpathSettings, destination::PeerSlot, export::Speaker};
use std::{net::Ipv4Addr, sync::Arc};

/// What the RIB must know of the configuration. An AS number does not change while the RIB
/// lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RibSettings {
    /// Our AS.
    pub asn: u32,
    /// Our BGP identifier.
    pub router_id: Ipv4Addr,
    /// CLUSTER_ID; the BGP identifier unless configured (RFC 4456 §7).
    pub cluster_id: Ipv4Addr,
    /// `bgp bestpath …`.
    pub bestpath: BestpathSettings,
    /// `bgp default local-preference`.
    pub default_local_pref: u32,
    /// `bgp client-to-client reflection`.
    pub client_to_client: bool,
    /// There is something that imports routes: changes are noted for `take_changes`, and route
    /// targets are indexed. A pure reflector leaves it off and pays nothing. When it is
    /// switched on, changes are noted from then on; what is there already is found with
    /// `best_routes_matching`.
    pub import: bool,
}

impl RibSettings {
    /// Defaults for this AS and identifier.
    pub fn new(asn: u32, router_id: Ipv4Addr) -> Self {
        Self {
            asn,
            router_id,
            cluster_id: router_id,
            bestpath: BestpathSettings::default(),
            default_local_pref: 100,
            client_to_client: true,
            import: false,
        }
    }

    pub(super) fn speaker(&self) -> Speaker {
        Speaker {
            router_id: self.router_id,
            cluster_id: self.cluster_id,
            default_local_pref: self.default_local_pref,
            client_to_client: self.client_to_client,
        }
    }
}

impl Rib {
    /// Applies other settings; only what differs is worked on. Gives the neighbours that must
    /// be asked to send again, because routes that were refused and not kept might be good now.
    pub fn set_settings(&mut self, settings: RibSettings) -> Vec<crate::peer::PeerId> {
        let old = std::mem::replace(&mut self.shared.settings, settings);
        let new = self.shared.settings.clone();
        let mut ask = Vec::new();
        if let Some(own) = self.shared.peers.get_mut(PeerSlot::LOCAL) {
            Arc::make_mut(&mut own.settings).router_id = new.router_id;
        }
        for table in &mut self.tables {
            table.set_import(&mut self.shared, new.import);
        }
        if (old.router_id, old.cluster_id) != (new.router_id, new.cluster_id) {
            ask = self.reconsider_all();
        }
        if old.bestpath != new.bestpath || old.router_id != new.router_id {
            for table in &mut self.tables {
                table.reselect_all(&mut self.shared);
            }
        }
        if old.speaker() != new.speaker() {
            for table in &mut self.tables {
                table.send_all_again();
            }
        }
        ask
    }
}
