//! `address-family rtfilter unicast` (RFC 4684), without the lines of neighbours.

use super::Edit;
use crate::command::{Args, Command, Reject, grammar::token::parse_asn};

/// The lines of the address family.
pub static COMMANDS: &[Command] = &[
    Command::set("[no] auto-import as ASN$asn", auto_import),
    Command::set("exit-address-family", |edit, _| {
        edit.leave();
        Ok(())
    }),
];

fn auto_import(edit: &mut Edit<'_>, args: &Args<'_>) -> Result<(), Reject> {
    let text = args.text("asn").unwrap_or_default();
    let asn = parse_asn(text).ok_or_else(|| args.reject("asn", format!("{text} is not an AS number")))?;
    let ases = &mut edit.bgp()?.rtfilter.auto_import_as;
    if !args.negative() {
        ases.insert(asn);
    } else if !ases.remove(&asn) {
        return Err(args.reject("asn", format!("AS {asn} is not configured")));
    }
    Ok(())
}
