//! Many sessions: 10,000 routes to 480 receivers, and 100 senders of 10,000 routes each.

use super::daemon::Subject;
use super::reflect::named;
use super::{Figures, Run};
use crate::error::Result;
use crate::load::phase::Phase;
use crate::load::shape::Shape;

/// One sender, many receivers.
pub fn receivers(run: &Run) -> Result<Figures> {
    let sinks = run.size(480, 12);
    let shape =
        Shape { routes: run.size(10_000, 1_000), vteps: 64, vnis: 100, seed: run.seed, ..Shape::default() };
    let outcomes =
        Subject::reflector(run, 1, sinks)?.phases(run, shape, (1, sinks), vec![Phase::Announce])?;
    let announced = named(&outcomes, "announce");
    Ok(vec![
        ("receivers", announced.and_then(|outcome| outcome.seconds)),
        ("receivers memory", announced.and_then(|outcome| outcome.usage).map(|usage| usage.rss_mb)),
        ("receivers peak", announced.and_then(|outcome| outcome.usage).map(|usage| usage.peak_mb)),
    ])
}

/// Many senders, one receiver; one of the senders is lost and comes back.
pub fn senders(run: &Run) -> Result<Figures> {
    let senders = run.size(100, 5);
    let shape =
        Shape { routes: senders * run.size(10_000, 200), vteps: senders, seed: run.seed, ..Shape::default() };
    let phases = vec![Phase::Announce, Phase::SenderFlap { sender: 0 }];
    let outcomes = Subject::reflector(run, senders, 1)?.phases(run, shape, (senders, 1), phases)?;
    let announced = named(&outcomes, "announce");
    let flap = |part: &str| {
        outcomes.iter().find(|outcome| outcome.phase.ends_with(part)).and_then(|outcome| outcome.seconds)
    };
    Ok(vec![
        ("senders", announced.and_then(|outcome| outcome.seconds)),
        ("senders memory", announced.and_then(|outcome| outcome.usage).map(|usage| usage.rss_mb)),
        ("sender lost", flap("gone")),
        ("sender back", flap("back")),
    ])
}
