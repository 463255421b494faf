//! How fast a vocabulary loads, and how fast it makes tokens of a text: `speed TOKENIZER TEXT`, where TOKENIZER is a
//! `tokenizer.json` or a GGUF file.

use atome_gguf::{Gguf, is_gguf};
use atome_text::Vocabulary;
use std::error::Error;
use std::time::Instant;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut paths = env::args().skip(1);
    let (Some(tokenizer), Some(text)) = (paths.next(), paths.next()) else {
        return Err("expected TOKENIZER TEXT".into());
    };
    let (file, text) = (fs::read(tokenizer)?, fs::read(text)?);
    for _ in 0..3 {
        let start = Instant::now();
        let vocabulary = match is_gguf(&file) {
            true => Vocabulary::from_gguf(Gguf::parse(&file)?.metadata())?,
            false => Vocabulary::from_json(&file, None)?,
        };
        let read = start.elapsed();
        let stored = vocabulary.to_bytes()?;
        let start = Instant::now();
        let tokenizer = vocabulary.tokenizer()?;
        let load = read + start.elapsed();
        let start = Instant::now();
        Vocabulary::from_bytes(&stored)?.tokenizer()?;
        let stored_load = start.elapsed();
        let start = Instant::now();
        let tokens = tokenizer.encode(&text);
        let took = start.elapsed();
        println!(
            "{} ids: read in {read:.1?}, loaded in {load:.1?}, from {} stored bytes in {stored_load:.1?}; {} bytes, {} tokens: {:.1} MB/s",
            tokenizer.vocab(),
            stored.len(),
            text.len(),
            tokens.len(),
            text.len() as f64 / took.as_secs_f64() / 1e6,
        );
    }
    Ok(())
}
