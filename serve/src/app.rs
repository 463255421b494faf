//! What all requests share.

use crate::Settings;
use crate::chat::Form;
use crate::engine::{Engine, Gate};
use crate::error::ApiError;
use crate::metrics::Metrics;
use crate::sessions::Sessions;
use atome::Model;
use atome::sampler::Sampling;
use atome::tokenizer::{Tokenizer, typed};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What all requests share.
pub(crate) struct App {
    pub(crate) model: Model,
    /// Or why there is none.
    pub(crate) tokenizer: Result<Arc<Tokenizer>, String>,
    /// Names of special tokens.
    pub(crate) specials: Vec<String>,
    pub(crate) form: Box<dyn Form>,
    pub(crate) settings: Settings,
    pub(crate) engine: Engine,
    pub(crate) gate: Arc<Gate>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) stopping: AtomicBool,
    pub(crate) created: u64,
    /// How tokens are chosen where a request does not say.
    pub(crate) sampling: Sampling,
    random: RandomState,
    requests: AtomicU64,
}

impl App {
    #[allow(clippy::too_many_arguments, reason = "each is a part of the whole")]
    pub(crate) fn new(
        model: &Model,
        tokenizer: Result<Arc<Tokenizer>, String>,
        form: Box<dyn Form>,
        settings: Settings,
        engine: Engine,
        gate: Arc<Gate>,
        metrics: Arc<Metrics>,
        sessions: Arc<Sessions>,
    ) -> App {
        let specials = tokenizer
            .as_ref()
            .map_or_else(|_| Vec::new(), |t| typed::specials(t));
        let plain = Sampling::default();
        App {
            model: model.clone(),
            specials,
            tokenizer,
            form,
            settings,
            engine,
            gate,
            metrics,
            sessions,
            stopping: AtomicBool::new(false),
            created: now(),
            sampling: model
                .generation()
                .map_or(plain, |said| said.sampling(plain)),
            random: RandomState::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// A number that nobody can foretell.
    pub(crate) fn random(&self) -> u64 {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        self.random.hash_one((count, now()))
    }

    /// The tokenizer.
    pub(crate) fn tokenizer(&self) -> Result<&Arc<Tokenizer>, ApiError> {
        let none = |why: &String| ApiError::bad(format!("{why}; give token ids"));
        self.tokenizer.as_ref().map_err(none)
    }

    /// The text of a token, as far as it is one.
    pub(crate) fn name(&self, id: u32) -> (String, Vec<u8>) {
        match &self.tokenizer {
            Ok(tokenizer) => {
                let bytes = tokenizer.name(id);
                (String::from_utf8_lossy(bytes).into_owned(), bytes.to_vec())
            }
            Err(_) => (id.to_string(), Vec::new()),
        }
    }

    /// What tells the weights from others; together with a seed it says what an answer is.
    pub(crate) fn fingerprint(&self) -> String {
        format!("fp_{}", self.model.fingerprint())
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
