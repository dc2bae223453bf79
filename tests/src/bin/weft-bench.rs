//! `make bench`: runs the rows of `weft_tests::bench`, Weft beside FRR, and prints what was done, both figures,
//! their ratio, the target, and whether it is met.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use weft_tests::bench::rows::ROWS;
use weft_tests::bench::{Figures, Row, Run, growth, table};
use weft_tests::speaker::Kind;
use weft_tests::{LabError, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    Weft,
    Frr,
    Both,
}

/// Benchmarks: Weft and FRR under the same load, beside the budget.
#[derive(Debug, Parser)]
#[command(name = "weft-bench", version)]
struct Options {
    /// Only rows that have this in their name or in that of something they measure
    #[arg(default_value = "")]
    row: String,
    /// Whose figures to take
    #[arg(long, default_value = "both")]
    who: Who,
    /// A hundredth of the work: does the benchmark work? Its figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Print the rows and their workloads, run nothing
    #[arg(long)]
    list: bool,
    /// Reflect and withdraw at 10,000, 100,000 and 1,000,000 routes, for each route; no rows
    #[arg(long)]
    growth: bool,
    /// Where `--growth` writes growth.svg and growth.json
    #[arg(long, value_name = "FOLDER", default_value = "doc")]
    plot: PathBuf,
    /// What is random, is drawn by this
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The longest that FRR may take for one phase, in seconds; Weft has twice as long
    #[arg(long, value_name = "S", default_value_t = 60)]
    limit: u64,
    /// Write the lines as JSON to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = if options.growth { growth(&options) } else { rows(&options) };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("weft-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options, kind: Kind) -> Run {
    let factor = if kind == Kind::Weft { 2 } else { 1 };
    let limit = Duration::from_secs(options.limit * factor);
    Run { kind, quick: options.quick, seed: options.seed, limit }
}

fn kinds(options: &Options) -> &'static [Kind] {
    match options.who {
        Who::Weft => &[Kind::Weft],
        Who::Frr => &[Kind::Frr],
        Who::Both => &[Kind::Frr, Kind::Weft],
    }
}

/// False if a target was not met, or a row failed.
fn rows(options: &Options) -> Result<bool> {
    let chosen: Vec<&Row> = ROWS.iter().filter(|row| row.is_called(&options.row)).collect();
    if chosen.is_empty() {
        return Err(LabError::Unexpected(format!("no row is called '{}'; --list has them", options.row)));
    }
    if options.list {
        for row in chosen {
            println!("{}\n  {}", row.name, row.workload);
        }
        return Ok(true);
    }
    print!("{}", table::head());
    let (mut all, mut good) = (Vec::new(), true);
    for row in chosen {
        println!("{}: {}", row.name, row.workload);
        let mut measured = |kind| -> Option<Figures> {
            if !kinds(options).contains(&kind) || (kind == Kind::Frr && !row.with_frr) {
                return None;
            }
            (row.run)(&run(options, kind))
                .inspect_err(|error| {
                    println!("  {kind} failed: {error}");
                    good &= kind != Kind::Weft;
                })
                .ok()
        };
        let frr = measured(Kind::Frr);
        let weft = measured(Kind::Weft);
        for mut line in table::lines(row, weft.as_ref(), frr.as_ref()) {
            // A hundredth of the load meets no target.
            line.met = line.met.filter(|_| !options.quick);
            print!("{}", table::text(&line, options.limit as f64));
            good &= line.met != Some(false);
            all.push(line);
        }
    }
    if let Some(file) = &options.json {
        write(file, &serde_json::to_string_pretty(&all).unwrap_or_default())?;
    }
    Ok(good)
}

fn growth(options: &Options) -> Result<bool> {
    let mut points = Vec::new();
    for kind in kinds(options) {
        points.extend(growth::measure(&run(options, *kind))?);
    }
    print!("{}", growth::table(&points));
    std::fs::create_dir_all(&options.plot)
        .map_err(LabError::io(format!("make {}", options.plot.display())))?;
    write(&options.plot.join("growth.json"), &serde_json::to_string_pretty(&points).unwrap_or_default())?;
    write(&options.plot.join("growth.svg"), &growth::svg(&points))?;
    Ok(true)
}

fn write(file: &std::path::Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(LabError::io(format!("write {}", file.display())))
}
