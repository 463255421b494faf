//! Top-k causal attention and the router: `x + r0 * local + r1 * state + r2 * attention`,
//! `sequence` positions at a time.
//!
//! Projections are `[positions, 2 d_head + d + 3]`, a row being query, key, value and the
//! router's logits; pathways `[positions, 2 d]`, a row being local and state. Which positions
//! attention keeps is found again in the backward pass: it costs less than keeping the scores.

use super::SOFTMAX_EPS;
use super::linear::{Matrix, product};
use super::vector::{add_scaled, dot};
use atome::format::PATHWAYS;

/// Shape of the attention.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    pub sequence: usize,
    pub d: usize,
    pub d_head: usize,
    pub top_k: usize,
}

/// One sequence's operands, and the scores of every query with every key.
struct Sequence<'a> {
    p: &'a [f32],
    paths: &'a [f32],
    d: usize,
    d_head: usize,
    width: usize,
    /// `[positions, positions]`, before the division by `sqrt(d_head)`.
    scores: Vec<f32>,
}

impl<'a> Sequence<'a> {
    fn new(mix: &Mix, s: usize, p: &'a [f32], paths: &'a [f32]) -> Sequence<'a> {
        let (positions, d, d_head) = (mix.sequence, mix.d, mix.d_head);
        let width = mix.width();
        let p = &p[s * positions * width..][..positions * width];
        let paths = &paths[s * positions * 2 * d..][..positions * 2 * d];
        let queries = Matrix::strided(p, positions, d_head, width);
        let keys = Matrix::strided(&p[d_head..], positions, d_head, width);
        Sequence {
            p,
            paths,
            d,
            d_head,
            width,
            scores: product(queries, keys.transposed()),
        }
    }

    fn query(&self, t: usize) -> &[f32] {
        &self.p[t * self.width..][..self.d_head]
    }

    fn key(&self, t: usize) -> &[f32] {
        &self.p[t * self.width + self.d_head..][..self.d_head]
    }

    fn value(&self, t: usize) -> &[f32] {
        &self.p[t * self.width + 2 * self.d_head..][..self.d]
    }

    /// Router weights of a position.
    fn router(&self, t: usize) -> [f32; PATHWAYS] {
        let logits = &self.p[(t + 1) * self.width - PATHWAYS..][..PATHWAYS];
        let mut weights = [logits[0], logits[1], logits[2]];
        softmax(&mut weights);
        weights
    }

    /// Local and state of a position.
    fn path(&self, t: usize) -> (&[f32], &[f32]) {
        self.paths[t * 2 * self.d..][..2 * self.d].split_at(self.d)
    }

    /// Positions that attention keeps for position `t`, best first, the earlier one among
    /// equals, with their shares.
    fn attend(&self, t: usize, top_k: usize, chosen: &mut Vec<usize>, shares: &mut Vec<f32>) {
        let scores = &self.scores[t * (self.p.len() / self.width)..][..t + 1];
        chosen.clear();
        for (j, &score) in scores.iter().enumerate() {
            let full = chosen.len() == top_k;
            if full && scores[chosen[top_k - 1]] >= score {
                continue;
            }
            if full {
                chosen.pop();
            }
            let better = chosen.iter().take_while(|&&c| scores[c] >= score).count();
            chosen.insert(better, j);
        }
        let root = (self.d_head as f32).sqrt();
        shares.clear();
        shares.extend(chosen.iter().map(|&j| scores[j] / root));
        softmax(shares);
    }
}

impl Mix {
    /// Width of a row of projections.
    pub(super) fn width(&self) -> usize {
        2 * self.d_head + self.d + PATHWAYS
    }

    /// Adds the mixed pathways to `out`, `[positions, d]`.
    pub(super) fn forward(&self, p: &[f32], paths: &[f32], out: &mut [f32]) {
        let sequences = out.chunks_exact_mut(self.sequence * self.d);
        for (s, out) in sequences.enumerate() {
            self.forward_sequence(&Sequence::new(self, s, p, paths), out);
        }
    }

    /// Adds to `dp` and `dpaths` what `grad`, the gradient of the sum, gives them.
    pub(super) fn backward(
        &self,
        p: &[f32],
        paths: &[f32],
        grad: &[f32],
        dp: &mut [f32],
        dpaths: &mut [f32],
    ) {
        let outputs = dp.chunks_exact_mut(self.sequence * self.width());
        let outputs = outputs.zip(dpaths.chunks_exact_mut(self.sequence * 2 * self.d));
        let grads = grad.chunks_exact(self.sequence * self.d);
        for (s, (grad, (dp, dpaths))) in grads.zip(outputs).enumerate() {
            self.backward_sequence(&Sequence::new(self, s, p, paths), grad, dp, dpaths);
        }
    }

    fn forward_sequence(&self, s: &Sequence<'_>, out: &mut [f32]) {
        let (mut chosen, mut shares) = (Vec::new(), Vec::new());
        for (t, out) in out.chunks_exact_mut(s.d).enumerate() {
            let [r_local, r_state, r_attention] = s.router(t);
            let (local, state) = s.path(t);
            add_scaled(out, r_local, local);
            add_scaled(out, r_state, state);
            s.attend(t, self.top_k, &mut chosen, &mut shares);
            for (&j, share) in chosen.iter().zip(&shares) {
                add_scaled(out, r_attention * share, s.value(j));
            }
        }
    }

    fn backward_sequence(
        &self,
        s: &Sequence<'_>,
        grad: &[f32],
        dp: &mut [f32],
        dpaths: &mut [f32],
    ) {
        let (mut chosen, mut shares) = (Vec::new(), Vec::new());
        let mut along = vec![0.0; self.top_k];
        for (t, grad) in grad.chunks_exact(s.d).enumerate() {
            let router = s.router(t);
            let (local, state) = s.path(t);
            s.attend(t, self.top_k, &mut chosen, &mut shares);
            let (dlocal, dstate) = dpaths[t * 2 * s.d..][..2 * s.d].split_at_mut(s.d);
            add_scaled(dlocal, router[0], grad);
            add_scaled(dstate, router[1], grad);
            for (along, &j) in along.iter_mut().zip(&chosen) {
                *along = dot(grad, s.value(j));
            }
            let attention = weighted(&shares, &along);
            s.backward_attention(t, router[2], (&chosen, &shares, &along), dp);
            for (&j, share) in chosen.iter().zip(&shares) {
                let dvalue = &mut dp[j * s.width + 2 * s.d_head..][..s.d];
                add_scaled(dvalue, router[2] * share, grad);
            }
            let gains = [dot(grad, local), dot(grad, state), attention];
            let mean = weighted(&router, &gains);
            let drouter = &mut dp[(t + 1) * s.width - PATHWAYS..][..PATHWAYS];
            for i in 0..PATHWAYS {
                drouter[i] = router[i] * (gains[i] - mean);
            }
        }
    }
}

impl Sequence<'_> {
    /// Adds the gradients of the query and the kept keys of position `t`: which are kept, their
    /// shares, and the gradients of the shares before the router's weight.
    fn backward_attention(
        &self,
        t: usize,
        r_attention: f32,
        (chosen, shares, along): (&[usize], &[f32], &[f32]),
        dp: &mut [f32],
    ) {
        let mean = weighted(shares, along);
        let root = (self.d_head as f32).sqrt();
        for ((&j, share), along) in chosen.iter().zip(shares).zip(along) {
            let dscore = r_attention * share * (along - mean) / root;
            add_scaled(
                &mut dp[t * self.width..][..self.d_head],
                dscore,
                self.key(j),
            );
            let dkey = &mut dp[j * self.width + self.d_head..][..self.d_head];
            add_scaled(dkey, dscore, self.query(t));
        }
    }
}

fn weighted(weights: &[f32], values: &[f32]) -> f32 {
    weights.iter().zip(values).map(|(w, v)| w * v).sum()
}

/// `exp(z - max) / (sum + eps)` in place.
fn softmax(z: &mut [f32]) {
    let max = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    z.iter_mut().for_each(|z| *z = (*z - max).exp());
    let sum = z.iter().sum::<f32>() + SOFTMAX_EPS;
    z.iter_mut().for_each(|z| *z /= sum);
}
