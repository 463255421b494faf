//! The Mamba-2 recurrence. A head's channels share its step, its decay and its vectors B and C of
//! `d_state` elements; a lane is a channel, and the state is `[heads, d_state, head_dim]`.

use super::{Lowering, math, strided};
use crate::ir::{Address, Compare, Size, UnaryOp};
use crate::op::{Callers, Content, Def, Parts, dim, in_out, input, output};
use atome_spec::numerics::SOFTPLUS_IS_EXP;

pub(super) const DISCRETIZE: Def = Def {
    numerics: "`step = softplus(dt + bias)`; `decay = exp(-(exp(a_log) * step))`, but `exp(-exp(a_log + \
        (dt + bias)))` where `dt + bias` is below -80: there softplus is exp to the last bit, \
        and its result may be 0 where `exp(a_log)` is infinite.",
    dims: &[dim("heads"), dim("tokens"), dim("stride")],
    buffers: |d| {
        let (heads, tokens) = (d.get("heads"), d.get("tokens"));
        let all = tokens.clone() * heads.clone();
        let dt_len = strided(&tokens, &d.get("stride"), &heads);
        vec![
            input("dt", Content::F32, &dt_len),
            input("bias", Content::F32, &heads),
            input("a_log", Content::F32, &heads),
            output("step", Content::F32, &all),
            output("decay", Content::F32, &all),
        ]
    },
    parts: &[Parts::of("tokens"), Parts::of("heads").alone(&["tokens"])],
    ..Def::of(lower_discretize)
};

pub(super) const SELECTIVE_SCAN: Def = Def {
    numerics: "State `[heads, d_state, head_dim]`. For each head, channel and n: `h = h * decay + x * \
        (b[n] * step)`; `out = acc * silu(z)`, where acc begins at `d * x` and adds `h[n] * \
        c[n]` for n = 0, 1, .. in order.",
    dims: &[
        dim("heads"),
        dim("head_dim"),
        dim("d_state"),
        dim("tokens"),
        dim("stride"),
    ],
    buffers: |d| {
        let [heads, head_dim, tokens] = ["heads", "head_dim", "tokens"].map(|name| d.get(name));
        let d_inner = heads.clone() * head_dim.clone();
        let vectors = heads.clone() * d.get("d_state");
        let rows = tokens.clone() * d_inner.clone();
        let each_head = tokens.clone() * heads;
        let vectors_len = strided(&tokens, &d.get("stride"), &vectors);
        let z_len = strided(&tokens, &d.get("stride"), &d_inner);
        vec![
            input("x", Content::F32, &rows),
            input("step", Content::F32, &each_head),
            input("decay", Content::F32, &each_head),
            input("b", Content::F32, &vectors_len),
            input("c", Content::F32, &vectors_len),
            input("z", Content::F32, &z_len),
            input("d", Content::F32, &d_inner),
            in_out("state", Content::F32, &(vectors * head_dim)),
            output("out", Content::F32, &rows),
        ]
    },
    parts: &[Parts::of("heads").alone(&["tokens"])],
    ..Def::of(lower)
};

pub(super) const RESIDUAL: Def = Def {
    numerics: "`x = x + y`.",
    dims: &[dim("width"), dim("tokens").told_by(&["x"])],
    buffers: |d| {
        let all = d.get("tokens") * d.get("width");
        let y = input("y", Content::F32, &all);
        vec![y, in_out("x", Content::F32, &all)]
    },
    parts: &[Parts::of("tokens")],
    callers: Callers::Programs,
    ..Def::of(lower_residual)
};

/// `step = softplus(dt + bias)`, `decay = e^(-e^a_log step)`, a lane a head.
fn lower_discretize(l: &mut Lowering<'_>) {
    let (heads, tokens, stride) = (l.dim("heads"), l.dim("tokens"), l.dim("stride"));
    let names = ["dt", "bias", "a_log", "step", "decay"];
    let [dt, bias, a_log, step, decay] = names.map(|name| l.buffer(name));
    let b = &mut l.b;

    b.for_each_vector(&heads, &[], |b, at, lanes, _| {
        let shift = b.load_vector(bias, at.clone(), lanes.clone());
        let log_rate = b.load_vector(a_log, at.clone(), lanes.clone());
        let rate = math::exp(b, log_rate);
        b.for_loop(tokens.clone(), &[], |b, t, _| {
            let x = b.load_vector(dt, at.clone().step(t, stride.clone()), lanes.clone());
            let shifted = b.add(x, shift);
            let size = math::softplus(b, shifted);
            let to = at.clone().step(t, heads.clone());
            b.store(step, to.clone(), size, lanes.clone());
            let lost = b.mul(rate, size);
            // Far below 0 the step is e^shifted and becomes 0, where the rate may be infinite.
            let log_lost = b.add(log_rate, shifted);
            let lost_of_little = math::exp(b, log_lost);
            let limit = b.f32_like(shifted, SOFTPLUS_IS_EXP);
            let little = b.compare(Compare::Lt, shifted, limit);
            let lost = b.select(little, lost_of_little, lost);
            let exponent = b.unary(UnaryOp::Neg, lost);
            let kept = math::exp(b, exponent);
            b.store(decay, to, kept, lanes);
            vec![]
        });
        vec![]
    });
}

/// For each head: `h = h * decay + x * (b * step)`, `y = (d * x + sum h * c) * silu(z)`.
fn lower(l: &mut Lowering<'_>) {
    let [heads, head_dim, d_state] = ["heads", "head_dim", "d_state"].map(|name| l.dim(name));
    let (tokens, stride) = (l.dim("tokens"), l.dim("stride"));
    let d_inner = heads.clone() * head_dim.clone();
    let names = ["x", "step", "decay", "b", "c", "z", "d", "state", "out"];
    let [x, step, decay, input, output, z, d, state, out] = names.map(|name| l.buffer(name));
    let b = &mut l.b;

    b.for_loop(tokens, &[], |b, t, _| {
        b.for_loop(heads.clone(), &[], |b, head, _| {
            let of_head = Address::of(&[(t, heads.clone()), (head, Size::ONE)]);
            let size = b.load(step, of_head.clone());
            let kept = b.load(decay, of_head);
            let kept = b.splat(kept);
            b.for_each_vector(&head_dim, &[], |b, at, lanes, _| {
                let channel = at.clone().step(head, head_dim.clone());
                let row = channel.clone().step(t, d_inner.clone());
                let sample = b.load_vector(x, row.clone(), lanes.clone());
                let past = b.load_vector(d, channel.clone(), lanes.clone());
                let direct = b.mul(past, sample);
                let sums = b.for_loop(d_state.clone(), &[direct], |b, n, sums| {
                    let element = Address::of(&[
                        (t, stride.clone()),
                        (head, d_state.clone()),
                        (n, Size::ONE),
                    ]);
                    let weight = b.load(input, element.clone());
                    let weight = b.mul(weight, size);
                    let weight = b.splat(weight);
                    let place = at
                        .clone()
                        .step(head, d_state.clone() * head_dim.clone())
                        .step(n, head_dim.clone());
                    let h = b.load_vector(state, place.clone(), lanes.clone());
                    let h = b.mul(h, kept);
                    let added = b.mul(sample, weight);
                    let h = b.add(h, added);
                    b.store(state, place, h, lanes.clone());
                    let weight = b.load(output, element);
                    let weight = b.splat(weight);
                    let term = b.mul(h, weight);
                    vec![b.add(sums[0], term)]
                });
                let gate = channel.step(t, stride.clone());
                let gate = b.load_vector(z, gate, lanes.clone());
                let gate = math::silu(b, gate);
                let y = b.mul(sums[0], gate);
                b.store(out, row, y, lanes);
                vec![]
            });
            vec![]
        });
        vec![]
    });
}

/// `x = x + y`.
fn lower_residual(l: &mut Lowering<'_>) {
    let all = l.dim("tokens") * l.dim("width");
    let (y, x) = (l.buffer("y"), l.buffer("x"));
    let b = &mut l.b;
    b.for_each_vector(&all, &[], |b, at, lanes, _| {
        let term = b.load_vector(y, at.clone(), lanes.clone());
        let sum = b.load_vector(x, at.clone(), lanes.clone());
        let sum = b.add(sum, term);
        b.store(x, at, sum, lanes);
        vec![]
    });
}
