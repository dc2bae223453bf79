//! A daemon under load in a namespace of its own: addresses for hundreds of sessions on its loopback, a way to
//! the VTEPs' addresses (FRR wants one), and for a VTEP its bridges and vxlan devices.

use super::Run;
use crate::error::{LabError, Result, ensure};
use crate::load::group::{Group, Target};
use crate::load::phase::{Arrived, Outcome, Phase};
use crate::load::plan::Plan;
use crate::load::run::Runner;
use crate::load::session::Identity;
use crate::load::shape::Shape;
use crate::load::start::reflector_config;
use crate::netns::Namespace;
use crate::owner;
use crate::speaker::{Kind, Speaker};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use weft_bgpd::peer::BGP_PORT;

/// The daemon's address. Its prefix is on the loopback device, so every address of 198.18.0.0/15 can be had.
pub const SPEAKER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// The AS of all.
pub const ASN: u32 = 65_000;
/// Link groups of the VNIs' bridges, and of their vxlan devices.
pub const BRIDGES: u32 = 7;
const PORTS: u32 = 8;
/// How long sessions may take.
const ESTABLISH: Duration = Duration::from_secs(60);

/// The sender with this number, from 0.
pub fn sender(number: u32) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 18, 1, 1)) + number).into()
}

/// The sink with this number, from 0.
pub fn sink(number: u32) -> IpAddr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(198, 19, 1, 1)) + number).into()
}

/// What all sessions go to.
pub fn target() -> Target {
    Target {
        remote: SocketAddr::new(SPEAKER.into(), BGP_PORT),
        identity: Identity { asn: ASN, hold: 180 },
        limit: ESTABLISH,
    }
}

/// A daemon in its namespace.
#[derive(Debug)]
pub struct Subject {
    /// The daemon.
    pub speaker: Speaker,
    /// Where it runs.
    pub namespace: Arc<Namespace>,
}

impl Subject {
    /// A namespace ready for a daemon.
    pub fn room() -> Result<Arc<Namespace>> {
        let namespace = Arc::new(Namespace::create(format!("{}-bench", owner::lab_prefix()?))?);
        // A veth pair has a carrier; a bridge without ports has none, and routes over it would be dead.
        namespace.ip_batch(&format!(
            "addr add {SPEAKER}/15 dev lo\nlink add under0 type veth peer name under1\n\
             link set under0 up\nlink set under1 up\naddr add 172.31.255.254/12 dev under0\n"
        ))?;
        Ok(namespace)
    }

    /// Starts a daemon there.
    pub fn start(run: &Run, namespace: Arc<Namespace>, config: &str) -> Result<Self> {
        let speaker = Speaker::start(run.kind, &namespace, config)?;
        Ok(Self { speaker, namespace })
    }

    /// A route reflector for so many sessions.
    pub fn reflector(run: &Run, senders: u32, sinks: u32) -> Result<Self> {
        Self::reflector_with(run, senders, sinks, "")
    }

    /// The same with more lines in the address family.
    pub fn reflector_with(run: &Run, senders: u32, sinks: u32, lines: &str) -> Result<Self> {
        let (senders, sinks): (Vec<_>, Vec<_>) =
            ((0..senders).map(sender).collect(), (0..sinks).map(sink).collect());
        let config = reflector_config(ASN, &senders, &sinks).replace("127.0.0.1", &SPEAKER.to_string());
        let config = config.replace(" exit-address-family", &format!("{lines} exit-address-family"));
        let namespace = Self::room()?;
        let mut speaker = Speaker::prepare(run.kind, &namespace, &config)?;
        if run.kind == Kind::Weft {
            speaker = speaker.with_arguments(&["--no-kernel"]);
        }
        speaker.launch()?;
        Ok(Self { speaker, namespace })
    }

    /// Opens the sessions, hands them and everything else to `work`, in a thread of the namespace.
    pub fn load<T: Send + 'static>(
        &self,
        run: &Run,
        shape: Shape,
        sessions: (u32, u32),
        work: impl FnOnce(&mut Runner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (pids, limit) = (self.speaker.pids(), run.limit);
        let done = self.namespace.enter(move || {
            let (senders, sinks) = sessions;
            let sinks = Group::open(&(0..sinks).map(sink).collect::<Vec<_>>(), target())?;
            let senders = Group::open(&(0..senders).map(sender).collect::<Vec<_>>(), target())?;
            let mut runner = Runner::new(Plan::new(shape), senders, sinks, pids, limit);
            work(&mut runner)
        });
        done.map_err(|error| {
            // That a daemon has ended is why its sessions have: it comes first, with whatever else was seen behind it.
            let ended = self.speaker.ended().map(|ended| ended + ": ").unwrap_or_default();
            LabError::Unexpected(format!("{ended}{error}\n{}", self.speaker.logs()))
        })
    }

    /// Opens the sessions and does phases; stops after the first that takes too long.
    pub fn phases(
        &self,
        run: &Run,
        shape: Shape,
        sessions: (u32, u32),
        phases: Vec<Phase>,
    ) -> Result<Vec<Outcome>> {
        self.load(run, shape, sessions, move |runner| {
            let mut outcomes = Vec::new();
            for phase in phases {
                for outcome in runner.run(phase)? {
                    trusted(&outcome)?;
                    outcomes.push(outcome);
                }
                if outcomes.last().is_some_and(|last| last.seconds.is_none()) {
                    break;
                }
            }
            Ok(outcomes)
        })
    }
}

/// A time is that of the routes that were sent, or it is none: each came, once and unchanged.
fn trusted(outcome: &Outcome) -> Result<()> {
    let as_sent = matches!(outcome.arrived, Arrived::Exactly | Arrived::Unknown);
    ensure(as_sent || outcome.seconds.is_none(), || {
        format!("{}: not the routes that were sent arrived: {:?}", outcome.phase, outcome.arrived)
    })
}

impl Drop for Subject {
    /// Ends the daemon and deletes the devices of VNIs. With the namespace they would go some time later, under the lock
    /// that the next row's daemon needs; 2,500 bridges take the kernel 45 s.
    fn drop(&mut self) {
        self.speaker.kill();
        for group in [PORTS, BRIDGES] {
            // Most rows have none.
            let _ = self.namespace.ip(&format!("link del group {group}"));
        }
    }
}

/// The configuration of a VTEP with one session.
pub fn vtep_config() -> String {
    format!(
        "router bgp {ASN}\n bgp router-id {SPEAKER}\n no bgp default ipv4-unicast\n \
         neighbor {sender} remote-as {ASN}\n neighbor {sender} passive\n \
         address-family l2vpn evpn\n  neighbor {sender} activate\n  advertise-all-vni\n exit-address-family\nexit\n",
        sender = sender(0)
    )
}

/// Makes a bridge and a vxlan device for each VNI: `br0`, `vx0` and so on.
pub fn make_vnis(namespace: &Namespace, first_vni: u32, numbers: std::ops::Range<u32>) -> Result<()> {
    let (mut links, mut ports) = (String::new(), String::new());
    for number in numbers {
        let vni = first_vni + number;
        // Writing to a String does not fail.
        let _ = write!(
            links,
            "link add br{number} group {BRIDGES} type bridge\nlink set br{number} addrgenmode none\n\
             link set br{number} up\nlink add vx{number} group {PORTS} type vxlan id {vni} local {SPEAKER} \
             dstport 4789 nolearning\nlink set vx{number} addrgenmode none master br{number}\nlink set vx{number} up\n"
        );
        let _ = writeln!(ports, "link set dev vx{number} learning off neigh_suppress on");
    }
    namespace.ip_batch(&links)?;
    namespace.bridge_batch(&ports)
}
