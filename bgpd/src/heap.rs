//! What the allocator and the kernel say of the process's memory, and giving back to the kernel what
//! is free. The allocator is glibc's: it keeps what is freed between what is in use, for ever unless asked
//! (`trim`), and tells exactly what is in use. ARCHITECTURE.md has the figures of the choice.

#![allow(unsafe_code)] // mallinfo2 and malloc_trim, which take and give numbers only

/// What the allocator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heap {
    /// Octets in use, the allocator's own fields among them.
    pub in_use: usize,
    /// Octets free. Of these, what `trim` has given back is not resident.
    pub free: usize,
}

/// Octets of this process that are resident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resident {
    /// All of them.
    pub total: u64,
    /// Heap, stacks, and what was written of the program's data.
    pub anonymous: u64,
    /// The program and its libraries.
    pub file: u64,
}

/// What the allocator says; `None` if it is not glibc's.
#[cfg(target_env = "gnu")]
pub fn heap() -> Option<Heap> {
    // SAFETY: no arguments, a struct of numbers; it locks each arena by itself.
    let info = unsafe { libc::mallinfo2() };
    Some(Heap { in_use: info.uordblks + info.hblkhd, free: info.fordblks })
}

/// Gives every free page of the heap back to the kernel. Takes about 10 ms for 50 MB that are free,
/// and who allocates in that arena meanwhile waits: so this is for quiet moments.
#[cfg(target_env = "gnu")]
pub fn trim() {
    // SAFETY: a number, and no pointer; it locks each arena by itself.
    unsafe { libc::malloc_trim(0) };
}

/// What the allocator says; `None` if it is not glibc's.
#[cfg(not(target_env = "gnu"))]
pub fn heap() -> Option<Heap> {
    None
}

/// Other allocators have ways of their own.
#[cfg(not(target_env = "gnu"))]
pub fn trim() {}

/// What is resident, by the kernel.
pub fn resident() -> Option<Resident> {
    read(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn read(status: &str) -> Option<Resident> {
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    };
    Some(Resident {
        total: field("VmRSS:")?,
        anonymous: field("RssAnon:").unwrap_or_default(),
        file: field("RssFile:").unwrap_or_default() + field("RssShmem:").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_octets_are_read_from_the_status() {
        let status = "Name:\tweftd\nVmRSS:\t    2048 kB\nRssAnon:\t 1024 kB\nRssFile:\t 1020 kB\nRssShmem:\t 4 kB\nThreads:\t3\n";
        assert_eq!(read(status), Some(Resident { total: 2 << 20, anonymous: 1 << 20, file: 1 << 20 }));
        assert_eq!(read("Name:\tweftd\n"), None);
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_is_allocated_is_in_use_and_goes_back() {
        let before = heap().unwrap().in_use;
        // Below the size from which each allocation is a mapping of its own.
        let blocks: Vec<Vec<u8>> = (0..400).map(|_| vec![1; 64 * 1024]).collect();
        let held = heap().unwrap().in_use - before;
        assert!((400 * 64 * 1024..500 * 64 * 1024).contains(&held), "{held}");
        let full = resident().unwrap().anonymous;
        drop(blocks);
        trim();
        let left = resident().unwrap().anonymous;
        assert!(full - left > 300 * 64 * 1024, "{full} octets before, {left} after");
    }
}
