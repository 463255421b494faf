//! Hybrids of gated delta nets and attention: golden outputs, and the same bits however a model is run.

use atome::{Model, Options};
use atome_spec::Activation;
use atome_tests::published::{distance, floats, qwen35_folder, tokens};
use atome_tests::runs::{self, bits};
use serde_json::Value;
use std::fs;
use std::path::Path;

const NAMES: [&str; 2] = ["pq2_hadamard", "q2_tied"];
/// What logits are off by with f32 activations.
const NEAR: f64 = 1e-4;
/// What they are off by with int8 activations, as a part of their length.
const NEAR_IN_INT8: f64 = 0.08;
/// The margin from which greedy tokens are the same with int8 activations.
const CLEAR: f64 = 0.5;

fn golden(folder: &Path, name: &str) -> Vec<Value> {
    let path = folder.join(format!("golden_{name}.json"));
    let text = fs::read_to_string(path).expect("a golden file");
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    golden["prompts"].as_array().expect("a list").clone()
}

fn load(folder: &Path, name: &str, options: Options) -> Model {
    let path = folder.join(format!("{name}.gguf"));
    Model::load(&path, None, &options).unwrap_or_else(|fault| panic!("{fault}"))
}

/// Logits within f32 arithmetic, and every greedy token, on every backend; the same bits on all.
#[test]
fn goldens_by_f32_on_every_backend() {
    let Some(folder) = qwen35_folder() else {
        return;
    };
    for name in NAMES {
        let mut reference: Vec<Vec<u32>> = Vec::new();
        for run in runs::all() {
            let options = Options {
                activations: Some(Activation::F32),
                ..run.options.clone()
            };
            let mut session = load(&folder, name, options).session().expect("a slot");
            for (i, record) in golden(&folder, name).iter().enumerate() {
                session.reset();
                session.prefill(&tokens(&record["tokens"])).expect("tokens");
                let apart = distance(session.logits(), &floats(&record["logits"]));
                println!("{name}, {}, record {i}: {apart:e}", run.name);
                assert!(apart <= NEAR, "{name}, {}, {i}: {apart:e}", run.name);
                match reference.get(i) {
                    Some(expected) => assert_eq!(&bits(session.logits()), expected, "{}", run.name),
                    None => reference.push(bits(session.logits())),
                }
                for token in tokens(&record["greedy"]) {
                    assert_eq!(session.argmax(), token, "{name}, {}, {i}", run.name);
                    session.step(token).expect("a token");
                }
            }
        }
    }
}

/// Logits within what int8 costs, and greedy tokens that are clear; the same bits on every backend, in blocks and one by one.
#[test]
fn goldens_by_int8_on_every_backend() {
    let Some(folder) = qwen35_folder() else {
        return;
    };
    for name in NAMES {
        let mut reference: Vec<Vec<u32>> = Vec::new();
        for run in runs::int8() {
            let mut session = load(&folder, name, run.options).session().expect("a slot");
            for (i, record) in golden(&folder, name).iter().enumerate() {
                let (ids, expected) = (tokens(&record["tokens"]), floats(&record["logits"]));
                session.reset();
                for ids in ids.chunks(1 + i % 3) {
                    session.prefill(ids).expect("tokens");
                }
                let (mut apart, mut length) = (0.0, 0.0);
                for (found, expected) in session.logits().iter().zip(&expected) {
                    apart += (f64::from(*found) - expected).powi(2);
                    length += expected.powi(2);
                }
                let part = (apart / length).sqrt();
                println!("{name}, {}, record {i}: {part:e}", run.name);
                assert!(part <= NEAR_IN_INT8, "{name}, {}, {i}: {part:e}", run.name);
                match reference.get(i) {
                    Some(expected) => assert_eq!(&bits(session.logits()), expected, "{}", run.name),
                    None => reference.push(bits(session.logits())),
                }
                let margins = floats(&record["greedy_margin"]);
                for (token, margin) in tokens(&record["greedy"]).into_iter().zip(margins) {
                    let same = session.argmax() == token;
                    assert!(same || margin < CLEAR, "{name}, {}, {i}", run.name);
                    session.step(token).expect("a token");
                }
            }
        }
    }
}
