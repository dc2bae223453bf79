//! The kernel labs: every test builds its own namespaces, so they run side by side. They need
//! root, iproute2, and for interop FRR and GoBGP; `make test` installs them.
//!
//! `WEFT_LAB_KIND=frr` runs the scenarios with FRR in Weft's place, to see that a lab is
//! right; the figures are Weft's and FRR fails many of them. `WEFT_LAB_LOG=debug` makes the
//! daemons say more, `WEFT_LAB_KEEP=1` leaves their logs in /run/weft-labs.

mod bench;
mod clab;
mod constraint;
mod demos;
mod drift;
mod interop;
mod interop_l3;
mod invalid;
mod movement;
mod own_devices;
mod reachability;
mod resilience;
mod routing;
mod scale;
mod sites;
mod upkeep;
mod vrf_device;

use weft_tests::Result;
use weft_tests::fabric::{Fabric, Plan};
use weft_tests::speaker::Kind;

/// What stands in the place of Weft.
fn subject() -> Kind {
    match std::env::var("WEFT_LAB_KIND").as_deref() {
        Ok("frr") => Kind::Frr,
        _ => Kind::Weft,
    }
}

/// Two leaves and a reflector, all of the subject's kind, with hosts that reach each other.
fn fabric() -> Result<Fabric> {
    Fabric::up(Plan::all(subject()))
}
