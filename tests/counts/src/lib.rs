//! One list of cases serves two measurements: `cargo bench` times them with criterion, and
//! `make counts` runs each once under callgrind, where only `measured` is counted, so that what a
//! change costs is seen without the machine's noise. The cases stand in `benches/` of the packages
//! that own the code; the routes they work on are drawn by `workload`.
//!
//! This package depends on none of Weft's, so that all of them can use it.

pub mod workload;

use criterion::{BatchSize, Criterion, Throughput};
use std::{hint::black_box, process::ExitCode};

/// The work of a case, with the state it needs; gives how many things (routes, moves) were done.
pub type Work = Box<dyn FnMut() -> u64>;

/// One thing that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// `room/what`, as it stands in `accepted.toml`.
    pub name: &'static str,
    /// What is counted by.
    pub unit: &'static str,
    /// Makes the state, which is not measured.
    pub prepare: fn() -> Work,
}

/// What callgrind collects: it is named in the option `--toggle-collect`.
#[inline(never)]
fn measured(work: &mut Work) -> u64 {
    black_box(work())
}

/// The `main` of a benchmark: `--count NAME` runs one case once and prints what it did by what,
/// `--cases` lists them, and everything else is criterion's.
pub fn main(cases: &[Case]) -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some("--cases") => {
            for case in cases {
                println!("{}", case.name);
            }
            ExitCode::SUCCESS
        }
        Some("--count") => {
            let name = arguments.next().unwrap_or_default();
            let Some(case) = cases.iter().find(|case| case.name == name) else {
                eprintln!("no case {name:?}; --cases lists them");
                return ExitCode::FAILURE;
            };
            let mut work = (case.prepare)();
            println!("{} {}", measured(&mut work), case.unit);
            ExitCode::SUCCESS
        }
        _ => {
            time(cases);
            ExitCode::SUCCESS
        }
    }
}

fn time(cases: &[Case]) {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for case in cases {
        let (room, what) = case.name.split_once('/').unwrap_or(("", case.name));
        let mut group = criterion.benchmark_group(room);
        group.throughput(Throughput::Elements((case.prepare)()()));
        group.bench_function(what, |bencher| {
            bencher.iter_batched_ref(case.prepare, |work| work(), BatchSize::PerIteration);
        });
        group.finish();
    }
    criterion.final_summary();
}
