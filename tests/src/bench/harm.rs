//! Bad input: peers that do what a peer may do and should not. What counts is that memory stays bounded and
//! that other peers' routes still go through.

use super::daemon::Subject;
use super::reflect::named;
use super::{Figures, Run};
use crate::error::Result;
use crate::load::encode::{Action, Encoder, Move, Which};
use crate::load::group::Group;
use crate::load::phase::Phase;
use crate::load::plan::{Placement, Plan};
use crate::load::session::Session;
use crate::load::shape::{Mix, Shape};
use crate::load::stats::Latency;
use crate::load::usage::Usage;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// Every route has attributes of its own: nothing can be shared or packed.
pub fn unique_attributes(run: &Run) -> Result<Figures> {
    let shape = Shape {
        routes: run.size(1_000_000, 10_000),
        unique_attributes: true,
        seed: run.seed,
        ..Shape::default()
    };
    let phases = vec![Phase::Announce, Phase::Withdraw];
    let outcomes = Subject::reflector(run, 1, 1)?.phases(run, shape, (1, 1), phases)?;
    let announced = named(&outcomes, "announce");
    Ok(vec![
        ("unique attributes", announced.and_then(|outcome| outcome.seconds)),
        ("unique attributes memory", announced.and_then(|outcome| outcome.usage).map(|usage| usage.rss_mb)),
        ("unique attributes withdrawn", named(&outcomes, "withdraw").and_then(|outcome| outcome.seconds)),
    ])
}

/// One route in each UPDATE.
pub fn single_routes(run: &Run) -> Result<Figures> {
    let shape =
        Shape { routes: run.size(1_000_000, 10_000), per_update: 1, seed: run.seed, ..Shape::default() };
    let outcomes = Subject::reflector(run, 1, 1)?.phases(run, shape, (1, 1), vec![Phase::Announce])?;
    let announced = named(&outcomes, "announce");
    Ok(vec![
        ("one route an UPDATE", announced.and_then(|outcome| outcome.seconds)),
        ("one route an UPDATE memory", announced.and_then(|outcome| outcome.usage).map(|usage| usage.rss_mb)),
    ])
}

/// A peer flaps one route as fast as it can be written, while hosts of another peer move: how long does such a
/// move take?
pub fn flapping(run: &Run) -> Result<Figures> {
    let (flaps, moves) = (run.size(500_000, 2_000), run.size(500, 20));
    let limit = run.limit;
    let subject = Subject::reflector(run, 2, 1)?;
    let pids = subject.speaker.pids();
    let shape = Shape { routes: 10_000, vteps: 4, vnis: 10, seed: run.seed, ..Shape::default() };
    let (rate, latency) = subject.load(run, shape, (2, 1), move |runner| {
        let plan = runner.plan().clone();
        let (senders, sinks) = runner.groups();
        let storm = flaps_of_one_route(flaps)?;
        // The attacker is sender 1; the moves are all sender 0's.
        let moves = moves_of_one_sender(&plan, moves)?;
        let octets = storm.len() as f64;
        let start = Instant::now();
        senders.send(1, storm)?;
        let latency = awaited_moves(senders, sinks, &moves, start + limit)?;
        // Should the storm end before the moves, its rate was higher than this.
        let sent = f64::from(2 * flaps) * (1.0 - senders.waiting() as f64 / octets);
        Ok((sent / start.elapsed().as_secs_f64(), latency))
    })?;
    let usage = Usage::of_all(&pids)?;
    Ok(vec![
        ("flaps taken", Some(rate)),
        ("move under flaps median", latency.map(|latency| latency.median_us)),
        ("move under flaps p99", latency.map(|latency| latency.p99_us)),
        ("flaps memory", Some(usage.peak_mb)),
    ])
}

/// A type-5 route announced and withdrawn so often, as octets. Its type tells it from the hosts.
fn flaps_of_one_route(flaps: u32) -> crate::load::Result<Bytes> {
    let mix = Mix { ipv4: 0, prefix4: 1, ..Mix::IPV4 };
    let one = Plan::new(Shape { routes: 1, vteps: 1, vnis: 1, first_vni: 9_001, mix, ..Shape::default() });
    let mut encoder = Encoder::new(&one, 1);
    let mut pair = Vec::new();
    for action in [Action::Announce, Action::Withdraw] {
        let wave = encoder.wave(action, Which::All, &Placement::default())?;
        wave.of_sender.iter().for_each(|octets| pair.extend_from_slice(octets));
    }
    Ok(Bytes::from(pair.repeat(flaps as usize)))
}

fn moves_of_one_sender(plan: &Plan, count: u32) -> crate::load::Result<Vec<Move>> {
    let (mut encoder, mut placement) = (Encoder::new(plan, 1), Placement::default());
    let hosts = (0..count).filter_map(|index| plan.host_of_move(index));
    hosts.map(|host| encoder.moved(&plan.move_host(host, &mut placement))).collect()
}

/// Sends moves one after another and finds each at the first sink by the host's number.
fn awaited_moves(
    senders: &mut Group,
    sinks: &mut Group,
    moves: &[Move],
    deadline: Instant,
) -> crate::load::Result<Option<Latency>> {
    let mut latencies = Vec::new();
    for moved in moves {
        sinks.sessions_mut().take(1).for_each(Session::trace);
        let sent = Instant::now();
        senders.send(moved.announce.0, moved.announce.1.clone())?;
        let seen = loop {
            sinks.turn(Duration::from_micros(200))?;
            senders.turn(Duration::ZERO)?;
            let came = sinks
                .sessions_mut()
                .take(1)
                .flat_map(Session::take_trace)
                .find(|(host, _)| *host == moved.host);
            if let Some((_, at)) = came {
                break at;
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            sinks.sessions_mut().take(1).for_each(Session::trace);
        };
        latencies.push(seen.duration_since(sent));
        senders.send(moved.withdraw.0, moved.withdraw.1.clone())?;
    }
    Ok(Latency::of(latencies))
}

/// A receiver reads nothing while a million routes go by, then everything; another one reads as it should.
pub fn slow_reader(run: &Run) -> Result<Figures> {
    let shape = Shape { routes: run.size(1_000_000, 20_000), seed: run.seed, ..Shape::default() };
    let (stall, limit) = (Duration::from_secs(run.size(60, 2).into()), run.limit);
    let subject = Subject::reflector(run, 1, 2)?;
    let pids = subject.speaker.pids();
    let (beside, caught_up) = subject.load(run, shape, (1, 2), move |runner| {
        let plan = runner.plan().clone();
        let (senders, sinks) = runner.groups();
        let wave = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        sinks.set_slow(1, true)?;
        let start = Instant::now();
        for octets in wave.of_sender {
            senders.send(0, octets)?;
        }
        let mut beside = None;
        let mut sip = start;
        while start.elapsed() < stall || (beside.is_none() && start.elapsed() < limit) {
            senders.turn(Duration::ZERO)?;
            sinks.turn(Duration::from_millis(1))?;
            if beside.is_none() && sinks.tallies().next().is_some_and(|tally| tally.reach >= wave.reach) {
                beside = Some(start.elapsed().as_secs_f64());
            }
            if sip.elapsed() > Duration::from_secs(1) {
                sip = Instant::now();
                sinks.sip()?;
            }
        }
        let resumed = Instant::now();
        sinks.set_slow(1, false)?;
        while resumed.elapsed() < limit {
            if sinks.tallies().all(|tally| tally.reach >= wave.reach) {
                return Ok((beside, Some(resumed.elapsed().as_secs_f64())));
            }
            senders.turn(Duration::ZERO)?;
            sinks.turn(Duration::from_millis(1))?;
        }
        Ok((beside, None))
    })?;
    let usage = Usage::of_all(&pids)?;
    Ok(vec![
        ("beside a slow reader", beside),
        ("slow reader catches up", caught_up),
        ("slow reader peak", Some(usage.peak_mb)),
    ])
}
