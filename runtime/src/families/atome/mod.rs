//! The Atome family: embedding; blocks of LayerNorm, three pathways (ternary convolution, diagonal state space, top-k
//! attention) mixed by a router, residual; LayerNorm; ternary unembedding or classifier head.

mod config;

pub use config::AtomeConfig;

use super::Family;
use crate::error::FileError;
use crate::format::{Format, MAX_CLASSES};
use crate::graph::{Builder, Graph, GraphError, Rows};
use crate::tensor::Prepare;
use atome_spec::Op;

/// Added to the variance of a LayerNorm.
const NORM_EPS: f32 = 1e-5;
/// Added to the sum of a softmax.
const SOFTMAX_EPS: f32 = 1e-10;
/// Pathways that the router of a block mixes: convolution, state space, attention.
pub const PATHWAYS: usize = 3;

impl Family for AtomeConfig {
    fn validate(&self) -> Result<(), FileError> {
        AtomeConfig::validate(self)
    }

    fn dims(&self) -> Vec<(&'static str, usize)> {
        self.entries().collect()
    }

    fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    fn max_seq(&self) -> Option<usize> {
        Some(self.max_seq)
    }

    fn max_classes(&self) -> usize {
        MAX_CLASSES
    }

    fn tokenizer(&self) -> &'static str {
        if self.vocab_size == 256 {
            "bytes"
        } else {
            "none"
        }
    }

    fn format(&self, classes: Option<usize>) -> Format {
        match classes {
            None => Format::Atome01,
            Some(_) => Format::AtomeCl01,
        }
    }

    fn graph(&self, classes: Option<usize>) -> Result<Graph, GraphError> {
        graph(self, classes)
    }
}

/// Records a model: a classifier if `classes` is given, else a language model.
fn graph(c: &AtomeConfig, classes: Option<usize>) -> Result<Graph, GraphError> {
    let mut g = Builder::new("atome", c.max_seq);
    let shares = g.output("pathways", PATHWAYS);
    let x = g.embedding("embed", c.vocab_size, c.d_model);
    for i in 0..c.n_layers {
        g.scope(format!("blocks.{i}"), |g| block(g, c, x, shares));
    }
    g.head(|g| {
        let normal = g.layer_norm("norm", x, NORM_EPS);
        match classes {
            None => g.linear("unembed", normal, c.vocab_size),
            Some(classes) => {
                // A classifier's file has one too, and does not use it.
                g.ternary("unembed", [c.vocab_size, c.d_model]);
                g.linear("head", normal, classes)
            }
        }
    });
    g.finish()
}

/// Adds the three pathways, in the shares that the router gives them, to `x`.
fn block(g: &mut Builder, c: &AtomeConfig, x: Rows, shares: Rows) {
    let normal = g.layer_norm("norm", x, NORM_EPS);
    let local = g.rows("local", c.d_model);
    g.conv1d_to("conv", normal, local, c.kernel_size);
    let state = scan(g, normal);
    let q = g.linear("wq", normal, c.d_head);
    let k = g.linear("wk", normal, c.d_head);
    let v = g.linear("wv", normal, c.d_model);
    let route = g.linear("router", normal, PATHWAYS);
    g.softmax("router.softmax", route, shares, SOFTMAX_EPS);
    let sparse = attention(g, [q, k, v], c.top_k);
    let mix = g.call("mix", Op::RouterMix);
    mix.arg("router", shares).arg("local", local);
    mix.arg("state", state).arg("sparse", sparse).arg("x", x);
}

/// Diagonal: `h = tanh(a) h + b x`, `y = c h`.
fn scan(g: &mut Builder, x: Rows) -> Rows {
    let a = g.floats("a", &[x.width], (-2.0, 2.0));
    let decay = g.prepare(a, Prepare::Tanh);
    let [b, c] = ["b", "c"].map(|name| g.floats(name, &[x.width], (-1.0, 1.0)));
    let h = g.state("ssm.h", x.width);
    let out = g.rows("state", x.width);
    let scan = g.call("ssm", Op::Scan);
    scan.arg("decay", decay).arg("b", b).arg("c", c);
    scan.arg("x", x).arg("state", h).arg("out", out);
    out
}

/// To the `top_k` best positions; token by token, because each token's key and value join the cache that the next one
/// looks at.
fn attention(g: &mut Builder, [q, k, v]: [Rows; 3], top_k: usize) -> Rows {
    let keys = g.cache("attn.keys", k.width, 1);
    let values = g.cache("attn.values", 1, v.width);
    let most = top_k.min(g.window());
    let scores = g.positions("attn.scores");
    let [chosen, picked, shares] =
        ["attn.chosen", "attn.picked", "attn.shares"].map(|name| g.kept(name, most));
    let out = g.rows("attn.sparse", v.width);
    g.each_token(|g| {
        let append = g.call("attn.append", Op::KvAppend);
        append.arg("k", k).arg("v", v);
        append.arg("keys", keys).arg("values", values);
        let dots = g.call("attn.scores", Op::AttnScores);
        dots.arg("q", q).arg("keys", keys).arg("scores", scores);
        g.top_k("attn.top_k", scores, chosen).arg("picked", picked);
        g.softmax("attn.softmax", picked, shares, SOFTMAX_EPS);
        let mix = g.call("attn.mix", Op::AttnMix);
        mix.arg("chosen", chosen).arg("p", shares);
        mix.arg("values", values).arg("out", out);
    });
    out
}
