//! The model and the forwarding state together, fed by notifications and dumps.

use crate::config::Serve;
use crate::event::FibNotice;
use crate::forwarding::{Forwarding, RouteNews, TargetForm};
use crate::model::{Links, ServedVni, served, tunnels};
use crate::netlink::attribute::Header;
use crate::netlink::constants::*;
use crate::netlink::encode::Query;
use crate::netlink::link::{LinkNews, parse_address, parse_link, parse_settings, parse_vlans};
use crate::netlink::neighbour::NeighbourMessage;
use crate::netlink::nexthop::NexthopMessage;
use crate::netlink::route::RouteMessage;
use crate::netlink::rule::Rule;
use crate::netlink::socket::{Connection, RequestError};
use crate::netlink::table::TableRoute;
use crate::vrf::{Routing, ServedVrf, Tenants};
use nix::errno::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tracing::warn;
use weft_evpn::local::LocalEvent;
use weft_evpn::{Vni, VrfName};

/// How long what a VNI held when it came up may stay although nobody wants it, once the first convergence is
/// over: the core answers `VniUp` much sooner.
pub(super) const ADOPTION_GRACE: Duration = Duration::from_secs(3);
/// From as many new VNIs on, neighbours are read in one go instead of by device.
const MANY_VNIS: usize = 8;
/// From as many bridges on, all FDBs are read in one go: for each bridge that is asked for, the kernel looks at every device.
const MANY_BRIDGES: usize = 64;

/// All that is known of the kernel, and what is wanted of it.
pub(super) struct Kernel {
    pub(super) links: Links,
    /// Rules, and routes of tenants' tables that follow from addresses.
    pub(super) routing: Routing,
    /// An interface went down or lost an address: the kernel drops IPv4 routes then and says nothing.
    pub(super) routes_doubtful: bool,
    pub(super) forwarding: Forwarding,
    /// VNIs that are up and served.
    pub(super) served: BTreeMap<Vni, ServedVni>,
    /// Links or addresses changed since `served` was computed.
    pub(super) links_changed: bool,
    /// An address was added since the core was told of one.
    pub(super) new_address: bool,
    /// Devices of whose settings one was changed.
    pub(super) changed_settings: BTreeSet<u32>,
    /// Links of which a notification told only a part.
    pub(super) ask_links: BTreeSet<u32>,
    /// When adopted entries may go of the VNIs that came up after the first look.
    prune_at: BTreeMap<Vni, Instant>,
    /// The same of IP-VRFs.
    pub(super) prune_vrf_at: BTreeMap<VrfName, Instant>,
    /// IP-VRFs whose tables are to be read.
    pub(super) unread_vrfs: BTreeSet<VrfName>,
    /// Devices that are off, or have no carrier.
    pub(super) down: BTreeSet<u32>,
    /// The first look is done and the core knows its result.
    announced: bool,
    converged: bool,
}

impl Kernel {
    pub(super) fn new(form: TargetForm) -> Self {
        Kernel {
            links: Links::default(),
            routing: Routing::default(),
            routes_doubtful: false,
            forwarding: Forwarding::new(form),
            served: BTreeMap::new(),
            links_changed: false,
            new_address: false,
            changed_settings: BTreeSet::new(),
            ask_links: BTreeSet::new(),
            prune_at: BTreeMap::new(),
            prune_vrf_at: BTreeMap::new(),
            unread_vrfs: BTreeSet::new(),
            down: BTreeSet::new(),
            announced: false,
            converged: false,
        }
    }

    /// One message of the kernel, be it a notification or part of a dump.
    pub(super) fn hear(&mut self, header: Header, payload: &[u8], now: Instant) {
        match header.kind {
            RTM_NEWNEIGH | RTM_DELNEIGH => {
                if let Some(message) = NeighbourMessage::parse(payload) {
                    self.forwarding.observe(&self.links, &message, header.kind == RTM_DELNEIGH, now);
                }
            }
            RTM_NEWNEXTHOP | RTM_DELNEXTHOP => {
                if let Some(message) = NexthopMessage::parse(payload) {
                    self.forwarding.observe_nexthop(&message, header.kind == RTM_DELNEXTHOP, now);
                }
            }
            RTM_NEWROUTE | RTM_DELROUTE => {
                // Early and cheaply: a host's other tables may be large and restless.
                let ours =
                    RouteMessage::table_of(payload).is_some_and(|table| self.forwarding.has_table(table));
                if !ours && !TableRoute::may_be(payload) {
                    return;
                }
                let Some(message) = RouteMessage::parse(payload) else { return };
                if let Some(route) = TableRoute::of(&message) {
                    self.links_changed |= self.routing.hear_route(route, header.kind == RTM_DELROUTE);
                }
                if ours {
                    let news = match (header.kind, header.flags & NLM_F_REPLACE != 0) {
                        (RTM_DELROUTE, _) => RouteNews::Gone,
                        // In a dump the flag has another meaning.
                        (_, true) if header.flags & NLM_F_MULTI == 0 => RouteNews::Replaces,
                        _ => RouteNews::Is,
                    };
                    self.forwarding.observe_route(&self.links, &message, news, now);
                }
            }
            RTM_NEWLINK | RTM_DELLINK => {
                if let Some((port, vlans)) = parse_vlans(header.kind, payload) {
                    self.links_changed |= self.links.set_vlans(port, vlans);
                }
                match parse_link(header.kind, payload) {
                    Ok(LinkNews::Is(link)) => {
                        self.routes_doubtful |=
                            !link.up && self.links.get(link.index).is_some_and(|was| was.up);
                        self.links_changed |= self.links.set(link);
                    }
                    Ok(LinkNews::Gone(index)) => {
                        self.routes_doubtful = true;
                        self.ask_links.remove(&index);
                        self.links_changed |= self.links.remove(index);
                    }
                    Ok(LinkNews::Ask(index)) => {
                        self.ask_links.insert(index);
                    }
                    Err(error) => warn!("a link notification could not be read: {error}"),
                }
                self.hear_device(header.kind, payload);
            }
            RTM_NEWADDR | RTM_DELADDR => {
                if let Some((index, address)) = parse_address(payload) {
                    if header.kind == RTM_DELADDR {
                        self.routes_doubtful = true;
                        // With the last address of a device IPv4 routes go that nobody is told of.
                        self.doubt_routes_of(index);
                    }
                    self.links_changed |= if header.kind == RTM_NEWADDR {
                        let new = self.links.add_address(index, address);
                        self.new_address |= new && address.works;
                        new
                    } else {
                        self.links.remove_address(index, address)
                    };
                }
            }
            RTM_NEWNETCONF => self.changed_settings.extend(parse_settings(payload)),
            RTM_NEWRULE | RTM_DELRULE => {
                if let Some(rule) = Rule::parse(payload) {
                    self.links_changed |= self.routing.hear_rule(rule, header.kind == RTM_DELRULE);
                }
            }
            _ => {}
        }
    }

    /// Asks for one thing and hears the answer. `ENOENT` and `ENODEV` are answers, too.
    pub(super) fn ask(
        &mut self,
        connection: &mut Connection,
        query: Query,
        now: Instant,
    ) -> Result<(), RequestError> {
        match connection.query(query, |header, payload| self.hear(header, payload, now)) {
            Err(RequestError::Refused(error)) if matches!(error.errno, Errno::ENOENT | Errno::ENODEV) => {
                self.absent(query, now);
                Ok(())
            }
            other => other,
        }
    }

    fn absent(&mut self, query: Query, now: Instant) {
        match query {
            Query::VxlanEntry { vxlan, mac } => {
                let gone = NeighbourMessage {
                    family: AF_BRIDGE,
                    ifindex: vxlan,
                    flags: NTF_SELF,
                    mac: Some(mac),
                    ..NeighbourMessage::default()
                };
                self.forwarding.observe(&self.links, &gone, true, now);
            }
            Query::BridgeEntry { port, mac, vlan } => {
                let gone = NeighbourMessage {
                    family: AF_BRIDGE,
                    ifindex: port,
                    mac: Some(mac),
                    vlan,
                    ..NeighbourMessage::default()
                };
                self.forwarding.observe(&self.links, &gone, true, now);
            }
            Query::Nexthop { id } => {
                let gone = NexthopMessage { id, ..NexthopMessage::default() };
                self.forwarding.observe_nexthop(&gone, true, now);
            }
            Query::Link { ifindex } => self.links_changed |= self.links.remove(ifindex),
            _ => {}
        }
    }

    /// Reads links, addresses, rules and the routes that follow from them, from nothing.
    pub(super) fn read_links(
        &mut self,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), RequestError> {
        self.take_links(|kernel, query| kernel.ask(connection, query, now))?;
        self.read_table_routes(connection, now)
    }

    /// The same, without routes; `ask` gets the answers.
    fn take_links(
        &mut self,
        mut ask: impl FnMut(&mut Self, Query) -> Result<(), RequestError>,
    ) -> Result<(), RequestError> {
        let links = std::mem::take(&mut self.links);
        let rules = std::mem::take(&mut self.routing.rules);
        let mut read = || {
            ask(self, Query::Links)?;
            ask(self, Query::Addresses)?;
            if self.links.iter().any(|link| link.vlan_aware) {
                ask(self, Query::BridgePorts)?;
            }
            ask(self, Query::Rules)
        };
        if let Err(error) = read() {
            // Half of it would look as if the other half were gone.
            self.links = links;
            self.routing.rules = rules;
            return Err(error);
        }
        self.ask_links.clear();
        self.links_changed = true;
        Ok(())
    }

    /// Reads the routes of tenants' tables that follow from addresses, or end a table.
    pub(super) fn read_table_routes(
        &mut self,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), RequestError> {
        self.routes_doubtful = false;
        let old = std::mem::take(&mut self.routing.routes);
        for family in [AF_INET, AF_INET6] {
            for (protocol, kind) in [(RTPROT_KERNEL, 0), (RTPROT_BGP, RTN_UNREACHABLE)] {
                match self.ask(connection, Query::RoutesBy { family, protocol, kind }, now) {
                    // IPv6 is switched off here.
                    Err(RequestError::Refused(error))
                        if matches!(error.errno, Errno::EAFNOSUPPORT | Errno::EOPNOTSUPP) => {}
                    Err(error) => {
                        self.routing.routes = old;
                        self.routes_doubtful = true;
                        return Err(error);
                    }
                    Ok(()) => {}
                }
            }
        }
        self.links_changed |= self.routing.routes != old;
        Ok(())
    }

    /// Reads all nexthops.
    pub(super) fn read_nexthops(
        &mut self,
        connection: &mut Connection,
        now: Instant,
    ) -> Result<(), RequestError> {
        self.forwarding.begin_sync_nexthops();
        match self.ask(connection, Query::Nexthops, now) {
            // A kernel without nexthop objects has none.
            Err(RequestError::Refused(error)) if error.errno == Errno::EOPNOTSUPP => {}
            other => other?,
        }
        self.forwarding.end_sync_nexthops(now);
        Ok(())
    }

    /// Reads FDBs and neighbours of these VNIs.
    pub(super) fn read_vnis(
        &mut self,
        connection: &mut Connection,
        vnis: &[Vni],
        now: Instant,
    ) -> Result<(), RequestError> {
        let served = || vnis.iter().filter_map(|vni| self.served.get(vni).map(|served| (*vni, served)));
        let svis: Vec<(Vni, Option<u32>)> = served().map(|(vni, served)| (vni, served.svi)).collect();
        // One that keeps VLANs apart has several VNIs.
        let bridges: BTreeSet<u32> = served().map(|(_, served)| served.bridge()).collect();
        for (vni, _) in &svis {
            self.forwarding.begin_sync(*vni);
        }
        if bridges.len() < MANY_BRIDGES {
            for bridge in bridges {
                self.ask(connection, Query::Fdb { bridge: Some(bridge) }, now)?;
            }
        } else {
            self.ask(connection, Query::Fdb { bridge: None }, now)?;
        }
        for svi in svis.iter().filter_map(|(_, svi)| *svi) {
            self.ask(connection, Query::Proxies { device: svi }, now)?;
        }
        if svis.len() < MANY_VNIS {
            for svi in svis.iter().filter_map(|(_, svi)| *svi) {
                let query = Query::Neighbours { family: AF_UNSPEC, ifindex: Some(svi) };
                self.ask(connection, query, now)?;
            }
        } else {
            self.ask(connection, Query::Neighbours { family: AF_UNSPEC, ifindex: None }, now)?;
        }
        for (vni, _) in &svis {
            self.forwarding.end_sync(&self.links, *vni, now);
        }
        Ok(())
    }

    /// Computes anew which VNIs are served and tells the core what changed. Gives those that came, whose tables are to
    /// be read, and what stands in the way of the others.
    pub(super) fn reconsider(
        &mut self,
        serve: &Serve,
        tenants: &Tenants,
        vrfs: &BTreeMap<VrfName, ServedVrf>,
        now: Instant,
    ) -> (Vec<Vni>, Vec<FibNotice>) {
        self.links_changed = false;
        let (up, notices) = served(&self.links, serve, tenants, vrfs);
        self.forwarding.set_tunnels(tunnels(&self.links));
        let old = std::mem::take(&mut self.served);
        if old.keys().any(|vni| !up.contains_key(vni)) {
            // Devices that are there and well but that the configuration does not name any more.
            let (there, _) = served(&self.links, &Serve::All, tenants, vrfs);
            for (vni, was) in old.iter().filter(|(vni, _)| !up.contains_key(*vni)) {
                let same = there.get(vni).is_some_and(|is| same_devices(is, was));
                if same && !serve.contains(*vni) {
                    self.forwarding.retire(*vni);
                } else {
                    self.forwarding.detach(*vni);
                }
                self.prune_at.remove(vni);
                self.forwarding.say(LocalEvent::VniDown { vni: *vni });
            }
        }
        let mut new = Vec::new();
        for (vni, is) in &up {
            let was = old.get(vni);
            if was == Some(is) {
                continue;
            }
            let same = was.is_some_and(|was| same_devices(is, was));
            if was.is_some() && !same {
                self.forwarding.detach(*vni);
                self.forwarding.say(LocalEvent::VniDown { vni: *vni });
            }
            self.forwarding.say(LocalEvent::VniUp { vni: *vni, devices: is.devices.clone() });
            if !same {
                self.forwarding.attach_in_vlan(*vni, is.vxlan(), is.svi, (is.bridge(), is.vlan));
                new.push(*vni);
                if self.announced {
                    self.prune_at.insert(*vni, now + ADOPTION_GRACE);
                }
            }
        }
        self.served = up;
        (new, notices)
    }

    /// Reads everything again: something was missed.
    pub(super) fn read_all(&mut self, connection: &mut Connection, now: Instant) -> Result<(), RequestError> {
        self.read_links(connection, now)?;
        self.read_nexthops(connection, now)?;
        let vnis: Vec<Vni> = self.served.keys().copied().collect();
        self.read_vnis(connection, &vnis, now)?;
        self.read_all_vrfs(connection, now)
    }

    /// Whether the first look is done and the core knows its result.
    pub(super) fn is_announced(&self) -> bool {
        self.announced
    }

    /// The first look is done: the core knows of every VNI that was up by then.
    pub(super) fn announce(&mut self) {
        self.announced = true;
    }

    /// The first convergence is over. A VNI that came up only just now keeps what it holds a little longer.
    pub(super) fn converge(&mut self) {
        if std::mem::replace(&mut self.converged, true) {
            return;
        }
        for vni in self.forwarding.attached() {
            if !self.prune_at.contains_key(&vni) {
                self.forwarding.prune(vni);
            }
        }
        self.converge_vrfs();
        self.forwarding.prune_nexthops();
    }

    /// Lets adopted entries go whose time has come.
    pub(super) fn prune_due(&mut self, now: Instant) {
        if !self.converged {
            return;
        }
        let due: Vec<Vni> = self.prune_at.iter().filter(|(_, at)| **at <= now).map(|(vni, _)| *vni).collect();
        for vni in due {
            self.prune_at.remove(&vni);
            self.forwarding.prune(vni);
        }
        self.prune_due_vrfs(now);
    }

    /// When something is due by itself.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let prune = self.prune_at.values().chain(self.prune_vrf_at.values());
        let prune = prune.copied().filter(|_| self.converged);
        prune.chain(self.forwarding.next_due()).min()
    }
}

fn same_devices(a: &ServedVni, b: &ServedVni) -> bool {
    (a.vxlan(), a.bridge(), a.svi, a.vlan) == (b.vxlan(), b.bridge(), b.svi, b.vlan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Link, LinkKind, PortVlans};
    use crate::netlink::rule::RuleAction;

    fn bridge() -> Link {
        Link { kind: LinkKind::Bridge, vlan_aware: true, ..crate::devices::tests::other(7, "br0") }
    }

    #[test]
    fn a_look_that_could_not_be_finished_changes_nothing() {
        for failing in [Query::Addresses, Query::BridgePorts, Query::Rules] {
            let mut kernel = Kernel::new(TargetForm::Nexthops);
            kernel.links.set(bridge());
            kernel.links.set_vlans(7, PortVlans { untagged: Some(10), ..PortVlans::default() });
            kernel.routing.rules.insert(Rule::ours(false, 5, RuleAction::Lookup(1001)));
            let (links, routing) = (kernel.links.clone(), kernel.routing.clone());
            let read = kernel.take_links(|kernel, query| {
                if query == failing {
                    return Err(RequestError::Unsteady);
                }
                if query == Query::Links {
                    kernel.links.set(bridge());
                }
                Ok(())
            });
            assert!(read.is_err());
            assert_eq!((kernel.links, kernel.routing), (links, routing), "{failing:?}");
        }
    }
}
