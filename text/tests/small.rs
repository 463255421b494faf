//! Small vocabularies: what they make of texts, and what is said of damaged ones.

use atome_text::{Kind, TextError, Tokenizer, Vocabulary};

/// A vocabulary of bytes-as-characters: `a`, `b`, a blank, `ab`, and two tokens by name.
fn json(change: impl Fn(&str) -> String) -> String {
    change(
        r#"{
        "added_tokens": [
            {"id": 4, "content": "<end>", "special": true},
            {"id": 5, "content": "<x>", "special": false, "lstrip": true, "rstrip": true}
        ],
        "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        "post_processor": {"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<end>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<end>": {"id": "<end>", "ids": [4], "tokens": ["<end>"]}}},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "Ġ": 2, "ab": 3}, "merges": ["a b"]}
    }"#,
    )
}

fn read(json: &str) -> Result<Tokenizer, TextError> {
    Vocabulary::from_json(json.as_bytes(), None)?.tokenizer()
}

#[test]
fn special_tokens_only_where_they_are_allowed() {
    let tokenizer = read(&json(str::to_owned)).unwrap();
    assert_eq!(tokenizer.vocab(), 6);
    assert_eq!(tokenizer.encode_with_special(b"ab<end> b"), [3, 4, 2, 1]);
    assert!(!tokenizer.encode(b"ab<end> b").contains(&4));
    // What a user defined is a token everywhere, here with the blanks around it.
    assert_eq!(tokenizer.encode(b"a <x>  b"), [0, 5, 1]);
    assert_eq!((tokenizer.before(), tokenizer.after()), (&[4][..], &[][..]));
    assert_eq!(tokenizer.decode(&[3, 4, 5, 2, 1, 9]), "ab<x> b");
    assert_eq!(
        (tokenizer.bytes(4), tokenizer.name(4)),
        (&b""[..], &b"<end>"[..])
    );
    assert_eq!(
        (tokenizer.id(b"<end>"), tokenizer.id(b"c")),
        (Some(4), None)
    );
    assert!(tokenizer.is_special(4) && !tokenizer.is_special(5));
    assert_eq!(Kind::of(3), Some(Kind::Control));
}

#[test]
fn characters_without_a_token_are_their_bytes() {
    let mut vocab: Vec<String> = vec![
        r#""<unk>": 0"#.into(),
        r#""▁": 1"#.into(),
        r#""▁a": 2"#.into(),
        r#""a": 3"#.into(),
    ];
    vocab.extend((0..256).map(|byte| format!(r#""<0x{byte:02X}>": {}"#, 4 + byte)));
    let json = format!(
        r#"{{"normalizer": {{"type": "Sequence", "normalizers": [
            {{"type": "Prepend", "prepend": "▁"}},
            {{"type": "Replace", "pattern": {{"String": " "}}, "content": "▁"}}]}},
        "decoder": {{"type": "Strip", "content": " ", "start": 1, "stop": 0}},
        "model": {{"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "fuse_unk": true, "vocab": {{{}}}, "merges": [["▁", "a"]]}}}}"#,
        vocab.join(",")
    );
    let tokenizer = read(&json).unwrap();
    assert_eq!(
        tokenizer.encode("a aé".as_bytes()),
        [2, 2, 4 + 0xc3, 4 + 0xa9]
    );
    assert_eq!(tokenizer.encode(b"\xff"), [1, 4 + 0xff]);
    assert_eq!(
        tokenizer.decode(&tokenizer.encode(" a é".as_bytes())),
        " a é"
    );
    // Without them they are unknown, several as one.
    let without = json.replace(r#""byte_fallback": true"#, r#""byte_fallback": false"#);
    assert_eq!(read(&without).unwrap().encode("éé".as_bytes()), [1, 0]);
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let said = |from: &str, to: &str| {
        let json = json(|json| json.replace(from, to));
        read(&json).map(|_| ()).unwrap_err().to_string()
    };
    for (from, to, message) in [
        (
            r#""BPE""#,
            r#""Unigram""#,
            "expected the tokenizer's model to be `BPE`, found \"Unigram\"",
        ),
        (
            r#""ab": 3"#,
            r#""ab": 2"#,
            "token 2: expected one token of this id, found \"ab\"",
        ),
        (
            r#""ab": 3"#,
            r#""ab": 4"#,
            "token 4: expected one token of this id, found \"<end>\"",
        ),
        (
            r#""ab": 3"#,
            r#""ab": 3000000"#,
            "token 3000000: expected at most 65536 ids without tokens, found \"6 tokens\"",
        ),
        (
            r#""ab": 3"#,
            r#""c": 3"#,
            "merge 0: expected two tokens that are one together, found \"ab\"",
        ),
        (
            r#""a b""#,
            r#""a c""#,
            "merge 0: expected a token, found \"c\"",
        ),
        (
            r#""ids": [4]"#,
            r#""ids": [7]"#,
            "token 7: expected an id of the vocabulary, found \"6 tokens\"",
        ),
        (
            r#""merges": ["a b"]"#,
            r#""merges": [], "end_of_word_suffix": "</w>""#,
            "expected `end_of_word_suffix` to be empty, found \"</w>\"",
        ),
        (
            r#"{"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}"#,
            r#"{"type": "Split", "pattern": {"Regex": "(?<=a)b"}, "behavior": "Isolated", "invert": false}"#,
            "expected a group to be `(`, `(?:`, `(?i:`, `(?=` or `(?!` in a pattern that splits text, found \"(?<=a)b\"",
        ),
    ] {
        assert_eq!(said(from, to), message);
    }
    for (from, to, part) in [
        (
            r#""merges": ["a b"]"#,
            r#""merges": ["ab"]"#,
            "two tokens, as a list or with a blank between them",
        ),
        (
            r#""type": "ByteLevel", "add"#,
            r#""type": "BertPreTokenizer", "add"#,
            "unknown variant `BertPreTokenizer`",
        ),
        ("{", "[", "expected a tokenizer as JSON"),
    ] {
        let message = said(from, to);
        assert!(
            message.contains(part) && !message.contains('\n'),
            "{message}"
        );
    }
}

/// Every truncation and every flipped bit: an error or a vocabulary, and never a panic.
#[test]
fn damaged_stored_vocabularies() {
    let vocabulary = Vocabulary::from_json(json(str::to_owned).as_bytes(), None).unwrap();
    let stored = vocabulary.to_bytes().unwrap();
    for length in 0..stored.len() {
        let error = Vocabulary::from_bytes(&stored[..length]).unwrap_err();
        assert!(!error.to_string().contains('\n'));
    }
    let mut refused = 0;
    for bit in 0..8 * stored.len() {
        let mut bytes = stored.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        match Vocabulary::from_bytes(&bytes).and_then(Vocabulary::tokenizer) {
            Ok(tokenizer) => {
                let _ = tokenizer.decode(&tokenizer.encode_with_special(b"ab <x>ab<end>"));
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().contains('\n'));
            }
        }
    }
    assert!(refused > stored.len());
}

#[test]
fn a_megabyte_of_one_letter() {
    const LENGTH: usize = 1 << 20;
    let tokenizer = read(&json(str::to_owned)).unwrap();
    for unit in ["a", "ab", " ", "\u{4f60}"] {
        let text = unit.repeat(LENGTH / unit.len());
        let tokens = tokenizer.encode(text.as_bytes());
        if unit.is_ascii() {
            assert_eq!(tokenizer.decode(&tokens), text);
        }
    }
}
