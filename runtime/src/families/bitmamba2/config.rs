use crate::error::LoadError;
use crate::format::ContainerError;

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
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BitMamba2Config {
    /// Number of token ids, at most 2^24.
    pub vocab_size: usize,
    /// Width of the residual stream, at most 65,536 and a multiple of 4.
    pub d_model: usize,
    /// Number of layers, at most 4096.
    pub n_layers: usize,
    /// Heads of a layer, at most 65,536; they share `d_inner` alike.
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
    /// [`LoadError::Header`] for the first one that is not accepted.
    pub fn validate(&self) -> Result<(), LoadError> {
        let signed = self.header().map(|n| i64::try_from(n).unwrap_or(i64::MAX));
        Self::from_header(signed).map(drop)
    }

    /// The dimensions in the order of a `BIT2` header.
    pub(crate) const fn header(&self) -> [usize; 4] {
        [self.vocab_size, self.d_model, self.n_layers, self.n_heads]
    }

    /// The dimensions of a `BIT2` header, checked.
    pub(crate) fn from_header(values: [i64; 4]) -> Result<Self, LoadError> {
        Self::checked(values).map_err(|(field, expected)| LoadError::Header {
            field: FIELDS[field].0,
            offset: FIRST_OFFSET + 4 * field as u64,
            expected,
            found: values[field],
        })
    }

    /// The dimensions of a JSON object, checked; other keys are ignored.
    pub(crate) fn from_json(json: &str) -> Result<Self, LoadError> {
        let Dimensions {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
        } = serde_json::from_str(json).map_err(|cause| LoadError::ConfigJson { cause })?;
        let values = [vocab_size, d_model, n_layers, n_heads];
        Self::checked(values).map_err(|(field, expected)| {
            let fault = ContainerError::Value {
                key: "config",
                expected: format!("one with `{}` {expected}", FIELDS[field].0),
                found: values[field].to_string(),
            };
            fault.into()
        })
    }

    /// The dimensions, or the number of the field that is wrong and what it should be.
    fn checked(values: [i64; 4]) -> Result<Self, (usize, String)> {
        let mut sizes = [0; 4];
        for (i, (_, max)) in FIELDS.into_iter().enumerate() {
            let size = usize::try_from(values[i]).ok();
            sizes[i] = size
                .filter(|n| (1..=max).contains(n))
                .ok_or_else(|| (i, format!("1 to {max}")))?;
        }
        let [vocab_size, d_model, n_layers, n_heads] = sizes;
        if !d_model.is_multiple_of(4) {
            return Err((1, "a multiple of 4".into()));
        }
        let config = Self {
            vocab_size,
            d_model,
            n_layers,
            n_heads,
        };
        if !config.d_inner().is_multiple_of(n_heads) {
            let expected = format!("a divisor of 2 d_model, which is {}", config.d_inner());
            return Err((3, expected));
        }
        Ok(config)
    }
}

/// The dimensions as a container states them.
#[derive(serde::Deserialize)]
struct Dimensions {
    vocab_size: i64,
    d_model: i64,
    n_layers: i64,
    n_heads: i64,
}
