//! Hybrids of gated delta nets and attention: golden outputs, and the same bits however a model is run.

use atome::checkpoint::{self, Checkpoint};
use atome::format::ContainerOptions;
use atome::{Model, Options, Packing};
use atome_spec::Activation;
use atome_tests::published::{distance, floats, qwen35_folder, tokens};
use atome_tests::runs::{self, bits};
use atome_tests::sessions::{batch_agrees, same_however_run};
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

/// Step by step, in blocks and with the logits of all rows, in every way to run a model; several sessions at once.
#[test]
fn the_same_bits_however_run() {
    let Some(folder) = qwen35_folder() else {
        return;
    };
    for name in NAMES {
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        same_however_run(&source, &ids(19), 4);
        for run in runs::all() {
            let open = |options: &Options| Model::from_checkpoint(&source, options).expect("loads");
            batch_agrees(&run.name, open, &run.options, &ids(11));
        }
    }
}

/// A packed model gives the bits of the file it was packed from, with both kinds of activations, and goes on from the state of
/// the other.
#[test]
fn packed_models_are_the_same() {
    let Some(folder) = qwen35_folder() else {
        return;
    };
    let ids = ids(90);
    for name in NAMES {
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        let options = ContainerOptions::packing(Packing::Int2);
        let bytes = checkpoint::write_container(&source, &options).expect("packs");
        let packed = checkpoint::parse_checkpoint(&bytes).expect("reads");
        for activations in [Activation::F32, Activation::I8] {
            let open = |model: &Checkpoint| {
                let options = Options {
                    activations: Some(activations),
                    ..Options::default()
                };
                let model = Model::from_checkpoint(model, &options).expect("loads");
                model.session().expect("a slot")
            };
            let (mut one, mut other) = (open(&source), open(&packed));
            one.prefill(&ids[..71]).expect("tokens");
            let mut state = vec![0; one.model().info().state_bytes];
            one.save_into(&mut state).expect("room");
            one.prefill(&ids[71..]).expect("tokens");
            other.prefill(&ids).expect("tokens");
            assert_eq!(
                bits(other.logits()),
                bits(one.logits()),
                "{name}, {activations}"
            );
            other.restore(&state).expect("its state");
            other.prefill(&ids[71..]).expect("tokens");
            assert_eq!(
                bits(other.logits()),
                bits(one.logits()),
                "{name}, {activations}"
            );
        }
    }
}

/// Ids that both models have.
fn ids(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * 37 + 5) % 290).collect()
}
