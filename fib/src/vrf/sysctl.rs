//! Settings of routed interfaces below /proc/sys/net: packets are forwarded, gateways answer ARP for themselves only,
//! a source address that another tenant's gateway has is no reason to drop. Written once for each device that
//! appears; only what differs is written, and what cannot be is told.

use super::want::{Role, Wanted};
use crate::event::FibNotice;
use crate::model::Links;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use weft_evpn::vrf::VrfForm;

const ROOT: &str = "/proc/sys/net";

/// The settings of one interface: file below `ROOT/FAMILY/conf/NAME`, value, and whether a kernel without it matters.
fn settings(role: Role) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut settings = vec![
        ("ipv4", "forwarding", "1"),
        ("ipv6", "forwarding", "1"),
        // A router takes no advice from its hosts.
        ("ipv6", "accept_ra", "0"),
    ];
    if role.l3vni {
        // Replies may take another way than requests.
        settings.push(("ipv4", "rp_filter", "0"));
    } else {
        settings.extend([
            // Only for the gateway's own addresses on this bridge; ask hosts with the one of their subnet.
            ("ipv4", "arp_ignore", "1"),
            ("ipv4", "arp_announce", "2"),
            // Every leaf has the same link-local address here, since the gateway MAC is the same.
            ("ipv6", "accept_dad", "0"),
            ("ipv6", "dad_transmits", "0"),
        ]);
    }
    if role.form == Some(VrfForm::Rule) {
        settings.extend([
            ("ipv4", "rp_filter", "0"),
            // A tenant's host may have an address that is the router's own in another tenant or in the underlay.
            ("ipv4", "accept_local", "1"),
            ("ipv4", "src_valid_mark", "1"),
        ]);
    }
    settings
}

/// Settings of the whole network namespace that the rule form needs: the router's replies bear the mark of the
/// packets that they answer.
const REPLIES: [&str; 3] = ["ipv4/fwmark_reflect", "ipv4/tcp_fwmark_accept", "ipv6/fwmark_reflect"];

/// Writes settings.
#[derive(Debug, Default)]
pub struct SysctlKeeper {
    /// What each device, by index, was set up for.
    done: BTreeMap<u32, Role>,
    replies_done: bool,
    told: BTreeSet<String>,
}

impl SysctlKeeper {
    /// Sets up the interfaces that are there and were not set up yet. Gives notices for the log.
    pub fn keep(&mut self, wanted: &Wanted, links: &Links) -> Vec<FibNotice> {
        let mut failed = Vec::new();
        self.done.retain(|index, _| links.get(*index).is_some());
        for (name, role) in &wanted.interfaces {
            let Some(link) = links.named(name) else { continue };
            if self.done.insert(link.index, *role) == Some(*role) {
                continue;
            }
            for (family, file, value) in settings(*role) {
                set(&interface(family, name, file), value, &mut failed);
            }
            forward_ipv6(name, &mut failed);
        }
        let rules = !wanted.filter.marks.is_empty();
        if rules && !self.replies_done {
            for file in REPLIES {
                set(&Path::new(ROOT).join(file), "1", &mut failed);
            }
            let all = interface("ipv4", "all", "rp_filter");
            if std::fs::read_to_string(&all).is_ok_and(|value| value.trim() == "1") {
                let words = "net.ipv4.conf.all.rp_filter is 1, which holds for every interface: packets of \
                             tenants are dropped where the way back is another; set it to 0 or 2";
                failed.push(words.to_owned());
            }
        }
        self.replies_done = rules;
        let told = &mut self.told;
        failed.retain(|words| told.insert(words.clone()));
        failed.into_iter().map(|error| FibNotice::Setting { error }).collect()
    }
}

fn interface(family: &str, name: &str, file: &str) -> PathBuf {
    Path::new(ROOT).join(family).join("conf").join(name).join(file)
}

/// IPv6 forwards on a single interface since Linux 6.17 only; before, on all or on none.
fn forward_ipv6(name: &str, failed: &mut Vec<String>) {
    let single = interface("ipv6", name, "force_forwarding");
    if single.exists() {
        set(&single, "1", failed);
        return;
    }
    let all = interface("ipv6", "all", "forwarding");
    if !std::fs::read_to_string(&all).is_ok_and(|value| value.trim() == "0") {
        return;
    }
    // An interface that forwards ignores router advertisements, unless it is told not to: whoever has a default
    // route by them shall keep it.
    for entry in std::fs::read_dir(Path::new(ROOT).join("ipv6/conf")).into_iter().flatten().flatten() {
        let accept = entry.path().join("accept_ra");
        if std::fs::read_to_string(&accept).is_ok_and(|value| value.trim() == "1") {
            set(&accept, "2", failed);
        }
    }
    set(&all, "1", failed);
}

/// Writes what differs. A file that is not there belongs to another kernel or to IPv6 switched off.
fn set(path: &Path, value: &str, failed: &mut Vec<String>) {
    let result = match std::fs::read_to_string(path) {
        Ok(is) if is.trim() == value => Ok(()),
        Ok(_) => std::fs::write(path, value),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => failed.push(format!("{} could not be set to {value}: {error}", path.display())),
    }
}
