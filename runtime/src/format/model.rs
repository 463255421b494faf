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

    /// What the fields say of the shape, for messages.
    pub(super) fn shape_found(&self) -> String {
        let (rows, cols, trits) = (self.rows, self.cols, self.trits.len());
        format!("{rows} x {cols} with {trits} trits")
    }
}

/// A tensor of a model, whatever it is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TensorRef<'m> {
    /// A ternary matrix.
    Ternary(&'m Ternary),
    /// A vector of f32.
    Floats(&'m [f32]),
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

impl AtomeBlock {
    /// The tensors of block `i` with their names, in the order of a file.
    fn tensors(&self, i: usize) -> [(String, TensorRef<'_>); 10] {
        use TensorRef::{Floats, Ternary};
        [
            ("norm.gamma", Floats(&self.norm_gamma)),
            ("norm.beta", Floats(&self.norm_beta)),
            ("conv", Ternary(&self.conv)),
            ("a", Floats(&self.a)),
            ("b", Floats(&self.b)),
            ("c", Floats(&self.c)),
            ("wq", Ternary(&self.wq)),
            ("wk", Ternary(&self.wk)),
            ("wv", Ternary(&self.wv)),
            ("router", Ternary(&self.router)),
        ]
        .map(|(part, tensor)| (format!("blocks.{i}.{part}"), tensor))
    }
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
    /// How text becomes tokens: `bytes`, `gpt2`, or `none` where nobody said.
    pub tokenizer: String,
}

impl AtomeModel {
    /// The tokenizer that a vocabulary of this size is taken for, where nobody says.
    #[must_use]
    pub fn tokenizer_of(vocab: usize) -> &'static str {
        if vocab == 256 { "bytes" } else { "none" }
    }

    /// Returns the number of classes of a classifier, `None` for a language model.
    #[must_use]
    pub fn classes(&self) -> Option<usize> {
        self.head.as_ref().map(|head| head.rows)
    }

    /// Returns every tensor with its name, in the order of a file.
    pub fn tensors(&self) -> impl Iterator<Item = (String, TensorRef<'_>)> {
        use TensorRef::{Floats, Ternary};
        let blocks = self.blocks.iter().enumerate();
        let tail = [
            ("norm.gamma", Floats(&self.norm_gamma)),
            ("norm.beta", Floats(&self.norm_beta)),
            ("unembed", Ternary(&self.unembed)),
        ];
        let head = self.head.as_ref().map(|head| ("head", Ternary(head)));
        let named = |(name, tensor): (&str, _)| (name.to_owned(), tensor);
        std::iter::once(named(("embed", Ternary(&self.embed))))
            .chain(blocks.flat_map(|(i, block)| block.tensors(i)))
            .chain(tail.into_iter().chain(head).map(named))
    }

    /// Returns the number of weights, ternary and f32, without the scales.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let elems = |(_, tensor)| match tensor {
            TensorRef::Ternary(w) => w.trits.len(),
            TensorRef::Floats(values) => values.len(),
        };
        self.tensors().map(elems).sum()
    }
}
