//! How soon a write is tried again: at once for a lone drift, later and later for what keeps failing or what
//! somebody keeps changing back.

use super::key::{Key, TableId, VrfId};
use hashbrown::{HashMap, hash_map::Entry};
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
/// Between two searches for troubles that are over.
const SWEEP_PAUSE: Duration = Duration::from_secs(1);

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

/// What loses its troubles at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    Table(TableId),
    Vrf(VrfId),
    Other,
}

impl Scope {
    fn of(key: Key) -> Self {
        match (key, key.table()) {
            (_, Some(table)) => Scope::Table(table),
            (Key::Route(vrf, _), _) => Scope::Vrf(vrf),
            _ => Scope::Other,
        }
    }
}

type Troubles = HashMap<Key, Trouble, foldhash::fast::RandomState>;

/// The keys that are in trouble, and when each is due.
#[derive(Debug, Default)]
pub struct Pace {
    troubles: HashMap<Scope, Troubles, foldhash::fast::RandomState>,
    /// How many there are in all.
    count: usize,
    /// When old ones were last looked for.
    swept: Option<Instant>,
    due: BinaryHeap<Reverse<(Instant, Key)>>,
}

fn delay(step: u32) -> Duration {
    FIRST_DELAY.saturating_mul(1 << step.min(16)).min(LONGEST_DELAY)
}

impl Pace {
    /// Octets allocated.
    pub fn bytes(&self) -> usize {
        let troubles = self.troubles.values().map(HashMap::allocation_size).sum::<usize>();
        self.troubles.allocation_size()
            + troubles
            + self.due.capacity() * size_of::<Reverse<(Instant, Key)>>()
    }

    fn trouble(&mut self, key: Key, now: Instant) -> Option<&mut Trouble> {
        if self.count >= MAX_TROUBLES && self.get(key).is_none() {
            self.sweep(now);
            if self.count >= MAX_TROUBLES {
                return None;
            }
        }
        let troubles = self.troubles.entry(Scope::of(key)).or_default();
        let trouble = match troubles.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                self.count += 1;
                place.insert(Trouble { failures: 0, repairs: 0, last: now, until: now })
            }
        };
        if now.saturating_duration_since(trouble.last.max(trouble.until)) >= WINDOW {
            *trouble = Trouble { failures: 0, repairs: 0, last: now, until: now };
        }
        trouble.last = now;
        Some(trouble)
    }

    fn get(&self, key: Key) -> Option<&Trouble> {
        self.troubles.get(&Scope::of(key))?.get(&key)
    }

    /// Forgets the troubles that are over; it costs a look at each, so not for every key that has no room.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP_PAUSE) {
            return;
        }
        self.swept = Some(now);
        self.troubles.retain(|_, troubles| {
            troubles.retain(|_, trouble| now.saturating_duration_since(trouble.last) < WINDOW);
            !troubles.is_empty()
        });
        self.count = self.troubles.values().map(HashMap::len).sum();
    }

    fn forgive_scope(&mut self, scope: Scope) {
        self.count -= self.troubles.remove(&scope).map_or(0, |troubles| troubles.len());
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
        let troubles = self.troubles.get_mut(&Scope::of(key));
        if let Some(trouble) = troubles.and_then(|troubles| troubles.get_mut(&key)) {
            trouble.failures = 0;
        }
    }

    /// Whether the key has to wait still.
    pub fn waits(&self, key: Key, now: Instant) -> bool {
        self.get(key).is_some_and(|trouble| trouble.until > now)
    }

    /// The core wants something new of the key: that is tried at once.
    pub fn forgive(&mut self, key: Key) {
        if self.troubles.is_empty() {
            return;
        }
        let scope = Scope::of(key);
        let Some(troubles) = self.troubles.get_mut(&scope) else { return };
        self.count -= usize::from(troubles.remove(&key).is_some());
        if troubles.is_empty() {
            self.troubles.remove(&scope);
        }
    }

    /// The VNI has new devices: the old ones' troubles are no reason to wait.
    pub fn forgive_table(&mut self, table: TableId) {
        self.forgive_scope(Scope::Table(table));
    }

    /// The same of an IP-VRF.
    pub fn forgive_vrf(&mut self, vrf: VrfId) {
        self.forgive_scope(Scope::Vrf(vrf));
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;
    use weft_evpn::Vni;

    fn key(vni: u32, host: u32) -> Key {
        let table = TableId::l2(Vni::new(vni).expect("a VNI"));
        Key::Neighbour(table, Ipv4Addr::from(host).into())
    }

    #[test]
    fn a_table_is_forgiven_and_the_others_are_not() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        for vni in [10, 20] {
            assert!(!pace.failed(key(vni, 1), now));
        }
        let table = TableId::l2(Vni::new(10).expect("a VNI"));
        pace.forgive_table(table);
        assert!(!pace.waits(key(10, 1), now) && pace.waits(key(20, 1), now));
        pace.forgive(key(20, 1));
        assert!(!pace.waits(key(20, 1), now));
        assert_eq!(pace.count, 0);
    }

    /// All neighbours of a leaf go at once when its bridges do.
    #[test]
    fn more_troubles_than_are_remembered_are_not_searched_for_each_time() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let most = u32::try_from(MAX_TROUBLES).expect("a number");
        let at = |host: u32| now + Duration::from_micros(host.into());
        for host in 0..2 * most {
            assert_eq!(pace.repair(key(1 + host % 100, host), at(host)), Repair::Now);
        }
        assert_eq!(pace.count, MAX_TROUBLES);
        assert_eq!(pace.swept, Some(at(most)), "one search in a second");
        // When they are over there is room again.
        let later = now + WINDOW * 2;
        pace.failed(key(1, 2 * most), later);
        assert!(pace.waits(key(1, 2 * most), later));
        assert_eq!(pace.count, 1);
    }
}
