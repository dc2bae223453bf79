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

/// Loopback addresses; each test has its own third octet, since all share 127.0.0.0/8.
fn addresses(test: u8, first: u8, count: u8) -> Vec<IpAddr> {
    (first..first + count).map(|last| Ipv4Addr::new(127, 9, test, last).into()).collect()
}

type Outcomes = Result<Vec<Outcome>, Box<dyn std::error::Error>>;

fn run(test: u8, shape: Shape, senders: u8, sinks: u8, phases: &[&str]) -> Outcomes {
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
        let parsed: Phase = phase.parse()?;
        let reached = runner.run(parsed).map_err(|error| format!("{phase}: {error}\n{}", reflector.log()))?;
        outcomes.extend(reached);
    }
    Ok(outcomes)
}

#[test]
fn every_phase_ends_with_every_route_at_every_sink() {
    let shape = Shape {
        routes: 3_000,
        vteps: 6,
        vnis: 5,
        tenants: 2,
        mix: "mac=1,ipv4=2,ipv6=1,prefix4=1,prefix6=1".parse().unwrap(),
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
    let outcomes = run(1, shape, 3, 2, &phases).unwrap();
    for outcome in &outcomes {
        assert!(outcome.seconds.is_some(), "{outcome:?}");
        assert_eq!(outcome.arrived, Arrived::Exactly, "{outcome:?}");
        assert!(outcome.routes > 0 && outcome.updates_received > 0, "{outcome:?}");
        assert!(outcome.usage.unwrap().rss_mb > 1.0, "{outcome:?}");
    }
    let routes = |at: usize| outcomes.get(at).unwrap().routes;
    // Announced; a host has a route of each kind of type 2 that its group has for it; parts; withdrawn.
    assert_eq!((outcomes.len(), routes(0), outcomes.last().unwrap().routes), (11, 3_000, 3_000));
    assert_eq!(outcomes[1].latency.unwrap().count, 20);
    assert_eq!(outcomes[3].latency.unwrap().count, 100);
    assert_eq!(routes(4), routes(5));
    assert!(routes(8) > 700, "a third of the routes is a sender's: {}", routes(8));
}

#[test]
fn shapes_that_nobody_chose_arrive_as_they_were_sent() {
    for seed in 0..4 {
        let shape = Shape::random(seed, 5_000);
        for outcome in run(2, shape.clone(), 2, 1, &["announce", "moves=5", "withdraw"]).unwrap() {
            assert_eq!(outcome.arrived, Arrived::Exactly, "{shape:?}: {outcome:?}");
        }
    }
}
