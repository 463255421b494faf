//! Saved states that nobody saved.

use super::answers::Answer;
use super::one_line;
use atome::checkpoint::Checkpoint;
use atome::families::{AtomeConfig, BitMamba2Config};
use atome::{BackendKind, Model, Options, Session};
use std::sync::LazyLock;

/// Bytes of a state that say whose it is: magic, version, fingerprint.
const OWNER_BYTES: usize = 24;
/// Where the checksum of all other bytes is.
const CHECKSUM: std::ops::Range<usize> = 32..40;

/// A language model and a classifier of the one family, and a model of the other. Their windows are short, so that few
/// tokens fill them.
pub(super) static MODELS: LazyLock<[Checkpoint; 3]> = LazyLock::new(|| {
    let config = AtomeConfig {
        vocab_size: 19,
        d_model: 20,
        n_layers: 2,
        d_head: 5,
        top_k: 3,
        kernel_size: 4,
        max_seq: 6,
    };
    let bitmamba2 = BitMamba2Config {
        vocab_size: 19,
        d_model: 12,
        n_layers: 2,
        n_heads: 3,
    };
    [
        Checkpoint::random(config.clone(), None, 1),
        Checkpoint::random(config, Some(3), 2),
        Checkpoint::random(bitmamba2.clone(), None, 3),
    ]
});

/// The same models, loaded for two backends.
static LOADED: LazyLock<Vec<[Model; 2]>> = LazyLock::new(|| {
    let load = |checkpoint, backend, block| {
        let options = Options {
            backend,
            block,
            threads: Some(1),
            sessions: 2,
            ..Options::default()
        };
        Model::from_checkpoint(checkpoint, &options).expect("a model of our own")
    };
    let both = |checkpoint| {
        [
            load(checkpoint, BackendKind::Aot, 4),
            load(checkpoint, BackendKind::Interp, 3),
        ]
    };
    MODELS.iter().map(both).collect()
});

/// The state of a model after some tokens.
pub(super) fn saved_after(model: usize, tokens: &[u32]) -> Vec<u8> {
    let mut session = LOADED[model][0].session().expect("a slot");
    if !tokens.is_empty() {
        session.prefill(tokens).expect("tokens of the vocabulary");
    }
    saved(&session)
}

fn saved(session: &Session) -> Vec<u8> {
    let mut state = vec![0xee; session.state_bytes()];
    session
        .save_into(&mut state)
        .expect("as long as it must be");
    state
}

/// The number of a model and a state: as it is, and with the right length, owner and checksum.
pub(super) fn state(data: &[u8]) -> bool {
    let Some((&model, state)) = data.split_first() else {
        return false;
    };
    let model = usize::from(model) % MODELS.len();
    let taken = restore(&LOADED[model], state);
    let mut mended = saved_after(model, &[]);
    let length = state.len().min(mended.len());
    if length > OWNER_BYTES {
        mended[OWNER_BYTES..length].copy_from_slice(&state[OWNER_BYTES..length]);
    }
    let rest = [&mended[..CHECKSUM.start], &mended[CHECKSUM.end..]].concat();
    let sum = u64::from(crc32fast::hash(&rest));
    mended[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
    restore(&LOADED[model], &mended) || taken
}

/// Restores a state on each backend and goes on from it; both must do the same.
fn restore(models: &[Model; 2], state: &[u8]) -> bool {
    let [expected, found] = models.each_ref().map(|model| go_on(model, state));
    assert_eq!(expected, found);
    expected.is_ok()
}

/// What a session does after a state is restored: what is then saved, and two steps.
fn go_on(model: &Model, state: &[u8]) -> Result<(Vec<u8>, [Answer; 2]), String> {
    let mut session = model.session().expect("a slot");
    // Something to be forgotten, or to be kept.
    session.prefill(&[3, 1, 4, 1, 5]).expect("small ids");
    let before = saved(&session);
    if let Err(error) = session.restore(state) {
        assert!(saved(&session) == before, "a refused state changes nothing");
        return Err(one_line(&error));
    }
    let again = saved(&session);
    let mut other = model.session().expect("a slot");
    other.restore(&again).expect("a state that was saved");
    assert!(saved(&other) == again, "saved, restored and saved");
    drop(other);
    let fork = session.fork().expect("a slot");
    assert!(saved(&fork) == again, "forked and saved");
    drop(fork);
    let answers = [7, 11].map(|token| {
        let result = session.step(token);
        Answer::of(&session, result)
    });
    Ok((again, answers))
}
