//! Continues a text by the model inside the crate, or by one from a file.
//!
//! `cargo run --release -p atome --features default-model --example continue -- "And he said" [MODEL]`

use atome::sampler::{Sampler, Sampling};
use atome::{Model, Options};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Tokens to add.
const TOKENS: usize = 200;

fn main() -> ExitCode {
    match tell() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn tell() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let prompt = args.next().unwrap_or_else(|| "In the beginning".to_owned());
    let model = match args.next() {
        Some(path) => Model::load(Path::new(&path), None, &Options::default())?,
        None => Model::default_model(&Options::default())?,
    };
    let tokenizer = model.tokenizer()?;
    let mut sampler = Sampler::new(Sampling::default(), model.vocab())?;

    let mut session = model.session()?;
    session.prefill(&tokenizer.encode(prompt.as_bytes()))?;
    let mut out = io::stdout().lock();
    write!(out, "{prompt}")?;
    for _ in 0..TOKENS {
        let next = sampler.sample(session.logits());
        if Some(next) == model.info().tokenizer.end_of_text() {
            break;
        }
        out.write_all(tokenizer.bytes(next))?;
        out.flush()?;
        session.step(next)?;
    }
    writeln!(out)?;
    Ok(())
}
