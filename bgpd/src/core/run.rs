//! The core's thread: waits for events, takes a bounded share of each queue, settles. The only
//! place that reads the clock for the tables.

use super::{
    Core,
    desk::{Desk, Work},
    handle::{CoreHandle, Request, channel},
    quiet,
};
use crate::session::{Arrivals, Inbox};
use std::{
    io,
    sync::{Arc, Weak},
    thread,
    time::Instant,
};
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
    let Parts { core, session_events, fib_events } = parts;
    let arrivals = session_events.arrivals();
    let desk = Arc::new(Desk::new(core, session_events));
    let taker: Weak<Desk> = Arc::downgrade(&desk);
    arrivals.taken_by(taker);
    let thread = thread::Builder::new()
        .name("weft-core".to_owned())
        .spawn(move || runtime.block_on(run(desk, arrivals, fib_events, requests)))?;
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

async fn run(
    desk: Arc<Desk>,
    arrivals: Arrivals,
    mut fib_events: Option<FibEvents>,
    mut requests: mpsc::Receiver<Request>,
) {
    let mut deadline = desk.turn(|_| ());
    loop {
        deadline = tokio::select! {
            () = arrivals.wait() => desk.turn(Work::take_events),
            event = fib_event(&mut fib_events) => {
                if event.is_none() {
                    fib_events = None;
                    warn!("the kernel side has ended");
                }
                desk.turn(|work| {
                    let Some(event) = event else { return };
                    let mut changes = quiet::fib_weight(&event);
                    work.core.fib_event(event, Instant::now());
                    for _ in 1..SHARE {
                        let Some(event) = fib_events.as_mut().and_then(FibEvents::try_recv) else { break };
                        changes += quiet::fib_weight(&event);
                        work.core.fib_event(event, Instant::now());
                    }
                    work.core.quiet.count(changes, Instant::now());
                })
            }
            Some(request) = requests.recv() => match request {
                Request::Ask(question) => desk.turn(|work| question(&work.core, Instant::now())),
                Request::Do(order) => desk.turn(|work| order(&mut work.core, Instant::now())),
                Request::Apply(config, reply) => desk.turn(|work| {
                    // Who asked may have gone; the configuration is applied all the same.
                    let _ = reply.send(work.core.apply(*config, Instant::now()));
                    work.core.quiet.count(quiet::MUCH, Instant::now());
                }),
                Request::Shutdown => break,
            },
            () = at(deadline) => desk.turn(|work| work.core.on_deadline(Instant::now())),
        };
    }
    info!("shutting down");
    let Some(Work { core, inbox, .. }) = desk.close() else { return };
    // Sessions that wait to tell something must not wait for ever.
    drop(inbox);
    core.end().await;
}
