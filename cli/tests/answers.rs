//! What the commands answer: the library's numbers, on every backend and CPU tier.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::{Model, Options};
use atome_kernels::aot::runnable;
use atome_kernels::tiers;
use serde_json::Value;
use std::collections::BTreeMap;
use support::{CLASSES, Fixture, language_model};

const TOKENS: &str = "79,110,99,101,32,0,255,255,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,1";

fn logits(answer: &Value) -> Vec<u32> {
    let numbers = answer["logits"].as_array().unwrap();
    // As a program would read them: as f64, then rounded to f32.
    numbers
        .iter()
        .map(|n| (n.as_f64().unwrap() as f32).to_bits())
        .collect()
}

#[test]
fn logits_read_back_as_the_librarys_bits() {
    let tokens: Vec<u32> = TOKENS.split(',').map(|id| id.parse().unwrap()).collect();
    let model = Model::from_checkpoint(&language_model(), &Options::default()).unwrap();
    let mut session = model.session().unwrap();
    session.prefill(&tokens).unwrap();
    let bits: Vec<u32> = session
        .logits()
        .iter()
        .map(|logit| logit.to_bits())
        .collect();

    let fixture = Fixture::new();
    let answer = fixture.json(&["logits", "lm.bin", "--tokens", TOKENS]);
    assert_eq!(logits(&answer), bits);
    assert_eq!(answer["argmax"], session.argmax());
    assert_eq!(answer["tokens"], serde_json::to_value(&tokens).unwrap());
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
}

#[test]
fn every_way_of_running_gives_the_same_output() {
    let fixture = Fixture::new();
    for (command, model) in [
        ("logits", "lm.bin"),
        ("logits", "lm2.bin"),
        ("classify", "cl.bin"),
    ] {
        let expected = fixture.ok(&[command, model, "--tokens", TOKENS]);
        let same = |more: &[&str]| {
            let args = [&[command, model, "--tokens", TOKENS], more].concat();
            assert_eq!(fixture.ok(&args), expected, "{args:?}");
        };
        for backend in ["auto", "jit", "aot", "interp"] {
            same(&["--backend", backend]);
            same(&[
                "--backend",
                backend,
                "--threads",
                "2",
                "--no-multiply",
                "--quiet",
            ]);
        }
        for tier in tiers() {
            same(&["--cpu", tier.name(), "--backend", "jit"]);
            same(&["--cpu", tier.name(), "--backend", "aot"]);
        }
    }
    assert_eq!(
        fixture.ok(&["logits", "lm.bin", "--tokens", TOKENS]),
        fixture.ok(&[
            "logits", "lm2.bin", "--tokens", TOKENS, "--config", "lm.json"
        ]),
    );
}

#[test]
fn classes_have_logits() {
    let fixture = Fixture::new();
    fixture.write("tokens.txt", b" 72 101,108\n108, 111\n");
    let answer = fixture.json(&["classify", "cl.bin", "--tokens", "@tokens.txt"]);
    assert_eq!(
        answer["tokens"],
        serde_json::json!([72, 101, 108, 108, 111])
    );
    let logits: Vec<f64> = answer["logits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_f64().unwrap())
        .collect();
    assert_eq!(logits.len(), CLASSES);
    let class = answer["class"].as_u64().unwrap() as usize;
    assert!(
        logits.iter().all(|logit| *logit <= logits[class]),
        "{answer}"
    );
}

#[test]
fn run_continues_a_prompt() {
    let fixture = Fixture::new();
    let run = |more: &[&str]| fixture.ok(&[&["run", "lm.bin", "-p", "Once"], more].concat());
    let greedy = run(&["-n", "30", "--greedy"]);
    assert!(
        greedy.starts_with("Once") && greedy.len() > 30,
        "{greedy:?}"
    );
    assert_eq!(run(&["-n", "30", "--temperature", "0"]), greedy);
    assert_eq!(run(&["-n", "30", "--top-k", "1"]), greedy);
    assert_eq!(
        run(&["-n", "30", "--greedy", "--backend", "interp"]),
        greedy
    );

    let sampled = run(&["-n", "60"]);
    assert_eq!(
        run(&["-n", "60", "--seed", "0"]),
        sampled,
        "the seed has a default"
    );
    assert_ne!(run(&["-n", "60", "--seed", "1"]), sampled);
    assert_eq!(run(&["-n", "0"]), "Once\n");

    let from_stdin = fixture.run_with_stdin(&["run", "lm.bin", "-p", "-", "-n0"], b"a\nb\r\n");
    assert_eq!(
        (from_stdin.code, from_stdin.out.as_str()),
        (Some(0), "a\nb\n")
    );
}

#[test]
fn greedy_text_is_the_librarys() {
    let model = Model::from_checkpoint(&language_model(), &Options::default()).unwrap();
    let mut session = model.session().unwrap();
    session.prefill(&b"Once".map(u32::from)).unwrap();
    let mut bytes = b"Once".to_vec();
    for _ in 0..40 {
        let next = session.argmax();
        bytes.push(u8::try_from(next).unwrap());
        session.step(next).unwrap();
    }
    let fixture = Fixture::new();
    let args = ["run", "lm.bin", "-p", "Once", "-n", "40", "--greedy"];
    let expected = String::from_utf8_lossy(&bytes);
    assert_eq!(fixture.ok(&args), format!("{expected}\n"));

    let answer = fixture.json(&[&args[..], &["--json"]].concat());
    assert_eq!(answer["text"], expected.as_ref());
    assert_eq!(answer["tokens"], serde_json::to_value(&bytes[4..]).unwrap());
    for number in [
        "load_s",
        "compile_s",
        "arena_bytes",
        "prefill_tok_s",
        "decode_tok_s",
    ] {
        assert!(
            answer[number].as_f64().unwrap() > 0.0,
            "{number} in {answer}"
        );
    }
}

#[test]
fn standard_error_reports_unless_quiet() {
    let fixture = Fixture::new();
    let args = ["run", "lm.bin", "-p", "x", "-n", "3"];
    let said = fixture.run(&args);
    for word in ["load ", "arena ", "prefill 1 token ", "decode 2 tokens "] {
        assert!(said.err.contains(word), "{word:?} in {:?}", said.err);
    }
    let quiet = fixture.run(&[&args[..], &["--quiet"]].concat());
    assert_eq!((quiet.code, quiet.err.as_str()), (Some(0), ""));
    assert_eq!(quiet.out, said.out);
}

#[test]
fn inspect_draws_the_arena() {
    let fixture = Fixture::new();
    let text = fixture.ok(&["inspect", "lm.bin", "--backend", "aot", "--cpu", "portable"]);
    let timeless = text.lines().map(|line| match line.split_once(' ') {
        Some((name @ ("load" | "compile"), _)) => format!("{name:<13} TIME"),
        _ => line.to_owned(),
    });
    let text = timeless.collect::<Vec<_>>().join("\n");
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(text) });
}

#[test]
fn inspect_prints_the_plan() {
    let fixture = Fixture::new();
    let text = fixture.ok(&["inspect", "lm.bin", "--plan"]);
    let json = fixture.json(&["inspect", "lm.bin", "--plan", "--json"]);
    assert_eq!(json["plan"], text);
    let tensors = json["tensors"].as_array().unwrap();
    for tensor in tensors {
        let [name, bytes, offset] = ["name", "bytes", "offset"].map(|key| &tensor[key]);
        let line = format!(
            "    {}: {bytes} bytes at {offset}\n",
            name.as_str().unwrap()
        );
        assert!(text.contains(&line), "{line}");
    }
    for part in ["block", "head", "rows", "sessions"] {
        assert!(text.contains(&format!("\n  {part} {{\n")), "{part}");
    }
    let plain = fixture.json(&["inspect", "lm.bin", "--json"]);
    assert!(plain.get("plan").is_none());
}

#[test]
fn inspect_json_adds_up() {
    let fixture = Fixture::new();
    for model in ["lm.bin", "cl.bin"] {
        let answer = fixture.json(&["inspect", model, "--json"]);
        let number = |key: &str| answer[key].as_u64().unwrap();
        let sections = answer["sections"].as_object().unwrap();
        let bytes = |names: &[&str]| -> u64 {
            names
                .iter()
                .map(|name| sections[*name].as_u64().unwrap())
                .sum()
        };
        let model = ["file", "weights", "constants"];
        assert_eq!(bytes(&model), number("model_bytes"));
        assert_eq!(bytes(&["state", "logits"]), number("session_bytes"));
        assert_eq!(bytes(&["scratch"]), number("scratch_bytes"));
        let runs = number("scratch_bytes") * number("scratches");
        let most = number("model_bytes") + runs + number("session_bytes");
        assert!(number("arena_bytes") >= most);
        assert_eq!(
            answer["config"],
            serde_json::to_value(&support::CONFIG).unwrap()
        );
        assert!(!answer["tensors"].as_array().unwrap().is_empty());
    }
}

#[test]
fn inspect_says_which_kernel_runs_each_call() {
    let fixture = Fixture::new();
    for (backend, makers) in [
        ("jit", &["jit", "aot"][..]),
        ("aot", &["aot"]),
        ("interp", &["interp", "aot"]),
    ] {
        let args = ["inspect", "lm.bin", "--json", "--backend", backend];
        let answer = fixture.json(&args);
        let uses = answer["kernels"].as_array().unwrap();
        let mut runs = BTreeMap::new();
        for each in uses {
            let [call, kernel, by] =
                ["call", "kernel", "by"].map(|key| each[key].as_str().unwrap());
            assert!(makers.contains(&by), "{backend}: {each}");
            let made = match by {
                // Cranelift's, or made for vectors as wide as the machine's.
                "jit" => {
                    ["-clif", "-avx2", "-avxvnni"]
                        .iter()
                        .any(|end| kernel.ends_with(end))
                        || kernel.contains("-avx512")
                }
                "interp" => kernel.ends_with("-interp"),
                _ => kernel == "top_k" || runnable().any(|k| k.name == kernel),
            };
            assert!(made, "{backend}: {each}");
            for run in each["runs"].as_array().unwrap() {
                let before = runs.insert((call, run.as_str().unwrap()), kernel);
                assert_eq!(before, None, "{call} runs by one kernel: {uses:?}");
            }
        }
        // A step and the product of its head; a block's products take several tokens.
        assert!(
            runs[&("embed", "step")].starts_with("embed-int2-f32-"),
            "{runs:?}"
        );
        assert!(runs[&("unembed", "step")].starts_with("gemv-int2-f32-") || backend == "interp");
        assert!(
            runs[&("blocks.*.wq", "block")].starts_with("gemm-int2-f32-"),
            "{runs:?}"
        );
        assert!(
            runs[&("unembed", "rows")].starts_with("gemm-int2-f32-"),
            "{runs:?}"
        );
        let product = uses
            .iter()
            .find(|each| each["call"] == "blocks.*.wq")
            .unwrap();
        assert_eq!(product["by"], backend, "{product}");
        let text = fixture.ok(&["inspect", "lm.bin", "--backend", backend]);
        for each in uses {
            let [call, kernel] = ["call", "kernel"].map(|key| each[key].as_str().unwrap());
            let line = |line: &&str| line.contains(&format!("  {call} ")) && line.ends_with(kernel);
            assert!(text.lines().any(|l| line(&l)), "{each} in {text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
    }
}

#[test]
fn eval_says_when_windows_reach_too_far() {
    let fixture = Fixture::new();
    fixture.write("text.txt", &b"Once upon a time. ".repeat(9));
    let run = |window: &str| {
        fixture.run(&[
            "eval", "lm.bin", "--text", "text.txt", "--window", window, "--json",
        ])
    };
    let said = run("40");
    assert_eq!(said.code, Some(0), "{said:?}");
    let note = "windows of 40 tokens are longer than the model's attention reaches, 24 positions";
    assert!(said.err.contains(note), "{}", said.err);
    assert!(!run("24").err.contains("longer"));
}

#[test]
fn a_config_that_does_not_apply_is_said() {
    let fixture = Fixture::new();
    fixture.ok(&["pack", "lm.bin", "lm.safetensors", "-q"]);
    let args = ["logits", "lm.safetensors", "--tokens", "1"];
    let said = fixture.run(&[&args[..], &["--config", "lm.json"]].concat());
    let note = "--config lm.json is not used: the model has its dimensions inside\n";
    assert_eq!((said.code, &*said.err), (Some(0), note));
    assert_eq!(said.out, fixture.ok(&args));
    let quiet = fixture.run(&[&args[..], &["--config", "lm.json", "-q"]].concat());
    assert_eq!((quiet.code, &*quiet.err), (Some(0), ""));
    // What is not used is not compared.
    let other = fixture.run(&[&args[..], &["--config", "wide.json"]].concat());
    assert_eq!((other.code, &*other.out), (Some(0), &*said.out));
    let used = fixture.run(&["logits", "lm.bin", "--tokens", "1", "--config", "lm.json"]);
    assert_eq!((used.code, &*used.err), (Some(0), ""));
}

#[test]
fn help_lists_the_commands_there_are() {
    let fixture = Fixture::new();
    let help = fixture.ok(&["--help"]);
    for command in ["run", "logits", "classify", "inspect", "emit", "bench"] {
        assert!(
            help.contains(&format!("  {command} ")),
            "{command} in {help}"
        );
        fixture.ok(&[command, "--help"]);
    }
    assert!(fixture.ok(&["--version"]).starts_with("atome "));
}
