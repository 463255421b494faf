//! GGUF files through the command: packed, run, inspected, refused.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome_gguf::write::{ArrayBytes, Writer};
use atome_gguf::{TypeId, Value};
use serde_json::Value as Json;
use std::path::Path;
use support::Fixture;

/// A model of another family, with types that are read and one that is not.
fn foreign() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.key("general.architecture", Value::String("mistral"));
    writer.key("mistral.block_count", Value::U32(1));
    writer.key("tokenizer.ggml.model", Value::String("gpt2"));
    writer.key("tokenizer.ggml.pre", Value::String("qwen2"));
    let tokens = ArrayBytes::strings(["a", "b\n", "c"]);
    writer.key("tokenizer.ggml.tokens", tokens.value());
    writer.key("tokenizer.chat_template", Value::String("{{ messages }}"));
    writer.tensor("norm", &[2], TypeId::F32, &[0; 8]);
    writer.tensor("up", &[128, 8], TypeId::PQ2_0, &[0; 272]);
    writer.tensor("embd", &[64, 3], TypeId(2), &[0; 108]);
    writer.finish()
}

#[test]
fn a_packed_model_runs_as_its_source() {
    let fixture = Fixture::new();
    let run = |model: &str| fixture.run(&["run", model, "-p", "ab", "-n", "20", "--seed", "3"]);
    let expected = run("lm.bin");
    for (packing, source) in [("int2", "lm.bin"), ("base3", "lm2.bin")] {
        let said = fixture.run(&[
            "pack",
            source,
            "lm.gguf",
            "--packing",
            packing,
            "--force",
            "--json",
        ]);
        assert_eq!(said.code, Some(0), "{said:?}");
        let answer: Json = serde_json::from_str(&said.out).unwrap();
        assert_eq!(answer["format"], "GGUF");
        let length = std::fs::metadata(fixture.path("lm.gguf")).unwrap().len();
        assert_eq!(answer["bytes"], length);
        assert_eq!(run("lm.gguf").out, expected.out);
    }
    // And back, and over a file of ours without being told to.
    for (from, to) in [
        ("lm.gguf", "lm.safetensors"),
        ("lm.safetensors", "again.gguf"),
        ("lm.safetensors", "again.gguf"),
    ] {
        let said = fixture.run(&["pack", from, to, "-q"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert_eq!(run(to).out, expected.out);
    }
    let said = fixture.run(&["pack", "cl.bin", "cl.gguf", "-q"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let classes = |model| fixture.run(&["classify", model, "--tokens", "1,2,3"]).out;
    assert_eq!(classes("cl.gguf"), classes("cl.bin"));
}

#[test]
fn a_model_of_ours_is_inspected_as_one_and_as_a_file() {
    let fixture = Fixture::new();
    fixture.run(&["pack", "lm.bin", "lm.gguf", "-q"]);
    let said = fixture.run(&["inspect", "lm.gguf"]);
    assert!(
        said.out.contains("atome, language model, from GGUF"),
        "{}",
        said.out
    );
    let said = fixture.run(&["inspect", "lm.gguf", "--file"]);
    assert!(
        said.out.contains("to run it     nothing more"),
        "{}",
        said.out
    );
    let said = fixture.run(&["inspect", "lm.bin", "--file"]);
    let expected = "error: `--file` is not for a model that is no GGUF file\n";
    assert_eq!((said.code, said.err.as_str()), (Some(2), expected));
}

#[test]
fn a_model_of_another_family_is_described() {
    let fixture = Fixture::new();
    fixture.write("m.gguf", &foreign());
    let said = fixture.run(&["inspect", "m.gguf"]);
    let lines: Vec<&str> = said.out.lines().collect();
    let expected = [
        "file          m.gguf, GGUF version 3, 1 file",
        "architecture  mistral",
        "tokenizer     gpt2 (qwen2), 3 tokens, with a chat template",
        "tensors       3, 388 bytes: 1 F32 (8 bytes), 1 PQ2_0 (272 bytes), 1 Q4_0 (type 2) (108 bytes)",
        "to run it     the family `mistral`; the type Q4_0 (type 2), of 1 tensor",
        "",
        "  general.architecture     string          \"mistral\"",
        "  mistral.block_count      u32             1",
        "  tokenizer.ggml.model     string          \"gpt2\"",
        "  tokenizer.ggml.pre       string          \"qwen2\"",
        "  tokenizer.ggml.tokens    string x 3      [\"a\", \"b\\n\", \"c\"]",
        "  tokenizer.chat_template  string          \"{{ messages }}\"",
        "",
        "  norm  F32                   2                 8",
        "  up    PQ2_0                 128 x 8           272",
        "  embd  Q4_0 (type 2)         64 x 3            108",
    ];
    assert_eq!((said.code, lines), (Some(0), expected.to_vec()));
    let said = fixture.run(&["inspect", "m.gguf", "--json"]);
    let answer: Json = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["needs"].as_array().unwrap().len(), 2);
    assert_eq!(answer["tokenizer"]["tokens"], 3);
    assert_eq!(answer["keys"]["tokenizer.ggml.tokens"]["first"][1], "b\n");
    assert_eq!(answer["tensors"][1]["dims"], serde_json::json!([128, 8]));

    let said = fixture.run(&["run", "m.gguf", "--tokens", "1"]);
    let expected = "error: m.gguf: metadata: expected `general.architecture` to be atome, bitmamba2, hgrn_bit, graph, qwen35, qwen3 or bitnet, found \"mistral\"\n";
    assert_eq!((said.code, said.err.as_str()), (Some(2), expected));
    fixture.write("cut.gguf", &foreign()[..200]);
    let said = fixture.run(&["inspect", "cut.gguf"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert!(
        said.err.starts_with("error: cut.gguf: key 4: ") && said.err.lines().count() == 1,
        "{}",
        said.err
    );
}

/// A hybrid, whose groups of columns have scales, is packed in either packing, and says what it has.
#[test]
fn groups_of_columns_are_packed_in_base_3() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = data.join("qwen35/pq2_hadamard.gguf");
    if !path.exists() {
        return eprintln!("skipped: no {}", path.display());
    }
    let fixture = Fixture::new();
    let source = path.to_str().unwrap();
    let logits = |model: &str| {
        let said = fixture.run(&["logits", model, "--tokens", "5,42,79"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out
    };
    let expected = logits(source);
    // Its table is one of the matrices.
    for table in ["f16", "int2"] {
        let said = fixture.run(&["pack", source, "no.safetensors", "--embedding", table]);
        let why = "error: `--embedding` is not for a model whose embedding table is packed as its matrices are\n";
        assert_eq!((said.code, &*said.err), (Some(2), why), "{table}");
    }
    for (model, packing) in [("3.safetensors", Some("base3")), ("2.safetensors", None)] {
        let asked = packing.map_or(vec![], |packing| vec!["--packing", packing]);
        let pack = [&["pack", source, model, "--json"], &asked[..]].concat();
        let said = fixture.run(&pack);
        assert_eq!(said.code, Some(0), "{said:?}");
        let answer: Json = serde_json::from_str(&said.out).unwrap();
        assert_eq!(answer["packing"], packing.unwrap_or("int2"));
        assert_eq!(logits(model), expected);
        let said = fixture.run(&["inspect", model]);
        let product = format!("group_gemv-{}-i8", packing.unwrap_or("int2"));
        assert!(said.out.contains(&product), "{}", said.out);
    }
    let bytes = |model: &str| std::fs::read(fixture.path(model)).unwrap();
    let (mut base3, int2) = (bytes("3.safetensors"), bytes("2.safetensors"));
    assert!(base3.len() < int2.len());
    // And back again to the same file; a damaged one is refused in a line.
    let back = [
        "pack",
        "3.safetensors",
        "back.safetensors",
        "--packing",
        "int2",
        "-q",
    ];
    assert_eq!(fixture.run(&back).code, Some(0));
    assert!(logits("back.safetensors") == expected);
    let header = 8 + u64::from_le_bytes(base3[..8].try_into().unwrap()) as usize;
    base3[header + 100] ^= 0x10;
    fixture.write("3.safetensors", &base3);
    let said = fixture.run(&["logits", "3.safetensors", "--tokens", "5"]);
    assert_eq!(
        (said.code, said.err.lines().count()),
        (Some(2), 1),
        "{said:?}"
    );
}

/// Vocabularies and models that other programs wrote.
#[test]
fn files_of_other_programs_are_described() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !data.exists() {
        return eprintln!("skipped: no {}", data.display());
    }
    let fixture = Fixture::new();
    // A hybrid of gated delta nets and attention is a model like ours.
    let path = data.join("qwen35/pq2_hadamard.gguf");
    let said = fixture.run(&["inspect", path.to_str().unwrap()]);
    assert!(
        said.code == Some(0) && said.out.contains("gated_delta-f32"),
        "{said:?}"
    );
    let path = data.join("vocab/gpt-2.gguf");
    let said = fixture.run(&["inspect", path.to_str().unwrap()]);
    assert!(
        said.code == Some(0) && said.out.contains("weights: the file has none"),
        "{said:?}"
    );
}
