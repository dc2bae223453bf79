//! Reads one path attribute after another into an `AttributeSet`. The rules for each are in
//! RFC 7606 §7; those for the message as a whole (duplicates, missing ones, where the NLRI
//! are) are in `update::decode`.

use super::as_path::AsPath;
use super::multiprotocol::NextHop;
use super::{
    Aggregator, AttributeSet, DPath, Malformed, Origin, RawAttribute, code, community, tunnel_encapsulation,
};
use crate::wire::update::{DecodeContext, IssueAction, IssueReason, SessionKind};
use std::net::{IpAddr, Ipv4Addr};
use weft_evpn::pmsi::PmsiTunnel;

/// Why an attribute did not get into the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::wire) enum Fault {
    /// It is tolerated.
    Issue(IssueReason, IssueAction),
    /// A well-known attribute that is not known: 3/2 (RFC 4271 §6.3).
    UnrecognizedWellKnown,
}

/// An `AttributeSet` in the making.
#[derive(Debug, Default)]
pub(in crate::wire) struct Collector {
    set: AttributeSet,
    as4_path: Option<AsPath>,
    as4_aggregator: Option<Aggregator>,
    next_hop: Option<Ipv4Addr>,
    /// ORIGIN was taken.
    pub has_origin: bool,
    /// AS_PATH was taken.
    pub has_as_path: bool,
}

impl Collector {
    /// NEXT_HOP, once it was taken.
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        self.next_hop
    }

    /// D-PATH was taken.
    pub fn has_d_path(&self) -> bool {
        self.set.d_path.is_some()
    }

    /// Takes an attribute other than MP_REACH_NLRI and MP_UNREACH_NLRI.
    pub fn take(&mut self, context: &DecodeContext, flags: u8, code: u8, value: &[u8]) -> Result<(), Fault> {
        let Some(expected) = code::flags(code) else { return self.take_unknown(flags, code, value) };
        if !belongs(context, code) {
            return Err(Fault::Issue(IssueReason::NotForThisPeer, IssueAction::AttributeDiscard));
        }
        check_flags(flags, expected)?;
        self.take_known(context, flags, code, value).map_err(|malformed| {
            let reason = match malformed {
                Malformed::Length => {
                    IssueReason::Length { length: u16::try_from(value.len()).unwrap_or(u16::MAX) }
                }
                Malformed::Value(what) => IssueReason::Value(what),
            };
            Fault::Issue(reason, code::when_malformed(code))
        })?;
        if flags & code::PARTIAL != 0 && expected & code::TRANSITIVE != 0 && expected & code::OPTIONAL != 0 {
            self.set.partial |= 1 << code;
        }
        Ok(())
    }

    fn take_known(
        &mut self,
        context: &DecodeContext,
        flags: u8,
        code: u8,
        value: &[u8],
    ) -> Result<(), Malformed> {
        let set = &mut self.set;
        match code {
            code::ORIGIN => {
                let &[number] = value else { return Err(Malformed::Length) };
                set.origin = Origin::from_number(number).ok_or(Malformed::Value("has an unknown value"))?;
                self.has_origin = true;
            }
            code::AS_PATH => {
                let path = AsPath::parse(value, context.four_octet_as)?;
                // RFC 5065 §5: from outside the confederation these segments are an error.
                if context.kind == SessionKind::External
                    && path.0.iter().any(|segment| segment.kind.is_confederation())
                {
                    return Err(Malformed::Value("has a confederation segment"));
                }
                set.as_path = path;
                self.has_as_path = true;
            }
            code::NEXT_HOP => self.next_hop = Some(address(value)?),
            code::MULTI_EXIT_DISC => set.med = Some(number(value)?),
            code::LOCAL_PREF => set.local_pref = Some(number(value)?),
            code::ATOMIC_AGGREGATE => {
                let [] = value else { return Err(Malformed::Length) };
                set.atomic_aggregate = true;
            }
            code::AGGREGATOR => set.aggregator = Some(Aggregator::parse(value, context.four_octet_as)?),
            code::COMMUNITIES => set.communities = community::parse_u32s(value)?,
            code::ORIGINATOR_ID => set.originator_id = Some(address(value)?),
            code::CLUSTER_LIST => {
                set.cluster_list = community::parse_u32s(value)?.into_iter().map(Ipv4Addr::from).collect();
            }
            code::EXTENDED_COMMUNITIES => set.ext_communities = community::parse_extended(value)?,
            code::AS4_PATH => match value {
                [] => return Err(Malformed::Length),
                _ => self.as4_path = Some(AsPath::parse(value, true)?),
            },
            code::AS4_AGGREGATOR => self.as4_aggregator = Some(Aggregator::parse(value, true)?),
            code::PMSI_TUNNEL => set.pmsi = Some(PmsiTunnel::parse(value).map_err(|_| Malformed::Length)?),
            code::IPV6_EXTENDED_COMMUNITIES => {
                set.ipv6_ext_communities = community::parse_ipv6_extended(value)?
            }
            code::LARGE_COMMUNITY => set.large_communities = community::parse_large(value)?,
            code::D_PATH => set.d_path = Some(DPath::parse(value)?),
            code::TUNNEL_ENCAPSULATION => {
                tunnel_encapsulation::check(value)?;
                set.unknown.push(raw(flags, code, value));
            }
            // MP_REACH_NLRI and MP_UNREACH_NLRI are not given to the collector.
            _ => {}
        }
        Ok(())
    }

    /// An attribute that is not in the table (RFC 4271 §5, §9): an optional transitive one is
    /// passed on with the partial bit, an optional non-transitive one is quietly ignored.
    fn take_unknown(&mut self, flags: u8, code: u8, value: &[u8]) -> Result<(), Fault> {
        if flags & code::OPTIONAL == 0 {
            return Err(Fault::UnrecognizedWellKnown);
        }
        if flags & code::TRANSITIVE != 0 {
            self.set.unknown.push(raw(flags | code::PARTIAL, code, value));
        }
        Ok(())
    }

    /// The set, once all attributes are in. `next_hop` is that of MP_REACH_NLRI, which wins
    /// over NEXT_HOP (RFC 4760 §3).
    pub fn finish(self, next_hop: Option<NextHop>) -> AttributeSet {
        let Self { mut set, as4_path, as4_aggregator, .. } = self;
        set.next_hop = next_hop.map(|next_hop| next_hop.address).or(self.next_hop.map(IpAddr::V4));
        set.link_local_next_hop = next_hop.and_then(|next_hop| next_hop.link_local);
        set.unknown.sort_by_key(|attribute| attribute.code);
        // RFC 6793 §4.2.3: an AGGREGATOR whose AS is not AS_TRANS was put there by someone who
        // did not know AS4_AGGREGATOR; then neither AS4 attribute tells the truth.
        let stale = as4_aggregator.is_some()
            && set
                .aggregator
                .is_some_and(|aggregator| aggregator.asn != u32::from(crate::wire::open::AS_TRANS));
        if !stale {
            if let (Some(aggregator), Some(as4)) = (&mut set.aggregator, as4_aggregator) {
                *aggregator = as4;
            }
            if let Some(as4_path) = as4_path {
                set.as_path = std::mem::take(&mut set.as_path).merged_with(as4_path);
            }
        }
        // Once merged, nothing remembers the AS4 attributes; their bits must not stay either.
        set.partial &= !(1 << code::AS4_PATH | 1 << code::AS4_AGGREGATOR);
        set
    }
}

/// The Optional and Transitive bits must be those of the table (RFC 7606 §3 c).
pub(in crate::wire) fn check_flags(flags: u8, expected: u8) -> Result<(), Fault> {
    if flags & (code::OPTIONAL | code::TRANSITIVE) == expected {
        return Ok(());
    }
    Err(Fault::Issue(IssueReason::Flags { flags }, IssueAction::TreatAsWithdraw))
}

/// False for what a peer of this kind must not send, which is discarded (RFC 7606 §7.5, §7.9,
/// §7.10; RFC 6793 §4.1).
fn belongs(context: &DecodeContext, code: u8) -> bool {
    match code {
        code::LOCAL_PREF | code::ORIGINATOR_ID | code::CLUSTER_LIST => context.kind == SessionKind::Internal,
        code::AS4_PATH | code::AS4_AGGREGATOR => !context.four_octet_as,
        _ => true,
    }
}

fn raw(flags: u8, code: u8, value: &[u8]) -> RawAttribute {
    RawAttribute { flags: flags & !code::EXTENDED_LENGTH, code, value: value.to_vec() }
}

fn number(value: &[u8]) -> Result<u32, Malformed> {
    value.try_into().map(u32::from_be_bytes).map_err(|_| Malformed::Length)
}

fn address(value: &[u8]) -> Result<Ipv4Addr, Malformed> {
    number(value).map(Ipv4Addr::from)
}
