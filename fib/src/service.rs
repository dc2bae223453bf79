//! The service thread: waits in one place for notifications, requests, ARP and ND, and time; then does a turn.
//!
//! A turn reads the monitor socket dry, takes the requests, sees to devices and VNIs, writes one plan of at most
//! about 250 messages, and hands over what came out. Reading before and after every plan keeps the model ahead
//! of nothing and behind nothing: see the crate's header for why that makes one thread the sound choice.

mod heard;
mod kernel;
mod links;
mod lock;
mod looks;
mod proxying;
mod resync;
mod routed;
mod snooping;
mod vrfs;

use crate::config::{FibConfig, FibOptions};
use crate::consistency::ConsistencyReport;
use crate::devices::DeviceKeeper;
use crate::error::FibError;
use crate::event::FibEvent;
use crate::forwarding::{FollowUp, Key, TargetForm};
use crate::handle::{FibCounters, Shared, Taken};
use crate::netlink::deaf::Deafness;
use crate::netlink::encode::{MAX_BATCH_MESSAGES, Op, Query, Tunnel};
use crate::netlink::socket::{Connection, Heard, Monitor, RequestError, Written};
use heard::Silent;
use kernel::Kernel;
use lock::NamespaceLock;
use looks::Looks;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proxying::Proxying;
use resync::{CONSISTENCY_PATIENCE, is_passing};
use routed::Routed;
use snooping::Snooping;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{debug, error, info, warn};
use weft_evpn::forwarding::ForwardingChange;
use weft_evpn::local::LocalEvent;

/// Default receive buffer of the monitor socket: what 2,500 bridges and their ports tell that go up in one command, while
/// this thread waits for the kernel's lock. The kernel allows twice as much, and takes it only when so much waits.
const RECEIVE_BUFFER: usize = 32 << 20;
/// How long the removal of entries may take at a flush; that of devices, which takes along what stands on them, follows.
pub const FLUSH_LIMIT: Duration = Duration::from_secs(5);
/// Rounds in which devices, rules and addresses are removed at a flush.
const FLUSH_ROUNDS: usize = 4;
/// Messages after which it is told that they are written.
const WORTH_TELLING: usize = 1000;
/// Messages planned at once, so that a key with several still fits the batch.
const PLAN: usize = MAX_BATCH_MESSAGES - 16;

/// What has to be had while the process has all its rights.
#[derive(Debug)]
pub struct Prepared {
    connection: Connection,
    deafness: Deafness,
}

impl Prepared {
    /// Opens the connection to the kernel in the caller's network namespace, and loads the filter of the monitor socket,
    /// which needs `CAP_BPF` where programs are not for everybody; without it the kernel's part of bulk loads costs half
    /// as much again.
    ///
    /// # Errors
    /// No netlink socket: see [`FibError`].
    pub fn new() -> Result<Self, FibError> {
        let connection = Connection::open()
            .map_err(|source| FibError::Socket { what: "open a netlink socket", source })?;
        let deafness = Deafness::prepare(connection.port());
        Ok(Prepared { connection, deafness })
    }
}

/// Opens the rest in the caller's network namespace and starts the thread.
pub(crate) fn spawn(prepared: Prepared, options: FibOptions, shared: Arc<Shared>) -> Result<(), FibError> {
    let socket = |what| move |source: io::Error| FibError::Socket { what, source };
    let Prepared { mut connection, deafness } = prepared;
    may_write(&mut connection)?;
    let lock = NamespaceLock::take()?;
    let receive_buffer = options.receive_buffer.unwrap_or(RECEIVE_BUFFER);
    let monitor = Monitor::open(receive_buffer, Some(&deafness)).map_err(socket("listen to the kernel"))?;
    if !deafness.has_program() {
        info!(
            "no eBPF filter for the kernel's notifications: our own FDB entries are heard, too, which costs time"
        );
    }
    let snooping = options.snoop.then(Snooping::open).and_then(|opened| match opened {
        Ok(snooping) => Some(snooping),
        Err(notice) => {
            shared.notice(notice);
            None
        }
    });
    let routed = Routed::new(&options, &mut connection);
    let form = if options.nexthop_objects { TargetForm::Nexthops } else { TargetForm::Addresses };
    let service = Service {
        shared: Arc::clone(&shared),
        connection,
        monitor,
        snooping,
        proxying: Proxying::default(),
        kernel: Kernel::new(form),
        config: None,
        devices: DeviceKeeper::default(),
        routed,
        plan: Vec::new(),
        written: 0,
        tunnels: Vec::new(),
        told: BTreeSet::new(),
        overrun: None,
        last_resync: None,
        reports: Vec::new(),
        ready: false,
        looks: Looks::default(),
        more_requests: false,
        converged: false,
        _lock: lock,
    };
    std::thread::Builder::new()
        .name("weft-fib".to_owned())
        .spawn(move || service.run())
        .map(|_| ())
        .map_err(FibError::Thread)
}

/// Asks for something that only the privileged may: the deletion of a nexthop that does not exist.
fn may_write(connection: &mut Connection) -> Result<(), FibError> {
    let (_, _) = connection
        .write(&[Op::NexthopDelete { id: u32::MAX }])
        .map_err(|source| FibError::Socket { what: "talk to the kernel", source })?;
    match connection.refusals().first() {
        Some((_, error)) if matches!(error.errno, Errno::EPERM | Errno::EACCES) => {
            Err(FibError::NoPermission)
        }
        _ => Ok(()),
    }
}

struct Service {
    shared: Arc<Shared>,
    connection: Connection,
    monitor: Monitor,
    snooping: Option<Snooping>,
    proxying: Proxying,
    kernel: Kernel,
    config: Option<FibConfig>,
    devices: DeviceKeeper,
    routed: Routed,
    plan: Vec<(Key, Op)>,
    /// Messages written since that was told.
    written: usize,
    /// Which of these are about a vxlan device for many VNIs.
    tunnels: Vec<Option<Tunnel>>,
    /// Notices about links that hold still, so that each is told once.
    told: BTreeSet<String>,
    /// Notifications were lost, and since when they are missed.
    overrun: Option<Instant>,
    /// When the last read-back ended and how long it took.
    last_resync: Option<(Instant, Duration)>,
    /// Read-backs that the operator waits for, and since when.
    reports: Vec<(Instant, oneshot::Sender<ConsistencyReport>)>,
    ready: bool,
    looks: Looks,
    /// Changes wait that were not taken yet.
    more_requests: bool,
    /// The first convergence is over; counts once the first look at the kernel is done.
    converged: bool,
    _lock: NamespaceLock,
}

/// Whether the thread goes on.
enum Turn {
    Again,
    Wait,
    End,
}

impl Service {
    fn run(mut self) {
        let end = self.start().and_then(|()| {
            loop {
                match self.turn()? {
                    Turn::Again => {}
                    Turn::Wait => self.wait()?,
                    Turn::End => return Ok(()),
                }
            }
        });
        if let Err(failure) = end {
            error!("the kernel thread ends: {failure}");
            self.shared.emit(FibEvent::Failed(failure.to_string()));
        }
        self.shared.close();
    }

    /// The first look at the kernel.
    fn start(&mut self) -> Result<(), RequestError> {
        let now = Instant::now();
        self.kernel.read_links(&mut self.connection, now)?;
        self.kernel.read_nexthops(&mut self.connection, now)
    }

    fn turn(&mut self) -> Result<Turn, RequestError> {
        let now = Instant::now();
        self.listen(now)?;
        if let Some(end) = self.take_requests(now)? {
            return Ok(end);
        }
        self.ask_silent_hosts(now);
        self.see_to_links(now)?;
        self.resync_if_needed(now)?;
        self.kernel.prune_due(now);
        self.see_to_proxies();
        self.write(now)?;
        self.answer_reports(now)?;
        self.hand_over();
        let busy = self.has_work() || self.links_due(Instant::now()) || !self.kernel.ask_links.is_empty();
        if !busy && self.written >= WORTH_TELLING {
            self.shared.emit_written(std::mem::take(&mut self.written));
        }
        Ok(if busy { Turn::Again } else { Turn::Wait })
    }

    /// Something is to be written, or may be.
    fn has_work(&self) -> bool {
        self.more_requests || self.kernel.forwarding.has_work()
    }

    /// Reads the monitor socket dry.
    fn listen(&mut self, now: Instant) -> Result<(), RequestError> {
        let kernel = &mut self.kernel;
        match self.monitor.read(|header, payload| kernel.hear(header, payload, now))? {
            Heard::All => {}
            Heard::Overrun => {
                self.overrun.get_or_insert(now);
            }
        }
        for query in self.kernel.forwarding.take_doubts() {
            let read = self.kernel.ask(&mut self.connection, query, now);
            self.read_again_if_failed(read, now)?;
        }
        for ifindex in std::mem::take(&mut self.kernel.ask_links) {
            let read = self.kernel.ask(&mut self.connection, Query::Link { ifindex }, now);
            self.read_again_if_failed(read, now)?;
        }
        if let Some(snooping) = &mut self.snooping {
            let mut events = Vec::new();
            if let Err(error) = snooping.receive(now, &mut events) {
                // ENETDOWN when a port goes down; the socket stays good.
                debug!("packet socket: {error}");
            }
            for event in events {
                self.kernel.forwarding.say(event);
            }
        }
        Ok(())
    }

    fn take_requests(&mut self, now: Instant) -> Result<Option<Turn>, RequestError> {
        // No more than fills a plan: what is wished, planned and written within one turn is still in the caches, and what
        // waits can still be overtaken by later words.
        let room = PLAN.saturating_sub(self.kernel.forwarding.waiting());
        let Taken { forward, more, converged, orders, caught_up: _ } = self.shared.take_requests(room);
        self.more_requests = more;
        std::hint::black_box(self.kernel.forwarding.anticipate(&forward));
        for change in forward {
            match change {
                ForwardingChange::Probe { vni, ip, mac } => {
                    if let (Some(snooping), Some(served)) = (&mut self.snooping, self.kernel.served.get(&vni))
                    {
                        let port = mac.and_then(|mac| self.kernel.forwarding.local_port(vni, mac));
                        snooping.probe(vni, served, ip, mac, port);
                    }
                }
                ForwardingChange::Announce { vni, ip, mac } => {
                    if let (Some(snooping), Some(served)) = (&mut self.snooping, self.kernel.served.get(&vni))
                    {
                        snooping.announce(vni, served, ip, mac);
                    }
                }
                change => self.kernel.forwarding.wish(change),
            }
        }
        if let Some(config) = orders.config
            && self.config.as_ref() != Some(&config)
        {
            self.config = Some(config);
            self.devices.configured();
            self.kernel.links_changed = true;
        }
        self.converged |= converged;
        self.reports.extend(orders.consistency.into_iter().map(|reply| (now, reply)));
        for reply in orders.memory {
            let mut memory = self.kernel.forwarding.memory();
            memory.queue_bytes += self.shared.waiting_bytes() + self.plan.capacity() * size_of::<(Key, Op)>();
            // Who asked may have gone.
            let _ = reply.send(memory);
        }
        if let Some((flush, done)) = orders.shutdown {
            if flush {
                self.flush()?;
            }
            self.hand_over();
            // Nobody may wait for it any more.
            let _ = done.send(());
            return Ok(Some(Turn::End));
        }
        Ok(None)
    }

    /// Hosts that only the packet socket knows are asked when they are silent, and reported gone without answer.
    fn ask_silent_hosts(&mut self, now: Instant) {
        let Some(snooping) = &mut self.snooping else { return };
        for silent in snooping.silent(now) {
            match silent {
                Silent::Ask { vni, ip, mac } => {
                    let port = self.kernel.forwarding.local_port(vni, mac);
                    let served = self.kernel.served.get(&vni);
                    match (port, served) {
                        (Some(port), Some(served)) => snooping.probe(vni, served, ip, Some(mac), Some(port)),
                        // Its MAC has moved away or aged, and the address with it.
                        _ => snooping.forget(vni, ip),
                    }
                }
                Silent::Gone { vni, ip } => {
                    self.kernel.forwarding.say(LocalEvent::NeighbourGone { vni, ip });
                }
            }
        }
    }

    /// Plans and writes one batch, or a little more when keys with several messages did not fit.
    fn write(&mut self, now: Instant) -> Result<(), RequestError> {
        self.plan.clear();
        self.kernel.forwarding.plan(now, PLAN, &mut self.plan);
        let mut plan = std::mem::take(&mut self.plan);
        self.written += plan.len();
        let mut rest = plan.as_slice();
        while !rest.is_empty() {
            let forwarding = &self.kernel.forwarding;
            self.tunnels.clear();
            if forwarding.has_tunnels() {
                self.tunnels.extend(rest.iter().map(|(key, _)| forwarding.tunnel(*key)));
            }
            let (count, written) =
                match self.connection.write_in(rest.iter().map(|(_, op)| op), &self.tunnels) {
                    Err(error) if is_passing(&error) => (rest.len(), Written::Unknown),
                    other => other?,
                };
            let (batch, later) = rest.split_at(count.min(rest.len()));
            rest = later;
            self.outcome(batch, written, now)?;
        }
        plan.clear();
        self.plan = plan;
        Ok(())
    }

    fn outcome(&mut self, batch: &[(Key, Op)], written: Written, now: Instant) -> Result<(), RequestError> {
        let Kernel { links, forwarding, unread_vrfs, .. } = &mut self.kernel;
        if written == Written::Unknown {
            for (key, _) in batch {
                forwarding.unanswered(*key, now);
            }
            self.overrun.get_or_insert(now);
            return Ok(());
        }
        let refusals = self.connection.refusals();
        FibCounters::add(
            &self.shared.counters.writes,
            (batch.len() - refusals.len().min(batch.len())) as u64,
        );
        FibCounters::add(&self.shared.counters.failures, refusals.len() as u64);
        let mut questions = Vec::new();
        let mut read_nexthops = false;
        let mut refused = refusals.iter().peekable();
        for (index, (key, op)) in batch.iter().enumerate() {
            match refused.next_if(|(at, _)| *at == index) {
                None => forwarding.written(links, *key, op),
                Some((_, error)) => {
                    debug!("{} {op}: {error}", key.kind(op));
                    match forwarding.refused(links, *key, op, error, now) {
                        FollowUp::None => {}
                        FollowUp::Ask(query) => questions.push(query),
                        FollowUp::ReadNexthops => read_nexthops = true,
                        FollowUp::ReadTable(table) => unread_vrfs.extend(forwarding.vrf_of_table(table)),
                    }
                }
            }
        }
        for query in questions {
            let read = self.kernel.ask(&mut self.connection, query, now);
            self.read_again_if_failed(read, now)?;
        }
        if read_nexthops {
            let read = self.kernel.read_nexthops(&mut self.connection, now);
            self.read_again_if_failed(read, now)?;
        }
        Ok(())
    }

    /// Hands events and notices to the core.
    fn hand_over(&mut self) {
        let output = self.kernel.forwarding.take_output();
        FibCounters::add(&self.shared.counters.repairs, output.repairs);
        FibCounters::add(&self.shared.counters.router_mac_disputes, output.disputes);
        self.shared.emit_local(output.locals);
        if std::mem::take(&mut self.kernel.new_address) && self.ready {
            self.shared.emit_new_address();
        }
        for notice in output.notices {
            self.shared.notice(notice);
        }
    }

    /// Removes all of ours: entries, nexthops, devices.
    fn flush(&mut self) -> Result<(), RequestError> {
        let until = Instant::now() + FLUSH_LIMIT;
        self.kernel.forwarding.want_nothing();
        self.see_to_proxies();
        loop {
            let now = Instant::now();
            self.listen(now)?;
            self.write(now)?;
            if self.kernel.forwarding.has_work() && now < until {
                continue;
            }
            // What failed is due again in a moment.
            match self.kernel.forwarding.next_due().filter(|due| *due < until) {
                Some(due) => std::thread::sleep(due.saturating_duration_since(now)),
                None => break,
            }
        }
        if self.kernel.forwarding.has_work() {
            warn!("entries are left in the kernel: there was no time to remove all");
        }
        self.devices.configured();
        // Some steps wait for others, which the kernel tells of at once.
        for _ in 0..FLUSH_ROUNDS {
            let now = Instant::now();
            self.listen(now)?;
            self.make(&FibConfig::default(), now)?;
        }
        Ok(())
    }

    fn silence_due(&self) -> Option<Instant> {
        self.snooping.as_ref().and_then(Snooping::next_due)
    }

    /// Sleeps until something happens or is due.
    fn wait(&mut self) -> Result<(), RequestError> {
        let overrun = self.overrun.map(|since| self.resync_due().unwrap_or(since));
        let report = self.reports.first().map(|(since, _)| *since + CONSISTENCY_PATIENCE);
        let routed = &self.routed;
        let made = [self.devices.next_due(), routed.marks.next_due(), routed.sysctls.next_due()];
        let made = made.into_iter().flatten().min();
        let due = [self.kernel.next_due(), made, self.silence_due(), overrun, report, self.next_look()]
            .into_iter()
            .flatten()
            .min();
        let timeout = match due {
            None => PollTimeout::NONE,
            Some(due) => {
                // Rounded up, so that what is due is due when the thread wakes.
                let left = due.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
                PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
            }
        };
        let wanted = PollFlags::POLLIN;
        let mut fds =
            vec![PollFd::new(self.monitor.as_fd(), wanted), PollFd::new(self.shared.wake_fd(), wanted)];
        if let Some(snooping) = &self.snooping {
            fds.push(PollFd::new(snooping.fd(), wanted));
        }
        if let Some(marks) = self.routed.marks.fd() {
            fds.push(PollFd::new(marks, wanted));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}
