//! The pieces of top-k causal attention over a cache, and the mix of the pathways.

use super::Lowering;
use super::dots::{Dots, Lines};
use crate::ir::{Address, Builder, Compare, Lanes, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Dim, Dims, Form, dim, in_out, input, output};
use crate::schedule::{Choice, Field, unrolled};
use atome_spec::LANES;

/// Positions that the cache holds: whole vectors of them.
pub(super) const CAPACITY: Dim = dim("capacity").multiple_of(LANES as u64);

pub(super) const KV_APPEND: Def = Def {
    numerics: "The key becomes lane `slot % 16` of block `slot / 16` of `keys`, \
        `[capacity / 16, d_head, 16]`; the value becomes row `slot` of `values`. Nothing is rounded.",
    dims: &[
        dim("d_head"),
        dim("d_model"),
        CAPACITY,
        dim("slot").bound(Bound::Below("capacity")),
    ],
    buffers: |d| {
        vec![
            input("k", Content::F32, &d.get("d_head")),
            input("v", Content::F32, &d.get("d_model")),
            in_out("keys", Content::F32, &keys_len(d)),
            in_out("values", Content::F32, &values_len(d)),
        ]
    },
    ..Def::of(lower_append)
};

pub(super) const ATTN_SCORES: Def = Def {
    numerics: "`scores[j] = sum(q[i] * keys[j / 16, i, j % 16]) / sqrt(d_head)`, and infinity where that \
        is infinite or NaN, so that the position is chosen and its softmax is NaN. Keys lie in blocks \
        of 16 positions, `[capacity / 16, d_head, 16]`. Scores from `len` on are unspecified.",
    dims: &[
        dim("d_head"),
        CAPACITY,
        dim("len").bound(Bound::AtMost("capacity")),
    ],
    buffers: |d| {
        vec![
            input("q", Content::F32, &d.get("d_head")),
            input("keys", Content::F32, &keys_len(d)),
            output("scores", Content::F32, &d.get("capacity")),
        ]
    },
    forms: &[Form::f32(&[Choice {
        field: Field::Unroll,
        valid: &[1, 16, 32, 64, 128, 256],
        tried: &[1, 64, 128, 256],
    }])],
    select: |_, _| unrolled(128),
    ..Def::of(lower_scores)
};

pub(super) const ATTN_MIX: Def = Def {
    numerics: "`out[c]` adds `p[j] * values[chosen[j], c]` for j = 0, 1, .. in order.",
    dims: &[dim("d_model"), CAPACITY, dim("k")],
    buffers: |d| {
        vec![
            input("chosen", Content::Rows("capacity"), &d.get("k")),
            input("p", Content::F32, &d.get("k")),
            input("values", Content::F32, &values_len(d)),
            output("out", Content::F32, &d.get("d_model")),
        ]
    },
    ..Def::of(lower_mix)
};

pub(super) const ROUTER_MIX: Def = Def {
    numerics: "`x = ((x + r0 * local) + r1 * state) + r2 * sparse`.",
    dims: &[dim("width"), dim("tokens")],
    buffers: |d| {
        let all = d.get("tokens") * d.get("width");
        vec![
            input("router", Content::F32, &(d.get("tokens") * 3)),
            input("local", Content::F32, &all),
            input("state", Content::F32, &all),
            input("sparse", Content::F32, &all),
            in_out("x", Content::F32, &all),
        ]
    },
    ..Def::of(lower_router_mix)
};

fn keys_len(d: &Dims<'_>) -> Size {
    d.get("d_head") * d.get("capacity")
}

/// Elements of a block of keys.
fn block_len(d_head: &Size) -> Size {
    d_head.clone() * LANES as u64
}

fn values_len(d: &Dims<'_>) -> Size {
    d.get("capacity") * d.get("d_model")
}

fn lower_append(l: &mut Lowering<'_>) {
    let (d_head, d_model) = (l.dim("d_head"), l.dim("d_model"));
    let slot = l.dim("slot");
    let [k, v, keys, values] = ["k", "v", "keys", "values"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let lanes = LANES as u64;
    let lane = slot.clone().div(lanes) * block_len(&d_head) + slot.clone().rem(lanes);
    b.for_loop(d_head, &[], |b, i, _| {
        let element = b.load(k, Address::of(&[(i, Size::ONE)]));
        let to = Address::of(&[(i, lanes.into())]).offset(lane);
        b.store(keys, to, element, Lanes::All);
        vec![]
    });
    b.for_each_vector(&d_model, &[], |b, at, lanes, _| {
        let row = b.load_vector(v, at.clone(), lanes.clone());
        b.store(
            values,
            at.offset(slot.clone() * d_model.clone()),
            row,
            lanes,
        );
        vec![]
    });
}

/// Partial sums that are carried through a loop at once: with what is added up already, they fit the
/// sixteen registers of half a vector each that AVX2 has.
const TOGETHER: usize = 4;

fn lower_scores(l: &mut Lowering<'_>) {
    let (d_head, len) = (l.dim("d_head"), l.dim("len"));
    let unroll = u64::from(l.schedule.unroll());
    let [q, keys, scores] = ["q", "keys", "scores"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let width = b.size_f32(&d_head);
    let root = b.unary(UnaryOp::Sqrt, width);
    let root = b.splat(root);
    let lanes = LANES as u64;
    b.for_loop(len.div_ceil(lanes), &[], |b, group, _| {
        let dots = Dots {
            q,
            queries: vec![Address::at(0)],
            keys,
            block: Address::of(&[(group, block_len(&d_head))]),
            lines: Lines::InOrder,
            ahead: 0,
        };
        let sums = match d_head.as_const() {
            Some(n) if n <= unroll => dots.unrolled(b, n),
            _ => dots.looped(b, &d_head, TOGETHER),
        };
        let score = b.div(sums[0], root);
        let score = finite_or_first(b, score);
        let positions = Address::of(&[(group, lanes.into())]);
        b.store(scores, positions, score, Lanes::All);
        vec![]
    });
}

/// The score, or infinity where it is no finite number: so it is chosen, and seen, and not passed over.
pub(super) fn finite_or_first(b: &mut Builder, score: Value) -> Value {
    let magnitude = b.unary(UnaryOp::Abs, score);
    let most = b.f32_like(score, f32::MAX);
    let finite = b.compare(Compare::Le, magnitude, most);
    let infinity = b.f32_like(score, f32::INFINITY);
    b.select(finite, score, infinity)
}

fn lower_mix(l: &mut Lowering<'_>) {
    let (d_model, k) = (l.dim("d_model"), l.dim("k"));
    let [chosen, p, values, out] = ["chosen", "p", "values", "out"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_each_vector(&d_model, &[], |b, at, lanes, _| {
        let zero = b.splat_f32(0.0);
        let sum = b.for_loop(k.clone(), &[zero], |b, j, sum| {
            let here = Address::of(&[(j, Size::ONE)]);
            let slot = b.load(chosen, here.clone());
            let slot = b.to_index(slot);
            let weight = b.load(p, here);
            let weight = b.splat(weight);
            let row = at.clone().step(slot, d_model.clone());
            let value = b.load_vector(values, row, lanes.clone());
            let product = b.mul(value, weight);
            vec![b.add(sum[0], product)]
        });
        b.store(out, at, sum[0], lanes);
        vec![]
    });
}

fn lower_router_mix(l: &mut Lowering<'_>) {
    let (width, tokens) = (l.dim("width"), l.dim("tokens"));
    let [router, x] = ["router", "x"].map(|name| l.buffer(name));
    let paths = ["local", "state", "sparse"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_loop(tokens, &[], |b, t, _| {
        let shares = [0, 1, 2].map(|path: u64| {
            let share = b.load(router, Address::of(&[(t, 3.into())]).offset(path));
            b.splat(share)
        });
        b.for_each_vector(&width, &[], |b, at, lanes, _| {
            let row = at.step(t, width.clone());
            let mut sum = b.load_vector(x, row.clone(), lanes.clone());
            for (path, share) in paths.iter().zip(shares) {
                let value = b.load_vector(*path, row.clone(), lanes.clone());
                let part = b.mul(share, value);
                sum = b.add(sum, part);
            }
            b.store(x, row, sum, lanes);
            vec![]
        });
        vec![]
    });
}
