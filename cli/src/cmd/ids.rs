//! A continuation in token ids, for models whose tokens are not bytes.

use super::run::{describe, per_second, report};
use crate::failure::Failure;
use crate::output;
use atome::Model;
use atome::sampler::{Sampler, Sampling};
use serde::Serialize;
use std::io::{self, Write};
use std::time::{Duration, Instant};

#[derive(Serialize)]
struct Answer<'a> {
    prompt: &'a [u32],
    tokens: &'a [u32],
    load_s: f64,
    compile_s: f64,
    arena_bytes: usize,
    prefill_tok_s: Option<f64>,
    decode_tok_s: Option<f64>,
}

/// Prints `n` ids that follow `prompt`, on one line as they come, or in one JSON object.
pub(super) fn run(
    model: &Model,
    prompt: &[u32],
    (n, sampling): (usize, Sampling),
    (json, quiet): (bool, bool),
) -> Result<(), Failure> {
    describe(quiet, model);
    let mut session = model.session()?;
    let mut sampler = Sampler::new(sampling, model.vocab())?;
    let start = Instant::now();
    session.prefill(prompt)?;
    let prefill = start.elapsed();

    let mut out = io::stdout().lock();
    let (mut ids, mut decode) = (Vec::new(), Duration::ZERO);
    for left in (0..n).rev() {
        let start = Instant::now();
        let id = sampler.sample(session.logits());
        // Nobody asks what follows the last token.
        if left > 0 {
            session.step(id)?;
        }
        decode += start.elapsed();
        if !json {
            let separator = if ids.is_empty() { "" } else { "," };
            let written = write!(out, "{separator}{id}").and_then(|()| out.flush());
            written.map_err(Failure::Output)?;
        }
        ids.push(id);
    }
    let decoded = (n.saturating_sub(1), decode);
    if !json {
        writeln!(out).map_err(Failure::Output)?;
        report(quiet, (prompt.len(), prefill), decoded);
        return Ok(());
    }
    drop(out);
    let info = model.info();
    output::print_json(&Answer {
        prompt,
        tokens: &ids,
        load_s: info.load_time.as_secs_f64(),
        compile_s: info.compile_time.as_secs_f64(),
        arena_bytes: info.arena_bytes,
        prefill_tok_s: per_second(prompt.len(), prefill),
        decode_tok_s: per_second(decoded.0, decode),
    })
}
