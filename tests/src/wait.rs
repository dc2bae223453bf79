//! Waiting on conditions. No lab sleeps for a guessed time; it polls every few
//! milliseconds until the condition holds or the limit is over, and says how long it took.

use crate::error::{LabError, Result};
use std::time::{Duration, Instant};

/// Pause between two looks at a condition.
pub const POLL: Duration = Duration::from_millis(5);

/// Polls until `condition` is true; returns how long that took. An error from the
/// condition counts as "not yet" and is shown if the limit passes.
pub fn wait_until(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    wait_for(what, limit, || condition().map(|holds| if holds { Ok(()) } else { Err(String::new()) }))
        .map(|((), took)| took)
}

/// Polls until `look` gives a value; otherwise the last text it gave is part of the error.
pub fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<std::result::Result<T, String>>,
) -> Result<(T, Duration)> {
    let start = Instant::now();
    loop {
        let seen = match look() {
            Ok(Ok(value)) => return Ok((value, start.elapsed())),
            Ok(Err(seen)) => seen,
            Err(error) => error.to_string(),
        };
        if start.elapsed() >= limit {
            let detail = if seen.is_empty() { seen } else { format!("; last seen: {seen}") };
            return Err(LabError::Timeout { what: what.to_owned(), limit, detail });
        }
        std::thread::sleep(POLL);
    }
}
