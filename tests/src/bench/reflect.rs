//! One sender, one receiver, a million routes: what a route reflector takes to pass them on, to let them go, and
//! to pass on a host's move.

use super::daemon::Subject;
use super::{Figures, Run};
use crate::error::Result;
use crate::load::phase::{Outcome, Phase};
use crate::load::shape::Shape;
use std::time::Duration;

/// How long a daemon has to give memory back.
const SETTLE: Duration = Duration::from_secs(2);

/// The shape of the budget.
pub fn shape(run: &Run) -> Shape {
    Shape { routes: run.size(1_000_000, 10_000), seed: run.seed, ..Shape::default() }
}

/// Announce, moves one by one, moves as fast as they go, withdraw.
pub fn reflect(run: &Run) -> Result<Figures> {
    let subject = Subject::reflector(run, 1, 1)?;
    // FRR takes 50 ms for each half of a move.
    let moves = Phase::Moves { count: run.size(400, 20) };
    let sustained = Phase::Sustained { count: run.size(20_000, 1_000), rate: None };
    let phases = vec![Phase::Announce, moves, sustained, Phase::Withdraw, Phase::Idle { time: SETTLE }];
    let outcomes = subject.phases(run, shape(run), (1, 1), phases)?;
    let seconds = |phase| named(&outcomes, phase).and_then(|outcome| outcome.seconds);
    let memory = |phase| named(&outcomes, phase).and_then(|outcome| outcome.usage).map(|usage| usage.rss_mb);
    let latency = named(&outcomes, "moves").and_then(|outcome| outcome.latency);
    // A move is a route announced and one withdrawn.
    let sustained = named(&outcomes, "sustained").and_then(Outcome::rate).map(|routes| routes / 2.0);
    let figures = [
        ("announce", "reflect", seconds("announce")),
        ("announce", "reflect memory", memory("announce")),
        ("moves", "move median", latency.map(|latency| latency.median_us)),
        ("moves", "move p99", latency.map(|latency| latency.p99_us)),
        ("sustained", "sustained moves", sustained),
        ("withdraw", "withdraw", seconds("withdraw")),
        ("idle", "memory after withdraw", memory("idle")),
    ];
    // After a phase that took too long there are no others.
    let done = figures.into_iter().filter(|(phase, ..)| named(&outcomes, phase).is_some());
    Ok(done.map(|(_, name, figure)| (name, figure)).collect())
}

/// Random shapes, each by another seed: the slowest time and the most memory of them for a million routes,
/// so that nothing hangs on one convenient shape.
pub fn random_shapes(run: &Run) -> Result<Figures> {
    let routes = run.size(1_000_000, 5_000);
    let (mut slowest, mut largest) = (Some(0.0_f64), 0.0_f64);
    for seed in 0..4 {
        let shape = Shape::random(run.seed.wrapping_add(seed), routes);
        let subject = Subject::reflector(run, 1, 1)?;
        let idle = Phase::Idle { time: Duration::from_millis(200) };
        let outcomes = subject.phases(run, shape, (1, 1), vec![idle, Phase::Announce])?;
        let of_million = |value: f64| value * 1e6 / f64::from(routes);
        let announced = named(&outcomes, "announce");
        let seconds = announced.and_then(|outcome| outcome.seconds);
        slowest = slowest.zip(seconds).map(|(slowest, seconds)| slowest.max(of_million(seconds)));
        let memory = |phase| {
            named(&outcomes, phase).and_then(|outcome| outcome.usage).map_or(0.0, |usage| usage.rss_mb)
        };
        largest = largest.max(of_million(memory("announce") - memory("idle")));
        if slowest.is_none() {
            break;
        }
    }
    Ok(vec![("random shapes", slowest), ("random shapes memory", slowest.map(|_| largest))])
}

/// The first outcome of a phase.
pub fn named<'a>(outcomes: &'a [Outcome], phase: &str) -> Option<&'a Outcome> {
    outcomes.iter().find(|outcome| outcome.phase.starts_with(phase))
}
