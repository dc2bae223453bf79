//! `weft-counts [accept]`: builds the benchmarks, counts the instructions of each case with callgrind,
//! and compares with `accepted.toml` beside this package; `accept` writes that file anew. `make counts`
//! and `make counts-accept` run it.

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};
use weft_counts::compare::{Accepted, Counts, collected};

/// Packages with a benchmark.
const PACKAGES: [&str; 3] = ["weft-evpn", "weft-fib", "weft-bgpd"];

fn main() -> ExitCode {
    match run(std::env::args().nth(1).as_deref()) {
        Ok(code) => code,
        Err(reason) => {
            eprintln!("weft-counts: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: Option<&str>) -> Result<ExitCode, String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("accepted.toml");
    let accept = match what {
        None => false,
        Some("accept") => true,
        Some(other) => return Err(format!("{other:?} is not known; weft-counts [accept]")),
    };
    let compiler = output(Command::new("rustc").arg("--version"))?.trim().to_owned();
    let mut now = Counts::new();
    for executable in build()? {
        for case in output(Command::new(&executable).arg("--cases"))?.lines() {
            eprintln!("counting {case}");
            now.insert(case.to_owned(), count(&executable, case)?);
        }
    }
    if accept {
        let accepted = Accepted { compiler, counts: now };
        std::fs::write(&file, accepted.render()).map_err(|error| format!("{}: {error}", file.display()))?;
        print!("{}", accepted.render());
        return Ok(ExitCode::SUCCESS);
    }
    let text = match std::fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(|error| format!("{}: {error}", file.display()))?,
    };
    let accepted = Accepted::parse(&text).map_err(|error| format!("{}: {error}", file.display()))?;
    let (table, worse) = accepted.compare(&now);
    print!("{table}");
    if accepted.compiler != compiler {
        match accepted.compiler.as_str() {
            "" => println!("Nothing is accepted yet: make counts-accept"),
            other => println!("Accepted with {other}, counted with {compiler}: not comparable."),
        }
        return Ok(ExitCode::SUCCESS);
    }
    for case in &worse {
        println!("worse: {case}");
    }
    Ok(if worse.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What a program prints, if it succeeds.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Builds the benchmarks; gives the programs.
fn build() -> Result<Vec<PathBuf>, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["bench", "--no-run", "--locked", "--benches", "--message-format", "json"]);
    PACKAGES.iter().for_each(|package| {
        cargo.args(["-p", package]);
    });
    let messages = output(&mut cargo)?;
    let programs = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_bench = message["target"]["kind"].as_array()?.iter().any(|kind| kind == "bench");
        message["executable"].as_str().filter(|_| is_bench).map(PathBuf::from)
    });
    Ok(programs.collect())
}

/// Instructions for one thing of a case.
fn count(executable: &Path, case: &str) -> Result<f64, String> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args([
            "--tool=callgrind",
            "--toggle-collect=*weft_counts*measured*",
            "--callgrind-out-file=/dev/null",
        ])
        .arg(executable)
        .args(["--count", case]);
    let output =
        valgrind.output().map_err(|error| format!("cannot run valgrind: {error}; apt install valgrind"))?;
    let (printed, report) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let things = printed.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    match (things, collected(&report)) {
        (Some(things), Some(instructions)) if things > 0.0 && instructions > 0.0 => Ok(instructions / things),
        _ => Err(format!("{case}: callgrind counted nothing\n{report}")),
    }
}
