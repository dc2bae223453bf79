//! The commands: each declared once, for the file, the shell, completion and help.
//!
//! A declaration is a line in one of the tables (`show::COMMANDS`, `configure::*::COMMANDS`): its words in the
//! notation of `grammar::spec`, and its handler; the help of the words is in `grammar::vocabulary`. To add a
//! command, add a line to the table of its mode. `shell` runs lines for people, `config::parse` for files.

pub mod args;
mod candidates;
pub mod configure;
pub mod exec;
pub mod filter;
pub mod grammar;
pub mod mode;
pub mod shell;
pub mod show;
pub mod sink;
pub mod store;

pub use args::{Args, Reject};
pub use exec::{Candidates, ExecBackend, ExecCommand, ExecError};
pub use mode::{Mode, ModeKind};
pub use shell::{Access, Outcome, Shell};
pub use sink::{Sink, SinkClosed, SinkWriter};
pub use store::{ConfigStore, LoadError, load};

use configure::Edit;
use grammar::{Grammar, MatchError};
use std::sync::OnceLock;

/// What a command does.
#[derive(Debug, Clone, Copy)]
pub enum Handler {
    /// Shows or clears something: for the rest of the daemon.
    Exec(fn(&Args<'_>) -> Result<ExecCommand, Reject>),
    /// Concerns the shell itself.
    Shell(fn(&Args<'_>) -> Result<ShellAction, Reject>),
    /// Changes the configuration.
    Configure(fn(&mut Edit<'_>, &Args<'_>) -> Result<(), Reject>),
    /// A line of FRR that means nothing here, and is accepted.
    Nothing,
    /// A line of FRR that Weft cannot carry out, with the reason; `block` if other lines belong to it.
    Refuse {
        /// Why, and what to do instead.
        reason: &'static str,
        /// The lines indented below it belong to it.
        block: bool,
    },
}

/// What the shell does itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellAction {
    /// `configure terminal`
    Configure,
    /// `exit`, `quit`
    Exit,
    /// `end`
    End,
    /// `do LINE`
    Do(String),
    /// `show running-config`, `write terminal`
    ShowRunning {
        /// The model instead of the text.
        json: bool,
        /// With FRR's two lines of heading.
        header: bool,
    },
    /// `show startup-config`
    ShowStartup,
    /// `write memory`
    Write,
    /// `terminal length N`; `None` is the terminal's own height.
    TerminalLength(Option<u16>),
    /// `enable`, `disable`
    Nothing,
}

/// A declared command.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its words, in the notation of `grammar::spec`.
    pub declaration: &'static str,
    /// What it does.
    pub handler: Handler,
}

impl Command {
    /// A command that the daemon carries out.
    pub const fn exec(declaration: &'static str, run: fn(&Args<'_>) -> Result<ExecCommand, Reject>) -> Self {
        Command { declaration, handler: Handler::Exec(run) }
    }

    /// A command of the shell itself.
    pub const fn shell(declaration: &'static str, run: fn(&Args<'_>) -> Result<ShellAction, Reject>) -> Self {
        Command { declaration, handler: Handler::Shell(run) }
    }

    /// A line of configuration.
    pub const fn set(
        declaration: &'static str,
        run: fn(&mut Edit<'_>, &Args<'_>) -> Result<(), Reject>,
    ) -> Self {
        Command { declaration, handler: Handler::Configure(run) }
    }

    /// A line of FRR that means nothing here.
    pub const fn nothing(declaration: &'static str) -> Self {
        Command { declaration, handler: Handler::Nothing }
    }

    /// A line of FRR that is refused.
    pub const fn refuse(declaration: &'static str, reason: &'static str) -> Self {
        Command { declaration, handler: Handler::Refuse { reason, block: false } }
    }

    /// A line of FRR that is refused with the lines below it.
    pub const fn refuse_block(declaration: &'static str, reason: &'static str) -> Self {
        Command { declaration, handler: Handler::Refuse { reason, block: true } }
    }

    /// True if help and completion do not offer it.
    pub fn is_hidden(&self) -> bool {
        matches!(self.handler, Handler::Nothing | Handler::Refuse { .. })
    }
}

/// The commands of a mode with their grammar.
#[derive(Debug)]
pub struct ModeCommands {
    /// The mode.
    pub kind: ModeKind,
    /// The grammar; it knows commands by their place in `commands`.
    pub grammar: Grammar,
    /// In the order of declaration.
    pub commands: Vec<&'static Command>,
}

/// Every mode with its commands, made at the first use.
pub fn registry() -> &'static [ModeCommands] {
    static REGISTRY: OnceLock<Vec<ModeCommands>> = OnceLock::new();
    REGISTRY.get_or_init(|| ModeKind::ALL.iter().map(|kind| mode_commands(*kind)).collect())
}

fn mode_commands(kind: ModeKind) -> ModeCommands {
    let commands: Vec<&'static Command> = kind.tables().into_iter().flatten().collect();
    let mut grammar = Grammar::default();
    for (index, command) in commands.iter().enumerate() {
        grammar.declare(index, command.declaration, command.is_hidden());
    }
    ModeCommands { kind, grammar, commands }
}

/// The commands of this mode.
pub fn commands_of(kind: ModeKind) -> Option<&'static ModeCommands> {
    registry().iter().find(|mode| mode.kind == kind)
}

/// A command that was found for a line.
#[derive(Debug)]
pub struct Found<'a> {
    /// The command.
    pub command: &'static Command,
    /// Its words by name.
    pub args: Args<'a>,
    /// How much of the path is its mode: a line may belong to a mode further out.
    pub depth: usize,
}

/// Finds the command that a line is in this place. A line that the innermost mode does not have is
/// looked for in those around it, as FRR does; the error is that of the mode in which the line got furthest.
pub fn find<'a>(path: &[Mode], line: &'a str, strict: bool) -> Result<Found<'a>, MatchError> {
    let mut best: Option<MatchError> = None;
    // From the innermost mode to `configure`; the operational commands only where nothing is entered.
    for depth in (path.len().min(1)..=path.len()).rev() {
        let kind = path.get(..depth).and_then(<[Mode]>::last).map_or(ModeKind::Exec, Mode::kind);
        let Some(mode) = commands_of(kind) else { continue };
        match mode.grammar.find(line, strict) {
            Ok(found) => {
                if let Some(command) = mode.commands.get(found.command) {
                    return Ok(Found { command, args: Args::new(found), depth });
                }
            }
            Err(error) => best = Some(further(best, error)),
        }
    }
    Err(best.unwrap_or(MatchError::Unknown { at: 0, understood: 0, expected: Vec::new() }))
}

/// The error of the mode in which the line got further, the inner one if both are alike. When no mode knows
/// even the first word, any of their words may have been meant.
fn further(inner: Option<MatchError>, outer: MatchError) -> MatchError {
    match (inner, outer) {
        (None, outer) => outer,
        (
            Some(MatchError::Unknown { at, understood: 0, mut expected }),
            MatchError::Unknown { understood: 0, expected: more, .. },
        ) => {
            expected.extend(more);
            expected.sort();
            expected.dedup();
            MatchError::Unknown { at, understood: 0, expected }
        }
        (Some(inner), outer) if outer.understood() > inner.understood() => outer,
        (Some(inner), _) => inner,
    }
}

#[cfg(test)]
mod tests;
