//! What a namespace's kernel tells those who listen: `ip monitor`, `bridge monitor`.

use crate::error::Result;
use crate::fabric::LIMIT;
use crate::netns::Namespace;
use crate::owner;
use crate::process::Daemon;
use crate::wait::wait_until;
use std::path::PathBuf;

const SIGN_MAC: &str = "02:00:00:00:fe:01";
const SIGN_ADDRESS: &str = "198.51.100.1";
const SIGN_PREFIX: &str = "198.51.100.0/24";

/// A listener, from its making until it is dropped.
#[derive(Debug)]
pub struct Monitor {
    daemon: Daemon,
    state: PathBuf,
}

impl Monitor {
    /// Listens to changes of routes.
    pub fn of_routes(namespace: &Namespace) -> Result<Self> {
        Self::start(namespace, ["ip", "route"], SIGN_PREFIX, || {
            namespace.ip(&format!("route add {SIGN_PREFIX} dev lo"))?;
            namespace.ip(&format!("route del {SIGN_PREFIX} dev lo"))
        })
    }

    /// Listens to changes of FDB entries, known to listen by one of this device.
    pub fn of_fdb(namespace: &Namespace, device: &str) -> Result<Self> {
        Self::start(namespace, ["bridge", "fdb"], SIGN_MAC, || {
            namespace.bridge(&format!("fdb add {SIGN_MAC} dev {device} self dst 198.51.100.1 static"))?;
            namespace.bridge(&format!("fdb del {SIGN_MAC} dev {device} self dst 198.51.100.1"))
        })
    }

    /// Listens to changes of neighbours, known to listen by one of this device.
    pub fn of_neighbours(namespace: &Namespace, device: &str) -> Result<Self> {
        Self::start(namespace, ["ip", "neigh"], SIGN_ADDRESS, || {
            namespace.ip(&format!("neigh add {SIGN_ADDRESS} lladdr {SIGN_MAC} dev {device} nud noarp"))?;
            namespace.ip(&format!("neigh del {SIGN_ADDRESS} dev {device}"))
        })
    }

    /// It listens when it has shown the mark of a change that we make.
    fn start(
        namespace: &Namespace,
        [program, object]: [&str; 2],
        mark: &str,
        change: impl Fn() -> Result<String>,
    ) -> Result<Self> {
        let state = owner::make_state_dir(&format!("{}-monitor-{object}", namespace.name()))?;
        let log = state.join("log");
        let daemon = Daemon::start(namespace, program, ["monitor", object], &[], &log)?;
        let monitor = Self { daemon, state };
        wait_until(&format!("{program} monitor {object}"), LIMIT, || {
            change()?;
            Ok(monitor.lines().iter().any(|line| line.contains(mark)))
        })?;
        Ok(monitor)
    }

    /// What it has seen until now, our own changes included.
    pub fn lines(&self) -> Vec<String> {
        self.daemon.log_tail(usize::MAX).lines().map(str::to_owned).collect()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.daemon.kill();
        owner::remove_state_dir(&self.state);
    }
}
