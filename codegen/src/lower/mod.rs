//! From a specification to the IR: one lowering an op, the same for every target, below the op's
//! definition.
//!
//! | file | ops |
//! |---|---|
//! | `embed` | `embed` |
//! | `group_embed` | `group_embed` |
//! | `gemm` | `gemv`, `gemm`, `group_gemv`, `group_gemm` |
//! | `conv1d` | `conv1d` |
//! | `scan` | `scan` |
//! | `norm` | `norm`, `rms_norm` |
//! | `root` | mean squares and their roots, for the norms |
//! | `quantize` | `quantize` |
//! | `rms_quantize` | `rms_quantize`, `rms_quantize_away` |
//! | `lookup` | `lookup_f32`, `lookup_f16`, `lookup_i8` |
//! | `conv_silu` | `conv_silu` |
//! | `past` | what a filter remembers, in registers, for both convolutions |
//! | `selective_scan` | `discretize`, `selective_scan`, `residual` |
//! | `softmax` | `softmax`, `argmax` |
//! | `attention` | `kv_append`, `attn_scores`, `attn_mix`, `router_mix` |
//! | `attend` | `attend_append`, `attend`, and those over f16 |
//! | `half` | f16 in words |
//! | `dots` | queries with keys, for `attn_scores` and `attend` |
//! | `heads` | `l2_norm`, `head_norm`, `rope`, `transpose` |
//! | `hadamard` | `hadamard` |
//! | `gated_delta` | `gated_delta` |
//! | `matmul` | `matmul`, `matmul_f16`, `matmul_i8` |
//! | `elementwise` | functions of each element, and `math`, the longer ones |
//! | `map` | `map`, whose expression says what it computes |

mod attend;
mod attention;
mod conv1d;
mod conv_silu;
mod dots;
mod elementwise;
mod embed;
mod gated_delta;
mod gemm;
mod group_embed;
mod hadamard;
mod half;
mod heads;
mod lookup;
mod map;
pub mod math;
mod matmul;
mod norm;
mod past;
mod quantize;
mod rms_quantize;
mod root;
mod scan;
mod selective_scan;
mod softmax;

use crate::ir::{self, Buffer, Builder, Size, Value};
use crate::op::{Def, Dims, Function};
use crate::{KernelSpec, Schedule};
use atome_spec::Op;

/// What an op is: it stands in the file of its lowering.
pub(crate) fn def(op: Op) -> &'static Def {
    match op {
        Op::Embed => &embed::EMBED,
        Op::Gemv => &gemm::GEMV,
        Op::Gemm => &gemm::GEMM,
        Op::GroupEmbed => &group_embed::GROUP_EMBED,
        Op::GroupGemv => &gemm::GROUP_GEMV,
        Op::GroupGemm => &gemm::GROUP_GEMM,
        Op::Conv1d => &conv1d::CONV1D,
        Op::Scan => &scan::SCAN,
        Op::Norm => &norm::NORM,
        Op::Quantize => &quantize::QUANTIZE,
        Op::Softmax => &softmax::SOFTMAX,
        Op::KvAppend => &attention::KV_APPEND,
        Op::AttnScores => &attention::ATTN_SCORES,
        Op::AttnMix => &attention::ATTN_MIX,
        Op::RouterMix => &attention::ROUTER_MIX,
        Op::Argmax => &softmax::ARGMAX,
        Op::Exp => &elementwise::EXP,
        Op::Tanh => &elementwise::TANH,
        Op::Softplus => &elementwise::SOFTPLUS,
        Op::Silu => &elementwise::SILU,
        Op::Sigmoid => &elementwise::SIGMOID,
        Op::Neg => &elementwise::NEG,
        Op::Abs => &elementwise::ABS,
        Op::Sqrt => &elementwise::SQRT,
        Op::SquaredRelu => &elementwise::SQUARED_RELU,
        Op::Add => &elementwise::ADD,
        Op::Sub => &elementwise::SUB,
        Op::Mul => &elementwise::MUL,
        Op::Div => &elementwise::DIV,
        Op::Min => &elementwise::MIN,
        Op::Max => &elementwise::MAX,
        Op::SelectLt => &elementwise::SELECT_LT,
        Op::SelectLe => &elementwise::SELECT_LE,
        Op::SelectEq => &elementwise::SELECT_EQ,
        Op::Map => &map::MAP,
        Op::LookupF32 => &lookup::LOOKUP_F32,
        Op::LookupF16 => &lookup::LOOKUP_F16,
        Op::LookupI8 => &lookup::LOOKUP_I8,
        Op::RmsNorm => &norm::RMS_NORM,
        Op::RmsQuantize => &rms_quantize::RMS_QUANTIZE,
        Op::RmsQuantizeAway => &rms_quantize::RMS_QUANTIZE_AWAY,
        Op::ConvSilu => &conv_silu::CONV_SILU,
        Op::Discretize => &selective_scan::DISCRETIZE,
        Op::SelectiveScan => &selective_scan::SELECTIVE_SCAN,
        Op::Residual => &selective_scan::RESIDUAL,
        Op::MatMul => &matmul::MATMUL,
        Op::MatMulF16 => &matmul::MATMUL_F16,
        Op::MatMulI8 => &matmul::MATMUL_I8,
        Op::L2Norm => &heads::L2_NORM,
        Op::HeadNorm => &heads::HEAD_NORM,
        Op::Rope => &heads::ROPE,
        Op::Transpose => &heads::TRANSPOSE,
        Op::Hadamard => &hadamard::HADAMARD,
        Op::GatedDelta => &gated_delta::GATED_DELTA,
        Op::AttendAppend => &attend::ATTEND_APPEND,
        Op::Attend => &attend::ATTEND,
        Op::AttendAppendF16 => &attend::ATTEND_APPEND_F16,
        Op::AttendF16 => &attend::ATTEND_F16,
    }
}

/// What an elementwise op gives for each element.
fn function(op: Op) -> Function {
    let function = def(op).function;
    function.expect("an elementwise op has a function")
}

/// The function of a checked specification, not yet verified or optimised.
///
/// Dimensions the specification binds are constants in it; the others are its parameters,
/// in the order of [`KernelSpec::dims`].
///
/// # Panics
/// Perhaps, if the specification or the schedule fails its check; [`compile`](crate::compile) passes
/// neither.
pub fn lower(spec: &KernelSpec, schedule: &Schedule) -> ir::Function {
    let mut lowering = Lowering::new(spec, schedule);
    (def(spec.op).lower)(&mut lowering);
    lowering.b.finish()
}

/// A function under construction, with the parameters of the op, and what it is made from.
pub(crate) struct Lowering<'a> {
    b: Builder,
    spec: &'a KernelSpec,
    schedule: &'a Schedule,
    dims: Dims<'a>,
}

impl<'a> Lowering<'a> {
    fn new(spec: &'a KernelSpec, schedule: &'a Schedule) -> Lowering<'a> {
        let declaration = spec.signature().declaration(&spec.symbol());
        Lowering {
            b: Builder::declared(declaration),
            spec,
            schedule,
            dims: Dims::of(spec),
        }
    }

    /// A dimension of the op, bound or open.
    fn dim(&self, name: &str) -> Size {
        self.dims.get(name)
    }

    /// A buffer of the op.
    fn buffer(&self, name: &str) -> Buffer {
        let found = self.b.buffer_named(name);
        found.expect("an op's definition lists its buffers")
    }

    /// The value of a scalar of the op.
    fn scalar(&mut self, name: &str) -> Value {
        let found = self.b.param(name);
        found.expect("an op's definition lists its scalars")
    }
}

/// Elements from the first of `rows` rows, `stride` apart, to the last of `width` in the last.
fn strided(rows: &Size, stride: &Size, width: &Size) -> Size {
    rows.clone().sub(1) * stride.clone() + width.clone()
}

/// 1 if `n`, which is below `limit`, is not 0; else 0. As a trip count: "if there are any".
fn any(n: Size, limit: u64) -> Size {
    n.div_ceil(limit)
}
