//! Continues several texts at once: a step of a batch reads every weight once for all of them.
//!
//! `cargo run --release --example batch`

use atome::{Model, Options, Session};
use std::error::Error;
use std::path::Path;

const DEFAULT_MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/default.safetensors");
const BEGINNINGS: [&str; 4] = [
    "In the beginning",
    "And he said",
    "The voice of",
    "Blessed are",
];
/// Tokens of each continuation.
const TOKENS: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options {
        sessions: BEGINNINGS.len(),
        ..Options::default()
    };
    let model = Model::load(Path::new(DEFAULT_MODEL), None, &options)?;
    let tokenizer = model.tokenizer()?;
    let mut texts = BEGINNINGS.map(|text| text.as_bytes().to_vec());
    let mut sessions: Vec<Session> = Vec::new();
    for text in &texts {
        let mut session = model.session()?;
        session.prefill(&tokenizer.encode(text))?;
        sessions.push(session);
    }
    for _ in 0..TOKENS {
        let tokens: Vec<u32> = sessions.iter().map(Session::argmax).collect();
        for (text, token) in texts.iter_mut().zip(&tokens) {
            text.extend_from_slice(tokenizer.bytes(*token));
        }
        let mut all: Vec<&mut Session> = sessions.iter_mut().collect();
        model.step_batch(&mut all, &tokens)?;
    }
    for text in texts {
        println!("{}", String::from_utf8_lossy(&text).replace('\n', " "));
    }
    Ok(())
}
