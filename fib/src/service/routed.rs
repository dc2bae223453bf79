//! IP-VRFs in the service's turn: worked out, set up, and told to the core when they come, change or go.

use crate::config::{FibConfig, FibOptions};
use crate::consistency::{ConsistencyReport, Difference, EntryKind};
use crate::event::FibNotice;
use crate::model::Links;
use crate::netlink::constants::*;
use crate::netlink::rule::Rule;
use crate::netlink::socket::{Connection, RequestError};
use crate::vrf::marks::MarkKeeper;
use crate::vrf::plan::VrfPlan;
use crate::vrf::sysctl::SysctlKeeper;
use crate::vrf::{Routing, ServedVrf, Tenants, VrfOp, Wanted, plan, served, tenants, want};
use nix::errno::Errno;
use rtnetlink::LinkVrf;
use std::collections::BTreeMap;
use std::time::Instant;
use weft_evpn::VrfName;
use weft_evpn::local::LocalEvent;
use weft_evpn::vrf::VrfForm;

/// The IP-VRFs of this kernel.
pub(super) struct Routed {
    /// The form of those that Weft makes.
    form: VrfForm,
    /// What the configuration asks for, given the links.
    pub(super) tenants: Tenants,
    /// And what these need.
    pub(super) wanted: Wanted,
    /// Those that are there.
    pub(super) up: BTreeMap<VrfName, ServedVrf>,
    pub(super) sysctls: SysctlKeeper,
    pub(super) marks: MarkKeeper,
}

impl Routed {
    /// Chooses the form.
    pub(super) fn new(options: &FibOptions, connection: &mut Connection) -> Self {
        let form = options.vrf_form.unwrap_or_else(|| probe(connection));
        Routed {
            form,
            tenants: Tenants::default(),
            wanted: Wanted::default(),
            up: BTreeMap::new(),
            sysctls: SysctlKeeper::default(),
            marks: MarkKeeper::default(),
        }
    }

    /// Works out anew what is wanted, and sets up interfaces that have appeared. Gives notices for the log.
    pub(super) fn prepare(
        &mut self,
        config: &FibConfig,
        links: &Links,
        routing: &Routing,
        now: Instant,
    ) -> Vec<FibNotice> {
        self.tenants = tenants(config, links, self.form);
        self.wanted = want(config, links, &self.tenants);
        let mut notices = self.sysctls.keep(&self.wanted, links, routing, now);
        // Rules of ours and none wanted: there was another run, or there were other lines.
        let leftover = routing.rules.iter().any(Rule::is_ours);
        notices.extend(self.marks.keep(&self.wanted.filter, leftover, now));
        notices
    }

    /// Adds what differs of rules, gateway addresses and the routes that follow from these.
    pub(super) fn report(&self, links: &Links, routing: &Routing, report: &mut ConsistencyReport) {
        let gateways: usize = self.wanted.addresses.values().map(Vec::len).sum();
        report.checked += self.wanted.rules.len() + self.wanted.routes.len() + gateways;
        let VrfPlan { before, after } = plan(&self.wanted, links, routing);
        for op in before.iter().chain(&after) {
            let (kind, missing) = match op {
                VrfOp::AddRule(_) => (EntryKind::Rule, true),
                VrfOp::DeleteRule(_) => (EntryKind::Rule, false),
                VrfOp::AddAddress { .. } => (EntryKind::Gateway, true),
                VrfOp::DeleteAddress { .. } => (EntryKind::Gateway, false),
                VrfOp::AddRoute(_) => (EntryKind::TableRoute, true),
                VrfOp::DeleteRoute(_) => (EntryKind::TableRoute, false),
            };
            let side = |there: bool| there.then(|| "there".to_owned());
            report.add(Difference {
                kind,
                vni: None,
                device: String::new(),
                key: op.subject(),
                desired: side(missing),
                kernel: side(!missing),
            });
        }
    }

    /// Works out anew which IP-VRFs are there, and what the core is to be told of it. An IP-VRF that has another
    /// table has lost its routes, so it goes before it comes.
    pub(super) fn reconsider(
        &mut self,
        links: &Links,
        routing: &Routing,
    ) -> (Vec<LocalEvent>, Vec<FibNotice>) {
        let (up, notices) = served(links, &self.tenants, routing);
        let old = std::mem::replace(&mut self.up, up);
        let mut events = Vec::new();
        for (vrf, was) in &old {
            let stays = self.up.get(vrf).is_some_and(|is| is.table == was.table && is.form == was.form);
            if !stays {
                events.push(LocalEvent::VrfDown { vrf: vrf.clone() });
            }
        }
        for (vrf, is) in &self.up {
            if old.get(vrf) != Some(is) {
                events.push(LocalEvent::VrfUp { vrf: vrf.clone(), devices: is.clone() });
            }
        }
        (events, notices)
    }
}

/// Asks for a VRF device without a table: a kernel that has VRF devices calls that incomplete, one that has none says
/// so, and neither makes anything.
fn probe(connection: &mut Connection) -> VrfForm {
    let link = rtnetlink::LinkMessageBuilder::<LinkVrf>::new("weft-probe").down().build();
    form_of(connection.change_link(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link))
}

/// What the answer to that says.
fn form_of(answer: Result<(), RequestError>) -> VrfForm {
    match answer {
        Err(RequestError::Refused(error)) if error.errno == Errno::EOPNOTSUPP => VrfForm::Rule,
        // It has them, or it was short of something for a moment. Devices that cannot be made are told of; rules in the
        // place of devices that are there would turn every tenant over.
        _ => VrfForm::Device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::rule::RuleAction;
    use crate::netlink::socket::KernelError;

    #[test]
    fn only_a_kernel_that_says_it_has_no_vrf_devices_gets_rules() {
        let refused = |errno| Err(RequestError::Refused(KernelError { errno, words: None }));
        assert_eq!(form_of(refused(Errno::EINVAL)), VrfForm::Device);
        assert_eq!(form_of(refused(Errno::EOPNOTSUPP)), VrfForm::Rule);
        // Short of memory for a moment, or a device of that name: the form of all tenants does not hang on that.
        for errno in [Errno::ENOBUFS, Errno::ENOMEM, Errno::EEXIST] {
            assert_eq!(form_of(refused(errno)), VrfForm::Device, "{errno}");
        }
        assert_eq!(form_of(Err(Errno::EAGAIN.into())), VrfForm::Device);
    }

    /// The report of a kernel that has these rules, where the first of them alone is wanted.
    fn report(has: &[Rule], wanted: &Rule) -> ConsistencyReport {
        let routed = Routed {
            form: VrfForm::Rule,
            tenants: Tenants::default(),
            wanted: Wanted { rules: [wanted.clone()].into(), ..Wanted::default() },
            up: BTreeMap::new(),
            sysctls: SysctlKeeper::default(),
            marks: MarkKeeper::default(),
        };
        let routing = Routing { rules: has.iter().cloned().collect(), ..Routing::default() };
        let mut report = ConsistencyReport::default();
        routed.report(&Links::default(), &routing, &mut report);
        report
    }

    #[test]
    fn a_rule_that_is_missing_or_not_wanted_is_named() {
        let rule = |table| Rule::ours(false, 1_000, RuleAction::Lookup(table));
        let (wanted, other) = (rule(1_001), rule(1_002));
        let right = report(std::slice::from_ref(&wanted), &wanted);
        assert!(right.is_consistent() && right.checked == 1, "{right:?}");
        let missing = report(&[], &wanted);
        let [difference] = missing.differences.as_slice() else { panic!("{missing:?}") };
        assert_eq!((difference.kind, &difference.key), (EntryKind::Rule, &wanted.to_string()));
        assert_eq!((difference.desired.as_deref(), difference.kernel.as_deref()), (Some("there"), None));
        let many = report(&[wanted.clone(), other.clone()], &wanted);
        let [difference] = many.differences.as_slice() else { panic!("{many:?}") };
        assert_eq!((difference.kind, &difference.key), (EntryKind::Rule, &other.to_string()));
        assert_eq!((difference.desired.as_deref(), difference.kernel.as_deref()), (None, Some("there")));
    }
}
