//! The MatMul-free LM family: embedding; layers of a gated linear recurrence and a gated feed-forward, whose products are
//! of int8 activations by ternary weights, each with a norm of its own; norm and ternary head. Parameters have the names
//! of the published checkpoints.

mod config;

pub use config::HgrnBitConfig;

use super::{Family, Origin};
use crate::error::FileError;
use crate::graph::{Builder, Graph, GraphError, Rows};

/// Added to the mean square of the norm of a product.
const PRODUCT_EPS: f32 = 1e-6;
/// The interval that a random model draws lower bounds of forget gates from.
const FLOOR: (f32, f32) = (0.0, 0.9);

const EMBEDDINGS: &str = "model.embeddings.weight";
const HEAD: &str = "lm_head";
/// What lower bounds are made of, `[num_hidden_layers, hidden_size]`.
const LOWER_BOUNDS: &str = "model.lower_bounds";

/// What a layer's forget gate is, at least `floor`.
const FORGET: &str = "k = floor + (1 - floor) * sigmoid(f)";
/// The same without a bound.
const FORGET_ALL: &str = "k = sigmoid(f)";
/// The recurrence, and its output by the other gate.
const RECURRENCE: &str = "h = k * h + silu(i) * (1 - k)\no = g * silu(h)";

impl Family for HgrnBitConfig {
    fn validate(&self) -> Result<(), FileError> {
        HgrnBitConfig::validate(self)
    }

    fn dims(&self) -> Vec<(&'static str, usize)> {
        self.entries().into()
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn graph(&self, _: Option<usize>) -> Result<Graph, GraphError> {
        graph(self)
    }

    fn origin(&self, param: &str) -> Origin {
        // A model without a head's matrix has that of its embeddings.
        if param.strip_prefix(HEAD) == Some(".weight") {
            return Origin::Else(EMBEDDINGS);
        }
        let layer = || {
            let rest = param.strip_prefix("model.layers.")?;
            rest.strip_suffix(".attn.lower_bound")?.parse().ok()
        };
        match layer() {
            Some(layer) => Origin::Row {
                of: LOWER_BOUNDS,
                shape: [self.num_hidden_layers, self.hidden_size],
                row: layer,
                made: lower_bounds,
            },
            None => Origin::Itself,
        }
    }
}

/// Records a model.
fn graph(c: &HgrnBitConfig) -> Result<Graph, GraphError> {
    // No attention, so any window will do.
    let mut g = Builder::new("hgrn_bit", 1);
    let x = g.lookup(EMBEDDINGS, c.vocab_size, c.hidden_size);
    for i in 0..c.num_hidden_layers {
        g.scope(format!("model.layers.{i}"), |g| {
            recurrence(g, c, x, i > 0 && c.use_lower_bound);
            feed_forward(g, c, x);
        });
    }
    g.head(|g| {
        let normal = g.rms_norm("model.norm.weight", x, c.rms_norm_eps);
        g.bit_linear_away(HEAD, normal, c.vocab_size, PRODUCT_EPS)
    });
    g.finish()
}

/// Adds what a gated recurrence makes of `x` to it, a state a channel.
fn recurrence(g: &mut Builder, c: &HgrnBitConfig, x: Rows, has_floor: bool) {
    let normal = g.rms_norm("attn_norm.weight", x, c.rms_norm_eps);
    let [i, f, gate] = ["attn.i_proj", "attn.f_proj", "attn.g_proj"]
        .map(|name| g.bit_linear_away(name, normal, x.width, PRODUCT_EPS));
    let gate = g.rms_norm("attn.g_norm.weight", gate, c.rms_norm_eps);
    let h = g.state("attn.h", x.width);
    let o = g.rows("attn.o", x.width);
    let mut operands = vec![
        ("f", f.into()),
        ("i", i.into()),
        ("h", h.into()),
        ("g", gate.into()),
        ("o", o.into()),
    ];
    let forget = match has_floor {
        true => {
            let floor = g.floats("attn.lower_bound", &[x.width], FLOOR);
            operands.push(("floor", floor.into()));
            FORGET
        }
        false => FORGET_ALL,
    };
    g.map("attn", &format!("{forget}\n{RECURRENCE}"), &operands);
    let added = g.bit_linear_away("attn.o_proj", o, x.width, PRODUCT_EPS);
    g.residual("attn.residual", added, x);
}

/// Adds what a gated feed-forward makes of `x` to it.
fn feed_forward(g: &mut Builder, c: &HgrnBitConfig, x: Rows) {
    let normal = g.rms_norm("mlp_norm.weight", x, c.rms_norm_eps);
    let width = c.intermediate_size;
    let both = g.bit_linear_away("mlp.gate_proj", normal, 2 * width, PRODUCT_EPS);
    let [gate, y] = both.split([width; 2]);
    let out = g.rows("mlp.out", width);
    let operands = [("gate", gate.into()), ("y", y.into()), ("out", out.into())];
    g.map("mlp", "out = silu(gate) * y", &operands);
    let added = g.bit_linear_away("mlp.down_proj", out, x.width, PRODUCT_EPS);
    g.residual("mlp.residual", added, x);
}

/// The lower bounds of the layers, `[layers, width]`: of each channel the softmax over the layers, summed over those
/// before a layer and itself, but without that of the first.
fn lower_bounds(stored: &[f32], [layers, width]: [usize; 2]) -> Vec<f32> {
    let mut bounds = vec![0.0; layers * width];
    for c in 0..width {
        let column = || (0..layers).map(|l| f64::from(stored[l * width + c]));
        let most = column().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = column().map(|x| libm::exp(x - most)).sum();
        let mut sum = 0.0;
        for (l, x) in column().enumerate().skip(1) {
            sum += libm::exp(x - most) / total;
            bounds[l * width + c] = sum as f32;
        }
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::lower_bounds;

    #[test]
    fn lower_bounds_grow_from_0() {
        let bounds = lower_bounds(&[0.0, 5.0, 0.0, 5.0, 0.0, -5.0], [3, 2]);
        assert_eq!(bounds[..2], [0.0; 2]);
        assert!((bounds[2] - 1.0 / 3.0).abs() < 1e-7 && (bounds[4] - 2.0 / 3.0).abs() < 1e-7);
        assert!(bounds[3] < bounds[5] && bounds[5] < 1.0);
        assert_eq!(lower_bounds(&[88.0, -3e38], [1, 2]), [0.0; 2]);
    }
}
