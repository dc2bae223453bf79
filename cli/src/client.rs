//! The connection to the daemon: requests out, pieces of an answer in. See weftd's `mgmt::protocol`.

use serde::Deserialize;
use serde_json::Value;
use std::{
    fmt,
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// The daemon cannot be reached.
    Connect { path: PathBuf, error: io::Error },
    /// The connection ended in the middle.
    Lost(io::Error),
    /// What came is no answer.
    Protocol(String),
    /// The daemon refused the connection, in its own words.
    Refused(String),
    /// What was printed to is gone; the rest of the answer is of no use.
    Output(io::Error),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { path, error } => {
                write!(f, "cannot connect to {}: ", path.display())?;
                match error.kind() {
                    io::ErrorKind::NotFound => f.write_str("no such file; is weftd running?"),
                    io::ErrorKind::ConnectionRefused => {
                        f.write_str("nobody listens there; is weftd running?")
                    }
                    io::ErrorKind::PermissionDenied => f.write_str(
                        "permission denied; only root, the user of weftd and the group weft may connect",
                    ),
                    _ => write!(f, "{error}"),
                }
            }
            Self::Lost(error) => write!(f, "the connection to weftd is lost: {error}"),
            Self::Protocol(what) => write!(f, "weftd answered something strange: {what}"),
            Self::Refused(why) => write!(f, "weftd refused the connection: {why}"),
            Self::Output(error) => write!(f, "cannot write the output: {error}"),
        }
    }
}

/// One line from the daemon. Fields of later versions are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// The request's.
    pub id: u64,
    /// A piece of output.
    pub text: Option<String>,
    /// This is the last line.
    pub end: bool,
    /// 0 if it was done.
    pub status: u8,
    /// Why it failed.
    pub error: Option<String>,
    /// The place in the configuration; the daemon's matter.
    pub mode: Option<Value>,
    /// The prompt there.
    pub prompt: Option<String>,
    /// The session is over.
    pub close: bool,
    /// Lines of a page; the inner `None` is the terminal's height.
    #[serde(deserialize_with = "present")]
    pub page_length: Option<Option<u16>>,
    /// Words for Tab.
    pub completions: Option<Vec<String>>,
    /// Octets of the unfinished word that they replace.
    pub replace: Option<usize>,
}

/// `null` that is there is not the same as nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u16>>, D::Error> {
    Option::<u16>::deserialize(deserializer).map(Some)
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    writer: UnixStream,
    reader: BufReader<UnixStream>,
    next_id: u64,
}

impl Client {
    /// Connects.
    pub fn connect(path: &Path) -> Result<Self, ClientError> {
        let failed = |error| ClientError::Connect { path: path.to_owned(), error };
        let writer = UnixStream::connect(path).map_err(failed)?;
        let reader = BufReader::new(writer.try_clone().map_err(failed)?);
        Ok(Client { writer, reader, next_id: 1 })
    }

    /// Sends a request and hands on the pieces of the answer as they come; returns its last line.
    pub fn request(
        &mut self,
        mut request: Value,
        mut on_text: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<Answer, ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        if let Some(fields) = request.as_object_mut() {
            fields.insert("id".into(), id.into());
        }
        // A daemon that refuses us says why and closes: its words are worth more than our broken pipe.
        let sent = writeln!(self.writer, "{request}");
        loop {
            let mut line = String::new();
            let read = self.reader.read_line(&mut line).map_err(ClientError::Lost)?;
            if read == 0 {
                sent.map_err(ClientError::Lost)?;
                return Err(ClientError::Lost(io::ErrorKind::UnexpectedEof.into()));
            }
            let answer: Answer =
                serde_json::from_str(&line).map_err(|error| ClientError::Protocol(error.to_string()))?;
            if answer.id != id {
                return Err(match answer.error {
                    Some(error) => ClientError::Refused(error),
                    None => ClientError::Protocol(format!("an answer to {} instead of {id}", answer.id)),
                });
            }
            if answer.end {
                return Ok(answer);
            }
            on_text(answer.text.as_deref().unwrap_or_default()).map_err(ClientError::Output)?;
        }
    }
}
