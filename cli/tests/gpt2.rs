//! Text in and out of a model of GPT-2's tokens: `run`, `eval`, `inspect`, and what is refused.

#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use atome::checkpoint::{Checkpoint, random_bit2, write_container, write_packed};
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::format::ContainerOptions;
use atome::tokenizer::{Tokenizer, TokenizerKind};
use atome::{Model, Options, Packing, Session};
use serde_json::{Value, json};
use support::{CONFIG, Fixture, language_model, said};

const SMALL: BitMamba2Config = BitMamba2Config {
    vocab_size: 50_257,
    d_model: 8,
    n_layers: 1,
    n_heads: 2,
};

const END_OF_TEXT: u32 = 50_256;

/// A directory with `bpe.bin`.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("bpe.bin", &random_bit2(&SMALL, 1));
    fixture
}

fn open(fixture: &Fixture, name: &str) -> (Model, Tokenizer) {
    let model = Model::load(&fixture.path(name), None, &Options::default()).unwrap();
    let tokenizer = model.tokenizer().unwrap();
    (model, tokenizer)
}

/// The most likely tokens after a prompt.
fn greedy(session: &mut Session, n: usize) -> Vec<u32> {
    let mut next = || {
        let id = session.argmax();
        session.step(id).unwrap();
        id
    };
    (0..n).map(|_| next()).collect()
}

fn text_of(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    let bytes = ids.iter().flat_map(|&id| tokenizer.bytes(id));
    String::from_utf8_lossy(&bytes.copied().collect::<Vec<u8>>()).into_owned()
}

#[test]
fn run_encodes_and_decodes() {
    let fixture = fixture();
    let (model, tokenizer) = open(&fixture, "bpe.bin");
    let prompt = tokenizer.encode("Once upon a time, 你好".as_bytes());
    assert!(prompt.len() < 20, "{prompt:?}");
    let mut session = model.session().unwrap();
    session.prefill(&prompt).unwrap();
    let ids = greedy(&mut session, 12);
    let text = text_of(&tokenizer, &[&prompt[..], &ids].concat());

    let args = ["-n", "12", "--greedy"];
    let by_text = ["run", "bpe.bin", "-p", "Once upon a time, 你好"];
    assert_eq!(
        fixture.ok(&[&by_text[..], &args].concat()),
        format!("{text}\n")
    );
    let listed = |ids: &[u32]| ids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let list = listed(&prompt);
    let by_ids = ["run", "bpe.bin", "--tokens", &list];
    assert_eq!(
        fixture.ok(&[&by_ids[..], &args].concat()),
        format!("{}\n", listed(&ids))
    );
    for by in [by_text, by_ids] {
        let answer = fixture.json(&[&by[..], &args, &["--json"]].concat());
        assert_eq!(answer["prompt"], json!(prompt), "{by:?}");
        assert_eq!(answer["tokens"], json!(ids), "{by:?}");
        assert_eq!(answer["text"], text, "{by:?}");
        assert_eq!(answer["stop"], "length", "{by:?}");
    }
}

/// Bytes that are not UTF-8 reach the model as they are, and are shown as U+FFFD.
#[test]
fn any_bytes_may_be_a_prompt() {
    let fixture = fixture();
    let bytes = b"caf\xc3\xa9 \xff\xe2\x82 <|endoftext|>";
    let stdin = [&bytes[..], b"\r\n"].concat();
    let run = ["run", "bpe.bin", "-p", "-", "-n", "0"];
    let shown = fixture.run_with_stdin(&run, &stdin);
    let expected = "café \u{fffd}\u{fffd} <|endoftext|>\n";
    assert_eq!((shown.code, shown.out.as_str()), (Some(0), expected));

    let answer = fixture.run_with_stdin(&[&run[..], &["--json"]].concat(), &stdin);
    let answer: Value = serde_json::from_str(&answer.out).unwrap();
    assert_eq!(answer["prompt"], json!(Tokenizer::gpt2().encode(bytes)));
    assert_eq!(answer["tokens"], json!([]));

    #[cfg(unix)]
    {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let mut command = fixture.command(&["run", "bpe.bin", "-n", "0", "-p"]);
        let shown = said(command.arg(OsStr::from_bytes(bytes)));
        assert_eq!((shown.code, shown.out.as_str()), (Some(0), expected));
    }
}

/// A model that says after `prompt` that the text has ended: all other logits are zero.
fn ending(fixture: &Fixture, prompt: &str) {
    let random = random_bit2(&SMALL, 1);
    let row = SMALL.d_model / 4;
    let head = random.len() - SMALL.vocab_size * row;
    for sign in [0x00, 0xaa] {
        let mut bytes = random.clone();
        bytes[head..].fill(0x55);
        let last = bytes.len() - row;
        bytes[last..].fill(sign);
        fixture.write("ending.bin", &bytes);
        let (model, tokenizer) = open(fixture, "ending.bin");
        let mut session = model.session().unwrap();
        session
            .prefill(&tokenizer.encode(prompt.as_bytes()))
            .unwrap();
        if session.argmax() == END_OF_TEXT {
            return;
        }
    }
    panic!("one of both signs makes the logit positive");
}

#[test]
fn the_model_may_end_the_text() {
    let fixture = Fixture::new();
    ending(&fixture, "The end");
    let run = ["run", "ending.bin", "-p", "The end", "-n", "5", "--greedy"];
    let with = |more: &[&'static str]| [&run[..], more].concat();
    let ended = fixture.run(&run);
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "The end\n"));
    assert!(ended.err.ends_with(", the text ended\n"), "{}", ended.err);
    let answer = fixture.json(&with(&["--json"]));
    assert_eq!(
        (&answer["tokens"], &answer["stop"]),
        (&json!([]), &json!("end_of_text"))
    );
    assert_eq!(answer["text"], "The end");

    let answer = fixture.json(&with(&["--json", "--ignore-eos"]));
    assert_eq!(answer["tokens"][0], END_OF_TEXT);
    assert_eq!(answer["tokens"].as_array().unwrap().len(), 5);
    assert_eq!(answer["stop"], "length");
    let text = fixture.ok(&with(&["--ignore-eos"]));
    assert!(!text.contains("endoftext"), "{text:?}");

    let ids = Tokenizer::gpt2().encode(b"The end");
    let list = format!("{},{}", ids[0], ids[1]);
    let by_ids = [
        "run",
        "ending.bin",
        "--tokens",
        &list,
        "-n",
        "5",
        "--greedy",
    ];
    assert_eq!(fixture.ok(&by_ids), "\n");
}

#[test]
fn eval_counts_the_bytes_of_scored_tokens() {
    let fixture = fixture();
    let text = "Hello there, naïve reader!\n".repeat(9);
    fixture.write("text", text.as_bytes());
    let (model, tokenizer) = open(&fixture, "bpe.bin");
    let tokens = tokenizer.encode(text.as_bytes());
    let mut session = model.session().unwrap();
    let mut nats = 0.0;
    for pair in tokens.windows(2) {
        session.step(pair[0]).unwrap();
        let logits = || session.logits().iter().map(|&l| f64::from(l));
        let sum: f64 = logits().map(f64::exp).sum();
        nats += sum.ln() - f64::from(session.logits()[pair[1] as usize]);
    }
    let eval = ["eval", "bpe.bin", "--text", "text"];
    let answer = fixture.json(&[&eval[..], &["--json"]].concat());
    let scored_bytes = text.len() - tokenizer.bytes(tokens[0]).len();
    for (key, expected) in [
        (
            "bits_per_byte",
            nats / std::f64::consts::LN_2 / scored_bytes as f64,
        ),
        ("perplexity", (nats / (tokens.len() - 1) as f64).exp()),
    ] {
        let found = answer[key].as_f64().unwrap();
        assert!(
            (found / expected - 1.0).abs() < 1e-9,
            "{key}: {found}, {expected}"
        );
    }
    for (key, expected) in [
        ("bytes", text.len()),
        ("scored_bytes", scored_bytes),
        ("tokens", tokens.len()),
        ("scored_tokens", tokens.len() - 1),
        ("window", 2048),
        ("windows", 1),
    ] {
        assert_eq!(answer[key], expected, "{key}");
    }
    let line = fixture.ok(&eval);
    let counts = format!(", {} bytes in {} tokens (", text.len(), tokens.len());
    assert!(line.contains(&counts), "{line}");
}

#[test]
fn inspect_names_the_tokenizer() {
    let fixture = fixture();
    for (model, tokenizer) in [
        ("bpe.bin", "gpt2"),
        ("lm.bin", "bytes"),
        ("wide.bin", "none"),
    ] {
        let text = fixture.ok(&["inspect", model]);
        let line = format!("\ntokenizer     {tokenizer}\n");
        assert!(text.contains(&line), "{text}");
        let answer = fixture.json(&["inspect", model, "--json"]);
        assert_eq!(answer["tokenizer"], tokenizer);
    }
}

/// What a container states outlives packing it again.
#[test]
fn packing_keeps_the_tokenizer() {
    let fixture = Fixture::new();
    let mut options = ContainerOptions::packing(Packing::Base3);
    options.tokenizer = Some("none".into());
    let silent = write_container(&language_model(), &options).unwrap();
    fixture.write("silent.safetensors", &silent);
    fixture.ok(&["pack", "silent.safetensors", "again.safetensors"]);
    let answer = fixture.json(&["inspect", "again.safetensors", "--json"]);
    assert_eq!(answer["tokenizer"], "none");

    fixture.write("bpe.bin", &random_bit2(&SMALL, 1));
    fixture.ok(&["pack", "bpe.bin", "bpe.safetensors"]);
    let run = |model| fixture.ok(&["run", model, "-p", "Hello", "-n", "9"]);
    assert_eq!(run("bpe.safetensors"), run("bpe.bin"));
}

#[test]
fn what_is_refused() {
    let fixture = fixture();
    fixture.write("text", b"some text");
    let wide = AtomeConfig {
        vocab_size: 300,
        ..CONFIG
    };
    let wide = Checkpoint::random(wide, None, 1);
    for (name, tokenizer) in [
        ("gpt2.safetensors", "gpt2"),
        ("bytes.safetensors", "bytes"),
        ("words.safetensors", "sentencepiece\n"),
    ] {
        let mut options = ContainerOptions::packing(Packing::Base3);
        options.tokenizer = Some(tokenizer.into());
        fixture.write(name, &write_container(&wide, &options).unwrap());
    }
    let few = BitMamba2Config {
        vocab_size: 40,
        ..SMALL
    };
    let mut packed = Checkpoint::random(few.clone(), None, 1);
    fixture.write("few.bin", &random_bit2(&few, 1));
    packed.tokenizer = TokenizerKind::Gpt2.name().into();
    let path = fixture.path("packed.safetensors");
    write_packed(
        &packed,
        &path,
        &ContainerOptions::packing(Packing::Int2),
        &mut |_, _| {},
    )
    .unwrap();

    let commands: [&[&str]; 12] = [
        &["run", "bpe.bin", "--tokens", "1,50257"],
        &["run", "bpe.bin", "-p", ""],
        &["run", "wide.bin", "-p", "x"],
        &["run", "few.bin", "-p", "x"],
        &["run", "cl.bin", "--tokens", "1"],
        &["eval", "wide.bin", "--text", "text"],
        &["run", "gpt2.safetensors", "-p", "x"],
        &["eval", "gpt2.safetensors", "--text", "text"],
        &["run", "bytes.safetensors", "-p", "x"],
        &["inspect", "bytes.safetensors"],
        &["run", "words.safetensors", "--tokens", "1"],
        &["run", "packed.safetensors", "--tokens", "1"],
    ];
    for args in commands {
        let said = fixture.run(args);
        assert_eq!(said.code, Some(2), "{args:?}: {said:?}");
        assert_eq!(said.err.lines().count(), 1, "{args:?}: {said:?}");
    }
    let text = fixture.transcript(&commands);
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("gpt2_refusals", text) });
    // Ids are all that a model without a tokenizer needs.
    let ids = fixture.ok(&["run", "few.bin", "--tokens", "1", "-n", "3"]);
    assert_eq!(ids.split(',').count(), 3, "{ids}");
    let answer = fixture.json(&["run", "few.bin", "--tokens", "1", "-n", "3", "--json"]);
    assert_eq!(answer.get("text"), None);
}
