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

/// A directory with these files more.
fn hub(more: &[(&str, &Value)]) -> Fixture {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("hub")).unwrap();
    folder::put(&fixture.path("hub"), &folder::whole(Dtype::F32));
    for (name, json) in more {
        fixture.write(&format!("hub/{name}"), json.to_string().as_bytes());
    }
    fixture
}

/// A vocabulary of letters, whose first piece of a text starts with a blank that is not the text's.
fn letters() -> Value {
    let tokens = [
        "<unk>", "<s>", "</s>", "\u{2581}", "a", "b", "c", "d", "e", "f", "g",
    ];
    let vocab: serde_json::Map<String, Value> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| ((*token).to_owned(), id.into()))
        .collect();
    serde_json::json!({
        "added_tokens": [
            { "id": 0, "content": "<unk>", "special": true },
            { "id": 1, "content": "<s>", "special": true },
            { "id": 2, "content": "</s>", "special": true },
        ],
        "normalizer": { "type": "Sequence", "normalizers": [
            { "type": "Prepend", "prepend": "\u{2581}" },
            { "type": "Replace", "pattern": { "String": " " }, "content": "\u{2581}" },
        ] },
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": { "type": "Sequence", "decoders": [
            { "type": "Replace", "pattern": { "String": "\u{2581}" }, "content": " " },
            { "type": "Fuse" },
            { "type": "Strip", "content": " ", "start": 1, "stop": 0 },
        ] },
        "model": { "type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>" },
    })
}

#[test]
fn a_stop_does_not_change_the_first_blank() {
    let fixture = hub(&[("tokenizer.json", &letters())]);
    let run = |more: &[&str]| {
        let args = [
            "run",
            "hub",
            "-p",
            "abc",
            "-q",
            "-n",
            "5",
            "--seed",
            "4",
            "--ignore-eos",
        ];
        fixture.ok(&[&args[..], more].concat())
    };
    let text = run(&[]);
    assert!(text.starts_with("abc"), "{text:?}");
    assert_eq!(run(&["--stop", "zzz"]), text);
}

#[test]
fn a_tokenizer_that_is_not_supported_is_spoken_of_where_text_is_asked_for() {
    let mut later = letters();
    later["model"] = serde_json::json!({ "type": "Unigram", "vocab": [["a", -1.0]] });
    let mut unknown = letters();
    unknown["pre_tokenizer"] = serde_json::json!({ "type": "Bert" });
    let plain = hub(&[]);
    let ids = |fixture: &Fixture, model: &str| {
        fixture.ok(&[
            "run", model, "--tokens", TOKENS, "-n", "4", "--greedy", "-q",
        ])
    };
    for tokenizer in [later, unknown] {
        let fixture = hub(&[("tokenizer.json", &tokenizer)]);
        assert_eq!(ids(&fixture, "hub"), ids(&plain, "hub"));
        let said = fixture.run(&["run", "hub", "-p", "abc", "-q"]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.starts_with("error: hub/tokenizer.json: expected ")
                && said.err.ends_with("; give ids, with --tokens\n")
                && said.err.lines().count() == 1,
            "{said:?}"
        );
        let inspect = fixture.ok(&["inspect", "hub"]);
        assert!(
            inspect.contains("none: hub/tokenizer.json: expected "),
            "{inspect}"
        );
        let said = fixture.run(&["pack", "hub", "packed.safetensors"]);
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(
            said.err
                .contains("packed without a tokenizer: hub/tokenizer.json: "),
            "{said:?}"
        );
        assert_eq!(ids(&fixture, "packed.safetensors"), ids(&plain, "hub"));
    }
    // One that is damaged is another matter.
    let fixture = hub(&[]);
    fixture.write("hub/tokenizer.json", b"{\"model\": {");
    let said = fixture.run(&["run", "hub", "--tokens", TOKENS, "-q"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn what_the_directory_says_of_choosing_tokens_is_done() {
    let config = serde_json::json!({
        "_from_model_config": true, "bos_token_id": 1, "eos_token_id": [2, 5], "do_sample": true,
        "temperature": 3.0, "top_k": 3, "top_p": null, "repetition_penalty": 1.5,
    });
    let fixture = hub(&[("generation_config.json", &config)]);
    let plain = hub(&[]);
    let run = |fixture: &Fixture, more: &[&str]| {
        let args = ["run", "hub", "--tokens", TOKENS, "-n", "40", "--seed", "9"];
        fixture.run(&[&args[..], more].concat())
    };
    let said = run(&fixture, &["--ignore-eos"]);
    let line = "as the model is published: temperature 3, top-k 3, repetition penalty 1.5";
    assert!(said.err.lines().any(|l| l == line), "{said:?}");
    let flags = [
        "--temperature",
        "3",
        "--top-k",
        "3",
        "--repetition-penalty",
        "1.5",
    ];
    let flags = [&flags[..], &["--ignore-eos"]].concat();
    assert_eq!(said.out, run(&plain, &flags).out);
    assert_ne!(said.out, run(&plain, &["--ignore-eos"]).out);
    // Flags win, and then there is nothing to be told.
    let other = [
        "--temperature",
        "0.8",
        "--top-k",
        "40",
        "--repetition-penalty",
        "1",
        "--ignore-eos",
    ];
    let said = run(&fixture, &other);
    assert_eq!(said.out, run(&plain, &["--ignore-eos"]).out);
    assert!(!said.err.contains("as the model is published"), "{said:?}");
    assert_eq!(
        run(
            &fixture,
            &["--greedy", "--repetition-penalty", "1", "--ignore-eos"]
        )
        .out,
        run(&plain, &["--greedy", "--ignore-eos"]).out
    );
    // The text ends with what ends it.
    let until = |text: &str| {
        let ids = text
            .trim()
            .split(',')
            .map_while(|id| (!["2", "5"].contains(&id)).then_some(id));
        ids.collect::<Vec<_>>().join(",")
    };
    let whole = run(&fixture, &["--ignore-eos"]).out;
    assert!(until(&whole).len() < whole.trim().len(), "{whole}");
    assert_eq!(run(&fixture, &[]).out.trim(), until(&whole));

    for (key, value, expected) in [
        (
            "temperature",
            serde_json::json!(-1.0),
            "config: expected `temperature` a finite number of 0 or more, found -1",
        ),
        (
            "eos_token_id",
            serde_json::json!(11),
            "config: expected `eos_token_id` an id below 11, found 11",
        ),
        (
            "eos_token_id",
            serde_json::json!("</s>"),
            "key `eos_token_id`: expected an id or a list of ids",
        ),
        (
            "top_p",
            serde_json::json!(1.5),
            "config: expected `top_p` above 0 and at most 1, found 1.5",
        ),
    ] {
        let mut config = config.clone();
        config[key] = value;
        fixture.write("hub/generation_config.json", config.to_string().as_bytes());
        let said = run(&fixture, &[]);
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.contains("hub/generation_config.json: ") && said.err.contains(expected),
            "{said:?}"
        );
    }
}
