//! How a model is loaded.

use crate::lent::{reference, text};
use crate::status::Failure;
use atome::tune::Tuning;
use atome::{Options, Packing};
use std::ffi::{c_char, c_int};
use std::fmt;
use std::str::FromStr;

/// [`Options`] as C gives them: zeros are the defaults.
#[repr(C)]
pub(crate) struct CallerOptions {
    backend: *const c_char,
    cpu: *const c_char,
    packing: *const c_char,
    threads: usize,
    sessions: usize,
    block: usize,
    no_multiply: c_int,
    no_tuning: c_int,
    small_pages: c_int,
}

/// The options that a caller gives; the defaults if there are none.
///
/// # Safety
/// The address is null, or of options whose texts end with zeros, and which nothing writes meanwhile.
pub(crate) unsafe fn options(given: *const CallerOptions) -> Result<Options, Failure> {
    let mut options = Options::default();
    if given.is_null() {
        return Ok(options);
    }
    // SAFETY: the caller's promise.
    let given = unsafe { reference("options", given)? };
    // SAFETY: the caller's promise, for each of the texts.
    let [backend, cpu, packing] = unsafe {
        [
            text("options.backend", given.backend)?,
            text("options.cpu", given.cpu)?,
            text("options.packing", given.packing)?,
        ]
    };
    if let Some(backend) = word("options.backend", backend)? {
        options.backend = backend;
    }
    options.tier = word("options.cpu", cpu)?;
    options.packing = by("options.packing", packing, Packing::stored_as)?;
    options.threads = Some(given.threads).filter(|threads| *threads > 0);
    if given.sessions > 0 {
        options.sessions = given.sessions;
    }
    if given.block > 0 {
        options.block = given.block;
    }
    options.no_multiply = given.no_multiply != 0;
    if given.no_tuning != 0 {
        options.tuning = Tuning::Off;
    }
    options.huge_pages = given.small_pages == 0;
    Ok(options)
}

/// What a word names.
fn word<T: FromStr<Err: fmt::Display>>(
    argument: &str,
    word: Option<&str>,
) -> Result<Option<T>, Failure> {
    by(argument, word, str::parse)
}

/// What a word names, by whoever knows the names.
fn by<T, E: fmt::Display>(
    argument: &str,
    word: Option<&str>,
    named: fn(&str) -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    let named = word.map(|word| {
        named(word).map_err(|fault| {
            Failure::argument(format_args!("`{argument}`: {fault}, found `{word}`"))
        })
    });
    named.transpose()
}
