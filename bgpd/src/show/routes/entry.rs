//! A route as it is shown: its text, and of each path whatever stands elsewhere (who sent it,
//! where it was imported from, to whom it was passed on). EVPN routes and prefixes alike.

use crate::{
    peer::{PeerId, PeerKind},
    rib::{PathSource, PathView, Reason, Rib, RouteView},
    show::tables::Tables,
    wire::{
        AttributeSet, Family,
        attribute::{AsPath, AsSegmentKind, Origin},
    },
};
use ipnet::IpNet;
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};
use weft_evpn::{Esi, RouteDistinguisher, nlri::EvpnRoute};

/// What a table holds.
#[derive(Debug, Clone)]
pub(super) enum Route {
    /// Of EVPN.
    Evpn(EvpnRoute),
    /// Of a unicast family.
    Prefix(IpNet),
}

/// `[2]:[0]:[48]:[02:00:00:00:00:01]`, `192.168.20.0/24`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Evpn(route) => route.fmt(f),
            Self::Prefix(prefix) => prefix.fmt(f),
        }
    }
}

/// Who sent a path.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    /// This speaker originates it, as a route or as an aggregate of routes.
    Local { router_id: Ipv4Addr, hostname: String, aggregate: bool },
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
    fn local(tables: &Tables<'_>, aggregate: bool) -> Self {
        let (router_id, hostname) = (tables.rib.settings().router_id, tables.hostname.to_owned());
        Self::Local { router_id, hostname, aggregate }
    }

    fn peer(tables: &Tables<'_>, rib: &Rib, family: Family, id: PeerId) -> Self {
        let peer = rib.peer(id);
        let internal = peer.is_some_and(|peer| peer.kind == PeerKind::Internal);
        Self::Peer {
            address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.address),
            router_id: peer.map_or(Ipv4Addr::UNSPECIFIED, |peer| peer.router_id),
            internal,
            client: internal
                && peer
                    .and_then(|peer| peer.family(family))
                    .is_some_and(|row| row.settings.route_reflector_client),
            hostname: tables.hostname_of(id).map(str::to_owned),
        }
    }

    /// Who sent the EVPN route that a path was imported from.
    fn of_evpn(tables: &Tables<'_>, route: &EvpnRoute) -> Self {
        let view = tables.evpn_rib.route(Family::L2vpnEvpn, &route.to_wire()).ok().flatten();
        let best = view.and_then(|view| view.paths.into_iter().find(|path| path.best));
        match best.map(|path| path.source) {
            Some(PathSource::Peer(id)) => Self::peer(tables, tables.evpn_rib, Family::L2vpnEvpn, id),
            _ => Self::local(tables, false),
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
    pub route: Route,
    /// In a MAC-VRF or IP-VRF: the EVPN route that it was imported from.
    pub imported_from: Option<EvpnRoute>,
    /// The attributes that it came with; in an IP-VRF's table they were EVPN's.
    pub attributes: Arc<AttributeSet>,
    /// Used together with others.
    pub multipath: bool,
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
        let route = |path: &PathView| match view.prefix() {
            Some(prefix) => Some(Route::Prefix(prefix)),
            None => Some(Route::Evpn(EvpnRoute::parse(&view.nlri(path)).ok()?.0)),
        };
        let paths: Vec<EntryPath> = view
            .paths
            .iter()
            .filter(|path| wanted(path))
            .filter_map(|path| Some(EntryPath::new(tables, view.family, route(path)?, path)))
            .collect();
        let rd = match &paths.first()?.route {
            Route::Evpn(route) => route.rd(),
            Route::Prefix(_) => None,
        };
        Some(Self { rd, reason: view.reason, told: Vec::new(), paths }.with_multipath(tables, &view))
    }

    /// Marks the paths that are used together. Only in unicast: in EVPN a route has one path.
    fn with_multipath(mut self, tables: &Tables<'_>, view: &RouteView) -> Self {
        let (Some(vrf), Some(prefix)) = (tables.vrf, view.prefix()) else { return self };
        if view.paths.len() < 2 {
            return self;
        }
        let used = vrf.paths(&prefix);
        if used.len() > 1 {
            for path in &mut self.paths {
                path.multipath = used.iter().any(|best| best.source == path.view.source);
            }
        }
        self
    }

    /// `[2]:[0]:[48]:[02:00:00:00:00:01]`.
    pub fn prefix(&self) -> String {
        self.paths.first().map(|path| path.route.to_string()).unwrap_or_default()
    }

    /// True if it is one of a unicast family.
    pub fn is_unicast(&self) -> bool {
        self.paths.first().is_some_and(|path| matches!(path.route, Route::Prefix(_)))
    }

    /// The same as a neighbour has it: where it was imported from is none of its business.
    pub fn sent(mut self) -> Self {
        for path in &mut self.paths {
            path.imported_from = None;
            path.attributes = Arc::clone(&path.view.attributes);
            path.multipath = false;
        }
        self
    }

    /// The same with the neighbours that have been told of it.
    pub fn with_told(mut self, tables: &Tables<'_>, peers: &[PeerId]) -> Self {
        let rib = tables.rib_of(if self.is_unicast() { Family::Ipv4Unicast } else { Family::L2vpnEvpn });
        let address = |id: &PeerId| rib.peer(*id).map(|peer| (*id, peer.address));
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

/// The VNIs in an EVPN route's labels, in all 24 bits; of type 3, that of its PMSI attribute.
fn vnis_of(route: &EvpnRoute, attributes: Option<&AttributeSet>) -> Vec<u32> {
    let number = |[a, b, c]: [u8; 3]| u32::from_be_bytes([0, a, b, c]);
    let labels = match route {
        EvpnRoute::EthernetAd(route) => vec![number(route.label)],
        EvpnRoute::MacIp(route) => std::iter::once(route.label1).chain(route.label2).map(number).collect(),
        EvpnRoute::IpPrefix(route) => vec![number(route.label)],
        EvpnRoute::InclusiveMulticast(_) => {
            let pmsi = attributes.and_then(|attributes| attributes.pmsi.as_ref());
            pmsi.and_then(|pmsi| pmsi.vni()).map(|vni| vni.get()).into_iter().collect()
        }
        EvpnRoute::EthernetSegment(_) | EvpnRoute::Unknown(_) => Vec::new(),
    };
    labels.into_iter().filter(|label| *label != 0).collect()
}

impl EntryPath {
    fn new(tables: &Tables<'_>, family: Family, route: Route, view: &PathView) -> Self {
        let import = match (view.source, &route) {
            (PathSource::Import(id), Route::Prefix(prefix)) => tables.import(prefix, id),
            _ => None,
        };
        let sender = match (view.source, import) {
            (PathSource::Peer(id), _) => Sender::peer(tables, tables.rib_of(family), family, id),
            (PathSource::Local, _) => Sender::local(tables, false),
            (PathSource::Import(_), Some(import)) => Sender::of_evpn(tables, &import.path.route),
            (PathSource::Import(_), None) => Sender::local(tables, true),
        };
        Self {
            view: view.clone(),
            sender,
            route,
            imported_from: import.map(|import| import.path.route.clone()),
            attributes: Arc::clone(import.map_or(&view.attributes, |import| &import.attributes)),
            multipath: false,
        }
    }

    /// The VNIs of the path, as `10`, or `10/5000` of two.
    pub fn vnis(&self) -> String {
        let vnis = match (&self.route, &self.imported_from) {
            (Route::Evpn(route), _) => vnis_of(route, Some(&self.view.attributes)),
            (Route::Prefix(_), Some(route)) => vnis_of(route, None),
            (Route::Prefix(_), None) => Vec::new(),
        };
        vnis.iter().map(u32::to_string).collect::<Vec<_>>().join("/")
    }

    /// The Ethernet segment, if it is one of several links.
    pub fn esi(&self) -> Option<Esi> {
        let esi = match &self.route {
            Route::Evpn(EvpnRoute::MacIp(route)) => route.esi,
            Route::Evpn(EvpnRoute::IpPrefix(route)) => route.esi,
            _ => return None,
        };
        (!esi.is_zero()).then_some(esi)
    }

    /// The gateway of a type-5 route with an overlay index.
    pub fn gateway(&self) -> Option<IpAddr> {
        let route = match (&self.route, &self.imported_from) {
            (Route::Evpn(route), _) | (Route::Prefix(_), Some(route)) => route,
            (Route::Prefix(_), None) => return None,
        };
        match route {
            EvpnRoute::IpPrefix(route) => Some(route.gateway).filter(|gateway| !gateway.is_unspecified()),
            _ => None,
        }
    }

    /// The next hop as text; of our own prefixes FRR shows the unspecified address.
    pub fn next_hop(&self) -> Option<IpAddr> {
        let own = || match &self.route {
            Route::Prefix(prefix) if matches!(self.sender, Sender::Local { .. }) => Some(unspecified(prefix)),
            _ => None,
        };
        self.view.attributes.next_hop.or_else(own)
    }

    /// It came from EVPN into a unicast table: neighbours are told our own address as its next hop.
    pub fn is_leaked(&self) -> bool {
        matches!(self.route, Route::Prefix(_)) && self.imported_from.is_some()
    }
}

/// `0.0.0.0` or `::`.
pub(in crate::show) fn unspecified(prefix: &IpNet) -> IpAddr {
    match prefix {
        IpNet::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpNet::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// An AS path as FRR prints it: `65000 65001 {1,2} (3 4) [5,6]`.
pub(in crate::show) fn as_path(path: &AsPath) -> String {
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
