//! Graphs of any architecture: the same bits however they are run, and texts of strangers.

use atome::checkpoint::{Checkpoint, parse_checkpoint, write_container};
use atome::format::ContainerOptions;
use atome::graph::Graph;
use atome::{BackendKind, Model, Options, Packing, Session, Tier};
use atome_codegen::testing::Rng;
use atome_tests::{fuzz, graphs};

/// Ways to run a model that are all of the code: every backend, the portable and the best tier.
fn runs(seed: u64) -> Vec<Options> {
    let of = |backend, tier| Options {
        backend,
        tier,
        threads: Some(1),
        sessions: 3,
        block: [1, 3, 8, 32][seed as usize % 4],
        ..Options::default()
    };
    let tiers = atome_kernels::tiers();
    let other = tiers[seed as usize % tiers.len()];
    vec![
        of(BackendKind::Interp, None),
        of(BackendKind::Aot, Some(other)),
        of(BackendKind::Aot, Some(Tier::Portable)),
        of(BackendKind::Jit, None),
    ]
}

fn bits(session: &Session) -> Vec<u32> {
    session.logits().iter().map(|x| x.to_bits()).collect()
}

/// The bits of the logits after each token, by steps; by one block and by batches they are the same.
fn answers(model: &Model, tokens: &[u32], case: &str) -> Vec<Vec<u32>> {
    let mut session = model.session().expect("a slot");
    let steps: Vec<Vec<u32>> = tokens
        .iter()
        .map(|token| {
            session.step(*token).expect("a token of the vocabulary");
            bits(&session)
        })
        .collect();
    drop(session);
    let mut block = model.session().expect("a slot");
    block.prefill(tokens).expect("tokens of the vocabulary");
    assert_eq!(Some(&bits(&block)), steps.last(), "{case}: a block");
    let mut rows: Vec<Vec<u32>> = Vec::new();
    block.reset();
    let each = |_: usize, logits: &[f32]| rows.push(logits.iter().map(|x| x.to_bits()).collect());
    block.prefill_with(tokens, each).expect("tokens");
    assert_eq!(rows, steps, "{case}: the logits of all rows");
    drop(block);
    let mut pair = [(); 2].map(|()| model.session().expect("a slot"));
    for (i, expected) in steps.iter().enumerate() {
        let ids = [tokens[i]; 2];
        let [a, b] = &mut pair;
        model.step_batch(&mut [a, b], &ids).expect("two sessions");
        for session in &pair {
            assert_eq!(&bits(session), expected, "{case}: a batch, token {i}");
        }
    }
    steps
}

fn agrees(seed: u64) {
    let graph = graphs::random(seed);
    let text = graph.to_string();
    assert_eq!(
        text.parse::<Graph>(),
        Ok(graph.clone()),
        "seed {seed}\n{text}"
    );
    let vocab = graph.vocab_size() as u64;
    let mut rng = Rng::new(seed);
    let tokens: Vec<u32> = (0..9).map(|_| rng.below(vocab) as u32).collect();
    let model = Checkpoint::random(graph, None, seed);
    let runs = runs(seed);
    let mut expected = None;
    for options in &runs {
        let case = format!("seed {seed}, {options:?}\n{text}");
        let model = match Model::from_checkpoint(&model, options) {
            Ok(model) => model,
            Err(error) => panic!("{case}: {error}"),
        };
        let found = answers(&model, &tokens, &case);
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{case}");
    }
    if seed.is_multiple_of(8) {
        let packing = [Packing::Int2, Packing::Base3][seed as usize / 8 % 2];
        let packed = write_container(&model, &ContainerOptions::packing(packing));
        let packed = packed.expect("a container");
        let read = parse_checkpoint(&packed).expect("what was written");
        assert_eq!(read.graph(), model.graph(), "seed {seed}");
        let model = Model::from_bytes(&packed, &runs[1]).expect("a model");
        let found = answers(&model, &tokens, "packed");
        assert_eq!(Some(found), expected, "seed {seed}, packed\n{text}");
    }
}

#[test]
fn random_graphs_agree_on_every_backend() {
    (0..150).for_each(agrees);
}

/// Expressions that become one keep every bit of those that they were.
#[test]
fn fused_maps_keep_their_bits() {
    let mut fused = 0;
    for seed in 0..120 {
        let graph = graphs::chains(seed);
        let text = graph.to_string();
        let vocab = graph.vocab_size() as u64;
        let mut rng = Rng::new(seed);
        let tokens: Vec<u32> = (0..9).map(|_| rng.below(vocab) as u32).collect();
        let model = Checkpoint::random(graph, None, seed);
        let apart = Options {
            fuse: false,
            ..runs(seed).remove(0)
        };
        let mut expected = None;
        for options in [apart].iter().chain(&runs(seed)) {
            let case = format!("seed {seed}, {options:?}\n{text}");
            let model = match Model::from_checkpoint(&model, options) {
                Ok(model) => model,
                Err(error) => panic!("{case}: {error}"),
            };
            let has_fused = model.plan().to_string().contains("\n  fused {\n");
            assert!(options.fuse || !has_fused, "{case}");
            fused += usize::from(has_fused);
            let found = answers(&model, &tokens, &case);
            let expected = expected.get_or_insert_with(|| found.clone());
            assert_eq!(&found, expected, "{case}");
        }
    }
    assert!(fused > 400, "only {fused} of 480 plans have fewer calls");
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn ten_thousand_random_graphs_agree() {
    (1000..11_000).for_each(agrees);
}

/// Texts of random graphs with a few edits: refused in one line, or run.
fn mutated(count: u64, seed: u64) -> u64 {
    let corpus: Vec<Vec<u8>> = (0..40)
        .map(|seed| graphs::random(seed).to_string().into_bytes())
        .collect();
    let words = fuzz::words(include_str!("../../fuzz/graph.dict"));
    let mut rng = Rng::new(seed);
    let taken = (0..count).filter(|_| {
        let bytes = fuzz::mutate(&corpus, &words, &mut rng);
        fuzz::run("graph", &bytes)
    });
    taken.count() as u64
}

#[test]
fn mutated_texts_are_refused_or_run() {
    let taken = mutated(4000, 1);
    assert!(taken > 50, "{taken}");
}

#[test]
#[ignore = "takes half an hour"]
fn a_million_mutated_texts_are_refused_or_run() {
    let taken = mutated(1_000_000, 2);
    println!("{taken} of 1,000,000 run");
    assert!(taken > 10_000, "{taken}");
}
