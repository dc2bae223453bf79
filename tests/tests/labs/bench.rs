//! The benchmarks work: every row, with a hundredth of its load, gives every figure that it promises. What
//! the figures are is no matter here.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use weft_tests::bench::daemon::make_vnis;
use weft_tests::bench::growth::{self, CASES};
use weft_tests::bench::kernel::{Kernel, Wanted};
use weft_tests::bench::rows::ROWS;
use weft_tests::bench::{Run, Unit};
use weft_tests::netns::{self, Namespace};
use weft_tests::speaker::Kind;
use weft_tests::{Result, ensure, owner};

/// Lines that an attack by one peer may bring within a minute.
const LOG_LINES: f64 = 40.0;

fn quick(kind: Kind) -> Run {
    Run { kind, quick: true, seed: 1, limit: Duration::from_secs(60) }
}

fn row(name: &str, kind: Kind) -> Result<()> {
    let row = ROWS.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| weft_tests::LabError::Unexpected(format!("no row is called {name}")))?;
    let figures = (row.run)(&quick(kind))?;
    for measure in row.measures {
        let figure = figures.iter().find(|(name, _)| *name == measure.name).and_then(|(_, value)| *value);
        ensure(figure.is_some_and(|value| value >= 0.0), || format!("{}: {figures:?}", measure.name))?;
        // Whatever is done to the daemon, its log can be read.
        let lines = figure.filter(|_| measure.unit == Unit::Lines);
        ensure(lines.is_none_or(|lines| lines <= LOG_LINES), || format!("{}: {figures:?}", measure.name))?;
    }
    Ok(())
}

macro_rules! rows {
    ($($test:ident: $name:literal;)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            row($name, Kind::Weft)
        })*

        #[test]
        fn every_row_is_tested() {
            let tested = [$($name),*];
            assert_eq!(ROWS.iter().map(|row| row.name).collect::<Vec<_>>(), tested);
        }
    };
}

rows! {
    reflect: "reflect";
    random_shapes: "random shapes";
    receivers: "receivers";
    senders: "senders";
    vtep_100k: "vtep 100k";
    vtep_500k: "vtep 500k";
    vtep_loss: "vtep loss";
    vni: "VNI";
    type_5: "type-5";
    bridge_flap: "bridge flap";
    adoption: "adoption";
    cold_start: "cold start";
    unique_attributes: "unique attributes";
    one_route_an_update: "one route an UPDATE";
    flaps: "flaps";
    slow_reader: "slow reader";
    maximum_prefix: "maximum prefix";
    session_flaps: "session flaps";
}

#[test]
fn frr_can_stand_in_wefts_place() -> Result<()> {
    row("receivers", Kind::Frr)
}

fn grows(name: &str, kind: Kind) -> Result<()> {
    let case = CASES.iter().find(|case| case.name == name);
    let case = case.ok_or_else(|| weft_tests::LabError::Unexpected(format!("no case is called {name}")))?;
    let mut points = Vec::new();
    case.measure(&quick(kind), |point| points.push(point))?;
    let complete = points.iter().all(|point| point.times.iter().all(|time| time.us.is_some()));
    ensure(points.len() == 3 && complete, || format!("{points:?}"))?;
    let verdicts = case.verdicts(&points);
    ensure(verdicts.len() == case.parts.len(), || format!("{verdicts:?}"))?;
    ensure(growth::svg(&points).matches("<polyline").count() >= case.parts.len(), || "no lines".into())
}

macro_rules! cases {
    ($($test:ident: $name:literal;)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            grows($name, Kind::Weft)
        })*

        #[test]
        fn every_case_of_growth_is_tested() {
            let tested = [$($name),*];
            assert_eq!(CASES.iter().map(|case| case.name).collect::<Vec<_>>(), tested);
        }
    };
}

cases! {
    growth_reflect: "reflect";
    growth_random_shape: "random shape";
    growth_receivers: "receivers";
    growth_senders: "senders";
    growth_unique_attributes: "unique attributes";
    growth_one_route_an_update: "one route an UPDATE";
    growth_vtep: "vtep";
    growth_vtep_loss: "vtep loss";
    growth_vni: "VNI";
    growth_type_5: "type-5";
    growth_bridge_flap: "bridge flap";
    growth_adoption: "adoption";
}

#[test]
fn frr_grows_in_the_same_way() -> Result<()> {
    grows("vtep", Kind::Frr)
}

/// Two bridges with a vxlan device each: so many hosts in the FDBs of both, and as neighbours.
fn host_lines(hosts: std::ops::Range<u32>) -> [String; 2] {
    let (mut fdb, mut neighbours) = (String::new(), String::new());
    for (bridge, host) in [0, 1].into_iter().flat_map(|bridge| hosts.clone().map(move |host| (bridge, host)))
    {
        let mac = format!("02:00:00:{bridge:02x}:{:02x}:{:02x}", host >> 8, host & 0xff);
        let of = format!("fdb add {mac} dev vx{bridge}");
        fdb += &format!("{of} dst 172.16.0.1 self extern_learn\n{of} master extern_learn\n");
        let address = format!("10.{bridge}.{}.{}", host >> 8, host & 0xff);
        neighbours += &format!("neigh add {address} lladdr {mac} dev br{bridge} nud noarp extern_learn\n");
    }
    [fdb, neighbours]
}

/// What the benchmarks take for the time at which the kernel is right: not before the last entry is written, and
/// hardly after.
#[test]
fn the_kernel_is_seen_to_be_right_when_it_is() -> Result<()> {
    const HOSTS: u32 = 500;
    let namespace = Arc::new(Namespace::create(format!("{}-seen", owner::lab_prefix()?))?);
    make_vnis(&namespace, 1, 0..2)?;
    let index = |device: &str| -> Result<u32> {
        let shown = namespace.ip(&format!("-o link show {device}"))?;
        let number = shown.split(':').next().and_then(|number| number.parse().ok());
        number.ok_or_else(|| weft_tests::LabError::Unexpected(shown.clone()))
    };
    let mut wanted = Vec::new();
    for number in 0..2 {
        let (bridge, vxlan) = (index(&format!("br{number}"))?, index(&format!("vx{number}"))?);
        wanted.push(Wanted { bridge, vxlan, macs: HOSTS as usize, neighbours: [HOSTS as usize, 0] });
    }
    let none: Vec<Wanted> = wanted.iter().map(|one| Wanted { macs: 0, neighbours: [0, 0], ..*one }).collect();
    // All but the last host of each bridge; then that one's FDB entries, and its neighbours.
    let [fdb, neighbours] = host_lines(0..HOSTS - 1);
    let [last_fdb, last_neighbours] = host_lines(HOSTS - 1..HOSTS);
    type Step = Box<dyn Fn(&Namespace) -> Result<()> + Send>;
    struct Round {
        what: &'static str,
        wanted: Vec<Wanted>,
        /// Done before somebody waits for it.
        before: Option<&'static str>,
        /// Done then.
        steps: Vec<Step>,
    }
    let rounds: [Round; 3] = [
        Round {
            what: "written",
            wanted: wanted.clone(),
            before: None,
            steps: vec![
                Box::new(move |namespace| namespace.bridge_batch(&fdb)),
                Box::new(move |namespace| namespace.ip_batch(&neighbours)),
                Box::new(move |namespace| namespace.bridge_batch(&last_fdb)),
                Box::new(move |namespace| namespace.ip_batch(&last_neighbours)),
            ],
        },
        Round {
            what: "written again",
            wanted,
            // Later all could be found right at once.
            before: Some("neigh flush nud noarp dev br1"),
            steps: vec![Box::new(|namespace| {
                namespace.ip_batch(&host_lines(0..HOSTS)[1].replace("neigh add", "neigh replace"))
            })],
        },
        Round {
            what: "gone",
            wanted: none,
            before: None,
            steps: vec![
                Box::new(|namespace| namespace.ip("link set vx1 nomaster").map(|_| ())),
                Box::new(|namespace| namespace.ip("link set group 7 down").map(|_| ())),
                Box::new(|namespace| namespace.bridge("fdb flush dev br0").map(|_| ())),
                Box::new(|namespace| {
                    let [fdb, _] = host_lines(0..HOSTS);
                    let own =
                        fdb.lines().filter(|line| line.contains(" self ")).map(|line| format!("{line}\n"));
                    let own: String =
                        own.collect::<String>().replace("fdb add", "fdb del").replace(" extern_learn", "");
                    namespace.bridge_batch(&own)
                }),
            ],
        },
    ];
    for Round { what, wanted, before, steps } in rounds {
        before.map_or(Ok(()), |line| namespace.ip(line).map(drop))?;
        let (ready, may_begin) = std::sync::mpsc::channel();
        let watching = namespace.thread(move || {
            let mut kernel = Kernel::open()?;
            let watch = kernel.watch(&wanted)?;
            // Who waits for it is there still.
            let _ = ready.send(());
            kernel.wait(&watch, Instant::now() + Duration::from_secs(30), &AtomicBool::new(false))
        })?;
        ensure(may_begin.recv().is_ok(), || "the watch ended".into())?;
        let mut last = (Instant::now(), Instant::now());
        for step in steps {
            last.0 = Instant::now();
            step(&namespace)?;
            last.1 = Instant::now();
        }
        let right = netns::join(watching)?;
        let right = right.ok_or_else(|| weft_tests::LabError::Unexpected(format!("{what}: never right")))?;
        // A batch takes some time, so the last step's end is when the last entry was written, or a little later.
        let late = right.saturating_duration_since(last.1);
        println!("{what}: {:?} after the last step began, {late:?} after it ended", right - last.0);
        ensure(right >= last.0, || format!("{what}: {:?} too early", last.0 - right))?;
        ensure(late < Duration::from_millis(30), || format!("{what}: {late:?} too late"))?;
    }
    Ok(())
}
