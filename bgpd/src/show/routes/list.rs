//! Walking a table: the whole of a family, or one of a neighbour's. A listing of the RIB keeps
//! the place between the pages.

use super::{
    detail,
    entry::Entry,
    filter::Filter,
    frame::{Counts, Facts, Form, Frame},
    json, table,
};
use crate::{
    command::{ExecError, Sink},
    core::{Core, CoreHandle},
    rib::{Listing, Rib, Scope},
    show::{
        instance::Instance,
        json::JsonStream,
        page::{PAGE, Pages, stream_of},
        tables::Tables,
    },
    wire::Family,
};
use weft_evpn::RouteDistinguisher;

/// What is to be listed.
#[derive(Debug)]
pub(super) struct List {
    pub family: Family,
    /// `None`: nothing, the neighbour has no tables.
    pub scope: Option<Scope>,
    pub filter: Filter,
    pub form: Form,
    /// The object to write into; `None`: text.
    pub json: Option<JsonStream>,
}

/// A list under way.
#[derive(Debug)]
pub(super) struct ListPages {
    listing: Option<Listing>,
    filter: Filter,
    frame: Frame,
    json: Option<JsonStream>,
    counts: Counts,
    /// The RD whose block is open.
    rd: Option<Option<RouteDistinguisher>>,
    /// What stands before the first route is written.
    begun: bool,
    /// A page that was copied out, and when.
    page: Vec<Entry>,
    facts: Option<Facts>,
}

/// Carries out a command on the tables of an instance. Gives the JSON back, still open.
pub(super) fn show(
    core: &CoreHandle,
    instance: &Instance,
    list: List,
    out: &mut dyn Sink,
) -> Result<Option<JsonStream>, ExecError> {
    let (form, text) = (list.form, list.json.is_none());
    let of = instance.clone();
    let pages = core.ask(move |core, _| ListPages::of(core, &of, list))??;
    if form == Form::Entry && text {
        // Whether there is such a route is known with its page.
        let mut found = Held::default();
        let pages = stream_of(core, instance, pages, &mut found)?;
        if pages.counts.routes == 0 {
            return Err(ExecError("Network not in table".to_owned()));
        }
        out.text(&found.0)?;
        return end(pages, out);
    }
    end(stream_of(core, instance, pages, out)?, out)
}

fn end(pages: ListPages, out: &mut dyn Sink) -> Result<Option<JsonStream>, ExecError> {
    let (foot, json) = pages.end();
    out.text(&foot)?;
    Ok(json)
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
    fn of(core: &Core, instance: &Instance, list: List) -> Result<Self, ExecError> {
        let vrf = (instance.name().to_owned(), instance.id(core));
        Ok(Self::begin(instance.rib(core)?, vrf, list))
    }

    /// The list, before its first page.
    pub(super) fn begin(rib: &Rib, vrf: (String, Option<u32>), list: List) -> Self {
        let List { family, scope, filter, form, json } = list;
        let head = filter.clone();
        let listing = scope.and_then(|scope| {
            rib.listing(family, scope, move |octets| family.is_unicast() || head.head(octets)).ok()
        });
        let table = rib.table_use(family);
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let counts = Counts {
            total: table.map_or(0, |table| count(table.destinations)),
            total_paths: table.map_or(0, |table| count(table.paths)),
            ..Counts::default()
        };
        let frame = Frame { form, family, vrf, typed: filter.route_type.is_some() };
        Self { listing, filter, frame, json, counts, rd: None, begun: false, page: Vec::new(), facts: None }
    }

    /// What comes after the last page, and the JSON, still open.
    pub(super) fn end(mut self) -> (String, Option<JsonStream>) {
        match &mut self.json {
            Some(json) => {
                if self.rd.is_some() && self.frame.form != Form::Entry {
                    json.end();
                }
                self.frame.end_json(self.counts, json);
                (String::new(), self.json)
            }
            None => (self.frame.foot(self.counts), None),
        }
    }

    fn text_entry(&mut self, entry: &Entry, facts: &Facts, out: &mut String) {
        let new_block = !self.frame.family.is_unicast() && self.rd != Some(entry.rd);
        self.rd = Some(entry.rd);
        let form = self.frame.form;
        if new_block && !matches!(form, Form::Rd | Form::Entry) {
            let rd = entry.rd.map_or_else(|| "(none)".to_owned(), |rd| rd.to_string());
            *out += &format!("Route Distinguisher: {rd}\n");
        }
        if form.is_detail() {
            detail::entry(entry, Some(&self.frame.vrf.0), &facts.clock, out);
        } else {
            table::entry(entry, out);
        }
    }

    fn json_entry(&mut self, entry: &Entry, facts: &Facts) {
        let Some(json) = &mut self.json else { return };
        let (form, family) = (self.frame.form, self.frame.family);
        if !family.is_unicast() && self.rd != Some(entry.rd) {
            let rd = entry.rd.map_or_else(|| "(none)".to_owned(), |rd| rd.to_string());
            if form == Form::Entry {
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
        let value = match form {
            _ if form.is_adjacency(family) => json::advertised(entry),
            Form::Detail | Form::Rd => json::detail(entry, &facts.clock),
            Form::Entry => json::detail_paths(entry, &facts.clock),
            _ if family.is_unicast() => json::short_paths(entry, json::Paths::Flat),
            Form::Routes => json::short(entry, json::Paths::Nested),
            _ => json::short(entry, json::Paths::Flat),
        };
        json.member(&entry.prefix(), value);
    }
}

impl Pages for ListPages {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let (settings, family) = (tables.rib.settings(), self.frame.family);
        self.facts = Some(Facts {
            version: tables.rib.version(family),
            router_id: settings.router_id,
            asn: settings.asn,
            local_pref: settings.default_local_pref,
            clock: tables.clock,
        });
        let Some(listing) = &mut self.listing else { return false };
        for _ in 0..PAGE {
            let Some(view) = tables.rib.next_route(listing) else { break };
            let id = view.id;
            let Some(mut entry) = Entry::new(tables, view, |path| self.filter.path(path)) else { continue };
            if !entry.paths.first().is_some_and(|path| self.filter.route(&path.route)) {
                continue;
            }
            if self.frame.form == Form::Advertised {
                entry = entry.sent();
            }
            if self.frame.form.is_detail() {
                entry = entry.with_told(tables, &tables.rib.advertised_to(family, id));
            }
            self.page.push(entry);
        }
        listing.remaining() > 0
    }

    fn render(&mut self, out: &mut String) {
        let Some(facts) = self.facts else { return };
        if !self.begun {
            self.begun = true;
            if let Some(json) = &mut self.json {
                self.frame.begin_json(&facts, json);
            }
        }
        for entry in std::mem::take(&mut self.page) {
            if self.json.is_none() && self.counts.routes == 0 {
                out.push_str(&self.frame.head(&facts));
            }
            self.counts.routes += 1;
            self.counts.paths += entry.paths.len();
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
