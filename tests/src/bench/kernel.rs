//! How much of what a daemon wrote the kernel holds, counted cheaply: reading a large FDB back is quadratic, so
//! each bridge is read by itself, and one after another, each as soon as the one before is complete.

use crate::error::{LabError, Result};
use nix::errno::Errno;
use std::time::{Duration, Instant};
use weft_fib::netlink::encode::Query;
use weft_fib::netlink::neighbour::NeighbourMessage;
use weft_fib::netlink::socket::{Connection, RequestError};

/// `NTF_EXT_LEARNED`: the mark of a control plane.
const EXT_LEARNED: u8 = 0x10;
/// A pause between two looks at a bridge that is not complete: at least this, and so many times as long as the
/// look, so that looking takes little of what is measured.
const LOOK: (Duration, u32) = (Duration::from_millis(1), 4);

/// What a bridge must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Its interface index.
    pub bridge: u32,
    /// MACs: each is an entry of the bridge and one of its vxlan device.
    pub macs: usize,
    /// Neighbours.
    pub neighbours: usize,
}

/// A netlink socket in the namespace of the thread that opened it.
#[derive(Debug)]
pub struct Kernel {
    connection: Connection,
}

impl Kernel {
    /// Opens it here.
    pub fn open() -> Result<Self> {
        let connection = Connection::open().map_err(LabError::io("open a netlink socket"))?;
        Ok(Self { connection })
    }

    fn count(&mut self, query: Query, counts: impl Fn(&NeighbourMessage) -> bool) -> Result<usize> {
        let mut count = 0;
        self.connection
            .query(query, |_, payload| {
                count += usize::from(NeighbourMessage::parse(payload).is_some_and(|entry| counts(&entry)));
            })
            .map_err(|error| LabError::Unexpected(format!("reading the kernel's tables: {error}")))?;
        Ok(count)
    }

    /// Remote MACs of a bridge: entries of the bridge and of its vxlan device, without flood entries.
    pub fn macs(&mut self, bridge: u32) -> Result<usize> {
        let entries = self.count(Query::Fdb { bridge: Some(bridge) }, |entry| {
            entry.has(EXT_LEARNED) && entry.mac.is_some_and(|mac| mac.0 != [0; 6])
        })?;
        Ok(entries / 2)
    }

    /// Neighbours that a control plane put on a device.
    pub fn neighbours(&mut self, device: u32) -> Result<usize> {
        let mut all = 0;
        for family in [libc::AF_INET, libc::AF_INET6] {
            let family = u8::try_from(family).unwrap_or(0);
            all += self
                .count(Query::Neighbours { family, ifindex: Some(device) }, |entry| entry.has(EXT_LEARNED))?;
        }
        Ok(all)
    }

    /// IPv4 routes of a table.
    pub fn routes(&mut self, table: u32) -> Result<usize> {
        let mut count = 0;
        let family = u8::try_from(libc::AF_INET).unwrap_or(0);
        match self.connection.query(Query::Table { family, table }, |_, _| count += 1) {
            // A table without routes does not exist.
            Err(RequestError::Refused(refusal)) if refusal.errno == Errno::ENOENT => Ok(0),
            Err(error) => Err(LabError::Unexpected(format!("reading the kernel's routes: {error}"))),
            Ok(()) => Ok(count),
        }
    }

    /// Waits until every bridge holds what is wanted of it; `None` if the deadline passes. The time is that
    /// of the last look, so it is late by less than the looks take: a few milliseconds a bridge.
    pub fn wait(&mut self, wanted: &[Wanted], deadline: Instant) -> Result<Option<Instant>> {
        for one in wanted {
            loop {
                let look = Instant::now();
                let (macs, neighbours) = (self.macs(one.bridge)?, self.neighbours(one.bridge)?);
                if (macs, neighbours) == (one.macs, one.neighbours) {
                    break;
                }
                if Instant::now() >= deadline {
                    return Ok(None);
                }
                std::thread::sleep(LOOK.0.max(look.elapsed() * LOOK.1));
            }
        }
        Ok(Some(Instant::now()))
    }
}
