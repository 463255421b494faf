//! Ternary matrix by one or several vectors.
//!
//! | file | what |
//! |---|---|
//! | `walk` | blocks of rows and tiles of tokens |
//! | `float` | f32 activations |
//! | `int8` | int8 activations |
//! | `product` | the methods of an int8 product |

mod float;
mod int8;
mod product;
mod walk;

use super::Lowering;
use crate::ir::Size;
use atome_spec::layout::WORD_COLS;
use atome_spec::{Activation, LANES, Op};

const LANES_U64: u64 = LANES as u64;
const WORD_COLS_U64: u64 = WORD_COLS as u64;

pub(super) fn lower(l: &mut Lowering<'_>) {
    let rows = l.dim("rows");
    let (tokens, out_stride) = match l.spec.op {
        Op::Gemm => (l.dim("tokens"), l.dim("out_stride")),
        _ => (Size::ONE, rows.clone()),
    };
    let shape = Shape {
        rows,
        cols: l.dim("cols"),
        tokens,
        out_stride,
    };
    match l.spec.activation {
        Activation::F32 => float::lower(l, shape),
        Activation::I8 => int8::lower(l, shape),
    }
}

/// The dimensions; a `gemv` has one token.
#[derive(Clone)]
struct Shape {
    rows: Size,
    cols: Size,
    tokens: Size,
    out_stride: Size,
}

impl Shape {
    fn padded_rows(&self) -> Size {
        self.rows.clone().div_ceil(LANES_U64) * LANES_U64
    }

    /// Elements of the output.
    fn out_len(&self) -> Size {
        self.tokens.clone().sub(1) * self.out_stride.clone() + self.rows.clone()
    }
}
