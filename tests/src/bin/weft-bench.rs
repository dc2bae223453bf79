//! `make bench`: runs the rows of `weft_tests::bench`, Weft beside FRR, and prints what was done, both figures,
//! their ratio, the target, and whether it is met.

use clap::{Parser, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use weft_tests::bench::growth::{self, CASES, Case};
use weft_tests::bench::rows::ROWS;
use weft_tests::bench::tries::{self, Again};
use weft_tests::bench::{Row, Run, Taken, table};
use weft_tests::speaker::Kind;
use weft_tests::{LabError, Result};

const EXIT: &str = "\
Exit status: 0 if Weft meets every target of the rows that were run, 1 if it misses one, 2 if a row failed with one of
the daemons (its reason stands in the table, its log in the JSON) or the command line is wrong. A row that
failed with FRR is tried once more, and so is, twice at most, one that missed a target while more than 5 % of the CPU
time was stolen. With --growth: 1 if a part of Weft's work is not linear.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Who {
    Weft,
    Frr,
    Both,
}

/// Benchmarks: Weft and FRR under the same load, beside the budget.
#[derive(Debug, Parser)]
#[command(name = "weft-bench", version, after_help = EXIT)]
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
    /// The rows' work at 10,000, 100,000 and 1,000,000 routes (the kernel's up to 500,000), for each route
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

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Met,
    NotMet,
    Failed,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = if options.growth { growth(&options) } else { rows(&options) };
    match done {
        Ok(Verdict::Met) => ExitCode::SUCCESS,
        Ok(Verdict::NotMet) => ExitCode::from(1),
        Ok(Verdict::Failed) => ExitCode::from(2),
        Err(error) => {
            eprintln!("weft-bench: {error}");
            ExitCode::from(2)
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

/// What `--json` writes.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// What was measured.
    lines: Vec<table::Line>,
    /// Weft's figures that were not judged, since the machine was not quiet; the row was taken once more.
    disturbed: Vec<table::Line>,
    /// What failed.
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    row: &'static str,
    daemon: String,
    /// All that is known of it, the last lines of the daemon's log included.
    reason: String,
    /// The row was tried once more.
    tried_again: bool,
}

fn rows(options: &Options) -> Result<Verdict> {
    let chosen: Vec<&Row> = ROWS.iter().filter(|row| row.is_called(&options.row)).collect();
    if chosen.is_empty() {
        return Err(LabError::Unexpected(format!("no row is called '{}'; --list has them", options.row)));
    }
    if options.list {
        for row in chosen {
            print!("{}", table::title(row));
        }
        return Ok(Verdict::Met);
    }
    print!("{}", table::head());
    let limits = [Kind::Frr, Kind::Weft].map(|kind| run(options, kind).limit.as_secs_f64());
    let (mut report, mut verdict) = (Report::default(), Verdict::Met);
    for row in chosen {
        print!("{}", table::title(row));
        let mut taken = |kind| -> Option<Taken> {
            let wanted = kinds(options).contains(&kind) && (kind == Kind::Weft || row.with_frr);
            wanted.then(|| take(row, &run(options, kind), &mut report))
        };
        let frr = taken(Kind::Frr);
        let weft = taken(Kind::Weft);
        for mut line in table::lines(row, weft.as_ref(), frr.as_ref()) {
            // A hundredth of the load meets no target.
            line.met = line.met.filter(|_| !options.quick);
            print!("{}", table::text(&line, limits));
            if line.met == Some(false) {
                verdict = Verdict::NotMet;
            }
            report.lines.push(line);
        }
    }
    print!("{}", table::legend());
    if let Some(file) = &options.json {
        write(file, &serde_json::to_string_pretty(&report).unwrap_or_default())?;
    }
    let failed = report.failures.iter().any(|failure| !failure.tried_again);
    Ok(if failed { Verdict::Failed } else { verdict })
}

/// Takes a row, once more where that is called for. Every try is told.
fn take(row: &Row, run: &Run, report: &mut Report) -> Taken {
    let daemon = run.kind.to_string();
    let mut tries = 0;
    loop {
        let taken = row.take(run);
        tries += 1;
        // A hundredth of the load meets no target.
        let again = if run.quick { None } else { tries::again(row, run.kind, &taken, tries) };
        if let Err(error) = &taken.figures {
            let reason = error.to_string();
            print!("{}", table::failure(&daemon, &reason));
            let daemon = daemon.clone();
            report.failures.push(Failure { row: row.name, daemon, reason, tried_again: again.is_some() });
        }
        match again {
            None => return taken,
            Some(Again::Failed) => {}
            Some(Again::Disturbed(stolen)) => {
                let lines = table::lines(row, Some(&taken), None);
                print!("{}", table::disturbed(&lines, stolen));
                report.disturbed.extend(lines);
            }
        }
    }
}

/// What `growth.json` has.
#[derive(Debug, Serialize)]
struct Growth {
    rule: &'static str,
    points: Vec<growth::Point>,
    verdicts: Vec<growth::Verdict>,
    failures: Vec<Failure>,
}

fn growth(options: &Options) -> Result<Verdict> {
    let chosen: Vec<&Case> = CASES.iter().filter(|case| case.is_called(&options.row)).collect();
    if chosen.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        let names = names.join(", ");
        return Err(LabError::Unexpected(format!("no case is called '{}'; there are {names}", options.row)));
    }
    let mut growth =
        Growth { rule: growth::RULE, points: Vec::new(), verdicts: Vec::new(), failures: Vec::new() };
    for case in chosen {
        print!("{}", case.head());
        for &kind in kinds(options).iter().filter(|kind| case.with_frr || **kind == Kind::Weft) {
            let mut points = Vec::new();
            let done = case.measure(&run(options, kind), |point| {
                print!("{}", growth::text(&point));
                points.push(point);
            });
            let daemon = kind.to_string();
            let verdicts = case.verdicts(&points);
            print!("{}", case.conclusion(&daemon, &verdicts));
            if let Err(error) = done {
                let reason = error.to_string();
                print!("{}", table::failure(&daemon, &reason));
                growth.failures.push(Failure { row: case.name, daemon, reason, tried_again: false });
            }
            growth.points.extend(points);
            growth.verdicts.extend(verdicts);
        }
    }
    print!("{}", table::wrapped("", growth::RULE));
    std::fs::create_dir_all(&options.plot)
        .map_err(LabError::io(format!("make {}", options.plot.display())))?;
    write(&options.plot.join("growth.json"), &serde_json::to_string_pretty(&growth).unwrap_or_default())?;
    write(&options.plot.join("growth.svg"), &growth::svg(&growth.points))?;
    let weft = Kind::Weft.to_string();
    let more = growth.verdicts.iter().any(|one| one.daemon == weft && !one.linear);
    Ok(match (growth.failures.is_empty(), more && !options.quick) {
        (false, _) => Verdict::Failed,
        (true, true) => Verdict::NotMet,
        (true, false) => Verdict::Met,
    })
}

fn write(file: &std::path::Path, text: &str) -> Result<()> {
    std::fs::write(file, text).map_err(LabError::io(format!("write {}", file.display())))
}
