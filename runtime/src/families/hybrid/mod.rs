//! Hybrids of gated delta nets and attention, and their relatives with attention alone, as GGUF files of several architectures have
//! them: embedding; layers of a mixer and a gated feed-forward; norm and head. Matrices are ternary with a scale for some columns
//! of a row, and may be rotated by a Walsh-Hadamard transform, which their inputs are too.
//!
//! | file | concept |
//! |---|---|
//! | `config` | the dimensions of a model, from the keys of a file |
//! | `form` | what an architecture has that others have not |
//! | `dims` | the dimensions of a model without a file |
//! | `hub` | the dimensions and names of a BitNet model, from a directory |
//! | `rotation` | which products have rotated inputs |

mod config;
mod dims;
mod form;
mod hub;
mod rotation;

pub(crate) use config::Hybrid;
pub use dims::Qwen35Dims;
pub(crate) use form::Form;
pub(crate) use hub::{BITNET, HubWeights, hub_name};

use crate::graph::{Builder, Graph, GraphError, ParamId, Prepare, Rows, typical};
use atome_spec::{Op, layout};
use std::collections::BTreeMap;
use std::ops::Deref;

/// What a layer's decays and shares are, a number a head: `a` is at most 0.
const GATES: &str = "decay = exp(softplus(alpha + dt) * a)\nshare = sigmoid(beta)";

/// The names of a model's embeddings and of its head, which has those where a file has none.
pub(crate) const EMBEDDINGS: &str = "token_embd.weight";
pub(crate) const HEAD: &str = "output.weight";

/// Intervals that a random model draws numbers from.
const GAIN: (f32, f32) = (0.8, 1.2);
const TAP: (f32, f32) = (-0.5, 0.5);
const STEP: (f32, f32) = (-4.0, -1.0);
const DECAY: (f32, f32) = (-4.0, -0.5);
const SIGN: (f32, f32) = (1.0, 1.0);

/// What a product multiplies: rows in int8 with a scale and a sum for each group of columns, made once for all products of
/// these rows.
#[derive(Clone, Copy)]
struct Input {
    width: usize,
    q: Rows,
    scale: Rows,
    sum: Rows,
}

impl Hybrid {
    /// The structure of a model.
    pub(crate) fn graph(&self) -> Result<Graph, GraphError> {
        let mut g = Builder::new(self.form.name, self.context);
        let signs = self.rotation.sign_params();
        let signs = signs.map(|(name, values)| {
            let width = values.len();
            (width, g.floats(&name, &[width], SIGN))
        });
        let recorder = Recorder {
            model: self,
            signs: signs.collect(),
        };
        recorder.record(g)
    }
}

/// What records a model.
struct Recorder<'m> {
    model: &'m Hybrid,
    /// The parameters of signs, by the width of their rows.
    signs: BTreeMap<usize, ParamId>,
}

impl Deref for Recorder<'_> {
    type Target = Hybrid;

    fn deref(&self) -> &Hybrid {
        self.model
    }
}

impl Recorder<'_> {
    fn record(&self, mut g: Builder) -> Result<Graph, GraphError> {
        let angles = g.angles("angles", self.rotary / 2, self.base);
        let x = g.rows("x", self.width);
        let shape = [self.vocab, self.width];
        let table = match self.has_ternary_embeddings {
            true => self.matrix(&mut g, EMBEDDINGS, shape),
            false => g.table(EMBEDDINGS, shape, typical::TABLE),
        };
        g.look_up("embed", table, x);
        if self.rotation.turns_embeddings() {
            self.hadamard(&mut g, "embed", x);
            self.signs(&mut g, "embed.signs", x, x);
        }
        for i in 0..self.layers {
            g.scope(format!("blk.{i}"), |g| {
                let h = g.rms_norm("attn_norm.weight", x, self.eps);
                match self.is_attention(i) {
                    true => self.attention(g, i, (h, x), angles),
                    false => self.delta_net(g, i, (h, x)),
                }
                self.feed_forward(g, i, x);
            });
        }
        g.head(|g| {
            let h = g.rms_norm("output_norm.weight", x, self.eps);
            let own = (!self.tied).then_some(HEAD);
            match self.has_ternary_head {
                true => {
                    let input = self.input_of(g, (HEAD, HEAD), h);
                    let w = own.map_or(table, |name| self.matrix(g, name, shape));
                    self.product_by(g, (HEAD, w), input, self.vocab)
                }
                false => {
                    let near = 1.0 / (self.width as f32).sqrt();
                    let w = own.map_or(table, |name| g.floats(name, &shape, (-near, near)));
                    self.dense_by(g, (HEAD, w), (h, self.vocab))
                }
            }
        });
        g.finish()
    }

    /// Ternary weights, whose role the call that reads them tells.
    fn matrix(&self, g: &mut Builder, name: &str, shape: [usize; 2]) -> ParamId {
        g.ternary_by(name, shape, self.group)
    }

    /// Adds what a gated delta net makes of `h` to `x`.
    fn delta_net(&self, g: &mut Builder, layer: usize, (h, x): (Rows, Rows)) {
        let (heads, dim) = (self.value_heads, self.state);
        let (keys, values) = (self.key_heads * dim, heads * dim);
        let input = self.input(g, layer, "attn_qkv.weight", h);
        let all = self.product(g, "attn_qkv.weight", input, 2 * keys + values);
        let gate = self.product(g, "attn_gate.weight", input, values);
        let mixed = self.convolution(g, all);
        let [q, k, v] = mixed.split([keys, keys, values]);
        let [both] = mixed.split([2 * keys]);
        let call = g.call("l2_norm", Op::L2Norm);
        call.arg("x", both)
            .size("head_dim", dim)
            .scalar("eps", self.eps);
        let [decay, share] = self.gates(g, h, heads);
        let state = g.state("state", values * dim);
        let out = g.rows("mixed", values);
        let call = g.call("delta", Op::GatedDelta);
        call.arg("q", q).arg("k", k).arg("v", v).arg("decay", decay);
        call.arg("beta", share).arg("state", state).arg("out", out);
        call.size("head_dim", dim);
        self.head_norm(g, "ssm_norm.weight", out, dim);
        let operands = [("gate", gate.into()), ("out", out.into())];
        g.map("gate", "out = out * silu(gate)", &operands);
        let out = match self.rotation.orders_heads(layer) {
            true => transposed(g, "ordered", out, [heads / self.key_heads, self.key_heads]),
            false => out,
        };
        self.add(g, layer, ("ssm_out.weight", out), x);
    }

    /// A causal convolution of each channel with f32 taps.
    fn convolution(&self, g: &mut Builder, x: Rows) -> Rows {
        let w = g.floats("ssm_conv1d.weight", &[x.width(), self.taps], TAP);
        let w = g.prepare(w, Prepare::NewestTapFirst);
        let bias = g.floats("ssm_conv1d.bias", &[x.width()], (0.0, 0.0));
        let history = g.state("history", (self.taps - 1) * x.width());
        let out = g.rows("conv", x.width());
        let call = g.call("conv", Op::ConvSilu);
        call.arg("w", w).arg("bias", bias).arg("x", x);
        call.arg("history", history).arg("out", out);
        out
    }

    /// What a head keeps of its state, and how much of what it lacks is added.
    fn gates(&self, g: &mut Builder, h: Rows, heads: usize) -> [Rows; 2] {
        let [alpha, beta] = ["ssm_alpha.weight", "ssm_beta.weight"].map(|name| {
            let near = 1.0 / (self.width as f32).sqrt();
            self.dense(g, name, (h, heads), (-near, near))
        });
        let dt = g.floats("ssm_dt.bias", &[heads], STEP);
        let a = g.floats("ssm_a", &[heads], DECAY);
        let [decay, share] = ["decay", "share"].map(|name| g.rows(name, heads));
        let operands = [
            ("alpha", alpha.into()),
            ("beta", beta.into()),
            ("dt", dt.into()),
            ("a", a.into()),
            ("decay", decay.into()),
            ("share", share.into()),
        ];
        g.map("gates", GATES, &operands);
        [decay, share]
    }

    /// The product of rows with floats.
    fn dense(
        &self,
        g: &mut Builder,
        name: &str,
        (x, width): (Rows, usize),
        near: (f32, f32),
    ) -> Rows {
        let w = g.floats(name, &[width, x.width()], near);
        self.dense_by(g, (name, w), (x, width))
    }

    fn dense_by(
        &self,
        g: &mut Builder,
        (name, w): (&str, ParamId),
        (x, width): (Rows, usize),
    ) -> Rows {
        let out = g.rows(name, width);
        let call = g.call(name, Op::MatMul);
        call.arg("w", w).arg("x", x).arg("out", out);
        out
    }

    /// Adds what attention makes of `h` to `x`.
    fn attention(&self, g: &mut Builder, layer: usize, (h, x): (Rows, Rows), angles: Rows) {
        let (dim, queries) = (self.head_dim, self.heads * self.head_dim);
        let row = self.kv_heads * dim;
        let input = self.input(g, layer, "attn_q.weight", h);
        let parts = 1 + usize::from(self.form.has_gates);
        let both = self.product(g, "attn_q.weight", input, parts * queries);
        let k = self.product(g, "attn_k.weight", input, row);
        let v = self.product(g, "attn_v.weight", input, row);
        // A head's query lies before its gate.
        let both = match self.form.has_gates {
            true => transposed(g, "heads", both, [self.heads, 2]),
            false => both,
        };
        let [q] = both.split([queries]);
        if self.form.has_head_norms {
            self.head_norm(g, "attn_q_norm.weight", q, dim);
            self.head_norm(g, "attn_k_norm.weight", k, dim);
        }
        for (name, rows) in [("rope_q", q), ("rope_k", k)] {
            let call = g.call(name, Op::Rope);
            call.arg("angles", angles)
                .arg("x", rows)
                .size("head_dim", dim);
        }
        let keys = g.cache("keys", row, 1);
        let values = g.cache("values", 1, row);
        let out = g.rows("mixed", queries);
        g.each_token(|g| {
            let call = g.call("append", Op::AttendAppend);
            call.arg("k", k)
                .arg("v", v)
                .arg("keys", keys)
                .arg("values", values)
                .size("head_dim", dim);
            let call = g.call("attend", Op::Attend);
            call.arg("q", q).arg("keys", keys).arg("values", values);
            call.arg("out", out).size("head_dim", dim);
        });
        if self.form.has_gates {
            let [_, gate] = both.split([queries; 2]);
            let operands = [("gate", gate.into()), ("out", out.into())];
            g.map("gate", "out = out * sigmoid(gate)", &operands);
        }
        let out = self.inner_norm(g, "attn_sub_norm.weight", out);
        self.add(g, layer, ("attn_output.weight", out), x);
    }

    /// Adds what a gated feed-forward makes of `x` to it.
    fn feed_forward(&self, g: &mut Builder, layer: usize, x: Rows) {
        let h = g.rms_norm(self.form.feed_forward_norm, x, self.eps);
        let input = self.input(g, layer, "ffn_gate.weight", h);
        let gate = self.product(g, "ffn_gate.weight", input, self.inner);
        let up = self.product(g, "ffn_up.weight", input, self.inner);
        let out = g.rows("inner", self.inner);
        let operands = [
            ("gate", gate.into()),
            ("up", up.into()),
            ("out", out.into()),
        ];
        let text = match self.is_squared {
            true => "out = squared_relu(gate) * up",
            false => "out = silu(gate) * up",
        };
        g.map("inner", text, &operands);
        let out = self.inner_norm(g, "ffn_sub_norm.weight", out);
        self.add(g, layer, ("ffn_down.weight", out), x);
    }

    /// The norm of `rows` before a layer's last product, where models have one.
    fn inner_norm(&self, g: &mut Builder, name: &str, rows: Rows) -> Rows {
        match self.form.has_inner_norms {
            true => g.rms_norm(name, rows, self.eps),
            false => rows,
        }
    }

    /// Adds a product of `rows` to `x`.
    fn add(&self, g: &mut Builder, layer: usize, (name, rows): (&str, Rows), x: Rows) {
        let input = self.input(g, layer, name, rows);
        let added = self.product(g, name, input, x.width());
        let label = name.strip_suffix(".weight").unwrap_or(name);
        g.residual(&format!("{label}.residual"), added, x);
    }

    /// What products of `rows` in a layer multiply; `name` is one of them.
    fn input(&self, g: &mut Builder, layer: usize, name: &str, rows: Rows) -> Input {
        self.input_of(g, (&format!("blk.{layer}.{name}"), name), rows)
    }

    /// What a product of `rows` multiplies, of whose weights this is the whole name, and the name in their layer.
    fn input_of(&self, g: &mut Builder, (whole, name): (&str, &str), rows: Rows) -> Input {
        let turned = match self.rotation.turns(whole) {
            true => self.turned(g, name, rows),
            false => rows,
        };
        self.quantized(g, name, turned)
    }

    /// `rows` with signs, transformed.
    fn turned(&self, g: &mut Builder, name: &str, rows: Rows) -> Rows {
        let label = name.strip_suffix(".weight").unwrap_or(name);
        let out = g.rows(&format!("{label}.turned"), rows.width());
        self.signs(g, &format!("{label}.signs"), rows, out);
        self.hadamard(g, &format!("{label}.hadamard"), out);
        out
    }

    /// `out = signs * x`, by the signs of rows so wide, or a copy where there are none.
    fn signs(&self, g: &mut Builder, name: &str, x: Rows, out: Rows) {
        let [from, to] = [("x", x.into()), ("y", out.into())];
        let signs = self
            .signs
            .get(&x.width())
            .map(|signs| ("s", (*signs).into()));
        match (signs, x == out) {
            (Some(signs), true) => g.map(name, "x = x * s", &[from, signs]),
            (Some(signs), false) => g.map(name, "y = x * s", &[from, signs, to]),
            (None, true) => {}
            (None, false) => g.map(name, "y = x", &[from, to]),
        }
    }

    fn hadamard(&self, g: &mut Builder, name: &str, x: Rows) {
        let call = g.call(name, Op::Hadamard);
        call.arg("x", x).size("block", self.rotation.block());
    }

    fn head_norm(&self, g: &mut Builder, name: &str, x: Rows, dim: usize) {
        let gamma = g.floats(name, &[dim], GAIN);
        let call = g.call(name, Op::HeadNorm);
        call.arg("gamma", gamma).arg("x", x).scalar("eps", self.eps);
    }

    /// `rows` in int8, by groups of columns.
    fn quantized(&self, g: &mut Builder, name: &str, rows: Rows) -> Input {
        let label = name.strip_suffix(".weight").unwrap_or(name);
        let groups = rows.width() / self.group;
        let made = |g: &mut Builder, part: &str, width| g.rows(&format!("{label}.{part}"), width);
        let input = Input {
            width: rows.width(),
            q: made(g, "q", layout::q_words(rows.width())),
            scale: made(g, "q_scale", groups),
            sum: made(g, "q_sum", groups),
        };
        let call = g.call(&format!("{label}.quantize"), Op::Quantize);
        call.arg("x", rows).arg("q", input.q);
        call.arg("q_scale", input.scale).arg("q_sum", input.sum);
        input
    }

    fn product(&self, g: &mut Builder, name: &str, x: Input, width: usize) -> Rows {
        let w = self.matrix(g, name, [width, x.width]);
        self.product_by(g, (name, w), x, width)
    }

    fn product_by(
        &self,
        g: &mut Builder,
        (name, w): (&str, ParamId),
        x: Input,
        width: usize,
    ) -> Rows {
        let label = name.strip_suffix(".weight").unwrap_or(name);
        let out = g.rows(label, width);
        let call = g.call_i8(label, Op::GroupGemm);
        call.arg("w", w).arg("x", x.q).arg("x_scale", x.scale);
        call.arg("x_sum", x.sum).arg("out", out);
        out
    }
}

/// `outer` by `inner` pieces of rows in the other order.
fn transposed(g: &mut Builder, name: &str, x: Rows, [outer, inner]: [usize; 2]) -> Rows {
    let out = g.rows(name, x.width());
    let call = g.call(name, Op::Transpose);
    call.arg("x", x).arg("out", out);
    call.size("outer", outer).size("inner", inner);
    out
}
