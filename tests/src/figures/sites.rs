//! Figures of two sites and the core between their gateways. FRR 8.4 knows no domains, so it stands in none.

use super::{Figure, Lab, lost, milliseconds};
use crate::error::Result;
use crate::fabric::Leaving;
use crate::routed::sites::{Sites, SitesPlan};
use crate::scenario::sites;
use std::time::Duration;

/// Why FRR is not measured: it has one EVPN domain only, in which every leaf has every host of every site.
const NO_DOMAINS: &str = "FRR has no gateway between EVPN domains";

const fn row(name: &'static str, wanted: &'static str, take: fn() -> Result<String>) -> Figure {
    Figure { name, wanted, lab: Lab::WeftOnly(NO_DOMAINS, take) }
}

/// The rows.
pub const FIGURES: [Figure; 5] = [
    row("sites: gateway killed, restarted at once", "0 lost", || killed(Duration::ZERO)),
    row("sites: gateway killed, restarted after 1 s", "0 lost", || killed(Duration::from_secs(1))),
    row("sites: move to another site and home, port goes down", "<= 3 lost", || journey(Leaving::PortDown)),
    row("sites: move to another site and home, unseen", "-", || journey(Leaving::Silent)),
    row("sites: gateway leaves, its prefixes are gone", "<= 1 s", || {
        Ok(milliseconds(sites::gateway_leaves(&mut Sites::up(&SitesPlan::two_sites())?)?))
    }),
];

fn killed(pause: Duration) -> Result<String> {
    Ok(sites::kill_gateway(&mut Sites::up(&SitesPlan::two_sites())?, pause)?.to_string())
}

/// What a host in the home site lost on the way there and back, then a host in the other.
fn journey(leaving: Leaving) -> Result<String> {
    let journey = sites::away_and_home(&mut Sites::up(&SitesPlan::two_sites())?, leaving)?;
    Ok(lost(journey.there.iter().zip(&journey.back).flat_map(|(there, back)| [there, back])))
}
