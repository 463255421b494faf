//! The convolution and the state space of a block: from `n` `[positions, d]` to `[positions,
//! 2 d]`, a row being the convolution, then the state's output. `sequence` positions at a
//! time, each sequence from a fresh state.

use super::vector::add_product;
use multiversion::multiversion;

/// Parameters as the passes want them.
pub(super) struct Weights<'a> {
    d: usize,
    /// `[taps, d]`: tap `k` weighs the input `k` positions back.
    taps: &'a [f32],
    /// `h = decay * h + input * n`, `y = output * h`.
    decay: Vec<f32>,
    input: &'a [f32],
    output: &'a [f32],
}

impl<'a> Weights<'a> {
    /// From `[3, d]` parameters `a` (the decay before tanh), `b` and `c`, and the filters.
    pub(super) fn new(d: usize, ssm: &'a [f32], taps: &'a [f32]) -> Weights<'a> {
        let (a, rest) = ssm.split_at(d);
        let (input, output) = rest.split_at(d);
        Weights {
            d,
            taps,
            decay: a.iter().map(|a| a.tanh()).collect(),
            input,
            output,
        }
    }
}

/// Both pathways of every sequence.
pub(super) fn forward(w: &Weights<'_>, n: &[f32], sequence: usize) -> Vec<f32> {
    let size = sequence * w.d;
    let mut out = vec![0.0; 2 * n.len()];
    for (n, out) in n.chunks_exact(size).zip(out.chunks_exact_mut(2 * size)) {
        forward_sequence(w, n, out);
    }
    out
}

/// Adds to `dn`, `dssm` (`[3, d]`) and `dtaps` (`[taps, d]`) what `grad` gives them.
pub(super) fn backward(
    w: &Weights<'_>,
    n: &[f32],
    grad: &[f32],
    sequence: usize,
    dn: &mut [f32],
    (dssm, dtaps): (&mut [f32], &mut [f32]),
) {
    let size = sequence * w.d;
    let mut ddecay = vec![0.0; w.d];
    let (da, rest) = dssm.split_at_mut(w.d);
    let (dinput, doutput) = rest.split_at_mut(w.d);
    let sequences = n.chunks_exact(size).zip(grad.chunks_exact(2 * size));
    for ((n, grad), dn) in sequences.zip(dn.chunks_exact_mut(size)) {
        backward_convolution(w, n, grad, dn, dtaps);
        backward_scan(w, n, grad, dn, &mut ddecay, dinput, doutput);
    }
    for ((da, ddecay), decay) in da.iter_mut().zip(ddecay).zip(&w.decay) {
        *da += ddecay * (1.0 - decay * decay);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn forward_sequence(w: &Weights<'_>, n: &[f32], out: &mut [f32]) {
    let d = w.d;
    let (decay, input, output) = (&w.decay[..d], &w.input[..d], &w.output[..d]);
    let mut h = vec![0.0; d];
    for (t, out) in out.chunks_exact_mut(2 * d).enumerate() {
        let (local, state) = out.split_at_mut(d);
        for (k, taps) in w.taps.chunks_exact(d).enumerate().take(t + 1) {
            add_product(local, taps, &n[(t - k) * d..][..d]);
        }
        let n = &n[t * d..][..d];
        for i in 0..d {
            h[i] = decay[i] * h[i] + input[i] * n[i];
            state[i] = output[i] * h[i];
        }
    }
}

fn backward_convolution(
    w: &Weights<'_>,
    n: &[f32],
    grad: &[f32],
    dn: &mut [f32],
    dtaps: &mut [f32],
) {
    let d = w.d;
    for (t, grad) in grad.chunks_exact(2 * d).enumerate() {
        let grad = &grad[..d];
        for (k, taps) in w.taps.chunks_exact(d).enumerate().take(t + 1) {
            let at = (t - k) * d;
            add_product(&mut dn[at..][..d], taps, grad);
            add_product(&mut dtaps[k * d..][..d], grad, &n[at..][..d]);
        }
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn backward_scan(
    w: &Weights<'_>,
    n: &[f32],
    grad: &[f32],
    dn: &mut [f32],
    ddecay: &mut [f32],
    dinput: &mut [f32],
    doutput: &mut [f32],
) {
    let d = w.d;
    let positions = n.len() / d;
    let (decay, input, output) = (&w.decay[..d], &w.input[..d], &w.output[..d]);
    // h[t + 1] is the state after position t.
    let mut h = vec![0.0; n.len() + d];
    for t in 0..positions {
        let (before, after) = h.split_at_mut((t + 1) * d);
        let (before, after) = (&before[t * d..][..d], &mut after[..d]);
        let n = &n[t * d..][..d];
        for i in 0..d {
            after[i] = decay[i] * before[i] + input[i] * n[i];
        }
    }
    let mut dh = vec![0.0; d];
    let dh = &mut dh[..d];
    let (ddecay, dinput, doutput) = (&mut ddecay[..d], &mut dinput[..d], &mut doutput[..d]);
    for t in (0..positions).rev() {
        let grad = &grad[(2 * t + 1) * d..][..d];
        let (before, after) = (&h[t * d..][..d], &h[(t + 1) * d..][..d]);
        let (n, dn) = (&n[t * d..][..d], &mut dn[t * d..][..d]);
        for i in 0..d {
            doutput[i] += grad[i] * after[i];
            let g = grad[i] * output[i] + dh[i];
            dinput[i] += g * n[i];
            ddecay[i] += g * before[i];
            dn[i] += g * input[i];
            dh[i] = g * decay[i];
        }
    }
}
