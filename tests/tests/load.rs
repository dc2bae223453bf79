//! The load generator against `weftd` as a route reflector, small: every phase ends, and what arrives is
//! what was sent. No root, no namespace.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use weft_tests::load::group::{Group, Target};
use weft_tests::load::phase::{Arrived, Outcome, Phase};
use weft_tests::load::plan::Plan;
use weft_tests::load::run::Runner;
use weft_tests::load::session::Identity;
use weft_tests::load::shape::Shape;
use weft_tests::load::start::{Reflector, reflector_config};
use weft_tests::speaker::weft_binary;
use weft_tests::{LabError, Result};

/// Loopback addresses; each test has its own third octet, since all share 127.0.0.0/8.
fn addresses(test: u8, first: u8, count: u8) -> Vec<IpAddr> {
    (first..first + count).map(|last| Ipv4Addr::new(127, 9, test, last).into()).collect()
}

fn run(test: u8, shape: Shape, senders: u8, sinks: u8, phases: &[&str]) -> Result<Vec<Outcome>> {
    let (senders, sinks) = (addresses(test, 1, senders), addresses(test, 100, sinks));
    let config = reflector_config(65_000, &senders, &sinks);
    let reflector = Reflector::start(&weft_binary("weftd")?, &config)?;
    let target = Target {
        remote: reflector.address(),
        identity: Identity { asn: 65_000, hold: 90 },
        limit: Duration::from_secs(30),
    };
    let sinks = Group::open(&sinks, target.clone())?;
    let senders = Group::open(&senders, target)?;
    let limit = Duration::from_secs(60);
    let mut runner = Runner::new(Plan::new(shape), senders, sinks, vec![reflector.pid()], limit);
    let mut outcomes = Vec::new();
    for phase in phases {
        let done = runner.run(phase.parse::<Phase>()?);
        outcomes.extend(
            done.map_err(|error| LabError::Unexpected(format!("{phase}: {error}\n{}", reflector.log())))?,
        );
    }
    Ok(outcomes)
}

#[test]
fn every_phase_ends_with_every_route_at_every_sink() -> Result<()> {
    let shape = Shape {
        routes: 3_000,
        vteps: 6,
        vnis: 5,
        tenants: 2,
        mix: "mac=1,ipv4=2,ipv6=1,prefix4=1,prefix6=1".parse()?,
        imet: true,
        symmetric: true,
        ..Shape::default()
    };
    let phases = [
        "announce",
        "moves=20",
        "sustained=100",
        "sustained=100@2000",
        "vtep-flap=2",
        "vni-flap=1",
        "sender-flap=1",
        "withdraw",
    ];
    let outcomes = run(1, shape, 3, 2, &phases)?;
    for outcome in &outcomes {
        assert!(outcome.seconds.is_some(), "{outcome:?}");
        assert_eq!(outcome.arrived, Arrived::Exactly, "{outcome:?}");
        assert!(outcome.routes > 0 && outcome.updates_received > 0, "{outcome:?}");
        assert!(outcome.usage.is_some_and(|usage| usage.rss_mb > 1.0), "{outcome:?}");
    }
    // The flaps have two parts.
    let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.phase.as_str()).collect();
    assert_eq!(names.len(), phases.len() + 3, "{names:?}");
    let find = |name: &str| outcomes.iter().find(|outcome| outcome.phase == name);
    let routes = |name| find(name).map(|outcome| outcome.routes);
    assert_eq!((routes("announce"), routes("withdraw")), (Some(3_000), Some(3_000)));
    let measured = |name| find(name).and_then(|outcome| outcome.latency).map(|latency| latency.count);
    assert_eq!((measured("moves=20"), measured("sustained=100@2000")), (Some(20), Some(100)));
    assert_eq!(routes("vtep-flap=2 gone"), routes("vtep-flap=2 back"));
    assert!(routes("sender-flap=1 back") > Some(700), "a third of the routes is a sender's");
    Ok(())
}

#[test]
fn shapes_that_nobody_chose_arrive_as_they_were_sent() -> Result<()> {
    for seed in 0..4 {
        let shape = Shape::random(seed, 5_000);
        for outcome in run(2, shape.clone(), 2, 1, &["announce", "moves=5", "withdraw"])? {
            assert_eq!(outcome.arrived, Arrived::Exactly, "{shape:?}: {outcome:?}");
        }
    }
    Ok(())
}
