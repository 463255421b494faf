//! One sequence of tokens over a loaded model.
#![allow(unsafe_code, reason = "a session owns its slot and vouches for it")]

use crate::arena::{Scratch, Slot, as_f32};
use crate::backend::{Cache, Frame};
use crate::overflow::{all_finite, trace};
use crate::plan::{Entry, Tensor};
use crate::{Model, RunError};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A sequence: its recurrent state and its last logits, in a slot of the model's arena or in memory that somebody gave.
///
/// Every step costs the same, but for attention over the cached positions, of which there
/// are at most `max_seq`: beyond it the oldest leave. Nothing allocates after the session is
/// open (but for the interpreter's errors). What a block of tokens works in belongs to no session but to whoever runs.
///
/// ```no_run
/// use atome::{Model, Options};
///
/// let model = Model::load("model.bin".as_ref(), None, &Options::default())?;
/// let mut session = model.session()?;
/// session.prefill(&[79, 110, 99, 101])?;
/// for _ in 0..40 {
///     let next = session.argmax();
///     session.step(next)?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Session {
    pub(crate) model: Model,
    slot: Slot,
    pub(crate) position: u64,
    /// Tokens of the last block that ran.
    pub(crate) last_block: usize,
    /// Whether the state may be other than zero.
    pub(crate) used: bool,
    /// The state may hold numbers that are not finite.
    pub(crate) lost: bool,
}

impl Session {
    pub(crate) fn new(model: Model) -> Result<Session, RunError> {
        let arena = &model.inner.arena;
        let slot = arena.claim().ok_or(RunError::NoFreeSession {
            slots: arena.slots(),
        })?;
        // The state in a free slot is zero: the slot is new, or its last owner forgot everything.
        Ok(Session::over(model, slot, false))
    }

    /// A session in `memory`, whatever is in it.
    pub(crate) fn new_in(model: Model, memory: &'static mut [u8]) -> Result<Session, RunError> {
        let arena = &model.inner.arena;
        let (expected, found) = (arena.slot_room(), memory.len());
        let slot = arena.slot_in(memory);
        let slot = slot.ok_or(RunError::SessionMemory { expected, found })?;
        let mut session = Session::over(model, slot, true);
        session.reset();
        Ok(session)
    }

    fn over(model: Model, slot: Slot, used: bool) -> Session {
        Session {
            model,
            slot,
            position: 0,
            last_block: 0,
            used,
            lost: false,
        }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Tokens seen so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Takes in one token; afterwards [`Session::logits`] are those that follow it.
    ///
    /// # Errors
    /// If the token is not below the vocabulary's size; nothing has changed then. If the logits are not finite: then the
    /// session is lost, and takes nothing in until it is [reset](Session::reset) or [restored](Session::restore).
    pub fn step(&mut self, token: u32) -> Result<(), RunError> {
        self.prefill(&[token])
    }

    /// Takes in tokens, in blocks; the same bits as one [`Session::step`] for each.
    ///
    /// # Errors
    /// If there are none, or one is not below the vocabulary's size; nothing has changed then. If the last logits are not
    /// finite, as [`Session::step`].
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<(), RunError> {
        self.check(tokens)?;
        let inner = Arc::clone(&self.model.inner);
        let mut scratch = inner.arena.scratch()?;
        let block = inner.plan.block;
        let last = (tokens.len() - 1) / block;
        for (i, tokens) in tokens.chunks(block).enumerate() {
            let head = (i == last).then_some(Entry::Head);
            self.run_block(tokens, head, &mut scratch)?;
        }
        Ok(())
    }

    /// Takes in tokens, in blocks, and hands the logits that follow each one to `each`, with its
    /// place in `tokens`; the same bits as one [`Session::step`] for each, some times faster.
    /// Nothing is allocated.
    ///
    /// ```no_run
    /// # let model = atome::Model::load("model.bin".as_ref(), None, &atome::Options::default())?;
    /// let tokens = b"Once upon a time".map(u32::from);
    /// let mut right = 0;
    /// model.session()?.prefill_with(&tokens, |i, logits| {
    ///     let best = (0..).zip(logits).max_by(|a, b| a.1.total_cmp(b.1));
    ///     right += usize::from(best.map(|(id, _)| id) == tokens.get(i + 1).copied());
    /// })?;
    /// println!("{right} of {} tokens guessed", tokens.len() - 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Session::prefill`]; `each` is told of no logits that are not finite.
    pub fn prefill_with(
        &mut self,
        tokens: &[u32],
        mut each: impl FnMut(usize, &[f32]),
    ) -> Result<(), RunError> {
        self.check(tokens)?;
        let inner = Arc::clone(&self.model.inner);
        let mut scratch = inner.arena.scratch()?;
        let block = inner.plan.rows_block;
        for (i, tokens) in tokens.chunks(block).enumerate() {
            self.run_block(tokens, Some(Entry::Rows), &mut scratch)?;
            for row in 0..tokens.len() {
                each(i * block + row, inner.logits_row(&scratch, row));
            }
            self.take_logits(&scratch, tokens.len() - 1);
        }
        Ok(())
    }

    fn check(&self, tokens: &[u32]) -> Result<(), RunError> {
        self.check_tokens(tokens)?;
        self.check_lost()
    }

    pub(crate) fn check_tokens(&self, tokens: &[u32]) -> Result<(), RunError> {
        match tokens.is_empty() {
            true => Err(RunError::EmptyPrompt),
            false => self.model.inner.check_ids(tokens),
        }
    }

    pub(crate) fn check_lost(&self) -> Result<(), RunError> {
        match self.lost {
            true => Err(RunError::LostSession),
            false => Ok(()),
        }
    }

    /// Takes the logits of a row of the block that just ran as those that follow its last token.
    pub(crate) fn take_logits(&mut self, scratch: &Scratch<'_>, row: usize) {
        let inner = Arc::clone(&self.model.inner);
        let logits = inner.range(inner.plan.ports.logits);
        let row = inner.logits_range(row);
        self.bytes_mut(logits).copy_from_slice(scratch.bytes(row));
    }

    /// Runs one block of checked tokens, and what gives logits if asked.
    fn run_block(
        &mut self,
        tokens: &[u32],
        head: Option<Entry>,
        scratch: &mut Scratch<'_>,
    ) -> Result<(), RunError> {
        self.begin();
        let inner = &self.model.inner;
        inner.write_inputs(scratch, tokens, self.position..);
        let (mut frame, position) = (self.frame(scratch, tokens.len()), self.position);
        let slot = frame.slot;
        let owner = |row: u64| (slot, position + row);
        let backend = self.model.inner.backend.now();
        // SAFETY: the arena was laid out and filled for this plan when the model was loaded.
        // This session claimed the slot, and `&mut self` keeps everyone else away from it, as `&mut scratch` does from the
        // scratch. The caller checked the ids, and a block is at most `plan.block` long.
        unsafe {
            backend.run(Entry::Block, &mut frame, &owner);
            if let Some(entry) = head {
                backend.run(entry, &mut frame, &owner);
            }
        }
        let finite = match head {
            Some(Entry::Rows) => {
                let mut rows = 0..tokens.len();
                rows.all(|row| all_finite(self.model.inner.logits_row(scratch, row)))
            }
            Some(_) => all_finite(self.logits()),
            None => true,
        };
        let fault = head.filter(|_| !finite);
        let fault = fault.map(|head| self.lose(tokens, head, scratch));
        self.advance(tokens.len());
        fault.map_or(Ok(()), Err)
    }

    /// Finds out where the numbers of a block that just ran, and is not counted yet, left the range of f32. Takes
    /// nothing in from now on.
    pub(crate) fn lose(
        &mut self,
        tokens: &[u32],
        head: Entry,
        scratch: &mut Scratch<'_>,
    ) -> RunError {
        self.lost = true;
        let inner = &self.model.inner;
        inner.write_inputs(scratch, tokens, self.position..);
        let (mut frame, position) = (self.frame(scratch, tokens.len()), self.position);
        let slot = frame.slot;
        let owner = |row: u64| (slot, position + row);
        let plan = &self.model.inner.plan;
        // SAFETY: as for the block that ran.
        unsafe { trace(plan, [Entry::Block, head], &mut frame, &owner) }
    }

    /// A block of `tokens` rows over this session's slot.
    pub(crate) fn frame(&mut self, scratch: &mut Scratch<'_>, tokens: usize) -> Frame {
        let inner = &*self.model.inner;
        let file = inner.plan.image.as_ref();
        Frame {
            // An empty part still needs an address.
            file: file.map_or(inner.arena.weights_base(), |file| file.bytes().as_ptr()),
            weights: inner.arena.weights_base(),
            constants: inner.arena.constants_base(),
            scratch: scratch.base(),
            slot: self.slot_base(),
            tokens: tokens as u64,
            row: 0,
            seen: self.position,
            window: inner.plan.window,
            cache: Cache::default(),
        }
    }

    /// Start of this session's slot.
    pub(crate) fn slot_base(&self) -> *mut u8 {
        self.slot.base()
    }

    /// Says that the state is about to change.
    pub(crate) fn begin(&mut self) {
        self.used = true;
    }

    /// Counts a block of `tokens` that ran.
    pub(crate) fn advance(&mut self, tokens: usize) {
        self.position += tokens as u64;
        self.last_block = tokens;
    }

    /// What follows the last token: a logit for each token id, or for each class of a
    /// classifier. Zeros before the first token.
    pub fn logits(&self) -> &[f32] {
        as_f32(self.bytes(self.range(self.model.inner.plan.ports.logits)))
    }

    /// Index of the greatest logit, the lowest among equals.
    pub fn argmax(&self) -> u32 {
        let bytes = self.bytes(self.range(self.model.inner.plan.ports.argmax));
        bytes
            .as_chunks()
            .0
            .first()
            .map_or(0, |bytes| u32::from_ne_bytes(*bytes))
    }

    /// Forgets everything, takes in `tokens` and gives the class they belong to.
    ///
    /// # Errors
    /// If the model has no classifier head; otherwise as [`Session::prefill`]. Where tokens are refused, nothing has changed.
    pub fn classify(&mut self, tokens: &[u32]) -> Result<u32, RunError> {
        if self.model.classes().is_none() {
            return Err(RunError::NotAClassifier);
        }
        self.check_tokens(tokens)?;
        self.reset();
        self.prefill(tokens)?;
        Ok(self.argmax())
    }

    /// What the model shows of the last token beside its logits. An Atome model shows what part the last block's router
    /// gave the convolution, the state space and attention; other models show nothing, and none does before the first
    /// token.
    pub fn output(&self) -> &[f32] {
        let output = self.model.inner.plan.ports.output;
        let Some((tensor, width)) = output.filter(|_| self.position > 0) else {
            return &[];
        };
        let rows = as_f32(self.bytes(self.range(tensor)));
        &rows[(self.last_block - 1) * width..][..width]
    }

    pub(crate) fn range(&self, tensor: Tensor) -> Range<usize> {
        self.model.inner.range(tensor)
    }

    pub(crate) fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.slot.bytes(range)
    }

    pub(crate) fn bytes_mut(&mut self, range: Range<usize>) -> &mut [u8] {
        self.slot.bytes_mut(range)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("slot", &self.slot)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.reset();
        self.model.inner.arena.release(&mut self.slot);
    }
}
