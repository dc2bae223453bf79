//! The shell: runs a line at a place, for a person. It keeps no state between lines (the client keeps
//! its place), so any number of shells share one configuration.
//!
//! In `configure terminal` each line changes the running configuration at once, as vtysh does: the
//! handler edits a copy, the copy is validated and applied, and only then it is the running one.

use super::{
    Candidates, ExecError, Found, Handler, Mode, ModeKind, Sink, candidates, commands_of,
    configure::Edit,
    filter::{self, Filtered},
    find,
    grammar::{Completion, HelpLine, Kind, MatchError, token},
    mode,
    store::ConfigStore,
};
use crate::{command::ShellAction, config};
use std::{collections::BTreeSet, sync::Arc};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything.
    Full,
    /// What changes nothing; passwords are not shown.
    ReadOnly,
}

/// What became of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where the shell stands now.
    pub path: Vec<Mode>,
    /// For the operator, when it failed; may have several lines.
    pub error: Option<String>,
    /// The session is over.
    pub close: bool,
    /// `terminal length` was given: so many lines, or the terminal's own height.
    pub page_length: Option<Option<u16>>,
}

impl Outcome {
    fn at(path: &[Mode]) -> Self {
        Outcome { path: path.to_vec(), error: None, close: false, page_length: None }
    }

    fn failed(path: &[Mode], error: impl Into<String>) -> Self {
        Outcome { error: Some(error.into()), ..Self::at(path) }
    }
}

/// The shell of a daemon.
#[derive(Debug, Clone)]
pub struct Shell {
    store: Arc<ConfigStore>,
}

impl Shell {
    /// A shell on this configuration and the daemon behind it.
    pub fn new(store: Arc<ConfigStore>) -> Self {
        Shell { store }
    }

    /// The configuration it works on.
    pub fn store(&self) -> &Arc<ConfigStore> {
        &self.store
    }

    /// The prompt at a place: `leaf1(config)# `.
    pub fn prompt(&self, path: &[Mode]) -> String {
        format!("{}{}# ", self.store.hostname(), mode::prompt(path))
    }

    /// Runs a line. Output goes to the sink, errors into the outcome.
    pub fn run(&self, path: &[Mode], line: &str, access: Access, out: &mut dyn Sink) -> Outcome {
        let words = line.trim();
        if words.is_empty() || words.starts_with(['!', '#']) {
            return Outcome::at(path);
        }
        let (line, filter) = match filter::split(line, path.is_empty() || words.starts_with("do ")) {
            Ok(parts) => parts,
            Err(error) => return Outcome::failed(path, format!("% {error}")),
        };
        let Some(filter) = filter else { return self.run_plain(path, line, access, out) };
        let mut filtered = Filtered::new(filter, out);
        let outcome = self.run_plain(path, line, access, &mut filtered);
        match filtered.finish() {
            Ok(()) => outcome,
            Err(closed) => Outcome::failed(path, closed.to_string()),
        }
    }

    fn run_plain(&self, path: &[Mode], line: &str, access: Access, out: &mut dyn Sink) -> Outcome {
        let found = match find(path, line, false) {
            Ok(found) => found,
            Err(error) => return Outcome::failed(path, match_error(&error, line)),
        };
        match found.command.handler {
            Handler::Exec(handler) => {
                let done =
                    handler(&found.args).map_err(|reject| ExecError(reject.message)).and_then(|command| {
                        if access == Access::ReadOnly && !command.is_read_only() {
                            return Err(ExecError(READ_ONLY.into()));
                        }
                        self.store.backend().exec(command, out)
                    });
                match done {
                    Ok(()) => Outcome::at(path),
                    Err(error) => Outcome::failed(path, format!("% {error}")),
                }
            }
            Handler::Shell(handler) => match handler(&found.args) {
                Ok(action) => self.act(path, action, access, out),
                Err(reject) => Outcome::failed(path, format!("% {reject}")),
            },
            Handler::Configure(_) if access == Access::ReadOnly => {
                Outcome::failed(path, format!("% {READ_ONLY}"))
            }
            Handler::Configure(handler) => self.configure(path, &found, handler, line),
            Handler::Nothing => Outcome::at(path),
            Handler::Refuse { reason, .. } => Outcome::failed(path, format!("% {reason}")),
        }
    }

    fn configure(
        &self,
        path: &[Mode],
        found: &Found<'_>,
        handler: fn(&mut Edit<'_>, &super::Args<'_>) -> Result<(), super::Reject>,
        line: &str,
    ) -> Outcome {
        let mut inner: Vec<Mode> = path.iter().take(found.depth).cloned().collect();
        let edited = self.store.edit(|config| {
            handler(&mut Edit { config, path: &mut inner }, &found.args).map_err(|reject| match reject.at {
                Some(at) => point_at(line, at, &format!("% {reject}")),
                None => format!("% {reject}"),
            })
        });
        match edited {
            Ok(()) => Outcome::at(&inner),
            Err(error) => Outcome::failed(path, error),
        }
    }

    fn act(&self, path: &[Mode], action: ShellAction, access: Access, out: &mut dyn Sink) -> Outcome {
        let mut outcome = Outcome::at(path);
        match action {
            ShellAction::Configure if access == Access::ReadOnly => {
                outcome.error = Some(format!("% {READ_ONLY}"));
            }
            ShellAction::Configure => outcome.path = vec![Mode::Configure],
            ShellAction::Exit => {
                outcome.close = outcome.path.pop().is_none();
            }
            ShellAction::End => outcome.path.clear(),
            ShellAction::Do(line) => {
                let done = self.run_plain(&[], &line, access, out);
                // `do configure` and `do exit` lead nowhere: the place stays.
                outcome.error = done.error;
                outcome.page_length = done.page_length;
            }
            ShellAction::ShowRunning { json, header } => {
                outcome.error = self.show_running(json, header, access, out).err().map(|e| format!("% {e}"));
            }
            ShellAction::ShowStartup => {
                outcome.error = self.show_startup(access, out).err().map(|e| format!("% {e}"));
            }
            ShellAction::Write if access == Access::ReadOnly => {
                outcome.error = Some(format!("% {READ_ONLY}"));
            }
            ShellAction::Write => {
                let written = self.store.save().and_then(|path| {
                    out.text(&format!("Configuration saved to {}\n[OK]\n", path.display()))
                        .map_err(ExecError::from)
                });
                outcome.error = written.err().map(|error| format!("% {error}"));
            }
            ShellAction::TerminalLength(length) => outcome.page_length = Some(length),
            ShellAction::Nothing => {}
        }
        outcome
    }

    fn show_running(
        &self,
        json: bool,
        header: bool,
        access: Access,
        out: &mut dyn Sink,
    ) -> Result<(), ExecError> {
        let mut running = (*self.store.running()).clone();
        if access == Access::ReadOnly {
            hide_passwords(&mut running);
        }
        if json {
            let text =
                serde_json::to_string_pretty(&running).map_err(|error| ExecError(error.to_string()))?;
            out.text(&text)?;
            out.text("\n")?;
            return Ok(());
        }
        if header {
            out.text("Building configuration...\n\nCurrent configuration:\n")?;
        }
        out.text(&config::render(&running))?;
        if header {
            out.text("end\n")?;
        }
        Ok(())
    }

    fn show_startup(&self, access: Access, out: &mut dyn Sink) -> Result<(), ExecError> {
        if access == Access::ReadOnly {
            return Err(ExecError(READ_ONLY.into()));
        }
        out.text(&self.store.read_file()?)?;
        Ok(())
    }

    /// The lines of `?` behind an unfinished line.
    pub fn help(&self, path: &[Mode], line: &str) -> Vec<HelpLine> {
        self.offer(path, line, |kind, line| {
            commands_of(kind).map(|mode| mode.grammar.help(line)).unwrap_or_default()
        })
    }

    /// What Tab may put in place of the last, unfinished word, sorted; and how many octets that word has.
    pub fn complete(&self, path: &[Mode], line: &str) -> (Vec<String>, usize) {
        let prefix_length = match line.chars().next_back() {
            Some(last) if !last.is_whitespace() => {
                token::words(line).last().map_or(0, |word| word.text.len())
            }
            _ => 0,
        };
        let words = self.offer(path, line, |kind, line| {
            let Some(mode) = commands_of(kind) else { return Vec::new() };
            let (completions, prefix) = mode.grammar.complete(line);
            let mut words = BTreeSet::new();
            for completion in completions {
                match completion {
                    Completion::Keyword(word) => _ = words.insert(word),
                    Completion::Value(kind, name) => {
                        let values = self.values(kind, &name);
                        words.extend(values.into_iter().filter(|value| value.starts_with(prefix)));
                    }
                }
            }
            words.into_iter().collect()
        });
        (words, prefix_length)
    }

    /// Asks the innermost mode first, then those around it; behind `do`, the operational commands.
    fn offer<T>(&self, path: &[Mode], line: &str, ask: impl Fn(ModeKind, &str) -> Vec<T>) -> Vec<T> {
        let line = line.trim_start();
        if !path.is_empty()
            && let Some(operational) = line.strip_prefix("do ")
        {
            return ask(ModeKind::Exec, operational.trim_start());
        }
        for depth in (path.len().min(1)..=path.len()).rev() {
            let kind = path.get(..depth).and_then(<[Mode]>::last).map_or(ModeKind::Exec, Mode::kind);
            let offered = ask(kind, line);
            if !offered.is_empty() {
                return offered;
            }
        }
        Vec::new()
    }

    /// Values that the configuration or the daemon knows for a word of a declaration.
    fn values(&self, kind: Kind, name: &str) -> BTreeSet<String> {
        let what = match (kind, name) {
            (Kind::Word, "peer") | (_, "group") => Candidates::PeerGroups,
            (_, "peer") => Candidates::Peers,
            (Kind::Vni, _) => Candidates::Vnis,
            (_, "bridge") => Candidates::BridgeDomains,
            (_, "vrf") => Candidates::Vrfs,
            (_, "route_map") => Candidates::RouteMaps,
            (_, "prefix_list") => Candidates::PrefixLists,
            (_, "access_list") => Candidates::AccessLists,
            (_, "mac_list") => Candidates::MacAccessLists,
            (_, "clist") => Candidates::CommunityLists,
            (_, "as_path_list") => Candidates::AsPathLists,
            (_, "domain") => Candidates::Domains,
            (Kind::Interface, _) => Candidates::Interfaces,
            (_, "vtep") => Candidates::Vteps,
            _ => return BTreeSet::new(),
        };
        let mut values: BTreeSet<String> = self.store.backend().candidates(what).into_iter().collect();
        values.extend(candidates::configured(&self.store.running(), what));
        // `<A.B.C.D|X:X::X:X>`: each alternative offers its own family.
        values.retain(|value| kind.takes(value));
        values
    }
}

const READ_ONLY: &str = "not permitted: only root and the daemon's user may change anything";

fn hide_passwords(config: &mut config::Config) {
    config.bgp.iter_mut().for_each(hide_passwords_of);
    config.bgp_vrfs.values_mut().for_each(hide_passwords_of);
}

fn hide_passwords_of<F>(bgp: &mut config::Bgp<F>) {
    let neighbors = bgp.neighbors.values_mut().map(|neighbor| &mut neighbor.settings);
    for settings in bgp.peer_groups.values_mut().chain(neighbors) {
        if settings.password.is_some() {
            settings.password = Some("<hidden>".into());
        }
    }
}

/// vtysh's words, with a caret under what is wrong and what was expected there.
fn match_error(error: &MatchError, line: &str) -> String {
    match error {
        MatchError::Unknown { at, .. } => {
            let (_, message) = config::parse::describe(error, line);
            format!("{}\n% {message}", point_at(line, *at, &format!("% Unknown command: {}", line.trim())))
        }
        MatchError::Incomplete { .. } => {
            let (_, message) = config::parse::describe(error, line);
            format!("% Command incomplete: {}\n% {message}", line.trim())
        }
        MatchError::Ambiguous { at, candidates, .. } => {
            let text = format!("% Ambiguous command: {}", line.trim());
            format!("{}\n% it may be {}", point_at(line, *at, &text), candidates.join(" or "))
        }
    }
}

/// The message, the line, and a caret under an octet of it.
fn point_at(line: &str, at: usize, message: &str) -> String {
    let padding = " ".repeat(config::parse::column(line, at).saturating_sub(1));
    format!("{message}\n  {}\n  {padding}^", line.trim_end())
}
