//! Sessions on their sockets: all senders, or all sinks, served by one thread with one poll. Every decision
//! about BGP is in `session`.

use super::count::Tally;
use super::error::{LoadError, Result};
use super::session::{Identity, Session, State};
use bytes::Bytes;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What one read takes at most. All sessions of a group share this memory.
const READ: usize = 256 * 1024;
/// What a session may read in one turn at most, so that one that never runs dry hinders neither the others nor
/// whoever looks at the clock.
const TURN: usize = 16 * READ;
/// A pause before a session that was refused is tried again: a speaker that has just come up, or still has
/// the session of before, refuses at first.
const AGAIN: Duration = Duration::from_millis(10);
/// A session that is not established after this begins anew: a speaker whose queue of connections was full has
/// forgotten ours, and TCP would tell us much later.
const STUCK: Duration = Duration::from_secs(3);
/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// Where the sessions of a group go.
#[derive(Debug, Clone)]
pub struct Target {
    /// The speaker.
    pub remote: SocketAddr,
    /// What we are.
    pub identity: Identity,
    /// How long it may take until all sessions are established.
    pub limit: Duration,
}

#[derive(Debug)]
struct Connection {
    local: IpAddr,
    open: Option<(TcpStream, Session)>,
    /// Read only an octet now and then: a receiver that does not keep up.
    slow: bool,
    /// There may be more to read, of which the poll does not tell again.
    more: bool,
}

/// Sessions that one thread serves.
#[derive(Debug)]
pub struct Group {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    target: Target,
    octets: Vec<u8>,
    next_tick: Instant,
}

impl Group {
    /// Opens a session from each address and waits until all are established.
    pub fn open(locals: &[IpAddr], target: Target) -> Result<Self> {
        let poll = Poll::new().map_err(LoadError::io("make a poll"))?;
        let connections =
            locals.iter().map(|&local| Connection { local, open: None, slow: false, more: false }).collect();
        let mut group = Self {
            poll,
            events: Events::with_capacity(1024),
            connections,
            target,
            octets: vec![0; READ],
            next_tick: Instant::now(),
        };
        group.establish()?;
        Ok(group)
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// True without sessions.
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Opens the sessions that are closed, and waits until all are established.
    pub fn establish(&mut self) -> Result<()> {
        let deadline = Instant::now() + self.target.limit;
        loop {
            let mut refused = None;
            for index in 0..self.connections.len() {
                match self.connect(index) {
                    Ok(()) => {}
                    Err(error) if Instant::now() < deadline => refused = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let served = self.turn(AGAIN);
            if let Err(error) = served {
                // The speaker may have ended one session for its predecessor's sake.
                if Instant::now() >= deadline {
                    return Err(error);
                }
                refused = Some(error);
            }
            self.close_stuck();
            let established = self.count(State::Established);
            if established == self.connections.len() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(refused.unwrap_or_else(|| LoadError::Timeout {
                    what: format!("not all of {} sessions are established", self.connections.len()),
                    limit: self.target.limit,
                    seen: format!("{established} are"),
                }));
            }
            if refused.is_some() {
                std::thread::sleep(AGAIN);
            }
        }
    }

    fn count(&self, state: State) -> usize {
        self.sessions().filter(|session| session.state() == state).count()
    }

    fn close_stuck(&mut self) {
        let now = Instant::now();
        for connection in &mut self.connections {
            let stuck = connection.open.as_ref().is_some_and(|(_, session)| {
                session.state() != State::Established && now.duration_since(session.began()) > STUCK
            });
            if stuck {
                (connection.open, connection.more) = (None, false);
            }
        }
    }

    fn connect(&mut self, index: usize) -> Result<()> {
        let Some(connection) = self.connections.get_mut(index).filter(|of| of.open.is_none()) else {
            return Ok(());
        };
        let remote = self.target.remote;
        let local = connection.local;
        let stream = connected(local, remote).map_err(|source| LoadError::connect(local, remote, source))?;
        let mut stream = TcpStream::from_std(stream);
        self.poll
            .registry()
            .register(&mut stream, Token(index), Interest::READABLE | Interest::WRITABLE)
            .map_err(LoadError::io("register a socket"))?;
        let session = Session::new(connection.local, self.target.identity, Instant::now());
        connection.open = Some((stream, session));
        self.write(index)
    }

    /// Opens a session that is closed, without waiting for anything but the connection. That it is refused is no
    /// error: `turn` tells what becomes of it.
    pub fn call(&mut self, index: usize) -> Result<()> {
        match self.connect(index) {
            Err(LoadError::Connect { .. } | LoadError::Io { .. } | LoadError::Notification { .. }) => Ok(()),
            done => done,
        }
    }

    /// Closes a session as a router does that loses power: no NOTIFICATION.
    pub fn close(&mut self, index: usize) {
        if let Some(connection) = self.connections.get_mut(index) {
            (connection.open, connection.more) = (None, false);
        }
    }

    /// Lets a session read nothing any more but one octet a `turn`, or everything again.
    pub fn set_slow(&mut self, index: usize, slow: bool) -> Result<()> {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.slow = slow;
        }
        if slow { Ok(()) } else { self.read(index) }
    }

    /// The sessions that are open.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.connections.iter().filter_map(|connection| connection.open.as_ref().map(|(_, session)| session))
    }

    /// The sessions that are open, to be changed.
    pub fn sessions_mut(&mut self) -> impl Iterator<Item = &mut Session> {
        self.connections.iter_mut().filter_map(|of| of.open.as_mut().map(|(_, session)| session))
    }

    /// What each session has got.
    pub fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.sessions().map(Session::tally)
    }

    /// Begins to count anew, at all sessions.
    pub fn clear_tallies(&mut self) {
        self.sessions_mut().for_each(|session| {
            session.take_tally();
        });
    }

    /// Queues messages at a session and writes as much as its socket takes.
    pub fn send(&mut self, index: usize, messages: Bytes) -> Result<()> {
        if let Some((_, session)) = self.open_at(index) {
            session.send(messages);
        }
        self.write(index)
    }

    /// Octets that wait at all sessions.
    pub fn waiting(&self) -> usize {
        self.sessions().map(Session::waiting).sum()
    }

    /// Waits for octets, or for room for some, at most so long; reads and writes what goes; keeps sessions
    /// alive. An error names the session, which is closed then.
    pub fn turn(&mut self, at_most: Duration) -> Result<()> {
        let until_tick = self.next_tick.saturating_duration_since(Instant::now());
        let unread: Vec<usize> =
            (0..).zip(&self.connections).filter(|(_, of)| of.more).map(|(index, _)| index).collect();
        let at_most = if unread.is_empty() { at_most.min(until_tick) } else { Duration::ZERO };
        match self.poll.poll(&mut self.events, Some(at_most)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                return Err(LoadError::io("poll sockets")(error));
            }
            _ => {}
        }
        let ready: Vec<(usize, bool, bool)> = (self.events.iter())
            .map(|event| (event.token().0, event.is_readable() || event.is_error(), event.is_writable()))
            .collect();
        for index in unread {
            self.read(index)?;
        }
        for (index, readable, writable) in ready {
            if readable && !self.connections.get(index).is_some_and(|of| of.more) {
                self.read(index)?;
            }
            if writable {
                self.write(index)?;
            }
        }
        self.tick()
    }

    fn tick(&mut self) -> Result<()> {
        let now = Instant::now();
        if now < self.next_tick {
            return Ok(());
        }
        self.next_tick = now + Duration::from_secs(1);
        for index in 0..self.connections.len() {
            let Some((_, session)) = self.open_at(index) else { continue };
            match session.tick(now) {
                Ok(_) => self.write(index)?,
                Err(error) => {
                    self.close(index);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn open_at(&mut self, index: usize) -> Option<&mut (TcpStream, Session)> {
        self.connections.get_mut(index)?.open.as_mut()
    }

    fn read(&mut self, index: usize) -> Result<()> {
        let done = self.read_open(index);
        if done.is_err() {
            self.close(index);
        }
        done
    }

    fn read_open(&mut self, index: usize) -> Result<()> {
        let Self { connections, octets, .. } = self;
        let Some(connection) = connections.get_mut(index) else { return Ok(()) };
        let Some((stream, session)) = connection.open.as_mut() else { return Ok(()) };
        let room = if connection.slow { 1 } else { octets.len() };
        connection.more = false;
        let mut read = 0;
        loop {
            match stream.read(octets.get_mut(..room).unwrap_or_default()) {
                Ok(0) => {
                    return Err(LoadError::Closed { local: session.local(), state: session.state().name() });
                }
                Ok(count) => {
                    session.received(octets.get(..count).unwrap_or_default(), Instant::now())?;
                    if connection.slow {
                        return Ok(());
                    }
                    read += count;
                    if read >= TURN {
                        connection.more = true;
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(session, error)),
            }
        }
        // What was received may have made an answer.
        self.write(index)
    }

    /// Reads one octet of each session that is slow.
    pub fn sip(&mut self) -> Result<()> {
        for index in 0..self.connections.len() {
            if self.connections.get(index).is_some_and(|connection| connection.slow) {
                self.read(index)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, index: usize) -> Result<()> {
        let Some((stream, session)) = self.open_at(index) else { return Ok(()) };
        while let Some(outbound) = session.outbound() {
            match stream.write(outbound) {
                Ok(count) => session.wrote(count, Instant::now()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = lost(session, error);
                    // What the speaker said before it closed tells more than a broken pipe.
                    let said = self.last_words(index);
                    self.close(index);
                    return Err(said.unwrap_or(error));
                }
            }
        }
        Ok(())
    }

    fn last_words(&mut self, index: usize) -> Option<LoadError> {
        let Self { connections, octets, .. } = self;
        let (stream, session) = connections.get_mut(index)?.open.as_mut()?;
        let count = stream.read(octets).ok()?;
        session.received(octets.get(..count)?, Instant::now()).err()
    }
}

fn lost(session: &Session, error: std::io::Error) -> LoadError {
    LoadError::io(format!("the session from {} ({})", session.local(), session.state().name()))(error)
}

fn connected(local: IpAddr, remote: SocketAddr) -> std::io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    socket.connect_timeout(&remote.into(), CONNECT)?;
    // A move is one small message: it must not wait for the answer to the one before.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::injector;
    use std::net::{Ipv4Addr, TcpListener};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_speaker_that_never_stops_does_not_stop_the_clock() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let remote = listener.local_addr().unwrap();
        let done = Arc::new(AtomicBool::new(false));
        let enough = Arc::clone(&done);
        let speaker = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(&injector::Identity::evpn(Ipv4Addr::new(10, 0, 0, 1)).open()).unwrap();
            let flood = injector::message(4, &[]).repeat(10_000);
            while !enough.load(Ordering::Acquire) && stream.write_all(&flood).is_ok() {}
        });
        let identity = Identity { asn: 65_000, hold: 90 };
        let target = Target { remote, identity, limit: Duration::from_secs(10) };
        let mut group = Group::open(&[Ipv4Addr::new(127, 9, 40, 1).into()], target).unwrap();
        let octets = |group: &Group| group.tallies().map(|tally| tally.octets).sum::<u64>();
        let (start, mut before) = (Instant::now(), octets(&group));
        // What one turn left is read in the next ones, though the poll does not tell of it again.
        while octets(&group) < 8 * TURN as u64 {
            assert!(start.elapsed() < Duration::from_secs(60), "{} octets", octets(&group));
            group.turn(Duration::from_millis(5)).unwrap();
            let now = octets(&group);
            assert!(now - before <= (TURN + READ) as u64, "{} octets in one turn", now - before);
            before = now;
        }
        done.store(true, Ordering::Release);
        drop(group);
        speaker.join().unwrap();
    }
}
