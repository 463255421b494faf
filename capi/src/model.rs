//! Loaded models.

use crate::lent::{place, reference, slice, text};
use crate::options::{CallerOptions, options};
use crate::status::{Failure, Status, answer, call};
use atome::Model;
use std::ffi::{c_char, c_int};
use std::path::Path;

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_load(
    path: *const c_char,
    config: *const c_char,
    options: *const CallerOptions,
    model: *mut *mut Model,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("model", model)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for texts and options.
        let (path, config, options) = unsafe {
            let path = text("path", path)?;
            (path, text("config", config)?, self::options(options)?)
        };
        let path = path.ok_or_else(|| Failure::argument("`path` is null"))?;
        if path.is_empty() {
            return Err(Failure::argument("`path` is empty"));
        }
        let loaded = Model::load(Path::new(path), config.map(Path::new), &options)?;
        place.write(Box::into_raw(Box::new(loaded)));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_parse(
    bytes: *const u8,
    count: usize,
    config: *const c_char,
    options: *const CallerOptions,
    model: *mut *mut Model,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("model", model)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for the bytes, a text and options.
        let (bytes, config, options) = unsafe {
            let bytes = slice("bytes", bytes, count)?;
            (bytes, text("config", config)?, self::options(options)?)
        };
        let config = config.map(str::as_bytes);
        let loaded = Model::from_bytes_with(bytes, config, &options)?;
        place.write(Box::into_raw(Box::new(loaded)));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_close(model: *mut Model) {
    answer(|| {
        if !model.is_null() {
            // SAFETY: the caller vouches for a handle that is used no more; it was boxed when the model was loaded.
            drop(unsafe { Box::from_raw(model) });
        }
    });
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_vocab(model: *const Model) -> usize {
    // SAFETY: the caller vouches for a model.
    answer(|| unsafe { reference("model", model) }.map_or(0, Model::vocab))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_classes(model: *const Model) -> usize {
    // SAFETY: the caller vouches for a model.
    let model = || unsafe { reference("model", model) }.ok();
    answer(|| model().and_then(Model::classes).unwrap_or(0))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_model_is_end(model: *const Model, token: u32) -> c_int {
    // SAFETY: the caller vouches for a model.
    let model = || unsafe { reference("model", model) }.ok();
    answer(|| {
        model()
            .is_some_and(|model| model.ends().contains(&token))
            .into()
    })
}
