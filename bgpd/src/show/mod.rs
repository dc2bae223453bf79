//! What the operator reads: tables and JSON in the layouts and with the keys of FRR, so that
//! habits and scripts keep working.
//!
//! ```text
//!  management thread: show ─▶ core.ask(a page) ─▶ text ─▶ sink ─▶ core.ask(the next page) …
//! ```
//!
//! The core is asked for one page at a time (`page`) and renders or copies it between two
//! turns; the thread of the management socket waits for the reader. Rendering is pure: views
//! in, text out (`text`, `json`), one file a subject. What FRR prints and Weft has no fact of
//! is left out; what is printed is never made up.

mod consistency;
mod evpn;
mod json;
mod page;
mod peer_view;
mod summary;
mod tables;
mod text;

pub use consistency::consistency;

use crate::{
    command::{ExecCommand, ExecError, Sink},
    core::CoreHandle,
};
use tables::Tables;

/// Carries out a show command.
///
/// # Errors
/// What was asked for does not exist, the core has ended, or the reader is gone.
pub fn show(core: &CoreHandle, command: ExecCommand, out: &mut dyn Sink) -> Result<(), ExecError> {
    match command {
        ExecCommand::ShowBgpSummary { family, sessions, json } => {
            summary::show(core, family, sessions, json, out)
        }
        ExecCommand::ShowEvpn { json } => evpn::global(core, json, out),
        ExecCommand::ShowEvpnVni { vni, detail, json } => evpn::vni(core, vni, detail, json, out),
        ExecCommand::ShowEvpnMac { vni, filter, detail, json } => {
            evpn::mac(core, vni, filter, detail, json, out)
        }
        ExecCommand::ShowEvpnArpCache { vni, filter, detail, json } => {
            evpn::arp_cache(core, vni, filter, detail, json, out)
        }
        command => Err(ExecError(format!("{command:?}"))),
    }
}
