//! What a session remembers, in a file: alone, or with the conversation that it is of.

use crate::failure::Failure;
use crate::{input, place};
use atome::Session;
use atome::atomic_file::{self, Claim};
use atome::sampler::SamplerState;
use serde::{Deserialize, Serialize};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// What a saved conversation starts with.
const MAGIC: &[u8; 8] = b"ATOMECHT";
/// Most bytes of a conversation's text.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) content: String,
}

/// A conversation that was saved.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) messages: Vec<Message>,
    /// The text that the session has taken in.
    pub(crate) seen: Vec<u8>,
    /// Where the random sequence and the repetition penalty are.
    pub(crate) sampler: SamplerState,
}

/// Writes a session's state to a file, whole or not at all; a file of somebody else is left alone.
pub(crate) fn save(session: &Session, path: &Path) -> Result<(), Failure> {
    write(path, &state(session)?)
}

/// Writes a conversation and the session's state.
pub(crate) fn save_talk(session: &Session, saved: &Saved, path: &Path) -> Result<(), Failure> {
    let json = serde_json::to_vec(saved).map_err(|e| Failure::Output(e.into()))?;
    let mut content = (json.len() as u64).to_le_bytes().to_vec();
    content.extend(json);
    content.extend(state(session)?);
    let sum = u64::from(crc32fast::hash(&content));
    write(path, &[&MAGIC[..], &sum.to_le_bytes(), &content].concat())
}

fn state(session: &Session) -> Result<Vec<u8>, Failure> {
    let mut state = vec![0; session.state_bytes()];
    session.save_into(&mut state)?;
    Ok(state)
}

/// Whether a state could be written there, before it is made.
///
/// # Errors
/// If none could: the folder is missing, or the file is somebody else's.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    drop(claim(path)?);
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let _claim = claim(path)?;
    Ok(atomic_file::write(path, bytes)?)
}

fn claim(path: &Path) -> Result<Claim, Failure> {
    let claim = place::claim(path)?;
    if place::is_taken(path)? && !is_ours(path) {
        let path = path.to_owned();
        let by = "atome run --save-state";
        return Err(Failure::NotAState { path, by });
    }
    Ok(claim)
}

/// Whether a file starts like a state or a conversation.
fn is_ours(path: &Path) -> bool {
    let mut start = [0; 8];
    let read = input::open_regular(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && (start == *MAGIC || start == *b"ATOMESTA")
}

/// Goes back to a state that was saved; of a conversation its state alone.
pub(crate) fn load(session: &mut Session, path: &Path) -> Result<(), Failure> {
    let bytes = read(session, path)?;
    let state = match split(&bytes).map_err(|fault| in_file(path, fault))? {
        Some((_, state)) => state,
        None => &bytes[..],
    };
    let restored = session.restore(state);
    restored.map_err(|cause| in_file(path, cause.to_string()))
}

/// Goes back to a conversation that was saved.
pub(crate) fn load_talk(session: &mut Session, path: &Path) -> Result<Saved, Failure> {
    let bytes = read(session, path)?;
    let none = || {
        in_file(
            path,
            "expected a conversation that `/save` wrote".to_owned(),
        )
    };
    let parts = split(&bytes).map_err(|fault| in_file(path, fault))?;
    let (json, state) = parts.ok_or_else(none)?;
    let saved = serde_json::from_slice(json);
    let saved = saved.map_err(|cause| in_file(path, format!("not a conversation: {cause}")))?;
    let restored = session.restore(state);
    restored.map_err(|cause| in_file(path, cause.to_string()))?;
    Ok(saved)
}

fn in_file(path: &Path, fault: String) -> Failure {
    let path = path.to_owned();
    Failure::StateFile { path, fault }
}

/// The text of a conversation, as JSON, and its state.
type Parts<'b> = (&'b [u8], &'b [u8]);

/// The text and the state of a conversation; `None` of what does not start as one.
fn split(bytes: &[u8]) -> Result<Option<Parts<'_>>, String> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Ok(None);
    };
    let parts = || {
        let (sum, content) = rest.split_first_chunk::<8>()?;
        (u64::from(crc32fast::hash(content)) == u64::from_le_bytes(*sum)).then_some(())?;
        let (length, rest) = content.split_first_chunk::<8>()?;
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
    };
    let damaged = "the conversation is damaged: its checksum is not that of its bytes";
    parts().map(Some).ok_or_else(|| damaged.to_owned())
}

/// Reads a file, as far as one of this model may be long.
fn read(session: &Session, path: &Path) -> Result<Vec<u8>, Failure> {
    let most = session.state_bytes() as u64 + MAX_TEXT_BYTES;
    let read = || {
        let mut bytes = Vec::new();
        let file = input::open_regular(path)?;
        file.take(most + 1).read_to_end(&mut bytes)?;
        match bytes.len() as u64 > most {
            true => Err(io::Error::new(
                ErrorKind::FileTooLarge,
                "longer than any of this model",
            )),
            false => Ok(bytes),
        }
    };
    read().map_err(|cause| in_file(path, format!("cannot read the state: {cause}")))
}
