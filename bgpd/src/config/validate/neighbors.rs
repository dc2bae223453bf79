//! Neighbours: what each must have, and the EVPN domains that they are in.

use super::{Problem, Subject};
use crate::config::{
    model::{Bgp, Domain, UpdateSource},
    resolve::{resolve, resolve_ranges},
};
use std::{collections::BTreeMap, net::IpAddr};
use weft_evpn::DomainId;

/// The neighbours and peer-groups of an instance.
pub(super) fn instance<F>(vrf: Option<&String>, bgp: &Bgp<F>, problems: &mut Vec<Problem>) {
    let subject = |address| Subject::Neighbor(vrf.cloned(), address);
    for (address, neighbor) in &bgp.neighbors {
        if let Some(group) =
            neighbor.peer_group.as_ref().filter(|group| !bgp.peer_groups.contains_key(*group))
        {
            let message = format!("there is no peer-group {group}");
            problems.push(Problem { subject: subject(*address), message });
        }
    }
    for neighbor in resolve(bgp) {
        let settings = &neighbor.settings;
        let mut problem = |message: String| {
            problems.push(Problem { subject: subject(neighbor.address), message });
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
        if let IpAddr::V6(address) = neighbor.address
            && address.is_unicast_link_local()
            && settings.interface.is_none()
        {
            problem(format!(
                "a link-local address needs its interface: `neighbor {address} interface IFNAME`"
            ));
        }
    }
    for range in resolve_ranges(bgp) {
        let mut problem = |message: String| {
            problems.push(Problem {
                subject: Subject::PeerGroup(vrf.cloned(), range.peer_group.clone()),
                message,
            });
        };
        if !bgp.peer_groups.contains_key(&range.peer_group) {
            problem(format!("there is no such peer-group, but {} is listened for with it", range.range));
        } else if range.settings.remote_as.is_none() {
            problem(format!("it has no `remote-as`, but {} is listened for with it", range.range));
        }
    }
}

/// The domains of the speaker's neighbours. A gateway must be told by which name others know its own
/// domain, or D-PATH would call it `local`, as every other unnamed one.
pub(super) fn domains(bgp: &Bgp, problems: &mut Vec<Problem>) {
    let own = bgp.evpn.domain.as_ref();
    let mut ids: BTreeMap<&str, DomainId> = BTreeMap::new();
    let mut names: BTreeMap<DomainId, &str> = BTreeMap::new();
    if let Some(own) = own {
        ids.insert(&own.name, own.domain_id());
        names.insert(own.domain_id(), &own.name);
    }
    for (peer, domain) in named(bgp) {
        let mut problem = |message: String| {
            problems.push(Problem { subject: Subject::NeighborDomain(peer.clone()), message });
        };
        let id = domain.domain_id();
        if own.is_none() && id != DomainId::default() {
            problem(format!(
                "it is in domain {}, but our own domain has no name: say `domain NAME` in \
                 `address-family l2vpn evpn`",
                domain.name
            ));
        }
        if *ids.entry(&domain.name).or_insert(id) != id {
            problem(format!("domain {} has another id elsewhere", domain.name));
        }
        let known = *names.entry(id).or_insert(&domain.name);
        if known != domain.name {
            problem(format!("domains {known} and {} have the same id {id}", domain.name));
        }
    }
}

/// Every `neighbor X domain …`, with X.
fn named(bgp: &Bgp) -> impl Iterator<Item = (String, &Domain)> {
    let groups = bgp.peer_groups.iter().map(|(name, settings)| (name.clone(), settings));
    let neighbours = bgp.neighbors.iter().map(|(address, peer)| (address.to_string(), &peer.settings));
    groups.chain(neighbours).filter_map(|(peer, settings)| Some((peer, settings.domain.as_ref()?)))
}
