//! Top-k causal attention and the router: `x + r0 * local + r1 * state + r2 * attention`,
//! `sequence` positions at a time.
//!
//! Projections are `[positions, 2 d_head + d + 3]`, a row being query, key, value and the
//! router's logits; pathways `[positions, 2 d]`, a row being local and state.

use super::SOFTMAX_EPS;
use super::linear::{Matrix, product};
use super::vector::{add_scaled, dot};
use atome::families::PATHWAYS;
use multiversion::multiversion;

/// Shape of the attention.
#[derive(Clone, Copy)]
pub(crate) struct Mix {
    pub sequence: usize,
    pub d: usize,
    pub d_head: usize,
    pub top_k: usize,
}

/// Which positions attention keeps, and with what shares.
pub(super) struct Attention {
    top_k: usize,
    /// `[positions, top_k]`, places within the sequence, best first; position `t` of a sequence
    /// uses the first `min(t + 1, top_k)`.
    chosen: Vec<u32>,
    shares: Vec<f32>,
}

impl Attention {
    /// Of position `t` of sequence `s`.
    fn of(&self, mix: &Mix, s: usize, t: usize) -> (&[u32], &[f32]) {
        let at = (s * mix.sequence + t) * self.top_k;
        let range = at..at + self.top_k.min(t + 1);
        (&self.chosen[range.clone()], &self.shares[range])
    }
}

/// One sequence's operands.
#[derive(Clone, Copy)]
struct Sequence<'a> {
    p: &'a [f32],
    paths: &'a [f32],
    d: usize,
    d_head: usize,
    width: usize,
}

impl<'a> Sequence<'a> {
    fn new(mix: &Mix, s: usize, p: &'a [f32], paths: &'a [f32]) -> Sequence<'a> {
        let (positions, d, d_head) = (mix.sequence, mix.d, mix.d_head);
        let width = mix.width();
        Sequence {
            p: &p[s * positions * width..][..positions * width],
            paths: &paths[s * positions * 2 * d..][..positions * 2 * d],
            d,
            d_head,
            width,
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
}

/// Positions whose scores are computed together.
const QUERIES: usize = 64;

impl Mix {
    /// Width of a row of projections.
    pub(super) fn width(&self) -> usize {
        2 * self.d_head + self.d + PATHWAYS
    }

    /// What each position attends to.
    pub(super) fn attention(&self, p: &[f32]) -> Attention {
        let (width, d_head, top_k) = (self.width(), self.d_head, self.top_k);
        let positions = p.len() / width;
        let mut attention = Attention {
            top_k,
            chosen: vec![0; positions * top_k],
            shares: vec![0.0; positions * top_k],
        };
        let root = (d_head as f32).sqrt();
        let outputs = attention.chosen.chunks_mut(self.sequence * top_k);
        let outputs = outputs.zip(attention.shares.chunks_mut(self.sequence * top_k));
        for (p, (chosen, shares)) in p.chunks_exact(self.sequence * width).zip(outputs) {
            for first in (0..self.sequence).step_by(QUERIES) {
                let rows = QUERIES.min(self.sequence - first);
                let keys = first + rows;
                let q = Matrix::strided(&p[first * width..], rows, d_head, width);
                let k = Matrix::strided(&p[d_head..], keys, d_head, width);
                let scores = product(q, k.transposed());
                for (row, scores) in scores.chunks_exact(keys).enumerate() {
                    let t = first + row;
                    let range = t * top_k..t * top_k + top_k.min(t + 1);
                    let (chosen, shares) = (&mut chosen[range.clone()], &mut shares[range]);
                    best(&scores[..=t], chosen, shares);
                    shares.iter_mut().for_each(|score| *score /= root);
                    softmax(shares);
                }
            }
        }
        attention
    }

    /// Adds the mixed pathways to `out`, `[positions, d]`.
    pub(super) fn forward(&self, p: &[f32], paths: &[f32], attention: &Attention, out: &mut [f32]) {
        let sequences = out.chunks_exact_mut(self.sequence * self.d);
        for (i, out) in sequences.enumerate() {
            let s = Sequence::new(self, i, p, paths);
            for (t, out) in out.chunks_exact_mut(s.d).enumerate() {
                let [r_local, r_state, r_attention] = s.router(t);
                let (local, state) = s.path(t);
                add_scaled(out, r_local, local);
                add_scaled(out, r_state, state);
                let (chosen, shares) = attention.of(self, i, t);
                for (&j, share) in chosen.iter().zip(shares) {
                    add_scaled(out, r_attention * share, s.value(j as usize));
                }
            }
        }
    }

    /// Adds to `dp` and `dpaths` what `grad`, the gradient of the sum, gives them.
    pub(super) fn backward(
        &self,
        (p, paths, attention): (&[f32], &[f32], &Attention),
        grad: &[f32],
        dp: &mut [f32],
        dpaths: &mut [f32],
    ) {
        let outputs = dp.chunks_exact_mut(self.sequence * self.width());
        let outputs = outputs.zip(dpaths.chunks_exact_mut(self.sequence * 2 * self.d));
        let grads = grad.chunks_exact(self.sequence * self.d);
        let mut along = vec![0.0; self.top_k];
        for (i, (grad, (dp, dpaths))) in grads.zip(outputs).enumerate() {
            let s = Sequence::new(self, i, p, paths);
            for (t, grad) in grad.chunks_exact(s.d).enumerate() {
                let (chosen, shares) = attention.of(self, i, t);
                for (along, &j) in along.iter_mut().zip(chosen) {
                    *along = dot(grad, s.value(j as usize));
                }
                let along = &along[..chosen.len()];
                s.backward_position(t, (chosen, shares, along), grad, dp, dpaths);
            }
        }
    }
}

/// The greatest of `scores`, as many as `chosen` has room for, best first and the earlier one
/// among equals.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn best(scores: &[f32], chosen: &mut [u32], values: &mut [f32]) {
    let k = chosen.len();
    let mut worst = f32::NEG_INFINITY;
    let mut kept = 0;
    for (chunk, part) in scores.chunks(16).enumerate() {
        if kept == k && !part.iter().fold(false, |hit, &score| hit | (score > worst)) {
            continue;
        }
        for (i, &score) in part.iter().enumerate() {
            if kept == k && score <= worst {
                continue;
            }
            let mut at = kept.min(k - 1);
            kept = (kept + 1).min(k);
            while at > 0 && values[at - 1] < score {
                values[at] = values[at - 1];
                chosen[at] = chosen[at - 1];
                at -= 1;
            }
            values[at] = score;
            chosen[at] = (16 * chunk + i) as u32;
            worst = values[k - 1];
        }
    }
}

impl Sequence<'_> {
    /// Adds the gradients that position `t` gives: `along` are those of the shares, before the
    /// router's weight.
    fn backward_position(
        &self,
        t: usize,
        (chosen, shares, along): (&[u32], &[f32], &[f32]),
        grad: &[f32],
        dp: &mut [f32],
        dpaths: &mut [f32],
    ) {
        let router = self.router(t);
        let (local, state) = self.path(t);
        let (dlocal, dstate) = dpaths[t * 2 * self.d..][..2 * self.d].split_at_mut(self.d);
        add_scaled(dlocal, router[0], grad);
        add_scaled(dstate, router[1], grad);
        self.backward_attention(t, router[2], (chosen, shares, along), dp);
        for (&j, share) in chosen.iter().zip(shares) {
            let at = j as usize * self.width + 2 * self.d_head;
            add_scaled(&mut dp[at..][..self.d], router[2] * share, grad);
        }
        let gains = [dot(grad, local), dot(grad, state), weighted(shares, along)];
        let mean = weighted(&router, &gains);
        let drouter = &mut dp[(t + 1) * self.width - PATHWAYS..][..PATHWAYS];
        for i in 0..PATHWAYS {
            drouter[i] = router[i] * (gains[i] - mean);
        }
    }

    /// Adds the gradients of the query and of the kept keys.
    fn backward_attention(
        &self,
        t: usize,
        r_attention: f32,
        (chosen, shares, along): (&[u32], &[f32], &[f32]),
        dp: &mut [f32],
    ) {
        let mean = weighted(shares, along);
        let root = (self.d_head as f32).sqrt();
        for ((&j, share), along) in chosen.iter().zip(shares).zip(along) {
            let j = j as usize;
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
