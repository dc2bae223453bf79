//! A pinger that counts exactly: one ICMP or ICMPv6 echo request every interval, each reply
//! matched by sequence number. It knows which packets were lost and when, and nothing
//! in it waits for a reply before the next request goes out.

use crate::error::{LabError, Result};
use crate::netns::{Namespace, join};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The interval at which all figures of the labs are taken.
pub const INTERVAL: Duration = Duration::from_millis(10);

/// How long a reply may take before its request counts as lost. Packets that wait in a
/// neighbour queue arrive late, not never.
const REPLY_LIMIT: Duration = Duration::from_millis(900);

static IDENTIFIERS: AtomicU16 = AtomicU16::new(1);

/// What a pinger saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Loss {
    /// Requests sent.
    pub sent: usize,
    /// Requests that got no reply.
    pub lost: usize,
    /// Each run of lost packets: the sequence number of its first and its length.
    pub gaps: Vec<(usize, usize)>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} lost", self.lost, self.sent)?;
        for (first, length) in &self.gaps {
            write!(f, ", {length} from #{first}")?;
        }
        Ok(())
    }
}

/// A running ping. Dropping it stops it.
#[derive(Debug)]
pub struct Pinger {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU32>,
    sent: Arc<AtomicU32>,
    thread: Option<JoinHandle<Result<Loss>>>,
}

impl Pinger {
    /// Starts pinging `target` from inside `namespace`, every `INTERVAL`.
    pub fn start(namespace: &Namespace, target: IpAddr) -> Result<Self> {
        Self::start_every(namespace, target, INTERVAL)
    }

    /// Starts pinging at another interval.
    pub fn start_every(namespace: &Namespace, target: IpAddr, interval: Duration) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(AtomicU32::new(0));
        let sent = Arc::new(AtomicU32::new(0));
        let (stopped, counts) =
            (Arc::clone(&stop), Counts { answered: Arc::clone(&answered), sent: Arc::clone(&sent) });
        let thread = namespace.thread(move || ping(target, interval, &stopped, &counts))?;
        Ok(Self { stop, answered, sent, thread: Some(thread) })
    }

    /// Replies so far.
    pub fn answered(&self) -> u32 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until `count` more requests have been sent than are now.
    pub fn wait_sent(&self, count: u32, limit: Duration) -> Result<Duration> {
        let goal = self.sent.load(Ordering::Relaxed) + count;
        crate::wait::wait_until(&format!("{count} more echo requests"), limit, || {
            Ok(self.sent.load(Ordering::Relaxed) >= goal)
        })
    }

    /// Waits until `count` more requests have been answered than are now.
    pub fn wait_answered(&self, count: u32, limit: Duration) -> Result<Duration> {
        let goal = self.answered() + count;
        crate::wait::wait_until(&format!("{count} more echo replies"), limit, || Ok(self.answered() >= goal))
    }

    /// Stops sending, waits for the last replies, and gives the count.
    pub fn stop(mut self) -> Result<Loss> {
        self.stop.store(true, Ordering::Relaxed);
        match self.thread.take() {
            Some(thread) => join(thread),
            None => Ok(Loss::default()),
        }
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Sends single requests until one is answered; returns how long that took.
pub fn first_reply(namespace: &Namespace, target: IpAddr, limit: Duration) -> Result<Duration> {
    let pinger = Pinger::start(namespace, target)?;
    let took =
        crate::wait::wait_until(
            &format!("an echo reply from {target}"),
            limit,
            || Ok(pinger.answered() > 0),
        )?;
    pinger.stop()?;
    Ok(took)
}

/// Sends so many requests and expects no answer to any of them.
pub fn no_reply(namespace: &Namespace, target: IpAddr, count: u32) -> Result<()> {
    let pinger = Pinger::start(namespace, target)?;
    pinger.wait_sent(count, REPLY_LIMIT + INTERVAL * count * 10)?;
    let loss = pinger.stop()?;
    crate::ensure(loss.lost == loss.sent, || {
        format!(
            "{target} answered {} of {} requests from {}",
            loss.sent - loss.lost,
            loss.sent,
            namespace.name()
        )
    })
}

/// What a running ping tells of itself.
#[derive(Debug)]
struct Counts {
    answered: Arc<AtomicU32>,
    sent: Arc<AtomicU32>,
}

fn ping(target: IpAddr, interval: Duration, stop: &AtomicBool, counts: &Counts) -> Result<Loss> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket =
        Socket::new(domain, Type::RAW, Some(protocol)).map_err(LabError::io("open an ICMP socket"))?;
    let identifier = IDENTIFIERS.fetch_add(1, Ordering::Relaxed) ^ (std::process::id() as u16).rotate_left(5);
    let address = SocketAddr::new(target, 0).into();
    let start = Instant::now();
    // One entry a request: answered or not.
    let mut requests: Vec<bool> = Vec::new();
    let (mut due, mut last_sent) = (start, start);
    loop {
        let sending = !stop.load(Ordering::Relaxed);
        let wake = if sending {
            due
        } else {
            if requests.iter().all(|done| *done) || last_sent.elapsed() > REPLY_LIMIT {
                break;
            }
            Instant::now() + interval
        };
        receive(&socket, target, identifier, wake, &mut requests, &counts.answered)?;
        if sending {
            // A host without a route or a neighbour yet refuses: that request is lost like any other.
            let _ = socket.send_to(&request(target, identifier, requests.len()), &address);
            requests.push(false);
            counts.sent.fetch_add(1, Ordering::Relaxed);
            last_sent = Instant::now();
            due = following(due, interval, last_sent);
        }
    }
    Ok(summary(&requests))
}

/// When the next request is due. What a thread that did not get the CPU has missed is not made up for: a burst would
/// overrun the socket, or count one moment many times.
fn following(due: Instant, interval: Duration, now: Instant) -> Instant {
    (due + interval).max(now)
}

/// Takes replies until `wake`, and all that are there in any case.
fn receive(
    socket: &Socket,
    target: IpAddr,
    identifier: u16,
    wake: Instant,
    requests: &mut [bool],
    answered: &AtomicU32,
) -> Result<()> {
    let mut buffer = [0u8; 512];
    loop {
        let left = wake.saturating_duration_since(Instant::now());
        // The kernel takes a zero timeout for "for ever", and rounds below a microsecond to it.
        socket
            .set_read_timeout(Some(left.max(Duration::from_micros(10))))
            .map_err(LabError::io("set a read timeout"))?;
        let length = match (&*socket).read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            // ICMP errors for what we sent; the missing replies tell the same.
            Err(_) if left.is_zero() => return Ok(()),
            Err(_) => continue,
        };
        let number = buffer.get(..length).and_then(|packet| reply(packet, target, identifier));
        if let Some(done) = number.and_then(|number| slot(requests, number)).filter(|done| !**done) {
            *done = true;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The latest request with this 16-bit sequence number.
fn slot(requests: &mut [bool], number: u16) -> Option<&mut bool> {
    let newest = requests.len().checked_sub(1)?;
    let behind = usize::from((newest as u16).wrapping_sub(number));
    requests.get_mut(newest.checked_sub(behind)?)
}

fn request(target: IpAddr, identifier: u16, number: usize) -> [u8; 64] {
    let mut packet = [0u8; 64];
    let kind = if target.is_ipv4() { 8 } else { 128 };
    let [id_high, id_low] = identifier.to_be_bytes();
    let [number_high, number_low] = (number as u16).to_be_bytes();
    for (to, from) in packet.iter_mut().zip([kind, 0, 0, 0, id_high, id_low, number_high, number_low]) {
        *to = from;
    }
    if target.is_ipv4() {
        // For ICMPv6 the kernel fills the checksum in.
        let sum = packet
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0u32, |word, byte| (word << 8) | u32::from(*byte)))
            .sum::<u32>();
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
        for (to, from) in packet.iter_mut().skip(2).zip(checksum.to_be_bytes()) {
            *to = from;
        }
    }
    packet
}

/// The sequence number of an echo reply to us, from a packet as the raw socket gives it
/// (IPv4 with its header, IPv6 without).
fn reply(packet: &[u8], target: IpAddr, identifier: u16) -> Option<u16> {
    let (message, kind) = if target.is_ipv4() {
        (packet.get(usize::from(packet.first()? & 0x0f) * 4..)?, 0)
    } else {
        (packet, 129)
    };
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    (*message.first()? == kind && word(4)? == identifier).then(|| word(6))?
}

fn summary(requests: &[bool]) -> Loss {
    let mut loss = Loss { sent: requests.len(), ..Loss::default() };
    for (number, done) in requests.iter().enumerate() {
        if *done {
            continue;
        }
        loss.lost += 1;
        match loss.gaps.last_mut() {
            Some((first, length)) if *first + *length == number => *length += 1,
            _ => loss.gaps.push((number, 1)),
        }
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_runs_of_lost_packets() {
        let loss = summary(&[true, false, false, true, false]);
        assert_eq!((loss.sent, loss.lost, loss.gaps), (5, 3, vec![(1, 2), (4, 1)]));
    }

    #[test]
    fn what_was_missed_is_not_sent_at_once() {
        let due = Instant::now();
        let interval = Duration::from_millis(10);
        assert_eq!(following(due, interval, due + interval / 2), due + interval);
        let late = due + interval * 300;
        assert_eq!(following(due, interval, late), late);
        assert_eq!(following(late, interval, late + interval / 2), late + interval);
    }

    #[test]
    fn sequence_numbers_wrap_at_16_bits() {
        let mut requests = vec![false; 65_540];
        *slot(&mut requests, 2).unwrap() = true;
        assert!(requests[65_538] && !requests[2]);
        *slot(&mut requests, 65_535).unwrap() = true;
        assert!(requests[65_535]);
    }

    #[test]
    fn loopback_answers_both_families() {
        for target in ["127.0.0.1", "::1"] {
            let stop = Arc::new(AtomicBool::new(false));
            let count = Arc::new(AtomicU32::new(0));
            let stopped = Arc::clone(&stop);
            let counts = Counts { answered: Arc::clone(&count), sent: Arc::default() };
            let target: IpAddr = target.parse().unwrap();
            let thread = std::thread::spawn(move || ping(target, INTERVAL, &stopped, &counts));
            crate::wait::wait_until("replies", Duration::from_secs(2), || {
                Ok(count.load(Ordering::Relaxed) >= 5)
            })
            .unwrap();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(thread.join().unwrap().unwrap().lost, 0);
        }
    }
}
