//! A table with CE neighbours, and what was said by it so far. What is said must change
//! something: an announcement twice, or a withdrawal of what is not there, is an error.

use crate::peer::{PeerId, PeerKind};
use crate::rib::{NextHopRule, PolicyRef, RibPeer, RibPeerFamily, RoutePolicy, Verdict};
use crate::vrf::{EvpnPath, VrfOutput, VrfSettings, VrfTable};
use crate::wire::{
    AttributeSet, Decoder, Family, FrameDecoder, Message, NlriBlock, Update,
    attribute::{AsPath, DPath, IsfSafi, PathDomain},
    unicast,
    update::{DecodeContext, SessionKind},
};
use bytes::BytesMut;
use ipnet::IpNet;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::{Duration, Instant},
};
use weft_evpn::{
    DomainId, Esi, EthernetTag, ExtendedCommunity, MacAddr, RouteDistinguisher, RouteTarget, Vni,
    engine::{VrfActive, VrfPath, VrfPathSource},
    forwarding::{ForwardingChange, VrfForward, VrfNextHop},
    nlri::{EvpnRoute, IpPrefix, MacIp},
    vrf::{LocalRoute, LocalRouteKind},
};

pub(super) const ASN: u32 = 65_000;
pub(super) const SITE: DomainId = DomainId([0, 0, 0, 1, 0, 1]);
pub(super) const CORE: DomainId = DomainId([0, 0, 0, 9, 0, 9]);
pub(super) const VNI: u32 = 5000;

pub(super) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// VTEP `n` and its router MAC.
pub(super) fn vtep(n: u8) -> VrfNextHop {
    VrfNextHop::Vtep { vtep: Ipv4Addr::new(10, 255, 0, n).into(), router_mac: MacAddr([2, 0, 0, 0, 0, n]) }
}

pub(super) fn via(ways: &[VrfNextHop]) -> Option<VrfForward> {
    Some(VrfForward::Via(ways.to_vec()))
}

pub(super) fn gateway(text: &str) -> VrfNextHop {
    VrfNextHop::Gateway(ip(text))
}

pub(super) fn rd(n: u8, number: u16) -> RouteDistinguisher {
    RouteDistinguisher::ipv4(Ipv4Addr::new(10, 255, 0, n), number)
}

/// What router `n` advertises with; a gateway of SITE and CORE.
pub(super) fn active(n: u8) -> VrfActive {
    VrfActive {
        rd: rd(n, 1),
        domain_rds: vec![(CORE, rd(n, 2))],
        export: vec![RouteTarget::two_octet_as(65_000, VNI)],
        vni: Vni::new(VNI).expect("a VNI"),
        vtep: Ipv4Addr::new(10, 255, 0, n).into(),
        router_mac: MacAddr([2, 0, 0, 0, 0, n]),
    }
}

/// A leaf of SITE that advertises both families.
pub(super) fn settings(n: u8) -> VrfSettings {
    let mut settings = VrfSettings::new(ASN, Ipv4Addr::new(10, 255, 0, n));
    settings.domain = SITE;
    settings.ipv4.advertise = Some(Default::default());
    settings.ipv6.advertise = Some(Default::default());
    settings
}

/// The same as a gateway into CORE.
pub(super) fn gateway_settings(n: u8) -> VrfSettings {
    VrfSettings { other_domains: vec![CORE], ..settings(n) }
}

pub(super) fn connected() -> LocalRoute {
    LocalRoute {
        kind: LocalRouteKind::Connected,
        gateway: None,
        interface: Some((7, "eth1".into())),
        metric: 256,
    }
}

pub(super) fn by(gateway: &str) -> LocalRoute {
    let kind = LocalRouteKind::Static;
    LocalRoute { kind, gateway: Some(ip(gateway)), interface: None, metric: 20 }
}

/// A prefix route of VTEP `n` as it came in from a domain.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub n: u8,
    pub domain: DomainId,
    pub attributes: AttributeSet,
    /// The MAC of a MAC/IP route.
    pub mac: Option<MacAddr>,
    /// EVPN says that it does not count.
    pub overruled: bool,
}

pub(super) fn remote(n: u8, domain: DomainId) -> Remote {
    let attributes = AttributeSet {
        local_pref: Some(100),
        ext_communities: vec![
            RouteTarget::two_octet_as(65_000, VNI).community(),
            ExtendedCommunity::ENCAPSULATION_VXLAN,
            ExtendedCommunity::router_mac(MacAddr([2, 0, 0, 0, 0, n])),
        ],
        ..AttributeSet::default()
    };
    Remote { n, domain, attributes, mac: None, overruled: false }
}

impl Remote {
    pub fn with(mut self, change: impl FnOnce(&mut AttributeSet)) -> Self {
        change(&mut self.attributes);
        self
    }

    pub fn through(self, domains: &[DomainId]) -> Self {
        let passed = domains.iter().map(|&domain| PathDomain { domain, isf_safi: IsfSafi::Evpn });
        self.with(|set| set.d_path = DPath::from_domains(passed))
    }

    pub fn host(mut self, mac: u8) -> Self {
        self.mac = Some(MacAddr([6, 0, 0, 0, 0, mac]));
        self
    }

    pub fn overruled(self) -> Self {
        Self { overruled: true, ..self }
    }

    pub fn source(&self) -> VrfPathSource {
        VrfPathSource { rd: rd(self.n, 1), ethernet_tag: EthernetTag::default(), mac: self.mac }
    }

    pub fn path(&self, prefix: IpNet) -> EvpnPath {
        let label = Vni::new(VNI).expect("a VNI").to_label();
        let (rd, ethernet_tag, esi) = (rd(self.n, 1), EthernetTag::default(), Esi::ZERO);
        let route = match self.mac {
            Some(mac) => EvpnRoute::MacIp(MacIp {
                rd,
                esi,
                ethernet_tag,
                mac,
                ip: Some(prefix.addr()),
                label1: label,
                label2: Some(label),
            }),
            None => EvpnRoute::IpPrefix(IpPrefix {
                rd,
                esi,
                ethernet_tag,
                prefix,
                gateway: if prefix.addr().is_ipv4() { ip("0.0.0.0") } else { ip("::") },
                label,
            }),
        };
        EvpnPath {
            path: VrfPath { route, next_hop: vtep(self.n), domain: self.domain, overruled: self.overruled },
            attributes: Arc::new(self.attributes.clone()),
            router_id: Ipv4Addr::new(10, 255, 0, self.n),
            external: false,
        }
    }
}

/// A CE's view of what it was sent.
#[derive(Debug)]
struct Ce {
    frames: FrameDecoder,
    decoder: Decoder,
    holds: BTreeMap<IpNet, Arc<AttributeSet>>,
}

/// What is advertised into a domain: the NLRI with everything, and its attributes.
pub(super) type Sent = BTreeMap<(DomainId, RouteDistinguisher, IpNet), (IpPrefix, AttributeSet)>;

#[derive(Debug)]
pub(super) struct Lab {
    pub table: VrfTable,
    pub now: Instant,
    pub forward: BTreeMap<IpNet, VrfForward>,
    pub sent: Sent,
    ces: BTreeMap<PeerId, Ce>,
}

impl Lab {
    /// Another site.
    pub const OTHER: DomainId = DomainId([0, 0, 0, 2, 0, 2]);

    pub fn new(settings: VrfSettings) -> Self {
        let now = Instant::now();
        let mut lab = Self {
            table: VrfTable::new("red".into(), now),
            now,
            forward: BTreeMap::new(),
            sent: BTreeMap::new(),
            ces: BTreeMap::new(),
        };
        lab.table.configure(settings, now);
        lab.table.activate(Some(active(1)));
        lab.settle();
        lab
    }

    pub fn configure(&mut self, change: impl FnOnce(&mut VrfSettings)) -> Vec<VrfOutput> {
        let mut settings = self.table.settings().clone();
        change(&mut settings);
        self.table.configure(settings, self.now);
        self.settle()
    }

    /// Settles and takes in what was said.
    pub fn settle(&mut self) -> Vec<VrfOutput> {
        let mut out = Vec::new();
        self.table.settle(self.now, &mut out);
        for output in &out {
            self.take(output);
        }
        let mut nothing = Vec::new();
        self.table.settle(self.now, &mut nothing);
        assert_eq!(nothing, [], "all was said");
        self.deliver();
        out
    }

    fn take(&mut self, output: &VrfOutput) {
        match output {
            VrfOutput::Forward(ForwardingChange::Route { prefix, wanted, .. }) => {
                let old = match wanted {
                    Some(wanted) => self.forward.insert(*prefix, wanted.clone()),
                    None => self.forward.remove(prefix),
                };
                assert_ne!(old, *wanted, "{prefix}: said again");
            }
            VrfOutput::Forward(other) => panic!("{other:?}"),
            VrfOutput::Originate { domain, route: EvpnRoute::IpPrefix(route), attributes } => {
                let new = (*route, attributes.clone());
                // As in the RIB: with one key there is one route, whatever domain it is for.
                let (rd, prefix) = (route.rd, route.prefix);
                self.sent.retain(|(of, sent_rd, sent), _| (*sent_rd, *sent) != (rd, prefix) || of == domain);
                let old = self.sent.insert((*domain, rd, prefix), new.clone());
                assert_ne!(old, Some(new), "{}: said again", route.prefix);
            }
            VrfOutput::Withdraw { route: EvpnRoute::IpPrefix(route), .. } => {
                let before = self.sent.len();
                self.sent.retain(|(_, rd, prefix), _| (*rd, *prefix) != (route.rd, route.prefix));
                assert_eq!(self.sent.len() + 1, before, "{} was not advertised", route.prefix);
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn wait(&mut self, time: Duration) -> Vec<VrfOutput> {
        self.now += time;
        while self.table.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.table.on_deadline(self.now);
            let mut out = Vec::new();
            self.table.settle(self.now, &mut out);
            out.iter().for_each(|output| self.take(output));
            if !out.is_empty() {
                self.deliver();
                return out;
            }
        }
        self.settle()
    }

    pub fn local(&mut self, prefix: &str, route: Option<LocalRoute>) -> Vec<VrfOutput> {
        self.table.local_route(net(prefix), route, self.now);
        self.settle()
    }

    /// A path from EVPN comes.
    pub fn remote(&mut self, prefix: &str, remote: &Remote) -> Vec<VrfOutput> {
        let prefix = net(prefix);
        self.table.path(prefix, remote.source(), Some(remote.path(prefix)), self.now);
        self.settle()
    }

    /// It goes.
    pub fn gone(&mut self, prefix: &str, remote: &Remote) -> Vec<VrfOutput> {
        self.table.path(net(prefix), remote.source(), None, self.now);
        self.settle()
    }

    pub fn ways(&self, prefix: &str) -> Option<VrfForward> {
        self.forward.get(&net(prefix)).cloned()
    }

    /// The prefixes advertised into a domain, in text.
    pub fn advertised(&self, domain: DomainId) -> Vec<String> {
        self.sent.keys().filter(|(of, ..)| *of == domain).map(|(.., prefix)| prefix.to_string()).collect()
    }

    /// What is advertised of a prefix into a domain.
    pub fn sent(&self, domain: DomainId, prefix: &str) -> Option<&(IpPrefix, AttributeSet)> {
        let prefix = net(prefix);
        self.sent.iter().find(|((of, _, sent), _)| (*of, *sent) == (domain, prefix)).map(|(_, sent)| sent)
    }

    // CE neighbours.

    /// A session with the CE of this number and address, in AS 65100 + number.
    pub fn ce_up(&mut self, n: u32, address: &str) {
        let rows = [Family::Ipv4Unicast, Family::Ipv6Unicast].map(|family| {
            let next_hop = NextHopRule::Own(if family == Family::Ipv4Unicast {
                ip("192.0.2.254")
            } else {
                ip("2001:db8:ffff::254")
            });
            RibPeerFamily { next_hop, restart: Some(true), ..RibPeerFamily::new(family) }
        });
        let peer = RibPeer {
            kind: PeerKind::External,
            local_as: ASN,
            remote_as: 65_100 + n,
            router_id: Ipv4Addr::from(n),
            address: ip(address),
            enforce_first_as: false,
            four_octet_as: true,
            extended_next_hop: false,
            max_message: 4096,
            enhanced_refresh: true,
            restarting: false,
            stale_path_time: Duration::from_secs(120),
            families: rows.to_vec(),
        };
        self.table.rib_mut().peer_up(PeerId(n), peer, self.now).expect("a session");
        let context = DecodeContext {
            families: vec![Family::Ipv4Unicast, Family::Ipv6Unicast],
            kind: SessionKind::External,
            ..DecodeContext::default()
        };
        let ce = Ce { frames: FrameDecoder::new(), decoder: Decoder::new(context), holds: BTreeMap::new() };
        self.ces.insert(PeerId(n), ce);
        self.settle();
    }

    pub fn ce_down(&mut self, n: u32, keep: Option<Duration>) -> Vec<VrfOutput> {
        self.table.rib_mut().peer_down(PeerId(n), keep.map(|keep| self.now + keep));
        self.ces.remove(&PeerId(n));
        self.settle()
    }

    /// A CE says something of prefixes; `None`: it withdraws them.
    pub fn ce(&mut self, n: u32, attributes: Option<AttributeSet>, prefixes: &[&str]) -> Vec<VrfOutput> {
        let mut blocks = Vec::new();
        for prefix in prefixes {
            let prefix = net(prefix);
            blocks.push(NlriBlock::new(unicast::family(&prefix), unicast::nlri(&prefix)));
        }
        let update = match attributes {
            Some(set) => Update { attributes: Some(Arc::new(set)), reach: blocks, ..Update::default() },
            None => Update { unreach: blocks, ..Update::default() },
        };
        self.table.rib_mut().update(PeerId(n), &update, self.now).expect("a good update");
        self.settle()
    }

    fn deliver(&mut self) {
        while let Some(transmit) = self.table.rib_mut().next_transmit(self.now) {
            for peer in &transmit.peers {
                let ce = self.ces.get_mut(peer).expect("a CE with a session");
                let mut bytes = BytesMut::from(&transmit.bytes[..]);
                while let Some(frame) = ce.frames.next_frame(&mut bytes).expect("frames") {
                    let (Message::Update(update), _) = ce.decoder.decode(&frame).expect("a message") else {
                        continue;
                    };
                    ce.take(&update);
                }
            }
        }
    }

    /// What a CE holds of a prefix.
    pub fn ce_holds(&self, n: u32, prefix: &str) -> Option<&AttributeSet> {
        self.ces[&PeerId(n)].holds.get(&net(prefix)).map(AsRef::as_ref)
    }
}

impl Ce {
    fn take(&mut self, update: &Update) {
        let prefixes = |blocks: &[NlriBlock]| -> Vec<IpNet> {
            let parse = |block: &NlriBlock| -> Vec<IpNet> {
                block.iter().map(|(_, nlri)| unicast::parse(block.family, nlri).expect("a prefix")).collect()
            };
            blocks.iter().flat_map(parse).collect()
        };
        for prefix in prefixes(&update.unreach) {
            self.holds.remove(&prefix);
        }
        for prefix in prefixes(&update.reach) {
            self.holds.insert(prefix, update.attributes.clone().expect("attributes"));
        }
    }
}

/// The attributes that CE `n` sends, from this next hop.
pub(super) fn from_ce(n: u32, next_hop: &str) -> AttributeSet {
    let mut as_path = AsPath::default();
    as_path.prepend(65_100 + n, 1);
    AttributeSet { as_path, next_hop: Some(ip(next_hop)), ..AttributeSet::default() }
}

/// A policy of a function.
pub(super) fn policy(judge: fn(IpNet, &AttributeSet) -> Verdict) -> PolicyRef {
    #[derive(Debug)]
    struct Function(fn(IpNet, &AttributeSet) -> Verdict);
    impl RoutePolicy for Function {
        fn judge(&self, family: Family, nlri: &[u8], attributes: &AttributeSet) -> Verdict {
            (self.0)(unicast::parse(family, nlri).expect("a prefix"), attributes)
        }
    }
    PolicyRef::new(Arc::new(Function(judge)), 0)
}
