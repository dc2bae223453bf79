//! The running configuration and its file. One lock: changes come one after the other, and each is
//! applied before the next begins. Readers take the current one and are never waited for.

use super::{ExecBackend, ExecError};
use crate::config::{self, Completeness, Config, ConfigError};
use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// The running configuration, where it is saved, and what carries it out.
pub struct ConfigStore {
    backend: Arc<dyn ExecBackend>,
    file: Option<PathBuf>,
    /// Held while a change is applied.
    changing: Mutex<()>,
    running: RwLock<Arc<Config>>,
}

impl fmt::Debug for ConfigStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigStore").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Lines of it are wrong; all of them.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Lines(Vec<ConfigError>),
    /// It could not be put into force.
    #[error("{0}")]
    Apply(#[from] ExecError),
}

impl ConfigStore {
    /// A store with a configuration that is in force already, and the file given by `-f`.
    pub fn new(running: Config, file: Option<PathBuf>, backend: Arc<dyn ExecBackend>) -> Self {
        ConfigStore { backend, file, changing: Mutex::new(()), running: RwLock::new(Arc::new(running)) }
    }

    /// The daemon.
    pub fn backend(&self) -> &dyn ExecBackend {
        self.backend.as_ref()
    }

    /// What is in force.
    pub fn running(&self) -> Arc<Config> {
        self.running.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The configured name of the node, or the kernel's.
    pub fn hostname(&self) -> String {
        if let Some(name) = &self.running().hostname {
            return name.clone();
        }
        nix::unistd::gethostname()
            .map_or_else(|_| "weft".to_owned(), |name| name.to_string_lossy().into_owned())
    }

    /// Changes the running configuration by one step of a shell: all of the step or nothing.
    pub fn edit(&self, change: impl FnOnce(&mut Config) -> Result<(), String>) -> Result<(), String> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let running = self.running();
        let mut candidate = (*running).clone();
        change(&mut candidate)?;
        if candidate == *running {
            return Ok(());
        }
        if let Some(problem) = config::validate(&candidate, Completeness::InProgress).first() {
            return Err(format!("% {problem}"));
        }
        self.put_in_force(candidate).map_err(|error| format!("% {error}"))
    }

    /// Replaces the running configuration by a whole one. It must be what its own text says, so a
    /// document cannot bring in what no line could (a name with a space, a number out of range).
    pub fn replace(&self, wanted: Config) -> Result<(), LoadError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.check(&wanted)?;
        self.put_in_force(wanted)?;
        Ok(())
    }

    /// What `replace` checks, without doing it.
    pub fn check(&self, wanted: &Config) -> Result<(), LoadError> {
        let read_back = config::parse("configuration", &config::render(wanted)).map_err(LoadError::Lines)?;
        if read_back == *wanted {
            return Ok(());
        }
        Err(ExecError(
            "a value of the configuration cannot be written as text (white space in a name?)".into(),
        )
        .into())
    }

    /// Applies the lines of a text to the running configuration: all of them or none.
    pub fn merge(&self, name: &str, text: &str) -> Result<(), LoadError> {
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = config::parse_onto(name, text, (*self.running()).clone()).map_err(LoadError::Lines)?;
        self.put_in_force(wanted)?;
        Ok(())
    }

    /// Reads the file again and replaces the running configuration by it (SIGHUP).
    pub fn reload(&self) -> Result<(), LoadError> {
        let Some(path) = &self.file else {
            return Err(ExecError("weftd was started without -f FILE: nothing to read again".into()).into());
        };
        let wanted = load(path)?;
        let _one_at_a_time = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.put_in_force(wanted)?;
        Ok(())
    }

    /// The text of the file.
    pub fn read_file(&self) -> Result<String, ExecError> {
        let path = self.file.as_ref().ok_or_else(no_file)?;
        fs::read_to_string(path)
            .map_err(|error| ExecError(format!("cannot read {}: {error}", path.display())))
    }

    /// Writes the running configuration to the file, so that a reader sees the old or the new text.
    pub fn save(&self) -> Result<PathBuf, ExecError> {
        let path = self.file.as_ref().ok_or_else(no_file)?;
        // A symbolic link stays one: what it points at is replaced.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        write_atomically(&target, &config::render(&self.running()))
            .map_err(|error| ExecError(format!("cannot write {}: {error}", path.display())))?;
        Ok(path.clone())
    }

    /// Under the lock `changing`.
    fn put_in_force(&self, wanted: Config) -> Result<(), ExecError> {
        if wanted == *self.running() {
            return Ok(());
        }
        self.backend.apply(&wanted)?;
        *self.running.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(wanted);
        Ok(())
    }
}

fn no_file() -> ExecError {
    ExecError("weftd was started without -f FILE: there is no startup configuration".into())
}

/// Reads a configuration file.
pub fn load(path: &Path) -> Result<Config, LoadError> {
    let text = fs::read(path).map_err(|error| LoadError::Read { path: path.to_owned(), error })?;
    // A stray octet becomes a sign that no command takes, so its line is reported with its place.
    config::parse(&path.display().to_string(), &String::from_utf8_lossy(&text)).map_err(LoadError::Lines)
}

fn write_atomically(path: &Path, text: &str) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mode = fs::metadata(path).map_or(0o640, |metadata| metadata.permissions().mode() & 0o777);
    let written = write_new(&temporary, mode, text).and_then(|()| fs::rename(&temporary, path));
    let Err(error) = written else {
        // The name is safe on disk when its directory is.
        return match path.parent() {
            Some(directory) if !directory.as_os_str().is_empty() => fs::File::open(directory)?.sync_all(),
            _ => Ok(()),
        };
    };
    // Best effort: it may not exist.
    let _ = fs::remove_file(&temporary);
    // A file that is bound into a container is a mount point, which cannot be renamed over.
    if matches!(error.kind(), io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices) {
        let mut file = fs::OpenOptions::new().write(true).truncate(true).open(path)?;
        file.write_all(text.as_bytes())?;
        return file.sync_all();
    }
    Err(error)
}

fn write_new(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
