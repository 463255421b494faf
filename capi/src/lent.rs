//! What callers lend: addresses as slices and references. Each argument is named in what is said of it.

use crate::status::Failure;
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::slice;

/// Checks an address of `count` elements.
fn check<T>(argument: &'static str, at: *const T, count: usize) -> Result<(), Failure> {
    if at.is_null() {
        return Err(Failure::argument(format_args!("`{argument}` is null")));
    }
    if !at.is_aligned() {
        let (address, align) = (at.addr(), align_of::<T>());
        return Err(Failure::argument(format_args!(
            "`{argument}` is at {address:#x}, expected a multiple of {align}"
        )));
    }
    let bytes = count.checked_mul(size_of::<T>());
    match bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
        true => Ok(()),
        false => Err(Failure::argument(format_args!(
            "`{argument}` has {count} elements, which are more than memory"
        ))),
    }
}

/// Elements to read; none may be anywhere.
///
/// # Safety
/// An address that passes the check is of `count` elements that nothing writes while they are borrowed.
pub(crate) unsafe fn slice<'a, T>(
    argument: &'static str,
    at: *const T,
    count: usize,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check(argument, at, count)?;
    // SAFETY: not null, aligned and within memory, as checked; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts(at, count) })
}

/// Elements to write; none may be anywhere. Their type has a value for all bits.
///
/// # Safety
/// An address that passes the check is of `count` elements that nothing else touches while they are borrowed.
pub(crate) unsafe fn slice_mut<'a, T>(
    argument: &'static str,
    at: *mut T,
    count: usize,
) -> Result<&'a mut [T], Failure> {
    if count == 0 {
        return Ok(&mut []);
    }
    check(argument, at, count)?;
    // SAFETY: not null, aligned and within memory, as checked; the rest is the caller's promise.
    Ok(unsafe { slice::from_raw_parts_mut(at, count) })
}

/// The product of two sizes, as the number of an argument's elements.
pub(crate) fn count(argument: &'static str, a: usize, b: usize) -> Result<usize, Failure> {
    a.checked_mul(b).ok_or_else(|| {
        Failure::argument(format_args!(
            "`{argument}` has {a} times {b} elements, which are more than memory"
        ))
    })
}

/// A value to read.
///
/// # Safety
/// An address that passes the check is of a value that nothing writes while it is borrowed.
pub(crate) unsafe fn reference<'a, T>(
    argument: &'static str,
    at: *const T,
) -> Result<&'a T, Failure> {
    check(argument, at, 1)?;
    // SAFETY: not null and aligned, as checked; the rest is the caller's promise.
    Ok(unsafe { &*at })
}

/// A value to change.
///
/// # Safety
/// An address that passes the check is of a value that nothing else touches while it is borrowed.
pub(crate) unsafe fn reference_mut<'a, T>(
    argument: &'static str,
    at: *mut T,
) -> Result<&'a mut T, Failure> {
    check(argument, at, 1)?;
    // SAFETY: not null and aligned, as checked; the rest is the caller's promise.
    Ok(unsafe { &mut *at })
}

/// A place for an answer, whatever is in it.
///
/// # Safety
/// An address that passes the check is of memory for a value that nothing else touches while it is borrowed.
pub(crate) unsafe fn place<'a, T>(
    argument: &'static str,
    at: *mut T,
) -> Result<&'a mut MaybeUninit<T>, Failure> {
    // SAFETY: the caller's promise; any memory is a `MaybeUninit`.
    unsafe { reference_mut(argument, at.cast()) }
}

/// A text that ends with a zero; `None` if there is none.
///
/// # Safety
/// The address is null or of such a text, which nothing writes while it is borrowed.
pub(crate) unsafe fn text<'a>(
    argument: &'static str,
    at: *const c_char,
) -> Result<Option<&'a str>, Failure> {
    if at.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    let text = unsafe { CStr::from_ptr(at) }.to_str();
    let text = text.map_err(|_| Failure::argument(format_args!("`{argument}` is not UTF-8")));
    text.map(Some)
}

/// Checks the scales of an argument.
///
/// # Errors
/// For the first that is not finite: it would make every number of a result NaN or infinite.
pub(crate) fn finite(name: &str, scales: &[f32]) -> Result<(), Failure> {
    match scales.iter().position(|scale| !scale.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let place = match scales.len() {
                1 => String::new(),
                _ => format!(" at {at}"),
            };
            let found = scales[at];
            Err(Failure::argument(format_args!(
                "`{name}`{place} is {found}, expected a finite number"
            )))
        }
    }
}
