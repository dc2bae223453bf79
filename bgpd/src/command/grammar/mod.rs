//! The grammar of one mode: a graph of words for every command declared in it, and the matcher.
//!
//! Matching walks all commands at once. At each word an exact keyword beats a typed value, which
//! beats an abbreviated keyword, which beats free text; what is still equal at the end is ambiguous.
//! A file is matched strictly: no abbreviations there, as in FRR.

pub mod complete;
pub mod spec;
pub mod token;
pub mod vocabulary;

pub use complete::{Completion, HelpLine};
pub use token::Kind;

use token::Word;

/// A node of the graph.
pub type NodeId = usize;

/// What follows the last word of a command.
pub const END: NodeId = NodeId::MAX;

/// What a node takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// This word, or an abbreviation of it.
    Keyword(String),
    /// Any word of this type.
    Variable(Kind),
}

impl Matcher {
    /// How help and errors show it.
    pub fn display(&self) -> String {
        match self {
            Self::Keyword(text) => text.clone(),
            Self::Variable(kind) => kind.display(),
        }
    }
}

/// One word of a command.
#[derive(Debug)]
pub struct Node {
    /// What it takes.
    pub matcher: Matcher,
    /// The name under which the handler finds the word.
    pub name: String,
    /// One line for the operator.
    pub help: String,
    /// What may follow.
    pub next: Vec<NodeId>,
}

#[derive(Debug)]
struct Form {
    command: usize,
    negative: bool,
    hidden: bool,
    starts: Vec<NodeId>,
}

/// Every command of a mode.
#[derive(Debug, Default)]
pub struct Grammar {
    nodes: Vec<Node>,
    forms: Vec<Form>,
    defects: Vec<String>,
}

/// How well a word fits a node; smaller is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Exact,
    Typed,
    Abbreviated,
    Free,
    Rest,
}

/// A way through the graph that took every word so far.
#[derive(Debug, Clone)]
struct Thread {
    form: usize,
    fits: Vec<Fit>,
    path: Vec<NodeId>,
}

/// A word that the handler asks for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture<'a> {
    /// The name in the declaration.
    pub name: &'a str,
    /// The keyword in full, or the value as it was typed.
    pub text: &'a str,
    /// Octets before it in the line.
    pub start: usize,
    /// It is a value, not a keyword.
    pub value: bool,
}

/// A command that a line is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match<'a> {
    /// Which, in the order of declaration.
    pub command: usize,
    /// It is the `no` form.
    pub negative: bool,
    /// Every word by name.
    pub captures: Vec<Capture<'a>>,
}

/// Why a line is no command. `at` is the number of octets before the word that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchError {
    /// No command has such a word here.
    Unknown {
        /// Where.
        at: usize,
        /// Words before it that were understood.
        understood: usize,
        /// What could stand here.
        expected: Vec<String>,
    },
    /// The line ends too early.
    Incomplete {
        /// The end of the line.
        at: usize,
        /// Words that were understood: all.
        understood: usize,
        /// What could follow.
        expected: Vec<String>,
    },
    /// An abbreviation of several words.
    Ambiguous {
        /// Where.
        at: usize,
        /// Words before it that were understood.
        understood: usize,
        /// The words it may be.
        candidates: Vec<String>,
    },
}

impl MatchError {
    /// How many words were understood: the mode in which a line got furthest is the one meant.
    pub fn understood(&self) -> usize {
        match self {
            Self::Unknown { understood, .. }
            | Self::Incomplete { understood, .. }
            | Self::Ambiguous { understood, .. } => *understood,
        }
    }
}

impl Grammar {
    /// Adds a declaration. A hidden one is matched but not offered by help and completion.
    /// A declaration that cannot be read is remembered as a defect, which a test asserts away.
    pub fn declare(&mut self, command: usize, declaration: &str, hidden: bool) {
        let spec = match spec::parse(declaration) {
            Ok(spec) => spec,
            Err(error) => {
                self.defects.push(format!("{declaration}: {error}"));
                return;
            }
        };
        let first_new = self.nodes.len();
        let mut add = |item: &spec::Item, negative| {
            let starts = spec::add(item, &[END], "", &mut self.nodes);
            self.forms.push(Form { command, negative, hidden, starts });
        };
        add(&spec.positive, false);
        if let Some(item) = &spec.negative {
            add(item, true);
        }
        let mute = self.nodes.iter().skip(first_new).filter(|node| !hidden && node.help.is_empty());
        self.defects.extend(
            mute.map(|node| {
                format!("{declaration}: no help for {} (${})", node.matcher.display(), node.name)
            }),
        );
    }

    /// Declarations that could not be read, and words without help.
    pub fn defects(&self) -> &[String] {
        &self.defects
    }

    /// Finds the command that the line is.
    pub fn find<'a>(&'a self, line: &'a str, strict: bool) -> Result<Match<'a>, MatchError> {
        let words = token::words(line);
        let end_of_line = line.trim_end().len();
        let mut threads = self.fresh_threads();
        for (index, word) in words.iter().enumerate() {
            let next = self.advance(&threads, *word, strict);
            if next.is_empty() {
                let expected = self.expected(&threads);
                return Err(MatchError::Unknown { at: word.start, understood: index, expected });
            }
            // A thread in a LINE has taken the rest; it stays as it is while the others go on.
            threads = next;
        }
        let mut complete: Vec<&Thread> =
            threads.iter().filter(|thread| spec::may_end(self.next(thread))).collect();
        complete.sort_by(|a, b| a.fits.cmp(&b.fits));
        let Some(best) = complete.first() else {
            return Err(self.incomplete(&threads, &words, end_of_line));
        };
        let rivals = complete.iter().skip(1).take_while(|thread| thread.fits == best.fits);
        for rival in rivals {
            if let Some(error) = self.difference(best, rival, &words) {
                return Err(error);
            }
        }
        Ok(self.captures(best, line, &words))
    }

    fn fresh_threads(&self) -> Vec<Thread> {
        let forms = 0..self.forms.len();
        forms.map(|form| Thread { form, fits: Vec::new(), path: Vec::new() }).collect()
    }

    /// The nodes that may follow a thread.
    fn next(&self, thread: &Thread) -> &[NodeId] {
        match thread.path.last() {
            Some(last) => self.nodes.get(*last).map_or(&[], |node| node.next.as_slice()),
            None => self.forms.get(thread.form).map_or(&[], |form| form.starts.as_slice()),
        }
    }

    fn in_rest(&self, thread: &Thread) -> bool {
        thread.fits.last() == Some(&Fit::Rest)
    }

    /// Every thread that can take the word.
    fn advance(&self, threads: &[Thread], word: Word<'_>, strict: bool) -> Vec<Thread> {
        let mut advanced = Vec::new();
        for thread in threads {
            if self.in_rest(thread) {
                advanced.push(thread.clone());
                continue;
            }
            for id in self.next(thread) {
                let Some(node) = self.nodes.get(*id) else { continue };
                let Some(fit) = fit(&node.matcher, word.text, strict) else { continue };
                // `{a|b}` takes each keyword once.
                if matches!(node.matcher, Matcher::Keyword(_)) && thread.path.contains(id) {
                    continue;
                }
                let mut thread = thread.clone();
                thread.fits.push(fit);
                thread.path.push(*id);
                advanced.push(thread);
            }
        }
        advanced
    }

    /// What could follow these threads, as help shows it; nothing hidden.
    fn expected(&self, threads: &[Thread]) -> Vec<String> {
        let mut expected = Vec::new();
        for thread in threads.iter().filter(|thread| !self.is_hidden(thread)) {
            for id in self.next(thread) {
                match self.nodes.get(*id) {
                    Some(node) => expected.push(node.matcher.display()),
                    None => expected.push("end of line".into()),
                }
            }
        }
        expected.sort();
        expected.dedup();
        expected
    }

    fn is_hidden(&self, thread: &Thread) -> bool {
        self.forms.get(thread.form).is_none_or(|form| form.hidden)
    }

    /// A line that ends too early is ambiguous if its last abbreviation is several words.
    fn incomplete(&self, threads: &[Thread], words: &[Word<'_>], end: usize) -> MatchError {
        let best = threads.iter().map(|thread| &thread.fits).min();
        let best: Vec<&Thread> = threads.iter().filter(|thread| Some(&thread.fits) == best).collect();
        if let [first, others @ ..] = best.as_slice()
            && let Some(error) = others.iter().find_map(|other| self.difference(first, other, words))
        {
            return error;
        }
        let best: Vec<Thread> = best.into_iter().cloned().collect();
        MatchError::Incomplete { at: end, understood: words.len(), expected: self.expected(&best) }
    }

    /// The first word that two threads read as different keywords.
    fn difference(&self, a: &Thread, b: &Thread, words: &[Word<'_>]) -> Option<MatchError> {
        let pairs = a.path.iter().zip(&b.path).zip(words).enumerate();
        for (index, ((a, b), word)) in pairs {
            let (a, b) = (self.nodes.get(*a)?, self.nodes.get(*b)?);
            if let (Matcher::Keyword(a), Matcher::Keyword(b)) = (&a.matcher, &b.matcher)
                && a != b
            {
                let mut candidates = vec![a.clone(), b.clone()];
                candidates.sort();
                return Some(MatchError::Ambiguous { at: word.start, understood: index, candidates });
            }
        }
        None
    }

    fn captures<'a>(&'a self, thread: &Thread, line: &'a str, words: &[Word<'a>]) -> Match<'a> {
        let mut captures = Vec::with_capacity(thread.path.len());
        for ((id, fit), word) in thread.path.iter().zip(&thread.fits).zip(words) {
            let Some(node) = self.nodes.get(*id) else { continue };
            let text = match &node.matcher {
                Matcher::Keyword(full) => full.as_str(),
                Matcher::Variable(_) if *fit == Fit::Rest => {
                    line.get(word.start..).unwrap_or_default().trim_end()
                }
                Matcher::Variable(_) => word.text,
            };
            let value = matches!(node.matcher, Matcher::Variable(_));
            captures.push(Capture { name: &node.name, text, start: word.start, value });
        }
        let (command, negative) = match self.forms.get(thread.form) {
            Some(form) => (form.command, form.negative),
            None => (usize::MAX, false),
        };
        Match { command, negative, captures }
    }
}

fn fit(matcher: &Matcher, word: &str, strict: bool) -> Option<Fit> {
    match matcher {
        Matcher::Keyword(text) if text == word => Some(Fit::Exact),
        Matcher::Keyword(text) => (!strict && text.starts_with(word)).then_some(Fit::Abbreviated),
        Matcher::Variable(Kind::Line) => Some(Fit::Rest),
        Matcher::Variable(kind) if kind.takes(word) => {
            Some(if kind.is_free() { Fit::Free } else { Fit::Typed })
        }
        Matcher::Variable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grammar() -> Grammar {
        let mut grammar = Grammar::default();
        let declarations = [
            "show [ip] bgp summary [json]",
            "show [ip] bgp neighbors [<A.B.C.D|X:X::X:X>$peer] [json]",
            "show bgp l2vpn evpn route [detail] [type <macip|multicast>$type] [json]",
            "[no] neighbor <A.B.C.D|WORD>$peer timers / (0-65535)$keepalive (0-65535)$hold",
            "[no] neighbor <A.B.C.D|WORD>$peer description / LINE$description",
            "configure terminal",
            "clear bgp <*|A.B.C.D>$peer [{soft|in}]",
        ];
        for (index, declaration) in declarations.iter().enumerate() {
            grammar.declare(index, declaration, false);
        }
        grammar
    }

    fn captured(line: &str) -> Vec<String> {
        let grammar = grammar();
        let found = grammar.find(line, false).unwrap();
        found.captures.iter().map(|c| format!("{}={}", c.name, c.text)).collect()
    }

    #[test]
    fn abbreviations_are_completed() {
        assert_eq!(
            captured("sh bgp l2 evpn ro ty mac j"),
            [
                "show=show",
                "bgp=bgp",
                "l2vpn=l2vpn",
                "evpn=evpn",
                "route=route",
                "type=type",
                "type=macip",
                "json=json"
            ]
        );
        assert!(grammar().find("sh bgp summary", true).is_err(), "not in a file");
    }

    #[test]
    fn an_ambiguous_word_is_told_with_what_it_may_be() {
        let error = grammar().find("sh bgp l2 evpn ro type m", false).unwrap_err();
        let candidates = vec!["macip".to_owned(), "multicast".to_owned()];
        assert_eq!(error, MatchError::Ambiguous { at: 23, understood: 6, candidates });
        let error = grammar().find("c", false).unwrap_err();
        assert!(matches!(error, MatchError::Ambiguous { at: 0, .. }), "{error:?}");
    }

    #[test]
    fn a_line_too_short_tells_what_could_follow() {
        let error = grammar().find("neighbor 10.0.0.1 timers 3 ", true).unwrap_err();
        let expected = vec!["(0-65535)".to_owned()];
        assert_eq!(error, MatchError::Incomplete { at: 26, understood: 4, expected });
    }

    #[test]
    fn an_unknown_word_is_found_at_its_place() {
        let error = grammar().find("neighbor 10.0.0.1 timers 3 70000", true).unwrap_err();
        assert_eq!(
            error,
            MatchError::Unknown { at: 27, understood: 4, expected: vec!["(0-65535)".to_owned()] }
        );
        let error = grammar().find("show bgp summary json x", true).unwrap_err();
        assert_eq!(
            error,
            MatchError::Unknown { at: 22, understood: 4, expected: vec!["end of line".to_owned()] }
        );
    }

    #[test]
    fn the_negative_form_needs_only_what_stands_before_the_slash() {
        let grammar = grammar();
        for line in ["no neighbor A timers", "no neighbor A timers 3 9"] {
            assert!(grammar.find(line, true).unwrap().negative, "{line}");
        }
        assert!(grammar.find("neighbor A timers", true).is_err());
    }

    #[test]
    fn the_rest_of_a_line_is_kept_as_typed() {
        assert_eq!(
            captured("neighbor A description to  the spine! ").last().unwrap(),
            "description=to  the spine!"
        );
    }

    #[test]
    fn a_keyword_of_a_set_is_taken_once_in_any_order() {
        let grammar = grammar();
        assert!(grammar.find("clear bgp * in soft", true).is_ok());
        assert!(grammar.find("clear bgp * soft soft", true).is_err());
    }
}
