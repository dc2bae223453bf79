//! Where output goes: piece by piece, so a table of a million routes is never one string.

use std::{fmt, io};

/// The reader is gone; stop producing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the reader is gone")]
pub struct SinkClosed;

/// Takes text. Blocks while the reader is slow; an error means that the reader is gone.
pub trait Sink: Send {
    /// Takes the next piece, of any size.
    fn text(&mut self, text: &str) -> Result<(), SinkClosed>;
}

impl Sink for String {
    fn text(&mut self, text: &str) -> Result<(), SinkClosed> {
        self.push_str(text);
        Ok(())
    }
}

/// `write!` into a sink.
impl fmt::Write for dyn Sink + '_ {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text).map_err(|_| fmt::Error)
    }
}

/// A sink as `io::Write`, for `serde_json::to_writer`. Bytes must be UTF-8; a character may be cut
/// between two writes.
pub struct SinkWriter<'a> {
    sink: &'a mut dyn Sink,
    partial: Vec<u8>,
}

impl fmt::Debug for SinkWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkWriter").field("partial", &self.partial).finish_non_exhaustive()
    }
}

impl<'a> SinkWriter<'a> {
    /// Writes into this sink.
    pub fn new(sink: &'a mut dyn Sink) -> Self {
        SinkWriter { sink, partial: Vec::new() }
    }
}

impl io::Write for SinkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let joined;
        let pending = if self.partial.is_empty() {
            bytes
        } else {
            self.partial.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.partial);
            &joined
        };
        let (text, rest) = match std::str::from_utf8(pending) {
            Ok(text) => (text, &[][..]),
            Err(error) if error.error_len().is_some() => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, error));
            }
            Err(error) => {
                let (valid, rest) = pending.split_at(error.valid_up_to());
                (std::str::from_utf8(valid).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?, rest)
            }
        };
        self.sink.text(text).map_err(|closed| io::Error::new(io::ErrorKind::BrokenPipe, closed))?;
        self.partial = rest.to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_character_cut_between_two_writes_arrives_whole() {
        let mut out = String::new();
        let mut writer = SinkWriter::new(&mut out);
        let text = "déjà vu ✓".as_bytes();
        for byte in text {
            writer.write_all(std::slice::from_ref(byte)).unwrap();
        }
        assert_eq!(out, "déjà vu ✓");
    }
}
