//! What a call comes to.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

/// What a call that gives no handle came to: 0, or 1 and a message.
pub(crate) type Status = u32;

/// What the last call that gave bytes gave, or the message of the last that failed.
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn keep(bytes: Vec<u8>) {
    *ANSWER.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
}

/// Keeps bytes for the caller, and says how many.
pub(crate) fn give(bytes: Vec<u8>) -> usize {
    let len = bytes.len();
    keep(bytes);
    len
}

/// The handle of what was made; 0 and a message if it was not.
pub(crate) fn handle<T, E: fmt::Display>(made: Result<T, E>) -> *mut T {
    match made {
        Ok(value) => Box::into_raw(Box::new(value)),
        Err(error) => {
            keep(error.to_string().into_bytes());
            std::ptr::null_mut()
        }
    }
}

/// The status of what was done, and its message if it failed.
pub(crate) fn status<E: fmt::Display>(done: Result<(), E>) -> Status {
    match done {
        Ok(()) => 0,
        Err(error) => {
            keep(error.to_string().into_bytes());
            1
        }
    }
}

/// Where the bytes are that the last call gave, until the next call.
#[unsafe(no_mangle)]
extern "C" fn answer_at() -> *const u8 {
    ANSWER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .as_ptr()
}

/// How many these are.
#[unsafe(no_mangle)]
extern "C" fn answer_len() -> usize {
    ANSWER.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Whether a panic ended the module, whose message is the answer then.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Whether it did: 1 then.
#[unsafe(no_mangle)]
extern "C" fn panicked() -> u32 {
    PANICKED.load(Ordering::Relaxed).into()
}

/// To be called first: has a panic, which ends the module, leave its message.
#[unsafe(no_mangle)]
extern "C" fn prepare() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            keep(panic.to_string().into_bytes());
            PANICKED.store(true, Ordering::Relaxed);
        }));
    });
}
