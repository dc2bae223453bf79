//! A daemon in a namespace: started by us, known by its process id, and killed by it.

use crate::error::{LabError, Result};
use crate::netns::Namespace;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// How long a daemon may take to end after SIGTERM before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    what: String,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program inside a namespace; both its outputs are appended to `log`.
    /// `ip netns exec` becomes the program, so the child's process id is the daemon's.
    pub fn start<S: AsRef<std::ffi::OsStr>>(
        namespace: &Namespace,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
        environment: &[(String, String)],
        log: &Path,
    ) -> Result<Self> {
        use std::os::unix::process::CommandExt;
        let open = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(log)
                .map_err(LabError::io(format!("open {}", log.display())))
        };
        let what = format!("{program} in {}", namespace.name());
        let child = namespace
            .command(program)
            .args(arguments)
            .envs(environment.iter().map(|(key, value)| (key, value)))
            // Not in our group: Ctrl-C stops the lab, which then stops its daemons in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(open()?)
            .stderr(open()?)
            .spawn()
            .map_err(LabError::io(format!("start {what}")))?;
        Ok(Self { child, what, log: log.to_owned() })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.child.id())
            .map_err(|_| LabError::Unexpected("a process id past 2^31".into()))?;
        kill(Pid::from_raw(pid), signal).map_err(LabError::errno(format!("{signal} to {}", self.what)))
    }

    /// False once it has ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// How it has ended, in a few words, if it has. Whoever waits for it later still can.
    pub fn ended(&self) -> Option<String> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).ok()?);
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let how = match waitid(Id::Pid(pid), look).ok()? {
            WaitStatus::Exited(_, code) => format!("has ended with status {code}"),
            WaitStatus::Signaled(_, signal, _) => format!("was ended by {signal}"),
            _ => return None,
        };
        let program = self.what.split(' ').next().and_then(|path| path.rsplit('/').next());
        Some(format!("{} {how}", program.unwrap_or_default()))
    }

    /// Waits until it ends by itself; gives its exit code (`None`: by a signal).
    pub fn wait(&mut self, limit: Duration) -> Result<Option<i32>> {
        let what = format!("{} to end", self.what);
        let ((), _) = crate::wait::wait_for(&what, limit, || {
            Ok(if self.is_running() { Err(String::new()) } else { Ok(()) })
        })?;
        self.child.wait().map(|status| status.code()).map_err(LabError::io(format!("wait for {}", self.what)))
    }

    /// Kills it at once (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end (SIGTERM) and waits for it; kills it if it does not.
    pub fn stop(&mut self) {
        let start = Instant::now();
        if self.signal(Signal::SIGTERM).is_ok() {
            while self.is_running() && start.elapsed() < STOP_LIMIT {
                std::thread::sleep(crate::wait::POLL);
            }
        }
        self.kill();
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        all.iter().skip(all.len().saturating_sub(lines)).map(|line| format!("{line}\n")).collect()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
