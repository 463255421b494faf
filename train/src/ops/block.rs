use super::linear::{Matrix, product};
use super::mix::{Attention, Mix};
use super::pathways::Weights;
use super::{norm, pathways};
use crate::tape::Operation;

/// A block of the model, on whole sequences: norm, pathways, projections, mix, residual.
///
/// Operands: `x` `[positions, d]`; the leaves: vectors `[5 + taps, d]`: gamma, beta, the state's
/// `a`, `b`, `c`, and the filters; projections `[2 d_head + d + 3, d]`: query, key, value, router.
pub(crate) struct Block {
    mix: Mix,
    /// What the forward pass left for the backward pass.
    kept: Option<Activations>,
}

struct Activations {
    normal: Vec<f32>,
    paths: Vec<f32>,
    projected: Vec<f32>,
    attention: Attention,
}

/// Rows of the vectors before the state space, and before the filters.
const AFFINE: usize = 2;
const SSM: usize = 5;

impl Block {
    pub(crate) fn new(mix: Mix) -> Block {
        Block { mix, kept: None }
    }

    fn activations(&self, x: &[f32], vectors: &[f32], projections: &[f32]) -> Activations {
        let (d, sequence) = (self.mix.d, self.mix.sequence);
        let normal = norm::forward(x, &vectors[..AFFINE * d], d);
        let paths = pathways::forward(&self.weights(vectors), &normal, sequence);
        let n = Matrix::new(&normal, x.len() / d, d);
        let w = Matrix::new(projections, self.mix.width(), d);
        let projected = product(n, w.transposed());
        Activations {
            normal,
            paths,
            attention: self.mix.attention(&projected),
            projected,
        }
    }

    fn weights<'a>(&self, vectors: &'a [f32]) -> Weights<'a> {
        let d = self.mix.d;
        Weights::new(d, &vectors[AFFINE * d..SSM * d], &vectors[SSM * d..])
    }
}

impl Operation for Block {
    fn forward(&mut self, x: &[f32], leaves: &[Vec<f32>]) -> Vec<f32> {
        let a = self.activations(x, &leaves[0], &leaves[1]);
        let mut out = x.to_vec();
        self.mix
            .forward(&a.projected, &a.paths, &a.attention, &mut out);
        self.kept = Some(a);
        out
    }

    fn backward(
        &mut self,
        x: &[f32],
        leaves: &[Vec<f32>],
        grad: Vec<f32>,
    ) -> (Vec<f32>, Vec<Vec<f32>>) {
        let (vectors, projections) = (&leaves[0], &leaves[1]);
        let (d, width) = (self.mix.d, self.mix.width());
        let kept = self.kept.take();
        let a = kept.unwrap_or_else(|| self.activations(x, vectors, projections));
        let mut dp = vec![0.0; a.projected.len()];
        let mut dpaths = vec![0.0; a.paths.len()];
        let kept = (&a.projected[..], &a.paths[..], &a.attention);
        self.mix.backward(kept, &grad, &mut dp, &mut dpaths);
        let positions = x.len() / d;
        let dp = Matrix::new(&dp, positions, width);
        let normal = Matrix::new(&a.normal, positions, d);
        let dprojections = product(dp.transposed(), normal);
        let mut dnormal = product(dp, Matrix::new(projections, width, d));
        let mut dvectors = vec![0.0; vectors.len()];
        let (daffine, rest) = dvectors.split_at_mut(AFFINE * d);
        let sums = rest.split_at_mut((SSM - AFFINE) * d);
        let (w, sequence) = (self.weights(vectors), self.mix.sequence);
        pathways::backward(&w, &a.normal, &dpaths, sequence, &mut dnormal, sums);
        // The residual stream passes its gradient on.
        let mut dx = grad;
        norm::backward(x, &vectors[..d], &dnormal, &mut dx, daffine);
        (dx, vec![dvectors, dprojections])
    }
}
