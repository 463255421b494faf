//! What a training says while it runs, and how it is told to stop.

use crate::failure::Failure;
use crate::output;
use atome_train::{Claims, Observer, Point, StepReport, Trainer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// Weight of a new step in the loss that is shown.
const SMOOTHING: f64 = 0.05;

/// The exit code of a process that was interrupted, by the shells' convention.
const INTERRUPTED: i32 = 130;

/// A bar with loss, speed and time left; lines for evaluations and samples.
pub(super) struct Progress {
    bar: ProgressBar,
    quiet: bool,
    stop: Arc<AtomicBool>,
    /// What losses are bits of.
    unit: &'static str,
    loss: Option<f64>,
    tokens: usize,
    start: Instant,
}

impl Progress {
    /// Shows the training and listens for Ctrl-C; `claims` are given up where it ends at once.
    pub(super) fn new(
        quiet: bool,
        trainer: &Trainer,
        claims: &Arc<Claims>,
    ) -> Result<Progress, Failure> {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(trainer.settings().steps), target);
        let style = ProgressStyle::with_template(
            "{bar:24} {pos}/{len} steps, {msg}, {elapsed} gone, {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(trainer.steps_done());
        bar.reset_eta();
        bar.enable_steady_tick(Duration::from_millis(500));
        Ok(Progress {
            stop: stop_on_request(quiet, bar.clone(), Arc::downgrade(claims))?,
            bar,
            quiet,
            unit: trainer.unit(),
            loss: None,
            tokens: 0,
            start: Instant::now(),
        })
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, line: &str) {
        say(&self.bar, self.quiet, line);
    }
}

/// A line above the bar; without a terminal the bar is hidden, and lines are all there is.
fn say(bar: &ProgressBar, quiet: bool, line: &str) {
    if bar.is_hidden() {
        output::note(quiet, line);
    } else {
        bar.println(line);
    }
}

/// Whether somebody asked to stop, from now on. Asked again, the process ends.
fn stop_on_request(
    quiet: bool,
    bar: ProgressBar,
    claims: Weak<Claims>,
) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let listening = ctrlc::set_handler(move || {
        if !asked.swap(true, Ordering::Relaxed) {
            let next = "press Ctrl-C again to stop without saving";
            say(&bar, quiet, &format!("stopping after this step; {next}"));
            return;
        }
        // The second time it is meant: files are whole at any moment.
        if let Some(claims) = claims.upgrade() {
            claims.release();
        }
        std::process::exit(INTERRUPTED);
    });
    listening.map_err(|cause| Failure::Signals(cause.to_string()))?;
    Ok(stop)
}

impl Observer for Progress {
    fn step(&mut self, report: &StepReport) {
        let loss = self
            .loss
            .map_or(report.bits, |loss| loss + SMOOTHING * (report.bits - loss));
        self.loss = Some(loss);
        self.tokens += report.tokens;
        let speed = self.tokens as f64 / self.start.elapsed().as_secs_f64();
        let nats = loss * std::f64::consts::LN_2;
        self.bar.set_message(format!(
            "loss {nats:.3} ({loss:.3} bits a {}), {speed:.0} {}",
            self.unit,
            if self.unit == "byte" {
                "tok/s"
            } else {
                "texts/s"
            }
        ));
        self.bar.set_position(report.step);
    }

    fn evaluated(&mut self, point: &Point, best: bool) {
        let kept = if best { ", kept" } else { "" };
        let unit = self.unit;
        let text = if unit == "byte" { "text" } else { "texts" };
        self.line(&format!(
            "step {}: {:.4} bits a {unit} on the training {text}, {:.4} on the held-out {text}{kept}",
            point.step, point.training, point.held_out
        ));
    }

    fn sample(&mut self, step: u64, text: &[u8]) {
        let text = String::from_utf8_lossy(text).replace('\n', "\n    ");
        self.line(&format!("step {step} writes:\n    {text}"));
    }

    fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
