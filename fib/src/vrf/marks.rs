//! Keeps the nf_tables table of the rule form: marks for the router's own replies, and the filter for what tenants
//! say to the router. Without nf_tables tenants are routed all the same; the gateway does not answer then.

use crate::event::FibNotice;
use crate::netlink::nftables::{Nftables, Ruleset};
use crate::netlink::socket::RequestError;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use tracing::debug;

/// After a failure, and between repairs: somebody else may be at it.
const PAUSE: Duration = Duration::from_millis(200);
/// After so long without a repair the next one is the first again.
const QUIET: Duration = Duration::from_secs(60);
/// Repairs at once, before they are spaced out.
const QUICK_REPAIRS: u32 = 10;

/// The table as far as it is known.
#[derive(Default)]
pub struct MarkKeeper {
    nftables: Option<Nftables>,
    /// What was written; `None`: that is to be done.
    written: Option<Ruleset>,
    until: Option<Instant>,
    repairs: u32,
    spoiled_at: Option<Instant>,
    told: bool,
}

impl std::fmt::Debug for MarkKeeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MarkKeeper").field("written", &self.written).finish_non_exhaustive()
    }
}

impl MarkKeeper {
    /// Something about the table is to be done now.
    pub fn is_due(&mut self, now: Instant) -> bool {
        if self.nftables.as_mut().is_some_and(Nftables::touched) && self.written.take().is_some() {
            self.spoiled(now);
        }
        let due = self.until.map_or(self.nftables.is_some(), |until| until <= now);
        due && self.written.is_none()
    }

    /// Somebody has changed the table.
    fn spoiled(&mut self, now: Instant) {
        let quiet =
            self.spoiled_at.replace(now).is_none_or(|last| now.saturating_duration_since(last) > QUIET);
        self.repairs = if quiet { 1 } else { self.repairs + 1 };
        if self.repairs > QUICK_REPAIRS {
            self.until = Some(now + PAUSE * self.repairs.min(100));
        }
    }

    /// When, at the latest.
    pub fn next_due(&self) -> Option<Instant> {
        self.until.filter(|_| self.written.is_none())
    }

    /// What to wait for.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.nftables.as_ref().map(Nftables::fd)
    }

    /// Writes the table as it should be, if it is not. `leftover`: an earlier run may have left one.
    pub fn keep(&mut self, wanted: &Ruleset, leftover: bool, now: Instant) -> Option<FibNotice> {
        if wanted.marks.is_empty() && self.nftables.is_none() && !leftover {
            self.until = None;
            return None;
        }
        if self.written.as_ref() == Some(wanted) || self.until.is_some_and(|until| until > now) {
            return None;
        }
        match self.write(wanted) {
            Ok(()) => {
                self.written = Some(wanted.clone());
                self.until = None;
                self.told = false;
                None
            }
            Err(error) => {
                self.written = None;
                self.until = Some(now + PAUSE * 50);
                debug!("nf_tables: {error}");
                let error = format!(
                    "gateways of VRFs do not answer, since packets cannot be marked: {error}; \
                     use a kernel with nf_tables (CONFIG_NF_TABLES_INET)"
                );
                (!wanted.marks.is_empty() && !std::mem::replace(&mut self.told, true))
                    .then_some(FibNotice::Setting { error })
            }
        }
    }

    fn write(&mut self, wanted: &Ruleset) -> Result<(), RequestError> {
        let nftables = match &mut self.nftables {
            Some(nftables) => nftables,
            None => self.nftables.insert(Nftables::open()?),
        };
        if !wanted.marks.is_empty() {
            return nftables.replace(wanted);
        }
        if nftables.is_there()? { nftables.remove() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fight_is_spaced_out_and_a_reload_a_day_is_none() {
        let (mut keeper, mut now) = (MarkKeeper::default(), Instant::now());
        for day in 0..100 {
            keeper.spoiled(now);
            assert_eq!(keeper.next_due().filter(|due| *due > now), None, "day {day}");
            keeper.written = Some(Ruleset::default());
            now += Duration::from_secs(86_400);
            keeper.written = None;
        }
        for _ in 0..=QUICK_REPAIRS {
            keeper.spoiled(now);
        }
        assert!(keeper.next_due().is_some_and(|due| due > now));
    }
}
