//! Runs lines that nobody types: from -c, or from standard input. Output is not paged, errors go to stderr.

use crate::{client::ClientError, session::Session};
use std::io::{self, Write};

/// What a failed line means for those behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// They are not run.
    Stop,
    /// They are run; the exit status tells.
    Continue,
}

/// Runs the lines; true if all of them succeeded.
pub fn run_lines(
    session: &mut Session,
    lines: impl Iterator<Item = io::Result<String>>,
    on_error: OnError,
) -> Result<bool, String> {
    let mut all_done = true;
    for line in lines {
        let line = line.map_err(|error| format!("cannot read the commands: {error}"))?;
        let answer = match session.exec(&line, print) {
            Ok(answer) => answer,
            // `weft -c … | head`: the reader has what it wanted.
            Err(ClientError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                return Ok(all_done);
            }
            Err(error) => return Err(error.to_string()),
        };
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(all_done),
            _ => {}
        }
        if let Some(error) = &answer.error {
            eprintln!("{error}");
        }
        if answer.status != 0 {
            all_done = false;
            if on_error == OnError::Stop {
                break;
            }
        }
        if answer.close {
            break;
        }
    }
    Ok(all_done)
}

/// Writes to standard output.
pub fn print(text: &str) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_bytes())
}
