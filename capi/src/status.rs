//! What a call comes to.

use atome::tokenizer::TokenizerError;
use atome::{LoadError, RunError};
use atome_kernels::KernelError;
use atome_kernels::packing::PackError;
use std::any::Any;
use std::cell::RefCell;
use std::ffi::c_char;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a call came to, as C sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Status {
    Ok = 0,
    /// An argument is null, misaligned, of the wrong size or out of its range.
    BadArgument = 1,
    /// A file, or bytes, hold no model that is read.
    BadModel = 2,
    /// The machine cannot run the model.
    CannotRun = 3,
    /// A model or session does not do what was asked of it.
    Refused = 4,
    /// A fault of this library.
    Fault = 5,
}

/// Why a call did nothing, in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: Status,
    message: String,
}

impl Failure {
    pub(crate) fn argument(message: impl fmt::Display) -> Failure {
        Failure::new(Status::BadArgument, message)
    }

    fn new(status: Status, message: impl fmt::Display) -> Failure {
        let message = message.to_string();
        Failure { status, message }
    }
}

impl From<KernelError> for Failure {
    fn from(cause: KernelError) -> Failure {
        Failure::argument(cause)
    }
}

impl From<PackError> for Failure {
    fn from(cause: PackError) -> Failure {
        Failure::argument(cause)
    }
}

impl From<LoadError> for Failure {
    fn from(cause: LoadError) -> Failure {
        let status = match cause {
            LoadError::File(_) => Status::BadModel,
            LoadError::Prepare(_) => Status::CannotRun,
        };
        Failure::new(status, cause)
    }
}

impl From<RunError> for Failure {
    fn from(cause: RunError) -> Failure {
        Failure::new(Status::Refused, cause)
    }
}

impl From<TokenizerError> for Failure {
    fn from(cause: TokenizerError) -> Failure {
        Failure::new(Status::Refused, cause)
    }
}

thread_local! {
    /// What the last call of this thread that failed says, with a zero at its end.
    static MESSAGE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Does the work of a call, and keeps why it failed for [`atome_message`]. No panic goes further.
pub(crate) fn call(work: impl FnOnce() -> Result<(), Failure>) -> Status {
    let failure = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => return Status::Ok,
        Ok(Err(failure)) => failure,
        Err(panic) => Failure::new(Status::Fault, told(&*panic)),
    };
    let mut message = failure.message.into_bytes();
    message.retain(|byte| *byte != 0);
    message.push(0);
    // A thread that ends has no messages any more.
    let _ = MESSAGE.try_with(|last| *last.borrow_mut() = message);
    failure.status
}

/// Does the work of a call that has no status; after a panic it comes to the default.
pub(crate) fn answer<T: Default>(work: impl FnOnce() -> T) -> T {
    let mut answer = T::default();
    call(|| {
        answer = work();
        Ok(())
    });
    answer
}

/// What a panic says.
fn told(panic: &(dyn Any + Send)) -> &str {
    let owned = panic.downcast_ref::<String>().map(String::as_str);
    let told = panic.downcast_ref::<&str>().copied().or(owned);
    told.unwrap_or("a fault of the library")
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn atome_message() -> *const c_char {
    let last = MESSAGE.try_with(|last| match &last.borrow()[..] {
        [] => c"".as_ptr(),
        message => message.as_ptr().cast(),
    });
    last.unwrap_or(c"".as_ptr())
}

#[unsafe(no_mangle)]
pub(crate) extern "C" fn atome_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;

    fn message() -> String {
        // SAFETY: the message ends with a zero, and no call is made meanwhile.
        let message = unsafe { CStr::from_ptr(atome_message()) };
        message.to_str().expect("UTF-8").to_owned()
    }

    #[test]
    fn a_panic_is_a_status() {
        assert_eq!(message(), "");
        assert_eq!(call(|| panic!("seven {}", 7)), Status::Fault);
        assert_eq!(message(), "seven 7");
        assert_eq!(call(|| panic!("eight")), Status::Fault);
        assert_eq!(message(), "eight");
        assert_eq!(call(|| Ok(())), Status::Ok);
        assert_eq!(message(), "eight");
        assert_eq!(call(|| std::panic::panic_any(9)), Status::Fault);
        assert_eq!(message(), "a fault of the library");
        assert_eq!(answer::<usize>(|| panic!("ten")), 0);
        assert_eq!(message(), "ten");
    }

    #[test]
    fn a_thread_has_its_own_message_and_a_message_is_one_text() {
        let status = call(|| Err(Failure::argument("one\0two")));
        assert_eq!(status, Status::BadArgument);
        std::thread::spawn(|| assert_eq!(message(), ""))
            .join()
            .unwrap();
        assert_eq!(message(), "onetwo");
    }
}
