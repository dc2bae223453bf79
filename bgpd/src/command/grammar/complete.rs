//! Help and completion: what may stand at the end of a line that is being typed.

use super::{END, Grammar, Kind, Matcher, Thread, spec, token};

/// One line of `?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HelpLine {
    /// The keyword, the type, or `<cr>`.
    pub word: String,
    /// What it is.
    pub help: String,
}

/// A word that Tab may put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Completion {
    /// This keyword.
    Keyword(String),
    /// A value that only the running daemon knows; by type and name in the declaration.
    Value(Kind, String),
}

impl Grammar {
    /// The lines that `?` shows behind this text.
    pub fn help(&self, line: &str) -> Vec<HelpLine> {
        let (threads, prefix) = self.before_cursor(line);
        let mut lines = Vec::new();
        for thread in threads.iter().filter(|thread| !self.is_hidden(thread) && !self.in_rest(thread)) {
            for id in self.next(thread) {
                match self.nodes.get(*id) {
                    Some(node) if self.may_take(thread, *id, prefix) => {
                        lines.push(HelpLine { word: node.matcher.display(), help: node.help.clone() });
                    }
                    None if *id == END && prefix.is_empty() && !thread.path.is_empty() => {
                        lines.push(HelpLine { word: "<cr>".into(), help: String::new() });
                    }
                    _ => {}
                }
            }
        }
        let inside_line = threads.iter().any(|thread| self.in_rest(thread));
        if inside_line {
            lines.push(HelpLine { word: "<cr>".into(), help: String::new() });
        }
        // `<cr>` last, as FRR has it.
        lines.sort_by(|a, b| (a.word == "<cr>", a).cmp(&(b.word == "<cr>", b)));
        lines.dedup_by(|a, b| a.word == b.word);
        lines
    }

    /// What Tab may put in place of the last, unfinished word (which it returns too).
    pub fn complete<'a>(&self, line: &'a str) -> (Vec<Completion>, &'a str) {
        let (threads, prefix) = self.before_cursor(line);
        let mut completions = Vec::new();
        for thread in threads.iter().filter(|thread| !self.is_hidden(thread) && !self.in_rest(thread)) {
            for id in self.next(thread) {
                let Some(node) = self.nodes.get(*id) else { continue };
                let completion = match &node.matcher {
                    Matcher::Keyword(text) if self.may_take(thread, *id, prefix) => {
                        Completion::Keyword(text.clone())
                    }
                    Matcher::Keyword(_) => continue,
                    Matcher::Variable(kind) => Completion::Value(*kind, node.name.clone()),
                };
                if !completions.contains(&completion) {
                    completions.push(completion);
                }
            }
        }
        (completions, prefix)
    }

    /// The threads that took every whole word, and the unfinished one.
    fn before_cursor<'a>(&self, line: &'a str) -> (Vec<Thread>, &'a str) {
        let words = token::words(line);
        let unfinished = match words.last() {
            Some(last) if !line.ends_with(char::is_whitespace) => Some(*last),
            _ => None,
        };
        let mut threads = self.fresh_threads();
        for word in words.iter().take(words.len() - usize::from(unfinished.is_some())) {
            threads = self.advance(&threads, *word, false);
            // An exact word is that word, not the beginning of another.
            let best = threads.iter().map(|thread| thread.fits.clone()).min();
            threads.retain(|thread| Some(&thread.fits) == best.as_ref());
        }
        (threads, unfinished.map_or("", |word| word.text))
    }

    fn may_take(&self, thread: &Thread, id: usize, prefix: &str) -> bool {
        let Some(node) = self.nodes.get(id) else { return false };
        match &node.matcher {
            Matcher::Keyword(text) => text.starts_with(prefix) && !thread.path.contains(&id),
            Matcher::Variable(kind) => prefix.is_empty() || could_become(*kind, prefix),
        }
    }
}

/// True if more characters could make the prefix a word of this type; errs towards yes.
fn could_become(kind: Kind, prefix: &str) -> bool {
    let only = |allowed: fn(char) -> bool| prefix.chars().all(allowed);
    match kind {
        Kind::Word | Kind::Line => true,
        Kind::Interface => token::is_interface_name(prefix),
        Kind::Range(_, high) => {
            only(|c| c.is_ascii_digit()) && prefix.parse::<u32>().is_ok_and(|n| n <= high)
        }
        Kind::Vni => only(|c| c.is_ascii_digit()),
        Kind::Ipv4 => only(|c| c.is_ascii_digit() || c == '.'),
        Kind::Ipv4Prefix => only(|c| c.is_ascii_digit() || c == '.' || c == '/'),
        Kind::Ipv6 | Kind::Mac => only(|c| c.is_ascii_hexdigit() || c == ':' || c == '.'),
        Kind::Ipv6Prefix => only(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '.' | '/')),
        Kind::Asn => only(|c| c.is_ascii_digit() || c == '.'),
        // By number or by name.
        Kind::Community => only(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-')),
        Kind::LargeCommunity => only(|c| c.is_ascii_digit() || c == ':'),
        Kind::Adjustment => only(|c| c.is_ascii_digit() || matches!(c, '+' | '-')),
        Kind::DomainId => only(|c| c.is_ascii_digit() || c == ':'),
        Kind::Rd | Kind::Rt => only(|c| c.is_ascii_digit() || c == '.' || c == ':'),
        Kind::RtMatch => only(|c| c.is_ascii_digit() || matches!(c, '.' | ':' | '*')),
    }
}

/// Puts help lines in two columns, as FRR does.
pub fn format_help(lines: &[HelpLine]) -> String {
    let width = lines.iter().map(|line| line.word.len()).max().unwrap_or(0);
    lines
        .iter()
        .map(|line| format!("  {:width$}  {}", line.word, line.help).trim_end().to_owned() + "\n")
        .collect()
}

/// Kept here so that the notation's own tests can walk both forms of a declaration.
pub fn example_lines(declaration: &str) -> Vec<(bool, String)> {
    let Ok(spec) = spec::parse(declaration) else { return Vec::new() };
    let positive = spec::examples(&spec.positive).into_iter().map(|line| (false, line));
    let negative = spec.negative.iter().flat_map(spec::examples).map(|line| (true, line));
    positive.chain(negative).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar() -> Grammar {
        let mut grammar = Grammar::default();
        grammar.declare(0, "show bgp summary [json]", false);
        grammar.declare(1, "show bgp neighbors [A.B.C.D$peer] [json]", false);
        grammar.declare(2, "show bgpx", true);
        grammar.declare(3, "[no] neighbor WORD$peer description / LINE$description", false);
        grammar
    }

    fn words(lines: Vec<HelpLine>) -> Vec<String> {
        lines.into_iter().map(|line| line.word).collect()
    }

    #[test]
    fn help_shows_what_may_follow_and_cr_last() {
        let grammar = grammar();
        assert_eq!(words(grammar.help("")), ["neighbor", "no", "show"]);
        assert_eq!(words(grammar.help("sh bgp nei ")), ["A.B.C.D", "json", "<cr>"]);
        assert_eq!(words(grammar.help("show bgp s")), ["summary"]);
        assert_eq!(words(grammar.help("show bgp summary json ")), ["<cr>"]);
        assert_eq!(words(grammar.help("show nonsense ")), Vec::<String>::new());
        assert_eq!(words(grammar.help("neighbor A description ")), ["LINE"]);
    }

    #[test]
    fn completion_offers_keywords_and_asks_for_values() {
        let grammar = grammar();
        let (completions, prefix) = grammar.complete("show bgp neighbors 1");
        assert_eq!(prefix, "1");
        assert_eq!(completions, [Completion::Value(Kind::Ipv4, "peer".into())]);
        let (completions, _) = grammar.complete("show bgp ");
        assert_eq!(
            completions,
            [Completion::Keyword("summary".into()), Completion::Keyword("neighbors".into())]
        );
    }
}
