//! The operands of each op, in the order of its kernel's buffers.

use super::What;
use atome_spec::{Activation, Op};

/// Names of the buffers that a call has an operand for.
pub(crate) fn buffers(what: What) -> &'static [&'static str] {
    match what {
        What::Lookup => &["ids", "table", "out"],
        What::TopK(_) => &["scores", "chosen", "picked"],
        What::Kernel(op, activation) => kernel(op, activation),
    }
}

fn kernel(op: Op, activation: Activation) -> &'static [&'static str] {
    match op {
        Op::Embed | Op::LookupF32 | Op::LookupF16 => &["ids", "table", "out"],
        Op::LookupI8 => &["ids", "table", "scales", "out"],
        Op::Gemv | Op::Gemm => match activation {
            Activation::I8 => &["w", "x", "x_scale", "x_sum", "out"],
            Activation::F32 => &["w", "x", "out"],
        },
        Op::Conv1d => &["w", "x", "history", "out"],
        Op::Scan => &["decay", "b", "c", "x", "state", "out"],
        Op::Norm => &["x", "gamma", "beta", "out"],
        Op::Quantize => &["x", "q", "q_scale", "q_sum"],
        Op::KvAppend => &["k", "v", "keys", "values"],
        Op::AttnScores => &["q", "keys", "scores"],
        Op::AttnMix => &["chosen", "p", "values", "out"],
        Op::RouterMix => &["router", "local", "state", "sparse", "x"],
        Op::RmsNorm => &["x", "gamma", "out"],
        Op::RmsQuantize => &["x", "gamma", "q", "q_scale", "q_sum"],
        Op::ConvSilu => &["w", "bias", "x", "history", "out"],
        Op::Discretize => &["dt", "bias", "a_log", "step", "decay"],
        Op::SelectiveScan => &["x", "step", "decay", "b", "c", "z", "d", "state", "out"],
        Op::Add => &["y", "x"],
        _ => &["x", "out"],
    }
}
