//! Communities as an operator writes them in lists and route-maps: RFC 1997, RFC 8092, and of the
//! extended ones route target and site of origin (RFC 4360 §4, §5). Names are FRR's.

use super::text_form::serde_by_text;
use std::{fmt, str::FromStr};
use weft_evpn::{ExtendedCommunity, RouteTarget};

/// A community (RFC 1997): `AS:NN`, or a name that IANA gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

/// A large community (RFC 8092): `N:N:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity(pub [u32; 3]);

/// A site of origin (RFC 4360 §5): written like a route target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteOfOrigin(RouteTarget);

/// An extended community that a list can name: `rt AS:NN`, `soo AS:NN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedExtCommunity {
    /// `rt`
    RouteTarget(RouteTarget),
    /// `soo`
    SiteOfOrigin(SiteOfOrigin),
}

/// The text is no community of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub struct ParseCommunityError(&'static str);

const WELL_KNOWN: [(u32, &str); 13] = [
    (0, "internet"),
    (0xffff_0000, "graceful-shutdown"),
    (0xffff_0001, "accept-own"),
    (0xffff_0002, "route-filter-translated-v4"),
    (0xffff_0003, "route-filter-v4"),
    (0xffff_0004, "route-filter-translated-v6"),
    (0xffff_0005, "route-filter-v6"),
    (0xffff_0006, "llgr-stale"),
    (0xffff_0007, "no-llgr"),
    (0xffff_029a, "blackhole"),
    (0xffff_ff01, "no-export"),
    (0xffff_ff02, "no-advertise"),
    (0xffff_ff03, "local-AS"),
];

/// The community of the whole internet: a list that names it means every route.
pub const INTERNET: Community = Community(0);

/// Digits only: no sign, no space.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WELL_KNOWN.iter().find(|(value, _)| *value == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((value, _)) = WELL_KNOWN.iter().find(|(_, name)| *name == text) {
            return Ok(Self(*value));
        }
        let parsed = match text.split_once(':') {
            Some((high, low)) => number::<u16>(high)
                .zip(number::<u16>(low))
                .map(|(high, low)| (u32::from(high) << 16) | u32::from(low)),
            None => number(text),
        };
        parsed.map(Self).ok_or(ParseCommunityError("AS:NN or the name of a community"))
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [global, one, two] = self.0;
        write!(f, "{global}:{one}:{two}")
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = ParseCommunityError("N:N:N");
        let mut parts = text.split(':').map(number::<u32>);
        let mut next = || parts.next().flatten().ok_or(error);
        let community = Self([next()?, next()?, next()?]);
        if parts.next().is_none() { Ok(community) } else { Err(error) }
    }
}

impl SiteOfOrigin {
    /// The community that carries it.
    pub fn community(self) -> ExtendedCommunity {
        let ExtendedCommunity([form, _, rest @ ..]) = self.0.community();
        let [a, b, c, d, e, f] = rest;
        ExtendedCommunity([form, 0x03, a, b, c, d, e, f])
    }
}

impl fmt::Display for SiteOfOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SiteOfOrigin {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ParseCommunityError("AS:NN or A.B.C.D:NN"))
    }
}

impl NamedExtCommunity {
    /// The community as it stands on the wire.
    pub fn community(self) -> ExtendedCommunity {
        match self {
            Self::RouteTarget(target) => target.community(),
            Self::SiteOfOrigin(site) => site.community(),
        }
    }
}

impl fmt::Display for NamedExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RouteTarget(target) => write!(f, "rt {target}"),
            Self::SiteOfOrigin(site) => write!(f, "soo {site}"),
        }
    }
}

impl FromStr for NamedExtCommunity {
    type Err = ParseCommunityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = ParseCommunityError("rt AS:NN or soo AS:NN");
        match text.split_once(' ') {
            Some(("rt", target)) => target.parse().map(Self::RouteTarget).map_err(|_| error),
            Some(("soo", site)) => site.parse().map(Self::SiteOfOrigin).map_err(|_| error),
            _ => Err(error),
        }
    }
}

serde_by_text!(Community);
serde_by_text!(LargeCommunity);
serde_by_text!(SiteOfOrigin);
serde_by_text!(NamedExtCommunity);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_goes_both_ways() {
        for text in ["65000:10", "no-export", "local-AS", "internet", "blackhole", "0:1"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
        assert_eq!("4294967041".parse(), Ok(Community(0xffff_ff01)));
        for text in ["4294967295:0:1", "1:2:3"] {
            assert_eq!(text.parse::<LargeCommunity>().unwrap().to_string(), text);
        }
        for text in ["rt 65000:10", "soo 10.0.0.1:7", "rt 4200000000:7"] {
            assert_eq!(text.parse::<NamedExtCommunity>().unwrap().to_string(), text);
        }
        let site: SiteOfOrigin = "65000:7".parse().unwrap();
        assert_eq!(site.community().to_string(), "SoO:65000:7");
    }

    #[test]
    fn what_is_no_community_is_refused() {
        for text in ["", "65536:1", "1:65536", "+1:2", "1:2:3", "No-Export", "4294967296", "1:"] {
            assert!(text.parse::<Community>().is_err(), "{text}");
        }
        for text in ["1:2", "1:2:3:4", "1:2:4294967296", "::"] {
            assert!(text.parse::<LargeCommunity>().is_err(), "{text}");
        }
        for text in ["rt", "rt 1", "xx 1:1", "1:1"] {
            assert!(text.parse::<NamedExtCommunity>().is_err(), "{text}");
        }
    }
}
