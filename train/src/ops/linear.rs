#![allow(
    unsafe_code,
    reason = "the matrix product of the gemm-f32 crate takes pointers and strides"
)]

use crate::tape::Operation;
use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;

/// `x w^T`: `x` is `[positions, cols]`, the leaf `w` `[rows, cols]`, the result
/// `[positions, rows]`.
pub(crate) struct Linear {
    pub rows: usize,
    pub cols: usize,
}

impl Operation for Linear {
    fn forward(&mut self, x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32> {
        let x = Matrix::new(x, x.len() / self.cols, self.cols);
        let w = Matrix::new(&leaves[0], self.rows, self.cols);
        product(x, w.transposed())
    }

    fn backward(
        &mut self,
        x: &[f32],
        leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let positions = x.len() / self.cols;
        let grad = Matrix::new(&grad, positions, self.rows);
        let dx = product(grad, Matrix::new(&leaves[0], self.rows, self.cols));
        let dw = product(grad.transposed(), Matrix::new(x, positions, self.cols));
        (dx, vec![dw])
    }
}

/// A matrix over borrowed numbers, row-major or the transpose of such a one.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// The first `cols` elements of each of `rows` rows.
    ///
    /// # Panics
    /// If there are fewer numbers.
    pub(crate) fn new(values: &'a [f32], rows: usize, cols: usize) -> Matrix<'a> {
        Matrix::strided(values, rows, cols, cols)
    }

    /// Rows of `cols` elements that begin `row_stride` apart.
    ///
    /// # Panics
    /// If `row_stride` is below `cols` or there are fewer numbers.
    pub(super) fn strided(
        values: &'a [f32],
        rows: usize,
        cols: usize,
        row_stride: usize,
    ) -> Matrix<'a> {
        assert!(cols <= row_stride, "rows do not overlap");
        let last = rows.saturating_sub(1) * row_stride + cols;
        assert!(rows == 0 || last <= values.len(), "all rows are there");
        Matrix {
            values,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    pub(crate) fn transposed(self) -> Matrix<'a> {
        Matrix {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }
}

/// The product of two matrices, row-major, on the calling thread.
///
/// # Panics
/// If their shapes do not fit.
pub(crate) fn product(a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
    assert_eq!(a.cols, b.rows, "inner dimensions");
    let (m, n, k) = (a.rows, b.cols, a.cols);
    if k == 0 {
        return vec![0.0; m * n];
    }
    let mut out = Vec::with_capacity(m * n);
    let stride = |n: usize| n as isize;
    // The library wants the result's columns contiguous, so it computes the transpose.
    // SAFETY: `Matrix` checked that every element of `a` and `b` lies in its slice. `out` has room for
    // m * n elements, is read by nobody else, and is written before it is read: its old values are
    // not asked for, and each element is a sum of k > 0 products. So all m * n are then initialised.
    unsafe {
        get_gemm_fn()(
            n,
            m,
            k,
            out.as_mut_ptr(),
            stride(n),
            1,
            false,
            b.values.as_ptr(),
            stride(b.row_stride),
            stride(b.col_stride),
            a.values.as_ptr(),
            stride(a.row_stride),
            stride(a.col_stride),
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
        out.set_len(m * n);
    }
    out
}
