//! A path's line, as in every table of FRR: status, route, next hop, metric, local preference,
//! weight, AS path; in EVPN below it the extended communities.

use super::entry::{Entry, EntryPath, Route, as_path, origin_code};
use crate::show::text::words;
use std::fmt::Write;

/// Where next hops and communities begin.
const INDENT: usize = 20;
/// The width of the column of next hops.
const NEXT_HOP: usize = 16;

/// What the letters mean in EVPN, and what a route's text consists of. FRR's, with what Weft adds.
pub(super) fn legend(version: u64, router_id: std::net::Ipv4Addr) -> String {
    format!(
        "BGP table version is {version}, local router ID is {router_id}\n\
         Status codes: s suppressed, d damped, h history, * valid, > best, i - internal, S Stale\n\
         Origin codes: i - IGP, e - EGP, ? - incomplete\n{PREFIXES}\n"
    )
}

/// What the letters mean in unicast families, without what Weft never marks (RPKI).
pub(super) const UNICAST_LEGEND: &str = "Status codes:  s suppressed, d damped, h history, * valid, > best, = multipath,\n               \
     i internal, r RIB-failure, S Stale, R Removed\n\
     Nexthop codes: @NNN nexthop's vrf id, < announce-nh-self\n\
     Origin codes:  i - IGP, e - EGP, ? - incomplete\n\n";

/// The forms of the route types.
pub(super) const PREFIXES: &str = "EVPN type-1 prefix: [1]:[EthTag]:[ESI]:[IPlen]:[VTEP-IP]:[Frag-id]\n\
    EVPN type-2 prefix: [2]:[EthTag]:[MAClen]:[MAC]:[IPlen]:[IP]\n\
    EVPN type-3 prefix: [3]:[EthTag]:[IPlen]:[OrigIP]\n\
    EVPN type-4 prefix: [4]:[ESI]:[IPlen]:[OrigIP]\n\
    EVPN type-5 prefix: [5]:[EthTag]:[IPlen]:[IP]\n";

/// The heads of the columns.
pub(super) const COLUMNS: &str = "   Network          Next Hop            Metric LocPrf Weight Path\n";
/// The second line of them, where FRR has it.
pub(super) const COMMUNITIES: &str = "                    Extended Community\n";

/// Appends a route.
pub(super) fn entry(entry: &Entry, out: &mut String) {
    let prefix = entry.prefix();
    for (at, path) in entry.paths.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(out, "{}", status(path));
        if at > 0 {
            let _ = write!(out, "{:17}", "");
        } else if prefix.len() < 17 {
            let _ = write!(out, "{prefix:<17}");
        } else {
            let _ = write!(out, "{prefix}\n{:INDENT$}", "");
        }
        line(path, out);
    }
}

fn line(path: &EntryPath, out: &mut String) {
    let attributes = &path.view.attributes;
    let mut next_hop = path.next_hop().map(|address| address.to_string()).unwrap_or_default();
    if path.is_leaked() {
        next_hop.push('<');
    }
    let _ = write!(out, "{next_hop:<NEXT_HOP$}");
    if next_hop.len() >= NEXT_HOP {
        let _ = write!(out, "\n{:36}", "");
    }
    let number = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let path_text = as_path(&attributes.as_path);
    let blank = if path_text.is_empty() { "" } else { " " };
    let _ = writeln!(
        out,
        "{:>10}{:>7}{:>7} {path_text}{blank}{}",
        number(attributes.med),
        number(attributes.local_pref),
        path.view.weight,
        origin_code(attributes.origin)
    );
    if let Some(esi) = path.esi() {
        let _ = writeln!(out, "{:INDENT$}ESI:{esi}", "");
    }
    if !attributes.ext_communities.is_empty() && matches!(path.route, Route::Evpn(_)) {
        let _ = writeln!(out, "{:INDENT$}{}", "", words(&attributes.ext_communities));
    }
    for reason in &path.view.refused {
        let _ = writeln!(out, "{:INDENT$}Not used: {reason}", "");
    }
}

/// The three letters before a route.
fn status(path: &EntryPath) -> String {
    let view = &path.view;
    let valid = match (view.stale, view.eligible) {
        (true, _) => 'S',
        (false, true) => '*',
        (false, false) => ' ',
    };
    let best = match (view.best, path.multipath) {
        (true, _) => '>',
        (false, true) => '=',
        (false, false) => ' ',
    };
    let internal = if path.sender.is_internal() { 'i' } else { ' ' };
    [valid, best, internal].into_iter().collect()
}
