//! A bar while something takes long, for people who watch.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar on standard error that counts to `length`, in a `unit`; hidden where nobody watches or it should be quiet.
/// It goes away when it is dropped.
pub(crate) fn bar(quiet: bool, length: u64, what: &'static str, unit: &str) -> Bar {
    if quiet {
        return Bar(ProgressBar::with_draw_target(
            Some(length),
            ProgressDrawTarget::hidden(),
        ));
    }
    let template =
        format!("{{msg}} {{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} left");
    let style = ProgressStyle::with_template(&template);
    let bar = ProgressBar::new(length).with_message(what);
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    // The thread that ticks is not started where nobody watches.
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    Bar(bar)
}

/// A bar that clears its line when it goes.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Goes to `n`.
    pub(crate) fn set(&self, n: usize) {
        self.0.set_position(n as u64);
    }

    /// Counts on by `n`.
    pub(crate) fn advance(&self, n: usize) {
        self.0.inc(n as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
