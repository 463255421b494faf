//! Loaded models.

use crate::answer::{give, handle};
use crate::memory::{borrowed, closed, lent, taken};
use atome::sampler::Sampling;
use atome::tokenizer::Tokenizer;
use atome::tune::Tuning;
use atome::{LoadError, Model, ModelBytes, Options};
use atome_kernels::dispatch::best_isa;
use serde_json::json;

/// A model, and what its tokens stand for.
pub(crate) struct Loaded {
    pub(crate) model: Model,
    /// Or why there is no text.
    pub(crate) tokenizer: Result<Tokenizer, String>,
}

impl Loaded {
    fn new(
        bytes: ModelBytes,
        config: Option<&[u8]>,
        options: &Options,
    ) -> Result<Loaded, LoadError> {
        let model = Model::from_model_bytes(bytes, config, options)?;
        let tokenizer = model.tokenizer().map_err(|cause| cause.to_string());
        Ok(Loaded { model, tokenizer })
    }

    /// What is said of it, as JSON.
    fn about(&self) -> String {
        let (model, info) = (&self.model, self.model.info());
        let usual = Sampling::default();
        let sampling = model.generation().map_or(usual, |g| g.sampling(usual));
        let isa = best_isa();
        let labels = model.labels().map(|labels| labels.names.as_slice());
        let about = json!({
            "architecture": info.architecture,
            "format": info.format,
            "parameters": info.parameters,
            "vocab": model.vocab(),
            "classes": model.classes(),
            "labels": labels,
            "ends": model.ends(),
            "text": self.tokenizer.is_ok(),
            "noText": self.tokenizer.as_ref().err(),
            "instructions": isa.name(),
            "modelBytes": info.model_bytes,
            "arenaBytes": info.arena_bytes,
            "sessionBytes": info.session_bytes,
            "stateBytes": info.state_bytes,
            "sessions": info.sessions,
            "sampling": {
                "temperature": sampling.temperature,
                "topK": sampling.top_k,
                "topP": sampling.top_p,
                "minP": sampling.min_p,
                "repetitionPenalty": sampling.repetition_penalty,
            },
        });
        about.to_string()
    }
}

/// Loads a model of the bytes of a file of any format, which are taken, and the JSON of its dimensions where the format
/// stores none. 0 and a message if that fails.
///
/// `context` positions are what attention looks back at, 0 for what the model says.
#[unsafe(no_mangle)]
unsafe extern "C" fn model_open(
    bytes: *mut ModelBytes,
    config: *const u8,
    config_len: usize,
    sessions: usize,
    context: usize,
) -> *mut Loaded {
    // SAFETY: the caller's handle, for the last time.
    let bytes = unsafe { taken(bytes) };
    // SAFETY: so many bytes of the caller's room.
    let config = unsafe { lent(config, config_len) };
    let options = Options {
        threads: Some(1),
        tuning: Tuning::Off,
        sessions,
        context: Some(context).filter(|context| *context > 0),
        ..Options::default()
    };
    let config = Some(config).filter(|config| !config.is_empty());
    handle(Loaded::new(*bytes, config, &options))
}

/// Frees a model; sessions of it keep what they need.
#[unsafe(no_mangle)]
unsafe extern "C" fn model_close(model: *mut Loaded) {
    // SAFETY: the caller's handle, for the last time.
    unsafe { closed(model) }
}

/// The bytes of what is said of a model, as JSON.
#[unsafe(no_mangle)]
unsafe extern "C" fn model_about(model: *const Loaded) -> usize {
    // SAFETY: the caller's handle.
    give(unsafe { borrowed(model) }.about().into_bytes())
}
