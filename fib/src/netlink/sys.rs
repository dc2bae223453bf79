//! The one place of this crate with `unsafe`: `recvmmsg`, which takes a burst of notifications in one system
//! call. The kernel delivers each notification as a datagram of its own; one call each would cost more than
//! looking at it. nix's wrapper allocates per call and ties the buffers to the result.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, AsRawFd};

/// Datagrams taken by one call.
const SLOTS: usize = 64;
/// Room for one datagram. Link notifications are the longest, about 2 KiB; a longer one is reported truncated.
/// The odd part keeps the beginnings of the slots, mostly all that is used of them, out of each other's cache lines.
const SLOT: usize = 16 * 1024 + 320;

/// Reused buffers for a burst of datagrams.
#[derive(Debug)]
pub(super) struct Burst {
    bytes: Vec<u8>,
    lengths: [usize; SLOTS],
    count: usize,
    truncated: bool,
}

impl Burst {
    pub(super) fn new() -> Self {
        Burst { bytes: vec![0; SLOTS * SLOT], lengths: [0; SLOTS], count: 0, truncated: false }
    }

    /// Takes what waits, without blocking. `Ok(0)`: nothing waits.
    #[allow(unsafe_code)]
    pub(super) fn receive(&mut self, socket: &impl AsFd) -> io::Result<usize> {
        self.count = 0;
        self.truncated = false;
        // SAFETY: iovec and mmsghdr are plain C structs for which all zeroes is a valid value.
        let (mut vectors, mut headers): ([libc::iovec; SLOTS], [libc::mmsghdr; SLOTS]) =
            unsafe { (zeroed(), zeroed()) };
        for ((slot, vector), header) in self.bytes.chunks_exact_mut(SLOT).zip(&mut vectors).zip(&mut headers)
        {
            vector.iov_base = slot.as_mut_ptr().cast();
            vector.iov_len = slot.len();
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
        }
        let fd = socket.as_fd().as_raw_fd();
        // SAFETY: `headers` has SLOTS entries; each points at one iovec of `vectors`, which points at a slot of
        // `self.bytes` of its own. All three live beyond the call and are not touched otherwise during it.
        let got = unsafe {
            libc::recvmmsg(fd, headers.as_mut_ptr(), SLOTS as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
        };
        let Ok(got) = usize::try_from(got) else {
            let error = io::Error::last_os_error();
            return match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(0),
                _ => Err(error),
            };
        };
        for (header, length) in headers.iter().take(got).zip(&mut self.lengths) {
            *length = usize::try_from(header.msg_len).unwrap_or(0).min(SLOT);
            self.truncated |= header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        }
        self.count = got;
        Ok(got)
    }

    /// The datagrams of the last [`Burst::receive`].
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .chunks_exact(SLOT)
            .zip(self.lengths)
            .take(self.count)
            .map(|(slot, length)| slot.get(..length).unwrap_or_default())
    }

    /// Whether one of them did not fit its slot.
    pub(super) fn truncated(&self) -> bool {
        self.truncated
    }

    /// True when the last call may have left datagrams waiting.
    pub(super) fn was_full(&self) -> bool {
        self.count == SLOTS
    }
}
