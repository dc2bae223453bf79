//! Walking a table: the global one, or one of a neighbour's. A listing of the RIB keeps the
//! place between the pages.

use super::{FAMILY, detail, entry::Entry, filter::Filter, json, table};
use crate::{
    command::{ExecError, Sink},
    core::CoreHandle,
    rib::{Listing, Scope},
    show::{
        json::JsonStream,
        page::{PAGE, Pages, no_instance, stream},
        tables::Tables,
        text::Clock,
    },
};
use serde_json::json;
use std::net::Ipv4Addr;
use weft_evpn::RouteDistinguisher;

/// How a list looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `show bgp l2vpn evpn`.
    Overview,
    /// `… route`.
    Routes,
    /// `… route detail`.
    Detail,
    /// `… route rd R`: at length, too.
    Rd,
    /// `… route rd R mac M`.
    Entry,
    /// `… neighbors X routes`, or `received-routes` of a neighbour whose refused routes are kept.
    Neighbour,
    /// `… neighbors X received-routes` without `soft-reconfiguration inbound`.
    ReceivedUsed,
    /// `… neighbors X advertised-routes`.
    Advertised,
}

/// Said below a table in which refused routes cannot be.
const NOT_KEPT: &str = "Refused routes are not kept: no soft-reconfiguration inbound\n";

/// What is to be listed.
#[derive(Debug)]
pub(super) struct List {
    /// `None`: nothing, the neighbour has no tables.
    pub scope: Option<Scope>,
    pub filter: Filter,
    pub form: Form,
    pub json: bool,
}

/// A list under way.
#[derive(Debug)]
pub(super) struct ListPages {
    listing: Option<Listing>,
    filter: Filter,
    form: Form,
    json: Option<JsonStream>,
    /// Routes and paths so far.
    routes: usize,
    paths: usize,
    /// The RD whose block is open.
    rd: Option<Option<RouteDistinguisher>>,
    /// What stands before the first route is written.
    begun: bool,
    total: u32,
    /// A page that was copied out, and when.
    page: Vec<Entry>,
    facts: Option<Facts>,
}

/// What of the speaker stands above and beside its routes.
#[derive(Debug, Clone, Copy)]
struct Facts {
    version: u64,
    router_id: Ipv4Addr,
    asn: u32,
    local_pref: u32,
    clock: Clock,
}

/// Carries out a command.
pub(super) fn show(core: &CoreHandle, list: List, out: &mut dyn Sink) -> Result<(), ExecError> {
    let (json, form) = (list.json, list.form);
    let pages = core.ask(move |core, _| {
        no_instance(core)?;
        let rib = core.rib();
        Ok::<_, ExecError>(ListPages::begin(rib, list))
    })??;
    if form == Form::Entry && !json {
        // Whether there is such a route is known with its page.
        let mut found = Held::default();
        let pages = stream(core, pages, &mut found)?;
        if pages.routes == 0 {
            return Err(ExecError("Network not in table".to_owned()));
        }
        out.text(&found.0)?;
        return Ok(out.text(&pages.end())?);
    }
    let pages = stream(core, pages, out)?;
    Ok(out.text(&pages.end())?)
}

/// A page that is not shown yet.
#[derive(Default)]
struct Held(String);

impl Sink for Held {
    fn text(&mut self, text: &str) -> Result<(), crate::command::SinkClosed> {
        self.0.push_str(text);
        Ok(())
    }
}

impl ListPages {
    /// The list, before its first page.
    pub(super) fn begin(rib: &crate::rib::Rib, list: List) -> Self {
        let List { scope, filter, form, json } = list;
        let head = filter.clone();
        let listing =
            scope.and_then(|scope| rib.listing(FAMILY, scope, move |octets| head.head(octets)).ok());
        Self {
            listing,
            filter,
            form,
            json: json.then(JsonStream::object),
            routes: 0,
            paths: 0,
            rd: None,
            begun: false,
            total: rib.table_use(FAMILY).map_or(0, |table| table.destinations),
            page: Vec::new(),
            facts: None,
        }
    }

    /// What comes after the last page.
    pub(super) fn end(mut self) -> String {
        match self.json.take() {
            Some(json) => self.json_foot(json),
            None => self.foot(),
        }
    }

    fn typed(&self) -> &'static str {
        if self.filter.route_type.is_some() { " (of requested type)" } else { "" }
    }

    /// What stands above the first route.
    fn head(&self, facts: &Facts) -> String {
        let legend = table::legend(facts.version, facts.router_id);
        match self.form {
            Form::Overview | Form::Neighbour | Form::ReceivedUsed => format!("{legend}{}", table::COLUMNS),
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

    /// The members before the first route.
    fn json_head(&mut self, facts: &Facts) {
        let Some(json) = &mut self.json else { return };
        if matches!(self.form, Form::Overview | Form::Neighbour | Form::ReceivedUsed | Form::Advertised) {
            json.member("bgpTableVersion", facts.version);
            json.member("bgpLocalRouterId", facts.router_id.to_string());
            json.member("defaultLocPrf", facts.local_pref);
            json.member("localAS", facts.asn);
        }
        if self.form == Form::Advertised {
            let status = json!({
                "suppressed": "s", "damped": "d", "history": "h", "valid": "*", "best": ">", "internal": "i"
            });
            json.member("bgpStatusCodes", status);
            json.member("bgpOriginCodes", json!({"igp": "i", "egp": "e", "incomplete": "?"}));
            json.begin_object("advertisedRoutes");
        }
    }

    fn text_entry(&mut self, entry: &Entry, facts: &Facts, out: &mut String) {
        let new_block = self.rd != Some(entry.rd);
        self.rd = Some(entry.rd);
        if new_block && !matches!(self.form, Form::Rd | Form::Entry) {
            let rd = entry.rd.map_or_else(|| "(none)".to_owned(), |rd| rd.to_string());
            *out += &format!("Route Distinguisher: {rd}\n");
        }
        match self.form {
            Form::Overview | Form::Routes | Form::Neighbour | Form::ReceivedUsed | Form::Advertised => {
                table::entry(entry, out)
            }
            Form::Detail | Form::Rd | Form::Entry => detail::entry(entry, &facts.clock, out),
        }
    }

    fn json_entry(&mut self, entry: &Entry, facts: &Facts) {
        let Some(json) = &mut self.json else { return };
        let rd = entry.rd.map_or_else(|| "(none)".to_owned(), |rd| rd.to_string());
        if self.rd != Some(entry.rd) {
            if self.form == Form::Entry {
                json.member("rd", rd.as_str());
            } else {
                if self.rd.is_some() {
                    json.end();
                }
                json.begin_object(&rd);
                json.member("rd", rd.as_str());
            }
            self.rd = Some(entry.rd);
        }
        let value = match self.form {
            Form::Overview | Form::Neighbour | Form::ReceivedUsed => json::short(entry, json::Paths::Flat),
            Form::Routes => json::short(entry, json::Paths::Nested),
            Form::Detail | Form::Rd => json::detail(entry, &facts.clock),
            Form::Entry => json::detail_paths(entry, &facts.clock),
            Form::Advertised => json::advertised(entry),
        };
        json.member(&entry.prefix(), value);
    }

    /// What stands below the last route.
    fn foot(&self) -> String {
        let (routes, paths, typed) = (self.routes, self.paths, self.typed());
        match (self.form, routes) {
            (Form::Overview | Form::Neighbour, 0) => {
                format!("No BGP prefixes displayed, {} exist\n", self.total)
            }
            (Form::ReceivedUsed, 0) => {
                format!("No BGP prefixes displayed, {} exist\n{NOT_KEPT}", self.total)
            }
            (Form::Overview, _) => format!("\nDisplayed {routes} out of {routes} total prefixes\n"),
            (Form::Neighbour | Form::ReceivedUsed, _) => {
                let total = usize::try_from(self.total).unwrap_or(usize::MAX).max(routes);
                let note = if self.form == Form::ReceivedUsed { NOT_KEPT } else { "" };
                format!("\nDisplayed {routes} out of {total} total prefixes\n{note}")
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

    fn json_foot(&self, mut json: JsonStream) -> String {
        if self.rd.is_some() && self.form != Form::Entry {
            json.end();
        }
        match self.form {
            Form::Overview | Form::Neighbour | Form::ReceivedUsed => {
                let total = match self.form {
                    Form::Overview => self.routes,
                    _ => usize::try_from(self.total).unwrap_or(usize::MAX).max(self.routes),
                };
                json.member("numPrefix", self.routes);
                json.member("totalPrefix", total);
            }
            Form::Routes | Form::Detail | Form::Rd => {
                json.member("numPrefix", self.routes);
                json.member("numPaths", self.paths);
            }
            Form::Entry => json.member("numPaths", self.paths),
            Form::Advertised => {
                json.end();
                json.member("totalPrefixCounter", self.routes);
            }
        }
        json.finish()
    }
}

impl Pages for ListPages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let settings = tables.rib.settings();
        self.facts = Some(Facts {
            version: tables.rib.version(FAMILY),
            router_id: settings.router_id,
            asn: settings.asn,
            local_pref: settings.default_local_pref,
            clock: tables.clock,
        });
        let Some(listing) = &mut self.listing else { return false };
        let told = matches!(self.form, Form::Detail | Form::Rd | Form::Entry);
        for _ in 0..PAGE {
            let Some(view) = tables.rib.next_route(listing) else { break };
            let id = view.id;
            let Some(mut entry) = Entry::new(tables, view, |path| self.filter.path(path)) else { continue };
            if !entry.paths.first().is_some_and(|path| self.filter.route(&path.route)) {
                continue;
            }
            if told {
                entry = entry.with_told(tables, &tables.rib.advertised_to(FAMILY, id));
            }
            self.page.push(entry);
        }
        listing.remaining() > 0
    }

    fn render(&mut self, out: &mut String) {
        let Some(facts) = self.facts else { return };
        if !self.begun {
            self.begun = true;
            self.json_head(&facts);
        }
        for entry in std::mem::take(&mut self.page) {
            if self.json.is_none() && self.routes == 0 {
                out.push_str(&self.head(&facts));
            }
            self.routes += 1;
            self.paths += entry.paths.len();
            match self.json {
                Some(_) => self.json_entry(&entry, &facts),
                None => self.text_entry(&entry, &facts, out),
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
    }
}
