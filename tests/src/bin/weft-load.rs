//! `weft-load`: loads a BGP EVPN speaker with routes and tells how long it takes. The work is in
//! `weft_tests::load`; here are the command line and the order of things.

use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use weft_tests::load::group::{Group, Target};
use weft_tests::load::options::Options;
use weft_tests::load::plan::Plan;
use weft_tests::load::report::{Report, heading, text};
use weft_tests::load::run::Runner;
use weft_tests::load::session::Identity;
use weft_tests::load::start::{Reflector, reflector_config};
use weft_tests::load::{LoadError, Result};

/// How long it may take until all sessions are established.
const ESTABLISH: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match load(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(2),
        Err(error) => {
            eprintln!("weft-load: {error}");
            ExitCode::FAILURE
        }
    }
}

/// False if a phase did not end within its limit.
fn load(options: &Options) -> Result<bool> {
    let shape = options.shape()?;
    let (senders, sinks) = (options.sender_addresses()?, options.sink_addresses()?);
    let config = reflector_config(options.asn, &senders, &sinks);
    if options.print_config {
        print!("{config}");
        return Ok(true);
    }
    if let Some(name) = &options.netns {
        enter(name)?;
    }
    let started = match &options.start {
        Some(path) => Some(Reflector::start(&weftd(path)?, &config)?),
        None => None,
    };
    let remote = options.to.or(started.as_ref().map(Reflector::address)).ok_or(LoadError::Option {
        option: "--to",
        value: String::new(),
        reason: "is needed".into(),
    })?;
    let target =
        Target { remote, identity: Identity { asn: options.asn, hold: options.hold }, limit: ESTABLISH };
    let pids = options.pid.iter().copied().chain(started.as_ref().map(Reflector::pid)).collect();
    let workload = heading(&shape, senders.len(), sinks.len());
    let plan = Plan::new(shape.clone());
    let mut report = Report {
        workload: workload.trim_end().to_owned(),
        shape,
        senders: senders.len(),
        sinks: sinks.len(),
        phases: Vec::new(),
    };
    let sinks = Group::open(&sinks, target.clone())?;
    let senders = Group::open(&senders, target)?;
    let mut runner = Runner::new(plan, senders, sinks, pids, Duration::from_secs(options.limit));
    if !options.json {
        print!("{workload}");
    }
    for phase in &options.phases {
        for outcome in runner.run(*phase)? {
            if !options.json {
                print!("{}", text(&outcome));
            }
            report.phases.push(outcome);
        }
    }
    if options.json {
        println!("{}", report.json());
    }
    Ok(report.phases.iter().all(|outcome| outcome.seconds.is_some()))
}

/// The daemon to start: the path given, or for a name alone the program beside this one.
fn weftd(path: &Path) -> Result<PathBuf> {
    if path.components().count() > 1 {
        return Ok(path.to_owned());
    }
    let own = std::env::current_exe().map_err(LoadError::io("find this program"))?;
    Ok(own.with_file_name(path))
}

/// Enters a network namespace; all sockets and the daemon started are in it.
fn enter(name: &str) -> Result<()> {
    let path = Path::new("/run/netns").join(name);
    let file = std::fs::File::open(&path).map_err(LoadError::io(format!("open {}", path.display())))?;
    nix::sched::setns(&file, nix::sched::CloneFlags::CLONE_NEWNET)
        .map_err(|error| LoadError::io(format!("enter {}", path.display()))(error.into()))
}
