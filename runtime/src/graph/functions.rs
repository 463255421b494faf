//! What most models are composed of.

use super::{Builder, Call, ParamId, Rows, What};
use atome_spec::{Activation, Op, layout};

/// The interval that a random model draws gains of a norm from.
const LAYER_GAIN: (f32, f32) = (0.5, 1.5);
const LAYER_OFFSET: (f32, f32) = (-0.5, 0.5);
pub(crate) const RMS_GAIN: (f32, f32) = (0.8, 1.2);
/// Elements of an embedding table, so that their variance is about that of trits.
const EMBEDDED: (f32, f32) = (-0.85, 0.85);

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
    /// Rows of a table in whatever type a file has it, for the token ids.
    pub(crate) fn lookup(&mut self, name: &str, vocab: usize, width: usize) -> Rows {
        let table = self.table(name, [vocab, width], EMBEDDED);
        self.look_up(name, table, width)
    }

    /// Rows of a ternary table, for the token ids.
    pub(crate) fn embedding(&mut self, name: &str, vocab: usize, width: usize) -> Rows {
        let table = self.ternary(name, [vocab, width]);
        self.look_up(name, table, width)
    }

    fn look_up(&mut self, name: &str, table: ParamId, width: usize) -> Rows {
        let (ids, x) = (self.ids(), self.rows("x", width));
        let call = self.push(name, What::Lookup);
        call.arg("ids", ids).arg("table", table).arg("out", x);
        x
    }

    /// `out = scale w x`, with a ternary matrix of `rows` rows.
    pub(crate) fn linear(&mut self, name: &str, x: Rows, rows: usize) -> Rows {
        let w = self.ternary(name, [rows, x.width]);
        let out = self.rows(name, rows);
        let call = self.call(name, Op::Gemm);
        call.arg("w", w).arg("x", x).arg("out", out);
        call.scalar("scale", w);
        out
    }

    /// [`Builder::linear`] of the RMS norm of `x` in int8. The gain is the parameter `norm` within `name`.
    pub(crate) fn bit_linear(&mut self, name: &str, x: Rows, rows: usize, eps: f32) -> Rows {
        let x = self.rms_quantize(name, x, eps);
        let w = self.ternary(name, [rows, x.width]);
        let out = self.rows(name, rows);
        let call = self.push(name, What::Kernel(Op::Gemm, Activation::I8));
        call.arg("w", w).arg("x", x.q);
        call.arg("x_scale", x.scale).arg("x_sum", x.sum);
        call.arg("out", out).scalar("scale", w);
        out
    }

    /// The RMS norm of `x` with a gain, rounded to int8, for a product of this name.
    fn rms_quantize(&mut self, of: &str, x: Rows, eps: f32) -> Quantized {
        let [norm, q, scale, sum] = ["norm", "q", "q_scale", "q_sum"].map(|n| format!("{of}.{n}"));
        let gamma = self.floats(&norm, &[x.width], RMS_GAIN);
        let to = Quantized {
            width: x.width,
            q: self.rows(&q, layout::q_words(x.width)),
            scale: self.rows(&scale, 1),
            sum: self.rows(&sum, 1),
        };
        let call = self.call(&norm, Op::RmsQuantize);
        call.arg("x", x).arg("gamma", gamma).arg("q", to.q);
        call.arg("q_scale", to.scale).arg("q_sum", to.sum);
        call.scalar("eps", eps);
        to
    }

    /// The RMS norm of `x` with a gain, which is the parameter `name`.
    pub(crate) fn rms_norm(&mut self, name: &str, x: Rows, eps: f32) -> Rows {
        let gamma = self.floats(name, &[x.width], RMS_GAIN);
        let out = self.rows(name, x.width);
        let call = self.call(name, Op::RmsNorm);
        call.arg("x", x).arg("gamma", gamma).arg("out", out);
        call.scalar("eps", eps);
        out
    }

    /// The layer norm of `x`, with the parameters `gamma` and `beta` within `name`.
    pub(crate) fn layer_norm(&mut self, name: &str, x: Rows, eps: f32) -> Rows {
        let gamma = self.floats(&format!("{name}.gamma"), &[x.width], LAYER_GAIN);
        let beta = self.floats(&format!("{name}.beta"), &[x.width], LAYER_OFFSET);
        let out = self.rows(name, x.width);
        let call = self.call(name, Op::Norm);
        call.arg("x", x).arg("gamma", gamma).arg("beta", beta);
        call.arg("out", out).scalar("eps", eps);
        out
    }

    /// Softmax of each row of `x`.
    pub(crate) fn softmax(&mut self, name: &str, x: Rows, out: Rows, eps: f32) {
        let call = self.call(name, Op::Softmax);
        call.arg("x", x).arg("out", out).scalar("eps", eps);
    }

    /// Adds `y` to `x`.
    pub(crate) fn add(&mut self, name: &str, y: Rows, x: Rows) {
        self.map(name, "x = x + y", &[("y", y.into()), ("x", x.into())]);
    }

    /// Chooses the best of the cached positions, as many as `chosen` has room for.
    pub(crate) fn top_k(&mut self, name: &str, scores: Rows, chosen: Rows) -> &mut Call {
        let call = self.push(name, What::TopK(chosen.width));
        call.arg("scores", scores).arg("chosen", chosen)
    }
}
