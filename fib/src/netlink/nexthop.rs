//! Nexthop messages (`RTM_*NEXTHOP`, nexthop.h): FDB nexthops, those of routes, and groups of either.

use super::attribute::{Attributes, ip_of, u32_of};
use super::constants::*;
use std::net::IpAddr;

/// Length of `struct nhmsg`.
pub const NHMSG: usize = 8;
/// Length of `struct nexthop_grp`: id, weight, weight_high, reserved.
const MEMBER: usize = 8;

/// What one `RTM_NEWNEXTHOP` or `RTM_DELNEXTHOP` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NexthopMessage {
    /// `NHA_ID`
    pub id: u32,
    /// `nh_protocol`
    pub protocol: u8,
    /// `NHA_FDB`
    pub fdb: bool,
    /// `NHA_GATEWAY`
    pub gateway: Option<IpAddr>,
    /// `NHA_OIF`
    pub device: Option<u32>,
    /// `RTNH_F_ONLINK`
    pub onlink: bool,
    /// `NHA_GROUP`: ids of the members; empty when it is no group.
    pub members: Vec<u32>,
    /// Members do not all have the same weight.
    pub weighted: bool,
}

impl NexthopMessage {
    /// Reads the payload of a message; `None` when it is too short or has no id.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[_, _, protocol, _, a, b, c, d] = payload.first_chunk::<NHMSG>()?;
        let onlink = u32::from_ne_bytes([a, b, c, d]) & RTNH_F_ONLINK != 0;
        let mut message = NexthopMessage { protocol, onlink, ..NexthopMessage::default() };
        for (kind, value) in Attributes::new(payload.get(NHMSG..)?) {
            match kind {
                NHA_ID => message.id = u32_of(value)?,
                NHA_FDB => message.fdb = true,
                NHA_GATEWAY => message.gateway = ip_of(value),
                NHA_OIF => message.device = u32_of(value),
                NHA_GROUP => {
                    let (members, _) = value.as_chunks::<MEMBER>();
                    message.members =
                        members.iter().map(|[a, b, c, d, ..]| u32::from_ne_bytes([*a, *b, *c, *d])).collect();
                    message.weighted = members.iter().any(|[_, _, _, _, weight, high, ..]| {
                        members
                            .first()
                            .is_some_and(|[_, _, _, _, first, top, ..]| (weight, high) != (first, top))
                    });
                }
                _ => {}
            }
        }
        (message.id != 0).then_some(message)
    }

    /// First member and number of members of a group.
    pub fn group(&self) -> Option<(u32, usize)> {
        self.members.first().map(|first| (*first, self.members.len()))
    }

    /// Whether it is a group.
    pub fn is_group(&self) -> bool {
        !self.members.is_empty()
    }
}
