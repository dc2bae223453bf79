//! What is made of a route that a neighbour sends: what belongs to its AS ends at our border
//! (RFC 4271 §5.1.5, RFC 4456), whether it may be used (loops: RFC 4271 §9.1.2, RFC 4456 §8;
//! RFC 8212; a next hop that cannot be one: RFC 4271 §6.3; the first AS), and what the import
//! policy says of it. Pure rules; `adj_in` carries them out.

use super::{
    Shared,
    attributes::AttributeId,
    destination::PathFlags,
    peers::{NextHopRule, RibPeer, RibPeerFamily},
    policy::{PolicyRef, Verdict},
};
use crate::peer::{AllowAsIn, PeerKind};
use crate::wire::{AttributeSet, Family, NlriBlock, membership, unicast};
use std::{borrow::Cow, net::IpAddr, sync::Arc};

/// An address that no neighbour can be reached by, or one of our own.
fn is_martian(next_hop: IpAddr, row: &RibPeerFamily) -> bool {
    let own = match row.next_hop {
        NextHopRule::Own(own) | NextHopRule::OwnIfNone(own) => Some(own),
        NextHopRule::Unchanged => None,
    };
    next_hop.is_unspecified()
        || next_hop.is_loopback()
        || next_hop.is_multicast()
        || next_hop == IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
        || own == Some(next_hop)
}

/// Why a path with these attributes, as received, may not be used; 0 if it may, as far as the
/// policy is not asked.
pub(super) fn refuse(shared: &Shared, peer: &RibPeer, family: Family, set: &AttributeSet) -> u16 {
    let Some(row) = peer.family(family) else { return PathFlags::NO_POLICY };
    let mut refused = 0;
    let mut refuse_if = |wrong: bool, flag: u16| refused |= if wrong { flag } else { 0 };
    let loops = match row.settings.allowas_in {
        AllowAsIn::Times(times) => set.as_path.count(peer.local_as) > usize::from(times),
        AllowAsIn::Origin => !set.as_path.only_at_origin(peer.local_as),
    };
    refuse_if(loops, PathFlags::AS_LOOP);
    match peer.kind {
        PeerKind::Internal => {
            refuse_if(set.originator_id == Some(shared.settings.router_id), PathFlags::OWN_ORIGINATOR);
            refuse_if(set.cluster_list.contains(&shared.settings.cluster_id), PathFlags::OWN_CLUSTER);
        }
        PeerKind::External => {
            let foreign = set.as_path.neighbour() != Some(peer.remote_as);
            refuse_if(peer.enforce_first_as && foreign, PathFlags::FIRST_AS);
        }
    }
    refuse_if(!row.policy_in, PathFlags::NO_POLICY);
    let unreachable = set.next_hop.is_some_and(|next_hop| family.is_unicast() && is_martian(next_hop, row));
    refuse_if(unreachable, PathFlags::UNREACHABLE);
    refused
}

/// The attributes of a block of an UPDATE as they are taken in.
pub(super) fn inbound<'a>(
    peer: &RibPeer,
    block: &NlriBlock,
    set: &'a Arc<AttributeSet>,
) -> Cow<'a, Arc<AttributeSet>> {
    let foreign = peer.kind == PeerKind::External
        && (set.local_pref.is_some() || set.originator_id.is_some() || !set.cluster_list.is_empty());
    if !foreign && block.next_hop.is_none() {
        return Cow::Borrowed(set);
    }
    let mut own = AttributeSet::clone(set);
    if foreign {
        own.local_pref = None;
        own.originator_id = None;
        own.cluster_list.clear();
    }
    if let Some(next_hop) = block.next_hop {
        (own.next_hop, own.link_local_next_hop) = (Some(next_hop), None);
    }
    Cow::Owned(Arc::new(own))
}

/// True for a key that no packet is routed by: RFC 4271 §6.3 has such a prefix ignored; and for a
/// membership that says nothing (RFC 4684 §4).
pub(super) fn is_ignored(family: Family, key: &[u8]) -> bool {
    let unicast = || {
        unicast::prefix_of(key).is_some_and(|prefix| match prefix.network() {
            IpAddr::V4(address) => address.is_multicast(),
            IpAddr::V6(address) => address.is_multicast() || address.is_unicast_link_local(),
        })
    };
    match family {
        Family::L2vpnEvpn => false,
        Family::Ipv4Unicast | Family::Ipv6Unicast => unicast(),
        Family::RtFilter => membership::is_meaningless(key),
    }
}

/// What the import policy says of routes with one set of attributes, asked as seldom as it
/// allows.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    family: Family,
    policy: Option<&'a PolicyRef>,
    /// The set as received.
    original: AttributeId,
    set: &'a Arc<AttributeSet>,
    /// The verdict, if it is the same for all routes.
    settled: Option<Judged>,
    /// Sets that this has interned.
    interned: Vec<AttributeId>,
}

/// A route as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Judged {
    /// The attributes to select by.
    pub(super) attributes: AttributeId,
    /// Flags of `PathFlags::REFUSED`.
    pub(super) refused: u16,
}

impl<'a> Judge<'a> {
    /// For routes that came with `set` (`original` in the interner), refused already for
    /// `refused` or 0.
    pub(super) fn new(
        row: &'a RibPeerFamily,
        original: AttributeId,
        set: &'a Arc<AttributeSet>,
        refused: u16,
    ) -> Self {
        let policy = row.policy_import.as_ref().filter(|_| refused == 0);
        let settled = policy.is_none().then_some(Judged { attributes: original, refused });
        Self { family: row.family, policy, original, set, settled, interned: Vec::new() }
    }

    /// Judges one route. The attributes given live until `finish`.
    pub(super) fn judge(&mut self, shared: &mut Shared, nlri: &[u8]) -> Judged {
        let (None, Some(policy)) = (self.settled, self.policy) else {
            return self.settled.unwrap_or(Judged { attributes: self.original, refused: 0 });
        };
        let judged = match policy.judge(self.family, nlri, self.set) {
            Verdict::Permit => Judged { attributes: self.original, refused: 0 },
            Verdict::Deny => Judged { attributes: self.original, refused: PathFlags::FILTERED },
            Verdict::Change(set) => {
                let attributes = shared.attributes.intern(&Arc::from(set));
                self.interned.push(attributes);
                Judged { attributes, refused: 0 }
            }
        };
        if policy.ignores_nlri() {
            self.settled = Some(judged);
        }
        judged
    }

    /// Gives back what was interned.
    pub(super) fn finish(self, shared: &mut Shared) {
        for attributes in self.interned {
            shared.attributes.release(attributes);
        }
    }
}
