//! Takes fields from the front of a byte slice with nom's parsers; `None` when there are too
//! few octets. Private to the codec: its callers say what was truncated, and where.

use nom::{IResult, Parser, bytes::complete::take, error::Error, number::complete};

/// A cursor over bytes whose length is not trusted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Runs a parser at the front; on success the cursor moves behind what it took.
    fn parse<T>(
        &mut self,
        mut parser: impl Parser<&'a [u8], Output = T, Error = Error<&'a [u8]>>,
    ) -> Option<T> {
        let parsed: IResult<&'a [u8], T> = parser.parse(self.0);
        let (rest, value) = parsed.ok()?;
        self.0 = rest;
        Some(value)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.parse(take(N).map_opt(|octets: &[u8]| <[u8; N]>::try_from(octets).ok()))
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.parse(complete::u8)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.parse(complete::be_u16)
    }

    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        self.parse(take(count))
    }
}
