//! From logits to tokens to text: what one answer needs beside its session.

use super::chances;
use super::job::{Choice, Reason, Token, Wants};
use atome::sampler::Sampler;
use atome::tokenizer::{Stops, TextDecoder, Tokenizer};
use atome::{RunError, Session};

/// The writer of one answer.
pub(super) struct Writer {
    sampler: Sampler,
    stops: Stops,
    decoder: TextDecoder,
    ignores_ends: bool,
    wants: Wants,
    /// Most tokens that are still wanted.
    left: usize,
    /// Tokens that were chosen.
    pub(super) written: Vec<u32>,
    /// The text so far.
    pub(super) answer: String,
}

/// A token's worth of an answer.
pub(super) struct Step {
    /// Text that is complete, and before any text that ends the answer.
    pub(super) text: String,
    /// What is told of the token.
    pub(super) told: Option<Token>,
    /// The token, if the answer has it: not where the model ends.
    pub(super) token: Option<u32>,
    pub(super) end: Option<Reason>,
}

impl Writer {
    /// A writer of a choice, after a prompt.
    pub(super) fn new(choice: &Choice, vocab: usize, prompt: &[u32]) -> Result<Writer, RunError> {
        let mut sampler = Sampler::new(choice.sampling, vocab)?.with_bias(&choice.biases)?;
        prompt.iter().for_each(|token| sampler.saw(*token));
        Ok(Writer {
            sampler,
            stops: Stops::new(choice.stops.iter().cloned()),
            decoder: TextDecoder::new(),
            ignores_ends: choice.ignores_ends,
            wants: choice.wants,
            left: choice.tokens,
            written: Vec::new(),
            answer: String::new(),
        })
    }

    /// Chooses the token that follows what the session has taken in.
    pub(super) fn step(&mut self, session: &Session, tokenizer: Option<&Tokenizer>) -> Step {
        let mut step = Step {
            text: String::new(),
            told: None,
            token: None,
            end: None,
        };
        if self.left == 0 {
            return self.end(step, Reason::Length);
        }
        let logits = session.logits();
        let id = self.sampler.sample(logits);
        if !self.ignores_ends && session.model().ends().contains(&id) {
            return self.end(step, Reason::Stop);
        }
        if self.wants.any() {
            let mut told = chances::token(id, logits, self.wants.chances);
            if self.wants.output {
                told.output = session.output().to_vec();
            }
            step.told = Some(told);
        }
        step.token = Some(id);
        self.written.push(id);
        self.left -= 1;
        let bytes = tokenizer.map_or(&[][..], |tokenizer| tokenizer.bytes(id));
        let (ready, found) = self.stops.push(bytes);
        self.decoder.push(&ready, |part| step.text.push_str(part));
        match (found, self.left) {
            (true, _) => self.end(step, Reason::Stop),
            (false, 0) => self.end(step, Reason::Length),
            _ => {
                self.answer.push_str(&step.text);
                step
            }
        }
    }

    /// Ends the answer with what was held back.
    fn end(&mut self, mut step: Step, reason: Reason) -> Step {
        let held = self.stops.finish();
        self.decoder.push(&held, |part| step.text.push_str(part));
        self.decoder.finish(|part| step.text.push_str(part));
        self.answer.push_str(&step.text);
        step.end = Some(reason);
        step
    }
}
