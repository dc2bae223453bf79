//! Nexthop messages (`RTM_*NEXTHOP`, nexthop.h), as far as FDB nexthops and their groups need it.

use super::attribute::{Attributes, ip_of, u32_of};
use super::constants::*;
use std::net::IpAddr;

/// Length of `struct nhmsg`.
pub const NHMSG: usize = 8;
/// Length of `struct nexthop_grp`: id, weight, weight_high, reserved.
const MEMBER: usize = 8;

/// What one `RTM_NEWNEXTHOP` or `RTM_DELNEXTHOP` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NexthopMessage {
    /// `NHA_ID`
    pub id: u32,
    /// `nh_protocol`
    pub protocol: u8,
    /// `NHA_FDB`
    pub fdb: bool,
    /// `NHA_GATEWAY`
    pub gateway: Option<IpAddr>,
    /// `NHA_GROUP`: id of the first member and how many there are.
    pub group: Option<(u32, usize)>,
}

impl NexthopMessage {
    /// Reads the payload of a message; `None` when it is too short or has no id.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[_, _, protocol, ..] = payload.first_chunk::<NHMSG>()?;
        let mut message = NexthopMessage { protocol, ..NexthopMessage::default() };
        for (kind, value) in Attributes::new(payload.get(NHMSG..)?) {
            match kind {
                NHA_ID => message.id = u32_of(value)?,
                NHA_FDB => message.fdb = true,
                NHA_GATEWAY => message.gateway = ip_of(value),
                NHA_GROUP => {
                    message.group = u32_of(value.get(..4)?).map(|first| (first, value.len() / MEMBER));
                }
                _ => {}
            }
        }
        (message.id != 0).then_some(message)
    }
}
