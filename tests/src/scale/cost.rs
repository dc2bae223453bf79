//! What routes cost, in octets of memory and on the wire. Memory is measured by the tests named here,
//! the wire by Weft's own encoder.

use crate::error::{LabError, Result};
use bytes::BytesMut;
use std::net::{IpAddr, Ipv4Addr};
use weft_bgpd::wire::attribute::{DPath, IsfSafi, PathDomain};
use weft_bgpd::wire::{AttributeSet, EncodeContext, EncodedAttributes, Family, UpdateEncoder};
use weft_evpn::nlri::{EvpnRoute, InclusiveMulticast, IpPrefix, MacIp};
use weft_evpn::pmsi::PmsiTunnel;
use weft_evpn::{
    DomainId, Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
};

/// A destination with its path in a RIB, its share of the index and of the sets of routes received and
/// sent: 52 to 58 measured (`rib::tests::smoke`, ARCHITECTURE.md "What a route costs").
pub const RIB_ROUTE: u64 = 58;
/// Each further path of a destination (the same).
pub const RIB_FURTHER_PATH: u64 = 24;
/// An attribute set, shared by the routes that have it (the same).
pub const ATTRIBUTE_SET: u64 = 450;
/// A remote MAC with an address in the EVPN engine: 107 to 147 measured
/// (`engine::tests::bounds::half_a_million_routes_cost_little`).
pub const ENGINE_HOST: u64 = 147;
/// A path of an IP-VRF to a host in the EVPN engine: 47 measured (`engine::tests::ip_vrf`).
pub const ENGINE_HOST_PATH: u64 = 47;

/// Kinds of routes that differ in what they are long for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Type 2 without an address: the MAC-VRF's RT.
    Mac,
    /// Type 2 with an IPv4 address: both RTs, router MAC.
    MacIp,
    /// Type 3.
    Imet,
    /// Type 5 of a leaf's subnet.
    Prefix,
    /// Type 5 of a gateway, an aggregate or an away host, into the core: one domain left.
    Outward,
    /// The same, made anew by the gateway of another site: two domains left.
    Inward,
}

/// All of them.
pub const KINDS: [Kind; 6] = [Kind::Mac, Kind::MacIp, Kind::Imet, Kind::Prefix, Kind::Outward, Kind::Inward];

/// Who sends an UPDATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sender {
    /// Who made the route.
    Originator,
    /// A reflector: ORIGINATOR_ID and CLUSTER_LIST are there.
    Reflector,
}

/// Octets of UPDATEs, from the encoder.
#[derive(Debug, Clone)]
pub struct Wire {
    /// For each kind: the NLRI; the rest of a message from its originator, from a reflector.
    kinds: Vec<(Kind, [u64; 3])>,
    /// A message of withdrawals but its NLRI.
    withdrawal: u64,
}

impl Wire {
    /// Encodes one route of each kind each way.
    pub fn measure() -> Result<Self> {
        let mut kinds = Vec::new();
        for kind in KINDS {
            let (route, set) = example(kind)?;
            let nlri = route.to_wire().len() as u64;
            let reflected = AttributeSet {
                originator_id: Some(Ipv4Addr::new(10, 0, 0, 1)),
                cluster_list: vec![Ipv4Addr::new(10, 0, 0, 2)],
                ..set.clone()
            };
            kinds.push((kind, [nlri, message(&route, &set)? - nlri, message(&route, &reflected)? - nlri]));
        }
        let (route, _) = example(Kind::Mac)?;
        let mut encoder = UpdateEncoder::new(EncodeContext::default());
        let mut out = BytesMut::new();
        let mut packer = encoder.withdraw(Family::L2vpnEvpn, &mut out);
        let wire = route.to_wire();
        packer.push_wire(0, &wire).map_err(unexpected)?;
        packer.finish();
        Ok(Self { kinds, withdrawal: (out.len() - wire.len()) as u64 })
    }

    fn of(&self, kind: Kind) -> [u64; 3] {
        self.kinds.iter().find(|(of, _)| *of == kind).map_or([0; 3], |(_, octets)| *octets)
    }

    /// A route of this kind in a message.
    pub fn nlri(&self, kind: Kind) -> u64 {
        let [nlri, ..] = self.of(kind);
        nlri
    }

    /// What a message has beside its routes.
    pub fn frame(&self, kind: Kind, sender: Sender) -> u64 {
        let [_, own, reflected] = self.of(kind);
        match sender {
            Sender::Originator => own,
            Sender::Reflector => reflected,
        }
    }

    /// The same, of withdrawals.
    pub fn withdrawal(&self) -> u64 {
        self.withdrawal
    }
}

fn unexpected(error: impl std::fmt::Display) -> LabError {
    LabError::Unexpected(format!("an UPDATE to be measured: {error}"))
}

fn message(route: &EvpnRoute, set: &AttributeSet) -> Result<u64> {
    let mut encoder = UpdateEncoder::new(EncodeContext::default());
    let encoded = EncodedAttributes::new(set, encoder.context());
    let mut out = BytesMut::new();
    let mut packer = encoder.announce(Family::L2vpnEvpn, &encoded, &mut out).map_err(unexpected)?;
    packer.push_wire(0, &route.to_wire()).map_err(unexpected)?;
    packer.finish();
    Ok(out.len() as u64)
}

/// A route of a kind, as a leaf or gateway originates it.
fn example(kind: Kind) -> Result<(EvpnRoute, AttributeSet)> {
    let vni = |number: u32| Vni::new(number).ok_or_else(|| unexpected("a VNI past 24 bits"));
    let (l2, l3) = (vni(10)?, vni(5000)?);
    let vtep = Ipv4Addr::new(10, 0, 0, 1);
    let rd = RouteDistinguisher::ipv4(vtep, 10);
    let (esi, ethernet_tag) = (Esi::default(), EthernetTag::ZERO);
    let rt = |number: u32| RouteTarget::two_octet_as(65_000, number).community();
    let encapsulation = ExtendedCommunity::ENCAPSULATION_VXLAN;
    let router_mac = ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, 1]));
    let mac_ip = |ip: Option<IpAddr>, label2| {
        EvpnRoute::MacIp(MacIp {
            rd,
            esi,
            ethernet_tag,
            mac: MacAddr([2, 0, 0, 0, 0, 2]),
            ip,
            label1: l2.to_label(),
            label2,
        })
    };
    let prefix = |text: &str| {
        Ok::<_, LabError>(EvpnRoute::IpPrefix(IpPrefix {
            rd,
            esi,
            ethernet_tag,
            prefix: text.parse().map_err(unexpected)?,
            gateway: Ipv4Addr::UNSPECIFIED.into(),
            label: l3.to_label(),
        }))
    };
    let routed = vec![rt(5000), encapsulation, router_mac];
    let (route, ext_communities) = match kind {
        Kind::Mac => (mac_ip(None, None), vec![rt(10), encapsulation]),
        Kind::MacIp => (
            mac_ip(Some(Ipv4Addr::new(192, 168, 10, 1).into()), Some(l3.to_label())),
            vec![rt(10), rt(5000), encapsulation, router_mac],
        ),
        Kind::Imet => (
            EvpnRoute::InclusiveMulticast(InclusiveMulticast { rd, ethernet_tag, originator: vtep.into() }),
            vec![rt(10), encapsulation],
        ),
        Kind::Prefix => (prefix("192.168.10.0/24")?, routed),
        Kind::Outward | Kind::Inward => (prefix("192.168.0.0/16")?, routed),
    };
    let left = match kind {
        Kind::Outward => 1,
        Kind::Inward => 2,
        _ => 0,
    };
    let passed = PathDomain { domain: DomainId::of_name("site"), isf_safi: IsfSafi::Evpn };
    let set = AttributeSet {
        next_hop: Some(vtep.into()),
        local_pref: Some(100),
        ext_communities,
        pmsi: (kind == Kind::Imet).then(|| PmsiTunnel::ingress_replication(l2, vtep.into())),
        d_path: DPath::from_domains(std::iter::repeat_n(passed, left)),
        ..AttributeSet::default()
    };
    Ok((route, set))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoder_s_messages_are_as_long_as_the_rfcs_say() {
        let wire = Wire::measure().unwrap();
        // RFC 7432 §7.2, §7.3, RFC 9136 §3.1, RFC 9135 §5.1, each with type and length.
        assert_eq!(KINDS.map(|kind| wire.nlri(kind)), [35, 42, 19, 36, 36, 36]);
        // Header 19, two lengths 4; ORIGIN 4, AS_PATH 3, LOCAL_PREF 7; two communities 19; MP_REACH_NLRI with an
        // IPv4 next hop 12 or 13 by its length.
        let mac = wire.frame(Kind::Mac, Sender::Originator);
        assert!((68..=69).contains(&mac), "{mac}");
        // Two more communities.
        assert_eq!(wire.frame(Kind::MacIp, Sender::Originator), mac + 16);
        // ORIGINATOR_ID and CLUSTER_LIST.
        assert_eq!(wire.frame(Kind::Mac, Sender::Reflector), mac + 14);
        // A domain has 7 octets.
        let by_domain = |kind| wire.frame(kind, Sender::Originator);
        assert_eq!(by_domain(Kind::Inward), by_domain(Kind::Outward) + 7);
        assert!(by_domain(Kind::Outward) > by_domain(Kind::Prefix));
        assert!((29..=30).contains(&wire.withdrawal()), "{}", wire.withdrawal());
    }
}
