//! The dimensions of a model, from the keys of its file.

use super::rotation::Rotation;
use super::{EMBEDDINGS, Form, HEAD, Qwen35Dims};
use crate::error::{EntryFault, FileError, HeaderError};
use atome_gguf::{Layout, Metadata};

/// Positions that attention looks back unless somebody asks for another number: files state what a model was trained for,
/// which takes gigabytes.
pub(crate) const CONTEXT: usize = 4096;
/// The most layers, and the widest rows: what no model has.
pub(super) const MAX_LAYERS: usize = 4096;
pub(super) const MAX_WIDTH: usize = 1 << 20;
/// The most query heads that share a key head.
pub(super) const MAX_QUERIES: usize = 48;

/// What a file has of a tensor: its dimensions, neighbours first, and how its weights are stored.
pub(crate) type Look<'f> = dyn Fn(&str) -> Option<(Vec<u64>, Option<Layout>)> + 'f;

/// The dimensions of a model.
#[derive(Clone, Debug)]
pub(crate) struct Hybrid {
    pub(super) form: Form,
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) layers: usize,
    /// Every so many layers one is attention.
    pub(super) interval: usize,
    /// By layer, whether it is no attention, where a file says it of each.
    pub(super) recurrent: Option<Vec<bool>>,
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
    pub(super) has_ternary_embeddings: bool,
    pub(super) has_ternary_head: bool,
    /// Whether the feed-forward has the square of what is positive in place of silu.
    pub(super) is_squared: bool,
    /// Positions that attention looks back.
    pub(super) context: usize,
    /// Whether the head is the embeddings.
    pub(crate) tied: bool,
    pub(crate) rotation: Rotation,
}

impl Hybrid {
    /// Reads them.
    ///
    /// # Errors
    /// For the first key that is missing, of another type or outside its range, and for what makes another model of it.
    pub(crate) fn read(
        form: Form,
        keys: &Metadata<'_>,
        look: &Look<'_>,
    ) -> Result<Hybrid, FileError> {
        let of = Keys { form, keys };
        let next = of.size_or("nextn_predict_layers", 0, MAX_LAYERS)?;
        let blocks = of.size("block_count", MAX_LAYERS)?;
        let embeddings = look(EMBEDDINGS).ok_or_else(|| missing(EMBEDDINGS))?;
        let vocab = embeddings.0.get(1).copied().unwrap_or(0);
        let tied = look(HEAD).is_none();
        let group = group_of("blk.0.ffn_up.weight", look)?;
        let is_ternary = |name: &str| group_of(name, look).is_ok_and(|found| found == group);
        let heads = of.size("attention.head_count", MAX_WIDTH)?;
        let width = of.size("embedding_length", MAX_WIDTH)?;
        let whole = width.checked_div(heads).unwrap_or(0);
        let head_dim = of.size_or("attention.key_length", whole, MAX_WIDTH)?;
        let nets = |key: &str, max| match form.has_delta_nets {
            true => of.size(key, max),
            false => Ok(0),
        };
        of.refuse_scaling()?;
        let model = Hybrid {
            form,
            vocab: usize::try_from(vocab).unwrap_or(usize::MAX),
            width,
            layers: blocks.saturating_sub(next),
            interval: match form.has_delta_nets {
                true => of.size_or("full_attention_interval", 4, MAX_LAYERS)?.max(1),
                false => 1,
            },
            recurrent: of
                .bools("attention.recurrent_layers")?
                .filter(|_| form.has_delta_nets),
            inner: of.size("feed_forward_length", MAX_WIDTH)?,
            heads,
            kv_heads: of.size_or("attention.head_count_kv", heads, MAX_WIDTH)?,
            head_dim,
            rotary: of.size_or("rope.dimension_count", head_dim, head_dim)?,
            base: of.float_or("rope.freq_base", 10_000.0)?,
            key_heads: nets("ssm.group_count", MAX_WIDTH)?,
            value_heads: nets("ssm.time_step_rank", MAX_WIDTH)?,
            state: nets("ssm.state_size", MAX_WIDTH)?,
            taps: nets("ssm.conv_kernel", 64)?,
            eps: of.float_or("attention.layer_norm_rms_epsilon", 1e-6)?,
            group,
            has_ternary_embeddings: is_ternary(EMBEDDINGS),
            has_ternary_head: is_ternary(if tied { EMBEDDINGS } else { HEAD }),
            is_squared: of.is_squared()?,
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
    pub(super) fn of(dims: &Qwen35Dims) -> Hybrid {
        Hybrid {
            form: Form::QWEN35,
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
            has_ternary_embeddings: true,
            has_ternary_head: true,
            is_squared: false,
            context: dims.context,
            tied: false,
            rotation: Rotation::default(),
        }
    }

    /// Dimensions that go with each other.
    fn check(&self, of: &Keys<'_, '_>) -> Result<(), FileError> {
        let values = of.size_or("attention.value_length", self.head_dim, MAX_WIDTH)?;
        let queries = self.heads.checked_div(self.kv_heads).unwrap_or(0);
        let multiple = |n: usize, of: usize| n > 0 && of > 0 && n.is_multiple_of(of);
        let shares = multiple(self.heads, self.kv_heads) && queries <= MAX_QUERIES;
        let even = self.rotary.is_multiple_of(2);
        of.holds(self.layers > 0, "block_count", "1 or more", self.layers)?;
        let like_keys = values == self.head_dim;
        of.holds(
            like_keys,
            "attention.value_length",
            "as long as the keys",
            values,
        )?;
        let expected = "a multiple of `attention.head_count_kv`, at most 48 times as many";
        of.holds(shares, "attention.head_count", expected, self.heads)?;
        of.holds(even, "rope.dimension_count", "even", self.rotary)?;
        if self.form.has_delta_nets {
            self.check_delta_nets(of)?;
        }
        self.rotation.check(&self.inputs())
    }

    fn check_delta_nets(&self, of: &Keys<'_, '_>) -> Result<(), FileError> {
        let multiple = |n: usize, of: usize| n > 0 && of > 0 && n.is_multiple_of(of);
        let (heads, state) = (self.value_heads, self.state);
        let inner = of.size("ssm.inner_size", MAX_WIDTH)?;
        let expected = "a multiple of `ssm.group_count`";
        of.holds(
            multiple(heads, self.key_heads),
            "ssm.time_step_rank",
            expected,
            heads,
        )?;
        of.holds(
            multiple(state, 16),
            "ssm.state_size",
            "a multiple of 16",
            state,
        )?;
        of.holds(self.taps > 0, "ssm.conv_kernel", "1 or more", self.taps)?;
        let expected = "`ssm.time_step_rank` times `ssm.state_size`";
        of.holds(
            inner == heads.saturating_mul(state),
            "ssm.inner_size",
            expected,
            inner,
        )?;
        let said = self.recurrent.as_ref().map_or(self.layers, Vec::len);
        let expected = "a value for each layer";
        of.holds(
            said >= self.layers,
            "attention.recurrent_layers",
            expected,
            said,
        )
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
        if self.has_ternary_head {
            inputs.push((vec![HEAD.to_owned()], self.width));
        }
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

/// The columns that have one scale in a ternary matrix.
fn group_of(name: &str, look: &Look<'_>) -> Result<usize, FileError> {
    let (_, layout) = look(name).ok_or_else(|| missing(name))?;
    match layout {
        Some(Layout::Ternary(ternary)) => Ok(ternary.group()),
        other => {
            let expected = "trits with a scale for some columns".to_owned();
            let found = other
                .map_or("weights of another type", Layout::name)
                .to_owned();
            Err(FileError::entry(name, EntryFault::Kind { expected, found }))
        }
    }
}

/// The keys of the dimensions, behind the architecture's name.
struct Keys<'k, 'f> {
    form: Form,
    keys: &'k Metadata<'f>,
}

impl Keys<'_, '_> {
    fn key(&self, key: &str) -> String {
        format!("{}.{key}", self.form.name)
    }

    /// A fault of a key, if what has to hold does not.
    fn holds(
        &self,
        holds: bool,
        key: &str,
        expected: &str,
        found: impl ToString,
    ) -> Result<(), FileError> {
        match holds {
            true => Ok(()),
            false => Err(HeaderError::Key {
                key: self.key(key),
                expected: expected.to_owned(),
                found: found.to_string(),
            }
            .into()),
        }
    }

    fn size(&self, key: &str, max: usize) -> Result<usize, FileError> {
        self.keys
            .require(&self.key(key), "a dimension of the model")?;
        self.size_or(key, 0, max)
    }

    fn size_or(&self, key: &str, default: usize, max: usize) -> Result<usize, FileError> {
        let found = self.keys.u32(&self.key(key))?;
        let found = found.map_or(default, |found| found as usize);
        self.holds(found <= max, key, &format!("at most {max}"), found)?;
        Ok(found)
    }

    fn float_or(&self, key: &str, default: f32) -> Result<f32, FileError> {
        let found = self.keys.float(&self.key(key))?;
        let found = found.map_or(default, |x| x as f32);
        self.holds(
            found.is_finite() && found > 0.0,
            key,
            "a number above 0",
            found,
        )?;
        Ok(found)
    }

    /// Positions are taken as they are.
    fn refuse_scaling(&self) -> Result<(), FileError> {
        let key = "rope.scaling.type";
        let found = self.keys.string(&self.key(key))?.unwrap_or("none");
        self.holds(
            found == "none",
            key,
            "`none`: positions are not scaled",
            found,
        )
    }

    /// Whether the feed-forward has the square of what is positive.
    fn is_squared(&self) -> Result<bool, FileError> {
        let key = "hidden_activation";
        let found = self.keys.string(&self.key(key))?.unwrap_or("silu");
        self.holds(
            matches!(found, "silu" | "relu2"),
            key,
            "`silu` or `relu2`",
            found,
        )?;
        Ok(found == "relu2")
    }

    fn bools(&self, key: &str) -> Result<Option<Vec<bool>>, FileError> {
        let Some(array) = self.keys.array(&self.key(key))? else {
            return Ok(None);
        };
        Ok(Some(array.integers()?.map(|n| n != 0).collect()))
    }
}

fn missing(name: &str) -> FileError {
    FileError::entry(name, EntryFault::Missing)
}
