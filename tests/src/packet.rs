//! Frames on an interface: counted by what they are, also inside VXLAN, and sent by hand.
//! Labs use it to show that something does not cross the underlay, that a broadcast arrives
//! once, and to be a host that announces itself. Not a general dissector.

use crate::error::{LabError, Result};
use crate::netns::{Namespace, join};
use nix::sys::socket::{LinkAddr, MsgFlags, recvfrom, setsockopt, sockopt::ReceiveTimeout};
use nix::sys::time::{TimeVal, TimeValLike};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VXLAN_PORT: u16 = 4789;
const BROADCAST: [u8; 6] = [0xff; 6];

/// A frame, as far as the labs look into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The VNI, when the frame came inside VXLAN; the other fields are the inner frame's then.
    pub vni: Option<u32>,
    /// Source of the tunnel packet, when inside VXLAN.
    pub vtep: Option<Ipv4Addr>,
    /// Destination MAC.
    pub destination: [u8; 6],
    /// Source MAC.
    pub source: [u8; 6],
    /// What it carries.
    pub payload: Payload,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// An ARP request for `target`; for an announcement `sender` is the same.
    ArpRequest {
        /// Who asks.
        sender: Ipv4Addr,
        /// What is asked for.
        target: Ipv4Addr,
    },
    /// An ARP reply: `sender` is where it says.
    ArpReply {
        /// The address that is answered for.
        sender: Ipv4Addr,
    },
    /// A neighbour solicitation for this address (DAD excluded).
    Solicitation {
        /// What is asked for.
        target: Ipv6Addr,
    },
    /// A neighbour advertisement.
    Advertisement {
        /// The address that is answered for.
        target: Ipv6Addr,
    },
    /// Anything else, by EtherType.
    Other(u16),
}

impl Payload {
    /// An ARP request or a neighbour solicitation.
    pub fn is_question(&self) -> bool {
        matches!(self, Self::ArpRequest { .. } | Self::Solicitation { .. })
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Reads an Ethernet frame; VXLAN to its port is opened. `None` for what is cut short.
pub fn parse(frame: &[u8]) -> Option<Frame> {
    if let Some((vtep, vni, inner)) = open_vxlan(frame) {
        return Some(Frame { vni: Some(vni), vtep: Some(vtep), ..parse_plain(inner)? });
    }
    parse_plain(frame)
}

fn open_vxlan(frame: &[u8]) -> Option<(Ipv4Addr, u32, &[u8])> {
    let ip = (word(frame, 12)? == IPV4).then(|| frame.get(14..))??;
    let udp = (*ip.get(9)? == 17).then(|| ip.get(usize::from(*ip.first()? & 0x0f) * 4..))??;
    let vxlan = (word(udp, 2)? == VXLAN_PORT).then(|| udp.get(8..))??;
    let [high, middle, low] = array::<3>(vxlan, 4)?;
    Some((Ipv4Addr::from(array::<4>(ip, 12)?), u32::from_be_bytes([0, high, middle, low]), vxlan.get(8..)?))
}

fn parse_plain(frame: &[u8]) -> Option<Frame> {
    let ether_type = word(frame, 12)?;
    let body = frame.get(14..)?;
    let payload = match ether_type {
        ARP => arp(body),
        IPV6 => neighbour_discovery(body),
        _ => None,
    };
    Some(Frame {
        vni: None,
        vtep: None,
        destination: array(frame, 0)?,
        source: array(frame, 6)?,
        payload: payload.unwrap_or(Payload::Other(ether_type)),
    })
}

fn arp(body: &[u8]) -> Option<Payload> {
    let sender = Ipv4Addr::from(array::<4>(body, 14)?);
    match word(body, 6)? {
        1 => Some(Payload::ArpRequest { sender, target: Ipv4Addr::from(array::<4>(body, 24)?) }),
        2 => Some(Payload::ArpReply { sender }),
        _ => None,
    }
}

fn neighbour_discovery(body: &[u8]) -> Option<Payload> {
    let icmp = (*body.get(6)? == 58).then(|| body.get(40..))??;
    let from_nobody = body.get(8..24)?.iter().all(|byte| *byte == 0);
    let target = Ipv6Addr::from(array::<16>(icmp, 8)?);
    match icmp.first()? {
        135 if !from_nobody => Some(Payload::Solicitation { target }),
        136 => Some(Payload::Advertisement { target }),
        _ => None,
    }
}

/// A running capture on one interface. Dropping it stops it.
#[derive(Debug)]
pub struct Capture {
    frames: Arc<Mutex<Vec<Frame>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Capture {
    /// Starts to keep the frames that come in or go out by `device`. When it returns, the
    /// capture runs.
    pub fn start(namespace: &Namespace, device: &str) -> Result<Self> {
        let index = interface_index(namespace, device)?;
        let socket = namespace.enter(open)?;
        let frames = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (kept, stopped) = (Arc::clone(&frames), Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .spawn(move || capture(&socket, index, &kept, &stopped))
            .map_err(LabError::io("start a thread"))?;
        Ok(Self { frames, stop, thread: Some(thread) })
    }

    /// How many of the frames so far satisfy the condition.
    pub fn count(&self, wanted: impl Fn(&Frame) -> bool) -> usize {
        self.frames
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter(|frame| wanted(frame))
            .count()
    }

    /// Stops and gives all frames.
    pub fn stop(mut self) -> Result<Vec<Frame>> {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            join(thread)?;
        }
        Ok(std::mem::take(&mut self.frames.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn open() -> Result<Socket> {
    let all = Protocol::from(libc::ETH_P_ALL.to_be() >> 16);
    let socket =
        Socket::new(Domain::PACKET, Type::RAW, Some(all)).map_err(LabError::io("open a packet socket"))?;
    // Enough for a flood of hosts; a capture that misses frames proves nothing.
    socket.set_recv_buffer_size(8 << 20).map_err(LabError::io("set a packet socket's buffer"))?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(20))
        .map_err(LabError::errno("set a read timeout"))?;
    Ok(socket)
}

fn capture(socket: &Socket, index: usize, frames: &Mutex<Vec<Frame>>, stop: &AtomicBool) -> Result<()> {
    let mut buffer = vec![0u8; 65_536];
    loop {
        match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut buffer) {
            Ok((length, from)) => {
                let ours = from.is_some_and(|from| from.ifindex() == index);
                if let Some(frame) = buffer.get(..length).and_then(parse).filter(|_| ours) {
                    frames.lock().unwrap_or_else(PoisonError::into_inner).push(frame);
                }
            }
            // The socket is empty: nothing that was on the wire before the stop is missed.
            Err(nix::errno::Errno::EAGAIN) if stop.load(Ordering::Relaxed) => return Ok(()),
            Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EINTR | nix::errno::Errno::ENETDOWN) => {}
            Err(error) => return Err(LabError::errno("receive on a packet socket")(error)),
        }
    }
}

/// The index of a device in its namespace.
pub fn interface_index(namespace: &Namespace, device: &str) -> Result<usize> {
    let text = namespace.ip(&format!("-o link show dev {device}"))?;
    let number = text.split(':').next().unwrap_or_default().trim();
    number.parse().map_err(|reason| LabError::parse("interface index", &text, reason))
}

/// Sends frames out of a device, as a host there would.
#[derive(Debug)]
pub struct Sender {
    socket: Socket,
    address: SockAddr,
}

impl Sender {
    /// Opens a sender on a device.
    pub fn open(namespace: &Namespace, device: &str) -> Result<Self> {
        let index = interface_index(namespace, device)?;
        Ok(Self { socket: namespace.enter(open)?, address: link_address(index) })
    }

    /// Sends one whole Ethernet frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        nothing_waits(&self.socket);
        self.socket.send_to(frame, &self.address).map_err(LabError::io("send a frame")).map(|_| ())
    }

    /// Announces that `address` is at `mac`: a gratuitous ARP request, or an unsolicited
    /// neighbour advertisement.
    pub fn announce(&self, mac: [u8; 6], address: IpAddr) -> Result<()> {
        match address {
            IpAddr::V4(address) => self.send(&arp_request(mac, address, address)),
            IpAddr::V6(address) => self.send(&advertisement(mac, address)),
        }
    }
}

/// A sender's socket also receives; its queue must not grow into the namespace's memory.
fn nothing_waits(socket: &Socket) {
    let mut buffer = [0u8; 64];
    while nix::sys::socket::recv(socket.as_raw_fd(), &mut buffer, MsgFlags::MSG_DONTWAIT).is_ok() {}
}

/// An ARP request to everybody.
pub fn arp_request(mac: [u8; 6], sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = header(BROADCAST, mac, ARP);
    frame.extend([0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac);
    frame.extend(sender.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame.resize(60, 0);
    frame
}

/// An unsolicited neighbour advertisement to all nodes (RFC 4861 §7.2.6), override set.
pub fn advertisement(mac: [u8; 6], address: Ipv6Addr) -> Vec<u8> {
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    let mut icmp = vec![136, 0, 0, 0, 0x20, 0, 0, 0];
    icmp.extend(address.octets());
    icmp.extend([2, 1]);
    icmp.extend(mac);
    let pseudo: Vec<u8> = address
        .octets()
        .into_iter()
        .chain(all_nodes.octets())
        .chain([0, 0, 0, icmp.len() as u8, 0, 0, 0, 58])
        .chain(icmp.iter().copied())
        .collect();
    let sum: u32 = pseudo.chunks(2).filter_map(|pair| word(pair, 0)).map(u32::from).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    icmp.splice(2..4, checksum.to_be_bytes());
    let mut frame = header([0x33, 0x33, 0, 0, 0, 1], mac, IPV6);
    frame.extend([0x60, 0, 0, 0, 0, icmp.len() as u8, 58, 255]);
    frame.extend(address.octets());
    frame.extend(all_nodes.octets());
    frame.extend(icmp);
    frame
}

/// A frame with a payload that means nothing, to a MAC: known, unknown or everybody's.
pub fn plain_frame(destination: [u8; 6], source: [u8; 6]) -> Vec<u8> {
    // EtherType 0x88b5 is for local experiments (IEEE 802).
    let mut frame = header(destination, source, EXPERIMENT);
    frame.resize(60, 0x55);
    frame
}

/// The EtherType of `plain_frame`.
pub const EXPERIMENT: u16 = 0x88b5;

fn header(destination: [u8; 6], source: [u8; 6], ether_type: u16) -> Vec<u8> {
    let mut frame = Vec::with_capacity(64);
    frame.extend(destination);
    frame.extend(source);
    frame.extend(ether_type.to_be_bytes());
    frame
}

/// A `sockaddr_ll` for a device. No crate that we use builds one safely.
#[allow(unsafe_code)]
fn link_address(index: usize) -> SockAddr {
    let mut storage = socket2::SockAddrStorage::zeroed();
    let length = std::mem::size_of::<libc::sockaddr_ll>();
    // SAFETY: sockaddr_ll is smaller than sockaddr_storage and plain data, for which all
    // zeroes are valid; the length given to SockAddr is that of the type written.
    unsafe {
        let address = storage.view_as::<libc::sockaddr_ll>();
        address.sll_family = libc::AF_PACKET as libc::sa_family_t;
        address.sll_ifindex = index as i32;
        address.sll_halen = 6;
        SockAddr::new(storage, length as libc::socklen_t)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    #[test]
    fn an_announcement_is_a_request_for_oneself() {
        let address = Ipv4Addr::new(192, 168, 10, 1);
        let frame = parse(&arp_request(MAC, address, address)).unwrap();
        assert_eq!(frame.payload, Payload::ArpRequest { sender: address, target: address });
        assert_eq!((frame.source, frame.destination, frame.vni), (MAC, BROADCAST, None));
        let address: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(
            parse(&advertisement(MAC, address)).unwrap().payload,
            Payload::Advertisement { target: address }
        );
    }

    #[test]
    fn vxlan_is_opened() {
        let inner = plain_frame(BROADCAST, MAC);
        let mut packet = header([0; 6], [0; 6], IPV4);
        packet.extend([0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 255, 0, 1, 10, 255, 0, 2]);
        packet.extend([0x80, 0, 0x12, 0xb5, 0, 0, 0, 0]);
        packet.extend([8, 0, 0, 0, 0, 0x12, 0x34, 0]);
        packet.extend(inner);
        let frame = parse(&packet).unwrap();
        assert_eq!((frame.vni, frame.vtep), (Some(0x1234), Some(Ipv4Addr::new(10, 255, 0, 1))));
        assert_eq!(frame.payload, Payload::Other(EXPERIMENT));
        for cut in 0..packet.len() {
            let _ = parse(&packet[..cut]);
        }
    }
}
