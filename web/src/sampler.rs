//! From logits to a token.

use crate::answer::handle;
use crate::memory::{borrowed, borrowed_mut, closed};
use crate::model::Loaded;
use atome::sampler::{Sampler, Sampling};
use atome::{RunError, Session};

/// A sampler; 0 and a message if a setting is out of its range, or the model is a classifier.
#[unsafe(no_mangle)]
unsafe extern "C" fn sampler_open(
    model: *const Loaded,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    repetition_penalty: f32,
    seed: u64,
) -> *mut Sampler {
    let sampling = Sampling {
        temperature,
        top_k,
        top_p,
        min_p,
        repetition_penalty,
        seed,
        ..Sampling::GREEDY
    };
    // SAFETY: the caller's handle.
    let model = &unsafe { borrowed(model) }.model;
    handle(match model.classes() {
        Some(_) => Err(RunError::NotALanguageModel),
        None => Sampler::new(sampling, model.vocab()),
    })
}

/// Frees a sampler.
#[unsafe(no_mangle)]
unsafe extern "C" fn sampler_close(sampler: *mut Sampler) {
    // SAFETY: the caller's handle, for the last time.
    unsafe { closed(sampler) }
}

/// Counts a token of the prompt for the penalty.
#[unsafe(no_mangle)]
unsafe extern "C" fn sampler_saw(sampler: *mut Sampler, token: u32) {
    // SAFETY: the caller's handle.
    unsafe { borrowed_mut(sampler) }.saw(token);
}

/// The token that follows what a session of the same model has taken in.
#[unsafe(no_mangle)]
unsafe extern "C" fn sampler_sample(sampler: *mut Sampler, session: *const Session) -> u32 {
    // SAFETY: the caller's handles.
    let (sampler, session) = unsafe { (borrowed_mut(sampler), borrowed(session)) };
    sampler.sample(session.logits())
}
