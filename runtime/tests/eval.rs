//! The evaluation of a text, held to a plain step-by-step computation.

use atome::checkpoint::Checkpoint;
use atome::eval::{Windows, evaluate};
use atome::families::AtomeConfig;
use atome::{Model, Options, RunError};
use std::sync::atomic::{AtomicUsize, Ordering};

const CONFIG: AtomeConfig = AtomeConfig {
    vocab_size: 40,
    d_model: 18,
    n_layers: 2,
    d_head: 5,
    top_k: 3,
    kernel_size: 3,
    max_seq: 12,
};

fn load(sessions: usize) -> Model {
    let model = Checkpoint::random(CONFIG, None, 5);
    let options = Options {
        sessions,
        ..Options::default()
    };
    Model::from_checkpoint(&model, &options).unwrap()
}

fn text(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| i * i * 7 % 40).collect()
}

/// For each token the costliest way: a fresh session, every token of its window before it, one at a time.
fn plain(model: &Model, tokens: &[u32], window: usize, stride: usize) -> f64 {
    let mut nats = 0.0;
    for at in 1..tokens.len() {
        let k = (at + 1).saturating_sub(window).div_ceil(stride);
        let mut session = model.session().unwrap();
        for &token in &tokens[k * stride..at] {
            session.step(token).unwrap();
        }
        let logits = session.logits();
        let sum: f64 = logits.iter().map(|&l| f64::from(l).exp()).sum();
        nats += sum.ln() - f64::from(logits[tokens[at] as usize]);
    }
    nats
}

#[test]
fn the_same_as_step_by_step() {
    let (one, three) = (load(1), load(3));
    for (n, window, stride) in [
        (2, 12, 6),
        (12, 12, 6),
        (13, 12, 6),
        (60, 12, 6),
        (61, 12, 11),
        (50, 20, 1),
        (50, 2, 1),
        (50, 1000, 500),
    ] {
        let tokens = text(n);
        let windows = Windows::new(window, stride).unwrap();
        let expected = plain(&one, &tokens, window, stride);
        let told = AtomicUsize::new(0);
        let progress = |n| {
            told.fetch_add(n, Ordering::Relaxed);
        };
        let result = evaluate(&one, &tokens, windows, 1, &progress).unwrap();
        assert!(
            (result.nats - expected).abs() < 1e-9 * expected,
            "{n}, {window}, {stride}: {} against {expected}",
            result.nats
        );
        assert_eq!((result.scored, told.into_inner()), (n - 1, n - 1));
        assert_eq!(result.windows, windows.count(n));
        // More threads, and more than there are sessions, give the same bits.
        for threads in [2, 7] {
            assert_eq!(
                evaluate(&three, &tokens, windows, threads, &|_| {}),
                Ok(result)
            );
        }
    }
}

#[test]
fn what_cannot_be_scored() {
    let model = load(1);
    let windows = Windows::for_reach(12);
    let refused = |tokens: &[u32]| evaluate(&model, tokens, windows, 2, &|_| {}).unwrap_err();
    assert_eq!(refused(&[]), RunError::TextTooShort { found: 0 });
    assert_eq!(refused(&[1]), RunError::TextTooShort { found: 1 });
    let mut tokens = text(50);
    tokens[30] = 40;
    assert_eq!(
        refused(&tokens),
        RunError::TokenOutOfRange { id: 40, vocab: 40 }
    );
    let taken = model.session().unwrap();
    assert_eq!(refused(&text(5)), RunError::NoFreeSession { slots: 1 });
    drop(taken);
    let classifier = Checkpoint::random(CONFIG, Some(3), 5);
    let classifier = Model::from_checkpoint(&classifier, &Options::default()).unwrap();
    let error = evaluate(&classifier, &text(5), windows, 1, &|_| {}).unwrap_err();
    assert_eq!(error, RunError::NotALanguageModel);
}
