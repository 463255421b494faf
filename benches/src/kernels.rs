//! The kernels that are timed, behind functions of one shape that check their slices.
#![allow(
    unsafe_code,
    reason = "kernels are called with the addresses of slices"
)]

use crate::code::{Choice, Code};
use crate::error::BenchError;
use atome_kernels::ops::ByteRows;
use atome_kernels::packing::matrix::Matrix;
use atome_kernels::{Kind, Packing, packing};
use atome_spec::layout::q_words;
use atome_spec::{Activation, Op};

/// Rows of the embedding table.
pub(crate) const VOCAB: usize = 32_000;
/// Columns of the embedding table.
pub(crate) const D_MODEL: usize = 4096;
/// `[rows, cols]` of a matrix that a vector is multiplied by: a classifier's, the routers' and the queries' of the 944K, its
/// values', and large ones.
pub(crate) const GEMV: [(usize, usize); 6] = [
    (32, 32),
    (3, 256),
    (64, 256),
    (256, 256),
    (1024, 4096),
    (4096, 4096),
];
/// `[rows, cols]` of a matrix that several vectors are multiplied by.
pub(crate) const GEMM: [(usize, usize); 2] = [(1024, 4096), (4096, 4096)];
/// `[rows, cols]` of a matrix whose groups of columns have scales.
pub(crate) const GROUPS: [(usize, usize); 2] = GEMM;
/// Columns that have a scale of their own there.
pub(crate) const GROUP: usize = 128;

/// Looks rows of the specification's table up.
pub(crate) struct Embed {
    code: Code,
    packing: Packing,
}

impl Embed {
    /// # Errors
    /// If its code has to be compiled and cannot.
    pub(crate) fn new(choice: &Choice, packing: Packing) -> Result<Embed, BenchError> {
        let code = choice.code(&[("vocab", VOCAB), ("d_model", D_MODEL)])?;
        Ok(Embed { code, packing })
    }

    /// `out[t, ..] = scale * table[ids[t], ..]`
    pub(crate) fn call(&self, table: &[u32], ids: &[i32], scale: f32, out: &mut [f32]) {
        let words = packing::embed::words(self.packing, VOCAB, D_MODEL);
        let in_table = |&id: &i32| usize::try_from(id).is_ok_and(|id| id < VOCAB);
        assert!(table.len() == words && ids.iter().all(in_table));
        assert_eq!(out.len(), ids.len() * D_MODEL);
        let dims = [VOCAB, D_MODEL, ids.len()];
        let buffers = [at(ids), at(table), at_mut(out)];
        // SAFETY: the lengths are those of the op for these dimensions and the ids are rows of
        // the table, as was just checked; the code was made for this table.
        unsafe { self.code.call(&buffers, &dims, &[scale]) }
    }
}

/// Looks rows of a table of the same size up whose trits are bytes.
pub(crate) struct EmbedBytes(pub(crate) ByteRows);

impl EmbedBytes {
    /// `out[t, ..] = scale * table[ids[t], ..]`
    pub(crate) fn call(&self, table: &[i8], ids: &[i32], scale: f32, out: &mut [f32]) {
        let in_table = |&id: &i32| usize::try_from(id).is_ok_and(|id| id < VOCAB);
        assert!(table.len() == VOCAB * D_MODEL && ids.iter().all(in_table));
        // SAFETY: the ids are rows of the table, as was just checked.
        unsafe { self.0.embed(table.as_ptr(), ids, scale, D_MODEL, out) }
    }
}

/// A product by a matrix of one shape.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) choice: Choice,
    pub(crate) op: Op,
    pub(crate) packing: Packing,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Columns that have a scale of their own, if groups of them have.
    pub(crate) group: Option<usize>,
}

impl Shape {
    /// The product that a kernel makes, by a matrix of some `[rows, cols]`.
    pub(crate) fn new(choice: Choice, (rows, cols): (usize, usize)) -> Shape {
        let Kind { op, packing, .. } = choice.kind;
        let packing = packing.unwrap_or(Packing::Int2);
        Shape {
            choice,
            op,
            packing,
            rows,
            cols,
            group: matches!(op, Op::GroupGemv | Op::GroupGemm).then_some(GROUP),
        }
    }

    /// How the matrix is packed.
    pub(crate) fn matrix(&self) -> Matrix {
        Matrix {
            group: self.group,
            ..Matrix::new(self.packing, self.rows, self.cols)
        }
    }

    /// `{op}-{packing}-{activation}-{isa}/{shape}` of a product by so many vectors.
    pub(crate) fn name(&self, tokens: usize) -> String {
        let Shape {
            choice,
            op,
            packing,
            rows,
            cols,
            group,
        } = self;
        let (activation, isa) = (choice.kind.activation, choice.isa());
        let mut name = format!("{op}-{packing}-{activation}-{isa}/{rows}x{cols}");
        if let Some(group) = group {
            name += &format!("/G={group}");
        }
        match op {
            Op::Gemm | Op::GroupGemm => format!("{name}/T={tokens}"),
            _ => name,
        }
    }
}

/// A matrix product and its code.
pub(crate) struct Product {
    shape: Shape,
    code: Code,
}

impl Product {
    /// # Errors
    /// If its code has to be compiled and cannot.
    pub(crate) fn new(shape: Shape) -> Result<Product, BenchError> {
        let Shape { rows, cols, .. } = shape;
        let mut known = vec![("rows", rows)];
        match shape.group {
            Some(group) => known.extend([("groups", cols / group), ("group", group)]),
            None => known.push(("cols", cols)),
        }
        if matches!(shape.op, Op::Gemm | Op::GroupGemm) {
            known.push(("out_stride", rows));
        }
        let code = shape.choice.code(&known)?;
        Ok(Product { shape, code })
    }

    /// By code that was made for the matrix, or for any.
    pub(crate) fn with(shape: Shape, code: Code) -> Product {
        Product { shape, code }
    }

    /// `out[t, r] = scale * sum_c w[r, c] * x[t, c]`
    pub(crate) fn call(&self, w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) {
        let tokens = out.len() / self.shape.rows;
        assert_eq!(x.len(), tokens * self.shape.cols);
        assert_eq!(self.shape.choice.kind.activation, Activation::F32);
        let out_len = out.len();
        let buffers = [at(w), at(x), at_mut(out)];
        self.run(w.len(), out_len, &buffers, &[scale]);
    }

    /// The same of rows of int8, each with its scale and its sum.
    pub(crate) fn call_i8(
        &self,
        w: &[u32],
        (x, x_scale, x_sum): (&[u32], &[f32], &[i32]),
        scale: f32,
        out: &mut [f32],
    ) {
        let tokens = out.len() / self.shape.rows;
        assert_eq!(x.len(), tokens * q_words(self.shape.cols));
        assert!(x_scale.len() == tokens && x_sum.len() == tokens);
        assert_eq!(self.shape.choice.kind.activation, Activation::I8);
        let out_len = out.len();
        let buffers = [at(w), at(x), at(x_scale), at(x_sum), at_mut(out)];
        self.run(w.len(), out_len, &buffers, &[scale]);
    }

    /// The same by a matrix whose groups of columns have scales, which lie as its words do, and of rows of int8 that have a
    /// scale and a sum a group.
    pub(crate) fn call_groups(
        &self,
        (w, scales): (&[u32], &[f32]),
        (x, x_scale, x_sum): (&[u32], &[f32], &[i32]),
        out: &mut [f32],
    ) {
        let Shape {
            rows, cols, group, ..
        } = self.shape;
        let groups = group.map_or(0, |group| cols / group);
        let tokens = out.len() / rows;
        assert_eq!(x.len(), tokens * q_words(cols));
        assert!(x_scale.len() == tokens * groups && x_sum.len() == tokens * groups);
        assert_eq!(scales.len(), packing::scales::len(rows, groups));
        assert_eq!(self.shape.choice.kind.activation, Activation::I8);
        let out_len = out.len();
        let buffers = [
            at(w),
            at(scales),
            at(x),
            at(x_scale),
            at(x_sum),
            at_mut(out),
        ];
        self.run(w.len(), out_len, &buffers, &[]);
    }

    /// Calls it with weights and an output of these lengths.
    fn run(&self, words: usize, out_len: usize, buffers: &[u64], scalars: &[f32]) {
        let Shape {
            op,
            rows,
            cols,
            group,
            ..
        } = self.shape;
        let tokens = out_len / rows;
        assert_eq!(words, self.shape.matrix().words());
        assert_eq!(out_len, tokens * rows);
        let dims = match (op, group) {
            (Op::Gemv, None) if tokens == 1 => vec![rows, cols],
            (Op::Gemm, None) => vec![rows, cols, tokens, rows],
            (Op::GroupGemv, Some(group)) if tokens == 1 => vec![rows, cols / group, group],
            (Op::GroupGemm, Some(group)) => vec![rows, cols / group, group, tokens, rows],
            _ => unreachable!("no product: {op} of {tokens} tokens"),
        };
        // SAFETY: the lengths are those of the op for these dimensions, as was just checked here
        // and by the callers; the code was made for this matrix.
        unsafe { self.code.call(buffers, &dims, scalars) }
    }
}

fn at<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

fn at_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}
