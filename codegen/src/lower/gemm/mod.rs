//! Ternary matrix by one or several vectors.
//!
//! | file | what |
//! |---|---|
//! | `walk` | blocks of rows and tiles of tokens |
//! | `float` | f32 activations, and by tables that are made for many rows |
//! | `int8` | int8 activations |
//! | `columns` | which of their columns are multiplied in one go |
//! | `panel` | int8 activations by codes that are unpacked once for many tokens |
//! | `product` | the methods of an int8 product |
//! | `tables` | int8 activations whose products are looked up in tables made for many rows |
//! | `groups` | matrices whose groups of columns have scales of their own |
//! | `word` | the codes of a packed word |

mod columns;
mod float;
mod groups;
mod int8;
mod panel;
mod product;
mod tables;
mod walk;
mod word;

pub(super) use word::Word;

use super::quantize::row_words;
use super::{Lowering, strided};
use crate::ir::Size;
use crate::op::{
    Bound, BufferDef, Callers, Content, Def, Dim, Dims, Form, Parts, dim, input, output, read_back,
};
use crate::schedule::{self, Choice, Field};
use atome_spec::layout::{self, word_cols};
use atome_spec::{Activation, LANES, Method, Packing};

const LANES_U64: u64 = LANES as u64;

/// Tiles of rows that a panel has a whole number of.
const MR: Choice = Choice {
    field: Field::Mr,
    valid: &[16, 32, 64],
    tried: &[16, 32, 64],
};
const NR: Choice = Choice {
    field: Field::Nr,
    valid: &[1, 2, 3, 4, 5, 6, 7, 8],
    tried: &[1, 2, 3, 4, 6, 8],
};
const ONE_TOKEN: Choice = Choice {
    field: Field::Nr,
    valid: &[1],
    tried: &[1],
};
const PREFETCH: Choice = Choice {
    field: Field::Prefetch,
    valid: &[0, 256, 512, 1024, 2048, 4096, 8192, 16384],
    tried: &[0, 1024, 4096],
};
/// Quads of the columns that fill no word, and columns that fill no quad; of a word of base 3, its first four quads.
const UNROLL: Choice = Choice {
    field: Field::Unroll,
    valid: &[1, 2, 4],
    tried: &[4],
};

const COLS: Dim = dim("cols").summed();

const NUMERICS: &str = "One accumulator a row: `acc = acc + select(w[r, c], x[c])` for c = 0, 1, .. in order; then \
    `out = (acc + (acc - acc)) * scale`, which is NaN where acc is infinite or NaN. With int8 \
    activations: `sum = sum_c w[r, c] * x[t, c]`, an exact i32; `out = to_float(sum) * \
    (x_scale[t] * scale)`, so three roundings. `x_sum[t]` is the sum of the token's activations, \
    which kernels subtract from a sum with codes in place of trits; padding of `x` is 0. `cols` \
    is at most 2^18, so that no sum leaves an i32.";

pub(super) const GEMV: Def = Def {
    numerics: NUMERICS,
    dims: &[dim("rows").told_by(&["out"]), COLS.told_by(&["x"])],
    buffers: |d| Shape::of_vector(d).buffers(d),
    scalars: &["scale"],
    parts: &[Parts::of("rows").in_blocks(layout::BLOCK_ROWS as u64)],
    forms: &[
        Form::ternary(
            Activation::F32,
            &[Packing::Int2],
            &[Method::Select],
            &[MR, ONE_TOKEN, PREFETCH, UNROLL],
        ),
        Form::ternary(
            Activation::I8,
            Packing::STORED,
            &[Method::Dot, Method::Lut, Method::Select],
            &[MR, ONE_TOKEN, PREFETCH],
        ),
        Form::ternary(
            Activation::I8,
            &[Packing::Sorted],
            &[Method::Lut],
            &[MR, ONE_TOKEN, PREFETCH],
        ),
    ],
    select: schedule::gemv,
    callers: Callers::Attributes,
    ..Def::of(|l| lower(l, Shape::of_vector(&l.dims)))
};

pub(super) const GEMM: Def = Def {
    numerics: NUMERICS,
    dims: &[
        dim("rows"),
        COLS,
        // Rows of int8 are padded, so their length does not tell.
        dim("tokens").told_by(&["x_scale", "x"]),
        dim("out_stride").bound(Bound::AtLeast("rows")),
    ],
    buffers: |d| Shape::of_vectors(d).buffers(d),
    forms: &[
        Form::ternary(
            Activation::F32,
            &[Packing::Int2],
            &[Method::Select],
            &[MR, NR, PREFETCH, UNROLL],
        ),
        Form::ternary(
            Activation::I8,
            Packing::STORED,
            &[Method::Dot, Method::Lut, Method::Select],
            &[MR, NR, PREFETCH],
        ),
        Form::ternary(
            Activation::I8,
            &[Packing::Sorted],
            &[Method::Lut],
            &[MR, NR, PREFETCH],
        ),
    ],
    select: schedule::gemm,
    lower: |l| lower(l, Shape::of_vectors(&l.dims)),
    ..GEMV
};

const GROUP_NUMERICS: &str = "`cols` is `groups * group`; row r has the scale `s[r, g]` for the columns of group g. For g = 0, 1, .. in \
    order `out = out + (acc + (acc - acc)) * s[r, g]` from 0, where `acc` is the group's sum as that of `gemv`. With int8 \
    activations, which have a scale and a sum a group as `quantize` gives them for rows of `group` elements: `out = out + \
    to_float(sum) * (x_scale[t, g] * s[r, g])`, where the sum is the group's. Scales lie in blocks of 64 rows, `[groups][rows \
    of the block]`, as words of weights do; a group's words have no columns of another.";

/// Columns that have one scale.
const GROUP: Dim = dim("group")
    .from(GROUP_STEP, MAX_GROUP)
    .multiple_of(GROUP_STEP);
const GROUP_STEP: u64 = layout::GROUP_COLS as u64;
const MAX_GROUP: u64 = 256;

pub(super) const GROUP_GEMV: Def = Def {
    numerics: GROUP_NUMERICS,
    dims: &[dim("rows").told_by(&["out"]), dim("groups"), GROUP],
    buffers: |d| Shape::of_groups(d, Size::ONE, d.get("rows")).buffers(d),
    scalars: &[],
    forms: &[
        Form::ternary(
            Activation::F32,
            Packing::STORED,
            &[Method::Select],
            &[MR, ONE_TOKEN, PREFETCH, UNROLL],
        ),
        Form::ternary(
            Activation::I8,
            Packing::STORED,
            &[Method::Dot, Method::Select],
            &[MR, ONE_TOKEN, PREFETCH],
        ),
    ],
    callers: Callers::Plans,
    ..Def {
        lower: |l| lower(l, Shape::of_groups(&l.dims, Size::ONE, l.dim("rows"))),
        ..GEMV
    }
};

pub(super) const GROUP_GEMM: Def = Def {
    dims: &[
        dim("rows"),
        dim("groups"),
        GROUP,
        dim("tokens"),
        dim("out_stride").bound(Bound::AtLeast("rows")),
    ],
    buffers: |d| Shape::of_groups(d, d.get("tokens"), d.get("out_stride")).buffers(d),
    forms: &[
        Form::ternary(
            Activation::F32,
            Packing::STORED,
            &[Method::Select],
            &[MR, NR, PREFETCH, UNROLL],
        ),
        Form::ternary(
            Activation::I8,
            Packing::STORED,
            &[Method::Dot, Method::Select],
            &[MR, NR, PREFETCH],
        ),
    ],
    select: schedule::gemm,
    lower: |l| {
        let (tokens, out_stride) = (l.dim("tokens"), l.dim("out_stride"));
        lower(l, Shape::of_groups(&l.dims, tokens, out_stride));
    },
    ..GROUP_GEMV
};

/// Words of a group of so many columns, which has a scale of its own.
pub(super) fn group_words(packing: Packing, cols: &Size) -> Size {
    let of_word = word_cols(packing) as u64;
    match GROUP_STEP.is_multiple_of(of_word) {
        true => cols.clone().div(of_word),
        false => cols.clone().div_ceil(of_word),
    }
}

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
    /// Groups of a row and columns of a group, where these have scales of their own.
    groups: Option<[Size; 2]>,
}

impl Shape {
    /// One vector of activations.
    fn of_vector(d: &Dims<'_>) -> Shape {
        Shape {
            rows: d.get("rows"),
            cols: d.get("cols"),
            tokens: Size::ONE,
            out_stride: d.get("rows"),
            groups: None,
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

    /// By a matrix whose groups of columns have scales.
    fn of_groups(d: &Dims<'_>, tokens: Size, out_stride: Size) -> Shape {
        let (groups, group) = (d.get("groups"), d.get("group"));
        Shape {
            rows: d.get("rows"),
            cols: groups.clone() * group.clone(),
            tokens,
            out_stride,
            groups: Some([groups, group]),
        }
    }

    fn buffers(&self, d: &Dims<'_>) -> Vec<BufferDef> {
        let rows = self.rows.clone().div_ceil(LANES_U64) * LANES_U64;
        let w_len = rows.clone() * self.words(d.packing());
        let w = input("w", Content::Matrix(d.packing()), &w_len);
        let out_len = strided(&self.tokens, &self.out_stride, &self.rows);
        if let Some([groups, _]) = &self.groups {
            let scales = input("scales", Content::F32, &(rows * groups.clone()));
            let out = read_back("out", Content::F32, &out_len);
            return self.grouped(d, [w, scales, out], groups);
        }
        let out = match d.kind().activation {
            Activation::F32 => read_back("out", Content::F32, &out_len),
            Activation::I8 => output("out", Content::F32, &out_len),
        };
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

    /// The buffers of a product by groups of columns.
    fn grouped(
        &self,
        d: &Dims<'_>,
        [w, scales, out]: [BufferDef; 3],
        groups: &Size,
    ) -> Vec<BufferDef> {
        let elems = self.tokens.clone() * self.cols.clone();
        if d.kind().activation == Activation::F32 {
            return vec![w, scales, input("x", Content::F32, &elems), out];
        }
        let each_group = self.tokens.clone() * groups.clone();
        let words = self.tokens.clone() * self.cols.clone().div(4);
        vec![
            w,
            scales,
            input("x", Content::I8, &words),
            input("x_scale", Content::F32, &each_group),
            input("x_sum", Content::I32, &each_group),
            out,
        ]
    }

    /// Scales of a row, where groups of columns have them.
    fn scales(&self) -> Size {
        self.groups
            .as_ref()
            .map_or(Size::ZERO, |[count, _]| count.clone())
    }

    /// Words of a row of the matrix.
    fn words(&self, packing: Packing) -> Size {
        match &self.groups {
            Some([count, cols]) => count.clone() * group_words(packing, cols),
            None => self.cols.clone().div_ceil(word_cols(packing) as u64),
        }
    }
}
