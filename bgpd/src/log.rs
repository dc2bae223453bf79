//! Where the daemon's log goes: stderr until a `log …` line says otherwise; stdout, a file or
//! syslog, each with a level of its own. `RUST_LOG` overrides all levels.
//!
//! A log line never ends the daemon: what cannot be written is dropped.

mod limit;

pub(crate) use limit::{LogLimit, not_logged};

use crate::config::{self, LogLevel};
use std::{
    fmt,
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::{fs::OpenOptionsExt, net::UnixDatagram},
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};
use tracing::{Level, Metadata, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::MakeWriter,
    layer::SubscriberExt,
    reload,
    util::{SubscriberInitExt, TryInitError},
};

/// The socket of the system's log daemon.
const SYSLOG_SOCKET: &str = "/dev/log";
/// Facility `daemon`, shifted as RFC 5424 §6.2.1 has it.
const FACILITY_DAEMON: u8 = 3 << 3;

/// The running log, to be told when the configuration changes.
#[derive(Debug, Clone)]
pub struct Log {
    outputs: Outputs,
    filter: reload::Handle<EnvFilter, Registry>,
    env: bool,
}

/// A `log file` line that cannot be obeyed.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the log to {path}: {source}; correct `log file` or the directory's rights")]
pub struct LogFileError {
    path: String,
    source: io::Error,
}

impl Log {
    /// Starts logging to stderr at level informational, or as `RUST_LOG` says.
    pub fn start() -> Result<Self, TryInitError> {
        let env = std::env::var_os("RUST_LOG").is_some_and(|value| !value.is_empty());
        let filter = if env { EnvFilter::from_default_env() } else { EnvFilter::new("info") };
        let (filter, handle) = reload::Layer::new(filter);
        let outputs = Outputs::default();
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
        tracing_subscriber::registry()
            .with(filter)
            .with(lines.with_writer(outputs.clone()).with_filter(limit::Flood::new(outputs.clone())).boxed())
            .try_init()?;
        Ok(Self { outputs, filter: handle, env })
    }

    /// Applies the `log` lines. On an error nothing is changed.
    pub fn apply(&self, config: &config::Log) -> Result<(), LogFileError> {
        let default = config.level.unwrap_or(LogLevel::Informational);
        let mut targets = Vec::new();
        if let Some(stdout) = &config.stdout {
            targets.push(Target { kind: TargetKind::Stdout, level: level(stdout.level.unwrap_or(default)) });
        }
        if let Some(file) = &config.file {
            let opened = OpenOptions::new().append(true).create(true).mode(0o640).open(Path::new(&file.path));
            let file_error = |source| LogFileError { path: file.path.clone(), source };
            let kind = TargetKind::File(Arc::new(opened.map_err(file_error)?));
            targets.push(Target { kind, level: level(file.level.unwrap_or(default)) });
        }
        if let Some(syslog) = &config.syslog {
            let socket = UnixDatagram::unbound().map(Arc::new).ok();
            targets.push(Target {
                kind: TargetKind::Syslog(socket),
                level: level(syslog.level.unwrap_or(default)),
            });
        }
        if targets.is_empty() {
            targets.push(Target { kind: TargetKind::Stderr, level: level(default) });
        }
        let most = targets.iter().map(|target| target.level).max().unwrap_or(LevelFilter::INFO);
        if self.env {
            targets.iter_mut().for_each(|target| target.level = LevelFilter::TRACE);
        } else {
            // Fails only if the subscriber is gone, and then there is no log to filter.
            let _ = self.filter.reload(EnvFilter::new(most.to_string()));
        }
        *self.outputs.0.write().unwrap_or_else(PoisonError::into_inner) = targets;
        Ok(())
    }
}

/// Syslog's eight severities on tracing's five levels.
fn level(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Emergencies | LogLevel::Alerts | LogLevel::Critical | LogLevel::Errors => {
            LevelFilter::ERROR
        }
        LogLevel::Warnings => LevelFilter::WARN,
        LogLevel::Notifications | LogLevel::Informational => LevelFilter::INFO,
        LogLevel::Debugging => LevelFilter::DEBUG,
    }
}

fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[derive(Debug, Clone)]
struct Target {
    kind: TargetKind,
    level: LevelFilter,
}

#[derive(Debug, Clone)]
enum TargetKind {
    Stderr,
    Stdout,
    File(Arc<File>),
    /// `None`: the kernel gave no socket; such lines are dropped.
    Syslog(Option<Arc<UnixDatagram>>),
}

#[derive(Clone)]
struct Outputs(Arc<RwLock<Vec<Target>>>);

impl Default for Outputs {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(vec![Target { kind: TargetKind::Stderr, level: LevelFilter::TRACE }])))
    }
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

/// Takes one line and gives it to the targets whose level it has.
struct LineWriter {
    outputs: Outputs,
    level: Level,
}

impl Write for LineWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let targets = self.outputs.0.read().unwrap_or_else(PoisonError::into_inner);
        for target in targets.iter().filter(|target| target.level >= self.level) {
            // A full disk or a closed pipe must not end anything.
            let _ = match &target.kind {
                TargetKind::Stderr => io::stderr().write_all(line),
                TargetKind::Stdout => io::stdout().write_all(line),
                TargetKind::File(file) => (&**file).write_all(line),
                TargetKind::Syslog(socket) => socket.as_ref().map_or(Ok(()), |socket| {
                    let mut message = format!(
                        "<{}>weftd[{}]: ",
                        FACILITY_DAEMON | severity(self.level),
                        std::process::id()
                    );
                    message.push_str(String::from_utf8_lossy(line).trim_end());
                    socket.send_to(message.as_bytes(), SYSLOG_SOCKET).map(|_| ())
                }),
            };
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Outputs {
    type Writer = Box<dyn Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Box::new(LineWriter { outputs: self.clone(), level: Level::INFO })
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Self::Writer {
        Box::new(LineWriter { outputs: self.clone(), level: *meta.level() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reaches_the_file_only_if_its_level_does() {
        let path = std::env::temp_dir().join(format!("weft-log-{}", std::process::id()));
        let file = OpenOptions::new().append(true).create(true).open(&path).unwrap();
        let outputs = Outputs::default();
        *outputs.0.write().unwrap() =
            vec![Target { kind: TargetKind::File(Arc::new(file)), level: LevelFilter::WARN }];
        LineWriter { outputs: outputs.clone(), level: Level::INFO }.write_all(b"quiet\n").unwrap();
        LineWriter { outputs, level: Level::ERROR }.write_all(b"loud\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(text, "loud\n");
    }
}
