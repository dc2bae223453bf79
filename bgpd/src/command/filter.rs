//! Output filters: `COMMAND | include RE`, `exclude`, `begin`, `count`. Lines are matched as they
//! stream by; a line longer than the bound is matched in pieces, so that memory stays bounded.

use super::{Sink, SinkClosed, grammar::token};
use regex::Regex;

/// The longest line that is matched as one.
const LONGEST_LINE: usize = 1 << 20;

/// What to keep.
#[derive(Debug)]
pub enum Filter {
    /// Lines that match.
    Include(Regex),
    /// Lines that do not match.
    Exclude(Regex),
    /// The first line that matches and all behind it.
    Begin(Regex),
    /// Only the number of lines (that match).
    Count(Option<Regex>),
}

/// Why the part behind `|` is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// No such filter.
    #[error("unknown filter `{0}`; expected include, exclude, begin or count")]
    Unknown(String),
    /// The expression is missing.
    #[error("`| {0}` needs an expression")]
    Missing(String),
    /// The expression is wrong.
    #[error("not a regular expression: {0}")]
    Expression(String),
}

/// Cuts a line at a `|` that stands alone, if filters are allowed here.
pub fn split(line: &str, allowed: bool) -> Result<(&str, Option<Filter>), FilterError> {
    let bar = token::words(line).into_iter().find(|word| word.text == "|");
    let (Some(bar), true) = (bar, allowed) else { return Ok((line, None)) };
    let (command, rest) = line.split_at(bar.start);
    let rest = rest.trim_start_matches('|').trim();
    let (name, expression) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let expression = expression.trim();
    let names = ["include", "exclude", "begin", "count", "grep"];
    let is = names.into_iter().find(|full| !name.is_empty() && full.starts_with(name));
    let compile = || match expression {
        "" => Err(FilterError::Missing(name.to_owned())),
        text => Regex::new(text).map_err(|error| FilterError::Expression(error.to_string())),
    };
    let filter = match is {
        Some("include" | "grep") => Filter::Include(compile()?),
        Some("exclude") => Filter::Exclude(compile()?),
        Some("begin") => Filter::Begin(compile()?),
        Some("count") if expression.is_empty() => Filter::Count(None),
        Some("count") => Filter::Count(Some(compile()?)),
        _ => return Err(FilterError::Unknown(name.to_owned())),
    };
    Ok((command, Some(filter)))
}

/// A sink that passes on what the filter keeps.
pub struct Filtered<'a> {
    filter: Filter,
    begun: bool,
    count: u64,
    line: String,
    out: &'a mut dyn Sink,
}

impl std::fmt::Debug for Filtered<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Filtered").field("filter", &self.filter).finish_non_exhaustive()
    }
}

impl<'a> Filtered<'a> {
    /// Filters into this sink.
    pub fn new(filter: Filter, out: &'a mut dyn Sink) -> Self {
        Filtered { filter, begun: false, count: 0, line: String::new(), out }
    }

    /// The last line, if it had no end, and the number of lines if that was asked for.
    pub fn finish(mut self) -> Result<(), SinkClosed> {
        if !self.line.is_empty() {
            self.take_line()?;
        }
        match self.filter {
            Filter::Count(_) => self.out.text(&format!("{}\n", self.count)),
            _ => Ok(()),
        }
    }

    fn take_line(&mut self) -> Result<(), SinkClosed> {
        let line = std::mem::take(&mut self.line);
        let text = line.trim_end_matches('\n');
        let keep = match &self.filter {
            Filter::Include(expression) => expression.is_match(text),
            Filter::Exclude(expression) => !expression.is_match(text),
            Filter::Begin(expression) => {
                self.begun = self.begun || expression.is_match(text);
                self.begun
            }
            Filter::Count(expression) => {
                let counts = expression.as_ref().is_none_or(|expression| expression.is_match(text));
                self.count += u64::from(counts);
                false
            }
        };
        if keep { self.out.text(&line) } else { Ok(()) }
    }
}

impl Sink for Filtered<'_> {
    fn text(&mut self, text: &str) -> Result<(), SinkClosed> {
        for piece in text.split_inclusive('\n') {
            self.line.push_str(piece);
            if piece.ends_with('\n') || self.line.len() > LONGEST_LINE {
                self.take_line()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(command: &str, pieces: &[&str]) -> String {
        let (_, filter) = split(command, true).unwrap();
        let mut out = String::new();
        let mut sink = Filtered::new(filter.unwrap(), &mut out);
        for piece in pieces {
            sink.text(piece).unwrap();
        }
        sink.finish().unwrap();
        out
    }

    #[test]
    fn lines_are_kept_whatever_pieces_they_come_in() {
        let pieces = ["one\ntw", "o\nthree\n", "four"];
        assert_eq!(filtered("show x | include ^t", &pieces), "two\nthree\n");
        assert_eq!(filtered("show x | exc o", &pieces), "three\n");
        assert_eq!(filtered("show x | begin thr", &pieces), "three\nfour");
        assert_eq!(filtered("show x | count", &pieces), "4\n");
        assert_eq!(filtered("show x | count o", &pieces), "3\n");
    }

    #[test]
    fn a_wrong_filter_is_told() {
        assert_eq!(
            split("show x | foo", true).unwrap_err().to_string(),
            "unknown filter `foo`; expected include, exclude, begin or count"
        );
        assert!(matches!(split("show x | include", true), Err(FilterError::Missing(_))));
        assert!(matches!(split("show x | include (", true), Err(FilterError::Expression(_))));
        assert!(split("neighbor x description a | b", false).unwrap().1.is_none());
    }
}
