//! What of the Loc-RIB a peer is told, and with which attributes: iBGP split horizon and
//! reflection (RFC 4456 §8, §10), the AS border (RFC 4271 §5, RFC 4360 §6, RFC 7432), the
//! well-known communities (RFC 1997) and RFC 8212.
//!
//! The rules know a peer only by its `GroupKey`: whatever makes a difference to what is sent
//! is in it, so that peers with the same key can share one encoded message. That a peer is
//! not told its own routes is not here: the update group leaves it out.

use super::peers::{NextHopRule, RibPeer, RibPeerFamily};
use super::policy::PolicyRef;
use crate::peer::{PeerFamily, PeerKind};
use crate::wire::attribute::{AsSegment, AsSegmentKind, AttributeSet};
use crate::wire::{EncodeContext, Family};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};
use weft_evpn::DomainId;

/// NO_EXPORT (RFC 1997).
const NO_EXPORT: u32 = 0xffff_ff01;
/// NO_ADVERTISE (RFC 1997).
const NO_ADVERTISE: u32 = 0xffff_ff02;
/// NO_EXPORT_SUBCONFED (RFC 1997); without confederations the same as NO_EXPORT.
const NO_EXPORT_SUBCONFED: u32 = 0xffff_ff03;

/// Everything of a peer that makes a difference to what it is sent in a family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// The family.
    pub family: Family,
    /// iBGP or eBGP.
    pub kind: PeerKind,
    /// `route-reflector-client`; false for eBGP.
    pub client: bool,
    /// The AS that is prepended; ours in general, but `local-as` may differ.
    pub local_as: u32,
    /// AS numbers have 4 octets.
    pub four_octet_as: bool,
    /// Octets that a message may have.
    pub max_message: u16,
    /// NLRI have path identifiers.
    pub add_path: bool,
    /// IPv4 unicast may have IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// RFC 8212 allows to send.
    pub policy_out: bool,
    /// Judges what is sent.
    pub policy: Option<PolicyRef>,
    /// Routes of this domain alone are sent.
    pub domain: DomainId,
    /// A default route of ours is sent; in `RtFilter` the default membership.
    pub default_originate: bool,
    /// The peer says which of the routes it asks for (RFC 4684).
    pub constrained: bool,
    /// What stands in the next hop.
    pub next_hop: NextHopRule,
}

impl GroupKey {
    /// The key of a peer in a family. Every field of `RibPeer`, `RibPeerFamily` and
    /// `PeerFamily` is named here, so that a new one cannot be forgotten: those bound to `_`
    /// change nothing in what is sent.
    pub fn of(peer: &RibPeer, row: &RibPeerFamily) -> Self {
        let RibPeer {
            kind,
            local_as,
            remote_as: _,
            router_id: _,
            address: _,
            enforce_first_as: _,
            four_octet_as,
            extended_next_hop,
            max_message,
            enhanced_refresh: _,
            restarting: _,
            stale_path_time: _,
            families,
        } = peer;
        let RibPeerFamily {
            family,
            settings,
            policy_in: _,
            policy_out,
            policy_import: _,
            policy_export,
            domain,
            next_hop,
            add_path,
            restart: _,
        } = row;
        let PeerFamily {
            route_reflector_client,
            allowas_in: _,
            maximum_prefix: _,
            soft_reconfiguration_inbound: _,
            // What is configured of these has come into the row.
            policy_import: _,
            policy_export: _,
            domain: _,
            next_hop_self: _,
            own_address: _,
            default_originate,
        } = settings;
        Self {
            family: *family,
            kind: *kind,
            client: *route_reflector_client && *kind == PeerKind::Internal,
            local_as: *local_as,
            four_octet_as: *four_octet_as,
            max_message: *max_message,
            add_path: *add_path,
            extended_next_hop: *extended_next_hop && *family == Family::Ipv4Unicast,
            policy_out: *policy_out,
            policy: policy_export.clone(),
            domain: *domain,
            default_originate: *default_originate && *policy_out && *family != Family::L2vpnEvpn,
            constrained: *family == Family::L2vpnEvpn
                && families.iter().any(|row| row.family == Family::RtFilter),
            next_hop: *next_hop,
        }
    }

    /// A peer is told of its own routes, too: memberships, to clients. It would take one with its
    /// own ORIGINATOR_ID for a loop, so ours stands there (RFC 4684 §3.2 i).
    pub(super) fn returns_to_source(&self) -> bool {
        self.family == Family::RtFilter && self.client
    }

    /// What the encoder must know.
    pub fn encode_context(&self) -> EncodeContext {
        EncodeContext {
            four_octet_as: self.four_octet_as,
            add_path: if self.add_path { vec![self.family] } else { Vec::new() },
            extended_next_hop: self.extended_next_hop,
            max_length: self.max_message,
        }
    }
}

/// Where a route comes from, as far as the rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origination {
    /// This speaker.
    Local,
    /// An iBGP peer.
    Internal {
        /// It is a client of ours.
        client: bool,
        /// Its BGP identifier.
        router_id: Ipv4Addr,
    },
    /// An eBGP peer.
    External,
    /// Somebody else in this speaker: an IP-VRF's EVPN side.
    Import,
}

/// Where a route comes from, and which domain it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Who.
    pub from: Origination,
    /// `None`: it goes into every domain.
    pub domain: Option<DomainId>,
}

/// What of ours the rules need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaker {
    /// Our BGP identifier.
    pub router_id: Ipv4Addr,
    /// CLUSTER_ID.
    pub cluster_id: Ipv4Addr,
    /// The LOCAL_PREF of routes without one.
    pub default_local_pref: u32,
    /// Routes of clients are reflected to clients (`bgp client-to-client reflection`).
    pub client_to_client: bool,
}

/// True if the peers of the group may be told of a route, as far as its policy is not asked.
pub fn may_send(speaker: &Speaker, key: &GroupKey, origin: Origin, attributes: &AttributeSet) -> bool {
    // An import goes out into the IP-VRF, which lies in no domain.
    let other_domain =
        origin.from != Origination::Import && origin.domain.is_some_and(|domain| domain != key.domain);
    if !key.policy_out || other_domain || attributes.communities.contains(&NO_ADVERTISE) {
        return false;
    }
    match key.kind {
        PeerKind::External => !attributes
            .communities
            .iter()
            .any(|&community| matches!(community, NO_EXPORT | NO_EXPORT_SUBCONFED)),
        PeerKind::Internal => match origin.from {
            // What a client asks for the others must know, or we could not pass it on to anybody.
            Origination::Internal { client, .. } if client && key.client => {
                speaker.client_to_client || key.family == Family::RtFilter
            }
            Origination::Internal { client, .. } => client || key.client,
            Origination::Local | Origination::External | Origination::Import => true,
        },
    }
}

/// The attributes with which the peers of the group are told of a route that they may be, if no
/// policy is in between. Unknown attributes have been sorted out by the decoder (RFC 4271 §5)
/// and go on as they are.
pub fn outbound(
    speaker: &Speaker,
    key: &GroupKey,
    from: Origination,
    attributes: &Arc<AttributeSet>,
) -> Arc<AttributeSet> {
    let mut set = prepared(speaker, key, from, attributes);
    finish(key, &mut set);
    Arc::new(set)
}

/// What the export policy is given: all but what only the border itself may write.
pub(super) fn prepared(
    speaker: &Speaker,
    key: &GroupKey,
    from: Origination,
    attributes: &AttributeSet,
) -> AttributeSet {
    let mut set = attributes.clone();
    let missing = set.next_hop.is_none_or(|next_hop| next_hop.is_unspecified());
    let own = match key.next_hop {
        NextHopRule::Unchanged => None,
        NextHopRule::Own(address) => (missing || from != Origination::Local).then_some(address),
        NextHopRule::OwnIfNone(address) => {
            let unusable = from == Origination::Import || set.next_hop.is_some_and(is_link_local);
            (missing || unusable).then_some(address)
        }
    };
    // A link-local address means nothing beyond the link it was heard on.
    set.link_local_next_hop = None;
    set.next_hop = own.or(set.next_hop);
    match key.kind {
        PeerKind::Internal => {
            if let Origination::Internal { router_id, .. } = from {
                if key.returns_to_source() {
                    set.originator_id = Some(speaker.router_id);
                }
                set.originator_id.get_or_insert(router_id);
                set.cluster_list.insert(0, speaker.cluster_id);
            } else {
                set.local_pref.get_or_insert(speaker.default_local_pref);
            }
        }
        PeerKind::External => {
            end_at_border(&mut set);
            if from != Origination::Local {
                set.med = None;
            }
        }
    }
    set
}

/// What comes after the export policy: what it set must not cross the border either.
pub(super) fn finish(key: &GroupKey, set: &mut AttributeSet) {
    if key.family.is_unicast() {
        // RFC 10039 §4: D-PATH is for EVPN and IPVPN alone.
        set.d_path = None;
    }
    if key.kind == PeerKind::External {
        end_at_border(set);
        prepend(set, key.local_as);
    }
}

/// What stays within the AS.
fn end_at_border(set: &mut AttributeSet) {
    set.local_pref = None;
    set.originator_id = None;
    set.cluster_list.clear();
    set.ext_communities.retain(|community| community.is_transitive());
    set.ipv6_ext_communities.retain(|community| community.first().is_none_or(|first| first & 0x40 == 0));
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// RFC 4271 §5.1.2: at the front of the first AS_SEQUENCE, or in a new one. Confederation
/// segments, which do not leave the confederation, are dropped.
fn prepend(set: &mut AttributeSet, asn: u32) {
    let segments = &mut set.as_path.0;
    segments.retain(|s| !matches!(s.kind, AsSegmentKind::ConfedSequence | AsSegmentKind::ConfedSet));
    match segments.first_mut() {
        Some(AsSegment { kind: AsSegmentKind::Sequence, asns }) if asns.len() < 255 => asns.insert(0, asn),
        _ => segments.insert(0, AsSegment { kind: AsSegmentKind::Sequence, asns: vec![asn] }),
    }
}

#[cfg(test)]
#[path = "tests/export.rs"]
mod tests;
