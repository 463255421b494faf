//! A prompt into a session, with a bar if it is long.

use crate::failure::Failure;
use crate::progress;
use atome::Session;

/// Tokens between two looks at the bar and at who wants an end.
const PART: usize = 256;
/// Tokens of a prompt from which its progress is shown.
const WORTH_A_BAR: usize = 2048;

/// Takes in `tokens`, to their end or to the first look at which `is_asked` to end; gives how many.
///
/// # Errors
/// As [`Session::prefill`].
pub(super) fn prefill(
    session: &mut Session,
    tokens: &[u32],
    quiet: bool,
    is_asked: impl Fn() -> bool,
) -> Result<usize, Failure> {
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
