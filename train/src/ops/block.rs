use super::linear::{Matrix, product};
use super::mix::{Attention, Mix};
use super::pathways::Weights;
use super::{contiguous, gradient, norm, output, pathways, slice, with_slice};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use std::sync::Mutex;

/// A block of the model, on whole sequences: norm, pathways, projections, mix, residual.
///
/// Operands: `x` `[positions, d]`; vectors `[5 + taps, d]`: gamma, beta, the state's `a`, `b`,
/// `c`, and the filters; projections `[2 d_head + d + 3, d]`: query, key, value, router.
pub(crate) struct Block {
    mix: Mix,
    /// What the forward pass left for the backward pass.
    kept: Mutex<Option<Activations>>,
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
        Block {
            mix,
            kept: Mutex::new(None),
        }
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

    /// Gradients of the three operands.
    fn gradients(
        &self,
        x: &[f32],
        vectors: &[f32],
        projections: &[f32],
        grad: &[f32],
    ) -> [Vec<f32>; 3] {
        let (d, width) = (self.mix.d, self.mix.width());
        let kept = self.kept.lock().ok().and_then(|mut kept| kept.take());
        let a = kept.unwrap_or_else(|| self.activations(x, vectors, projections));
        let mut dp = vec![0.0; a.projected.len()];
        let mut dpaths = vec![0.0; a.paths.len()];
        let kept = (&a.projected[..], &a.paths[..], &a.attention);
        self.mix.backward(kept, grad, &mut dp, &mut dpaths);
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
        let mut dx = grad.to_vec();
        norm::backward(x, &vectors[..d], &dnormal, &mut dx, daffine);
        [dx, dvectors, dprojections]
    }
}

impl CustomOp3 for Block {
    fn name(&self) -> &'static str {
        "block"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        vectors: &CpuStorage,
        vectors_layout: &Layout,
        projections: &CpuStorage,
        projections_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = slice(x, x_layout)?;
        let vectors = slice(vectors, vectors_layout)?;
        let a = self.activations(x, vectors, slice(projections, projections_layout)?);
        let mut out = x.to_vec();
        self.mix
            .forward(&a.projected, &a.paths, &a.attention, &mut out);
        if let Ok(mut kept) = self.kept.lock() {
            *kept = Some(a);
        }
        Ok(output(out, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        vectors: &Tensor,
        projections: &Tensor,
        _out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = contiguous(grad)?;
        let [dx, dvectors, dprojections] = with_slice(x, |x| {
            with_slice(vectors, |vectors| {
                with_slice(projections, |projections| {
                    with_slice(&grad, |grad| self.gradients(x, vectors, projections, grad))
                })
            })
        })????;
        Ok((
            gradient(dx, x)?,
            gradient(dvectors, vectors)?,
            gradient(dprojections, projections)?,
        ))
    }
}
