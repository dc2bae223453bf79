//! Whether this start is a restart (RFC 4724 §4.1): a mark in the run-time directory that a
//! daemon makes when it starts and takes away when it ended with a goodbye. Found at a start,
//! it says that the last run was killed or crashed, so neighbours still keep our routes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The mark of a running daemon.
#[derive(Debug)]
pub struct RunMarker {
    path: PathBuf,
    found: bool,
}

impl RunMarker {
    /// Looks for the mark of an earlier run, and leaves ours. Call it only after it is sure
    /// that no other daemon uses the same socket.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn leave(socket: &Path) -> io::Result<Self> {
        let mut name = socket.as_os_str().to_owned();
        name.push(".run");
        let path = PathBuf::from(name);
        let found = path.exists();
        fs::write(&path, format!("{}\n", std::process::id()))?;
        Ok(Self { path, found })
    }

    /// True if the last run ended without a goodbye.
    pub fn found(&self) -> bool {
        self.found
    }

    /// The run ends with a goodbye. A mark that cannot be removed makes the next start look
    /// like a restart, which costs nothing but the R bit.
    pub fn goodbye(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_goodbye_is_found_and_one_with_is_not() {
        let socket = std::env::temp_dir().join(format!("weft-marker-{}", std::process::id()));
        let first = RunMarker::leave(&socket).unwrap();
        assert!(!first.found());
        drop(first);
        let second = RunMarker::leave(&socket).unwrap();
        assert!(second.found(), "a killed run leaves its mark");
        second.goodbye();
        let third = RunMarker::leave(&socket).unwrap();
        assert!(!third.found());
        third.goodbye();
    }
}
