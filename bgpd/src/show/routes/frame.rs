//! What stands around the routes of a list: the legend and the heads of the columns above, the
//! counts below, and the members of the JSON object. FRR has one layout for EVPN, in blocks by
//! RD, and another for the unicast families, whose prefixes follow each other.

use super::table;
use crate::{
    show::{json::JsonStream, text::Clock},
    wire::Family,
};
use serde_json::json;
use std::net::Ipv4Addr;

/// How a list looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::show) enum Form {
    /// `show bgp l2vpn evpn`, `show bgp vrf V`.
    Overview,
    /// `… route`.
    Routes,
    /// `… route detail`.
    Detail,
    /// `… route rd R`: at length, too.
    Rd,
    /// `… route rd R mac M`.
    Entry,
    /// `… neighbors X routes`; in EVPN also `received-routes` of a neighbour whose refused routes are kept.
    Neighbour,
    /// `… neighbors X received-routes` in a unicast family.
    Received,
    /// `… neighbors X received-routes` without `soft-reconfiguration inbound`.
    ReceivedUsed,
    /// `… neighbors X advertised-routes`.
    Advertised,
}

impl Form {
    /// Every attribute of every path, and who was told.
    pub fn is_detail(self) -> bool {
        matches!(self, Self::Detail | Self::Rd | Self::Entry)
    }

    /// JSON as FRR has it of Adj-RIBs.
    pub fn is_adjacency(self, family: Family) -> bool {
        match self {
            Self::Advertised | Self::Received => true,
            Self::ReceivedUsed => family.is_unicast(),
            _ => false,
        }
    }
}

/// Said below a table in which refused routes cannot be.
const NOT_KEPT: &str = "Refused routes are not kept: no soft-reconfiguration inbound\n";

/// What of the speaker stands above and beside its routes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub version: u64,
    pub router_id: Ipv4Addr,
    pub asn: u32,
    pub local_pref: u32,
    pub clock: Clock,
}

/// What was shown, and what the table holds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub routes: usize,
    pub paths: usize,
    /// Destinations and paths of the table.
    pub total: usize,
    pub total_paths: usize,
}

/// The frame of one list.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub form: Form,
    pub family: Family,
    /// Name of the instance, and FRR's id of its VRF where it has one.
    pub vrf: (String, Option<u32>),
    /// Routes of one type are asked for.
    pub typed: bool,
}

impl Frame {
    /// What stands above the first route.
    pub fn head(&self, facts: &Facts) -> String {
        if self.family.is_unicast() {
            return self.unicast_head(facts);
        }
        let legend = table::legend(facts.version, facts.router_id);
        match self.form {
            Form::Overview | Form::Neighbour | Form::Received | Form::ReceivedUsed => {
                format!("{legend}{}", table::COLUMNS)
            }
            Form::Routes => format!("{legend}{}{}", table::COLUMNS, table::COMMUNITIES),
            Form::Advertised => {
                let (preference, asn) = (facts.local_pref, facts.asn);
                let second = format!("Default local pref {preference}, local AS {asn}\n");
                let at = legend.find('\n').map_or(0, |end| end + 1);
                let (first, rest) = legend.split_at(at);
                format!("{first}{second}{rest}{}", table::COLUMNS)
            }
            Form::Rd => format!("{}\n", table::PREFIXES),
            Form::Detail | Form::Entry => String::new(),
        }
    }

    fn unicast_head(&self, facts: &Facts) -> String {
        let vrf_id = self.vrf.1.map(|id| format!(", vrf id {id}")).unwrap_or_default();
        format!(
            "BGP table version is {}, local router ID is {}{vrf_id}\n\
             Default local pref {}, local AS {}\n{}{}",
            facts.version,
            facts.router_id,
            facts.local_pref,
            facts.asn,
            table::UNICAST_LEGEND,
            table::COLUMNS
        )
    }

    /// The members before the first route.
    pub fn begin_json(&self, facts: &Facts, json: &mut JsonStream) {
        let adjacency = self.form.is_adjacency(self.family);
        if self.family.is_unicast() && !adjacency {
            if let Some(id) = self.vrf.1 {
                json.member("vrfId", id);
            }
            json.member("vrfName", self.vrf.0.as_str());
            json.member("tableVersion", facts.version);
            json.member("routerId", facts.router_id.to_string());
            json.member("defaultLocPrf", facts.local_pref);
            json.member("localAS", facts.asn);
            json.begin_object("routes");
            return;
        }
        if adjacency || matches!(self.form, Form::Overview | Form::Neighbour | Form::ReceivedUsed) {
            json.member("bgpTableVersion", facts.version);
            json.member("bgpLocalRouterId", facts.router_id.to_string());
            json.member("defaultLocPrf", facts.local_pref);
            json.member("localAS", facts.asn);
        }
        if adjacency {
            let status = if self.family.is_unicast() {
                json!({
                    "suppressed": "s", "damped": "d", "history": "h", "valid": "*", "best": ">",
                    "multipath": "=", "internal": "i", "ribFailure": "r", "stale": "S", "removed": "R"
                })
            } else {
                json!({
                    "suppressed": "s", "damped": "d", "history": "h", "valid": "*", "best": ">", "internal": "i"
                })
            };
            json.member("bgpStatusCodes", status);
            json.member("bgpOriginCodes", json!({"igp": "i", "egp": "e", "incomplete": "?"}));
            let sent = self.form == Form::Advertised;
            json.begin_object(if sent { "advertisedRoutes" } else { "receivedRoutes" });
        }
    }

    /// What stands below the last route.
    pub fn foot(&self, counts: Counts) -> String {
        let Counts { routes, paths, total, total_paths } = counts;
        let note = if self.form == Form::ReceivedUsed { NOT_KEPT } else { "" };
        let typed = if self.typed { " (of requested type)" } else { "" };
        match (self.form, routes) {
            (Form::Overview | Form::Neighbour | Form::ReceivedUsed, 0) => {
                format!("No BGP prefixes displayed, {total} exist\n{note}")
            }
            (Form::Received, 0) => format!("No BGP prefixes displayed, {total} exist\n"),
            (Form::Overview | Form::Neighbour, _) if self.family.is_unicast() => {
                // FRR's two blanks.
                format!("\nDisplayed  {routes} routes and {total_paths} total paths\n")
            }
            (Form::Received, _) => format!("\nTotal number of prefixes {routes}\n"),
            (Form::ReceivedUsed, _) if self.family.is_unicast() => {
                format!("\nTotal number of prefixes {routes}\n{note}")
            }
            (Form::Overview, _) => format!("\nDisplayed {routes} out of {routes} total prefixes\n"),
            (Form::Neighbour | Form::ReceivedUsed, _) => {
                format!("\nDisplayed {routes} out of {} total prefixes\n{note}", total.max(routes))
            }
            (Form::Advertised, _) => format!("\nTotal number of prefixes {routes}\n"),
            (Form::Routes | Form::Detail, 0) => format!("No EVPN prefixes exist{typed}\n"),
            (Form::Routes | Form::Detail, _) => {
                format!("\nDisplayed {routes} prefixes ({paths} paths){typed}\n")
            }
            (Form::Rd, 0) => format!("No prefixes exist with this RD{typed}\n"),
            (Form::Rd, _) => {
                format!("\nDisplayed {routes} prefixes ({paths} paths) with this RD{typed}\n")
            }
            (Form::Entry, _) => format!("\nDisplayed {paths} paths for requested prefix\n"),
        }
    }

    /// The members after the last route.
    pub fn end_json(&self, counts: Counts, json: &mut JsonStream) {
        let Counts { routes, paths, total, .. } = counts;
        if self.form.is_adjacency(self.family) {
            json.end();
            json.member("totalPrefixCounter", routes);
            return;
        }
        if self.family.is_unicast() {
            return json.end();
        }
        match self.form {
            Form::Overview | Form::Neighbour | Form::Received | Form::ReceivedUsed => {
                let total = if self.form == Form::Overview { routes } else { total.max(routes) };
                json.member("numPrefix", routes);
                json.member("totalPrefix", total);
            }
            Form::Routes | Form::Detail | Form::Rd => {
                json.member("numPrefix", routes);
                json.member("numPaths", paths);
            }
            Form::Entry | Form::Advertised => json.member("numPaths", paths),
        }
    }
}
