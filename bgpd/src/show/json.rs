//! JSON in the layout of FRR (json-c's "pretty"), piece by piece: the objects around a table
//! are opened and closed by hand, what is in them are values of a page at a time. So a table
//! of a million routes is one object and never one value.

use serde_json::Value;
use std::fmt::Write;

/// A JSON document under way. What is finished is taken with `take`; the state stays.
#[derive(Debug, Default)]
pub(super) struct JsonStream {
    text: String,
    /// The open containers: what closes each, and whether something is in it.
    open: Vec<(char, bool)>,
}

impl JsonStream {
    /// A document that is one object; `end` closes it.
    pub fn object() -> Self {
        let mut stream = Self::default();
        stream.open('{', '}');
        stream
    }

    /// A document that is one array; `end` closes it.
    pub fn array() -> Self {
        let mut stream = Self::default();
        stream.open('[', ']');
        stream
    }

    /// What was written since the last time.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    fn open(&mut self, begin: char, end: char) {
        self.text.push(begin);
        self.open.push((end, false));
    }

    /// The place for the next entry of the innermost container.
    fn next(&mut self) {
        if let Some((_, filled)) = self.open.last_mut() {
            self.text.push_str(if *filled { ",\n" } else { "\n" });
            *filled = true;
        }
        indent(&mut self.text, self.open.len());
    }

    fn key(&mut self, key: &str) {
        self.next();
        string(&mut self.text, key);
        self.text.push(':');
    }

    /// A member of the object that is open.
    pub fn member(&mut self, key: &str, value: impl Into<Value>) {
        self.key(key);
        pretty(&mut self.text, &value.into(), self.open.len());
    }

    /// An element of the array that is open.
    pub fn element(&mut self, value: impl Into<Value>) {
        self.next();
        pretty(&mut self.text, &value.into(), self.open.len());
    }

    /// Opens an object within the object.
    pub fn begin_object(&mut self, key: &str) {
        self.key(key);
        self.open('{', '}');
    }

    /// Opens an array within the object.
    pub fn begin_array(&mut self, key: &str) {
        self.key(key);
        self.open('[', ']');
    }

    /// Closes the innermost container; after the outermost comes the end of the line.
    pub fn end(&mut self) {
        let Some((end, filled)) = self.open.pop() else { return };
        if filled {
            self.text.push('\n');
            indent(&mut self.text, self.open.len());
        }
        self.text.push(end);
        if self.open.is_empty() {
            self.text.push('\n');
        }
    }

    /// Closes everything and gives the rest of the text.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }
}

/// A whole document.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    pretty(&mut text, value, 0);
    text.push('\n');
    text
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}

fn string(text: &mut String, value: &str) {
    // `Display` of a JSON value is its JSON; writing to a String cannot fail.
    let _ = write!(text, "{}", Value::from(value));
}

fn pretty(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('{');
            for (at, (key, member)) in members.iter().enumerate() {
                text.push_str(if at == 0 { "\n" } else { ",\n" });
                indent(text, depth + 1);
                string(text, key);
                text.push(':');
                pretty(text, member, depth + 1);
            }
            text.push('\n');
            indent(text, depth);
            text.push('}');
        }
        Value::Array(elements) if !elements.is_empty() => {
            text.push('[');
            for (at, element) in elements.iter().enumerate() {
                text.push_str(if at == 0 { "\n" } else { ",\n" });
                indent(text, depth + 1);
                pretty(text, element, depth + 1);
            }
            text.push('\n');
            indent(text, depth);
            text.push(']');
        }
        plain => {
            let _ = write!(text, "{plain}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_layout_is_frrs() {
        let value = json!({"a": 1, "b": {"c": ["x\"y", true], "d": {}}, "e": []});
        let text = "{\n  \"a\":1,\n  \"b\":{\n    \"c\":[\n      \"x\\\"y\",\n      true\n    ],\n    \
                    \"d\":{}\n  },\n  \"e\":[]\n}\n";
        assert_eq!(document(&value), text);
    }

    #[test]
    fn a_stream_in_pieces_is_the_same_document() {
        let mut stream = JsonStream::object();
        stream.member("a", 1);
        let mut text = stream.take();
        stream.begin_object("b");
        stream.member("c", json!(["x\"y", true]));
        text += &stream.take();
        stream.begin_object("d");
        stream.end();
        stream.end();
        stream.member("e", json!([]));
        text += &stream.finish();
        assert_eq!(text, document(&json!({"a": 1, "b": {"c": ["x\"y", true], "d": {}}, "e": []})));
    }

    #[test]
    fn an_array_streams_too() {
        let mut stream = JsonStream::array();
        stream.element(json!({"a": 1}));
        stream.element(2);
        assert_eq!(stream.finish(), "[\n  {\n    \"a\":1\n  },\n  2\n]\n");
        assert_eq!(JsonStream::array().finish(), "[]\n");
    }
}
