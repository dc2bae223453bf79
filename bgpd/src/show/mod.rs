//! What the operator reads: tables and JSON as FRR prints them.

use crate::{
    command::{ExecCommand, ExecError, Sink},
    core::CoreHandle,
};
use weft_fib::ConsistencyReport;

/// Carries out a show command.
///
/// # Errors
/// What was asked for does not exist, or the reader is gone.
pub fn show(_core: &CoreHandle, command: ExecCommand, _out: &mut dyn Sink) -> Result<(), ExecError> {
    Err(ExecError(format!("{command:?}")))
}

/// `show evpn consistency [json]`.
///
/// # Errors
/// The reader is gone.
pub fn consistency(report: &ConsistencyReport, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    if json {
        let text = serde_json::to_string_pretty(report).map_err(|error| ExecError(error.to_string()))?;
        out.text(&text)?;
        return Ok(out.text("\n")?);
    }
    out.text(&format!("VNIs: {}\nEntries compared: {}\n", report.vnis, report.checked))?;
    for difference in &report.differences {
        out.text(&format!("{difference}\n"))?;
    }
    if report.omitted > 0 {
        out.text(&format!("… and {} more differences\n", report.omitted))?;
    }
    if let Some(error) = &report.error {
        out.text(&format!("The comparison is not complete: {error}\n"))?;
    }
    Ok(out.text(if report.is_consistent() { "Consistent\n" } else { "Not consistent\n" })?)
}
