//! Reads an UPDATE as RFC 7606 asks: what can be tolerated becomes an issue, and of several
//! errors the strongest action wins (§3 h). What cannot becomes the NOTIFICATION to send.
//!
//! An UPDATE may announce routes both in the NLRI field and in MP_REACH_NLRI, though RFC 7606
//! §5.1 forbids to send such a thing: the block of the NLRI field then has a next hop of its own.

use super::cache::CacheKey;
use super::issue::{AttributeIssue, IssueAction, IssueReason, MAX_ISSUES};
use super::{AttributeCache, DecodeContext, Decoded, NlriBlock, Update};
use crate::wire::attribute::{Collector, Fault, check_flags, code, multiprotocol, multiprotocol::NextHop};
use crate::wire::family::Family;
use crate::wire::frame::{Frame, HEADER_LENGTH};
use crate::wire::notification::{Notification, UpdateError};
use crate::wire::reader::Reader;
use std::net::IpAddr;
use std::sync::Arc;

/// IPv4 unicast, the family of the fields that are older than RFC 4760.
const IPV4_UNICAST: (u16, u8) = (1, 1);

/// What is wrong with a route that is passed over.
const NO_MAC: &str = "has a MAC/IP route with MAC length 0";

/// Reads a whole UPDATE.
pub fn decode(
    frame: &Frame,
    context: &DecodeContext,
    cache: &mut AttributeCache,
) -> Result<Decoded, Notification> {
    let sections = Sections::cut(frame)?;
    let mut reading =
        Reading { frame, context, sections, update: Update::default(), issues: Issues::default() };
    reading.read(cache)?;
    Ok(Decoded { update: reading.update, issues: reading.issues.list })
}

/// The three fields of an UPDATE.
#[derive(Clone, Copy)]
struct Sections<'a> {
    withdrawn: &'a [u8],
    attributes: &'a [u8],
    /// Where `attributes` begins in the message.
    attributes_at: usize,
    nlri: &'a [u8],
}

impl<'a> Sections<'a> {
    fn cut(frame: &'a Frame) -> Result<Self, Notification> {
        // RFC 4271 §6.3: lengths that do not fit the message.
        let malformed = || Notification::new(UpdateError::MalformedAttributeList);
        let mut reader = Reader(frame.bytes.get(HEADER_LENGTH..).unwrap_or_default());
        let length = reader.u16().ok_or_else(malformed)?;
        let withdrawn = reader.take(usize::from(length)).ok_or_else(malformed)?;
        let length = reader.u16().ok_or_else(malformed)?;
        let attributes_at = HEADER_LENGTH + 4 + withdrawn.len();
        let attributes = reader.take(usize::from(length)).ok_or_else(malformed)?;
        Ok(Self { withdrawn, attributes, attributes_at, nlri: reader.0 })
    }
}

/// A path attribute whose header has been read.
#[derive(Clone, Copy)]
struct Raw<'a> {
    flags: u8,
    code: u8,
    value: &'a [u8],
    /// Header and value.
    whole: &'a [u8],
    /// Where it begins, in octets from the first path attribute.
    at: usize,
}

/// Walks over path attributes; after an error there is nothing more.
struct Walk<'a> {
    reader: Reader<'a>,
    total: usize,
}

/// Where the attributes stop making sense.
struct Broken {
    code: Option<u8>,
    reason: IssueReason,
    at: usize,
}

impl<'a> Walk<'a> {
    fn new(attributes: &'a [u8]) -> Self {
        Self { reader: Reader(attributes), total: attributes.len() }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Result<Raw<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let from = self.reader.0;
        let at = self.total - from.len();
        // Whatever is wrong, what follows is not read: its place is not known.
        let mut reader = Reader(std::mem::take(&mut self.reader.0));
        let header = (|| {
            let (flags, code) = (reader.u8()?, reader.u8()?);
            let extended = flags & code::EXTENDED_LENGTH != 0;
            let length = if extended { reader.u16()? } else { u16::from(reader.u8()?) };
            Some((flags, code, length))
        })();
        let Some((flags, code, length)) = header else {
            return Some(Err(Broken { code: from.get(1).copied(), reason: IssueReason::Trailing, at }));
        };
        let Some(value) = reader.take(usize::from(length)) else {
            return Some(Err(Broken { code: Some(code), reason: IssueReason::Overrun, at }));
        };
        let whole = from.get(..from.len() - reader.len()).unwrap_or_default();
        self.reader = reader;
        Some(Ok(Raw { flags, code, value, whole, at }))
    }
}

/// What was tolerated, bounded, and the strongest action among it all.
#[derive(Default)]
struct Issues {
    list: Vec<AttributeIssue>,
    withdraw: bool,
    /// The NOTIFICATION to send if the first error that asks for treat-as-withdraw cannot be
    /// had so cheaply (RFC 7606 §5.2).
    first_error: Option<Notification>,
}

impl Issues {
    fn add(&mut self, issue: AttributeIssue) {
        self.withdraw |= issue.action == IssueAction::TreatAsWithdraw;
        if self.list.len() < MAX_ISSUES {
            self.list.push(issue);
        }
    }
}

struct Reading<'a> {
    frame: &'a Frame,
    context: &'a DecodeContext,
    sections: Sections<'a>,
    update: Update,
    issues: Issues,
}

/// What the first walk over the attributes found.
#[derive(Default)]
struct Layout<'a> {
    mp_reach: Option<Raw<'a>>,
    mp_unreach: Option<Raw<'a>>,
    /// There are others, or octets that are none.
    others: bool,
    broken: Option<Broken>,
}

impl<'a> Reading<'a> {
    fn read(&mut self, cache: &mut AttributeCache) -> Result<(), Notification> {
        let Sections { withdrawn, attributes, nlri, .. } = self.sections;
        if withdrawn.is_empty() && attributes.is_empty() && nlri.is_empty() {
            self.update.end_of_rib = self.negotiated(IPV4_UNICAST.0, IPV4_UNICAST.1);
            return Ok(());
        }
        let layout = self.survey()?;

        if let Some(block) = self.read_classic(withdrawn)? {
            self.update.unreach.push(block);
        }
        if let Some(raw) = layout.mp_unreach {
            self.read_unreach(raw, &layout)?;
        }
        let reach = match layout.mp_reach {
            Some(raw) => self.read_reach(raw)?,
            None => None,
        };
        let next_hop = reach.as_ref().map(|(next_hop, _)| *next_hop);
        self.update.reach.extend(reach.and_then(|(_, block)| block));
        let classic = self.read_classic(nlri)?;
        let has_classic = classic.is_some();
        self.update.reach.extend(classic);

        let set = self.read_attributes(&layout, next_hop, has_classic, cache)?;
        self.judge(&layout, set)
    }

    /// The first walk: where the multiprotocol attributes are, and whether all can be read.
    fn survey(&self) -> Result<Layout<'a>, Notification> {
        let mut layout = Layout::default();
        for attribute in Walk::new(self.sections.attributes) {
            match attribute {
                Ok(raw) => {
                    let place = match raw.code {
                        code::MP_REACH_NLRI => &mut layout.mp_reach,
                        code::MP_UNREACH_NLRI => &mut layout.mp_unreach,
                        _ => {
                            layout.others = true;
                            continue;
                        }
                    };
                    // RFC 7606 §3 g.
                    if place.replace(raw).is_some() {
                        return Err(Notification::new(UpdateError::MalformedAttributeList));
                    }
                }
                Err(broken) => {
                    layout.others = true;
                    layout.broken = Some(broken);
                }
            }
        }
        Ok(layout)
    }

    /// The family, if its routes are exchanged on this session.
    fn negotiated(&self, afi: u16, safi: u8) -> Option<Family> {
        Family::from_numbers(afi, safi).filter(|family| self.context.families.contains(family))
    }

    fn issue(&mut self, code: Option<u8>, reason: IssueReason, action: IssueAction, at: usize) {
        let offset = self.sections.attributes_at + at;
        self.issues.add(AttributeIssue { code, reason, action, offset });
    }

    /// The Withdrawn Routes or the NLRI field; 3/10 when it cannot be read (RFC 7606 §5.3).
    fn read_classic(&mut self, field: &'a [u8]) -> Result<Option<NlriBlock>, Notification> {
        let (afi, safi) = IPV4_UNICAST;
        if field.is_empty() {
            return Ok(None);
        }
        match self.negotiated(afi, safi) {
            Some(family) => self
                .block(family, field)
                .map(Some)
                .ok_or_else(|| Notification::new(UpdateError::InvalidNetworkField)),
            None => {
                let offset = self.offset_of(field);
                let reason = IssueReason::FamilyNotNegotiated { afi, safi };
                self.issues.add(AttributeIssue { code: None, reason, action: IssueAction::Ignored, offset });
                Ok(None)
            }
        }
    }

    /// Notes a route that is passed over (RFC 9135 §9.1.1).
    fn skipped(&mut self, at: &[u8]) {
        let offset = self.offset_of(at);
        let (reason, action) = (IssueReason::Value(NO_MAC), IssueAction::RouteWithdrawn);
        self.issues.add(AttributeIssue { code: None, reason, action, offset });
    }

    /// Where a part of the message begins in it.
    fn offset_of(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().saturating_sub(self.frame.bytes.as_ptr().addr())
    }

    /// Checks the syntax of every NLRI. Those that are passed over are not in the block.
    fn block(&mut self, family: Family, field: &'a [u8]) -> Option<NlriBlock> {
        let add_path = self.context.add_path.contains(&family);
        let measure = family.row().measure;
        let mut rest = field;
        // Where the octets that are kept begin, and those before them if some were passed over.
        let (mut kept_from, mut kept) = (field, Vec::new());
        while !rest.is_empty() {
            let begin = rest;
            if add_path {
                rest = rest.get(4..)?;
            }
            match measure(rest) {
                Ok(length) => rest = rest.get(Some(length).filter(|&length| length > 0)?..)?,
                Err(error) => {
                    let next = rest.get(error.octets_to_skip()?..)?;
                    self.skipped(rest);
                    rest = next;
                    kept.extend_from_slice(kept_from.get(..kept_from.len() - begin.len())?);
                    kept_from = rest;
                }
            }
        }
        let wire = if kept_from.len() == field.len() {
            self.frame.bytes.slice_ref(field)
        } else {
            kept.extend_from_slice(kept_from);
            kept.into()
        };
        Some(NlriBlock { family, add_path, next_hop: None, wire })
    }

    /// RFC 4760 §7, RFC 7606 §5.3 and §7.11: with these two attributes the routes cannot be
    /// told, so the session cannot go on.
    fn multiprotocol_error(raw: Raw<'_>) -> Notification {
        Notification::with_data(UpdateError::OptionalAttribute, raw.whole)
    }

    fn read_unreach(&mut self, raw: Raw<'a>, layout: &Layout<'a>) -> Result<(), Notification> {
        let error = || Self::multiprotocol_error(raw);
        self.check_flags(raw);
        let (numbers, nlri) = multiprotocol::parse_numbers(raw.value).ok_or_else(error)?;
        let Some(family) = self.negotiated(numbers.afi, numbers.safi) else {
            let reason = IssueReason::FamilyNotNegotiated { afi: numbers.afi, safi: numbers.safi };
            self.issue(Some(raw.code), reason, IssueAction::Ignored, raw.at);
            return Ok(());
        };
        if !nlri.is_empty() {
            let block = self.block(family, nlri).ok_or_else(error)?;
            self.update.unreach.push(block);
        } else if !layout.others
            && layout.mp_reach.is_none()
            && self.sections.withdrawn.is_empty()
            && self.sections.nlri.is_empty()
        {
            self.update.end_of_rib = Some(family);
        }
        Ok(())
    }

    /// The next hop, and the routes if there are any; `None` for a family that is ignored.
    fn read_reach(&mut self, raw: Raw<'a>) -> Result<Option<(NextHop, Option<NlriBlock>)>, Notification> {
        let error = || Self::multiprotocol_error(raw);
        self.check_flags(raw);
        let (numbers, rest) = multiprotocol::parse_numbers(raw.value).ok_or_else(error)?;
        let Some(family) = self.negotiated(numbers.afi, numbers.safi) else {
            let reason = IssueReason::FamilyNotNegotiated { afi: numbers.afi, safi: numbers.safi };
            self.issue(Some(raw.code), reason, IssueAction::Ignored, raw.at);
            return Ok(None);
        };
        let (next_hop, nlri) =
            multiprotocol::parse_next_hop(family.row(), self.context.extended_next_hop, rest)
                .ok_or_else(error)?;
        if nlri.is_empty() {
            return Ok(Some((next_hop, None)));
        }
        let block = self.block(family, nlri).ok_or_else(error)?;
        Ok(Some((next_hop, Some(block))))
    }

    fn check_flags(&mut self, raw: Raw<'a>) {
        let expected = code::flags(raw.code).unwrap_or(raw.flags);
        if let Err(Fault::Issue(reason, action)) = check_flags(raw.flags, expected) {
            self.fault(raw, reason, action);
        }
    }

    /// Records a fault of an attribute, and what a reset for it would say.
    fn fault(&mut self, raw: Raw<'a>, reason: IssueReason, action: IssueAction) {
        if action == IssueAction::TreatAsWithdraw {
            self.issues
                .first_error
                .get_or_insert_with(|| Notification::with_data(classic_error(raw.code, reason), raw.whole));
        }
        self.issue(Some(raw.code), reason, action, raw.at);
    }

    /// The second walk. `None` when the attributes are not needed because nothing is announced
    /// or what is announced is to be withdrawn.
    fn read_attributes(
        &mut self,
        layout: &Layout<'a>,
        next_hop: Option<NextHop>,
        has_classic: bool,
        cache: &mut AttributeCache,
    ) -> Result<Option<Arc<super::AttributeSet>>, Notification> {
        let unicast = self.update.reach.iter().any(|block| block.family.is_unicast());
        let key = self.cache_key(layout, next_hop, has_classic);
        if let Some(set) = key.and_then(|key| cache.get(key))
            && !(unicast && set.d_path.is_some())
        {
            return Ok(Some(set));
        }
        let mut collector = Collector::default();
        let mut seen = [false; 256];
        for raw in Walk::new(self.sections.attributes).flatten() {
            if matches!(raw.code, code::MP_REACH_NLRI | code::MP_UNREACH_NLRI) {
                continue;
            }
            if let Some(seen) = seen.get_mut(usize::from(raw.code))
                && std::mem::replace(seen, true)
            {
                self.fault(raw, IssueReason::Duplicate, IssueAction::AttributeDiscard);
                continue;
            }
            match collector.take(self.context, raw.flags, raw.code, raw.value) {
                Ok(()) => {}
                Err(Fault::Issue(reason, action)) => self.fault(raw, reason, action),
                Err(Fault::UnrecognizedWellKnown) => {
                    return Err(Notification::with_data(
                        UpdateError::UnrecognizedWellKnownAttribute,
                        raw.whole,
                    ));
                }
            }
        }
        if let Some(broken) = &layout.broken {
            self.issues
                .first_error
                .get_or_insert_with(|| Notification::new(UpdateError::MalformedAttributeList));
            self.issue(broken.code, broken.reason, IssueAction::TreatAsWithdraw, broken.at);
        }
        if self.update.reach.is_empty() {
            return Ok(None);
        }
        // RFC 7606 §3 d. One that is there but malformed has been told already.
        let mandatory = [
            (code::ORIGIN, collector.has_origin),
            (code::AS_PATH, collector.has_as_path),
            (code::NEXT_HOP, collector.next_hop().is_some() || !has_classic),
        ];
        for (code, present) in mandatory {
            if !present && seen.get(usize::from(code)) == Some(&false) {
                self.issue(Some(code), IssueReason::Missing, IssueAction::TreatAsWithdraw, 0);
            }
        }
        // RFC 10039 §4: D-PATH is for EVPN and IPVPN alone.
        if unicast && collector.has_d_path() {
            self.issue(Some(code::D_PATH), IssueReason::NotForThisFamily, IssueAction::TreatAsWithdraw, 0);
        }
        if self.issues.withdraw {
            return Ok(None);
        }
        if let Some(block) = self.update.reach.last_mut().filter(|_| has_classic && next_hop.is_some()) {
            block.next_hop = collector.next_hop().map(IpAddr::V4);
        }
        let set = Arc::new(collector.finish(next_hop));
        if let Some(key) = key.filter(|_| self.issues.list.is_empty()) {
            cache.put(key, &set);
        }
        Ok(Some(set))
    }

    /// The octets that the attribute set depends on, in the one case that matters for speed:
    /// routes in MP_REACH_NLRI and nothing else.
    fn cache_key(
        &self,
        layout: &Layout<'a>,
        next_hop: Option<NextHop>,
        has_classic: bool,
    ) -> Option<CacheKey<'a>> {
        let raw = layout.mp_reach?;
        let usable = layout.mp_unreach.is_none()
            && layout.broken.is_none()
            && !has_classic
            && !self.update.reach.is_empty()
            && self.issues.list.is_empty();
        let attributes = self.sections.attributes;
        Some(CacheKey {
            next_hop: next_hop.filter(|_| usable)?,
            before: attributes.get(..raw.at)?,
            after: attributes.get(raw.at + raw.whole.len()..)?,
        })
    }

    /// Draws the consequence of all issues.
    fn judge(
        &mut self,
        layout: &Layout<'a>,
        set: Option<Arc<super::AttributeSet>>,
    ) -> Result<(), Notification> {
        if !self.issues.withdraw {
            self.update.attributes = set.filter(|_| !self.update.reach.is_empty());
            return Ok(());
        }
        // RFC 7606 §5.2: without reachable NLRI it is not sure that they were found at all. The
        // routes of a family that is ignored were found.
        let announces = !self.update.reach.is_empty()
            || !self.sections.nlri.is_empty()
            || layout.mp_reach.is_some_and(|raw| self.is_ignored_reach(raw));
        if !announces && (layout.others || layout.mp_reach.is_some()) {
            let malformed = || Notification::new(UpdateError::MalformedAttributeList);
            return Err(self.issues.first_error.take().unwrap_or_else(malformed));
        }
        self.update.attributes = None;
        let routes = std::mem::take(&mut self.update.reach);
        self.update.unreach.extend(routes);
        Ok(())
    }

    fn is_ignored_reach(&self, raw: Raw<'a>) -> bool {
        multiprotocol::parse_numbers(raw.value).is_some_and(|(numbers, rest)| {
            self.negotiated(numbers.afi, numbers.safi).is_none() && !rest.is_empty()
        })
    }
}

/// The subcode that RFC 4271 §6.3 gives a fault.
fn classic_error(code: u8, reason: IssueReason) -> UpdateError {
    match (reason, code) {
        (IssueReason::Flags { .. }, _) => UpdateError::AttributeFlags,
        (IssueReason::Length { .. }, _) => UpdateError::AttributeLength,
        (_, code::ORIGIN) => UpdateError::InvalidOrigin,
        (_, code::AS_PATH) => UpdateError::MalformedAsPath,
        (_, code::NEXT_HOP) => UpdateError::InvalidNextHop,
        _ => UpdateError::OptionalAttribute,
    }
}
