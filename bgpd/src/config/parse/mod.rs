//! Reads a configuration file: every line through the grammar of `command`, strictly (no
//! abbreviations). All errors are collected; with any, nothing is taken.

mod subjects;

use super::{
    model::Config,
    validate::{Completeness, Subject, validate},
};
use crate::command::{
    Args, Handler, Mode, Reject, ShellAction, configure::Edit, find, grammar::MatchError, grammar::token,
};
use std::{collections::BTreeMap, fmt};

/// A line that cannot be taken, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file, as it was named to us.
    pub file: String,
    /// From 1; 0 for an error that no line is to blame for.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The line as it stands in the file.
    pub text: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return write!(f, "{}: {}", self.file, self.message);
        }
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        writeln!(f, "    {}", self.text)?;
        // Tabs are kept, so the caret stands right under any tab width.
        let padding = self.text.chars().take(self.column.saturating_sub(1));
        let padding: String = padding.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        write!(f, "    {padding}^")
    }
}

impl std::error::Error for ConfigError {}

/// Reads a whole configuration.
pub fn parse(file: &str, text: &str) -> Result<Config, Vec<ConfigError>> {
    parse_onto(file, text, Config::default())
}

/// Reads lines that change an existing configuration, as if typed in a shell, but all or none.
pub fn parse_onto(file: &str, text: &str, base: Config) -> Result<Config, Vec<ConfigError>> {
    let mut reader = Reader {
        file,
        config: base,
        path: vec![Mode::Configure],
        skipping: None,
        bridge_domain_indent: 0,
        seen: BTreeMap::new(),
        remote_as: BTreeMap::new(),
        errors: Vec::new(),
    };
    for (number, line) in (1..).zip(text.lines()) {
        reader.line(number, line);
    }
    // An error in a line may be the cause of a problem found at the end, so those wait.
    if reader.errors.is_empty() {
        reader.problems();
    }
    if reader.errors.is_empty() { Ok(reader.config) } else { Err(reader.errors) }
}

struct Reader<'a> {
    file: &'a str,
    config: Config,
    path: Vec<Mode>,
    /// The indentation of a refused block's first line, while its other lines are passed over.
    skipping: Option<usize>,
    /// The indentation of the last `bridge-domain` line.
    bridge_domain_indent: usize,
    /// Where each subject of a problem was named: line, column, text.
    seen: BTreeMap<Subject, (usize, usize, &'a str)>,
    /// What `remote-as` each neighbour was given, and by which line.
    remote_as: BTreeMap<Subject, (String, usize)>,
    errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    fn line(&mut self, number: usize, line: &'a str) {
        let words = line.trim();
        if words.is_empty() || words.starts_with(['!', '#']) || is_heading(words) {
            return;
        }
        if let Some(header) = self.skipping {
            if indentation(line) > header {
                return;
            }
            self.skipping = None;
            if words == "exit" || words.starts_with("exit-") {
                return;
            }
        }
        self.leave_bridge_domain(line);
        match find(&self.path, line, true) {
            Ok(found) => {
                self.path.truncate(found.depth.max(1));
                let run = self.run(found.command.handler, &found.args, line);
                if let Err(reject) = run.and_then(|()| self.once(&found.args, number)) {
                    let first = indentation(line);
                    if found.args.has("address-family") {
                        // Its lines would go into the block around it.
                        self.skipping = Some(first);
                    }
                    self.error(number, line, reject.at.unwrap_or(first), reject.message);
                } else {
                    self.see(&found.args, number, line);
                    if found.args.has("bridge") {
                        self.bridge_domain_indent = indentation(line);
                    }
                }
            }
            Err(error) => {
                let (at, message) = describe(&error, line);
                self.error(number, line, at, message);
            }
        }
    }

    /// `vrf NAME` and `gateway mac M` are lines of a bridge domain and of the whole file, and a file need not say
    /// `exit`: what is not indented below its `bridge-domain` is no line of it.
    fn leave_bridge_domain(&mut self, line: &str) {
        let inside = matches!(self.path.last(), Some(Mode::BridgeDomain(_)));
        if inside
            && indentation(line) <= self.bridge_domain_indent
            && find(&[Mode::Configure], line, true).is_ok()
        {
            self.path.truncate(1);
        }
    }

    fn run(&mut self, handler: Handler, args: &Args<'_>, line: &str) -> Result<(), Reject> {
        match handler {
            Handler::Configure(handler) => {
                handler(&mut Edit { config: &mut self.config, path: &mut self.path }, args)
            }
            Handler::Nothing => Ok(()),
            Handler::Refuse { reason, block } => {
                if block {
                    self.skipping = Some(indentation(line));
                }
                Err(Reject::line(reason))
            }
            Handler::Shell(action) => match action(args)? {
                ShellAction::Exit if self.path.len() > 1 => {
                    self.path.pop();
                    Ok(())
                }
                ShellAction::Exit | ShellAction::End => {
                    self.path.truncate(1);
                    Ok(())
                }
                _ => Err(Reject::line("not a line of configuration")),
            },
            Handler::Exec(_) => Err(Reject::line("not a line of configuration")),
        }
    }

    /// A file says a neighbour's AS once: a second `remote-as` with another one is a slip in the address, and the
    /// first neighbour would be lost.
    fn once(&mut self, args: &Args<'_>, number: usize) -> Result<(), Reject> {
        let Some(asn) =
            args.text("remote-as").and(args.text("asn").or(args.text("internal")).or(args.text("external")))
        else {
            return Ok(());
        };
        for (subject, start) in subjects::of(&self.path, args) {
            if args.negative() {
                self.remote_as.remove(&subject);
            } else if let Some((_, line)) = self.remote_as.get(&subject).filter(|(known, _)| *known != asn) {
                let message = format!("{subject} is there already, by line {line}, with another remote-as");
                return Err(Reject { at: Some(start), message });
            } else {
                self.remote_as.insert(subject, (asn.to_owned(), number));
            }
        }
        Ok(())
    }

    /// Remembers where the line names what a problem may be about. What a later line may say anew, like a
    /// `vni`, was said where it was said last.
    fn see(&mut self, args: &Args<'_>, number: usize, line: &'a str) {
        for (subject, start) in subjects::of(&self.path, args) {
            if subject.within().is_some() {
                self.seen.insert(subject, (number, start, line));
            } else {
                self.seen.entry(subject).or_insert((number, start, line));
            }
        }
    }

    /// The place of a subject, or of the block that it is in.
    fn place(&self, subject: &Subject) -> Option<(usize, usize, &'a str)> {
        self.seen.get(subject).copied().or_else(|| self.seen.get(&subject.within()?).copied())
    }

    fn problems(&mut self) {
        for problem in validate(&self.config, Completeness::Whole) {
            match self.place(&problem.subject) {
                Some((number, start, line)) => self.error(number, line, start, problem.to_string()),
                None => self.errors.push(ConfigError {
                    file: self.file.to_owned(),
                    line: 0,
                    column: 0,
                    text: String::new(),
                    message: problem.to_string(),
                }),
            }
        }
        self.errors.sort_by_key(|error| (error.line, error.column));
    }

    fn error(&mut self, line: usize, text: &str, at: usize, message: String) {
        self.errors.push(ConfigError {
            file: self.file.to_owned(),
            line,
            column: column(text, at),
            text: text.trim_end().to_owned(),
            message,
        });
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The column of an octet, from 1, in characters.
pub fn column(line: &str, at: usize) -> usize {
    line.char_indices().take_while(|(start, _)| *start < at).count() + 1
}

/// The two lines that `show running-config` puts above: what it printed reads back as it is.
fn is_heading(words: &str) -> bool {
    matches!(words, "Building configuration..." | "Current configuration:")
}

/// How many expectations are spelled out.
const MANY: usize = 20;

/// Where a line failed to match, and one sentence on what was expected.
pub fn describe(error: &MatchError, line: &str) -> (usize, String) {
    match error {
        MatchError::Unknown { at, understood, expected } => {
            let rest = line.get(*at..).unwrap_or_default();
            let word = token::words(rest).first().map_or("", |word| word.text);
            let what = if *understood == 0 { "unknown command" } else { "unexpected word" };
            (*at, format!("{what} `{word}`{}", expectation(word, expected)))
        }
        MatchError::Incomplete { at, expected, .. } => {
            (*at, format!("the line is incomplete{}", expectation("", expected)))
        }
        MatchError::Ambiguous { at, candidates, .. } => {
            (*at, format!("ambiguous: {}", candidates.join(" or ")))
        }
    }
}

fn expectation(word: &str, expected: &[String]) -> String {
    let close = expected.iter().filter(|candidate| candidate.starts_with(|c: char| c.is_ascii_lowercase()));
    let close = close.map(|candidate| (distance(word, candidate), candidate)).min();
    let near = close.filter(|(distance, _)| !word.is_empty() && *distance <= 2.min(word.len() / 2));
    match (near, expected) {
        (Some((_, candidate)), _) => format!("; did you mean `{candidate}`?"),
        (None, []) => String::new(),
        (None, [only]) => format!("; expected {only}"),
        (None, few) if few.len() <= MANY => format!("; expected one of {}", few.join(", ")),
        (None, many) => {
            let some: Vec<&str> = many.iter().take(MANY).map(String::as_str).collect();
            format!("; expected one of {}, … ({} in all)", some.join(", "), many.len())
        }
    }
}

/// Edits (insert, delete, replace) from one word to the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(i + 1);
        for ((pair, to), left) in row.windows(2).zip(&b).zip(0..) {
            let (above_left, above) = match pair {
                [x, y] => (*x, *y),
                _ => continue,
            };
            let left: usize = next.get(left).copied().unwrap_or(usize::MAX - 1);
            let replaced = above_left + usize::from(from != *to);
            next.push(replaced.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
