//! How soon a write is tried again: at once for a lone drift, later and later for what keeps failing or what
//! somebody keeps changing back.

use super::key::{Key, TableId, VrfId};
use hashbrown::HashMap;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

/// Repairs of one key within [`WINDOW`] that are made at once.
const FREE_REPAIRS: u32 = 16;
/// A key that nobody touched for so long starts anew.
const WINDOW: Duration = Duration::from_secs(10);
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// Failures of one key after which the log is told. The first ones usually pass: a device is just going away.
const TELL_AFTER: u32 = 4;
/// More troubles than this are not remembered: when everything fails at once, one key's history is no help.
const MAX_TROUBLES: usize = 65_536;

#[derive(Debug)]
struct Trouble {
    failures: u32,
    repairs: u32,
    last: Instant,
    until: Instant,
}

/// What to do about a drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// Write now.
    Now,
    /// Write when it is due; `tell`: somebody fights us, say so.
    Later { tell: bool },
}

/// The keys that are in trouble, and when each is due.
#[derive(Debug, Default)]
pub struct Pace {
    troubles: HashMap<Key, Trouble, foldhash::fast::RandomState>,
    due: BinaryHeap<Reverse<(Instant, Key)>>,
}

fn delay(step: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << step.min(16)).min(LONGEST_DELAY)
}

impl Pace {
    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        self.troubles.allocation_size() + self.due.capacity() * size_of::<Reverse<(Instant, Key)>>()
    }

    fn trouble(&mut self, key: Key, now: Instant) -> Option<&mut Trouble> {
        if self.troubles.len() >= MAX_TROUBLES && !self.troubles.contains_key(&key) {
            self.troubles.retain(|_, trouble| now.saturating_duration_since(trouble.last) < WINDOW);
            if self.troubles.len() >= MAX_TROUBLES {
                return None;
            }
        }
        let trouble =
            self.troubles.entry(key).or_insert(Trouble { failures: 0, repairs: 0, last: now, until: now });
        if now.saturating_duration_since(trouble.last.max(trouble.until)) >= WINDOW {
            *trouble = Trouble { failures: 0, repairs: 0, last: now, until: now };
        }
        trouble.last = now;
        Some(trouble)
    }

    /// Somebody changed an entry of ours.
    pub fn repair(&mut self, key: Key, now: Instant) -> Repair {
        let Some(trouble) = self.trouble(key, now) else { return Repair::Now };
        if trouble.until > now {
            return Repair::Later { tell: false };
        }
        trouble.repairs += 1;
        let Some(step) = trouble.repairs.checked_sub(FREE_REPAIRS + 1) else { return Repair::Now };
        trouble.until = now + delay(step + 1);
        let until = trouble.until;
        self.due.push(Reverse((until, key)));
        Repair::Later { tell: step == 0 }
    }

    /// A write failed; it is due again later. True when the log should be told.
    pub fn failed(&mut self, key: Key, now: Instant) -> bool {
        let (until, tell) = match self.trouble(key, now) {
            Some(trouble) => {
                trouble.until = now + delay(trouble.failures);
                trouble.failures += 1;
                (trouble.until, trouble.failures == TELL_AFTER)
            }
            None => (now + LONGEST_DELAY, false),
        };
        self.due.push(Reverse((until, key)));
        tell
    }

    /// A write succeeded.
    pub fn succeeded(&mut self, key: Key) {
        if self.troubles.is_empty() {
            return;
        }
        if let Some(trouble) = self.troubles.get_mut(&key) {
            trouble.failures = 0;
        }
    }

    /// Whether the key has to wait still.
    pub fn waits(&self, key: Key, now: Instant) -> bool {
        self.troubles.get(&key).is_some_and(|trouble| trouble.until > now)
    }

    /// The core wants something new of the key: that is tried at once.
    pub fn forgive(&mut self, key: Key) {
        if !self.troubles.is_empty() {
            self.troubles.remove(&key);
        }
    }

    /// The VNI has new devices: the old ones' troubles are no reason to wait.
    pub fn forgive_table(&mut self, table: TableId) {
        self.troubles.retain(|key, _| key.table() != Some(table));
    }

    /// The same of an IP-VRF.
    pub fn forgive_vrf(&mut self, vrf: VrfId) {
        self.troubles.retain(|key, _| !matches!(key, Key::Route(of, _) if *of == vrf));
    }

    /// The next key whose time has come.
    pub fn take_due(&mut self, now: Instant) -> Option<Key> {
        if self.due.peek().is_none_or(|Reverse((until, _))| *until > now) {
            return None;
        }
        let Reverse((_, key)) = self.due.pop()?;
        Some(key)
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse((until, _))| *until)
    }
}
