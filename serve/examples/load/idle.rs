//! Sessions that nobody uses: what each takes, beside its state.

use crate::Args;
use crate::client::{Client, Fault};
use serde::Serialize;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Clients that open them together.
const CLIENTS: usize = 16;

/// What idle sessions take.
#[derive(Debug, Serialize)]
pub(crate) struct Idle {
    pub(crate) sessions: usize,
    /// Of one, as the server says.
    pub(crate) state_bytes: u64,
    /// By how much the server grew.
    pub(crate) bytes: u64,
}

impl Idle {
    /// The memory they take as a multiple of their states.
    pub(crate) fn ratio(&self) -> f64 {
        self.bytes as f64 / (self.sessions as u64 * self.state_bytes) as f64
    }
}

/// Opens so many sessions by name.
pub(crate) fn open(args: &Args, watch: &mut Client, count: usize) -> Result<Idle, Fault> {
    let state_bytes = watch.json("/props")?["state_bytes"].as_u64();
    let state_bytes = state_bytes.ok_or_else(|| Fault::new("no state_bytes in /props"))?;
    // What serving costs once is not theirs.
    let next = AtomicUsize::new(0);
    open_until(args, &next, CLIENTS)?;
    let before = watch.metric("process_resident_memory_bytes")?;
    open_until(args, &next, CLIENTS + count)?;
    let after = watch.metric("process_resident_memory_bytes")?;
    Ok(Idle {
        sessions: count,
        state_bytes,
        bytes: after.saturating_sub(before),
    })
}

fn open_until(args: &Args, next: &AtomicUsize, end: usize) -> Result<(), Fault> {
    let work = || {
        let mut client = Client::new(&args.address, args.key.as_deref());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                next.store(end, Ordering::Relaxed);
                return Ok(());
            }
            let ask = json!({
                "prompt": args.prompt,
                "session": format!("idle-{number}"),
                "max_tokens": 1,
                "seed": number,
            });
            client.ask("POST", "/v1/completions", &ask.to_string())?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join());
        let done: Result<Vec<Result<(), Fault>>, _> = done.collect();
        let done = done.map_err(|_| Fault::new("a client panicked"))?;
        done.into_iter().collect()
    })
}
