//! The accepted numbers, and what became of them. The file has a line `"room/what" = instructions`
//! for each case, a subset of TOML, sorted; comments are kept out of it but for its head.

use std::{collections::BTreeMap, fmt::Write};

/// What a case may get worse by before it is named, in percent.
pub const ALLOWED: f64 = 2.0;

/// Instructions for one thing, by case.
pub type Counts = BTreeMap<String, f64>;

/// Accepted numbers, and the compiler they were counted with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Accepted {
    /// What `rustc --version` said.
    pub compiler: String,
    /// The numbers.
    pub counts: Counts,
}

const HEAD: &str = "# Instructions (callgrind) for one route or move, each case of the benchmarks. Renewed by\n\
                    # `make counts-accept`; `make counts` compares.\n";

impl Accepted {
    /// Reads the file; the error names the line.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut accepted = Self::default();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || format!("line {}: {line:?} is not \"CASE\" = NUMBER", at + 1);
            let (key, value) = line.split_once('=').ok_or_else(bad)?;
            let (key, value) = (key.trim().trim_matches('"'), value.trim());
            if key == "compiler" {
                accepted.compiler = value.trim_matches('"').to_owned();
            } else {
                accepted.counts.insert(key.to_owned(), value.parse().map_err(|_| bad())?);
            }
        }
        Ok(accepted)
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut text = format!("{HEAD}compiler = \"{}\"\n", self.compiler);
        for (case, count) in &self.counts {
            let _ = writeln!(text, "\"{case}\" = {count:.1}");
        }
        text
    }

    /// A table of these numbers and those counted now; and the cases that got worse by more than
    /// `ALLOWED`, or were lost.
    pub fn compare(&self, now: &Counts) -> (String, Vec<String>) {
        let (mut table, mut worse) = (format!("{:<28} {:>9} {:>9}\n", "case", "accepted", "now"), Vec::new());
        for (case, count) in now {
            let _ = match self.counts.get(case) {
                Some(&before) => {
                    let percent = (count / before - 1.0) * 100.0;
                    let mark = if percent > ALLOWED { "  WORSE" } else { "" };
                    if percent > ALLOWED {
                        worse.push(format!("{case}: {before:.1} → {count:.1} ({percent:+.1} %)"));
                    }
                    writeln!(table, "{case:<28} {before:>9.1} {count:>9.1} {percent:>+7.1} %{mark}")
                }
                None => writeln!(table, "{case:<28} {:>9} {count:>9.1}      new", "-"),
            };
        }
        let lost = self.counts.keys().filter(|case| !now.contains_key(*case));
        worse.extend(lost.map(|case| format!("{case}: no such case any more")));
        (table, worse)
    }
}

/// The instructions in what callgrind says at its end.
pub fn collected(report: &str) -> Option<f64> {
    let (_, count) = report.lines().find_map(|line| line.split_once("Collected :"))?;
    count.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, f64)]) -> Counts {
        of.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect()
    }

    #[test]
    fn the_file_goes_both_ways_and_a_bad_line_is_named() {
        let accepted = Accepted {
            compiler: "rustc 1.95.0".to_owned(),
            counts: counts(&[("rib/insert", 1403.2), ("a/b", 9.0)]),
        };
        assert_eq!(Accepted::parse(&accepted.render()), Ok(accepted));
        assert_eq!(
            Accepted::parse("# x\n\"a\" = b\n"),
            Err("line 2: \"\\\"a\\\" = b\" is not \"CASE\" = NUMBER".to_owned())
        );
    }

    #[test]
    fn what_is_worse_or_lost_is_named_and_noise_is_not() {
        let accepted = Accepted {
            counts: counts(&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("d", 1.0)]),
            ..Accepted::default()
        };
        let (table, worse) =
            accepted.compare(&counts(&[("a", 101.9), ("b", 103.0), ("c", 50.0), ("e", 7.0)]));
        assert_eq!(worse, ["b: 100.0 → 103.0 (+3.0 %)", "d: no such case any more"]);
        assert!(table.contains("WORSE") && table.contains("new"), "{table}");
    }

    #[test]
    fn callgrinds_total_is_found() {
        assert_eq!(
            collected("==1== Events    : Ir\n==1== Collected : 228150416\n==1==\n"),
            Some(228_150_416.0)
        );
        assert_eq!(collected("valgrind: no such file"), None);
    }
}
