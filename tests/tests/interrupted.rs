//! A lab that is ended from outside leaves nothing behind.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::process::{Command, Stdio};
use std::time::Duration;
use weft_tests::wait::wait_until;
use weft_tests::{LabError, Result};

fn left(pid: u32) -> Vec<String> {
    let prefix = format!("weft{pid}-");
    ["/run/netns", "/run/weft-labs", "/run/frr"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.starts_with(&prefix))
        .collect()
}

fn leaves_nothing(demo: &str, signal: Signal) -> Result<()> {
    let mut demo = Command::new(demo)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(LabError::io("start the demo"))?;
    let pid = demo.id();
    // Six nodes or more; in the middle of it, with commands under way.
    wait_until("half of the demo's nodes", Duration::from_secs(20), || Ok(left(pid).len() >= 6))?;
    kill(Pid::from_raw(pid as i32), signal).map_err(LabError::errno("end the demo"))?;
    demo.wait().map_err(LabError::io("wait for the demo"))?;
    wait_until("nothing to be left", Duration::from_secs(20), || Ok(left(pid).is_empty()))?;
    Ok(())
}

#[test]
fn by_sigterm() -> Result<()> {
    leaves_nothing(env!("CARGO_BIN_EXE_weft-demo"), Signal::SIGTERM)
}

#[test]
fn by_sigkill() -> Result<()> {
    leaves_nothing(env!("CARGO_BIN_EXE_weft-demo"), Signal::SIGKILL)
}

#[test]
fn the_sites_by_sigint() -> Result<()> {
    leaves_nothing(env!("CARGO_BIN_EXE_weft-demo-sites"), Signal::SIGINT)
}
