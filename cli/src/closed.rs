//! Whether standard output was open when the process began. The standard library opens `/dev/null` in the place of what was
//! closed, before `main`: what is printed would be lost without a word.
#![allow(
    unsafe_code,
    reason = "a function that runs before the standard library's own start"
)]

use crate::failure::Failure;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

static IS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the section holds addresses of functions that the system calls once, on the first thread, before `main`; this is
// one. It asks the kernel for the flags of a descriptor and sets an atomic, for which nothing has to be initialised.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

// SAFETY: as above.
#[cfg(target_os = "macos")]
#[used]
#[unsafe(link_section = "__DATA,__mod_init_func")]
static LOOK: extern "C" fn() = look;

#[cfg(unix)]
extern "C" fn look() {
    let flags = rustix::io::fcntl_getfd(rustix::stdio::stdout());
    IS_CLOSED.store(flags.is_err(), Ordering::Relaxed);
}

/// Checks that there is a standard output, before anything is done whose answer it would have.
///
/// # Errors
/// If it was closed.
pub(crate) fn check() -> Result<(), Failure> {
    match IS_CLOSED.load(Ordering::Relaxed) {
        true => Err(Failure::Output(io::Error::other("it is closed"))),
        false => Ok(()),
    }
}
