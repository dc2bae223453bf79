//! `maximum-prefix`: how many routes of a family a neighbour may have in its Adj-RIB-In, and
//! when to say that it comes near. Pure arithmetic; the session is closed by the core.

use crate::peer::{MaximumPrefix, PeerId};
use crate::wire::Family;
use std::fmt;

/// A neighbour has passed the threshold, or, with `warning-only`, the limit. Given once, until
/// it has been below again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixWarning {
    /// The neighbour.
    pub peer: PeerId,
    /// The family.
    pub family: Family,
    /// Its routes.
    pub count: u32,
    /// What is configured.
    pub maximum: MaximumPrefix,
}

impl fmt::Display for PrefixWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, family, count, maximum } = self;
        write!(f, "{peer} has sent {count} routes of {family}, {} are allowed", maximum.limit)?;
        if maximum.all_beyond && *count > maximum.limit {
            f.write_str("; the others are not kept, and until its next session it is sent all EVPN routes")?;
        }
        Ok(())
    }
}

/// Where a count stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Fine,
    Near,
    Over,
}

/// The threshold is passed with more than its share of the limit, as FRR has it.
pub(super) fn level(maximum: &MaximumPrefix, count: u32) -> Level {
    let near = u64::from(maximum.limit) * u64::from(maximum.threshold) / 100;
    if count > maximum.limit {
        Level::Over
    } else if u64::from(count) > near {
        Level::Near
    } else {
        Level::Fine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let maximum = MaximumPrefix {
            limit: 100,
            threshold: 75,
            warning_only: false,
            all_beyond: false,
            restart: None,
        };
        assert_eq!(
            [75, 76, 100, 101].map(|n| level(&maximum, n)),
            [Level::Fine, Level::Near, Level::Near, Level::Over]
        );
        let large = MaximumPrefix { limit: u32::MAX, threshold: 100, ..maximum };
        assert_eq!(level(&large, u32::MAX), Level::Fine);
    }
}
