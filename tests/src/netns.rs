//! Network namespaces, the links between them, and what runs inside: commands, threads.
//!
//! A `Namespace` is a guard: dropping it kills what still runs in it and deletes it, and the
//! veth links go with it. Commands go through `ip netns exec`, so they see a `/sys` of their
//! namespace, as in a container.

use crate::error::{LabError, Result};
use nix::sched::{CloneFlags, setns};
use std::ffi::OsStr;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;

/// A network namespace that exists as long as this value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace, with its loopback up.
    pub fn create(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        output("ip", ["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The name that `ip netns` shows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip -n NAMESPACE` with the words of `line`; returns what it printed.
    pub fn ip(&self, line: &str) -> Result<String> {
        output("ip", ["-n", &self.name].into_iter().chain(line.split_whitespace()))
    }

    /// Runs `bridge -n NAMESPACE` with the words of `line`; returns what it printed.
    pub fn bridge(&self, line: &str) -> Result<String> {
        output("bridge", ["-n", &self.name].into_iter().chain(line.split_whitespace()))
    }

    /// Runs many `ip` lines in one process, in order; stops at the first that fails.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        self.batch("ip", lines)
    }

    /// Runs many `bridge` lines in one process, in order; stops at the first that fails.
    pub fn bridge_batch(&self, lines: &str) -> Result<()> {
        self.batch("bridge", lines)
    }

    fn batch(&self, program: &str, lines: &str) -> Result<()> {
        use std::io::Write;
        let mut child = Command::new(program)
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(LabError::io(format!("start {program} -batch")))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that stopped at a bad line closes the pipe; its message comes below.
            let _ = stdin.write_all(lines.as_bytes());
        }
        let done = child.wait_with_output().map_err(LabError::io(format!("wait for {program} -batch")))?;
        checked(&format!("{program} -n {} -batch:\n{lines}", self.name), &done).map(|_| ())
    }

    /// Runs a program inside; returns its standard output. A non-zero status is an error.
    pub fn run<S: AsRef<OsStr>>(
        &self,
        program: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<String> {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::null());
        let shown = format!("{command:?}");
        checked(&shown, &command.output().map_err(LabError::io(format!("start {shown}")))?)
    }

    /// Runs a shell line inside; returns its standard output.
    pub fn shell(&self, line: &str) -> Result<String> {
        self.run("sh", ["-c", line])
    }

    /// A command that will run inside, to be finished and started by the caller.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]);
        command
    }

    /// Starts a thread whose sockets belong to this namespace. The thread is its own: it
    /// ends with the closure and its namespace with it.
    pub fn thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let path = format!("/run/netns/{}", self.name);
        let file = std::fs::File::open(&path).map_err(LabError::io(format!("open {path}")))?;
        std::thread::Builder::new()
            .name(self.name.clone())
            .spawn(move || {
                setns(&file, CloneFlags::CLONE_NEWNET).map_err(LabError::errno(format!("enter {path}")))?;
                work()
            })
            .map_err(LabError::io("start a thread"))
    }

    /// Runs a closure in a thread of this namespace and waits for it.
    pub fn enter<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        join(self.thread(work)?)
    }

    /// Writes a sysctl of this namespace, given as a path such as `net/ipv4/ip_forward`.
    pub fn sysctl(&self, path: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/{path}");
        let value = value.to_owned();
        // /proc/sys/net is that of the calling thread's namespace.
        self.enter(move || std::fs::write(&path, value).map_err(LabError::io(format!("write {path}"))))
    }

    /// Kills, by process id, everything that still runs in this namespace.
    pub fn kill_all(&self) {
        let Ok(pids) = output("ip", ["netns", "pids", &self.name]) else { return };
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.kill_all();
        // A deleted namespace loses its devices some time later, under the lock that the next lab's
        // daemons need; devices that are deleted first are gone when this returns.
        let _ = self.ip_batch("link set lo group 1\nlink del group 0\n");
        let _ = output("ip", ["netns", "del", &self.name]);
    }
}

/// Joins two namespaces by a veth pair, both ends up.
pub fn link(a: (&Namespace, &str), b: (&Namespace, &str)) -> Result<()> {
    let (a_ns, a_dev) = a;
    let (b_ns, b_dev) = b;
    output(
        "ip",
        [
            "link",
            "add",
            a_dev,
            "netns",
            a_ns.name(),
            "type",
            "veth",
            "peer",
            "name",
            b_dev,
            "netns",
            b_ns.name(),
        ],
    )?;
    a_ns.ip(&format!("link set {a_dev} up"))?;
    b_ns.ip(&format!("link set {b_dev} up"))?;
    Ok(())
}

/// Waits for a thread and gives its result; a panic in it is an error, not a panic here.
pub fn join<T>(thread: JoinHandle<Result<T>>) -> Result<T> {
    thread.join().map_err(|_| LabError::Unexpected("a lab thread panicked".into()))?
}

/// Runs a program outside any lab namespace; returns its standard output.
pub fn output<S: AsRef<OsStr>>(program: &str, arguments: impl IntoIterator<Item = S>) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let shown = format!("{command:?}").replace('"', "");
    checked(&shown, &command.output().map_err(LabError::io(format!("start {shown}")))?)
}

fn checked(command: &str, output: &Output) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(LabError::Command {
        command: command.to_owned(),
        status: output.status.to_string(),
        output: text + &String::from_utf8_lossy(&output.stderr),
    })
}
