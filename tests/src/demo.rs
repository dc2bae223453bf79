//! What the demos share: titles, the output of commands, and a frame that shows the daemons'
//! last words when something fails.

use crate::clab::{self, Lab, Node};
use crate::error::{LabError, Result};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long anything in a demo may take.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Deploys a topology, shows it, removes it, and says if something failed.
pub fn run(topology: &Path, show: impl FnOnce(&Lab, Instant) -> Result<()>) -> ExitCode {
    match deploy_and_show(topology, show) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe demo failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn deploy_and_show(topology: &Path, show: impl FnOnce(&Lab, Instant) -> Result<()>) -> Result<()> {
    let start = Instant::now();
    let lab = clab::deploy(topology)?;
    let result = show(&lab, start);
    if result.is_err() {
        for (name, node) in &lab.nodes {
            let log = node.log_tail(10);
            if !log.is_empty() {
                eprintln!("\nlast lines of {name}:\n{log}");
            }
        }
    }
    title("Clean-up");
    drop(lab);
    println!("  namespaces, devices, daemons and files are gone");
    result
}

/// Prints a headline.
pub fn title(text: &str) {
    println!("\n\x1b[1m== {text}\x1b[0m");
}

/// Prints a command of Weft's shell and its answer.
pub fn weft(node: &Node, command: &str) -> Result<()> {
    println!("\n  weft -c '{command}'");
    indent(&node.weft(command)?);
    Ok(())
}

/// Prints text, each line under the last headline.
pub fn indent(text: &str) {
    text.lines().for_each(|line| println!("    {line}"));
}

/// Reads an address.
pub fn address(text: &str) -> Result<IpAddr> {
    text.parse().map_err(|reason| LabError::parse("address", text, reason))
}

/// Keeps the lab until Enter is pressed.
pub fn keep(lab: &Lab) -> Result<()> {
    title("The lab stays until you press Enter");
    for (name, node) in &lab.nodes {
        println!("  {name}: ip netns exec {} bash", node.ns.name());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map(drop).map_err(LabError::io("read standard input"))
}
