//! Settings of a bridge without which the kernel does not answer for others, or only after a while: set while a bridge
//! has addresses to answer for, and put back when it has none any more. That the bridge forwards is the business of
//! gateways (`vrf::sysctl`).

use crate::settings::{Changed, ROOT, Setting};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tracing::debug;

/// The kernel waits up to 0.8 s before it answers for another.
const SETTINGS: [Setting; 3] =
    [("ipv4/neigh/*/proxy_delay", "0"), ("ipv6/neigh/*/proxy_delay", "0"), ("ipv6/conf/*/proxy_ndp", "1")];

/// The bridges that answer for others, by index: name, and how its settings were before.
#[derive(Debug, Default)]
pub(super) struct Proxying(BTreeMap<u32, (String, Changed)>);

impl Proxying {
    /// These bridges, by index and name, have addresses to answer for.
    pub(super) fn keep(&mut self, bridges: &BTreeSet<(u32, String)>) {
        let mut failed = Vec::new();
        self.0.retain(|index, (name, changed)| {
            let stays = bridges.iter().any(|(bridge, _)| bridge == index);
            if !stays {
                failed.extend(changed.keep(Path::new(ROOT), name, &[]));
            }
            stays
        });
        for (index, name) in bridges {
            let (known, changed) = self.0.entry(*index).or_default();
            // Once: this is asked whenever an address comes or goes.
            if known != name {
                known.clone_from(name);
                failed.extend(changed.keep(Path::new(ROOT), name, &SETTINGS));
            }
        }
        for words in failed {
            debug!("{words}");
        }
    }
}
