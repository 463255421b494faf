//! The pieces of top-k causal attention over a cache, and the mix of the pathways.
//!
//! Keys are stored transposed, `[d_head, capacity]`, so that a lane is a cached position and
//! the 16 partial sums of a dot product are 16 vectors: the fixed tree needs no shuffles.

use super::{Lowering, any};
use crate::ir::{Address, Buffer, Builder, Compare, Lanes, Size, UnaryOp, Value};
use crate::op::{Bound, Content, Def, Dim, Dims, Form, dim, in_out, input, output};
use crate::schedule::{Choice, Field, unrolled};
use atome_spec::LANES;

/// Positions that the cache holds: whole vectors of them.
const CAPACITY: Dim = dim("capacity").multiple_of(LANES as u64);

pub(super) const KV_APPEND: Def = Def {
    numerics: "The key becomes column `slot` of `keys`, the value row `slot` of `values`; nothing is \
        rounded.",
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
    numerics: "`scores[j] = sum(q[i] * keys[i, j]) / sqrt(d_head)`, and infinity where that is infinite \
        or NaN, so that the position is chosen and its softmax is NaN. Keys lie transposed, \
        `[d_head, capacity]`. Scores from `len` on are unspecified.",
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

fn values_len(d: &Dims<'_>) -> Size {
    d.get("capacity") * d.get("d_model")
}

fn lower_append(l: &mut Lowering<'_>) {
    let (d_head, d_model) = (l.dim("d_head"), l.dim("d_model"));
    let (capacity, slot) = (l.dim("capacity"), l.dim("slot"));
    let [k, v, keys, values] = ["k", "v", "keys", "values"].map(|name| l.buffer(name));
    let b = &mut l.b;
    b.for_loop(d_head, &[], |b, i, _| {
        let element = b.load(k, Address::of(&[(i, Size::ONE)]));
        let to = Address::of(&[(i, capacity)]).offset(slot.clone());
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

fn lower_scores(l: &mut Lowering<'_>) {
    let (d_head, capacity, len) = (l.dim("d_head"), l.dim("capacity"), l.dim("len"));
    let unroll = u64::from(l.schedule.unroll());
    let [q, keys, scores] = ["q", "keys", "scores"].map(|name| l.buffer(name));
    let b = &mut l.b;
    let width = b.size_f32(&d_head);
    let root = b.unary(UnaryOp::Sqrt, width);
    let root = b.splat(root);
    let lanes = LANES as u64;
    b.for_loop(len.div_ceil(lanes), &[], |b, group, _| {
        let positions = Address::of(&[(group, lanes.into())]);
        let dot = Dot {
            q,
            keys,
            capacity,
            positions: positions.clone(),
        };
        let sum = match d_head.as_const() {
            Some(n) if n <= unroll => dot.unrolled(b, n, 0, 1),
            _ => dot.looped(b, &d_head),
        };
        let score = b.div(sum, root);
        let score = finite_or_first(b, score);
        b.store(scores, positions, score, Lanes::All);
        vec![]
    });
}

/// The score, or infinity where it is no finite number: so it is chosen, and seen, and not passed over.
fn finite_or_first(b: &mut Builder, score: Value) -> Value {
    let magnitude = b.unary(UnaryOp::Abs, score);
    let most = b.f32_like(score, f32::MAX);
    let finite = b.compare(Compare::Le, magnitude, most);
    let infinity = b.f32_like(score, f32::INFINITY);
    b.select(finite, score, infinity)
}

/// Dot products of the query with sixteen keys at once.
struct Dot {
    q: Buffer,
    keys: Buffer,
    capacity: Size,
    positions: Address,
}

impl Dot {
    /// `sum + q[i] * keys[i]`, where `i` is the element at `at(stride)` for elements that lie
    /// `stride` apart.
    fn add_product(&self, b: &mut Builder, sum: Value, at: &dyn Fn(Size) -> Address) -> Value {
        let query = b.load(self.q, at(Size::ONE));
        let query = b.splat(query);
        let key = at(self.capacity.clone());
        let mut key = Address {
            base: key.base,
            terms: key.terms,
        };
        key.terms.extend(self.positions.terms.iter().cloned());
        let key = b.load_vector(self.keys, key, Lanes::All);
        let product = b.mul(query, key);
        b.add(sum, product)
    }

    /// The subtree over the partial sums `first`, `first + step`, .. of `n` elements. Walking
    /// the tree depth first keeps five vectors alive instead of sixteen.
    fn unrolled(&self, b: &mut Builder, n: u64, first: u64, step: u64) -> Value {
        if step == LANES as u64 {
            let mut sum = b.splat_f32(0.0);
            for i in (first..n).step_by(LANES) {
                sum = self.add_product(b, sum, &|stride| Address::at(stride * i));
            }
            return sum;
        }
        let low = self.unrolled(b, n, first, 2 * step);
        let high = self.unrolled(b, n, first + step, 2 * step);
        b.add(low, high)
    }

    /// Sixteen carried partial sums, for a head that is long or not known.
    fn looped(&self, b: &mut Builder, n: &Size) -> Value {
        let lanes = LANES as u64;
        let zero = b.splat_f32(0.0);
        let full = n.clone().div(lanes);
        let mut sums = b.for_loop(full.clone(), &[zero; LANES], |b, i, sums| {
            let add = |(j, &sum): (usize, &Value)| {
                self.add_product(b, sum, &|stride| {
                    Address::of(&[(i, stride.clone() * lanes)]).offset(stride * j as u64)
                })
            };
            sums.iter().enumerate().map(add).collect()
        });
        let rest = n.clone().rem(lanes);
        for (j, sum) in sums.iter_mut().enumerate() {
            let j = j as u64;
            let next = b.for_loop(any(rest.clone().sub(j), lanes), &[*sum], |b, _, sum| {
                vec![self.add_product(b, sum[0], &|stride| {
                    Address::at((full.clone() * lanes + j) * stride)
                })]
            });
            *sum = next[0];
        }
        let mut width = LANES;
        while width > 1 {
            width /= 2;
            sums = (0..width)
                .map(|j| b.add(sums[j], sums[j + width]))
                .collect();
        }
        sums[0]
    }
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
            let product = b.mul(weight, value);
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
