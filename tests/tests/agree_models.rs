//! Whole models give the same bits however they are run: interpreted, ahead of time on every
//! tier, compiled at load, with one thread or two, step by step or in blocks.

use atome::checkpoint::Checkpoint;
use atome::families::AtomeConfig;
use atome::{Model, Options};
use atome_spec::SplitMix64;
use atome_tests::published::{folder, load};
use atome_tests::runs::{self, Run, bits};

/// Chooses shapes.
struct Seeds(SplitMix64);

impl Seeds {
    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn between(&mut self, low: usize, high: usize) -> usize {
        low + (self.next() % (high - low + 1) as u64) as usize
    }
}

/// A small model of awkward shape and a sequence for it.
fn random_case(seed: u64) -> (Checkpoint, Vec<u32>) {
    let mut seeds = Seeds(SplitMix64::new(seed));
    let edges = [1, 15, 16, 17, 31, 33, 48, 63, 64, 65, 100];
    let d_model = match seeds.between(0, 2) {
        0 => edges[seeds.between(0, edges.len() - 1)],
        _ => seeds.between(1, 100),
    };
    let config = AtomeConfig {
        vocab_size: seeds.between(1, 300),
        d_model,
        n_layers: seeds.between(1, 3),
        d_head: seeds.between(1, 40),
        top_k: seeds.between(1, 9),
        kernel_size: seeds.between(1, 7),
        // Sometimes shorter than the sequence, so that the cache wraps around.
        max_seq: seeds.between(1, 90),
    };
    let classes = (seeds.between(0, 3) == 0).then(|| seeds.between(1, 20));
    let len = seeds.between(1, 70);
    let vocab = config.vocab_size as u64;
    let tokens = (0..len).map(|_| (seeds.next() % vocab) as u32).collect();
    (Checkpoint::random(config, classes, seed), tokens)
}

/// The bits of the logits after each token.
fn step_by_step(model: &Model, tokens: &[u32]) -> Vec<Vec<u32>> {
    let mut session = model.session().expect("a slot");
    let step = |token: &u32| {
        session.step(*token).expect("a token of the vocabulary");
        bits(session.logits())
    };
    tokens.iter().map(step).collect()
}

/// The bits of the logits and of the state after all tokens at once.
fn at_once(model: &Model, tokens: &[u32]) -> (Vec<u32>, Vec<u8>) {
    let mut session = model.session().expect("a slot");
    session.prefill(tokens).expect("tokens of the vocabulary");
    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state).expect("the right length");
    (bits(session.logits()), state)
}

/// The bits of the logits after each token, and of the state after all, of tokens taken in blocks.
fn row_by_row(model: &Model, tokens: &[u32]) -> (Vec<Vec<u32>>, Vec<u8>) {
    let mut session = model.session().expect("a slot");
    let mut rows = Vec::new();
    let result = session.prefill_with(tokens, |i, logits| {
        assert_eq!(i, rows.len(), "in order");
        rows.push(bits(logits));
    });
    result.expect("tokens of the vocabulary");
    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state).expect("the right length");
    (rows, state)
}

fn open(model: &Checkpoint, options: &Options) -> Model {
    match Model::from_checkpoint(model, options) {
        Ok(model) => model,
        Err(error) => panic!("{:?}: {error}", model.config()),
    }
}

fn check(run: &Run, case: &str, model: &Model, tokens: &[u32], expected: &[Vec<u32>]) {
    let found = step_by_step(model, tokens);
    for (t, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(
            found, expected,
            "{case}, {}: logits after token {t}",
            run.name
        );
    }
    let (logits, state) = at_once(model, tokens);
    assert_eq!(
        Some(&logits),
        expected.last(),
        "{case}, {}: prefill",
        run.name
    );
    let (rows, rows_state) = row_by_row(model, tokens);
    assert_eq!(rows, expected, "{case}, {}: logits of all rows", run.name);
    assert!(
        rows_state == state,
        "{case}, {}: the state, logits and argmax after all rows",
        run.name
    );
}

#[test]
fn random_models_of_awkward_shapes() {
    let runs = runs::all();
    for seed in 0..200 {
        let (model, tokens) = random_case(seed);
        let case = format!("seed {seed}, {:?}, {} tokens", model.config(), tokens.len());
        let expected = step_by_step(&open(&model, &runs[0].options), &tokens);
        for run in &runs {
            // A block length of its own for each model, from 1 token to more than all.
            let block = 1 + (seed as usize * 7) % 80;
            let options = Options {
                block,
                ..run.options.clone()
            };
            check(run, &case, &open(&model, &options), &tokens, &expected);
        }
    }
}

#[test]
fn published_models() {
    let Some(folder) = folder() else { return };
    let text: Vec<u32> = b"Once upon a time there was a dog. "
        .map(u32::from)
        .repeat(9);
    let cases = [
        ("atome_944k.bin", "atome_944k.json", &text[..300]),
        ("water.atomecl", "atomecl.json", &text[..32]),
    ];
    let runs = runs::all();
    for (file, config, tokens) in cases {
        let reference = load(&folder, file, config, &runs[0].options);
        let expected = step_by_step(&reference, tokens);
        for run in &runs[1..] {
            let model = load(&folder, file, config, &run.options);
            check(run, file, &model, tokens, &expected);
        }
    }
}

#[test]
fn prefill_leaves_the_state_of_single_steps() {
    for seed in 1000..1010 {
        let (model, tokens) = random_case(seed);
        let model = open(&model, &Options::default());
        let (_, block_state) = at_once(&model, &tokens);
        let mut session = model.session().expect("a slot");
        tokens
            .iter()
            .for_each(|t| session.step(*t).expect("a token"));
        let mut state = vec![0; session.state_bytes()];
        session.save_into(&mut state).expect("the right length");
        assert!(state == block_state, "seed {seed}");
    }
}

#[test]
fn fork_save_and_restore_continue_alike() {
    let (model, tokens) = random_case(7);
    let options = Options {
        sessions: 2,
        ..Options::default()
    };
    let model = open(&model, &options);
    let mut session = model.session().expect("a slot");
    session.prefill(&tokens).expect("tokens");
    let mut saved = vec![0; session.state_bytes()];
    session.save_into(&mut saved).expect("the right length");
    let mut fork = session.fork().expect("a second slot");
    assert_eq!(bits(fork.logits()), bits(session.logits()));
    assert!(model.session().is_err(), "both slots are taken");

    session.step(tokens[0]).expect("a token");
    let expected = bits(session.logits());
    fork.step(tokens[0]).expect("a token");
    assert_eq!(bits(fork.logits()), expected);

    session.step(tokens[0]).expect("a token");
    session.restore(&saved).expect("its own state");
    assert_eq!(session.position(), tokens.len() as u64);
    session.step(tokens[0]).expect("a token");
    assert_eq!(bits(session.logits()), expected);

    assert!(session.restore(&saved[1..]).is_err());
    // The position's high byte.
    saved[31] = 0xff;
    assert!(
        session.restore(&saved).is_err(),
        "no session gets to that position"
    );
    assert_eq!(
        bits(session.logits()),
        expected,
        "a refused state changes nothing"
    );
}
