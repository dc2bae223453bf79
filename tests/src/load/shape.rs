//! What a table of routes looks like: how many, of which kinds, behind how many VTEPs, in how many VNIs,
//! and how they are packed. A shape is a few numbers; `plan` makes the routes of it.
//!
//! Shapes can be drawn by a seed, so that no figure hangs on one convenient shape.

use super::error::{LoadError, Result};
use serde::Serialize;
use std::fmt;
use std::str::FromStr;

/// The most VTEPs: their addresses are in 172.16.0.0/12.
pub const MAX_VTEPS: u32 = 1 << 20;
/// The most routes: hosts are numbered in the 24 bits of 10.0.0.0/8.
pub const MAX_ROUTES: u32 = 1 << 24;
/// The most VNIs, and so the most tenants: the rest of the 24 bits is for L3VNIs.
pub const MAX_VNIS: u32 = 1 << 22;

/// A kind of route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Type 2 without an address.
    Mac,
    /// Type 2 with an IPv4 address.
    Ipv4,
    /// Type 2 with an IPv6 address.
    Ipv6,
    /// Type 3.
    Imet,
    /// Type 5 of IPv4.
    Prefix4,
    /// Type 5 of IPv6.
    Prefix6,
}

/// Every kind, in the order in which a VTEP sends them.
pub const KINDS: [Kind; 6] = [Kind::Imet, Kind::Mac, Kind::Ipv4, Kind::Ipv6, Kind::Prefix4, Kind::Prefix6];

impl Kind {
    /// The word for it in `--mix`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mac => "mac",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Imet => "imet",
            Self::Prefix4 => "prefix4",
            Self::Prefix6 => "prefix6",
        }
    }

    /// True for routes of a host, which can move.
    pub fn is_host(self) -> bool {
        matches!(self, Self::Mac | Self::Ipv4 | Self::Ipv6)
    }

    /// True for type 5.
    pub fn is_prefix(self) -> bool {
        matches!(self, Self::Prefix4 | Self::Prefix6)
    }
}

/// How many routes there are of each kind for each other: `mac=1,ipv4=1`. Type 3 is not weighed: there is
/// one for each VTEP and VNI, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mix {
    /// Type 2 without an address.
    pub mac: u32,
    /// Type 2 with an IPv4 address.
    pub ipv4: u32,
    /// Type 2 with an IPv6 address.
    pub ipv6: u32,
    /// Type 5 of IPv4.
    pub prefix4: u32,
    /// Type 5 of IPv6.
    pub prefix6: u32,
}

impl Mix {
    /// Nothing but type 2 with an IPv4 address.
    pub const IPV4: Self = Self { mac: 0, ipv4: 1, ipv6: 0, prefix4: 0, prefix6: 0 };

    /// The weight of a kind; 0 for type 3.
    pub fn weight(&self, kind: Kind) -> u32 {
        match kind {
            Kind::Mac => self.mac,
            Kind::Ipv4 => self.ipv4,
            Kind::Ipv6 => self.ipv6,
            Kind::Prefix4 => self.prefix4,
            Kind::Prefix6 => self.prefix6,
            Kind::Imet => 0,
        }
    }

    fn total(&self) -> u64 {
        KINDS.iter().map(|&kind| u64::from(self.weight(kind))).sum()
    }

    /// Of a row of routes whose kinds take turns by the weights, the kinds of `routes` of them behind the first
    /// `before`. So groups of one route each have all kinds, too.
    pub fn split(&self, before: u64, routes: u32) -> impl Iterator<Item = (Kind, u32)> {
        let total = self.total().max(1);
        let mut begin = 0;
        let mix = *self;
        KINDS.into_iter().filter(|kind| *kind != Kind::Imet).map(move |kind| {
            let weight = u64::from(mix.weight(kind));
            let of_first =
                |count: u64| count / total * weight + (count % total).saturating_sub(begin).min(weight);
            let share = of_first(before + u64::from(routes)) - of_first(before);
            begin += weight;
            (kind, u32::try_from(share).unwrap_or(routes))
        })
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = KINDS
            .iter()
            .filter(|&&kind| self.weight(kind) > 0)
            .map(|&kind| format!("{}={}", kind.word(), self.weight(kind)))
            .collect();
        f.write_str(&parts.join(","))
    }
}

impl FromStr for Mix {
    type Err = LoadError;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |reason: &str| LoadError::Option {
            option: "--mix",
            value: text.to_owned(),
            reason: format!("{reason}; an example: mac=1,ipv4=2,prefix4=1"),
        };
        let mut mix = Self { ipv4: 0, ..Self::IPV4 };
        for part in text.split(',') {
            let (word, weight) = part.split_once('=').unwrap_or((part, "1"));
            let weight = weight.parse().map_err(|_| wrong(&format!("'{weight}' is no number")))?;
            match word.trim() {
                "mac" => mix.mac = weight,
                "ipv4" => mix.ipv4 = weight,
                "ipv6" => mix.ipv6 = weight,
                "prefix4" => mix.prefix4 = weight,
                "prefix6" => mix.prefix6 = weight,
                other => return Err(wrong(&format!("there is no kind '{other}'"))),
            }
        }
        if mix.total() == 0 { Err(wrong("all weights are zero")) } else { Ok(mix) }
    }
}

/// A table of routes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// All routes, type 3 included.
    pub routes: u32,
    /// VTEPs, each with its own next hop and RDs.
    pub vteps: u32,
    /// L2VNIs; each is at each VTEP.
    pub vnis: u32,
    /// L3VNIs, in which the L2VNIs and the type-5 routes are in turn.
    pub tenants: u32,
    /// The kinds of the routes.
    pub mix: Mix,
    /// One type-3 route for each VTEP and VNI.
    pub imet: bool,
    /// MAC/IP routes have the L3VNI, its RT and the router's MAC (RFC 9135 symmetric IRB).
    pub symmetric: bool,
    /// Each route has attributes that no other has: a large community of its own.
    pub unique_attributes: bool,
    /// The most routes in an UPDATE; 0: as many as fit.
    pub per_update: u32,
    /// The groups of VTEP and VNI come in random order and random size, not one after another and alike.
    pub shuffled: bool,
    /// Number of the first L2VNI.
    pub first_vni: u32,
    /// Number of the first host, which is in its MAC and address; so two shapes can have different hosts.
    pub first_host: u32,
    /// AS of the auto-derived route targets.
    pub asn: u32,
    /// What is random, is drawn by this.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            routes: 1_000_000,
            vteps: 64,
            vnis: 100,
            tenants: 1,
            mix: Mix::IPV4,
            imet: false,
            symmetric: false,
            unique_attributes: false,
            per_update: 0,
            shuffled: false,
            first_vni: 1001,
            first_host: 0,
            asn: 65_000,
            seed: 1,
        }
    }
}

impl Shape {
    /// A shape of `routes` routes drawn by `seed`.
    pub fn random(seed: u64, routes: u32) -> Self {
        let mut draw = Draw::new(seed);
        // Few or many, alike likely: the exponent is drawn, not the number.
        let vteps = 1u32 << draw.below(9);
        let vnis = 1u32 << draw.below(10);
        let mut mix =
            Mix { mac: draw.below(3), ipv4: 1 + draw.below(4), ipv6: draw.below(3), prefix4: 0, prefix6: 0 };
        if draw.below(2) == 1 {
            (mix.prefix4, mix.prefix6) = (draw.below(3), draw.below(2));
        }
        Self {
            routes,
            vteps: (vteps + draw.below(vteps)).max(2),
            vnis: vnis + draw.below(vnis),
            tenants: 1 + draw.below(vnis.min(32)),
            mix,
            imet: draw.below(2) == 1 && u64::from(routes) > 4 * u64::from(4 * vteps * vnis),
            symmetric: draw.below(2) == 1,
            // From a few routes an UPDATE up to whatever fits.
            per_update: [0, 0, 100, 30, 10].get(draw.below(5) as usize).copied().unwrap_or(0),
            shuffled: draw.below(2) == 1,
            seed,
            ..Self::default()
        }
    }

    /// Refuses what cannot be made.
    pub fn check(&self) -> Result<()> {
        let within = |option, value: u32, most: u32| {
            if (1..=most).contains(&value) {
                return Ok(());
            }
            let reason = format!("must be from 1 to {most}");
            Err(LoadError::Option { option, value: value.to_string(), reason })
        };
        within("--routes", self.routes, MAX_ROUTES)?;
        within("--vteps", self.vteps, MAX_VTEPS)?;
        within("--vnis", self.vnis, MAX_VNIS)?;
        within("--tenants", self.tenants, MAX_VNIS)?;
        let type_3 = u64::from(self.vteps) * u64::from(self.vnis);
        if self.imet && type_3 > u64::from(self.routes) {
            return Err(LoadError::Option {
                option: "--routes",
                value: self.routes.to_string(),
                reason: format!("--imet alone makes {type_3} routes"),
            });
        }
        Ok(())
    }
}

/// In words, as a benchmark states its workload.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} routes ({}", self.routes, self.mix)?;
        if self.imet {
            f.write_str(", a type-3 route for each VTEP and VNI")?;
        }
        write!(f, ") of {} VTEPs x {} VNIs", self.vteps, self.vnis)?;
        if self.symmetric || self.mix.prefix4 + self.mix.prefix6 > 0 {
            write!(f, ", {} tenant{}", self.tenants, if self.tenants == 1 { "" } else { "s" })?;
        }
        if self.symmetric {
            f.write_str(", symmetric IRB")?;
        }
        match self.per_update {
            0 => {}
            count => write!(f, ", {count} an UPDATE at most")?,
        }
        if self.unique_attributes {
            f.write_str(", attributes of each its own")?;
        }
        if self.shuffled {
            write!(f, ", shuffled by seed {}", self.seed)?;
        }
        Ok(())
    }
}

/// Random numbers that are the same for the same seed (SplitMix64). Not for secrets.
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    /// A row of numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        // The upper 32 bits of a product: as even as 64 bits can be for so small a limit.
        let scaled = (u128::from(self.bits()) * u128::from(limit)) >> 64;
        u32::try_from(scaled).unwrap_or(0)
    }

    /// Puts `items` in random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(u32::try_from(last + 1).unwrap_or(u32::MAX)) as usize;
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_split_without_a_remainder() {
        for text in ["ipv4", "mac=1,ipv4=1", "mac=1,ipv4=2,ipv6=3,prefix4=5,prefix6=7"] {
            let mix: Mix = text.parse().unwrap();
            for (before, routes) in [(0, 0), (0, 1), (5, 2), (3, 17), (999, 1000), (1, 1_000_003)] {
                let split: Vec<_> = mix.split(before, routes).collect();
                assert_eq!(split.iter().map(|(_, count)| count).sum::<u32>(), routes, "{text} {routes}");
                for (kind, count) in split {
                    let fair = f64::from(routes) * f64::from(mix.weight(kind)) / mix.total() as f64;
                    let turn = f64::from(mix.weight(kind));
                    assert!((f64::from(count) - fair).abs() <= turn, "{text} {routes} {kind:?} {count}");
                }
            }
            // One by one they are the same as all at once.
            let mut one_by_one = [0; KINDS.len()];
            for before in 0..100 {
                for ((_, count), sum) in mix.split(before, 1).zip(&mut one_by_one) {
                    *sum += count;
                }
            }
            let at_once: Vec<u32> = mix.split(0, 100).map(|(_, count)| count).collect();
            assert_eq!(one_by_one[..at_once.len()], at_once[..]);
        }
    }

    #[test]
    fn a_mix_is_read_as_it_is_printed_and_refused_with_a_reason() {
        let mix: Mix = "prefix6=2,mac=1,ipv4=3".parse().unwrap();
        assert_eq!(mix.to_string(), "mac=1,ipv4=3,prefix6=2");
        assert_eq!(mix.to_string().parse::<Mix>().unwrap(), mix);
        for (text, reason) in
            [("arp=1", "no kind 'arp'"), ("mac=x", "'x' is no number"), ("mac=0", "all weights are zero")]
        {
            let error = text.parse::<Mix>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn random_shapes_can_be_made_and_are_the_same_for_a_seed() {
        let mut seen = std::collections::HashSet::new();
        for seed in 0..200 {
            let shape = Shape::random(seed, 100_000);
            shape.check().unwrap();
            assert_eq!(shape, Shape::random(seed, 100_000));
            seen.insert((shape.vteps, shape.vnis, shape.mix.to_string(), shape.per_update));
        }
        assert!(seen.len() > 150, "{} different shapes of 200", seen.len());
    }

    #[test]
    fn what_is_drawn_is_below_the_limit_and_reaches_it() {
        let mut draw = Draw::new(7);
        let drawn: Vec<u32> = (0..1000).map(|_| draw.below(5)).collect();
        assert!((0..5).all(|number| drawn.contains(&number)) && drawn.iter().all(|&number| number < 5));
        assert_eq!(draw.below(0), 0);
        let mut items: Vec<u32> = (0..100).collect();
        draw.shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
