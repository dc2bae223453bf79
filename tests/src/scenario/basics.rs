//! Reachability: the first ping, both families, broadcast, and ARP and ND suppression.

use crate::error::{Result, ensure};
use crate::fabric::{Fabric, Host, LIMIT, Plan};
use crate::packet::{Capture, EXPERIMENT, Payload, Sender, arp_request, plain_frame};
use crate::ping::{Pinger, first_reply};
use crate::speaker::Kind;
use crate::wait::wait_until;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// From the start of the daemons, on a network that is there, to the first ping between hosts.
pub fn start_to_first_ping(kind: Kind) -> Result<Duration> {
    let mut fabric = Fabric::build(Plan::all(kind))?;
    let (h1, target) = (fabric.host(0)?, fabric.host(1)?.v4);
    let pinger = Pinger::start(&h1.ns, target)?;
    ensure(pinger.answered() == 0, || "the hosts reach each other without a daemon".into())?;
    let start = Instant::now();
    fabric.start()?;
    wait_until("the first ping", LIMIT, || Ok(pinger.answered() > 0))?;
    let took = start.elapsed();
    pinger.stop()?;
    Ok(took)
}

/// Every host reaches every other, over IPv4 and IPv6.
pub fn everybody_pings(fabric: &Fabric) -> Result<()> {
    let all: Vec<&Host> = fabric.hosts.iter().chain([&fabric.vm]).collect();
    for from in &all {
        for to in all.iter().filter(|to| to.mac != from.mac) {
            for address in to.addresses() {
                first_reply(&from.ns, address, LIMIT)?;
            }
        }
    }
    Ok(())
}

/// A broadcast, and a frame to a MAC that nobody has, arrive at each other host exactly once.
pub fn flooding_reaches_each_once(fabric: &Fabric) -> Result<()> {
    const FRAMES: usize = 20;
    let h1 = fabric.host(0)?;
    let sender = Sender::open(&h1.ns, h1.device)?;
    for destination in [[0xff; 6], [2, 0, 0, 0xaa, 0xaa, 0xaa]] {
        let captures = fabric
            .hosts
            .iter()
            .skip(1)
            .map(|host| Capture::start(&host.ns, host.device))
            // The machine's card is a bridge, which keeps other machines' frames to itself: count on its wire.
            .chain([Capture::start(&fabric.vm.ns, "w1")])
            .collect::<Result<Vec<_>>>()?;
        let own = Capture::start(&h1.ns, h1.device)?;
        (0..FRAMES).try_for_each(|_| sender.send(&plain_frame(destination, h1.mac)))?;
        // A frame that came twice comes right behind: what follows in order has passed it.
        for address in fabric.hosts.iter().skip(1).chain([&fabric.vm]).map(|host| host.v4) {
            first_reply(&h1.ns, address, LIMIT)?;
        }
        for capture in captures {
            let frames = capture.stop()?;
            let count = frames.iter().filter(|frame| frame.payload == Payload::Other(EXPERIMENT)).count();
            ensure(count == FRAMES, || {
                format!("{FRAMES} frames to {destination:02x?} arrived {count} times")
            })?;
        }
        let back = own.stop()?.iter().filter(|frame| frame.payload == Payload::Other(EXPERIMENT)).count();
        ensure(back == FRAMES, || format!("{FRAMES} flooded frames, {back} seen at the sender"))?;
    }
    Ok(())
}

/// What suppression let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    /// Questions (ARP requests, neighbour solicitations) that the host asked.
    pub asked: usize,
    /// Those of them that crossed the underlay.
    pub crossed: usize,
}

/// A host asks, again and again, where a known remote host is; questions inside VXLAN are
/// counted on the underlay.
pub fn suppression(fabric: &Fabric) -> Result<Suppression> {
    const ROUNDS: usize = 5;
    let (h1, h2) = (fabric.host(0)?, fabric.host(1)?);
    fabric.wait_everywhere(h2, 1, LIMIT)?;
    let uplink = Capture::start(fabric.reflector.namespace(), "u1")?;
    let host = Capture::start(&h1.ns, h1.device)?;
    for _ in 0..ROUNDS {
        for address in h2.addresses() {
            h1.forget_neighbours()?;
            first_reply(&h1.ns, address, LIMIT)?;
        }
    }
    let about_h2 = |payload: &Payload| match payload {
        Payload::ArpRequest { target, .. } => h2.v4 == *target,
        Payload::Solicitation { target } => h2.v6 == *target,
        _ => false,
    };
    let count = |capture: Capture, inside: bool| -> Result<usize> {
        let frames = capture.stop()?;
        Ok(frames.iter().filter(|frame| frame.vni.is_some() == inside && about_h2(&frame.payload)).count())
    };
    Ok(Suppression { asked: count(host, false)?, crossed: count(uplink, true)? })
}

/// An ARP request for an address that nobody has announced does cross: a silent host can be
/// found. Returns how often it arrived.
pub fn unknown_is_asked_everywhere(fabric: &Fabric) -> Result<usize> {
    let (h1, h2) = (fabric.host(0)?, fabric.host(1)?);
    let target = Ipv4Addr::new(192, 168, 10, 200);
    let capture = Capture::start(&h2.ns, h2.device)?;
    let std::net::IpAddr::V4(own) = h1.v4 else { return Ok(0) };
    Sender::open(&h1.ns, h1.device)?.send(&arp_request(h1.mac, own, target))?;
    wait_until("the question at the other leaf", LIMIT, || {
        Ok(capture.count(
            |frame| matches!(frame.payload, Payload::ArpRequest { target: asked, .. } if asked == target),
        ) > 0)
    })?;
    first_reply(&h1.ns, h2.v4, LIMIT)?;
    Ok(capture
        .stop()?
        .iter()
        .filter(|frame| matches!(frame.payload, Payload::ArpRequest { target: asked, .. } if asked == target))
        .count())
}
