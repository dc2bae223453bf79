//! What was measured, as text for a person and as JSON for a program.

use super::phase::{Arrived, Outcome};
use super::shape::Shape;
use serde::Serialize;
use std::fmt::Write as _;

/// A whole run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The routes in words.
    pub workload: String,
    /// The routes.
    pub shape: Shape,
    /// Sessions that sent.
    pub senders: usize,
    /// Sessions that received.
    pub sinks: usize,
    /// What was measured, in order.
    pub phases: Vec<Outcome>,
}

impl Report {
    /// As JSON, several lines.
    pub fn json(&self) -> String {
        // Nothing in it can fail: keys are text, numbers are finite.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// The first lines: what is sent by whom to whom.
pub fn heading(shape: &Shape, senders: usize, sinks: usize) -> String {
    let count = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    format!("{shape}; {} to {}\n", count(senders, "sender"), count(sinks, "sink"))
}

/// One phase as text.
pub fn text(outcome: &Outcome) -> String {
    let mut out = format!("{:<20}", outcome.phase);
    // Writing to a String does not fail.
    let _ = match outcome.seconds {
        Some(seconds) => write!(out, " {:>9}", duration(seconds)),
        None => write!(out, " not within the limit"),
    };
    if outcome.routes > 0 {
        let _ = write!(out, "  {} routes", outcome.routes);
    }
    if let Some(rate) = outcome.rate() {
        let _ = write!(out, "  {rate:.0}/s");
    }
    if let Some(sent) = outcome.sent_s {
        let _ = write!(out, "  sent in {}", duration(sent));
    }
    if let Some(first) = outcome.first_s {
        let _ = write!(out, "  first after {}", duration(first));
    }
    match outcome.arrived {
        Arrived::Exactly | Arrived::Unknown => {}
        Arrived::Changed => out += "  ROUTES CHANGED ON THE WAY",
        Arrived::More(count) => {
            let _ = write!(out, "  {count} routes more than once");
        }
        Arrived::Missing(count) => {
            let _ = write!(out, "  {count} ROUTES MISSING");
        }
    }
    if let Some(latency) = &outcome.latency {
        let _ = write!(
            out,
            "\n{:<20} each: median {:.0} us, p99 {:.0} us, longest {:.0} us",
            "", latency.median_us, latency.p99_us, latency.max_us
        );
    }
    if let Some(usage) = &outcome.usage {
        let _ = write!(
            out,
            "\n{:<20} speaker: {:.1} MB resident (peak {:.1}, proportional {:.1})",
            "", usage.rss_mb, usage.peak_mb, usage.pss_mb
        );
    }
    if let Some(cpu) = outcome.speaker_cpu_s {
        let _ = write!(out, ", CPU {cpu:.2} s");
    }
    let [sending, counting] = outcome.own_cpu_s;
    let _ = writeln!(
        out,
        "\n{:<20} {} UPDATEs, {:.1} MB out; {} UPDATEs in; own CPU {} sending, {} counting",
        "",
        outcome.updates,
        outcome.octets as f64 / 1e6,
        outcome.updates_received,
        duration(sending),
        duration(counting),
    );
    out
}

/// A time that is neither too long nor too short to read.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s >= 10.0 => format!("{s:.1} s"),
        s if s >= 0.1 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.0} us", s * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::stats::Latency;
    use std::time::Duration;

    fn outcome() -> Outcome {
        Outcome {
            phase: "moves=3".into(),
            routes: 6,
            updates: 6,
            octets: 700,
            seconds: Some(0.0123),
            first_s: None,
            sent_s: None,
            updates_received: 6,
            arrived: Arrived::Exactly,
            latency: Latency::of([40, 50, 60].map(Duration::from_micros).to_vec()),
            own_cpu_s: [0.0001, 0.0],
            usage: None,
            speaker_cpu_s: None,
        }
    }

    #[test]
    fn text_has_what_was_measured_and_nothing_else() {
        let text = text(&outcome());
        assert!(text.contains("12.3 ms  6 routes  488/s"), "{text}");
        assert!(text.contains("median 50 us, p99 60 us"), "{text}");
        assert!(!text.contains("speaker") && !text.contains("first"), "{text}");
    }

    #[test]
    fn what_is_wrong_cannot_be_overlooked() {
        let late = text(&Outcome { seconds: None, arrived: Arrived::Missing(7), ..outcome() });
        assert!(late.contains("not within the limit") && late.contains("7 ROUTES MISSING"), "{late}");
        let changed = text(&Outcome { arrived: Arrived::Changed, ..outcome() });
        assert!(changed.contains("ROUTES CHANGED"), "{changed}");
    }

    #[test]
    fn json_has_the_phases_with_their_numbers() {
        let report = Report {
            workload: "x".into(),
            shape: Shape::default(),
            senders: 1,
            sinks: 1,
            phases: vec![outcome(), Outcome { arrived: Arrived::Missing(7), ..outcome() }],
        };
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        assert_eq!(json["shape"]["routes"], 1_000_000);
        assert_eq!(json["phases"][0]["latency"]["median_us"], 50.0);
        assert_eq!(json["phases"][0]["arrived"], "exactly");
        assert_eq!(json["phases"][1]["arrived"]["missing"], 7);
    }

    #[test]
    fn times_are_printed_in_their_own_unit() {
        let printed = [12.34, 0.5, 0.0123, 0.000045].map(duration);
        assert_eq!(printed, ["12.3 s", "0.50 s", "12.3 ms", "45 us"]);
    }
}
