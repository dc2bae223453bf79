//! A MAC of a VNI: where it should be, where the vxlan FDB and the bridge FDB have it, and which messages
//! make the second like the first. Pure.

use super::key::VtepId;
use crate::netlink::constants::*;
use crate::netlink::encode::{Mode, Op, Target};
use crate::netlink::neighbour::NeighbourMessage;
use smallvec::SmallVec;
use weft_evpn::MacAddr;

/// What the core wants of a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedMac {
    pub vtep: VtepId,
    pub sticky: bool,
}

/// What the vxlan FDB has. "Marked" is `NTF_EXT_LEARNED`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VxlanFdb {
    #[default]
    Absent,
    /// Marked, by the nexthop group of this VTEP.
    Nexthop(VtepId),
    /// Marked, by address.
    Address(VtepId),
    /// Marked, but it points at something that is no VTEP of ours.
    Stray,
    /// Not marked, and it was ours before: somebody wrote over it.
    Overwritten,
    /// Not marked: the operator's.
    Foreign,
}

/// What the bridge FDB has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BridgeFdb {
    #[default]
    Absent,
    /// On the vxlan port.
    Vxlan {
        /// `NTF_EXT_LEARNED`
        marked: bool,
        sticky: bool,
        /// `NUD_NOARP`: it does not age.
        fixed: bool,
    },
    /// On a local port.
    Port { port: u32, fixed: bool },
    /// An address of the bridge itself, or one that somebody gave it (`permanent`).
    Own { port: u32 },
}

impl BridgeFdb {
    /// Reads a bridge FDB message; `vxlan` is the index of the vxlan port.
    pub fn read(message: &NeighbourMessage, vxlan: u32) -> Self {
        let fixed = message.is(NUD_NOARP);
        if message.is(NUD_PERMANENT) {
            BridgeFdb::Own { port: message.ifindex }
        } else if message.ifindex == vxlan {
            BridgeFdb::Vxlan { marked: message.has(NTF_EXT_LEARNED), sticky: message.has(NTF_STICKY), fixed }
        } else {
            BridgeFdb::Port { port: message.ifindex, fixed }
        }
    }

    /// The port that the entry is on.
    pub fn port(self, vxlan: u32) -> Option<u32> {
        match self {
            BridgeFdb::Absent => None,
            BridgeFdb::Vxlan { .. } => Some(vxlan),
            BridgeFdb::Port { port, .. } | BridgeFdb::Own { port } => Some(port),
        }
    }
}

/// All that is wanted of and known about a MAC.
#[derive(Debug, Clone, Copy, Default)]
pub struct MacEntry {
    pub wanted: Option<WantedMac>,
    pub vxlan: VxlanFdb,
    pub bridge: BridgeFdb,
    /// The vxlan FDB has had our entry since the MAC is wanted: what else is there now is drift.
    pub vxlan_held: bool,
    /// The same of the bridge FDB.
    pub bridge_held: bool,
    /// The bridge moved it to a local port while it was wanted remote. The host may have come here; the core
    /// decides, and until it has spoken the bridge's choice stands.
    pub moved_here: bool,
    /// Our own entry took the place of a local one. If ours goes, too, the core must hear that the MAC is on no
    /// port: its word and the bridge's news of the host may have crossed.
    pub displaced: bool,
    /// The kernel refused to do both tables in one message: which of them it was shows when each has its own.
    pub apart: bool,
    /// Entries with our mark that were found, not written, and that nobody has asked for yet.
    pub adopted: bool,
    /// In the work queue.
    pub dirty: bool,
    /// Not yet seen again in the dump that is being read.
    pub stale_vxlan: bool,
    /// The same of the bridge FDB.
    pub stale_bridge: bool,
}

/// What the difference depends on besides the entry.
#[derive(Debug, Clone, Copy)]
pub struct MacContext {
    pub vxlan: u32,
    /// Index of the bridge, whose own addresses are never deleted.
    pub bridge: u32,
    /// There is a bridge FDB at all.
    pub bridged: bool,
    /// What an entry for the wanted VTEP points at.
    pub target: Option<Target>,
    /// The VNI is not served any more: nothing is wanted.
    pub retiring: bool,
    /// Adopted entries that nobody wants may go.
    pub pruned: bool,
}

/// The messages of one key: at most delete and set in both tables, and sticky.
pub type Ops = SmallVec<[Op; 5]>;

impl MacEntry {
    /// Nothing is wanted and nothing is there.
    pub fn is_void(&self) -> bool {
        self.wanted.is_none() && self.vxlan == VxlanFdb::Absent && self.bridge == BridgeFdb::Absent
    }

    fn wanted_in(&self, context: &MacContext) -> Option<(WantedMac, Target)> {
        if context.retiring {
            return None;
        }
        self.wanted.zip(context.target)
    }

    /// The messages that make the kernel as wanted, in their order; none when it is.
    pub fn ops(&self, mac: MacAddr, context: &MacContext) -> Ops {
        let mut ops = Ops::new();
        self.each_op(mac, context, |op| ops.push(op));
        ops
    }

    /// Whether there is any.
    pub fn differs(&self, context: &MacContext) -> bool {
        let mut differs = false;
        self.each_op(MacAddr::ZERO, context, |_| differs = true);
        differs
    }

    /// Gives each of them.
    #[inline]
    pub fn each_op(&self, mac: MacAddr, context: &MacContext, mut op: impl FnMut(Op)) {
        let vxlan = context.vxlan;
        match self.wanted_in(context) {
            Some((wanted, target)) => {
                let absent = self.vxlan == VxlanFdb::Absent && self.bridge == BridgeFdb::Absent;
                if absent && context.bridged && !self.apart {
                    op(Op::BothSet { vxlan, mac, target });
                    if wanted.sticky {
                        op(Op::BridgeSticky { port: vxlan, mac, sticky: true });
                    }
                    return;
                }
                // The vxlan entry first: a frame must not be sent there before it knows where to go on.
                self.vxlan_set(mac, wanted, target, context, &mut op);
                if context.bridged {
                    self.bridge_set(mac, wanted, context, &mut op);
                }
            }
            None if self.wanted.is_some() && !context.retiring => {}
            None if self.adopted && !context.pruned && !context.retiring => {}
            // And away from the vxlan port before the vxlan entry goes.
            None => {
                let in_bridge = matches!(self.bridge, BridgeFdb::Vxlan { marked: true, .. });
                let in_vxlan =
                    matches!(self.vxlan, VxlanFdb::Nexthop(_) | VxlanFdb::Address(_) | VxlanFdb::Stray);
                if in_bridge && in_vxlan && !self.apart {
                    op(Op::BothDelete { vxlan, mac });
                    return;
                }
                if in_bridge {
                    op(Op::BridgeDelete { port: vxlan, mac });
                }
                if in_vxlan {
                    op(Op::VxlanDelete { vxlan, mac });
                }
            }
        }
    }

    #[inline]
    fn vxlan_set(
        &self,
        mac: MacAddr,
        wanted: WantedMac,
        target: Target,
        context: &MacContext,
        op: &mut impl FnMut(Op),
    ) {
        let vxlan = context.vxlan;
        let set = |mode| Op::VxlanSet { vxlan, mac, target, mode };
        match (self.vxlan, target) {
            (VxlanFdb::Absent, _) => op(set(Mode::Create)),
            // An adopted entry of the other form is as good.
            (VxlanFdb::Nexthop(vtep) | VxlanFdb::Address(vtep), _) if vtep == wanted.vtep => {}
            (VxlanFdb::Nexthop(_), Target::Nexthop(_)) | (VxlanFdb::Address(_), Target::Address(_)) => {
                op(set(Mode::Replace));
            }
            // The kernel does not replace one form by the other, and a lost mark does not come back by replacing.
            (VxlanFdb::Nexthop(_) | VxlanFdb::Address(_) | VxlanFdb::Stray | VxlanFdb::Overwritten, _) => {
                op(Op::VxlanDelete { vxlan, mac });
                op(set(Mode::Create));
            }
            (VxlanFdb::Foreign, _) => {}
        }
    }

    #[inline]
    fn bridge_set(&self, mac: MacAddr, wanted: WantedMac, context: &MacContext, op: &mut impl FnMut(Op)) {
        let port = context.vxlan;
        let set = || Op::BridgeSet { port, mac };
        let (sticky, fixed) = match self.bridge {
            BridgeFdb::Absent => {
                op(set());
                (false, false)
            }
            BridgeFdb::Vxlan { marked: true, sticky, fixed } => (sticky, fixed),
            BridgeFdb::Vxlan { marked: false, fixed: true, .. } if !self.bridge_held => return,
            BridgeFdb::Vxlan { marked: false, sticky, fixed } => {
                op(set());
                (sticky, fixed)
            }
            BridgeFdb::Port { .. } if self.moved_here => return,
            BridgeFdb::Port { fixed: true, .. } => return,
            BridgeFdb::Port { fixed: false, .. } => {
                op(set());
                (false, false)
            }
            BridgeFdb::Own { port: at } if self.bridge_held && at != context.bridge => {
                op(Op::BridgeDelete { port: at, mac });
                op(set());
                (false, false)
            }
            BridgeFdb::Own { .. } => return,
        };
        if sticky != wanted.sticky || fixed != wanted.sticky {
            op(Op::BridgeSticky { port, mac, sticky: wanted.sticky });
        }
    }

    /// Whether an entry of the operator stands where ours belongs.
    pub fn vxlan_conflict(&self) -> bool {
        self.wanted.is_some() && self.vxlan == VxlanFdb::Foreign
    }

    /// The same of the bridge FDB. A local port that learned it is no conflict but the core's business.
    pub fn bridge_conflict(&self) -> bool {
        let foreign = match self.bridge {
            BridgeFdb::Vxlan { marked: false, fixed: true, .. } => !self.bridge_held,
            BridgeFdb::Port { fixed: true, .. } => !self.moved_here,
            BridgeFdb::Own { .. } => !self.bridge_held,
            _ => false,
        };
        self.wanted.is_some() && foreign
    }
}
