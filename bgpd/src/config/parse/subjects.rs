//! What a line names that a problem may be about.

use crate::{
    command::{Args, Mode},
    config::validate::Subject,
};
use ipnet::IpNet;

/// The subjects of a line that was carried out, with the octets before the word that names each. `path` is the
/// place that the line has led to.
pub(super) fn of(path: &[Mode], args: &Args<'_>) -> Vec<(Subject, usize)> {
    let instance = path.iter().rev().find_map(|mode| match mode {
        Mode::RouterVrf(name) => Some(name.clone()),
        _ => None,
    });
    let mut subjects = Vec::new();
    for peer in args.values("peer") {
        let name = peer.text.to_owned();
        if args.has("domain") {
            subjects.push((Subject::NeighborDomain(name.clone()), peer.start));
        }
        let subject = match peer.text.parse() {
            Ok(address) => Subject::Neighbor(instance.clone(), address),
            Err(_) => Subject::PeerGroup(instance.clone(), name),
        };
        subjects.push((subject, peer.start));
    }
    let mut see = |name: &str, subject: &dyn Fn(&str) -> Option<Subject>| {
        let found = args.values(name).filter_map(|value| Some((subject(value.text)?, value.start)));
        subjects.extend(found);
    };
    match path.last() {
        Some(Mode::BridgeDomain(name)) => {
            see("bridge", &|name| Some(Subject::BridgeDomain(name.to_owned())));
            see("vrf", &|_| Some(Subject::BridgeDomainVrf(name.clone())));
            see("gateway", &|gateway| Some(Subject::Gateway(name.clone(), gateway.parse().ok()?)));
        }
        Some(Mode::RouterVrf(name)) => see("vrf", &|_| Some(Subject::BgpVrf(name.clone()))),
        Some(Mode::Vrf(name)) => {
            see("vrf", &|name| Some(Subject::Vrf(name.to_owned())));
            see("vni", &|_| Some(Subject::VrfVni(name.clone())));
            see("table", &|_| Some(Subject::VrfTable(name.clone())));
        }
        Some(Mode::RouteMap(name, order)) => see("route_map", &|_| {
            Some(match args.has("call") {
                true => Subject::RouteMapCall(name.clone(), *order),
                false => Subject::RouteMap(name.clone(), *order),
            })
        }),
        Some(Mode::VrfIpv4 | Mode::VrfIpv6) => see("aggregate", &|prefix| {
            Some(Subject::Aggregate(instance.clone()?, prefix.parse::<IpNet>().ok()?.trunc()))
        }),
        _ => {}
    }
    subjects
}
