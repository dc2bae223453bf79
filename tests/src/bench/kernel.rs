//! How much of what a daemon wrote the kernel holds, and since when. Looking must not be what is measured: a dump of
//! a bridge's FDB costs about half a microsecond an entry under the lock that the daemon writes under, and every dump of
//! neighbours, filtered or not, walks the neighbours of the whole machine. So the tables are read when a cheap sign says
//! that it is worth it (`sign`), and when entries were written is asked of the kernel, which stamps each.

use super::sign::{self, Sign};
use crate::error::{LabError, Result};
use nix::errno::Errno;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weft_fib::netlink::attribute::Attributes;
use weft_fib::netlink::constants::{AF_INET, AF_INET6, NTF_EXT_LEARNED, NTF_SELF, RTM_NEWLINK};
use weft_fib::netlink::encode::Query;
use weft_fib::netlink::neighbour::{NDMSG, NeighbourMessage};
use weft_fib::netlink::socket::{Connection, RequestError};

/// `NDA_CACHEINFO`: `struct nda_cacheinfo`, times in ticks of USER_HZ.
const NDA_CACHEINFO: u16 = 3;
const IFLA_MASTER: u16 = 10;
/// Where `ndm_updated` is in it: how long ago the entry was written last.
const UPDATED_AT: std::ops::Range<usize> = 8..12;
/// A tick of USER_HZ, which is 100 on every architecture that Linux has today.
const TICK: Duration = Duration::from_millis(10);

/// From as many bridges on, all FDBs are read in one dump: for each bridge that is asked for, the kernel looks at every
/// device, and whoever writes waits meanwhile.
const MANY_BRIDGES: usize = 1_000;

/// What a bridge must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its interface index.
    pub bridge: u32,
    /// That of its vxlan device.
    pub vxlan: u32,
    /// MACs: each is an entry of the bridge and one of the vxlan device.
    pub macs: usize,
    /// Neighbours, IPv4 and IPv6.
    pub neighbours: [usize; 2],
}

/// What is waited for.
#[derive(Debug, Clone)]
pub struct Watch {
    wanted: Vec<Wanted>,
    /// Whether there are, or shall be, neighbours of IPv4 and IPv6.
    families: [bool; 2],
    /// What all neighbour tables of the machine have when ours are as they shall be.
    targets: [Option<sign::Target>; 2],
}

/// IPv4 and IPv6, as `Wanted::neighbours` has them.
const FAMILIES: [u8; 2] = [AF_INET, AF_INET6];

impl Wanted {
    fn neighbours_of(&self, family: usize) -> usize {
        self.neighbours.get(family).copied().unwrap_or(0)
    }
}

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Kernel {
    connection: Connection,
}

/// What is as it shall be, and when the youngest entry of it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Right {
    youngest: Option<Instant>,
}

/// What a look found, and when the youngest entry of it was written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Found<T> {
    what: T,
    youngest: Option<Instant>,
}

impl<T> Found<T> {
    /// Takes note of an entry.
    fn stamp(&mut self, payload: &[u8]) {
        let written = written(payload, Instant::now());
        self.youngest = self.youngest.max(written);
    }
}

/// When an entry was written, at the latest: its age is rounded down to a tick, and the kernel's clock may
/// be almost a tick behind when it stamps, so one tick is taken off. True time: up to two ticks before.
fn written(payload: &[u8], now: Instant) -> Option<Instant> {
    let (_, info) = Attributes::new(payload.get(NDMSG..)?).find(|(kind, _)| *kind == NDA_CACHEINFO)?;
    let ticks = u32::from_ne_bytes(info.get(UPDATED_AT)?.try_into().ok()?);
    now.checked_sub(TICK * ticks.saturating_sub(1))
}

/// Remote MACs of a bridge: entries of the bridge, and of its vxlan device.
type Macs = [usize; 2];

impl Kernel {
    /// Opens it here.
    pub fn open() -> Result<Self> {
        let connection = Connection::open().map_err(LabError::io("open a netlink socket"))?;
        Ok(Self { connection })
    }

    /// Shows every entry that a control plane has written.
    fn look(&mut self, query: Query, mut each: impl FnMut(&NeighbourMessage, &[u8])) -> Result<()> {
        self.connection
            .query(query, |_, payload| {
                if let Some(entry) =
                    NeighbourMessage::parse(payload).filter(|entry| entry.has(NTF_EXT_LEARNED))
                {
                    each(&entry, payload);
                }
            })
            .map_err(|error| LabError::Unexpected(format!("reading the kernel's tables: {error}")))
    }

    /// Remote MACs of a bridge and of its vxlan device, without flood entries. A vxlan device that has left its
    /// bridge keeps its FDB: where none shall be, it is asked for itself.
    fn macs(&mut self, of: &Wanted) -> Result<Found<Macs>> {
        let mut found = Found::<Macs>::default();
        let queries = [Query::Fdb { bridge: Some(of.bridge) }, Query::PortFdb { port: of.vxlan }];
        for query in queries.into_iter().take(if of.macs == 0 { 2 } else { 1 }) {
            self.look(query, |entry, payload| {
                if entry.mac.is_some_and(|mac| mac.0 != [0; 6]) {
                    let [bridge, vxlan] = &mut found.what;
                    *(if entry.has(NTF_SELF) { vxlan } else { bridge }) += 1;
                    found.stamp(payload);
                }
            })?;
        }
        Ok(found)
    }

    /// Remote MACs of all bridges and their vxlan devices, by vxlan device.
    fn all_macs(&mut self) -> Result<Found<HashMap<u32, Macs>>> {
        let mut found = Found::<HashMap<u32, Macs>>::default();
        self.look(Query::Fdb { bridge: None }, |entry, payload| {
            if entry.mac.is_some_and(|mac| mac.0 != [0; 6]) {
                let [bridge, vxlan] = found.what.entry(entry.ifindex).or_default();
                *(if entry.has(NTF_SELF) { vxlan } else { bridge }) += 1;
                found.stamp(payload);
            }
        })?;
        Ok(found)
    }

    /// Looks at these FDBs once; `None` if one is not as it shall be.
    fn right_fdbs(&mut self, wanted: &[Wanted]) -> Result<Option<Right>> {
        let mut right = Right::default();
        if wanted.len() >= MANY_BRIDGES {
            let found = self.all_macs()?;
            let there = |one: &Wanted| found.what.get(&one.vxlan).copied().unwrap_or_default();
            right.youngest = found.youngest;
            return Ok(wanted.iter().all(|one| there(one) == [one.macs; 2]).then_some(right));
        }
        for one in wanted {
            let found = self.macs(one)?;
            if found.what != [one.macs; 2] {
                return Ok(None);
            }
            right.youngest = right.youngest.max(found.youngest);
        }
        Ok(Some(right))
    }

    /// Neighbours of one family on every device of the namespace.
    fn neighbours(&mut self, family: u8) -> Result<Found<HashMap<u32, usize>>> {
        let mut found = Found::<HashMap<u32, usize>>::default();
        self.look(Query::Neighbours { family, ifindex: None }, |entry, payload| {
            *found.what.entry(entry.ifindex).or_default() += 1;
            found.stamp(payload);
        })?;
        Ok(found)
    }

    /// Puts a device into a bridge, or out of any (bridge 0). Returns when the kernel has done it.
    pub fn set_master(&mut self, device: u32, bridge: u32) -> Result<()> {
        let [a, b, c, d] = device.to_ne_bytes();
        self.connection
            .change(RTM_NEWLINK, 0, |message| {
                // `struct ifinfomsg`
                message.fixed(&[0, 0, 0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0]);
                message.attribute(IFLA_MASTER, &bridge.to_ne_bytes());
            })
            .map_err(|error| LabError::Unexpected(format!("setting a device's bridge: {error}")))
    }

    /// IPv4 routes of a table.
    pub fn routes(&mut self, table: u32) -> Result<usize> {
        let mut count = 0;
        match self.connection.query(Query::Table { family: AF_INET, table }, |_, _| count += 1) {
            // A table without routes does not exist.
            Err(RequestError::Refused(refusal)) if refusal.errno == Errno::ENOENT => Ok(0),
            Err(error) => Err(LabError::Unexpected(format!("reading the kernel's routes: {error}"))),
            Ok(()) => Ok(count),
        }
    }

    /// Waits until a table has at least so many IPv4 routes; `None` if the deadline passes, or `stop` is set. Its
    /// trie is asked, without the lock that the daemon writes under; then a dump has to find them, too. Late by up
    /// to two walks of the trie (some milliseconds for 100,000 routes) and a millisecond.
    pub fn wait_routes(
        &mut self,
        table: u32,
        before: usize,
        routes: usize,
        deadline: Instant,
        stop: &AtomicBool,
    ) -> Result<Option<Instant>> {
        // Both ways of counting need not see the same: the trie of the main table may hold the local one's.
        let base = sign::prefixes(table).unwrap_or(0);
        let (began, mut sleep) = (Instant::now(), Duration::ZERO);
        while Instant::now() < deadline && !stop.load(Ordering::Acquire) {
            std::thread::sleep(sleep);
            let look = Instant::now();
            let counted = sign::prefixes(table);
            let seen = Instant::now();
            let may_be = counted.is_none_or(|counted| counted >= base + routes);
            if may_be && self.routes(table)? >= before + routes {
                // Without the trie the dump was the look.
                return Ok(Some(if counted.is_some() { seen } else { Instant::now() }));
            }
            sleep = look.elapsed().max(sign::pause(began.elapsed()));
        }
        Ok(None)
    }

    /// True while a vxlan device, or its bridge, has an entry of this MAC.
    pub fn has_mac(&mut self, vxlan: u32, mac: weft_evpn::MacAddr) -> Result<bool> {
        for query in [Query::VxlanEntry { vxlan, mac }, Query::BridgeEntry { port: vxlan, mac, vlan: None }] {
            let mut there = false;
            match self.connection.query(query, |_, _| there = true) {
                Ok(()) if there => return Ok(true),
                Ok(()) => {}
                Err(RequestError::Refused(refusal)) if refusal.errno == Errno::ENOENT => {}
                Err(error) => return Err(LabError::Unexpected(format!("asking for a MAC: {error}"))),
            }
        }
        Ok(false)
    }

    /// Prepares to wait for this, before what is waited for is caused: counts the neighbours that are there.
    pub fn watch(&mut self, wanted: &[Wanted]) -> Result<Watch> {
        let (mut families, mut targets) = ([false; 2], [None; 2]);
        for (index, ((family, matters), target)) in
            FAMILIES.into_iter().zip(&mut families).zip(&mut targets).enumerate()
        {
            let all = sign::entries(family);
            let now = self.neighbours(family)?.what;
            let there: usize = wanted.iter().filter_map(|one| now.get(&one.bridge)).sum();
            let shall: usize = wanted.iter().map(|one| one.neighbours_of(index)).sum();
            *matters = there + shall > 0;
            *target = all.filter(|_| *matters).map(|all| sign::Target::new(all, there, shall));
        }
        Ok(Watch { wanted: wanted.to_vec(), families, targets })
    }

    /// Waits until every bridge holds just what is wanted of it; `None` if the deadline passes, or `stop` is
    /// set. A time is told only when after it one pass over all tables has found all of it.
    ///
    /// The time is the earlier one of two, neither of them before the kernel was right: that of the look that saw it,
    /// which is late by up to one pass over all FDBs (about half a microsecond an entry: a millisecond for a VNI of 1,000
    /// hosts) and a millisecond, and over all neighbours of the machine if their count changed meanwhile;
    /// and that at which the kernel wrote the youngest entry, which is late by up to 20 ms. Where entries shall
    /// vanish there is the first one only, and the tables are empty then. Where some shall vanish and others
    /// shall stay, as in adoption, the caller must see to those that vanish.
    pub fn wait(&mut self, watch: &Watch, deadline: Instant, stop: &AtomicBool) -> Result<Option<Instant>> {
        let over = || Instant::now() >= deadline || stop.load(Ordering::Acquire);
        let mut sign = Sign::new(watch.targets, Instant::now());
        while !over() {
            let Some(seen) = self.each_right_once(watch, &mut sign, &over)? else { return Ok(None) };
            if let Some(right) = self.all_right(watch)? {
                return Ok(Some(right.youngest.map_or(seen, |youngest| youngest.min(seen))));
            }
        }
        Ok(None)
    }

    /// Waits until each table has been right once, and tells since when that was so; `None` if it is over before.
    fn each_right_once(
        &mut self,
        watch: &Watch,
        sign: &mut Sign,
        over: &impl Fn() -> bool,
    ) -> Result<Option<Instant>> {
        let counts = || FAMILIES.map(sign::entries);
        let until = |sign: &mut Sign, worth: fn(&mut Sign, Instant, sign::Counts) -> bool| {
            while !worth(sign, Instant::now(), counts()) {
                if over() {
                    return false;
                }
                std::thread::sleep(sign.pause(Instant::now()));
            }
            true
        };
        let many = watch.wanted.len() >= MANY_BRIDGES;
        for part in watch.wanted.chunks(if many { watch.wanted.len() } else { 1 }) {
            loop {
                if !until(sign, Sign::is_ripe) {
                    return Ok(None);
                }
                let look = Instant::now();
                if self.right_fdbs(part)?.is_some() {
                    break;
                }
                if over() {
                    return Ok(None);
                }
                sign.saw_wrong_fdb(Instant::now());
                std::thread::sleep(sign::pause_behind(look.elapsed()));
            }
        }
        loop {
            if !until(sign, Sign::is_news) {
                return Ok(None);
            }
            let (before, look) = (counts(), Instant::now());
            if self.right_neighbours(watch)?.is_some() {
                // What is right now was right before the dump, which walks through all that the machine has, if their
                // number is the same.
                let still = before.iter().all(Option::is_some) && before == counts();
                return Ok(Some(if still { look } else { Instant::now() }));
            }
            if over() {
                return Ok(None);
            }
            sign.saw_wrong_neighbours(Instant::now());
            if watch.targets == [None; 2] {
                std::thread::sleep(sign::pause_behind(look.elapsed()));
            }
        }
    }

    /// Looks at all tables once.
    fn all_right(&mut self, watch: &Watch) -> Result<Option<Right>> {
        let Some(fdbs) = self.right_fdbs(&watch.wanted)? else { return Ok(None) };
        let neighbours = self.right_neighbours(watch)?;
        Ok(neighbours.map(|right| Right { youngest: fdbs.youngest.max(right.youngest) }))
    }

    /// Looks at the neighbours of all bridges, in one dump for each family that matters.
    fn right_neighbours(&mut self, watch: &Watch) -> Result<Option<Right>> {
        let mut right = Right::default();
        for (index, family) in FAMILIES.into_iter().enumerate() {
            if watch.families.get(index) != Some(&true) {
                continue;
            }
            let found = self.neighbours(family)?;
            let there = |one: &Wanted| found.what.get(&one.bridge).copied().unwrap_or(0);
            if watch.wanted.iter().any(|one| there(one) != one.neighbours_of(index)) {
                return Ok(None);
            }
            right.youngest = right.youngest.max(found.youngest);
        }
        Ok(Some(right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_dated_never_too_early_and_at_most_two_ticks_late() {
        let now = Instant::now();
        let entry = |ticks: u32| {
            let mut payload = vec![0; NDMSG];
            payload.extend([20, 0, 3, 0]);
            // Confirmed, used, updated, references.
            payload.extend([7, 9, ticks, 1].into_iter().flat_map(u32::to_ne_bytes));
            payload
        };
        let age = |ticks| now.duration_since(written(&entry(ticks), now).unwrap());
        // An entry whose age is shown as n ticks is from n - 1 to n + 1 ticks old.
        assert_eq!([0, 1, 2, 31].map(|ticks| age(ticks).as_millis()), [0, 0, 10, 300]);
        assert_eq!(written(&[0; NDMSG], now), None);
    }
}
