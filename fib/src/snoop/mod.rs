//! Listens to ARP and ND on the bridge ports, asks there, and tells.
//!
//! Why not leave it to the kernel: it ignores ARP and ND for a neighbour that a control plane
//! set (NOARP, extern_learn), so an address that comes back to us under another MAC would
//! never show; and a leaf without an address on the bridge has no neighbour table at all. So
//! one packet socket hears every ARP packet and every neighbour solicitation and advertisement
//! that comes in by a bridge port (RFC 9135 §7.1, RFC 9161 §3), before the bridge takes it.
//!
//! `frame` reads, `probe` and `announce` write frames, all pure; `filter` is the program by which the
//! kernel passes on nothing else; `socket` holds the system calls. Does not do: proxy answers
//! (the bridge suppresses by itself), DAD, rate limits, deciding what a binding means.

pub mod announce;
mod filter;
pub mod frame;
pub mod probe;
mod socket;
#[cfg(test)]
pub(crate) mod tests;

use self::socket::PacketSocket;
use std::collections::HashSet;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use weft_evpn::MacAddr;

/// Octets that the kernel queues for us, at most; what is more is dropped and counted. A
/// queued frame costs near 1 KiB, so this is a burst of some thousand.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Frames looked at in one `receive`, so that a flood of ARP cannot hold its caller.
const FRAMES_PER_RECEIVE: usize = 256;

/// An address that somebody behind a bridge port says is at a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seen {
    /// The bridge port that it came in by.
    pub ifindex: u32,
    /// The VLAN tag inside the port, 1 to 4094; `None` for untagged and priority-tagged
    /// frames. On a bridge that knows no VLANs a tagged host is not a host of the bridge's
    /// own subnet.
    pub vlan: Option<u16>,
    /// Where it is. Unicast.
    pub mac: MacAddr,
    /// The address, one that a host may own.
    pub ip: IpAddr,
}

/// What the socket has gone through since `open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SnoopCounters {
    /// Frames read, of all interfaces.
    pub frames: u64,
    /// Bindings reported.
    pub seen: u64,
    /// Frames that the kernel dropped because nobody had read.
    pub dropped: u64,
}

/// The socket that hears ARP and ND of all interfaces of the network namespace that it was
/// opened in, and sends probes. Non-blocking: wait for it to be readable (level-triggered).
#[derive(Debug)]
pub struct Snooper {
    socket: PacketSocket,
    ports: HashSet<u32>,
    counters: SnoopCounters,
}

impl Snooper {
    /// Needs CAP_NET_RAW in the namespace's user namespace.
    pub fn open() -> io::Result<Self> {
        let socket = PacketSocket::open(&filter::program(), RECEIVE_BUFFER)?;
        Ok(Self { socket, ports: HashSet::new(), counters: SnoopCounters::default() })
    }

    /// The interfaces to report of, none at first. Frames that are already queued are judged
    /// by the new set.
    pub fn set_ports(&mut self, ports: HashSet<u32>) {
        self.ports = ports;
    }

    /// Appends what has been seen, in order of arrival and with repetitions. Reads a bounded
    /// number of frames: with more waiting the descriptor stays readable.
    pub fn receive(&mut self, seen: &mut Vec<Seen>) -> io::Result<()> {
        let mut buffer = [0; filter::SNAP_LENGTH];
        for _ in 0..FRAMES_PER_RECEIVE {
            let Some(received) = self.socket.receive(&mut buffer)? else { break };
            self.counters.frames += 1;
            // Flooded frames come again on the bridge itself; what goes out is our own or
            // was seen coming in.
            if received.outgoing || !self.ports.contains(&received.ifindex) {
                continue;
            }
            let octets = buffer.get(..received.length).unwrap_or_default();
            if let Some(binding) = frame::parse(octets, received.checksum) {
                let ifindex = received.ifindex;
                let vlan = frame::vlan_id(received.vlan_tci).or(binding.vlan);
                seen.push(Seen { ifindex, vlan, mac: binding.mac, ip: binding.ip });
                self.counters.seen += 1;
            }
        }
        Ok(())
    }

    /// Asks on one bridge port who has `target_ip`; see `probe::frame` for the frame. The
    /// answer, if there is one, comes with a later `receive`.
    pub fn probe(
        &self,
        port_ifindex: u32,
        src_mac: MacAddr,
        src_ip: Option<IpAddr>,
        target_ip: IpAddr,
        target_mac: Option<MacAddr>,
    ) -> io::Result<()> {
        self.socket.send(port_ifindex, &probe::frame(src_mac, src_ip, target_ip, target_mac)?)
    }

    /// Tells all on one bridge port that `ip` is at `mac`; see `announce::frame` for the frame.
    pub fn announce(&self, port_ifindex: u32, src_mac: MacAddr, ip: IpAddr, mac: MacAddr) -> io::Result<()> {
        self.socket.send(port_ifindex, &announce::frame(src_mac, ip, mac)?)
    }

    /// The counters, with what the kernel has dropped until now.
    pub fn counters(&mut self) -> io::Result<SnoopCounters> {
        self.counters.dropped += u64::from(self.socket.take_drops()?);
        Ok(self.counters)
    }
}

impl AsRawFd for Snooper {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

impl AsFd for Snooper {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
