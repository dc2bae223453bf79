//! The grammar: every command declared once, for the file, the shell, completion and help.

pub mod exec;
pub mod sink;

pub use exec::{ExecBackend, ExecCommand, ExecError};
pub use sink::{Sink, SinkClosed, SinkWriter};
