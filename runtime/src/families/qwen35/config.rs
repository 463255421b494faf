//! The dimensions of a model, from the keys of its file.

use super::rotation::Rotation;
use super::{EMBEDDINGS, HEAD, Qwen35Dims};
use crate::error::{EntryFault, FileError, HeaderError};
use atome_gguf::{Layout, Metadata};

/// The word before the keys of the dimensions.
const FAMILY: &str = "qwen35";
/// Positions that attention looks back unless somebody asks for another number: files state what a model was trained for,
/// which takes gigabytes.
pub(crate) const CONTEXT: usize = 4096;
/// The most layers, and the widest rows: what no model has.
const MAX_LAYERS: usize = 4096;
const MAX_WIDTH: usize = 1 << 20;
/// The most query heads that share a key head.
const MAX_QUERIES: usize = 64;

/// What a file has of a tensor: its dimensions, neighbours first, and how its weights are stored.
pub(crate) type Look<'f> = dyn Fn(&str) -> Option<(Vec<u64>, Option<Layout>)> + 'f;

/// The dimensions of a model.
#[derive(Clone, Debug)]
pub(crate) struct Qwen35 {
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) layers: usize,
    /// Every so many layers one is attention.
    interval: usize,
    /// By layer, whether it is no attention, where a file says it of each.
    recurrent: Option<Vec<bool>>,
    /// Of the feed-forward.
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) kv_heads: usize,
    pub(super) head_dim: usize,
    /// Elements of a head that follow its position.
    pub(super) rotary: usize,
    pub(super) base: f32,
    pub(super) key_heads: usize,
    pub(super) value_heads: usize,
    /// Elements of a key and of a value.
    pub(super) state: usize,
    pub(super) taps: usize,
    pub(super) eps: f32,
    /// Columns that have one scale.
    pub(super) group: usize,
    /// Positions that attention looks back.
    pub(super) context: usize,
    /// Whether the head is the embeddings.
    pub(crate) tied: bool,
    pub(crate) rotation: Rotation,
}

impl Qwen35 {
    /// Reads them.
    ///
    /// # Errors
    /// For the first key that is missing, of another type or outside its range, and for what makes another model of it.
    pub(crate) fn read(keys: &Metadata<'_>, look: &Look<'_>) -> Result<Qwen35, FileError> {
        let of = Keys { keys };
        let next = of.size_or("nextn_predict_layers", 0, MAX_LAYERS)?;
        let blocks = of.size("block_count", MAX_LAYERS)?;
        let embeddings = look(EMBEDDINGS).ok_or_else(|| missing(EMBEDDINGS))?;
        let Layout::Ternary(ternary) = embeddings.1.unwrap_or(Layout::F32) else {
            let expected = "trits with a scale for some columns".to_owned();
            let found = embeddings
                .1
                .map_or("weights of another type", Layout::name)
                .to_owned();
            return Err(FileError::entry(
                EMBEDDINGS,
                EntryFault::Kind { expected, found },
            ));
        };
        let vocab = embeddings.0.get(1).copied().unwrap_or(0);
        let tied = look(HEAD).is_none();
        let model = Qwen35 {
            vocab: usize::try_from(vocab).unwrap_or(usize::MAX),
            width: of.size("embedding_length", MAX_WIDTH)?,
            layers: blocks.saturating_sub(next),
            interval: of.size_or("full_attention_interval", 4, MAX_LAYERS)?.max(1),
            recurrent: of.bools("attention.recurrent_layers")?,
            inner: of.size("feed_forward_length", MAX_WIDTH)?,
            heads: of.size("attention.head_count", MAX_WIDTH)?,
            kv_heads: of.size("attention.head_count_kv", MAX_WIDTH)?,
            head_dim: of.size("attention.key_length", MAX_WIDTH)?,
            rotary: {
                let head_dim = of.size("attention.key_length", MAX_WIDTH)?;
                of.size_or("rope.dimension_count", head_dim, head_dim)?
            },
            base: of.float_or("rope.freq_base", 10_000.0)?,
            key_heads: of.size("ssm.group_count", MAX_WIDTH)?,
            value_heads: of.size("ssm.time_step_rank", MAX_WIDTH)?,
            state: of.size("ssm.state_size", MAX_WIDTH)?,
            taps: of.size("ssm.conv_kernel", 64)?,
            eps: of.float_or("attention.layer_norm_rms_epsilon", 1e-6)?,
            group: ternary.group(),
            context: of
                .size_or("context_length", CONTEXT, usize::MAX)?
                .min(CONTEXT),
            tied,
            rotation: Rotation::read(keys, tied)?,
        };
        model.check(&of)?;
        Ok(model)
    }

    /// A model of dimensions that somebody gave, without rotations.
    pub(super) fn of(dims: &Qwen35Dims) -> Qwen35 {
        Qwen35 {
            vocab: dims.vocab_size,
            width: dims.embedding_length,
            layers: dims.block_count,
            interval: dims.full_attention_interval.max(1),
            recurrent: None,
            inner: dims.feed_forward_length,
            heads: dims.head_count,
            kv_heads: dims.head_count_kv,
            head_dim: dims.key_length,
            rotary: dims.rope_dimension_count,
            base: 1e7,
            key_heads: dims.key_heads,
            value_heads: dims.value_heads,
            state: dims.state_size,
            taps: 4,
            eps: 1e-6,
            group: dims.group,
            context: dims.context,
            tied: false,
            rotation: Rotation::default(),
        }
    }

    /// Dimensions that go with each other.
    fn check(&self, of: &Keys<'_, '_>) -> Result<(), FileError> {
        let values = of.size_or("attention.value_length", self.head_dim, MAX_WIDTH)?;
        let inner = of.size("ssm.inner_size", MAX_WIDTH)?;
        let queries = self.heads.checked_div(self.kv_heads).unwrap_or(0);
        let multiple = |n: usize, of: usize| n > 0 && of > 0 && n.is_multiple_of(of);
        let rules = [
            ("qwen35.block_count", "layers", self.layers, self.layers > 0),
            (
                "qwen35.attention.value_length",
                "as long as the keys",
                values,
                values == self.head_dim,
            ),
            (
                "qwen35.attention.head_count",
                "a multiple of `head_count_kv`, at most 64 times as many",
                self.heads,
                multiple(self.heads, self.kv_heads) && queries <= MAX_QUERIES,
            ),
            (
                "qwen35.rope.dimension_count",
                "even",
                self.rotary,
                self.rotary.is_multiple_of(2),
            ),
            (
                "qwen35.ssm.time_step_rank",
                "a multiple of `ssm.group_count`",
                self.value_heads,
                multiple(self.value_heads, self.key_heads),
            ),
            (
                "qwen35.ssm.state_size",
                "a multiple of 16",
                self.state,
                multiple(self.state, 16),
            ),
            (
                "qwen35.ssm.inner_size",
                "`time_step_rank` times `state_size`",
                inner,
                inner == self.value_heads.saturating_mul(self.state),
            ),
        ];
        for (key, expected, found, holds) in rules {
            if !holds {
                let (expected, found) = (expected.to_owned(), found.to_string());
                return Err(HeaderError::Value {
                    key,
                    expected,
                    found,
                }
                .into());
            }
        }
        if let Some(found) = self
            .recurrent
            .as_ref()
            .map(Vec::len)
            .filter(|n| *n < self.layers)
        {
            let key = "qwen35.attention.recurrent_layers";
            let expected = format!("a value for each of {} layers", self.layers);
            let found = format!("{found} values");
            return Err(HeaderError::Value {
                key,
                expected,
                found,
            }
            .into());
        }
        self.rotation.check(&self.inputs())
    }

    /// The weights that read one input, and its width.
    pub(super) fn inputs(&self) -> Vec<(Vec<String>, usize)> {
        let mut inputs = Vec::new();
        let queries = self.heads * self.head_dim;
        let values = self.value_heads * self.state;
        for layer in 0..self.layers {
            let of = |names: &[&str], width| {
                let names = names
                    .iter()
                    .map(|name| format!("blk.{layer}.{name}.weight"));
                (names.collect(), width)
            };
            inputs.extend(match self.is_attention(layer) {
                true => [
                    of(&["attn_q", "attn_k", "attn_v"], self.width),
                    of(&["attn_output"], queries),
                ],
                false => [
                    of(&["attn_qkv", "attn_gate"], self.width),
                    of(&["ssm_out"], values),
                ],
            });
            inputs.extend([
                of(&["ffn_gate", "ffn_up"], self.width),
                of(&["ffn_down"], self.inner),
            ]);
        }
        inputs.push((vec![HEAD.to_owned()], self.width));
        inputs
    }

    /// Whether a layer's mixer is attention.
    pub(super) fn is_attention(&self, layer: usize) -> bool {
        match &self.recurrent {
            Some(recurrent) => recurrent.get(layer) == Some(&false),
            None => (layer + 1).is_multiple_of(self.interval),
        }
    }

    /// Layers, each with the channels of its convolution if it has one.
    pub(crate) fn convolutions(&self) -> impl Iterator<Item = (usize, usize)> {
        let channels = (2 * self.key_heads + self.value_heads) * self.state;
        let nets = (0..self.layers).filter(|layer| !self.is_attention(*layer));
        nets.map(move |layer| (layer, channels))
    }
}

/// The keys of the dimensions.
struct Keys<'k, 'f> {
    keys: &'k Metadata<'f>,
}

impl Keys<'_, '_> {
    fn key(key: &str) -> String {
        format!("{FAMILY}.{key}")
    }

    fn size(&self, key: &str, max: usize) -> Result<usize, FileError> {
        self.keys
            .require(&Keys::key(key), "a dimension of the model")?;
        self.size_or(key, 0, max)
    }

    fn size_or(&self, key: &str, default: usize, max: usize) -> Result<usize, FileError> {
        let whole = Keys::key(key);
        let Some(found) = self.keys.u32(&whole)? else {
            return Ok(default);
        };
        match found as usize {
            found if found <= max => Ok(found),
            found => {
                let (key, expected) = ("a dimension", format!("`{whole}` of at most {max}"));
                let found = found.to_string();
                Err(HeaderError::Value {
                    key,
                    expected,
                    found,
                }
                .into())
            }
        }
    }

    fn float_or(&self, key: &str, default: f32) -> Result<f32, FileError> {
        let whole = Keys::key(key);
        let found = self.keys.float(&whole)?.map_or(default, |x| x as f32);
        match found.is_finite() && found > 0.0 {
            true => Ok(found),
            false => {
                let (key, expected) = ("a number", format!("`{whole}` above 0"));
                let found = found.to_string();
                Err(HeaderError::Value {
                    key,
                    expected,
                    found,
                }
                .into())
            }
        }
    }

    fn bools(&self, key: &str) -> Result<Option<Vec<bool>>, FileError> {
        let Some(array) = self.keys.array(&Keys::key(key))? else {
            return Ok(None);
        };
        Ok(Some(array.integers()?.map(|n| n != 0).collect()))
    }
}

fn missing(name: &str) -> FileError {
    FileError::entry(name, EntryFault::Missing)
}
