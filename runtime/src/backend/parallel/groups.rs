//! Products by matrices whose groups of columns have scales.

use super::share;
use crate::pool::Pool;
use atome_spec::layout::WORD_COLS;

/// The C signature of a `group_gemm` kernel of f32 activations with all dimensions open.
pub(in crate::backend) type GroupGemmFn = unsafe extern "C" fn(
    *const i32,
    *const f32,
    *const f32,
    *mut f32,
    rows: u64,
    groups: u64,
    group: u64,
    tokens: u64,
    out_stride: u64,
);

/// The C signature of a `group_gemm` kernel of int8 activations with all dimensions open.
pub(in crate::backend) type GroupGemmI8Fn = unsafe extern "C" fn(
    *const i32,
    *const f32,
    *const i32,
    *const f32,
    *const i32,
    *mut f32,
    rows: u64,
    groups: u64,
    group: u64,
    tokens: u64,
    out_stride: u64,
);

/// A kernel and the activations it takes.
#[derive(Clone, Copy)]
pub(in crate::backend) enum GroupFactor {
    F32 {
        kernel: GroupGemmFn,
        x: *const f32,
    },
    I8 {
        kernel: GroupGemmI8Fn,
        x: *const i32,
        x_scale: *const f32,
        x_sum: *const i32,
    },
}

/// One product.
#[derive(Clone, Copy)]
pub(in crate::backend) struct GroupProduct {
    pub factor: GroupFactor,
    pub w: *const i32,
    pub scales: *const f32,
    pub out: *mut f32,
    /// Rows, groups, columns of a group, tokens, distance between outputs.
    pub dims: [u64; 5],
}

// SAFETY: the pointers are used only within `run`, whose caller vouches for them, and each
// thread writes rows of its own.
unsafe impl Sync for GroupProduct {}

impl GroupProduct {
    /// Computes the product, in parts of whole 64-row blocks.
    ///
    /// # Safety
    /// `w`, `scales`, `out` and the factor are valid for the kernel's buffers with these dimensions.
    pub(in crate::backend) unsafe fn run(&self, pool: &Pool) {
        let product = *self;
        share(pool, self.dims[0], &move |row, rows| {
            // SAFETY: the caller's promise; the parts' rows do not overlap.
            unsafe { product.some_rows(row, rows) }
        });
    }

    /// # Safety
    /// As [`GroupProduct::run`], and `row`, the first of a block, and `rows` rows from there on are of the product.
    unsafe fn some_rows(&self, row: u64, rows: u64) {
        let [_, groups, group, tokens, out_stride] = self.dims;
        // Every block before a part is a full one, so its words and scales are its rows'.
        let word = row * (groups * group / WORD_COLS as u64);
        // SAFETY: the offsets stay within the matrix, its scales and the output, whose rows from `row` on are what the
        // kernel touches.
        unsafe {
            let (w, out) = (self.w.add(word as usize), self.out.add(row as usize));
            let scales = self.scales.add((row * groups) as usize);
            match self.factor {
                GroupFactor::F32 { kernel, x } => {
                    kernel(w, scales, x, out, rows, groups, group, tokens, out_stride);
                }
                GroupFactor::I8 {
                    kernel,
                    x,
                    x_scale,
                    x_sum,
                } => kernel(
                    w, scales, x, x_scale, x_sum, out, rows, groups, group, tokens, out_stride,
                ),
            }
        }
    }
}

/// [`GroupProduct::run`] with f32 activations and the product's fields as arguments, for compiled plans.
///
/// # Safety
/// `pool` is valid; otherwise as [`GroupProduct::run`].
#[cfg(feature = "jit")]
#[allow(
    clippy::too_many_arguments,
    reason = "a kernel's arguments, behind two more"
)]
pub(in crate::backend) unsafe extern "C" fn parallel_group_gemm(
    pool: *const Pool,
    kernel: GroupGemmFn,
    w: *const i32,
    scales: *const f32,
    x: *const f32,
    out: *mut f32,
    rows: u64,
    groups: u64,
    group: u64,
    tokens: u64,
    out_stride: u64,
) {
    let product = GroupProduct {
        factor: GroupFactor::F32 { kernel, x },
        w,
        scales,
        out,
        dims: [rows, groups, group, tokens, out_stride],
    };
    // SAFETY: the caller's promise.
    unsafe { product.run(&*pool) }
}

/// [`parallel_group_gemm`] with int8 activations.
///
/// # Safety
/// As [`parallel_group_gemm`].
#[cfg(feature = "jit")]
#[allow(
    clippy::too_many_arguments,
    reason = "a kernel's arguments, behind two more"
)]
pub(in crate::backend) unsafe extern "C" fn parallel_group_gemm_i8(
    pool: *const Pool,
    kernel: GroupGemmI8Fn,
    w: *const i32,
    scales: *const f32,
    x: *const i32,
    x_scale: *const f32,
    x_sum: *const i32,
    out: *mut f32,
    rows: u64,
    groups: u64,
    group: u64,
    tokens: u64,
    out_stride: u64,
) {
    let product = GroupProduct {
        factor: GroupFactor::I8 {
            kernel,
            x,
            x_scale,
            x_sum,
        },
        w,
        scales,
        out,
        dims: [rows, groups, group, tokens, out_stride],
    };
    // SAFETY: the caller's promise.
    unsafe { product.run(&*pool) }
}
