//! The BitMamba-2 family: embedding; layers of RMS norm, ternary projection of int8 activations, convolution, recurrence
//! and gate, RMS norm, ternary projection, residual; two norms and the ternary head.

mod config;

pub use config::BitMamba2Config;

use super::Family;
use crate::error::FileError;
use crate::format::Format;
use crate::graph::{Builder, Graph, GraphError, Rows, typical};
use crate::tensor::Prepare;
use atome_spec::Op;

/// Added to the mean square of an RMS norm.
const NORM_EPS: f32 = 1e-6;

/// The size of GPT-2's vocabulary.
const GPT2_VOCAB: usize = 50_257;

impl Family for BitMamba2Config {
    fn validate(&self) -> Result<(), FileError> {
        BitMamba2Config::validate(self)
    }

    fn dims(&self) -> Vec<(&'static str, usize)> {
        let derived = [
            ("d_inner", self.d_inner()),
            ("d_conv", self.d_conv()),
            ("d_state", self.d_state()),
        ];
        self.entries().chain(derived).collect()
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn tokenizer(&self) -> &'static str {
        match self.vocab_size {
            GPT2_VOCAB => "gpt2",
            _ => "none",
        }
    }

    fn format(&self, _: Option<usize>) -> Format {
        Format::Bit2
    }

    fn graph(&self, _: Option<usize>) -> Result<Graph, GraphError> {
        graph(self)
    }
}

/// Records a model.
fn graph(c: &BitMamba2Config) -> Result<Graph, GraphError> {
    // No attention, so any window will do.
    let mut g = Builder::new("bitmamba2", 1);
    let x = g.lookup("embed", c.vocab_size, c.d_model);
    for i in 0..c.n_layers {
        g.scope(format!("layers.{i}"), |g| layer(g, c, x));
    }
    g.head(|g| {
        let normal = g.rms_norm("norm_f", x, NORM_EPS);
        g.bit_linear("lm_head", normal, c.vocab_size, NORM_EPS)
    });
    g.finish()
}

/// Adds what the layer makes of `x` to it.
fn layer(g: &mut Builder, c: &BitMamba2Config, x: Rows) {
    let projected = g.bit_linear("in_proj", x, c.in_proj_rows(), NORM_EPS);
    let vectors = c.n_heads.saturating_mul(c.d_state());
    let widths = [c.d_inner(), c.d_inner(), vectors, vectors, c.n_heads];
    let [gate, input, b, read, dt] = projected.split(widths);
    let mixed = convolution(g, input, c.d_conv());
    let y = scan(g, c.d_state(), mixed, [gate, b, read, dt]);
    let added = g.bit_linear("out_proj", y, c.d_model, NORM_EPS);
    g.residual("residual", added, x);
}

/// Depthwise causal, with a bias; then silu.
fn convolution(g: &mut Builder, x: Rows, taps: usize) -> Rows {
    let w = g.floats("conv1d.weight", &[x.width, 1, taps], (-0.5, 0.5));
    let w = g.prepare(w, Prepare::NewestTapFirst);
    let bias = g.floats("conv1d.bias", &[x.width], (-0.2, 0.2));
    let past = taps.saturating_sub(1).saturating_mul(x.width);
    let history = g.state("conv.history", past);
    let out = g.rows("mixed", x.width);
    let conv = g.call("conv", Op::ConvSilu);
    conv.arg("w", w).arg("bias", bias).arg("x", x);
    conv.arg("history", history).arg("out", out);
    out
}

/// The Mamba-2 recurrence of each head, and its gated output.
fn scan(g: &mut Builder, d_state: usize, x: Rows, [z, b, c, dt]: [Rows; 4]) -> Rows {
    let heads = dt.width;
    let bias = g.floats("dt_bias", &[heads], (-4.0, -1.0));
    let a_log = g.floats("A_log", &[heads], (0.0, 2.75));
    let d = g.floats("D", &[x.width], typical::RMS_GAIN);
    let h = g.state("ssm.h", x.width.saturating_mul(d_state));
    let [step, decay] = ["step", "decay"].map(|name| g.rows(name, heads));
    let out = g.rows("y", x.width);
    let steps = g.call("discretize", Op::Discretize);
    steps.arg("dt", dt).arg("bias", bias).arg("a_log", a_log);
    steps.arg("step", step).arg("decay", decay);
    let scan = g.call("ssm", Op::SelectiveScan);
    scan.arg("x", x).arg("step", step).arg("decay", decay);
    scan.arg("b", b).arg("c", c).arg("z", z).arg("d", d);
    scan.arg("state", h).arg("out", out);
    out
}
