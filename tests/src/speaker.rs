//! A BGP EVPN speaker in a namespace: Weft, or FRR (zebra and bgpd) from the same
//! configuration text. Scenarios take the kind as an argument, so FRR can stand in Weft's
//! place for a comparison, or beside it for interop.

use crate::error::{LabError, Result, ensure};
use crate::netns::Namespace;
use crate::owner;
use crate::process::Daemon;
use crate::wait::wait_until;
use nix::sys::signal::Signal;
use serde_json::Value;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How long a daemon may take until it answers its management socket.
const START_LIMIT: Duration = Duration::from_secs(10);

/// Which software speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// This project.
    Weft,
    /// FRR, as Debian packages it.
    Frr,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weft => "Weft",
            Self::Frr => "FRR",
        })
    }
}

/// A speaker with its files. Dropping it kills the daemons and removes the files.
#[derive(Debug)]
pub struct Speaker {
    daemons: Vec<Daemon>,
    kind: Kind,
    namespace: Arc<Namespace>,
    state: PathBuf,
    /// Words added to the daemon's command line (Weft only).
    arguments: Vec<String>,
    /// Lines of zebra's configuration (FRR only; Weft reads one file).
    zebra_lines: String,
    /// VRFs that are network namespaces (FRR only).
    vrf_namespaces: Vec<(String, Arc<Namespace>)>,
}

impl Speaker {
    /// Writes the configuration and starts the daemon(s) without waiting for anything but
    /// what the next daemon needs.
    pub fn start(kind: Kind, namespace: &Arc<Namespace>, config: &str) -> Result<Self> {
        let mut speaker = Self::prepare(kind, namespace, config)?;
        speaker.launch()?;
        Ok(speaker)
    }

    /// Writes the configuration; starts nothing.
    pub fn prepare(kind: Kind, namespace: &Arc<Namespace>, config: &str) -> Result<Self> {
        let state = owner::make_state_dir(namespace.name())?;
        let speaker = Self {
            daemons: Vec::new(),
            kind,
            namespace: Arc::clone(namespace),
            state,
            arguments: Vec::new(),
            zebra_lines: String::new(),
            vrf_namespaces: Vec::new(),
        };
        speaker.configure(config)?;
        Ok(speaker)
    }

    /// Adds words to the command line of `weftd` for the next launch.
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&word| word.to_owned()));
        self
    }

    /// Adds lines to zebra's configuration, which has the L3VNIs (FRR only).
    pub fn with_zebra_lines(mut self, lines: &str) -> Self {
        self.zebra_lines += lines;
        self
    }

    /// Makes a network namespace the VRF of this name (FRR only).
    pub fn with_vrf_namespace(mut self, name: &str, namespace: Arc<Namespace>) -> Self {
        self.vrf_namespaces.push((name.to_owned(), namespace));
        self
    }

    /// Writes another configuration; it takes effect at the next launch or reload.
    pub fn configure(&self, config: &str) -> Result<()> {
        let file = self.config_file();
        std::fs::write(&file, config).map_err(LabError::io(format!("write {}", file.display())))
    }

    /// Writes another configuration and lets Weft read it (SIGHUP).
    pub fn reload(&self, config: &str) -> Result<()> {
        self.configure(config)?;
        self.signal(Signal::SIGHUP)
    }

    /// The configuration as it stands in the file.
    pub fn config_text(&self) -> Result<String> {
        let file = self.config_file();
        std::fs::read_to_string(&file).map_err(LabError::io(format!("read {}", file.display())))
    }

    /// Which software it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The namespace it runs in.
    pub fn namespace(&self) -> &Arc<Namespace> {
        &self.namespace
    }

    /// The process that owns BGP.
    pub fn daemon(&mut self) -> Result<&mut Daemon> {
        self.daemons.last_mut().ok_or_else(|| LabError::Unexpected(format!("{} is not running", self.kind)))
    }

    /// The process ids of all its daemons.
    pub fn pids(&self) -> Vec<u32> {
        self.daemons.iter().map(Daemon::pid).collect()
    }

    /// Path of the configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.state.join("speaker.conf")
    }

    /// Path of Weft's management socket.
    pub fn socket(&self) -> PathBuf {
        self.state.join("weft.sock")
    }

    /// Starts the daemon(s).
    pub fn launch(&mut self) -> Result<()> {
        match self.kind {
            Kind::Weft => self.launch_weft(),
            Kind::Frr => self.launch_frr(),
        }
    }

    fn launch_weft(&mut self) -> Result<()> {
        let log = self.state.join("weftd.log");
        let mut arguments = vec![
            "-f".into(),
            self.config_file().display().to_string(),
            "--socket".into(),
            self.socket().display().to_string(),
        ];
        arguments.extend(self.arguments.iter().cloned());
        let level = std::env::var("WEFT_LAB_LOG").unwrap_or_else(|_| "info".into());
        let environment = [("RUST_LOG".to_owned(), level), ("RUST_BACKTRACE".to_owned(), "1".to_owned())];
        let program = weft_binary("weftd")?.display().to_string();
        self.daemons.push(Daemon::start(&self.namespace, &program, arguments, &environment, &log)?);
        Ok(())
    }

    fn launch_frr(&mut self) -> Result<()> {
        let name = self.namespace.name();
        let run = owner::make_frr_dir(name)?;
        let zebra = self.state.join("zebra.conf");
        std::fs::write(&zebra, format!("hostname {name}\n{}", self.zebra_lines))
            .map_err(LabError::io("write zebra.conf"))?;
        std::fs::write(self.state.join("vtysh.conf"), "").map_err(LabError::io("write vtysh.conf"))?;
        // FRR's daemons drop root and want to own their folder.
        for path in [&run, &self.state] {
            crate::netns::output("chown", ["-R".as_ref(), "frr:frr".as_ref(), path.as_os_str()])?;
        }
        let zserv = run.join("zserv.api");
        // A socket of a killed zebra is not one that a bgpd can use.
        let _ = std::fs::remove_file(&zserv);
        self.launch_frr_daemon("zebra", &zebra, &run)?;
        wait_until("zebra's socket", START_LIMIT, || Ok(zserv.exists()))?;
        self.launch_frr_daemon("bgpd", &self.config_file(), &run)
    }

    fn launch_frr_daemon(&mut self, daemon: &str, config: &Path, run: &Path) -> Result<()> {
        let pid = run.join(format!("{daemon}.pid"));
        let _ = std::fs::remove_file(&pid);
        let mut arguments: Vec<OsString> = vec![
            format!("/usr/lib/frr/{daemon}").into(),
            "-N".into(),
            self.namespace.name().into(),
            "-f".into(),
            config.into(),
            "-i".into(),
            pid.into(),
            "-P".into(),
            "0".into(),
        ];
        if daemon == "zebra" {
            // Debian's /etc/frr/daemons gives it this receive buffer. A zebra whose netlink socket overruns ends.
            arguments.extend(["-s".into(), "90000000".into()]);
        }
        if !self.vrf_namespaces.is_empty() {
            if daemon == "zebra" {
                arguments.push("-n".into());
            }
            // zebra reads all of /run/netns: it gets one that holds its VRFs only. The mounts are
            // in the private mount namespace that `ip netns exec` makes.
            let opened: String = (self.vrf_namespaces.iter().enumerate())
                .map(|(index, (_, room))| format!("exec {}<\"/run/netns/{}\"; ", index + 3, room.name()))
                .collect();
            let bound: String = (self.vrf_namespaces.iter().enumerate())
                .map(|(index, (name, _))| {
                    let file = index + 3;
                    format!(": > /run/netns/{name}; mount --bind /proc/self/fd/{file} /run/netns/{name}; exec {file}<&-; ")
                })
                .collect();
            let script = format!("{opened}mount -t tmpfs t /run/netns && {bound}exec \"$@\"");
            arguments.splice(0..0, ["sh".into(), "-c".into(), script.into(), "sh".into()]);
        }
        let log = self.state.join(format!("{daemon}.log"));
        let (program, arguments) = arguments
            .split_first()
            .ok_or_else(|| LabError::Unexpected("a daemon without a command".into()))?;
        let program = program.to_string_lossy().into_owned();
        self.daemons.push(Daemon::start(&self.namespace, &program, arguments, &[], &log)?);
        Ok(())
    }

    /// Kills all its processes at once, as `kill -9` does.
    pub fn kill(&mut self) {
        for daemon in &self.daemons {
            let _ = daemon.signal(Signal::SIGKILL);
        }
        self.daemons.clear();
    }

    /// Ends its processes by SIGTERM, last started first.
    pub fn stop(&mut self) {
        while let Some(mut daemon) = self.daemons.pop() {
            daemon.stop();
        }
    }

    /// Sends a signal to all its processes.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.daemons.iter().try_for_each(|daemon| daemon.signal(signal))
    }

    /// False when one of its processes has ended.
    pub fn is_running(&mut self) -> bool {
        !self.daemons.is_empty() && self.daemons.iter_mut().all(Daemon::is_running)
    }

    /// Which of its processes have ended, and how, in a few words; nothing if all run.
    pub fn ended(&self) -> Option<String> {
        let ended: Vec<String> = self.daemons.iter().filter_map(Daemon::ended).collect();
        (!ended.is_empty()).then(|| ended.join(", "))
    }

    /// Runs one command of the operator's shell; returns what it printed.
    pub fn command(&self, line: &str) -> Result<String> {
        match self.kind {
            Kind::Weft => crate::mgmt::exec(&self.socket(), line),
            Kind::Frr => {
                let run = Path::new("/run/frr").join(self.namespace.name());
                self.namespace.run(
                    "vtysh",
                    [
                        "--vty_socket".as_ref(),
                        run.as_os_str(),
                        "--config_dir".as_ref(),
                        self.state.as_os_str(),
                        "-c".as_ref(),
                        line.as_ref(),
                    ],
                )
            }
        }
    }

    /// Runs a show command that answers JSON (the word `json` is part of `line`).
    pub fn json(&self, line: &str) -> Result<Value> {
        let text = self.command(line)?;
        serde_json::from_str(&text)
            .map_err(|reason| LabError::parse(format!("answer to '{line}'"), &text, reason))
    }

    /// How many EVPN neighbours are established.
    pub fn established(&self) -> Result<usize> {
        Ok(count_established(&self.json("show bgp l2vpn evpn summary json")?))
    }

    /// Waits until so many EVPN neighbours are established.
    pub fn wait_established(&self, count: usize, limit: Duration) -> Result<Duration> {
        let what = format!("{count} established sessions at {}", self.namespace.name());
        wait_until(&what, limit, || Ok(self.established()? >= count)).map_err(|error| self.explain(error))
    }

    /// The files of its logs.
    pub fn log_files(&self) -> Vec<PathBuf> {
        self.daemons.iter().map(|daemon| daemon.log().to_owned()).collect()
    }

    /// The last lines of its logs.
    pub fn logs(&self) -> String {
        self.daemons.iter().map(|daemon| daemon.log_tail(15)).collect()
    }

    /// All that it has said since it was started last, and what is left of before.
    pub fn whole_log(&self) -> String {
        self.daemons.iter().map(|daemon| daemon.log_tail(usize::MAX)).collect()
    }

    fn explain(&self, error: LabError) -> LabError {
        LabError::Unexpected(format!("{error}\n{}", self.logs()))
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.kill();
        if std::env::var_os("WEFT_LAB_KEEP").is_none() {
            owner::remove_state_dir(&self.state);
        }
        owner::remove_state_dir(&Path::new("/run/frr").join(self.namespace.name()));
    }
}

/// Counts neighbours in a summary's JSON: objects below `peers` with the state `Established`.
fn count_established(summary: &Value) -> usize {
    let Some(fields) = summary.as_object() else { return 0 };
    let here = fields
        .get("peers")
        .and_then(Value::as_object)
        .map_or(0, |peers| peers.values().filter(|peer| peer["state"] == "Established").count());
    here + fields
        .iter()
        .filter(|(key, _)| *key != "peers")
        .map(|(_, value)| count_established(value))
        .sum::<usize>()
}

/// Runs `weftd --check` on a text; gives the exit status and what it printed.
pub fn check_config(text: &str) -> Result<(bool, String)> {
    let prefix = owner::lab_prefix()?;
    let dir = owner::make_state_dir(&format!("{prefix}-check"))?;
    let file = dir.join("checked.conf");
    std::fs::write(&file, text).map_err(LabError::io(format!("write {}", file.display())))?;
    let done = Command::new(weft_binary("weftd")?)
        .args(["--check", "-f"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .map_err(LabError::io("start weftd --check"));
    owner::remove_state_dir(&dir);
    let done = done?;
    let printed = [done.stdout, done.stderr].concat();
    Ok((done.status.success(), String::from_utf8_lossy(&printed).into_owned()))
}

/// The path of `weftd` or `weft`: in `WEFT_BIN_DIR`, or else built by cargo, once a process,
/// so that a lab never runs a stale daemon.
pub fn weft_binary(name: &str) -> Result<PathBuf> {
    static DIR: OnceLock<std::result::Result<PathBuf, String>> = OnceLock::new();
    let dir = DIR.get_or_init(|| match std::env::var_os("WEFT_BIN_DIR") {
        // Absolute: `ip netns exec` keeps the folder, but state and cargo have others.
        Some(dir) => std::path::absolute(dir).map_err(|error| error.to_string()),
        None => build().map_err(|error| error.to_string()),
    });
    let path = dir.as_ref().map_err(|error| LabError::Unexpected(error.clone()))?.join(name);
    ensure(path.exists(), || format!("no {}; run 'make build' or set WEFT_BIN_DIR", path.display()))?;
    Ok(path)
}

fn build() -> Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml");
    let release = !cfg!(debug_assertions);
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--bin", "weftd", "--bin", "weft", "--manifest-path"]).arg(&manifest);
    if release {
        command.arg("--release");
    }
    let status = command.status().map_err(LabError::io("start cargo build"))?;
    ensure(status.success(), || "cargo build of weftd and weft failed".into())?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn established_neighbours_are_counted_in_both_forms_of_the_summary() {
        let peers = serde_json::json!({"routerId": "1.1.1.1", "peers": {
            "10.0.0.1": {"state": "Established"}, "10.0.0.2": {"state": "Active"}}});
        assert_eq!(count_established(&peers), 1);
        assert_eq!(count_established(&serde_json::json!({ "l2VpnEvpn": peers })), 1);
    }
}
