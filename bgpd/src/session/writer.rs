//! What waits to be written to one connection: whole messages, several of them in one
//! system call, KEEPALIVEs and NOTIFICATIONs before everything else.

use bytes::{Buf, Bytes};
use std::{collections::VecDeque, io, io::IoSlice};

/// Octets that may wait here; beyond it, messages stay in the session's queue.
const ROOM: usize = 128 * 1024;
/// Buffers for one system call.
const BATCH: usize = 32;

/// Buffers that are written in order.
#[derive(Debug, Default)]
pub(super) struct Writer {
    chunks: VecDeque<Bytes>,
    octets: usize,
    /// The first chunk is partly written: nothing may come before it.
    started: bool,
    /// How many chunks at the front (after a started one) are urgent.
    urgent: usize,
}

impl Writer {
    /// True if more routes may be queued.
    pub fn has_room(&self) -> bool {
        self.octets < ROOM
    }

    /// Octets that wait.
    pub fn octets(&self) -> usize {
        self.octets
    }

    /// True if nothing waits.
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Queues whole messages at the end.
    pub fn push(&mut self, messages: Bytes) {
        if !messages.is_empty() {
            self.octets += messages.len();
            self.chunks.push_back(messages);
        }
    }

    /// Queues a message before all others that have not begun, but after earlier urgent ones.
    pub fn push_urgent(&mut self, message: Bytes) {
        let at = usize::from(self.started) + self.urgent;
        self.octets += message.len();
        self.urgent += 1;
        self.chunks.insert(at.min(self.chunks.len()), message);
    }

    /// The rest of a message whose beginning has been written already. No other has begun.
    pub fn resume(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.octets += rest.len();
            self.started = true;
            self.chunks.push_front(rest);
        }
    }

    /// Forgets what is not urgent and has not begun: nothing follows a NOTIFICATION.
    pub fn keep_urgent(&mut self) {
        self.chunks.truncate(usize::from(self.started) + self.urgent);
        self.octets = self.chunks.iter().map(Bytes::len).sum();
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes until nothing is left or `write` would block; gives the octets written.
    pub fn flush(&mut self, mut write: impl FnMut(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<usize> {
        let mut total = 0;
        while !self.chunks.is_empty() {
            let slices: Vec<_> = self.chunks.iter().take(BATCH).map(|chunk| IoSlice::new(chunk)).collect();
            match write(&slices) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    total += written;
                    self.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(total)
    }

    fn advance(&mut self, mut written: usize) {
        self.octets = self.octets.saturating_sub(written);
        while let Some(first) = self.chunks.front_mut() {
            if written < first.len() {
                if written > 0 {
                    first.advance(written);
                    self.begin();
                }
                return;
            }
            written -= first.len();
            self.begin();
            self.started = false;
            self.chunks.pop_front();
        }
    }

    /// The first chunk has begun: it is not among those that are sorted any more.
    fn begin(&mut self) {
        if !self.started {
            self.started = true;
            self.urgent = self.urgent.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes up to `room` octets, then blocks.
    fn sink(out: &mut Vec<u8>, room: usize) -> impl FnMut(&[IoSlice<'_>]) -> io::Result<usize> {
        let mut room = room;
        move |slices| {
            let octets: Vec<u8> = slices.iter().flat_map(|s| s.iter().copied()).collect();
            let taken = octets.len().min(room);
            room -= taken;
            out.extend_from_slice(&octets[..taken]);
            if taken == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
        }
    }

    #[test]
    fn urgent_messages_go_first_but_never_into_a_message() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.push(Bytes::from_static(b"aaaa"));
        writer.push(Bytes::from_static(b"bbbb"));
        assert_eq!(writer.flush(sink(&mut out, 2)).unwrap(), 2);
        writer.push_urgent(Bytes::from_static(b"K"));
        writer.push_urgent(Bytes::from_static(b"N"));
        assert_eq!(writer.flush(sink(&mut out, 3)).unwrap(), 3);
        writer.push_urgent(Bytes::from_static(b"L"));
        assert_eq!(writer.flush(sink(&mut out, 100)).unwrap(), 6);
        assert_eq!(out, b"aaaaKNLbbbb");
        assert!(writer.is_empty() && writer.octets == 0 && writer.urgent == 0 && !writer.started);
    }

    #[test]
    fn only_the_begun_and_the_urgent_are_kept_at_the_end() {
        let (mut writer, mut out) = (Writer::default(), Vec::new());
        writer.push(Bytes::from_static(b"aaaa"));
        writer.push(Bytes::from_static(b"bbbb"));
        writer.flush(sink(&mut out, 1)).unwrap();
        writer.push_urgent(Bytes::from_static(b"N"));
        writer.keep_urgent();
        writer.flush(sink(&mut out, 100)).unwrap();
        assert_eq!(out, b"aaaaN");
    }

    #[test]
    fn there_is_no_room_beyond_the_limit() {
        let mut writer = Writer::default();
        writer.push(Bytes::from(vec![0; ROOM]));
        assert!(!writer.has_room());
        writer.clear();
        assert!(writer.has_room());
    }
}
