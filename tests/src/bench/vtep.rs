//! A daemon as VTEP: how long until the kernel holds what BGP says, and what the control plane has of memory.

use super::daemon::{self, BRIDGES, Subject, make_vnis};
use super::kernel::{Kernel, Wanted};
use super::{Figures, Run, sign};
use crate::error::{LabError, Result};
use crate::load::encode::{Action, Encoder, Wave, Which, end_of_rib};
use crate::load::group::Group;
use crate::load::plan::{FIRST_L3VNI, Placement, Plan, vtep_address};
use crate::load::run::Runner;
use crate::load::shape::{self, Mix, Shape};
use crate::load::usage::{self, Usage};
use crate::netns::Namespace;
use crate::speaker::{Kind, Speaker};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weft_evpn::MacAddr;

/// `RT_TABLE_MAIN`.
const MAIN: u32 = 254;
/// The daemon's processes are looked at so often.
const ALIVE: Duration = Duration::from_millis(100);
/// A daemon that uses next to no CPU for so long is at rest.
const REST: Duration = Duration::from_millis(500);
/// How long a daemon has until it is looked at what memory it keeps.
const SETTLE: Duration = Duration::from_secs(3);

/// What the bridges must hold of all routes of a plan.
fn wanted(namespace: &Namespace, plan: &Plan) -> Result<Vec<Wanted>> {
    let mut hosts = vec![(0, [0; 2]); plan.shape().vnis as usize];
    for group in plan.groups() {
        if let Some((macs, [ipv4, ipv6])) = hosts.get_mut(group.vni as usize) {
            *macs += group.hosts() as usize;
            *ipv4 += group.routes_of(shape::Kind::Ipv4) as usize;
            *ipv6 += group.routes_of(shape::Kind::Ipv6) as usize;
        }
    }
    let indexes = indexes(namespace)?;
    (0..)
        .zip(hosts)
        .map(|(vni, (macs, neighbours)): (u32, _)| {
            let [bridge, vxlan] =
                [format!("br{vni}"), format!("vx{vni}")].map(|name| index_of(&indexes, &name));
            Ok(Wanted { bridge: bridge?, vxlan: vxlan?, macs, neighbours })
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
    wanted.iter().map(|one| Wanted { macs: 0, neighbours: [0; 2], ..*one }).collect()
}

/// Sends messages and serves the sessions in a thread, while this one does `work`, which is told when a session is
/// lost, or one of the daemon's processes has ended: nothing will come then. That is the error.
fn served<T>(
    senders: &mut Group,
    pids: &[u32],
    messages: Vec<Bytes>,
    work: impl FnOnce(&AtomicBool) -> Result<T>,
) -> Result<T> {
    let (done, lost) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let all = (messages.into_iter().enumerate())
                .try_for_each(|(index, octets)| senders.send(index, octets));
            all.map_err(LabError::from)
                .and_then(|()| serve(senders, pids, &done))
                .inspect_err(|_| lost.store(true, Ordering::Release))
        });
        let worked = work(&lost);
        done.store(true, Ordering::Release);
        serving.join().map_err(|_| LabError::Unexpected("a sending thread panicked".into()))??;
        worked
    })
}

/// Serves the sessions until `done`, as long as the daemon runs.
fn serve(senders: &mut Group, pids: &[u32], done: &AtomicBool) -> Result<()> {
    let mut looked = Instant::now();
    while !done.load(Ordering::Acquire) {
        senders.turn(Duration::from_millis(20))?;
        if looked.elapsed() >= ALIVE {
            looked = Instant::now();
            if let Some(pid) = usage::ended(pids) {
                return Err(LabError::Unexpected(format!("process {pid} of the daemon has ended")));
            }
        }
    }
    Ok(())
}

/// Sends UPDATEs while another thread looks at the kernel; seconds from the first octet until it is right.
fn program(
    runner: &mut Runner,
    pids: &[u32],
    wave: Wave,
    wanted: &[Wanted],
    limit: Duration,
) -> Result<Option<f64>> {
    let mut kernel = Kernel::open()?;
    let watch = kernel.watch(wanted)?;
    let (senders, _) = runner.groups();
    let start = Instant::now();
    let right = served(senders, pids, wave.of_sender, |lost| kernel.wait(&watch, start + limit, lost))?;
    Ok(right.map(|right| right.duration_since(start).as_secs_f64()))
}

/// Serves the sessions until the daemon has come to rest: until it uses no more than a hundredth of a core for half a
/// second. False if the deadline passes before.
fn at_rest(senders: &mut Group, pids: &[u32], deadline: Instant) -> Result<bool> {
    loop {
        let (before, since) = (usage::cpu_s(pids)?, Instant::now());
        while since.elapsed() < REST {
            senders.turn(REST / 10)?;
        }
        // CPU time is counted in hundredths of a second: at most one of them.
        if senders.waiting() == 0 && usage::cpu_s(pids)? - before < 0.015 {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
    }
}

/// Resident memory in MB when the sessions have been served for so long.
fn after(senders: &mut Group, pids: &[u32], settle: Duration) -> Result<Option<f64>> {
    let until = Instant::now() + settle;
    while Instant::now() < until {
        senders.turn(REST / 10)?;
    }
    Ok(Some(Usage::of_all(pids)?.rss_mb))
}

/// What writing routes into the kernel and taking them out again costs.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Seconds until the kernel has all.
    pub written: Option<f64>,
    /// Resident memory in MB without routes.
    pub empty: f64,
    /// With them.
    pub full: Option<f64>,
    /// `SETTLE` after the kernel had none of them any more.
    pub after: Option<f64>,
    /// Seconds until the kernel has none.
    pub removed: Option<f64>,
}

/// MAC/IP routes into FDB and neighbours, and their withdrawal.
pub fn programmed(run: &Run, shape: Shape) -> Result<Cost> {
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let subject = Subject::start(run, namespace, &daemon::vtep_config())?;
    let pids = subject.speaker.pids();
    let (limit, settle) = (run.limit, if run.quick { REST } else { SETTLE });
    let plan = Plan::new(shape.clone());
    let wanted = wanted(&subject.namespace, &plan)?;
    subject.load(run, shape, (1, 0), move |runner| {
        let mut encoder = Encoder::new(&plan, 1);
        let announce = encoder.wave(Action::Announce, Which::All, &Placement::default())?;
        let withdraw = encoder.wave(Action::Withdraw, Which::All, &Placement::default())?;
        let memory = || Usage::of_all(&pids).map(|usage| usage.rss_mb);
        let mut cost = Cost { empty: memory()?, ..Cost::default() };
        cost.written = program(runner, &pids, announce, &wanted, limit)?;
        if cost.written.is_some() {
            cost.full = Some(memory()?);
            cost.removed = program(runner, &pids, withdraw, &gone(&wanted), limit)?;
            cost.after = after(runner.groups().0, &pids, settle)?;
        }
        Ok(cost)
    })
}

fn shape(run: &Run, full: u32, vteps: u32, vnis: u32) -> Shape {
    Shape { routes: run.size(full, 1_000), vteps, vnis, seed: run.seed, ..Shape::default() }
}

/// The first of these figures, and the others, which there are only if the first was reached.
fn figures(first: (&'static str, Option<f64>), others: &[(&'static str, Option<f64>)]) -> Figures {
    let others = others.iter().filter(|_| first.1.is_some());
    [first].iter().chain(others).copied().collect()
}

/// 100,000 MAC/IP routes.
pub fn hundred_thousand(run: &Run) -> Result<Figures> {
    let cost = programmed(run, shape(run, 100_000, 64, run.size(100, 4)))?;
    let others = [("vtep 100k memory", cost.full), ("vtep 100k withdrawn", cost.removed)];
    Ok(figures(("vtep 100k", cost.written), &others))
}

/// 500,000 MAC/IP routes.
pub fn half_a_million(run: &Run) -> Result<Figures> {
    let cost = programmed(run, shape(run, 500_000, 64, run.size(100, 4)))?;
    let others = [
        ("vtep 500k memory", cost.full),
        ("vtep 500k withdrawn", cost.removed),
        ("vtep memory after withdraw", cost.after),
    ];
    Ok(figures(("vtep 500k", cost.written), &others))
}

/// One VTEP with 100,000 MACs goes: its routes are withdrawn.
pub fn vtep_loss(run: &Run) -> Result<Figures> {
    let cost = programmed(run, shape(run, 100_000, 1, run.size(100, 4)))?;
    Ok(vec![("vtep loss", cost.removed)])
}

/// All bridges go down and come up under 200,000 routes.
pub fn bridge_flap(run: &Run) -> Result<Figures> {
    Ok(vec![("bridge flap", flapped(run, shape(run, 200_000, 64, run.size(2_500, 10)))?)])
}

/// All bridges go down and come up under these routes: seconds from when they are up.
pub fn flapped(run: &Run, shape: Shape) -> Result<Option<f64>> {
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let pids = subject.speaker.pids();
    let (plan, limit) = (Plan::new(shape.clone()), run.limit);
    let wanted = wanted(&subject.namespace, &plan)?;
    subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        if program(runner, &pids, announce, &wanted, limit)?.is_none() {
            return Ok(None);
        }
        let (senders, _) = runner.groups();
        namespace.ip(&format!("link set group {BRIDGES} down"))?;
        // A bridge that goes down loses its neighbours. What the daemon does about it is done before the clock starts.
        if !at_rest(senders, &pids, Instant::now() + limit)? {
            return Ok(None);
        }
        let mut kernel = Kernel::open()?;
        let watch = kernel.watch(&wanted)?;
        // The kernel does this in one go, and lets nobody else change anything meanwhile.
        namespace.ip(&format!("link set group {BRIDGES} up"))?;
        let start = Instant::now();
        let right = served(senders, &pids, Vec::new(), |lost| kernel.wait(&watch, start + limit, lost))?;
        Ok(right.map(|right| right.duration_since(start).as_secs_f64()))
    })
}

/// A VNI of 1,000 routes appears at a leaf that holds a million routes of other VNIs, and goes.
pub fn vni_added(run: &Run) -> Result<Figures> {
    let [added, removed] = joined(run, run.size(1_000, 10), 1_000)?;
    Ok(figures(("VNI added", added), &[("VNI removed", removed)]))
}

/// A leaf holds the routes of so many VNIs with so many hosts each, and serves none of them; the vxlan device of
/// the first one joins its bridge, and leaves it. Seconds from each request to the kernel.
pub fn joined(run: &Run, vnis: u32, hosts: u32) -> Result<[Option<f64>; 2]> {
    let shape = Shape { routes: vnis * hosts, vteps: 50, vnis, seed: run.seed, ..Shape::default() };
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..1)?;
    namespace.ip("link set vx0 nomaster")?;
    let subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let pids = subject.speaker.pids();
    let (limit, plan) = (run.limit, Plan::new(shape.clone()));
    let indexes = indexes(&namespace)?;
    let (bridge, vxlan) = (index_of(&indexes, "br0")?, index_of(&indexes, "vx0")?);
    let macs = plan.groups().iter().filter(|group| group.vni == 0).map(|group| group.hosts() as usize).sum();
    let wanted = [Wanted { bridge, vxlan, macs, neighbours: [macs, 0] }];
    subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        let (senders, _) = runner.groups();
        for (index, octets) in announce.of_sender.into_iter().enumerate() {
            senders.send(index, octets)?;
        }
        // What the daemon has read, it works through.
        if !at_rest(senders, &pids, Instant::now() + limit)? {
            return Ok([None; 2]);
        }
        let mut kernel = Kernel::open()?;
        let mut seconds = [None; 2];
        for (seconds, (master, shall)) in
            seconds.iter_mut().zip([(bridge, wanted.to_vec()), (0, gone(&wanted))])
        {
            let watch = kernel.watch(&shall)?;
            let start = Instant::now();
            kernel.set_master(vxlan, master)?;
            let right = served(senders, &pids, Vec::new(), |lost| kernel.wait(&watch, start + limit, lost))?;
            *seconds = right.map(|right| right.duration_since(start).as_secs_f64());
            if seconds.is_none() {
                break;
            }
        }
        Ok(seconds)
    })
}

/// A MAC that no route has.
const GHOST: MacAddr = MacAddr([0x02, 0xde, 0xad, 0, 0, 1]);

/// Killed and started again over half a million entries in the kernel.
pub fn adoption(run: &Run) -> Result<Figures> {
    // Each route is an entry of the bridge, one of the vxlan device and a neighbour.
    Ok(vec![("adoption", adopted(run, shape(run, 170_000, 64, run.size(100, 4)))?)])
}

/// Killed and started again over the entries of these routes: seconds until an entry that nobody wants is gone, so
/// all have been compared, and every other one is there.
pub fn adopted(run: &Run, shape: Shape) -> Result<Option<f64>> {
    let namespace = Subject::room()?;
    make_vnis(&namespace, shape.first_vni, 0..shape.vnis)?;
    let mut subject = Subject::start(run, namespace.clone(), &daemon::vtep_config())?;
    let (plan, limit) = (Plan::new(shape.clone()), run.limit);
    let wanted = wanted(&subject.namespace, &plan)?;
    let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
    let (wave, entries) = (announce.clone(), wanted.clone());
    let pids = subject.speaker.pids();
    let written = subject
        .load(run, shape.clone(), (1, 0), move |runner| program(runner, &pids, wave, &entries, limit))?;
    if written.is_none() {
        return Ok(None);
    }
    subject.speaker.kill();
    for part in [format!("dst {} self", vtep_address(0)), "master".to_owned()] {
        namespace.bridge(&format!("fdb add {GHOST} dev vx0 {part} extern_learn"))?;
    }
    let vxlan = index_of(&indexes(&namespace)?, "vx0")?;
    let watch = namespace.enter(move || Kernel::open()?.watch(&wanted))?;
    let messages =
        announce.of_sender.iter().map(|octets| Bytes::from([&octets[..], &end_of_rib()].concat())).collect();
    let start = Instant::now();
    subject.speaker.launch()?;
    let pids = subject.speaker.pids();
    let right = subject.load(run, shape, (1, 0), move |runner| {
        let (senders, _) = runner.groups();
        let mut kernel = Kernel::open()?;
        served(senders, &pids, messages, |lost| {
            while kernel.has_mac(vxlan, GHOST)? {
                if start.elapsed() >= limit || lost.load(Ordering::Acquire) {
                    return Ok(None);
                }
                std::thread::sleep(sign::pause(start.elapsed()));
            }
            // What is there from before was written before, and needs no more time.
            let compared = Instant::now();
            Ok(kernel.wait(&watch, start + limit, lost)?.map(|right| right.max(compared)))
        })
    })?;
    Ok(right.map(|right| right.duration_since(start).as_secs_f64()))
}

/// 100,000 type-5 routes into a tenant's table.
pub fn prefixes(run: &Run) -> Result<Figures> {
    let cost = installed(run, run.size(100_000, 1_000))?;
    Ok(figures(("type-5 100k", cost.written), &[("type-5 100k memory", cost.full)]))
}

/// So many type-5 routes into a tenant's table. FRR has the tenant in its default VRF, as this needs no
/// VRF device; Weft in a table of its own.
pub fn installed(run: &Run, routes: u32) -> Result<Cost> {
    let mix = Mix { ipv4: 0, prefix4: 1, ..Mix::IPV4 };
    let shape = Shape { routes, vteps: 64, vnis: 1, mix, seed: run.seed, ..Shape::default() };
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
    let (kind, room) = (run.kind, subject.namespace.clone());
    subject.load(run, shape, (1, 0), move |runner| {
        let announce = Encoder::new(&plan, 1).wave(Action::Announce, Which::All, &Placement::default())?;
        let table = match kind {
            Kind::Frr => MAIN,
            Kind::Weft => tenant_table(&room)?,
        };
        let mut kernel = Kernel::open()?;
        let memory = || Usage::of_all(&pids).map(|usage| usage.rss_mb);
        let (before, empty) = (kernel.routes(table)?, memory()?);
        let (senders, _) = runner.groups();
        let start = Instant::now();
        let right = served(senders, &pids, announce.of_sender, |lost| {
            kernel.wait_routes(table, before, routes as usize, start + limit, lost)
        })?;
        let written = right.map(|right| right.duration_since(start).as_secs_f64());
        let full = if written.is_some() { Some(memory()?) } else { None };
        Ok(Cost { written, empty, full, ..Cost::default() })
    })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::group::Target;
    use crate::load::session::Identity;

    #[test]
    fn a_daemon_that_has_ended_is_not_waited_for() {
        let target = Target {
            remote: "127.0.0.1:9".parse().unwrap(),
            identity: Identity { asn: daemon::ASN, hold: 90 },
            limit: Duration::from_secs(1),
        };
        let mut senders = Group::open(&[], target).unwrap();
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pids = [std::process::id(), child.id()];
        let start = Instant::now();
        let done = served(&mut senders, &pids, Vec::new(), |lost| {
            while !lost.load(Ordering::Acquire) && start.elapsed() < Duration::from_secs(20) {
                std::thread::yield_now();
            }
            Ok(lost.load(Ordering::Acquire))
        });
        child.wait().unwrap();
        let words = done.unwrap_err().to_string();
        assert_eq!(words, format!("process {} of the daemon has ended", child.id()));
        assert!(
            served(&mut senders, &pids[..1], Vec::new(), |lost| Ok(!lost.load(Ordering::Acquire))).unwrap()
        );
    }

    #[test]
    fn what_was_not_reached_is_no_figure() {
        let others = [("memory", Some(5.0)), ("withdrawn", None)];
        assert_eq!(figures(("written", Some(1.0)), &others).len(), 3);
        assert_eq!(figures(("written", None), &others), [("written", None)]);
    }
}
