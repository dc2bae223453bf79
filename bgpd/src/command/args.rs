//! The words of a line by name, for a handler, and how a handler says no.

use super::grammar::{Capture, Match};
use std::{fmt, str::FromStr};

/// The words of a line that a command took.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    captures: Vec<Capture<'a>>,
    negative: bool,
}

/// A handler's refusal: why, and which word is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Octets before that word in the line; the first word if no single one is to blame.
    pub at: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl Reject {
    /// The whole line is to blame.
    pub fn line(message: impl Into<String>) -> Self {
        Reject { at: None, message: message.into() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<'a> Args<'a> {
    /// The words of a match.
    pub fn new(found: Match<'a>) -> Self {
        Args { captures: found.captures, negative: found.negative }
    }

    /// True for the `no` form.
    pub fn negative(&self) -> bool {
        self.negative
    }

    /// True if a word of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.captures.iter().any(|capture| capture.name == name)
    }

    /// The last word of this name, keywords in full: of `type <ead|macip>$type` what was chosen.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.captures.iter().rev().find(|capture| capture.name == name).map(|capture| capture.text)
    }

    /// Every value of this name; keywords are none.
    pub fn values(&self, name: &str) -> impl DoubleEndedIterator<Item = &Capture<'a>> {
        self.captures.iter().filter(move |capture| capture.value && capture.name == name)
    }

    /// The last value of this name as typed; a keyword of this name is none.
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next_back().map(|capture| capture.text)
    }

    /// The value of this name, if it is there. The grammar checked its form.
    pub fn get<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, Reject> {
        self.values(name)
            .next_back()
            .map(|value| {
                value.text.parse().map_err(|error| self.reject(name, format!("{}: {error}", value.text)))
            })
            .transpose()
    }

    /// The word of this name as a value; it must be there.
    pub fn need<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, Reject> {
        self.get(name)?.ok_or_else(|| Reject::line(format!("expected a value for {name}")))
    }

    /// A refusal that points at the word of this name.
    pub fn reject(&self, name: &str, message: impl Into<String>) -> Reject {
        let at = self.captures.iter().rfind(|capture| capture.name == name).map(|capture| capture.start);
        Reject { at, message: message.into() }
    }
}
