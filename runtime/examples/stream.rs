//! Continues a text by the model inside the repository, or by one from a file, and writes each token as it comes.
//!
//! `cargo run --release --example stream -- "And he said" [MODEL]`

use atome::sampler::{Sampler, Sampling};
use atome::{Model, Options};
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;

/// Tokens to add.
const TOKENS: usize = 200;
const DEFAULT_MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/default.safetensors");

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let prompt = args.next().unwrap_or_else(|| "In the beginning".to_owned());
    let path = args.next().unwrap_or_else(|| DEFAULT_MODEL.to_owned());

    let model = Model::load(Path::new(&path), None, &Options::default())?;
    let tokenizer = model.tokenizer()?;
    let mut sampler = Sampler::new(Sampling::default(), model.vocab())?;
    let mut session = model.session()?;
    session.prefill(&tokenizer.encode(prompt.as_bytes()))?;

    let mut out = io::stdout().lock();
    write!(out, "{prompt}")?;
    for token in session.generate(&mut sampler).take(TOKENS) {
        out.write_all(tokenizer.bytes(token?))?;
        out.flush()?;
    }
    writeln!(out)?;
    Ok(())
}
