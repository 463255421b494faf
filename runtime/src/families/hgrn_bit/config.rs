//! The dimensions of a MatMul-free LM, as its `config.json` has them.

use crate::error::{ConfigError, FileError};
use crate::json;

/// The keys of the dimensions, in the order of the fields of [`HgrnBitConfig`], and the largest accepted value of each.
const KEYS: [(&str, usize); 4] = [
    ("vocab_size", 1 << 24),
    ("hidden_size", 65_536),
    ("num_hidden_layers", 4096),
    ("intermediate_size", 1 << 18),
];

/// What `model_type` says of the family.
const MODEL_TYPE: &str = "hgrn_bit";
/// Added to the mean square of a norm, where a config does not say.
const NORM_EPS: f64 = 1e-6;
/// The width of the feed-forward layers as a multiple of `hidden_size`, two thirds of it, where a config does not say.
const HIDDEN_RATIO: f64 = 4.0;
/// What that width is rounded up to a multiple of.
const WIDTH_STEP: f64 = 256.0;

/// The dimensions of a model of the MatMul-free LM family.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HgrnBitConfig {
    /// Number of token ids, at most 2^24.
    pub vocab_size: usize,
    /// Width of the residual stream, at most 65,536.
    pub hidden_size: usize,
    /// Number of layers, at most 4096.
    pub num_hidden_layers: usize,
    /// Width of the feed-forward layers, at most 2^18.
    pub intermediate_size: usize,
    /// Added to the mean square of the norms of a layer; those of ternary products have their own.
    pub rms_norm_eps: f32,
    /// Whether forget gates have a lower bound, which grows from layer to layer.
    pub use_lower_bound: bool,
}

// The one number that is no integer is finite.
impl Eq for HgrnBitConfig {}

/// The keys of a `config.json` that matter.
#[derive(serde::Deserialize)]
struct Keys {
    #[serde(default, deserialize_with = "json::given")]
    model_type: Option<String>,
    #[serde(deserialize_with = "json::whole")]
    vocab_size: usize,
    #[serde(deserialize_with = "json::whole")]
    hidden_size: usize,
    #[serde(deserialize_with = "json::whole")]
    num_hidden_layers: usize,
    intermediate_size: Option<usize>,
    hidden_ratio: Option<f64>,
    #[serde(default, deserialize_with = "json::given")]
    rms_norm_eps: Option<f64>,
    #[serde(default, deserialize_with = "json::given")]
    use_lower_bound: Option<bool>,
    #[serde(default, deserialize_with = "json::given")]
    attn_mode: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    hidden_act: Option<String>,
    #[serde(default, deserialize_with = "json::given")]
    expand_ratio: Option<f64>,
    #[serde(default, deserialize_with = "json::given")]
    use_short_conv: Option<bool>,
    #[serde(default, deserialize_with = "json::given")]
    attention_bias: Option<bool>,
}

impl HgrnBitConfig {
    /// Reads the dimensions from the text of a `config.json` and checks them; keys that change nothing are ignored.
    ///
    /// # Errors
    /// [`ConfigError::Json`] names a missing, repeated or ill-typed key with its line and column;
    /// [`ConfigError::Dimension`] a number outside its range, [`ConfigError::Value`] what makes another model of it.
    pub fn from_json(json: &[u8]) -> Result<Self, FileError> {
        let keys: Keys = json::object(json)?;
        keys.refuse_others()?;
        let config = Self {
            vocab_size: keys.vocab_size,
            hidden_size: keys.hidden_size,
            num_hidden_layers: keys.num_hidden_layers,
            intermediate_size: keys.width(),
            rms_norm_eps: keys.rms_norm_eps.unwrap_or(NORM_EPS) as f32,
            use_lower_bound: keys.use_lower_bound.unwrap_or(true),
        };
        config.validate()?;
        Ok(config)
    }

    /// Checks every number against its range.
    ///
    /// # Errors
    /// [`ConfigError::Dimension`] or [`ConfigError::Value`] for the first one outside.
    pub fn validate(&self) -> Result<(), FileError> {
        for ((key, found), (_, max)) in self.entries().into_iter().zip(KEYS) {
            if !(1..=max).contains(&found) {
                let expected = format!("from 1 to {max}");
                let outside = ConfigError::Dimension {
                    key,
                    expected,
                    found,
                };
                return Err(outside.into());
            }
        }
        let eps = self.rms_norm_eps;
        match eps > 0.0 && eps <= 1.0 {
            true => Ok(()),
            false => Err(value("rms_norm_eps", "above 0 and at most 1", eps).into()),
        }
    }

    /// The keys of the dimensions and their values.
    pub(crate) fn entries(&self) -> [(&'static str, usize); KEYS.len()] {
        let values = [
            self.vocab_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.intermediate_size,
        ];
        std::array::from_fn(|i| (KEYS[i].0, values[i]))
    }
}

impl Keys {
    /// Refuses what would be another model.
    fn refuse_others(&self) -> Result<(), ConfigError> {
        let texts = [
            ("model_type", &self.model_type, &[MODEL_TYPE][..]),
            ("attn_mode", &self.attn_mode, &["fused_recurrent"]),
            ("hidden_act", &self.hidden_act, &["swish", "silu"]),
        ];
        for (key, found, known) in texts {
            let Some(found) = found else { continue };
            if !known.contains(&found.as_str()) {
                return Err(value(key, &known.join(" or "), format!("{found:?}")));
            }
        }
        let switches = [
            ("use_short_conv", self.use_short_conv),
            ("attention_bias", self.attention_bias),
        ];
        for (key, found) in switches {
            if found == Some(true) {
                return Err(value(key, "false", true));
            }
        }
        match self.expand_ratio {
            Some(found) if found != 1.0 => Err(value("expand_ratio", "1", found)),
            _ => Ok(()),
        }
    }

    /// The width of the feed-forward layers.
    fn width(&self) -> usize {
        let from_ratio = || {
            let ratio = self.hidden_ratio.filter(|ratio| *ratio != 0.0);
            let wide = self.hidden_size as f64 * ratio.unwrap_or(HIDDEN_RATIO) * 2.0 / 3.0;
            // A conversion limits; what is no width is refused.
            (wide.trunc() / WIDTH_STEP).ceil() as usize * WIDTH_STEP as usize
        };
        self.intermediate_size.unwrap_or_else(from_ratio)
    }
}

fn value(key: &'static str, expected: &str, found: impl ToString) -> ConfigError {
    ConfigError::Value {
        key,
        expected: expected.to_owned(),
        found: found.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"model_type": "hgrn_bit", "attn_mode": "fused_recurrent", "expand_ratio": 1,
        "hidden_act": "swish", "hidden_ratio": 4, "hidden_size": 64, "intermediate_size": null,
        "num_hidden_layers": 3, "rms_norm_eps": 1e-06, "use_lower_bound": true, "use_short_conv": false,
        "vocab_size": 96, "num_heads": 1}"#;

    fn message(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        match HgrnBitConfig::from_json(GOOD.replace(from, to).as_bytes()) {
            Ok(config) => format!("{config:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_config_of_a_hub_is_read_and_its_own_form_too() {
        let config = HgrnBitConfig::from_json(GOOD.as_bytes()).unwrap();
        let expected = HgrnBitConfig {
            vocab_size: 96,
            hidden_size: 64,
            num_hidden_layers: 3,
            // 64 * 4 * 2 / 3 = 170.7, up to a multiple of 256.
            intermediate_size: 256,
            rms_norm_eps: 1e-6,
            use_lower_bound: true,
        };
        assert_eq!(config, expected);
        let own = serde_json::to_vec(&config).unwrap();
        assert_eq!(HgrnBitConfig::from_json(&own).unwrap(), config);
        let wide = |hidden: usize| {
            let json = GOOD.replace("\"hidden_size\": 64", &format!("\"hidden_size\": {hidden}"));
            HgrnBitConfig::from_json(json.as_bytes())
                .unwrap()
                .intermediate_size
        };
        assert_eq!([1024, 2048, 2560].map(wide), [2816, 5632, 6912]);
    }

    #[test]
    fn another_model_is_refused_by_key() {
        for (from, to, expected) in [
            (
                "\"hgrn_bit\"",
                "\"llama\"",
                "config: expected `model_type` hgrn_bit, found \"llama\"",
            ),
            (
                "fused_recurrent",
                "chunk\\n",
                "config: expected `attn_mode` fused_recurrent, found \"chunk\\n\"",
            ),
            (
                "swish",
                "gelu",
                "config: expected `hidden_act` swish or silu, found \"gelu\"",
            ),
            (
                "\"use_short_conv\": false",
                "\"use_short_conv\": true",
                "config: expected `use_short_conv` false, found true",
            ),
            (
                "\"num_heads\": 1",
                "\"attention_bias\": true",
                "config: expected `attention_bias` false, found true",
            ),
            (
                "\"expand_ratio\": 1",
                "\"expand_ratio\": 2",
                "config: expected `expand_ratio` 1, found 2",
            ),
            (
                "1e-06",
                "0",
                "config: expected `rms_norm_eps` above 0 and at most 1, found 0",
            ),
            (
                "\"intermediate_size\": null",
                "\"intermediate_size\": 300000",
                "config: expected `intermediate_size` from 1 to 262144, found 300000",
            ),
            (
                "\"hidden_ratio\": 4",
                "\"hidden_ratio\": -4",
                "config: expected `intermediate_size` from 1 to 262144, found 0",
            ),
        ] {
            assert_eq!(message(from, to), expected);
        }
        // What may be left away is not nothing.
        for key in [
            "model_type",
            "rms_norm_eps",
            "use_lower_bound",
            "attn_mode",
            "hidden_act",
            "expand_ratio",
            "use_short_conv",
        ] {
            let mut config: serde_json::Value = serde_json::from_str(GOOD).unwrap();
            config[key] = serde_json::Value::Null;
            let error = HgrnBitConfig::from_json(config.to_string().as_bytes()).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains(&format!("key `{key}`: invalid type: null")),
                "{error}"
            );
        }
        assert!(message("\"vocab_size\": 96", "\"vocab_size\": 9.5").contains("key `vocab_size`"));
        assert!(message("\"hidden_size\": 64, ", "").contains("missing field `hidden_size`"));
    }
}
