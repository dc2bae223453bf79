//! `show evpn consistency [json]`: what the kernel holds against what it should hold, each
//! difference a line. FRR has no such command.

use super::json::JsonStream;
use crate::command::{ExecError, Sink};
use serde_json::json;
use weft_fib::ConsistencyReport;

/// Differences handed to the reader at once.
const PAGE: usize = 256;

/// `show evpn consistency [json]`.
///
/// # Errors
/// The reader is gone.
pub fn consistency(report: &ConsistencyReport, json: bool, out: &mut dyn Sink) -> Result<(), ExecError> {
    if json { as_json(report, out) } else { as_text(report, out) }
}

fn as_json(report: &ConsistencyReport, out: &mut dyn Sink) -> Result<(), ExecError> {
    let mut json = JsonStream::object();
    json.member("consistent", report.is_consistent());
    json.member("vnis", report.vnis);
    json.member("checked", report.checked);
    json.begin_array("differences");
    for page in report.differences.chunks(PAGE) {
        for difference in page {
            json.element(json!(difference));
        }
        out.text(&json.take())?;
    }
    json.end();
    json.member("omitted", report.omitted);
    if let Some(error) = &report.error {
        json.member("error", error.as_str());
    }
    Ok(out.text(&json.finish())?)
}

fn as_text(report: &ConsistencyReport, out: &mut dyn Sink) -> Result<(), ExecError> {
    out.text(&format!("VNIs: {}\nEntries compared: {}\n", report.vnis, report.checked))?;
    for page in report.differences.chunks(PAGE) {
        let lines: String = page.iter().map(|difference| format!("{difference}\n")).collect();
        out.text(&lines)?;
    }
    if report.omitted > 0 {
        out.text(&format!("… and {} more differences\n", report.omitted))?;
    }
    if let Some(error) = &report.error {
        out.text(&format!("The comparison is not complete: {error}\n"))?;
    }
    Ok(out.text(if report.is_consistent() { "Consistent\n" } else { "Not consistent\n" })?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_evpn::Vni;
    use weft_fib::{Difference, EntryKind};

    fn report() -> ConsistencyReport {
        let difference = Difference {
            kind: EntryKind::VxlanFdb,
            vni: Vni::new(10),
            device: "vx10".to_owned(),
            key: "02:00:00:00:00:02".to_owned(),
            desired: Some("dst 10.255.0.2".to_owned()),
            kernel: None,
        };
        ConsistencyReport { vnis: 1, checked: 7, differences: vec![difference], omitted: 0, error: None }
    }

    #[test]
    fn every_difference_is_a_line() {
        let mut out = String::new();
        consistency(&report(), false, &mut out).unwrap();
        let text = "VNIs: 1\nEntries compared: 7\nvxlan FDB entry 02:00:00:00:00:02 dev vx10 (VNI 10): \
                    desired dst 10.255.0.2, kernel nothing\nNot consistent\n";
        assert_eq!(out, text);
        let mut out = String::new();
        let fine = ConsistencyReport { vnis: 1, checked: 7, ..ConsistencyReport::default() };
        consistency(&fine, false, &mut out).unwrap();
        assert_eq!(out, "VNIs: 1\nEntries compared: 7\nConsistent\n");
    }

    #[test]
    fn the_json_says_whether_it_is_consistent() {
        let mut out = String::new();
        consistency(&report(), true, &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(json["consistent"], false);
        assert_eq!(json["differences"][0]["kind"], "vxlan-fdb");
        assert_eq!(json["differences"][0]["vni"], 10);
        assert_eq!(json["differences"][0]["kernel"], serde_json::Value::Null);
    }
}
