//! Directories of float weights, as model hubs have them: packed, and used as they are.

#[path = "../../runtime/tests/support/folder.rs"]
mod folder;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use safetensors::Dtype;
use serde_json::Value;
use std::fs;
use support::Fixture;

const TOKENS: &str = "1,5,10,0,3,3,7";

/// A workshop with the directory `hub` and what `atome pack` makes of it.
fn packed(files: &folder::Files) -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("hub")).unwrap();
    folder::put(&fixture.path("hub"), files);
    fixture.ok(&["pack", "hub", "packed.safetensors", "-q"]);
    fixture
}

#[test]
fn a_directory_and_its_packed_file_are_one_model() {
    for files in [folder::whole(Dtype::F32), folder::sharded(Dtype::BF16)] {
        let fixture = packed(&files);
        let logits = |model: &str, more: &[&str]| -> Value {
            let args = ["logits", model, "--tokens", TOKENS];
            fixture.json(&[&args[..], more].concat())
        };
        let expected = logits("hub", &[]);
        assert_eq!(expected["logits"].as_array().unwrap().len(), 11);
        for more in [
            &[][..],
            &["--backend", "aot"],
            &["--backend", "interp"],
            &["--no-multiply"],
            &["--threads", "2"],
            &["--cpu", "portable"],
        ] {
            assert_eq!(logits("packed.safetensors", more), expected, "{more:?}");
        }
        let run = |model| {
            let args = [
                "run", model, "--tokens", TOKENS, "-n", "9", "--greedy", "-q",
            ];
            fixture.ok(&args)
        };
        assert_eq!(run("hub"), run("packed.safetensors"));
        let again = ["pack", "packed.safetensors", "base3.safetensors"];
        fixture.ok(&[&again[..], &["--packing", "base3", "-q"]].concat());
        assert_eq!(logits("base3.safetensors", &[]), expected);
    }
}

#[test]
fn ids_have_a_perplexity() {
    let fixture = packed(&folder::whole(Dtype::F16));
    let answer = |model: &str| {
        let args = [
            "eval",
            model,
            "--tokens",
            TOKENS,
            "--json",
            "--threads",
            "1",
        ];
        fixture.json(&args)
    };
    let (answer, hub) = (answer("packed.safetensors"), answer("hub"));
    assert_eq!(answer["perplexity"], hub["perplexity"]);
    assert!(answer["perplexity"].as_f64().unwrap() > 1.0, "{answer}");
    assert_eq!(answer["tokens"], 7);
    assert!(answer.get("bits_per_byte").is_none(), "{answer}");
    let line = fixture.ok(&["eval", "hub", "--tokens", TOKENS, "-q"]);
    assert!(
        line.starts_with("perplexity ") && line.contains("7 tokens"),
        "{line}"
    );
    let neither = fixture.run(&["eval", "hub"]);
    assert_eq!(neither.code, Some(2), "{neither:?}");
    fixture.write("text", b"hello");
    let text = fixture.run(&["eval", "hub", "--text", "text"]);
    assert_eq!(text.code, Some(2), "{text:?}");
    let both = ["eval", "hub", "--text", "text", "--tokens", "1,2"];
    assert_eq!(fixture.run(&both).code, Some(2));
}

#[test]
fn what_a_directory_becomes_is_told() {
    let fixture = packed(&folder::sharded(Dtype::BF16));
    let inspect = fixture.ok(&["inspect", "packed.safetensors"]);
    for part in [
        "hgrn_bit, language model, from safetensors",
        "vocab_size 11, hidden_size 6, num_hidden_layers 2, intermediate_size 10",
        "rms_quantize_away",
    ] {
        assert!(inspect.contains(part), "{part} in {inspect}");
    }
    let answer = fixture.json(&["pack", "hub", "again.safetensors", "--json"]);
    assert_eq!(answer["source"], "safetensors directory");
    assert_eq!(answer["format"], "safetensors");
    let weights = fs::read_dir(fixture.path("hub")).unwrap().flatten();
    let weights = weights.filter(|file| file.path().extension().unwrap() == "safetensors");
    let bytes: u64 = weights.map(|file| file.metadata().unwrap().len()).sum();
    assert_eq!(answer["source_bytes"], bytes);
    let tensors = answer["tensors"].as_array().unwrap();
    let gate = "model.layers.0.mlp.gate_proj.weight";
    let gate = tensors
        .iter()
        .find(|tensor| tensor["name"] == gate)
        .unwrap();
    assert_eq!(
        (&gate["source_type"], &gate["source_bytes"]),
        (&"bf16".into(), &240.into())
    );
    assert!(gate["scale"].as_f64().unwrap() > 0.1, "{gate}");
    let same = |name: &str| fs::read(fixture.path(name)).unwrap();
    assert_eq!(same("again.safetensors"), same("packed.safetensors"));
}

#[test]
fn nothing_of_a_directory_is_written_over() {
    let fixture = packed(&folder::whole(Dtype::F32));
    let before = fs::read(fixture.path("hub/model.safetensors")).unwrap();
    for force in [&[][..], &["--force"]] {
        let args = ["pack", "hub", "hub/model.safetensors"];
        let said = fixture.run(&[&args[..], force].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("is the same file"), "{said:?}");
    }
    assert_eq!(
        fs::read(fixture.path("hub/model.safetensors")).unwrap(),
        before
    );
    let refused = |more: &[&str], part: &str| {
        let args = ["pack", "hub", "out.safetensors"];
        let said = fixture.run(&[&args[..], more].concat());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains(part), "{part} in {said:?}");
    };
    refused(&["--scale", "0.5"], "`--scale` is not for");
    refused(&["--format", "atome01"], "written as a container only");
    fs::remove_file(fixture.path("hub/model.safetensors")).unwrap();
    refused(&[], "found neither");
    fs::remove_file(fixture.path("hub/config.json")).unwrap();
    refused(&[], "found a directory without `config.json`");
}
