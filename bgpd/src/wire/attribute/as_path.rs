//! AS_PATH and AS4_PATH (RFC 4271 §4.3, RFC 5065 §3, RFC 6793 §4.2), with 2-octet and
//! 4-octet AS numbers. AS 0 is malformed (RFC 7607 §2).

use super::Malformed;
use crate::wire::open::AS_TRANS;
use crate::wire::reader::Reader;

/// A segment of an AS_PATH.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AsSegment {
    /// What the numbers mean.
    pub kind: AsSegmentKind,
    /// 1 to 255 AS numbers on the wire.
    pub asns: Vec<u32>,
}

/// The kinds of AS_PATH segments (RFC 4271 §4.3, RFC 5065 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AsSegmentKind {
    /// AS_SET, counts 1.
    Set,
    /// AS_SEQUENCE, counts one each.
    Sequence,
    /// AS_CONFED_SEQUENCE, does not count.
    ConfedSequence,
    /// AS_CONFED_SET, does not count.
    ConfedSet,
}

/// AS_PATH.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct AsPath(pub Vec<AsSegment>);

/// The most AS numbers in a segment: its count has one octet.
const MAX_SEGMENT: usize = 255;

impl AsSegmentKind {
    fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Set,
            2 => Self::Sequence,
            3 => Self::ConfedSequence,
            4 => Self::ConfedSet,
            _ => return None,
        })
    }

    fn number(self) -> u8 {
        match self {
            Self::Set => 1,
            Self::Sequence => 2,
            Self::ConfedSequence => 3,
            Self::ConfedSet => 4,
        }
    }

    /// True for segments that do not leave their confederation.
    pub fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

impl AsSegment {
    fn length(&self) -> u32 {
        match self.kind {
            AsSegmentKind::Sequence => u32::try_from(self.asns.len()).unwrap_or(u32::MAX),
            AsSegmentKind::Set => 1,
            AsSegmentKind::ConfedSequence | AsSegmentKind::ConfedSet => 0,
        }
    }
}

impl AsPath {
    /// The length by which paths are compared (RFC 4271 §9.1.2.2 a, RFC 5065 §5.3).
    pub fn length(&self) -> u32 {
        self.0.iter().map(AsSegment::length).fold(0, u32::saturating_add)
    }

    /// How often `asn` occurs.
    pub fn count(&self, asn: u32) -> usize {
        self.0.iter().flat_map(|segment| &segment.asns).filter(|&&other| other == asn).count()
    }

    /// The neighbouring AS: the first of the first sequence.
    pub fn neighbour(&self) -> Option<u32> {
        match self.0.iter().find(|segment| !segment.kind.is_confederation()) {
            Some(AsSegment { kind: AsSegmentKind::Sequence, asns }) => asns.first().copied(),
            _ => None,
        }
    }

    /// Puts `asn` in front `times` times, as when the route leaves the AS (RFC 4271 §5.1.2).
    pub fn prepend(&mut self, asn: u32, times: usize) {
        let more = std::iter::repeat_n(asn, times);
        match self.0.first_mut() {
            Some(AsSegment { kind: AsSegmentKind::Sequence, asns }) if asns.len() + times <= MAX_SEGMENT => {
                asns.splice(0..0, more);
            }
            _ if times == 0 => {}
            _ => self.0.insert(0, AsSegment { kind: AsSegmentKind::Sequence, asns: more.collect() }),
        }
    }

    /// Reads the value of an AS_PATH, or of an AS4_PATH with `four_octet`.
    pub(super) fn parse(value: &[u8], four_octet: bool) -> Result<Self, Malformed> {
        let mut reader = Reader(value);
        let mut segments = Vec::new();
        while !reader.is_empty() {
            let (Some(kind), Some(count)) = (reader.u8(), reader.u8()) else {
                return Err(Malformed::Value("ends within a segment"));
            };
            let kind =
                AsSegmentKind::from_number(kind).ok_or(Malformed::Value("has an unknown segment type"))?;
            // RFC 7606 §7.2: a segment of no AS numbers is malformed.
            if count == 0 {
                return Err(Malformed::Value("has an empty segment"));
            }
            let count = usize::from(count);
            let overrun = Malformed::Value("has a segment longer than the attribute");
            let asns: Vec<u32> = if four_octet {
                let octets = reader.take(count * 4).ok_or(overrun)?;
                octets.as_chunks::<4>().0.iter().map(|octets| u32::from_be_bytes(*octets)).collect()
            } else {
                let octets = reader.take(count * 2).ok_or(overrun)?;
                octets
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|octets| u32::from(u16::from_be_bytes(*octets)))
                    .collect()
            };
            if asns.contains(&0) {
                return Err(Malformed::Value("contains AS 0"));
            }
            segments.push(AsSegment { kind, asns });
        }
        Ok(Self(segments))
    }

    /// Appends the value. Segments of more than 255 numbers become several; empty ones
    /// vanish.
    pub(super) fn emit(&self, four_octet: bool, out: &mut Vec<u8>) {
        for segment in &self.0 {
            for asns in segment.asns.chunks(MAX_SEGMENT) {
                out.extend_from_slice(&[segment.kind.number(), u8::try_from(asns.len()).unwrap_or(u8::MAX)]);
                for &asn in asns {
                    if four_octet {
                        out.extend_from_slice(&asn.to_be_bytes());
                    } else {
                        out.extend_from_slice(&u16::try_from(asn).unwrap_or(AS_TRANS).to_be_bytes());
                    }
                }
            }
        }
    }

    /// The AS4_PATH to send beside a 2-octet AS_PATH; `None` if every number fits there.
    /// Confederation segments are left out (RFC 6793 §4.2.2).
    pub(super) fn as4_path(&self) -> Option<AsPath> {
        let path: Vec<_> =
            self.0.iter().filter(|segment| !segment.kind.is_confederation()).cloned().collect();
        path.iter().flat_map(|segment| &segment.asns).any(|&asn| asn > 0xffff).then_some(AsPath(path))
    }

    /// The whole path out of a 2-octet AS_PATH and the AS4_PATH beside it (RFC 6793 §4.2.3).
    pub(super) fn merged_with(self, as4_path: AsPath) -> AsPath {
        let mut as4 = as4_path.0;
        // RFC 6793 §6: confederation segments do not belong there.
        as4.retain(|segment| !segment.kind.is_confederation());
        let as4 = AsPath(as4);
        let Some(mut lead) = self.length().checked_sub(as4.length()) else { return self };
        // What the AS_PATH has more stands in front: ASes that did not know the AS4_PATH.
        let mut merged = Vec::new();
        for segment in self.0 {
            match segment.kind {
                AsSegmentKind::ConfedSequence | AsSegmentKind::ConfedSet => merged.push(segment),
                _ if lead == 0 => break,
                AsSegmentKind::Set => {
                    lead -= 1;
                    merged.push(segment);
                }
                AsSegmentKind::Sequence => {
                    let take = segment.asns.len().min(usize::try_from(lead).unwrap_or(usize::MAX));
                    lead = lead.saturating_sub(u32::try_from(take).unwrap_or(u32::MAX));
                    let asns = segment.asns.into_iter().take(take).collect();
                    merged.push(AsSegment { kind: AsSegmentKind::Sequence, asns });
                }
            }
        }
        for segment in as4.0 {
            match merged.last_mut() {
                Some(last)
                    if last.kind == AsSegmentKind::Sequence
                        && segment.kind == AsSegmentKind::Sequence
                        && last.asns.len() + segment.asns.len() <= MAX_SEGMENT =>
                {
                    last.asns.extend(segment.asns);
                }
                _ => merged.push(segment),
            }
        }
        AsPath(merged)
    }
}
