//! Text to tokens, and vocabularies that are loaded: as parts of what reading their bytes takes.

use crate::answer::same;
use crate::error::BenchError;
use crate::limit::{Reading, read};
use crate::random::Random;
use crate::record::{Measured, Record};
use crate::time::time;
use atome::tokenizer::{Tokenizer, TokenizerError, Vocabulary};
use atome::{FileError, LoadError};
use atome_kernels::dispatch;
use serde_json::json;
use std::collections::HashSet;
use std::hint::black_box;

/// Ids of the vocabulary: as many as the largest models have.
const IDS: usize = 248_320;
/// Bytes of a text.
const TEXT_BYTES: usize = 1 << 20;
/// The longest part of a token.
const MAX_PART: usize = 8;
const SEED: u64 = 0x7e87;

/// What is timed, by name.
type Run = fn(&str) -> Result<Record, BenchError>;

/// The benchmarks: a `tokenizer.json` to a tokenizer, words and one letter to tokens.
pub(crate) const BENCHES: [(&str, Run); 3] = [
    ("load-vocabulary-json/248320", load),
    ("tokenize-bpe/248320/words", |name| {
        tokenize(name, words(TEXT_BYTES))
    }),
    ("tokenize-bpe/248320/letter", |name| {
        tokenize(name, vec![b'a'; TEXT_BYTES])
    }),
];

fn load(name: &str) -> Result<Record, BenchError> {
    let json = vocabulary();
    let ns = time(|| {
        black_box(tokenizer(black_box(&json))?);
        Ok::<_, BenchError>(())
    })?;
    Ok(record(name, ns, json.len()))
}

fn tokenize(name: &str, text: Vec<u8>) -> Result<Record, BenchError> {
    let tokenizer = tokenizer(&vocabulary())?;
    let back = tokenizer.encode(&text);
    let back = back.iter().flat_map(|id| tokenizer.bytes(*id)).copied();
    let back: Vec<u8> = back.collect();
    // The bytes, and how many there are.
    let numbers = |bytes: &[u8]| {
        let numbers = bytes.iter().map(|byte| f32::from(*byte));
        numbers.chain([bytes.len() as f32]).collect::<Vec<f32>>()
    };
    same(name, &numbers(&text), &numbers(&back))?;
    let ns = time(|| {
        black_box(tokenizer.encode(black_box(&text)));
        Ok::<_, BenchError>(())
    })?;
    Ok(record(name, ns, text.len()))
}

fn tokenizer(json: &[u8]) -> Result<Tokenizer, BenchError> {
    let tokenizer = Vocabulary::from_json(json, None).and_then(Vocabulary::tokenizer);
    let fault = |cause| LoadError::from(FileError::from(TokenizerError::from(cause)));
    tokenizer.map_err(|cause| fault(cause).into())
}

fn record(name: &str, ns: f64, bytes: usize) -> Record {
    let limit = read(Reading::by_one(dispatch::best_isa(), bytes));
    Measured::of_bytes(ns, bytes, limit).record(name)
}

/// A `tokenizer.json` of byte-level pairs with the pattern of GPT-2: printable ASCII, and random pairs of tokens of letters.
fn vocabulary() -> Vec<u8> {
    let mut random = Random::new(SEED);
    // A blank is written as this character.
    let blank = String::from('\u{120}');
    let mut tokens: Vec<String> = ('!'..='~').map(String::from).chain([blank]).collect();
    let mut known: HashSet<String> = tokens.iter().cloned().collect();
    let is_letter = |token: &String| token.starts_with(char::is_alphabetic);
    let mut parts: Vec<String> = tokens.iter().filter(|t| is_letter(t)).cloned().collect();
    let mut merges = Vec::new();
    while tokens.len() < IDS {
        let [left, right] = [(); 2].map(|()| parts[random.below(parts.len())].clone());
        let token = format!("{left}{right}");
        // Blanks stand before words only.
        if right.starts_with('\u{120}') || !known.insert(token.clone()) {
            continue;
        }
        merges.push([left, right]);
        if token.len() <= MAX_PART {
            parts.push(token.clone());
        }
        tokens.push(token);
    }
    // In the order of their ids, as files have them.
    let vocab = tokens.iter().enumerate();
    let vocab = vocab.map(|(id, token)| format!("{}:{id}", json!(token)));
    let vocab = vocab.collect::<Vec<_>>().join(",");
    let merges = json!(merges);
    let text = format!(
        r#"{{"added_tokens":[],"pre_tokenizer":{{"type":"ByteLevel","use_regex":true}},"decoder":{{"type":"ByteLevel"}},"model":{{"type":"BPE","vocab":{{{vocab}}},"merges":{merges}}}}}"#
    );
    text.into_bytes()
}

/// Random words, a line of twelve each.
fn words(bytes: usize) -> Vec<u8> {
    let mut random = Random::new(SEED);
    let mut text = Vec::with_capacity(bytes);
    for word in 1.. {
        let letters = 1 + random.below(9);
        text.extend((0..letters).map(|_| b'a' + random.below(26) as u8));
        text.push(if word % 12 == 0 { b'.' } else { b' ' });
        if text.len() >= bytes {
            break;
        }
    }
    text.truncate(bytes);
    text
}
