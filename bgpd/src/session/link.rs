//! One TCP connection: octets in, frames out, messages in, octets out. Nothing here blocks
//! and nothing is decided; the task asks for each step.

use super::writer::Writer;
use crate::{
    fsm::ConnectionId,
    wire::{Decoder, Frame, FrameDecoder, Notification, frame::MAX_EXTENDED_LENGTH},
};
use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use std::{
    io,
    net::Shutdown,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

/// The receive buffer of a quiet connection, and what it grows to under load: with hundreds
/// of quiet neighbours the large one would cost more than their routes.
const SMALLEST_BUFFER: usize = 4 * 1024;
const LARGEST_BUFFER: usize = 256 * 1024;
/// How long the last words may take to be written, and to be read over there.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub id: ConnectionId,
    stream: Arc<TcpStream>,
    buffer: BytesMut,
    /// Octets to ask for with the next read.
    want: usize,
    frames: FrameDecoder,
    pub decoder: Decoder,
    pub writer: Writer,
    /// A NOTIFICATION is under way: it is to arrive before the connection is closed.
    pub last_words: bool,
    /// Octets of receive buffers that were gone through since `take_passed`.
    passed: usize,
    /// Why nothing more can be read.
    ended: Option<String>,
}

/// Octets that are no message.
#[derive(Debug)]
pub(super) struct BadFrame {
    /// What is to be answered.
    pub notification: Notification,
    /// The octets, from where the message should begin.
    pub octets: Bytes,
}

impl Link {
    pub fn new(id: ConnectionId, stream: TcpStream) -> Self {
        Self {
            id,
            stream: Arc::new(stream),
            buffer: BytesMut::new(),
            want: SMALLEST_BUFFER,
            frames: FrameDecoder::new(),
            decoder: Decoder::default(),
            writer: Writer::default(),
            last_words: false,
            passed: 0,
            ended: None,
        }
    }

    /// Messages of up to this many octets are accepted from now on.
    pub fn set_max_receive(&mut self, octets: usize) {
        self.frames.set_max_length(u16::try_from(octets).unwrap_or(MAX_EXTENDED_LENGTH));
    }

    /// Ready when there is something to read (if `reading`) or room to write what waits.
    pub fn poll_ready(&self, reading: bool, cx: &mut Context<'_>) -> Poll<()> {
        let readable = reading && self.ended.is_none() && self.stream.poll_read_ready(cx).is_ready();
        let writable = !self.writer.is_empty() && self.stream.poll_write_ready(cx).is_ready();
        if readable || writable { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Reads once what has arrived. False: nothing had, or the stream has ended.
    pub fn read(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        if self.buffer.capacity() - self.buffer.len() < self.want / 2 && !self.buffer.try_reclaim(self.want) {
            // Somebody has slices of it: what of it was not used is theirs, too.
            self.passed += self.buffer.capacity();
            self.buffer.reserve(self.want);
        }
        let room = self.buffer.capacity() - self.buffer.len();
        match self.stream.try_read_buf(&mut self.buffer) {
            Ok(0) => {
                self.ended = Some("connection closed by the neighbour".to_owned());
                false
            }
            Ok(octets) => {
                if octets == room {
                    self.want = (self.want * 4).min(LARGEST_BUFFER);
                } else if octets < self.want / 8 {
                    self.want = (self.want / 2).max(SMALLEST_BUFFER);
                }
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
            Err(error) => {
                self.ended = Some(match error.kind() {
                    io::ErrorKind::ConnectionReset => "connection reset by the neighbour".to_owned(),
                    _ => format!("connection lost: {error}"),
                });
                false
            }
        }
    }

    /// The socket, for whoever else writes to it.
    pub fn stream(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    /// Octets of its buffers.
    pub fn bytes(&self) -> usize {
        self.buffer.capacity() + self.writer.octets()
    }

    /// True if octets have been read that were not looked at.
    pub fn has_unread(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next whole message.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Box<BadFrame>> {
        let frame = self.frames.next_frame(&mut self.buffer).map_err(|notification| {
            Box::new(BadFrame { notification, octets: std::mem::take(&mut self.buffer).freeze() })
        })?;
        if frame.is_none() && self.buffer.is_empty() && self.buffer.capacity() > 2 * self.want {
            // After a flood the large buffer goes back.
            self.passed += self.buffer.capacity();
            self.buffer = BytesMut::new();
        }
        self.passed += frame.as_ref().map_or(0, |frame| frame.bytes.len());
        Ok(frame)
    }

    /// Octets of receive buffers that the last message and what came between it and the one asked about before have
    /// gone through. A message that waits keeps no more of them than this, but for the rest of the first buffer that is
    /// waited in and of the last one.
    pub fn take_passed(&mut self) -> usize {
        std::mem::take(&mut self.passed)
    }

    /// Why the stream has ended, if it has.
    pub fn end(&self) -> Option<String> {
        self.ended.clone()
    }

    /// Writes what the kernel takes; true if it took something. After an error nothing is
    /// written any more, and reading tells the reason.
    pub fn flush(&mut self) -> bool {
        let stream = &self.stream;
        match self.writer.flush(|slices| stream.try_write_vectored(slices)) {
            Ok(octets) => octets > 0,
            Err(_) => {
                self.writer.clear();
                false
            }
        }
    }

    /// Brings a NOTIFICATION to the neighbour, as far as it reads, and closes. Closing with
    /// octets unread would send a reset, which can overtake the NOTIFICATION.
    pub async fn finish(mut self) {
        let written = timeout(LAST_WORDS, async {
            loop {
                self.flush();
                if self.writer.is_empty() || self.stream.writable().await.is_err() {
                    break;
                }
            }
        });
        let socket = |stream: &TcpStream| SockRef::from(stream).shutdown(Shutdown::Write);
        if written.await.is_err() || socket(&self.stream).is_err() {
            // A neighbour that does not read shall not leave its socket in the kernel.
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
            return;
        }
        let _ = timeout(LAST_WORDS, async {
            while self.stream.readable().await.is_ok() {
                self.buffer.clear();
                self.buffer.reserve(SMALLEST_BUFFER);
                match self.stream.try_read_buf(&mut self.buffer) {
                    Ok(0) => break,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
        })
        .await;
    }
}
