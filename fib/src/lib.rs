//! The kernel side of Weft: what the kernel must hold because of EVPN, and how it gets there.
//!
//! ```text
//!            FibRequest                        batches, acks
//!   core ───▶ Fib (coalescing) ───▶ service ──────────────────▶ kernel
//!        ◀─── FibEvents ◀────────── thread  ◀────────────────── monitor socket
//!            (coalescing)
//! ```
//!
//! One thread owns everything: the model of the kernel (`model`), desired and actual state with the
//! pure difference between them (`forwarding`), and the sockets (`netlink`). It never blocks for longer
//! than one batch of at most 250 messages, and reads the monitor socket dry after every batch. That order is
//! what makes echoes of own writes recognisable: when a notification is looked at, the model already holds
//! what was written before it, so an echo changes nothing and a foreign change shows as a difference. Two
//! threads would need to guess.
//!
//! Ownership: protocol `bgp` on routes, rules, nexthops and neighbours, `NTF_EXT_LEARNED` on FDB entries of devices that
//! are served, an alias that starts with `weft: ` on devices. Nothing without the mark is changed or deleted.
//!
//! Does not do: routes of the main table, one L2VNI on two bridges, tagged hosts' probes on bridges that keep VLANs apart.

pub mod config;
pub mod consistency;
mod devices;
pub mod error;
pub mod event;
mod forwarding;
pub mod handle;
mod memory;
mod model;
mod names;
pub mod netlink;
mod service;
mod settings;
pub mod snoop;
mod vrf;

pub use config::{BridgeDomain, FibConfig, FibOptions, Serve, Vrf};
pub use consistency::{ConsistencyReport, Difference, EntryKind};
pub use error::FibError;
pub use event::{FibEvent, FibNotice};
pub use handle::{Fib, FibCounters, FibEvents, FibRequest, Unserved, start, start_prepared};
pub use memory::FibMemory;
pub use service::{FLUSH_LIMIT, Prepared};
