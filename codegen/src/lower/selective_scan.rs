//! The Mamba-2 recurrence. A head's channels share its step, its decay and its vectors B and C of
//! `d_state` elements; a lane is a channel, and the state is `[heads, d_state, head_dim]`.

use super::{Lowering, math, strided};
use crate::ir::{Access, Address, Compare, Elem, Size, UnaryOp};
use atome_spec::numerics::SOFTPLUS_IS_EXP;

/// `step = softplus(dt + bias)`, `decay = e^(-e^a_log step)`, a lane a head.
pub(super) fn lower_discretize(l: &mut Lowering<'_>) {
    let (heads, tokens, stride) = (l.dim("heads"), l.dim("tokens"), l.dim("stride"));
    let dt_len = strided(&tokens, &stride, &heads);
    let all = tokens.clone() * heads.clone();
    let b = &mut l.b;
    let dt = b.buffer("dt", Access::In, Elem::F32, dt_len);
    let bias = b.buffer("bias", Access::In, Elem::F32, heads.clone());
    let a_log = b.buffer("a_log", Access::In, Elem::F32, heads.clone());
    let step = b.buffer("step", Access::Out, Elem::F32, all.clone());
    let decay = b.buffer("decay", Access::Out, Elem::F32, all);

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
pub(super) fn lower(l: &mut Lowering<'_>) {
    let [heads, head_dim, d_state] = ["heads", "head_dim", "d_state"].map(|name| l.dim(name));
    let (tokens, stride) = (l.dim("tokens"), l.dim("stride"));
    let d_inner = heads.clone() * head_dim.clone();
    let vectors = heads.clone() * d_state.clone();
    let rows = tokens.clone() * d_inner.clone();
    let b = &mut l.b;
    let f32s =
        |b: &mut crate::ir::Builder, name, access, len| b.buffer(name, access, Elem::F32, len);
    let x = f32s(b, "x", Access::In, rows.clone());
    let step = f32s(b, "step", Access::In, tokens.clone() * heads.clone());
    let decay = f32s(b, "decay", Access::In, tokens.clone() * heads.clone());
    let input = f32s(b, "b", Access::In, strided(&tokens, &stride, &vectors));
    let output = f32s(b, "c", Access::In, strided(&tokens, &stride, &vectors));
    let z = f32s(b, "z", Access::In, strided(&tokens, &stride, &d_inner));
    let d = f32s(b, "d", Access::In, d_inner.clone());
    let state_len = vectors * head_dim.clone();
    let state = f32s(b, "state", Access::InOut, state_len);
    let out = f32s(b, "out", Access::Out, rows);

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
pub(super) fn lower_add(l: &mut Lowering<'_>) {
    let all = l.dim("tokens") * l.dim("width");
    let b = &mut l.b;
    let y = b.buffer("y", Access::In, Elem::F32, all.clone());
    let x = b.buffer("x", Access::InOut, Elem::F32, all.clone());
    b.for_each_vector(&all, &[], |b, at, lanes, _| {
        let term = b.load_vector(y, at.clone(), lanes.clone());
        let sum = b.load_vector(x, at.clone(), lanes.clone());
        let sum = b.add(sum, term);
        b.store(x, at, sum, lanes);
        vec![]
    });
}
