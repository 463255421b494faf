use super::NORM_EPS;
use super::vector::{dot, sum};
use crate::tape::Operation;
use multiversion::multiversion;

/// `gamma * (x - mean) / sqrt(var + eps) + beta` of each row of `x`, `[positions, width]`.
/// The leaf is `[2, width]`: gamma, then beta.
pub(crate) struct LayerNorm;

impl Operation for LayerNorm {
    fn forward(&mut self, x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32> {
        forward(x, &leaves[0], leaves[0].len() / 2)
    }

    fn backward(
        &mut self,
        x: &[f32],
        leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (gamma, _) = leaves[0].split_at(leaves[0].len() / 2);
        let mut dx = vec![0.0; x.len()];
        let mut daffine = vec![0.0; leaves[0].len()];
        backward(x, gamma, &grad, &mut dx, &mut daffine);
        (dx, vec![daffine])
    }
}

/// The norm of each row; `affine` is gamma, then beta.
pub(super) fn forward(x: &[f32], affine: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; x.len()];
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        forward_row(x, affine, out);
    }
    out
}

/// Adds to `dx` and `daffine` what `grad`, the gradient of the norm, gives them.
pub(super) fn backward(
    x: &[f32],
    gamma: &[f32],
    grad: &[f32],
    dx: &mut [f32],
    daffine: &mut [f32],
) {
    let width = gamma.len();
    let mut row = Row {
        normal: vec![0.0; width],
        scaled: vec![0.0; width],
    };
    let rows = x.chunks_exact(width).zip(grad.chunks_exact(width));
    for ((x, grad), dx) in rows.zip(dx.chunks_exact_mut(width)) {
        backward_row(x, gamma, grad, dx, daffine, &mut row);
    }
}

/// Scratch of one row.
struct Row {
    /// `(x - mean) / deviation`.
    normal: Vec<f32>,
    /// Its gradient.
    scaled: Vec<f32>,
}

/// 1 / standard deviation of a row; `centred` receives `x - mean`.
fn centre(x: &[f32], centred: &mut [f32]) -> f32 {
    let width = x.len() as f32;
    let mean = sum(x) / width;
    for (c, x) in centred.iter_mut().zip(x) {
        *c = x - mean;
    }
    1.0 / (dot(centred, centred) / width + NORM_EPS).sqrt()
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn forward_row(x: &[f32], affine: &[f32], out: &mut [f32]) {
    let inv = centre(x, out);
    let (gamma, beta) = affine.split_at(x.len());
    for ((out, gamma), beta) in out.iter_mut().zip(gamma).zip(beta) {
        *out = gamma * (*out * inv) + beta;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn backward_row(
    x: &[f32],
    gamma: &[f32],
    grad: &[f32],
    dx: &mut [f32],
    daffine: &mut [f32],
    row: &mut Row,
) {
    let width = x.len();
    let (normal, scaled) = (&mut row.normal[..width], &mut row.scaled[..width]);
    let (grad, gamma, dx) = (&grad[..width], &gamma[..width], &mut dx[..width]);
    let inv = centre(x, normal);
    let (dgamma, dbeta) = daffine.split_at_mut(width);
    let dbeta = &mut dbeta[..width];
    for i in 0..width {
        normal[i] *= inv;
        dgamma[i] += grad[i] * normal[i];
        dbeta[i] += grad[i];
        scaled[i] = grad[i] * gamma[i];
    }
    let mean = sum(scaled) / width as f32;
    let along = dot(scaled, normal) / width as f32;
    for i in 0..width {
        dx[i] += inv * (scaled[i] - mean - normal[i] * along);
    }
}
