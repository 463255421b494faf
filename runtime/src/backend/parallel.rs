//! A ternary matrix product split by rows over threads. Each row's sum is formed by one
//! thread in the order of its columns, so the bits do not depend on their number.

mod groups;

pub(super) use groups::{GroupFactor, GroupGemmFn, GroupGemmI8Fn, GroupProduct};
#[cfg(feature = "jit")]
pub(super) use groups::{parallel_group_gemm, parallel_group_gemm_i8};

use crate::pool::Pool;
use atome_spec::layout::BLOCK_ROWS;

/// The C signature of a `gemm` kernel of f32 activations with all dimensions open.
pub(super) type GemmFn = unsafe extern "C" fn(
    *const i32,
    *const f32,
    *mut f32,
    rows: u64,
    cols: u64,
    tokens: u64,
    out_stride: u64,
    scale: f32,
);

/// The C signature of a `gemm` kernel of int8 activations with all dimensions open.
pub(super) type GemmI8Fn = unsafe extern "C" fn(
    *const i32,
    *const i32,
    *const f32,
    *const i32,
    *mut f32,
    rows: u64,
    cols: u64,
    tokens: u64,
    out_stride: u64,
    scale: f32,
);

/// A kernel and the activations it takes.
#[derive(Clone, Copy)]
pub(super) enum Factor {
    F32 {
        kernel: GemmFn,
        x: *const f32,
    },
    I8 {
        kernel: GemmI8Fn,
        x: *const i32,
        x_scale: *const f32,
        x_sum: *const i32,
    },
}

/// One product.
#[derive(Clone, Copy)]
pub(super) struct Product {
    pub factor: Factor,
    pub w: *const i32,
    /// Columns of a word of the weights.
    pub word_cols: u64,
    pub out: *mut f32,
    pub rows: u64,
    pub cols: u64,
    pub tokens: u64,
    pub out_stride: u64,
    pub scale: f32,
}

// SAFETY: the pointers are used only within `run`, whose caller vouches for them, and each
// thread writes rows of its own.
unsafe impl Sync for Product {}

impl Product {
    /// Computes the product, in parts of whole 64-row blocks.
    ///
    /// # Safety
    /// `w`, `out` and the factor are valid for the kernel's buffers with these dimensions.
    pub(super) unsafe fn run(&self, pool: &Pool) {
        let product = *self;
        share(pool, self.rows, &move |row, rows| {
            // SAFETY: the caller's promise; the parts' rows do not overlap.
            unsafe { product.some_rows(row, rows) }
        });
    }

    /// # Safety
    /// As [`Product::run`], and `row`, the first of a block, and `rows` rows from there on are of the product.
    unsafe fn some_rows(&self, row: u64, rows: u64) {
        // Every block before a part is a full one, so its words are its rows' words.
        let word = row * self.cols.div_ceil(self.word_cols);
        let Product {
            cols,
            tokens,
            out_stride,
            scale,
            ..
        } = *self;
        // SAFETY: the offsets stay within the matrix and the output, whose rows from `row`
        // on are what the kernel touches.
        unsafe {
            let (w, out) = (self.w.add(word as usize), self.out.add(row as usize));
            match self.factor {
                Factor::F32 { kernel, x } => {
                    kernel(w, x, out, rows, cols, tokens, out_stride, scale);
                }
                Factor::I8 {
                    kernel,
                    x,
                    x_scale,
                    x_sum,
                } => kernel(
                    w, x, x_scale, x_sum, out, rows, cols, tokens, out_stride, scale,
                ),
            }
        }
    }
}

/// Runs `part` for the rows of whole blocks, shared by the threads of a pool: with the first row, and how many.
fn share(pool: &Pool, rows: u64, part: &(dyn Fn(u64, u64) + Sync)) {
    let blocks = rows.div_ceil(BLOCK_ROWS as u64);
    let some = |first: u64, end: u64| {
        let row = first * BLOCK_ROWS as u64;
        if first < end {
            part(row, (end * BLOCK_ROWS as u64).min(rows) - row);
        }
    };
    match blocks {
        0 | 1 => some(0, blocks),
        _ => pool.run(&move |number, parts| {
            let share = |part: usize| blocks * part as u64 / parts as u64;
            some(share(number), share(number + 1));
        }),
    }
}

/// [`Product::run`] with f32 activations and the product's fields as arguments, for compiled
/// plans.
///
/// # Safety
/// `pool` is valid; otherwise as [`Product::run`].
#[cfg(feature = "jit")]
#[allow(
    clippy::too_many_arguments,
    reason = "a kernel's arguments, behind three more"
)]
pub(super) unsafe extern "C" fn parallel_gemm(
    pool: *const Pool,
    kernel: GemmFn,
    word_cols: u64,
    w: *const i32,
    x: *const f32,
    out: *mut f32,
    rows: u64,
    cols: u64,
    tokens: u64,
    out_stride: u64,
    scale: f32,
) {
    let product = Product {
        factor: Factor::F32 { kernel, x },
        w,
        word_cols,
        out,
        rows,
        cols,
        tokens,
        out_stride,
        scale,
    };
    // SAFETY: the caller's promise.
    unsafe { product.run(&*pool) }
}

/// [`parallel_gemm`] with int8 activations.
///
/// # Safety
/// As [`parallel_gemm`].
#[cfg(feature = "jit")]
#[allow(
    clippy::too_many_arguments,
    reason = "a kernel's arguments, behind three more"
)]
pub(super) unsafe extern "C" fn parallel_gemm_i8(
    pool: *const Pool,
    kernel: GemmI8Fn,
    word_cols: u64,
    w: *const i32,
    x: *const i32,
    x_scale: *const f32,
    x_sum: *const i32,
    out: *mut f32,
    rows: u64,
    cols: u64,
    tokens: u64,
    out_stride: u64,
    scale: f32,
) {
    let product = Product {
        factor: Factor::I8 {
            kernel,
            x,
            x_scale,
            x_sum,
        },
        w,
        word_cols,
        out,
        rows,
        cols,
        tokens,
        out_stride,
        scale,
    };
    // SAFETY: the caller's promise.
    unsafe { product.run(&*pool) }
}
