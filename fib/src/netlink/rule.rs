//! Policy rules (`ip rule`): what of them Weft sets and understands, as messages.

use super::attribute::{Attributes, MessageBuffer, ip_of, u32_of};
use super::constants::*;
use ipnet::IpNet;
use std::fmt;

/// The main table, as rules name it.
pub const TABLE_MAIN: u32 = RT_TABLE_MAIN;
/// The table of the router's own addresses.
pub const TABLE_LOCAL: u32 = RT_TABLE_LOCAL;

/// Where a rule leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RuleAction {
    /// Look into this table, go on with the next rule if it has nothing.
    Lookup(u32),
    /// The packet goes nowhere; its sender is told.
    Unreachable,
    /// Anything else.
    Other(u8),
}

/// One rule. Two rules that differ in nothing here are the same to Weft.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rule {
    /// Of IPv6, or of IPv4.
    pub ipv6: bool,
    /// Rules are asked in the order of these.
    pub preference: u32,
    /// The packet came in by this interface.
    pub iif: Option<String>,
    /// The socket that sends it is bound to this interface.
    pub oif: Option<String>,
    /// It has exactly this mark.
    pub mark: Option<u32>,
    /// It goes to an address in here.
    pub to: Option<IpNet>,
    /// What happens.
    pub action: RuleAction,
    /// Who set it (`FRA_PROTOCOL`).
    pub protocol: u8,
    /// It asks for more than these fields can say; such a rule is never one of ours.
    pub other: bool,
}

impl Rule {
    /// A rule of ours for all packets.
    pub fn ours(ipv6: bool, preference: u32, action: RuleAction) -> Self {
        Rule {
            ipv6,
            preference,
            iif: None,
            oif: None,
            mark: None,
            to: None,
            action,
            protocol: RTPROT_BGP,
            other: false,
        }
    }

    /// Whether it bears our mark.
    pub fn is_ours(&self) -> bool {
        self.protocol == RTPROT_BGP && !self.other
    }

    /// Whether it sends every packet to the table of local addresses.
    pub fn is_local_for_all(&self) -> bool {
        self.iif.is_none()
            && self.oif.is_none()
            && self.mark.is_none()
            && self.to.is_none()
            && !self.other
            && self.action == RuleAction::Lookup(TABLE_LOCAL)
    }

    /// Reads the payload of `RTM_NEWRULE` or `RTM_DELRULE`; `None` for other families and what cannot be read.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [family, to_length, from_length, tos, table, _, _, action, flags @ ..]: [u8; 12] =
            *payload.first_chunk()?;
        let ipv6 = match family {
            AF_INET => false,
            AF_INET6 => true,
            _ => return None,
        };
        let mut table = u32::from(table);
        let mut rule = Rule {
            other: tos != 0 || from_length != 0 || u32::from_ne_bytes(flags) & FIB_RULE_INVERT != 0,
            protocol: 0,
            ..Rule::ours(ipv6, 0, RuleAction::Other(action))
        };
        let mut to = None;
        for (kind, value) in Attributes::new(payload.get(12..)?) {
            match kind {
                FRA_TABLE => table = u32_of(value)?,
                FRA_PRIORITY => rule.preference = u32_of(value)?,
                FRA_IIFNAME => rule.iif = Some(name_of(value)),
                FRA_OIFNAME => rule.oif = Some(name_of(value)),
                FRA_FWMARK => rule.mark = Some(u32_of(value)?),
                FRA_FWMASK => rule.other |= u32_of(value)? != u32::MAX,
                FRA_DST => to = Some(ip_of(value)?),
                FRA_PROTOCOL => rule.protocol = *value.first()?,
                // "no suppression", which every dump says.
                FRA_SUPPRESS_PREFIXLEN | FRA_SUPPRESS_IFGROUP => rule.other |= u32_of(value)? != u32::MAX,
                FRA_L3MDEV => rule.other |= value.first().is_some_and(|on| *on != 0),
                FRA_PAD => {}
                _ => rule.other = true,
            }
        }
        if let Some(to) = to {
            rule.to = Some(IpNet::new(to, to_length).ok()?);
        }
        rule.action = match action {
            FR_ACT_TO_TBL => RuleAction::Lookup(table),
            FR_ACT_UNREACHABLE => RuleAction::Unreachable,
            other => RuleAction::Other(other),
        };
        Some(rule)
    }

    /// Writes header and attributes of `RTM_NEWRULE` or `RTM_DELRULE`.
    pub fn emit(&self, to: &mut MessageBuffer) {
        let (action, table) = match self.action {
            RuleAction::Lookup(table) => (FR_ACT_TO_TBL, table),
            RuleAction::Unreachable => (FR_ACT_UNREACHABLE, 0),
            RuleAction::Other(action) => (action, 0),
        };
        let family = if self.ipv6 { AF_INET6 } else { AF_INET };
        let length = self.to.map_or(0, |net| net.prefix_len());
        to.fixed(&[family, length, 0, 0, u8::try_from(table).unwrap_or(0), 0, 0, action, 0, 0, 0, 0]);
        to.attribute(FRA_PRIORITY, &self.preference.to_ne_bytes());
        to.attribute(FRA_PROTOCOL, &[self.protocol]);
        if table != 0 {
            to.attribute(FRA_TABLE, &table.to_ne_bytes());
        }
        for (kind, name) in [(FRA_IIFNAME, &self.iif), (FRA_OIFNAME, &self.oif)] {
            if let Some(name) = name {
                to.text(kind, name);
            }
        }
        if let Some(mark) = self.mark {
            to.attribute(FRA_FWMARK, &mark.to_ne_bytes());
            to.attribute(FRA_FWMASK, &u32::MAX.to_ne_bytes());
        }
        if let Some(net) = self.to {
            to.ip(FRA_DST, net.addr());
        }
    }
}

/// A text without the end mark that the kernel gives it.
fn name_of(value: &[u8]) -> String {
    let text = value.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rule {}:", if self.ipv6 { "IPv6" } else { "IPv4" }, self.preference)?;
        if let Some(net) = self.to {
            write!(f, " to {net}")?;
        }
        if let Some(mark) = self.mark {
            write!(f, " fwmark {mark}")?;
        }
        for (word, name) in [("iif", &self.iif), ("oif", &self.oif)] {
            if let Some(name) = name {
                write!(f, " {word} {name}")?;
            }
        }
        match self.action {
            RuleAction::Lookup(table) => write!(f, " lookup {table}"),
            RuleAction::Unreachable => f.write_str(" unreachable"),
            RuleAction::Other(action) => write!(f, " action {action}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule() -> impl Strategy<Value = Rule> {
        let name = proptest::option::of("[a-z0-9-]{1,15}");
        let action = prop_oneof![(1_u32..).prop_map(RuleAction::Lookup), Just(RuleAction::Unreachable)];
        let mark = proptest::option::of(1_u32..);
        (any::<bool>(), 1_u32.., name.clone(), name, mark, any::<bool>(), action).prop_map(
            |(ipv6, preference, iif, oif, mark, to, action)| {
                let net = if ipv6 { "fe80::/10" } else { "192.0.2.0/24" };
                let to = to.then(|| net.parse().unwrap());
                Rule { iif, oif, mark, to, ..Rule::ours(ipv6, preference, action) }
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(rule in rule()) {
            let mut buffer = MessageBuffer::default();
            buffer.begin(RTM_NEWRULE, 0, 1);
            rule.emit(&mut buffer);
            buffer.end();
            prop_assert_eq!(Rule::parse(&buffer.bytes()[16..]), Some(rule));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            Rule::parse(&bytes);
        }
    }
}
