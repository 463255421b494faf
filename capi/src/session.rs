//! Sequences of tokens over a model.

use crate::lent::{place, reference, reference_mut, slice, slice_mut};
use crate::status::{Failure, Status, answer, call};
use atome::{Model, RunError, Session};
use std::mem::{align_of, size_of};

/// A session, and where it is.
pub(crate) struct Handle {
    pub(crate) session: Session,
    /// It is in memory that the caller gave, as its state is.
    is_given: bool,
}

/// Bytes that are enough for a handle and a session, wherever they start.
fn room(model: &Model) -> usize {
    let handle = size_of::<Handle>() + align_of::<Handle>() - 1;
    model.session_room().saturating_add(handle)
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_bytes(model: *const Model) -> usize {
    // SAFETY: the caller vouches for a model.
    answer(|| unsafe { reference("model", model) }.map_or(0, room))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_open(
    model: *const Model,
    session: *mut *mut Handle,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("session", session)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for a model.
        let session = unsafe { reference("model", model)? }.session()?;
        let is_given = false;
        place.write(Box::into_raw(Box::new(Handle { session, is_given })));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_open_in(
    model: *const Model,
    memory: *mut u8,
    bytes: usize,
    session: *mut *mut Handle,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("session", session)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for a model.
        let model = unsafe { reference("model", model)? };
        let expected = room(model);
        if bytes < expected {
            let found = bytes;
            return Err(RunError::SessionMemory { expected, found }.into());
        }
        // SAFETY: the caller vouches for `bytes` of memory that nothing else touches until the session is closed; nothing here
        // does so after that. What is in it does not matter: any bytes are bytes, once they are written.
        let memory: &'static mut [u8] = unsafe {
            slice_mut("memory", memory, bytes)?;
            memory.write_bytes(0, bytes);
            slice_mut("memory", memory, bytes)?
        };
        let skip = memory.as_ptr().align_offset(align_of::<Handle>());
        let (handle, slot) = memory[skip..].split_at_mut(size_of::<Handle>());
        let handle = handle.as_mut_ptr().cast::<Handle>();
        let session = model.session_in(slot)?;
        let is_given = true;
        // SAFETY: the place is aligned, as large as a handle, and not a part of the session's slot.
        unsafe { handle.write(Handle { session, is_given }) };
        place.write(handle);
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_fork(
    session: *const Handle,
    fork: *mut *mut Handle,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a place for the handle.
        let place = unsafe { place("fork", fork)? };
        place.write(std::ptr::null_mut());
        // SAFETY: the caller vouches for a session.
        let session = unsafe { reference("session", session)? }.session.fork()?;
        let is_given = false;
        place.write(Box::into_raw(Box::new(Handle { session, is_given })));
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_close(session: *mut Handle) {
    answer(|| {
        // SAFETY: the caller vouches for a session that is used no more.
        match unsafe { session.as_ref() } {
            None => {}
            // SAFETY: it was written to the caller's memory when it was opened, and is dropped once.
            Some(handle) if handle.is_given => unsafe { session.drop_in_place() },
            // SAFETY: it was boxed when it was opened.
            Some(_) => drop(unsafe { Box::from_raw(session) }),
        }
    });
}

/// Does something to a session, for [`call`].
///
/// # Safety
/// An address that passes the check is of a session that nothing else touches meanwhile.
unsafe fn change(
    session: *mut Handle,
    work: impl FnOnce(&mut Session) -> Result<(), Failure>,
) -> Status {
    // SAFETY: the caller's promise.
    call(|| work(&mut unsafe { reference_mut("session", session)? }.session))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_step(session: *mut Handle, token: u32) -> Status {
    // SAFETY: the caller vouches for a session.
    unsafe { change(session, |session| Ok(session.step(token)?)) }
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_prefill(
    session: *mut Handle,
    tokens: *const u32,
    count: usize,
) -> Status {
    // SAFETY: the caller vouches for a session and `count` tokens.
    unsafe {
        change(session, |session| {
            Ok(session.prefill(slice("tokens", tokens, count)?)?)
        })
    }
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_classify(
    session: *mut Handle,
    tokens: *const u32,
    count: usize,
    class_: *mut u32,
) -> Status {
    // SAFETY: the caller vouches for a session, `count` tokens and a place for the class.
    unsafe {
        change(session, |session| {
            let place = place("class_", class_)?;
            place.write(session.classify(slice("tokens", tokens, count)?)?);
            Ok(())
        })
    }
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_reset(session: *mut Handle) -> Status {
    let reset = |session: &mut Session| {
        session.reset();
        Ok(())
    };
    // SAFETY: the caller vouches for a session.
    unsafe { change(session, reset) }
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_position(session: *const Handle) -> u64 {
    // SAFETY: the caller vouches for a session.
    let session = || unsafe { reference("session", session) }.ok();
    answer(|| session().map_or(0, |handle| handle.session.position()))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_logits(
    session: *const Handle,
    logits: *mut *const f32,
    count: *mut usize,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a session and two places.
        let (handle, logits, count) = unsafe {
            let handle = reference("session", session)?;
            (handle, place("logits", logits)?, place("count", count)?)
        };
        logits.write(handle.session.logits().as_ptr());
        count.write(handle.session.logits().len());
        Ok(())
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_argmax(session: *const Handle) -> u32 {
    // SAFETY: the caller vouches for a session.
    let session = || unsafe { reference("session", session) }.ok();
    answer(|| session().map_or(0, |handle| handle.session.argmax()))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_state_bytes(session: *const Handle) -> usize {
    // SAFETY: the caller vouches for a session.
    let session = || unsafe { reference("session", session) }.ok();
    answer(|| session().map_or(0, |handle| handle.session.state_bytes()))
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_save(
    session: *const Handle,
    state: *mut u8,
    bytes: usize,
) -> Status {
    call(|| {
        // SAFETY: the caller vouches for a session and so many bytes.
        let (handle, state) = unsafe {
            let handle = reference("session", session)?;
            (handle, slice_mut("state", state, bytes)?)
        };
        Ok(handle.session.save_into(state)?)
    })
}

/// # Safety
/// As `atome.h` says of the arguments.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn atome_session_restore(
    session: *mut Handle,
    state: *const u8,
    bytes: usize,
) -> Status {
    // SAFETY: the caller vouches for a session and so many bytes.
    unsafe {
        change(session, |session| {
            Ok(session.restore(slice("state", state, bytes)?)?)
        })
    }
}
