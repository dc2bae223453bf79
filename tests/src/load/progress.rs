//! A progress bar on a terminal; silent anywhere else.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};

/// Shows how far a phase is. The counter is written by the thread that counts, the bar is drawn
/// by another one, ten times a second.
#[derive(Debug)]
pub struct Progress {
    shown: bool,
    bar: ProgressBar,
    /// Routes that the slowest sink has.
    pub seen: AtomicU64,
}

impl Progress {
    /// With a bar, if standard error is a terminal and `wanted`.
    pub fn new(wanted: bool) -> Self {
        let shown = wanted && std::io::stderr().is_terminal();
        Self { shown, bar: ProgressBar::hidden(), seen: AtomicU64::new(0) }
    }

    /// Begins a phase of so many routes.
    pub fn begin(&mut self, name: &str, total: u64) {
        self.seen.store(0, Ordering::Relaxed);
        if !self.shown {
            return;
        }
        self.bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        // The template is ours and has no fault; if it had, the default would do.
        if let Ok(style) = ProgressStyle::with_template("{msg:18} {bar:40} {human_pos}/{human_len} {elapsed}")
        {
            self.bar.set_style(style);
        }
        self.bar.set_message(name.to_owned());
    }

    /// Draws the bar.
    pub fn draw(&self) {
        if self.shown {
            self.bar.set_position(self.seen.load(Ordering::Relaxed));
        }
    }

    /// Ends the phase: the bar goes.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}
