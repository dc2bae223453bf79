//! Serves the socket: a thread that accepts, and one thread a client. All of them block; nothing wakes
//! up without a request. Requests and the number of clients are bounded.

use super::{
    access,
    protocol::{End, Operation, Piece, Request},
    socket::{self, ClaimedSocket, MgmtError},
};
use crate::{
    command::{Access, LoadError, Outcome, Shell, Sink, SinkClosed, grammar::complete::format_help},
    config::Config,
};
use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::{
        fd::AsRawFd,
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Output is sent in pieces of about this size.
const PIECE: usize = 16 * 1024;

/// How the socket is served.
#[derive(Debug, Clone)]
pub struct MgmtOptions {
    /// Where.
    pub path: PathBuf,
    /// Clients at a time.
    pub max_clients: usize,
    /// The longest request, in octets; a whole configuration must fit.
    pub max_request: usize,
}

impl Default for MgmtOptions {
    fn default() -> Self {
        MgmtOptions { path: super::DEFAULT_SOCKET.into(), max_clients: 64, max_request: 16 << 20 }
    }
}

/// The running server. Stops when dropped.
#[derive(Debug)]
pub struct MgmtServer {
    shared: Arc<Shared>,
    path: PathBuf,
    /// A handle of the listening socket, by which `stop` wakes the accepting thread.
    listener: UnixListener,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    shell: Shell,
    options: MgmtOptions,
    stopping: AtomicBool,
    /// A handle of every client, by which `stop` ends it.
    clients: Mutex<HashMap<u64, UnixStream>>,
}

impl MgmtServer {
    /// Claims the socket and serves it.
    pub fn start(options: MgmtOptions, shell: Shell) -> Result<Self, MgmtError> {
        let claimed = socket::claim(&options.path)?;
        Self::serve(claimed, options, shell)
    }

    /// Serves a socket that was claimed before, at the path of the options.
    pub fn serve(claimed: ClaimedSocket, options: MgmtOptions, shell: Shell) -> Result<Self, MgmtError> {
        let path = options.path.clone();
        let failed = |what, error| MgmtError::Io { what, path: path.clone(), error };
        let listener = claimed.listener.try_clone().map_err(|error| failed("listen on", error))?;
        let shared = Arc::new(Shared {
            shell,
            options,
            stopping: AtomicBool::new(false),
            clients: Mutex::new(HashMap::new()),
        });
        let accepting = thread::Builder::new()
            .name("mgmt-accept".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || accept(&shared, claimed)
            })
            .map_err(|error| failed("start a thread for", error))?;
        Ok(MgmtServer { shared, path, listener, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Ends every client, removes the socket and gives the path up.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(accepting) = self.accepting.take() else { return };
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, even if somebody removed the socket's file.
        match nix::sys::socket::shutdown(self.listener.as_raw_fd(), nix::sys::socket::Shutdown::Both) {
            Ok(()) if accepting.join().is_err() => tracing::error!("the management socket's thread panicked"),
            Ok(()) => {}
            Err(error) => tracing::error!("cannot end the management socket: {error}"),
        }
        for client in self.shared.clients().values() {
            // It may be gone already.
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for MgmtServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn clients(&self) -> std::sync::MutexGuard<'_, HashMap<u64, UnixStream>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until stopped. Owns the claim, so the socket goes when it returns.
fn accept(shared: &Arc<Shared>, claimed: ClaimedSocket) {
    for number in 0.. {
        let accepted = claimed.listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        match accepted {
            Ok((stream, _)) => welcome(shared, number, stream),
            Err(error) => {
                tracing::warn!("management socket: cannot accept: {error}");
                // Out of descriptors: trying again at once would only burn the processor.
                thread::sleep(Duration::from_millis(200));
            }
        }
    }
}

fn welcome(shared: &Arc<Shared>, number: u64, stream: UnixStream) {
    let refusal = match access::of_peer(&stream) {
        None => Some("not permitted: only root, the daemon's user and the group weft may connect"),
        Some(_) if shared.clients().len() >= shared.options.max_clients => {
            Some("too many clients; try again")
        }
        Some(access) => match stream.try_clone() {
            Ok(handle) => {
                shared.clients().insert(number, handle);
                // Made here, so that it frees the place even if there is no thread.
                let place = Place { shared: Arc::clone(shared), number };
                let started = thread::Builder::new().name("mgmt-client".into()).spawn(move || {
                    let place = place;
                    if let Err(error) = serve(&place.shared, &stream, access) {
                        tracing::debug!("management client {}: {error}", place.number);
                    }
                });
                if let Err(error) = started {
                    tracing::warn!("management socket: no thread for a client: {error}");
                }
                return;
            }
            Err(_) => Some("the daemon is out of file descriptors"),
        },
    };
    if let Some(refusal) = refusal {
        // The client may not even listen.
        let _ = send(&stream, &End::failed(0, refusal));
    }
}

/// A client's place among the bounded number; freed however its thread ends.
struct Place {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.clients().remove(&self.number);
    }
}

fn serve(shared: &Shared, stream: &UnixStream, access: Access) -> io::Result<()> {
    let limit = shared.options.max_request;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        let bounded = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        let read = reader.by_ref().take(bounded).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        if line.len() > limit {
            // What follows is the rest of that line, so there is no way on.
            return send(stream, &End::failed(0, format!("the request is longer than {limit} octets")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let end = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => answer(&shared.shell, request, access, stream),
            Err(error) => End::failed(request_id(&line), format!("not a request: {error}")),
        };
        send(stream, &end)?;
        // A large configuration is not kept until the next one comes.
        line.shrink_to(PIECE);
    }
}

/// The id of a request that is wrong otherwise, so that its client knows which it was.
fn request_id(line: &[u8]) -> u64 {
    let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    value.and_then(|value| value.get("id")?.as_u64()).unwrap_or(0)
}

fn answer(shell: &Shell, request: Request, access: Access, stream: &UnixStream) -> End {
    let id = request.id;
    match request.operation {
        Operation::Hello { mode } => End {
            prompt: Some(shell.prompt(&mode)),
            mode: Some(mode),
            version: Some(env!("CARGO_PKG_VERSION")),
            ..End::done(id)
        },
        Operation::Exec { line, mode } => {
            let mut out = Pieces { id, stream, text: String::new() };
            let outcome = shell.run(&mode, &line, access, &mut out);
            match out.flush() {
                Ok(()) => executed(shell, id, outcome),
                Err(closed) => End::failed(id, closed.to_string()),
            }
        }
        Operation::Complete { line, mode } => {
            let (completions, replace) = shell.complete(&mode, &line);
            End { completions: Some(completions), replace: Some(replace), ..End::done(id) }
        }
        Operation::Help { line, mode } => {
            let lines = shell.help(&mode, &line);
            let text = match lines.as_slice() {
                [] => "% There is no matched command.\n".to_owned(),
                lines => format_help(lines),
            };
            let mut out = Pieces { id, stream, text };
            match out.flush() {
                Ok(()) => End::done(id),
                Err(closed) => End::failed(id, closed.to_string()),
            }
        }
        Operation::ConfigGet if access == Access::Full => {
            End { config: Some((*shell.store().running()).clone()), ..End::done(id) }
        }
        Operation::ConfigPut { config } if access == Access::Full => {
            with_config(id, config, |config| shell.store().replace(config))
        }
        Operation::ConfigLoad { name, text } if access == Access::Full => {
            finished(id, shell.store().merge(&name, &text))
        }
        Operation::ConfigCheck { config } => with_config(id, config, |config| shell.store().check(&config)),
        Operation::ConfigGet | Operation::ConfigPut { .. } | Operation::ConfigLoad { .. } => {
            End::failed(id, "not permitted: only root and the daemon's user")
        }
    }
}

fn with_config(id: u64, value: serde_json::Value, then: impl FnOnce(Config) -> Result<(), LoadError>) -> End {
    match serde_json::from_value(value) {
        Ok(config) => finished(id, then(config)),
        Err(error) => End::failed(id, format!("not a configuration: {error}")),
    }
}

fn finished(id: u64, done: Result<(), LoadError>) -> End {
    match done {
        Ok(()) => End::done(id),
        Err(error) => End::failed(id, error.to_string()),
    }
}

fn executed(shell: &Shell, id: u64, outcome: Outcome) -> End {
    End {
        id,
        end: true,
        status: u8::from(outcome.error.is_some()),
        error: outcome.error,
        prompt: Some(shell.prompt(&outcome.path)),
        mode: Some(outcome.path),
        close: outcome.close,
        page_length: outcome.page_length,
        ..End::default()
    }
}

/// Sends output in pieces, as they fill.
struct Pieces<'a> {
    id: u64,
    stream: &'a UnixStream,
    text: String,
}

impl Pieces<'_> {
    fn flush(&mut self) -> Result<(), SinkClosed> {
        if self.text.is_empty() {
            return Ok(());
        }
        let sent = send(self.stream, &Piece { id: self.id, text: &self.text });
        self.text.clear();
        sent.map_err(|_| SinkClosed)
    }
}

impl Sink for Pieces<'_> {
    fn text(&mut self, text: &str) -> Result<(), SinkClosed> {
        let mut rest = text;
        while !rest.is_empty() {
            let room = PIECE.saturating_sub(self.text.len()).max(1);
            let (now, later) = rest.split_at(rest.ceil_char_boundary(room));
            self.text.push_str(now);
            rest = later;
            if self.text.len() >= PIECE {
                self.flush()?;
            }
        }
        Ok(())
    }
}

fn send(mut stream: &UnixStream, message: &impl serde::Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line)
}
