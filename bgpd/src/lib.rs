//! The BGP speaker of Weft. See ARCHITECTURE.md for the way of a route.
//!
//! `wire` is the codec, `fsm` the pure session state machine, `session` its sockets, `rib`
//! the pure tables, `config` and `command` the configuration and its grammar, `mgmt` the
//! management socket, `show` what the operator reads, `vrf` the tables of IP-VRFs, `core` the one owner of RIB and EVPN.

pub mod command;
pub mod config;
pub mod core;
pub mod fsm;
pub mod heap;
pub mod log;
pub mod mgmt;
pub mod peer;
pub mod policy;
pub mod privileges;
pub mod rib;
pub mod session;
pub mod show;
pub mod vrf;
pub mod wire;
