//! Settings of the kernel below /proc/sys/net: only what differs is written, and what it was is remembered, so that it
//! can be put back. A setting is named by its file, in which `*` stands for the device.
//!
//! Does not do: which settings those are (`vrf::sysctl` for what is routed, `service::proxying` for what answers for
//! others), and what a killed daemon knew.

use std::io;
use std::path::{Path, PathBuf};

/// Where the kernel shows its settings.
pub const ROOT: &str = "/proc/sys/net";

/// A setting and the value that it is to have.
pub type Setting = (&'static str, &'static str);

/// Settings that we changed, and what they were before.
#[derive(Debug, Default)]
pub struct Changed(Vec<(&'static str, String)>);

impl Changed {
    /// Makes the settings of a device these, and those that are not among them any more what they were. Gives what the
    /// log should be told.
    pub fn keep(&mut self, root: &Path, device: &str, wanted: &[Setting]) -> Vec<String> {
        let mut failed = Vec::new();
        self.0.retain(|(setting, before)| {
            let stays = wanted.iter().any(|(other, _)| other == setting);
            if !stays {
                failed.extend(write(&path(root, setting, device), before).err());
            }
            stays
        });
        for (setting, value) in wanted {
            match write(&path(root, setting, device), value) {
                Ok(None) => {}
                Ok(Some(before)) => {
                    if !self.0.iter().any(|(known, _)| known == setting) {
                        self.0.push((setting, before));
                    }
                }
                Err(words) => failed.push(words),
            }
        }
        failed
    }
}

/// The file of a setting.
pub fn path(root: &Path, setting: &str, device: &str) -> PathBuf {
    root.join(setting.replace('*', device))
}

/// What a setting is. `None`: this kernel does not have it.
pub fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|value| value.trim().to_owned())
}

/// Writes a setting if it differs, and gives what it was then. A file that is not there belongs to another kernel, to a
/// device that is gone, or to IPv6 switched off.
///
/// # Errors
/// What the log should be told.
pub fn write(path: &Path, value: &str) -> Result<Option<String>, String> {
    let result = match std::fs::read_to_string(path) {
        Ok(is) if is.trim() == value => return Ok(None),
        Ok(is) => std::fs::write(path, value).map(|()| Some(is.trim().to_owned())),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map_err(|error| format!("{} could not be set to {value}: {error}", path.display())),
    }
}
