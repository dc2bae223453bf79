//! A log that cannot be flooded. What one neighbour can bring about is limited where it is said (`LogLimit`); beneath
//! that no kind of line comes oftener than `MOST` times a minute, whoever is behind it (`Flood`). How many were left
//! out is said with the next one that is not. Lines for debugging are not limited.

use super::{LineWriter, Outputs};
use std::{
    collections::HashMap,
    io::Write,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use tracing::{Event, Level, Metadata, callsite::Identifier};
use tracing_subscriber::{
    fmt::{
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    layer::{Context, Filter},
};

/// Lines about one neighbour, of one sort.
const OF_NEIGHBOUR: u32 = 10;
/// Lines of one kind, from one place of the program: more than there are neighbours.
const MOST: u32 = 1000;
/// The time in which there may be so many.
const PERIOD: Duration = Duration::from_secs(60);

/// How many lines of a sort are still logged.
#[derive(Debug)]
pub(crate) struct LogLimit {
    allowed: u32,
    began: Option<Instant>,
    used: u32,
    suppressed: u64,
}

impl Default for LogLimit {
    /// For lines about one neighbour.
    fn default() -> Self {
        Self::of(OF_NEIGHBOUR)
    }
}

impl LogLimit {
    fn of(allowed: u32) -> Self {
        Self { allowed, began: None, used: 0, suppressed: 0 }
    }

    /// If one more may be logged: how many were not since the last that was.
    pub(crate) fn take(&mut self, now: Instant) -> Option<u64> {
        if self.began.is_none_or(|began| now.saturating_duration_since(began) >= PERIOD) {
            (self.began, self.used) = (Some(now), 0);
        }
        if self.used >= self.allowed {
            self.suppressed += 1;
            return None;
        }
        self.used += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// What is said of lines that were left out; nothing without any.
pub(crate) fn not_logged(suppressed: u64) -> String {
    if suppressed == 0 { String::new() } else { format!(" ({suppressed} more were not logged)") }
}

/// Leaves out lines of which there are too many.
pub(super) struct Flood {
    kinds: Mutex<HashMap<Identifier, LogLimit>>,
    outputs: Outputs,
}

impl Flood {
    pub(super) fn new(outputs: Outputs) -> Self {
        Self { kinds: Mutex::default(), outputs }
    }

    /// Whether a line of this kind may be written; says before it how many were not.
    fn admits(&self, kind: &'static Metadata<'static>, now: Instant) -> bool {
        if *kind.level() > Level::INFO {
            return true;
        }
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = kinds.entry(kind.callsite()).or_insert_with(|| LogLimit::of(MOST)).take(now);
        drop(kinds);
        if let Some(suppressed @ 1..) = taken {
            let mut line = String::new();
            // Writing to a String does not fail; without a clock the line has no time.
            let _ = SystemTime.format_time(&mut Writer::new(&mut line));
            line += &format!("  WARN {suppressed} lines as the following one were not logged\n");
            let _ =
                LineWriter { outputs: self.outputs.clone(), level: Level::WARN }.write_all(line.as_bytes());
        }
        taken.is_some()
    }
}

impl<S> Filter<S> for Flood {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        self.admits(event.metadata(), Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Target, TargetKind};
    use std::{fs::File, sync::Arc};
    use tracing::level_filters::LevelFilter;
    use tracing_subscriber::{Layer, layer::SubscriberExt};

    #[test]
    fn a_flood_is_logged_ten_times_a_minute_and_counted() {
        let start = Instant::now();
        let mut limit = LogLimit::default();
        assert_eq!((0..100).filter(|_| limit.take(start).is_some()).count(), 10);
        assert_eq!(limit.take(start + PERIOD), Some(90));
        assert_eq!(limit.take(start + PERIOD), Some(0));
        assert_eq!((not_logged(0), not_logged(7)), (String::new(), " (7 more were not logged)".to_owned()));
    }

    #[test]
    fn no_kind_of_line_floods_and_others_are_written_beside_it() {
        let path = std::env::temp_dir().join(format!("weft-log-flood-{}", std::process::id()));
        let file = Arc::new(File::options().append(true).create(true).open(&path).unwrap());
        let outputs = Outputs::default();
        *outputs.0.write().unwrap() =
            vec![Target { kind: TargetKind::File(file), level: LevelFilter::TRACE }];
        let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(outputs.clone());
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(Flood::new(outputs.clone())));
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..3 * MOST {
                tracing::warn!("flood");
                tracing::debug!("detail");
            }
            tracing::error!("beside");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let count = |of: &str| text.lines().filter(|line| line.ends_with(of)).count();
        assert_eq!([count("flood"), count("detail"), count("beside")], [1000, 3000, 1]);

        // A minute later.
        static KIND: std::sync::OnceLock<&'static Metadata<'static>> = std::sync::OnceLock::new();
        struct Keep;
        impl<S> Filter<S> for Keep {
            fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
                true
            }
            fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
                KIND.get_or_init(|| event.metadata());
                false
            }
        }
        let keeping = tracing_subscriber::registry().with(tracing_subscriber::fmt::layer().with_filter(Keep));
        tracing::subscriber::with_default(keeping, || tracing::warn!("any"));
        let (flood, start, kind) = (Flood::new(outputs), Instant::now(), *KIND.get().unwrap());
        assert_eq!((0..MOST + 5).filter(|_| flood.admits(kind, start)).count(), MOST as usize);
        assert!(flood.admits(kind, start + PERIOD));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(text.ends_with("WARN 5 lines as the following one were not logged\n"), "{text}");
    }
}
