//! Was the machine quiet? A virtual machine's host may give its CPUs to others while they have work to do; the kernel
//! counts that time as stolen. A figure that was taken then is not that of the program.

/// Above this share of stolen time a figure is not one of a quiet machine.
pub const QUIET: f64 = 0.05;

/// CPU time of all CPUs since the machine came up, in ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CpuTime {
    /// Something ran.
    busy: u64,
    /// Something would have run, but the host ran something else.
    stolen: u64,
}

impl CpuTime {
    /// Now; `None` where the kernel does not tell.
    pub fn now() -> Option<Self> {
        Self::parse(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// The first line: `cpu user nice system idle iowait irq softirq steal …`. Guests' time is in `user`.
    fn parse(text: &str) -> Option<Self> {
        let mut fields =
            text.lines().next()?.strip_prefix("cpu ")?.split_whitespace().map(|field| field.parse().ok());
        let mut next = || fields.next().flatten();
        let [user, nice, system, _idle, _iowait, irq, softirq, steal]: [u64; 8] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        Some(Self { busy: user + nice + system + irq + softirq, stolen: steal })
    }

    /// Of the CPU time that was wanted since `before`, the share that was stolen: from 0 to 1. Time in which
    /// nothing wanted to run does not count, as nothing can be stolen then.
    pub fn stolen_since(self, before: Self) -> Option<f64> {
        let (busy, stolen) = (self.busy.checked_sub(before.busy)?, self.stolen.checked_sub(before.stolen)?);
        (busy + stolen > 0).then(|| stolen as f64 / (busy + stolen) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_of_the_time_that_was_wanted() {
        let before = CpuTime::parse("cpu  100 50 30 9000 7 1 2 10 40 0\ncpu0 1 2 3\n").unwrap();
        let after = CpuTime::parse("cpu  160 60 40 99000 9 2 11 20 90 0\n").unwrap();
        // 60 + 10 + 10 + 1 + 9 ran, 10 were stolen.
        assert_eq!(after.stolen_since(before), Some(0.1));
        assert_eq!(before.stolen_since(before), None);
        assert_eq!(before.stolen_since(after), None, "counters do not go back");
        assert_eq!(CpuTime::parse("cpu  1 2 3 4\n"), None);
        assert!(CpuTime::now().is_some_and(|now| now.busy > 0));
    }
}
