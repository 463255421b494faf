//! The tokenizer of GPT-2 against that of `tiktoken-rs`, on any text; and its own inverse, on any bytes.

use atome::tokenizer::{TextDecoder, Tokenizer};
use proptest::prelude::*;
use std::sync::LazyLock;

static OURS: LazyLock<Tokenizer> = LazyLock::new(Tokenizer::gpt2);

fn agrees(text: &str) {
    let expected = tiktoken_rs::r50k_base_singleton().encode_ordinary(text);
    let found = OURS.encode(text.as_bytes());
    assert!(
        found == expected,
        "{:?}: {found:?}, expected {expected:?}",
        text.chars().take(200).collect::<String>()
    );
}

fn bytes_of(tokens: &[u32]) -> Vec<u8> {
    let bytes = tokens.iter().flat_map(|&id| OURS.bytes(id));
    bytes.copied().collect()
}

#[test]
fn every_token_has_the_bytes_it_should() {
    let theirs = tiktoken_rs::r50k_base_singleton();
    for id in 0..50_256 {
        assert_eq!(OURS.bytes(id), theirs.decode_bytes(&[id]).unwrap(), "{id}");
    }
    assert_eq!(OURS.ends(), [50_256]);
    assert_eq!(theirs.decode_bytes(&[50_256]).unwrap(), b"<|endoftext|>");
    assert!(theirs.decode_bytes(&[50_257]).is_err());
}

/// Each character beside itself, a letter, a number, a symbol and blanks.
#[test]
fn every_character() {
    let characters: Vec<char> = (0..0x3_4000)
        .chain(0xe_0000..0xe_0200)
        .filter_map(char::from_u32)
        .collect();
    for some in characters.chunks(4096) {
        let text: String = some
            .iter()
            .map(|c| format!("{c}{c}a{c}1{c}! {c}  {c}{c} "))
            .collect();
        agrees(&text);
    }
}

#[test]
fn words_and_spaces() {
    for text in [
        "",
        "It's we'll they've I'm he'd can't you're 'tis O'Neill's ''s 'S don'T",
        "fn main() {\n    println!(\"{}\", 1_000);\n}\n",
        "  \t\n\r\n  x \u{a0}\u{2003} y\u{3000}\u{3000}z   ",
        "<|endoftext|> and <|endoftext|>",
        "Grüße, 你好 — \u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467} e\u{301} ½ Ⅷ ٣",
        "antidisestablishmentarianism floccinaucinihilipilification",
    ] {
        agrees(text);
    }
    for unit in ["a", "ab", " ", "\n", "=", "0", "e\u{301}", "\u{4f60}"] {
        for times in [2, 3, 7, 99, 100, 129, 1000, 20_000] {
            agrees(&unit.repeat(times));
            agrees(&format!("{}x", unit.repeat(times)));
        }
    }
}

/// Characters of every class, and those that the splitting rules name.
fn awkward() -> impl Strategy<Value = String> {
    let parts = prop_oneof![
        4 => "[a-z]{1,12}",
        2 => "[ \t\n\r\u{a0}]{1,4}",
        2 => "'(s|t|re|ve|m|ll|d|S|x)?",
        2 => "[0-9\u{bd}\u{2167}\u{663}]{1,5}",
        2 => "[!-/:-@\u{2014}\u{301}]{1,4}",
        1 => "\\PC{1,8}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text(text in awkward()) {
        agrees(&text);
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x20..0x7fu8, Just(0xe2), Just(0x82)], 0..200)) {
        let tokens = OURS.encode(&bytes);
        prop_assert_eq!(&bytes_of(&tokens), &bytes);
        let (mut text, mut decoder) = (String::new(), TextDecoder::new());
        for id in tokens {
            decoder.push(OURS.bytes(id), |part| text.push_str(part));
        }
        decoder.finish(|part| text.push_str(part));
        prop_assert_eq!(text, String::from_utf8_lossy(&bytes).into_owned());
    }
}
