//! Bad input: peers that do what a peer may do and should not. What counts is that memory stays bounded, that other
//! peers' routes still go through, and that the log stays readable. So each attack has a thread of its own, and while it
//! lasts hosts of an honest peer move one after another, each awaited at a receiver.

use super::daemon::{self, Subject, sender, sink};
use super::{Figures, Run};
use crate::error::{Result, ensure};
use crate::load::encode::{Action, Encoder, Move, Wave, Which};
use crate::load::error::LoadError;
use crate::load::group::Group;
use crate::load::plan::{Placement, Plan};
use crate::load::session::{Session, State};
use crate::load::shape::{Mix, Shape};
use crate::load::stats::Latency;
use crate::load::usage::Usage;
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The honest peer's table.
fn honest(seed: u64) -> Shape {
    Shape { routes: 10_000, vteps: 4, vnis: 10, asn: daemon::ASN, seed, ..Shape::default() }
}

/// Attackers' hosts have numbers from here on, their VNIs from there.
const OTHER_HOSTS: u32 = 1 << 23;
const OTHER_VNIS: u32 = 5001;
/// Between two moves. They show how the peer fares, and are no attack themselves.
const PACE: Duration = Duration::from_millis(1);
/// Moves that an attack which lasts as long as one likes is measured by.
const MOVES: u32 = 500;
/// How long a daemon has to give memory back.
const SETTLE: Duration = Duration::from_secs(3);
/// Pairs of an announcement and a withdrawal that are sent as one.
const FLAPS: usize = 5_000;

/// What others saw of an attack.
struct Harm {
    latency: Option<Latency>,
    /// The most memory, MB.
    peak_mb: f64,
    /// Lines that the daemon wrote meanwhile.
    lines: usize,
}

/// What the attack is told while it runs, and told by.
#[derive(Debug, Default)]
struct Watch {
    /// Routes that have come at the receiver, without those of the moves.
    reach: AtomicU64,
    unreach: AtomicU64,
    /// Enough moves were measured.
    enough: AtomicBool,
    /// The attack is over.
    over: AtomicBool,
}

impl Watch {
    fn reach(&self) -> u64 {
        self.reach.load(Ordering::Acquire)
    }

    fn unreach(&self) -> u64 {
        self.unreach.load(Ordering::Acquire)
    }

    fn enough(&self) -> bool {
        self.enough.load(Ordering::Acquire)
    }
}

/// The daemon's log, to be counted.
#[derive(Debug, Clone)]
struct Lines(Vec<PathBuf>);

impl Lines {
    fn count(&self) -> usize {
        let lines =
            |file| std::fs::read(file).unwrap_or_default().iter().filter(|octet| **octet == b'\n').count();
        self.0.iter().map(lines).sum()
    }
}

/// What an attack may use.
struct Ground<'a> {
    watch: &'a Watch,
    /// The attacker, established.
    attacker: Group,
    pids: &'a [u32],
    limit: Duration,
}

impl Ground<'_> {
    fn rss_mb(&self) -> crate::load::Result<f64> {
        Ok(Usage::of_all(self.pids)?.rss_mb)
    }

    /// Sends octets until something has come of it; the seconds that took, `None` if it takes too long.
    fn send_until(
        &mut self,
        octets: Bytes,
        come: impl Fn(&Watch) -> bool,
    ) -> crate::load::Result<Option<f64>> {
        let start = Instant::now();
        self.attacker.send(0, octets)?;
        while !come(self.watch) {
            if start.elapsed() > self.limit {
                return Ok(None);
            }
            self.attacker.turn(Duration::from_millis(1))?;
        }
        Ok(Some(start.elapsed().as_secs_f64()))
    }
}

/// Runs an attack from one peer while hosts of another move; `least` moves are awaited at least.
fn under_attack<R: Send + 'static>(
    run: &Run,
    subject: &Subject,
    attack: impl FnOnce(&mut Ground<'_>) -> crate::load::Result<R> + Send + 'static,
) -> Result<(R, Harm)> {
    let (least, limit) = (run.size(MOVES, 20), run.limit);
    let (pids, lines) = (subject.speaker.pids(), Lines(subject.speaker.log_files()));
    subject.load(run, honest(run.seed), (1, 1), move |runner| {
        let plan = runner.plan().clone();
        let (honest, sinks) = runner.groups();
        let moves = moves_of_one_sender(&plan, plan.hosts())?;
        let attacker = Group::open(&[sender(1)], daemon::target())?;
        let before = lines.count();
        let watch = Watch::default();
        let (outcome, latency) = std::thread::scope(|scope| {
            let (watch, pids) = (&watch, &pids);
            let attacking = scope.spawn(move || {
                let outcome = attack(&mut Ground { watch, attacker, pids, limit });
                watch.over.store(true, Ordering::Release);
                outcome
            });
            let latency = moves_until_over(honest, sinks, &moves, least as usize, watch, limit);
            // Without a receiver it cannot end by itself.
            watch.enough.store(true, Ordering::Release);
            let outcome = attacking.join().map_err(|_| LoadError::Thread)?;
            Ok::<_, LoadError>((outcome?, latency?))
        })?;
        let lines = lines.count() - before;
        let peak_mb = Usage::of_all(&pids)?.peak_mb;
        Ok((outcome, Harm { latency, peak_mb, lines }))
    })
}

fn moves_of_one_sender(plan: &Plan, count: u32) -> crate::load::Result<Vec<Move>> {
    let (mut encoder, mut placement) = (Encoder::new(plan, 1), Placement::default());
    let hosts = (0..count).filter_map(|index| plan.host_of_move(index));
    hosts.map(|host| encoder.moved(&plan.move_host(host, &mut placement))).collect()
}

/// Sends moves one after another while the attack lasts, but so many at least, and finds each at the first sink by the
/// host's number. `None` if one did not come in time, or all hosts had moved before so many were awaited.
fn moves_until_over(
    honest: &mut Group,
    sinks: &mut Group,
    moves: &[Move],
    least: usize,
    watch: &Watch,
    limit: Duration,
) -> crate::load::Result<Option<Latency>> {
    let mut latencies = Vec::new();
    let mut moves = moves.iter();
    while !(watch.over.load(Ordering::Acquire) && latencies.len() >= least) {
        let Some(moved) = moves.next() else {
            watch.enough.store(true, Ordering::Release);
            look(sinks, watch, latencies.len())?;
            honest.turn(Duration::ZERO)?;
            continue;
        };
        sinks.sessions_mut().take(1).for_each(Session::trace);
        let sent = Instant::now();
        honest.send(moved.announce.0, moved.announce.1.clone())?;
        let seen = loop {
            look(sinks, watch, latencies.len())?;
            honest.turn(Duration::ZERO)?;
            let came: Vec<_> = sinks.sessions_mut().take(1).flat_map(Session::take_trace).collect();
            if let Some((_, at)) = came.iter().find(|(host, _)| *host == moved.host) {
                break *at;
            }
            if sent.elapsed() >= limit {
                return Ok(None);
            }
            sinks.sessions_mut().take(1).for_each(Session::trace);
        };
        latencies.push(seen.duration_since(sent));
        if latencies.len() >= least {
            watch.enough.store(true, Ordering::Release);
        }
        honest.send(moved.withdraw.0, moved.withdraw.1.clone())?;
        let resting = Instant::now();
        while resting.elapsed() < PACE {
            look(sinks, watch, latencies.len())?;
        }
    }
    Ok(Latency::of(latencies))
}

/// Takes what has come for the sinks, and tells what the attack has brought of it. A host moves once: what the
/// old VTEP withdraws was never announced.
fn look(sinks: &mut Group, watch: &Watch, moved: usize) -> crate::load::Result<()> {
    sinks.turn(Duration::from_micros(200))?;
    if let Some(tally) = sinks.tallies().next() {
        watch.reach.store(tally.reach.saturating_sub(moved as u64), Ordering::Release);
        watch.unreach.store(tally.unreach, Ordering::Release);
    }
    Ok(())
}

fn wave(shape: Shape, action: Action) -> crate::load::Result<(Bytes, Wave)> {
    let plan = Plan::new(shape);
    let mut wave = Encoder::new(&plan, 1).wave(action, Which::All, &Placement::default())?;
    Ok((wave.of_sender.pop().unwrap_or_default(), wave))
}

fn other(run: &Run, routes: u32) -> Shape {
    Shape { routes, first_vni: OTHER_VNIS, first_host: OTHER_HOSTS, seed: run.seed, ..Shape::default() }
}

/// The names under which an attack's latency and log lines stand.
type Names = [&'static str; 3];

fn told(harm: &Harm, [median, p99, lines]: Names) -> Figures {
    vec![
        (median, harm.latency.map(|latency| latency.median_us)),
        (p99, harm.latency.map(|latency| latency.p99_us)),
        (lines, Some(harm.lines as f64)),
    ]
}

/// Every route has attributes of its own: nothing can be shared or packed.
pub fn unique_attributes(run: &Run) -> Result<Figures> {
    let shape = Shape { unique_attributes: true, ..other(run, run.size(1_000_000, 10_000)) };
    let subject = Subject::reflector(run, 2, 1)?;
    let ((octets, all), (withdrawals, gone)) =
        (wave(shape.clone(), Action::Announce)?, wave(shape, Action::Withdraw)?);
    let ((announced, memory, withdrawn), harm) = under_attack(run, &subject, move |ground| {
        let announced = ground.send_until(octets, |watch| watch.reach() >= all.reach)?;
        let memory = ground.rss_mb()?;
        let withdrawn = match announced {
            Some(_) => ground.send_until(withdrawals, |watch| watch.unreach() >= gone.unreach)?,
            None => None,
        };
        Ok((announced, memory, withdrawn))
    })?;
    let figures = vec![
        ("unique attributes", announced),
        ("unique attributes memory", Some(memory)),
        ("unique attributes withdrawn", withdrawn),
    ];
    let names = ["unique attributes move median", "unique attributes move p99", "unique attributes log"];
    Ok([figures, told(&harm, names)].concat())
}

/// One route in each UPDATE.
pub fn single_routes(run: &Run) -> Result<Figures> {
    let shape = Shape { per_update: 1, ..other(run, run.size(1_000_000, 10_000)) };
    let subject = Subject::reflector(run, 2, 1)?;
    let (octets, all) = wave(shape, Action::Announce)?;
    let ((announced, memory), harm) = under_attack(run, &subject, move |ground| {
        let announced = ground.send_until(octets, |watch| watch.reach() >= all.reach)?;
        Ok((announced, ground.rss_mb()?))
    })?;
    let figures = vec![("one route an UPDATE", announced), ("one route an UPDATE memory", Some(memory))];
    let names =
        ["one route an UPDATE move median", "one route an UPDATE move p99", "one route an UPDATE log"];
    Ok([figures, told(&harm, names)].concat())
}

/// A peer flaps one route as fast as it is read.
pub fn flapping(run: &Run) -> Result<Figures> {
    let subject = Subject::reflector(run, 2, 1)?;
    let storm = flaps_of_one_route(FLAPS)?;
    let (rate, harm) = under_attack(run, &subject, move |ground| {
        let (start, mut sent) = (Instant::now(), 0);
        while !ground.watch.enough() {
            if ground.attacker.waiting() < storm.len() {
                ground.attacker.send(0, storm.clone())?;
                sent += storm.len();
            }
            ground.attacker.turn(Duration::from_millis(1))?;
        }
        let octets = (sent - ground.attacker.waiting()) as f64;
        Ok(octets / storm.len() as f64 * 2.0 * FLAPS as f64 / start.elapsed().as_secs_f64())
    })?;
    let figures = vec![("flaps taken", Some(rate)), ("flaps memory", Some(harm.peak_mb))];
    Ok([figures, told(&harm, ["flaps move median", "flaps move p99", "flaps log"])].concat())
}

/// A type-5 route announced and withdrawn so often, as octets.
fn flaps_of_one_route(flaps: usize) -> crate::load::Result<Bytes> {
    let mix = Mix { ipv4: 0, prefix4: 1, ..Mix::IPV4 };
    let one = Shape { routes: 1, vteps: 1, vnis: 1, first_vni: 9_001, mix, ..Shape::default() };
    let pair = [wave(one.clone(), Action::Announce)?.0, wave(one, Action::Withdraw)?.0].concat();
    Ok(Bytes::from(pair.repeat(flaps)))
}

/// A receiver reads one octet a second while a million routes go by, then everything; another one reads as it should.
pub fn slow_reader(run: &Run) -> Result<Figures> {
    let shape = other(run, run.size(1_000_000, 20_000));
    let stall = Duration::from_secs(run.size(60, 2).into());
    let subject = Subject::reflector(run, 2, 2)?;
    let (octets, all) = wave(shape, Action::Announce)?;
    let ((beside, caught_up), harm) = under_attack(run, &subject, move |ground| {
        let mut slow = Group::open(&[sink(1)], daemon::target())?;
        slow.set_slow(0, true)?;
        let (start, mut beside) = (Instant::now(), None);
        ground.attacker.send(0, octets)?;
        let mut sip = start;
        while start.elapsed() < stall || (beside.is_none() && start.elapsed() < ground.limit) {
            ground.attacker.turn(Duration::from_millis(1))?;
            if beside.is_none() && ground.watch.reach() >= all.reach {
                beside = Some(start.elapsed().as_secs_f64());
            }
            if sip.elapsed() > Duration::from_secs(1) {
                sip = Instant::now();
                slow.sip()?;
                slow.turn(Duration::ZERO)?;
            }
        }
        let resumed = Instant::now();
        slow.set_slow(0, false)?;
        while resumed.elapsed() < ground.limit {
            if slow.tallies().all(|tally| tally.reach >= all.reach) {
                return Ok((beside, Some(resumed.elapsed().as_secs_f64())));
            }
            ground.attacker.turn(Duration::ZERO)?;
            slow.turn(Duration::from_millis(1))?;
        }
        Ok((beside, None))
    })?;
    let figures = vec![
        ("beside a slow reader", beside),
        ("slow reader catches up", caught_up),
        ("slow reader peak", Some(harm.peak_mb)),
    ];
    Ok([figures, told(&harm, ["slow reader move median", "slow reader move p99", "slow reader log"])]
        .concat())
}

/// What becomes of a peer that sends more than its `maximum-prefix`, and calls again and again.
#[derive(Debug)]
struct Refused {
    /// The NOTIFICATION.
    said: String,
    /// Seconds until it came.
    closed: f64,
    /// Calls after it.
    calls: u32,
    /// Sessions that came of them.
    sessions: u32,
    /// MB when the routes are gone.
    after_mb: f64,
    /// All that was passed on was withdrawn.
    gone: bool,
}

/// A peer goes beyond its `maximum-prefix`, and calls again as fast as it can.
pub fn maximum_prefix(run: &Run) -> Result<Figures> {
    let allowed = run.size(100_000, 1_000);
    let (routes, calling) = (2 * allowed, Duration::from_secs(run.size(10, 1).into()));
    let (shape, settle) = (other(run, routes), if run.quick { Duration::ZERO } else { SETTLE });
    let line = format!("  neighbor {} maximum-prefix {allowed}\n", sender(1));
    let subject = Subject::reflector_with(run, 2, 1, &line)?;
    let (octets, all) = wave(shape, Action::Announce)?;
    let (refused, harm) = under_attack(run, &subject, move |ground| {
        let start = Instant::now();
        let said = match ground.send_until(octets, |watch| watch.reach() >= all.reach) {
            Err(LoadError::Notification { notification, .. }) => notification,
            Err(error) => error.to_string(),
            Ok(_) => "nothing: all routes went through".to_owned(),
        };
        let closed = start.elapsed().as_secs_f64();
        let (begun, mut calls, mut sessions) = (Instant::now(), 0, 0);
        while begun.elapsed() < calling {
            calls += 1;
            sessions += u32::from(call_once(ground)?);
        }
        std::thread::sleep(settle);
        let waited = Instant::now();
        let gone = loop {
            let gone = ground.watch.unreach() > 0 && ground.watch.unreach() >= ground.watch.reach();
            if gone || waited.elapsed() > ground.limit {
                break gone;
            }
            std::thread::sleep(PACE);
        };
        Ok(Refused { said, closed, calls, sessions, after_mb: ground.rss_mb()?, gone })
    })?;
    let by_name = refused.said.contains("Maximum Number of Prefixes Reached");
    ensure(by_name && refused.gone && refused.sessions == 0, || format!("{refused:?}"))?;
    let figures = vec![
        ("maximum prefix", Some(refused.closed)),
        ("maximum prefix calls", Some(f64::from(refused.calls) / calling.as_secs_f64())),
        ("maximum prefix memory", Some(harm.peak_mb)),
        ("maximum prefix memory after", Some(refused.after_mb)),
    ];
    let names = ["maximum prefix move median", "maximum prefix move p99", "maximum prefix log"];
    Ok([figures, told(&harm, names)].concat())
}

/// One call; true if a session came of it.
fn call_once(ground: &mut Ground<'_>) -> crate::load::Result<bool> {
    ground.attacker.close(0);
    ground.attacker.call(0)?;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        match ground.attacker.turn(Duration::from_millis(10)) {
            Err(LoadError::Closed { .. } | LoadError::Notification { .. } | LoadError::Io { .. }) => {
                return Ok(false);
            }
            other => other?,
        }
        if ground.attacker.sessions().any(|session| session.state() == State::Established) {
            return Ok(true);
        }
        if ground.attacker.sessions().count() == 0 {
            return Ok(false);
        }
    }
    Ok(false)
}

/// A peer opens a session and closes it, again and again, as fast as it can.
pub fn session_flaps(run: &Run) -> Result<Figures> {
    let flapping = Duration::from_secs(run.size(10, 1).into());
    let subject = Subject::reflector(run, 2, 1)?;
    let (rate, harm) = under_attack(run, &subject, move |ground| {
        let (begun, mut sessions) = (Instant::now(), 0);
        while begun.elapsed() < flapping {
            sessions += u32::from(call_once(ground)?);
        }
        Ok(f64::from(sessions) / begun.elapsed().as_secs_f64())
    })?;
    let figures = vec![("session flaps", Some(rate)), ("session flaps memory", Some(harm.peak_mb))];
    let names = ["session flaps move median", "session flaps move p99", "session flaps log"];
    Ok([figures, told(&harm, names)].concat())
}
