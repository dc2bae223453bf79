//! The load generator and sink, `weft-load`: BGP sessions that send EVPN routes to a speaker and
//! count what it sends on. It works with any speaker; it knows nothing of Weft's inside.
//!
//! Pure: `shape` (what the routes are), `plan` (each route and where its host is), `encode` (the
//! UPDATEs, made before any clock starts), `count` (walks what comes back), `session` (one BGP
//! session, bytes in and out), `stats`. Thin edge: `group` (sockets), `usage` (/proc), `start`
//! (a daemon to measure). `phase` and `run` join them; `report` prints.
//!
//! The tool must not be what is measured: UPDATEs are encoded beforehand, a sink follows length
//! fields and keeps no table. What arrived is still checked: the sum of the NLRIs' hashes is compared with
//! the sum of those that were sent.

pub mod count;
pub mod encode;
pub mod error;
pub mod group;
pub mod options;
pub mod phase;
pub mod plan;
pub mod progress;
pub mod report;
pub mod run;
pub mod session;
pub mod shape;
pub mod start;
pub mod stats;
pub mod usage;

pub use error::{LoadError, Result};
