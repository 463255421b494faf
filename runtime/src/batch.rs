//! A step of several sessions at once: the weights are read once for all of them.
#![allow(
    unsafe_code,
    reason = "rows of a block belong to slots of different sessions"
)]

use crate::arena::Scratch;
use crate::overflow::all_finite;
use crate::plan::Entry;
use crate::{Model, RunError, Session};

impl Model {
    /// Takes in one token for each session, the same bits as [`Session::step`] on each alone.
    /// Matrix products run once for all of them.
    ///
    /// # Errors
    /// If there is not one token for each session, a token is not below the vocabulary's size, or
    /// a session is of another model or lost; nothing has changed then. If the logits of a session are not finite,
    /// that session is lost, as by [`Session::step`]; all others have taken in their tokens.
    pub fn step_batch(
        &self,
        sessions: &mut [&mut Session],
        tokens: &[u32],
    ) -> Result<(), RunError> {
        if sessions.len() != tokens.len() {
            return Err(RunError::BatchLength {
                sessions: sessions.len(),
                tokens: tokens.len(),
            });
        }
        self.inner.check_ids(tokens)?;
        if let Some(session) = sessions.iter().position(|s| !self.is_of(s)) {
            return Err(RunError::OtherModel { session });
        }
        sessions.iter().try_for_each(|s| s.check_lost())?;
        let block = self.inner.plan.sessions_block();
        let mut scratch = self.inner.arena.scratch()?;
        let mut result = Ok(());
        for (sessions, tokens) in sessions.chunks_mut(block).zip(tokens.chunks(block)) {
            result = result.and(self.step_block(sessions, tokens, &mut scratch));
        }
        result
    }

    fn is_of(&self, session: &Session) -> bool {
        std::sync::Arc::ptr_eq(&self.inner, &session.model().inner)
    }

    /// Runs a block of checked tokens, a row a session.
    fn step_block(
        &self,
        sessions: &mut [&mut Session],
        tokens: &[u32],
        scratch: &mut Scratch<'_>,
    ) -> Result<(), RunError> {
        sessions.iter_mut().for_each(|session| session.begin());
        let positions = sessions.iter().map(|session| session.position());
        self.inner.write_inputs(scratch, tokens, positions);
        let Some(first) = sessions.first_mut() else {
            return Ok(());
        };
        let mut frame = first.frame(scratch, tokens.len());
        let slots = &*sessions;
        let owner = |row: u64| {
            let session = &slots[row as usize];
            (session.slot_base(), session.position())
        };
        let backend = self.inner.backend.now();
        // SAFETY: the arena was laid out and filled for this plan when the model was loaded. Each
        // session claimed its slot, `&mut` keeps everyone else away from them and from the scratch, and one session is
        // not in the list twice. The caller checked the ids; a block is at most `plan.block` long.
        unsafe {
            backend.run(Entry::Sessions, &mut frame, &owner);
            backend.run(Entry::Rows, &mut frame, &owner);
        }
        for (row, session) in sessions.iter_mut().enumerate() {
            session.take_logits(scratch, row);
        }
        let mut result = Ok(());
        for (session, token) in sessions.iter_mut().zip(tokens) {
            if !all_finite(session.logits()) {
                result = result.and(Err(session.lose(&[*token], Entry::Head, scratch)));
            }
            session.advance(1);
        }
        result
    }
}
