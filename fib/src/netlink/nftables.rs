//! nf_tables as far as the rule form of IP-VRFs needs it: one table, `inet weft`, written whole in one transaction,
//! and a socket that hears when somebody else touches it. Numbers are those of linux/netfilter/nf_tables.h.
//!
//! ```text
//! map marks { ifname : mark }                  every routed interface of every tenant
//! set gateways4, gateways6                     the tenants' gateways
//! prerouting   iifname in marks: its mark is set, so that replies find the tenant's table again
//! input        iifname in marks: jump tenant   what a tenant may say to the router itself
//!              other iifname, daddr in gateways: drop, since the kernel has them in the table `local`, too
//! postrouting  oifname in marks: the mark is cleared, since vxlan would look its VTEP up with it
//! ```
//!
//! Does not do: anything about packets that are forwarded; no connection tracking.

use super::attribute::{Attributes, MessageBuffer, Messages};
use super::constants::{NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST, NLMSG_ERROR};
use super::socket::{RequestError, answer, drop_own, for_requests};
use netlink_sys::{Socket, protocols::NETLINK_NETFILTER};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use socket2::SockRef;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// The table's name.
pub const TABLE: &str = "weft";
const MAP: &str = "marks";
const GATEWAYS4: &str = "gateways4";
const GATEWAYS6: &str = "gateways6";
/// `NFPROTO_INET`: IPv4 and IPv6.
const INET: u8 = 1;
/// `NFNL_SUBSYS_NFTABLES`, as the high octet of a message's type.
const SUBSYSTEM: u16 = 10 << 8;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;
const NEWTABLE: u16 = SUBSYSTEM;
const GETTABLE: u16 = SUBSYSTEM | 1;
const DELTABLE: u16 = SUBSYSTEM | 2;
const NEWCHAIN: u16 = SUBSYSTEM | 3;
const NEWRULE: u16 = SUBSYSTEM | 6;
const NEWSET: u16 = SUBSYSTEM | 9;
const NEWSETELEM: u16 = SUBSYSTEM | 12;
/// `NFNLGRP_NFTABLES`.
const GROUP: u32 = 7;
/// Names of interfaces fill this much as keys.
const NAME_KEY: usize = 16;
/// Elements in one message, which must stay below 64 KiB.
const ELEMENTS: usize = 400;
/// A transaction is one datagram, and that has to fit: some 100,000 marks.
const SEND_BUFFER: usize = 8 << 20;

/// Registers of the packet machine: names fill the first, numbers use the second.
const REGISTER_1: u32 = 1;
const REGISTER_2: u32 = 2;
const VERDICT: u32 = 0;

const DROP: i32 = 0;
const ACCEPT: i32 = 1;
const JUMP: i32 = -3;

const META_MARK: u32 = 3;
const META_NFPROTO: u32 = 15;
const META_IIFNAME: u32 = 6;
const META_OIFNAME: u32 = 7;
const META_L4PROTO: u32 = 16;

const CMP_EQ: u32 = 0;
const CMP_NEQ: u32 = 1;
const CMP_LTE: u32 = 3;
const CMP_GTE: u32 = 5;

/// `NFPROTO_IPV4`, `NFPROTO_IPV6`.
const IPV4: u8 = 2;
const IPV6: u8 = 10;
/// `NFT_PAYLOAD_NETWORK_HEADER`.
const NETWORK_HEADER: u32 = 1;

const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
const BGP: u16 = 179;
const DHCP_SERVER: u16 = 67;
const DHCPV6_SERVER: u16 = 547;
/// Where traceroute sends to: nobody listens there, and the answer says so.
const TRACEROUTE: (u16, u16) = (33_434, 33_523);

/// What the table holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruleset {
    /// The mark of what comes in by an interface, by its name.
    pub marks: BTreeMap<String, u32>,
    /// Addresses of the tenants' gateways, which nobody else may reach.
    pub gateways: BTreeSet<IpAddr>,
}

/// A message being written: all of a batch share one buffer and count their sequence.
struct Batch<'a> {
    buffer: &'a mut MessageBuffer,
    sequence: u32,
}

impl Batch<'_> {
    fn message(
        &mut self,
        kind: u16,
        flags: u16,
        family: u8,
        resource: u16,
        content: impl FnOnce(&mut MessageBuffer),
    ) {
        self.sequence = self.sequence.wrapping_add(1).max(1);
        self.buffer.begin(kind, NLM_F_REQUEST | flags, self.sequence);
        let [high, low] = resource.to_be_bytes();
        self.buffer.fixed(&[family, 0, high, low]);
        content(self.buffer);
        self.buffer.end();
    }

    fn frame(&mut self, kind: u16) {
        self.message(kind, 0, 0, SUBSYSTEM >> 8, |_| {});
    }

    fn change(&mut self, kind: u16, flags: u16, content: impl FnOnce(&mut MessageBuffer)) {
        self.message(kind, flags, INET, 0, |message| {
            // The first attribute of every message is the table's name.
            message.text(1, TABLE);
            content(message);
        });
    }

    /// A chain; with hook number and priority one that packets come through by themselves.
    fn chain(&mut self, name: &str, hook: Option<(u32, i32)>) {
        self.change(NEWCHAIN, NLM_F_CREATE, |message| {
            message.text(3, name);
            if let Some((number, priority)) = hook {
                message.nest(4, |hook| {
                    hook.attribute(1, &number.to_be_bytes());
                    hook.attribute(2, &priority.to_be_bytes());
                });
                message.text(7, "filter");
            }
        });
    }

    /// A set of addresses; `form`: nft's number of their type, octets of a key, number in this batch.
    fn addresses(&mut self, name: &str, form: (u32, u32, u32), addresses: &[IpAddr]) {
        let (kind, length, id) = form;
        self.change(NEWSET, NLM_F_CREATE, |set| {
            set.text(2, name);
            for (attribute, value) in [(3, 0), (4, kind), (5, length), (10, id)] {
                number(set, attribute, value);
            }
        });
        for some in addresses.chunks(ELEMENTS) {
            self.change(NEWSETELEM, NLM_F_CREATE, |elements| {
                elements.text(2, name);
                elements.nest(3, |list| {
                    for address in some {
                        list.nest(1, |element| {
                            element.nest(1, |key| match address {
                                IpAddr::V4(ip) => key.attribute(1, &ip.octets()),
                                IpAddr::V6(ip) => key.attribute(1, &ip.octets()),
                            });
                        });
                    }
                });
            });
        }
    }

    fn rule(&mut self, chain: &str, expressions: impl FnOnce(&mut MessageBuffer)) {
        self.change(NEWRULE, NLM_F_CREATE | NLM_F_APPEND, |message| {
            message.text(2, chain);
            message.nest(4, expressions);
        });
    }
}

fn expression(to: &mut MessageBuffer, name: &str, content: impl FnOnce(&mut MessageBuffer)) {
    to.nest(1, |element| {
        element.text(1, name);
        element.nest(2, content);
    });
}

fn number(to: &mut MessageBuffer, kind: u16, value: u32) {
    to.attribute(kind, &value.to_be_bytes());
}

fn load_meta(to: &mut MessageBuffer, key: u32, register: u32) {
    expression(to, "meta", |meta| {
        number(meta, 1, register);
        number(meta, 2, key);
    });
}

fn set_mark(to: &mut MessageBuffer, register: u32) {
    expression(to, "meta", |meta| {
        number(meta, 2, META_MARK);
        number(meta, 3, register);
    });
}

/// Goes on only where the name in the first register is in the map; its mark is in the second then.
fn look_up(to: &mut MessageBuffer) {
    expression(to, "lookup", |lookup| {
        lookup.text(1, MAP);
        number(lookup, 2, REGISTER_1);
        number(lookup, 3, REGISTER_2);
    });
}

/// Goes on only where the second register compares so.
fn compare(to: &mut MessageBuffer, how: u32, value: &[u8]) {
    compare_with(to, REGISTER_2, how, value);
}

/// Goes on only where a register compares so.
fn compare_with(to: &mut MessageBuffer, register: u32, how: u32, value: &[u8]) {
    expression(to, "cmp", |cmp| {
        number(cmp, 1, register);
        number(cmp, 2, how);
        cmp.nest(3, |data| data.attribute(1, value));
    });
}

/// Loads octets of the transport header into the second register.
fn load_transport(to: &mut MessageBuffer, offset: u32, length: u32) {
    expression(to, "payload", |payload| {
        number(payload, 1, REGISTER_2);
        number(payload, 2, 2);
        number(payload, 3, offset);
        number(payload, 4, length);
    });
}

fn protocol(to: &mut MessageBuffer, protocol: u8) {
    load_meta(to, META_L4PROTO, REGISTER_2);
    compare(to, CMP_EQ, &[protocol]);
}

fn verdict(to: &mut MessageBuffer, code: i32, chain: Option<&str>) {
    expression(to, "immediate", |immediate| {
        number(immediate, 1, VERDICT);
        immediate.nest(2, |data| {
            data.nest(2, |verdict| {
                verdict.attribute(1, &code.to_be_bytes());
                if let Some(chain) = chain {
                    verdict.text(2, chain);
                }
            });
        });
    });
}

/// Writes the whole table in place of whatever was there. Gives the last sequence number.
pub fn replace(wanted: &Ruleset, first_sequence: u32, to: &mut MessageBuffer) -> u32 {
    let mut batch = Batch { buffer: to, sequence: first_sequence };
    batch.frame(BATCH_BEGIN);
    // Made, so that it can be removed: a transaction fails at what is not there.
    batch.change(NEWTABLE, NLM_F_CREATE, |_| {});
    batch.change(DELTABLE, 0, |_| {});
    batch.change(NEWTABLE, NLM_F_CREATE, |_| {});
    batch.change(NEWSET, NLM_F_CREATE, |set| {
        set.text(2, MAP);
        // A map; the type numbers are nft's own, for showing it.
        for (kind, value) in [(3, 8), (4, 41), (5, 16), (6, 19), (7, 4), (10, 1)] {
            number(set, kind, value);
        }
    });
    let all: Vec<(&String, &u32)> = wanted.marks.iter().collect();
    for some in all.chunks(ELEMENTS) {
        batch.change(NEWSETELEM, NLM_F_CREATE, |elements| {
            elements.text(2, MAP);
            elements.nest(3, |list| {
                for (name, mark) in some {
                    list.nest(1, |element| {
                        element.nest(1, |key| key.attribute(1, &name_key(name)));
                        element.nest(2, |data| data.attribute(1, &mark.to_ne_bytes()));
                    });
                }
            });
        });
    }
    let (ipv4, ipv6): (Vec<IpAddr>, Vec<IpAddr>) = wanted.gateways.iter().partition(|ip| ip.is_ipv4());
    batch.addresses(GATEWAYS4, (7, 4, 2), &ipv4);
    batch.addresses(GATEWAYS6, (8, 16, 3), &ipv6);
    // Numbers of the hooks: prerouting, input, postrouting. The priority is that of mangle.
    batch.chain("prerouting", Some((0, -150)));
    batch.chain("tenant", None);
    batch.chain("input", Some((1, 0)));
    batch.chain("postrouting", Some((4, -150)));
    batch.rule("prerouting", |to| {
        load_meta(to, META_IIFNAME, REGISTER_1);
        look_up(to);
        set_mark(to, REGISTER_2);
    });
    batch.rule("input", |to| {
        load_meta(to, META_IIFNAME, REGISTER_1);
        look_up(to);
        verdict(to, JUMP, Some("tenant"));
    });
    // Offset and length of the destination address in the two network headers.
    for (family, set, offset, length) in [(IPV4, GATEWAYS4, 16, 4), (IPV6, GATEWAYS6, 24, 16)] {
        batch.rule("input", |to| {
            load_meta(to, META_IIFNAME, REGISTER_1);
            compare_with(to, REGISTER_1, CMP_NEQ, &name_key("lo"));
            load_meta(to, META_NFPROTO, REGISTER_2);
            compare(to, CMP_EQ, &[family]);
            expression(to, "payload", |payload| {
                number(payload, 1, REGISTER_1);
                number(payload, 2, NETWORK_HEADER);
                number(payload, 3, offset);
                number(payload, 4, length);
            });
            expression(to, "lookup", |lookup| {
                lookup.text(1, set);
                number(lookup, 2, REGISTER_1);
            });
            verdict(to, DROP, None);
        });
    }
    batch.rule("postrouting", |to| {
        load_meta(to, META_OIFNAME, REGISTER_1);
        look_up(to);
        expression(to, "immediate", |immediate| {
            number(immediate, 1, REGISTER_2);
            immediate.nest(2, |data| data.attribute(1, &0_u32.to_ne_bytes()));
        });
        set_mark(to, REGISTER_2);
    });
    allow_tenants(&mut batch);
    let last = batch.sequence;
    batch.buffer.add_flags_to_last(NLM_F_ACK);
    batch.frame(BATCH_END);
    last
}

/// What a tenant may say to the router itself. Which of its addresses that can be is the routing's business.
fn allow_tenants(batch: &mut Batch<'_>) {
    const CHAIN: &str = "tenant";
    for wanted in [ICMP, ICMPV6] {
        batch.rule(CHAIN, |to| {
            protocol(to, wanted);
            verdict(to, ACCEPT, None);
        });
    }
    for (transport, from, until) in [
        (TCP, BGP, BGP),
        (UDP, DHCP_SERVER, DHCP_SERVER),
        (UDP, DHCPV6_SERVER, DHCPV6_SERVER),
        (UDP, TRACEROUTE.0, TRACEROUTE.1),
    ] {
        batch.rule(CHAIN, |to| {
            protocol(to, transport);
            load_transport(to, 2, 2);
            if from == until {
                compare(to, CMP_EQ, &from.to_be_bytes());
            } else {
                compare(to, CMP_GTE, &from.to_be_bytes());
                compare(to, CMP_LTE, &until.to_be_bytes());
            }
            verdict(to, ACCEPT, None);
        });
    }
    // Answers to BGP sessions that we open: everything but a first SYN.
    batch.rule(CHAIN, |to| {
        protocol(to, TCP);
        load_transport(to, 0, 2);
        compare(to, CMP_EQ, &BGP.to_be_bytes());
        load_transport(to, 13, 1);
        expression(to, "bitwise", |bitwise| {
            number(bitwise, 1, REGISTER_2);
            number(bitwise, 2, REGISTER_2);
            number(bitwise, 3, 1);
            bitwise.nest(4, |mask| mask.attribute(1, &[SYN | ACK]));
            bitwise.nest(5, |xor| xor.attribute(1, &[0]));
        });
        compare(to, CMP_NEQ, &[SYN]);
        verdict(to, ACCEPT, None);
    });
    batch.rule(CHAIN, |to| verdict(to, DROP, None));
}

const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// Writes the removal of the table. Gives the last sequence number.
pub fn remove(first_sequence: u32, to: &mut MessageBuffer) -> u32 {
    let mut batch = Batch { buffer: to, sequence: first_sequence };
    batch.frame(BATCH_BEGIN);
    batch.change(NEWTABLE, NLM_F_CREATE, |_| {});
    batch.change(DELTABLE, 0, |_| {});
    let last = batch.sequence;
    batch.buffer.add_flags_to_last(NLM_F_ACK);
    batch.frame(BATCH_END);
    last
}

fn name_key(name: &str) -> [u8; NAME_KEY] {
    let mut key = [0; NAME_KEY];
    for (to, from) in key.iter_mut().zip(name.bytes().take(NAME_KEY - 1)) {
        *to = from;
    }
    key
}

/// The sockets: one to write, one to hear.
pub struct Nftables {
    socket: Socket,
    monitor: Socket,
    sequence: u32,
    out: MessageBuffer,
    buffer: Vec<u8>,
}

impl fmt::Debug for Nftables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nftables").finish_non_exhaustive()
    }
}

impl Nftables {
    /// Opens them in the network namespace of the calling thread.
    ///
    /// # Errors
    /// What the kernel says; without netfilter, that there is no such protocol.
    pub fn open() -> io::Result<Self> {
        let (socket, port) = for_requests(NETLINK_NETFILTER)?;
        // FORCE passes net.core.wmem_max but needs CAP_NET_ADMIN in the initial user namespace.
        if setsockopt(&socket, sockopt::SndBufForce, &SEND_BUFFER).is_err() {
            setsockopt(&socket, sockopt::SndBuf, &SEND_BUFFER)?;
        }
        let mut monitor = Socket::new(NETLINK_NETFILTER)?;
        monitor.set_non_blocking(true)?;
        SockRef::from(&monitor).attach_filter(&drop_own(port))?;
        monitor.bind_auto()?;
        monitor.add_membership(GROUP)?;
        Ok(Nftables {
            socket,
            monitor,
            sequence: 0,
            out: MessageBuffer::default(),
            buffer: vec![0; 64 * 1024],
        })
    }

    /// Writes the table whole: at every moment either the old one or the new one holds.
    ///
    /// # Errors
    /// See [`RequestError`]; nothing has changed then.
    pub fn replace(&mut self, wanted: &Ruleset) -> Result<(), RequestError> {
        self.out.clear();
        let last = replace(wanted, self.sequence, &mut self.out);
        self.transact(last)
    }

    /// Removes the table, if it is there.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn remove(&mut self) -> Result<(), RequestError> {
        self.out.clear();
        let last = remove(self.sequence, &mut self.out);
        self.transact(last)
    }

    /// Whether the table is there.
    ///
    /// # Errors
    /// See [`RequestError`].
    pub fn is_there(&mut self) -> Result<bool, RequestError> {
        self.out.clear();
        let mut batch = Batch { buffer: &mut self.out, sequence: self.sequence };
        batch.change(GETTABLE, NLM_F_ACK, |_| {});
        let last = batch.sequence;
        match self.transact(last) {
            Ok(()) => Ok(true),
            Err(RequestError::Refused(error)) if error.errno == Errno::ENOENT => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends what was written and waits for the answer to the message `last`; only the frame that ends a batch
    /// comes after that.
    fn transact(&mut self, last: u32) -> Result<(), RequestError> {
        let first = self.sequence.wrapping_add(1);
        self.sequence = last.wrapping_add(1);
        self.socket.send(self.out.bytes(), 0)?;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.buffer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(errno.into()),
            };
            for (header, payload) in Messages::new(self.buffer.get(..length).unwrap_or_default()) {
                // Others are late answers to a batch that failed earlier.
                let ours = header.sequence.wrapping_sub(first) <= last.wrapping_sub(first);
                if header.kind != NLMSG_ERROR || !ours {
                    continue;
                }
                // One refusal refuses the whole batch.
                match answer(payload, header.flags) {
                    Err(error) => return Err(RequestError::Refused(error)),
                    Ok(()) if header.sequence == last => return Ok(()),
                    Ok(()) => {}
                }
            }
        }
    }

    /// Whether somebody else has touched our table since the last call, or may have.
    pub fn touched(&mut self) -> bool {
        let mut touched = false;
        loop {
            let length = match recv(self.monitor.as_raw_fd(), &mut self.buffer, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(Errno::ENOBUFS) => {
                    touched = true;
                    continue;
                }
                Err(_) => return touched,
            };
            for (_, payload) in Messages::new(self.buffer.get(..length).unwrap_or_default()) {
                let attributes = Attributes::new(payload.get(4..).unwrap_or_default());
                let ours = |(kind, value): (u16, &[u8])| {
                    kind == 1 && value.strip_suffix(&[0]) == Some(TABLE.as_bytes())
                };
                touched |= payload.first() == Some(&INET) && attributes.take(1).any(ours);
            }
        }
    }

    /// Readable when there may be something to hear.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.monitor.as_fd()
    }
}
