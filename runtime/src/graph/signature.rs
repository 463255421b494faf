//! The operands of each call, in the order of its kernel's parameters.

use super::What;
use atome_codegen::op;
use atome_spec::{Activation, Kind, Op};
use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Names of the buffers and of the scalars of a call.
#[derive(Clone, Copy)]
pub(crate) struct Names {
    pub buffers: &'static [&'static str],
    pub scalars: &'static [&'static str],
}

/// What a call has an operand or a number for. A lookup has those that are the same whatever the table is stored as.
pub(crate) fn names(what: What) -> Names {
    match what {
        What::Lookup => Names {
            buffers: &["ids", "table", "out"],
            scalars: &[],
        },
        What::TopK(_) => Names {
            buffers: &["scores", "chosen", "picked"],
            scalars: &[],
        },
        What::Kernel(op, activation) => kernel(op, activation),
    }
}

/// Those of a kernel, made once of its op's signature.
fn kernel(op: Op, activation: Activation) -> Names {
    static KNOWN: LazyLock<Mutex<BTreeMap<(Op, Activation), Names>>> =
        LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry((op, activation)).or_insert_with(|| {
        let signature = op::signature(Kind::new(op).activation(activation));
        let buffers: Vec<&str> = signature.buffers.iter().map(|b| b.name).collect();
        Names {
            buffers: buffers.leak(),
            scalars: signature.scalars,
        }
    })
}
