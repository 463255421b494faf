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

use super::quantize::row_words;
use super::{Lowering, strided};
use crate::ir::Size;
use crate::op::{Bound, BufferDef, Callers, Content, Def, Dim, Dims, Form, dim, input, output};
use atome_spec::layout::{WORD_COLS, word_cols};
use atome_spec::{Activation, LANES, Method, Packing};

const LANES_U64: u64 = LANES as u64;
const WORD_COLS_U64: u64 = WORD_COLS as u64;

const COLS: Dim = dim("cols").summed();

pub(super) const GEMV: Def = Def {
    dims: &[dim("rows").told_by(&["out"]), COLS.told_by(&["x"])],
    buffers: |d| Shape::of_vector(d).buffers(d),
    scalars: &["scale"],
    forms: &[
        Form::new(Activation::F32, &[Packing::Int2], &[Method::Select]),
        Form::new(
            Activation::I8,
            &[Packing::Int2, Packing::Base3],
            &[Method::Dot, Method::Lut, Method::Select],
        ),
    ],
    callers: Callers::Attributes,
    ..Def::of(|l| lower(l, Shape::of_vector(&l.dims)))
};

pub(super) const GEMM: Def = Def {
    dims: &[
        dim("rows"),
        COLS,
        // Rows of int8 are padded, so their length does not tell.
        dim("tokens").told_by(&["x_scale", "x"]),
        dim("out_stride").bound(Bound::AtLeast("rows")),
    ],
    buffers: |d| Shape::of_vectors(d).buffers(d),
    lower: |l| lower(l, Shape::of_vectors(&l.dims)),
    ..GEMV
};

fn lower(l: &mut Lowering<'_>, shape: Shape) {
    match l.spec.activation {
        Activation::F32 => float::lower(l, shape),
        Activation::I8 => int8::lower(l, shape),
    }
}

/// The dimensions.
#[derive(Clone)]
struct Shape {
    rows: Size,
    cols: Size,
    tokens: Size,
    out_stride: Size,
}

impl Shape {
    /// One vector of activations.
    fn of_vector(d: &Dims<'_>) -> Shape {
        Shape {
            rows: d.get("rows"),
            cols: d.get("cols"),
            tokens: Size::ONE,
            out_stride: d.get("rows"),
        }
    }

    /// Several.
    fn of_vectors(d: &Dims<'_>) -> Shape {
        Shape {
            tokens: d.get("tokens"),
            out_stride: d.get("out_stride"),
            ..Shape::of_vector(d)
        }
    }

    fn buffers(&self, d: &Dims<'_>) -> Vec<BufferDef> {
        let rows = self.rows.clone().div_ceil(LANES_U64) * LANES_U64;
        let w_len = rows * self.words(d.packing());
        let w = input("w", Content::Matrix(d.packing()), &w_len);
        let out_len = strided(&self.tokens, &self.out_stride, &self.rows);
        let out = output("out", Content::F32, &out_len);
        match d.kind().activation {
            Activation::F32 => {
                let x_len = self.tokens.clone() * self.cols.clone();
                vec![w, input("x", Content::F32, &x_len), out]
            }
            Activation::I8 => {
                let x_len = self.tokens.clone() * row_words(&self.cols);
                vec![
                    w,
                    input("x", Content::I8, &x_len),
                    input("x_scale", Content::F32, &self.tokens),
                    input("x_sum", Content::I32, &self.tokens),
                    out,
                ]
            }
        }
    }

    /// Words of a row of the matrix.
    fn words(&self, packing: Packing) -> Size {
        self.cols.clone().div_ceil(word_cols(packing) as u64)
    }
}
