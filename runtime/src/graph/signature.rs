//! The operands of each call, in the order of its kernel's parameters.

use super::What;
use atome_codegen::ir::Access;
use atome_codegen::op::{self, BufferDef};
use atome_spec::{Activation, Kind, Op};
use std::borrow::Cow;

/// Names of the buffers and of the scalars of a call.
pub(crate) struct Names {
    pub buffers: Vec<Cow<'static, str>>,
    pub scalars: &'static [&'static str],
    pub sizes: &'static [&'static str],
}

/// What a call has an operand or a number for. A lookup has those that are the same whatever the table is stored as.
pub(crate) fn names(what: &What) -> Names {
    let plain = |buffers: &'static [&'static str]| Names {
        buffers: buffers.iter().map(|name| Cow::Borrowed(*name)).collect(),
        scalars: &[],
        sizes: &[],
    };
    match what {
        What::Lookup => plain(&["ids", "table", "out"]),
        What::TopK(_) => plain(&["scores", "chosen", "picked"]),
        What::Map(expr) => {
            let operands = expr.operands().iter();
            Names {
                buffers: operands.map(|o| o.name.clone().into()).collect(),
                scalars: &[],
                sizes: &[],
            }
        }
        What::Kernel(op, activation) => {
            let signature = op::signature(Kind::new(*op).activation(*activation));
            let operands = signature.buffers.into_iter().filter(is_operand);
            Names {
                buffers: operands.map(|b| b.name).collect(),
                scalars: signature.scalars,
                sizes: sizes(*op),
            }
        }
    }
}

/// Whether calls name what a kernel reads here: scales come with their weights.
pub(super) fn is_operand(buffer: &BufferDef) -> bool {
    buffer.name != "scales"
}

/// Dimensions of an op that the widths of its operands do not tell.
pub(super) const fn sizes(op: Op) -> &'static [&'static str] {
    match op {
        Op::L2Norm | Op::Rope | Op::GatedDelta => &["head_dim"],
        Op::AttendAppend | Op::Attend | Op::AttendAppendF16 | Op::AttendF16 => &["head_dim"],
        Op::Transpose => &["outer", "inner"],
        Op::Hadamard => &["block"],
        _ => &[],
    }
}

/// The operands of a call that it writes without looking at what was there: rows that it may declare.
pub(super) fn written(what: &What) -> Vec<Cow<'static, str>> {
    match what {
        What::Lookup => vec!["out".into()],
        What::TopK(_) => vec!["chosen".into(), "picked".into()],
        What::Map(expr) => {
            let operands = expr.operands().iter().enumerate();
            let written = operands.filter(|(i, _)| expr.access(*i) == Access::Out);
            written
                .map(|(_, operand)| operand.name.clone().into())
                .collect()
        }
        What::Kernel(op, activation) => {
            let signature = op::signature(Kind::new(*op).activation(*activation));
            let written = signature.buffers.into_iter().filter(|b| !b.takes);
            written.map(|buffer| buffer.name).collect()
        }
    }
}

/// Whether an op has kernels for this type of activations.
pub(super) fn is_kernel(op: Op, activation: Activation) -> bool {
    op::activations(op).any(|known| known == activation)
}
