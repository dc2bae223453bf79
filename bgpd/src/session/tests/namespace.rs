//! Network namespaces without names: one for the daemon, one for each tenant's network. All on
//! one thread, which is in the daemon's unless it says otherwise; a socket stays where it was
//! made. Gone with the last descriptor. Needs root.

use nix::sched::{CloneFlags, setns, unshare};
use std::{
    fs::File,
    os::fd::AsRawFd,
    process::{self, Command},
};

/// A namespace, held by a descriptor.
#[derive(Debug)]
pub struct Network {
    file: File,
    home: File,
}

fn current() -> File {
    File::open("/proc/thread-self/ns/net").expect("procfs")
}

/// `ip LINE` in the current namespace.
pub fn ip(line: &str) {
    let status = Command::new("ip").args(line.split_whitespace()).status().expect("iproute2");
    assert!(status.success(), "ip {line}");
}

/// The interface index of a device in the current namespace.
pub fn index(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).expect("the device is there")
}

/// Runs a test on a thread of its own, in an empty namespace.
pub fn apart<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).expect("needs root, or CAP_SYS_ADMIN");
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

impl Network {
    /// Another one, joined to the current by a veth pair: `near` here with the address `ours`,
    /// `ce` there with `theirs`.
    pub fn joined(near: &str, ours: &str, theirs: &str) -> Self {
        let home = current();
        unshare(CloneFlags::CLONE_NEWNET).expect("needs root, or CAP_SYS_ADMIN");
        let network = Self { file: current(), home };
        setns(&network.home, CloneFlags::CLONE_NEWNET).expect("back");
        network.within(|| ip("link set lo up"));
        network.wire(near, ours, theirs);
        network
    }

    /// The veth pair, also after it was deleted.
    pub fn wire(&self, near: &str, ours: &str, theirs: &str) {
        let place = format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd());
        ip(&format!("link add {near} type veth peer name ce netns {place}"));
        let nodad = if ours.contains(':') { "nodad" } else { "" };
        ip(&format!("addr add {ours} dev {near} {nodad}"));
        ip(&format!("link set {near} up"));
        self.within(|| {
            ip(&format!("addr add {theirs} dev ce {nodad}"));
            ip("link set ce up");
        });
    }

    /// Does something there; nothing asynchronous.
    pub fn within<T>(&self, what: impl FnOnce() -> T) -> T {
        setns(&self.file, CloneFlags::CLONE_NEWNET).expect("there");
        let outcome = what();
        setns(&self.home, CloneFlags::CLONE_NEWNET).expect("back");
        outcome
    }
}
