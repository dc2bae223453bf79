//! Reading what the kernel says: links, addresses, neighbours, FDB entries, nexthops, answers.

use std::net::IpAddr;
use weft_evpn::MacAddr;
use weft_fib::netlink::{
    attribute::MessageBuffer,
    constants::*,
    encode::{Mode, Op, Query, RouteTarget},
    read_all,
};

/// Reads `data` as a datagram of the monitor socket.
pub fn run(data: &[u8]) {
    read_all(data);
}

/// What we write has the form of what the kernel says.
pub fn seeds() -> Vec<Vec<u8>> {
    let mac = MacAddr([2, 0, 0, 0, 0, 1]);
    let ip = IpAddr::from([192, 0, 2, 1]);
    let ops = [
        Op::BridgeSet { port: 3, mac },
        Op::VxlanDelete { vxlan: 3, mac },
        Op::FloodAdd { vxlan: 3, vtep: ip },
        Op::NeighbourSet { bridge: 2, ip, mac, router: false },
        Op::NexthopSet { id: 7, gateway: ip, mode: Mode::Replace },
        Op::GroupSet { id: 8, member: 7, mode: Mode::Replace },
        Op::NexthopDelete { id: 8 },
        Op::HopSet { id: 9, device: 3, gateway: ip, onlink: true, mode: Mode::Create },
        Op::HopGroupSet { id: 10, members: [9, 11].into(), mode: Mode::Create },
        Op::RouteSet { table: 1001, prefix: ip.into(), target: RouteTarget::Nexthop(10), mode: Mode::Create },
        Op::RouteSet { table: 10, prefix: ip.into(), target: RouteTarget::Discard, mode: Mode::Replace },
        Op::RouteDelete { table: 1001, prefix: ip.into() },
        Op::ProxySet { device: 2, ip },
    ];
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for op in ops {
        let mut buffer = MessageBuffer::default();
        op.encode(1, &mut buffer);
        seeds.push(buffer.bytes().to_vec());
    }
    seeds.push(multipath());
    let mut buffer = MessageBuffer::default();
    Query::Links.encode(2, &mut buffer);
    seeds.push(buffer.bytes().to_vec());
    seeds.push(seeds.concat());
    seeds
}

/// A route by two next hops, which only others make.
fn multipath() -> Vec<u8> {
    let mut buffer = MessageBuffer::default();
    buffer.begin(RTM_NEWROUTE, 0, 1);
    buffer.fixed(&[AF_INET, 16, 0, 0, 100, RTPROT_STATIC, 0, RTN_UNICAST, 0, 0, 0, 0]);
    let hop = |device: u8, last| [16, 0, 0, 0, device, 0, 0, 0, 8, 0, 5, 0, 10, 0, 0, last];
    buffer.attribute(RTA_MULTIPATH, &[hop(3, 9), hop(4, 8)].concat());
    buffer.end();
    buffer.bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::smoke::drive;

    #[test]
    fn holds_for_a_bounded_time() {
        assert!(seeds().iter().all(|seed| seed.len() >= 16));
        drive("netlink");
    }
}
