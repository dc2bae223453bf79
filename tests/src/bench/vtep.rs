//! A daemon as VTEP: how long until the kernel holds what BGP says, and what the control plane has of memory.

use super::daemon::{self, Subject, make_vnis};
use super::kernel::{Kernel, Wanted};
use super::{Figures, Run};
use crate::error::{LabError, Result};
use crate::load::encode::{Action, Encoder, Wave, Which, end_of_rib};
use crate::load::plan::{FIRST_L3VNI, Placement, Plan, vtep_address};
use crate::load::run::{Runner, serve};
use crate::load::shape::{Mix, Shape};
use crate::load::usage::Usage;
use crate::netns::Namespace;
use crate::speaker::{Kind, Speaker};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;

/// What the bridges must hold of all routes of a plan.
fn wanted(namespace: &Namespace, plan: &Plan) -> Result<Vec<Wanted>> {
    let mut hosts = vec![0; plan.shape().vnis as usize];
    for group in plan.groups() {
        if let Some(count) = hosts.get_mut(group.vni as usize) {
            *count += plan.routes(group, &Placement::default()).count();
        }
    }
    let indexes = indexes(namespace)?;
    (0..)
        .zip(hosts)
        .map(|(vni, hosts): (u32, usize)| {
            let bridge = index_of(&indexes, &format!("br{vni}"))?;
            Ok(Wanted { bridge, macs: hosts, neighbours: hosts })
        })
        .collect()
}

/// The interface indexes of all devices.
fn indexes(namespace: &Namespace) -> Result<HashMap<String, u32>> {
    let shown = namespace.ip("-o link show")?;
    let index = |line: &str| {
        let (index, rest) = line.split_once(": ")?;
        let name = rest.split([':', '@']).next()?;
        Some((name.to_owned(), index.trim().parse().ok()?))
    };
    Ok(shown.lines().filter_map(index).collect())
}

fn index_of(indexes: &HashMap<String, u32>, device: &str) -> Result<u32> {
    indexes.get(device).copied().ok_or_else(|| LabError::Unexpected(format!("there is no device {device}")))
}

fn gone(wanted: &[Wanted]) -> Vec<Wanted> {
    wanted.iter().map(|one| Wanted { macs: 0, neighbours: 0, ..*one }).collect()
}

/// Sends UPDATEs while another thread looks at the kernel; seconds from the first octet until it is right.
fn program(runner: &mut Runner, wave: Wave, wanted: &[Wanted], limit: Duration) -> Result<Option<f64>> {
    let mut kernel = Kernel::open()?;
    let (senders, _) = runner.groups();
    let done = AtomicBool::new(false);
    let start = Instant::now();
    let right = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            for (index, octets) in wave.of_sender.into_iter().enumerate() {
                senders.send(index, octets)?;
            }
            serve(senders, &done)
        });
        let right = kernel.wait(wanted, start + limit);
        done.store(true, Ordering::Release);
        let sent = sending.join().map_err(|_| LabError::Unexpected("a sending thread panicked".into()))?;
        sent?;
        right
    })?;
    Ok(right.map(|right| right.duration_since(start).as_secs_f64()))
}

/// MAC/IP routes into FDB and neighbours, then the loss of every VTEP but its devices: one VTEP has them all.
fn programmed(run: &Run, shape: Shape) -> Result<[Option<f64>; 4]> {
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let subject = Subject::start(run, namespace, &daemon::vtep_config())?;
    let pids = subject.speaker.pids();
    let limit = run.limit;
    let plan = Plan::new(shape.clone());
    let wanted = wanted(&subject.namespace, &plan)?;
    subject.load(run, shape, (1, 0), move |runner| {
        let mut encoder = Encoder::new(&plan, 1);
        let announce = encoder.wave(Action::Announce, Which::All, &Placement::default())?;
        let withdraw = encoder.wave(Action::Withdraw, Which::All, &Placement::default())?;
        let written = program(runner, announce, &wanted, limit)?;
        let usage = Usage::of_all(&pids)?;
        let memory = written.map(|_| usage.rss_mb);
        if written.is_none() {
            return Ok([None, memory, None, None]);
        }
        let removed = program(runner, withdraw, &gone(&wanted), limit)?;
        Ok([written, memory, removed, Some(Usage::of_all(&pids)?.rss_mb)])
    })
}

fn shape(run: &Run, full: u32, vteps: u32, vnis: u32) -> Shape {
    Shape { routes: run.size(full, 1_000), vteps, vnis, seed: run.seed, ..Shape::default() }
}

/// 100,000 MAC/IP routes.
pub fn hundred_thousand(run: &Run) -> Result<Figures> {
    let [written, memory, removed, _] = programmed(run, shape(run, 100_000, 64, run.size(100, 4)))?;
    Ok(vec![("vtep 100k", written), ("vtep 100k memory", memory), ("vtep 100k withdrawn", removed)])
}

/// 500,000 MAC/IP routes.
pub fn half_a_million(run: &Run) -> Result<Figures> {
    let [written, memory, removed, after] = programmed(run, shape(run, 500_000, 64, run.size(100, 4)))?;
    Ok(vec![
        ("vtep 500k", written),
        ("vtep 500k memory", memory),
        ("vtep 500k withdrawn", removed),
        ("vtep memory after withdraw", after),
    ])
}

/// One VTEP with 100,000 MACs goes: its routes are withdrawn.
pub fn vtep_loss(run: &Run) -> Result<Figures> {
    let [_, _, removed, _] = programmed(run, shape(run, 100_000, 1, run.size(100, 4)))?;
    Ok(vec![("vtep loss", removed)])
}

/// All bridges go down and come up under 200,000 routes.
pub fn bridge_flap(run: &Run) -> Result<Figures> {
    let shape = shape(run, 200_000, 64, run.size(2_500, 10));
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let (plan, limit) = (Plan::new(shape.clone()), run.limit);
    let wanted = wanted(&subject.namespace, &plan)?;
    let seconds = subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        if program(runner, announce, &wanted, limit)?.is_none() {
            return Ok(None);
        }
        namespace.ip("link set group 7 down")?;
        let start = Instant::now();
        namespace.ip("link set group 7 up")?;
        // A bridge that goes down loses its neighbours; the daemon sees it when it comes up.
        let right = Kernel::open()?.wait(&wanted, start + limit)?;
        Ok(right.map(|right| right.duration_since(start).as_secs_f64()))
    })?;
    Ok(vec![("bridge flap", seconds)])
}

/// A VNI of 1,000 routes appears at a leaf that holds a million routes of other VNIs, and goes.
pub fn vni_added(run: &Run) -> Result<Figures> {
    // The leaf serves the first VNI of a thousand only, and that one becomes complete last.
    let vnis = run.size(1_000, 10);
    let shape =
        Shape { routes: run.size(1_000_000, 10_000), vteps: 50, vnis, seed: run.seed, ..Shape::default() };
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..1)?;
    namespace.ip("link set vx0 nomaster")?;
    let subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let (routes, limit) = ((shape.routes / vnis) as usize, run.limit);
    let plan = Plan::new(shape.clone());
    let idle = run.size(3, 1);
    let [added, removed] = subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        let (senders, _) = runner.groups();
        for (index, octets) in announce.of_sender.into_iter().enumerate() {
            senders.send(index, octets)?;
        }
        let start = Instant::now();
        while senders.waiting() > 0 && start.elapsed() < limit {
            senders.turn(Duration::from_millis(10))?;
        }
        // What the daemon has read, it works through.
        std::thread::sleep(Duration::from_secs(idle.into()));
        let wanted =
            Wanted { bridge: index_of(&indexes(&namespace)?, "br0")?, macs: routes, neighbours: routes };
        let mut kernel = Kernel::open()?;
        namespace.ip("link set vx0 master br0")?;
        let start = Instant::now();
        let right = kernel.wait(&[wanted], start + limit)?;
        let added = right.map(|right| right.duration_since(start).as_secs_f64());
        namespace.ip("link set vx0 nomaster")?;
        let start = Instant::now();
        let right = kernel.wait(&gone(&[wanted]), start + limit)?;
        Ok([added, right.map(|right| right.duration_since(start).as_secs_f64())])
    })?;
    Ok(vec![("VNI added", added), ("VNI removed", removed)])
}

/// A MAC that no route has.
const GHOST: &str = "02:de:ad:00:00:01";

/// Killed and started again over half a million entries in the kernel: until an entry that nobody wants is gone,
/// so all have been compared, and every other one is there.
pub fn adoption(run: &Run) -> Result<Figures> {
    // Each route is an entry of the bridge, one of the vxlan device and a neighbour.
    let shape = shape(run, 170_000, 64, run.size(100, 4));
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let mut subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let (plan, limit) = (Plan::new(shape.clone()), run.limit);
    let wanted = wanted(&subject.namespace, &plan)?;
    let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
    let (wave, entries) = (announce.clone(), wanted.clone());
    let written =
        subject.load(run, shape.clone(), (1, 0), move |runner| program(runner, wave, &entries, limit))?;
    if written.is_none() {
        return Ok(vec![("adoption", None)]);
    }
    subject.speaker.kill();
    for part in [format!("dst {} self", vtep_address(0)), "master".to_owned()] {
        namespace.bridge(&format!("fdb add {GHOST} dev vx0 {part} extern_learn"))?;
    }
    let start = Instant::now();
    subject.speaker.launch()?;
    let right = subject.load(run, shape, (1, 0), move |runner| {
        let (senders, _) = runner.groups();
        for (index, octets) in announce.of_sender.into_iter().enumerate() {
            senders.send(index, octets)?;
            senders.send(index, end_of_rib())?;
        }
        while senders.waiting() > 0 {
            senders.turn(Duration::from_millis(5))?;
        }
        Kernel::open()?.wait(&wanted, start + limit)
    })?;
    Ok(vec![("adoption", right.map(|right| right.duration_since(start).as_secs_f64()))])
}

/// 100,000 type-5 routes into a tenant's table. FRR has the tenant in its default VRF, as this needs no
/// VRF device; Weft in a table of its own.
pub fn prefixes(run: &Run) -> Result<Figures> {
    let mix = Mix { ipv4: 0, prefix4: 1, ..Mix::IPV4 };
    let shape = Shape {
        routes: run.size(100_000, 1_000),
        vteps: 64,
        vnis: 1,
        mix,
        seed: run.seed,
        ..Shape::default()
    };
    let namespace = Subject::room()?;
    let config = match run.kind {
        // Weft makes the L3VNI's device.
        Kind::Weft => {
            let vtep = daemon::SPEAKER;
            format!("vtep source {vtep}\nvrf red\n vni {FIRST_L3VNI}\nexit-vrf\n{}", daemon::vtep_config())
        }
        // FRR wants it made, on a bridge.
        Kind::Frr => {
            namespace.ip_batch(&format!(
                "link add brl3 type bridge\nlink set brl3 addrgenmode none\nlink set brl3 up\n\
                 link add vxl3 type vxlan id {FIRST_L3VNI} local {} dstport 4789 nolearning\n\
                 link set vxl3 addrgenmode none master brl3\nlink set vxl3 up\n",
                daemon::SPEAKER
            ))?;
            daemon::vtep_config()
        }
    };
    let mut speaker =
        Speaker::prepare(run.kind, &namespace, &config)?.with_zebra_lines(&format!("vni {FIRST_L3VNI}\n"));
    speaker.launch()?;
    let subject = Subject { speaker, namespace };
    let pids = subject.speaker.pids();
    let (plan, limit) = (Plan::new(shape.clone()), run.limit);
    let wanted = shape.routes as usize;
    let (kind, room) = (run.kind, subject.namespace.clone());
    let figures = subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        let table = match kind {
            Kind::Frr => MAIN,
            Kind::Weft => tenant_table(&room)?,
        };
        let mut kernel = Kernel::open()?;
        let before = kernel.routes(table)?;
        let (senders, _) = runner.groups();
        let start = Instant::now();
        for (index, octets) in announce.of_sender.into_iter().enumerate() {
            senders.send(index, octets)?;
        }
        while start.elapsed() < limit {
            senders.turn(Duration::from_millis(5))?;
            if senders.waiting() == 0 && kernel.routes(table)? >= before + wanted {
                let seconds = start.elapsed().as_secs_f64();
                return Ok([Some(seconds), Some(Usage::of_all(&pids)?.rss_mb)]);
            }
        }
        Ok([None, None])
    })?;
    let [seconds, memory] = figures;
    Ok(vec![("type-5 100k", seconds), ("type-5 100k memory", memory)])
}

/// The table of the tenant, as the rule for its L3VNI's device names it.
fn tenant_table(namespace: &Namespace) -> Result<u32> {
    let (table, _) = crate::wait::wait_for("the tenant's table", Duration::from_secs(10), || {
        let Some(vxlan) = crate::kernel::vxlan_of(namespace, FIRST_L3VNI)? else {
            return Ok(Err(format!("no vxlan device with VNI {FIRST_L3VNI}")));
        };
        Ok(crate::kernel::table_of(namespace, &vxlan)?.ok_or_else(|| format!("no rule for {vxlan}")))
    })?;
    table.parse().map_err(|_| LabError::Unexpected(format!("table {table:?} has no number")))
}
