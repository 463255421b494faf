//! What happens, counted, in the text form of Prometheus.

use crate::process;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A number that goes up, or is set.
#[derive(Default)]
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) fn add(&self, n: usize) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self, n: usize) {
        self.0.fetch_sub(n, Ordering::Relaxed);
    }

    pub(crate) fn set(&self, n: usize) {
        self.0.store(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of a histogram's buckets, in seconds.
const BOUNDS_S: [f64; 14] = [
    0.0001, 0.0003, 0.001, 0.003, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0,
];

/// How long something takes.
#[derive(Default)]
pub(crate) struct Times {
    buckets: [AtomicU64; BOUNDS_S.len() + 1],
    sum_us: AtomicU64,
}

impl Times {
    pub(crate) fn add(&self, time: Duration) {
        let seconds = time.as_secs_f64();
        let bucket = BOUNDS_S.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let us = time.as_micros() as u64;
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    fn write(&self, name: &str, text: &mut String) {
        let mut count = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS_S) {
            count += bucket.load(Ordering::Relaxed);
            let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        count += self.buckets[BOUNDS_S.len()].load(Ordering::Relaxed);
        let sum = self.sum_us.load(Ordering::Relaxed) as f64 / 1e6;
        let _ = writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {count}");
        let _ = writeln!(text, "{name}_sum {sum}\n{name}_count {count}");
    }
}

/// All that is counted.
#[derive(Default)]
pub(crate) struct Metrics {
    /// By path and status.
    requests: Mutex<BTreeMap<(String, u16), usize>>,
    pub(crate) read_tokens: Count,
    pub(crate) cached_tokens: Count,
    pub(crate) written_tokens: Count,
    pub(crate) batches: Count,
    pub(crate) step_us: Count,
    /// Texts whose clients left before their end.
    pub(crate) left: Count,
    pub(crate) running: Count,
    pub(crate) waiting: Count,
    pub(crate) prefix_bytes: Count,
    pub(crate) prefix_entries: Count,
    pub(crate) connections: Count,
    pub(crate) first_token: Times,
    pub(crate) between_tokens: Times,
}

impl Metrics {
    /// Counts an answered request; `path` is one of the server's own.
    pub(crate) fn answered(&self, path: &str, status: u16) {
        let requests = self.requests.lock();
        let mut requests = requests.unwrap_or_else(PoisonError::into_inner);
        *requests.entry((path.to_owned(), status)).or_default() += 1;
    }

    /// Everything as text; `sessions` are bytes and number of those in memory.
    pub(crate) fn text(&self, sessions: (usize, usize)) -> String {
        let mut text = String::new();
        let head = |text: &mut String, name: &str, kind: &str, help: &str| {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        };
        let name = "atome_requests_total";
        head(&mut text, name, "counter", "Requests that were answered.");
        let requests = self.requests.lock();
        for ((path, status), n) in requests.unwrap_or_else(PoisonError::into_inner).iter() {
            let _ = writeln!(text, "{name}{{path=\"{path}\",status=\"{status}\"}} {n}");
        }
        let (session_bytes, session_count) = sessions;
        for (name, kind, help, value) in [
            (
                "atome_prompt_tokens_total",
                "counter",
                "Prompt tokens that were read.",
                self.read_tokens.get(),
            ),
            (
                "atome_cached_tokens_total",
                "counter",
                "Prompt tokens that a kept state had.",
                self.cached_tokens.get(),
            ),
            (
                "atome_written_tokens_total",
                "counter",
                "Tokens of answers.",
                self.written_tokens.get(),
            ),
            (
                "atome_steps_total",
                "counter",
                "Steps, each a token for everyone who writes.",
                self.batches.get(),
            ),
            (
                "atome_step_microseconds_total",
                "counter",
                "Time of all steps.",
                self.step_us.get(),
            ),
            (
                "atome_left_total",
                "counter",
                "Answers whose clients left before their end.",
                self.left.get(),
            ),
            (
                "atome_running",
                "gauge",
                "Texts that have a place.",
                self.running.get(),
            ),
            (
                "atome_waiting",
                "gauge",
                "Texts that wait for a place.",
                self.waiting.get(),
            ),
            (
                "atome_connections",
                "gauge",
                "Open connections.",
                self.connections.get(),
            ),
            (
                "atome_prefix_bytes",
                "gauge",
                "Memory of states of beginnings of prompts.",
                self.prefix_bytes.get(),
            ),
            (
                "atome_prefix_states",
                "gauge",
                "States of beginnings of prompts.",
                self.prefix_entries.get(),
            ),
            (
                "atome_session_bytes",
                "gauge",
                "Memory of sessions by name.",
                session_bytes,
            ),
            (
                "atome_sessions",
                "gauge",
                "Sessions by name in memory.",
                session_count,
            ),
        ] {
            head(&mut text, name, kind, help);
            let _ = writeln!(text, "{name} {value}");
        }
        for (name, help, value) in process::numbers() {
            head(&mut text, name, "gauge", help);
            let _ = writeln!(text, "{name} {value}");
        }
        for (name, help, times) in [
            (
                "atome_first_token_seconds",
                "From a request to its first token.",
                &self.first_token,
            ),
            (
                "atome_between_tokens_seconds",
                "From a token to the next.",
                &self.between_tokens,
            ),
        ] {
            head(&mut text, name, "histogram", help);
            times.write(name, &mut text);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for ms in [0, 1, 25, 200_000] {
            metrics.between_tokens.add(Duration::from_millis(ms));
        }
        metrics.answered("/health", 200);
        metrics.answered("/health", 200);
        let text = metrics.text((5, 1));
        for line in [
            "atome_requests_total{path=\"/health\",status=\"200\"} 2",
            "atome_between_tokens_seconds_bucket{le=\"0.0001\"} 1",
            "atome_between_tokens_seconds_bucket{le=\"0.001\"} 2",
            "atome_between_tokens_seconds_bucket{le=\"100\"} 3",
            "atome_between_tokens_seconds_bucket{le=\"+Inf\"} 4",
            "atome_between_tokens_seconds_sum 200.026",
            "atome_session_bytes 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
