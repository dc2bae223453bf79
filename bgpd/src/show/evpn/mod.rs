//! `show evpn …`: what EVPN holds of VNIs, MACs and addresses, whether BGP runs or not. FRR's
//! zebra answers these; layouts and keys are its.
//!
//! Lists are in order of VNI, then MAC or address (FRR has them in no order).

mod arp;
mod domain;
mod global;
mod list;
mod mac;
mod next_hops;
mod rmac;
mod vni;

pub(super) use arp::show as arp_cache;
pub(super) use domain::show as domain;
pub(super) use global::show as global;
pub(super) use mac::show as mac;
pub(super) use next_hops::show as next_hops;
pub(super) use rmac::show as rmac;
pub(super) use vni::show as vni;

use crate::command::ExecError;
use weft_evpn::{Vni, engine::DuplicateView};

fn no_such_vni(vni: Vni) -> ExecError {
    ExecError(format!("VNI {vni} does not exist"))
}

fn no_such_l3vni(vni: Vni) -> ExecError {
    ExecError(format!("L3-VNI {vni} does not exist"))
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
