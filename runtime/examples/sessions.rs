//! Reads a beginning once and continues it in several ways: forks of a session, and one restored from bytes, as a
//! program would after a restart.
//!
//! `cargo run --release --example sessions`

use atome::sampler::{Sampler, Sampling};
use atome::{Model, Options, Session};
use std::error::Error;
use std::path::Path;

const DEFAULT_MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/default.safetensors");
const BEGINNING: &str = "And the king said unto the";
/// Tokens of each continuation.
const TOKENS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    // Room for three conversations; memory is taken by those that are used.
    let options = Options {
        sessions: 3,
        ..Options::default()
    };
    let model = Model::load(Path::new(DEFAULT_MODEL), None, &options)?;
    let mut session = model.session()?;
    session.prefill(&model.tokenizer()?.encode(BEGINNING.as_bytes()))?;

    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state)?;
    println!(
        "{BEGINNING}: {} bytes of state after {} tokens",
        state.len(),
        session.position()
    );

    let mut fork = session.fork()?;
    println!("the first:    {}", continued(&mut session, 1)?);
    println!("its fork:     {}", continued(&mut fork, 2)?);

    let mut restored = model.session()?;
    restored.restore(&state)?;
    println!("the restored: {}", continued(&mut restored, 1)?);
    Ok(())
}

fn continued(session: &mut Session, seed: u64) -> Result<String, Box<dyn Error>> {
    let model = session.model().clone();
    let tokenizer = model.tokenizer()?;
    let settings = Sampling {
        seed,
        ..Sampling::default()
    };
    let mut sampler = Sampler::new(settings, model.vocab())?;
    let mut text = Vec::new();
    for token in session.generate(&mut sampler).take(TOKENS) {
        text.extend_from_slice(tokenizer.bytes(token?));
    }
    Ok(String::from_utf8_lossy(&text).replace('\n', " "))
}
