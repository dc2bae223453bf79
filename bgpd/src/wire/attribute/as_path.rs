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

    /// True if `asn` occurs nowhere but at the end, where the path begins its way: once or, by
    /// prepending, several times.
    pub fn only_at_origin(&self, asn: u32) -> bool {
        let mut behind = true;
        self.0.iter().rev().all(|segment| match segment.kind {
            // A set has no order, so it is at the end only if there is nothing else in it.
            AsSegmentKind::Set | AsSegmentKind::ConfedSet => {
                let (any, all) =
                    (segment.asns.contains(&asn), segment.asns.iter().all(|&other| other == asn));
                let fits = !any || (behind && all);
                behind &= all;
                fits
            }
            AsSegmentKind::Sequence | AsSegmentKind::ConfedSequence => {
                segment.asns.iter().rev().all(|&other| {
                    let fits = other != asn || behind;
                    behind &= other == asn;
                    fits
                })
            }
        })
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

#[cfg(test)]
mod tests {
    use super::AsSegmentKind::{ConfedSequence, ConfedSet, Sequence, Set};
    use super::*;

    fn path(segments: &[(AsSegmentKind, &[u32])]) -> AsPath {
        AsPath(segments.iter().map(|&(kind, asns)| AsSegment { kind, asns: asns.to_vec() }).collect())
    }

    fn octets(path: &AsPath, four_octet: bool) -> Vec<u8> {
        let mut out = Vec::new();
        path.emit(four_octet, &mut out);
        out
    }

    #[test]
    fn both_widths_have_their_octets() {
        let both = path(&[(Sequence, &[65000, 70000]), (Set, &[1])]);
        let wide = [2, 2, 0, 0, 0xfd, 0xe8, 0, 1, 0x11, 0x70, 1, 1, 0, 0, 0, 1];
        assert_eq!(octets(&both, true), wide);
        assert_eq!(AsPath::parse(&wide, true), Ok(both.clone()));
        let narrow = [2, 2, 0xfd, 0xe8, 0x5b, 0xa0, 1, 1, 0, 1];
        assert_eq!(octets(&both, false), narrow);
        let trans = path(&[(Sequence, &[65000, 23456]), (Set, &[1])]);
        assert_eq!(AsPath::parse(&narrow, false), Ok(trans.clone()));
        assert_eq!(trans.merged_with(both.as4_path().unwrap()), both);
    }

    #[test]
    fn lengths_and_neighbours() {
        let mut path =
            path(&[(ConfedSequence, &[1, 2]), (Sequence, &[3, 4]), (Set, &[5, 6]), (ConfedSet, &[7])]);
        assert_eq!((path.length(), path.neighbour(), path.count(6)), (3, Some(3), 1));
        path.prepend(9, 2);
        assert_eq!((path.length(), path.neighbour()), (5, Some(9)));
        assert_eq!(AsPath::default().neighbour(), None);
    }

    #[test]
    fn an_as_only_at_the_origin() {
        for (segments, only) in [
            (&[][..], true),
            (&[(Sequence, &[1, 2][..])], true),
            (&[(Sequence, &[1, 2, 9])], true),
            (&[(Sequence, &[1, 9]), (Sequence, &[9, 9])], true),
            (&[(Sequence, &[1]), (Set, &[9])], true),
            (&[(Sequence, &[1, 9]), (Set, &[9, 9])], true),
            (&[(Sequence, &[9, 1])], false),
            (&[(Sequence, &[9, 1, 9])], false),
            (&[(Sequence, &[1]), (Set, &[9, 2])], false),
            (&[(Sequence, &[1, 9]), (Set, &[2])], false),
        ] {
            assert_eq!(path(segments).only_at_origin(9), only, "{segments:?}");
        }
    }

    #[test]
    fn prepending_keeps_a_segment_below_256() {
        let mut long = path(&[(Sequence, &[1; 254])]);
        long.prepend(2, 1);
        assert_eq!(long.0.len(), 1);
        long.prepend(2, 1);
        assert_eq!((long.0.len(), long.length()), (2, 256));
        long.prepend(3, 0);
        assert_eq!(long.0.len(), 2);
    }

    #[test]
    fn long_segments_are_split_on_the_wire() {
        let wire = octets(&path(&[(Sequence, &[7; 300])]), true);
        assert_eq!((wire[1], wire[2 + 255 * 4 + 1]), (255, 45));
        assert_eq!(AsPath::parse(&wire, true).unwrap().length(), 300);
    }

    #[test]
    fn malformed_paths() {
        for value in [
            &[2][..],
            &[2, 0],
            &[0, 1, 0, 0, 0, 1],
            &[5, 1, 0, 0, 0, 1],
            &[2, 2, 0, 0, 0, 1],
            &[2, 1, 0, 0, 0, 1, 2],
            &[2, 1, 0, 0, 0, 0],
        ] {
            assert!(AsPath::parse(value, true).is_err(), "{value:?}");
        }
        assert_eq!(AsPath::parse(&[], true), Ok(AsPath::default()));
    }

    #[test]
    fn merging_follows_rfc_6793_section_4_2_3() {
        let merge = |path: AsPath, as4: AsPath| path.merged_with(as4);
        // What the AS_PATH has more comes first.
        let front = path(&[(Sequence, &[10, 20, 23456, 23456])]);
        let as4 = path(&[(Sequence, &[70000, 80000])]);
        assert_eq!(merge(front, as4.clone()), path(&[(Sequence, &[10, 20, 70000, 80000])]));
        // A longer AS4_PATH is a lie.
        let short = path(&[(Sequence, &[10])]);
        assert_eq!(merge(short.clone(), as4), short);
        // A set counts one, confederation segments do not count and stay in front.
        let mixed = path(&[(ConfedSequence, &[5]), (Set, &[1, 2]), (Sequence, &[23456])]);
        let merged = merge(mixed, path(&[(Sequence, &[70000])]));
        assert_eq!(merged, path(&[(ConfedSequence, &[5]), (Set, &[1, 2]), (Sequence, &[70000])]));
        // RFC 6793 §6: confederation segments of an AS4_PATH are dropped.
        let merged = merge(path(&[(Sequence, &[23456])]), path(&[(ConfedSet, &[1]), (Sequence, &[70000])]));
        assert_eq!(merged, path(&[(Sequence, &[70000])]));
    }

    #[test]
    fn as4_path_is_sent_only_when_needed() {
        assert_eq!(path(&[(Sequence, &[1, 65535])]).as4_path(), None);
        assert_eq!(path(&[(ConfedSequence, &[70000])]).as4_path(), None);
        let mixed = path(&[(ConfedSequence, &[1]), (Sequence, &[70000])]);
        assert_eq!(mixed.as4_path(), Some(path(&[(Sequence, &[70000])])));
    }
}
