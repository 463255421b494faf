//! The same bits from every way to run a model of int8 activations: step by step, as a prompt, several sessions at once,
//! from memory and from a packed file.

use crate::runs::{self, bits};
use atome::checkpoint::{Checkpoint, write_packed};
use atome::format::ContainerOptions;
use atome::tensor::EmbeddingType;
use atome::{Model, Options, Packing, Session};

/// The bits of the logits after each token.
fn steps(session: &mut Session, tokens: &[u32]) -> Vec<Vec<u32>> {
    let step = |token: &u32| {
        session.step(*token).expect("a token");
        bits(session.logits())
    };
    tokens.iter().map(step).collect()
}

/// Runs a model in all ways, with blocks of `block` tokens: step by step, as a prompt, and with the logits of all rows.
///
/// # Panics
/// If any bit differs.
pub fn same_however_run(source: &Checkpoint, tokens: &[u32], block: usize) {
    let mut expected: Option<Vec<Vec<u32>>> = None;
    for run in runs::int8() {
        let case = format!("{:?}, {}", source.config(), run.name);
        let options = Options {
            block,
            ..run.options.clone()
        };
        let model = Model::from_checkpoint(source, &options).expect("loads");
        let mut session = model.session().expect("a slot");
        let found = steps(&mut session, tokens);
        let mut all = found.iter().flatten();
        assert!(all.all(|b| f32::from_bits(*b).is_finite()), "{case}");
        let expected = expected.get_or_insert_with(|| found.clone());
        assert_eq!(&found, expected, "{case}: step by step");
        session.reset();
        session.prefill(tokens).expect("tokens");
        let last = bits(session.logits());
        assert_eq!(Some(&last), expected.last(), "{case}: prefill");
        let state = saved(&session);
        session.reset();
        let mut rows = Vec::new();
        let each = |_: usize, logits: &[f32]| rows.push(bits(logits));
        session.prefill_with(tokens, each).expect("tokens");
        assert_eq!(&rows, expected, "{case}: logits of all rows");
        assert_eq!(saved(&session), state, "{case}: the state after all rows");
    }
}

/// Packs a model with both packings and runs it from its file in all ways.
///
/// # Panics
/// If any bit differs.
pub fn same_when_packed(source: &Checkpoint, tokens: &[u32], embedding: EmbeddingType) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("model.safetensors");
    for packing in [Packing::Int2, Packing::Base3] {
        let mut options = ContainerOptions::packing(packing);
        options.embedding = Some(embedding);
        write_packed(source, &path, &options, &mut |_, _| {}).expect("written");
        let mut expected: Option<Vec<Vec<u32>>> = None;
        for run in runs::all() {
            let case = format!("{embedding}, {packing}, {}", run.name);
            let model = Model::load(&path, None, &run.options).expect("loads");
            assert!(model.info().mapped_bytes > 0, "{case}");
            let mut session = model.session().expect("a slot");
            let found = steps(&mut session, tokens);
            let expected = expected.get_or_insert_with(|| found.clone());
            assert_eq!(&found, expected, "{case}");
            session.reset();
            session.prefill(tokens).expect("tokens");
            let last = bits(session.logits());
            assert_eq!(Some(&last), found.last(), "{case}: prefill");
        }
    }
}

/// Steps of several sessions at once against each alone, for one way to run `open`'s model.
///
/// # Panics
/// If any bit differs.
pub fn batch_agrees(
    case: &str,
    open: impl Fn(&Options) -> Model,
    options: &Options,
    prompt: &[u32],
) {
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
