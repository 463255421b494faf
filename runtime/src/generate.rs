//! A continuation, token by token.

use crate::sampler::Sampler;
use crate::{Model, RunError, Session};

/// The tokens that continue a session: an iterator that [`Session::generate`] makes.
#[derive(Debug)]
pub struct Generate<'s> {
    session: &'s mut Session,
    sampler: &'s mut Sampler,
    /// The last token, which the session takes in when the next one is asked for.
    last: Option<u32>,
    /// Whose tokens end the text.
    model: Model,
    is_done: bool,
}

impl Session {
    /// The tokens that continue what the session has taken in, each chosen by `sampler` from the logits that follow
    /// the one before. It ends where the model ends the text, if its tokenizer has such a token, and otherwise never:
    /// `take` says how many tokens are wanted. Nothing is allocated.
    ///
    /// A token is taken in when the next one is asked for: nobody pays for logits that are not looked at. So the session
    /// has not yet taken in the last token when the iterator is dropped.
    ///
    /// ```
    /// use atome::checkpoint::Checkpoint;
    /// use atome::families::AtomeConfig;
    /// use atome::sampler::{Sampler, Sampling};
    /// use atome::{Model, Options};
    ///
    /// # let config = AtomeConfig { vocab_size: 256, d_model: 32, n_layers: 1, d_head: 8, top_k: 4, kernel_size: 4, max_seq: 32 };
    /// let model = Model::from_checkpoint(&Checkpoint::random(config, None, 7), &Options::default())?;
    /// let mut sampler = Sampler::new(Sampling::GREEDY, model.vocab())?;
    /// let mut session = model.session()?;
    /// session.prefill(&b"Once upon a time".map(u32::from))?;
    /// for token in session.generate(&mut sampler).take(20) {
    ///     print!("{} ", token?);
    /// }
    /// assert_eq!(session.position(), 16 + 19);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn generate<'s>(&'s mut self, sampler: &'s mut Sampler) -> Generate<'s> {
        Generate {
            model: self.model.clone(),
            session: self,
            sampler,
            last: None,
            is_done: false,
        }
    }
}

impl Iterator for Generate<'_> {
    type Item = Result<u32, RunError>;

    fn next(&mut self) -> Option<Result<u32, RunError>> {
        if self.is_done {
            return None;
        }
        if let Some(last) = self.last
            && let Err(error) = self.session.step(last)
        {
            self.is_done = true;
            return Some(Err(error));
        }
        let token = self.sampler.sample(self.session.logits());
        self.is_done = self.model.ends().contains(&token);
        self.last = Some(token);
        (!self.is_done).then_some(Ok(token))
    }
}

impl std::iter::FusedIterator for Generate<'_> {}
