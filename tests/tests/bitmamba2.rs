//! The BitMamba-2 family: golden outputs, and the same bits however a model is run.

use atome::checkpoint::Checkpoint;
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::tensor::EmbeddingType;
use atome::{Model, Options};
use atome_tests::published::{bitmamba2_folder, distance, floats, golden, tokens};
use atome_tests::runs::{self, bits};
use atome_tests::sessions::{batch_agrees, same_however_run, same_when_packed};

/// The goldens are of an oracle in f64. Activations are rounded to int8, so a difference in the last
/// bit before may become one of a whole step, of about 5e-2 (logits have variance 1); none does,
/// because they are rounded as if computed exactly.
const NEAR: f64 = 1e-5;
/// Below this distance of the two best logits another choice may be as right.
const CLEAR: f64 = 0.05;

#[test]
fn goldens_on_every_backend() {
    let Some(folder) = bitmamba2_folder() else {
        return;
    };
    for name in ["tiny", "small"] {
        let records = golden(&folder, &format!("golden_{name}.json"));
        let mut reference: Vec<Vec<u32>> = Vec::new();
        for run in runs::int8() {
            let path = folder.join(format!("{name}.bin"));
            let model = Model::load(&path, None, &run.options).expect("loads");
            let mut session = model.session().expect("a slot");
            for (i, record) in records.iter().enumerate() {
                let prompt = tokens(&record["tokens"]);
                session.reset();
                session.prefill(&prompt).expect("tokens");
                let apart = distance(session.logits(), &floats(&record["logits"]));
                println!("{name}, {}, record {i}: {apart:e}", run.name);
                assert!(apart <= NEAR, "{name}, {}: {apart:e}", run.name);
                match reference.get(i) {
                    Some(expected) => assert_eq!(&bits(session.logits()), expected, "{}", run.name),
                    None => reference.push(bits(session.logits())),
                }
                let greedy = tokens(&record["greedy"]);
                let margins = floats(&record["greedy_margin"]);
                for (token, margin) in greedy.into_iter().zip(margins) {
                    let found = session.argmax();
                    assert!(found == token || margin <= CLEAR, "{name}, {}", run.name);
                    session.step(token).expect("a token");
                }
            }
        }
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
    let d_model = 4 * (1 + below(24) as usize);
    let divisors: Vec<usize> = (1..=2 * d_model)
        .filter(|n| (2 * d_model).is_multiple_of(*n))
        .collect();
    let config = BitMamba2Config {
        vocab_size: 1 + below(300) as usize,
        d_model,
        n_layers: 1 + below(3) as usize,
        n_heads: divisors[below(divisors.len() as u64) as usize],
    };
    let vocab = config.vocab_size as u64;
    let tokens = (0..1 + below(40)).map(|_| below(vocab) as u32).collect();
    (Checkpoint::random(config.clone(), None, seed), tokens)
}

#[test]
fn random_models_of_awkward_shapes() {
    for seed in 0..24 {
        let (model, tokens) = random_case(seed);
        same_however_run(&model, &tokens, 1 + (seed as usize * 7) % 40);
    }
}

#[test]
fn packed_files_give_the_same_bits_however_they_are_run() {
    for (seed, embedding) in [
        (5, EmbeddingType::F32),
        (6, EmbeddingType::F16),
        (7, EmbeddingType::Int8),
    ] {
        let (source, tokens) = random_case(seed);
        same_when_packed(&source, &tokens, embedding);
    }
}

#[test]
fn a_batch_of_sessions_steps_like_each_alone() {
    let config = AtomeConfig {
        vocab_size: 50,
        d_model: 70,
        n_layers: 2,
        d_head: 12,
        top_k: 3,
        kernel_size: 4,
        max_seq: 6,
    };
    let atome = Checkpoint::random(config, None, 1);
    let prompt: Vec<u32> = (0..20).map(|i| i * 7 % 50).collect();
    for run in runs::int8() {
        let open = |options: &Options| Model::from_checkpoint(&atome, options).expect("loads");
        batch_agrees(&format!("atome, {}", run.name), open, &run.options, &prompt);
        let (model, tokens) = random_case(3);
        let open = |options: &Options| Model::from_checkpoint(&model, options).expect("loads");
        let case = format!("bitmamba2, {}", run.name);
        batch_agrees(&case, open, &run.options, &tokens);
    }
}

#[test]
fn a_batch_is_checked() {
    let (model, _) = random_case(3);
    let options = Options {
        sessions: 2,
        ..Options::default()
    };
    let open = || Model::from_checkpoint(&model, &options).expect("loads");
    let (model, other) = (open(), open());
    let (mut a, mut b) = (
        model.session().expect("a slot"),
        other.session().expect("a slot"),
    );
    let vocab = model.vocab() as u32;
    assert!(model.step_batch(&mut [&mut a], &[0, 0]).is_err());
    assert!(model.step_batch(&mut [&mut a], &[vocab]).is_err());
    assert!(model.step_batch(&mut [&mut a, &mut b], &[0, 0]).is_err());
    assert_eq!((a.position(), b.position()), (0, 0));
    assert!(model.step_batch(&mut [], &[]).is_ok());
}
