//! From logits to a token.

use crate::lent::{place, reference, reference_mut};
use crate::session::Handle;
use crate::status::{Failure, Status, answer, call};
use atome::sampler::{Sampler, Sampling};
use atome::{Model, RunError};

/// [`Sampling`] as C gives it.
#[repr(C)]
pub(crate) struct CallerSampling {
    repetition_penalty: f32,
    temperature: f32,
    top_k: usize,
    top_p: f32,
    min_p: f32,
    seed: u64,
}

/// A sampler, and how many logits it takes.
pub(crate) struct Chooser {
    sampler: Sampler,
    vocab: usize,
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn atome_sampling_default() -> CallerSampling {
    let Sampling {
        repetition_penalty,
        temperature,
        top_k,
        top_p,
        min_p,
        seed,
        ..
    } = Sampling::default();
    CallerSampling {
        repetition_penalty,
        temperature,
        top_k,
        top_p,
        min_p,
        seed,
    }
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_sampler_open(
    model: *const Model,
    sampling: *const CallerSampling,
    sampler: *mut *mut Chooser,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("sampler", sampler)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for a model and settings.
        let (model, given) = unsafe {
            let model = reference("model", model)?;
            (model, reference("sampling", sampling)?)
        };
        if model.classes().is_some() {
            return Err(RunError::NotALanguageModel.into());
        }
        let sampling = Sampling {
            repetition_penalty: given.repetition_penalty,
            temperature: given.temperature,
            top_k: given.top_k,
            top_p: given.top_p,
            min_p: given.min_p,
            seed: given.seed,
            ..Sampling::GREEDY
        };
        let vocab = model.vocab();
        let sampler = Sampler::new(sampling, vocab)?;
        place.write(Box::into_raw(Box::new(Chooser { sampler, vocab })));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_sampler_close(sampler: *mut Chooser) {
    answer(|| {
        if !sampler.is_null() {
            // SAFETY: the caller vouches for a handle that is used no more; it was boxed when it was opened.
            drop(unsafe { Box::from_raw(sampler) });
        }
    });
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_sampler_sample(
    sampler: *mut Chooser,
    session: *const Handle,
    token: *mut u32,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a sampler, a session and a place for the token.
        let (chooser, handle, place) = unsafe {
            let chooser = reference_mut("sampler", sampler)?;
            (
                chooser,
                reference("session", session)?,
                place("token", token)?,
            )
        };
        let logits = handle.session.logits();
        if logits.len() != chooser.vocab {
            return Err(Failure::argument(format_args!(
                "`session` has {} logits, expected the {} of the sampler's model",
                logits.len(),
                chooser.vocab
            )));
        }
        place.write(chooser.sampler.sample(logits));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_sampler_saw(sampler: *mut Chooser, token: u32) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a sampler.
        let chooser = unsafe { reference_mut("sampler", sampler)? };
        if token as usize >= chooser.vocab {
            return Err(Failure::argument(format_args!(
                "`token` is {token}, expected one below {}",
                chooser.vocab
            )));
        }
        chooser.sampler.saw(token);
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_sampler_restart(sampler: *mut Chooser) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a sampler.
        unsafe { reference_mut("sampler", sampler)? }
            .sampler
            .restart();
        Ok(())
    })
}
