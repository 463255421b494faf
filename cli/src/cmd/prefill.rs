//! A prompt into a session, with a bar if it is long.

use crate::failure::Failure;
use crate::progress;
use atome::{RunError, Session};

/// Tokens between two looks at the bar and at who wants an end.
const PART: usize = 256;
/// Tokens of a prompt from which its progress is shown.
const WORTH_A_BAR: usize = 2048;

/// Takes in `tokens`, to their end or to the first look at which `is_asked` to end; gives how many.
///
/// # Errors
/// As [`Session::prefill`]; nothing has changed then.
pub(super) fn prefill(
    session: &mut Session,
    tokens: &[u32],
    quiet: bool,
    is_asked: impl Fn() -> bool,
) -> Result<usize, Failure> {
    let vocab = session.model().vocab();
    let outside = |id: &&u32| usize::try_from(**id).is_ok_and(|id| id >= vocab);
    if let Some(&id) = tokens.iter().find(outside) {
        return Err(RunError::TokenOutOfRange { id, vocab }.into());
    }
    if tokens.is_empty() {
        return Err(RunError::EmptyPrompt.into());
    }
    let quiet = quiet || tokens.len() < WORTH_A_BAR;
    let bar = progress::bar(quiet, tokens.len() as u64, "reading", "tokens");
    let mut taken = 0;
    for part in tokens.chunks(PART) {
        if is_asked() {
            break;
        }
        session.prefill(part)?;
        taken += part.len();
        bar.set(taken);
    }
    Ok(taken)
}
