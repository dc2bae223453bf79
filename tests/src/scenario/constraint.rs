//! RT constraint (RFC 4684): a reflector sends each leaf the EVPN routes whose route targets it imports.
//!
//! ```text
//!   h1-10, h1-20, h1-30 ── l1 ══ s (route reflector) ══ l2 ── h2-10, h2-20, h2-30      VTEPs 10.255.0.N
//! ```
//!
//! A leaf has a host for every VNI, and a bridge domain for those that are its own; VNI N is the subnet
//! 192.168.N.0/24. What a leaf must hold is computed from what the others originate, by their RDs.

// Indexing a JSON value gives null for what is not there; it cannot fail.
#![allow(clippy::indexing_slicing)]

use crate::error::{LabError, Result, ensure};
use crate::fabric::{Host, LIMIT, REFLECTOR, join_underlay, reflector_config_of, session, vtep};
use crate::gobgp::{GoBgp, Role};
use crate::netns::{Namespace, link};
use crate::owner;
use crate::ping::{Loss, Pinger, first_reply, no_reply};
use crate::routed::{v4, v6};
use crate::speaker::{Kind, Speaker};
use crate::wait::wait_for;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Every VNI that a leaf of the lab may have.
const VNIS: [u8; 3] = [10, 20, 30];

/// How a leaf says what it wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    /// Its imports are derived; `auto-import as` says of which AS.
    Derived,
    /// Its imports are named.
    Named,
    /// Its imports are derived, of any AS: it must ask for everything.
    AnyAs,
    /// It does not have the family.
    Silent,
}

impl Asks {
    /// Its imports are what it is sent.
    fn is_exact(self) -> bool {
        matches!(self, Asks::Derived | Asks::Named)
    }
}

/// A leaf.
#[derive(Debug)]
pub struct Leaf {
    speaker: Speaker,
    vtep: IpAddr,
    number: u8,
    asks: Asks,
    vnis: BTreeSet<u8>,
    /// By VNI.
    hosts: BTreeMap<u8, Host>,
}

impl Leaf {
    fn build(spine: &Namespace, prefix: &str, number: u8, asks: Asks, vnis: &[u8]) -> Result<Self> {
        let ns = Arc::new(Namespace::create(format!("{prefix}-l{number}"))?);
        join_underlay(&ns, spine, number)?;
        let mut hosts = BTreeMap::new();
        for vni in VNIS {
            let room = Namespace::create(format!("{prefix}-h{number}{vni}"))?;
            link((&room, "eth0"), (&ns, &format!("p{vni}")))?;
            hosts.insert(vni, host(room, vni, number)?);
        }
        let vnis: BTreeSet<u8> = vnis.iter().copied().collect();
        let speaker = Speaker::prepare(Kind::Weft, &ns, &config(number, asks, &vnis))?;
        Ok(Self { speaker, vtep: vtep(number), number, asks, vnis, hosts })
    }

    fn host(&self, vni: u8) -> Result<&Host> {
        self.hosts.get(&vni).ok_or_else(|| LabError::Unexpected(format!("no host in VNI {vni}")))
    }

    /// The leaf has other VNIs from now on.
    fn set_vnis(&mut self, vnis: &[u8]) -> Result<()> {
        self.vnis = vnis.iter().copied().collect();
        self.speaker.reload(&config(self.number, self.asks, &self.vnis))
    }

    /// Its hosts say where they are, until it originates all that it must: in each VNI an IMET
    /// route, and of its host a MAC/IP route with each address.
    fn say_hello(&self) -> Result<()> {
        let waited = wait_for(&format!("the routes of l{}", self.number), LIMIT, || {
            let own = routes(&self.speaker, true)?;
            let mut missing = Vec::new();
            for vni in &self.vnis {
                let host = self.host(*vni)?;
                let of_vni = || own.iter().filter(|route| route.targets.contains(&format!("RT:65000:{vni}")));
                let imet = format!("[3]:[0]:[32]:[{}]", self.vtep);
                let hosts = host.addresses().map(|address| format!("[{address}]"));
                let wanted = [imet].into_iter().chain(hosts);
                missing.extend(wanted.filter(|word| !of_vni().any(|route| route.name.contains(word))));
            }
            if missing.is_empty() {
                return Ok(Ok(()));
            }
            for vni in &self.vnis {
                self.host(*vni)?.announce()?;
            }
            Ok(Err(format!("missing {missing:?} of {own:?}")))
        });
        waited.map(drop)
    }

    fn imports(&self, route: &Route) -> bool {
        self.vnis.iter().any(|vni| route.targets.contains(&format!("RT:65000:{vni}")))
    }
}

fn host(ns: Namespace, vni: u8, number: u8) -> Result<Host> {
    let mac = [2, 0, 0, 0, vni, number];
    let host = Host { ns, device: "eth0", mac, v4: v4(vni, number), v6: v6(vni, number) };
    host.ns.ip_batch(&format!(
        "link set eth0 address {}\naddr add {}/24 dev eth0\naddr add {}/64 dev eth0 nodad\nlink set eth0 up\n",
        host.mac_text(),
        host.v4,
        host.v6
    ))?;
    crate::routed::host::ask_quickly(&host.ns, "eth0")?;
    Ok(host)
}

fn config(number: u8, asks: Asks, vnis: &BTreeSet<u8>) -> String {
    let vtep = vtep(number);
    let mut text = format!("hostname l{number}\nvtep source {vtep}\n");
    for vni in vnis {
        let _ = write!(text, "bridge-domain d{vni}\n vni {vni}\n interface p{vni}\n");
    }
    let _ = write!(
        text,
        "router bgp 65000\n bgp router-id {vtep}\n no bgp default ipv4-unicast\n{} address-family l2vpn evpn\n  \
         neighbor {REFLECTOR} activate\n  advertise-all-vni\n",
        session(&REFLECTOR.to_string(), &vtep.to_string(), None)
    );
    if asks == Asks::Named {
        for vni in vnis {
            let _ = write!(text, "  vni {vni}\n   route-target import 65000:{vni}\n  exit-vni\n");
        }
    }
    text += " exit-address-family\n";
    if asks != Asks::Silent {
        let _ = write!(text, " address-family rtfilter unicast\n  neighbor {REFLECTOR} activate\n");
        if asks == Asks::Derived {
            text += "  auto-import as 65000\n";
        }
        text += " exit-address-family\n";
    }
    text
}

/// An EVPN route as a speaker shows it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    /// RD and NLRI.
    name: String,
    /// `RT:65000:10`.
    targets: BTreeSet<String>,
}

/// The EVPN routes of a speaker: its own, or those of others.
fn routes(speaker: &Speaker, own: bool) -> Result<BTreeSet<Route>> {
    let shown = speaker.json("show bgp l2vpn evpn json")?;
    let mut routes = BTreeSet::new();
    for (rd, block) in shown.as_object().into_iter().flatten() {
        for (prefix, route) in block.as_object().into_iter().flatten() {
            for path in route["paths"].as_array().into_iter().flatten().flat_map(flat) {
                if (path["peerId"] == "(unspec)") != own {
                    continue;
                }
                let words = path["extendedCommunity"]["string"].as_str().unwrap_or_default();
                let targets = words.split_whitespace().filter(|word| word.starts_with("RT:"));
                routes.insert(Route {
                    name: format!("{rd} {prefix}"),
                    targets: targets.map(str::to_owned).collect(),
                });
            }
        }
    }
    Ok(routes)
}

/// A path, or the paths of a list of one.
fn flat(path: &Value) -> Vec<&Value> {
    path.as_array().map_or_else(|| vec![path], |paths| paths.iter().collect())
}

/// What a leaf must have from others.
fn wanted(leaf: &Leaf, leaves: &[Leaf]) -> Result<BTreeSet<Route>> {
    let mut wanted = BTreeSet::new();
    for other in leaves.iter().filter(|other| other.number != leaf.number) {
        wanted.extend(routes(&other.speaker, true)?);
    }
    if leaf.asks.is_exact() {
        wanted.retain(|route| leaf.imports(route));
    }
    Ok(wanted)
}

/// Waits until a leaf has from its reflector exactly what it must, by its own count and by the reflector's where
/// that is told. Gives how many that are.
fn wait_exact(leaf: &Leaf, leaves: &[Leaf], sent: impl Fn() -> Result<Option<u64>>) -> Result<usize> {
    let waited = wait_for(&format!("what l{} asked for, and no more", leaf.number), LIMIT, || {
        let (wanted, seen) = (wanted(leaf, leaves)?, routes(&leaf.speaker, false)?);
        let missing: Vec<_> = wanted.difference(&seen).collect();
        let extra: Vec<_> = seen.difference(&wanted).collect();
        let received = summary(&leaf.speaker, REFLECTOR, "pfxRcd")?;
        let sent = sent()?.unwrap_or(received);
        let agree = received == wanted.len() as u64 && sent == received;
        Ok(match missing.is_empty() && extra.is_empty() && agree {
            true => Ok(wanted.len()),
            false => {
                Err(format!("missing {missing:?}, too many {extra:?}; {received} received, {sent} sent"))
            }
        })
    });
    waited.map(|(count, _)| count)
}

/// Hosts of a VNI reach each other over both families.
fn pings(leaves: &[Leaf], vni: u8) -> Result<()> {
    let there: Vec<&Leaf> = leaves.iter().filter(|leaf| leaf.vnis.contains(&vni)).collect();
    for from in &there {
        for to in there.iter().filter(|to| to.number != from.number) {
            for address in to.host(vni)?.addresses() {
                first_reply(&from.host(vni)?.ns, address, LIMIT)?;
            }
        }
    }
    Ok(())
}

/// What a speaker's summary says of a neighbour.
pub(crate) fn summary(speaker: &Speaker, neighbour: IpAddr, key: &str) -> Result<u64> {
    let shown = speaker.json("show bgp l2vpn evpn summary json")?;
    let row = &shown["peers"][neighbour.to_string()];
    row[key].as_u64().ok_or_else(|| LabError::Unexpected(format!("no {key} of {neighbour}: {shown}")))
}

fn build(spine: &Namespace, prefix: &str, leaves: &[(Asks, &[u8])]) -> Result<Vec<Leaf>> {
    (1u8..)
        .zip(leaves)
        .map(|(number, (asks, vnis))| Leaf::build(spine, prefix, number, *asks, vnis))
        .collect()
}

/// The reflector's namespace.
fn spine(prefix: &str) -> Result<Arc<Namespace>> {
    let spine = Arc::new(Namespace::create(format!("{prefix}-s"))?);
    spine.ip(&format!("addr add {REFLECTOR}/32 dev lo"))?;
    spine.sysctl("net/ipv4/ip_forward", "1")?;
    Ok(spine)
}

/// Leaves around a reflector.
#[derive(Debug)]
pub struct Lab {
    reflector: Speaker,
    leaves: Vec<Leaf>,
}

impl Lab {
    /// Starts a lab with these leaves and waits until each holds what it must.
    pub fn up(leaves: &[(Asks, &[u8])]) -> Result<Self> {
        let prefix = owner::lab_prefix()?;
        let spine = spine(&prefix)?;
        let leaves = build(&spine, &prefix, leaves)?;
        let peers: Vec<IpAddr> = leaves.iter().map(|leaf| leaf.vtep).collect();
        let mut config = reflector_config_of(REFLECTOR, &peers, None);
        config += " address-family rtfilter unicast\n";
        for leaf in leaves.iter().filter(|leaf| leaf.asks != Asks::Silent) {
            let _ = writeln!(config, "  neighbor {} activate", leaf.vtep);
        }
        config += " exit-address-family\n";
        let reflector = Speaker::prepare(Kind::Weft, &spine, &config)?;
        let mut lab = Self { reflector, leaves };
        lab.reflector.launch()?;
        lab.leaves.iter_mut().try_for_each(|leaf| leaf.speaker.launch())?;
        lab.reflector.wait_established(lab.leaves.len(), LIMIT)?;
        lab.leaves.iter().try_for_each(Leaf::say_hello)?;
        lab.wait_exact()?;
        Ok(lab)
    }

    fn leaf(&self, index: usize) -> Result<&Leaf> {
        self.leaves.get(index).ok_or_else(|| LabError::Unexpected(format!("no leaf {index}")))
    }

    /// Waits until each leaf has from the reflector exactly what it must. Gives how many routes that are, by leaf.
    pub fn wait_exact(&self) -> Result<Vec<usize>> {
        let of = |leaf: &Leaf| {
            wait_exact(leaf, &self.leaves, || summary(&self.reflector, leaf.vtep, "pfxSnt").map(Some))
                .map_err(|error| self.explain(error))
        };
        self.leaves.iter().map(of).collect()
    }

    fn explain(&self, error: LabError) -> LabError {
        let shown = self.reflector.command("show bgp rtfilter").unwrap_or_default();
        LabError::Unexpected(format!("{error}\n{shown}\n{}", self.reflector.logs()))
    }

    fn pings(&self, vni: u8) -> Result<()> {
        pings(&self.leaves, vni)
    }

    /// Each session is the first one still.
    fn sessions_stand(&self) -> Result<()> {
        for leaf in &self.leaves {
            let count = |key| summary(&self.reflector, leaf.vtep, key);
            let (up, down) = (count("connectionsEstablished")?, count("connectionsDropped")?);
            ensure((up, down) == (1, 0), || {
                format!("the session of l{} came up {up} times, went {down} times", leaf.number)
            })?;
        }
        Ok(())
    }

    /// What the reflector says that a leaf asks for.
    fn asked_by(&self, leaf: &Leaf) -> Result<Value> {
        self.reflector.json(&format!("show bgp rtfilter neighbors {} json", leaf.vtep))
    }
}

/// What a leaf's VNI costs and brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// From the leaf's new configuration to all routes of the new VNI in its table.
    pub came: Duration,
    /// From the old configuration's return to the last withdrawal.
    pub went: Duration,
    /// Of the pings in the VNI that stayed.
    pub loss: Loss,
}

/// Two leaves with one VNI in common and one for each alone: each is sent the common one's routes only, although
/// the reflector has all. A VNI that one gets in addition brings its routes and its packets, and takes
/// them along when it goes; the session is not reset and the common VNI's hosts do not notice.
pub fn each_is_sent_what_it_imports() -> Result<Change> {
    let mut lab = Lab::up(&[(Asks::Derived, &[10, 20]), (Asks::Named, &[10, 30])])?;
    lab.pings(10)?;
    let all = routes(&lab.reflector, false)?;
    let (one, two) = (lab.leaf(0)?, lab.leaf(1)?);
    let common = lab.wait_exact()?;
    let own = [routes(&one.speaker, true)?.len(), routes(&two.speaker, true)?.len()];
    ensure(
        all.len() == own.iter().sum::<usize>() && common.iter().zip([own[1], own[0]]).all(|(a, b)| *a < b),
        || {
            format!(
                "the reflector has {} routes, the leaves originate {own:?} and hold {common:?}",
                all.len()
            )
        },
    )?;
    for (leaf, count) in [(one, 2), (two, 2)] {
        let asked = lab.asked_by(leaf)?;
        ensure(asked["routeTargets"] == count && asked["all"] == false, || {
            format!("l{} asks for {asked}", leaf.number)
        })?;
    }
    let (stranger, common_host) = (two.host(30)?.v4, two.host(10)?.v4);
    no_reply(&one.host(30)?.ns, stranger, 5)?;
    let pinger = Pinger::start(&one.host(10)?.ns, common_host)?;
    pinger.wait_answered(20, LIMIT)?;
    let began = Instant::now();
    lab.leaves.first_mut().ok_or_else(|| LabError::Unexpected("no leaf".into()))?.set_vnis(&[10, 20, 30])?;
    let news: BTreeSet<Route> = routes(&lab.leaf(1)?.speaker, true)?
        .into_iter()
        .filter(|route| route.targets.contains("RT:65000:30"))
        .collect();
    ensure(!news.is_empty(), || "l2 originates nothing in VNI 30".into())?;
    wait_for("the new VNI's routes", LIMIT, || {
        let seen = routes(&lab.leaf(0)?.speaker, false)?;
        Ok(if news.is_subset(&seen) { Ok(()) } else { Err(format!("{seen:?}")) })
    })
    .map_err(|error| lab.explain(error))?;
    let came = began.elapsed();
    lab.leaf(0)?.say_hello()?;
    let more = lab.wait_exact()?;
    ensure(more.first() == common.first().map(|count| count + news.len()).as_ref(), || {
        format!("{common:?} routes before, {more:?} with {} of VNI 30", news.len())
    })?;
    lab.pings(30)?;
    lab.sessions_stand()?;
    let began = Instant::now();
    lab.leaves.first_mut().ok_or_else(|| LabError::Unexpected("no leaf".into()))?.set_vnis(&[10, 20])?;
    wait_for("the withdrawal of the VNI's routes", LIMIT, || {
        let seen = routes(&lab.leaf(0)?.speaker, false)?;
        Ok(if news.is_disjoint(&seen) { Ok(()) } else { Err(format!("{seen:?}")) })
    })
    .map_err(|error| lab.explain(error))?;
    let went = began.elapsed();
    ensure(lab.wait_exact()? == common, || format!("not {common:?} as before"))?;
    no_reply(&lab.leaf(0)?.host(30)?.ns, stranger, 5)?;
    lab.pings(10)?;
    let loss = pinger.stop()?;
    lab.sessions_stand()?;
    Ok(Change { came, went, loss })
}

/// Beside leaves that say what they want: one that does not have the family, and one that must ask for everything
/// since it imports from any AS. Both are sent all, the others what they import; the latter says so.
pub fn who_does_not_say_is_sent_all() -> Result<()> {
    let lab = Lab::up(&[
        (Asks::Derived, &[10, 20]),
        (Asks::Named, &[10, 30]),
        (Asks::Silent, &[10]),
        (Asks::AnyAs, &[10]),
    ])?;
    lab.pings(10)?;
    let all = routes(&lab.reflector, false)?.len();
    let counts = lab.wait_exact()?;
    let own = lab
        .leaves
        .iter()
        .map(|leaf| Ok(routes(&leaf.speaker, true)?.len()))
        .collect::<Result<Vec<usize>>>()?;
    let rest: Vec<usize> = own.iter().map(|own| all - own).collect();
    ensure(counts.get(2..) == rest.get(2..) && counts.iter().zip(&rest).take(2).all(|(a, b)| a < b), || {
        format!("{counts:?} routes at the leaves, {all} at the reflector, of which each originates {own:?}")
    })?;
    let constrained = |index| Ok::<_, LabError>(lab.asked_by(lab.leaf(index)?)?["constrained"].clone());
    ensure(constrained(0)? == true && constrained(2)? == false, || "who is constrained is not said".into())?;
    let any_as = lab.leaf(3)?.speaker.json("show bgp rtfilter json")?;
    ensure(any_as["asksForAllBecauseOf"] == serde_json::json!(["*:10"]), || format!("it says {any_as}"))?;
    ensure(lab.asked_by(lab.leaf(3)?)?["all"] == true, || "l4 does not ask for all".into())?;
    lab.sessions_stand()
}

/// The reflector is killed and starts again: no ping is lost, and each leaf holds what it asked for and no more.
pub fn reflector_restarts() -> Result<Loss> {
    let mut lab = Lab::up(&[(Asks::Derived, &[10, 20]), (Asks::Named, &[10, 30])])?;
    lab.pings(10)?;
    let before = lab.wait_exact()?;
    let (from, to) = (lab.leaf(0)?.host(10)?, lab.leaf(1)?.host(10)?.v4);
    let pinger = Pinger::start(&from.ns, to)?;
    pinger.wait_answered(20, LIMIT)?;
    lab.reflector.kill();
    lab.reflector.launch()?;
    lab.reflector.wait_established(2, LIMIT)?;
    let after = lab.wait_exact()?;
    ensure(after == before, || format!("{before:?} routes before the restart, {after:?} after it"))?;
    pinger.wait_answered(20, LIMIT)?;
    lab.pings(10)?;
    pinger.stop()
}

/// GoBGP reflects between two Weft leaves: each is sent the common VNI's routes, and a VNI that one gets in addition
/// brings its own without a new session, and takes them along.
pub fn gobgp_reflects() -> Result<()> {
    let prefix = owner::lab_prefix()?;
    let spine = spine(&prefix)?;
    let mut leaves = build(&spine, &prefix, &[(Asks::Derived, &[10, 20]), (Asks::Named, &[10, 30])])?;
    let peers: Vec<IpAddr> = leaves.iter().map(|leaf| leaf.vtep).collect();
    let reflector = GoBgp::start_as(Role::Reflector, &spine, REFLECTOR, &peers)?;
    leaves.iter_mut().try_for_each(|leaf| leaf.speaker.launch())?;
    let exact = |leaves: &[Leaf]| -> Result<Vec<usize>> {
        leaves.iter().map(|leaf| wait_exact(leaf, leaves, || Ok(None))).collect::<Result<_>>().map_err(
            |error| {
                let tables =
                    ["rtc", "evpn"].map(|family| reflector.command(&format!("global rib -a {family}")));
                LabError::Unexpected(format!("{error}\n{tables:?}"))
            },
        )
    };
    for leaf in &leaves {
        leaf.speaker.wait_established(1, LIMIT)?;
        leaf.say_hello()?;
    }
    let common = exact(&leaves)?;
    let all = reflector.routes()?.len();
    ensure(common.iter().sum::<usize>() < all, || format!("{common:?} of GoBGP's {all} routes"))?;
    pings(&leaves, 10)?;
    for vnis in [&[10, 20, 30][..], &[10, 20]] {
        leaves.first_mut().ok_or_else(|| LabError::Unexpected("no leaf".into()))?.set_vnis(vnis)?;
        leaves.iter().try_for_each(Leaf::say_hello)?;
        let now = exact(&leaves)?;
        ensure((now == common) == (vnis.len() == 2), || {
            format!("{common:?} at first, {now:?} with {vnis:?}")
        })?;
        pings(&leaves, if vnis.len() == 3 { 30 } else { 10 })?;
    }
    for leaf in &leaves {
        let dropped = summary(&leaf.speaker, REFLECTOR, "connectionsDropped")?;
        ensure(dropped == 0, || format!("{dropped} sessions of l{} with GoBGP ended", leaf.number))?;
    }
    Ok(())
}
