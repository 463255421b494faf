//! What a request for text says. Fields that would change the answer and are not supported are refused, and so are those
//! that nobody knows: an answer is never other than what was asked for.

use super::said::Said;
use crate::app::App;
use crate::engine::{Choice, Wants};
use crate::error::ApiError;
use atome::sampler::{Sampler, Sampling};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Number, Value};
use std::collections::BTreeMap;

/// Tokens of a completion, if a request does not say.
const COMPLETION_TOKENS: usize = 16;
/// Tokens of an answer in a chat, if a request does not say.
const ANSWER_TOKENS: usize = 1024;
/// Most texts that end an answer, and bytes of each.
const MAX_STOPS: usize = 16;
const MAX_STOP_BYTES: usize = 1024;
/// Most tokens whose chances are told beside the one that was taken.
const MAX_TOP: usize = 20;
/// Most biases.
const MAX_BIASES: usize = 1024;

/// A request for text.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Ask {
    pub(super) model: Option<String>,
    pub(super) prompt: Option<Prompt>,
    pub(super) messages: Option<Vec<Said>>,
    pub(super) session: Option<String>,
    pub(super) stream: Option<bool>,
    pub(super) stream_options: Option<StreamOptions>,
    pub(super) n: Option<usize>,
    max_tokens: Option<usize>,
    max_completion_tokens: Option<usize>,
    stop: Option<OneOrMany<String>>,
    seed: Option<Number>,
    temperature: Option<f32>,
    top_p: Option<f32>,
    top_k: Option<usize>,
    min_p: Option<f32>,
    repetition_penalty: Option<f32>,
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    logit_bias: Option<BTreeMap<String, f32>>,
    logprobs: Option<Value>,
    top_logprobs: Option<usize>,
    ignore_eos: Option<bool>,
    /// Whether every token is told of, with what the model shows beside its logits.
    details: Option<bool>,
    response_format: Option<Value>,
    tools: Option<Vec<Value>>,
    tool_choice: Option<Value>,
    functions: Option<Vec<Value>>,
    modalities: Option<Vec<String>>,
    best_of: Option<usize>,
    echo: Option<bool>,
    suffix: Option<String>,
    // What says nothing about the answer.
    user: IgnoredAny,
    store: IgnoredAny,
    metadata: IgnoredAny,
    service_tier: IgnoredAny,
    parallel_tool_calls: IgnoredAny,
    prompt_cache_key: IgnoredAny,
    safety_identifier: IgnoredAny,
}

/// What a completion goes on from.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text, token ids, or a list of such")]
pub(super) enum Prompt {
    Text(String),
    Texts(Vec<String>),
    Ids(Vec<u32>),
    Many(Vec<Vec<u32>>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StreamOptions {
    #[serde(default)]
    pub(super) include_usage: bool,
    #[serde(default, rename = "include_obfuscation")]
    _include_obfuscation: IgnoredAny,
}

/// One, or a list.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a text or a list of texts")]
pub(super) enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    pub(super) fn into_vec(self) -> Vec<T> {
        match self {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        }
    }
}

impl Ask {
    /// How the answers are written; `is_chat` says by whose rules.
    pub(super) fn choices(&self, app: &App, is_chat: bool) -> Result<Vec<Choice>, ApiError> {
        self.check_supported()?;
        let n = self.n.unwrap_or(1);
        let most = app.settings.max_choices;
        if !(1..=most).contains(&n) {
            return Err(ApiError::field(
                "n",
                format_args!("expected 1 to {most}, found {n}"),
            ));
        }
        let sampling = self.sampling(app)?;
        let biases = self.biases()?;
        if !biases.is_empty() {
            let sampler = Sampler::new(sampling, app.model.vocab());
            let checked = sampler.and_then(|sampler| sampler.with_bias(&biases));
            checked.map_err(|error| ApiError::field("logit_bias", error))?;
        }
        let choice = Choice {
            sampling,
            biases: biases.into(),
            tokens: self.tokens(app, is_chat)?,
            stops: self.stops(app, is_chat)?.into(),
            ignores_ends: self.ignore_eos.unwrap_or(false),
            wants: self.wants(is_chat)?,
        };
        let with_seed = |add: u64| {
            let seed = choice.sampling.seed.wrapping_add(add);
            let sampling = Sampling {
                seed,
                ..choice.sampling
            };
            Choice {
                sampling,
                ..choice.clone()
            }
        };
        Ok((0..n as u64).map(with_seed).collect())
    }

    fn check_supported(&self) -> Result<(), ApiError> {
        let is_text = |format: &Value| format["type"] == "text";
        let n = self.n.unwrap_or(1);
        for (name, is_fine) in [
            (
                "response_format",
                self.response_format.as_ref().is_none_or(is_text),
            ),
            ("tools", self.tools.as_ref().is_none_or(Vec::is_empty)),
            (
                "tool_choice",
                self.tool_choice
                    .as_ref()
                    .is_none_or(|choice| choice == "none"),
            ),
            (
                "functions",
                self.functions.as_ref().is_none_or(Vec::is_empty),
            ),
            (
                "modalities",
                self.modalities.as_ref().is_none_or(|all| *all == ["text"]),
            ),
            ("best_of", self.best_of.is_none_or(|best| best == n)),
            ("echo", !self.echo.unwrap_or(false)),
            ("suffix", self.suffix.as_ref().is_none_or(String::is_empty)),
        ] {
            if !is_fine {
                return Err(ApiError::field(name, "not supported here, leave it away"));
            }
        }
        Ok(())
    }

    fn sampling(&self, app: &App) -> Result<Sampling, ApiError> {
        let said = app.sampling;
        let sampling = Sampling {
            repetition_penalty: self.repetition_penalty.unwrap_or(said.repetition_penalty),
            frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
            presence_penalty: self.presence_penalty.unwrap_or(0.0),
            temperature: self.temperature.unwrap_or(said.temperature),
            top_k: self.top_k.unwrap_or(said.top_k),
            top_p: self.top_p.unwrap_or(said.top_p),
            min_p: self.min_p.unwrap_or(said.min_p),
            seed: self.seed(app)?,
        };
        let valid = sampling.validate();
        valid.map_err(|error| ApiError::bad(error.to_string()))?;
        Ok(sampling)
    }

    /// The seed, or one that all programs can tell again. Negative numbers are seeds, as large as their bits.
    fn seed(&self, app: &App) -> Result<u64, ApiError> {
        let Some(seed) = &self.seed else {
            return Ok(app.random() >> 11);
        };
        let negative = seed.as_i64().map(i64::cast_unsigned);
        let whole = seed.as_u64().or(negative);
        whole.ok_or_else(|| {
            let message = format!("expected a whole number of 64 bits, found {seed}");
            ApiError::field("seed", message)
        })
    }

    fn biases(&self) -> Result<Vec<(u32, f32)>, ApiError> {
        let Some(biases) = &self.logit_bias else {
            return Ok(Vec::new());
        };
        if biases.len() > MAX_BIASES {
            let message = format!("expected at most {MAX_BIASES}, found {}", biases.len());
            return Err(ApiError::field("logit_bias", message));
        }
        let bias = |(id, bias): (&String, &f32)| match id.parse() {
            Ok(id) => Ok((id, *bias)),
            Err(_) => Err(ApiError::field(
                "logit_bias",
                format!("expected token ids, found {id:?}"),
            )),
        };
        biases.iter().map(bias).collect()
    }

    fn tokens(&self, app: &App, is_chat: bool) -> Result<usize, ApiError> {
        let usual = if is_chat {
            ANSWER_TOKENS
        } else {
            COMPLETION_TOKENS
        };
        let most = app.settings.max_tokens;
        let (name, asked) = match self.max_completion_tokens {
            Some(tokens) => ("max_completion_tokens", Some(tokens)),
            None => ("max_tokens", self.max_tokens),
        };
        let tokens = asked.unwrap_or(usual.min(most));
        match (1..=most).contains(&tokens) {
            true => Ok(tokens),
            false => Err(ApiError::field(
                name,
                format_args!("expected 1 to {most}, found {tokens}"),
            )),
        }
    }

    fn stops(&self, app: &App, is_chat: bool) -> Result<Vec<String>, ApiError> {
        let mut stops = match &self.stop {
            None => Vec::new(),
            Some(OneOrMany::One(stop)) => vec![stop.clone()],
            Some(OneOrMany::Many(stops)) => stops.clone(),
        };
        if stops.len() > MAX_STOPS || stops.iter().any(|stop| stop.len() > MAX_STOP_BYTES) {
            let message =
                format!("expected at most {MAX_STOPS} texts of at most {MAX_STOP_BYTES} bytes");
            return Err(ApiError::field("stop", message));
        }
        if !stops.is_empty() {
            app.tokenizer()?;
        }
        let form = app.form.stop().filter(|_| is_chat);
        stops.extend(form.map(str::to_owned));
        Ok(stops)
    }

    fn wants(&self, is_chat: bool) -> Result<Wants, ApiError> {
        let wrong =
            |expected: &str| ApiError::field("logprobs", format_args!("expected {expected}"));
        let asked = match (&self.logprobs, is_chat) {
            (None | Some(Value::Null), _) => None,
            (Some(Value::Bool(asked)), true) => asked.then_some(self.top_logprobs.unwrap_or(0)),
            (Some(_), true) => return Err(wrong("true or false")),
            (Some(count), false) => {
                let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
                Some(count.ok_or_else(|| wrong("a whole number"))?)
            }
        };
        if asked.is_some_and(|top| top > MAX_TOP) {
            return Err(wrong(&format!(
                "at most {MAX_TOP} beside the token that was taken"
            )));
        }
        if self.top_logprobs.is_some() && (asked.is_none() || !is_chat) {
            return Err(ApiError::field(
                "top_logprobs",
                "expected `logprobs` to be true beside it",
            ));
        }
        let output = self.details.unwrap_or(false);
        let chances = asked.or(output.then_some(5));
        Ok(Wants { chances, output })
    }

    /// Whether chances are told in OpenAI's form.
    pub(super) fn tells_chances(&self) -> bool {
        !matches!(self.logprobs, None | Some(Value::Null | Value::Bool(false)))
    }

    /// Whether every token is told of.
    pub(super) fn tells_details(&self) -> bool {
        self.details.unwrap_or(false)
    }
}
