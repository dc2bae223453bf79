//! A network namespace that lives as long as a thread: the kernel takes it, and every device
//! in it, away when the thread and the sockets made in it are gone, however the test ends.

use nix::sched::{CloneFlags, unshare};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Work = Box<dyn FnOnce() + Send>;

pub(crate) struct Namespace {
    work: Sender<Work>,
    /// Where other namespaces' `ip` finds it.
    pub(crate) path: String,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let (work, todo) = channel::<Work>();
        thread::spawn(move || todo.into_iter().for_each(|work| work()));
        let mut namespace = Self { work, path: String::new() };
        namespace.path = namespace.run(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("needs root, or CAP_SYS_ADMIN");
            format!("/proc/{}/task/{}/ns/net", std::process::id(), nix::unistd::gettid())
        });
        namespace
    }

    /// Runs this in the namespace; sockets made there stay there.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = channel();
        let work = move || done.send(work()).unwrap();
        self.work.send(Box::new(work)).unwrap();
        result.recv().expect("the work in the namespace panicked")
    }

    /// Runs `ip` with each line of arguments.
    pub(crate) fn ip(&self, lines: &str) {
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            let output = self.run(move || Command::new("ip").args(arguments).output().unwrap());
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "ip {line}: {error}");
        }
    }

    /// The index of a device in it.
    pub(crate) fn ifindex(&self, name: &'static str) -> u32 {
        self.run(move || nix::net::if_::if_nametoindex(name).unwrap())
    }
}
