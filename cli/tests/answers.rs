//! What the commands answer: the library's numbers, on every backend and CPU tier.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::{Model, Options};
use atome_codegen::ir;
use atome_kernels::tiers;
use atome_spec::Op;
use serde_json::Value;
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
    let model = Model::from_atome(&language_model(), &Options::default()).unwrap();
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
    let model = Model::from_atome(&language_model(), &Options::default()).unwrap();
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
    for word in [
        "load ",
        "compile ",
        "arena ",
        "prefill 1 token ",
        "decode 2 tokens ",
    ] {
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
        assert_eq!(bytes(&["weights", "constants"]), number("model_bytes"));
        assert_eq!(
            bytes(&["state", "logits", "scratch"]),
            number("session_bytes")
        );
        assert!(number("arena_bytes") >= number("model_bytes") + number("session_bytes"));
        assert_eq!(
            answer["config"],
            serde_json::to_value(&support::CONFIG).unwrap()
        );
        assert!(!answer["kernels"].as_array().unwrap().is_empty());
        assert!(!answer["tensors"].as_array().unwrap().is_empty());
    }
}

#[test]
fn every_op_is_emitted_in_every_form() {
    let fixture = Fixture::new();
    for op in Op::NAMES {
        for (form, target, sign) in [
            ("rust", "x86-64-v4", "unsafe extern \"C\" fn"),
            ("rust", "interp", "unsafe extern \"C\" fn"),
            ("clif", "x86-64-v3", "block0"),
            ("asm", "cortex-a76", "ret"),
        ] {
            let code = fixture.ok(&["emit", "--op", op, "--target", target, "--as", form]);
            assert!(code.contains(sign), "{op} as {form}: {code}");
        }
        let text = fixture.ok(&["emit", "--op", op]);
        let function = ir::parse(&text).unwrap();
        assert_eq!(function.to_string().trim_end(), text.trim_end(), "{op}");
    }
}

#[test]
fn emit_binds_dimensions() {
    let fixture = Fixture::new();
    let args = [
        "emit",
        "--op",
        "gemv",
        "--shape",
        "rows=40,cols=33",
        "--target",
        "x86-64-v3",
    ];
    let said = fixture.run(&args);
    let function = ir::parse(&said.out).unwrap();
    assert_eq!(function.name, "gemv_int2_f32_cols33_rows40");
    assert!(function.dims.is_empty());
    assert!(
        said.err
            .starts_with("gemv-int2-f32 for avx2: method=select"),
        "{}",
        said.err
    );
    let open = [
        "emit",
        "--op",
        "embed",
        "--packing",
        "base3",
        "--shape",
        "d_model=64",
        "--quiet",
    ];
    let said = fixture.run(&open);
    assert_eq!(ir::parse(&said.out).unwrap().dims, ["vocab", "tokens"]);
    assert_eq!(said.err, "");
}

#[test]
fn bench_prints_records() {
    let fixture = Fixture::new();
    let names = fixture.ok(&["bench", "--list"]);
    for part in [
        "embed-base3-f32-",
        "/32000x4096/random",
        "gemm-int2-f32-",
        "load-atome-",
    ] {
        assert!(names.contains(part), "{part} in {names}");
    }
    let lines = fixture.ok(&["bench", "--json", "--filter", "classify-atome"]);
    let records: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let backends: Vec<&Value> = records.iter().map(|record| &record["backend"]).collect();
    assert_eq!(backends, ["jit", "aot"]);
    for record in &records {
        let gbps = record["gbps"].as_f64().unwrap();
        let limit = record["limit"]["value"].as_f64().unwrap();
        assert!(
            (record["of_limit"].as_f64().unwrap() - gbps / limit).abs() < 1e-3,
            "{record}"
        );
        assert!(record["tok_s"].as_f64().unwrap() > 0.0, "{record}");
        assert_eq!(record["method"], "select");
    }
    let table = fixture.ok(&[
        "bench",
        "--filter",
        "step-",
        "--model",
        "lm.bin",
        "--backend",
        "aot",
        "--cpu",
        "portable",
    ]);
    assert!(
        table.contains("step-atome-portable/lm ") && table.contains("tok/s"),
        "{table}"
    );
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
