//! From a specification to the IR: one lowering an op, the same for every target.
//!
//! | file | ops |
//! |---|---|
//! | `embed` | `embed` |
//! | `gemm` | `gemv`, `gemm` |
//! | `conv1d` | `conv1d` |
//! | `scan` | `scan` |
//! | `norm` | `norm`, `rms_norm` |
//! | `root` | mean squares and their roots, for the norms |
//! | `quantize`, `rms_quantize` | the ops of these names |
//! | `lookup` | `lookup_f32`, `lookup_f16`, `lookup_i8` |
//! | `conv_silu` | `conv_silu` |
//! | `selective_scan` | `discretize`, `selective_scan`, `add` |
//! | `softmax` | `softmax`, `argmax` |
//! | `attention` | `kv_append`, `attn_scores`, `attn_mix`, `router_mix` |
//! | `math` | `exp`, `tanh`, `softplus`, `silu` |

mod attention;
mod conv1d;
mod conv_silu;
mod embed;
mod gemm;
mod lookup;
pub mod math;
mod norm;
mod quantize;
mod rms_quantize;
mod root;
mod scan;
mod selective_scan;
mod softmax;

use crate::ir::{Builder, Function, Size};
use crate::{KernelSpec, Schedule, spec};
use atome_spec::Op;

/// The function of a checked specification, not yet verified or optimised.
///
/// Dimensions the specification binds are constants in it; the others are its parameters,
/// in the order of [`spec::dims`].
///
/// # Panics
/// Perhaps, if the specification fails its check or the schedule is not one of
/// [`schedule::select`](crate::schedule::select); [`compile`](crate::compile) passes neither.
pub fn lower(spec: &KernelSpec, schedule: &Schedule) -> Function {
    let mut lowering = Lowering::new(spec, schedule);
    let l = &mut lowering;
    match spec.op {
        Op::Embed => embed::lower(l),
        Op::Gemv | Op::Gemm => gemm::lower(l),
        Op::Conv1d => conv1d::lower(l),
        Op::Scan => scan::lower(l),
        Op::Norm => norm::lower(l),
        Op::Quantize => quantize::lower(l),
        Op::RmsQuantize => rms_quantize::lower(l),
        Op::Softmax => softmax::lower(l),
        Op::Argmax => softmax::lower_argmax(l),
        Op::KvAppend => attention::lower_append(l),
        Op::AttnScores => attention::lower_scores(l),
        Op::AttnMix => attention::lower_mix(l),
        Op::RouterMix => attention::lower_router_mix(l),
        Op::LookupF32 | Op::LookupF16 | Op::LookupI8 => lookup::lower(l),
        Op::RmsNorm => norm::lower_rms(l),
        Op::ConvSilu => conv_silu::lower(l),
        Op::Discretize => selective_scan::lower_discretize(l),
        Op::SelectiveScan => selective_scan::lower(l),
        Op::Add => selective_scan::lower_add(l),
        _ => math::lower(l),
    }
    lowering.b.finish()
}

/// A function under construction and what it is made from.
struct Lowering<'a> {
    b: Builder,
    spec: &'a KernelSpec,
    schedule: &'a Schedule,
    dims: Vec<(&'static str, Size)>,
}

impl<'a> Lowering<'a> {
    fn new(spec: &'a KernelSpec, schedule: &'a Schedule) -> Lowering<'a> {
        let mut b = Builder::new(spec.symbol());
        let dims = spec::dims(spec.op)
            .iter()
            .map(|&name| match spec.shape.get(name) {
                Some(&n) => (name, Size::Const(n)),
                None => (name, b.dim(name)),
            })
            .collect();
        Lowering {
            b,
            spec,
            schedule,
            dims,
        }
    }

    /// A dimension of the op, bound or open.
    fn dim(&self, name: &str) -> Size {
        let found = self.dims.iter().find(|(n, _)| *n == name);
        found
            .map(|(_, size)| size.clone())
            .expect("`spec::dims` lists the op's dimensions")
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
