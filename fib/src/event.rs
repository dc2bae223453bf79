//! What the kernel side tells the core: local events, readiness, and notices for the log.

use crate::consistency::EntryKind;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use weft_evpn::local::LocalEvent;
use weft_evpn::{MacAddr, Vni, VrfName};

/// One message of the kernel side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibEvent {
    /// What the kernel says, in order. Levels: what is known may be said again.
    Local(Vec<LocalEvent>),
    /// The first dump is done and all it held was delivered as `Local` before this.
    Ready {
        /// How many entries with our mark were found and adopted. They stay as they are until
        /// [`crate::FibRequest::Converged`].
        adopted: usize,
    },
    /// This kernel has an address that it did not have: what waits for one may try again.
    NewAddress,
    /// Many messages were written since this was said last, and nothing is left to write now.
    Written {
        /// How many, deletions among them.
        messages: usize,
    },
    /// The kernel was behind ([`crate::Fib::is_behind`]), and is not any more.
    CaughtUp,
    /// For the log.
    Notice(FibNotice),
    /// The thread ended by itself; nothing is programmed any more.
    Failed(String),
}

/// Something that an operator should know. `Display` gives the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FibNotice {
    /// The monitor socket overran; everything was read again.
    Resync {
        /// Why.
        reason: &'static str,
    },
    /// A write failed for a reason that retrying may mend.
    WriteFailed {
        /// What kind of entry.
        kind: EntryKind,
        /// VNI, if the entry belongs to one.
        vni: Option<Vni>,
        /// The entry, as `bridge` and `ip` print it.
        key: String,
        /// The kernel's answer, with its own words where it gave some.
        error: String,
    },
    /// An entry without our mark stands where ours belongs; it is left alone.
    ForeignEntry {
        /// What kind of entry.
        kind: EntryKind,
        /// The VNI.
        vni: Vni,
        /// The entry, as `bridge` and `ip` print it.
        key: String,
    },
    /// A route without our mark stands in the table of an IP-VRF for a prefix that we have a route for. It is left
    /// alone; the kernel chooses by metric.
    ForeignRoute {
        /// The IP-VRF.
        vrf: VrfName,
        /// The prefix.
        prefix: IpNet,
        /// Its metric, and ours.
        metric: (u32, u32),
    },
    /// Routes name several router MACs for one VTEP of one L3VNI; the one that came last is used.
    RouterMacs {
        /// The IP-VRF.
        vrf: VrfName,
        /// The VTEP.
        vtep: IpAddr,
        /// The one in use.
        chosen: MacAddr,
        /// How many there are.
        count: usize,
    },
    /// Somebody changes this entry again and again; repairs are now spaced out.
    Fighting {
        /// What kind of entry.
        kind: EntryKind,
        /// VNI, if the entry belongs to one.
        vni: Option<Vni>,
        /// The entry.
        key: String,
    },
    /// This kernel takes no FDB nexthops; VTEP addresses are written into each entry.
    NoNexthops {
        /// The kernel's answer.
        error: String,
    },
    /// A VNI has devices but cannot be served, and why.
    NotServed {
        /// The VNI.
        vni: Vni,
        /// The vxlan device.
        device: String,
        /// Why, and what would help.
        reason: String,
    },
    /// Something in an IP-VRF is not served, and why.
    Vrf {
        /// The IP-VRF.
        vrf: VrfName,
        /// Which interface, why, and what would help.
        reason: String,
    },
    /// A setting of the kernel below /proc/sys that routing needs could not be made, or stands in its way.
    Setting {
        /// Which, and what went wrong.
        error: String,
    },
    /// A setting of a device that the operator made will disturb EVPN. It is not changed.
    DeviceSetting {
        /// The device.
        device: String,
        /// What is set, and what would be right.
        advice: String,
    },
    /// A device that the configuration asks for could not be made or changed; it is tried again.
    Device {
        /// The device.
        device: String,
        /// What went wrong.
        error: String,
    },
    /// ARP and ND on local ports are not seen.
    NoSnooping {
        /// Why, and what would help.
        error: String,
    },
}

impl fmt::Display for FibNotice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |vni: &Option<Vni>| vni.map(|vni| format!(" of VNI {vni}")).unwrap_or_default();
        match self {
            FibNotice::Resync { reason } => write!(f, "kernel state read again: {reason}"),
            FibNotice::WriteFailed { kind, vni, key, error } => {
                write!(f, "{kind} {key}{} could not be written: {error}", of(vni))
            }
            FibNotice::ForeignEntry { kind, vni, key } => {
                write!(f, "{kind} {key} of VNI {vni} is not ours and stands where ours belongs; left alone")
            }
            FibNotice::ForeignRoute { vrf, prefix, metric: (theirs, ours) } => write!(
                f,
                "a route for {prefix} in vrf {vrf} is not ours (metric {theirs}, ours {ours}); left alone"
            ),
            FibNotice::RouterMacs { vrf, vtep, chosen, count } => write!(
                f,
                "{count} router MACs are told for VTEP {vtep} in vrf {vrf}; using {chosen}, the last one"
            ),
            FibNotice::Fighting { kind, vni, key } => {
                write!(
                    f,
                    "{kind} {key}{} is changed by somebody again and again; repairing more slowly",
                    of(vni)
                )
            }
            FibNotice::NoNexthops { error } => {
                write!(f, "this kernel takes no FDB nexthops ({error}); writing VTEP addresses instead")
            }
            FibNotice::NotServed { vni, device, reason } => {
                write!(f, "VNI {vni} on {device} is not served: {reason}")
            }
            FibNotice::Vrf { vrf, reason } => write!(f, "VRF {vrf}: {reason}"),
            FibNotice::Setting { error } => write!(f, "kernel setting: {error}"),
            FibNotice::DeviceSetting { device, advice } => write!(f, "{device}: {advice}"),
            FibNotice::Device { device, error } => write!(f, "device {device}: {error}"),
            FibNotice::NoSnooping { error } => write!(f, "ARP and ND on local ports are not seen: {error}"),
        }
    }
}
