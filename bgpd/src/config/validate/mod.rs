//! What the parts of a configuration must agree on, however it was made: text, shell or JSON.

mod neighbors;
mod policy;
mod subject;
mod vrfs;

pub use subject::Subject;

use super::model::Config;
use std::{collections::BTreeMap, fmt};

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
    vrfs::l3vnis(config, &mut problems);
    vrfs::tables(config, &mut problems);
    vrfs::route_distinguishers(config, &mut problems);
    vrfs::gateways(config, &mut problems);
    vrfs::aggregates(config, &mut problems);
    if let Some(bgp) = &config.bgp {
        neighbors::instance(None, bgp, &mut problems);
        neighbors::domains(bgp, &mut problems);
    }
    for (name, bgp) in &config.bgp_vrfs {
        if config.bgp.is_none() {
            // The speaker's own instance is what EVPN and the IP-VRFs' tables hang on.
            let message = format!("it needs the speaker's own instance: say `router bgp {}`", bgp.asn);
            problems.push(Problem { subject: Subject::BgpVrf(name.clone()), message });
        }
        neighbors::instance(Some(name), bgp, &mut problems);
    }
    policy::calls(config, &mut problems);
    policy::next_hops(config, &mut problems);
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
