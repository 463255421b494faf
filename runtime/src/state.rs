//! What a session remembers, as bytes: saved, restored, forked, forgotten. `docs/formats.md` draws them.

use crate::arena::as_f32;
use crate::plan::{Plan, Section, TensorInfo};
use crate::{Fingerprint, RunError, Session};
use atome_spec::CacheType;
use std::ops::Range;

/// What a saved state starts with.
const MAGIC: [u8; 8] = *b"ATOMESTA";
/// The version of the layout that is written and read.
const VERSION: u64 = 2;
/// Bytes before the tensors: magic, version and type of caches, fingerprint, position and checksum, 8 bytes each.
const HEADER_BYTES: usize = 40;
/// Where the checksum of all other bytes is.
const CHECKSUM: Range<usize> = 32..HEADER_BYTES;
/// Greatest position a state may claim; counting on from it cannot overflow.
const MAX_POSITION: u64 = 1 << 62;

/// Bytes of a saved state of a planned model.
pub(crate) fn state_bytes(plan: &Plan) -> usize {
    HEADER_BYTES + plan.saved.bytes()
}

impl Session {
    /// Forgets every token.
    pub fn reset(&mut self) {
        (self.position, self.last_block, self.lost) = (0, 0, false);
        if !std::mem::take(&mut self.used) {
            return;
        }
        let model = self.model.clone();
        for range in model.inner.plan.saved.zeros() {
            self.bytes_mut(range).fill(0);
        }
    }

    /// What the session remembers of all tokens, by name, in the order of the model's graph: states that have one size
    /// however long the text is, not attention's caches. All zeros before the first token.
    pub fn states(&self) -> impl Iterator<Item = (&str, &[f32])> {
        let inner = &*self.model.inner;
        let states = self
            .model
            .graph()
            .states
            .iter()
            .filter(|state| state.cache.is_none());
        states.filter_map(|state| {
            let is_it = |t: &&TensorInfo| t.section == Section::State && t.name == state.name;
            let tensor = inner.plan.tensors.iter().find(is_it)?;
            let bytes = 4 * state.rows * state.width;
            let place = tensor.offset..tensor.offset + bytes;
            Some((&*state.name, as_f32(self.bytes(place))))
        })
    }

    /// Bytes of a saved state.
    pub fn state_bytes(&self) -> usize {
        state_bytes(&self.model.inner.plan)
    }

    /// Copies the state and the last logits to `state`, with the model's fingerprint: any session of a model of the
    /// same weights and dimensions can go on from it, whatever its [`crate::Options`].
    ///
    /// # Errors
    /// If `state` is not [`Session::state_bytes`] long, or the session is lost.
    pub fn save_into(&self, state: &mut [u8]) -> Result<(), RunError> {
        self.check_lost()?;
        self.check_length(state.len())?;
        let inner = &self.model.inner;
        let (header, tensors) = state.split_at_mut(HEADER_BYTES);
        let (layout, position) = (
            layout(self.cache_type()).to_le_bytes(),
            self.position.to_le_bytes(),
        );
        let words = [MAGIC, layout, inner.fingerprint().to_bytes(), position];
        header[..CHECKSUM.start].copy_from_slice(words.as_flattened());
        for span in inner.plan.saved.spans(self.position) {
            let (used, rest) = tensors[span.saved].split_at_mut(span.slot.len());
            copy(used, self.bytes(span.slot));
            rest.fill(0);
        }
        if let Some((slot, saved)) = self.output_row(self.last_block) {
            match self.position {
                0 => tensors[saved].fill(0),
                _ => copy(&mut tensors[saved], self.bytes(slot)),
            }
        }
        let sum = checksum(state);
        state[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
        Ok(())
    }

    /// Goes back to a state that a session of this model saved.
    ///
    /// A checksum finds what was changed on the way; it is no signature.
    ///
    /// # Errors
    /// If `state` is no saved state, or one of another version, of another model or of another length, is damaged, or says
    /// what no session comes to; nothing has changed then.
    pub fn restore(&mut self, state: &[u8]) -> Result<(), RunError> {
        let position = self.check_state(state)?;
        self.reset();
        if position == 0 {
            return Ok(());
        }
        self.begin();
        let tensors = &state[HEADER_BYTES..];
        let model = self.model.clone();
        for span in model.inner.plan.saved.spans(position) {
            let used = &tensors[span.saved][..span.slot.len()];
            copy(self.bytes_mut(span.slot), used);
        }
        if let Some((slot, saved)) = self.output_row(1) {
            copy(self.bytes_mut(slot), &tensors[saved]);
        }
        (self.position, self.last_block) = (position, 1);
        Ok(())
    }

    /// A second session that has seen the same tokens, in a slot of its own.
    ///
    /// # Errors
    /// If all slots are taken, or the session is lost.
    pub fn fork(&self) -> Result<Session, RunError> {
        self.check_lost()?;
        let mut fork = self.model.session()?;
        if self.position == 0 {
            return Ok(fork);
        }
        fork.begin();
        for span in self.model.inner.plan.saved.spans(self.position) {
            let from = self.bytes(span.slot.clone());
            fork.bytes_mut(span.slot).copy_from_slice(from);
        }
        if let Some(((from, _), (to, _))) = self.output_row(self.last_block).zip(fork.output_row(1))
        {
            fork.bytes_mut(to).copy_from_slice(self.bytes(from));
        }
        (fork.position, fork.last_block) = (self.position, 1);
        Ok(fork)
    }

    /// Where the output's row of the last token of a block of so many lies in the slot, and in a saved state's tensors.
    fn output_row(&self, tokens: usize) -> Option<(Range<usize>, Range<usize>)> {
        let plan = &self.model.inner.plan;
        let start = self.range(plan.ports.output?.0).start;
        let bytes = plan.ports.output_bytes();
        let row = start + tokens.saturating_sub(1) * bytes;
        let end = plan.saved.bytes();
        Some((row..row + bytes, end - bytes..end))
    }

    fn cache_type(&self) -> CacheType {
        self.model.inner.plan.saved.caches()
    }

    fn check_layout(&self, found: u64) -> Result<(), RunError> {
        let expected = self.cache_type();
        match CacheType::ALL.iter().find(|held| layout(**held) == found) {
            Some(held) if *held == expected => Ok(()),
            Some(&found) => Err(RunError::StateCaches { expected, found }),
            None => Err(RunError::StateVersion {
                expected: VERSION,
                found,
            }),
        }
    }

    fn check_length(&self, found: usize) -> Result<(), RunError> {
        let expected = self.state_bytes();
        if found == expected {
            Ok(())
        } else {
            Err(RunError::StateLength { expected, found })
        }
    }

    /// Checks a saved state; gives its position.
    fn check_state(&self, state: &[u8]) -> Result<u64, RunError> {
        let Some((header, tensors)) = state.split_at_checked(HEADER_BYTES) else {
            let (expected, found) = (self.state_bytes(), state.len());
            return Err(RunError::StateLength { expected, found });
        };
        let &[magic, layout, fingerprint, position, stated] = header.as_chunks().0 else {
            unreachable!("a header of five times eight bytes");
        };
        if magic != MAGIC {
            let found = magic.escape_ascii().to_string();
            return Err(RunError::StateMagic { found });
        }
        self.check_layout(u64::from_le_bytes(layout))?;
        let expected = self.model.inner.fingerprint();
        let found = Fingerprint::from_bytes(fingerprint);
        if found != expected {
            return Err(RunError::StateModel { expected, found });
        }
        self.check_length(state.len())?;
        let (expected, found) = (u64::from_le_bytes(stated), checksum(state));
        if found != expected {
            return Err(RunError::StateChecksum { expected, found });
        }
        let (position, max) = (u64::from_le_bytes(position), MAX_POSITION);
        if position > max {
            return Err(RunError::StatePosition { position, max });
        }
        self.check_argmax(tensors)?;
        Ok(position)
    }

    /// Checks that the greatest of the logits is one of them.
    fn check_argmax(&self, tensors: &[u8]) -> Result<(), RunError> {
        let inner = &self.model.inner;
        let ports = &inner.plan.ports;
        let logits = self.range(ports.logits).len() / 4;
        let argmax = self.range(ports.argmax).start;
        let mut spans = inner.plan.saved.spans(0);
        let place = spans.find(|span| span.slot.start == argmax);
        let word = place.and_then(|span| tensors[span.saved].first_chunk());
        let found = word.map_or(u32::MAX, |word| u32::from_le_bytes(*word));
        match usize::try_from(found).is_ok_and(|found| found < logits) {
            true => Ok(()),
            false => Err(RunError::StateArgmax { found, logits }),
        }
    }
}

/// The version of the layout, and above it what caches hold: 0 for f32, 1 for f16.
const fn layout(held: CacheType) -> u64 {
    VERSION | (held as u64) << 32
}

/// The CRC-32 of a saved state, but for where it states it.
fn checksum(state: &[u8]) -> u64 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&state[..CHECKSUM.start]);
    crc.update(&state[CHECKSUM.end..]);
    crc.finalize().into()
}

/// Copies numbers of four bytes, which are little-endian in a saved state, to or from it.
fn copy(to: &mut [u8], from: &[u8]) {
    to.copy_from_slice(from);
    if cfg!(target_endian = "big") {
        for word in to.as_chunks_mut::<4>().0 {
            word.reverse();
        }
    }
}
