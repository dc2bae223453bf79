//! What can go wrong in a lab, with the command, namespace or file that it happened to.
//! Scenarios return it with `?`, so a failed lab says what it was doing.

use std::time::Duration;

/// The result of everything in the labs.
pub type Result<T> = std::result::Result<T, LabError>;

/// Why a lab stopped.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A command could not be started or ended with a non-zero status.
    #[error("{command}: {status}\n{output}")]
    Command {
        /// The whole command line.
        command: String,
        /// The exit status, or why it did not start.
        status: String,
        /// What it wrote to both outputs.
        output: String,
    },
    /// A condition did not become true in time.
    #[error("waited {limit:?} for: {what}{detail}")]
    Timeout {
        /// The condition in words.
        what: String,
        /// How long was waited.
        limit: Duration,
        /// What was seen last, or nothing.
        detail: String,
    },
    /// A file, socket or namespace operation failed.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Text that should have been JSON, YAML or an address is not.
    #[error("{what}: cannot read {text:?}: {reason}")]
    Parse {
        /// What was read.
        what: String,
        /// The text, cut short.
        text: String,
        /// The reader's reason.
        reason: String,
    },
    /// The load generator stopped.
    #[error(transparent)]
    Load(#[from] crate::load::LoadError),
    /// The lab saw something that must not be.
    #[error("{0}")]
    Unexpected(String),
}

impl LabError {
    /// An I/O error with the thing that was tried.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// An errno with the thing that was tried.
    pub fn errno(what: impl Into<String>) -> impl FnOnce(nix::errno::Errno) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source: source.into() }
    }

    /// A parse error; the text is cut to what a log can bear.
    pub fn parse(what: impl Into<String>, text: &str, reason: impl std::fmt::Display) -> Self {
        Self::Parse { what: what.into(), text: text.chars().take(300).collect(), reason: reason.to_string() }
    }
}

/// An `Unexpected` error when the condition does not hold: `assert!` for code that is not a test.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(LabError::Unexpected(otherwise())) }
}
