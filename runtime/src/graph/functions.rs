//! What most models are composed of.

use super::{Builder, Call, Rows, What};
use atome_spec::{Op, layout};

/// Intervals that a random model draws numbers from.
pub(crate) mod typical {
    /// Where nobody says.
    pub(crate) const FLOATS: (f32, f32) = (-1.0, 1.0);
    /// Elements of a table, so that their variance is about that of trits.
    pub(crate) const TABLE: (f32, f32) = (-0.85, 0.85);
    pub(crate) const LAYER_GAIN: (f32, f32) = (0.5, 1.5);
    pub(crate) const LAYER_OFFSET: (f32, f32) = (-0.5, 0.5);
    pub(crate) const RMS_GAIN: (f32, f32) = (0.8, 1.2);
}

/// Rows of int8 activations, with their scales and sums.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantized {
    /// Columns.
    width: usize,
    q: Rows,
    scale: Rows,
    sum: Rows,
}

impl Builder {
    /// Rows `x` of a table for the token ids; its numbers are f32, f16 or int8, as a file has them.
    pub fn lookup(&mut self, name: &str, vocab: usize, width: usize) -> Rows {
        let out = self.rows("x", width);
        self.lookup_to(name, vocab, out);
        out
    }

    /// Rows `x` of a ternary table for the token ids.
    pub fn embedding(&mut self, name: &str, vocab: usize, width: usize) -> Rows {
        let out = self.rows("x", width);
        self.embedding_to(name, vocab, out);
        out
    }

    /// `out = scale w x`, with a ternary matrix of `rows` rows.
    pub fn linear(&mut self, name: &str, x: Rows, rows: usize) -> Rows {
        let out = self.rows(name, rows);
        self.linear_to(name, x, out);
        out
    }

    /// [`Builder::linear`] of the RMS norm of `x` in int8. The gain is the parameter `norm` within `name`.
    pub fn bit_linear(&mut self, name: &str, x: Rows, rows: usize, eps: f32) -> Rows {
        let out = self.rows(name, rows);
        self.bit_linear_to(name, x, out, eps);
        out
    }

    /// [`Builder::bit_linear`] that rounds halves away from zero, with the parameters `weight` and `norm.weight` within
    /// `name`, as checkpoints of model hubs have them.
    pub fn bit_linear_away(&mut self, name: &str, x: Rows, rows: usize, eps: f32) -> Rows {
        let out = self.rows(name, rows);
        self.bit_linear_away_to(name, x, out, eps);
        out
    }

    /// The RMS norm of `x` with a gain, which is the parameter `name`.
    pub fn rms_norm(&mut self, name: &str, x: Rows, eps: f32) -> Rows {
        let out = self.rows(name, x.width);
        self.rms_norm_to(name, x, out, eps);
        out
    }

    /// The layer norm of `x`, with the parameters `gamma` and `beta` within `name`.
    pub fn layer_norm(&mut self, name: &str, x: Rows, eps: f32) -> Rows {
        let out = self.rows(name, x.width);
        self.layer_norm_to(name, x, out, eps);
        out
    }

    /// A ternary convolution of each channel with its inputs of the last `taps` tokens, which are the state `history` within `name`.
    pub fn conv1d(&mut self, name: &str, x: Rows, taps: usize) -> Rows {
        let out = self.rows(name, x.width);
        self.conv1d_to(name, x, out, taps);
        out
    }

    /// Softmax of each row of `x`.
    pub fn softmax(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let call = self.call(name, Op::Softmax);
        call.arg("x", x).arg("out", out).scalar("eps", eps);
    }

    /// Adds `y` to `x`.
    pub fn residual(&mut self, name: &str, y: Rows, x: Rows) {
        self.map(name, "x = x + y", &[("y", y.into()), ("x", x.into())]);
    }

    /// Chooses the best of the cached positions, as many as `chosen` has room for.
    pub fn top_k(&mut self, name: &str, scores: Rows, chosen: Rows) -> &mut Call {
        let call = self.push(name, What::TopK(chosen.width));
        call.arg("scores", scores).arg("chosen", chosen)
    }

    pub(super) fn lookup_to(&mut self, name: &str, vocab: usize, out: Rows) {
        let table = self.table(name, [vocab, out.width], typical::TABLE);
        self.look_up(name, table, out);
    }

    pub(super) fn embedding_to(&mut self, name: &str, vocab: usize, out: Rows) {
        let table = self.ternary(name, [vocab, out.width]);
        self.look_up(name, table, out);
    }

    pub(super) fn linear_to(&mut self, name: &str, x: Rows, out: Rows) {
        let w = self.ternary(name, [out.width, x.width]);
        let call = self.call(name, Op::Gemm);
        call.arg("w", w).arg("x", x).arg("out", out);
        call.scalar("scale", w);
    }

    pub(super) fn bit_linear_to(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let x = self.rms_quantize(Op::RmsQuantize, name, (x, "norm"), eps);
        self.linear_i8(name, name, x, out);
    }

    pub(super) fn bit_linear_away_to(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let x = self.rms_quantize(Op::RmsQuantizeAway, name, (x, "norm.weight"), eps);
        self.linear_i8(name, &format!("{name}.weight"), x, out);
    }

    fn linear_i8(&mut self, name: &str, w: &str, x: Quantized, out: Rows) {
        let w = self.ternary(w, [out.width, x.width]);
        let call = self.call_i8(name, Op::Gemm);
        call.arg("w", w).arg("x", x.q);
        call.arg("x_scale", x.scale).arg("x_sum", x.sum);
        call.arg("out", out).scalar("scale", w);
    }

    /// The RMS norm of `x` with a gain, rounded to int8 by an op, for a product of this name.
    fn rms_quantize(&mut self, op: Op, of: &str, (x, norm): (Rows, &str), eps: f32) -> Quantized {
        let [norm, q, scale, sum] = [norm, "q", "q_scale", "q_sum"].map(|n| format!("{of}.{n}"));
        let gamma = self.floats(&norm, &[x.width], typical::RMS_GAIN);
        let to = Quantized {
            width: x.width,
            q: self.rows(&q, layout::q_words(x.width)),
            scale: self.rows(&scale, 1),
            sum: self.rows(&sum, 1),
        };
        let call = self.call(&norm, op);
        call.arg("x", x).arg("gamma", gamma).arg("q", to.q);
        call.arg("q_scale", to.scale).arg("q_sum", to.sum);
        call.scalar("eps", eps);
        to
    }

    pub(super) fn rms_norm_to(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let gamma = self.floats(name, &[x.width], typical::RMS_GAIN);
        let call = self.call(name, Op::RmsNorm);
        call.arg("x", x).arg("gamma", gamma).arg("out", out);
        call.scalar("eps", eps);
    }

    pub(super) fn layer_norm_to(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let [gamma, beta] = ["gamma", "beta"].map(|part| format!("{name}.{part}"));
        let gamma = self.floats(&gamma, &[x.width], typical::LAYER_GAIN);
        let beta = self.floats(&beta, &[x.width], typical::LAYER_OFFSET);
        let call = self.call(name, Op::Norm);
        call.arg("x", x).arg("gamma", gamma).arg("beta", beta);
        call.arg("out", out).scalar("eps", eps);
    }

    pub(crate) fn conv1d_to(&mut self, name: &str, x: Rows, out: Rows, taps: usize) {
        let w = self.ternary(name, [x.width, taps]);
        let past = taps.saturating_sub(1).saturating_mul(x.width);
        let history = self.state(&format!("{name}.history"), past);
        let call = self.call(name, Op::Conv1d);
        call.arg("w", w).arg("x", x).arg("history", history);
        call.arg("out", out).scalar("scale", w);
    }
}
