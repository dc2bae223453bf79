//! A session: the connection, the place in the configuration and the prompt there.
//! A connection that was lost (the daemon restarted, a pager was left) is made again when it is needed.

use crate::client::{Answer, Client, ClientError};
use serde_json::{Value, json};
use std::{
    io,
    path::{Path, PathBuf},
};

/// What a shell keeps between lines.
#[derive(Debug)]
pub struct Session {
    socket: PathBuf,
    client: Option<Client>,
    mode: Value,
    prompt: String,
    page_length: Option<u16>,
}

impl Session {
    /// Connects, and asks for the prompt.
    pub fn open(socket: &Path) -> Result<Self, ClientError> {
        let mut session = Session {
            socket: socket.to_owned(),
            client: None,
            mode: json!([]),
            prompt: String::from("weft# "),
            page_length: None,
        };
        session.hello()?;
        Ok(session)
    }

    /// The prompt at this place.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Lines of a page: 0 for no paging, `None` for the terminal's height.
    pub fn page_length(&self) -> Option<u16> {
        self.page_length
    }

    /// Leaves every mode (Ctrl-Z).
    pub fn leave_all(&mut self) -> Result<(), ClientError> {
        self.mode = json!([]);
        self.hello()
    }

    fn hello(&mut self) -> Result<(), ClientError> {
        let answer = self.request(json!({"op": "hello", "mode": self.mode}), |_| Ok(()))?;
        self.take_place(&answer);
        Ok(())
    }

    /// Runs a line; the output goes to `on_text`, an error is in the answer.
    pub fn exec(
        &mut self,
        line: &str,
        on_text: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<Answer, ClientError> {
        let answer = self.request(json!({"op": "exec", "line": line, "mode": self.mode}), on_text)?;
        self.take_place(&answer);
        if let Some(length) = answer.page_length {
            self.page_length = length;
        }
        Ok(answer)
    }

    /// The lines that `?` shows.
    pub fn help(&mut self, line: &str) -> Result<String, ClientError> {
        let mut help = String::new();
        self.request(json!({"op": "help", "line": line, "mode": self.mode}), |text| {
            help.push_str(text);
            Ok(())
        })?;
        Ok(help)
    }

    /// Words for Tab, and how many octets of the line they replace.
    pub fn complete(&mut self, line: &str) -> Result<(Vec<String>, usize), ClientError> {
        let answer = self.request(json!({"op": "complete", "line": line, "mode": self.mode}), |_| Ok(()))?;
        Ok((answer.completions.unwrap_or_default(), answer.replace.unwrap_or(0)))
    }

    /// Applies the lines of a text, all of them or none.
    pub fn load(&mut self, name: &str, text: &str) -> Result<Answer, ClientError> {
        self.request(json!({"op": "config-load", "name": name, "text": text}), |_| Ok(()))
    }

    fn take_place(&mut self, answer: &Answer) {
        if let Some(mode) = &answer.mode {
            self.mode = mode.clone();
        }
        if let Some(prompt) = &answer.prompt {
            self.prompt.clone_from(prompt);
        }
    }

    fn request(
        &mut self,
        request: Value,
        on_text: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<Answer, ClientError> {
        let mut client = match self.client.take() {
            Some(client) => client,
            None => Client::connect(&self.socket)?,
        };
        let answer = client.request(request, on_text);
        // After any error the connection is dropped: the daemon then ends the command, and the next
        // request gets a fresh one instead of the rest of this answer.
        if answer.is_ok() {
            self.client = Some(client);
        }
        answer
    }
}
