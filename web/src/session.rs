//! Sequences of tokens over a model.

use crate::answer::{Status, give, handle, status};
use crate::memory::{borrowed, borrowed_mut, closed, lent};
use crate::model::Loaded;
use atome::Session;

/// Opens a session; 0 and a message if all are taken.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_open(model: *const Loaded) -> *mut Session {
    // SAFETY: the caller's handle.
    handle(unsafe { borrowed(model) }.model.session())
}

/// Frees a session.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_close(session: *mut Session) {
    // SAFETY: the caller's handle, for the last time.
    unsafe { closed(session) }
}

/// A second session that has seen the same; 0 and a message if all are taken.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_fork(session: *const Session) -> *mut Session {
    // SAFETY: the caller's handle.
    handle(unsafe { borrowed(session) }.fork())
}

/// Takes in tokens.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_prefill(
    session: *mut Session,
    tokens: *const u32,
    count: usize,
) -> Status {
    // SAFETY: the caller's handle, and so many words of its room.
    let (session, tokens) = unsafe { (borrowed_mut(session), lent(tokens, count)) };
    status(session.prefill(tokens))
}

/// Takes in one token.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_step(session: *mut Session, token: u32) -> Status {
    // SAFETY: the caller's handle.
    status(unsafe { borrowed_mut(session) }.step(token))
}

/// Forgets everything.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_reset(session: *mut Session) {
    // SAFETY: the caller's handle.
    unsafe { borrowed_mut(session) }.reset();
}

/// Tokens seen so far.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_position(session: *const Session) -> f64 {
    // SAFETY: the caller's handle.
    unsafe { borrowed(session) }.position() as f64
}

/// Where the logits are until the session changes.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_logits(session: *const Session) -> *const f32 {
    // SAFETY: the caller's handle.
    unsafe { borrowed(session) }.logits().as_ptr()
}

/// How many these are.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_logits_len(session: *const Session) -> usize {
    // SAFETY: the caller's handle.
    unsafe { borrowed(session) }.logits().len()
}

/// The index of the greatest.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_argmax(session: *const Session) -> u32 {
    // SAFETY: the caller's handle.
    unsafe { borrowed(session) }.argmax()
}

/// The bytes of the session's state; `usize::MAX` and a message if it is lost.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_save(session: *const Session) -> usize {
    // SAFETY: the caller's handle.
    let session = unsafe { borrowed(session) };
    let mut state = vec![0; session.state_bytes()];
    match session.save_into(&mut state) {
        Ok(()) => give(state),
        Err(lost) => {
            status(Err(lost));
            usize::MAX
        }
    }
}

/// Goes back to a state.
#[unsafe(no_mangle)]
unsafe extern "C" fn session_restore(
    session: *mut Session,
    state: *const u8,
    bytes: usize,
) -> Status {
    // SAFETY: the caller's handle, and so many bytes of its room.
    let (session, state) = unsafe { (borrowed_mut(session), lent(state, bytes)) };
    status(session.restore(state))
}
