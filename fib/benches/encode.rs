//! Remote hosts into netlink messages: both FDB entries (one message) and the neighbour of each, in buffers that are
//! used again, as the writer fills them.

#![allow(clippy::expect_used)] // a benchmark, as a test

use std::process::ExitCode;
use weft_counts::{
    Case, Work,
    workload::{Shape, hosts},
};
use weft_evpn::MacAddr;
use weft_fib::netlink::{
    attribute::MessageBuffer,
    encode::{MAX_BATCH_MESSAGES, Op, Target},
};

const SEED: u64 = 4;
/// Some id of a nexthop group.
const GROUP: u32 = 0x5750_0000;

fn main() -> ExitCode {
    weft_counts::main(&[Case { name: "netlink/encode", unit: "host", prepare: encode }])
}

fn encode(shape: Shape) -> Work {
    let hosts = hosts(SEED, shape);
    let mut ops = Vec::new();
    for host in &hosts {
        let (mac, vxlan, bridge) = (MacAddr(host.mac), 2 * host.vni, 2 * host.vni + 1);
        let target = Target::Nexthop(GROUP + host.vtep);
        ops.push(Op::BothSet { vxlan, mac, target });
        ops.extend(host.ip.map(|ip| Op::NeighbourSet { bridge, ip, mac, router: false }));
    }
    let mut buffer = MessageBuffer::default();
    Box::new(move || {
        let mut octets = 0;
        for batch in ops.chunks(MAX_BATCH_MESSAGES) {
            buffer.clear();
            for (sequence, op) in (0..).zip(batch) {
                op.encode(sequence, &mut buffer);
            }
            octets += buffer.bytes().len();
        }
        assert!(octets > 32 * ops.len(), "messages are written");
        hosts.len() as u64
    })
}
