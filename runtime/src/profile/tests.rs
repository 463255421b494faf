use super::*;
use crate::checkpoint::Checkpoint;
use crate::families::{AtomeConfig, BitMamba2Config, Config};
use crate::{Options, RunError};

fn models() -> [Model; 2] {
    let atome = AtomeConfig {
        vocab_size: 256,
        d_model: 48,
        n_layers: 3,
        d_head: 8,
        top_k: 4,
        kernel_size: 5,
        max_seq: 16,
    };
    let bitmamba2 = BitMamba2Config {
        vocab_size: 300,
        d_model: 32,
        n_layers: 2,
        n_heads: 4,
    };
    let options = Options {
        backend: BackendKind::Aot,
        ..Options::default()
    };
    let configs: [Config; 2] = [atome.into(), bitmamba2.into()];
    configs.map(|config| {
        let model = Checkpoint::random(config, None, 7);
        Model::from_checkpoint(&model, &options).unwrap()
    })
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|x| x.to_bits()).collect()
}

/// The calls of a block after a few tokens, with everything they read.
fn with_calls(
    model: &Model,
    (tokens, by): (&[u32], BackendKind),
    test: impl FnOnce(&mut Session, &Singles, &mut Scratch<'_>),
) {
    let mut session = model.session().unwrap();
    session.prefill(&[1, 2, 3]).unwrap();
    let inner = &model.inner;
    let makes = by == BackendKind::Jit;
    let singles = Singles::new(&inner.plan, inner.pick(), tokens.len(), makes).unwrap();
    let mut scratch = inner.arena.scratch().unwrap();
    session.begin();
    inner.write_inputs(&mut scratch, tokens, 3..);
    test(&mut session, &singles, &mut scratch);
}

#[test]
fn a_profiled_step_gives_the_logits_of_a_step() {
    for model in models() {
        let mut session = model.session().unwrap();
        session.prefill(&[1, 2, 3, 4]).unwrap();
        let expected = bits(session.logits());
        drop(session);
        for times in [0, 1, 3] {
            with_calls(
                &model,
                (&[4], BackendKind::Aot),
                |session, singles, scratch| {
                    session.visit(singles, scratch, 1, &mut |single| {
                        single.time(BackendKind::Aot, times);
                    });
                    assert_eq!(bits(session.logits()), expected, "{times} times");
                },
            );
        }
    }
}

#[cfg(feature = "jit")]
#[test]
fn calls_leave_the_same_however_they_are_made() {
    if crate::jit::check().is_err() {
        return;
    }
    let block: &[u32] = &[4, 5, 6, 7, 8];
    for (model, tokens) in models().iter().flat_map(|m| [(m, block), (m, &block[..1])]) {
        with_calls(
            model,
            (tokens, BackendKind::Jit),
            |session, singles, scratch| {
                for (number, single) in singles.list.iter().enumerate() {
                    let before = session.keep(scratch, &single.tensors);
                    let mut after = |by| {
                        session.run_single((singles, number), (by, 2), scratch, tokens.len());
                        let after = session.keep(scratch, &single.tensors);
                        session.put_back(scratch, before.iter());
                        after.into_iter().map(|kept| kept.bytes).collect::<Vec<_>>()
                    };
                    if single.is_first {
                        let [ahead, made] = [BackendKind::Aot, BackendKind::Jit].map(&mut after);
                        assert!(ahead == made, "{:?}", singles.kinds[single.kind]);
                    }
                    session.run_single(
                        (singles, number),
                        (BackendKind::Aot, 1),
                        scratch,
                        tokens.len(),
                    );
                }
                let times: usize = singles.kinds.iter().map(|kind| kind.times).sum();
                assert_eq!(times, singles.list.len());
            },
        );
    }
}

#[test]
fn what_has_no_profile_is_refused() {
    let [model, _] = models();
    let refused = |by, before: &[u32], tokens: &[u32]| {
        let found = model.profile(by, before, tokens, &mut |_| {});
        found.unwrap_err().to_string()
    };
    let none = refused(BackendKind::Interp, &[], &[1]);
    assert!(none.starts_with("the interpreter has no profile"), "{none}");
    let run = |error: RunError| error.to_string();
    assert_eq!(
        refused(BackendKind::Aot, &[], &[]),
        run(RunError::EmptyPrompt)
    );
    let unknown = RunError::TokenOutOfRange {
        id: 256,
        vocab: 256,
    };
    assert_eq!(refused(BackendKind::Aot, &[256], &[1]), run(unknown));
    let long = vec![0; model.inner.plan.block + 1];
    let expected = format!(
        "a block of {} tokens, expected at most {}",
        long.len(),
        long.len() - 1
    );
    assert_eq!(refused(BackendKind::Aot, &[], &long), expected);
}
