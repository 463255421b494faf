//! The MatMul-free LM family: golden outputs, and the same bits however a model is run.

use atome::checkpoint::{self, Checkpoint};
use atome::families::HgrnBitConfig;
use atome::tensor::{EmbeddingType, Tensor};
use atome::{Model, Options};
use atome_kernels::reference;
use atome_tests::published::{distance, floats, hgrn_bit_folder, tokens};
use atome_tests::runs::{self, bits};
use atome_tests::sessions::{batch_agrees, same_however_run, same_when_packed};
use serde_json::Value;
use std::fs;
use std::path::Path;

const NAMES: [&str; 2] = ["tiny_f32", "small_bf16_shards"];

/// How near to a half an activation may come, in steps of int8, before another rounding may be as right: f32 arithmetic is
/// off by so much.
const NEAR_A_HALF: f64 = 1e-5;
/// What logits are off by where no activation was that near, and where one was and went to the other side.
const NEAR: [f64; 2] = [1e-4, 0.3];

fn golden(folder: &Path, name: &str) -> Value {
    let path = folder.join(format!("golden_{name}.json"));
    let text = fs::read_to_string(path).expect("a golden file");
    serde_json::from_str(&text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn goldens_on_every_backend() {
    let Some(folder) = hgrn_bit_folder() else {
        return;
    };
    for name in NAMES {
        let golden = golden(&folder, name);
        let mut reference: Vec<Vec<u32>> = Vec::new();
        for run in runs::int8() {
            let model = Model::load(&folder.join(name), None, &run.options).expect("loads");
            let mut session = model.session().expect("a slot");
            for (i, record) in list(&golden["prompts"]).iter().enumerate() {
                session.reset();
                session.prefill(&tokens(&record["tokens"])).expect("tokens");
                let apart = distance(session.logits(), &floats(&record["logits"]));
                let clear = |key: &str| number(&record[key]) > NEAR_A_HALF;
                println!("{name}, {}, record {i}: {apart:e}", run.name);
                let near = NEAR[usize::from(!clear("tie_distance"))];
                assert!(apart <= near, "{name}, {}, {i}: {apart:e}", run.name);
                match reference.get(i) {
                    Some(expected) => assert_eq!(&bits(session.logits()), expected, "{}", run.name),
                    None => reference.push(bits(session.logits())),
                }
                let margins = floats(&record["greedy_margin"]);
                for (token, margin) in tokens(&record["greedy"]).into_iter().zip(margins) {
                    let must = clear("tie_distance_greedy") || margin > NEAR[1];
                    let found = session.argmax();
                    assert!(found == token || !must, "{name}, {}, {i}", run.name);
                    session.step(token).expect("a token");
                }
            }
        }
    }
}

/// Trits, counts and scales of every matrix, and the lower bounds.
#[test]
fn weights_are_quantised_as_the_model_was_trained() {
    let Some(folder) = hgrn_bit_folder() else {
        return;
    };
    for name in NAMES {
        let golden = golden(&folder, name);
        let model = checkpoint::load(&folder.join(name), None).expect("reads");
        let weights = golden["weights"].as_object().expect("matrices");
        let matrices = model.tensors.values().filter(|t| t.as_ternary().is_some());
        assert_eq!(matrices.count(), weights.len());
        for (matrix, expected) in weights {
            let w = model.ternary(&format!("{matrix}.weight")).expect("trits");
            let count = |trit: i8| w.trits.iter().filter(|t| **t == trit).count();
            let counts = list(&expected["minus_zero_plus"]).iter().map(number);
            let counts: Vec<usize> = counts.map(|n| n as usize).collect();
            assert_eq!([-1, 0, 1].map(count).to_vec(), counts, "{name}: {matrix}");
            let bytes: Vec<u8> = w.trits.iter().map(|t| t.cast_unsigned()).collect();
            let crc = f64::from(crc32fast::hash(&bytes));
            assert_eq!(crc, number(&expected["crc32_int8"]), "{name}: {matrix}");
            let inverse = f64::from(w.scale) * number(&expected["s_w"]);
            assert!((inverse - 1.0).abs() < 1e-6, "{name}: {matrix}: {inverse}");
        }
        let layers = list(&golden["lower_bound_first4"]);
        for (layer, expected) in layers.iter().enumerate().skip(1) {
            let bound = format!("model.layers.{layer}.attn.lower_bound");
            let found = model.floats(&bound).expect("bounds");
            assert!(distance(&found[..4], &floats(expected)) < 1e-7, "{bound}");
        }
    }
}

/// A whole product: norm, rounding to int8 with halves away from zero, and ternary matrix.
#[test]
fn activations_are_rounded_as_the_model_rounds_them() {
    let Some(folder) = hgrn_bit_folder() else {
        return;
    };
    let narrow = |value: &Value| -> Vec<f32> { floats(value).iter().map(|x| *x as f32).collect() };
    let rounded = |x: &[f32], gamma: &[f32], eps: f32| {
        let (mut q, mut scale, mut sum) = (vec![0; x.len()], [0.0], [0]);
        reference::rms_quantize_away(x, gamma, eps, &mut q, &mut scale, &mut sum);
        (q, scale[0])
    };
    let expected = |value: &Value| -> Vec<i8> { floats(value).iter().map(|q| *q as i8).collect() };
    let golden = golden(&folder, NAMES[0]);
    for case in list(&golden["quantize_cases"]) {
        let y = narrow(&case["y"]);
        let square = y.iter().map(|y| y * y).sum::<f32>() / y.len() as f32;
        // So that the root of a small row is 1, which its least range is relative to.
        let eps = (1.0 - square).max(1e-6);
        let (q, scale) = rounded(&y, &vec![1.0; y.len()], eps);
        assert_eq!(q, expected(&case["q"]), "{y:?}");
        let inverse = f64::from(scale * (square + eps).sqrt()) * number(&case["scale"]);
        assert!((inverse - 1.0).abs() < 1e-6, "{y:?}: {inverse}");
    }
    for case in list(&golden["bitlinear_cases"]) {
        let (q, scale) = rounded(&narrow(&case["x"]), &narrow(&case["norm"]), 1e-6);
        assert_eq!(q, expected(&case["q"]));
        let rows: Vec<Vec<f64>> = list(&case["weight"]).iter().map(floats).collect();
        let count = (rows.len() * q.len()) as f64;
        let mean = rows.iter().flatten().map(|w| w.abs()).sum::<f64>() / count;
        let out = rows.iter().map(|row| {
            let trits = row
                .iter()
                .map(|w| (w / mean).clamp(-1.0, 1.0).round_ties_even());
            let sum: f64 = trits.zip(&q).map(|(t, q)| t * f64::from(*q)).sum();
            (sum * mean * f64::from(scale)) as f32
        });
        let out: Vec<f32> = out.collect();
        assert!(distance(&out, &floats(&case["out"])) < 1e-6, "{out:?}");
    }
}

/// A small model of awkward shape and a sequence for it.
fn random_case(seed: u64) -> (Checkpoint, Vec<u32>) {
    let mut state = seed;
    let mut below = |n: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let config = HgrnBitConfig {
        vocab_size: 1 + below(300) as usize,
        hidden_size: 1 + below(90) as usize,
        num_hidden_layers: 1 + below(3) as usize,
        intermediate_size: 1 + below(150) as usize,
        rms_norm_eps: 1e-6,
        use_lower_bound: below(3) > 0,
    };
    let vocab = config.vocab_size as u64;
    let tokens = (0..1 + below(40)).map(|_| below(vocab) as u32).collect();
    (Checkpoint::random(config, None, seed), tokens)
}

#[test]
fn random_models_of_awkward_shapes() {
    for seed in 0..16 {
        let (model, tokens) = random_case(seed);
        same_however_run(&model, &tokens, 1 + (seed as usize * 7) % 40);
    }
}

#[test]
fn a_batch_of_sessions_steps_like_each_alone() {
    for run in runs::int8() {
        let (model, tokens) = random_case(3);
        let open = |options: &Options| Model::from_checkpoint(&model, options).expect("loads");
        batch_agrees(&run.name, open, &run.options, &tokens);
    }
}

#[test]
fn packed_files_give_the_same_bits_however_they_are_run() {
    for (seed, embedding) in [(5, EmbeddingType::F32), (6, EmbeddingType::F16)] {
        let (source, tokens) = random_case(seed);
        same_when_packed(&source, &tokens, embedding);
    }
}

/// A directory and what is packed of it are the same model.
#[test]
fn a_directory_is_packed() {
    let Some(folder) = hgrn_bit_folder() else {
        return;
    };
    for name in NAMES {
        let source = checkpoint::load(&folder.join(name), None).expect("reads");
        assert!(matches!(
            source.tensors["model.embeddings.weight"],
            Tensor::Table(_)
        ));
        same_when_packed(&source, &[1, 50, 7, 7, 90], EmbeddingType::F32);
    }
}
