//! Runs phases: UPDATEs are made first, then the clock starts, one thread sends and one counts. A move
//! that is waited for is sent and awaited by one thread, so no hand-over is in its time.

use super::count::Tally;
use super::encode::{Action, Encoder, Move, Wave, Which};
use super::error::{LoadError, Result};
use super::group::Group;
use super::phase::{Arrived, Outcome, Phase};
use super::plan::{Placement, Plan};
use super::progress::Progress;
use super::session::Session;
use super::stats::Latency;
use super::usage::{Usage, thread_cpu_s};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A thread looks at least so often whether the other one is done.
const LOOK: Duration = Duration::from_millis(20);
/// After a phase the sinks listen until nothing came for so long: what is sent twice comes late.
const QUIET: Duration = Duration::from_millis(100);

/// Sessions, routes and the speaker under load.
#[derive(Debug)]
pub struct Runner {
    plan: Plan,
    placement: Placement,
    senders: Group,
    sinks: Group,
    /// Processes of the speaker, to be measured.
    pids: Vec<u32>,
    /// How long a phase may take.
    limit: Duration,
    progress: Progress,
}

/// What the sinks must get in a phase, each of them.
#[derive(Debug, Clone, Copy, Default)]
struct Expected {
    reach: u64,
    unreach: u64,
    sum: Option<u64>,
}

impl Expected {
    fn of(wave: &Wave) -> Self {
        Self { reach: wave.reach, unreach: wave.unreach, sum: Some(wave.sum) }
    }

    fn met_by(&self, tally: &Tally) -> bool {
        tally.reach >= self.reach && tally.unreach >= self.unreach
    }

    fn routes(&self) -> u64 {
        self.reach + self.unreach
    }
}

/// When things happened in a phase.
#[derive(Debug, Default)]
struct Times {
    sent: Option<Instant>,
    first: Option<Instant>,
    done: Option<Instant>,
    own_cpu_s: [f64; 2],
}

/// What a sender thread does with its sessions until the sinks are done; gives when all was sent.
type Send<'a> = dyn FnOnce(&mut Group, &AtomicBool) -> Result<Option<Instant>> + std::marker::Send + 'a;

impl Runner {
    /// For sessions that are established.
    pub fn new(plan: Plan, senders: Group, sinks: Group, pids: Vec<u32>, limit: Duration) -> Self {
        let progress = Progress::new(true);
        Self { plan, placement: Placement::default(), senders, sinks, pids, limit, progress }
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Sessions of both kinds, for what no phase does.
    pub fn groups(&mut self) -> (&mut Group, &mut Group) {
        (&mut self.senders, &mut self.sinks)
    }

    /// Does one phase. Several outcomes, if it has several parts.
    pub fn run(&mut self, phase: Phase) -> Result<Vec<Outcome>> {
        let name = phase.to_string();
        match phase {
            Phase::Announce => self.wave(name, Action::Announce, Which::All).map(|one| vec![one]),
            Phase::Withdraw => self.wave(name, Action::Withdraw, Which::All).map(|one| vec![one]),
            Phase::VtepFlap { vtep } if vtep >= self.plan.shape().vteps => {
                Err(LoadError::Phase { phase: "vtep-flap", reason: format!("there is no VTEP {vtep}") })
            }
            Phase::VtepFlap { vtep } => self.flap(&name, Which::Vtep(vtep)),
            Phase::VniFlap { vni } if vni >= self.plan.shape().vnis => {
                Err(LoadError::Phase { phase: "vni-flap", reason: format!("there is no VNI {vni}") })
            }
            Phase::VniFlap { vni } => self.flap(&name, Which::Vni(vni)),
            Phase::SenderFlap { sender } => self.sender_flap(&name, sender),
            Phase::Moves { count } => self.moves(name, count).map(|one| vec![one]),
            Phase::Sustained { count, rate } => self.sustained(name, count, rate).map(|one| vec![one]),
            Phase::Idle { time } => self.idle(name, time).map(|one| vec![one]),
        }
    }

    fn usage(&self) -> Result<Option<Usage>> {
        if self.pids.is_empty() { Ok(None) } else { Usage::of_all(&self.pids).map(Some) }
    }

    /// Sends UPDATEs that are made here, and waits for them at the sinks.
    fn wave(&mut self, name: String, action: Action, which: Which) -> Result<Outcome> {
        let wave = Encoder::new(&self.plan, self.senders.len()).wave(action, which, &self.placement)?;
        let (expected, updates, octets) = (Expected::of(&wave), wave.updates, wave.octets());
        let outcome = self.measure(
            name,
            expected,
            Box::new(move |senders, done| {
                for (index, bytes) in wave.of_sender.into_iter().enumerate() {
                    senders.send(index, bytes)?;
                }
                serve(senders, done)
            }),
        )?;
        Ok(Outcome { updates, octets, ..outcome })
    }

    fn flap(&mut self, name: &str, which: Which) -> Result<Vec<Outcome>> {
        let gone = self.wave(format!("{name} gone"), Action::Withdraw, which)?;
        let back = self.wave(format!("{name} back"), Action::Announce, which)?;
        Ok(vec![gone, back])
    }

    /// Lets a sender's connection go, and come again.
    fn sender_flap(&mut self, name: &str, sender: usize) -> Result<Vec<Outcome>> {
        if sender >= self.senders.len() {
            let reason = format!("there is no sender {sender}; the first is 0");
            return Err(LoadError::Phase { phase: "sender-flap", reason });
        }
        let which = Which::Sender(sender);
        let mut encoder = Encoder::new(&self.plan, self.senders.len());
        let unreach = encoder.wave(Action::Withdraw, which, &self.placement)?.unreach;
        let expected = Expected { reach: 0, unreach, sum: None };
        let gone = self.measure(
            format!("{name} gone"),
            expected,
            Box::new(move |senders, done| {
                senders.close(sender);
                serve(senders, done)
            }),
        )?;
        self.senders.establish()?;
        Ok(vec![gone, self.wave(format!("{name} back"), Action::Announce, which)?])
    }

    /// Runs `send` in a thread and counts in another one until every sink has what is expected.
    fn measure(&mut self, name: String, expected: Expected, send: Box<Send<'_>>) -> Result<Outcome> {
        let before = self.usage()?;
        self.sinks.clear_tallies();
        self.progress.begin(&name, expected.routes());
        let (done, progress, limit) = (AtomicBool::new(false), &self.progress, self.limit);
        let (senders, sinks) = (&mut self.senders, &mut self.sinks);
        let start = Instant::now();
        let times = std::thread::scope(|scope| {
            // Either thread ends the other: the one when all has come, the other when nothing can be sent.
            let counting = scope.spawn(|| {
                let counted = count(sinks, &expected, start + limit, &done, progress);
                done.store(true, Ordering::Release);
                (counted, thread_cpu_s())
            });
            let sending = scope.spawn(|| {
                let sent = send(senders, &done);
                if sent.is_err() {
                    done.store(true, Ordering::Release);
                }
                (sent, thread_cpu_s())
            });
            while !(counting.is_finished() && sending.is_finished()) {
                progress.draw();
                std::thread::sleep(LOOK);
            }
            let (sent, sending_cpu) = sending.join().map_err(|_| LoadError::Thread)?;
            let (counted, counting_cpu) = counting.join().map_err(|_| LoadError::Thread)?;
            let sent = sent?;
            Ok::<_, LoadError>(Times { sent, own_cpu_s: [sending_cpu, counting_cpu], ..counted? })
        })?;
        self.progress.end();
        let after = self.usage()?;
        self.settle()?;
        Ok(self.outcome(name, expected, start, &times, before, after))
    }

    /// Listens until nothing comes any more.
    fn settle(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(2);
        let octets = |group: &Group| group.tallies().map(|tally| tally.octets).sum::<u64>();
        let (mut last, mut since) = (octets(&self.sinks), Instant::now());
        while since.elapsed() < QUIET && Instant::now() < deadline {
            self.sinks.turn(QUIET / 4)?;
            self.senders.turn(Duration::ZERO)?;
            let now = octets(&self.sinks);
            if now != last {
                (last, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    fn outcome(
        &self,
        phase: String,
        expected: Expected,
        start: Instant,
        times: &Times,
        before: Option<Usage>,
        after: Option<Usage>,
    ) -> Outcome {
        let seconds = |at: Option<Instant>| at.map(|at| at.duration_since(start).as_secs_f64());
        Outcome {
            phase,
            routes: expected.routes(),
            updates: 0,
            octets: 0,
            seconds: seconds(times.done),
            first_s: seconds(times.first),
            sent_s: seconds(times.sent),
            updates_received: self.sinks.tallies().map(|tally| tally.updates).max().unwrap_or(0),
            arrived: arrived(&expected, &self.sinks),
            latency: None,
            own_cpu_s: times.own_cpu_s,
            usage: after,
            speaker_cpu_s: before.zip(after).map(|(before, after)| after.cpu_s() - before.cpu_s()),
        }
    }

    /// The UPDATEs of so many moves; the hosts are where they go from here on.
    fn encode_moves(&mut self, phase: &'static str, count: u32) -> Result<Vec<Move>> {
        let no = |reason: &str| LoadError::Phase { phase, reason: reason.to_owned() };
        if self.plan.shape().vteps < 2 {
            return Err(no("a host needs two VTEPs to move"));
        }
        if self.sinks.is_empty() {
            return Err(no("nobody sees the moves without a sink"));
        }
        let mut encoder = Encoder::new(&self.plan, self.senders.len());
        (0..count)
            .map(|index| {
                let host = self.plan.host_of_move(index).ok_or_else(|| no("there is no host to move"))?;
                encoder.moved(&self.plan.move_host(host, &mut self.placement))
            })
            .collect()
    }

    /// One move after another, each awaited at every sink.
    fn moves(&mut self, name: String, count: u32) -> Result<Outcome> {
        let moves = self.encode_moves("moves", count)?;
        let before = self.usage()?;
        self.sinks.clear_tallies();
        self.progress.begin(&name, moves.len() as u64);
        let (start, cpu) = (Instant::now(), thread_cpu_s());
        let deadline = start + self.limit;
        let mut expected = Expected::default();
        let mut latencies = Vec::with_capacity(moves.len());
        let (mut updates, mut octets) = (0, 0);
        for (done, moved) in (0u64..).zip(&moves) {
            let sent = Instant::now();
            self.senders.send(moved.announce.0, moved.announce.1.clone())?;
            expected.reach += moved.routes;
            let seen = self.await_sinks(&expected, deadline)?;
            // The old VTEP lets go when it sees the new one's route.
            self.senders.send(moved.withdraw.0, moved.withdraw.1.clone())?;
            expected.unreach += moved.routes;
            let gone = self.await_sinks(&expected, deadline)?;
            self.senders.turn(Duration::ZERO)?;
            let Some(seen) = seen.filter(|_| gone.is_some()) else { break };
            latencies.push(seen.duration_since(sent));
            updates += moved.updates;
            octets += (moved.announce.1.len() + moved.withdraw.1.len()) as u64;
            self.progress.seen.store(done, Ordering::Relaxed);
            if done % 64 == 0 {
                self.progress.draw();
            }
        }
        self.progress.end();
        let complete = latencies.len() == moves.len();
        let times = Times {
            done: complete.then(Instant::now),
            own_cpu_s: [thread_cpu_s() - cpu, 0.0],
            ..Times::default()
        };
        let after = self.usage()?;
        self.settle()?;
        let latency = Latency::of(latencies);
        let outcome = self.outcome(name, expected, start, &times, before, after);
        Ok(Outcome { updates, octets, latency, ..outcome })
    }

    /// Waits until every sink has what is expected; `None` if it takes too long.
    fn await_sinks(&mut self, expected: &Expected, deadline: Instant) -> Result<Option<Instant>> {
        loop {
            if self.sinks.tallies().all(|tally| expected.met_by(tally)) {
                return Ok(Some(Instant::now()));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.sinks.turn(left.min(LOOK))?;
            if self.senders.waiting() > 0 {
                self.senders.turn(Duration::ZERO)?;
            }
        }
    }

    /// Moves at a rate, each found again at the first sink by the host's number; or as fast as they go.
    fn sustained(&mut self, name: String, count: u32, rate: Option<u32>) -> Result<Outcome> {
        let moves = self.encode_moves("sustained", count)?;
        // Of a host that moves twice a speaker need not tell where it was in between.
        if count > self.plan.hosts() {
            let reason =
                format!("{count} moves without waiting need as many hosts; there are {}", self.plan.hosts());
            return Err(LoadError::Phase { phase: "sustained", reason });
        }
        let routes = moves.iter().map(|moved| moved.routes).sum();
        let expected = Expected { reach: routes, unreach: routes, sum: None };
        let updates = moves.iter().map(|moved| moved.updates).sum();
        let pieces = || moves.iter().flat_map(|moved| [&moved.announce, &moved.withdraw]);
        let octets = pieces().map(|(_, bytes)| bytes.len() as u64).sum();
        let Some(rate) = rate else {
            let mut whole: Vec<Vec<u8>> = vec![Vec::new(); self.senders.len()];
            for (sender, bytes) in pieces() {
                if let Some(of_sender) = whole.get_mut(*sender) {
                    of_sender.extend_from_slice(bytes);
                }
            }
            let outcome = self.measure(
                name,
                expected,
                Box::new(move |senders, done| {
                    for (index, bytes) in whole.into_iter().enumerate() {
                        senders.send(index, Bytes::from(bytes))?;
                    }
                    serve(senders, done)
                }),
            )?;
            return Ok(Outcome { updates, octets, ..outcome });
        };
        self.sinks.sessions_mut().take(1).for_each(Session::trace);
        let sent: std::sync::Mutex<Vec<Instant>> = std::sync::Mutex::new(Vec::with_capacity(moves.len()));
        let outcome = self.measure(
            name,
            expected,
            Box::new(|senders, done| {
                let times = send_at_rate(senders, &moves, rate, done)?;
                *sent.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = times;
                serve(senders, done)
            }),
        )?;
        let sent = sent.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let seen: HashMap<u32, Instant> =
            self.sinks.sessions_mut().take(1).flat_map(Session::take_trace).collect();
        let latencies = moves.iter().zip(&sent).filter_map(|(moved, sent)| {
            seen.get(&moved.host).map(|seen| seen.saturating_duration_since(*sent))
        });
        Ok(Outcome { updates, octets, latency: Latency::of(latencies.collect()), ..outcome })
    }

    fn idle(&mut self, name: String, time: Duration) -> Result<Outcome> {
        let before = self.usage()?;
        self.sinks.clear_tallies();
        let start = Instant::now();
        while start.elapsed() < time {
            self.sinks.turn(LOOK)?;
            self.senders.turn(Duration::ZERO)?;
        }
        let times = Times { done: Some(Instant::now()), ..Times::default() };
        Ok(self.outcome(name, Expected::default(), start, &times, before, self.usage()?))
    }
}

/// Sends what waits, and serves the sessions until the sinks are done; gives when all was sent.
pub fn serve(senders: &mut Group, done: &AtomicBool) -> Result<Option<Instant>> {
    let mut sent = None;
    while !done.load(Ordering::Acquire) {
        if sent.is_none() && senders.waiting() == 0 {
            sent = Some(Instant::now());
        }
        senders.turn(LOOK)?;
    }
    Ok(sent)
}

/// Sends each move when it is due; gives when each was sent.
fn send_at_rate(senders: &mut Group, moves: &[Move], rate: u32, done: &AtomicBool) -> Result<Vec<Instant>> {
    let step = Duration::from_secs(1) / rate;
    let mut sent = Vec::with_capacity(moves.len());
    let mut due = Instant::now();
    for moved in moves {
        let early = due.saturating_duration_since(Instant::now());
        if !early.is_zero() {
            std::thread::sleep(early);
        }
        if done.load(Ordering::Acquire) {
            break;
        }
        sent.push(Instant::now());
        senders.send(moved.announce.0, moved.announce.1.clone())?;
        senders.send(moved.withdraw.0, moved.withdraw.1.clone())?;
        // One look at the sockets now and then keeps the sessions alive.
        if sent.len() % 256 == 0 {
            senders.turn(Duration::ZERO)?;
        }
        due += step;
    }
    Ok(sent)
}

/// Counts until every sink has what is expected, or until the deadline.
fn count(
    sinks: &mut Group,
    expected: &Expected,
    deadline: Instant,
    stop: &AtomicBool,
    progress: &Progress,
) -> Result<Times> {
    let mut times = Times::default();
    loop {
        if sinks.tallies().all(|tally| expected.met_by(tally)) {
            times.done = Some(Instant::now());
            times.first = sinks.sessions().filter_map(Session::first).min();
            return Ok(times);
        }
        let least = sinks.tallies().map(|tally| tally.reach + tally.unreach).min().unwrap_or(0);
        progress.seen.store(least, Ordering::Relaxed);
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stop.load(Ordering::Acquire) {
            return Ok(times);
        }
        sinks.turn(left.min(LOOK))?;
    }
}

fn arrived(expected: &Expected, sinks: &Group) -> Arrived {
    let wanted = expected.routes();
    let got = || sinks.tallies().map(|tally| tally.reach + tally.unreach);
    match (got().min(), got().max()) {
        _ if wanted == 0 => Arrived::Unknown,
        (Some(least), _) if least < wanted => Arrived::Missing(wanted - least),
        (_, Some(most)) if most > wanted => Arrived::More(most - wanted),
        (Some(_), _) if sinks.tallies().all(|tally| expected.sum.is_none_or(|sum| sum == tally.sum)) => {
            Arrived::Exactly
        }
        (Some(_), _) => Arrived::Changed,
        (None, _) => Arrived::Unknown,
    }
}
