//! GPT-2's tokens.
#![cfg(feature = "gpt2")]

use atome_text::Tokenizer;

fn decode(tokenizer: &Tokenizer, tokens: &[u32]) -> Vec<u8> {
    let bytes = tokens.iter().flat_map(|&id| tokenizer.bytes(id));
    bytes.copied().collect()
}

/// Ids as GPT-2's own encoder gives them.
#[test]
fn known_tokens() {
    let gpt2 = Tokenizer::gpt2();
    for (text, tokens) in [
        ("Hello, world!", &[15496, 11, 995, 0][..]),
        ("hello world", &[31373, 995]),
        ("", &[]),
    ] {
        assert_eq!(gpt2.encode(text.as_bytes()), tokens, "{text:?}");
    }
    for id in [50_256, 50_257, u32::MAX] {
        assert!(gpt2.bytes(id).is_empty(), "{id}");
    }
    assert_eq!((gpt2.vocab(), gpt2.ends()), (50_257, &[50_256][..]));
}

#[test]
fn no_text_ends_the_text() {
    let gpt2 = Tokenizer::gpt2();
    let tokens = gpt2.encode(b"a<|endoftext|>b");
    assert!(!tokens.contains(&50_256), "{tokens:?}");
    assert_eq!(decode(&gpt2, &tokens), b"a<|endoftext|>b");
    assert_eq!(
        gpt2.encode_with_special(b"a<|endoftext|>b"),
        [64, 50_256, 65]
    );
}

#[test]
fn any_bytes_come_back() {
    let gpt2 = Tokenizer::gpt2();
    let all: Vec<u8> = (0..=255).chain((0..=255).rev()).collect();
    for text in [
        &b""[..],
        "na\u{ef}ve \u{4f60}\u{597d} \u{1f600}\r\n\t  x".as_bytes(),
        b"a\xffb\xe2\x82z\xf0\x9f\x98",
        &all,
    ] {
        let tokens = gpt2.encode(text);
        assert_eq!(decode(&gpt2, &tokens), text);
    }
}

/// What is quadratic in the length of a piece would take hours.
#[test]
fn a_megabyte_of_anything() {
    const LENGTH: usize = 1 << 20;
    let gpt2 = Tokenizer::gpt2();
    let parts = [
        &b"a"[..],
        b" ",
        b"\n",
        b"\xff",
        b"=",
        b"0",
        b"ab",
        b" \n",
        "\u{4f60}".as_bytes(),
    ];
    for part in parts {
        let text = [&part.repeat(LENGTH / part.len())[..], b"x"].concat();
        let tokens = gpt2.encode(&text);
        assert!(decode(&gpt2, &tokens) == text, "{part:?}");
    }
}
