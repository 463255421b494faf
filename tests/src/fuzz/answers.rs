//! The same model on two backends, which must give the same bits.

use super::one_line;
use atome::{BackendKind, LoadError, Model, Options, Packing, RunError, Session};

/// Loads a model for the ahead-of-time kernels and for another backend, and runs both.
///
/// # Errors
/// If the model is refused by the first.
///
/// # Panics
/// If the other refuses it, or gives other bits.
pub(super) fn agree(
    load: impl Fn(&Options) -> Result<Model, LoadError>,
    choice: u32,
) -> Result<(), LoadError> {
    let options = options(choice);
    let other = match choice % 8 {
        0 => BackendKind::Jit,
        _ => BackendKind::Interp,
    };
    let of = |backend| {
        load(&Options {
            backend,
            ..options.clone()
        })
    };
    let expected = run(&of(BackendKind::Aot)?, choice);
    match of(other) {
        Ok(model) => assert_eq!(expected, run(&model, choice), "{other}, {options:?}"),
        Err(error) => panic!("{other}, {options:?}: {error}"),
    }
    Ok(())
}

/// Ways to load a model that change none of its bits.
fn options(choice: u32) -> Options {
    let [_, a, b, c] = choice.to_le_bytes().map(usize::from);
    Options {
        threads: Some(1),
        sessions: 2,
        block: [1, 2, 3, 32][a % 4],
        no_multiply: b % 4 == 0,
        packing: [None, Some(Packing::Int2), Some(Packing::Base3)][c % 3],
        ..Options::default()
    }
}

/// What a session shows after a call.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    result: Result<(), String>,
    logits: Vec<u32>,
    argmax: u32,
    output: Vec<u32>,
}

impl Answer {
    pub(super) fn of(session: &Session, result: Result<(), RunError>) -> Answer {
        Answer {
            result: result.map_err(|error| one_line(&error)),
            logits: session.logits().iter().copied().map(bits).collect(),
            argmax: session.argmax(),
            output: session.output().iter().copied().map(bits).collect(),
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.result.is_ok()
    }
}

/// The bits of a number; those of a NaN are the machine's.
pub(super) fn bits(x: f32) -> u32 {
    if x.is_nan() { f32::NAN } else { x }.to_bits()
}

/// Two steps and a block, with what each is answered.
fn run(model: &Model, choice: u32) -> Vec<Answer> {
    let vocab = u32::try_from(model.vocab()).expect("ids are u32");
    let tokens: Vec<u32> = (0..5u32)
        .map(|i| choice.rotate_left(7 * i) % vocab)
        .collect();
    let mut session = model.session().expect("a slot");
    let mut answers = Vec::new();
    for calls in [&tokens[..1], &tokens[1..2], &tokens[2..]] {
        let result = session.prefill(calls);
        answers.push(Answer::of(&session, result));
    }
    if answers.iter().all(Answer::is_ok) {
        let mut block = model.session().expect("a slot");
        let result = block.prefill(&tokens);
        let block = Answer::of(&block, result);
        assert_eq!(Some(&block), answers.last(), "a block and single steps");
    }
    answers
}
