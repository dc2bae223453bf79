//! What a process costs, from /proc: resident memory now and at most, its proportional share, CPU time.

use super::error::{LoadError, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Ticks of /proc/PID/stat in a second: USER_HZ, 100 on every architecture that Linux has today.
const TICKS: f64 = 100.0;
/// Octets in a KiB, the unit of /proc.
const KIB: f64 = 1024.0;

/// What a process has and has used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Usage {
    /// Resident memory in MB (10^6 octets).
    pub rss_mb: f64,
    /// The most resident memory it ever had.
    pub peak_mb: f64,
    /// Its share of resident memory: pages of libraries count by how many use them.
    pub pss_mb: f64,
    /// CPU seconds in user mode.
    pub user_s: f64,
    /// CPU seconds in the kernel.
    pub system_s: f64,
}

impl Usage {
    /// Of a process.
    pub fn of(pid: u32) -> Result<Self> {
        let folder = Path::new("/proc").join(pid.to_string());
        let status = read(&folder.join("status"))?;
        let stat = read(&folder.join("stat"))?;
        // Another user's process may hide it; then its resident memory is the next best.
        let pss = read(&folder.join("smaps_rollup")).ok().and_then(|text| field_kib(&text, "Pss:"));
        let wanted = |reason: &str| LoadError::Proc { path: folder.clone(), reason: reason.to_owned() };
        let rss = field_kib(&status, "VmRSS:").ok_or_else(|| wanted("no VmRSS; has the process ended?"))?;
        let (user, system) = cpu_ticks(&stat).ok_or_else(|| wanted("stat has no CPU times"))?;
        let megabytes = |kib: u64| kib as f64 * KIB / 1e6;
        Ok(Self {
            rss_mb: megabytes(rss),
            peak_mb: megabytes(field_kib(&status, "VmHWM:").unwrap_or(rss)),
            pss_mb: megabytes(pss.unwrap_or(rss)),
            user_s: user as f64 / TICKS,
            system_s: system as f64 / TICKS,
        })
    }

    /// Of several processes together: FRR is zebra and bgpd.
    pub fn of_all(pids: &[u32]) -> Result<Self> {
        pids.iter().try_fold(Self::default(), |sum, &pid| {
            let one = Self::of(pid)?;
            Ok(Self {
                rss_mb: sum.rss_mb + one.rss_mb,
                peak_mb: sum.peak_mb + one.peak_mb,
                pss_mb: sum.pss_mb + one.pss_mb,
                user_s: sum.user_s + one.user_s,
                system_s: sum.system_s + one.system_s,
            })
        })
    }

    /// CPU seconds of both kinds.
    pub fn cpu_s(&self) -> f64 {
        self.user_s + self.system_s
    }
}

/// CPU seconds that processes have used together. Cheap: `Usage` walks the page tables, this does not.
pub fn cpu_s(pids: &[u32]) -> Result<f64> {
    pids.iter().try_fold(0.0, |sum, pid| {
        let folder = Path::new("/proc").join(pid.to_string());
        let (user, system) = cpu_ticks(&read(&folder.join("stat"))?)
            .ok_or_else(|| LoadError::Proc { path: folder, reason: "stat has no CPU times".to_owned() })?;
        Ok(sum + (user + system) as f64 / TICKS)
    })
}

/// The first of these processes that has ended, if one has: it is gone, or waits to be buried.
pub fn ended(pids: &[u32]) -> Option<u32> {
    pids.iter().copied().find(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with(['Z', 'X']))
    })
}

/// CPU seconds that the calling thread has used, to a microsecond or so; 0 where the kernel does not count.
pub fn thread_cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace()
        .next()
        .and_then(|nanos| nanos.parse::<f64>().ok())
        .map_or(0.0, |nanos| nanos / 1e9)
}

fn read(path: &PathBuf) -> Result<String> {
    std::fs::read_to_string(path).map_err(LoadError::io(format!("read {}", path.display())))
}

/// The number behind a name, as in `VmRSS:     1234 kB`.
fn field_kib(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// `utime` and `stime`, the fields 14 and 15. The second field is the program's name in brackets, which
/// may have blanks and brackets itself.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_strange_name() {
        let stat = "42 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 1234 56 0 0 20";
        assert_eq!(cpu_ticks(stat), Some((1234, 56)));
        assert_eq!(cpu_ticks("42 (x) S 1"), None);
        let status = "Name:\tx\nVmHWM:\t  2000 kB\nVmRSS:\t  1000 kB\n";
        assert_eq!(field_kib(status, "VmRSS:"), Some(1000));
        assert_eq!(field_kib(status, "Pss:"), None);
    }

    #[test]
    fn our_own_memory_and_time_are_seen() {
        let before = Usage::of(std::process::id()).unwrap();
        let filled = vec![1u8; 30_000_000];
        let after = Usage::of(std::process::id()).unwrap();
        assert!(after.rss_mb > before.rss_mb + 25.0, "{before:?} {after:?} {}", filled.len());
        assert!(after.peak_mb >= after.rss_mb && after.pss_mb > 0.0 && after.cpu_s() >= before.cpu_s());
        assert!(thread_cpu_s() > 0.0);
        let two = Usage::of_all(&[std::process::id(), std::process::id()]).unwrap();
        assert!(two.rss_mb > after.rss_mb * 1.5);
    }

    #[test]
    fn a_process_that_has_ended_is_found_even_before_it_is_buried() {
        let own = std::process::id();
        assert_eq!(ended(&[own]), None);
        assert!(cpu_s(&[own, own]).unwrap() >= cpu_s(&[own]).unwrap());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let start = std::time::Instant::now();
        while ended(&[own, child.id()]).is_none() && start.elapsed().as_secs() < 10 {
            std::thread::yield_now();
        }
        assert_eq!(ended(&[own, child.id()]), Some(child.id()));
        child.wait().unwrap();
        assert_eq!(ended(&[child.id()]), Some(child.id()));
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        let error = Usage::of(u32::MAX).unwrap_err().to_string();
        assert!(error.contains("/proc/4294967295/status"), "{error}");
    }
}
