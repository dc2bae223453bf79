//! The benchmarks: `make bench` runs Weft and FRR through the same work and prints them side by side with the
//! target. A row is data: its name, the workload in words, what is measured with which target, and the
//! function that does it with a daemon of either kind. The load comes from `load`, the daemons from `speaker`.
//!
//! A row runs in a network namespace of its own; nothing stays.

pub mod daemon;
pub mod fanout;
pub mod growth;
pub mod harm;
pub mod kernel;
pub mod quiet;
pub mod reflect;
pub mod rows;
pub mod sign;
pub mod svg;
pub mod table;
pub mod tries;
pub mod vtep;

use crate::error::Result;
use crate::speaker::Kind;
use quiet::CpuTime;
use serde::Serialize;
use std::time::Duration;

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Microseconds.
    Micros,
    /// MB of resident memory (10^6 octets).
    Megabytes,
    /// Something a second.
    PerSecond,
    /// Lines in the log.
    Lines,
}

impl Unit {
    /// A value with its unit, short.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Seconds => crate::load::report::duration(value),
            Self::Micros => crate::load::report::duration(value / 1e6),
            Self::Megabytes => format!("{value:.0} MB"),
            Self::PerSecond => format!("{value:.0}/s"),
            Self::Lines => format!("{value:.0} lines"),
        }
    }

    /// True where more is better.
    pub fn more_is_better(self) -> bool {
        self == Self::PerSecond
    }
}

/// What a row measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measure {
    /// Its name, unique among all rows.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What Weft must reach on a quiet machine of two cores; `None`: it is told, not judged.
    pub target: Option<f64>,
}

impl Measure {
    /// Whether a value meets the target.
    pub fn met_by(&self, value: f64) -> Option<bool> {
        let target = self.target?;
        Some(if self.unit.more_is_better() { value >= target } else { value <= target })
    }
}

/// How a row is run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// The daemon.
    pub kind: Kind,
    /// A hundredth of the work: a check that the benchmark works; its figures mean nothing.
    pub quick: bool,
    /// What is random, is drawn by this.
    pub seed: u64,
    /// The longest that one phase may take; what takes longer is told as such.
    pub limit: Duration,
}

impl Run {
    /// So many, or in short form a hundredth, but at least `least`.
    pub fn size(&self, full: u32, least: u32) -> u32 {
        if self.quick { (full / 100).max(least) } else { full }
    }
}

/// What was measured: by name, `None` where the limit passed.
pub type Figures = Vec<(&'static str, Option<f64>)>;

/// What came of a row with one daemon.
#[derive(Debug)]
pub struct Taken {
    /// The figures, or why there are none.
    pub figures: Result<Figures>,
    /// The share of the CPU time wanted meanwhile that the machine's host gave to others; `None` where the
    /// kernel does not tell.
    pub stolen: Option<f64>,
}

/// One benchmark.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The workload, so that somebody else can repeat it with another daemon.
    pub workload: &'static str,
    /// What it measures.
    pub measures: &'static [Measure],
    /// False where FRR has nothing to compare.
    pub with_frr: bool,
    /// Does it.
    pub run: fn(&Run) -> Result<Figures>,
}

impl Row {
    /// Does it, and looks how disturbed the machine was.
    pub fn take(&self, run: &Run) -> Taken {
        let before = CpuTime::now();
        let figures = (self.run)(run);
        let stolen = CpuTime::now().zip(before).and_then(|(now, before)| now.stolen_since(before));
        Taken { figures, stolen }
    }

    /// True if the row, or something it measures, has this in its name.
    pub fn is_called(&self, name: &str) -> bool {
        self.name.contains(name) || self.measures.iter().any(|measure| measure.name.contains(name))
    }
}
