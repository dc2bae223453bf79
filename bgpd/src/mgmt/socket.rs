//! The socket's file: claimed for one daemon, its directory made, what a dead daemon left replaced.
//!
//! A lock beside the socket (`PATH.lock`, by flock) decides: it goes with its process, so it is never stale. The socket
//! itself is also tried, for a daemon that shares the file but not the lock.

use super::access;
use nix::unistd::chown;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::{
        fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// Why there is no management socket.
#[derive(Debug, thiserror::Error)]
pub enum MgmtError {
    /// Another daemon is alive on this socket.
    #[error("another weftd{} is running on {}; stop it, or give this one its own --socket PATH", .pid.map(|p| format!(" (process {p})")).unwrap_or_default(), .path.display())]
    Running {
        /// The socket.
        path: PathBuf,
        /// Its process, if it said so.
        pid: Option<u32>,
    },
    /// Something else has the name.
    #[error("{} is there and is no socket; remove it, or give another --socket PATH", .0.display())]
    NotASocket(PathBuf),
    /// The system said no.
    #[error("cannot {what} {}: {error}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// A socket that is ours; its files go when it is dropped.
#[derive(Debug)]
pub struct ClaimedSocket {
    /// Bound and listening.
    pub listener: UnixListener,
    path: PathBuf,
    /// Held, not used: the lock goes with it.
    _lock: File,
}

impl ClaimedSocket {
    /// The socket's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ClaimedSocket {
    fn drop(&mut self) {
        // The lock's file stays: removing it would let two daemons lock two files of one name.
        let _ = fs::remove_file(&self.path);
    }
}

/// Claims a path: after this no other daemon can, and clients may connect.
pub fn claim(path: &Path) -> Result<ClaimedSocket, MgmtError> {
    let failed = |what, error| MgmtError::Io { what, path: path.to_owned(), error };
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(directory).map_err(|error| {
            MgmtError::Io { what: "make the directory", path: directory.to_owned(), error }
        })?;
    }
    let lock = lock(path)?;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("look at", error)),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(MgmtError::NotASocket(path.to_owned()));
        }
        Ok(_) => {
            if UnixStream::connect(path).is_ok() {
                return Err(MgmtError::Running { path: path.to_owned(), pid: None });
            }
            fs::remove_file(path).map_err(|error| failed("replace the stale socket", error))?;
        }
    }
    let listener = UnixListener::bind(path).map_err(|error| failed("listen on", error))?;
    let claimed = ClaimedSocket { listener, path: path.to_owned(), _lock: lock };
    // Between bind and here only the mode is the umask's; who may do what is decided by credentials anyway.
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))
        .map_err(|error| failed("set the mode of", error))?;
    if let Some(group) = access::reader_group() {
        // Without the right to give it to the group, readers cannot connect; everything else works.
        if let Err(error) = chown(path, None, Some(group)) {
            tracing::warn!("cannot give {} to the group {}: {error}", path.display(), access::READER_GROUP);
        }
    }
    Ok(claimed)
}

fn lock(path: &Path) -> Result<File, MgmtError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let failed = |what, error| MgmtError::Io { what, path: name.clone(), error };
    let options =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&name);
    let mut file = options.map_err(|error| failed("open", error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Only for the message.
            let _ = file.read_to_string(&mut pid);
            return Err(MgmtError::Running { path: path.to_owned(), pid: pid.trim().parse().ok() });
        }
        Err(TryLockError::Error(error)) => return Err(failed("lock", error)),
    }
    let written =
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(|error| failed("write", error))?;
    Ok(file)
}
