//! The kernels that are timed, those compiled ahead of time, which models run: behind functions
//! of one shape that check their slices.
#![allow(
    unsafe_code,
    reason = "kernels are called with the addresses of slices"
)]

use atome_kernels::{Kernel, Kind, Packing, Tier, packing};
use atome_spec::layout::q_words;
use atome_spec::{Activation, Method, Op};

/// Rows of the embedding table.
pub(crate) const VOCAB: usize = 32_000;
/// Columns of the embedding table.
pub(crate) const D_MODEL: usize = 4096;
/// `[rows, cols]` of a matrix that a vector is multiplied by.
pub(crate) const GEMV: [(usize, usize); 3] = [(256, 256), (1024, 4096), (4096, 4096)];
/// `[rows, cols]` of a matrix that several vectors are multiplied by.
pub(crate) const GEMM: [(usize, usize); 2] = [(1024, 4096), (4096, 4096)];

/// Looks rows of the specification's table up.
#[derive(Clone, Copy)]
pub(crate) struct Embed {
    kernel: &'static Kernel,
    pub(crate) packing: Packing,
}

/// The lookup of a tier.
pub(crate) fn embed(packing: Packing, tier: Tier) -> Embed {
    let kernel = find(Kind::new(Op::Embed).packing(packing), tier);
    Embed { kernel, packing }
}

impl Embed {
    /// `out[t, ..] = scale * table[ids[t], ..]`
    pub(crate) fn call(&self, table: &[u32], ids: &[i32], scale: f32, out: &mut [f32]) {
        let words = packing::embed::words(self.packing, VOCAB, D_MODEL);
        let in_table = |&id: &i32| usize::try_from(id).is_ok_and(|id| id < VOCAB);
        assert!(table.len() == words && ids.iter().all(in_table));
        assert_eq!(out.len(), ids.len() * D_MODEL);
        let (vocab, d_model, tokens) = (VOCAB as u64, D_MODEL as u64, ids.len() as u64);
        let (ids, table, out) = (at(ids), at(table), at_mut(out));
        let args = [ids, table, out, vocab, d_model, tokens, bits(scale)];
        // SAFETY: the lengths are those of the op for these dimensions and the ids are rows of
        // the table, as was just checked; `find` gives kernels that this machine runs.
        unsafe { self.kernel.call(&args) }
    }
}

/// A matrix product of one shape.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    kernel: &'static Kernel,
    pub(crate) op: Op,
    pub(crate) packing: Packing,
    pub(crate) rows: usize,
    pub(crate) cols: usize,
}

impl Product {
    /// The product that `kind` names, by a matrix of some `[rows, cols]`.
    pub(crate) fn new(kind: Kind, (rows, cols): (usize, usize), tier: Tier) -> Product {
        Product {
            kernel: find(kind, tier),
            op: kind.op,
            packing: kind.packing.unwrap_or(Packing::Int2),
            rows,
            cols,
        }
    }

    /// `out[t, r] = scale * sum_c w[r, c] * x[t, c]`
    pub(crate) fn call(&self, w: &[u32], x: &[f32], scale: f32, out: &mut [f32]) {
        let tokens = out.len() / self.rows;
        assert_eq!(x.len(), tokens * self.cols);
        assert_eq!(self.kernel.kind.activation, Activation::F32);
        self.run(w, &[at(x)], tokens, scale, out);
    }

    /// The same of rows of int8, each with its scale and its sum.
    pub(crate) fn call_i8(
        &self,
        w: &[u32],
        (x, x_scale, x_sum): (&[u32], &[f32], &[i32]),
        scale: f32,
        out: &mut [f32],
    ) {
        let tokens = out.len() / self.rows;
        assert_eq!(x.len(), tokens * q_words(self.cols));
        assert!(x_scale.len() == tokens && x_sum.len() == tokens);
        assert_eq!(self.kernel.kind.activation, Activation::I8);
        let activations = [at(x), at(x_scale), at(x_sum)];
        self.run(w, &activations, tokens, scale, out);
    }

    fn run(&self, w: &[u32], activations: &[u64], tokens: usize, scale: f32, out: &mut [f32]) {
        let words = packing::matrix::words(self.packing, self.rows, self.cols);
        assert!(w.len() == words && out.len() == tokens * self.rows);
        assert!(self.op == Op::Gemm || (self.op == Op::Gemv && tokens == 1));
        let rows = self.rows as u64;
        let dims = [rows, self.cols as u64, tokens as u64, rows];
        let dims = if self.op == Op::Gemv {
            &dims[..2]
        } else {
            &dims
        };
        let mut args = [0; 10];
        let values = [at(w)].into_iter().chain(activations.iter().copied());
        let values = values.chain([at_mut(out)]);
        let values = values.chain(dims.iter().copied()).chain([bits(scale)]);
        let count = args.iter_mut().zip(values).map(|(arg, x)| *arg = x).count();
        // SAFETY: the lengths are those of the op for these dimensions, as was just checked here
        // and by the callers; `find` gives kernels that this machine runs.
        unsafe { self.kernel.call(&args[..count]) }
    }
}

/// The products of int8 activations by one method.
pub(crate) fn int8_products(method: Method, tier: Tier) -> Vec<Product> {
    let mut products = Vec::new();
    for op in [Op::Gemv, Op::Gemm] {
        for &packing in Packing::ALL {
            let kind = Kind::new(op).packing(packing).activation(Activation::I8);
            let (kind, shapes) = match (method, op) {
                (Method::Dot, Op::Gemv) => (kind, &GEMV[..]),
                (Method::Dot, _) => (kind, &GEMM[..]),
                _ => (kind.method(method), &GEMM[..1]),
            };
            products.extend(shapes.iter().map(|&shape| Product::new(kind, shape, tier)));
        }
    }
    products
}

/// The kernel of a kind for a tier that this machine runs.
fn find(kind: Kind, tier: Tier) -> &'static Kernel {
    assert!(atome_kernels::available(tier), "this machine runs {tier}");
    atome_kernels::find(kind, tier).expect("every tier has every op")
}

fn at<T>(slice: &[T]) -> u64 {
    slice.as_ptr().expose_provenance() as u64
}

fn at_mut<T>(slice: &mut [T]) -> u64 {
    slice.as_mut_ptr().expose_provenance() as u64
}

fn bits(scale: f32) -> u64 {
    u64::from(scale.to_bits())
}
