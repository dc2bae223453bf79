//! What the parts of a configuration must agree on, however it was made: text, shell or JSON.

use super::{
    model::{Config, UpdateSource},
    resolve::{resolve, resolve_ranges},
};
use std::{collections::BTreeMap, fmt, net::IpAddr};

/// What a problem is about; a file's reader knows where it was first named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// `neighbor ADDRESS`
    Neighbor(IpAddr),
    /// `neighbor NAME peer-group`
    PeerGroup(String),
    /// `bridge-domain NAME`
    BridgeDomain(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neighbor(address) => write!(f, "neighbor {address}"),
            Self::PeerGroup(name) => write!(f, "peer-group {name}"),
            Self::BridgeDomain(name) => write!(f, "bridge-domain {name}"),
        }
    }
}

/// Parts that do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What it is about.
    pub subject: Subject,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.message)
    }
}

/// How much must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// A file or a JSON document: everything that belongs together.
    Whole,
    /// A shell: a block may be entered before its lines are typed.
    InProgress,
}

/// Every problem.
pub fn validate(config: &Config, completeness: Completeness) -> Vec<Problem> {
    let mut problems = Vec::new();
    bridge_domains(config, completeness, &mut problems);
    neighbors(config, &mut problems);
    problems
}

fn bridge_domains(config: &Config, completeness: Completeness, problems: &mut Vec<Problem>) {
    let mut vnis = BTreeMap::new();
    let mut ports = BTreeMap::new();
    for (name, domain) in &config.bridge_domains {
        let mut problem = |message: String| {
            problems.push(Problem { subject: Subject::BridgeDomain(name.clone()), message });
        };
        if completeness == Completeness::Whole && domain.vni.is_none() {
            problem("it has no `vni`".into());
        }
        if completeness == Completeness::Whole && config.vtep_source.is_none() {
            problem("its VXLAN device needs a local address: `vtep source A.B.C.D`".into());
        }
        if let Some(vni) = domain.vni
            && let Some(other) = vnis.insert(vni, name)
        {
            problem(format!("vni {vni} is bridge-domain {other}'s already"));
        }
        for port in &domain.interfaces {
            if let Some(other) = ports.insert(port, name) {
                problem(format!("interface {port} is in bridge-domain {other} already"));
            }
        }
    }
}

fn neighbors(config: &Config, problems: &mut Vec<Problem>) {
    let Some(bgp) = &config.bgp else { return };
    for (address, neighbor) in &bgp.neighbors {
        if let Some(group) =
            neighbor.peer_group.as_ref().filter(|group| !bgp.peer_groups.contains_key(*group))
        {
            let message = format!("there is no peer-group {group}");
            problems.push(Problem { subject: Subject::Neighbor(*address), message });
        }
    }
    for neighbor in resolve(bgp) {
        let settings = &neighbor.settings;
        let mut problem = |message: String| {
            problems.push(Problem { subject: Subject::Neighbor(neighbor.address), message });
        };
        if settings.remote_as.is_none() {
            problem("neither it nor its peer-group has a `remote-as`".into());
        }
        if settings.ttl_security_hops.is_some() && settings.ebgp_multihop.is_some() {
            problem("`ttl-security` and `ebgp-multihop` exclude each other".into());
        }
        if let Some(UpdateSource::Address(source)) = &settings.update_source
            && source.is_ipv4() != neighbor.address.is_ipv4()
        {
            problem(format!("update-source {source} is of another address family"));
        }
    }
    for range in resolve_ranges(bgp) {
        let mut problem = |message: String| {
            problems.push(Problem { subject: Subject::PeerGroup(range.peer_group.clone()), message });
        };
        if !bgp.peer_groups.contains_key(&range.peer_group) {
            problem(format!("there is no such peer-group, but {} is listened for with it", range.range));
        } else if range.settings.remote_as.is_none() {
            problem(format!("it has no `remote-as`, but {} is listened for with it", range.range));
        }
    }
}
