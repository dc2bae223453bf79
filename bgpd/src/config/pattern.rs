//! Regular expressions as an operator writes them in expanded community lists and AS path lists: POSIX
//! extended ones, in which `_` stands for any delimiter, the beginning or the end (as in FRR).

use regex::bytes::{Regex, RegexBuilder};

/// What `_` stands for: the signs between the numbers of a path or of a list of communities.
const DELIMITER: &str = "(?:^|[,{}() ]|$)";
/// Octets that the automaton of one expression may have.
const SIZE_LIMIT: usize = 1 << 20;

/// A compiled expression; equal to another of the same text.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

/// The text is no regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no regular expression: {0}")]
pub struct PatternError(String);

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is malformed, or too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let regex = RegexBuilder::new(&translated(text)).unicode(false).size_limit(SIZE_LIMIT).build();
        match regex {
            Ok(regex) => Ok(Pattern { text: text.to_owned(), regex }),
            Err(error) => {
                // The parser's report has several lines, the last one says what is wrong.
                let report = error.to_string();
                let last = report.lines().last().unwrap_or_default();
                Err(PatternError(last.trim_start_matches("error: ").to_owned()))
            }
        }
    }

    /// True if it matches somewhere in the text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

/// `_` outside of brackets becomes what it stands for.
fn translated(text: &str) -> String {
    let mut translated = String::with_capacity(text.len());
    // Characters inside the current bracket expression: `]` as the first of them is no end (POSIX 9.3.5).
    let mut inside: Option<usize> = None;
    let mut escaped = false;
    for c in text.chars() {
        match (inside, c) {
            (None, '_') if !escaped => translated.push_str(DELIMITER),
            _ => translated.push(c),
        }
        inside = match (inside, c) {
            (None, '[') if !escaped => Some(0),
            (Some(n), ']') if n > 0 => None,
            (Some(0), '^') => Some(0),
            (Some(n), _) => Some(n + 1),
            (None, _) => None,
        };
        escaped = c == '\\' && !escaped && inside.is_none();
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Pattern::new(pattern).unwrap().is_match(text.as_bytes())
    }

    #[test]
    fn an_underscore_is_any_delimiter() {
        for text in ["65000", "65000 1", "1 65000", "1 65000 2", "1 {65000,2}", "(65000) 3"] {
            assert!(matches("_65000_", text), "{text}");
        }
        for text in ["165000", "650001", "", "1 650002"] {
            assert!(!matches("_65000_", text), "{text}");
        }
        assert!(matches("^$", "") && !matches("^$", "1"));
        assert!(matches("^65[0-9]+_", "65010 1") && !matches("^65[0-9]+$", "65010 1"));
        assert!(matches("[_x]", "_") && !matches("[_x]", " "), "not in brackets");
        assert!(matches("65000:.*", "65000:1 65001:2"));
    }

    #[test]
    fn what_is_none_is_told_in_one_line() {
        for text in ["(", "[a", "*", "a{2,1}"] {
            let error = Pattern::new(text).unwrap_err().to_string();
            assert!(!error.contains('\n') && error.len() > "no regular expression: ".len(), "{error}");
        }
    }
}
