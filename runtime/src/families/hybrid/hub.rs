//! The dimensions and the names of a BitNet b1.58 model, as a directory of model hubs has them.

use super::config::{CONTEXT, MAX_LAYERS, MAX_QUERIES, MAX_WIDTH};
use super::rotation::Rotation;
use super::{EMBEDDINGS, Form, HEAD, Hybrid};
use crate::error::{ConfigError, FileError};
use crate::json;

/// What `model_type` says of such a model.
pub(crate) const BITNET: &str = "bitnet";
/// Groups of columns, the widest first: a matrix has one scale, which all its groups have.
const GROUPS: [usize; 3] = [256, 128, 64];

/// How a directory has its ternary matrices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HubWeights {
    /// As the floats that they were trained as.
    Latent,
    /// Four rows a byte, with a number beside the matrix that products are multiplied by.
    PackedTimes,
    /// The same, with a number that products are divided by.
    PackedOver,
}

/// The keys of a `config.json` that matter.
#[derive(serde::Deserialize)]
struct Keys {
    #[serde(deserialize_with = "json::whole")]
    vocab_size: usize,
    #[serde(deserialize_with = "json::whole")]
    hidden_size: usize,
    #[serde(deserialize_with = "json::whole")]
    intermediate_size: usize,
    #[serde(deserialize_with = "json::whole")]
    num_hidden_layers: usize,
    #[serde(deserialize_with = "json::whole")]
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    max_position_embeddings: Option<usize>,
    #[serde(default, deserialize_with = "json::given")]
    hidden_act: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    rms_norm_eps: Option<f64>,
    #[serde(default, deserialize_with = "json::given")]
    rope_theta: Option<f64>,
    rope_scaling: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "json::given")]
    attention_bias: Option<bool>,
    #[serde(default, deserialize_with = "json::given")]
    tie_word_embeddings: Option<bool>,
    quantization_config: Option<Quantization>,
}

/// How matrices are stored.
#[derive(serde::Deserialize)]
struct Quantization {
    #[serde(default, deserialize_with = "json::given")]
    quant_method: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    linear_class: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    quantization_mode: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    use_rms_norm: Option<bool>,
}

impl Hybrid {
    /// Reads the text of a `config.json`: the dimensions of a BitNet model, and how its matrices are stored.
    ///
    /// # Errors
    /// For the first key that is missing, repeated, of another type or outside its range, and for what makes another model of it.
    pub(crate) fn of_hub(config: &[u8]) -> Result<(Hybrid, HubWeights), FileError> {
        let keys: Keys = json::object(config)?;
        let weights = keys.weights()?;
        keys.check()?;
        let whole = keys.hidden_size / keys.num_attention_heads;
        let head_dim = keys.head_dim.unwrap_or(whole);
        let context = keys.max_position_embeddings.unwrap_or(CONTEXT);
        let model = Hybrid {
            form: Form::BITNET,
            vocab: keys.vocab_size,
            width: keys.hidden_size,
            layers: keys.num_hidden_layers,
            interval: 1,
            recurrent: None,
            inner: keys.intermediate_size,
            heads: keys.num_attention_heads,
            kv_heads: keys.num_key_value_heads.unwrap_or(keys.num_attention_heads),
            head_dim,
            rotary: head_dim,
            base: keys.rope_theta.unwrap_or(10_000.0) as f32,
            key_heads: 0,
            value_heads: 0,
            state: 0,
            taps: 0,
            eps: keys.rms_norm_eps.unwrap_or(1e-6) as f32,
            group: keys.group(head_dim)?,
            has_ternary_embeddings: false,
            has_ternary_head: false,
            is_squared: keys.hidden_act.as_deref().unwrap_or("relu2") == "relu2",
            context: context.min(CONTEXT),
            tied: keys.tie_word_embeddings.unwrap_or(false),
            rotation: Rotation::default(),
        };
        Ok((model, weights))
    }
}

impl Keys {
    /// Dimensions that go with each other, and what would be another model.
    fn check(&self) -> Result<(), ConfigError> {
        let sizes = [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("hidden_size", self.hidden_size, MAX_WIDTH),
            ("intermediate_size", self.intermediate_size, MAX_WIDTH),
            ("num_hidden_layers", self.num_hidden_layers, MAX_LAYERS),
            ("num_attention_heads", self.num_attention_heads, MAX_WIDTH),
            ("num_key_value_heads", self.kv_heads(), MAX_WIDTH),
            ("head_dim", self.head_dim.unwrap_or(2), MAX_WIDTH),
        ];
        for (key, found, max) in sizes {
            let expected = format!("from 1 to {max}");
            holds((1..=max).contains(&found), key, &expected, found)?;
        }
        let heads = self.num_attention_heads;
        let queries = heads / self.kv_heads();
        let shares = heads.is_multiple_of(self.kv_heads()) && queries <= MAX_QUERIES;
        let expected = "a divisor of `num_attention_heads`, a 48th of it at least";
        holds(shares, "num_key_value_heads", expected, self.kv_heads())?;
        let whole = self.head_dim.is_some() || self.hidden_size.is_multiple_of(heads);
        let expected = "a multiple of `num_attention_heads`";
        holds(whole, "hidden_size", expected, self.hidden_size)?;
        let even = self.head_dim.unwrap_or(self.hidden_size / heads);
        holds(even.is_multiple_of(2) && even > 0, "head_dim", "even", even)?;
        let activation = self.hidden_act.as_deref().unwrap_or("relu2");
        let is_known = ["relu2", "silu"].contains(&activation);
        holds(is_known, "hidden_act", "relu2 or silu", activation)?;
        for (key, found) in [
            ("rms_norm_eps", self.rms_norm_eps),
            ("rope_theta", self.rope_theta),
        ] {
            let found = found.unwrap_or(1.0);
            let is_number = found > 0.0 && (found as f32).is_finite() && found as f32 > 0.0;
            holds(is_number, key, "a number above 0", found)?;
        }
        let scaling = self.rope_scaling.as_ref().filter(|found| !found.is_null());
        let found = scaling.map(ToString::to_string).unwrap_or_default();
        let expected = "null: positions are not scaled";
        holds(scaling.is_none(), "rope_scaling", expected, found)?;
        let biased = self.attention_bias == Some(true);
        holds(!biased, "attention_bias", "false", true)
    }

    fn kv_heads(&self) -> usize {
        self.num_key_value_heads.unwrap_or(self.num_attention_heads)
    }

    /// The columns that kernels give a scale: of a group that all rows are made of.
    fn group(&self, head_dim: usize) -> Result<usize, ConfigError> {
        let queries = self.num_attention_heads.saturating_mul(head_dim);
        let rows = [self.hidden_size, self.intermediate_size, queries];
        let fits = |group: &usize| rows.iter().all(|row| row.is_multiple_of(*group));
        let group = GROUPS.into_iter().find(fits);
        let expected = "a multiple of 64, as `intermediate_size` and all heads together";
        holds(group.is_some(), "hidden_size", expected, self.hidden_size)?;
        Ok(group.unwrap_or(GROUPS[0]))
    }

    /// How matrices are stored: the two classes of layers that hubs know have opposite scales.
    fn weights(&self) -> Result<HubWeights, ConfigError> {
        let Some(stored) = &self.quantization_config else {
            return Ok(HubWeights::Latent);
        };
        let method = stored.quant_method.as_deref().unwrap_or(BITNET);
        holds(method == BITNET, "quant_method", BITNET, method)?;
        let is_normed = stored.use_rms_norm == Some(true);
        holds(!is_normed, "use_rms_norm", "false", true)?;
        let class = stored.linear_class.as_deref().unwrap_or("bitlinear");
        match (class, stored.quantization_mode.as_deref()) {
            ("autobitlinear", Some("online")) => Ok(HubWeights::Latent),
            ("autobitlinear", None | Some("offline")) => Ok(HubWeights::PackedTimes),
            ("bitlinear", None | Some("offline")) => Ok(HubWeights::PackedOver),
            ("autobitlinear" | "bitlinear", Some(mode)) => holds(
                false,
                "quantization_mode",
                "offline, or online of autobitlinear",
                mode,
            )
            .map(|()| HubWeights::Latent),
            _ => holds(false, "linear_class", "bitlinear or autobitlinear", class)
                .map(|()| HubWeights::Latent),
        }
    }
}

/// A fault of a key, if what has to hold does not.
fn holds(
    holds: bool,
    key: &'static str,
    expected: &str,
    found: impl ToString,
) -> Result<(), ConfigError> {
    match holds {
        true => Ok(()),
        false => Err(ConfigError::Value {
            key,
            expected: expected.to_owned(),
            found: found.to_string(),
        }),
    }
}

/// The name that a directory gives a parameter.
pub(crate) fn hub_name(param: &str) -> String {
    let of_model = match param {
        EMBEDDINGS => Some("model.embed_tokens.weight"),
        HEAD => Some("lm_head.weight"),
        "output_norm.weight" => Some("model.norm.weight"),
        _ => None,
    };
    if let Some(name) = of_model {
        return name.to_owned();
    }
    let in_layer = param
        .strip_prefix("blk.")
        .and_then(|rest| rest.split_once('.'));
    let Some((layer, name)) = in_layer else {
        return param.to_owned();
    };
    let name = match name.strip_suffix(".weight").unwrap_or(name) {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_sub_norm" => "self_attn.attn_sub_norm",
        "attn_output" => "self_attn.o_proj",
        "ffn_norm" => "post_attention_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_sub_norm" => "mlp.ffn_sub_norm",
        "ffn_down" => "mlp.down_proj",
        other => other,
    };
    format!("model.layers.{layer}.{name}.weight")
}
