//! Hybrids of gated delta nets and attention, and their relatives: golden outputs, and the same bits however a model is run.

mod bitnet;
mod halves;
mod tied;

use atome::checkpoint::{self, Checkpoint};
use atome::families::AtomeConfig;
use atome::format::ContainerOptions;
use atome::{BackendKind, Model, Options, Packing};
use atome_codegen::testing::Rng;
use atome_spec::Activation;
use atome_tests::published::{distance, floats, hybrids_folder, tokens};
use atome_tests::runs::{self, Run, bits};
use atome_tests::sessions::{batch_agrees, same_however_run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The models, by the folders that they are in: the last two have attention alone.
const MODELS: [(&str, &str); 4] = [
    ("qwen35", "pq2_hadamard"),
    ("qwen35", "q2_tied"),
    ("dense", "qwen3_q2"),
    ("dense", "bitnet_tq2"),
];
/// What logits are off by with f32 activations.
const NEAR: f64 = 1e-4;
/// What they are off by with int8 activations, as a part of their length.
const NEAR_IN_INT8: f64 = 0.08;
/// The margin from which greedy tokens are the same with int8 activations.
const CLEAR: f64 = 0.5;

/// Each model's folder and name; none, with a note, where there are none.
fn models() -> Vec<(PathBuf, &'static str)> {
    let found = MODELS
        .iter()
        .map(|(folder, name)| Some((hybrids_folder(folder)?, *name)));
    found.flatten().collect()
}

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
    for (folder, name) in models() {
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
    let part = |found: &[f32], expected: &[f64]| {
        let (mut apart, mut length) = (0.0, 0.0);
        for (found, expected) in found.iter().zip(expected) {
            apart += (f64::from(*found) - expected).powi(2);
            length += expected.powi(2);
        }
        (apart / length).sqrt()
    };
    goldens_are_near(runs::int8(), (NEAR_IN_INT8, CLEAR), &part);
}

/// Logits that `apart` says are near enough to a golden one's, greedy tokens where the margin is clear, and the same bits in all
/// ways to run a model, in blocks and one by one.
fn goldens_are_near(
    runs: Vec<Run>,
    (near, clear): (f64, f64),
    apart: &dyn Fn(&[f32], &[f64]) -> f64,
) {
    for (folder, name) in models() {
        let mut reference: Vec<Vec<u32>> = Vec::new();
        for run in &runs {
            let opened = load(&folder, name, run.options.clone()).session();
            let mut session = opened.expect("a slot");
            for (i, record) in golden(&folder, name).iter().enumerate() {
                session.reset();
                for ids in tokens(&record["tokens"]).chunks(1 + i % 3) {
                    session.prefill(ids).expect("tokens");
                }
                let apart = apart(session.logits(), &floats(&record["logits"]));
                println!("{name}, {}, record {i}: {apart:e}", run.name);
                assert!(apart <= near, "{name}, {}, {i}: {apart:e}", run.name);
                match reference.get(i) {
                    Some(expected) => assert_eq!(&bits(session.logits()), expected, "{}", run.name),
                    None => reference.push(bits(session.logits())),
                }
                let margins = floats(&record["greedy_margin"]);
                for (token, margin) in tokens(&record["greedy"]).into_iter().zip(margins) {
                    let same = session.argmax() == token;
                    assert!(same || margin < clear, "{name}, {}, {i}", run.name);
                    session.step(token).expect("a token");
                }
            }
        }
    }
}

/// Step by step, in blocks and with the logits of all rows, in every way to run a model; several sessions at once.
#[test]
fn the_same_bits_however_run() {
    for (folder, name) in models() {
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        same_however_run(&source, &ids(19), 4);
        // Every third way: each backend, and two threads.
        for run in runs::all().into_iter().step_by(3) {
            let open = |options: &Options| Model::from_checkpoint(&source, options).expect("loads");
            batch_agrees(&run.name, open, &run.options, &ids(11));
        }
    }
}

/// A packed model gives the bits of the file it was packed from, with both kinds of activations, and goes on from the state of
/// the other.
#[test]
fn packed_models_are_the_same() {
    let ids = ids(90);
    for (folder, name) in models() {
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        let packed = packed(&source, Packing::Int2);
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

/// Where attention looks back far enough, threads share its heads.
/// What is read of a container of a model.
fn packed(source: &Checkpoint, packing: Packing) -> Checkpoint {
    let options = ContainerOptions::packing(packing);
    let bytes = checkpoint::write_container(source, &options).expect("packs");
    checkpoint::parse_checkpoint(&bytes).expect("reads")
}

/// Trits and bits of a container in base 3 are those of the file that it was packed from, on every backend, with both kinds
/// of activations, and unpacked again.
#[test]
fn base_3_has_the_bits_of_int2() {
    for (folder, name) in models() {
        let source = checkpoint::load(&folder.join(format!("{name}.gguf")), None).expect("reads");
        let base3 = packed(&source, Packing::Base3);
        for ((name, ours), (_, theirs)) in base3.tensors().zip(source.tensors()) {
            if let (Some(ours), Some(theirs)) = (ours.as_ternary(), theirs.as_ternary()) {
                let [ours, theirs] = [ours, theirs].map(|w| w.read().expect("trits").trits);
                assert!(ours == theirs, "{name}");
            }
        }
        let int2 = packed(&base3, Packing::Int2);
        let same = |model: &Checkpoint| {
            let options = ContainerOptions::packing(Packing::Int2);
            checkpoint::write_container(model, &options).expect("packs")
        };
        assert!(same(&int2) == same(&source), "{name}");
        for activations in [Activation::F32, Activation::I8] {
            let logits = |model: &Checkpoint, options: &Options| {
                let options = Options {
                    activations: Some(activations),
                    ..options.clone()
                };
                let model = Model::from_checkpoint(model, &options).expect("loads");
                let mut session = model.session().expect("a slot");
                session.prefill(&ids(41)).expect("tokens");
                session.step(7).expect("a token");
                bits(session.logits())
            };
            let expected = logits(&source, &Options::default());
            for run in runs::all() {
                let found = logits(&base3, &run.options);
                assert_eq!(found, expected, "{name}, {activations}, {}", run.name);
            }
            let asked = Options {
                packing: Some(Packing::Base3),
                ..Options::default()
            };
            assert_eq!(logits(&source, &asked), expected, "{name}, {activations}");
        }
    }
}

#[test]
fn a_long_context_is_the_same_for_two_threads() {
    let Some(folder) = hybrids_folder("qwen35") else {
        return;
    };
    for backend in [BackendKind::Aot, BackendKind::Jit] {
        let open = |threads| {
            let options = Options {
                backend,
                threads: Some(threads),
                ..Options::default()
            };
            load(&folder, "pq2_hadamard", options)
                .session()
                .expect("a slot")
        };
        let (mut one, mut two) = (open(1), open(2));
        for ids in [ids(300), ids(1)] {
            for session in [&mut one, &mut two] {
                session.prefill(&ids).expect("tokens");
            }
            assert_eq!(bits(one.logits()), bits(two.logits()), "{backend}");
        }
    }
}

/// A shorter context is what is remembered; within it nothing changes. Where it is full, the oldest positions leave.
#[test]
fn the_context_is_as_long_as_somebody_asks() {
    for (folder, name) in models() {
        let open = |context, backend| {
            let options = Options {
                context,
                backend,
                ..Options::default()
            };
            load(&folder, name, options).session().expect("a slot")
        };
        let [mut usual, mut short] = [None, Some(40)].map(|n| open(n, BackendKind::Auto));
        let mut interpreted = open(Some(40), BackendKind::Interp);
        for ids in [ids(40), ids(9)] {
            for session in [&mut usual, &mut short, &mut interpreted] {
                session.prefill(&ids).expect("tokens");
            }
            assert_eq!(bits(short.logits()), bits(interpreted.logits()), "{name}");
            let same = bits(usual.logits()) == bits(short.logits());
            assert_eq!(same, ids.len() == 40, "{name}");
        }
        assert!(short.model().info().state_bytes < usual.model().info().state_bytes);
    }
    let options = Options {
        context: Some(64),
        ..Options::default()
    };
    let atome = AtomeConfig {
        vocab_size: 64,
        d_model: 16,
        n_layers: 1,
        d_head: 8,
        top_k: 2,
        kernel_size: 3,
        max_seq: 32,
    };
    let atome = Checkpoint::random(atome, None, 1);
    let fault = Model::from_checkpoint(&atome, &options).expect_err("its window is its own");
    assert!(
        fault.to_string().contains("expected no context, found 64"),
        "{fault}"
    );
}

/// Ids that both models have.
fn ids(n: u32) -> Vec<u32> {
    (0..n).map(|i| (i * 37 + 5) % 280).collect()
}

/// A file that needs what there is not is refused by the key, the weight or the tensor: what is left out would be fluent
/// nonsense.
#[test]
fn what_is_not_known_is_refused_by_name() {
    let Some(folder) = hybrids_folder("qwen35") else {
        return;
    };
    let bytes = fs::read(folder.join("pq2_hadamard.gguf")).expect("reads");
    let number = |key: &str, from: u32, to: u32| {
        // A key, the type of a u32, and the number.
        let of = |n: u32| [key.as_bytes(), &4u32.to_le_bytes(), &n.to_le_bytes()].concat();
        changed(&bytes, &of(from), &of(to))
    };
    let text = |from: &str, to: &str| changed(&bytes, from.as_bytes(), to.as_bytes());
    let cases = [
        (
            text("prism.hadamard.version", "prism.hadamard.versioX"),
            "`prism.hadamard.version` to be keys that are known",
        ),
        (
            number("prism.hadamard.version", 1, 3),
            "`prism.hadamard.version` to be 1, or 2 of a tied output, found \"3",
        ),
        (
            number("prism.hadamard.version", 1, 2),
            "`prism.hadamard.version` to be 1, or 2",
        ),
        (
            number("prism.hadamard.block_size", 256, 257),
            "`prism.hadamard.block_size` to be a power of two",
        ),
        (
            number("prism.hadamard.block_size", 256, 1024),
            "`prism.hadamard.block_size` to be a divisor of 256",
        ),
        (
            text("normalized-sylvester", "normalised-sylvester"),
            "`prism.hadamard.transform` to be normalized-sylvester",
        ),
        (
            text("input-last-dimension", "input-next-dimension"),
            "`prism.hadamard.axis` to be input-last-dimension",
        ),
        (
            text("explicit", "implicit"),
            "`prism.hadamard.sign_mode` to be `explicit` or `identity`",
        ),
        // The first is in the list of weights that are rotated, the other a tensor.
        (
            text("blk.2.ffn_down.weight", "blk.9.ffn_down.weight"),
            "weights of products that are rotated, found \"blk.9",
        ),
        (
            text("blk.2.ffn_down.weight", "blk.2.ssm_beta.weight"),
            "weights of products that are rotated, found \"blk.2.ssm_beta",
        ),
        (
            number("qwen35.ssm.inner_size", 256, 255),
            "`qwen35.ssm.inner_size` to be",
        ),
        (
            number("qwen35.ssm.time_step_rank", 4, 3),
            "`qwen35.ssm.time_step_rank` to be a multiple",
        ),
        (
            number("qwen35.attention.head_count_kv", 2, 3),
            "`qwen35.attention.head_count` to be a multiple",
        ),
        (number("qwen35.block_count", 4, 5), "blk.4"),
        (number("qwen35.block_count", 4, 3), "blk.3"),
        (
            number("qwen35.block_count", 4, 0),
            "`qwen35.block_count` to be 1 or more",
        ),
        (number("qwen35.embedding_length", 256, 255), "255"),
        (
            text(
                "general.architecture\u{8}\0\0\0\u{6}\0\0\0\0\0\0\0qwen35",
                "general.architecture\u{8}\0\0\0\u{6}\0\0\0\0\0\0\0qwen36",
            ),
            "qwen36",
        ),
    ];
    for (bytes, expected) in cases {
        let fault = checkpoint::parse_checkpoint(&bytes)
            .expect_err(expected)
            .to_string();
        assert!(
            fault.contains(expected),
            "expected {expected}\nfound {fault}"
        );
        assert!(!fault.contains('\n'), "{fault}");
    }
}

/// The bytes with the first `from` replaced.
fn changed(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.expect("it is there");
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

/// 2,000 files with bytes of their keys and tables changed are read or refused in a line.
#[test]
fn damaged_keys_are_refused_in_a_line() {
    for (folder, name) in models() {
        let bytes = fs::read(folder.join(format!("{name}.gguf"))).expect("reads");
        let mut random = Rng::new(7);
        for _ in 0..1000 {
            let mut damaged = bytes.clone();
            for _ in 0..1 + random.below(3) {
                // Keys of dimensions and rotations are in front, tensors behind the vocabulary.
                let at = random.below(4000) as usize;
                damaged[at] = random.below(256) as u8;
            }
            if let Err(fault) = checkpoint::parse_checkpoint(&damaged) {
                assert!(!fault.to_string().contains('\n'), "{fault}");
            }
        }
    }
}
