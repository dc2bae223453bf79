//! Paths and communities as the text that regular expressions are asked about: FRR's text, so that an
//! operator's expressions mean what they meant. Written into a buffer on the stack.

use crate::{
    config::community::{Community, LargeCommunity},
    wire::{
        AttributeSet,
        attribute::{AsPath, AsSegmentKind},
    },
};
use smallvec::SmallVec;
use std::fmt::{self, Display, Write};

/// Most texts are shorter; a longer one goes to the heap.
#[derive(Debug, Default)]
pub(super) struct Text(SmallVec<[u8; 256]>);

impl Text {
    /// The octets.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value alone.
    pub fn of(value: impl Display) -> Self {
        Self::joined(std::iter::once(value))
    }

    /// The values with a space between.
    pub fn joined<T: Display>(values: impl IntoIterator<Item = T>) -> Self {
        let mut text = Self::default();
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            // Writing into memory does not fail.
            let _ = write!(text, "{value}");
        }
        text
    }

    /// `65000 65001 {65002,65003} (65004) [65005]`: sequence, set, and both of a confederation.
    pub fn of_path(path: &AsPath) -> Self {
        let mut text = Self::default();
        for (index, segment) in path.0.iter().enumerate() {
            if index > 0 {
                text.push(b' ');
            }
            let (open, between, close) = match segment.kind {
                AsSegmentKind::Sequence => ("", b' ', ""),
                AsSegmentKind::Set => ("{", b',', "}"),
                AsSegmentKind::ConfedSequence => ("(", b' ', ")"),
                AsSegmentKind::ConfedSet => ("[", b',', "]"),
            };
            text.0.extend_from_slice(open.as_bytes());
            for (index, asn) in segment.asns.iter().enumerate() {
                if index > 0 {
                    text.push(between);
                }
                let _ = write!(text, "{asn}");
            }
            text.0.extend_from_slice(close.as_bytes());
        }
        text
    }

    /// `65000:1 no-export`.
    pub fn of_communities(attributes: &AttributeSet) -> Self {
        Self::joined(attributes.communities.iter().copied().map(Community))
    }

    /// `65000:1:2 65000:3:4`.
    pub fn of_large_communities(attributes: &AttributeSet) -> Self {
        Self::joined(attributes.large_communities.iter().copied().map(LargeCommunity))
    }

    /// `RT:65000:10 ET:8`.
    pub fn of_ext_communities(attributes: &AttributeSet) -> Self {
        Self::joined(&attributes.ext_communities)
    }

    fn push(&mut self, octet: u8) {
        self.0.push(octet);
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::attribute::AsSegment;

    #[test]
    fn a_path_is_written_as_frr_writes_it() {
        let path = AsPath(vec![
            AsSegment { kind: AsSegmentKind::ConfedSequence, asns: vec![1, 2] },
            AsSegment { kind: AsSegmentKind::Sequence, asns: vec![65000, 4_200_000_000] },
            AsSegment { kind: AsSegmentKind::Set, asns: vec![3, 4] },
            AsSegment { kind: AsSegmentKind::ConfedSet, asns: vec![5, 6] },
        ]);
        assert_eq!(Text::of_path(&path).as_bytes(), b"(1 2) 65000 4200000000 {3,4} [5,6]");
        assert_eq!(Text::of_path(&AsPath::default()).as_bytes(), b"");
    }
}
