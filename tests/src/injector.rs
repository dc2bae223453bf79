//! A scripted BGP peer: it opens a session, keeps it alive, sends the bytes it is told to, and
//! keeps every message that it gets. It judges nothing, so it can send what no real speaker
//! would: malformed messages, route types and attributes that nobody knows.
//!
//! It has no code in common with Weft's codec. `routes` writes EVPN routes for it.

pub mod memberships;
pub mod routes;

use crate::error::{LabError, Result};
use crate::netns::Namespace;
use crate::wait::wait_for;
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Message types (RFC 4271 §4.1, RFC 2918).
pub mod kind {
    /// OPEN.
    pub const OPEN: u8 = 1;
    /// UPDATE.
    pub const UPDATE: u8 = 2;
    /// NOTIFICATION.
    pub const NOTIFICATION: u8 = 3;
    /// KEEPALIVE.
    pub const KEEPALIVE: u8 = 4;
    /// ROUTE-REFRESH.
    pub const ROUTE_REFRESH: u8 = 5;
}

/// A message as it came: its type and what follows the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The type, see `kind`.
    pub kind: u8,
    /// Everything after the 19 octets of the header.
    pub body: Vec<u8>,
}

/// What the peer says of itself.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its AS.
    pub asn: u32,
    /// Its router id.
    pub id: Ipv4Addr,
    /// Hold time in seconds.
    pub hold: u16,
    /// Capabilities, each as code and value.
    pub capabilities: Vec<(u8, Vec<u8>)>,
}

impl Identity {
    /// An iBGP peer in AS 65000 of family EVPN, with route refresh and a 4-octet AS.
    pub fn evpn(id: Ipv4Addr) -> Self {
        let asn: u32 = 65_000;
        let capabilities = vec![(1, vec![0, 25, 0, 70]), (2, vec![]), (65, asn.to_be_bytes().to_vec())];
        Self { asn, id, hold: 90, capabilities }
    }

    /// The OPEN message.
    pub fn open(&self) -> Vec<u8> {
        let mut parameters = Vec::new();
        for (code, value) in &self.capabilities {
            parameters.extend([2, value.len() as u8 + 2, *code, value.len() as u8]);
            parameters.extend(value);
        }
        let asn = u16::try_from(self.asn).unwrap_or(23_456);
        let mut body = vec![4];
        body.extend(asn.to_be_bytes());
        body.extend(self.hold.to_be_bytes());
        body.extend(self.id.octets());
        body.push(parameters.len() as u8);
        body.extend(parameters);
        message(kind::OPEN, &body)
    }
}

/// A whole message: marker, length, type, body.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xff; 16];
    bytes.extend((body.len() as u16 + 19).to_be_bytes());
    bytes.push(kind);
    bytes.extend(body);
    bytes
}

/// A path attribute; the length takes two octets when it must.
pub fn attribute(flags: u8, code: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = match u8::try_from(value.len()) {
        Ok(length) => vec![flags & !0x10, code, length],
        Err(_) => {
            let [high, low] = (value.len() as u16).to_be_bytes();
            vec![flags | 0x10, code, high, low]
        }
    };
    bytes.extend(value);
    bytes
}

/// An UPDATE with these path attributes and nothing else.
pub fn update(attributes: &[Vec<u8>]) -> Vec<u8> {
    let attributes = attributes.concat();
    let mut body = vec![0, 0];
    body.extend((attributes.len() as u16).to_be_bytes());
    body.extend(attributes);
    message(kind::UPDATE, &body)
}

/// MP_REACH_NLRI of family EVPN with these NLRI.
pub fn mp_reach(next_hop: Ipv4Addr, nlri: &[u8]) -> Vec<u8> {
    let mut value = vec![0, 25, 70, 4];
    value.extend(next_hop.octets());
    value.push(0);
    value.extend(nlri);
    attribute(0x80, 14, &value)
}

/// MP_UNREACH_NLRI of family EVPN with these NLRI.
pub fn mp_unreach(nlri: &[u8]) -> Vec<u8> {
    attribute(0x80, 15, &[&[0, 25, 70], nlri].concat())
}

/// One EVPN NLRI: route type, length, value.
pub fn evpn_nlri(route_type: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![route_type, value.len() as u8];
    bytes.extend(value);
    bytes
}

/// ORIGIN IGP, an empty AS_PATH and LOCAL_PREF 100: what an iBGP route must have.
pub fn basic_attributes() -> Vec<Vec<u8>> {
    vec![attribute(0x40, 1, &[0]), attribute(0x40, 2, &[]), attribute(0x40, 5, &100u32.to_be_bytes())]
}

/// A session of a scripted peer.
#[derive(Debug)]
pub struct Injector {
    stream: TcpStream,
    /// Held while a message is written: the thread that answers KEEPALIVEs must not write into the midst of one.
    writing: Arc<Mutex<()>>,
    received: Arc<Mutex<Vec<Message>>>,
}

impl Injector {
    /// Connects from `local` inside a namespace to port 179 (or another) of a speaker and
    /// sends nothing.
    pub fn connect(
        namespace: &Namespace,
        local: IpAddr,
        remote: SocketAddr,
        limit: Duration,
    ) -> Result<Self> {
        let connected = wait_for(&format!("a TCP connection to {remote}"), limit, || {
            let stream = namespace.enter(move || {
                let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))
                    .map_err(LabError::io("open a TCP socket"))?;
                let from = SocketAddr::new(local, 0).into();
                socket.bind(&from).map_err(LabError::io(format!("bind to {local}")))?;
                socket
                    .connect_timeout(&remote.into(), Duration::from_secs(1))
                    .map_err(LabError::io(format!("connect to {remote}")))?;
                Ok(TcpStream::from(socket))
            })?;
            Ok(Ok(stream))
        });
        let (stream, _) = connected?;
        stream.set_nodelay(true).map_err(LabError::io("set TCP_NODELAY"))?;
        let received = Arc::new(Mutex::new(Vec::new()));
        let reader = stream.try_clone().map_err(LabError::io("clone a socket"))?;
        let kept = Arc::clone(&received);
        let writing = Arc::<Mutex<()>>::default();
        let answering = Arc::clone(&writing);
        std::thread::Builder::new()
            .spawn(move || read_messages(reader, &answering, &kept))
            .map_err(LabError::io("start a thread"))?;
        Ok(Self { stream, writing, received })
    }

    /// Connects, sends OPEN and KEEPALIVE, and waits for the speaker's.
    pub fn establish(
        namespace: &Namespace,
        local: IpAddr,
        remote: SocketAddr,
        identity: &Identity,
        limit: Duration,
    ) -> Result<Self> {
        // A speaker that has just come up, or still holds an older session, refuses at first.
        wait_for("a session of the scripted peer", limit, || {
            let peer = Self::connect(namespace, local, remote, limit)?;
            peer.send(&identity.open())?;
            peer.send(&message(kind::KEEPALIVE, &[]))?;
            let established =
                peer.wait("its KEEPALIVE", Duration::from_secs(3), |message| message.kind == kind::KEEPALIVE);
            Ok(established.map(|_| ()).map(|()| peer).map_err(|error| error.to_string()))
        })
        .map(|(peer, _)| peer)
    }

    /// Sends bytes as they are.
    pub fn send(&self, bytes: &[u8]) -> Result<()> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.stream).write_all(bytes).map_err(LabError::io("send to the speaker"))
    }

    /// All messages so far.
    pub fn received(&self) -> Vec<Message> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a message; earlier ones count.
    pub fn wait(&self, what: &str, limit: Duration, wanted: impl Fn(&Message) -> bool) -> Result<Message> {
        wait_for(what, limit, || {
            let messages = self.received();
            Ok(messages
                .iter()
                .find(|message| wanted(message))
                .cloned()
                .ok_or_else(|| format!("{messages:?}")))
        })
        .map(|(message, _)| message)
    }

    /// Waits for a NOTIFICATION; gives its code, subcode and data.
    pub fn wait_notification(&self, limit: Duration) -> Result<(u8, u8, Vec<u8>)> {
        let message = self.wait("a NOTIFICATION", limit, |message| message.kind == kind::NOTIFICATION)?;
        match message.body.split_at_checked(2) {
            Some((&[code, subcode], data)) => Ok((code, subcode, data.to_vec())),
            _ => Err(LabError::Unexpected(format!("a NOTIFICATION of {} octets", message.body.len()))),
        }
    }

    /// Waits for an UPDATE in which these bytes stand somewhere.
    pub fn wait_update_with(&self, bytes: &[u8], limit: Duration) -> Result<Message> {
        self.wait(&format!("an UPDATE with {bytes:02x?}"), limit, |message| {
            message.kind == kind::UPDATE && message.body.windows(bytes.len()).any(|window| window == bytes)
        })
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

/// Keeps messages until the stream ends, and answers each KEEPALIVE by one.
fn read_messages(mut stream: TcpStream, writing: &Mutex<()>, kept: &Mutex<Vec<Message>>) {
    loop {
        let mut header = [0u8; 19];
        if stream.read_exact(&mut header).is_err() {
            return;
        }
        let [.., high, low, kind] = header;
        let mut body = vec![0; usize::from(u16::from_be_bytes([high, low])).saturating_sub(19)];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        if kind == self::kind::KEEPALIVE {
            let _writing = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = stream.write_all(&message(self::kind::KEEPALIVE, &[]));
        }
        kept.lock().unwrap_or_else(PoisonError::into_inner).push(Message { kind, body });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_lengths_that_they_say() {
        let open = Identity::evpn(Ipv4Addr::new(10, 0, 0, 1)).open();
        assert_eq!(usize::from(u16::from_be_bytes([open[16], open[17]])), open.len());
        let nlri = evpn_nlri(99, &[1, 2, 3]);
        let bytes = update(&[mp_reach(Ipv4Addr::LOCALHOST, &nlri)]);
        assert_eq!(usize::from(u16::from_be_bytes([bytes[16], bytes[17]])), bytes.len());
        assert!(bytes.ends_with(&[99, 3, 1, 2, 3]));
        assert_eq!(attribute(0xc0, 16, &[0; 300])[..4], [0xd0, 16, 1, 44]);
    }
}
