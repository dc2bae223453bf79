//! A route as it is shown: its text, and of each path whatever stands elsewhere (who sent it,
//! to whom it was passed on).

use crate::{
    peer::{PeerId, PeerKind},
    rib::{PathSource, PathView, Reason, RouteView},
    show::tables::Tables,
    wire::attribute::{AsPath, AsSegmentKind, Origin},
};
use std::net::{IpAddr, Ipv4Addr};
use weft_evpn::{Esi, RouteDistinguisher, nlri::EvpnRoute};

/// Who sent a path.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    /// This speaker originates it.
    Local { router_id: Ipv4Addr, hostname: String },
    /// A neighbour.
    Peer {
        address: IpAddr,
        /// Its BGP identifier.
        router_id: Ipv4Addr,
        internal: bool,
        client: bool,
        hostname: Option<String>,
    },
}

impl Sender {
    fn of(tables: &Tables<'_>, path: &PathView) -> Self {
        let id = match path.source {
            PathSource::Local | PathSource::Import(_) => {
                let router_id = tables.rib.settings().router_id;
                return Self::Local { router_id, hostname: tables.hostname.to_owned() };
            }
            PathSource::Peer(id) => id,
        };
        let peer = tables.rib.peer(id);
        Self::Peer {
            address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address),
            router_id: peer.map_or(Ipv4Addr::UNSPECIFIED, |peer| peer.router_id),
            internal: peer.is_some_and(|peer| peer.kind == PeerKind::Internal),
            client: peer.is_some_and(|peer| {
                peer.kind == PeerKind::Internal
                    && peer.family(super::FAMILY).is_some_and(|row| row.settings.route_reflector_client)
            }),
            hostname: tables.hostname_of(id).map(str::to_owned),
        }
    }

    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Peer { internal: true, .. })
    }

    pub fn hostname(&self) -> Option<&str> {
        match self {
            Self::Local { hostname, .. } => Some(hostname),
            Self::Peer { hostname, .. } => hostname.as_deref(),
        }
    }
}

/// A path of an entry.
#[derive(Debug, Clone)]
pub(super) struct EntryPath {
    pub view: PathView,
    pub sender: Sender,
    /// The route of this path, with its labels.
    pub route: EvpnRoute,
    /// In a MAC-VRF: the RD it was imported from.
    pub imported_from: Option<RouteDistinguisher>,
}

/// A neighbour that has been told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub address: IpAddr,
    pub hostname: Option<String>,
}

/// A route with the paths that are meant, the best first.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// `None` in a MAC-VRF, and for types that are not known.
    pub rd: Option<RouteDistinguisher>,
    pub paths: Vec<EntryPath>,
    pub reason: Option<Reason>,
    pub told: Vec<Told>,
}

impl Entry {
    /// The route with these of its paths; `None` if none is left, or if what the table holds is
    /// no route, which cannot be.
    pub fn new(tables: &Tables<'_>, view: RouteView, wanted: impl Fn(&PathView) -> bool) -> Option<Self> {
        let route = |path: &PathView| Some(EvpnRoute::parse(&view.nlri(path)).ok()?.0);
        let paths: Vec<EntryPath> = view
            .paths
            .iter()
            .filter(|path| wanted(path))
            .filter_map(|path| {
                Some(EntryPath {
                    route: route(path)?,
                    sender: Sender::of(tables, path),
                    view: path.clone(),
                    imported_from: None,
                })
            })
            .collect();
        let first = &paths.first()?.route;
        Some(Self { rd: first.rd(), reason: view.reason, told: Vec::new(), paths })
    }

    /// `[2]:[0]:[48]:[02:00:00:00:00:01]`.
    pub fn prefix(&self) -> String {
        self.paths.first().map(|path| path.route.to_string()).unwrap_or_default()
    }

    /// The same with the neighbours that have been told of it.
    pub fn with_told(mut self, tables: &Tables<'_>, peers: &[PeerId]) -> Self {
        let address = |id: &PeerId| tables.rib.peer(*id).map(|peer| (*id, peer.address));
        let mut told: Vec<(PeerId, IpAddr)> = peers.iter().filter_map(address).collect();
        told.sort_by_key(|(_, address)| *address);
        let of = |(id, address): (PeerId, IpAddr)| {
            let hostname = tables.hostname_of(id).map(str::to_owned);
            Told { address, hostname }
        };
        self.told = told.into_iter().map(of).collect();
        self
    }
}

impl EntryPath {
    /// The VNIs in the route's labels, in all 24 bits; of type 3, that of its PMSI attribute.
    pub fn vnis(&self) -> Vec<u32> {
        let number = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
        let labels = match &self.route {
            EvpnRoute::EthernetAd(route) => vec![number(route.label)],
            EvpnRoute::MacIp(route) => {
                std::iter::once(route.label1).chain(route.label2).map(number).collect()
            }
            EvpnRoute::IpPrefix(route) => vec![number(route.label)],
            EvpnRoute::InclusiveMulticast(_) => {
                let pmsi = self.view.attributes.pmsi.as_ref();
                pmsi.and_then(|pmsi| pmsi.vni()).map(|vni| vni.get()).into_iter().collect()
            }
            EvpnRoute::EthernetSegment(_) | EvpnRoute::Unknown(_) => Vec::new(),
        };
        labels.into_iter().filter(|label| *label != 0).collect()
    }

    /// The Ethernet segment, if it is one of several links.
    pub fn esi(&self) -> Option<Esi> {
        let esi = match &self.route {
            EvpnRoute::MacIp(route) => route.esi,
            EvpnRoute::IpPrefix(route) => route.esi,
            _ => return None,
        };
        (!esi.is_zero()).then_some(esi)
    }

    /// The gateway of a type-5 route with an overlay index.
    pub fn gateway(&self) -> Option<IpAddr> {
        match &self.route {
            EvpnRoute::IpPrefix(route) => Some(route.gateway).filter(|gateway| !gateway.is_unspecified()),
            _ => None,
        }
    }
}

/// An AS path as FRR prints it: `65000 65001 {1,2} (3 4) [5,6]`.
pub(super) fn as_path(path: &AsPath) -> String {
    let segment = |kind: AsSegmentKind, asns: &[u32]| {
        let join = |with: &str| asns.iter().map(u32::to_string).collect::<Vec<_>>().join(with);
        match kind {
            AsSegmentKind::Sequence => join(" "),
            AsSegmentKind::Set => format!("{{{}}}", join(",")),
            AsSegmentKind::ConfedSequence => format!("({})", join(" ")),
            AsSegmentKind::ConfedSet => format!("[{}]", join(",")),
        }
    };
    path.0.iter().map(|part| segment(part.kind, &part.asns)).collect::<Vec<_>>().join(" ")
}

/// `IGP`, `EGP`, `incomplete`.
pub(super) fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "IGP",
        Origin::Egp => "EGP",
        Origin::Incomplete => "incomplete",
    }
}

/// `i`, `e`, `?`.
pub(super) fn origin_code(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "i",
        Origin::Egp => "e",
        Origin::Incomplete => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attribute::AsSegment;

    #[test]
    fn as_paths_have_frrs_brackets() {
        use AsSegmentKind::{ConfedSequence, ConfedSet, Sequence, Set};
        let segment = |kind, asns: &[u32]| AsSegment { kind, asns: asns.to_vec() };
        let path = AsPath(vec![
            segment(ConfedSequence, &[3, 4]),
            segment(Sequence, &[65000, 70000]),
            segment(Set, &[1, 2]),
            segment(ConfedSet, &[5, 6]),
        ]);
        assert_eq!(as_path(&path), "(3 4) 65000 70000 {1,2} [5,6]");
        assert_eq!(as_path(&AsPath::default()), "");
    }
}
