//! The words of the management socket: one JSON object a line, in both directions.
//!
//! ```text
//! → {"id":1,"op":"exec","line":"show bgp summary","mode":[]}
//! ← {"id":1,"text":"…"}                                            any number of pieces
//! ← {"id":1,"end":true,"status":0,"mode":[],"prompt":"leaf1# "}    the last line of an answer
//! ```
//!
//! `mode` is the place in the configuration; a client starts with `[]` and sends back what it was given.
//! A client may send a request before the last is answered; answers come in order.

use crate::{command::Mode, config::Config};
use serde::{Deserialize, Serialize};

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Comes back in every line of the answer.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub operation: Operation,
}

/// The operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
pub enum Operation {
    /// The prompt at a place, and who answers.
    Hello {
        /// The place.
        #[serde(default)]
        mode: Vec<Mode>,
    },
    /// Run a line.
    Exec {
        /// As typed.
        line: String,
        /// The place.
        #[serde(default)]
        mode: Vec<Mode>,
    },
    /// What Tab may put for the last, unfinished word.
    Complete {
        /// Up to the cursor.
        line: String,
        /// The place.
        #[serde(default)]
        mode: Vec<Mode>,
    },
    /// What `?` shows.
    Help {
        /// Up to the cursor.
        line: String,
        /// The place.
        #[serde(default)]
        mode: Vec<Mode>,
    },
    /// The running configuration, as JSON.
    ConfigGet,
    /// Replace the running configuration: all of it or nothing.
    ConfigPut {
        /// The whole new one. Read in a second step: a map with numbers as keys cannot be read
        /// through serde's flattened and tagged forms.
        config: serde_json::Value,
    },
    /// Say what is wrong with a configuration, without applying it.
    ConfigCheck {
        /// A whole one.
        config: serde_json::Value,
    },
    /// Apply the lines of a text to the running configuration: all of them or none.
    ConfigLoad {
        /// The text's name in messages.
        name: String,
        /// Lines as in a file.
        text: String,
    },
}

/// A piece of output.
#[derive(Debug, Serialize)]
pub struct Piece<'a> {
    /// The request's.
    pub id: u64,
    /// The text.
    pub text: &'a str,
}

/// The last line of an answer.
#[derive(Debug, Default, Serialize)]
pub struct End {
    /// The request's; 0 if it could not be read.
    pub id: u64,
    /// Always true.
    pub end: bool,
    /// 0: done; 1: failed.
    pub status: u8,
    /// Why it failed, for people; may have several lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The place now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Vec<Mode>>,
    /// The prompt there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The session is over (`exit` outside of every mode).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub close: bool,
    /// `terminal length`: lines of a page, `null` for the terminal's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_length: Option<Option<u16>>,
    /// Words for Tab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<Vec<String>>,
    /// Octets of the unfinished word that they replace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace: Option<usize>,
    /// The configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config: Option<Config>,
    /// The daemon's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<&'static str>,
}

impl End {
    /// Done.
    pub fn done(id: u64) -> Self {
        End { id, end: true, ..Self::default() }
    }

    /// Failed, with the reason.
    pub fn failed(id: u64, error: impl Into<String>) -> Self {
        End { id, end: true, status: 1, error: Some(error.into()), ..Self::default() }
    }
}
