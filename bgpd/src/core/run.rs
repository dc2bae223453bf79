//! The core's thread: waits for events, takes a bounded share of each queue, settles. The only
//! place that reads the clock for the tables.

use super::{
    Core,
    handle::{CoreHandle, Request, channel},
    quiet,
};
use crate::{peer::SessionEvent, session::Inbox};
use std::{io, thread, time::Instant};
use tokio::sync::mpsc;
use tracing::{info, warn};
use weft_fib::{FibEvent, FibEvents};

/// Events of the kernel side that are taken in a turn.
const SHARE: usize = 512;

/// What the core listens to; it has begun already.
#[derive(Debug)]
pub struct Parts {
    /// The tables and the ends it sends to.
    pub core: Core,
    /// From the sessions.
    pub session_events: Inbox,
    /// From the kernel side; `None` with `-n`.
    pub fib_events: Option<FibEvents>,
}

/// Starts the core on a thread of its own. The thread ends after `CoreHandle::shutdown`, with
/// all sessions closed.
///
/// # Errors
/// No thread or no timer could be had.
pub fn spawn(parts: Parts) -> io::Result<(CoreHandle, thread::JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (handle, requests) = channel();
    let thread = thread::Builder::new()
        .name("weft-core".to_owned())
        .spawn(move || runtime.block_on(run(parts, requests)))?;
    Ok((handle, thread))
}

async fn fib_event(events: &mut Option<FibEvents>) -> Option<FibEvent> {
    match events {
        Some(events) => events.recv().await,
        None => std::future::pending().await,
    }
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn run(parts: Parts, mut requests: mpsc::Receiver<Request>) {
    let Parts { mut core, mut session_events, mut fib_events } = parts;
    let mut more = core.settle(Instant::now());
    let mut hand: Vec<SessionEvent> = Vec::new();
    loop {
        let deadline = if more { Some(Instant::now()) } else { core.next_deadline() };
        tokio::select! {
            () = session_events.ready() => {
                let (mut turn, mut changes) = (session_events.turn(), 0);
                while turn.take(&mut hand) {
                    for event in hand.drain(..) {
                        changes += quiet::weight(&event);
                        core.session_event(event, Instant::now());
                    }
                    if core.has_changes() {
                        break;
                    }
                }
                core.quiet.count(changes, Instant::now());
            }
            event = fib_event(&mut fib_events) => {
                let Some(event) = event else {
                    fib_events = None;
                    warn!("the kernel side has ended");
                    continue;
                };
                let mut changes = quiet::fib_weight(&event);
                core.fib_event(event, Instant::now());
                for _ in 1..SHARE {
                    let Some(event) = fib_events.as_mut().and_then(FibEvents::try_recv) else { break };
                    changes += quiet::fib_weight(&event);
                    core.fib_event(event, Instant::now());
                }
                core.quiet.count(changes, Instant::now());
            }
            Some(request) = requests.recv() => match request {
                Request::Ask(question) => question(&core, Instant::now()),
                Request::Do(order) => order(&mut core, Instant::now()),
                Request::Apply(config, reply) => {
                    // Who asked may have gone; the configuration is applied all the same.
                    let _ = reply.send(core.apply(*config, Instant::now()));
                    core.quiet.count(quiet::MUCH, Instant::now());
                }
                Request::Shutdown => break,
            },
            () = at(deadline) => core.on_deadline(Instant::now()),
        }
        more = core.settle(Instant::now());
    }
    info!("shutting down");
    // Sessions that wait to tell something must not wait for ever.
    drop(session_events);
    core.end().await;
}
