#![allow(
    unsafe_code,
    reason = "the matrix product of the gemm crate takes pointers and strides"
)]

use super::{contiguous, gradient, output, slice, with_slice};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};
use gemm::Parallelism;

/// `x w^T`: `x` is `[positions, cols]`, `w` `[rows, cols]`, the result `[positions, rows]`.
pub(crate) struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        w: &CpuStorage,
        w_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (slice(x, x_layout)?, slice(w, w_layout)?);
        let (positions, cols) = x_layout.shape().dims2()?;
        let rows = w_layout.dims()[0];
        let x = Matrix::new(x, positions, cols);
        let w = Matrix::new(w, rows, cols);
        Ok(output(product(x, w.transposed()), (positions, rows)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((positions, cols), rows) = (x.dims2()?, w.dims()[0]);
        let grad = contiguous(grad)?;
        let dx = with_slice(&grad, |grad| {
            let grad = Matrix::new(grad, positions, rows);
            with_slice(w, |w| product(grad, Matrix::new(w, rows, cols)))
        })??;
        let dw = with_slice(&grad, |grad| {
            let grad = Matrix::new(grad, positions, rows).transposed();
            with_slice(x, |x| product(grad, Matrix::new(x, positions, cols)))
        })??;
        Ok((gradient(dx, x)?, gradient(dw, w)?))
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
    // SAFETY: `Matrix` checked that every element of `a` and `b` lies in its slice. `out` has room for
    // m * n elements, is read by nobody else, and is written before it is read: its old values are
    // not asked for, and each element is a sum of k > 0 products. So all m * n are then initialised.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(n),
            false,
            a.values.as_ptr(),
            stride(a.col_stride),
            stride(a.row_stride),
            b.values.as_ptr(),
            stride(b.col_stride),
            stride(b.row_stride),
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
