//! Tokenizers, vocabularies and configs.

use super::files::{is_shallow, runs};
use super::{choice, one_line};
use atome::checkpoint::Checkpoint;
use atome::families::AtomeConfig;
use atome::tokenizer::{TextDecoder, Tokenizer, Vocabulary};
use std::sync::LazyLock;

/// The longest `tokenizer.json` that is read.
const MAX_JSON_BYTES: usize = 64 << 10;
/// Texts for tokenizers of any vocabulary.
const TEXTS: [&str; 4] = [
    "",
    "The 12 cats don't  sit\n\non 3.5 mats.",
    "\u{2581}<s> na\u{ef}ve \u{4f60}\u{597d} \u{1f600} e\u{301}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];
/// Numbers of a model that is made for a config.
const MAX_WEIGHTS: usize = 1 << 16;

/// A config as JSON. A small one is tried with random weights.
pub(super) fn config(data: &[u8]) -> bool {
    let config = match AtomeConfig::from_json(data) {
        Ok(config) => config,
        Err(error) => return one_line(&error).is_empty(),
    };
    let text = serde_json::to_vec(&config).expect("numbers have a form in JSON");
    let again = AtomeConfig::from_json(&text).expect("a config that was read");
    assert_eq!(again, config);
    let choice = choice(data);
    if weights(&config) <= MAX_WEIGHTS && is_shallow(&config) {
        let classes = (choice & 1 == 0).then_some(1 + (choice >> 24) as usize);
        runs(&Checkpoint::random(config, classes, 7), choice);
    }
    true
}

/// Elements of the tensors, about.
fn weights(config: &AtomeConfig) -> usize {
    let layer = config.kernel_size + 2 * config.d_head + config.d_model + 8;
    (2 * config.vocab_size + 256 + config.n_layers * layer).saturating_mul(config.d_model)
}

static TOKENIZERS: LazyLock<[Tokenizer; 2]> =
    LazyLock::new(|| [Tokenizer::bytes_alone(), Tokenizer::gpt2()]);

/// Any bytes as text, and as token ids of four bytes.
pub(super) fn tokenizer(data: &[u8]) -> bool {
    for tokenizer in TOKENIZERS.iter() {
        let tokens = tokenizer.encode(data);
        let vocab = tokenizer.vocab();
        assert!(tokens.iter().all(|&id| (id as usize) < vocab));
        assert!(tokens.iter().all(|id| !tokenizer.ends().contains(id)));
        let bytes: Vec<u8> = tokens
            .iter()
            .flat_map(|&id| tokenizer.bytes(id))
            .copied()
            .collect();
        assert!(bytes == data, "{tokens:?}");
        let parts = tokens.iter().map(|&id| tokenizer.bytes(id));
        assert_eq!(decoded(parts), String::from_utf8_lossy(data));

        let ids = data.as_chunks().0.iter().map(|id| u32::from_le_bytes(*id));
        let parts: Vec<&[u8]> = ids.map(|id| tokenizer.bytes(id)).collect();
        let whole = parts.concat();
        assert_eq!(decoded(parts.into_iter()), String::from_utf8_lossy(&whole));
    }
    true
}

/// A `tokenizer.json`: what is read of it is stored and read again, and makes the same tokens of texts.
pub(super) fn vocabulary(data: &[u8]) -> bool {
    if data.len() > MAX_JSON_BYTES {
        return false;
    }
    let read = || {
        let vocabulary = Vocabulary::from_json(data, None)?;
        let stored = vocabulary.to_bytes()?;
        let again = Vocabulary::from_bytes(&stored)?;
        assert!(again.to_bytes()? == stored, "stored twice");
        Ok::<_, atome::tokenizer::TextError>([vocabulary.tokenizer()?, again.tokenizer()?])
    };
    let [one, other] = match read() {
        Ok(tokenizers) => tokenizers,
        Err(error) => return one_line(&error).is_empty(),
    };
    // The file is a text like any other.
    let own = &data[..data.len().min(1 << 10)];
    for text in TEXTS.iter().map(|text| text.as_bytes()).chain([own]) {
        let tokens = one.encode(text);
        assert!(tokens.iter().all(|&id| (id as usize) < one.vocab()));
        assert_eq!(tokens, other.encode(text));
        let special = one.encode_with_special(text);
        assert_eq!(special, other.encode_with_special(text));
        assert_eq!(one.decode(&special), other.decode(&special));
    }
    true
}

fn decoded<'b>(parts: impl Iterator<Item = &'b [u8]>) -> String {
    let (mut text, mut decoder) = (String::new(), TextDecoder::new());
    for part in parts {
        decoder.push(part, |part| text.push_str(part));
    }
    decoder.finish(|part| text.push_str(part));
    text
}
