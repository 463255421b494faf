//! A session as bytes; `docs/formats.md` draws them.

use super::Conversation;
use crate::engine::Seen;
use crate::packed::Packed;
use atome::Fingerprint;
use std::sync::Arc;

/// What a session starts with.
const MAGIC: &[u8; 8] = b"ATOMESES";
/// The version of the layout that is written and read.
const VERSION: u32 = 1;
/// Magic, version, checksum of all that follows, fingerprint; bytes of the messages, tokens, bytes of the whole state.
const HEADER_BYTES: usize = 48;
/// The most bytes of messages.
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// Why bytes are no session of this model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("not a session: expected `ATOMESES` at its start")]
    Magic,
    #[error("expected a session of version {VERSION}, found version {0}")]
    Version(u32),
    #[error(
        "the session is damaged: its checksum is {expected:08x}, that of its bytes {found:08x}"
    )]
    Checksum { expected: u32, found: u32 },
    #[error("the session is of another model: expected the fingerprint {expected}, found {found}")]
    Model {
        expected: Fingerprint,
        found: Fingerprint,
    },
    #[error("the session's parts do not fit into its {0} bytes")]
    Length(usize),
    #[error("the session's messages are none: {0}")]
    Messages(String),
}

/// The longest a session may be.
pub(super) fn most_bytes(state_bytes: usize, tokens: usize) -> usize {
    HEADER_BYTES + MAX_MESSAGE_BYTES + 4 * tokens + 2 * state_bytes
}

pub(super) fn write(conversation: &Conversation, model: Fingerprint) -> Vec<u8> {
    let seen = &conversation.seen;
    // Strings and a list of them always are JSON.
    let messages = serde_json::to_vec(&conversation.messages).unwrap_or_default();
    let lengths = [messages.len(), seen.tokens.len(), seen.state.len()];
    let mut rest = model.to_bytes().to_vec();
    lengths
        .iter()
        .for_each(|n| rest.extend((*n as u64).to_le_bytes()));
    rest.extend(messages);
    seen.tokens
        .iter()
        .for_each(|token| rest.extend(token.to_le_bytes()));
    seen.state
        .parts()
        .iter()
        .for_each(|part| rest.extend_from_slice(part));
    let checksum = crc32fast::hash(&rest);
    let start = [&MAGIC[..], &VERSION.to_le_bytes(), &checksum.to_le_bytes()];
    [start.concat(), rest].concat()
}

pub(super) fn read(
    bytes: &[u8],
    model: Fingerprint,
    state_bytes: usize,
) -> Result<Conversation, Fault> {
    let length = Fault::Length(bytes.len());
    let rest = bytes.strip_prefix(MAGIC).ok_or(Fault::Magic)?;
    let Some((header, rest)) = rest.split_at_checked(8) else {
        return Err(length);
    };
    let word = |at: usize| {
        let bytes = header[at..].first_chunk();
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let (version, expected) = (word(0), word(4));
    if version != VERSION {
        return Err(Fault::Version(version));
    }
    let found = crc32fast::hash(rest);
    if found != expected {
        return Err(Fault::Checksum { expected, found });
    }
    let Some((lengths, rest)) = rest.split_first_chunk::<32>() else {
        return Err(length);
    };
    let &[fingerprint, messages, tokens, state] = lengths.as_chunks::<8>().0 else {
        return Err(length);
    };
    let found = Fingerprint::from_bytes(fingerprint);
    if found != model {
        let expected = model;
        return Err(Fault::Model { expected, found });
    }
    let number = |bytes| usize::try_from(u64::from_le_bytes(bytes)).ok();
    let parts = || {
        let (messages, rest) = rest.split_at_checked(number(messages)?)?;
        let (tokens, rest) = rest.split_at_checked(number(tokens)?.checked_mul(4)?)?;
        let state = number(state).filter(|bytes| *bytes == state_bytes)?;
        Some((messages, tokens, Packed::from_parts(state, rest)?))
    };
    let (messages, tokens, state) = parts().ok_or(length)?;
    let messages = serde_json::from_slice(messages);
    let messages = messages.map_err(|cause| Fault::Messages(cause.to_string()))?;
    let tokens = tokens
        .as_chunks()
        .0
        .iter()
        .map(|token| u32::from_le_bytes(*token));
    Ok(Conversation {
        messages,
        seen: Arc::new(Seen {
            tokens: tokens.collect(),
            state,
        }),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::chat::Message;

    fn conversation() -> Conversation {
        let mut state = vec![0; 5000];
        state[300..900].fill(3);
        let message = Message {
            role: "user".into(),
            content: "hé".into(),
        };
        Conversation {
            messages: vec![message],
            seen: Arc::new(Seen {
                tokens: [1, 2, 70_000].into(),
                state: Packed::new(&state),
            }),
        }
    }

    #[test]
    fn a_session_reads_back() {
        let model = Fingerprint::from_bytes([7; 8]);
        let (one, bytes) = (conversation(), write(&conversation(), model));
        let again = read(&bytes, model, 5000).unwrap();
        assert_eq!(again.messages, one.messages);
        assert_eq!(again.seen.tokens, one.seen.tokens);
        assert_eq!(again.seen.state, one.seen.state);
        assert!(bytes.len() < most_bytes(5000, 3));
    }

    #[test]
    fn every_byte_and_every_length_counts() {
        let model = Fingerprint::from_bytes([7; 8]);
        let bytes = write(&conversation(), model);
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(read(&wrong, model, 5000).is_err(), "byte {at}");
            assert!(read(&bytes[..at], model, 5000).is_err(), "{at} bytes");
        }
        let other = Fingerprint::from_bytes([8; 8]);
        assert!(matches!(
            read(&bytes, other, 5000),
            Err(Fault::Model { .. })
        ));
        assert!(matches!(read(&bytes, model, 5001), Err(Fault::Length(_))));
        assert_eq!(read(b"ATOMESTA", model, 1).unwrap_err(), Fault::Magic);
    }
}
