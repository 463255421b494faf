//! Answers one after the other over one connection, as they come.

use crate::Args;
use crate::client::{Client, Fault};
use crate::times::Times;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

/// What a stream does after a fault, so that a server that is gone is not asked without end.
const PAUSE: Duration = Duration::from_millis(100);

/// What a stream came to.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) requests: u64,
    pub(crate) tokens: u64,
    pub(crate) parts: u64,
    /// From a request to its first part.
    pub(crate) first: Times,
    /// From a part to the next.
    pub(crate) between: Times,
    pub(crate) errors: u64,
    /// What was wrong first.
    pub(crate) error: Option<Fault>,
}

/// Asks until the end.
pub(crate) fn repeat(args: &Args, stream: usize, end: Instant) -> Sum {
    let mut sum = Sum::default();
    let mut client = Client::new(&args.address, args.key.as_deref());
    while Instant::now() < end {
        let seed = (stream as u64) << 32 | sum.requests;
        sum.requests += 1;
        if let Err(fault) = one(args, &mut client, seed, &mut sum) {
            sum.errors += 1;
            sum.error.get_or_insert(fault);
            client.hang_up();
            thread::sleep(PAUSE);
        }
    }
    sum
}

/// One answer.
fn one(args: &Args, client: &mut Client, seed: u64, sum: &mut Sum) -> Result<(), Fault> {
    let ask = json!({
        "prompt": args.prompt,
        "max_tokens": args.tokens,
        "seed": seed,
        "stream": true,
        "ignore_eos": true,
        "stream_options": { "include_usage": true },
    });
    let asked = Instant::now();
    client.begin("POST", "/v1/completions", &ask.to_string())?;
    let mut last = None;
    loop {
        let line = client.line()?;
        let Some(data) = line.strip_prefix("data: ") else {
            continue;
        };
        if data == "[DONE]" {
            break;
        }
        if data.starts_with(r#"{"error""#) {
            return Err(Fault::new(data));
        }
        if let Some((_, count)) = data.split_once(r#""completion_tokens":"#) {
            let digits = count.split(|c: char| !c.is_ascii_digit()).next();
            let written: u64 = digits.unwrap_or_default().parse().map_err(Fault::new)?;
            if written != args.tokens as u64 {
                let expected = args.tokens;
                return Err(Fault::new(format!(
                    "expected {expected} tokens, found {written}"
                )));
            }
            sum.tokens += written;
            continue;
        }
        let now = Instant::now();
        sum.parts += 1;
        match last.replace(now) {
            None => sum.first.add(now - asked),
            Some(before) => sum.between.add(now - before),
        }
    }
    // The chunk that ends the body.
    while client.line()? != "0" {}
    client.line()?;
    Ok(())
}
