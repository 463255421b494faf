//! `atome tokenize`, and models that carry the vocabulary of their directory.

#[allow(dead_code, reason = "each test file uses its part")]
#[path = "../../runtime/tests/support/folder.rs"]
mod folder;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome_gguf::Value;
use atome_gguf::write::{ArrayBytes, Writer};
use safetensors::Dtype;
use serde_json::{Value as Json, json};
use std::fs;
use support::Fixture;

/// Ten tokens for a model of 11 ids: a text begins with `<s>`, and blanks are tokens' own.
const TOKENIZER: &str = r#"{
    "added_tokens": [
        {"id": 0, "content": "<unk>", "special": true},
        {"id": 1, "content": "<s>", "special": true},
        {"id": 2, "content": "</s>", "special": true}
    ],
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"},
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "post_processor": {"type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
    "decoder": {"type": "Sequence", "decoders": [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true,
        "vocab": {"<unk>": 0, "<s>": 1, "</s>": 2, "▁": 3, "a": 4, "b": 5, "é": 6, "ab": 7, "▁a": 8, "▁ab": 9},
        "merges": [["a", "b"], ["▁", "ab"], ["▁", "a"]]}
}"#;

/// A workshop with a model's directory `hub`, which has a tokenizer.
fn hub() -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("hub")).unwrap();
    folder::put(&fixture.path("hub"), &folder::whole(Dtype::F32));
    fixture.write("hub/tokenizer.json", TOKENIZER.as_bytes());
    fixture
}

fn tokens(fixture: &Fixture, model: &str, more: &[&str]) -> Json {
    fixture.json(&[&["tokenize", model, "--json"], more].concat())
}

#[test]
fn ids_and_pieces_and_text_again() {
    let fixture = hub();
    let answer = json!({"tokens": [9, 8, 3, 6], "pieces": [" ab", " a", " ", "é"]});
    for model in ["hub", "hub/tokenizer.json"] {
        assert_eq!(tokens(&fixture, model, &["-p", "ab a é"]), answer);
    }
    fixture.write("text", "ab a é".as_bytes());
    assert_eq!(tokens(&fixture, "hub", &["--text", "text"]), answer);
    let of_ids = tokens(&fixture, "hub", &["--ids", "1,9,8,3,6,2"]);
    assert_eq!(of_ids["text"], "ab a é");
    assert_eq!(of_ids["pieces"][0], "<s>");
    let lines = fixture.ok(&["tokenize", "hub", "-p", "ab é"]);
    assert_eq!(
        lines,
        "       9  \" ab\"\n       3  \" \"\n       6  \"é\"\n"
    );
    assert_eq!(fixture.ok(&["tokenize", "hub", "--ids", "9,3,6"]), "ab é\n");
    assert_eq!(fixture.ok(&["tokenize", "hub", "-p", ""]), "");
    // The model inside speaks in bytes.
    assert_eq!(
        fixture.json(&["tokenize", "-p", "hi", "--json"])["tokens"],
        json!([104, 105])
    );
    assert_eq!(
        tokens(&fixture, "lm.bin", &["-p", "hi"])["tokens"],
        json!([104, 105])
    );
}

#[test]
fn special_tokens_where_they_are_asked_for() {
    let fixture = hub();
    let text = ["-p", "ab</s>"];
    assert_eq!(tokens(&fixture, "hub", &text)["tokens"], json!([9, 0]));
    let parsed = tokens(&fixture, "hub", &[&text[..], &["--parse-special"]].concat());
    assert_eq!(parsed["tokens"], json!([9, 2]));
    let both = ["--parse-special", "--add-special"];
    let both = tokens(&fixture, "hub", &[&text[..], &both].concat());
    assert_eq!(both["tokens"], json!([1, 9, 2]));
}

/// Text in and out, from the directory and from files that are all that is left of it.
#[test]
fn a_model_carries_its_vocabulary() {
    let fixture = hub();
    let answer = |model: &str| {
        let args = [
            "run",
            model,
            "-p",
            "ab é",
            "-n",
            "6",
            "--greedy",
            "--ignore-eos",
            "--json",
        ];
        let answer = fixture.json(&args);
        assert_eq!(answer["prompt"], json!([1, 9, 3, 6]));
        let text = answer["text"].as_str().unwrap();
        assert!(text.starts_with("ab é"), "{text}");
        (answer["tokens"].clone(), text.to_owned())
    };
    let expected = answer("hub");
    for packed in ["packed.safetensors", "packed.gguf"] {
        fixture.ok(&["pack", "hub", packed, "-q"]);
    }
    fixture.ok(&[
        "pack",
        "packed.safetensors",
        "again.safetensors",
        "--packing",
        "base3",
        "-q",
    ]);
    fixture.ok(&["pack", "packed.gguf", "from_gguf.safetensors", "-q"]);
    let text = ["-p", "ab é", "-n", "6", "--greedy", "--ignore-eos", "-q"];
    let shown = |model| fixture.ok(&[&["run", model], &text[..]].concat());
    fs::rename(fixture.path("hub/tokenizer.json"), fixture.path("away")).unwrap();
    for model in [
        "packed.safetensors",
        "packed.gguf",
        "again.safetensors",
        "from_gguf.safetensors",
    ] {
        assert_eq!(answer(model), expected, "{model}");
        assert_eq!(shown(model).trim_end(), expected.1.trim_end(), "{model}");
        assert_eq!(
            tokens(&fixture, model, &["-p", "ab é"])["tokens"],
            json!([9, 3, 6])
        );
        assert_eq!(
            fixture.json(&["inspect", model, "--json"])["tokenizer"],
            "own"
        );
    }
    let same = |name: &str| fs::read(fixture.path(name)).unwrap();
    assert_eq!(same("packed.safetensors"), same("from_gguf.safetensors"));
}

#[test]
fn a_vocabulary_alone_in_gguf() {
    let fixture = Fixture::new();
    let mut writer = Writer::new();
    writer.key("general.architecture", Value::String("llama"));
    writer.key("tokenizer.ggml.model", Value::String("gpt2"));
    let tokens_of = ArrayBytes::strings(["a", "b", "ab", "Ġ", "<end>"]);
    writer.key("tokenizer.ggml.tokens", tokens_of.value());
    writer.key(
        "tokenizer.ggml.token_type",
        ArrayBytes::i32s([1, 1, 1, 1, 3]).value(),
    );
    writer.key(
        "tokenizer.ggml.merges",
        ArrayBytes::strings(["a b"]).value(),
    );
    fixture.write("vocab.gguf", &writer.finish());
    let said = fixture.run(&["tokenize", "vocab.gguf", "-p", "ab ba"]);
    assert_eq!(
        said.out,
        "       2  \"ab\"\n       3  \" \"\n       1  \"b\"\n       0  \"a\"\n"
    );
    assert!(
        said.err.contains("does not say what cuts its texts"),
        "{}",
        said.err
    );
}

#[test]
fn what_is_wrong_is_said_in_a_line() {
    let fixture = hub();
    fs::create_dir(fixture.path("empty")).unwrap();
    fixture.write(
        "damaged.json",
        TOKENIZER.replace("BPE", "WordPiece").as_bytes(),
    );
    for (args, message) in [
        (
            &["hub", "--ids", "11"][..],
            "token 11 is out of range: the vocabulary has ids 0 to 9",
        ),
        (
            &["hub", "--ids", "x"],
            "expected token ids from 0 to 4294967295, found `x` as item 1",
        ),
        (
            &["empty", "-p", "x"],
            "empty: expected a directory with `tokenizer.json`, found one without it",
        ),
        (
            &["damaged.json", "-p", "x"],
            "damaged.json: expected the tokenizer's model to be `BPE`, found \"WordPiece\"",
        ),
        (&["nothing", "-p", "x"], "nothing: cannot read the file"),
        (
            &["wide.bin", "-p", "x"],
            "no tokenizer is known for the model's 300 token ids",
        ),
    ] {
        let said = fixture.run(&[&["tokenize"], args].concat());
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(
            said.err.contains(message) && said.err.lines().count() == 1,
            "{}",
            said.err
        );
    }
    // A directory whose tokenizer is damaged, or is of more tokens than the model has.
    fixture.write(
        "hub/tokenizer.json",
        TOKENIZER.replace("\"ab\": 7", "\"ab\": 77").as_bytes(),
    );
    let said = fixture.run(&["run", "hub", "-p", "x"]);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err
            .contains("the tokenizer `own` has 78 ids, the model has 11"),
        "{}",
        said.err
    );
}
