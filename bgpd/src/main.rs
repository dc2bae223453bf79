//! `weftd`: reads the command line and the configuration, starts the parts in the order in
//! which they depend on each other, and waits for signals. No decisions about routes here.

use clap::Parser;
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Instant,
};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{error, info, warn};
use weft_bgpd::{
    command::{self, ConfigStore, Shell},
    config::Config,
    core::{self, Backend, Core, Parts, RunMarker},
    log::Log,
    mgmt::{self, MgmtOptions, MgmtServer},
    peer::BGP_PORT,
    privileges,
    session::{self, SessionOptions, Sessions, any_address},
};
use weft_fib::FibOptions;

/// The BGP EVPN daemon of Weft.
#[derive(Debug, Parser)]
#[command(name = "weftd", version)]
struct Arguments {
    /// Configuration file; `write memory` saves to it, SIGHUP reads it again
    #[arg(short = 'f', long = "config", value_name = "FILE")]
    file: Option<PathBuf>,
    /// TCP port to listen on and to call neighbours on; 0 does not listen
    #[arg(short, long, value_name = "PORT", default_value_t = BGP_PORT)]
    port: u16,
    /// Address to listen on; may be given several times; all addresses if absent
    #[arg(short, long = "listen", value_name = "ADDR")]
    listen: Vec<IpAddr>,
    /// Run without a kernel: exchange routes, program nothing (a route reflector)
    #[arg(short = 'n', long)]
    no_kernel: bool,
    /// Management socket, for the shell
    #[arg(long, value_name = "PATH", default_value = mgmt::DEFAULT_SOCKET, env = "WEFT_SOCKET")]
    socket: PathBuf,
    /// Read the configuration file, report what is wrong in it, and exit
    #[arg(long, requires = "file")]
    check: bool,
}

/// Why the daemon does not start: one line for the operator, or several for a configuration.
struct Failure(String);

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reason)) => {
            for line in reason.lines() {
                eprintln!("weftd: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> Result<(), Failure> {
    let config = match &arguments.file {
        Some(file) => command::load(file)?,
        None => Config::default(),
    };
    if arguments.check {
        println!("{}: the configuration is valid", file_name(arguments));
        return Ok(());
    }
    let log = Log::start()?;
    // The socket comes first: it is refused when another daemon has it, and then nothing else
    // may be touched. It needs rights that are given up right after, as the filter of the kernel's notifications does.
    let socket = mgmt::claim(&arguments.socket)?;
    let kernel = if arguments.no_kernel { None } else { Some(weft_fib::Prepared::new()?) };
    if let Err(error) = privileges::drop_unneeded() {
        warn!("cannot give up capabilities that are not needed: {error}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(serve(arguments, config, log, socket, kernel));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}

fn file_name(arguments: &Arguments) -> String {
    arguments.file.as_deref().map(Path::display).map(|name| name.to_string()).unwrap_or_default()
}

async fn serve(
    arguments: &Arguments,
    config: Config,
    log: Log,
    socket: mgmt::ClaimedSocket,
    kernel: Option<weft_fib::Prepared>,
) -> Result<(), Failure> {
    let (lanes, session_events) = session::inbox(session::Limits::default());
    let listen = match (arguments.port, arguments.listen.as_slice()) {
        (0, _) => Vec::new(),
        (port, []) => any_address(port),
        (port, addresses) => addresses.iter().map(|address| (*address, port).into()).collect(),
    };
    let sessions = Sessions::start(SessionOptions::listening(listen), lanes)?;
    let (fib, fib_events) = match kernel {
        None => (None, None),
        Some(kernel) => {
            let (fib, events) = weft_fib::start_prepared(kernel, FibOptions::default())?;
            (Some(fib), Some(events))
        }
    };

    // Not before all that can be refused is had: a start that failed is no run that crashed.
    let marker = RunMarker::leave(&arguments.socket)
        .map_err(|error| Failure(format!("cannot write beside {}: {error}", arguments.socket.display())))?;
    let mut facts = core::system_facts(if arguments.port == 0 { BGP_PORT } else { arguments.port });
    facts.restarting = marker.found();
    let mut core = Core::new(config.clone(), facts, log, sessions, fib, Some(marker), Instant::now());
    core.begin(Instant::now())?;
    let (core, thread) = core::spawn(Parts { core, session_events, fib_events })?;
    let backend = Arc::new(Backend::new(core.clone()));
    let store = Arc::new(ConfigStore::new(config, arguments.file.clone(), backend));
    let options = MgmtOptions { path: arguments.socket.clone(), ..MgmtOptions::default() };
    let server = MgmtServer::serve(socket, options, Shell::new(store.clone()))?;
    info!("weftd {} is running", env!("CARGO_PKG_VERSION"));

    signals(&store, &core).await?;
    drop(server);
    // The core may have ended by itself; then there is nothing to wait for.
    let _ = core.shutdown().await;
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    match joined {
        Ok(Ok(())) => Ok(()),
        _ => Err(Failure("the core ended by a panic; please report the log".to_owned())),
    }
}

/// Serves SIGHUP until SIGTERM or SIGINT, or until the core has ended.
async fn signals(store: &Arc<ConfigStore>, core: &core::CoreHandle) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let store = store.clone();
                // Applying waits for the core, so not on this task.
                match tokio::task::spawn_blocking(move || store.reload()).await {
                    Ok(Ok(())) => info!("configuration reloaded"),
                    Ok(Err(refused)) => error!("configuration not reloaded, the running one stays: {refused}"),
                    Err(panicked) => error!("configuration not reloaded: {panicked}"),
                }
            }
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            () = core.gone() => return Ok(()),
        }
    }
}
