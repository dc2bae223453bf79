//! The kernel side against a real kernel, each test in a network namespace of its own (needs root; without it
//! the tests say so and pass).

// A whole crate of tests: clippy's leave for tests reaches only functions marked as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod adoption;
mod devices;
mod drift;
mod lab;
mod local;
mod overrun;
mod permission;
mod programming;
mod uml;
mod vrf_device;
mod vrf_lab;
mod vrf_proxy;
mod vrf_remote;
mod vrf_routes;
mod vrf_rule;
