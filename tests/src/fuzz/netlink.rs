//! Reading what the kernel says: links, addresses, neighbours, FDB entries, nexthops, answers.

use std::net::IpAddr;
use weft_evpn::MacAddr;
use weft_fib::netlink::{
    attribute::MessageBuffer,
    encode::{Mode, Op, Query},
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
    ];
    let mut seeds: Vec<Vec<u8>> = Vec::new();
    for op in ops {
        let mut buffer = MessageBuffer::default();
        op.encode(1, &mut buffer);
        seeds.push(buffer.bytes().to_vec());
    }
    let mut buffer = MessageBuffer::default();
    Query::Links.encode(2, &mut buffer);
    seeds.push(buffer.bytes().to_vec());
    seeds.push(seeds.concat());
    seeds
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
