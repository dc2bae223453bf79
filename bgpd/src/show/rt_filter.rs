//! `show bgp rtfilter [neighbors X] [json]`: who asks for which route targets (RFC 4684); of a
//! neighbour, what it asks for and what follows from it. FRR has no such family.

use super::{
    Tables,
    instance::Instance,
    json::JsonStream,
    page::{PAGE, Pages, no_instance, stream},
    peer_view,
    routes::as_path,
};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    peer::PeerId,
    rib::{ConstraintView, Listing, PathSource, PathView, Rib, Scope},
    wire::{Family, Membership, membership::TargetText},
};
use serde_json::{Map, Value};
use std::{collections::BTreeSet, net::IpAddr};

const HEADING: &str = "    Origin AS  Route Target              From             AS Path\n";

/// `show bgp rtfilter [unicast] [json]`.
///
/// # Errors
/// There is no instance, the core has ended, or the reader is gone.
pub(super) fn show(core: &CoreHandle, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (mut pages, any_as) = core.ask(move |core, _| {
        no_instance(core)?;
        Ok::<_, ExecError>((
            MembershipPages::begin(core.rib(), Scope::All),
            core.memberships().any_as().clone(),
        ))
    })??;
    if json {
        let mut json = JsonStream::object();
        json.member("asksForAllBecauseOf", imports(&any_as));
        json.begin_array("memberships");
        out.text(&json.take())?;
        pages.json = Some(json);
        let rest = stream(core, pages, out)?.json.map(JsonStream::finish).unwrap_or_default();
        return Ok(out.text(&rest)?);
    }
    if !any_as.is_empty() {
        let names = imports(&any_as).join(" ");
        out.text(&format!(
            "All EVPN routes are asked for, since these imports take routes of any AS: {names}\n\
             Name their route targets, or say `auto-import as ASN` in `address-family rtfilter unicast`.\n\n"
        ))?;
    }
    out.text(HEADING)?;
    let pages = stream(core, pages, out)?;
    Ok(out.text(&format!("\n{} memberships, {} paths\n", pages.counts.0, pages.counts.1))?)
}

/// `*:10`, as they are configured.
fn imports(any_as: &BTreeSet<u32>) -> Vec<String> {
    any_as.iter().map(|number| format!("*:{number}")).collect()
}

/// `show bgp rtfilter [unicast] neighbors X [json]`.
///
/// # Errors
/// There is no such neighbour, the core has ended, or the reader is gone.
pub(super) fn neighbour(
    core: &CoreHandle,
    address: IpAddr,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let (state, mut pages) = core.ask(move |core, now| {
        no_instance(core)?;
        let ids = peer_view::ids(core, &Instance::default_instance(), None);
        let Some(&(id, _)) = ids.iter().find(|(_, other)| *other == address) else {
            return Err(ExecError(format!("No such neighbor {address}")));
        };
        let constraint = core.rib().constraint(id);
        let held = constraint.and_then(|it| it.held_until).map(|until| until.saturating_duration_since(now));
        let up = core.peers().get(id).is_some_and(|peer| peer.live.is_some());
        let state = State { up, constraint, held: held.map(|time| time.as_secs()) };
        Ok((state, MembershipPages::begin(core.rib(), Scope::ReceivedFrom(id))))
    })??;
    if json {
        let mut json = JsonStream::object();
        json.member("neighbor", address.to_string());
        if let Value::Object(members) = state.json() {
            members.into_iter().for_each(|(key, value)| json.member(&key, value));
        }
        json.begin_array("memberships");
        out.text(&json.take())?;
        pages.json = Some(json);
        let rest = stream(core, pages, out)?.json.map(JsonStream::finish).unwrap_or_default();
        return Ok(out.text(&rest)?);
    }
    out.text(&format!("Neighbor {address}: {}\n\n{HEADING}", state.text()))?;
    let pages = stream(core, pages, out)?;
    Ok(out.text(&format!("\n{} memberships\n", pages.counts.0))?)
}

/// What a neighbour is sent, as far as memberships say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    up: bool,
    constraint: Option<ConstraintView>,
    /// Seconds for which EVPN routes are held yet.
    held: Option<u64>,
}

impl State {
    fn text(&self) -> String {
        match (self.up, self.constraint, self.held) {
            (false, ..) => "it has no session".to_owned(),
            (true, None, _) => {
                "it does not exchange memberships with EVPN: it is sent all EVPN routes".to_owned()
            }
            (true, Some(_), Some(seconds)) => {
                format!("EVPN routes are held for its End-of-RIB, {seconds} seconds at most")
            }
            (true, Some(view), None) if view.overfull => {
                "it asked for more than is kept of it (see `maximum-prefix`): it is sent all EVPN routes until its \
                 next session"
                    .to_owned()
            }
            (true, Some(view), None) if view.all => "it asks for all EVPN routes".to_owned(),
            (true, Some(view), None) if view.ranges > 0 => {
                format!("it asks for {} route targets and {} ranges of them", view.targets, view.ranges)
            }
            (true, Some(view), None) => format!("it asks for {} route targets", view.targets),
        }
    }

    fn json(&self) -> Value {
        let mut json = Map::new();
        json.insert("established".to_owned(), self.up.into());
        json.insert("constrained".to_owned(), self.constraint.is_some().into());
        if let Some(view) = self.constraint {
            json.insert("all".to_owned(), view.all.into());
            json.insert("routeTargets".to_owned(), view.targets.into());
            json.insert("ranges".to_owned(), view.ranges.into());
            if view.overfull {
                json.insert("overLimit".to_owned(), true.into());
            }
        }
        if let Some(seconds) = self.held {
            json.insert("heldSeconds".to_owned(), seconds.into());
        }
        json.into()
    }
}

/// A path, copied out.
#[derive(Debug)]
struct Row {
    membership: Membership,
    first: bool,
    from: Option<IpAddr>,
    path: PathView,
}

/// Memberships, a page at a time.
#[derive(Debug)]
struct MembershipPages {
    listing: Option<Listing>,
    rows: Vec<Row>,
    /// Memberships and paths.
    counts: (usize, usize),
    json: Option<JsonStream>,
}

impl MembershipPages {
    fn begin(rib: &Rib, scope: Scope) -> Self {
        let listing = rib.listing(Family::RtFilter, scope, |_| true).ok();
        Self { listing, rows: Vec::new(), counts: (0, 0), json: None }
    }
}

impl Pages for MembershipPages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let Some(listing) = &mut self.listing else { return false };
        while self.rows.len() < PAGE {
            let Some(view) = tables.evpn_rib.next_route(listing) else { return false };
            let Some(membership) = Membership::from_key(&view.key) else { continue };
            for (at, path) in view.paths.into_iter().enumerate() {
                let address = |id: PeerId| tables.peers.get(id).map(|peer| peer.settings.address);
                let from = match path.source {
                    PathSource::Peer(id) => address(id),
                    PathSource::Local | PathSource::Import(_) => None,
                };
                self.rows.push(Row { membership, first: at == 0, from, path });
            }
        }
        true
    }

    fn render(&mut self, out: &mut String) {
        for row in std::mem::take(&mut self.rows) {
            self.counts.0 += usize::from(row.first);
            self.counts.1 += 1;
            match &mut self.json {
                Some(json) => json.element(row.json()),
                None => *out += &row.text(),
            }
        }
        if let Some(json) = &mut self.json {
            *out += &json.take();
        }
    }
}

impl Row {
    fn target(&self) -> String {
        match self.membership.target() {
            (_, 0) => "all".to_owned(),
            (target, 64) => TargetText(target).to_string(),
            // The origin has a column of its own.
            _ => self
                .membership
                .to_string()
                .split_once(':')
                .map_or_else(String::new, |(_, rest)| rest.to_owned()),
        }
    }

    fn text(&self) -> String {
        let flag = |is: bool, letter: char| if is { letter } else { ' ' };
        let origin = self.membership.origin().map_or_else(|| "-".to_owned(), |asn| asn.to_string());
        let (origin, target) = if self.first { (origin, self.target()) } else { Default::default() };
        let from = self.from.map_or_else(|| "ourselves".to_owned(), |address| address.to_string());
        let line = format!(
            "{}{}{} {origin:<10} {target:<25} {from:<16} {}",
            flag(self.path.stale, 'S'),
            flag(self.path.eligible, '*'),
            flag(self.path.best, '>'),
            as_path(&self.path.attributes.as_path),
        );
        format!("{}\n", line.trim_end())
    }

    fn json(&self) -> Value {
        let mut json = Map::new();
        json.insert("routeTarget".to_owned(), self.target().into());
        json.insert("valid".to_owned(), self.path.eligible.into());
        json.insert("bestpath".to_owned(), self.path.best.into());
        json.insert("path".to_owned(), as_path(&self.path.attributes.as_path).into());
        if let Some(origin) = self.membership.origin() {
            json.insert("originAs".to_owned(), origin.into());
        }
        if self.path.stale {
            json.insert("stale".to_owned(), true.into());
        }
        match self.from {
            Some(address) => json.insert("peerId".to_owned(), address.to_string().into()),
            None => json.insert("selfOriginated".to_owned(), true.into()),
        };
        json.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::bench::Bench;
    use crate::wire::{AttributeSet, NlriBlock, Update};
    use std::sync::Arc;
    use weft_evpn::RouteTarget;

    fn target(text: &str) -> Membership {
        Membership::exact(65_000, text.parse::<RouteTarget>().unwrap())
    }

    /// A reflector has asked for two targets and for all, we for one of them.
    fn bench() -> (Bench, PeerId) {
        let mut bench = Bench::new();
        let id = bench.up_asking(2);
        let wire =
            [target("65000:10"), target("65000:20"), Membership::DEFAULT].map(|it| it.to_wire()).concat();
        let update = Update {
            attributes: Some(Arc::new(AttributeSet::default())),
            reach: vec![NlriBlock::new(Family::RtFilter, wire)],
            ..Update::default()
        };
        bench.rib.update(id, &update, bench.now).unwrap();
        let ours = target("65000:10").to_wire();
        bench.rib.originate(Family::RtFilter, &ours, AttributeSet::default(), None, bench.now).unwrap();
        (bench, id)
    }

    fn text(bench: &Bench, scope: Scope) -> String {
        let mut out = String::new();
        bench.stream(MembershipPages::begin(&bench.rib, scope), &mut out).0.unwrap();
        out
    }

    #[test]
    fn memberships_are_listed_with_those_who_ask() {
        let (bench, id) = bench();
        assert_eq!(
            text(&bench, Scope::All),
            " *> -          all                       10.255.0.2\n \
             *> 65000      65000:10                  ourselves\n \
             *                                       10.255.0.2\n \
             *> 65000      65000:20                  10.255.0.2\n"
        );
        assert_eq!(text(&bench, Scope::ReceivedFrom(id)).lines().count(), 3);
    }

    #[test]
    fn the_json_has_a_member_for_each_column() {
        let (bench, _) = bench();
        let mut pages = MembershipPages::begin(&bench.rib, Scope::All);
        let mut json = JsonStream::object();
        json.begin_array("memberships");
        pages.json = Some(json);
        let mut out = String::new();
        let pages = bench.stream(pages, &mut out).0.unwrap();
        out += &pages.json.unwrap().finish();
        let value: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(
            value["memberships"][1],
            serde_json::json!({ "originAs": 65_000, "routeTarget": "65000:10", "valid": true, "bestpath": true,
                    "path": "", "selfOriginated": true })
        );
        assert_eq!(value["memberships"][0]["routeTarget"], "all");
        assert_eq!(value["memberships"][2]["peerId"], "10.255.0.2");
    }

    #[test]
    fn what_a_neighbour_is_sent_is_said_in_words() {
        let view = ConstraintView { held_until: None, all: false, targets: 2, ranges: 0, overfull: false };
        let text = |up, constraint, held| State { up, constraint, held }.text();
        assert_eq!(text(true, Some(view), None), "it asks for 2 route targets");
        assert!(text(true, Some(view), Some(42)).contains("42 seconds"));
        assert!(text(true, Some(ConstraintView { all: true, ..view }), None).contains("all EVPN routes"));
        assert!(text(true, Some(ConstraintView { ranges: 1, ..view }), None).contains("1 ranges"));
        let overfull = ConstraintView { all: true, overfull: true, ..view };
        assert!(text(true, Some(overfull), None).contains("more than is kept"));
        assert_eq!(State { up: true, constraint: Some(overfull), held: None }.json()["overLimit"], true);
        assert!(text(true, None, None).contains("does not exchange memberships"));
        assert!(text(false, None, None).contains("no session"));
        let json = State { up: true, constraint: Some(view), held: Some(3) }.json();
        assert_eq!((&json["heldSeconds"], &json["routeTargets"]), (&3.into(), &2.into()));
    }
}
