use super::attribute::{Attributes, MessageBuffer, Messages};
use super::constants::*;
use super::encode::{Mode, Op, Query, RouteTarget, Target, metric_of};
use super::neighbour::NeighbourMessage;
use super::nexthop::NexthopMessage;
use super::read_all;
use super::route::RouteMessage;
use ipnet::IpNet;
use proptest::prelude::*;
use std::net::IpAddr;
use weft_evpn::MacAddr;

const MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 9]);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn encoded(op: Op) -> Vec<u8> {
    let mut buffer = MessageBuffer::default();
    op.encode(7, &mut buffer);
    buffer.bytes().to_vec()
}

/// The payload of the only message, checked for its header.
fn payload(bytes: &[u8], kind: u16, flags: u16) -> &[u8] {
    let mut messages = Messages::new(bytes);
    let (header, payload) = messages.next().unwrap();
    assert_eq!((header.kind, header.flags, header.sequence), (kind, flags | NLM_F_REQUEST, 7));
    assert!(messages.next().is_none());
    payload
}

// Expected bytes are those of a little-endian machine, as `strace` shows them of iproute2.
#[cfg(target_endian = "little")]
#[test]
fn a_vxlan_entry_by_nexthop_is_byte_exact() {
    let op = Op::VxlanSet { vxlan: 0x0304, mac: MAC, target: Target::Nexthop(0x0a0b), mode: Mode::Create };
    let expected: [&[u8]; 4] = [
        &[48, 0, 0, 0, 28, 0, 0x01, 0x06, 7, 0, 0, 0, 0, 0, 0, 0],
        &[7, 0, 0, 0, 4, 3, 0, 0, 0x42, 0, 0x12, 0],
        &[10, 0, 2, 0, 2, 0, 0, 0, 0, 9, 0, 0],
        &[8, 0, 13, 0, 0x0b, 0x0a, 0, 0],
    ];
    assert_eq!(encoded(op), expected.concat());
}

#[cfg(target_endian = "little")]
#[test]
fn a_neighbour_is_byte_exact() {
    let op = Op::NeighbourSet { bridge: 5, ip: ip("192.168.10.1"), mac: MAC, router: true };
    let expected: [&[u8]; 5] = [
        &[56, 0, 0, 0, 28, 0, 0x01, 0x05, 7, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 0, 0, 5, 0, 0, 0, 0x40, 0, 0x90, 0],
        &[8, 0, 1, 0, 192, 168, 10, 1],
        &[10, 0, 2, 0, 2, 0, 0, 0, 0, 9, 0, 0],
        &[5, 0, 12, 0, 186, 0, 0, 0],
    ];
    assert_eq!(encoded(op), expected.concat());
}

#[cfg(target_endian = "little")]
#[test]
fn a_nexthop_and_its_group_are_byte_exact() {
    let nexthop = encoded(Op::NexthopSet { id: 0x11, gateway: ip("10.0.0.2"), mode: Mode::Replace });
    let expected: [&[u8]; 5] = [
        &[44, 0, 0, 0, 104, 0, 0x01, 0x05, 7, 0, 0, 0, 0, 0, 0, 0],
        &[2, 0, 186, 0, 0, 0, 0, 0],
        &[8, 0, 1, 0, 0x11, 0, 0, 0],
        &[8, 0, 6, 0, 10, 0, 0, 2],
        &[4, 0, 11, 0],
    ];
    assert_eq!(nexthop, expected.concat());
    let group = encoded(Op::GroupSet { id: 0x12, member: 0x11, mode: Mode::Create });
    let expected: [&[u8]; 5] = [
        &[48, 0, 0, 0, 104, 0, 0x01, 0x06, 7, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 186, 0, 0, 0, 0, 0],
        &[8, 0, 1, 0, 0x12, 0, 0, 0],
        &[12, 0, 2, 0, 0x11, 0, 0, 0, 0, 0, 0, 0],
        &[4, 0, 11, 0],
    ];
    assert_eq!(group, expected.concat());
}

#[test]
fn fdb_messages_read_back() {
    let vtep = ip("2001:db8::2");
    let set =
        encoded(Op::VxlanSet { vxlan: 3, mac: MAC, target: Target::Address(vtep), mode: Mode::Replace });
    let message = NeighbourMessage::parse(payload(&set, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)).unwrap();
    let expected = NeighbourMessage {
        family: AF_BRIDGE,
        ifindex: 3,
        state: NUD_NOARP | NUD_REACHABLE,
        flags: NTF_SELF | NTF_EXT_LEARNED,
        mac: Some(MAC),
        address: Some(vtep),
        ..NeighbourMessage::default()
    };
    assert_eq!(message, expected);
    let both = encoded(Op::BothSet { vxlan: 3, mac: MAC, target: Target::Nexthop(9) });
    let message = NeighbourMessage::parse(payload(&both, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL)).unwrap();
    assert!(message.has(NTF_SELF) && message.has(NTF_MASTER) && message.has(NTF_EXT_LEARNED));
    assert_eq!((message.ifindex, message.mac, message.nexthop), (3, Some(MAC), Some(9)));
    let both = encoded(Op::BothDelete { vxlan: 3, mac: MAC });
    let message = NeighbourMessage::parse(payload(&both, RTM_DELNEIGH, 0)).unwrap();
    assert_eq!((message.flags, message.mac), (NTF_SELF | NTF_MASTER, Some(MAC)));
    let delete = encoded(Op::BridgeDelete { port: 3, mac: MAC });
    let message = NeighbourMessage::parse(payload(&delete, RTM_DELNEIGH, 0)).unwrap();
    assert_eq!((message.flags, message.mac), (NTF_MASTER, Some(MAC)));
    let flood = encoded(Op::FloodAdd { vxlan: 3, vtep });
    let message =
        NeighbourMessage::parse(payload(&flood, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND)).unwrap();
    assert_eq!((message.mac, message.address), (Some(MacAddr::ZERO), Some(vtep)));
    let sticky = encoded(Op::BridgeSticky { port: 3, mac: MAC, sticky: true });
    let message = NeighbourMessage::parse(payload(&sticky, RTM_NEWNEIGH, NLM_F_REPLACE)).unwrap();
    assert!(message.has(NTF_STICKY) && !message.has(NTF_EXT_LEARNED) && message.is(NUD_NOARP));
}

#[test]
fn nexthop_messages_read_back() {
    let gateway = ip("2001:db8::2");
    let set = encoded(Op::NexthopSet { id: 17, gateway, mode: Mode::Create });
    let message = NexthopMessage::parse(payload(&set, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_EXCL)).unwrap();
    let expected = NexthopMessage {
        id: 17,
        protocol: RTPROT_BGP,
        fdb: true,
        gateway: Some(gateway),
        ..Default::default()
    };
    assert_eq!(message, expected);
    let group = encoded(Op::GroupSet { id: 18, member: 17, mode: Mode::Replace });
    let message =
        NexthopMessage::parse(payload(&group, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE)).unwrap();
    assert_eq!(message.group(), Some((17, 1)));
}

#[cfg(target_endian = "little")]
#[test]
fn a_route_is_byte_exact() {
    let prefix = "192.168.2.0/24".parse().unwrap();
    let target = RouteTarget::Nexthop(0x5770_0001);
    let op = Op::RouteSet { table: 1001, prefix, target, mode: Mode::Replace };
    let expected: [&[u8]; 6] = [
        &[60, 0, 0, 0, 24, 0, 0x01, 0x05, 7, 0, 0, 0, 0, 0, 0, 0],
        &[2, 24, 0, 0, 252, 186, 0, 1, 0, 0, 0, 0],
        &[8, 0, 1, 0, 192, 168, 2, 0],
        &[8, 0, 6, 0, 20, 0, 0, 0],
        &[8, 0, 15, 0, 0xe9, 3, 0, 0],
        &[8, 0, 30, 0, 1, 0, 0x70, 0x57],
    ];
    assert_eq!(encoded(op), expected.concat());
}

#[test]
fn routes_read_back() {
    for prefix in ["192.168.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "2001:db8::1/128"] {
        let prefix: IpNet = prefix.parse().unwrap();
        for (target, kind, nexthop) in
            [(RouteTarget::Nexthop(17), RTN_UNICAST, Some(17)), (RouteTarget::Discard, RTN_BLACKHOLE, None)]
        {
            let set = encoded(Op::RouteSet { table: 70_000, prefix, target, mode: Mode::Create });
            let read = RouteMessage::parse(payload(&set, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL)).unwrap();
            let expected = RouteMessage {
                table: 70_000,
                prefix,
                protocol: RTPROT_BGP,
                kind,
                metric: metric_of(prefix),
                nexthop,
                gateway: None,
                device: None,
                source: None,
                special: false,
            };
            assert_eq!(read, expected);
            assert_eq!(
                RouteMessage::table_of(payload(&set, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL)),
                Some(70_000)
            );
        }
        let delete = encoded(Op::RouteDelete { table: 10, prefix });
        let read = RouteMessage::parse(payload(&delete, RTM_DELROUTE, 0)).unwrap();
        assert_eq!((read.table, read.prefix, read.is_ours()), (10, prefix, true));
    }
}

#[test]
fn routes_of_others_are_read_with_their_first_next_hop() {
    // A route by two next hops, as `ip route add … nexthop via … nexthop via …` makes it, and one with `via inet6`.
    let mut buffer = MessageBuffer::default();
    buffer.begin(RTM_NEWROUTE, 0, 1);
    buffer.fixed(&[AF_INET, 16, 0, 0, 100, RTPROT_STATIC, 0, RTN_UNICAST, 0, 0, 0, 0]);
    buffer.ip(RTA_DST, ip("10.1.0.0"));
    let hop = |device: u8, last| [16, 0, 0, 0, device, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, last];
    buffer.attribute(RTA_MULTIPATH, &[hop(3, 9), hop(4, 8)].concat());
    buffer.end();
    buffer.begin(RTM_NEWROUTE, 0, 1);
    buffer.fixed(&[AF_INET, 0, 0, 0, 100, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]);
    buffer.attribute(RTA_OIF, &5_u32.to_ne_bytes());
    buffer.attribute(
        RTA_VIA,
        &[&[AF_INET6, 0][..], &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]].concat(),
    );
    buffer.end();
    let read: Vec<RouteMessage> =
        Messages::new(buffer.bytes()).filter_map(|(_, payload)| RouteMessage::parse(payload)).collect();
    assert_eq!((read[0].gateway, read[0].device), (Some(ip("10.0.0.9")), Some(3)));
    assert_eq!((read[1].gateway, read[1].device), (Some(ip("fe80::1")), Some(5)));
    assert_eq!((read[1].prefix.to_string().as_str(), read[1].table), ("0.0.0.0/0", 100));
    // Host bits, a prefix that is too long, another family, a cached copy.
    for (at, octet) in [(1, 33), (0, AF_BRIDGE), (9, 2)] {
        let mut bytes = buffer.bytes().to_vec();
        bytes[16 + at] = octet;
        let (_, payload) = Messages::new(&bytes).next().unwrap();
        assert_eq!(RouteMessage::parse(payload), None, "octet {at}");
    }
}

#[test]
fn nexthops_of_routes_read_back() {
    for gateway in ["10.0.0.2", "::ffff:10.0.0.2"] {
        let (gateway, onlink) = (ip(gateway), gateway.starts_with("10"));
        let set = encoded(Op::HopSet { id: 17, device: 4, gateway, onlink, mode: Mode::Create });
        let message =
            NexthopMessage::parse(payload(&set, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_EXCL)).unwrap();
        let expected = NexthopMessage {
            id: 17,
            protocol: RTPROT_BGP,
            gateway: Some(gateway),
            device: Some(4),
            onlink,
            ..Default::default()
        };
        assert_eq!(message, expected);
    }
    let set = encoded(Op::HopGroupSet { id: 18, members: [17, 19, 23].into(), mode: Mode::Replace });
    let message = NexthopMessage::parse(payload(&set, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_REPLACE)).unwrap();
    assert_eq!(
        (message.members.as_slice(), message.fdb, message.weighted),
        (&[17, 19, 23][..], false, false)
    );
}

#[test]
fn a_large_group_fits_a_batch_or_starts_the_next() {
    let members: std::sync::Arc<[u32]> = (1..=1000).collect();
    let op = Op::HopGroupSet { id: 18, members, mode: Mode::Create };
    let mut buffer = MessageBuffer::default();
    let mut count = 0;
    while op.fits(&buffer, count) {
        op.encode(1, &mut buffer);
        count += 1;
    }
    assert!(count >= 1 && buffer.bytes().len() <= super::encode::MAX_BATCH_BYTES, "{count}");
}

#[test]
fn proxies_read_back() {
    let set = encoded(Op::ProxySet { device: 4, ip: ip("192.0.2.1") });
    let message = NeighbourMessage::parse(payload(&set, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE)).unwrap();
    assert!(message.has(NTF_PROXY) && message.protocol == RTPROT_BGP && message.ifindex == 4);
}

#[test]
fn a_batch_stays_within_its_bounds() {
    let op = Op::NeighbourSet { bridge: 5, ip: ip("2001:db8::1"), mac: MAC, router: false };
    let mut buffer = MessageBuffer::default();
    let mut count = 0;
    while op.fits(&buffer, count) {
        op.encode(1, &mut buffer);
        count += 1;
    }
    assert!(count <= super::encode::MAX_BATCH_MESSAGES);
    assert!(buffer.bytes().len() <= super::encode::MAX_BATCH_BYTES);
    assert_eq!(Messages::new(buffer.bytes()).count(), count);
}

#[test]
fn lengths_that_do_not_fit_end_the_walk() {
    let mut bytes = encoded(Op::NexthopDelete { id: 9 });
    bytes.truncate(bytes.len() - 1);
    assert_eq!(Messages::new(&bytes).count(), 0);
    assert_eq!(Attributes::new(&[3, 0, 1, 0]).count(), 0);
    assert_eq!(Attributes::new(&[8, 0, 1, 0, 1]).count(), 0);
    assert_eq!(Attributes::new(&[0; 64]).count(), 0);
}

fn any_op() -> impl Strategy<Value = Op> {
    let mac = any::<[u8; 6]>().prop_map(MacAddr);
    let address =
        prop_oneof![any::<[u8; 4]>().prop_map(IpAddr::from), any::<[u8; 16]>().prop_map(IpAddr::from)];
    (0..20_u8, any::<u32>(), any::<u32>(), mac, address, any::<bool>()).prop_map(
        |(which, index, id, mac, address, flag)| {
            let mode = if flag { Mode::Create } else { Mode::Replace };
            match which {
                0 => Op::VxlanSet { vxlan: index, mac, target: Target::Nexthop(id), mode },
                1 => Op::VxlanSet { vxlan: index, mac, target: Target::Address(address), mode },
                2 => Op::VxlanDelete { vxlan: index, mac },
                3 => Op::BridgeSet { port: index, mac },
                4 => Op::BridgeSticky { port: index, mac, sticky: flag },
                5 => Op::BridgeDelete { port: index, mac },
                6 => Op::FloodAdd { vxlan: index, vtep: address },
                7 => Op::FloodDelete { vxlan: index, vtep: address },
                8 => Op::NeighbourSet { bridge: index, ip: address, mac, router: flag },
                9 => Op::NeighbourDelete { bridge: index, ip: address },
                10 => Op::NexthopSet { id, gateway: address, mode },
                11 => Op::GroupSet { id, member: index, mode },
                12 => Op::HopSet { id, device: index, gateway: address, onlink: flag, mode },
                13 => Op::HopGroupSet { id, members: [index, id].into(), mode },
                14 => Op::RouteSet {
                    table: index,
                    prefix: address.into(),
                    target: RouteTarget::Nexthop(id),
                    mode,
                },
                15 => Op::RouteDelete { table: index, prefix: address.into() },
                16 => Op::BothSet { vxlan: index, mac, target: Target::Address(address) },
                17 => Op::BothDelete { vxlan: index, mac },
                18 => Op::ProxySet { device: index, ip: address },
                _ => Op::ProxyDelete { device: index, ip: address },
            }
        },
    )
}

proptest! {
    #[test]
    fn every_message_reads_back(op in any_op()) {
        let bytes = encoded(op.clone());
        let (header, payload) = Messages::new(&bytes).next().unwrap();
        prop_assert_eq!(bytes.len() % 4, 0);
        match header.kind {
            RTM_NEWNEIGH | RTM_DELNEIGH => {
                let message = NeighbourMessage::parse(payload).unwrap();
                match op {
                    Op::VxlanSet { vxlan, mac, target, .. } | Op::BothSet { vxlan, mac, target } => {
                        prop_assert_eq!((message.ifindex, message.mac), (vxlan, Some(mac)));
                        let read = match (message.nexthop, message.address) {
                            (Some(id), None) => Target::Nexthop(id),
                            (None, Some(address)) => Target::Address(address),
                            other => panic!("{other:?}"),
                        };
                        prop_assert_eq!(read, target);
                    }
                    Op::NeighbourSet { bridge, ip, mac, router } => {
                        prop_assert_eq!((message.ifindex, message.address), (bridge, Some(ip)));
                        prop_assert_eq!((message.mac, message.has(NTF_ROUTER)), (Some(mac), router));
                        prop_assert_eq!(message.protocol, RTPROT_BGP);
                    }
                    Op::FloodAdd { vtep, .. } | Op::FloodDelete { vtep, .. } => {
                        prop_assert_eq!((message.mac, message.address), (Some(MacAddr::ZERO), Some(vtep)));
                    }
                    _ => {}
                }
            }
            RTM_NEWROUTE | RTM_DELROUTE => {
                let message = RouteMessage::parse(payload).unwrap();
                let (Op::RouteSet { table, prefix, .. } | Op::RouteDelete { table, prefix }) = op else {
                    panic!("{op:?}")
                };
                prop_assert_eq!((message.table, message.prefix), (table, prefix));
                prop_assert!(message.is_ours() && message.metric == metric_of(prefix));
            }
            _ => {
                if let Some(message) = NexthopMessage::parse(payload) {
                    let of_routes = matches!(op, Op::HopSet { .. } | Op::HopGroupSet { .. });
                    prop_assert!(message.fdb != of_routes && message.protocol == RTPROT_BGP);
                }
            }
        }
    }

    #[test]
    fn reading_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        read_all(&bytes);
    }

    #[test]
    fn reading_damaged_messages_never_panics(op in any_op(), at in any::<prop::sample::Index>(), value: u8) {
        let mut bytes = encoded(op);
        let at = at.index(bytes.len());
        bytes[at] = value;
        read_all(&bytes);
    }

    #[test]
    fn reading_messages_of_every_kind_never_panics(kind in 0_u16..120, body in prop::collection::vec(any::<u8>(), 0..256)) {
        let mut buffer = MessageBuffer::default();
        buffer.begin(kind, 0, 1);
        buffer.fixed(&body);
        buffer.end();
        read_all(buffer.bytes());
    }
}

#[test]
fn queries_for_one_thing_are_no_dumps() {
    assert!(Query::Links.is_dump() && !Query::Link { ifindex: 1 }.is_dump());
}
