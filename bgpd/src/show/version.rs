//! `show version [json]`.

use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    show::{json::document, text::uptime},
};
use serde_json::json;
use std::time::Duration;

/// Carries out the command.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (hostname, running) = core.ask(|core, now| {
        let name = core.config().hostname.as_deref().unwrap_or(&core.facts().hostname);
        (name.to_owned(), now.saturating_duration_since(core.started()))
    })?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let facts = Version { hostname, kernel: kernel.trim().to_owned(), running };
    Ok(out.text(&if json { facts.json() } else { facts.text() })?)
}

struct Version {
    hostname: String,
    kernel: String,
    running: Duration,
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Version {
    fn text(&self) -> String {
        let on = if self.kernel.is_empty() { String::new() } else { format!(" on Linux({})", self.kernel) };
        format!("Weft {VERSION} ({}){on}.\nRunning for {}\n", self.hostname, uptime(self.running))
    }

    fn json(&self) -> String {
        document(&json!({
            "version": VERSION,
            "hostname": self.hostname,
            "kernel": self.kernel,
            "uptime": uptime(self.running),
            "uptimeSecs": self.running.as_secs(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_like_frrs() {
        let facts = Version {
            hostname: "leaf1".to_owned(),
            kernel: "6.1.0".to_owned(),
            running: Duration::from_secs(75),
        };
        assert_eq!(facts.text(), format!("Weft {VERSION} (leaf1) on Linux(6.1.0).\nRunning for 00:01:15\n"));
        assert!(facts.json().contains("\"uptimeSecs\":75"));
    }
}
