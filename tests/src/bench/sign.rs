//! When it is worth to read the kernel's neighbour tables: `/proc/net/stat/arp_cache` and `ndisc_cache` tell for a few
//! microseconds how many entries there are. They count those of all namespaces, so they are a hint and no more. And for
//! routes: how many prefixes a table's trie has.

use std::time::{Duration, Instant};
use weft_fib::netlink::constants::AF_INET;

/// Tables that have names.
const RT_TABLE_MAIN: u32 = 254;
const RT_TABLE_LOCAL: u32 = 255;

/// A count that has not changed for so long may be all that comes.
const STEADY: Duration = Duration::from_millis(50);
/// Neighbours of other namespaces, and of ones that are gone, come and go: so many may be missing, if for `BRIEFLY`
/// nothing has come.
const NEAR: usize = 8;
const BRIEFLY: Duration = Duration::from_micros(400);
/// However the count behaves, a look is worth it after so long: other namespaces have neighbours, too.
const AT_LEAST: Duration = Duration::from_secs(1);
/// Pauses between two looks at the count: a share of the time that has passed, within limits.
const SHARE: u32 = 64;
const PAUSE: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(1));
/// The longest pause behind a look that took less than that.
const BEHIND: Duration = Duration::from_millis(10);

/// How many neighbours of a family the machine has; `None` where that cannot be read, as in a process that
/// entered another network namespace as a whole.
pub fn entries(family: u8) -> Option<usize> {
    let name = if family == AF_INET { "arp_cache" } else { "ndisc_cache" };
    parse(&std::fs::read_to_string(format!("/proc/net/stat/{name}")).ok()?)
}

/// The first field of the first line below the names.
fn parse(text: &str) -> Option<usize> {
    usize::from_str_radix(text.lines().nth(1)?.split_whitespace().next()?, 16).ok()
}

/// How many IPv4 prefixes a routing table of this thread's namespace has; `None` where that cannot be read.
pub fn prefixes(table: u32) -> Option<usize> {
    let text = std::fs::read_to_string("/proc/thread-self/net/fib_triestat").ok()?;
    Some(prefixes_of(&text, table).unwrap_or(0))
}

/// What follows `Prefixes:` in the part of the table.
fn prefixes_of(text: &str, table: u32) -> Option<usize> {
    let name = match table {
        RT_TABLE_MAIN => "Main:".to_owned(),
        RT_TABLE_LOCAL => "Local:".to_owned(),
        other => format!("Id {other}:"),
    };
    let mut lines = text
        .lines()
        .skip_while(|line| *line != name)
        .skip(1)
        .take_while(|line| line.starts_with([' ', '\t']));
    lines.find_map(|line| line.trim().strip_prefix("Prefixes:")?.trim().parse().ok())
}

/// How long to wait until a count is read again: a share of the time that has passed.
pub fn pause(passed: Duration) -> Duration {
    (passed / SHARE).clamp(PAUSE.0, PAUSE.1)
}

/// A pause behind a look that found something wrong and took so long: the lock that it takes is the writer's, too.
/// Twice as long, but no longer than the look or 10 ms.
pub fn pause_behind(look: Duration) -> Duration {
    (look * 2).min(BEHIND).max(look).max(PAUSE.0)
}

/// The count at which our own neighbours are as they shall be, if nobody else's change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    entries: usize,
    rising: bool,
}

impl Target {
    /// `all` are there, `there` of them ours, of which there shall be `shall`.
    pub fn new(all: usize, there: usize, shall: usize) -> Self {
        Self { entries: (all + shall).saturating_sub(there), rising: shall >= there }
    }

    fn is_reached(self, entries: usize) -> bool {
        if self.rising { entries >= self.entries } else { entries <= self.entries }
    }

    fn is_near(self, entries: usize) -> bool {
        self.is_reached(if self.rising { entries + NEAR } else { entries.saturating_sub(NEAR) })
    }
}

/// The counts of IPv4 and IPv6; `None` where they cannot be read.
pub type Counts = [Option<usize>; 2];

/// What the counts have shown.
#[derive(Debug, Clone)]
pub struct Sign {
    targets: [Option<Target>; 2],
    began: Instant,
    /// The counts, and since when they are so.
    counts: Counts,
    since: Instant,
    /// The last look that found something wrong.
    looked: Instant,
    /// The counts at which a look has found neighbours wrong.
    wrong: Option<Counts>,
}

impl Sign {
    /// Without a target a look is always worth it.
    pub fn new(targets: [Option<Target>; 2], now: Instant) -> Self {
        Self { targets, began: now, counts: [None; 2], since: now, looked: now, wrong: None }
    }

    /// Whether, with these counts, all may be there: a look at an FDB is worth it.
    pub fn is_ripe(&mut self, now: Instant, counts: Counts) -> bool {
        if counts != self.counts {
            (self.counts, self.since) = (counts, now);
        }
        // A count that is not known hinders nothing.
        let all = |is: fn(Target, usize) -> bool| {
            let known = self.targets.iter().zip(counts);
            known.filter_map(|(target, count)| Some(is((*target)?, count?))).all(|is| is)
        };
        let steady = if all(Target::is_near) { BRIEFLY } else { STEADY };
        all(Target::is_reached)
            || now.duration_since(self.since) >= steady
            || now.duration_since(self.looked) >= AT_LEAST
    }

    /// Whether a look at the neighbours is worth it, too: what was wrong at these counts is wrong still.
    pub fn is_news(&mut self, now: Instant, counts: Counts) -> bool {
        let known =
            self.targets.iter().zip(counts).any(|(target, count)| target.is_some() && count.is_some());
        self.is_ripe(now, counts)
            && (!known || self.wrong != Some(counts) || now.duration_since(self.looked) >= AT_LEAST)
    }

    /// Takes note of a look that found an FDB wrong.
    pub fn saw_wrong_fdb(&mut self, now: Instant) {
        self.looked = now;
    }

    /// Takes note of a look, begun at the last counts, that found neighbours wrong.
    pub fn saw_wrong_neighbours(&mut self, now: Instant) {
        (self.looked, self.wrong) = (now, Some(self.counts));
    }

    /// How long to wait until the counts are read again.
    pub fn pause(&self, now: Instant) -> Duration {
        pause(now.duration_since(self.began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn ripe(sign: &mut Sign, now: Instant, count: usize) -> bool {
        sign.is_ripe(now, [Some(count), Some(3)])
    }

    fn news(sign: &mut Sign, now: Instant, count: usize) -> bool {
        sign.is_news(now, [Some(count), Some(3)])
    }

    #[test]
    fn a_look_is_worth_it_when_the_count_is_reached() {
        let now = Instant::now();
        // 100 neighbours, 10 of them ours; 40 shall be.
        let mut rising = Sign::new([Some(Target::new(100, 10, 40)), None], now);
        assert!(!ripe(&mut rising, now, 100) && !ripe(&mut rising, now + MS, 129));
        assert!(ripe(&mut rising, now + 2 * MS, 130) && ripe(&mut rising, now + 3 * MS, 131));
        let mut falling = Sign::new([Some(Target::new(100, 10, 0)), None], now);
        assert!(!ripe(&mut falling, now, 100) && ripe(&mut falling, now + MS, 90));
        let mut both = Sign::new([Some(Target::new(100, 0, 1)), Some(Target::new(3, 0, 1))], now);
        assert!(!ripe(&mut both, now, 101));
        assert!(both.is_ripe(now, [Some(101), Some(4)]));
    }

    #[test]
    fn a_neighbour_of_somebody_else_that_goes_is_not_waited_for() {
        let now = Instant::now();
        let mut sign = Sign::new([Some(Target::new(1, 0, 1_000)), None], now);
        assert!(!ripe(&mut sign, now, 1_000), "more may come");
        assert!(!ripe(&mut sign, now + BRIEFLY / 2, 1_000));
        assert!(ripe(&mut sign, now + BRIEFLY, 1_000));
        assert!(!ripe(&mut sign, now + MS, 1_001 - NEAR) && !ripe(&mut sign, now + 10 * MS, 1_000 - NEAR));
        assert!(!ripe(&mut sign, now + 40 * MS, 1_000 - NEAR), "that are too many");
    }

    #[test]
    fn a_count_that_rests_is_worth_one_look_at_neighbours_until_it_changes() {
        let now = Instant::now();
        let mut sign = Sign::new([Some(Target::new(0, 0, 100)), None], now);
        assert!(!news(&mut sign, now, 50) && !news(&mut sign, now + 49 * MS, 50));
        assert!(news(&mut sign, now + 50 * MS, 50));
        sign.saw_wrong_neighbours(now + 60 * MS);
        assert!(!news(&mut sign, now + 200 * MS, 50), "nothing has changed since");
        assert!(ripe(&mut sign, now + 200 * MS, 50), "the FDB may have changed");
        assert!(!news(&mut sign, now + 201 * MS, 51), "it moves again");
        assert!(news(&mut sign, now + 251 * MS, 51));
    }

    #[test]
    fn counts_that_others_disturb_do_not_hinder_a_look_for_ever() {
        let now = Instant::now();
        let mut sign = Sign::new([Some(Target::new(0, 0, 100)), None], now);
        assert!(news(&mut sign, now, 100));
        sign.saw_wrong_neighbours(now);
        assert!(!news(&mut sign, now + MS, 100) && news(&mut sign, now + 2 * MS, 101));
        sign.saw_wrong_fdb(now + 2 * MS);
        // Somebody else's neighbours went: the full count never comes.
        for step in 0..99 {
            assert!(!ripe(&mut sign, now + (3 + 10 * step) * MS, 50 + step as usize % 2));
        }
        assert!(news(&mut sign, now + 1_002 * MS, 50));
    }

    #[test]
    fn without_counts_or_targets_a_look_is_always_worth_it() {
        let now = Instant::now();
        assert!(Sign::new([None; 2], now).is_news(now, [Some(1), Some(1)]));
        let mut unknown = Sign::new([Some(Target::new(0, 0, 100)), None], now);
        assert!(unknown.is_news(now, [None; 2]));
        unknown.saw_wrong_neighbours(now);
        assert!(unknown.is_news(now, [None; 2]));
    }

    #[test]
    fn pauses_are_a_share_of_what_is_measured() {
        let now = Instant::now();
        let sign = Sign::new([None; 2], now);
        let pauses =
            [0, 3_200, 32_000, 9_000_000].map(|us| sign.pause(now + Duration::from_micros(us)).as_micros());
        assert_eq!(pauses, [100, 100, 500, 1_000]);
        let behind = [10, 400, 7_000, 30_000].map(|us| pause_behind(Duration::from_micros(us)).as_micros());
        assert_eq!(behind, [100, 800, 10_000, 30_000]);
    }

    #[test]
    fn counts_are_read_as_the_kernel_prints_them() {
        let text = "entries  allocs   destroys\n00000216 007987fe 0077d3e6\n00000216 0067a0b9 006952bb\n";
        assert_eq!(parse(text), Some(0x216));
        assert_eq!((parse(""), parse("entries\n")), (None, None));
        let stat = "Basic info: size\nMain:\n\tLeaves:         7\n\tPrefixes:       9\nNull ptrs: 1\nId 1001:\n\tLeaves: 5\n\tPrefixes: 6\n";
        assert_eq!(
            [254, 255, 1001, 100].map(|table| prefixes_of(stat, table)),
            [Some(9), None, Some(6), None]
        );
        // The machine has an IPv4 neighbour table, whatever is in it.
        assert!(entries(AF_INET).is_some());
    }
}
