//! One BGP session of the load generator without its socket: octets in, octets out, the time as an argument.
//! It opens (RFC 4271 §4.2, capabilities of RFC 5492), keeps itself alive, counts UPDATEs and reads a
//! NOTIFICATION. It is no speaker: it accepts whatever OPEN comes and has no table.

use super::count::{self, Tally};
use super::error::{LoadError, Result};
use bytes::Bytes;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use weft_bgpd::wire::{Capability, Message, Notification, Open};

const OPEN: u8 = 1;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;
/// Octets of marker, length and type.
const HEADER: usize = 19;
/// How long to wait for OPEN and KEEPALIVE (RFC 4271 §8.2.2 proposes 4 minutes; a load run does not wait
/// so long).
const OPEN_LIMIT: Duration = Duration::from_secs(60);

/// What all sessions have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Our AS.
    pub asn: u32,
    /// Hold time in seconds that we propose; 0, or at least 3.
    pub hold: u16,
}

/// How far a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// OPEN sent, none received.
    OpenSent,
    /// OPEN received, no KEEPALIVE.
    OpenConfirm,
    /// Routes may go.
    Established,
}

impl State {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenSent => "waiting for OPEN",
            Self::OpenConfirm => "waiting for KEEPALIVE",
            Self::Established => "established",
        }
    }
}

/// A session.
#[derive(Debug)]
pub struct Session {
    local: IpAddr,
    identity: Identity,
    state: State,
    began: Instant,
    hold: Duration,
    heard: Instant,
    spoke: Instant,
    /// The beginning of a message of which the rest has not come.
    part: Vec<u8>,
    outbound: VecDeque<Bytes>,
    /// What has come since the last `take_tally`.
    tally: Tally,
    /// When the first route of it was read.
    first: Option<Instant>,
    /// The hosts that are announced, if somebody wants to know.
    trace: Option<Trace>,
}

/// Hosts by their numbers, each with the time when its announcement was read.
#[derive(Debug, Default)]
struct Trace {
    /// Those of the octets at hand.
    numbers: Vec<u32>,
    seen: Vec<(u32, Instant)>,
}

impl Session {
    /// A session whose connection is just up; OPEN is ready to go.
    pub fn new(local: IpAddr, identity: Identity, now: Instant) -> Self {
        let id = match local {
            IpAddr::V4(address) => address,
            // A BGP identifier has four octets: the last ones tell our addresses apart.
            IpAddr::V6(address) => {
                let [.., a, b, c, d] = address.octets();
                Ipv4Addr::new(a | 1, b, c, d)
            }
        };
        let capabilities = vec![
            Capability::Multiprotocol { afi: 25, safi: 70 },
            Capability::RouteRefresh,
            Capability::FourOctetAs(identity.asn),
        ];
        let open = Message::Open(Open::new(identity.asn, identity.hold, id, capabilities));
        Self {
            local,
            identity,
            state: State::OpenSent,
            began: now,
            hold: Duration::from_secs(identity.hold.into()),
            heard: now,
            spoke: now,
            part: Vec::new(),
            outbound: VecDeque::from([open.to_bytes()]),
            tally: Tally::default(),
            first: None,
            trace: None,
        }
    }

    /// Our address.
    pub fn local(&self) -> IpAddr {
        self.local
    }

    /// When its connection came up.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// How far it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Queues whole messages.
    pub fn send(&mut self, messages: Bytes) {
        if !messages.is_empty() {
            self.outbound.push_back(messages);
        }
    }

    /// What is to be written next.
    pub fn outbound(&self) -> Option<&Bytes> {
        self.outbound.front()
    }

    /// Takes note that the first `count` octets of `outbound` have been written.
    pub fn wrote(&mut self, count: usize, now: Instant) {
        self.spoke = now;
        if let Some(front) = self.outbound.front_mut() {
            if count >= front.len() {
                self.outbound.pop_front();
            } else {
                let _ = front.split_to(count);
            }
        }
    }

    /// Octets that wait.
    pub fn waiting(&self) -> usize {
        self.outbound.iter().map(Bytes::len).sum()
    }

    /// What has come.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// When the first route of what has come was read.
    pub fn first(&self) -> Option<Instant> {
        self.first
    }

    /// Begins to count anew.
    pub fn take_tally(&mut self) -> Tally {
        self.first = None;
        std::mem::take(&mut self.tally)
    }

    /// From now on keeps which hosts are announced.
    pub fn trace(&mut self) {
        self.trace = Some(Trace::default());
    }

    /// The hosts that were announced since `trace`, each with the time; from now on none are kept.
    pub fn take_trace(&mut self) -> Vec<(u32, Instant)> {
        self.trace.take().map(|trace| trace.seen).unwrap_or_default()
    }

    /// Takes octets as they came. An error ends the session.
    pub fn received(&mut self, octets: &[u8], now: Instant) -> Result<()> {
        self.heard = now;
        self.tally.octets += octets.len() as u64;
        self.walk(octets)?;
        if self.first.is_none() && self.tally.reach + self.tally.unreach > 0 {
            self.first = Some(now);
        }
        if let Some(Trace { numbers, seen }) = &mut self.trace {
            seen.extend(numbers.drain(..).map(|number| (number, now)));
        }
        Ok(())
    }

    fn walk(&mut self, mut octets: &[u8]) -> Result<()> {
        if !self.part.is_empty() {
            octets = self.complete(octets)?;
        }
        while let Some((kind, length)) = self.next(octets)? {
            let (message, rest) = octets.split_at_checked(length).unwrap_or((octets, &[]));
            self.message(kind, message)?;
            octets = rest;
        }
        self.part.extend_from_slice(octets);
        Ok(())
    }

    /// Completes the message that had begun; gives what is behind it.
    fn complete<'a>(&mut self, octets: &'a [u8]) -> Result<&'a [u8]> {
        let mut part = std::mem::take(&mut self.part);
        let mut rest = octets;
        while self.next(&part)?.is_none() {
            // As many octets as are known to be missing: those of the header, then those of the body.
            let wanted = match part.get(HEADER - 3..HEADER - 1) {
                Some(&[high, low]) if part.len() >= HEADER => usize::from(u16::from_be_bytes([high, low])),
                _ => HEADER,
            };
            if rest.is_empty() {
                self.part = part;
                return Ok(rest);
            }
            let missing = wanted.saturating_sub(part.len()).clamp(1, rest.len());
            let (now, later) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            part.extend_from_slice(now);
            rest = later;
        }
        if let Some((kind, _)) = self.next(&part)? {
            self.message(kind, &part)?;
        }
        // Its memory serves the next message.
        part.clear();
        self.part = part;
        Ok(rest)
    }

    fn next(&self, octets: &[u8]) -> Result<Option<(u8, usize)>> {
        count::next_message(octets).map_err(|what| self.protocol(what.to_string()))
    }

    fn message(&mut self, kind: u8, message: &[u8]) -> Result<()> {
        if count::is_update(kind) {
            let hosts = self.trace.as_mut().map(|trace| &mut trace.numbers);
            return count::count_update(message, &mut self.tally, hosts)
                .map_err(|what| self.protocol(what.to_string()));
        }
        let body = message.get(HEADER..).unwrap_or_default();
        match (kind, self.state) {
            (OPEN, State::OpenSent) => {
                let open = Open::decode(body).map_err(|error| self.protocol(format!("an OPEN: {error}")))?;
                self.hold = Duration::from_secs(open.hold_time.min(self.identity.hold).into());
                self.state = State::OpenConfirm;
                self.outbound.push_back(Message::Keepalive.to_bytes());
                Ok(())
            }
            (KEEPALIVE, State::OpenConfirm) => {
                self.state = State::Established;
                Ok(())
            }
            (NOTIFICATION, _) => {
                let notification = Notification::decode(body)
                    .map_or_else(|| "too short to have a code".to_owned(), |found| found.to_string());
                Err(LoadError::Notification { local: self.local, notification })
            }
            (OPEN, _) => Err(self.protocol("a second OPEN".to_owned())),
            // A ROUTE-REFRESH has no answer: the routes come by phases.
            _ => Ok(()),
        }
    }

    fn protocol(&self, what: String) -> LoadError {
        LoadError::Protocol { local: self.local, what }
    }

    /// Does what is due; gives when to call again. An error means that the speaker is silent.
    pub fn tick(&mut self, now: Instant) -> Result<Instant> {
        let limit = if self.state == State::Established { self.hold } else { OPEN_LIMIT };
        if limit.is_zero() {
            return Ok(now + OPEN_LIMIT);
        }
        if now >= self.heard + limit {
            return Err(LoadError::Timeout {
                what: format!("nothing from the speaker on the session from {}", self.local),
                limit,
                seen: format!("it was {}", self.state.name()),
            });
        }
        if self.state != State::Established {
            return Ok(self.heard + limit);
        }
        // RFC 4271 §4.4: a third of the hold time. What is being written is a sign of life, too.
        let due = self.spoke + self.hold / 3;
        if now >= due && self.outbound.is_empty() {
            self.outbound.push_back(Message::Keepalive.to_bytes());
            self.spoke = now;
        }
        Ok((self.spoke + self.hold / 3).max(now + Duration::from_millis(10)).min(self.heard + limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::injector;
    use std::net::Ipv4Addr;
    use weft_bgpd::wire::notification::Cease;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 1, 0, 1));

    fn session(now: Instant) -> Session {
        Session::new(LOCAL, Identity { asn: 65_000, hold: 90 }, now)
    }

    fn established(now: Instant) -> Session {
        let mut session = session(now);
        let open = injector::Identity::evpn(Ipv4Addr::new(10, 0, 0, 1)).open();
        session.received(&open, now).unwrap();
        session.received(&injector::message(4, &[]), now).unwrap();
        while let Some(bytes) = session.outbound().cloned() {
            session.wrote(bytes.len(), now);
        }
        session
    }

    #[test]
    fn it_opens_and_answers_open_by_keepalive() {
        let now = Instant::now();
        let mut session = session(now);
        let open = session.outbound().cloned().unwrap();
        let sent = Open::decode(&open[HEADER..]).unwrap();
        assert_eq!((sent.asn(), sent.bgp_id, sent.hold_time), (65_000, Ipv4Addr::new(127, 1, 0, 1), 90));
        assert!(sent.capabilities.contains(&Capability::Multiprotocol { afi: 25, safi: 70 }));
        session.wrote(open.len(), now);
        assert_eq!((session.state(), session.outbound()), (State::OpenSent, None));
        session.received(&injector::Identity::evpn(Ipv4Addr::new(10, 0, 0, 1)).open(), now).unwrap();
        assert_eq!(session.state(), State::OpenConfirm);
        assert_eq!(session.outbound().unwrap()[18], KEEPALIVE);
        session.received(&injector::message(4, &[]), now).unwrap();
        assert_eq!(session.state(), State::Established);
    }

    #[test]
    fn updates_are_counted_however_the_stream_is_cut() {
        let nlri: Vec<u8> = (0..3).flat_map(|_| injector::evpn_nlri(2, &[7; 33])).collect();
        let mut stream = injector::update(&[injector::mp_reach(Ipv4Addr::LOCALHOST, &nlri)]);
        stream.extend(injector::message(4, &[]));
        stream.extend(injector::update(&[injector::mp_unreach(&injector::evpn_nlri(3, &[1; 17]))]));
        for step in 1..stream.len() + 1 {
            let now = Instant::now();
            let mut session = established(now);
            session.take_tally();
            for piece in stream.chunks(step) {
                session.received(piece, now).unwrap();
            }
            let tally = session.take_tally();
            assert_eq!((tally.updates, tally.reach, tally.unreach), (2, 3, 1), "pieces of {step}");
            assert_eq!(tally.octets, stream.len() as u64);
            assert_eq!(session.tally(), &Tally::default());
        }
    }

    #[test]
    fn a_trace_has_the_hosts_and_when_they_came() {
        let now = Instant::now();
        let mut session = established(now);
        let update = |host: u8| {
            let mut value = [0; 33];
            value[28] = host;
            let nlri = injector::evpn_nlri(2, &value);
            injector::update(&[injector::mp_reach(Ipv4Addr::LOCALHOST, &nlri)])
        };
        session.received(&update(1), now).unwrap();
        session.trace();
        let later = now + Duration::from_millis(5);
        session.received(&update(2), now).unwrap();
        session.received(&[update(3), update(4)].concat(), later).unwrap();
        assert_eq!(session.take_trace(), [(2, now), (3, later), (4, later)]);
        assert_eq!(session.first(), Some(now));
        session.take_tally();
        session.received(&injector::message(4, &[]), later).unwrap();
        assert_eq!(session.first(), None, "a KEEPALIVE is no route");
        session.received(&update(5), later).unwrap();
        assert_eq!(session.take_trace(), []);
    }

    #[test]
    fn a_notification_is_told_by_name() {
        let now = Instant::now();
        let mut session = established(now);
        let notification = Notification::cease_with_communication(Cease::AdministrativeShutdown, "bye");
        let error = session.received(&Message::Notification(notification).to_bytes(), now).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the speaker ended the session from 127.1.0.1: Cease/Administrative Shutdown \"bye\""
        );
        let error = established(now).received(&[0; 40], now).unwrap_err().to_string();
        assert_eq!(error, "the session from 127.1.0.1 got a message of 0 octets");
    }

    #[test]
    fn it_keeps_itself_alive_when_it_has_nothing_to_send() {
        let now = Instant::now();
        let mut session = established(now);
        let later = now + Duration::from_secs(29);
        assert_eq!(session.tick(later).unwrap(), now + Duration::from_secs(30));
        assert_eq!(session.outbound(), None);
        let due = now + Duration::from_secs(30);
        session.tick(due).unwrap();
        assert_eq!(session.outbound().unwrap().len(), HEADER);
        session.wrote(HEADER, due);
        assert_eq!(session.tick(due).unwrap(), due + Duration::from_secs(30));
        // The speaker said nothing since it was established.
        let error = session.tick(now + Duration::from_secs(90)).unwrap_err().to_string();
        assert!(error.contains("nothing from the speaker on the session from 127.1.0.1"), "{error}");
    }

    #[test]
    fn what_is_written_in_part_is_sent_on_from_there() {
        let now = Instant::now();
        let mut session = established(now);
        session.send(Bytes::from_static(b"abcdef"));
        session.send(Bytes::new());
        session.send(Bytes::from_static(b"gh"));
        assert_eq!(session.waiting(), 8);
        session.wrote(4, now);
        assert_eq!((session.outbound().unwrap().as_ref(), session.waiting()), (&b"ef"[..], 4));
        session.wrote(2, now);
        session.wrote(2, now);
        assert_eq!(session.outbound(), None);
    }
}
