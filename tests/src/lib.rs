//! The labs of Weft: network namespaces joined by veth pairs, daemons in them, hosts that
//! ping through them, and the scenarios that the tests, the demo and the figures share.
//!
//! `netns`, `ping`, `packet`, `kernel`, `monitor`, `process` and `owner` are the bench; `speaker` starts
//! Weft or FRR from one configuration; `fabric` is the L2 fabric on devices that the operator
//! made, `routed` fabrics with tenants; `clab` reads a containerlab file and makes the same nodes;
//! `scenario` holds what is done in them, as functions of the kind of daemon; `figures` takes
//! their figures; `verdict` judges those that a machine disturbs; `scale` counts what networks too large for a machine hold.

pub mod bench;
pub mod clab;
pub mod demo;
pub mod error;
pub mod fabric;
pub mod figures;
pub mod flood;
pub mod fuzz;
pub mod gobgp;
pub mod injector;
pub mod kernel;
pub mod load;
pub mod mgmt;
pub mod monitor;
pub mod netns;
pub mod owner;
pub mod packet;
pub mod ping;
pub mod process;
pub mod routed;
pub mod scale;
pub mod scenario;
pub mod speaker;
pub mod verdict;
pub mod wait;

pub use error::{LabError, Result, ensure};
