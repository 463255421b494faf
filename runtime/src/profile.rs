//! What the calls of a model are, run one by one so that they can be timed.
#![allow(unsafe_code, reason = "a session owns its slot and vouches for it")]

#[cfg(test)]
mod tests;

use crate::arena::Scratch;
use crate::backend::Singles;
use crate::plan::{Section, Tensor};
use crate::{BackendKind, Model, PrepareError, RunError, Session};
use serde::Serialize;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Calls that differ in their addresses and scales at most: those of all layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallKind {
    /// The tensor it multiplies or the part of the model it is, with `*` for the number of the layer.
    pub call: String,
    /// The sizes that are known before it runs, by the names that the kernel has for them.
    pub dims: Vec<(String, u64)>,
    /// How often it comes.
    pub times: usize,
    /// The kernel compiled ahead of time that runs it.
    pub ahead: String,
    /// The kernel that runs it in machine code made at load: made there too, or compiled ahead of time.
    pub made: Option<String>,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// A backend cannot run the model.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
    /// The model refused its tokens.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The interpreter is not what a model is run by to be fast.
    #[error("the interpreter has no profile, expected a backend that runs machine code")]
    Interpreter,
    /// More tokens than run at once.
    #[error("a block of {tokens} tokens, expected at most {most}")]
    Block {
        /// Those asked for.
        tokens: usize,
        /// As many as run at once.
        most: usize,
    },
}

/// A call that can be run as often as is needed to time it.
pub struct Single<'s> {
    /// Its kind.
    pub kind: &'s CallKind,
    time: &'s mut dyn FnMut(BackendKind, u32) -> Duration,
}

impl Single<'_> {
    /// How long it takes so many times: by [`BackendKind::Jit`] in code made for it, if there is some, otherwise by kernels
    /// compiled ahead of time. What a block works in is as it was before; states go on changing, and are put back at the end.
    pub fn time(&mut self, by: BackendKind, times: u32) -> Duration {
        (self.time)(by, times)
    }
}

impl Model {
    /// Takes in `before`, then runs `tokens` as one block and what gives the logits, call by call and by this thread alone. Of
    /// each kind of call the first is handed to `visit`, with everything it reads in place.
    ///
    /// `by` chooses what is prepared: code made at load and kernels compiled ahead of time, or only these.
    ///
    /// ```
    /// # use atome::checkpoint::Checkpoint;
    /// # use atome::families::AtomeConfig;
    /// # use atome::{BackendKind, Model, Options};
    /// # let config = AtomeConfig { vocab_size: 256, d_model: 32, n_layers: 2, d_head: 8, top_k: 4, kernel_size: 4, max_seq: 32 };
    /// # let model = Model::from_checkpoint(&Checkpoint::random(config, None, 7), &Options::default())?;
    /// let mut calls = 0;
    /// model.profile(BackendKind::Aot, b"Onc".map(u32::from).as_slice(), &[101], &mut |single| {
    ///     assert!(!single.time(BackendKind::Aot, 1000).is_zero());
    ///     calls += single.kind.times;
    /// })?;
    /// assert!(calls > 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the backend cannot run the model, a token is none of the model's, there are none or more than a block has.
    pub fn profile(
        &self,
        by: BackendKind,
        before: &[u32],
        tokens: &[u32],
        visit: &mut dyn FnMut(&mut Single<'_>),
    ) -> Result<(), ProfileError> {
        let most = self.inner.plan.block;
        if tokens.len() > most {
            let tokens = tokens.len();
            return Err(ProfileError::Block { tokens, most });
        }
        let makes = match by {
            BackendKind::Aot => false,
            BackendKind::Jit => true,
            BackendKind::Auto => BackendKind::Jit.check().is_ok(),
            BackendKind::Interp => return Err(ProfileError::Interpreter),
        };
        let mut session = self.session()?;
        session.check_tokens(tokens)?;
        if !before.is_empty() {
            session.prefill(before)?;
        }
        let singles = Singles::new(&self.inner.plan, self.inner.pick(), tokens.len(), makes)?;
        let mut scratch = self.inner.arena.scratch()?;
        session.begin();
        let positions = session.position..;
        self.inner.write_inputs(&mut scratch, tokens, positions);
        session.visit(&singles, &mut scratch, tokens.len(), visit);
        Ok(())
    }
}

impl Session {
    /// Runs the calls for checked tokens that were written, handing out those that are the first of their kind.
    fn visit(
        &mut self,
        singles: &Singles,
        scratch: &mut Scratch<'_>,
        tokens: usize,
        visit: &mut dyn FnMut(&mut Single<'_>),
    ) {
        for (number, single) in singles.list.iter().enumerate() {
            if single.is_first {
                let kept = self.keep(scratch, &single.tensors);
                visit(&mut Single {
                    kind: &singles.kinds[single.kind],
                    time: &mut |by, times| {
                        let works = |kept: &&Kept| kept.section == Section::Scratch;
                        self.put_back(scratch, kept.iter().filter(works));
                        let start = Instant::now();
                        self.run_single((singles, number), (by, times), scratch, tokens);
                        start.elapsed()
                    },
                });
                self.put_back(scratch, kept.iter());
            }
            self.run_single((singles, number), (BackendKind::Aot, 1), scratch, tokens);
        }
    }

    /// Runs one of the calls for checked tokens that were written.
    fn run_single(
        &mut self,
        (singles, number): (&Singles, usize),
        by_times: (BackendKind, u32),
        scratch: &mut Scratch<'_>,
        tokens: usize,
    ) {
        let (mut frame, position) = (self.frame(scratch, tokens), self.position);
        let slot = frame.slot;
        let owner = |row: u64| (slot, position + row);
        // SAFETY: the arena was laid out and filled for this plan when the model was loaded. This session claimed the slot,
        // and `&mut` keeps everyone else away from it and from the scratch. Calls run in the plan's order, so numbers of rows and
        // positions that one of them reads were written by those before it. Whoever wrote the tokens checked the ids, and that
        // there are no more than a block has.
        unsafe { singles.run(number, by_times, &mut frame, &owner) }
    }

    /// What a call may change.
    fn keep(&self, scratch: &Scratch<'_>, tensors: &[Tensor]) -> Vec<Kept> {
        let plan = &self.model.inner.plan;
        let kept = tensors.iter().filter_map(|tensor| {
            let section = plan.tensor(*tensor).section;
            let range = self.range(*tensor);
            let bytes = match section {
                Section::Scratch => scratch.bytes(range.clone()),
                Section::State | Section::Logits => self.bytes(range.clone()),
                Section::File | Section::Weights | Section::Constants => return None,
            };
            let bytes = bytes.to_vec();
            Some(Kept {
                section,
                range,
                bytes,
            })
        });
        kept.collect()
    }

    fn put_back<'k>(&mut self, scratch: &mut Scratch<'_>, kept: impl Iterator<Item = &'k Kept>) {
        for Kept {
            section,
            range,
            bytes,
        } in kept
        {
            let place = match section {
                Section::Scratch => scratch.bytes_mut(range.clone()),
                _ => self.bytes_mut(range.clone()),
            };
            place.copy_from_slice(bytes);
        }
    }
}

/// The bytes of a tensor as they were.
struct Kept {
    section: Section,
    range: Range<usize>,
    bytes: Vec<u8>,
}
