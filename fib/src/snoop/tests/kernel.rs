//! A leaf with a bridge, a host behind a port of it, and real frames. Needs root.

use super::super::socket::PacketSocket;
use super::super::{Seen, Snooper, filter};
use super::namespace::Namespace;
use super::{HOST, advertisement, arp, link_layer, tagged};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::collections::HashSet;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};
use weft_evpn::MacAddr;

const BRIDGE: MacAddr = MacAddr([2, 0, 0, 0, 0xff, 1]);

struct Lab {
    leaf: Namespace,
    host: Namespace,
    snooper: Snooper,
    port: u32,
    seen: Vec<Seen>,
}

impl Lab {
    fn new() -> Self {
        let (leaf, host) = (Namespace::new(), Namespace::new());
        // Without link-local addresses no device says anything by itself.
        leaf.ip(&format!(
            "link add port type veth peer name host netns {}
             link add br0 address {BRIDGE} type bridge
             link set br0 addrgenmode none
             link set port addrgenmode none master br0
             link set br0 up
             link set port up",
            host.path
        ));
        host.ip(&format!(
            "link set host addrgenmode none address {}
             link set host up
             addr add 192.0.2.1/24 dev host
             addr add 2001:db8::1/64 dev host nodad",
            MacAddr(HOST)
        ));
        let port = leaf.ifindex("port");
        let mut snooper = leaf.run(|| Snooper::open().unwrap());
        snooper.set_ports(HashSet::from([port]));
        Self { leaf, host, snooper, port, seen: Vec::new() }
    }

    /// Sends these octets from the host.
    fn send(&self, frames: Vec<Vec<u8>>) {
        let ifindex = self.host.ifindex("host");
        self.host.run(move || {
            let socket = PacketSocket::open(&filter::program(), 1 << 16).unwrap();
            for frame in frames {
                socket.send(ifindex, &frame).unwrap();
            }
        });
    }

    /// Reads until `wanted` has been seen.
    fn expect(&mut self, wanted: Seen) {
        let until = Instant::now() + Duration::from_secs(10);
        while !self.seen.contains(&wanted) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{wanted:?} not seen, but {:?}", self.seen);
            let mut waiting = [PollFd::new(self.snooper.as_fd(), PollFlags::POLLIN)];
            poll(&mut waiting, PollTimeout::try_from(left).unwrap()).unwrap();
            self.snooper.receive(&mut self.seen).unwrap();
        }
    }

    /// The host, at its MAC, untagged.
    fn host_at(&self, ip: &str) -> Seen {
        Seen { ifindex: self.port, vlan: None, mac: MacAddr(HOST), ip: ip.parse().unwrap() }
    }
}

fn gratuitous(ip: [u8; 4]) -> Vec<u8> {
    arp(HOST, 1, (HOST, ip), ip)
}

#[test]
fn what_a_host_says_of_itself_is_seen_though_the_kernel_ignores_it() {
    let mut lab = Lab::new();
    // The address was remote: the kernel would not let ARP change this entry.
    lab.leaf.ip("addr add 192.0.2.254/24 dev br0
                 neigh add 192.0.2.1 lladdr 02:00:00:00:00:99 dev br0 nud noarp extern_learn
                 neigh add 2001:db8::1 lladdr 02:00:00:00:00:99 dev br0 nud noarp extern_learn");
    lab.send(vec![gratuitous([192, 0, 2, 1])]);
    lab.expect(lab.host_at("192.0.2.1"));
    lab.send(vec![advertisement("ff02::1", "2001:db8::1", [false, true], &link_layer(2, HOST))]);
    lab.expect(lab.host_at("2001:db8::1"));
    // Each came once: not again on the bridge.
    assert_eq!(lab.seen, [lab.host_at("192.0.2.1"), lab.host_at("2001:db8::1")]);
}

#[test]
fn the_host_s_kernel_answers_every_kind_of_probe() {
    let mut lab = Lab::new();
    let svi = |ip: &str| Some(ip.parse::<IpAddr>().unwrap());
    for (target, svi) in [("192.0.2.1", svi("192.0.2.254")), ("2001:db8::1", svi("2001:db8::fe"))] {
        for (source, mac) in
            [(None, None), (None, Some(MacAddr(HOST))), (svi, None), (svi, Some(MacAddr(HOST)))]
        {
            lab.seen.clear();
            lab.snooper.probe(lab.port, BRIDGE, source, target.parse().unwrap(), mac).unwrap();
            lab.expect(lab.host_at(target));
            // The probe itself was not taken for somebody's message.
            assert!(lab.seen.iter().all(|seen| seen.mac == MacAddr(HOST)), "{:?}", lab.seen);
        }
    }
}

#[test]
fn a_tag_is_reported_though_the_kernel_took_it_out_of_the_frame() {
    let mut lab = Lab::new();
    let frame = gratuitous([192, 0, 2, 7]);
    lab.send(vec![tagged(&frame, 10), tagged(&tagged(&frame, 20), 11), tagged(&frame, 0)]);
    let wanted = lab.host_at("192.0.2.7");
    lab.expect(wanted);
    let tags: Vec<Option<u16>> = lab.seen.iter().map(|seen| seen.vlan).collect();
    assert_eq!(tags, [Some(10), Some(11), None]);
}

#[test]
fn other_frames_are_left_in_the_kernel_and_other_interfaces_are_not_reported() {
    let mut lab = Lab::new();
    let solicitation = advertisement("ff02::1", "2001:db8::1", [false, true], &link_layer(2, HOST));
    // Router advertisement (134), redirect (137), UDP in IPv6, IPv4, LLDP: each with and
    // without a second tag, which the kernel leaves in the frame.
    let mut others = Vec::new();
    for (offset, octet) in [(54, 134), (54, 137), (20, 17), (12, 8), (12, 0x88)] {
        let mut frame = solicitation.clone();
        frame[offset] = octet;
        others.push(tagged(&tagged(&frame, 20), 10));
        others.push(frame);
    }
    lab.send(others);
    lab.send(vec![tagged(&tagged(&solicitation, 20), 10), gratuitous([192, 0, 2, 1])]);
    lab.expect(lab.host_at("192.0.2.1"));
    // Two frames, and as many on the bridge itself, which come before or after.
    assert_eq!(lab.seen.len(), 2);
    let counters = lab.snooper.counters().unwrap();
    assert!(counters.frames <= 4, "{counters:?}");
    assert_eq!((counters.seen, counters.dropped), (2, 0));

    lab.snooper.set_ports(HashSet::new());
    lab.send(vec![gratuitous([192, 0, 2, 2])]);
    let until = Instant::now() + Duration::from_secs(10);
    while lab.snooper.counters().unwrap().frames <= counters.frames {
        assert!(Instant::now() < until, "no frame");
        let mut waiting = [PollFd::new(lab.snooper.as_fd(), PollFlags::POLLIN)];
        poll(&mut waiting, PollTimeout::from(1000_u16)).unwrap();
        lab.snooper.receive(&mut lab.seen).unwrap();
    }
    assert_eq!(lab.seen.len(), 2);
}

#[test]
fn a_flood_is_dropped_and_counted_and_then_all_is_as_before() {
    let mut lab = Lab::new();
    let until = Instant::now() + Duration::from_secs(10);
    while lab.snooper.counters().unwrap().dropped == 0 {
        assert!(Instant::now() < until, "nothing was dropped");
        lab.send(vec![gratuitous([192, 0, 2, 3]); 10_000]);
    }
    loop {
        let before = lab.snooper.counters.frames;
        lab.snooper.receive(&mut lab.seen).unwrap();
        match lab.snooper.counters.frames - before {
            0 => break,
            read => assert!(read <= 256, "{read} frames at once"),
        }
    }
    lab.send(vec![gratuitous([192, 0, 2, 4])]);
    lab.expect(lab.host_at("192.0.2.4"));
}

#[test]
fn a_probe_on_a_port_that_is_gone_fails_and_the_socket_lives() {
    let mut lab = Lab::new();
    let error = lab.snooper.probe(4_000_000, BRIDGE, None, IpAddr::from([192, 0, 2, 1]), None);
    assert!(error.is_err());
    lab.leaf.ip("link set port down");
    let error = lab.snooper.probe(lab.port, BRIDGE, None, IpAddr::from([192, 0, 2, 1]), None);
    assert!(error.is_err());
    lab.leaf.ip("link set port up");
    lab.send(vec![gratuitous([192, 0, 2, 1])]);
    lab.expect(lab.host_at("192.0.2.1"));
}
