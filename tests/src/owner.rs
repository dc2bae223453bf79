//! Who owns what a lab makes, and who cleans it when the owner dies.
//!
//! Every namespace and state folder of a lab is called `weft<pid>-…` after the process that
//! made it. Guards remove them in the normal course. A keeper process (a shell with its
//! own process group, holding one end of a pipe) removes them when the owner ends in any
//! other way, `kill -9` and Ctrl-C included. If the keeper was killed too, the next lab sweeps
//! what bears the number of a process that no longer exists.

use crate::error::{LabError, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const PREFIX: &str = "weft";

/// The folder in which labs keep state; entries there are named like the namespaces.
const STATE: &str = "/run/weft-labs";

/// FRR keeps its sockets and process ids here, by pathspace, and takes no other place.
const FRR_STATE: &str = "/run/frr";

static LABS: AtomicU32 = AtomicU32::new(1);
static KEEPER: OnceLock<Option<Child>> = OnceLock::new();

/// A prefix for the names of one lab, unique on this machine: `weft<pid>-<counter>`.
/// The first call sweeps what dead owners left and starts this process's keeper.
pub fn lab_prefix() -> Result<String> {
    let own = format!("{PREFIX}{}-", std::process::id());
    if KEEPER.get().is_none() {
        sweep();
        KEEPER.get_or_init(|| start_keeper(&own));
    }
    Ok(format!("{own}{}", LABS.fetch_add(1, Ordering::Relaxed)))
}

/// A folder for the state of one node. Removed by `remove_state_dir`.
pub fn make_state_dir(node: &str) -> Result<PathBuf> {
    make_dir(Path::new(STATE), node)
}

/// The folder that FRR uses for the pathspace `node`.
pub fn make_frr_dir(node: &str) -> Result<PathBuf> {
    make_dir(Path::new(FRR_STATE), node)
}

fn make_dir(parent: &Path, node: &str) -> Result<PathBuf> {
    let dir = parent.join(node);
    let mut tries = 0;
    // The keeper of another process may remove the empty parent between our two steps.
    loop {
        match std::fs::create_dir_all(&dir) {
            Ok(()) => return Ok(dir),
            Err(_) if tries < 3 => tries += 1,
            Err(error) => return Err(LabError::io(format!("make {}", dir.display()))(error)),
        }
    }
}

/// Removes a state folder; that it is gone already is no error.
pub fn remove_state_dir(dir: &Path) {
    let _ = std::fs::remove_dir_all(dir);
}

/// The shell that removes all that starts with `$1` from the namespaces and the state folders.
/// Daemons are found by the namespace they run in, so no list of process ids can be stale.
const CLEAN: &str = r#"
found() {
  ls /run/netns /run/frr 2>/dev/null | grep -q "^$1"
}
clean() {
  for n in $(ls /run/netns 2>/dev/null | grep "^$1"); do
    for p in $(ip netns pids "$n" 2>/dev/null); do kill -9 "$p" 2>/dev/null; done
    ip netns del "$n" 2>/dev/null
  done
  rm -rf /run/frr/"$1"*
  [ -n "${WEFT_LAB_KEEP-}" ] || rm -rf /run/weft-labs/"$1"*
  rmdir /run/weft-labs 2>/dev/null
}
"#;

fn start_keeper(own: &str) -> Option<Child> {
    use std::os::unix::process::CommandExt;
    // `read` returns at end of file only: nobody writes, and the pipe closes with the owner.
    // A command that the owner had just started may still make something: clean until two
    // looks in a row find nothing.
    let script = format!(
        "{CLEAN}\ntrap '' INT TERM HUP\nread -r _\nquiet=0 rounds=0\n\
         while [ $quiet -lt 2 ] && [ $rounds -lt 50 ]; do\n\
         if found '{own}'; then quiet=0; else quiet=$((quiet + 1)); fi\n\
         clean '{own}'; rounds=$((rounds + 1)); sleep 0.2\ndone"
    );
    Command::new("sh")
        .args(["-c", &script])
        .process_group(0)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// Removes what labs of processes that no longer exist have left.
pub fn sweep() {
    let mut owners: Vec<u32> = [STATE, FRR_STATE, "/run/netns"]
        .iter()
        .filter_map(|parent| std::fs::read_dir(parent).ok())
        .flatten()
        .filter_map(|entry| owner_of(&entry.ok()?.file_name().to_string_lossy()))
        .collect();
    owners.sort_unstable();
    owners.dedup();
    for owner in owners {
        if Path::new("/proc").join(owner.to_string()).exists() {
            continue;
        }
        let script = format!("{CLEAN}\nclean '{PREFIX}{owner}-'");
        let _ = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).status();
    }
}

/// The process id in a name that a lab has given.
fn owner_of(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_stands_in_the_name() {
        assert_eq!(owner_of("weft123-4-leaf1"), Some(123));
        assert_eq!(owner_of("weft-labs"), None);
        assert_eq!(owner_of("other123-4"), None);
    }
}
