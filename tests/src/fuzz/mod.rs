//! Fuzz targets. Each is a row here: a body that takes any octets and asserts what must hold
//! for them, and seeds to start from. Two drivers run the same bodies: `tests/fuzz/` with
//! libFuzzer (coverage guided, nightly only), and `smoke` in plain `cargo test`, for a
//! bounded time (WEFT_FUZZ_SECONDS each, 2 by default), so that CI needs no nightly.
//!
//! To add one: a module here with `run` and `seeds`, a row in `TARGETS`, a test that calls
//! `smoke::drive`, and a file in `tests/fuzz/fuzz_targets/` with its `[[bin]]`.

pub mod bgp_message;
pub mod config;
pub mod evpn_nlri;
pub mod membership_nlri;
pub mod netlink;
pub mod smoke;
pub mod snoop;

/// One thing that is fuzzed.
#[derive(Debug)]
pub struct Target {
    /// The name of the libFuzzer binary too.
    pub name: &'static str,
    /// Panics if the octets show a mistake.
    pub run: fn(&[u8]),
    /// Well-formed input to mutate.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// Every target.
pub static TARGETS: &[Target] = &[
    Target { name: "bgp_message", run: bgp_message::run, seeds: bgp_message::seeds },
    Target { name: "config", run: config::run, seeds: config::seeds },
    Target { name: "evpn_nlri", run: evpn_nlri::run, seeds: evpn_nlri::seeds },
    Target { name: "membership_nlri", run: membership_nlri::run, seeds: membership_nlri::seeds },
    Target { name: "netlink", run: netlink::run, seeds: netlink::seeds },
    Target { name: "snoop", run: snoop::run, seeds: snoop::seeds },
];
