//! What the kernel tests share: a network namespace of one's own for each test, a VNI's devices in it, the
//! service, and waiting for conditions. The namespace has no name: it ends with the threads that live in it, so
//! nothing is left behind however a test ends.

use nix::sched::{CloneFlags, unshare};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::process::Command;
use std::time::{Duration, Instant};
use weft_evpn::forwarding::{ForwardingChange, RemoteMac, RemoteNeighbour};
use weft_evpn::local::LocalEvent;
use weft_evpn::{MacAddr, Vni};
use weft_fib::netlink::attribute::Header;
use weft_fib::netlink::constants::*;
use weft_fib::netlink::encode::Query;
use weft_fib::netlink::neighbour::NeighbourMessage;
use weft_fib::netlink::nexthop::NexthopMessage;
use weft_fib::netlink::socket::{Connection, Monitor};
use weft_fib::{Fib, FibConfig, FibEvent, FibEvents, FibNotice, FibOptions, FibRequest, Serve, start};

/// No condition takes this long unless something is wrong; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test in a network namespace of its own, on a thread of its own. Without the permission to make one the
/// test says so and passes.
pub fn in_namespace(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            eprintln!("skipped: a network namespace cannot be made here ({error}); run as root");
            return;
        }
        run("ip link set lo up");
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a command line in the namespace and expects it to succeed.
pub fn run(line: &str) -> String {
    let (ok, text) = try_run(line);
    assert!(ok, "{line}: {text}");
    text
}

/// Runs a command line; whether it succeeded, and what it said.
pub fn try_run(line: &str) -> (bool, String) {
    let mut words = line.split_whitespace();
    let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Runs a command line that reads what to do.
pub fn batch(line: &str, input: &str) -> String {
    let mut words = line.split_whitespace();
    let mut process = Command::new(words.next().unwrap())
        .args(words)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}: {input}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `found` gives something.
#[track_caller]
pub fn wait_for<T>(what: impl Debug, mut found: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < until, "waited in vain for {what:?}");
        std::thread::park_timeout(Duration::from_micros(300));
    }
}

pub fn vni(number: u32) -> Vni {
    Vni::new(number).unwrap()
}

pub fn mac(number: u32) -> MacAddr {
    let [_, b, c, d] = number.to_be_bytes();
    MacAddr([2, 0, 0, b, c, d])
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Makes the devices of a VNI as an operator would: bridge, vxlan device, and a port whose far end, `p` and the
/// VNI, stands in the same namespace as the host.
pub fn make_vni(number: u32, local: &str) {
    run(&format!("ip link add br{number} type bridge"));
    make_vxlan(number, local);
    run(&format!("ip link add h{number} type veth peer name p{number}"));
    run(&format!("ip link set h{number} master br{number} up"));
    run(&format!("ip link set p{number} up"));
    run(&format!("ip link set br{number} up"));
    // The kernel switches the port to forwarding a moment after its carrier came.
    wait_for("the port to forward", || {
        run(&format!("bridge link show dev h{number}")).contains("state forwarding").then_some(())
    });
}

/// The vxlan device alone, joined to its bridge and switched on.
pub fn make_vxlan(number: u32, local: &str) {
    run(&format!("ip link add vx{number} type vxlan id {number} local {local} dstport 4789 nolearning"));
    run(&format!("ip link set vx{number} master br{number} addrgenmode none"));
    run(&format!("bridge link set dev vx{number} learning off neigh_suppress on"));
    run(&format!("ip link set vx{number} up"));
}

/// The service with its events.
pub struct Service {
    pub fib: Fib,
    pub events: FibEvents,
    pub locals: Vec<LocalEvent>,
    pub notices: Vec<FibNotice>,
    pub ready: Option<usize>,
}

impl Service {
    /// Starts it, serving every VNI.
    pub fn start() -> Self {
        Self::start_with(FibOptions::default(), FibConfig { serve: Serve::All, ..FibConfig::default() })
    }

    pub fn start_with(options: FibOptions, config: FibConfig) -> Self {
        // The one before may still be about to let go of the namespace.
        let (fib, events) = wait_for("the namespace to be free", || start(options.clone()).ok());
        let mut service = Service { fib, events, locals: Vec::new(), notices: Vec::new(), ready: None };
        service.fib.send(FibRequest::Config(config));
        while service.ready.is_none() {
            service.take_event(PATIENCE);
        }
        service
    }

    fn take_event(&mut self, limit: Duration) -> bool {
        match self.events.recv_timeout(limit) {
            Some(FibEvent::Local(events)) => self.locals.extend(events),
            Some(FibEvent::Notice(notice)) => self.notices.push(notice),
            Some(FibEvent::Ready { adopted }) => self.ready = Some(adopted),
            Some(FibEvent::NewAddress | FibEvent::CaughtUp | FibEvent::Written { .. }) => {}
            Some(FibEvent::Failed(error)) => panic!("the service failed: {error}"),
            None => return false,
        }
        true
    }

    /// Waits for a local event.
    #[track_caller]
    pub fn wait_local(&mut self, what: &str, mut wanted: impl FnMut(&LocalEvent) -> bool) -> LocalEvent {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.locals.iter().position(&mut wanted) {
                let event = self.locals[at].clone();
                self.locals.drain(..=at);
                return event;
            }
            assert!(Instant::now() < until, "waited in vain for {what}; {:?}", self.notices);
            self.take_event(Duration::from_millis(100));
        }
    }

    #[track_caller]
    pub fn wait_up(&mut self, number: u32) {
        self.wait_local(
            "VniUp",
            |event| matches!(event, LocalEvent::VniUp { vni, .. } if vni.get() == number),
        );
    }

    #[track_caller]
    pub fn wait_notice(&mut self, mut wanted: impl FnMut(&FibNotice) -> bool) -> FibNotice {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.notices.iter().position(&mut wanted) {
                return self.notices.remove(at);
            }
            assert!(Instant::now() < until, "waited in vain for a notice; {:?}", self.notices);
            self.take_event(Duration::from_millis(100));
        }
    }

    /// Takes the events that come within a limit, or wait already.
    pub fn take_events(&mut self, limit: Duration) {
        if self.take_event(limit) {
            self.wait_nothing();
        }
    }

    /// Takes the events that wait, and goes on.
    pub fn wait_nothing(&mut self) {
        while self.take_event(Duration::ZERO) {}
    }

    /// Waits for a local event and keeps those before it.
    #[track_caller]
    pub fn keep_until(&mut self, mut wanted: impl FnMut(&LocalEvent) -> bool) {
        let until = Instant::now() + PATIENCE;
        while !self.locals.iter().any(&mut wanted) {
            assert!(Instant::now() < until, "waited in vain; {:?}", self.notices);
            self.take_event(Duration::from_millis(100));
        }
    }

    pub fn forward(&self, changes: Vec<ForwardingChange>) {
        self.fib.send(FibRequest::Forward(changes));
    }

    /// Waits until the kernel holds what is wanted, by the service's own read-back.
    #[track_caller]
    pub fn wait_consistent(&self) -> usize {
        let until = Instant::now() + PATIENCE;
        loop {
            let report = self.consistency();
            if report.is_consistent() {
                return report.checked;
            }
            assert!(Instant::now() < until, "still not consistent: {report:?}");
        }
    }

    /// The service's own read-back.
    pub fn consistency(&self) -> weft_fib::ConsistencyReport {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.fib.send(FibRequest::Consistency(reply));
        answer.blocking_recv().unwrap()
    }

    /// Ends it as `kill -9` would: nothing is removed.
    pub fn stop(self) {
        self.shutdown(false);
    }

    pub fn shutdown(self, flush: bool) {
        let (done, ended) = tokio::sync::oneshot::channel();
        self.fib.send(FibRequest::Shutdown { flush, done });
        ended.blocking_recv().unwrap();
    }
}

pub fn want_mac(number: u32, mac: MacAddr, vtep: &str) -> ForwardingChange {
    let wanted = Some(RemoteMac { vtep: ip(vtep), sticky: false });
    ForwardingChange::Mac { vni: vni(number), mac, wanted }
}

pub fn want_neighbour(number: u32, address: &str, mac: MacAddr) -> ForwardingChange {
    let wanted = Some(RemoteNeighbour { mac, router: false });
    ForwardingChange::Neighbour { vni: vni(number), ip: ip(address), wanted }
}

pub fn want_flood(number: u32, vtep: &str) -> ForwardingChange {
    ForwardingChange::Flood { vni: vni(number), vtep: ip(vtep), wanted: true }
}

/// A look at the kernel that does not go through the service.
pub struct Eye {
    connection: Connection,
}

impl Eye {
    pub fn new() -> Self {
        Eye { connection: Connection::open().unwrap() }
    }

    fn all<T>(&mut self, query: Query, parse: impl Fn(&[u8]) -> Option<T>) -> Vec<T> {
        let mut found = Vec::new();
        self.connection.query(query, |_: Header, payload| found.extend(parse(payload))).unwrap();
        found
    }

    pub fn index(&self, device: &str) -> u32 {
        nix::net::if_::if_nametoindex(device).unwrap_or(0)
    }

    pub fn fdb(&mut self, bridge: &str) -> Vec<NeighbourMessage> {
        let bridge = self.index(bridge);
        self.all(Query::Fdb { bridge: Some(bridge) }, NeighbourMessage::parse)
    }

    pub fn nexthops(&mut self) -> BTreeMap<u32, NexthopMessage> {
        self.all(Query::Nexthops, NexthopMessage::parse)
            .into_iter()
            .map(|nexthop| (nexthop.id, nexthop))
            .collect()
    }

    /// Where the vxlan FDB sends a MAC, with the nexthop group resolved.
    pub fn vxlan(&mut self, number: u32, mac: MacAddr) -> Option<IpAddr> {
        let entry = self.vxlan_entry(number, mac)?;
        match entry.nexthop {
            None => entry.address,
            Some(group) => {
                let nexthops = self.nexthops();
                let (member, count) = nexthops.get(&group)?.group()?;
                assert_eq!(count, 1);
                nexthops.get(&member)?.gateway
            }
        }
    }

    pub fn vxlan_entry(&mut self, number: u32, mac: MacAddr) -> Option<NeighbourMessage> {
        self.fdb(&format!("br{number}"))
            .into_iter()
            .find(|entry| entry.has(NTF_SELF) && entry.mac == Some(mac))
    }

    /// The bridge FDB's entry of a MAC.
    pub fn bridge(&mut self, number: u32, mac: MacAddr) -> Option<NeighbourMessage> {
        self.fdb(&format!("br{number}"))
            .into_iter()
            .find(|entry| !entry.has(NTF_SELF) && entry.mac == Some(mac))
    }

    /// The flood list.
    pub fn flood(&mut self, number: u32) -> Vec<IpAddr> {
        let mut list: Vec<IpAddr> = self
            .fdb(&format!("br{number}"))
            .into_iter()
            .filter(|entry| entry.has(NTF_SELF) && entry.mac == Some(MacAddr::ZERO))
            .filter_map(|entry| entry.address)
            .collect();
        list.sort();
        list
    }

    pub fn neighbour(&mut self, number: u32, address: &str) -> Option<NeighbourMessage> {
        let address = Some(ip(address));
        let ifindex = Some(self.index(&format!("br{number}")));
        self.all(Query::Neighbours { family: AF_UNSPEC, ifindex }, NeighbourMessage::parse)
            .into_iter()
            .find(|entry| entry.address == address)
    }
}

/// Hears what happens in the kernel from now on.
pub struct Ear(Monitor);

impl Ear {
    pub fn new() -> Self {
        Ear(Monitor::open(4 << 20, None).unwrap())
    }

    /// Types of the messages since the last call that were about entries with our mark. Hosts and the kernel make
    /// others at any time.
    pub fn heard(&mut self) -> Vec<u16> {
        let mut kinds = Vec::new();
        self.0
            .read(|header, payload| {
                let ours = match header.kind {
                    RTM_NEWNEIGH | RTM_DELNEIGH => NeighbourMessage::parse(payload).is_some_and(|message| {
                        message.has(NTF_EXT_LEARNED) || message.protocol == RTPROT_BGP
                    }),
                    RTM_NEWNEXTHOP | RTM_DELNEXTHOP => true,
                    _ => false,
                };
                if ours {
                    kinds.push(header.kind);
                }
            })
            .unwrap();
        kinds
    }
}

/// A host in a network namespace of its own, which its process holds; the near end of its cable stands in the
/// test's namespace.
pub struct Host {
    process: std::process::Child,
}

impl Host {
    /// `port`: the near end's name; `address` with prefix length, and the default gateway.
    pub fn new(port: &str, address: &str, gateway: &str) -> Self {
        let mut process = Command::new("unshare")
            .args(["-n", "sh", "-c", "echo ready; read end"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Its namespace is there when it speaks.
        let mut word = [0; 6];
        std::io::Read::read_exact(process.stdout.as_mut().unwrap(), &mut word).unwrap();
        let host = Host { process };
        run(&format!("ip link add {port} type veth peer name eth0 netns {}", host.process.id()));
        run(&format!("ip link set {port} up"));
        let setup = format!(
            "link set lo up\nlink set eth0 up\naddr add {address} dev eth0\nroute add default via {gateway}\n"
        );
        batch(&format!("nsenter -n -t {} ip -batch -", host.process.id()), &setup);
        host
    }

    /// Runs a command line in the host and expects it to succeed.
    #[track_caller]
    pub fn run(&self, line: &str) -> String {
        let (ok, text) = self.try_run(line);
        assert!(ok, "{line}: {text}");
        text
    }

    /// Runs a command line in the host.
    pub fn try_run(&self, line: &str) -> (bool, String) {
        try_run(&format!("nsenter -n -t {} {line}", self.process.id()))
    }

    /// Starts a command line in the host.
    pub fn spawn(&self, line: &str) -> std::process::Child {
        let line = format!("nsenter -n -t {} {line}", self.process.id());
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().unwrap());
        command.args(words).stdout(std::process::Stdio::piped()).spawn().unwrap()
    }

    /// Waits until a ping is answered.
    #[track_caller]
    pub fn reaches(&self, address: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            let (ok, text) = self.try_run(&format!("ping -c1 -W1 {address}"));
            if ok {
                return;
            }
            assert!(Instant::now() < until, "no answer from {address}: {text}");
        }
    }

    /// Pings, and nobody may answer.
    #[track_caller]
    pub fn does_not_reach(&self, address: &str) {
        let (ok, text) = self.try_run(&format!("ping -c2 -i0.2 -W1 {address}"));
        assert!(!ok, "{address} answers: {text}");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Only this process, which we started; its namespace goes with it.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
