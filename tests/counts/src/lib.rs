//! One list of cases serves three ends: `cargo bench` times them with criterion, `make counts` runs
//! each once under callgrind, where only `measured` is counted, so that what a change costs is seen
//! without the machine's noise, and the tests run each once on a small fabric. The cases stand in
//! `benches/` of the packages that own the code; the routes they work on are drawn by `workload`.
//!
//! This package depends on none of Weft's, so that all of them can use it.

pub mod compare;
pub mod workload;

use criterion::{BatchSize, Criterion, Throughput};
use std::{hint::black_box, process::ExitCode};
use workload::Shape;

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
    pub prepare: fn(Shape) -> Work,
}

/// What callgrind collects: `--toggle-collect` names it.
#[inline(never)]
fn measured(work: &mut Work) -> u64 {
    black_box(work())
}

/// The `main` of a benchmark. `--cases` lists the cases, `--count NAME` runs one once and prints what
/// it did by what, `--bench` (which `cargo bench` gives) is criterion's. Without it this is a test:
/// of all cases, or one by its name, listed for nextest by `--list`.
pub fn main(cases: &[Case]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |option: &str| arguments.iter().any(|argument| argument == option);
    match arguments.first().map(String::as_str) {
        Some("--cases") => cases.iter().for_each(|case| println!("{}", case.name)),
        Some("--count") => {
            let name = arguments.get(1).map(String::as_str).unwrap_or_default();
            let Some(case) = cases.iter().find(|case| case.name == name) else {
                eprintln!("no case {name:?}; --cases lists them");
                return ExitCode::FAILURE;
            };
            let mut work = (case.prepare)(Shape::FABRIC);
            println!("{} {}", measured(&mut work), case.unit);
        }
        _ if has("--list") => {
            if !has("--ignored") {
                cases.iter().for_each(|case| println!("{}: test", case.name));
            }
        }
        _ if has("--bench") => time(cases),
        _ => {
            let named = arguments.iter().find(|argument| !argument.starts_with('-'));
            let wanted = cases.iter().filter(|case| named.is_none_or(|name| name == case.name));
            for case in wanted {
                let done = measured(&mut (case.prepare)(Shape::SMALL));
                println!("{}: {done} {}", case.name, case.unit);
            }
        }
    }
    ExitCode::SUCCESS
}

fn time(cases: &[Case]) {
    let mut criterion = Criterion::default().sample_size(10).configure_from_args();
    for case in cases {
        let (room, what) = case.name.split_once('/').unwrap_or(("", case.name));
        let mut group = criterion.benchmark_group(room);
        group.throughput(Throughput::Elements((case.prepare)(Shape::FABRIC)()));
        let prepare = || (case.prepare)(Shape::FABRIC);
        group.bench_function(what, |bencher| {
            bencher.iter_batched_ref(prepare, |work| work(), BatchSize::PerIteration);
        });
        group.finish();
    }
    criterion.final_summary();
}
