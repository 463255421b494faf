//! The neutral form of a model: plain data, trits unpacked, nothing tied to a file or a kernel.

use super::{AtomeConfig, Format};

/// Pathways the router of a block mixes: convolution, state space, attention.
pub const PATHWAYS: usize = 3;

/// A ternary matrix and its scale; the weight at `(r, c)` is `scale * trits[r * cols + c]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ternary {
    /// Where the matrix stands in the model, such as `blocks.3.wq`.
    pub name: String,
    /// Output width of the product.
    pub rows: usize,
    /// Input width of the product.
    pub cols: usize,
    /// One scale for the whole matrix; finite and not negative.
    pub scale: f32,
    /// `[rows, cols]`, row-major; each -1, 0 or 1.
    pub trits: Vec<i8>,
}

impl Ternary {
    /// Returns row `r`.
    ///
    /// # Panics
    /// If `r >= rows`.
    #[must_use]
    pub fn row(&self, r: usize) -> &[i8] {
        &self.trits[r * self.cols..(r + 1) * self.cols]
    }
}

/// One block: a layer norm, three pathways over its result, and the router that mixes them.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomeBlock {
    /// `[d_model]`: layer norm gain.
    pub norm_gamma: Vec<f32>,
    /// `[d_model]`: layer norm offset.
    pub norm_beta: Vec<f32>,
    /// `[d_model, kernel_size]`: depthwise causal convolution; tap `k` weighs the input `k` positions back.
    pub conv: Ternary,
    /// `[d_model]`: decay of the state before `tanh`: `h = tanh(a) h + b x`.
    pub a: Vec<f32>,
    /// `[d_model]`: input gain of the state.
    pub b: Vec<f32>,
    /// `[d_model]`: output gain of the state: `y = c h`.
    pub c: Vec<f32>,
    /// `[d_head, d_model]`: queries.
    pub wq: Ternary,
    /// `[d_head, d_model]`: keys.
    pub wk: Ternary,
    /// `[d_model, d_model]`: values.
    pub wv: Ternary,
    /// `[PATHWAYS, d_model]`: router.
    pub router: Ternary,
}

/// A model of the Atome family: a language model, or a classifier when it has a head.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomeModel {
    /// The dimensions all shapes follow from.
    pub config: AtomeConfig,
    /// `[vocab_size, d_model]`: embedding table.
    pub embed: Ternary,
    /// `n_layers` blocks, first to last.
    pub blocks: Vec<AtomeBlock>,
    /// `[d_model]`: final layer norm gain.
    pub norm_gamma: Vec<f32>,
    /// `[d_model]`: final layer norm offset.
    pub norm_beta: Vec<f32>,
    /// `[vocab_size, d_model]`: from the final norm to the logits. A classifier's file has one too, and does not use it.
    pub unembed: Ternary,
    /// `[classes, d_model]`: from the final norm to the class logits, in a classifier.
    pub head: Option<Ternary>,
    /// The format the model was read from; for a model made in memory, the one that fits it.
    pub format: Format,
}

impl AtomeModel {
    /// Returns the number of classes of a classifier, `None` for a language model.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.head.as_ref().map(|head| head.rows)
    }

    /// Returns the number of weights, ternary and f32, without the scales.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let block = |b: &AtomeBlock| {
            let ternary: usize = [&b.conv, &b.wq, &b.wk, &b.wv, &b.router]
                .iter()
                .map(|t| t.trits.len())
                .sum();
            let floats: usize = [&b.norm_gamma, &b.norm_beta, &b.a, &b.b, &b.c]
                .iter()
                .map(|v| v.len())
                .sum();
            ternary + floats
        };
        self.embed.trits.len()
            + self.blocks.iter().map(block).sum::<usize>()
            + self.norm_gamma.len()
            + self.norm_beta.len()
            + self.unembed.trits.len()
            + self.head.as_ref().map_or(0, |head| head.trits.len())
    }
}
