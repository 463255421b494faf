//! What is told in the end, to people or as JSON.

use crate::Args;
use crate::idle::Idle;
use crate::stream::Sum;
use crate::times::Times;
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;

/// All streams together.
pub(crate) struct Report {
    streams: usize,
    seconds: f64,
    requests: u64,
    tokens: u64,
    parts: u64,
    first: Times,
    between: Times,
    pub(crate) errors: u64,
    error: Option<String>,
    /// Seconds, and bytes of the server then.
    memory: Vec<(f64, u64)>,
    idle: Option<Idle>,
}

impl Report {
    pub(crate) fn new(
        args: &Args,
        time: Duration,
        sums: Vec<Sum>,
        memory: Vec<(f64, u64)>,
        idle: Option<Idle>,
    ) -> Report {
        let mut report = Report {
            streams: args.streams,
            seconds: time.as_secs_f64(),
            requests: 0,
            tokens: 0,
            parts: 0,
            first: Times::default(),
            between: Times::default(),
            errors: 0,
            error: None,
            memory,
            idle,
        };
        for sum in sums {
            report.requests += sum.requests;
            report.tokens += sum.tokens;
            report.parts += sum.parts;
            report.first.merge(&sum.first);
            report.between.merge(&sum.between);
            report.errors += sum.errors;
            let error = sum.error.map(|fault| fault.to_string());
            report.error = report.error.or(error);
        }
        report
    }

    fn rate(&self) -> f64 {
        self.tokens as f64 / self.seconds
    }

    /// The server's bytes after a tenth of the time, at the end, and at most.
    fn memory(&self) -> (u64, u64, u64) {
        let warm = self.seconds / 10.0;
        let warm = self.memory.iter().find(|(at, _)| *at >= warm);
        let last = self.memory.last();
        let most = self.memory.iter().map(|(_, bytes)| *bytes).max();
        let bytes = |sample: Option<&(f64, u64)>| sample.map_or(0, |(_, bytes)| *bytes);
        (bytes(warm), bytes(last), most.unwrap_or(0))
    }

    pub(crate) fn json(&self) -> String {
        let times = |times: &Times| {
            json!({
                "p50": times.share_ms(0.5),
                "p99": times.share_ms(0.99),
                "longest": times.longest.as_secs_f64() * 1e3,
                "count": times.count,
            })
        };
        let (warm, last, most) = self.memory();
        let memory = json!({
            "after_a_tenth": warm, "at_the_end": last, "most": most, "samples": self.memory,
        });
        json!({
            "streams": self.streams,
            "seconds": self.seconds,
            "requests": self.requests,
            "errors": self.errors,
            "error": self.error,
            "tokens": self.tokens,
            "tokens_per_second": self.rate(),
            "parts": self.parts,
            "first_ms": times(&self.first),
            "between_parts_ms": times(&self.between),
            "memory_bytes": memory,
            "idle": self.idle,
        })
        .to_string()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mb = |bytes: u64| bytes as f64 / 1e6;
        if let Some(idle) = &self.idle {
            let _ = writeln!(
                text,
                "{} idle sessions: {:.0} MB, {:.3} of their states of {:.0} kB each",
                idle.sessions,
                mb(idle.bytes),
                idle.ratio(),
                idle.state_bytes as f64 / 1e3,
            );
        }
        let _ = writeln!(
            text,
            "{} streams for {:.0} s: {} requests, {} errors, {} tokens, {:.0} tokens/s, {:.2} tokens a part",
            self.streams,
            self.seconds,
            self.requests,
            self.errors,
            self.tokens,
            self.rate(),
            self.tokens as f64 / self.parts.max(1) as f64,
        );
        if let Some(error) = &self.error {
            let _ = writeln!(text, "first error: {error}");
        }
        for (name, times) in [
            ("to the first part", &self.first),
            ("between parts", &self.between),
        ] {
            let _ = writeln!(
                text,
                "{name}: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
                times.share_ms(0.5),
                times.share_ms(0.99),
                times.longest.as_secs_f64() * 1e3,
            );
        }
        let (warm, last, most) = self.memory();
        let _ = write!(
            text,
            "the server's memory: {:.1} MB after a tenth of the time, {:.1} MB at the end, {:.1} MB at most",
            mb(warm),
            mb(last),
            mb(most),
        );
        text
    }
}
