use crate::name::named;

/// What a kernel computes. `docs/ir.md` gives the buffers and dimensions of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Op {
    /// Row lookup: `out[t, c] = scale * table[ids[t], c]`.
    Embed,
    /// Ternary matrix by vector: `out[r] = scale * sum_c w[r, c] * x[c]`.
    Gemv,
    /// Ternary matrix by several vectors: `out[t, r] = scale * sum_c w[r, c] * x[t, c]`.
    Gemm,
    /// Depthwise causal ternary convolution over tokens, with its history.
    Conv1d,
    /// Diagonal recurrence: `h = a * h + b * x`, `y = c * h`.
    Scan,
    /// Layer normalisation of each row.
    Norm,
    /// Rows of f32 to int8, each with one scale.
    Quantize,
    /// Softmax of each row.
    Softmax,
    /// Appends one token's key and value to the attention cache.
    KvAppend,
    /// Scaled dot products of one query with every cached key.
    AttnScores,
    /// Weighted sum of the chosen cached values.
    AttnMix,
    /// Adds the three pathways, weighted by the router, to the residual stream.
    RouterMix,
    /// Index of the greatest element, the lowest among equals.
    Argmax,
    /// Elementwise e^x.
    Exp,
    /// Elementwise hyperbolic tangent.
    Tanh,
    /// Elementwise ln(1 + e^x).
    Softplus,
    /// Elementwise x / (1 + e^-x).
    Silu,
    /// Row lookup in a table of f32: `out[t, c] = table[ids[t], c]`.
    LookupF32,
    /// Row lookup in a table of f16.
    LookupF16,
    /// Row lookup in a table of int8 with a scale a row.
    LookupI8,
    /// Root mean square normalisation of each row.
    RmsNorm,
    /// [`Op::RmsNorm`], then [`Op::Quantize`], with little lost between: rounded once.
    RmsQuantize,
    /// Depthwise causal convolution with f32 taps and a bias, then silu.
    ConvSilu,
    /// Step sizes and decays of a selective scan: `step = softplus(dt + bias)`, `decay = e^(a step)`.
    Discretize,
    /// The Mamba-2 recurrence of each head, and its gated output.
    SelectiveScan,
    /// Elementwise `x = x + y`.
    Add,
}

named!(Op, "op", {
    Embed => "embed", Gemv => "gemv", Gemm => "gemm", Conv1d => "conv1d", Scan => "scan",
    Norm => "norm", Quantize => "quantize", Softmax => "softmax", KvAppend => "kv_append", AttnScores => "attn_scores",
    AttnMix => "attn_mix", RouterMix => "router_mix", Argmax => "argmax", Exp => "exp",
    Tanh => "tanh", Softplus => "softplus", Silu => "silu", LookupF32 => "lookup_f32",
    LookupF16 => "lookup_f16", LookupI8 => "lookup_i8", RmsNorm => "rms_norm",
    RmsQuantize => "rms_quantize",
    ConvSilu => "conv_silu", Discretize => "discretize", SelectiveScan => "selective_scan",
    Add => "add",
});

impl Op {
    /// Whether the op reads ternary weights, and so has a [`crate::Packing`].
    pub const fn is_ternary(self) -> bool {
        matches!(self, Op::Embed | Op::Gemv | Op::Gemm | Op::Conv1d)
    }
}
