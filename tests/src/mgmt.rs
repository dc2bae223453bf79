//! A client of Weft's management socket, one request a connection: what the shell does
//! without starting a shell, since conditions are looked at every few milliseconds. The
//! shell itself has its own tests.

use crate::error::{LabError, Result};
use serde::Deserialize;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer may stay away. The largest tables of the labs take a second.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// One line of an answer: a piece of text, or the end.
#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    text: String,
    #[serde(default)]
    end: bool,
    #[serde(default)]
    status: u8,
    #[serde(default)]
    error: Option<String>,
}

/// Runs one line; gives the text that came, or the daemon's reason as an error.
pub fn exec(socket: &Path, line: &str) -> Result<String> {
    let failed = |what: &str| LabError::io(format!("{what} {}", socket.display()));
    let mut stream = UnixStream::connect(socket).map_err(failed("connect to"))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT)).map_err(failed("set a timeout on"))?;
    let request = json!({"id": 1, "op": "exec", "line": line, "mode": []});
    stream.write_all(format!("{request}\n").as_bytes()).map_err(failed("write to"))?;
    let mut text = String::new();
    for answer in BufReader::new(stream).lines() {
        let answer = answer.map_err(failed("read from"))?;
        let answer: Answer = serde_json::from_str(&answer)
            .map_err(|reason| LabError::parse("management answer", &answer, reason))?;
        text.push_str(&answer.text);
        if answer.end {
            return match answer.status {
                0 => Ok(text),
                _ => Err(LabError::Command {
                    command: line.to_owned(),
                    status: answer.error.unwrap_or_else(|| "failed".to_owned()),
                    output: text,
                }),
            };
        }
    }
    Err(LabError::Unexpected(format!("the answer to '{line}' broke off after {} octets", text.len())))
}
