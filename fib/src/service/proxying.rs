//! Settings of a bridge below /proc/sys/net without which the kernel does not answer for others, or only after a while:
//! set while a bridge has addresses to answer for, and put back when it has none any more. That the bridge forwards is
//! the business of gateways (`vrf::sysctl`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tracing::debug;

/// Family, file below it (`*` is the device), value. The kernel waits up to 0.8 s before it answers for another.
const SETTINGS: [(&str, &str); 3] =
    [("ipv4/neigh/*/proxy_delay", "0"), ("ipv6/neigh/*/proxy_delay", "0"), ("ipv6/conf/*/proxy_ndp", "1")];

/// What the settings of each bridge were before.
#[derive(Debug, Default)]
pub(super) struct Proxying {
    before: BTreeMap<u32, (String, Vec<(PathBuf, String)>)>,
}

impl Proxying {
    /// These bridges, by index and name, have addresses to answer for.
    pub(super) fn keep(&mut self, bridges: &BTreeSet<(u32, String)>) {
        self.before.retain(|index, (_, files)| {
            let stays = bridges.iter().any(|(bridge, _)| bridge == index);
            if !stays {
                for (path, value) in files {
                    // The bridge may be gone.
                    let _ = std::fs::write(path, value);
                }
            }
            stays
        });
        for (index, name) in bridges {
            if self.before.get(index).is_none_or(|(known, _)| known != name) {
                self.before.insert(*index, (name.clone(), set(name)));
            }
        }
    }
}

/// Sets what differs, and gives what that was.
fn set(name: &str) -> Vec<(PathBuf, String)> {
    let mut before = Vec::new();
    for (file, value) in SETTINGS {
        let path = PathBuf::from(format!("/proc/sys/net/{}", file.replace('*', name)));
        let Ok(is) = std::fs::read_to_string(&path) else { continue };
        if is.trim() == value {
            continue;
        }
        match std::fs::write(&path, value) {
            Ok(()) => before.push((path, is.trim().to_owned())),
            Err(error) => debug!("{}: {error}", path.display()),
        }
    }
    before
}
