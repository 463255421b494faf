//! Keys and values in f16: near those in f32, half the memory, and the same bits however a model is run.

use super::{goldens_are_near, hybrids_folder, ids, load, models};
use atome::checkpoint::Checkpoint;
use atome::families::AtomeConfig;
use atome::{Model, Options, Session};
use atome_spec::{Activation, CacheType};
use atome_tests::published::distance;
use atome_tests::runs::{self, Run, bits};

/// What logits are off by, of the greatest: half a unit of 11 bits a key and a value, in a few layers.
const NEAR: f64 = 2e-3;
/// The margin from which greedy tokens are the same.
const CLEAR: f64 = 0.05;

fn halves(options: Options) -> Options {
    Options {
        cache_type: Some(CacheType::F16),
        ..options
    }
}

#[test]
fn goldens_are_near_on_every_backend() {
    let runs = runs::all().into_iter().map(|run| Run {
        options: Options {
            activations: Some(Activation::F32),
            ..halves(run.options)
        },
        ..run
    });
    let apart = |found: &[f32], expected: &[f64]| {
        let greatest = expected.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        distance(found, expected) / greatest
    };
    goldens_are_near(runs.collect(), (NEAR, CLEAR), &apart);
}

/// A state goes on where it was saved, on every backend, within a window that it has left; it is no state of f32 caches.
#[test]
fn states_go_on_with_their_own_caches() {
    for (folder, name) in models() {
        let open = |options: Options| -> Session {
            let options = Options {
                context: Some(70),
                ..options
            };
            load(&folder, name, options).session().expect("a slot")
        };
        let mut one = open(halves(Options::default()));
        one.prefill(&ids(81)).expect("tokens");
        let mut state = vec![0; one.state_bytes()];
        one.save_into(&mut state).expect("room");
        one.prefill(&ids(9)).expect("tokens");
        for run in runs::all().into_iter().step_by(2) {
            let mut other = open(halves(run.options.clone()));
            other.restore(&state).expect("its state");
            other.prefill(&ids(9)).expect("tokens");
            assert_eq!(bits(one.logits()), bits(other.logits()), "{}", run.name);
            let mut again = vec![0; state.len()];
            let mut whole = open(halves(run.options));
            whole.prefill(&ids(81)).expect("tokens");
            whole.save_into(&mut again).expect("room");
            assert!(state == again, "{name}: another state");
        }
        let mut wide = open(Options::default());
        wide.prefill(&ids(81)).expect("tokens");
        let fault = wide.restore(&state).expect_err("caches of f16").to_string();
        assert_eq!(
            fault,
            "the session state has caches of f16, this model is run with caches of f32"
        );
        let mut caches = vec![0; wide.state_bytes()];
        wide.save_into(&mut caches).expect("room");
        let fault = one.restore(&caches).expect_err("caches of f32").to_string();
        assert!(
            fault.contains("caches of f32, this model is run with caches of f16"),
            "{fault}"
        );
        assert_eq!(one.position(), 90);
    }
}

/// A session of a model with attention alone has half the memory for what it remembers, but for the logits.
#[test]
fn a_session_remembers_in_half_the_memory() {
    let Some(folder) = hybrids_folder("dense") else {
        return;
    };
    let [wide, half] = [Options::default(), halves(Options::default())]
        .map(|options| load(&folder, "qwen3_q2", options).info().state_bytes);
    let part = half as f64 / wide as f64;
    println!("{half} of {wide} bytes: {part}");
    assert!((0.5..0.6).contains(&part), "{half} of {wide} bytes");
}

#[test]
fn models_without_such_caches_refuse_a_type() {
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
    let fault = Model::from_checkpoint(&atome, &halves(Options::default()));
    let fault = fault.expect_err("its cache is its own").to_string();
    assert!(
        fault.contains("expected no type of caches, found f16"),
        "{fault}"
    );
}
