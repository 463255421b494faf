//! The BitMamba-2 family: golden outputs, and the same bits however a model is run.

use atome::checkpoint::{Checkpoint, write_packed};
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{Model, Options, Packing, Session};
use atome_tests::published::{bitmamba2_folder, distance, floats, golden, tokens};
use atome_tests::runs::{self, bits};

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

fn steps(session: &mut Session, tokens: &[u32]) -> Vec<Vec<u32>> {
    let step = |token: &u32| {
        session.step(*token).expect("a token");
        bits(session.logits())
    };
    tokens.iter().map(step).collect()
}

#[test]
fn random_models_of_awkward_shapes() {
    let runs = runs::int8();
    for seed in 0..24 {
        let (model, tokens) = random_case(seed);
        let mut expected: Option<Vec<Vec<u32>>> = None;
        for run in &runs {
            let case = format!("seed {seed}, {:?}, {}", model.config(), run.name);
            let options = Options {
                block: 1 + (seed as usize * 7) % 40,
                ..run.options.clone()
            };
            let model = Model::from_checkpoint(&model, &options).expect("loads");
            let mut session = model.session().expect("a slot");
            let found = steps(&mut session, &tokens);
            assert!(
                found
                    .iter()
                    .flatten()
                    .all(|b| f32::from_bits(*b).is_finite())
            );
            let expected = expected.get_or_insert_with(|| found.clone());
            assert_eq!(&found, expected, "{case}: step by step");
            session.reset();
            session.prefill(&tokens).expect("tokens");
            assert_eq!(
                Some(&bits(session.logits())),
                expected.last(),
                "{case}: prefill"
            );
            let state = saved(&session);
            session.reset();
            let mut rows = Vec::new();
            let each = |_: usize, logits: &[f32]| rows.push(bits(logits));
            session.prefill_with(&tokens, each).expect("tokens");
            assert_eq!(&rows, expected, "{case}: logits of all rows");
            assert_eq!(saved(&session), state, "{case}: the state after all rows");
        }
    }
}

#[test]
fn packed_files_give_the_same_bits_however_they_are_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    for (seed, embedding) in [
        (5, EmbeddingType::F32),
        (6, EmbeddingType::F16),
        (7, EmbeddingType::Int8),
    ] {
        let (source, tokens) = random_case(seed);
        for packing in [Packing::Int2, Packing::Base3] {
            let mut options = ContainerOptions::packing(packing);
            options.embedding = embedding;
            write_packed(&source, &path, &options, &mut |_, _| {}).expect("written");
            let mut expected: Option<Vec<Vec<u32>>> = None;
            for run in runs::all() {
                let case = format!("{embedding}, {packing}, {}", run.name);
                let model = Model::load(&path, None, &run.options).expect("loads");
                assert!(model.info().mapped_bytes > 0, "{case}");
                let mut session = model.session().expect("a slot");
                let found = steps(&mut session, &tokens);
                assert_eq!(
                    &found,
                    expected.get_or_insert_with(|| found.clone()),
                    "{case}"
                );
                session.reset();
                session.prefill(&tokens).expect("tokens");
                assert_eq!(
                    Some(&bits(session.logits())),
                    found.last(),
                    "{case}: prefill"
                );
            }
        }
    }
}

/// Steps of several sessions at once against each alone, for one way to run `open`'s model.
fn batch_agrees(case: &str, open: impl Fn(&Options) -> Model, options: &Options, prompt: &[u32]) {
    const SESSIONS: usize = 5;
    let options = Options {
        sessions: 2 * SESSIONS,
        block: 3,
        ..options.clone()
    };
    let model = open(&options);
    let mut sessions: Vec<Session> = (0..2 * SESSIONS)
        .map(|_| model.session().expect("a slot"))
        .collect();
    let (alone, together) = sessions.split_at_mut(SESSIONS);
    // Histories of different lengths.
    for (i, (a, b)) in alone.iter_mut().zip(together.iter_mut()).enumerate() {
        let seen = &prompt[..i * prompt.len() / SESSIONS];
        if !seen.is_empty() {
            a.prefill(seen).expect("tokens");
            b.prefill(seen).expect("tokens");
        }
    }
    for round in 0..3 {
        let ids: Vec<u32> = (0..SESSIONS)
            .map(|i| prompt[(round + i) % prompt.len()])
            .collect();
        for (session, id) in alone.iter_mut().zip(&ids) {
            session.step(*id).expect("a token");
        }
        let mut batch: Vec<&mut Session> = together.iter_mut().collect();
        model.step_batch(&mut batch, &ids).expect("tokens");
        for (i, (a, b)) in alone.iter().zip(together.iter()).enumerate() {
            let case = format!("{case}: session {i} in round {round}");
            assert_eq!(bits(a.logits()), bits(b.logits()), "{case}");
            assert_eq!(
                (a.argmax(), a.position()),
                (b.argmax(), b.position()),
                "{case}"
            );
            assert_eq!(saved(a), saved(b), "{case}: state");
        }
    }
}

fn saved(session: &Session) -> Vec<u8> {
    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state).expect("the right length");
    state
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
