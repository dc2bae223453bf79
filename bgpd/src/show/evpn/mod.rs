//! `show evpn …`: what EVPN holds of VNIs, MACs and addresses, whether BGP runs or not. FRR's
//! zebra answers these; layouts and keys are its.
//!
//! Lists are in order of VNI, then MAC or address (FRR has them in no order). A list holds the
//! addresses of one VNI (6 or 17 octets each); which of them are meant, and what they look
//! like, is asked page by page.

mod arp;
mod global;
mod mac;
mod vni;

pub(super) use arp::show as arp_cache;
pub(super) use global::show as global;
pub(super) use mac::show as mac;
pub(super) use vni::show as vni;

use super::{
    page::{PAGE, Pages, stream},
    tables::Tables,
};
use crate::{command::ExecError, core::CoreHandle};
use std::vec;
use weft_evpn::{Evpn, Vni, engine::DuplicateView};

/// The VNIs that are meant: this one, or all. `None`: this one does not exist.
fn vnis(core: &CoreHandle, vni: Option<Vni>) -> Result<Option<Vec<Vni>>, ExecError> {
    Ok(core.ask(move |core, _| match vni {
        Some(vni) => core.evpn().instance(vni).map(|_| vec![vni]),
        None => Some(core.evpn().instances().map(|instance| instance.vni).collect()),
    })?)
}

fn no_such_vni(vni: Vni) -> ExecError {
    ExecError(format!("VNI {vni} does not exist"))
}

/// The keys that MACs and addresses share.
fn sequences(
    json: &mut serde_json::Map<String, serde_json::Value>,
    local: u32,
    remote: u32,
    duplicate: &DuplicateView,
) {
    json.insert("localSequence".to_owned(), local.into());
    json.insert("remoteSequence".to_owned(), remote.into());
    json.insert("detectionCount".to_owned(), duplicate.moves.into());
    json.insert("isDuplicate".to_owned(), duplicate.since.is_some().into());
}

/// Duplicate detection at length, with FRR's words.
fn duplicate_text(duplicate: &DuplicateView, clock: &super::text::Clock) -> String {
    let mut text = String::new();
    if duplicate.since.is_some() {
        text.push_str(" Duplicate, detected by moves");
        if duplicate.frozen {
            text.push_str(", its moves are not followed");
        }
        match duplicate.until {
            Some(until) => text += &format!(", looked at again in {}s\n", clock.until(until).as_secs()),
            None => text.push_str(" until it is cleared\n"),
        }
    } else if duplicate.moves > 0 {
        text += &format!(" Duplicate detection started, detection count {}\n", duplicate.moves);
    }
    text
}

/// Those of a VNI's addresses that are meant.
#[derive(Debug)]
struct Select<K, F> {
    candidates: vec::IntoIter<K>,
    wanted: F,
    found: Vec<K>,
}

impl<K, F> Pages for Select<K, F>
where
    K: Copy + Send + 'static,
    F: Fn(&Evpn, K) -> bool + Send + 'static,
{
    fn page(&mut self, tables: &Tables<'_>, _out: &mut String) -> bool {
        let page = self.candidates.by_ref().take(4 * PAGE);
        self.found.extend(page.filter(|key| (self.wanted)(tables.evpn, *key)));
        !self.candidates.as_slice().is_empty()
    }
}

/// The addresses that are `wanted`, in order.
fn select<K: Copy + Ord + Send + 'static>(
    core: &CoreHandle,
    all: impl FnOnce(&Evpn) -> Vec<K> + Send + 'static,
    wanted: impl Fn(&Evpn, K) -> bool + Send + 'static,
) -> Result<Vec<K>, ExecError> {
    let candidates = core.ask(move |core, _| all(core.evpn()))?.into_iter();
    let pages = stream(core, Select { candidates, wanted, found: Vec::new() }, &mut String::new())?;
    let mut found = pages.found;
    found.sort_unstable();
    Ok(found)
}
