//! A scripted peer of many routes: it announces and withdraws MAC/IP routes by the ten thousand, keeps the
//! table of what it is sent, and can stop reading for a while. Like `injector` it has no code in common
//! with Weft's codec.

use crate::error::{LabError, Result};
use crate::injector::{Identity, basic_attributes, evpn_nlri, kind, message, mp_reach, mp_unreach, update};
use crate::netns::Namespace;
use crate::wait::wait_for;
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Routes in an UPDATE: as many as surely fit.
const IN_AN_UPDATE: usize = 90;
/// The receive buffer, so that the kernel does not read for a peer that has stopped.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Routes: so many hosts in each VNI behind each VTEP, each with a MAC and an IPv4 address.
#[derive(Debug, Clone, Copy)]
pub struct Routes {
    /// VTEPs, 10.255.0.1 and on.
    pub vteps: u32,
    /// VNIs, 1 and on.
    pub vnis: u32,
    /// Hosts of a VNI behind a VTEP.
    pub hosts: u32,
}

impl Routes {
    /// All of them.
    pub fn count(self) -> usize {
        (self.vteps * self.vnis * self.hosts) as usize
    }

    fn nlri(self, vtep: u32, vni: u32, host: u32) -> Vec<u8> {
        let number = (vtep * self.vnis + vni) * self.hosts + host;
        let [_, label @ ..] = vni.to_be_bytes();
        let [.., low, lower] = vni.to_be_bytes();
        let value = [
            &[0, 1][..],
            &address(vtep).octets(),
            &[low, lower],
            &[0; 14],
            &[48, 2, 0],
            &number.to_be_bytes(),
            &[32],
            &(0x6440_0000 + number).to_be_bytes(),
            &label,
        ];
        evpn_nlri(2, &value.concat())
    }

    /// UPDATEs that announce all routes with this LOCAL_PREF, or withdraw them, of the VTEPs from `first` on.
    pub fn updates(self, local_pref: Option<u32>, first: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        for vtep in first..self.vteps {
            for vni in 1..=self.vnis {
                let all: Vec<u32> = (0..self.hosts).collect();
                for hosts in all.chunks(IN_AN_UPDATE) {
                    let nlri: Vec<u8> = hosts.iter().flat_map(|host| self.nlri(vtep, vni, *host)).collect();
                    bytes.extend(match local_pref {
                        Some(local_pref) => announcement(vtep, vni, local_pref, &nlri),
                        None => update(&[mp_unreach(&nlri)]),
                    });
                }
            }
        }
        bytes
    }
}

fn address(vtep: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0aff_0001 + vtep)
}

fn announcement(vtep: u32, vni: u32, local_pref: u32, nlri: &[u8]) -> Vec<u8> {
    use crate::injector::attribute;
    let mut attributes = vec![mp_reach(address(vtep), nlri)];
    attributes.extend(basic_attributes().into_iter().filter(|octets| octets.get(1) != Some(&5)));
    attributes.push(attribute(0x40, 5, &local_pref.to_be_bytes()));
    let [high, low] = 65_000u16.to_be_bytes();
    let [a, b, c, d] = vni.to_be_bytes();
    attributes.push(attribute(0xc0, 16, &[0, 2, high, low, a, b, c, d, 3, 0x0c, 0, 0, 0, 0, 0, 8]));
    update(&attributes)
}

/// What a peer has been told: LOCAL_PREF by NLRI.
pub type Table = HashMap<Vec<u8>, u32>;

/// A session.
#[derive(Debug)]
pub struct Flood {
    stream: TcpStream,
    table: Arc<Mutex<Table>>,
    paused: Arc<AtomicBool>,
    lost: Arc<AtomicBool>,
}

impl Flood {
    /// Opens a session from `local`, without a hold time: who does not read is not to be let go for that.
    pub fn establish(ns: &Namespace, local: Ipv4Addr, remote: SocketAddr, limit: Duration) -> Result<Self> {
        let (stream, _) = wait_for(&format!("a session with {remote}"), limit, || {
            ns.enter(move || Ok(open(local.into(), remote).map_err(|error| error.to_string())))
        })?;
        let (table, paused, lost) = <(Arc<Mutex<Table>>, Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let reader = stream.try_clone().map_err(LabError::io("clone a socket"))?;
        let (kept, pause, end) = (Arc::clone(&table), Arc::clone(&paused), Arc::clone(&lost));
        std::thread::Builder::new()
            .spawn(move || {
                read(reader, &kept, &pause);
                end.store(true, Ordering::SeqCst);
            })
            .map_err(LabError::io("start a thread"))?;
        Ok(Self { stream, table, paused, lost })
    }

    /// Sends whole messages.
    pub fn send(&self, messages: &[u8]) -> Result<()> {
        (&self.stream).write_all(messages).map_err(LabError::io("send to the speaker"))
    }

    /// Stops reading, or reads on.
    pub fn pause(&self, paused: bool) {
        self.paused.store(paused, Ordering::SeqCst);
    }

    /// The table, at this moment.
    pub fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the session has ended.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

fn open(local: IpAddr, remote: SocketAddr) -> std::io::Result<TcpStream> {
    let IpAddr::V4(id) = local else { return Err(std::io::ErrorKind::Unsupported.into()) };
    let socket = Socket::new(Domain::for_address(remote), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&SocketAddr::new(local, 0).into())?;
    socket.connect_timeout(&remote.into(), Duration::from_secs(1))?;
    let mut stream = TcpStream::from(socket);
    stream.write_all(&Identity { hold: 0, ..Identity::evpn(id) }.open())?;
    stream.write_all(&message(kind::KEEPALIVE, &[]))?;
    stream.set_read_timeout(Some(Duration::from_secs(3)))?;
    // OPEN and KEEPALIVE of the speaker; a NOTIFICATION: not yet.
    while next(&mut stream)?.0 != kind::KEEPALIVE {}
    stream.set_read_timeout(None)?;
    Ok(stream)
}

fn next(stream: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
    let mut header = [0u8; 19];
    stream.read_exact(&mut header)?;
    let [.., high, low, kind] = header;
    let mut body = vec![0; usize::from(u16::from_be_bytes([high, low])).saturating_sub(header.len())];
    stream.read_exact(&mut body)?;
    if kind == self::kind::NOTIFICATION {
        Err(std::io::ErrorKind::ConnectionReset.into())
    } else {
        Ok((kind, body))
    }
}

fn read(mut stream: TcpStream, table: &Mutex<Table>, paused: &AtomicBool) {
    loop {
        while paused.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let Ok((kind, body)) = next(&mut stream) else { return };
        if kind == self::kind::UPDATE {
            take(&body, &mut table.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }
}

/// Takes an UPDATE of family EVPN into the table. What cannot be read is left out: the comparison finds it.
fn take(body: &[u8], table: &mut Table) -> Option<()> {
    let withdrawn = usize::from(u16::from_be_bytes(*body.first_chunk()?));
    let mut rest = body.get(4 + withdrawn..)?;
    let (mut reach, mut local_pref) = (&[][..], 0);
    while let Some((&[flags, code], tail)) = rest.split_first_chunk() {
        let (length, tail) = if flags & 0x10 == 0 {
            (usize::from(*tail.first()?), tail.get(1..)?)
        } else {
            (usize::from(u16::from_be_bytes(*tail.first_chunk()?)), tail.get(2..)?)
        };
        let (value, after) = tail.split_at_checked(length)?;
        match code {
            5 => local_pref = u32::from_be_bytes(*value.first_chunk()?),
            // AFI, SAFI, next hop with its length, a reserved octet.
            14 => reach = value.get(5 + usize::from(*value.get(3)?)..)?,
            15 => nlris(value.get(3..)?).for_each(|nlri| {
                table.remove(nlri);
            }),
            _ => {}
        }
        rest = after;
    }
    table.extend(nlris(reach).map(|nlri| (nlri.to_vec(), local_pref)));
    Some(())
}

fn nlris(mut octets: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (nlri, rest) = octets.split_at_checked(2 + usize::from(*octets.get(1)?))?;
        octets = rest;
        Some(nlri)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(mut bytes: &[u8], table: &mut Table) {
        while let Some(length) = bytes.get(16..18) {
            let (message, rest) = bytes.split_at(usize::from(u16::from_be_bytes([length[0], length[1]])));
            take(&message[19..], table).unwrap();
            bytes = rest;
        }
    }

    #[test]
    fn what_is_sent_is_what_is_read() {
        let (routes, mut table) = (Routes { vteps: 3, vnis: 2, hosts: 100 }, Table::new());
        feed(&routes.updates(Some(100), 0), &mut table);
        assert_eq!((table.len(), table.values().all(|pref| *pref == 100)), (routes.count(), true));
        feed(&routes.updates(Some(200), 2), &mut table);
        assert_eq!(table.values().filter(|pref| **pref == 200).count(), 200);
        feed(&routes.updates(None, 1), &mut table);
        assert_eq!(table.len(), 200);
    }
}
