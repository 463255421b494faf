//! The Atome family: embedding; blocks of LayerNorm, three pathways (ternary convolution,
//! diagonal state space, top-k attention) mixed by a router, residual; LayerNorm; ternary
//! unembedding or classifier head.

use super::builder::{Logits, PlanBuilder};
use super::declare::cache_capacity;
use super::{DimValue, Operand, Planned, Ports, Tensor, TopKCall};
use crate::LoadError;
use crate::format::{AtomeBlock, AtomeConfig, AtomeModel};
use DimValue::{Const, Kept, Len, Slot, Tokens};
use atome_kernels::reference::math;
use atome_spec::Op;

/// Added to the variance of a LayerNorm.
const NORM_EPS: f32 = 1e-5;
/// Added to the sum of a softmax.
const SOFTMAX_EPS: f32 = 1e-10;
/// The router's pathways.
const PATHS: usize = 3;

/// Scratch that every block of the model uses in turn.
struct Shared {
    x: Operand,
    normal: Operand,
    local: Operand,
    state: Operand,
    sparse: Operand,
    q: Operand,
    k: Operand,
    v: Operand,
    route: Operand,
    router: Operand,
    scores: Tensor,
    chosen: Tensor,
    picked: Tensor,
    shares: Tensor,
}

/// The plan for blocks of up to `block` tokens, and what fills its weights and constants. The model has been checked.
///
/// # Errors
/// If a tensor is larger than this machine can address.
pub(crate) fn plan_atome(model: &AtomeModel, block: usize) -> Result<Planned<'_>, LoadError> {
    let config = &model.config;
    let mut b = PlanBuilder::new(block, config.max_seq);
    let ids = b.rows("ids", 1);
    let shared = Shared::new(&mut b, config);
    b.embed(&model.embed, ids, shared.x);
    for (i, layer) in model.blocks.iter().enumerate() {
        Layer {
            b: &mut b,
            s: &shared,
            config,
            name: format!("blocks.{i}"),
        }
        .add(layer);
    }
    let head = head(&mut b, model, &shared);
    let router = Some(shared.router.tensor);
    b.finish(Ports {
        ids: ids.tensor,
        logits: head.logits,
        logits_rows: head.rows,
        argmax: head.argmax,
        router,
    })
}

impl Shared {
    fn new(b: &mut PlanBuilder<'_>, config: &AtomeConfig) -> Shared {
        let (d, d_head) = (config.d_model, config.d_head);
        let capacity = cache_capacity(config.max_seq);
        let kept = config.top_k.min(config.max_seq);
        Shared {
            x: b.rows("x", d),
            normal: b.rows("normal", d),
            local: b.rows("local", d),
            state: b.rows("state", d),
            sparse: b.rows("sparse", d),
            q: b.rows("q", d_head),
            k: b.rows("k", d_head),
            v: b.rows("v", d),
            route: b.rows("route", PATHS),
            router: b.output_rows("router", PATHS),
            scores: b.scratch("scores", capacity),
            chosen: b.scratch("chosen", kept),
            picked: b.scratch("picked", kept),
            shares: b.scratch("shares", kept),
        }
    }
}

/// One block of the model, being added.
struct Layer<'b, 'm> {
    b: &'b mut PlanBuilder<'m>,
    s: &'b Shared,
    config: &'m AtomeConfig,
    name: String,
}

impl<'m> Layer<'_, 'm> {
    fn add(&mut self, layer: &'m AtomeBlock) {
        let d = Const(self.config.d_model as u64);
        self.norm(layer);
        self.convolution(layer);
        self.scan(layer);
        let s = self.s;
        self.b.linear(&layer.wq, s.normal, s.q);
        self.b.linear(&layer.wk, s.normal, s.k);
        self.b.linear(&layer.wv, s.normal, s.v);
        self.b.linear(&layer.router, s.normal, s.route);
        let name = format!("{}.router.softmax", self.name);
        let dims = [Const(PATHS as u64), Tokens];
        self.b.kernel(
            name,
            Op::Softmax,
            &dims,
            &[s.route, s.router],
            &[SOFTMAX_EPS],
        );
        self.attention();
        let operands = [s.router, s.local, s.state, s.sparse, s.x];
        let name = format!("{}.mix", self.name);
        self.b
            .kernel(name, Op::RouterMix, &[d, Tokens], &operands, &[]);
    }

    fn norm(&mut self, layer: &'m AtomeBlock) {
        let name = format!("{}.norm", self.name);
        let gamma = self.b.constant(format!("{name}.gamma"), &layer.norm_gamma);
        let beta = self.b.constant(format!("{name}.beta"), &layer.norm_beta);
        let dims = [Const(self.config.d_model as u64), Tokens];
        let operands = [self.s.x, gamma.whole(), beta.whole(), self.s.normal];
        self.b.kernel(name, Op::Norm, &dims, &operands, &[NORM_EPS]);
    }

    fn convolution(&mut self, layer: &'m AtomeBlock) {
        let (channels, taps) = (self.config.d_model, self.config.kernel_size);
        let name = format!("{}.conv", self.name);
        let w = self.b.taps(&layer.conv);
        let past = taps.saturating_sub(1) * channels;
        let history = self.b.state(format!("{name}.history"), past);
        let dims = [Const(channels as u64), Const(taps as u64), Tokens];
        let operands = [w.whole(), self.s.normal, history.whole(), self.s.local];
        self.b
            .kernel(name, Op::Conv1d, &dims, &operands, &[layer.conv.scale]);
    }

    fn scan(&mut self, layer: &'m AtomeBlock) {
        let name = format!("{}.ssm", self.name);
        let decay: Vec<f32> = layer.a.iter().map(|&a| math::tanh(a)).collect();
        let decay = self.b.constant(format!("{name}.decay"), decay);
        let input = self.b.constant(format!("{name}.b"), &layer.b);
        let output = self.b.constant(format!("{name}.c"), &layer.c);
        let h = self.b.state(format!("{name}.h"), self.config.d_model);
        let dims = [Const(self.config.d_model as u64), Tokens];
        let parameters = [decay, input, output].map(Tensor::whole);
        let operands = [&parameters[..], &[self.s.normal, h.whole(), self.s.state]].concat();
        self.b.kernel(name, Op::Scan, &dims, &operands, &[]);
    }

    /// Token by token, because each token's keys and values join the cache that the next
    /// one looks at.
    fn attention(&mut self) {
        let (d, d_head) = (self.config.d_model, self.config.d_head);
        let capacity = cache_capacity(self.config.max_seq) as u64;
        let kept = self.config.top_k.min(self.config.max_seq) as u64;
        let name = format!("{}.attn", self.name);
        let keys = self.b.cache(format!("{name}.keys"), d_head, 1).whole();
        let values = self.b.cache(format!("{name}.values"), 1, d).whole();
        let (d, d_head, capacity) = (Const(d as u64), Const(d_head as u64), Const(capacity));
        let s = self.s;
        let [scores, chosen] = [s.scores, s.chosen].map(Tensor::whole);
        let [picked, shares] = [s.picked, s.shares].map(Tensor::whole);
        self.b.each_token(|b| {
            let dims = [d_head, d, capacity, Slot];
            let operands = [s.k.token(), s.v.token(), keys, values];
            b.kernel(
                format!("{name}.append"),
                Op::KvAppend,
                &dims,
                &operands,
                &[],
            );
            let dims = [d_head, capacity, Len];
            let operands = [s.q.token(), keys, scores];
            b.kernel(
                format!("{name}.scores"),
                Op::AttnScores,
                &dims,
                &operands,
                &[],
            );
            b.top_k(TopKCall {
                k: kept,
                scores,
                chosen,
                picked,
            });
            let dims = [Kept(kept), Const(1)];
            let label = format!("{name}.softmax");
            b.kernel(label, Op::Softmax, &dims, &[picked, shares], &[SOFTMAX_EPS]);
            let dims = [d, capacity, Kept(kept)];
            let operands = [chosen, shares, values, s.sparse.token()];
            b.kernel(format!("{name}.mix"), Op::AttnMix, &dims, &operands, &[]);
        });
    }
}

/// The final norm and the logits.
fn head<'m>(b: &mut PlanBuilder<'m>, model: &'m AtomeModel, shared: &Shared) -> Logits {
    let d = Const(model.config.d_model as u64);
    let source = model.head.as_ref().unwrap_or(&model.unembed);
    let gamma = b.constant("norm.gamma", &model.norm_gamma).whole();
    let beta = b.constant("norm.beta", &model.norm_beta).whole();
    let normal = b.rows("normal.last", model.config.d_model);
    let matrix = b.matrix(source);
    b.head(shared.x, source.rows, |b, x, logits| {
        let operands = [x, gamma, beta, normal];
        b.kernel("norm", Op::Norm, &[d, Tokens], &operands, &[NORM_EPS]);
        b.product(source, matrix, normal, logits);
    })
}
