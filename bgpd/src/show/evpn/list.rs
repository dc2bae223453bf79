//! Lists of what VNIs hold: MACs, addresses, router MACs, next hops. A list holds the keys of one
//! VNI (6 to 17 octets each); which of them are meant, and what they look like, is asked page by
//! page. What is listed says so by `Kind`; how it is walked is here, once.

use super::{no_such_l3vni, no_such_vni};
use crate::{
    command::{ExecError, Sink},
    core::{Core, CoreHandle},
    show::{
        json::JsonStream,
        page::{PAGE, Pages, SMALL_PAGE, stream},
        tables::Tables,
        vrfs,
    },
};
use serde_json::Value;
use std::{fmt::Display, vec};
use weft_evpn::{Evpn, Vni};

/// The VNIs of MAC-VRFs, or those of IP-VRFs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holders {
    MacVrfs,
    IpVrfs,
}

impl Holders {
    /// All of them, in order.
    fn vnis(self, core: &Core) -> Vec<Vni> {
        match self {
            Self::MacVrfs => core.evpn().instances().map(|instance| instance.vni).collect(),
            Self::IpVrfs => vrfs::l3vnis(core),
        }
    }

    /// What is said of a VNI that is none of them.
    fn no_such_vni(self, vni: Vni) -> ExecError {
        match self {
            Self::MacVrfs => no_such_vni(vni),
            Self::IpVrfs => no_such_l3vni(vni),
        }
    }
}

/// A kind of entries, with the condition on those that are asked for.
pub(super) trait Kind: Copy + Send + 'static {
    /// What tells them apart within a VNI, and orders them.
    type Key: Copy + Ord + Display + Send + 'static;
    /// One of them at length, copied out of the core or rendered there.
    type One: Send + 'static;

    /// Which VNIs can hold such entries.
    const OF: Holders;

    /// What is said when the one that is asked for is not there.
    fn missing(vni: Vni) -> ExecError;

    /// The one that is asked for, if one is.
    fn only(&self) -> Option<Self::Key>;

    /// Under a condition, a list of all leaves out the VNIs that have nothing.
    fn skips_empty(&self) -> bool;

    /// All keys of a VNI, in no order.
    fn keys(evpn: &Evpn, vni: Vni) -> Vec<Self::Key>;

    /// Whether this one is meant.
    fn is_wanted(&self, evpn: &Evpn, vni: Vni, key: Self::Key) -> bool;

    /// How wide the column of keys is, if that depends on them.
    fn width(_keys: &[Self::Key]) -> usize {
        0
    }

    /// What stands above the list of a VNI.
    fn heading(&self, vni: Vni, count: usize, all: bool, width: usize) -> String;

    /// The member with their number, and of those who have it the object that is to hold them.
    fn json_keys() -> (&'static str, Option<&'static str>);

    /// One of a list.
    fn text(&self, tables: &Tables<'_>, vni: Vni, key: Self::Key, width: usize, out: &mut String);

    /// One of a list.
    fn json(&self, tables: &Tables<'_>, vni: Vni, key: Self::Key) -> Option<Value>;

    /// One at length.
    fn one(tables: &Tables<'_>, vni: Vni, key: Self::Key, json: bool) -> Option<Self::One>;

    /// Its text, or its JSON document.
    fn render(one: Self::One, json: bool) -> String;
}

/// Carries out a command.
pub(super) fn show<K: Kind>(
    core: &CoreHandle,
    kind: K,
    vni: Option<Vni>,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    let mut found = core.ask(|core, _| K::OF.vnis(core))?;
    if let Some(vni) = vni {
        found.retain(|found| *found == vni);
        match (found.is_empty(), json, kind.only()) {
            (true, true, _) => return Ok(out.text("{}\n")?),
            (true, false, _) => return Err(K::OF.no_such_vni(vni)),
            (false, _, Some(key)) => return one::<K>(core, vni, key, json, out),
            (false, _, None) => {}
        }
    }
    let all = vni.is_none();
    let mut stream_of_json = json.then(JsonStream::object);
    for vni in found {
        let keys = select(core, kind, vni)?;
        if keys.is_empty() && all && kind.skips_empty() {
            continue;
        }
        stream_of_json = of_vni(core, kind, vni, keys, all, stream_of_json, out)?;
    }
    match stream_of_json {
        Some(json) => Ok(out.text(&json.finish())?),
        None => Ok(()),
    }
}

fn of_vni<K: Kind>(
    core: &CoreHandle,
    kind: K,
    vni: Vni,
    keys: Vec<K::Key>,
    all: bool,
    mut json: Option<JsonStream>,
    out: &mut dyn Sink,
) -> Result<Option<JsonStream>, ExecError> {
    let width = K::width(&keys);
    let (number, object) = K::json_keys();
    match &mut json {
        Some(json) => {
            if all {
                json.begin_object(&vni.to_string());
            }
            json.member(number, keys.len());
            if let Some(object) = object {
                json.begin_object(object);
            }
        }
        None => out.text(&kind.heading(vni, keys.len(), all, width))?,
    }
    let mut json = stream(core, ListPages { kind, vni, keys: keys.into_iter(), width, json }, out)?.json;
    if let Some(json) = &mut json {
        if object.is_some() {
            json.end();
        }
        if all {
            json.end();
        }
    }
    Ok(json)
}

fn one<K: Kind>(
    core: &CoreHandle,
    vni: Vni,
    key: K::Key,
    json: bool,
    out: &mut dyn Sink,
) -> Result<(), ExecError> {
    match core.ask(move |core, now| K::one(&Tables::of(core, now), vni, key, json))? {
        Some(found) => Ok(out.text(&K::render(found, json))?),
        None if json => Ok(out.text("{}\n")?),
        None => Err(K::missing(vni)),
    }
}

/// The entries of a VNI under way.
#[derive(Debug)]
pub(super) struct ListPages<K: Kind> {
    pub kind: K,
    pub vni: Vni,
    pub keys: vec::IntoIter<K::Key>,
    pub width: usize,
    pub json: Option<JsonStream>,
}

impl<K: Kind> Pages for ListPages<K> {
    fn page(&mut self, tables: &Tables<'_>, out: &mut String) -> bool {
        for key in self.keys.by_ref().take(SMALL_PAGE) {
            match &mut self.json {
                None => self.kind.text(tables, self.vni, key, self.width, out),
                Some(json) => {
                    if let Some(value) = self.kind.json(tables, self.vni, key) {
                        json.member(&key.to_string(), value);
                    }
                }
            }
        }
        if let Some(json) = &mut self.json {
            *out = json.take();
        }
        !self.keys.as_slice().is_empty()
    }
}

/// Those of a VNI's keys that are meant.
#[derive(Debug)]
struct Select<K: Kind> {
    kind: K,
    vni: Vni,
    candidates: vec::IntoIter<K::Key>,
    found: Vec<K::Key>,
}

impl<K: Kind> Pages for Select<K> {
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let page = self.candidates.by_ref().take(4 * PAGE);
        self.found.extend(page.filter(|key| self.kind.is_wanted(tables.evpn, self.vni, *key)));
        !self.candidates.as_slice().is_empty()
    }
}

/// The keys that are meant, in order.
fn select<K: Kind>(core: &CoreHandle, kind: K, vni: Vni) -> Result<Vec<K::Key>, ExecError> {
    let candidates = core.ask(move |core, _| K::keys(core.evpn(), vni))?.into_iter();
    let pages = stream(core, Select { kind, vni, candidates, found: Vec::new() }, &mut String::new())?;
    let mut found = pages.found;
    found.sort_unstable();
    Ok(found)
}
