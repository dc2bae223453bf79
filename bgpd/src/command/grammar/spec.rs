//! Reads a command's declaration and turns it into a graph of words.
//!
//! The notation is FRR's DEFPY: `word`, `(1-10)$name`, `<a|b>` one of, `[a]` optional, `{a|b}` any of them in
//! any order, each once, `X...` one or more. `[no]` in front declares the negative form too; a lone `/` ends
//! what the negative form must have: `[no] neighbor WORD$peer timers / (0-65535)$keepalive (0-65535)$hold`.

use super::{END, Matcher, Node, NodeId, token::Kind, vocabulary};

/// What a declaration says, as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A keyword, and the name it is kept by.
    Keyword(String, String),
    /// A variable, and the name it is kept by.
    Variable(Kind, String),
    /// One after the other.
    Sequence(Vec<Item>),
    /// One of these.
    OneOf(Vec<Item>),
    /// This or nothing.
    Optional(Box<Item>),
    /// Any of these, in any order, at least one.
    Unordered(Vec<Item>),
    /// This, once or more.
    Repeated(Box<Item>),
}

/// A declaration, read: the positive form, and the negative one if there is any.
#[derive(Debug)]
pub struct Spec {
    /// Without `no`.
    pub positive: Item,
    /// With `no`, and everything behind the `/` optional.
    pub negative: Option<Item>,
}

/// Reads a declaration.
pub fn parse(text: &str) -> Result<Spec, String> {
    let (negatable, text) = match text.strip_prefix("[no] ") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (head, tail) = match text.split_once(" /") {
        Some((head, tail)) if tail.is_empty() || tail.starts_with(' ') => (head, tail),
        _ => (text, ""),
    };
    let (head, tail) = (read_all(head)?, read_all(tail)?);
    let positive = Item::Sequence(vec![head.clone(), tail.clone()]);
    let no = Item::Keyword("no".into(), "no".into());
    let negative = negatable.then(|| Item::Sequence(vec![no, head, Item::Optional(Box::new(tail))]));
    Ok(Spec { positive, negative })
}

fn read_all(text: &str) -> Result<Item, String> {
    let mut reader = Reader { rest: text };
    let item = reader.alternatives()?;
    if !reader.rest.trim().is_empty() {
        return Err(format!("unexpected {:?}", reader.rest));
    }
    match item.as_slice() {
        [single] => Ok(single.clone()),
        _ => Err("a bare | needs brackets".into()),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Sequences between `|`, up to a closing bracket.
    fn alternatives(&mut self) -> Result<Vec<Item>, String> {
        let mut alternatives = Vec::new();
        loop {
            alternatives.push(self.sequence()?);
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return Ok(alternatives),
            }
        }
    }

    fn sequence(&mut self) -> Result<Item, String> {
        let mut items = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None | Some('|' | '>' | ']' | '}') => return Ok(Item::Sequence(items)),
                Some('<') => items.push(self.bracket('>')?),
                Some('[') => items.push(self.bracket(']')?),
                Some('{') => items.push(self.bracket('}')?),
                Some(_) => items.push(self.word()?),
            }
        }
    }

    fn bracket(&mut self, close: char) -> Result<Item, String> {
        self.rest = self.rest.get(1..).unwrap_or_default();
        let mut inner = self.alternatives()?;
        self.rest = self.rest.strip_prefix(close).ok_or_else(|| format!("missing {close}"))?;
        if let Some(rest) = self.rest.strip_prefix('$') {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, rest) = rest.split_at(end);
            inner.iter_mut().for_each(|item| rename(item, name));
            self.rest = rest;
        }
        let item = match close {
            '}' => Item::Unordered(inner),
            _ => Item::OneOf(inner),
        };
        let item = if close == ']' { Item::Optional(Box::new(item)) } else { item };
        match self.rest.strip_prefix("...") {
            Some(rest) => {
                self.rest = rest;
                Ok(Item::Repeated(Box::new(item)))
            }
            None => Ok(item),
        }
    }

    fn word(&mut self) -> Result<Item, String> {
        // A range starts with a bracket that is no bracket of the notation.
        let stop = |c: char| c.is_whitespace() || matches!(c, '|' | '<' | '>' | '[' | ']' | '{' | '}');
        let end = self.rest.find(stop).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err(format!("unexpected {:?}", self.rest));
        }
        self.rest = rest;
        let (word, repeated) = match word.strip_suffix("...") {
            Some(word) => (word, true),
            None => (word, false),
        };
        let (text, name) = match word.split_once('$') {
            Some((text, name)) => (text, name.to_owned()),
            None => (word, word.to_lowercase()),
        };
        let item = match Kind::from_spec(text) {
            Some(kind) => Item::Variable(kind, name),
            None if text.starts_with(|c: char| c.is_ascii_uppercase() || c == '(') => {
                return Err(format!("unknown type {text}"));
            }
            None => Item::Keyword(text.to_owned(), name),
        };
        Ok(if repeated { Item::Repeated(Box::new(item)) } else { item })
    }
}

fn rename(item: &mut Item, to: &str) {
    match item {
        Item::Keyword(_, name) | Item::Variable(_, name) => to.clone_into(name),
        Item::Sequence(items) | Item::OneOf(items) | Item::Unordered(items) => {
            items.iter_mut().for_each(|item| rename(item, to));
        }
        Item::Optional(item) | Item::Repeated(item) => rename(item, to),
    }
}

/// Adds the item to the graph, from its end to its start: `after` are the nodes that may follow it (or `END`).
/// Returns the nodes that it may start with; those of `after` are among them if the item may be empty.
pub fn add(item: &Item, after: &[NodeId], keywords_before: &str, nodes: &mut Vec<Node>) -> Vec<NodeId> {
    match item {
        Item::Keyword(text, name) => {
            let help = vocabulary::keyword(keywords_before, text);
            vec![push(nodes, Matcher::Keyword(text.clone()), name, help, after)]
        }
        Item::Variable(kind, name) => {
            let help = vocabulary::variable(*kind, keywords_before, name);
            vec![push(nodes, Matcher::Variable(*kind), name, help, after)]
        }
        Item::Sequence(items) => {
            // The keyword before each item chooses its help, so it must be known from the front.
            let mut before = keywords_before.to_owned();
            let mut positioned = Vec::new();
            for item in items {
                positioned.push((item, before.clone()));
                if let Some(last) = last_keyword(item) {
                    last.clone_into(&mut before);
                }
            }
            let mut after = after.to_vec();
            for (item, before) in positioned.into_iter().rev() {
                after = add(item, &after, &before, nodes);
            }
            after
        }
        Item::OneOf(items) => {
            let starts = items.iter().flat_map(|item| add(item, after, keywords_before, nodes));
            unique(starts.collect())
        }
        Item::Optional(item) => {
            let mut starts = add(item, after, keywords_before, nodes);
            starts.extend_from_slice(after);
            unique(starts)
        }
        Item::Repeated(item) => repeat(std::slice::from_ref(item.as_ref()), after, keywords_before, nodes),
        Item::Unordered(items) => repeat(items, after, keywords_before, nodes),
    }
}

/// The items in any order, as often as wanted (the matcher refuses a keyword given twice).
fn repeat(items: &[Item], after: &[NodeId], keywords_before: &str, nodes: &mut Vec<Node>) -> Vec<NodeId> {
    const AGAIN: NodeId = NodeId::MAX - 1;
    let first_new = nodes.len();
    let mut after_or_again = after.to_vec();
    after_or_again.push(AGAIN);
    let starts: Vec<NodeId> =
        items.iter().flat_map(|item| add(item, &after_or_again, keywords_before, nodes)).collect();
    for node in nodes.iter_mut().skip(first_new) {
        if node.next.contains(&AGAIN) {
            node.next.retain(|next| *next != AGAIN);
            node.next.extend_from_slice(&starts);
            node.next = unique(std::mem::take(&mut node.next));
        }
    }
    unique(starts)
}

fn push(
    nodes: &mut Vec<Node>,
    matcher: Matcher,
    name: &str,
    help: Option<String>,
    after: &[NodeId],
) -> NodeId {
    nodes.push(Node { matcher, name: name.to_owned(), help: help.unwrap_or_default(), next: after.to_vec() });
    nodes.len() - 1
}

fn unique(mut ids: Vec<NodeId>) -> Vec<NodeId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn last_keyword(item: &Item) -> Option<&str> {
    match item {
        Item::Keyword(text, _) => Some(text),
        Item::Sequence(items) => items.iter().rev().find_map(last_keyword),
        _ => None,
    }
}

/// Lines that a form takes, for tests: one with every optional part, one with none.
pub fn examples(item: &Item) -> [String; 2] {
    [true, false].map(|full| {
        let mut words = Vec::new();
        example(item, full, &mut words);
        words.join(" ")
    })
}

fn example(item: &Item, full: bool, words: &mut Vec<String>) {
    match item {
        Item::Keyword(text, _) => words.push(text.clone()),
        Item::Variable(kind, _) => words.push(kind.example()),
        Item::Sequence(items) => items.iter().for_each(|item| example(item, full, words)),
        Item::OneOf(items) => {
            if let Some(item) = if full { items.last() } else { items.first() } {
                example(item, full, words);
            }
        }
        Item::Unordered(items) => {
            items.iter().take(if full { items.len() } else { 1 }).for_each(|item| example(item, full, words));
        }
        Item::Optional(item) if full => example(item, full, words),
        Item::Optional(_) => {}
        Item::Repeated(item) => example(item, full, words),
    }
}

/// True if the node ends a command.
pub fn may_end(next: &[NodeId]) -> bool {
    next.contains(&END)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declaration_gives_its_examples() {
        let spec =
            parse("[no] neighbor <A.B.C.D|WORD>$peer timers / (0-5)$k [{json|soft <in|out>}]").unwrap();
        assert_eq!(
            examples(&spec.positive),
            ["neighbor example timers 0 json soft out".to_owned(), "neighbor 192.0.2.1 timers 0".to_owned()]
        );
        assert_eq!(examples(&spec.negative.unwrap())[1], "no neighbor 192.0.2.1 timers");
    }

    #[test]
    fn a_broken_declaration_is_told() {
        for bad in ["a <b", "a b]", "a|b", "FOO", "(1-x)"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
