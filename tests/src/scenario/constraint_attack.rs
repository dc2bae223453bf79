//! A peer that means harm with its memberships of route targets (RFC 4684): NLRI that cannot be read or say
//! nothing, more of them than anybody needs, and demands that come and go. All peers are scripted.
//!
//! ```text
//!   attacker ── s (route reflector) ── sender of EVPN routes
//!                └── receiver, which asks for 65000:10
//! ```

// Indexing a JSON value gives null for what is not there; it cannot fail.
#![allow(clippy::indexing_slicing)]

use crate::error::{LabError, Result, ensure};
use crate::fabric::{LIMIT, REFLECTOR, Star, vtep};
use crate::injector::memberships::{DEFAULT, ask, end_of_rib, forgo, many, membership};
use crate::injector::routes::{Type2, VXLAN, announce, route_target, withdraw};
use crate::injector::{Identity, Injector, kind};
use crate::speaker::Kind;
use crate::wait::wait_for;
use serde_json::Value;
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

const ATTACKER: u8 = 1;
const SENDER: u8 = 2;
const RECEIVER: u8 = 3;
/// What the receiver asks for.
const WANTED: u32 = 10;
/// What nobody asks for but who asks for all.
const UNWANTED: u32 = 77;
/// Memberships of a peer that are kept without `maximum-prefix`.
const KEPT: u64 = 150_000;

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, 0, number)
}

/// The reflector and its three clients.
#[derive(Debug)]
struct Lab {
    star: Star,
    sender: Injector,
    receiver: Injector,
    /// The number of the last route sent.
    routes: u32,
}

impl Lab {
    fn up() -> Result<Self> {
        let mut lines = " address-family rtfilter unicast\n".to_owned();
        for number in 1..=3 {
            let _ = writeln!(lines, "  neighbor {} activate", vtep(number));
        }
        lines += " exit-address-family\n";
        let star = Star::up_with(Kind::Weft, 3, &lines)?;
        let sender = open(&star, SENDER)?;
        let receiver = open(&star, RECEIVER)?;
        receiver.send(&ask(address(RECEIVER), &membership(route_target(WANTED))))?;
        [&sender, &receiver].into_iter().try_for_each(|peer| peer.send(&end_of_rib()))?;
        Ok(Self { star, sender, receiver, routes: 0 })
    }

    fn attacker(&self) -> Result<Injector> {
        let attacker = open(&self.star, ATTACKER)?;
        attacker.send(&end_of_rib())?;
        Ok(attacker)
    }

    /// The sender sends a route that the receiver asked for. Gives how long it takes.
    fn one_passes(&mut self) -> Result<Duration> {
        self.routes += 1;
        let nlri = route(self.routes, WANTED);
        let began = Instant::now();
        self.sender.send(&announce(address(SENDER), &nlri, &[route_target(WANTED), VXLAN], &[]))?;
        self.receiver.wait_update_with(&nlri, LIMIT).map_err(|error| self.explain(error))?;
        Ok(began.elapsed())
    }

    /// The others' sessions are the first ones, and no attacker's malformed route went on.
    fn others_stand(&self) -> Result<()> {
        let shown = self.star.reflector.json("show bgp l2vpn evpn summary json")?;
        for (number, peer) in [(SENDER, &self.sender), (RECEIVER, &self.receiver)] {
            let row = &shown["peers"][address(number).to_string()];
            let ended = peer.received().iter().any(|message| message.kind == kind::NOTIFICATION);
            ensure(!ended && row["state"] == "Established" && row["connectionsDropped"] == 0, || {
                format!("the session of {} ended: {row}\n{}", address(number), self.star.reflector.logs())
            })?;
        }
        Ok(())
    }

    fn asked_by(&self, number: u8) -> Result<Value> {
        self.star.reflector.json(&format!("show bgp rtfilter neighbors {} json", address(number)))
    }

    /// A key of a neighbour's row in the summary of a family.
    fn count(&self, family: &str, number: u8, key: &str) -> Result<u64> {
        let shown = self.star.reflector.json(&format!("show bgp {family} summary json"))?;
        let row = &shown["peers"][address(number).to_string()];
        row[key].as_u64().ok_or_else(|| LabError::Unexpected(format!("no {key} in {shown}")))
    }

    fn wait_count(
        &self,
        what: &str,
        (family, number, key): (&str, u8, &str),
        wanted: u64,
    ) -> Result<Duration> {
        let waited = wait_for(what, LIMIT, || {
            let count = self.count(family, number, key)?;
            Ok(if count == wanted { Ok(()) } else { Err(format!("{count} of {wanted}")) })
        });
        waited.map(|((), took)| took).map_err(|error| self.explain(error))
    }

    fn accounted(&self) -> Result<u64> {
        let shown = self.star.reflector.json("show memory json")?;
        shown["accountedBytes"].as_u64().ok_or_else(|| LabError::Unexpected(format!("no sum in {shown}")))
    }

    fn explain(&self, error: LabError) -> LabError {
        LabError::Unexpected(format!("{error}\n{}", self.star.reflector.logs()))
    }
}

fn open(star: &Star, number: u8) -> Result<Injector> {
    let IpAddr::V4(own) = vtep(number) else {
        return Err(LabError::Unexpected("the labs' VTEPs are IPv4".into()));
    };
    let identity = Identity::evpn(own).with_memberships();
    Injector::establish(star.arm(number)?, own.into(), SocketAddr::new(REFLECTOR, 179), &identity, LIMIT)
}

/// The MAC/IP route of a host in a VNI, which has an RD of its own.
fn route(number: u32, vni: u32) -> Vec<u8> {
    let [_, a, b, c] = number.to_be_bytes();
    let mac = [2, 0, 0, a, b, c];
    Type2 { rd: vni as u16, mac_length: 48, mac, ip: None, label1: vni, label2: None }.nlri(address(SENDER))
}

/// Memberships with lengths of 1 to 31 bits, which say nothing, between good ones: they alone are ignored and
/// the session stays. Those that cannot be read (more than 96 bits, cut short, junk) end the attacker's
/// session with UPDATE Message Error, Optional Attribute Error (RFC 7606 §5.3); others notice nothing, and the attacker
/// may come back.
pub fn malformed_memberships() -> Result<()> {
    let mut lab = Lab::up()?;
    let attacker = lab.attacker()?;
    let good = [membership(route_target(20)), membership(route_target(30))];
    let nothing: Vec<Vec<u8>> = (1..=31u8)
        .map(|bits| [&[bits][..], &[0xff, 0xff, 0xff, 0xff][..usize::from(bits.div_ceil(8))]].concat())
        .collect();
    attacker.send(&ask(address(ATTACKER), &[&good[0][..], &nothing.concat(), &good[1]].concat()))?;
    lab.wait_count("the two good ones", ("rtfilter", ATTACKER, "pfxRcd"), 2)?;
    attacker.send(&forgo(&[&nothing.concat()[..], &good[1]].concat()))?;
    lab.wait_count("the one that is left", ("rtfilter", ATTACKER, "pfxRcd"), 1)?;
    let asked = lab.asked_by(ATTACKER)?;
    ensure(asked["routeTargets"] == 1 && asked["ranges"] == 0 && asked["all"] == false, || {
        format!("{asked}")
    })?;
    lab.one_passes()?;
    let strange = |message: &crate::injector::Message| {
        let mut windows = message.body.windows(5);
        message.kind == kind::UPDATE && windows.any(|five| matches!(five, [31, 0xff, 0xff, 0xff, _]))
    };
    ensure(!lab.receiver.received().iter().any(strange), || "what says nothing went on".into())?;
    ensure(!attacker.received().iter().any(|message| message.kind == kind::NOTIFICATION), || {
        "the session ended for what says nothing".into()
    })?;
    drop(attacker);
    let unreadable: [&[u8]; 6] = [
        &[97, 0, 0, 0xfd, 0xe8, 0, 2, 0xfd, 0xe8, 0, 0, 0, 10, 0x80],
        &[255; 40],
        &[96, 0, 0, 0xfd, 0xe8, 0, 2],
        &[32],
        &[0, 0, 64, 1, 2, 3],
        b"nothing that anybody could read as a membership",
    ];
    for (nlri, away) in unreadable.into_iter().zip([false, true].into_iter().cycle()) {
        let attacker = lab.attacker()?;
        lab.wait_count("its session", ("rtfilter", ATTACKER, "pfxRcd"), 0)?;
        let message = if away { forgo(nlri) } else { ask(address(ATTACKER), &[&good[0], nlri].concat()) };
        attacker.send(&message)?;
        let (code, subcode, data) = attacker.wait_notification(LIMIT).map_err(|error| lab.explain(error))?;
        ensure((code, subcode) == (3, 9) && !data.is_empty(), || {
            format!("NOTIFICATION {code}/{subcode} {data:02x?} for {nlri:02x?}")
        })?;
        lab.one_passes()?;
    }
    lab.others_stand()
}

/// What floods of memberships cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Harm {
    /// What a route takes from the sender to the receiver while nothing happens.
    pub quiet: Duration,
    /// The longest that one took in the flood and in the flaps.
    pub worst: Duration,
    /// What the tables cost without the attacker, with it at its worst, and when it has gone.
    pub accounted: [u64; 3],
}

/// 100,000 memberships, single ones and the default one flapping under them, then more than are kept: the session
/// stays, what is beyond is as good as the default membership, others get what they asked for in time, and when the
/// attacker goes nothing is left.
pub fn flood_of_memberships() -> Result<Harm> {
    let mut lab = Lab::up()?;
    lab.one_passes()?;
    let quiet =
        (0..10).map(|_| lab.one_passes()).collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default();
    let before = lab.accounted()?;
    let attacker = lab.attacker()?;
    let own = address(ATTACKER);
    let mut worst = Duration::ZERO;
    attacker.send(&many(1_000_000, 100_000, |nlri| ask(own, nlri)))?;
    while lab.count("rtfilter", ATTACKER, "pfxRcd")? < 100_000 {
        worst = worst.max(lab.one_passes()?);
    }
    // Its own, and the receiver's; RFC 4684 §3.2 has clients told of their own.
    lab.wait_count("the memberships at the receiver", ("rtfilter", RECEIVER, "pfxSnt"), 100_001)?;
    let mut peak = lab.accounted()?;
    for number in 0..100 {
        let one = membership(route_target(2_000_000 + number));
        attacker.send(&[ask(own, &one), ask(own, &DEFAULT), forgo(&one), forgo(&DEFAULT)].concat())?;
        if number % 10 == 0 {
            worst = worst.max(lab.one_passes()?);
            peak = peak.max(lab.accounted()?);
        }
    }
    attacker.send(&many(3_000_000, 60_000, |nlri| ask(own, nlri)))?;
    lab.wait_count("as many as are kept", ("rtfilter", ATTACKER, "pfxRcd"), KEPT)?;
    let over = wait_for("the attacker to count as one that asks for all", LIMIT, || {
        let asked = lab.star.reflector.command(&format!("show bgp rtfilter neighbors {own}"))?;
        let first = asked.lines().next().unwrap_or_default().to_owned();
        Ok(if first.contains("more than is kept") { Ok(()) } else { Err(first) })
    });
    over.map_err(|error| lab.explain(error))?;
    worst = worst.max(lab.one_passes()?);
    peak = peak.max(lab.accounted()?);
    let said = lab.star.reflector.whole_log();
    let said = said.lines().filter(|line| line.contains("are allowed; the others are not kept")).count();
    ensure(said == 1, || format!("it was said {said} times"))?;
    let ended = attacker.received().iter().any(|message| message.kind == kind::NOTIFICATION);
    ensure(!ended, || format!("the attacker's session ended\n{}", lab.star.reflector.logs()))?;
    // Sent all: also what nobody asked for.
    let unwanted = route(1, UNWANTED);
    lab.sender.send(&announce(address(SENDER), &unwanted, &[route_target(UNWANTED), VXLAN], &[]))?;
    attacker.wait_update_with(&unwanted, LIMIT).map_err(|error| lab.explain(error))?;
    lab.others_stand()?;
    drop(attacker);
    // What is left asks for all on behalf of the attacker, until it comes back: its flaps shall tell nobody anything.
    lab.wait_count("the attacker's memberships to be gone", ("rtfilter", RECEIVER, "pfxSnt"), 2)?;
    lab.one_passes()?;
    let (left, _) = wait_for("its memory to be given back", LIMIT, || {
        let left = lab.accounted()?;
        Ok(if left < before + (1 << 20) { Ok(left) } else { Err(format!("{left} of {before} and {peak}")) })
    })
    .map_err(|error| {
        let shown = lab.star.reflector.command("show memory").unwrap_or_default();
        LabError::Unexpected(format!("{error}\n{shown}"))
    })?;
    lab.others_stand()?;
    Ok(Harm { quiet, worst, accounted: [before, peak, left] })
}

/// The default membership comes and goes over a table of routes that nobody else asked for: the attacker ends with
/// all of them, or with none, and others get what they asked for in time.
pub fn default_flaps() -> Result<Harm> {
    const ROUTES: u32 = 5_000;
    let mut lab = Lab::up()?;
    let attacker = lab.attacker()?;
    let own = address(ATTACKER);
    attacker.send(&ask(own, &DEFAULT))?;
    let numbers: Vec<u32> = (0..ROUTES).collect();
    let nlri = |chunk: &[u32]| chunk.iter().flat_map(|n| route(*n, UNWANTED)).collect::<Vec<u8>>();
    for chunk in numbers.chunks(90) {
        lab.sender.send(&announce(address(SENDER), &nlri(chunk), &[route_target(UNWANTED), VXLAN], &[]))?;
    }
    lab.wait_count("all routes at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), ROUTES.into())?;
    ensure(lab.count("l2vpn evpn", RECEIVER, "pfxSnt")? == 0, || "the receiver did not ask for them".into())?;
    attacker.send(&forgo(&DEFAULT))?;
    lab.wait_count("no route at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), 0)?;
    let quiet =
        (0..10).map(|_| lab.one_passes()).collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default();
    let before = lab.accounted()?;
    let (mut worst, mut peak) = (Duration::ZERO, before);
    for number in 0..200 {
        attacker.send(&[ask(own, &DEFAULT), forgo(&DEFAULT)].concat())?;
        if number % 10 == 0 {
            worst = worst.max(lab.one_passes()?);
            peak = peak.max(lab.accounted()?);
        }
    }
    lab.wait_count("no route at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), 0)?;
    attacker.send(&ask(own, &DEFAULT))?;
    let all = u64::from(ROUTES) + u64::from(lab.routes);
    lab.wait_count("all routes at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), all)?;
    for chunk in numbers.chunks(90) {
        lab.sender.send(&withdraw(&nlri(chunk)))?;
    }
    lab.wait_count("what is left at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), lab.routes.into())?;
    attacker.send(&forgo(&DEFAULT))?;
    lab.wait_count("no route at the attacker", ("l2vpn evpn", ATTACKER, "pfxSnt"), 0)?;
    lab.others_stand()?;
    ensure(!attacker.received().iter().any(|message| message.kind == kind::NOTIFICATION), || {
        format!("the attacker's session ended\n{}", lab.star.reflector.logs())
    })?;
    Ok(Harm { quiet, worst, accounted: [before, peak, lab.accounted()?] })
}
