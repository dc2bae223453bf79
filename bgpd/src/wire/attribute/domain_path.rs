//! D-PATH, the domains that a route has passed through (RFC 10039 §4, until lately
//! draft-ietf-bess-evpn-ipvpn-interworking): segments of a count and as many domains of 7
//! octets, the last one passed first. What loops and what is prepended is decided by those
//! who originate between domains.

use super::Malformed;
use crate::wire::reader::Reader;
use std::fmt;
use weft_evpn::DomainId;

/// Domains that a segment can hold: its count has one octet.
const MAX_SEGMENT: usize = 255;

/// The ISF_SAFI_TYPE of a domain: by which kind of route the gateway had the prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IsfSafi {
    /// 0: the gateway's own.
    Local,
    /// 70: EVPN.
    Evpn,
    /// 128: IPVPN.
    IpVpn,
    /// Any other, relayed.
    Other(u8),
}

impl IsfSafi {
    /// From the octet.
    pub fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Local,
            70 => Self::Evpn,
            128 => Self::IpVpn,
            other => Self::Other(other),
        }
    }

    /// The octet.
    pub fn number(self) -> u8 {
        match self {
            Self::Local => 0,
            Self::Evpn => 70,
            Self::IpVpn => 128,
            Self::Other(other) => other,
        }
    }
}

/// A domain on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathDomain {
    /// Which.
    pub domain: DomainId,
    /// By which kind of route it was left.
    pub isf_safi: IsfSafi,
}

/// D-PATH, at least one domain, the one left last first. Where one segment ends and the next
/// begins says nothing and is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DPath(Vec<PathDomain>);

impl DPath {
    /// The path of a route that leaves its first domain.
    pub fn new(domain: DomainId, isf_safi: IsfSafi) -> Self {
        Self(vec![PathDomain { domain, isf_safi }])
    }

    /// The path of these domains, the one left last first; `None` without any.
    pub fn from_domains(domains: impl IntoIterator<Item = PathDomain>) -> Option<Self> {
        let domains: Vec<_> = domains.into_iter().collect();
        (!domains.is_empty()).then_some(Self(domains))
    }

    /// The domains, the one left last first.
    pub fn domains(&self) -> &[PathDomain] {
        &self.0
    }

    /// The length by which paths are compared.
    pub fn length(&self) -> usize {
        self.0.len()
    }

    /// The route has been in this domain.
    pub fn contains(&self, domain: DomainId) -> bool {
        self.0.iter().any(|passed| passed.domain == domain)
    }

    /// The route leaves one more domain.
    pub fn prepend(&mut self, domain: DomainId, isf_safi: IsfSafi) {
        self.0.insert(0, PathDomain { domain, isf_safi });
    }

    /// Reads the value: no fewer than 8 octets, filled exactly by segments of at least one
    /// domain each.
    pub(super) fn parse(value: &[u8]) -> Result<Self, Malformed> {
        let overrun = Malformed::Value("has a segment longer than the attribute");
        let mut reader = Reader(value);
        let mut domains = Vec::new();
        while let Some(count) = reader.u8() {
            if count == 0 {
                return Err(Malformed::Value("has an empty segment"));
            }
            let octets = reader.take(usize::from(count) * 7).ok_or(overrun)?;
            domains.extend(octets.as_chunks::<7>().0.iter().map(|&[a, b, c, d, e, f, isf_safi]| {
                PathDomain { domain: DomainId([a, b, c, d, e, f]), isf_safi: IsfSafi::from_number(isf_safi) }
            }));
        }
        Self::from_domains(domains).ok_or(Malformed::Length)
    }

    /// Appends the value. Only the first segment is not full, so that a prepended domain never
    /// moves those behind it into other segments.
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        let (mut rest, first) = (self.0.as_slice(), self.0.len() % MAX_SEGMENT);
        let mut take = if first == 0 { MAX_SEGMENT } else { first };
        while let Some((segment, behind)) =
            rest.split_at_checked(take).filter(|(segment, _)| !segment.is_empty())
        {
            out.push(u8::try_from(segment.len()).unwrap_or(u8::MAX));
            for passed in segment {
                out.extend_from_slice(&passed.domain.0);
                out.push(passed.isf_safi.number());
            }
            (rest, take) = (behind, MAX_SEGMENT);
        }
    }
}

impl fmt::Display for DPath {
    /// `65000:1:70 65001:2:70`, the domain left last first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, passed) in self.0.iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{}:{}", passed.domain, passed.isf_safi.number())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(path: &DPath) -> Vec<u8> {
        let mut out = Vec::new();
        path.emit(&mut out);
        out
    }

    #[test]
    fn a_path_has_the_octets_of_the_rfc() {
        let mut path = DPath::new(DomainId::new(65_000, 1), IsfSafi::Local);
        assert_eq!(octets(&path), [1, 0, 0, 0xfd, 0xe8, 0, 1, 0]);
        path.prepend(DomainId::new(65_001, 2), IsfSafi::Evpn);
        assert_eq!(octets(&path), [2, 0, 0, 0xfd, 0xe9, 0, 2, 70, 0, 0, 0xfd, 0xe8, 0, 1, 0]);
        assert_eq!(path.to_string(), "65001:2:70 65000:1:0");
        assert_eq!(path.length(), 2);
        assert!(path.contains(DomainId::new(65_000, 1)) && !path.contains(DomainId::new(65_000, 2)));
        assert_eq!(DPath::parse(&octets(&path)), Ok(path));
    }

    #[test]
    fn segments_are_joined_and_long_paths_cut() {
        let two = [1, 0, 0, 0, 1, 0, 1, 70, 1, 0, 0, 0, 2, 0, 1, 99];
        let path = DPath::parse(&two).expect("a path");
        assert_eq!((path.length(), path.domains()[1].isf_safi), (2, IsfSafi::Other(99)));
        let long = DPath::from_domains(
            (0..600).map(|n| PathDomain { domain: DomainId::new(n, 0), isf_safi: IsfSafi::IpVpn }),
        )
        .expect("domains");
        let wire = octets(&long);
        assert_eq!((wire[0], wire[1 + 90 * 7], wire.len()), (90, 255, 600 * 7 + 3));
        assert_eq!(DPath::parse(&wire), Ok(long));
    }

    #[test]
    fn malformed_paths() {
        for value in [
            &[][..],
            &[0],
            &[1],
            &[1, 0, 0, 0, 1, 0, 1],
            &[0, 0, 0, 0, 1, 0, 1, 70],
            &[2, 0, 0, 0, 1, 0, 1, 70],
        ] {
            assert!(DPath::parse(value).is_err(), "{value:?}");
        }
        assert!(DPath::parse(&[1, 0, 0, 0, 1, 0, 1, 70, 0]).is_err());
    }
}
