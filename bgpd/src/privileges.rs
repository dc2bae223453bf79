//! What the daemon may still do once it runs: configure the network, open packet sockets, bind
//! port 179. Every other capability is dropped before the first thread starts, and no program
//! it might be made to run could get one back.
//!
//! The daemon keeps its user: a file that only root can write stays writable for
//! `write memory`, because root owns it.

use nix::sys::prctl;
use std::io;

/// Capabilities that are kept, by their numbers in `linux/capability.h`.
const KEPT: &[(u32, &str)] = &[(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW"), (10, "CAP_NET_BIND_SERVICE")];
/// `_LINUX_CAPABILITY_VERSION_3`: two 32-bit words a set.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Default, Clone, Copy)]
struct Words {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Drops what is not needed. Called on the main thread before any other exists, since
/// capabilities belong to threads.
///
/// # Errors
/// The kernel's refusal; the daemon then runs with what it has, which the caller logs.
pub fn drop_unneeded() -> io::Result<()> {
    prctl::set_no_new_privs()?;
    let mut sets = read()?;
    let wanted = KEPT.iter().fold(0_u32, |mask, (number, _)| mask | 1 << number);
    for (index, words) in sets.iter_mut().enumerate() {
        let keep = if index == 0 { wanted } else { 0 };
        words.permitted &= keep;
        words.effective = words.permitted;
        words.inheritable = 0;
    }
    write(&sets)
}

/// The names of the kept capabilities that this process lacks.
pub fn missing() -> Vec<&'static str> {
    let effective = read().map_or(0, |[low, _]| low.effective);
    KEPT.iter().filter(|(number, _)| effective & (1 << number) == 0).map(|(_, name)| *name).collect()
}

#[allow(unsafe_code)]
fn read() -> io::Result<[Words; 2]> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut sets = [Words::default(); 2];
    // SAFETY: capget(2) with version 3 reads one Header and writes two Words; both are live,
    // correctly laid out (repr(C)) and exclusively borrowed here.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    if result == 0 { Ok(sets) } else { Err(io::Error::last_os_error()) }
}

#[allow(unsafe_code)]
fn write(sets: &[Words; 2]) -> io::Result<()> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    // SAFETY: capset(2) with version 3 reads one Header and two Words; both are live and
    // correctly laid out (repr(C)).
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_dropped_keeps_nothing_but_the_list() {
        // On a thread of its own: capabilities are per thread, and other tests may need theirs.
        std::thread::spawn(|| {
            let before = read().unwrap();
            drop_unneeded().unwrap();
            let [low, high] = read().unwrap();
            let kept = KEPT.iter().fold(0, |mask, (number, _)| mask | 1 << number);
            assert_eq!(low.permitted, before[0].permitted & kept);
            assert_eq!(high.permitted, 0);
            assert_eq!((low.inheritable, high.inheritable), (0, 0));
        })
        .join()
        .unwrap();
    }
}
