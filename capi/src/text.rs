//! Text to tokens and back.

use crate::lent::{place, reference, slice, slice_mut};
use crate::status::{Failure, Status, answer, call};
use atome::Model;
use atome::tokenizer::Tokenizer;
use std::ffi::{c_char, c_int};

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_tokenizer_open(
    model: *const Model,
    tokenizer: *mut *mut Tokenizer,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("tokenizer", tokenizer)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for a model.
        let tokenizer = unsafe { reference("model", model)? }.tokenizer()?;
        place.write(Box::into_raw(Box::new(tokenizer)));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_tokenizer_close(tokenizer: *mut Tokenizer) {
    answer(|| {
        if !tokenizer.is_null() {
            // SAFETY: the caller vouches for a handle that is used no more; it was boxed when it was opened.
            drop(unsafe { Box::from_raw(tokenizer) });
        }
    });
}

/// Writes a result that may be longer than there is room for: nothing then but how long it is.
///
/// # Safety
/// As `atome.h` says of the arguments.
unsafe fn answer_in<T: Copy>(
    found: &[T],
    argument: &'static str,
    (at, capacity): (*mut T, usize),
    count: *mut usize,
) -> Result<(), Failure> {
    // SAFETY: the caller vouches for a place for the number.
    let count = unsafe { place("count", count)? };
    count.write(found.len());
    if found.len() > capacity {
        return Err(Failure::argument(format_args!(
            "`{argument}` has room for {capacity} elements, expected {}",
            found.len()
        )));
    }
    // SAFETY: the caller vouches for so much room.
    unsafe { slice_mut(argument, at, found.len())? }.copy_from_slice(found);
    Ok(())
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_tokenizer_encode(
    tokenizer: *const Tokenizer,
    text: *const c_char,
    bytes: usize,
    is_start: c_int,
    tokens: *mut u32,
    capacity: usize,
    count: *mut usize,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a tokenizer and so many bytes.
        let (tokenizer, text) = unsafe {
            let tokenizer = reference("tokenizer", tokenizer)?;
            (tokenizer, slice("text", text.cast(), bytes)?)
        };
        let before = match is_start {
            0 => &[],
            _ => tokenizer.before(),
        };
        let found = [before, &tokenizer.encode(text)].concat();
        // SAFETY: the caller vouches for room for tokens and their number.
        unsafe { answer_in(&found, "tokens", (tokens, capacity), count) }
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_tokenizer_decode(
    tokenizer: *const Tokenizer,
    tokens: *const u32,
    count: usize,
    text: *mut c_char,
    capacity: usize,
    bytes: *mut usize,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a tokenizer and so many tokens.
        let (tokenizer, tokens) = unsafe {
            let tokenizer = reference("tokenizer", tokenizer)?;
            (tokenizer, slice("tokens", tokens, count)?)
        };
        let found = tokenizer.decode(tokens);
        // SAFETY: the caller vouches for room for the text and its length.
        unsafe { answer_in(found.as_bytes(), "text", (text.cast(), capacity), bytes) }
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_tokenizer_bytes(
    tokenizer: *const Tokenizer,
    token: u32,
    bytes: *mut *const c_char,
    count: *mut usize,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a tokenizer and two places.
        let (tokenizer, start, count) = unsafe {
            let tokenizer = reference("tokenizer", tokenizer)?;
            (tokenizer, place("bytes", bytes)?, place("count", count)?)
        };
        let bytes = tokenizer.bytes(token);
        start.write(bytes.as_ptr().cast());
        count.write(bytes.len());
        Ok(())
    })
}
