use crate::name::named;

/// What a kernel computes. `docs/ir.md` gives the buffers and dimensions of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Op {
    /// Row lookup: `out[t, c] = scale * table[ids[t], c]`.
    Embed,
    /// Ternary matrix by vector: `out[r] = scale * sum_c w[r, c] * x[c]`.
    Gemv,
    /// Ternary matrix by several vectors: `out[t, r] = scale * sum_c w[r, c] * x[t, c]`.
    Gemm,
    /// [`Op::Embed`] of a table with a scale for some columns of each row.
    GroupEmbed,
    /// [`Op::Gemv`] by a matrix with a scale for some columns of each row.
    GroupGemv,
    /// [`Op::Gemm`] by a matrix with a scale for some columns of each row.
    GroupGemm,
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
    /// Elementwise 1 / (1 + e^-x).
    Sigmoid,
    /// Elementwise -x.
    Neg,
    /// Elementwise |x|.
    Abs,
    /// Elementwise square root.
    Sqrt,
    /// Elementwise square of what is positive, else 0.
    SquaredRelu,
    /// Elementwise x + y.
    Add,
    /// Elementwise x - y.
    Sub,
    /// Elementwise x * y.
    Mul,
    /// Elementwise x / y.
    Div,
    /// Elementwise lesser of two; y where either is NaN.
    Min,
    /// Elementwise greater of two; y where either is NaN.
    Max,
    /// Elementwise x < y ? u : v.
    SelectLt,
    /// Elementwise x <= y ? u : v.
    SelectLe,
    /// Elementwise x == y ? u : v.
    SelectEq,
    /// A row-wise expression: a chain of elementwise functions in one pass, or a recurrence of them.
    Map,
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
    /// The same by another rule: halves away from zero, and a least range in place of an addend to it.
    RmsQuantizeAway,
    /// Depthwise causal convolution with f32 taps and a bias, then silu.
    ConvSilu,
    /// Step sizes and decays of a selective scan: `step = softplus(dt + bias)`, `decay = e^(a step)`.
    Discretize,
    /// The Mamba-2 recurrence of each head, and its gated output.
    SelectiveScan,
    /// Adds to the residual stream: `x = x + y`.
    Residual,
    /// Matrix of f32 by vectors: `out[t, r] = sum_c w[r, c] * x[t, c]`.
    MatMul,
    /// [`Op::MatMul`] by the rows of a table of f16.
    MatMulF16,
    /// [`Op::MatMul`] by the rows of a table of int8, which have a scale each.
    MatMulI8,
    /// Each head divided by its length.
    L2Norm,
    /// Root mean square normalisation of each head.
    HeadNorm,
    /// Rotary position embedding of each head's first elements.
    Rope,
    /// Pieces of each row in another order: `out[j, i] = x[i, j]`.
    Transpose,
    /// Walsh-Hadamard transform of each block of a row.
    Hadamard,
    /// The gated delta rule of each head, and its output.
    GatedDelta,
    /// Stores a position's key and value for [`Op::Attend`].
    AttendAppend,
    /// Softmax attention of each query head over the cached positions.
    Attend,
    /// [`Op::AttendAppend`] to caches of f16.
    AttendAppendF16,
    /// [`Op::Attend`] over caches of f16.
    AttendF16,
}

/// Calls a macro with every op, `name: Variant` each, in the order of [`Op::ALL`].
///
/// ```
/// macro_rules! count {
///     ($($name:ident: $op:ident,)+) => { [$(atome_spec::Op::$op),+].len() };
/// }
/// assert_eq!(atome_spec::each_op!(count), atome_spec::Op::ALL.len());
/// ```
#[macro_export]
macro_rules! each_op {
    ($macro:ident) => {
        $macro! {
            embed: Embed, gemv: Gemv, gemm: Gemm, group_embed: GroupEmbed, group_gemv: GroupGemv,
            group_gemm: GroupGemm, conv1d: Conv1d, scan: Scan, norm: Norm,
            quantize: Quantize, softmax: Softmax, kv_append: KvAppend, attn_scores: AttnScores,
            attn_mix: AttnMix, router_mix: RouterMix, argmax: Argmax, exp: Exp, tanh: Tanh,
            softplus: Softplus, silu: Silu, sigmoid: Sigmoid, neg: Neg, abs: Abs, sqrt: Sqrt,
            squared_relu: SquaredRelu, add: Add, sub: Sub, mul: Mul, div: Div, min: Min, max: Max,
            select_lt: SelectLt, select_le: SelectLe, select_eq: SelectEq, map: Map,
            lookup_f32: LookupF32, lookup_f16: LookupF16, lookup_i8: LookupI8, rms_norm: RmsNorm,
            rms_quantize: RmsQuantize, rms_quantize_away: RmsQuantizeAway, conv_silu: ConvSilu, discretize: Discretize,
            selective_scan: SelectiveScan, residual: Residual, matmul: MatMul,
            matmul_f16: MatMulF16, matmul_i8: MatMulI8, l2_norm: L2Norm, head_norm: HeadNorm, rope: Rope, transpose: Transpose, hadamard: Hadamard,
            gated_delta: GatedDelta, attend_append: AttendAppend, attend: Attend,
            attend_append_f16: AttendAppendF16, attend_f16: AttendF16,
        }
    };
}

macro_rules! ops {
    ($($name:ident: $op:ident,)+) => {
        named!(Op, "op", { $($op => (stringify!($name))),+ });
    };
}

each_op!(ops);
