use super::{Labels, Verdict};
use crate::tokenizer::{Tokenizer, TokenizerError};
use crate::{Model, RunError, Session};
use std::sync::Arc;

/// A loaded model that is asked about texts, one after the other.
#[derive(Debug)]
pub struct Classifier {
    session: Session,
    tokenizer: Tokenizer,
    labels: Arc<Labels>,
}

/// Why a model cannot be asked about texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClassifyError {
    /// The model is no classifier, or has no free session.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Nobody said what the model's token ids stand for.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Classifier {
    /// Opens a session of a model for it.
    ///
    /// # Errors
    /// If the model has no classes or no tokenizer, or all sessions are open.
    pub fn new(model: &Model) -> Result<Self, ClassifyError> {
        let classes = model.classes().ok_or(RunError::NotAClassifier)?;
        let stated = model.shared_labels();
        Ok(Self {
            session: model.session()?,
            tokenizer: model.tokenizer()?,
            labels: stated.unwrap_or_else(|| Arc::new(Labels::numbered(classes))),
        })
    }

    /// The names of the classes, and what makes an answer sure.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What the model says of a text. Of one that is longer than what it was trained to look at, it looks at the first part
    /// ([`Classifier::tokens`]).
    ///
    /// # Errors
    /// If the text has no tokens, or the logits are not finite.
    pub fn classify(&mut self, text: &[u8]) -> Result<Verdict, RunError> {
        let tokens = self.tokens(text);
        self.classify_tokens(&tokens)
    }

    /// The tokens of a text that are looked at: the first ones, as far as attention reaches.
    #[must_use]
    pub fn tokens(&self, text: &[u8]) -> Vec<u32> {
        let mut tokens = [self.tokenizer.before(), &self.tokenizer.encode(text)].concat();
        let reach = self.session.model().info().config.max_seq();
        tokens.truncate(reach.unwrap_or(usize::MAX));
        tokens
    }

    /// What the model says of token ids, all of them.
    ///
    /// # Errors
    /// As [`Session::classify`].
    pub fn classify_tokens(&mut self, tokens: &[u32]) -> Result<Verdict, RunError> {
        self.session.classify(tokens)?;
        let (logits, router) = (self.session.logits(), self.session.output());
        Ok(Verdict::new(&self.labels, logits, router))
    }

    /// The logits of the last answer.
    #[must_use]
    pub fn logits(&self) -> &[f32] {
        self.session.logits()
    }
}
