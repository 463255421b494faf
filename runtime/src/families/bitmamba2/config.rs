use crate::error::{ConfigError, FileError};
use crate::json;

/// Taps of the convolution.
const D_CONV: usize = 4;
/// State elements of a channel.
const D_STATE: usize = 1;
/// Where the header's dimensions start, behind the magic.
const FIRST_OFFSET: u64 = 4;
/// The header's fields after the magic and the largest accepted value of each.
const FIELDS: [(&str, usize); 4] = [
    ("vocab_size", 1 << 24),
    ("d_model", 65_536),
    ("n_layers", 4096),
    ("n_heads", 65_536),
];

/// The dimensions of a model of the BitMamba-2 family.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BitMamba2Config {
    /// Number of token ids, at most 2^24.
    #[serde(deserialize_with = "json::whole")]
    pub vocab_size: usize,
    /// Width of the residual stream, at most 65,536 and a multiple of 4.
    #[serde(deserialize_with = "json::whole")]
    pub d_model: usize,
    /// Number of layers, at most 4096.
    #[serde(deserialize_with = "json::whole")]
    pub n_layers: usize,
    /// Heads of a layer, at most 65,536; they share `d_inner` alike.
    #[serde(deserialize_with = "json::whole")]
    pub n_heads: usize,
}

impl BitMamba2Config {
    /// Width of the inner stream: twice `d_model`.
    #[must_use]
    pub const fn d_inner(&self) -> usize {
        self.d_model.saturating_mul(2)
    }

    /// Channels of a head.
    ///
    /// # Panics
    /// If there are no heads; a config that [validates](BitMamba2Config::validate) has some.
    #[must_use]
    pub const fn head_dim(&self) -> usize {
        self.d_inner() / self.n_heads
    }

    /// Taps of the convolution.
    #[must_use]
    pub const fn d_conv(&self) -> usize {
        D_CONV
    }

    /// State elements of a channel.
    #[must_use]
    pub const fn d_state(&self) -> usize {
        D_STATE
    }

    /// Rows of the input projection: gate, input, and B, C and dt of each head.
    #[must_use]
    pub const fn in_proj_rows(&self) -> usize {
        let per_head = (2 * D_STATE + 1_usize).saturating_mul(self.n_heads);
        self.d_inner().saturating_mul(2).saturating_add(per_head)
    }

    /// Checks every dimension.
    ///
    /// # Errors
    /// [`ConfigError::Dimension`] for the first one that is not accepted.
    pub fn validate(&self) -> Result<(), FileError> {
        match self.fault() {
            None => Ok(()),
            Some((i, expected)) => Err(ConfigError::Dimension {
                key: FIELDS[i].0,
                expected,
                found: self.header()[i],
            }
            .into()),
        }
    }

    /// The fields and their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'static str, usize)> {
        FIELDS.into_iter().map(|(key, _)| key).zip(self.header())
    }

    /// The dimensions in the order of a `BIT2` header.
    pub(crate) const fn header(&self) -> [usize; 4] {
        [self.vocab_size, self.d_model, self.n_layers, self.n_heads]
    }

    /// The dimensions of a `BIT2` header, checked.
    pub(crate) fn from_header(values: [i64; 4]) -> Result<Self, FileError> {
        // What is no size is none that is accepted.
        let [vocab_size, d_model, n_layers, n_heads] =
            values.map(|n| usize::try_from(n).unwrap_or(0));
        let config = Self {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
        };
        match config.fault() {
            None => Ok(config),
            Some((i, expected)) => Err(FileError::Field {
                field: FIELDS[i].0,
                offset: FIRST_OFFSET + 4 * i as u64,
                expected: expected.trim_start_matches("from ").to_owned(),
                found: values[i],
            }),
        }
    }

    /// The dimensions of a JSON object, checked; other keys are ignored.
    pub(crate) fn from_json(json: &[u8]) -> Result<Self, FileError> {
        let config: Self = json::object(json)?;
        config.validate()?;
        Ok(config)
    }

    /// The number of the first field that is wrong, and what it should be.
    fn fault(&self) -> Option<(usize, String)> {
        for (i, (n, (_, max))) in self.header().into_iter().zip(FIELDS).enumerate() {
            if !(1..=max).contains(&n) {
                return Some((i, format!("from 1 to {max}")));
            }
        }
        if !self.d_model.is_multiple_of(4) {
            return Some((1, "a multiple of 4".into()));
        }
        if !self.d_inner().is_multiple_of(self.n_heads) {
            let expected = format!("a divisor of 2 d_model, which is {}", self.d_inner());
            return Some((3, expected));
        }
        None
    }
}
